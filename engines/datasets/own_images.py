"""The data set "own_images": a visitor's own pictures, packed once at upload and named by their digest.

An upload is read with suspicion: every limit is checked before the work that it limits, zip files are
unpacked in memory (no name in them ever becomes a path), and a file that cannot be read is left out
and reported, never repaired. What stays is one file of small squares in the folder `uploads` of the runs.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from engines.blobs import pack, unpack, write_atomically
from engines.datasets.base import DatasetSpec, Examples
from engines.datasets.picture import FORMATS
from engines.datasets.shrinking import upright
from engines.errors import DataError, RunFormatError
from engines.settings import Settings, setting
from engines.tensors import make_rng

if TYPE_CHECKING:
    from PIL.Image import Image

ROOT = Path(__file__).resolve().parents[2]
MIN_PICTURES, MAX_PICTURES = 20, 2_000
MAX_UPLOAD = 50_000_000  # bytes, all files together
MAX_UNPACKED = 200_000_000  # bytes, all zip files together
MAX_ENTRY = 50_000_000  # bytes of one file in a zip file
MAX_ENTRIES = 20_000  # files in zip files
MAX_PIXELS = 40_000_000  # of one picture
MAX_ALL_PIXELS = 2_000_000_000  # of all pictures: half a minute of decoding, or a minute
SIDES = (8, 64)  # pixels: smallest and largest picture that is stored
LEVELS = 256
_DIGEST = re.compile(r"[0-9a-f]{16}")
_SPLIT_SEED = 6


@dataclass(frozen=True)
class PackedPictures:
    """An upload that was stored: its digest for the setting `upload`, how many pictures, and what to know about it."""

    digest: str
    n: int
    note: str


def pack_pictures(
    files: Sequence[tuple[str, bytes]], folder: Path, *, size: int = 32, colour: bool = True
) -> PackedPictures:
    """Cut pictures to small squares and store them as one file.

    Args:
        files: Name and content of each upload: pictures, or zip files of pictures in any folders.
        folder: Where `<digest>.safetensors` is put; made if missing.
        size: Side of the squares, 8 to 64 pixels.
        colour: Three channels, else one of luminance.

    Raises:
        DataError: If the upload is too large, or fewer than 20 pictures can be used.
    """
    if not SIDES[0] <= size <= SIDES[1]:
        raise DataError(f"Expected pictures of {SIDES[0]} to {SIDES[1]} pixels a side, got {size}.")
    n_bytes = sum(len(content) for _, content in files)
    if n_bytes > MAX_UPLOAD:
        raise DataError(
            f"Expected at most {_mb(MAX_UPLOAD)} of files, got {_mb(n_bytes)}: make the pictures smaller, or fewer."
        )
    reading = _Reading(size, colour)
    reading.read(files)
    note = reading.note()
    if len(reading.pictures) < MIN_PICTURES:
        raise DataError(
            f"Expected at least {MIN_PICTURES} pictures ({', '.join(FORMATS[:-1])} or {FORMATS[-1]}, loose or in a "
            f"zip file), got {len(reading.pictures)} that can be used. {note + ' ' if note else ''}"
            "Add more and upload again."
        )
    pictures = np.stack(reading.pictures)
    return PackedPictures(_store(pictures, note, folder), len(pictures), note)


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.0f} MB"


class _LeftOut(Exception):
    """A file cannot be used; the text is a key of `_REASONS`."""


_REASONS = {
    "foreign": ("is no picture", "are no pictures"),
    "damaged": ("is damaged", "are damaged"),
    "large": ("is larger than 40 megapixels or 50 MB", "are larger than 40 megapixels or 50 MB"),
    "copy": ("looks the same as another", "look the same as others"),
    "locked": ("is locked with a password", "are locked with a password"),
    "packed": ("is packed in a way that is not read here", "are packed in a way that is not read here"),
}
_SHOWN = 3  # names given for each reason
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
_LITTER = {"thumbs.db", "desktop.ini"}


@dataclass
class _Reading:
    """What was read of an upload so far, and what was left out for which reason."""

    size: int
    colour: bool
    pictures: list[np.ndarray] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    n_pixels: int = 0
    n_unpacked: int = 0
    n_entries: int = 0
    n_surplus: int = 0
    _seen: set[bytes] = field(default_factory=set)

    def read(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Read all files, and those in zip files, in the order given."""
        for name, content in files:
            if content[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
                self._read_zip(name, content)
            else:
                self._add(name, content)

    def note(self) -> str:
        """What was left out and why; empty if nothing was."""
        groups = [(*_REASONS[reason], self.left_out[reason]) for reason in _REASONS if reason in self.left_out]
        n = sum(map(len, self.left_out.values()))
        parts = [f"{len(names)} {one if len(names) == 1 else many} ({_listed(names)})" for one, many, names in groups]
        sentences = [f"{n} {'file was' if n == 1 else 'files were'} left out: {', '.join(parts)}."] if n else []
        if self.n_surplus:
            sentences.append(f"Only the first {MAX_PICTURES:,} pictures are used; {self.n_surplus:,} more came.")
        return " ".join(sentences)

    def _read_zip(self, name: str, content: bytes) -> None:
        self.n_entries += content.count(b"PK\x01\x02")
        if self.n_entries > MAX_ENTRIES:  # before zipfile makes an object of each
            raise DataError(f"Expected at most {MAX_ENTRIES:,} files in zip files, got more: upload fewer pictures.")
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for entry in _wanted(archive):
                    self._read_entry(archive, entry)
        except DataError:
            raise
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            self._leave_out("damaged", name)

    def _read_entry(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        if len(self.pictures) == MAX_PICTURES:
            self.n_surplus += 1
            return
        try:
            content = self._unpack(archive, entry)
        except _LeftOut as reason:
            self._leave_out(str(reason), entry.filename)
        else:
            self._add(entry.filename, content)

    def _unpack(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
        """One file of a zip file, within what it declares and what is left of MAX_UNPACKED."""
        if entry.flag_bits & 1:
            raise _LeftOut("locked")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _LeftOut("packed")  # the other methods unpack without a bound
        if entry.file_size > MAX_ENTRY:
            raise _LeftOut("large")
        self._check_unpacked(entry.file_size)
        parts, n_bytes = [], 0
        try:
            with archive.open(entry) as stream:
                while part := stream.read(1 << 16):
                    parts.append(part)
                    n_bytes += len(part)
                    if n_bytes > entry.file_size:
                        raise _LeftOut("damaged")
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError):
            raise _LeftOut("damaged") from None
        finally:
            self.n_unpacked += n_bytes
        return b"".join(parts)

    def _check_unpacked(self, more: int) -> None:
        if self.n_unpacked + more > MAX_UNPACKED:
            raise DataError(
                f"Expected zip files that unpack to at most {_mb(MAX_UNPACKED)}, got more: upload fewer pictures."
            )

    def _add(self, name: str, content: bytes) -> None:
        if len(self.pictures) == MAX_PICTURES:
            self.n_surplus += 1
            return
        try:
            pixels = self._cut(content)
        except _LeftOut as reason:
            is_named_so = name.lower().endswith(_SUFFIXES)
            self._leave_out("damaged" if str(reason) == "foreign" and is_named_so else str(reason), name)
            return
        seen = hashlib.sha256(pixels.tobytes()).digest()
        if seen in self._seen:  # the same picture must not be in both parts
            self._leave_out("copy", name)
            return
        self._seen.add(seen)
        self.pictures.append(pixels)

    def _cut(self, content: bytes) -> np.ndarray:
        """The square in the middle of a picture, shape (C, size, size), uint8."""
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                self._check_pixels(picture.width * picture.height)
                return _small_square(picture, self.size, self.colour)
        except (_LeftOut, DataError):
            raise
        except UnidentifiedImageError:
            raise _LeftOut("foreign") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _LeftOut("large") from None
        except Exception:  # whatever Pillow raises for hostile bytes, the other pictures are worth having
            raise _LeftOut("damaged") from None

    def _check_pixels(self, n_pixels: int) -> None:
        if n_pixels > MAX_PIXELS:
            raise _LeftOut("large")
        self.n_pixels += n_pixels
        if self.n_pixels > MAX_ALL_PIXELS:
            raise DataError(
                f"Expected at most {MAX_ALL_PIXELS // 1_000_000:,} megapixels in all, got more: "
                "make the pictures smaller."
            )

    def _leave_out(self, reason: str, name: str) -> None:
        self.left_out.setdefault(reason, []).append(_shown(name))


def read_square(content: bytes, *, size: int, colour: bool) -> np.ndarray:
    """One picture as the square in its middle, shape (C, size, size), uint8.

    Raises:
        DataError: If the bytes are no picture, a damaged one, or too large.
    """
    try:
        return _Reading(size, colour)._cut(content)
    except _LeftOut as reason:
        raise DataError(f"Expected a picture, but this file {_REASONS[str(reason)][0]}: choose another one.") from None


def _wanted(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """The files of a zip file but folders and what systems put there by themselves, in order of their names."""
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        parts = re.split(r"[/\\]", entry.filename)
        is_litter = "__MACOSX" in parts or any(part.startswith(".") for part in parts) or parts[-1].lower() in _LITTER
        if not entry.is_dir() and not is_litter:
            yield entry


def _shown(name: str) -> str:
    """The last part of a file's name, short and harmless wherever it is shown."""
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(letter if letter.isalnum() or letter in ".- " else "_" for letter in last)
    return plain if len(plain) <= 30 else f"{plain[:20]}…{plain[-8:]}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _small_square(picture: Image, size: int, colour: bool) -> np.ndarray:
    """Upright, cut to the square in the middle, averaged over areas, and on white where it is transparent."""
    from PIL import Image

    picture.draft(None, (4 * size, 4 * size))  # a JPEG file is decoded no finer than that
    picture = upright(picture, 8 * size, is_square=True)
    side = min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    method = Image.Resampling.BOX if side >= size else Image.Resampling.BICUBIC
    small = picture.resize((size, size), method, box=(left, top, left + side, top + side)).convert("RGBA")
    on_white = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB" if colour else "L")
    pixels = np.asarray(on_white)
    return pixels.transpose(2, 0, 1).copy() if colour else pixels[None].copy()


def _store(pictures: np.ndarray, note: str, folder: Path) -> str:
    content = pack({"pictures": pictures}, {"note": note})
    digest = hashlib.sha256(content).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{digest}.safetensors", content)
    return digest


def uploads_folder() -> Path:
    """Where the pictures of visitors lie: `uploads` in GENLAB_RUNS, else in `runs`."""
    return Path(os.environ.get("GENLAB_RUNS") or ROOT / "runs") / "uploads"


@dataclass(frozen=True)
class OwnImagesSettings(Settings):
    """Which upload."""

    upload: str = setting("", "Upload", "Digest of the pictures that were uploaded.", max_length=16, is_hidden=True)


def load_own_images(settings: OwnImagesSettings) -> Examples:
    """The pictures of an upload in a fixed shuffled order: nine in ten to train on, the rest to test.

    Raises:
        DataError: If there is no such upload here.
    """
    pictures, note = _read(settings.upload)
    pictures = pictures[torch.randperm(len(pictures), generator=make_rng(_SPLIT_SEED))]
    n_test = len(pictures) // 10
    return Examples(train=pictures[n_test:], test=pictures[:n_test], levels=LEVELS, note=note)


def _read(digest: str) -> tuple[torch.Tensor, str]:
    if not digest:
        raise DataError(f"Expected pictures of yours, but none were uploaded yet: choose at least {MIN_PICTURES}.")
    if not _DIGEST.fullmatch(digest):  # it comes from a link, and becomes a file's name
        raise DataError(f"Expected an upload's 16 letters and digits, got {digest[:40]!r}: upload the pictures again.")
    try:
        arrays, numbers = unpack((uploads_folder() / f"{digest}.safetensors").read_bytes())
        return _checked(arrays["pictures"]), str(numbers["note"])
    except OSError:
        raise DataError(
            "These pictures are not on this server: uploads stay with the server to which they were made. "
            "Upload them again."
        ) from None
    except (RunFormatError, KeyError, ValueError):
        raise DataError("The stored pictures are damaged: upload them again.") from None


def _checked(pictures: np.ndarray) -> torch.Tensor:
    n, channels, height, width = pictures.shape
    if not (pictures.dtype == np.uint8 and channels in (1, 3) and height == width and n <= MAX_PICTURES):
        raise ValueError("no pictures")
    return torch.from_numpy(pictures.copy())


OWN_IMAGES = DatasetSpec(
    "own_images",
    "your pictures",
    "At least 20 pictures of your own, cut to small squares: see what a model makes of them.",
    OwnImagesSettings,
    source="pictures chosen by the visitor; they stay on this server",
    licence="the visitor's",
    group="yours",
    phrase="your own pictures",
    kind="image",
    load_examples=load_own_images,
    event_shape=(3, 32, 32),
    levels=LEVELS,
)
