"""What a remedy does against an ailment, in a word, from figures with it and without."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from scipy.stats import fisher_exact

from measured.results.finding import Table
from measured.results.intervals import Outcome, difference, mean

Effect = Literal["cures", "helps", "no help", "harms", "not needed"]
#: By ailment, remedy, and kind of network.
Effects = Mapping[tuple[str, str, str], Effect]
#: Ailment -> remedies that are said to cure it; the rest is measured and not judged.
Claimed = Mapping[str, Iterable[str]]
#: Powers of ten: a gradient of which less arrives has vanished, of which more has exploded.
LEAST, MOST = -2.0, 2.0
#: A test's level, two-sided.
LEVEL = 0.05


def effect_on_share(bare: Sequence[float], treated: Sequence[float]) -> Effect:
    """From decimal logarithms of what is left of the gradient."""
    base, now, gain = mean(bare), mean(treated), difference(treated, bare)
    if base.high >= LEAST:
        return "harms" if now.high < LEAST or now.low > MOST else "not needed"
    if now.low > LEAST and now.high < MOST:
        return "cures"
    if now.mean > MOST:
        return "harms"
    return "helps" if gain.low > 0 else "harms" if gain.high < 0 else "no help"


def effect_on_loss(bare: Sequence[float], treated: Sequence[float], one: Sequence[float]) -> Effect:
    """From training losses; ``one``: of a single layer without a remedy."""
    gain = difference(bare, treated)
    if difference(bare, one).low <= 0:
        return "harms" if gain.high < 0 else "not needed"
    if gain.low > 0:
        return "cures" if np.mean(treated) <= np.mean(one) else "helps"
    return "harms" if gain.high < 0 else "no help"


def effect_on_failures(bare: int, treated: int, runs: int) -> Effect:
    """From the numbers of failed runs among ``runs`` on each side."""
    table = [[bare, runs - bare], [treated, runs - treated]]
    better, worse = (float(fisher_exact(table, side)[1]) for side in ("greater", "less"))  # type: ignore[arg-type]
    if 2 * bare < runs:
        return "harms" if worse < LEVEL / 2 else "not needed"
    if 10 * treated <= runs:
        return "cures"
    return "helps" if better < LEVEL / 2 else "harms" if worse < LEVEL / 2 else "no help"


def outcomes(effects: Effects, claimed: Claimed) -> dict[tuple[str, ...], Outcome]:
    """For each remedy on each kind of network that is ill, of what it is said to cure."""
    judged: dict[Effect, Outcome] = {"cures": "holds", "helps": "open"}
    return {
        key: judged.get(effect, "fails")
        for key, effect in said(effects, claimed).items()
        if effect != "not needed"
    }


def said(effects: Effects, claimed: Claimed) -> Effects:
    """Those of which the claim speaks."""
    return {key: effect for key, effect in effects.items() if key[1] in claimed.get(key[0], ())}


def told(effects: Effects) -> str:
    """What cures what, in a sentence for each ailment."""
    sentences = []
    for kind in dict.fromkeys(kind for kind, _, _ in effects):
        parts = []
        for effect in ("cures", "helps", "no help", "harms"):
            names = [f"{r} ({c})" for (k, r, c), e in effects.items() if (k, e) == (kind, effect)]
            if names:
                parts.append(f"{effect}: {', '.join(names)}")
        sentences.append(f"{kind.capitalize()}: {'; '.join(parts) or 'no network is affected'}.")
    return " ".join(sentences)


def effects_table(effects: Effects) -> Table:
    """A row a remedy, a column an ailment; cells in the order in which they stand elsewhere."""
    kinds = list(dict.fromkeys(kind for kind, _, _ in effects))
    rows = []
    for remedy in dict.fromkeys(remedy for _, remedy, _ in effects):
        row = [remedy]
        for kind in kinds:
            found = [f"{c}: {e}" for (k, r, c), e in effects.items() if (k, r) == (kind, remedy)]
            row.append("<br>".join(found))
        rows.append(tuple(row))
    return Table(("remedy", *kinds), tuple(rows), "What each remedy does:")
