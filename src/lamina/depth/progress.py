"""What a search shows while it runs, on stderr: how far it is, and the table filling in."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lamina.depth.candidates import Candidate
from lamina.depth.table import table
from lamina.depth.trials import Trial
from lamina.spec import Metric
from lamina.train import Progress, Silent

#: Seconds between two redraws.
REDRAW = 0.25


@dataclass(frozen=True)
class SearchPlan:
    """What is about to run."""

    candidates: tuple[Candidate, ...]
    seeds: int
    epochs: int
    metric: Metric
    done: tuple[Trial, ...]

    @property
    def trials(self) -> int:
        """How many trials the search has, finished ones included."""
        return len(self.candidates) * self.seeds


class SearchProgress(Protocol):
    """Hears of a search."""

    def start(self, plan: SearchPlan) -> None:
        """The search begins, or goes on."""
        ...

    def trial(self, candidate: Candidate, seed: int) -> Progress:
        """A trial begins; what is returned hears of its training."""
        ...

    def finished(self, trial: Trial) -> None:
        """A trial has ended."""
        ...

    def note(self, text: str) -> None:
        """Something worth a line of its own."""
        ...

    def close(self) -> None:
        """Nothing more comes; called once, in every case."""
        ...


class SilentSearch:
    """Shows nothing."""

    def start(self, plan: SearchPlan) -> None:
        pass

    def trial(self, candidate: Candidate, seed: int) -> Progress:
        return Silent()

    def finished(self, trial: Trial) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class PlainSearch(SilentSearch):
    """One line a trial, no escape codes: for files and logs."""

    def start(self, plan: SearchPlan) -> None:
        self.plan = plan
        self.done = list(plan.done)
        self.note(opening(plan))

    def finished(self, trial: Trial) -> None:
        self.done.append(trial)
        value = "diverged" if trial.value is None else self.plan.metric.show(trial.value)
        left = time_left(self.plan, self.done)
        self.note(
            f"trial {len(self.done)}/{self.plan.trials}: depth {trial.depth} seed {trial.seed}:"
            f" {self.plan.metric.name} {value} in {duration(trial.seconds)}"
            + (f"; about {duration(left)} of training left" if left else "")
        )

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class LiveSearch(SilentSearch):
    """The table of depths, a bar over all trials, and a line for the running one."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(stderr=True)
        # Redrawn from the training's steps, not from a thread: training shares its cores.
        self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self.running, self.share, self.drawn = "", 0.0, 0.0

    def start(self, plan: SearchPlan) -> None:
        self.plan = plan
        self.done = list(plan.done)
        self.note(opening(plan))
        self.live.start()
        self.draw()

    def trial(self, candidate: Candidate, seed: int) -> Progress:
        self.current = candidate
        self.running, self.share = f"depth {candidate.depth} seed {seed}", 0.0
        self.draw()
        return _Inside(self, self.running, self.plan)

    def finished(self, trial: Trial) -> None:
        self.done.append(trial)
        self.running, self.share = "", 0.0
        self.draw()

    def note(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self.live.stop()

    def draw(self) -> None:
        """Show where the search is."""
        self.drawn = time.monotonic()
        left = time_left(self.plan, self.done)
        line = Table.grid(padding=(0, 1))
        line.add_row(
            Text(f"{len(self.done)}/{self.plan.trials} trials"),
            ProgressBar(self.plan.trials, len(self.done) + self.share, width=24),
            Text(f"about {duration(left)} of training left" if left else "", style="dim"),
        )
        grid = table(self.plan.metric, self.plan.candidates, self.done)
        self.live.update(Group(grid, Text(), line, Text(self.running, style="dim")), refresh=True)


class _Inside(Silent):
    """Hears the training of one trial for the live display."""

    def __init__(self, outer: LiveSearch, name: str, plan: SearchPlan):
        self.outer, self.name, self.plan = outer, name, plan

    def step(
        self, epoch: int, batch: int, batches: int, loss: float | None, tokens_per_second: float
    ) -> None:
        if time.monotonic() - self.outer.drawn < REDRAW:
            return
        self.outer.share = (epoch - 1 + batch / batches) / self.plan.epochs
        shown = "" if loss is None else f", loss {loss:.3f}"
        self.outer.running = f"{self.name}: epoch {epoch}/{self.plan.epochs}{shown}"
        self.outer.draw()


def choose_progress() -> SearchProgress:
    """:class:`LiveSearch` where stderr is a terminal, else :class:`PlainSearch`."""
    return LiveSearch() if sys.stderr.isatty() else PlainSearch()


def opening(plan: SearchPlan) -> str:
    """How many trials will run, said before the first."""
    depths = ", ".join(str(candidate.depth) for candidate in plan.candidates)
    seeds = "1 seed" if plan.seeds == 1 else f"{plan.seeds} seeds"
    done = f", {len(plan.done)} of them done" if plan.done else ""
    return (
        f"{plan.trials} trials: depths {depths} with {seeds} each{done};"
        f" up to {plan.epochs} epochs a trial"
    )


def time_left(plan: SearchPlan, done: Sequence[Trial]) -> float | None:
    """Seconds the trials that are not finished will take, from those that are; None before the
    first. A depth that no trial has finished yet costs in proportion to its number of layers."""
    if not done:
        return None
    seconds: dict[int, list[float]] = {}
    for trial in done:
        seconds.setdefault(trial.depth, []).append(trial.seconds)
    a_layer = sum(trial.seconds for trial in done) / sum(trial.depth for trial in done)
    left = 0.0
    for candidate in plan.candidates:
        known = seconds.get(candidate.depth, [])
        each = sum(known) / len(known) if known else a_layer * candidate.depth
        left += (plan.seeds - len(known)) * each
    return left


def duration(seconds: float) -> str:
    """``42 s``, ``7 min``, ``1 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
