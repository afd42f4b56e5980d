"""The list of pages: its files are there, its names are the field's, and the README's table says the same."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from app.navigation import NAVIGATION

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (?P<title>.+?) \| `/(?P<path>[a-z-]+)` \| (?P<what>.+) \|$", re.MULTILINE)
# What a link of years ago may say: a path never changes, whatever its page is called.
PATHS = {
    "flows", "flow-compare", "distillation", "autoencoders", "autoencoders-names", "autoencoders-plane",
    "autoencoders-codes", "score", "shortcuts", "denoising", "gans", "gan-dirac", "gan-pictures", "judge", "gan-cycle",
}  # fmt: skip


def test_the_readme_has_the_titles_and_paths_of_the_navigation_in_its_order() -> None:
    rows = ROW.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [(title, path) for title, path, _ in rows] == [(entry.title, entry.path) for entry in NAVIGATION]


def test_every_page_stands_once_in_a_folder_of_its_own() -> None:
    folders = {path.parent.name for path in (ROOT / "app" / "views").glob("*/page.py")}
    assert Counter(entry.folder for entry in NAVIGATION) == Counter(folders)
    assert all((ROOT / "app" / "views" / entry.file).is_file() for entry in NAVIGATION)


def test_no_two_pages_share_a_title_or_a_path_and_old_paths_stay() -> None:
    assert len({entry.title for entry in NAVIGATION}) == len({entry.path for entry in NAVIGATION}) == len(NAVIGATION)
    assert {entry.path for entry in NAVIGATION} >= PATHS


def test_the_pages_of_a_section_stand_together() -> None:
    sections = [entry.section for entry in NAVIGATION]
    assert sections == sorted(sections, key=sections.index)
