"""Quantities of the aggregate posterior against torch.distributions, quadrature on a grid, and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import (
    Categorical,
    Chi2,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

from engines.errors import ShapeError
from engines.metrics import latents
from engines.metrics.latents import (
    InformationTerms,
    gaussian_kl,
    hole_map,
    information_terms,
    log_aggregate,
    log_marginals,
    radius_density,
)
from engines.probes import cell_centres
from engines.tensors import make_rng
from tests.linear_vae import PPCA, ppca

REACH, SIDE = 7.0, 400  # cells a third as wide as the narrowest posterior: sums are integrals to 1e-8
CELL = 2 * REACH / SIDE
EYE = torch.eye(6, dtype=torch.float64)


def some_posteriors(n: int = 12, n_latents: int = 2, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = make_rng(seed)
    means = torch.randn(n, n_latents, generator=rng, dtype=torch.float64)
    return means, 0.2 + 0.6 * torch.rand(n, n_latents, generator=rng, dtype=torch.float64)


def mixture(means: Tensor, stds: Tensor) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(torch.ones(len(means))), Independent(Normal(means, stds), 1))


def grid() -> Tensor:
    return cell_centres((-REACH, REACH, -REACH, REACH), SIDE).double()


def terms_by_quadrature(means: Tensor, stds: Tensor) -> tuple[float, float, float]:
    """Mutual information, total correlation and dimension-wise KL of two latents, from tables of probabilities."""
    z = grid()
    joint = mixture(means, stds).log_prob(z).exp().view(SIDE, SIDE) * CELL**2
    across, upwards = joint.sum(0), joint.sum(1)
    prior = Normal(0.0, 1.0).log_prob(z[:SIDE, 0]).exp() * CELL
    entropy_given_x = Normal(means, stds).entropy().sum(1).mean()

    def relative(p: Tensor, q: Tensor) -> float:
        return float((p * (p.clamp_min(1e-300) / q.clamp_min(1e-300)).log()).sum())

    information = -float((joint * (joint.clamp_min(1e-300) / CELL**2).log()).sum() + entropy_given_x)
    total_correlation = relative(joint, upwards[:, None] * across)
    return information, total_correlation, relative(across, prior) + relative(upwards, prior)


def values(terms: InformationTerms) -> tuple[float, float, float]:
    return terms.mutual_information, terms.total_correlation, terms.dimension_wise_kl


class TestDensities:
    def test_kl_equals_torch(self) -> None:
        means, stds = some_posteriors(n_latents=3)
        expected = kl_divergence(Normal(means, stds), Normal(torch.zeros(3), torch.ones(3)))
        torch.testing.assert_close(gaussian_kl(means, stds), expected)

    def test_aggregate_equals_torch(self) -> None:
        means, stds = some_posteriors(n_latents=5)
        z = 3 * torch.randn(40, 5, generator=make_rng(1), dtype=torch.float64)
        torch.testing.assert_close(log_aggregate(z, means, stds), mixture(means, stds).log_prob(z))

    def test_marginals_equal_torch(self) -> None:
        means, stds = some_posteriors(n_latents=5)
        z = 3 * torch.randn(40, 5, generator=make_rng(1), dtype=torch.float64)
        got = log_marginals(z, means, stds)
        for d in range(5):
            alone = mixture(means[:, [d]], stds[:, [d]])
            torch.testing.assert_close(got[:, d], alone.log_prob(z[:, [d]]))

    @pytest.mark.parametrize("chunk", [1, 100, 1000])
    def test_pieces_do_not_show(self, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
        means, stds = some_posteriors()
        z = torch.randn(37, 2, generator=make_rng(1), dtype=torch.float64)
        whole = log_aggregate(z, means, stds), log_marginals(z, means, stds)
        monkeypatch.setattr(latents, "CHUNK", chunk)
        torch.testing.assert_close((log_aggregate(z, means, stds), log_marginals(z, means, stds)), whole)

    def test_aggregate_integrates_to_one(self) -> None:
        assert float(log_aggregate(grid(), *some_posteriors()).exp().sum()) * CELL**2 == pytest.approx(1, abs=1e-6)

    def test_aggregate_of_one_latent_is_its_marginal(self) -> None:
        means, stds = some_posteriors(n_latents=3)
        z = torch.randn(10, 3, generator=make_rng(1))
        alone = log_aggregate(z[:, [2]], means[:, [2]], stds[:, [2]])
        torch.testing.assert_close(log_marginals(z, means, stds)[:, 2], alone)

    def test_single_precision_is_summed_in_double(self) -> None:
        means, stds = (each.float() for each in some_posteriors())
        got = log_aggregate(means[:4], means, stds * 1e-3)
        torch.testing.assert_close(got, mixture(means.double(), (stds * 1e-3).double()).log_prob(means[:4].double()))

    def test_far_away_is_finite(self) -> None:
        assert log_aggregate(torch.full((1, 2), 1e4), *some_posteriors()).isfinite().all()

    def test_shapes_must_fit(self) -> None:
        means, stds = some_posteriors()
        with pytest.raises(ShapeError, match="means and stds"):
            log_aggregate(means, means, stds[:5])
        with pytest.raises(ShapeError, match="z of shape"):
            log_marginals(means[:, :1], means, stds)


class TestInformationTerms:
    @pytest.mark.parametrize("seed", range(4))
    def test_equal_quadrature(self, seed: int) -> None:
        """Twelve comparisons within 5 standard errors: false alarm 1 in 10⁵."""
        means, stds = some_posteriors(n=5, seed=seed)
        means[:, 1] += means[:, 0]
        terms = information_terms(means, stds, rng=make_rng(seed), n_samples=5000)
        for got, known, error in zip(values(terms), terms_by_quadrature(means, stds), terms.errors, strict=True):
            assert abs(got - known) < 5 * error
            assert error < 0.05

    def test_standard_errors_are_right(self) -> None:
        """The mean square of 3 x 100 standardised errors is 1; within 30 % (5 deviations were they independent)."""
        means, stds = some_posteriors(n=5)
        known = torch.tensor(terms_by_quadrature(means, stds))
        repeats = [information_terms(means, stds, rng=make_rng(seed), n_samples=300) for seed in range(100)]
        off = torch.stack([(torch.tensor(values(each)) - known) / torch.tensor(each.errors) for each in repeats])
        assert float(off.square().mean()) == pytest.approx(1, abs=0.3)

    def test_two_far_points_on_a_diagonal(self) -> None:
        means = torch.tensor([[9.0, 9.0], [-9.0, -9.0]])
        terms = information_terms(means, torch.full((2, 2), 0.1), rng=make_rng(0))
        assert terms.mutual_information == pytest.approx(math.log(2), abs=1e-9)
        assert terms.total_correlation == pytest.approx(math.log(2), abs=1e-9)

    def test_four_far_corners_are_independent(self) -> None:
        means = torch.cartesian_prod(torch.tensor([9.0, -9.0]), torch.tensor([9.0, -9.0]))
        terms = information_terms(means, torch.full((4, 2), 0.1), rng=make_rng(0))
        assert terms.mutual_information == pytest.approx(math.log(4), abs=1e-9)
        assert terms.total_correlation == pytest.approx(0, abs=1e-9)

    def test_collapsed_posteriors_say_nothing(self) -> None:
        terms = information_terms(torch.zeros(50, 3), torch.ones(50, 3), rng=make_rng(0))
        assert (*values(terms), *terms.errors) == pytest.approx((0,) * 6, abs=1e-12)

    @pytest.mark.parametrize("slope", [0.0, 0.8])
    def test_a_gaussian_aggregate_is_in_closed_form(self, slope: float) -> None:
        """Means at the quantiles of a Gaussian, wide posteriors: the aggregate is Gaussian but for about 1e-3."""
        quantiles = Normal(0.0, 1.0).icdf((torch.arange(50) + 0.5) / 50)
        means = torch.cartesian_prod(quantiles, quantiles) @ torch.tensor([[1.0, slope], [0.0, 0.6]])
        stds = torch.full_like(means, 0.6)
        covariance = torch.cov(means.T, correction=0) + 0.36 * torch.eye(2)
        marginals = covariance.diagonal()
        terms = information_terms(means, stds, rng=make_rng(0), n_samples=2000)
        known = (
            float(torch.logdet(covariance / 0.36) / 2),
            float((marginals.log().sum() - torch.logdet(covariance)) / 2),
            float((marginals - 1 - marginals.log()).sum() / 2),
        )
        for got, expected, error in zip(values(terms), known, terms.errors, strict=True):
            assert got == pytest.approx(expected, abs=5 * error + 2e-3)

    @pytest.mark.parametrize("n_latents", [1, 2, 10])
    def test_sum_to_the_mean_kl(self, n_latents: int) -> None:
        means, stds = some_posteriors(n=200, n_latents=n_latents)
        terms = information_terms(means, stds, rng=make_rng(1))
        expected = float(gaussian_kl(means, stds).sum(1).mean())
        assert sum(values(terms)) == pytest.approx(expected, abs=5 * math.hypot(*terms.errors))
        assert -5 * terms.errors[0] < terms.mutual_information < math.log(200)

    def test_are_repeatable(self) -> None:
        means, stds = some_posteriors()
        first, second = (information_terms(means, stds, rng=make_rng(3)) for _ in range(2))
        assert first == second


class TestRadiusDensity:
    @pytest.mark.parametrize("n_dims", [1, 2, 10, 200])
    def test_integrates_to_one(self, n_dims: int) -> None:
        r = (torch.arange(4000, dtype=torch.float64) + 0.5) * 0.01
        assert float(radius_density(r, n_dims).sum()) * 0.01 == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize("n_dims", [1, 2, 10])
    def test_is_that_of_a_root_of_chi_square(self, n_dims: int) -> None:
        r = torch.linspace(0.1, 6, 50, dtype=torch.float64)
        expected = Chi2(torch.tensor(float(n_dims)).double()).log_prob(r.square()).exp() * 2 * r
        torch.testing.assert_close(radius_density(r, n_dims), expected)

    def test_matches_samples_of_the_prior(self) -> None:
        """Largest gap of the distribution functions below 2 / sqrt(n): false alarm 7 in 10,000."""
        radii = torch.randn(20_000, 8, generator=make_rng(0), dtype=torch.float64).norm(dim=1).sort().values
        ticks = torch.linspace(0, 8, 8001, dtype=torch.float64)
        exact = torch.cumulative_trapezoid(radius_density(ticks, 8), ticks)
        seen = torch.searchsorted(radii, ticks[1:]) / len(radii)
        assert float((seen - exact).abs().max()) < 2 / math.sqrt(len(radii))

    def test_at_and_below_zero(self) -> None:
        r = torch.tensor([-1.0, 0.0])
        assert radius_density(r, 1).tolist() == pytest.approx([0, math.sqrt(2 / math.pi)])
        assert radius_density(r, 2).tolist() == [0, 0]


class TestHoleMap:
    def test_is_flat_where_the_aggregate_is_the_prior(self) -> None:
        assert hole_map(torch.zeros(6, 3), torch.ones(6, 3), (0, 2), resolution=8).abs().max() < 1e-12

    def test_shows_which_latents_and_which_way_up(self) -> None:
        means = torch.tensor([[0.0, 2.0, -1.0]])
        got = hole_map(means, torch.full((1, 3), 0.3), (1, 2), reach=3.0, resolution=30)
        row, column = divmod(int(got.argmax()), 30)
        middles = (torch.arange(30) + 0.5) * 0.2 - 3
        assert float(middles[column]) > 1.8
        assert -1.3 < float(middles[row]) < -0.7

    def test_is_the_ratio_of_densities(self) -> None:
        means, stds = some_posteriors()
        z = cell_centres((-2, 2, -2, 2), 5).double()
        prior = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
        expected = (mixture(means, stds).log_prob(z) - prior.log_prob(z)).view(5, 5)
        torch.testing.assert_close(hole_map(means, stds, reach=2.0, resolution=5), expected)


class TestLinearVae:
    """The closed form that the linear VAE is held to, against torch's own Gaussians and autograd."""

    @pytest.fixture
    def x(self) -> Tensor:
        rng = make_rng(5)
        loadings = torch.randn(2, 6, generator=rng, dtype=torch.float64)
        z = torch.randn(300, 2, generator=rng, dtype=torch.float64)
        return z @ loadings + 0.4 * torch.randn(300, 6, generator=rng, dtype=torch.float64) + 3

    @pytest.fixture
    def fit(self, x: Tensor) -> PPCA:
        return ppca(x, 2)

    def test_likelihood_is_that_of_a_gaussian(self, x: Tensor, fit: PPCA) -> None:
        covariance = fit.W @ fit.W.T + fit.sigma2 * EYE
        expected = MultivariateNormal(fit.mean, covariance).log_prob(x)
        torch.testing.assert_close(fit.log_likelihood(x), expected)
        assert fit.sigma2 == pytest.approx(0.16, rel=0.2)

    def test_no_step_raises_the_likelihood(self, x: Tensor, fit: PPCA) -> None:
        mean, loadings = fit.mean.clone().requires_grad_(), fit.W.clone().requires_grad_()
        log_sigma2 = torch.tensor(math.log(fit.sigma2), dtype=torch.float64, requires_grad=True)
        covariance = loadings @ loadings.T + log_sigma2.exp() * EYE
        MultivariateNormal(mean, covariance).log_prob(x).mean().backward()
        for parameter in (mean, loadings, log_sigma2):
            assert parameter.grad is not None
            assert parameter.grad.abs().max() < 1e-8
        assert ppca(x, 1).log_likelihood(x).mean() < fit.log_likelihood(x).mean() < ppca(x, 3).log_likelihood(x).mean()

    def test_posterior_is_the_joint_gaussian_given_x(self, x: Tensor, fit: PPCA) -> None:
        """log p(z | x) = log p(z) + log p(x | z) - log p(x), each from torch."""
        means, covariance = fit.posterior(x)
        z = means + 0.3
        prior = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double()).log_prob(z)
        noise = Independent(Normal(z @ fit.W.T + fit.mean, math.sqrt(fit.sigma2)), 1).log_prob(x)
        evidence = MultivariateNormal(fit.mean, fit.W @ fit.W.T + fit.sigma2 * EYE).log_prob(x)
        torch.testing.assert_close(MultivariateNormal(means, covariance).log_prob(z), prior + noise - evidence)

    def test_bound_of_the_diagonal_posterior_is_the_likelihood(self, x: Tensor, fit: PPCA) -> None:
        means, covariance = fit.posterior(x)
        assert (covariance - covariance.diag().diag()).abs().max() < 1e-12
        stds = covariance.diag().sqrt().expand_as(means)
        spread = (fit.W.square() @ covariance.diag()).sum()  # of the reconstructions
        at_mean = Independent(Normal(means @ fit.W.T + fit.mean, math.sqrt(fit.sigma2)), 1).log_prob(x)
        bound = at_mean - spread / (2 * fit.sigma2) - gaussian_kl(means, stds).sum(1)
        torch.testing.assert_close(bound, fit.log_likelihood(x))
