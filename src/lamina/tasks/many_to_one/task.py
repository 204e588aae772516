"""What the tasks share whose network gives one answer to a whole example."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from lamina.data import BucketedBatches, fingerprint
from lamina.data.prepare.standardize import constant
from lamina.spec import Batch, Part
from lamina.tasks.base import DataTask
from lamina.tasks.describe import Facts, filled, lengths
from lamina.tasks.many_to_one.inputs import Examples, TextInputs
from lamina.tasks.many_to_one.network import ManyToOne, ManyToOneOptions
from lamina.tasks.many_to_one.processor import ExampleProcessor

N = TypeVar("N", bound=ManyToOne)


class ManyToOneTask(DataTask[N, Batch], Generic[N]):
    """A :class:`lamina.tasks.base.DataTask` with one target an example. Its ``learn`` reads the
    data, makes the processor of the training part, and calls :meth:`place`.

    Attributes:
        processor: reads and encodes the examples; the model keeps it.
        parts:     the examples by part.
        arrays:    the same encoded, ``(T,)`` or ``(T, I)`` each.
        targets:   the encoded answers by part, ``(N, ...)``.
    """

    Options = ManyToOneOptions

    processor: Any

    def place(self, processor: ExampleProcessor, parts: Mapping[str, Examples]) -> None:
        """Keep the processor, and encode all parts."""
        self.processor, self.parts = processor, dict(parts)
        self.targets: dict[str, np.ndarray] = {}
        self.arrays: dict[str, list[np.ndarray]] = {}
        for part, rows in self.parts.items():
            self.targets[part] = self.encoded(rows)
            self.arrays[part] = processor.inputs.arrays(rows, processor.fitted)  # type: ignore[arg-type]

    @abstractmethod
    def encoded(self, examples: Examples) -> np.ndarray:
        """The targets ``(N, ...)`` of examples.

        Raises:
            LaminaError: an answer that none can be, with its place.
        """

    @classmethod
    def known(cls, model: N) -> dict[str, Any]:
        """See :class:`lamina.tasks.base.DataTask`: the columns."""
        inputs = model.inputs
        name = "text" if isinstance(inputs, TextInputs) else "id"
        return {inputs.answer.field: inputs.answer.column, name: getattr(inputs, name)}

    def follow(self, model: N, given: Mapping[str, Any]) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        path, field = self.data.source, model.inputs.answer.field
        inputs = msgspec.structs.replace(model.inputs, **{field: getattr(self.data, field)})
        empty = Examples([], [], [])
        parts = {"train": empty, "validation": empty, "test": inputs.read(path)}
        self.fingerprints = {path: fingerprint(path)}
        self.place(model.processor, parts)

    def check_options(self, options: ManyToOneOptions) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        super().check_options(options)
        if not isinstance(self.processor.inputs, TextInputs):
            words = ["embedding", "embedding_dropout", "word_dropout"]
            options.without_effect(words, "on sequences of numbers (id=)")

    def network(self, options: ManyToOneOptions) -> N:
        """A fresh network for this data."""
        return self.Network(options, self.processor)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        """Length-bucketed batches; shuffled for training only."""
        return BucketedBatches(
            self.arrays[part],
            self.targets[part],
            batch_size=self.data.batch_size,
            shuffle=part == "train",
            seed=seed,
            epoch=epoch,
            part=part,
        )

    def describe(self) -> dict[str, Facts]:
        """See :class:`lamina.tasks.base.DataTask`; a task adds what it knows of its answers."""
        inputs, train = self.processor.inputs, self.parts["train"]
        steps = map(len, self.arrays["train"])
        if isinstance(inputs, TextInputs):
            return filled(
                {
                    "text": inputs.text,
                    "texts": self.sizes(),
                    "tokens a text": lengths(steps, inputs.max_tokens),
                    "vocabulary": len(self.processor.fitted),
                }
            )
        return filled(
            {
                "features": list(inputs.features),
                "flags": dict.fromkeys(train.choice.flags, "1 for true"),
                "constant": self._constant(),
                "left out": dict(train.choice.left_out),
                "sequences": self.sizes(),
                "steps each": lengths(steps, inputs.max_steps),
            }
        )

    def _constant(self) -> list[str]:
        """The features that are the same throughout the training part."""
        names, values = self.processor.inputs.features, self.parts["train"].values
        found = constant(values) if values else []
        return [name for name, same in zip(names, found, strict=False) if same]

    def sizes(self) -> dict[str, int]:
        """Examples in each part."""
        return {part: len(rows.values) for part, rows in self.parts.items()}
