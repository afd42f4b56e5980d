"""The page of discrete codes, run as Streamlit runs it, and the questions that its canvas asks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from app.asks import read_ask
from app.house import House
from app.page.lessons import experiments
from app.views.vq_vae.canvas import check_codes
from engines.datasets import DATASETS, datasets_of
from engines.errors import SettingError
from engines.settings import setting_fields
from engines.tensors import make_rng
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from engines.vae.atlas import mean_patches
from engines.vae.vq_vae import VqVaeSettings
from tests.app.pages import Open, another, checked, link_of, opener, sentences, turn, wanted

SMALL = {"n_codes": 6, "n_channels": 8, "prior_width": 16, "prior_layers": 1}
LINK = {f"model.{name}": str(value) for name, value in SMALL.items()} | {"plan.steps": "16"}
CODES = "".join(f"{i % 6:02d}" for i in range(20))


@pytest.fixture
def come(home: House) -> Open:
    """Opens the page by a link; digits are there at once."""
    return opener("views/vq_vae/page.py", usual={"target": "digits"})


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small model of digits after 16 steps, its weights rounded as those that ship."""
    experiment = Experiment.default("vq_vae", "digits", steps=16, settings=SMALL)
    folder = tmp_path_factory.mktemp("codes") / "run"
    return train_and_store(Trainer(experiment, device="cpu"), folder, rounds_weights=True)


@pytest.fixture(scope="session")
def model(small_run: Run) -> Any:
    return small_run.model().eval()


@pytest.fixture
def ask(model: Any, small_run: Run) -> Callable[..., dict[str, np.ndarray]]:
    """Asks the small model as a browser would."""

    def put(what: str, **fields: Any) -> dict[str, np.ndarray]:
        question = read_ask({"run": "x", "step": None, "what": what} | fields)
        question.check(model, small_run)
        with torch.inference_mode():
            return type(question).answer(model, small_run, [question])[question]

    return put


# ---- the page ----


def test_the_page_asks_for_what_is_usual_on_the_set(come: Open, home: House) -> None:
    page = come()
    assert sentences(page) == []
    assert page.title[0].value == "What can a picture say in 20 words?"
    assert wanted(page, home) == Experiment.default("vq_vae", "digits")


def test_each_control_changes_the_experiment_and_the_link(come: Open, home: House) -> None:
    page, usual = come(), Experiment.default("vq_vae", "digits").settings
    for field in setting_fields(VqVaeSettings):
        value = another(field) if another(field) != usual[field.name] else field.default
        turn(page, f"codes.model.{field.name}", value)
        assert link_of(page)[f"model.{field.name}"] == field.format(value)
    changed = wanted(page, home).settings
    assert all(changed[field.name] != usual[field.name] for field in setting_fields(VqVaeSettings))


@pytest.mark.parametrize("dataset", [key for key in datasets_of("image") if key not in ("own_images", "digits")])
def test_another_set_brings_its_own_settings_or_says_what_to_do(dataset: str, come: Open, home: House) -> None:
    page = come({"plan.steps": "7", "codes": CODES})
    page.session_state["codes/picker"] = {"target": dataset}
    checked(page.run())
    if DATASETS[dataset].needs_internet:
        assert page.info and "internet" in page.info[0].value
        return
    assert wanted(page, home) == Experiment.default("vq_vae", dataset)
    assert "codes" not in link_of(page)


def test_a_link_restores_the_place(come: Open, small_run: Run, home: House) -> None:
    home.shelves.own.add(small_run)
    place = {
        "example": "3",
        "codes": CODES,
        "level": "0",
        "cell": "2",
        "tab": "swap",
        "seed": "5",
        "temperature": "0.5",
    }
    page = come(LINK | place)
    assert sentences(page) == []
    assert place.items() <= link_of(page).items()
    assert any("bits per dimension" in caption.value for caption in page.caption)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"codes": "xyz"}, "Expected 20 codes of two digits each"),
        ({"codes": "zz" * 20}, "Expected codes from 0 to 7"),
        ({"example": "many"}, "Example: expected a whole number from 0 to 47"),
        ({"temperature": "hot"}, "Temperature: expected a number from 0 to 1.5"),
        ({"target": "moons"}, "is no set of pictures"),
        ({"model.n_codes": "1"}, "Codes: expected a whole number from 2 to 512"),
        ({"run": "0123456789abcdef"}, "is not stored here"),
    ],
)
def test_what_is_impossible_in_a_link_is_said(link: dict[str, str], said: str, come: Open, home: House) -> None:
    page = come(link)
    assert any(said in sentence for sentence in sentences(page))
    assert wanted(page, home).model == "vq_vae"


def test_every_lesson_opens(come: Open) -> None:
    for lesson in experiments("vq_vae"):
        assert sentences(come(lesson["link"])) == [], lesson["title"]


def test_codes_are_checked_against_the_model() -> None:
    assert check_codes("0001", 2, 2) == "" and "got 35" in check_codes("000z", 2, 8)


# ---- the questions ----


def test_codes_are_decoded_as_the_model_does(ask: Callable, model: Any) -> None:
    x = DATASETS["digits"].examples().test[:3].float()
    top, bottom = model.codes(x)
    maps = {"top": top.flatten(1).tolist(), "bottom": bottom.flatten(1).tolist()}
    found, expected = ask("codes", **maps), model.reconstruct(x) * 255 / 16
    assert np.abs(found["pictures"] - expected.detach().numpy()).max() <= 0.5
    with torch.no_grad():
        np.testing.assert_allclose(found["rates"], model.rate_and_distortion(x)[0], rtol=1e-4)
    pixels = base64.b64encode((x[1] * 255 / 16).round().byte().numpy().tobytes()).decode()
    encoded = ask("code_encode", pixels=pixels)
    assert encoded["top"].tolist() == maps["top"][1] and encoded["bottom"].tolist() == maps["bottom"][1]


def test_the_palette_holds_each_code_in_its_place(ask: Callable) -> None:
    top, bottom = [0, 1, 2, 3], [i % 6 for i in range(16)]
    found = ask("palette", top=top, bottom=bottom, level=1, cell=5)  # rows 2 to 3, columns 2 to 3, and 1 pixel around
    bottom[5] = 4
    whole = ask("codes", top=[top], bottom=[bottom])["pictures"][0]
    assert found["patches"].shape == (6, 1, 4, 4)
    np.testing.assert_array_equal(found["patches"][4], whole[:, 1:5, 1:5])
    assert found["shares"].sum() == pytest.approx(1, abs=1e-5)
    corner = ask("palette", top=top, bottom=bottom, level=0, cell=3)
    assert corner["patches"].shape == (6, 1, 8, 8)


def test_the_palettes_shares_are_the_priors(ask: Callable, model: Any) -> None:
    """At the last cell, the shares are the ratios of the joint probabilities."""
    top, bottom = [5, 0, 1, 4], [2] * 16
    shares = ask("palette", top=top, bottom=bottom, level=1, cell=15)["shares"]
    with torch.no_grad():
        joint = model.prior.log_prob(torch.tensor([[*top, *bottom[:15], k] for k in range(6)])).softmax(0)
    np.testing.assert_allclose(shares, joint, rtol=1e-4)


def test_the_atlas_counts_the_whole_held_out_set(ask: Callable, model: Any) -> None:
    found, x = ask("atlas"), DATASETS["digits"].examples().test.float()
    top, bottom = model.codes(x)
    for name, codes in (("top", top), ("bottom", bottom)):
        counted = np.bincount(codes.flatten().numpy(), minlength=6) / codes.numel()
        np.testing.assert_allclose(found[f"{name}_usage"], counted, atol=1e-6)
    np.testing.assert_array_equal(found["bottoms"], bottom[:48].flatten(1))
    assert found["top_patches"].shape == (6, 1, 4, 4) and found["bottom_patches"].shape == (6, 1, 2, 2)


def test_a_patch_is_the_mean_of_what_is_drawn(model: Any) -> None:
    pictures = torch.rand(7, 1, 8, 8, generator=make_rng(1)) * 16
    codes = torch.randint(4, (7, 4, 4), generator=make_rng(2))
    drawn = [pictures[n, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] for n, i, j in (codes == 2).nonzero().tolist()]
    found = mean_patches(model, pictures, codes)
    torch.testing.assert_close(found[2], torch.stack(drawn).mean(0))
    assert (found[5] == 8).all()  # it stands nowhere


def test_draws_keep_their_coarse_codes(ask: Callable) -> None:
    fields = {"seed": 3, "temperature": 1.0, "n_coarse": 2, "n_fine": 3}
    found = ask("code_draw", **fields)
    assert found["top"].shape == (2, 4) and found["bottom"].shape == (6, 16)
    tops = found["top"].repeat(3, 0).tolist()
    pictures = ask("codes", top=tops, bottom=found["bottom"].tolist())["pictures"]
    np.testing.assert_array_equal(found["pictures"], pictures)
    assert np.abs(found["gists"][1] - pictures[3:].astype(float).mean(0)).max() <= 1
    again = ask("code_draw", **fields | {"n_coarse": 1, "top": [5, 4, 3, 2]})
    assert again["top"].tolist() == [[5, 4, 3, 2]]


@pytest.mark.parametrize(
    ("what", "fields", "said"),
    [
        ("codes", {"top": [[0] * 4], "bottom": [[0] * 15]}, "Expected 16 codes of the fine map, got 15"),
        ("codes", {"top": [[0] * 4], "bottom": [[9] * 16]}, "Expected codes from 0 to 5, got 9"),
        ("codes", {"top": [[0.5] * 4], "bottom": [[0] * 16]}, "whole numbers"),
        ("codes", {"top": "1234", "bottom": []}, "Expected 1 to 64 maps"),
        ("codes", {"top": [[0] * 4] * 2, "bottom": [[0] * 16]}, "as many coarse maps"),
        ("palette", {"top": [0] * 4, "bottom": [0] * 16, "level": 0, "cell": 4}, "Expected a cell from 0 to 3"),
        ("palette", {"top": None, "bottom": [0] * 16, "level": 0, "cell": 4}, "Expected 1 to 64 maps"),
        ("code_draw", {"seed": 1, "temperature": 9, "n_coarse": 1, "n_fine": 1}, "Expected a temperature"),
        ("code_encode", {"pixels": "AAAA"}, "Expected a picture of 64 values, got one of 3"),
        ("code_encode", {"pixels": "no base64!"}, "Expected the pixels"),
    ],
)
def test_nonsense_is_told(what: str, fields: dict[str, Any], said: str, ask: Callable) -> None:
    with pytest.raises(SettingError, match=said):
        ask(what, **fields)
