"""The commands of the program, and what it does with errors."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import Annotated

import typer

from lamina import __version__
from lamina.cli import use
from lamina.cli.help import EXAMPLE, Command, Group
from lamina.spec import LaminaError

#: typer carries a click of its own or uses the one installed, by version; this is the one it uses.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]

#: The status where the reader of a pipe went away: as shells count, 128 + the signal's number.
PIPE_CLOSED = 141


class Commands(Group):
    order = ("depth", "train", "evaluate", "predict", "generate", "demo", "doctor")


app = typer.Typer(
    name="lamina",
    cls=Commands,
    help="Deep recurrent networks: train them, learn how deep yours should be, run them fast.",
    epilog=f"\b\nFor instance:\n  {EXAMPLE}",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (use.evaluate, use.predict, use.generate):
    app.command(cls=Command)(_command)
try:
    from lamina.cli import demo, depth, doctor, train
except ModuleNotFoundError as _error:  # without torch, a run can still be read
    if (_error.name or "").split(".")[0] != "torch":
        raise
else:
    app.add_typer(depth.app, name="depth")
    app.add_typer(train.app, name="train")
    for _command in (demo.demo, doctor.doctor):
        app.command(cls=Command)(_command)


def _version(asked: bool) -> None:
    if asked:
        print(f"lamina {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Without a command: what there is."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def run(arguments: list[str] | None) -> int:
    """Run a command and return its exit status: one line on stderr and 2 for what the user can
    mend."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # any script can be shown, if only as \\uXXXX
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(args=arguments, prog_name="lamina", standalone_mode=False)
        sys.stdout.flush()
    except LaminaError as error:
        return refuse(str(error))
    except UsageError as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "lamina"
        message = error.format_message().rstrip()  # type: ignore[attr-defined]
        stop = "" if message.endswith((".", "?", ")")) else "."
        return refuse(f"{message}{stop} See: {where} --help")
    except typer.Abort:  # what click makes of a Ctrl-C
        raise KeyboardInterrupt from None
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            sys.stdout.close()  # else Python would flush it, and complain, at its end
        return PIPE_CLOSED
    except OSError as error:
        return refuse(f"{error.filename or 'the system'}: {error.strerror or error}")
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        return refuse(
            "the memory is not enough for this; need a smaller --width, --depth or --batch-size, "
            "or a smaller file"
        )
    return status if isinstance(status, int) else 0


def _out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed: on a CPU, torch says so in a plain RuntimeError."""
    text = str(error)
    return isinstance(error, MemoryError) or "allocate" in text or "out of memory" in text


def refuse(message: str) -> int:
    """Say on one line why not; return the status for it."""
    print("lamina: " + " ".join(message.split()), file=sys.stderr)
    return 2
