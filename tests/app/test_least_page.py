"""The least page that the README shows: it opens, has the frame of every page, and trains."""

from __future__ import annotations

import re
from pathlib import Path

from streamlit.testing.v1 import AppTest

from app.house import House
from tests.app.pages import checked, link_of, wanted

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = """
import streamlit as st
from app.canvas.stage import StageView, draw_stage
from app.page.keys import PageKeys, write_link
from app.page.plane_stage import common_view, current_moment, draw_plane_stage
from app.page.runs import link_parameters, use_usual
from app.page.story import choose_target
from app.page.targets import pick_target, target_view
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page, read_visit
from engines.datasets import DATASETS
from engines.models import MODELS
"""


def test_the_least_page_of_the_readme_works(home: House, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme[readme.index("### Add a page") :], re.DOTALL)
    file = tmp_path / "page.py"
    file.write_text(IMPORTS + blocks[0], encoding="utf-8")
    page = AppTest.from_file(str(file), default_timeout=60)
    page.query_params.update({"target": "ring", "model.n_couplings": "4", "plan.seed": "7"})
    checked(page.run())
    assert link_of(page) == {"target": "ring", "model.n_couplings": "4", "plan.seed": "7"}
    experiment = wanted(page, home)
    assert (experiment.dataset, experiment.seed, experiment.settings["n_couplings"]) == ("ring", 7, 4)
