"""The VAE of names, letter by letter: the sentence VAE of Bowman et al. in small, with its collapse and its cures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engines.batches import Measures, Split
from engines.datasets.base import Examples
from engines.errors import DataError, ShapeError
from engines.metrics.disentanglement import active_units
from engines.model_spec import ModelSpec, Phase
from engines.noise import normal_rows
from engines.plan import Plan
from engines.probes import ExampleProbe
from engines.settings import Settings, setting
from engines.tensors import make_rng, to_numpy
from engines.vae.name_nets import END, NameDecoder, NameEncoder, Written, clean
from engines.vae.objective import Objective, ObjectiveWeights
from engines.vae.vae import Posterior

N_FEATURES = 24  # of a letter
N_SHOWN = 24  # names of the fixed noise in a snapshot
MEASURED = 250  # examples, before the end
N_IMPORTANCE = 50  # samples of the importance-weighted bound at the end
MOST_READ = 4000  # names that the decoder reads at once
_BOUND_SEED = 97
_NOISE_SEED = 61


@dataclass(frozen=True)
class NameVaeSettings(Settings):
    """A VAE of names: what it pays for information, and how the decoder is kept from doing without the code."""

    beta: float = setting(
        0.6,
        "β",
        "Price of a nat of KL. 1 is the evidence bound, where the code easily falls out of use; less keeps more in it.",
        low=0.0,
        high=4.0,
        step=0.05,
    )
    warm_up: float = setting(
        0.3,
        "KL annealing (warm-up)",
        "Share of the training over which the price of KL rises from nothing: a cure for collapse.",
        low=0.0,
        high=1.0,
        step=0.05,
    )
    word_dropout: float = setting(
        0.2,
        "Word (letter) dropout",
        "Share of the earlier letters that the decoder may not see in training, so that it needs the code: a cure for "
        "collapse.",
        low=0.0,
        high=0.9,
        step=0.05,
    )
    free_bits: float = setting(
        0.0,
        "Free bits (nats)",
        "KL that each latent may spend without paying: a cure for collapse.",
        low=0.0,
        high=3.0,
        step=0.05,
    )
    n_latents: int = setting(16, "Latents", "Numbers in a code.", low=1, high=32, step=1)
    width: int = setting(
        96,
        "Width",
        "Units of the GRU that writes; the two that read have two thirds as many each.",
        low=16,
        high=256,
        step=16,
    )

    def prices(self) -> ObjectiveWeights:
        """What the model pays."""
        return ObjectiveWeights((self.beta,), (self.free_bits,), (0.0,), warm_up=self.warm_up)


class NameVae(nn.Module):
    """A VAE whose decoder writes letter by letter.

    log p(x) >= E over q(z given x) of log p(x given z) - KL(q(z given x) || p(z)) = -(distortion + rate)
    log p(x given z) = sum over t of log p(x_t given x_1 ... x_{t-1}, z), exact

    Args:
        n_symbols: V; symbol 0 ends and fills up a text.
        length: T, places of a text; the last one can only be the end.
        settings: See `NameVaeSettings`.

    Source:
        Bowman et al. 2016, Generating sentences from a continuous space, arXiv:1511.06349
    """

    n_models = 1
    uses_labels = False

    def __init__(self, n_symbols: int, length: int, settings: NameVaeSettings) -> None:
        super().__init__()
        self.n_symbols, self.event_shape, self.n_latents = n_symbols, (length,), settings.n_latents
        self.word_dropout = settings.word_dropout
        size = {"n_features": N_FEATURES, "width": settings.width, "n_latents": settings.n_latents}
        self.encoder = NameEncoder(n_symbols, **size)
        self.decoder = NameDecoder(n_symbols, length, **size)
        self.objective = Objective(settings.prices())

    # ---- both directions ----

    def encode(self, x: Tensor) -> Posterior:
        """q(z given x).

        Args:
            x: Tokens (B, T), whole numbers 0 ... V - 1; what comes after the first 0 is passed over.

        Returns:
            Posterior with mean and std (B, Z).

        Raises:
            ShapeError: If x has another shape.
        """
        mean, log_std = self.encoder(self._clean(x))
        return Posterior(mean, log_std.exp())

    def decode(self, z: Tensor, *, temperature: float = 0.0, rng: torch.Generator | None = None) -> Tensor:
        """Write a name for each latent.

        Args:
            z: Latents (B, Z).
            temperature: 0 takes the likeliest letter at each place (not always the likeliest whole name); 1 draws from
                p(x given z); between them letters are drawn from sharpened probabilities.
            rng: Random source; needed unless the temperature is 0.

        Returns:
            Tokens (B, T), zeros from the end on.

        Raises:
            ShapeError: If z is not (B, Z).
            ValueError: If letters are to be drawn without a random source.
        """
        self._check_latents(z)
        if temperature > 0 and rng is None:
            raise ValueError("Expected a random source for a temperature above 0; pass rng.")
        return self.decoder.write(z, temperature=temperature, rng=rng if temperature > 0 else None).tokens

    def spell(self, z: Tensor) -> Written:
        """Write greedily, and tell what each letter was chosen from: z (B, Z) -> tokens (B, T), logits (B, T, V)."""
        self._check_latents(z)
        return self.decoder.write(z)

    def letter_logits(self, prefix: Tensor, z: Tensor) -> Tensor:
        """Logits of the letter that comes next, given a code.

        Args:
            prefix: Letters so far (B, t) with t < T - 1; t = 0 asks for the first.
            z: Latents (B, Z).

        Returns:
            Shape (B, V).

        Raises:
            ShapeError: If prefix or z has another shape.
        """
        self._check_latents(z)
        if prefix.ndim != 2 or prefix.shape[1] >= self.event_shape[0] - 1:
            raise ShapeError(f"Expected prefix of shape (B, t < {self.event_shape[0] - 1}), got {tuple(prefix.shape)}.")
        return self.decoder.next_logits(prefix.long(), z)

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Draw latents from the prior, then letters from the likelihood.

        Args:
            n: How many.
            rng: Random source.
            temperature: Factor on the standard deviation of the prior, and p^(1/T) of each letter: 1 samples the
                model itself, 0 writes the one name at z = 0.

        Returns:
            Tokens (n, T), zeros from the end on.
        """
        z = temperature * normal_rows(n, self.n_latents, rng=rng, like=next(self.parameters()))
        return self.decode(z, temperature=temperature, rng=rng)

    # ---- bounds ----

    def log_prob_given(self, x: Tensor, z: Tensor) -> Tensor:
        """Exact log p(x given z) of tokens (B, T) and latents (B, Z): nats, shape (B,)."""
        self._check_latents(z)
        return self.decoder.log_prob(self._clean(x), z)

    def log_prob_bound(self, x: Tensor, n_importance: int = 1, *, rng: torch.Generator | None = None) -> Tensor:
        """A lower bound on log p(x) that holds in the mean over its noise.

        One sample gives the evidence lower bound with its KL in closed form; n of them the importance-weighted bound
        log (1/n) sum_i p(x, z_i) / q(z_i given x), which grows with n towards log p(x).

        Args:
            x: Tokens (B, T).
            n_importance: Samples for each example.
            rng: Random source; None: one of a fixed seed.

        Returns:
            Nats, shape (B,).

        Source:
            Burda, Grosse, Salakhutdinov 2016, Importance weighted autoencoders, eq. 8, arXiv:1509.00519
        """
        rng = rng or make_rng(_BOUND_SEED)
        if n_importance == 1:
            noise = normal_rows(len(x), self.n_latents, rng=rng, like=next(self.parameters()))
            kl, distortion = self.rate_and_distortion(x, noise)
            return -distortion[0] - kl[0].sum(-1)
        posterior, tokens = self.encode(x), self._clean(x)
        noise = normal_rows(len(x), n_importance, self.n_latents, rng=rng, like=posterior.mean).transpose(0, 1)
        at_once = max(1, MOST_READ // len(x))
        weights = [self._log_weights(tokens, posterior, some) for some in noise.split(at_once)]
        return torch.cat(weights).logsumexp(0) - math.log(n_importance)

    def rate_and_distortion(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """KL of each latent (1, B, Z) and -log p(x given z) (1, B), nats, at latents of given noise (B, Z)."""
        posterior = self.encode(x)
        distortion = -self.decoder.log_prob(self._clean(x), posterior.sample(noise))
        return posterior.kl()[None], distortion[None]

    # ---- training ----

    def begin_step(self, share: float) -> None:
        """Hear how much of the training is done, 0 ... 1."""
        self.objective.share = share

    def phases(self) -> tuple[Phase, ...]:
        """One phase: reader and writer learn together."""
        return (Phase("fit", tuple(self.parameters()), self._loss),)

    def observe(self, probe: ExampleProbe) -> dict[str, np.ndarray]:
        """Names of fixed noise, names rebuilt from the means of their codes, and the codes of all examples.

        samples, reconstructions (N_SHOWN, T) uint8, letters chosen greedily; kl (1, Z) nats; means (1, N, Z).
        """
        with torch.inference_mode():
            posterior = self.encode(probe.examples)
            return {
                "samples": self._names(self._fixed_noise(probe)),
                "reconstructions": self._names(posterior.mean[:N_SHOWN]),
                "kl": to_numpy(posterior.kl().mean(0, keepdim=True)),
                "means": to_numpy(posterior.mean[None]),
            }

    def measure(self, held_out: Split, seen: Split, *, is_last: bool) -> Measures:
        """Bound, rate and distortion on held-out names, on all of them at the end; a list of one number each.

        bound: mean evidence lower bound, nats; bound_error: its standard error over the names; rate, distortion: its
        two parts; seen_bound: the bound on names of the training; active_units: latents whose posterior mean varies
        by more than 0.01; nats_per_letter, bits_per_letter: minus the bound for each letter, the end counted as one;
        exact_share: names that are rebuilt letter for letter from the mean of their code; bound_50: at the end, the
        importance-weighted bound with 50 samples.
        """
        x = self._clean(held_out.x[: None if is_last else MEASURED])
        rate, distortion, means = self._look(x)
        seen_rate, seen_distortion, seen_means = self._look(seen.x[:MEASURED])
        bound, letters = -(rate + distortion), float((x != END).sum() + len(x))
        measures = {
            "bound": float(bound.mean()),
            "bound_error": float(bound.std() / math.sqrt(len(bound))),
            "rate": float(rate.mean()),
            "distortion": float(distortion.mean()),
            "seen_bound": -float((seen_rate + seen_distortion).mean()),
            "active_units": float(active_units(to_numpy(seen_means)).sum()),
            "nats_per_letter": -float(bound.sum()) / letters,
            "bits_per_letter": -float(bound.sum()) / letters / math.log(2),
            "exact_share": float((self.decode(means) == x).all(1).float().mean()),
        }
        if is_last:
            measures["bound_50"] = float(self.log_prob_bound(x, N_IMPORTANCE).mean())
        return {name: [value] for name, value in measures.items() if math.isfinite(value)}

    # ---- inside ----

    def _loss(self, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        tokens, posterior = self._clean(x), self.encode(x)
        z = posterior.sample(torch.randn(posterior.mean.shape, generator=rng, device=x.device))
        kl, distortion = posterior.kl(), -self.decoder.log_prob(tokens, z, self._hidden(tokens, rng))
        loss = self.objective(distortion[None], kl[None]).sum()
        return {"loss": loss, "distortion": distortion.detach().mean(), "rate": kl.detach().sum(-1).mean()}

    def _hidden(self, tokens: Tensor, rng: torch.Generator) -> Tensor | None:
        """Which letters the decoder may not see."""
        if self.word_dropout == 0:
            return None
        return torch.rand(tokens.shape, generator=rng, device=tokens.device) < self.word_dropout

    def _log_weights(self, tokens: Tensor, q: Posterior, noise: Tensor) -> Tensor:
        """log p(x, z) / q(z given x) at n latents of each example, of noise (n, B, Z): (n, B)."""
        z = q.sample(noise)
        log_prior, log_q = -0.5 * z.square().sum(-1), -0.5 * noise.square().sum(-1) - q.std.log().sum(-1)
        log_p = self.decoder.log_prob(tokens.repeat(len(z), 1), z.flatten(0, 1)).view(len(z), -1)
        return log_prior - log_q + log_p

    def _look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rate and distortion of each name, nats, each (B,), and the means of their codes (B, Z)."""
        posterior = self.encode(x)
        noise = normal_rows(len(x), self.n_latents, rng=make_rng(_NOISE_SEED), like=posterior.mean)
        distortion = -self.decoder.log_prob(self._clean(x), posterior.sample(noise))
        return posterior.kl().sum(-1), distortion, posterior.mean

    def _fixed_noise(self, probe: ExampleProbe) -> Tensor:
        """As many rows of latents as the probe's noise gives, at most N_SHOWN."""
        n = min(N_SHOWN, probe.noise.numel() // self.n_latents)
        return probe.noise.flatten()[: n * self.n_latents].view(n, self.n_latents)

    def _names(self, z: Tensor) -> np.ndarray:
        return to_numpy(self.decode(z).to(torch.uint8))

    def _clean(self, x: Tensor) -> Tensor:
        if tuple(x.shape[1:]) != self.event_shape or x.ndim != 2:
            raise ShapeError(f"Expected x of shape (B, {self.event_shape[0]}), got {tuple(x.shape)}.")
        return clean(x)

    def _check_latents(self, z: Tensor) -> None:
        if z.ndim != 2 or z.shape[1] != self.n_latents:
            raise ShapeError(f"Expected z of shape (B, {self.n_latents}), got {tuple(z.shape)}.")


def build_name_vae(settings: NameVaeSettings, examples: Examples) -> NameVae:
    """A VAE for these texts.

    Raises:
        DataError: If they are no texts.
    """
    if len(examples.event_shape) != 1:
        raise DataError("A VAE of names needs texts, such as the place names; this set has none.")
    return NameVae(examples.levels, examples.event_shape[0], settings)


ABSENT: Mapping[str, str] = {
    "log_prob": "The integral over all latents has no closed form: a VAE gives a bound instead.",
    "log_prob_estimate": "In many dimensions no estimate of it is safe; the importance-weighted bound comes closest.",
    "to_latent": "A name has a cloud of latents, not one: use encode.",
    "to_data": "A latent has a distribution over names, not one: use decode.",
    "layers_to_latent": "Its nets are not invertible, so their layers keep no count of volume.",
    "score": "Letters are no numbers that could be moved a little: there is no gradient with respect to them.",
    "denoise": "It knows the clean data only, not the data at each noise level.",
    "discriminate": "There is no discriminator: the bound itself is the objective.",
    "next_token_logits": "Without a code it is an integral over all codes; given one it is exact: use letter_logits.",
    "sample_path": "The code is drawn at once; the letters that follow are no states of the whole name.",
}

COLLAPSED = NameVaeSettings(beta=1.0, warm_up=0.0, word_dropout=0.0)

NAME_VAE = ModelSpec(
    key="name_vae",
    family="vae",
    title="Sentence VAE",
    idea="An encoder turns a name into a cloud of codes, a decoder writes a name from any code, letter by letter.",
    settings=NameVaeSettings,
    build=build_name_vae,
    presets={
        "collapsed": COLLAPSED,
        "free bits": NameVaeSettings(beta=1.0, warm_up=0.0, word_dropout=0.0, free_bits=0.5),
    },
    paper="Bowman et al. 2016, Generating sentences from a continuous space, arXiv:1511.06349",
    absent=ABSENT,
    takes=("text",),
    plan=Plan(steps=2000, batch_size=64, learning_rate=5e-3),
)
