"""A widget is the same picture with a kernel and without, and safe to put in a page."""

import json
import re
import subprocess
import sys
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO

import anywidget
import numpy as np
import pytest
from PIL import Image

from minitorch import widgets
from minitorch.plots import STYLES
from minitorch.widgets import StaticView, SubspaceExplorer, Widget, show, view

RNG = np.random.default_rng(0)
DIGITS = RNG.random((12, 28, 28))
LABELS = np.arange(12) % 10
REST = {
    "total": 199210,
    "target": (0.86, "90 % of direct training"),
    "title": "Drag d",
    "note": "quick scale, a test",
}


def make_frame(d, **changes):
    frame = {
        "d": d,
        "accuracy": [0.1 + d / 2000, 0.12 + d / 2000],
        "predictions": (LABELS + (np.arange(12) < 3)) % 10,
        "slice": 0.5 + np.hypot(*np.mgrid[-7:8, -7:8]) * d / 100,
        "extent": 3.0,
        "start": 2.4,
    }
    return frame | changes


FRAMES = [make_frame(d) for d in (200, 10, 50, 100, 400, 750)]


def explorer(frames=FRAMES, **changes):
    published = ([10, 100, 750], [0.18, 0.59, 0.89])
    words = REST | {"d_int90": 750, "published": published} | changes
    return SubspaceExplorer(frames, DIGITS, LABELS, **words)


class Page(HTMLParser):
    """What a browser finds in a fragment: tags, and the text of its scripts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.scripts, self.depth = [], [], 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "script" and "render(" in data:
            self.scripts.append(data)


def state_in(html):
    """The state as the page's own script gets it."""
    text = re.search(r"^const state = (.*), listeners = ", html, re.M).group(1)
    return json.loads(text)


def test_static_view_is_small_and_complete():
    html = explorer().static()._repr_html_()
    assert len(html) < 60_000
    page = Page(html)
    root = page.tags[0]
    assert root[0] == "div" and root[1]["class"] == "course-widget"
    (script,) = page.scripts
    assert f'data-view="{root[1]["data-view"]}"' in script
    assert [t for t, a in page.tags if a.get("type") == "module"] == ["script"]
    still = html.split("<noscript>")[1].split("</noscript>")[0]
    assert "<svg" in still and 'aria-label="Test accuracy against d' in still
    assert "11.0% at 10" not in still and "11.5% at 10" in still  # the mean of seeds
    assert "Drag d" in still and "quick scale" in still


def test_static_view_asks_nothing_of_its_surroundings():
    html = explorer().static()._repr_html_()
    addresses = set(re.findall(r"https?://[^\"'\s)]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    code = view.source("subspace")
    for word in ("Storage", "cookie", "window.", "fetch(", "XMLHttpRequest"):
        assert word not in code, word
    assert "import(" not in code and not re.search(r"^import ", code, re.M)


def test_the_same_data_gives_the_same_bytes():
    assert explorer().static()._repr_html_() == explorer().static()._repr_html_()
    shuffled = explorer(FRAMES[::-1]).static()._repr_html_()
    assert shuffled == explorer().static()._repr_html_()
    one, two = ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert (
        StaticView("subspace", one, "")._repr_html_()
        == StaticView("subspace", two, "")._repr_html_()
    )
    other = explorer(note="another")
    ids = {Page(w.static()._repr_html_()).tags[0][1]["data-view"]
           for w in (explorer(), other)}  # fmt: skip
    assert len(ids) == 2


@pytest.mark.parametrize(
    "nasty", ["</script><b>", "<!-- <script>", '"\\u2028\u2028 & é']
)
def test_text_cannot_leave_its_place(nasty):
    html = explorer(title=nasty, target=(0.9, nasty)).static()._repr_html_()
    page = Page(html)
    assert len(page.scripts) == 1
    assert not {"b"} & {tag for tag, _ in page.tags}
    assert state_in(html)["title"] == nasty
    assert html.count("</script>") == 1


def test_numbers_that_are_not_json_are_refused():
    with pytest.raises(ValueError, match="Out of range float"):
        StaticView("subspace", {"a": float("nan")}, "")._repr_html_()


def test_a_page_is_not_flooded():
    many = StaticView("subspace", {"a": "x" * 300_000}, "")
    with pytest.raises(ValueError, match="at most 300,000"):
        many._repr_html_()


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("MINITORCH_STATIC", "1")
    assert isinstance(show(explorer()), StaticView)
    for value in ("0", ""):
        monkeypatch.setenv("MINITORCH_STATIC", value)
        assert not isinstance(show(explorer()), StaticView)
    monkeypatch.delenv("MINITORCH_STATIC")
    live = show(explorer())
    assert isinstance(live, anywidget.AnyWidget)
    assert live._esm == view.source("subspace")


def test_both_views_hold_what_the_module_reads():
    code = view.source("subspace")
    read = set(re.findall(r'model\.[gs]et\("(\w+)"', code))
    heard = set(re.findall(r'"change:(\w+)"', code))
    assert {"frames", "d", "digits", "live"} <= read
    live = explorer().live()
    synced = {name for name in live.keys if not name.startswith("_")}
    assert read | heard <= synced
    state = state_in(explorer().static()._repr_html_())
    assert read <= set(state)
    assert {name: getattr(live, name) for name in state} == state


def test_python_sees_the_slider():
    live = explorer().live()
    live.set_state({"d": 50})
    assert live.d == 50


def answers(live, message):
    """What the reader's page hears back for one message."""
    heard = []
    live.send = heard.append
    live._handle_custom_msg(message, [])
    return heard


def test_a_kernel_trains_another_d():
    asked = []

    def compute(d):
        asked.append(d)
        return make_frame(d)

    live = explorer(compute=compute).live()
    assert live.live is True
    assert answers(live, {"train": 300}) == [{"done": True}]
    assert asked == [300]
    assert [f["d"] for f in live.frames] == [10, 50, 100, 200, 300, 400, 750]
    assert live.d == 300
    answers(live, {"train": 20})
    assert [f["d"] for f in live.frames] == [10, 20, 50, 100, 200, 300, 400, 750]


def interrupt(d):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("compute", "said"),
    [
        (interrupt, "KeyboardInterrupt"),
        (lambda d: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda d: {"d": d}, "ValueError: a frame lacks accuracy"),
        (lambda d: make_frame(d, predictions=[1]), "1 predictions for 12 digits"),
    ],
)
def test_an_error_in_python_reaches_the_reader(compute, said):
    live = explorer(compute=compute).live()
    before = list(live.frames)
    (heard,) = answers(live, {"train": 300})
    assert said in heard["error"]
    assert live.frames == before


def test_without_a_function_nothing_is_offered():
    assert explorer().live().live is False
    with_function = explorer(compute=make_frame)
    assert state_in(with_function.static()._repr_html_())["live"] is False


def test_frames_travel_without_loss_that_one_could_see():
    state = explorer().state
    assert [f["d"] for f in state["frames"]] == [10, 50, 100, 200, 400, 750]
    for frame, raw in zip(state["frames"], sorted(FRAMES, key=lambda f: f["d"]),
                          strict=True):  # fmt: skip
        centre, low, high = frame["loss"]
        code = np.frombuffer(b64decode(frame["slice"]), np.uint8).reshape(15, 15)
        loss = low * (high / low) ** (code / 255)
        np.testing.assert_allclose(loss, raw["slice"], rtol=0.02)
        assert centre == pytest.approx(raw["slice"][7, 7])
        assert frame["mean"] == pytest.approx(np.mean(raw["accuracy"]))
        assert frame["predictions"] == raw["predictions"].tolist()
    grey = np.frombuffer(b64decode(state["digits"]["images"]), np.uint8)
    np.testing.assert_allclose(grey.reshape(DIGITS.shape) / 255, DIGITS, atol=0.002)


def test_digits_come_in_three_shapes():
    states = [
        SubspaceExplorer(FRAMES, DIGITS.reshape(shape), LABELS, **REST).state
        for shape in ((12, 28, 28), (12, 1, 28, 28), (12, 784))
    ]
    assert states[0] == states[1] == states[2]


def test_the_still_names_its_mistakes():
    still = explorer().still
    assert still.count("✗") == 3 and still.count("✓") == 9
    assert still.count("<circle") == len(FRAMES)
    assert "data:image/png;base64," in still


def test_png_is_what_it_says():
    grey = RNG.integers(0, 256, (5, 9)).astype(np.uint8)
    data = b64decode(view.png_uri(grey).split(",")[1])
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(data))), grey)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frames": [make_frame(10)]}, "at least two"),
        ({"frames": [make_frame(10), make_frame(10)]}, "each d once"),
        ({"frames": [make_frame(10), make_frame(0)]}, "d is from 1 to 199210"),
        ({"frames": [make_frame(10), make_frame(9, accuracy=[1.2])]}, "within 0 to 1"),
        ({"frames": [make_frame(10), make_frame(9, accuracy=[np.nan])]}, "0 to 1"),
        ({"frames": [make_frame(10), make_frame(9, slice=np.ones((4, 4)))]}, "odd n"),
        (
            {"frames": [make_frame(10), make_frame(9, slice=np.full((3, 3), np.inf))]},
            "smaller extent",
        ),
        ({"digits": DIGITS[:5]}, "5, 28, 28"),
        ({"digits": DIGITS * 255}, "divide pixels by 255"),
    ],
)
def test_mistakes_are_named(change, said):
    given = {"frames": FRAMES, "digits": DIGITS} | change
    with pytest.raises(ValueError, match=said):
        SubspaceExplorer(given["frames"], given["digits"], LABELS, **REST)


def test_unknown_module_is_named():
    with pytest.raises(ValueError, match="no module nothing.js"):
        Widget("nothing", {}, "").static()._repr_html_()


def test_the_module_wears_the_books_colours():
    code = view.source("subspace")
    assert f'BLUE = "{STYLES["subspace"].colour}"' in code
    assert f'GREY = "{STYLES["paper"].colour}"' in code


def test_import_is_light():
    code = (
        "import sys, minitorch.widgets; "
        "bad = {'anywidget', 'ipywidgets', 'matplotlib', 'torch', 'scipy', 'IPython'};"
        "assert not bad & set(sys.modules), bad & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_names_exist():
    assert all(hasattr(widgets, name) for name in widgets.__all__)
