"""Laws of a stack that halves its frames."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lamina.nn import Pyramid, Stack, StackOptions
from lamina.spec import LaminaError
from laws import EXACT, options


def pyramid(shape: StackOptions, halvings: int) -> Pyramid:
    torch.manual_seed(0)
    made = Pyramid(3, shape, halvings).double()
    for name, buffer in made.named_buffers():
        buffer.uniform_(0.5, 1.5)
        assert "running" in name
    return made.eval()


@given(options(), st.data())
def test_a_batch_equals_its_members_alone_and_padding_is_not_read(shape, data) -> None:
    halvings = data.draw(st.integers(0, shape.depth))
    lengths = data.draw(st.lists(st.integers(2**halvings, 12), min_size=2, max_size=4))
    model = pyramid(shape, halvings)
    x = torch.randn(max(lengths), len(lengths), 3, dtype=torch.float64)
    for b, n in enumerate(lengths):
        x[n:, b] = float("nan")
    together, _ = model(x, lengths=torch.tensor(lengths))
    for b, n in enumerate(lengths):
        alone, _ = model(x[:n, b : b + 1])
        left = n // 2**halvings
        assert len(alone) == left
        torch.testing.assert_close(together[:left, b : b + 1], alone, **EXACT)


@given(options(causal=True), st.data())
def test_pieces_give_what_the_whole_gives(shape, data) -> None:
    halvings = data.draw(st.integers(0, shape.depth))
    sizes = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=6))
    model = pyramid(shape, halvings)
    x = torch.randn(sum(sizes) + 1, 2, 3, dtype=torch.float64)
    whole, final = model(x)
    state, outputs = None, []
    for piece in x.split([*sizes, 1]):
        out, state = model(piece, state)
        outputs.append(out)
    torch.testing.assert_close(torch.cat(outputs), whole, **EXACT)
    assert state is not None
    for a, b in zip(state.odd, final.odd, strict=True):
        assert (a is None) == (b is None)


def test_no_halving_is_a_plain_stack() -> None:
    shape = StackOptions(cell="gru", depth=2, width=4, residual=True)
    torch.manual_seed(0)
    plain = Stack(3, shape)
    torch.manual_seed(0)
    same = Pyramid(3, shape, 0)
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(plain(x)[0], same(x)[0])


def test_a_pair_of_frames_stands_side_by_side() -> None:
    """With one layer and one halving, output ``t`` is ``[h_2t, h_2t+1]``."""
    shape = StackOptions(cell="gru", depth=1, width=4)
    model = pyramid(shape, 1)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    stage = model.stages[0]
    h, _ = stage(x)
    torch.testing.assert_close(model(x)[0], torch.cat((h[0:4:2], h[1:4:2]), dim=2))


def test_refusals() -> None:
    shape = StackOptions(depth=2, width=4)
    with pytest.raises(LaminaError, match=r"halvings is 3; need 0 to depth \(2\)"):
        Pyramid(3, shape, 3)
    model = Pyramid(3, shape, 2)
    x = torch.zeros(6, 2, 3)
    with pytest.raises(LaminaError, match="a sequence has 3 frames; need 4"):
        model(x, lengths=torch.tensor([6, 3]))
    with pytest.raises(LaminaError, match="lengths and a state"):
        model(x, model.zero_state(2), torch.tensor([6, 4]))
