"""Flow matching, reflow and the consistency student: what they promise against what they do."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from engines.datasets import DATASETS
from engines.metrics.two_samples import energy_distance
from engines.samplers import last_state
from engines.score.flow_matching import FlowMatchingSettings, build_flow_matching
from engines.tensors import make_rng
from engines.training import Experiment, Trainer

RING: Any = DATASETS["ring"].density
MOONS: Any = DATASETS["moons"].density


@cache
def trained(model: str, steps: int, **settings: Any) -> Any:
    settings = {"width": 64} | settings
    experiment = Experiment.default(model, "ring", steps=steps, batch_size=128, settings=settings)
    trainer = Trainer(experiment, device="cpu")
    while not trainer.is_done:
        trainer.advance()
    return trainer.model.eval()


def noise(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, 2, generator=make_rng(seed))


def untrained_flow() -> Any:
    torch.manual_seed(0)
    return build_flow_matching(FlowMatchingSettings(width=16), MOONS)


def test_the_exact_velocity_gives_the_exact_score(monkeypatch: pytest.MonkeyPatch) -> None:
    """v = (D - x_t) / (1 - t) with the exact denoiser D of x_t / t: the model's change of variables must undo it."""
    model = untrained_flow()

    def velocity(x: Tensor, t: Tensor, **_: Any) -> Tensor:
        at, sigma = model.mean + model.scale * x / t[:, None], model.scale * float((1 - t[0]) / t[0])
        clean = at + sigma**2 * MOONS.noised(sigma).score(at)
        return ((clean - model.mean) / model.scale - x) / (1 - t[:, None])

    monkeypatch.setattr(model, "velocity", velocity)
    x = MOONS.sample(50, rng=make_rng(1))
    for sigma in (0.05, 0.4, 3.0):
        exact = MOONS.noised(sigma).score(x)
        torch.testing.assert_close(model.score(x, sigma), exact, rtol=2e-3, atol=2e-3)
        torch.testing.assert_close(model.denoise(x, sigma), x + sigma**2 * exact, rtol=1e-3, atol=1e-3)


def test_a_constant_velocity_is_carried_exactly_by_any_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    model = untrained_flow()
    monkeypatch.setattr(model, "velocity", lambda x, t, **_: torch.ones_like(x))
    for n_steps in (1, 3, 10):
        end = last_state(model.carry(noise(5), n_steps, is_straight=True))
        torch.testing.assert_close(end.x, model.mean + model.scale * (noise(5) + 1))
        assert end.n_calls == n_steps and end.sigma == 0


def test_nearest_pairs_are_the_cheapest_of_all() -> None:
    torch.manual_seed(0)
    model = build_flow_matching(FlowMatchingSettings(width=16, pairing="nearest"), MOONS)
    starts, data = noise(5), noise(5, 1) + 1
    paired = model._pair(starts, data)  # noqa: SLF001
    cost = float((starts - paired).square().sum())
    orders = [torch.randperm(5, generator=make_rng(seed)) for seed in range(400)]
    assert cost <= min(float((starts - data[order]).square().sum()) for order in orders) + 1e-5
    assert sorted(paired[:, 0].tolist()) == sorted(data[:, 0].tolist())


def test_reflow_straightens_so_that_one_step_is_enough() -> None:
    model = trained("flow_matching", 1600)
    truth, starts = RING.sample(2000, rng=make_rng(2)), noise(2000, 3)
    with torch.no_grad():
        one = {name: last_state(model.carry(starts, 1, is_straight=name == "reflow")).x for name in ("flow", "reflow")}
    first, straight = (energy_distance(one[name], truth) for name in ("flow", "reflow"))
    assert straight < 0.03 < 0.5 < first
    found = model.measure_in_plane(RING.sample(100, rng=make_rng(4)), torch.zeros(100), is_last=False)
    assert found["straightness"] < 0.05 < found["flow_straightness"]


def test_a_student_jumps_to_the_data_in_one_call() -> None:
    model = trained("consistency", 1600)
    truth = RING.sample(2000, rng=make_rng(2))
    with torch.no_grad():
        ends = {n: last_state(model.jumps(model.start(noise(2000, 5)), n, make_rng(6))) for n in (1, 2, 4)}
    for n, end in ends.items():
        assert end.n_calls == n
        assert energy_distance(end.x, truth) < 0.08, n


def test_a_student_leaves_clean_points_where_they_are() -> None:
    model, x = trained("consistency", 1600), RING.sample(20, rng=make_rng(0))
    torch.testing.assert_close(model.jump(x, model.levels.sigma_min), x)


def test_a_student_agrees_with_itself_along_the_teachers_way() -> None:
    """Both ends of a step of the teacher's ODE lead to nearly the same point."""
    model = trained("consistency", 1600)
    x = RING.sample(500, rng=make_rng(7)) + 1.0 * noise(500, 8)
    sigma, lower = (torch.full((500,), level) for level in (1.0, 0.8))
    with torch.no_grad():
        before = model._teacher_step(x, sigma, lower)  # noqa: SLF001
        off = (model.jump(x, sigma) - model.jump(before, lower)).norm(dim=1).mean()
        apart = (model.jump(x, sigma) - model.jump(x, lower)).norm(dim=1).mean()
    assert float(off) < 0.5 * float(apart)


def test_each_phase_keeps_to_its_span() -> None:
    trainer = Trainer(Experiment.default("consistency", "ring", steps=10, settings={"width": 16}), device="cpu")
    model: Any = trainer.model
    teacher, student = ([p.detach().clone() for p in part.parameters()] for part in (model.teacher, model.student.net))
    for _ in range(5):
        trainer.advance()
    assert all(torch.equal(a, b) for a, b in zip(student, model.student.net.parameters(), strict=True))
    middle = [p.detach().clone() for p in model.teacher.parameters()]
    assert not torch.equal(teacher[0], middle[0])
    for _ in range(5):
        trainer.advance()
    assert all(torch.equal(a, b) for a, b in zip(middle, model.teacher.parameters(), strict=True))
    assert not torch.equal(student[0], next(model.student.net.parameters()))
