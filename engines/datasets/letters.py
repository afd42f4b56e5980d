"""The target "letters": a word that the visitor types, written with a small stroke font.

Glyphs are strokes in a box whose height is 1, from the baseline to the top of a capital; arcs are true
arcs. Each stroke becomes components spread evenly by arc length, so that all strokes are equally dark.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.datasets.base import DatasetSpec
from engines.datasets.curves2d import mixture_of, rotation_setting, spread_along
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.errors import DataError
from engines.settings import Settings, setting

WORD_WIDTH = 7.2  # data units, widest
WORD_HEIGHT = 5.0
LETTER_GAP = 0.32  # of the height of a capital, as are the next two
SPACE = 0.45
ARC_STEP = 3.0  # degrees: a chord strays from its arc by 0.03 % of the radius

Stroke = np.ndarray


def _line(*coordinates: float) -> Stroke:
    return np.array(coordinates, dtype=float).reshape(-1, 2)


def _arc(x: float, y: float, radius: float, start: float, end: float, stretch: float = 1.0) -> Stroke:
    """Around (x, y) from one angle to another in degrees; `stretch` makes it taller than wide."""
    angle = np.radians(np.linspace(start, end, round(abs(end - start) / ARC_STEP) + 1))
    return np.stack([x + radius * np.cos(angle), y + stretch * radius * np.sin(angle)], axis=1)


def _join(*parts: Stroke) -> Stroke:
    return np.concatenate(parts)


def _heart() -> Stroke:
    t = np.linspace(0, 2 * np.pi, 181)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([16 * np.sin(t) ** 3 + 16, y + 17], axis=1) / 30


_DOT = _line(0, 0.03)  # one point: a dot

GLYPHS: dict[str, tuple[Stroke, ...]] = {
    "A": (_line(0, 0, 0.4, 1, 0.8, 0), _line(0.136, 0.34, 0.664, 0.34)),
    "B": (
        _join(_line(0, 0.53, 0, 1, 0.3, 1), _arc(0.3, 0.765, 0.235, 90, -90), _line(0.3, 0.53, 0, 0.53)),
        _join(_line(0, 0.53, 0, 0, 0.33, 0), _arc(0.33, 0.265, 0.265, -90, 90)),
    ),
    "C": (_arc(0.5, 0.5, 0.5, 48, 312),),
    "D": (_join(_line(0, 0, 0, 1, 0.28, 1), _arc(0.28, 0.5, 0.5, 90, -90), _line(0, 0)),),
    "E": (_line(0.54, 1, 0, 1, 0, 0, 0.54, 0), _line(0, 0.52, 0.46, 0.52)),
    "F": (_line(0.54, 1, 0, 1, 0, 0), _line(0, 0.52, 0.46, 0.52)),
    "G": (_join(_arc(0.5, 0.5, 0.5, 48, 354), _line(0.997, 0.46, 0.6, 0.46)),),
    "H": (_line(0, 0, 0, 1), _line(0.7, 0, 0.7, 1), _line(0, 0.52, 0.7, 0.52)),
    "I": (_line(0, 0, 0, 1),),
    "J": (_join(_line(0.47, 1, 0.47, 0.24), _arc(0.23, 0.24, 0.24, 0, -160)),),
    "K": (_line(0, 0, 0, 1), _line(0.62, 1, 0, 0.4), _line(0.2, 0.594, 0.66, 0)),
    "L": (_line(0, 1, 0, 0, 0.52, 0),),
    "M": (_line(0, 0, 0.08, 1, 0.46, 0.25, 0.84, 1, 0.92, 0),),
    "N": (_line(0, 0, 0, 1, 0.72, 0, 0.72, 1),),
    "O": (_arc(0.5, 0.5, 0.5, 90, 450),),
    "P": (_join(_line(0, 0, 0, 1, 0.3, 1), _arc(0.3, 0.725, 0.275, 90, -90), _line(0, 0.45)),),
    "Q": (_arc(0.5, 0.5, 0.5, 90, 450), _line(0.62, 0.3, 0.98, -0.06)),
    "R": (
        _join(_line(0, 0, 0, 1, 0.3, 1), _arc(0.3, 0.735, 0.265, 90, -90), _line(0, 0.47)),
        _line(0.28, 0.47, 0.6, 0),
    ),
    "S": (_join(_arc(0.29, 0.75, 0.25, 28, 270), _arc(0.29, 0.25, 0.25, 90, -152)),),
    "T": (_line(0, 1, 0.7, 1), _line(0.35, 1, 0.35, 0)),
    "U": (_join(_line(0, 1, 0, 0.34), _arc(0.34, 0.34, 0.34, 180, 360), _line(0.68, 1)),),
    "V": (_line(0, 1, 0.38, 0, 0.76, 1),),
    "W": (_line(0, 1, 0.26, 0, 0.54, 0.86, 0.82, 0, 1.08, 1),),
    "X": (_line(0, 0, 0.7, 1), _line(0, 1, 0.7, 0)),
    "Y": (_line(0, 1, 0.36, 0.48, 0.72, 1), _line(0.36, 0.48, 0.36, 0)),
    "Z": (_line(0.02, 1, 0.64, 1, 0, 0, 0.66, 0),),
    "0": (_arc(0.32, 0.5, 0.32, 90, 450, stretch=0.5 / 0.32),),
    "1": (_line(0, 0.76, 0.26, 1, 0.26, 0),),
    "2": (_join(_arc(0.29, 0.71, 0.29, 165, -45), _line(0, 0, 0.6, 0)),),
    "3": (_join(_arc(0.27, 0.77, 0.23, 150, -90), _arc(0.27, 0.27, 0.27, 90, -150)),),
    "4": (_line(0.47, 0, 0.47, 1, 0, 0.28, 0.64, 0.28),),
    "5": (_join(_line(0.52, 1, 0.13, 1, 0.08, 0.547), _arc(0.28, 0.31, 0.31, 130, -145)),),
    "6": (_join(_arc(0.75, 0.3, 0.75, 113, 180), _arc(0.3, 0.3, 0.3, 180, 540)),),
    "7": (_line(0, 1, 0.58, 1, 0.18, 0),),
    "8": (_arc(0.28, 0.765, 0.235, 270, -90), _arc(0.28, 0.265, 0.265, 90, 450)),
    "9": (_join(_arc(-0.15, 0.7, 0.75, -67, 0), _arc(0.3, 0.7, 0.3, 0, 360)),),
    "!": (_line(0, 1, 0, 0.3), _DOT),
    "?": (_join(_arc(0.25, 0.75, 0.25, 170, -90), _line(0.25, 0.3)), _DOT + [0.25, 0]),
    "-": (_line(0, 0.45, 0.42, 0.45),),
    "+": (_line(0, 0.45, 0.56, 0.45), _line(0.28, 0.17, 0.28, 0.73)),
    "=": (_line(0, 0.56, 0.5, 0.56), _line(0, 0.32, 0.5, 0.32)),
    ".": (_DOT,),
    ":": (_DOT, _DOT + [0, 0.6]),
    "/": (_line(0, -0.05, 0.46, 1.05),),
    "♥": (_heart(),),
}
ALLOWED = "the letters A to Z, the digits 0 to 9, spaces and " + " ".join(g for g in GLYPHS if not g.isalnum())


@dataclass(frozen=True)
class LettersSettings(Settings):
    """A word in a stroke font."""

    word: str = setting("GENLAB", "Word", f"Type {ALLOWED}; a short word is easiest to learn.", max_length=8)
    width: float = setting(
        0.06, "Pen width", "Width of the blur as a share of the letters' height.", low=0.04, high=0.12, step=0.01
    )
    rotation: float = rotation_setting()


def build_letters(settings: LettersSettings) -> GaussianMixture:
    """The word centred on the origin, as large as WORD_WIDTH and WORD_HEIGHT allow.

    Raises:
        DataError: If the word is empty or has a letter that the font lacks.
    """
    strokes = write(settings.word)
    nodes, weights, _ = spread_along(strokes, settings.width)
    corners = np.concatenate(strokes)
    low, high = corners.min(0), corners.max(0)
    size = high - low
    scale = min(WORD_WIDTH / max(size[0], 1e-9), WORD_HEIGHT / max(size[1], 1.0))
    return mixture_of(scale * (nodes - (low + high) / 2), scale * settings.width, weights, settings.rotation)


def write(word: str) -> list[Stroke]:
    """The strokes of a word on one line, in units of the height of a capital.

    Raises:
        DataError: If the word is empty or has a letter that the font lacks.
    """
    strokes, x = [], 0.0
    for letter in _clean(word):
        glyph = GLYPHS.get(letter, ())
        strokes += [stroke + [x, 0] for stroke in glyph]
        x += max((stroke[:, 0].max() for stroke in glyph), default=SPACE - LETTER_GAP) + LETTER_GAP
    return strokes


def _clean(word: str) -> str:
    """Capitals without outer spaces; the emoji heart is the plain one."""
    letters = word.replace("\ufe0f", "").replace("❤", "♥").upper().strip()
    if not letters:
        raise DataError("The word is empty: type at least one letter, for example A.")
    for letter in letters:
        if letter not in GLYPHS and letter != " ":
            raise DataError(f"The font has no {letter!r}. It has {ALLOWED}; please change the word.")
    return letters


LETTERS = DatasetSpec(
    "letters",
    "letters",
    "Your own word as a density: type it, and watch a model learn to write.",
    LettersSettings,
    build_letters,
    "GenLab's own stroke font",
    group="yours",
    phrase="letters of your choice",
)
