"""Claim 9: what cures gradients that vanish or explode."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina.data import digits
from measured.data.tables import write_table
from measured.gradients import flows
from measured.lab import Lab, main
from measured.results import charts
from measured.results.effects import (
    LEAST,
    Effect,
    effect_on_failures,
    effect_on_loss,
    effect_on_share,
    effects_table,
    outcomes,
    said,
    told,
)
from measured.results.finding import Claim, Finding, Table
from measured.results.intervals import mean, overall, telling
from measured.training import Record, Training
from measured.tuning import learning_rates

CLAIM = Claim(
    number=9,
    name="gradients",
    title="Cures for vanishing and exploding gradients",
    says=(
        "Exploding gradients are cured by clipping; vanishing ones by gates, Xavier or orthogonal"
        " initialisation, residual connections and normalisation."
    ),
    sources=(
        "On the problem and on clipping: Pascanu, Mikolov and Bengio (2013), *On the difficulty"
        " of training recurrent neural networks*.",
        "On the cures: Hochreiter and Schmidhuber (1997) and Cho et al. (2014), gates; Glorot and"
        " Bengio (2010); Saxe, McClelland and Ganguli (2014); Wu et al. (2016), residual"
        " connections; Ba, Kiros and Hinton (2016), layer normalisation; Laurent et al. (2016),"
        " batch normalisation. The list as a whole is folklore from courses and forums.",
    ),
)
#: With nothing against the ailment: torch's uniform weights, and no bias of the forget gate.
BARE = {"init": "uniform"}
CELLS: dict[str, dict[str, Any]] = {
    "tanh RNN": {"cell": "rnn"},
    "GRU": {"cell": "gru"},
    "LSTM": {"cell": "lstm", "forget_bias": None},
}
ARCHITECTURE: dict[str, dict[str, Any]] = {
    "none": {},
    "Xavier": {"init": "xavier"},
    "He": {"init": "he"},
    "orthogonal": {"init": "orthogonal"},
    "residual": {"residual": True},
    "layer norm": {"norm": "layer"},
    "batch norm": {"norm": "batch"},
    "forget bias 1": {"forget_bias": 1.0},
}
TRAINING: dict[str, dict[str, Any]] = {
    "clipping": {"clip": 1.0},
    "decay": {"schedule": "cosine"},
}
#: At high learning rates, the cell that explodes most easily joins the others.
STEEP = {**CELLS, "ReLU RNN, He": {"cell": "rnn", "activation": "relu", "init": "he"}}
AGAINST_STEEP: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "none": ({}, {}),
    **{name: ({}, settings) for name, settings in TRAINING.items()},
    "layer norm": ({"norm": "layer"}, {}),
}
DEPTHS, TRAINED = (1, 2, 4, 8), (1, 4, 8)
WIDTH, PIXELS, BATCH = 32, 2, 32
RATES, STEEP_RATES = (3e-3, 1e-2), (0.1, 0.3, 1.0)
EPOCHS, STEEP_EPOCHS, EARLY_EPOCHS = 8, 6, 2
CHANCE = math.log(10)
TIME, DEPTH, STUCK, HIGH = "back in time", "down the layers", "training 8 layers", "high rate"
#: What each remedy is said to be good for; the rest is measured and not judged.
CLAIMED = {
    TIME: ("gates", "orthogonal", "layer norm"),
    DEPTH: ("Xavier", "residual", "layer norm", "batch norm"),
    HIGH: ("clipping",),
}
#: By ailment, remedy, and kind of network.
Found = dict[tuple[str, str, str], Effect]


def measure(lab: Lab) -> tuple[Finding, str]:
    """Gradients first, then deep training, then high learning rates."""
    data = task_data(lab)
    flow = gradients(lab, data)
    losses, rates = deep_training(lab, data)
    failed = steep_training(lab, data)
    deepest = max(depth for _, _, depth in flow)
    effects = effects_on_flow(flow, deepest) | effects_on_losses(losses, deepest)
    effects |= effects_on_failures(failed)
    judged = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in CLAIMED.items())
    verdicts = outcomes(effects, CLAIMED)
    finding = Finding(
        verdict=overall(
            verdicts.values(), telling(verdicts, ("the problem", "the remedy", "the cell"))
        ),
        because=told(said(effects, CLAIMED)),
        rule=(
            "For a remedy and a cell that needs it, the claim holds if the remedy cures what it"
            f" is said to cure, and fails if it neither cures nor helps. Judged pairs: {judged}."
            " Gradients need a cure if less than 1% arrives (the whole interval), and are cured"
            " if between 1% and 100 times arrive. A high rate needs a cure if half of the"
            " training runs fail, and is cured if at most a tenth do. A remedy helps if it improves"
            " the result by an interval that excludes 0 (for failures: Fisher's exact test, 5%)."
        ),
        setting=(
            "scikit-learn's handwritten digits, 64 pixels in 32 steps of two, the class after the"
            f" last one; {WIDTH} units per layer, {BATCH} images per batch. Without a remedy:"
            " torch's uniform weights, forget bias left as drawn, no clipping, a constant"
            " learning rate; remedies are added one at a time. The gradient is that of the loss"
            " after the last step with respect to each layer's state at each step (for an LSTM, h"
            " and c together), as a norm over a batch, at the start (judged) and after two epochs"
            " of Adam at 0.003 (weights of the better one). Back in time: the top layer's"
            " gradient at the first step relative to that at the last. Down the layers: the"
            f" bottom layer's, all steps together, relative to the top's, with {deepest} layers."
            " Batch normalisation uses its running statistics there. Gates are compared with the"
            f" tanh RNN. Training: {EPOCHS} epochs of Adam, learning rate {RATES[0]:g} or"
            f" {RATES[1]:g} by validation accuracy with seed 0; deep training needs a cure if 8"
            " layers end with more training loss than one, and is cured if they end with less"
            " than without the remedy and no more than one layer. High rate: SGD with momentum"
            f" 0.9 at {', '.join(f'{r:g}' for r in STEEP_RATES)}, two layers, {STEEP_EPOCHS}"
            " epochs; a training run fails if its loss is not finite or ends above 90% of chance."
        ),
        tables=(
            effects_table(effects),
            flow_table(flow, deepest),
            depth_table(flow),
            loss_table(losses, rates),
            failure_table(failed),
        ),
        seeds=len(lab.seeds),
        limits=(
            "One small data set and narrow layers. Adam divides by the size of the gradient, so a"
            " small gradient hurts it less than SGD."
        ),
    )
    return finding, chart(flow, deepest)


# The data: images as long sequences.


def task_data(lab: Lab) -> dict[str, Any]:
    """Digits as sequences of pixels, in a file that is made once."""
    path = lab.scratch("pixels.csv")
    if not path.exists():
        table = digits()
        count = 150 if lab.quick else len(table.sequences)
        rows = (
            (number, table.labels[number], *pixels)  # type: ignore[index]
            for number in range(count)
            for pixels in table.sequences[number].reshape(-1, PIXELS).tolist()
        )
        write_table(path, ("image", "class", *(f"p{k}" for k in range(PIXELS))), rows)
    return {"source": str(path), "id": "image", "label": "class", "batch_size": BATCH}


# Gradients.


Flow = Mapping[tuple[str, str, int], Sequence[Mapping[str, Any]]]


def gradients(lab: Lab, data: Mapping[str, Any]) -> Flow:
    """What :func:`flows` found for each cell, remedy and depth, over the seeds."""
    keys = [
        (cell, remedy, depth)
        for cell, remedy in combinations(lab)
        for depth in (DEPTHS[:2] if lab.quick else DEPTHS)
    ]
    jobs = [
        {
            "data": dict(data),
            "model": network(cell, remedy, depth),
            "epochs": 1 if lab.quick else EARLY_EPOCHS,
            "seed": seed,
        }
        for cell, remedy, depth in keys
        for seed in lab.seeds
    ]
    found = lab.each("gradients", flows, jobs)
    count = len(lab.seeds)
    return {key: found[k * count : (k + 1) * count] for k, key in enumerate(keys)}


def combinations(lab: Lab) -> list[tuple[str, str]]:
    """Cells and what may be done to their architecture."""
    return [
        (cell, remedy)
        for cell in lab.some(list(CELLS))
        for remedy in lab.some(list(ARCHITECTURE))
        if remedy != "forget bias 1" or cell == "LSTM"
    ]


def network(cell: str, remedy: str, depth: int) -> dict[str, Any]:
    """The options of a classifier; a remedy that only affects training changes none."""
    return {**BARE, **CELLS[cell], "depth": depth, "width": WIDTH, **ARCHITECTURE.get(remedy, {})}


def shares(found: Sequence[Mapping[str, Any]], kind: str, when: str) -> list[float]:
    """Of each seed, the decimal logarithm of what is left of the gradient."""
    norms = [np.maximum(np.array(one[when]), 1e-30) for one in found if one[when] is not None]
    if kind == TIME:
        return [float(np.log10(g[-1, 0] / g[-1, -1])) for g in norms]
    totals = [np.sqrt((g**2).sum(axis=1)) for g in norms]
    return [float(np.log10(total[0] / total[-1])) for total in totals]


def effects_on_flow(flow: Flow, deepest: int) -> Found:
    """At the start of training. Gates: the gated cells against the plain one."""
    effects: Found = {}
    for kind in (TIME, DEPTH):
        at = functools.partial(shares, kind=kind, when="before")
        cells = list(dict.fromkeys(cell for cell, _, _ in flow))
        for cell, remedy, depth in flow:
            if remedy != "none" and depth == deepest:
                pair = at(flow[cell, "none", deepest]), at(flow[cell, remedy, deepest])
                effects[kind, remedy, cell] = effect_on_share(*pair)
        for cell in cells[1:]:
            pair = at(flow[cells[0], "none", deepest]), at(flow[cell, "none", deepest])
            effects[kind, "gates", cell] = effect_on_share(*pair)
    return effects


# What becomes of deep networks.

Losses = Mapping[tuple[str, str, int], Sequence[float]]


def deep_training(
    lab: Lab, data: Mapping[str, Any]
) -> tuple[Losses, Mapping[tuple[str, str, int], float]]:
    """Training loss in the last epoch, and the learning rate that was chosen."""
    remedies = [*combinations(lab), *((c, r) for c in lab.some(list(CELLS)) for r in TRAINING)]
    keys = [(c, r, depth) for c, r in remedies for depth in (TRAINED[:2] if lab.quick else TRAINED)]

    def training(key: tuple[str, str, int], rate: float, seed: int) -> Training:
        settings = {"epochs": lab.epochs(EPOCHS), "lr": rate, "clip": None}
        settings |= TRAINING.get(key[1], {})
        return Training("classify", data, network(*key), settings, seed)

    rates = learning_rates(lab, keys, RATES, training)
    found = lab.train({k: [training(k, rates[k], seed) for seed in lab.seeds] for k in keys})
    return {key: [final_loss(one) for one in records] for key, records in found.items()}, rates


def final_loss(record: Record) -> float:
    """On the training set in the last epoch; that of chance if training diverged."""
    return CHANCE if record.value is None else record.curve("train_loss")[-1]


def effects_on_losses(losses: Losses, deepest: int) -> Found:
    """On the deepest networks."""
    deepest = min(deepest, max(depth for _, _, depth in losses))
    return {
        (STUCK, remedy, cell): effect_on_loss(
            losses[cell, "none", deepest], found, losses[cell, "none", 1]
        )
        for (cell, remedy, depth), found in losses.items()
        if remedy != "none" and depth == deepest
    }


# What becomes of high learning rates.

Failures = Mapping[tuple[str, str], Mapping[float, Sequence[bool]]]


def steep_training(lab: Lab, data: Mapping[str, Any]) -> Failures:
    """Whether each run failed, for each cell, remedy and learning rate."""
    groups: dict[tuple[str, str, float], list[Training]] = {}
    for cell, options in lab.some(list(STEEP.items())):
        for remedy, (changes, changed) in lab.some(list(AGAINST_STEEP.items())):
            for rate in lab.some(STEEP_RATES):
                model = {**BARE, "depth": 2, "width": WIDTH, **options, **changes}
                settings = {
                    "epochs": lab.epochs(STEEP_EPOCHS), "optimizer": "sgd", "momentum": 0.9,
                    "lr": rate, "clip": None, **changed,
                }  # fmt: skip
                groups[cell, remedy, rate] = [
                    Training("classify", data, model, settings, seed) for seed in lab.seeds
                ]
    failed: dict[tuple[str, str], dict[float, list[bool]]] = {}
    for (cell, remedy, rate), records in lab.train(groups).items():
        bad = [final_loss(one) > 0.9 * CHANCE for one in records]
        failed.setdefault((cell, remedy), {})[rate] = bad
    return failed


def effects_on_failures(failed: Failures) -> Found:
    """Over all learning rates."""
    effects: Found = {}
    for (cell, remedy), found in failed.items():
        if remedy != "none":
            bare = [bad for rate in failed[cell, "none"].values() for bad in rate]
            treated = [bad for rate in found.values() for bad in rate]
            effects[HIGH, remedy, cell] = effect_on_failures(sum(bare), sum(treated), len(bare))
    return effects


def flow_table(flow: Flow, deepest: int) -> Table:
    """Logarithms of what is left, at the start and after some training."""
    rows = []
    for (cell, remedy, depth), found in flow.items():
        if depth == deepest:
            row = [f"{cell}, {remedy}"]
            for kind in (TIME, DEPTH):
                for when in ("before", "after"):
                    values = shares(found, kind, when)
                    row.append(mean(values).show("+.1f") if len(values) > 1 else "diverged")
            rows.append(tuple(row))
    head = ("network", f"{TIME}, start", f"{TIME}, trained", f"{DEPTH}, start", f"{DEPTH}, trained")
    title = f"What is left of the gradient in {deepest} layers, as a power of ten:"
    return Table(head, tuple(rows), title)


def depth_table(flow: Flow) -> Table:
    """The same without a remedy, of every depth."""
    rows = [
        (
            f"{cell}, {depth}",
            *(mean(shares(found, k, "before")).show("+.1f") for k in (TIME, DEPTH)),
        )
        for (cell, remedy, depth), found in flow.items()
        if remedy == "none"
    ]
    title = "The same at the start without a remedy, for every depth:"
    return Table(("network, layers", TIME, DEPTH), tuple(rows), title)


def loss_table(losses: Losses, rates: Mapping[tuple[str, str, int], float]) -> Table:
    """A row a network, columns for the depths."""
    depths = list(dict.fromkeys(depth for _, _, depth in losses))
    rows = [
        (
            f"{cell}, {remedy}",
            *(
                f"{mean(losses[cell, remedy, d]).show('.2f')} at {rates[cell, remedy, d]:g}"
                for d in depths
            ),
        )
        for cell, remedy in dict.fromkeys((cell, remedy) for cell, remedy, _ in losses)
    ]
    head = ("network", *(f"{depth} layer{'s' * (depth > 1)}" for depth in depths))
    title = f"Training loss in the last epoch (nats; chance is {CHANCE:.2f}), and learning rate:"
    return Table(head, tuple(rows), title)


def failure_table(failed: Failures) -> Table:
    """Failed runs out of all."""
    rates = list(next(iter(failed.values())))
    rows = [
        (f"{cell}, {remedy}", *(f"{sum(found[r])} of {len(found[r])}" for r in rates))
        for (cell, remedy), found in failed.items()
    ]
    return Table(
        ("network", *(f"rate {rate:g}" for rate in rates)),
        tuple(rows),
        "Training runs that failed at a high learning rate:",
    )


def chart(flow: Flow, deepest: int) -> str:
    """What is left with each remedy at the start, a panel for each cell and direction."""
    points = []
    for cell in dict.fromkeys(cell for cell, _, _ in flow):
        for kind in (TIME, DEPTH):
            for (its_cell, remedy, depth), found in flow.items():
                if (its_cell, depth) == (cell, deepest):
                    left = mean(shares(found, kind, "before"))
                    x = {"x": left.mean, "low": left.low, "high": left.high}
                    points.append({"panel": f"{cell}: {kind}", "name": remedy, **x})
    return charts.dots(points, x="gradient left (power of ten)", at=LEAST)


if __name__ == "__main__":
    main(CLAIM, measure)
