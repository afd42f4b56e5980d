"""Every data set by key, in display order: `DATASETS["moons"].density.sample(1000, rng=rng)`."""

from engines.datasets.base import DatasetSpec, Density
from engines.datasets.drawn import DRAWN
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.datasets.letters import LETTERS
from engines.datasets.picture import PICTURE
from engines.datasets.toy2d import TOY_2D
from engines.registry import Registry

DATASETS: Registry[DatasetSpec] = Registry("data set", (*TOY_2D, LETTERS, DRAWN, PICTURE))

__all__ = ["DATASETS", "DatasetSpec", "Density", "GaussianMixture"]
