"""Where the tensors of a batch go."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from lamina.spec import Batch
from lamina.spec.batch import layout


@dataclass(frozen=True, kw_only=True)
class Mine(Batch):
    """As a user derives it: one field with a layout that keeps it on the CPU, one without any."""

    weights: Tensor
    sizes: Tensor = field(metadata=layout(0, host=True))
    note: str = "mine"


def test_every_tensor_moves_but_those_that_stay_on_the_host() -> None:
    one = torch.ones(2, dtype=torch.int64)
    batch = Mine(inputs=one[None], targets=one, lengths=one, index=one, weights=one, sizes=one)
    moved = batch.to("meta")
    where = {name: x.device.type for name, x in vars(moved).items() if isinstance(x, Tensor)}
    assert where == {
        "inputs": "meta",
        "targets": "meta",
        "weights": "meta",
        "lengths": "cpu",
        "index": "cpu",
        "sizes": "cpu",
    }
    assert moved.note == "mine"
