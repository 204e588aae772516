"""The shape of a stack, as plain values that a file can hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lamina.cells import Activation, Cell, CellName, cell_named, register
from lamina.options import Options, Share, refuse_unknown
from lamina.spec import LaminaError
from lamina.spec.counted import counted

#: Bounds on what a file or a slip of the hand can ask for.
MOST_LAYERS, MOST_UNITS = 1000, 1_000_000
Layers = Annotated[int, Meta(ge=1, le=MOST_LAYERS)]
Units = Annotated[int, Meta(ge=1, le=MOST_UNITS)]


class StackOptions(Options, frozen=True, kw_only=True):
    """Everything that makes one :class:`lamina.nn.Stack` differ from another."""

    cell: CellName = "lstm"
    depth: Annotated[Layers, Meta(description="Number of layers.")] = 2
    width: Annotated[
        Units | tuple[Units, ...],
        Meta(description="Hidden units of every layer, or one number per layer."),
    ] = 128
    activation: Annotated[
        Activation | tuple[Activation, ...] | None,
        Meta(
            description="Activation of a cell that has a choice, or one name per layer; None: the "
            "cell's own."
        ),
    ] = None
    bidirectional: Annotated[
        bool, Meta(description="Run each layer in both directions, which doubles its outputs.")
    ] = False
    #: Wu et al. (2016), section 3.1; through a learned matrix where sizes differ.
    residual: Annotated[
        bool, Meta(description="From the second layer on, add a layer's input to its output.")
    ] = False
    #: Ba, Kiros and Hinton (2016); Laurent et al. (2016).
    norm: Annotated[
        Literal["none", "layer", "batch"],
        Meta(
            description="Normalisation: inside the cell (layer), or of the input projection over "
            "batch and time (batch)."
        ),
    ] = "none"
    dropout: Annotated[
        Share, Meta(description="Share of a layer's outputs set to zero before the next layer.")
    ] = 0.0
    #: Zaremba et al. (2014); Gal and Ghahramani (2016).
    dropout_kind: Annotated[
        Literal["plain", "locked"],
        Meta(description="A new dropout mask at every step (plain), or one per sequence (locked)."),
    ] = "plain"
    recurrent_dropout: Annotated[
        Share,
        Meta(description="Share of h set to zero where it enters U h, one mask for all steps."),
    ] = 0.0
    #: Glorot and Bengio (2010); He et al. (2015); Saxe et al. (2014).
    init: Annotated[
        Literal["uniform", "xavier", "he", "orthogonal"],
        Meta(
            description="Initial weights: torch's uniform, xavier, he, or orthogonal for U with "
            "xavier for W."
        ),
    ] = "orthogonal"
    #: Gers et al. (2000); Jozefowicz et al. (2015) advise 1.
    forget_bias: Annotated[
        float | None,
        Meta(description="Initial bias of an LSTM's forget gate; None keeps what init gives."),
    ] = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.cell, Cell):  # one of the caller's own: files know it by its name
            msgspec.structs.force_setattr(self, "cell", register(self.cell))
        super().__post_init__()
        for name in ("width", "activation"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != self.depth:
                raise LaminaError(
                    f"{name} has {counted(len(value), 'entry')}, depth is {self.depth}; "
                    f"need one a layer, or a single one for all"
                )
        cell = cell_named(self.cell)
        for activation in self.activations:
            if reason := cell.refuses(
                activation=activation, recurrent_dropout=self.recurrent_dropout > 0
            ):
                raise LaminaError(reason)

    def check_effect(self) -> None:
        super().check_effect()
        if cell_named(self.cell).forget is None:
            self.without_effect(["forget_bias"], f"on the cell {self.cell}, without a forget gate")

    def bare(self, **changes: Any) -> StackOptions:
        """These fields alone, without those that a task's options add, and some of them changed."""
        shape = {name: getattr(self, name) for name in StackOptions.__struct_fields__}
        refuse_unknown(StackOptions, changes, "option")
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
        return (self.activation or cell_named(self.cell).activations[0],) * self.depth

    @property
    def directions(self) -> int:
        """``D``: 1 or 2."""
        return 2 if self.bidirectional else 1
