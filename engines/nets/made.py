"""A perceptron with masks: output d sees the inputs before d, and no others."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from engines.errors import ShapeError


class MaskedLinear(nn.Linear):
    """A linear layer some of whose weights are held at zero.

    Args:
        mask: Which weights may be used, shape (n_out, n_in).
    """

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.float(), persistent=False)
        self.mask: Tensor

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's own name)
        return linear(input, self.weight * self.mask, self.bias)


class MaskedMlp(nn.Module):
    """x (B, D) -> (B, D, n_out): row d depends on x_1 ... x_(d-1) alone; the first row is a constant.

    Args:
        n_features: D, at least 2: a single coordinate has none before it to see.
        width: Hidden units, which are dealt out evenly over how far they may see.
        n_hidden: Hidden layers.
        n_out: Numbers for each coordinate; they begin at zero.
        spread: Range over which the bends of the first units begin, in units of the input; see `build_mlp`.

    Raises:
        ShapeError: If D is less than 2.

    Source:
        Germain et al. 2015, MADE: masked autoencoder for distribution estimation, eq. 8 to 10, arXiv:1502.03509
    """

    def __init__(self, n_features: int, width: int, n_hidden: int, n_out: int, spread: float) -> None:
        super().__init__()
        if n_features < 2:
            raise ShapeError(
                f"Expected at least 2 coordinates for a masked layer, got {n_features}: the first one sees none, and "
                "with one alone there is nothing to learn. Take a spline or a scaling instead."
            )
        inputs = torch.arange(1, n_features + 1)
        hidden = 1 + torch.arange(width) % (n_features - 1)
        outputs = inputs.repeat_interleave(n_out)
        layers: list[nn.Module] = []
        seen = inputs
        for _ in range(n_hidden):
            layers += [MaskedLinear(hidden[:, None] >= seen), nn.SiLU()]
            seen = hidden
        first, last = layers[0], MaskedLinear(outputs[:, None] > seen)
        assert isinstance(first, nn.Linear)  # noqa: S101  (n_hidden is at least one)
        reach = spread / math.sqrt(n_features - 1)
        nn.init.uniform_(first.weight, -0.75 * reach, 0.75 * reach)
        nn.init.uniform_(first.bias, -spread, spread)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.net = nn.Sequential(*layers, last)
        self.shape = (n_features, n_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).view(-1, *self.shape)
