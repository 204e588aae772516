"""lamina's kernels against torch, ONNX Runtime and OpenVINO: ``python bench/kernels.py [--quick]``.

Prints a table of everything that lamina promises to be fast at. In each row all sides first compute
the same outputs and gradients, which are compared; any difference fails the row, and the exit
status is 1. Then the sides are timed in turn. ONNX Runtime and OpenVINO take part if they are
installed (``pip install --group peers``).

The rows are in ``bench/kernel_rows``; B is the batch size, T the number of steps.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from kernel_rows import book, inference, layer_norm, step, table, text, training
from kernel_rows.contest import DifferenceError, Row, SkipError, contest

#: Samples of each side, and how long one is at least, in seconds.
FULL, QUICK = (9, 0.03), (2, 0.001)


def all_rows(quick: bool) -> list[Row]:
    """In the order of the table."""
    makers = (
        training.dense,
        inference.forward,
        text.ragged,
        layer_norm.normalised,
        step.one_step,
        training.rate,
        book.step,
        training.threads,
    )
    return [row for make in makers for row in make(quick)]


def matching(rows: Sequence[Row], pattern: str) -> list[Row]:
    """Rows with a line whose heading and label, ``heading: label``, the pattern is found in."""
    wanted = re.compile(pattern, re.IGNORECASE)
    return [row for row in rows if any(wanted.search(f"{row.group}: {g.label}") for g in row.goals)]


def run(rows: Sequence[Row], repeats: int, sample_s: float) -> tuple[list[dict[str, Any]], bool]:
    """Print each row when it is done; one that fails does not take the others with it.

    Returns the figures, and whether all went well.
    """
    figures, well, group = [], True, None
    for row in rows:
        if row.group != group:
            group = row.group
            print(f"\n{group} [{row.unit}]")
        try:
            outcome = contest(row, repeats, sample_s)
        except SkipError as reason:
            print(f"  {row.goals[0].label}: skipped, {reason}", flush=True)
        except DifferenceError as difference:
            well = False
            print(f"  {row.goals[0].label}: NOT THE SAME NUMBERS: {difference}", flush=True)
        except Exception as error:
            well = False
            print(f"  {row.goals[0].label}: FAILED: {error!r}", flush=True)
            traceback.print_exc()
        else:
            print("\n".join(table.lines(outcome)), flush=True)
            figures.append(table.as_json(outcome))
    return figures, well


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="the same path in seconds: tiny sizes, few samples"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--rows", default="", metavar="REGEX", help="only lines that match")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N")
    parser.add_argument(
        "--repeats", type=int, default=None, metavar="N", help=f"samples; {FULL[0]}"
    )
    given = parser.parse_args()
    rows = matching(all_rows(given.quick), given.rows)
    if not rows:
        parser.error(f"--rows {given.rows!r} matches no line")
    repeats, sample_s = QUICK if given.quick else FULL
    before = torch.get_num_threads()
    torch.set_num_threads(given.threads)
    try:
        facts = table.machine()
        print(table.header(facts))
        if given.quick:
            print("quick: sizes too small and samples too few for any figure to mean something")
        print(f"\n{table.HEAD}", end="", flush=True)
        figures, well = run(rows, given.repeats or repeats, sample_s)
    finally:
        torch.set_num_threads(before)
    if given.json:
        given.json.write_text(json.dumps({"machine": facts, "rows": figures}, indent=1) + "\n")
    if not well:
        sys.exit(1)


if __name__ == "__main__":
    main()
