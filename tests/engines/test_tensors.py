"""Devices, threads, random sources and shape checks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from engines.errors import DeviceError, ShapeError
from engines.tensors import check_points, describe_device, exact_dtype, make_rng, pick_device, to_numpy, use_threads


@pytest.fixture
def _no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("has_cuda", "has_mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_best(monkeypatch: pytest.MonkeyPatch, has_cuda: bool, has_mps: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(has_cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: has_mps)
    assert pick_device().type == expected


@pytest.mark.usefixtures("_no_accelerator")
@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_a_missing_device_is_told(name: str) -> None:
    with pytest.raises(DeviceError, match="choose auto or cpu"):
        pick_device(name)


@pytest.mark.parametrize("name", ["", "gpu", "tpu", "cpu ", "../cpu", "meta"])
def test_a_nonsense_device_is_told(name: str) -> None:
    with pytest.raises(DeviceError, match="Expected device auto, cuda, mps or cpu"):
        pick_device(name)


@pytest.mark.usefixtures("_no_accelerator")
@pytest.mark.parametrize("name", ["cpu:x", "cpu:0:0"])
def test_a_malformed_device_is_told(name: str) -> None:
    with pytest.raises(DeviceError):
        pick_device(name)


def test_a_device_beyond_the_last_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(DeviceError, match="2 CUDA devices"):
        pick_device("cuda:2")


@pytest.mark.usefixtures("_threads")
def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENLAB_THREADS", raising=False)
    assert use_threads() == torch.get_num_threads() == 1
    assert describe_device(torch.device("cpu")) == "CPU, 1 thread"
    assert use_threads(2) == torch.get_num_threads() == 2
    assert describe_device(torch.device("cpu")) == "CPU, 2 threads"
    monkeypatch.setenv("GENLAB_THREADS", "3")
    assert use_threads() == torch.get_num_threads() == 3
    assert use_threads(1) == 1


def test_rng_is_of_its_own() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, again, other = (torch.randn(5, generator=make_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_exact_dtype() -> None:
    assert exact_dtype(torch.device("cpu")) == torch.float64
    assert exact_dtype(torch.device("mps")) == torch.float32


def test_points_are_checked() -> None:
    check_points(torch.zeros(0, 2))
    check_points(torch.zeros(3, 2))
    with pytest.raises(
        ShapeError, match=r"Expected dots of shape \(B, 2\), got \(2,\); add a batch axis with x\[None\]\."
    ):
        check_points(torch.zeros(2), "dots")
    for shape in [(3,), (2, 3), (1, 2, 2), ()]:
        with pytest.raises(ShapeError, match=r"Expected x of shape \(B, 2\), got \("):
            check_points(torch.zeros(shape))


def test_to_numpy_drops_the_gradient() -> None:
    array = to_numpy(torch.ones(3, requires_grad=True))
    assert isinstance(array, np.ndarray) and array.tolist() == [1, 1, 1]
