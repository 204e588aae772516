"""How many spans are right, counted so that counts of batches can be added up."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lamina.data.text.span_schemes import Matching, SpanScheme, parts, tables


class SpanCounts:
    """Counts spans in label numbers: a span is right where its first word, its last word and its
    kind all are.

    Args:
        labels:   their names, in the order of their numbers.
        scheme:   what they follow.
        matching: ``conlleval``, or ``strict`` (what breaks the scheme is no span).
    """

    def __init__(self, labels: Sequence[str], scheme: SpanScheme, matching: Matching):
        self.outside = len(labels)
        starts, goes_on, ends = map(torch.from_numpy, tables(labels, scheme, matching))
        kinds: dict[str, int] = {}
        numbers = [kinds.setdefault(parts(label)[1], len(kinds)) for label in (*labels, "O")]
        self._tables = starts, goes_on, ends, torch.tensor(numbers)

    def __call__(self, given: Tensor, guessed: Tensor, counted: Tensor) -> dict[str, Tensor]:
        """Spans of ``given`` and ``guessed`` ``(T, B)`` where ``counted`` ``(T, B)``; no span
        reaches over a place that does not count.

        0-dim each: ``spans_right``, ``spans_guessed``, ``spans_given``.
        """
        self._tables = tuple(table.to(given.device) for table in self._tables)
        kinds = self._tables[3]
        given = given.masked_fill(~counted, self.outside)
        guessed = guessed.masked_fill(~counted, self.outside)
        first, last = self._spans(given)
        guessed_first, guessed_last = self._spans(guessed)
        right = last & guessed_last & (first == guessed_first) & (kinds[given] == kinds[guessed])
        return {
            "spans_right": right.sum(),
            "spans_guessed": guessed_last.sum(),
            "spans_given": last.sum(),
        }

    def _spans(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """For each place ``(T, B)``: where the span over it starts, and whether one ends there."""
        starts, goes_on, ends, _ = self._tables
        border = labels.new_full((1, labels.shape[1]), self.outside)
        padded = torch.cat((border, labels, border))
        before, after = padded[:-1], padded[1:]  # (T + 1, B): the last pair has the end in it
        starting, going_on = starts[before, after], goes_on[before, after]
        # IOB1 in strict mode: an I behind a B starts a span, but for a B that has started one.
        behind = torch.cat((torch.zeros_like(starting[:1]), starting[:-1]))
        starting = starting & ~(going_on & behind)
        place = torch.arange(len(after), device=labels.device)[:, None].expand_as(after)
        first = place.masked_fill(~starting, -1).cummax(dim=0).values
        broken = place.masked_fill(starting | going_on, -1).cummax(dim=0).values
        ending = (first > broken)[:-1] & ~going_on[1:] & ends[before, after][1:]
        return first[:-1], ending
