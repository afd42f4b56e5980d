"""Our own small classifiers of digits, whose features tell how like digits a set of pictures is.

Their weights ship with GenLab: distances of features mean something only as long as the features stay the same.

    python -m engines.metrics.classifier mnist_5k    trains one anew: every Fréchet distance on it changes its meaning
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from engines.datasets import DATASETS
from engines.errors import DataError, ShapeError
from engines.metrics.frechet import frechet_distance
from engines.metrics.neighbours import density_and_coverage
from engines.tensors import make_rng, use_threads

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "classifiers"
DIGITS, N_CLASSES = tuple("0123456789"), 10
N_FEATURES = 50
BATCH = 64
LARGE = 16  # pictures with a longer side are halved once more, and learned with small shifts


@dataclass(frozen=True)
class Pictures:
    """Which pictures a classifier reads: those of the data set of that name, and all like them."""

    dataset: str
    event_shape: tuple[int, int, int]
    levels: int
    steps: int  # of training

    @property
    def weights(self) -> Path:
        """The file that ships."""
        return FOLDER / f"{self.dataset}.safetensors"


READ = {
    kind.event_shape: kind
    for kind in (Pictures("digits", (1, 8, 8), 17, 1500), Pictures("mnist_5k", (1, 28, 28), 256, 4000))
}


class DigitClassifier(nn.Module):
    """Three convolutions and two layers: pictures (B, 1, H, W) of whole numbers 0 ... levels - 1 -> logits (B, 10)."""

    def __init__(self, kind: Pictures) -> None:
        super().__init__()
        self.kind = kind
        side = kind.event_shape[1]
        last = [nn.MaxPool2d(2)] if side > LARGE else []
        n_flat = 64 * (side // 4 // (2 if last else 1)) ** 2
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), *last,
            nn.Flatten(), nn.Linear(n_flat, N_FEATURES), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(N_FEATURES, N_CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees of each picture, (B, 50)."""
        if tuple(x.shape[1:]) != self.kind.event_shape:
            raise ShapeError(f"Expected digits of shape (B, 1, 8, 8) or (B, 1, 28, 28), got {tuple(x.shape)}.")
        return self.body(x.float() / (self.kind.levels - 1))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the ten classes."""
        return self.head(self.features(x))


@lru_cache(maxsize=len(READ))
def digit_classifier(event_shape: tuple[int, ...]) -> DigitClassifier:
    """The classifier of digits of that shape, with the weights that ship.

    Raises:
        ShapeError: If there is none for pictures of that shape.
        DataError: If its weights are missing.
    """
    kind = next((kind for shape, kind in READ.items() if shape == tuple(event_shape)), None)
    if kind is None:
        raise ShapeError(f"Expected digits of shape (1, 8, 8) or (1, 28, 28), got {tuple(event_shape)}.")
    if not kind.weights.exists():
        raise DataError(
            f"Expected the weights of the classifier of digits at classifiers/{kind.weights.name} in assets/, "
            "which are part of GenLab: restore that file. Trained anew it measures on another scale."
        )
    classifier = DigitClassifier(kind)
    classifier.load_state_dict(_read(kind.weights.read_bytes()))
    return classifier.eval().requires_grad_(False)


def _read(blob: bytes) -> dict[str, Tensor]:
    """The arrays of a safetensors file, without the library: a bare GPU machine has none, and must measure as well."""
    start = 8 + int.from_bytes(blob[:8], "little")
    found = {}
    for name, entry in json.loads(blob[8:start]).items():
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(bytearray(blob[start + begin : start + end]), dtype=torch.float32)
        found[name] = values.view(entry["shape"])
    return found


def knows(event_shape: tuple[int, ...], levels: int, classes: Sequence[str]) -> bool:
    """Whether pictures of this kind are digits that a classifier reads; Fashion-MNIST's clothes are not."""
    kind = READ.get(tuple(event_shape))  # pyright: ignore[reportArgumentType]
    return kind is not None and levels == kind.levels and tuple(classes) == DIGITS


def measure_digits(x: Tensor, real: Tensor) -> dict[str, float]:
    """How like real digits a set of pictures is, on the classifier's features.

    Args:
        x: Pictures, shape (N, 1, H, W), whole numbers 0 ... levels - 1.
        real: Held-out digits, shape (M, 1, H, W).

    Returns:
        frechet: Fréchet distance of the features; density, coverage: see `density_and_coverage`; sure: share of the
        pictures whose class the classifier is at least 90 % sure of; rarest: share of the class that it sees least.
    """
    classifier = digit_classifier(tuple(x.shape[1:])).to(x.device)
    mine, true = classifier.features(x), classifier.features(real)
    density, coverage = density_and_coverage(mine, true)
    chances = classifier.head(mine).softmax(1)
    classes = torch.bincount(chances.argmax(1), minlength=N_CLASSES).float() / len(x)
    return {
        "frechet": frechet_distance(mine, true),
        "density": density,
        "coverage": coverage,
        "sure": float((chances.max(1).values >= 0.9).float().mean()),
        "rarest": float(classes.min()),
    }


def train_classifier(kind: Pictures, seed: int = 0) -> tuple[DigitClassifier, float]:
    """Train one on the training part of its digits; returns it with its share of right answers on the test part."""
    examples, rng = DATASETS[kind.dataset].examples(), make_rng(seed)
    assert examples.train_labels is not None  # noqa: S101  (digits have classes)
    assert examples.test_labels is not None  # noqa: S101
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = DigitClassifier(kind)
    optimiser = torch.optim.Adam(classifier.parameters(), lr=1e-3)
    for _ in range(kind.steps):
        at = torch.randint(len(examples.train), (BATCH,), generator=rng)
        batch = examples.train[at]
        if kind.event_shape[1] > LARGE:
            batch = batch.roll(torch.randint(-2, 3, (2,), generator=rng).tolist(), (2, 3))
        loss = F.cross_entropy(classifier(batch), examples.train_labels[at])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    right = (classifier(examples.test).argmax(1) == examples.test_labels).float().mean()
    return classifier.eval().requires_grad_(False), float(right)


def main(names: Sequence[str]) -> None:
    """Train the classifiers of these data sets and store their weights."""
    from safetensors.torch import save

    use_threads()
    for kind in (kind for kind in READ.values() if kind.dataset in names):
        classifier, right = train_classifier(kind)
        kind.weights.parent.mkdir(parents=True, exist_ok=True)
        kind.weights.write_bytes(save(classifier.state_dict()))
        n_weights = sum(value.numel() for value in classifier.state_dict().values())
        sys.stdout.write(f"{kind.weights.name}: {n_weights:,} weights, {100 * right:.1f} % of the test digits right\n")


if __name__ == "__main__":
    main(sys.argv[1:])
