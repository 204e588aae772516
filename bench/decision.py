"""How often the depth decision is wrong, by simulation: ``python bench/decision.py [--quick]``.

Draws many searches over five depths from known truths, lets the rule of
``lamina.depth.decision`` decide each, and counts. *Deeper*: it named a depth deeper than the
shallowest one that no deeper depth beats by more than the margin. *Shallower*: it named a depth
that a deeper one beats by the margin or more. At a gain of exactly the margin both neighbours are
wrong answers and undecided is the right one: there each rate must stay at alpha.

The second table follows the advice: where undecided, the advised number of seeds is added, again
and again, and the final verdict is counted.
"""

from __future__ import annotations

import argparse

import numpy as np

from lamina.depth import evidence
from lamina.depth.evidence import MOST_MORE_SEEDS, choose

#: name: (mean utility of each depth in margins, spread of each depth relative to the noise)
SAME = (1.0, 1.0, 1.0, 1.0, 1.0)
GROWING = (1.0, 1.5, 2.0, 2.5, 3.0)
FALLING = GROWING[::-1]
TRUTHS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "all depths equal": ((0, 0, 0, 0, 0), SAME),
    "second layer +2 margins": ((0, 2, 2, 2, 2), SAME),
    "half a margin a layer": ((0, 0.5, 1, 1.5, 2), SAME),
    "each layer worse": ((0, -1, -2, -3, -4), SAME),
    "all deeper at the margin": ((0, 1, 1, 1, 1), SAME),
    "deepest at the margin": ((0, 0, 0, 0, 1), SAME),
    "just above, every layer": ((0, 1.01, 2.02, 3.03, 4.04), SAME),
    "equal, spread grows x3": ((0, 0, 0, 0, 0), GROWING),
    "+2 margins, spread grows x3": ((0, 2, 2, 2, 2), GROWING),
    "at margin, spread grows x3": ((0, 1, 1, 1, 1), GROWING),
    "deepest at margin, grows x3": ((0, 0, 0, 0, 1), GROWING),
    "at margin, spread falls x3": ((0, 1, 1, 1, 1), FALLING),
}
ALPHA, MARGIN = 0.05, 1.0
LEVEL = ALPHA / 2  # of each one-sided test, as in lamina.depth.decision


def wrong_sides(mean: tuple[float, ...]) -> tuple[int, int]:
    """Indices ``(a, b)``: depths above ``a`` are too deep, depths below ``b`` too shallow.

    They differ where a gain is exactly the margin: then either neighbour breaks one promise."""
    best_deeper = [max(mean[d + 1 :], default=-np.inf) - mean[d] for d in range(len(mean))]
    first_not_above = next(d for d, g in enumerate(best_deeper) if g <= MARGIN + 1e-12)
    first_below = next(d for d, g in enumerate(best_deeper) if g < MARGIN - 1e-12)
    return first_not_above, first_below


def draw(truth: str, noise: float, seeds: int, searches: int, rng: np.random.Generator):
    """Utilities ``(searches, seeds, K)``; noise is the standard deviation in margins."""
    mean, spread = TRUTHS[truth]
    x = rng.standard_normal((searches, seeds, len(mean)))
    return np.array(mean) + noise * np.array(spread) * x


def judge(x: np.ndarray) -> np.ndarray:
    count = np.full(x.shape[-1], float(x.shape[1]))
    return choose(x.mean(axis=1), x.var(axis=1, ddof=1), count, MARGIN, LEVEL)


def follow_advice(x: np.ndarray, seeds: int, looks: int) -> tuple[np.ndarray, np.ndarray]:
    """The verdicts when the advised seeds are added up to ``looks - 1`` times, and the seeds
    used; ``x`` holds all the seeds that could be asked for."""
    used = np.full(len(x), seeds)
    answer = np.full(len(x), -1)
    going = np.ones(len(x), dtype=bool)
    for look in range(looks):
        for n in np.unique(used[going]):
            rows = np.flatnonzero(going & (used == n))
            answer[rows] = judge(x[rows, :n])
        going &= answer < 0
        if look == looks - 1:
            break
        for n in np.unique(used[going]):
            rows = np.flatnonzero(going & (used == n))
            part = x[rows, :n]
            mean, variance = part.mean(axis=1), part.var(axis=1, ddof=1)
            advice = np.zeros(len(rows), dtype=int)
            for more in range(1, MOST_MORE_SEEDS + 1):
                left = np.flatnonzero(advice == 0)
                count = np.full(x.shape[-1], float(n + more))
                settled = choose(mean[left], variance[left], count, MARGIN, LEVEL) >= 0
                advice[left[settled]] = more
            going[rows[advice == 0]] = False  # "too near to be told apart": the user stops here
            used[rows] += advice
        going &= used <= x.shape[1]
    return answer, used


def rates(answer: np.ndarray, truth: str) -> tuple[int, int, int]:
    deepest_right, shallowest_right = wrong_sides(TRUTHS[truth][0])
    deeper = int((answer > deepest_right).sum())
    shallower = int(((answer >= 0) & (answer < shallowest_right)).sum())
    return deeper, shallower, int((answer < 0).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few searches: seconds, rough rates")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--prior",
        type=float,
        default=evidence.PRIOR_DOF,
        help="weight of the pooled variance in degrees of freedom; 0: Welch's, inf: all pooled",
    )
    options = parser.parse_args()
    evidence.PRIOR_DOF = min(options.prior, 1e12)
    searches = 1000 if options.quick else 20000
    rng = np.random.default_rng(options.seed)
    print(f"{searches} searches a row, alpha {ALPHA}, seed {options.seed}; counts of searches")
    counts = f"{'deeper':>7} {'shallower':>9} {'undecided':>9}"
    head = f"{'truth':<28} {'sd/margin':>9} {'seeds':>5} {counts}"
    print(head)
    worst = {"deeper": 0, "shallower": 0}
    for truth in TRUTHS:
        for noise in (0.3, 0.6):
            for seeds in (3, 5, 10):
                deeper, shallower, undecided = rates(
                    judge(draw(truth, noise, seeds, searches, rng)), truth
                )
                worst["deeper"] = max(worst["deeper"], deeper)
                worst["shallower"] = max(worst["shallower"], shallower)
                print(
                    f"{truth:<28} {noise:>9} {seeds:>5} {deeper:>7} {shallower:>9} {undecided:>9}"
                )
    for side, count in worst.items():
        print(f"largest rate of a verdict {side} than right: {100 * count / searches:.1f}%")

    searches //= 5
    print(f"\nadvice followed from 3 seeds, up to 4 looks, {searches} searches a row")
    print(head.replace("seeds", " used"))
    for truth in TRUTHS:
        for noise in (0.3, 0.6):
            x = draw(truth, noise, 3 + 3 * MOST_MORE_SEEDS, searches, rng)
            answer, used = follow_advice(x, 3, 4)
            deeper, shallower, undecided = rates(answer, truth)
            print(
                f"{truth:<28} {noise:>9} {used.mean():>5.1f} {deeper:>7} {shallower:>9}"
                f" {undecided:>9}"
            )


if __name__ == "__main__":
    main()
