"""How answers are shown, and what some models can do beside answering examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

#: What stands for a text in a command.
TYPED_TEXT = '"..."'


def shown(value: Any) -> str:
    """A value of an answer for a terminal, on one line; several with commas between them."""
    if isinstance(value, list):
        return ",".join(map(shown, value))
    if isinstance(value, float):
        return f"{value:.4f}"
    # Whoever reads a line for each answer counts on them.
    return str(value).replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


class Answers:
    """What answers examples that a user types or that a file holds."""

    #: How an example is typed on a command line (:data:`TYPED_TEXT`, ``"FILE.wav"``); ``None``: it
    #: cannot be, examples come in files.
    typed: str | None = None
    #: What the files of the training data were read as that are not UTF-8.
    encoding: str | None = None

    def read(self, path: str | Path) -> Sequence[Any]:
        """Examples from a file of the kind that the model was trained on; it needs no answers."""
        raise NotImplementedError

    def predict(self, examples: Sequence[Any]) -> Sequence[Any]:
        """The model's answer to each example, as text or as a number."""
        raise NotImplementedError

    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """The same with what is known about each answer (a probability); JSON values."""
        raise NotImplementedError

    def label(self, example: Any) -> dict[str, str]:
        """What tells an example from the others where answers are printed: ``id`` (a file's path),
        or nothing."""
        return {}

    def read_labelled(self, path: str | Path) -> tuple[Sequence[Any], list[dict[str, str]]]:
        """What :meth:`read` gives, and what tells each example from the others: as :meth:`label`
        says, or ``id`` or ``place`` (``file:line``) as only the file knows it."""
        examples = self.read(path)
        return examples, [self.label(example) for example in examples]

    def show(self, example: Any, answer: Mapping[str, Any]) -> str:
        """One of :meth:`answers` as ``lamina predict`` prints it: its values, with tabs between."""
        return "\t".join(map(shown, answer.values()))


@runtime_checkable
class Tabular(Protocol):
    """A model whose answer to a file is a table, not one answer to each of its examples."""

    def table(self, path: str | Path) -> Iterator[dict[str, Any]]:
        """Rows with the same keys, JSON values."""
        ...


@runtime_checkable
class Generates(Protocol):
    """A model that goes on where a text ends."""

    def generate(
        self, prompt: str, length: int, *, temperature: float, top_k: int | None, seed: int
    ) -> str:
        """``prompt`` and ``length`` tokens drawn after it."""
        ...
