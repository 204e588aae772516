"""What a strategy may ask for: one training, to its end or to a pause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

#: What a job may change beside depth and seed: a model option or a setting of training.
Value = str | int | float | bool


class Job(Struct, frozen=True, kw_only=True):
    """A training that a strategy wants.

    depth:   number of layers; of a kind that trains several depths at once, the deepest.
    seed:    of the initial weights, the order of the data and dropout.
    kind:    how it is trained, a name of :data:`lamina.depth.plan.kinds.KINDS`.
    epochs:  pause after this many, to go on later or never; ``None``: train to the end.
    changes: model options and settings that differ from those of the search, by name, in order of
             the names.
    """

    depth: int
    seed: int
    kind: str = "train"
    epochs: int | None = None
    changes: tuple[tuple[str, Value], ...] = ()

    @property
    def run(self) -> str:
        """The training it belongs to, paused or not; a name for a folder."""
        what = "depth" if self.kind == "train" else self.kind
        more = "".join(f"-{name}-{value}" for name, value in self.changes)
        return f"{what}-{self.depth}-seed-{self.seed}{more}".replace("/", "_")

    @property
    def key(self) -> str:
        """One name for one job."""
        return self.run if self.epochs is None else f"{self.run}-until-{self.epochs}"

    def __str__(self) -> str:
        what = f"depth {self.depth}" if self.kind == "train" else f"{self.kind} to {self.depth}"
        told = [f"{what} seed {self.seed}", *(f"{name} {value}" for name, value in self.changes)]
        if self.epochs is not None:
            told.append(f"until epoch {self.epochs}")
        return ", ".join(told)


def changed(values: Mapping[str, Any]) -> tuple[tuple[str, Value], ...]:
    """``values`` as :attr:`Job.changes` holds them."""
    return tuple(sorted(values.items()))
