"""Names as they are typed: the options of the command line for the fields of option structs."""

from __future__ import annotations

import re
from typing import Any

from lamina.options import Options


def flag(name: str, default: Any = None) -> str:
    """The option of a field: ``--batch-size``; ``--no-random-offset`` if its default is true."""
    return f"--{'no-' if default is True else ''}{name.replace('_', '-')}"


def as_typed(message: str) -> str:
    """A message about fields, as Python spells them, about the options of the command line:
    ``--missing-indicator`` for ``missing_indicator``, ``--loss quantile`` for ``loss='quantile'``.
    """
    structs, fields = [Options], set[str]()
    while structs:
        struct = structs.pop()
        structs += struct.__subclasses__()
        fields.update(struct.__struct_fields__)
    fields.discard("source")  # an argument
    names = "|".join(sorted(fields, key=len, reverse=True))
    # A name is a field's where a value follows it, at the start, or if it is no English word. What
    # is quoted is the user's; lr=0.1,0.2 is what --vary takes.
    snake = "|".join(name for name in names.split("|") if "_" in name)
    given = rf"(?<!\w\()(?<![\w.-])({names})=(?:('[^']*'|\.{{3}}|[\w.]*\w)(?![\w:-]|[.,]\w)|(?!\w))"
    start = rf"^({names})(?= (?:is|are|has|says)\b)"
    word = rf"(?<![\w.(/-])({snake})(?![\w=(/]|\.\w)"
    message = re.sub(rf"{given}|{start}|{word}|'[^']*'", _as_option, message)
    return re.sub(r"\bor None\b", "or none", message)  # as it is typed


def _as_option(match: re.Match[str]) -> str:
    given, value, start, word = match.groups()
    if not (name := given or start or word):
        return match[0]  # quoted
    return flag(name) if value in (None, "True") else f"{flag(name)} {value.strip(chr(39))}"
