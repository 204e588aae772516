"""What a kernel is given: one layer in one direction over time."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding

from lamina.cells import Activation, Cell, Weights
from lamina.kernels import private
from lamina.kernels.given import (
    check_lengths,
    check_rows,
    check_tensor,
    check_tokens,
    valid_steps,
)
from lamina.spec import LaminaError


class Request(NamedTuple):
    """The arguments of :func:`lamina.kernels.scan`, which explains them."""

    cell: Cell
    x: Tensor
    state: tuple[Tensor, ...]
    weights: Weights
    lengths: Tensor | None = None
    tokens: Tensor | None = None
    reverse: bool = False
    activation: Activation = "tanh"
    recurrent_mask: Tensor | None = None

    @property
    def steps(self) -> int:
        """``T``."""
        return (self.x if self.tokens is None else self.tokens).shape[0]

    @property
    def batch(self) -> int:
        """``B``."""
        return (self.x if self.tokens is None else self.tokens).shape[1]

    @property
    def hidden(self) -> int:
        """``H``."""
        w_ih = self.weights.w_ih
        rows = self.x.shape[-1] if w_ih is None else w_ih.shape[0]
        return rows // len(self.cell.gates)

    def to(self, dtype: torch.dtype) -> Request:
        """The same request computed in another dtype."""
        mask = self.recurrent_mask
        return self._replace(
            x=self.x.to(dtype),
            state=tuple(part.to(dtype) for part in self.state),
            weights=self.weights.to(dtype),
            recurrent_mask=None if mask is None else mask.to(dtype),
        )

    def checked(self) -> Request:
        """The same request with lengths and tokens as the kernels take them.

        Raises:
            LaminaError: a wrong number of axes, a shape, dtype or length that does not fit, an
                option that the cell does not have.
        """
        x, tokens, state, weights, mask = (
            self.x,
            self.tokens,
            self.state,
            self.weights,
            self.recurrent_mask,
        )
        reason = self.cell.refuses(activation=self.activation, recurrent_dropout=mask is not None)
        if reason:
            raise LaminaError(reason)
        if tokens is None and x.dim() != 3:
            raise LaminaError(f"x is {tuple(x.shape)}; need three axes (T, B, I)")
        if tokens is not None and x.dim() != 2:
            raise LaminaError(f"x is {tuple(x.shape)}; need a table (V, I) where tokens are given")
        if tokens is not None:
            tokens = check_tokens(tokens, x.device)
        _check_weights(self.cell, x, weights)
        steps, batch = (x if tokens is None else tokens).shape[:2]
        hidden = self.hidden
        sizes = [hidden] * len(self.cell.parts)
        if weights.w_hr is not None:
            sizes[0] = weights.w_hr.shape[0]
        if len(state) != len(sizes):
            raise LaminaError(
                f"got a state of {len(state)} tensors for {self.cell.name!r}; need {len(sizes)}"
            )
        for name, part, size in zip(self.cell.parts, state, sizes, strict=True):
            check_tensor(f"{name}0", part, "a tensor (B, H)")
            if part.shape != (batch, size):
                raise LaminaError(f"{name}0 is {tuple(part.shape)}; need (B={batch}, H={size})")
            _check_alike(f"{name}0", part, "x", x)
        if mask is not None and mask.shape != (batch, sizes[0]):
            shape = tuple(mask.shape)
            raise LaminaError(f"recurrent_mask is {shape}; need (B={batch}, H={sizes[0]})")
        lengths = self.lengths
        if lengths is not None:
            lengths = check_lengths(lengths, steps, batch)
        if tokens is not None:
            check_rows(tokens, x.shape[0], lengths)
        if lengths is self.lengths and tokens is self.tokens:
            return self
        return self._replace(lengths=lengths, tokens=tokens)


def _check_weights(cell: Cell, x: Tensor, weights: Weights) -> None:
    """Refuse weights that are not of this cell, or not of this input."""
    w_ih, w_hh, b_ih, b_hh, w_hr, norm = weights
    if (w_hh is None) != (cell.recurrence == "none"):
        got, need = ("no", "one") if w_hh is None else ("a", "None")
        raise LaminaError(f"got {got} w_hh for {cell.name!r}; need {need}")
    if cell.recurrence != "dense":
        if b_hh is not None:
            raise LaminaError(f"got b_hh for {cell.name!r}; need None: its one bias is b_ih")
        if norm is not None and norm.hh is not None:
            raise LaminaError(f"got a gain of U h for {cell.name!r}, which has no matrix U")
    elif (b_ih is None) != (b_hh is None):
        raise LaminaError("got one of b_ih and b_hh; need both or neither")
    if w_hr is not None and not cell.projects:
        raise LaminaError(f"got a projection w_hr for {cell.name!r}, which has none; need an LSTM")
    known = w_ih if w_ih is not None else w_hh
    gates = len(cell.gates)
    rows = x.shape[-1] if known is None else known.shape[0]
    need = rows if w_ih is None else w_ih.shape[1]
    if x.shape[-1] != need:
        raise LaminaError(f"x is {tuple(x.shape)}; need {need} on the last axis")
    if rows % gates:
        raise LaminaError(
            f"W has {rows} rows; need a multiple of {gates}, as many for each gate of {cell.name!r}"
        )
    for name, bias in (("b_ih", b_ih), ("b_hh", b_hh)):
        if bias is not None and bias.shape != (rows,):
            raise LaminaError(f"{name} is {tuple(bias.shape)}; need ({rows},), one a row of W")
    if w_hh is not None:
        outputs = None if w_hr is None else w_hr.shape[0]
        shape = cell.recurrent_shape(rows // gates, outputs)
        if w_hh.shape != shape:
            raise LaminaError(f"w_hh is {tuple(w_hh.shape)}; need {shape} for {cell.name!r}")
    parts = weights.tensors()
    dtypes = {part.dtype for part in parts}
    if len(dtypes) > 1:
        got = " and ".join(sorted(map(str, dtypes)))
        raise LaminaError(f"the weights are {got}; need one dtype: convert the whole network")
    for part in parts:
        _check_alike("x", x, "the weights", part)


def _check_alike(name: str, one: Tensor, other_name: str, other: Tensor) -> None:
    """Refuse two tensors of different dtype or device."""
    for what in ("dtype", "device"):
        got, need = getattr(one, what), getattr(other, what)
        if got != need:
            are = "are" if other_name.endswith("s") else "is"
            to = f"'{need}'" if what == "device" else need  # as it is written in a program
            raise LaminaError(
                f"{name} is {got}, {other_name} {are} {need}; need the same {what}: "
                f"{name}.to({to}), or convert the whole network"
            )


def look_up(table: Tensor, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Row ``tokens[t, b]`` of ``table`` ``(V, I)`` at each step: ``(T, B, I)``.

    Padded steps get the first row, without a gradient to it as long as nothing reads them: their
    tokens may be no rows at all.
    """
    if lengths is not None:
        tokens = tokens.masked_fill(~valid_steps(lengths, tokens.shape[0], tokens.device), 0)
    return embedding(tokens, table)


def transform() -> str | None:
    """What torch is doing to this code, beyond running it, that only plain operators can follow."""
    if private.tangents():
        return "forward-mode differentiation"
    if private.functional_transform():
        return "the transforms of torch.func"
    return None
