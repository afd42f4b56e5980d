"""Where a visitor is on a page's stage, as one set of fields: what the canvas tells, and what a link says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from engines.errors import SettingError
from engines.settings import Settings, setting_fields


@dataclass(frozen=True)
class Place(Settings):
    """What a visitor set on a stage: a chosen point, what is drawn, the order, and the like.

    A subclass has a field for each, named as the canvas tells it.

    Attributes:
        IN_LINKS: Field -> its name in links, where that is another one.
    """

    IN_LINKS: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def of_link(cls, query: Mapping[str, str], problems: list[str]) -> Self:
        """Where a link opens the stage; a sentence for each thing in it that is impossible."""
        names = {field.name: cls.IN_LINKS.get(field.name, field.name) for field in setting_fields(cls)}
        place, wrong = cls.from_texts({name: query[key] for name, key in names.items() if key in query})
        problems += wrong
        return place

    @classmethod
    def of_told(cls, moment: Mapping[str, Any]) -> Self:
        """Where a canvas says that its visitor is; what is impossible gives way to the default."""
        values: dict[str, Any] = {}
        for field in setting_fields(cls):
            try:
                values[field.name] = field.check(moment.get(field.name))
            except SettingError:
                values[field.name] = field.default
        return cls(**values)

    def numbers(self) -> dict[str, Any]:
        """As the canvas takes and tells it."""
        return self.to_dict()

    def texts(self) -> dict[str, str]:
        """What a link says of it: what differs from the usual."""
        return {self.IN_LINKS.get(name, name): text for name, text in self.changed().items()}
