"""What a kernel is given: one layer in one direction over time."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding

from lamina.cells import Activation, Cell, Weights
from lamina.kernels import private
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

    def check(self) -> None:
        """Refuse what does not fit together.

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
            check_tokens(tokens, x.device)
        _check_weights(self.cell, x, weights)
        hidden, batch = self.hidden, self.batch
        sizes = [hidden] * len(self.cell.parts)
        if weights.w_hr is not None:
            sizes[0] = weights.w_hr.shape[0]
        if len(state) != len(sizes):
            raise LaminaError(
                f"got a state of {len(state)} tensors for {self.cell.name!r}; need {len(sizes)}"
            )
        for name, part, size in zip(self.cell.parts, state, sizes, strict=True):
            if part.shape != (batch, size):
                raise LaminaError(f"{name}0 is {tuple(part.shape)}; need (B={batch}, H={size})")
            if part.dtype != x.dtype:
                raise LaminaError(f"{name}0 is {part.dtype}, x is {x.dtype}; need the same dtype")
        if mask is not None and mask.shape != (batch, sizes[0]):
            shape = tuple(mask.shape)
            raise LaminaError(f"recurrent_mask is {shape}; need (B={batch}, H={sizes[0]})")
        if self.lengths is not None:
            check_lengths(self.lengths, self.steps, batch)
        if tokens is not None:
            check_rows(tokens, x.shape[0], self.lengths)


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
    for part in weights.tensors():
        if part.dtype != x.dtype:
            raise LaminaError(f"weights are {part.dtype}, x is {x.dtype}; need the same dtype")


def valid_steps(lengths: Tensor, steps: int, device: torch.device) -> Tensor:
    """``(T, B)`` bool: which steps belong to a sequence and which are padding."""
    lengths = lengths.to(device, non_blocking=True)
    return torch.arange(steps, device=device)[:, None] < lengths[None, :]


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


def check_tokens(tokens: Tensor, device: torch.device) -> None:
    """Refuse tokens that are not ``(T, B)`` int64 on the device of the table."""
    if tokens.dim() != 2 or tokens.dtype != torch.int64 or tokens.device != device:
        got = f"{tuple(tokens.shape)} {tokens.dtype} on {tokens.device}"
        raise LaminaError(f"tokens are {got}; need (T, B) int64 on {device}, where the weights are")


def check_rows(tokens: Tensor, rows: int, lengths: Tensor | None) -> None:
    """Refuse tokens that are not in ``0..rows-1`` at a valid step.

    On the CPU only: a GPU refuses them in the look-up, and here the host would have to wait for it.
    """
    if tokens.device.type != "cpu":
        return
    valid = None if lengths is None else valid_steps(lengths, tokens.shape[0], tokens.device)
    if torch.compiler.is_compiling():  # a graph has no values yet: it gets a check of its own
        outside = (tokens < 0) | (tokens >= rows)
        private.require(
            ~(outside if valid is None else outside & valid), "a token is no row of the table"
        )
        return
    if valid is not None:
        tokens = tokens[valid]
    if tokens.numel():
        low, high = map(int, tokens.aminmax())
        if low < 0 or high >= rows:
            raise LaminaError(
                f"tokens go from {low} to {high}; need each in 0..{rows - 1}, a row of the table, "
                "where a step is valid. Use the vocabulary that the table was made for."
            )


def check_lengths(lengths: Tensor, steps: int, batch: int) -> None:
    """Refuse lengths that are not ``(B,)`` int64 on the CPU with values in ``1..T``."""
    if lengths.shape != (batch,) or lengths.dtype != torch.int64 or lengths.device.type != "cpu":
        got = f"{tuple(lengths.shape)} {lengths.dtype} on {lengths.device.type}"
        raise LaminaError(f"lengths are {got}; need (B={batch},) int64 on the cpu")
    if torch.compiler.is_compiling():
        private.require((lengths >= 1) & (lengths <= steps), "a length is not in 1..T")
        return
    if batch and (int(lengths.min()) < 1 or int(lengths.max()) > steps):
        low, high = int(lengths.min()), int(lengths.max())
        raise LaminaError(f"lengths go from {low} to {high}; need each in 1..T={steps}")
