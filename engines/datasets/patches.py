"""The data set "patches": small cuts from six photographs that ship with scikit-learn and scikit-image.

All photographs are halved by averaging, so that a patch of 16 pixels holds an eave or a petal, not noise. Train and
test come from different photographs: what was learned is tried on pictures of which nothing was seen. The two of the
test part are no easier than the others (their patches take more bytes when they are compressed).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.datasets.base import DatasetSpec, Examples, NoSettings
from engines.errors import DataError
from engines.tensors import make_rng

SIDE = 16
LEVELS = 256
TRAIN_PHOTOS, TEST_PHOTOS = ("china", "flower", "astronaut", "rocket"), ("chelsea", "coffee")
N_TRAIN, N_TEST = 1_500, 400  # of each photograph
_OF_SCIKIT_LEARN = ("china", "flower")
_SEED = 5


def load_patches(settings: NoSettings) -> Examples:
    """6,000 patches of four photographs to train on, and 800 of two others to test.

    Raises:
        DataError: If the photographs cannot be read.
    """
    rng = make_rng(_SEED)
    train = torch.cat([_cut(name, N_TRAIN, rng) for name in TRAIN_PHOTOS])
    test = torch.cat([_cut(name, N_TEST, rng) for name in TEST_PHOTOS])
    train, test = (part[torch.randperm(len(part), generator=rng)] for part in (train, test))
    return Examples(train, test, LEVELS)


def halved(name: str) -> Tensor:
    """A photograph at half size, shape (3, H, W), uint8.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        pixels = torch.from_numpy(_read(name))
    except (ImportError, OSError, AttributeError) as error:
        raise DataError(
            f"Expected the photographs that ship with scikit-learn and scikit-image, but {name} could not be read "
            f"({error}): install pillow, scikit-learn and scikit-image as requirements.txt names them."
        ) from None
    return functional.avg_pool2d(pixels.permute(2, 0, 1).float(), 2).round().to(torch.uint8)


def _read(name: str) -> np.ndarray:
    """Pixels (H, W, 3), uint8."""
    if name in _OF_SCIKIT_LEARN:
        from sklearn.datasets import load_sample_image

        return load_sample_image(f"{name}.jpg").copy()
    from skimage import data

    return np.array(getattr(data, name)())


def _cut(name: str, n: int, rng: torch.Generator) -> Tensor:
    """n different patches at random places of a photograph, shape (n, 3, SIDE, SIDE): plain black comes once."""
    patches = halved(name).unfold(1, SIDE, 1).unfold(2, SIDE, 1)  # (3, rows, columns, SIDE, SIDE): a view
    rows, columns = patches.shape[1:3]
    places = torch.randperm(rows * columns, generator=rng)[: 2 * n]
    drawn = patches[:, places // columns, places % columns].transpose(0, 1).contiguous()
    first = {patch.tobytes(): number for number, patch in reversed(list(enumerate(drawn.numpy())))}
    return drawn[sorted(first.values())[:n]]


PATCHES = DatasetSpec(
    "patches",
    "photo patches 16×16",
    "Cuts from six photographs: edges, textures and skies as a camera sees them; tested on two that no training saw.",
    NoSettings,
    source="china.jpg by danielbuechele and flower.jpg by vultilion (Flickr, 2011), as they ship with scikit-learn; "
    "astronaut (NASA), rocket (SpaceX), chelsea (S. van der Walt) and coffee (R. Michetti), with scikit-image",
    licence="CC BY 2.0 (china, flower); public domain (astronaut, rocket); CC0 (chelsea, coffee)",
    group="pictures",
    phrase="patches of photos",
    kind="image",
    load_examples=load_patches,
    event_shape=(3, SIDE, SIDE),
    levels=LEVELS,
)
