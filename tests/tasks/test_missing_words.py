"""A missing value means the same in every task: of numbers it is refused or filled, whatever the
word for it; a text or a label that is such a word is noted, for it may be meant."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.data.read.columns import MISSING, WRITTEN_MISSING
from lamina.spec import LaminaError, LaminaWarning
from lamina.tasks import Classify, Forecast, Regress

WORDS = [word.upper() if k % 2 else word for k, word in enumerate(MISSING)]


def table(folder: Path, value: str) -> Path:
    """Sequences of three steps, one of whose numbers is ``value``, in the 18th line."""
    rows = ["run,day,heat,kind,load"]
    for k in range(120):
        heat = value if k == 16 else f"{(k * 7) % 11 / 4}"
        day = f"2024-{1 + k // 28:02}-{1 + k % 28:02}"
        rows.append(f"{k // 3},{day},{heat},{'ab'[k // 3 % 2]},{k // 3 % 5}")
    path = folder / "table.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def task(kind: type, path: Path, **more: Any) -> Any:
    if kind is Forecast:
        return Forecast(path, time="day", series=("heat",), look_back=4, horizon=2, **more)
    answer = {"label": "kind"} if kind is Classify else {"target": "load"}
    return kind(path, id="run", features=("heat",), **answer, **more)


@pytest.mark.parametrize("kind", [Classify, Regress, Forecast])
def test_every_word_is_refused_with_its_line(tmp_path: Path, kind: type) -> None:
    for word in WORDS:
        with pytest.raises(LaminaError) as caught:
            task(kind, table(tmp_path, word))
        assert str(caught.value.place).endswith("table.csv:18")


@pytest.mark.parametrize("kind", [Classify, Regress, Forecast])
def test_every_word_is_filled_alike(tmp_path: Path, kind: type) -> None:
    filled = []
    for word in WORDS:
        batches = task(kind, table(tmp_path, word), missing="forward").batches("train")
        filled.append(np.concatenate([np.asarray(batch.inputs).ravel() for batch in batches]))
    assert all(np.isfinite(found).all() for found in filled)
    for found in filled[1:]:
        np.testing.assert_array_equal(found, filled[0])


def texts(folder: Path, text: str, answer: str) -> Path:
    rows = ["text,answer", *(f"word {k},{k % 2}" for k in range(40))]
    rows[5], rows[9] = f"{text},1", f"{text},0"
    if answer:
        rows[7] = f"some,{answer}"
    path = folder / "texts.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("word", sorted(WRITTEN_MISSING))
def test_a_text_or_a_label_of_that_name_is_noted(tmp_path: Path, word: str) -> None:
    path = texts(tmp_path, word, word)
    with pytest.warns(LaminaWarning) as noted:
        made = Classify(path, text="text", label="answer", fractions=(0.9, 0.1, 0.0))
    said = [str(note.message) for note in noted]
    assert f"{path}:6: the text is {word!r} here and in 1 more example, and is" in said[0]
    assert f"{path}:8: the label is {word!r}, and is read as a label" in said[1]
    assert word in made.model().labels


def test_of_a_regression_only_texts_can_be_meant(tmp_path: Path) -> None:
    with pytest.warns(LaminaWarning, match="the text is 'nan'"):
        Regress(texts(tmp_path, "nan", ""), text="text", target="answer")
    with warnings.catch_warnings(), pytest.raises(LaminaError, match="target is 'nan'; need"):  # noqa: PT012
        warnings.simplefilter("error")
        Regress(texts(tmp_path, "fine", "nan"), text="text", target="answer")


def test_no_other_text_is_noted(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Classify(texts(tmp_path, "none of these", "none"), text="text", label="answer")
