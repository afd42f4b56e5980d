"""Every data set in the registry keeps every promise of `Density`, held against sums over a grid.

Statistical tests start their random sources at fixed seeds, so they pass or fail for good; the
false-alarm rates in the comments say how likely a correct sampler was to fail at the first seed.
"""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from engines.datasets import DATASETS, Density, GaussianMixture, datasets_of
from engines.settings import Settings, setting_fields
from engines.tensors import make_rng
from tests.closed_form import Grid, ks_distance, make_grid

PLANE = datasets_of("plane")
MAX_COMPONENTS = 640
N = 20_000

each_plane = pytest.mark.parametrize("key", PLANE)


def density_of(key: str) -> Any:
    density = DATASETS[key].density
    assert isinstance(density, Density)
    return density


@cache
def grid_of(key: str) -> Grid:
    return make_grid(density_of(key))


@cache
def sample_of(key: str) -> Tensor:
    return density_of(key).sample(N, rng=make_rng(1)).double()


def extreme_settings(key: str) -> list[Settings]:
    """All combinations of smallest and largest numbers; hidden texts stay as they are."""
    cls = DATASETS[key].settings
    ranges = {f.name: (f.low, f.high) for f in setting_fields(cls) if f.kind in ("int", "float")}
    return [cls(**dict(zip(ranges, values, strict=True))) for values in itertools.product(*ranges.values())]


def random_settings(key: str, count: int) -> list[Settings]:
    cls, rng = DATASETS[key].settings, make_rng(2)
    fields = [f for f in setting_fields(cls) if f.kind in ("int", "float")]

    def draw(low: float, high: float, is_whole: bool) -> float:
        value = low + (high - low) * float(torch.rand((), generator=rng))
        return round(value) if is_whole else value

    return [cls(**{f.name: draw(f.low or 0, f.high or 0, f.kind == "int") for f in fields}) for _ in range(count)]


@pytest.mark.parametrize("key", DATASETS)
def test_entry_tells_about_itself(key: str) -> None:
    spec = DATASETS[key]
    assert spec.key == key
    assert spec.title and spec.source and spec.licence
    assert spec.idea.endswith((".", "?"))
    assert spec.settings.__doc__


@each_plane
def test_builds_at_every_setting(key: str) -> None:
    for settings in [*extreme_settings(key), *random_settings(key, 4)]:
        density = DATASETS[key].build(settings)
        assert isinstance(density, GaussianMixture)
        assert len(density.means) <= MAX_COMPONENTS, settings
        assert density.log_prob(density.sample(50, rng=make_rng(0))).isfinite().all(), settings


@each_plane
def test_each_setting_changes_the_density(key: str) -> None:
    spec, x = DATASETS[key], sample_of(key)[:200]
    for field in setting_fields(spec.settings):
        if field.kind not in ("int", "float"):
            continue
        other = field.low if field.default != field.low else field.high
        if field.name == "rotation":
            other = 20  # half a turn leaves many targets as they were
        changed = spec.build(spec.settings.from_dict({field.name: other}))
        assert changed is not None
        assert not torch.allclose(changed.log_prob(x), density_of(key).log_prob(x), atol=1e-3), field.name


@each_plane
def test_settings_survive_a_link(key: str) -> None:
    for settings in random_settings(key, 3):
        assert type(settings).from_texts(settings.changed()) == (settings, [])


@each_plane
def test_same_seed_same_points_whatever_the_global_seed(key: str) -> None:
    density = density_of(key)
    torch.manual_seed(0)
    first = density.sample(100, rng=make_rng(7))
    torch.manual_seed(1)
    state = torch.get_rng_state()
    again, other = density.sample(100, rng=make_rng(7)), density.sample(100, rng=make_rng(8))
    assert first.shape == (100, 2) and first.dtype == torch.float32
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())  # the global source was not even touched


@each_plane
def test_same_settings_same_density(key: str) -> None:
    again, x = DATASETS[key].build(), sample_of(key)[:100]
    assert again is not None
    assert torch.equal(again.log_prob(x), density_of(key).log_prob(x))


@each_plane
def test_window_is_a_square_that_holds_the_mass(key: str) -> None:
    x0, x1, y0, y1 = density_of(key).window
    x, y = sample_of(key).unbind(1)
    inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    assert x1 - x0 == pytest.approx(y1 - y0)
    # Outside lie at most 2.6e-4 (a bell beyond 4 deviations on 4 sides): 5 of 20,000 expected, 20 allowed: 1e-7.
    assert inside.double().mean() >= 0.999


@each_plane
def test_density_integrates_to_one(key: str) -> None:
    assert grid_of(key).total() == pytest.approx(1, abs=1e-6)


@each_plane
def test_samples_follow_the_density(key: str) -> None:
    grid, sample = grid_of(key), sample_of(key).numpy()
    # Kolmogorov-Smirnov at 20,000 points: 0.019 is exceeded with probability 1e-6; 0.003 more for the grid.
    for direction in ((1, 0), (0, 1), (1, 1), (1, -1)):
        assert ks_distance(grid, sample, direction) < 0.022, direction


@each_plane
def test_entropy_is_that_of_the_grid(key: str) -> None:
    density = density_of(key)
    assert 0 < density.entropy_error() < 0.01
    # 4 standard errors: false alarm 6e-5 for each target.
    assert abs(density.entropy() - grid_of(key).entropy()) < 4 * density.entropy_error()


@each_plane
def test_score_is_the_gradient_of_log_prob(key: str) -> None:
    density = density_of(key)
    x = (sample_of(key)[:200] + 0.3 * torch.randn(200, 2, generator=make_rng(3))).requires_grad_()
    (gradient,) = torch.autograd.grad(density.log_prob(x).sum(), x)
    error = (density.score(x.detach()) - gradient).norm(dim=1)
    assert (error <= 1e-8 * gradient.norm(dim=1).clamp_min(1)).all()


@each_plane
@pytest.mark.parametrize("cells", [1.2, 8])
def test_noised_is_the_convolution(key: str, cells: float) -> None:
    sigma = cells * grid_of(key).cell  # 0.6 and 4 times the narrowest component; under 1 cell the sum is no integral
    noised = density_of(key).noised(sigma)
    x = sample_of(key)[:25] + sigma * torch.randn(25, 2, generator=make_rng(4), dtype=torch.float64)
    density, score = grid_of(key).convolved(x, sigma)
    torch.testing.assert_close(noised.log_prob(x), density.log(), rtol=0, atol=1e-5)
    torch.testing.assert_close(noised.score(x), score, rtol=1e-4, atol=1e-4)


@each_plane
def test_noised_has_the_moments_of_noised_samples(key: str) -> None:
    sigma, noised = 0.5, density_of(key).noised(0.5)
    x = sample_of(key) + sigma * torch.randn(N, 2, generator=make_rng(5), dtype=torch.float64)
    assert_moments(noised, x)


@each_plane
def test_moments_are_those_of_samples(key: str) -> None:
    assert_moments(density_of(key), sample_of(key))


def assert_moments(density: Any, x: Tensor) -> None:
    """Mean and covariance within 5 standard errors: false alarm 3e-6 for each target."""
    mean, centred = density.mean(), x - density.mean()
    products = centred[:, :, None] * centred[:, None, :]  # (n, 2, 2)
    assert ((x.mean(0) - mean).abs() < 5 * x.std(0) / math.sqrt(len(x))).all()
    assert ((products.mean(0) - density.covariance()).abs() < 5 * products.std(0) / math.sqrt(len(x))).all()


@each_plane
def test_far_away_nothing_overflows(key: str) -> None:
    density, far = density_of(key), torch.tensor([[1e4, 0.0], [-1e4, 1e4], [0.0, -1e4]])
    assert density.log_prob(far).isfinite().all()
    assert density.score(far).isfinite().all()
    assert ((density.score(far) * far).sum(1) < 0).all()  # it points home


@each_plane
def test_modes_are_where_the_mass_is(key: str) -> None:
    density = density_of(key)
    assert (density.modes is None) == (density.mode_std is None)
    if density.modes is None:
        return
    x0, x1, y0, y1 = density.window
    x, y = density.modes.unbind(1)
    assert ((x > x0) & (x < x1) & (y > y0) & (y < y1)).all()
    distance = torch.cdist(sample_of(key), density.modes).amin(1)
    # Round bells keep 1 - exp(-4.5) = 98.889 % within 3 deviations; 0.4 % is 5 standard errors: false alarm 6e-7.
    share = float((distance < 3 * density.mode_std).double().mean())
    assert share == pytest.approx(1 - math.exp(-4.5), abs=0.004)
