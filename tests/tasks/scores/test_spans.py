"""Spans counted against seqeval."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.data.text.span_schemes import Matching, SpanScheme
from lamina.tasks.scores.sums import f1
from lamina.tasks.tag.spans import SpanCounts

PREFIXES: dict[SpanScheme, str] = {"IOB1": "BI", "IOB2": "BI", "IOBES": "BIES"}


@st.composite
def labelled(draw: st.DrawFn) -> tuple[SpanScheme, list[str], list[list[str]], list[list[str]]]:
    """Sentences with the labels of a scheme, by no rule; and others that are like them."""
    scheme = draw(st.sampled_from(list(PREFIXES)))
    labels = ["O", *(f"{p}-{kind}" for p in PREFIXES[scheme] for kind in ("X", "Y-Z"))]
    label = st.sampled_from(labels)
    given = draw(st.lists(st.lists(label, min_size=1, max_size=8), min_size=1, max_size=4))
    guessed = [[draw(label) if draw(st.booleans()) else own for own in row] for row in given]
    return scheme, labels, given, guessed


def tensor(rows: list[list[str]], labels: list[str]) -> torch.Tensor:
    """``(T, B)``, with a label that counts nowhere behind the ends."""
    steps = max(map(len, rows))
    return torch.tensor(
        [[labels.index(row[t]) if t < len(row) else 1 for row in rows] for t in range(steps)]
    )


@pytest.mark.parametrize("matching", ["conlleval", "strict"])
@settings(max_examples=60)
@given(made=labelled())
def test_as_seqeval_counts(made, matching: Matching) -> None:
    metrics, schemes = pytest.importorskip("seqeval.metrics"), pytest.importorskip("seqeval.scheme")
    scheme, labels, given_rows, guessed_rows = made
    given, guessed = tensor(given_rows, labels), tensor(guessed_rows, labels)
    lengths = torch.tensor([len(row) for row in given_rows])
    valid = torch.arange(len(given))[:, None] < lengths
    count = SpanCounts(labels, scheme, matching)
    sums = {name: float(value) for name, value in count(given, guessed, valid).items()}
    options = {"mode": "strict", "scheme": getattr(schemes, scheme)} if matching == "strict" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            name: getattr(metrics, f"{name}_score")(given_rows, guessed_rows, **options)
            for name in ("f1", "precision", "recall")
        }
    assert f1(sums) == pytest.approx(expected)

    apart = [
        count(given[:, b : b + 1], guessed[:, b : b + 1], valid[:, b : b + 1])
        for b in range(len(lengths))
    ]
    assert sums == {name: float(sum(part[name] for part in apart)) for name in sums}


def test_no_span_reaches_over_a_place_that_does_not_count() -> None:
    labels = ["O", "B-X", "I-X"]
    given = torch.tensor([[1], [2], [2]])
    counted = torch.tensor([[True], [False], [True]])
    found = SpanCounts(labels, "IOB2", "conlleval")(given, given, counted)
    assert int(found["spans_given"]) == 2
