"""The C++ core (``csrc/``). Absent where no compiler was at hand: the import then fails."""

from collections.abc import Sequence
from typing import Any

def isa() -> str:
    """The instruction set in use: ``"portable"``, ``"avx2"`` or ``"avx512"``."""

def lanes() -> int:
    """How many floats one of its vectors holds."""

def threads() -> int:
    """How many threads a call uses."""

def set_threads(n: int) -> None:
    """Let calls use ``n`` threads, ``n >= 1``."""

def room(shape: Sequence[int]) -> Any:
    """A float32 array of any numbers, in memory that is kept when it is freed, as a DLPack capsule.
    ``ValueError``: a negative size."""

def idle_bytes() -> int:
    """How much such memory waits for its next use; at most a sixteenth of the machine's."""

def saved_size(
    cell: str,
    steps: int,
    batch: int,
    hidden: int,
    table: int | None,
    layer_norm: bool,
    memory_norm: bool,
) -> int:
    """:attr:`Recurrence.saved_size` of such a call."""

class Recurrence:
    """A layer over time (``csrc/scan``): its arguments, checked. float32 and int64 arrays
    on the CPU, contiguous; anything else raises ``TypeError``, a wrong shape or value
    ``ValueError``."""

    def __init__(
        self,
        cell: str,
        reverse: bool,
        threads: int,
        x: Any,
        tokens: Any,
        lengths: Any,
        h0: Any,
        c0: Any,
        w_ih: Any,
        w_hh: Any,
        b_ih: Any,
        b_hh: Any,
        gain_ih: Any,
        gain_hh: Any,
        gain_c: Any,
        shift_c: Any,
        mask: Any,
    ) -> None: ...
    @property
    def saved_size(self) -> int:
        """How many floats the backward pass wants kept, at most."""

    def forward(self, outputs: Any, h_n: Any, c_n: Any, saved: Any) -> None:
        """Fill the arrays; ``saved`` is ``None`` where there is no backward pass."""

    def backward(
        self,
        outputs: Any,
        saved: Any,
        d_outputs: Any,
        d_h_n: Any,
        d_c_n: Any,
        d_x: Any,
        d_h0: Any,
        d_c0: Any,
        d_w_ih: Any,
        d_w_hh: Any,
        d_b_ih: Any,
        d_b_hh: Any,
        d_gain_ih: Any,
        d_gain_hh: Any,
        d_gain_c: Any,
        d_shift_c: Any,
    ) -> None:
        """Fill the gradients that are not ``None`` from those of the results."""

class Stepper:
    """A stack run one step a call (``csrc/step``). ``layers`` are dictionaries; arrays are of
    numpy, float32, contiguous. Anything that does not fit raises ``ValueError``."""

    def __init__(
        self,
        layers: list[dict[str, Any]],
        inputs: int,
        batch: int,
        int8: bool,
        table: Any,
        threads: int,
    ) -> None: ...
    @property
    def threads(self) -> int:
        """How many a step uses at most."""

    @property
    def weight_bytes(self) -> int:
        """How many bytes of weights a step reads."""

    def step(self, x: Any, out: Any, /) -> None:
        """From ``x`` ``(B, I)``, or int64 tokens ``(B,)``, fill ``out`` ``(B, H)``."""

    def reset(self) -> None:
        """Set the state to zero."""

    def get_state(self, layer: int, part: int, out: Any, /) -> None:
        """Fill ``out`` ``(B, H)`` with ``h`` (part 0) or ``c`` (part 1)."""

    def set_state(self, layer: int, part: int, values: Any, /) -> None:
        """The inverse of :meth:`get_state`."""
