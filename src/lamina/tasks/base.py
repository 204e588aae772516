"""What all tasks on data have in common: the one contract that a task keeps.

A task is a folder and a line in :data:`lamina.tasks.TASKS`. The folder has

- ``data.py``: ``Data``, a :class:`lamina.options.Options` (where the data is, how it is read, split
  and batched), and the function that reads it;
- ``inputs.py``: what stays with a trained model to read new data, as structs that
  :meth:`lamina.tasks.saved.SavedModel.part` reads back;
- ``processor.py``, if ``lamina predict`` should read, encode and decode without torch: a
  :class:`lamina.spec.answers.Answers` with ``from_saved``, named there as ``PROCESSOR``;
- ``batch.py``, if its batches hold more than :class:`lamina.spec.Batch` does;
- ``network.py``: ``Options``, and a :class:`lamina.spec.Model` whose ``task`` is the task's name;
- ``task.py``: the :class:`DataTask`.

``data``, ``inputs`` and ``processor`` import no torch. Scores are computed in
:mod:`lamina.tasks.scores` from sums. A task with one answer for a whole text or numeric sequence
derives from :mod:`lamina.tasks.many_to_one`, which reads, splits, encodes and batches for it.

Every field of ``Data`` and ``Options`` becomes an option of ``train`` and ``depth``. ``evaluate``
has options only for ``label``, ``mask`` and ``target``, the fields that say where the answers are:
a new task uses one of these names. Scores are printed as ``loss`` in nats and one line each for
what else :meth:`DataTask.summary` returns; a task whose loss has another unit, or that compares its
scores with baselines, also has ``report`` (:class:`lamina.spec.Reports`), which replaces these
lines.

Only type checkers need the names of the task and its network in ``lamina.tasks.__init__``, under
``TYPE_CHECKING`` and in ``__all__``; add them if users import the task by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import msgspec

from lamina.options import changed, struct_from
from lamina.spec import Batch, LaminaError, Metric, Part, State, Step

if TYPE_CHECKING:
    from typing_extensions import Self

    from lamina.spec import Model

M = TypeVar("M", bound="Model")
B = TypeVar("B", bound=Batch)


class DataTask(ABC, Generic[M, B]):
    """Learn from a file or a named corpus: a :class:`lamina.spec.Task` whose model is an ``M`` and
    whose batches are ``B``.

    A task sets the class attributes below and writes the abstract methods. Making one reads its
    data and learns, from the training part alone, whatever is fitted to it (:meth:`learn`).
    :meth:`for_model` makes one that scores a trained model on another file (:meth:`follow`).

    Args:
        source: a file or the name of a corpus; with ``changes``, the fields of ``Data``.

    Attributes:
        name:    what the task is called on the command line and in ``config.json``.
        unit:    what one example is called, in the singular; see :attr:`Batch.examples`.
        Data:    a struct of where the data is and how it is read, split and batched; has
            ``source``.
        Options: a struct of the network's shape, all with defaults.
        Network: the model; has ``from_saved(saved)`` beside what :class:`lamina.spec.Model` asks.
        metric:  what models are judged by; a task may set it once it has seen its data.
        data:    the fields that the task was made with.
        fingerprints: sha256 of each file that was read, by its path.

    Raises:
        LaminaError: data that cannot be read, with file and line.
    """

    name: str
    unit: str = "example"
    Data: ClassVar[type[msgspec.Struct]]
    Options: ClassVar[type[msgspec.Struct]]
    Network: ClassVar[Any]
    metric: Metric
    data: Any
    fingerprints: dict[str, str]

    def __init__(self, source: str | Path | Sequence[str | Path], **changes: Any):
        self._set(self.source_of(source), changes)
        self.learn()

    @classmethod
    def for_model(cls, model: M, path: str | Path, **changes: Any) -> Self:
        """A task whose test part is the file at ``path``, read as ``model`` reads; its other parts
        are empty. ``changes`` are fields of ``Data``.

        Raises:
            LaminaError: a file that cannot be read or scored, with the line.
        """
        task = cls.__new__(cls)
        task._set(str(path), {**cls.known(model), **changes})
        task.follow(model, given=changes)
        return task

    def _set(self, source: str | tuple[str, ...], fields: Mapping[str, Any]) -> None:
        self.data = struct_from(self.Data, {"source": source, **fields}, what="field")
        self.fingerprints = {}

    @staticmethod
    def source_of(source: Any) -> str | tuple[str, ...]:
        """``source`` as the struct ``Data`` has it; one that takes several overrides this."""
        return as_source(source)

    # -- the data

    @abstractmethod
    def learn(self) -> None:
        """Read all that ``self.data`` names, split it, note fingerprints, and learn what is fitted
        to the training part: vocabularies, scales, names of labels."""

    @classmethod
    @abstractmethod
    def known(cls, model: M) -> dict[str, Any]:
        """The fields of ``Data`` that a model has learned or keeps, such as columns; the others
        take their defaults in :meth:`for_model`."""

    @abstractmethod
    def follow(self, model: M, given: Mapping[str, Any]) -> None:
        """Take from ``model`` what :meth:`learn` learns, and read the file ``self.data.source`` as
        the test part. ``given``: the fields that the caller named."""

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """How much there is in each part; for people."""

    @abstractmethod
    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[B]:
        """The batches of one pass; see :class:`lamina.spec.Task`. Only training is shuffled."""

    # -- the network

    @abstractmethod
    def network(self, options: Any) -> M:
        """A fresh network of this shape (an ``Options``) for this data."""

    def model(self, options: Any = None, /, **changes: Any) -> M:
        """A fresh network for this data, of the shape ``options`` with ``changes``.

        Raises:
            LaminaError: options that do not exist, or do not fit together or to the data.
        """
        return self.network(changed(options or self.Options(), changes, what="model option"))

    @abstractmethod
    def step(self, model: M, batch: B, state: State | None) -> Step:
        """Run ``model`` over ``batch``: the loss, and what :meth:`summary` needs, added up.

        Each sum must be that of the batch's members alone, whatever the batch size, so a score
        that is no mean (a root, a ratio) is computed in :meth:`summary`. ``sums["loss"]`` should
        mean the same whatever options the network was trained with."""

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``loss``: the mean of the summed losses. A task adds ``metric.name`` and other scores;
        one that is undefined is not-a-number."""
        return {"loss": sums["loss"] / max(count, 1)}

    @abstractmethod
    def baseline(self) -> float:
        """``metric`` on the validation part of the best answer that needs no network;
        not-a-number if the part is empty. ``metric.blind`` says in words what that answer is."""

    def config(self) -> dict[str, Any]:
        """What :func:`lamina.tasks.reopen` makes the task of again, and ``sizes``."""
        return {
            "name": self.name,
            "data": msgspec.to_builtins(self.data),
            "fingerprints": dict(self.fingerprints),
            "sizes": dict(self.sizes()),
        }


def as_source(source: object) -> str:
    """The path or the name of a corpus as text.

    Raises:
        LaminaError: anything else, such as the data themselves.
    """
    if not isinstance(source, str | Path):
        raise LaminaError(
            f"got a {type(source).__name__} as source; need the path of a file or the name of a "
            "corpus. Write data in memory to a CSV, TSV or JSONL file first."
        )
    return str(source)


def is_corpus(source: str, names: Container[str]) -> bool:
    """Whether ``source`` is among the names of corpora; a file of that name comes first."""
    return source in names and not Path(source).exists()
