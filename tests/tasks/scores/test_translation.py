"""What lamina takes from sacrebleu beyond its public functions still gives what these give."""

from __future__ import annotations

import pytest

from lamina.tasks.scores.translation import counts, scores

MADE = ["the cat sat on a mat", "two dogs", "no word in common", "a very long translation of it"]
WANTED = ["the cat sat on the mat", "two dogs ran", "völlig anders", "a long translation"]


@pytest.mark.parametrize("tokenizer", ["13a", "intl", "char"])
def test_added_counts_give_the_scores_of_the_whole_corpus(tokenizer: str) -> None:
    """Where this fails, sacrebleu has changed ``_extract_corpus_statistics`` or
    ``_compute_score_from_stats``: look at ``_statistics`` and ``_score`` of scores/translation.py.
    """
    sacrebleu = pytest.importorskip("sacrebleu")
    added: dict[str, float] = {}
    for part in (slice(0, 1), slice(1, 4)):
        for name, value in counts(MADE[part], WANTED[part], tokenizer).items():
            added[name] = added.get(name, 0.0) + value
    found = scores(added)
    bleu = sacrebleu.corpus_bleu(MADE, [WANTED], tokenize=tokenizer, force=True)
    chrf = sacrebleu.corpus_chrf(MADE, [WANTED])
    assert found["bleu"] == pytest.approx(bleu.score / 100, abs=1e-12)
    assert found["chrf"] == pytest.approx(chrf.score / 100, abs=1e-12)
    assert 0.1 < found["bleu"] < found["chrf"] < 0.9
