"""Settings as options: `n_couplings` becomes `--n-couplings`, with its range and help."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from engines.settings import SettingField, Settings, Value, setting_fields


def add_settings(
    parser: argparse.ArgumentParser, title: str, cls: type[Settings], prefix: str = "", *, usual: Settings | None = None
) -> None:
    """Add an option for each setting; its text is kept as it came, and parsed by `read_settings`.

    Args:
        parser: Gets the options.
        title: Heading in the help.
        cls: The settings.
        prefix: Before each name: "data." makes `--data.noise`.
        usual: Where an option that is not given begins; None: at the defaults of the settings.
    """
    usual = usual or cls()
    group = parser.add_argument_group(title)
    for field in setting_fields(cls):
        shown = argparse.SUPPRESS if field.is_hidden else _help(field, getattr(usual, field.name))
        group.add_argument(*_options(field, prefix), dest=prefix + field.name, metavar=_metavar(field), help=shown)


def read_settings(arguments: argparse.Namespace, cls: type[Settings], prefix: str = "") -> dict[str, Value]:
    """The settings that were given, checked.

    Raises:
        SettingError: If a value is impossible.
    """
    given: Mapping[str, Any] = vars(arguments)
    fields = [field for field in setting_fields(cls) if given[prefix + field.name] is not None]
    return {field.name: field.parse(given[prefix + field.name]) for field in fields}


def _options(field: SettingField, prefix: str) -> list[str]:
    """`--n-couplings`; a name of one letter, `-n`, also with one dash."""
    short = [f"-{field.name}"] if len(field.name) == 1 and not prefix else []
    return [*short, f"--{prefix}{field.name.replace('_', '-')}"]


def _metavar(field: SettingField) -> str:
    metavars = {"int": "N", "float": "X", "bool": "YES_OR_NO", "choice": "NAME", "text": "TEXT", "subset": "NAMES"}
    return metavars.get(field.kind, "NUMBERS")


def _help(field: SettingField, usual: Value) -> str:
    text = f"{field.label}: {field.help} Takes {field.expected}; default {field.format(usual)}."
    return text.replace("%", "%%")
