"""The frame of every page: configuration, title, navigation. Run by Streamlit at each rerun."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # when Streamlit runs this file by itself
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from app.house import house  # noqa: E402
from app.navigation import NAVIGATION  # noqa: E402
from app.page.search import draw_search  # noqa: E402
from app.page.trail import draw_trail, note_link  # noqa: E402
from app.page.visit import address_of, arrive, follow_to_top, go_to, keep_address, name_of  # noqa: E402
from app.words import plain  # noqa: E402

# A file of ours: Streamlit's own icons for the browser tab come from the internet.
st.set_page_config(page_title="GenLab", page_icon=str(ROOT / "assets" / "icon.png"), layout="wide")
st.html(f"<style>{(ROOT / 'app' / 'page.css').read_text(encoding='utf-8')}</style>")

pages: dict[str, list[st.Page]] = {}
for index, entry in enumerate(NAVIGATION):
    page = st.Page(f"views/{entry.file}", title=entry.title, icon=entry.icon, url_path=entry.path, default=index == 0)
    pages.setdefault(entry.section, []).append(page)

page = st.navigation(pages, expanded=True)
if trouble := house().shelves.own.trouble:
    st.warning(plain(trouble), icon=":material/storage:")
hit = draw_search()
keep_address()
arrive(page.url_path)
page.run()
follow_to_top()
note_link(name_of(page.url_path), address_of(page.url_path))
chip = draw_trail()
if hit:
    go_to(next(each for each in chain(*pages.values()) if each.title == hit.page), hit.link)
if chip:
    go_to(next(each for each in chain(*pages.values()) if name_of(each.url_path) == chip.page), chip.link)
