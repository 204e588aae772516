"""Text to numbers and back, in any script."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lamina.data import Vocabulary
from lamina.data.text.normalize import composed
from lamina.data.text.splitting import _splitter, join_words, split_words
from lamina.spec import LaminaError

law = settings(deadline=None, max_examples=200)
unicode = st.text(st.characters(codec="utf-8"))
#: Everything a Python string can hold, halves of surrogate pairs too.
anything = st.text(st.characters())


def test_tokens_by_count_then_text():
    v = Vocabulary.build(["b b a", "c a"], level="word", specials=["<eos>"])
    assert v.tokens == ["<unk>", "<eos>", "a", "b", "c"]
    assert (v.unknown, v.id_of("<eos>"), v.id_of("nothing"), len(v)) == (0, 1, 0, 5)
    assert v.encode("a b d").tolist() == [2, 3, 0]


def test_size_and_count_limits():
    build = lambda **k: Vocabulary.build(["aaabbc"], level="char", **k).tokens  # noqa: E731
    assert build(max_size=3) == ["<unk>", "a", "b"]
    assert build(min_count=2) == ["<unk>", "a", "b"]
    assert build(max_size=3, specials=["<eos>"]) == ["<unk>", "<eos>", "a"]


def test_a_special_token_is_not_counted_again():
    assert Vocabulary.build(["a\nb\n"], level="char", specials=["\n"]).tokens == [
        "<unk>",
        "\n",
        "a",
        "b",
    ]


def test_letters_prepare_a_text_as_the_book_does():
    text = "The Time Machine, by H. G. Wells [1898]\n\n\n  It's 42 -- éa\r\nEnd."
    lines = [re.sub("[^A-Za-z]+", " ", line).strip().lower() for line in text.split("\n")]
    expected = [character for line in lines for character in line]
    v = Vocabulary.build([text], level="char", normalize="letters")
    assert v.decode(v.encode(text)) == "".join(expected)
    assert "machine by h g wells" in v.decode(v.encode(text))
    words = Vocabulary.build([text], level="word", normalize="letters")
    assert words.decode(words.encode("Wells\nIt's")) == "wells it s"


def test_lower():
    v = Vocabulary.build(["Aa ÄÄÄ"], level="char", normalize="lower")
    assert v.tokens == ["<unk>", "ä", "a", " "]


@pytest.mark.parametrize("level", ["char", "word"])
@given(texts=st.lists(anything, max_size=5), other=anything)
@law
def test_any_text_can_be_encoded(level, texts, other):
    v = Vocabulary.build([*texts, "x"], level=level)
    ids = v.encode(other)
    assert ids.dtype == np.int64
    assert ids.ndim == 1
    assert ((ids >= 0) & (ids < len(v))).all()
    v.decode(ids)
    for one, many in zip(texts, v.encode_many(texts), strict=True):
        np.testing.assert_array_equal(v.encode(one), many)
    again = Vocabulary.from_json(v.to_json(), "here")
    assert again == v
    np.testing.assert_array_equal(again.encode(other), ids)


@given(text=unicode, other=unicode)
@law
def test_characters_come_back_exactly(text, other):
    v = Vocabulary.build([text, "x"], level="char")
    assert v.decode(v.encode(text)) == composed(text)
    known = {*composed(text), "x"}
    need = (c if c in known else "<unk>" for c in composed(other))
    assert v.decode(v.encode(other)) == "".join(need)


def test_long_texts_are_counted_and_looked_up_in_pieces(monkeypatch):
    text = "aab👍c\n" * 50
    whole = Vocabulary.build([text], level="char")
    monkeypatch.setattr("lamina.data.text.vocabulary._CHUNK", 7)
    assert Vocabulary.build([text], level="char") == whole
    assert Vocabulary.build([text[:9], text[9:10], text[10:]], level="char") == whole
    assert whole.decode(whole.encode(text)) == text


@pytest.mark.parametrize("level", ["char", "word"])
def test_many_of_nothing(level):
    v = Vocabulary.build(["x"], level=level)
    assert v.encode_many([]) == []
    assert [ids.shape for ids in v.encode_many(["", "x"])] == [(0,), (1,)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop, it's 3.5!", ["Don't", "stop", ",", "it's", "3", ".", "5", "!"]),
        ("<br />", ["<", "br", "/", ">"]),
        ("naïve l’été", ["naïve", "l’été"]),
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया", "।"]),
        ("مرحبا بالعالم، می\u200cخواهم", ["مرحبا", "بالعالم", "،", "می\u200cخواهم"]),
        ("我爱北京。", ["我", "爱", "北", "京", "。"]),
        ("タワーーへ", ["タ", "ワ", "ー", "ー", "へ"]),
        ("ไทยง่าย", ["ไ", "ท", "ย", "ง่", "า", "ย"]),
        ("한국어 좋아", ["한국어", "좋아"]),
        ("👨\u200d👩\u200d👧 👍🏽❤️🇫🇷", ["👨\u200d👩\u200d👧", "👍🏽", "❤️", "🇫🇷"]),
        ("a北b", ["a", "北", "b"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
    ],
)
def test_words_of_many_scripts(text, words):
    assert split_words(text) == words


@given(text=unicode)
@example(text="a\u3000b\u200bc\x1cd\x85e")
@law
def test_no_word_vanishes(text):
    joined = "".join(split_words(text))
    assert not any(word.strip(" \t\r\n\f\v") == "" for word in split_words(text))
    # White space is all that may be missing.
    rest = iter(text)
    missing = "".join(c for j in [*joined, ""] for c in _until(rest, j))
    assert missing.strip() == ""


def _until(characters, wanted):
    for character in characters:
        if character == wanted:
            return
        yield character
    assert wanted == ""


@given(text=st.text(st.characters(max_codepoint=127)))
@law
def test_the_fast_path_for_ascii_gives_the_same_words(text):
    assert split_words(text) == [word for word, _ in _splitter().pre_tokenize_str(text)]


def test_half_of_a_surrogate_pair_does_no_harm():
    assert split_words("é \ud800 b") == ["é", "\ufffd", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "it's fine, is it not? (yes)",
        "我爱北京。",
        "Hello 北京!",
        "नमस्ते दुनिया",
        "ภาษาไทย ok",
        "«oui»",
    ],
)
def test_words_are_joined_to_read(text):
    assert join_words(split_words(text)) == text


def test_join_of_nothing():
    assert join_words([]) == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": "byte"}, "char, word"),
        ({"level": "char", "normalize": "nfc"}, "none, lower, letters"),
        ({"level": "char", "max_size": 1}, "max_size 1"),
        ({"level": "char", "min_count": 9}, "Lower min_count"),
        ({"level": "char", "specials": ["<eos>", "<eos>"]}, "twice"),
        ({"level": "char", "specials": ["<unk>"]}, "twice"),
        ({"level": "char", "specials": [""]}, "not empty"),
        ({"level": "char", "specials": ["\ud800"]}, "unicode"),
    ],
)
def test_what_cannot_be_built(options, words):
    with pytest.raises(LaminaError, match=words):
        Vocabulary.build(["some text"], **options)


def test_numbers_that_are_no_tokens():
    v = Vocabulary.build(["ab"], level="char")
    for number in (-1, 3):
        with pytest.raises(LaminaError, match="0 to 2"):
            v.decode([number])


GOOD = {"format": 1, "level": "char", "normalize": "none", "specials": [], "tokens": ["a", "b"]}


def test_the_example_of_a_file_is_good():
    assert Vocabulary.from_json(json.dumps(GOOD), "v.json").tokens == ["<unk>", "a", "b"]


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": None},
        {"level": "byte"},
        {"normalize": "x"},
        {"normalize": []},
        {"specials": ["a"]},
        {"specials": "ab"},
        {"tokens": ["a", "a"]},
        {"tokens": ["<unk>"]},
        {"tokens": ["ab"]},
        {"tokens": [""]},
        {"tokens": [1]},
        {"tokens": {"a": 1}},
        {"more": 1},
    ],
)
def test_files_from_strangers(change):
    with pytest.raises(LaminaError) as caught:
        Vocabulary.from_json(json.dumps(GOOD | change), "v.json")
    assert caught.value.place == "v.json"


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 100_000, "\ud800", "{}"])
def test_files_that_are_no_vocabulary(text):
    with pytest.raises(LaminaError, match="not a vocabulary"):
        Vocabulary.from_json(text, "v.json")
