"""Couplings: one half of the coordinates says how the other half moves, so both directions are closed forms."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import hardtanh

from engines.flows.layers.affine_run import Step, glance_at_steps, run_of_steps
from engines.flows.layers.base import CONDITIONER_LIMIT, Bijection
from engines.flows.layers.splines import n_spline_parameters, spline_to_data, spline_to_latent
from engines.nets.by_hand import glance_by_rows, is_glance, is_worth_it, perceptron, weights_of
from engines.nets.mlp import build_mlp

SPREAD = 4.0  # where the bends of a conditioner's first units begin: over the standardized data


class Coupling(Bijection):
    """What all couplings share: which half moves, and the net that the other half feeds.

    Args:
        n_features: D; of one alone every other coupling has nothing to move.
        moves_last: Whether the last D - D // 2 coordinates move (else the first D // 2).
        width: Hidden units of the conditioner.
        n_hidden: Hidden layers of the conditioner.
        n_out: Numbers that the conditioner gives for each coordinate that moves.
    """

    def __init__(self, n_features: int, moves_last: bool, width: int, n_hidden: int, n_out: int) -> None:
        super().__init__()
        self.sizes = [n_features // 2, n_features - n_features // 2]
        self.moves_last = moves_last
        n_kept, n_moved = self.sizes if moves_last else reversed(self.sizes)
        self.conditioner = build_mlp(n_kept, width, n_hidden, n_out * n_moved, starts_at_zero=True, spread=SPREAD)

    def move(self, kept: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
        """The moving half to the latent side, and the log of each coordinate's stretch."""
        raise NotImplementedError

    def move_back(self, kept: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
        """The moving half to the data side, and the log of each coordinate's stretch."""
        raise NotImplementedError

    def glance(self, kept: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
        """What `move` gives, for no gradient; a coordinate a row here, which lies dense in memory: (n, B)."""
        moved, log_stretch = self.move(kept.T, moved.T)
        return moved.T, log_stretch.T

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        kept, moved = self._split(x)
        moved, log_stretch = self.move(kept, moved)
        return self._join(kept, moved), log_stretch.sum(1)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        kept, moved = self._split(z)
        moved, log_stretch = self.move_back(kept, moved)
        return self._join(kept, moved), log_stretch.sum(1)

    def _condition(self, kept: Tensor) -> Tensor:
        return perceptron(hardtanh(kept, -CONDITIONER_LIMIT, CONDITIONER_LIMIT), weights_of(self.conditioner))

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, last = x.split(self.sizes, dim=1)
        return (first, last) if self.moves_last else (last, first)

    def _join(self, kept: Tensor, moved: Tensor) -> Tensor:
        return torch.cat([kept, moved] if self.moves_last else [moved, kept], dim=1)


class AdditiveCoupling(Coupling):
    """Half of the coordinates set the shift of the other half; no volume ever changes.

    z_moved = x_moved - t(x_kept),   log |det dz/dx| = 0

    Args: see `Coupling`.

    Source:
        Dinh, Krueger, Bengio 2015, NICE: non-linear independent components estimation, section 3.2, arXiv:1410.8516
    """

    name = "additive coupling"

    def __init__(self, n_features: int, moves_last: bool, width: int, n_hidden: int) -> None:
        super().__init__(n_features, moves_last, width, n_hidden, n_out=1)

    def move(self, kept: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
        return moved - self._condition(kept), torch.zeros_like(moved)

    def move_back(self, kept: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
        return moved + self._condition(kept), torch.zeros_like(moved)


class Scaling(Bijection):
    """Each coordinate stretched by a learned factor: the one place where a NICE flow changes volume.

    z = x exp(s),   log |det dz/dx| = sum s

    Args:
        n_features: D.
        scale_cap: Bound on |s|, nats.

    Source:
        Dinh, Krueger, Bengio 2015, section 3.3, arXiv:1410.8516
    """

    name = "scaling"

    def __init__(self, n_features: int, scale_cap: float) -> None:
        super().__init__()
        self.raw = torch.nn.Parameter(torch.zeros(n_features))
        self.scale_cap = scale_cap

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_scale = self._log_scale()
        return x * log_scale.exp(), log_scale.sum().expand(len(x))

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        log_scale = self._log_scale()
        return z * (-log_scale).exp(), -log_scale.sum().expand(len(z))

    def _log_scale(self) -> Tensor:
        return self.scale_cap * self.raw.tanh()


class AffineCoupling(Coupling):
    """Half of the coordinates set the shift and scale of the other half.

    z_moved = (x_moved - t(x_kept)) exp(s(x_kept)),   log |det dz/dx| = sum s,   s = cap tanh(raw)

    The bound on s keeps training finite where an unbounded exponential overflows. Shift and scale begin at
    zero, so that an untrained flow is the identity.

    Args:
        n_features, moves_last, width, n_hidden: See `Coupling`.
        scale_cap: Bound on |s|, nats.

    Source:
        Dinh, Sohl-Dickstein, Bengio 2017, Density estimation using Real NVP, eq. 7 and 8, arXiv:1605.08803
    """

    name = "affine coupling"

    def __init__(self, n_features: int, moves_last: bool, width: int, n_hidden: int, scale_cap: float) -> None:
        super().__init__(n_features, moves_last, width, n_hidden, n_out=2)
        self.scale_cap = scale_cap

    @property
    def step(self) -> Step:
        """What it is, for a run of such couplings."""
        return Step(self.moves_last, self.scale_cap, weights_of(self.conditioner))

    def move(self, kept: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = self._shift_and_log_scale(kept)
        return (moved - shift) * log_scale.exp(), log_scale

    def move_back(self, kept: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = self._shift_and_log_scale(kept)
        return moved * (-log_scale).exp() + shift, -log_scale

    def _shift_and_log_scale(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        given = self._condition(kept)
        n_moved = given.shape[1] // 2
        # tanh of the whole: of a half, which is no dense block, it would be computed number by number.
        return given[:, :n_moved], self.scale_cap * given.tanh()[:, n_moved:]


class SplineCoupling(Coupling):
    """Half of the coordinates set a monotone rational-quadratic spline for each coordinate of the other half.

    Args:
        n_features, moves_last, width, n_hidden: See `Coupling`.
        n_bins: Pieces of the spline.
        bound: It acts between -bound and bound, and is the identity outside.

    Source:
        Durkan et al. 2019, Neural spline flows, section 3.1 and 3.2, arXiv:1906.04032
    """

    name = "spline coupling"

    def __init__(self, n_features: int, moves_last: bool, width: int, n_hidden: int, n_bins: int, bound: float) -> None:
        super().__init__(n_features, moves_last, width, n_hidden, n_out=n_spline_parameters(n_bins))
        self.n_bins, self.bound = n_bins, bound

    def move(self, kept: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
        return spline_to_latent(moved, self._parameters_for(kept, moved), self.bound)

    def glance(self, kept: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
        seen = hardtanh(kept, -CONDITIONER_LIMIT, CONDITIONER_LIMIT)
        raw = glance_by_rows(seen, weights_of(self.conditioner)).unflatten(0, (len(moved), -1))
        return spline_to_latent(moved, raw, self.bound, dim=-2)

    def move_back(self, kept: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
        return spline_to_data(moved, self._parameters_for(kept, moved), self.bound)

    def _parameters_for(self, kept: Tensor, moved: Tensor) -> Tensor:
        return self._condition(kept).view(*moved.shape, n_spline_parameters(self.n_bins))


def run_of_couplings(layers: Sequence[Coupling], x: Tensor) -> tuple[Tensor, Tensor]:
    """Couplings in a row, to the latent side: what their `to_latent` does one by one, but the halves stay apart.

    Splitting and joining at each layer would cost a fifth of a training step of a small flow.

    Returns:
        z (B, D) and the sum of their log-determinants (B,).
    """
    if is_glance():
        return _glance_at(layers, x)
    steps = [layer.step for layer in layers if isinstance(layer, AffineCoupling)]
    first, last = (half.contiguous() for half in x.split(layers[0].sizes, dim=1))
    if len(steps) == len(layers) and is_worth_it():
        first, last, log_det = run_of_steps(steps, first, last)
        return torch.cat([first, last], 1), log_det
    stretches = []
    for layer in layers:
        if layer.moves_last:
            last, log_stretch = layer.move(first, last)
        else:
            first, log_stretch = layer.move(last, first)
        stretches.append(log_stretch)
    return torch.cat([first, last], 1), torch.cat(stretches, 1).sum(1)


def _glance_at(layers: Sequence[Coupling], x: Tensor) -> tuple[Tensor, Tensor]:
    """What `run_of_couplings` gives, for no gradient: points pass by with their coordinates as rows."""
    steps = [layer.step for layer in layers if isinstance(layer, AffineCoupling)]
    first, last = x.T.contiguous().split(layers[0].sizes)
    if len(steps) == len(layers):
        first, last, log_det = glance_at_steps(steps, first, last)
        return torch.cat([first, last]).T, log_det
    log_det = x.new_zeros(len(x))
    for layer in layers:
        kept, moved = (first, last) if layer.moves_last else (last, first)
        moved, log_stretch = layer.glance(kept, moved)
        first, last = (kept, moved) if layer.moves_last else (moved, kept)
        log_det = log_det + log_stretch.sum(0)
    return torch.cat([first, last]).T, log_det
