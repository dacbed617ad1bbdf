"""The tape, step by step: an expression's forward and backward pass on its graph."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

from minitorch import ops
from minitorch.tensor import Tensor, reachable
from minitorch.widgets.view import Widget, svg_text

Leaves = dict[str, float | list[float]]
Build = Callable[..., dict[str, Tensor]]
SIGNS = {"add": "+", "subtract": "−", "multiply": "×", "power": "square"}
RULES = {
    "add": "A sum passes its gradient on to both.",
    "subtract": "A difference passes its gradient on, to the second with a minus.",
    "multiply": "A product multiplies by the other factor.",
    "power": "A square multiplies by twice what was squared.",
    "tanh": "tanh multiplies by 1 less its square.",
    "sum": "A sum over entries hands each entry the same gradient.",
}


def squared_error(w: Tensor, x: Tensor, b: Tensor, t: Tensor) -> dict[str, Tensor]:
    """(w x + b - t)^2, each part by its name.

    >>> made = squared_error(*map(Tensor, (2.0, 3.0, 1.0, 5.0)))
    >>> made["loss"].item()
    4.0
    """
    wx = w * x
    y = wx + b
    e = y - t
    return {"wx": wx, "y": y, "e": e, "loss": e**2}


def neuron(w1: Tensor, x1: Tensor, w2: Tensor, x2: Tensor) -> dict[str, Tensor]:
    """tanh(w1 x1 + w2 x2), each part by its name.

    >>> made = neuron(*map(Tensor, (1.0, 0.0, 0.0, 1.0)))
    >>> made["out"].item()
    0.0
    """
    p, q = w1 * x1, w2 * x2
    s = p + q
    return {"p": p, "q": q, "s": s, "out": ops.tanh(s)}


def stretched(x: Tensor, b: Tensor) -> dict[str, Tensor]:
    """Two numbers plus one that is stretched to fit, times themselves, summed.

    >>> stretched(Tensor([1.0, 2.0]), Tensor([3.0]))["loss"].item()
    14.0
    """
    s = x + b
    p = s * x
    return {"s": s, "p": p, "loss": p.sum()}


def doubled(a: Tensor) -> dict[str, Tensor]:
    """b = a + a, then c = b b: each value is used twice.

    >>> doubled(Tensor(3.0))["c"].item()
    36.0
    """
    b = a + a
    return {"b": b, "c": b * b}


EXPRESSIONS: dict[str, tuple[Build, Leaves]] = {
    "(w x + b − t)²": (squared_error, {"w": 2.0, "x": 3.0, "b": 1.0, "t": 5.0}),
    "tanh(w1 x1 + w2 x2)": (neuron, {"w1": 0.5, "x1": 2.0, "w2": -1.0, "x2": 0.3}),
    "sum of (x + b) x, b stretched": (stretched, {"x": [1.0, 2.0], "b": [3.0]}),
    "b = a + a, c = b b": (doubled, {"a": 3.0}),
}


class TapeExplorer(Widget):
    """Step through small expressions, forward and back; see `minitorch.widgets`.

    With a kernel the reader may change the numbers that an expression starts from.

    >>> TapeExplorer()
    <tape widget; show() draws it>
    """

    def __init__(self) -> None:
        graphs = [trace(name) for name in EXPRESSIONS]
        state = {"graphs": graphs, "chosen": 0, "step": 0}
        super().__init__("tape", state, _still(graphs[0]), self._answer)
        self._graphs = graphs

    def _answer(self, message: Any) -> dict[str, Any]:
        """Trace one expression again from other numbers."""
        number = int(message["graph"])
        fresh = trace(list(EXPRESSIONS)[number], message["leaves"])
        self._graphs = [*self._graphs[:number], fresh, *self._graphs[number + 1 :]]
        return {"graphs": self._graphs}


def trace(name: str, leaves: Leaves | None = None) -> dict[str, Any]:
    """Run an expression through the engine, and write down every step.

    Args:
        name: one of `EXPRESSIONS`.
        leaves: numbers to start from, by name; the built-in ones where left out.

    Returns:
        The nodes in the order in which they were made, each with its parents, its
        level, value and gradient, and the steps with one sentence each.

    Raises:
        ValueError: when a number is not finite, or lists change their length.

    >>> graph = trace("b = a + a, c = b b")
    >>> [node["name"] for node in graph["nodes"]], graph["nodes"][0]["grad"]
    (['a', 'b', 'c'], '24')
    """
    build, usual = EXPRESSIONS[name]
    given: Leaves = usual | (leaves or {})
    for key, value in usual.items():
        numbers = np.asarray(given[key], float)
        if numbers.shape != np.shape(value) or not np.isfinite(numbers).all():
            raise ValueError(f"{key} is {_text(np.asarray(value))} or like it")
    start = {k: Tensor(np.asarray(given[k], float), requires_grad=True) for k in usual}
    made = build(*start.values())
    named = {t._made: n for n, t in {**start, **made}.items()}
    last = list(made.values())[-1]
    tape: list[tuple[int, Tensor]] = sorted(reachable(last).items())
    order = {tick: i for i, (tick, _) in enumerate(tape)}
    rules = {tick: (t._rule, t._parents) for tick, t in tape}
    nodes: list[dict[str, Any]] = []
    for tick, t in tape:
        parents = [order[p._made] for p in t._parents]
        level = 1 + max((nodes[p]["level"] for p in parents), default=-1)
        node = {"name": named[tick], "op": SIGNS.get(t.op or "", t.op), "level": level}
        nodes.append(node | {"parents": parents, "value": _text(t.data)})
    for i, node in enumerate(nodes):  # a leaf stands just above what first reads it
        if not node["parents"]:
            readers = [n["level"] for n in nodes if i in n["parents"]]
            node["level"] = min(readers) - 1
    steps = [_forward(nodes, t, i) for i, (_, t) in enumerate(tape)]
    arrived: dict[int, Any] = {tape[-1][0]: np.ones_like(last.data)}
    for tick, t in reversed(tape):
        grad, node = arrived[tick], nodes[order[tick]]
        node["grad"] = _text(grad)
        rule, behind = rules[tick]
        parts = [] if rule is None else list(rule(grad))
        sent = []
        for parent, part in zip(behind, parts, strict=True):
            shape = parent.data.shape
            part = part if part.shape == shape else part.sum().reshape(shape)
            before = arrived.get(parent._made)
            arrived[parent._made] = part if before is None else before + part
            sent.append((nodes[order[parent._made]]["name"], part, before))
        steps.append(_backward(node, t.op, sent, order[tick]))
    return {"name": name, "nodes": nodes, "steps": steps, "leaves": given}


def _forward(nodes: list[dict[str, Any]], t: Tensor, i: int) -> dict[str, Any]:
    node = nodes[i]
    words = f"{node['name']} = {node['value']} is given."
    if t.op:
        read = [f"{nodes[p]['name']} = {nodes[p]['value']}" for p in node["parents"]]
        words = f"Forward, {t.op}: from {' and '.join(read)} comes "
        words += f"{node['name']} = {node['value']}."
    return {"node": i, "back": False, "words": words, "sent": []}


def _backward(
    node: dict[str, Any], op: str | None, sent: list[tuple], i: int
) -> dict[str, Any]:
    if op is None:
        words = f"Nothing stands behind {node['name']}: it keeps its gradient, "
        return {"node": i, "back": True, "words": f"{words}{node['grad']}.", "sent": []}
    here = f"the gradient {node['grad']} of {node['name']} is here"
    words = f"Backward, {op}: {here}. {RULES[op]}"
    for name, part, before in sent:
        words += f" {name} gets {_text(part)}"
        if before is not None:
            words += f"; {_text(before)} + {_text(part)} = {_text(before + part)}"
        words += "."
    return {"node": i, "back": True, "words": words, "sent": [s[0] for s in sent]}


def _text(values: Any) -> str:
    """Write a number, or the few numbers of a vector."""
    shown = [f"{v:.3g}".replace("-", "−") for v in np.atleast_1d(values).tolist()]
    return shown[0] if np.ndim(values) == 0 else f"[{', '.join(shown)}]"


def _still(graph: dict[str, Any]) -> str:
    """Draw the finished graph, for where scripts are off."""
    nodes = graph["nodes"]
    rows = [[n for n in nodes if n["level"] == k] for k in range(len(nodes))]
    rows = [row for row in rows if row]
    place = {
        node["name"]: (520 * (i + 0.5) / len(row), 40 + 74 * k)
        for k, row in enumerate(rows)
        for i, node in enumerate(row)
    }
    parts = []
    for node in nodes:
        x, y = place[node["name"]]
        for parent in node["parents"]:
            px, py = place[nodes[parent]["name"]]
            parts.append(
                f'<line x1="{px:.0f}" y1="{py + 24:.0f}" x2="{x:.0f}" '
                f'y2="{y - 24:.0f}" stroke="#8c959f"/>'
            )
    middle = 'text-anchor="middle"'
    for node in nodes:
        x, y = place[node["name"]]
        parts.append(svg_text(x, y - 8, f"{node['name']} = {node['value']}", middle))
        parts.append(svg_text(x, y + 10, f"grad {node['grad']}", middle))
    said = ", ".join(f"{n['name']} {n['value']}, gradient {n['grad']}" for n in nodes)
    return (
        '<figure style="margin:0;padding:12px;background:#fff;color:#1f2328;'
        'max-width:640px;font:14px system-ui,sans-serif">'
        f"<figcaption><strong>{escape(graph['name'])}</strong>: values and gradients "
        "(Switch scripts on to step through it.)</figcaption>"
        f'<svg role="img" viewBox="0 0 520 {74 * len(rows) + 10}" '
        f'aria-label="{escape(said)}" style="width:100%">'
        f"{''.join(parts)}</svg></figure>"
    )
