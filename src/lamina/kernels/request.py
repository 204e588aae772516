"""What a kernel is given: the weights of one layer in one direction, and valid steps."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.functional import embedding

from lamina.spec import GATES, Activation, CellKind, LaminaError


class LayerNormGains(NamedTuple):
    """Gains of a layer-normalised cell; the shifts are the cell's own biases.

    ih, hh: ``(G*H,)``.  c: ``(H,)`` gain and c_shift ``(H,)``, LSTM only, else ``None``.
    """

    ih: Tensor
    hh: Tensor
    c: Tensor | None = None
    c_shift: Tensor | None = None


class Weights(NamedTuple):
    """The weights of one layer in one direction, in torch's layout and gate order.

    w_ih: ``(G*H, I)``, or ``None`` where the input arrives projected, as ``(T, B, G*H)``, or as
        a table ``(V, G*H)`` that tokens pick from.
    w_hh: ``(G*H, P)``, where ``P`` is the size of the output, ``H`` if there is no ``w_hr``.
    b_ih, b_hh: ``(G*H,)`` both, or both ``None``.
    w_hr: ``(P, H)``, LSTM only: the output is ``w_hr h`` (Sak, Senior and Beaufays 2014).
    norm: gains of layer normalisation inside the cell, or ``None``.

    Gate order: LSTM ``i f g o``, GRU ``r z n``.
    """

    w_ih: Tensor | None
    w_hh: Tensor
    b_ih: Tensor | None = None
    b_hh: Tensor | None = None
    w_hr: Tensor | None = None
    norm: LayerNormGains | None = None

    def hidden(self, cell: CellKind) -> int:
        """``H``."""
        return self.w_hh.shape[0] // GATES[cell]

    def to(self, dtype: torch.dtype) -> Weights:
        """The same weights in another dtype."""

        def cast(part: Tensor | None) -> Tensor | None:
            return None if part is None else part.to(dtype)

        norm = self.norm and LayerNormGains(*map(cast, self.norm))  # type: ignore[arg-type]
        return Weights(*map(cast, self[:5]), norm)  # type: ignore[arg-type]

    def tensors(self) -> tuple[Tensor, ...]:
        """All that are present, flat."""
        parts = [*self[:5], *(self.norm or ())]
        return tuple(part for part in parts if part is not None)


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
    if forward_ad._current_level >= 0:
        return "forward-mode differentiation"
    if torch._C._are_functorch_transforms_active():  # pyright: ignore[reportAttributeAccessIssue]
        return "the transforms of torch.func"
    return None


def check(
    cell: CellKind,
    x: Tensor,
    state: tuple[Tensor, ...],
    weights: Weights,
    lengths: Tensor | None,
    tokens: Tensor | None,
    activation: Activation,
    recurrent_mask: Tensor | None,
) -> None:
    """Refuse what does not fit together.

    Raises:
        LaminaError: a wrong number of axes, a shape, dtype or length that does not fit.
    """
    if cell not in GATES:
        raise LaminaError(f"got cell {cell!r}; need one of {', '.join(GATES)}")
    if activation not in ("tanh", "relu"):
        raise LaminaError(f"got activation {activation!r}; need 'tanh' or 'relu'")
    if activation != "tanh" and cell != "rnn":
        raise LaminaError(f"got activation {activation!r} for {cell!r}; only an rnn has a choice")
    if tokens is None and x.dim() != 3:
        raise LaminaError(f"x is {tuple(x.shape)}; need three axes (T, B, I)")
    if tokens is not None and x.dim() != 2:
        raise LaminaError(f"x is {tuple(x.shape)}; need a table (V, I) where tokens are given")
    if tokens is not None:
        check_tokens(tokens, x.device)
    steps, batch = (x if tokens is None else tokens).shape[:2]
    width = x.shape[-1]
    hidden, output = weights.hidden(cell), weights.w_hh.shape[1]
    rows = weights.w_hh.shape[0]
    need = rows if weights.w_ih is None else weights.w_ih.shape[1]
    if width != need:
        raise LaminaError(f"x is {tuple(x.shape)}; need {need} on the last axis")
    if (weights.b_ih is None) != (weights.b_hh is None):
        raise LaminaError("got one of b_ih and b_hh; need both or neither")
    if weights.w_hr is not None and cell != "lstm":
        raise LaminaError(f"got a projection w_hr for {cell!r}; only an LSTM has one")
    sizes = (output, hidden) if cell == "lstm" else (output,)
    if len(state) != len(sizes):
        raise LaminaError(f"got a state of {len(state)} tensors for {cell!r}; need {len(sizes)}")
    for name, part, size in zip(("h0", "c0"), state, sizes, strict=False):
        if part.shape != (batch, size):
            raise LaminaError(f"{name} is {tuple(part.shape)}; need (B={batch}, H={size})")
        if part.dtype != x.dtype:
            raise LaminaError(f"{name} is {part.dtype}, x is {x.dtype}; need the same dtype")
    if weights.w_hh.dtype != x.dtype:
        raise LaminaError(f"weights are {weights.w_hh.dtype}, x is {x.dtype}; need the same dtype")
    if recurrent_mask is not None and recurrent_mask.shape != (batch, output):
        shape = tuple(recurrent_mask.shape)
        raise LaminaError(f"recurrent_mask is {shape}; need (B={batch}, H={output})")
    if lengths is not None:
        check_lengths(lengths, steps, batch)
    if tokens is not None:
        check_rows(tokens, x.shape[0], lengths)


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
        _require(~(outside if valid is None else outside & valid), "a token is no row of the table")
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
        _require((lengths >= 1) & (lengths <= steps), "a length is not in 1..T")
        return
    if batch and (int(lengths.min()) < 1 or int(lengths.max()) > steps):
        low, high = int(lengths.min()), int(lengths.max())
        raise LaminaError(f"lengths go from {low} to {high}; need each in 1..T={steps}")


def _require(true: Tensor, message: str) -> None:
    """A check that stays in the graph of ``torch.compile`` and raises ``RuntimeError`` there."""
    torch._assert_async(true.all(), message)  # pyright: ignore[reportPrivateImportUsage]
