"""The deep recurrent network: a stack of recurrent layers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from lamina.cells import cell_named
from lamina.kernels import Choice, check_lengths, check_rows, check_tensor, check_tokens
from lamina.kernels.stepper import Stepper, StepWeights
from lamina.nn.recurrent import dropout
from lamina.nn.recurrent.layer import Layer
from lamina.nn.recurrent.options import StackOptions, Units
from lamina.nn.recurrent.streaming import make_stepper
from lamina.options import Natural, refuse
from lamina.spec import LaminaError, State

#: What a stack returns: outputs ``(T, B, D*H)``, and the state of its layers.
Level: TypeAlias = tuple[Tensor, State]


def shapes(state: Any) -> Any:
    """The shape of each part of a state, layer by layer; of what is none, its type."""
    if isinstance(state, Tensor):
        return tuple(state.shape)
    if isinstance(state, tuple | list):
        return tuple(map(shapes, state))
    return type(state).__name__


class Stack(nn.Module):
    """``h_t(l) = f_l(W_l h_t(l-1) + U_l h_{t-1}(l) + b_l)``, with ``h_t(0) = x_t``.

    ``f_l`` is one step of the cell; :mod:`lamina.cells` has the equations.

    >>> stack = Stack(10, cell="gru", depth=3, width=32)
    >>> outputs, state = stack(torch.zeros(7, 4, 10))
    >>> outputs.shape, len(state), state[0][0].shape
    (torch.Size([7, 4, 32]), 3, torch.Size([1, 4, 32]))

    Args:
        inputs: Size ``I`` of the input at each step.
        options: A :class:`StackOptions`, or a task's options, of which only the stack's fields are
            used.
        **changes: Fields of the options, by name; these take precedence.

    Raises:
        LaminaError: The options do not fit together.
    """

    def __init__(self, inputs: int, options: StackOptions | None = None, **changes: Any):
        super().__init__()
        refuse("inputs", inputs, Units)
        if not isinstance(options, StackOptions | None):
            got = f"{type(options).__name__} {options!r}"
            raise LaminaError(f"options is {got}; need a StackOptions, or its fields by name")
        self.options = options = (options or StackOptions()).bare(**changes)
        self.inputs = inputs
        outputs = [options.directions * width for width in options.widths]
        sizes = [inputs, *outputs]
        self.layers = nn.ModuleList(Layer(sizes[i], i, options) for i in range(options.depth))
        self.skips = nn.ModuleList(
            nn.Identity() if size == out else nn.Linear(size, out, bias=False)
            for size, out in pairwise(outputs)
            if options.residual
        )

    @property
    def outputs(self) -> int:
        """Size of the output at each step: ``D * H`` of the top layer."""
        return self.options.directions * self.options.widths[-1]

    def zero_state(self, batch: int) -> State:
        """The initial state, before the first step: each part ``(D, B, H)``."""
        refuse("batch", batch, Natural)
        return self._zeros(batch)

    def _zeros(self, batch: int) -> State:
        bottom: Any = self.layers[0]
        like = bottom.directions[0].weight_ih
        d, cell = self.options.directions, cell_named(self.options.cell)
        fills = [cell.initial.get(part, 0.0) for part in cell.parts]
        return tuple(
            tuple(like.new_full((d, batch, width), fill) for fill in fills)
            for width in self.options.widths
        )

    def forward(
        self,
        x: Tensor | None,
        state: State | None = None,
        lengths: Tensor | None = None,
        *,
        tokens: Tensor | None = None,
        generator: torch.Generator | None = None,
        backend: str = "auto",
    ) -> tuple[Tensor, State]:
        """Run all layers over a batch of sequences.

        Args:
            x: ``(T, B, I)``; steps ``t >= length`` are never read. With ``tokens``, a table
                ``(V, I)`` whose row ``tokens[t, b]`` is the input of a step, or ``None`` for
                one-hot input of size ``I``.
            state: The initial state, shaped like :meth:`zero_state`; ``None`` means that state.
            lengths: ``(B,)`` whole numbers on the CPU (a tensor, an array or a list), each in
                ``1..T``; ``None`` means ``T`` for all.
            tokens: ``(T, B)`` whole numbers, each in ``0..V-1`` at steps ``t < length``.
            generator: Draws the dropout masks; ``None`` uses torch's global generator.
            backend: See :func:`lamina.kernels.scan`.

        Returns:
            The top layer's outputs ``(T, B, D*H)``, zero at padded steps, and the state after
            each sequence's last valid step (in the backward direction, after its first).

        Raises:
            LaminaError: Shapes do not fit.
        """
        levels = self.levels(x, state, lengths, tokens=tokens, generator=generator, backend=backend)
        top = next(levels)
        for level in levels:  # not list(levels): the layers below can be freed
            top = level
        return top

    def levels(
        self,
        x: Tensor | None,
        state: State | None = None,
        lengths: Tensor | None = None,
        *,
        tokens: Tensor | None = None,
        generator: torch.Generator | None = None,
        backend: str = "auto",
    ) -> Iterator[Level]:
        """The results of the stacks made of the lowest layer, the lowest two, and so on.

        Each is what :meth:`forward` of that stack would return, but every layer is run only once.
        The arguments are those of :meth:`forward`.
        """
        batch, lengths, tokens = self._batch(x, lengths, tokens)
        if not isinstance(generator, torch.Generator | None):
            raise LaminaError(f"generator is {generator!r}; need a torch.Generator or None")
        state = self._zeros(batch) if state is None else self._checked(state, batch)
        bottom, *above = self.layers
        outputs, bottom_state = bottom(x, state[0], lengths, generator, backend, tokens)
        final = (bottom_state,)
        yield outputs, final
        for index, layer in enumerate(above):
            entering = self._between(outputs, generator)
            out, layer_state = layer(entering, state[index + 1], lengths, generator, backend)
            outputs = out + self.skips[index](outputs) if self.options.residual else out
            final += (layer_state,)
            yield outputs, final

    def _batch(
        self, x: Tensor | None, lengths: Tensor | None, tokens: Tensor | None
    ) -> tuple[int, Tensor | None, Tensor | None]:
        """The batch size ``B``, and lengths and tokens as the kernels take them; raises LaminaError
        if the input is malformed."""
        if x is not None:
            check_tensor("x", x, "a tensor (T, B, I)" if tokens is None else "a table (V, I)")
        got = None if x is None else tuple(x.shape)
        if tokens is None:
            if x is None or x.dim() != 3 or x.shape[2] != self.inputs:
                raise LaminaError(f"x is {got}; need (T, B, I={self.inputs})")
            steps, batch = x.shape[:2]
        else:
            if x is not None and (x.dim() != 2 or x.shape[1] != self.inputs):
                need = f"a table (V, I={self.inputs}), or None for one-hots"
                raise LaminaError(f"x is {got}; with tokens need {need}")
            tokens = check_tokens(tokens, next(self.parameters()).device)
            steps, batch = tokens.shape
        if lengths is not None:
            lengths = check_lengths(lengths, steps, batch)
        if tokens is not None:
            check_rows(tokens, self.inputs if x is None else len(x), lengths)
        return batch, lengths, tokens

    def _between(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        p = self.options.dropout
        if not (self.training and p):
            return x
        return dropout.KINDS[self.options.dropout_kind](x, p, generator)

    def _checked(self, state: State, batch: int) -> State:
        need, got = shapes(self._zeros(batch)), shapes(state)
        if got != need:
            raise LaminaError(
                f"state is {got}; need {need}, one entry a layer with parts (D, B, H). "
                f"Use stack.zero_state({batch})."
            )
        return state

    def __prepare_scriptable__(self) -> Any:
        raise LaminaError(
            "torch.jit.script cannot compile a Stack; use torch.export or torch.compile, or "
            "torch.jit.trace for an rnn, gru or lstm"
        )

    def explain(self, backend: str = "auto") -> list[Choice]:
        """Which kernel runs each layer in the current mode (training or evaluation), and why."""
        return [layer.directions[0].choice(backend) for layer in self.layers]  # type: ignore[union-attr]

    def stepper(
        self,
        batch: int = 1,
        *,
        weights: StepWeights = "float32",
        embedding: Tensor | Literal["onehot"] | None = None,
    ) -> Stepper:
        """A copy of the stack that runs one time step per call on the CPU, in evaluation mode.

        Args:
            batch: Number of sequences run in parallel, 1 to 8.
            weights: ``"float32"``, or ``"int8"`` for a quarter of the memory at some loss of
                precision.
            embedding: A table ``(V, I)``, or ``"onehot"``. A step then takes tokens ``(B,)``: each
                selects a row of the table, or is one-hot encoded with size ``I``. The first
                layer's input products are computed here for every token, and kept: ``V * G * H``
                floats.

        Returns:
            A :class:`Stepper`, which keeps the state between calls.

        Raises:
            LaminaError: The stack is bidirectional, or the C++ core was not built.

        >>> stepper = Stack(10, cell="gru").stepper()
        >>> stepper(torch.zeros(1, 10)).shape  # numpy, (B, H)
        (1, 128)
        """
        return make_stepper(self.layers, self.skips, self.options, batch, weights, embedding)
