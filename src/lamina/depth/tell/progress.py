"""What a search shows on stderr while it runs: its progress, and the table filling in."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lamina.depth.ask.candidates import Candidate, as_judged
from lamina.depth.job import Job
from lamina.depth.phrases import counted, duration
from lamina.depth.plan.clock import makespan, remaining
from lamina.depth.plan.strategies import Strategy
from lamina.depth.tell.table import table
from lamina.depth.trials import Trial, spent
from lamina.spec import Metric
from lamina.train import Progress, Silent

#: Minimum seconds between redraws.
REDRAW = 0.25


@dataclass(frozen=True)
class SearchPlan:
    """The jobs about to run.

    Attributes:
        opening: printed before the first trial.
        seconds: the expected time of a job.
        expected: the jobs still to run, as far as is known.
        done: trials of earlier sessions.
        workers: jobs that run side by side.
        judged: selects, from all trials so far, those that a verdict would be based on.
        varies: whether settings are chosen for each depth, so that its network is not yet known.
    """

    opening: str
    candidates: tuple[Candidate, ...]
    epochs: int
    metric: Metric
    seconds: Callable[[Job], float]
    expected: tuple[Job, ...]
    done: tuple[Trial, ...] = ()
    workers: int = 1
    judged: Callable[[], Sequence[Trial]] = tuple
    varies: bool = False


class SearchProgress(Protocol):
    """Receives the events of a search."""

    def start(self, plan: SearchPlan) -> None:
        """The search starts, or resumes."""
        ...

    def known(self, trial: Trial) -> None:
        """A trial was finished earlier, or elsewhere."""
        ...

    def trial(self, job: Job) -> Progress:
        """A job starts; the returned object receives the events of its training run."""
        ...

    def finished(self, trial: Trial, expected: Sequence[Job]) -> None:
        """A trial has ended; ``expected`` are the jobs still to come."""
        ...

    def note(self, text: str) -> None:
        """A message on a line of its own."""
        ...

    def close(self) -> None:
        """No more events; called exactly once."""
        ...


class SilentSearch:
    """Shows nothing."""

    def start(self, plan: SearchPlan) -> None:
        pass

    def known(self, trial: Trial) -> None:
        pass

    def trial(self, job: Job) -> Progress:
        return Silent()

    def finished(self, trial: Trial, expected: Sequence[Job]) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class PlainSearch(SilentSearch):
    """One line per trial, without escape codes: for files and logs."""

    def start(self, plan: SearchPlan) -> None:
        self.plan = plan
        self.pace = Pace(plan)
        self.note(plan.opening)

    def known(self, trial: Trial) -> None:
        self.pace.known(trial)

    def trial(self, job: Job) -> Progress:
        self.pace.began(job)
        return Silent()

    def finished(self, trial: Trial, expected: Sequence[Job]) -> None:
        self.pace.finished(trial, expected)
        value = "diverged" if trial.value is None else self.plan.metric.show(trial.value)
        self.note(
            f"trial {self.pace.count}: {trial.job}:"
            f" {self.plan.metric.name} {value} in {duration(trial.seconds)}" + self.pace.left()
        )

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class LiveSearch(SilentSearch):
    """The table of depths, a bar over all trials, and a line for each running one."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(stderr=True)
        # Redrawn by training steps, not by a thread, which would compete with training for CPU
        # time.
        self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self.drawn = 0.0
        #: For each running job, by key: a line, and its completed share.
        self.running: dict[str, tuple[str, float]] = {}

    def start(self, plan: SearchPlan) -> None:
        self.plan = plan
        self.pace = Pace(plan)
        self.note(plan.opening)
        self.live.start()
        self.draw()

    def known(self, trial: Trial) -> None:
        self.pace.known(trial)
        self.draw()

    def trial(self, job: Job) -> Progress:
        self.pace.began(job)
        self.running[job.key] = str(job), 0.0
        self.draw()
        return _Inside(self, job, job.epochs or self.plan.epochs)

    def finished(self, trial: Trial, expected: Sequence[Job]) -> None:
        self.pace.finished(trial, expected)
        self.running.pop(trial.job.key, None)
        self.draw()

    def note(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self.live.stop()

    def draw(self) -> None:
        """Show the current state."""
        self.drawn = time.monotonic()
        pace = self.pace
        lines, shares = zip(*self.running.values(), strict=True) if self.running else ((), ())
        line = Table.grid(padding=(0, 1))
        line.add_row(
            Text(f"{len(pace.done)}/{pace.total} trials"),
            ProgressBar(pace.total, len(pace.done) + sum(shares), width=24),
            Text(pace.left().removeprefix("; "), style="dim"),
        )
        judged = self.plan.judged()
        candidates = as_judged(self.plan.candidates, judged)
        unknown = {c.depth for c in candidates} - {trial.depth for trial in judged}
        grid = table(
            self.plan.metric, candidates, judged, unknown=unknown if self.plan.varies else ()
        )
        self.live.update(
            Group(grid, Text(), line, Text("\n".join(lines), style="dim")), refresh=True
        )


class _Inside(Silent):
    """Receives the events of one training run for the live display."""

    def __init__(self, outer: LiveSearch, job: Job, epochs: int):
        self.outer, self.job, self.epochs = outer, job, epochs

    def step(
        self, epoch: int, batch: int, batches: int, loss: float | None, tokens_per_second: float
    ) -> None:
        if time.monotonic() - self.outer.drawn < REDRAW:
            return
        share = (epoch - 1 + batch / batches) / self.epochs
        shown = "" if loss is None else f", loss {loss:.3f}"
        line = f"{self.job}: epoch {epoch}/{self.epochs}{shown}"
        self.outer.running[self.job.key] = line, share
        self.outer.draw()


def choose_progress() -> SearchProgress:
    """:class:`LiveSearch` if stderr is a terminal, otherwise :class:`PlainSearch`."""
    return LiveSearch() if sys.stderr.isatty() else PlainSearch()


def opening(strategy: Strategy, done: int) -> str:
    """The number of trials and the expected wall-clock time, announced before the first trial."""
    problem, jobs = strategy.problem, strategy.expected()
    depths = ", ".join(str(depth) for depth in problem.depths)
    seconds = strategy.expected_wall_seconds()
    side = f", {problem.parallel} side by side" if problem.parallel > 1 else ""
    time = f"; about {duration(seconds)}{side}" if seconds else ""
    already = f", {done} of them done" if done else ""
    return (
        f"{strategy.name}: {counted(done + len(jobs), 'trial')} of depths {depths}{already}; up to"
        f" {counted(problem.epochs, 'epoch')} a trial{time}"
    )


class Pace:
    """The progress of a search, and its remaining time.

    The initial estimate of each job's time is corrected by the times of finished jobs.
    """

    def __init__(self, plan: SearchPlan):
        self.plan = plan
        self.done = list(plan.done)
        self.expected: Sequence[Job] = plan.expected
        #: The start time of each running job, by key.
        self.begun: dict[str, float] = {}

    @property
    def total(self) -> int:
        """Trials, finished and expected."""
        return len(self.done) + len(self.expected)

    @property
    def count(self) -> str:
        """``3/15``."""
        return f"{len(self.done)}/{self.total}"

    def known(self, trial: Trial) -> None:
        """A trial was finished earlier."""
        self.done.append(trial)
        self.expected = [job for job in self.expected if job != trial.job]

    def began(self, job: Job) -> None:
        """A job starts running."""
        self.begun[job.key] = time.monotonic()

    def finished(self, trial: Trial, expected: Sequence[Job]) -> None:
        """A trial has ended; ``expected`` are the jobs still to come."""
        self.done.append(trial)
        self.begun.pop(trial.job.key, None)
        self.expected = list(expected)

    def seconds_left(self) -> float | None:
        """Remaining wall-clock seconds; None before the first trial."""
        done = [trial.job for trial in self.done]
        guessed = sum(remaining(done, (), self.plan.seconds).values())
        took = spent(self.done)
        if not took or not guessed:
            return None
        slower = took / guessed
        rest = dict(remaining(self.expected, done, self.plan.seconds))
        now = time.monotonic()
        for job in self.expected:
            if job.key in self.begun:
                ran = (now - self.begun[job.key]) / slower
                rest[job.run] = max(rest[job.run] - ran, 0.0)
        return slower * makespan(rest.values(), self.plan.workers)

    def left(self) -> str:
        """``; about 7 min left``, or nothing."""
        seconds = self.seconds_left()
        return f"; about {duration(seconds)} left" if seconds else ""
