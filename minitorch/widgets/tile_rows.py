"""Weights as tiles that only change places, and which of them are pinned."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minitorch.widgets.view import Widget, pack, png_uri, svg_text

MOST = 256  # weights of a neuron: a tile's number takes one byte
Array = np.ndarray
Run = Mapping[str, Any]
Compute = Callable[[int, float], Run]


class TileRows(Widget):
    """Neurons whose weights change places as training goes on, each weight a tile.

    A slider goes over the synchronisations of a run. After each one a neuron's own
    values stand in another order; before it, the copy's numbers stand there. k and the
    learning rate choose the run. A click on a tile shows which other values of its
    neuron it could trade places with, and in red those it could not: two values
    further apart than twice the reach are pinned.

    Args:
        values: (O, n), each neuron's values from small to large; n up to 256.
        runs: each a dictionary:
            k, lr   steps from one synchronisation to the next, and learning rate
            tiles   (F + 1, O, n) which tile stands at each place, at the start and
                    after each of F synchronisations; tile t of a neuron is its t-th
                    value
            copy    (F, O, n) the copy just before each
            at      (F,) after which step each was
            reach   (F,) how far a weight could move since the one before
            pairs   (F, 3) how many pairs of places were pinned since then, how many
                    changed their order, and how many of the pinned ones did
            steps, before, after   (S,) all synchronisations, those that are not shown
                    as well: the step, and the accuracy just before and just after
            start   the accuracy before training
        names: of the neurons.
        wide: how many tiles stand in a line, such as the side of an image.
        weights: how many the whole network has.
        steps: of a run; a run whose k is that was synchronised once, at the end.
        title, note: the finding, and scale, data and seeds.
        compute: with a kernel, a function from a k and a learning rate to a run.

    Raises:
        ValueError: when shapes do not fit, tiles do not hold each value once, or
            numbers are no numbers.

    >>> run = dict(k=5, lr=0.1, tiles=[[[0, 1]], [[1, 0]]], copy=[[[0.3, 0.1]]], at=[5],
    ...     reach=[0.5], pairs=[[0, 1, 0]], steps=[5], before=[0.9], after=[0.8],
    ...     start=0.1)
    >>> rows = TileRows([[0.0, 0.2]], [run], ["only"], wide=2, weights=2, steps=5,
    ...     title="Two tiles", note="an example")
    >>> rows.state["frame"], rows.state["n"]
    (1, 2)
    """

    def __init__(
        self,
        values: ArrayLike,
        runs: Sequence[Run],
        names: Sequence[str],
        *,
        wide: int,
        weights: int,
        steps: int,
        title: str,
        note: str,
        compute: Compute | None = None,
    ) -> None:
        own = np.asarray(values, dtype=float)
        if own.ndim != 2 or not own.size or not np.isfinite(own).all():
            raise ValueError(f"values are (O, n) finite numbers, got {own.shape}")
        if own.shape[1] > MOST or (np.diff(own, axis=1) < 0).any():
            raise ValueError(
                f"values of a neuron are up to {MOST}, from small to large; got "
                f"{own.shape[1]} of them"
            )
        if len(names) != len(own) or not runs or not 1 <= wide <= own.shape[1]:
            raise ValueError(
                f"a name for each of {len(own)} neurons, a run or more, and 1 to "
                f"{own.shape[1]} tiles in a line; got {len(names)}, {len(runs)}, {wide}"
            )
        sent = [_run(run, own.shape) for run in runs]  # checks them
        self.runs = list(runs)
        arranged = [run for run in runs if run["k"] != steps] or list(runs)
        best = max(arranged, key=lambda run: run["after"][-1])
        at = next(i for i, run in enumerate(runs) if run is best)
        state: dict[str, Any] = {
            "title": title,
            "note": note,
            "names": [str(name) for name in names],
            "n": own.shape[1],
            "wide": int(wide),
            "weights": int(weights),
            "steps": int(steps),
            "values": [[float(f"{value:.6g}") for value in row] for row in own],
            "runs": sent,
            "run": at,
            "frame": _steepest(best),
            "view": "after",
            "chosen": [min(3, len(own) - 1), own.shape[1] - 1],
        }
        super().__init__("tile_rows", state, self._still(state, own, best))
        if compute is not None:
            self.answer = lambda message: self._train(message, compute, own.shape)

    def _train(
        self, message: Any, compute: Compute, shape: tuple[int, ...]
    ) -> dict[str, Any]:
        """Train with the k and the rate that the reader asks for."""
        k, lr = int(message["k"]), float(message["lr"])
        if not 1 <= k <= self.state["steps"] or not 0 < lr < math.inf:
            raise ValueError(
                f"k is 1 to {self.state['steps']} and a learning rate above 0"
            )
        done = compute(k, lr)
        self.runs.append(done)
        runs = [*self.state["runs"], _run(done, shape) | {"mine": True}]
        changes = {"runs": runs, "run": len(runs) - 1, "frame": len(done["at"])}
        self.state.update(changes)
        return changes

    def _still(self, state: dict[str, Any], own: Array, best: Run) -> str:
        """Draw all neurons before and after the best run, for readers without scripts.

        Tiles are grey: the larger, the darker.
        """
        wide, count = state["wide"], len(own)
        lines = -(-own.shape[1] // wide)
        side_by_side = lines > 1  # pictures, or rows one below another
        top = np.abs(own).max() or 1.0

        def picture(tiles: Array) -> str:
            shade = np.round(255 * (0.5 - np.take_along_axis(own, tiles, 1) / top / 2))
            room = np.full((count, lines * wide), 255.0)
            room[:, : own.shape[1]] = shade
            each = room.reshape(count, lines, wide)
            blank = [(0, 0), (0, 0), (0, 1)] if side_by_side else [(0, 0), (0, 0)]
            if side_by_side:
                padded = np.pad(each, blank, constant_values=255)
                return png_uri(np.hstack(list(padded)).astype(np.uint8))
            return png_uri(room.astype(np.uint8))

        height = 480 * lines / (count * (wide + 1)) if side_by_side else 12.0 * count
        said = (
            f"k {best['k']}, learning rate {best['lr']:g}: as drawn they read "
            f"{best['start']:.1%}, after {len(best['steps'])} synchronisations "
            f"{best['after'][-1]:.1%}."
        )
        parts, y = [], 16.0
        tiles = np.asarray(best["tiles"])
        for text, which in (("as drawn", tiles[0]), ("after training", tiles[-1])):
            parts.append(svg_text(0, y, text))
            parts.append(
                f'<image x="0" y="{y + 6:.0f}" width="480" height="{height:.0f}" '
                f'preserveAspectRatio="none" style="image-rendering:pixelated" '
                f'href="{picture(which)}"/>'
            )
            y += height + 30
        every = "; ".join(
            f"k {run['k']}, rate {run['lr']:g}: {run['after'][-1]:.1%}"
            for run in self.runs
        )
        return (
            '<figure style="margin:0;padding:12px;background:#fff;color:#1f2328;'
            'max-width:640px;font:14px system-ui,sans-serif">'
            f"<figcaption><strong>{escape(state['title'])}</strong><br>"
            f"{escape(state['note'])} (Switch scripts on to move the tiles.)<br>"
            f"{escape(said)} The same values at both times, darker where larger; "
            f"neurons {escape(', '.join(state['names']))}.</figcaption>"
            f'<svg role="img" viewBox="0 0 480 {y:.0f}" aria-label="{escape(said)}" '
            f'style="width:100%">{"".join(parts)}</svg>'
            f"<p>Digits read after the last synchronisation: {escape(every)}.</p>"
            "</figure>"
        )


def _steepest(run: Run) -> int:
    """Find the frame whose synchronisation costs most accuracy."""
    where = [list(run["steps"]).index(step) for step in run["at"]]
    falls = np.asarray(run["before"])[where] - np.asarray(run["after"])[where]
    return int(falls.argmax()) + 1


def _run(run: Run, shape: tuple[int, ...]) -> dict[str, Any]:
    """Turn one run into plain JSON: a byte for each tile, and for each number."""
    O, n = shape
    tiles, copy = np.asarray(run["tiles"]), np.asarray(run["copy"], dtype=float)
    k, lr, count = int(run["k"]), float(run["lr"]), len(run["at"])
    who = f"run k {k}, lr {lr:g}"
    if not count or tiles.shape != (count + 1, O, n) or copy.shape != (count, O, n):
        raise ValueError(
            f"{who}: wanted tiles {(count + 1, O, n)} and a copy {(count, O, n)}, got "
            f"{tiles.shape} and {copy.shape}"
        )
    if (np.sort(tiles, axis=-1) != np.arange(n)).any():
        raise ValueError(f"{who}: each tile stands at one place of its neuron")
    for name, length in (
        ("reach", count),
        ("pairs", count),
        ("before", len(run["steps"])),
        ("after", len(run["steps"])),
    ):
        if len(run[name]) != length or not np.isfinite(run[name]).all():
            raise ValueError(f"{who}: {name} is {length} numbers, got {run[name]}")
    if not np.isfinite(copy).all() or not set(run["at"]) <= set(run["steps"]):
        raise ValueError(f"{who}: the copy is finite, and each of at is a step")
    top = float(f"{max(np.abs(copy).max(), 1e-9):.3g}") * 1.01
    return {
        "k": k,
        "lr": lr,
        "tiles": pack(tiles),
        "top": top,
        "copy": pack(np.round((copy + top) / (2 * top) * 255)),
        "at": [int(step) for step in run["at"]],
        "reach": [float(f"{reach:.4g}") for reach in run["reach"]],
        "pairs": [[int(each) for each in row] for row in run["pairs"]],
        "steps": [int(step) for step in run["steps"]],
        "before": [round(float(right), 4) for right in run["before"]],
        "after": [round(float(right), 4) for right in run["after"]],
        "start": round(float(run["start"]), 4),
        "mine": False,
    }
