"""Canonically equivalent texts are the same text, whoever wrote them (Unicode Annex 15)."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.cache.tokenised import tokenise
from lamina.data.read.text_table import read_text_table
from lamina.data.text.lexicon import Lexicon
from lamina.data.text.subwords import Subwords
from lamina.data.text.vocabulary import Vocabulary

#: Composed and decomposed letters of Latin, Vietnamese, Korean, Japanese, Devanagari.
TEXT = "café où naïve Tiếng Việt 한국어 がぎぐ क़लम Ångström ẛ̣"
FORMS = ("NFC", "NFD")
CASES = Path(__file__).parents[2] / "cases"


def forms(text: str) -> list[str]:
    return [unicodedata.normalize(form, text) for form in FORMS]


@pytest.mark.parametrize("level", ["char", "word", "space"])
@pytest.mark.parametrize("normalize", ["none", "lower", "letters"])
@pytest.mark.parametrize("form", FORMS)
def test_a_vocabulary_of_either_form_reads_both(level, normalize, form) -> None:
    known = Vocabulary.build([unicodedata.normalize(form, TEXT)], level=level, normalize=normalize)
    known = Vocabulary.from_json(known.to_json(), "v.json")
    composed, decomposed = (known.encode(text) for text in forms(TEXT))
    assert np.array_equal(composed, decomposed)
    assert known.unknown not in composed


@given(st.text(max_size=20))
def test_equivalent_texts_have_the_same_tokens(text: str) -> None:
    known = Vocabulary.build([text, "a"], level="char")
    first, second = forms(text)
    assert np.array_equal(known.encode(first), known.encode(second))
    subwords = Subwords.build([text, TEXT], 300)
    one, other = subwords.encode_many([first, second])
    assert np.array_equal(one, other)


def test_words_of_a_lexicon_and_their_characters() -> None:
    words = [unicodedata.normalize("NFD", TEXT).split()]
    lexicon = Lexicon.build(words, lower=True, digits=True, max_size=99, min_count=1)
    one, other = (lexicon.encode([text.split()])[0] for text in forms(TEXT))
    assert np.array_equal(one.words, other.words)
    assert all(map(np.array_equal, one.characters, other.characters))
    assert lexicon.words.unknown not in one.words


def test_subwords_of_a_file_keep_the_form() -> None:
    subwords = Subwords.build([TEXT] * 3, 400)
    again = Subwords.from_json(subwords.to_json(), "s.json")
    one, other = again.encode_many(forms(TEXT))
    assert np.array_equal(one, other)
    assert again.decode_many([one.tolist()]) == [unicodedata.normalize("NFC", TEXT)]


def test_running_text_whatever_the_chunk(tmp_path: Path) -> None:
    found = []
    for text in forms(TEXT):
        (tmp_path / "t.txt").write_text(text)
        parts, _ = tokenise(tmp_path / "t.txt", level="char", normalize="none")
        found.append((list(parts["train"].tokens), parts["train"].ids.tolist()))
    assert found[0] == found[1]


def test_models_from_before_read_texts_as_they_are() -> None:
    """Their vocabularies were counted on texts in whatever form."""
    old = Vocabulary("space", "none", (), tuple(unicodedata.normalize("NFD", TEXT).split()), False)
    assert '"unicode"' not in old.to_json()
    old = Vocabulary.from_json(old.to_json(), "v.json")
    composed, decomposed = (old.encode(text) for text in forms(TEXT))
    assert old.unknown not in decomposed
    assert old.unknown in composed


def test_a_label_in_two_forms_is_one_label(tmp_path: Path) -> None:
    composed, decomposed = forms("très")
    (tmp_path / "t.csv").write_text(f"text,label\na,{composed}\nb,{decomposed}\n")
    assert read_text_table(tmp_path / "t.csv", text="text", label="label").labels == [composed] * 2


def test_the_two_files_of_the_case_are_the_same() -> None:
    texts = [
        read_text_table(CASES / name, text="text", label="label").texts
        for name in ("fr_nfc.csv", "fr_nfd.csv")
    ]
    assert texts[0] != texts[1]
    known = Vocabulary.build(texts[0], level="word", normalize="lower", min_count=2)
    for one, other in zip(known.encode_many(texts[0]), known.encode_many(texts[1]), strict=True):
        assert np.array_equal(one, other)
