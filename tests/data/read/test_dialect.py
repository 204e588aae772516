"""Tables as spreadsheets and statistics programs write them."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.read.registry import TABLES
from lamina.data.read.sequence_table import read_sequence_table
from lamina.spec import LaminaError, LaminaWarning


def table(path: Path) -> tuple[list[str], list[list[str]], list[int], list[str]]:
    """The columns, the rows, their lines and the notes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = TABLES.find(path)(path)
        blocks = list(found.blocks)
    notes = [str(each.message) for each in caught if each.category is LaminaWarning]
    rows = [[*row] for block in blocks for row in block.fields]  # type: ignore[arg-type]
    return found.columns, rows, [line for block in blocks for line in block.lines], notes


@pytest.mark.parametrize(
    ("name", "content", "rows", "note"),
    [
        ("t.csv", "a;b\nx, y;1\nz;2\n", [["x, y", "1"], ["z", "2"]], "semicolons"),
        ("t.csv", 'a;b\n"x;y";1\n', [["x;y", "1"]], "semicolons"),
        ("t.csv", "a\tb\nx, y\t1\nz\t2\n", [["x, y", "1"], ["z", "2"]], "tabs"),
        ("t.csv", "a|b\nx, y|1\nz|2\n", [["x, y", "1"], ["z", "2"]], "vertical bars"),
        ("t.tsv", "a,b\nx,1\nz,2\n", [["x", "1"], ["z", "2"]], "commas"),
        ("t.CSV", "a,b\nx;y,1\nz;w,2\n", [["x;y", "1"], ["z;w", "2"]], None),
        ("t.csv", "text\na;b\nc;d\n", [["a;b"], ["c;d"]], None),
        ("t.csv", "sep=;\na;b\nx,1;2\n", [["x,1", "2"]], None),
        ("t.csv", '"sep=|"\r\na|b\r\nx,1|2\r\n', [["x,1", "2"]], None),
        ("t.csv", "SEP=\t\na\tb\nx\t2\n", [["x", "2"]], None),
    ],
)
def test_the_delimiter_is_found_and_announced(
    tmp_path: Path, name: str, content: str, rows: list[list[str]], note: str | None
) -> None:
    (tmp_path / name).write_text(content, newline="")
    _, found, lines, notes = table(tmp_path / name)
    assert found == rows
    assert [note for note in notes if "separated" in note] == (
        [f"{tmp_path / name}: fields are separated by {note}, and read so."] if note else []
    )
    assert lines[0] == 2 + content.lower().lstrip('"').startswith("sep=")


def test_a_line_for_excel_leaves_places_right(tmp_path: Path) -> None:
    path = tmp_path / "t.CSV.GZ"
    path.write_bytes(gzip.compress(b"sep=;\na;b\n1;2\n3\n"))
    with pytest.raises(LaminaError, match=r"t\.CSV\.GZ:4: got 1 field; the header has 2"):
        table(path)
    path.write_bytes(gzip.compress(b"sep=;\na;b\n1;2\n"))
    with pytest.raises(LaminaError, match=r"t\.CSV\.GZ:2: no column 'c'"):
        TABLES.find(path)(path).position("c")


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a;b\n1,5;2\n-0,25;3\n;4\n", [["1.5", "2"], ["-0.25", "3"], ["", "4"]]),
        ("a;b\n1,5;1,234\n2,5;2,345\n", [["1.5", "1.234"], ["2.5", "2.345"]]),  # a shows b
        ("a;b\n0,125;x\n", [["0.125", "x"]]),
        ("a;b\n1,5e3;NA\n", [["1.5e3", "NA"]]),
        ("a;b\n1,234;x\n2,345;y\n", None),  # thousands?
        ("a;b\n1,5;x\n1.5;y\n", None),
        ("a;b\n1,5;x\n1,5,6;y\n", None),
    ],
)
def test_decimal_commas_beside_semicolons(
    tmp_path: Path, content: str, rows: list[list[str]] | None
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    _, found, _, notes = table(path)
    assert found == (rows or [line.split(";") for line in content.split("\n")[1:-1]])
    assert any("decimal commas as points in 'a'" in note for note in notes) == (rows is not None)


def test_a_file_of_a_german_spreadsheet_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("Lauf;Wärme\r\n1;21,5\r\n1;22\r\n2;-1,25\r\n".encode("cp1252"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = read_sequence_table(path, id="Lauf", label=None)
    assert found.features == ["Wärme"]
    assert [values.ravel().tolist() for values in found.sequences] == [[21.5, 22.0], [-1.25]]
    assert len(caught) == 3  # the encoding, the semicolons, the commas


@pytest.mark.parametrize(
    ("content", "columns", "rows"),
    [
        ("a,b,,\n1,2,,\n3,4, ,\n", ["a", "b"], [["1", "2"], ["3", "4"]]),
        ("a,b,\n1,2\n3,4\n", ["a", "b"], [["1", "2"], ["3", "4"]]),
        ("a,b,\n1,2,5\n3,4,\n", ["a", "b", ""], [["1", "2", "5"], ["3", "4", ""]]),
    ],
)
def test_empty_columns_at_the_end_are_left_out(
    tmp_path: Path, content: str, columns: list[str], rows: list[list[str]]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    found, values, _, notes = table(path)
    assert (found, values) == (columns, rows)
    assert any("without a name or a value" in note for note in notes) == (len(columns) == 2)


def test_comments_before_the_header_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("# made by x, on a day, at noon\n#\n\na,b\n1,2\n")
    columns, rows, lines, notes = table(path)
    assert (columns, rows, lines) == (["a", "b"], [["1", "2"]], [5])
    assert notes == [f"{path}: leaves out 2 lines before the header that begin with '#'."]
    path.write_text("#a,b\n1,2\n")
    assert table(path)[0] == ["#a", "b"]
    path.write_text("a,b\n1,2\n# a remark\n3,4\n")
    with pytest.raises(LaminaError, match=r":3: got 1 field.*'# a remark' is a comment, take"):
        table(path)


def test_doubled_returns_are_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\r\na,b\r\r\n", newline="")
    with pytest.raises(LaminaError, match=r":2: the line ends with \\r\\r\\n; .* tr -d '\\r' <"):
        table(path)


def test_a_quote_that_swallows_rows_of_any_length_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = ["text,label", '"no, he said,a', "fine,b", "so,c", "good,b", 'bad",a', '"a, b",c']
    path.write_text("\n".join(rows) + "\n")
    with pytest.raises(LaminaError, match=":2: a quote opens here and closes on line 6"):
        table(path)
    path.write_text('text,label\n"one\ntwo, three, four\nfive\nsix, seven, eight",a\n"x, y",b\n')
    assert len(table(path)[1]) == 2


@given(
    st.lists(
        st.lists(st.text("ab1 .\n\"'é#", max_size=6), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_rows_in_are_rows_out(cells: list[list[str]], delimiter: str) -> None:
    import csv
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
            writer.writerows([["a", "b", "c"], *cells])
        full = cells.copy()
        while full and not "".join(full[-1]).strip():
            full.pop()
        try:
            _, rows, _, notes = table(path)
            assert rows == full
            assert any("at the end" in note for note in notes) == (full != cells)
        except LaminaError:  # quotes that could be read in two ways
            assert any('"' in cell for row in cells for cell in row)


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t")])
def test_rows_at_the_end_without_a_value_are_left_out(tmp_path: Path, name: str, mark: str) -> None:
    path = tmp_path / name
    rows = [("x", "y"), ("1", "a"), ("", ""), ("2", "b"), ("", " "), ("", "")]
    path.write_text("".join(mark.join(row) + "\n" for row in rows) + "\n")
    _, found, lines, notes = table(path)
    assert found == [["1", "a"], ["", ""], ["2", "b"]]
    assert lines == [2, 3, 4]
    assert notes[-1] == f"{path}:5: leaves out 2 rows at the end, without a value."
