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
    tools: tuple[str, ...] = setting(("pan", "pot"), "Tools", "On the wall.", choices=("pan", "pot", "wok"))
    spot: tuple[float, float] | None = setting(None, "Spot", "Where it is hot.", low=-2000.0, high=2000.0, digits=2)
    times: tuple[float, ...] = setting((1.0,), "Times", "Of the meals.", low=0.0, high=24.0, most=3)
    guests: int | None = setting(None, "Guests", "Who comes.", low=1, high=8)
    salt: float = setting(0.0, "Salt", "A pinch.", low=-1.0, high=1.0, digits=1)


FIELDS = {field.name: field for field in setting_fields(Kitchen)}

kitchens = st.builds(
    Kitchen,
    burners=st.integers(1, 6),
    heat=st.floats(0, 2),
    is_gas=st.booleans(),
    colour=st.sampled_from(["white", "black"]),
    note=st.text(max_size=10),
    tools=st.lists(st.sampled_from(["pan", "pot", "wok"]), unique=True),
    spot=st.none() | st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)),
    times=st.lists(st.floats(0, 24), min_size=1, max_size=3),
    guests=st.none() | st.integers(1, 8),
    salt=st.floats(-1, 1),
)
anything = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers() | st.floats())
    | st.lists(st.sampled_from(["pan", "wok", "axe"])) | st.just(10**400) | st.just([10**400, 1])
)  # fmt: skip


def test_a_field_knows_all_about_itself() -> None:
    assert {name: field.kind for name, field in FIELDS.items()} == {
        "burners": "int", "heat": "float", "is_gas": "bool", "colour": "choice", "note": "text",
        "tools": "subset", "spot": "vector", "times": "vector", "guests": "int", "salt": "float",
    }  # fmt: skip
    assert [name for name, field in FIELDS.items() if field.is_optional] == ["spot", "guests"]
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
        ("tools", "any of pan, pot, wok"),
        ("spot", "2 numbers from -2,000 to 2,000, with a comma between them, or nothing"),
        ("times", "1 to 3 numbers from 0 to 24, with spaces between them"),
        ("guests", "a whole number from 1 to 8, or nothing"),
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
    if value is None:
        assert field.is_optional
        return
    kinds: dict[str, type] = {"int": int, "float": float, "bool": bool, "choice": str, "text": str}
    assert type(value) is kinds.get(field.kind, tuple)
    parts = value if type(value) is tuple else (value,)
    if field.low is not None and field.high is not None:
        assert all(math.isfinite(part) and field.low <= part <= field.high for part in parts)
    if field.choices:
        assert all(part in field.choices for part in parts)
    if field.kind == "vector":
        assert field.least <= len(value) <= field.most
    if field.kind == "text":
        assert len(value) <= field.max_length


def test_one_bad_text_spoils_nothing_else() -> None:
    kitchen, problems = Kitchen.from_texts({"burners": "3", "heat": "9", "colour": "pink", "unknown": "1"})
    assert kitchen == Kitchen(burners=3)
    assert problems == [
        "Heat: expected a number from 0 to 2 kW, got '9'. The default, 0.5, is used.",
        "Colour: expected one of white, black, got 'pink'. The default, white, is used.",
    ]


def test_a_subset_is_kept_in_the_order_of_its_choices() -> None:
    assert Kitchen(tools=("wok", "pan", "wok")).tools == ("pan", "wok")
    assert Kitchen.from_texts({"tools": "wok,pan"})[0].tools == ("pan", "wok")
    assert Kitchen(tools=()).changed() == {"tools": "none"}


def test_a_subset_may_not_lack_its_least() -> None:
    some = dataclasses.replace(FIELDS["tools"], least=2)
    assert some.parse("pan wok") == ("pan", "wok")
    for text in ("none", "pan", "pan pan"):
        with pytest.raises(SettingError, match="expected some of pan, pot, wok"):
            some.parse(text)


def test_numbers_are_written_without_empty_fractions_and_zeros_without_a_sign() -> None:
    kitchen = Kitchen(spot=(1.0, -0.128), times=(7.0, 12.5), salt=-0.04)
    assert kitchen.changed() == {"spot": "1,-0.13", "times": "7 12.5"}
    assert str(kitchen.salt) == "0.0"


@pytest.mark.parametrize("text", ["1", "1,2,3", "1;2", "1,x", "5000,0", "nan,0"])
def test_what_is_no_point_is_told_as_it_was_typed(text: str) -> None:
    kitchen, problems = Kitchen.from_texts({"spot": text}, Kitchen(spot=(1.0, 2.0)))
    assert kitchen.spot == (1.0, 2.0)
    assert problems == [f"Spot: expected {FIELDS['spot'].expected}, got {text!r}. The default, 1,2, is used."]


def test_nothing_in_a_link_is_nothing() -> None:
    settings = Kitchen(spot=(1.0, 2.0), guests=3)
    assert Kitchen.from_texts({"spot": "", "guests": ""}, settings) == (Kitchen(), [])


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
