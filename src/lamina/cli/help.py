"""Help pages: plain text in 80 columns, options under headings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

#: The main job, as it is typed.
EXAMPLE = "lamina depth classify reviews.csv --text review --label sentiment"


class Command(TyperCommand):
    """A command whose options are grouped by the heading they name (``rich_help_panel``)."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and options, heading by heading."""
        _write(self.get_params(ctx), ctx, formatter)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words after the name: ``SOURCE``, not ``{SOURCE}``."""
        return [re.sub("[{}]", "", piece) for piece in super().collect_usage_pieces(ctx)]


class Group(TyperGroup):
    """A group of commands whose help page lists options first, then commands."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then the commands."""
        _write(self.get_params(ctx), ctx, formatter)
        self.format_commands(ctx, formatter)


def _write(parameters: Sequence[Any], ctx: Any, formatter: Any) -> None:
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
    for parameter in parameters:
        if record := parameter.get_help_record(ctx):
            heading = getattr(parameter, "rich_help_panel", None)
            fallback = "Arguments" if parameter.param_type_name == "argument" else "Options"
            name, help = record
            name = re.sub(r" <.*>$", "", name)  # SOURCE, not SOURCE <str>
            sections.setdefault(heading or fallback, []).append((name, help))
    sections["Options"] = sections.pop("Options")  # `--help` comes last
    for heading, rows in sections.items():
        if rows:
            with formatter.section(heading):
                formatter.write_dl(rows)
