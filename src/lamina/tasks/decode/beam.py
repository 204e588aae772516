"""Beam search, for a whole batch at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lamina.spec import State


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


@torch.no_grad()
def beam_search(
    step: Callable[[Tensor, State], tuple[Tensor, State]],
    state: State,
    limits: Tensor,
    *,
    width: int,
    begin: int,
    end: int,
    alpha: float,
) -> list[Hypothesis]:
    """The best sequence that is found for each member of a batch. ``width=1`` is greedy search.

    At each step the ``width`` most probable unfinished hypotheses of a member go on. One that ends
    while it is among the ``width`` best of that step is finished, and is scored by
    ``log p / lp(length)``. A member is done with ``width`` finished hypotheses, or when none is
    left to go on. Members do not depend on each other.

    Args:
        step:   tokens ``(B, K)`` and the state after those before them, parts ``(D, B*K, H)``, to
                log-probabilities of the next ``(B, K, V)`` and the state; ``K`` is up to ``width``.
        state:  before the first token, parts ``(D, B, H)``.
        limits: ``(B,)`` int64, each at least 1: the most tokens of a member, its end included; what
                has not ended there is ended.
        width:  hypotheses of a member.
        begin:  the token that is read first.
        end:    the token that ends a sequence.
        alpha:  exponent of the length penalty; 0: the most probable sequence wins.
    """
    device = limits.device
    members = len(limits)
    finished: list[list[Hypothesis]] = [[] for _ in range(members)]
    tokens = torch.full((members, 1), begin, device=device)
    totals: Tensor | None = None  # (B, K), log-probability of each hypothesis
    history = torch.zeros((members, 1, 0), dtype=torch.int64, device=device)  # (B, K, t)
    for length in range(1, int(limits.max()) + 1):
        log_p, state = step(tokens, state)
        kept, size = log_p.shape[1:]
        spent = (limits <= length)[:, None, None]
        others = torch.arange(size, device=device) != end
        log_p = log_p.masked_fill(spent & others, -torch.inf)
        if totals is not None:
            log_p = totals[:, :, None] + log_p
        # Each hypothesis can end in one way only, so that of twice as many enough go on.
        best, index = log_p.flatten(1).topk(min(2 * width, kept * size), dim=1)
        parent, token = index // size, index % size
        ends = token == end
        for b, rank in (ends & best.isfinite())[:, :width].nonzero().tolist():
            if len(finished[b]) < width:
                p = float(best[b, rank])
                found = history[b, parent[b, rank]].tolist()
                finished[b].append(Hypothesis(found, p, p / length_penalty(length, alpha)))
        go_on = ends.int().argsort(dim=1, stable=True)[:, : min(width, kept * (size - 1))]
        totals, parent, tokens = (part.gather(1, go_on) for part in (best, parent, token))
        going = totals.isfinite().any(dim=1).tolist()
        if not any(g and len(f) < width for g, f in zip(going, finished, strict=True)):
            break
        past = history.gather(1, parent[:, :, None].expand(-1, -1, history.shape[2]))
        history = torch.cat((past, tokens[:, :, None]), dim=2)
        rows = (parent + kept * torch.arange(members, device=device)[:, None]).flatten()
        state = tuple(tuple(part.index_select(1, rows) for part in layer) for layer in state)
    # What gives not-a-number ends nowhere; whoever looks at the probability is to see that.
    nothing = Hypothesis([], math.nan, math.nan)
    return [
        max(found, key=lambda hypothesis: hypothesis.score, default=nothing) for found in finished
    ]
