"""The depth search: check the question, measure the networks, run the strategy's jobs, conclude."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lamina.depth.ask import advice
from lamina.depth.ask.candidates import as_judged, candidates_for
from lamina.depth.ask.measure import Checked, Cost, blind, measure, validation
from lamina.depth.ask.setup import Setup, settings_for
from lamina.depth.ask.space import Range, Values, checked_space
from lamina.depth.ask.timing import Epoch, checked_times, epoch_seconds
from lamina.depth.job import Job
from lamina.depth.judge.looks import Way, count_looks, looks_before, record_of
from lamina.depth.plan.kinds import check_kind
from lamina.depth.plan.problem import Problem
from lamina.depth.plan.strategies import STRATEGIES, Strategy
from lamina.depth.question import Question
from lamina.depth.run.claim import claimed
from lamina.depth.run.drive import catch_up, drive
from lamina.depth.run.runners import Runner, choose_runner
from lamina.depth.run.storage import sqlite_url
from lamina.depth.run.study import StudyLedger
from lamina.depth.run.winner import hand_over
from lamina.depth.tell import verdict as verdicts
from lamina.depth.tell import words
from lamina.depth.tell.cautions import cautions
from lamina.depth.tell.progress import SearchPlan, SearchProgress, choose_progress, opening
from lamina.depth.tell.surer import surer
from lamina.depth.tell.verdict import Tested, Verdict
from lamina.depth.trials import Trial, apart, spent
from lamina.options import as_stored
from lamina.spec import LaminaError, Task
from lamina.store import versions
from lamina.train import Settings
from lamina.train.given import check_how, check_task

#: The accepted probability of a wrong verdict, on either side.
ALPHA = 0.05
#: Training settings that do not affect what is learned from the data.
_MACHINE_SETTINGS = frozenset({"checkpoint_seconds", "checkpoint_steps", "seed"})


def search(
    task: Task,
    question: Question | None = None,
    *,
    out: str | Path | None = None,
    settings: Settings | None = None,
    options: Any = None,
    progress: SearchProgress | None = None,
    **changes: Any,
) -> Verdict:
    """Find out how deep the network for ``task`` should be: train several depths and decide.

    The decision rule is in :mod:`lamina.depth.judge.decision`; it uses the validation part only.
    The test part is used once, on the model that is handed over.

    Args:
        task: the data and the learning problem.
        question: what to compare and how. Its fields may be given as keywords instead, such as
            ``depths=(1, 2, 3), seeds=3``: see :class:`lamina.depth.Question`.
        out: a folder. An interrupted search resumes there, and a finished one can be extended with
            more seeds or depths without repeating any run. Afterwards it is the run folder of the
            winner's best seed. None: only the verdict is kept.
        settings: how to train, the same for every trial; the seed is ignored. None: those of
            :func:`lamina.depth.ask.setup.settings_for`.
        options: of ``task.model``, the same for every trial.
        progress: receives progress events. None: progress is shown on stderr.
        **changes: fields of the question, and changes to ``options``.

    Returns:
        The verdict, which is also saved in ``out``.

    Raises:
        LaminaError: the question cannot be answered, or ``out`` holds another search.
        KeyboardInterrupt: the search was interrupted; the same call resumes it.
    """
    check_task(task)
    check_how(settings, out, progress, "lamina.depth.tell.progress.SilentSearch()")
    asked = _check(task, *_question(question, changes), settings or settings_for(task), options)
    with _placed(asked, out, progress or choose_progress()) as place:
        costs, problem = _measure(asked, place)
        ran = _run(asked, problem, place)
        verdict = _conclude(asked, costs, ran, place)
        verdicts.save(verdict, place.folder / "verdict.json")
    return verdict


def _show_fields() -> None:
    """Show the fields of a question as keywords in the signature of :func:`search`."""
    task, whole, *rest, changes = inspect.signature(search).parameters.values()
    fields = inspect.signature(Question).parameters.values()
    search.__signature__ = inspect.signature(search).replace(  # type: ignore[attr-defined]
        parameters=[task, whole, *fields, *rest, changes]
    )


_show_fields()


@dataclasses.dataclass(frozen=True)
class _Asked:
    """A question that has passed all checks.

    Attributes:
        config: identifies the search; depths and seeds may differ between its sessions.
    """

    question: Question
    strategy: str
    setup: Setup
    space: Mapping[str, Values | Range]
    facts: advice.Facts
    checked: Checked
    baseline: float | None
    config: dict[str, Any]

    @property
    def search(self) -> dict[str, Any]:
        """What the verdict records about the question, as JSON values. Sessions that differ in what
        is added here may share a folder, so it is not part of :attr:`config`. Left out: where runs
        are made and kept (``workers``, ``storage``, ``ray``)."""
        return {
            **self.config,
            "strategy": self.strategy,
            "vary": _json(self.space),
            "trials": self.question.trials,
            "budget": self.question.budget,
        }

    @property
    def way(self) -> Way:
        """How the question was asked in this session."""
        depths = tuple(candidate.depth for candidate in self.setup.candidates)
        question, vary = self.question, json.dumps(_json(self.space))
        return Way(self.strategy, depths, question.seeds, question.budget, question.trials, vary)


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a search runs.

    Attributes:
        kept: whether ``folder`` outlives the search.
    """

    folder: Path
    kept: bool
    ledger: StudyLedger
    runner: Runner
    progress: SearchProgress


@dataclasses.dataclass(frozen=True)
class _Ran:
    """A strategy whose jobs are done, with the start time and the estimate made then."""

    strategy: Strategy
    begun: float
    expected_seconds: float
    expected_wall_seconds: float


def _question(question: Question | None, given: dict[str, Any]) -> tuple[Question, dict[str, Any]]:
    """The question, and the changes to the model options."""
    fields = {name: given[name] for name in Question.__struct_fields__ if name in given}
    changes = {name: value for name, value in given.items() if name not in fields}
    if question is None:
        return Question(**fields), changes
    if not isinstance(question, Question):
        raise LaminaError(f"question is {question!r}; need a Question, or its fields by name.")
    if fields:
        raise LaminaError(f"got a question and {next(iter(fields))}=; say it in the question.")
    return question, changes


def _check(
    task: Task, question: Question, changes: dict[str, Any], settings: Settings, options: Any
) -> _Asked:
    """Refuse what cannot be searched, before anything is measured or written."""
    kind = getattr(task, "Options", None)
    if options is not None and kind is not None and not isinstance(options, kind):
        need = f"{kind.__name__}(...), or its fields by name"
        raise LaminaError(f"options is {options!r}; need {need}.")
    misplaced = [name for name in changes if name in Settings.__struct_fields__ and name != "seed"]
    if misplaced:
        given = ", ".join(f"{name}={changes[name]!r}" for name in misplaced)
        raise LaminaError(f"{misplaced[0]!r} is a setting of training: settings=Settings({given}).")
    if question.cell is not None:
        changes = {**changes, "cell": question.cell}
    # One strategy needs the least training; the other supports varied settings.
    strategy = question.strategy or ("grid" if question.vary else "race")
    checked, baseline = validation(task), blind(task)
    facts = advice.facts_of(task, options, changes)
    asked = question.depths
    depths = advice.to_compare(facts) if isinstance(asked, str) else asked
    with as_stored() if question.vary else contextlib.nullcontext():
        candidates = candidates_for(
            task, depths, question.width, question.parameters, options, **changes
        )
    setup = Setup(task, candidates, settings, options, changes)
    space = checked_space(question.vary or {}, setup, equal_size=question.parameters is not None)
    STRATEGIES[strategy].check(space)
    check_kind(STRATEGIES[strategy].kind, setup)
    config = {
        "task": task.config(),
        "options": options,
        "changes": changes,
        "width": question.width,
        "parameters": question.parameters,
        "min_gain": question.min_gain,
        "cost_per_layer": question.cost_per_layer,
        "training": {k: v for k, v in settings.config().items() if k not in _MACHINE_SETTINGS},
        "depths": [candidate.depth for candidate in candidates],
        "seeds": question.seeds,
    }
    return _Asked(question, strategy, setup, space, facts, checked, baseline, _json(config))


@contextlib.contextmanager
def _placed(asked: _Asked, out: str | Path | None, progress: SearchProgress) -> Iterator[_Place]:
    """The folder, the ledger and the runner of a search while it runs."""
    question, setup = asked.question, asked.setup
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()) if out is None else out)
        stack.enter_context(claimed(folder, asked.config))
        url = question.storage or (None if out is None else sqlite_url(folder / "study.db"))
        ledger = StudyLedger(url, asked.config, folder, setup.task.metric)
        stack.enter_context(ledger)
        runner = choose_runner(setup, folder, progress, question.workers, question.ray)
        stack.enter_context(contextlib.closing(runner))
        yield _Place(folder, out is not None, ledger, runner, progress)


def _measure(asked: _Asked, place: _Place) -> tuple[tuple[Cost, ...], Problem]:
    """The cost of each depth, and the problem for the strategy to solve.

    Times are measured once for all machines that share the search: machines that plan by them must
    make the same plan.
    """
    question, setup, runner = asked.question, asked.setup, place.runner
    settings = setup.settings.changed(threads=runner.threads)

    def make() -> Any:
        models = {c.depth: setup.model(Job(depth=c.depth, seed=0)) for c in setup.candidates}
        costs = measure(models, setup.task, dict.fromkeys(models, settings))
        return msgspec.to_builtins((costs, epoch_seconds(models, setup.task, settings)))

    depths = tuple(candidate.depth for candidate in setup.candidates)
    name = f"times of depths {', '.join(map(str, depths))}"
    with checked_times(place.ledger.place):
        kind = tuple[tuple[Cost, ...], dict[int, Epoch]]
        costs, seconds = msgspec.convert(place.ledger.agree(name, make), kind, strict=False)
        if not {cost.depth for cost in costs} == seconds.keys() == set(depths):
            raise msgspec.ValidationError("they are of other depths")
    metric = setup.task.metric
    problem = Problem(
        depths=depths,
        seeds=question.seeds,
        epochs=setup.settings.epochs,
        metric=metric,
        margin=metric.utility_gain(question.min_gain),
        alpha=ALPHA,
        # One validation example more or less is the smallest possible change of an accuracy.
        resolution=100 / asked.checked.count if metric.gain == "points" else 0.0,
        cost_per_layer=metric.utility_gain(question.cost_per_layer),
        looks=len(looks_before(place.ledger.agreed(), asked.way)),
        baseline=asked.baseline,
        space=asked.space,
        trials=question.trials,
        facts=asked.facts,
        parallel=runner.size,
        epoch_seconds={depth: sum(epoch) for depth, epoch in seconds.items()},
        evaluation_seconds={depth: epoch.evaluation for depth, epoch in seconds.items()},
        budget_seconds=question.budget,
    )
    return costs, problem


def _judged_costs(
    costs: tuple[Cost, ...], judged: Sequence[Trial], setup: Setup, place: _Place
) -> tuple[Cost, ...]:
    """The cost of each depth as it is judged: measured again where a setting was chosen for it."""
    if not any(trial.job.changes for trial in judged):
        return costs
    chosen = {trial.depth: trial.job.changes for trial in judged}
    jobs = [Job(depth=c.depth, seed=0, changes=chosen.get(c.depth, ())) for c in setup.candidates]

    def make() -> Any:
        models = {job.depth: setup.model(job) for job in jobs}
        threads = place.runner.threads
        settings = {job.depth: setup.settings_of(job).changed(threads=threads) for job in jobs}
        return msgspec.to_builtins(measure(models, setup.task, settings))

    name = f"times of {'; '.join(map(str, jobs))}"
    with checked_times(place.ledger.place):
        found = msgspec.convert(place.ledger.agree(name, make), tuple[Cost, ...])
        if {cost.depth for cost in found} != {job.depth for job in jobs}:
            raise msgspec.ValidationError("they are of other depths")
    return found


def _run(asked: _Asked, problem: Problem, place: _Place) -> _Ran:
    """Train what the strategy requests beyond the runs of earlier sessions."""
    strategy = STRATEGIES[asked.strategy](problem)
    done = catch_up(strategy, place.ledger)
    place.runner.prepare(len(strategy.ask()))
    ran = _Ran(
        strategy,
        time.monotonic(),
        strategy.expected_seconds(),
        strategy.expected_wall_seconds(),
    )
    plan = SearchPlan(
        opening(strategy, len(done)),
        asked.setup.candidates,
        problem.epochs,
        problem.metric,
        problem.seconds,
        tuple(strategy.expected()),
        tuple(done),
        problem.parallel,
        strategy.judged,
        bool(asked.space),
    )
    place.progress.start(plan)
    try:
        drive(strategy, place.ledger, place.runner, place.progress)
    finally:
        place.progress.close()
    return ran


def _conclude(asked: _Asked, costs: tuple[Cost, ...], ran: _Ran, place: _Place) -> Verdict:
    """Decide, hand over the winner and report."""
    question, setup, strategy = asked.question, asked.setup, ran.strategy
    metric = setup.task.metric
    judged = tuple(strategy.judged())
    keys = [trial.job.key for trial in judged]
    way, ledger = asked.way, place.ledger
    ledger.agree(way.record, lambda: record_of(ledger.agreed(), keys, strategy.looks))
    before, own = count_looks(ledger.agreed(), way, keys, strategy.looks)
    problem = dataclasses.replace(strategy.problem, looks=len(before))
    decision = problem.decide(strategy.evidence(), own)
    candidates = as_judged(setup.candidates, judged)
    costs = _judged_costs(costs, judged, setup, place)
    best, value = hand_over(decision.shown, judged, setup, place.folder, place.progress)
    verdict = Verdict(
        headline="",
        reasons=(),
        metric=metric,
        min_gain=question.min_gain,
        decision=decision,
        candidates=candidates,
        costs=costs,
        trials=judged,
        tried=tuple(trial for trial in strategy.trials.values() if trial not in judged),
        strategy=asked.strategy,
        saw=tuple(strategy.saw()),
        surer=surer(problem, strategy.evidence(), own, judged),
        front=tuple(strategy.front()),
        seconds=spent(strategy.trials.values()),
        expected_seconds=ran.expected_seconds,
        wall_seconds=time.monotonic() - ran.begun,
        expected_wall_seconds=ran.expected_wall_seconds,
        checked=asked.checked,
        baseline=asked.baseline,
        tested=None if best is None else Tested(best.depth, best.seed, value),
        looks=(*before, *[question.seeds] * own),
        search=asked.search,
        versions=versions(),
    )
    told, schedule = verdict.told(), setup.settings.schedule
    return msgspec.structs.replace(
        verdict,
        headline=words.headline(told),
        reasons=(
            *words.why(told, costs, best if place.kept else None, question.seeds),
            *cautions(told, question.min_gain, apart(judged), asked.checked, schedule),
            words.about(told, candidates, asked.checked, asked.space),
        ),
    )


def _json(value: Any) -> Any:
    """``value`` after a round trip through JSON."""
    return json.loads(json.dumps(msgspec.to_builtins(value)))
