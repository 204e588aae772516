"""Subwords: pieces of words, so that a small vocabulary can represent every text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from lamina.spec import LaminaError
from lamina.spec.counted import counted

#: Numbers of the two tokens without text: before the first and after the last.
BEGIN, END = 0, 1
SPECIALS = ("<s>", "</s>")
#: The largest vocabulary accepted, including from files.
MOST_TOKENS = 1_000_000

# Merges never cross these: a word with the space before it, a number, other signs, white space.
_PIECE = r" ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]+|\s+"
#: A character for each of the 256 bytes: the alphabet of the tokens.
_BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())


class Subwords:
    """Byte-pair encoding: Sennrich et al. (2016), *Neural Machine Translation of Rare Words with
    Subword Units*, section 3.2, over the bytes of UTF-8, so that nothing is unknown.

    A token is a piece of a word; the space before a word belongs to its first piece, and text
    comes back as it was but for white space, of which each run becomes one space.

    Args:
        tokens: every token; its position is its number. ``<s>`` and ``</s>`` come first.
        merges: which two tokens become one, the most frequent first.
        compose: whether texts are brought to Normalization Form C first; false for subwords that
            were stored before lamina did so.

    Raises:
        LaminaError: tokens and merges that do not belong together.
    """

    def __init__(
        self, tokens: Sequence[str], merges: Sequence[tuple[str, str]], *, compose: bool = True
    ):
        _check(tokens, merges)
        self.tokens = tuple(tokens)
        numbers = {token: number for number, token in enumerate(tokens)}
        self._tokenizer = _wrapped(models.BPE(numbers, list(merges)), compose)

    @classmethod
    def build(cls, texts: Iterable[str], size: int, min_count: int = 2) -> Subwords:
        """Learn at most ``size`` tokens from ``texts``; a pair seen fewer than ``min_count`` times
        is not merged. The same texts give the same tokens.

        Raises:
            LaminaError: the size is too small to include every byte.
        """
        least = len(SPECIALS) + len(_BYTES)
        if not least <= size <= MOST_TOKENS:
            raise LaminaError(
                f"got {size} subwords; need {least} (the bytes, {' and '.join(SPECIALS)}) to "
                f"{MOST_TOKENS:,}"
            )
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=min_count,
            special_tokens=list(SPECIALS),
            initial_alphabet=_BYTES,
            show_progress=False,
        )
        tokenizer = _wrapped(models.BPE(), compose=True)
        tokenizer.train_from_iterator(map(_normalized, texts), trainer)
        return cls.from_json(tokenizer.to_str(), "subwords")

    def __len__(self) -> int:
        return len(self.tokens)

    def encode_many(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Tokens of each text, ``(T,)`` int64; ``BEGIN`` and ``END`` are never among them."""
        encoded = self._tokenizer.encode_batch_fast([_normalized(text) for text in texts])
        return [np.array(one.ids, dtype=np.int64) for one in encoded]

    def decode_many(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """The text of each sequence of tokens; ``BEGIN`` and ``END`` are skipped, and bytes that
        are not valid UTF-8 become U+FFFD.

        Raises:
            LaminaError: a number is not a token's.
        """
        for number in (number for one in ids for number in one):
            if not 0 <= number < len(self):
                raise LaminaError(f"got token number {number}; need 0 to {len(self) - 1}")
        plain = [[int(number) for number in one if number > END] for one in ids]
        # A network may combine bytes that no training text contained: keep the result on one line.
        return [" ".join(text.split()) for text in self._tokenizer.decode_batch(plain)]

    def to_json(self) -> str:
        """The file format of the library ``tokenizers``, which other programs read too."""
        return self._tokenizer.to_str()

    @classmethod
    def from_json(cls, text: str, place: str) -> Subwords:
        """The inverse of :meth:`to_json`.

        Only the tokens and merges of the file are used, and they are checked; its splitting rules
        are ignored, so that an untrusted file can neither supply a regular expression nor use more
        memory than its size.

        Raises:
            LaminaError: at ``place``, for anything else.
        """
        try:
            file = msgspec.json.decode(text, type=_File)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise LaminaError(f"not a subword vocabulary ({error})", place=place) from None
        model = file.model
        tokens = sorted(model.vocab, key=model.vocab.__getitem__)
        if [model.vocab[token] for token in tokens] != list(range(len(tokens))):
            raise LaminaError("its tokens are not numbered 0, 1, 2, ...", place=place)
        try:
            return cls(tokens, model.merges, compose=file.normalizer == _Normalizer("NFC"))
        except LaminaError as error:
            raise LaminaError(error.message, place=place) from None


class _BytePairs(msgspec.Struct):
    vocab: dict[str, int]
    merges: list[tuple[str, str]]


class _Normalizer(msgspec.Struct):
    type: str


class _File(msgspec.Struct):
    model: _BytePairs
    normalizer: _Normalizer | None = None


def _wrapped(model: models.BPE, compose: bool) -> Tokenizer:
    tokenizer = Tokenizer(model)
    if compose:
        tokenizer.normalizer = normalizers.NFC()  # type: ignore[assignment]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[assignment]
        [
            pre_tokenizers.Split(Regex(_PIECE), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    return tokenizer


def _normalized(text: str) -> str:
    """One space before each word; halves of surrogate pairs, which UTF-8 lacks, are U+FFFD."""
    text = "".join(f" {word}" for word in text.split())
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _check(tokens: Sequence[str], merges: Sequence[tuple[str, str]]) -> None:
    if len(tokens) > MOST_TOKENS:
        raise LaminaError(f"got {counted(len(tokens), 'token')}; need at most {MOST_TOKENS:,}")
    known, alphabet = set(tokens), set(_BYTES)
    if tuple(tokens[: len(SPECIALS)]) != SPECIALS or not alphabet <= known:
        raise LaminaError(f"need {', '.join(SPECIALS)} first, and a token for each byte")
    if len(known) != len(tokens):
        raise LaminaError("a token appears twice; need every token once")
    for token in tokens[len(SPECIALS) :]:
        if not token or not alphabet.issuperset(token):
            raise LaminaError(f"got token {token[:40]!r}; need a text made of byte characters")
    if len(merges) > len(tokens):
        raise LaminaError(f"got {len(merges):,} merges of {len(tokens):,} tokens; need fewer")
    for left, right in merges:
        if not {left, right, left + right} <= known:
            raise LaminaError(f"merge {left[:40]!r} {right[:40]!r} is not of tokens into a token")
