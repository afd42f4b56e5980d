"""Our own small classifier of digits, whose features tell how like digits a set of pictures is.

Its weights ship with GenLab: distances of features mean something only as long as the features stay the same.

    python -m engines.metrics.classifier        trains it anew, and every Fréchet distance changes its meaning
"""

from __future__ import annotations

import json
import sys
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

WEIGHTS = Path(__file__).resolve().parents[2] / "assets" / "classifiers" / "digits.safetensors"
SHAPE, LEVELS, N_CLASSES = (1, 8, 8), 17, 10
N_FEATURES = 50
STEPS, BATCH = 1500, 64


class DigitClassifier(nn.Module):
    """Three convolutions and two layers: pictures (B, 1, 8, 8) of whole numbers 0 ... 16 -> logits (B, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(256, N_FEATURES), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(N_FEATURES, N_CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees of each picture, (B, 50)."""
        if tuple(x.shape[1:]) != SHAPE:
            raise ShapeError(f"Expected digits of shape (B, 1, 8, 8), got {tuple(x.shape)}.")
        return self.body(x.float() / (LEVELS - 1))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the ten classes."""
        return self.head(self.features(x))


@lru_cache(maxsize=1)
def digit_classifier() -> DigitClassifier:
    """The classifier with the weights that ship.

    Raises:
        DataError: If they are missing.
    """
    if not WEIGHTS.exists():
        raise DataError(
            f"Expected the weights of the classifier of digits at {WEIGHTS.parent.name}/{WEIGHTS.name} in assets/, "
            "which are part of GenLab: restore that file. Trained anew it measures on another scale."
        )
    classifier = DigitClassifier()
    classifier.load_state_dict(_read(WEIGHTS.read_bytes()))
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


def knows(event_shape: tuple[int, ...], levels: int, n_classes: int) -> bool:
    """Whether pictures of this kind can be measured by the classifier of digits."""
    return (event_shape, levels, n_classes) == (SHAPE, LEVELS, N_CLASSES)


def measure_digits(x: Tensor, real: Tensor) -> dict[str, float]:
    """How like real digits a set of pictures is, on the classifier's features.

    Args:
        x: Pictures, shape (N, 1, 8, 8), whole numbers 0 ... 16.
        real: Held-out digits, shape (M, 1, 8, 8).

    Returns:
        frechet: Fréchet distance of the features; density, coverage: see `density_and_coverage`; sure: share of the
        pictures whose class the classifier is at least 90 % sure of; rarest: share of the class that it sees least.
    """
    classifier = digit_classifier().to(x.device)
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


def train_classifier(seed: int = 0) -> tuple[DigitClassifier, float]:
    """Train it on the training part of the digits; returns it with its share of right answers on the test part."""
    examples, rng = DATASETS["digits"].examples(), make_rng(seed)
    assert examples.train_labels is not None  # noqa: S101  (digits have classes)
    assert examples.test_labels is not None  # noqa: S101
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = DigitClassifier()
    optimiser = torch.optim.Adam(classifier.parameters(), lr=1e-3)
    for _ in range(STEPS):
        at = torch.randint(len(examples.train), (BATCH,), generator=rng)
        loss = F.cross_entropy(classifier(examples.train[at]), examples.train_labels[at])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    right = (classifier(examples.test).argmax(1) == examples.test_labels).float().mean()
    return classifier.eval().requires_grad_(False), float(right)


def main() -> None:
    """Train the classifier and store its weights."""
    from safetensors.torch import save

    use_threads()
    classifier, right = train_classifier()
    WEIGHTS.parent.mkdir(parents=True, exist_ok=True)
    WEIGHTS.write_bytes(save(classifier.state_dict()))
    n_weights = sum(value.numel() for value in classifier.state_dict().values())
    sys.stdout.write(f"{WEIGHTS.name}: {n_weights:,} weights, {100 * right:.1f} % of the test digits right\n")


if __name__ == "__main__":
    main()
