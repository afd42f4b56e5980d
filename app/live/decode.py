"""Answers to "what does the model of this run show for these controls", batched over all visitors.

Requests that arrive while the model is busy are answered together: one pass for each model and kind. Equal requests
share one answer. Two threads do the arithmetic: one what is quickly done, one what takes its time.

Nobody is hurt by another: each question is checked before it joins others, a failure is the answer to its own question
alone, sockets take turns, and after TURN seconds of work those that came meanwhile get theirs.

What is kept ready of a run is compared with the run on the shelves whenever those have changed, so that the weights
that answer are those of the run that is shown, whoever wrote it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch

from app.live.ask import Ask
from engines.blobs import Arrays
from engines.errors import GenLabError, SettingError
from engines.training.run import Run
from engines.training.store import Shelves

LOGGER = logging.getLogger(__name__)
N_MODELS = 24  # kept ready
N_ANSWERS = 512  # kept ready
TURN = 0.2  # seconds of work after which others get their turn
QUICK = 0.05  # seconds of a question up to which it is quickly done
FADES = 0.9  # what a question cost at most is forgotten by so much with each that costs less
TROUBLE = "This run cannot answer that: something went wrong inside, and the server's log says what."

Answers = dict[Ask, Arrays | GenLabError]
Place = tuple[str, int | None, int]  # run, step, member: whose weights


@dataclass
class _Asked:
    """Who waits for the answer to a question: a future for each time it was asked, and its socket."""

    futures: dict[asyncio.Future[Arrays], Hashable] = field(default_factory=dict)

    @property
    def is_wanted(self) -> bool:
        """Whether anybody still waits; those whose socket has gone do not."""
        return not all(future.done() for future in self.futures)

    def settle(self, answer: Arrays | GenLabError) -> None:
        """Give everybody the answer."""
        for future in self.futures:
            if future.done():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)


class _Desk:
    """One thread, and what it answers now."""

    def __init__(self, name: str) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self.running: dict[Ask, _Asked] = {}
        self.is_busy = False


class Decoder:
    """Answers requests from stored weights.

    Args:
        shelves: Where the runs lie.
    """

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves
        self._lock = threading.Lock()  # of models and answers: runs are forgotten from other threads
        self._models: OrderedDict[Place, tuple[Any, Run]] = OrderedDict()
        self._answers: OrderedDict[Ask, Arrays] = OrderedDict()
        self._forgotten: dict[str, int] = {}  # how often each run was
        self._stamp: Hashable = None  # of the shelves, when models and answers were last compared with them
        self._identities: dict[str, Hashable] = {}  # of the runs that models and answers are of
        self._seconds: OrderedDict[tuple[str, type], float] = OrderedDict()  # of a question of a kind to a run
        self._waiting: dict[Ask, _Asked] = {}
        self._quick, self._patient = self._desks = _Desk("decode-quick"), _Desk("decode-patient")

    async def answer(self, request: Ask, asker: Hashable = None) -> Arrays:
        """The arrays that a request asks for, in half precision.

        Args:
            request: The question.
            asker: Who asks: those of one asker take turns with those of others. None: somebody else each time.

        Raises:
            GenLabError: If the run, or its weights at that step, are not there, or it cannot answer that.
        """
        if (ready := self._ready(request)) is not None:
            return ready
        future: asyncio.Future[Arrays] = asyncio.get_running_loop().create_future()
        place = next((desk.running for desk in self._desks if request in desk.running), self._waiting)
        place.setdefault(request, _Asked()).futures[future] = future if asker is None else asker
        self._wake()
        return await future

    def forget(self, run: str) -> None:
        """Drop what is kept ready of a run: it has been computed anew, or is gone. May be called from any thread."""
        with self._lock:
            self._forgotten[run] = self._forgotten.get(run, 0) + 1
            self._identities.pop(run, None)
            for place in [place for place in self._models if place[0] == run]:
                del self._models[place]
            for request in [request for request in self._answers if request.run == run]:
                del self._answers[request]

    def _forget_replaced(self) -> None:
        """Drop what is kept ready of runs that are not on the shelves any more, or are others there."""
        stamp = self._shelves.stamp
        if stamp == self._stamp:
            return
        for run, identity in list(self._identities.items()):
            if _identity_of(self._shelves.get(run)) != identity:
                self.forget(run)
        self._stamp = stamp

    def close(self) -> None:
        """End the thread."""
        for desk in self._desks:
            desk.thread.shutdown(wait=False, cancel_futures=True)

    def _wake(self) -> None:
        """Let the desks that are idle look for what waits for them."""
        for desk in self._desks:
            if not desk.is_busy:
                desk.is_busy = True
                asyncio.get_running_loop().call_soon(self._next_batch, desk)

    def _next_batch(self, desk: _Desk) -> None:
        """Begin to answer one question of each asker, the oldest first."""
        self._waiting = {request: asked for request, asked in self._waiting.items() if asked.is_wanted}
        served: set[Hashable] = set()
        for request, asked in list(self._waiting.items()):
            askers = set(asked.futures.values())
            if not askers <= served and self._desk_of(request) is desk:
                served |= askers
                desk.running[request] = self._waiting.pop(request)
        desk.is_busy = bool(desk.running)
        if not desk.is_busy:
            return
        before = {request.run: self._forgotten.get(request.run, 0) for request in desk.running}
        loop = asyncio.get_running_loop()

        def tell(answers: Answers) -> None:  # called in the thread, as soon as each group is answered
            loop.call_soon_threadsafe(self._hand_out, desk, answers, before)

        work = loop.run_in_executor(desk.thread, self.compute, list(desk.running), tell)
        work.add_done_callback(lambda done: self._end_batch(desk, done))

    def _desk_of(self, request: Ask) -> _Desk:
        """Who answers a question: the quick desk if the model is open, and such questions were quickly done so far."""
        with self._lock:
            if _place_of(request) not in self._models:
                return self._patient
            seconds = self._seconds.get((request.run, type(request)), 0.0 if request.together > 1 else math.inf)
        return self._quick if seconds <= QUICK else self._patient

    def _hand_out(self, desk: _Desk, answers: Answers, before: dict[str, int]) -> None:
        """Give out what was answered."""
        for request, answer in answers.items():
            desk.running.pop(request).settle(answer)
            if not isinstance(answer, GenLabError):
                self._remember(request, answer, before[request.run])

    def _end_batch(self, desk: _Desk, done: asyncio.Future[Answers]) -> None:
        """What was not answered, for its time was over, waits on at the head; if the batch itself broke, it is told."""
        left, desk.running, desk.is_busy = desk.running, {}, False
        if done.cancelled():  # the server is going
            return
        if (failure := done.exception()) is not None:
            LOGGER.error("A batch of questions failed", exc_info=failure)
            for asked in left.values():
                asked.settle(SettingError(TROUBLE))
            left = {}
        self._waiting = left | self._waiting
        self._wake()

    def _ready(self, request: Ask) -> Arrays | None:
        """The answer, if it is kept and of the run that is on the shelves now."""
        if self._shelves.stamp != self._stamp:
            return None
        with self._lock:
            if request in self._answers:
                self._answers.move_to_end(request)
            return self._answers.get(request)

    def _remember(self, request: Ask, answer: Arrays, n_forgotten: int) -> None:
        """Keep an answer, unless its run was computed anew meanwhile."""
        with self._lock:
            if self._forgotten.get(request.run, 0) == n_forgotten:
                self._answers[request] = answer
            while len(self._answers) > N_ANSWERS:
                self._answers.popitem(last=False)

    def compute(
        self, requests: list[Ask], tell: Callable[[Answers], object] = lambda _: None, *, seconds: float = TURN
    ) -> Answers:
        """Answer requests, what is quickly done first, until the time is over; the first of them in any case.

        Args:
            requests: The questions, that which waits longest first.
            tell: Called with what is answered, after each pass.
            seconds: After which no pass is begun.
        """
        end = time.monotonic() + seconds
        self._forget_replaced()
        answers: Answers = {}
        for group in self._groups(requests):
            if time.monotonic() < end or requests[0] in group:
                tell(found := self._answer_together(group))
                answers |= found
        return answers

    def _groups(self, requests: list[Ask]) -> list[list[Ask]]:
        """Questions that are answered in one pass: of one kind to one model, as many as fit into a turn."""
        alike: dict[tuple[Place, type[Ask]], list[Ask]] = {}
        for request in requests:
            alike.setdefault((_place_of(request), type(request)), []).append(request)
        groups: list[tuple[float, list[Ask]]] = []
        for (place, kind), asks in alike.items():
            seconds = self._seconds.get((place[0], kind), 0.0)
            most = min(kind.together, max(1, int(TURN / max(seconds, 1e-6))))
            parts = [asks[at : at + most] for at in range(0, len(asks), most)]
            groups += [(seconds * len(part), part) for part in parts]
        return [group for _, group in sorted(groups, key=lambda group: group[0])]

    def _answer_together(self, asks: list[Ask]) -> Answers:
        """Check each question, and answer those that this model can answer in one pass."""
        place, kind = _place_of(asks[0]), type(asks[0])
        try:
            model, stored = self._model(place)
        except Exception as error:
            return dict.fromkeys(asks, _sentence(error, f"to open run {place}"))
        refusals = {ask: refusal for ask in asks if (refusal := _refusal(ask, model, stored)) is not None}
        fitting = [ask for ask in asks if ask not in refusals]
        return refusals | (self._pass(kind, model, stored, fitting) if fitting else {})

    def _pass(self, kind: type[Ask], model: Any, stored: Run, asks: list[Ask]) -> Answers:
        """One pass; if it fails, each question alone, so that only the one that is at fault gets no answer."""
        start = time.thread_time()
        try:
            with torch.inference_mode():
                found: Answers = dict(kind.answer(model, stored, asks))
        except Exception as error:
            if len(asks) > 1:
                return {ask: each for one in asks for ask, each in self._pass(kind, model, stored, [one]).items()}
            found = {asks[0]: _sentence(error, f"{kind.__name__} to {stored.folder.name}")}
        self._note(asks[0].run, kind, (time.thread_time() - start) / len(asks))
        return found

    def _note(self, run: str, kind: type[Ask], seconds: float) -> None:
        """Remember what a question cost."""
        with self._lock:
            self._seconds[run, kind] = max(seconds, FADES * self._seconds.get((run, kind), 0.0))
            while len(self._seconds) > N_ANSWERS:
                self._seconds.popitem(last=False)

    def _model(self, place: Place) -> tuple[Any, Run]:
        with self._lock:
            if place in self._models:
                self._models.move_to_end(place)
                return self._models[place]
            before = self._forgotten.get(place[0], 0)
        run, step, member = place
        stored = self._shelves.get(run)
        if stored is None:
            raise SettingError(f"There is no run {run[:16]!r} here.")
        found = _alone(stored.model(step), member), stored
        with self._lock:
            if self._forgotten.get(run, 0) == before:
                self._models[place] = found
                self._identities[run] = _identity_of(stored)
            while len(self._models) > N_MODELS:
                self._models.popitem(last=False)
        return found


def _identity_of(run: Run | None) -> Hashable:
    """Tells a run from any other one that may lie in its place."""
    return None if run is None else (run.folder, run.info.started, run.info.state, run.info.step, run.info.seconds)


def _place_of(request: Ask) -> Place:
    return request.run, request.step, request.member


def _refusal(ask: Ask, model: Any, stored: Run) -> GenLabError | None:
    """Why a model cannot answer a question; None if it can."""
    try:
        ask.check(model, stored)
    except Exception as error:
        return _sentence(error, f"the check of {type(ask).__name__}")
    return None


def _sentence(error: Exception, what: str) -> GenLabError:
    """An error for the person who asked; one that nobody raised on purpose is logged, and told in general words."""
    if isinstance(error, GenLabError):
        return error
    LOGGER.error("A question failed: %s", what, exc_info=error)
    return SettingError(TROUBLE)


def _alone(model: Any, member: int) -> Any:
    """One model of a stack; a model that is none is its own only member."""
    n_models = getattr(model, "n_models", 1)
    if not 0 <= member < n_models:
        raise SettingError(f"Expected a member from 0 to {n_models - 1}, got {member}.")
    return model.member(member) if n_models > 1 else model
