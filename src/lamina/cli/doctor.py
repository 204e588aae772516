"""``lamina doctor``: what this machine runs, and why."""

from __future__ import annotations

import importlib.util
import platform

import torch
import typer

from lamina import __version__
from lamina.cells import CELLS
from lamina.nn import Stack
from lamina.spec import LaminaError
from lamina.spec.counted import counted
from lamina.store.cache import VARIABLE, cache_folder


def core() -> str:
    """What the C++ core runs with, or why there is none."""
    try:
        from lamina.kernels import _core
    except ImportError as error:
        if importlib.util.find_spec("lamina.kernels._core") is None:
            return "none: not built; there was no C++20 compiler when lamina was installed"
        return f"none: {error}"
    return f"{_core.isa()}, {_core.lanes()} floats at a time, {counted(_core.threads(), 'thread')}"


def doctor() -> None:
    """Show what this machine runs, and with which kernels."""
    rows = [
        ("lamina", __version__),
        ("python", platform.python_version()),
        ("torch", torch.__version__),
        ("cpu", f"{platform.machine()}, {counted(torch.get_num_threads(), 'thread')}"),
        ("core", core()),
        ("cuda", torch.cuda.get_device_name() if torch.cuda.is_available() else "none"),
        ("cache", f"{cache_folder()} ({VARIABLE} moves it)"),
    ]
    for name, value in rows:
        typer.echo(f"{name:<8} {value}")
    typer.echo("")
    typer.echo(f"{'cell':<6} {'options':<20} {'kernel':<10} why")
    for cell in CELLS:
        for name, options in {
            "plain": {},
            "norm=batch": {"norm": "batch"},
            "norm=layer": {"norm": "layer"},
            "recurrent_dropout": {"recurrent_dropout": 0.1},
        }.items():
            try:
                choice = Stack(1, cell=cell, depth=1, width=1, **options).explain()[0]
                runs, why = choice.backend, choice.why
            except LaminaError as error:
                runs, why = "none", str(error)
            typer.echo(f"{cell:<6} {name:<20} {runs:<10} {why}")
