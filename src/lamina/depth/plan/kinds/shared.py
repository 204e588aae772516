"""Networks of several depths that share their layers and everything below them.

A head after every layer, all trained together: Lee et al. (2015), *Deeply-Supervised Nets*, section
2, whose companion objectives have heads of their own; Teerapittayanon et al. (2016), *BranchyNet*,
whose loss is a sum over exits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lamina.nn.recurrent.replay import recording, replaying, stacks, tensors
from lamina.spec import Batch, LaminaError, Model, State, Step, Task


class SharedDepths(Model):
    """One network per depth; all use the layers of the deepest, and whatever its layers depend on.

    Sharing is detected, not declared: a network shares those parameters of the deepest one that its
    layers depend on, such as an embedding, a convolution, or an output map tied to the embedding.
    Everything else (a head, an attention) is its own.

    Args:
        networks: by depth; the shallower ones give up their shared parts for those of the deepest.
        task: used with ``batch`` to observe the deepest network in training mode; it stays
            unchanged.
        batch: a training batch.

    Raises:
        LaminaError: the networks have no layers to share, or layers of one read what only deeper
            ones compute, such as a decoder that reads an encoder of another depth.
    """

    def __init__(self, networks: Mapping[int, Model], task: Task, batch: Batch):
        super().__init__()
        deepest, *shallower = sorted(networks, reverse=True)
        self.depths = (deepest, *shallower)
        if shallower:
            names = _under_the_heads(networks, task, batch)
            for depth in shallower:
                _share(networks[depth], networks[deepest], names[depth], "")
        # Deepest first, so that its parameters are in the same order as without the others.
        self.networks = nn.ModuleList(networks[depth] for depth in self.depths)

    def network(self, depth: int) -> Model:
        """The network of one depth, complete: it can be run, scored and saved like any other."""
        return self.networks[self.depths.index(depth)]  # type: ignore[return-value]

    def steps(self, task: Task, batch: Batch, state: State | None) -> dict[int, Step]:
        """``task.step`` of every depth; the state of the deepest one is used for all.

        In training each layer runs once. Otherwise each network runs alone, since one that reads
        its own output takes a different path than the deepest.
        """
        deepest, *shallower = self.depths
        if not self.training:
            alone: dict[int, Step] = {}
            for depth in self.depths:
                own = None if state is None else state[:depth]
                alone[depth] = task.step(self.network(depth), batch, own)
            return alone
        with recording(self.network(deepest)) as tape:
            steps = {deepest: task.step(self.network(deepest), batch, state)}
        for depth in shallower:
            with replaying(self.network(depth), tape):
                steps[depth] = task.step(self.network(depth), batch, None)
        return steps

    def config(self) -> dict[str, Any]:
        """The configuration of the deepest network, and the depths."""
        return {
            "task": "shared depths",
            "depths": list(self.depths),
            "deepest": self.network(self.depths[0]).config(),
        }

    def assets(self) -> dict[str, str]:
        """See :class:`lamina.spec.Model`."""
        return self.network(self.depths[0]).assets()

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Shared tensors occur once, under their names in the deepest network."""
        whole = super().state_dict(*args, **kwargs)
        kept = set(self._names().values())
        return {name: value for name, value in whole.items() if name in kept}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """The inverse of :meth:`state_dict`."""
        names = self._names()
        alike = {also: state_dict[name] for also, name in names.items() if name in state_dict}
        others = {name: value for name, value in state_dict.items() if name not in alike}
        return super().load_state_dict({**others, **alike}, strict, assign)

    def _names(self) -> dict[str, str]:
        """Every name of a tensor -> the first name of the same tensor."""
        first: dict[int, str] = {}
        whole = super().state_dict(keep_vars=True)
        return {name: first.setdefault(id(tensor), name) for name, tensor in whole.items()}


def _under_the_heads(
    networks: Mapping[int, Model], task: Task, batch: Batch
) -> dict[int, set[str]]:
    """For each shallower network, the names of the deepest network's parameters that affect the
    output of its stacks up to the layers of the shallower one."""
    deepest, *shallower = sorted(networks, reverse=True)
    network = networks[deepest]
    network.train()  # in evaluation, outputs may be fed back to the layers
    kept = [(buffer, buffer.clone()) for buffer in network.buffers()]
    with recording(network) as tape:
        task.step(network, batch, None)
    for buffer, before in kept:  # statistics of batch normalisation
        buffer.copy_(before)
    if not tape:
        raise LaminaError(
            f"the layers of the {task.name} network are not in a lamina.nn.Stack, so networks of"
            " several depths cannot share them. Use strategy='grid'."
        )
    parameters = dict(network.named_parameters())
    found: dict[int, set[str]] = {}
    for depth in shallower:
        levels = {place: stack.options.depth for place, stack in stacks(networks[depth]).items()}
        own = {p: [call[: levels[p]] for call in calls] for p, calls in tape.items() if p in levels}
        made = [part.sum() for part in tensors(own) if part.requires_grad]
        grads = torch.autograd.grad(
            made, list(parameters.values()), allow_unused=True, retain_graph=True
        )
        found[depth] = {
            name for name, grad in zip(parameters, grads, strict=True) if grad is not None
        }
        foreign = found[depth] - dict(networks[depth].named_parameters()).keys()
        if foreign:
            raise LaminaError(
                f"got {task.name} networks, whose layers up to depth {depth} would read what only a"
                f" deeper one gives ({min(foreign)}); need layers that depths can share. Use"
                " strategy='grid', which trains each depth alone."
            )
    return found


def _share(shallow: nn.Module, deep: nn.Module, names: set[str], place: str) -> None:
    """Also use the modules and parameters of ``deep`` called ``names`` in ``shallow``."""
    for name, child in shallow.named_children():
        other = getattr(deep, name, None)
        if not isinstance(other, nn.Module):
            continue
        here = f"{place}{name}."
        own = {f"{here}{part}": p.shape for part, p in child.named_parameters()}
        whole = {f"{here}{part}": p.shape for part, p in other.named_parameters()}
        if own and own == whole and own.keys() <= names:
            setattr(shallow, name, other)  # including its buffers
        else:
            _share(child, other, names, here)
    for name, parameter in list(shallow.named_parameters(recurse=False)):
        if place + name in names:
            setattr(shallow, name, _fitting(parameter, getattr(deep, name), place + name))


def _fitting(shallow: Tensor, deep: Tensor, name: str) -> Tensor:
    if shallow.shape != deep.shape:
        raise LaminaError(
            f"{name} is {tuple(shallow.shape)} in one depth and {tuple(deep.shape)} in another, so"
            " it cannot be shared; need one width= at all depths, not parameters="
        )
    return deep
