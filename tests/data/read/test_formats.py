"""One table of formats, each held to the same laws: what is read does not depend on the format.

A new format of tables joins with a line in ``CASES``; :func:`test_every_format_is_held_to_the_laws`
fails until it has one.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pytest

from lamina.data import TABLES, read_sequence_table, read_text_table
from lamina.data.cache.sequences import cached_sequence_table
from lamina.data.read.decoding import decoding
from lamina.data.read.files import suffix_of
from lamina.data.read.manifest import read_manifest
from lamina.data.read.pairs import read_pair_table, read_sources
from lamina.data.time.series import read_series
from lamina.spec import LaminaError

Columns: TypeAlias = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Case:
    """How a test writes a format, and what its places look like.

    Attributes:
        write: The bytes of a table.
        first: Where the first row is; the others follow, one a line.
        place: From a row's number there.
        text:  Whether the file is text, which may be in a wrong encoding.
        names: Whether columns are named apart from the rows.
    """

    write: Callable[[Columns], bytes]
    first: int = 2
    place: str = "{path}:{n}"
    text: bool = True
    names: bool = False


def as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)


def delimited(delimiter: str) -> Callable[[Columns], bytes]:
    def write(columns: Columns) -> bytes:
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows([as_text(x) for x in row] for row in zip(*columns.values(), strict=True))
        return out.getvalue().encode()

    return write


def json_lines(columns: Columns) -> bytes:
    rows = zip(*columns.values(), strict=True)
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    return "".join(json.dumps(row, default=str) + "\n" for row in found).encode()


def framed(write: Callable[[pl.DataFrame, io.BytesIO], Any]) -> Callable[[Columns], bytes]:
    def written(columns: Columns) -> bytes:
        out = io.BytesIO()
        write(pl.DataFrame(dict(columns), strict=False), out)
        return out.getvalue()

    return written


JSON = Case(json_lines, first=1, names=True)
PARQUET = Case(framed(pl.DataFrame.write_parquet), 1, "{path}, row {n}", text=False, names=True)
ARROW = Case(framed(pl.DataFrame.write_ipc), 1, "{path}, row {n}", text=False, names=True)

CASES = {
    ".csv": Case(delimited(",")),
    ".tsv": Case(delimited("\t")),
    ".jsonl": JSON,
    ".ndjson": JSON,
    ".parquet": PARQUET,
    ".arrow": ARROW,
    ".feather": ARROW,
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def put(request: pytest.FixtureRequest, case: Case, tmp_path: Path) -> Callable[..., Path]:
    suffix = request.node.callspec.params["case"]

    def written(columns: Columns, *, name: str = "t{}") -> Path:
        path = tmp_path / name.format(suffix)
        content = case.write(columns)
        path.write_bytes(gzip.compress(content) if path.suffix.lower() == ".gz" else content)
        return path

    return written


def refused(call: Callable[[], Any]) -> LaminaError:
    with pytest.raises(LaminaError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return caught.value


def test_every_format_is_held_to_the_laws() -> None:
    assert {suffix for reader in TABLES.readers for suffix in reader.suffixes} == set(CASES)


TEXTS = {
    "text": ["plain", 'with "quotes", and\ttab', "नमस्ते 👍", "\u2028 and \x85"],
    "stars": [1, 2, 3, 1],
    "unused": [None, 1.5, None, 2.5],
}


def test_texts(case: Case, put: Callable[..., Path]) -> None:
    path = put(TEXTS)
    found = read_text_table(path, text="text", label="stars")
    assert found.texts == TEXTS["text"]
    assert found.labels == ["1", "2", "3", "1"]
    assert found.places == [case.place.format(path=path, n=case.first + i) for i in range(4)]


@pytest.mark.parametrize("name", ["t{}.gz", "T{}.GZ", "a.b{}"])
def test_the_name_may_say_gzip(put: Callable[..., Path], name: str) -> None:
    assert read_text_table(put(TEXTS, name=name), text="text", label=None).texts == TEXTS["text"]


def test_a_suffix_may_be_in_capitals(case: Case, tmp_path: Path) -> None:
    for suffix, each in CASES.items():
        if each is case:
            path = tmp_path / f"T{suffix.upper()}"
            path.write_bytes(case.write(TEXTS))
            assert suffix_of(path) == suffix
            assert len(read_text_table(path, text="text", label="stars").texts) == 4


#: Values of every kind that a table may hold, and how each is written as a text.
VALUES = {
    "small": ([1, -2, 3], ["1", "-2", "3"]),
    "large": ([2**53 + 1, -(2**62), 0], [str(2**53 + 1), str(-(2**62)), "0"]),
    "tenth": ([0.1, 1.5, -2.25], ["0.1", "1.5", "-2.25"]),
    "flag": ([True, False, True], ["true", "false", "true"]),
    "day": ([date(2024, 2, 29), date(1969, 12, 31), date(2000, 1, 1)],
            ["2024-02-29", "1969-12-31", "2000-01-01"]),
    "word": (["a", " b ", "ü"], ["a", "b", "ü"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_of_any_type_is_a_label(put: Callable[..., Path], kind: str) -> None:
    values, texts = VALUES[kind]
    path = put({"text": ["x", "y", "z"], kind: values})
    assert read_text_table(path, text="text", label=kind).labels == texts


LONG = {
    "id": [7, 8, 7, 8, 7],
    "label": ["a", "b", "a", "b", "a"],
    "x": [1, 2, 3, 4, -5],
    "y": [0.1, 1e-7, 3.4e38, -0.0, 16777217.0],
    "on": [True, False, True, True, False],
    "day": [date(2024, 1, i) for i in range(1, 6)],
}


@pytest.mark.parametrize("read", [read_sequence_table, cached_sequence_table])
def test_sequences(put: Callable[..., Path], read: Callable[..., Any]) -> None:
    found = read(put(LONG), id="id", label="label")
    assert (found.ids, found.labels) == (["7", "8"], ["a", "b"])
    assert found.features == ["x", "y", "on"]  # truth values are 1 and 0, dates are no numbers
    assert (found.choice.flags, [*found.choice.left_out]) == (["on"], ["day"])
    whole = np.array([LONG["x"], LONG["y"], LONG["on"]]).T
    np.testing.assert_array_equal(found.sequences[0], whole[[0, 2, 4]])
    np.testing.assert_array_equal(found.sequences[1], whole[[1, 3]])
    assert np.signbit(found.sequences[1][1, 1])


def test_blocks_of_rows_do_not_show(put: Callable[..., Path], monkeypatch: Any) -> None:
    path = put(LONG)
    whole = read_sequence_table(path, id="id", label="label")
    monkeypatch.setattr("lamina.data.read.table.BLOCK", 2)
    parts = read_sequence_table(path, id="id", label="label")
    for one, other in zip(whole.sequences, parts.sequences, strict=True):
        np.testing.assert_array_equal(one, other)
    error = refused(lambda: read_text_table(path, text="label", label="nothing"))
    assert "no column 'nothing'" in error.message
    series = read_series(path, time="day", columns=["x"], missing="forward")
    assert series.series[0].values.ravel().tolist() == LONG["x"]


def test_gaps(case: Case, put: Callable[..., Path]) -> None:
    path = put({"id": [1, 1, 1], "x": [1.5, None, 2.5], "label": ["a"] * 3})
    found = read_sequence_table(path, id="id", label="label", missing=True)
    assert np.isnan(found.sequences[0][:, 0]).tolist() == [False, True, False]
    error = refused(lambda: read_sequence_table(path, id="id", label="label"))
    assert error.place == case.place.format(path=path, n=case.first + 1)
    assert "missing" in error.message


def test_series(put: Callable[..., Path]) -> None:
    hours = [datetime(2024, 2, 28, 22 + i) for i in range(2)] + [datetime(2024, 2, 29)]
    columns = {"time": hours, "load": [1, 2, 3], "heat": [0.1, 1 / 3, 1e-300], "up": [True] * 3}
    table = read_series(put(columns), time="time")
    assert table.columns == ["load", "heat", "up"]
    need = [columns["load"], columns["heat"], [1, 1, 1]]
    np.testing.assert_array_equal(table.series[0].values.T, need)
    seconds = [(hour - datetime(1970, 1, 1)).total_seconds() for hour in hours]
    assert (table.series[0].times / 1e6).tolist() == seconds


def test_recordings(case: Case, put: Callable[..., Path], tmp_path: Path) -> None:
    path = put({"audio": ["a.wav", "b/c.wav"], "text": ["one", " two "], "who": [1, 2]})
    found = read_manifest(path, audio="audio", text="text", speaker="who")
    assert found.audio == [tmp_path / "a.wav", tmp_path / "b" / "c.wav"]
    assert (found.texts, found.speakers) == (["one", "two"], ["1", "2"])
    assert found.places[1] == case.place.format(path=path, n=case.first + 1)


def test_pairs(case: Case, put: Callable[..., Path]) -> None:
    columns = {"de": ["eins", "zwei"], "en": ["one", "two, or\ttoo"]}
    if not case.names:
        pytest.skip("a header could not be told from a pair: such files are read by the line")
    path = put(columns)
    found = read_pair_table(path)
    assert (found.sources, found.targets) == (columns["de"], columns["en"])
    assert found.places[0] == case.place.format(path=path, n=case.first)
    assert read_sources(path) == columns["de"]
    assert read_sources(put({"de": columns["de"]})) == columns["de"]
    error = refused(lambda: read_pair_table(put({**columns, "fr": ["un", "deux"]})))
    assert "got 3 columns; need 2" in error.message
    assert "need 1 of texts" in refused(lambda: read_sources(path.with_name(path.name))).message
    error = refused(lambda: read_pair_table(put({"de": ["eins", " "], "en": ["one", "two"]})))
    assert error.place == case.place.format(path=path, n=case.first + 1)


@pytest.mark.parametrize(
    ("columns", "row", "facts"),
    [
        ({"text": ["a", "b"], "label": ["x", None]}, 1, "'label' is empty"),
        ({"text": ["a", " "], "label": ["x", "y"]}, 1, "'text' is empty"),
        ({"text": [None, "b"], "label": ["x", "y"]}, 0, "'text' is empty"),
    ],
)
def test_a_blank_cell(
    case: Case, put: Callable[..., Path], columns: Columns, row: int, facts: str
) -> None:
    path = put(columns)
    error = refused(lambda: read_text_table(path, text="text", label="label"))
    assert error.place == case.place.format(path=path, n=case.first + row)
    assert facts in error.message


def test_a_missing_column(case: Case, put: Callable[..., Path]) -> None:
    path = put({"texts": ["a"], "labels": [1]})
    place = str(path) if not case.text else f"{path}:1"
    for call in (
        lambda: read_text_table(path, text="text", label="label"),
        lambda: read_sequence_table(path, id="text", label="labels"),
        lambda: read_series(path, time="text"),
        lambda: read_manifest(path, audio="text", text=None),
    ):
        error = refused(call)
        assert error.place == place
        assert "no column 'text'" in error.message
        assert "'texts', 'labels'" in error.message


def test_no_rows(case: Case, put: Callable[..., Path]) -> None:
    path = put({"text": [], "label": []})
    for call in (
        lambda: read_text_table(path, text="text", label="label"),
        lambda: read_sequence_table(path, id="text", label="label"),
        lambda: read_series(path, time="text"),
        lambda: read_manifest(path, audio="text", text="label"),
    ):
        error = refused(call)
        assert error.place == str(path)
        assert "no rows" in error.message or "empty" in error.message


def test_a_file_that_is_none(case: Case, put: Callable[..., Path]) -> None:
    path = put(TEXTS)
    whole = path.read_bytes()
    cut = [] if case.text else [whole[:-4]]  # a text without its end may be a whole one
    for content in (b"", *cut, whole[: len(whole) // 2], b"\x00\xff" * 40):
        path.write_bytes(content)
        error = refused(lambda: read_text_table(path, text="text", label="stars"))
        assert str(error).startswith(str(path))
    path.unlink()
    assert "no such file" in refused(lambda: TABLES.find(path)(path)).message
    path.mkdir()
    assert "folder" in refused(lambda: TABLES.find(path)(path)).message


def test_a_wrong_encoding(case: Case, put: Callable[..., Path]) -> None:
    if not case.text:
        pytest.skip("the format says how its texts are encoded")
    path = put({"text": ["a", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"], "label": [1, 2]})
    text = path.read_bytes().decode()
    if "caf\\u" in text:  # JSON may write any character in ASCII
        text = text.replace("caf\\u00e9", "caf\xe9")
    path.write_bytes(text.encode("latin-1"))
    with decoding("utf-8"):
        error = refused(lambda: read_text_table(path, text="text", label="label"))
    assert error.place == f"{path}:{case.first + 1}"
    assert "byte 0xe9 is not UTF-8. Name the encoding" in error.message


@pytest.mark.parametrize(
    ("call", "also"),
    [
        (lambda path: read_text_table(path, text="text", label=None), []),
        (lambda path: read_manifest(path, audio="audio", text=None), []),
        (lambda path: read_series(path, time="time"), []),
        (lambda path: read_sequence_table(path, id="id", label=None), [".ts"]),
    ],
)
def test_an_unknown_suffix_names_those_that_are_known(
    tmp_path: Path, call: Callable[[Path], Any], also: list[str]
) -> None:
    for name in ("t.xls", "t", "t.xls.gz"):
        path = tmp_path / name
        path.write_text("x")
        error = refused(lambda path=path: call(path))
        assert error.place == str(path)
        assert all(suffix in error.message.split() for suffix in (*CASES, *also))
        assert (".ts" in error.message.split()) == bool(also)


TYPED = [
    (pl.Int8, [1, -1], ["1", "-1"]),
    (pl.UInt64, [2**64 - 1, 0], [str(2**64 - 1), "0"]),
    (pl.Float32, [0.1, 1.0], ["0.1", "1.0"]),
    (pl.Float64, [1e300, 5e-324], ["1e+300", "5e-324"]),
    (pl.Categorical, ["a", "b"], ["a", "b"]),
    (pl.Enum(["a", "b"]), ["a", "b"], ["a", "b"]),
    (pl.Decimal(38, 20), [Decimal("0.10000000000000000001"), Decimal(2)],
     ["0.10000000000000000001", "2.00000000000000000000"]),
]  # fmt: skip


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
@pytest.mark.parametrize(("kind", "values", "texts"), TYPED, ids=lambda x: str(x)[:12])
def test_no_type_changes_a_value(
    tmp_path: Path, suffix: str, kind: Any, values: list[Any], texts: list[str]
) -> None:
    path = tmp_path / f"t{suffix}"
    frame = pl.DataFrame({"text": ["x", "y"], "label": pl.Series(values, dtype=kind)})
    (frame.write_parquet if suffix == ".parquet" else frame.write_ipc)(path)
    labels = read_text_table(path, text="text", label="label").labels
    assert labels == texts
    assert [type(values[0])(label) for label in labels] == values


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_column_of_lists_is_refused_where_it_is_used(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    frame = pl.DataFrame({"id": [1, 1], "x": [1.0, 2.0], "l": [[1], [2]], "b": [b"a", b"b"]})
    (frame.write_parquet if suffix == ".parquet" else frame.write_ipc)(path)
    assert read_sequence_table(path, id="id", label=None).features == ["x"]
    for column, kind in (("l", "List"), ("b", "Binary")):
        for call in (
            lambda column=column: read_text_table(path, text=column, label=None),
            lambda column=column: read_sequence_table(path, id="id", label=column),
            lambda column=column: read_sequence_table(path, id="id", label=None, features=[column]),
        ):
            error = refused(call)
            assert error.place == str(path)
            assert f"{column!r} is of type {kind}" in error.message
