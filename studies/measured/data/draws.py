"""Examples of a classification drawn anew for each seed, and the files of their parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data import PARTS, split_rows
from measured.data.noise import relabelled, with_gaussian, with_typos
from measured.data.tables import write_sequences, write_texts

Inputs = Sequence[Any]
Labels = Sequence[str]


@dataclass
class Draw:
    """A training, a validation and a test set: disjoint, every label in the same shares, equal
    inputs never apart.

    folder: of the files. inputs: texts, or arrays ``(T, I)``. sizes: of the parts.
    """

    folder: Path
    inputs: Inputs
    labels: Labels
    sizes: tuple[int, int, int]
    seed: int
    parts: dict[str, tuple[Inputs, Labels]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        keys = [value if isinstance(value, str) else value.tobytes() for value in self.inputs]
        counts = [*self.sizes[:2], len(keys) - sum(self.sizes[:2])]
        shares = [count / len(keys) for count in counts]
        split = split_rows(keys, self.labels, fractions=shares, seed=self.seed)
        order = np.random.default_rng(self.seed).permutation(split.test)
        for part, rows in zip(
            PARTS, (split.train, split.validation, order[: self.sizes[2]]), strict=True
        ):
            chosen = [int(row) for row in rows]
            self.parts[part] = (
                [self.inputs[k] for k in chosen],
                [self.labels[k] for k in chosen],
            )

    def clean(self, part: str) -> str:
        """The file of a part."""
        return self._write(f"{part}-clean", *self.parts[part])

    def relabelled(self, part: str, share: float) -> str:
        """With a share of its labels drawn anew."""
        inputs, labels = self.parts[part]
        labels = relabelled(labels, share, self._generator(part))
        return self._write(f"{part}-labels-{share:g}", inputs, labels)

    def disturbed(self, part: str, level: float) -> str:
        """Texts with a share of typos; arrays with normal noise of ``level`` times the standard
        deviation that each feature has in the training set."""
        inputs, labels = self.parts[part]
        draw = self._generator(part)
        if self._texts:
            inputs = with_typos(inputs, level, draw)
        else:
            spread = np.concatenate(self.parts["train"][0]).std(axis=0)
            inputs = with_gaussian(inputs, level * spread, draw)
        return self._write(f"{part}-inputs-{level:g}", inputs, labels)

    @property
    def _texts(self) -> bool:
        return isinstance(self.inputs[0], str)

    def _generator(self, part: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, sorted(self.parts).index(part)])

    def _write(self, name: str, inputs: Inputs, labels: Labels) -> str:
        path = self.folder / f"{self.seed}-{name}.csv"
        return (write_texts if self._texts else write_sequences)(path, inputs, labels)
