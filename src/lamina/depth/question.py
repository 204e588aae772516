"""The options of a depth search, with their defaults and bounds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from msgspec import Meta

from lamina.depth.ask.candidates import parse_count, parse_depths
from lamina.depth.ask.space import Range, Values, parse_vary
from lamina.depth.phrases import parse_seconds
from lamina.depth.plan.strategies import STRATEGIES
from lamina.options import Count, Options, Positive


def _strategies() -> tuple[str, ...]:
    return tuple(STRATEGIES)


def _depths(text: str) -> tuple[int, ...] | Literal["auto"]:
    return "auto" if text.strip() == "auto" else parse_depths(text)


class Question(Options, frozen=True, kw_only=True):
    """What a depth search is asked: :func:`lamina.depth.search` takes these fields as keywords, and
    ``lamina depth`` as options, whose help the descriptions are.

    A new option is a field here, and its use in :mod:`lamina.depth.search`. If it changes what a
    training run learns, add it to ``config`` there, which identifies a search. If it changes which
    runs are made, add it to :class:`lamina.depth.judge.looks.Way`, because the verdict then counts
    as another look.

    Attributes:
        depths: numbers of layers to compare, such as ``(1, 2, 4)`` or ``range(1, 6)``; ``"auto"``:
            those that :mod:`lamina.depth.ask.advice` suggests.
        seeds: training runs of each depth; at most, if the strategy stops earlier. A seed changes
            the initial weights, the order of the data and dropout, never the split.
        cell: the cell of every network; None: that of the task's options.
        width: units of every layer; None: those of the task's options.
        parameters: the size of every network, to within one percent, in place of a width (see
            :func:`lamina.depth.equal_parameters`).
        min_gain: the gain that a deeper network must bring, in points or, for a relative metric,
            percent (:attr:`lamina.spec.Metric.gain`).
        cost_per_layer: the gain that each further layer must bring on top of that, in its unit.
        strategy: which training runs are made, a name in
            :data:`lamina.depth.plan.strategies.STRATEGIES`; None: ``"race"``, or ``"grid"`` if
            settings vary.
        vary: fields of the task's options or of :class:`lamina.train.Settings`, by name, each with
            a tuple of values or a :class:`lamina.depth.Range`. Each depth is judged at the best
            setting found for it, on fresh seeds (:mod:`lamina.depth.plan.tuned`).
        trials: settings that a strategy may sample, over all depths.
        budget: approximate limit on training time, in seconds; None: no limit.
        workers: training runs side by side, each in a process with one CPU thread, or
            ``Settings.threads``; None: one after the other in this process or, with ``ray``, as
            many as the cluster has room for.
        storage: the URL of a database. Processes and machines that run the same search there, each
            with an ``out`` of its own, share its training runs and come to the same verdict. None:
            an SQLite file in ``out``, for one machine.
        ray: the address of a Ray cluster to train on; ``"local"`` starts one on this machine.

    Raises:
        LaminaError: a value of another type or out of bounds.
    """

    depths: Annotated[
        Collection[Count] | Literal["auto"],
        Meta(
            description="Numbers of layers to compare, such as 1-5 or 1,2,4; auto: those that "
            "rules of thumb suggest.",
            extra={
                "parse": _depths,
                "metavar": "LIST|auto",
                "default": "1-5",
                "example": "(1, 2, 3)",
            },
        ),
    ] = (1, 2, 3, 4, 5)
    seeds: Annotated[
        Count,
        Meta(
            description="Training runs of each depth; a strategy may stop earlier. A seed changes "
            "the initial weights, the order of the data and dropout, never the split.",
            extra={"example": 5},
        ),
    ] = 5
    cell: Annotated[
        str | None, Meta(description="Cell of every network; None: as the options say.")
    ] = None
    width: Annotated[
        Count | None, Meta(description="Units of every layer; None: as the options say.")
    ] = None
    parameters: Annotated[
        Count | None,
        Meta(
            description="Give every network this many parameters (300k, 1.5M) instead of one "
            "width.",
            extra={"parse": parse_count, "metavar": "COUNT"},
        ),
    ] = None
    min_gain: Annotated[
        Annotated[float, Meta(gt=0, lt=100)],
        Meta(
            description="Smallest gain worth a deeper network: points of accuracy, F1, BLEU or "
            "WER; percent of perplexity or MSE.",
            extra={"example": 1},
        ),
    ] = 1.0
    cost_per_layer: Annotated[
        Annotated[float, Meta(ge=0, lt=100)],
        Meta(description="Gain that each further layer must bring on top of that."),
    ] = 0.0
    strategy: Annotated[
        str | None,
        Meta(
            description="How the search decides what to train.",
            extra={"choices": _strategies, "default": "race; with --vary, grid"},
        ),
    ] = None
    vary: Annotated[
        Mapping[str, Values | Range] | None,
        Meta(
            description="What to try beside the depth: lr=0.001,0.003 or dropout=0:0.5 or "
            "lr=1e-4:1e-2:log. May be repeated.",
            extra={
                "parse": parse_vary,
                "metavar": "NAME=VALUES",
                "several": True,
                "example": "{'lr': (0.001, 0.003)}",
            },
        ),
    ] = None
    trials: Annotated[
        Count,
        Meta(
            description="Settings to try over all depths, if the strategy samples them.",
            extra={"example": 20},
        ),
    ] = 20
    budget: Annotated[
        Positive | None,
        Meta(
            description="Approximate limit on training time, such as 30m or 2h; the verdict is "
            "drawn from what has been trained by then.",
            extra={
                "parse": parse_seconds,
                "metavar": "TIME",
                "default": "no limit",
                "example": "1800 for half an hour",
            },
        ),
    ] = None
    workers: Annotated[
        Count | None,
        Meta(
            description="Training runs side by side, each in its own process with one CPU thread "
            "(or --threads)."
        ),
    ] = None
    storage: Annotated[
        str | None,
        Meta(
            description="Database shared by several processes or machines that run the same "
            "search, each with its own --out: sqlite:///FILE or postgresql://user@host/name.",
            extra={"metavar": "URL", "default": "study.db in the search's folder"},
        ),
    ] = None
    ray: Annotated[
        str | None,
        Meta(
            description="Address of a Ray cluster to train on; local starts one on this machine.",
            extra={"metavar": "ADDRESS|local"},
        ),
    ] = None
