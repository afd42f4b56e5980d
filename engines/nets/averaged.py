"""A running mean of a net's weights beside the net: what is learned jumps about, its mean does not."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

DECAY = 0.999


class Averaged(nn.Module):
    """A net that is trained, and the running mean of its weights that is used.

        mean <- d mean + (1 - d) weights,   d = min(decay, (1 + n) / (10 + n)) at the n-th step

    The mean's weights are buffers: no optimiser finds them. Only the mean is stored; a training that goes on from a
    stored state starts from it.

    Args:
        net: What is trained; its calls must not depend on parameters outside of it.
        decay: Share of itself that the mean keeps in a step, once it has warmed up.

    Source:
        Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging; for score models Song and
        Ermon 2020, technique 5, arXiv:2006.09011
    """

    def __init__(self, net: nn.Module, decay: float = DECAY) -> None:
        super().__init__()
        self.net, self.decay = net, decay
        self.mean = _without_parameters(copy.deepcopy(net)).eval()
        self.n_steps: Tensor
        self.register_buffer("n_steps", torch.zeros((), dtype=torch.int64))
        self.register_state_dict_post_hook(_forget_trained)
        self.register_load_state_dict_pre_hook(_start_at_mean)

    def forward(self, *inputs: Any) -> Tensor:
        """What the net whose weights are the mean says."""
        return self.mean(*inputs)

    @torch.no_grad()
    def follow(self) -> None:
        """Move the mean towards the weights, and towards what else the net has gathered: once for each step."""
        n = int(self.n_steps)
        share = 1 - min(self.decay, (1 + n) / (10 + n))
        gathered = {name: value for name, value in self.net.named_buffers() if value.is_floating_point()}
        means = dict(self.mean.named_buffers())
        for name, weight in (dict(self.net.named_parameters()) | gathered).items():
            means[name].lerp_(weight, share)
        self.n_steps += 1

    def train(self, mode: bool = True) -> Averaged:
        """As of every module; the mean is never in training."""
        super().train(mode)
        self.mean.eval()
        return self


def _without_parameters(module: nn.Module) -> nn.Module:
    """The same module with buffers in place of its parameters."""
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, parameter.detach().clone())
    return module


def _forget_trained(module: nn.Module, state: dict[str, Any], prefix: str, _: Any) -> None:
    """Leave the trained weights out of a state."""
    for name in [name for name in state if name.startswith(f"{prefix}net.")]:
        del state[name]


def _start_at_mean(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Let the trained weights of a state be those of the mean."""
    for name in [name for name in state if name.startswith(f"{prefix}mean.")]:
        state[f"{prefix}net.{name[len(prefix) + 5 :]}"] = state[name]
