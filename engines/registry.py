"""A read-only mapping from key to entry, in display order, made from an explicit list."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from engines.errors import UnknownKeyError


class HasKey(Protocol):
    """Anything that knows its own key."""

    @property
    def key(self) -> str: ...


Entry = TypeVar("Entry", bound=HasKey)


class Registry(Mapping[str, Entry]):
    """Entries by key, in the order given.

    Args:
        noun: What an entry is, for error messages ("data set").
        entries: The entries; each key may occur once.
    """

    def __init__(self, noun: str, entries: Sequence[Entry]) -> None:
        self._noun = noun
        self._entries = {entry.key: entry for entry in entries}
        if len(self._entries) != len(entries):
            raise ValueError(f"Two entries of the {noun} registry share a key.")

    def __getitem__(self, key: str) -> Entry:
        if key not in self._entries:
            raise UnknownKeyError(self._unknown(key))
        return self._entries[key]

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _unknown(self, key: str) -> str:
        near = difflib.get_close_matches(str(key), self._entries, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"There is no {self._noun} named {str(key)[:60]!r}.{hint} Known: {', '.join(self._entries)}."
