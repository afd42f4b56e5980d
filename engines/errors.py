"""Every error that a visitor or a caller may see: what was expected, what came, what to do."""

from __future__ import annotations


class GenLabError(Exception):
    """Base of all errors raised on purpose; its text is written for the person who reads it."""


class ShapeError(GenLabError, ValueError):
    """An array has another shape than the one that was asked for."""


class SettingError(GenLabError, ValueError):
    """A setting is unknown, of the wrong kind, or outside its range."""


class UnknownKeyError(GenLabError, KeyError):
    """A registry has no entry of that name."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show the quotes of repr


class DataError(GenLabError, ValueError):
    """A drawing, picture or file cannot become a data set."""


class DeviceError(GenLabError, RuntimeError):
    """The device that was asked for is not there."""


class RunFormatError(GenLabError, ValueError):
    """A stored run is missing, damaged, or of a newer format."""


class TrainingDiverged(GenLabError, RuntimeError):
    """The loss, a gradient or a picture is no longer finite: training stops here."""

    def __init__(self, step: int, reason: str) -> None:
        super().__init__(reason)
        self.step = step
        self.reason = reason

    def __reduce__(self) -> tuple[type[TrainingDiverged], tuple[int, str]]:
        return type(self), (self.step, self.reason)  # it crosses from a worker to the server
