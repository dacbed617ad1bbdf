"""Small expressions, and what they leave on the tape: the record that pictures show."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from minitorch import ops
from minitorch.tensor import Array, Tensor, unbroadcast

Made = Tensor | dict[str, Tensor]
MOST_NODES = 16  # more than that cannot be read on a phone


class Expression(NamedTuple):
    """A function of a few leaves, and the numbers to start from.

    Attributes:
        function: takes the leaves in their order; gives its last tensor, or all that it
            made by name, the last one last.
        leaves: the names and first values of what it takes.
        constants: the names of those that get no gradient.
        note: one sentence on what there is to see.
    """

    function: Callable[..., Made]
    leaves: Mapping[str, ArrayLike]
    constants: Sequence[str] = ()
    note: str = ""


def squared_error(w: Tensor, x: Tensor, b: Tensor, y: Tensor) -> Made:
    """(w * x + b - y)^2.

    >>> made = squared_error(*map(Tensor, (2.0, 3.0, 1.0, 4.0)))
    >>> [(name, value.item()) for name, value in made.items()]
    [('p', 6.0), ('s', 7.0), ('e', 3.0), ('loss', 9.0)]
    """
    p = w * x
    s = p + b
    e = s - y
    return {"p": p, "s": s, "e": e, "loss": e**2}


def neuron(w1: Tensor, x1: Tensor, w2: Tensor, x2: Tensor, b: Tensor) -> Made:
    """tanh(w1 * x1 + w2 * x2 + b).

    >>> neuron(*map(Tensor, (0.5, 2.0, 1.5, -1.0, 1.0)))["z"].item()
    0.5
    """
    p1, p2 = w1 * x1, w2 * x2
    s = p1 + p2
    z = s + b
    return {"p1": p1, "p2": p2, "s": s, "z": z, "out": ops.tanh(z)}


def broadcast(x: Tensor, b: Tensor) -> Made:
    """sum((x + b)^2), where b (1,) is stretched to x (2,).

    >>> broadcast(Tensor([1.0, 2.0]), Tensor([2.0]))["loss"].item()
    25.0
    """
    s = x + b
    q = s**2
    return {"s": s, "q": q, "loss": q.sum()}


def diamond(a: Tensor) -> Made:
    """b = a + a, c = b * b.

    >>> diamond(Tensor(3.0))["c"].item()
    36.0
    """
    b = a + a
    return {"b": b, "c": b * b}


def diamonds(a: Tensor) -> Made:
    """b = a + a, c = b * b, d = c + c.

    >>> diamonds(Tensor(3.0))["d"].item()
    72.0
    """
    b = a + a
    c = b * b
    return {"b": b, "c": c, "d": c + c}


EXPRESSIONS = {
    "squared error: (w * x + b - y) ** 2": Expression(
        squared_error,
        {"w": 2.0, "x": 3.0, "b": 1.0, "y": 4.0},
        ("x", "y"),
        "x and y are data: constants, which get no gradient.",
    ),
    "neuron: tanh(w1 * x1 + w2 * x2 + b)": Expression(
        neuron,
        {"w1": 0.5, "x1": 2.0, "w2": 1.5, "x2": -1.0, "b": 1.0},
        ("x1", "x2"),
        "One factor, that of tanh, scales the gradients of all weights.",
    ),
    "broadcast: sum((x + b) ** 2)": Expression(
        broadcast,
        {"x": [1.0, 2.0], "b": [2.0]},
        (),
        "b holds one number and meets both of x, so two gradients come back to it.",
    ),
    "diamond: b = a + a, c = b * b": Expression(
        diamond,
        {"a": 3.0},
        (),
        "Each value is used twice, so two gradients arrive. Try the other orders.",
    ),
    "two diamonds: and d = c + c": Expression(
        diamonds,
        {"a": 3.0},
        (),
        "One layer more. Compare how often a rule runs in each order.",
    ),
}


class Passed(NamedTuple):
    """One gradient on its way from a node to one of its parents."""

    node: int
    slot: int  # which of its parents
    above: Array  # the gradient that the node's rule was given
    part: Array  # what the rule made of it, before broadcasting is undone
    runs: int  # how many times a rule has run by then


class Tape:
    """What an expression left on the tape, noted before `backward` frees it.

    Nodes have numbers, in the order in which they were made.

    Raises:
        ValueError: when a leaf's numbers do not fit, or when the expression does not
            end in one number with a gradient, or is too large to draw.

    >>> tape = Tape(EXPRESSIONS["diamond: b = a + a, c = b * b"], {"a": 3.0})
    >>> tape.names, tape.parents
    (['a', 'b', 'c'], [[], [0, 0], [1, 1]])
    >>> for one in tape.newest_first():
    ...     print(tape.names[one.node], one.above.item(), one.part.item())
    c 1.0 6.0
    c 1.0 6.0
    b 12.0 12.0
    b 12.0 12.0
    """

    def __init__(self, expression: Expression, leaves: Mapping[str, Any]) -> None:
        start = {
            name: Tensor(
                _checked(name, leaves.get(name), np.shape(usual)),
                requires_grad=name not in expression.constants,
            )
            for name, usual in expression.leaves.items()
        }
        made = expression.function(*start.values())
        made = {"out": made} if isinstance(made, Tensor) else made
        last = list(made.values())[-1]
        if not last.requires_grad or last.data.size != 1:
            raise ValueError(
                "an expression must end in one number that has a gradient, got "
                f"{last}; reduce it, such as by .sum()"
            )
        found, stack = {last._made: last}, [last]
        while stack:
            for parent in stack.pop()._parents:
                if parent._made not in found:
                    found[parent._made] = parent
                    stack.append(parent)
        if len(found) > MOST_NODES:
            raise ValueError(
                f"a graph of {len(found)} nodes is too large to read, at most "
                f"{MOST_NODES} can be drawn"
            )
        ticks = sorted(found)
        names = {t._made: name for name, t in {**made, **start}.items()}
        self.nodes = [found[tick] for tick in ticks]
        self.parents = [[ticks.index(p._made) for p in t._parents] for t in self.nodes]
        self.rules = [t._rule for t in self.nodes]
        self.ops = [t.op for t in self.nodes]
        self.values = [t.numpy().copy() for t in self.nodes]
        self.names = [
            names.get(tick, f"t{i}" if self.ops[i] else write(self.values[i]))
            for i, tick in enumerate(ticks)
        ]

    def newest_first(self) -> Iterator[Passed]:
        """Run the engine's `backward`, and listen to the rules that it calls."""
        heard: list[Passed] = []
        ran: list[int] = []

        def listen(i: int) -> Callable[[Array], tuple]:
            def rule(above: Array) -> tuple:
                ran.append(i)
                parts = self.rules[i](above)
                heard.extend(
                    Passed(i, slot, above, part, len(ran))
                    for slot, part in enumerate(parts)
                    if self.asks(i, slot)
                )
                return parts

            return rule

        for i, node in enumerate(self.nodes):
            if node.op:
                node._rule = listen(i)
        self.nodes[-1].backward()
        yield from heard

    def depth_first(self, again: bool) -> Iterator[Passed]:
        """Go on from a node as soon as any gradient reaches it.

        Where a further one reaches it, its rule runs once more for that one
        (`again`, right but slow) or that one goes no further (wrong).
        """
        ran: list[int] = []

        def visit(i: int, above: Array) -> Iterator[Passed]:
            ran.append(i)
            for slot, part in enumerate(self.rules[i](above)):
                if not self.asks(i, slot):
                    continue
                yield Passed(i, slot, above, part, len(ran))
                parent = self.parents[i][slot]
                if self.ops[parent] and (again or parent not in ran):
                    yield from visit(parent, self.fit(part, parent))

        yield from visit(len(self.nodes) - 1, np.ones_like(self.values[-1]))

    def asks(self, i: int, slot: int) -> bool:
        """Whether this parent of a node wants a gradient."""
        return self.nodes[self.parents[i][slot]].requires_grad

    def fit(self, part: Array, parent: int) -> Array:
        """Undo broadcasting, as the engine does."""
        shape = self.values[parent].shape
        return part if part.shape == shape else unbroadcast(part, shape)

    def paths(self) -> int:
        """How many gradients are passed on when each path is followed on its own."""
        runs, passed = [0] * len(self.nodes), 0
        runs[-1] = 1
        for i in reversed(range(len(self.nodes))):
            for parent in self.parents[i]:
                runs[parent] += runs[i]
                passed += runs[i]
        return passed

    def exponent(self, i: int) -> Any:
        """The exponent of a power, which the tape keeps in its rule alone."""
        return inspect.getclosurevars(self.rules[i]).nonlocals.get("exponent", "n")


def write(values: ArrayLike) -> str:
    """Write a number, or the few numbers of an array, to be read by people.

    >>> write(np.float32(-0.1)), write([1.0, 20000.0]), write(np.zeros((2, 3)))
    ('−0.1', '[1, 20,000]', 'array (2, 3)')
    """
    array = np.asarray(values)
    if array.ndim == 0:
        large = 999.5 <= abs(array) < 1e9
        return f"{float(array):{',.0f' if large else '.3g'}}".replace("-", "−")
    if array.size > 4 or array.ndim > 1:
        return f"array {array.shape}"
    return f"[{', '.join(map(write, array))}]"


def _checked(name: str, given: Any, shape: tuple[int, ...]) -> Array:
    """Take the numbers for a leaf; a reader may have typed them."""
    try:
        values = np.asarray(given, dtype=np.float32).reshape(shape)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if not np.isfinite(values).all():
        what = "a finite number" if shape == () else f"finite numbers of shape {shape}"
        raise ValueError(f"{name} is {given}, wanted {what}")
    return values
