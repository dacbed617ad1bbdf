"""The built pages in a real browser with the network cut.

One run of `tests/site/visit.mjs` looks at every page; the tests here judge what it saw.
Without a Chromium, Chrome or Node they skip, unless MINITORCH_REQUIRE_BROWSER=1.
"""

import html.parser
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from browser import look

from book.notebooks import BUILD, ROOT
from book.site import CARRIED
from book.sync import COLAB, colab_link

WIDGET_MACHINERY = (
    "widget-state+json",
    "widget-view+json",
    "html-manager",
    "require.js",
)


def _outputs(notebook: dict) -> list[str]:
    """Every HTML output of an executed notebook."""
    return [
        "".join(output["data"]["text/html"])
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]


@pytest.fixture(scope="session")
def report(site: Path, executed: dict[str, dict]) -> dict:
    """What the browser saw on every page."""
    widgets = [
        fragment
        for notebook in executed.values()
        for fragment in _outputs(notebook)
        if "course-widget" in fragment
    ]
    fragments = BUILD / "fragments.json"
    fragments.write_text(json.dumps(widgets), encoding="utf-8")
    return look("visit.mjs", str(site), str(fragments))


def _found(visits: dict[str, dict], *keys: str) -> list[str]:
    """Where any of these lists of a visit holds something."""
    return [
        f"{name}: {key}: {item}"
        for name, seen in visits.items()
        for key in keys
        for item in seen[key]
    ]


def test_pages_ask_no_other_host(report: dict) -> None:
    for visits in (report["pages"], report["phone"], report["disk"]):
        assert visits
        assert not _found(visits, "offOrigin")


def test_pages_have_no_errors(report: dict) -> None:
    for visits in (report["pages"], report["phone"], report["disk"]):
        assert not _found(visits, "errors", "failed")


def test_pages_follow_the_readers_theme(report: dict) -> None:
    for name, seen in report["pages"].items():
        assert name.endswith(f"({seen['theme']})")


def test_first_page_leads_on(site: Path) -> None:
    first = (site / "index.html").read_text(encoding="utf-8")
    target = re.search(r'http-equiv="Refresh" content="0; url=([^"]+)"', first)
    assert target and (site / target[1]).exists()


def test_pages_are_accessible(report: dict) -> None:
    violations = [
        f"{name}: {item['rule']} at {item['at']}: {item['html']}"
        for visits in (report["pages"], report["phone"])
        for name, seen in visits.items()
        for item in seen["axe"]
    ]
    assert not violations, "\n".join(violations)


def test_pages_fit_a_phone(report: dict) -> None:
    wide = {name: seen["scrollWidth"] for name, seen in report["phone"].items()}
    assert max(wide.values()) <= 360, wide


def test_every_tab_stop_is_reached(report: dict) -> None:
    assert not _found(report["pages"], "keyboard")


def test_images_have_alternative_text(report: dict) -> None:
    for name, seen in report["pages"].items():
        for image in seen["images"]:
            assert image["loaded"], f"{name}: {image}"
            assert image["alt"] and image["alt"].strip(), f"{name}: {image}"
            file_like = r"(.*/)?[\w.-]+\.(png|svg|jpe?g|gif|webp)"
            assert not re.fullmatch(file_like, image["alt"].strip()), f"{name}: {image}"


def test_no_page_holds_a_widget_manager(report: dict, site: Path) -> None:
    assert not any(seen["managers"] for seen in report["pages"].values())
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not [word for word in WIDGET_MACHINERY if word in text], page.name


def _check_moves(moves: list[dict], where: str) -> None:
    for move in moves:
        assert move["text"], f"{where}: the widget's words stay when its slider moves"
        assert move["draws"] and move["drawn"], f"{where}: the picture stays as it was"


def test_widgets_answer_the_keyboard(report: dict) -> None:
    chapters = [name for name in report["pages"] if name.startswith("notebooks")]
    assert chapters
    for name in chapters:
        moves = report["pages"][name]["widgets"]
        assert moves, f"{name} shows no widget"
        _check_moves(moves, name)


def test_pages_work_from_disk(report: dict) -> None:
    for name, seen in report["disk"].items():
        assert seen["formulas"]["set"] == seen["formulas"]["written"], name
        _check_moves(seen["widgets"], f"{name} from disk")
        assert bool(seen["widgets"]) == name.startswith("notebooks"), name


def test_widgets_work_in_a_sandboxed_frame(report: dict) -> None:
    assert report["frames"]
    for seen in report["frames"]:
        assert not seen["offOrigin"] and not seen["errors"] and not seen["failed"], seen
        assert seen["widgets"]
        _check_moves(seen["widgets"], "sandboxed frame")


class _Links(html.parser.HTMLParser):
    """Collects the addresses that a page links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for key, value in attrs if key == "href" and value]


def test_the_site_carries_the_licences_of_its_parts(site: Path) -> None:
    """Themes and extensions, from their own packages; MathJax, vendored."""
    there = {path.name for path in (site / "_static" / "licences").iterdir()}
    for name in CARRIED:
        assert any(file.startswith(f"{name}-") for file in there), name


def test_colab_links_lead_to_tracked_notebooks(site: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "notebooks"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    chapters = sorted((site / "notebooks").glob("*.html"))
    assert chapters
    for page in chapters:
        links = _Links()
        links.feed(page.read_text(encoding="utf-8"))
        colab = {unquote(link) for link in links.found if link.startswith(COLAB)}
        assert colab == {colab_link(f"{page.stem}.ipynb")}
        assert f"notebooks/{page.stem}.ipynb" in tracked
