"""Beam search, for a whole batch at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Hypothesis:
    """A sequence that was found.

    tokens:          without the one that ended it.
    log_probability: in nats, that of the end included.
    score:           what hypotheses are compared by.
    """

    tokens: list[int]
    log_probability: float
    score: float


def length_penalty(length: int, alpha: float) -> float:
    """Wu et al. (2016), equation 14: ``lp(Y) = (5 + |Y|)^alpha / (5 + 1)^alpha``."""
    return ((5.0 + length) / 6.0) ** alpha


def beam_search(
    step: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]],
    limits: np.ndarray,
    *,
    width: int,
    begin: int,
    end: int,
    alpha: float,
) -> list[Hypothesis]:
    """The best sequence that is found for each member of a batch. ``width=1`` is greedy search.

    At each step the ``width`` most probable unfinished hypotheses of a member go on; of equally
    probable ones, the first. One that ends while it is among the ``width`` best of that step is
    finished, and is scored by ``log p / lp(length)``. A member is done with ``width`` finished
    hypotheses, or when none is left to go on. Members do not depend on each other.

    Args:
        step:   ranks what may follow. It is given the tokens to read, ``(B, K)`` with ``K`` up to
                ``width``; which of the ``B * K`` hypotheses of the step before each continues,
                ``(B * K,)``, and their log-probabilities ``(B, K)``, both ``None`` at the start;
                and whether a member can only end now, ``(B,)``. It returns the log-probability,
                the hypothesis and the next token of the ``2 * width`` best of each member (all, if
                there are fewer), in the order of :func:`lamina.nn.sequence.ranking.most_probable`.
        limits: ``(B,)`` int64, each at least 1: the most tokens of a member, its end included; what
                has not ended there is ended.
        width:  hypotheses of a member.
        begin:  the token that is read first.
        end:    the token that ends a sequence.
        alpha:  exponent of the length penalty; 0: the most probable sequence wins.
    """
    members = len(limits)
    finished: list[list[Hypothesis]] = [[] for _ in range(members)]
    tokens = np.full((members, 1), begin, np.int64)
    rows: np.ndarray | None = None
    totals: np.ndarray | None = None  # (B, K), log-probability of each hypothesis
    history = np.zeros((members, 1, 0), np.int64)  # (B, K, t)
    for length in range(1, int(limits.max()) + 1):
        # Each hypothesis can end in one way only, so that of twice as many enough go on.
        kept = tokens.shape[1]
        best, parent, token = step(tokens, rows, totals, limits <= length)
        ends = token == end
        for b, rank in np.argwhere((ends & np.isfinite(best))[:, :width]).tolist():
            if len(finished[b]) < width:
                p = float(best[b, rank])
                found = history[b, parent[b, rank]].tolist()
                finished[b].append(Hypothesis(found, p, p / length_penalty(length, alpha)))
        go_on = ends.argsort(axis=1, kind="stable")[:, : min(width, best.shape[1] - kept)]
        totals = np.take_along_axis(best, go_on, axis=1)
        parent = np.take_along_axis(parent, go_on, axis=1)
        tokens = np.take_along_axis(token, go_on, axis=1)
        going = np.isfinite(totals).sum(axis=1)
        if not any(going[b] and len(found) < width for b, found in enumerate(finished)):
            break
        past = np.take_along_axis(history, parent[:, :, None], axis=1)
        history = np.concatenate((past, tokens[:, :, None]), axis=2)
        rows = (parent + kept * np.arange(members)[:, None]).ravel()
    # What gives not-a-number ends nowhere; whoever looks at the probability is to see that.
    nothing = Hypothesis([], math.nan, math.nan)
    return [
        max(found, key=lambda hypothesis: hypothesis.score, default=nothing) for found in finished
    ]
