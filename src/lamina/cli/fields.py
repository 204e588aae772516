"""Command-line options made from the fields of option structs, so that both say the same.

A field's name is the option's, its docstring line the help, its type the check. An option that is
not given stays out of the values, and the struct's own default holds.
"""

from __future__ import annotations

import inspect
import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import typer

from lamina.spec import LaminaError

#: Of whole numbers that are given as options; sizes beyond it overflow.
LARGEST = 2**32 - 1

_FIELD = re.compile(r"^ {0,8}(\w+):\s+(.*)$")
_ROLE = re.compile(r":\w+:`([^`]*)`")
_CITED = re.compile(r"\s*\([^()]*\b(?:19|20)\d\d\b[^()]*\)")


def add_fields(
    command: Callable[..., Any],
    structs: Mapping[str, type[msgspec.Struct]],
    skip: Sequence[str],
    defaults: Mapping[str, str] | None = None,
) -> Callable[..., Any]:
    """``command`` with an option for every field of ``structs`` (heading in the help -> struct).

    ``command`` takes its own parameters and ``**given``; in ``given`` it finds the options that
    were given, as values of the fields' types. A field that is on or off becomes a flag that
    changes its default; a field without a default, an argument, of one word or more where the
    field takes a tuple. ``defaults``: what the help says of fields that ``command`` gives a default
    of its own.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())
    own = [p for p in own if p.kind is not inspect.Parameter.VAR_KEYWORD]
    parameters: list[inspect.Parameter] = []
    fields: dict[str, tuple[Any, Any]] = {}
    for panel, struct in structs.items():
        helps, hints = field_help(struct), get_type_hints(struct)
        for field in msgspec.structs.fields(struct):
            if field.name in skip or field.name in fields:
                continue
            hint = hints[field.name]
            fields[field.name] = hint, field.default
            told = (defaults or {}).get(field.name)
            parameters.append(_parameter(field, hint, helps.get(field.name, ""), panel, told))

    def run(**arguments: Any) -> Any:
        mine = {p.name: arguments.pop(p.name) for p in own if p.name in arguments}
        given = {}
        for name, text in arguments.items():
            hint, default = fields[name]
            if isinstance(text, list):  # words of an argument that takes several
                given[name] = text[0] if len(text) == 1 else tuple(text)
            elif text is not None and text is not False:
                given[name] = (not default) if hint is bool else parse(name, text, hint)
        return command(**mine, **given)

    run.__doc__ = command.__doc__
    run.__name__ = command.__name__
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    run.__signature__ = inspect.Signature([*own, *parameters])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (*own, *parameters)}
    return run


def flag(name: str, hint: Any = str, default: Any = None) -> str:
    """The option of a field: ``--batch-size``; ``--no-random-offset`` for what is on already."""
    off = "no-" if hint is bool and default is True else ""
    return f"--{off}{name.replace('_', '-')}"


def _parameter(
    field: msgspec.structs.FieldInfo, hint: Any, help: str, panel: str, told: str | None = None
) -> inspect.Parameter:
    if field.default is msgspec.NODEFAULT:
        several = any(get_origin(kind) is tuple for kind in _flat(hint))
        argument = typer.Argument(metavar=field.name.upper(), help=help, show_default=False)
        annotation = Annotated[list[str] if several else str, argument]
        return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
    on_or_off = hint is bool
    if on_or_off and field.default:
        help = f"Turns this off: {help[:1].lower()}{help[1:]}"
    elif not on_or_off and field.default not in (None, ()):
        help += f"  [default: {told or _show(field.default)}]"
    info = typer.Option(
        flag(field.name, hint, field.default),
        help=help,
        metavar=None if on_or_off else _metavar(hint, field.default),
        show_default=False,
        rich_help_panel=panel,
    )
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if on_or_off else None,
        annotation=Annotated[bool if on_or_off else str | None, info],
    )


def parse(name: str, text: str, hint: Any) -> Any:
    """The value of an option from its text: ``none``, numbers, names, lists with commas.

    Raises:
        LaminaError: the text is no value of that type.
    """
    accepted = _flat(hint)
    value: Any = text
    if type(None) in accepted and text.lower() == "none":
        return None
    if any(get_origin(kind) is tuple for kind in accepted) and (
        "," in text or all(get_origin(kind) is tuple for kind in accepted if kind is not type(None))
    ):
        value = [part.strip() for part in text.split(",")]
    try:
        found = msgspec.convert(value, hint, strict=False)
    except msgspec.ValidationError:
        raise LaminaError(f"{flag(name)} is {text!r}; need {_metavar(hint)}") from None
    for number in found if isinstance(found, tuple) else (found,):
        if isinstance(number, float) and not math.isfinite(number):
            raise LaminaError(f"{flag(name)} is {text}; need a finite number")
        if isinstance(number, int) and abs(number) > LARGEST:
            raise LaminaError(f"{flag(name)} is {text}; need an INT of at most {LARGEST:,}")
    return found


def field_help(struct: type) -> dict[str, str]:
    """What the docstrings of a struct and of its bases say of each field, as a sentence."""
    found: dict[str, str] = {}
    for kind in reversed(struct.__mro__):
        name = None
        for line in inspect.cleandoc(kind.__doc__ or "").splitlines():
            if match := _FIELD.match(line):
                name = match[1]
                found[name] = match[2]
            elif name and line.startswith("     "):
                found[name] += " " + line.strip()
            else:
                name = None
    return {name: _sentence(text) for name, text in found.items()}


def _sentence(text: str) -> str:
    """A docstring's line for a terminal: no markup, no citations, ``none`` as it is typed."""
    plain = _CITED.sub("", _ROLE.sub(r"\1", text)).replace("None", "none")
    plain = plain.replace("`", "").replace('"', "").removesuffix(" or").rstrip(",.")
    # A value stays as it is typed; a word begins a sentence.
    return (plain if text[0] in '`"' else plain[0].upper() + plain[1:]) + "."


def _flat(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(kind for part in get_args(hint) for kind in _flat(part))
    return (hint,)


def _metavar(hint: Any, default: Any = ...) -> str:
    """``INT``, ``tanh|relu[,...]``; ``none`` is named where it is not the default already."""
    words = {int: "INT", float: "FLOAT", str: "TEXT", type(None): "none"}
    names: list[str] = []
    for kind in _flat(hint):
        if get_origin(kind) is Literal:
            names += [str(value) for value in get_args(kind)]
        elif get_origin(kind) is tuple:
            first, *rest = (_metavar(part) for part in get_args(kind) if part is not ...)
            if rest:
                names.append(",".join((first, *rest)))
            elif first == "|".join(names):
                names[-1] += "[,...]"
            else:
                names.append(f"{first}[,...]")
        elif not (kind is type(None) and default is None):
            names.append(words.get(kind, str(kind)))
    return "|".join(names)


def _show(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
