"""Games in the plane: K at once are K single ones, each cure does what it says, and a fork takes over what fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.datasets import DATASETS
from engines.errors import TrainingDiverged
from engines.gan.losses import LOSSES
from engines.gan.penalties import one_centred, zero_centred
from engines.gan.plane.gan import MARK, SHOWN_PIECES, PlaneGan
from engines.gan.plane.settings import PlaneGanSettings
from engines.nets.adversaries import Discriminator, Generator, SpectralLinear, spread_of
from engines.nets.stacked import StackedBatchNorm
from engines.probes import build_probe
from engines.tensors import make_rng
from engines.training import Experiment, Trainer

RING: Any = DATASETS["ring"].density


def game(**settings: Any) -> PlaneGan:
    torch.manual_seed(0)
    return PlaneGan(PlaneGanSettings(width=16, **settings), RING)


def weights_of(module: torch.nn.Module, member: int) -> dict[str, Tensor]:
    return {name: value[member : member + 1].clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize(
    "changes", [{}, {"r1": 0.3, "gradient_penalty": 0.2}, {"pack": 2, "minibatch_std": True}, {"pieces": 5}]
)
def test_k_games_are_k_single_ones(changes: dict[str, Any]) -> None:
    """Three steps of Adam on both players of three games at once, and of each alone on the same points and noise."""
    k, n = 3, 24
    many = game(n_models=k, **changes)
    singles = [game(**changes) for _ in range(k)]
    for i, single in enumerate(singles):
        single.generator.net.load_state_dict(weights_of(many.generator.net, i))
        single.discriminator.load_state_dict(weights_of(many.discriminator, i))
    noise, real = many._draw_noise((3, k, n), make_rng(0)), torch.randn(3, k, n, 2)
    share = torch.rand(3, k, n // many.settings.pack, 1)

    def steps(model: PlaneGan, members: slice) -> None:
        players = [torch.optim.Adam(net.parameters(), 1e-2) for net in (model.discriminator, model.generator.net)]
        for z, x, s in zip(noise, real, share, strict=True):
            packs, fakes = model._packs(x[members]), model._packs(model.generator.net(z[members]))
            critic = LOSSES["non_saturating"].discriminator(
                model.discriminator(packs), model.discriminator(fakes.detach())
            )
            middle = packs + s[members] * (fakes.detach() - packs)
            settings = model.settings
            if settings.r1:
                critic = critic + settings.r1 * zero_centred(model.discriminator, packs)
                critic = critic + settings.gradient_penalty * one_centred(model.discriminator, middle)
            for player, loss in zip(players, (critic, None), strict=True):
                if loss is None:
                    fakes = model._packs(model.generator.net(z[members]))
                    loss = LOSSES["non_saturating"].generator(fakes, model.discriminator(fakes))
                player.zero_grad()
                loss.sum().backward()
                player.step()

    steps(many, slice(0, k))
    for i, single in enumerate(singles):
        steps(single, slice(i, i + 1))
        for one, all_of_them in (
            (single.generator.net, many.generator.net),
            (single.discriminator, many.discriminator),
        ):
            for name, value in one.state_dict().items():
                torch.testing.assert_close(value, weights_of(all_of_them, i)[name], rtol=1e-4, atol=1e-6)


def test_games_of_a_run_begin_apart_and_stay_apart() -> None:
    trainer = Trainer(Experiment.default("plane_gan", "ring", steps=5, settings={"n_models": 3}), device="cpu")
    for _ in range(5):
        trainer.advance()
    first = trainer.model.generator.net.head.weight
    assert not torch.allclose(first[0], first[1]) and not torch.allclose(first[1], first[2])
    assert np.shape(trainer.measure()["all_modes"]) == (3,)


def test_the_generator_is_a_plain_perceptron() -> None:
    torch.manual_seed(1)
    net, z = Generator(2, 3, 8, 2), torch.randn(5, 3)
    layers: list[Any] = list(net.body)
    x = z
    for layer in layers[::2]:
        x = torch.nn.functional.leaky_relu(x @ layer.weight[1] + layer.bias[1], 0.2)
    torch.testing.assert_close(net(z)[1], x @ net.head.weight[1] + net.head.bias[1])


def test_batch_norm_agrees_with_torch() -> None:
    torch.manual_seed(1)
    own, theirs = StackedBatchNorm(2, 5), [torch.nn.BatchNorm1d(5) for _ in range(2)]
    x = torch.randn(2, 30, 5) * 3 + 1
    for _ in range(3):
        x = x + 0.5
        found = own(x)
        for k, peer in enumerate(theirs):
            torch.testing.assert_close(found[k], peer(x[k]))
    for k, peer in enumerate(theirs):
        torch.testing.assert_close(own.eval()(x)[k], peer.eval()(x[k]))


def test_the_mean_generator_knows_the_running_moments() -> None:
    settings = {"batch_norm": True, "averaging": 0.5}
    trainer = Trainer(Experiment.default("plane_gan", "ring", steps=60, settings=settings), device="cpu")
    for _ in range(60):
        trainer.advance()
    model, z = trainer.model, trainer.model._fixed_noise(2000)
    shown = model.decode(z)
    model.generator.net.train()
    trained = model.mean + model.scale * model.generator.net(z)[0]
    torch.testing.assert_close(shown.mean(0), trained.mean(0), atol=0.3, rtol=0)
    torch.testing.assert_close(shown.std(0), trained.std(0), atol=0.3, rtol=0)


def test_noise_lies_in_pieces_that_are_equally_likely() -> None:
    model, n = game(pieces=5, n_latents=3), 5000
    z = model._draw_noise((n,), make_rng(4))
    assert z.shape == (n, 3 + 5)
    marks = z[:, 3:] / MARK
    assert torch.equal(marks.sum(1), torch.ones(n)) and set(marks.unique().tolist()) == {0.0, 1.0}
    assert abs(marks.mean(0) - 0.2).max() < 4 * (0.2 * 0.8 / n) ** 0.5
    assert z[:, :3].std() == pytest.approx(1, abs=0.02)
    assert torch.equal(z, model._draw_noise((n,), make_rng(4)))


def test_each_piece_moves_by_its_own_weights_alone() -> None:
    model = game(pieces=4)
    z = model._draw_noise((200,), make_rng(1))
    before, is_third = model.decode(z), z[:, 2 + 2] > 0
    with torch.no_grad():
        dict(model.generator.mean.named_buffers())["body.0.weight"][:, 2 + 2] += 1
    is_moved = (model.decode(z) - before).abs().sum(1) > 1e-6
    assert torch.equal(is_moved, is_third) and 20 < int(is_third.sum()) < 90


def test_without_latent_noise_as_many_points_are_left_as_pieces() -> None:
    points = game(pieces=6).sample(300, rng=make_rng(2), temperature=0.0)
    assert len(points.unique(dim=0)) == 6
    assert len(game().sample(300, rng=make_rng(2), temperature=0.0).unique(dim=0)) == 1


@pytest.mark.parametrize(("settings", "n"), [({"pieces": 3}, 3 * 25), ({"pieces": 3, "n_latents": 1}, 3 * 5)])
def test_each_piece_shows_its_own_grid(settings: dict[str, int], n: int) -> None:
    model = game(**settings)
    z = model._latent_grid()
    assert len(z) == n and z.shape[1] == model.settings.n_latents + 3
    assert torch.equal(z[:, -3:].argmax(1), torch.arange(3).repeat_interleave(n // 3))
    assert len(game(pieces=128)._latent_grid()) == SHOWN_PIECES * 25


def test_spectral_norm_is_the_largest_singular_value() -> None:
    torch.manual_seed(2)
    layer = SpectralLinear(3, 12, 9, is_alike=False)
    for _ in range(100):
        layer._iterate()
    exact = torch.linalg.matrix_norm(layer.weight, ord=2)
    torch.testing.assert_close(layer.norms.flatten(), exact, rtol=1e-4, atol=0)
    x, y = torch.randn(3, 200, 12), torch.randn(3, 200, 12)
    apart = (layer.eval()(x) - layer(y)).norm(dim=-1)
    assert (apart <= 1.0001 * (x - y).norm(dim=-1)).all()


def test_spectral_norm_agrees_with_torch() -> None:
    torch.manual_seed(3)
    own, theirs = SpectralLinear(1, 6, 4), torch.nn.Linear(6, 4)
    with torch.no_grad():
        theirs.weight.copy_(own.weight[0].T)
        theirs.bias.copy_(own.bias[0, 0])
    peer = torch.nn.utils.parametrizations.spectral_norm(theirs, n_power_iterations=100)
    for _ in range(100):
        own._iterate()
    x = torch.randn(7, 6)
    torch.testing.assert_close(own.eval()(x)[0], peer(x), rtol=1e-4, atol=1e-5)
    weight = dict(peer.named_parameters())["parametrizations.weight.original"]
    (slope,) = torch.autograd.grad(own(x).square().sum(), own.weight)
    (known,) = torch.autograd.grad(peer(x).square().sum(), weight)
    torch.testing.assert_close(slope[0].T, known, rtol=1e-3, atol=1e-4)


def test_a_pack_shows_what_single_points_hide() -> None:
    """Equal points give equal packs; judged one by one, a collapsed generator looks like a sample of the mode."""
    net = Discriminator(1, 2, 16, 1, is_spectral=False, sees_spread=False)
    assert net(torch.randn(1, 5, 4)).shape == (1, 5)
    model = game(pack=3)
    x = torch.randn(1, 12, 2)
    assert torch.equal(model._packs(x)[0, 1], x[0, 3:6].flatten())
    batch = model._real(torch.randn(16, 2), make_rng(0))
    assert batch.shape == (1, 15, 2)  # whole packs alone


def test_the_spread_that_a_discriminator_is_told() -> None:
    packs = torch.randn(2, 500, 2) * torch.tensor([[[1.0, 3.0]]])
    torch.testing.assert_close(spread_of(packs)[:, 0, 0], packs.std(1, correction=0).mean(1))
    assert float(spread_of(torch.ones(1, 9, 2)).detach()) < 1e-3


def test_judging_point_by_point_is_judging_together() -> None:
    model, x = game(minibatch_std=True, pack=2), torch.randn(9, 2)
    together = model.discriminate(x)
    torch.testing.assert_close(together, torch.cat([model.discriminate(point[None]) for point in x]))


@pytest.mark.parametrize("loss", [key for key in LOSSES if key != "relativistic"])
def test_arrows_are_the_fall_of_the_generators_loss(loss: str) -> None:
    """Each arrow, against a central difference of that point's own loss."""
    model, x = game(loss=loss).double(), 2 * torch.randn(6, 2, dtype=torch.float64)
    arrows, step = model.pulls(x), 1e-5
    for axis in (0, 1):
        move = torch.zeros(2, dtype=torch.float64)
        move[axis] = step
        values = [model.game.generator(*[model.discriminate(x + s * move)[:, None]] * 2) for s in (1, -1)]
        torch.testing.assert_close(arrows[:, axis], -(values[0] - values[1]) / (2 * step), rtol=1e-4, atol=1e-7)


def test_unrolling_foresees_the_discriminators_own_steps() -> None:
    model = game(unroll=3, unroll_rate=0.1)
    real, fake = torch.randn(1, 20, 2), torch.randn(1, 20, 2)
    foreseen = model._foreseen(real, fake)(fake)
    other = game(unroll=3)
    other.load_state_dict(model.state_dict())
    optimiser = torch.optim.SGD(other.discriminator.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        other.game.discriminator(other.discriminator(real), other.discriminator(fake)).sum().backward()
        optimiser.step()
    torch.testing.assert_close(foreseen, other.discriminator(fake))


def test_the_generator_sees_through_unrolled_steps() -> None:
    """Its slope through the foreseen discriminator is that of the whole chain, by finite differences."""
    model = game(unroll=2, unroll_rate=0.5).double()
    real, fake = (torch.randn(1, 8, 2, dtype=torch.float64) for _ in range(2))

    def loss(fake: Tensor) -> Tensor:
        return model.game.generator(fake, model._foreseen(real, fake)(fake)).sum()

    fake.requires_grad_()
    (slope,) = torch.autograd.grad(loss(fake), fake)
    move = torch.randn(fake.shape, generator=make_rng(1), dtype=torch.float64)
    size = 1e-6
    found = (loss(fake.detach() + size * move) - loss(fake.detach() - size * move)) / (2 * size)
    assert float(found.detach()) == pytest.approx(float((slope * move).sum()), rel=1e-5)


def test_clipping_holds_every_weight() -> None:
    trainer = Trainer(
        Experiment.default("plane_gan", "ring", steps=5, settings={"loss": "wasserstein", "clip": 0.02}), device="cpu"
    )
    for _ in range(5):
        trainer.advance()
    assert max(float(p.detach().abs().max()) for p in trainer.model.discriminator.parameters()) <= 0.02 + 1e-6
    assert float(trainer.model.generator.net.head.weight.detach().abs().max()) > 0.02


def test_instance_noise_falls_to_none() -> None:
    model, x = game(instance_noise=1.0), torch.zeros(1, 4000, 2)
    widths = []
    for share in (0.0, 0.5, 1.0):
        model.begin_step(share)
        widths.append(float(model._blur(x, make_rng(0)).std()))
    assert widths == pytest.approx([1, 0.5, 0], abs=0.03)


def test_two_time_scales_and_repeats_are_in_the_phases() -> None:
    judge, maker = game(discriminator_rate=0.1, n_discriminator=4, momentum=0.2, decays=True).phases()
    assert (judge.rate, judge.repeats, judge.betas[0], judge.decays) == (0.1, 4, 0.2, True)
    assert (maker.rate, maker.repeats) == (1.0, 1)


@pytest.mark.parametrize(("name", "moved"), [("discriminator", "discriminator"), ("generator", "generator.net")])
def test_one_player_can_be_stepped_alone(name: str, moved: str) -> None:
    trainer = Trainer(Experiment.default("plane_gan", "ring", steps=50), device="cpu")
    before = {key: value.detach().clone() for key, value in trainer.model.named_parameters()}
    losses = trainer.update(name)
    changed = {key for key, value in trainer.model.named_parameters() if not torch.equal(value, before[key])}
    assert changed == {key for key in before if key.startswith(moved)}
    assert f"{name}_loss" in losses and trainer.step == 0


def test_the_mean_of_the_generator_is_what_is_shown() -> None:
    trainer = Trainer(Experiment.default("plane_gan", "ring", steps=40, settings={"averaging": 0.9}), device="cpu")
    for _ in range(40):
        trainer.advance()
    model, z = trainer.model, torch.randn(5, 2)
    shown, trained = model.decode(z), model.mean + model.scale * model.generator.net(z)[0]
    assert not torch.allclose(shown, trained, atol=1e-3)


def test_a_fork_takes_over_all_that_fits() -> None:
    first = Trainer(Experiment.default("plane_gan", "ring", steps=9), device="cpu")
    for _ in range(9):
        first.advance()
    weights = first.weights()
    packed = Trainer(
        Experiment.default("plane_gan", "ring", steps=9, settings={"pack": 2}), weights=weights, device="cpu"
    )
    noise = torch.randn(20, 2)
    torch.testing.assert_close(packed.model.decode(noise), first.model.decode(noise))
    anew = packed.model.adopt({name: torch.from_numpy(value) for name, value in weights.items()})
    assert anew == ("discriminator.body.0.weight",)
    torn = Trainer(
        Experiment.default("plane_gan", "ring", steps=9, settings={"pieces": 3}), weights=weights, device="cpu"
    )
    unmarked = torch.cat([noise, torch.zeros(20, 3)], dim=1)
    torch.testing.assert_close(torn.model.decode(unmarked), first.model.decode(noise))
    same = Trainer(Experiment.default("plane_gan", "ring", steps=9), weights=weights, device="cpu")
    torch.testing.assert_close(same.model.discriminate(noise), first.model.discriminate(noise))


def test_what_is_seen() -> None:
    trainer = Trainer(Experiment.default("plane_gan", "ring", steps=30, settings={"n_models": 2}), device="cpu")
    for _ in range(30):
        trainer.advance()
    seen = trainer.observe(build_probe(RING.window, resolution=20, n_samples=50))
    shapes = {name: array.shape for name, array in seen.items()}
    assert shapes["samples"] == shapes["arrows"] == (50, 2)
    assert shapes["warp"] == (17 * 17, 2) and shapes["logits"] == shapes["fake_log_density"] == (20, 20)
    assert shapes["trace"] == (30, 8) and seen["trace"].dtype == np.uint8
    assert abs(seen["trace"].sum(1).astype(int) - 255).max() <= 4
    assert shapes["member_samples"] == (2, 250, 2) and shapes["member_logits"] == (2, 24, 24)
    np.testing.assert_allclose(seen["member_samples"][0][:50], seen["samples"], rtol=1e-5, atol=1e-6)


def test_a_game_that_explodes_ends_with_its_last_good_picture() -> None:
    settings = {"loss": "wasserstein", "discriminator_rate": 100.0}
    trainer = Trainer(
        Experiment.default("plane_gan", "ring", steps=2000, learning_rate=0.5, settings=settings), device="cpu"
    )
    with pytest.raises(TrainingDiverged, match="The last good snapshot"):
        while not trainer.is_done:
            trainer.advance()
            if trainer.is_snapshot_due:
                trainer.snapshot()
    assert all(np.isfinite(value).all() for value in trainer.last_good.values())
