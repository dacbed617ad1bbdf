"""The study behind the chapter "Only BatchNorm": a random network, its norms trained.

Arms of equal count on dense and residual networks; depth against width; what becomes
of gamma, by its start and by decay; features taken out; how few numbers are enough; and
what it costs to send them. After Frankle, Schwab and Morcos (2021).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from minitorch.data import Dataset, load
from minitorch.data.sources import data_folder
from minitorch.models import bn_mlp, resnet
from minitorch.nn import Network
from minitorch.schedules import cosine
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.tensor import Tensor
from minitorch.train import Fit, accuracy, fit
from minitorch.weird import Only, Parametrization, Subspace, apply
from minitorch.weird.bn_only import (
    Off,
    as_many,
    norm_names,
    received,
    remove,
    small,
    spirals,
    statistics,
    switch_off,
)

NAME = "bn_only"
SLICE = "cifar10_exact4000.npz"  # the first 4,000 training images, a fifth held out
ARMS = ["norms", "gamma", "beta", "random", "output", "norms+output", "all"]
SOME = ["norms", "random", "output", "norms+output", "all"]
RECEIVED = 1_000  # images of which a receiver computes statistics anew

# Adam's, of seed 99. bn_mlp 784-256-256-10, 20,000 digits, 3 passes: norms at 0.02,
# 0.05, 0.15, 0.3, 0.6 read 71.8, 75.4, 78.7, 78.9, 79.3 %; random at 0.02, 0.1, 0.3,
# 0.6, 1.2 65.5, 73.1, 75.2, 75.2, 73.3; gamma at 0.05, 0.2, 0.5 72.4, 75.3, 75.4; beta
# 65.9, 67.9, 67.4; output at 0.003, 0.01, 0.03, 0.1 83.1, 86.3, 87.2, 86.6;
# norms+output at 0.01, 0.03, 0.1 88.4, 89.0, 86.7; all at 0.002, 0.005 96.0, 96.5.
# Averaged digits, 4 passes: norms of 512 units at 0.02, 0.05, 0.15 73.4, 77.9, 82.0, of
# eight layers of 64 67.0, 74.6, 78.3.
# resnet8 w8, 4,000 garments, 4 passes: norms at 0.05, 0.15, 0.3 60.4, 66.3, 65.5;
# random at 0.03, 0.1, 0.3, 0.8 34.0, 40.6, 44.5, 43.6; output at 0.05, 0.15 52.4, 56.0;
# norms+output at 0.05 69.4; all at 0.01 81.6. On digits norms by SGD at 0.3 read 43.5,
# by Adam at 0.02, 0.05 43.4, 51.8.
RATES: dict[str, dict[str, float]] = {
    "mlp": {
        "norms": 0.15,
        "gamma": 0.2,
        "beta": 0.2,
        "random": 0.3,
        "output": 0.03,
        "norms+output": 0.03,
        "all": 3e-3,
    },
    "resnet": {
        "norms": 0.15,
        "random": 0.3,
        "output": 0.15,
        "norms+output": 0.05,
        "all": 0.01,
    },
}
MOMENTUM = 0.9  # of SGD in `fit`

_MLP: Row = {"scale": "book", "net": "mlp", "optimiser": "adam", "batch": 128}
_RESNET: Row = {**_MLP, "net": "resnet"}
DENSE: Row = {
    **_MLP,
    "part": "arms",
    "arms": ARMS,
    "data": "mnist",
    "images": 60_000,
    "test": 10_000,
    "pool": 1,
    "hidden": [256, 256],
    "epochs": 3,
}
# Does what is trained little only need more time?
LONGER: Row = {**DENSE, "epochs": 15, "arms": ["norms", "random", "all"]}
RESIDUAL: Row = {
    **_RESNET,
    "part": "arms",
    "arms": SOME,
    "data": "fashion",
    "images": 4_000,
    "test": 2_000,
    "pool": 2,
    "depth": 8,
    "width": 8,
    "epochs": 6,
}
# Equal in numbers: each has 512 features, so 1,024 numbers.
EQUAL = [[512], [256, 256], [128] * 4, [64] * 8]
WHERE = ["norms", "norms+output", "all", "first", "last"]
SHAPES: Row = {
    **_MLP,
    "part": "shapes",
    "shapes": EQUAL,
    "arms": WHERE,
    "data": "mnist",
    "images": 8_000,
    "test": 2_000,
    "pool": 2,
    "epochs": 6,
    "seen": 48,
}
DEEPER = [[128] * depth for depth in (1, 2, 3, 4, 6)]
WIDER = [[width] * 2 for width in (32, 64, 128, 256, 512)]
# On seed 99 all of 64 units at 0.003, 0.02, 0.06 reads 58.5, 76.2, 86.2 %, of four
# layers of 16 99.9, 99.7, 99.7.
PLANE: Row = {
    **_MLP,
    "part": "plane",
    "shapes": [[64], [32, 32], [16] * 4, [256], [128, 128], [64] * 4],
    "points": 2_000,
    "turns": 2.0,
    "rates": {"all": 0.06},
    "epochs": 40,
}
# One rate for all shapes would be unfair: norms of one layer want a large one. On seed
# 99 one layer of 256 at 0.15, 0.4, 1, 2, 4 reads 67.8, 79.2, 89.6, 93.7, 90.8 %.
PLANES = [
    PLANE,
    {**PLANE, "rates": {"norms": 0.7, "norms+output": 0.01, "all": 0.02}},
    {**PLANE, "rates": {"norms": 2.0, "norms+output": 0.1, "all": 0.2}},
]
# By SGD, as the paper. What decay alone leaves of a number is exp(-shrink), shrink =
# decay sum(lr) / (1 - momentum): 3.7 at a decay of 2e-3. In the paper's 160 passes of
# CIFAR-10, 80 at a rate of 0.1 and the rest at less, with a decay of 1e-4, it is 3.3.
# On seed 99, rates 0.1, 0.3 read 86.0, 86.0 % at 2e-3, with 12, 42 % of |gamma| < 0.01.
GAMMAS: Row = {
    **_MLP,
    "part": "gammas",
    "data": "mnist",
    "images": 8_000,
    "test": 2_000,
    "pool": 2,
    "hidden": [256, 256, 256],
    "pieces": "norms",
    "gamma": "uniform",
    "decay": 0.0,
    "optimiser": "sgd",
    "lr": 0.3,
    "epochs": 20,
    "thresholds": [0.001, 0.01, 0.03, 0.1, 0.3],
    "draws": 3,
}
DECAYS = [2e-4, 5e-4, 1e-3, 2e-3]

# The common row. Its network has neither norms nor biases; this has both: the same
# widths, a norm before each ReLU and a bias at the end, as its note has to say.
COMMON: Row = {
    **_MLP,
    "part": "common",
    "pieces": "norms",
    "data": "mnist",
    "images": 8_000,
    "test": 2_000,
    "pool": 1,
    "hidden": [300, 100],
    "epochs": 10,
    "bits": [8, 6, 5, 4, 3],
}
# 100 of the 800 dimensions, 4 passes, seed 99: at 0.1, 0.4 43.4, 50.0 %.
COMPOSED: Row = {
    **COMMON,
    "part": "composed",
    "d": [25, 50, 100, 200, 400],
    "bits": [6],
    "lr": 0.4,
}
# That the code runs on colour images; 3,200 of them say nothing of CIFAR-10.
CIFAR: Row = {
    **RESIDUAL,
    "data": "cifar10 slice",
    "images": 3_200,
    "test": 800,
    "arms": ["norms", "all"],
    "epochs": 2,
}


# ----------------------------------------------------------------------------
# Data, networks, training
# ----------------------------------------------------------------------------


@lru_cache(maxsize=3)
def _images(data: str, images: int, test: int, pool: int) -> Dataset:
    if data == "cifar10 slice":
        found = load("cifar10", path=data_folder() / SLICE)
    else:
        found = load(data, full=data == "mnist" and images > 8_000)
    found = found.take(images, test)
    if pool == 1:
        return found

    def pooled(x: np.ndarray) -> np.ndarray:
        N, C, H, W = x.shape
        return x.reshape(N, C, H // pool, pool, W // pool, pool).mean((3, 5))

    change = f"{pool} x {pool} pixels averaged"
    return replace(
        found,
        train_x=pooled(found.train_x),
        test_x=pooled(found.test_x),
        changes=(*found.changes, change),
    )


def images(settings: Row) -> Dataset:
    """Give the images, of full size or averaged over squares of `pool` pixels.

    >>> few = {"data": "mnist", "images": 100, "test": 50, "pool": 2}
    >>> images(few)
    <MNIST, embedded 100/50, 2 x 2 pixels averaged>
    >>> images(few).train_x.shape
    (100, 1, 14, 14)
    """
    return _images(*(settings[key] for key in ("data", "images", "test", "pool")))


def network(settings: Row, hidden: list[int] | None = None) -> Network:
    """Give the network: a ResNet, or a `bn_mlp` of these hidden layers.

    >>> network({**RESIDUAL, "depth": 14}).name
    'resnet14-w8-1x'
    >>> network(COMMON).name
    'bn-mlp-784-300-100-10'
    """
    channels = 3 if "cifar10" in settings["data"] else 1
    if settings["net"] == "resnet":
        return resnet(settings["depth"], settings["width"], channels)
    pixels = (28 // settings["pool"]) ** 2
    return bn_mlp(pixels, *(hidden or settings["hidden"]), 10)


def _fit(settings: Row, seed: int, g: Parametrization, data: Any, arm: str) -> Fit:
    """Train at the arm's rate, or at the one that the settings name."""
    rates = {**RATES[settings["net"]], **settings.get("rates", {})}
    lr = settings.get("lr") or rates[arm]
    shared = {key: settings[key] for key in ("epochs", "batch", "optimiser")}
    return fit(g.net, g, data, lr=lr, seed=seed, **shared)


def _right(net: Network, theta: np.ndarray, state: Any, data: Dataset) -> float:
    return accuracy(net, theta, data.test_x, data.test_y, state=state)


def _lists(rows: list[Row]) -> Row:
    """One row of lists out of a list of rows."""
    return {name: [row[name] for row in rows] for name in rows[0]}


# ----------------------------------------------------------------------------
# Arms, depth and width
# ----------------------------------------------------------------------------


def arms(settings: Row, seed: int) -> Row:
    """Train each of the `arms`, all from the same random network.

    Returns:
        For each arm test accuracy under its name; "ARM d", how many numbers; "ARM
        train", of as many training images as there are test images. none: of the
        network as it was drawn. Of the norms small: the fraction of |gamma| < 0.01;
        negative: of gamma < 0; off: accuracy with the small ones set to 0.
    """
    data, net = images(settings), network(settings)
    how = {key: settings[key] for key in ("gamma", "decay") if key in settings}
    first = net.init(seed)
    state = statistics(net, first, data.train_x[:RECEIVED])
    row: Row = {"none": _right(net, first, state, data), "D": net.layout.size}
    for arm in settings["arms"]:
        g = Only(net, arm, seed=seed, **how)
        done = _fit(settings, seed, g, data, arm)
        row[arm], row[f"{arm} d"] = done.test_accuracy, g.layout.size
        some = len(data.test_y)
        x, y = data.train_x[:some], data.train_y[:some]
        row[f"{arm} train"] = accuracy(net, done.theta, x, y, state=done.state)
        if arm == "norms":
            off = small(net, done.theta)
            gammas = _gammas(net, done.theta)
            row["small"] = float(np.concatenate(list(off.values())).mean())
            row["negative"] = float((gammas < 0).mean())
            theta = switch_off(net, done.theta, off)
            row["off"] = _right(net, theta, done.state, data)
    return row


def _gammas(net: Network, theta: np.ndarray) -> np.ndarray:
    views = net.layout.views(theta)
    return np.concatenate([views[f"{name}.gamma"] for name in norm_names(net)])


def shapes(settings: Row, seed: int) -> Row:
    """Train the norms of networks of several shapes, and see where it helps.

    Returns:
        Lists over `shapes`. d: numbers of the norms. For each of the `arms` test
        accuracy; "first" and "last" are gamma and beta of the first or the last norm
        alone. rank: the effective rank of what the norms' numbers can do to the
        answers at the start, see `tangent_rank`.
    """
    data, rows = images(settings), []
    for hidden in settings["shapes"]:
        net = network(settings, hidden)
        names = norm_names(net)
        ends = {"first": names[0], "last": names[-1]}
        row: Row = {}
        for arm in settings["arms"]:
            if arm not in ends:
                g = Only(net, arm, seed=seed)
                row[arm] = _fit(settings, seed, g, data, arm).test_accuracy
            elif len(names) == 1:  # the same numbers
                row[arm] = row["norms"]
            else:
                pieces = [f"{ends[arm]}.gamma", f"{ends[arm]}.beta"]
                g = Only(net, pieces, seed=seed)
                row[arm] = _fit(settings, seed, g, data, "norms").test_accuracy
        g = Only(net, seed=seed)
        row["d"] = g.layout.size
        row["rank"] = tangent_rank(g, data.train_x[: settings["seen"]])
        rows.append(row)
    return _lists(rows)


def tangent_rank(g: Parametrization, x: np.ndarray) -> float:
    """Measure in how many directions phi can push the logits of some images.

    J, (N K, d), is the derivative of all logits with respect to phi, at the start. The
    entropy of its squared singular values, as shares, is that of so many equal ones:
    rank = exp(- sum_i p_i log p_i).

    Args:
        g: the map.
        x: images, (N, ...).

    Source: Roy and Vetterli (2007), The effective rank.

    >>> g = Only(bn_mlp(4, 5, 3))
    >>> x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    >>> 1 < tangent_rank(g, x) <= 10
    True
    """
    net, start = g.net, g.init(0)
    state, rows = statistics(net, apply(g, start), x), []
    for each in range(len(x)):
        for k in range(net.layout.shapes[list(net.layout.shapes)[-1]][0]):
            phi = Tensor(start, requires_grad=True)
            logits = net(g(phi), x[each : each + 1], state=state)
            logits[0, k].backward()
            rows.append(np.array(Tensor(phi.grad).numpy()))
    J = np.stack(rows).astype(np.float64)
    squares = np.linalg.eigvalsh(J @ J.T).clip(0)
    p = squares[squares > 0] / squares.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def plane(settings: Row, seed: int) -> Row:
    """Tell two spirals apart in the plane, with networks of several shapes.

    Returns:
        Lists over `shapes` of accuracies on points that were not trained on: norms;
        norms+output; all. d: numbers of the norms. (Two weights of each feature, the
        usual control, would be all of the first layer here.)
    """
    n = settings["points"]
    x, y = spirals(2 * n, seed, settings["turns"])
    data = Dataset(x[:n], y[:n], x[n:], y[n:], "spirals", "drawn", "drawn", classes=2)
    rows = []
    for hidden in settings["shapes"]:
        net = bn_mlp(2, *hidden, 2)
        row: Row = {"d": Only(net).layout.size}
        for arm in ("norms", "norms+output", "all"):
            g = Only(net, arm, seed=seed)
            row[arm] = _fit(settings, seed, g, data, arm).test_accuracy
        rows.append(row)
    return _lists(rows)


# ----------------------------------------------------------------------------
# What becomes of gamma, and features taken out
# ----------------------------------------------------------------------------

EDGES = np.linspace(-1.5, 1.5, 61)  # of the histograms, 0.05 wide


def gammas(settings: Row, seed: int) -> Row:
    """Train with a start of gamma and a decay, then take out what is small.

    Returns:
        test: accuracy. shrink: see `GAMMAS`. small: the fraction of |gamma| < 0.01 in
        each layer; before: in all layers before training; negative: of gamma < 0.
        counts: of all gammas between EDGES, those beyond at its ends. Lists over
        `thresholds`: share of the features below; removed: accuracy of the smaller
        network without them; random: without as many random ones (mean of `draws`);
        silenced: with the small ones' relu(beta) gone as well; D: weights that are
        left.
    """
    data, net = images(settings), network(settings)
    how = {key: settings[key] for key in ("gamma", "decay")}
    g = Only(net, settings["pieces"], seed=seed, **how)
    done = _fit(settings, seed, g, data, settings["pieces"])
    values, state = _gammas(net, done.theta), done.state or {}
    off = small(net, done.theta)
    row: Row = {
        "test": done.test_accuracy,
        "small": [float(each.mean()) for each in off.values()],
        "before": float((np.abs(_gammas(net, g.theta0)) < 0.01).mean()),
        "negative": float((values < 0).mean()),
        "shrink": settings["decay"] * _travel(settings) / (1 - MOMENTUM),
        "counts": np.histogram(values.clip(-1.49, 1.49), EDGES)[0].tolist(),
    }
    rows = []
    for threshold in settings["thresholds"]:
        off = _leave_one(net, done.theta, small(net, done.theta, threshold))
        others = [as_many(off, 1000 * seed + i) for i in range(settings["draws"])]

        def without(off: Off, theta: np.ndarray = done.theta) -> float:
            return _right(*remove(net, theta, state, off), data)

        silent = done.theta.copy()
        for name, each in off.items():
            net.layout.views(silent)[f"{name}.beta"][each] = 0
        smaller = remove(net, done.theta, state, off)[0]
        rows.append(
            {
                "share": float(np.concatenate(list(off.values())).mean()),
                "removed": without(off),
                "random": float(np.mean([without(other) for other in others])),
                "silenced": without(off, silent),
                "D": smaller.layout.size,
            }
        )
    return {**row, **_lists(rows)}


def _travel(settings: Row) -> float:
    """The sum of the learning rates of all steps, which fall along half a cosine."""
    steps = settings["epochs"] * (settings["images"] // settings["batch"])
    return float(settings["lr"] * sum(cosine(i, steps) for i in range(steps)))


def _leave_one(net: Network, theta: np.ndarray, off: Off) -> Off:
    """Where all features of a norm are off, leave the one of largest |gamma| on."""
    views = net.layout.views(theta)
    for name, each in off.items():
        if each.all():
            each[np.abs(views[f"{name}.gamma"]).argmax()] = False
    return off


# ----------------------------------------------------------------------------
# Messages
# ----------------------------------------------------------------------------


def common(settings: Row, seed: int) -> Row:
    """Send the norms of the common network's twin, or the norms and the last layer.

    Returns:
        test, of the trained network, and d. Lists over `bits`: bytes of the message
        with statistics folded in, decoded: the accuracy of what a receiver makes of
        it; and "anew bytes" and "anew", where the receiver computes the statistics
        of the first images.
    """
    data, net = images(settings), network(settings)
    g = Only(net, settings["pieces"], seed=seed)
    done = _fit(settings, seed, g, data, settings["pieces"])
    seen, rows = data.train_x[:RECEIVED], []
    for bits in settings["bits"]:
        folded = g.message(done.phi, done.state, bits=bits)
        alone = g.message(done.phi, bits=bits)
        rows.append(
            {
                "bytes": len(folded),
                "decoded": _right(net, *received(folded, net), data),
                "anew bytes": len(alone),
                "anew": _right(net, *received(alone, net, seen), data),
            }
        )
    return {"test": done.test_accuracy, "d": g.layout.size, **_lists(rows)}


def composed(settings: Row, seed: int) -> Row:
    """Train the norms in random subspaces of `d` dimensions, and send those.

    Returns:
        Lists over `d`: test, bytes, and decoded: the accuracy of what a receiver makes
        of it, with statistics of the first images computed anew.
    """
    data, net = images(settings), network(settings)
    inner, rows = Only(net, settings["pieces"], seed=seed), []
    seen = data.train_x[:RECEIVED]
    for d in settings["d"]:
        g = Subspace(inner, d, seed=seed)
        done = _fit(settings, seed, g, data, settings["pieces"])
        message = g.message(done.phi, bits=settings["bits"][0])
        right = _right(net, *received(message, net, seen), data)
        row = {"test": done.test_accuracy, "bytes": len(message), "decoded": right}
        rows.append(row)
    return _lists(rows)


PARTS = {
    "arms": arms,
    "shapes": shapes,
    "plane": plane,
    "gammas": gammas,
    "common": common,
    "composed": composed,
}


def run(settings: Row, seed: int) -> Row:
    """Run the part that the settings name; each of `PARTS` says what it returns.

    Raises:
        ValueError: for another part.
    """
    part = settings["part"]
    if part not in PARTS:
        raise ValueError(f"no part {part!r}; there are {', '.join(PARTS)}")
    return PARTS[part](settings, seed)


def grid(scale: str) -> list[Row]:
    """List the settings of a scale, the most needed first."""
    if scale == "quick":
        few = {"scale": "quick", "images": 2_000, "test": 1_000, "epochs": 3}
        return [
            {**DENSE, **few, "pool": 2, "arms": SOME},
            {**SHAPES, **few, "shapes": [[128], [64, 64]]},
            {**GAMMAS, **few, "hidden": [128, 128], "decay": 2e-3},
        ]
    if scale == "full":
        # The paper's, but for the rate, which falls along half a cosine, and images,
        # which are neither turned nor shifted.
        far = {"scale": "full", "data": "cifar10", "images": 50_000, "test": 10_000}
        far |= {"pool": 1, "width": 16, "epochs": 160, "arms": ["norms", "random"]}
        far |= {"gamma": "uniform", "decay": 1e-4, "optimiser": "sgd", "lr": 0.1}
        return [
            *[{**RESIDUAL, **far, "depth": depth} for depth in (14, 32, 56, 110)],
            *[{**RESIDUAL, **far, "depth": 14, "width": 16 * k} for k in (2, 4, 8)],
        ]
    alone, few_arms = {"arms": ["norms"]}, ["norms", "norms+output"]
    ones = {"gamma": "ones"}
    return [
        DENSE,
        {**DENSE, "data": "fashion", "images": 20_000},
        LONGER,
        RESIDUAL,
        {**RESIDUAL, "data": "mnist"},
        SHAPES,
        {**SHAPES, "shapes": DEEPER, "arms": few_arms},
        {**SHAPES, "shapes": WIDER, "arms": few_arms},
        *[{**RESIDUAL, **alone, "depth": depth} for depth in (14, 20)],
        *[{**RESIDUAL, **alone, "width": width} for width in (4, 16)],
        GAMMAS,
        *[{**GAMMAS, "decay": decay} for decay in DECAYS],
        *[{**GAMMAS, **ones, "decay": decay} for decay in (0.0, 2e-3)],
        {**GAMMAS, "gamma": "normal", "decay": 2e-3},
        {**GAMMAS, "pieces": "all", "decay": 1e-3},
        *PLANES,
        COMMON,
        {**COMMON, "pieces": "norms+output"},
        COMPOSED,
        CIFAR,
    ]


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(RESIDUAL), label({**GAMMAS, "decay": 1e-3})
    ('arms, fashion, resnet8 w8', 'gammas, mnist, 256-256-256, uniform, decay 0.001')
    """
    words = [settings["part"]]
    words += [settings["data"]] if "data" in settings else []
    if settings["net"] == "resnet":
        words.append(f"resnet{settings['depth']} w{settings['width']}")
    elif "hidden" in settings:
        words.append("-".join(map(str, settings["hidden"])))
    words += [f"{len(settings['shapes'])} shapes"] if "shapes" in settings else []
    if settings["part"] == "gammas":
        words += [settings["gamma"], f"decay {settings['decay']:g}"]
    if settings["part"] in ("common", "composed") or settings.get("pieces") == "all":
        words.append(settings["pieces"])
    return ", ".join(words)


STUDY = Study(
    name=NAME,
    about="What does a random network learn of which only the norms are trained?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.bn_only:run,arms,shapes,tangent_rank,plane,gammas,common,"
        "composed,images,network,_images,_fit,_right,_gammas,_travel,_leave_one,_lists",
        "minitorch.weird.bn_only",
        "minitorch.weird.coding",
        "minitorch.train",
    ),
    tolerance={
        "D": 0,
        "d": 0,
        "bytes": 100,
        "norms": 0.1,
        "random": 0.1,
        "all": 0.05,
        "test": 0.05,
        "decoded": 0.08,
        "small": 0.1,
        "removed": 0.1,
    },
    needs={
        "quick": "10 seconds of one core a seed",
        "book": "full MNIST, Fashion-MNIST and the slice of CIFAR-10 in "
        "MINITORCH_DATA; 30 minutes of one core",
        "full": "CIFAR-10 and a GPU; 20 hours (a guess)",
    },
)
