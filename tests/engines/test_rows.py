"""Row i of whatever is sampled depends on the seed and on i alone: the first of few are the first of many."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from engines.datasets import DATASETS
from engines.models import MODELS
from engines.samplers import SAMPLERS, Range, last_state
from engines.samplers.walks import STARTS, WALKS, WalkSettings, start_points, walk
from engines.tensors import make_rng
from engines.training import Experiment, Trainer

RING: Any = DATASETS["ring"].density
LEVELS = Range(0.05, 4.0)
FEW, MANY = 500, 2000
MODELS_THAT_SAMPLE = [
    ("score_field", "ring", {}),
    ("flow_matching", "ring", {}),
    ("consistency", "ring", {}),
    ("image_denoiser", "digits", {}),
    ("plane_gan", "ring", {}),
    ("plane_gan", "ring", {"pieces": 4, "noise": "uniform"}),
    ("plane_cycle", "ring", {}),
    ("picture_gan", "digits", {}),
    ("style_gan", "digits", {}),
]


def close(few: Tensor, many: Tensor, atol: float = 1e-4) -> None:
    """Equal up to how a matrix product of another size adds up."""
    torch.testing.assert_close(few, many[: len(few)], rtol=1e-4, atol=atol)


def exact(x: Tensor, sigma: float) -> Tensor:
    return RING.noised(sigma).score(x)


def starts(n: int) -> Tensor:
    return start_points(
        n, WalkSettings(), LEVELS, RING.window, RING.mean().float(), RING.covariance().diagonal().sqrt().float(),
        rng=make_rng(1),
    )  # fmt: skip


@pytest.mark.parametrize("key", SAMPLERS)
def test_particles_of_a_sampler_do_not_hang_on_their_number(key: str) -> None:
    ends = [last_state(SAMPLERS[key].run(exact, starts(n), LEVELS, n_calls=11, rng=make_rng(2))).x for n in (FEW, MANY)]
    few, many = ends
    close(few, many)


@pytest.mark.parametrize("kind", WALKS)
def test_particles_of_a_walk_do_not_hang_on_their_number(kind: str) -> None:
    settings = WalkSettings(kind=kind, n_levels=4, level_steps=3, steps=10, sigma=0.5)
    ends = []
    for n in (FEW, MANY):
        path = walk(
            exact,
            starts(n),
            LEVELS,
            settings,
            rng=make_rng(2),
            log_prob=lambda x, sigma: RING.noised(sigma).log_prob(x),
        )
        ends.append(last_state(path).x)
    close(*ends)


@pytest.mark.parametrize("start", STARTS)
def test_starts_do_not_hang_on_their_number(start: str) -> None:
    few, many = (
        start_points(
            n, WalkSettings(start=start), LEVELS, RING.window, torch.zeros(2), torch.ones(2), rng=make_rng(3),
            point=(1.0, 2.0),
        )
        for n in (7, 90)
    )  # fmt: skip
    assert torch.equal(few, many[:7])


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_draws_of_a_density_do_not_hang_on_their_number(n: int) -> None:
    assert torch.equal(RING.sample(n, rng=make_rng(4)), RING.sample(2000, rng=make_rng(4))[:n])


@pytest.mark.parametrize(("key", "dataset", "settings"), MODELS_THAT_SAMPLE)
def test_samples_of_a_model_do_not_hang_on_their_number(key: str, dataset: str, settings: dict[str, Any]) -> None:
    experiment = Experiment.default(key, dataset, settings=MODELS[key].settings().to_dict() | settings)
    model: Any = Trainer(experiment, device="cpu").model.eval()
    few, many = (model.sample(n, rng=make_rng(5)) for n in (5, 100))
    close(few, many, atol=1e-3)
    assert not torch.equal(few, model.sample(5, rng=make_rng(6)))
