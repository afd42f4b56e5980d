"""A registry is an ordered mapping that helps whoever mistypes a key."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from engines.errors import GenLabError, UnknownKeyError
from engines.registry import Registry


@dataclass(frozen=True)
class Entry:
    key: str


FRUIT = Registry("fruit", [Entry("pear"), Entry("apple"), Entry("cherry")])


def test_it_is_a_mapping_in_the_order_given() -> None:
    assert list(FRUIT) == ["pear", "apple", "cherry"]
    assert len(FRUIT) == 3
    assert FRUIT["apple"] == Entry("apple")
    assert [key for key, _ in FRUIT.items()] == list(FRUIT)
    assert "apple" in FRUIT and "plum" not in FRUIT and 7 not in FRUIT


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(UnknownKeyError) as caught:
        FRUIT["aple"]
    assert str(caught.value) == "There is no fruit named 'aple'. Did you mean 'apple'? Known: pear, apple, cherry."
    assert isinstance(caught.value, KeyError) and isinstance(caught.value, GenLabError)


def test_a_far_off_key_gets_the_list_only() -> None:
    with pytest.raises(UnknownKeyError, match=r"^There is no fruit named '\?\?'\. Known: pear, apple, cherry\.$"):
        FRUIT["??"]


def test_a_huge_key_is_cut_in_the_message() -> None:
    with pytest.raises(UnknownKeyError) as caught:
        FRUIT["x" * 10_000]
    assert len(str(caught.value)) < 200


def test_get_of_an_unknown_key_is_the_default() -> None:
    assert FRUIT.get("plum") is None


def test_two_entries_of_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match="share a key"):
        Registry("fruit", [Entry("pear"), Entry("pear")])
