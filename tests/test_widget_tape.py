"""The tape that a reader steps through is the one that the engine walked."""

import json
import re

import numpy as np
import pytest
import torch

from minitorch import Tensor, no_grad, ops
from minitorch.widgets import TapeExplorer, view
from minitorch.widgets.expressions import EXPRESSIONS, Expression, Tape, write
from minitorch.widgets.tape import trace

NAMES = list(EXPRESSIONS)
DIAMOND, DIAMONDS = NAMES[3:]


def tape_of(name):
    return Tape(EXPRESSIONS[name], EXPRESSIONS[name].leaves)


def graph_of(name):
    return trace(name, EXPRESSIONS[name], EXPRESSIONS[name].leaves)


def collected(tape, walk):
    """The gradients that a walk leaves at the leaves."""
    held = {}
    for one in walk:
        parent = tape.parents[one.node][one.slot]
        held[parent] = held.get(parent, 0) + tape.fit(one.part, parent)
    return {tape.names[i]: g for i, g in held.items() if tape.ops[i] is None}


def by_torch(name):
    """The gradients of the same expression, written again in torch."""
    values = EXPRESSIONS[name].leaves
    t = {n: torch.tensor(v, requires_grad=True) for n, v in values.items()}
    last = {
        NAMES[0]: lambda w, x, b, y: (w * x + b - y) ** 2,
        NAMES[1]: lambda w1, x1, w2, x2, b: torch.tanh(w1 * x1 + w2 * x2 + b),
        NAMES[2]: lambda x, b: ((x + b) ** 2).sum(),
        NAMES[3]: lambda a: (2 * a) ** 2,
        NAMES[4]: lambda a: 2 * (2 * a) ** 2,
    }[name](*t.values())
    last.backward()
    constants = EXPRESSIONS[name].constants
    return {n: leaf.grad.numpy() for n, leaf in t.items() if n not in constants}


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_agrees_with_torch(name):
    tape = tape_of(name)
    found, wanted = collected(tape, tape.newest_first()), by_torch(name)
    assert found.keys() == wanted.keys()
    for leaf, grad in wanted.items():
        np.testing.assert_allclose(found[leaf], grad, rtol=1e-5)
        node = tape.nodes[tape.names.index(leaf)]
        np.testing.assert_array_equal(node.grad, found[leaf])  # backward put it there


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_adds_up(name):
    graph = graph_of(name)
    wanted = by_torch(name)
    for order in graph["backward"][:2]:  # the engine's, and the one that is right too
        shown = {s["to"]: s["grad"] for s in order["steps"] if "to" in s}
        for i, each in enumerate(graph["nodes"]):
            if each["kind"] == "leaf":
                assert shown[i] == write(wanted[each["name"]])
            assert (i in shown) == (each["kind"] != "constant")
    values = [each["value"] for each in graph["nodes"]]
    for step in graph["forward"][1:]:
        assert f" = {values[step['at']]}." in step["say"]


@pytest.mark.parametrize(
    ("name", "need", "paths", "once"), [(DIAMOND, 2, 3, 12), (DIAMONDS, 3, 7, 12)]
)
def test_other_orders_waste_work_or_are_wrong(name, need, paths, once):
    ends = [order["steps"][-1] for order in graph_of(name)["backward"]]
    assert [end["runs"] for end in ends] == [need, paths, need]
    assert f"{paths} runs of rules where newest first takes {need}" in ends[1]["say"]
    assert ends[1]["say"].endswith("That is right.")
    assert f"a.grad = {once}. That is wrong" in ends[2]["say"]


def test_orders_are_offered_only_where_they_differ():
    counts = {name: len(graph_of(name)["backward"]) for name in NAMES}
    assert list(counts.values()) == [1, 1, 1, 3, 3]

    def tower(a):
        for _ in range(12):  # each path on its own would take 8,190 steps
            a = a + a
        return a

    orders = trace("tower", Expression(tower, {"a": 1.0}), {"a": 1.0})["backward"]
    assert [order["name"][:9] for order in orders] == ["newest fi", "recursion"]
    assert len(json.dumps(TapeExplorer({"tower": (tower, {"a": 1.0})}).state)) < 60_000


def test_sentences_name_numbers_and_rules():
    said = " ".join(s["say"] for s in graph_of(NAMES[0])["backward"][0]["steps"])
    assert "times local derivative 2 * e = 6: 1 × 6 = 6." in said
    assert "times local derivative x = 3: 6 × 3 = 18." in said
    said = " ".join(s["say"] for s in graph_of(NAMES[1])["backward"][0]["steps"])
    assert "1 - out ** 2 = 0.786" in said and "0.786 × (−1) = −0.786" in said
    said = " ".join(s["say"] for s in graph_of(NAMES[2])["backward"][0]["steps"])
    assert "stretched from shape (1,) to shape (2,)" in said and "6 + 8 = [14]" in said
    sums = [s["sum"] for s in graph_of(DIAMOND)["backward"][0]["steps"] if "sum" in s]
    assert sums == ["6 + 6 = 12", "12 + 12 = 24"]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda a: a / 2, "1 / 2 = 0.5"),
        (lambda a: 1 / a, "-1 / a ** 2 = −0.111"),
        (lambda a: 5 - a, "local derivative -1: 1 × (−1) = −1"),
        (lambda a: -a, "local derivative -1: 1 × (−1) = −1"),
        (lambda a: a**3, "3 * a ** (3 - 1) = 27"),
        (ops.exp, "local derivative out = 20.1"),
        (ops.log, "1 / a = 0.333"),
        (ops.sqrt, "1 / (2 * out) = 0.289"),
        (ops.sigmoid, "out * (1 - out) = 0.0452"),
        (ops.relu, "1 above 0, else 0 = 1"),
        (ops.abs, "the sign of a = 1"),
        (lambda a: ops.reshape(a, (1,)), "the rule of reshape turns [1] into 1"),
    ],
)
def test_every_operation_has_words(function, said):
    graph = trace("one", Expression(function, {"a": 3.0}), {"a": 3.0})
    assert said in graph["backward"][0]["steps"][1]["say"]


def test_layers_keep_the_order_of_computing():
    for name in NAMES:
        graph = graph_of(name)
        spots = [(n["layer"], n["place"]) for n in graph["nodes"]]
        assert len(set(spots)) == len(spots) and min(spots)[0] == 0
        assert all(spots[p][0] < spots[i][0] for p, i in graph["edges"])


def test_static_view_is_small_and_asks_nothing():
    html = TapeExplorer().static()._repr_html_()
    assert html == TapeExplorer().static()._repr_html_() and len(html) < 60_000
    assert set(re.findall(r"https?://[^\"'\s)]+", html)) <= {
        "http://www.w3.org/2000/svg"
    }
    still = html.split("<noscript>")[1].split("</noscript>")[0]
    assert "w = 2, gradient 18" in still and "p = w * x = 6, gradient 6" in still
    assert still.count("<rect") == 8
    code = view.source("tape")
    for word in ("Storage", "cookie", "window.", "fetch(", "XMLHttpRequest"):
        assert word not in code, word


def test_both_views_hold_what_the_module_reads():
    read = set(re.findall(r'model\.get\("(\w+)"', view.source("tape")))
    assert {"graphs", "chosen", "order", "step", "live"} <= read
    live = TapeExplorer().live()
    assert live.live is True
    assert read <= {name for name in live.keys if not name.startswith("_")}
    assert read <= set(TapeExplorer().static().state)


def answers(live, message):
    """What the reader's page hears back for one message."""
    heard = []
    live.send = heard.append
    live._handle_custom_msg(message, [])
    return heard


def test_a_kernel_starts_from_other_numbers():
    live = TapeExplorer().live()
    before = live.graphs
    assert answers(live, {"chosen": 3, "leaves": {"a": [5]}}) == [{"done": True}]
    assert [each["value"] for each in live.graphs[3]["nodes"]] == ["5", "10", "100"]
    assert live.graphs[3]["leaves"] == {"a": [5.0]}
    assert live.graphs[:3] + live.graphs[4:] == before[:3] + before[4:]
    message = {"chosen": 2, "leaves": {"x": [1, 0], "b": [-1]}}
    assert answers(live, message) == [{"done": True}]
    assert live.graphs[2]["nodes"][-1]["value"] == "1"
    assert live.graphs[3]["leaves"] == {"a": [5.0]}


@pytest.mark.parametrize(
    ("leaves", "said"),
    [
        ({"a": [None]}, "a is [None], wanted a finite number"),
        ({"a": [1, 2]}, "a is [1, 2], wanted a finite number"),
        ({}, "a is None, wanted a finite number"),
        ({"a": [1e30]}, "FloatingPointError"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_an_error_in_python_reaches_the_reader(leaves, said):
    live = TapeExplorer().live()
    before = live.graphs
    (heard,) = answers(live, {"chosen": 3, "leaves": leaves})
    assert said in heard["error"] and live.graphs == before


@pytest.mark.parametrize(
    ("expressions", "said"),
    [
        ({}, "at least one"),
        ({"v": (lambda a: a * a, {"a": [1.0, 2.0]})}, "one number"),
        ({"c": (lambda a: a * a, {"a": 1.0}, ("a",))}, "one number"),
        ({"n": (lambda a: sum([a] * 20, a), {"a": 1.0})}, "at most 16"),
    ],
)
def test_mistakes_are_named(expressions, said):
    with pytest.raises(ValueError, match=said):
        TapeExplorer(expressions)


def test_no_grad_is_named():
    with no_grad(), pytest.raises(ValueError, match="has a gradient"):
        TapeExplorer()


def test_unnamed_parts_get_names():
    graph = TapeExplorer({"e": (lambda a: 2 * a + a, {"a": 3.0})}).state["graphs"][0]
    assert [n["name"] for n in graph["nodes"]] == ["a", "2", "t2", "out"]
    assert [n["kind"] for n in graph["nodes"]][:2] == ["leaf", "constant"]
    assert isinstance(EXPRESSIONS[DIAMOND].function(Tensor(1.0)), dict)
