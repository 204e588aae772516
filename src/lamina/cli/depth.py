"""``lamina depth``: how deep should it be?"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lamina.cli.columns import check_columns
from lamina.cli.fields import add_fields
from lamina.cli.help import EXAMPLE, Command, Group
from lamina.cli.show import next_command, note, picked, run_name
from lamina.depth import Verdict, parse_count, parse_depths, search
from lamina.depth.ask.budget import parse_seconds
from lamina.depth.ask.defaults import EPOCHS, STEPS, settings_for
from lamina.depth.ask.space import parse_vary
from lamina.depth.plan.strategies import STRATEGIES
from lamina.depth.tell.report import write_report
from lamina.depth.tell.table import show
from lamina.store.structs import struct_from
from lamina.tasks import TASKS, load, task_class
from lamina.train import Settings

app = typer.Typer(
    cls=Group,
    help="Find out how many layers your data asks for.",
    epilog="Depths are trained with several seeds until the verdict says which is enough. Started "
    "again with the same --out, a search goes on where it was.\n\n"
    f"\b\nFor instance:\n  {EXAMPLE}",
    rich_markup_mode=None,
)


def _option(help: str, **more: Any) -> Any:
    return typer.Option(help=help, rich_help_panel="Search", **more)


def _command(name: str) -> Any:
    kind = task_class(name)

    def command(
        depths: Annotated[
            str,
            _option(
                "Numbers of layers to compare: 1-5 or 1,2,4; auto: as rules of thumb suggest.",
                metavar="LIST|auto",
            ),
        ] = "1-5",
        seeds: Annotated[int, _option("Trainings of each depth, at most.", metavar="INT")] = 5,
        parameters: Annotated[
            str | None,
            _option(
                "Give every depth this many parameters (300k, 1.5M) instead of one width.",
                metavar="COUNT",
            ),
        ] = None,
        min_gain: Annotated[
            float,
            _option(
                "What a deeper one must gain: points of accuracy, F1, BLEU or WER; percent of "
                "perplexity or MSE.",
                metavar="FLOAT",
            ),
        ] = 1.0,
        cost_per_layer: Annotated[
            float,
            _option("What each further layer must gain beyond that.", metavar="FLOAT"),
        ] = 0.0,
        strategy: Annotated[
            str | None,
            _option(
                "Which trainings are made to find out.  [default: race; with --vary, grid]",
                metavar="|".join(STRATEGIES),
            ),
        ] = None,
        vary: Annotated[
            list[str] | None,
            _option(
                "What to try beside the depth: lr=0.001,0.003 or dropout=0:0.5 or lr=1e-4:1e-2:log;"
                " may be given several times.",
                metavar="NAME=VALUES",
            ),
        ] = None,
        trials: Annotated[
            int,
            _option(
                "Settings to try, all depths together, where they are drawn or proposed.",
                metavar="INT",
            ),
        ] = 20,
        budget: Annotated[
            str | None,
            _option(
                "Time to train, about: 30m, 2h; where it runs out, the verdict is drawn from what"
                " there is.  [default: as long as it takes]",
                metavar="TIME",
            ),
        ] = None,
        workers: Annotated[
            int | None,
            _option(
                "Trainings side by side, each in a process with one CPU thread, or --threads.",
                metavar="INT",
            ),
        ] = None,
        storage: Annotated[
            str | None,
            _option(
                "A database that processes or machines with the same command share, each with an"
                " --out of its own: sqlite:///FILE or postgresql://user@host/name."
                "  [default: study.db in the search's folder]",
                metavar="URL",
            ),
        ] = None,
        ray: Annotated[
            str | None,
            _option(
                "The Ray cluster that runs the trainings; local starts one here.",
                metavar="ADDRESS|local",
            ),
        ] = None,
        out: Annotated[
            Path | None,
            _option(
                "The search's folder.  [default: runs/<name of the data>-depth]", metavar="FOLDER"
            ),
        ] = None,
        **given: Any,
    ) -> None:
        asked = "auto" if depths.strip() == "auto" else parse_depths(depths)
        size = None if parameters is None else parse_count(parameters)
        seconds = None if budget is None else parse_seconds(budget)
        shape = picked(given, kind.Options.__struct_fields__)
        width = shape.pop("width", None)
        training = picked(given, Settings.__struct_fields__)
        struct_from(Settings, training, what="setting").choose_device()
        # Refused before the data is read: what no depth, or not the smallest, can have.
        struct_from(
            kind.Options,
            {**shape, "depth": 1 if asked == "auto" else min(asked)},
            what="model option",
        )
        check_columns(kind.Data, given)
        task = kind(**picked(given, kind.Data.__struct_fields__))
        run(
            task,
            out or Path("runs", run_name(task.data.source) + "-depth"),
            depths=asked,
            seeds=seeds,
            width=width,
            parameters=size,
            budget=seconds,
            min_gain=min_gain,
            cost_per_layer=cost_per_layer,
            strategy=strategy,
            vary=parse_vary(vary or ()),
            trials=trials,
            workers=workers,
            storage=storage,
            ray=ray,
            settings=settings_for(task, **training),
            **shape,
        )

    command.__doc__ = f"How deep should a {name} network for SOURCE be?"
    structs = {"Data": kind.Data, "Network": kind.Options, "Training": Settings}
    steps = f"as many as make about {STEPS:,} steps, {EPOCHS[0]} to {EPOCHS[1]}"
    defaults = {"epochs": steps, "schedule": "cosine"}
    return add_fields(command, structs, skip=("depth", "seed"), defaults=defaults)


def run(task: Any, out: Path, *, next: str | None = None, **arguments: Any) -> Verdict:
    """Search, write the report, and print the verdict, with what to do next (``None``: use the
    model)."""
    try:
        verdict = search(task, out=out, **arguments)
    except KeyboardInterrupt:
        note(f"lamina: interrupted; what is done is in {out}, and the same command goes on there")
        raise typer.Exit(130) from None
    report = out / "report.html"
    write_report(verdict, report, typed())
    Console(highlight=False).print(show(verdict))
    tested, metric = verdict.tested, verdict.metric
    if tested is not None and tested.value is not None:
        of = f"depth {tested.depth}, seed {tested.seed}: the model in {out}"
        print(f"\ntest {metric.name} {metric.show(tested.value)} ({of})")
    note(f"\nreport   {report}\nverdict  {out / 'verdict.json'}")
    if tested is not None:
        note(f"next     {next or next_command(load(out), out)}")
    return verdict


def typed() -> str | None:
    """The command as it was typed; ``None`` where another program called."""
    program, *words = sys.argv
    if Path(program).name not in ("lamina", "lamina.exe", "__main__.py"):
        return None
    return shlex.join(["lamina", *words])


for _name in TASKS:
    app.command(_name, cls=Command)(_command(_name))
