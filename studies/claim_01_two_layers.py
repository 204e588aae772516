"""Claim 1: two layers of 128 against one of 256: parameters, and perplexity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.depth import equal_parameters, equal_width
from measured import charts
from measured.finding import Claim, Finding, Table
from measured.intervals import judge, mean, overall, percent_less
from measured.lab import Lab, main
from measured.training import Record, Training, open_task

CLAIM = Claim(
    number=1,
    name="two_layers",
    title="Two layers of 128 instead of one of 256",
    says="Two layers of 128 have about the parameters of one of 256, and 10-15% lower perplexity.",
    sources=(
        "A rule of thumb without a figure of known origin.",
        "On stacking at a given size: Pascanu, Gulcehre, Cho and Bengio (2014), *How to construct"
        " deep recurrent neural networks*.",
    ),
)
LOW, HIGH = 10.0, 15.0
#: Text -> tokens to train on, epochs.
TEXTS = {"timemachine": (None, 12), "tinyshakespeare": (300_000, 6)}
MODEL = {"cell": "lstm", "embedding": "onehot", "dropout": 0.1}
#: Units; tiny where it is quick.
WIDE, NARROW = 256, 128


def measure(lab: Lab) -> tuple[Finding, str]:
    """Train every shape on every text with every seed."""
    wide, narrow = (16, 8) if lab.quick else (WIDE, NARROW)
    groups: dict[tuple[str, str], list[Training]] = {}
    for text, (tokens, epochs) in TEXTS.items():
        data = {
            "source": lab.source("language-model", text),
            "normalize": "letters" if text == "timemachine" else "none",
            "batch_size": 16,
            "steps": 64,
            "max_tokens": tokens,
        }
        settings = {"epochs": lab.epochs(epochs), "lr": 4e-3, "schedule": "cosine"}
        for name, shape in shapes(data, wide, narrow).items():
            groups[text, name] = [
                Training("language-model", data, {**MODEL, **shape}, settings, seed)
                for seed in lab.seeds
            ]
    found = lab.train(groups)

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
        rows.append((text, name, f"{records[0].parameters:,}", tested.show(".3f"), gain))
        point = {"y": tested.mean, "low": tested.low, "high": tested.high}
        points.append({"panel": text, "x": name, **point})
    verdict = overall([judge(x, LOW, HIGH) for x in effects.values()], "the text")
    told = "; ".join(f"{x.show()}% on {text}" for text, x in effects.items())
    finding = Finding(
        verdict=verdict,
        because=(
            f"Test perplexity of two layers of {narrow} is below that of one of {wide} by {told}."
            f" They have {min(share):.0f} to {max(share):.0f}% of its parameters."
        ),
        setting=(
            f"Character models, LSTM, one-hot input, dropout 0.1, 16 by 64 characters a batch,"
            " Adam, learning rate 0.004 along a cosine. The Time Machine (136,000 letters to train"
            " on, 12 epochs) and Shakespeare (300,000 characters, 6 epochs). Test perplexity at the"
            f" epoch that is best on the validation part. It holds where the gain lies between"
            f" {LOW:g} and {HIGH:g}% and its interval leaves out 0, and does not where the interval"
            " does not reach there."
        ),
        tables=(
            Table(
                ("text", "layers", "parameters", "test perplexity", f"% below {base}"),
                tuple(rows),
            ),
        ),
        seeds=len(lab.seeds),
        limits="Two small corpora of characters; word models and larger networks may differ.",
    )
    chart = charts.lines(points, x="layers x units", y="test perplexity", joined=False)
    return finding, chart


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
