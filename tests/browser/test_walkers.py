"""Particles walk in the browser as in the engine: the same steps for the same noise, the same numbers of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page

import engines.samplers.diffusion
import engines.samplers.langevin
from app.views.score.asks import exact_field
from engines.blobs import pack
from engines.datasets import DATASETS
from engines.metrics.modes import mode_shares
from engines.metrics.two_samples import energy_distance
from engines.samplers import Range, last_state
from engines.samplers.levels import geometric_levels, karras_levels
from engines.samplers.walks import WALKS, WalkSettings, count_calls, walk
from engines.tensors import make_rng

pytestmark = [pytest.mark.browser, pytest.mark.slow]
N = 6
LEVELS = Range(0.1, 3.0)
CENTRE = (0.5, -0.25)
SHORT = {"n_levels": 4, "level_steps": 3, "steps": 10, "sigma": 0.5, "step": 0.2, "temperature": 0.7}
WALK = """async ([settings, range, points, normals, uniforms, centre]) => {
  const { advance, countCalls, makeWork, program } = await import("/lane/js/views/score/walkers.js");
  const n = points.length / 2, x = Float32Array.from(points), work = makeWork(n);
  const wide = (sigma) => 1 + sigma ** 2;
  const world = {
    score: (xs, count, sigma, out) => {
      for (let i = 0; i < 2 * count; i++) out[i] = (centre[i % 2] - xs[i]) / wide(sigma);
    },
    logProb: (xs, count, sigma, out) => {
      const far = (k) => (xs[2 * k] - centre[0]) ** 2 + (xs[2 * k + 1] - centre[1]) ** 2;
      for (let k = 0; k < count; k++) out[k] = -far(k) / (2 * wide(sigma));
    },
    noise: (out, count) => { for (let i = 0; i < count; i++) out[i] = normals.shift(); },
    uniform: () => uniforms.shift(),
  };
  const steps = program(settings, range);
  for (const entry of steps) advance(x, n, world, work, { ...entry, sigma: entry.sigma ?? settings.sigma }, settings);
  return [[...x], countCalls(steps), normals.length];
}"""
SCORE = """async ([text, sigma, points]) => {
  const { unpack } = await import("/lane/js/canvas/live.js");
  const { Field, LogDensity } = await import("/lane/js/views/score/field.js");
  const blob = unpack(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  const places = { sigmas: blob.sigmas.values, boxes: blob.boxes.values, side: blob.field.shape[1] };
  const xs = Float32Array.from(points), n = xs.length / 2, s = new Float32Array(2 * n), p = new Float32Array(n);
  const field = new Field({ values: blob.field.values, pull: blob.numbers.pull, ...places });
  field.scaled(xs, n, sigma, s);
  new LogDensity({ values: blob.log_prob.values, field, ...places }).logProb(xs, n, sigma, p);
  return [[...s], [...p]];
}"""


@pytest.fixture(scope="module")
def page(chromium: Browser, server: Any) -> Iterator[Page]:
    """An empty page of the server's own address."""
    page = chromium.new_page()
    page.goto(f"{server.url}_stcore/health")
    yield page
    page.close()


@pytest.mark.parametrize("kind", WALKS)
def test_a_walk_is_the_engines_for_the_same_noise(kind: str, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, rng = WalkSettings.from_dict(SHORT | {"kind": kind}), np.random.default_rng(3)
    points, normals, uniforms = rng.normal(size=(N, 2)) * 3, rng.normal(size=400), rng.uniform(size=100)
    found, calls, left = page.evaluate(
        WALK, [settings.to_dict(), list(LEVELS), *(v.ravel().tolist() for v in (points, normals, uniforms)), CENTRE]
    )
    queue, chances = list(normals), list(uniforms)

    def gaussian(x: torch.Tensor, _rng: object) -> torch.Tensor:
        return torch.tensor([queue.pop(0) for _ in range(x.numel())]).view(x.shape).to(x)

    for module in (engines.samplers.langevin, engines.samplers.diffusion):
        monkeypatch.setattr(module, "gaussian_like", gaussian)
    monkeypatch.setattr(
        engines.samplers.langevin, "uniform_rows", lambda n, **_: torch.tensor([chances.pop(0) for _ in range(n)])
    )
    centre = torch.tensor(CENTRE, dtype=torch.float64)
    end = last_state(
        walk(
            lambda x, sigma: (centre - x) / (1 + sigma**2),
            torch.tensor(points),
            LEVELS,
            settings,
            rng=make_rng(0),
            log_prob=lambda x, sigma: -(x - centre).square().sum(1) / (2 * (1 + sigma**2)),
        )
    )
    assert np.array(found).reshape(N, 2) == pytest.approx(end.x.numpy(), abs=2e-4)
    assert left == len(queue)
    assert calls == count_calls(settings)
    assert end.n_calls == calls


def test_levels_are_the_engines(page: Page) -> None:
    for name, ours in (("geometricLevels", geometric_levels), ("karrasLevels", karras_levels)):
        for n, low, high in ((1, 0.1, 3.0), (7, 0.02, 5.0), (4, 0.1, 0.1)):
            script = f'async (a) => (await import("/lane/js/views/score/walkers.js")).{name}(...a)'
            assert page.evaluate(script, [n, low, high]) == pytest.approx(ours(n, low, high))


@pytest.mark.parametrize("target, far", [("ring", 0.0), ("moons", 0.0), ("ring", 30.0), ("gaussian", 30.0)])
def test_a_field_between_its_cells_and_levels_is_the_exact_one(target: str, far: float, page: Page) -> None:
    """And beyond its grid, where a single component is left, still."""
    density: Any = DATASETS[target].density
    settings = tuple(sorted(DATASETS[target].settings().to_dict().items()))
    arrays = exact_field(target, settings, Range(0.02, 5.0))
    pull = float(np.linalg.eigvalsh(density.covariances.numpy()).max())
    text = base64.b64encode(pack(arrays, {"pull": pull})).decode()
    for sigma in (0.02, 0.11, 0.7, 3.3):
        rng = make_rng(4)
        x = density.sample(500, rng=rng) + sigma * torch.randn(500, 2, generator=rng)
        x = x + far * torch.randn(500, 2, generator=rng)
        scaled, log_prob = page.evaluate(SCORE, [text, sigma, x.flatten().tolist()])
        noised = density.noised(sigma)
        exact = sigma * noised.score(x.double())
        off = float(
            (torch.tensor(scaled).view(-1, 2) - exact).square().sum(1).mean() / (1 + exact.square().sum(1).mean())
        )
        assert off < 2e-3, sigma
        wrong = (torch.tensor(log_prob) - noised.log_prob(x.double())).abs() / (1 + noised.log_prob(x.double()).abs())
        assert float(wrong.median()) < 0.06, sigma  # between levels a far tail is 4 % off


def test_shares_and_distances_are_the_engines(page: Page) -> None:
    density: Any = DATASETS["two_modes"].density
    x, y = density.sample(300, rng=make_rng(1)), density.sample(300, rng=make_rng(2)) * 1.2
    script = """async ([x, y, modes]) => {
      const { energyDistance, modeShares } = await import("/lane/js/views/score/facts.js");
      [x, y] = [x, y].map((v) => Float32Array.from(v));
      return [energyDistance(x, y, 300), modeShares(x, 300, modes)];
    }"""
    distance, shares = page.evaluate(script, [x.flatten().tolist(), y.flatten().tolist(), density.modes.tolist()])
    assert distance == pytest.approx(energy_distance(x, y), abs=1e-4)
    assert shares == pytest.approx(mode_shares(x, density.modes).tolist())


def test_noise_of_a_seed_is_normal_and_comes_again(page: Page) -> None:
    """40,000 numbers: the bounds are four standard errors wide."""
    script = """async () => {
      const { makeNormal, makeUniform } = await import("/lane/js/views/score/walkers.js");
      const draw = () => {
        const out = new Float32Array(40001);
        makeNormal(makeUniform(5))(out, 40001);
        return [...out];
      };
      return [draw(), draw()];
    }"""
    first, again = (np.array(v) for v in page.evaluate(script))
    assert (first == again).all()
    assert abs(first.mean()) < 4 / 200
    assert abs(first.var() - 1) < 4 * np.sqrt(2) / 200
    assert abs((first**4).mean() - 3) < 4 * np.sqrt(96) / 200
    assert abs((first[1:] * first[:-1]).mean()) < 4 / 200
