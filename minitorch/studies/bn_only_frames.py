"""What the widget of the chapter "Only BatchNorm" shows.

Of small networks the norms are trained with several decays. Then, for one threshold
after another, the features of small gamma are taken out, and as many random ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backends import backend
from minitorch.data import Dataset
from minitorch.models import bn_mlp
from minitorch.nn import Network
from minitorch.train import accuracy, fit
from minitorch.weird.bn_only import (
    EPS,
    Off,
    Only,
    State,
    as_many,
    norm_names,
    remove,
)

DECAYS = (0.0, 3e-4, 1e-3, 3e-3)
THRESHOLDS = (0.0, *(float(f"{t:.3g}") for t in np.geomspace(1e-3, 1, 19)))
SMALL = 0.01  # the paper's threshold


def bars(
    data: Dataset,
    *,
    hidden: Sequence[int] = (100, 100),
    decays: Sequence[float] = DECAYS,
    start: str = "uniform",
    thresholds: Sequence[float] = THRESHOLDS,
    lr: float = 0.3,
    epochs: int = 6,
    batch: int = 64,
    draws: int = 3,
    seed: int = 0,
) -> dict[str, Any]:
    """Train the norms with several decays and take features out, for `GammaBars`.

    Every run starts from the same frozen network and sees the same batches. It is
    trained by SGD with momentum, as the paper's are.

    Args:
        data: square images of one channel, as rows: (N, side^2).
        hidden: features of each layer.
        decays: of gamma and beta, one run each.
        start: where gammas start, as `Only` takes it.
        thresholds: rising from 0. Features with |gamma| below one are taken out, but
            for the one of largest |gamma| in each layer.
        lr: the first learning rate, which falls along half a cosine.
        epochs: of each run.
        batch: images in a step.
        draws: of as many random features, for each threshold.
        seed: of the network, gamma's start and the batches.

    Returns:
        runs, weights, images, names, layers, thresholds, compute and a title: all that
        `widgets.GammaBars` takes but for the note. compute trains with another decay
        and start.

    Raises:
        ValueError: when images are not square, thresholds do not rise from 0, there are
            no decays or no draws, or as `Only` and `fit` do.

    Source: Frankle, Schwab, Morcos (2021), section 5.

    >>> from minitorch.data import load
    >>> from minitorch.studies.laperm_frames import pooled
    >>> data = pooled(load("mnist").take(500, 100))
    >>> made = bars(data, hidden=[20], decays=[0.0], thresholds=[0, 0.1], epochs=2)
    >>> (run,) = made["runs"]
    >>> run["gamma"].shape, run["z"].shape  # of each feature; of ten digits
    ((20,), (10, 20))
    """
    side = math.isqrt(data.train_x[0].size)
    if data.train_x.ndim != 2 or side * side != data.train_x.shape[1]:
        raise ValueError(
            f"images are rows of side^2 pixels, got {data.train_x.shape[1:]}"
        )
    at = [float(threshold) for threshold in thresholds]
    if at[:1] != [0.0] or any(a >= b for a, b in zip(at, at[1:], strict=False)):
        raise ValueError(f"thresholds rise from 0, got {thresholds}")
    if not decays or draws < 1:
        raise ValueError(f"a decay and a draw or more, got {decays} and {draws}")
    net = bn_mlp(side * side, *hidden, data.classes)
    shown = [int(np.flatnonzero(data.test_y == k)[0]) for k in range(data.classes)]

    def compute(decay: float, start: str) -> dict[str, Any]:
        g = Only(net, gamma=start, decay=decay, seed=seed)
        done = fit(
            net, g, data, lr=lr, optimiser="sgd", epochs=epochs, batch=batch, seed=seed
        )
        state = {
            name: tuple(backend().to_numpy(part) for part in parts)
            for name, parts in (done.state or {}).items()
        }
        gamma, beta = per_feature(net, done.theta)
        mean, var = state["norm1"]
        spread = np.sqrt(var + EPS)
        sums = data.test_x[shown] @ net.layout.views(done.theta)["dense1.weight"].T
        return {
            "decay": float(decay),
            "start": start,
            "drawn": per_feature(net, g.theta0)[0],
            "gamma": gamma,
            "beta": beta,
            "on": np.concatenate(how_often_on(net, done.theta, state, data.test_x)),
            "z": (sums - mean) / spread,
            "spread": spread,
            **_without(net, done.theta, state, data, at, draws, seed),
        }

    runs = [compute(decay, start) for decay in decays]
    return {
        "runs": runs,
        "weights": net.layout.views(net.init(seed))["dense1.weight"],
        "images": data.test_x[shown],
        "names": [str(k) for k in range(data.classes)],
        "layers": list(hidden),
        "thresholds": at,
        "compute": compute,
        "title": _title(runs, at),
    }


def per_feature(net: Network, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give gamma and beta of all features, layer after layer.

    >>> net = bn_mlp(4, 3, 2, 2)
    >>> gamma, beta = per_feature(net, net.init(0))
    >>> gamma.tolist(), beta.tolist()
    ([1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0])
    """
    views = net.layout.views(theta)
    parts = [
        np.concatenate([views[f"{name}.{piece}"] for name in norm_names(net)])
        for piece in ("gamma", "beta")
    ]
    return parts[0], parts[1]


def how_often_on(
    net: Network, theta: np.ndarray, state: State, x: np.ndarray
) -> list[np.ndarray]:
    """Say for which share of images each feature of a `bn_mlp` is above 0.

    One that never is gets no gradient: its ReLU is shut.

    Args:
        net: a `bn_mlp`.
        theta: (D,).
        state: running statistics.
        x: images, (N, F).

    Returns:
        A share for each feature, (C,), layer after layer.

    >>> net = bn_mlp(1, 2, 1)  # two weights, gammas, betas, two weights, a bias
    >>> theta, state = np.array([1, 1, 1, 1, 0, -9, 1, 1, 0]), {}
    >>> state["norm1"] = np.zeros(2), np.ones(2)
    >>> how_often_on(net, theta, state, np.array([[-1], [2]]))
    [array([0.5, 0. ])]
    """
    views, shares = net.layout.views(theta), []
    for i, name in enumerate(norm_names(net), 1):
        mean, var = state[name]
        z = (x @ views[f"dense{i}.weight"].T - mean) / np.sqrt(var + EPS)
        x = np.maximum(views[f"{name}.gamma"] * z + views[f"{name}.beta"], 0)
        shares.append((x > 0).mean(0))
    return shares


def gone_at(gamma: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Say at which threshold each feature of a layer is taken out.

    Args:
        gamma: (C,) of one layer.
        thresholds: (T,) rising.

    Returns:
        (C,) places in thresholds: of the first above |gamma|; T for a feature that
        stays, as that of largest |gamma| always does.

    >>> gone_at(np.array([0.05, -0.2, 0.001]), [0.0, 0.01, 0.1, 1.0])
    array([2, 4, 1])
    """
    size = np.abs(gamma)
    # In the kind of number that gamma has, as `small` compares.
    found = np.searchsorted(np.asarray(thresholds, size.dtype), size, side="right")
    found[size.argmax()] = len(thresholds)
    return found


def _without(
    net: Network,
    theta: np.ndarray,
    state: State,
    data: Dataset,
    thresholds: Sequence[float],
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """Take features out at each threshold, and as many random ones of each layer."""
    views = net.layout.views(theta)
    gone = {n: gone_at(views[f"{n}.gamma"], thresholds) for n in norm_names(net)}

    def right(off: Off) -> tuple[float, int]:
        smaller, left, statistics = remove(net, theta, state, off)
        x, y = data.test_x, data.test_y
        return accuracy(smaller, left, x, y, state=statistics), smaller.layout.size

    removed, random, size = [], [], []
    before = -1
    for frame in range(len(thresholds)):
        off = {name: each <= frame for name, each in gone.items()}
        count = sum(int(each.sum()) for each in off.values())
        if count != before:
            others = [as_many(off, 1000 * seed + i) for i in range(draws)]
            found = right(off)
            drawn = [right(other)[0] for other in others if count] or [found[0]] * draws
        before = count
        removed.append(found[0])
        size.append(found[1])
        random.append(drawn)
    return {
        "gone": np.concatenate(list(gone.values())),
        "removed": removed,
        "random": random,
        "size": size,
    }


def _title(runs: Sequence[dict[str, Any]], thresholds: Sequence[float]) -> str:
    """Say what taking out the small features of the run with most of them does."""
    frame = int(np.searchsorted(thresholds, SMALL, side="right")) - 1
    most = max(runs, key=lambda run: int((run["gone"] <= frame).sum()))
    count = int((most["gone"] <= frame).sum())
    all_of_them, without = most["removed"][0], most["removed"][frame]
    random = round(float(np.mean(most["random"][frame])), 4)  # as the widget rounds
    return (
        f"Decay {most['decay']:g}: {count} of {len(most['gone'])} features have "
        f"|gamma| below {thresholds[frame]:g}. Without them {without:.1%} "
        f"of digits are read, with all {all_of_them:.1%}, without {count} random "
        f"ones {random:.1%}"
    )
