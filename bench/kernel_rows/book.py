"""A whole training step: the language model of *Dive into Deep Learning* (Zhang et al.), section
10.3 with the loop of 9.5, character by character over 28 symbols."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from kernel_rows.contest import Goal, Row, Side
from kernel_rows.networks import Shape, stack, stack_weights, torch_network
from lamina.train.session import clip_gradient

SYMBOLS, RATE, CLIP = 28, 1.0, 1.0


def step(quick: bool) -> list[Row]:
    """One-hot, LSTM, linear, cross entropy, backward, clip, SGD."""
    shape = Shape("lstm").small() if quick else Shape("lstm")
    goal = Goal(str(shape), ("torch",), 1.5)
    title = "whole training step of the Dive into Deep Learning model"
    return [Row(title, partial(sides, shape), (goal,))]


def sides(shape: Shape) -> list[Side]:
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(SYMBOLS, (shape.batch, shape.steps + 1), generator=generator)
    x, y = text[:, :-1], text[:, 1:]  # (B, T), as the book's loader gives them
    tokens, targets = x.T.contiguous(), y.T.flatten()
    network, mine = torch_network(shape, SYMBOLS), stack(torch_network(shape, SYMBOLS), "lstm")
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(1)
        head, own_head = nn.Linear(shape.width, SYMBOLS), nn.Linear(shape.width, SYMBOLS)
    own_head.load_state_dict(head.state_dict())

    def book_loss() -> Tensor:
        outputs, _ = network(one_hot(x.T, SYMBOLS).type(torch.float32))  # (T, B, V) -> (T, B, H)
        scores = head(outputs).swapaxes(0, 1)  # (B, T, V)
        return cross_entropy(scores.reshape(-1, SYMBOLS), y.reshape(-1))

    def own_loss() -> Tensor:
        outputs, _ = mine(None, tokens=tokens)
        return cross_entropy(own_head(outputs).flatten(0, 1), targets)

    theirs = dict(network.named_parameters()) | named(head)
    ours = stack_weights(mine) | named(own_head)
    sgd = torch.optim.SGD(theirs.values(), lr=RATE)
    # Optimiser and clipping as lamina.train has them.
    fused = torch.optim.SGD(ours.values(), lr=RATE, fused=True)
    return [
        side("torch", book_loss, theirs, sgd, clip_by_hand),
        side("lamina", own_loss, ours, fused, lambda weights: clip_gradient(weights, CLIP)),
    ]


def named(head: nn.Linear) -> dict[str, nn.Parameter]:
    return {f"head.{name}": weight for name, weight in head.named_parameters()}


def side(
    name: str,
    loss: Callable[[], Tensor],
    weights: dict[str, nn.Parameter],
    optimiser: torch.optim.Optimizer,
    clip: Callable[[list[nn.Parameter]], object],
) -> Side:
    start = {key: weight.detach().clone() for key, weight in weights.items()}

    def run() -> Tensor:
        value = loss()
        optimiser.zero_grad()
        value.backward()
        clip(list(weights.values()))
        optimiser.step()
        return value

    def values() -> dict[str, Tensor]:
        with torch.no_grad():
            for key, weight in weights.items():
                weight.copy_(start[key])
        seen = {"loss": run().detach()}
        for key, weight in weights.items():
            assert weight.grad is not None, f"{name} gave {key} no gradient"
            seen[f"gradient of {key}"] = weight.grad.clone()
            seen[key] = weight.detach().clone()
        return seen

    return Side(name, run, values)


@torch.no_grad()
def clip_by_hand(weights: list[nn.Parameter]) -> None:
    """Weight by weight, as the book does."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    norm = torch.sqrt(torch.stack([(gradient**2).sum() for gradient in gradients]).sum())
    if norm > CLIP:
        for gradient in gradients:
            gradient *= CLIP / norm
