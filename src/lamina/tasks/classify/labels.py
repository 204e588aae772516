"""What a classifier's scores mean: one label of several, or any number of labels at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from lamina.spec import ACCURACY, LaminaError, Metric

MICRO_F1 = Metric(
    "micro_f1", higher_is_better=True, gain="points", blind="always the most frequent labels"
)


@dataclass(frozen=True)
class OneLabel:
    """Exactly one of ``names``: softmax and cross-entropy.

    Targets are ``(B,)`` int64, scores ``(B, C)``.
    """

    names: list[str]

    metric: ClassVar[Metric] = ACCURACY

    def targets(self, fields: Sequence[str], places: Sequence[str]) -> np.ndarray:
        """``(N,)`` int64. Raises LaminaError for a label that is none of ``names``."""
        number = {name: i for i, name in enumerate(self.names)}
        return np.array(
            [_number(number, *pair) for pair in zip(fields, places, strict=True)], np.int64
        )

    def balanced(self, targets: np.ndarray) -> np.ndarray:
        """``N / (C n_c)`` for each class: each weighs as much as the others together, and the mean
        over examples is 1 (King and Zeng 2001)."""
        counts = np.bincount(targets, minlength=len(self.names))
        return len(targets) / (len(self.names) * np.maximum(counts, 1))

    @staticmethod
    def loss(
        scores: Tensor, targets: Tensor, weights: Tensor | None = None, smoothing: float = 0.0
    ) -> Tensor:
        """The cross-entropy in nats, mean over the batch, each example times its class's weight.
        ``smoothing``: Szegedy et al. (2016), section 7."""
        each = cross_entropy(scores, targets, reduction="none", label_smoothing=smoothing)
        return (each if weights is None else each * weights.to(each)[targets]).mean()

    @staticmethod
    def sums(scores: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """What :meth:`summary` adds up over batches."""
        return {"correct": (scores.argmax(dim=1) == targets).sum()}

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``accuracy`` in 0..1."""
        return {"accuracy": sums["correct"] / count}

    def baseline(self, train: np.ndarray, validation: np.ndarray) -> float:
        """Accuracy of always saying the most frequent label of ``train``."""
        counts = np.bincount(train, minlength=len(self.names))
        return float((validation == counts.argmax()).mean())

    @staticmethod
    def probabilities(scores: Tensor) -> Tensor:
        """``(B, C)``, rows that sum to 1."""
        return torch.softmax(scores, dim=1)

    def answer(self, probabilities: np.ndarray) -> dict[str, Any]:
        """The most probable label."""
        best = int(probabilities.argmax())
        return {"label": self.names[best], "probability": float(probabilities[best])}

    def predicted(self, probabilities: np.ndarray) -> str:
        """The same as a field of a table."""
        return self.names[int(probabilities.argmax())]


@dataclass(frozen=True)
class ManyLabels:
    """Any number of ``names``, each a yes or no of its own: sigmoid and binary cross-entropy.

    Targets are ``(B, C)`` of 0 and 1, scores ``(B, C)``.

    separator: what stands between labels in a field of a table; an empty field has none.
    threshold: labels of at least this probability are given.
    """

    names: list[str]
    separator: str
    threshold: float = 0.5

    metric: ClassVar[Metric] = MICRO_F1

    def targets(self, fields: Sequence[str], places: Sequence[str]) -> np.ndarray:
        """``(N, C)`` float32 of 0 and 1. Raises LaminaError as :meth:`OneLabel.targets` does."""
        number = {name: i for i, name in enumerate(self.names)}
        targets = np.zeros((len(fields), len(self.names)), np.float32)
        for row, (field, place) in enumerate(zip(fields, places, strict=True)):
            for name in split_labels(field, self.separator):
                targets[row, _number(number, name, place)] = 1
        return targets

    @staticmethod
    def balanced(targets: np.ndarray) -> np.ndarray:
        """``(N - n_c) / n_c`` for each label: its yeses weigh as much as its noes."""
        yes = targets.sum(axis=0, dtype=np.float64)
        return np.maximum(len(targets) - yes, 1) / np.maximum(yes, 1)

    @staticmethod
    def loss(
        scores: Tensor, targets: Tensor, weights: Tensor | None = None, smoothing: float = 0.0
    ) -> Tensor:
        """The binary cross-entropy in nats, mean over batch and labels; each yes times its label's
        weight. ``smoothing`` moves targets towards one half."""
        wanted = targets.to(scores) * (1 - smoothing) + smoothing / 2
        return binary_cross_entropy_with_logits(
            scores, wanted, pos_weight=None if weights is None else weights.to(scores)
        )

    def sums(self, scores: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """True positives, and all that is said or wanted, of each label by its number."""
        said = torch.sigmoid(scores) >= self.threshold
        wanted = targets > 0.5
        found = {"hit": said & wanted, "said": said, "wanted": wanted}
        return {
            f"{name}_{i}": value
            for name, flags in found.items()
            for i, value in enumerate(flags.sum(dim=0).unbind())
        }

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``micro_f1`` over all decisions, and ``macro_f1``: the mean over labels, where one that
        is neither said nor wanted counts 0."""
        hit, said, wanted = (
            np.array([sums[f"{name}_{i}"] for i in range(len(self.names))])
            for name in ("hit", "said", "wanted")
        )
        each = 2 * hit / np.maximum(said + wanted, 1)
        micro = 2 * hit.sum() / max((said + wanted).sum(), 1)
        return {"micro_f1": float(micro), "macro_f1": float(each.mean())}

    def baseline(self, train: np.ndarray, validation: np.ndarray) -> float:
        """Micro-F1 of always saying the labels that serve best on ``train``."""
        frequent = np.argsort(-train.sum(axis=0), kind="stable")

        def score(targets: np.ndarray, k: int) -> float:
            hit = float(targets[:, frequent[:k]].sum(dtype=np.float64))
            return 2 * hit / max(k * len(targets) + float(targets.sum(dtype=np.float64)), 1)

        best = max(range(1, len(self.names) + 1), key=lambda k: score(train, k))
        return score(validation, best)

    @staticmethod
    def probabilities(scores: Tensor) -> Tensor:
        """``(B, C)``, each in 0..1."""
        return torch.sigmoid(scores)

    def answer(self, probabilities: np.ndarray) -> dict[str, Any]:
        """The labels above the threshold, the most probable first, and their probabilities."""
        order = np.argsort(-probabilities, kind="stable")
        chosen = [int(i) for i in order if probabilities[i] >= self.threshold]
        return {
            "labels": [self.names[i] for i in chosen],
            "probabilities": [float(probabilities[i]) for i in chosen],
        }

    def predicted(self, probabilities: np.ndarray) -> str:
        """The labels as a field of a table."""
        return self.separator.join(self.answer(probabilities)["labels"])


Labelling: TypeAlias = OneLabel | ManyLabels


def split_labels(field: str, separator: str | None) -> list[str]:
    """The labels of one field of a table."""
    if separator is None:
        return [field]
    return [name for part in field.split(separator) if (name := part.strip())]


def label_names(fields: Sequence[str], separator: str | None) -> list[str]:
    """The labels that fields of a table hold, sorted.

    Raises:
        LaminaError: they hold none.
    """
    names = sorted({name for field in fields for name in split_labels(field, separator)})
    if not names:
        raise LaminaError("no example of the training part has a label; need one at least")
    return names


def labelling(names: list[str], separator: str | None, threshold: float) -> Labelling:
    """How ``names`` are given: with a separator, any number of them."""
    return OneLabel(names) if separator is None else ManyLabels(names, separator, threshold)


def class_weights(given: Sequence[str], kind: Labelling, targets: np.ndarray) -> Tensor | None:
    """``(C,)`` from ``("balanced",)``, or from ``("name=2", ...)`` where others weigh 1; ``None``
    for nothing given.

    Raises:
        LaminaError: no weight above 0, or a name that is no label.
    """
    if not given:
        return None
    if tuple(given) == ("balanced",):
        return torch.as_tensor(kind.balanced(targets))
    weights = torch.ones(len(kind.names), dtype=torch.float64)
    for entry in given:
        name, _, text = entry.rpartition("=")
        if name not in kind.names:
            raise LaminaError(
                f"class weight {entry!r} is for no label; need 'balanced', or NAME=WEIGHT with "
                f"a name among {', '.join(kind.names[:10])}"
            )
        try:
            weight = float(text)
        except ValueError:
            weight = float("nan")
        if not 0 < weight < float("inf"):
            raise LaminaError(f"class weight {entry!r}; need a number above 0 after the =")
        weights[kind.names.index(name)] = weight
    return weights


def _number(number: Mapping[str, int], name: str, place: str) -> int:
    if name in number:
        return number[name]
    known = ", ".join(list(number)[:10])
    raise LaminaError(
        f"label {name!r} was not seen in training; the labels are {known}. "
        "Take the row out, or train again with it.",
        place=place,
    )
