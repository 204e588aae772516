"""Claim 1: two layers of 128 against one of 256: parameters, and perplexity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.depth import equal_parameters, equal_width
from measured.lab import Lab, main
from measured.results import charts
from measured.results.finding import Claim, Finding, Table
from measured.results.intervals import judge, mean, overall, percent_less
from measured.training import Record, Training, open_task
from measured.tuning import learning_rates

CLAIM = Claim(
    number=1,
    name="two_layers",
    title="Two layers of 128 instead of one of 256",
    says="Two layers of 128 units have about as many parameters as one layer of 256, and 10-15%"
    " lower perplexity.",
    sources=(
        "A rule of thumb, with no known source for the figure.",
        "On stacking at a given size: Pascanu, Gulcehre, Cho and Bengio (2014), *How to construct"
        " deep recurrent neural networks*.",
    ),
)
LOW, HIGH = 10.0, 15.0
#: Text -> tokens to train on, epochs.
TEXTS = {"timemachine": (None, 12), "tinyshakespeare": (300_000, 6)}
RATES = (4e-3, 1e-2, 2e-2)
MODEL = {"cell": "lstm", "embedding": "onehot", "dropout": 0.1}
#: Units; tiny where it is quick.
WIDE, NARROW = 256, 128


def measure(lab: Lab) -> tuple[Finding, str]:
    """Train every shape on every text with every seed."""
    wide, narrow = (16, 8) if lab.quick else (WIDE, NARROW)
    texts = {text: read(lab, text) for text in TEXTS}
    asked = {
        (text, name): shape
        for text, data in texts.items()
        for name, shape in shapes(data, wide, narrow).items()
    }

    def training(key: tuple[str, str], lr: float, seed: int) -> Training:
        epochs = lab.epochs(TEXTS[key[0]][1])
        settings = {"epochs": epochs, "lr": lr, "schedule": "cosine"}
        return Training("language-model", texts[key[0]], {**MODEL, **asked[key]}, settings, seed)

    rates = learning_rates(lab, asked, lab.some(RATES), training, lambda r: -r.validated)
    found = lab.train(
        {key: [training(key, rates[key], seed) for seed in lab.seeds] for key in asked}
    )

    base, stacked = f"1 x {wide}", f"2 x {narrow}"
    gains = {
        (text, name): percent_less(_tests(records), _tests(found[text, base]))
        for (text, name), records in found.items()
        if name != base
    }
    effects = {text: gains[text, stacked] for text in TEXTS}
    share = [100 * found[t, stacked][0].parameters / found[t, base][0].parameters for t in TEXTS]
    rows, points = [], []
    for (text, name), records in found.items():
        tested = mean(_tests(records))
        gain = gains[text, name].show() if name != base else ""
        size, rate = f"{records[0].parameters:,}", f"{rates[text, name]:g}"
        rows.append((text, name, size, rate, tested.show(".3f"), gain))
        point = {"y": tested.mean, "low": tested.low, "high": tested.high}
        points.append({"panel": text, "x": name, **point})
    verdict = overall([judge(x, LOW, HIGH) for x in effects.values()], "the text")
    told = "; ".join(f"{x.show()}% on {text}" for text, x in effects.items())
    finding = Finding(
        verdict=verdict,
        because=(
            f"Compared with one layer of {wide}, two layers of {narrow} lower the test perplexity"
            f" by {told} (negative: they raise it). They have {min(share):.0f} to"
            f" {max(share):.0f}% of its parameters."
        ),
        rule=(
            f"It holds for a text if two layers lower the perplexity by {LOW:g} to {HIGH:g}% and"
            " the interval excludes 0; it fails if the interval does not overlap that range."
            " Parameters are counted but not judged."
        ),
        setting=(
            "Character-level LSTMs, one-hot input, dropout 0.1, batches of 16 by 64 characters,"
            " Adam with a cosine schedule. Each network uses the learning rate of"
            f" {', '.join(f'{r:g}' for r in RATES)} that is best on the validation set with seed"
            " 0. The Time Machine (137,000 letters for training, 12 epochs) and Shakespeare"
            " (300,000 characters, 6 epochs). Test perplexity at the best validation epoch."
        ),
        tables=(
            Table(
                ("text", "layers", "parameters", "rate", "test perplexity", f"% below {base}"),
                tuple(rows),
            ),
        ),
        seeds=len(lab.seeds),
        limits="Two small character corpora; word models and larger networks may differ.",
    )
    chart = charts.lines(points, x="layers x units", y="test perplexity", joined=False, own_x=True)
    return finding, chart


def read(lab: Lab, text: str) -> dict[str, Any]:
    """The data of a text."""
    return {
        "source": lab.source("language-model", text),
        "normalize": "letters" if text == "timemachine" else "none",
        "batch_size": 16,
        "steps": 64,
        "max_tokens": TEXTS[text][0],
    }


def shapes(data: dict[str, Any], wide: int, narrow: int) -> dict[str, dict[str, Any]]:
    """One wide layer, two narrow ones, and one layer with the parameters of the two."""
    task = open_task("language-model", data)
    two = equal_width(task, (2,), narrow, **MODEL)[0]
    same = equal_parameters(task, (1,), two.parameters, **MODEL)[0]
    return {
        f"1 x {wide}": {"depth": 1, "width": wide},
        f"2 x {narrow}": {"depth": 2, "width": narrow},
        f"1 x {same.width}": {"depth": 1, "width": same.width},
    }


def _tests(records: Sequence[Record]) -> list[float]:
    return [record.tested for record in records]


if __name__ == "__main__":
    main(CLAIM, measure)
