"""The game about pictures against plain reimplementations: losses, penalties, packing, spread, averaging."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from engines.datasets import DATASETS
from engines.errors import ShapeError
from engines.gan.images.base import constant
from engines.gan.images.convolutional import COLLAPSED, PictureGan, PictureGanSettings
from engines.gan.images.measures import class_shares, knows_faces, sky_shares
from engines.gan.losses import LOSSES
from engines.models import MODELS
from engines.nets.picture_nets import MinibatchStd, PixelNorm, ladder_of, to_ladder
from engines.tensors import make_rng
from engines.training import Experiment, Trainer
from engines.training.sources import part_of


def game(shape: tuple[int, ...] = (1, 8, 8), *, levels: int = 17, **settings: Any) -> PictureGan:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return PictureGan(shape, levels, PictureGanSettings(**settings), classes=tuple("0123456789"))


def digits(n: int = 32) -> Tensor:
    return DATASETS["digits"].examples().train[:n].float()


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (3, 20, 20), (2, 9, 13)])
def test_both_players_take_pictures_of_every_size(shape: tuple[int, ...]) -> None:
    for body in ("convolution", "perceptron"):
        model = game(shape, body=body, width=4).eval()
        x = model.sample(3, rng=make_rng(0))
        assert x.shape == (3, *shape)
        assert model.discriminate(x).shape == (3,)


def test_pixels_and_their_scale_are_each_others_inverse() -> None:
    model, pixels = game(), torch.arange(17.0)
    scaled = model.to_scale(pixels)
    assert float(scaled.min()) == pytest.approx(-1 + 1 / 17) and float(scaled.max()) == pytest.approx(1 - 1 / 17)
    torch.testing.assert_close(model.from_scale(scaled), pixels)
    samples = model.sample(20, rng=make_rng(0))
    assert torch.equal(samples, samples.round()) and samples.min() >= 0 and samples.max() <= 16


def test_a_sample_is_the_averaged_generators_picture() -> None:
    model = game().eval()
    z = model.latent_rows(5, make_rng(3))
    assert torch.equal(model.sample(5, rng=make_rng(3)), model.decode(z).round())
    with torch.no_grad():
        for weight in model.averaged.net.parameters():
            weight.add_(1)
    assert torch.equal(model.sample(5, rng=make_rng(3)), model.decode(z).round())  # the trained weights do not count
    with pytest.raises(ShapeError, match=r"\(B, 16\)"):
        model.decode(torch.zeros(2, 3))


def test_temperature_nought_is_one_picture() -> None:
    samples = game().eval().sample(4, rng=make_rng(0), temperature=0.0)
    assert torch.equal(samples, samples[:1].expand_as(samples))


def test_temperature_is_a_factor_on_the_latents_themselves() -> None:
    """On their standard deviation, as in Glow, and not on their variance."""
    model = game().eval()
    z = 0.25 * model.latent_rows(4, make_rng(0))
    assert torch.equal(model.sample(4, rng=make_rng(0), temperature=0.25), model.decode(z).round())


def plain_logits(model: PictureGan, x: Tensor) -> Tensor:
    """The discriminator's layers applied one after the other by torch's own functions."""
    *convolutions, last = [part for part in model.discriminator.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    for layer in convolutions:
        assert isinstance(layer, nn.Conv2d)
        x = F.conv2d(x, layer.weight, layer.bias, stride=layer.stride, padding=1)  # pyright: ignore[reportArgumentType]
        x = torch.where(x > 0, x, 0.2 * x)
    return (x.flatten(1) @ last.weight.T + last.bias)[:, 0]  # pyright: ignore[reportOperatorIssue]


def test_logits_are_those_of_its_layers() -> None:
    model = game().eval()
    torch.testing.assert_close(model.discriminate(digits(6)), plain_logits(model, (digits(6) + 0.5) * 2 / 17 - 1))


@pytest.mark.parametrize("loss", LOSSES)
def test_what_the_players_minimise_is_the_formula(loss: str) -> None:
    model = game(loss=loss, penalty="none")
    found = model._discriminator_loss(digits(), make_rng(5))
    rng = make_rng(5)
    real = model.to_scale(digits() + torch.rand(digits().shape, generator=rng) - 0.5)
    fake = model.averaged.net(torch.randn(32, 16, generator=rng))
    r, f = plain_logits(model, real), plain_logits(model, fake)
    expected = {
        "non_saturating": -F.logsigmoid(r).mean() - F.logsigmoid(-f).mean(),
        "minimax": -F.logsigmoid(r).mean() - F.logsigmoid(-f).mean(),
        "least_squares": ((r - 1) ** 2).mean() / 2 + (f**2).mean() / 2,
        "wasserstein": f.mean() - r.mean(),
        "hinge": (1 - r).clamp_min(0).mean() + (1 + f).clamp_min(0).mean(),
        "relativistic": -F.logsigmoid(r - f).mean(),
    }[loss]
    torch.testing.assert_close(found["loss"], expected)


def test_r1_is_half_the_squared_slope_by_finite_differences() -> None:
    model = game(penalty="r1", penalty_weight=2.0).double()
    x = model.to_scale(digits(2)).double()
    penalty = model._penalty(x, x, make_rng(0)).item()
    squares, h = 0.0, 1e-5
    for at in range(64):
        step = torch.zeros(64, dtype=torch.float64)
        step[at] = h
        slope = (model._judge(x + step.view(8, 8)) - model._judge(x - step.view(8, 8))) / (2 * h)
        squares += slope.square().mean().item()
    assert penalty == pytest.approx(0.5 * squares, rel=1e-5)


def test_the_penalty_enters_with_its_weight_and_its_mean_is_that_of_all_pictures() -> None:
    light, heavy = (game(penalty="r1", penalty_weight=w)._discriminator_loss(digits(), make_rng(1)) for w in (1.0, 3.0))
    torch.testing.assert_close(heavy["loss"] - light["loss"], 2 * light["penalty"])
    both = game(penalty="r1_r2")
    fake = both._make(8, make_rng(0)).detach()
    real = both.to_scale(digits(8))
    r1 = game(penalty="r1")
    torch.testing.assert_close(
        both._penalty(real, fake, make_rng(0)),
        r1._penalty(real, fake, make_rng(0)) + r1._penalty(fake, real, make_rng(0)),
    )


@pytest.mark.parametrize("penalty", ["gradient_penalty", "dragan"])
def test_a_slope_of_one_costs_nothing(penalty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = game(penalty=penalty, body="perceptron", width=4)
    direction = F.normalize(torch.randn(64, generator=make_rng(0)), dim=0)
    real = model.to_scale(digits(8))
    for slope, expected in ((1.0, 0.0), (3.0, 4.0)):
        monkeypatch.setattr(model, "_judge", lambda x, slope=slope: slope * (x.flatten(1) @ direction))
        assert model._penalty(real, -real, make_rng(0)).item() == pytest.approx(expected, abs=1e-3)


def test_packs_hold_pictures_in_their_order() -> None:
    model = game(pack=3).eval()
    x = model.to_scale(digits(7))
    packed = model._packed(x)
    assert packed.shape == (2, 3, 8, 8)
    assert torch.equal(packed[1, 2], x[5, 0])
    logits = model.discriminate(digits(7))
    assert logits.shape == (7,) and logits[0] == logits[2] and logits[3] == logits[5]
    torch.testing.assert_close(logits[0], plain_logits(model, packed[:1])[0])
    assert model.discriminate(digits(1)).shape == (1,) and model.discriminate(digits(0)).shape == (0,)


def test_opinions_do_not_depend_on_neighbours() -> None:
    for settings in ({"pack": 3}, {"minibatch_std": True}, {}):
        model, company = game((1, 8, 8), **settings).eval(), digits(15)
        alone = model.opinions(digits(20)[16:17], company)
        again = model.opinions(digits(20)[16:17], company)
        assert torch.equal(alone, again)
        if "minibatch_std" not in settings:
            torch.testing.assert_close(model.opinions(digits(20)[15:], company)[1:2], alone)


def test_the_spread_of_a_batch_is_seen() -> None:
    layer, x = MinibatchStd(), torch.randn(16, 5, 4, 4, generator=make_rng(0))
    seen = layer(x)
    assert seen.shape == (16, 6, 4, 4) and torch.equal(seen[:, :5], x)
    assert float(seen[3, 5, 1, 2]) == pytest.approx(float(x.std(0, unbiased=False).mean()), rel=1e-5)
    same = layer(x[:1].expand(16, -1, -1, -1))
    assert float(same[0, 5, 0, 0]) == pytest.approx(0, abs=1e-3)


def test_spectral_norm_bounds_every_layer() -> None:
    model = game(spectral_norm=True, width=8)
    for _ in range(30):
        model.discriminate(digits(4))
    weights = [part.weight for part in model.discriminator.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    for weight in weights:
        assert float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2)) == pytest.approx(1, rel=0.05)


def test_the_generators_step_leaves_the_discriminator_alone() -> None:
    model = game()
    model._generator_loss(digits(), make_rng(0))["loss"].backward()
    assert all(weight.grad is None and weight.requires_grad for weight in model.discriminator.parameters())
    assert all(weight.grad is not None for weight in model.averaged.net.parameters())
    with pytest.raises(ValueError, match="stop"), constant(model.discriminator):
        raise ValueError("stop")
    assert all(weight.requires_grad for weight in model.discriminator.parameters())


def test_phases_have_the_paces_that_were_set() -> None:
    discriminator, generator = game(n_discriminator=3, discriminator_rate=0.5).phases()
    assert (discriminator.repeats, discriminator.rate) == (3, 0.5)
    assert (generator.repeats, generator.rate) == (1, 1.0)
    assert generator.after is not None and discriminator.after is None


def test_features_of_unit_length() -> None:
    x = PixelNorm()(torch.randn(4, 7, 3, 3, generator=make_rng(0)))
    torch.testing.assert_close(x.square().mean(1), torch.ones(4, 3, 3), rtol=1e-4, atol=1e-4)


def test_a_ladder_ends_at_the_picture() -> None:
    assert (
        ladder_of((1, 8, 8)) == (1, 4, 4)
        and ladder_of((3, 32, 32)) == (3, 4, 4)
        and ladder_of((1, 28, 28)) == (2, 7, 7)
    )
    x = torch.rand(2, 1, 9, 13)
    padded = to_ladder(x, ladder_of((1, 9, 13)))
    assert padded.shape[2] % 2 == 0 and padded.shape[3] % 2 == 0 and torch.equal(padded[:, :, :9, :13], x)


def test_shares_of_classes_and_their_kl() -> None:
    examples = DATASETS["digits"].examples()
    assert examples.train_labels is not None
    true = class_shares(examples.train.float(), examples.test.float())
    assert true["class_kl"] < 0.02 and sum(true["classes"]) == pytest.approx(1, abs=1e-3)
    ones = examples.train[examples.train_labels == 1].float()
    found = class_shares(ones, examples.test.float())
    assert found["classes"][1] > 0.95 and found["class_kl"] == pytest.approx(math.log(10), abs=0.35)


def test_the_sky_tells_day_from_night() -> None:
    held_out = part_of(DATASETS["faces"].examples(), "test")
    assert knows_faces(held_out) and not knows_faces(part_of(DATASETS["digits"].examples(), "test"))
    assert held_out.factors is not None
    is_night = held_out.factors[:, -1] == 1
    assert sky_shares(held_out.x[is_night], held_out)["classes"] == [0.0, 1.0]
    assert sky_shares(held_out.x, held_out)["class_kl"] == pytest.approx(0, abs=1e-9)


def test_the_collapsing_preset_collapses_and_the_usual_one_does_not() -> None:
    """Of the stored kind, after a few hundred steps: one or two digits against all ten."""
    kls = {}
    for name, settings, steps in (("collapsed", COLLAPSED, 350), ("usual", MODELS["picture_gan"].settings(), 200)):
        trainer = Trainer(
            Experiment.default("picture_gan", "digits", settings=settings.to_dict(), steps=steps), device="cpu"
        )
        while not trainer.is_done:
            trainer.advance()
        kls[name] = trainer.measure()["class_kl"]
    assert float(kls["collapsed"]) > 0.7 > 0.5 > float(kls["usual"])  # pyright: ignore[reportArgumentType]
