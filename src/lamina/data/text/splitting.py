"""Splitting text into words and joining them again, in any script.

A word is a run of letters, digits and marks, with inner apostrophes (``don't``). In scripts written
without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) each character with its marks is a
word. Of everything else except white space, each grapheme cluster is a word, so that an emoji made
of several code points stays whole (Unicode Standard Annex 29).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache

from tokenizers import Regex
from tokenizers.pre_tokenizers import PreTokenizer, Split

_SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\x{30fc}\x{ff70}"
# U+200C and U+200D join letters in Persian and Hindi.
_LETTER = r"[\p{L}\p{N}\p{M}_\x{200c}\x{200d}&&[^" + _SPACELESS + "]]"
_WORD = (
    rf"[{_SPACELESS}][\p{{M}}\x{{200c}}\x{{200d}}]*"
    rf"|{_LETTER}+(?:['\x{{2019}}]\p{{L}}+)*"
    r"|(?!\s)\X"
)
# The equivalent of _WORD for ASCII, where it is several times faster.
_ASCII_WORD = re.compile(r"[A-Za-z0-9_]+(?:'[A-Za-z]+)*|[^ \t-\rA-Za-z0-9_]")

#: The token of a line end in :func:`split_spaced`.
LINE_END = "<eos>"

# First and last code point of the blocks of scripts without spaces, and of their punctuation.
_SPACELESS_BLOCKS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x312F),  # Chinese radicals, CJK punctuation, kana, bopomofo
    (0x31A0, 0x4DBF),  # kana extensions, Chinese
    (0x4E00, 0x9FFF),  # Chinese
    (0xF900, 0xFAFF),  # Chinese
    (0xFF00, 0xFF9F),  # full width punctuation, half width kana
    (0x1AFF0, 0x1B16F),  # kana
    (0x20000, 0x3FFFF),  # Chinese
)
_STARTS = [first for first, _ in _SPACELESS_BLOCKS]
_CLOSING = frozenset(".,;:!?%…。、，．！？；：")


@cache
def _splitter() -> PreTokenizer:
    return Split(Regex(_WORD), "removed", invert=True)


def split_words(text: str) -> list[str]:
    """The words of ``text`` in order; only white space is dropped."""
    if text.isascii():
        return _ASCII_WORD.findall(text)
    try:
        return [word for word, _ in _splitter().pre_tokenize_str(text)]
    except (UnicodeError, TypeError):  # an unpaired surrogate, which UTF-8 cannot encode
        return split_words(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def split_spaced(text: str) -> list[str]:
    """The words separated by white space, unchanged; each line end is a word of its own,
    :data:`LINE_END`: the format of the Penn Treebank (Mikolov et al. 2010) and of WikiText."""
    return text.replace("\n", f" {LINE_END} ").split()


def join_spaced(words: Iterable[str]) -> str:
    """The inverse of :func:`split_spaced`, except for the kind and number of spaces."""
    lines: list[list[str]] = [[]]
    for word in words:
        if word == LINE_END:
            lines.append([])
        else:
            lines[-1].append(word)
    return "\n".join(map(" ".join, lines))


def join_words(words: Iterable[str]) -> str:
    """A readable text: spaces where the script and the punctuation require them."""
    pieces: list[str] = []
    for word in words:
        if pieces and not _stand_together(pieces[-1], word):
            pieces.append(" ")
        pieces.append(word)
    return "".join(pieces)


def _stand_together(left: str, right: str) -> bool:
    return (
        (_spaceless(left[-1]) and _spaceless(right[0]))
        or right in _CLOSING
        or _category(right) in ("Pe", "Pf")
        or _category(left) in ("Ps", "Pi")
    )


def _spaceless(character: str) -> bool:
    point = ord(character)
    block = bisect_right(_STARTS, point) - 1
    return block >= 0 and point <= _SPACELESS_BLOCKS[block][1]


def _category(word: str) -> str:
    return unicodedata.category(word) if len(word) == 1 else ""
