"""p(x given z): what a decoder's outputs say about the pixels, as the exact mass of whole pixel values.

All but Bernoulli are masses over the values 0 ... levels - 1, so their bounds compare in bits per dimension; Bernoulli
speaks of the picture after each pixel was set to 0 or 1 with its brightness as the probability.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812  (the name that everyone uses)
from torch import Tensor, nn

from engines.errors import SettingError
from engines.noise import normal_rows, uniform_rows

WIDE = 2.0  # pixel values: a bell as wide as that or wider has a mean in closed form, to within 1e-5 of a value
LIKELIHOODS = ("bernoulli", "binomial", "gaussian", "logistic")


class Likelihood(nn.Module):
    """Base: independent pixels, one decoder output each.

    Args:
        event_shape: C, H, W.
        levels: Values that a pixel can take.
        n_models: K of a stacked decoder; None for a single one without that axis.
    """

    n_outputs = 1

    def __init__(self, event_shape: tuple[int, ...], levels: int, n_models: int | None = None) -> None:
        super().__init__()
        self.event_shape, self.levels = event_shape, levels
        self.lead = () if n_models is None else (n_models,)

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Nats of each picture: outputs (..., B, D), x (B, D) in 0 ... levels - 1 -> (..., B)."""
        return self.pixel_log_prob(outputs, x).sum(-1)

    def pixel_log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Nats of each pixel: outputs (..., B, D), x (B, D) -> (..., B, D)."""
        raise NotImplementedError

    def mean(self, outputs: Tensor) -> Tensor:
        """Expected pixel, the sum of value times mass, in 0 ... levels - 1: (..., B, D) -> (..., B, D)."""
        return (self.levels - 1) * outputs.sigmoid()

    def sample(self, outputs: Tensor, rng: torch.Generator) -> Tensor:
        """Pixels drawn for each output, by rows: (..., B, D) -> (..., B, D), 0 ... levels - 1."""
        raise NotImplementedError


class Bernoulli(Likelihood):
    """E over binarised pictures b of log p(b given z) = x log s(o) + (1 - x) log(1 - s(o)),  x in 0 ... 1.

    The usual loss for grey pictures read properly: each pixel is 1 with its brightness as the probability. It is the
    exact mass where pixels are 0 or 1, and no mass of grey values where they are not.
    """

    def pixel_log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """See the base."""
        return -F.binary_cross_entropy_with_logits(outputs, _fit(x, outputs) / (self.levels - 1), reduction="none")

    def sample(self, outputs: Tensor, rng: torch.Generator) -> Tensor:
        """See the base; black or white."""
        return (self.levels - 1) * (uniform_like(outputs, rng) < outputs.sigmoid()).to(outputs.dtype)


class Binomial(Likelihood):
    """P(x) = C(n, x) s(o)^x (1 - s(o))^(n - x),  n = levels - 1: for pixels that are counts."""

    def pixel_log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """See the base."""
        n = self.levels - 1
        ways = math.lgamma(n + 1) - torch.lgamma(x + 1) - torch.lgamma(n - x + 1)
        return ways - n * F.binary_cross_entropy_with_logits(outputs, _fit(x, outputs) / n, reduction="none")

    def sample(self, outputs: Tensor, rng: torch.Generator) -> Tensor:
        """See the base."""
        n, u, drawn = self.levels - 1, uniform_like(outputs, rng).double(), torch.zeros_like(outputs)
        log_inked, log_blank = F.logsigmoid(outputs.double()), F.logsigmoid(-outputs.double())
        mass_below = torch.zeros_like(u)
        for k in range(n):  # the smallest value at which the distribution function reaches u
            log_ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
            mass_below += (log_ways + k * log_inked + (n - k) * log_blank).exp()
            drawn += u >= mass_below
        return drawn


class _Located(Likelihood):
    """A bell with a learned width for each colour channel, cut into one bin for each pixel value.

    P(x) = F(x + 1/2) - F(x - 1/2); the lowest and the highest value take all that lies beyond them.
    """

    reach: float

    def __init__(self, event_shape: tuple[int, ...], levels: int, n_models: int | None = None) -> None:
        super().__init__(event_shape, levels, n_models)
        # In tenths, so that Adam moves it ten times as fast: it has a long way to go from where all widths begin.
        self.log_scale_tenths = nn.Parameter(torch.full((*self.lead, 1, event_shape[0]), math.log(0.1) / 10))

    def scale(self) -> Tensor:
        """Width in pixel values, between a tenth of a value and half of the range: (..., 1, D)."""
        low, high = math.log(0.1 / (self.levels - 1)), math.log(0.5)
        per_channel = (self.levels - 1) * (10 * self.log_scale_tenths).clamp(low, high).exp()
        return per_channel.repeat_interleave(math.prod(self.event_shape[1:]), dim=-1)

    def mean(self, outputs: Tensor) -> Tensor:
        """See the base: sum over values v of v P(v) = sum of P(x > v), with all that the two ends take.

        A bell much wider than a value makes that sum an integral, by Euler's and Maclaurin's formula to within 1e-5 of
        a value; else only values near the middle have anything to add up.
        """
        middle, scale = self.middle(outputs), self.scale()
        wide = self._wide_mean(middle, scale)
        narrowest = float(scale.detach().min())
        if narrowest >= WIDE:
            return wide
        return torch.where(scale >= WIDE, wide, self._narrow_mean(middle, scale.clamp(max=WIDE)))

    def _wide_mean(self, middle: Tensor, scale: Tensor) -> Tensor:
        """∫ F((middle - t) / scale) dt over 0 ... levels - 1, with two corrections for the sum at t + 1/2."""
        first, last = middle / scale, (middle - (self.levels - 1)) / scale
        area = scale * (self.ramp(first) - self.ramp(last))
        slopes = (self.bell(last) - self.bell(first)) / (24 * scale)
        bends = 7 * (self.bend(last) - self.bend(first)) / (5760 * scale**3)
        return (area + slopes - bends).clamp(0, self.levels - 1)

    def _narrow_mean(self, middle: Tensor, scale: Tensor) -> Tensor:
        """All values surely passed, and the chance to pass each value near the middle."""
        reach = math.ceil(self.reach * float(scale.detach().max()))
        place = middle.floor()
        total = (place - reach).clamp(0, self.levels - 1)
        for offset in range(-reach, reach + 1):
            value = place + offset
            is_value = (value >= 0) & (value <= self.levels - 2)
            total = total + torch.where(is_value, self.share_below((middle - value - 0.5) / scale), 0.0)
        return total

    def share_below(self, t: Tensor) -> Tensor:
        """F, the share of the bell below t widths."""
        raise NotImplementedError

    def ramp(self, t: Tensor) -> Tensor:
        """The integral of F up to t."""
        raise NotImplementedError

    def bell(self, t: Tensor) -> Tensor:
        """The slope of F."""
        raise NotImplementedError

    def bend(self, t: Tensor) -> Tensor:
        """The third derivative of F."""
        raise NotImplementedError

    def middle(self, outputs: Tensor) -> Tensor:
        """Where the bell stands, in pixel values; it may lie outside of 0 ... levels - 1."""
        return (self.levels - 1) * (outputs.clamp(-2, 2) + 0.5)  # beyond, tails have no digits left

    def edges(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Lower and upper edge of each pixel's bin in widths from the middle, and the width of a bin."""
        scale = self.scale()
        offset = x - self.middle(outputs)
        return (offset - 0.5) / scale, (offset + 0.5) / scale, 1 / scale

    def _round(self, value: Tensor) -> Tensor:
        return value.round().clamp(0, self.levels - 1)


class DiscretisedLogistic(_Located):
    """F is the logistic function.

    Source:
        Salimans et al. 2017, PixelCNN++, section 2.1, arXiv:1701.05517
    """

    reach = 17.0  # widths beyond which F is 0 or 1 in single precision

    def share_below(self, t: Tensor) -> Tensor:
        """See the base."""
        return t.sigmoid()

    def ramp(self, t: Tensor) -> Tensor:
        """See the base."""
        return F.softplus(t)

    def bell(self, t: Tensor) -> Tensor:
        """See the base."""
        return t.sigmoid() * (-t).sigmoid()

    def bend(self, t: Tensor) -> Tensor:
        """See the base."""
        bell = self.bell(t)
        return bell * (1 - 6 * bell)

    def pixel_log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """See the base; s(b) - s(a) = s(b) s(-a) (1 - exp(a - b)) loses no digits anywhere."""
        low, high, width = self.edges(outputs, x)
        below, above = F.logsigmoid(high), F.logsigmoid(-low)
        inside = below + above + torch.log(-torch.expm1(-width))
        return torch.where(x <= 0, below, torch.where(x >= self.levels - 1, above, inside))

    def sample(self, outputs: Tensor, rng: torch.Generator) -> Tensor:
        """See the base."""
        u = uniform_like(outputs, rng).clamp(1e-6, 1 - 1e-6)
        return self._round(self.middle(outputs) + self.scale() * torch.logit(u))


class DiscretisedGaussian(_Located):
    """F is the normal distribution function."""

    reach = 6.0

    def share_below(self, t: Tensor) -> Tensor:
        """See the base."""
        return torch.special.ndtr(t)

    def ramp(self, t: Tensor) -> Tensor:
        """See the base."""
        return t * torch.special.ndtr(t) + self.bell(t)

    def bell(self, t: Tensor) -> Tensor:
        """See the base."""
        return torch.exp(-0.5 * t.square()) / math.sqrt(2 * math.pi)

    def bend(self, t: Tensor) -> Tensor:
        """See the base."""
        return (t.square() - 1) * self.bell(t)

    def pixel_log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """See the base; the tail away from which the bin lies is the one that is computed."""
        low, high, _ = self.edges(outputs, x)
        is_right = low > 0
        near, far = torch.where(is_right, low, -high), torch.where(is_right, high, -low)
        log_near, log_far = torch.special.log_ndtr(-near), torch.special.log_ndtr(-far)
        inside = log_near + torch.log(-torch.expm1((log_far - log_near).clamp(max=-1e-6)))
        lowest, highest = torch.special.log_ndtr(high), torch.special.log_ndtr(-low)
        return torch.where(x <= 0, lowest, torch.where(x >= self.levels - 1, highest, inside))

    def sample(self, outputs: Tensor, rng: torch.Generator) -> Tensor:
        """See the base."""
        return self._round(self.middle(outputs) + self.scale() * normal_like(outputs, rng))


def build_likelihood(name: str, event_shape: tuple[int, ...], levels: int, n_models: int | None = None) -> Likelihood:
    """The likelihood of that name; "auto" takes binomial for few levels and the discretised logistic for many.

    Raises:
        SettingError: If there is none of that name.
    """
    if name == "auto":
        name = "binomial" if levels <= 32 else "logistic"
    kinds: dict[str, type[Likelihood]] = {
        "bernoulli": Bernoulli,
        "binomial": Binomial,
        "gaussian": DiscretisedGaussian,
        "logistic": DiscretisedLogistic,
    }
    if name not in kinds:
        raise SettingError(f"Expected a likelihood out of {', '.join(kinds)}, got {name[:40]!r}.")
    return kinds[name](event_shape, levels, n_models)


def uniform_like(outputs: Tensor, rng: torch.Generator) -> Tensor:
    """Uniform numbers whose row is the example, shape of the outputs (..., B, D)."""
    shape = outputs.movedim(-2, 0).shape
    return uniform_rows(*shape, rng=rng, like=outputs).movedim(0, -2)


def normal_like(outputs: Tensor, rng: torch.Generator) -> Tensor:
    """Standard-normal numbers whose row is the example, shape of the outputs (..., B, D)."""
    shape = outputs.movedim(-2, 0).shape
    return normal_rows(*shape, rng=rng, like=outputs).movedim(0, -2)


def _fit(x: Tensor, outputs: Tensor) -> Tensor:
    return x.expand(outputs.shape)
