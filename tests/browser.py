"""A Chromium and the Node that drives it, for the tests that open pages.

Where one is missing they skip, unless MINITORCH_REQUIRE_BROWSER=1.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NoReturn

import pytest

SITE_TESTS = Path(__file__).with_name("site")
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)


def _without(what: str) -> NoReturn:
    """Skip where the browser's tests cannot run, or fail where they must."""
    message = f"{what} was not found, so the pages were not opened in a browser"
    if os.environ.get("MINITORCH_REQUIRE_BROWSER") == "1":
        pytest.fail(message)
    pytest.skip(message)


def node_and_browser() -> tuple[str, str]:
    """Where Node and a Chromium are; what drives the one from the other is there."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        _without("A Chromium or Chrome")
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        _without("Node.js with npm")
    said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    if int(said.lstrip("v").split(".")[0]) < 20:
        _without(f"Node.js 20 or newer (there is {said.strip()})")
    lock = SITE_TESTS / "package-lock.json"
    installed = SITE_TESTS / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=SITE_TESTS, capture_output=True, text=True)
        if done.returncode:
            _without(f"What the browser's tests need from npm ({done.stderr[-300:]})")
        installed.touch()
    return node, browser


def look(script: str, *arguments: str) -> dict[str, Any]:
    """Run a script of `tests/site/`; returns what it saw."""
    node, browser = node_and_browser()
    done = subprocess.run(
        [node, script, browser, *arguments],
        cwd=SITE_TESTS,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
