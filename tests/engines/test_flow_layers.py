"""The layers of flows one by one, where no whole model shows them: knots, roots, contraction, order, begin, stacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engines.datasets import DATASETS
from engines.errors import SettingError, ShapeError
from engines.flows.bases import Mixture
from engines.flows.compiled import warm_up
from engines.flows.layers.autoregressive import MaskedAffine, MaskedSpline
from engines.flows.layers.base import Bijection, Inverted
from engines.flows.layers.continuous import Continuous
from engines.flows.layers.couplings import AdditiveCoupling, AffineCoupling, Scaling, SplineCoupling
from engines.flows.layers.glow import ActivationNorm, InvertibleLinear
from engines.flows.layers.residual import Residual
from engines.flows.layers.roots import solve_increasing
from engines.flows.layers.simple import Planar, Radial
from engines.flows.layers.splines import LEAST_SLOPE, n_spline_parameters, spline_to_data, spline_to_latent
from engines.flows.layers.tone_layers import TimeAffine
from engines.flows.stack import LAYERS, MOST_LAYERS, StackSettings, build_layer, parse_stack
from engines.models import MODELS, build_model
from engines.tensors import make_rng
from engines.training import Experiment, Trainer, train

BOUND = 4.0


def moved(layer: nn.Module, scale: float = 0.3) -> Any:
    """The layer in float64, its parameters moved at random."""
    rng = make_rng(1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=rng))
    return layer.double()


def each_layer() -> list[tuple[str, Bijection]]:
    torch.manual_seed(0)
    settings = StackSettings(layers="planar", width=8)
    return [(name, moved(build_layer(name, settings, i), 0.1)) for name in LAYERS for i in (0, 1)]


@pytest.mark.parametrize(("name", "layer"), each_layer())
def test_each_layer_goes_both_ways_and_tells_its_jacobian(name: str, layer: Bijection) -> None:
    x = (1.5 * torch.randn(100, 2, generator=make_rng(2))).double().requires_grad_()
    z, log_det = layer.to_latent(x)
    rows = torch.stack([torch.autograd.grad(z[:, i].sum(), x, retain_graph=True)[0] for i in range(2)], 1)
    tolerance = max(1e-8, layer.tolerance)
    torch.testing.assert_close(log_det, torch.linalg.slogdet(rows).logabsdet, rtol=0, atol=tolerance)
    back, up = layer.to_data(z.detach())
    torch.testing.assert_close(back, x, rtol=0, atol=max(1e-10, layer.tolerance))
    torch.testing.assert_close(up, -log_det, rtol=0, atol=tolerance)


def test_a_spline_of_zeros_is_the_identity_and_so_is_every_spline_outside() -> None:
    x = torch.linspace(-9, 9, 200).double()
    y, log_slope = spline_to_latent(x, torch.zeros(200, n_spline_parameters(8)).double(), BOUND)
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(log_slope, torch.zeros_like(x))
    raw = 3 * torch.randn(200, n_spline_parameters(5), generator=make_rng(0)).double()
    y, log_slope = spline_to_latent(x, raw, BOUND)
    outside = x.abs() >= BOUND
    torch.testing.assert_close(y[outside], x[outside])
    torch.testing.assert_close(log_slope[outside], torch.zeros_like(x[outside]), rtol=0, atol=1e-6)


def test_a_spline_is_monotone_and_smooth_at_its_knots() -> None:
    raw = 2 * torch.randn(1, n_spline_parameters(6), generator=make_rng(4)).double()
    x = torch.linspace(-BOUND, BOUND, 20_001).double()
    y, log_slope = spline_to_latent(x, raw.expand(len(x), -1), BOUND)
    assert (y.diff() > 0).all()
    middle = log_slope.exp()[1:-1]
    by_differences = (y[2:] - y[:-2]) / (x[2:] - x[:-2])
    assert float((by_differences / middle - 1).abs().quantile(0.999)) < 0.02  # but where it bends within a step
    assert log_slope.diff().abs().max() < 0.5  # no jump of the slope at a knot


@pytest.mark.parametrize("at", [-BOUND, BOUND, 0.0, -1e4, 1e4, 3.9999999])
def test_splines_have_finite_values_and_gradients_everywhere(at: float) -> None:
    raw = (5 * torch.randn(50, n_spline_parameters(8), generator=make_rng(5))).requires_grad_()
    x = torch.full((50,), at, requires_grad=True)
    for way in (spline_to_latent, spline_to_data):
        y, log_slope = way(x, raw, BOUND)
        assert y.isfinite().all() and log_slope.isfinite().all()
        assert all(g.isfinite().all() for g in torch.autograd.grad((y + log_slope).sum(), [x, raw]))


def test_a_spline_is_the_same_wherever_its_numbers_lie() -> None:
    x = torch.linspace(-1.2 * BOUND, 1.2 * BOUND, 60).double().view(3, 20)
    raw = 3 * torch.randn(3, 20, n_spline_parameters(5), generator=make_rng(6)).double()
    together = spline_to_latent(x, raw, BOUND)
    apart = spline_to_latent(x, raw.transpose(1, 2).contiguous(), BOUND, dim=-2)
    torch.testing.assert_close(apart, together, rtol=0, atol=1e-12)


def test_a_batch_that_lies_in_the_tails_is_fine() -> None:
    layer = MaskedSpline(2, False, 8, 1, 4, BOUND)
    z, log_det = layer.to_latent(torch.full((6, 2), 50.0))
    assert torch.equal(z, torch.full((6, 2), 50.0)) and log_det.abs().max() < 1e-6
    assert LEAST_SLOPE > 0


@pytest.mark.parametrize("wu", [-0.999, -0.5, 0.0, 3.0, 40.0])
def test_roots_are_found_to_rounding_and_carry_the_implicit_gradient(wu: float) -> None:
    goal = torch.linspace(-60, 60, 241).double().requires_grad_()
    b = torch.tensor(0.3).double().requires_grad_()

    def rise(t: Tensor) -> tuple[Tensor, Tensor]:
        bent = (t + b).tanh()
        return t + wu * bent, 1 + wu * (1 - bent.square())

    t = solve_increasing(rise, goal, reach=torch.tensor(abs(wu)).double())
    torch.testing.assert_close(rise(t)[0], goal, rtol=1e-13, atol=1e-12)
    by_goal, by_b = torch.autograd.grad(t.sum(), [goal, b])
    slope = rise(t)[1]
    torch.testing.assert_close(by_goal, 1 / slope)
    torch.testing.assert_close(by_b, ((1 - slope) / slope).sum())


def test_planar_and_radial_layers_begin_as_the_identity_and_stay_invertible_however_hard_they_are_pushed() -> None:
    x = 2 * torch.randn(200, 2, generator=make_rng(6)).double()
    for kind in (Planar, Radial):
        torch.testing.assert_close(kind(2).double().to_latent(x)[0], x)
        layer = moved(kind(2), 6.0)
        z, log_det = layer.to_latent(x)
        assert log_det.isfinite().all()
        torch.testing.assert_close(layer.to_data(z)[0], x, rtol=1e-6, atol=1e-6)


def test_a_residual_contracts_whatever_its_weights_are() -> None:
    layer = moved(Residual(16, 2, 0.9), 50.0)
    x, y = (3 * torch.randn(2000, 2, generator=make_rng(7)).double()).chunk(2)
    gain = ((layer.to_latent(x)[0] - x) - (layer.to_latent(y)[0] - y)).abs().amax(1) / (x - y).abs().amax(1)
    assert gain.max() <= 0.9 + 1e-9
    torch.testing.assert_close(layer.to_data(layer.to_latent(x)[0])[0], x, rtol=0, atol=1e-9)


def test_more_steps_of_the_solver_come_nearer_to_the_flow_of_time() -> None:
    torch.manual_seed(0)
    exact = moved(Continuous(2, 16, 64), 0.5)
    x = torch.randn(100, 2, generator=make_rng(8)).double()
    errors = []
    for n_steps in (2, 4, 8):
        coarse = Continuous(2, 16, n_steps).double()
        coarse.load_state_dict(exact.state_dict())
        with torch.no_grad():
            errors.append(float((coarse.to_latent(x)[0] - exact.to_latent(x)[0]).abs().max()))
    assert errors[0] > 6 * errors[1] > 36 * errors[2], errors  # fourth order: 16 a halving, in the end


ALONE: dict[str, Callable[[], Bijection]] = {
    "planar": lambda: Planar(1),
    "radial": lambda: Radial(1),
    "scaling": lambda: Scaling(1, 2.0),
    "activation norm": lambda: ActivationNorm(1),
    "linear": lambda: InvertibleLinear(1),
    "continuous": lambda: Continuous(1, 8, 4),
    **{f"affine {last}": lambda last=last: AffineCoupling(1, last, 8, 1, 2.0) for last in (False, True)},
    **{f"spline {last}": lambda last=last: SplineCoupling(1, last, 8, 1, 4, BOUND) for last in (False, True)},
}


@pytest.mark.filterwarnings(
    "ignore:Initializing zero-element tensors"
)  # a coupling of one coordinate has a half of none
@pytest.mark.parametrize("name", ALONE)
def test_one_coordinate_goes_both_ways(name: str) -> None:
    torch.manual_seed(0)
    layer, x = moved(ALONE[name]()), torch.linspace(-3, 3, 50).double()[:, None].requires_grad_()
    z, log_det = layer.to_latent(x)
    slope = torch.autograd.grad(z.sum(), x)[0][:, 0]
    torch.testing.assert_close(log_det, slope.abs().log(), rtol=0, atol=max(1e-8, layer.tolerance))
    torch.testing.assert_close(layer.to_data(z)[0], x, rtol=0, atol=max(1e-9, layer.tolerance))


@pytest.mark.parametrize("kind", [MaskedAffine, MaskedSpline, TimeAffine])
def test_a_masked_layer_of_one_coordinate_is_refused_in_words(kind: Any) -> None:
    sizes = {MaskedAffine: (False, 8, 1, 2.0), MaskedSpline: (False, 8, 1, 4, BOUND), TimeAffine: (8, 1, 2.0)}
    with pytest.raises(ShapeError, match="at least 2 coordinates .* got 1"):
        kind(1, *sizes[kind])


def test_a_residual_says_that_it_is_for_the_plane() -> None:
    for x in (torch.zeros(3, 1), torch.zeros(3, 3)):
        for way in (Residual(8, 1, 0.9).to_latent, Residual(8, 1, 0.9).to_data):
            with pytest.raises(ShapeError, match=r"shape \(B, 2\)"):
                way(x)


@pytest.mark.parametrize("is_reversed", [False, True])
def test_each_coordinate_sees_only_those_before_it(is_reversed: bool) -> None:
    layer = moved(MaskedAffine(5, is_reversed, 12, 2, 2.0))
    x = torch.randn(5, generator=make_rng(9)).double()
    jacobian: Any = torch.autograd.functional.jacobian(lambda v: layer.to_latent(v[None])[0][0], x)
    hidden = jacobian.tril(-1) if is_reversed else jacobian.triu(1)
    shown = jacobian.triu(1) if is_reversed else jacobian.tril(-1)
    assert (hidden == 0).all()
    assert (shown != 0).sum() == 10


def test_an_inverted_layer_samples_in_one_pass_and_the_plain_one_in_one_for_each_coordinate() -> None:
    for layer, passes in ((MaskedAffine(6, False, 8, 1, 2.0), 6), (Inverted(MaskedAffine(6, False, 8, 1, 2.0)), 1)):
        calls: list[int] = []
        inner: Any = layer.layer if isinstance(layer, Inverted) else layer
        inner.net.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        layer.to_data(torch.randn(3, 6))
        assert len(calls) == passes


def test_activation_norm_begins_from_its_first_batch_and_only_then() -> None:
    layer, x = ActivationNorm(2), 5 + 3 * torch.randn(1000, 2, generator=make_rng(10))
    with torch.no_grad():
        layer.begin_with(x)
        z = layer.to_latent(x)[0]
        torch.testing.assert_close(z.mean(0), torch.zeros(2), rtol=0, atol=1e-5)
        torch.testing.assert_close(z.std(0), torch.ones(2))
        layer.begin_with(x + 100)
        assert torch.equal(layer.to_latent(x)[0], z)


def test_a_linear_layer_begins_as_a_rotation() -> None:
    layer = InvertibleLinear(3).double()
    weight = layer.to_latent(torch.eye(3).double())[0].T
    torch.testing.assert_close(weight @ weight.T, torch.eye(3).double(), rtol=0, atol=1e-6)


def test_additive_couplings_never_change_volume() -> None:
    _, log_det = moved(AdditiveCoupling(2, True, 8, 2)).to_latent(torch.randn(50, 2).double())
    assert (log_det == 0).all()


def test_a_mixture_as_base_is_normalised_and_its_samples_follow_it() -> None:
    base = moved(Mixture(2, 5), 0.4).requires_grad_(False)
    at = torch.linspace(-12, 12, 801).double()
    grid = torch.cartesian_prod(at, at)
    density = base.log_prob(grid).exp()
    area = float(at[1] - at[0]) ** 2
    assert float(density.sum() * area) == pytest.approx(1, abs=1e-4)
    z = base.place(torch.randn(40_000, 2, generator=make_rng(11)).double())
    mean = (density[:, None] * grid).sum(0) * area
    torch.testing.assert_close(z.mean(0), mean, rtol=0, atol=5 * float(z.std()) / math.sqrt(len(z)))
    assert torch.equal(base.place(torch.zeros(7, 2).double(), 0.0), base.place(torch.zeros(7, 2).double(), 1.0))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("planar x3", ("planar",) * 3),
        ("Activation  Norm + spline ×2", ("activation norm", "spline") * 2),
        ("additive*2, scaling", ("additive", "additive", "scaling")),
        ("masked_affine", ("masked affine",)),
        ("linear, , planar", ("linear", "planar")),
    ],
)
def test_stacks_are_read(text: str, names: tuple[str, ...]) -> None:
    assert parse_stack(text) == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one"),
        ("planr x2", "Did you mean 'planar'"),
        ("relu", "cannot be inverted: it sends all negative numbers to 0"),
        ("planar + Batch Norm", "activation norm does not"),
        ("dropout x2", "at random"),
        (f"planar x{MOST_LAYERS + 1}", f"1 to {MOST_LAYERS} times"),
        ("planar x40, radial x40", f"at most {MOST_LAYERS} in all"),
        ("planar x0", "1 to"),
        ("+", "expected names out of planar"),
    ],
)
def test_a_stack_that_cannot_be_is_told(text: str, said: str) -> None:
    with pytest.raises(SettingError, match="Layers") as told:
        StackSettings(layers=text)
    assert said in str(told.value)


def test_couplings_of_a_stack_take_turns() -> None:
    spec, data = MODELS["stack"], DATASETS["moons"]
    model = build_model(spec, StackSettings(layers="affine + planar x2"), data, data.settings(), 0)
    assert [layer.moves_last for layer in list(model.layers)[1:] if hasattr(layer, "moves_last")] == [True, False]


def test_reverse_kl_seeks_a_mode_and_forward_kl_covers_both() -> None:
    """Two modes of weights 0.8 and 0.2, sqrt(200) apart; share of samples near the light one."""
    shares = {}
    for objective in ("forward", "reverse"):
        settings = {"objective": objective, "n_couplings": 4}
        trainer = Trainer(Experiment.default("realnvp", "two_modes", steps=400, settings=settings), device="cpu")
        while not trainer.is_done:
            trainer.advance()
        samples = trainer.model.sample(2000, rng=make_rng(0))
        shares[objective] = float((samples.sum(1) < 0).float().mean())
    assert 0.1 < shares["forward"] < 0.3
    assert min(shares["reverse"], 1 - shares["reverse"]) < 0.02


def test_a_base_in_pieces_leaves_fewer_bridges() -> None:
    """Mass farther than 4 standard deviations from every mode of the ring, of which the data has 0.03 %."""
    density: Any = DATASETS["ring"].density
    lost = {}
    for base in ("gaussian", "mixture"):
        settings = {"base": base, "n_couplings": 4}
        trainer = Trainer(Experiment.default("realnvp", "ring", steps=500, settings=settings), device="cpu")
        while not trainer.is_done:
            trainer.advance()
        samples = trainer.model.sample(4000, rng=make_rng(0))
        nearest = torch.cdist(samples, density.modes.float()).min(1).values
        lost[base] = float((nearest > 4 * density.mode_std).float().mean())
    assert lost["mixture"] < 0.5 * lost["gaussian"]


def test_a_learning_rate_that_is_too_high_ends_with_a_sentence_or_stays_finite() -> None:
    for key in ("realnvp", "spline"):
        try:
            *_, last = train(Experiment.default(key, "moons", steps=100, learning_rate=1.0), device="cpu")
            assert math.isfinite(last.losses["loss"])
        except Exception as error:  # noqa: BLE001  (only its kind matters)
            assert type(error).__name__ == "TrainingDiverged"


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's own tracer looks there
@pytest.mark.filterwarnings("ignore:Dynamo detected a call")  # it looks through functools' cache
def test_a_flow_trains_through_its_compiled_density_once_it_is_there_and_without_it_if_that_fails() -> None:
    """With the compiler left out (backend "eager"): what is traced must be the flow, and train its own weights."""
    trainer = Trainer(Experiment.default("spline", "moons", settings={"n_couplings": 2, "width": 8}), device="cpu")
    flow: Any = trainer.model
    x = torch.randn(64, 2, generator=make_rng(1))
    warm_up(flow, x, backend="no such backend").join()
    assert flow.fast_log_prob is None
    warm_up(flow, x, backend="eager").join()
    fast: Any = flow.fast_log_prob
    torch.testing.assert_close(fast(x), flow.log_prob(x))
    before = flow.log_prob(x).detach()
    trainer.advance()
    torch.testing.assert_close(fast(x), flow.log_prob(x))
    assert not torch.equal(flow.log_prob(x), before)
