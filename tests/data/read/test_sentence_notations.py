"""Files of sentences and residues that are not quite as their suffix says."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from lamina.data.read.registry import SENTENCES
from lamina.data.text.span_schemes import Span, convert, recognise, spans
from lamina.spec import LaminaError, LaminaWarning
from lamina.tasks import Tag
from lamina.tasks.tag.data import TagData, read


def universal(words: list[tuple[str, str, str]]) -> str:
    return "".join(f"{n}\t{w}\t_\t{pos}\tx\t_\t0\t_\t_\t_\n" for n, w, pos in words)


SENTENCE = universal(
    [("1", "We", "PRON"), ("2-3", "don't", "_"), ("2", "do", "AUX"), ("3", "n't", "PART"),
     ("3.1", "go", "VERB"), ("4", "go", "VERB")]
)  # fmt: skip
NEED = (["We", "do", "n't", "go"], ["PRON", "AUX", "PART", "VERB"])


@pytest.mark.parametrize("name", ["t.txt", "t.conll", "t.tsv", "t.conllu", "t.CONLLU"])
@pytest.mark.parametrize("comments", ["", "# sent_id = 1\n# text = We don't go\n"])
def test_conllu_is_read_as_such_under_any_name(tmp_path: Path, name: str, comments: str) -> None:
    path = tmp_path / name
    path.write_text((comments + SENTENCE + "\n") * 12)
    data = TagData(source=str(path), fractions=(1, 0, 0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parts, _ = read(data)
    sentence = parts["train"][0]
    assert (sentence.words, sentence.labels) == NEED
    assert [str(each.message) for each in caught] == (
        []
        if path.suffix.lower() == ".conllu"
        else [f"{path}: has the ten columns of CoNLL-U, and is read so."]
    )


def test_word_numbers_are_never_words(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text((SENTENCE + "\n") * 2)
    columns = SENTENCES.find(path)
    with pytest.raises(LaminaError, match="is CoNLL-U, whose first column numbers the words"):
        columns.read(path, word=1, label="4", mask=None)
    (sentence, _) = columns.read(path, word=2, label="4", mask=None)
    assert (sentence.words, sentence.labels) == NEED
    written = columns.write(sentence, NEED[1], label="4").split("\n")
    assert [line.split("\t")[-1] for line in written[:3]] == ["PRON", "_", "AUX"]
    path.write_text("1 a X\n2 b Y\n\n1 c X\n2 d Y\n3 e Y\n")
    with pytest.raises(LaminaError, match=r":1: the words in column 1 are 1, 2, 3 \.\.\."):
        columns.read(path, word=1, label="3", mask=None)


def test_comments_in_columns_are_passed_over_with_a_note_and_words_are_not(tmp_path: Path) -> None:
    path = tmp_path / "t.conll"
    columns = SENTENCES.find(path)
    path.write_text("# id = 7\n# text\na X\n# Y\n\n# id = 8\nb X\n")
    with pytest.warns(LaminaWarning, match="passes over 3 lines that begin with '#' before a"):
        found = columns.read(path, word=1, label="2", mask=None)
    assert [s.words for s in found] == [["a", "#"], ["b"]]
    assert columns.write(found[0], ["P", "Q"], label="2") == "# id = 7\n# text\na X P\n# Y Q\n"
    path.write_text("# X\na Y\n\n#tag X\nb Y\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = columns.read(path, word=1, label="2", mask=None)
    assert [s.words for s in found] == [["#", "a"], ["#tag", "b"]]


def test_fasta_with_stops_remarks_and_blank_lines(tmp_path: Path) -> None:
    path, labels = tmp_path / "t.fa", tmp_path / "l.fa"
    path.write_text(">a one\n\nMKV\n; remark\nLL*\n\n>b\nmk\n>c\nM*V\n")
    for row, length in (("HHHCC", 5), ("HHHCCC", 5)):
        labels.write_text(f">a\n{row}\n>b\nHH\n>c\nHHC\n")
        found = SENTENCES.find(path).read(path, word=1, label=str(labels), mask=None)
        assert [s.words for s in found] == ["MKVLL", "mk", "M*V"]
        assert [len(s.labels or ()) for s in found] == [length, 2, 3]
    path.write_text(">a\n*\n")
    with pytest.raises(LaminaError, match="is empty; need a sequence"):
        SENTENCES.find(path).read(path, word=1, label=None, mask=None)


SPANS = [Span(0, 2, "PER"), Span(3, 3, "LOC"), Span(5, 6, "PER")]


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "IOBES", "BILOU", "BMEWO", "BMES"])
def test_schemes_are_recognised_and_written_back(scheme: str) -> None:
    labels = convert(["B-PER", "I-PER", "I-PER", "B-LOC", "O", "B-PER", "I-PER"], scheme)  # type: ignore[arg-type]
    assert recognise([labels]) == scheme
    assert spans(labels) == SPANS
    assert convert(convert(labels, "IOB2"), scheme) == labels  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["B_PER", "I_PER", "O"], "'B_PER' .* need B-PER"),
        (["PER-B", "PER-I", "O"], "'PER-B' .* need B-PER"),
        (["PER_B", "PER_I", "O"], "'PER_B' .* need B-PER"),
        (["b-per", "i-per", "o"], "'b-per' .* need B-per"),
        (["B-PER", "I-PER", "o"], "'B-PER' .* need B-PER, and O"),
        (["B:PER", "I:PER", "O"], "'B:PER' .* need B-PER"),
        (["I-PER", "E-PER", "O"], "spans with E, I, O, which is no scheme"),
        (["B-PER", "L-PER", "E-PER", "O"], "spans with B, E, L, O, which is no scheme"),
    ],
)
def test_other_notations_are_refused_by_name(labels: list[str], shown: str) -> None:
    with pytest.raises(LaminaError, match=shown):
        recognise([labels])


def test_a_header_among_labels_that_mark_spans_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "t.conll"
    sentences = [f"Ada{i}\tB-PER\nof\tO\nRome\tB-LOC\n" for i in range(20)]
    path.write_text("\n".join(["word\tlabel\n", *sentences]))
    with pytest.warns(LaminaWarning, match="such as 'B-LOC' .* do not: 'label'.* a header") as said:
        assert Tag(str(path), fractions=(1, 0, 0)).metric.name == "accuracy"
    assert str(said[0].message).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "labels",
    [["NOUN", "VERB"], ["O", "X_B"], ["H", "E", "C"], ["A-B", "C-D"], ["O", "I"], ["M", "W"]],
)
def test_other_labels_mark_no_spans(labels: list[str]) -> None:
    assert recognise([labels]) is None


@pytest.mark.parametrize("first", [0, 1])
def test_the_numbers_of_words_are_not_learned(tmp_path: Path, first: int) -> None:
    sentence = "".join(f"{first + i}\tword\tA\n" for i in range(3))
    path = tmp_path / "t.txt"
    path.write_text(sentence + "\n" + sentence)
    with pytest.raises(LaminaError, match=rf"column 1 are {first}, {first + 1}, .* in each"):
        read(TagData(source=str(path)))
