"""The printed table, at most 100 columns wide, and the contents of ``--json``."""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from kernel_rows.contest import Outcome, Reading, read

PACKAGES = ("lamina", "torch", "numpy", "onnxruntime", "openvino")
#: How many of each unit are in a second; a rate has its work instead.
PER_SECOND = {"ms": 1e3, "us": 1e6}
FORM = "{:<24}{:>7} {:>7} {:<13}{:>8} {:<9} {:>6} {:<9} {:>4} {}"
HEAD = FORM.format("", "torch", "best", "other", "lamina", "by", "ratio", "min-max", "goal", "")


def machine() -> dict[str, Any]:
    """What the figures depend on, as JSON values."""
    return {
        "cpu": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "torch_isa": torch.backends.cpu.get_cpu_capability(),
        "lamina_isa": core_isa(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: installed_version(name) for name in PACKAGES},
    }


def processor() -> str:
    """The name that Linux gives the CPU, or what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def core_isa() -> str | None:
    """The instruction set of lamina's C++ core; ``None`` where it is not built."""
    try:
        from lamina.kernels import _core
    except ImportError:
        return None
    return _core.isa()


def installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def header(facts: Mapping[str, Any]) -> str:
    """What the figures depend on, in a few lines."""
    versions = ", ".join(f"{name} {found or '-'}" for name, found in facts["versions"].items())
    sets = f"torch uses {facts['torch_isa']}, lamina's core {facts['lamina_isa'] or 'is not built'}"
    return (
        f"{facts['cpu']}, {facts['cores']} cores; threads: {facts['threads']}; {sets}\n{versions}\n"
        f"load at the start: {facts['load']} (above 0.5 or so, others take part in these figures)\n"
        "times are medians; ratio: of neighbouring samples, the best of the others to lamina"
    )


def lines(outcome: Outcome) -> list[str]:
    """One a goal."""
    return [line(outcome, read(outcome, goal)) for goal in outcome.row.goals]


def line(outcome: Outcome, reading: Reading) -> str:
    goal = reading.goal
    others = [name for name in goal.rivals if name != "torch"]
    there = [name for name in others if name in outcome.samples]
    if there:
        name = min(there, key=lambda name: median(outcome, name)[1])
        best = (median(outcome, name)[0], name)
    else:
        best = ("-", "not installed" if others else "")
    spread = "-".join(short(end(reading.ratios), 2) for end in (min, max)) if reading.ratios else ""
    return FORM.format(
        f"  {goal.label}",
        median(outcome, "torch")[0],
        *best,
        median(outcome, goal.mine)[0],
        outcome.kernels.get(goal.mine, ""),
        "-" if reading.ratio is None else short(reading.ratio, 2),
        spread,
        "" if goal.target is None else f"{goal.target:g}",
        {None: "", True: "met", False: "short"}[reading.met],
    ).rstrip()


def median(outcome: Outcome, name: str) -> tuple[str, float]:
    """In the row's unit, to be shown and as seconds for the same work."""
    if name not in outcome.samples:
        return "-", float("inf")
    seconds = statistics.median(outcome.samples[name])
    if outcome.row.unit == "GFLOP/s":
        rate = outcome.gflop[name] / seconds
        return short(rate), 1 / rate
    return short(seconds * PER_SECOND[outcome.row.unit]), seconds


def short(value: float, places: int = 3) -> str:
    """Three digits that count, at most so many after the point."""
    digits = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:.{min(max(digits, 0), places)}f}"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Everything that was measured: seconds a repetition, in the order of the turns."""
    readings = [read(outcome, goal) for goal in outcome.row.goals]
    return {
        "group": outcome.row.group,
        "unit": outcome.row.unit,
        "goals": [
            {
                "label": reading.goal.label,
                "side": reading.goal.mine,
                "rival": reading.rival,
                "ratio": reading.ratio,
                "ratios": reading.ratios,
                "target": reading.goal.target,
                "met": reading.met,
            }
            for reading in readings
        ],
        "seconds": outcome.samples,
        "gflop": outcome.gflop,
        "kernels": outcome.kernels,
        "largest_differences": outcome.differences,
    }
