"""Decoders against a sum over every alignment, and error rates against a reference library."""

from __future__ import annotations

import warnings
from itertools import groupby, product

import jiwer
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lamina.spec import LaminaError
from lamina.tasks.decode.ctc import GreedyCTC, PrefixBeam, decode, frames_needed
from lamina.tasks.scores.error_rates import error_counts


def frames(steps: int, tokens: int, seed: int) -> np.ndarray:
    """Log-probabilities ``(steps, tokens)``, some of them sure of themselves."""
    rng = np.random.default_rng(seed)
    return np.log(rng.dirichlet(np.full(tokens, 0.5), size=steps) + 1e-9)


def summed(log_probs: np.ndarray, blank: int) -> dict[tuple[int, ...], float]:
    """What every text has, over all alignments: the definition, in the time of its length."""
    sums: dict[tuple[int, ...], float] = {}
    steps, tokens = log_probs.shape
    for alignment in product(range(tokens), repeat=steps):
        text = tuple(token for token, _ in groupby(alignment) if token != blank)
        value = sum(log_probs[t, token] for t, token in enumerate(alignment))
        sums[text] = np.logaddexp(sums.get(text, -np.inf), value)
    return sums


cases = {
    "steps": st.integers(1, 5),
    "size": st.integers(2, 4),
    "seed": st.integers(0, 99),
    "data": st.data(),
}


@given(**cases)
def test_a_beam_of_everything_is_the_sum_over_all_alignments(steps, size, seed, data) -> None:
    blank = data.draw(st.integers(0, size - 1))
    log_probs = frames(steps, size, seed)
    expected = summed(log_probs, blank)
    beam = PrefixBeam(blank, width=10**6)
    beam.feed(log_probs)
    assert beam.scores() == pytest.approx(expected, abs=1e-9)
    assert tuple(beam.tokens()) == max(expected, key=lambda text: expected[text])


@given(**cases)
def test_the_loss_is_the_sum_over_all_alignments(steps, size, seed, data) -> None:
    blank = data.draw(st.integers(0, size - 1))
    log_probs = frames(steps, size, seed)
    texts = summed(log_probs, blank)
    text = data.draw(st.sampled_from(sorted(texts)))
    assert frames_needed(np.array(text, np.int64)) <= steps
    x = torch.from_numpy(log_probs)[:, None]
    x = torch.log_softmax(x, 2)  # as the network gives it; the rows sum to 1 but for 1e-9
    loss = torch.nn.functional.ctc_loss(
        x, torch.tensor(text, dtype=torch.int64), [steps], [len(text)], blank, reduction="sum"
    )
    assert float(loss) == pytest.approx(-texts[text], abs=1e-6)


@given(st.integers(1, 4), st.integers(0, 99))
def test_fewer_frames_than_needed_have_no_alignment(steps: int, seed: int) -> None:
    possible = summed(frames(steps, 3, seed), blank=0)
    for length in range(steps + 2):
        for text in product((1, 2), repeat=length):
            assert (text in possible) == (frames_needed(np.array(text, np.int64)) <= steps)


@given(**cases, width=st.integers(1, 5), cuts=st.lists(st.integers(0, 5), max_size=3))
def test_decoders_read_pieces_like_the_whole(steps, size, seed, data, width, cuts) -> None:
    blank = data.draw(st.integers(0, size - 1))
    log_probs = frames(steps, size, seed)
    for make in (lambda: GreedyCTC(blank), lambda: PrefixBeam(blank, width)):
        whole, pieces = make(), make()
        whole.feed(log_probs)
        for piece in np.split(log_probs, sorted(min(cut, steps) for cut in cuts)):
            pieces.feed(piece)
        assert pieces.tokens() == whole.tokens()


@given(**cases)
def test_greedy_merges_the_best_alignment(steps, size, seed, data) -> None:
    blank = data.draw(st.integers(0, size - 1))
    log_probs = frames(steps, size, seed)
    best = log_probs.argmax(axis=1)
    expected = [int(token) for token, _ in groupby(best) if token != blank]
    assert decode([log_probs], blank, beam=1) == [expected]


def test_a_narrow_beam_finds_what_greedy_misses() -> None:
    """Figure 2 of many a tutorial: blank-blank is the best alignment, ``a`` the best text."""
    log_probs = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert decode([log_probs], blank=0, beam=1) == [[]]
    assert decode([log_probs], blank=0, beam=2) == [[1]]


def test_a_beam_needs_a_width() -> None:
    with pytest.raises(LaminaError, match="beam is 0"):
        PrefixBeam(0, 0)


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_frames_without_a_probability_are_read(beam: int, value: float) -> None:
    """A network may give what is no number; whoever looks at the loss sees it."""
    good = frames(3, 3, seed=0)
    for broken in (np.full((2, 3), value), np.concatenate((good, np.full((1, 3), value), good))):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            (found,) = decode([broken], blank=0, beam=beam)
        assert set(found) <= {1, 2}
    assert decode([np.zeros((0, 3))], blank=0, beam=beam) == [[]]


def distance(a: list[str] | str, b: list[str] | str) -> int:
    """Levenshtein's distance from its definition."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        before, row = row, [i]
        for j, y in enumerate(b, start=1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y)))
    return row[-1]


word = st.sampled_from(["one", "two", "ten", "三", "a"])
said = st.lists(word, min_size=1, max_size=6).map(" ".join)
heard = st.lists(word, max_size=6).map(" ".join)


@given(st.lists(st.tuples(said, heard), min_size=1, max_size=5))
def test_error_rates_are_those_of_a_reference_library(pairs) -> None:
    references, answers = ([*column] for column in zip(*pairs, strict=True))
    found = error_counts(references, answers)
    assert found["word_errors"] == sum(distance(r.split(), a.split()) for r, a in pairs)
    assert found["character_errors"] == sum(distance(r, a) for r, a in pairs)
    wer = found["word_errors"] / found["words"]
    cer = found["character_errors"] / found["characters"]
    assert wer == pytest.approx(jiwer.wer(references, answers))
    assert cer == pytest.approx(jiwer.cer(references, answers))
