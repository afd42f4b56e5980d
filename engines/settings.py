"""Settings: frozen dataclasses whose fields carry their own range, unit and help.

One field is the one place for a setting: widgets, URL parsing, the command line, tests and the
documentation are all made from it. An impossible value cannot exist: the constructor checks it.

To add one: write `name: float = setting(0.1, "Noise width", "Standard deviation ...", low=0.01, high=1.0)`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Self, get_type_hints

from engines.errors import SettingError

Value = int | float | bool | str
Kind = Literal["int", "float", "bool", "choice", "text", "numbers"]
PROPER_NAMES = {"Adam", "Fourier", "Lipschitz"}


@dataclass(frozen=True)
class SettingField:
    """All that is known about one setting."""

    name: str
    kind: Kind
    default: Value
    label: str
    help: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    max_length: int = 200
    is_hidden: bool = False
    is_log: bool = False
    most: int = 1
    is_last: bool = False
    rule: Callable[[str], str] | None = None

    @property
    def in_text(self) -> str:
        """The label inside a sentence: without its capital, unless it begins with a name or an abbreviation."""
        first = re.split(r"[\s'–-]", self.label)[0]
        is_word = first.isalpha() and first.istitle() and len(first) > 1 and first not in PROPER_NAMES
        return self.label[0].lower() + self.label[1:] if is_word else self.label

    def check(self, value: object) -> Value:
        """The value in its own type.

        Raises:
            SettingError: If it has the wrong kind or lies outside the range.
        """
        if self.kind == "bool":
            return self._check_bool(value)
        if self.kind == "choice":
            return self._check_choice(value)
        if self.kind == "text":
            return self._check_text(value)
        if self.kind == "numbers":
            return self._check_numbers(value)
        return self._check_number(value)

    def parse(self, text: str) -> Value:
        """The value that a URL or a command line means by this text."""
        if self.kind == "bool":
            known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
            return self._check_bool(known.get(text.lower(), text))
        if self.kind in ("choice", "text", "numbers"):
            return self.check(text)
        try:
            return self.check(float(text))
        except ValueError:
            raise self._wrong(text) from None

    def format(self, value: Value) -> str:
        """Text that `parse` turns back into the same value."""
        return str(value).lower() if self.kind == "bool" else str(value)

    @property
    def expected(self) -> str:
        """What a valid value looks like, in words."""
        if self.kind == "bool":
            return "true or false"
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "text":
            return f"a text of at most {self.max_length} characters"
        if self.kind == "numbers":
            return f"1 to {self.most} numbers from {self.low:g} to {self.high:g}, with spaces between them"
        noun = "a whole number" if self.kind == "int" else "a number"
        return f"{noun} from {self.low:g} to {self.high:g}{' ' + self.unit if self.unit else ''}"

    def _wrong(self, value: object) -> SettingError:
        shown = str(value) if len(str(value)) <= 40 else str(value)[:40] + "…"
        return SettingError(f"{self.label}: expected {self.expected}, got {shown!r}.")

    def _check_bool(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise self._wrong(value)
        return value

    def _check_choice(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.choices:
            raise self._wrong(value)
        return value

    def _check_text(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > self.max_length:
            raise self._wrong(value)
        return self.rule(value) if self.rule else value

    def _check_numbers(self, value: object) -> str:
        try:
            found = numbers_of(value) if isinstance(value, str) else ()
        except ValueError:
            found = ()
        is_inside = all(self.low is not None and self.high is not None and self.low <= v <= self.high for v in found)
        if not 1 <= len(found) <= self.most or not is_inside:
            raise self._wrong(value)
        return " ".join(f"{v:g}" for v in found)

    def _check_number(self, value: object) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(value)
        if not (self.low is not None and self.high is not None and self.low <= value <= self.high):
            raise self._wrong(value)
        if self.kind == "float":
            return float(value)
        if value != int(value):
            raise self._wrong(value)
        return int(value)


def setting(
    default: Value,
    label: str,
    help: str,  # noqa: A002  (the word that every widget uses)
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    unit: str = "",
    choices: tuple[str, ...] = (),
    max_length: int = 200,
    is_hidden: bool = False,
    is_log: bool = False,
    most: int = 0,
    is_last: bool = False,
    rule: Callable[[str], str] | None = None,
) -> Any:
    """A dataclass field that carries its range, unit and help.

    Args:
        default: The value that a newcomer gets.
        label: Two or three words, as shown beside the control.
        help: One sentence: what it does, and what to watch when it is turned.
        low: Smallest value of a number.
        high: Largest value of a number.
        step: Grain of the control.
        unit: Unit of a number, empty if it has none.
        choices: Allowed texts; makes the setting a choice.
        max_length: Longest text.
        is_hidden: Set by a canvas or an upload, never by a widget.
        is_log: Whether equal ratios matter, not equal differences.
        most: Makes a text setting a list of at most so many numbers, each between low and high.
        is_last: Stands after the settings of a subclass, because a whole family shares it.
        rule: Brings a text into its usual form, or raises SettingError with what was expected.
    """
    info = dict(label=label, help=help, low=low, high=high, step=step, unit=unit)
    info |= dict(choices=choices, max_length=max_length, is_hidden=is_hidden, is_log=is_log, most=most)
    info |= dict(is_last=is_last, rule=rule)
    return dataclasses.field(default=default, metadata={"setting": info})


@dataclass(frozen=True)
class Settings:
    """Base of all settings. Building one with an impossible value raises `SettingError`."""

    def __post_init__(self) -> None:
        for field in setting_fields(type(self)):
            object.__setattr__(self, field.name, field.check(getattr(self, field.name)))

    def to_dict(self) -> dict[str, Value]:
        """All values by name, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Build from values by name; missing ones take their default.

        Raises:
            SettingError: If a name is unknown or a value impossible.
        """
        known = {field.name for field in setting_fields(cls)}
        for name in values:
            if name not in known:
                raise SettingError(f"Unknown setting {name!r}: expected one of {', '.join(sorted(known)) or 'none'}.")
        return cls(**values)  # pyright: ignore[reportArgumentType]  (checked by __post_init__)

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], base: Self | None = None) -> tuple[Self, list[str]]:
        """Build from texts such as a URL's; each impossible one becomes a sentence and what `base` has is kept.

        Args:
            texts: Values by name.
            base: Where what is not named comes from; None: the defaults.
        """
        values: dict[str, Any] = {} if base is None else base.to_dict()
        problems: list[str] = []
        for field in setting_fields(cls):
            if field.name not in texts:
                continue
            try:
                values[field.name] = field.parse(texts[field.name])
            except SettingError as error:
                default = field.format(values.get(field.name, field.default))
                named = f", {default}," if 0 < len(default) <= 40 else ""  # a drawing is no words
                problems.append(f"{error} The default{named} is used.")
        return cls(**values), problems

    def changed(self, base: Self | None = None) -> dict[str, str]:
        """The settings that differ from those of `base` (None: from their default), as texts for a link."""
        usual, fields = base or type(self)(), setting_fields(type(self))
        names = [f.name for f in fields if getattr(self, f.name) != getattr(usual, f.name)]
        return {f.name: f.format(getattr(self, f.name)) for f in fields if f.name in names}


@cache
def setting_fields(cls: type[Settings]) -> tuple[SettingField, ...]:
    """The fields of a settings class in their order, those that a family shares at the end."""
    hints = get_type_hints(cls)
    fields = [_describe(field, hints[field.name]) for field in dataclasses.fields(cls)]
    return tuple(sorted(fields, key=lambda field: field.is_last))


def _describe(field: dataclasses.Field[Any], hint: type) -> SettingField:
    info = field.metadata.get("setting")
    if info is None:
        raise SettingError(f"Field {field.name!r} must be made with setting(...).")
    kinds: dict[type, Kind] = {bool: "bool", int: "int", float: "float", str: "text"}
    kind: Kind = "choice" if info["choices"] else "numbers" if info["most"] else kinds[hint]
    return SettingField(name=field.name, kind=kind, default=field.default, **info)  # pyright: ignore[reportArgumentType]


def numbers_of(text: str) -> tuple[float, ...]:
    """The numbers of a list setting, in its order; commas count as spaces.

    Raises:
        ValueError: If a word is no number.
    """
    return tuple(float(word) for word in text.replace(",", " ").split())
