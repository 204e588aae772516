"""Labels of spans: the scheme they follow, and one turned into another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.text.span_schemes import Span, SpanScheme, convert, recognise, spans, write

SCHEMES: tuple[SpanScheme, ...] = ("IOB1", "IOB2", "IOBES")


@st.composite
def span_lists(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Spans in order, touching or not, and the number of words."""
    found, at = [], 0
    for _ in range(draw(st.integers(0, 5))):
        first = at + draw(st.integers(0, 2))
        at = first + draw(st.integers(1, 3))
        found.append(Span(first, at - 1, draw(st.sampled_from(["PER", "LOC", "creative-work"]))))
    return found, at + draw(st.integers(0, 2))


@given(span_lists(), st.sampled_from(SCHEMES), st.sampled_from(SCHEMES))
def test_spans_survive_any_scheme(
    made: tuple[list[Span], int], a: SpanScheme, b: SpanScheme
) -> None:
    found, length = made
    labels = write(found, length, a)
    assert spans(labels) == found
    assert spans(convert(labels, b)) == found
    assert convert(convert(labels, b), a) == labels


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        ("I-PER I-PER O B-PER", "IOB2"),  # breaks both
        ("I-PER O", "IOB1"),
        ("I-PER B-PER I-LOC", "IOB1"),
        ("B-PER I-PER O", "IOB2"),
        ("B-PER B-PER", "IOB2"),
        ("B I O", "IOB2"),
        ("S-PER O", "IOBES"),
        ("B-PER E-PER", "IOBES"),
        ("O O", None),
        ("I O", None),
        ("S E", None),
        ("H E C", None),
        ("B-PER OTHER", None),
        ("NOUN VERB", None),
        ("", None),
    ],
)
def test_schemes_are_recognised(labels: str, scheme: str | None) -> None:
    assert recognise([labels.split()]) == scheme


def test_the_same_spans_in_every_scheme() -> None:
    labels = ["B-PER", "I-PER", "B-PER", "O", "B-LOC"]
    assert convert(labels, "IOB1") == ["I-PER", "I-PER", "B-PER", "O", "I-LOC"]
    assert convert(labels, "IOBES") == ["B-PER", "E-PER", "S-PER", "O", "S-LOC"]
    assert convert(["B", "I", "O", "B"], "IOBES") == ["B", "E", "O", "S"]
