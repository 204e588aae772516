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
    step: Callable[[np.ndarray, np.ndarray | None], np.ndarray],
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
        step:   tokens ``(B, K)``, and for each of them the row of the hypothesis that it continues,
                ``(B * K,)`` of the ``B * K`` of the step before, or ``None`` at the start; to
                log-probabilities of the next ``(B, K, V)``; ``K`` is up to ``width``.
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
        log_p = step(tokens, rows)
        kept, size = log_p.shape[1:]
        others = np.arange(size) != end
        spent = (limits <= length)[:, None, None] & others
        log_p = np.where(spent, log_p.dtype.type(-np.inf), log_p)
        if totals is not None:
            log_p = totals[:, :, None] + log_p
        # Each hypothesis can end in one way only, so that of twice as many enough go on.
        best, index = _largest(log_p.reshape(members, -1), min(2 * width, kept * size))
        parent, token = index // size, index % size
        ends = token == end
        for b, rank in np.argwhere((ends & np.isfinite(best))[:, :width]).tolist():
            if len(finished[b]) < width:
                p = float(best[b, rank])
                found = history[b, parent[b, rank]].tolist()
                finished[b].append(Hypothesis(found, p, p / length_penalty(length, alpha)))
        go_on = ends.argsort(axis=1, kind="stable")[:, : min(width, kept * (size - 1))]
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


def _largest(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``count`` largest of each row of ``values`` ``(B, N)`` in falling order, and where they
    are; of equal ones the first comes first."""
    negated = -values
    # All that may be among them, whatever stands beside it at the edge: not more than that.
    edge = np.partition(negated, count - 1, axis=1)[:, count - 1 : count]
    index = np.empty((len(values), count), np.int64)
    for b, row in enumerate(negated):
        near = np.flatnonzero(~(row > edge[b]))  # not-a-number is kept, and sorted last
        index[b] = near[np.argsort(row[near], kind="stable")[:count]]
    return np.take_along_axis(values, index, axis=1), index
