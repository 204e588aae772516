import io
import sys

import pytest
import torch
from rich.console import Console

from lamina.spec import LaminaError
from lamina.train import PlainProgress, RichProgress, Silent, fit
from lamina.train.progress import choose_progress
from toy import Points, Stream


def test_plain_is_one_aligned_line_an_evaluation(capsys):
    task = Points(script=[0.5, 0.9, 0.7])
    fit(task.model(), task, epochs=3, progress=PlainProgress(), device="cpu", threads=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "\x1b" not in err
    assert "\r" not in err
    where, heading, *rows, ending = err.splitlines()
    assert where == "points: 6 parameters on cpu, 1 thread"
    assert heading.split("  ")[-1].strip() == "tokens/s"
    assert [row.split()[0] for row in rows] == ["1/3", "2/3", "3/3"]
    assert [row.endswith("*") for row in rows] == [True, True, False]
    assert {len(row.removesuffix(" *")) for row in rows} == {len(heading)}
    assert "90.00%" in rows[1]
    assert ending.startswith("done; accuracy 90.00% after epoch 2; 12 steps in ")


def test_plain_without_validation(capsys):
    task = Stream(validation=False)
    fit(task.model(), task, epochs=1, progress=PlainProgress())
    heading, row = capsys.readouterr().err.splitlines()[1:3]
    assert len(row.removesuffix(" *")) == len(heading)


def test_rich_shows_a_live_line_and_the_same_table(monkeypatch):
    monkeypatch.setattr("lamina.train.progress.REDRAW", 0.0)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=110)
    task = Points(script=[0.5, 0.9, 0.7])
    fit(task.model(), task, epochs=3, progress=RichProgress(console))
    shown = screen.getvalue()
    assert "epoch 2/3" in shown
    assert "best 50.00%" in shown
    assert "90.00%" in shown
    assert "done; accuracy 90.00% after epoch 2" in shown


def test_rich_serves_one_training_after_the_other():
    progress = RichProgress(Console(file=io.StringIO(), force_terminal=True))
    for _ in range(2):
        fit(Points().model(), Points(), epochs=1, progress=progress)
    assert len(progress._bar.tasks) == 1


def test_rich_is_put_away_after_an_error():
    screen = io.StringIO()
    progress = RichProgress(Console(file=screen, force_terminal=True))
    task = Points(poison_step=2)
    with pytest.raises(LaminaError):
        fit(task.model(), task, progress=progress)
    assert screen.getvalue().rstrip().endswith("s")
    assert not progress._bar.live.is_started

    task = Points()
    task.step = lambda *_: 1 / 0
    progress = RichProgress(Console(file=screen, force_terminal=True))
    with pytest.raises(ZeroDivisionError):
        fit(task.model(), task, progress=progress)
    assert not progress._bar.live.is_started


def test_the_terminal_decides(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(choose_progress(), RichProgress)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert isinstance(choose_progress(), PlainProgress)


def test_each_step_is_told(monkeypatch):
    seen = []

    class Listening(Silent):
        def step(self, epoch, batch, batches, loss, tokens_per_second):
            seen.append((epoch, batch, batches))
            assert loss is not None
            assert tokens_per_second > 0

    task = Points()
    torch.manual_seed(0)
    fit(task.model(), task, epochs=2, progress=Listening())
    assert seen == [(e, b, 4) for e in (1, 2) for b in (1, 2, 3, 4)]
