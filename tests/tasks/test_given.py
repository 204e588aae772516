"""What callers give to ``predict``, ``fit``, ``evaluate``, ``search`` and ``load``: taken where the
meaning is clear, else refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import lamina
from lamina.depth import Question, search
from lamina.spec import LaminaError
from lamina.tasks import Classify, Forecast, Tag
from lamina.train import Settings, evaluate, fit

TEXTS = ["a good film", "a bad film"]
STEPS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


class Frame:
    """A data frame as pandas has it, as far as it is used here."""

    def __init__(self, columns: dict[str, list[Any]]):
        self.data, self.columns = columns, list(columns)

    def __getitem__(self, name: Any) -> Any:
        if isinstance(name, list):
            return Frame({each: self.data[each] for each in name})
        return np.array(self.data[name], object)

    def to_numpy(self) -> np.ndarray:
        return np.array(list(self.data.values())).T


@pytest.fixture(scope="module")
def texts(tmp_path_factory: Any) -> Any:
    path = tmp_path_factory.mktemp("texts") / "reviews.csv"
    rows = [f"{'good' if i % 2 else 'bad'} film {i},{'pos' if i % 2 else 'neg'}" for i in range(60)]
    path.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    return Classify(path, text="text")


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: Any) -> Any:
    path = tmp_path_factory.mktemp("numbers") / "sensors.csv"
    rows = [f"{i // 3},{i % 7},{i % 5},{'up' if i // 3 % 2 else 'down'}" for i in range(90)]
    path.write_text("\n".join(["run,heat,speed,label", *rows]) + "\n", encoding="utf-8")
    return Classify(path, id="run")


@pytest.fixture(scope="module")
def reader(texts: Any) -> Any:
    torch.manual_seed(0)
    return texts.model(width=4, depth=1, embedding=4)


@pytest.fixture(scope="module")
def meter(numbers: Any) -> Any:
    torch.manual_seed(0)
    return numbers.model(width=4, depth=1)


@pytest.mark.parametrize(
    "form",
    [
        tuple,
        iter,
        np.array,
        lambda t: np.array(t, object),
        pl.Series,
        lambda t: pl.DataFrame({"text": t, "other": t[::-1]}),
        lambda t: Frame({"text": t, "other": t[::-1]}),
    ],
)
def test_texts_come_in_lists_columns_and_frames(reader: Any, form: Any) -> None:
    right = reader.scores(TEXTS)
    np.testing.assert_array_equal(reader.scores(form(TEXTS)), right)


@pytest.mark.parametrize(
    "form",
    [
        lambda x: [x, x],
        lambda x: np.stack([x, x]),
        lambda x: torch.from_numpy(np.stack([x, x])),
        lambda x: [torch.from_numpy(x).requires_grad_(), x.tolist()],
        lambda x: [x.astype(int), x.astype(np.float32)],
        lambda x: [Frame({"speed": x[:, 1].tolist(), "heat": x[:, 0].tolist()})] * 2,
        lambda x: [pl.DataFrame({"speed": x[:, 1], "heat": x[:, 0], "label": x[:, 0]})] * 2,
    ],
)
def test_sequences_come_in_arrays_tensors_lists_and_frames(meter: Any, form: Any) -> None:
    np.testing.assert_array_equal(meter.scores(form(STEPS)), meter.scores([STEPS, STEPS]))


def test_one_feature_needs_no_axis_of_its_own(tmp_path: Path) -> None:
    rows = [f"{i // 3},{i % 7},{'up' if i // 3 % 2 else 'down'}" for i in range(90)]
    (tmp_path / "one.csv").write_text("\n".join(["run,heat,label", *rows]) + "\n")
    model = Classify(tmp_path / "one.csv", id="run").model(width=4, depth=1)
    np.testing.assert_array_equal(model.scores([STEPS[:, 0]]), model.scores([STEPS[:, :1]]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("a film", "got one text, 'a film'; need a list of texts"),
        (Path(__file__), "got a file; need a list of texts, such as model.read"),
        (__file__, "got a file; need"),
        ({"text": TEXTS}, "got {'text'.*; need a list of texts"),
        (set(TEXTS), "need a list of texts"),
        (None, "got None; need a list of texts"),
        (3, "got 3; need a list of texts"),
        (pl.DataFrame({"review": TEXTS}), "got a DataFrame; need .*, such as its column 'text'"),
        (["a", None], "example 2: got None; need a text"),
        ([b"a"], "example 1: got b'a'; need a text"),
        ([["a", "b"]], "example 1: got .*; need a text"),
        (np.array([TEXTS]), "example 1: got array"),
    ],
)
def test_other_examples_for_texts_are_refused(reader: Any, given: Any, message: str) -> None:
    with pytest.raises(LaminaError, match=message):
        reader.predict(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (STEPS, r"got one array of shape \(3, 2\); need a list of arrays \(T, I=2\), or \(N, T"),
        (Frame({"heat": [1], "speed": [2]}), r"got a Frame; need .*groupby\('run'\)"),
        (STEPS.tolist(), r"example 1: got a sequence of shape \(2,\)"),
        ([Frame({"heat": [1]})], "example 1: has columns heat; need also speed"),
        ([STEPS > 1], "example 1: got ndarray of bool"),
        ([[[1, 2], [3]]], "example 1: got rows of different lengths"),
        ([STEPS.astype(object)], "ndarray of object"),
        ([[[1.0, None]]], "ndarray of object"),
        ("abc", "got one text"),
        (["abc"], r"example 1: got str; need an array \(T, I=2\)"),
        ([STEPS[:0]], "with T at least 1"),
        (None, "got None"),
    ],
)
def test_other_examples_for_sequences_are_refused(meter: Any, given: Any, message: str) -> None:
    with pytest.raises(LaminaError, match=message):
        meter.predict(given)


def test_a_forecaster_names_what_it_needs(tmp_path: Path) -> None:
    rows = [f"{i},{i % 7}" for i in range(60)]
    (tmp_path / "s.csv").write_text("\n".join(["date,sales", *rows]) + "\n")
    task = Forecast(tmp_path / "s.csv", look_back=8, horizon=2)
    model: Any = task.model(scheme="direct", width=4)
    for given in ([STEPS], STEPS, [1.0] * 20):
        with pytest.raises(LaminaError, match=r"example 1: got .*; need series as model\.read"):
            model.predict(given)
    with pytest.raises(LaminaError, match=r"got a DataFrame; need series as model\.read"):
        model.predict(pl.DataFrame({"sales": [1.0]}))


def test_words_come_in_arrays_too(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("".join(f"The\tD\ndog{i}\tN\n\n" for i in range(40)))
    model: Any = Tag(tmp_path / "t.txt").model(width=4)
    assert model.predict([np.array(["The", "dog"])]) == model.predict([["The", "dog"]])


CALLS: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "settings as a dict": (lambda m, t: fit(m, t, {"epochs": 1}), "settings is .*; need Settings"),  # type: ignore[arg-type]
    "swapped": (lambda m, t: fit(t, m), "model is .*; need a model: task.model"),
    "a class": (lambda m, t: fit(m, Classify), "task is <class .*; need a task"),  # type: ignore[arg-type]
    "a file": (lambda m, t: fit(m, "reviews.csv"), "task is 'reviews.csv'; need a task"),  # type: ignore[arg-type]
    "a module": (lambda m, t: fit(torch.nn.Linear(2, 2), t), "model is Linear"),  # type: ignore[arg-type]
    "out": (lambda m, t: fit(m, t, out=3), "out is 3; need the path"),  # type: ignore[arg-type]
    "progress": (lambda m, t: fit(m, t, progress=False), r"progress is False; need .*Silent\(\)"),  # type: ignore[arg-type]
    "part": (lambda m, t: evaluate(m, t, "val"), "part is 'val'; need one of train, validation"),  # type: ignore[arg-type]
    "a folder": (lambda m, t: evaluate("runs/a", t), r"need a model: lamina.load\(FOLDER\)"),  # type: ignore[arg-type]
    "search of a file": (lambda m, t: search("a.csv"), "task is 'a.csv'; need a task"),  # type: ignore[arg-type]
    "search settings": (lambda m, t: search(t, settings=3), "settings is 3; need Settings"),  # type: ignore[arg-type]
    "search options": (lambda m, t: search(t, options={"width": 3}), "options is .*; need Many"),
    "search depths": (lambda m, t: search(t, depths=2), r"depths is 2; need a list or 'auto'"),
    "question": (lambda m, t: search(t, {"depths": 2}), "question is .*; need a Question"),  # type: ignore[arg-type]
    "model options": (lambda m, t: t.model({"depth": 2}), r"options is .*task.model\(depth=3\)"),
    "fractions": (lambda m, t: Classify("a", text="b", fractions=(0.8, 0.2)), "need a list of 3"),
    "for_model": (lambda m, t: Forecast.for_model(m, "a.csv"), "got a Classifier .*; need a Fore"),
    "for_model file": (lambda m, t: Classify.for_model(m, None), "got a NoneType as source"),  # type: ignore[arg-type]
    "batch size": (lambda m, t: m.scores(TEXTS, 0), "batch_size is 0; need at least 1"),
    "load": (lambda m, t: lamina.load(None), "got None; need the path of a run folder"),  # type: ignore[arg-type]
    "load device": (lambda m, t: lamina.load(".", device="gpu"), "device is 'gpu'; need 'cpu'"),
}


@pytest.mark.parametrize("call", CALLS)
def test_plausible_mistakes_are_refused_in_one_line(call: str, reader: Any, texts: Any) -> None:
    made, message = CALLS[call]
    with pytest.raises(LaminaError, match=message) as caught:
        made(reader, texts)
    assert "\n" not in str(caught.value)


def test_options_take_numpys_values_and_columns() -> None:
    columns = np.array(["heat", "speed"])
    data = Classify.Data(
        source="a.csv",
        id="run",
        features=columns,
        missing="mean",
        missing_indicator=np.True_,
        fractions=np.array([0.8, 0.1, 0.1]),
    )
    assert data.features == ("heat", "speed")  # type: ignore[attr-defined]
    assert data.missing_indicator is True  # type: ignore[attr-defined]
    three: Any = np.int64(3)
    assert Settings(epochs=three).epochs == 3
    assert tuple(Question(depths=np.array([1, 2])).depths) == (1, 2)
