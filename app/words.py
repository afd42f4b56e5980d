"""Texts that quote what came from outside, such as an address, a file's name or a setting, made safe to show.

Streamlit reads the texts of its boxes as Markdown: a quoted `![](http://host/x.png)` would make the visitor's browser
ask another host. Every warning, error and note goes through `plain`.
"""

from __future__ import annotations

import re

_MARKS = re.compile(r"([\\`*_{}\[\]()<>#!|~$&:])")
_ADDRESSES = re.compile(r"(?i)(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)(?=\w)|(?<=xmpp)(?=:)|(?<=mailto)(?=:)")
JOINER = "\u2060"  # it has no width, and what stands around it is no address any more


def plain(text: object) -> str:
    """A text as Markdown that shows exactly these words: no picture, no link, no formula, in one paragraph."""
    words = " ".join(str(text).split())
    return _MARKS.sub(r"\\\1", _ADDRESSES.sub(JOINER, words))


def shown(markdown: str) -> str:
    """What a reader sees of a text that `plain` made."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown).replace(JOINER, "")
