"""What a training run shows on stderr while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from lamina.spec import Metric
from lamina.spec.counted import counted
from lamina.train.result import Result

#: Seconds between two redraws of a live line.
REDRAW = 0.25


@dataclass(frozen=True)
class Plan:
    """What is about to be trained.

    Attributes:
        epochs: The number of epochs.
        metric: The metric to show.
        where: One line with the task, model size and device.
    """

    epochs: int
    metric: Metric
    where: str


class Progress(Protocol):
    """Receives the events of a run. Methods must return quickly: ``step`` runs at every step."""

    def start(self, plan: Plan) -> None:
        """Training starts or resumes."""
        ...

    def step(
        self, epoch: int, batch: int, batches: int, loss: float | None, tokens_per_second: float
    ) -> None:
        """``batch`` of ``batches`` are done in ``epoch``, counted from 1."""
        ...

    def evaluated(self, line: Mapping[str, Any], best: bool) -> None:
        """A line of history was written; ``best``: it is the best evaluation so far."""
        ...

    def note(self, text: str) -> None:
        """A message on a line of its own."""
        ...

    def finish(self, result: Result) -> None:
        """Training ended, for any of the reasons in ``result.stopped``."""
        ...

    def close(self) -> None:
        """Always the last call, after errors too."""
        ...


class Silent:
    """Shows nothing."""

    def start(self, plan: Plan) -> None:
        pass

    def step(
        self, epoch: int, batch: int, batches: int, loss: float | None, tokens_per_second: float
    ) -> None:
        pass

    def evaluated(self, line: Mapping[str, Any], best: bool) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def finish(self, result: Result) -> None:
        pass

    def close(self) -> None:
        pass


class PlainProgress(Silent):
    """One line per evaluation, without escape codes: for files and logs."""

    plan: Plan

    def start(self, plan: Plan) -> None:
        self.plan = plan
        self.note(plan.where)
        self.note(_heading(plan))

    def evaluated(self, line: Mapping[str, Any], best: bool) -> None:
        self.note(_row(self.plan, line, best))

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def finish(self, result: Result) -> None:
        self.note(_ending(self.plan, result))


class RichProgress(Silent):
    """A table with a row per evaluation above one live line: for terminals."""

    plan: Plan

    def __init__(self, console: Console | None = None):
        self._console = console or Console(stderr=True)
        self._best = ""
        self._drawn = 0.0
        # Redrawn from `step`, not from rich's own thread, which would compete with training.
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            auto_refresh=False,
        )

    def start(self, plan: Plan) -> None:
        self.plan = plan
        self.note(plan.where)
        self.note(_heading(plan))
        self._best = ""
        for line in self._bar.task_ids:  # left from an earlier run
            self._bar.remove_task(line)
        self._line = self._bar.add_task("", total=plan.epochs, text="")
        self._bar.start()

    def step(
        self, epoch: int, batch: int, batches: int, loss: float | None, tokens_per_second: float
    ) -> None:
        now = time.monotonic()
        if now - self._drawn < REDRAW:
            return
        self._drawn = now
        shown = "" if loss is None else f"loss {loss:.4f}  "
        self._bar.update(
            self._line,
            completed=epoch - 1 + batch / batches,
            description=f"epoch {epoch}/{self.plan.epochs}",
            text=f"{shown}{self._best}{tokens_per_second:,.0f} tokens/s",
        )
        self._bar.refresh()

    def evaluated(self, line: Mapping[str, Any], best: bool) -> None:
        if best:
            self._best = f"best {_shown(self.plan.metric, line)}  "
        self.note(_row(self.plan, line, best))

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def finish(self, result: Result) -> None:
        self._bar.stop()
        self.note(_ending(self.plan, result))

    def close(self) -> None:
        self._bar.stop()


def choose_progress() -> Progress:
    """:class:`RichProgress` if stderr is a terminal, else :class:`PlainProgress`."""
    return RichProgress() if sys.stderr.isatty() else PlainProgress()


def _heading(plan: Plan) -> str:
    return (
        f"{'epoch':>9}  {'train loss':>10}  {'valid loss':>10}  {plan.metric.name:>10}"
        f"  {'lr':>8}  {'tokens/s':>10}"
    )


def _row(plan: Plan, line: Mapping[str, Any], best: bool) -> str:
    epoch = f"{line['epoch']}/{plan.epochs}"
    loss = line.get("validation_loss")
    return (
        f"{epoch:>9}  {line['train_loss']:>10.4f}  "
        + (f"{'':>10}" if loss is None else f"{loss:>10.4f}")
        + f"  {_shown(plan.metric, line):>10}  {line['lr']:>8.2g}"
        + f"  {line['tokens_per_second']:>10,.0f}"
        + (" *" if best else "")
    )


def _shown(metric: Metric, line: Mapping[str, Any]) -> str:
    value = line.get(f"validation_{metric.name}", line.get(f"train_{metric.name}"))
    return "" if value is None else metric.show(value)


def _ending(plan: Plan, result: Result) -> str:
    why = {
        "epochs": "done",
        "patience": "stopped early, no further improvement",
        "interrupted": "interrupted",
        "diverged": "diverged",
    }[result.stopped]
    value = result.best.get(plan.metric.name)
    best = ""
    if value is not None:
        best = f"; {plan.metric.name} {plan.metric.show(value)} after epoch {result.best_epoch}"
    return f"{why}{best}; {counted(result.steps, 'step')} in {result.seconds:.1f} s"
