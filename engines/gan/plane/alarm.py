"""What is happening in a game, in one sentence: a small table of rules over its measures.

It speaks when two looks in a row agree. How often it speaks on games that end well, and on games that collapse, is
measured on seeds that the rules below were not made with (benchmarks/bench_gan_alarm.py). Cures with a slow
discriminator, such as packing, begin in real trouble and are told so.
"""

from __future__ import annotations

from dataclasses import dataclass

from engines.registry import Registry

PATIENCE = 0.4  # share of the training before which nothing is said: every game begins with nothing found
AGREEING = 2  # looks in a row that must see trouble: a game on its way may lose a mode and find it again
FEW = 0.75  # share of the modes found below which modes are missing
SPREADING = 2  # modes gained lately from which on a game is on its way, and its missing modes are no alarm
SURE = 0.985  # share of right answers above which a discriminator is too strong to be learned from
POOR = 0.05  # share of samples of high quality below which none is hit


@dataclass(frozen=True)
class Alarm:
    """Something that goes wrong.

    Attributes:
        key: Name.
        sentence: With {found} and {modes} for numbers of modes, {quality} and {accuracy} in per cent.
    """

    key: str
    sentence: str


ALARMS: Registry[Alarm] = Registry(
    "alarm",
    (
        Alarm("rotating", "The generator chases one mode after the other, and holds {found} of {modes} now."),
        Alarm(
            "collapsed",
            "Mode collapse: {found} of {modes} modes have at least a fifth of their share; the others are lost.",
        ),
        Alarm(
            "saturated",
            "The discriminator is too strong: right {accuracy} % of the time, and its slope at the fakes has faded.",
        ),
        Alarm("scattered", "The samples lie between the modes: {quality} % are within 3 standard deviations of one."),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class AlarmInputs:
    """What the rules look at.

    Attributes:
        share: Of the training that is done.
        n_modes: Of the target; 0 where modes are no meaningful idea.
        n_found: Modes with at least a fifth of their share, of all samples by the nearest mode or of the good ones.
        n_moves: How often the mode with most samples has changed lately, while it held most of them.
        n_gained: How many more modes than a third of the training so far ago have a fifth of an even share.
        high_quality: Share of the samples near a mode.
        accuracy: Share of right answers of the discriminator; 0.5 where its game gives no such answer.
        pull: Mean slope at the fakes over what it was at most.
    """

    share: float
    n_modes: int
    n_found: int
    n_moves: int
    n_gained: int
    high_quality: float
    accuracy: float
    pull: float


def raise_alarm(signs: AlarmInputs) -> Alarm | None:
    """The alarm that fits, the gravest first; None where nothing is wrong, and before it could tell."""
    if signs.share < PATIENCE:
        return None
    is_spreading = signs.n_gained >= SPREADING
    is_collapsed = signs.n_modes > 1 and signs.n_found < FEW * signs.n_modes and not is_spreading
    if signs.accuracy > SURE and signs.pull < 0.1:
        return ALARMS["saturated"]
    if is_collapsed and signs.n_moves >= 2:
        return ALARMS["rotating"]
    if is_collapsed:
        return ALARMS["collapsed"]
    if signs.n_modes > 1 and signs.high_quality < POOR:
        return ALARMS["scattered"]
    return None


class Watch:
    """Looks at one game again and again, and speaks when AGREEING looks in a row saw trouble."""

    def __init__(self) -> None:
        self._n_troubled = 0

    def look(self, signs: AlarmInputs) -> Alarm | None:
        """The alarm that fits now, if the looks before saw trouble too."""
        alarm = raise_alarm(signs)
        self._n_troubled = 0 if alarm is None else self._n_troubled + 1
        return alarm if self._n_troubled >= AGREEING else None
