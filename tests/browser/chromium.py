"""The browser that the tests drive: found on this machine, or installed by `chromium.py --install`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
QUIET = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
ADVICE = (
    "No Chromium was found, and none could be installed. Install Chromium, Chrome or Edge by hand (on Debian: "
    "apt-get install chromium), or set CHROMIUM to the full path of one."
)


class NoBrowserError(RuntimeError):
    """There is no Chromium to drive."""


def launch(playwright: Playwright) -> Browser:
    """A headless browser that keeps to this machine.

    Raises:
        NoBrowserError: If there is none; a browser test then fails, it is never skipped.
    """
    path = find_system() or find_own(playwright)
    if path is None:
        raise NoBrowserError(ADVICE)
    return playwright.chromium.launch(executable_path=path, args=[*QUIET, *(["--no-sandbox"] if _is_root() else [])])


def find_system() -> str | None:
    """$CHROMIUM, or a browser of the Chromium kind that this machine has; None if there is neither.

    Raises:
        NoBrowserError: If $CHROMIUM names no file.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        if shutil.which(named) is None:
            raise NoBrowserError(f"Expected CHROMIUM to name a browser's program, got {named!r}.")
        return shutil.which(named)
    candidates = (shutil.which(name) for name in (*NAMES, *PLACES))
    return next((path for path in candidates if path is not None), None)


def find_own(playwright: Playwright) -> str | None:
    """The Chromium that playwright installed for itself, if it did."""
    path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> str:
    """The browser's path, after installing one by the first way that works.

    Raises:
        NoBrowserError: If no way does.
    """
    for way in (None, _install_by_apt, _install_by_playwright):
        if way is not None:
            way()
        path = find_system() or _find_own_alone()
        if path is not None:
            return path
    raise NoBrowserError(ADVICE)


def _install_by_apt() -> None:
    if shutil.which("apt-get") is None:
        return
    sudo = [] if _is_root() else ["sudo", "-n"]
    if sudo and not _runs(["sudo", "-n", "true"]):
        return
    _runs([*sudo, "apt-get", "update"])
    _runs([*sudo, "apt-get", "install", "-y", "chromium"])


def _install_by_playwright() -> None:
    _runs([sys.executable, "-m", "playwright", "install", "chromium"])


def _find_own_alone() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return find_own(playwright)


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=600).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def main() -> int:
    """Print the browser's path; with --install, install one if there is none."""
    try:
        path = install() if "--install" in sys.argv[1:] else find_system() or _find_own_alone()
    except NoBrowserError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Chromium: {path}" if path else ADVICE)
    return 0 if path else 1


if __name__ == "__main__":
    sys.exit(main())
