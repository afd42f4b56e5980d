"""VAEs of pictures against independent facts: plain modules, closed forms, enumeration, and a peer library."""

from __future__ import annotations

import importlib
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engines.batches import Split
from engines.datasets import DATASETS
from engines.datasets.base import Examples
from engines.errors import DataError, SettingError, ShapeError
from engines.models import MODELS, build_model
from engines.nets.stacked import StackedLinear, StackedPatches, StackedUnpatches, build_stacked_mlp
from engines.tensors import make_rng
from engines.training import Experiment, Trainer
from engines.vae.gaussian_vae import SWEEP, VaeSettings, build_vae
from engines.vae.likelihoods import LIKELIHOODS, build_likelihood
from engines.vae.measures import measure_vae
from engines.vae.objective import CAPACITY_PRICE, Objective, ObjectiveWeights
from engines.vae.vae import Posterior, Vae
from tests.linear_vae import ppca

SHAPE = (1, 4, 4)


def examples(n: int = 64, levels: int = 17, shape: tuple[int, ...] = SHAPE) -> Examples:
    x = torch.randint(0, levels, (n, *shape), generator=make_rng(0)).to(torch.uint8)
    return Examples(train=x, test=x[: n // 2], levels=levels)


def build(levels: int = 17, shape: tuple[int, ...] = SHAPE, seed: int = 0, **settings: Any) -> Vae:
    chosen = VaeSettings.from_dict({"width": 16, "n_latents": 3} | settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_vae(chosen, examples(8, levels, shape))


# ---- the stack ----


def plain(stacked: nn.Module, member: int) -> nn.Sequential:
    """The same perceptron from torch's own layers."""
    layers: list[nn.Module] = []
    for layer in stacked:  # pyright: ignore[reportGeneralTypeIssues]
        if isinstance(layer, StackedLinear):
            _, n_in, n_out = layer.weight.shape
            linear = nn.Linear(n_in, n_out)
            linear.weight.data, linear.bias.data = layer.weight[member].T.clone(), layer.bias[member, 0].clone()
            layers.append(linear)
        else:
            layers.append(nn.SiLU())
    return nn.Sequential(*layers)


def unlike(module: nn.Module) -> nn.Module:
    """The same stack with other weights in each model."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=make_rng(1)))
    return module


@pytest.mark.parametrize("n_models", [1, 3])
def test_a_stack_says_what_plain_layers_say(n_models: int) -> None:
    stacked = unlike(build_stacked_mlp(n_models, (5, 8, 8, 2)))
    x = torch.randn(7, 5, generator=make_rng(2))
    for k in range(n_models):
        torch.testing.assert_close(stacked(x)[k], plain(stacked, k)(x), rtol=1e-6, atol=1e-6)
        each = torch.randn(n_models, 7, 5, generator=make_rng(3))
        torch.testing.assert_close(stacked(each)[k], plain(stacked, k)(each[k]), rtol=1e-6, atol=1e-6)


def test_patches_are_a_convolution() -> None:
    shape, x = (3, 8, 12), torch.randn(5, 3, 8, 12, generator=make_rng(4))
    stacked = unlike(StackedPatches(2, shape, 4, 6))
    convolution = nn.Conv2d(3, 6, 4, stride=4)
    linear: Any = stacked.linear
    convolution.weight.data = linear.weight[1].T.reshape(6, 3, 4, 4)
    convolution.bias.data = linear.bias[1, 0]  # pyright: ignore[reportOptionalMemberAccess]
    expected = convolution(x).permute(0, 2, 3, 1).flatten(1)
    torch.testing.assert_close(stacked(x.flatten(1))[1], expected, rtol=1e-5, atol=1e-5)


def test_unpatches_are_a_transposed_convolution() -> None:
    stacked: Any = unlike(StackedUnpatches(2, (3, 8, 12), 4, 6))
    transposed = nn.ConvTranspose2d(6, 3, 4, stride=4, bias=False)
    stacked.linear.bias.data.zero_()
    transposed.weight.data = stacked.linear.weight[0].view(6, 3, 4, 4)
    features = torch.randn(5, 2 * 3 * 6, generator=make_rng(5))
    expected = transposed(features.view(5, 2, 3, 6).permute(0, 3, 1, 2)).flatten(1)
    torch.testing.assert_close(stacked(features.expand(2, -1, -1))[0], expected, rtol=1e-5, atol=1e-5)


def test_a_sweep_is_its_single_trainings() -> None:
    """Same start, same batches, same noise: what differs is float rounding, which Adam's first steps amplify."""
    betas = ("0.5", "1", "4")

    def train(text: str) -> Any:
        settings = {"betas": text, "n_latents": 3, "width": 16}
        trainer = Trainer(Experiment.default("vae", "digits", settings=settings, steps=30, batch_size=32), device="cpu")
        while not trainer.is_done:
            trainer.advance()
        return trainer.model

    sweep = train(" ".join(betas))
    for k, beta in enumerate(betas):
        alone = train(beta)
        for found, expected in zip(sweep.member(k).parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(found, expected, rtol=0, atol=2e-4)


def test_a_member_is_that_model_of_the_stack() -> None:
    vae = build(betas="0 1 4")
    unlike(vae)
    x = examples().train[:5].float()
    posterior, noise = vae.encode_all(x), torch.zeros(5, 3)
    kl, distortion = vae.rate_and_distortion(x, noise)
    for k in range(3):
        alone = vae.member(k)
        torch.testing.assert_close(alone.encode(x).mean, posterior.mean[k])
        torch.testing.assert_close(alone.rate_and_distortion(x, noise)[0][0], kl[k])
        torch.testing.assert_close(alone.rate_and_distortion(x, noise)[1][0], distortion[k])
        assert alone.objective.prices.betas == ((0.0, 1.0, 4.0)[k],)
    assert vae.n_models == 3 and vae.member(1).n_models == 1


# ---- likelihoods ----


def random_outputs(name: str, levels: int) -> tuple[Any, Tensor]:
    """A likelihood of six one-pixel pictures, and outputs from far below to far above what a pixel can be."""
    return build_likelihood(name, (1, 1, 1), levels), torch.tensor([-30.0, -1.2, -0.2, 0.1, 0.9, 30.0])[:, None]


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("name", ["binomial", "gaussian", "logistic"])
def test_masses_of_all_values_sum_to_one(name: str, levels: int) -> None:
    likelihood, outputs = random_outputs(name, levels)
    values = torch.arange(levels).float()[:, None, None]
    masses = likelihood.pixel_log_prob(outputs[None].expand(levels, -1, -1), values.expand(-1, 6, -1))
    assert masses.isfinite().all()
    torch.testing.assert_close(masses.double().exp().sum(0), torch.ones(6, 1, dtype=torch.float64), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_samples_follow_the_masses(name: str) -> None:
    levels, n = (2 if name == "bernoulli" else 9), 20_000
    likelihood = build_likelihood(name, (1, 1, 1), levels)
    outputs = torch.tensor([0.3]).expand(n, 1)
    drawn = likelihood.sample(outputs, make_rng(6)).long()[:, 0]
    found = torch.bincount(drawn, minlength=levels).double() / n
    values = torch.arange(levels).float()[:, None]
    expected = likelihood.pixel_log_prob(torch.tensor([0.3]).expand(levels, 1), values)[:, 0].double().exp()
    # 5 standard errors of the widest share, 9 shares: false alarm below 6e-6.
    assert (found - expected).abs().max() < 5 * 0.5 / math.sqrt(n)


def test_bernoulli_is_the_mean_over_binarised_pictures() -> None:
    likelihood = build_likelihood("bernoulli", (1, 1, 2), 256)
    x, outputs = torch.tensor([[51.0, 204.0]]), torch.tensor([[0.4, -1.1]])
    p = torch.distributions.Bernoulli(logits=outputs)
    expected = sum(
        pa * pb * p.log_prob(torch.tensor([[a, b]])).sum()
        for a, pa in ((0.0, 0.8), (1.0, 0.2))
        for b, pb in ((0.0, 0.2), (1.0, 0.8))
    )
    assert float(likelihood.log_prob(outputs, x)) == pytest.approx(float(expected), abs=1e-6)


def test_binomial_is_torchs() -> None:
    likelihood, outputs = build_likelihood("binomial", (1, 1, 3), 17), torch.tensor([[0.2, -2.0, 3.0]])
    x = torch.tensor([[0.0, 5.0, 16.0]])
    expected = torch.distributions.Binomial(16, logits=outputs).log_prob(x).sum()
    assert float(likelihood.log_prob(outputs, x)) == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_extreme_outputs_keep_values_and_gradients_finite(name: str) -> None:
    likelihood = build_likelihood(name, (1, 1, 4), 256)
    outputs = torch.tensor([[-1e4, -50.0, 50.0, 1e4]], requires_grad=True)
    for value in (0.0, 128.0, 255.0):
        log_prob = likelihood.log_prob(outputs, torch.full((1, 4), value))
        assert log_prob.isfinite().all()
        assert torch.autograd.grad(log_prob.sum(), outputs)[0].isfinite().all()


def test_auto_picks_by_the_number_of_values() -> None:
    assert type(build_likelihood("auto", SHAPE, 17)).__name__ == "Binomial"
    assert type(build_likelihood("auto", SHAPE, 256)).__name__ == "DiscretisedLogistic"
    with pytest.raises(SettingError, match="Expected a likelihood out of bernoulli"):
        build_likelihood("cauchy", SHAPE, 17)


# ---- the objective ----


def test_kl_is_torchs() -> None:
    mean, std = torch.randn(4, 3, generator=make_rng(7)), torch.rand(4, 3, generator=make_rng(8)) + 0.1
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, std), normal(0.0, 1.0))
    torch.testing.assert_close(Posterior(mean, std).kl(), expected)


def prices(**changes: Any) -> ObjectiveWeights:
    return ObjectiveWeights(**{"betas": (1.0,), "free_bits": (0.0,), "capacities": (0.0,), "warm_up": 0.0} | changes)


def test_objective_by_hand() -> None:
    distortion, kl = torch.tensor([[10.0, 20.0]]), torch.tensor([[[0.1, 3.0], [0.3, 1.0]]])  # means 15; 0.2 and 2.0
    assert float(Objective(prices(betas=(4.0,)))(distortion, kl)) == pytest.approx(15 + 4 * 2.2)
    assert float(Objective(prices(free_bits=(0.5,)))(distortion, kl)) == pytest.approx(15 + 0.5 + 2.0)
    objective = Objective(prices(capacities=(6.0,)))
    objective.share = 0.25  # half of the way to the target
    assert float(objective(distortion, kl)) == pytest.approx(15 + CAPACITY_PRICE * abs(2.2 - 3.0))
    objective = Objective(prices(betas=(2.0,), warm_up=0.4))
    objective.share = 0.1
    assert float(objective(distortion, kl)) == pytest.approx(15 + 0.25 * 2 * 2.2)


def test_beta_one_is_the_bound() -> None:
    vae, x = build(), examples().train[:16].float()
    noise = torch.randn(16, 3, generator=make_rng(9))
    kl, distortion = vae.rate_and_distortion(x, noise)
    loss = vae.objective(distortion, kl)
    q = vae.encode(x)
    outputs = vae.decoder(q.mean + q.std * noise)[0]
    reconstruction = torch.distributions.Binomial(16, logits=outputs).log_prob(x.flatten(1)).sum(1)
    normal = torch.distributions.Normal
    bound = reconstruction - torch.distributions.kl_divergence(normal(q.mean, q.std), normal(0.0, 1.0)).sum(1)
    assert loss.item() == pytest.approx(-bound.mean().item(), rel=1e-6)


def test_the_gradient_changes_with_beta() -> None:
    vae, x = build(betas="0 1 8"), examples().train[:16].float()
    kl, distortion = vae.rate_and_distortion(x, torch.randn(16, 3, generator=make_rng(9)))
    vae.objective(distortion, kl).sum().backward()
    gradient: Any = vae.encoder.body[0].weight.grad
    assert all((gradient[i] - gradient[j]).abs().max() > 1e-3 for i, j in ((0, 1), (1, 2)))


def test_the_objective_is_pythaes() -> None:
    """The same nets, noise and beta in pythae's BetaVAE (Bernoulli decoder) give the same loss to 1e-5."""
    models = importlib.import_module("pythae.models")
    base = importlib.import_module("pythae.models.base.base_utils")
    nets = importlib.import_module("pythae.models.nn")
    ours, x = build(levels=256, betas="4", likelihood="bernoulli"), examples(16, 256).train[:16].float()

    class Encoder(nets.BaseEncoder):
        def forward(self, y: Tensor) -> Any:
            mean, log_std = ours.encoder(2 * y.flatten(1) - 1)
            return base.ModelOutput(embedding=mean[0], log_covariance=2 * log_std[0])

    class Decoder(nets.BaseDecoder):
        def forward(self, z: Tensor) -> Any:
            return base.ModelOutput(reconstruction=ours.decoder(z)[0].sigmoid().view(-1, *SHAPE))

    config = models.BetaVAEConfig(input_dim=SHAPE, latent_dim=3, beta=4.0, reconstruction_loss="bce")
    peer = models.BetaVAE(config, encoder=Encoder(), decoder=Decoder())
    torch.manual_seed(11)
    expected = peer({"data": x / 255}).loss.item()
    torch.manual_seed(11)
    noise = torch.randn_like(ours.encode(x).mean)
    kl, distortion = ours.rate_and_distortion(x, noise)
    assert ours.objective(distortion, kl).item() == pytest.approx(expected, rel=1e-5)


# ---- bounds ----


def linear_vae(n_latents: int = 2, levels: int = 4001) -> tuple[Vae, Tensor, Any]:
    """A VAE with linear nets at the optimum of probabilistic PCA, its data and that closed form.

    Pixels are so fine that the mass of a value is its density to 1e-4 nats a pixel.
    """
    rng = make_rng(12)
    x = torch.randn(500, n_latents, generator=rng) @ (200 * torch.randn(n_latents, 6, generator=rng))
    x = (x + 60 * torch.randn(500, 6, generator=rng) + (levels - 1) / 2).round().clamp(0, levels - 1)
    exact = ppca(x.double(), n_latents)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        settings = VaeSettings(n_latents=n_latents, likelihood="gaussian")
        vae = build_vae(settings, Examples(train=x.view(-1, 1, 2, 3), test=x.view(-1, 1, 2, 3), levels=levels))
    scale = levels - 1
    means, covariance = exact.posterior(torch.zeros(1, 6, dtype=torch.float64))
    ones = torch.eye(6, dtype=torch.float64)
    slope = exact.posterior(ones)[0] - means  # the posterior's mean is linear in x
    encoder, decoder = StackedLinear(1, 6, 2 * n_latents), StackedLinear(1, n_latents, 6)
    half = scale / 2  # x = half * (input + 1)
    encoder.weight.data = torch.cat([half * slope, torch.zeros(6, n_latents)], 1)[None].float()
    offset = means[0] + half * slope.sum(0)
    log_std = 0.5 * covariance.diagonal().log()
    encoder.bias.data = torch.cat([offset, log_std])[None, None].float()
    decoder.weight.data = (exact.W.T / scale)[None].float()
    decoder.bias.data = (exact.mean / scale - 0.5)[None, None].float()
    vae.encoder.body, vae.decoder.body = nn.Sequential(encoder), nn.Sequential(decoder)
    vae.likelihood.log_scale_tenths.data.fill_((0.5 * math.log(exact.sigma2) - math.log(scale)) / 10)
    return vae, x.view(-1, 1, 2, 3), exact


def test_the_linear_vae_is_probabilistic_pca() -> None:
    """Its posterior is the exact one, so that bound and log-likelihood agree in the mean over the noise."""
    vae, x, exact = linear_vae()
    truth = float(exact.log_likelihood(x.flatten(1).double()).mean())
    with torch.no_grad():
        bounds = torch.stack([vae.log_prob_bound(x, rng=make_rng(seed)).mean() for seed in range(40)])
        importance = vae.log_prob_bound(x, 50).mean()
    # 40 draws over 500 points: 5 standard errors are well below 0.05 nats; false alarm below 1e-6.
    assert float(bounds.mean()) == pytest.approx(truth, abs=0.05)
    assert float(importance) == pytest.approx(truth, abs=0.02)


def fit(vae: Vae, x: Tensor, steps: int) -> None:
    """A few steps of Adam on the bound."""
    optimiser, rng = torch.optim.Adam(vae.parameters(), lr=1e-2), make_rng(15)
    for _ in range(steps):
        loss = -vae.log_prob_bound(x, rng=rng).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def test_importance_bounds_grow() -> None:
    vae = unlike(build())
    assert isinstance(vae, Vae)
    x = examples().train.float()
    with torch.no_grad():
        found = [float(vae.log_prob_bound(x, n, rng=make_rng(13)).mean()) for n in (1, 2, 8, 64, 512)]
    assert found == sorted(found)
    assert found[-1] - found[0] > 0.1


def test_importance_bound_approaches_quadrature() -> None:
    vae, x = build(n_latents=1), examples().train[:20].float()
    fit(vae, x, 300)  # an untrained posterior may lie far from the true one, where no number of samples helps
    z = torch.linspace(-8, 8, 4001)[:, None]
    with torch.no_grad():
        outputs = vae.decoder(z)[0]
        joint = torch.stack([vae.likelihood.log_prob(outputs, one.flatten()[None]) for one in x])
        prior = torch.distributions.Normal(0.0, 1.0).log_prob(z[:, 0])
        exact = (joint + prior).logsumexp(1) + math.log(16 / 4000)
        bound, importance = (vae.log_prob_bound(x, n, rng=make_rng(14)) for n in (1, 40_000))
    assert float((importance - exact).abs().max()) < 0.1
    assert float((exact - bound).mean()) > 0


# ---- what it says no to, and what it measures ----


def test_wrong_shapes_are_told() -> None:
    vae = build()
    with pytest.raises(ShapeError, match=r"Expected x of shape \(B, 1, 4, 4\), got \(2, 16\)"):
        vae.encode(torch.zeros(2, 16))
    with pytest.raises(ShapeError, match=r"Expected z of shape \(B, 3\), got \(2, 5\)"):
        vae.decode(torch.zeros(2, 5))


def test_a_conditional_model_needs_classes() -> None:
    spec, data = MODELS["conditional_vae"], DATASETS["small_shapes"]
    with pytest.raises(DataError, match="needs examples with classes"):
        build_model(spec, spec.settings(), data, data.settings(), 0)


def test_a_conditional_decoder_draws_what_it_is_told() -> None:
    spec, data = MODELS["conditional_vae"], DATASETS["digits"]
    model = build_model(spec, spec.settings(), data, data.settings(), 0)
    z = torch.zeros(2, model.n_latents)
    told = model.decode(z, labels=torch.tensor([3, 8]))
    assert not torch.equal(told[0], told[1])
    x = data.examples().test[:4].float()
    bounds = [model.log_prob_bound(x, labels=torch.full((4,), label)) for label in (0, 1)]
    assert not torch.equal(bounds[0], bounds[1])


@pytest.mark.parametrize(
    ("text", "message"),
    [("a b", "got 'a b'"), ("-1", "got '-1'"), ("", "got ''"), (" ".join("1" * 11), "1 to 10 numbers")],
)
def test_an_impossible_list_of_betas_is_told(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        VaeSettings(betas=text)


def test_a_list_of_betas_is_written_in_its_short_form() -> None:
    assert VaeSettings(betas="0.50,  1.0 4").betas == "0.5 1 4"
    assert VaeSettings(betas=SWEEP).prices().n_models == 8


def test_measures_are_means_over_the_parts() -> None:
    vae = unlike(build(betas="1 4"))
    assert isinstance(vae, Vae)
    part = Split(examples().train.float(), None, None)
    with torch.no_grad():
        measures = measure_vae(vae, part, part, is_last=True)
        bound = vae.log_prob_bound(part.x)
    rate, distortion = measures["rate"], measures["distortion"]
    assert isinstance(rate, list) and isinstance(distortion, list)
    assert measures["bound"] == pytest.approx([-r - d for r, d in zip(rate, distortion, strict=True)], rel=1e-5)
    # One draw of the noise each over 64 pictures: well within a nat of each other.
    assert float(bound.mean()) == pytest.approx(measures["bound"][0], abs=1.0)  # pyright: ignore[reportIndexIssue]
    bits = [-b / (16 * math.log(2)) for b in measures["bound"]]  # pyright: ignore[reportGeneralTypeIssues]
    assert measures["bits_per_dim"] == pytest.approx(bits, rel=1e-6)


@pytest.mark.slow
def test_a_large_beta_collapses_and_free_bits_cure_it() -> None:
    settings = {"betas": "30", "free_bits": "0 0.5", "n_latents": 3, "width": 32, "likelihood": "binomial"}
    trainer = Trainer(Experiment.default("vae", "digits", settings=settings, steps=500), device="cpu")
    while not trainer.is_done:
        trainer.advance()
    collapsed, cured = trainer.measure()["rate"]  # pyright: ignore[reportGeneralTypeIssues]
    assert collapsed < 0.1
    assert cured > 1.2
