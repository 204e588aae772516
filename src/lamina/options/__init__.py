"""Option structs: one declaration gives a field's type, bounds, choices and help.

A field is ``Annotated[type, msgspec.Meta(description=...)]``. The description is its help on the
command line. Bounds (``ge``, ``gt``, ``le``, ``lt``) belong to the number itself, as msgspec wants
it: ``Annotated[Count | None, Meta(description=...)]``, where ``Count`` is
``Annotated[int, Meta(ge=1)]``.
``extra`` may hold

- ``"choices"``: the names that a string may be, or a function that returns them (a named one: in
  the scope where annotations are evaluated, a lambda does not see its module);
- ``"otherwise"``: what else a string may be, for the error;
- ``"example"``: a value in Python, for the error;
- ``"metavar"``: how the help writes the value, where neither type nor choices say it;
- ``"off"``: the help of the flag that turns a default of ``True`` off;
- ``"parse"``: a function from the text of the option to its value, where the type alone does not
  say how it is written; from a list of texts with ``"several"``, an option that may be repeated;
- ``"default"``: how the help writes the default.

msgspec checks bounds when it converts, not in ``__init__``; :class:`Options` checks them always.
"""

from __future__ import annotations

from lamina.options.hints import alternatives, choices, description, extra, hints_of, unbounded
from lamina.options.numbers import (
    Count,
    Natural,
    NonNegative,
    Positive,
    Seed,
    Share,
    Tally,
    Threads,
)
from lamina.options.structs import Options, as_stored, changed, refuse_unknown, struct_from
from lamina.options.values import refuse

__all__ = [
    "Count",
    "Natural",
    "NonNegative",
    "Options",
    "Positive",
    "Seed",
    "Share",
    "Tally",
    "Threads",
    "alternatives",
    "as_stored",
    "changed",
    "choices",
    "description",
    "extra",
    "hints_of",
    "refuse",
    "refuse_unknown",
    "struct_from",
    "unbounded",
]
