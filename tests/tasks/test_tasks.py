"""Both tasks: what they read, the laws of their batches and models, and what a run gives back."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.prepare.split_text import cut_points
from lamina.spec import LaminaError
from lamina.store import RunFolder
from lamina.tasks import Classify, LanguageModel, load, reopen
from lamina.train import Silent, evaluate, fit
from laws import EXACT

GOOD = ["good fine film", "a good one", "fine, really good", "good good good", "so fine"]
BAD = ["bad awful film", "a bad one", "awful, really bad", "bad bad bad", "so awful"]


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """Sixty reviews, no two alike."""
    rows = ["review,mood"]
    for i in range(30):
        rows += [f'"{GOOD[i % 5]} {i}",up', f'"{BAD[i % 5]} {i} {i}",down']
    file = tmp_path / "reviews.csv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def sensors(tmp_path: Path) -> Path:
    """Forty sequences of 2 features, of 3 to 7 steps, in two classes."""
    rng = np.random.default_rng(0)
    rows = ["run,heat,speed,state"]
    for i in range(40):
        for t in range(3 + i % 5):
            heat = t * (1 if i % 2 else -1) + rng.normal() / 10
            rows.append(f"{i},{heat:.4f},{100 + rng.normal():.3f},{'up' if i % 2 else 'down'}")
    file = tmp_path / "sensors.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "book.txt"
    file.write_text("the cat sat on the mat.\nthe dog sat on the log.\n" * 60)
    return file


def test_text_classification_learns_and_comes_back(reviews: Path, tmp_path: Path) -> None:
    task = Classify(reviews, text="review", label="mood", min_count=1, batch_size=8)
    torch.manual_seed(0)
    model = task.model(cell="gru", depth=2, width=16, embedding=16)
    result = fit(model, task, epochs=12, lr=0.02, out=tmp_path / "run", progress=Silent())
    assert result.best["accuracy"] == 1.0
    assert result.parameters == sum(p.numel() for p in model.parameters())
    again = load(tmp_path / "run")
    assert again.predict(["good", "awful bad"]) == ["up", "down"]
    np.testing.assert_array_equal(
        again.predict_proba(["so fine"]), model.predict_proba(["so fine"])
    )
    assert again.answers(["good"])[0]["probability"] > 0.5
    assert evaluate(again, Classify.for_model(again, reviews), "test")["accuracy"] > 0.95


def test_numeric_classification_learns_and_comes_back(sensors: Path, tmp_path: Path) -> None:
    task = Classify(sensors, id="run", label="state", batch_size=8)
    assert task.processor.inputs.features == ("heat", "speed")
    torch.manual_seed(0)
    model = task.model(cell="lstm", depth=1, width=8)
    result = fit(model, task, epochs=15, lr=0.02, out=tmp_path / "run", progress=Silent())
    assert result.best["accuracy"] == 1.0
    again = load(tmp_path / "run")
    rising = np.array([[t, 100.0] for t in range(4)])
    assert again.predict([rising, -rising]) == ["up", "down"]
    assert len(again.read(sensors)) == 40


def test_features_are_scaled_by_the_training_part_alone(sensors: Path) -> None:
    task = Classify(sensors, id="run", label="state")
    steps = np.concatenate(task.arrays["train"])
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(steps.std(axis=0), 1, atol=1e-5)
    assert abs(np.concatenate(task.arrays["test"]).std() - 1) > 1e-4


def test_parts_are_disjoint_and_copies_stay_together(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    texts = [f"text {i % 25}" for i in range(100)]
    lines = [json.dumps({"text": t, "label": int(t[-1]) % 2}) for t in texts]
    file.write_text("\n".join(lines))
    task = Classify(file, text="text", label="label", min_count=1)
    parts = [set(task.parts[part].values) for part in ("train", "validation", "test")]
    assert sum(len(part) for part in parts) == 25
    assert set.union(*parts) == set(texts)


def test_the_vocabulary_has_seen_the_training_part_only(book: Path) -> None:
    book.write_text("abab\n" * 200 + "xyxy\n" * 50)
    task = LanguageModel(book, batch_size=2, steps=5)
    assert set(task.vocabulary.counted) == {"a", "b", "\n"}
    assert task.vocabulary.unknown in task.tokens["test"]


def test_language_model_learns_and_comes_back(book: Path, tmp_path: Path) -> None:
    task = LanguageModel(book, batch_size=8, steps=20)
    torch.manual_seed(0)
    model = task.model(cell="gru", depth=1, width=32, embedding="onehot")
    result = fit(model, task, epochs=12, lr=0.03, out=tmp_path / "run", progress=Silent())
    best = result.best["perplexity"]
    assert best is not None
    assert best < 1.3
    again = load(tmp_path / "run")
    assert "sat on the" in again.generate("the cat ", 30, temperature=0)
    assert again.generate("the", 20, seed=1) == model.generate("the", 20, seed=1)
    scores = evaluate(again, LanguageModel.for_model(again, book), "test")
    assert scores["perplexity"] < 1.3
    assert math.isclose(scores["perplexity"], math.exp(scores["loss"]))


def test_evaluation_of_a_stream_does_not_depend_on_its_chunks(book: Path) -> None:
    """Perplexity with carried state is that of one long pass."""
    torch.manual_seed(0)
    whole = LanguageModel(book, steps=1000, batch_size=1, fractions=(0.5, 0.5, 0.0))
    pieces = LanguageModel(book, steps=7, batch_size=1, fractions=(0.5, 0.5, 0.0))
    model = whole.model(cell="lstm", depth=2, width=6).double()
    a, b = (evaluate(model, task, "validation")["loss"] for task in (whole, pieces))
    assert math.isclose(a, b, rel_tol=1e-12)


def test_loss_of_a_batch_is_the_mean_over_its_members(reviews: Path) -> None:
    task = Classify(reviews, text="review", label="mood", min_count=1, batch_size=7)
    torch.manual_seed(0)
    model = task.model(depth=2, width=5, embedding=4, bidirectional=True).double().eval()
    batch = task.batches("train")[0]
    assert batch.lengths is not None
    together = task.step(model, batch, None).loss
    alone = []
    for member in range(len(batch.targets)):
        x = batch.inputs[: batch.lengths[member], member : member + 1]
        scores = model(x, None)
        alone.append(torch.nn.functional.cross_entropy(scores, batch.targets[member : member + 1]))
    torch.testing.assert_close(together, torch.stack(alone).mean(), **EXACT)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_probabilities_do_not_depend_on_the_company(reviews: Path, pooling: str) -> None:
    task = Classify(reviews, text="review", label="mood", min_count=1)
    torch.manual_seed(0)
    model = task.model(depth=2, width=6, embedding=4, pooling=pooling, bidirectional=True)
    texts = ["good", "a bad one that is long and awful to see", "fine film"]
    together = model.predict_proba(texts)
    alone = np.concatenate([model.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_dropout_is_there_at_depth_one_too(reviews: Path) -> None:
    task = Classify(reviews, text="review", label="mood", min_count=1)
    torch.manual_seed(0)
    model = task.model(depth=1, width=6, dropout=0.5).train()
    batch = task.batches("train")[0]
    assert not torch.equal(model(batch.inputs, batch.lengths), model(batch.inputs, batch.lengths))


def test_tied_output_has_no_weight_of_its_own(book: Path) -> None:
    task = LanguageModel(book)
    tied = task.model(depth=1, width=16, embedding=16, tied=True)
    free = task.model(depth=1, width=16, embedding=16)
    v = len(task.vocabulary)
    sizes = [sum(p.numel() for p in m.parameters()) for m in (tied, free)]
    assert sizes[1] - sizes[0] == v * 16
    bridged = task.model(depth=1, width=12, embedding=16, tied=True)
    assert bridged(torch.zeros(3, 2, dtype=torch.int64))[0].shape == (3, 2, v)


@given(st.text(alphabet="ab \n中文", min_size=20, max_size=300))
def test_cutting_a_text_loses_nothing(text: str) -> None:
    first, second = cut_points(
        len(text), (0.6, 0.2, 0.2), lambda spans: [text[slice(*span)] for span in spans]
    )
    assert 0 < first <= second <= len(text)
    for end in (first, second):  # where there is a space near by, no word is cut
        near = text[max(end - len(text) // 20, 0) : end + len(text) // 20 - 1]
        assert text[end - 1] in "\n " or not set(near) & set("\n ")


def test_chinese_at_both_levels(tmp_path: Path) -> None:
    file = tmp_path / "诗.txt"
    file.write_text("床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n" * 40, encoding="utf-8")
    for level in ("char", "word"):
        task = LanguageModel(file, level=level, batch_size=4, steps=10)
        torch.manual_seed(0)
        model = task.model(cell="gru", depth=1, width=32)
        fit(model, task, epochs=25, lr=0.02, progress=Silent())
        assert "明月光，疑是地上霜" in model.generate("床前", 12, temperature=0)


def test_reopen_refuses_data_that_changed(reviews: Path) -> None:
    task = Classify(reviews, text="review", label="mood", min_count=1)
    config = json.loads(json.dumps(task.config()))
    assert reopen(config).config() == task.config()
    reviews.write_text(reviews.read_text() + "one more,up\n")
    with pytest.raises(LaminaError, match="has changed since the run began"):
        reopen(config)


def test_a_label_that_training_has_not_seen(reviews: Path, tmp_path: Path) -> None:
    task = Classify(reviews, text="review", label="mood", min_count=1)
    other = tmp_path / "other.csv"
    other.write_text("review,mood\ngood,up\nodd,sideways\n")
    with pytest.raises(LaminaError, match=r"other.csv:3: label 'sideways' was not seen"):
        Classify.for_model(task.model(), other)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: Classify(f, label="mood"), "either text= .* or id="),
        (lambda f: Classify(f, text="reviw", label="mood"), "review"),
        (lambda f: Classify(f, text="review", label="mood", levle="char"), "did you mean 'level'"),
        (lambda f: Classify(f, text="review", label="mood", batch_size=0), "batch_size is 0"),
        (lambda f: Classify(f, text="review", label="mood").model(width=0), "width is 0"),
        (lambda f: Classify(f, text="review", label="mood").model(depht=2), "did you mean 'depth'"),
        (lambda f: LanguageModel(f).model(bidirectional=True), "read its own answer"),
        (lambda f: LanguageModel(f, batch_size=5000), "[Ll]ower batch_size"),
        (lambda f: LanguageModel(f).model().generate(""), "at least one token"),
        (lambda f: LanguageModel("no/such.txt"), "no/such.txt"),
        (lambda f: LanguageModel(f, fractions=(0.0, 0.5, 0.5)), "got fractions"),
        (
            lambda f: LanguageModel(f).model().generate("a", temperature=math.nan),
            "temperature is nan",
        ),
        (lambda f: LanguageModel(f, max_tokens="many"), "max_tokens"),
    ],
)
def test_errors_are_one_line(reviews: Path, make, message: str) -> None:
    with pytest.raises(LaminaError, match=message) as caught:
        make(reviews)
    assert "\n" not in str(caught.value)


def test_examples_of_the_wrong_kind(sensors: Path, reviews: Path) -> None:
    numeric = Classify(sensors, id="run", label="state").model()
    with pytest.raises(LaminaError, match="example 1: got str; need an array"):
        numeric.predict(["text"])
    textual = Classify(reviews, text="review", label="mood").model()
    with pytest.raises(LaminaError, match=r"example 2: got array.*; need a text"):
        textual.predict(["good", np.zeros((3, 2))])


def test_one_text_is_no_list_of_texts(reviews: Path) -> None:
    model = Classify(reviews, text="review", label="mood", min_count=1).model()
    with pytest.raises(LaminaError, match=r"got one text, 'good'; need a list of texts"):
        model.predict("good")


def test_data_in_memory_are_refused_in_a_short_line() -> None:
    with pytest.raises(LaminaError, match="got a list as source; need the path") as caught:
        Classify(["text"] * 10_000, text="text")  # type: ignore[arg-type]
    assert len(str(caught.value)) < 200


def test_baselines(reviews: Path, book: Path) -> None:
    task = Classify(reviews, text="review", label="mood")
    assert task.baseline() == 0.5  # two classes, as many of each in every part
    book.write_text("ab" * 400 + "\n" * 8)
    model = LanguageModel(book, batch_size=2, steps=5)
    assert model.baseline() == pytest.approx(2.0, rel=0.1)  # two tokens, equally frequent


def test_locked_dropout_is_locked_everywhere(book: Path) -> None:
    torch.manual_seed(0)
    task = LanguageModel(book)
    model = task.model(depth=1, width=8, embedding=8, dropout=0.5, dropout_kind="locked").train()
    seen: list[torch.Tensor] = []
    model.stack.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model(torch.zeros(5, 3, dtype=torch.int64))
    assert torch.equal(seen[0][0] == 0, seen[0][4] == 0)
    assert (seen[0] == 0).any()


def test_dropout_spares_numeric_features(sensors: Path) -> None:
    task = Classify(sensors, id="run", label="state")
    model = task.model(depth=1, width=8, dropout=0.9).train()
    seen: list[torch.Tensor] = []
    model.stack.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    batch = task.batches("train")[0]
    model(batch.inputs, batch.lengths)
    assert torch.equal(seen[0], batch.inputs)


def test_long_lines_leave_every_part_its_share(tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_text("\n".join("ab" * 1000 for _ in range(4)))
    sizes = LanguageModel(file).config()["sizes"]
    assert [round(size, -2) for size in sizes.values()] == [6400, 800, 800]


@pytest.mark.parametrize(
    "options",
    [{"depth": 10**9}, {"width": 10**30}, {"embedding": -3}, {"width": 10**6, "depth": 1000}, [1]],
)
def test_a_strangers_configuration_costs_one_line(
    reviews: Path, tmp_path: Path, options: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Classify(reviews, text="review", label="mood", min_count=1)
    model = task.model(depth=1, width=4)
    honest = model.config()
    monkeypatch.setattr(model, "config", lambda: {**honest, "options": options})
    monkeypatch.setattr(task, "check_model", lambda model: None)
    fit(model, task, epochs=1, out=tmp_path / "run", progress=Silent())
    with pytest.raises(LaminaError) as caught:
        load(tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_weights_of_another_dtype_are_refused(reviews: Path, tmp_path: Path) -> None:
    task = Classify(reviews, text="review", label="mood", min_count=1)
    model = task.model(depth=1, width=4).double()
    fit(model, task, epochs=1, out=tmp_path / "run", progress=Silent())
    with pytest.raises(LaminaError, match=r"is float64 .*; need float32 .*config\.json"):
        load(tmp_path / "run")


def test_a_low_temperature_is_the_most_probable_token(book: Path) -> None:
    model = LanguageModel(book).model(depth=1, width=8)
    assert model.generate("the", 9, temperature=1e-40) == model.generate("the", 9, temperature=0)


def test_nothing_left_of_a_text(tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_text("t,l\nok go,1\n123,0\nso go,1\n456,0\n", encoding="utf-8")
    remedy = r"r.csv:3: nothing is left of this text .* Use normalize='lower', or take"
    with pytest.raises(LaminaError, match=remedy):
        Classify(
            file, text="t", label="l", normalize="letters", min_count=1, fractions=(1.0, 0.0, 0.0)
        )


def test_a_model_whose_files_do_not_belong_together(reviews: Path, tmp_path: Path) -> None:
    task = Classify(reviews, text="review", label="mood", min_count=1)
    model = task.model(depth=1, width=4)
    fit(model, task, epochs=1, out=tmp_path / "run", progress=Silent())
    run = RunFolder(tmp_path / "run")
    config = run.config()
    config["model"]["options"]["width"] = 10**9
    run.write_config(config)
    with pytest.raises(LaminaError, match="changed after training"):
        load(tmp_path / "run")
