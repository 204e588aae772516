"""What a classifier's scores mean: one label of several, or any number of labels at once. Losses
are in :mod:`lamina.tasks.classify.losses`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from scipy.special import expit, softmax

from lamina.data.text.normalize import composed
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
        number = {composed(name): i for i, name in enumerate(self.names)}
        return np.array(
            [_number(number, *pair) for pair in zip(fields, places, strict=True)], np.int64
        )

    def balanced(self, targets: np.ndarray) -> np.ndarray:
        """``N / (C n_c)`` for each class: each weighs as much as the others together, and the mean
        over examples is 1 (King and Zeng 2001)."""
        counts = np.bincount(targets, minlength=len(self.names))
        return len(targets) / (len(self.names) * np.maximum(counts, 1))

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``accuracy`` in 0..1."""
        return {"accuracy": sums["correct"] / count}

    def baseline(self, train: np.ndarray, validation: np.ndarray) -> float:
        """Accuracy of always saying the most frequent label of ``train``."""
        counts = np.bincount(train, minlength=len(self.names))
        return float((validation == counts.argmax()).mean())

    @staticmethod
    def probabilities(scores: np.ndarray) -> np.ndarray:
        """``(B, C)``, rows that sum to 1."""
        return softmax(scores, axis=1)

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
        number = {composed(name): i for i, name in enumerate(self.names)}
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
    def probabilities(scores: np.ndarray) -> np.ndarray:
        """``(B, C)``, each in 0..1."""
        return expit(scores)

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


def class_weights(given: Sequence[str], kind: Labelling, targets: np.ndarray) -> np.ndarray | None:
    """``(C,)`` float64 from ``("balanced",)``, or from ``("name=2", ...)`` where others weigh 1;
    ``None`` for nothing given.

    Raises:
        LaminaError: no weight above 0, or a name that is no label.
    """
    if not given:
        return None
    if tuple(given) == ("balanced",):
        return kind.balanced(targets)
    weights = np.ones(len(kind.names))
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
