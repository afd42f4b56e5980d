"""VQ-VAE of two levels: a coarse and a fine map of codes for each picture, and a learned prior over both maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from engines.batches import Measures, Split
from engines.errors import ShapeError
from engines.model_spec import Phase
from engines.probes import ExampleProbe
from engines.settings import Settings, setting
from engines.tensors import make_rng, to_numpy
from engines.vae.code_prior import CodePrior
from engines.vae.likelihoods import build_likelihood
from engines.vae.quantizer import Quantized, VectorQuantizer, count_codes, perplexity
from engines.vae.vq_nets import (
    build_bottom_encoder,
    build_decoder,
    build_doubling,
    build_top_encoder,
    count_halvings,
    padded_size,
)

REPLACES_UNTIL = 0.6  # share of the training: after it codes keep their meaning, so that decoder and prior settle
PRIOR_SHARE = 0.5  # of a batch that the prior learns from: a picture costs it twice what it costs the rest
MEASURED = 256  # examples of each part, before the end
CHUNK = 250
_SHOWN_SEED = 1234


@dataclass(frozen=True)
class VqVaeSettings(Settings):
    """Size of a VQ-VAE, and how its codebooks are looked after."""

    n_codes: int = setting(
        64,
        "Codes",
        "Codes of each level. A picture is nothing but numbers of codes.",
        low=2,
        high=512,
        step=1,
        is_log=True,
    )
    code_features: int = setting(
        16, "Code dimension", "Length of a code. Few make it easy for every code to be used.", low=2, high=64, step=1
    )
    n_channels: int = setting(32, "Width", "Features of each place inside the nets.", low=8, high=64, step=8)
    commitment: float = setting(
        0.25,
        "Commitment loss weight",
        "How strongly the encoder is pulled to the codes it chose. At 0 it may run away from them.",
        low=0.0,
        high=4.0,
        step=0.05,
    )
    keeps_codes_alive: bool = setting(
        True,
        "Codebook restart",
        "Codes begin at encoder outputs, and hardly used ones are moved to new ones. Off: watch the codebook collapse.",
    )
    prior_width: int = setting(
        64, "Prior width", "Features of each place in the Transformer over the codes.", low=16, high=128, step=16
    )
    prior_layers: int = setting(2, "Prior layers", "Blocks of the Transformer over the codes.", low=1, high=4, step=1)
    hidden_share: float = setting(
        0.0,
        "Mask rate",
        "Share of the earlier codes that the prior may not see while it learns: keeps it from learning few pictures by "
        "heart.",
        low=0.0,
        high=0.5,
        step=0.05,
    )


class _Encoded(NamedTuple):
    """A batch on its way: what each quantizer was given, channels last, and what it made of it."""

    top_input: Tensor
    bottom_input: Tensor
    top: Quantized
    bottom: Quantized


class VqVae(nn.Module):
    """A picture becomes a coarse (top) and a fine (bottom) map of codes, and is drawn from both.

        log p(x) >= log p(top, bottom) + log p(x given top, bottom)   at the maps of x

    Codes are a function of x, so that this is one term of the sum over all maps: a bound for every single x, without
    any noise. The bottom encoder sees the top codes, the decoder sees both.

    Args:
        event_shape: C, H, W.
        levels: Values of a pixel.
        settings: See `VqVaeSettings`.

    Source:
        van den Oord et al. 2017, arXiv:1711.00937; two levels: Razavi et al. 2019, VQ-VAE-2, algorithm 1,
        arXiv:1906.00446
    """

    def __init__(self, event_shape: tuple[int, ...], levels: int, settings: VqVaeSettings) -> None:
        super().__init__()
        self.event_shape, self.levels, self.settings = event_shape, levels, settings
        self.n_halvings = count_halvings(event_shape)
        self.padded = padded_size(event_shape, self.n_halvings)
        self.bottom_shape = tuple(side >> self.n_halvings for side in self.padded)
        self.top_shape = tuple(side // 2 for side in self.bottom_shape)
        n, n_features = settings.n_channels, settings.code_features
        self.bottom_encoder = build_bottom_encoder(event_shape[0], self.n_halvings, n)
        self.top_encoder = build_top_encoder(n, n_features)
        self.top_up = build_doubling(n_features, n)
        self.bottom_head = nn.Conv2d(2 * n, n_features, 1)
        self.decoder = build_decoder(n + n_features, n, self.n_halvings, event_shape[0])
        keep = {"keeps_alive": settings.keeps_codes_alive}
        self.top_quantizer = VectorQuantizer(settings.n_codes, settings.code_features, **keep)
        self.bottom_quantizer = VectorQuantizer(settings.n_codes, settings.code_features, **keep)
        self.likelihood = build_likelihood("auto", event_shape, levels)
        lengths = (math.prod(self.top_shape), math.prod(self.bottom_shape))
        self.prior = CodePrior(
            settings.n_codes,
            lengths,
            width=settings.prior_width,
            n_layers=settings.prior_layers,
            hidden_share=settings.hidden_share,
        )

    # ---- both directions ----

    def codes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The numbers of a picture's codes.

        Args:
            x: Pictures (B, C, H, W) in 0 ... levels - 1.

        Returns:
            Top (B, h, w) and bottom (B, 2 h, 2 w), int64.

        Raises:
            ShapeError: If x has another shape.
        """
        with torch.no_grad():
            encoded = self._encode(x)
        return encoded.top.codes, encoded.bottom.codes

    def decode_codes(self, top: Tensor, bottom: Tensor) -> Tensor:
        """The expected picture of maps of codes: (B, h, w) and (B, 2 h, 2 w) -> (B, C, H, W) in 0 ... levels - 1.

        Raises:
            ShapeError: If a map has another shape.
        """
        return self._as_events(self.likelihood.mean(self._outputs_of(top, bottom)))

    def reconstruct(self, x: Tensor) -> Tensor:
        """What is left of pictures (B, C, H, W) after they went through their codes: the expected picture."""
        return self.decode_codes(*self.codes(x))

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Draw codes from the prior, then pixels from the likelihood.

        Args:
            n: How many.
            rng: Random source.
            temperature: Of the prior over codes; 0 takes the likeliest code each time.

        Returns:
            Shape (n, C, H, W), whole numbers 0 ... levels - 1.
        """
        with torch.no_grad():
            outputs = self._outputs_of(*self.sample_codes(n, rng=rng, temperature=temperature))
            return self._as_events(self.likelihood.sample(outputs, rng))

    def sample_codes(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
        """Draw top (n, h, w) and bottom (n, 2 h, 2 w) codes from the prior; `decode_codes` shows them without noise."""
        codes = self.prior.sample(n, rng=rng, temperature=temperature)
        top, bottom = codes.split(self.prior.lengths, dim=1)
        return top.view(n, *self.top_shape), bottom.view(n, *self.bottom_shape)

    # ---- the bound ----

    def log_prob_bound(self, x: Tensor, n_importance: int = 1) -> Tensor:
        """A lower bound on log p(x), the same at each call.

        Args:
            x: Pictures (B, C, H, W) of whole numbers 0 ... levels - 1.
            n_importance: Changes nothing: the codes of a picture are certain, so that more draws are the same draw.

        Returns:
            Nats, shape (B,).
        """
        rate, distortion = self.rate_and_distortion(x)
        return -(rate + distortion)

    def rate_and_distortion(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """-log p(codes) and -log p(x given codes) of pictures (B, C, H, W), nats, each (B,)."""
        encoded = self._encode(x)
        rate = -self.prior.log_prob(_flatten(encoded.top.codes, encoded.bottom.codes))
        return rate, -self.likelihood.log_prob(self._outputs(encoded.top.vectors, encoded.bottom.vectors), x.flatten(1))

    # ---- training ----

    def begin_step(self, share: float) -> None:
        """Hear how much of the training is done, 0 ... 1."""
        for quantizer in (self.top_quantizer, self.bottom_quantizer):
            quantizer.may_replace = quantizer.keeps_alive and share < REPLACES_UNTIL

    def phases(self) -> tuple[Phase, ...]:
        """Two phases: encoder, codebooks and decoder learn to copy, the prior learns which codes occur together."""
        prior = {id(parameter) for parameter in self.prior.parameters()}
        others = tuple(parameter for parameter in self.parameters() if id(parameter) not in prior)
        return Phase("codes", others, self._code_loss), Phase("prior", tuple(self.prior.parameters()), self._prior_loss)

    def observe(self, probe: ExampleProbe) -> dict[str, np.ndarray]:
        """Pictures of M examples and of M draws, the maps of codes of the former, and how all N use the codes.

        reconstructions, samples (M, C, H, W) uint8; top_codes (M, h, w), bottom_codes (M, 2 h, 2 w) int16;
        top_usage, bottom_usage (K,) shares.
        """
        n, rng = probe.n_pictures, make_rng(_SHOWN_SEED)
        with torch.inference_mode():
            top, bottom = self.codes(probe.examples)
            return {
                "reconstructions": self._pictures(top[:n], bottom[:n]),
                "samples": self._pictures(*self.sample_codes(n, rng=rng)),
                "top_codes": to_numpy(top[:n].short()),
                "bottom_codes": to_numpy(bottom[:n].short()),
                "top_usage": self._usage(top),
                "bottom_usage": self._usage(bottom),
            }

    def measure(self, held_out: Split, seen: Split, *, is_last: bool) -> Measures:
        """The bound and its parts, and how well the codebooks are used; on all examples of both parts at the end.

        Each is a list of one number, as of a run of one model.

        bound: mean on held-out examples, nats; bound_error: its standard error over the examples; bits_per_dim: the
        same as bits for each pixel and channel; rate, distortion: its parts, -log p(codes) and -log p(x given codes);
        uniform_rate: what the rate would be if all codes were equally likely; seen_bound: the bound on examples of the
        training; reconstruction_error: mean squared error of a pixel in 0 ... 1; top_ and bottom_perplexity, _codes:
        perplexity of the codes over all held-out examples, and how many of the K occur.
        """
        n = None if is_last else MEASURED
        rate, distortion = self._rates(held_out.x[:n])
        seen_rate, seen_distortion = self._rates(seen.x[:n])
        bound = -(rate + distortion)
        measures = {
            "bound": float(bound.mean()),
            "bound_error": float(bound.std() / math.sqrt(len(bound))),
            "bits_per_dim": float(-bound.mean() / (math.prod(self.event_shape) * math.log(2))),
            "rate": float(rate.mean()),
            "distortion": float(distortion.mean()),
            "uniform_rate": self.prior.n_positions * math.log(self.settings.n_codes),
            "seen_bound": -float((seen_rate + seen_distortion).mean()),
        } | self._measure_codes(held_out.x)
        return {name: [value] for name, value in measures.items()}

    # ---- inside ----

    def _encode(self, x: Tensor) -> _Encoded:
        self._check(x)
        bottom = self.bottom_encoder(self._scaled(x))
        top_input = _channels_last(self.top_encoder(bottom))
        top = self.top_quantizer(top_input)
        above = self.top_up(_channels_first(top.vectors))
        bottom_input = _channels_last(self.bottom_head(torch.cat([bottom, above], dim=1)))
        return _Encoded(top_input, bottom_input, top, self.bottom_quantizer(bottom_input))

    def _outputs(self, top: Tensor, bottom: Tensor) -> Tensor:
        """The likelihood's outputs (B, D) for the vectors of both maps, channels last."""
        above = self.top_up(_channels_first(top))
        pixels = self.decoder(torch.cat([above, _channels_first(bottom)], dim=1))
        return pixels[:, :, : self.event_shape[1], : self.event_shape[2]].flatten(1)

    def _outputs_of(self, top: Tensor, bottom: Tensor) -> Tensor:
        for name, codes, shape in (("top", top, self.top_shape), ("bottom", bottom, self.bottom_shape)):
            if tuple(codes.shape[1:]) != shape:
                raise ShapeError(f"Expected {name} of shape (B, {shape[0]}, {shape[1]}), got {tuple(codes.shape)}.")
        return self._outputs(self.top_quantizer.vectors(top), self.bottom_quantizer.vectors(bottom))

    def _code_loss(self, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Nats of a pixel, and the pull to the codes; moves the codebooks."""
        encoded = self._encode(x)
        outputs = self._outputs(encoded.top.vectors, encoded.bottom.vectors)
        distortion = -self.likelihood.log_prob(outputs, x.flatten(1)).mean()
        commitment = encoded.top.commitment + encoded.bottom.commitment
        self.top_quantizer.learn(encoded.top_input, rng)
        self.bottom_quantizer.learn(encoded.bottom_input, rng)
        loss = distortion / math.prod(self.event_shape) + self.settings.commitment * commitment
        return {"loss": loss, "distortion": distortion.detach(), "commitment": commitment.detach()}

    def _prior_loss(self, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        x = x[: math.ceil(len(x) * PRIOR_SHARE)]
        return {"loss": self.prior.loss(_flatten(*self.codes(x)), rng)}

    def _rates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rates = [self.rate_and_distortion(chunk) for chunk in x.split(CHUNK)]
        return torch.cat([rate for rate, _ in rates]), torch.cat([distortion for _, distortion in rates])

    def _measure_codes(self, x: Tensor) -> dict[str, float]:
        error, counts = 0.0, torch.zeros(2, self.settings.n_codes)
        for chunk in x.split(CHUNK):
            top, bottom = self.codes(chunk)
            error += float((self.decode_codes(top, bottom) - chunk).square().sum()) / (self.levels - 1) ** 2
            counts += torch.stack([count_codes(codes, self.settings.n_codes).cpu() for codes in (top, bottom)])
        measures = {"reconstruction_error": error / x.numel()}
        for name, each in zip(("top", "bottom"), counts, strict=True):
            measures |= {f"{name}_perplexity": perplexity(each), f"{name}_codes": float((each > 0).sum())}
        return measures

    def _check(self, x: Tensor) -> None:
        if tuple(x.shape[1:]) != self.event_shape or x.ndim != 4:
            raise ShapeError(f"Expected x of shape (B, {', '.join(map(str, self.event_shape))}), got {tuple(x.shape)}.")

    def _scaled(self, x: Tensor) -> Tensor:
        """Pixels as the encoder reads them, -1 ... 1, the last row and column repeated up to a size that halves."""
        below, right = self.padded[0] - x.shape[2], self.padded[1] - x.shape[3]
        return F.pad(x * (2 / (self.levels - 1)) - 1, (0, right, 0, below), mode="replicate")

    def _as_events(self, flat: Tensor) -> Tensor:
        return flat.view(-1, *self.event_shape)

    def _pictures(self, top: Tensor, bottom: Tensor) -> np.ndarray:
        bright = self.decode_codes(top, bottom) * (255 / (self.levels - 1))
        return to_numpy(bright.round().to(torch.uint8))

    def _usage(self, codes: Tensor) -> np.ndarray:
        return to_numpy(count_codes(codes, self.settings.n_codes) / codes.numel())


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def _flatten(top: Tensor, bottom: Tensor) -> Tensor:
    """Both maps as one sequence, the top first: (B, T)."""
    return torch.cat([top.flatten(1), bottom.flatten(1)], dim=1)
