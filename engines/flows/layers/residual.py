"""A residual layer that is invertible because its residual contracts."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from engines.flows.layers.base import CONDITIONER_LIMIT, Bijection
from engines.tensors import check_points

MOST_STEPS = 4000  # some six are usual; a contraction of 0.99 alone would need as many to get to double precision
FASTEST = 5.0  # pace of the quickest unit, radians for each unit of its input; the slowest has 1


class Residual(Bijection):
    """x plus a net that changes by less than x does.

    z = x + g(x),   |g(x) - g(y)| <= c |x - y| in the largest coordinate,   c < 1
    log |det dz/dx| = log det(I + J_g), computed exactly from the Jacobian of g in two dimensions

    Every row of every weight matrix has absolute values that sum to at most 1 (the last: c), which bounds the net in
    the maximum norm, exactly and without power iteration. A unit is sin(k a) / k, whose slope swings between -1 and 1
    wherever it is: of units that flatten out, only few are steep at any one place, and a net of them bound like this
    can hardly bend (moons 0.15 nats with tanh, 0.01 with sines). The way back is Newton's method; where a Newton step
    does not come closer by the factor c, Banach's fixed point iteration x <- z - g(x) takes over, which always does.

    Args:
        width: Hidden units of g.
        n_hidden: Hidden layers of g.
        contraction: c.

    Source:
        Behrmann et al. 2019, Invertible residual networks, theorem 1 and algorithm 1, arXiv:1811.00995
        Chen et al. 2019, Residual flows, appendix D (induced mixed norms), arXiv:1906.02735
        Anil, Lucas, Grosse 2019, Sorting out Lipschitz function approximation (slopes that fade), arXiv:1811.05381
        Sitzmann et al. 2020, Implicit neural representations with periodic activation functions, arXiv:2006.09661
    """

    name = "residual"
    tolerance = 1e-9

    def __init__(self, width: int, n_hidden: int, contraction: float) -> None:
        super().__init__()
        sizes = [2, *[width] * n_hidden, 2]
        pairs = list(zip(sizes, sizes[1:], strict=False))
        self.contraction = contraction
        self.weights = nn.ParameterList(torch.randn(n_out, n_in) / n_in for n_in, n_out in pairs[:-1])
        self.biases = nn.ParameterList(4 * torch.rand(n_out) - 2 for _, n_out in pairs[:-1])
        self.last = nn.Parameter(torch.zeros(2, width))
        self.register_buffer("paces", torch.linspace(1.0, FASTEST, width), persistent=False)
        self.paces: Tensor

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        check_points(x)
        moved, jacobian = self._bend(x)
        return x + moved, _log_det_plus_one(jacobian)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        check_points(z, "z")
        with torch.no_grad():
            x = self._solve(z)
        moved, jacobian = self._bend(x)
        # One more step with the Jacobian held fixed: it carries the gradient of the implicit function.
        x = x - _solve_plus_one(jacobian.detach(), x + moved - z)
        return x, -_log_det_plus_one(self._bend(x)[1])

    def _solve(self, z: Tensor) -> Tensor:
        """A point has arrived when its error is down to rounding, or does not fall any more, as in theory it must."""
        x, before = z.clone(), z.new_full((len(z),), torch.inf)
        small = 8 * torch.finfo(z.dtype).eps * (1 + z.abs().amax(1)) if len(z) else z.new_zeros(0)
        moved, jacobian = self._bend(x)
        for _ in range(MOST_STEPS):
            error = x + moved - z
            size = _size(error)
            if ((size <= small) | (size >= before)).all():
                break
            newton, before = x - _solve_plus_one(jacobian, error), size
            newton_moved, newton_jacobian = self._bend(newton)
            comes_closer = _size(newton + newton_moved - z) < self.contraction * size
            x = torch.where(comes_closer[:, None], newton, z - moved)
            moved, jacobian = (newton_moved, newton_jacobian) if comes_closer.all() else self._bend(x)
        return x

    def _bend(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """g (B, 2) and its Jacobian (B, 2, 2), rows by output."""
        a = x.clamp(-CONDITIONER_LIMIT, CONDITIONER_LIMIT)
        is_inside = (x.abs() < CONDITIONER_LIMIT).to(x.dtype)
        slopes = torch.diag_embed(is_inside)  # (B, 2, 2): rows by input, what each unit gains by it
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bounded = _rows_within(weight, 1.0)
            angle = self.paces * linear(a, bounded, bias)
            a, slopes = angle.sin() / self.paces, (slopes @ bounded.T) * angle.cos()[:, None]
        last = _rows_within(self.last, self.contraction)
        return a @ last.T, (slopes @ last.T).transpose(1, 2)


def _size(x: Tensor) -> Tensor:
    """The largest coordinate of each row: (B, 2) -> (B,)."""
    return x.abs().amax(1)


def _rows_within(weight: Tensor, most: float) -> Tensor:
    """The weights with every row scaled down to absolute values that sum to at most `most`."""
    return weight * (most / weight.abs().sum(1, keepdim=True).clamp(min=most))


def _log_det_plus_one(jacobian: Tensor) -> Tensor:
    """log det(I + J) of (B, 2, 2), positive where J contracts."""
    a, b, c, d = jacobian.flatten(1).unbind(1)
    return ((1 + a) * (1 + d) - b * c).log()


def _solve_plus_one(jacobian: Tensor, right: Tensor) -> Tensor:
    """(I + J)^-1 right: (B, 2, 2), (B, 2) -> (B, 2)."""
    a, b, c, d = jacobian.flatten(1).unbind(1)
    first, second = right.unbind(1)
    det = (1 + a) * (1 + d) - b * c
    return torch.stack([(1 + d) * first - b * second, (1 + a) * second - c * first], 1) / det[:, None]
