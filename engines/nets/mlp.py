"""Multilayer perceptrons: plain bodies without any mathematics of a family."""

from __future__ import annotations

from torch import nn


def build_mlp(
    n_in: int, width: int, n_hidden: int, n_out: int, *, starts_at_zero: bool = False, spread: float | None = None
) -> nn.Sequential:
    """A smooth perceptron: n_hidden layers of SiLU units.

    Args:
        n_in: Features of the input.
        width: Units of each hidden layer.
        n_hidden: Number of hidden layers, at least one.
        n_out: Features of the output.
        starts_at_zero: Whether the last layer begins at zero, so that the output does.
        spread: Range over which the bends of the first layer's units begin, in units of the input. torch's own
            start gathers them within 1 of the origin; spread over the data, a net of few inputs learns shapes in
            about half the steps.
    """
    sizes = [n_in] + [width] * n_hidden
    layers: list[nn.Module] = []
    for size, next_size in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(size, next_size), nn.SiLU()]
    first, last = layers[0], nn.Linear(width, n_out)
    if spread is not None and isinstance(first, nn.Linear):
        nn.init.uniform_(first.weight, -0.75 * spread, 0.75 * spread)
        nn.init.uniform_(first.bias, -spread, spread)
    if starts_at_zero:
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)
