"""What is measured of a stack of VAEs at each snapshot: a list over the models for each number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engines.metrics.disentanglement import (
    active_units,
    dci,
    factor_entropies,
    factor_vae_score,
    mig,
    mutual_information,
    sap,
)
from engines.noise import normal_rows
from engines.tensors import make_rng, to_numpy

if TYPE_CHECKING:
    from engines.batches import Measures, Split
    from engines.vae.vae import Vae

MEASURED = 500  # examples: always the same ones, so that bounds of different steps compare
CHUNK = 250
N_IMPORTANCE = 500
MOST_DECODED = 200_000  # latents decoded for the importance-weighted bound
FACTOR_EXAMPLES = 2000
SLOW_EXAMPLES = 800  # for the scores that train classifiers
_NOISE_SEED = 61


def measure_vae(vae: Vae, held_out: Split, seen: Split, *, is_last: bool) -> Measures:
    """The measures of `Vae.measure`.

    bound: mean evidence lower bound on held-out examples, nats; bound_error: its standard error over the examples;
    bits_per_dim: the same as bits for each pixel and channel; rate, distortion: its two parts; seen_bound: the bound
    on examples of the training; active_units: latents whose posterior mean varies by more than 0.01; mig: the mutual
    information gap on examples with known factors, and at the end sap, dci and factor_vae too (see `scores`);
    bound_500: at the end of a single model's training, the importance-weighted bound with 500 samples.
    """
    rate, distortion = rates(vae, held_out, MEASURED)
    seen_rate, seen_distortion = rates(vae, seen, MEASURED)
    bound = -(rate + distortion)
    d = math.prod(vae.event_shape)
    measures: dict[str, float | list[float]] = {
        "bound": _list(bound.mean(1)),
        "bound_error": _list(bound.std(1) / math.sqrt(bound.shape[1])),
        "bits_per_dim": _list(-bound.mean(1) / (d * math.log(2))),
        "rate": _list(rate.mean(1)),
        "distortion": _list(distortion.mean(1)),
        "seen_bound": _list(-(seen_rate + seen_distortion).mean(1)),
    }
    means = posterior_means(vae, seen, FACTOR_EXAMPLES if is_last else MEASURED)
    measures["active_units"] = [float(active_units(each).sum()) for each in means]
    if seen.factors is not None:
        measures |= scores(means, to_numpy(seen.factors), is_last=is_last)
    if is_last and vae.n_models == 1:
        measures["bound_500"] = [importance_bound(vae, held_out)]
    return measures


def rates(vae: Vae, part: Split, n: int | None = None) -> tuple[Tensor, Tensor]:
    """Rate and distortion of each example of a part, nats, each (K, N)."""
    x, labels = part.x[:n], None if part.labels is None else part.labels[:n]
    noise = normal_rows(len(x), vae.n_latents, rng=make_rng(_NOISE_SEED), like=x)
    chunks = [slice(i, i + CHUNK) for i in range(0, len(x), CHUNK)]
    found = [vae.rate_and_distortion(x[at], noise[at], None if labels is None else labels[at]) for at in chunks]
    return torch.cat([kl.sum(-1) for kl, _ in found], 1), torch.cat([distortion for _, distortion in found], 1)


def posterior_means(vae: Vae, part: Split, n: int) -> np.ndarray:
    """Means of q(z given x) of the first n examples: (K, n, Z)."""
    x, labels = part.x[:n], None if part.labels is None else part.labels[:n]
    chunks = [slice(i, i + CHUNK) for i in range(0, len(x), CHUNK)]
    means = [vae.encode_all(x[at], None if labels is None else labels[at]).mean for at in chunks]
    return to_numpy(torch.cat(means, 1))


def scores(means: np.ndarray, factors: np.ndarray, *, is_last: bool) -> dict[str, list[float]]:
    """Disentanglement scores of each model, on the means of q(z given x): MIG always, the slower ones at the end.

    Args:
        means: Codes (K, N, Z).
        factors: Factors of at least N examples, (N, F).
        is_last: Whether to compute SAP, DCI and the FactorVAE score too.
    """
    factors = factors[: means.shape[1]]
    entropies = factor_entropies(factors)
    found = {"mig": [mig(mutual_information(codes, factors), entropies)[0] for codes in means]}
    if is_last:
        rng, few = np.random.default_rng(_NOISE_SEED), slice(SLOW_EXAMPLES)
        found["sap"] = [sap(codes[few], factors[few], rng=rng)[0] for codes in means]
        found["dci"] = [dci(codes[few], factors[few], rng=rng).disentanglement for codes in means]
        found["factor_vae"] = [factor_vae_score(codes, factors, rng=rng).value for codes in means]
    return found


def importance_bound(vae: Vae, part: Split, n_importance: int = N_IMPORTANCE) -> float:
    """Mean importance-weighted bound on as many examples as are decoded within MOST_DECODED, nats."""
    n = max(1, MOST_DECODED // n_importance)
    labels = None if part.labels is None else part.labels[:n]
    return float(vae.log_prob_bound(part.x[:n], n_importance, labels=labels).mean())


def _list(values: Tensor) -> list[float]:
    return [float(value) for value in values]
