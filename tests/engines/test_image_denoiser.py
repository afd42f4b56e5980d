"""The denoiser of pictures: its preconditioning, paths from noise, guidance, inpainting, and its closed-form rival."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from engines.build_checkpoints import SHIPPED
from engines.datasets import DATASETS
from engines.errors import SettingError, ShapeError
from engines.metrics.neighbours import nearest
from engines.models import MODELS, build_model
from engines.nets.averaged import DECAY, Averaged
from engines.nets.unet import NoiseUnet
from engines.samplers import SAMPLERS, Range
from engines.score.empirical import EmpiricalDenoiser
from engines.score.image_denoiser import noise_range
from engines.score.picture_denoiser import ImageDenoiser, ImageDenoiserSettings
from engines.score.picture_paths import Frame, keep_known, noisy_start, watch_path
from engines.tensors import make_rng
from engines.training import Experiment, Trainer
from engines.training.run import Run

SIGMAS = Range(0.02, 9.0)
SPREAD = 0.7


def build(dataset: str = "digits", **settings: Any) -> ImageDenoiser:
    spec, data = MODELS["image_denoiser"], DATASETS[dataset]
    values = ImageDenoiserSettings(**({"width": 16} | settings))
    model = build_model(spec, values, data, data.settings(), 0).eval().requires_grad_(False)
    stir(model.averaged.mean)
    return model


def stir(net: nn.Module) -> None:
    """A fresh net's blocks change nothing and so hear nothing: let them."""
    rng = make_rng(2)
    for name, weight in (*net.named_parameters(), *net.named_buffers()):
        if name.endswith("second.weight"):
            weight.data.normal_(std=0.1, generator=rng)


@pytest.fixture(scope="module")
def model() -> ImageDenoiser:
    return build()


def gaussian_denoiser(x: Tensor, sigma: float) -> Tensor:
    """The exact denoiser of pixels that are independent and normal with standard deviation SPREAD."""
    return x * SPREAD**2 / (SPREAD**2 + sigma**2)


def walk(denoise: Callable, n: int = 400, *, sampler: str = "heun", n_calls: int = 39, seed: int = 3) -> list[Frame]:
    rng = make_rng(seed)
    start = noisy_start(n, (1, 2, 2), SIGMAS.sigma_max, rng)
    return list(watch_path(denoise, start, SIGMAS, sampler=sampler, n_calls=n_calls, rng=rng))


# ---- the closed form ----


@pytest.fixture(scope="module")
def training_set() -> Tensor:
    return torch.randn(50, 1, 2, 3, generator=make_rng(1), dtype=torch.float64)


def test_the_closed_form_is_the_score_of_the_noised_training_set(training_set: Tensor) -> None:
    """Autograd of the log density of a mixture with a Gaussian at each picture."""
    x = torch.randn(7, 1, 2, 3, generator=make_rng(2), dtype=torch.float64, requires_grad=True)
    for sigma in (0.3, 1.0, 5.0):
        apart = (x[:, None] - training_set).square().flatten(2).sum(2)
        log_density = torch.logsumexp(-apart / (2 * sigma**2), 1)
        exact = torch.autograd.grad(log_density.sum(), x)[0]
        found = EmpiricalDenoiser(training_set).score(x.detach(), sigma)
        torch.testing.assert_close(found, exact, rtol=1e-9, atol=1e-9)


def test_the_closed_form_ends_at_the_mean_and_at_the_nearest(training_set: Tensor) -> None:
    perfect, x = EmpiricalDenoiser(training_set), training_set[:5] + 0.05
    torch.testing.assert_close(perfect.denoise(x, 1e4)[0], training_set.mean(0), rtol=0, atol=1e-3)
    torch.testing.assert_close(perfect.denoise(x, 1e-3), training_set[:5])
    mixed = perfect.denoise(x, torch.tensor([1e4, 1e-3, 1.0, 1.0, 1.0]))
    torch.testing.assert_close(mixed[1], training_set[1])


def test_the_closed_form_keeps_to_the_class(training_set: Tensor) -> None:
    labels = torch.arange(50) % 2
    found = EmpiricalDenoiser(training_set, labels).denoise(training_set[:4], 1e4, torch.tensor([0, 1, 0, 1]))
    torch.testing.assert_close(found[1], training_set[1::2].mean(0), rtol=0, atol=1e-3)


def test_followed_to_the_end_the_closed_form_copies() -> None:
    examples = DATASETS["digits"].examples()
    pictures = (examples.train[:300].float() + 0.5) * 2 / 17 - 1
    perfect, rng = EmpiricalDenoiser(pictures), make_rng(5)
    start = noisy_start(30, (1, 8, 8), 9.0, rng)
    *_, last = watch_path(perfect.denoise, start, SIGMAS, sampler="heun", n_calls=35, rng=rng)
    assert float(nearest(last.x, pictures).distance.max()) < 0.05  # held-out ones are 2 apart


def test_a_wrong_shape_is_told(model: ImageDenoiser, training_set: Tensor) -> None:
    with pytest.raises(ShapeError, match=r"Expected x of shape \(B, 1, 2, 3\)"):
        EmpiricalDenoiser(training_set).denoise(torch.zeros(1, 1, 3, 2), 1.0)
    with pytest.raises(ShapeError, match=r"Expected x of shape \(B, 1, 8, 8\)"):
        model.denoise(torch.zeros(1, 8, 8), 1.0)


# ---- paths ----


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_ends_in_the_data(sampler: str) -> None:
    """Pixels that are normal: 1600 of them have a standard deviation within 5 % (5 % is 2.8 standard errors).

    Langevin steps are of the size of the noise, so that many are needed where data are wider than it.
    """
    n_calls = {"annealed": 3000, "predictor_corrector": 400}.get(sampler, 60)
    frames = walk(gaussian_denoiser, sampler=sampler, n_calls=n_calls)
    assert float(frames[-1].x.std()) == pytest.approx(SPREAD, rel=0.08)
    assert torch.equal(frames[-1].belief, frames[-1].x) and frames[-1].sigma == 0


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_frame_holds_what_is_believed_at_its_state(sampler: str) -> None:
    frames = walk(gaussian_denoiser, 3, sampler=sampler, n_calls=25)
    for frame in frames[:-1]:
        assert torch.equal(frame.belief, gaussian_denoiser(frame.x, frame.sigma))
    levels, calls = [frame.sigma for frame in frames], [frame.n_calls for frame in frames]
    assert levels == sorted(levels, reverse=True) and levels[0] == pytest.approx(SIGMAS.sigma_max)
    assert calls == sorted(calls) and calls[0] == 0 and 20 < calls[-1] <= 25


def test_no_steps_are_told() -> None:
    with pytest.raises(SettingError, match="needs at least 1 network calls, got 0"):
        walk(gaussian_denoiser, n_calls=0)


def test_known_pixels_run_along_their_noise_and_stay() -> None:
    """Under the probability-flow ODE exactly: x = known + sigma z."""
    known, mask = torch.tensor([[[0.4, -0.2], [0.1, 0.9]]]), torch.tensor([[[True, False], [True, True]]])
    rng = make_rng(4)
    start = noisy_start(6, (1, 2, 2), 9.0, rng) + known * mask
    noise = (start - known) / 9.0
    path = watch_path(keep_known(gaussian_denoiser, known, mask), start, SIGMAS, sampler="heun", n_calls=19, rng=rng)
    for frame in path:
        expected = known + frame.sigma * noise
        torch.testing.assert_close(frame.x[:, mask], expected[:, mask], rtol=1e-4, atol=1e-4)
    with pytest.raises(SettingError, match="nothing is left to fill in"):
        keep_known(gaussian_denoiser, known, torch.ones_like(mask))


def test_what_is_filled_in_fits_what_is_known() -> None:
    """Two pixels with correlation 0.9: given the first, annealed Langevin draws the second from its conditional."""
    covariance = torch.tensor([[1.0, 0.9], [0.9, 1.0]])

    def denoise(x: Tensor, sigma: float) -> Tensor:
        gain = covariance @ torch.linalg.inv(covariance + sigma**2 * torch.eye(2))
        return (x.flatten(1) @ gain.T).view_as(x)

    rng = make_rng(6)
    mask = torch.tensor([[[True, False]]])
    known = torch.tensor([[[1.5, 0.0]]])
    start = noisy_start(500, (1, 1, 2), 9.0, rng) + known * mask
    path = watch_path(keep_known(denoise, known, mask), start, SIGMAS, sampler="annealed", n_calls=600, rng=rng)
    *_, last = path
    drawn = last.x[:, 0, 0, 1]
    assert torch.equal(last.x[:, 0, 0, 0], torch.full((500,), 1.5))
    assert float(drawn.mean()) == pytest.approx(0.9 * 1.5, abs=0.12)
    assert float(drawn.std()) == pytest.approx(math.sqrt(1 - 0.81), rel=0.25)


# ---- the net ----


def test_the_nets_task_has_unit_size_at_every_level(model: ImageDenoiser) -> None:
    """(clean - c_skip x) / c_out of pictures whose pixels have the spread v has variance 1: Karras et al., eq. 126."""
    rng, n = make_rng(7), 20_000
    clean = model.spread * torch.randn(n, 1, 8, 8, generator=rng)
    for sigma in (0.02, 0.3, 2.0, 9.0):
        x = clean + sigma * torch.randn(clean.shape, generator=rng)
        level = torch.full((n,), sigma)
        skip = model._precondition(Constant(0.0), x, level, None)  # noqa: SLF001
        gain = (model._precondition(Constant(1.0), x, level, None) - skip).mean()  # noqa: SLF001
        assert float(((clean - skip) / gain).var()) == pytest.approx(1, rel=0.01)
        assert float(model._weight(torch.tensor(sigma)) * gain.square()) == pytest.approx(1, rel=1e-4)  # noqa: SLF001


class Constant(nn.Module):
    """A net that always says the same."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor, level: Tensor, labels: Tensor | None) -> Tensor:
        return torch.full_like(x, self.value)


def test_the_score_leads_to_the_belief(model: ImageDenoiser) -> None:
    x, labels = torch.randn(5, 1, 8, 8, generator=make_rng(8)), torch.arange(5)
    for sigma in (0.1, torch.linspace(0.1, 5, 5)):
        level = torch.as_tensor(sigma).view(-1, 1, 1, 1)
        expected = model.denoise(x, sigma, labels)
        torch.testing.assert_close(x + level**2 * model.score(x, sigma, labels), expected, rtol=1e-4, atol=1e-4)


def test_guidance_leads_from_untold_over_told_to_beyond(model: ImageDenoiser) -> None:
    x, labels = torch.randn(5, 1, 8, 8, generator=make_rng(9)), torch.arange(5)
    untold, told = model.denoise(x, 1.0), model.denoise(x, 1.0, labels)
    assert not torch.allclose(untold, told)
    assert torch.equal(model.denoise(x, 1.0, labels, 0.0), untold)
    for guidance in (0.5, 3.0):
        torch.testing.assert_close(
            model.denoise(x, 1.0, labels, guidance), torch.lerp(untold, told, guidance), rtol=1e-4, atol=1e-5
        )


def test_impossible_questions_are_told(model: ImageDenoiser) -> None:
    with pytest.raises(SettingError, match="above 0"):
        model.denoise(torch.zeros(1, 1, 8, 8), 0.0)
    with pytest.raises(SettingError, match="have none"):
        build("small_shapes").denoise(torch.zeros(2, 1, 16, 16), 1.0, torch.zeros(2, dtype=torch.int64))


def test_outside_of_the_trained_noise_it_still_answers(model: ImageDenoiser) -> None:
    x = torch.randn(2, 1, 8, 8, generator=make_rng(1))
    assert all(model.denoise(x, sigma).isfinite().all() for sigma in (1e-3, 500.0))


def test_pixels_survive_the_scale(model: ImageDenoiser) -> None:
    pixels = torch.arange(17.0).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    assert torch.equal(model.to_pixels(model.to_scale(pixels)), pixels)
    jitter = 0.98 * (torch.rand(pixels.shape, generator=make_rng(1)) - 0.5)
    assert torch.equal(model.to_pixels(model.to_scale(pixels + jitter)), pixels)
    assert model.to_pixels(torch.tensor([-3.0, 3.0])).tolist() == [0, 16]


def test_the_largest_noise_is_the_largest_distance() -> None:
    """Technique 1 of NCSNv2: 9.63 for all digits, and a little less for a few hundred of them."""
    examples = DATASETS["digits"].examples()
    flat = ((examples.train[:500].float() + 0.5) * 2 / 17 - 1).flatten(1)
    assert noise_range(examples) == (0.02, math.ceil(float(torch.pdist(flat).max())))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16), (1, 28, 28), (3, 9, 13), (3, 64, 64)])
def test_the_net_takes_pictures_of_any_size(shape: tuple[int, ...]) -> None:
    net = NoiseUnet(shape, width=16, dropout=0.0, n_classes=3).requires_grad_(False)
    stir(net)
    x, level = torch.randn(2, *shape, generator=make_rng(1)), torch.tensor([0.2, 0.9])
    out = net(x, level, None)
    assert out.shape == x.shape
    assert torch.equal(out, net(x, level, torch.tensor([3, 3])))  # "none told" is the class after the last
    assert not torch.allclose(out, net(x, level, torch.tensor([0, 3])))
    assert not torch.allclose(out[0], net(x, level.flip(0), None)[0])
    torch.testing.assert_close(out[1:], net(x[1:], level[1:], None), rtol=1e-4, atol=1e-5)


# ---- the running mean ----


def test_the_mean_follows_the_weights() -> None:
    averaged: Any = Averaged(nn.Linear(2, 1, bias=False))
    expected = averaged.net.weight.detach().clone()
    for n in range(5):
        with torch.no_grad():
            averaged.net.weight.add_(1.0)
        averaged.follow()
        decay = min(DECAY, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * averaged.net.weight.detach()
    x = torch.randn(4, 2, generator=make_rng(1))
    torch.testing.assert_close(averaged(x), x @ expected.T)


def test_only_the_mean_is_stored_and_training_goes_on_from_it() -> None:
    averaged, other = cast(Any, [Averaged(nn.Linear(2, 1)) for _ in range(2)])
    with torch.no_grad():
        averaged.net.weight.add_(1.0)
    averaged.follow()
    state = averaged.state_dict()
    assert sorted(state) == ["mean.bias", "mean.weight", "n_steps"]
    assert [name for name, _ in averaged.named_parameters()] == ["net.weight", "net.bias"]
    other.load_state_dict(state)
    assert torch.equal(other.net.weight, state["mean.weight"]) and int(other.n_steps) == 1
    assert not other.train().mean.training


# ---- training ----


def test_a_short_training_learns_to_denoise() -> None:
    experiment = Experiment.default("image_denoiser", "digits", steps=20, batch_size=32, settings={"width": 16})
    trainer = Trainer(experiment, device="cpu")
    first: Any = trainer.measure()
    while not trainer.is_done:
        trainer.advance()
    trainer.model.eval()
    source: Any = trainer.source
    last = trainer.model.measure(source.held_out, source.seen, is_last=False)
    assert last["held_out_loss"] < 0.85 * first["held_out_loss"]


def test_the_stored_run_draws_digits_that_are_new() -> None:
    """At most 15, the training digits themselves having 9.3; and as far from the training set as held-out digits."""
    shipped = next(each for each in SHIPPED if each.name == "image_denoiser-digits")
    run = Run.load(shipped.folder)
    metrics = run.snapshots[-1].metrics
    assert metrics["frechet"] < 15 and metrics["coverage"] > 0.95 and metrics["rarest"] > 0.05
    assert metrics["neighbour_ratio"] > 0.9
    model, examples = run.model().eval(), DATASETS["digits"].examples()
    with torch.inference_mode():
        drawn = model.sample(120, rng=make_rng(1))
    usual = nearest(examples.test.float(), examples.train).distance.median()
    ratio = float(nearest(drawn, examples.train).distance.median() / usual)
    assert ratio == pytest.approx(metrics["neighbour_ratio"], abs=0.15)
