"""What is measured of a translation between two densities of the plane: where points land, and who comes from whom."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.metrics.distances import check_sets, squared_distances
from engines.metrics.modes import mode_shares

FAR = 0.5  # of a domain's width: neighbours after the translation that were farther apart than that before were folded
FAITHFUL = 0.8  # share of a mode's points that must stay together


def folded_share(x: Tensor, made: Tensor, width: float) -> float:
    """Share of points whose nearest neighbour after the translation came from far away: the map is many to one there.

    Args:
        x: Points before, shape (N, 2).
        made: The same points translated, shape (N, 2).
        width: Standard deviation of the domain of x along an axis.

    Returns:
        0 for a map that only stretches and turns; that of a random pairing for one that forgets where it came from.

    Raises:
        ShapeError: If there are fewer than two points.
        DataError: If a number is not finite.
    """
    check_sets(x, made, least=2)
    apart = squared_distances(made.double(), made.double())
    apart.fill_diagonal_(float("inf"))
    return float(((x - x[apart.argmin(1)]).norm(dim=1) > FAR * width).double().mean())


def mode_table(x: Tensor, made: Tensor, modes: Tensor, targets: Tensor) -> Tensor:
    """Where the points of each mode go: rows of shares, (modes of A, modes of B); a mode without points has zeros.

    Raises:
        ShapeError: If there are no points.
        DataError: If a number is not finite.
    """
    check_sets(x, made)
    source = squared_distances(x.double(), modes.to(x.device).double()).argmin(1)
    rows = []
    for k in range(len(modes)):
        own = made[source == k]
        rows.append(mode_shares(own, targets) if len(own) else torch.zeros(len(targets), dtype=torch.float64))
    return torch.stack(rows)


def kept_modes(table: Tensor) -> int:
    """How many modes go, with FAITHFUL of their points or more, to a mode to which no other mode goes mainly."""
    best, places = table.max(1)
    counts = torch.bincount(places, minlength=table.shape[1])
    return int(((best >= FAITHFUL) & (counts[places] == 1)).sum())
