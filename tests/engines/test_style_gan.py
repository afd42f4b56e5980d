"""The style-based game against plain reimplementations: modulation, growth, truncation, mixing, noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.datasets import DATASETS
from engines.gan.images.style import GROWN_BY, StyleGan, StyleGanSettings, grown_at, mix_styles
from engines.nets.equalised import EqualConv, EqualLinear
from engines.nets.style_nets import CONVOLUTIONS, StyledConvolution, StyleGenerator, doubled, halved
from engines.tensors import make_rng
from engines.training import Experiment, Trainer

FACE, DIGIT = (3, 32, 32), (1, 8, 8)
ALMOST = 1e-6  # of a doubling that has just begun to fade in


def style_gan(shape: tuple[int, ...] = FACE, *, levels: int = 256, **settings: Any) -> StyleGan:
    """A small one whose every weight, also those that begin at nought, was moved at random."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = StyleGan(shape, levels, StyleGanSettings.from_dict({"width": 4} | settings), classes=())
    rng = make_rng(1)
    with torch.no_grad():
        for value in (*model.parameters(), *model.averaged.mean.buffers()):
            value.add_(0.1 * torch.randn(value.shape, generator=rng))
    return model.eval()


def generator_of(model: StyleGan) -> StyleGenerator:
    net = model.averaged.net
    assert isinstance(net, StyleGenerator)
    return net


def some_styles(model: StyleGan, n: int = 4) -> Tensor:
    return model.styles(model.draw_latents(n, make_rng(2))).detach()


# ---- the nets ----


def test_modulation_is_that_of_weights_of_their_own_for_each_picture() -> None:
    """Karras et al. 2020, eq. 1 to 3, literally: a scaled and normalised kernel for every picture."""
    torch.manual_seed(0)
    layer, x, w = StyledConvolution(6, 3, 5), torch.randn(4, 3, 8, 8), torch.randn(4, 6)
    torch.nn.init.normal_(layer.bias)
    torch.nn.init.normal_(layer.loudness)
    noise = torch.randn(4, 1, 8, 8)
    style = w @ (layer.style.weight / math.sqrt(6)).T + layer.style.bias
    made = []
    for i in range(4):
        kernel = layer.weight / math.sqrt(27) * style[i][None, :, None, None]
        kernel = kernel / kernel.square().sum((1, 2, 3), keepdim=True).sqrt()
        out = F.conv2d(x[i : i + 1], kernel, padding=1) + layer.bias + layer.loudness * noise[i : i + 1]
        made.append(torch.where(out > 0, out, 0.2 * out) * math.sqrt(2))
    torch.testing.assert_close(layer(x, w, noise), torch.cat(made), rtol=1e-4, atol=1e-4)


def test_loudness_of_the_style_does_not_matter() -> None:
    torch.manual_seed(0)
    layer, x = StyledConvolution(6, 3, 5), torch.randn(2, 3, 8, 8)
    layer.style.bias.data.zero_()
    w = torch.randn(2, 6)
    torch.testing.assert_close(layer(x, w, None), layer(x, 7 * w, None), rtol=1e-4, atol=1e-4)


def test_equalised_layers_keep_the_spread_at_their_start() -> None:
    torch.manual_seed(0)
    for pace in (1.0, 0.1):
        out = EqualLinear(256, 256, pace=pace)(torch.randn(500, 256))
        assert out.std().item() == pytest.approx(1, rel=0.05)
    inside = EqualConv(32, 32, 3)(torch.randn(8, 32, 16, 16))[:, :, 2:-2, 2:-2]
    assert inside.std().item() == pytest.approx(1, rel=0.05)
    start = EqualLinear(3, 4, pace=0.1, start=1.0)
    torch.testing.assert_close(start(torch.zeros(2, 3)), torch.ones(2, 4))


# ---- growth ----


@pytest.mark.parametrize("k", [0, 1, 2])
def test_a_doubling_that_counts_for_nought_changes_nothing(k: int) -> None:
    model = style_gan()
    net, styles = generator_of(model), some_styles(model)
    before, after = net(styles, float(k)), net(styles, k + ALMOST)
    assert after.shape[-1] == 2 * before.shape[-1]
    torch.testing.assert_close(after, doubled(before), rtol=1e-4, atol=1e-4)
    x = torch.rand(5, 3, *net.sides(k + 1), generator=make_rng(0)) * 2 - 1
    judge = model.discriminator
    torch.testing.assert_close(judge(x, k + ALMOST), judge(halved(x), float(k)), rtol=1e-3, atol=1e-3)


def test_growth_is_continuous_and_half_way_is_half_the_new() -> None:
    model = style_gan()
    net, styles = generator_of(model), some_styles(model)
    coarse, half, full = doubled(net(styles, 1.0)), net(styles, 1.5), net(styles, 2.0)
    torch.testing.assert_close(half - coarse, (full - coarse) / 2, rtol=1e-3, atol=1e-4)


def test_real_pictures_fade_in_like_made_ones() -> None:
    model, x = style_gan(grows=True), torch.rand(3, *FACE) * 2 - 1
    assert model._shrunk(x).shape == (3, 3, 4, 4)
    torch.testing.assert_close(model._shrunk(x), F.adaptive_avg_pool2d(x, 4))
    model.growth.fill_(2.25)
    quarter, sixteen = F.adaptive_avg_pool2d(x, 16), F.adaptive_avg_pool2d(x, 8)
    assert model._shrunk(x).shape == (3, 3, 32, 32)
    blurred = F.interpolate(quarter, scale_factor=2)
    torch.testing.assert_close(model._shrunk(x), 0.75 * blurred + 0.25 * x)
    model.growth.fill_(1.0)
    torch.testing.assert_close(model._shrunk(x), sixteen)


def test_shares_of_growth() -> None:
    for n in (1, 3):
        shares = np.linspace(0, 1, 401)
        grown = [grown_at(float(share), n) for share in shares]
        assert grown[0] == 0 and grown == sorted(grown) and grown[-1] == n
        assert all(value == n for share, value in zip(shares, grown, strict=True) if share >= GROWN_BY)
        rests = sum(value == 0 for value in grown) / len(grown)
        assert rests == pytest.approx(GROWN_BY / n / 2, abs=0.01)  # the first half of each part stands still
        assert max(np.diff(grown)) <= 2 * n / GROWN_BY / 400 + 1e-9
    assert grown_at(GROWN_BY / 3 * 0.75, 3) == pytest.approx(0.5)


def test_a_training_grows_and_what_it_shows_grows_with_it() -> None:
    trainer = Trainer(Experiment.default("style_gan", "faces", steps=8, batch_size=16), device="cpu")
    shapes = [trainer.observe(None)["samples"].shape]
    while not trainer.is_done:
        trainer.advance()
        shapes.append(trainer.observe(None)["samples"].shape)
    sides = [shape[-1] for shape in shapes]
    assert sides[0] == 4 and sides[-1] == 32 and sides == sorted(sides) and len({shape[0] for shape in shapes}) == 1
    assert trainer.model.sample(2, rng=make_rng(0)).shape == (2, *FACE)
    again = style_gan(FACE, width=trainer.model.settings.width, grows=True)
    again.load_state_dict(trainer.model.state_dict())
    assert again.grown == 3  # a stored model knows how far it has grown


def test_one_that_does_not_grow_is_full_from_the_start() -> None:
    model = style_gan(DIGIT, levels=17)
    model.begin_step(0.0)
    assert model.grown == 1 and model.observe(None)["samples"].shape == (48, 1, 8, 8)


def test_a_small_picture_is_shown_in_whole_places() -> None:
    model = style_gan(grows=True)
    x = model.decode(model.draw_latents(2, make_rng(0)))
    assert x.shape == (2, *FACE)
    assert torch.equal(x, F.interpolate(x[:, :, ::8, ::8], scale_factor=8))


# ---- styles ----


def test_truncation_draws_styles_to_their_mean() -> None:
    model = style_gan()
    z = model.draw_latents(6, make_rng(3))
    plain, none = model.styles(z, 1.0), model.styles(z, 0.0)
    mapped = torch.stack([model.averaged.mean.get_submodule("mapping")(z[i : i + 1])[0] for i in range(6)])
    torch.testing.assert_close(plain[:, 3], mapped, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(none, none[:1].expand_as(none))
    torch.testing.assert_close(none[0, 0], model.middle_style())
    torch.testing.assert_close(model.styles(z, 0.5), (plain + none) / 2)
    pictures = model.paint(none)
    assert torch.equal(pictures, pictures[:1].expand_as(pictures))  # one picture for all noises
    assert model.paint(plain)[0].sub(model.paint(plain)[1]).abs().max() > 1


def test_the_middle_is_the_mean_of_many_styles() -> None:
    model = style_gan()
    w = model.averaged.mean.get_submodule("mapping")(model.draw_latents(40_000, make_rng(9)))
    error = w.std(0) / math.sqrt(2000)  # of the 2,000 that make the middle; 6 errors: false alarm 64 · 2e-9
    assert ((model.middle_style() - w.mean(0)).abs() < 6.2 * error + 1e-5).all()


def test_mixing_at_the_ends_is_one_of_the_two() -> None:
    model = style_gan()
    first, second = some_styles(model, 2)[:, 0].split(1)
    n = model.n_layers
    for crossover, expected in ((n, first), (0, second)):
        mixed = mix_styles(first, second, torch.tensor([crossover]), n)
        assert torch.equal(model.paint(mixed), model.paint(expected[:, None].expand(-1, n, -1)))
    mixed = mix_styles(first, second, torch.tensor([CONVOLUTIONS]), n)
    assert torch.equal(mixed[0, :CONVOLUTIONS], first.expand(CONVOLUTIONS, -1))
    assert torch.equal(mixed[0, CONVOLUTIONS:], second.expand(n - CONVOLUTIONS, -1))


def test_fine_styles_leave_the_coarse_picture_alone() -> None:
    model = style_gan()
    net, styles = generator_of(model), some_styles(model, 2)
    mixed = styles[:1].clone()
    mixed[:, -CONVOLUTIONS:] = styles[1:, -CONVOLUTIONS:]
    assert torch.equal(net(mixed, 2.0), net(styles[:1], 2.0))
    assert not torch.equal(net(mixed, 3.0), net(styles[:1], 3.0))


def test_noise_changes_details_and_silence_is_always_the_same() -> None:
    model = style_gan()
    styles = some_styles(model, 2)
    noises = model.draw_noises(2, make_rng(0))
    assert [noise.shape[-1] for noise in noises] == [4, 4, 8, 8, 16, 16, 32, 32]
    assert torch.equal(model.paint(styles), model.paint(styles, [None] * 8))
    assert not torch.equal(model.paint(styles), model.paint(styles, noises))
    fine = [None] * 6 + noises[6:]
    apart = (model.paint(styles, fine) - model.paint(styles)).abs()
    assert apart.max() > 0 and (model.paint(styles, noises) - model.paint(styles)).abs().mean() > apart.mean()


def test_training_mixes_two_latents() -> None:
    never, always = style_gan(mixing=0.0), style_gan(mixing=1.0)
    z = never.draw_latents(5, make_rng(4))
    net = generator_of(never)
    rng = make_rng(4)
    for _ in range(2):  # A and B of the training
        never.draw_latents(5, rng)
    torch.randint(1, never.n_layers, (5,), generator=rng)
    torch.rand(5, generator=rng)
    noises = never.draw_noises(5, rng)
    plain = net(net.mapping(z)[:, None].expand(-1, never.n_layers, -1), never.grown, noises)
    torch.testing.assert_close(never._make(5, make_rng(4)), plain)
    assert not torch.allclose(always._make(5, make_rng(4)), plain)


def test_it_learns_what_digits_look_like() -> None:
    experiment = Experiment.default("style_gan", "digits", steps=200, batch_size=16)
    trainer = Trainer(experiment, device="cpu")
    real = DATASETS["digits"].examples().train.float().mean(0)

    def apart() -> float:
        return float((trainer.model.sample(200, rng=make_rng(0)).mean(0) - real).abs().mean())

    before = apart()
    while not trainer.is_done:
        trainer.advance()
    assert apart() < 0.75 * before
