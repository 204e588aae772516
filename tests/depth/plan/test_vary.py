"""Settings beside the depth, through the whole search on a toy task."""

from __future__ import annotations

from pathlib import Path

import msgspec
from rich.console import Console

from depth_toy import Toy, ToyOptions
from lamina.depth import search
from lamina.depth.ask.candidates import Candidate
from lamina.depth.ask.space import Range
from lamina.depth.plan.tuned import CHOOSING
from lamina.depth.tell.progress import SilentSearch
from lamina.depth.tell.table import show, table
from lamina.depth.tell.verdict import Verdict, load
from lamina.spec import ACCURACY
from lamina.store import RunFolder
from lamina.train import Settings


class Varied(Toy):
    Options = ToyOptions


def run(out: Path | None, **changes) -> Verdict:
    arguments = {
        "depths": (1, 2),
        "seeds": 1,
        "settings": Settings(epochs=2, lr=0.02, threads=1),
        **changes,
    }
    return search(Varied(), out=out, progress=SilentSearch(), **arguments)


def test_the_best_setting_is_judged_and_handed_over(tmp_path: Path) -> None:
    out = tmp_path / "search"
    verdict = run(out, vary={"width": (2, 3), "lr": (1e-9, 0.05)})
    assert verdict.strategy == "grid"  # without one being named, as settings vary
    assert {trial.seed for trial in verdict.trials} == {0}
    assert {trial.seed for trial in verdict.tried} == {CHOOSING}
    assert len(verdict.tried) == 2 * 4
    assert verdict.search["vary"] == {"width": [2, 3], "lr": [1e-9, 0.05]}
    assert load(out / "verdict.json") == verdict
    tested = verdict.tested
    assert tested is not None
    (best,) = [t for t in verdict.trials if t.depth == tested.depth]
    config, _, tensors = RunFolder(out).load_model_files()
    shape = msgspec.convert(config["model"]["options"], ToyOptions)
    assert (shape.depth, shape.width) == (tested.depth, dict(best.job.changes)["width"])
    assert config["training"]["lr"] == dict(best.job.changes)["lr"]
    assert tensors["head.weight"].shape == (2, shape.width)
    assert any(told.startswith(f"Depth {tested.depth}: lr ") for told in verdict.saw)


def test_the_network_that_is_shown_is_the_one_that_is_judged(tmp_path: Path) -> None:
    """Its width, size, time and memory are those of the setting that was chosen, not of the
    default width."""
    verdict = run(tmp_path, vary={"width": (2, 48)}, depths=(1, 3))
    for trial in verdict.trials:
        width = dict(trial.job.changes)["width"]
        candidate, cost = verdict.candidate(trial.depth), verdict.cost(trial.depth)
        model = Varied().model(depth=trial.depth, width=width)
        parameters = sum(p.numel() for p in model.parameters())
        assert (candidate.width, candidate.parameters) == (width, parameters)
        assert cost.weight_bytes == 4 * parameters
        assert f"{parameters:,}" in shown(verdict)
    again = run(tmp_path, vary={"width": (2, 48)}, depths=(1, 3))
    assert again.costs == verdict.costs  # agreed once, for every session


def shown(verdict: Verdict) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(show(verdict))
    return capture.get()


def test_while_a_width_is_chosen_none_is_shown() -> None:
    candidates = (Candidate(1, 7, 1234), Candidate(2, 7, 5678))
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table(ACCURACY, candidates, (), unknown={2}))
    assert "1,234" in capture.get()
    assert "5,678" not in capture.get()


def test_rungs_are_pauses_of_one_training(tmp_path: Path) -> None:
    out = tmp_path / "search"
    settings = Settings(epochs=3, lr=0.02, threads=1)
    vary = {"lr": Range(1e-3, 1e-1, log=True)}
    verdict = run(out, depths=(1,), strategy="halving", trials=3, vary=vary, settings=settings)
    assert sorted(t.job.epochs or 3 for t in verdict.tried) == [1, 1, 1, 3]
    whole = next(t for t in verdict.tried if t.job.epochs is None)
    paused = next(t for t in verdict.tried if t.job.run == whole.job.run and t != whole)
    assert whole.curve[:1] == paused.curve


def test_rules_answer_with_one_training_and_name_their_sources() -> None:
    verdict = run(None, depths="auto", strategy="rules")
    assert len(verdict.trials) == 1
    assert [candidate.depth for candidate in verdict.candidates] == [1, 2]
    assert "Compared: depth 1 with" in str(verdict)
    assert any("forums" in told for told in verdict.saw)


def test_proposals_leave_the_log_of_optuna_as_it_was() -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    run(None, strategy="bayes", vary={"lr": (0.1, 0.2)}, trials=2)
    assert optuna.logging.get_verbosity() == before
