"""What is read, and how it becomes arrays: texts through a vocabulary, or numeric sequences on a
common scale. Kept with the model, so that it can read new data later.

A task derives both structs, adds the field that names the column of its answers, and says by
``answer`` what that column is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np

from lamina.data import (
    SequenceTable,
    TextTable,
    Vocabulary,
    cached_sequence_table,
    read_text_table,
)
from lamina.data.prepare.missing import MissingValues, filled
from lamina.data.prepare.standardize import Standardizer
from lamina.data.read.columns import Choice
from lamina.spec import LaminaError
from lamina.tasks.saved import SavedModel, is_frame, several, texts


@dataclass(frozen=True)
class Answer:
    """The column of the answers.

    Attributes:
        column:       its name.
        field:        the field that names it, in the inputs and in the task's ``Data``; so also the
                      option on the command line.
        separator:    what separates several answers, of which a cell may then also have none.
    """

    column: str
    field: str
    separator: str | None = None


@dataclass(frozen=True)
class Examples:
    """Examples as a file holds them.

    Attributes:
        values:  a text, or an array ``(T, I)``, each.
        answers: one an example, as text; ``None`` where none were read.
        places:  where each example is in its file.
        choice:  the columns of numbers, if nobody named them.
    """

    values: Sequence[Any]
    answers: list[str] | None
    places: list[str]
    choice: Choice = field(default_factory=Choice)

    def keys(self) -> list[Any]:
        """Equal for examples that are copies of each other."""
        return [v if isinstance(v, str) else (v.shape, v.tobytes()) for v in self.values]

    def take(self, index: np.ndarray) -> Examples:
        """Those at the positions ``index``."""
        return Examples(
            [self.values[i] for i in index],
            None if self.answers is None else [self.answers[i] for i in index],
            [self.places[i] for i in index],
            self.choice,
        )


Keep: TypeAlias = Literal["start", "end"]


def _kept(keep: Keep, most: int | None) -> slice:
    """The steps of a long sequence that stay."""
    return slice(None, most) if keep == "start" or most is None else slice(-most, None)


class TextInputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts from one column of a table, as tokens.

    Attributes:
        text:       the column.
        max_tokens: longer texts are truncated.
        keep:       the end of a long text to keep.
    """

    text: str
    max_tokens: int = 400
    keep: Keep = "end"

    asset = "vocabulary.json"

    @property
    def answer(self) -> Answer:
        """The column of the answers."""
        raise NotImplementedError

    def fitted(self, text: str) -> Vocabulary:
        """Read the asset.

        Raises:
            LaminaError: malformed.
        """
        return Vocabulary.from_json(text, self.asset)

    def read(self, path: str | Path, *, labelled: bool = True) -> Examples:
        """All rows of a table."""
        answer = self.answer
        table = read_text_table(
            path,
            text=self.text,
            label=answer.column if labelled else None,
            separator=answer.separator,
            option=answer.field,
        )
        return self.rows(table)

    def read_labelled(self, path: str | Path) -> tuple[Sequence[Any], list[dict[str, str]]]:
        """All texts of a file, which needs no answers, and the ``place`` of each."""
        rows = self.read(path, labelled=False)
        return rows.values, [{"place": place} for place in rows.places]

    def rows(self, table: TextTable) -> Examples:
        """The rows of a table that was read already."""
        return Examples(table.texts, table.labels, table.places)

    def given(self, examples: Any) -> list[str]:
        """Texts that a caller gave: a list or a column of them, or a data frame with the column
        that the model was trained on; see :func:`lamina.tasks.saved.texts`."""
        return texts(examples, self.text)

    def arrays(self, rows: Examples, vocabulary: Vocabulary) -> list[np.ndarray]:
        """Tokens of each text, ``(T,)`` int64.

        Raises:
            LaminaError: a text without a single token.
        """
        cut = _kept(self.keep, self.max_tokens)
        tokens = [encoded[cut] for encoded in vocabulary.encode_many(list(rows.values))]
        for text, encoded, place in zip(rows.values, tokens, rows.places, strict=True):
            if not len(encoded):
                remedy = "Use normalize='lower', or take" if text.strip() else "Take"
                raise LaminaError(
                    f"nothing is left of this text with normalize={vocabulary.normalize!r}; need "
                    f"one token at least. {remedy} the text out.",
                    place=place,
                )
        return tokens


class SequenceInputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numeric sequences from a long table (one row a step), or from a ``.ts`` file.

    Attributes:
        id:                the column that names the sequence of each row.
        features:          the numeric columns.
        missing:           how missing values are treated.
        missing_indicator: whether features that are 1 where a value was missing are added.
        max_steps:         longer sequences are truncated; ``None``: none is.
        keep:              the end of a long sequence to keep.
    """

    id: str
    features: tuple[str, ...]
    missing: MissingValues = "refuse"
    missing_indicator: bool = False
    max_steps: int | None = None
    keep: Keep = "end"

    asset = "scale.json"

    @property
    def answer(self) -> Answer:
        """The column of the answers."""
        raise NotImplementedError

    def fitted(self, text: str) -> Standardizer:
        """Read the asset.

        Raises:
            LaminaError: malformed.
        """
        return Standardizer.from_json(text, len(self.features), self.asset)

    @property
    def size(self) -> int:
        """Features of a step as the network reads it."""
        return len(self.features) * (2 if self.missing_indicator else 1)

    def read(self, path: str | Path, *, labelled: bool = True) -> Examples:
        """All sequences of a table or a ``.ts`` file."""
        return self.rows(self.table(path, labelled=labelled))

    def read_labelled(self, path: str | Path) -> tuple[Sequence[Any], list[dict[str, str]]]:
        """All sequences of a file, which needs no answers, and the ``id`` of each."""
        table = self.table(path, labelled=False)
        return table.sequences, [{"id": name} for name in table.ids]

    def table(self, path: str | Path, *, labelled: bool = True) -> SequenceTable:
        """The file as a table; with no features named, every other column of numbers.

        Raises:
            LaminaError: see :func:`lamina.data.read_sequence_table`.
        """
        return cached_sequence_table(
            path,
            id=self.id,
            label=self.answer.column if labelled else None,
            features=list(self.features) or None,
            missing=self.missing != "refuse",
            separator=self.answer.separator,
            option=self.answer.field,
        )

    def rows(self, table: SequenceTable) -> Examples:
        """The sequences of a table that was read already."""
        places = [f"{table.path}, id {i}" for i in table.ids]
        return Examples(table.sequences, table.labels, places, table.choice)

    def given(self, examples: Any) -> list[np.ndarray]:
        """Sequences that a caller gave: arrays ``(T, I)``, tensors, lists of rows, data frames with
        the columns of the features; or all of one length in one array ``(N, T, I)``.

        Raises:
            LaminaError: what is not several of these, with its position.
        """
        size, names = len(self.features), list(self.features)
        need = f"a list of arrays (T, I={size})"
        if is_frame(examples):
            raise LaminaError(
                f"got a {type(examples).__name__}; need {need}, one a sequence, such as "
                f"[rows[{names}] for _, rows in table.groupby({self.id!r})]"
            )
        if getattr(examples, "ndim", 3) == 2:
            shape = tuple(examples.shape)
            raise LaminaError(f"got one array of shape {shape}; need {need}, or (N, T, I={size})")
        found = several(examples, need)
        return [self._rows(each, f"example {i}") for i, each in enumerate(found, start=1)]

    def _rows(self, value: Any, place: str) -> np.ndarray:
        need = f"an array (T, I={len(self.features)})"
        if is_frame(value):
            if missing := [name for name in self.features if name not in value.columns]:
                got = ", ".join(map(str, value.columns))
                raise LaminaError(f"has columns {got}; need also {', '.join(missing)}", place=place)
            value = value[list(self.features)].to_numpy()
        if hasattr(value, "detach"):  # a tensor
            value = value.detach().cpu().numpy()
        if isinstance(value, list | tuple):
            try:
                value = np.asarray(value)
            except ValueError:
                raise LaminaError(
                    f"got rows of different lengths; need {need}", place=place
                ) from None
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
            kind = f" of {value.dtype}" if isinstance(value, np.ndarray) else ""
            raise LaminaError(f"got {type(value).__name__}{kind}; need {need}", place=place)
        return value[:, None] if value.ndim == 1 == len(self.features) else value

    def arrays(self, rows: Examples, scale: Standardizer) -> list[np.ndarray]:
        """Each sequence on the scale of the training part, gaps filled: ``(T, size)`` float32."""
        for values, place in zip(rows.values, rows.places, strict=True):
            if values.ndim != 2 or values.shape[1] != len(scale.mean) or not len(values):
                raise LaminaError(
                    f"got a sequence of shape {values.shape}; need (T, I={len(scale.mean)}) "
                    "with T at least 1",
                    place=place,
                )
            gaps_are_fine = self.missing != "refuse"
            if not (np.isfinite(values) | (gaps_are_fine & np.isnan(values))).all():
                raise LaminaError("got a value that is no finite number", place=place)
        scaled = [scale(values) for values in rows.values]
        if self.missing != "refuse":  # before the cut, so that a gap may look further back
            scaled = [filled(x, self.missing, indicator=self.missing_indicator) for x in scaled]
        return [x[_kept(self.keep, self.max_steps)] for x in scaled]


Inputs: TypeAlias = TextInputs | SequenceInputs
#: What was learned from the training part to read the inputs.
Fitted: TypeAlias = Vocabulary | Standardizer


def inputs_from(saved: SavedModel, texts: type[TextInputs], sequences: type[SequenceInputs]) -> Any:
    """The inputs in a model's configuration: one of the two kinds.

    Raises:
        LaminaError: malformed.
    """
    inputs = saved.config.get("inputs")
    text = isinstance(inputs, Mapping) and "text" in inputs
    return saved.part("inputs", texts if text else sequences)
