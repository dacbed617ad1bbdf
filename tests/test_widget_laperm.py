"""The tiles on the page are those Python was given, and those that were trained."""

import json
import re
from base64 import b64decode

import numpy as np
import pytest
import widget_page as page
from widget_page import answers

from minitorch.data import load
from minitorch.models import mlp
from minitorch.studies import laperm_frames as frames
from minitorch.train import fit, predict
from minitorch.weird.laperm import LaPerm
from minitorch.widgets import TileRows

O, N, STEPS = 3, 9, 20
VALUES = np.sort(np.random.default_rng(0).uniform(-0.5, 0.5, (O, N)), axis=1)
WORDS = {
    "wide": 3,
    "weights": O * N,
    "steps": STEPS,
    "title": "A < B",
    "note": "a test",
}


def run(k, lr, seed=0, **changes):
    random = np.random.default_rng([seed, k, int(1000 * lr)])
    count = STEPS // k
    tiles = random.random((count + 1, O, N)).argsort(-1)
    made = {
        "k": k,
        "lr": lr,
        "tiles": tiles,
        "copy": random.normal(size=(count, O, N)),
        "at": [k * (i + 1) for i in range(count)],
        "reach": np.full(count, k * lr),
        "pairs": random.integers(0, 50, (count, 3)) + [50, 50, 0],
        "steps": [k * (i + 1) for i in range(count)],
        "before": np.round(0.5 + random.random(count) / 2, 3),
        "after": np.round(random.random(count) / 2, 3),
        "start": 0.125,
    }
    return made | changes


RUNS = [run(k, lr) for lr in (0.001, 0.01) for k in (5, 10, STEPS)]


def rows(values=VALUES, runs=RUNS, names=("0", "1", "2"), **how):
    return TileRows(values, runs, names, **(WORDS | how))


def bytes_in(text):
    return np.frombuffer(b64decode(text), np.uint8)


# ----------------------------------------------------------------------------
# What is sent
# ----------------------------------------------------------------------------


def test_tiles_and_numbers_travel_so_that_no_eye_sees_a_difference():
    state = rows().state
    np.testing.assert_allclose(state["values"], VALUES, rtol=1e-5)
    for sent, made in zip(state["runs"], RUNS, strict=True):
        np.testing.assert_array_equal(bytes_in(sent["tiles"]), made["tiles"].ravel())
        copy = (bytes_in(sent["copy"]) / 255 * 2 - 1) * sent["top"]
        np.testing.assert_allclose(
            copy, made["copy"].ravel(), atol=sent["top"] / 250, rtol=0
        )
        for name in ("k", "lr", "at", "steps", "start"):
            assert sent[name] == made[name]
        for name in ("reach", "pairs", "before", "after"):
            np.testing.assert_allclose(sent[name], made[name], rtol=1e-3)


def test_the_best_run_is_shown_where_its_synchronisation_costs_most():
    best = run(5, 0.01, before=[0.6, 0.9, 0.8, 0.9], after=[0.5, 0.6, 0.7, 0.99])
    once = run(STEPS, 0.01, after=[1.0])  # ordinary training, arranged once
    state = rows(runs=[once, run(10, 0.01), best]).state
    assert (state["run"], state["frame"]) == (2, 2)
    assert rows(runs=[once]).state["run"] == 0


BAD = run(5, 0.01)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"values": VALUES[0]}, "finite numbers"),
        ({"values": VALUES * np.nan}, "finite numbers"),
        ({"values": -VALUES}, "from small to large"),
        ({"values": np.zeros((1, 257)), "names": ["0"]}, "up to 256"),
        ({"names": ["0"]}, "a name for each of 3"),
        ({"runs": []}, "a run or more"),
        ({"wide": 10}, "1 to 9 tiles in a line"),
        ({"runs": [BAD | {"tiles": BAD["tiles"][1:]}]}, "wanted tiles"),
        ({"runs": [BAD | {"tiles": 0 * BAD["tiles"]}]}, "stands at one place"),
        ({"runs": [BAD | {"copy": BAD["copy"][:, :1]}]}, "wanted tiles"),
        ({"runs": [BAD | {"copy": BAD["copy"] * np.inf}]}, "copy is finite"),
        ({"runs": [BAD | {"at": [5, 10, 15, 19]}]}, "each of at is a step"),
        ({"runs": [BAD | {"reach": [1.0]}]}, "reach is 4 numbers"),
        ({"runs": [BAD | {"before": [1.0]}]}, "before is 4 numbers"),
        ({"runs": [BAD | {"after": [np.nan] * 4}]}, "after is 4 numbers"),
    ],
)
def test_what_does_not_fit_is_named(change, said):
    with pytest.raises(ValueError, match=said):
        rows(**change)


def test_a_kernel_trains_another_run():
    asked = []

    def compute(k, lr):
        asked.append((k, lr))
        if k == 7:
            raise FloatingPointError("the loss is nan")
        return run(k, lr)

    live = rows(compute=compute).live()
    assert answers(live, {"k": 4, "lr": 0.02}) == [{"done": True}]
    assert asked == [(4, 0.02)] and (live.run, live.frame) == (6, 5)
    assert len(live.runs) == 7 and live.runs[6]["mine"]
    np.testing.assert_array_equal(
        bytes_in(live.runs[6]["tiles"]), run(4, 0.02)["tiles"].ravel()
    )
    for message, said in (
        ({"k": 0, "lr": 0.02}, "k is 1 to 20"),
        ({"k": 21, "lr": 0.02}, "k is 1 to 20"),
        ({"k": 4, "lr": 0}, "above 0"),
        ({"k": 4, "lr": "nan"}, "above 0"),
        ({"k": 7, "lr": 0.02}, "the loss is nan"),
    ):
        (heard,) = answers(live, message)
        assert said in heard["error"], heard
        assert len(live.runs) == 7
    assert rows().live().live is False


def test_the_still_holds_the_values_before_and_after():
    still = rows().still
    assert "A &lt; B" in still and "Switch scripts on" in still
    assert len(re.findall("<image", still)) == 2
    for made in RUNS:
        assert f"k {made['k']}, rate {made['lr']:g}: {made['after'][-1]:.1%}" in still
    assert len(rows(wide=N).still) < 5000  # one row below another


# ----------------------------------------------------------------------------
# What was trained
# ----------------------------------------------------------------------------

DATA = frames.pooled(load("mnist").take(1000, 200))
NET = mlp(49, 10, bias=False)


@pytest.fixture(scope="module")
def trained():
    return frames.rows(NET, DATA, ks=[4, 7], lrs=[0.02], epochs=2, frames=5)


def test_pooled_digits_are_means():
    image = load("mnist").train_x[3, 0]
    means = [[image[r : r + 4, c : c + 4].mean() for c in range(0, 28, 4)]
             for r in range(0, 28, 4)]  # fmt: skip
    np.testing.assert_allclose(DATA.train_x[3].reshape(7, 7), means, rtol=1e-5)
    with pytest.raises(ValueError, match="multiple of 5"):
        frames.pooled(load("mnist"), 5)


def test_every_run_ends_as_fit_does_and_reads_what_its_tiles_read(trained):
    assert [each["k"] for each in trained["runs"]] == [4, 7, 40]
    for each in trained["runs"]:
        g = LaPerm(NET, k=each["k"], seed=0)
        done = fit(NET, g, DATA, lr=0.02, epochs=2, batch=50)
        for f, tiles in ((0, each["tiles"][0]), (-1, each["tiles"][-1])):
            theta = np.take_along_axis(trained["values"], tiles, 1).ravel()
            wanted = done.theta if f else g.theta0
            np.testing.assert_array_equal(theta, wanted)
            right = (predict(NET, theta, DATA.test_x) == DATA.test_y).mean()
            assert right == (each["after"][-1] if f else each["start"])
        assert each["after"][-1] == done.test_accuracy
        assert each["steps"][-1] == 40 and each["at"][-1] == 40
        assert len(each["steps"]) == -(-40 // each["k"])  # a short period at the end


def test_the_copy_has_the_order_of_the_tiles_and_reads_better(trained):
    for each in trained["runs"]:
        order = each["copy"].argsort(-1, kind="stable").argsort(-1, kind="stable")
        np.testing.assert_array_equal(order, each["tiles"][1:])
    once = trained["runs"][-1]
    right = predict(NET, once["copy"][-1].ravel(), DATA.test_x) == DATA.test_y
    assert once["before"] == [right.mean()] and once["before"] > once["after"]
    assert f"trained freely {once['before'][0]:.1%}" in trained["title"]
    best = max(each["after"][-1] for each in trained["runs"][:2])
    assert f"read {best:.1%} of digits, weights" in trained["title"]


def test_pinned_pairs_are_those_too_far_apart_and_keep_their_order(trained):
    first = trained["runs"][0]
    own, far = trained["values"].astype(float), 2 * first["reach"][0]
    assert far == pytest.approx(8 * 0.02, rel=0.05)
    held, moved, both = first["pairs"][0]
    pairs = [(o, i, j) for o in range(10) for i in range(49) for j in range(i)]
    assert held == sum(own[o, i] - own[o, j] > far for o, i, j in pairs)
    old = [np.take_along_axis(own, tiles, 1) for tiles in first["tiles"][:2]]
    flips = sum((old[0][o, i] - old[0][o, j]) * (old[1][o, i] - old[1][o, j]) < 0
                for o, i, j in pairs)  # fmt: skip
    assert moved == flips > 100 and both < moved / 10


def test_equal_values_stay_where_they_can():
    made = frames.rows(
        NET, DATA, ks=[5], lrs=[0.02], epochs=1, values="single", keep=0.5
    )
    one = made["runs"][0]
    for old, new in zip(one["tiles"], one["tiles"][1:], strict=False):
        theta, later = (np.take_along_axis(made["values"], each, 1)
                        for each in (old, new))  # fmt: skip
        np.testing.assert_array_equal(old == new, theta == later)
    with pytest.raises(ValueError, match="other values"):
        frames.places(made["values"], made["values"] + 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layer": "none"}, "no layer 'none'; there are"),
        ({"neurons": 0}, "1 neuron"),
        ({"frames": 0}, "1 frame"),
        ({"lrs": [0.0]}, "above 0"),
        ({"ks": [0]}, "every 1 step or more"),
    ],
)
def test_settings_that_make_no_sense_are_named(change, said):
    with pytest.raises(ValueError, match=said):
        frames.rows(NET, DATA, epochs=1, **change)


def test_a_deeper_layer_is_shown_in_rows():
    net = mlp(49, 12, 10, bias=False)
    last = list(net.layout.shapes)[-1]
    made = frames.rows(net, DATA, ks=[10], lrs=[0.01], epochs=1, layer=last, neurons=4)
    assert made["values"].shape == (4, 12) and made["wide"] == 12
    assert made["names"] == ["0", "1", "2", "3"] and made["weights"] == 49 * 12 + 120
    hidden = frames.rows(net, DATA, ks=[10], lrs=[0.01], epochs=1, neurons=2)
    assert hidden["wide"] == 7 and hidden["names"] == ["unit 0", "unit 1"]
    assert "wide" in made and TileRows(**made, note="a test").state["n"] == 12


def test_the_chapter_s_runs_fit_the_page(trained):
    full = dict(trained)
    one = trained["runs"][0]
    count = frames.FRAMES
    some = np.arange(count + 1) % len(one["tiles"])
    many = one | {
        "tiles": one["tiles"][some],
        "copy": one["copy"][some[1:] - 1],
        "at": [one["at"][0]] * count,
        "reach": np.ones(count),
        "pairs": [one["pairs"][0]] * count,
        "steps": list(range(4, 516, 4)),
        "before": np.full(128, 0.5),
        "after": np.full(128, 0.25),
    }
    full["runs"] = [many] * 9 + trained["runs"][-1:] * 3
    shown = TileRows(**full, note="a test").static()
    html = shown._repr_html_()
    assert html == shown._repr_html_() and 150_000 < len(html) < 260_000


# ----------------------------------------------------------------------------
# In a page
# ----------------------------------------------------------------------------


def test_both_views_hold_what_the_module_reads():
    page.asks_for_nothing_else(rows())


LOOK = """
const choose = (value) => el.querySelector(`.cw-pick[data-value="${value}"]`);
// Where each tile of a list stands, in tiles from the upper left.
const stand = (list, side) => list.map((each) => {
  const [x, y] = each.style.transform.match(/[\\d.]+/g);
  return [x / side, y / side];
});
const look = () => ({ ...el.dataset, text: el.innerText, state: { ...state, runs: 0 },
  said: el.querySelector("input[type=range]").getAttribute("aria-valuetext"),
  checked: all(".cw-pick[aria-pressed=true]").map((each) => each.dataset.value),
  off: all(".cw-pick:disabled").map((each) => each.dataset.value),
  small: all(".tr-all button").map((button) =>
    stand([...button.querySelectorAll("rect")], 10)),
  big: stand(tiles, tiles[0].offsetWidth),
  colours: tiles.map((each) => each.style.backgroundColor.match(/\\d+/g).map(Number)),
  red: tiles.map((each) => each.className === "tr-pinned"),
  pressed: tiles.map((each) => each.getAttribute("aria-pressed") === "true"),
  stops: tiles.filter((each) => each.tabIndex === 0).length,
  focus: tiles.indexOf(document.activeElement),
  labels: tiles.map((each) => each.getAttribute("aria-label")),
  ticks: all(".tr-off").length, walls: all(".tr-wall").length,
  neurons: all(".tr-all button").map((each) => each.getAttribute("aria-pressed")),
  points: el.querySelector("polyline").getAttribute("points").split(" ").length,
  dots: all("circle").map((each) => Number(each.getAttribute("cy"))) });
"""


def drive(folder, made, script, live=True):
    """Do what the script says; all tiles are large enough for a finger."""
    start = """
  const range = el.querySelector("input[type=range]"), tiles = all(".tr-big button");
  globalThis.tiles = tiles;
"""
    end = "seen.large = large(tiles);"
    shown = page.drive(folder, made, LOOK, start + script + end, live)
    assert shown["large"]
    return shown


def check(shown, made, frame, neuron, tile, view="after", runs=RUNS):
    """Hold all that a reader sees against what was given."""
    state = shown["state"]
    assert (state["frame"], state["chosen"]) == (frame, [neuron, tile])
    assert (int(shown["k"]), float(shown["lr"])) == (made["k"], made["lr"])
    assert (shown["frame"], shown["view"]) == (str(frame), view)
    # Each tile stands at its place, in the small pictures and in the large one.
    standing = made["tiles"][frame - (view == "before")]
    for o in range(O):
        places = standing[o].argsort()
        np.testing.assert_allclose(
            shown["small"][o], np.stack([places % 3, places // 3], 1)
        )
    np.testing.assert_allclose(shown["big"], shown["small"][neuron], atol=1e-6)
    # Darker where the weight is larger.
    weights = VALUES[neuron]
    if view == "before":
        places = standing[neuron].argsort()
        weights = made["copy"][frame - 1, neuron][places]
    shade = np.array(shown["colours"]).sum(1)[weights.argsort()]
    assert (np.diff(shade) <= 0).all()
    assert len(set(shade)) > 2
    # Pinned: further apart than twice the reach.
    far = 2 * made["reach"][max(frame - 1, 0)]
    apart = np.abs(VALUES[neuron] - VALUES[neuron, tile])
    assert shown["red"] == (apart > far).tolist()
    assert int(shown["pinned"]) == shown["ticks"] == (apart > far).sum()
    walls = int((np.diff(VALUES[neuron]) > far).sum())
    assert shown["walls"] == walls
    assert [i for i, on in enumerate(shown["pressed"]) if on] == [tile]
    assert shown["stops"] == 1
    assert [on == "true" for on in shown["neurons"]] == [i == neuron for i in range(O)]
    text = shown["text"]
    assert f"{(apart > far).sum()} were pinned" in text
    if walls:
        assert f"{walls} of {N - 1} pairs of neighbours pinned" in text
    else:
        assert "No two neighbours are pinned" in text
    held, moved, both = made["pairs"][max(frame - 1, 0)]
    every = O * N * (N - 1) // 2
    measured = (
        f"of {held} pinned pairs {both} changed their order, of {every - held} others "
        f"{moved - both}."
    )
    assert (measured in text) == (frame > 0)
    assert shown["points"] == 1 + 2 * len(made["steps"])
    if frame:
        low, high = made["before"][frame - 1], made["after"][frame - 1]
        assert f"the copy: {100 * low:.1f} %" in text
        assert f"own values: {100 * high:.1f} %" in text
        spoken = f"{frame} of {len(made['at'])}: {100 * low:.1f} % right before it, "
        assert shown["said"] == f"{spoken}{100 * high:.1f} % after"
        assert len(shown["dots"]) == 2 and shown["dots"][0] < shown["dots"][1]
        assert shown["off"] == []
    else:
        assert "As drawn, the network reads 12.5 %" in text
        assert len(shown["dots"]) == 1 and shown["off"] == ["before"]
    free = next(
        each for each in runs if each["k"] == STEPS and each["lr"] == made["lr"]
    )
    assert f"Dashed: {100 * free['before'][-1]:.1f} %" in text


def test_a_reader_moves_tiles_and_chooses_runs(tmp_path):
    made = rows(runs=RUNS[:5] + [run(STEPS, 0.01, before=[0.875])])
    made.state |= {"run": 3, "frame": 4, "chosen": [2, 8]}
    seen = drive(
        tmp_path,
        made,
        """
  seen.first = look();
  put(range, 2);
  seen.earlier = look();
  choose("before").click();
  seen.copy = look();
  put(range, 0);
  seen.start = look();
  put(range, 1);
  seen.copied = look();
  choose("after").click();
  choose("0.001").click();
  seen.slow = look();
  choose("10").click();
  seen.longer = look();
  choose("20").click();
  seen.once = look();
  all(".tr-all button")[1].click();
  tiles[4].click();
  seen.clicked = look();
  tiles[4].focus();
  press(tiles[4], "Home");
  seen.home = look();
  press(document.activeElement, "ArrowRight");
  press(document.activeElement, "ArrowDown");
  press(document.activeElement, "ArrowDown");
  press(document.activeElement, "ArrowDown");
  seen.down = look();
  press(document.activeElement, "End");
  press(document.activeElement, "ArrowRight");
  seen.end = look();
  press(document.activeElement, "ArrowLeft");
  press(document.activeElement, "ArrowUp");
  seen.up = look();
  seen.asking = all("input[type=number], [role=status]").length;
""",
        live=False,
    )
    runs = [*RUNS[:5], run(STEPS, 0.01, before=[0.875])]

    def at(name, which, *where):
        check(seen[name], runs[which], *where, runs=runs)

    at("first", 3, 4, 2, 8)
    assert seen["first"]["checked"] == ["5", "0.01", "after"]
    at("earlier", 3, 2, 2, 8)
    at("copy", 3, 2, 2, 8, "before")
    assert "the copy" in seen["copy"]["labels"][0]
    at("start", 3, 0, 2, 8)
    at("copied", 3, 1, 2, 8, "before")
    at("slow", 0, 1, 2, 8)
    at("longer", 1, 1, 2, 8)  # 1 of 4, then 1 of 2
    at("once", 2, 1, 2, 8)
    assert seen["once"]["checked"] == ["20", "0.001", "after"]
    assert "20: once, at the end" in seen["once"]["text"]
    order = runs[2]["tiles"][1, 1]  # which tile stands where
    at("clicked", 2, 1, 1, 4)
    for name, place in (("home", 0), ("down", 7), ("end", 8), ("up", 4)):
        at(name, 2, 1, 1, int(order[place]))
        assert seen[name]["focus"] == order[place]
        where = f"line {place // 3 + 1}, place {place % 3 + 1}: value"
        assert seen[name]["labels"][order[place]].startswith(where)
    assert seen["asking"] == 0


def test_a_reader_trains_with_the_kernel(tmp_path):
    made = rows(compute=run)
    after = json.dumps(made.answer({"k": 4, "lr": 0.01}))
    seen = drive(
        tmp_path,
        rows(compute=run),
        """
  const [k, rate] = all("input[type=number]");
  const button = el.querySelector(".tr-ask button");
  const status = el.querySelector("[role=status]");
  seen.wrong = [];
  for (const wanted of ["0 0.1", "2.5 0.1", "21 0.1", "4 0"]) {
    const [one, other] = wanted.split(" ");
    put(k, one);
    put(rate, other);
    button.click();
    seen.wrong.push(status.textContent);
  }
  put(rate, "0.01");
  press(rate, "Enter");
  seen.waiting = [button.disabled, status.textContent];
  for (const [name, value] of Object.entries(AFTER)) model.set(name, value);
  heard["msg:custom"].forEach((call) => call({ done: true }));
  seen.trained = { ...look(), free: button.disabled, status: status.textContent };
  choose("0.001").click();
  seen.back = look();
  choose("6").click();
  seen.again = look();
  heard["msg:custom"].forEach((call) => call({ error: "ValueError: no" }));
  seen.refused = status.textContent;
""".replace("AFTER", after),
    )
    assert seen["wrong"] == ["k is a whole number, 1 to 20."] * 3 + [
        "A learning rate is above 0."
    ]
    assert seen["sent"] == [{"k": 4, "lr": 0.01}]
    assert seen["waiting"] == [True, "Training …"]
    check(seen["trained"], run(4, 0.01), 5, 2, 8)
    assert seen["trained"]["checked"] == ["6", "after"]
    assert not seen["trained"]["free"] and seen["trained"]["status"] == "Done."
    assert "k 4, rate 0.01" in seen["trained"]["text"]
    assert float(seen["back"]["lr"]) == 0.001
    check(seen["again"], run(4, 0.01), 5, 2, 8)
    assert seen["refused"] == "ValueError: no"
