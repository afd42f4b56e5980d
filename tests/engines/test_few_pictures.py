"""Both games of pictures on the smallest set of one's own: 20 pictures, of which two are held out."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engines.datasets.own_images import MIN_PICTURES, pack_pictures
from engines.training import Experiment, train


def pictures(n: int) -> list[tuple[str, bytes]]:
    files = []
    for number in range(n):
        stream = io.BytesIO()
        Image.new("RGB", (16, 16), (12 * number % 256, 60, 255 - number)).save(stream, "PNG")
        files.append((f"{number:03}.png", stream.getvalue()))
    return files


@pytest.mark.parametrize("model", ["picture_gan", "style_gan"])
@pytest.mark.parametrize("n", [MIN_PICTURES, 30])
def test_a_game_of_pictures_learns_from_the_smallest_set(
    model: str, n: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENLAB_RUNS", str(tmp_path))
    upload = pack_pictures(pictures(n), tmp_path / "uploads", size=16).digest
    default = Experiment.default(model, "own_images")
    settings: dict[str, Any] = {**default.dataset_settings, "upload": upload}
    experiment = replace(default, dataset_settings=settings, steps=2, batch_size=16)
    last = [*train(experiment, device="cpu")][-1]
    assert last.step == 2
    assert 0 <= last.metrics["coverage"] <= 1 and 0 < last.metrics["coverage_of_truth"] <= 1
