"""torch's tools around modules: tracing, scripting, copies, files, pruning, quantization, fx."""

from __future__ import annotations

import copy
import io
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

import lamina.nn
from lamina.nn import Stack
from lamina.spec import LaminaError, LaminaWarning

NAMES = ("RNN", "GRU", "LSTM")
X, OTHER = torch.randn(7, 4, 5), torch.randn(3, 2, 5)
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


def module(name: str) -> Any:
    torch.manual_seed(0)
    return getattr(lamina.nn, name)(5, 6, num_layers=2, bidirectional=True)


def saved(made: nn.Module) -> Any:
    file = io.BytesIO()
    torch.save(made, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def compiled(made: Any) -> Any:
    file = io.BytesIO()
    torch.jit.save(made, file)
    file.seek(0)
    return torch.jit.load(file)


TOOLS = {
    "trace": lambda m: compiled(torch.jit.trace(m, X)),
    "script": lambda m: compiled(torch.jit.script(nn.Sequential(m))),
    "to_torch": lambda m: m.to_torch(),
    "fx": lambda m: torch.fx.symbolic_trace(nn.Sequential(m)),
    "deepcopy": copy.deepcopy,
    "torch.save": saved,
    "average": lambda m: torch.optim.swa_utils.AveragedModel(m),
    "weight norm": lambda m: parametrizations.weight_norm(m, "weight_hh_l0"),
    "spectral norm, off": lambda m: torch.nn.utils.parametrize.remove_parametrizations(
        parametrizations.weight_norm(m, "weight_hh_l1"), "weight_hh_l1"
    ),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tool", TOOLS)
def test_tools_of_torch_keep_the_numbers(tool: str, name: str) -> None:
    ours = module(name)
    right = [ours(x)[0].detach() for x in (X, OTHER)]
    made: Any = TOOLS[tool](ours)
    for x, need in zip((X, OTHER), right, strict=True):  # a trace is not for one size alone
        torch.testing.assert_close(made(x)[0], need, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_pruned_weights_learn_under_their_mask(name: str) -> None:
    ours = module(name)
    prune.l1_unstructured(ours, "weight_hh_l0", 0.5)
    ours(X)[0].sum().backward()
    masked: Any = ours.weight_hh_l0_mask == 0
    assert (ours.weight_hh_l0_orig.grad[masked] == 0).all()
    assert (ours.weight_hh_l0_orig.grad[~masked] != 0).any()


@pytest.mark.parametrize("name", NAMES)
def test_torchs_module_shares_parameters_and_nothing_else(name: str) -> None:
    ours = module(name)
    theirs = ours.to_torch()
    assert type(theirs) is getattr(torch.nn, name)
    assert all(a is b for a, b in zip(theirs.parameters(), ours.parameters(), strict=True))
    theirs.double()
    assert next(theirs.parameters()).dtype == torch.float64
    with pytest.raises(LaminaError, match="a weight is parametrized"):
        parametrizations.weight_norm(module(name), "weight_hh_l0").to_torch()


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_dynamic_quantization_says_what_it_leaves_out(name: str) -> None:
    ours, asked = module(name), {getattr(torch.nn, name)}
    with pytest.warns(LaminaWarning, match=rf"leaves lamina.nn.{name} as it is; .*to_torch\(\)"):
        torch.ao.quantization.quantize_dynamic(nn.Sequential(ours), asked)
    with warnings.catch_warnings():
        warnings.simplefilter("error", LaminaWarning)
        made: Any = torch.ao.quantization.quantize_dynamic(nn.Sequential(ours.to_torch()), asked)
    assert "quantized" in type(made[0]).__module__


class Lengths(nn.Module):
    def __init__(self, stack: Stack):
        super().__init__()
        self.stack = stack

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.stack(x, lengths=lengths)[0]


@pytest.mark.parametrize("options", [{}, {"norm": "batch"}, {"bidirectional": True}])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_traced_stack_is_for_all_sizes_and_lengths(cell: str, options: Any) -> None:
    stack = Stack(5, cell=cell, width=6, depth=2, **options).eval()
    traced: Any = torch.jit.trace(Lengths(stack), (X, torch.tensor([7, 3, 2, 1])))
    lengths = torch.tensor([1, 3])
    right = stack(OTHER, lengths=lengths)[0]
    torch.testing.assert_close(traced(OTHER, lengths), right, atol=1e-6, rtol=1e-5)


def test_what_cannot_be_traced_or_scripted_says_so() -> None:
    with pytest.raises(LaminaError, match="record a loop for one number of steps"):
        torch.jit.trace(Stack(5, cell="mgu", width=6), X)
    with pytest.raises(LaminaError, match="cannot compile a Stack"):
        torch.jit.script(nn.Sequential(Stack(5, width=6)))


@pytest.mark.parametrize("name", NAMES)
def test_other_inputs_are_refused(name: str) -> None:
    ours = module(name)
    with pytest.raises(LaminaError, match=r"input is a numpy array; .*from_numpy\(input\)"):
        ours(X.numpy())
    with pytest.raises(LaminaError, match="input is a list; need a tensor"):
        ours(X.tolist())
    with pytest.raises(ValueError, match="does not match weight dtype"):
        ours(X.double())
