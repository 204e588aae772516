"""Rules of thumb: what they suggest, and that each says where it comes from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from depth_toy import Toy
from lamina.depth.ask.advice import HEARSAY, RULES, Facts, facts_of, suggest, to_compare
from lamina.depth.plan.strategies.rules import Rules
from strategy_world import PLAIN, World, play


@pytest.mark.parametrize(
    ("facts", "depths"),
    [
        (Facts("classify", 50_000, 100), (1, 2)),
        (Facts("language-model", 50_000, 64), (1, 2)),
        (Facts("translate", 100_000, 30, skips=True), (3, 4, 5)),
        (Facts("transcribe", 100_000, 800), (3, 4, 5)),
        (Facts("translate", 2_000_000, 30, skips=True), (4, 5)),
        (Facts("transcribe", 2_000_000, 1_500), (4, 5)),
        (Facts("transcribe", 2_000_000, 1_500, skips=True), (4, 5, 6)),
        (Facts("classify", 2_000_000, 100), (4, 5)),
        (Facts("transcribe", 5_000, 800), (3,)),
        (Facts("classify", 5_000, 100), (1, 2)),
    ],
)
def test_the_rules_are_read_from_above(facts: Facts, depths: tuple[int, ...]) -> None:
    assert suggest(facts).depths == depths


def test_the_next_shallower_depth_is_compared_too() -> None:
    assert to_compare(Facts("transcribe", 100_000, 800)) == (2, 3, 4, 5)
    assert to_compare(Facts("classify", 50_000, 100)) == (1, 2)


def test_every_rule_says_where_it_comes_from() -> None:
    for rule in RULES:
        assert rule.says.endswith(".")
        assert HEARSAY in rule.source or "arXiv" in rule.source or "ICASSP" in rule.source
        assert rule.span is None or 1 <= rule.span[0] <= rule.span[1] <= 8


def test_facts_are_counted() -> None:
    assert facts_of(Toy(size=45), None, {}) == Facts("toy", 45, 3)


@pytest.mark.parametrize(
    ("depths", "budget", "chosen"),
    [
        ((1, 2, 3, 4), None, 3),
        ((1, 2), None, 2),
        ((6, 8), None, 6),
        ((1, 2, 3, 4), 20.0, 2),
        ((1, 2, 3, 4), 1.0, 1),
    ],
)
def test_the_shallowest_that_is_suggested_is_trained_once(
    depths: tuple[int, ...], budget: float | None, chosen: int
) -> None:
    problem = replace(
        PLAIN,
        depths=depths,
        facts=Facts("transcribe", 50_000, 500),
        budget_seconds=budget,
    )
    strategy = Rules(problem)
    (trial,) = play(strategy, World(problem))
    assert (trial.depth, trial.job.epochs) == (chosen, None)
    told = " ".join(strategy.saw())
    assert "not evidence" in told
    assert "50,000 training sequences of about 500 steps" in told
    assert "Graves, Mohamed and Hinton 2013" in told
    assert "Under ten thousand" not in told
