"""Classification by hand: the loss of a part, the vocabulary, the cut of long texts, dropout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lamina.data import Vocabulary
from lamina.spec import LaminaError
from lamina.tasks import Classify, reopen
from lamina.train import evaluate


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """Fifty texts, no two alike, of 2 to 6 words, in two classes."""
    rows = [(f"{'cat' if i % 2 else 'dog'} {'so ' * (i % 5)}n{i}", str(i % 2)) for i in range(50)]
    return write(tmp_path / "animals.jsonl", rows)


def test_the_loss_of_a_part_is_the_mean_over_its_examples(animals: Path) -> None:
    task = Classify(animals, text="text", min_count=1, batch_size=7, fractions=(0.5, 0.25, 0.25))
    sizes = [len(batch.targets) for batch in task.batches("validation")]
    assert len(set(sizes)) == 2  # a last batch of another size: the mean of means is another
    torch.manual_seed(0)
    model = task.model(depth=1, width=5, embedding=4).double()
    with torch.no_grad():  # scores far apart, so that batches differ
        model.head.weight.mul_(30)
    rows = task.parts["validation"]
    assert rows.answers is not None
    probabilities = model.predict_proba(rows.values).astype(np.float64)
    of_truth = [p[task.labels.index(y)] for p, y in zip(probabilities, rows.answers, strict=True)]
    scores = evaluate(model, task)
    assert scores["loss"] == pytest.approx(-np.log(of_truth).mean(), rel=1e-5)
    assert scores["accuracy"] == pytest.approx(np.mean(np.array(of_truth) > 0.5))


def test_the_vocabulary_is_of_the_training_part_alone(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", [(f"w{i} red", str(i % 2)) for i in range(40)])
    other = write(tmp_path / "b.jsonl", [("blue red", "0"), ("green red", "1")])
    task = Classify(source, text="text", min_count=1, validation=str(other))
    assert isinstance(task.processor.fitted, Vocabulary)
    words = {word for text in task.parts["train"].values for word in text.split()}
    assert set(task.processor.fitted.counted) == words
    assert task.parts["test"].values
    for part in ("validation", "test"):
        assert [row.tolist()[0] for row in task.arrays[part]] == [
            task.processor.fitted.unknown
        ] * len(task.parts[part].values)


@pytest.mark.parametrize(("keep", "kept"), [("start", "a b c"), ("end", "c d e")])
def test_a_long_text_keeps_the_end_that_was_chosen(tmp_path: Path, keep: str, kept: str) -> None:
    file = write(tmp_path / "a.jsonl", [("a b c d e", "0"), ("d e", "1"), ("a b c", "0")])
    task = Classify(
        file, text="text", max_tokens=3, keep=keep, min_count=1, fractions=(1.0, 0.0, 0.0)
    )
    vocabulary = task.processor.fitted
    assert isinstance(vocabulary, Vocabulary)
    read = {
        text: vocabulary.decode(tokens)
        for text, tokens in zip(task.parts["train"].values, task.arrays["train"], strict=True)
    }
    assert read == {"a b c d e": kept, "d e": "d e", "a b c": "a b c"}
    model = task.model(depth=1, width=3)
    np.testing.assert_array_equal(model.predict_proba(["a b c d e"]), model.predict_proba([kept]))


@pytest.mark.parametrize("place", ["stack", "head"])
def test_dropout_falls_on_the_embedding_and_on_what_the_top_gives(
    animals: Path, place: str
) -> None:
    """What enters the stack and the head has no zeros but those that dropout makes."""
    task = Classify(animals, text="text", min_count=1)
    torch.manual_seed(0)
    model = task.model(depth=1, width=20, embedding=20, dropout=0.3)
    entered: list[Tensor] = []

    def record(_: Any, given: tuple[Tensor, ...], named: dict[str, Any]) -> None:
        tokens = named.get("tokens")
        entered.append(given[0] if tokens is None else given[0][tokens])

    getattr(model, place).register_forward_pre_hook(record, with_kwargs=True)
    batch = task.batches("train")[0]
    for training in (True, False):
        model.train(training)(batch.inputs, batch.lengths)
    dropped, whole = entered
    kept = dropped != 0
    assert 0.6 < kept.double().mean() < 0.8
    assert (whole != 0).all()
    if place == "stack":
        torch.testing.assert_close(dropped[kept], whole[kept] / 0.7)


@pytest.mark.parametrize(
    "columns", [{"id": "x"}, {"text": "x"}, {"label": "x"}, {"features": ("x",)}], ids=str
)
@pytest.mark.parametrize("source", ["digits", "case.ts"])
def test_a_source_without_columns_takes_none(
    source: str, columns: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / source
    if source == "case.ts":
        path.write_text("@data\n1,2:a\n3,4:b\n")
    with pytest.raises(LaminaError, match=r"leave (it|text=) out"):
        Classify(path if source == "case.ts" else source, **columns)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": "t", "missing": "mean"}, "missing is 'mean', which has no effect on texts"),
        ({"text": "t", "features": ("x",)}, r"features is \('x',\), which has no effect on texts"),
        ({"text": "t", "max_steps": 9}, "max_steps is 9, which has no effect on texts"),
        ({"id": "i", "max_tokens": 9}, "max_tokens is 9, which has no effect on sequences"),
        ({"id": "i", "level": "char"}, "level is 'char', which has no effect on sequences"),
        ({"id": "i", "min_count": 3}, "min_count is 3, which has no effect on sequences"),
        ({"text": "t", "threshold": 0.9}, "threshold is 0.9, which has no effect where each"),
    ],
)
def test_an_option_without_effect_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(LaminaError, match=message):
        Classify("t.csv", **fields)


def test_a_run_of_before_with_such_an_option_opens_again(animals: Path) -> None:
    config = Classify(animals, text="text").config()
    config["data"] = {**config["data"], "missing": "mean", "threshold": 0.9}
    assert reopen(config).data.threshold == 0.9
