"""The tape widget: its numbers are the engine's, and its sentences say them."""

import json

import numpy as np
import pytest

from minitorch import Tensor
from minitorch.widgets import TapeExplorer
from minitorch.widgets.tape import EXPRESSIONS, trace

every = pytest.mark.parametrize("name", EXPRESSIONS)


def number(text):
    return np.array(json.loads(text.replace("−", "-")), float)


@every
def test_values_and_gradients_are_the_engines(name):
    build, leaves = EXPRESSIONS[name]
    start = {
        k: Tensor(np.asarray(v, float), requires_grad=True) for k, v in leaves.items()
    }
    made = build(*start.values())
    list(made.values())[-1].backward()
    shown = {node["name"]: node for node in trace(name)["nodes"]}
    assert shown.keys() == {**start, **made}.keys()
    for key, tensor in start.items():
        np.testing.assert_allclose(number(shown[key]["grad"]), tensor.grad, rtol=6e-3)
    for key, tensor in {**start, **made}.items():
        np.testing.assert_allclose(number(shown[key]["value"]), tensor.data, rtol=6e-3)


@every
def test_each_node_comes_once_forward_and_once_back(name):
    graph = trace(name)
    n = len(graph["nodes"])
    walked = [(step["node"], step["back"]) for step in graph["steps"]]
    assert walked == [(i, False) for i in range(n)] + [
        (i, True) for i in reversed(range(n))
    ]
    for node in graph["nodes"]:
        for parent in node["parents"]:
            assert graph["nodes"][parent]["level"] < node["level"]
    for step in graph["steps"]:
        assert graph["nodes"][step["node"]]["name"] in step["words"]


def test_what_arrives_twice_is_added_in_words():
    words = " ".join(step["words"] for step in trace("b = a + a, c = b b")["steps"])
    assert "b gets 6; 6 + 6 = 12." in words
    assert "a gets 12; 12 + 12 = 24." in words


def test_a_stretched_number_gets_a_sum():
    words = " ".join(s["words"] for s in trace(list(EXPRESSIONS)[2])["steps"])
    assert "b gets [3]." in words


def test_python_answers_with_other_numbers():
    widget = TapeExplorer()
    fresh = widget._answer({"graph": 3, "leaves": {"a": 5}})["graphs"]
    assert fresh[3]["nodes"][-1]["value"] == "100"
    assert fresh[0] == widget.state["graphs"][0]
    with pytest.raises(ValueError, match="a is 3 or like it"):
        widget._answer({"graph": 3, "leaves": {"a": [1, 2]}})
    with pytest.raises(ValueError, match="a is 3 or like it"):
        widget._answer({"graph": 3, "leaves": {"a": float("nan")}})


def test_both_views_hold_the_same_and_are_small():
    html = TapeExplorer().static()._repr_html_()
    assert html == TapeExplorer().static()._repr_html_()
    assert len(html) < 60_000
    assert "grad 24" not in html.split("<noscript>")[1].split("</noscript>")[0]
    assert "grad 12" in html.split("<noscript>")[1].split("</noscript>")[0]
    live = TapeExplorer().live()
    assert live.live and live.graphs == TapeExplorer().state["graphs"]
