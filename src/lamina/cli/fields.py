"""Command-line options made from the fields of option structs, so that both say the same.

A field's name is the option's, its docstring line the help, its type the check. An option that is
not given stays out of the values, and the struct's own default holds.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import typer
from rich.markup import escape

from lamina.spec import LaminaError

_FIELD = re.compile(r"^ {0,8}(\w+):\s+(.*)$")


def add_fields(
    command: Callable[..., Any], structs: Mapping[str, type[msgspec.Struct]], skip: Sequence[str]
) -> Callable[..., Any]:
    """``command`` with an option for every field of ``structs`` (help panel -> struct).

    ``command`` takes its own parameters and ``**given``; in ``given`` it finds the options that
    were given, as values of the fields' types.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())
    own = [p for p in own if p.kind is not inspect.Parameter.VAR_KEYWORD]
    parameters, hints = [], {}
    for panel, struct in structs.items():
        helps = field_help(struct)
        for field in msgspec.structs.fields(struct):
            if field.name in skip or field.name in hints:
                continue
            hint = get_type_hints(struct)[field.name]
            hints[field.name] = hint
            parameters.append(_parameter(field, hint, helps.get(field.name, ""), panel))

    def run(**arguments: Any) -> Any:
        mine = {p.name: arguments.pop(p.name) for p in own if p.name in arguments}
        given = {
            name: value if isinstance(value, bool) else parse(name, value, hints[name])
            for name, value in arguments.items()
            if value is not None
        }
        return command(**mine, **given)

    run.__doc__ = command.__doc__
    run.__name__ = command.__name__
    run.__signature__ = inspect.Signature([*own, *parameters])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (*own, *parameters)}
    return run


def _parameter(
    field: msgspec.structs.FieldInfo, hint: Any, help: str, panel: str
) -> inspect.Parameter:
    flag = "--" + field.name.replace("_", "-")
    if hint is bool:
        flag += "/--no-" + flag[2:]
    if field.default not in (msgspec.NODEFAULT, None, ()):
        help += f" [{_show(field.default)}]"
    info = typer.Option(
        flag,
        help=escape(help),
        metavar=None if hint is bool else _metavar(hint),
        show_default=False,
        rich_help_panel=panel,
    )
    kind: Any = bool if hint is bool else str
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, info],
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
        return msgspec.convert(value, hint, strict=False)
    except msgspec.ValidationError:
        flag = name.replace("_", "-")
        raise LaminaError(f"--{flag} is {text!r}; need {_metavar(hint)}") from None


def field_help(struct: type) -> dict[str, str]:
    """What the docstrings of a struct and of its bases say of each field."""
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
    return {name: text.replace("``", "") for name, text in found.items()}


def _flat(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(kind for part in get_args(hint) for kind in _flat(part))
    return (hint,)


def _metavar(hint: Any) -> str:
    names: list[str] = []
    for kind in _flat(hint):
        if get_origin(kind) is Literal:
            names += [str(value) for value in get_args(kind)]
        elif get_origin(kind) is tuple:
            inner = [part for part in get_args(kind) if part is not ...]
            names.append(f"{_metavar(inner[0])},...")
        else:
            words = {int: "INT", float: "FLOAT", str: "TEXT", type(None): "none"}
            names.append(words.get(kind, str(kind)))
    return "|".join(dict.fromkeys(names))


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
