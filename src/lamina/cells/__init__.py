"""The recurrent cells by name: :data:`CELLS`.

A cell is one file with its equations in plain torch, and one line in ``CELLS``. Everything else
(kernels, stacks, tasks, the command line, saved runs) asks the cell. ``docs/cells.md`` shows how to
write your own.

Importing this package does not load torch: names, gates and state parts are plain data.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from lamina.cells.base import Activation, Cell, Recurrence
from lamina.cells.gru import GRU
from lamina.cells.indrnn import IndRNN
from lamina.cells.linear import LinearCell
from lamina.cells.lstm import LSTM
from lamina.cells.mgu import MGU
from lamina.cells.mingru import MinGRU
from lamina.cells.norm import project, recur
from lamina.cells.rnn import RNN
from lamina.cells.slstm import SLSTM
from lamina.cells.weights import LayerNormGains, Weights
from lamina.spec import LaminaError

__all__ = [
    "CELLS",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Cell",
    "CellName",
    "LayerNormGains",
    "LinearCell",
    "Recurrence",
    "Weights",
    "cell_named",
    "project",
    "recur",
    "register",
]

CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        RNN(),
        GRU(),
        LSTM(),
        MGU(),
        IndRNN(),
        MinGRU(),
        SLSTM(),
    )
}


_OTHERWISE = "a cell of your own, registered first with lamina.cells.register"


def _names() -> tuple[str, ...]:
    return tuple(CELLS)


#: The type of an option that names a cell.
CellName: TypeAlias = Annotated[
    str,
    msgspec.Meta(description="Recurrent cell.", extra={"choices": _names, "otherwise": _OTHERWISE}),
]


def cell_named(cell: str | Cell) -> Cell:
    """The cell of that name; a :class:`Cell` is returned as it is.

    Raises:
        LaminaError: no such cell is registered.
    """
    if isinstance(cell, Cell):
        return cell
    if cell not in CELLS:
        raise LaminaError(f"cell is {cell!r}; need one of {', '.join(CELLS)}, or {_OTHERWISE}")
    return CELLS[cell]


def register(cell: Cell) -> str:
    """Make a cell of your own known by its name, and return the name.

    Stacks, tasks, depth searches and :func:`lamina.load` then take it like the built-in ones, in
    this process.

    Raises:
        LaminaError: the cell's description does not fit together, or the name is taken by another
            cell.
    """
    if not isinstance(cell, Cell):
        raise LaminaError(f"got {cell!r}; need an instance of a Cell, such as register(MyCell())")
    cell.check()
    known = CELLS.get(cell.name)
    # A notebook that runs a cell's definition again makes a new class of the same name.
    if known is not None and _place(known) != _place(cell):
        raise LaminaError(
            f"cell {cell.name!r} is registered already, by {_place(known)}; need another name"
        )
    CELLS[cell.name] = cell
    return cell.name


def _place(cell: Cell) -> str:
    return f"{type(cell).__module__}.{type(cell).__qualname__}"
