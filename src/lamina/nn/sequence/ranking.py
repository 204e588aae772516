"""The most probable next tokens of a beam of hypotheses."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def most_probable(
    log_p: Tensor, totals: np.ndarray | None, spent: np.ndarray, *, end: int, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What :func:`lamina.tasks.decode.beam.beam_search` asks of its ``step``; the scores stay on
    their device.

    Args:
        log_p: ``(B, K, V)`` log-probabilities of the next token of each hypothesis; overwritten.
        totals: ``(B, K)`` log-probabilities of the hypotheses so far; ``None`` at the start.
        spent: ``(B,)``, whether a member can only end now.
        end: The token that ends a sequence.
        count: How many to return; all if there are fewer.

    Returns:
        The total, the hypothesis and the next token of the ``count`` best, ``(B, count)`` each, in
        falling order. Of equal totals the first hypothesis comes first, then the first token; the
        order of those that are not finite is arbitrary.
    """
    if spent.any():  # these can only end
        members = torch.from_numpy(spent).to(log_p.device)
        others = torch.arange(log_p.shape[2], device=log_p.device) != end
        log_p.masked_fill_(members[:, None, None] & others, -torch.inf)
    if totals is not None:
        log_p = log_p.add_(torch.from_numpy(totals).to(log_p.device)[:, :, None])
    size, flat = log_p.shape[2], log_p.flatten(1)
    count = min(count, flat.shape[1])
    # One more than wanted, to see whether it equals the last one wanted: topk keeps any of equals.
    best, index = _topk(flat, count + 1)
    if np.isnan(best[:, 0]).any():  # topk puts these first
        best, index = _topk(flat.masked_fill_(flat.isnan(), -torch.inf), count + 1)
    if best.shape[1] > count:
        edge = best[:, count - 1]
        for b in np.flatnonzero((edge == best[:, count]) & np.isfinite(edge)).tolist():
            near = (flat[b] >= float(edge[b])).nonzero()[:, 0]
            first = flat[b][near].sort(descending=True, stable=True).indices[:count]
            index[b, :count] = near[first].cpu().numpy()
            best[b, :count] = flat[b][near[first]].cpu().numpy()
        best, index = best[:, :count], index[:, :count]
    order = np.lexsort((index, -best), axis=1)
    best, index = (np.take_along_axis(x, order, axis=1) for x in (best, index))
    return best, index // size, index % size


def _topk(flat: Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    best, index = flat.topk(min(count, flat.shape[1]), dim=1)
    return best.cpu().numpy(), index.cpu().numpy()
