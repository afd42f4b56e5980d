"""The data set "patches": small cuts from the two photos that ship with scikit-learn.

Both photos are halved by averaging, so that a patch of 16 pixels holds an eave or a petal, not noise.
Train and test come from different parts of the photos: each is divided into vertical bands, and a
patch lies wholly inside one band.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from engines.datasets.base import DatasetSpec, Examples, NoSettings
from engines.errors import DataError
from engines.tensors import make_rng

SIDE = 16
N_TRAIN, N_TEST = 3_000, 400  # of each photo
LEVELS = 256
PHOTOS = ("china", "flower")
TEST_BANDS = ((48, 80), (144, 176), (240, 272))  # columns of the halved photo, from and to
_SEED = 5


def load_patches(settings: NoSettings) -> Examples:
    """3,000 patches of each photo to train on, and 400 to test from bands that training never sees.

    Raises:
        DataError: If the photos cannot be read.
    """
    rng = make_rng(_SEED)
    parts = [_cut(photo, rng) for photo in _photos()]
    train, train_labels = _mix([train for train, _ in parts], rng)
    test, test_labels = _mix([test for _, test in parts], rng)
    return Examples(train, test, LEVELS, PHOTOS, train_labels, test_labels)


def _photos() -> list[Tensor]:
    """The photos at half size, shape (3, H, W), uint8."""
    from sklearn.datasets import load_sample_image

    try:
        pixels = [torch.from_numpy(load_sample_image(f"{name}.jpg").copy()) for name in PHOTOS]
    except (ImportError, OSError, AttributeError) as error:
        raise DataError(
            f"Expected the two photos that ship with scikit-learn, but they could not be read ({error}): "
            "install pillow and scikit-learn as requirements.txt names them."
        ) from None
    return [functional.avg_pool2d(photo.permute(2, 0, 1).float(), 2).round().to(torch.uint8) for photo in pixels]


def _cut(photo: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Train and test patches of one photo, at different random places."""
    patches = photo.unfold(1, SIDE, 1).unfold(2, SIDE, 1)  # (3, rows, columns, SIDE, SIDE): a view
    left = torch.arange(patches.shape[2])
    starts, ends = torch.tensor(TEST_BANDS).T
    is_test = ((left[:, None] >= starts) & (left[:, None] + SIDE <= ends)).any(1)
    is_train = ((left[:, None] + SIDE <= starts) | (left[:, None] >= ends)).all(1)
    return _draw(patches[:, :, is_train], N_TRAIN, rng), _draw(patches[:, :, is_test], N_TEST, rng)


def _draw(patches: Tensor, n: int, rng: torch.Generator) -> Tensor:
    rows, columns = patches.shape[1:3]
    places = torch.randperm(rows * columns, generator=rng)[:n]
    return patches[:, places // columns, places % columns].transpose(0, 1).contiguous()


def _mix(parts: list[Tensor], rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """All patches shuffled, and which photo each is from."""
    labels = torch.arange(len(parts)).repeat_interleave(len(parts[0]))
    order = torch.randperm(len(labels), generator=rng)
    return torch.cat(parts)[order], labels[order]


PATCHES = DatasetSpec(
    "patches",
    "photo patches 16×16",
    "Cuts from two photos, a temple and a flower: edges, textures and skies as a camera sees them.",
    NoSettings,
    source="china.jpg by danielbuechele and flower.jpg by vultilion (Flickr, 2011), as they ship with scikit-learn",
    licence="CC BY 2.0",
    group="pictures",
    phrase="patches of photos",
    kind="image",
    load_examples=load_patches,
    event_shape=(3, SIDE, SIDE),
    levels=LEVELS,
)
