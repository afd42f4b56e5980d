"""The first page's own path: Streamlit serves that page at the root only, so its path leads there."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Route

from app.live.routes import bases
from app.navigation import NAVIGATION


def build_redirects() -> list[BaseRoute]:
    """Routes from the first page's path to the root, below each base that the server has."""
    path = NAVIGATION[0].path
    return [Route(f"{base}/{path}{end}", _to_root) for base in bases() for end in ("", "/")]


async def _to_root(request: Request) -> RedirectResponse:
    """To the root with the same query, named relative to this address: a proxy may have taken a path away."""
    root = "../" if request.url.path.endswith("/") else "./"
    query = request.url.query
    return RedirectResponse(f"{root}?{query}" if query else root, headers={"Cache-Control": "no-cache"})
