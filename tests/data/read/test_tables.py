"""Readers give what the file says or raise LaminaError with the line."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lamina.data import TextTable, fingerprint, read_sequence_table, read_text, read_text_table
from lamina.spec import LaminaError

#: tmp_path is one folder for all examples of a test: each writes its file anew.
on_files = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def lines(table: TextTable) -> list[int]:
    return [int(place.rsplit(":", 1)[1]) for place in table.places]


def error_of(call, *args, **kwargs) -> LaminaError:
    with pytest.raises(LaminaError) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return caught.value


# --- texts


def test_text_loses_the_byte_order_mark_and_ends_lines_alike(tmp_path):
    path = write(tmp_path, "a.txt", "\ufeffOne\r\ntwo\rthrée 👍\n")
    assert read_text(path) == "One\ntwo\rthrée 👍\n"  # a lone return ends no line


def test_text_may_be_gzipped(tmp_path):
    assert read_text(write(tmp_path, "a.txt.gz", "hello")) == "hello"


@pytest.mark.parametrize(
    ("name", "content", "place", "words"),
    [
        ("a.txt", b"", "", "empty"),
        ("a.txt", b" \n\t\n", "", "white space"),
        ("a.txt", b"caf\xc3\xa9\nna\xc3\xafve\ncaf\xe9\n", ":3", "not UTF-8, though other lines"),
        ("a.txt", b"\xef\xbb\xbfab\n\xff", ":2", "0xff"),
        ("a.txt", b"\xff\xfea\x00\n\x00\x00\xd8b\x00", ":2", "UTF-16"),
        ("a.txt", b"one\nt\x00wo", ":2", "zero byte"),
        ("a.txt", b"one\ntwo \x00 three\n\xe4\xba\x8c", ":2", "zero byte"),
        ("a.txt", b"ab\x00cde", ":1", "zero byte"),
    ],
)
def test_text_that_is_none_names_the_line(tmp_path, name, content, place, words):
    path = write(tmp_path, name, content)
    error = error_of(read_text, path)
    assert error.place == f"{path}{place}"
    assert words in error.message


def test_text_that_is_not_there(tmp_path):
    assert "no such file" in error_of(read_text, tmp_path / "none.txt").message
    assert "folder" in error_of(read_text, tmp_path).message
    assert "no such file" in error_of(fingerprint, tmp_path / "none.txt").message
    error_of(read_text, "a\0b")


@pytest.mark.parametrize("cut", [5, -4])
def test_damaged_gzip(tmp_path, cut):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"hello " * 100)[:cut])
    assert "gzip" in error_of(read_text, path).message
    path.write_bytes(b"plain text")
    assert "gzip" in error_of(read_text, path).message


def test_fingerprint_is_the_sha256_of_the_file(tmp_path):
    content = bytes(range(256)) * 10_000
    path = write(tmp_path, "a.bin", content)
    assert fingerprint(path) == hashlib.sha256(content).hexdigest()


# --- tables of texts

ROWS = [("plain", "0"), ('with "quotes", and\nlines\r\n of its own', "1"), ("नमस्ते\t👍", "true")]


def delimited(rows, delimiter: str) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([("text", "label"), *rows])
    return out.getvalue()


def table(rows, suffix: str) -> str:
    if suffix.startswith(".jsonl"):
        return "".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in rows)
    return delimited(rows, "\t" if suffix.startswith(".tsv") else ",")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".csv.gz", ".tsv.gz", ".jsonl.gz"])
def test_every_format_gives_the_same_table(tmp_path, suffix):
    found = read_text_table(
        write(tmp_path, "t" + suffix, table(ROWS, suffix)), text="text", label="label"
    )
    assert list(zip(found.texts, found.labels or (), strict=True)) == ROWS
    # The second row of a CSV takes three lines.
    assert lines(found) == ([1, 2, 3] if "jsonl" in suffix else [2, 3, 6])


def test_labels_are_optional(tmp_path):
    found = read_text_table(write(tmp_path, "t.csv", "text\nhello\n"), text="text", label=None)
    assert (found.texts, found.labels, lines(found)) == (["hello"], None, [2])


def test_json_labels_are_strings(tmp_path):
    path = write(
        tmp_path, "t.jsonl", '{"t":"a","l":1}\n\n{"t":"b","l":true}\n{"l":" x ","t":"c"}\n'
    )
    found = read_text_table(path, text="t", label="l")
    assert (found.labels, lines(found)) == (["1", "true", "x"], [1, 3, 4])


def test_byte_order_mark_and_names_with_spaces(tmp_path):
    path = write(tmp_path, "t.csv", "\ufeffmy text,the label\r\na,b\r\n")
    assert read_text_table(path, text="my text", label="the label").texts == ["a"]


def test_a_field_of_many_megabytes_leaves_the_limit_as_it_was(tmp_path):
    before = csv.field_size_limit()
    path = write(tmp_path, "t.csv", "text,label\n" + "x" * 3_000_000 + ",a\n")
    assert len(read_text_table(path, text="text", label="label").texts[0]) == 3_000_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("block", [1, 2, 7])
def test_blocks_of_rows_do_not_show(tmp_path, monkeypatch, block):
    monkeypatch.setattr("lamina.data.read.formats.delimited._BLOCK", block)
    rows = [(f'a\n"{i}"', str(i)) for i in range(7)]
    content = table(rows, ".csv").replace("\r\n", "\r\n\r\n")  # blank lines between
    found = read_text_table(write(tmp_path, "t.csv", content), text="text", label="label")
    assert list(zip(found.texts, found.labels or (), strict=True)) == rows
    assert lines(found) == list(range(3, 24, 3))
    path = write(tmp_path, "t.csv", content + 'x,y\n"z')
    error = error_of(read_text_table, path, text="text", label="label")
    assert error.place == f"{path}:25"


def test_a_line_separator_of_unicode_is_no_line_of_json(tmp_path):
    path = write(tmp_path, "t.jsonl", '{"text":"a\u2028b\x85c"}\n{"text":"d"}')
    found = read_text_table(path, text="text", label=None)
    assert (found.texts, lines(found)) == (["a\u2028b\x85c", "d"], [1, 2])


@pytest.mark.parametrize(
    ("name", "content", "line", "words"),
    [
        ("t.xyz", "x", None, ".jsonl"),
        ("t", "x", None, "suffix"),
        ("t.csv", "", None, "empty"),
        ("t.csv", "\n\n", None, "empty"),
        ("t.csv", "text,label\n", None, "no rows"),
        ("t.csv", "texts,label\na,b\n", 1, "Did you mean 'texts'"),
        ("t.csv", "text,text,label\na,b,c\n", 1, "2 columns named 'text'"),
        ("t.csv", "text,label\na,b\n,b\n", 3, "'text' is empty"),
        ("t.csv", "text,label\na,b\na, \n", 3, "'label' is empty"),
        ("t.csv", 'text,label\n"a\nb",x\na,\n', 4, "'label' is empty"),
        ("t.csv", "text,label\na,b\na\n", 3, "got 1 field;"),
        ("t.csv", "text,label\na,b\n\na,b,c\n", 4, "got 3 fields"),
        ("t.csv", 'text,label\n"a,b\n', 2, "broken row"),
        ("t.csv", 'text,label\n"a"x,b\n', 2, "broken row"),
        ("t.csv", b"text,label\n\xc3\xa9,b\n\xe9,b\n", 3, "not UTF-8, though"),
        ("t.jsonl", "\n", None, "empty"),
        ("t.jsonl", '\n{}\n{"text":"a","label":"b"}\n', 2, "without keys"),
        ("t.jsonl", '{"text":"a","label":"b"}\n{"text":\n', 2, "broken JSON"),
        ("t.jsonl", '{"text":"a","label":"b"}\n[1]\n', 2, "JSON list"),
        ("t.jsonl", '{"text":"a","label":"b"}\n{"text":"a"}\n', 2, "'label' is empty"),
        ("t.jsonl", '{"text":null,"label":"b"}\n', 1, "'text' is empty"),
        ("t.jsonl", '{"text":"\\ud800","label":"b"}\n', 1, "broken JSON"),
        ("t.jsonl", "[" * 100_000, 1, "broken JSON"),
        ("t.jsonl", '{"txt":"a","label":"b"}\n', 1, "Did you mean 'txt'"),
    ],
)
def test_broken_tables_name_the_line(tmp_path, name, content, line, words):
    path = write(tmp_path, name, content)
    error = error_of(read_text_table, path, text="text", label="label")
    assert error.place == (str(path) if line is None else f"{path}:{line}")
    assert words in error.message


def test_one_column_cannot_be_text_and_label(tmp_path):
    path = write(tmp_path, "t.csv", "text,label\na,b\n")
    assert "twice" in error_of(read_text_table, path, text="text", label="text").message


plain = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
filled = plain.filter(lambda text: not text.isspace())


@on_files
@given(rows=st.lists(st.tuples(filled, filled), min_size=1, max_size=6))
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_what_was_written_is_read(tmp_path, suffix, rows):
    path = write(tmp_path, "t" + suffix, table(rows, suffix))
    if any(re.search(r"\n.*[,\t]|[,\t].*\n", "".join(row), re.DOTALL) for row in rows):
        try:  # a field may look like two rows
            found = read_text_table(path, text="text", label="label")
        except LaminaError:
            return
    found = read_text_table(path, text="text", label="label")
    assert found.texts == [text for text, _ in rows]
    assert found.labels == [unicodedata.normalize("NFC", label).strip() for _, label in rows]


broken = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                *(b'"', b",", b"\n", b"\r", b"\t", b"a", b"1", b"nan", b"[", b"{}", b" ", b"\0"),
                *(b"\xff", b"\xef\xbb\xbf", b"text,label\n", b"id,label,x\n"),
                *(b'{"text":"a","label":', b'"b"}'),
            ]
        )
    ).map(b"".join),
)


@on_files
@given(content=broken)
@example(content=b"text,label\n\x85,1\n")
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".csv.gz"])
def test_random_bytes_are_read_or_refused(tmp_path, suffix, content):
    path = write(tmp_path, "t" + suffix, content)
    errors = []
    for call in (
        lambda: read_text(path),
        lambda: read_text_table(path, text="text", label="label"),
        lambda: read_text_table(path, text="a", label=None),
        lambda: read_sequence_table(path, id="id", label="label"),
        lambda: read_sequence_table(path, id="id", label="label", missing=True, separator=";"),
    ):
        try:
            call()
        except LaminaError as error:
            errors.append(str(error))
    assert not any("\n" in error for error in errors)


# --- tables of sequences

LONG = """id,t,x,y,who,label
a,0,1,10,u,pos
b,0,2,20,u,neg
a,1,3,30,u,pos
b,1, 4 ,4e1,u,neg
a,2,-5.5,50,u,pos
"""


def test_rows_of_an_id_keep_their_order(tmp_path):
    found = read_sequence_table(write(tmp_path, "s.csv", LONG), id="id", label="label")
    assert (found.ids, found.labels) == (["a", "b"], ["pos", "neg"])
    assert found.features == ["t", "x", "y"]
    assert [s.dtype for s in found.sequences] == [np.float64] * 2
    np.testing.assert_array_equal(found.sequences[0], [[0, 1, 10], [1, 3, 30], [2, -5.5, 50]])
    np.testing.assert_array_equal(found.sequences[1], [[0, 2, 20], [1, 4, 40]])


def test_many_scattered_rows_keep_their_order(tmp_path):
    rows = [f"{i * 7 % 5},x,{i}" for i in range(10_000)]
    path = write(tmp_path, "s.csv", "\n".join(["id,label,n", *rows]))
    found = read_sequence_table(path, id="id", label="label")
    assert [len(s) for s in found.sequences] == [2000] * 5
    assert all((np.diff(s[:, 0]) == 5).all() for s in found.sequences)


def test_features_can_be_named_and_chunks_do_not_show(tmp_path, monkeypatch):
    monkeypatch.setattr("lamina.data.read.table.BLOCK", 2)
    path = write(tmp_path, "s.csv", LONG)
    found = read_sequence_table(path, id="id", label="label", features=["y", "x"])
    assert found.features == ["y", "x"]
    np.testing.assert_array_equal(found.sequences[0], [[10, 1], [30, 3], [50, -5.5]])


def test_sequences_from_json_lines(tmp_path):
    lines = ['{"id":1,"label":0,"x":0.5}', '{"id":2,"label":1,"x":2}', '{"id":1,"label":0,"x":-3}']
    found = read_sequence_table(
        write(tmp_path, "s.jsonl", "\n".join(lines)), id="id", label="label"
    )
    assert (found.ids, found.labels, found.features) == (["1", "2"], ["0", "1"], ["x"])
    np.testing.assert_array_equal(found.sequences[0], [[0.5], [-3]])


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("a,1,3,", "a,1,nan,", 4, "'nan'"),
        ("a,1,3,", "a,1,inf,", 4, "'inf'"),
        ("a,1,3,", "a,1,1e39,", 4, "'1e39'"),
        ("a,1,3,", "a,1,,", 4, "'missing'"),
        ("a,1,3,", "a,1,n/a,", 4, "'n/a'"),
        ("a,0,1,", "a,0,,", 2, "'missing'"),
        ("30,u,pos", "30,u,neg", 4, "one label an id"),
        ("30,u,pos", "30,u,", 4, "'label' is empty"),
        ("a,1,3", ",1,3", 4, "'id' is empty"),
        ("20,u,neg", "20,u", 3, "got 5 fields"),
    ],
)
def test_broken_sequences_name_the_line(tmp_path, old, new, line, words):
    assert LONG.count(old) == 1
    path = write(tmp_path, "s.csv", LONG.replace(old, new))
    error = error_of(read_sequence_table, path, id="id", label="label")
    assert error.place == f"{path}:{line}"
    assert words in error.message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"id": "id", "label": "id"}, "twice"),
        ({"id": "id", "label": "label", "features": ["x", "label"]}, "twice"),
        ({"id": "id", "label": "label", "features": ["z"]}, "no column 'z'"),
        ({"id": "id", "label": "label", "features": []}, "at least one feature"),
        ({"id": "id", "label": "label", "features": ["x", "x"]}, "twice"),
        ({"id": "id", "label": "label", "features": ["who"]}, "finite number"),
        ({"id": "ids", "label": "label"}, "Did you mean 'id'"),
    ],
)
def test_columns_that_do_not_fit(tmp_path, options, words):
    path = write(tmp_path, "s.csv", LONG)
    assert words in error_of(read_sequence_table, path, **options).message


def test_a_table_without_numbers_or_rows(tmp_path):
    path = write(tmp_path, "s.csv", "id,label,x\na,b,c\n")
    assert (
        "no column of numbers"
        in error_of(read_sequence_table, path, id="id", label="label").message
    )
    path = write(tmp_path, "s.csv", "id,label,x\n")
    for features in (None, ["x"]):
        found = error_of(read_sequence_table, path, id="id", label="label", features=features)
        assert "no rows" in found.message
