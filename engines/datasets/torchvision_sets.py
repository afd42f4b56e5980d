"""The data sets that everyone knows, read by torchvision's own loaders: MNIST, Fashion-MNIST, CIFAR-10, CelebA.

Their files lie under GENLAB_DATA, else in `data/` beside the program; at first use they are downloaded.
CIFAR's files are programs in principle: torchvision reads them only if their checksum is the known one.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.datasets.base import DatasetSpec, Examples, Factor, NoSettings
from engines.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
LEVELS = 256
_FETCHING = threading.Lock()
TIMEOUT = 10.0  # seconds without an answer after which a download is given up
CELEBA_TRAIN, CELEBA_TEST = 20_000, 2_000
CELEBA_CROP, CELEBA_SIDE = 148, 32  # pixels: the square around the face, and what becomes of it

_CLOTHES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
_THINGS = ("aeroplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "lorry")


@dataclass(frozen=True)
class _Source:
    """How torchvision names a data set, and which files it wants.

    Attributes:
        title: As people write it.
        loader: Class in torchvision.datasets.
        folder: Below the data folder.
        files: What has to lie there.
    """

    title: str
    loader: str
    folder: str
    files: str

    def open(self, **part: Any) -> Any:
        """Torchvision's data set of one part, downloaded if it is not there.

        Raises:
            DataError: If it can be neither found nor fetched.
        """
        try:
            import torchvision  # its wheel must fit torch's, else the import itself fails

            with _FETCHING, _impatient():  # one at a time: two would write into one folder, and mix up the timeout
                return getattr(torchvision.datasets, self.loader)(root=str(data_folder()), download=True, **part)
        except (ImportError, RuntimeError, OSError, ValueError, AssertionError, EOFError) as error:
            raise DataError(self.advice(error)) from error

    def advice(self, error: Exception) -> str:
        """What was expected, what came, what to do."""
        folder = data_folder() / self.folder
        place = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
        return (
            f"Expected {self.title} in {place}, or torchvision and the internet to fetch it; got {_came(error)}. "
            f"Connect and try again, or put {self.files} into that folder by hand."
        )


def _came(error: Exception) -> str:
    """What happened, in a few words."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if "urlopen error" in text or "timed out" in text:
        return "no connection"
    return f"“{text[:160]}{'…' if len(text) > 160 else ''}”"


_IDX_FILES = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte"
_MNIST = _Source("MNIST", "MNIST", "MNIST/raw", _IDX_FILES)
_FASHION_MNIST = _Source("Fashion-MNIST", "FashionMNIST", "FashionMNIST/raw", _IDX_FILES)
_CIFAR10 = _Source("CIFAR-10", "CIFAR10", "cifar-10-batches-py", "the files of cifar-10-python.tar.gz")
_CELEBA = _Source(
    "CelebA",
    "CelebA",
    "celeba",
    "the folder img_align_celeba, list_attr_celeba.txt, list_eval_partition.txt, identity_CelebA.txt, "
    "list_bbox_celeba.txt and list_landmarks_align_celeba.txt",
)


def data_folder() -> Path:
    """Where downloaded data sets lie: GENLAB_DATA, else `data` beside the program."""
    return Path(os.environ.get("GENLAB_DATA") or ROOT / "data")


@contextmanager
def _impatient() -> Iterator[None]:
    """New connections give up after TIMEOUT: torchvision itself would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _load_labelled(source: _Source, classes: tuple[str, ...], settings: NoSettings) -> Examples:
    """A data set that torchvision holds as one array.

    Raises:
        DataError: If it can be neither found nor fetched.
    """
    parts = [source.open(train=is_train) for is_train in (True, False)]
    (train, train_labels), (test, test_labels) = [
        (_pictures(part.data), torch.as_tensor(part.targets)) for part in parts
    ]
    return Examples(train, test, LEVELS, classes, train_labels.long(), test_labels.long())


def _pictures(data: Tensor | np.ndarray) -> Tensor:
    """(N, H, W) or (N, H, W, 3) as (N, C, H, W) in uint8."""
    pixels = torch.as_tensor(data)
    pixels = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
    return pixels.to(torch.uint8).contiguous()


def load_celeba(settings: NoSettings) -> Examples:
    """Faces evenly picked from CelebA's own parts, with its 40 attributes as factors of two values each.

    Raises:
        DataError: If it can be neither found nor fetched.
    """
    train, test = _CELEBA.open(split="train"), _CELEBA.open(split="test")
    (train_pictures, train_factors), (test_pictures, test_factors) = (
        _pick(train, CELEBA_TRAIN),
        _pick(test, CELEBA_TEST),
    )
    names = [name for name in train.attr_names if name]
    return Examples(
        train=train_pictures,
        test=test_pictures,
        levels=LEVELS,
        factors=tuple(Factor(name.replace("_", " ").lower(), ("no", "yes")) for name in names),
        train_factors=train_factors,
        test_factors=test_factors,
    )


def _pick(part: Any, most: int) -> tuple[Tensor, Tensor]:
    """Pictures, shape (n, 3, 32, 32), and attributes, shape (n, 40), of at most so many faces."""
    n = min(most, len(part))
    rows = torch.arange(n) * len(part) // n
    pictures = torch.empty(n, 3, CELEBA_SIDE, CELEBA_SIDE, dtype=torch.uint8)
    try:
        for place, row in enumerate(rows.tolist()):
            pictures[place] = _face(part[row][0])
    except OSError as error:
        raise DataError(_CELEBA.advice(error)) from error
    return pictures, part.attr[rows].long()


def _face(picture: Any) -> Tensor:
    from PIL import Image

    left, top = (picture.width - CELEBA_CROP) / 2, (picture.height - CELEBA_CROP) / 2
    box = (left, top, left + CELEBA_CROP, top + CELEBA_CROP)
    small = picture.convert("RGB").resize((CELEBA_SIDE, CELEBA_SIDE), Image.Resampling.BOX, box=box)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)


def _spec(
    key: str, title: str, idea: str, load: Callable[..., Examples], shape: tuple[int, ...], **more: Any
) -> DatasetSpec:
    spec = partial(DatasetSpec, key, title, idea, NoSettings, group="download", kind="image", needs_internet=True)
    return spec(load_examples=load, event_shape=shape, levels=LEVELS, **more)


MNIST = _spec(
    "mnist",
    "MNIST 28×28",
    "70,000 handwritten digits: the picture set on which every family was first shown.",
    partial(_load_labelled, _MNIST, tuple("0123456789")),
    (1, 28, 28),
    source="Y. LeCun, C. Cortes, C. J. C. Burges, through torchvision",
    licence="CC BY-SA 3.0",
    phrase="MNIST digits",
)
FASHION_MNIST = _spec(
    "fashion_mnist",
    "Fashion-MNIST 28×28",
    "70,000 pieces of clothing in the format of MNIST, and harder: textures matter.",
    partial(_load_labelled, _FASHION_MNIST, _CLOTHES),
    (1, 28, 28),
    source="H. Xiao, K. Rasul, R. Vollgraf (Zalando, 2017), through torchvision",
    licence="MIT",
    phrase="clothes",
)
CIFAR10 = _spec(
    "cifar10",
    "CIFAR-10 32×32",
    "60,000 tiny colour photos of ten kinds of things: the standard of likelihoods in bits per dimension.",
    partial(_load_labelled, _CIFAR10, _THINGS),
    (3, 32, 32),
    source="A. Krizhevsky, V. Nair, G. Hinton (2009), through torchvision",
    licence="free for research, no licence stated",
    phrase="tiny photos",
)
CELEBA = _spec(
    "celeba",
    "CelebA 32×32",
    "22,000 photos of famous faces with 40 noted attributes, cut to 32 by 32 pixels.",
    load_celeba,
    (3, CELEBA_SIDE, CELEBA_SIDE),
    source="Z. Liu, P. Luo, X. Wang, X. Tang (2015), through torchvision",
    licence="non-commercial research only",
    phrase="photos of faces",
)
