"""The VQ-VAE against brute force, closed forms, and sums over everything that its prior can say."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.batches import Split
from engines.datasets.base import Examples
from engines.errors import ShapeError
from engines.probes import ExampleProbe
from engines.tensors import make_rng
from engines.vae.code_prior import CodePrior
from engines.vae.quantizer import VectorQuantizer, count_codes, perplexity
from engines.vae.vq_spec import VQ_VAE, build_vq_vae
from engines.vae.vq_vae import VqVae, VqVaeSettings

SMALL = VqVaeSettings(n_codes=6, code_features=4, n_channels=8, prior_width=16, prior_layers=1)
SHAPES = [(1, 8, 8), (1, 16, 16), (3, 32, 32), (1, 28, 28), (3, 12, 20)]


def seeded(build: Any, *args: Any, seed: int = 0, **kwargs: Any) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(*args, **kwargs)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=make_rng(seed))


def pictures(n: int, shape: tuple[int, ...] = (1, 8, 8), levels: int = 17, seed: int = 0) -> Tensor:
    """Bright bars on dark ground, at random places: something to learn."""
    rng = make_rng(seed)
    rows = torch.randint(shape[1] - 1, (n, 1, 1, 1), generator=rng)
    height = torch.arange(shape[1])[None, None, :, None]
    is_bar = ((height == rows) | (height == rows + 1)).expand(n, *shape)
    noise = torch.randint(3, (n, *shape), generator=rng)
    return torch.where(is_bar, levels - 1 - noise, noise).float()


def examples(shape: tuple[int, ...] = (1, 8, 8), levels: int = 17) -> Examples:
    return Examples(pictures(64, shape, levels).byte(), pictures(32, shape, levels, seed=1).byte(), levels)


def small_model(shape: tuple[int, ...] = (1, 8, 8), levels: int = 17, seed: int = 0) -> VqVae:
    return seeded(VqVae, shape, levels, SMALL, seed=seed)


# ---- the quantizer ----


def test_nearest_code_is_that_of_brute_force() -> None:
    quantizer, z = seeded(VectorQuantizer, 37, 5), normal(500, 5)
    distances = ((z.numpy()[:, None].astype(np.float64) - quantizer.codebook.numpy()[None]) ** 2).sum(-1)
    codes = quantizer.codes(z).numpy()
    assert np.array_equal(codes, distances.argmin(1))
    assert len(np.unique(codes)) > 20
    found = quantizer(z)
    assert np.array_equal(found.codes.numpy(), codes)
    assert float(found.commitment) == pytest.approx(distances.min(1).mean() / 5, rel=1e-5)


def test_shapes_of_maps_are_kept() -> None:
    quantizer = seeded(VectorQuantizer, 7, 3)
    found = quantizer(normal(2, 4, 5, 3))
    assert found.vectors.shape == (2, 4, 5, 3) and found.codes.shape == (2, 4, 5)
    torch.testing.assert_close(found.vectors, quantizer.vectors(found.codes))


def test_gradient_passes_straight_through() -> None:
    quantizer, z, weight = seeded(VectorQuantizer, 9, 4), normal(20, 4).requires_grad_(), normal(20, 4, seed=1)
    (gradient,) = torch.autograd.grad((quantizer(z).vectors * weight).sum(), z)
    assert torch.equal(gradient, weight)


def test_commitment_pulls_vectors_to_their_codes() -> None:
    quantizer, z = seeded(VectorQuantizer, 9, 4), normal(20, 4).requires_grad_()
    found = quantizer(z)
    (gradient,) = torch.autograd.grad(found.commitment, z)
    torch.testing.assert_close(gradient, 2 * (z - quantizer.vectors(found.codes)) / z.numel())
    assert not quantizer.codebook.requires_grad


def test_codes_follow_the_running_mean_of_the_paper() -> None:
    quantizer = VectorQuantizer(2, 1, decay=0.9, keeps_alive=False)
    quantizer.codebook.copy_(torch.tensor([[0.0], [10.0]]))
    quantizer.counts.copy_(torch.tensor([2.0, 1.0]))
    quantizer.sums.copy_(torch.tensor([[0.0], [10.0]]))
    quantizer.learn(torch.tensor([[1.0], [2.0], [3.0], [9.0]]), make_rng(0))
    # N = 0.9 (2, 1) + 0.1 (3, 1),  m = 0.9 (0, 10) + 0.1 (6, 9)
    torch.testing.assert_close(quantizer.counts, torch.tensor([2.1, 1.0]))
    torch.testing.assert_close(quantizer.sums, torch.tensor([[0.6], [9.9]]))
    torch.testing.assert_close(quantizer.codebook, torch.tensor([[0.6 / 2.1], [9.9]]))


def test_codes_come_to_the_means_of_clusters() -> None:
    centres = torch.tensor([[-5.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    quantizer, rng = seeded(VectorQuantizer, 3, 2), make_rng(3)
    for i in range(400):
        quantizer.learn((centres[:, None] + 0.1 * normal(3, 32, 2, seed=i)).flatten(0, 1), rng)
    nearest = torch.cdist(centres, quantizer.codebook).amin(1)
    assert float(nearest.max()) < 0.05  # the mean of about 20 batches of 32, of std 0.1: 0.004


def test_dead_codes_come_back() -> None:
    quantizer = seeded(VectorQuantizer, 16, 2)
    for i in range(3):
        quantizer.learn(normal(256, 2, seed=i), make_rng(i))
    quantizer.codebook[4:] = 1e3  # far from everything
    quantizer.sums[4:] = 1e3 * quantizer.counts[4:, None]
    for i in range(100):
        quantizer.learn(normal(256, 2, seed=i), make_rng(i))
    assert float(quantizer.codebook.abs().max()) < 10
    assert int((count_codes(quantizer.codes(normal(4000, 2, seed=999)), 16) > 0).sum()) == 16


def test_left_alone_dead_codes_stay_dead_and_finite() -> None:
    quantizer = seeded(VectorQuantizer, 16, 2, keeps_alive=False)
    for i in range(3000):
        quantizer.learn(3 + 0.01 * normal(8, 2, seed=i % 10), make_rng(i))
    assert quantizer.codebook.isfinite().all()
    assert perplexity(count_codes(quantizer.codes(3 + 0.01 * normal(500, 2)), 16)) < 8


def test_learning_is_the_same_for_the_same_seed() -> None:
    books = []
    for seed in (0, 0, 1):
        quantizer, rng = seeded(VectorQuantizer, 8, 3), make_rng(seed)
        for i in range(60):
            quantizer.learn(normal(20, 3, seed=i), rng)
        books.append(quantizer.codebook)
    assert torch.equal(books[0], books[1]) and not torch.equal(books[0], books[2])


def test_perplexity_of_what_is_known() -> None:
    assert perplexity(torch.full((64,), 3.0)) == pytest.approx(64)
    assert perplexity(torch.tensor([0.0, 7.0, 0.0])) == pytest.approx(1)
    assert perplexity(torch.tensor([1.0, 1.0, 2.0])) == pytest.approx(2**1.5)


# ---- the prior ----


def perturbed_prior(n_codes: int, lengths: tuple[int, ...], **settings: Any) -> CodePrior:
    prior, rng = seeded(CodePrior, n_codes, lengths, width=12, n_heads=2, **settings), make_rng(1)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=rng))
    return prior.requires_grad_(False)


def every_sequence(n_codes: int, length: int) -> Tensor:
    return torch.tensor(list(itertools.product(range(n_codes), repeat=length)))


@pytest.mark.parametrize("lengths", [(4,), (1, 3), (2, 1, 1)])
def test_probabilities_of_all_sequences_sum_to_one(lengths: tuple[int, ...]) -> None:
    prior = perturbed_prior(3, lengths).double()
    log_prob = prior.log_prob(every_sequence(3, 4))
    assert float(log_prob.exp().sum()) == pytest.approx(1, abs=1e-12)
    assert float(log_prob.std()) > 0.1


def test_log_prob_is_the_product_of_next_codes() -> None:
    prior, codes = perturbed_prior(5, (2, 4)), torch.randint(5, (7, 6), generator=make_rng(0))
    total = torch.zeros(7)
    for t in range(6):
        logits = prior.next_code_logits(codes[:, :t])
        assert logits.shape == (7, 5)
        total = total + logits.log_softmax(1).gather(1, codes[:, t : t + 1])[:, 0]
    torch.testing.assert_close(prior.log_prob(codes), total)


def test_later_codes_do_not_change_earlier_logits() -> None:
    prior, codes = perturbed_prior(5, (2, 4)), torch.randint(5, (3, 6), generator=make_rng(0))
    before = prior._logits(prior._inputs(codes[:, :-1]))[0]
    for t in range(5):
        changed = codes.clone()
        changed[:, t] = (changed[:, t] + 1) % 5
        after = prior._logits(prior._inputs(changed[:, :-1]))[0]
        assert torch.equal(before[:, : t + 1], after[:, : t + 1]), t
        assert ((before[:, t + 1 :] - after[:, t + 1 :]).abs().amax((0, 2)) > 1e-6).all(), t


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_samples_come_as_often_as_their_probability(temperature: float) -> None:
    prior, n = perturbed_prior(3, (1, 2)), 20_000
    sequences = every_sequence(3, 3)
    share = torch.ones(len(sequences))
    for t in range(3):
        next_share = (prior.next_code_logits(sequences[:, :t]) / temperature).softmax(1)
        share = share * next_share.gather(1, sequences[:, t : t + 1])[:, 0]
    samples = prior.sample(n, rng=make_rng(5), temperature=temperature)
    found = torch.bincount(samples @ torch.tensor([9, 3, 1]), minlength=27)
    chi_square = float(((found - n * share) ** 2 / (n * share)).sum())
    assert chi_square < 64.3  # 26 degrees of freedom: false alarm 4e-5


def test_samples_are_the_same_with_and_without_a_cache() -> None:
    prior = perturbed_prior(7, (4, 16))
    cached, plain = (prior.sample(9, rng=make_rng(2), is_cached=is_cached) for is_cached in (True, False))
    assert torch.equal(cached, plain) and cached.shape == (9, 20)
    assert not torch.equal(cached, prior.sample(9, rng=make_rng(3)))


def test_temperature_zero_takes_the_likeliest_code() -> None:
    prior = perturbed_prior(7, (1, 4))
    samples = prior.sample(4, rng=make_rng(2), temperature=0.0)
    assert (samples == samples[0]).all()
    for t in range(5):
        assert torch.equal(prior.next_code_logits(samples[:, :t]).argmax(1), samples[:, t])


def test_hiding_codes_changes_the_loss_and_nothing_else() -> None:
    codes = torch.randint(3, (50, 4), generator=make_rng(0))
    plain, hiding = perturbed_prior(3, (1, 3)), perturbed_prior(3, (1, 3), hidden_share=0.5)
    assert torch.equal(plain.log_prob(codes), hiding.log_prob(codes))
    assert float(plain.loss(codes, make_rng(1))) == pytest.approx(-float(plain.log_prob(codes).mean()) / 4, rel=1e-5)
    assert float(plain.loss(codes, make_rng(1))) != float(hiding.loss(codes, make_rng(1)))


def test_odd_widths_work() -> None:
    assert CodePrior(3, (1, 2), width=17).sample(2, rng=make_rng(0)).shape == (2, 3)


def test_wrong_codes_are_told() -> None:
    prior = perturbed_prior(3, (1, 3))
    with pytest.raises(ShapeError, match=r"Expected codes of shape \(B, 4\), got \(2, 3\)"):
        prior.log_prob(torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises(ShapeError, match=r"Expected prefix of shape \(B, t < 4\), got \(2, 4\)"):
        prior.next_code_logits(torch.zeros(2, 4, dtype=torch.long))


# ---- the model ----


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("levels", [17, 256])
def test_shapes_of_codes_and_pictures(shape: tuple[int, ...], levels: int) -> None:
    model, x = small_model(shape, levels), pictures(3, shape, levels)
    top, bottom = model.codes(x)
    assert top.dtype == bottom.dtype == torch.int64
    assert bottom.shape == (3, 2 * top.shape[1], 2 * top.shape[2])
    again = model.decode_codes(top, bottom)
    assert again.shape == x.shape and again.min().item() >= 0 and again.max().item() <= levels - 1
    assert torch.equal(again, model.reconstruct(x))
    samples = model.sample(2, rng=make_rng(0))
    assert samples.shape == (2, *shape) and torch.equal(samples, samples.round().clamp(0, levels - 1))
    bound = model.log_prob_bound(x)
    assert bound.shape == (3,) and bound.isfinite().all() and (bound < 0).all()


def test_sizes_of_the_maps() -> None:
    sizes = {shape: (small_model(shape).top_shape, small_model(shape).bottom_shape) for shape in SHAPES[:3]}
    assert list(sizes.values()) == [((2, 2), (4, 4)), ((4, 4), (8, 8)), ((4, 4), (8, 8))]


def test_bound_is_the_probability_of_the_codes_times_that_of_the_pixels() -> None:
    model, x = small_model(), pictures(10)
    top, bottom = model.codes(x)
    shares = model.decode_codes(top, bottom).flatten(1) / 16
    pixels = torch.distributions.Binomial(16, probs=shares.double()).log_prob(x.flatten(1).double()).sum(1)
    codes = model.prior.log_prob(torch.cat([top.flatten(1), bottom.flatten(1)], 1)).double()
    torch.testing.assert_close(model.log_prob_bound(x).double(), pixels + codes, rtol=1e-5, atol=1e-3)
    assert torch.equal(model.log_prob_bound(x), model.log_prob_bound(x, 50))


@pytest.mark.parametrize("value", [0.0, 16.0, 1e4])
def test_bound_is_finite_everywhere(value: float) -> None:
    assert small_model().log_prob_bound(torch.full((1, 1, 8, 8), min(value, 16.0))).isfinite().all()
    assert small_model(levels=256).log_prob_bound(torch.full((1, 1, 8, 8), value)).isfinite().all()


def test_pictures_with_the_same_codes_look_the_same() -> None:
    model = small_model()
    top, bottom = model.sample_codes(3, rng=make_rng(0))
    changed = bottom.clone()
    changed[:, 0, 0] = (changed[:, 0, 0] + 1) % 6
    first, other = model.decode_codes(top, bottom), model.decode_codes(top, changed)
    assert not torch.equal(first, other)
    assert torch.equal(first, model.decode_codes(top, bottom))


def test_wrong_shapes_are_told() -> None:
    model = small_model()
    with pytest.raises(ShapeError, match=r"Expected x of shape \(B, 1, 8, 8\), got \(1, 8, 8\)"):
        model.codes(torch.zeros(1, 8, 8))
    with pytest.raises(ShapeError, match=r"Expected bottom of shape \(B, 4, 4\), got \(1, 2, 2\)"):
        model.decode_codes(torch.zeros(1, 2, 2).long(), torch.zeros(1, 2, 2).long())


def test_prior_learns_on_codes_that_it_does_not_change() -> None:
    model, x = small_model(), pictures(16)
    codes, prior = model.phases()
    prior.loss(x, make_rng(0))["loss"].backward()
    assert all(parameter.grad is None for parameter in codes.parameters)
    assert not model.top_quantizer.counts.any()
    model.zero_grad(set_to_none=True)
    codes.loss(x, make_rng(0))["loss"].backward()
    assert all(parameter.grad is None for parameter in prior.parameters)
    assert model.top_quantizer.counts.any() and model.bottom_quantizer.counts.any()


def test_codes_are_left_alone_towards_the_end() -> None:
    model = small_model()
    model.begin_step(0.0)
    assert model.top_quantizer.may_replace and model.bottom_quantizer.may_replace
    model.begin_step(0.9)
    assert not model.top_quantizer.may_replace and not model.bottom_quantizer.may_replace


def trained(steps: int, shape: tuple[int, ...] = (1, 8, 8), levels: int = 17) -> tuple[VqVae, list[list[float]]]:
    """A model after some steps on bars, and the losses of both phases at each."""
    model, rng = small_model(shape, levels), make_rng(0)
    phases = [(phase, torch.optim.Adam(phase.parameters, lr=5e-3)) for phase in model.phases()]
    losses = []
    for step in range(steps):
        model.begin_step(step / steps)
        losses.append([])
        for phase, optimiser in phases:
            loss = phase.loss(pictures(32, shape, levels, seed=step), rng)["loss"]
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses[-1].append(loss.item())
    return model.eval(), losses


@pytest.mark.parametrize(("shape", "levels"), [((1, 8, 8), 17), ((3, 16, 16), 256)])
def test_sixty_steps_lower_both_losses(shape: tuple[int, ...], levels: int) -> None:
    model, losses = trained(60, shape, levels)
    before, after = np.mean(losses[:5], axis=0), np.mean(losses[-5:], axis=0)
    assert after[0] < 0.8 * before[0] and after[1] < 0.9 * before[1]
    x = pictures(50, shape, levels, seed=999)
    error = (model.reconstruct(x) - x).square().mean().item()
    assert error < 0.5 * float((x - x.mean(0)).square().mean())


def test_measures_and_pictures_of_a_trained_model() -> None:
    model, _ = trained(30)
    held_out, seen = Split(pictures(40, seed=7), None, None), Split(pictures(40, seed=8), None, None)
    with torch.no_grad():
        measured: Any = model.measure(held_out, seen, is_last=True)
        assert measured == model.measure(held_out, seen, is_last=True)
        bound = model.log_prob_bound(held_out.x)
    measures = {name: value for name, (value,) in measured.items()}
    assert all(math.isfinite(value) for value in measures.values())
    assert measures["bound"] == pytest.approx(float(bound.mean()), rel=1e-5)
    assert measures["bits_per_dim"] == pytest.approx(-measures["bound"] / 64 / math.log(2))
    assert measures["bound"] == pytest.approx(-measures["rate"] - measures["distortion"], rel=1e-5)
    assert measures["uniform_rate"] == pytest.approx(20 * math.log(6))
    error = (model.reconstruct(held_out.x) - held_out.x).square().mean().item() / 256
    assert measures["reconstruction_error"] == pytest.approx(error, rel=1e-4)
    top = count_codes(model.codes(held_out.x)[0], 6)
    assert measures["top_perplexity"] == pytest.approx(perplexity(top))
    assert 1 <= measures["bottom_perplexity"] <= measures["bottom_codes"] + 1e-6 <= 6 + 1e-6


def test_observe_shows_pictures_and_codes() -> None:
    model, probe = small_model(), ExampleProbe(pictures(20, seed=1), None, normal(5, 8), 5)
    seen = model.observe(probe)
    assert all(np.array_equal(array, model.observe(probe)[name]) for name, array in seen.items())
    assert seen["reconstructions"].shape == seen["samples"].shape == (5, 1, 8, 8)
    assert seen["reconstructions"].dtype == seen["samples"].dtype == np.uint8
    assert seen["top_codes"].shape == (5, 2, 2) and seen["bottom_codes"].shape == (5, 4, 4)
    assert seen["top_usage"].sum() == pytest.approx(1) and seen["bottom_usage"].shape == (6,)
    shown = model.reconstruct(probe.examples[:5]).detach().numpy() * 255 / 16
    assert np.abs(seen["reconstructions"] - shown).max() <= 0.5


def test_every_preset_builds_and_takes_a_step() -> None:
    for settings in VQ_VAE.presets.values():
        model = seeded(build_vq_vae, settings, examples())
        assert all(phase.loss(pictures(16), make_rng(0))["loss"].isfinite() for phase in model.phases())
