"""``lamina train``: one training run, new or resumed."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
import typer

from lamina.cli.description import announced
from lamina.cli.fields import add_fields, check_columns
from lamina.cli.help import Command, Group
from lamina.cli.show import network_name, next_command, note, picked, run_name, shell, show_test
from lamina.options import as_stored, struct_from
from lamina.spec import LaminaError
from lamina.store import RunFolder
from lamina.store.atomic import write_json
from lamina.store.regular import read_regular
from lamina.tasks import TASKS, reopen, task_class
from lamina.train import Result, Settings, evaluate, fit
from lamina.train.progress import choose_progress

app = typer.Typer(
    cls=Group,
    invoke_without_command=True,
    rich_markup_mode=None,
)

Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="New folder for the run.  [default: runs/<name of the data>]"
    ),
]


@app.callback()
def train(
    context: typer.Context,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Resume the run in this folder.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Train from a config.json.")
    ] = None,
    out: Out = None,
) -> None:
    """Train a network, or resume a run."""
    task = context.invoked_subcommand
    if task is not None:
        given = {"--resume": resume, "--config": config, "--out": out}
        for option in (name for name, value in given.items() if value is not None):
            raise LaminaError(f"got {option} before {task}; need it after, or without {task}")
    elif resume is not None:
        if config is not None or out is not None:
            raise LaminaError("--resume takes everything from the run; leave --config, --out out")
        run(RunFolder.open(resume).config(), resume, resume=True)
    elif config is not None:
        run(read_config(config), out or Path("runs", config.stem), place=str(config))
    else:
        raise LaminaError(
            f"got no task; need one of {', '.join(TASKS)}, or --resume RUN, or --config FILE. "
            "See: lamina train --help"
        )


def read_config(path: Path) -> dict[str, Any]:
    """A file like a run's ``config.json``: ``task``, ``model``, ``training``."""
    try:
        config = msgspec.json.decode(read_regular(path), type=dict[str, Any])
    except OSError as error:
        raise LaminaError(f"cannot be read: {error.strerror}", place=str(path)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise LaminaError(f"is not a configuration: {error}", place=str(path)) from None
    return config


def run(
    config: dict[str, Any], out: Path, *, resume: bool = False, place: str | None = None
) -> Result:
    """Train from ``config`` (see :func:`read_config`), then score the test part.

    Args:
        config: the task, the model and the settings.
        out: the run folder.
        resume: go on with the run in ``out``.
        place: the file that ``config`` was read from.
    """
    place = str(out / "config.json") if resume else place
    for part in ("task", "model", "training"):
        if not isinstance(config.get(part), dict):
            raise LaminaError(f"has no object {part!r}", place=place)
    # Refuse what can be refused before the data is read.
    settings = struct_from(Settings, config["training"], what="setting", place=place)
    settings.choose_device()
    shape = config["model"].get("options")
    if not isinstance(shape, dict):
        raise LaminaError("its model has no object 'options'", place=place)
    kind = task_class(config["task"].get("name"), place)
    options = struct_from(kind.Options, shape, what="model option", place=place)
    if not resume and RunFolder.is_run(out):
        raise LaminaError(
            f"already holds a run; resume it with {shell('train', '--resume', out)}, or give "
            "another folder with --out",
            place=str(out),
        )
    if not resume and (out / "search.json").exists():
        raise LaminaError("holds a search; give another folder with --out", place=str(out))
    if resume and RunFolder(out).result() is not None:
        note(f"{out} has ended; to train longer, start a new run with more --epochs")
    task = reopen(config["task"], place)
    torch.manual_seed(settings.seed)
    with as_stored() if resume else contextlib.nullcontext():
        model = task.model(options)
    try:
        progress = announced(task, choose_progress())
        result = fit(model, task, settings, out=out, resume=resume, progress=progress)
    except KeyboardInterrupt:  # a second Ctrl-C, or one between two steps
        if not RunFolder.is_run(out):
            raise
        note(f"lamina: interrupted; resume with: {shell('train', '--resume', out)}")
        raise typer.Exit(130) from None
    if result.stopped == "interrupted":
        raise typer.Exit(130)
    note("")
    if len(task.batches("test")):
        scores = evaluate(model, task, "test")
        finite = {name: value if math.isfinite(value) else None for name, value in scores.items()}
        write_json(out / "test.json", finite)
        show_test(task, scores)
    note(f"{result.parameters:,} parameters, {result.tokens_per_second:,.0f} tokens/s in training")
    note(f"run   {out}\nnext  {next_command(model, out)}")
    return result


def _command(name: str) -> Any:
    kind = task_class(name)

    def command(out: Out = None, **given: Any) -> None:
        check_columns(kind.Data, given)
        fields = kind.Data.__struct_fields__
        config = {
            "task": {"name": name, "data": picked(given, fields)},
            "model": {"options": picked(given, kind.Options.__struct_fields__)},
            "training": picked(given, Settings.__struct_fields__),
        }
        run(config, out or Path("runs", run_name(given["source"])))

    command.__doc__ = f"Train {network_name(kind)} on SOURCE."
    structs = {"Data": kind.Data, "Network": kind.Options, "Training": Settings}
    return add_fields(command, structs, skip=())


for _name in TASKS:
    app.command(_name, cls=Command)(_command(_name))
