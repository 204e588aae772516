"""The answers of each strategy of the depth search, and its share of the grid's training time.

    python bench/strategies.py              # simulated searches with known truths, minutes
    python bench/strategies.py --real       # real training runs on small data, hours; resumes
    python bench/strategies.py --record     # the learning curves that the simulation is based on
    python bench/strategies.py --quick      # all of it in seconds; no figures to quote

*As grid*: the same answer as the full grid on the same data, undecided included. Otherwise the two
name *other* depths, or one decides *alone* and the other does not. *Right*, *wrong*: compared with
the depth that is right by construction (``strategy_rows/worlds.py``, ``.../problems.py``);
*deeper*: deeper than that. *Open*: undecided. *Said*: the training time that the search announced
at its start was right to within a factor of 1.5. *Time*: training time as a share of the grid's;
*9 in 10*: the share that nine searches in ten stay below. ``sd`` is the standard deviation of a
depth's final scores, in margins.

*Late* truths have deep networks that start slowly, which the screening stage may lose.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from lamina.depth.plan.strategies import STRATEGIES
from strategy_rows import real, record, simulate, worlds


def main() -> None:
    """Run simulated or real searches and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--real", nargs="*", metavar="QUESTION", help="all, or some questions")
    parser.add_argument("--record", nargs="*", metavar="QUESTION", help="all, or some questions")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=["grid", "race"])
    parser.add_argument("--truths", nargs="+", choices=worlds.TRUTHS, default=[*worlds.TRUTHS])
    parser.add_argument("--noise", nargs="+", type=float, default=[0.15, 0.3, 0.6])
    parser.add_argument("--searches", type=int, default=400, help="simulated searches per row")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/bench-strategies"))
    given = parser.parse_args()
    if given.quick:
        simulate.table(given.strategies, [*worlds.recorded()], given.truths[:2], [0.3], 2, 0)
        with tempfile.TemporaryDirectory() as folder:
            real.run(given.strategies, ["line"], Path(folder), quick=True)
        return
    given.out.mkdir(parents=True, exist_ok=True)
    if given.record is not None:
        record.record(given.record or [*record.QUESTIONS], given.out)
    elif given.real is not None:
        real.run(given.strategies, given.real or [*real.CASES], given.out, quick=False)
    else:
        questions = [*worlds.recorded()]
        simulate.table(
            given.strategies, questions, given.truths, given.noise, given.searches, given.seed
        )


if __name__ == "__main__":
    main()
