"""Step through the tape: values on the way forward, gradients on the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import numpy as np

from minitorch.backends import use_backend
from minitorch.tensor import Array
from minitorch.widgets.expressions import (
    EXPRESSIONS,
    Expression,
    Passed,
    Tape,
    write,
)
from minitorch.widgets.view import Widget, svg_line, svg_text

MOST_STEPS = 60  # of one order of the backward pass
BLUE, ORANGE, MUTED = "#0072B2", "#b3400a", "#57606a"

# How an operation is written: {0} and {1} are its parents.
FORMULAS = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "power": "{0} ** {n}",
    "matmul": "{0} @ {1}",
}
# Its derivative by each parent, where each number has one of its own; {out} is the
# result. The words are these; their values come from the operation's own rule.
DERIVATIVES: dict[str, tuple[str, ...]] = {
    "add": ("1", "1"),
    "subtract": ("1", "-1"),
    "multiply": ("{1}", "{0}"),
    "divide": ("1 / {1}", "-{0} / {1} ** 2"),
    "negative": ("-1",),
    "power": ("{n} * {0} ** ({n} - 1)",),
    "exp": ("{out}",),
    "log": ("1 / {0}",),
    "sqrt": ("1 / (2 * {out})",),
    "tanh": ("1 - {out} ** 2",),
    "sigmoid": ("{out} * (1 - {out})",),
    "relu": ("1 above 0, else 0",),
    "abs": ("the sign of {0}",),
}
# Ways to walk back, and what becomes of a gradient that comes after its node's turn.
ENGINE = "newest first, as the engine does"
EACH_PATH = "recursion, each path on its own"
EACH_ONCE = "recursion, each node once"
LATE = {
    EACH_PATH: " The rule of {} has run before; it runs again for this part.",
    EACH_ONCE: " But the rule of {} has run already: this part goes no further.",
}


class TapeExplorer(Widget):
    """Small expressions, and how the tape runs them forward and backward.

    With a kernel the reader can change the numbers that an expression starts from.

    Args:
        expressions: by name, an `Expression` or a tuple of its parts, such as
            (function, {"a": 2.0}); the five of the chapter where left out.
        title, note: what stands above the graph.

    Raises:
        ValueError: when there is no expression, or one cannot be drawn (see `Tape`).

    >>> explorer = TapeExplorer({"square": (lambda a: a * a, {"a": 3.0})})
    >>> (graph,) = explorer.state["graphs"]
    >>> [(node["name"], node["value"]) for node in graph["nodes"]]
    [('a', '3'), ('out', '9')]
    >>> print(graph["backward"][0]["steps"][-1]["say"])
    Done: a.grad = 6. Only the leaves keep a gradient.
    """

    def __init__(
        self,
        expressions: Mapping[str, Expression | tuple] | None = None,
        *,
        title: str = "Forward and back along the tape",
        note: str = "Every value and gradient is minitorch's own.",
    ) -> None:
        given = EXPRESSIONS if expressions is None else expressions
        if not given:
            raise ValueError("got no expressions, wanted at least one")
        self._expressions = {name: Expression(*parts) for name, parts in given.items()}
        graphs = [trace(name, e, e.leaves) for name, e in self._expressions.items()]
        state: dict[str, Any] = {"title": title, "note": note, "graphs": graphs}
        state |= {"chosen": 0, "order": 0, "step": 0}
        still = _still(state)
        super().__init__("tape", state, still, self._recompute)

    def _recompute(self, message: Any) -> dict[str, Any]:
        """Run one expression again from the numbers that the reader gave."""
        chosen = int(message["chosen"])
        name = list(self._expressions)[chosen]
        graphs = list(self.state["graphs"])
        graphs[chosen] = trace(name, self._expressions[name], message["leaves"])
        self.state["graphs"] = graphs
        return {"graphs": graphs}


def trace(
    name: str, expression: Expression, leaves: Mapping[str, Any]
) -> dict[str, Any]:
    """Run an expression from these leaves; gives its graph and its steps as JSON.

    >>> graph = trace("twice", Expression(lambda a: a + a, {"a": 1.0}), {"a": 5.0})
    >>> graph["edges"], graph["forward"][-1]["say"]
    ([[0, 1], [0, 1]], 'Forward: out = a + a = 10. The tape notes: add, of a and a.')
    """
    with use_backend("numpy"):  # so that a picture is the same on every machine
        tape = Tape(expression, leaves)
        walks = {ENGINE: list(tape.newest_first())}
        uses = [parent for parents in tape.parents for parent in parents]
        if any(uses.count(i) > 1 for i, op in enumerate(tape.ops) if op):
            if tape.paths() <= MOST_STEPS:
                walks[EACH_PATH] = list(tape.depth_first(again=True))
            walks[EACH_ONCE] = list(tape.depth_first(again=False))
        return {
            "name": name,
            "note": expression.note,
            "nodes": _nodes(tape),
            "edges": [
                [p, i] for i, parents in enumerate(tape.parents) for p in parents
            ],
            "leaves": {
                key: np.ravel(leaves[key]).astype(float).tolist()
                for key in expression.leaves
            },
            "forward": _forward(tape),
            "backward": [
                {"name": order, "steps": _backward(tape, order, walks)}
                for order in walks
            ],
        }


def _nodes(tape: Tape) -> list[dict[str, Any]]:
    """What is written in each node, and where it stands."""
    kinds = [
        "result" if op else "leaf" if node.requires_grad else "constant"
        for op, node in zip(tape.ops, tape.nodes, strict=True)
    ]
    return [
        {
            "name": tape.names[i],
            "formula": _formula(tape, i),
            "value": write(tape.values[i]),
            "kind": kinds[i],
            "layer": layer,
            "place": place,
        }
        for i, (layer, place) in enumerate(_layout(tape.parents))
    ]


def _layout(parents: list[list[int]]) -> list[tuple[int, int]]:
    """Give each node a layer, and a place in it; leaves stand right before their use.

    >>> _layout([[], [], [0, 1], [], [2, 3]])
    [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    """
    depth: list[int] = []
    for ps in parents:
        depth.append(1 + max((depth[p] for p in ps), default=-1))
    for i, ps in enumerate(parents):
        if not ps:
            depth[i] = min(depth[j] for j, qs in enumerate(parents) if i in qs) - 1
    placed: dict[int, tuple[int, int]] = {}

    def put(i: int) -> None:
        if i not in placed:
            here = sum(layer == depth[i] for layer, _ in placed.values())
            placed[i] = depth[i], here
            for parent in parents[i]:
                put(parent)

    put(len(parents) - 1)
    return [placed[i] for i in range(len(parents))]


def _fill(tape: Tape, i: int, form: str) -> str:
    """Put the names of a node and its parents into a form of the tables above."""
    names = [tape.names[parent] for parent in tape.parents[i]]
    return form.format(*names, out=tape.names[i], n=tape.exponent(i))


def _formula(tape: Tape, i: int) -> str:
    """Write how a node was made, such as "w * x"; nothing for a leaf."""
    op = tape.ops[i]
    if op is None:
        return ""
    slots = ", ".join(f"{{{k}}}" for k in range(len(tape.parents[i])))
    return _fill(tape, i, FORMULAS.get(op, f"{op}({slots})"))


def _forward(tape: Tape) -> list[dict[str, Any]]:
    """The steps of the forward pass: what each operation computed and noted.

    A step says which node it is `at`.
    """
    given = [i for i, op in enumerate(tape.ops) if not op]
    held = [f"{tape.names[i]} = {write(tape.values[i])}" for i in given]
    say = f"Start: {_listed(held)}. Nothing else is computed yet."
    steps: list[dict[str, Any]] = [{"say": say, "at": -1}]
    for i, op in enumerate(tape.ops):
        if op:
            read = _listed(tape.names[parent] for parent in tape.parents[i])
            value = write(tape.values[i])
            say = f"Forward: {tape.names[i]} = {_formula(tape, i)} = {value}."
            say += f" The tape notes: {op}, of {read}."
            steps.append({"say": say, "at": i})
    return steps


def _backward(
    tape: Tape, order: str, walks: Mapping[str, list[Passed]]
) -> list[dict[str, Any]]:
    """The steps of a backward pass: which gradient went where, and what it met.

    A step goes `to` a node `at` another, along an `edge`, is multiplied by `factor`,
    and leaves `grad` there, the `sum` of what was there and what came; rules have
    then run `runs` times.
    """
    edges = [(i, slot) for i, ps in enumerate(tape.parents) for slot in range(len(ps))]
    last = len(tape.nodes) - 1
    name = tape.names[last]
    say = f"Backward starts at the end: the gradient of {name} by {name} itself is 1."
    start = write(np.ones_like(tape.values[last]))
    steps: list[dict[str, Any]] = [
        {"say": say, "at": last, "to": last, "grad": start, "runs": 0}
    ]
    held: dict[int, Array] = {}
    ran: set[int] = set()
    for one in walks[order]:
        ran.add(one.node)
        parent = tape.parents[one.node][one.slot]
        part, to = tape.fit(one.part, parent), tape.names[parent]
        step: dict[str, Any] = {"at": one.node, "to": parent, "runs": one.runs}
        step["edge"] = edges.index((one.node, one.slot))
        say, step["factor"] = _rule(tape, one)
        if part.shape != one.part.shape:
            say += f" But {to} was stretched from {_shape(part)} to {_shape(one.part)},"
            say += f" so its gradients are summed: {_summed(one.part, part)}."
        if parent in held:
            before, held[parent] = held[parent], held[parent] + part
            step["sum"] = f"{write(before)} + {_inner(part)} = {write(held[parent])}"
            say += f" {to} holds {write(before)} already, and gradients add up:"
            say += f" {step['sum']}."
        else:
            held[parent] = part
        if parent in ran:
            say += LATE[order].format(to)
        steps.append(step | {"say": say, "grad": write(held[parent])})
    say = _ending(tape, order, walks, held)
    return [*steps, {"say": say, "at": -1, "runs": walks[order][-1].runs}]


def _rule(tape: Tape, one: Passed) -> tuple[str, str]:
    """Say what a rule did for one parent; also the factor alone, for its edge."""
    op, to = str(tape.ops[one.node]), tape.names[tape.parents[one.node][one.slot]]
    made = f"{tape.names[one.node]} = {_formula(tape, one.node)}"
    say = f"Back through {made} to {to}: "
    above, part = write(one.above), write(one.part)
    if op == "sum":
        return f"{say}each number of {to} gets the gradient {above} as it is.", "× 1"
    if op not in DERIVATIVES:
        return f"{say}the rule of {op} turns {above} into {part}.", op
    # An elementwise rule, given ones, answers with its derivatives.
    local = tape.rules[one.node](np.ones_like(one.above))[one.slot]
    if local.size and (local == local.flat[0]).all():
        local = local.flat[0]  # one number says it
    factor = write(local)
    form = DERIVATIVES[op][one.slot]
    if op == "power" and tape.exponent(one.node) == 2:
        form = "2 * {0}"  # nobody writes a power of 1
    words = _fill(tape, one.node, form)
    if words.replace("-", "−") != factor:
        words += f" = {factor}"
    say += f"gradient from above {above}, times local derivative {words}"
    return f"{say}: {above} × {_inner(local)} = {part}.", f"× {factor}"


def _ending(
    tape: Tape, order: str, walks: Mapping[str, list[Passed]], held: dict[int, Array]
) -> str:
    """Say what the leaves hold in the end, and compare with the engine's gradients."""
    leaves = [i for i, op in enumerate(tape.ops) if not op and i in held]
    found = _listed(f"{tape.names[i]}.grad = {write(held[i])}" for i in leaves)
    if order == ENGINE:
        return f"Done: {found}. Only the leaves keep a gradient."
    runs, need = (walks[way][-1].runs for way in (order, ENGINE))
    say = f"Done, with {runs} runs of rules where newest first takes {need}: {found}."
    true: dict[int, Array] = {i: tape.nodes[i].grad for i in leaves}
    if all(np.allclose(held[i], true[i]) for i in leaves):
        return f"{say} That is right."
    wanted = _listed(f"{tape.names[i]}.grad = {write(true[i])}" for i in leaves)
    return f"{say} That is wrong: it should be {wanted}."


def _listed(parts: Iterable[str]) -> str:
    """Join words as in a sentence.

    >>> _listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _shape(array: Array) -> str:
    return "one number" if array.shape == () else f"shape {array.shape}"


def _inner(values: Array) -> str:
    """Write numbers after a sign, a negative one in brackets."""
    text = write(values)
    return f"({text})" if text.startswith("−") else text


def _summed(parts: Array, total: Array) -> str:
    """Write the sum that undoes broadcasting."""
    if parts.ndim > 1 or parts.size > 4:
        return write(total)
    first, *rest = parts
    return " + ".join([write(first), *map(_inner, rest)]) + f" = {write(total)}"


def _still(state: dict[str, Any]) -> str:
    """Draw the first graph with all values and gradients, where scripts are off."""
    graph = state["graphs"][0]
    nodes, steps = graph["nodes"], graph["backward"][0]["steps"]
    grads = {step["to"]: step["grad"] for step in steps if "to" in step}
    count = [0] * len(nodes)
    for each in nodes:
        count[each["layer"]] += 1
    width, height, half, pitch = 340, 76 * sum(c > 0 for c in count), 27, 76
    at = [
        (width * (n["place"] + 0.5) / count[n["layer"]], pitch * (n["layer"] + 0.5))
        for n in nodes
    ]
    parts = []
    for k, (p, i) in enumerate(graph["edges"]):
        aside = 10 * (1 if [p, i] in graph["edges"][:k] else -1)
        aside *= graph["edges"].count([p, i]) > 1
        ends = [
            (at[p][0] + aside, at[p][1] + half),
            (at[i][0] + aside, at[i][1] - half),
        ]
        parts.append(svg_line(ends, f'stroke="{MUTED}"'))
    said = []
    for i, (each, (x, y)) in enumerate(zip(nodes, at, strict=True)):
        wide = min(130.0, width / count[each["layer"]] - 8)
        parts.append(
            f'<rect x="{x - wide / 2:.1f}" y="{y - half:.1f}" width="{wide:.1f}" '
            f'height="{2 * half}" rx="8" fill="#fff" stroke="{MUTED}"/>'
        )
        name = (
            f"{each['name']} = {each['formula']}" if each["formula"] else each["name"]
        )
        grad = grads.get(i)
        rows = [(name, "#1f2328"), (f"↓ {each['value']}", BLUE)]
        rows.append((f"↑ {grad}", ORANGE) if grad else ("constant", MUTED))
        for k, (text, colour) in enumerate(rows):
            style = f'text-anchor="middle" font-size="12" fill="{colour}"'
            parts.append(svg_text(x, y - 12 + 17 * k, text, style))
        said.append(
            f"{name} = {each['value']}, {f'gradient {grad}' if grad else 'constant'}"
        )
    return (
        '<figure style="margin:0;padding:12px;background:#fff;color:#1f2328;'
        'max-width:640px;font:14px system-ui,sans-serif">'
        f"<figcaption><strong>{escape(state['title'])}</strong><br>"
        f"{escape(graph['name'])}. ↓ value, on the way forward; ↑ gradient, on the way "
        f"back. {escape(state['note'])} (Switch scripts on to step through it.)"
        f'</figcaption><svg role="img" viewBox="0 0 {width} {height}" aria-label="'
        f'{escape("; ".join(said))}" style="width:100%;max-width:420px">'
        f"{''.join(parts)}</svg></figure>"
    )
