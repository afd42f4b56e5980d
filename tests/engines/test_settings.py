"""Settings: one field makes the widget, the link, the command line and the check; nothing impossible gets through."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import GenLabError, SettingError
from engines.settings import SettingField, Settings, setting, setting_fields
from engines.training import Plan


@dataclass(frozen=True)
class Kitchen(Settings):
    """One setting of each kind."""

    burners: int = setting(4, "Burners", "How many.", low=1, high=6, step=1)
    heat: float = setting(0.5, "Heat", "How hot.", low=0.0, high=2.0, step=0.1, unit="kW")
    is_gas: bool = setting(False, "Gas", "Flame or not.")
    colour: str = setting("white", "Colour", "Of the door.", choices=("white", "black"))
    note: str = setting("", "Note", "What the cook says.", max_length=10, is_hidden=True)


FIELDS = {field.name: field for field in setting_fields(Kitchen)}

kitchens = st.builds(
    Kitchen,
    burners=st.integers(1, 6),
    heat=st.floats(0, 2),
    is_gas=st.booleans(),
    colour=st.sampled_from(["white", "black"]),
    note=st.text(max_size=10),
)
anything = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.just(10**400)
)


def test_a_field_knows_all_about_itself() -> None:
    assert list(FIELDS) == ["burners", "heat", "is_gas", "colour", "note"]
    assert [field.kind for field in FIELDS.values()] == ["int", "float", "bool", "choice", "text"]
    heat = FIELDS["heat"]
    assert (heat.default, heat.low, heat.high, heat.step, heat.unit) == (0.5, 0.0, 2.0, 0.1, "kW")
    assert (heat.label, heat.help) == ("Heat", "How hot.")
    assert FIELDS["note"].is_hidden and not heat.is_hidden


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("burners", "a whole number from 1 to 6"),
        ("heat", "a number from 0 to 2 kW"),
        ("is_gas", "true or false"),
        ("colour", "one of white, black"),
        ("note", "a text of at most 10 characters"),
    ],
)
def test_what_is_expected_is_said_in_words(name: str, expected: str) -> None:
    assert FIELDS[name].expected == expected


@given(kitchens)
def test_settings_survive_json(kitchen: Kitchen) -> None:
    assert Kitchen.from_dict(json.loads(json.dumps(kitchen.to_dict()))) == kitchen


@given(kitchens)
def test_settings_survive_a_link(kitchen: Kitchen) -> None:
    assert Kitchen.from_texts(kitchen.changed()) == (kitchen, [])


@given(kitchens)
def test_a_link_names_only_what_differs(kitchen: Kitchen) -> None:
    changed = kitchen.changed()
    assert set(changed) == {f.name for f in FIELDS.values() if getattr(kitchen, f.name) != f.default}


@given(st.sampled_from(list(FIELDS)), anything)
def test_nothing_impossible_is_built(name: str, value: Any) -> None:
    try:
        kitchen = Kitchen.from_dict({name: value})
    except SettingError as error:
        assert FIELDS[name].expected in str(error) and len(str(error)) < 200
    else:
        assert_possible(FIELDS[name], getattr(kitchen, name))


@given(
    st.sampled_from(list(FIELDS)),
    st.text() | st.sampled_from(["nan", "inf", "-inf", "1e999", "0x10", "٣", "1_0", "4.5"]),
)
def test_any_text_in_a_link_gives_settings_or_a_sentence(name: str, text: str) -> None:
    kitchen, problems = Kitchen.from_texts({name: text})
    assert_possible(FIELDS[name], getattr(kitchen, name))
    if problems:
        assert getattr(kitchen, name) == FIELDS[name].default
        assert len(problems) == 1 and problems[0].endswith("is used.")


def assert_possible(field: SettingField, value: Any) -> None:
    kinds: dict[str, type] = {"int": int, "float": float, "bool": bool, "choice": str, "text": str}
    assert type(value) is kinds[field.kind]
    if field.low is not None and field.high is not None:
        assert math.isfinite(value) and field.low <= value <= field.high
    if field.choices:
        assert value in field.choices
    if field.kind == "text":
        assert len(value) <= field.max_length


def test_one_bad_text_spoils_nothing_else() -> None:
    kitchen, problems = Kitchen.from_texts({"burners": "3", "heat": "9", "colour": "pink", "unknown": "1"})
    assert kitchen == Kitchen(burners=3)
    assert problems == [
        "Heat: expected a number from 0 to 2 kW, got '9'. The default, 0.5, is used.",
        "Colour: expected one of white, black, got 'pink'. The default, white, is used.",
    ]


def test_a_whole_float_is_an_int_and_an_int_a_float() -> None:
    kitchen = Kitchen.from_dict({"burners": 3.0, "heat": 1})
    assert type(kitchen.burners) is int and type(kitchen.heat) is float


def test_an_unknown_setting_is_told() -> None:
    with pytest.raises(SettingError, match="Unknown setting 'burner': expected one of burners, colour"):
        Kitchen.from_dict({"burner": 3})


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(SettingError) as caught:
        Kitchen(note="x" * 100_000)
    assert len(str(caught.value)) < 150


def test_replace_checks_too() -> None:
    with pytest.raises(GenLabError):
        dataclasses.replace(Kitchen(), burners=99)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Kitchen().burners = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_a_field_without_a_setting_is_refused() -> None:
    @dataclass(frozen=True)
    class Bare(Settings):
        size: int = 3

    with pytest.raises(SettingError, match="'size' must be made with setting"):
        Bare()


def test_defaults_are_possible() -> None:
    for field in (*FIELDS.values(), *setting_fields(Plan)):
        assert field.check(field.default) == field.default
        assert field.parse(field.format(field.default)) == field.default


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("Hidden layers", "hidden layers"), ("Discriminator's steps", "discriminator's steps"), ("Adam β₁", "Adam β₁"),
        ("R1 penalty γ", "R1 penalty γ"), ("PacGAN pack size", "PacGAN pack size"), ("σ min", "σ min"),
        ("KL annealing (warm-up)", "KL annealing (warm-up)"), ("Noise–data coupling", "noise–data coupling"),
        ("D's rate / G's", "D's rate / G's"), ("Learning-rate decay", "learning-rate decay"), ("β", "β"),
        ("Fourier features", "Fourier features"), ("ODE blocks", "ODE blocks"), ("Pack", "pack"),
    ],
)  # fmt: skip
def test_a_label_in_a_sentence_keeps_names_and_abbreviations(label: str, said: str) -> None:
    assert dataclasses.replace(FIELDS["heat"], label=label).in_text == said
