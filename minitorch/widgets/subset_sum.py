"""Press keys until their numbers add up to a weight; the best subset beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minitorch.plots import STYLES
from minitorch.widgets.tickets import mark
from minitorch.widgets.view import Widget, svg_line, svg_text

MOST = 14  # keys: the page looks at all 2**14 sums whenever the target moves
DIGITS = 6  # of a number
YOURS = "#B23A0A"
Array = np.ndarray
Choose = Callable[[Array, float], Any]


class SubsetSumKeys(Widget):
    """A keyboard of random numbers: which of them add up to the target?

    The page itself looks through all subsets, with a kernel or without.

    Args:
        numbers: (R, N) draws of N numbers, or (N,) for one; N from 2 to 14.
        title, note: the finding, and where the numbers come from.
        target: what the keys should add up to at first, from -1 to 1.
        n: how many of the numbers are keys at first; all by default.
        typical: (n, error) of the best subset elsewhere, drawn as a line: how many
            numbers and their usual error.
        pressed: which keys are pressed at first, (n,) of booleans; none by default.
        choose: with a kernel, a function from numbers (n,) and a target to the mask
            (n,) of a subset (or mask and error, as `subset_sum.subset_sum`), which a
            reader can ask for.

    Raises:
        ValueError: when there are too few or too many numbers, or something is not
            finite, not from -1 to 1, or does not fit.

    >>> keys = SubsetSumKeys([0.5, -0.3, 0.2], target=0.4, title="Press", note="")
    >>> keys.state["n"], keys.state["target"]
    (3, 0.4)
    """

    def __init__(
        self,
        numbers: ArrayLike,
        *,
        title: str,
        note: str,
        target: float = 0.4,
        n: int | None = None,
        typical: tuple[ArrayLike, ArrayLike] | None = None,
        pressed: ArrayLike = (),
        choose: Choose | None = None,
    ) -> None:
        draws = np.atleast_2d(np.asarray(numbers, dtype=float))
        if draws.ndim != 2 or not len(draws) or not 2 <= draws.shape[1] <= MOST:
            raise ValueError(f"wanted (R, N) with 2 to {MOST} keys, got {draws.shape}")
        if not (np.isfinite(draws).all() and np.abs(draws).max() <= 1):
            raise ValueError("the numbers are from -1 to 1")
        if not -1 <= target <= 1:
            raise ValueError(f"the target is from -1 to 1, got {target}")
        most = draws.shape[1]
        count = most if n is None else int(n)
        if not 1 <= count <= most:
            raise ValueError(f"n is from 1 to {most}, got {n}")
        down = np.zeros(most, int)
        given = np.asarray(pressed, dtype=bool)
        if given.ndim != 1 or len(given) > most:
            raise ValueError(f"pressed is at most ({most},), got {given.shape}")
        down[: len(given)] = given
        curve: list[list[float]] = []
        if typical is not None:
            ns, errors = (np.asarray(each, dtype=float) for each in typical)
            if ns.shape != errors.shape or ns.ndim != 1 or not (errors > 0).all():
                raise ValueError("typical is n (k,) and errors (k,) above 0")
            pairs = zip(ns, errors, strict=True)
            curve = [[int(k), float(f"{e:.3g}")] for k, e in pairs if k <= most]
        looks = {"best": "supermask", "single": "control"}
        state: dict[str, Any] = {
            "title": title,
            "note": note,
            "draws": np.round(draws, DIGITS).tolist(),
            "draw": 0,
            "n": count,
            "target": round(float(target), 2),
            "pressed": down.tolist(),
            "shown": False,
            "typical": curve,
            "chosen": None,
            "looks": {
                name: {
                    "colour": STYLES[key].colour,
                    "mark": mark(STYLES[key].marker),
                }
                for name, key in looks.items()
            }
            | {"yours": {"colour": YOURS, "mark": mark("o")}},
        }
        super().__init__("subset_sum", state, _still(state))
        if choose is not None:
            self.answer = lambda message: _ask(message, choose)


def _ask(message: Any, choose: Choose) -> dict[str, Any]:
    """Let the function choose among the keys that the reader sees."""
    a, target = np.array(message["numbers"], dtype=float), float(message["target"])
    found = choose(a.copy(), target)
    mask = np.asarray(found[0] if isinstance(found, tuple) else found)
    if mask.shape != a.shape or not np.isin(mask, (0, 1)).all():
        raise ValueError(
            f"a mask ({len(a)},) of booleans is wanted, got {mask.dtype} {mask.shape}"
        )
    down = [int(each) for each in mask]
    return {
        "chosen": {"numbers": a.tolist(), "target": target, "mask": down},
    }


def _best(a: Array, target: float) -> tuple[Array, float]:
    """Try all subsets: the mask (n,) of the best, and its error."""
    codes = np.arange(2 ** len(a))
    bits = (codes[:, None] >> np.arange(len(a))) & 1
    off = np.abs(bits @ a - target)
    return bits[off.argmin()].astype(bool), float(off.min())


def _still(state: dict[str, Any]) -> str:
    """Draw the error of the best subset of the first n, for readers without scripts."""
    a, target = np.array(state["draws"][0]), state["target"]
    ns = np.arange(1, len(a) + 1)
    floor = 10.0 ** (math.floor(-len(a) * math.log10(2)) - 1)
    errors = np.array([max(_best(a[:n], target)[1], floor) for n in ns])
    left, right, top, bottom = 62.0, 492.0, 14.0, 234.0

    def x(n: float) -> float:
        return left + 12 + (right - left - 24) * (n - 1) / (len(a) - 1)

    def y(error: float) -> float:
        return top + (bottom - top) * math.log(min(error, 1)) / math.log(floor)

    end, middle = 'text-anchor="end"', 'text-anchor="middle"'
    axis = [(left, top), (left, bottom), (right, bottom)]
    parts = [svg_line(axis, 'stroke="#8c959f"')]
    for power in range(round(math.log10(floor)), 1):
        parts.append(svg_text(left - 6, y(10.0**power) + 4, f"{10.0**power:g}", end))
    for n in ns.tolist():
        parts.append(svg_text(x(n), bottom + 16, f"{n}", middle))
    parts.append(
        svg_text((left + right) / 2, bottom + 34, "random numbers (keys)", middle)
    )
    look = state["looks"]["best"]
    points = [(x(n), y(e)) for n, e in zip(ns.tolist(), errors, strict=True)]
    parts.append(svg_line(points, f'stroke="{look["colour"]}" stroke-width="2"'))
    for px, py in points:
        parts.append(f'<path d="{look["mark"]}" fill="{look["colour"]}" '
                     f'transform="translate({px:.1f} {py:.1f})"/>')  # fmt: skip
    mask, error = _best(a[: state["n"]], target)
    chosen = a[: state["n"]][mask]
    sums = " ".join(f"{v:+.3f}" for v in chosen) or "no key"
    lines = [
        f"Of {', '.join(f'{v:+.3f}' for v in a[: state['n']])}",
        f"nearest to {target:+.2f}: {sums}, off by {error:.2g}.",
    ]
    said = ", ".join(f"{e:.2g} with {n}" for n, e in zip(ns, errors, strict=True))
    words = "".join(f"<br>{escape(line)}" for line in lines)
    return (
        '<figure style="margin:0;padding:12px;background:#fff;color:#1f2328;'
        'max-width:640px;font:14px system-ui,sans-serif">'
        f"<figcaption><strong>{escape(state['title'])}</strong><br>"
        f"{escape(state['note'])} (Switch scripts on to press keys.){words}"
        f'</figcaption><svg role="img" viewBox="0 0 504 {bottom + 42:.0f}" '
        f'aria-label="Error of the best subset: {escape(said)} numbers." '
        f'style="width:100%">{"".join(parts)}</svg></figure>'
    )
