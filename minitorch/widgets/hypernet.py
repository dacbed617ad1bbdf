"""Drag two numbers of an embedding: the kernels, the feature maps, the accuracy."""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minitorch.data import Dataset
from minitorch.functional import conv2d, max_pool2d
from minitorch.nn import Layout
from minitorch.tensor import Tensor, no_grad
from minitorch.train import predict
from minitorch.weird.hypernet import Hypernetwork
from minitorch.weird.parametrization import apply
from minitorch.widgets.view import Widget, pack, png_uri

Array = np.ndarray
Judge = Callable[[Array], tuple[float, ArrayLike]]


class HypernetExplorer(Widget):
    """What a generator writes from an embedding, of which a reader moves two numbers.

    A generator of linear layers is affine in the embedding z, and so are the feature
    maps before ReLU: K(z + a e1 + b e2) = K(z) + a K1 + b K2. So three sets of numbers
    give every kernel and map exactly. Accuracy is no such thing: it is measured at
    every point of a grid beforehand.

    Args:
        z: (n,) the trained embedding.
        generate: from an embedding to kernels (O, C, k, k).
        features: from kernels to the feature maps of one picture, (M, H, W), before
            ReLU.
        judge: from kernels to test accuracy and the classes given to the digits (P,).
        digits: images (P, H, W), (P, 1, H, W) or (P, F), 0 to 1.
        labels: their classes (P,).
        axes: which two numbers of z move.
        reach: how far each way, in units of z.
        steps: points of the grid along each, odd.
        title, note: the finding, and scale, data and seeds.

    Raises:
        ValueError: when z has no such two numbers, steps is not odd, or the generator
            is not affine.

    >>> ones = np.ones((2, 1, 3, 3))
    >>> explorer = HypernetExplorer(
    ...     np.zeros(2), lambda z: (1 + z[0] - z[1]) * ones,
    ...     lambda kernels: kernels[:, 0], lambda kernels: (0.5, [7]),
    ...     np.zeros((1, 28, 28)), [7], reach=1, steps=3, title="Drag z", note="")
    >>> explorer.state["accuracy"], explorer.state["at"]
    ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], [1, 1])
    """

    def __init__(
        self,
        z: ArrayLike,
        generate: Callable[[Array], Array],
        features: Callable[[Array], Array],
        judge: Judge,
        digits: ArrayLike,
        labels: ArrayLike,
        *,
        axes: tuple[int, int] = (0, 1),
        reach: float = 2.0,
        steps: int = 9,
        title: str,
        note: str,
    ) -> None:
        self.z = np.asarray(z, dtype=float)
        if self.z.ndim != 1 or len(self.z) < 2:
            raise ValueError(f"z is (n,) with n of 2 or more, got {self.z.shape}")
        if steps < 3 or steps % 2 == 0:
            raise ValueError(f"steps is an odd number, 3 or more, got {steps}")
        self.generate, self.features, self.judge = generate, features, judge
        self.reach, self.steps = float(reach), steps
        classes = [int(label) for label in np.asarray(labels).ravel()]
        images = np.asarray(digits, dtype=float)
        images = images.reshape(len(images), -1)
        side = int(np.sqrt(images.shape[-1]))
        if not classes or images.shape != (len(classes), side * side):
            raise ValueError(
                f"got digits {np.shape(digits)} and {len(classes)} labels, wanted one "
                "label for each square image"
            )
        grey = np.round(255 * images.clip(0, 1)).astype(np.uint8)
        state: dict[str, Any] = {
            "title": title,
            "note": note,
            "z": [round(float(v), 4) for v in self.z],
            "reach": self.reach,
            "steps": steps,
            "at": [steps // 2, steps // 2],
            "digits": {"images": pack(grey), "side": side, "labels": classes},
        } | self._look(*axes)
        super().__init__("hypernet", state, _still(state, 255 - grey, side))
        self.answer = lambda message: self._look(*map(int, message["axes"]))

    @classmethod
    def of(
        cls,
        g: Hypernetwork,
        phi: Array,
        data: Dataset,
        *,
        images: int = 200,
        **how: Any,
    ) -> HypernetExplorer:
        """Look at a trained hypernetwork of `conv7` that writes its second layer.

        Args:
            g: the map; one tile.
            phi: its trained numbers.
            data: whose test images are read.
            images: how many of them the accuracy is taken of.
            how: as for the class: axes, reach, steps, title, note.
        """
        phi = np.array(phi)
        views = g.layout.views(phi)
        net, x = g.net, data.test_x[:images]
        theta = apply(g, phi)
        pieces = net.layout.views(theta)
        with no_grad():
            first = max_pool2d(
                conv2d(
                    Tensor(x[:1]),
                    pieces["conv1.weight"],
                    pieces["conv1.bias"],
                    padding=3,
                    relu=True,
                )
            )

        def generate(z: Array) -> Array:
            moved = phi.copy()
            g.layout.views(moved)["z"][0] = z
            written: Array = net.layout.views(apply(g, moved))["conv2.weight"]
            return written

        def features(kernels: Array) -> Array:
            kernels = np.asarray(kernels, np.float32)
            with no_grad():
                maps = conv2d(first, kernels, pieces["conv2.bias"], padding=3)
            return maps.numpy()[0]

        def judge(kernels: Array) -> tuple[float, ArrayLike]:
            changed = _with(net.layout, theta, "conv2.weight", kernels)
            said = predict(net, changed, x)
            return float((said == data.test_y[:images]).mean()), said[:8]

        return cls(
            views["z"][0], generate, features, judge, x[:8], data.test_y[:8], **how
        )

    def _look(self, first: int, second: int) -> dict[str, Any]:
        """All that changes with the choice of the two numbers."""
        n = len(self.z)
        if first == second or not (0 <= first < n and 0 <= second < n):
            raise ValueError(
                f"two different numbers of 0 to {n - 1}, got {first} and {second}"
            )
        ways = np.eye(n)[[first, second]] * self.reach
        middle = np.asarray(self.generate(self.z), dtype=float)
        slopes = [np.asarray(self.generate(self.z + w)) - middle for w in ways]
        far = np.asarray(self.generate(self.z - ways[0] - ways[1]))
        if not np.allclose(far, middle - slopes[0] - slopes[1], atol=1e-3):
            raise ValueError(
                "the generator is not affine in z, as two linear layers are"
            )
        maps = np.asarray(self.features(middle), dtype=float)
        rises = [np.asarray(self.features(middle + s)) - maps for s in slopes]
        ticks = np.linspace(-1, 1, self.steps)
        accuracy, said = [], []
        for b in ticks[::-1]:  # from the top
            for a in ticks:
                right, classes = self.judge(middle + a * slopes[0] + b * slopes[1])
                accuracy.append(round(float(right), 4))
                said.append([int(c) for c in np.asarray(classes).ravel()])
        return {
            "axes": [first, second],
            "kernels": _packed(middle, slopes),
            "maps": _packed(maps, rises),
            "accuracy": accuracy,
            "said": said,
        }


def _with(layout: Layout, theta: Array, name: str, piece: Array) -> Array:
    """Theta with one piece changed."""
    changed = theta.copy()
    layout.views(changed)[name][...] = piece
    return changed


def _packed(middle: Array, slopes: list[Array]) -> dict[str, Any]:
    """Three arrays of one shape as bytes, 128 for zero, each with its own step."""
    steps = [float(np.abs(part).max()) / 127 or 1.0 for part in (middle, *slopes)]
    parts = zip((middle, *slopes), steps, strict=True)
    return {
        "shape": list(middle.shape),
        "steps": steps,
        "bytes": [pack(np.round(part / step) + 128) for part, step in parts],
    }


def _unpacked(packed: dict[str, Any]) -> Array:
    """The first of the three arrays that `_packed` wrote."""
    raw = np.frombuffer(base64.b64decode(packed["bytes"][0]), np.uint8)
    return (raw.astype(float) - 128).reshape(packed["shape"]) * packed["steps"][0]


def _still(state: dict[str, Any], digits: Array, side: int) -> str:
    """Show the kernels of the trained embedding, for readers without scripts."""
    kernels = _unpacked(state["kernels"])
    O, C, k, _ = kernels.shape
    top = np.abs(kernels).max() or 1.0
    tiles = np.pad(kernels / top, [(0, 0), (0, 0), (0, 1), (0, 1)], constant_values=1)
    mosaic = tiles.transpose(0, 2, 1, 3).reshape(O * (k + 1), C * (k + 1))
    grey = np.round(127.5 * (1 + mosaic)).astype(np.uint8)
    n = state["steps"]
    now, best = state["accuracy"][n * n // 2], max(state["accuracy"])
    said = (
        f"{now:.1%} of the digits are read correctly with the trained embedding; "
        f"{min(state['accuracy']):.1%} to {best:.1%} around it"
    )
    return (
        '<figure style="margin:0;padding:12px;background:#fff;color:#1f2328;'
        'max-width:640px;font:14px system-ui,sans-serif">'
        f"<figcaption><strong>{escape(state['title'])}</strong><br>"
        f"{escape(state['note'])}. {said}. (Switch scripts on to move it.)</figcaption>"
        f'<img src="{png_uri(grey)}" alt="{O * C} generated kernels of {k} by {k}" '
        'style="width:100%;max-width:420px;image-rendering:pixelated"></figure>'
    )
