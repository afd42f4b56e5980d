"""Answers to "what does the model of this run show for these controls", batched over all visitors.

Requests that arrive while the model is busy are answered together: one pass for each model. Equal requests
share one answer. One thread does the arithmetic, so it never competes with itself for a core.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from app.live.asks.base import Arrays, Ask
from engines.errors import GenLabError, SettingError
from engines.training.run import Run
from engines.training.store import Shelves

N_MODELS = 24  # kept ready
N_ANSWERS = 512  # kept ready


class Decoder:
    """Answers requests from stored weights.

    Args:
        shelves: Where the runs lie.
    """

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves
        self._models: OrderedDict[tuple[str, int | None, int], tuple[Any, Run]] = OrderedDict()
        self._answers: OrderedDict[Ask, Arrays] = OrderedDict()
        self._waiting: dict[Ask, list[asyncio.Future[Arrays]]] = {}
        self._is_busy = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="decode")

    async def answer(self, request: Ask) -> Arrays:
        """The arrays that a request asks for, in half precision.

        Raises:
            GenLabError: If the run, or its weights at that step, are not there.
        """
        if request in self._answers:
            self._answers.move_to_end(request)
            return self._answers[request]
        future: asyncio.Future[Arrays] = asyncio.get_running_loop().create_future()
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
        batch: dict[Ask, list[asyncio.Future[Arrays]]],
        done: asyncio.Future[dict[Ask, Arrays | GenLabError]],
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

    def _remember(self, request: Ask, answer: Arrays) -> None:
        self._answers[request] = answer
        while len(self._answers) > N_ANSWERS:
            self._answers.popitem(last=False)

    def compute(self, requests: list[Ask]) -> dict[Ask, Arrays | GenLabError]:
        """Answer requests together, one pass for each model and kind; a failure is the answer to its own requests."""
        groups: dict[tuple[str, int | None, int, type], list[Ask]] = {}
        for request in requests:
            groups.setdefault((request.run, request.step, request.member, type(request)), []).append(request)
        answers: dict[Ask, Arrays | GenLabError] = {}
        for (run, step, member, kind), group in groups.items():
            try:
                model, stored = self._model(run, step, member)
                with torch.inference_mode():
                    answers |= kind.answer(model, stored, group)
            except GenLabError as error:
                answers |= dict.fromkeys(group, error)
        return answers

    def _model(self, run: str, step: int | None, member: int) -> tuple[Any, Run]:
        key = (run, step, member)
        if key not in self._models:
            stored = self._shelves.get(run)
            if stored is None:
                raise SettingError(f"There is no run {run[:16]!r} here.")
            self._models[key] = _alone(stored.model(step), member), stored
            while len(self._models) > N_MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key]


def _alone(model: Any, member: int) -> Any:
    """One model of a stack; a model that is none is its own only member."""
    n_models = getattr(model, "n_models", 1)
    if not 0 <= member < n_models:
        raise SettingError(f"Expected a member from 0 to {n_models - 1}, got {member}.")
    return model.member(member) if n_models > 1 else model
