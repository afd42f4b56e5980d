"""MNIST and its like: read from small files in torchvision's formats, and what is told where there are none."""

from __future__ import annotations

import socket
import struct
import sys
import time
import types
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engines.datasets import DATASETS, Examples, torchvision_sets
from engines.errors import DataError
from engines.settings import Settings

KEYS = ["mnist", "fashion_mnist", "cifar10", "celeba"]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, and no internet."""

    def no_connection(*args: object, **options: object) -> None:
        raise urllib.error.URLError("nobody is there")

    monkeypatch.setenv("GENLAB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(urllib.request, "urlopen", no_connection)
    return tmp_path / "data"


def load(key: str) -> Examples:
    """Read afresh, not what an earlier test kept."""
    found = DATASETS[key].load_examples
    assert found is not None
    return found(Settings())


def write_idx(path: Path, values: np.ndarray) -> None:
    """The format of MNIST: two zeros, the type (8 is uint8), the number of axes, their lengths, the values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes())


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(("key", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_mnist_is_read_from_its_own_format(key: str, folder: str, data: Path) -> None:
    train, test = pixels(30, 28, 28), pixels(10, 28, 28, seed=1)
    for name, pictures in (("train", train), ("t10k", test)):
        write_idx(data / folder / "raw" / f"{name}-images-idx3-ubyte", pictures)
        write_idx(data / folder / "raw" / f"{name}-labels-idx1-ubyte", np.arange(len(pictures), dtype=np.uint8) % 10)
    examples, spec = load(key), DATASETS[key]
    assert np.array_equal(examples.train.numpy(), train[:, None]) and np.array_equal(examples.test[:, 0].numpy(), test)
    assert examples.event_shape == spec.event_shape and examples.levels == spec.levels == 256
    assert examples.train.dtype == torch.uint8
    assert examples.train_labels is not None and examples.train_labels.tolist() == [n % 10 for n in range(30)]
    assert examples.test_labels is not None and examples.test_labels.dtype == torch.int64
    assert len(examples.classes) == 10


def test_cifar_rows_and_colours_are_where_they_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cifar:
        """What torchvision's class shows: pictures (N, 32, 32, 3) and a list of labels."""

        def __init__(self, root: str, train: bool, download: bool) -> None:
            assert download and socket.getdefaulttimeout() == torchvision_sets.TIMEOUT
            self.data, self.targets = pixels(20 if train else 10, 32, 32, 3), [*range(10)] * (2 if train else 1)

    monkeypatch.setattr("torchvision.datasets.CIFAR10", Cifar)
    examples = load("cifar10")
    assert examples.event_shape == (3, 32, 32) and examples.train.is_contiguous()
    assert examples.train[3, 2, 5, 7] == pixels(20, 32, 32, 3)[3, 5, 7, 2]
    assert examples.test_labels is not None and examples.test_labels.tolist() == [*range(10)]
    assert socket.getdefaulttimeout() is None


def test_celeba_is_cut_around_the_face_and_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Faces:
        """Pictures of 178 by 218 pixels: green in the square around the face, red elsewhere."""

        attr_names = ("Smiling", "Wavy_Hair", "")  # torchvision leaves an empty last name

        def __init__(self, root: str, split: str, download: bool) -> None:
            self.attr = torch.arange(40).view(20, 2) % 2

        def __len__(self) -> int:
            return 20

        def __getitem__(self, row: int) -> tuple[Image.Image, torch.Tensor]:
            picture = Image.new("RGB", (178, 218), "red")
            picture.paste((row, 255, 0), (15, 35, 163, 183))
            return picture, self.attr[row]

    monkeypatch.setattr("torchvision.datasets.CelebA", Faces)
    monkeypatch.setattr(torchvision_sets, "CELEBA_TRAIN", 10)
    examples = load("celeba")
    assert examples.train.shape == (10, 3, 32, 32) and examples.test.shape == (20, 3, 32, 32)
    assert (examples.train[:, 1] == 255).all()
    assert examples.train[:, 0, 0, 0].tolist() == [*range(0, 20, 2)]  # evenly picked
    assert [factor.name for factor in examples.factors] == ["smiling", "wavy hair"]
    assert examples.train_factors is not None and examples.train_factors.tolist() == [[0, 1]] * 10


@pytest.mark.parametrize("key", ["mnist", "fashion_mnist", "cifar10"])
def test_without_internet_it_is_told_what_to_put_where(key: str, data: Path, capsys: Any) -> None:
    with pytest.raises(DataError) as caught:
        load(key)
    text = str(caught.value)
    assert text.startswith("Expected ") and "got no connection. Connect and try again, or put " in text
    assert str(data) in text and text.endswith(" into that folder by hand.")
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("error", [ImportError("No module named x"), RuntimeError("operator nms does not exist")])
def test_a_torchvision_that_does_not_fit_is_told(key: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        """Importing torchvision fails, as it does where its wheel does not fit torch's."""

        def find_spec(self, name: str, *_: object) -> None:
            if name == "torchvision":
                raise error

    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(DataError, match=f"got “{error}”. Connect and try again, or put "):
        load(key)


def test_damaged_files_are_told(data: Path) -> None:
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        write_idx(data / "MNIST" / "raw" / f"{name}-ubyte", np.zeros(3, np.uint8))
        (data / "MNIST" / "raw" / f"{name}-ubyte").write_bytes(b"\0\0\x08\x03\0\0\0\x09 cut")
    with pytest.raises(DataError, match="Expected MNIST in .*MNIST/raw"):
        load("mnist")


def test_data_lie_beside_the_program_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENLAB_DATA")
    assert torchvision_sets.data_folder() == Path(torchvision_sets.__file__).resolve().parents[2] / "data"


def test_entries_say_that_they_need_the_internet() -> None:
    assert [key for key, spec in DATASETS.items() if spec.needs_internet] == KEYS


def test_two_fetches_at_once_take_turns_and_leave_no_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the second would find the first's timeout, and leave it for the whole process."""
    loading, most, seen = 0, 0, []

    def load(**_: object) -> object:
        nonlocal loading, most
        loading += 1
        most = max(most, loading)
        seen.append(socket.getdefaulttimeout())
        time.sleep(0.03)
        loading -= 1
        return object()

    package = types.SimpleNamespace(datasets=types.SimpleNamespace(MNIST=load))
    monkeypatch.setitem(sys.modules, "torchvision", package)
    with ThreadPoolExecutor(5) as visitors:
        list(visitors.map(lambda _: torchvision_sets._MNIST.open(train=True), range(5)))
    assert (most, set(seen), socket.getdefaulttimeout()) == (1, {torchvision_sets.TIMEOUT}, None)
