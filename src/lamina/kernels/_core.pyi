"""The C++ core (``csrc/``). Absent where no compiler was at hand: the import then fails."""

def isa() -> str:
    """The instruction set in use: ``"portable"``, ``"avx2"`` or ``"avx512"``."""

def lanes() -> int:
    """How many floats one of its vectors holds."""

def threads() -> int:
    """How many threads a call uses."""

def set_threads(n: int) -> None:
    """Let calls use ``n`` threads, ``n >= 1``."""
