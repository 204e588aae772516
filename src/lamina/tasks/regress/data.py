"""Where the examples of a regression come from."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import polars as pl
from msgspec import Meta

from lamina.data import fingerprint
from lamina.data.read.registry import SEQUENCES
from lamina.data.read.table import as_numbers
from lamina.spec import LaminaError
from lamina.tasks.many_to_one.data import ExampleData, inputs_of, read_parts, read_source
from lamina.tasks.many_to_one.inputs import Examples, Inputs
from lamina.tasks.regress.inputs import TargetedSequences, TargetedTexts


class RegressData(ExampleData, frozen=True, kw_only=True):
    """Where the examples are, how they are read, split and batched, and what an error costs."""

    target: Annotated[str, Meta(description="The column of the number to predict.")] = "target"
    loss: Annotated[
        Literal["mse", "mae", "huber"],
        Meta(
            description="Training loss on the standardised target: squared error, absolute error, "
            "or squared up to one standard deviation and linear beyond (huber)."
        ),
    ] = "mse"

    def __post_init__(self) -> None:
        super().__post_init__()
        for path in filter(None, (self.source, self.validation, self.test)):
            if SEQUENCES.holds(path):
                raise LaminaError(
                    "holds sequences with classes; regress needs a table with a column of numbers "
                    "to predict",
                    place=path,
                )


def read(data: RegressData) -> tuple[Inputs, dict[str, Examples], dict[str, str]]:
    """The inputs, the examples of each part, and the files' fingerprints.

    Raises:
        LaminaError: a file that cannot be read, with the line.
    """
    inputs = inputs_of(data, TargetedTexts, TargetedSequences, target=data.target)
    inputs, rows = read_source(data, inputs)
    parts, others = read_parts(data, inputs, {"source": rows}, stratify=False)
    return inputs, parts, {data.source: fingerprint(data.source), **others}


def numbers(examples: Examples) -> np.ndarray:
    """The targets, ``(N,)`` float64.

    Raises:
        LaminaError: one that is not a finite number, with its place.
    """
    answers = examples.answers or ()
    found = as_numbers(pl.Series(answers, dtype=pl.String)).fill_null(math.nan).to_numpy()
    for row in np.flatnonzero(~np.isfinite(found))[:1]:
        raise LaminaError(
            f"target is {answers[row]!r}; need a finite number. Correct it, or remove the example.",
            place=examples.places[row],
        )
    return found
