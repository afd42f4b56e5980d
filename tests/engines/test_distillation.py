"""Teacher and student, against quadrature, closed forms, autograd and counted calls; and the tones that they speak."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from engines.cli.export import build_script
from engines.datasets import DATASETS
from engines.datasets.tones import CYCLES, LENGTH, RATE, ToneSettings, load_tones, tone_density
from engines.errors import DataError, SettingError, ShapeError
from engines.flows.distillation.base import Distillation, frozen
from engines.flows.distillation.measures import clocks, count_passes
from engines.flows.distillation.tones import (
    ToneDistillation,
    ToneDistillationSettings,
    build_tone_distillation,
    power,
)
from engines.flows.layers.autoregressive import MaskedAffine
from engines.flows.layers.base import Inverted
from engines.flows.layers.tone_layers import log_prob_by_sample
from engines.nets.made import MaskedMlp
from engines.probes import cell_centres
from engines.tensors import make_rng
from engines.training import Experiment, Trainer
from engines.training.storing import train_and_store
from engines.training.thinning import thin
from tests.conformance.models import build_perturbed

SMALL = {"width": 64, "n_hidden": 1, "teacher_layers": 2, "student_layers": 3}


def perturbed_tones(scale: float = 0.03) -> ToneDistillation:
    """A small model of tones whose every parameter was moved at random, float64."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_tone_distillation(ToneDistillationSettings(**SMALL), DATASETS["tones"].examples())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=make_rng(parameter.numel())))
    return model.double()


def grid_kl(student: Any, teacher: Any, reach: float = 8.0, side: int = 320) -> float:
    """KL(student || teacher) by the midpoint rule on a wide square."""
    points = cell_centres((-reach, reach, -reach, reach), side).double()
    with torch.no_grad():
        own, taught = student.log_prob(points), teacher.log_prob(points)
    mass = own.exp() * (2 * reach / side) ** 2
    assert float(mass.sum()) == pytest.approx(1, abs=1e-3)
    return float((mass * (own - taught)).sum())


# ---- the divergence ----


@pytest.mark.parametrize("seed", [0, 1])
def test_the_estimated_kl_is_that_of_a_grid(seed: int) -> None:
    model = build_perturbed("distillation", "moons", scale=0.05, seed=seed).double()
    kl, error = model.distilled_kl(20_000, rng=make_rng(seed))
    assert error < 0.05
    # 4.5 standard errors and 2e-3 for the grid: false alarm 1e-5 each.
    assert abs(kl - grid_kl(model, model.teacher)) < 4.5 * error + 2e-3


def test_kl_of_64_gaussians_is_the_closed_form() -> None:
    """With silent nets each sample is Gaussian on its own: KL = sum of log(b/a) + (a² + d²) / 2b² - 1/2."""
    model, rng = perturbed_tones(0.0), make_rng(3)
    moves: dict[str, tuple[Tensor, Tensor]] = {}
    for name, layers in (("student", model.layers), ("teacher", model.teacher.layers)):
        mean, log_std = torch.zeros(LENGTH).double(), torch.zeros(LENGTH).double()
        for layer in reversed(list(layers)):  # from the latent side to the data side
            inner: Any = layer.layer if isinstance(layer, Inverted) else layer
            if not hasattr(inner, "net"):
                mean, log_std = inner.mean + inner.std * mean, log_std + inner.std.log()
                continue
            last = inner.net.net[-1]
            bias = 0.1 * torch.randn(LENGTH, 2, generator=rng).double()
            with torch.no_grad():
                last.weight.zero_()
                last.bias.copy_(bias.flatten())
            shift, scale = bias[:, 0], inner.scale_cap * bias[:, 1].tanh()
            if isinstance(layer, Inverted):
                mean, log_std = (mean - shift) * scale.exp(), log_std + scale
            else:
                mean, log_std = mean * (-scale).exp() + shift, log_std - scale
        moves[name] = mean, log_std
    (m, s), (n, t) = moves["student"], moves["teacher"]
    exact = float((t - s + ((2 * s).exp() + (m - n).square()) / (2 * (2 * t).exp()) - 0.5).sum())
    kl, error = model.distilled_kl(20_000, rng=make_rng(4))
    assert abs(kl - exact) < 4.5 * error
    parts = model.distilled_by_sample(20_000, rng=make_rng(5)).detach()
    each = t - s + ((2 * s).exp() + (m - n).square()) / (2 * (2 * t).exp()) - 0.5
    errors = parts.std(0) / math.sqrt(len(parts))
    assert ((parts.mean(0) - each).abs() < 5 * errors).all()  # false alarms: 64 times 6e-7


def test_log_det_of_64_samples_is_that_of_the_jacobian() -> None:
    model, z = perturbed_tones(), torch.randn(2, LENGTH, generator=make_rng(1)).double()
    for flow in (model, model.teacher):
        _, log_det = flow.to_data(z)
        jacobians = [torch.autograd.functional.jacobian(lambda v, f=flow: f.to_data(v[None])[0][0], each) for each in z]
        found = torch.linalg.slogdet(torch.stack(jacobians)).logabsdet  # pyright: ignore[reportArgumentType]
        torch.testing.assert_close(log_det, found, rtol=0, atol=1e-8)


# ---- one factor for each sample ----


def test_parts_add_up_and_see_only_the_past() -> None:
    model = perturbed_tones()
    x = DATASETS["tones"].examples().test[:20].double()
    parts = log_prob_by_sample(model.teacher, x)
    torch.testing.assert_close(parts.sum(1), model.teacher.log_prob(x), rtol=0, atol=1e-9)
    changed = x.clone()
    changed[:, 40:] += 0.3
    other = log_prob_by_sample(model.teacher, changed)
    torch.testing.assert_close(other[:, :40], parts[:, :40], rtol=0, atol=1e-12)
    assert not torch.allclose(other[:, 40:], parts[:, 40:])


def test_a_part_is_a_normalised_density_of_its_sample() -> None:
    model, t = perturbed_tones(), 30
    x = DATASETS["tones"].examples().test[:1].double().expand(8001, LENGTH).clone()
    x[:, t] = torch.linspace(-40, 40, 8001, dtype=torch.float64)
    with torch.no_grad():
        mass = log_prob_by_sample(model.teacher, x)[:, t].exp() * 0.01
    assert float(mass.sum()) == pytest.approx(1, abs=1e-3)


def test_own_densities_are_those_of_the_slow_way_back() -> None:
    """In one pass a student knows the density of its samples; the 64 passes back must say the same."""
    model = perturbed_tones()
    x, own = model.own_samples(10, make_rng(7))
    torch.testing.assert_close(own, model.log_prob(x), rtol=0, atol=1e-6)
    gaps = model.distilled_by_sample(10, rng=make_rng(7))
    torch.testing.assert_close(gaps.sum(1), own - model.teacher.log_prob(x), rtol=1e-9, atol=1e-6)


# ---- who learns, and what it costs ----


@pytest.mark.parametrize(("key", "dataset"), [("distillation", "moons"), ("tone_distillation", "tones")])
def test_the_teacher_is_frozen_while_the_student_learns(
    key: str, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.flows.distillation.base.N_PAIRS", 40)
    trainer = Trainer(
        Experiment.default(key, dataset, steps=8, batch_size=32, settings={"student_from": 0.5}), device="cpu"
    )

    def state(module: torch.nn.Module) -> list[Tensor]:
        return [value.detach().clone() for value in module.parameters()]

    student_at_start = state(trainer.model.layers)
    while trainer.step < 4:
        trainer.advance()
    assert all(map(torch.equal, state(trainer.model.layers), student_at_start))
    taught = state(trainer.model.teacher)
    while not trainer.is_done:
        trainer.advance()
    assert all(map(torch.equal, state(trainer.model.teacher), taught))
    assert not all(map(torch.equal, state(trainer.model.layers), student_at_start))


def test_frozen_lets_gradients_through_to_the_input_alone() -> None:
    model: Distillation = build_perturbed("distillation")
    x = torch.randn(5, 2, generator=make_rng(0)).requires_grad_()
    with frozen(model.teacher):
        model.teacher.log_prob(x).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.teacher.parameters())


@pytest.mark.parametrize(("key", "size"), [("distillation", 2), ("tone_distillation", 64)])
def test_a_student_samples_in_one_pass_of_each_net(key: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = build_perturbed(key, scale=0.01), []
    forward = MaskedMlp.forward
    monkeypatch.setattr(MaskedMlp, "forward", lambda net, x: calls.append(len(x)) or forward(net, x))

    def counted(work: Any) -> int:
        calls.clear()
        work()
        return len(calls)

    students = sum(isinstance(layer, Inverted) for layer in model.layers)
    teachers = sum(isinstance(layer, MaskedAffine) for layer in model.teacher.layers)
    points = model.sample(3, rng=make_rng(0))
    assert counted(lambda: model.sample(3, rng=make_rng(0))) == students
    assert counted(lambda: model.log_prob(points)) == size * students
    assert counted(lambda: model.teacher.sample(3, rng=make_rng(0))) == size * teachers
    assert counted(lambda: model.teacher.log_prob(points)) == teachers
    assert count_passes(model, lambda: model.sample(3, rng=make_rng(0))) == students


def test_clocks_are_positive_and_count_the_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.flows.distillation.measures.N_TIMED", 20)
    model = build_perturbed("distillation")
    found = clocks(model, model.teacher)
    assert all(value > 0 for value in found.values())
    assert found["teacher_sample_passes"] == 2 * found["teacher_density_passes"]
    assert found["student_density_passes"] == 2 * found["student_sample_passes"]


def test_a_short_training_brings_the_student_to_its_teacher() -> None:
    trainer = Trainer(Experiment.default("distillation", "moons", steps=300), device="cpu")
    while trainer.step < 150:
        trainer.advance()
    before, _ = trainer.model.distilled_kl(4000, rng=make_rng(0))
    while not trainer.is_done:
        trainer.advance()
    after, error = trainer.model.distilled_kl(4000, rng=make_rng(0))
    assert -4 * error < after < before / 3


# ---- the pairs ----


def test_pairs_are_nil_for_a_student_that_makes_what_its_teacher_makes() -> None:
    """Silent nets only standardise, in both; a shift of the student's is then all by which it is off."""
    model = perturbed_tones(0.0)
    off = lambda: float(model.off_on_pairs(100, make_rng(0)).detach())  # noqa: E731
    for net in model.modules():
        if isinstance(net, MaskedMlp):
            nn.init.zeros_(cast(Any, net.net[-1]).weight)
    assert off() == pytest.approx(0, abs=1e-20)
    inner: Any = model.layers[1]
    inner.layer.net.net[-1].bias.data.copy_(torch.tensor([0.5, 0.0]).repeat(LENGTH))
    assert off() == pytest.approx(LENGTH * 0.25, rel=1e-9)  # in units of the data's std


def test_pairs_are_of_the_teacher_as_it_was_taught() -> None:
    """They are made at the handover, not before: of the teacher that has finished learning."""
    trainer = Trainer(Experiment.default("distillation", "moons", steps=20, batch_size=32), device="cpu")
    while not trainer.is_done:
        trainer.advance()
    noise, made = trainer.model.pairs()
    torch.testing.assert_close(trainer.model.teacher.decode_noise(noise), made)


def test_the_student_looks_at_pairs_first_and_keeps_them_in_its_loss() -> None:
    model: Any = build_perturbed("distillation", scale=0.05)
    batch = torch.zeros(50, 2)
    (_, pairs, student), weight = model.phases(), model.pair_weight
    assert weight > 0 and pairs.span[1] == student.span[0] < student.span[1] == 1
    found = pairs.loss(batch, make_rng(0))
    assert float(found["loss"].detach()) == pytest.approx(weight * float(found["off"].detach()))
    assert not found["kl"].requires_grad
    found = {name: float(value.detach()) for name, value in student.loss(batch, make_rng(0)).items()}
    assert found["loss"] == pytest.approx(found["kl"] + weight * found["off"])
    model.pair_weight = 0.0
    assert [phase.name for phase in model.phases()] == ["teacher", "student"]
    assert set(model.phases()[1].loss(batch, make_rng(0))) == {"loss"}


# ---- the power term ----


def test_power_is_that_of_a_sine() -> None:
    t = torch.arange(LENGTH) / LENGTH
    wave = 0.7 * torch.sin(2 * math.pi * 4 * t + 0.3)
    found = power(wave[None])
    assert float(found[4]) == pytest.approx(0.49, abs=1e-4)
    assert float(found.sum() - found[4]) == pytest.approx(0, abs=1e-6)


def test_power_term_is_nil_for_the_data_and_one_for_silence() -> None:
    data = DATASETS["tones"].examples().train[:512]

    def off(x: Tensor) -> float:
        goal = power(data)
        return float((power(x) - goal).square().sum() / goal.square().sum())

    assert off(data) == 0
    assert off(torch.zeros_like(data)) == pytest.approx(1)
    assert off(DATASETS["tones"].examples().test[:512]) < 0.05


def test_power_weight_is_in_the_loss() -> None:
    examples, batch = DATASETS["tones"].examples(), DATASETS["tones"].examples().train[:64]
    losses = {}
    for weight in (0.0, 20.0):
        torch.manual_seed(0)
        settings = ToneDistillationSettings(**SMALL, power_weight=weight, pair_weight=0.0)
        model = build_tone_distillation(settings, examples)
        found = model.phases()[1].loss(batch, make_rng(0))
        losses[weight] = {name: value.detach() for name, value in found.items()}
    assert float(losses[0.0]["loss"]) == pytest.approx(float(losses[0.0]["kl"]))
    expected = float(losses[20.0]["kl"] + 20 * losses[20.0]["power"])
    assert float(losses[20.0]["loss"]) == pytest.approx(expected, rel=1e-5)


# ---- the tones ----


def test_density_of_tones_is_that_of_torch() -> None:
    density, x = tone_density(ToneSettings()), DATASETS["tones"].examples().test[:50].double()
    t = torch.arange(LENGTH, dtype=torch.float64)
    logs = []
    for cycles in CYCLES:
        lags = 2 * math.pi * cycles * (t[:, None] - t) / LENGTH
        covariance = 0.05**2 * torch.eye(LENGTH, dtype=torch.float64)
        for h in (1, 2, 3):
            covariance = covariance + (0.5 * 0.4 ** (h - 1)) ** 2 * (h * lags).cos()
        normal = torch.distributions.MultivariateNormal(torch.zeros(LENGTH).double(), covariance)
        logs.append(normal.log_prob(x))
    expected = torch.stack(logs).logsumexp(0) - math.log(len(CYCLES))
    torch.testing.assert_close(density.log_prob(x), expected, rtol=0, atol=1e-6)


def test_pitches_are_heard_and_tones_repeat_without_a_seam() -> None:
    examples = load_tones(ToneSettings(noise=0.02))
    x, labels = examples.test, examples.test_labels
    assert labels is not None
    heard = tone_density(ToneSettings(noise=0.02)).pitch_odds(x).argmax(1)
    assert float((heard == labels).float().mean()) > 0.99
    seam = (x[:, 0] - x[:, -1]).square().mean() / (x[:, 1:] - x[:, :-1]).square().mean()
    assert float(seam) == pytest.approx(1, abs=0.15)
    assert [name.split()[0] for name in examples.classes] == [f"{c * RATE / LENGTH:g}" for c in CYCLES]


def test_mean_power_of_tones_is_that_of_samples() -> None:
    density = tone_density(ToneSettings())
    x, _ = density.sample(20_000, rng=make_rng(1))
    torch.testing.assert_close(power(x).sqrt().double(), density.mean_spectrum(), rtol=0.05, atol=1e-3)


@pytest.mark.parametrize(
    "settings", [ToneSettings(decay=0.0), ToneSettings(decay=0.8, noise=0.3), ToneSettings(noise=0.02)]
)
def test_tones_build_at_every_setting(settings: ToneSettings) -> None:
    density = tone_density(settings)
    x, pitch = density.sample(200, rng=make_rng(0))
    assert density.log_prob(x).isfinite().all() and int(pitch.max()) < len(CYCLES)


# ---- bad input ----


def test_a_wave_of_another_length_is_told() -> None:
    with pytest.raises(ShapeError, match=r"Expected x of shape \(B, 64\), got \(3, 60\)"):
        tone_density(ToneSettings()).log_prob(torch.zeros(3, 60))


def test_pictures_are_no_waves() -> None:
    with pytest.raises(DataError, match="choose a data set of sound"):
        build_tone_distillation(ToneDistillationSettings(), DATASETS["digits"].examples())
    with pytest.raises(SettingError, match="learns from data of the kind wave"):
        Experiment("tone_distillation", "digits").check()


def test_a_run_can_be_thinned_to_its_last_weights_alone(tmp_path: Path) -> None:
    trainer = Trainer(Experiment.default("distillation", "moons", steps=6, batch_size=16), device="cpu")
    run = train_and_store(trainer, tmp_path / "run", rounds_weights=True)
    thin(run, n_snapshots=3, n_weights=0)
    assert not list(run.folder.glob("weights-*.safetensors"))
    assert len(run.snapshots) == 3 and not any(s.weights for s in run.snapshots)
    assert run.model().sample(4, rng=make_rng(0)).shape == (4, 2)


def test_a_model_of_sound_is_no_script_of_one_file(tmp_path: Path) -> None:
    experiment = Experiment.default("tone_distillation", "tones", steps=1, batch_size=16, settings=SMALL)
    trainer = Trainer(experiment, device="cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engines.flows.distillation.tones.N_HEARD_AT_END", 20)
        patch.setattr("engines.flows.distillation.tones.N_LIKELY_AT_END", 10)
        run = train_and_store(trainer, tmp_path / "run")
    with pytest.raises(DataError, match="only models of points"):
        build_script(run)
