"""Classification beyond one label of one whole sequence: several labels, gaps, ``.ts`` files,
weights, and the convolution in front."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lamina.spec import LaminaError
from lamina.tasks import Classify, load, reopen
from lamina.tasks.classify import losses
from lamina.train import Silent, evaluate, fit
from laws import EXACT

HEAD = "@problemName Toy\n@timeStamps false\n@univariate false\n@classLabel true up down\n@data\n"


@pytest.fixture
def topics(tmp_path: Path) -> Path:
    """Eighty texts, each about two, one or none of three things."""
    rng = np.random.default_rng(0)
    rows = ["text,topics"]
    for i in range(80):
        has = [name for name in ("sport", "money", "rain") if rng.random() < 0.5]
        rows.append(f"{' and '.join([*has, 'more'])} n{i},{' ; '.join(has)}")
    file = tmp_path / "topics.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


@pytest.fixture
def gaps(tmp_path: Path) -> Path:
    """Forty sequences of 3 to 7 steps; a class is whether ``heat`` is mostly missing."""
    rng = np.random.default_rng(0)
    rows = ["run,heat,speed,state"]
    for i in range(40):
        for _ in range(3 + i % 5):
            heat = "" if (rng.random() < 0.8) == (i % 2) else f"{rng.normal():.3f}"
            rows.append(f"{i},{heat},{rng.normal():.3f},{'lost' if i % 2 else 'found'}")
    file = tmp_path / "gaps.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


def topic_task(file: Path, **changes: object) -> Classify:
    columns = {"text": "text", "label": "topics", "separator": ";", "min_count": 1}
    return Classify(file, **columns, batch_size=8, **changes)


def test_several_labels_are_learned_and_come_back(topics: Path, tmp_path: Path) -> None:
    task = topic_task(topics, threshold=0.4, class_weights=("balanced",))
    assert task.labels == ["money", "rain", "sport"]
    torch.manual_seed(0)
    model = task.model(cell="gru", depth=1, width=16, embedding=16, pooling="max")
    result = fit(model, task, epochs=15, lr=0.02, out=tmp_path / "run", progress=Silent())
    assert (result.best["micro_f1"] or 0) > 0.95
    assert task.baseline() < 0.8
    again = load(tmp_path / "run")
    assert again.processor.labelling == task.labelling
    texts = ["rain and sport and more n0", "more n2"]
    assert set(again.predict(texts)[0].split(";")) == {"rain", "sport"}
    assert again.predict(texts)[1] == ""
    assert again.answers(texts)[1] == {"labels": [], "probabilities": []}
    scores = evaluate(again, Classify.for_model(again, topics), "test")
    assert set(scores) == {"loss", "micro_f1", "macro_f1"}
    assert scores["micro_f1"] > 0.95
    assert reopen(json.loads(json.dumps(task.config()))).config() == task.config()


@pytest.mark.parametrize("fields", [{}, {"class_weights": ("rain=3",), "label_smoothing": 0.1}])
def test_the_loss_that_is_shown_is_neither_weighted_nor_smoothed(topics: Path, fields) -> None:
    task = topic_task(topics, **fields)
    torch.manual_seed(0)
    model = task.model(depth=1, width=4, embedding=4).double()
    batch = task.batches("train")[0]
    step = task.step(model, batch, None)
    plain = losses.loss(task.labelling, model(batch.inputs, batch.lengths), batch.targets)
    torch.testing.assert_close(step.sums["loss"] / step.count, plain.detach(), **EXACT)
    assert torch.equal(step.loss, plain) == (not fields)


def test_gaps_are_filled_and_marked(gaps: Path, tmp_path: Path) -> None:
    columns = {"id": "run", "label": "state", "batch_size": 8}
    with pytest.raises(LaminaError, match=r"gaps.csv:\d+: feature 'heat' is 'missing'"):
        Classify(gaps, **columns)
    task = Classify(gaps, **columns, missing="forward", missing_indicator=True)
    assert task.processor.inputs.features == ("heat", "speed")
    batch = task.batches("train")[0]
    assert batch.inputs.shape[2] == 4
    assert torch.isfinite(batch.inputs).all()
    torch.manual_seed(0)
    model = task.model(cell="gru", depth=1, width=8, pooling="mean")
    result = fit(model, task, epochs=20, lr=0.03, out=tmp_path / "run", progress=Silent())
    assert (result.best["accuracy"] or 0) > 0.9  # only the indicator tells the classes apart
    again = load(tmp_path / "run")
    lost = np.full((5, 2), np.nan)
    assert again.predict([lost, np.zeros((5, 2))]) == ["lost", "found"]
    with pytest.raises(LaminaError, match="no finite number"):
        again.predict([np.full((2, 2), np.inf)])


@pytest.mark.parametrize(("keep", "kept"), [("start", [0, 1]), ("end", [2, 3])])
def test_long_sequences_are_cut_after_gaps_are_filled(tmp_path: Path, keep: str, kept) -> None:
    rows = ["i,l,x,t", *(f"{i},{i % 2},{'' if t in (1, 2) else t},{t}" for i in (0, 1) for t in
            range(4))]  # fmt: skip
    file = tmp_path / "s.csv"
    file.write_text("\n".join(rows))
    fields = {"features": ("x", "t"), "missing": "forward", "fractions": (1.0, 0.0, 0.0)}
    task = Classify(file, id="i", label="l", max_steps=2, keep=keep, **fields)
    scale = task.processor.fitted
    found = task.arrays["train"][0] * scale.scale + scale.mean
    np.testing.assert_allclose(found[:, 1], kept, atol=1e-6)
    np.testing.assert_allclose(found[:, 0], [0, 0] if keep == "start" else [0, 3], atol=1e-6)


def test_ts_files_with_an_official_test_part(tmp_path: Path) -> None:
    pytest.importorskip("sktime")
    rng = np.random.default_rng(0)
    files = []
    for part, cases in (("TRAIN", 30), ("TEST", 10)):
        lines = []
        for i in range(cases):
            sign = 1 if i % 2 else -1
            x = [f"{sign * t + rng.normal() / 10:.3f}" for t in range(3 + i % 4)]
            lines.append(f"{','.join(x)}:{','.join(x[::-1])}:{'up' if i % 2 else 'down'}")
        files.append(tmp_path / f"Toy_{part}.ts")
        files[-1].write_text(HEAD + "\n".join(lines) + "\n")
    task = Classify(files[0], test=str(files[1]), batch_size=8)
    assert task.config()["sizes"] == {"train": 27, "validation": 3, "test": 10}
    torch.manual_seed(0)
    model = task.model(cell="gru", depth=1, width=8)
    fit(model, task, epochs=15, lr=0.03, out=tmp_path / "run", progress=Silent())
    assert evaluate(model, task, "test")["accuracy"] == 1.0
    again = load(tmp_path / "run")
    assert len(again.read(files[1])) == 10
    assert evaluate(again, Classify.for_model(again, files[1]), "test")["accuracy"] == 1.0
    files[1].write_text(HEAD + "1,2:up\n")
    with pytest.raises(LaminaError, match="has 1 dimensions; need 2"):
        again.read(files[1])


@pytest.mark.parametrize("stride", [1, 3])
def test_with_a_convolution_a_batch_equals_its_members_alone(topics: Path, stride: int) -> None:
    task = topic_task(topics)
    torch.manual_seed(0)
    shape = {"convolution": 5, "kernel": 4, "stride": stride, "bidirectional": True}
    for pooling in ("last", "mean", "max", "attention"):
        model = task.model(depth=2, width=5, embedding=4, pooling=pooling, **shape)
        model = model.double().eval()
        batch = task.batches("train")[0]
        assert batch.lengths is not None
        scores = model(batch.inputs, batch.lengths)
        spoiled = batch.inputs.masked_fill(
            torch.arange(len(batch.inputs))[:, None] >= batch.lengths, 10**9
        )
        assert torch.equal(model(spoiled, batch.lengths), scores)
        for b, n in enumerate(batch.lengths.tolist()):
            alone = model(batch.inputs[:n, b : b + 1])
            torch.testing.assert_close(scores[b : b + 1], alone, **EXACT)


def test_word_dropout_hides_words_in_training_only(topics: Path) -> None:
    task = topic_task(topics)
    model = task.model(depth=1, width=4, embedding=4, word_dropout=0.5)
    seen: list[torch.Tensor] = []
    model.stack.register_forward_pre_hook(
        lambda _, given, named: seen.append(named["tokens"]), with_kwargs=True
    )
    batch = task.batches("train")[0]
    for training in (True, False):
        model.train(training)(batch.inputs, batch.lengths)
    hidden, whole = seen
    assert torch.equal(whole, batch.inputs)
    assert set(hidden[hidden != whole].tolist()) == {0}
    assert 0.2 < (hidden != whole).double().mean() < 0.8


def test_dropout_of_the_embedding_has_a_share_of_its_own(topics: Path) -> None:
    task = topic_task(topics)
    model = task.model(depth=1, width=4, embedding=30, dropout=0.2, embedding_dropout=0.7).train()
    seen: list[torch.Tensor] = []
    model.stack.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    batch = task.batches("train")[0]
    model(batch.inputs, batch.lengths)
    assert 0.6 < (seen[0] == 0).double().mean() < 0.8


@pytest.mark.parametrize(
    ("fields", "options", "words"),
    [
        ({"missing_indicator": True}, {}, "missing_indicator says which"),
        ({"missing": "guess"}, {}, "missing"),
        ({"max_steps": 0}, {}, "max_steps is 0"),
        ({"threshold": 1.0}, {}, "threshold is 1.0"),
        ({"separator": " "}, {}, "separator is ' '"),
        ({"label_smoothing": 1.0}, {}, "label_smoothing is 1.0"),
        ({"class_weights": ("snow=2",)}, {}, "'snow=2' is for no label"),
        ({}, {"convolution": 0}, "convolution is 0"),
        ({}, {"convolution": 4, "kernel": 0}, "kernel is 0"),
        ({}, {"stride": -1}, "stride is -1"),
        ({}, {"word_dropout": 1.0}, "word_dropout is 1.0"),
        ({}, {"embedding_dropout": -0.1}, "embedding_dropout is -0.1"),
    ],
)
def test_errors_are_one_line(topics: Path, fields, options, words: str) -> None:
    with pytest.raises(LaminaError, match=words) as caught:
        Classify(
            topics,
            **{"text": "text", "label": "topics", "separator": ";", "min_count": 1, **fields},
        ).model(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("altered", "words"),
    [
        ({"threshold": "high"}, "has threshold 'high'"),
        ({"inputs": {"text": "text", "label": "topics", "separator": ""}}, "separator is ''"),
    ],
)
def test_a_strangers_configuration_costs_one_line(
    topics: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, altered, words: str
) -> None:
    task = topic_task(topics)
    model = task.model(depth=1, width=4, embedding=4)
    honest = model.config()
    monkeypatch.setattr(model, "config", lambda: {**honest, **altered})
    monkeypatch.setattr(task, "check_model", lambda model: None)
    fit(model, task, epochs=1, out=tmp_path / "run", progress=Silent())
    with pytest.raises(LaminaError, match=words):
        load(tmp_path / "run")
