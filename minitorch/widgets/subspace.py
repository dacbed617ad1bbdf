"""Drag d: accuracy, sample predictions and the loss slice in a random subspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minitorch.widgets.view import Widget, pack, png_uri, svg_line, svg_text

BLUE, GREY, MUTED = "#0072B2", "#767676", "#57606a"
Frame = Mapping[str, Any]


class SubspaceExplorer(Widget):
    """The chapter's picture of random subspaces, for 2 to about 20 values of d.

    Each frame is a mapping with
        d            how many numbers were trained
        accuracy     test accuracy of each seed (S,), 0 to 1
        predictions  the classes that one of the networks gives the digits (M,)
        slice        its loss (n, n) on a plane in the subspace, n odd, the trained
                     point in the middle, row 0 at the top; across is the way
                     from the start, up a random direction
        extent       how far the plane reaches to each side, in units of phi
        start        how far to the left of the middle the start lies

    Args:
        frames: one for each trained d, in any order.
        digits: held-out images (M, H, W), (M, 1, H, W) or (M, F), 0 to 1.
        labels: their classes (M,).
        total: D, the number of all weights.
        target: (accuracy, name) of the line to reach, such as
            (0.86, "90 % of direct training").
        d_int90: the d that the 90 % line gives, None when none reaches it.
        published: (d, accuracy) of the paper's curve, drawn as a ghost.
        title, note: the finding, and scale, data and seeds.
        compute: with a kernel, a function from d to a new frame, so that a
            reader can ask for a d that was not trained.

    Raises:
        ValueError: when frames, digits and labels do not fit together or hold
            numbers that are not finite.

    >>> frame = dict(accuracy=[0.4, 0.5], predictions=[7], slice=np.ones((3, 3)),
    ...              extent=1.0, start=0.8)
    >>> explorer = SubspaceExplorer(
    ...     [frame | {"d": 10}, frame | {"d": 100}], np.zeros((1, 28, 28)), [7],
    ...     total=199210, target=(0.9, "90 %"), title="Drag d", note="an example")
    >>> [f["d"] for f in explorer.state["frames"]], explorer.state["d"]
    ([10, 100], 100)
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        digits: ArrayLike,
        labels: ArrayLike,
        *,
        total: int,
        target: tuple[float, str],
        d_int90: int | None = None,
        published: tuple[ArrayLike, ArrayLike] | None = None,
        title: str,
        note: str,
        compute: Callable[[int], Frame] | None = None,
    ) -> None:
        classes = [int(label) for label in np.asarray(labels).ravel()]
        images = np.asarray(digits, dtype=float)
        images = images.reshape(len(images), -1) if images.size else images
        side = int(np.sqrt(images.shape[-1]))
        if not classes or images.shape != (len(classes), side * side):
            raise ValueError(
                f"got digits {np.shape(digits)} and {len(classes)} labels, wanted one "
                "label for each square image"
            )
        if not (np.isfinite(images).all() and 0 <= images.min() <= images.max() <= 1):
            raise ValueError("digits are numbers from 0 to 1; divide pixels by 255")
        grey = np.round(255 * images).astype(np.uint8)
        packed = {f["d"]: f for f in (_pack_frame(f, classes, total) for f in frames)}
        if len(packed) < 2 or len(packed) != len(frames):
            raise ValueError(
                f"got frames for d = {[f['d'] for f in frames]}, wanted at least two, "
                "each d once"
            )
        ordered = [packed[d] for d in sorted(packed)]
        state: dict[str, Any] = {
            "title": title,
            "note": note,
            "total": int(total),
            "d": ordered[len(ordered) // 2]["d"],
            "frames": ordered,
            "digits": {
                "images": pack(grey),
                "height": side,
                "width": side,
                "labels": classes,
            },
            "target": {"accuracy": float(target[0]), "name": target[1]},
            "d_int90": None if d_int90 is None else int(d_int90),
            "published": None,
        }
        if published is not None:
            ds, accuracy = (np.asarray(p, dtype=float) for p in published)
            state["published"] = {
                "d": ds.tolist(),
                "accuracy": accuracy.tolist(),
                "name": "published",
            }
        rows = grey.reshape(len(classes), side, side)
        super().__init__("subspace", state, _still(state, 255 - np.hstack(list(rows))))
        if compute is not None:
            self.answer = lambda message: self._train(message, compute, classes)

    def _train(
        self, message: Any, compute: Callable[[int], Frame], classes: Sequence[int]
    ) -> dict[str, Any]:
        """Train the d that the reader asked for and put its frame in its place."""
        frame = _pack_frame(
            compute(int(message["train"])), classes, self.state["total"]
        )
        others = [f for f in self.state["frames"] if f["d"] != frame["d"]]
        self.state["frames"] = sorted([*others, frame], key=lambda f: f["d"])
        return {"frames": self.state["frames"], "d": frame["d"]}


def _pack_frame(frame: Frame, classes: Sequence[int], total: int) -> dict[str, Any]:
    """Turn a frame of arrays into plain JSON; the loss as bytes on a log scale."""
    wanted = ("d", "accuracy", "predictions", "slice", "extent", "start")
    missing = [name for name in wanted if name not in frame]
    if missing:
        raise ValueError(f"a frame lacks {', '.join(missing)}; it needs {wanted}")
    d = int(frame["d"])
    accuracy = np.atleast_1d(np.asarray(frame["accuracy"], dtype=float))
    predictions = [int(p) for p in np.asarray(frame["predictions"]).ravel()]
    loss = np.asarray(frame["slice"], dtype=float)
    side = len(loss) if loss.ndim == 2 else 0
    if not 1 <= d <= total:
        raise ValueError(f"frame d = {d}: d is from 1 to {total}")
    if accuracy.ndim != 1 or not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise ValueError(
            f"frame d = {d}: accuracy {accuracy} is not (S,) within 0 to 1"
        )
    if len(predictions) != len(classes):
        raise ValueError(
            f"frame d = {d}: got {len(predictions)} predictions for "
            f"{len(classes)} digits"
        )
    if loss.shape != (side, side) or side < 3 or side % 2 == 0:
        raise ValueError(f"frame d = {d}: slice {loss.shape}, wanted (n, n) with odd n")
    if not (np.isfinite(loss).all() and loss.min() >= 0):
        raise ValueError(
            f"frame d = {d}: the slice holds losses that are negative or not finite; "
            "take a smaller extent"
        )
    log = np.log(np.maximum(loss, 1e-4))
    low, high = log.min(), max(log.max(), log.min() + 1e-6)
    return {
        "d": d,
        "mean": round(float(accuracy.mean()), 5),
        "accuracy": [round(float(a), 5) for a in accuracy],
        "predictions": predictions,
        "slice": pack(np.round(255 * (log - low) / (high - low))),
        "side": side,
        "extent": round(float(frame["extent"]), 4),
        "start": round(float(frame["start"]), 4),
        "loss": [
            round(float(np.exp(v)), 6) for v in (log[side // 2, side // 2], low, high)
        ],
    }


def _still(state: dict[str, Any], strip: np.ndarray) -> str:
    """Draw the curve and the digits at the first d, for readers without scripts."""
    frames = state["frames"]
    now = next(f for f in frames if f["d"] == state["d"])
    log = np.log([f["d"] for f in frames])
    left, right, top, bottom = 46.0, 492.0, 14.0, 214.0

    def x(d: float) -> float:
        span = log[-1] - log[0]
        return left + 14 + (right - left - 28) * float(np.log(d) - log[0]) / span

    def y(accuracy: float) -> float:
        return bottom - (bottom - top) * accuracy

    goal, name = state["target"]["accuracy"], state["target"]["name"]
    end, middle = 'text-anchor="end"', 'text-anchor="middle"'
    parts = [
        svg_line([(left, top), (left, bottom), (right, bottom)], 'stroke="#8c959f"'),
        svg_line([(left, y(goal)), (right, y(goal))],
                 f'stroke="{MUTED}" stroke-dasharray="5 4"'),
        svg_text(left + 6, y(goal) - 5, name),
        svg_text((left + right) / 2, bottom + 34, "trained numbers d", middle),
    ]  # fmt: skip
    parts += [svg_text(left - 6, y(a) + 4, f"{a:.0%}", end) for a in (0, 0.5, 1)]
    if state["published"]:
        pairs = zip(
            state["published"]["d"], state["published"]["accuracy"], strict=True
        )
        ghost = [
            (x(d), y(a)) for d, a in pairs if frames[0]["d"] <= d <= frames[-1]["d"]
        ]
        parts.append(svg_line(ghost, f'stroke="{GREY}" stroke-dasharray="5 3"'))
    parts.append(svg_line([(x(f["d"]), y(f["mean"])) for f in frames],
                          f'stroke="{BLUE}" stroke-width="2"'))  # fmt: skip
    reached = -np.inf
    for f in frames:
        radius = 7 if f is now else 4
        parts.append(f'<circle cx="{x(f["d"]):.1f}" cy="{y(f["mean"]):.1f}" '
                     f'r="{radius}" fill="{BLUE}"/>')  # fmt: skip
        if x(f["d"]) - reached > 44:
            parts.append(svg_text(x(f["d"]), bottom + 16, f"{f['d']:,}", middle))
            reached = x(f["d"])
    count = len(now["predictions"])
    size = (right - 4) / count
    parts.append(
        f'<image href="{png_uri(strip)}" x="4" y="{bottom + 62:.0f}" '
        f'width="{right - 4:.0f}" height="{size:.1f}"/>'
    )
    said = f"At d = {now['d']:,} these digits are read as"
    parts.append(svg_text(4, bottom + 56, said))
    for i, (read, true) in enumerate(
        zip(now["predictions"], state["digits"]["labels"], strict=True)
    ):
        mark = "✓" if read == true else "✗"
        place = (4 + size * (i + 0.5), bottom + 80 + size)
        parts.append(svg_text(*place, f"{read} {mark}", middle))
    accuracies = ", ".join(f"{f['mean']:.1%} at {f['d']:,}" for f in frames)
    return (
        '<figure style="margin:0;padding:12px;background:#fff;color:#1f2328;'
        'max-width:640px;font:14px system-ui,sans-serif">'
        f"<figcaption><strong>{escape(state['title'])}</strong><br>"
        f"{escape(state['note'])} (Switch scripts on to drag d.)</figcaption>"
        f'<svg role="img" viewBox="0 0 504 {bottom + 92 + size:.0f}" aria-label="Test '
        f'accuracy against d: {escape(accuracies)}" style="width:100%">'
        f"{''.join(parts)}</svg></figure>"
    )
