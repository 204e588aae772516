"""The commands of the program, and what it does with errors."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
import warnings
from typing import Annotated, Any

import typer

from lamina import __version__
from lamina.cli.help import EXAMPLE, Command, Group
from lamina.cli.main import INTERRUPTED, loading
from lamina.cli.typed import as_typed
from lamina.spec import ColumnsWarning, LaminaError, LaminaWarning
from lamina.tasks.saved import no_network

#: typer carries a click of its own or uses the one installed, by version; this is the one it uses.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]

#: The status where the reader of a pipe went away: as shells count, 128 + the signal's number.
PIPE_CLOSED = 141

#: Each command: the module that has it (as a function of that name, or as ``app``), and what it
#: does. A module is imported when its command is named: torch takes seconds to load.
COMMANDS = {
    "depth": ("depth", "Find out how many layers your data needs."),
    "train": ("train", "Train a network, or resume a run."),
    "evaluate": ("use", "Score a trained model on a file."),
    "predict": ("use", "Print a model's answer to each text or example."),
    "generate": ("use", "Continue a text with a language model."),
    "demo": ("demo", "Search for the depth of a classifier of handwritten digits."),
    "doctor": ("doctor", "Show what this machine runs, and with which kernels."),
}


class Commands(Group):
    """The commands, each loaded when it is named."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, the main job first."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; ``None`` where there is none."""
        if cmd_name not in COMMANDS:
            return None
        with loading():
            module = _module(COMMANDS[cmd_name][0])
        holder = typer.Typer(add_completion=False, rich_markup_mode=None)
        if (group := getattr(module, "app", None)) is not None:
            holder.add_typer(group, name=cmd_name, help=COMMANDS[cmd_name][1])
        else:
            holder.command(cmd_name, cls=Command)(getattr(module, cmd_name))
        return typer.main.get_group(holder).commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first of ``args`` names; typer suggests one of similar name."""
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # its suggestions
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Versions of typer differ in what they make of a Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("lamina: interrupted", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each name with what it does; imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, does) for name, (_, does) in COMMANDS.items()])


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


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"lamina.cli.{name}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise no_network() from None


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
    """Without a command, print the help."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def run(arguments: list[str] | None) -> int:
    """Run a command and return its exit status: 2, with one line on stderr, for what the user can
    fix."""
    warnings.showwarning = _show
    warnings.simplefilter("always", LaminaWarning)
    warnings.simplefilter("ignore", ColumnsWarning)  # said where the data is shown
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # any script can be shown, if only as \\uXXXX
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(args=arguments, prog_name="lamina", standalone_mode=False)
        sys.stdout.flush()
    except LaminaError as error:
        place = f"{error.place}: " if error.place else ""
        return refuse(place + as_typed(error.message))
    except UsageError as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "lamina"
        message = error.format_message().rstrip()  # type: ignore[attr-defined]
        stop = "" if message.endswith((".", "?", ")")) else "."
        return refuse(f"{message}{stop} See: {where} --help")
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
            "out of memory; need a smaller --width, --depth or --batch-size, or a smaller file"
        )
    return status if isinstance(status, int) else 0


def _show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """A warning in one line on stderr; those of other libraries name their place."""
    if issubclass(category, LaminaWarning):
        print(f"lamina: note: {as_typed(str(message))}", file=sys.stderr)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, *where[:2]))


def _out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed: on a CPU, torch says so in a plain RuntimeError."""
    text = str(error)
    return isinstance(error, MemoryError) or "allocate" in text or "out of memory" in text


def refuse(message: str) -> int:
    """Say on one line why not; return the status for it."""
    print("lamina: " + " ".join(message.split()), file=sys.stderr)
    return 2
