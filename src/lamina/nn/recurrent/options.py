"""The shape of a stack, as plain values that a file can hold."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from lamina.spec import Activation, CellKind, LaminaError

#: Bounds on what a file or a slip of the hand can ask for.
MOST_LAYERS, MOST_UNITS = 1000, 1_000_000


class StackOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that makes one :class:`lamina.nn.Stack` differ from another.

    cell:              ``"rnn"``, ``"gru"`` or ``"lstm"``.
    depth:             number of layers ``L``.
    width:             hidden units ``H`` of every layer, or one number per layer.
    activation:        activation of a plain RNN: ``"tanh"``, ``"relu"``, or one name per layer.
    bidirectional:     run each layer in both directions, for ``2 H`` outputs.
    residual:          from the second layer on, add a layer's input to its output (Wu et al. 2016,
                       section 3.1), through a learned matrix if their sizes differ.
    norm:              normalisation: ``"none"``; ``"layer"``: inside the cell (Ba, Kiros and Hinton
                       2016); ``"batch"``: of the input projection, over batch and time (Laurent et
                       al. 2016).
    dropout:           share of a layer's outputs set to zero before the next layer.
    dropout_kind:      ``"plain"``: a new mask at every step (Zaremba et al. 2014); ``"locked"``:
                       one mask for all steps of a sequence (Gal and Ghahramani 2016).
    recurrent_dropout: share of ``h`` set to zero where it enters ``U h``, one mask for all steps.
    init:              initial weights: torch's ``"uniform"``, ``"xavier"`` (Glorot and Bengio
                       2010), ``"he"`` (He et al. 2015), or ``"orthogonal"`` for ``U`` (Saxe et al.
                       2014) with Xavier for ``W``.
    forget_bias:       initial bias of an LSTM's forget gate (Gers et al. 2000; Jozefowicz et al.
                       2015 advise 1); ``None`` keeps what ``init`` gives.
    """

    cell: CellKind = "lstm"
    depth: int = 2
    width: int | tuple[int, ...] = 128
    activation: Activation | tuple[Activation, ...] = "tanh"
    bidirectional: bool = False
    residual: bool = False
    norm: Literal["none", "layer", "batch"] = "none"
    dropout: float = 0.0
    dropout_kind: Literal["plain", "locked"] = "plain"
    recurrent_dropout: float = 0.0
    init: Literal["uniform", "xavier", "he", "orthogonal"] = "orthogonal"
    forget_bias: float | None = 1.0

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            value = getattr(self, name)
            if get_origin(hint) is Literal and value not in get_args(hint):
                raise LaminaError(f"{name} is {value!r}; need one of {', '.join(get_args(hint))}")
        if not 1 <= self.depth <= MOST_LAYERS:
            raise LaminaError(f"depth is {self.depth}; need 1 to {MOST_LAYERS} layers")
        check_share("dropout", self.dropout)
        check_share("recurrent_dropout", self.recurrent_dropout)
        for name in ("width", "activation"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != self.depth:
                raise LaminaError(
                    f"{name} has {len(value)} entries, depth is {self.depth}; "
                    f"need one a layer, or a single one for all"
                )
        if min(self.widths) < 1 or max(self.widths) > MOST_UNITS:
            raise LaminaError(
                f"width is {self.width}; need 1 to {MOST_UNITS:,} units in every layer"
            )
        if not set(self.activations) <= set(get_args(Activation)):
            raise LaminaError(f"activation is {self.activation!r}; need tanh or relu")
        if self.cell != "rnn" and set(self.activations) != {"tanh"}:
            raise LaminaError(f"activation is {self.activation!r}; only cell 'rnn' has a choice")

    def bare(self, **changes: Any) -> StackOptions:
        """These fields alone, without those that a task's options add, and some of them changed."""
        shape = {name: getattr(self, name) for name in StackOptions.__struct_fields__}
        return StackOptions(**{**shape, **changes})

    def part(self, layers: slice, **changes: Any) -> StackOptions:
        """The options of a stack that has only these layers, with some fields changed."""
        widths, activations = self.widths[layers], self.activations[layers]
        own = {"depth": len(widths), "width": widths, "activation": activations}
        return self.bare(**{**own, **changes})

    @property
    def widths(self) -> tuple[int, ...]:
        """``H`` of each layer."""
        return self.width if isinstance(self.width, tuple) else (self.width,) * self.depth

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each layer."""
        if isinstance(self.activation, tuple):
            return self.activation
        return (self.activation,) * self.depth

    @property
    def directions(self) -> int:
        """``D``: 1 or 2."""
        return 2 if self.bidirectional else 1


def check_embedding(size: int, name: str = "embedding") -> None:
    """Refuse an embedding that is no size."""
    if not 1 <= size <= MOST_UNITS:
        raise LaminaError(f"{name} is {size}; need 1 to {MOST_UNITS:,} numbers a token")


def check_share(name: str, share: float) -> None:
    """Refuse what is no share of a whole, or all of it."""
    if not 0 <= share < 1:
        raise LaminaError(f"{name} is {share}; need 0 <= {name} < 1")
