"""Settings: frozen dataclasses whose fields carry their own range, unit and help.

One field is the one place for a setting: widgets, URL parsing, the command line, tests and the
documentation are all made from it. An impossible value cannot exist: the constructor checks it.

To add one: write `name: float = setting(0.1, "Noise width", "Standard deviation ...", low=0.01, high=1.0)`.
The type of the field tells its kind: `tuple[str, ...]` with choices is a subset of them, `tuple[float, float]` a point,
`tuple[float, ...]` a list of numbers; with `| None` the setting may be absent.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from engines.errors import SettingError

Value = int | float | bool | str
Kind = Literal["int", "float", "bool", "choice", "text", "numbers", "subset", "vector"]
PROPER_NAMES = {"Adam", "Fourier", "Lipschitz"}
NO_CHOICE = "none"  # an empty subset, as a word


@dataclass(frozen=True)
class SettingField:
    """All that is known about one setting."""

    name: str
    kind: Kind
    default: Any
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
    least: int = 0
    most: int = 1
    digits: int | None = None
    is_optional: bool = False
    is_last: bool = False
    rule: Callable[[str], str] | None = None

    @property
    def in_text(self) -> str:
        """The label inside a sentence: without its capital, unless it begins with a name or an abbreviation."""
        first = re.split(r"[\s'–-]", self.label)[0]
        is_word = first.isalpha() and first.istitle() and len(first) > 1 and first not in PROPER_NAMES
        return self.label[0].lower() + self.label[1:] if is_word else self.label

    def check(self, value: object) -> Any:
        """The value in its own type; None stays None where the setting may be absent.

        Raises:
            SettingError: If it has the wrong kind or lies outside the range.
        """
        if value is None and self.is_optional:
            return None
        checks: dict[Kind, Callable[[object], Any]] = {
            "bool": self._check_bool,
            "choice": self._check_choice,
            "text": self._check_text,
            "numbers": self._check_numbers,
            "subset": self._check_subset,
            "vector": self._check_vector,
        }
        return checks.get(self.kind, self._check_number)(value)

    def parse(self, text: str) -> Any:
        """The value that a URL or a command line means by this text."""
        if self.is_optional and not text:
            return None
        if self.kind == "bool":
            known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
            return self._check_bool(known.get(text.lower(), text))
        if self.kind in ("choice", "text", "numbers"):
            return self.check(text)
        try:
            return self.check(self._read(text))
        except (ValueError, SettingError):
            raise self._wrong(text) from None

    def format(self, value: Any) -> str:
        """Text that `parse` turns back into the same value."""
        if value is None:
            return ""
        if self.kind == "subset":
            return " ".join(value) or NO_CHOICE
        if self.kind == "vector":
            return ("," if self.least == self.most else " ").join(map(_short, value))
        if self.kind == "float" and self.digits is not None:
            return _short(value)
        return str(value).lower() if self.kind == "bool" else str(value)

    @property
    def expected(self) -> str:
        """What a valid value looks like, in words."""
        return self._expected() + (", or nothing" if self.is_optional else "")

    def _expected(self) -> str:
        if self.kind == "bool":
            return "true or false"
        if self.kind == "choice":
            return "one of " + ", ".join(filter(None, self.choices))
        if self.kind == "subset":
            return f"{'some' if self.least else 'any'} of " + ", ".join(self.choices)
        if self.kind == "text":
            return f"a text of at most {self.max_length} characters"
        if self.kind in ("numbers", "vector"):
            is_fixed = self.least == self.most
            count, between = (f"{self.most}", "a comma") if is_fixed else (f"1 to {self.most}", "spaces")
            return f"{count} numbers from {self.low:,.12g} to {self.high:,.12g}, with {between} between them"
        noun = "a whole number" if self.kind == "int" else "a number"
        return f"{noun} from {self.low:g} to {self.high:g}{' ' + self.unit if self.unit else ''}"

    def _read(self, text: str) -> object:
        """The words or numbers of a text, not yet checked.

        Raises:
            ValueError: If a word is no number.
        """
        if self.kind == "subset":
            return () if text == NO_CHOICE else text.replace(",", " ").split()
        return numbers_of(text) if self.kind == "vector" else float(text)

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
        if not 1 <= len(found) <= self.most or not all(map(self._is_within, found)):
            raise self._wrong(value)
        return " ".join(f"{v:g}" for v in found)

    def _check_subset(self, value: object) -> tuple[str, ...]:
        names = value if isinstance(value, list | tuple) else [None]
        if not all(name in self.choices for name in names):
            raise self._wrong(value)
        found = tuple(choice for choice in self.choices if choice in names)
        if len(found) < self.least:
            raise self._wrong(value)
        return found

    def _check_vector(self, value: object) -> tuple[float, ...]:
        if not isinstance(value, list | tuple) or not self.least <= len(value) <= self.most:
            raise self._wrong(value)
        if not all(map(self._is_within, value)):
            raise self._wrong(value)
        return tuple(map(self._rounded, value))

    def _check_number(self, value: object) -> int | float:
        if not isinstance(value, int | float) or not self._is_within(value):
            raise self._wrong(value)
        if self.kind == "float":
            return self._rounded(value)
        if value != int(value):
            raise self._wrong(value)
        return int(value)

    def _is_within(self, value: object) -> bool:
        """Whether it is a number of the range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low is not None and self.high is not None and self.low <= value <= self.high

    def _rounded(self, value: float) -> float:
        return float(value) if self.digits is None else round(float(value), self.digits) + 0.0  # never -0.0


def setting(
    default: Any,
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
    least: int = 0,
    most: int = 0,
    digits: int | None = None,
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
        choices: Allowed texts; makes the setting a choice, or a subset of them.
        max_length: Longest text.
        is_hidden: Set by a canvas or an upload, never by a widget.
        is_log: Whether equal ratios matter, not equal differences.
        least: Fewest choices of a subset.
        most: Most numbers of a list, each between low and high; makes a text setting one.
        digits: Of a float or a vector, after the point; more are rounded away. None: all are kept.
        is_last: Stands after the settings of a subclass, because a whole family shares it.
        rule: Brings a text into its usual form, or raises SettingError with what was expected.
    """
    info = dict(label=label, help=help, low=low, high=high, step=step, unit=unit)
    info |= dict(choices=choices, max_length=max_length, is_hidden=is_hidden, is_log=is_log, least=least, most=most)
    info |= dict(digits=digits, is_last=is_last, rule=rule)
    return dataclasses.field(default=default, metadata={"setting": info})


@dataclass(frozen=True)
class Settings:
    """Base of all settings. Building one with an impossible value raises `SettingError`."""

    def __post_init__(self) -> None:
        for field in setting_fields(type(self)):
            object.__setattr__(self, field.name, field.check(getattr(self, field.name)))

    def to_dict(self) -> dict[str, Any]:
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


def _describe(field: dataclasses.Field[Any], hint: Any) -> SettingField:
    info = field.metadata.get("setting")
    if info is None:
        raise SettingError(f"Field {field.name!r} must be made with setting(...).")
    is_optional = NoneType in get_args(hint)
    if is_optional:
        hint = next(each for each in get_args(hint) if each is not NoneType)
    about = {"name": field.name, "default": field.default, "is_optional": is_optional, "kind": _kind_of(hint, info)}
    return SettingField(**about | info | _counts_of(hint, info))


def _kind_of(hint: Any, info: Mapping[str, Any]) -> Kind:
    if get_origin(hint) is tuple:
        return "subset" if info["choices"] else "vector"
    kinds: dict[type, Kind] = {bool: "bool", int: "int", float: "float", str: "text"}
    return "choice" if info["choices"] else "numbers" if info["most"] else kinds[hint]


def _counts_of(hint: Any, info: Mapping[str, Any]) -> dict[str, int]:
    """How many numbers a list or a vector has at least and at most."""
    if get_origin(hint) is not tuple or info["choices"]:
        return {}
    parts = get_args(hint)
    return {"least": 1} if Ellipsis in parts else {"least": len(parts), "most": len(parts)}


def _short(value: float) -> str:
    """All digits of a number, without an empty fraction."""
    return repr(value).removesuffix(".0")


def numbers_of(text: str) -> tuple[float, ...]:
    """The numbers of a list setting, in its order; commas count as spaces.

    Raises:
        ValueError: If a word is no number.
    """
    return tuple(float(word) for word in text.replace(",", " ").split())
