"""Where to cut a text into training, validation and test parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lamina.data.prepare.split import split_stream

#: No cut is moved further than this many characters.
_REACH = 2000


def cut_points(
    length: int,
    fractions: Sequence[float],
    read: Callable[[list[tuple[int, int]]], list[str]],
) -> tuple[int, int]:
    """The start of the second and of the third part of a text of ``length`` characters.

    Each cut is moved to a nearby end of a line (or word), so that none is split; a text without any
    is cut exactly by its shares.

    Args:
        length: of the text, in characters.
        fractions: shares of the three parts, by position; they sum to 1.
        read: the text from start to stop, for each pair of these.
    """
    train, validation, _ = split_stream(length, fractions)
    smallest = min(share for share in fractions if share) * length
    reach = min(_REACH, int(smallest / 4))  # no cut comes close to the next one
    ends = [train.stop, validation.stop]
    moved = [at for at, end in enumerate(ends) if 0 < end < length]
    spans = [(max(ends[at] - reach - 1, 0), ends[at] + reach) for at in moved]
    for at, (start, _), window in zip(moved, spans, read(spans) if spans else [], strict=True):
        end = ends[at] - start
        found = (_after(window, mark, end, reach) for mark in "\n ")
        ends[at] = start + next((place for place in found if place), end)
    return ends[0], ends[1]


def _after(text: str, mark: str, end: int, reach: int) -> int | None:
    """The position after the next ``mark``, or after the last one before ``end``; at most
    ``reach`` away."""
    after = text.find(mark, end - 1, end + reach) + 1
    return after or text.rfind(mark, end - reach, end) + 1 or None


def windows(chunks: Iterable[str], spans: Sequence[tuple[int, int]]) -> list[str]:
    """The text from start to stop for each of ``spans``, for a text that arrives in chunks."""
    found = [""] * len(spans)
    position, last = 0, max(stop for _, stop in spans)
    for chunk in chunks:
        for at, (start, stop) in enumerate(spans):
            found[at] += chunk[max(start - position, 0) : max(stop - position, 0)]
        position += len(chunk)
        if position >= last:
            break
    return found
