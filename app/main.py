"""The server: Streamlit's pages, the live lane's routes, and the workers, in one process group.

streamlit run app/main.py
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # `streamlit run` puts only this folder on the path
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from app.first_page import build_redirects  # noqa: E402
from app.lifespan import lifespan  # noqa: E402
from app.live.routes import build_routes  # noqa: E402

app = st.App("shell.py", lifespan=lifespan, routes=[*build_routes(), *build_redirects()])
