"""All but the network: reads and encodes examples, turns scores into answers, without torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from lamina.spec import TYPED_TEXT
from lamina.spec.answers import Answers
from lamina.tasks.many_to_one.inputs import Examples, Fitted, Inputs, TextInputs
from lamina.tasks.saved import SavedModel, no_network

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class ExampleProcessor(Answers):
    """Reads examples, encodes them, and decodes scores.

    Attributes:
        inputs: what is read.
        fitted: the vocabulary, or the scale of the features.
    """

    inputs: Inputs
    fitted: Fitted

    @property
    @abstractmethod
    def outputs(self) -> int:
        """``C``, the number of scores of an example."""

    @abstractmethod
    def decode(self, scores: np.ndarray) -> list[dict[str, Any]]:
        """The answer in each row of ``scores`` ``(N, C)``."""

    @classmethod
    @abstractmethod
    def from_saved(cls, saved: SavedModel) -> Self:
        """The same from what a run folder keeps.

        Raises:
            LaminaError: malformed.
        """

    def config(self) -> dict[str, Any]:
        """JSON values that :meth:`from_saved` reads."""
        return {"inputs": msgspec.to_builtins(self.inputs)}

    def assets(self) -> dict[str, str]:
        """Text files by name."""
        return {self.inputs.asset: self.fitted.to_json()}

    @property
    def typed(self) -> str | None:  # type: ignore[override]
        """See :class:`lamina.spec.answers.Answers`."""
        return TYPED_TEXT if isinstance(self.inputs, TextInputs) else None

    def read(self, path: str | Path) -> Sequence[Any]:
        """Examples from a file of the kind that the model was trained on; it needs no answers."""
        return self.inputs.read(path, labelled=False).values

    def read_labelled(self, path: str | Path) -> tuple[Sequence[Any], list[dict[str, str]]]:
        """The same, with the ``place`` of a text or the ``id`` of a sequence."""
        return self.inputs.read_labelled(path)

    def encode(self, examples: Sequence[Any]) -> list[np.ndarray]:
        """Tokens ``(T,)`` int64 of each text, or features ``(T, I)`` float32 of each sequence.

        Args:
            examples: what :meth:`read` gives, or the same in another form, as
                :meth:`lamina.tasks.many_to_one.inputs.TextInputs.given` and
                :meth:`lamina.tasks.many_to_one.inputs.SequenceInputs.given` take it.

        Raises:
            LaminaError: an example that cannot be read, with its position.
        """
        examples = self.inputs.given(examples)
        if not examples:
            return []
        places = [f"example {i}" for i in range(1, len(examples) + 1)]
        return self.inputs.arrays(Examples(examples, None, places), self.fitted)  # type: ignore[arg-type]

    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """Refused once the examples are encoded: scores come from the network."""
        self.encode(examples)
        raise no_network()
