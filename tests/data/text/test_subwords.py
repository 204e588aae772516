"""Subwords: every text comes back, the same texts give the same tokens, and no file can do harm."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lamina.data.text.subwords import BEGIN, END, SPECIALS, Subwords
from lamina.spec import LaminaError

TEXTS = [f"the cat sat on mat number {i}, and the dog sat on the log." for i in range(30)]
SUBWORDS = Subwords.build(TEXTS, 300)


@given(st.text(max_size=40))
def test_a_text_comes_back_composed_but_for_white_space(text: str) -> None:
    (tokens,) = SUBWORDS.encode_many([text])
    assert not set(tokens.tolist()) & {BEGIN, END}
    composed = unicodedata.normalize("NFC", text)
    assert SUBWORDS.decode_many([tokens]) == [" ".join(composed.split())]


def test_names_of_the_special_tokens_in_a_text_are_text() -> None:
    (tokens,) = SUBWORDS.encode_many(["a </s> <s>b"])
    assert BEGIN not in tokens
    assert END not in tokens
    assert SUBWORDS.decode_many([[BEGIN, *tokens, END]]) == ["a </s> <s>b"]


def test_half_of_a_surrogate_pair_becomes_the_replacement_character() -> None:
    (tokens,) = SUBWORDS.encode_many(["a \ud83d b"])
    assert SUBWORDS.decode_many([tokens]) == ["a \ufffd b"]


def test_frequent_words_become_one_token_with_their_space() -> None:
    first, second = SUBWORDS.encode_many(["the the", "theth"])
    assert len(first) == 2
    assert first[0] == first[1] == second[0]  # the first word has a space before it too
    assert len(SUBWORDS) <= 300


def test_no_merge_crosses_words_numbers_and_signs() -> None:
    made = Subwords.build(["cat.1dog"] * 50, 400)
    tokens = [made.tokens[i] for i in made.encode_many(["cat.1dog"])[0]]
    assert tokens == ["Ġcat", ".", "1", "dog"]


def test_the_same_texts_give_the_same_tokens() -> None:
    again = Subwords.build(TEXTS, 300)
    assert again.to_json() == SUBWORDS.to_json()
    assert again.tokens[:2] == SPECIALS


def test_the_file_comes_back_and_is_that_of_tokenizers() -> None:
    text = SUBWORDS.to_json()
    again = Subwords.from_json(text, "x")
    assert again.to_json() == text
    for one, other in zip(again.encode_many(TEXTS), SUBWORDS.encode_many(TEXTS), strict=True):
        np.testing.assert_array_equal(one, other)
    theirs = Tokenizer.from_str(text)
    assert theirs.encode(" the dog").ids == SUBWORDS.encode_many(["the dog"])[0].tolist()


def changed(**model: Any) -> str:
    file = json.loads(SUBWORDS.to_json())
    file["model"].update(model)
    return json.dumps(file)


VOCAB = json.loads(SUBWORDS.to_json())["model"]["vocab"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a subword vocabulary"),
        ("[" * 100_000, "not a subword vocabulary"),
        ("{}", "not a subword vocabulary"),
        (changed(vocab={"<s>": 0, "</s>": 1}), "a token for each byte"),
        (changed(vocab={**VOCAB, "Ġcat": 0}), "not numbered"),
        (changed(vocab={**VOCAB, "zz": 2**40}), "not numbered"),
        (changed(vocab={**VOCAB, "zz": 2**70}), "not numbered"),
        (changed(vocab={**VOCAB, "z z": len(VOCAB)}), "made of byte characters"),
        (changed(vocab={**VOCAB, "": len(VOCAB)}), "made of byte characters"),
        (changed(merges=[["Ġc", "z"]]), "is not of tokens into a token"),
        (changed(merges=[["a", "b", "c"]]), "not a subword vocabulary"),
        (changed(merges=[["a", "t"]] * 400), "need fewer"),
    ],
)
def test_a_broken_file_is_refused_in_a_line(text: str, message: str) -> None:
    with pytest.raises(LaminaError, match=message) as caught:
        Subwords.from_json(text, "subwords.json")
    assert str(caught.value).startswith("subwords.json: ")
    assert len(str(caught.value)) < 300


def test_a_pattern_in_a_file_is_not_used() -> None:
    file = json.loads(SUBWORDS.to_json())
    file["pre_tokenizer"] = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "invert": False}
    file["normalizer"] = {"type": "Lowercase"}
    again = Subwords.from_json(json.dumps(file), "x")
    plain = json.loads(SUBWORDS.to_json())
    assert json.loads(again.to_json()) == {**plain, "normalizer": None}


@given(st.integers(0, 5000), st.sampled_from(['"', "1", "{", "\ud800", "Ġ", ""]))
def test_any_damage_is_refused_or_gives_a_vocabulary(at: int, put: str) -> None:
    text = SUBWORDS.to_json()
    at %= len(text)
    try:
        found = Subwords.from_json(text[:at] + put + text[at + 1 :], "x")
    except LaminaError:
        return
    assert found.decode_many(found.encode_many(["a cat"])) == ["a cat"]


@pytest.mark.parametrize("size", [0, 257, 2_000_000])
def test_a_size_that_cannot_be_is_refused(size: int) -> None:
    with pytest.raises(LaminaError, match=f"got {size} subwords"):
        Subwords.build(TEXTS, size)


def test_a_number_that_is_no_token_is_refused() -> None:
    with pytest.raises(LaminaError, match=f"got token number {len(SUBWORDS)}"):
        SUBWORDS.decode_many([[2, len(SUBWORDS)]])


def test_what_is_decoded_is_one_line() -> None:
    """Even of a network that puts bytes together that no text held."""
    breaks = [SUBWORDS.tokens.index(byte) for byte in "ĊčĉĠ"]
    first, second = SUBWORDS.encode_many(["cat", "dog"])
    assert SUBWORDS.decode_many([[*breaks, *first, *breaks, *second, *breaks]]) == ["cat dog"]
