"""All the ways to choose a depth, by name: a new one is a new file here and a line below."""

from __future__ import annotations

from collections.abc import Mapping

from lamina.depth.strategies.base import Strategy
from lamina.depth.strategies.grid import Grid
from lamina.depth.strategies.race import Race

STRATEGIES: Mapping[str, type[Strategy]] = {strategy.name: strategy for strategy in (Grid, Race)}

__all__ = ["STRATEGIES", "Strategy"]
