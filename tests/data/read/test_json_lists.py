"""Lists and objects in JSON: labels, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.data import read_sequence_table, read_text_table
from lamina.spec import LaminaError, LaminaWarning
from lamina.tasks import Classify

CASES = Path(__file__).parents[2] / "cases"


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return folder / "t.jsonl"


def test_a_list_of_labels_needs_no_separator_within(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "label": ["x", "y"]},
        {"text": "b", "label": []},
        {"text": "c", "label": "x"},
    ]
    found = read_text_table(written(tmp_path, *rows), text="text", label="label", separator=";")
    assert found.labels == ["x;y", "", "x"]


def test_the_case_has_three_labels() -> None:
    task = Classify(CASES / "multi_list.jsonl", text="text", label="topics", separator=";")
    assert task.labels == ["film", "music", "odd"]


@pytest.mark.parametrize(
    ("row", "separator", "message"),
    [
        (
            {"text": ["a", "b"], "label": "x"},
            None,
            "column 'text' has a JSON list here; need a text",
        ),
        ({"text": {"a": 1}, "label": "x"}, None, "column 'text' has a JSON object here"),
        ({"text": "a", "label": ["x"]}, None, "has a JSON list here; need one label.*separator"),
        ({"text": "a", "label": {"x": 1}}, None, "has a JSON object here; need one label"),
        ({"text": "a", "label": {"x": 1}}, ";", "need a list of labels, each a text without ';'"),
        ({"text": "a", "label": ["x;y"]}, ";", "each a text without ';'"),
        ({"text": "a", "label": [1, 2]}, ";", "need a list of labels"),
        ({"text": "a", "label": ["x", " "]}, ";", "need a list of labels"),
    ],
)
def test_what_is_no_text_and_no_labels_is_refused(
    tmp_path: Path, row: dict[str, Any], separator: str | None, message: str
) -> None:
    path = written(tmp_path, {"text": "fine", "label": "x"}, row)
    with pytest.raises(LaminaError, match=rf"t\.jsonl:2: .*{message}"):
        read_text_table(path, text="text", label="label", separator=separator)


def test_an_id_is_no_list(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": 1, "x": 2}, {"id": [1], "x": 3})
    with pytest.raises(LaminaError, match=r"t\.jsonl:2: column 'id' has a JSON list"):
        read_sequence_table(path, id="id", label=None)


def test_a_key_that_the_first_row_lacks_is_not_dropped_without_a_word(tmp_path: Path) -> None:
    path = written(
        tmp_path, {"text": "a"}, {"text": "b", "label": "x"}, {"text": "c", "label": "y"}
    )
    with pytest.warns(LaminaWarning, match=r"t\.jsonl:2: 'label' is not read") as caught:
        assert read_text_table(path, text="text", label=None).texts == ["a", "b", "c"]
    assert len(caught) == 1


def test_not_a_number_as_python_writes_it_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"id": "NaN", "x": NaN, "n": 1}\n{"id": "NaN", "x": 2.5, "n": 4}')
    with pytest.raises(LaminaError, match=r"t\.jsonl:1: feature 'x' is 'missing'"):
        read_sequence_table(path, id="id", label=None)
    found = read_sequence_table(path, id="id", label=None, missing=True)
    assert found.ids == ["NaN"]
    np.testing.assert_array_equal(found.sequences[0][:, 0], [np.nan, 2.5])
    path.write_text('{"id": 1, "x": 1}\n{"id": 1, "x": -Infinity}\n')
    with pytest.raises(LaminaError, match=r"t\.jsonl:2: feature 'x' is '-inf'; need a finite"):
        read_sequence_table(path, id="id", label=None, missing=True)
    path.write_text('{"id": NaN, "x": 1, "y": NaN,}\n')
    with pytest.raises(LaminaError, match=r"t\.jsonl:1: broken JSON"):
        read_sequence_table(path, id="id", label=None)
    path.write_text('{"id": "\\ud800", "x": NaN}\n')
    with pytest.raises(LaminaError, match=r"t\.jsonl:1: broken JSON"):
        read_sequence_table(path, id="id", label=None)
