"""A network with all that it takes to use it without its training data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from lamina.spec.answers import TYPED_TEXT, Answers

__all__ = ["TYPED_TEXT", "Model"]


class Model(torch.nn.Module, Answers):
    """A network together with what it takes to use it without its training data.

    A run folder keeps ``config()``, ``assets()`` and the weights; from these ``lamina.load``
    makes the model again.
    """

    #: The task's name, e.g. ``"classify"``; set by each model class.
    task: str

    def config(self) -> dict[str, Any]:
        """JSON values from which the same network can be built."""
        raise NotImplementedError

    def assets(self) -> dict[str, str]:
        """Text files that belong to the model, by name (``{"vocabulary.json": ...}``)."""
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
