"""Perceptrons whose gradient is written out.

For small nets autograd's bookkeeping costs as much as the arithmetic. What is written out takes the same steps without
it; where a gradient must itself have a gradient, it is left to autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import linear, silu


def is_worth_it() -> bool:
    """Whether there will be a gradient that no compiler sees to."""
    return torch.is_grad_enabled() and not torch.compiler.is_compiling()


def is_glance() -> bool:
    """Whether nothing is to be kept for a gradient, nor traced."""
    return not torch.is_grad_enabled() and not torch.compiler.is_compiling()


def weights_of(net: nn.Sequential) -> list[Tensor]:
    """Weight and bias of each linear layer, in turn."""
    return [part for layer in net if isinstance(layer, nn.Linear) for part in (layer.weight, layer.bias)]


def perceptron(x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """Linear layers with SiLU units between them: x (B, n_in) -> (B, n_out); weights as `weights_of` gives them."""
    if is_worth_it():
        return _Perceptron.apply(x, *weights)  # pyright: ignore[reportReturnType]
    return glance(x, weights) if is_glance() else walk(x, weights)[0]


def glance(x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """What `walk` gives without its trail: units overwrite what they are given, so that little memory is touched."""
    for i in range(0, len(weights) - 2, 2):
        x = silu(linear(x, weights[i], weights[i + 1]), inplace=True)
    return linear(x, weights[-2], weights[-1])


def glance_by_rows(x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """The same with a feature a row: x (n_in, B) -> (n_out, B)."""
    for i in range(0, len(weights), 2):
        weight, bias = weights[i], weights[i + 1][:, None]
        is_outer = weight.shape[1] == 1  # such a product is three times as fast as one of numbers by numbers
        x = (weight * x).add_(bias) if is_outer else torch.addmm(bias, weight, x)
        x = silu(x, inplace=True) if i < len(weights) - 2 else x
    return x


def walk(x: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """A perceptron's output (B, n_out) and its trail, for the way back.

    Args:
        x: Shape (B, n_in).
        weights: As `weights_of` gives them.

    Returns:
        The output, and x, and what each layer but the last gave before and after its units.
    """
    trail = [x]
    for i in range(0, len(weights) - 2, 2):
        given = linear(x, weights[i], weights[i + 1])
        x = silu(given)
        trail += [given, x]
    return linear(x, weights[-2], weights[-1]), trail


def slopes(slope: Tensor, weights: Sequence[Tensor], trail: Sequence[Tensor]) -> list[Tensor]:
    """Back along the trail of `walk`.

    Args:
        slope: d loss / d output, shape (B, n_out).
        weights: As in `walk`.
        trail: What `walk` left.

    Returns:
        d loss / d x, and that of each of the weights.
    """
    found: list[Tensor] = []
    for i in reversed(range(0, len(weights), 2)):
        found += [slope.sum(0), slope.t() @ trail[i]]
        slope = slope @ weights[i]
        if i:
            slope = torch.ops.aten.silu_backward(slope, trail[i - 1])
    return [slope, *reversed(found)]


def slopes_by_autograd(
    function: Callable[..., tuple[Tensor, ...]],
    inputs: Sequence[Tensor],
    needs: Sequence[bool],
    given: Sequence[Tensor],
) -> list[Tensor | None]:
    """What a written-out gradient would be, with a graph of its own.

    Args:
        function: What has the gradient.
        inputs: Of the function.
        needs: Which of them need a gradient.
        given: d loss / d each output.
    """
    wanted = [value for value, is_needed in zip(inputs, needs, strict=True) if is_needed]
    found = iter(torch.autograd.grad(function(*inputs), wanted, given, create_graph=True))
    return [next(found) if is_needed else None for is_needed in needs]


class _Perceptron(Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        output, trail = walk(inputs[0], inputs[1:])
        ctx.save_for_backward(*inputs, *trail[1:])
        return output

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        n_inputs = len(ctx.needs_input_grad)
        inputs, trail = ctx.saved_tensors[:n_inputs], ctx.saved_tensors[n_inputs:]
        if torch.is_grad_enabled():
            return tuple(slopes_by_autograd(lambda x, *w: walk(x, w)[:1], inputs, ctx.needs_input_grad, (slope,)))
        return tuple(slopes(slope, inputs[1:], (inputs[0], *trail)))
