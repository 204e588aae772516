"""Options made from the fields of structs."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.cli.fields import add_fields
from lamina.options import Count, Options


class Net(Options, frozen=True, kw_only=True):
    width: Count = 1


class Search(Options, frozen=True, kw_only=True):
    width: Count = 2


def command(**given: Any) -> dict[str, Any]:
    return given


def test_a_field_of_two_structs_is_skipped_in_one_of_them() -> None:
    structs = {"Net": Net, "Search": Search}
    with pytest.raises(TypeError, match="Search: 'width' is a field of two structs; skip one"):
        add_fields(command, structs, skip=())
    assert add_fields(command, structs, skip=("Search.width",))(width="3") == {"width": 3}
