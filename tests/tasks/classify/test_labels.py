"""One label and several: losses, metrics and weights against scikit-learn and loops."""

from __future__ import annotations

import itertools
import math
import unicodedata

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lamina.spec import LaminaError
from lamina.tasks.classify import losses
from lamina.tasks.classify.labels import (
    ManyLabels,
    OneLabel,
    class_weights,
    label_names,
    labelling,
    split_labels,
)
from laws import EXACT

tables = st.tuples(st.integers(1, 12), st.integers(2, 4)).flatmap(
    lambda shape: st.tuples(
        arrays(np.float64, shape, elements=st.floats(-4, 4)),
        arrays(np.float32, shape, elements=st.sampled_from([0.0, 1.0])),
        st.sampled_from([0.2, 0.5, 0.8]),
    )
)


@settings(deadline=None, max_examples=40)
@given(tables)
def test_f1_is_that_of_scikit_learn(drawn: tuple[np.ndarray, np.ndarray, float]) -> None:
    """However the examples are cut into batches."""
    metrics = pytest.importorskip("sklearn.metrics")
    scores, targets, threshold = drawn
    kind = ManyLabels([f"n{i}" for i in range(scores.shape[1])], ";", threshold)
    sums: dict[str, float] = {}
    for rows in (slice(0, 5), slice(5, None)):
        part = losses.sums(kind, torch.as_tensor(scores[rows]), torch.as_tensor(targets[rows]))
        for name, value in part.items():
            assert value.dim() == 0
            sums[name] = sums.get(name, 0.0) + float(value)
    found = kind.summary(sums, len(scores))
    said = torch.sigmoid(torch.as_tensor(scores)).numpy() >= threshold
    for average in ("micro", "macro"):
        need = metrics.f1_score(targets > 0, said, average=average, zero_division=0)
        assert found[f"{average}_f1"] == pytest.approx(need)


def test_accuracy_and_losses_by_hand() -> None:
    torch.manual_seed(0)
    scores = torch.randn(7, 3, dtype=torch.float64)
    one, classes = OneLabel(["a", "b", "c"]), torch.tensor([0, 1, 2, 2, 1, 0, 0])
    weights = torch.tensor([1.0, 2.0, 0.5])
    logs = torch.log(torch.from_numpy(one.probabilities(scores.numpy())))
    each = -logs[torch.arange(7), classes]
    torch.testing.assert_close(losses.loss(one, scores, classes), each.mean(), **EXACT)
    heavy = (each * weights[classes]).mean()
    torch.testing.assert_close(losses.loss(one, scores, classes, weights), heavy, **EXACT)
    smooth = (0.9 * each - 0.1 * logs.mean(dim=1)).mean()
    torch.testing.assert_close(losses.loss(one, scores, classes, smoothing=0.1), smooth, **EXACT)

    many, flags = ManyLabels(["a", "b", "c"], ";"), (torch.rand(7, 3) < 0.5).float()
    p = torch.from_numpy(many.probabilities(scores.numpy()))
    yes, no = -torch.log(p), -torch.log(1 - p)
    total = (flags * yes * weights + (1 - flags) * no).mean()
    torch.testing.assert_close(losses.loss(many, scores, flags, weights), total, **EXACT)
    wanted = flags.double() * 0.8 + 0.1
    total = (wanted * yes + (1 - wanted) * no).mean()
    torch.testing.assert_close(losses.loss(many, scores, flags, smoothing=0.2), total, **EXACT)


def test_weighted_loss_of_a_batch_is_the_mean_over_its_members() -> None:
    torch.manual_seed(0)
    scores = torch.randn(6, 3, dtype=torch.float64)
    weights = torch.tensor([1.0, 2.0, 0.5])
    for kind, targets in (
        (OneLabel(["a", "b", "c"]), torch.tensor([0, 1, 2, 2, 1, 0])),
        (ManyLabels(["a", "b", "c"], ";"), (torch.rand(6, 3) < 0.5).float()),
    ):
        alone = [
            losses.loss(kind, scores[i : i + 1], targets[i : i + 1], weights) for i in range(6)
        ]
        together = losses.loss(kind, scores, targets, weights)
        torch.testing.assert_close(together, torch.stack(alone).mean(), **EXACT)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    utils = pytest.importorskip("sklearn.utils.class_weight")
    targets = np.array([0, 0, 0, 0, 1, 1, 2])
    kind = OneLabel(["a", "b", "c"])
    found = class_weights(["balanced"], kind, targets)
    need = utils.compute_class_weight("balanced", classes=np.arange(3), y=targets)
    assert found is not None
    np.testing.assert_allclose(found, need)
    assert found[targets].mean() == pytest.approx(1)
    many = ManyLabels(["a", "b"], ";")
    flags = np.array([[1, 0], [0, 0], [0, 1], [0, 1]], np.float32)
    weights = class_weights(["balanced"], many, flags)
    assert weights is not None
    assert weights.tolist() == [3, 1]


def test_weights_by_name() -> None:
    kind = OneLabel(["a=b", "c"])
    weights = class_weights(["a=b=2.5"], kind, np.array([0, 1]))
    assert weights is not None
    assert weights.tolist() == [2.5, 1]
    assert class_weights([], kind, np.array([0, 1])) is None
    for given_, words in (
        (["c"], "'c' is for no label"),
        (["d=2"], "'d=2' is for no label"),
        (["c=0"], "a number above 0"),
        (["c=nan"], "a number above 0"),
        (["c=much"], "a number above 0"),
        (["balanced", "c=2"], "'balanced' is for no label"),
    ):
        with pytest.raises(LaminaError, match=words):
            class_weights(given_, kind, np.array([0, 1]))


def test_fields_of_a_table() -> None:
    assert split_labels(" b ; a;;", ";") == ["b", "a"]
    assert split_labels("b;a", None) == ["b;a"]
    assert label_names(["b;a", "", "c;a"], ";") == ["a", "b", "c"]
    kind = labelling(["a", "b", "c"], ";", 0.5)
    found = kind.targets(["b;a;b", "", "c"], ["x:1", "x:2", "x:3"])
    np.testing.assert_array_equal(found, [[1, 1, 0], [0, 0, 0], [0, 0, 1]])
    with pytest.raises(LaminaError, match="x:2: label 'd' was not seen in training"):
        kind.targets(["a", "a;d"], ["x:1", "x:2"])
    with pytest.raises(LaminaError, match="no example of the training part has a label"):
        label_names(["", ";"], ";")


def test_answers() -> None:
    kind = ManyLabels(["a", "b", "c"], "|", 0.4)
    row = np.array([0.4, 0.1, 0.9])
    assert kind.answer(row) == {"labels": ["c", "a"], "probabilities": [0.9, 0.4]}
    assert kind.predicted(row) == "c|a"
    assert kind.predicted(np.zeros(3)) == ""
    one = OneLabel(["a", "b", "c"])
    assert (one.answer(row)["label"], one.predicted(row)) == ("c", "c")


def test_the_baseline_of_several_labels_is_the_best_constant_answer() -> None:
    """Scored on another part than the one that it was chosen by."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        train, validation = (rng.random((30, 4)) < rng.random(4) for _ in range(2))

        def f1(targets: np.ndarray, said: tuple[bool, ...]) -> float:
            hit = targets[:, np.array(said)].sum()
            return 2 * hit / max(sum(said) * len(targets) + targets.sum(), 1)

        answers = [said for said in itertools.product((False, True), repeat=4) if any(said)]
        best = max(answers, key=lambda said: f1(train, said))
        kind = ManyLabels(list("abcd"), ";")
        found = kind.baseline(train.astype(np.float32), validation.astype(np.float32))
        assert math.isclose(found, f1(validation, best))


def test_labels_of_before_are_known_in_composed_form() -> None:
    """A model of an earlier version may keep them as its file had them."""
    stored = unicodedata.normalize("NFD", "hässlich")
    given = unicodedata.normalize("NFC", stored)
    assert OneLabel([stored, "schön"]).targets([given], ["t.csv:2"]).tolist() == [0]
    assert ManyLabels([stored, "x"], ";").targets([given], ["t.csv:2"]).tolist() == [[1, 0]]
