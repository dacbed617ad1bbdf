"""The study behind the chapter "Train by reconnecting": weights that only move about.

LaPerm on the paper's dense networks, and what it hangs on: how often the copy is
synchronised, the width, the values that are there to be arranged; which values can
trade places at all; location against value; weight profiles; a curve; and what an
arrangement costs to send. After Qiu and Suda (2020).
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from minitorch.backends import use_backend
from minitorch.models import mlp
from minitorch.nn import Network
from minitorch.optim import Optimiser
from minitorch.random import stream
from minitorch.schedules import cosine
from minitorch.studies.pruned import dataset
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.tensor import Tensor
from minitorch.train import Fit, Map, accuracy, fit
from minitorch.weird import Dense, LaPerm, decode
from minitorch.weird.laperm import (
    adam_reach,
    apart,
    arranged,
    curve_net,
    draw_values,
    fit_curve,
    pinned,
    pinned_fraction,
    profiles,
    rank_match,
    shuffled_rows,
    traded,
)
from minitorch.weird.pruning import prunable

NAME = "laperm"
F2 = [784, 128, 64, 10]
# How the values are drawn that some words stand for.
DRAWS: dict[str, Row] = {
    "uniform": {"values": "uniform"},
    "normal": {"values": "normal"},
    "even": {"values": "even"},
    "signed": {"values": "signed"},
    "single": {"values": "single"},
}
CURVES = {
    "sine": lambda x: np.sin(2 * np.pi * x),
    "step": lambda x: np.tanh(20 * (x - 0.5)),
}

# On seed 99, all digits, 3 epochs, F2 with uniform values: k = 20 at rates 3e-4, 1e-3,
# 3e-3, 1e-2 reads 92.5, 95.1, 96.9, 97.5 %; k = 100 93.2, 95.4, 96.8, 97.3 %; k = 250
# 92.3, 94.3, 96.3, 96.5 %. Adam alone at 1e-3 96.7 %.
_BASE: Row = {
    "scale": "book",
    "widths": F2,
    "images": 60_000,
    "epochs": 3,
    "batch": 128,
    "lr": 1e-2,
    "k": 20,
}
# The papers' rate and k. F1 on seed 99, 10 epochs: k = 250 at 1e-3, 3e-3 reads 81.9,
# 82.6 %, k = 20 11.1, 79.0 %. F2, 3 epochs, k = 50 at 1e-3, 3e-3: 52.5, 57.9 %; k = 250
# 60.0, 48.8 %; 25 epochs, k = 250 at 1e-3: 60.5 %.
PAPER_F1: Row = {
    **_BASE,
    "part": "paper",
    "widths": [784, 10],
    "keep": [4 / 7],
    "v": 0.08,
    "epochs": 10,
    "lr": 1e-3,
    "k": 250,
    "straight epochs": 3,
}
PAPER_F2: Row = {
    **PAPER_F1,
    "widths": F2,
    "keep": [1 / 15, 1 / 7, 1 / 3],
    "v": 0.03,
    "epochs": 25,
}
PERIODS: Row = {
    **_BASE,
    "part": "periods",
    "pace": "steps",
    "k": [1, 2, 5, 10, 20, 50, 100, 250, 500, 1000],
}
# With few values F2 wants the higher rate too. All digits, 3 epochs, k = 20 at 1e-3 and
# 1e-2: signed 7.1, 84.8 %, single with keep 0.5 9.3, 74.4 %; k = 100 at 1e-3: 15.3,
# 55.6 %; straight through at 1e-3: 94.5, 90.3 %.
VALUES: Row = {
    **_BASE,
    "part": "values",
    "draw": "uniform",
    "images": 12_000,
    "epochs": 5,
    "keep": [1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05],
    "scaled": False,
    "gain": 1.0,
}
LEVELS: Row = {
    **_BASE,
    "part": "levels",
    "images": 12_000,
    "epochs": 5,
    "levels": [2, 3, 4, 8, 16, 64, 256],
}
WIDTH: Row = {
    **_BASE,
    "part": "width",
    "images": 12_000,
    "epochs": 5,
    "hidden": [8, 16, 32, 64, 128, 256, 512],
    "dense lr": 3e-3,
}
CONTROLS: Row = {**_BASE, "part": "controls", "dense lr": [1e-3, 3e-3]}
SAW: Row = {
    **_BASE,
    "part": "saw",
    "k": [20, 100, 250],
    "lr": 1e-3,
    "epochs": 2,
    "every": 12,
    "test": 2_000,
}
PINNED: Row = {
    **_BASE,
    "part": "pinned",
    "widths": [784, 10],
    "images": 8_000,
    "epochs": 2,
    "lr": 3e-3,
    "k": [5, 10, 20, 40, 60],
    "v": [0.025, 0.1, 0.2, 0.3, 0.5],
    "keep": 4 / 7,
}
PINNED_ROWS: Row = {
    **_BASE,
    "part": "pinned rows",
    "images": 12_000,
    "epochs": 5,
    "lr": 1e-3,
    "k": [1, 5, 20, 90],
    "neurons": 4,
}
LOCATION: Row = {**_BASE, "part": "location", "fresh": ["uniform", "normal", "even"]}
PROFILES: Row = {
    **_BASE,
    "part": "profiles",
    "dense lr": 1e-3,
    "epochs": 8,
    "points": 33,
}
# On seed 99 a sine, 2,000 steps, 80 places, gain 2, k = 5: rates 0.01, 0.03 leave
# largest errors 0.087, 0.063; gain 4 0.225, 0.379. 320 places, gain 2, 0.01: 0.060.
CURVE: Row = {
    "scale": "book",
    "part": "curve",
    "curve": "sine",
    "values": "even",
    "places": [10, 20, 40, 80, 160],
    "gain": 2.0,
    "points": 100,
    "k": 5,
    "lr": 0.03,
    "steps": 2_000,
}
# The common row: one network and one split of the data for every method of the course.
# Single values are pinned at their full size: on seed 99, k = 20, gains 1, 0.3, 0.1
# read 71.3, 82.4, 70.1 % at keep 0.5, 55.5, 58.5, 58.1 % at 0.1, and 12.0, 40.2, 35.9 %
# at 0.02.
COMMON: Row = {
    **_BASE,
    "part": "common",
    "net": "common",
    "widths": [784, 300, 100, 10],
    "images": 8_000,
    "epochs": 10,
    "sent": [
        {"values": "uniform"},
        {"values": "even", "levels": 16},
        {"values": "even", "levels": 4},
        {"values": "even", "levels": 2},
        *[
            {"values": "single", "keep": keep, "gain": 0.3}
            for keep in (0.5, 0.2, 0.1, 0.05, 0.02)
        ],
    ],
}


STRAIGHT: list[Row] = [
    {"values": "uniform"},
    {"values": "even", "levels": 2},
    *[{"values": "single", "keep": keep} for keep in (0.5, 0.1, 0.02)],
]


def _net(settings: Row) -> Network:
    return mlp(*settings["widths"], bias=False)


def _fit(settings: Row, seed: int, g: Map, net: Network, **how: Any) -> Fit:
    """Train at the settings, or at another rate."""
    shared = {key: settings[key] for key in ("epochs", "batch")}
    how = {"lr": settings["lr"], **how}
    return fit(net, g, dataset(settings["images"]), seed=seed, **shared, **how)


def _sent(settings: Row, g: LaPerm, phi: np.ndarray) -> Row:
    """How long a message is, what it must be, and the accuracy of what is decoded."""
    data, message = dataset(settings["images"]), g.message(phi)
    theta = decode(message, g.net)[0]
    right = accuracy(g.net, theta, data.test_x, data.test_y)
    return {"bytes": len(message), "bits": g.bits(), "decoded": right}


def _lists(rows: list[Row]) -> Row:
    """One row of lists out of a list of rows."""
    return {name: [row[name] for row in rows] for name in rows[0]}


class Teeth:
    """A map for `fit` that tests LaPerm's copy before and after each synchronisation.

    before, after: accuracies, one for each synchronisation; at: the steps they came
    after. free, steps: accuracies of the copy itself every so many steps.

    Args:
        g: the map.
        settings: images; `test`, how many of the test images, else all; `every`, else
            the copy is not tested in between.
    """

    def __init__(self, g: LaPerm, settings: Row):
        self.g, self.every = g, settings.get("every")
        data, few = dataset(settings["images"]), settings.get("test")
        self._test = data.test_x[:few], data.test_y[:few]

    def init(self, seed: int) -> np.ndarray:
        """Give g's start, and forget what was noted."""
        self.before: list[float] = []
        self.after: list[float] = []
        self.at: list[int] = []
        self.free: list[float] = []
        self.steps: list[int] = []
        self._step = 0
        return self.g.init(seed)

    def __call__(self, phi: Tensor, **how: Any) -> Tensor:
        return self.g(phi, **how)

    def after_step(self, phi: Tensor, optimiser: Optimiser) -> None:
        """Do what g does; test the copy where it is time."""
        copy, count = phi.numpy().copy(), self.g.count
        self.g.after_step(phi, optimiser)
        self._step += 1
        due = self.g.count > count
        noted = self.every is not None and self._step % self.every == 0
        if due or noted:
            right = accuracy(self.g.net, copy, *self._test)
        if noted:
            self.free.append(right)
            self.steps.append(self._step)
        if due:
            self.before.append(right)
            self.after.append(accuracy(self.g.net, phi, *self._test))
            self.at.append(self._step)


# ----------------------------------------------------------------------------
# The method
# ----------------------------------------------------------------------------


def paper(settings: Row, seed: int) -> Row:
    """Train one of the paper's networks of one value and zeros, and send it.

    Returns:
        test; best: the highest of all accuracies just after a synchronisation, which
        looks at the test images and is what the authors report; highest copy: the same
        of the free copy just before; last: the mean of the last five after. random:
        before training. straight: with no synchronisation, straight through. bytes,
        bits, decoded: of the message.
    """
    net, data = _net(settings), dataset(settings["images"])
    drawn = {"values": "single", "keep": settings["keep"], "v": settings["v"]}
    g = LaPerm(net, k=settings["k"], seed=seed, **drawn)
    teeth = Teeth(g, settings)
    done = _fit(settings, seed, teeth, net)
    straight = LaPerm(net, k=None, seed=seed, **drawn)
    short = {**settings, "epochs": min(settings["epochs"], settings["straight epochs"])}
    return {
        "test": done.test_accuracy,
        "best": max(teeth.after),
        "highest copy": max(teeth.before),
        "last": float(np.mean(teeth.after[-5:])),
        "random": accuracy(net, g.theta0, data.test_x, data.test_y),
        "straight": _fit(short, seed, straight, net).test_accuracy,
        **_sent(settings, g, done.phi),
    }


def periods(settings: Row, seed: int) -> Row:
    """Train with one k after another.

    Returns:
        test: a list over `k`; count: how many synchronisations there were.
    """
    net, rows = _net(settings), []
    for k in settings["k"]:
        g = LaPerm(net, k=k, pace=settings["pace"], seed=seed)
        right = _fit(settings, seed, g, net).test_accuracy
        rows.append({"test": right, "count": g.count})
    return _lists(rows)


def width(settings: Row, seed: int) -> Row:
    """Train networks of one hidden layer, by arranging, straight, and as usual.

    Returns:
        Lists over `hidden`: test, straight, dense.
    """
    rows = []
    for hidden in settings["hidden"]:
        net = mlp(784, hidden, 10, bias=False)
        usual = _fit(
            settings, seed, Dense(net, seed=seed), net, lr=settings["dense lr"]
        )
        row = {"dense": usual.test_accuracy}
        for name, k in (("test", settings["k"]), ("straight", None)):
            g = LaPerm(net, k=k, seed=seed)
            row[name] = _fit(settings, seed, g, net).test_accuracy
        rows.append(row)
    return _lists(rows)


def values(settings: Row, seed: int) -> Row:
    """Arrange values of one kind, of which fewer and fewer are not 0.

    scaled: values are multiplied by 1 / sqrt(keep), so that signals keep their size
    (single values always are). k None: straight through.

    Returns:
        Lists over `keep`: test; random, before training; moved: the fraction of places
        whose value is another.
    """
    net, data, rows = _net(settings), dataset(settings["images"]), []
    for keep in settings["keep"]:
        gain = settings["gain"] * (keep**-0.5 if settings["scaled"] else 1.0)
        how = {**DRAWS[settings["draw"]], "keep": keep, "gain": gain, "seed": seed}
        g = LaPerm(net, k=settings["k"], **how)
        done = _fit(settings, seed, g, net)
        first = accuracy(net, g.theta0, data.test_x, data.test_y)
        moved = float((done.theta != g.theta0).mean())
        rows.append({"test": done.test_accuracy, "random": first, "moved": moved})
    return _lists(rows)


def levels(settings: Row, seed: int) -> Row:
    """Arrange values of which only a few are different.

    Returns:
        Lists over `levels`: test, and bits, of the arrangements there are.
    """
    net, rows = _net(settings), []
    for count in settings["levels"]:
        g = LaPerm(net, k=settings["k"], values="even", levels=count, seed=seed)
        right = _fit(settings, seed, g, net).test_accuracy
        rows.append({"test": right, "bits": g.bits()})
    return _lists(rows)


def controls(settings: Row, seed: int) -> Row:
    """Train by arranging, and in ways that could have done without it.

    Returns:
        test: LaPerm. random: a random arrangement, untrained. layer: the values of a
        whole layer arranged as one row. straight: no synchronisation. Lists over
        `dense lr`: dense, ordinary training, in which any value may come out; once:
        the first values arranged by that network's ranks, at the end.
    """
    net, data = _net(settings), dataset(settings["images"])

    def right(theta: np.ndarray) -> float:
        return accuracy(net, theta, data.test_x, data.test_y)

    row: Row = {"dense": [], "once": []}
    for name, how in {
        "test": {"k": settings["k"]},
        "layer": {"k": settings["k"], "scope": "layer"},
        "straight": {"k": None},
    }.items():
        g = LaPerm(net, seed=seed, **how)
        row[name] = _fit(settings, seed, g, net).test_accuracy
    start = LaPerm(net, seed=seed)
    row["random"] = right(shuffled_rows(net, start.theta0, seed))
    for lr in settings["dense lr"]:
        usual = Shifted(Dense(net, seed=seed), start.theta0)
        done = _fit(settings, seed, usual, net, lr=lr)
        row["dense"].append(done.test_accuracy)
        row["once"].append(right(start.arrangement(done.phi)))
    return row


class Shifted:
    """A map for `fit` that starts somewhere else.

    >>> g = Shifted(Dense(mlp(2, 1, bias=False)), np.ones(2, np.float32))
    >>> g.init(0)
    array([1., 1.], dtype=float32)
    """

    def __init__(self, g: Map, start: np.ndarray):
        self.g, self.start = g, start

    def init(self, seed: int) -> np.ndarray:
        """Give the start that was given."""
        return self.start.copy()

    def __call__(self, phi: Tensor, **how: Any) -> Tensor:
        return self.g(phi, **how)

    def after_step(self, phi: Tensor, optimiser: Optimiser) -> None:
        """Do what g does after a step."""
        self.g.after_step(phi, optimiser)


def saw(settings: Row, seed: int) -> Row:
    """Follow accuracy through the synchronisations.

    Returns:
        Lists over `k` of lists: at, the steps of synchronisations, before and after,
        accuracies; steps and free, those of the copy in between.
    """
    net, rows = _net(settings), []
    for k in settings["k"]:
        teeth = Teeth(LaPerm(net, k=k, seed=seed), settings)
        _fit(settings, seed, teeth, net)
        names = ("at", "before", "after", "steps", "free")
        rows.append({name: list(getattr(teeth, name)) for name in names})
    return _lists(rows)


# ----------------------------------------------------------------------------
# What can trade places; what carries the information
# ----------------------------------------------------------------------------


class Moves:
    """A map for `fit` that notes how the copy moves between synchronisations.

    reach: the largest distance of any weight in each period; ratio: over the sum of
    the period's rates, the largest and the mean; swaps: pairs of places that changed
    order, as shares of all pairs, pinned by the sum of rates or not; pinned: the share
    that is pinned. change: the largest change of value at one place, over twice the
    reach: never above 1.

    Args:
        g: the map.
        neurons: of the first layer, whose pairs are counted.
    """

    def __init__(self, g: LaPerm, neurons: int):
        self.g, self.neurons = g, neurons

    def init(self, seed: int) -> np.ndarray:
        """Give g's start, and forget what was noted."""
        self.notes: list[dict[str, float]] = []
        phi = self.g.init(seed)
        self._last, self._rates = phi.copy(), 0.0
        return phi

    def __call__(self, phi: Tensor, **how: Any) -> Tensor:
        return self.g(phi, **how)

    def after_step(self, phi: Tensor, optimiser: Optimiser) -> None:
        """Do what g does; compare with the last synchronisation where there is one."""
        copy, count = phi.numpy().copy(), self.g.count
        self.g.after_step(phi, optimiser)
        self._rates += optimiser.lr
        if self.g.count == count:
            return
        name = prunable(self.g)[0]
        now = phi.numpy().copy()
        views = [self.g.layout.views(each)[name] for each in (self._last, now)]
        pairs = [view[: self.neurons] for view in views]
        far = np.array([pinned(row, self._rates) for row in pairs[0]])
        trades = np.array([traded(*rows) for rows in zip(*pairs, strict=True)])
        moved = np.abs(copy - self._last)
        reach = float(moved.max())
        change = float(np.abs(now - self._last).max())
        self.notes.append(
            {
                "largest": reach / self._rates,
                "mean": float(moved[moved > 0].mean() / self._rates),
                "pinned": float(far.mean()),
                "swaps": float(trades.mean()),
                "pinned swaps": float((trades & far).mean()),
                "change": change / (2 * reach),
            }
        )
        self._last, self._rates = now, 0.0


def pins(settings: Row, seed: int) -> Row:
    """Arrange one value and zeros: can they trade places at all?

    Returns:
        For each v a list over `k`: test, moved, the fraction of places whose value is
        another, once training is over; first, after the first synchronisation; free:
        1 where the rule says that they can, else 0: where twice the sum of the rates
        before the first synchronisation is at least v.
    """
    net, rows = _net(settings), []
    for v in settings["v"]:
        found = []
        for k in settings["k"]:
            how = {"values": "single", "keep": settings["keep"], "v": v, "seed": seed}
            g = LaPerm(net, k=k, **how)
            first = Firsts(g)
            done = _fit(settings, seed, first, net)
            pair = np.array([0, v])
            rates = sum(cosine(step, len(done.loss)) for step in range(k))
            tied = pinned(pair, settings["lr"] * rates).any()
            found.append(
                {
                    "test": done.test_accuracy,
                    "moved": float((done.theta != g.theta0).mean()),
                    "first": float((first.phi != g.theta0).mean()),
                    "free": int(not tied),
                }
            )
        rows.append(_lists(found))
    return _lists(rows)


class Firsts:
    """A map for `fit` that keeps phi as its first synchronisation left it.

    phi: (D,), once it has been.
    """

    def __init__(self, g: LaPerm):
        self.g = g

    def init(self, seed: int) -> np.ndarray:
        """Give g's start."""
        self.phi = self.g.init(seed)
        return self.g.init(seed)

    def __call__(self, phi: Tensor, **how: Any) -> Tensor:
        return self.g(phi, **how)

    def after_step(self, phi: Tensor, optimiser: Optimiser) -> None:
        """Do what g does; keep a copy the first time."""
        count = self.g.count
        self.g.after_step(phi, optimiser)
        if self.g.count == 1 and not count:
            self.phi = phi.numpy().copy()


def pinned_rows(settings: Row, seed: int) -> Row:
    """Arrange values that all differ, and count the pairs that trade.

    Returns:
        Lists over `k` of lists over synchronisations, see `Moves`; start: the share of
        pairs that the rule says are pinned at the first rate, for all neurons of the
        first layer. test.
    """
    net, rows = _net(settings), []
    for k in settings["k"]:
        g = LaPerm(net, k=k, seed=seed)
        moves = Moves(g, settings["neurons"])
        done = _fit(settings, seed, moves, net)
        first = net.layout.views(g.theta0)[prunable(net)[0]]
        start = pinned_fraction(first, adam_reach(k, settings["lr"]))
        some = np.linspace(0, len(moves.notes) - 1, min(12, len(moves.notes)))
        notes = _lists([moves.notes[int(i)] for i in some])
        ever = {"most": max(note["largest"] for note in moves.notes)}
        rows.append({**notes, **ever, "start": start, "test": done.test_accuracy})
    return _lists(rows)


def location(settings: Row, seed: int) -> Row:
    """Train by arranging; then change values, or locations, and test without training.

    Returns:
        test; random, before training; shuffled: the values of each neuron in random
        places; "NAME fresh": values of another draw in the trained order, "two": only
        two of them; order: for each layer, the mean rank correlation of its neurons
        with where they started.
    """
    net, data = _net(settings), dataset(settings["images"])

    def right(theta: np.ndarray) -> float:
        return accuracy(net, theta, data.test_x, data.test_y)

    g = LaPerm(net, k=settings["k"], seed=seed)
    done = _fit(settings, seed, g, net)
    row: Row = {
        "test": done.test_accuracy,
        "random": right(g.theta0),
        "shuffled": right(shuffled_rows(net, done.theta, seed)),
    }
    for name in settings["fresh"]:
        drawn = draw_values(net, name, seed=seed + 1000)
        row[f"{name} fresh"] = right(arranged(net, drawn, done.theta))
    two = draw_values(net, "signed", seed=seed + 1000)
    row["two fresh"] = right(arranged(net, two, done.theta))
    views = [net.layout.views(theta) for theta in (g.theta0, done.theta)]
    row["order"] = [_alike(views[0][n], views[1][n]) for n in prunable(net)]
    return row


def _alike(first: np.ndarray, last: np.ndarray) -> float:
    """The mean over rows of Spearman's correlation, for values that all differ."""
    ranks = [w.argsort(axis=1).argsort(axis=1) for w in (first, last)]
    pairs = zip(*ranks, strict=True)
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs]))


def profile(settings: Row, seed: int) -> Row:
    """Compare the weight profiles of neurons, untrained, trained, and dealt out anew.

    Returns:
        Lists over layers: start and trained, how far profiles lie apart (see
        `weird.laperm.apart`) before and after ordinary training; dealt: the same of the
        trained weights of a layer, dealt out to its neurons at random. curves: for each
        layer the profiles of three neurons and the mean one, each at `points` places
        of equal distance. moved: the fraction of weights that training moved at all.
    """
    net = _net(settings)
    start = LaPerm(net, seed=seed).theta0
    g = Shifted(Dense(net, seed=seed), start)
    done = _fit(settings, seed, g, net, lr=settings["dense lr"])
    row: Row = {"test": done.test_accuracy, "start": [], "trained": [], "dealt": []}
    row["curves"], row["moved"] = [], float((done.theta != start).mean())
    first = profiles(net, start)
    for name, trained in profiles(net, done.theta).items():
        flat = stream(seed, f"dealt/{name}").permutation(trained.reshape(-1))
        row["start"].append(apart(first[name]))
        row["trained"].append(apart(trained))
        row["dealt"].append(apart(np.sort(flat.reshape(trained.shape), axis=1)))
        at = np.linspace(0, trained.shape[1] - 1, settings["points"]).round()
        lines = [*trained[:3], trained.mean(0)]
        row["curves"].append([line[at.astype(int)].tolist() for line in lines])
    return row


# ----------------------------------------------------------------------------
# A curve; messages
# ----------------------------------------------------------------------------


def curve(settings: Row, seed: int) -> Row:
    """Fit a curve with more and more hinges, by arranging their weights alone.

    Returns:
        Lists over `places` of largest errors: test, LaPerm; straight, with no
        synchronisation; free: the weights move freely; random: untrained. squared:
        LaPerm's mean squared error. bits: of the arrangements there are.
    """
    x = np.linspace(0, 1, settings["points"])
    y, rows = CURVES[settings["curve"]](x), []
    how = {"lr": settings["lr"], "steps": settings["steps"]}
    for n in settings["places"]:
        net = curve_net(n)
        drawn = {"values": settings["values"], "gain": settings["gain"], "seed": seed}
        g = LaPerm(net, k=settings["k"], **drawn)
        done = fit_curve(g, x, y, **how)
        untrained = net(g.theta0, x[:, None].astype(np.float32)).numpy()[:, 0]
        straight = fit_curve(LaPerm(net, k=None, **drawn), x, y, **how)
        free = fit_curve(Dense(net, seed=seed), x, y, **how)
        rows.append(
            {
                "test": done.largest,
                "squared": float(((done.y - y) ** 2).mean()),
                "straight": straight.largest,
                "free": free.largest,
                "random": float(np.abs(untrained - y).max()),
                "bits": g.bits(),
            }
        )
    return _lists(rows)


def common(settings: Row, seed: int) -> Row:
    """Send arrangements of values, fewer and fewer of which differ or are not 0.

    Returns:
        Lists over `sent`: test; bytes; bits, of the arrangements there are; decoded,
        the accuracy of what is decoded.
    """
    net, rows = _net(settings), []
    for drawn in settings["sent"]:
        g = LaPerm(net, k=settings["k"], seed=seed, **drawn)
        done = _fit(settings, seed, g, net)
        sent = _sent(settings, g, done.phi)
        rows.append({"test": done.test_accuracy, **sent})
    return _lists(rows)


PARTS = {
    "paper": paper,
    "periods": periods,
    "width": width,
    "values": values,
    "levels": levels,
    "controls": controls,
    "saw": saw,
    "pinned": pins,
    "pinned rows": pinned_rows,
    "location": location,
    "profiles": profile,
    "curve": curve,
    "common": common,
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


def sort_cost(rows: int = 128, n: int = 784, repeats: int = 20) -> dict[str, float]:
    """Measure the row-wise match of one layer here and now, in seconds of CPU.

    No rows are stored of this: it is another number on every machine.

    Args:
        rows: neurons.
        n: weights of each.
        repeats: of which the quickest counts.

    Returns:
        seconds by back-end, numpy's and, where it is there, numba's.

    >>> sorted(sort_cost(4, 10, repeats=1))[-1]
    'numpy'
    """
    rng = np.random.default_rng(0)
    ordered, copy = rng.normal(size=(2, rows, n)).astype(np.float32)
    found = {}
    for name in ("numpy", "numba"):
        try:
            with use_backend(name):
                rank_match(ordered, copy)  # compiles
                times = []
                for _ in range(repeats):
                    started = time.process_time()
                    rank_match(ordered, copy)
                    times.append(time.process_time() - started)
        except ImportError:
            continue
        found[name] = min(times)
    return found


def grid(scale: str) -> list[Row]:
    """List the settings of a scale, the most needed first."""
    few = {"scale": "quick", "images": 4_000, "epochs": 2}
    if scale == "quick":
        return [
            {**CONTROLS, **few, "dense lr": [3e-3]},
            {**PERIODS, **few, "k": [1, 5, 20]},
            {**CURVE, "scale": "quick", "places": [20, 80], "steps": 500},
        ]
    if scale == "full":
        far = {"scale": "full", "epochs": 45}
        return [{**PERIODS, **far}, {**CONTROLS, **far}, {**VALUES, **far}]
    low = {"lr": 1e-3}
    some = {"keep": [0.7, 0.5, 0.3, 0.2, 0.1, 0.05]}
    return [
        PAPER_F1,
        PAPER_F2,
        CONTROLS,
        PERIODS,
        COMMON,
        VALUES,
        LOCATION,
        SAW,
        PINNED,
        PINNED_ROWS,
        CURVE,
        PROFILES,
        WIDTH,
        {**VALUES, **some, "scaled": True},
        {**VALUES, **some, "draw": "single"},
        {**VALUES, **some, "draw": "single", "gain": 0.3},
        {**VALUES, "draw": "signed"},
        {**VALUES, "draw": "normal"},
        {**VALUES, "draw": "even"},
        {**VALUES, "k": None, "keep": [1.0, 0.5, 0.1]},
        {**VALUES, **some, "draw": "single", "k": None},
        {**VALUES, "draw": "signed", "k": None},
        LEVELS,
        {**LEVELS, "k": None},
        {**COMMON, "k": None, "sent": STRAIGHT},
        {**PERIODS, **low, "k": [5, 20, 100, 250, 1000]},
        {**PERIODS, "pace": "rate", "k": [5, 20, 100, 250]},
        {**CONTROLS, **low},
        {**CURVE, "curve": "step"},
        {**CURVE, "values": "uniform"},
    ]


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(VALUES)
    'values, uniform, k 20, 7 keeps'
    >>> label(PAPER_F1)
    'paper, 784-10, k 250, 1 keeps, rate 1e-3'
    """
    words = [settings["part"]]
    if settings["part"] == "paper":
        words.append("-".join(map(str, settings["widths"])))
    for key in ("draw", "curve"):
        words += [settings[key]] if key in settings else []
    words += ["scaled"] if settings.get("scaled") else []
    words += ["gain 0.3"] if settings.get("gain") == 0.3 else []
    if isinstance(k := settings["k"], list):
        words.append(f"{len(k)} ks")
    else:
        words.append("straight through" if k is None else f"k {k}")
    if isinstance(settings.get("keep"), list):
        words.append(f"{len(settings['keep'])} keeps")
    words += ["rate 1e-3"] if settings["lr"] == 1e-3 else []
    return ", ".join(words)


STUDY = Study(
    name=NAME,
    about="What can a network learn if each neuron's weights only change places?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.laperm:run,paper,periods,width,values,levels,controls,saw,"
        "pins,pinned_rows,location,profile,curve,common,Teeth,Shifted,Moves,Firsts,"
        "_alike,_fit,_sent,_net",
        "minitorch.studies.pruned:dataset",
        "minitorch.weird.laperm",
        "minitorch.weird.coding",
        "minitorch.train",
    ),
    tolerance={
        "bytes": 2,
        "bits": 1e-6,
        "count": 0,
        "test": 0.1,
        "dense": 0.02,
        "once": 0.15,
        "layer": 0.02,
        "straight": 0.15,
        "shuffled": 0.15,
        "decoded": 0.1,
    },
    needs={
        "quick": "20 seconds of one core a seed",
        "book": "full MNIST in MINITORCH_DATA; 40 minutes of one core",
        "full": "full MNIST in MINITORCH_DATA; 3 hours of one core (a guess)",
    },
)
