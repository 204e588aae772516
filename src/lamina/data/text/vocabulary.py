"""Text to numbers and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Literal, get_args

import msgspec
import numpy as np

from lamina.data.text.normalize import Level, Normalize, Normalizer
from lamina.data.text.splitting import join_spaced, join_words, split_spaced, split_words
from lamina.spec import LaminaError

UNKNOWN = "<unk>"
#: Characters looked up at a time, which bounds the additional memory.
_CHUNK = 1 << 22
_CODE_POINTS = 0x110000
#: How a normalised text is split into words, and joined again.
SPLITTERS = {"word": split_words, "space": split_spaced}
_JOINERS = {"char": "".join, "word": join_words, "space": join_spaced}


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and their numbers: ``<unk>`` is 0, then ``specials``, then the counted tokens.

    Args:
        level: ``"char"``: a token is a code point. ``"word"``: see
            :mod:`lamina.data.text.splitting`. ``"space"``: tokens are separated by white space, and
            ``<eos>`` marks each line end.
        normalize: applied to a text first: see :class:`lamina.data.text.normalize.Normalizer`.
        specials: tokens without text of their own, such as ``<eos>``.
        counted: tokens from a text, the most frequent first.
        compose: whether texts are brought to Normalization Form C before they are encoded; false
            for vocabularies that were stored before lamina did so.

    Raises:
        LaminaError: the parts are inconsistent.
    """

    level: Level
    normalize: Normalize
    specials: tuple[str, ...]
    counted: tuple[str, ...]
    compose: bool = True

    def __post_init__(self) -> None:
        _check_names(self.level, self.normalize)
        tokens = self.tokens
        if len(set(tokens)) != len(tokens):
            twice = next(token for token, n in Counter(tokens).items() if n > 1)
            raise LaminaError(f"token {twice!r} appears twice; need every token once.")
        for token in tokens:
            if not token or not _is_unicode(token):
                raise LaminaError(f"got token {token!r}; need unicode text, not empty.")
        if self.level == "char" and (long := [t for t in self.counted if len(t) != 1]):
            raise LaminaError(f"got token {long[0]!r} at level char; need single characters.")

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        *,
        level: Level,
        max_size: int | None = None,
        min_count: int = 1,
        normalize: Normalize = "none",
        specials: Sequence[str] = (),
    ) -> Vocabulary:
        """Count the tokens of ``texts``; the most frequent come first, ties in text order.

        Args:
            texts: the texts to count.
            level: as in :class:`Vocabulary`.
            max_size: maximum number of tokens, including ``<unk>`` and ``specials``.
            min_count: tokens seen less often are left out.
            normalize: as in :class:`Vocabulary`.
            specials: as in :class:`Vocabulary`.

        Raises:
            LaminaError: no token is left.
        """
        _check_names(level, normalize)
        normalized = (Normalizer(normalize, level)(text) for text in texts)
        if level == "char":
            counts: Mapping[str, int] = _char_counts(normalized)
        else:
            counts = Counter(chain.from_iterable(map(SPLITTERS[level], normalized)))
        return cls.from_counts(
            counts,
            level=level,
            max_size=max_size,
            min_count=min_count,
            normalize=normalize,
            specials=specials,
        )

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[str, int],
        *,
        level: Level,
        max_size: int | None = None,
        min_count: int = 1,
        normalize: Normalize = "none",
        specials: Sequence[str] = (),
    ) -> Vocabulary:
        """Like :meth:`build`, from token counts."""
        reserved = {UNKNOWN, *specials}
        if max_size is not None and max_size <= len(reserved):
            raise LaminaError(
                f"got max_size {max_size}; need more than the {len(reserved)} of <unk> and the "
                "special tokens."
            )
        kept = [token for token, n in counts.items() if n >= min_count and token not in reserved]
        kept.sort(key=lambda token: (-counts[token], token))
        if max_size is not None:
            del kept[max_size - len(reserved) :]
        if not kept:
            raise LaminaError(
                f"no {level} of the texts is left with min_count {min_count} and normalize "
                f"{normalize!r}. Lower min_count, choose another normalize, or bring more text."
            )
        return cls(level, normalize, tuple(specials), tuple(kept))

    @cached_property
    def tokens(self) -> list[str]:
        """Every token; its position is its number."""
        return [UNKNOWN, *self.specials, *self.counted]

    @property
    def unknown(self) -> int:
        """The number of ``<unk>``, used for every token that was not counted."""
        return 0

    def __len__(self) -> int:
        return 1 + len(self.specials) + len(self.counted)

    def id_of(self, token: str) -> int:
        """The number of ``token``; :attr:`unknown` if it has none."""
        return self._ids.get(token, self.unknown)

    def encode(self, text: str) -> np.ndarray:
        """``(T,)`` int64, one number per token of the normalised text."""
        text = self._normalized(text)
        if self.level == "char":
            return self._encode_chars(text)
        get, unknown = self._ids.get, self.unknown
        words = SPLITTERS[self.level](text)
        return np.array([get(word, unknown) for word in words], dtype=np.int64)

    def encode_many(self, texts: Sequence[str]) -> list[np.ndarray]:
        """:meth:`encode` of each text."""
        if self.level != "char":
            return [self.encode(text) for text in texts]
        # One look-up for all: a call costs more than looking up a short text.
        normalized = [self._normalized(text) for text in texts]
        if not normalized:
            return []
        flat = self._encode_chars("".join(normalized))
        return np.split(flat, np.cumsum([len(text) for text in normalized])[:-1])

    def decode(self, ids: Iterable[int] | np.ndarray) -> str:
        """The text of ``ids``, ``(T,)``. Characters: exactly the encoded text, except for unknowns.
        Words: with spaces where a reader expects them.

        Raises:
            LaminaError: a number is not a token's.
        """
        tokens = self.tokens
        numbers = [int(i) for i in ids]
        for number in numbers:
            if not 0 <= number < len(tokens):
                raise LaminaError(f"got token number {number}; need 0 to {len(tokens) - 1}.")
        return _JOINERS[self.level]([tokens[number] for number in numbers])

    def to_json(self) -> str:
        """A text from which :meth:`from_json` makes an equal vocabulary."""
        file = _File(
            1,
            self.level,
            self.normalize,
            list(self.specials),
            list(self.counted),
            "NFC" if self.compose else None,
        )
        return msgspec.json.encode(file).decode()

    @staticmethod
    def from_json(text: str, place: str) -> Vocabulary:
        """The inverse of :meth:`to_json`.

        Raises:
            LaminaError: at ``place``, for anything else.
        """
        try:
            file = msgspec.json.decode(text, type=_File)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise LaminaError(f"not a vocabulary ({error}).", place=place) from None
        if file.format != 1:
            raise LaminaError(
                f"got vocabulary format {file.format}; this version reads 1. Update lamina.",
                place=place,
            )
        try:
            return Vocabulary(
                file.level,
                file.normalize,
                tuple(file.specials),
                tuple(file.tokens),
                compose=file.unicode is not None,
            )
        except LaminaError as error:
            raise LaminaError(error.message, place=place) from None

    def _normalized(self, text: str) -> str:
        return Normalizer(self.normalize, self.level, compose=self.compose)(text)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}

    @cached_property
    def _table(self) -> np.ndarray:
        """Code point to number; the last entry is for every code point beyond."""
        points = {ord(t): n for n, t in enumerate(self.tokens) if len(t) == 1}
        table = np.full(max(points, default=0) + 2, self.unknown, dtype=np.int64)
        table[list(points)] = list(points.values())
        return table

    def _encode_chars(self, text: str) -> np.ndarray:
        out = np.empty(len(text), dtype=np.int64)
        last = len(self._table) - 1
        for start in range(0, len(text), _CHUNK):
            points = code_points(text[start : start + _CHUNK])
            np.take(self._table, np.minimum(points, last), out=out[start : start + _CHUNK])
        return out


class _File(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    format: int
    level: Level
    normalize: Normalize
    specials: list[str]
    tokens: list[str]
    unicode: Literal["NFC"] | None = None


def _check_names(level: str, normalize: str) -> None:
    for name, value, known in (
        ("level", level, get_args(Level)),
        ("normalize", normalize, get_args(Normalize)),
    ):
        if value not in known:
            raise LaminaError(f"got {name} {value!r}; need one of {', '.join(known)}.")


def _is_unicode(token: str) -> bool:
    """Whether UTF-8 can encode it, which excludes unpaired surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in token)


def code_points(text: str) -> np.ndarray:
    """``(T,)`` uint32, one per character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _char_counts(texts: Iterable[str]) -> dict[str, int]:
    counts = np.zeros(_CODE_POINTS, dtype=np.int64)
    for text in _gathered(texts):
        for start in range(0, len(text), _CHUNK):
            counts += np.bincount(code_points(text[start : start + _CHUNK]), minlength=_CODE_POINTS)
    counts[0xD800:0xE000] = 0  # surrogates, which no file can contain
    return {chr(point): int(counts[point]) for point in np.flatnonzero(counts)}


def _gathered(texts: Iterable[str]) -> Iterator[str]:
    """The same characters in fewer texts: each counting call has a fixed cost."""
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= _CHUNK:
            yield "".join(held)
            held, size = [], 0
    yield "".join(held)
