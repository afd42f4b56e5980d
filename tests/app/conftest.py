"""A house without worker processes, and a tiny stored run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.sync.client import connect

import app.house
from app.house import House, house
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.store import RunStore, Shelves
from engines.training.storing import train_and_store
from engines.training.workers import RunEvent, Standing
from tests.app.lane import Lane, Sockets, running_lane
from tests.app.pages import Open, opener


class FakeWorkers:
    """Takes the place of the worker processes: notes what is asked of it, trains nothing."""

    def __init__(self, shelves: Shelves) -> None:
        self.shelves = shelves
        self.submitted: list[Experiment] = []
        self.commands: list[tuple[str, str]] = []
        self.standings: dict[str, Standing] = {}
        self.histories: dict[str, list[bytes]] = {}
        self.trouble: Exception | None = None
        self.attempt = ""  # what the next run's name has after its digest
        self._listeners: list[Callable[[RunEvent], None]] = []

    def listen(self, listener: Callable[[RunEvent], None]) -> None:
        self._listeners.append(listener)

    def tell(self, event: RunEvent) -> None:
        for listener in self._listeners:
            listener(event)

    def submit(self, experiment: Experiment) -> str:
        if self.trouble:
            raise self.trouble
        experiment.check()
        self.submitted.append(experiment)
        return experiment.digest + self.attempt

    def running(self, digest: str) -> str:
        return digest if digest in self.standings else ""

    def experiment(self, name: str) -> Experiment | None:
        return next((each for each in self.submitted if name[:16] == each.digest), None)

    def standing(self, digest: str) -> Standing | None:
        return self.standings.get(digest)

    def history(self, digest: str) -> list[bytes]:
        return list(self.histories.get(digest, []))

    def note_watched(self, names: Collection[str]) -> None:
        pass

    def command(self, digest: str, word: str) -> bool:
        self.commands.append((digest, word))
        return True


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A house of its own, with an empty store and workers that only note what is asked of them."""
    monkeypatch.setenv("GENLAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(app.house, "ROOT", tmp_path)  # no shipped runs
    monkeypatch.setattr(app.house, "Workers", FakeWorkers)
    house.cache_clear()
    yield house()
    house().decoder.close()
    house.cache_clear()


@pytest.fixture
def workers(home: House) -> FakeWorkers:
    assert isinstance(home.workers, FakeWorkers)
    return home.workers


@pytest.fixture(scope="session")
def server() -> Iterator[Lane]:
    """A server of the live lane alone."""
    with running_lane() as lane:
        yield lane


@pytest.fixture
def lane(server: Lane, home: House) -> Iterator[Sockets]:
    """Opens sockets to the house of this test."""
    home.hub.bind(server.loop)
    url = f"ws://127.0.0.1:{server.port}/lane/"
    with ExitStack() as sockets:
        yield lambda path, **options: sockets.enter_context(connect(url + path, **options))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small flow on the two moons after 40 steps."""
    experiment = Experiment.default("realnvp", "moons", steps=40, settings={"n_couplings": 2, "width": 8})
    return _train(experiment, RunStore(tmp_path_factory.mktemp("trained")))


@pytest.fixture
def stored(trained: Run, home: House) -> Run:
    """The small flow, in the house's own store."""
    return home.shelves.own.add(trained)


@pytest.fixture
def visit(home: House) -> Open:
    """Opens the whole program by a link, at its first page."""
    return opener("shell.py")


def _train(experiment: Experiment, store: RunStore) -> Run:
    return train_and_store(Trainer(experiment, device="cpu"), store.root / experiment.digest)
