"""Devices, random sources and shape checks: the few tensor habits that every family shares."""

from __future__ import annotations

import ctypes
import os
import sys

import numpy as np
import torch
from torch import Tensor

from engines.errors import DeviceError, ShapeError


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes CUDA, else Apple's MPS, else the CPU.

    Raises:
        DeviceError: If the name is unknown or this machine has no such device.
    """
    if name == "auto":
        name = next(candidate for candidate in ("cuda", "mps", "cpu") if _has_device(candidate))
    kind = name.split(":")[0]
    if kind not in ("cuda", "mps", "cpu"):
        raise DeviceError(f"Expected device auto, cuda, mps or cpu, got {name!r}.")
    if not _has_device(kind):
        raise DeviceError(f"This machine has no {kind} device that torch can use; choose auto or cpu.")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"Expected a device such as cpu or cuda:0, got {name[:40]!r}.") from None
    if kind == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"This machine has {torch.cuda.device_count()} CUDA devices, counted from 0; got {name!r}.")
    return device


def _has_device(kind: str) -> bool:
    if kind == "cuda":
        return torch.cuda.is_available()
    if kind == "mps":
        return torch.backends.mps.is_available()
    return True


def describe_device(device: torch.device) -> str:
    """A name that a visitor understands: "CPU, 1 thread" or the name of the graphics card."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"


def use_threads(count: int | None = None) -> int:
    """Set torch's thread count: the argument, else $GENLAB_THREADS, else 1.

    One thread is fastest for nets of this size, and a second one ruins the latency of everything
    else on a small machine.
    """
    chosen = count or int(os.environ.get("GENLAB_THREADS", "1"))
    torch.set_num_threads(chosen)
    return chosen


def release_memory() -> None:
    """Hand free memory back to the system, where the C library keeps it (glibc).

    The temporaries of thousands of training steps leave holes in its heap: 0.3 MB a step for a sweep of 16 x 16
    pictures, gigabytes in the end.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def make_rng(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A random source of its own on a device, started at a seed."""
    rng = torch.Generator(device=device)
    rng.manual_seed(seed)
    return rng


def exact_dtype(device: torch.device) -> torch.dtype:
    """float64 wherever the device has it (MPS does not)."""
    return torch.float32 if device.type == "mps" else torch.float64


def check_points(x: Tensor, name: str = "x") -> None:
    """Raise ShapeError unless x is a batch of points in the plane, shape (B, 2)."""
    if x.ndim != 2 or x.shape[1] != 2:
        advice = "; add a batch axis with x[None]" if tuple(x.shape) == (2,) else ""
        raise ShapeError(f"Expected {name} of shape (B, 2), got {tuple(x.shape)}{advice}.")


def to_numpy(x: Tensor) -> np.ndarray:
    """The values as a numpy array on the CPU."""
    return x.detach().cpu().numpy()
