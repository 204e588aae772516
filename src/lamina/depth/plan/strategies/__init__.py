"""The strategies of a depth search, by name: a new one is a new file here and a line below."""

from __future__ import annotations

from lamina.depth.plan.strategies.base import Strategy
from lamina.depth.plan.strategies.bayes import Bayes
from lamina.depth.plan.strategies.exits import Exits
from lamina.depth.plan.strategies.grid import Grid
from lamina.depth.plan.strategies.grow import Grow
from lamina.depth.plan.strategies.halving import Halving
from lamina.depth.plan.strategies.pareto import Pareto
from lamina.depth.plan.strategies.race import Race
from lamina.depth.plan.strategies.random import Random
from lamina.depth.plan.strategies.relax import Relax
from lamina.depth.plan.strategies.rules import Rules

STRATEGIES: dict[str, type[Strategy]] = {
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
