"""The chips of a visit's runs: what they say while a run waits, goes on and has ended, and where they lead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from streamlit.testing.v1 import AppTest

from app.house import House
from engines.training import Trainer
from engines.training.run import UNNAMED, Run
from engines.training.standing import Standing
from engines.training.storing import train_and_store
from tests.app.conftest import FakeWorkers
from tests.app.pages import Open, checked, link_of, press, turn, wanted

LINK = {"target": "moons", "plan.steps": "4", "model.n_couplings": "2", "plan.seed": "3"}


def chip_of(page: AppTest) -> tuple[str, str]:
    """Key and words of the one chip."""
    (chip,) = [button for button in page.sidebar.button if str(button.key).startswith("chip/")]
    return str(chip.key), chip.label


def stopped(run: Run) -> Run:
    """The run as if it had been stopped."""
    (run.folder / "run.json").write_text(replace(run.info, state="stopped").to_json(), encoding="utf-8")
    return Run.load(run.folder)


def test_a_chip_says_how_far_its_run_is(visit: Open, home: House, workers: FakeWorkers) -> None:
    page = visit(LINK)
    assert not [button for button in page.sidebar.button if str(button.key).startswith("chip/")]
    experiment = wanted(page, home)
    key, words = chip_of(page)
    name = key.removeprefix("chip/")
    assert words == "two moons, RealNVP"
    workers.standings[name] = Standing("running", step=1, steps=4)
    assert chip_of(checked(page.run()))[1] == "two moons, RealNVP 25 %"
    workers.standings[name] = Standing("queued", steps=experiment.steps)
    assert chip_of(checked(page.run()))[1] == "two moons, RealNVP waiting"


def test_a_chip_leads_to_a_run_that_was_stopped(visit: Open, home: House, workers: FakeWorkers, tmp_path: Path) -> None:
    workers.attempt = f"-{UNNAMED}"
    page = visit(LINK)
    experiment = wanted(page, home)
    run = stopped(train_and_store(Trainer(experiment, device="cpu"), tmp_path / "run"))
    home.shelves.own.add(run)
    assert chip_of(checked(page.run()))[1] == "two moons, RealNVP stopped at 4"
    turn(page, "flows.model.n_couplings", 3)
    press(page, chip_of(page)[0])
    assert link_of(page) == LINK | {"run": run.name}
