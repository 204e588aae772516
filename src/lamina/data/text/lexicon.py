"""Words to numbers where a file says what the words are: their own number, and those of their
characters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lamina.data.text.vocabulary import UNKNOWN, Vocabulary
from lamina.spec import LaminaError

#: Of a longer word the first and the last half of so many characters are read.
MOST_CHARACTERS = 40
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Lexicon:
    """What a model knows of words.

    words:      looked up as :meth:`key` has them.
    characters: of the words as they stand.
    lower:      words are looked up in lower case.
    digits:     words are looked up with 0 for every digit.

    Raises LaminaError for vocabularies of other levels.
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
        """Count words and characters; ``max_size`` and ``min_count`` are of the words.

        Raises LaminaError if no word is left.
        """
        counts: Counter[str] = Counter()
        for words in sentences:
            counts.update(words)
        keys: Counter[str] = Counter()
        for word, n in counts.items():
            keys[key(word, lower, digits)] += n
        kept = sorted(
            (word for word, n in keys.items() if n >= min_count and word != UNKNOWN),
            key=lambda word: (-keys[word], word),
        )[: max_size - 1]
        if not kept:
            raise LaminaError(f"no word is left with min_count {min_count}; lower it.")
        characters = Vocabulary.build(counts, level="char")
        return cls(Vocabulary("word", "none", (), tuple(kept)), characters, lower, digits)

    def encode(self, sentences: Sequence[Sequence[str]]) -> tuple[Forms, list[np.ndarray]]:
        """The different words of ``sentences``, and which of them each sentence has, ``(T,)``
        int64."""
        numbers: dict[str, int] = {}
        encoded = [
            np.array([numbers.setdefault(word, len(numbers)) for word in words], dtype=np.int64)
            for words in sentences
        ]
        keys = [self.words.id_of(key(word, self.lower, self.digits)) for word in numbers]
        spelled = self.characters.encode_many([cut(word) for word in numbers])
        return Forms(np.array(keys, dtype=np.int64), spelled), encoded


@dataclass(frozen=True)
class Forms:
    """The different words of a part of the data.

    words:      ``(F,)`` int64, their numbers.
    characters: the numbers of the characters of each.
    """

    words: np.ndarray
    characters: list[np.ndarray]


def key(word: str, lower: bool, digits: bool) -> str:
    """How ``word`` is looked up."""
    word = word.lower() if lower else word
    return _DIGIT.sub("0", word) if digits else word


def cut(word: str) -> str:
    """The two ends of a word that is too long to be read whole."""
    half = MOST_CHARACTERS // 2
    return word if len(word) <= MOST_CHARACTERS else word[:half] + word[-half:]
