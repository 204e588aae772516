"""All the ways to choose a depth, by name: a new one is a new file here and a line below."""

from __future__ import annotations

from collections.abc import Mapping

from lamina.depth.strategies.base import Strategy
from lamina.depth.strategies.bayes import Bayes
from lamina.depth.strategies.exits import Exits
from lamina.depth.strategies.grid import Grid
from lamina.depth.strategies.grow import Grow
from lamina.depth.strategies.halving import Halving
from lamina.depth.strategies.pareto import Pareto
from lamina.depth.strategies.race import Race
from lamina.depth.strategies.random import Random
from lamina.depth.strategies.relax import Relax
from lamina.depth.strategies.rules import Rules

STRATEGIES: Mapping[str, type[Strategy]] = {
    strategy.name: strategy
    for strategy in (
        Grid,
        Race,
        Exits,
        Grow,
        Relax,
        Random,
        Bayes,
        Pareto,
        Halving,
        Rules,
    )
}

__all__ = ["STRATEGIES", "Strategy"]
