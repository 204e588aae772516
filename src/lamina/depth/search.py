"""The depth search: run what a strategy asks for, decide, and hand over the winner."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import torch

from lamina.depth.ask import advice
from lamina.depth.ask.candidates import Candidate, equal_parameters, equal_width
from lamina.depth.ask.defaults import settings_for
from lamina.depth.ask.measure import Cost, blind, measure, validation
from lamina.depth.ask.problem import Problem, Range, Values
from lamina.depth.ask.setup import Setup
from lamina.depth.ask.space import checked_space
from lamina.depth.ask.timing import Epoch, epoch_seconds
from lamina.depth.job import Job
from lamina.depth.plan.kinds import check_kind, run_job
from lamina.depth.plan.strategies import STRATEGIES, Strategy
from lamina.depth.run.claim import claimed
from lamina.depth.run.drive import catch_up, drive
from lamina.depth.run.ledger import Ledger
from lamina.depth.run.looks import Way, count_looks, looks_before
from lamina.depth.run.runners import Runner, choose_runner
from lamina.depth.run.study import StudyLedger, sqlite_url
from lamina.depth.run.winner import present, winner
from lamina.depth.tell import verdict as verdicts
from lamina.depth.tell import words
from lamina.depth.tell.cautions import cautions
from lamina.depth.tell.progress import SearchPlan, SearchProgress, choose_progress, opening
from lamina.depth.tell.surer import surer
from lamina.depth.tell.verdict import Tested, Verdict
from lamina.depth.trials import Trial, apart, run_folder, spent
from lamina.spec import LaminaError, Task
from lamina.store import RunFolder, versions
from lamina.train import Settings, Silent

#: The probability of a wrong verdict on either side that the search accepts.
ALPHA = 0.05
#: Settings of a training that do not change what it learns from the data.
_MACHINE_SETTINGS = frozenset({"checkpoint_seconds", "checkpoint_steps", "seed"})


def search(
    task: Task,
    *,
    depths: Iterable[int] | Literal["auto"] = (1, 2, 3, 4, 5),
    seeds: int = 5,
    cell: str | None = None,
    width: int | None = None,
    parameters: int | None = None,
    min_gain: float = 1.0,
    cost_per_layer: float = 0.0,
    strategy: str | None = None,
    vary: Mapping[str, Values | Range] | None = None,
    trials: int = 20,
    budget: float | None = None,
    workers: int | None = None,
    storage: str | None = None,
    ray: str | None = None,
    out: str | Path | None = None,
    settings: Settings | None = None,
    options: Any = None,
    progress: SearchProgress | None = None,
    **changes: Any,
) -> Verdict:
    """How deep should the network for ``task`` be? Trains depths with several seeds and decides.

    depths:     numbers of layers to compare; ``"auto"``: as :mod:`lamina.depth.ask.advice`
    suggests.
    seeds:      trainings of each depth, or at most so many where the strategy stops earlier; a
                seed changes the initial weights, the order of the data and dropout, never the
                split.
    cell:       ``rnn``, ``gru`` or ``lstm``; None: as ``options`` say.
    width:      units of every layer, or
    parameters: the size of every network (see :func:`equal_parameters`); neither: the width of
                ``options``.
    min_gain:   the gain a deeper network must bring: points, or percent of a relative metric.
    cost_per_layer: what each further layer must gain beyond that, in the same unit.
    strategy:   which trainings are made, a name of :data:`lamina.depth.plan.strategies.STRATEGIES`;
                None: ``race``, or ``grid`` where settings vary.
    vary:       what is tried beside the depth: fields of ``options`` or ``settings`` by name, each
                with some values or a :class:`lamina.depth.ask.problem.Range`. Each depth is judged
                at
                the best setting found for it, by :mod:`lamina.depth.plan.strategies.tuned`.
    trials:     settings that are tried, all depths together, where they are drawn or proposed.
    budget:     seconds of training that the search may take, about; None: as many as it needs.
    workers:    trainings side by side, each in a process with one CPU thread, or ``threads`` of
                the settings; None: one after the other in this process, or with ``ray`` as many
                as the cluster has room for.
    storage:    the URL of a database that several machines share (``postgresql://...``): all that
                search the same there, each with an ``out`` of its own, share the trainings and
                come to the same verdict. None: a SQLite file in ``out``, for one machine.
    ray:        the address of a Ray cluster that runs the trainings; ``local`` starts one here.
    out:        a folder. A search that was stopped goes on there, and one that has ended may be
                given more seeds or more depths: finished trials are not run again. Afterwards it
                is the run folder of the winner's best seed. None: only the verdict is kept.
    settings:   how to train, the same for every trial; its seed is not used. None: as
                :func:`lamina.depth.ask.defaults.settings_for` says.
    options, changes: of ``task.model``, the same for every trial.

    The rule of the verdict is in :mod:`lamina.depth.judge.decision`; it sees the validation part
    only.
    The test part is used once, on the model that is handed over.

    Raises LaminaError for what cannot be searched, and where ``out`` holds a search of something
    else. KeyboardInterrupt leaves a search that goes on when it is called again.
    """
    settings = settings or settings_for(task)
    misplaced = [name for name in changes if name in Settings.__struct_fields__ and name != "seed"]
    if misplaced:
        given = ", ".join(f"{name}={changes[name]!r}" for name in misplaced)
        raise LaminaError(f"{misplaced[0]!r} is a setting of training: settings=Settings({given}).")
    if cell is not None:
        changes["cell"] = cell
    if seeds < 1:
        raise LaminaError(f"got seeds={seeds}; need at least 1, better 5.")
    if not 0 < min_gain < 100:
        raise LaminaError(f"got min_gain={min_gain:g}; need more than 0, below 100, such as 1.")
    if not 0 <= cost_per_layer < 100:
        raise LaminaError(f"got cost_per_layer={cost_per_layer:g}; need 0 to 100, such as 0.5.")
    if budget is not None and not budget > 0:
        raise LaminaError(f"got budget={budget:g} seconds; need more than 0, such as 1800.")
    if trials < 1:
        raise LaminaError(f"got trials={trials}; need at least 1, better 20.")
    if workers is not None and workers < 1:
        raise LaminaError(f"got workers={workers}; need at least 1.")
    strategy = strategy or default_strategy(vary)
    if strategy not in STRATEGIES:
        raise LaminaError(f"got strategy={strategy!r}; need one of {', '.join(STRATEGIES)}.")
    progress = progress or choose_progress()
    margin = task.metric.utility_gain(min_gain)
    price = task.metric.utility_gain(cost_per_layer)
    checked, baseline = validation(task), blind(task)
    facts = advice.facts_of(task, options, changes)
    compared = advice.to_compare(facts) if depths == "auto" else depths
    candidates = _candidates(task, compared, width, parameters, options, changes)
    setup = Setup(task, candidates, settings, options, changes)
    space = checked_space(vary or {}, setup, equal_size=parameters is not None)
    STRATEGIES[strategy].check(space)
    check_kind(STRATEGIES[strategy].kind, setup)
    config = {
        "task": task.config(),
        "options": _plain(options),
        "changes": _plain(changes),
        "width": width,
        "parameters": parameters,
        "min_gain": min_gain,
        "cost_per_layer": cost_per_layer,
        "training": {k: v for k, v in settings.config().items() if k not in _MACHINE_SETTINGS},
        "depths": [candidate.depth for candidate in candidates],
        "seeds": seeds,
    }
    config = json.loads(json.dumps(config))
    # Trials of other settings may share a folder: these two may differ between sessions.
    asked = json.loads(json.dumps({**config, "vary": _plain(space), "trials": trials}))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()) if out is None else out)
        stack.enter_context(claimed(folder, config))
        url = storage or (None if out is None else sqlite_url(folder / "study.db"))
        ledger = stack.enter_context(StudyLedger(url, config, folder, task.metric))
        runner = choose_runner(setup, folder, progress, workers, ray)
        stack.enter_context(contextlib.closing(runner))
        costs, seconds = _times(setup, runner.threads, ledger)
        way = Way(
            strategy, tuple(asked["depths"]), seeds, budget, trials, json.dumps(asked["vary"])
        )
        before = looks_before(ledger, way)
        # One validation example more or less is the smallest step of an accuracy.
        step = 100 / checked.count if task.metric.gain == "points" else 0.0
        problem = Problem(
            depths=tuple(candidate.depth for candidate in candidates),
            seeds=seeds,
            epochs=settings.epochs,
            metric=task.metric,
            margin=margin,
            alpha=ALPHA,
            resolution=step,
            cost_per_layer=price,
            looks=len(before),
            space=space,
            trials=trials,
            facts=facts,
            parallel=runner.size,
            epoch_seconds={depth: sum(epoch) for depth, epoch in seconds.items()},
            evaluation_seconds={depth: epoch.evaluation for depth, epoch in seconds.items()},
            budget_seconds=budget,
        )
        chosen = STRATEGIES[strategy](problem)
        done = catch_up(chosen, ledger)
        runner.prepare(len(chosen.ask()))
        begun = time.monotonic()
        expected, wall = chosen.expected_seconds(), chosen.expected_wall_seconds()
        _run_all(chosen, done, setup, ledger, runner, progress)
        judged = tuple(chosen.judged())
        others = tuple(trial for trial in chosen.trials.values() if trial not in judged)
        before, own = count_looks(ledger, way, [trial.job for trial in judged], chosen.looks)
        problem = dataclasses.replace(problem, looks=len(before))
        decision = problem.decide(chosen.evidence(), own)
        best, value = _hand_over(decision.shown, judged, setup, folder, progress)
        tested = None if best is None else Tested(best.depth, best.seed, value)
        verdict = Verdict(
            headline=words.headline(decision),
            reasons=(
                *words.why(decision, task.metric, costs, best if out is not None else None, seeds),
                *cautions(
                    decision,
                    task.metric,
                    min_gain,
                    apart(judged),
                    checked,
                    baseline,
                    settings.schedule,
                ),
                words.about(decision, candidates, checked, space),
            ),
            metric=task.metric,
            min_gain=min_gain,
            decision=decision,
            candidates=candidates,
            costs=costs,
            trials=judged,
            tried=others,
            strategy=strategy,
            saw=tuple(chosen.saw()),
            surer=surer(problem, chosen.evidence(), own, judged),
            front=tuple(chosen.front()),
            seconds=spent(chosen.trials.values()),
            expected_seconds=expected,
            wall_seconds=time.monotonic() - begun,
            expected_wall_seconds=wall,
            checked=checked,
            baseline=baseline,
            tested=tested,
            looks=(*before, *[seeds] * own),
            search=asked,
            versions=versions(),
        )
        verdicts.save(verdict, folder / "verdict.json")
    return verdict


def default_strategy(vary: Mapping[str, Values | Range] | None) -> str:
    """The one that takes the least training, of those that can try what varies."""
    return "grid" if vary else "race"


def _run_all(
    strategy: Strategy,
    done: Sequence[Trial],
    setup: Setup,
    ledger: Ledger,
    runner: Runner,
    progress: SearchProgress,
) -> None:
    """Every trial that the strategy wants after those of earlier sessions."""
    plan = SearchPlan(
        opening(strategy, len(done)),
        setup.candidates,
        setup.settings.epochs,
        setup.task.metric,
        strategy.problem.seconds,
        tuple(strategy.expected()),
        tuple(done),
        runner.size,
        strategy.judged,
    )
    progress.start(plan)
    try:
        drive(strategy, ledger, runner, progress)
    finally:
        progress.close()


def _hand_over(
    depth: int | None,
    trials: Iterable[Trial],
    setup: Setup,
    folder: Path,
    progress: SearchProgress,
) -> tuple[Trial | None, float | None]:
    """The best whole trial of ``depth``, whose run becomes that of the search, with its value on
    the test part; one is made where there is none, or its run is on another machine."""
    if depth is None:
        return None, None
    best = winner(depth, trials, setup.task.metric)
    if best is None:
        alone = Job(depth=depth, seed=0)
        progress.note(f"{alone} is trained to be handed over")
        best = run_job(alone, setup, folder, Silent())
        if best.diverged:
            return None, None
    elif RunFolder(run_folder(folder, best.job)).result() is None:
        progress.note(f"{best.job} was trained elsewhere; training it here too, to hand it over")
        if run_job(best.job, setup, folder, Silent()).diverged:
            return None, None
    return best, present(best, folder, setup)


def _candidates(
    task: Task,
    depths: Iterable[int],
    width: int | None,
    parameters: int | None,
    options: Any,
    changes: dict[str, Any],
) -> tuple[Candidate, ...]:
    fixed = sorted({"depth", "seed"} & changes.keys())
    if fixed:
        raise LaminaError(f"got {fixed[0]}=; a search sets it itself: use {fixed[0]}s=.")
    if parameters is not None:
        if width is not None:
            raise LaminaError(
                f"got width={width} and parameters={parameters}; give one of them:"
                " the other follows from it."
            )
        return equal_parameters(task, depths, parameters, options, **changes)
    if width is None:
        with torch.device("meta"):
            model = task.model(options, **{**changes, "depth": 1})
        width = model.config().get("options", {}).get("width")
    if not isinstance(width, int):
        raise LaminaError(f"got width {width}; a search needs one number, such as width=128.")
    return equal_width(task, depths, width, options, **changes)


def _times(
    setup: Setup, threads: int | None, ledger: Ledger
) -> tuple[tuple[Cost, ...], dict[int, Epoch]]:
    """The cost of each depth, and the seconds that an epoch of it is expected to take with so many
    CPU threads. Measured once for all: machines that plan by them must plan alike."""
    settings = setup.settings.changed(threads=threads)

    def make() -> Any:
        models = {c.depth: setup.model(Job(depth=c.depth, seed=0)) for c in setup.candidates}
        costs = measure(models, setup.task, settings)
        return msgspec.to_builtins((costs, epoch_seconds(models, setup.task, settings)))

    depths = ", ".join(str(candidate.depth) for candidate in setup.candidates)
    agreed = ledger.agree(f"times of depths {depths}", make)
    return msgspec.convert(agreed, tuple[tuple[Cost, ...], dict[int, Epoch]], strict=False)


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
