"""The scatter and the keys on the page are those that Python was given."""

import json
from base64 import b64decode
from itertools import product

import numpy as np
import pytest
import widget_page as page
from widget_page import answers

from minitorch.data import load
from minitorch.models import mlp
from minitorch.plots import STYLES
from minitorch.studies import subset_sums
from minitorch.studies import supermask_frames as frames
from minitorch.weird.pruning import fresh, kept_count
from minitorch.weird.subset_sum import subset_sum
from minitorch.weird.supermask import CRITERIA, criterion_mask
from minitorch.widgets import SubsetSumKeys, WeightScatter

RNG = np.random.default_rng(0)
KEEPS = [1, 0.5, 0.1]
BEFORE = RNG.normal(size=40)
AFTER = BEFORE + 0.2 * RNG.normal(size=40)
LAYERS = [
    {
        "name": name,
        "weights": total,
        "before": BEFORE,
        "after": AFTER,
        "places": {
            "by size": RNG.permutation(total)[:40],
            "by chance": RNG.permutation(total)[:40],
        },
        "unmoved": unmoved,
    }
    for name, total, unmoved in (("first", 40, 0.25), ("second", 200_000, 0))
]
MENU = {"by size": "large after training", "by chance": "left to chance"}
ARMS = {
    "supermask": {"by size": [0.1, 0.8, 0.3], "by chance": [0.1, 0.12, 0.09]},
    "fresh_start": {"by size": [0.08, 0.11, 0.13], "by chance": [0.08, 0.1, 0.1]},
}
WORDS = {"title": "Drag keep", "note": "a test"}


def scatter(layers=LAYERS, criteria=MENU, keeps=KEEPS, arms=ARMS, **how):
    return WeightScatter(layers, criteria, keeps, arms, **(WORDS | how))


def numbers_in(text):
    return np.frombuffer(b64decode(text), "<u2").astype(int)


# ----------------------------------------------------------------------------
# The scatter
# ----------------------------------------------------------------------------


def test_weights_travel_so_that_no_eye_sees_a_difference():
    for layer in scatter().state["layers"]:
        for end, wanted in (("before", BEFORE), ("after", AFTER)):
            found = (2 * numbers_in(layer[end]) / 65_535 - 1) * layer["reach"]
            np.testing.assert_allclose(found, wanted, atol=layer["reach"] / 60_000)
        assert layer["reach"] >= max(abs(BEFORE).max(), abs(AFTER).max())


@pytest.mark.parametrize("total", [1, 2, 40, 1000, 4095, 65_535, 65_536])
def test_a_point_is_kept_just_when_its_place_says_so(total):
    """By the rule that the module uses, in layers of up to 65,536 weights."""
    given = RNG.permutation(total)[:500]
    layer = {**LAYERS[0], "weights": total, "places": {"by size": given}}
    layer |= {"before": np.ones(len(given)), "after": np.ones(len(given))}
    made = scatter([layer], {"by size": ""}).state["layers"][0]
    codes = numbers_in(made["places"]["by size"])
    for count in {0, 1, total // 3, total // 2, total - 1, total}:
        assert ((codes < 65_536 * count / total) == (given < count)).all()


def test_frames_are_in_order_and_start_where_the_first_arm_is_best():
    state = scatter(names={"supermask": "own"}, images=500).state
    assert [f["keep"] for f in state["frames"]["by size"]] == [0.1, 0.5, 1]
    assert state["frames"]["by size"][0]["arms"] == {
        "supermask": 0.3,
        "fresh_start": 0.13,
    }
    assert (state["at"], state["criterion"], state["images"]) == (1, "by size", 500)
    names = {arm["key"]: arm["name"] for arm in state["arms"]}
    assert names["supermask"] == "own"
    assert names["fresh_start"] == STYLES["fresh_start"].label


def changed(**changes):
    return [{**LAYERS[0], **changes}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"keeps": [1, 1, 0.1]}, "each once"),
        ({"keeps": [1, 0.5, 0]}, "above 0 and up to 1"),
        ({"layers": []}, "one layer"),
        ({"criteria": {}}, "one criterion"),
        ({"arms": {"mask": ARMS["supermask"]}}, "no style 'mask'"),
        ({"arms": {"supermask": {"by size": [1, 1, 1]}}}, "no accuracies of 'by chanc"),
        ({"keeps": [1, 0.5]}, "wanted 2 accuracies"),
        ({"arms": {"supermask": dict.fromkeys(MENU, [90, 1, 1])}}, "from 0 to 1"),
        ({"layers": changed(after=AFTER[1:])}, r"before and after are \(m,\)"),
        ({"layers": changed(after=AFTER * np.nan)}, "not finite"),
        ({"layers": changed(weights=39)}, "from 0 to below 39"),
    ],
)
def test_mistakes_are_named(change, said):
    with pytest.raises(ValueError, match=said):
        scatter(**change)


def test_a_kernel_measures_at_another_keep():
    asked = []

    def compute(criterion, keep):
        asked.append((criterion, keep))
        return {"supermask": 0.7, "fresh_start": 0.2}

    live = scatter(compute=compute).live()
    assert live.live is True
    for _ in range(2):  # again: in place of the first
        message = {"keep": 0.25, "criterion": "by chance"}
        assert answers(live, message) == [{"done": True}]
    assert asked == [("by chance", 0.25)] * 2
    assert (live.criterion, live.at) == ("by chance", 1)
    assert [f["mine"] for f in live.frames["by chance"]] == [False, True, False, False]
    assert len(live.frames["by size"]) == 3
    answers(live, {"keep": 0.5, "criterion": "by chance"})
    assert [f["keep"] for f in live.frames["by chance"]] == [0.1, 0.25, 0.5, 0.5, 1]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (lambda criterion, keep: 1 / 0, "ZeroDivisionError"),
        (lambda criterion, keep: {"supermask": 0.5}, "compute gives"),
        (lambda criterion, keep: dict.fromkeys(ARMS, 90), "from 0 to 1"),
    ],
)
def test_an_error_in_python_reaches_the_reader(found, said):
    live = scatter(compute=found).live()
    before = live.frames
    (heard,) = answers(live, {"keep": 0.3, "criterion": "by size"})
    assert said in heard["error"] and live.frames == before
    for message in ({"keep": 0, "criterion": "by size"}, {"keep": 1, "criterion": "x"}):
        (heard,) = answers(live, message)
        assert "ValueError" in heard["error"]


# ----------------------------------------------------------------------------
# The scatter of a network
# ----------------------------------------------------------------------------

NET = mlp(784, 12, 10, bias=False)
DATA = load("mnist").take(200, 120)


def ends():
    theta0 = NET.init(0)
    return theta0, theta0 + 0.03 * RNG.normal(size=theta0.size).astype(np.float32)


def test_what_is_shown_and_measured_is_what_criterion_mask_keeps():
    theta0, trained = ends()
    names = ["large_final", "random", "large_final_diff_sign"]
    found = frames.scatter(
        NET, theta0, trained, DATA, criteria=names, keeps=[0.1, 0.5, 1], points=300
    )
    assert list(found["criteria"]) == [n.replace("_", " ") for n in names]
    for name, says in found["criteria"].items():
        assert says == frames.SAYS[name.replace(" ", "_")]
        for i, keep in enumerate(found["keeps"]):
            old = name.replace(" ", "_")
            mask = criterion_mask(NET, old, theta0, trained, keep, seed=0)
            for key, start in (
                ("supermask", theta0),
                ("fresh_start", fresh(NET, 0)),
            ):
                first, second = NET.layout.views(start * mask).values()
                x = DATA.test_x.reshape(len(DATA.test_x), -1)
                read = (np.maximum(x @ first.T, 0) @ second.T).argmax(axis=1)
                right = float((read == DATA.test_y).mean())
                assert found["arms"][key][name][i] == pytest.approx(right, abs=0.01)
            views = NET.layout.views(mask)
            for layer in found["layers"]:
                piece = f"{layer['name']}.weight"
                kept = views[piece].ravel()
                count = kept_count(kept.size, keep)
                shown = layer["places"][name] < count
                values = NET.layout.views(theta0)[piece].ravel()  # all of them distinct
                order = np.argsort(values)
                here = order[np.searchsorted(values, layer["before"], sorter=order)]
                np.testing.assert_array_equal(shown, kept[here])
    assert found["images"] == 120 and found["chance"] == pytest.approx(
        np.bincount(DATA.test_y).max() / 120
    )


def test_points_are_spread_evenly_over_the_first_criterion_s_order():
    found = frames.scatter(NET, *ends(), DATA, keeps=[0.5, 1], points=100)
    for layer in found["layers"]:
        places = np.sort(layer["places"]["large final"])
        assert len(places) == min(100, layer["weights"])
        for keep in (0.1, 0.5, 0.9):
            share = (places < kept_count(layer["weights"], keep)).mean()
            assert share == pytest.approx(keep, abs=0.011)


def test_a_criterion_of_one_s_own_and_the_network_that_did_not_move():
    theta0, _ = ends()
    mine = {"mine": lambda wi, wf: wi, "large_init": CRITERIA["large_init"]}
    found = frames.scatter(NET, theta0, theta0, DATA, criteria=mine, keeps=[0.3, 1])
    assert found["criteria"] == {
        "mine": "your own",
        "large init": frames.SAYS["large_init"],
    }
    assert all(layer["unmoved"] == 1 for layer in found["layers"])
    assert found["compute"]("mine", 0.3) == {
        key: found["arms"][key]["mine"][0] for key in found["arms"]
    }
    made = WeightScatter(**found, note="a test")
    assert "mine" in made.still and made.live().live is True


def test_wrong_criteria_are_named():
    theta0, trained = ends()
    for criteria, said in (
        (["large"], "no criterion 'large'"),
        ({"mine": lambda wi, wf: wi * np.nan}, "none of them nan"),
        ({"mine": lambda wi, wf: wi[0]}, "one score for each weight"),
    ):
        with pytest.raises(ValueError, match=said):
            frames.scatter(NET, theta0, trained, DATA, criteria=criteria)


def test_every_criterion_has_words_and_the_shown_ones_exist():
    assert set(frames.SAYS) == set(CRITERIA) and set(frames.SHOWN) <= set(CRITERIA)


def test_the_chapter_s_scatter_fits_the_page():
    net = mlp(784, 300, 100, 10, bias=False)
    found = frames.scatter(
        net, net.init(0), net.init(1), DATA, keeps=frames.KEEPS[-2:], images=1
    )
    arms = {
        key: {name: np.full(13, 0.12345) for name in each}
        for key, each in found.pop("arms").items()
    }
    made = WeightScatter(**(found | {"keeps": frames.KEEPS}), arms=arms, note="a test")
    html = made.static()._repr_html_()
    assert html == made.static()._repr_html_() and 50_000 < len(html) < 120_000


# ----------------------------------------------------------------------------
# The keys
# ----------------------------------------------------------------------------

DRAWS = np.round(RNG.uniform(-1, 1, (2, 7)), 6)
TYPICAL = ([2, 5, 20], [0.2, 0.03, 1e-6])


def keys(numbers=DRAWS, **how):
    return SubsetSumKeys(numbers, **(WORDS | how))


def least(numbers, target):
    """The error of the best subset, by trying all of them in plain Python."""
    subsets = product((0, 1), repeat=len(numbers))
    return min(abs(sum(a for a, is_in in zip(numbers, each, strict=True) if is_in)
                   - target) for each in subsets)  # fmt: skip


def test_keys_hold_the_numbers_and_the_curve_up_to_as_many():
    state = keys(typical=TYPICAL, n=5, target=-0.25, pressed=[0, 1]).state
    assert state["draws"] == DRAWS.tolist()
    assert (state["n"], state["target"], state["draw"]) == (5, -0.25, 0)
    assert state["typical"] == [[2, 0.2], [5, 0.03]]
    assert state["pressed"] == [0, 1, 0, 0, 0, 0, 0]
    assert keys(DRAWS[0]).state["draws"] == [DRAWS[0].tolist()]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"numbers": [0.5]}, "2 to 14 keys"),
        ({"numbers": np.zeros(15)}, "2 to 14 keys"),
        ({"numbers": [0.5, 2]}, "from -1 to 1"),
        ({"numbers": [0.5, np.nan]}, "from -1 to 1"),
        ({"target": 1.5}, "target is from -1 to 1"),
        ({"target": np.nan}, "target is from -1 to 1"),
        ({"n": 8}, "n is from 1 to 7"),
        ({"n": 0}, "n is from 1 to 7"),
        ({"pressed": np.zeros(8)}, "at most"),
        ({"typical": ([1, 2], [0.1])}, "typical is n"),
        ({"typical": ([1], [0])}, "above 0"),
    ],
)
def test_wrong_keys_are_named(change, said):
    with pytest.raises(ValueError, match=said):
        keys(**change)


def test_the_learner_s_function_is_asked():
    for choose in (subset_sum, lambda a, t: subset_sum(a, t)[0]):
        live = keys(choose=choose).live()
        assert live.live is True
        message = {"numbers": [0.5, -0.25, 0.125], "target": 0.25}
        assert answers(live, message) == [{"done": True}]
        assert live.chosen == {**message, "mask": [1, 1, 0]}
    for choose, said in (
        (lambda a, t: [1, 1], "a mask (3,) of booleans"),
        (lambda a, t: a, "a mask (3,) of booleans"),
        (lambda a, t: 1 / 0, "ZeroDivisionError"),
    ):
        live = keys(choose=choose).live()
        (heard,) = answers(live, {"numbers": [0.5, -0.25, 0.125], "target": 0.25})
        assert said in heard["error"] and live.chosen is None
    assert keys().live().live is False


def test_the_chapter_s_keys_come_from_a_seed_and_the_stored_rows():
    found = frames.keys(numbers=10, draws=3)
    np.testing.assert_array_equal(found["numbers"], frames.keys(10, 3)["numbers"])
    assert found["numbers"].shape == (3, 10) and abs(found["numbers"]).max() <= 1
    ns, errors = found["typical"]
    median = subset_sums.STUDY.results("median", scale="book", part="errors")
    assert errors[list(ns).index(10)] == pytest.approx(median[:, 8].mean())
    assert "Of 1,024 sums of 10 random numbers" in found["title"]
    assert f"within {median[:, 8].mean():.2g} of a weight" in found["title"]
    made = SubsetSumKeys(**found, note="a test")
    assert len(made.static()._repr_html_()) < 40_000
    assert len(made.state["typical"]) == 9


def test_the_stills_say_what_the_charts_show():
    still = scatter(title="A < B").still
    assert "A &lt; B" in still and "Switch scripts on" in still
    assert "supermask: 30.0% at 0.1, 80.0% at 0.5, 10.0% at 1" in still
    assert still.count("<path") == 3 + 3 + 2  # each point, and the key
    still = keys(n=3, target=0.5, title="A < B").still
    assert "A &lt; B" in still and "Switch scripts on" in still
    a = DRAWS[0]
    for n in (3, 7):
        assert f"{least(a[:n].tolist(), 0.5):.2g} with {n}" in still
    assert f"off by {least(a[:3].tolist(), 0.5):.2g}" in still
    assert still.count("<path") == 7


# ----------------------------------------------------------------------------
# In a page
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("made", [scatter(), keys()], ids=lambda made: made.module)
def test_both_views_hold_what_the_module_reads(made):
    assert made.live().live is False  # nothing to compute with, nothing offered
    page.asks_for_nothing_else(made)


LOOK = """
const look = () => ({ ...el.dataset, text: el.innerText,
  drawn: all("svg").map((svg) => svg.innerHTML).join(), circles: all("circle").length,
  said: all("input[type=range]").map((each) => each.getAttribute("aria-valuetext")),
  alts: all("svg[role=img]").map((each) => each.getAttribute("aria-label")) });
"""


def drive(folder, made, script):
    return page.drive(folder, made, LOOK, script)


def test_a_reader_drags_keep_over_the_weights(tmp_path):
    made = scatter(compute=lambda criterion, keep: dict.fromkeys(ARMS, 0.5), images=99)
    after = json.dumps(made.answer({"keep": 0.25, "criterion": "by chance"})["frames"])
    made = scatter(compute=len, images=99)
    seen = drive(
        tmp_path,
        made,
        """
  const range = el.querySelector("input"), asked = all("input")[1];
  const [criterion, layer] = all("select");
  const button = el.querySelector("button"), status = el.querySelector("[role=status]");
  seen.first = look();
  put(range, 0);
  press(range, "ArrowRight");
  seen.moved = look();
  put(criterion, "by chance", "change");
  seen.other = { ...look(), at: state.at };
  put(layer, "1", "change");
  seen.second = look();
  put(asked, "5");
  button.click();
  seen.wrong = status.textContent;
  put(asked, "0.25");
  press(asked, "Enter");
  seen.waiting = [button.disabled, status.textContent];
  model.set("frames", AFTER);
  model.set("at", 1);
  heard["msg:custom"].forEach((call) => call({ done: true }));
  seen.measured = { ...look(), off: button.disabled, status: status.textContent };
""".replace("AFTER", after),
    )
    first, moved, other = seen["first"], seen["moved"], seen["other"]
    places = LAYERS[0]["places"]
    for shown, keep, name in (
        (first, 0.5, "by size"),
        (moved, 0.1, "by size"),
        (other, 0.1, "by chance"),
    ):
        assert (float(shown["keep"]), shown["criterion"]) == (keep, name)
        kept = int((places[name] < kept_count(40, keep)).sum())
        assert shown["points"] == str(kept)
        assert f"{kept} of 40 are kept by {name} at keep {keep}" in shown["alts"][0]
    assert first["said"] == ["keep 0.5: supermask 80.0 %, fresh start 11.0 %"]
    assert "100,020 of 200,040 weights stay" in first["text"]
    assert "20,004 of 200,040" in moved["text"] and "30.0 %" in moved["text"]
    assert "25.0 % of this layer never moved" in first["text"]
    assert "Of 99 test images" in first["text"] and first["circles"] == 2
    assert first["drawn"] != moved["drawn"] != other["drawn"]
    assert "supermask at most 80.0 %, at keep 0.5" in first["alts"][1]
    assert "every weight of this layer moved" in seen["second"]["text"]
    assert "second" in seen["second"]["alts"][0]
    assert seen["wrong"] == "Keep is above 0 and up to 1."
    assert seen["sent"] == [{"keep": 0.25, "criterion": "by chance"}]
    assert seen["waiting"] == [True, "Measuring at keep 0.25 …"]
    measured = seen["measured"]
    assert not measured["off"] and measured["status"] == "Done."
    assert (measured["keep"], measured["mine"]) == ("0.25", "true")
    assert "Measured here" in measured["text"] and "Hollow" in measured["text"]


def test_a_reader_presses_keys_against_the_best_subset(tmp_path):
    made = keys(target=0.4, typical=TYPICAL, choose=subset_sum)
    seen = drive(
        tmp_path,
        made,
        """
  const [target, count] = all("input"), keys = all(".sk-keys button");
  const tools = all(".sk-tools button");
  const badges = () => keys.map((each) => each.innerText.split("\\n")[1] ?? "");
  const down = () => keys.map((each) => each.getAttribute("aria-pressed"));
  seen.first = look();
  for (const k of [0, 3, 5]) keys[k].click();
  keys[3].click();
  seen.pressed = { ...look(), down: down() };
  tools[1].click();
  seen.best = { badges: badges(), pressed: tools[1].getAttribute("aria-pressed") };
  tools[3].click();
  seen.asking = tools[3].disabled;
  model.set("chosen", { ...sent[0], mask: [1, 1, 0, 0, 0, 0, 0] });
  heard["msg:custom"].forEach((call) => call({ done: true }));
  seen.chosen = { ...look(), badges: badges(), off: tools[3].disabled };
  put(target, 150);
  seen.farther = look();
  put(target, 140);
  put(count, 3);
  press(count, "ArrowLeft");
  seen.fewer = { ...look(), hidden: keys.map((each) => each.hidden) };
  seen.each = [];
  for (let k = 0; k < 7; k++) {
    for (const t of [0, 61, 100, 173]) {
      put(count, k);
      put(target, t);
      seen.each.push([k + 1, (t - 100) / 100, Number(el.dataset.best),
        Number(el.dataset.single)]);
    }
  }
  tools[2].click();
  seen.others = { ...look(), down: down(), names: keys.map((each) => each.innerText) };
  tools[0].click();
""",
    )
    a = DRAWS[0].tolist()
    assert float(seen["first"]["error"]) == 0.4
    assert "No key pressed" in seen["first"]["text"]
    pressed, total = seen["pressed"], a[0] + a[5]
    assert pressed["down"] == ["true", *["false"] * 4, "true", "false"]
    assert float(pressed["sum"]) == pytest.approx(total)
    assert float(pressed["error"]) == pytest.approx(abs(total - 0.4))
    assert f"{abs(total - 0.4):.2g}" in pressed["text"]
    mask = subset_sum(DRAWS[0], 0.4)[0]
    assert seen["best"] == {
        "badges": ["best" if each else "" for each in mask],
        "pressed": "true",
    }
    assert seen["sent"] == [{"numbers": a, "target": 0.4}]
    assert seen["asking"] and not seen["chosen"]["off"]
    wanted = [
        "both" if is_best and k < 2 else "best" if is_best else "function" if k < 2
        else "" for k, is_best in enumerate(mask)
    ]  # fmt: skip
    assert seen["chosen"]["badges"] == wanted
    assert "your function's subset" in seen["chosen"]["text"]
    for other in ("farther", "fewer"):  # it was asked for something else
        assert "your function's" not in seen[other]["text"]
    assert seen["fewer"]["hidden"] == [False] * 4 + [True] * 3
    assert seen["fewer"]["said"] == ["target +0.40", "4 keys: 16 subsets"]
    for n, target, best, single in seen["each"]:
        assert best == pytest.approx(least(a[:n], target), abs=1e-9)
        assert single == pytest.approx(min(abs(v - target) for v in a[:n]))
    others = seen["others"]
    assert set(others["down"]) == {"false"}
    assert others["names"][0].strip() == f"{DRAWS[1][0]:+.3f}".replace("-", "−")
    assert others["drawn"] != seen["fewer"]["drawn"]
