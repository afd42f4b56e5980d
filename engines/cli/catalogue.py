"""`list`: every model and data set, by key."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from engines.datasets import DATASETS
from engines.models import MODELS


def add_list(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("list", help="name every model and data set")
    command.set_defaults(call=list_all)


def list_all(arguments: argparse.Namespace) -> None:
    """Print both registries."""
    print("Models")
    _print_table((spec.key, spec.family, spec.idea) for spec in MODELS.values())
    print("\nData sets")
    _print_table((spec.key, spec.kind, spec.idea) for spec in DATASETS.values())


def _print_table(rows: Iterable[tuple[str, str, str]]) -> None:
    rows = list(rows)
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for key, kind, idea in rows:
        print(f"  {key:{widths[0]}}  {kind:{widths[1]}}  {idea}")
