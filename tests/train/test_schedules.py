import pytest
import torch

from lamina.train import Settings
from lamina.train.schedules import Schedule

EPOCHS, STEPS = 6, 5


def ours(settings, scores=None):
    """The learning rate of each step, with ``STEPS`` steps an epoch."""
    schedule, rates, best = Schedule(), [], float("inf")
    for epoch in range(EPOCHS):
        for k in range(STEPS):
            rates.append(schedule.rate(settings, epoch * STEPS + k, epoch, k / STEPS))
        if scores is not None:
            schedule.evaluated(settings, scores[epoch] < best)
            best = min(best, scores[epoch])
    return rates


def torchs(make, *, each):
    """The same from a scheduler of torch, stepped each ``step`` or each ``epoch``."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler = make(optimizer)
    rates = []
    for epoch in range(EPOCHS):
        for _ in range(STEPS):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if each == "step":
                scheduler.step()
        if each != "step":
            scheduler.step(*each(epoch))
    return rates


def test_constant():
    assert ours(Settings(lr=0.3)) == [0.3] * (EPOCHS * STEPS)


def test_exponential_is_torchs():
    make = lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.7)  # noqa: E731
    got = ours(Settings(lr=0.3, schedule="exponential", decay=0.7))
    assert got == pytest.approx(torchs(make, each=lambda _: ()))


def test_cosine_is_torchs():
    make = lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, EPOCHS * STEPS)  # noqa: E731
    got = ours(Settings(lr=0.3, schedule="cosine", epochs=EPOCHS))
    assert got == pytest.approx(torchs(make, each="step"), abs=1e-12)


@pytest.mark.parametrize("patience", [0, 1, 2])
def test_plateau_is_torchs(patience):
    scores = [5.0, 5.0, 6.0, 4.0, 4.5, 4.2]
    make = lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(  # noqa: E731
        o, factor=0.1, patience=patience, threshold=0
    )
    got = ours(Settings(lr=0.3, schedule="plateau", decay=0.1, plateau_patience=patience), scores)
    assert got == pytest.approx(torchs(make, each=lambda epoch: (scores[epoch],)))
    assert (got[-1] < 0.3) == (patience < 2)


def test_warmup_is_torchs():
    make = lambda o: torch.optim.lr_scheduler.LinearLR(  # noqa: E731
        o, start_factor=1 / 8, total_iters=7
    )
    got = ours(Settings(lr=0.3, warmup_steps=8))
    assert got == pytest.approx(torchs(make, each="step"))


def test_warmup_multiplies_any_schedule():
    plain = ours(Settings(lr=0.3, schedule="cosine", epochs=EPOCHS))
    warm = ours(Settings(lr=0.3, schedule="cosine", epochs=EPOCHS, warmup_steps=4))
    assert [w / p for w, p in zip(warm, plain, strict=True)] == pytest.approx(
        [0.25, 0.5, 0.75] + [1.0] * (EPOCHS * STEPS - 3)
    )
