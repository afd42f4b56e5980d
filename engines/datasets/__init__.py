"""Every data set by key, in display order: `DATASETS["moons"].density.sample(1000, rng=rng)`."""

from engines.datasets.base import DatasetSpec, Density, Examples, Factor, Kind
from engines.datasets.digits import DIGITS
from engines.datasets.drawn import DRAWN
from engines.datasets.faces import FACES
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.datasets.letters import LETTERS
from engines.datasets.mnist_small import MNIST_5K
from engines.datasets.names import NAMES
from engines.datasets.outliers import OUTLIERS
from engines.datasets.own_images import OWN_IMAGES
from engines.datasets.patches import PATCHES
from engines.datasets.picture import PICTURE
from engines.datasets.shapes import SHAPES, SMALL_SHAPES
from engines.datasets.stacked_digits import STACKED_DIGITS
from engines.datasets.tones import TONES
from engines.datasets.torchvision_sets import CELEBA, CIFAR10, FASHION_MNIST, MNIST
from engines.datasets.toy2d import TOY_2D
from engines.registry import Registry

_PLANE = (*TOY_2D, OUTLIERS, LETTERS, DRAWN, PICTURE)
_PICTURES = (
    *(MNIST_5K, DIGITS, SMALL_SHAPES, SHAPES, FACES, PATCHES, STACKED_DIGITS),
    *(MNIST, FASHION_MNIST, CIFAR10, CELEBA, OWN_IMAGES),
)
_TEXTS = (NAMES,)
_WAVES = (TONES,)

DATASETS: Registry[DatasetSpec] = Registry("data set", (*_PLANE, *_PICTURES, *_TEXTS, *_WAVES))


def datasets_of(*kinds: Kind) -> list[str]:
    """Keys of the data sets of these kinds ("plane", "image", "text", "wave"), in display order."""
    return [key for key, spec in DATASETS.items() if spec.kind in kinds]


__all__ = ["DATASETS", "DatasetSpec", "Density", "Examples", "Factor", "GaussianMixture", "datasets_of"]
