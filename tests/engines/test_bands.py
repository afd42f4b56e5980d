"""The bands of true samples: against the same reference as the model's, at the rate that is said, and as stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines.build_checkpoints import SHIPPED
from engines.datasets import DATASETS
from engines.gan.plane.measures import N_COMPARED, GameMeasures
from engines.metrics import bands
from engines.metrics.two_samples import sliced_wasserstein
from engines.tensors import make_rng


def target(key: str) -> Any:
    return DATASETS[key].density


def test_the_reference_is_always_the_same_and_grows_at_its_end() -> None:
    few, many = (bands.reference_points(target("ring"), n) for n in (10, 2000))
    assert few.tolist() == many[:10].tolist()


@pytest.mark.parametrize("key", ["ring", "moons", "grid"])
def test_one_true_sample_in_twenty_lies_above_the_band(key: str) -> None:
    """100 other true samples; the rates of a 95th percentile of 100 and of 100 samples scatter by 2.2 % each."""
    measures = GameMeasures(target(key))
    rng, high = make_rng(77), measures.bands()["sliced_wasserstein"].high
    draws = [target(key).sample(N_COMPARED, rng=rng) for _ in range(100)]
    found = np.array([sliced_wasserstein(draw, measures.reference[:N_COMPARED]) for draw in draws])
    assert 0 < (found > high).mean() < 0.05 + 3 * 0.031  # 1 alarm in 370


def test_the_stored_bands_are_those_that_are_measured() -> None:
    density = target("ring")
    truth = bands.reference_points(density, 800)
    again = bands.measure_band(density, 800, lambda samples: bands.energy_distance(samples, truth))
    stored = bands.stored_bands()[bands.fingerprint(density)]["energy/800"]
    assert (again.low, again.middle, again.high) == pytest.approx(stored, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("key", ["ring", "moons", "grid", "picture", "drawn"])
def test_every_band_that_a_page_wants_of_a_target_is_stored(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "measure_band", lambda *_: pytest.fail("it was measured"))
    assert bands.energy_band(target(key), 2000).low < bands.energy_band(target(key), 2000).high
    assert {"squared_mmd", "sliced_wasserstein"} <= GameMeasures(target(key)).bands().keys()


def test_every_band_of_a_target_of_a_shipped_run_is_stored() -> None:
    settings = {(each.dataset, tuple(sorted(each.changes.get("dataset_settings", {}).items()))) for each in SHIPPED}
    specs = [(DATASETS[key], dict(changes)) for key, changes in settings if DATASETS[key].kind == "plane"]
    built: list[Any] = [spec.build(spec.settings.from_dict(changes)) for spec, changes in specs]
    marks = {bands.fingerprint(density) for density in built}
    assert len(marks) > 4
    assert marks <= bands.stored_bands().keys()


def test_another_target_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "N_TRUE", 20)
    spec: Any = DATASETS["ring"]
    other = target("ring").noised(0.3)
    assert bands.fingerprint(other) != bands.fingerprint(spec.density)
    found = bands.energy_band(other, 100)
    assert found.low < found.middle < found.high
