"""What is learned from, as ``train`` and ``depth`` print it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rich.cells import cell_len, set_cell_size

from lamina.cli.show import note

if TYPE_CHECKING:
    from lamina.tasks.describe import Facts

P = TypeVar("P")

#: A block is no wider, and a heading has no more lines.
WIDTH, LINES = 80, 2


def announced(task: Any, progress: P) -> P:
    """``progress``, which prints what ``task`` learns from once training or a search starts: by
    then, all that can be refused has been."""
    return cast(P, _Announced(task, progress))


class _Announced:
    def __init__(self, task: Any, progress: Any):
        self._task, self._progress = task, progress

    def start(self, plan: Any) -> None:
        width = min(WIDTH, shutil.get_terminal_size().columns or WIDTH)
        note("\n".join(block(self._task.describe(), width)) + "\n")
        self._progress.start(plan)

    def __getattr__(self, event: str) -> Any:
        return getattr(self._progress, event)


def block(facts: Mapping[str, Facts], width: int = WIDTH) -> list[str]:
    """Lines of at most ``width`` cells: headings, and what is known beside them."""
    indent = max(map(cell_len, facts), default=0) + 2
    lines = []
    for heading, fact in facts.items():
        beside = _wrapped(_items(fact), max(width - indent, 20))
        lines += [f"{set_cell_size(heading, indent)}{beside[0]}"]
        lines += [" " * indent + more for more in beside[1:]]
    return lines


def _items(fact: Facts) -> list[str]:
    """What stands there, with commas between."""
    if isinstance(fact, int):
        return [f"{fact:,}"]
    if isinstance(fact, str):
        return fact.split(", ")
    if not isinstance(fact, Mapping):
        return [_name(name) for name in fact]
    return [
        f"{_name(name)} {each:,}" if isinstance(each, int) else f"{_name(name)} ({each})"
        for name, each in fact.items()
    ]


def _name(name: str) -> str:
    """A name on one line, cut if it is long; quoted if it is hard to see."""
    name = name if len(name) <= 30 else name[:29] + "…"
    return name if name.isprintable() and name.strip() == name != "" else repr(name)


def _cut(item: str, width: int) -> str:
    return item if cell_len(item) <= width else set_cell_size(item, width - 1).rstrip() + "…"


def _wrapped(items: list[str], width: int) -> list[str]:
    """Items with commas between, in at most :data:`LINES` lines; of more, how many there are."""
    lines, room = [""], width
    for at, item in enumerate(items):
        last = at == len(items) - 1
        item = _cut(item, width - len(f" and {len(items):,} more")) + ("" if last else ",")
        begun = lines[-1] and " "
        rest = len(items) - at
        # On the last line, room is kept to say how many are left.
        spare = 0 if last or len(lines) < LINES else len(f" and {rest:,} more")
        if cell_len(lines[-1] + begun + item) + spare <= room:
            lines[-1] += begun + item
        elif len(lines) < LINES:
            lines.append(item)
        else:
            lines[-1] = lines[-1].rstrip(",") + f" and {rest:,} more"
            break
    return lines
