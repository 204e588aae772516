"""The contract of a cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, get_args

from lamina.cells.weights import Weights
from lamina.spec import LaminaError

if TYPE_CHECKING:
    from torch import Tensor

Activation: TypeAlias = Literal["tanh", "relu"]
#: The form of ``U``: a matrix, one number a unit and gate, or nothing.
Recurrence: TypeAlias = Literal["dense", "diagonal", "none"]


class Cell:
    """One step of a recurrence, and what the rest of lamina needs to know about it.

    Subclass it, set the attributes and write :meth:`step`. A cell holds no weights and no state.

    Attributes:
        name: as options and run folders spell it.
        gates: one name a block of ``H`` rows of ``W``, in order.
        parts: names of the state's tensors; the first is ``"h"``, which is also the output.
        recurrence: the form of ``U``: ``"dense"`` ``(G*H, H)``, ``"diagonal"`` ``(G*H,)``,
            ``u ∘ h`` in place of ``U h``, or ``"none"``.
        activations: names of the functions :meth:`step` can be given, the default first.
        candidate: the gate that, while it is zero, keeps a state of zeros at ``h = 0``, so that a
            new layer can begin without effect; ``None`` if there is none.
        forget: the gate that the option ``forget_bias`` sets; ``None`` if there is none.
        normalises_memory: with layer normalisation, ``c`` is normalised on its way to ``h``.
        projects: takes ``w_hr``, which makes the output smaller than the cell.
        diagonal_start: between which numbers the weights of a diagonal ``U`` start, uniformly.
        initial: what a state part is filled with before anything is read, where it is not zero.
        summary_parts: names of what :meth:`summary` returns, where it is not the ``parts``.
    """

    name: ClassVar[str]
    gates: ClassVar[tuple[str, ...]]
    parts: ClassVar[tuple[str, ...]] = ("h",)
    recurrence: ClassVar[Recurrence] = "dense"
    activations: ClassVar[tuple[Activation, ...]] = ("tanh",)
    candidate: ClassVar[str | None] = None
    forget: ClassVar[str | None] = None
    normalises_memory: ClassVar[bool] = False
    projects: ClassVar[bool] = False
    diagonal_start: ClassVar[tuple[float, float]] = (0.0, 1.0)
    initial: ClassVar[Mapping[str, float]] = {}
    summary_parts: ClassVar[tuple[str, ...]] = ()

    def step(
        self,
        wx: Tensor,
        state: tuple[Tensor, ...],
        weights: Weights,
        mask: Tensor | None,
        f: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, ...]:
        """One time step.

        Args:
            wx: ``(B, G*H)``: ``W x_t + b``, layer-normalised if the layer is.
            state: the ``parts``, each ``(B, H)``.
            weights: of the layer; :func:`lamina.cells.recur` makes ``U h + b`` of them.
            mask: ``(B, H)``, multiplies ``h`` where it enters ``U h``, or ``None``.
            f: the activation.

        Returns:
            the new state.
        """
        raise NotImplementedError

    def summary(self, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The state as numbers that a linear map may change: an encoder's last state, on its way to
        a decoder."""
        return state

    def resume(self, summary: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """A state with this :meth:`summary`."""
        return summary

    def rows(self, gate: str, hidden: int) -> slice:
        """The rows of ``W``, and of its bias, that make a gate."""
        at = self.gates.index(gate)
        return slice(at * hidden, (at + 1) * hidden)

    def recurrent_shape(self, hidden: int, outputs: int | None = None) -> tuple[int, ...] | None:
        """The shape of ``w_hh``; ``outputs``: ``P``, where it is not ``H``."""
        rows = len(self.gates) * hidden
        shapes = {"dense": (rows, outputs or hidden), "diagonal": (rows,), "none": None}
        return shapes[self.recurrence]

    def refuses(self, *, activation: str, recurrent_dropout: bool) -> str | None:
        """Why the cell cannot run with these options, in one line, or ``None`` if it can."""
        if activation not in self.activations:
            need = " or ".join(self.activations)
            return f"activation is {activation!r}; cell {self.name!r} needs {need}"
        if recurrent_dropout and self.recurrence == "none":
            return f"cell {self.name!r} has no U h, so recurrent dropout has nothing to drop"
        return None

    def check(self) -> None:
        """Refuse a description that does not fit together.

        Raises:
            LaminaError: something is missing, or names something that is not there.
        """
        what = f"cell {type(self).__name__}"
        for needed in ("name", "gates"):
            if not getattr(self, needed, None):
                raise LaminaError(f"{what} has no {needed}; need a class attribute {needed!r}")
        if isinstance(self.gates, str) or isinstance(self.parts, str):
            raise LaminaError(f"{what}: gates and parts need to be tuples of names")
        if not self.parts or self.parts[0] != "h":
            raise LaminaError(f"{what}: parts are {self.parts}; need 'h' first")
        for attribute, known in (("candidate", self.gates), ("forget", self.gates)):
            gate = getattr(self, attribute)
            if gate is not None and gate not in known:
                raise LaminaError(f"{what}: {attribute} is {gate!r}; need one of {known}")
        if unknown := set(self.initial) - set(self.parts):
            raise LaminaError(f"{what}: initial has {sorted(unknown)}; need some of {self.parts}")
        if unknown := set(self.activations) - set(get_args(Activation)):
            need = " and ".join(get_args(Activation))
            raise LaminaError(f"{what}: activations has {sorted(unknown)}; need some of {need}")
        if type(self).step is Cell.step:
            raise LaminaError(f"{what} has no step; need its equations, one step in torch")
        if own := sorted(vars(self)):
            raise LaminaError(
                f"{what} has the attribute {own[0]!r} of its own; need everything in the class: a "
                "run folder stores a cell's name alone"
            )
