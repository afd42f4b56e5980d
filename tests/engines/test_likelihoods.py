"""The mean of a decoder's pixels is the sum of value times mass, by scipy's distribution functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from engines.vae.likelihoods import build_likelihood

BELLS: dict[str, Any] = {"logistic": stats.logistic, "gaussian": stats.norm}
OUTPUTS = torch.cat([torch.linspace(-0.7, 0.7, 141), torch.tensor([-2.0, -1.0, 1.0, 2.0, 0.5001, -0.4999])])


def built(name: str, levels: int, width: float) -> Any:
    """A likelihood of one pixel whose bell is that many pixel values wide."""
    likelihood = build_likelihood(name, (1, 1, 1), levels)
    with torch.no_grad():
        next(likelihood.parameters()).fill_(math.log(width / (levels - 1)) / 10)
    return likelihood


@pytest.mark.parametrize("name", BELLS)
@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("share", [0.0004, 0.002, 0.0078, 0.00785, 0.03, 0.13, 0.5])
def test_the_mean_is_the_sum_of_value_times_mass(name: str, levels: int, share: float) -> None:
    likelihood = built(name, levels, max(0.1, share * (levels - 1)))
    middle, scale = ((levels - 1) * (OUTPUTS.double() + 0.5)).numpy(), float(likelihood.scale().detach())
    values = np.arange(levels)[:, None]
    below = BELLS[name].cdf((values + 0.5 - middle) / scale)
    below[-1] = 1
    masses = np.diff(below, axis=0, prepend=0)
    expected = (values * masses).sum(0)
    found = likelihood.mean(OUTPUTS[:, None])[:, 0].detach().double().numpy()
    np.testing.assert_allclose(found, expected, atol=2e-4 * max(1, levels / 100))


@pytest.mark.parametrize("name", BELLS)
def test_channels_of_different_widths_have_each_their_own_mean(name: str) -> None:
    likelihood = build_likelihood(name, (3, 1, 1), 256, n_models=2)
    widths = torch.tensor([[0.2, 1.9, 40.0], [3.0, 0.5, 2.0]])
    with torch.no_grad():
        next(likelihood.parameters()).copy_((widths / 255).log()[:, None] / 10)
    outputs = torch.randn(2, 50, 3) * 0.4
    found = likelihood.mean(outputs)
    for k in range(2):
        for channel in range(3):
            alone = built(name, 256, float(widths[k, channel])).mean(outputs[k, :, channel, None])[:, 0]
            torch.testing.assert_close(found[k, :, channel], alone, atol=2e-4, rtol=0)


@pytest.mark.parametrize("name", BELLS)
def test_the_mean_is_that_of_draws(name: str) -> None:
    """20,000 draws, four standard errors: 1 alarm in 16,000."""
    likelihood = built(name, 256, 34.0)
    drawn = likelihood.sample(torch.full((20_000, 1), -0.45), torch.Generator().manual_seed(1))
    mean = float(likelihood.mean(torch.tensor([[-0.45]])).detach())
    assert abs(float(drawn.detach().mean()) - mean) < 4 * float(drawn.detach().std()) / len(drawn) ** 0.5
