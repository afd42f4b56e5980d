"""Answers to "what does the model of this run show for these controls", batched over all visitors.

Requests that arrive while the model is busy are answered together: one pass for each model. Equal requests
share one answer. One thread does the arithmetic, so it never competes with itself for a core.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engines.errors import GenLabError, SettingError
from engines.probes import build_probe, fixed_noise
from engines.tensors import to_numpy
from engines.training.snapshot import as_picture
from engines.training.store import Shelves

MAX_SAMPLES = 4000
MAX_RESOLUTION = 200
MAX_TEMPERATURE = 2.0
N_MODELS = 24  # kept ready
N_ANSWERS = 512  # kept ready


@dataclass(frozen=True)
class Request:
    """What a canvas asks for.

    Attributes:
        run: Digest.
        step: A step that keeps its weights; None for the final ones.
        what: "samples" or "log_prob".
        temperature: Of the samples, in hundredths.
        n: How many samples, or cells along each axis of the density.
    """

    run: str
    step: int | None
    what: str
    temperature: float
    n: int

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Request:
        """Check what a browser sent.

        Raises:
            SettingError: If a field is missing, of the wrong kind or out of range.
        """
        run, step, what = message.get("run"), message.get("step"), message.get("what")
        is_step = step is None or (type(step) is int and 0 <= step < 10**9)
        if not isinstance(run, str) or not is_step or what not in ("samples", "log_prob"):
            raise SettingError("Expected a run, a step and one of samples, log_prob.")
        temperature, n = message.get("temperature", 1.0), message.get("n")
        if not isinstance(temperature, int | float) or not 0 <= temperature <= MAX_TEMPERATURE:
            raise SettingError(f"Expected a temperature from 0 to {MAX_TEMPERATURE:g}, got {str(temperature)[:20]!r}.")
        most = MAX_SAMPLES if what == "samples" else MAX_RESOLUTION
        if type(n) is not int or not 1 <= n <= most:
            raise SettingError(f"Expected n from 1 to {most}, got {str(n)[:20]!r}.")
        return cls(run, step, what, round(float(temperature), 2), n)


class Decoder:
    """Answers requests from stored weights.

    Args:
        shelves: Where the runs lie.
    """

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves
        self._models: OrderedDict[tuple[str, int | None], Any] = OrderedDict()
        self._answers: OrderedDict[Request, dict[str, np.ndarray]] = OrderedDict()
        self._waiting: dict[Request, list[asyncio.Future[dict[str, np.ndarray]]]] = {}
        self._is_busy = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="decode")

    async def answer(self, request: Request) -> dict[str, np.ndarray]:
        """The arrays that a request asks for, in half precision.

        Raises:
            GenLabError: If the run, or its weights at that step, are not there.
        """
        if request in self._answers:
            self._answers.move_to_end(request)
            return self._answers[request]
        future: asyncio.Future[dict[str, np.ndarray]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(request, []).append(future)
        if not self._is_busy:
            self._is_busy = True
            asyncio.get_running_loop().call_soon(self._next_batch)
        return await future

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _next_batch(self) -> None:
        if not self._waiting:
            self._is_busy = False
            return
        batch, self._waiting = self._waiting, {}
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._thread, self.compute, list(batch))
        work.add_done_callback(lambda done: self._hand_out(batch, done))

    def _hand_out(
        self,
        batch: dict[Request, list[asyncio.Future[dict[str, np.ndarray]]]],
        done: asyncio.Future[dict[Request, dict[str, np.ndarray] | GenLabError]],
    ) -> None:
        failure = done.exception()
        answers = {} if failure else done.result()
        for request, futures in batch.items():
            answer = failure or answers[request]
            for future in futures:
                if future.done():
                    continue
                if isinstance(answer, BaseException):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
            if not isinstance(answer, BaseException):
                self._remember(request, answer)
        self._next_batch()

    def _remember(self, request: Request, answer: dict[str, np.ndarray]) -> None:
        self._answers[request] = answer
        while len(self._answers) > N_ANSWERS:
            self._answers.popitem(last=False)

    def compute(self, requests: list[Request]) -> dict[Request, dict[str, np.ndarray] | GenLabError]:
        """Answer requests together, one pass for each model and kind; a failure is the answer to its own requests."""
        groups: dict[tuple[str, int | None, str], list[Request]] = {}
        for request in requests:
            groups.setdefault((request.run, request.step, request.what), []).append(request)
        answers: dict[Request, dict[str, np.ndarray] | GenLabError] = {}
        for (run, step, what), group in groups.items():
            try:
                model = self._model(run, step)
                with torch.inference_mode():
                    answers |= _samples(model, group) if what == "samples" else self._densities(model, group)
            except GenLabError as error:
                answers |= dict.fromkeys(group, error)
        return answers

    def _densities(self, model: Any, requests: list[Request]) -> dict[Request, dict[str, np.ndarray]]:
        window = _window_of(self._shelves, requests[0].run)
        answers = {}
        for request in requests:
            probe = build_probe(window, resolution=request.n, n_samples=0)
            answers[request] = as_picture(model.observe(probe))
        return answers

    def _model(self, run: str, step: int | None) -> Any:
        key = (run, step)
        if key not in self._models:
            stored = self._shelves.get(run)
            if stored is None:
                raise SettingError(f"There is no run {run[:16]!r} here.")
            self._models[key] = stored.model(step)
            while len(self._models) > N_MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key]


def _samples(model: Any, requests: list[Request]) -> dict[Request, dict[str, np.ndarray]]:
    """Samples at several temperatures in one pass."""
    noise = torch.cat([request.temperature * fixed_noise(request.n) for request in requests])
    points = model.decode_noise(noise).split([request.n for request in requests])
    return {request: as_picture({"samples": to_numpy(part)}) for request, part in zip(requests, points, strict=True)}


def _window_of(shelves: Shelves, run: str) -> tuple[float, float, float, float]:
    from engines.datasets import DATASETS

    stored = shelves.get(run)
    if stored is None:
        raise SettingError(f"There is no run {run[:16]!r} here.")
    spec = DATASETS[stored.experiment.dataset]
    density = spec.build(spec.settings.from_dict(stored.experiment.dataset_settings))
    assert density is not None  # noqa: S101  (only targets of the plane have a density to ask for)
    return density.window
