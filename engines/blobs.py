"""The one byte format for disk and wire: arrays and numbers in one blob, files written in one piece.

The format is a safetensors blob: an 8-byte length, a JSON header, raw little-endian arrays. Numbers travel
in the header's metadata. The browser reads the same bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engines.errors import RunFormatError

Arrays = dict[str, np.ndarray]
MAX_HEADER = 1 << 20
# Pictures need no more than half precision: 11 bits of mantissa. Numbers are measured before rounding.
PICTURE_DTYPE = np.float16


def pack(arrays: Mapping[str, np.ndarray], numbers: Mapping[str, Any]) -> bytes:
    """Arrays and JSON-ready numbers as one safetensors blob."""
    from safetensors.numpy import save

    tight = {name: np.asarray(array, order="C") for name, array in arrays.items()}  # keeps a number a number
    return save(tight, metadata={"numbers": json.dumps(numbers)})


def unpack(blob: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and numbers of a blob.

    Raises:
        RunFormatError: If the bytes are not such a blob.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(blob), read_numbers(blob)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RunFormatError(f"Expected a safetensors blob, got {len(blob)} bytes that are none ({error}).") from None


def read_numbers(blob: bytes) -> dict[str, Any]:
    """The numbers of a blob without touching its arrays."""
    length = int.from_bytes(blob[:8], "little")
    if not 0 < length <= min(MAX_HEADER, len(blob) - 8):
        raise RunFormatError(f"Expected a safetensors blob, got {len(blob)} bytes that are none.")
    return json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["numbers"])


def half_precision(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights in half precision; whole numbers stay as they are."""
    return {name: value.astype(np.float16) if value.dtype.kind == "f" else value for name, value in weights.items()}


def as_picture(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays rounded to half precision for disk and wire; values beyond its range are clipped, never infinite.

    Whole numbers, such as the bytes of a picture, stay as they are.
    """
    limit = float(np.finfo(PICTURE_DTYPE).max)
    return {
        name: array if array.dtype.kind in "iu" else np.clip(array, -limit, limit).astype(PICTURE_DTYPE)
        for name, array in arrays.items()
    }


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file in one piece: readers see the old content or the new, never a part."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)
