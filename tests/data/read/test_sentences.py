"""Readers of labelled sentences: what the file says, or LaminaError with the line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamina.data.read.formats.conll import read_columns
from lamina.data.read.formats.conllu import read_conllu
from lamina.data.read.formats.fasta import read_fasta
from lamina.data.read.sentences import Sentence
from lamina.data.text.lexicon import MOST_CHARACTERS, Lexicon, cut
from lamina.spec import LaminaError

on_files = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


COLUMNS = """-DOCSTART- -X- O O

EU NNP I-NP I-ORG
rejects VBZ I-VP O

\t
Peter  NNP I-NP I-PER
"""


def test_columns(tmp_path: Path) -> None:
    path = put(tmp_path, "a.conll.gz", COLUMNS.replace("\n", "\r\n"))
    first, second = read_columns(path, word=1, label=4)
    assert (first.words, first.labels) == (["EU", "rejects"], ["I-ORG", "O"])
    assert first.place == f"{path}:3"
    assert first.lines == ["-DOCSTART- -X- O O", "", "EU NNP I-NP I-ORG", "rejects VBZ I-VP O"]
    assert first.at == [2, 3]
    assert second.words == ["Peter"]
    assert second.place == f"{path}:7"
    assert read_columns(path, word=1, label=-1)[1].labels == ["I-PER"]
    assert read_columns(path, word=2, label=None)[0].words == ["NNP", "VBZ"]
    assert read_columns(path, word=1, label=None)[0].labels is None


def test_tabs_separate_where_there_are_some(tmp_path: Path) -> None:
    path = put(tmp_path, "a.txt", "New York\tB-LOC\n\u3000\tO\n")
    (sentence,) = read_columns(path, word=1, label=2)
    assert sentence.words == ["New York", "\u3000"]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("a O\nb\n", 2, "got 1 column; need 2, as in line 1"),
        ("a O\n\nb O O\n", 3, "got 3 columns; need 2"),
        ("a\nb\n", 1, "no column 2 for the label; the line has 1 column"),
        ("\tO\n", 1, "the word in column 1 is empty"),
        ("a\t\n", 1, "the label in column 2 is empty"),
        ("-DOCSTART- O\n\n", None, "got no words"),
        ("\n\n", None, "got no words"),
    ],
)
def test_broken_columns(tmp_path: Path, content: str, line: int | None, message: str) -> None:
    path = put(tmp_path, "a.txt", content)
    with pytest.raises(LaminaError, match=message) as caught:
        read_columns(path, word=1, label=2)
    assert caught.value.place == (f"{path}:{line}" if line else str(path))


CONLLU = """# text = I don't go.
1\tI\tI\tPRON\tPRP\t_\t4\tnsubj\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t4\taux\t_\t_
3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_
3.1\tever\t_\t_\t_\t_\t_\t_\t_\t_
4\tgo\tgo\tVERB\tVB\t_\t0\troot\t_\t_

# a comment alone

1\tYes\tyes\tINTJ\tUH\t_\t0\troot\t_\t_
"""


def test_conllu(tmp_path: Path) -> None:
    path = put(tmp_path, "a.conllu", CONLLU)
    first, second = read_conllu(path, label="upos")
    assert first.words == ["I", "do", "n't", "go"]
    assert first.labels == ["PRON", "AUX", "PART", "VERB"]
    assert [first.lines[at][0] for at in first.at] == list("1234")
    assert read_conllu(path, label="xpos")[1].labels == ["UH"]
    assert second.place == f"{path}:11"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1\tYes\tyes\tINTJ", "2\tYes\tyes\tINTJ", "11: got word number '2'; need 1"),
        ("\tINTJ\t", "\t_\t", "11: the word 'Yes' has no upos"),
        ("\t0\troot\t_\t_\n\n# a", "\t0\troot\t_\n\n# a", "7: got 9 columns; CoNLL-U has 10"),
        ("1\tI\t", "1\t\t", "2: the word is empty"),
    ],
)
def test_broken_conllu(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CONLLU
    path = put(tmp_path, "a.conllu", CONLLU.replace(old, new))
    with pytest.raises(LaminaError, match=message):
        read_conllu(path, label="upos")


RESIDUES = ">a first\nMKV\nL\n>b\nGG\n"
LABELS = ">b SET=test\nHH\n>a SET=train VALIDATION=True\nCCEE\n"


def test_fasta(tmp_path: Path) -> None:
    path, labels = put(tmp_path, "r.fasta", RESIDUES), put(tmp_path, "l.fasta", LABELS)
    mask = put(tmp_path, "m.fasta", ">a\n0111\n>b\n11\n")
    first, second = read_fasta(path, labels=labels, mask=mask)
    assert (first.words, first.labels, first.part) == ("MKVL", "CCEE", "validation")
    assert first.counted == [False, True, True, True]
    assert (second.labels, second.part) == ("HH", "test")
    assert first.lines == (">a first", "MKVL")
    assert read_fasta(path, labels=None, mask=None)[0].labels is None


@pytest.mark.parametrize(
    ("residues", "labels", "mask", "message"),
    [
        ("MKV\n", LABELS, None, "r.fasta:1: got 'MKV' before the first header"),
        (">a\n>b\nGG\n", LABELS, None, "r.fasta:1: 'a' is empty"),
        (">\nMK\n", LABELS, None, "r.fasta:1: got a header without a name"),
        (">a\nMKVL\n>a\nM\n", LABELS, None, "r.fasta:3: 'a' stands here again, after line 1"),
        (">c\nMK\n", LABELS, None, "r.fasta:1: 'c' is not in .*l.fasta"),
        (">b\nGGG\n", LABELS, None, "r.fasta:1: 'b' has 3 residues here and 2 .*l.fasta, line 1"),
        (RESIDUES, LABELS.replace("test", "exam"), None, "l.fasta:1: got SET=exam"),
        (RESIDUES, LABELS.replace("True", "maybe"), None, "l.fasta:3: got VALIDATION=maybe"),
        (RESIDUES, LABELS.replace(" SET=test", ""), None, "r.fasta:4: this entry has no SET="),
        (RESIDUES, LABELS, ">a\n01x1\n>b\n11\n", "m.fasta:1: got 'x' in a mask"),
        (RESIDUES, LABELS, ">a\n0111\n", "r.fasta:4: 'b' is not in .*m.fasta"),
    ],
)
def test_broken_fasta(tmp_path, residues: str, labels: str, mask: str | None, message: str) -> None:
    path, other = put(tmp_path, "r.fasta", residues), put(tmp_path, "l.fasta", labels)
    third = None if mask is None else put(tmp_path, "m.fasta", mask)
    with pytest.raises(LaminaError, match=message):
        read_fasta(path, labels=other, mask=third)


field = st.text(st.sampled_from("aé中👍-.#>\u2028\x85"), min_size=1, max_size=4)
rows = st.lists(st.lists(st.tuples(field, field), min_size=1, max_size=4), min_size=1, max_size=4)


@on_files
@given(rows)
def test_what_was_written_is_read(tmp_path: Path, sentences: list[list[tuple[str, str]]]) -> None:
    text = "\n\n".join("\n".join("\t".join(row) for row in rows) for rows in sentences)
    found = read_columns(put(tmp_path, "t.txt", text), word=1, label=2)
    assert [list(zip(s.words, s.labels or (), strict=True)) for s in found] == sentences


pieces = st.sampled_from(
    ["a", "O", "\t", " ", "\n", "\n\n", "\r", "#", "1", "2-3", "_", ">", ">x\n", "SET=train", "中"]
)
broken = st.one_of(
    st.binary(max_size=100),
    st.lists(pieces, max_size=30).map(lambda parts: "".join(parts).encode()),
)


@on_files
@given(content=broken)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_random_bytes_are_read_or_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = put(tmp_path, "t" + suffix, content)
    for call in (
        lambda: read_columns(path, word=1, label=-1),
        lambda: read_columns(path, word=-2, label=None),
        lambda: read_conllu(path, label="upos"),
        lambda: read_conllu(path, label=None),
        lambda: read_fasta(path, labels=path, mask=path),
        lambda: read_fasta(path, labels=None, mask=None),
    ):
        found, error = attempt(call)
        assert error is None or ("\n" not in str(error) and str(path) in (error.place or ""))
        for sentence in found:
            assert all(sentence.words)
            assert sentence.labels is None or len(sentence.labels) == len(sentence.words)


def attempt(call: Callable[[], list[Sentence]]) -> tuple[list[Sentence], LaminaError | None]:
    try:
        return call(), None
    except LaminaError as error:
        return [], error


def test_a_lexicon_knows_words_and_characters_apart() -> None:
    lexicon = Lexicon.build(
        [["Room", "101"], ["room", "7", "<unk>"]], lower=True, digits=True, max_size=9, min_count=1
    )
    assert lexicon.words.counted == ("room", "0", "000")
    forms, sentences = lexicon.encode([["ROOM", "222"], ["ROOM", "new"]])
    assert forms.words.tolist() == [1, 3, 0]
    assert [numbers.tolist() for numbers in sentences] == [[0, 1], [0, 2]]
    assert [len(spelled) for spelled in forms.characters] == [4, 3, 3]
    assert forms.characters[0][0] != forms.characters[0][3]  # R is known, M is not


def test_a_long_word_keeps_its_ends() -> None:
    assert cut("a" * 30 + "b" * 30) == "a" * 20 + "b" * 20
    assert len(cut("c" * MOST_CHARACTERS)) == MOST_CHARACTERS


def test_a_word_is_not_its_own_label(tmp_path: Path) -> None:
    path = put(tmp_path, "t.txt", "Ada\nflew\n")
    assert read_columns(path, word=1, label=None)[0].words == ["Ada", "flew"]
    with pytest.raises(LaminaError, match=r"t.txt:1: the last column, 1, is that of the word"):
        read_columns(path, word=1, label=-1)
