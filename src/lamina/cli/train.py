"""``lamina train``: one training, new or resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
import typer

from lamina.cli.fields import add_fields
from lamina.cli.show import note, picked, show_test
from lamina.spec import LaminaError
from lamina.store import RunFolder
from lamina.store.atomic import write_json
from lamina.store.structs import struct_from
from lamina.tasks import TASKS, reopen, task_class
from lamina.train import Result, Settings, evaluate, fit

app = typer.Typer(
    help="Train a network, or go on with a training that was stopped.",
    invoke_without_command=True,
)

Out = Annotated[
    Path | None, typer.Option(help="The run folder.  [default: runs/<name of the data>]")
]


@app.callback()
def train(
    context: typer.Context,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with the run in this folder.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Train as a config.json says.")
    ] = None,
    out: Out = None,
) -> None:
    """Train a network, or go on with a training that was stopped."""
    if context.invoked_subcommand is not None:
        return
    if resume is not None:
        run(RunFolder.open(resume).config(), resume, resume=True)
    elif config is not None:
        run(read_config(config), out or Path("runs", config.stem))
    else:
        raise LaminaError(
            f"got no task; need one of {', '.join(TASKS)}, or --resume RUN, or --config FILE. "
            "See: lamina train --help"
        )


def read_config(path: Path) -> dict[str, Any]:
    """A file of the form of a run's ``config.json``: ``task``, ``model``, ``training``."""
    try:
        config = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise LaminaError(f"cannot be read: {error.strerror}", place=str(path)) from None
    except msgspec.MsgspecError as error:
        raise LaminaError(f"is no configuration: {error}", place=str(path)) from None
    return config


def run(config: dict[str, Any], out: Path, *, resume: bool = False) -> Result:
    """Train as ``config`` says (see :func:`read_config`), then score the test part."""
    place = str(out / "config.json") if resume else None
    for part in ("task", "model", "training"):
        if not isinstance(config.get(part), dict):
            raise LaminaError(f"the configuration has no object {part!r}", place=place)
    settings = struct_from(Settings, config["training"], what="setting", place=place)
    if not resume and RunFolder.is_run(out):
        raise LaminaError(
            f"holds a run already. Go on with it: lamina train --resume {out}; or give another "
            "folder with --out.",
            place=str(out),
        )
    task = reopen(config["task"], place)
    options = struct_from(
        task.Options, config["model"].get("options") or {}, what="model option", place=place
    )
    torch.manual_seed(settings.seed)
    model = task.model(options)
    result = fit(model, task, settings, out=out, resume=resume)
    if result.stopped == "interrupted":
        raise typer.Exit(130)
    if len(task.batches("test")):
        scores = evaluate(model, task, "test")
        write_json(out / "test.json", scores)
        show_test(task.metric, scores)
    note(f"run in {out}")
    return result


def _command(name: str) -> Any:
    kind = task_class(name)

    def command(data: str, out: Out = None, **given: Any) -> None:
        fields = kind.Data.__struct_fields__
        config = {
            "task": {"name": name, "data": {"source": data} | picked(given, fields)},
            "model": {"options": picked(given, kind.Options.__struct_fields__)},
            "training": picked(given, Settings.__struct_fields__),
        }
        run(config, out or Path("runs", Path(data).name.split(".")[0]))

    command.__doc__ = f"Train a network for {name} on DATA, a file or the name of a corpus."
    structs = {"Data": kind.Data, "Network": kind.Options, "Training": Settings}
    return add_fields(command, structs, skip=("source",))


for _name in TASKS:
    app.command(_name)(_command(_name))
