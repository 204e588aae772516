"""The training loop."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from typing import Any, NoReturn

import torch

from lamina.spec import Carries, LaminaError, Metric, State, Task
from lamina.spec.counted import counted
from lamina.store import RunFolder
from lamina.train import checkpoint
from lamina.train.checkpoint import Journal, Training
from lamina.train.evaluate import score
from lamina.train.meter import Meter, Totals
from lamina.train.progress import Plan, Progress
from lamina.train.result import Diverged, Result, Stopped
from lamina.train.session import Interrupt, clip_gradient
from lamina.train.settings import Settings

#: What a run is judged by if the task's metric is not among its scores.
LOSS = Metric("loss", higher_is_better=False, gain="relative")


def look_every(device: torch.device) -> int:
    """Steps between two fetches of the sums; on a GPU each one makes the host wait."""
    return 1 if device.type == "cpu" else 32


class Loop:
    """The training loop, and what it needs at each step.

    ``resumed`` is the checkpoint that ``training`` was restored from, if it was.
    """

    def __init__(
        self,
        training: Training,
        task: Task,
        settings: Settings,
        run: RunFolder | None,
        progress: Progress,
        interrupt: Interrupt,
        resumed: str | None = None,
    ):
        self.training, self.task, self.settings, self.run = training, task, settings, run
        self.progress, self.interrupt = progress, interrupt
        self.model, self.optimizer = training.model, training.optimizer
        self.journal = training.journal
        self.meter = Meter(self.journal.totals)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.look_every = look_every(training.device)
        self.validates = len(task.batches("validation")) > 0
        self.clock = self.saved_at = time.perf_counter()
        self.resumed, self.began_at = resumed, self.journal.step

    def train(self, until: int | None = None) -> Result:
        """Train to the end, or to the first evaluation at or after ``until`` epochs."""
        journal, settings, meter = self.journal, self.settings, self.meter
        while journal.epoch < settings.epochs:
            if settings.patience is not None and journal.waited >= settings.patience:
                return self.finish("patience")
            evaluated = journal.epoch % settings.evaluate_every == 0
            if until is not None and journal.epoch >= until and evaluated and not journal.batch:
                if self.run is not None:
                    self.checkpoint(self.run)
                return self.finish("paused")
            batches = self.task.batches("train", epoch=journal.epoch, seed=settings.seed)
            self.model.train()
            meter.start()
            while journal.batch < len(batches):
                batch = meter.batch(batches, journal.batch).to(self.training.device)
                share = journal.batch / len(batches)
                journal.lr = journal.schedule.rate(settings, journal.step, journal.epoch, share)
                for group in self.optimizer.param_groups:
                    group["lr"] = journal.lr

                with precision(settings, self.training.device):
                    state = None if batch.fresh else self.training.state
                    step = self.task.step(self.model, batch, state)
                self.optimizer.zero_grad(set_to_none=True)
                step.loss.backward()
                norm = clip_gradient(self.parameters, settings.clip)
                self.optimizer.step()

                self.training.state = _own(step.state)
                journal.batch += 1
                journal.step += 1
                meter.add(step, batch, norm)
                if journal.step % self.look_every == 0 or journal.batch == len(batches):
                    self.look()
                self.show(len(batches))
                stop = self.interrupt.asked
                if self.run is not None and (stop or self.checkpoint_is_due()):
                    self.checkpoint(self.run)
                if stop:
                    return self.finish("interrupted")
            done = journal.epoch + 1
            if done % settings.evaluate_every == 0 or done == settings.epochs:
                self.evaluate()
            journal.epoch, journal.batch = done, 0
        return self.finish("epochs")

    def begin(self) -> None:
        settings, journal, device = self.settings, self.journal, self.training.device
        count = sum(p.numel() for p in self.parameters)
        where = f"{self.task.name}: {count:,} parameters on {device}"
        if device.type == "cpu":
            threads = torch.get_num_threads()
            where += f", {threads} thread{'s' * (threads > 1)}"
        if self.resumed is not None:
            where += f"; resuming after step {journal.step}"
        self.progress.start(Plan(settings.epochs, self.task.metric, where))
        if self.run is None:
            return
        if self.resumed is not None:
            # The killed session may have been ahead of its last checkpoint.
            self.run.write_history(journal.history)
        else:
            self.checkpoint(self.run)

    def look(self) -> None:
        """Fetch the sums from the device; raise Diverged if they are not finite."""
        if not self.meter.fetch().finite:
            self.diverge()

    def diverge(self) -> NoReturn:
        result = self.finish("diverged")
        raise Diverged(result, self.journal.epoch + 1, self.journal.lr, self.settings.clip)

    def evaluate(self) -> None:
        """Score the model, write a line of history, and keep the weights if they are the best."""
        journal, task, totals = self.journal, self.task, self.journal.totals
        trained = self.trained()
        scores = score(self.model, task, device=self.training.device) if self.validates else {}
        final = scores or trained
        metric = task.metric if task.metric.name in final else LOSS
        watched = final[metric.name]
        if not (math.isfinite(watched) and math.isfinite(final["loss"])):
            self.diverge()
        improved = journal.watched is None or metric.better(watched, journal.watched)
        if improved:
            journal.watched = watched
        journal.waited = 0 if improved else journal.waited + 1
        journal.schedule.evaluated(self.settings, improved)
        line = {
            "epoch": journal.epoch + 1,
            "step": journal.step,
            **{f"train_{name}": _number(value) for name, value in trained.items()},
            **{f"validation_{name}": _number(value) for name, value in scores.items()},
            "lr": journal.lr,
            "gradient_norm": totals.norms / totals.steps,
            "tokens_per_second": totals.tokens_per_second,
            "data_share": totals.data_share,
            "seconds": self.seconds(),
        }
        journal.history.append(line)
        journal.tokens += totals.tokens
        journal.train_seconds += totals.seconds
        journal.totals = self.meter.totals = Totals()
        if improved or not self.validates:
            journal.best = {name: _number(value) for name, value in final.items()}
            journal.best_epoch = journal.epoch + 1
            self.training.best = {
                name: value.detach().clone() for name, value in self.model.state_dict().items()
            }
            if self.run is not None:
                self.run.save_model(self.model)
        if self.run is not None:
            self.run.append_history(line)
        self.progress.evaluated(line, improved)

    def trained(self) -> dict[str, float]:
        """The scores from the sums over training steps."""
        totals = self.journal.totals
        try:
            return self.task.summary(totals.sums, totals.count)
        except (LookupError, ArithmeticError, ValueError):
            if self.resumed is None or self.journal.step > self.began_at:
                raise
            raise LaminaError(
                f"has sums that give no scores: {', '.join(sorted(totals.sums))}. It does not "
                "belong to this run's config.json.",
                place=self.resumed,
            ) from None

    def seconds(self) -> float:
        """Wall-clock time of the run so far."""
        now = time.perf_counter()
        self.journal.seconds += now - self.clock
        self.clock = now
        return self.journal.seconds

    def show(self, batches: int) -> None:
        journal, totals = self.journal, self.journal.totals
        self.progress.step(
            journal.epoch + 1, journal.batch, batches, totals.loss, totals.tokens_per_second
        )

    def checkpoint_is_due(self) -> bool:
        every = self.settings.checkpoint_steps
        if every is not None and self.journal.step % every == 0:
            return True
        return time.perf_counter() - self.saved_at >= self.settings.checkpoint_seconds

    def checkpoint(self, run: RunFolder) -> None:
        self.look()  # never save a diverged model
        self.seconds()
        checkpoint.save(run, self.training)
        self.saved_at = time.perf_counter()
        self.meter.start()

    def finish(self, stopped: Stopped) -> Result:
        """Load the best weights and return the result, which is written if the run has ended."""
        if self.training.best:
            self.model.load_state_dict(self.training.best)
        self.model.eval()
        journal, totals = self.journal, self.journal.totals
        train_seconds = journal.train_seconds + totals.seconds
        result = Result(
            best=journal.best,
            best_epoch=journal.best_epoch,
            epochs=journal.epoch,
            steps=journal.step,
            stopped=stopped,
            seconds=self.seconds(),
            tokens_per_second=(journal.tokens + totals.tokens) / train_seconds
            if train_seconds
            else 0.0,
            step_ms=statistics.median(self.meter.step_ms) if self.meter.step_ms else 0.0,
            parameters=sum(p.numel() for p in self.parameters),
            out=None if self.run is None else str(self.run.path),
        )
        if self.run is not None and stopped not in ("interrupted", "paused"):
            if self.training.best:
                self.run.save_model(self.model)
            self.run.write_result(result.config())
            self.run.drop_checkpoints()
        self.progress.finish(result)
        if self.run is not None and stopped == "interrupted":
            self.progress.note(f"Resume with: lamina train --resume {self.run.path}")
        return result


def precision(settings: Settings, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """In which numbers a training step computes."""
    if settings.precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def expected_state(
    task: Task, settings: Settings, training: Training, journal: Journal
) -> State | None:
    """Zeros shaped like the state that is carried where ``journal`` is; ``None`` if the task does
    not say. The network is not run, as a step may change what no checkpoint holds.

    Raises:
        LaminaError: A training run of ``task`` is never where ``journal`` is.
    """
    batches = task.batches("train", epoch=journal.epoch, seed=settings.seed)
    if not journal.agrees(settings.epochs, len(batches)):
        raise LaminaError(
            f"is not of this run, which has {counted(settings.epochs, 'epoch')} of "
            f"{len(batches)} batches: it "
            f"was written in epoch {journal.epoch + 1} before batch {journal.batch + 1}, after "
            f"{counted(journal.step, 'step')}, of which {journal.totals.steps} since the last "
            "evaluation"
        )
    if not journal.step:
        return ()
    if not isinstance(task, Carries):
        return None
    if journal.batch:
        return task.carried(training.model, batches[journal.batch - 1])
    before = task.batches("train", epoch=journal.epoch - 1, seed=settings.seed)
    return task.carried(training.model, before[-1])


def _own(state: State | None) -> State | None:
    """A copy of the state, laid out in memory as it would be restored from a checkpoint.

    Sums over memory with another alignment or stride may differ in the last bit; a view would
    also keep the batch's whole output alive.
    """
    if state is None:
        return None
    return tuple(
        tuple(part.detach().clone(memory_format=torch.contiguous_format) for part in layer)
        for layer in state
    )


def _number(value: float) -> float | None:
    """A float that JSON can hold; ``None`` for infinity and NaN."""
    value = float(value)
    return value if math.isfinite(value) else None
