"""The page of denoising, run as Streamlit runs it, and the questions that its canvas asks."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from app.asks import read_ask
from app.house import House
from app.page.lessons import experiments
from app.views.image_diffusion.asks import MOST_CALLS, MOST_FRAMES
from app.views.image_diffusion.canvas import chains_of
from app.views.image_diffusion.figures import draw_level_losses, draw_novelty, draw_quality
from app.views.image_diffusion.numbers import measured
from engines.datasets import DATASETS, datasets_of
from engines.errors import SettingError
from engines.samplers import SAMPLERS
from engines.score.empirical import EmpiricalDenoiser
from engines.score.picture_denoiser import ImageDenoiserSettings, to_bytes
from engines.settings import setting_fields
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.app.pages import Open, another, checked, link_of, opener, sentences, turn, wanted

SMALL = {"width": 16}
LINK = {"model.width": "16", "plan.steps": "8", "plan.batch_size": "16"}
PATH = {"what": "denoise_path", "n_calls": 5, "seed": 3, "n": 4}


@pytest.fixture
def come(home: House) -> Open:
    """Opens the page by a link; digits are there at once."""
    return opener("views/image_diffusion/page.py", usual={"target": "digits"})


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small model of digits after 8 steps."""
    settings = {**Experiment.default("image_denoiser", "digits").settings, **SMALL}
    experiment = Experiment.default("image_denoiser", "digits", steps=8, batch_size=16, settings=settings)
    return train_and_store(Trainer(experiment, device="cpu"), tmp_path_factory.mktemp("denoising") / "run")


@pytest.fixture(scope="session")
def model(small_run: Run) -> Any:
    return small_run.model().eval()


@pytest.fixture
def ask(model: Any, small_run: Run) -> Callable[..., dict[str, np.ndarray]]:
    """Asks the small model as a browser would."""

    def put(**fields: Any) -> dict[str, np.ndarray]:
        question = read_ask({"run": "x", "step": None} | PATH | fields)
        question.check(model, small_run)
        with torch.inference_mode():
            return type(question).answer(model, small_run, [question])[question]

    return put


def coded(pixels: np.ndarray) -> str:
    return base64.b64encode(pixels.tobytes()).decode()


def digit(i: int) -> np.ndarray:
    """A held-out digit as brightnesses."""
    return (DATASETS["digits"].examples().test[i].float() * 255 / 16).round().byte().numpy()


# ---- the page ----


def test_the_page_asks_for_what_is_usual_on_the_set(come: Open, home: House) -> None:
    page = come()
    assert sentences(page) == []
    assert wanted(page, home) == Experiment.default("image_denoiser", "digits")


def test_each_control_changes_the_experiment_and_the_link(come: Open, home: House) -> None:
    page, usual = come(), Experiment.default("image_denoiser", "digits").settings
    for field in setting_fields(ImageDenoiserSettings):
        turn(page, f"denoising.model.{field.name}", another(field))
        assert link_of(page)[f"model.{field.name}"] == field.format(another(field))
    changed = wanted(page, home).settings
    assert all(changed[field.name] != usual[field.name] for field in setting_fields(ImageDenoiserSettings))


@pytest.mark.parametrize("dataset", [key for key in datasets_of("image") if key not in ("own_images", "digits")])
def test_another_set_brings_its_own_settings_or_says_what_to_do(dataset: str, come: Open, home: House) -> None:
    page = come({"plan.steps": "7", "calls": "5"})
    page.session_state["denoising/picker"] = {"target": dataset}
    checked(page.run())
    if DATASETS[dataset].needs_internet:
        assert page.info and "internet" in page.info[0].value
        return
    assert wanted(page, home) == Experiment.default("image_denoiser", dataset)
    assert "calls" not in link_of(page)


def test_a_link_restores_the_place_and_the_numbers(come: Open, small_run: Run, home: House) -> None:
    home.shelves.own.add(small_run)
    place = {"task": "fill", "sampler": "annealed", "calls": "99", "label": "4", "guidance": "2.5", "seed": "7"}
    place |= {
        "example": "3",
        "mask": "00000000ffffffff",
        "at": "0.5",
        "chain": "6",
        "source": "empirical",
        "sigma": "2",
    }
    page = come(LINK | place)
    assert sentences(page) == []
    assert place.items() <= link_of(page).items()
    assert any("squared Fréchet distance (FID-like) of" in caption.value for caption in page.caption)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"calls": "0"}, f"Calls: expected a whole number from 1 to {MOST_CALLS}"),
        ({"guidance": "strong"}, "Guidance: expected a number from 0 to 10"),
        ({"sampler": "magic"}, "Sampler: expected one of annealed"),
        ({"mask": "xyz"}, "Mask: expected hexadecimal digits"),
        ({"seed": "1.5"}, "Seed: expected a whole number from 0 to 999"),
        ({"at": "nan"}, "Denoising time: expected a number from 0 to 1"),
        ({"target": "moons"}, "is no set of pictures"),
        ({"model.width": "1"}, "Width: expected a whole number from 16 to 64"),
    ],
)
def test_what_is_impossible_in_a_link_is_said(link: dict[str, str], said: str, come: Open, home: House) -> None:
    page = come(link)
    assert any(said in sentence for sentence in sentences(page))
    assert wanted(page, home).model == "image_denoiser"


def test_every_lesson_opens(come: Open) -> None:
    for lesson in experiments("image_diffusion"):
        assert sentences(come(lesson["link"])) == [], lesson["title"]


def test_the_charts_say_what_they_show() -> None:
    stored = measured()["digits"]
    drawings = [draw_level_losses([1.0, 0.1], [0.3, 0.5], [0.2, 0.4]), draw_novelty(stored["novelty"], 1.1)]
    drawings.append(draw_quality(stored["samplers"], {key: SAMPLERS[key].title for key in SAMPLERS}, 9.3, 11.0))
    for drawing in drawings:
        assert drawing.alt.endswith(".") and json.loads(drawing.figure.to_json())["data"]  # pyright: ignore[reportArgumentType]
        assert drawing.figure.layout.xaxis.title.text and drawing.figure.layout.xaxis.title.text != "training step"
    assert set(stored["samplers"]) == set(SAMPLERS)


# ---- the questions ----


def test_a_path_is_that_of_the_model(ask: Callable, model: Any) -> None:
    found = ask(n=2)
    assert found["states"].shape == found["beliefs"].shape == (4, 2, 1, 8, 8)
    assert found["sigmas"][0] == model.sigmas.sigma_max and found["sigmas"][-1] == 0
    assert found["calls"].tolist() == [0, 2, 4, 5]
    np.testing.assert_array_equal(found["states"][-1], found["beliefs"][-1])
    assert set(np.unique(found["states"][-1])) <= set(to_bytes(model.to_scale(torch.arange(17.0))).tolist())


def test_a_chain_begins_alike_however_many_there_are(ask: Callable) -> None:
    together = ask(n=4, n_calls=5)
    for first, n in ((0, 1), (2, 2)):
        apart = ask(first=first, n=n, n_calls=5)
        shift = apart["states"].astype(int) - together["states"][:, first : first + n]
        assert np.abs(shift).max() <= 1  # the arithmetic of another batch
    assert (ask(seed=4)["states"][0] != together["states"][0]).any()


def test_long_paths_are_thinned_but_end_at_the_end(ask: Callable) -> None:
    found = ask(n=1, n_calls=201, sampler="annealed")
    assert len(found["states"]) == MOST_FRAMES
    assert found["calls"][0] == 0 and found["calls"][-1] == 201 and found["sigmas"][-1] == 0


def test_the_closed_form_copies_and_the_gauge_says_so(ask: Callable) -> None:
    found = ask(source="empirical", n=6, n_calls=19, label=3)
    assert np.median(found["distances"]) < 0.02 * found["usual"][0]
    np.testing.assert_array_equal(found["nearest"], found["states"][-1])
    examples: Any = DATASETS["digits"].examples()
    threes = to_bytes((examples.train[examples.train_labels == 3].float() + 0.5) * 2 / 17 - 1)
    assert all((threes == picture).all((1, 2, 3)).any() for picture in found["nearest"])


def test_known_pixels_stay(ask: Callable, model: Any) -> None:
    mask = np.zeros(64, np.uint8)
    mask[32:] = 1
    fields = {"picture": coded(digit(2)), "mask": coded(np.packbits(mask))}
    found = ask(**fields)
    whole = to_bytes(model.to_scale(DATASETS["digits"].examples().test[2].float()))
    assert (found["states"][-1][:, :, :4] == whole[:, :4]).all()
    assert (found["states"][-1][:, :, 4:] != whole[:, 4:]).any()
    with pytest.raises(SettingError, match="Nothing is painted over"):
        ask(**fields | {"mask": coded(np.packbits(0 * mask))})
    with pytest.raises(SettingError, match="Every pixel is known|Expected a mask of 64 bits"):
        ask(**fields | {"mask": coded(np.packbits(mask[:8]))})


def test_little_noise_brings_the_picture_back(ask: Callable) -> None:
    found = ask(picture=coded(digit(1)), sigma=0.05, n=3)
    assert np.abs(found["states"][0].astype(int) - digit(1)).mean() < 12
    assert found["sigmas"][0] == pytest.approx(0.05)


def test_a_belief_is_that_of_model_and_training_set(ask: Callable, model: Any) -> None:
    fields = {"what": "denoise_belief", "picture": coded(digit(0)), "seed": 5}
    found = ask(**fields, sigma=1.0)
    assert {name: array.shape for name, array in found.items()} == dict.fromkeys(
        ("noisy", "network", "empirical"), (1, 8, 8)
    )
    examples = DATASETS["digits"].examples()
    mean = EmpiricalDenoiser(model.to_scale(examples.train.float())).denoise(torch.zeros(1, 1, 8, 8), 1e5)
    lost = ask(**fields, sigma=900.0)["empirical"]
    assert np.abs(lost[None].astype(int) - to_bytes(mean)).max() <= 12
    with pytest.raises(SettingError, match="above 0"):
        ask(**fields, sigma=0.0)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"n_calls": 0}, "Heun ODE needs at least 1 network calls, got 0"),
        ({"n_calls": 1, "sampler": "annealed"}, "annealed Langevin needs at least 2"),
        ({"n_calls": MOST_CALLS, "n": 20}, "Expected at most 2 chains of 1000 calls in one question"),
        ({"n": 25}, "Expected n from 1 to 24"),
        ({"sampler": "magic"}, "Expected a sampler of annealed"),
        ({"source": "oracle"}, "Expected a source of network"),
        ({"label": 10}, "Expected one of 10 classes, got 10"),
        ({"guidance": -1}, "Expected guidance from 0 to 10"),
        ({"temperature": "hot"}, "Expected temperature from 0 to 1.5"),
        ({"sigma": 0.01, "picture": "AAAA"}, "Expected noise above 0.02"),
        ({"sigma": 1.0, "picture": "AAAA"}, "Expected a picture of 64 values, got one of 3"),
        ({"picture": "no base64!"}, "Expected picture as at most"),
        ({"mask": "AAAA"}, "Expected a mask of 64 bits, got 24"),
    ],
)
def test_nonsense_is_told(fields: dict[str, Any], said: str, ask: Callable) -> None:
    with pytest.raises(SettingError, match=said):
        ask(**fields)


def test_faces_show_fewer_chains() -> None:
    assert chains_of((1, 8, 8)) == (20, 5) and chains_of((3, 32, 32)) == (12, 4)
