"""What the widget of the chapter "Train by reconnecting" shows.

The tiles are of networks small enough to show whole. They are trained here, each in a
fraction of a second, at several k and learning rates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from minitorch.data import Dataset
from minitorch.nn import Network
from minitorch.optim import Optimiser
from minitorch.tensor import Tensor
from minitorch.train import Examples, accuracy, fit
from minitorch.weird.laperm import LaPerm, pinned, traded
from minitorch.weird.parametrization import Rng
from minitorch.weird.pruning import prunable

KS = (5, 20, 80)
LRS = (1e-3, 3e-3, 1e-2)
FRAMES = 14  # synchronisations of a run that are shown, at most


def pooled(data: Dataset, side: int = 7) -> Dataset:
    """Shrink square images to side x side means, as rows.

    Args:
        data: images of one channel, (N, 1, H, W) or (N, H W).
        side: of the small images; a divisor of H.

    Returns:
        The same data set with images (N, side^2).

    Raises:
        ValueError: when images are not square, or side does not divide theirs.

    >>> from minitorch.data import load
    >>> data = pooled(load("mnist").take(100, 50))
    >>> data, data.train_x.shape
    (<MNIST, embedded 100/50, means of 4 x 4 pixels>, (100, 49))
    """
    pixels = data.train_x[0].size
    whole = math.isqrt(pixels)
    if whole * whole != pixels or side < 1 or whole % side:
        raise ValueError(
            f"square images whose side is a multiple of {side} are shrunk, got "
            f"{data.train_x.shape[1:]}"
        )
    each = whole // side

    def shrink(x: np.ndarray) -> np.ndarray:
        tiles = x.reshape(len(x), side, each, side, each)
        return tiles.mean((2, 4)).reshape(len(x), side * side)

    return replace(
        data,
        train_x=shrink(data.train_x),
        test_x=shrink(data.test_x),
        changes=(*data.changes, f"means of {each} x {each} pixels"),
    )


def rows(
    net: Network,
    data: Examples,
    *,
    ks: Sequence[int] = KS,
    lrs: Sequence[float] = LRS,
    epochs: int = 4,
    batch: int = 50,
    layer: str | None = None,
    neurons: int = 10,
    frames: int = FRAMES,
    seed: int = 0,
    **values: Any,
) -> dict[str, Any]:
    """Train by rearranging at several k and rates, as `widgets.TileRows` takes it.

    Every run starts from the same values in the same places and sees the same batches.
    Each learning rate is also run without a synchronisation but one, after the last
    step: ordinary training, and what arranging once is worth.

    Args:
        net: a small network, without running statistics.
        data: what it learns from, and is tested on.
        ks: steps from one synchronisation to the next.
        lrs: first learning rates of Adam; each falls along half a cosine.
        epochs: of each run.
        batch: images in a step.
        layer: whose weights are shown; None for the first matrix or kernel.
        neurons: how many of its neurons are shown, at most, from the first on.
        frames: how many synchronisations of each run are shown, at most: more of the
            first ones than of the last.
        seed: of the values and of the batches.
        values: how values are drawn, as `LaPerm` takes it: values, keep, v, levels.

    Returns:
        values, runs, names, wide, weights, steps, compute and a title: all that
        `widgets.TileRows` takes but for the note. compute trains with another k and
        learning rate.

    Raises:
        ValueError: when a k or a learning rate makes no sense, there is no such layer,
            or as `LaPerm` and `fit` do.

    Source: Qiu and Suda (2020), algorithm 1.

    >>> from minitorch.data import load
    >>> from minitorch.models import mlp
    >>> data, net = pooled(load("mnist").take(500, 100)), mlp(49, 10, bias=False)
    >>> made = rows(net, data, ks=[10], lrs=[0.02], epochs=2)
    >>> [(run["k"], run["lr"], len(run["tiles"])) for run in made["runs"]]
    [(10, 0.02, 3), (20, 0.02, 2)]
    >>> made["runs"][0]["tiles"].shape, made["values"].shape  # start, and 2 more
    ((3, 10, 49), (10, 49))
    """
    name = prunable(net)[0] if layer is None else layer
    if name not in prunable(net):
        raise ValueError(f"no layer {name!r}; there are {', '.join(prunable(net))}")
    if neurons < 1 or frames < 1:
        raise ValueError(f"1 neuron and 1 frame or more, got {neurons} and {frames}")
    shape, piece = net.layout.shapes[name], net.layout.slices[name]
    count, n = min(neurons, shape[0]), math.prod(shape[1:])
    steps = epochs * (len(data.train_x) // batch)

    def drawn(theta: np.ndarray) -> np.ndarray:
        return theta[piece].reshape(shape[0], n)[:count]

    def compute(k: int, lr: float) -> dict[str, Any]:
        if not 0 < lr < math.inf:
            raise ValueError(f"a learning rate is above 0, got {lr}")
        noted = Noted(LaPerm(net, k=k, seed=seed, **values), net, data)
        done = fit(net, noted, data, lr=lr, epochs=epochs, batch=batch, seed=seed)
        if not noted.notes or noted.notes[-1].step < steps:  # a last, short period
            noted.note(done.phi, done.theta)
        return {"k": k, "lr": lr} | _run(noted, drawn, frames)

    runs = [compute(k, lr) for lr in lrs for k in [*ks, steps]]
    before = [run["before"][-1] for run in runs if run["k"] == steps]
    ends = [run["after"][-1] for run in runs if run["k"] == steps]
    after = [run["after"][-1] for run in runs if run["k"] != steps]
    start = LaPerm(net, seed=seed, **values).theta0
    wide = math.isqrt(n)
    first = name == prunable(net)[0] and wide * wide == n
    last = name == prunable(net)[-1]
    return {
        "values": np.sort(drawn(start), axis=1),
        "runs": runs,
        "names": [str(i) if last else f"unit {i}" for i in range(count)],
        "wide": wide if first else n,
        "weights": sum(math.prod(net.layout.shapes[each]) for each in prunable(net)),
        "steps": steps,
        "compute": compute,
        "title": f"Weights that only change places read {max(after or ends):.1%} of "
        f"digits, weights trained freely {max(before):.1%}: both the best of their "
        "runs",
    }


class Note(NamedTuple):
    """One synchronisation.

    step: after which it was.
    reach: the sum of the learning rates since the one before, about how far Adam can
        have taken a weight.
    copy, theta: the weights before it and after it, (D,).
    accuracies: of these two.
    """

    step: int
    reach: float
    copy: np.ndarray
    theta: np.ndarray
    accuracies: tuple[float, float]


class Noted:
    """A LaPerm for `fit` that notes each synchronisation.

    Args:
        g: the map.
        net: the network its weights are for.
        data: whose held-out images are classified.

    >>> from minitorch.data import load
    >>> from minitorch.models import mlp
    >>> data, net = pooled(load("mnist").take(100, 50)), mlp(49, 10, bias=False)
    >>> noted = Noted(LaPerm(net, k=2), net, data)
    >>> run = fit(net, noted, data, lr=0.01, epochs=1, batch=20)
    >>> [note.step for note in noted.notes]
    [2, 4]
    >>> noted.notes[0].reach < 0.02  # two steps, the second at a smaller rate
    True
    """

    def __init__(self, g: LaPerm, net: Network, data: Examples):
        self.g, self.net, self.data = g, net, data
        self.notes: list[Note] = []
        self._step, self._reach = 0, 0.0

    def init(self, seed: int) -> np.ndarray:
        """Start at theta0, with nothing noted."""
        self.notes, self._step, self._reach = [], 0, 0.0
        return self.g.init(seed)

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        return self.g(phi, train=train, rng=rng)

    def after_step(self, phi: Tensor, optimiser: Optimiser) -> None:
        """Do what g does after a step, and note it where it was a synchronisation."""
        self._step, self._reach = self._step + 1, self._reach + optimiser.lr
        copy, count = np.array(phi.numpy()), self.g.count
        self.g.after_step(phi, optimiser)
        if self.g.count > count:
            self.note(copy, np.array(phi.numpy()))

    def note(self, copy: np.ndarray, theta: np.ndarray) -> None:
        """Note one synchronisation: the weights before it and after it."""
        both = (self.read(copy), self.read(theta))
        self.notes.append(Note(self._step, self._reach, copy, theta, both))
        self._reach = 0.0

    def read(self, theta: np.ndarray) -> float:
        """Give the accuracy on held-out images."""
        return accuracy(self.net, theta, self.data.test_x, self.data.test_y)


def _run(
    noted: Noted, drawn: Callable[[np.ndarray], np.ndarray], frames: int
) -> dict[str, Any]:
    """Arrange one run as the widget takes it."""
    notes, start = noted.notes, noted.g.theta0
    values = np.sort(drawn(start), axis=1)
    tiles = [places(values, drawn(start))]
    pairs = []
    shown = spread(len(notes), frames)
    for at in shown:
        old, new = (drawn(notes[i].theta if i >= 0 else start) for i in (at - 1, at))
        tiles.append(places(values, new, tiles[-1]))
        pairs.append(_pairs(old, new, notes[at].reach))
    return {
        "at": [notes[i].step for i in shown],
        "reach": [notes[i].reach for i in shown],
        "tiles": np.array(tiles),
        "copy": np.array([drawn(notes[i].copy) for i in shown]),
        "pairs": pairs,
        "steps": [note.step for note in notes],
        "before": [note.accuracies[0] for note in notes],
        "after": [note.accuracies[1] for note in notes],
        "start": noted.read(start),
    }


def spread(total: int, most: int) -> list[int]:
    """Choose some of `total` in a row, the first and the last among them.

    They lie closer at first, where more happens.

    >>> spread(3, 10), spread(100, 6)
    ([0, 1, 2], [0, 2, 5, 15, 39, 99])
    """
    if total <= most:
        return list(range(total))
    chosen = np.geomspace(1, total, most).round() - 1
    return sorted({int(i) for i in chosen})


def places(
    values: np.ndarray, rows: np.ndarray, before: np.ndarray | None = None
) -> np.ndarray:
    """Say which tile stands at each place, where as few as possible have moved.

    Args:
        values: (O, n) each row from small to large; tile t of a row is its t-th.
        rows: (O, n) the same values, arranged.
        before: (O, n) which tile stood at each place before. Of equal values those
            that can stay, stay.

    Returns:
        (O, n) whole numbers, each row from 0 to n - 1 once.

    Raises:
        ValueError: when the rows hold other values.

    >>> places(np.array([[0, 0, 1]]), np.array([[1, 0, 0]]), np.array([[0, 1, 2]]))
    array([[2, 1, 0]])
    """
    values, rows = np.asarray(values), np.asarray(rows)
    if values.shape != rows.shape or (np.sort(rows, axis=1) != values).any():
        raise ValueError("the rows hold other values than they started with")
    found = np.empty(rows.shape, int)
    np.put_along_axis(
        found,
        np.argsort(rows, axis=1, kind="stable"),
        np.broadcast_to(np.arange(rows.shape[1]), rows.shape),
        1,
    )
    if before is None:
        return found
    for o, (have, old) in enumerate(zip(rows, before, strict=True)):
        stays = values[o][old] == have
        for value in np.unique(have[~stays]):
            here = np.flatnonzero((have == value) & ~stays)
            kept = old[stays & (have == value)]
            found[o, here] = np.setdiff1d(np.flatnonzero(values[o] == value), kept)
        found[o, stays] = old[stays]
    return found


def _pairs(before: np.ndarray, after: np.ndarray, reach: float) -> list[int]:
    """Count a period's pairs of places: pinned, traded, and both; over all rows."""
    counts = np.zeros(3, int)
    for old, new in zip(before, after, strict=True):
        fast, moved = pinned(old, reach), traded(old, new)
        counts += [fast.sum(), moved.sum(), (fast & moved).sum()]
    return (counts // 2).tolist()
