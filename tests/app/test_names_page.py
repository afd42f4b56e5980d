"""The page of names, run as Streamlit runs it: names typed, links, presets, runs, and what its canvas may ask."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.asks import read_ask
from app.house import House
from app.page.lessons import experiments
from app.views.sentence_vae.asks import N_LETTERS, NameCodeAsk, NameDrawAsk, NameMapAsk, SpellAsk
from app.views.sentence_vae.canvas import NamePlace
from app.views.sentence_vae.numbers import letter_terms, titled
from engines.datasets import DATASETS
from engines.datasets.names import SYMBOLS, decode_name, encode_name
from engines.errors import DataError, GenLabError, SettingError
from engines.models import MODELS
from engines.settings import setting_fields
from engines.training import Experiment, Plan, Trainer
from engines.training.run import Run
from engines.training.store import RunStore
from engines.training.storing import train_and_store
from tests.app.pages import Open, another, changed, checked, link_of, opener, press, sentences, turn, wanted

SETTINGS = MODELS["name_vae"].settings


@pytest.fixture
def visit(home: House) -> Open:
    """Opens the page by a link."""
    return opener("views/sentence_vae/page.py")


@pytest.fixture(scope="session")
def trained_names(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small model of names after 12 steps."""
    experiment = Experiment.default("name_vae", "names", steps=12, settings={"width": 16})
    store = RunStore(tmp_path_factory.mktemp("names"))
    return train_and_store(Trainer(experiment, device="cpu"), store.root / experiment.digest)


@pytest.fixture
def stored_names(trained_names: Run, home: House) -> Run:
    """The small model, in the house's own store."""
    return home.shelves.own.add(trained_names)


def type_name(page: AppTest, end: str, text: str) -> AppTest:
    page.text_input(key=f"names.pair.{end}").set_value(text)
    return checked(page.run())


# ---- names ----


def test_the_page_opens_with_two_names_and_the_usual_experiment(visit: Open, home: House) -> None:
    page = visit()
    assert sentences(page) == []
    assert "between two names" in page.title[0].value.lower()
    assert link_of(page) == {"a": "berlin", "b": "new york"}
    assert wanted(page, home) == Experiment.default("name_vae", "names")


@pytest.mark.parametrize(
    ("typed", "name"),
    [("Zürich", "zurich"), ("  NEW   delhi ", "new delhi"), ("Malmö", "malmo"), ("Xi’an", "xi'an"), ("a", "a")],
)
def test_a_typed_name_is_read(typed: str, name: str, visit: Open) -> None:
    page = type_name(visit(), "a", typed)
    assert sentences(page) == []
    assert link_of(page)["a"] == name


@pytest.mark.parametrize(
    "typed", ["", "   ", "42", "Łódź 🙂", "Москва", "東京", "Llanfairpwllgwyngyll", "a_b", "😀", "x" * 40]
)
def test_what_is_no_name_is_told_and_what_was_there_stays(typed: str, visit: Open) -> None:
    page = type_name(visit({"a": "quito"}), "a", typed)
    (sentence,) = sentences(page)
    assert sentence.startswith("Expected") and sentence.endswith("Quito stays.")
    assert link_of(page) == {"a": "quito", "b": "new york"}
    assert sentences(type_name(page, "a", "Lima")) == []
    assert link_of(page)["a"] == "lima"


def test_a_pair_to_try_sets_both_names(visit: Open) -> None:
    page = press(visit(), "names/pair/2")
    assert link_of(page) == {"a": "bogota", "b": "heidelberg"}
    assert page.text_input(key="names.pair.a").value == "Bogota"


@pytest.mark.parametrize(("name", "title"), [("new delhi", "New Delhi"), ("winston-salem", "Winston-Salem"), ("", "")])
def test_names_are_titled(name: str, title: str) -> None:
    assert titled(name) == title


# ---- links ----


def test_a_link_restores_names_place_and_settings(visit: Open, home: House) -> None:
    link = {"a": "kyoto", "b": "lima", "t": "0.35", "way": "round", "model.beta": "1.0", "plan.seed": "4"}
    page = visit(link)
    assert sentences(page) == []
    assert link_of(page) == link
    assert wanted(page, home) == Experiment.default("name_vae", "names", settings={"beta": 1.0}, seed=4)


def test_impossible_parts_of_a_link_are_told(visit: Open) -> None:
    page = visit({"a": "12345", "b": "lima", "model.beta": "x", "target": "moons", "run": "deadbeefdeadbeef"})
    told = "\n".join(sentences(page))
    for part in ("'1'", "β: expected", "is no list of names", "not stored here"):
        assert part in told
    assert link_of(page) == {"a": "berlin", "b": "lima"}


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({}, NamePlace()),
        ({"t": "0.5"}, NamePlace(0.5)),
        ({"t": "7", "way": "sideways"}, NamePlace()),
        ({"t": "nan"}, NamePlace()),
        ({"z": "1 2 -3", "way": "round"}, NamePlace(None, "round", (1.0, 2.0, -3.0))),
        ({"z": "1 two"}, NamePlace()),
        ({"z": "inf 1"}, NamePlace()),
        ({"z": ""}, NamePlace()),
    ],
)
def test_the_place_of_a_link(query: dict[str, str], place: NamePlace) -> None:
    assert NamePlace.of_link(query, []) == place


def test_the_labs_place_goes_into_the_link(visit: Open, stored_names: Run) -> None:
    page = visit({"run": stored_names.experiment.digest})
    told = {"of": f"{stored_names.experiment.digest}/0", "t": 0.4, "way": "round", "z": None}
    page.session_state["names/lab"] = {"moment": told}
    found = link_of(checked(page.run()))
    assert (found["t"], found["way"]) == ("0.4", "round") and "z" not in found


# ---- controls, lessons, runs ----


@pytest.mark.parametrize("group, cls", [("plan", Plan), ("model", SETTINGS)])
def test_each_control_changes_the_experiment_and_the_link(group: str, cls: Any, visit: Open, home: House) -> None:
    page, usual = visit(), MODELS["name_vae"].usual("names")
    base = usual.plan if group == "plan" else usual.settings
    for field in setting_fields(cls):
        value = another(replace(field, default=getattr(base, field.name)))
        turn(page, f"names.{group}.{field.name}", value)
        assert field.parse(link_of(page)[f"{group}.{field.name}"]) == value
    experiment = wanted(page, home)
    if group == "model":
        assert SETTINGS.from_dict(experiment.settings) == changed(SETTINGS)


@pytest.mark.parametrize("preset", ["collapsed", "free bits"])
def test_a_preset_sets_the_model(preset: str, visit: Open, home: House) -> None:
    page = visit()
    checked(page.selectbox(key="names/preset").set_value(preset).run())
    assert SETTINGS.from_dict(wanted(page, home).settings) == MODELS["name_vae"].presets[preset]


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(experiments("sentence_vae"))))
def test_an_experiment_to_try_sets_the_page_up(index: int, visit: Open, home: House) -> None:
    lesson = dict(experiments("sentence_vae")[index]["link"])
    page = visit({"a": "accra", "plan.seed": "9", "model.width": "64"})
    press(page, f"names/lesson/{index}")
    assert sentences(page) == []
    assert {k: v for k, v in link_of(page).items() if k in lesson} == lesson
    assert wanted(page, home) == wanted(visit(lesson), home)


def test_a_stored_run_shows_its_numbers(visit: Open, stored_names: Run) -> None:
    page = visit({"run": stored_names.experiment.digest})
    assert sentences(page) == []
    assert len(page.latex) == 2
    assert any("log p(Berlin given z)" in text.value for text in page.markdown)


def test_the_letters_of_the_formula_add_up(visit: Open, stored_names: Run) -> None:
    visit()
    model = stored_names.model()
    for name in ("new delhi", "abcdefghijklmno"):  # the second one fills all places: its end is certain
        x = encode_name(name)[None]
        terms = letter_terms(stored_names.experiment.digest, stored_names.info.started, name)
        total = float(model.log_prob_given(x, model.encode(x).mean))
        assert sum(value for _, value in terms) == pytest.approx(total, abs=1e-4)
        assert [letter for letter, _ in terms][: len(name)] == list(name)


# ---- what the canvas asks ----


def ask(run: Run, **message: Any) -> tuple[Any, Any]:
    found = read_ask({"run": run.experiment.digest, "step": None, **message})
    with torch.inference_mode():
        return found, type(found).answer(run.model(), run, [found])[found]


def test_spelling_tells_each_letter_and_its_share(trained_names: Run) -> None:
    rows = torch.randn(3, 16, generator=torch.Generator().manual_seed(0)).round(decimals=3)
    _, seen = ask(trained_names, what="spell", z=rows.tolist())
    model = trained_names.model()
    assert torch.equal(torch.from_numpy(seen["tokens"]).long(), model.decode(rows))
    expected = model.log_prob_given(model.decode(rows), rows).numpy()
    np.testing.assert_allclose(seen["log_prob"].astype(float), expected, rtol=2e-3, atol=2e-3)
    first = model.letter_logits(torch.zeros(3, 0, dtype=torch.long), rows).softmax(1)
    np.testing.assert_allclose(seen["shares"][:, 0], first.topk(N_LETTERS).values.numpy(), atol=2e-3)
    assert (seen["letters"][:, 0, 0] == seen["tokens"][:, 0]).all()


def test_questions_of_one_instant_are_answered_together(trained_names: Run) -> None:
    digest = trained_names.experiment.digest
    asks = [SpellAsk(digest, None, 0, ((0.1 * i,) * 16,) * (i + 1)) for i in range(3)]
    with torch.inference_mode():
        together = SpellAsk.answer(trained_names.model(), trained_names, asks)
        for one in asks:
            alone = SpellAsk.answer(trained_names.model(), trained_names, [one])[one]
            assert np.array_equal(alone["tokens"], together[one]["tokens"]) and len(alone["tokens"]) == len(one.z)


def test_codes_of_names_and_their_parts_of_the_bound(trained_names: Run) -> None:
    found, seen = ask(trained_names, what="name_code", names=["Zürich", "oslo"])
    assert found.names == ("zurich", "oslo")
    model, x = trained_names.model(), torch.stack([encode_name("zurich"), encode_name("oslo")])
    np.testing.assert_allclose(seen["mean"].astype(float), model.encode(x).mean.numpy(), atol=2e-3)
    np.testing.assert_allclose(seen["rate"].astype(float), model.encode(x).kl().sum(1).numpy(), rtol=2e-3)
    bounds = torch.stack([model.log_prob_bound(x, rng=torch.Generator().manual_seed(s)) for s in range(200)])
    spread = float(bounds.std(0).max()) * math.sqrt(1 / 64 + 1 / 200)
    np.testing.assert_allclose(-seen["rate"] - seen["distortion"], bounds.mean(0).numpy(), atol=5 * spread + 0.05)


def test_draws_follow_their_temperature_and_seed(trained_names: Run) -> None:
    message = {"what": "name_draw", "z": [0.5] * 16, "n": 12}
    _, cold = ask(trained_names, temperature=0.0, **message)
    _, warm = ask(trained_names, temperature=1.0, seed=3, **message)
    _, again = ask(trained_names, temperature=1.0, seed=3, **message)
    assert len({tuple(name) for name in cold["tokens"].tolist()}) == 1
    assert len({tuple(name) for name in warm["tokens"].tolist()}) > 6
    assert np.array_equal(warm["tokens"], again["tokens"])
    _, prior = ask(trained_names, what="name_draw", temperature=0.0, n=12)
    assert len({tuple(name) for name in prior["tokens"].tolist()}) > 1


def test_the_parts_of_the_map_hold_every_name_once(trained_names: Run) -> None:
    _, first = ask(trained_names, what="name_map", part=0)
    examples = DATASETS["names"].examples()
    names = [decode_name(tokens) for tokens in first["tokens"]]
    assert len(names) == len(examples.test) and first["axes"].shape == (2, 16)
    np.testing.assert_allclose(first["axes"].astype(float) @ first["axes"].T, np.eye(2), atol=5e-3)
    for part in range(1, int(first["n_parts"][0])):
        names += [decode_name(tokens) for tokens in ask(trained_names, what="name_map", part=part)[1]["tokens"]]
    assert len(set(names)) == len(names) == len(examples.test) + len(examples.train)


@pytest.mark.parametrize(
    "message",
    [
        {"what": "spell"},
        {"what": "spell", "z": [[]]},
        {"what": "spell", "z": [["a"]]},
        {"what": "spell", "z": [[0.0] * 16] * 41},
        {"what": "spell", "z": [[math.nan] * 16]},
        {"what": "name_code"},
        {"what": "name_code", "names": []},
        {"what": "name_code", "names": [3]},
        {"what": "name_code", "names": ["a" * 300]},
        {"what": "name_code", "names": ["😀"]},
        {"what": "name_code", "names": [""]},
        {"what": "name_code", "names": ["oslo"] * 5},
        {"what": "name_draw", "n": 0},
        {"what": "name_draw", "n": 1000},
        {"what": "name_draw", "n": 5, "temperature": 9},
        {"what": "name_draw", "n": 5, "temperature": "hot"},
        {"what": "name_draw", "n": 5, "z": "zero"},
        {"what": "name_draw", "n": 5, "seed": -1},
        {"what": "name_map"},
        {"what": "name_map", "part": -1},
    ],
)
def test_nonsense_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises((SettingError, DataError)):
        read_ask({"run": "0" * 16, "step": None} | message)


@pytest.mark.parametrize(
    "asked",
    [
        SpellAsk("0" * 16, None, 0, ((0.0,) * 3,)),
        NameDrawAsk("0" * 16, None, 0, (0.0,) * 3, 1.0, 2, 0),
    ],
)
def test_a_wrong_number_of_latents_is_told(asked: Any, trained_names: Run) -> None:
    with pytest.raises(SettingError, match="rows of 16 latents, got 3"):
        asked.check(trained_names.model(), trained_names)


@pytest.mark.parametrize("kind", [SpellAsk, NameCodeAsk, NameMapAsk])
def test_another_family_is_told(kind: Any, stored: Run) -> None:
    parts = {SpellAsk: (((0.0,),),), NameCodeAsk: (("oslo",),), NameMapAsk: (0,)}
    with pytest.raises(GenLabError, match="VAE of names"):
        asked = kind(stored.experiment.digest, None, 0, *parts[kind])
        asked.check(stored.model(), stored)


def test_symbols_are_what_the_canvas_is_told() -> None:
    assert DATASETS["names"].examples().symbols == SYMBOLS
