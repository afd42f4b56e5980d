"""The page of games about pictures, run as Streamlit runs it, and the questions that its canvas asks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.asks import read_ask
from app.house import House
from app.page.lessons import experiments
from app.page.properties import QUESTIONS, card
from app.views.image_gan.asks import latent_moves
from app.views.image_gan.canvas import TABS, moved_latents
from app.views.image_gan.figures import draw_classes, draw_players, draw_quality_of_game
from app.views.image_gan.numbers import CURES, cured, kinds_of, quality_in_words, sides_of
from engines.datasets import DATASETS, datasets_of
from engines.errors import SettingError
from engines.gan.images.base import SHOWN_SEED
from engines.gan.images.convolutional import COLLAPSED, PictureGanSettings
from engines.metrics.neighbours import nearest
from engines.models import MODELS
from engines.settings import setting_fields
from engines.tensors import make_rng
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.app.pages import Open, another, checked, link_of, opener, sentences, turn, wanted

LINK = {"plan.steps": "8", "plan.batch_size": "16"}


@pytest.fixture
def come(home: House) -> Open:
    """Opens the page by a link; digits are there at once."""
    return opener("views/image_gan/page.py", usual={"target": "digits"})


def small_run(model: str, folder: Path) -> Run:
    experiment = Experiment.default(model, "digits", steps=8, batch_size=16)
    return train_and_store(Trainer(experiment, device="cpu"), folder / model)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A game of each kind on digits after 8 steps."""
    folder = tmp_path_factory.mktemp("games")
    return {model: small_run(model, folder) for model in ("picture_gan", "style_gan")}


@pytest.fixture
def ask(runs: dict[str, Run]) -> Callable[..., dict[str, np.ndarray]]:
    """Asks a small model as a browser would."""

    def put(kind: str = "picture_gan", **fields: Any) -> dict[str, np.ndarray]:
        question, model = read_ask({"run": "x", "step": None} | fields), runs[kind].model().eval()
        question.check(model, runs[kind])
        with torch.inference_mode():
            return type(question).answer(model, runs[kind], [question])[question]

    return put


def rows(n: int, latents: int, seed: int = 0) -> list[list[float]]:
    return torch.randn(n, latents, generator=make_rng(seed)).tolist()


# ---- the page ----


def test_the_page_asks_for_what_is_usual_on_the_set(come: Open, home: House) -> None:
    page = come()
    assert sentences(page) == []
    assert wanted(page, home) == Experiment.default("picture_gan", "digits")


def test_the_other_kind_of_game_brings_its_own_settings(come: Open, home: House) -> None:
    page = come()
    page.radio(key="gan_pictures/kind").set_value("style_gan")
    checked(page.run())
    assert link_of(page)["game"] == "style_gan"
    assert wanted(page, home) == Experiment.default("style_gan", "digits")
    assert wanted(come({"game": "style_gan"}), home) == Experiment.default("style_gan", "digits")


def test_each_control_changes_the_experiment_and_the_link(come: Open, home: House) -> None:
    page, usual = come(), Experiment.default("picture_gan", "digits").settings
    for field in setting_fields(PictureGanSettings):
        turn(page, f"gan_pictures.model.{field.name}", another(field))
        assert link_of(page)[f"model.{field.name}"] == field.format(another(field))
    changed = wanted(page, home).settings
    assert all(changed[field.name] != usual[field.name] for field in setting_fields(PictureGanSettings))


@pytest.mark.parametrize("dataset", ["faces", "patches", "stacked_digits", "mnist"])
def test_another_set_brings_its_own_settings_or_says_what_to_do(dataset: str, come: Open, home: House) -> None:
    assert dataset in datasets_of("image")
    page = come({"plan.steps": "7", "tab": "between"})
    page.session_state["gan_pictures/picker"] = {"target": dataset}
    checked(page.run())
    if DATASETS[dataset].needs_internet:
        assert page.info and "internet" in page.info[0].value
        return
    assert wanted(page, home) == Experiment.default("picture_gan", dataset)
    assert "tab" not in link_of(page)


def test_a_link_restores_the_place_and_the_numbers(come: Open, runs: dict[str, Run], home: House) -> None:
    home.shelves.own.add(runs["style_gan"])
    place = {"tab": "styles", "pick": "3", "second": "7", "moved": "2:1.5,0:-0.25", "t": "0.25"}
    place |= {"levels": "1", "noises": "3", "truncation": "0.7", "at": "2", "game": "style_gan"}
    page = come(LINK | place)
    assert sentences(page) == []
    assert place.items() <= link_of(page).items()
    assert any("The discriminator gives its training pictures" in caption.value for caption in page.caption)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"tab": "magic"}, f"Tab: expected one of {', '.join(TABS)}, got 'magic'"),
        ({"moved": "a:b"}, "Moved: expected latents and their values, such as 3:1.5,7:-0.2, got"),
        ({"truncation": "9"}, "Truncation: expected a number from 0 to 1.5"),
        ({"pick": "1.5"}, "A: expected a whole number from 0 to 47"),
        ({"game": "chess"}, "Expected one of picture_gan, style_gan after game="),
        ({"target": "moons"}, "is no set of pictures"),
        ({"model.width": "1"}, "Width: expected a whole number from 4 to 48"),
    ],
)
def test_what_is_impossible_in_a_link_is_said(link: dict[str, str], said: str, come: Open, home: House) -> None:
    page = come(link)
    assert any(said in sentence for sentence in sentences(page))
    assert wanted(page, home).model == "picture_gan"


def test_every_lesson_opens(come: Open) -> None:
    for lesson in experiments("image_gan"):
        assert sentences(come(lesson["link"])) == [], lesson["title"]


def test_a_cure_of_the_monitor_changes_what_it_says() -> None:
    found = cured(COLLAPSED, {"cure": "digest/minibatch_std/1"})
    assert found is not None and found.to_dict() == COLLAPSED.to_dict() | {"minibatch_std": True}
    assert all(MODELS["picture_gan"].settings.from_dict(dict(changes)) for changes in CURES.values())
    for told in (None, {}, {"cure": None}, {"cure": "digest"}, {"cure": "digest/magic/1"}):
        assert cured(COLLAPSED, told) is None
    assert cured(MODELS["style_gan"].settings(), {"cure": "digest/pack/1"}) is None


@pytest.mark.parametrize(("weight", "stronger"), [(0.0, 0.5), (0.1, 0.5), (0.8, 1.6), (9.0, 10.0)])
def test_a_stronger_penalty_is_stronger(weight: float, stronger: float) -> None:
    told = {"cure": "digest/penalty/1"}
    found = cured(replace(COLLAPSED, penalty="r1", penalty_weight=weight), told)
    assert found is not None and (found.penalty, found.penalty_weight) == ("r1", stronger)
    found = cured(replace(COLLAPSED, penalty="dragan", penalty_weight=10.0), told)
    assert found is not None and (found.penalty, found.penalty_weight) == ("r1", 0.5)


def test_moved_latents_are_read_with_suspicion() -> None:
    assert moved_latents("3:1.5,7:-0.2") == {3: 1.5, 7: -0.2}
    assert moved_latents("") == {} and moved_latents("70:1") is None and moved_latents("1:11") is None


def test_kinds_and_their_true_shares() -> None:
    names, shares = kinds_of("digits")
    assert len(names) == len(shares) == 10 and sum(shares) == pytest.approx(1)
    assert kinds_of("faces")[0] == ("day", "night") and kinds_of("patches") == ((), ())
    assert sides_of("style_gan", (3, 32, 32)) == (4, 8, 16, 32) and sides_of("picture_gan", (3, 32, 32)) == ()


def test_the_charts_say_what_they_show(runs: dict[str, Run]) -> None:
    snapshots = runs["picture_gan"].snapshots
    steps, shares = [s.step for s in snapshots], [s.metrics["classes"] for s in snapshots]
    names, true = kinds_of("digits")
    drawings = [
        draw_players(steps, {"discriminator": [1.0] * len(steps), "generator": [2.0] * len(steps)}),
        draw_quality_of_game(steps, {"coverage": [0.5] * len(steps)}),
        draw_classes(steps, shares, names, true),
    ]
    for drawing in drawings:
        assert drawing.alt.endswith(".") and json.loads(drawing.figure.to_json())["data"]  # pyright: ignore[reportArgumentType]
        assert drawing.figure.layout.yaxis.title.text
    assert "missing: 0" in draw_classes([0], [[0.0] + [0.111] * 9], names, true).alt


def test_the_numbers_in_words(runs: dict[str, Run]) -> None:
    words = quality_in_words(runs["picture_gan"].snapshots[-1].metrics, "digits")
    assert "Fréchet distance" in words and "a GAN has no density" in words


@pytest.mark.parametrize("model", ["picture_gan", "style_gan"])
def test_the_property_cards_are_measured(model: str) -> None:
    assert all(
        card(model)[question]["value"] and "not measured" not in card(model)[question]["value"]
        for question in QUESTIONS
    )


# ---- the questions ----


def test_pictures_and_opinions_are_those_of_the_model(ask: Callable, runs: dict[str, Run]) -> None:
    z, model = rows(3, 16), runs["picture_gan"].model().eval()
    found = ask(what="game_decode", z=z)
    with torch.inference_mode():
        x = model.decode(torch.tensor(z))
        np.testing.assert_array_equal(found["pictures"], (x * 255 / 16).round().byte().numpy())
        np.testing.assert_allclose(found["logits"], model.discriminate(x.round()).numpy(), atol=1e-4)
    np.testing.assert_allclose(found["chances"].sum(1), 1, atol=1e-4)


def test_several_visitors_are_answered_in_one_pass(runs: dict[str, Run], ask: Callable) -> None:
    questions = [read_ask({"run": "x", "step": None, "what": "game_decode", "z": rows(n, 16, n)}) for n in (1, 4)]
    model = runs["picture_gan"].model().eval()
    with torch.inference_mode():
        together = type(questions[0]).answer(model, runs["picture_gan"], questions)
    for n, question in zip((1, 4), questions, strict=True):
        alone = ask(what="game_decode", z=rows(n, 16, n))["pictures"].astype(int)
        assert np.abs(together[question]["pictures"].astype(int) - alone).max() <= 1


def test_styles_are_mixed_and_cut_short(ask: Callable) -> None:
    z, other = rows(1, 32, 1), rows(1, 32, 2)[0]
    fields = {"kind": "style_gan", "what": "game_decode", "z": z}
    first, second = ask(**fields)["pictures"], ask(**fields | {"z": [other]})["pictures"]
    np.testing.assert_array_equal(ask(**fields, other=other, levels=0)["pictures"], first)
    np.testing.assert_array_equal(ask(**fields, other=other, levels=3)["pictures"], second)
    mean = [ask(**fields | {"z": row}, truncation=0)["pictures"] for row in (z, [other])]
    np.testing.assert_array_equal(*mean)
    loud, again = (ask(**fields, noises=3, seed=seed)["logits"] for seed in (1, 1))
    np.testing.assert_array_equal(loud, again)


def test_the_nearest_are_those_of_a_search(ask: Callable) -> None:
    z, examples = rows(1, 16, 5), DATASETS["digits"].examples()
    found, picture = ask(what="game_nearest", z=z), ask(what="game_decode", z=z)["pictures"][0]
    x = torch.from_numpy((picture.astype(np.float32) * 16 / 255).round())[None]
    best = nearest(x, examples.train)
    assert found["distances"][0] == pytest.approx(best.distance.item() * 255 / 16 / 8, rel=1e-4)
    expected = (examples.train[best.which[0]].float() * 255 / 16).round().byte().numpy()
    np.testing.assert_array_equal(found["pictures"][0], expected)
    assert found["usual"].tolist() == sorted(found["usual"].tolist()) and found["distances"].shape == (3,)


@pytest.mark.parametrize("kind", ["picture_gan", "style_gan"])
def test_the_noises_of_the_wall_and_what_latents_move(kind: str, ask: Callable, runs: dict[str, Run]) -> None:
    found, model = ask(kind, what="game_latents"), runs[kind].model().eval()
    with torch.inference_mode():
        assert torch.equal(torch.from_numpy(found["wall"]), model.draw_latents(model.n_shown, make_rng(SHOWN_SEED)))
        np.testing.assert_allclose(found["moves"], latent_moves(model))
    assert (found["moves"] > 0).all() and found["moves"].shape == (model.n_latents,)
    shown = runs[kind].snapshots[-1].arrays["samples"]
    assert len(shown) == len(found["wall"])
    if kind == "picture_gan":  # without noise of its own the wall is what these latents become
        decoded = ask(what="game_decode", z=found["wall"].tolist())["pictures"]
        assert np.abs(decoded.astype(int) - shown.astype(int)).max() <= 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"z": [[0.0] * 5]}, "Expected rows of 16 latents, got 5"),
        ({"z": []}, "Expected 1 to 128 rows"),
        ({"z": [[math.inf] * 16]}, "finite"),
        ({"z": [[0.0] * 16], "truncation": 999}, "truncation from 0 to 150"),
        ({"z": [[0.0] * 16], "levels": "all"}, "levels from 0 to 255"),
        ({"z": [[0.0] * 16], "other": [0.0] * 3}, "Expected rows of 16 latents"),
    ],
)
def test_bad_questions_are_told(fields: dict[str, Any], said: str, ask: Callable) -> None:
    with pytest.raises(SettingError, match=said):
        ask(what="game_decode", **fields)
