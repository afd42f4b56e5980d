"""Invertible layers. Each goes both ways and tells by how much it stretched space.

To add one: subclass `Bijection` and write `to_latent` and `to_data`; the conformance tests check the round
trip and hold the log-determinant against autograd. A layer that is a path in time also writes `ways_to_latent` and
`ways_to_data`, so that it can be watched on its way.
"""

from __future__ import annotations

from torch import Tensor, nn

# Conditioner inputs are clamped here, in units of the data's standard deviation: far beyond any data, and it
# keeps shift and scale of points at 1e4 finite where unbounded couplings overflow.
CONDITIONER_LIMIT = 30.0


class Bijection(nn.Module):
    """An invertible map of the plane (or of any vector space) with a known log-determinant.

    Attributes:
        name: One or two words for a chart.
        tolerance: To how much its round trip is exact in float64; 0 where both directions are closed forms.
    """

    name = "layer"
    tolerance = 0.0

    def begin_with(self, x: Tensor) -> None:
        """Set what begins from data by a first batch (B, D); most layers have nothing to set."""

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Data side to latent side: (z (B, D), log |det dz/dx| (B,))."""
        raise NotImplementedError

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Latent side to data side: (x (B, D), log |det dx/dz| (B,))."""
        raise NotImplementedError

    def ways_to_latent(self, x: Tensor, n: int) -> list[tuple[Tensor, Tensor]]:
        """States on the way from x, each with log |det| from x to it; the last one is that of `to_latent`.

        Args:
            x: Shape (B, D).
            n: How many states a path in time tells, evenly in time; any other layer has only its end.
        """
        return [self.to_latent(x)]

    def ways_to_data(self, z: Tensor, n: int) -> list[tuple[Tensor, Tensor]]:
        """States on the way from z, each with log |det| from z to it; the last one is that of `to_data`."""
        return [self.to_data(z)]


class Standardize(Bijection):
    """Centre and scale each axis by the data's known mean and standard deviation; nothing is learned.

    It makes every density of the flow a density in data units.

    Args:
        mean: Shape (D,), data units.
        std: Shape (D,), data units, positive.
    """

    name = "standardize"

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())
        self.mean: Tensor
        self.std: Tensor

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x - self.mean) / self.std, -self._log_scale(x)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean + self.std * z, self._log_scale(z)

    def _log_scale(self, x: Tensor) -> Tensor:
        return self.std.log().sum().expand(len(x))


class Inverted(Bijection):
    """A layer the other way round: what was slow is fast, and what was fast is slow.

    Args:
        layer: What is turned round.
    """

    def __init__(self, layer: Bijection) -> None:
        super().__init__()
        self.layer = layer
        self.name = f"inverse {layer.name}"
        self.tolerance = layer.tolerance

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.layer.to_data(x)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.layer.to_latent(z)

    def ways_to_latent(self, x: Tensor, n: int) -> list[tuple[Tensor, Tensor]]:
        return self.layer.ways_to_data(x, n)

    def ways_to_data(self, z: Tensor, n: int) -> list[tuple[Tensor, Tensor]]:
        return self.layer.ways_to_latent(z, n)
