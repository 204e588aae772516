"""What callers give in place of tensors, and the checks of tensors that come from outside."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from lamina.kernels import private
from lamina.spec import LaminaError

_WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
_NEEDED = "need (B,) whole numbers on the cpu, one a sequence"


def check_tensor(name: str, value: Any, need: str) -> Tensor:
    """``value``, if it is a tensor that a recurrence can read.

    Raises:
        LaminaError: something else; with how to make a tensor of it.
    """
    if isinstance(value, Tensor):
        if value.layout is not torch.strided or value.is_nested:
            kind = "nested" if value.is_nested else str(value.layout).removeprefix("torch.")
            how = "torch.nested.to_padded_tensor, and lengths" if value.is_nested else "to_dense()"
            raise LaminaError(f"{name} is a {kind} tensor; need {need}: use {how}")
        return value
    got = type(value).__name__
    if isinstance(value, np.ndarray):
        remedy = f": torch.from_numpy({name})"
    elif got == "PackedSequence":
        remedy = f", and lengths: {name}, lengths = pad_packed_sequence({name})"
    else:
        remedy = f": torch.tensor({name})" if isinstance(value, list | tuple) else ""
    raise LaminaError(f"{name} is {article(got)}; need {need}{remedy}")


def whole_numbers(name: str, value: Any, need: str) -> Tensor:
    """``value`` as an int64 tensor: a tensor or an array of whole numbers, or a list of them.

    Raises:
        LaminaError: something else.
    """
    if isinstance(value, Tensor):
        if value.dtype not in _WHOLE:
            got = f"{tuple(value.shape)} {value.dtype} on {value.device.type}"
            raise LaminaError(f"{name} are {got}; {need}")
        return value.to(torch.int64)
    if not isinstance(value, np.ndarray | list | tuple | range):
        raise LaminaError(f"{name} is {article(type(value).__name__)}; {need}")
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.empty(0, object)
    if array.dtype.kind not in "iu" and array.size:
        got = article(type(value).__name__)
        raise LaminaError(f"{name} is {got} of {array.dtype.name}; {need}")
    return torch.from_numpy(array.astype(np.int64))


def check_lengths(lengths: Any, steps: int, batch: int) -> Tensor:
    """``lengths`` as the kernels take them, ``(B,)`` int64 on the CPU.

    Args:
        lengths: such a tensor, or another of whole numbers, an array or a list.
        steps: ``T``.
        batch: ``B``.

    Raises:
        LaminaError: they are not ``B`` whole numbers in ``1..T``, or on a GPU, where reading them
            would make the host wait.
    """
    lengths = whole_numbers("lengths", lengths, _NEEDED)  # no size in it: a graph is for all
    if lengths.shape != (batch,) or lengths.device.type != "cpu":
        got = f"{tuple(lengths.shape)} on {lengths.device.type}"
        swapped = lengths.shape == (steps,) and lengths.device.type == "cpu"
        remedy = ". Is x (B, T, I)? Then x.transpose(0, 1)" if swapped else ""
        raise LaminaError(f"lengths are {got}; need (B={batch},) on the cpu{remedy}")
    if torch.compiler.is_compiling():
        private.require((lengths >= 1) & (lengths <= steps), "a length is not in 1..T")
        return lengths
    if batch and (int(lengths.min()) < 1 or int(lengths.max()) > steps):
        low, high = int(lengths.min()), int(lengths.max())
        raise LaminaError(f"lengths go from {low} to {high}; need each in 1..T={steps}")
    return lengths


def check_tokens(tokens: Any, device: torch.device) -> Tensor:
    """``tokens`` as the kernels take them, ``(T, B)`` int64 on the device of the table; given as
    such a tensor, or as another of whole numbers, an array or a list of lists.

    Raises:
        LaminaError: they are something else, or on another device.
    """
    need = f"need (T, B) whole numbers on {device}, where the weights are"
    tokens = whole_numbers("tokens", tokens, need)
    if tokens.dim() != 2 or tokens.device != device:
        raise LaminaError(f"tokens are {tuple(tokens.shape)} on {tokens.device}; {need}")
    return tokens


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


def valid_steps(lengths: Any, steps: int, device: torch.device | str) -> Tensor:
    """``(T, B)`` bool: which steps belong to a sequence and which are padding.

    ``lengths``: whole numbers, as :func:`check_lengths` takes them, or on ``device``.
    """
    if not isinstance(lengths, Tensor):
        lengths = whole_numbers("lengths", lengths, _NEEDED)
    lengths = lengths.to(device, non_blocking=True)
    return torch.arange(steps, device=device)[:, None] < lengths[None, :]


def article(name: str) -> str:
    """The name of a type in a sentence: ``an int``, ``a numpy array``."""
    known = {"NoneType": "None", "ndarray": "a numpy array"}
    return known.get(name) or f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
