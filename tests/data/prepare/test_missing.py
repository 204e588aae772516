"""Numbers that are missing: which cells say so, and what they become."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lamina.data import read_sequence_table
from lamina.data.prepare.missing import filled
from lamina.data.prepare.standardize import Standardizer
from lamina.spec import LaminaError

GAPS = "id,label,x,y\na,p,1,\na,p,NA,2\nb,q,?,nan\nb,q,-1, N/A \n"


def test_cells_that_say_missing_are_read(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text(GAPS)
    table = read_sequence_table(file, id="id", label="label", missing=True)
    assert table.features == ["x", "y"]  # of y only one cell is a number
    np.testing.assert_array_equal(table.sequences[0], [[1, np.nan], [np.nan, 2]])
    np.testing.assert_array_equal(table.sequences[1], [[np.nan, np.nan], [-1, np.nan]])


def test_a_key_that_is_not_there_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    file.write_text('{"id":1,"x":1,"y":null}\n{"id":1,"y":2}\n')
    table = read_sequence_table(file, id="id", label=None, missing=True)
    np.testing.assert_array_equal(table.sequences[0], [[1, np.nan], [np.nan, 2]])


@pytest.mark.parametrize("cell", ["inf", "1e39", "x", "+"])
def test_what_is_no_number_stays_an_error(tmp_path: Path, cell: str) -> None:
    file = tmp_path / "s.csv"
    file.write_text(GAPS.replace("a,p,1,", f"a,p,{cell},"))
    with pytest.raises(LaminaError) as caught:
        read_sequence_table(file, id="id", label="label", features=["x"], missing=True)
    assert str(caught.value).startswith(f"{file}:2: feature 'x' is '{cell}'")


def test_a_gap_that_is_refused_says_what_would_fill_it(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text(GAPS)
    with pytest.raises(LaminaError, match=r"s.csv:3: feature 'x' is 'NA'.* missing='forward'"):
        read_sequence_table(file, id="id", label="label", features=["x"])


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 3)),
        elements=st.sampled_from([np.nan, -1.0, 0.0, 2.5]),
    )
)
def test_gaps_are_filled_as_a_loop_would(sequence: np.ndarray) -> None:
    steps, features = sequence.shape
    for how in ("mean", "forward"):
        expected = np.zeros_like(sequence)
        for i in range(features):
            last = 0.0
            for t in range(steps):
                if not np.isnan(sequence[t, i]):
                    last = expected[t, i] = sequence[t, i]
                elif how == "forward":
                    expected[t, i] = last
        np.testing.assert_array_equal(filled(sequence, how, indicator=False), expected)
        marked = filled(sequence, how, indicator=True)
        assert marked.dtype == np.float32
        np.testing.assert_array_equal(marked[:, :features], expected)
        np.testing.assert_array_equal(marked[:, features:], np.isnan(sequence))


def test_the_scale_is_that_of_what_is_there() -> None:
    scale = Standardizer.fit([np.array([[1.0, np.nan]]), np.array([[3.0, 7.0], [np.nan, 7.0]])])
    np.testing.assert_array_equal(scale.mean, [2, 7])
    np.testing.assert_array_equal(scale.scale, [1, 1])
    with pytest.raises(LaminaError, match="feature 2 of 2 has no value"):
        Standardizer.fit([np.array([[1.0, np.nan]])])
