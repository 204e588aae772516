"""The words every room shares: cells, states, batches, metrics, tasks, errors.

Axes, everywhere: ``T`` time, ``B`` batch, ``I`` input features, ``H`` hidden units,
``G`` gates, ``D`` directions (1 or 2), ``L`` layers (the depth), ``V`` vocabulary.
Inside the library tensors are time-major, ``(T, B, ...)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

CellKind: TypeAlias = Literal["rnn", "gru", "lstm"]
Activation: TypeAlias = Literal["tanh", "relu"]

#: How many gates a cell computes: its weights have ``G * H`` rows.
GATES: Mapping[str, int] = {"rnn": 1, "gru": 3, "lstm": 4}
#: The parts of a cell's state, in order.
STATE_PARTS: Mapping[str, tuple[str, ...]] = {"rnn": ("h",), "gru": ("h",), "lstm": ("h", "c")}

#: One layer's state: ``(h,)`` or ``(h, c)``, each ``(D, B, H)``.
LayerState: TypeAlias = tuple[Tensor, ...]
#: A stack's state, bottom layer first.
State: TypeAlias = tuple[LayerState, ...]


class LaminaError(ValueError):
    """Something the caller gave cannot be used. One line: got, need, remedy.

    ``place`` is where it was found (``reviews.csv:17``, ``runs/a/config.json``); the
    command line prints ``place: message`` and leaves with status 2.
    """

    def __init__(self, message: str, *, place: str | None = None):
        self.place = place
        self.message = message
        super().__init__(f"{place}: {message}" if place else message)


@dataclass(frozen=True)
class Batch:
    """Sequences that are computed together.

    inputs:  ``(T, B)`` int64 tokens, or ``(T, B, I)`` floats.
    lengths: ``(B,)`` int64 on the CPU, each in ``1..T``; ``None`` means that all are ``T`` long.
             What stands at a step ``t >= length`` is padding and is never read.
    targets: what the task wants to see: ``(B,)`` labels, ``(T, B)`` tokens, ...
    fresh:   the sequences start here. ``False`` in a stream: the state of the batch before goes on.
    index:   ``(B,)`` int64, the position of each member in its part of the data, or ``None``.
    more:    other tensors that a task needs, by name: characters of words, lengths of targets, ...
    asked:   how many predictions ``targets`` ask for, where they hold places that do not count;
             ``None``: one for each of their elements.
    """

    inputs: Tensor
    targets: Tensor
    lengths: Tensor | None = None
    fresh: bool = True
    index: Tensor | None = None
    more: Mapping[str, Tensor] = field(default_factory=dict)
    asked: int | None = None

    @property
    def steps(self) -> int:
        """How many valid steps the batch holds, padding not counted."""
        if self.lengths is None:
            return self.inputs.shape[0] * self.inputs.shape[1]
        return int(self.lengths.sum())

    @property
    def predictions(self) -> int:
        """How many predictions the batch asks for."""
        return self.targets.numel() if self.asked is None else self.asked

    def to(self, device: torch.device | str) -> Batch:
        """The batch with its tensors on ``device``; lengths stay on the CPU, those in ``more``
        (``"..._lengths"``) too."""
        return replace(
            self,
            inputs=self.inputs.to(device, non_blocking=True),
            targets=self.targets.to(device, non_blocking=True),
            more={
                name: part if name.endswith("lengths") else part.to(device, non_blocking=True)
                for name, part in self.more.items()
            },
        )


@dataclass(frozen=True)
class Metric:
    """What a task is judged by, and in what unit a gain is counted.

    A *gain* compares two values of one metric. For ``points`` (a share in 0..1, such as accuracy)
    it is the difference in percentage points. For ``relative`` (perplexity) it is the change
    in percent. :meth:`utility` maps a value to a scale on which gains are differences and
    more is better, so that statistics can be done on it.

    ``blind`` says what a task's ``baseline`` is, in words.
    """

    name: str
    higher_is_better: bool
    gain: Literal["points", "relative"]
    blind: str = ""

    def utility(self, value: float) -> float:
        """``value`` on the scale of gains: 100 * value, or 100 * ln(value), signed so that
        more is better. Ratios to nothing have no size: a relative value counts as 1e-12 at least
        (an error of 0 occurs where a series repeats itself)."""
        scaled = 100.0 * (value if self.gain == "points" else math.log(max(value, 1e-12)))
        return scaled if self.higher_is_better else -scaled

    def value(self, utility: float) -> float:
        """The inverse of :meth:`utility`."""
        scaled = (utility if self.higher_is_better else -utility) / 100.0
        return scaled if self.gain == "points" else math.exp(scaled)

    def utility_gain(self, percent: float) -> float:
        """A gain of ``percent`` (points, or percent of the value) as a difference of utilities.

        For a relative metric where less is better, 1 percent less is ``-100 * ln(0.99)``.
        """
        if self.gain == "points":
            return percent
        share = percent / 100.0
        return 100.0 * (math.log1p(share) if self.higher_is_better else -math.log1p(-share))

    def better(self, a: float, b: float) -> bool:
        """Whether ``a`` is strictly better than ``b``. Not-a-number is never better."""
        return a > b if self.higher_is_better else a < b

    def show(self, value: float) -> str:
        """For people: ``91.43%``, ``6.832``, ``0.0277``."""
        if self.gain == "points":
            return f"{100 * value:.2f}%"
        return f"{value:.{self.decimals(value)}f}"

    def decimals(self, value: float) -> int:
        """Of a score that is not a share: three, or below 0.1 as many as show three significant
        figures; less than 1e-6 is next to nothing and shown as 0.000."""
        small = 1e-6 <= abs(value) < 0.1
        return 2 - math.floor(math.log10(abs(value))) if small else 3

    @property
    def unit(self) -> str:
        """What one unit of gain is called."""
        return "points" if self.gain == "points" else "%"


ACCURACY = Metric(
    "accuracy", higher_is_better=True, gain="points", blind="always the most frequent class"
)
BLEU = Metric(
    "bleu", higher_is_better=True, gain="points", blind="always the most frequent translation"
)
#: Harmonic mean of precision and recall over spans.
SPAN_F1 = Metric("f1", higher_is_better=True, gain="points", blind="always the most frequent label")
PERPLEXITY = Metric(
    "perplexity",
    higher_is_better=False,
    gain="relative",
    blind="how frequent each token is, whatever came before",
)


@dataclass(frozen=True)
class Step:
    """What one batch gave.

    loss:  0-dim, the mean to differentiate.
    sums:  0-dim detached tensors on the device, added up over batches (``"loss"`` in nats always
           among them); nothing here makes the host wait.
    count: how many predictions the sums are over, known on the host.
    state: carried to the next batch of a stream, already detached; ``None`` where nothing is.
    """

    loss: Tensor
    sums: Mapping[str, Tensor]
    count: int
    state: State | None = None


Part: TypeAlias = Literal["train", "validation", "test"]


#: What stands for a text in a command.
TYPED_TEXT = '"..."'


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
        return "\t".join(map(_shown, answer.values()))


def _shown(value: Any) -> str:
    """A value of an answer for a terminal; several with commas between them."""
    if isinstance(value, list):
        return ",".join(map(_shown, value))
    return f"{value:.4f}" if isinstance(value, float) else str(value)


@runtime_checkable
class Task(Protocol):
    """Data and a goal: gives batches, builds models, and turns outputs into loss and metrics.

    ``train.fit`` and ``depth.search`` know tasks only through this door.
    """

    name: str
    metric: Metric

    def model(self, options: Any = None, /, **changes: Any) -> Model:
        """A fresh model for this data. Initialised from torch's global generator."""
        ...

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        """The batches of one pass. The same arguments give the same batches in the same order;
        ``batches(...)[k]`` does not need those before it, so that a training can be resumed."""
        ...

    def step(self, model: Model, batch: Batch, state: State | None) -> Step:
        """Run ``model`` over ``batch``."""
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
class Reports(Protocol):
    """A task with more to say about a score than its metric and loss."""

    def report(self, part: Part, scores: Mapping[str, float]) -> list[str]:
        """Lines for people: what the scores of a model on ``part`` mean, beside baselines."""
        ...


@runtime_checkable
class Tabular(Protocol):
    """A model whose answer to a file is a table, not one answer to each of its examples."""

    def table(self, path: str | Path) -> Iterator[dict[str, Any]]:
        """Rows with the same keys, JSON values."""
        ...


@runtime_checkable
class Generates(Protocol):
    """A model that goes on where a text ends."""

    def generate(
        self, prompt: str, length: int, *, temperature: float, top_k: int | None, seed: int
    ) -> str:
        """``prompt`` and ``length`` tokens drawn after it."""
        ...


def state_tensors(state: State | None) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a state with a name (``"0.h"``, ``"0.c"``, ``"1.h"``, ...)."""
    for layer, parts in enumerate(state or ()):
        for name, tensor in zip(("h", "c"), parts, strict=False):
            yield f"{layer}.{name}", tensor


def state_from(tensors: Mapping[str, Tensor]) -> State | None:
    """The state whose :func:`state_tensors` these are, in any order; ``None`` where there are
    none."""
    layers: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        layer, _, part = name.partition(".")
        layers.setdefault(int(layer), {})[part] = tensor
    found = [layers[layer] for layer in sorted(layers)]
    return (
        tuple(tuple(parts[name] for name in ("h", "c") if name in parts) for parts in found) or None
    )


def detach(state: State) -> State:
    """The same values, cut from the graph that made them (truncated back-propagation)."""
    return tuple(tuple(part.detach() for part in layer) for layer in state)
