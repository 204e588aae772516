"""Options of every kind: bounds, choices, descriptions."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import numpy as np
import pytest
from msgspec import Meta

from lamina.depth import Question
from lamina.nn import StackOptions
from lamina.options import (
    Count,
    Options,
    Positive,
    Share,
    changed,
    choices,
    description,
    extra,
    hints_of,
    struct_from,
)
from lamina.spec import LaminaError
from lamina.tasks import TASKS
from lamina.train import Settings

NAMES = ["rnn", "gru"]


def names():
    return NAMES


class Plant(Options, frozen=True, kw_only=True):
    leaves: Annotated[Count, Meta(description="Leaves.")] = 3
    roots: Annotated[Count | None, Meta(description="Roots.")] = None
    height: Annotated[Positive, Meta(description="Height in metres.")] = 1.0
    shade: Annotated[Share, Meta(description="Share of the day in shade.")] = 0.0
    depth: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | tuple[Annotated[int, Meta(ge=1, le=1000)], ...],
        Meta(description="Depth."),
    ] = 1
    rows: Annotated[tuple[Count, Positive], Meta(description="Rows.")] = (1, 1.0)
    kind: Annotated[Literal["tree", "bush"], Meta(description="Kind.")] = "tree"
    cell: Annotated[str, Meta(description="Cell.", extra={"choices": names})] = "rnn"
    other: Annotated[str | None, Meta(description="Other.", extra={"choices": ("a", "b")})] = None
    wet: Annotated[bool, Meta(description="Wet.", extra={"off": "Dry."})] = True
    least: Annotated[float, Meta(description="Least.", le=5)] = 0.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"leaves": 0}, "leaves is 0; need at least 1"),
        ({"leaves": "3"}, "leaves is '3'; need a whole number"),
        ({"leaves": 2.5}, "leaves is 2.5; need a whole number"),
        ({"leaves": True}, "leaves is True; need a whole number"),
        ({"leaves": None}, "leaves is None; need a whole number"),
        ({"roots": "x"}, "roots is 'x'; need a whole number or None"),
        ({"height": False}, "height is False; need a number"),
        ({"kind": 3}, "kind is 3; need one of tree, bush"),
        ({"depth": None}, "depth is None; need a whole number or a list"),
        ({"roots": 0}, "roots is 0; need at least 1 or None"),
        ({"height": 0.0}, "height is 0.0; need a finite number above 0"),
        ({"height": float("nan")}, "height is nan; need a finite number above 0"),
        ({"height": float("inf")}, "height is inf; need a finite number above 0"),
        ({"height": 10**400}, "height is about 2**1328; need a number that fits into 64 bits"),
        ({"depth": -(10**5000)}, "depth is about -2**16609; need 1 to 1,000"),
        ({"shade": 1.0}, "shade is 1.0; need 0 <= shade < 1"),
        ({"shade": float("nan")}, "shade is nan; need 0 <= shade < 1"),
        ({"depth": 1001}, "depth is 1001; need 1 to 1,000"),
        ({"depth": (1, 0)}, "depth is (1, 0); need 1 to 1,000 in each entry"),
        ({"rows": (1, -1.0)}, "rows is (1, -1.0); need a finite number above 0 in each entry"),
        ({"kind": "moss"}, "kind is 'moss'; need one of tree, bush"),
        ({"cell": "lstm"}, "cell is 'lstm'; need one of rnn, gru"),
        ({"other": "c"}, "other is 'c'; need one of a, b or None"),
        ({"least": 6.0}, "least is 6.0; need at most 5"),
    ],
)
def test_a_value_out_of_bounds_is_refused_wherever_it_comes_from(values, message):
    made = (
        lambda: Plant(**values),
        lambda: struct_from(Plant, values, what="option"),
        lambda: changed(Plant(), values, what="option"),
    )
    for make in made:
        with pytest.raises(LaminaError) as caught:
            make()
        assert str(caught.value) == message
    # As a file gives it: lists, and a place.
    read = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
    with pytest.raises(LaminaError) as caught:
        struct_from(Plant, read, what="option", place="config.json")
    assert str(caught.value) == f"config.json: {message}"


def test_values_within_the_bounds_pass():
    plant = Plant(
        leaves=1, roots=2, shade=0, depth=(1, 1000), rows=(1, 2), cell="gru", other="a", least=5
    )
    assert struct_from(Plant, msgspec.structs.asdict(plant), what="option") == plant
    assert Plant(roots=None).roots is None


def test_a_choice_registered_later_is_known(monkeypatch):
    monkeypatch.setattr(f"{__name__}.NAMES", ["rnn", "gru", "mgu"])
    assert Plant(cell="mgu").cell == "mgu"
    assert choices(hints_of(Plant)["cell"]) == ("rnn", "gru", "mgu")


STRUCTS = [
    pytest.param(Settings, id="Settings"),
    pytest.param(StackOptions, id="StackOptions"),
    pytest.param(Question, id="Question"),
    *(pytest.param(t.Data, id=f"{name} data") for name, t in TASKS.items()),
    *(pytest.param(t.Options, id=f"{name} options") for name, t in TASKS.items()),
]


def test_lists_and_numbers_of_numpy_are_kept_as_a_file_gives_them_back() -> None:
    options = StackOptions(depth=np.int64(2), width=[3, np.int32(4)], dropout=np.float32(0.5))
    assert (options.depth, options.width, options.dropout) == (2, (3, 4), 0.5)
    assert msgspec.convert(msgspec.to_builtins(options), StackOptions) == options


@pytest.mark.parametrize("struct", STRUCTS)
def test_every_option_is_described(struct):
    assert issubclass(struct, Options)
    for field in msgspec.structs.fields(struct):
        hint = hints_of(struct)[field.name]
        told = description(hint)
        assert told[:1].isupper() or told[:1].isdigit(), field.name
        assert told.endswith("."), field.name
        assert "`" not in told, field.name
        if field.default is True:  # the flag that turns it off says what that does
            assert (extra(hint, "off") or "")[-1:] == ".", field.name
