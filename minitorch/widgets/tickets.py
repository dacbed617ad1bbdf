"""Drag keep: how well a lottery ticket and its controls read, and what they look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minitorch.plots import STYLES
from minitorch.stats import mean_interval
from minitorch.widgets.view import Widget, pack, png_uri, svg_line, svg_text

FLOOR = 1e-3  # the smallest share of errors that the chart's scale shows
# The stops of the map of greys in the chapter's tiles, from none to many.
GREYS = (255, 240, 217, 189, 150, 115, 82, 37, 0)
ERRORS = (0.8, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)  # its ticks
CORNERS = {"^": 3, "v": 3, "<": 3, ">": 3, "s": 4, "D": 4, "d": 4, "p": 5, "h": 6,
           "H": 6, "X": 4, "P": 4, "*": 5}  # fmt: skip
TURNS = {"v": 180, "<": -90, ">": 90, "s": 45, "H": 30, "X": 45}  # degrees
WAISTS = {"X": 0.35, "P": 0.35, "*": 0.4}  # how far in a star's inner corners lie
Array = np.ndarray
Compute = Callable[[float], Mapping[str, Any]]


class TicketLadder(Widget):
    """Accuracy of a ticket and its controls against the fraction of weights kept.

    The scale is that of the errors, logarithmic: from 90 % to 95 % it is as far as
    from 95 % to 97.5 %. Beside the chart stands, for the chosen keep, how many of the
    first layer's weights are left behind each pixel.

    Args:
        keeps: (n,) fractions of all weights, each once, in any order.
        arms: key of `plots.STYLES` -> test accuracies (S, n), a row a seed, 0 to 1,
            nan where the arm was not run.
        pixels: (n, H, W) whole numbers, see `pruning.pixel_counts`.
        weights: how many weights there are at keep 1.
        title, note: the finding, and scale, data and seeds.
        names: key -> what the arm is called here, where its style says something else.
        picture: whose weights the picture counts, a short text.
        compute: with a kernel, a function that trains at a keep that a reader asks
            for. It returns a mapping with `arms`, key -> accuracy, and where it can
            with `keep`, the fraction that was kept in the end, and `pixels` (H, W).

    Raises:
        ValueError: when keeps, accuracies and pixels do not fit together or hold what
            cannot be drawn.

    >>> ladder = TicketLadder(
    ...     [1, 0.1, 0.01],
    ...     {"lottery": [[0.9, 0.9, 0.8]], "control": [[np.nan, 0.8, 0.5]]},
    ...     np.ones((3, 28, 28)), weights=1000, title="Drag keep", note="an example")
    >>> [frame["kept"] for frame in ladder.state["frames"]], ladder.state["at"]
    ([10, 100, 1000], 1)
    """

    def __init__(
        self,
        keeps: ArrayLike,
        arms: Mapping[str, ArrayLike],
        pixels: ArrayLike,
        *,
        weights: int,
        title: str,
        note: str,
        names: Mapping[str, str] | None = None,
        picture: str = "",
        compute: Compute | None = None,
    ) -> None:
        kept = np.asarray(keeps, dtype=float)
        if kept.ndim != 1 or len(set(kept.tolist())) < 2 or len(set(kept)) != len(kept):
            raise ValueError(f"keeps are two or more, each once; got {kept.tolist()}")
        values = {key: _accuracies(key, given, kept) for key, given in arms.items()}
        if not values:
            raise ValueError("there is no arm to draw; pass a ticket's accuracies")
        counts = _counts(pixels)
        if counts.ndim != 3 or len(counts) != len(kept):
            raise ValueError(
                f"pixels {counts.shape} do not fit {len(kept)} keeps: wanted (n, H, W)"
            )
        self.weights, self.shape = int(weights), counts.shape[1:]
        called = {key: STYLES[key].label for key in values} | dict(names or {})
        frames = [
            self._frame(
                kept[i], {key: each[:, i] for key, each in values.items()}, counts[i]
            )
            for i in np.argsort(kept)
        ]
        state: dict[str, Any] = {
            "title": title,
            "note": note,
            "weights": self.weights,
            "arms": [
                {
                    "key": key,
                    "name": called[key],
                    "colour": STYLES[key].colour,
                    "mark": mark(STYLES[key].marker),
                    "seeds": len(each),
                }
                for key, each in values.items()
            ],
            "frames": frames,
            "at": _first(frames),
            "errors": _span(frames),
            "ticks": ERRORS,
            "picture": {
                "height": self.shape[0],
                "width": self.shape[1],
                "of": picture,
            },
        }
        middle = counts[np.argsort(kept)[state["at"]]]
        super().__init__("tickets", state, _still(state, middle))
        if compute is not None:
            self.answer = lambda message: self._train(message, compute)

    def _frame(
        self,
        keep: float,
        values: Mapping[str, Array],
        counts: Array | None,
        mine: bool = False,
    ) -> dict[str, Any]:
        """Turn what is known of one keep into plain JSON."""
        if not 0 < keep <= 1:
            raise ValueError(
                f"keep is the fraction of the weights that stay, above 0 and up to 1; "
                f"got {keep:g}"
            )
        arms = {}
        for key, each in values.items():
            there = each[np.isfinite(each)]
            if len(there):
                found = (float(v) for v in mean_interval(there))
                arms[key] = [round(min(max(v, 0), 1), 5) for v in found]
        return {
            "keep": float(f"{keep:.4g}"),
            "kept": round(keep * self.weights),
            "arms": arms,
            "pixels": None if counts is None else _packed(counts),
            "mine": mine,
        }

    def _train(self, message: Any, compute: Compute) -> dict[str, Any]:
        """Train where the reader asked, and put what came out among the frames."""
        asked = float(message["train"])
        if not 0 < asked <= 1:
            raise ValueError(f"keep is above 0 and up to 1, got {asked:g}")
        found = compute(asked)
        if not found.get("arms"):
            raise ValueError("compute returns a mapping with arms, key -> accuracy")
        keep = float(found.get("keep", asked))
        known = {arm["key"] for arm in self.state["arms"]}
        values = {
            key: _accuracies(key, [[accuracy]], np.array([keep]))[:, 0]
            for key, accuracy in found["arms"].items()
        }
        if not set(values) <= known:
            raise ValueError(
                f"compute's arms are of {sorted(known)}, got {set(values)}"
            )
        counts = found.get("pixels")
        if counts is not None and (counts := _counts(counts)).shape != self.shape:
            raise ValueError(f"pixels {counts.shape}, wanted {self.shape}")
        frame = self._frame(keep, values, counts, mine=True)
        others = [
            each
            for each in self.state["frames"]
            if not (each["mine"] and each["keep"] == frame["keep"])
        ]
        frames = sorted([*others, frame], key=lambda f: (f["keep"], f["mine"]))
        changes = {
            "errors": _span(frames),
            "frames": frames,
            "at": frames.index(frame),
        }
        self.state.update(changes)
        return changes


def mark(marker: str, radius: float = 5.0) -> str:
    """Write one of matplotlib's markers as the path of an SVG, around 0, 0.

    >>> mark("s", 1)
    'M0.71 -0.71L0.71 0.71L-0.71 0.71L-0.71 -0.71Z'
    """
    if marker not in CORNERS:
        r = radius * (0.6 if marker == "." else 0.85)
        return f"M{r:g} 0A{r:g} {r:g} 0 1 1 {-r:g} 0A{r:g} {r:g} 0 1 1 {r:g} 0Z"
    n, waist = CORNERS[marker], WAISTS.get(marker)
    radii = [radius] if waist is None else [radius, waist * radius]
    steps = n * len(radii)
    corners = []
    for k in range(steps):
        angle = math.radians(360 * k / steps + TURNS.get(marker, 0))
        r = radii[k % len(radii)]
        wide = 0.6 if marker == "d" else 1.0
        corners.append(f"{wide * r * math.sin(angle):.2f} {-r * math.cos(angle):.2f}")
    return "M" + "L".join(corners) + "Z"


def _accuracies(key: str, given: ArrayLike, keeps: Array) -> Array:
    """Check the accuracies of an arm: (S, n), 0 to 1 or nan."""
    values = np.atleast_2d(np.asarray(given, dtype=float))
    if key not in STYLES:
        raise ValueError(f"no style {key!r}; there are {', '.join(STYLES)}")
    if values.ndim != 2 or values.shape[1] != len(keeps):
        raise ValueError(
            f"arm {key!r}: got {values.shape}, wanted (S, {len(keeps)}), a row a seed"
        )
    there = values[~np.isnan(values)]
    if not there.size or not ((there >= 0) & (there <= 1)).all():
        raise ValueError(
            f"arm {key!r}: accuracies are 0 to 1, and at least one is there"
        )
    return values


def _counts(pixels: ArrayLike) -> Array:
    """Check the numbers of weights behind pixels."""
    counts = np.asarray(pixels)
    whole = np.round(counts)
    if not ((counts == whole) & (counts >= 0) & (counts < 65_536)).all():
        raise ValueError("pixels are whole numbers of weights, 0 to 65,535")
    return whole.astype("<u2")


def _packed(counts: Array) -> str:
    """Two bytes for each pixel, the lower one first."""
    return pack(np.ascontiguousarray(counts).view(np.uint8))


def _first(frames: Sequence[dict[str, Any]]) -> int:
    """Choose the frame that is shown first: of those with most arms, a middle one."""
    middle = len(frames) // 2
    return min(
        range(len(frames)), key=lambda i: (-len(frames[i]["arms"]), abs(i - middle))
    )


def _span(frames: Sequence[dict[str, Any]]) -> list[float]:
    """Say which shares of errors the chart shows: the largest, and the smallest."""
    ends = [v for f in frames for each in f["arms"].values() for v in each]
    most, least = 1 - min(ends), max(1 - max(ends), FLOOR)
    return [round(min(max(1.2 * most, 2 * least), 1.0), 5), round(least / 1.2, 5)]


def _still(state: dict[str, Any], counts: Array) -> str:
    """Draw the chart, and the picture in the middle, for readers without scripts."""
    frames, now = state["frames"], state["frames"][state["at"]]
    log = np.log([f["keep"] for f in frames])
    left, right, top, bottom = 50.0, 492.0, 14.0, 234.0
    worst, best = np.log(state["errors"])

    def x(keep: float) -> float:
        span = log[-1] - log[0]
        return left + 14 + (right - left - 28) * float(np.log(keep) - log[0]) / span

    def y(accuracy: float) -> float:
        far = float(np.log(max(1 - accuracy, FLOOR)) - worst) / (best - worst)
        return bottom - (bottom - top) * min(max(far, 0), 1)

    end, middle = 'text-anchor="end"', 'text-anchor="middle"'
    axis = [(left, top), (left, bottom), (right, bottom)]
    parts = [svg_line(axis, 'stroke="#8c959f"')]
    for error in state["ticks"]:
        if state["errors"][1] <= error <= state["errors"][0]:
            at = y(1 - error)
            parts.append(svg_line([(left, at), (right, at)], 'stroke="#eaeef2"'))
            parts.append(svg_text(left - 6, at + 4, f"{100 - 100 * error:g}%", end))
    reached = -np.inf
    for f in frames:
        if x(f["keep"]) - reached > 44:
            parts.append(
                svg_text(x(f["keep"]), bottom + 16, f"{f['keep']:.3g}", middle)
            )
            reached = x(f["keep"])
    parts.append(svg_text((left + right) / 2, bottom + 34, "keep", middle))
    words = []
    for i, arm in enumerate(state["arms"]):
        points = [(f["keep"], f["arms"][arm["key"]][0]) for f in frames
                  if arm["key"] in f["arms"]]  # fmt: skip
        line = [(x(keep), y(accuracy)) for keep, accuracy in points]
        line_style = f'stroke="{arm["colour"]}" stroke-width="2"'
        parts.append(svg_line(line, line_style))
        row = bottom + 58 + 18 * i
        for px, py in [*line, (left + 8, row - 4)]:
            parts.append(f'<path d="{arm["mark"]}" fill="{arm["colour"]}" '
                         f'transform="translate({px:.1f} {py:.1f})"/>')  # fmt: skip
        here = now["arms"].get(arm["key"])
        said = f"{here[0]:.1%}" if here else "not run"
        parts.append(svg_text(left + 20, row, f"{arm['name']}: {said}"))
        words.append(
            f"{arm['name']}: "
            + ", ".join(f"{accuracy:.1%} at {keep:.3g}" for keep, accuracy in points)
        )
    share = counts / max(int(counts.max()), 1)
    grey = np.round(np.interp(share, np.linspace(0, 1, len(GREYS)), GREYS))
    size, foot = 120, bottom + 62 + 18 * len(state["arms"])
    parts.append(
        f'<image href="{png_uri(grey.astype(np.uint8))}" x="{left}" y="{foot:.0f}" '
        f'width="{size}" height="{size}" style="image-rendering:pixelated"/>'
    )
    said = (
        f"At keep {now['keep']:.3g}: {now['kept']:,} of {state['weights']:,} weights."
    )
    parts.append(svg_text(left + size + 12, foot + 16, said))
    parts.append(
        svg_text(left + size + 12, foot + 36, "Dark: pixels that many weights read.")
    )
    return (
        '<figure style="margin:0;padding:12px;background:#fff;color:#1f2328;'
        'max-width:640px;font:14px system-ui,sans-serif">'
        f"<figcaption><strong>{escape(state['title'])}</strong><br>"
        f"{escape(state['note'])} (Switch scripts on to drag keep.)</figcaption>"
        f'<svg role="img" viewBox="0 0 504 {foot + size + 8:.0f}" aria-label="Test '
        f'accuracy against keep. {escape("; ".join(words))}" style="width:100%">'
        f"{''.join(parts)}</svg></figure>"
    )
