"""Targets of the plane on a page: the picker, their settings, the drawing pad and the upload."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
import streamlit as st

from app.canvas.picker import Tile, draw_picker
from app.canvas.sketchpad import draw_sketchpad, read_strokes
from app.page.controls import draw_settings
from app.page.keys import PageKeys, current_settings
from app.words import plain
from engines.datasets import DATASETS, Density, datasets_of
from engines.datasets.drawn import decode_strokes, encode_strokes
from engines.datasets.picture import points_from_picture
from engines.errors import DataError
from engines.metrics.bands import reference_points
from engines.probes import cell_centres
from engines.settings import Settings
from engines.tensors import to_numpy

RESOLUTION = 128
N_SAMPLES = 1000
THUMBNAIL = 52


@dataclass(frozen=True)
class TargetView:
    """A target as a page shows it, all computed from the exact density.

    Attributes:
        truth: Exact log density on RESOLUTION² cells, lowest y first, half precision.
        samples: Exact samples, shape (N_SAMPLES, 2): the first of those that every distance is taken to.
        window: x0, x1, y0, y1.
        entropy: Nats, with its standard error.
        n_components: How many Gaussians it is made of.
    """

    truth: np.ndarray
    samples: np.ndarray
    window: tuple[float, float, float, float]
    entropy: tuple[float, float]
    n_components: int


@lru_cache(maxsize=128)
def target_view(key: str, settings: Settings) -> TargetView:
    """Look at a target once; later visitors share what was computed.

    Raises:
        DataError: If the settings make no density, such as an empty drawing.
    """
    density = _density(key, settings)
    truth = density.log_prob(cell_centres(density.window, RESOLUTION).double())
    samples = reference_points(cast(Any, density), N_SAMPLES)
    limit = float(np.finfo(np.float16).max)
    grid = np.clip(to_numpy(truth), -limit, limit).astype(np.float16).reshape(RESOLUTION, RESOLUTION)
    entropy = (density.entropy(), density.entropy_error())
    n_components = len(cast(Any, density).weights)
    return TargetView(grid, to_numpy(samples).astype(np.float16), density.window, entropy, n_components)


@lru_cache(maxsize=1)
def thumbnails() -> dict[str, np.ndarray]:
    """Brightness of every target at default settings, as the picker wants it."""
    return {key: _thumbnail(_density(key, DATASETS[key].settings())) for key in datasets_of("plane")}


def pick_target(keys: PageKeys, current: str) -> str:
    """Draw the picker; returns the target to show."""
    targets = [DATASETS[key] for key in datasets_of("plane")]
    tiles = [Tile(spec.key, spec.title, spec.idea, spec.group) for spec in targets]
    state = keys.told("picker")
    chosen = state.get("target") if state is not None else current
    chosen = chosen if chosen in thumbnails() else current
    draw_picker(tiles, thumbnails(), chosen, key=keys.canvas("picker"))
    return chosen


def draw_own_target(keys: PageKeys, target: str) -> None:
    """The word of the letters, the pad of the drawing, the upload of the picture; nothing for the other targets."""
    if target == "letters":
        held = keys.widget("target.letters", "word")
        st.session_state.setdefault(held, DATASETS["letters"].settings().to_dict()["word"])
        st.text_input("Your word, at most 8 letters", key=held, max_chars=8, width=300)
    elif target == "drawn":
        _draw_pad(keys)
    elif target == "picture":
        _draw_upload(keys)


def draw_target_settings(keys: PageKeys, target: str) -> Settings:
    """Widgets for the target's settings (the word has its place under the picker); returns what they hold."""
    return draw_settings(keys, f"target.{target}", DATASETS[target].settings, without=("word",))


def _draw_pad(keys: PageKeys) -> None:
    """The drawing goes into the hidden setting `strokes`, and so into the link."""
    held = keys.widget("target.drawn", "strokes")
    strokes = read_strokes(keys.told("pad"))
    if strokes is not None:
        try:
            st.session_state[held] = encode_strokes(strokes)
        except DataError as error:
            st.warning(plain(error))
    text = st.session_state.get(held, DATASETS["drawn"].settings().to_dict()["strokes"])
    try:
        shown = decode_strokes(str(text))
    except DataError:
        shown = []
    width = current_settings(keys, "target.drawn", DATASETS["drawn"].settings).to_dict()["width"]
    left, right = st.columns([1, 3], gap="medium")
    with left:
        draw_sketchpad(shown, float(width) / 3, key=keys.canvas("pad"))
    with right:
        st.markdown("**Draw with mouse, pen or finger.** Each stroke becomes part of the density when you let go.")
        st.caption(
            "The drawing travels in the address: copy the link, and a class sees the same target. "
            "A click is a dot. The brush's width is under Target."
        )


def _draw_upload(keys: PageKeys) -> None:
    """The points of an uploaded picture go into the hidden setting `points`, and so into the link."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    file = left.file_uploader(
        "A picture of yours: its dark parts become the density",
        type=["png", "jpg", "jpeg", "webp", "gif", "bmp"],
        max_upload_size=10,
        key=keys.own("upload"),
    )
    mode = right.segmented_control(
        "Mass lies on", ["dark parts", "edges"], default="dark parts", key=keys.own("upload_mode"), required=True
    )
    if file is None:
        return
    seen = (file.file_id, mode)
    if st.session_state.get(keys.own("upload_seen")) != seen:
        st.session_state[keys.own("upload_seen")] = seen
        st.session_state[keys.own("upload_note")] = _read_picture(keys, file.getvalue(), str(mode))
    is_read, note = st.session_state[keys.own("upload_note")]
    if is_read:
        st.caption(plain(note))
    else:
        st.error(plain(note), icon=":material/broken_image:")


def _read_picture(keys: PageKeys, data: bytes, mode: str) -> tuple[bool, str]:
    """Boil the picture down; whether that went well, and a sentence. A bad file leaves the present target as it was."""
    try:
        found = points_from_picture(data, mode="edges" if mode == "edges" else "luminance")
    except DataError as error:
        return False, f"{error} The target is unchanged."
    st.session_state[keys.widget("target.picture", "points")] = found.points
    return True, found.note


def _density(key: str, settings: Settings) -> Density:
    density = DATASETS[key].build(settings)
    if density is None:
        raise DataError(f"The data set {key!r} has no density in the plane.")
    return density


def _thumbnail(density: Density) -> np.ndarray:
    log = to_numpy(density.log_prob(cell_centres(density.window, 4 * THUMBNAIL).double()))
    fine = np.exp(log).reshape(THUMBNAIL, 4, THUMBNAIL, 4).mean(axis=(1, 3))
    bright = np.minimum(1, fine / np.quantile(fine, 0.995)) ** 0.6
    return (255 * bright).astype(np.uint8)
