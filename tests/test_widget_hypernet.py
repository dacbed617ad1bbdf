"""The generated kernels and the bred pictures on the page are those of Python."""

import json
import re
import subprocess
from base64 import b64decode

import numpy as np
import pytest
from browser import node_and_browser
from widget_page import answers

from minitorch.data import load
from minitorch.models import conv7
from minitorch.random import stream
from minitorch.weird import Hypernetwork, apply
from minitorch.weird.hypernet import generate_tile
from minitorch.weird.neat import minimal, mutate, paint
from minitorch.widgets import HypernetExplorer, PictureBreeder, view
from minitorch.widgets.breeding import shown

RNG = np.random.default_rng(0)
W1, b1 = RNG.normal(size=(3, 2 * 9)), RNG.normal(size=18)
W2, b2 = RNG.normal(size=(4, 5 * 3)), RNG.normal(size=15)
Z, MIX, LABELS = RNG.normal(size=4), RNG.normal(size=(6, 90)), [3, 1, 4]
WORDS = {"title": "Drag z", "note": "a test"}


def generate(z):
    """Kernels (O, C, k, k) of two channels out and five in."""
    return generate_tile(z, W1, b1, W2, b2).reshape(5, 2, 3, 3).transpose(1, 0, 2, 3)


def features(kernels):
    return (MIX @ kernels.ravel()).reshape(6, 1, 1) * np.ones((1, 4, 4))


def judge(kernels):
    right = 1 / (1 + np.abs(kernels - generate(Z)).mean())
    return right, [int(10 * right) % 10] * 3


def explorer(**how):
    how = {"steps": 5, "reach": 1.5, **WORDS, **how}
    return HypernetExplorer(
        Z, generate, features, judge, np.ones((3, 64)), LABELS, **how
    )


def unpacked(packed, u, v):
    """What the page makes of the three arrays at one point."""
    parts = [
        step * (np.frombuffer(b64decode(text), np.uint8) - 128.0)
        for text, step in zip(packed["bytes"], packed["steps"], strict=True)
    ]
    return (parts[0] + u * parts[1] + v * parts[2]).reshape(packed["shape"])


@pytest.mark.parametrize("axes", [(0, 1), (3, 1)])
@pytest.mark.parametrize("u, v", [(0, 0), (1, 0), (-0.5, 1), (0.5, -1)])
def test_three_arrays_give_every_kernel_and_map(axes, u, v):
    state = explorer(axes=axes).state
    z = Z.copy()
    z[list(axes)] += 1.5 * np.array([u, v])
    for name, wanted in (("kernels", generate(z)), ("maps", features(generate(z)))):
        found = unpacked(state[name], u, v)
        coarse = sum(state[name]["steps"]) / 2
        np.testing.assert_allclose(found, wanted, atol=coarse * 1.01)


def test_accuracy_stands_where_it_was_measured():
    state = explorer().state
    table = np.array(state["accuracy"]).reshape(5, 5)
    assert table[2, 2] == table.max() == 1
    z = Z.copy()
    z[:2] += [1.5, 1.5]
    assert table[0, 4] == round(judge(generate(z))[0], 4)  # right, and at the top
    assert state["said"][4] == judge(generate(z))[1]


def test_a_real_hypernetwork():
    data, g = load("mnist").take(100, 60), Hypernetwork(conv7(), n=4)
    phi = g.init(0)
    made = HypernetExplorer.of(g, phi, data, images=30, steps=3, **WORDS)
    kernels = conv7().layout.views(apply(g, phi))["conv2.weight"]
    found = unpacked(made.state["kernels"], 0, 0)
    np.testing.assert_allclose(found, kernels, atol=made.state["kernels"]["steps"][0])
    assert made.state["maps"]["shape"] == [16, 14, 14]
    html = made.static()._repr_html_()
    assert len(html) < 150_000 and "256 generated kernels of 7 by 7" in html


@pytest.mark.parametrize(
    "how, said",
    [
        ({"steps": 4}, "odd number"),
        ({"axes": (1, 1)}, "two different numbers of 0 to 3"),
        ({"axes": (0, 4)}, "two different numbers of 0 to 3"),
    ],
)
def test_mistakes_are_named(how, said):
    with pytest.raises(ValueError, match=said):
        explorer(**how)


def test_a_generator_that_is_not_affine_is_refused():
    with pytest.raises(ValueError, match="not affine"):
        HypernetExplorer(Z, lambda z: generate(z) ** 2, features, judge,
                         np.ones((3, 64)), LABELS, **WORDS)  # fmt: skip


def test_a_kernel_measures_two_other_numbers():
    live = explorer().live()
    assert answers(live, {"axes": [2, 3]}) == [{"done": True}]
    assert live.axes == [2, 3]
    assert live.kernels == explorer(axes=(2, 3)).state["kernels"]
    (heard,) = answers(live, {"axes": [2, 2]})
    assert "two different" in heard["error"] and live.axes == [2, 3]


# ----------------------------------------------------------------------------
# Breeding
# ----------------------------------------------------------------------------


def test_the_page_holds_every_pick_down_to_its_depth():
    breeder = PictureBreeder(children=3, depth=3)
    children, parents = breeder.state["children"], breeder.state["parents"]
    assert len(children) == len(parents) == len(breeder.state["genomes"]) == 40
    assert [len(c) for c in children] == [3] * 13 + [0] * 27
    assert all(parents[child] == i for i, each in enumerate(children) for child in each)
    assert PictureBreeder(children=3, depth=3).state == breeder.state
    assert PictureBreeder(children=3, depth=3, seed=4).state != breeder.state


def test_a_kernel_breeds_on():
    breeder = PictureBreeder(children=2, depth=1)
    live = breeder.live()
    assert answers(live, {"breed": 2}) == [{"done": True}]
    assert live.children[2] == [3, 4] and live.parents[3:] == [2, 2]
    assert len(live.genomes) == 5 and live.chosen == 2
    assert answers(live, {"breed": 2}) == [{"done": True}]
    assert len(live.genomes) == 5
    (heard,) = answers(live, {"breed": 99})
    assert "no picture 99" in heard["error"]


@pytest.mark.parametrize("children, depth", [(1, 2), (6, 0), (20, 3)])
def test_too_few_or_too_many_pictures(children, depth):
    with pytest.raises(ValueError, match="at most 400"):
        PictureBreeder(children=children, depth=depth)


def test_the_page_paints_what_python_paints(tmp_path):
    node, _ = node_and_browser()
    random, genome = stream(0, "test"), minimal(0)
    cases = []
    for k in range(12):
        genome = mutate(genome, random, growth=3)
        cases.append([shown(genome), 7 + k % 2, k % 3 == 0])
        cases[-1].append(paint(genome, 7 + k % 2, mirror=k % 3 == 0).ravel().tolist())
    module = tmp_path / "breeding.mjs"
    script = view.source("breeding") + (
        f"\nconst cases = {json.dumps(cases)};\n"
        "console.log(JSON.stringify(cases.map(([genome, size, mirror, wanted]) =>\n"
        "  Math.max(...paint(genome, size, mirror).map((v, i) =>"
        " Math.abs(v - wanted[i]))))));\n"
    )
    module.write_text(script, encoding="utf-8")
    done = subprocess.run([node, module], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(genome.nodes) > 8 and max(json.loads(done.stdout)) < 1e-9


# ----------------------------------------------------------------------------
# Both
# ----------------------------------------------------------------------------

BOTH = pytest.mark.parametrize(
    "name, make", [("hypernet", explorer), ("breeding", PictureBreeder)]
)


@BOTH
def test_static_view_is_small_and_asks_nothing(name, make):
    html = make().static()._repr_html_()
    assert html == make().static()._repr_html_() and len(html) < 150_000
    assert set(re.findall(r"https?://[^\"'\s)]+", html)) <= {
        "http://www.w3.org/2000/svg"
    }
    still = html.split("<noscript>")[1].split("</noscript>")[0]
    assert "<img" in still and 'alt="' in still and "Switch scripts on" in still
    code = view.source(name)
    for word in ("Storage", "cookie", "window.", "fetch(", "XMLHttpRequest"):
        assert word not in code, word


@BOTH
def test_both_views_hold_what_the_module_reads(name, make):
    read = set(re.findall(r'model\.get\("(\w+)"', view.source(name)))
    assert "live" in read
    live = make().live()
    assert live.live is True
    assert read <= {name for name in live.keys if not name.startswith("_")}
    assert read <= set(make().static().state)
