"""Drag keep: which weights a criterion keeps, and how well they read untrained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minitorch.plots import STYLES
from minitorch.widgets.tickets import mark
from minitorch.widgets.view import Widget, pack, svg_line, svg_text

LEVELS = 65_535  # two bytes for each number of a point
Array = np.ndarray
Compute = Callable[[str, float], Mapping[str, float]]


class WeightScatter(Widget):
    """Weights before training against after it, and the accuracy of those kept.

    The points that the chosen criterion keeps at the chosen keep stand out. The chart
    shows for every keep how the network reads that was never trained, when only
    the kept weights are left in it, beside others under the same mask.

    Args:
        layers: for each layer that can be shown a mapping with
            name     what it is called
            weights  how many weights it has
            before   (m,) some of them before training
            after    (m,) the same after it
            places   criterion -> (m,) their places, 0 the first that is kept, among
                     all weights of the layer
            unmoved  the fraction of the layer that training left where it was
        criteria: name -> what it keeps, a few words.
        keeps: (n,) fractions, each once, in any order.
        arms: key of `plots.STYLES` -> criterion -> test accuracies (n,), 0 to 1.
        title, note: the finding, and scale, data and seeds.
        names: key -> what the arm is called here, where its style says something else.
        chance: the accuracy of one guess for all images, drawn as a line.
        images: how many images the accuracies are of.
        compute: with a kernel, a function from criterion and keep to the accuracy of
            each arm, for a keep that a reader asks for.

    Raises:
        ValueError: when layers, criteria, keeps and accuracies do not fit together or
            hold what cannot be drawn.

    >>> layer = dict(name="layer 1", weights=4, before=[1, -2], after=[1, -3],
    ...              places={"large final": [3, 0]}, unmoved=0.25)
    >>> scatter = WeightScatter(
    ...     [layer], {"large final": "large after training"}, [0.5, 0.1],
    ...     {"supermask": {"large final": [0.8, 0.2]}}, title="Drag", note="an example")
    >>> [frame["keep"] for frame in scatter.state["frames"]["large final"]]
    [0.1, 0.5]
    >>> scatter.state["at"]  # where the first arm reads best
    1
    """

    def __init__(
        self,
        layers: Sequence[Mapping[str, Any]],
        criteria: Mapping[str, str],
        keeps: ArrayLike,
        arms: Mapping[str, Mapping[str, ArrayLike]],
        *,
        title: str,
        note: str,
        names: Mapping[str, str] | None = None,
        chance: float = 0.1,
        images: int | None = None,
        compute: Compute | None = None,
    ) -> None:
        kept = np.asarray(keeps, dtype=float)
        if kept.ndim != 1 or len(kept) < 2 or len(set(kept.tolist())) < len(kept):
            raise ValueError(f"keeps are two or more, each once; got {kept.tolist()}")
        if not ((kept > 0) & (kept <= 1)).all():
            raise ValueError(f"keeps are above 0 and up to 1; got {kept.tolist()}")
        if not criteria or not arms or not layers:
            raise ValueError("one layer, one criterion and one arm or more are wanted")
        for key, given in arms.items():
            if key not in STYLES:
                raise ValueError(f"no style {key!r}; there are {', '.join(STYLES)}")
            for name in criteria:
                if name not in given:
                    raise ValueError(f"arm {key!r} has no accuracies of {name!r}")
                _accuracies(f"arm {key!r}, {name!r}", given[name], kept)
        order = np.argsort(kept)
        frames: dict[str, list[dict[str, Any]]] = {
            name: [
                {
                    "keep": float(f"{kept[i]:.4g}"),
                    "arms": {
                        key: round(float(np.asarray(arm[name])[i]), 5)
                        for key, arm in arms.items()
                    },
                    "mine": False,
                }
                for i in order
            ]
            for name in criteria
        }
        called = {key: STYLES[key].label for key in arms} | dict(names or {})
        first, lead = next(iter(criteria)), next(iter(arms))
        best = np.argmax(np.asarray(arms[lead][first], dtype=float)[order])
        state: dict[str, Any] = {
            "title": title,
            "note": note,
            "layers": [_layer(layer, criteria) for layer in layers],
            "criteria": [{"name": k, "says": v} for k, v in criteria.items()],
            "arms": [
                {
                    "key": key,
                    "name": called[key],
                    "colour": STYLES[key].colour,
                    "mark": mark(STYLES[key].marker),
                }
                for key in arms
            ],
            "frames": frames,
            "chance": float(chance),
            "images": images,
            "criterion": first,
            "layer": 0,
            "at": int(best),
        }
        super().__init__("weight_scatter", state, _still(state))
        if compute is not None:
            self.answer = lambda message: self._measure(message, compute)

    def _measure(self, message: Any, compute: Compute) -> dict[str, Any]:
        """Measure at the keep that the reader asked for; put it among the frames."""
        keep, name = float(message["keep"]), str(message["criterion"])
        if not 0 < keep <= 1:
            raise ValueError(f"keep is above 0 and up to 1, got {keep:g}")
        if name not in self.state["frames"]:
            raise ValueError(f"no criterion {name!r} here")
        keep = float(f"{keep:.4g}")
        found = compute(name, keep)
        known = [arm["key"] for arm in self.state["arms"]]
        if set(found) != set(known):
            raise ValueError(f"compute gives {known}, got {list(found)}")
        for key, value in found.items():
            _accuracies(f"arm {key!r}", [value], np.array([keep]))
        frame = {
            "keep": keep,
            "arms": {key: round(float(found[key]), 5) for key in known},
            "mine": True,
        }
        others = [
            each
            for each in self.state["frames"][name]
            if not (each["mine"] and each["keep"] == keep)
        ]
        frames = sorted([*others, frame], key=lambda f: (f["keep"], f["mine"]))
        changes = {
            "frames": self.state["frames"] | {name: frames},
            "criterion": name,
            "at": frames.index(frame),
        }
        self.state.update(changes)
        return changes


def _accuracies(what: str, given: ArrayLike, keeps: Array) -> None:
    """Check accuracies: (n,), 0 to 1."""
    values = np.asarray(given, dtype=float)
    if values.shape != keeps.shape or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(
            f"{what}: wanted {len(keeps)} accuracies from 0 to 1, got {values}"
        )


def _layer(layer: Mapping[str, Any], criteria: Mapping[str, str]) -> dict[str, Any]:
    """Turn what is known of a layer into plain JSON: two bytes a number."""
    name, total = layer["name"], int(layer["weights"])
    ends = [np.asarray(layer[end], dtype=float) for end in ("before", "after")]
    if ends[0].ndim != 1 or not len(ends[0]) or ends[0].shape != ends[1].shape:
        raise ValueError(
            f"{name}: before and after are (m,), got {[end.shape for end in ends]}"
        )
    if not np.isfinite(ends).all():
        raise ValueError(f"{name}: some weights are not finite")
    places = {}
    for criterion in criteria:
        given = np.asarray(layer["places"][criterion])
        if given.shape != ends[0].shape or not ((given >= 0) & (given < total)).all():
            raise ValueError(f"{name}: places are (m,), from 0 to below {total}")
        # Rounded up, so that a point is kept exactly when it should be, in layers of
        # up to 65,536 weights; in larger ones one in 65,536 may be off.
        scaled = np.ceil(given * ((LEVELS + 1) / total))
        places[criterion] = _packed(np.minimum(scaled, LEVELS))
    reach = float(f"{1.02 * max(np.abs(ends).max(), 1e-9):.3g}")
    return {
        "name": name,
        "weights": total,
        "points": len(ends[0]),
        "reach": reach,
        "unmoved": float(layer["unmoved"]),
        "before": _packed(np.round((ends[0] / reach + 1) / 2 * LEVELS)),
        "after": _packed(np.round((ends[1] / reach + 1) / 2 * LEVELS)),
        "places": places,
    }


def _packed(values: Array) -> str:
    """Two bytes for each number, the lower one first."""
    return pack(np.ascontiguousarray(values.astype("<u2")).view(np.uint8))


def _still(state: dict[str, Any]) -> str:
    """Draw the accuracies of the first criterion, for readers without scripts."""
    name = state["criterion"]
    frames = state["frames"][name]
    left, right, top, bottom = 50.0, 492.0, 14.0, 234.0

    def x(keep: float) -> float:
        return left + (right - left) * keep

    def y(accuracy: float) -> float:
        return bottom - (bottom - top) * accuracy

    end, middle = 'text-anchor="end"', 'text-anchor="middle"'
    parts = [
        svg_line([(left, top), (left, bottom), (right, bottom)], 'stroke="#8c959f"')
    ]
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        parts.append(svg_text(left - 6, y(tick) + 4, f"{tick:.0%}", end))
        parts.append(svg_text(x(tick), bottom + 16, f"{tick:g}", middle))
    chance = [(left, y(state["chance"])), (right, y(state["chance"]))]
    parts.append(svg_line(chance, 'stroke="#767676" stroke-dasharray="4 3"'))
    parts.append(svg_text((left + right) / 2, bottom + 34, f"keep, {name}", middle))
    words = []
    for i, arm in enumerate(state["arms"]):
        points = [(f["keep"], f["arms"][arm["key"]]) for f in frames]
        line = [(x(keep), y(accuracy)) for keep, accuracy in points]
        parts.append(svg_line(line, f'stroke="{arm["colour"]}" stroke-width="2"'))
        row = bottom + 58 + 18 * i
        for px, py in [*line, (left + 8, row - 4)]:
            parts.append(f'<path d="{arm["mark"]}" fill="{arm["colour"]}" '
                         f'transform="translate({px:.1f} {py:.1f})"/>')  # fmt: skip
        here = frames[state["at"]]
        parts.append(
            svg_text(
                left + 20,
                row,
                f"{arm['name']}: {here['arms'][arm['key']]:.1%} at {here['keep']:g}",
            )
        )
        said = ", ".join(f"{accuracy:.1%} at {keep:g}" for keep, accuracy in points)
        words.append(f"{arm['name']}: {said}")
    foot = bottom + 62 + 18 * len(state["arms"])
    return (
        '<figure style="margin:0;padding:12px;background:#fff;color:#1f2328;'
        'max-width:640px;font:14px system-ui,sans-serif">'
        f"<figcaption><strong>{escape(state['title'])}</strong><br>"
        f"{escape(state['note'])} (Switch scripts on to see the weights and drag keep.)"
        f'</figcaption><svg role="img" viewBox="0 0 504 {foot:.0f}" aria-label="Test '
        f'accuracy against keep. {escape("; ".join(words))}" style="width:100%">'
        f"{''.join(parts)}</svg></figure>"
    )
