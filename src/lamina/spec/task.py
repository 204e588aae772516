"""Data and a goal: the door through which training and the depth search know every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from lamina.spec.batch import Batch, Step
from lamina.spec.metric import Metric

if TYPE_CHECKING:
    from lamina.spec.model import Model
    from lamina.spec.state import State

Part: TypeAlias = Literal["train", "validation", "test"]


@runtime_checkable
class Task(Protocol):
    """Data and a goal: gives batches, builds models, and turns outputs into loss and metrics.

    ``train.fit`` and ``depth.search`` know tasks only through this door.
    """

    name: str
    #: What one example is called, in the singular: ``"sentence"``, ``"window"``, ``"token"``. How
    #: many a batch holds, :attr:`Batch.examples` says.
    unit: str

    @property
    def metric(self) -> Metric:
        """What models are judged by."""
        ...

    def model(self, options: Any = None, /, **changes: Any) -> Model:
        """A fresh model for this data. Initialised from torch's global generator."""
        ...

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        """The batches of one pass. The same arguments give the same batches in the same order;
        ``batches(...)[k]`` does not need those before it, so that a training can be resumed."""
        ...

    def step(self, model: Any, batch: Any, state: State | None) -> Step:
        """Run over ``batch``, one of :meth:`batches`, a ``model`` that :meth:`model` made."""
        ...

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """Metrics from the sums of many steps: always ``"loss"``, and ``metric.name``; in
        training without the latter where it would cost more than the step itself."""
        ...

    def baseline(self) -> float:
        """``metric`` on the validation part of the best answer that needs no network."""
        ...

    def config(self) -> dict[str, Any]:
        """JSON values: what the data is (files, fingerprint, split) and how batches are made."""
        ...


@runtime_checkable
class ChecksModels(Protocol):
    """A task that knows whether a model was made for its data."""

    def check_model(self, model: Any) -> None:
        """Raise LaminaError for a model that was made for other data."""
        ...


@runtime_checkable
class Carries(Protocol):
    """A task that knows the shape of the state which a batch hands to the next.

    A checkpoint of any other task is taken at its word about that state.
    """

    def carried(self, model: Any, batch: Any) -> State:
        """Zeros shaped like the state that :meth:`Task.step` gives after ``batch``; ``()`` where it
        gives none. The network is not run."""
        ...


@runtime_checkable
class Reports(Protocol):
    """A task with more to say about a score than its metric and loss."""

    def report(self, part: Part, scores: Mapping[str, float]) -> list[str]:
        """Lines for people: what the scores of a model on ``part`` mean, beside baselines."""
        ...
