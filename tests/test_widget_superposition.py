"""The bars on the page are those that Python was given, and those of the masks."""

import json
from base64 import b64decode

import numpy as np
import pytest
import widget_page as page
from widget_page import answers

from minitorch.data import load
from minitorch.models import mlp
from minitorch.studies import superposition_frames as frames
from minitorch.weird import Supermask, Superposition
from minitorch.weird.superposition import (
    alpha_grads,
    infer,
    labels,
    learn,
    permuted,
    rotated,
)
from minitorch.widgets import TaskBars

RNG = np.random.default_rng(0)
T, N, F = 4, 3, 9
ORDERS = np.stack([RNG.permutation(F) for _ in range(T)])
PLAIN = np.round(RNG.random((N, F)), 3)
MASKS = RNG.normal(size=(T, F))
WORDS = {"title": "Click a digit", "note": "a test"}


def found(seed=0, **changes):
    random = np.random.default_rng(seed)
    made = {
        "plain": PLAIN,
        "seen": PLAIN[:, ORDERS].swapaxes(0, 1),
        "labels": [3, 1, 4],
        "bars": {k: random.normal(size=(T, N, k)) for k in (2, 3, 4)},
        "mixed": {k: 2 * random.random((T, N)) for k in (2, 3, 4)},
        "alone": 2 * random.random((T, N, T)),
        "read": random.integers(0, 12, (T, N, T)),
        "most": 2.0,
        "objective": "entropy",
        "temperature": 1.0,
        "start": 0,
    }
    return made | changes


def bars(made=None, masks=MASKS, orders=ORDERS, **how):
    return TaskBars(made or found(), masks, orders, **(WORDS | how))


def numbers_in(text, low, high):
    return low + np.frombuffer(b64decode(text), "<u2") / 65_535 * (high - low)


def bytes_in(text):
    return np.frombuffer(b64decode(text), np.uint8)


# ----------------------------------------------------------------------------
# What is sent
# ----------------------------------------------------------------------------


def test_numbers_travel_so_that_no_eye_sees_a_difference():
    made, state = found(), bars().state
    sent = state["found"]
    for k, wanted in made["bars"].items():
        reach = sent["bars"][str(k)]["reach"]
        assert reach >= abs(wanted).max()
        values = numbers_in(sent["bars"][str(k)]["values"], -reach, reach)
        np.testing.assert_allclose(values, wanted.ravel(), atol=reach / 60_000)
        named = bytes_in(sent["bars"][str(k)]["named"])
        np.testing.assert_array_equal(named, wanted.argmax(-1).ravel())
        mixed = numbers_in(sent["bars"][str(k)]["mixed"], 0, 2)
        np.testing.assert_allclose(mixed, made["mixed"][k].ravel(), atol=1e-4)
    alone = numbers_in(sent["alone"], 0, 2)
    np.testing.assert_allclose(alone, made["alone"].ravel(), atol=1e-4)
    np.testing.assert_array_equal(bytes_in(sent["read"]), made["read"].ravel())
    plain = bytes_in(sent["plain"]) / 255
    np.testing.assert_allclose(plain, PLAIN.ravel(), atol=1 / 500)
    np.testing.assert_array_equal(
        numbers_in(state["orders"], 0, 65_535), ORDERS.ravel()
    )
    # Brighter where a mask keeps more, but for the outermost.
    shown = bytes_in(state["masks"]).astype(int)[MASKS.ravel().argsort()]
    assert (np.diff(shown) >= 0).all() and (shown[0], shown[-1]) == (0, 255)


def test_views_are_sent_only_where_orders_do_not_tell_them():
    assert bars().state["found"]["seen"] is None
    other = found(seen=1 - found()["seen"])
    for made in (bars(other), bars(orders=None)):
        assert len(bytes_in(made.state["found"]["seen"])) == T * N * F


def test_only_digits_whose_mask_is_there_are_counted():
    sure = np.full((T, N, 2), -1.0)
    sure[[0, 1, 2, 3], :, [0, 1, 0, 1]] = 1
    sure[1, 2] = [0.5, 0.25]
    made = bars(found(bars=found()["bars"] | {2: sure}))
    assert made.right(2) == 2 * N - 1
    assert (made.state["counts"], made.state["at"]) == ([2, 3, 4], 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"masks": MASKS[:1]}, "two tasks or more"),
        ({"masks": MASKS[:, :8]}, "square pictures"),
        ({"masks": np.full((T, F), np.nan)}, "finite"),
        ({"orders": ORDERS[:3]}, "each pixel once"),
        ({"orders": np.zeros((T, F), int)}, "each pixel once"),
        ({"objectives": ["F"]}, "one or both"),
        ({"objectives": []}, "one or both"),
        ({"made": found(plain=PLAIN + 1)}, "plain: wanted .* from 0 to 1"),
        ({"made": found(labels=[1, 2])}, "plain: wanted"),
        ({"made": found(seen=PLAIN)}, "seen: wanted"),
        ({"made": found(bars={1: np.ones((T, N, 1))})}, "from 2 to 4"),
        ({"made": found(bars={5: np.ones((T, N, 5))})}, "from 2 to 4"),
        ({"made": found(bars={2: np.ones((T, N, 3))})}, "bars, k 2"),
        ({"made": found(bars={2: np.full((T, N, 2), np.inf)})}, "bars, k 2"),
        ({"made": found(mixed=dict.fromkeys((2, 3, 4), PLAIN))}, "mixed, k 2"),
        ({"made": found(alone=np.full((T, N, T), 3))}, "alone: .* from 3 to 3"),
        ({"made": found(read=np.full((T, N, T), -1))}, "read: wanted"),
        ({"made": found(most=0)}, "most above 0"),
        ({"made": found(objective="F")}, "no objective 'F'"),
    ],
)
def test_what_does_not_fit_is_named(change, said):
    with pytest.raises(ValueError, match=said):
        bars(**change)


def test_a_kernel_asks_again():
    asked = []

    def compute(objective, temperature, start):
        asked.append((objective, temperature, start))
        more = {"objective": objective, "temperature": temperature, "start": start}
        if start == 5:
            return found(1, **(more | {"bars": {2: np.ones((T, N, 2))}}))
        return found(1, **more)

    made = bars(compute=compute, objectives=["entropy", "G"])
    live = made.live()
    message = {"objective": "G", "temperature": 2, "start": 7}
    assert answers(live, message) == [{"done": True}] and asked == [("G", 2.0, 7)]
    assert (
        live.found == made.state["found"] == bars(compute("G", 2.0, 7)).state["found"]
    )
    assert made.right(3) == bars(found(1)).right(3)
    for change, said in (
        ({"objective": "F"}, "no objective 'F'"),
        ({"temperature": 0}, "above 0"),
        ({"temperature": "inf"}, "above 0"),
        ({"start": -1}, "0 or more"),
        ({"start": 5}, "compute gives k of [2, 3, 4], got [2]"),
    ):
        (heard,) = answers(live, message | change)
        assert said in heard["error"], heard
        assert live.found["start"] == 7
    assert bars().live().live is False


def test_the_still_says_what_the_bars_show():
    made = bars(title="A < B")
    still, shown = made.still, found()["bars"][4][T // 2, 0]
    assert "A &lt; B" in still and "Switch scripts on" in still
    assert f"A 3 as task {T // 2} shows it" in still
    assert f"names task {shown.argmax()}." in still
    assert still.count("<rect") == 4 and still.count('fill="#0072B2"') == 1
    for i, value in enumerate(shown):
        assert f"task {i} {value:.3g}".replace("-", "−") in still
    for k in (2, 3, 4):
        assert f"{made.right(k)} of {k * N} digits among {k}" in still


# ----------------------------------------------------------------------------
# What is asked of real masks
# ----------------------------------------------------------------------------

DATA = load("mnist").flat().take(2000, 40)
NET = mlp(784, 64, 16, bias=False)


def in_order(x, task):
    return permuted(x, 0, task)


@pytest.fixture(scope="module")
def trained():
    one = Supermask(NET, kind="threshold", weights="signed", seed=0)
    masks = np.empty((3, NET.layout.size), bool)
    for task in range(3):
        x = in_order(DATA.train_x, task).reshape(-1, 50, 784)
        steps = zip(x, DATA.train_y.reshape(-1, 50), strict=True)
        masks[task] = one.mask(learn(NET, one, steps, lr=3e-3, seed=task).phi)
    return Superposition(NET, masks, weights="signed", seed=0)


@pytest.fixture(scope="module")
def asked(trained):
    return frames.tasks(trained, in_order, DATA, digits=4, start=2, real=10)


def softmax(logits):
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def by_hand(g, x, alphas, objective="entropy", temperature=1.0):
    """The objective of one image, by plain numpy in float64."""
    theta = g.theta0 * (np.asarray(alphas, float) @ g.masks[: len(alphas)])
    first, second = NET.layout.views(theta).values()
    p = softmax(second @ np.maximum(first @ x, 0) / temperature)
    return p[10:].sum() if objective == "G" else -(p * np.log(p)).sum()


@pytest.mark.parametrize("k", [2, 3])
def test_bars_are_slopes_of_the_entropy(trained, asked, k):
    made, shares, h = asked["found"], np.full(k, 1 / k), 1e-5
    x = in_order(DATA.test_x[2:6], 1)
    for digit in range(4):
        assert made["mixed"][k][1, digit] == pytest.approx(
            by_hand(trained, x[digit], shares), rel=1e-4
        )
        for i, way in enumerate(np.eye(k)):
            up, down = (by_hand(trained, x[digit], shares + s * h * way)
                        for s in (1, -1))  # fmt: skip
            assert made["bars"][k][1, digit, i] == pytest.approx(
                (down - up) / (2 * h), rel=1e-3, abs=1e-4
            )
            assert made["alone"][1, digit, i] == pytest.approx(
                by_hand(trained, x[digit], way), rel=1e-3, abs=1e-4
            )


def test_what_is_named_is_what_one_shot_infers(trained, asked):
    made = asked["found"]
    right = 0
    for task in range(3):
        x = in_order(DATA.test_x[2:6], task)
        named = made["bars"][3][task].argmax(-1)
        np.testing.assert_array_equal(named, infer(trained, x))
        np.testing.assert_array_equal(
            made["alone"][task].argmin(-1), infer(trained, x, "exhaustive")
        )
        for other in range(3):
            np.testing.assert_array_equal(
                made["read"][task, :, other], labels(trained, x, np.full(4, other))
            )
        right += int((named == task).sum())
    assert right >= 10
    assert asked["title"].endswith(f"names the right one for {right} of 12 digits")
    assert (made["labels"] == DATA.test_y[2:6]).all()


def test_a_reader_s_question_is_answered_by_the_masks(trained, asked):
    made = asked["compute"]("G", 2.0, 38)  # the last two digits and the first two
    np.testing.assert_array_equal(made["labels"], DATA.test_y[[38, 39, 0, 1]])
    x = in_order(DATA.test_x[[0]], 2)
    slopes = alpha_grads(trained, x, objective="G", real=10, temperature=2.0)
    np.testing.assert_allclose(made["bars"][3][2, 2], -slopes, rtol=1e-3, atol=1e-6)
    wanted = by_hand(trained, x[0], np.full(3, 1 / 3), "G", 2.0)
    assert made["mixed"][3][2, 2] == pytest.approx(wanted, rel=1e-4)
    assert made["most"] == 1 and asked["objectives"] == ["entropy", "G"]
    with pytest.raises(ValueError, match="no objective 'F'"):
        asked["compute"]("F", 1.0, 0)
    assert frames.tasks(trained, in_order, DATA)["objectives"] == ["entropy"]


def test_a_network_may_take_other_pixels_than_are_shown(trained):
    """What is shown stays as it is; what is asked is what the network takes."""
    same = frames.tasks(trained, in_order, DATA, digits=3)["found"]
    none = frames.tasks(trained, in_order, DATA, digits=3, look=np.zeros_like)["found"]
    assert (none["seen"] == same["seen"]).all()
    assert np.ptp(none["alone"]) == 0 < np.ptp(same["alone"])  # all outputs are 0


def test_a_mask_is_bright_where_digits_have_ink_whatever_black_is():
    """Whether the network takes black as 0, or pixels of mean 0 and spread 1."""
    x = DATA.train_x.reshape(len(DATA.train_x), -1)
    ink = x.mean(0)
    for look in (lambda x: x, lambda x: (x - np.float32(0.13)) / np.float32(0.31)):
        net = mlp(784, 32, 20, bias=False)
        g = Supermask(net, kind="threshold", weights="signed")
        pairs = zip(x.reshape(-1, 50, 784), DATA.train_y.reshape(-1, 50), strict=True)
        draws = [(look(images), labels) for images, labels in pairs]
        mask = g.mask(learn(net, g, draws, lr=1e-3).phi)
        both = Superposition(net, np.stack([mask, mask]), weights="signed")
        shown = frames.tasks(both, lambda x, task: x, DATA, look=look)["masks"]
        assert np.corrcoef(shown[0], ink)[0, 1] > 0.4


def test_a_mask_shows_where_ink_is_by_its_own_order_alone(asked):
    """Correlated with the mean digit: trained weights stand where pixels are lit."""
    ink, orders = DATA.train_x.mean(0), asked["orders"]
    for mask in range(3):
        fits = [np.corrcoef(asked["masks"][mask], ink[order])[0, 1] for order in orders]
        assert int(np.argmax(fits)) == mask
        assert fits[mask] > 0.4 > 0.15 > max(np.delete(fits, mask))
    for task in range(3):
        seen = in_order(DATA.test_x[:2], task)
        np.testing.assert_array_equal(seen, DATA.test_x[:2][:, orders[task]])


def test_turned_digits_have_no_order(trained):
    made = frames.tasks(
        trained, lambda x, task: rotated(x, 10 * task), DATA, counts=[3, 2, 3]
    )
    assert made["orders"] is None and list(made["found"]["bars"]) == [2, 3]
    shown = TaskBars(**made, note="a test")
    assert shown.state["found"]["seen"] and shown.state["orders"] is None


@pytest.mark.parametrize("counts", [[], [1, 2], [2, 4]])
def test_counts_that_no_slider_can_offer_are_named(trained, counts):
    with pytest.raises(ValueError, match="from 2 to the 3 masks"):
        frames.tasks(trained, in_order, DATA, counts=counts)


def test_twenty_tasks_fit_the_page():
    g = Superposition(NET, RNG.random((20, NET.layout.size)) < 0.5)
    made = frames.tasks(g, in_order, DATA, counts=[2, 20])
    for k in range(3, 20):
        made["found"]["bars"][k] = RNG.normal(size=(20, 5, k))
        made["found"]["mixed"][k] = RNG.random((20, 5))
    shown = TaskBars(**made, note="a test").static()
    html = shown._repr_html_()
    assert html == shown._repr_html_() and 100_000 < len(html) < 200_000


# ----------------------------------------------------------------------------
# In a page
# ----------------------------------------------------------------------------


def test_both_views_hold_what_the_module_reads():
    page.asks_for_nothing_else(bars())


LOOK = """
const shades = (canvas) => [...canvas.getContext("2d").getImageData(0, 0, 3, 3).data]
  .filter((value, i) => i % 4 === 0);
const look = () => ({ ...el.dataset, text: el.innerText, chosen: state.chosen,
  values: all(".tb-value").map((each) => each.textContent),
  bars: all(".tb-row svg").map((svg) => svg.querySelectorAll("rect").length),
  long: all(".tb-row rect").map((each) => Number(each.getAttribute("width"))),
  said: el.querySelector("input").getAttribute("aria-valuetext"),
  stops: all(".tb-digits button").filter((each) => each.tabIndex === 0)
    .map((each) => each.getAttribute("aria-label")),
  pressed: all("[aria-pressed=true]").length,
  focus: document.activeElement.getAttribute("aria-label"),
  pictures: all(".tb-pictures canvas").map(shades),
  mask: el.querySelector(".tb-mask canvas").toDataURL(),
  alts: all("canvas[role=img]").map((each) => each.getAttribute("aria-label")) });
"""


def drive(folder, made, script, live=True):
    """Do what the script says; all digits are large enough for a finger."""
    start = """
  const digits = all(".tb-digits button"), range = el.querySelector("input");
"""
    end = "seen.large = large(digits);"
    shown = page.drive(folder, made, LOOK, start + script + end, live)
    assert shown["large"]
    return shown


def written(value):
    return f"{value:#.3g}".replace("-", "−")


def check(shown, k, task, digit, made=None):
    """Hold all that a reader sees against what was given."""
    made = made or found()
    row = made["bars"][k][task, digit]
    named, label = int(row.argmax()), made["labels"][digit]
    assert shown["chosen"] == [task, digit] and shown["pressed"] == 1
    assert shown["stops"] == [f"task {task}, a handwritten {label}"]
    assert (int(shown["k"]), int(shown["named"])) == (k, named)
    wanted = [written(value) for value in row]
    wanted[named] += " ✓" if named == task else " ✗"
    assert shown["values"] == wanted + [""] * (T - k)
    assert shown["bars"] == [1] * k + [0] * (T - k)
    sizes = abs(row) / abs(row).max()
    np.testing.assert_allclose(
        np.array(shown["long"]) / max(shown["long"]), sizes, atol=0.02
    )
    text = shown["text"]
    right = sum(int(made["bars"][k][t, d].argmax() == t)
                for t in range(k) for d in range(N))  # fmt: skip
    tried = sum(int(made["alone"][t, d, :k].argmin() == t)
                for t in range(k) for d in range(N))  # fmt: skip
    assert (
        shown["said"] == f"{k} tasks: the right one named for {right} of {k * N} digits"
    )
    assert f"right task for {right}, trying all {k} masks for {tried}" in text
    assert f"A {label} of task {task}: one gradient names task {named}" in text
    assert ("cannot be named" in text) == (task >= k)
    mixed = made["mixed"][k][task, digit]
    alone = made["alone"][task, digit, named]
    if made["objective"] == "entropy":
        assert f"together: H = {mixed:.2f} nats, of at most 2.00" in text
        assert f"Mask {named} alone: H = {alone:.2f} nats" in text
    else:
        assert f"together: the spare outputs hold {100 * mixed:.1f} %" in text
        assert f"Mask {named} alone: the spare outputs hold {100 * alone:.1f} %" in text
    read = made["read"][task, digit, named]
    assert f"it reads {read} {'✓' if read == label else '✗'}" in text
    best = int(made["alone"][task, digit, :k].argmin())
    assert f"alone: mask {best} is" in text
    plain, seen, _ = shown["pictures"]
    for pixels, ink in (
        (plain, made["plain"][digit]),
        (seen, made["seen"][task, digit]),
    ):
        np.testing.assert_allclose(pixels, 255 - 224 * ink, atol=1.5)
    assert f"as task {task} shows it" in shown["alts"][1]
    assert f"mask {named} keeps" in shown["alts"][2]


def test_a_reader_clicks_digits_and_lays_masks(tmp_path):
    seen = drive(
        tmp_path,
        bars(),
        """
  seen.first = look();
  digits[3 * 3 + 1].click();
  seen.clicked = look();
  put(range, 0);
  seen.fewer = look();
  digits[1].click();
  seen.other = look();
  digits[1].focus();
  press(digits[1], "ArrowDown");
  press(document.activeElement, "ArrowRight");
  press(document.activeElement, "ArrowRight");
  seen.keys = look();
  press(document.activeElement, "Home");
  press(document.activeElement, "ArrowUp");
  press(document.activeElement, "ArrowUp");
  seen.home = look();
  press(document.activeElement, "End");
  seen.end = look();
  seen.asking = all("select, [role=status]").length;
""",
        live=False,
    )
    for name, k, task, digit in (
        ("first", 4, T // 2, 0),
        ("clicked", 4, 3, 1),
        ("fewer", 2, 3, 1),
        ("other", 2, 0, 1),
        ("keys", 2, 1, 2),
        ("home", 2, 0, 0),
        ("end", 2, 0, 2),
    ):
        check(seen[name], k, task, digit)
        if name in ("keys", "home", "end"):
            label = found()["labels"][digit]
            assert seen[name]["focus"] == f"task {task}, a handwritten {label}"
    assert seen["asking"] == 0


def test_the_mask_is_put_back_by_the_digit_s_own_order(tmp_path):
    masks = np.zeros((T, F))
    masks[:, 0] = 1  # what each task shows first
    every = np.zeros((T, N, T)) + [0, 0, 1, 0]  # mask 2 is named for all
    made = found(bars={4: every}, mixed={4: found()["mixed"][4]})
    script = (
        "seen.all = [0, 1, 2, 3].map((k) => { digits[3 * k].click(); return look(); });"
    )
    orders = {"ordered": ORDERS, "turned": None}
    for name, order in orders.items():
        folder = tmp_path / name
        folder.mkdir()
        seen = drive(folder, bars(made, masks, order), script)
        for task, shown in enumerate(seen["all"]):
            place = 0 if order is None else order[task, 0]
            assert int(np.argmax(shown["pictures"][2])) == place
            assert ("fit" in shown["text"]) == (order is not None)
            if order is not None:
                assert ("do not fit" in shown["text"]) == (task != 2)


def test_a_reader_asks_the_kernel_again(tmp_path):
    other = found(3, objective="G", most=1.0, start=12, temperature=2.0)
    other["alone"], other["mixed"] = (
        other["alone"] / 2,
        {k: each / 2 for k, each in other["mixed"].items()},
    )
    made = bars(compute=lambda *how: other, objectives=["entropy", "G"])
    after = json.dumps(
        made.answer({"objective": "G", "temperature": 2, "start": 12})["found"]
    )
    made = bars(compute=len, objectives=["entropy", "G"])
    seen = drive(
        tmp_path,
        made,
        """
  const [heat, place] = all("input[type=number]"), select = el.querySelector("select");
  const button = el.querySelector(".tb-ask button");
  const status = el.querySelector("[role=status]");
  seen.options = [...select.options].map((each) => each.value);
  select.value = "G";
  put(heat, "0");
  button.click();
  put(heat, "2");
  seen.wrong = [status.textContent];
  put(place, "1.5");
  button.click();
  seen.wrong.push(status.textContent);
  put(place, "12");
  press(place, "Enter");
  seen.waiting = [button.disabled, status.textContent];
  model.set("found", AFTER);
  heard["msg:custom"].forEach((call) => call({ done: true }));
  seen.asked = { ...look(), off: button.disabled, status: status.textContent };
  heard["msg:custom"].forEach((call) => call({ error: "ValueError: no" }));
  seen.refused = status.textContent;
""".replace("AFTER", after),
    )
    assert seen["options"] == ["entropy", "G"]
    assert seen["wrong"] == [
        "A temperature is above 0.",
        "The first digit is a whole number, 0 or more.",
    ]
    assert seen["sent"] == [{"objective": "G", "temperature": 2, "start": 12}]
    assert seen["waiting"] == [True, "Asking …"]
    check(seen["asked"], 4, T // 2, 0, other)
    assert not seen["asked"]["off"] and seen["asked"]["status"] == "Done."
    assert "−dG/dα" in seen["asked"]["text"]
    assert "Temperature 2." in seen["asked"]["text"]
    assert seen["refused"] == "ValueError: no"
