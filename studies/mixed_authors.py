"""The cost of training on mixed texts: perplexity on Wells and on Shakespeare, for each mixture.

Character models of one shape, trained on *The Time Machine* alone, on Shakespeare alone, and on
both in equal shares. All have the characters of both in their vocabulary and see equally many
tokens. Scores are on the test sets, with the weights that were best on the validation set of the
mixture itself.

    python studies/mixed_authors.py            # the table in docs/results.md, about 25 minutes
    python studies/mixed_authors.py --quick    # the same code in seconds; no figures to quote
"""

from __future__ import annotations

import argparse

import torch

from lamina.tasks import LanguageModel
from lamina.train import Settings, evaluate, fit

#: Shares of the two authors in each mixture.
DIETS = {"first alone": (1.0, 0.0), "second alone": (0.0, 1.0), "mixed 1:1": (1.0, 1.0)}


def scores(sources: list[str], weights: tuple[float, float], *, quick: bool) -> dict[str, float]:
    """Test perplexity on each author of a model trained on this mixture."""
    task = LanguageModel(
        sources, weights=weights, steps=64, batch_size=32, max_tokens=3000 if quick else None
    )
    torch.manual_seed(0)
    model = task.model(
        cell="lstm",
        depth=2,
        width=8 if quick else 192,
        embedding=8 if quick else 64,
        dropout=0.0 if quick else 0.25,
    )
    # Diets differ in size; each is read until as many tokens have been seen.
    budget = 10_000 if quick else 6_000_000
    seen = 64 * 32 * len(task.batches("train"))
    epochs = max(1, round(budget / seen))
    settings = Settings(
        epochs=epochs,
        evaluate_every=max(1, epochs // 12),
        lr=3e-3,
        schedule="cosine",
        threads=1 if quick else None,
    )
    fit(model, task, settings)
    found = evaluate(model, task, "test")
    return {name: found[f"perplexity[{name}]"] for name in task.names}


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--source", default="timemachine", help="the first author's text")
    parser.add_argument("--other", default="tinyshakespeare", help="the second author's text")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    sources = [given.source, given.other]
    found = {diet: scores(sources, weights, quick=given.quick) for diet, weights in DIETS.items()}
    print(f"\n| test perplexity on | {' | '.join(DIETS)} |\n|---|{'---|' * len(DIETS)}")
    for name in next(iter(found.values())):
        print(f"| {name} | " + " | ".join(f"{found[diet][name]:.3f}" for diet in DIETS) + " |")


if __name__ == "__main__":
    main()
