"""What a recurrent network carries from one step to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

#: One layer's state, the parts that its cell names (``(h,)``, ``(h, c)``), each ``(D, B, H)``.
LayerState: TypeAlias = "tuple[Tensor, ...]"
#: A stack's state, bottom layer first.
State: TypeAlias = "tuple[LayerState, ...]"


def _part(index: int) -> str:
    """The name of a part in a file: ``h``, ``c``, then a number."""
    return "hc"[index] if index < 2 else str(index)


def state_tensors(state: State | None) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a state with a name (``"0.h"``, ``"0.c"``, ``"1.h"``, ...)."""
    for layer, parts in enumerate(state or ()):
        for index, tensor in enumerate(parts):
            yield f"{layer}.{_part(index)}", tensor


def state_from(tensors: Mapping[str, Tensor]) -> State | None:
    """The state whose :func:`state_tensors` these are, in any order; ``None`` where there are
    none."""
    layers: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        layer, _, part = name.partition(".")
        layers.setdefault(int(layer), {})[part] = tensor
    found = [layers[layer] for layer in sorted(layers)]
    return (
        tuple(tuple(parts[_part(index)] for index in range(len(parts))) for parts in found) or None
    )


def detach(state: State) -> State:
    """The same values, cut from the graph that made them (truncated back-propagation)."""
    return tuple(tuple(part.detach() for part in layer) for layer in state)
