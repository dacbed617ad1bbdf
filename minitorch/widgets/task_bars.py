"""Click a digit of any task: every task's gradient, and the mask it names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minitorch.widgets.view import Widget, pack, svg_line, svg_text

LEVELS = 65_535  # two bytes for each number
OBJECTIVES = ("entropy", "G")
GREY = "#8c959f"
Array = np.ndarray
Found = Mapping[str, Any]
Compute = Callable[[str, float, int], Found]


class TaskBars(Widget):
    """What one gradient says about a digit's task, for each of T tasks.

    The masks of the first k tasks lie over each other, in equal shares. The bar of a
    task is - dH/dalpha: how fast the network would grow surer, were that task's share
    larger. The longest bar names the task.

    Args:
        found: what was asked and answered, about n digits that each task shows:
            plain    (n, F) the digits, square, 0 to 1
            seen     (T, n, F) the same as the tasks show them
            labels   (n,) their classes
            bars     k -> (T, n, k), - dH/dalpha when the masks of the first k lie over
                     each other
            mixed    k -> (T, n), H then
            alone    (T, n, T), H under each mask by itself
            read     (T, n, T), the class that is read under it
            most     the largest H there is
            objective, temperature, start: "entropy" or "G", for which H is the
                     probability of the spare outputs; what logits were divided by; the
                     place of the first digit among all
        masks: (T, F), a number for the weights that each mask keeps from each pixel,
            as its task orders them.
        orders: (T, F), which pixel each task puts in each place; None when tasks do
            anything else.
        title, note: the finding, and scale, data and seeds.
        objectives: which of the two a reader may ask by.
        compute: with a kernel, a function from an objective, a temperature and a place
            to what was found.

    Raises:
        ValueError: when the shapes do not fit together, or numbers cannot be drawn.

    >>> found = dict(
    ...     plain=np.ones((1, 4)), seen=np.ones((2, 1, 4)), labels=[7],
    ...     bars={2: [[[0.5, 0.1]], [[0.2, -0.1]]]}, mixed={2: [[2.0], [1.0]]},
    ...     alone=np.ones((2, 1, 2)), read=[[[7, 1]], [[1, 7]]], most=2.3,
    ...     objective="entropy", temperature=1, start=0)
    >>> bars = TaskBars(found, np.ones((2, 4)), None, title="Click", note="an example")
    >>> bars.state["counts"], bars.right(2)  # task 0 is named for both
    ([2], 1)
    """

    def __init__(
        self,
        found: Found,
        masks: ArrayLike,
        orders: ArrayLike | None,
        *,
        title: str,
        note: str,
        objectives: Sequence[str] = ("entropy",),
        compute: Compute | None = None,
    ) -> None:
        weights = np.asarray(masks, dtype=float)
        if weights.ndim != 2 or len(weights) < 2 or not np.isfinite(weights).all():
            raise ValueError(
                f"masks are (T, F) finite numbers of two tasks or more, got "
                f"{weights.shape}"
            )
        T, F = weights.shape
        side = math.isqrt(F)
        if side * side != F:
            raise ValueError(f"square pictures are wanted, got {F} pixels")
        if not objectives or not set(objectives) <= set(OBJECTIVES):
            raise ValueError(
                f"objectives are of {OBJECTIVES}, one or both; got {objectives}"
            )
        order = None if orders is None else np.asarray(orders)
        if order is not None and (
            order.shape != (T, F) or (np.sort(order, 1) != np.arange(F)).any()
        ):
            raise ValueError(f"orders are (T, F) with each pixel once, T {T} and F {F}")
        low, high = np.percentile(weights, [2, 98])
        grey = (weights - low) / (high - low or 1) * 255
        self.found = found
        state: dict[str, Any] = {
            "title": title,
            "note": note,
            "tasks": T,
            "side": side,
            "masks": pack(np.round(grey.clip(0, 255))),
            "orders": None if order is None else _packed(order, 0, LEVELS),
            "objectives": list(objectives),
            "found": _found(found, T, F, order),
            "counts": sorted(int(k) for k in found["bars"]),
        }
        state |= {"at": len(state["counts"]) - 1, "chosen": [T // 2, 0]}
        super().__init__("task_bars", state, self._still(state))
        if compute is not None:
            self.answer = lambda message: self._ask(message, compute, order)

    def right(self, k: int) -> int:
        """Count the digits of the first k tasks whose task the gradient names."""
        bars = np.asarray(self.found["bars"][k])[:k]
        return int((bars.argmax(-1) == np.arange(k)[:, None]).sum())

    def _ask(
        self, message: Any, compute: Compute, order: Array | None
    ) -> dict[str, Any]:
        """Ask anew, as the reader wants it."""
        objective, start = str(message["objective"]), int(message["start"])
        temperature = float(message["temperature"])
        if objective not in self.state["objectives"]:
            raise ValueError(f"there is no objective {objective!r} here")
        if not 0 < temperature < math.inf or start < 0:
            raise ValueError("a temperature is above 0, and a place is 0 or more")
        found = compute(objective, temperature, start)
        T, F = self.state["tasks"], self.state["side"] ** 2
        counts = sorted(int(k) for k in found["bars"])
        if counts != self.state["counts"]:
            raise ValueError(f"compute gives k of {self.state['counts']}, got {counts}")
        changes = {"found": _found(found, T, F, order)}
        if len(changes["found"]["labels"]) != len(self.state["found"]["labels"]):
            raise ValueError("compute gives as many digits as there were")
        self.found = found
        self.state.update(changes)
        return changes

    def _still(self, state: dict[str, Any]) -> str:
        """Draw the bars of one digit, for readers without scripts."""
        k = state["counts"][-1]
        task, digit = state["chosen"]
        task = min(task, k - 1)
        bars = np.asarray(self.found["bars"][k], dtype=float)[task, digit]
        n, step, left, right = len(state["found"]["labels"]), 20.0, 64.0, 430.0
        low, high = min(0.0, bars.min()), max(0.0, bars.max()) or 1.0

        def x(value: float) -> float:
            return left + (right - left) * (value - low) / (high - low)

        end, parts = 'text-anchor="end"', []
        for i, bar in enumerate(bars.tolist()):
            y = 6 + step * i
            ends = sorted((x(0), x(bar)))
            wide, fill = ends[1] - ends[0], "#0072B2" if i == bars.argmax() else GREY
            parts.append(svg_text(left - 8, y + 12, f"task {i}", end))
            parts.append(f'<rect x="{ends[0]:.1f}" y="{y:.1f}" width="{wide:.1f}" '
                         f'height="15" fill="{fill}"/>')  # fmt: skip
            parts.append(svg_text(ends[1] + 6, y + 12, _short(bar)))
        foot = 6 + step * k
        parts.append(svg_line([(x(0), 2), (x(0), foot)], 'stroke="#1f2328"'))
        label = state["found"]["labels"][digit]
        said = (
            f"A {label} as task {task} shows it: with {k} masks laid over each other "
            f"the gradient names task {bars.argmax()}."
        )
        every = "; ".join(
            f"{self.right(c)} of {c * n} digits among {c}" for c in state["counts"]
        )
        values = ", ".join(f"task {i} {_short(bar)}" for i, bar in enumerate(bars))
        return (
            '<figure style="margin:0;padding:12px;background:#fff;color:#1f2328;'
            'max-width:640px;font:14px system-ui,sans-serif">'
            f"<figcaption><strong>{escape(state['title'])}</strong><br>"
            f"{escape(state['note'])} (Switch scripts on to click digits.)<br>"
            f"{escape(said)} Tasks named rightly: {escape(every)} tasks."
            f'</figcaption><svg role="img" viewBox="0 0 504 {foot + 6:.0f}" '
            f'aria-label="{escape(said)} How much surer each would make the network: '
            f'{escape(values)}." style="width:100%">{"".join(parts)}</svg></figure>'
        )


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _found(found: Found, T: int, F: int, order: Array | None) -> dict[str, Any]:
    """Turn what was found into plain JSON: two bytes a number, one a pixel."""
    labels = [int(label) for label in np.asarray(found["labels"]).ravel()]
    n = len(labels)
    plain = _checked("plain", found["plain"], (n, F), 0, 1)
    seen = _checked("seen", found["seen"], (T, n, F), 0, 1)
    most = float(found["most"])
    if not n or not 0 < most < math.inf:
        raise ValueError(f"wanted digits, and most above 0; got {n} and {most}")
    if found["objective"] not in OBJECTIVES:
        raise ValueError(f"there is no objective {found['objective']!r}")
    counts = sorted(int(k) for k in found["bars"])
    if not counts or not 2 <= counts[0] <= counts[-1] <= T:
        raise ValueError(f"each k of bars is from 2 to {T}, got {counts}")
    bars, reach = {}, {}
    for k in counts:
        values = _checked(f"bars, k {k}", found["bars"][k], (T, n, k))
        reach[k] = float(f"{max(np.abs(values).max(), 1e-9):.3g}") * 1.01
        bars[k] = {
            "reach": reach[k],
            "values": _packed(values, -reach[k], reach[k]),
            # Two bars may be equal in two bytes where they were not.
            "named": pack(values.argmax(-1)),
            "mixed": _packed(
                _checked(f"mixed, k {k}", found["mixed"][k], (T, n), 0, most), 0, most
            ),
        }
    alone = _checked("alone", found["alone"], (T, n, T), 0, most)
    known = order is not None and bool((plain[:, order].swapaxes(0, 1) == seen).all())
    return {
        "labels": labels,
        "plain": pack(np.round(255 * plain)),
        "seen": None if known else pack(np.round(255 * seen)),  # orders tell it
        "bars": {str(k): each for k, each in bars.items()},
        "alone": _packed(alone, 0, most),
        "read": pack(_checked("read", found["read"], (T, n, T), 0, 255)),
        "most": most,
        "objective": found["objective"],
        "temperature": float(found["temperature"]),
        "start": int(found["start"]),
    }


def _checked(
    what: str,
    given: Any,
    shape: tuple[int, ...],
    low: float = -math.inf,
    high: float = math.inf,
) -> Array:
    """Check an array's shape, and that all numbers are finite and in reach."""
    values = np.asarray(given, dtype=float)
    slack = 1e-5  # an entropy may be above its largest value by rounding
    inside = (values >= low - slack) & (values <= high + slack)
    if values.shape != shape or not np.isfinite(values).all() or not inside.all():
        raise ValueError(
            f"{what}: wanted {shape} finite numbers"
            + (f" from {low:.3g} to {high:.3g}" if high < math.inf else "")
            + f", got {values.shape}"
            + (f" from {values.min():.3g} to {values.max():.3g}" if values.size else "")
        )
    return values.clip(low, high)


def _packed(values: Array, low: float, high: float) -> str:
    """Two bytes for each number, the lower one first: 0 is low, 65,535 is high."""
    codes = np.round((values - low) / (high - low) * LEVELS)
    return pack(np.ascontiguousarray(codes.astype("<u2")).view(np.uint8))
