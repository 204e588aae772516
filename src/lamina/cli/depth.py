"""``lamina depth``: how deep should it be?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lamina.cli.fields import add_fields
from lamina.cli.show import note, picked
from lamina.depth import Verdict, parse_count, parse_depths, search
from lamina.depth.report import write_report
from lamina.depth.table import show
from lamina.store.structs import struct_from
from lamina.tasks import TASKS, task_class
from lamina.train import Settings

app = typer.Typer(
    help="Find out how many layers your data asks for: trains every depth with several seeds, and "
    "says which is enough. Started again with the same --out, a search goes on where it was.",
)


def _command(name: str) -> Any:
    kind = task_class(name)

    def command(
        data: str,
        depths: Annotated[str, typer.Option(help="Depths to compare: 1-5 or 1,2,4.")] = "1-5",
        seeds: Annotated[int, typer.Option(help="Trainings of each depth.")] = 3,
        parameters: Annotated[
            str | None,
            typer.Option(help="Give every depth this size (300k, 1.5M) instead of one width."),
        ] = None,
        min_gain: Annotated[
            float,
            typer.Option(help="What a deeper one must gain: points of accuracy, % of perplexity."),
        ] = 1.0,
        out: Annotated[
            Path | None,
            typer.Option(help="The search's folder.  [default: runs/<name of the data>-depth]"),
        ] = None,
        **given: Any,
    ) -> None:
        width = given.pop("width", None)
        asked = parse_depths(depths)
        budget = None if parameters is None else parse_count(parameters)
        settings = struct_from(Settings, picked(given, Settings.__struct_fields__), what="setting")
        task = kind(data, **picked(given, kind.Data.__struct_fields__[1:]))
        run(
            task,
            out or Path("runs", Path(data).name.split(".")[0] + "-depth"),
            depths=asked,
            seeds=seeds,
            width=width,
            parameters=budget,
            min_gain=min_gain,
            settings=settings,
            **picked(given, kind.Options.__struct_fields__),
        )

    command.__doc__ = f"How deep should a network for {name} on DATA be?"
    structs = {"Data": kind.Data, "Network": kind.Options, "Training": Settings}
    return add_fields(command, structs, skip=("source", "depth", "seed"))


def run(task: Any, out: Path, **arguments: Any) -> Verdict:
    """Search, write the report, and print the verdict."""
    verdict = search(task, out=out, **arguments)
    report = out / "report.html"
    write_report(verdict, report)
    Console(highlight=False).print(show(verdict))
    note(f"\nreport   {report}\nverdict  {out / 'verdict.json'}")
    return verdict


for _name in TASKS:
    app.command(_name)(_command(_name))
