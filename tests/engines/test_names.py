"""Place names: what is read, what is refused and why, and what the list holds."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engines.datasets import DATASETS
from engines.datasets import names as module
from engines.datasets.names import FILE, LENGTH, SYMBOLS, decode_name, encode_name
from engines.errors import DataError


def listed() -> list[str]:
    return FILE.read_text(encoding="utf-8").splitlines()


def test_the_list_is_long_clean_and_without_doubles() -> None:
    names = listed()
    assert len(names) >= 1800 and len(set(names)) == len(names)
    for name in names:
        assert 3 <= len(name) <= 15 and set(name) <= set("".join(SYMBOLS)) and name == name.strip()
    assert {"lagos", "lima", "osaka", "oslo", "quito", "xi'an", "winston-salem", "alice springs"} <= set(names)


def test_every_letter_occurs_in_both_parts() -> None:
    examples = DATASETS["names"].examples()
    assert examples.symbols == SYMBOLS and len(SYMBOLS) == 30 and SYMBOLS[0] == ""
    for part in (examples.train, examples.test):
        assert {*part.unique().tolist()} >= {*range(30)} - {2}  # the apostrophe is rare
        assert (part[:, -1] == 0).all()
        ended = (part == 0).int()
        assert (ended.diff(dim=1) >= 0).all()  # after the end nothing but ends
    assert sorted(map(decode_name, torch.cat([examples.train, examples.test]))) == sorted(listed())


@given(st.text("".join(SYMBOLS), min_size=1, max_size=15))
def test_a_name_survives(text: str) -> None:
    name = " ".join(text.split())
    if name:
        tokens = encode_name(text)
        assert tokens.shape == (LENGTH,) and tokens.dtype == torch.int64
        assert decode_name(tokens) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Zürich", "zurich"),
        ("Łódź", "lodz"),
        ("GIESSEN", "giessen"),
        ("Gießen", "giessen"),
        ("Tromsø", "tromso"),
        ("Xi’an", "xi'an"),
        ("  São   Paulo ", "sao paulo"),
        ("İzmir", "izmir"),
    ],
)
def test_accents_are_folded(text: str, name: str) -> None:
    assert decode_name(encode_name(text)) == name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a_b7", "Expected letters a to z, space, hyphen and apostrophe; got '_', '7'"),
        ("東京", "got '東', '京'"),
        ("0123456789", "got '0', '1', '2', '3', '4' …"),
        ("", "Expected a name of 1 to 15 letters, got 0"),
        ("   ", "got 0: type at least one letter"),
        ("Llanfairpwllgwyngyll", "got 20: shorten it"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        encode_name(text)


def test_decoding_stops_at_the_end() -> None:
    assert decode_name([4, 5, 0, 6]) == "ab"
    assert decode_name([0] * LENGTH) == "" and decode_name([]) == ""
    with pytest.raises(DataError, match="from 0 to 29, got 30"):
        decode_name([30])


def test_a_missing_list_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE", FILE.with_name("nowhere.txt"))
    with pytest.raises(DataError, match="assets/nowhere.txt"):
        module.load_names(DATASETS["names"].settings())  # pyright: ignore[reportArgumentType]
