"""Affine couplings in a row, whose gradient is written out: a training step takes 0.8 of the time.

Why and how: see `engines.nets.by_hand`. `AffineCoupling` says what one of them does. Where no gradient is wanted,
points pass by with their coordinates as rows, which lie dense in memory, and overwrite what they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import hardtanh

from engines.flows.layers.base import CONDITIONER_LIMIT
from engines.nets.by_hand import glance_by_rows, slopes, slopes_by_autograd, walk

LIMITS = (-CONDITIONER_LIMIT, CONDITIONER_LIMIT)
N_OWN = 4  # tensors that a step keeps beside its conditioner's trail


class Step(NamedTuple):
    """One coupling."""

    moves_last: bool
    scale_cap: float
    weights: Sequence[Tensor]


def run_of_steps(steps: Sequence[Step], first: Tensor, last: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """To the latent side: both halves, (B, D // 2) and (B, D - D // 2), and the log-determinant (B,)."""
    return _Run.apply(steps, first, last, *(weight for step in steps for weight in step.weights))  # pyright: ignore[reportReturnType]


def glance_at_steps(steps: Sequence[Step], first: Tensor, last: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What `run_of_steps` gives, for no gradient; the halves have a coordinate a row here: (D // 2, B) and the rest."""
    total = first.new_zeros(first.shape[1])
    halves = [first.clone(), last.clone()]
    for moves_last, scale_cap, weights in steps:
        kept, moved = halves if moves_last else reversed(halves)
        shift, raw = glance_by_rows(hardtanh(kept, *LIMITS), weights).chunk(2)
        log_scale = raw.tanh_().mul_(scale_cap)
        total += log_scale.sum(0)
        moved.sub_(shift).mul_(log_scale.exp_())
    return halves[0], halves[1], total


def _there(
    steps: Sequence[Step], first: Tensor, last: Tensor, weights: Sequence[Tensor]
) -> tuple[tuple[Tensor, Tensor, Tensor], list[Tensor]]:
    """What `run_of_steps` gives, and what the way back needs of each step."""
    log_scales, trails, at = [], [], 0
    for moves_last, scale_cap, own in steps:
        kept, moved = (first, last) if moves_last else (last, first)
        given, trail = walk(hardtanh(kept, *LIMITS), weights[at : at + len(own)])
        n_moved = moved.shape[1]
        share = given.tanh()[:, n_moved:]  # tanh of the whole: of a half it would be computed number by number
        log_scale = scale_cap * share
        scale = log_scale.exp()
        moved = (moved - given[:, :n_moved]) * scale
        first, last = (first, moved) if moves_last else (moved, last)
        log_scales.append(log_scale)
        trails += [kept, moved, share, scale, *trail]
        at += len(own)
    return (first, last, torch.cat(log_scales, 1).sum(1)), trails


class _Run(Function):
    @staticmethod
    def forward(ctx: Any, steps: Sequence[Step], *inputs: Tensor) -> tuple[Tensor, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        outputs, trails = _there(steps, inputs[0], inputs[1], inputs[2:])
        ctx.steps = steps
        ctx.save_for_backward(*inputs, *trails)
        return outputs

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        n_inputs = len(ctx.needs_input_grad) - 1
        inputs, trails = ctx.saved_tensors[:n_inputs], ctx.saved_tensors[n_inputs:]
        if torch.is_grad_enabled():
            again = lambda first, last, *weights: _there(ctx.steps, first, last, weights)[0]  # noqa: E731
            return None, *slopes_by_autograd(again, inputs, ctx.needs_input_grad[1:], given)
        return None, *_back(ctx.steps, inputs[2:], trails, *given)


def _back(
    steps: Sequence[Step],
    weights: Sequence[Tensor],
    trails: Sequence[Tensor],
    first: Tensor,
    last: Tensor,
    log_det: Tensor,
) -> list[Tensor]:
    """From the slopes of the loss in what `run_of_steps` gives (first, last, log_det) to those in what it is given."""
    log_det = log_det[:, None].contiguous()
    of_weights: list[list[Tensor]] = []
    for moves_last, scale_cap, own in reversed(steps):
        n_own, n_kept = len(own), N_OWN + len(own) - 1
        weights, own = weights[:-n_own], weights[-n_own:]
        trails, (kept, moved, share, scale, *trail) = trails[:-n_kept], trails[-n_kept:]
        of_kept, of_moved = (first, last) if moves_last else (last, first)
        of_raw = torch.ops.aten.tanh_backward(torch.addcmul(log_det, of_moved, moved), share) * scale_cap
        of_moved = of_moved * scale
        of_seen, *of_own = slopes(torch.cat([-of_moved, of_raw], 1), own, trail)
        of_kept = of_kept + torch.ops.aten.hardtanh_backward(of_seen, kept, *LIMITS)
        first, last = (of_kept, of_moved) if moves_last else (of_moved, of_kept)
        of_weights.append(of_own)
    return [first, last, *(slope for of_own in reversed(of_weights) for slope in of_own)]
