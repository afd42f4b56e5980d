"""Numbers that lessons quote are read where they were measured."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from app.page.facts import fill
from app.page.lessons import VIEWS, experiments
from engines.errors import DataError
from engines.training import Run

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.parent.name for path in VIEWS.glob("*/lessons.toml"))
WORDS = ("title", "what", "watch", "cure")

each_page = pytest.mark.parametrize("page", PAGES)


def test_a_number_of_a_stored_run_is_that_of_its_last_snapshot() -> None:
    rate = Run.load(ROOT / "checkpoints/vae/name_vae-names").snapshots[-1].metrics["rate"][0]
    assert fill("{run vae/name_vae-names rate/0 .3f} nats") == f"{rate:.3f} nats"


def test_a_number_of_a_measurement_is_that_of_its_file() -> None:
    stored = json.loads((ROOT / "benchmarks/results/properties_names.json").read_text(encoding="utf-8"))
    share = stored["results"]["sure"]["at_names"]
    place = "{file benchmarks/results/properties_names.json results/sure/at_names .0%}"
    assert fill(f"so {place} of it") == f"so {100 * share:.0f} % of it"


@pytest.mark.parametrize(
    "place", ["{run vae/nothing rate .1f}", "{run vae/name_vae-names no .1f}", "{file no.json a .1f}"]
)
def test_a_number_that_is_nowhere_is_told(place: str) -> None:
    with pytest.raises(DataError, match="which a text quotes"):
        fill(place)


@each_page
def test_every_named_number_is_there(page: str) -> None:
    for entry in experiments(page):
        assert not any("{" in entry[word] for word in WORDS if word in entry)


@each_page
def test_what_is_said_of_nats_seeds_and_shares_is_measured(page: str) -> None:
    """None of nats or seeds, and no share, that is neither read from a measurement nor set by the link or by theory."""
    with (VIEWS / page / "lessons.toml").open("rb") as file:
        entries = tomllib.load(file)["experiment"]
    loose = [
        f"{entry['title']}: {found}"
        for entry in entries
        for word in WORDS
        for found in re.findall(r"[0-9.,]+ (?:nats|%|of \d+ seeds)", re.sub(r"\{[^{}]*\}", "", entry.get(word, "")))
    ]
    assert [each for each in loose if each not in SET_BY_HAND.get(page, ())] == []


SET_BY_HAND: dict[str, tuple[str, ...]] = {  # settings of the link, not measurements
    "distillation": ("Power loss gives the voice back, not the words: 20 nats",),
    "flows": ("Outliers and maximum likelihood: 1 %",),
}
