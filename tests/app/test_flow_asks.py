"""What a canvas may ask of a flow: its layers as a film, and the ledger of a point, held against autograd."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch

from app.asks import read_ask
from app.house import House
from app.live.plane_asks import SamplesAsk
from app.views.flows.asks import (
    FARTHEST,
    LINE_POINTS,
    N_LINES,
    N_PARTICLES,
    N_WAYS,
    FlowLayersAsk,
    FlowLedgerAsk,
    FlowParticlesAsk,
    film_of,
    ledger_of,
    n_ways,
    particles_of,
)
from app.views.flows.model import FLOWS
from engines.datasets import DATASETS, Density
from engines.errors import SettingError
from engines.flows.flow import Flow
from engines.models import MODELS
from engines.probes import fixed_noise
from engines.training.run import Run

MOONS = cast(Density, DATASETS["moons"].build(DATASETS["moons"].settings()))
POINTS = torch.tensor([[0.3, -0.7], [-1.2, 1.1]], dtype=torch.float64)


@pytest.fixture(scope="module", params=FLOWS)
def flow(request: pytest.FixtureRequest) -> Flow:
    """Each flow with weights that a training might have left."""
    torch.manual_seed(3)
    flow: Flow = MODELS[request.param].build(MODELS[request.param].settings(), MOONS)
    rng = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=rng))
    return flow


def test_the_ledger_adds_up_to_the_density_that_autograd_finds(flow: Flow) -> None:
    exact = copy.deepcopy(flow).double()
    found = ledger_of(exact, POINTS)
    for i, x in enumerate(POINTS):
        jacobian = torch.autograd.functional.jacobian(lambda p: exact.to_latent(p[None])[0][0], x)
        assert isinstance(jacobian, torch.Tensor)
        z = exact.to_latent(x[None])[0]
        expected = exact.base_log_prob(z) + torch.linalg.slogdet(jacobian)[1]
        tolerance = 1e-8 if exact.tolerance < 1e-6 else exact.tolerance
        assert found["terms"][i].sum() == pytest.approx(float(expected.detach()), abs=tolerance)
    assert found["terms"].shape == (2, len(flow.layer_names) + 1)


def test_the_square_grows_as_the_log_determinants_say(flow: Flow) -> None:
    exact = copy.deepcopy(flow).double()
    found = ledger_of(exact, POINTS)
    assert found["area"][:, 2] == pytest.approx(found["terms"][:, 1:].sum(1), abs=max(5e-5, exact.tolerance))
    assert found["path"][:, -1] == pytest.approx(POINTS.numpy())
    assert found["path"].shape[1] == len(film_of(flow, MOONS)["windows"])  # the point goes along with the particles
    assert found["quads"][0, -1] == pytest.approx(0.5 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]), abs=1e-8)


def test_the_way_there_and_back_is_as_exact_as_the_flow_says(flow: Flow) -> None:
    exact = copy.deepcopy(flow).double()
    assert (ledger_of(exact, POINTS)["round_trip"] <= max(1e-12, 10 * exact.tolerance)).all()


def test_the_film_begins_at_the_base_and_ends_at_the_samples(flow: Flow) -> None:
    with torch.inference_mode():
        found = film_of(flow, MOONS)
        samples = flow.decode_noise(fixed_noise(N_PARTICLES)).numpy()
    n = len(found["windows"])
    assert found["ends"][0] == 0 and found["ends"][-1] == n - 1 and len(found["ends"]) == len(flow.layer_names) + 1
    assert found["particles"].shape == (n, N_PARTICLES, 2)
    assert found["grid"].shape == (n, 2 * N_LINES * LINE_POINTS, 2)
    assert found["particles"][0] == pytest.approx(fixed_noise(N_PARTICLES).numpy(), abs=3e-3)
    assert found["particles"][-1] == pytest.approx(samples, abs=1e-2, rel=1e-3)
    assert found["windows"].shape == (n, 4)
    assert tuple(found["windows"][-1]) == pytest.approx(MOONS.window)
    assert (found["cost"] > 0).all()


def test_the_film_bends_inside_a_layer_only_where_time_passes(flow: Flow) -> None:
    is_path = [name == "continuous" for name in flow.layer_names[::-1]]
    with torch.inference_mode():
        found = film_of(flow, MOONS)
        state = flow.base.place(fixed_noise(N_PARTICLES))
        for k, way in enumerate(flow.ways_to_data(state, N_WAYS)):
            rows = found["particles"][found["ends"][k] + 1 : found["ends"][k + 1] + 1]
            assert len(rows) == (N_WAYS if is_path[k] else 1)
            for row, (point, _) in zip(rows, way, strict=True):
                assert row == pytest.approx(point.numpy(), abs=1e-2, rel=2e-3)


@pytest.mark.parametrize(("layers", "expected"), [("continuous", N_WAYS), ("planar x3", N_WAYS), ("continuous x48", 1)])
def test_a_long_stack_of_paths_sends_a_film_of_bounded_size(layers: str, expected: int) -> None:
    spec = MODELS["stack"]
    deep: Flow = spec.build(spec.settings.from_dict({"layers": layers, "width": 8}), MOONS)
    assert n_ways(deep) == expected
    assert len(film_of(deep, MOONS)["windows"]) <= 1 + 2 * 64


def test_particles_begin_and_end_where_the_samples_of_their_temperature_do(flow: Flow) -> None:
    noise, temperatures = fixed_noise(N_PARTICLES), [0.0, 0.5, 1.0, 1.5]
    with torch.inference_mode():
        film, found = film_of(flow, MOONS), particles_of(flow, MOONS, temperatures)
        for temperature, heated in zip(temperatures, found, strict=True):
            assert heated["particles"].shape == film["particles"].shape and heated["particles"].dtype == np.float16
            assert heated["particles"][0] == pytest.approx(flow.base.place(noise, temperature).numpy(), abs=5e-3)
            samples = flow.decode_noise(noise, temperature).numpy()
            assert heated["particles"][-1] == pytest.approx(samples, abs=1e-2, rel=2e-3)
            assert heated["windows"].shape == film["windows"].shape
    assert found[2]["particles"] == pytest.approx(film["particles"], abs=1e-2, rel=2e-3)
    assert (found[3]["windows"][0] >= film["windows"][0])[1::2].all()  # hot particles are not cut off


@pytest.mark.parametrize("base", ["gaussian", "mixture"])
def test_what_one_visitor_sees_does_not_depend_on_who_else_asks(base: str, stored: Run) -> None:
    """A mixture gives each row of noise a centre by its place: visitors' rows must not be counted on."""
    spec = MODELS["realnvp"]
    flow: Flow = spec.build(replace(spec.settings(), **{"base": base}), MOONS)
    asks = [SamplesAsk("r", None, temperature, 20) for temperature in (0.5, 1.0)]
    together = SamplesAsk.answer(flow, stored, asks)
    for ask in asks:
        alone = SamplesAsk.answer(flow, stored, [ask])[ask]
        assert np.array_equal(alone["samples"], together[ask]["samples"])


@pytest.mark.parametrize("far", [1e4, FARTHEST])
def test_a_point_far_out_has_finite_numbers(far: float, flow: Flow) -> None:
    found = ledger_of(copy.deepcopy(flow).double(), torch.tensor([[far, -far]], dtype=torch.float64))
    assert np.isfinite(found["terms"]).all()
    assert found["terms"].sum() < -1e3


def test_the_grid_is_square_over_the_base(flow: Flow) -> None:
    lines = film_of(flow, MOONS)["grid"][0].reshape(2, N_LINES, LINE_POINTS, 2).astype(float)
    assert np.ptp(lines[0, :, :, 0], axis=1) == pytest.approx(0)
    assert np.ptp(lines[1, :, :, 1], axis=1) == pytest.approx(0)


def test_the_decoder_answers_for_a_stored_run(home: House, stored: Run) -> None:
    place = {"run": stored.experiment.digest, "step": None}
    ledger, film = FlowLedgerAsk(stored.experiment.digest, None, (0.5, 0.25)), FlowLayersAsk(place["run"], None)
    assert read_ask(place | {"what": "flow_ledger", "x": [0.5, 0.25]}) == ledger
    assert read_ask(place | {"what": "flow_layers"}) == film
    cold, hot = (FlowParticlesAsk(place["run"], None, temperature) for temperature in (0.25, 1.5))
    assert read_ask(place | {"what": "flow_particles", "temperature": 0.25}) == cold
    found = home.decoder.compute([ledger, replace(ledger, x=(1e5, 0.0)), film, replace(film), hot, cold], seconds=60)
    answers = {ask: cast(dict[str, np.ndarray], answer) for ask, answer in found.items()}
    model = stored.model()
    expected = float(model.log_prob(torch.tensor([[0.5, 0.25]])))
    assert answers[ledger]["terms"].sum() == pytest.approx(expected, abs=1e-4)
    assert answers[ledger]["truth"] == pytest.approx(float(MOONS.log_prob(torch.tensor([[0.5, 0.25]]).double())))
    assert answers[film]["particles"].dtype == np.float16
    assert answers[cold]["particles"][0] == pytest.approx(0.25 * fixed_noise(N_PARTICLES).numpy(), abs=5e-3)
    assert answers[cold].keys() == answers[hot].keys() == {"particles", "windows"}  # the grid stays in the browser


@pytest.mark.parametrize("temperature", [-0.1, 7, "hot", float("nan"), None])
def test_a_temperature_that_is_none_is_refused(temperature: object) -> None:
    with pytest.raises(SettingError, match="temperature from 0"):
        read_ask({"run": "r", "step": 1, "what": "flow_particles", "temperature": temperature})


@pytest.mark.parametrize("x", [None, "1,2", [1], [1, 2, 3], [1, "a"], [float("nan"), 0], [[1, 2]]])
def test_a_point_that_is_none_is_refused(x: object) -> None:
    with pytest.raises(SettingError, match="Expected"):
        read_ask({"run": "r", "step": 1, "what": "flow_ledger", "x": x})


def test_only_a_flow_has_layers() -> None:
    with pytest.raises(SettingError, match="flow"):
        FlowLayersAsk("r", None).check(object(), None)  # pyright: ignore[reportArgumentType]
