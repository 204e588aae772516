"""A network with all that it takes to use it without its training data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from lamina.spec.answers import TYPED_TEXT, shown

__all__ = ["TYPED_TEXT", "Model"]


class Model(torch.nn.Module):
    """A network together with what it takes to use it without its training data.

    A run folder keeps ``config()``, ``assets()`` and the weights; from these ``lamina.load``
    makes the model again.
    """

    #: The task's name, e.g. ``"classify"``; set by each model class.
    task: str
    #: How an example is typed on a command line (:data:`TYPED_TEXT`, ``"FILE.wav"``); ``None``: it
    #: cannot be, examples come in files.
    typed: str | None = None

    def config(self) -> dict[str, Any]:
        """JSON values from which the same network can be built."""
        raise NotImplementedError

    def assets(self) -> dict[str, str]:
        """Text files that belong to the model, by name (``{"vocabulary.json": ...}``)."""
        raise NotImplementedError

    def read(self, path: str | Path) -> Sequence[Any]:
        """Examples from a file of the kind that the model was trained on; it needs no answers."""
        raise NotImplementedError

    def predict(self, examples: Sequence[Any]) -> list[str]:
        """The model's answer to each example."""
        raise NotImplementedError

    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """The same with what is known about each answer (a probability); JSON values."""
        raise NotImplementedError

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode meanwhile, without gradients; what the mode was before comes back."""
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.train(was_training)

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
