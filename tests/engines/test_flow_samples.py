"""What flows draw: rows that belong to a seed, centres that are drawn, and weights that a reverse KL can train."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from app.views.distillation.asks import WavesAsk
from app.views.fast_sampling.asks import noise_of
from engines.datasets import DATASETS
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.flows.bases import Gaussian, Mixture
from engines.flows.family import FlowSettings
from engines.flows.flow import Flow
from engines.flows.layers.base import Standardize
from engines.models import MODELS, build_model
from engines.probes import fixed_noise
from engines.tensors import make_rng

FLOWS = [key for key, spec in MODELS.items() if spec.family == "flow"]
MIXED = [key for key in FLOWS if issubclass(MODELS[key].settings, FlowSettings)]


def moved(key: str, **settings: Any) -> Any:
    """A flow whose parameters were moved a little at random."""
    spec = MODELS[key]
    data = DATASETS["tones" if "wave" in spec.takes else "moons"]
    model = build_model(spec, spec.settings.from_dict(settings), data, data.settings(), 0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.03 * torch.randn(parameter.shape, generator=make_rng(1)))
    return model


@pytest.mark.parametrize("key", [*FLOWS, *(f"{key}+mixture" for key in ("realnvp", "planar", "spline"))])
def test_the_first_samples_are_the_same_however_many_are_drawn(key: str) -> None:
    """Latents to the last bit; points but for what products of other sizes round otherwise."""
    key, _, base = key.partition("+")
    model = moved(key, **({"base": base} if base else {}))
    with torch.no_grad():
        longest = model.sample(1000, rng=make_rng(7))
        for n in (1, 5, 100):
            assert torch.equal(model.draw_latents(n, make_rng(7)), model.draw_latents(1000, make_rng(7))[:n])
            torch.testing.assert_close(model.sample(n, rng=make_rng(7)), longest[:n], rtol=1e-4, atol=1e-4)
        assert not torch.allclose(model.sample(5, rng=make_rng(8)), longest[:5], atol=1e-2)


def test_a_model_in_double_precision_draws_the_same() -> None:
    model = moved("realnvp", base="mixture")
    with torch.no_grad():
        single = model.sample(50, rng=make_rng(3))
        torch.testing.assert_close(model.double().sample(50, rng=make_rng(3)).float(), single, rtol=1e-4, atol=1e-4)


def test_measures_of_a_student_draw_by_rows() -> None:
    model = moved("distillation")
    with torch.no_grad():
        few, many = model.own_samples(5, make_rng(2)), model.own_samples(100, make_rng(2))
        waves = moved("tone_distillation")
        parts = [waves.distilled_by_sample(n, rng=make_rng(2))[:3] for n in (3, 20)]
    for short, long in ((few[0], many[0][:5]), (few[1], many[1][:5]), parts):
        torch.testing.assert_close(short, long, rtol=1e-3, atol=1e-3)


def test_what_pages_ask_for_is_drawn_by_rows() -> None:
    waves = moved("tone_distillation")
    asks = [WavesAsk("", None, 3, n) for n in (2, 7)]
    run: Any = None
    found = WavesAsk.answer(waves, run, asks)
    for name in ("student", "teacher"):
        few, many = (found[ask][name].astype(float) for ask in asks)
        np.testing.assert_allclose(few, many[:2], rtol=0, atol=1e-2)  # in half precision
    for n in (1, 5, 13, 999):
        assert torch.equal(fixed_noise(n), fixed_noise(4000)[:n])
    assert torch.equal(
        fixed_noise(1000), torch.randn(1000, 2, generator=make_rng(20_240_229))
    )  # as runs have stored it
    assert not torch.equal(noise_of(1)[:5], noise_of(2)[:5])


def mixture(n_centres: int = 8) -> Mixture:
    torch.manual_seed(0)
    return Mixture(2, n_centres).requires_grad_(False)


def test_samples_of_a_mixture_draw_their_centres() -> None:
    """Counts of 400 draws scatter as a binomial does: each of 8 variances over 200 seeds within 45 % of it, where
    their own standard error is 10 %; false alarms below 1 in 1,000. A single sample is of another centre each time."""
    base = mixture()
    base.logits.copy_(torch.linspace(-1, 1, 8))
    weights, like = base.logits.softmax(0), torch.zeros(1)
    counts = torch.stack([nearest(base, base.draw(400, 2, rng=make_rng(seed), like=like)) for seed in range(200)])
    exact = weights @ shares_seen(base)
    torch.testing.assert_close(counts.mean(0) / 400, exact, rtol=0, atol=5 * 0.5 / math.sqrt(400 * 200))
    ratio = counts.var(0) / (400 * exact * (1 - exact))
    assert float(ratio.min()) > 0.55 and float(ratio.max()) < 1.45, ratio
    assert len({int(nearest(base, base.draw(1, 2, rng=make_rng(seed), like=like)).argmax()) for seed in range(60)}) > 5


def nearest(base: Mixture, z: Tensor) -> Tensor:
    """How many points lie nearest to each centre."""
    return torch.cdist(z, base.centres).argmin(1).bincount(minlength=len(base.logits)).float()


def shares_seen(base: Mixture) -> Tensor:
    """Which centre points around each centre lie nearest to, by 200,000 of them: (K, K)."""
    noise = torch.randn(200_000, 2, generator=make_rng(99))
    around = [center + std * noise for center, std in zip(base.centres, base.log_stds.exp(), strict=True)]
    return torch.stack([nearest(base, z) / len(z) for z in around])


def test_pictures_of_fixed_noise_keep_their_even_shares() -> None:
    base = mixture(4)
    base.centres.mul_(100)
    counts = nearest(base, base.place(fixed_noise(1000)))
    assert float((counts - 250).abs().max()) <= 2


def reverse_kl(values: np.ndarray, target: GaussianMixture, at: Tensor, area: float) -> float:
    """KL(base || target) of two centres by quadrature: values are 4 coordinates, 2 log widths and 2 logits."""
    centres, log_stds, logits = values[:4].reshape(2, 2), values[4:6], values[6:]
    odds = np.exp(logits) / np.exp(logits).sum()
    apart = ((at.numpy()[:, None] - centres) ** 2).sum(2)
    each = odds * np.exp(-0.5 * apart * np.exp(-2 * log_stds) - 2 * log_stds) / (2 * math.pi)
    q = each.sum(1)
    return float((q * (np.log(np.maximum(q, 1e-300)) - target.log_prob(at).numpy())).sum() * area)


@pytest.mark.parametrize("n", [16, 40_000])
def test_reverse_kl_trains_the_weights_of_a_mixture(n: int) -> None:
    """Against differences of a quadrature; the mean over batches, in which five standard errors are allowed."""
    target = GaussianMixture(torch.tensor([[-1.5, 0.0], [1.5, 0.5]]), 0.6, torch.tensor([0.8, 0.2]))
    base = Mixture(2, 2)
    with torch.no_grad():
        base.centres.copy_(torch.tensor([[-1.4, 0.1], [1.3, 0.3]]))
        base.log_stds.copy_(torch.tensor([-0.7, -0.4]))
    flow = Flow([Standardize(torch.zeros(2), torch.ones(2))], 2, base, target).double()
    rng, batch, parts = make_rng(0), torch.zeros(n, 2).double(), [base.centres, base.log_stds, base.logits]
    found = []
    for _ in range(600 if n == 16 else 20):
        loss = flow.phases()[0].loss(batch, rng)["loss"]
        found.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, parts)]))
    each = torch.stack(found)
    mean, error = each.mean(0), each.std(0) / math.sqrt(len(each))
    ticks = torch.linspace(-6, 6, 481).double()
    at, area = torch.cartesian_prod(ticks, ticks), float(ticks[1] - ticks[0]) ** 2
    values = torch.cat([part.detach().flatten() for part in parts]).numpy()
    steps = 1e-4 * np.eye(len(values))
    true = [
        (reverse_kl(values + step, target, at, area) - reverse_kl(values - step, target, at, area)) / 2e-4
        for step in steps
    ]
    assert abs(true[-1]) > 0.1  # of the second logit: or the test would say nothing
    assert (np.abs(mean.numpy() - true) < 5 * error.numpy() + 1e-6).all(), (mean, true, error)


def test_a_batch_smaller_than_the_centres_still_reaches_each() -> None:
    density: Any = DATASETS["moons"].density
    flow = Flow([Standardize(torch.zeros(2), torch.ones(2))], 2, Mixture(2, 32), density)
    flow.phases()[0].loss(torch.zeros(16, 2), make_rng(0))["loss"].backward()
    (base,) = (part for part in flow.modules() if isinstance(part, Mixture))
    assert base.logits.grad is not None and int(base.logits.grad.count_nonzero()) == 32


def test_reverse_kl_over_a_gaussian_sees_the_same_noise_as_ever() -> None:
    density: Any = DATASETS["moons"].density
    flow = Flow([Standardize(torch.zeros(2), torch.ones(2))], 2, Gaussian(), density)
    z = torch.randn(32, 2, generator=make_rng(5))
    true = (flow.base_log_prob(z) - density.log_prob(z)).mean()
    torch.testing.assert_close(flow.phases()[0].loss(torch.zeros(32, 2), make_rng(5))["loss"], true)
