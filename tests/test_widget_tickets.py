"""The ladder of tickets on the page is the one that Python was given."""

import json
import re
import subprocess
from base64 import b64decode
from urllib.parse import unquote

import numpy as np
import pytest
from browser import node_and_browser
from scipy import stats
from widget_page import answers

from minitorch.models import mlp
from minitorch.plots import STYLES
from minitorch.studies import ticket_frames as frames
from minitorch.studies import tickets as study
from minitorch.weird.pruning import layer_masks, pixel_counts
from minitorch.widgets import TicketLadder, view
from minitorch.widgets.tickets import mark

NAN = np.nan
KEEPS = [1, 0.25, 0.05, 0.01]
ARMS = {
    "lottery": [[0.97, 0.972, 0.96, 0.9], [0.97, 0.97, 0.95, 0.91]],
    "control": [[NAN, 0.95, NAN, 0.7], [NAN, 0.96, NAN, 0.72]],
    "shuffled": [[NAN, NAN, 0.8, 0.4], [NAN, NAN, 0.82, NAN]],
}
PIXELS = np.random.default_rng(0).integers(0, 301, (4, 28, 28))
WORDS = {"title": "Drag keep", "note": "a test", "weights": 266_200}


def ladder(keeps=KEEPS, arms=ARMS, pixels=PIXELS, **how):
    return TicketLadder(keeps, arms, pixels, **(WORDS | how))


def unpacked(text, side=28):
    return np.frombuffer(b64decode(text), "<u2").reshape(side, side)


def test_frames_hold_the_means_the_intervals_and_what_was_not_run():
    state = ladder(names={"control": "fresh start"}).state
    assert [f["keep"] for f in state["frames"]] == [0.01, 0.05, 0.25, 1]
    assert [f["kept"] for f in state["frames"]] == [2662, 13310, 66550, 266200]
    assert [sorted(f["arms"]) for f in state["frames"]] == [
        ["control", "lottery", "shuffled"],
        ["lottery", "shuffled"],
        ["control", "lottery"],
        ["lottery"],
    ]
    mean, low, high = state["frames"][1]["arms"]["lottery"]
    wanted = stats.t.interval(0.95, 1, 0.955, stats.sem([0.96, 0.95]))
    assert mean == pytest.approx(0.955)
    assert (low, high) == (pytest.approx(wanted[0], abs=1e-5), 1)  # a share ends at 1
    assert state["frames"][0]["arms"]["shuffled"] == [0.4, 0.4, 0.4]  # of one seed
    names = {arm["key"]: arm["name"] for arm in state["arms"]}
    assert names["control"] == "fresh start"
    assert names["shuffled"] == STYLES["shuffled"].label
    assert state["at"] == 0  # where all arms were run


def test_pictures_travel_without_loss_and_keeps_in_any_order():
    state = ladder().state
    for frame, wanted in zip(state["frames"], PIXELS[::-1], strict=True):
        assert (unpacked(frame["pixels"]) == wanted).all()
    turned = {key: np.array(each)[:, ::-1] for key, each in ARMS.items()}
    assert ladder(KEEPS[::-1], turned, PIXELS[::-1]).state == state


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"keeps": [1, 1, 0.1, 0.01]}, "each once"),
        ({"keeps": [2, 0.5, 0.1, 0.01]}, "above 0 and up to 1; got 2"),
        ({"keeps": [1, 0.5, 0.1, 0]}, "above 0 and up to 1; got 0"),
        ({"arms": {}}, "no arm"),
        ({"arms": {"ticket": [[0.9] * 4]}}, "no style 'ticket'"),
        ({"arms": {"lottery": [[0.9] * 3]}}, r"got \(1, 3\), wanted \(S, 4\)"),
        ({"arms": {"lottery": [[90] * 4]}}, "0 to 1"),
        ({"arms": {"lottery": [[NAN] * 4]}}, "at least one is there"),
        ({"pixels": PIXELS[:3]}, "do not fit 4 keeps"),
        ({"pixels": PIXELS / 2}, "whole numbers"),
        ({"pixels": PIXELS - 400}, "whole numbers"),
    ],
)
def test_mistakes_are_named(change, said):
    with pytest.raises(ValueError, match=said):
        ladder(**change)


@pytest.mark.parametrize("marker", sorted({s.marker for s in STYLES.values()}))
def test_every_style_has_a_mark_around_its_point(marker):
    path = mark(marker)
    numbers = np.array(re.findall(r"-?\d+(?:\.\d+)?", path), float)
    if "A" in path:
        assert numbers[:2].tolist() == numbers[-2:].tolist() and marker in "o."
        return
    corners = numbers.reshape(-1, 2)
    assert len(corners) >= 3 and np.hypot(*corners.T).max() <= 5.01
    np.testing.assert_allclose(corners.mean(axis=0), 0, atol=0.01)
    if marker == "v":
        assert corners[:, 1].max() == 5  # y goes down on the page


# ----------------------------------------------------------------------------
# With a kernel
# ----------------------------------------------------------------------------


def test_a_kernel_trains_at_another_keep():
    asked = []

    def compute(keep):
        asked.append(keep)
        return {
            "arms": {"lottery": 0.8, "control": 0.05},
            "keep": 0.1001,
            "pixels": PIXELS[0],
        }

    live = ladder(compute=compute).live()
    assert live.live is True
    assert answers(live, {"train": 0.1}) == [{"done": True}]
    assert asked == [0.1] and live.at == 2
    frame = live.frames[2]
    assert frame["mine"] and frame["keep"] == 0.1001 and frame["kept"] == 26_647
    assert frame["arms"] == {"lottery": [0.8] * 3, "control": [0.05] * 3}
    assert (unpacked(frame["pixels"]) == PIXELS[0]).all()
    assert live.errors[0] >= 0.95  # the chart reaches down to it
    answers(live, {"train": 0.1})
    assert len(live.frames) == 5  # again: in place of the first


def test_a_run_at_a_stored_keep_stands_beside_it():
    live = ladder(compute=lambda keep: {"arms": {"lottery": 0.8}}).live()
    answers(live, {"train": 0.05})
    assert [f["mine"] for f in live.frames] == [False, False, True, False, False]
    assert live.at == 2 and live.frames[2]["pixels"] is None


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (lambda keep: 1 / 0, "ZeroDivisionError"),
        (lambda keep: {}, "compute returns a mapping with arms"),
        (lambda keep: {"arms": {"direct": 0.9}}, "compute's arms are of"),
        (lambda keep: {"arms": {"lottery": 90}}, "0 to 1"),
        (lambda keep: {"arms": {"lottery": 0.9}, "keep": 0}, "above 0"),
        (lambda keep: {"arms": {"lottery": 0.9}, "pixels": [[1]]}, "wanted (28, 28)"),
    ],
)
def test_an_error_in_python_reaches_the_reader(found, said):
    live = ladder(compute=found).live()
    before = list(live.frames)
    (heard,) = answers(live, {"train": 0.1})
    assert said in heard["error"] and live.frames == before
    (heard,) = answers(live, {"train": 0})
    assert "above 0" in heard["error"]


def test_both_views_hold_what_the_module_reads():
    code = view.source("tickets")
    read = set(re.findall(r'model\.[gs]et\("(\w+)"', code))
    heard = set(re.findall(r'"change:(\w+)"', code))
    assert {"frames", "at", "live"} <= read
    live = ladder().live()
    assert live.live is False  # nothing to compute with, nothing offered
    assert read | heard <= {name for name in live.keys if not name.startswith("_")}
    assert read <= set(ladder().static().state)


# ----------------------------------------------------------------------------
# Without one
# ----------------------------------------------------------------------------


def test_static_view_is_small_and_asks_nothing():
    twelve = np.geomspace(1, 0.01, 12)
    arms = {key: np.full((5, 12), 0.9) for key in list(STYLES)[:6]}
    made = ladder(twelve, arms, np.repeat(PIXELS, 3, axis=0))
    html = made.static()._repr_html_()
    assert html == made.static()._repr_html_() and len(html) < 70_000
    assert set(re.findall(r"https?://[^\"'\s)]+", html)) <= {
        "http://www.w3.org/2000/svg"
    }
    code = view.source("tickets")
    for word in ("Storage", "cookie", "window.", "fetch(", "XMLHttpRequest"):
        assert word not in code, word
    assert ladder(compute=ladder).static().state["live"] is False


def test_the_still_says_what_the_chart_shows():
    still = ladder(title="A < B").still
    assert "A &lt; B" in still and "Switch scripts on" in still
    assert 'aria-label="Test accuracy against keep. lottery ticket: 90.5% at' in still
    assert "2,662 of 266,200 weights" in still and "data:image/png;base64," in still
    assert still.count("<path") == 4 + 2 + 2 + len(ARMS)  # each point, and the key


# Drives the module as a reader with a kernel would, and leaves what it saw in the page.
DRIVER = """
const state = %s, heard = {}, seen = {}, sent = [];
const model = {
  get: (name) => state[name],
  set(name, value) {
    state[name] = value;
    (heard["change:" + name] ?? []).forEach((call) => call());
  },
  on: (event, call) => (heard[event] ??= []).push(call),
  off() {}, save_changes() {}, send: (message) => sent.push(message),
};
const el = document.querySelector("main");
let escaped = 0;
document.addEventListener("keydown", () => escaped++);
try {
  render({ model, el });
  const [range, asked] = el.querySelectorAll("input");
  const button = el.querySelector("button"), said = el.querySelector("[role=status]");
  const ink = () => el.querySelector("canvas").toDataURL();
  const key = (to, name) =>
    to.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
  const look = () => ({ keep: el.dataset.keep, mine: el.dataset.mine,
    said: range.getAttribute("aria-valuetext"), text: el.innerText, picture: ink(),
    circles: el.querySelectorAll("circle").length, status: said.textContent });
  seen.first = look();
  range.value = 2;
  range.dispatchEvent(new Event("input"));
  key(range, "ArrowRight");
  seen.moved = look();
  asked.value = "5";
  button.click();
  seen.wrong = look();
  asked.value = "0.1";
  key(asked, "Enter");
  seen.waiting = { ...look(), off: button.disabled };
  model.set("frames", %s);
  model.set("at", 2);
  heard["msg:custom"].forEach((call) => call({ done: true }));
  seen.trained = { ...look(), off: button.disabled };
  Object.assign(seen, { sent, escaped, wide: document.scrollingElement.scrollWidth,
    named: [...el.querySelectorAll("input")].map((each) => each.labels.length) });
} catch (error) {
  seen.error = String(error);
}
document.body.append(Object.assign(document.createElement("pre"),
  { id: "seen", textContent: btoa(encodeURIComponent(JSON.stringify(seen))) }));
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a browser of a phone's width shows while its reader moves and trains."""
    _, browser = node_and_browser()
    made = ladder(compute=lambda keep: {"arms": {"lottery": 0.8, "control": 0.7}})
    before = json.dumps(made.state | {"live": True})
    after = json.dumps(made.answer({"train": 0.1})["frames"])
    folder = tmp_path_factory.mktemp("page")
    page = folder / "page.html"
    page.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<body style="width:330px">'
        f'<main></main><script type="module">{view.source("tickets")}'
        f"{DRIVER % (before, after)}</script></body></html>",
        encoding="utf-8",
    )
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND",
         f"--user-data-dir={folder}", "--window-size=500,900",
         "--virtual-time-budget=5000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    found = re.search(r'<pre id="seen">([^<]+)', done.stdout)
    assert found, done.stderr
    shown = json.loads(unquote(b64decode(found[1]).decode()))
    assert "error" not in shown, shown["error"]
    return shown


def test_the_slider_moves_numbers_marks_and_picture(seen):
    first, moved = seen["first"], seen["moved"]
    assert (first["keep"], moved["keep"]) == ("0.01", "0.25")
    assert moved["said"] == (
        "keep 0.25: 66,550 weights; lottery ticket 97.1 %, control 95.5 %"
    )
    assert "66,550 of 266,200 weights are left, 1 in 4" in moved["text"]
    assert "97.1 %" in moved["text"] and "not run" in moved["text"]
    assert (first["circles"], moved["circles"]) == (3, 2)  # a ring for each arm
    assert first["picture"] != moved["picture"]
    assert f"at most {PIXELS[1].max()} behind a pixel" in moved["text"]
    assert seen["named"] == [1, 1] and seen["escaped"] == 0  # keys stay in the widget
    assert seen["wide"] <= 500


def test_a_reader_trains_and_sees_the_answer_or_what_is_wrong(seen):
    assert "Keep is above 0 and up to 1" in seen["wrong"]["status"]
    assert seen["sent"] == [{"train": 0.1}]
    assert (
        seen["waiting"]["off"] and "Training at keep 0.1" in seen["waiting"]["status"]
    )
    trained = seen["trained"]
    assert not trained["off"] and trained["status"] == "Done."
    assert (trained["keep"], trained["mine"]) == ("0.1", "true")
    assert trained["said"].startswith("keep 0.1, trained here: 26,620 weights")
    assert "trained here, one run" in trained["text"]
    assert "without a picture" in trained["text"]


# ----------------------------------------------------------------------------
# From the study's rows
# ----------------------------------------------------------------------------

NET = mlp(16, 8, 5, 3)


def row(seed, shift=0.0):
    """Rows of two levels of a ladder."""
    at = {"ticket": [0, 1, 2], "fresh": [1], "shuffled": [2]}
    result = {
        "keep": [1.0, 0.5, 0.2],
        "kept": [[100, 20, 10], [50, 10, 5], [16, 4, 6]],
        "ticket": [0.9 + shift, 0.8, 0.7],
        "fresh": [0.6],
        "shuffled": [0.5],
    }
    return {"settings": {"at": at}, "seed": seed, "result": result}


def test_rows_become_curves_with_gaps_where_an_arm_was_not_run():
    found = frames.curves([row(0), row(1, 0.02)], ["ticket", "fresh"])
    assert found["weights"] == 130 and found["keeps"].tolist() == [1, 0.5, 0.2]
    np.testing.assert_array_equal(
        found["arms"]["lottery"], [[0.9, 0.8, 0.7], [0.92, 0.8, 0.7]]
    )
    np.testing.assert_array_equal(found["arms"]["fresh_start"], [[NAN, 0.6, NAN]] * 2)
    assert found["names"]["fresh_start"] == study.ARMS["fresh"]
    other = row(1)
    other["settings"] = {"at": {}}
    for bad in ([], [row(0), other]):
        with pytest.raises(ValueError, match="rows of one setting"):
            frames.curves(bad)


def test_every_arm_has_a_look_of_its_own():
    assert set(frames.LOOKS) <= set(study.ARMS)
    assert len(set(frames.LOOKS.values())) == len(frames.LOOKS)
    assert len({STYLES[key].colour for key in frames.LOOKS.values()}) == len(
        frames.LOOKS
    )


def two_levels():
    thetas = [NET.init(0), NET.init(1)]
    whole = np.ones(NET.layout.size, bool)
    return thetas, [whole, layer_masks(NET, thetas[0], 0.4, mask=whole)]


def test_a_level_of_the_ladder_is_found_again_and_what_lies_between_nests():
    thetas, masks = two_levels()
    assert (frames.mask_at(NET, thetas, masks, 1) == masks[0]).all()
    at = frames.share(NET, masks[1])
    assert (frames.mask_at(NET, thetas, masks, at) == masks[1]).all()
    assert (frames.mask_at(NET, thetas, masks, 1.04 * at) == masks[1]).all()
    lower = frames.mask_at(NET, thetas, masks, 0.2)
    assert not (lower & ~masks[1]).any()
    assert frames.share(NET, lower) == pytest.approx(0.2, abs=0.05)
    first = NET.layout.slices["dense1.weight"]
    sizes = np.abs(thetas[1][first])
    left, gone = lower[first], masks[1][first] & ~lower[first]
    assert sizes[left].min() >= sizes[gone].max()  # by what was trained at that level
    with pytest.raises(ValueError, match=r"keeps as much as 0\.9"):
        frames.mask_at(NET, thetas[1:], masks[1:], 0.9)


def test_pictures_count_the_first_layer_s_weights():
    thetas, masks = two_levels()
    found = frames.pictures(NET, thetas, masks, [1, 0.2])
    assert found.shape == (2, 4, 4) and (found[0] == 8).all()
    part = NET.layout.views(frames.mask_at(NET, thetas, masks, 0.2))["dense1.weight"]
    assert (found[1] == pixel_counts(part)).all()
    half = frames.pictures(NET, thetas, masks, [1], count=lambda m: m[:4, :4] * 1)
    assert half.tolist() == [[[1] * 4] * 4]
