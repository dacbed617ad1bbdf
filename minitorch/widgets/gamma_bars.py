"""The gammas of a random network, and what is left of it without the small ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minitorch.widgets.view import Widget, pack, svg_line, svg_text

STARTS = ("uniform", "ones", "signed", "normal")
BEND = 0.002  # below it the stretched axis of gamma is even, above it logarithmic
BLUE, RED, SHUT = "#0072B2", "#b3400a", "#98a4b0"  # as in gamma_bars.js
SMALL = 'font-size="12"'
Array = np.ndarray
Run = Mapping[str, Any]
Compute = Callable[[float, str], Run]


class GammaBars(Widget):
    """A histogram of gamma, with a threshold below which features are taken out.

    Beside it accuracy against that threshold, with as many random features taken out
    as well; below it each feature of the first layer, for an image that the reader
    chooses. Buttons choose the decay.

    Args:
        runs: each a dictionary, of one trained network of F features, H of them in the
            first layer:
            decay, start   of gamma, and how gammas were drawn
            drawn, gamma, beta   (F,) gamma before training; gamma and beta after
            on      (F,) for which share of images each feature is above 0
            z       (K, H) the standardised first layer of each image shown
            spread  (H,) what its sums are divided by
            gone    (F,) place of the first threshold at which each feature is out; T
                    for those that stay
            removed, random, size   at each of T thresholds: accuracy without the small
                    features, (T,); without as many random ones, (T, R); the weights
                    that the smaller network has, (T,)
        weights: (H, side^2) of the first layer, frozen, the same for all runs.
        images: (K, side^2), 0 to 1.
        names: of the images.
        layers: features of each layer.
        thresholds: (T,) rising from 0.
        title, note: the finding, and scale, data and seeds.
        compute: with a kernel, a function from a decay and a start to a run.

    Raises:
        ValueError: when shapes do not fit or numbers are no numbers.

    >>> run = dict(decay=0.0, start="ones", drawn=[1, 1], gamma=[0.5, 0.005],
    ...     beta=[0, -1], on=[0.5, 0], z=[[1, -1]], spread=[1, 1], gone=[2, 1],
    ...     removed=[0.9, 0.8], random=[[0.9], [0.5]], size=[20, 12])
    >>> widget = GammaBars([run], np.ones((2, 4)), np.ones((1, 4)), ["7"], layers=[2],
    ...     thresholds=[0, 0.01], title="One feature goes", note="an example")
    >>> widget.state["frame"], widget.state["feature"]
    (1, 0)
    """

    def __init__(
        self,
        runs: Sequence[Run],
        weights: ArrayLike,
        images: ArrayLike,
        names: Sequence[str],
        *,
        layers: Sequence[int],
        thresholds: Sequence[float],
        title: str,
        note: str,
        compute: Compute | None = None,
    ) -> None:
        rows, seen = np.asarray(weights, float), np.asarray(images, float)
        side = math.isqrt(rows.shape[-1]) if rows.ndim == 2 else 0
        if not side or rows.shape != (layers[0], side * side):
            raise ValueError(
                f"weights are ({layers[0]}, side^2), a row for each feature of the "
                f"first layer; got {rows.shape}"
            )
        if seen.shape != (len(names), side * side) or not len(names):
            raise ValueError(
                f"images are ({len(names)}, {side * side}), one for each name; got "
                f"{seen.shape}"
            )
        if not (np.isfinite(rows).all() and 0 <= seen.min() <= seen.max() <= 1):
            raise ValueError("weights are finite, and pixels 0 to 1")
        at = np.asarray(thresholds, float)
        if at.ndim != 1 or not at.size or at[0] != 0 or (np.diff(at) <= 0).any():
            raise ValueError(f"thresholds rise from 0, got {thresholds}")
        if not runs:
            raise ValueError("a run or more is shown, got none")
        self._sizes = (list(layers), len(names), len(at))
        sent = [_run(run, *self._sizes) for run in runs]  # checks them
        self.runs = list(runs)
        frame = max(int(np.searchsorted(at, 0.01, side="right")) - 1, len(at) > 1)
        best = max(range(len(runs)), key=lambda i: _out(runs[i], frame))
        first = np.abs(np.asarray(runs[best]["gamma"])[: layers[0]])
        top = float(np.abs(rows).max()) or 1.0
        state: dict[str, Any] = {
            "title": title,
            "note": note,
            "layers": [int(width) for width in layers],
            "names": [str(name) for name in names],
            "side": side,
            "weights": pack(np.round((rows + top) / (2 * top) * 255)),
            "top": top,
            "images": pack(np.round(255 * seen)),
            "thresholds": at.tolist(),
            "starts": list(STARTS),
            "bend": BEND,
            "runs": sent,
            "run": best,
            "frame": int(frame),
            "axis": "stretched",
            "image": min(3, len(names) - 1),
            "feature": int(first.argmax()),
        }
        super().__init__("gamma_bars", state, self._still(state))
        if compute is not None:
            self.answer = lambda message: self._train(message, compute)

    def _train(self, message: Any, compute: Compute) -> dict[str, Any]:
        """Train with the decay and the start that the reader asks for."""
        decay, start = float(message["decay"]), str(message["start"])
        if not 0 <= decay < 1 or start not in STARTS:
            raise ValueError(
                f"a decay is 0 or more and below 1, and a start one of "
                f"{', '.join(STARTS)}; got {decay:g}, {start}"
            )
        done = compute(decay, start)
        sent = _run(done, *self._sizes) | {"mine": True}
        self.runs.append(done)
        runs = [*self.state["runs"], sent]
        changes = {"runs": runs, "run": len(runs) - 1}
        self.state.update(changes)
        return changes

    def _still(self, state: dict[str, Any]) -> str:
        """Draw one run's gammas and accuracies, for readers without scripts."""
        run, frame = state["runs"][state["run"]], state["frame"]
        threshold = state["thresholds"][frame]
        said = _said(run, frame, threshold)
        every = " ".join(
            f"Decay {each['decay']:g}: {_said(each, frame, threshold)}"
            for each in state["runs"]
        )
        return (
            '<figure style="margin:0;padding:12px;background:#fff;color:#1f2328;'
            'max-width:640px;font:14px system-ui,sans-serif">'
            f"<figcaption><strong>{escape(state['title'])}</strong><br>"
            f"{escape(state['note'])} (Switch scripts on to move the threshold.)<br>"
            f"Decay {run['decay']:g}, gammas from {escape(run['start'])}. Above, their "
            "histogram, grey for features that are never above 0; below, accuracy "
            "without the features whose |gamma| is below a threshold, and dashed "
            "without as many random ones.</figcaption>"
            f'<svg role="img" viewBox="0 0 480 360" aria-label="{escape(said)}" '
            f'style="width:100%">{_histogram(run)}{_curves(run, state)}</svg>'
            f"<p>{escape(every)}</p></figure>"
        )


def _out(run: Run, frame: int) -> int:
    """Count the features that are out at a threshold."""
    return int((np.asarray(run["gone"]) <= frame).sum())


def _said(run: Run, frame: int, threshold: float) -> str:
    """Say what taking out the small features does."""
    return (
        f"{_out(run, frame)} of {len(run['gone'])} features have |gamma| below "
        f"{threshold:g}; {run['removed'][0]:.1%} right with all, "
        f"{run['removed'][frame]:.1%} without them, {run['random'][frame][0]:.1%} "
        "without as many random ones."
    )


def _histogram(run: Run) -> str:
    """Draw the gammas in the upper part of the still, on an axis stretched around 0."""
    gamma, on = np.array(run["gamma"]), np.array(run["on"])
    reach = math.asinh(max(np.abs(gamma).max(), 1.0) * 1.05 / BEND)
    edges = np.linspace(-reach, reach, 42)
    every, open_ = (
        np.histogram(np.arcsinh(part / BEND), edges)[0]
        for part in (gamma, gamma[on > 0])
    )
    parts, most = [], max(every.max(), 1)
    for i, (whole, upper) in enumerate(zip(every, open_, strict=True)):
        for count, base, fill in ((upper, 0, BLUE), (whole - upper, upper, SHUT)):
            if count:
                y, height = 140 - 124 * (base + count) / most, 124 * count / most
                parts.append(
                    f'<rect x="{30 + 10.5 * i:.1f}" y="{y:.1f}" width="9.5" '
                    f'height="{height:.1f}" fill="{fill}"/>'
                )
    parts.append(svg_line([(30, 140), (460, 140)], 'stroke="#1f2328"'))
    for tick in (-1, -0.1, -0.01, 0, 0.01, 0.1, 1):
        x = 30 + 430 * (math.asinh(tick / BEND) / reach + 1) / 2
        parts.append(svg_text(x, 156, f"{tick:g}", SMALL + ' text-anchor="middle"'))
    parts.append(svg_text(0, 12, f"features, up to {most} in a bar", SMALL))
    return "".join(parts)


def _curves(run: Run, state: Mapping[str, Any]) -> str:
    """Draw both accuracies in the lower part of the still."""
    at = state["thresholds"]

    def x(frame: int) -> float:
        return 30 + 430 * frame / max(len(at) - 1, 1)

    def line(values: Sequence[float], style: str) -> str:
        points = [(x(f), 330 - 140 * right) for f, right in enumerate(values)]
        return svg_line(points, style)

    means = [mean for mean, _, _ in run["random"]]
    shown = sorted({0, len(at) - 1, state["frame"]})
    return "".join(
        [
            svg_text(0, 184, "accuracy, 0 to 100 %", SMALL),
            svg_line([(30, 190), (30, 330), (460, 330)], 'stroke="#1f2328"'),
            line(run["removed"], f'stroke="{BLUE}" stroke-width="3"'),
            line(means, f'stroke="{RED}" stroke-width="2" stroke-dasharray="6 4"'),
            *[
                svg_text(x(f), 346, f"{at[f]:g}", SMALL + ' text-anchor="middle"')
                for f in shown
            ],
        ]
    )


def _run(run: Run, layers: list[int], images: int, frames: int) -> dict[str, Any]:
    """Turn one run into plain JSON."""
    F, H = sum(layers), layers[0]
    wanted = {
        "drawn": (F,),
        "gamma": (F,),
        "beta": (F,),
        "on": (F,),
        "z": (images, H),
        "spread": (H,),
        "gone": (F,),
        "removed": (frames,),
        "size": (frames,),
    }
    who = f"run decay {run['decay']:g}, start {run['start']}"
    arrays = {name: np.asarray(run[name], float) for name in [*wanted, "random"]}
    wanted["random"] = (frames, max(arrays["random"].shape[-1:], default=0))
    for name, shape in wanted.items():
        if arrays[name].shape != shape or not arrays[name].size:
            raise ValueError(f"{who}: {name} is {shape}, got {arrays[name].shape}")
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{who}: {name} holds a number that is not finite")
    if (arrays["spread"] <= 0).any():
        raise ValueError(f"{who}: spread is above 0")
    sent: dict[str, Any] = {
        name: _short(arrays[name])
        for name in ("drawn", "gamma", "beta", "on", "z", "spread")
    }
    random = arrays["random"]
    return sent | {
        "decay": float(run["decay"]),
        "start": str(run["start"]),
        "gone": [int(frame) for frame in run["gone"]],
        "removed": [round(float(right), 4) for right in run["removed"]],
        "random": np.stack([random.mean(1), random.min(1), random.max(1)], 1)
        .round(4)
        .tolist(),
        "draws": random.shape[1],
        "size": [int(size) for size in run["size"]],
        "mine": False,
    }


def _short(values: Array) -> Any:
    """Round to four digits, as nested lists."""
    if values.ndim:
        return [_short(each) for each in values]
    return float(f"{float(values):.4g}")
