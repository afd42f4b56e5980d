"""RealNVP for points: affine couplings that take turns in which coordinate moves."""

from __future__ import annotations

from dataclasses import dataclass

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.flows.flow import Flow
from engines.flows.layers import AffineCoupling, Standardize
from engines.model_spec import ModelSpec
from engines.settings import Settings, setting


@dataclass(frozen=True)
class RealNVPSettings(Settings):
    """Size of a RealNVP."""

    n_couplings: int = setting(
        8,
        "Couplings",
        "Number of layers. Each moves one coordinate by an amount that the other sets.",
        low=2,
        high=24,
        step=1,
    )
    width: int = setting(32, "Hidden units", "Units of each hidden layer inside a coupling.", low=8, high=128, step=8)
    n_hidden: int = setting(2, "Hidden layers", "Hidden layers inside a coupling.", low=1, high=3, step=1)
    scale_cap: float = setting(
        2.0,
        "Scale cap",
        "Most that one coupling may stretch or squeeze: a factor of e to this power.",
        low=0.1,
        high=5.0,
        step=0.1,
        unit="nats",
    )


def build_realnvp(settings: RealNVPSettings, density: GaussianMixture) -> Flow:
    """A RealNVP whose first layer standardizes the data by its exact mean and standard deviation."""
    std = density.covariance().diagonal().sqrt()
    couplings = [
        AffineCoupling(2, i % 2 == 0, settings.width, settings.n_hidden, settings.scale_cap)
        for i in range(settings.n_couplings)
    ]
    return Flow([Standardize(density.mean(), std), *couplings], n_features=2)


_EXACT = "A flow gives the exact density, so it needs no {}."

REALNVP = ModelSpec(
    key="realnvp",
    family="flow",
    title="RealNVP",
    idea="Half of the coordinates decide how the other half is shifted and stretched; then they swap.",
    settings=RealNVPSettings,
    build=build_realnvp,
    presets={"small": RealNVPSettings(n_couplings=4), "large": RealNVPSettings(n_couplings=16, width=64)},
    paper="Dinh, Sohl-Dickstein, Bengio 2017, Density estimation using Real NVP, arXiv:1605.08803",
    absent={
        "log_prob_bound": _EXACT.format("bound"),
        "log_prob_estimate": _EXACT.format("estimate"),
        "encode": "The latent of a point is one point, not a distribution: use to_latent.",
        "decode": "Latent and point determine each other: use to_data.",
        "score": "It is not learned; autograd of log_prob gives it, for the clean density only.",
        "denoise": "It knows the clean data only, not the data at each noise level.",
        "discriminate": "There is no discriminator: the likelihood itself is the objective.",
        "next_token_logits": "It models points, not sequences of tokens.",
        "sample_path": "A sample is made in one pass; layers_to_latent shows the layers.",
    },
)
