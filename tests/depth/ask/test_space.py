"""What may vary beside the depth: read, refused, combined, drawn."""

from __future__ import annotations

import re

import pytest

from depth_toy import Toy, ToyOptions
from lamina.depth.ask.candidates import equal_width
from lamina.depth.ask.setup import Setup
from lamina.depth.ask.space import Range, checked_space, combinations, draw, parse_vary
from lamina.spec import LaminaError
from lamina.train import Settings


class Varied(Toy):
    """A task that says what its options are."""

    Options = ToyOptions


def setup_of(settings: Settings | None = None, **changes) -> Setup:
    task = Varied()
    candidates = equal_width(task, (1, 2), 4, **changes)
    return Setup(task, candidates, settings or Settings(), None, changes)


def test_what_varies_is_read():
    texts = ["lr=0.001, 3e-3", "dropout=0:0.5", "weight-decay=1e-4:1e-2:log", "cell=rnn,gru"]
    assert parse_vary([*texts, "width=64,128", "residual=true,False"]) == {
        "lr": (0.001, 0.003),
        "dropout": Range(0, 0.5),
        "weight_decay": Range(1e-4, 1e-2, log=True),
        "cell": ("rnn", "gru"),
        "width": (64, 128),
        "residual": (True, False),
    }


@pytest.mark.parametrize(
    "text",
    ["", "lr", "lr=", "=1", "lr=1,,2", "lr=1:2:3", "lr=1:2:lin", "lr=1:", "lr=a:b", "l r=1"],
)
def test_other_texts_are_refused_in_one_line(text):
    with pytest.raises(LaminaError, match=re.escape("write it like lr=0.001,0.003")) as e:
        parse_vary([text])
    assert "\n" not in str(e.value)


def test_a_name_is_given_once():
    with pytest.raises(LaminaError, match="lr varies twice"):
        parse_vary(["lr=1", "lr=2"])


def test_a_space_has_the_types_of_the_fields():
    vary = {"lr": (1, 0.1), "width": Range(2, 8), "cell": ["rnn", "gru"], "clip": Range(1, 2)}
    space = checked_space(vary, setup_of(), equal_size=False)
    assert space == {
        "lr": (1.0, 0.1),
        "width": Range(2, 8),
        "cell": ("rnn", "gru"),
        "clip": Range(1.0, 2.0),
    }
    clip, width = space["clip"], space["width"]
    assert isinstance(clip, Range)
    assert isinstance(width, Range)
    assert (type(clip.low), type(width.low)) == (float, int)


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ({"depth": (1, 2)}, "depths="),
        ({"seed": (1, 2)}, "seeds="),
        ({"epochs": (1, 2)}, "'epochs' cannot vary"),
        ({"threads": (1, 2)}, "'threads' cannot vary"),
        ({"colour": ("red",)}, "'colour' to vary; need one of"),
        ({"lr": ()}, "some values, or a Range"),
        ({"lr": "fast"}, "some values, or a Range"),
        ({"lr": 0.1}, "some values, or a Range"),
        ({"lr": ("fast",)}, "lr is 'fast'; need a number$"),
        ({"lr": (0.1, -1.0)}, "lr is -1.0; need a finite number above 0"),
        ({"lr": (0.1, None)}, "lr=None to vary"),
        ({"lr": (0.1, 0.1)}, "'lr' names a value twice"),
        ({"lr": Range(0.2, 0.1)}, "need the lower one first"),
        ({"lr": Range(0.0, 0.1, log=True)}, "lr is 0.0; need a finite number above 0"),
        ({"lr": Range(0.0, 0.1)}, "lr is 0.0; need a finite number above 0"),
        ({"cell": Range(0, 1)}, "cell is 0; need a text$"),
        ({"width": Range(2, 4.5)}, "width is 4.5; need a whole number$"),
        ({"width": ("wide",)}, "width is 'wide'; need a whole number$"),
        ({"momentum": (0.5, 0.9)}, "use optimizer='sgd'"),
        ({"optimizer": ("sgd", "adam"), "momentum": (0.5,)}, "use optimizer='sgd'"),
    ],
)
def test_what_cannot_vary_is_refused_in_one_line(vary, words):
    with pytest.raises(LaminaError, match=words) as e:
        checked_space(vary, setup_of(), equal_size=False)
    assert "\n" not in str(e.value)


def test_what_is_fixed_does_not_vary():
    with pytest.raises(LaminaError, match="got cell='gru' and 'cell' to vary"):
        checked_space({"cell": ("rnn", "lstm")}, setup_of(cell="gru"), equal_size=False)


def test_at_equal_size_nothing_varies_that_changes_the_size():
    with pytest.raises(LaminaError, match="with width=64 a network of depth 1 has"):
        checked_space({"width": (4, 64)}, setup_of(), equal_size=True)
    assert checked_space({"lr": (0.1, 0.2)}, setup_of(), equal_size=True)


def test_every_combination_is_there_once():
    found = combinations({"lr": (0.1, 0.2), "cell": ("rnn", "gru", "lstm")})
    assert found[:2] == [{"lr": 0.1, "cell": "rnn"}, {"lr": 0.1, "cell": "gru"}]
    assert len({tuple(setting.items()) for setting in found}) == len(found) == 6
    with pytest.raises(LaminaError, match=r"'lr' is a range, from 0\.1 to 0\.2"):
        combinations({"lr": Range(0.1, 0.2)})


def test_draws_fill_a_range_and_do_not_depend_on_their_number():
    space = {"lr": Range(1e-4, 1.0, log=True), "dropout": Range(0.0, 0.5), "width": Range(3, 5)}
    found = draw(space, 300)
    assert found[:7] == draw(space, 7)
    assert {setting["width"] for setting in found} == {3, 4, 5}
    assert all(0 <= float(s["dropout"]) <= 0.5 and 1e-4 <= float(s["lr"]) <= 1 for s in found)
    # A logarithmic scale: as many in each power of ten, a quarter of the draws.
    low = sum(float(s["lr"]) < 1e-3 for s in found)
    assert 50 < low < 100


def test_of_values_all_combinations_are_drawn_before_one_comes_again():
    space = {"lr": (0.1, 0.2), "cell": ("rnn", "gru", "lstm")}
    found = [tuple(setting.items()) for setting in draw(space, 12)]
    assert set(found[:6]) == set(found[6:]) == set(found)
    assert len(set(found)) == 6
