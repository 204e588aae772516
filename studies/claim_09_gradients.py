"""Claim 9: what cures gradients that vanish or explode."""

from __future__ import annotations

import csv
import functools
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import fisher_exact
from torch.nn.functional import cross_entropy

from lamina.data import digits
from lamina.tasks.classifier import Classifier
from lamina.train import Diverged, Silent, fit
from measured import charts
from measured.finding import Claim, Finding, Table
from measured.gradients import by_layer_and_step
from measured.intervals import Outcome, difference, mean, overall
from measured.lab import Lab, main
from measured.training import Record, Training, open_task
from measured.tuning import learning_rates

CLAIM = Claim(
    number=9,
    name="gradients",
    title="Cures of vanishing and exploding gradients",
    says=(
        "Exploding gradients are cured by clipping; vanishing ones by gates, Xavier or orthogonal"
        " initialisation, residual connections and normalisation."
    ),
    sources=(
        "On the ailment and on clipping: Pascanu, Mikolov and Bengio (2013), *On the difficulty of"
        " training recurrent neural networks*.",
        "On the cures: Hochreiter and Schmidhuber (1997) and Cho et al. (2014), gates; Glorot and"
        " Bengio (2010); Saxe, McClelland and Ganguli (2014); Wu et al. (2016), residual"
        " connections; Ba, Kiros and Hinton (2016), layer normalisation; Laurent et al. (2016),"
        " batch normalisation. As a list it is lore of courses and forums.",
    ),
)
CELLS: dict[str, dict[str, Any]] = {
    "tanh RNN": {"cell": "rnn"},
    "GRU": {"cell": "gru"},
    "LSTM": {"cell": "lstm"},
}
#: With nothing against the ailment: torch's uniform weights, and no bias of the forget gate.
BARE = {"init": "uniform", "forget_bias": None}
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
#: What explodes most easily stands beside the other cells where the learning rate is high.
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
#: A share below or above these is called vanished or exploded.
LEAST, MOST = -2.0, 2.0
TIME, DEPTH, STUCK, HIGH = "back in time", "down the layers", "training 8 layers", "high rate"
#: What each remedy is said to be good for; the rest is measured and not judged.
CLAIMED = {
    TIME: ("gates", "orthogonal", "layer norm"),
    DEPTH: ("Xavier", "residual", "layer norm", "batch norm"),
    HIGH: ("clipping",),
}
#: Of a remedy on a kind of network: cures, helps, no help, harms, not ill.
Effects = dict[tuple[str, str, str], str]


def measure(lab: Lab) -> tuple[Finding, str]:
    """Gradients first, then what becomes of the training, then high learning rates."""
    data = task_data(lab)
    flow = gradients(lab, data)
    losses, rates = deep_trainings(lab, data)
    failed = steep_trainings(lab, data)
    deepest = max(depth for _, _, depth in flow)
    effects = effects_on_flow(flow, deepest) | effects_on_losses(losses, deepest)
    effects |= effects_on_failures(failed)
    judged = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in CLAIMED.items())
    finding = Finding(
        verdict=overall(outcomes(effects), "the remedy, the cell and what vanishes"),
        because=told(effects),
        setting=(
            "Handwritten digits of scikit-learn, 64 pixels in 32 steps of two, the class after the"
            f" last one; {WIDTH} units a layer, {BATCH} images a batch. Without a remedy: torch's"
            " uniform weights, forget bias left as drawn, no clipping, a constant learning rate;"
            " remedies are put in one at a time. The gradient of the loss after the last step with"
            " respect to each layer's state at each step (of an LSTM h and c together), norm over a"
            " batch, at the start (judged) and after two epochs of Adam at 0.003. Back in time: the"
            " top layer's at the first step against that at the last. Down the layers: the bottom"
            f" layer's, all steps together, against the top's, of {deepest} layers. Batch"
            f" normalisation uses its running statistics there. Training: {EPOCHS} epochs of Adam,"
            f" learning rate {RATES[0]:g} or {RATES[1]:g} by validation accuracy with seed 0. High"
            f" rate: SGD with momentum 0.9 at {', '.join(f'{r:g}' for r in STEEP_RATES)}, two"
            f" layers, {STEEP_EPOCHS} epochs; a training fails where the loss is not finite or ends"
            " within 10% of chance. Gradients are ill where less than 1% arrives (the interval's"
            " whole), and cured where between 1% and 100 times arrive. Gates are judged against the"
            " tanh RNN. Deep training is ill where 8 layers end with more training loss than one,"
            " and cured where they end with less than without the remedy and not more than one"
            " layer. The high rate is ill where half of the trainings fail, and cured where at most"
            " a tenth do. Helps, harms: better or worse by an interval that leaves out 0 (of"
            " failures: Fisher's exact test, 5%). The claim holds for a remedy on a cell where it"
            " cures what it is said to cure, and does not where it neither cures nor helps. Judged"
            f" are {judged}."
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
            "One small data set and narrow layers; Adam divides by the size of the gradient, so"
            " that a small one hurts it less than SGD."
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
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["image", "class", *(f"p{k}" for k in range(PIXELS))])
            for number in range(count):
                for pixels in table.sequences[number].reshape(-1, PIXELS).tolist():
                    rows.writerow([number, table.labels[number], *pixels])  # type: ignore[index]
    return {"source": str(path), "id": "image", "label": "class", "batch_size": BATCH}


# Gradients.


def flows(
    *, folder: Path, data: Mapping[str, Any], model: Mapping[str, Any], epochs: int, seed: int
) -> dict[str, Any]:
    """The gradient by layer and step, at the start and after some training; None where that
    diverged."""
    began = time.perf_counter()
    torch.set_num_threads(1)
    task = open_task("classify", data)
    torch.manual_seed(seed)
    network = task.model(**model)
    assert isinstance(network, Classifier)
    batch = task.batches("train", epoch=0, seed=seed)[0]
    network.train()
    with torch.no_grad():
        for other in task.batches("train", epoch=0, seed=seed):  # statistics of batch normalisation
            network(other.inputs, other.lengths)

    def looked() -> list[list[float]]:
        network.eval().zero_grad()
        found = by_layer_and_step(
            network.stack, batch.inputs, lambda top: cross_entropy(network.head(top), batch.targets)
        )
        return found.tolist()

    before = looked()
    try:
        fit(
            network, task, epochs=epochs, lr=3e-3, clip=None, seed=seed, threads=1,
            progress=Silent(),
        )  # fmt: skip
        after = looked()
    except Diverged:
        after = None
    return {"before": before, "after": after, "seconds": time.perf_counter() - began}


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
    """The options of a classifier; a remedy of the training changes none."""
    return {**BARE, **CELLS[cell], "depth": depth, "width": WIDTH, **ARCHITECTURE.get(remedy, {})}


def shares(found: Sequence[Mapping[str, Any]], kind: str, when: str) -> list[float]:
    """Of each seed, the decimal logarithm of what is left of the gradient."""
    norms = [np.maximum(np.array(one[when]), 1e-30) for one in found if one[when] is not None]
    if kind == TIME:
        return [float(np.log10(g[-1, 0] / g[-1, -1])) for g in norms]
    totals = [np.sqrt((g**2).sum(axis=1)) for g in norms]
    return [float(np.log10(total[0] / total[-1])) for total in totals]


def effects_on_flow(flow: Flow, deepest: int) -> Effects:
    """At the start of training. Gates: the gated cells against the plain one."""
    effects: Effects = {}
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


def effect_on_share(bare: Sequence[float], treated: Sequence[float]) -> str:
    """From logarithms of what is left of the gradient."""
    base, now, gain = mean(bare), mean(treated), difference(treated, bare)
    if base.high >= LEAST:
        return "harms" if now.high < LEAST or now.low > MOST else "not ill"
    if now.low > LEAST and now.high < MOST:
        return "cures"
    if now.mean > MOST:
        return "harms"
    return "helps" if gain.low > 0 else "harms" if gain.high < 0 else "no help"


# What becomes of deep networks.

Losses = Mapping[tuple[str, str, int], Sequence[float]]


def deep_trainings(
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
    """Of the training part in the last epoch; that of chance where training diverged."""
    return CHANCE if record.value is None else record.curve("train_loss")[-1]


def effects_on_losses(losses: Losses, deepest: int) -> Effects:
    """On the deepest networks."""
    deepest = min(deepest, max(depth for _, _, depth in losses))
    return {
        (STUCK, remedy, cell): effect_on_loss(
            losses[cell, "none", deepest], found, losses[cell, "none", 1]
        )
        for (cell, remedy, depth), found in losses.items()
        if remedy != "none" and depth == deepest
    }


def effect_on_loss(bare: Sequence[float], treated: Sequence[float], one: Sequence[float]) -> str:
    """From training losses; ``one``: of a single layer without a remedy."""
    gain = difference(bare, treated)
    if difference(bare, one).low <= 0:
        return "harms" if gain.high < 0 else "not ill"
    if gain.low > 0:
        return "cures" if np.mean(treated) <= np.mean(one) else "helps"
    return "harms" if gain.high < 0 else "no help"


# What becomes of high learning rates.

Failures = Mapping[tuple[str, str], Mapping[float, Sequence[bool]]]


def steep_trainings(lab: Lab, data: Mapping[str, Any]) -> Failures:
    """Whether each training failed, for each cell and remedy and learning rate."""
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


def effects_on_failures(failed: Failures) -> Effects:
    """Over all learning rates."""
    effects: Effects = {}
    for (cell, remedy), found in failed.items():
        if remedy != "none":
            bare = [bad for rate in failed[cell, "none"].values() for bad in rate]
            treated = [bad for rate in found.values() for bad in rate]
            effects[HIGH, remedy, cell] = effect_on_failures(sum(bare), sum(treated), len(bare))
    return effects


def effect_on_failures(bare: int, treated: int, runs: int) -> str:
    """From the numbers of failed trainings among ``runs`` on each side."""
    table = [[bare, runs - bare], [treated, runs - treated]]
    better, worse = (float(fisher_exact(table, side)[1]) for side in ("greater", "less"))  # type: ignore[arg-type]
    if 2 * bare < runs:
        return "harms" if worse < 0.05 else "not ill"
    if 10 * treated <= runs:
        return "cures"
    return "helps" if better < 0.05 else "harms" if worse < 0.05 else "no help"


# What is said.


def outcomes(effects: Effects) -> list[Outcome]:
    """For each remedy on each cell that is ill, of what it is said to cure."""
    judged: dict[str, Outcome] = {"cures": "holds", "helps": "open"}
    return [
        judged.get(effect, "fails")
        for (kind, remedy, _), effect in effects.items()
        if remedy in CLAIMED.get(kind, ()) and effect != "not ill"
    ]


def told(effects: Effects) -> str:
    """Who cures what, in a sentence for each ailment."""
    sentences = []
    for kind in dict.fromkeys(kind for kind, _, _ in effects):
        parts = []
        for effect in ("cures", "helps", "no help", "harms"):
            names = [f"{r} ({c})" for (k, r, c), e in effects.items() if (k, e) == (kind, effect)]
            if names:
                parts.append(f"{effect}: {', '.join(names)}")
        sentences.append(f"{kind.capitalize()}: {'; '.join(parts) or 'nobody is ill'}.")
    return " ".join(sentences)


def effects_table(effects: Effects) -> Table:
    """A row a remedy, a column an ailment; cells in the order in which they stand elsewhere."""
    kinds = list(dict.fromkeys(kind for kind, _, _ in effects))
    rows = []
    for remedy in dict.fromkeys(remedy for _, remedy, _ in effects):
        row = [remedy]
        for kind in kinds:
            told = [f"{c}: {e}" for (k, r, c), e in effects.items() if (k, r) == (kind, remedy)]
            row.append("<br>".join(told))
        rows.append(tuple(row))
    return Table(("remedy", *kinds), tuple(rows), "What each remedy does:")


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
    title = "The same at the start without a remedy, of every depth:"
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
    """Failed trainings of all."""
    rates = list(next(iter(failed.values())))
    rows = [
        (f"{cell}, {remedy}", *(f"{sum(found[r])} of {len(found[r])}" for r in rates))
        for (cell, remedy), found in failed.items()
    ]
    return Table(
        ("network", *(f"rate {rate:g}" for rate in rates)),
        tuple(rows),
        "Trainings that failed at a high learning rate:",
    )


def chart(flow: Flow, deepest: int) -> str:
    """What is left at each step back and each layer down, a panel for each cell."""
    points = []
    for (cell, remedy, depth), found in flow.items():
        if depth != deepest:
            continue
        norms = [np.maximum(np.array(one["before"]), 1e-30) for one in found]
        back = np.array([np.log10(g[-1, ::-1] / g[-1, -1]) for g in norms])
        totals = np.array([np.sqrt((g**2).sum(axis=1)) for g in norms])
        down = np.log10(totals[:, ::-1] / totals[:, -1:])
        for name, values, every in ((TIME, back, 4), (DEPTH, down, 1)):
            for place in sorted({*range(0, values.shape[1], every), values.shape[1] - 1}):
                found_there = mean(values[:, place].tolist())
                points.append(
                    {
                        "panel": f"{cell}: {name}", "series": remedy, "x": place,
                        "y": found_there.mean, "low": found_there.low, "high": found_there.high,
                    }
                )  # fmt: skip
    return charts.lines(
        points, x="steps back, or layers down", y="gradient left (power of ten)", series="remedy",
        kind="quantitative", own_x=True,
    )  # fmt: skip


if __name__ == "__main__":
    main(CLAIM, measure)
