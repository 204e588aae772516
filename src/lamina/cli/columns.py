"""The columns of a table that a command must be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.data import SEQUENCES, TABLES
from lamina.data.read.table import listed
from lamina.spec import LaminaError
from lamina.tasks.base import is_corpus
from lamina.tasks.many_to_one.data import ExampleData


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
