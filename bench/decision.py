"""How often the depth decision is wrong, by simulation: ``python bench/decision.py [--quick]``.

Simulates many searches over five depths with known truths, lets the rule of
``lamina.depth.judge.decision`` decide each, and counts. *Deeper*: it named a depth deeper than the
shallowest one that no deeper depth beats by more than the margin. *Shallower*: it named a depth
that a deeper one beats by the margin or more. At a gain of exactly the margin, both neighbours are
wrong answers and undecided is the right one: there each rate must stay at alpha. Truths are about
seeds that do not get stuck; the share that does is the same at every depth unless noted.

``--looks N`` instead adds one seed per look while undecided, up to N looks, and counts the final
verdicts. ``--real`` resamples the noise of seeds from two real searches.
"""

from __future__ import annotations

import argparse

import numpy as np

from lamina.depth.judge.evidence import choose, look_level, summarise

ALPHA, MARGIN = 0.05, 1.0

#: name: mean utility of each depth, in margins
TRUTHS: dict[str, tuple[float, ...]] = {
    "all depths equal": (0, 0, 0, 0, 0),
    "second layer +2 margins": (0, 2, 2, 2, 2),
    "all deeper at the margin": (0, 1, 1, 1, 1),
    "deepest at the margin": (0, 0, 0, 0, 1),
}
#: name: spread of each depth, as a multiple of the noise
SPREADS = {
    "same": (1, 1, 1, 1, 1),
    "grows x3": (1, 1.5, 2, 2.5, 3),
    "falls x3": (3, 2.5, 2, 1.5, 1),
    "grows x10": (0.2, 0.65, 1.1, 1.55, 2),
    "deepest x10": (0.2, 0.2, 0.2, 0.2, 2),
    "shallowest x10": (2, 0.2, 0.2, 0.2, 0.2),
}
#: How far below the others a stuck seed ends, in margins, and how often.
STUCK, SHARE = 10.0, 0.2
#: Deviations of seeds from the mean of their depth, in points of accuracy (digits, eight seeds) and
#: percent of perplexity (The Time Machine, five seeds), by depth.
REAL = (
    (-0.9, -0.35, 1.6, -0.9, 0.21, 1.04, -1.18, 0.49),
    (-1.42, -0.87, 1.35, 1.08, 0.24, -0.03, -0.03, -0.31),
    (-0.87, -0.03, 0.8, 0.52, -0.87, 1.35, -0.59, -0.31),
    (-0.28, 0.56, 0.28, -1.11, -0.28, 0.83, -0.83, 0.83),
    (1.38, 0.18, -2.07, 0.11, 0.4),
    (-0.76, 0.97, 0.69, 0.64, -1.54),
    (1.02, -1.38, -1.34, -0.22, 1.91),
    (-1.61, -0.27, 0.19, 2.02, -0.34),
)


def noise_of(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Noise with standard deviation 1, minus the loss of stuck seeds."""
    if kind == "t, 3 degrees":
        return rng.standard_t(3, shape) / np.sqrt(3)
    if kind == "real":
        pool = np.concatenate([np.array(row) * np.sqrt(len(row) / (len(row) - 1)) for row in REAL])
        return rng.choice(pool / pool.std(), shape)
    return rng.standard_normal(shape)


def wrong_sides(mean: tuple[float, ...]) -> tuple[int, int]:
    """Indices ``(a, b)``: depths above ``a`` are too deep, depths below ``b`` too shallow.

    They differ if a gain is exactly the margin: then either neighbour is wrong.
    """
    best_deeper = [max(mean[d + 1 :], default=-np.inf) - mean[d] for d in range(len(mean))]
    first_not_above = next(d for d, g in enumerate(best_deeper) if g <= MARGIN + 1e-12)
    first_below = next(d for d, g in enumerate(best_deeper) if g < MARGIN - 1e-12)
    return first_not_above, first_below


def draw(
    truth: str, spread: str, kind: str, noise: float, shape: tuple[int, int], rng
) -> np.ndarray:
    """Utilities ``(searches, seeds, K)``; noise in margins."""
    mean = np.array(TRUTHS[truth])
    x = mean + noise * np.array(SPREADS[spread]) * noise_of(kind, (*shape, len(mean)), rng)
    if kind == "one in five stuck":
        x -= STUCK * (rng.random(x.shape) < SHARE)
    return x


def judge(x: np.ndarray, look: int = 1) -> np.ndarray:
    tried = np.full(x.shape[-1], x.shape[-2])
    return choose(summarise(x, tried, MARGIN), MARGIN, look_level(ALPHA, look))


def add_seeds(x: np.ndarray, seeds: int, looks: int) -> tuple[np.ndarray, np.ndarray]:
    """The verdicts if one seed is added while undecided, and the seeds used."""
    answer, used = np.full(len(x), -1), np.full(len(x), seeds)
    for look in range(1, looks + 1):
        going = np.flatnonzero(answer < 0)
        if not len(going):
            break
        used[going] = seeds + look - 1
        answer[going] = judge(x[going, : seeds + look - 1], look)
    return answer, used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few searches: rough rates")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--looks", type=int, default=1)
    parser.add_argument("--real", action="store_true", help="noise of real searches only")
    options = parser.parse_args()
    searches = 500 if options.quick else 10000
    rng = np.random.default_rng(options.seed)
    cases = [("same", "real")]
    if not options.real:
        cases = [(spread, "normal") for spread in SPREADS]
        cases += [("same", "t, 3 degrees"), ("same", "one in five stuck")]
    print(f"{searches} searches per row, alpha {ALPHA}, up to {options.looks} looks; percent")
    head = f"{'spread':<15} {'noise':<18} {'truth':<24} {'sd/margin':>9} {'seeds':>5}"
    print(f"{head} {'deeper':>6} {'shallower':>9} {'undecided':>9} {'used':>5}")
    for spread, kind in cases:
        for truth, mean in TRUTHS.items():
            a, b = wrong_sides(mean)
            for noise in (0.3, 0.6):
                for seeds in (3, 5, 10):
                    shape = (searches, seeds + options.looks - 1)
                    x = draw(truth, spread, kind, noise, shape, rng)
                    answer, used = add_seeds(x, seeds, options.looks)
                    rates = (answer > a, (answer >= 0) & (answer < b), answer < 0)
                    deeper, shallower, undecided = (100 * rate.mean() for rate in rates)
                    print(
                        f"{spread:<15} {kind:<18} {truth:<24} {noise:>9} {seeds:>5} {deeper:>6.1f}"
                        f" {shallower:>9.1f} {undecided:>9.1f} {used.mean():>5.1f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
