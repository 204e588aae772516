"""Where a study works: what it may train, how often, and where its findings go."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lamina.store.atomic import write_text
from lamina.store.versions import versions
from measured.data import standins
from measured.jobs import Jobs, Values
from measured.results import page
from measured.results.finding import Claim, Finding, Kept
from measured.training import Record, Training, record, train

K = TypeVar("K")
T = TypeVar("T")
#: What measures a claim: the finding, and its chart as SVG.
Measure = Callable[["Lab"], tuple[Finding, str]]

DOCS = Path(__file__).parents[2] / "docs"


@dataclass
class Lab:
    """quick: everything tiny, to see that it runs; no figures to quote. folder: of results."""

    folder: Path
    workers: int
    quick: bool
    _seconds: dict[str, float] = field(default_factory=dict, init=False)

    @property
    def cpu_seconds(self) -> float:
        """Of all jobs requested, each counted once."""
        return sum(self._seconds.values())

    @property
    def seeds(self) -> range:
        """Of each setting."""
        return range(2 if self.quick else 5)

    def epochs(self, count: int) -> int:
        """So many, or hardly any."""
        return min(count, 2) if self.quick else count

    def some(self, values: Sequence[T], most: int = 2) -> list[T]:
        """All of them; where it is quick, the first ``most``."""
        return list(values[:most] if self.quick else values)

    def source(self, task: str, name: str) -> str:
        """The corpus ``name``; where it is quick, a small made-up one for the same ``task``."""
        return standins.source(task, self.folder) if self.quick else name

    def scratch(self, name: str) -> Path:
        """A place for data that the study makes."""
        path = self.folder / "made" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def train(self, groups: Mapping[K, Sequence[Training]]) -> dict[K, list[Record]]:
        """The results of each group's training runs; earlier results are read, not run again."""
        every = {key: [training.arguments() for training in g] for key, g in groups.items()}
        found = self.grouped("training", train, every)
        return {key: [record(values) for values in group] for key, group in found.items()}

    def grouped(
        self, what: str, function: Callable[..., Values],
        groups: Mapping[K, Sequence[Mapping[str, Any]]],
    ) -> dict[K, list[Values]]:  # fmt: skip
        """As :meth:`each`, of several groups of arguments at once, so that no worker waits."""
        every = [arguments for group in groups.values() for arguments in group]
        found = iter(self.each(what, function, every))
        return {key: [next(found) for _ in group] for key, group in groups.items()}

    def each(
        self, what: str, function: Callable[..., Values], arguments: Sequence[Mapping[str, Any]]
    ) -> list[Values]:
        """``function(folder=..., **arguments)`` of each, kept; see :class:`Jobs`."""
        return self._work(self.workers, what, function, arguments)

    def alone(self, what: str, function: Callable[..., Values], **arguments: Any) -> Values:
        """One call with nothing else running, for what is timed."""
        return self._work(1, what, function, [arguments])[0]

    def _work(
        self,
        workers: int,
        what: str,
        function: Callable[..., Values],
        arguments: Sequence[Mapping[str, Any]],
    ) -> list[Values]:
        found, seconds = Jobs(self.folder, workers).run(what, function, arguments)
        self._seconds |= seconds
        return found


#: What the page reports of the machine that a run folder describes.
TOLD = ("lamina", "torch", "python")


def keep(claim: Claim, finding: Finding, lab: Lab) -> Kept:
    """The finding with what it took, and by which versions."""
    told = {name: str(value) for name, value in versions().items() if name in TOLD}
    return Kept(claim=claim, finding=finding, core_minutes=lab.cpu_seconds / 60, versions=told)


def main(claim: Claim, measure: Measure) -> None:
    """Run a study from the command line, print its finding, and keep it for the page."""
    parser = argparse.ArgumentParser(description=claim.says)
    parser.add_argument("--out", type=Path, default=Path("runs/studies"), help="results, kept")
    parser.add_argument("--workers", type=int, default=2, help="training runs in parallel")
    parser.add_argument("--quick", action="store_true", help="tiny; no figures to quote")
    given = parser.parse_args()
    if given.quick:
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab(Path(folder), 1, True)
            finding, _ = measure(lab)
        print(page.section(claim, finding))
        return
    lab = Lab(given.out / claim.stem, given.workers, False)
    finding, chart = measure(lab)
    kept = keep(claim, finding, lab)
    folder = DOCS / "claims"
    folder.mkdir(exist_ok=True)
    write_text(folder / f"{claim.stem}.svg", chart)
    write_text(folder / f"{claim.stem}.json", kept.encode())
    page.write(DOCS)
    print(page.section(claim, finding))
