"""What a search may be asked, and what it records of it."""

from __future__ import annotations

import inspect

import msgspec
import numpy as np
import pytest

from depth_toy import Toy
from lamina.depth import Question, search
from lamina.depth.plan.strategies import STRATEGIES
from lamina.depth.plan.strategies.grid import Grid
from lamina.depth.search import _check
from lamina.depth.tell.progress import SilentSearch
from lamina.spec import LaminaError
from lamina.train import Settings

QUICK = Settings(epochs=2, lr=0.02, threads=1)


def run(out, **changes):
    arguments = {"depths": (1, 2), "seeds": 2, "strategy": "grid", "settings": QUICK, **changes}
    return search(arguments.pop("task", Toy()), out=out, progress=SilentSearch(), **arguments)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": 0}, "seeds is 0; need at least 1, such as 5"),
        ({"seeds": "2"}, "seeds is '2'; need a whole number, such as 5"),
        ({"seeds": 1.5}, "seeds is 1.5; need a whole number, such as 5"),
        ({"depths": 5}, r"depths is 5; need a list or 'auto', such as \(1, 2, 3\)"),
        ({"depths": "1-5"}, "depths is '1-5'; need a list or 'auto', such as"),
        ({"depths": (0, 1)}, r"depths is \(0, 1\); need at least 1 in each entry"),
        ({"depths": [1.5]}, r"depths is \(1.5,\); need a whole number in each entry"),
        (
            {"vary": ["lr"]},
            r"vary is \('lr',\); need a dict or None, such as {'lr': \(0.001, 0.003",
        ),
        ({"depths": ()}, "no depths"),
        ({"width": 8, "parameters": 1000}, "one of them"),
        ({"depth": 3}, "use depths="),
        ({"epochs": 1}, r"'epochs' is a setting of training: settings=Settings\(epochs=1\)"),
        ({"min_gain": 0}, "min_gain is 0; need 0 < min_gain < 100, such as 1"),
        ({"min_gain": "2"}, "min_gain is '2'; need a number, such as 1"),
        ({"trials": 0}, "trials is 0; need at least 1, such as 20"),
        ({"strategy": "best"}, "strategy is 'best'; need one of grid, race"),
        ({"budget": 0}, "budget is 0; need a finite number above 0 or None, such as 1800 for half"),
        (
            {"budget": "30m"},
            "budget is '30m'; need a number or None, such as 1800 for half an hour",
        ),
        ({"workers": 0}, "workers is 0; need at least 1 or None"),
        ({"task": Toy(empty=("validation",))}, "no validation part"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_written(tmp_path, change, words):
    with pytest.raises(LaminaError, match=words):
        run(tmp_path / "search", **change)
    assert list(tmp_path.iterdir()) == []


def test_every_field_of_a_question_is_a_keyword_of_search():
    taken = inspect.signature(search).parameters
    for field in msgspec.structs.fields(Question):
        assert taken[field.name].default == field.default
        assert taken[field.name].kind is inspect.Parameter.KEYWORD_ONLY
    assert list(taken)[:2] == ["task", "question"]
    assert list(taken)[-1] == "changes"


#: Another value of each field of a question.
OTHER = {
    "depths": (1, 3),
    "seeds": 3,
    "cell": "lstm",
    "width": 8,
    "parameters": 12_000,
    "min_gain": 2.0,
    "cost_per_layer": 1.0,
    "strategy": "random",
    "vary": {"lr": (0.01, 0.02)},
    "trials": 7,
    "budget": 60.0,
    "workers": 2,
    "storage": "sqlite://",
    "ray": "local",
}


@pytest.mark.parametrize("field", Question.__struct_fields__)
def test_every_field_of_a_question_is_recorded_but_where_it_is_run(field):
    def recorded(**fields):
        return _check(Toy(), Question(**fields), {}, QUICK, None).search

    where = field in ("workers", "storage", "ray")
    assert (recorded(**{field: OTHER[field]}) == recorded()) == where


def test_a_strategy_registered_later_is_known(monkeypatch):
    monkeypatch.setitem(STRATEGIES, "mine", Grid)
    assert Question(strategy="mine").strategy == "mine"


@pytest.mark.parametrize("depths", [[1, 2], range(1, 3), {1, 2}, np.arange(1, 3)])
def test_depths_may_be_any_collection(depths):
    assert run(None, depths=depths, seeds=1).search["depths"] == [1, 2]


def test_without_a_strategy_it_races():
    assert run(None, strategy=None, seeds=1).strategy == "race"
