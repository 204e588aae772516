"""``.ts`` files: what sktime's loader reads, and one line with the place for what it does not."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamina.data import japanese_vowels
from lamina.data.read.formats.ts import read_ts
from lamina.spec import LaminaError

pytest.importorskip("sktime")

HEAD = """# two channels
@problemName Toy
@timeStamps false
@missing false
@univariate false
@dimensions 2
@equalLength false
@classLabel true Up down
@data
"""
CASES = "1,2,3:4,5,6:Up\n-1.5,2:0,1e1:down\n"


def write(folder: Path, content: str | bytes) -> Path:
    file = folder / "a.ts"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_cases_of_uneven_length(tmp_path: Path) -> None:
    table = read_ts(write(tmp_path, HEAD + CASES), labelled=True)
    np.testing.assert_array_equal(table.sequences[0], [[1, 4], [2, 5], [3, 6]])
    np.testing.assert_array_equal(table.sequences[1], [[-1.5, 0], [2, 10]])
    assert table.sequences[0].dtype == np.float64
    assert (table.labels, table.ids, table.features) == (
        ["up", "down"],
        ["1", "2"],
        ["dim_0", "dim_1"],
    )
    assert read_ts(tmp_path / "a.ts", labelled=False).labels is None


def test_cases_without_labels_and_with_gaps(tmp_path: Path) -> None:
    head = HEAD.replace("true Up down", "false")
    file = write(tmp_path, head + "1,?:2,3\n")
    table = read_ts(file, labelled=False, missing=True)
    np.testing.assert_array_equal(table.sequences[0], [[1, 2], [np.nan, 3]])
    with pytest.raises(LaminaError, match=r"a.ts:10: a value is missing"):
        read_ts(file, labelled=False)
    with pytest.raises(LaminaError, match="has no class labels"):
        read_ts(file, labelled=True, missing=True)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("@data", "", "", "no line @data"),
        (CASES, "", "", "no case after @data"),
        ("@classLabel true Up down", "@targetLabel true", "", "numbers to predict"),
        ("@timeStamps false\n", "", "", "sktime reads"),
        ("@univariate false", "@univariate perhaps", "", "sktime reads"),
        ("-1.5,2:0", "-1.5,x:0", ":11", "sktime reads"),
        ("-1.5,2:0,1e1:down", "-1.5,2:down", ":11", "inconsistent number of dimensions"),
        ("-1.5,2:", "-1.5,2,3:", ":11", "2, 3 steps"),
        ("-1.5,2:0,1e1:", "::", ":11", "0 steps"),
        ("-1.5,2", "-1.5,inf", ":11", "not finite"),
        ("-1.5,2", "-1.5,1e39", ":11", "not finite"),
        (":Up\n", ":\n", ":10", "no label"),
        (":Up\n", ":Up\n@data\n", ":11", "a tag behind @data"),
    ],
)
def test_broken_files_name_the_place(
    tmp_path: Path, old: str, new: str, line: str, words: str
) -> None:
    whole = HEAD + CASES
    assert whole.count(old) == 1
    file = write(tmp_path, whole.replace(old, new))
    with pytest.raises(LaminaError) as caught:
        read_ts(file, labelled=True)
    assert words in caught.value.message
    assert caught.value.place == f"{file}{line}"
    assert "\n" not in str(caught.value)


pieces = st.sampled_from(
    [
        *(HEAD + CASES).splitlines(keepends=True),
        *("1,2:3,4:up\n", "(0,1):up\n", "(2020-01-01,1)", ":", ",", "?", "nan", "é\n", "\0", "%\n"),
        *("@timestamps true\n", "@classLabel false\n", "@data\n"),
    ]
)


@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.one_of(
        st.binary(max_size=60),
        st.lists(pieces, max_size=12).map(lambda parts: "".join(parts).encode()),
        st.lists(pieces, max_size=4).map(lambda parts: (HEAD + "".join(parts)).encode()),
    )
)
def test_random_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    file = write(tmp_path, content)
    errors = []
    for labelled, missing in ((True, False), (False, True)):
        try:
            table = read_ts(file, labelled=labelled, missing=missing)
        except LaminaError as error:
            errors.append(str(error))
        else:
            assert all(s.ndim == 2 and len(s) for s in table.sequences)
            assert missing or all(np.isfinite(s).all() for s in table.sequences)
    assert all(error.startswith(str(file)) and "\n" not in error for error in errors)


def test_japanese_vowels() -> None:
    for part, cases in (("train", 270), ("test", 370)):
        table = japanese_vowels(part)
        assert len(table.sequences) == len(table.labels or ()) == cases
        assert set(table.labels or ()) == set("123456789")
        assert {s.shape[1] for s in table.sequences} == {12}
        lengths = [len(s) for s in table.sequences]
        assert (min(lengths), max(lengths)) == (7, 29 if part == "test" else 26)


def test_without_sktime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("sktime"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(LaminaError, match=r"pip install 'lamina\[series\]'"):
        read_ts(write(tmp_path, HEAD + CASES), labelled=True)
    monkeypatch.setattr("lamina.data.corpora.packaged.find_spec", lambda name: None)
    with pytest.raises(LaminaError, match=r"pip install 'lamina\[series\]'"):
        japanese_vowels()
