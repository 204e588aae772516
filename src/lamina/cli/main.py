"""The program ``lamina``: its commands, and what it does with errors."""

from __future__ import annotations

import sys

import typer

from lamina import __version__
from lamina.cli import demo, depth, doctor, train, use
from lamina.spec import LaminaError

#: typer carries a click of its own or uses the one installed, by version; this is the one it uses.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="lamina",
    help="Deep recurrent networks: train them, learn how deep yours should be, run them fast.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(depth.app, name="depth")
app.add_typer(train.app, name="train")
app.command()(use.evaluate)
app.command()(use.predict)
app.command()(use.generate)
app.command()(demo.demo)
app.command()(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"lamina {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True),
) -> None:
    """Options of every command."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command; one line on stderr and status 2 for what the user can mend."""
    try:
        status = app(args=arguments, standalone_mode=False)
    except LaminaError as error:
        sys.exit(_refused(str(error)))
    except UsageError as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "lamina"
        sys.exit(_refused(f"{error.format_message()} See: {where} --help"))  # type: ignore[attr-defined]
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    sys.exit(status if isinstance(status, int) else 0)


def _refused(message: str) -> int:
    print("lamina: " + " ".join(message.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
