"""Scales: of constants, of large numbers that differ little, against float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.prepare.standardize import Standardizer


@given(
    st.floats(-1e30, 1e30, allow_subnormal=False),
    st.integers(1, 3000),
    st.integers(0, 4),
)
def test_a_constant_has_scale_1(value: float, steps: int, noise: int) -> None:
    """However its mean is rounded, and with noise in the last places."""
    column = np.full(steps, value)
    column[::3] += noise * np.spacing(value)
    assert Standardizer.fit([column[:, None]]).scale == [1.0]


@pytest.mark.parametrize(("sequences", "steps"), [(1, 200_000), (20_000, 5)])
def test_a_constant_of_many_steps_has_scale_1(sequences: int, steps: int) -> None:
    parts = [np.full((steps, 2), [14.62, 1e6 / 3])] * sequences
    assert Standardizer.fit(parts).scale.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("value", [14.62, 0.1, 1e-300, 0.0, -7e20])
def test_what_comes_after_a_constant_is_no_number_out_of_this_world(value: float) -> None:
    scale = Standardizer.fit([np.full((40, 1), value), np.full((2, 1), value)])
    assert abs(scale(np.array([[value + 1]])) - 1) < 1e-6 or abs(value) > 1e15


def test_large_numbers_that_differ_little_stay_apart() -> None:
    times = 1_700_000_000 + np.arange(16.0)[:, None]
    found = Standardizer.fit([times])(times)
    assert found.dtype == np.float32
    steps = np.arange(16.0)[:, None]
    np.testing.assert_allclose(found, (steps - steps.mean()) / steps.std(), rtol=1e-6)
