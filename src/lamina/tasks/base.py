"""The base class of all tasks, and the contract that a task fulfils.

A task is a package and a line in :data:`lamina.tasks.TASKS`. The package has

- ``data.py``: ``Data``, a :class:`lamina.options.Options` (where the data is, how it is read, split
  and batched), and the function that reads it;
- ``inputs.py``: what a trained model needs to read new data, as structs that
  :meth:`lamina.tasks.saved.SavedModel.part` restores;
- ``processor.py``, if ``lamina predict`` should read, encode and decode without torch: a
  :class:`lamina.spec.answers.Answers` with ``from_saved``, named there as ``PROCESSOR``;
- ``batch.py``, if its batches hold more than :class:`lamina.spec.Batch`;
- ``network.py``: ``Options``, and a :class:`lamina.spec.Model` whose ``task`` is the task's name;
- ``task.py``: the :class:`DataTask`.

``data``, ``inputs`` and ``processor`` import no torch. Scores are computed in
:mod:`lamina.tasks.scores` from sums. A task with one answer for a whole text or numeric sequence
derives from :mod:`lamina.tasks.many_to_one`, which reads, splits, encodes and batches for it.

Every field of ``Data`` and ``Options`` becomes an option of ``train`` and ``depth``. ``evaluate``
has options only for ``label``, ``mask`` and ``target``, the fields that say where the answers are:
a new task uses one of these names. What is learned from is printed as
:meth:`DataTask.describe` says it. Scores are printed as ``loss`` in nats and one line each for
what else :meth:`DataTask.summary` returns; a task whose loss has another unit, or that compares its
scores with baselines, also has ``report`` (:class:`lamina.spec.Reports`), which replaces these
lines.

Only type checkers need the names of the task and its network in ``lamina.tasks.__init__``, under
``TYPE_CHECKING`` and in ``__all__``; add them if users import the task by name.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import msgspec

from lamina.data.read.decoding import decoding
from lamina.options import changed, struct_from
from lamina.spec import Batch, LaminaError, Metric, Part, State, Step
from lamina.tasks.describe import Facts

if TYPE_CHECKING:
    from typing_extensions import Self

    from lamina.spec import Model

M = TypeVar("M", bound="Model")
B = TypeVar("B", bound=Batch)


#: Fields of inputs that only say where in a file something is.
COLUMNS = frozenset({"text", "id", "label", "target", "time", "word", "audio"})

#: Fields of vocabularies that earlier versions did not write.
FORMS = frozenset({"unicode", "normalizer"})


class DataTask(ABC, Generic[M, B]):
    """A :class:`lamina.spec.Task` on a file or a named corpus, with models ``M`` and batches ``B``.

    A subclass sets the class attributes below and implements the abstract methods. The constructor
    reads the data and fits vocabularies, scales and label names to the training set alone
    (:meth:`learn`). :meth:`for_model` makes a task that scores a trained model on another file
    (:meth:`follow`).

    Args:
        source: A file, or the name of a corpus.
        **changes: The other fields of ``Data``.

    Attributes:
        name: The task's name on the command line and in ``config.json``.
        unit: What one example is called, in the singular; see :attr:`Batch.examples`.
        Data: A struct that says where the data is and how it is read, split and batched; it has
            a field ``source``.
        Options: A struct of the network's options, all with defaults.
        Network: The model class; besides :class:`lamina.spec.Model`, it has ``from_saved(saved)``.
        metric: What models are judged by; a task may set it once it has seen its data.
        data: The ``Data`` that the task was made with.
        fingerprints: The sha256 of each file that was read, by path.
        encoding: What the first file was read as that is not UTF-8.

    Raises:
        LaminaError: Data cannot be read; with file and line.
    """

    name: str
    unit: str = "example"
    Data: ClassVar[type[msgspec.Struct]]
    Options: ClassVar[type[msgspec.Struct]]
    Network: ClassVar[Any]
    metric: Metric
    data: Any
    fingerprints: dict[str, str]
    encoding: str | None = None
    #: The model that :meth:`for_model` made the task for.
    _scored: M | None = None

    def __init__(self, source: str | Path | Sequence[str | Path], **changes: Any):
        self._set(self.source_of(source), changes)
        with decoding(self.data.encoding) as how:
            self.learn()
        self.encoding = how.used

    @classmethod
    def for_model(cls, model: M, path: str | Path, **changes: Any) -> Self:
        """A task that scores ``model`` on another file.

        Args:
            model: A trained model, whose vocabularies and scales are used to read the file.
            path: The file; it becomes the test set. The other parts are empty.
            **changes: Fields of ``Data``.

        Raises:
            LaminaError: The file cannot be read or scored; with the line.
        """
        if not isinstance(model, cls.Network):
            got = type(model).__name__
            raise LaminaError(f"got a {got} as the model; need a {cls.Network.__name__}")
        task = cls.__new__(cls)
        task._set(as_source(path), {**cls.known(model), **changes})
        with decoding(task.data.encoding, stored=model.encoding) as how:
            task.follow(model, given=changes)
        task.encoding = how.used
        task._scored = model
        return task

    def _set(self, source: str | tuple[str, ...], fields: Mapping[str, Any]) -> None:
        self.data = struct_from(self.Data, {"source": source, **fields}, what="field")
        self.fingerprints = {}

    @staticmethod
    def source_of(source: Any) -> str | tuple[str, ...]:
        """``source`` in the form that ``Data`` holds; tasks with several sources override this."""
        return as_source(source)

    # -- the data

    @abstractmethod
    def learn(self) -> None:
        """Read and split the data that ``self.data`` names, record fingerprints, and fit
        vocabularies, scales and label names to the training set."""

    @classmethod
    @abstractmethod
    def known(cls, model: M) -> dict[str, Any]:
        """The fields of ``Data`` that are stored with a trained model, such as column names; in
        :meth:`for_model`, the others take their defaults."""

    @abstractmethod
    def follow(self, model: M, given: Mapping[str, Any]) -> None:
        """Read ``self.data.source`` as the test set, with what :meth:`learn` would fit taken from
        ``model``. ``given`` holds the fields that the caller set."""

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """The size of each part, for display and ``config.json``."""

    def describe(self) -> dict[str, Facts]:
        """What is learned from: the columns or series, the size of each part, lengths, and classes
        with their counts in the training part, by heading. ``lamina train`` and ``lamina depth``
        print it. Here the sizes alone; each task says more."""
        return {"parts": self.sizes()}

    @abstractmethod
    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[B]:
        """The batches of one epoch; see :class:`lamina.spec.Task`. Only training is shuffled."""

    # -- the network

    @abstractmethod
    def network(self, options: Any) -> M:
        """A new, untrained network for this data. ``options`` is an ``Options``."""

    def model(self, options: Any = None, /, **changes: Any) -> M:
        """A new, untrained network for this data.

        Args:
            options: An ``Options``; ``None`` means the defaults.
            **changes: Fields of the options, by name; these take precedence.

        Raises:
            LaminaError: An option does not exist, or the options do not fit together or the data.
        """
        if not isinstance(options, self.Options | None):
            need = f"{self.Options.__name__}(...), or its fields by name: task.model(depth=3)"
            raise LaminaError(f"options is {options!r}; need {need}")
        made = changed(options or self.Options(), changes, what="model option")
        self.check_options(made)
        return self.network(made)

    def check_options(self, options: Any) -> None:
        """Refuse options of the network that have no effect, beside each other or on this data.

        Raises:
            LaminaError: with the option, and what it would need.
        """
        options.check_effect()

    def check_model(self, model: M) -> None:
        """Refuse a model that reads data or writes answers otherwise than this task: one that was
        trained with another vocabulary, scale or set of labels, say. What it would learn here, or
        be scored on, means something else to it. Networks of other classes pass.

        Builds a network to compare with: call it where neither memory nor random numbers are used
        (see :func:`lamina.train.evaluate.check`).

        Raises:
            LaminaError: with the first thing that differs.
        """
        # A network that a subclass builds may not be one that can be built without memory.
        own = type(model) is self.Network and type(self).network.__module__.startswith("lamina.")
        if model is self._scored or not own:
            return
        options = struct_from(self.Options, model.config()["options"], what="model option")
        here, there = (_meaning(each) for each in (self.network(options), model))
        for name in here:
            if not _same(here[name], there.get(name)):
                raise LaminaError(
                    f"the model was made for other data: its {name} is not that of this task. "
                    f"Make a model with task.model(...), or score this one on a file with "
                    f"{type(self).__name__}.for_model(model, FILE)."
                )

    @abstractmethod
    def step(self, model: M, batch: B, state: State | None) -> Step:
        """Run ``model`` on ``batch``; return the loss and the sums that :meth:`summary` needs.

        Each sum is over the batch's examples alone and must not depend on the batch size. A score
        that is not a mean (a root, a ratio) is therefore computed in :meth:`summary`.
        ``sums["loss"]`` should mean the same whatever options the network was trained with."""

    def carried(self, model: M, batch: B) -> State:
        """Zeros shaped like the state that :meth:`step` gives after ``batch``; override this where
        it gives one."""
        return ()

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """The scores from sums over ``count`` predictions: here ``loss``, the mean. Tasks add
        ``metric.name`` and other scores; an undefined score is NaN."""
        return {"loss": sums["loss"] / max(count, 1)}

    @abstractmethod
    def baseline(self) -> float:
        """``metric`` on the validation part of the best answer that needs no network;
        not-a-number if the part is empty. ``metric.blind`` says in words what that answer is."""

    def config(self) -> dict[str, Any]:
        """What :func:`lamina.tasks.reopen` needs to remake the task, and ``sizes``."""
        data = msgspec.to_builtins(self.data)
        if self.data.encoding is None:  # as earlier versions wrote it
            del data["encoding"]
        return {
            "name": self.name,
            "data": data,
            **({} if self.encoding is None else {"encoding": self.encoding}),
            "fingerprints": dict(self.fingerprints),
            "sizes": dict(self.sizes()),
        }


def _meaning(model: Model) -> dict[str, Any]:
    """What gives a model's numbers their meaning: not its shape, nor the names of columns."""
    parts = {**model.config(), **model.assets()}
    if isinstance(inputs := parts.get("inputs"), Mapping):
        parts["inputs"] = {k: v for k, v in inputs.items() if k not in COLUMNS}
    return {name: part for name, part in parts.items() if name != "options"}


def _same(one: Any, other: Any) -> bool:
    """Whether two parts of a model's configuration, or two of its files, mean the same, in whatever
    form earlier versions wrote them."""
    if isinstance(one, str) and isinstance(other, str) and one != other:
        try:
            return _equal(msgspec.json.decode(one), msgspec.json.decode(other))
        except (msgspec.DecodeError, RecursionError):
            return False
    return _equal(one, other)


def _equal(one: Any, other: Any) -> bool:
    """Equal, fractions but for the rounding of float32."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = (one.keys() | other.keys()) - FORMS
        if {"mean", "scale"} <= one.keys() & other.keys():  # means near zero are all rounding
            keys = keys - {"mean"}
            pairs = zip(one["mean"], other["mean"], one["scale"], strict=False)
            if not all(abs(a - b) <= 1e-4 * scale for a, b, scale in pairs):
                return False
        return all(_equal(one.get(key), other.get(key)) for key in keys)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-4)
    return type(one) is type(other) and one == other


def as_source(source: object) -> str:
    """A path or corpus name as a string.

    Raises:
        LaminaError: ``source`` is something else, such as the data itself.
    """
    if not isinstance(source, str | Path):
        raise LaminaError(
            f"got a {type(source).__name__} as source; need the path of a file or the name of a "
            "corpus. Write data in memory to a CSV, TSV or JSONL file first."
        )
    return str(source)


def is_corpus(source: str, names: Container[str]) -> bool:
    """Whether ``source`` names a corpus; an existing file of that name takes precedence."""
    return source in names and not Path(source).exists()
