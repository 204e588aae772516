"""Command-line options made from the fields of option structs (:mod:`lamina.options`), and a check
of those that name a table's columns.

A field's name is the option's, its description the help, its type and bounds the check. An option
that is not given stays out of the values, and the struct's own default holds.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

import msgspec
import typer

from lamina.cli.typed import flag
from lamina.data import SEQUENCES, TABLES
from lamina.data.read.table import listed
from lamina.options import (
    alternatives,
    choices,
    description,
    extra,
    hints_of,
    refuse,
    unbounded,
)
from lamina.spec import LaminaError
from lamina.tasks.base import is_corpus
from lamina.tasks.many_to_one.data import ExampleData

#: Of whole numbers that are given as options; sizes beyond it overflow.
LARGEST = 2**32 - 1


def add_fields(
    command: Callable[..., Any],
    structs: Mapping[str, type[msgspec.Struct]],
    skip: Sequence[str],
    defaults: Mapping[str, str] | None = None,
) -> Callable[..., Any]:
    """``command`` with an option for every field of ``structs`` (heading in the help -> struct).

    ``command`` takes parameters of its own and ``**given``, which holds the options that were
    given, as values of the fields' types. A boolean field becomes a flag that changes its default;
    a field without a default becomes an argument, of several words if the field takes a tuple.

    Args:
        command: the function.
        structs: the structs whose fields become options, by heading.
        skip: fields that get no option, or ``heading.name`` for those of one struct alone.
        defaults: the default shown in the help, for fields that ``command`` fills in itself.

    Raises:
        TypeError: two structs have a field of the same name, and neither is skipped.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())
    own = [p for p in own if p.kind is not inspect.Parameter.VAR_KEYWORD]
    parameters: list[inspect.Parameter] = []
    fields: dict[str, tuple[Any, Any]] = {}
    for panel, struct in structs.items():
        hints = hints_of(struct)
        for field in msgspec.structs.fields(struct):
            if {field.name, f"{panel}.{field.name}"} & set(skip):
                continue
            if field.name in fields:
                raise TypeError(f"{panel}: {field.name!r} is a field of two structs; skip one")
            hint = hints[field.name]
            fields[field.name] = hint, field.default
            told = (defaults or {}).get(field.name) or extra(hint, "default")
            parameters.append(_parameter(field, hint, panel, told))

    def run(**arguments: Any) -> Any:
        mine = {p.name: arguments.pop(p.name) for p in own if p.name in arguments}
        given = {}
        for name, text in arguments.items():
            hint, default = fields[name]
            if (reader := extra(hint, "parse")) is not None:
                if text not in (None, []):  # an option that may be repeated is then an empty list
                    given[name] = reader(text)
            elif isinstance(text, list):  # words of an argument that takes several
                given[name] = text[0] if len(text) == 1 else tuple(text)
            elif text is not None and text is not False:
                given[name] = (not default) if _switches(hint) else parse(name, text, hint)
        return command(**mine, **given)

    run.__doc__ = command.__doc__
    run.__name__ = command.__name__
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    run.__signature__ = inspect.Signature([*own, *parameters])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (*own, *parameters)}
    return run


def check_columns(data: type, given: Mapping[str, Any]) -> None:
    """Refuse a classifier's table without, or with both of, the text's column and the id's.

    Raises:
        LaminaError: with the options to give and the columns that there are.
    """
    if not issubclass(data, ExampleData) or ("text" in given) != ("id" in given):
        return
    source = given["source"]
    if SEQUENCES.holds(source) or is_corpus(source, data.corpora):
        return
    raise LaminaError(
        "need --text COLUMN (texts) or --id COLUMN (numeric sequences); the columns are "
        f"{listed(TABLES.find(source, beside=(SEQUENCES,))(source).columns)}",
        place=source,
    )


def _parameter(
    field: msgspec.structs.FieldInfo, hint: Any, panel: str, told: str | None = None
) -> inspect.Parameter:
    help = description(hint).replace("None", "none")  # as it is typed
    if field.default is msgspec.NODEFAULT:
        several = any(_is_tuple(kind) for kind in alternatives(hint))
        argument = typer.Argument(metavar=field.name.upper(), help=help, show_default=False)
        annotation = Annotated[list[str] if several else str, argument]
        return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
    on_or_off = _switches(hint)
    if on_or_off and field.default:
        help = extra(hint, "off")
    elif not on_or_off and (told or field.default not in (None, ())):
        help += f"  [default: {told or _show(field.default)}]"
    info = typer.Option(
        flag(field.name, field.default),
        help=help,
        metavar=None if on_or_off else metavar(hint, field.default),
        show_default=False,
        rich_help_panel=panel,
    )
    kind = bool if on_or_off else list[str] | None if extra(hint, "several") else str | None
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if on_or_off else None,
        annotation=Annotated[kind, info],
    )


def parse(name: str, text: str, hint: Any) -> Any:
    """The value of an option from its text: ``none``, numbers, names, lists with commas.

    Raises:
        LaminaError: the text is no value of that type.
    """
    accepted = alternatives(hint)
    value: Any = text
    if type(None) in accepted and text.lower() == "none":
        return None
    if any(map(_is_tuple, accepted)) and (
        "," in text or all(_is_tuple(kind) for kind in accepted if kind is not type(None))
    ):
        value = [part.strip() for part in text.split(",")]
    try:
        found = msgspec.convert(value, unbounded(hint), strict=False)
    except msgspec.ValidationError:
        raise LaminaError(f"{flag(name)} is {text!r}; need {metavar(hint)}") from None
    for number in found if isinstance(found, tuple) else (found,):
        if isinstance(number, float) and not math.isfinite(number):
            raise LaminaError(f"{flag(name)} is {text}; need a finite number")
        if isinstance(number, int) and abs(number) > LARGEST:
            raise LaminaError(f"{flag(name)} is {text}; need an INT of at most {LARGEST:,}")
    refuse(flag(name), found, hint)
    return found


def metavar(hint: Any, default: Any = ...) -> str:
    """``INT``, ``tanh|relu[,...]``; ``none`` is listed unless it is the default."""
    if named := extra(hint, "metavar"):
        return named
    words = {int: "INT", float: "FLOAT", str: "TEXT", type(None): "none"}
    names: list[str] = []
    for kind in alternatives(hint):
        bare = _bare(kind)
        if named := choices(kind):
            names += named
        elif _is_tuple(kind):
            first, *rest = (metavar(part) for part in get_args(bare) if part is not ...)
            if rest:
                names.append(",".join((first, *rest)))
            elif first == "|".join(names):
                names[:] = [f"{first}[,...]"]
            else:
                names.append(f"{first}[,...]")
        elif not (kind is type(None) and default is None):
            names.append(words.get(bare, str(bare)))
    return "|".join(names)


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _switches(hint: Any) -> bool:
    return _bare(hint) is bool


def _is_tuple(kind: Any) -> bool:
    return get_origin(_bare(kind)) is tuple


def _show(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
