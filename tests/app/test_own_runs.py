"""Runs on a visitor's own data are listed for that visitor alone."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.house import House
from app.page.own_runs import follow_run, listed_runs, note_run, run_of, unfollow_run
from app.page.pictures import UPLOAD_MB
from app.page.titles import title_of
from engines.datasets.own_images import MAX_UPLOAD
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.standing import Standing
from engines.training.storing import train_and_store
from tests.app.pages import checked, opener

CONFIG = Path(__file__).resolve().parents[2] / "app" / ".streamlit" / "config.toml"


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small GAN of a visitor's drawing."""
    experiment = Experiment.default("plane_gan", "drawn", steps=3, settings={"width": 16})
    return train_and_store(Trainer(experiment, device="cpu"), tmp_path_factory.mktemp("private") / "run")


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Run:
    experiment = Experiment.default("plane_gan", "ring", steps=3, settings={"width": 16})
    return train_and_store(Trainer(experiment, device="cpu"), tmp_path_factory.mktemp("public") / "run")


@pytest.fixture
def both(home: House, private: Run, public: Run) -> None:
    for run in (private, public):
        home.shelves.own.add(run)


def offered(page: AppTest) -> list[str]:
    return page.selectbox(key="judge.own.run").options


def judge(link: dict[str, str] | None = None, knows: set[str] | None = None) -> AppTest:
    page = opener("views/human_discriminator/page.py")(link)
    if knows is None:
        return page
    page.session_state["visit/known_runs"] = knows
    return checked(page.run())


def test_a_stranger_is_not_offered_it(both: None, private: Run, public: Run) -> None:
    assert offered(judge()) == [title_of(public)]


def test_who_trained_it_is_offered_it(both: None, private: Run, public: Run) -> None:
    assert len(offered(judge(knows={private.experiment.digest}))) == 2


def test_who_has_its_link_sees_it_and_goes_on_seeing_it(both: None, private: Run) -> None:
    page = judge({"run": private.experiment.digest})
    assert len(offered(page)) == 2
    page.selectbox(key="judge.own.run").select_index(1)
    assert len(offered(checked(page.run()))) == 2


def test_training_makes_it_known(home: House) -> None:
    page = opener("views/gan/page.py")({"target": "drawn"})
    checked(page.button(key="gans/train").click().run())
    assert page.session_state["visit/known_runs"] == {home.workers.submitted[-1].digest}  # pyright: ignore


def test_a_new_run_is_listed_at_once(home: House, public: Run, private: Run) -> None:
    """The list is kept ready, and made anew when the store changes."""
    assert not opener("views/human_discriminator/page.py")().selectbox
    home.shelves.own.add(public)
    assert offered(judge()) == [title_of(public)]
    home.shelves.own.remove(public.experiment.digest)
    assert not opener("views/human_discriminator/page.py")().selectbox


def test_no_title_names_an_upload(home: House) -> None:
    upload = "ba1dd38961ae9a5e"
    experiment = Experiment.default("picture_gan", "own_images", dataset_settings={"upload": upload})
    run = home.shelves.own.open(experiment, device="cpu", n_parameters=1).end("stopped", {})
    assert upload not in title_of(run) and "upload" not in title_of(run)


def test_the_uploader_says_who_sees_what_and_for_how_long(home: House) -> None:
    page = opener("views/latent_space/page.py")({"target": "own_images"})
    said = " ".join(caption.value for caption in page.caption)
    assert "shown to you alone" in said and "stay on this server" in said


def test_the_uploader_promises_what_the_server_takes() -> None:
    server = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["server"]
    assert server["maxUploadSize"] * 1_000_000 == UPLOAD_MB * 1_000_000 == MAX_UPLOAD


# ---- one's own run beside the one that everybody opens ----


def shown(home: House, experiment: Experiment, followed: str) -> tuple[str, Run | None]:
    st.session_state.clear()
    if followed:
        follow_run(followed, experiment)
    return run_of(experiment)


def test_a_stopped_run_is_its_visitors_and_a_link_leads_back(home: House, public: Run) -> None:
    stored = home.shelves.own.add(public)
    mine = home.shelves.own.open(public.experiment, device="CPU", n_parameters=1).end("stopped", {}, step=1444)
    assert shown(home, public.experiment, "") == (stored.name, stored)
    assert shown(home, public.experiment, mine.name) == (mine.name, mine)
    assert {run.name for run in listed_runs()} == {stored.name, mine.name}
    unfollow_run(public.experiment)
    assert run_of(public.experiment) == (stored.name, stored)
    st.session_state.clear()
    note_run(public.experiment.digest)  # by its link
    assert {run.name for run in listed_runs()} == {stored.name}


def test_a_training_of_another_visitor_hides_no_stored_run(home: House, workers: Any, public: Run) -> None:
    digest, name = public.experiment.digest, f"{public.experiment.digest}-0000000a"
    workers.standings[name] = Standing("running", step=3)
    stored = home.shelves.own.add(public)
    assert shown(home, public.experiment, "") == (stored.name, stored)
    assert shown(home, public.experiment, name) == (name, None)
    home.shelves.own.remove(digest)
    workers.standings[digest] = Standing("running", step=3)
    assert shown(home, public.experiment, "") == (digest, None)  # there is nothing else to show
