"""A training run, to its end or to a pause, that a strategy can request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

#: What a job may change besides depth and seed: a model option or a training setting.
Value = str | int | float | bool


class Job(Struct, frozen=True, kw_only=True):
    """A training run requested by a strategy.

    Attributes:
        depth: number of layers; for a kind that trains several depths at once, the deepest.
        seed: of the initial weights, the data order and dropout.
        kind: how it is trained, a name in :data:`lamina.depth.plan.kinds.KINDS`.
        epochs: pause after this many, possibly to resume later; ``None``: train to the end.
        changes: model options and settings that differ from those of the search, sorted by name.
    """

    depth: int
    seed: int
    kind: str = "train"
    epochs: int | None = None
    changes: tuple[tuple[str, Value], ...] = ()

    @property
    def run(self) -> str:
        """The training run it belongs to, paused or not; used as a folder name."""
        what = "depth" if self.kind == "train" else self.kind
        more = "".join(f"-{name}-{value}" for name, value in self.changes)
        return f"{what}-{self.depth}-seed-{self.seed}{more}".replace("/", "_")

    @property
    def key(self) -> str:
        """A unique name for the job."""
        return self.run if self.epochs is None else f"{self.run}-until-{self.epochs}"

    def __str__(self) -> str:
        what = f"depth {self.depth}" if self.kind == "train" else f"{self.kind} to {self.depth}"
        told = [f"{what} seed {self.seed}", *(f"{name} {value}" for name, value in self.changes)]
        if self.epochs is not None:
            told.append(f"until epoch {self.epochs}")
        return ", ".join(told)


def changed(values: Mapping[str, Any]) -> tuple[tuple[str, Value], ...]:
    """``values`` in the form of :attr:`Job.changes`."""
    return tuple(sorted(values.items()))
