"""The canvases' scripts, read without a browser: imports and methods that exist, getters that nobody writes over."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parent.parent / "app"
SCRIPTS = {path.relative_to(APP).as_posix(): path.read_text(encoding="utf-8") for path in sorted(APP.rglob("*.js"))}
IMPORT = re.compile(r'^import \{([^}]*)\} from "([./\w]+)";', re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:class|function\*?|const|let) (\w+)", re.MULTILINE)
CLASS = re.compile(r"^(?:export )?class (\w+)(?: extends (\w+))? \{$(.*?)^\}$", re.MULTILINE | re.DOTALL)
GETTER = re.compile(r"^  get (\w+)\(", re.MULTILINE)
SETTER = re.compile(r"^  set (\w+)\(", re.MULTILINE)
MEMBER = re.compile(r"^  (?:async )?(?:get |set )?(\w+)(?:\(| = )", re.MULTILINE)
CALLED = re.compile(r"\b(?:this|super)\.(\w+)\(")
WRITTEN = re.compile(r"this\.(\w+)\s*(?:[-+*/?|&]{0,2}=(?![=>])|\+\+|--|(?=[^;()]*\] = ))")
WRITTEN_TOGETHER = re.compile(r"Object\.assign\(this, \{([^}]*)\}\)")


@dataclass(frozen=True)
class Kind:
    """A class of a script: its members, those that can only be read, what it writes to itself and calls on itself."""

    name: str
    script: str
    parent: str
    only_read: frozenset[str]
    written: frozenset[str]
    members: frozenset[str]
    called: frozenset[str]


def kinds_in(name: str, text: str) -> list[Kind]:
    """All classes of a script."""
    return [
        Kind(own, name, parent, read_only(body), written_in(body), members_of(body), frozenset(CALLED.findall(body)))
        for own, parent, body in CLASS.findall(text)
    ]


def members_of(body: str) -> frozenset[str]:
    return frozenset(MEMBER.findall(body)) | written_in(body)


def read_only(body: str) -> frozenset[str]:
    return frozenset(GETTER.findall(body)) - frozenset(SETTER.findall(body))


def written_in(body: str) -> frozenset[str]:
    together = " ".join(WRITTEN_TOGETHER.findall(body))
    return frozenset(WRITTEN.findall(body)) | frozenset(re.findall(r"(\w+)(?=[,:]|\s*$|\s*\})", together))


KINDS = [kind for name, text in SCRIPTS.items() for kind in kinds_in(name, text)]


def line_of(kind: Kind, kinds: list[Kind]) -> list[Kind]:
    """The class and those that it extends; a name that two scripts use is looked for in its own script first."""
    line = [kind]
    while line[-1].parent:
        named = [other for other in kinds if other.name == line[-1].parent]
        line.append(next((other for other in named if other.script == line[-1].script), named[0]))
    return line


def overwritten(kind: Kind, kinds: list[Kind]) -> set[str]:
    """Getters of a class, its own or inherited, that the class or one that it extends writes to."""
    line = line_of(kind, kinds)
    return {name for each in line for name in each.only_read} & {name for each in line for name in each.written}


def missing(kind: Kind, kinds: list[Kind]) -> set[str]:
    """What a class calls on itself and neither it has, nor what it extends, nor one that extends it."""
    lines = [line_of(kind, kinds), *(line for line in (line_of(other, kinds) for other in kinds) if kind in line)]
    return set(kind.called) - {name for line in lines for each in line for name in each.members}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.script}:{kind.name}")
def test_each_class_calls_only_what_it_has(kind: Kind) -> None:
    assert missing(kind, KINDS) == set()


def test_a_call_of_what_is_not_there_is_found() -> None:
    text = "class Old {\n  open() { this.show(); this.shut(); }\n}\nclass New extends Old {\n  show() {}\n}\n"
    old, _ = kinds = kinds_in("here.js", text)
    assert missing(old, kinds) == {"shut"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.script}:{kind.name}")
def test_no_class_writes_over_a_getter(kind: Kind) -> None:
    assert overwritten(kind, KINDS) == set()


OLD_AND_NEW = "class Old {\n  get steps() { return 1; }\n}\nclass New extends Old {\n  open() { %s }\n}\n"
OVERWRITING = [
    "this.steps = 3;",
    "this.a = this.steps = null;",
    "[this.steps, this.b] = [1, 2];",
    "Object.assign(this, { steps, at: 3 });",
    "this.steps ??= 1;",
    "this.steps++;",
]


@pytest.mark.parametrize("line", OVERWRITING)
def test_a_getter_written_over_is_found(line: str) -> None:
    old, new = kinds = kinds_in("here.js", OLD_AND_NEW % line)
    assert (overwritten(old, kinds), overwritten(new, kinds)) == (set(), {"steps"})


@pytest.mark.parametrize("line", ["f(this.steps == 1);", "this.b = this.steps;", "Object.assign(this, { at: 3 });"])
def test_a_getter_read_is_no_fault(line: str) -> None:
    kinds = kinds_in("here.js", OLD_AND_NEW % line)
    assert overwritten(kinds[1], kinds) == set()


def test_all_classes_are_seen() -> None:
    assert len(KINDS) == sum(len(re.findall(r"^(?:export )?class ", text, re.MULTILINE)) for text in SCRIPTS.values())


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_import_names_an_export(name: str) -> None:
    for names, other in IMPORT.findall(SCRIPTS[name]):
        other = os.path.normpath(f"{os.path.dirname(name)}/{other}")  # noqa: PTH120 - a path of a URL
        wanted = {each.split(" as ")[0].strip() for each in names.split(",")} - {""}
        assert wanted <= set(EXPORT.findall(SCRIPTS[other])), f"{name} imports from {other} what it does not export"
