"""BLEU and chrF of translations, from sums that can be added over batches.

The counts and the formulas are sacrebleu's, with its defaults but for the
tokenizer of BLEU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np

from lamina.spec import LaminaError

#: How text is cut into the words that BLEU compares; names of sacrebleu.
BleuTokenizer = Literal["13a", "intl", "zh", "char"]


@cache
def _metrics(tokenizer: str = "13a") -> dict[str, Any]:
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise LaminaError(
            "BLEU is counted by sacrebleu, which is not installed. "
            "Install it: pip install 'lamina[translate]'."
        ) from None
    # What a model gives is scored as it is: no advice about tokens on stderr.
    return {"bleu": BLEU(tokenize=tokenizer, force=True), "chrf": CHRF()}


def check_installed() -> None:
    """Raises LaminaError where sacrebleu is missing."""
    _metrics()


def counts(
    translations: Sequence[str], references: Sequence[str], tokenizer: str
) -> dict[str, float]:
    """What the scores are made of: numbers by name, to be added to those of other sentences.

    ``bleu_0``...: length of the translations and of the references, n-grams that match, n-grams.
    ``chrf_0``...: n-grams of characters of the translations, of the references, and that match,
    for each order.
    """
    found = {}
    for name, metric in _metrics(tokenizer).items():
        for i, total in enumerate(_statistics(metric, translations, references)):
            found[f"{name}_{i}"] = float(total)
    return found


def scores(sums: Mapping[str, float], prefix: str = "") -> dict[str, float]:
    """``bleu`` (Papineni et al. 2002) and ``chrf`` (Popović 2015) in 0..1 from added counts, whose
    names begin with ``prefix``; nothing where nothing was counted."""
    found = {}
    for name, metric in _metrics().items():
        statistics = []
        while (key := f"{prefix}{name}_{len(statistics)}") in sums:
            statistics.append(round(sums[key]))
        if statistics:
            found[name] = _score(metric, statistics)
    return found


# sacrebleu scores whole corpora in public; counts that add up are private to it. They are used in
# these two functions alone, and tests/tasks/scores/test_translation.py says what broke.


def _statistics(metric: Any, translations: Sequence[str], references: Sequence[str]) -> list[float]:
    """The counts of a metric, summed over sentences."""
    each = metric._extract_corpus_statistics(list(translations), [list(references)])
    return np.sum(each, axis=0).tolist()


def _score(metric: Any, statistics: list[int]) -> float:
    """The metric of summed counts, in 0..1."""
    return metric._compute_score_from_stats(statistics).score / 100
