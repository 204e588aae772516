"""How deep should a character model of *The Time Machine* be? Validation perplexity by depth.

The whole book (not its first 10,000 characters), lower-case letters and space, the first 80% to
train, the next 10% to validate and the last to test.

    python studies/time_machine_depth.py            # the table in docs/results.md
    python studies/time_machine_depth.py --quick    # the same path in seconds; no figures to quote
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from lamina.depth import Verdict, search
from lamina.depth.tell.report import write_report
from lamina.depth.tell.table import show
from lamina.tasks import LanguageModel
from lamina.train import Settings


def run(source: str, out: Path | None, *, quick: bool) -> Verdict:
    """Search depths 1 to 4; ``quick`` cuts the text, the width, the seeds and the epochs."""
    task = LanguageModel(
        source, normalize="letters", batch_size=16, steps=64, max_tokens=4000 if quick else None
    )
    settings = Settings(epochs=2 if quick else 20, lr=4e-3, schedule="cosine", threads=1)
    return search(
        task,
        depths=(1, 2) if quick else (1, 2, 3, 4),
        seeds=2 if quick else 5,
        strategy="grid",
        cell="lstm",
        width=16 if quick else 128,
        embedding="onehot",
        dropout=0.1,
        settings=settings,
        out=out,
    )


def markdown(verdict: Verdict) -> str:
    """The table of the docs: one row a depth, every seed shown."""
    metric, cost = verdict.metric, {c.depth: c for c in verdict.costs}
    lines = [
        "| depth | width | parameters | validation perplexity, mean ± sd | each seed | step ms |",
        "|---|---|---|---|---|---|",
    ]
    for candidate, score in zip(verdict.candidates, verdict.decision.scores, strict=True):
        values = sorted(t.value for t in verdict.trials if t.depth == score.depth and t.value)
        mean = sum(values) / len(values)
        sd = (sum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1)) ** 0.5
        lines.append(
            f"| {score.depth} | {candidate.width} | {candidate.parameters:,} "
            f"| {metric.show(mean)} ± {sd:.3f} | {', '.join(map(metric.show, values))} "
            f"| {cost[score.depth].step_ms:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--source", default="timemachine", help="a text, or a corpus")
    parser.add_argument("--out", type=Path, default=Path("runs/studies/time-machine-depth"))
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    out = None if given.quick else given.out
    verdict = run(given.source, out, quick=given.quick)
    if out is not None:
        write_report(verdict, out / "report.html")
    Console(highlight=False).print(show(verdict))
    print("\n" + markdown(verdict))


if __name__ == "__main__":
    main()
