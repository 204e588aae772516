"""Tables as JSON lines: one object a row."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from lamina.data.read.files import read_decoded
from lamina.data.read.table import Nested, Row, Table, shown, table_of_rows
from lamina.spec import LaminaError, LaminaWarning


def read_json_lines(path: str | Path) -> Table:
    """One object a line; the columns are the keys of the first. Blank lines are skipped.

    ``NaN``, which JSON lacks and Python writes, is as good as ``null``. Any other value that is
    not a string is given as JSON writes it (``true``, ``0``, ``1.5``), a list or an
    object as :class:`lamina.data.read.table.Nested`; a key that a row lacks is as good as ``null``.

    Raises:
        LaminaError: The file is not UTF-8 text or holds no object; and, while rows are read, a line
            is not one whole object.
    """
    objects = _objects(str(path), read_decoded(path))
    first = next(objects, None)
    if first is None:
        raise LaminaError("the table is empty. It needs one JSON object a line.", place=str(path))
    columns = list(first[1])
    if not columns:
        raise LaminaError(
            "got an object without keys; need those of the columns in the first row.",
            place=f"{path}:{first[0]}",
        )

    def rows() -> Iterator[Row]:
        yield first[0], [_field(first[1].get(column)) for column in columns]
        late: set[str] = set()
        for line, value in objects:
            for key in sorted(value.keys() - first[1].keys() - late):
                late.add(key)
                warnings.warn(
                    LaminaWarning(
                        f"{path}:{line}: {shown(key)} is not read, as the first row lacks it: "
                        "the columns of a table are the keys of its first row."
                    ),
                    stacklevel=2,
                )
            yield line, [_field(value.get(column)) for column in columns]

    return table_of_rows(str(path), columns, rows())


def _objects(path: str, text: str) -> Iterator[tuple[int, dict[str, object]]]:
    decoder = msgspec.json.Decoder()
    # Only \n ends a line: str.splitlines would also cut at U+2028, which JSON texts may hold.
    for line, source in enumerate(text.split("\n"), start=1):
        if not source.strip():
            continue
        place = f"{path}:{line}"
        try:
            value = _decoded(decoder, source)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise LaminaError(
                f"broken JSON ({error}). Each line needs one whole object.", place=place
            ) from None
        if not isinstance(value, dict):
            raise LaminaError(
                f'got a JSON {type(value).__name__}; need an object such as {{"text": ...}}.',
                place=place,
            )
        yield line, value


def _decoded(decoder: msgspec.json.Decoder[Any], source: str) -> object:
    try:
        return decoder.decode(source)
    except msgspec.DecodeError:
        if not re.search("NaN|Infinity", source):
            raise
        try:
            value = json.loads(source)
        except ValueError:
            value = None
        if value is None:
            raise
        msgspec.json.encode(value)  # refuses half a surrogate pair
        return value


def _field(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    source = msgspec.json.encode(value).decode()
    return Nested(source) if isinstance(value, list | dict) else source
