"""An experiment: everything that determines a run. Its digest is the run's name everywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import UnionType
from typing import Any, Self

from engines.errors import RunFormatError, SettingError, UnknownKeyError
from engines.plan import Plan
from engines.settings import Settings, Value, setting_fields

FORMAT_VERSION = 1
_KINDS: Mapping[str, type | UnionType] = {
    **dict.fromkeys(("model", "dataset", "origin"), str),
    **dict.fromkeys(("settings", "dataset_settings"), Mapping),
    **dict.fromkeys(("steps", "batch_size", "learning_rate", "seed"), int | float),
}


@dataclass(frozen=True)
class Experiment:
    """A model, its data and a plan; the same experiment on the same device gives the same run, bit for bit.

    Attributes:
        model: Key in MODELS.
        dataset: Key in DATASETS.
        settings: The model's settings.
        dataset_settings: The data set's settings.
        steps, batch_size, learning_rate, seed: See `Plan`.
        origin: "digest@step" of the run whose weights it starts from; empty for a fresh start.
    """

    model: str
    dataset: str
    settings: Mapping[str, Value] = field(default_factory=dict)
    dataset_settings: Mapping[str, Value] = field(default_factory=dict)
    steps: int = 2000
    batch_size: int = 256
    learning_rate: float = 5e-3
    seed: int = 0
    origin: str = ""

    @classmethod
    def make(cls, model: str, dataset: str, settings: Settings, dataset_settings: Settings, plan: Plan) -> Self:
        """From checked settings objects."""
        return cls(model, dataset, settings.to_dict(), dataset_settings.to_dict(), **plan.to_dict())  # pyright: ignore[reportArgumentType]

    @classmethod
    def default(cls, model: str, dataset: str, **changes: Any) -> Self:
        """What this model does best with on this data set, some fields changed.

        Args:
            model: Key in MODELS.
            dataset: Key in DATASETS.
            changes: Fields of `Plan` by name; "settings" and "dataset_settings" as mappings.
        """
        from engines.datasets import DATASETS
        from engines.models import MODELS

        usual = MODELS[model].usual(dataset)
        settings = type(usual.settings).from_dict(usual.settings.to_dict() | dict(changes.pop("settings", {})))
        dataset_settings = DATASETS[dataset].settings.from_dict(changes.pop("dataset_settings", {}))
        plan = Plan.from_dict(usual.plan.to_dict() | changes)
        return cls.make(model, dataset, settings, dataset_settings, plan)

    @property
    def plan(self) -> Plan:
        """The shared training settings, checked."""
        return Plan(**{f.name: getattr(self, f.name) for f in setting_fields(Plan)})

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits: a hash of the canonical JSON and the format version."""
        canonical = json.dumps({"format": FORMAT_VERSION} | self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def __hash__(self) -> int:
        return hash(self.digest)

    def fork(self, step: int, **changes: Any) -> Self:
        """The experiment that starts from this one's weights at a step, with some fields changed."""
        return replace(self, origin=f"{self.digest}@{step}", **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        names = ("model", "dataset", "steps", "batch_size", "learning_rate", "seed", "origin")
        nested = {"settings": dict(self.settings), "dataset_settings": dict(self.dataset_settings)}
        return {name: getattr(self, name) for name in names} | nested

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`.

        Raises:
            RunFormatError: If a field is unknown or of the wrong kind.
        """
        try:
            experiment = cls(**values)
        except TypeError as error:
            raise RunFormatError(f"Expected the fields of an experiment, got others ({error}).") from None
        for name, kind in _KINDS.items():
            value = getattr(experiment, name)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise RunFormatError(f"Expected an experiment, but its {name} is {str(value)[:40]!r}.")
        return experiment

    def check(self) -> None:
        """Raise SettingError or UnknownKeyError unless every key and value is possible."""
        from engines.datasets import DATASETS
        from engines.models import MODELS

        if self.model not in MODELS:
            raise UnknownKeyError(f"There is no model named {self.model!r}.")
        spec, data = MODELS[self.model], DATASETS[self.dataset]
        if data.kind not in spec.takes:
            raise SettingError(
                f"{spec.title} learns from data of the kind {' or '.join(spec.takes)}; {data.title} is {data.kind}."
            )
        spec.settings.from_dict(self.settings)
        data.settings.from_dict(self.dataset_settings)
        _ = self.plan
