"""Sets of pictures on a page: the picker, the visitor's own set, and the visitor's own picture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import streamlit as st
import torch

from app.canvas.picker import Tile, draw_picker
from app.page.keys import PageKeys, current_settings
from app.page.own_runs import WHO_SEES
from app.page.runs import open_link, use_usual
from app.words import plain
from engines.datasets import DATASETS, Examples, datasets_of
from engines.datasets.own_images import MAX_UPLOAD, MIN_PICTURES, pack_pictures, read_square, uploads_folder
from engines.errors import DataError
from engines.tensors import to_numpy

THUMBNAIL = 52
FORMATS = ["png", "jpg", "jpeg", "webp", "gif", "bmp"]
UPLOAD_MB = MAX_UPLOAD // 1_000_000


@dataclass(frozen=True)
class OwnPicture:
    """A visitor's picture as a model reads it: bytes (C, H, W), and a name for the upload."""

    pixels: np.ndarray
    name: str


def open_pictures(keys: PageKeys, query: Mapping[str, str], problems: list[str], *, model: str, target: str) -> str:
    """As `open_link`; what is no set of pictures gives way to the default one, with what is usual there."""
    dataset, wrong = open_link(keys, query, model=model, target=target)
    problems += wrong
    if DATASETS[dataset].kind == "image":
        return dataset
    problems.append(f"{DATASETS[dataset].title} is no set of pictures. The default, {target}, is shown.")
    use_usual(keys, model, target)
    return target


def pick_pictures(keys: PageKeys, current: str, *, without: tuple[str, ...] = ()) -> str:
    """Draw the picker of image sets; returns the one to show."""
    keys_of = [key for key in datasets_of("image") if key not in without]
    specs = [DATASETS[key] for key in keys_of]
    tiles = [Tile(spec.key, spec.title, spec.idea, spec.group) for spec in specs]
    state = keys.told("picker")
    chosen = state.get("target") if state is not None else current
    chosen = chosen if chosen in keys_of else current
    draw_picker(tiles, {key: thumbnail(key) for key in keys_of}, chosen, key=keys.canvas("picker"))
    return chosen


@lru_cache(maxsize=32)
def thumbnail(key: str) -> np.ndarray:
    """Four examples of a set as one picture (S, S, 3); a neutral one for a set that is not here yet."""
    spec, half = DATASETS[key], THUMBNAIL // 2
    if spec.needs_internet or spec.group == "yours":
        return _empty_tile()
    examples = spec.examples()
    four = to_numpy(examples.test[:4].float() * (255 / (examples.levels - 1))).astype(np.uint8)
    squares = [_resized(picture, half) for picture in four]
    return np.vstack([np.hstack(squares[:2]), np.hstack(squares[2:])])


def examples_of(keys: PageKeys, dataset: str) -> Examples:
    """The examples of a set with the settings of the page.

    Raises:
        DataError: If they cannot be had.
    """
    return DATASETS[dataset].examples(current_settings(keys, f"target.{dataset}", DATASETS[dataset].settings))


def draw_own_set(keys: PageKeys, dataset: str) -> None:
    """The upload of a set of pictures; nothing for the other sets."""
    if dataset != "own_images":
        return
    files = st.file_uploader(
        f"Your pictures: {MIN_PICTURES} or more, as files or in a zip file, at most {UPLOAD_MB} MB together",
        type=[*FORMATS, "zip"],
        accept_multiple_files=True,
        max_upload_size=UPLOAD_MB,
        key=keys.own("upload_set"),
    )
    st.caption(WHO_SEES)
    if not files:
        return
    seen = tuple(file.file_id for file in files)
    if st.session_state.get(keys.own("upload_set_seen")) != seen:
        st.session_state[keys.own("upload_set_seen")] = seen
        with st.spinner("Reading your pictures …"):
            st.session_state[keys.own("upload_set_note")] = _pack(keys, [(f.name, f.getvalue()) for f in files])
    is_read, note = st.session_state[keys.own("upload_set_note")]
    (st.caption if is_read else st.error)(plain(note))


def draw_own_picture(keys: PageKeys) -> None:
    """The upload of one picture that is to be encoded; it stays while other pages are visited."""
    st.file_uploader(
        "A picture of yours: it is cut square, made as small as this model's pictures, and encoded",
        type=FORMATS,
        max_upload_size=10,
        key=keys.own("upload"),
        on_change=_keep_picture,
        args=(keys,),
    )
    if st.session_state.get(keys.own("own_picture")) and st.session_state.get(keys.own("upload")) is None:
        st.caption("Your picture from before is still here.")
        st.button("Take it away", key=keys.own("no_picture"), on_click=_keep_picture, args=(keys,))
    st.caption("Or paint one: the tab Yours under the stage.")


def _keep_picture(keys: PageKeys) -> None:
    file = st.session_state.get(keys.own("upload"))
    st.session_state[keys.own("own_picture")] = None if file is None else file.getvalue()


def own_picture(keys: PageKeys, event_shape: tuple[int, ...]) -> OwnPicture | None:
    """The uploaded picture at this size; a bad file is told and changes nothing."""
    data: bytes | None = st.session_state.get(keys.own("own_picture"))
    if data is None:
        return None
    try:
        pixels = read_square(data, size=event_shape[1], colour=event_shape[0] == 3)
    except DataError as error:
        st.error(plain(f"{error} What was shown stays."), icon=":material/broken_image:")
        return None
    return OwnPicture(pixels, f"{hashlib.sha256(pixels.tobytes()).hexdigest()[:12]}")


def _pack(keys: PageKeys, files: list[tuple[str, bytes]]) -> tuple[bool, str]:
    """Whether the upload became a set, and a sentence. A bad one leaves the present set as it was."""
    try:
        packed = pack_pictures(files, uploads_folder())
    except DataError as error:
        return False, f"{error} The set is unchanged."
    st.session_state[keys.widget("target.own_images", "upload")] = packed.digest
    return True, packed.note


def _resized(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture (C, H, W) as (side, side, 3), nearest pixels."""
    rows = torch.arange(side) * picture.shape[1] // side
    colour = picture if len(picture) == 3 else np.repeat(picture, 3, axis=0)
    return colour[:, rows][:, :, rows].transpose(1, 2, 0)


def _empty_tile() -> np.ndarray:
    """A soft grey check: nothing is known of the set before it is fetched."""
    y, x = np.mgrid[:THUMBNAIL, :THUMBNAIL] // 13
    grey = np.where((x + y) % 2 == 0, 150, 172).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
