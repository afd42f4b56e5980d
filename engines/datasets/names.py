"""The data set "names": place names of the world, letter by letter, for models that write."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from engines.datasets.base import DatasetSpec, Examples, NoSettings
from engines.errors import DataError
from engines.tensors import make_rng

FILE = Path(__file__).resolve().parents[2] / "assets" / "names.txt"
MAX_LETTERS = 15
LENGTH = MAX_LETTERS + 1  # at least one end symbol
SYMBOLS = ("", " ", "'", "-", *"abcdefghijklmnopqrstuvwxyz")
_TOKENS = {symbol: token for token, symbol in enumerate(SYMBOLS)}
# Letters that are no plain letter with an accent, as atlases write them; and the signs that keyboards put in.
_FOLDED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"})
_FOLDED |= str.maketrans({"’": "'", "‘": "'", "ʻ": "'", "`": "'", "–": "-", "‐": "-"})
_TEST_SHARE = 0.1
_SPLIT_SEED = 4


def encode_name(text: str) -> Tensor:
    """Tokens of a name: its letters, lower case and without accents, then zeros.

    Args:
        text: A name of 1 to 15 letters; "Zürich" is read as "zurich".

    Returns:
        Tokens, shape (16,), int64.

    Raises:
        DataError: If a letter is unknown, or the name is empty or too long.
    """
    name = fold_name(text)
    unknown = [letter for letter in dict.fromkeys(name) if letter not in _TOKENS]
    if unknown:
        shown = ", ".join(map(repr, unknown[:5])) + (" …" if len(unknown) > 5 else "")
        raise DataError(f"Expected letters a to z, space, hyphen and apostrophe; got {shown}: leave these out.")
    if not 1 <= len(name) <= MAX_LETTERS:
        advice = "type at least one letter" if not name else "shorten it"
        raise DataError(f"Expected a name of 1 to {MAX_LETTERS} letters, got {len(name)}: {advice}.")
    return torch.tensor([_TOKENS[letter] for letter in name] + [0] * (LENGTH - len(name)))


def fold_name(text: str) -> str:
    """Lower case, accents and surplus spaces taken off; letters of other alphabets stay."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    return " ".join(plain.translate(_FOLDED).split())


def decode_name(tokens: Iterable[int] | Tensor) -> str:
    """The name that tokens spell, up to the first 0.

    Args:
        tokens: Any number of tokens from 0 to 29, as numbers or as a tensor of shape (T,).

    Raises:
        DataError: If a token stands for no symbol.
    """
    letters = []
    for token in map(int, tokens):
        if not 0 <= token < len(SYMBOLS):
            raise DataError(f"Expected tokens from 0 to {len(SYMBOLS) - 1}, got {token}.")
        if token == 0:
            break
        letters.append(SYMBOLS[token])
    return "".join(letters)


def load_names(settings: NoSettings) -> Examples:
    """All names in a fixed shuffled order: nine in ten to train on, the rest to test.

    Raises:
        DataError: If the list is missing.
    """
    try:
        lines = FILE.read_text(encoding="utf-8").splitlines()
    except OSError:
        raise DataError(f"Expected the list of names in assets/{FILE.name}, but it is missing: restore it.") from None
    names = torch.stack([encode_name(line) for line in lines])
    names = names[torch.randperm(len(names), generator=make_rng(_SPLIT_SEED))]
    n_test = round(_TEST_SHARE * len(names))
    return Examples(train=names[n_test:], test=names[:n_test], levels=len(SYMBOLS), symbols=SYMBOLS)


NAMES = DatasetSpec(
    "names",
    "place names",
    "4,700 towns of the world, letter by letter: learn to invent places that sound as if they could exist.",
    NoSettings,
    source="assets/names.txt: well-known cities and towns, spelt with plain letters; collected for GenLab",
    licence="CC0 (a list of facts)",
    group="text",
    phrase="place names",
    kind="text",
    load_examples=load_names,
    event_shape=(LENGTH,),
    levels=len(SYMBOLS),
)
