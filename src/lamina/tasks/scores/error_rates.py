"""Word and character error rates: the one file that knows rapidfuzz."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.spec import LaminaError, Metric

#: Summed edit distances (insertions, deletions, substitutions of words) over the summed lengths of
#: the references; it can be above 1.
WORD_ERROR_RATE = Metric(
    "WER",
    higher_is_better=False,
    gain="points",
    blind="the better of nothing and the most frequent text",
)


def error_counts(references: Sequence[str], answers: Sequence[str]) -> dict[str, int]:
    """``word_errors`` in ``words`` and ``character_errors`` in ``characters`` of the references.

    Words stand between white space. Characters are code points, spaces among them, with the white
    space at the ends of a text removed.
    """
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError:
        raise LaminaError(
            "error rates are counted by rapidfuzz, which is not installed. "
            "Install it: pip install 'lamina[speech]'."
        ) from None
    sums = {"word_errors": 0, "words": 0, "character_errors": 0, "characters": 0}
    for reference, answer in zip(references, answers, strict=True):
        wanted, got = reference.strip(), answer.strip()
        sums["word_errors"] += Levenshtein.distance(wanted.split(), got.split())
        sums["words"] += len(wanted.split())
        sums["character_errors"] += Levenshtein.distance(wanted, got)
        sums["characters"] += len(wanted)
    return sums
