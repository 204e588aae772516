"""``lamina depth``: how deep should a network be?"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lamina.cli.description import announced
from lamina.cli.fields import add_fields, check_columns
from lamina.cli.help import EXAMPLE, Command, Group
from lamina.cli.show import network_name, next_command, note, picked, run_name
from lamina.depth import Question, Verdict, search
from lamina.depth.ask.setup import EPOCHS, STEPS, settings_for
from lamina.depth.tell.progress import choose_progress
from lamina.depth.tell.report import write_report
from lamina.depth.tell.table import show
from lamina.options import struct_from
from lamina.tasks import TASKS, load, task_class
from lamina.train import Settings

app = typer.Typer(
    cls=Group,
    epilog="Trains several depths with several seeds until the evidence says which is enough. Run "
    "again with the same --out, a search resumes where it stopped.\n\n"
    f"\b\nFor instance:\n  {EXAMPLE}",
    rich_markup_mode=None,
)


def _command(name: str) -> Any:
    kind = task_class(name)

    def command(
        out: Annotated[
            Path | None,
            typer.Option(
                help="The search's folder.  [default: runs/<name of the data>-depth]",
                metavar="FOLDER",
                rich_help_panel="Search",
            ),
        ] = None,
        **given: Any,
    ) -> None:
        asked = picked(given, Question.__struct_fields__)
        shape = picked(given, kind.Options.__struct_fields__)
        training = picked(given, Settings.__struct_fields__)
        struct_from(Settings, training, what="setting").choose_device()
        # Refused before the data is read: what no depth, or not the smallest, can have.
        depths = asked.get("depths", "auto")
        one = {**shape, "depth": 1 if depths == "auto" else min(depths)}
        one.pop("width", None)
        struct_from(kind.Options, one, what="model option")
        question = Question(**asked)
        check_columns(kind.Data, given)
        task = kind(**picked(given, kind.Data.__struct_fields__))
        run(
            task,
            question,
            out or Path("runs", run_name(task.data.source) + "-depth"),
            settings=settings_for(task, **training),
            **{name: value for name, value in shape.items() if name not in asked},
        )

    command.__doc__ = f"How deep should {network_name(kind)} for SOURCE be?"
    structs = {"Search": Question, "Data": kind.Data, "Network": kind.Options, "Training": Settings}
    steps = f"as many as make about {STEPS:,} steps, {EPOCHS[0]} to {EPOCHS[1]}"
    return add_fields(
        command,
        structs,
        # A task says itself what cells and widths it has.
        skip=("depth", "seed", "Search.cell", "Search.width"),
        defaults={"epochs": steps, "schedule": "cosine"},
    )


def run(
    task: Any, question: Question, out: Path, *, next: str | None = None, **arguments: Any
) -> Verdict:
    """Search, write the report, and print the verdict, with what to do next (``None``: use the
    model)."""
    try:
        progress = announced(task, choose_progress())
        verdict = search(task, question, out=out, progress=progress, **arguments)
    except KeyboardInterrupt:
        note(f"lamina: interrupted; {out} keeps what is done, and the same command resumes it")
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
