"""Every measure that GenLab shows, by key: its usual name, its unit, which way is better, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engines.registry import Registry

Trust = Literal["exact", "bound", "estimate"]
Direction = Literal["lower", "higher", "one", "none"]


@dataclass(frozen=True)
class MetricSpec:
    """One entry of `METRICS`.

    Attributes:
        key: Its name in a snapshot's metrics.
        title: Its usual name.
        unit: Of its values; empty for a plain number.
        better: "lower", "higher", "one" (1 is right, both sides are wrong) or "none" (it describes and does not judge).
        needs: What is asked of model and data, in words.
        kind: Whether its value is exact, a bound, or an estimate from samples.
        source: Paper and equation.
    """

    key: str
    title: str
    unit: str
    better: Direction
    needs: str
    kind: Trust
    source: str


_DENSITY = (
    MetricSpec(
        "kl", "KL(data ‖ model)", "nats", "lower", "an exact target and the model's log density", "estimate",
        "Kullback, Leibler 1951, On information and sufficiency, eq. 2.4",
    ),
    MetricSpec(
        "integral", "integral of the density over the plane", "", "one", "the model's log density in the plane",
        "estimate", "by definition of a density",
    ),
    MetricSpec(
        "bound", "evidence lower bound (ELBO)", "nats", "higher", "an encoder and a decoder", "bound",
        "Kingma, Welling 2014, eq. 3, arXiv:1312.6114",
    ),
    MetricSpec(
        "bits_per_dim", "bits per dimension", "bits", "lower", "a bound or a density of whole pixel values", "bound",
        "Theis, van den Oord, Bethge 2016, section 3.1, arXiv:1511.01844",
    ),
    MetricSpec(
        "rate", "rate: KL(q(z|x) ‖ prior)", "nats", "none", "an encoder", "estimate",
        "Alemi et al. 2018, Fixing a broken ELBO, eq. 4, arXiv:1711.00464",
    ),
    MetricSpec(
        "distortion", "distortion: −E log p(x|z)", "nats", "lower", "an encoder and a decoder", "estimate",
        "Alemi et al. 2018, Fixing a broken ELBO, eq. 3, arXiv:1711.00464",
    ),
)  # fmt: skip

_SAMPLES = (
    MetricSpec(
        "energy_distance", "energy distance (unbiased, so that true samples are negative half of the time)",
        "data units", "lower", "samples of both", "estimate", "Székely, Rizzo 2013, Energy statistics, eq. 2.5",
    ),
    MetricSpec(
        "mmd", "squared maximum mean discrepancy (MMD², unbiased)", "", "lower", "samples of both", "estimate",
        "Gretton et al. 2012, A kernel two-sample test, eq. 3",
    ),
    MetricSpec(
        "sliced_wasserstein", "sliced Wasserstein distance", "data units", "lower", "samples of both", "estimate",
        "Bonneel et al. 2015, Sliced and Radon Wasserstein barycenters",
    ),
    MetricSpec(
        "frechet", "squared Fréchet distance of a classifier's features", "features²", "lower",
        "samples and pictures that a classifier knows", "estimate", "Heusel et al. 2017, eq. 6, arXiv:1706.08500",
    ),
    MetricSpec(
        "density", "density of the samples around real examples", "", "one", "samples of both", "estimate",
        "Naeem et al. 2020, eq. 2, arXiv:2002.09797",
    ),
    MetricSpec(
        "coverage", "coverage of real examples by samples", "share", "higher", "samples of both", "estimate",
        "Naeem et al. 2020, eq. 3, arXiv:2002.09797",
    ),
    MetricSpec(
        "neighbour_ratio", "distance to the nearest training example, over that of held-out ones", "", "one",
        "samples, training and held-out examples", "estimate",
        "the idea of Meehan, Chaudhuri, Dasgupta 2020, arXiv:2004.05675",
    ),
    MetricSpec(
        "class_kl", "KL of the shares of the classes", "nats", "lower", "samples and a classifier", "estimate",
        "Lin et al. 2018, PacGAN, section 4.1, arXiv:1712.04086",
    ),
    MetricSpec(
        "mode_kl", "reverse KL of the shares of the modes", "nats", "lower", "samples and known modes", "estimate",
        "Lin et al. 2018, PacGAN, section 4.1, arXiv:1712.04086",
    ),
)  # fmt: skip

_CODES = (
    MetricSpec(
        "active_units", "active units", "latents", "none", "an encoder", "estimate",
        "Burda, Grosse, Salakhutdinov 2016, section 5.2, arXiv:1509.00519",
    ),
    MetricSpec(
        "mig", "mutual information gap (MIG)", "", "higher", "an encoder and known factors", "estimate",
        "Chen et al. 2018, Isolating sources of disentanglement, eq. 6, arXiv:1802.04942",
    ),
    MetricSpec(
        "dci", "disentanglement of DCI", "", "higher", "an encoder and known factors", "estimate",
        "Eastwood, Williams 2018, section 2",
    ),
    MetricSpec(
        "sap", "separated attribute predictability (SAP; it hangs on the scale of the codes)", "", "higher",
        "an encoder and known factors", "estimate", "Kumar et al. 2018, section 3, arXiv:1711.00848",
    ),
    MetricSpec(
        "factor_vae", "FactorVAE score", "share", "higher", "an encoder and known factors", "estimate",
        "Kim, Mnih 2018, section 4, arXiv:1802.05983",
    ),
)  # fmt: skip

_FIELDS = (
    MetricSpec(
        "score_error", "σ²-weighted squared error of the score", "", "lower", "a score and an exact target", "estimate",
        "Song, Ermon 2019, eq. 5 without its constant, arXiv:1907.05600",
    ),
)  # fmt: skip

METRICS: Registry[MetricSpec] = Registry("measure", (*_DENSITY, *_SAMPLES, *_CODES, *_FIELDS))
