"""The gammas on the page are those Python was given, and those that were trained."""

import json
import re
from base64 import b64decode

import numpy as np
import pytest
import widget_page as page
from widget_page import answers

from minitorch.data import load
from minitorch.models import bn_mlp
from minitorch.studies import bn_only_frames as frames
from minitorch.studies.laperm_frames import pooled
from minitorch.train import fit, predict
from minitorch.weird import Only
from minitorch.weird.bn_only import as_many, small, switch_off
from minitorch.widgets import GammaBars

LAYERS, SIDE, K, R = [12, 8], 3, 2, 3
F, H = sum(LAYERS), LAYERS[0]
AT = [0.0, 0.001, 0.01, 0.1, 1.0]
WORDS = {"layers": LAYERS, "thresholds": AT, "title": "A < B", "note": "a test"}
RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(H, SIDE**2))
IMAGES = RNG.random((K, SIDE**2))


def run(decay, start="uniform", **changes):
    """A run with gammas of all sizes, a third of them of features that are never on."""
    random = np.random.default_rng([int(1e4 * decay), len(start)])
    size = 10 ** random.uniform(-4, 0.3, F)
    gone = np.searchsorted(AT, size, side="right")
    for part in (slice(0, H), slice(H, F)):
        gone[part][size[part].argmax()] = len(AT)
    made = {
        "decay": decay,
        "start": start,
        "drawn": np.ones(F) if start == "ones" else random.uniform(0, 1, F),
        "gamma": size * random.choice([-1, 1], F),
        "beta": random.normal(size=F),
        "on": random.random(F) * (random.random(F) < 0.7),
        "z": random.normal(size=(K, H)),
        "spread": 0.5 + random.random(H),
        "gone": gone,
        "removed": np.round(0.9 - np.arange(len(AT)) / 10 - decay, 3),
        "random": np.round(random.uniform(0.1, 0.4, (len(AT), R)), 3),
        "size": 1000 - 100 * np.arange(len(AT)),
    }
    return made | changes


RUNS = [run(decay) for decay in (0.0, 0.001, 0.01)]


def bars(runs=RUNS, weights=WEIGHTS, images=IMAGES, names=("3", "7"), **how):
    return GammaBars(runs, weights, images, names, **(WORDS | how))


def out(made, frame):
    return made["gone"] <= frame


# ----------------------------------------------------------------------------
# What is sent
# ----------------------------------------------------------------------------


def test_numbers_travel_so_that_no_eye_sees_a_difference():
    state = bars().state
    sent = np.frombuffer(b64decode(state["weights"]), np.uint8)
    weights = (sent / 255 * 2 - 1) * state["top"]
    np.testing.assert_allclose(weights, WEIGHTS.ravel(), atol=state["top"] / 250)
    sent = np.frombuffer(b64decode(state["images"]), np.uint8)
    np.testing.assert_allclose(sent / 255, IMAGES.ravel(), atol=0.002)
    for one, made in zip(state["runs"], RUNS, strict=True):
        for name in ("drawn", "gamma", "beta", "on", "z", "spread"):
            np.testing.assert_allclose(one[name], made[name], rtol=6e-4)
        assert [share == 0 for share in one["on"]] == (made["on"] == 0).tolist()
        for name in ("decay", "start"):
            assert one[name] == made[name]
        for name in ("gone", "size", "removed"):
            np.testing.assert_array_equal(one[name], made[name])
        drawn = [[row.mean(), row.min(), row.max()] for row in made["random"]]
        np.testing.assert_allclose(one["random"], drawn, atol=1e-4)


def test_the_run_with_most_small_gammas_is_shown_at_the_papers_threshold():
    most = run(0.002, gone=np.array([2] * 11 + [5] + [2] * 7 + [5]))
    state = bars([RUNS[0], most, RUNS[2]]).state
    assert (state["run"], state["thresholds"][state["frame"]]) == (1, 0.01)
    assert state["feature"] == np.abs(most["gamma"][:H]).argmax()
    wide = [run(0.1, gone=np.minimum(RUNS[0]["gone"], 2), removed=[0.5, 0.5],
                random=[[0.5]] * 2, size=[9, 9])]  # fmt: skip
    assert bars(wide, thresholds=[0, 0.5]).state["frame"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"runs": []}, "a run or more"),
        ({"weights": WEIGHTS[:5]}, "a row for each feature"),
        ({"weights": WEIGHTS[:, :8]}, "a row for each feature"),
        ({"weights": WEIGHTS * np.nan}, "weights are finite"),
        ({"images": IMAGES[:1]}, "one for each name"),
        ({"images": IMAGES + 1}, "pixels 0 to 1"),
        ({"thresholds": [0.01, 0.1]}, "rise from 0"),
        ({"thresholds": [0, 1, 1, 2, 3]}, "rise from 0"),
        ({"runs": [run(0.1, gamma=[1.0])]}, r"decay 0.1, .*gamma is \(20,\)"),
        ({"runs": [run(0.1, z=np.ones((K, F)))]}, r"z is \(2, 12\)"),
        ({"runs": [run(0.1, beta=np.full(F, np.inf))]}, "beta holds a number"),
        ({"runs": [run(0.1, random=[[0.1]])]}, r"random is \(5, 1\)"),
        ({"runs": [run(0.1, spread=np.zeros(H))]}, "spread is above 0"),
    ],
)
def test_what_does_not_fit_is_named(change, said):
    with pytest.raises(ValueError, match=said):
        bars(**change)


def test_a_kernel_trains_another_run():
    asked = []

    def compute(decay, start):
        asked.append((decay, start))
        if decay == 0.5:
            raise FloatingPointError("the loss is nan")
        return run(decay, start)

    live = bars(compute=compute).live()
    assert answers(live, {"decay": 0.02, "start": "ones"}) == [{"done": True}]
    assert asked == [(0.02, "ones")] and live.run == 3
    assert len(live.runs) == 4 and live.runs[3]["mine"]
    np.testing.assert_allclose(live.runs[3]["gamma"], run(0.02, "ones")["gamma"], 6e-4)
    for message, said in (
        ({"decay": -1, "start": "ones"}, "0 or more and below 1"),
        ({"decay": 1, "start": "ones"}, "below 1"),
        ({"decay": "nan", "start": "ones"}, "below 1"),
        ({"decay": 0.1, "start": "twos"}, "one of uniform, ones, signed, normal"),
        ({"decay": 0.5, "start": "ones"}, "the loss is nan"),
    ):
        (heard,) = answers(live, message)
        assert said in heard["error"], heard
        assert len(live.runs) == 4
    assert bars().live().live is False


def test_the_still_says_what_each_run_reads():
    still = bars().still
    assert "A &lt; B" in still and "Switch scripts on" in still
    for made in RUNS:
        count = out(made, 2).sum()
        assert (
            f"Decay {made['decay']:g}: {count} of 20 features have |gamma| below 0.01; "
            f"{made['removed'][0]:.1%} right with all, {made['removed'][2]:.1%} without"
        ) in still
    heights = [float(each) for each in re.findall('height="([^"]+)" fill', still)]
    shown = RUNS[bars().state["run"]]
    assert sum(heights) / min(heights) == pytest.approx(F, rel=0.02)  # one each
    assert ("#98a4b0" in still) == (shown["on"] == 0).any()


# ----------------------------------------------------------------------------
# What was trained
# ----------------------------------------------------------------------------

DATA = pooled(load("mnist").take(2000, 500))
HOW = {"hidden": [30, 20], "epochs": 4, "thresholds": [0, 0.01, 0.1, 0.5, 100]}


@pytest.fixture(scope="module")
def trained():
    return frames.bars(DATA, decays=[0.0, 0.01], **HOW)


def twin(decay):
    """The same run by `fit` alone."""
    net = bn_mlp(49, 30, 20, 10)
    g = Only(net, gamma="uniform", decay=decay)
    how = {"lr": 0.3, "optimiser": "sgd", "epochs": 4, "batch": 64}
    return net, g, fit(net, g, DATA, **how)


@pytest.mark.parametrize("at", [0, 1])
def test_a_run_is_what_fit_gives_and_frozen_weights_are_shared(trained, at):
    made = trained["runs"][at]
    net, g, done = twin(made["decay"])
    views = net.layout.views(done.theta)
    for name in ("gamma", "beta"):
        both = np.concatenate([views[f"norm1.{name}"], views[f"norm2.{name}"]])
        np.testing.assert_array_equal(made[name], both)
    drawn = net.layout.views(g.theta0)
    np.testing.assert_array_equal(
        made["drawn"], np.concatenate([drawn["norm1.gamma"], drawn["norm2.gamma"]])
    )
    np.testing.assert_array_equal(trained["weights"], views["dense1.weight"])
    assert (
        made["removed"][0] == done.test_accuracy and made["size"][0] == net.layout.size
    )


@pytest.mark.parametrize("at", [0, 1])
def test_features_that_are_out_are_out(trained, at):
    """The smaller network reads what one with gammas of 0 reads; so do the random."""
    made, thresholds = trained["runs"][at], trained["thresholds"]
    net, _, done = twin(made["decay"])

    def right(off):
        theta = switch_off(net, done.theta, off)
        answers = predict(net, theta, DATA.test_x, state=done.state)
        return (answers == DATA.test_y).mean()

    assert made["gone"].min() >= 1  # at 0 all are there
    for frame, threshold in enumerate(thresholds):
        off = small(net, done.theta, threshold)
        both = made["gone"] <= frame
        own = {"norm1": both[:30], "norm2": both[30:]}
        for name, each in own.items():
            if not off[name].all():
                np.testing.assert_array_equal(each, off[name])
            assert not each.all()
        kept = [int((~each).sum()) for each in own.values()]
        assert made["size"][frame] == bn_mlp(49, *kept, 10).layout.size
        assert abs(made["removed"][frame] - right(own)) < 0.005  # of 500 images
        for i, found in enumerate(made["random"][frame]):
            assert abs(found - right(as_many(own, i))) < 0.005
    assert (~(made["gone"] <= 4)).sum() == 2  # the largest of each layer stays


def test_a_feature_is_on_where_its_relu_lets_something_through(trained):
    made = trained["runs"][1]
    net, _, done = twin(made["decay"])
    shown = [int(np.flatnonzero(DATA.test_y == k)[0]) for k in range(10)]
    np.testing.assert_array_equal(trained["images"], DATA.test_x[shown])
    mean, var = done.state["norm1"]
    sums = DATA.test_x @ trained["weights"].T
    z = (sums - mean) / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(made["z"], z[shown], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(made["spread"], np.sqrt(var + 1e-5), rtol=1e-5)
    first = (made["gamma"][:30] * z + made["beta"][:30] > 0).mean(0)
    np.testing.assert_allclose(made["on"][:30], first, atol=1e-9)
    # The widget's pictures: what pixels add, but for a shift that all images share.
    adds = made["gamma"][:30] / made["spread"] * (sums[shown] - sums[shown[0]])
    y = made["gamma"][:30] * made["z"]
    np.testing.assert_allclose(adds, y - y[0], atol=1e-3)


def test_what_is_never_on_can_go_at_no_cost(trained):
    for made in trained["runs"]:
        net, _, done = twin(made["decay"])
        never = made["on"] == 0
        assert 0 < never.sum() < 50
        off = {"norm1": never[:30], "norm2": never[30:]}
        theta = switch_off(net, done.theta, off)
        before, after = (
            predict(net, each, DATA.test_x, state=done.state)
            for each in (done.theta, theta)
        )
        np.testing.assert_array_equal(before, after)  # beta below 0: nothing is left


def test_the_title_says_what_the_run_with_most_small_gammas_reads(trained):
    counts = [int(out(made, 1).sum()) for made in trained["runs"]]
    assert counts[1] > counts[0]  # decay shrinks
    title = trained["title"]
    most = trained["runs"][1]
    assert title.startswith(
        f"Decay 0.01: {counts[1]} of 50 features have |gamma| below 0.01. Without them "
    )
    assert f"{most['removed'][1]:.1%} of digits are read, with all" in title
    assert title.endswith(f"random ones {np.mean(most['random'][1]):.1%}")


def test_the_widget_takes_what_was_trained_and_trains_another(trained):
    made = GammaBars(**trained, note="a test")
    changes = made.answer({"decay": 0.002, "start": "ones"})
    mine = changes["runs"][2]
    assert mine["drawn"] == [1.0] * 50 and mine["start"] == "ones"
    assert changes["run"] == 2
    one = trained["runs"][0] | {"decay": 0.0}
    assert trained["compute"](0.0, "uniform")["removed"] == one["removed"]


def test_the_chapter_s_runs_fit_the_page():
    count, T = 200, len(frames.THRESHOLDS)
    random = np.random.default_rng(0)
    one = {
        "decay": 0.0003, "start": "uniform", "drawn": random.random(count),
        "gamma": random.normal(size=count), "beta": random.normal(size=count),
        "on": random.random(count), "z": random.normal(size=(10, 100)),
        "spread": 1 + random.random(100), "gone": np.arange(count) % (T + 1),
        "removed": random.random(T), "random": random.random((T, 3)),
        "size": np.arange(T),
    }  # fmt: skip
    shown = GammaBars(
        [one] * 4, random.normal(size=(100, 196)), random.random((10, 196)),
        [str(i) for i in range(10)], layers=[100, 100], thresholds=frames.THRESHOLDS,
        title="a", note="b",
    ).static()  # fmt: skip
    html = shown._repr_html_()
    assert html == shown._repr_html_() and 90_000 < len(html) < 160_000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"decays": []}, "a decay and a draw"),
        ({"draws": 0}, "a decay and a draw"),
        ({"thresholds": [0.1, 0.2]}, "rise from 0"),
        ({"thresholds": [0, 0.2, 0.1]}, "rise from 0"),
        ({"start": "twos"}, "no start 'twos'"),
        ({"decays": [-1.0]}, "decay is 0 or more"),
    ],
)
def test_settings_that_make_no_sense_are_named(change, said):
    with pytest.raises(ValueError, match=said):
        frames.bars(DATA, **(HOW | {"epochs": 1} | change))
    with pytest.raises(ValueError, match="rows of side"):
        frames.bars(load("mnist").take(100, 50))


# ----------------------------------------------------------------------------
# In a page
# ----------------------------------------------------------------------------


def test_both_views_hold_what_the_module_reads():
    page.asks_for_nothing_else(bars())


LOOK = """
const choose = (value, part = "") =>
  el.querySelector(`${part} .cw-pick[data-value="${value}"]`);
const box = (each) => ["x", "y", "width", "height"].map((name) =>
  Number(each.getAttribute(name)));
const line = (name) => el.querySelector(name).getAttribute("points").split(" ")
  .map((point) => point.split(",").map(Number));
const look = () => ({ ...el.dataset, text: el.innerText,
  said: range.getAttribute("aria-valuetext"),
  pressed: all(".cw-pick[aria-pressed=true]").map((each) => each.textContent),
  open: all(".gb-open").map(box), closed: all(".gb-shut").map(box),
  band: box(el.querySelector(".gb-band")),
  removed: line(".gb-removed"), random: line(".gb-random"), hinge: line(".gb-hinge"),
  level: all(".gb-level").length,
  gone: cells.map((each) => each.className === "gb-out"),
  chosen: cells.map((each) => each.getAttribute("aria-pressed") === "true"),
  stops: cells.filter((each) => each.tabIndex === 0).length,
  focus: cells.indexOf(document.activeElement),
  labels: cells.map((each) => each.getAttribute("aria-label")),
  bars: cells.map((each) => Number(
    each.querySelector("span").style.transform.match(/[\\d.]+/)[0])),
  pixels: cells.map((each) => [...each.querySelector("canvas").getContext("2d")
    .getImageData(0, 0, 3, 3).data]) });
"""


def drive(folder, made, script, live=True):
    """Do what the script says; all features are large enough for a finger."""
    start = """
  const range = el.querySelector("input[type=range]"), cells = all(".gb-all button");
  Object.assign(globalThis, { range, cells });
"""
    end = 'seen.large = large(cells) && large(all(".cw-pick"));'
    shown = page.drive(folder, made, LOOK, start + script + end, live)
    assert shown["large"]
    return shown


def check(shown, made, frame, image, feature, axis="stretched"):
    """Hold all that a reader sees against what was given."""
    gone, never = out(made, frame), made["on"] == 0
    assert (float(shown["decay"]), shown["start"]) == (made["decay"], made["start"])
    assert float(shown["threshold"]) == AT[frame] and shown["axis"] == axis
    assert (shown["image"], shown["feature"]) == (str(image), str(feature))
    assert int(shown["out"]) == gone.sum() and int(shown["never"]) == never.sum()
    assert int(shown["shut"]) == (gone & never).sum()
    # The bars: as high as there are features, at the place of their gammas.
    wide = np.arcsinh(made["gamma"] / 0.002)
    for name, values in (("open", wide[~never]), ("closed", wide[never])):
        heights = np.array(shown[name])[:, 3]
        unit = sum(each[3] for each in shown["open"] + shown["closed"]) / F
        assert heights.sum() / unit == pytest.approx(len(values), abs=0.01)
    if axis == "stretched":
        # 41 bars, so a bar's middle is at most half a bar off.
        places = sorted(
            x + width / 2
            for x, _, width, height in shown["open"] + shown["closed"]
            for _ in range(round(height / unit))
        )
        at = np.polyfit(np.sort(wide), places, 1)
        half = (shown["open"] + shown["closed"])[0][2] / 2 + 1
        assert np.abs(np.polyval(at, np.sort(wide)) - places).max() < 1.6 * half
        low, high = (np.polyval(at, s * np.arcsinh(AT[frame] / 0.002)) for s in (-1, 1))
        x, _, width, _ = shown["band"]
        np.testing.assert_allclose([x, x + width], [low, high], atol=1.6 * half)
    # The two lines of accuracy.
    removed, random = (np.array(shown[name])[:, 1] for name in ("removed", "random"))
    values = np.concatenate([made["removed"], made["random"].mean(1)])
    scale = np.polyfit(values, np.concatenate([removed, random]), 1)
    assert scale[0] < 0
    np.testing.assert_allclose(
        np.polyval(scale, values), np.concatenate([removed, random]), atol=0.15
    )
    # The features of the first layer.
    assert shown["gone"] == gone[:H].tolist()
    assert int(shown["left"]) == H - gone[:H].sum()
    assert [i for i, on in enumerate(shown["chosen"]) if on] == [feature]
    assert shown["stops"] == 1
    y = made["gamma"][:H] * made["z"] + made["beta"][:H]
    gives = np.maximum(y[image], 0)
    np.testing.assert_allclose(shown["bars"], gives / gives.max(), atol=2e-3)
    adds = made["gamma"][:H, None] / made["spread"][:, None] * WEIGHTS * IMAGES[image]
    pixels = np.array(shown["pixels"]).reshape(H, 9, 4)[..., :3].astype(int)
    strong = np.abs(adds) > 0.05 * np.abs(adds).max()
    blue = pixels[..., 2] > pixels[..., 0]
    np.testing.assert_array_equal(blue[strong], adds[strong] > 0)
    level = max(made["beta"][feature], 0)
    assert shown["level"] == gone[feature]
    text = shown["text"].replace("−", "-")
    assert f"Feature {feature + 1}: gamma {made['gamma'][feature]:.2g}" in text
    if gone[feature]:
        assert f"With gamma 0 it would give {level:.2g} for" in text
        assert ("keeps that as a constant" in text) == (level > 0)
    hinge = np.array(shown["hinge"])
    straight = np.abs(np.diff(hinge[:, 1], 2)) < 0.25
    assert (~straight).sum() <= 2  # a hinge has one kink
    mean, low, high = (
        f"{100 * each(made['random'][frame]):.1f} %" for each in (np.mean, min, max)
    )
    right = f"{100 * made['removed'][frame]:.1f} %"
    assert shown["said"] == (
        f"{AT[frame]:g}: {gone.sum()} of 20 features out, {right} right, "
        f"{mean} without as many random ones"
    )
    if gone.any():
        assert f"Without the {gone.sum()} small ones: {right}" in text
        assert (
            f"Without {gone.sum()} random ones: {mean} (3 draws, {low} to {high}"
            in text
        )
    else:
        assert f"Without none of them: {right}" in text
    left = f"{made['size'][frame]:,} of 1,000 weights, {2 * (F - gone.sum())} of the 40"
    assert f"Left: {left} trained numbers" in text
    assert f"above 0 for none: {never.sum()} of 20" in text


def test_a_reader_moves_the_threshold_and_chooses_runs_and_features(tmp_path):
    made = bars()
    made.state |= {"run": 2, "frame": 2, "feature": 3}
    seen = drive(
        tmp_path,
        made,
        """
  seen.first = look();
  put(range, 4);
  seen.most = look();
  put(range, 0);
  seen.none = look();
  all(".gb-menus .cw-pick")[0].click();
  put(range, 3);
  seen.still = look();
  choose("even").click();
  seen.even = look();
  choose("stretched").click();
  choose(1, ".gb-part").click();
  seen.other = look();
  cells[5].click();
  cells[5].focus();
  seen.clicked = look();
  press(cells[5], "ArrowRight");
  seen.next = look();
  press(document.activeElement, "ArrowUp");
  press(document.activeElement, "Home");
  press(document.activeElement, "ArrowLeft");
  press(document.activeElement, "ArrowDown");
  seen.down = look();
  press(document.activeElement, "ArrowDown");
  press(document.activeElement, "End");
  seen.end = look();
  seen.asking = all("input[type=number], select, [role=status]").length;
""",
        live=False,
    )
    check(seen["first"], RUNS[2], 2, 1, 3)
    assert seen["first"]["pressed"] == ["0.01", "stretched around 0", "7"]
    check(seen["most"], RUNS[2], 4, 1, 3)
    check(seen["none"], RUNS[2], 0, 1, 3)
    check(seen["still"], RUNS[0], 3, 1, 3)
    check(seen["even"], RUNS[0], 3, 1, 3, "even")
    assert "Beyond ±3" in seen["even"]["text"]
    check(seen["other"], RUNS[0], 3, 1, 3)
    check(seen["clicked"], RUNS[0], 3, 1, 5)
    for name, feature in (("next", 6), ("down", 10), ("end", 11)):
        check(seen[name], RUNS[0], 3, 1, feature)
        assert seen[name]["focus"] == feature
    label = seen["end"]["labels"][4].replace("−", "-")
    assert label.startswith(f"feature 5: gamma {RUNS[0]['gamma'][4]:.2g}, gives ")
    assert label.endswith(", taken out") == bool(out(RUNS[0], 3)[4])
    assert seen["asking"] == 0


def test_a_reader_trains_with_the_kernel(tmp_path):
    after = json.dumps(bars(compute=run).answer({"decay": 0.02, "start": "ones"}))
    made = bars(compute=run)
    made.state |= {"image": 0, "feature": 1}
    seen = drive(
        tmp_path,
        made,
        """
  const decay = el.querySelector("input[type=number]");
  const start = el.querySelector("select");
  const button = el.querySelector(".gb-ask button");
  const status = el.querySelector("[role=status]");
  seen.wrong = [];
  for (const wanted of ["", "-1", "1"]) {
    put(decay, wanted);
    button.click();
    seen.wrong.push(status.textContent);
  }
  put(decay, "0.02");
  put(start, "ones", "change");
  press(decay, "Enter");
  seen.waiting = [button.disabled, status.textContent];
  for (const [name, value] of Object.entries(AFTER)) model.set(name, value);
  heard["msg:custom"].forEach((call) => call({ done: true }));
  seen.trained = { ...look(), free: button.disabled, status: status.textContent };
  all(".gb-menus .cw-pick")[1].click();
  seen.back = look();
  heard["msg:custom"].forEach((call) => call({ error: "ValueError: no" }));
  seen.refused = status.textContent;
""".replace("AFTER", after),
    )
    assert seen["wrong"] == ["A decay is 0 or more and below 1."] * 3
    assert seen["sent"] == [{"decay": 0.02, "start": "ones"}]
    assert seen["waiting"] == [True, "Training …"]
    check(seen["trained"], run(0.02, "ones"), 2, 0, 1)
    assert "before training (ones, cut off above)" in seen["trained"]["text"]
    assert seen["trained"]["pressed"][0] == "0.02, from ones"
    assert not seen["trained"]["free"] and seen["trained"]["status"] == "Done."
    check(seen["back"], RUNS[1], 2, 0, 1)
    assert seen["refused"] == "ValueError: no"
