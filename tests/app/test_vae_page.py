"""The page of latent spaces, run as Streamlit runs it: sets, models, links, uploads and stored runs."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.house import House
from app.page.keys import PageKeys
from app.page.lessons import experiments
from app.page.pictures import own_picture, thumbnail
from app.words import shown
from engines.datasets import datasets_of
from engines.settings import setting_fields
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from engines.vae.gaussian_vae import VaeSettings
from tests.app.pages import Open, another, checked, link_of, opener, sentences, turn, wanted, widget

SMALL = {"betas": "1 20", "width": 16, "n_latents": 3}


@pytest.fixture
def come(home: House) -> Open:
    """Opens the page by a link; small squares are there at once."""
    return opener("views/latent_space/page.py", usual={"target": "small_shapes"})


@pytest.fixture(scope="session")
def small_sweep(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two small models after 30 steps."""
    experiment = Experiment.default("vae", "small_shapes", steps=30, settings=SMALL)
    return train_and_store(Trainer(experiment, device="cpu"), tmp_path_factory.mktemp("sweep") / "run")


def choose(page: AppTest, dataset: str) -> AppTest:
    page.session_state["vae/picker"] = {"target": dataset}
    return checked(page.run())


def test_the_page_asks_for_what_is_usual_on_the_set(come: Open, home: House) -> None:
    page = come()
    assert sentences(page) == []
    assert wanted(page, home) == Experiment.default("vae", "small_shapes")
    assert link_of(page)["target"] == "small_shapes"


def test_each_control_changes_the_experiment_and_the_link(come: Open, home: House) -> None:
    page, usual = come(), Experiment.default("vae", "small_shapes").settings
    for field in (f for f in setting_fields(VaeSettings) if f.kind != "numbers"):
        value = another(field) if another(field) != usual[field.name] else field.default
        turn(page, f"vae.model.{field.name}", value)
        assert wanted(page, home).settings[field.name] == value
        if value != usual[field.name]:
            assert link_of(page)[f"model.{field.name}"] == field.format(value)


def test_a_list_of_prices_is_read_or_given_back(come: Open, home: House) -> None:
    page = turn(come(), "vae.model.betas", "0.50, 2")
    assert wanted(page, home).settings["betas"] == "0.5 2"
    page = turn(page, "vae.model.betas", "two, three")
    assert widget(page, "vae.model.betas").value == "1"
    assert [shown(toast.value) for toast in page.toast] == [
        "β: expected 1 to 10 numbers from 0 to 1,000, with spaces between them, got 'two, three'. It is 1 again."
    ]


@pytest.mark.parametrize("dataset", [key for key in datasets_of("image") if key not in ("own_images",)])
def test_another_set_brings_its_own_settings_or_says_what_to_do(dataset: str, come: Open, home: House) -> None:
    page = choose(come({"plan.steps": "7"}), dataset)
    if dataset in ("mnist", "fashion_mnist", "cifar10", "celeba"):
        assert page.info and "internet" in page.info[0].value
        return
    if dataset != "small_shapes":
        assert wanted(page, home) == Experiment.default("vae", dataset)
        assert link_of(page)["target"] == dataset


def test_the_class_is_told_where_there_are_classes(come: Open, home: House) -> None:
    page = come({"target": "digits"})
    checked(page.toggle(key="vae/is_told").set_value(True).run())
    assert wanted(page, home) == Experiment.default("conditional_vae", "digits")
    assert link_of(page)["kind"] == "conditional_vae"
    again = come(link_of(page))
    assert wanted(again, home) == Experiment.default("conditional_vae", "digits")
    assert wanted(choose(again, "faces"), home).model == "vae"


def test_a_link_restores_the_place(come: Open, small_sweep: Run, home: House) -> None:
    home.shelves.own.add(small_sweep)
    link = {"model.betas": "1 20", "model.width": "16", "model.n_latents": "3", "plan.steps": "30"}
    page = come(link | {"member": "1", "z": "0.5 -1 2", "tab": "radius"})
    assert sentences(page) == []
    assert {"member": "1", "z": "0.5 -1 2", "tab": "radius"}.items() <= link_of(page).items()
    assert any("bits for each pixel" in caption.value for caption in page.caption)


@pytest.mark.parametrize("link", [{"member": "99"}, {"member": "-1"}, {"z": ""}])
def test_a_model_that_the_run_lacks_is_no_harm(link: dict[str, str], come: Open) -> None:
    assert sentences(come(link)) == []


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"target": "moons"}, "is no set of pictures"),
        ({"target": "pictures"}, "There is no data set named 'pictures'"),
        ({"model.betas": "-3"}, "expected 1 to 10 numbers from 0 to 1,000"),
        ({"model.n_latents": "900"}, "Latents: expected a whole number from 1 to 32"),
        ({"run": "0123456789abcdef"}, "is not stored here"),
        ({"z": "a b"}, "Latent: expected 1 to 64 numbers"),
        ({"tab": "nonsense"}, "Tab: expected one of sweep"),
    ],
)
def test_what_is_impossible_in_a_link_is_said(link: dict[str, str], said: str, come: Open) -> None:
    assert any(said in sentence for sentence in sentences(come(link)))


def test_every_lesson_opens(come: Open) -> None:
    for lesson in experiments("latent_space"):
        assert sentences(come(lesson["link"])) == [], lesson["title"]


def picture_file(size: tuple[int, int] = (40, 30)) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(held, "PNG")
    return held.getvalue()


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 16, 16)])
def test_an_own_picture_is_cut_to_the_models_size(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    keys = PageKeys("vae")
    monkeypatch.setattr("streamlit.session_state", {keys.own("own_picture"): picture_file()})
    found = own_picture(keys, shape)
    assert found is not None and found.pixels.shape == shape and found.pixels.dtype == np.uint8


def test_a_file_that_is_no_picture_changes_nothing(come: Open) -> None:
    page = come()
    page.file_uploader(key="vae/upload").upload("mine.png", b"nonsense", "image/png")
    checked(page.run())
    said = "Expected a picture, but this file is no picture: choose another one. What was shown stays."
    assert sentences(page) == [said]


def test_own_pictures_become_a_set(come: Open, home: House) -> None:
    page = come({"target": "own_images"})
    assert page.info and "at least 20" in page.info[0].value
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for i in range(30):
            held = io.BytesIO()
            Image.new("RGB", (40, 30), (8 * i, 255 - 8 * i, 90)).save(held, "PNG")
            zipped.writestr(f"folder/{i}.png", held.getvalue())
        zipped.writestr("folder/read.txt", "no picture")
    page.file_uploader(key="vae/upload_set").upload("mine.zip", archive.getvalue(), "application/zip")
    checked(page.run())
    experiment = wanted(page, home)
    assert experiment.dataset == "own_images" and len(str(experiment.dataset_settings["upload"])) == 16
    assert any("read.txt" in caption.value for caption in page.caption)
    assert link_of(page)["target.upload"] == experiment.dataset_settings["upload"]


def test_thumbnails_are_pictures_of_the_set() -> None:
    assert thumbnail("faces").shape == (52, 52, 3)
    assert thumbnail("faces").std() > 20
    assert thumbnail("mnist").shape == (52, 52, 3)  # not fetched for the picker
