"""Networks of several depths over the same layers: each layer is run once, for all of them.

The stacks of the deepest network are run with every level kept (:func:`recording`); those of a
shallower one, which holds the lowest of the same layers at the same places, then give what was
kept (:func:`replaying`) in place of running. What stands before, between and behind the stacks is
each network's own to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from torch import Tensor, nn

from lamina.nn.recurrent.stack import Level, Stack
from lamina.spec import LaminaError

#: Of each stack, by its place in the network, and of each of its calls in order: its levels.
Tape: TypeAlias = dict[str, list[tuple[Level, ...]]]


def stacks(network: nn.Module) -> Mapping[str, Stack]:
    """All stacks of a network by their place in it."""
    return {place: part for place, part in network.named_modules() if isinstance(part, Stack)}


@contextmanager
def recording(network: nn.Module) -> Iterator[Tape]:
    """Meanwhile, keep the levels of every stack of ``network`` at every call."""
    tape: Tape = {}

    def recorder(place: str, stack: Stack) -> Callable[..., Level]:
        def forward(*args: Any, **kwargs: Any) -> Level:
            levels = tuple(stack.levels(*args, **kwargs))
            tape.setdefault(place, []).append(levels)
            return levels[-1]

        return forward

    with _instead(network, recorder):
        yield tape


@contextmanager
def replaying(network: nn.Module, tape: Tape) -> Iterator[None]:
    """Meanwhile, let every stack of ``network`` give the level of its own depth from ``tape``, call
    by call, whatever it is asked.

    Raises LaminaError (when the stack is called) where the tape holds no such call.
    """

    def player(place: str, stack: Stack) -> Callable[..., Level]:
        calls = iter(tape.get(place, ()))
        depth = stack.options.depth

        def forward(*args: Any, **kwargs: Any) -> Level:
            levels = next(calls, ())
            if len(levels) < depth:
                raise LaminaError(
                    f"the stack {place!r} of {depth} layers is called otherwise than in the deepest"
                    " network, so its layers cannot be shared"
                )
            return levels[depth - 1]

        return forward

    with _instead(network, player):
        yield


def tensors(tape: Tape) -> Iterator[Tensor]:
    """All that was kept: outputs and states."""
    for calls in tape.values():
        for outputs, state in (level for levels in calls for level in levels):
            yield outputs
            yield from (part for layer in state for part in layer)


@contextmanager
def _instead(
    network: nn.Module, make: Callable[[str, Stack], Callable[..., Level]]
) -> Iterator[None]:
    """``make(place, stack)`` runs in place of each stack's own ``forward``."""
    found = stacks(network)
    try:
        for place, stack in found.items():
            vars(stack)["forward"] = make(place, stack)  # before the method of the class
        yield
    finally:
        for stack in found.values():
            vars(stack).pop("forward", None)
