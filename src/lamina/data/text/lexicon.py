"""Numbers of words in data that are already split into words: of the word itself and of its
characters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lamina.data.text.normalize import composed
from lamina.data.text.vocabulary import UNKNOWN, Vocabulary
from lamina.spec import LaminaError

#: Of a longer word, only the first and last half of this many characters are used.
MOST_CHARACTERS = 40
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Lexicon:
    """The vocabulary of words and of their characters.

    Args:
        words: numbers of words, in the form given by :meth:`key`.
        characters: numbers of the characters of the unmodified words.
        lower: whether words are looked up in lower case.
        digits: whether words are looked up with 0 for every digit.

    Raises:
        LaminaError: the vocabularies have other levels.
    """

    words: Vocabulary
    characters: Vocabulary
    lower: bool
    digits: bool

    def __post_init__(self) -> None:
        if (self.words.level, self.characters.level) != ("word", "char"):
            raise LaminaError(
                f"got vocabularies of levels {self.words.level} and {self.characters.level}; need "
                "word and char"
            )

    @classmethod
    def build(
        cls,
        sentences: Iterable[Sequence[str]],
        *,
        lower: bool,
        digits: bool,
        max_size: int,
        min_count: int,
    ) -> Lexicon:
        """Count words and characters; ``max_size`` and ``min_count`` apply to words.

        Raises:
            LaminaError: no word is left.
        """
        counts: Counter[str] = Counter()
        for words in sentences:
            counts.update(words)
        keys: Counter[str] = Counter()
        for word, n in counts.items():
            keys[key(composed(word), lower, digits)] += n
        kept = sorted(
            (word for word, n in keys.items() if n >= min_count and word != UNKNOWN),
            key=lambda word: (-keys[word], word),
        )[: max_size - 1]
        if not kept:
            raise LaminaError(f"no word is left with min_count {min_count}; lower it.")
        characters = Vocabulary.build(counts, level="char")
        return cls(Vocabulary("word", "none", (), tuple(kept)), characters, lower, digits)

    def encode(self, sentences: Sequence[Sequence[str]]) -> tuple[Forms, list[np.ndarray]]:
        """The distinct words of ``sentences``, and their indices in each sentence, ``(T,)``
        int64."""
        numbers: dict[str, int] = {}
        encoded = [
            np.array([numbers.setdefault(word, len(numbers)) for word in words], dtype=np.int64)
            for words in sentences
        ]
        found = [composed(word) if self.words.compose else word for word in numbers]
        keys = [self.words.id_of(key(word, self.lower, self.digits)) for word in found]
        spelled = self.characters.encode_many([cut(word) for word in found])
        return Forms(np.array(keys, dtype=np.int64), spelled), encoded


@dataclass(frozen=True)
class Forms:
    """The distinct words of a part of the data.

    Attributes:
        words: ``(F,)`` int64, their numbers.
        characters: the numbers of the characters of each.
    """

    words: np.ndarray
    characters: list[np.ndarray]


def key(word: str, lower: bool, digits: bool) -> str:
    """The form in which ``word`` is looked up."""
    word = word.lower() if lower else word
    return _DIGIT.sub("0", word) if digits else word


def cut(word: str) -> str:
    """The two ends of a word that is too long to be used whole."""
    half = MOST_CHARACTERS // 2
    return word if len(word) <= MOST_CHARACTERS else word[:half] + word[-half:]
