"""Properties that hold for every stack, whatever its options: shared by the tests of each room."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from lamina.nn import Stack, StackOptions


@st.composite
def options(draw: st.DrawFn, *, causal: bool = False) -> StackOptions:
    """Any stack of small size. ``causal``: one direction only, as streams need."""
    cell = draw(st.sampled_from(["rnn", "gru", "lstm"]))
    depth = draw(st.integers(1, 3))
    widths = tuple(draw(st.integers(1, 6)) for _ in range(depth))
    activations = tuple(draw(st.sampled_from(["tanh", "relu"])) for _ in range(depth))
    return StackOptions(
        cell=cell,
        depth=depth,
        width=widths,
        activation=activations if cell == "rnn" else "tanh",
        bidirectional=False if causal else draw(st.booleans()),
        residual=draw(st.booleans()),
        norm=draw(st.sampled_from(["none", "layer", "batch"])),
        dropout=draw(st.sampled_from([0.0, 0.3])),
        dropout_kind=draw(st.sampled_from(["plain", "locked"])),
        recurrent_dropout=draw(st.sampled_from([0.0, 0.3])),
        init=draw(st.sampled_from(["uniform", "xavier", "he", "orthogonal"])),
        forget_bias=draw(st.sampled_from([None, 1.0])),
    )


def stack(options: StackOptions, inputs: int = 3, seed: int = 0) -> Stack:
    """A float64 stack in evaluation mode whose running statistics are not the trivial ones."""
    torch.manual_seed(seed)
    made = Stack(inputs, options).double()
    for name, buffer in made.named_buffers():
        buffer.uniform_(0.5, 1.5)
        assert "running" in name
    return made.eval()


#: Sums in another order round differently; nothing else may differ.
EXACT = {"atol": 1e-10, "rtol": 1e-10}
