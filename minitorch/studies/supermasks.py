"""The study behind the chapter "Supermasks": random weights, and which of them to use.

Masks that ordinary training leaves behind, laid on weights that were never trained;
masks that are learned, drawn at random or the largest scores; and what a mask costs to
send. After Zhou et al. (2019) and Ramanujan et al. (2020).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from minitorch.data import Dataset
from minitorch.models import mlp
from minitorch.nn import Network
from minitorch.random import stream
from minitorch.studies.pruned import dataset
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.tensor import Tensor, no_grad
from minitorch.train import Fit, Map, accuracy, fit
from minitorch.weird import (
    Dense,
    Hypernetwork,
    Parametrization,
    Subspace,
    Supermask,
    apply,
    decode,
)
from minitorch.weird.pruning import prunable
from minitorch.weird.supermask import (
    CRITERIA,
    chances,
    criterion_mask,
    mask_one,
    mask_zero,
    treated,
)

NAME = "supermasks"
WIDTHS = [784, 300, 100, 10]
OTHERS = ["large_final", "large_final_same_sign", "magnitude_increase"]
GAINS = ("right", "none", "wrong")
HIDDEN = [[75, 25], [150, 50], [300, 100], [600, 200]]

# What is done to the weights that a mask keeps, and to those that it drops.
ACTIONS = {
    "rewind, zero": ("rewind", "zero"),
    "fresh, zero": ("fresh", "zero"),
    "fresh same signs, zero": ("fresh_same_signs", "zero"),
    "reshuffled, zero": ("reshuffled", "zero"),
    "reshuffled same signs, zero": ("reshuffled_same_signs", "zero"),
    "constant, zero": ("constant", "zero"),
    "constant same signs, zero": ("constant_same_signs", "zero"),
    "rewind, frozen": ("rewind", "frozen"),
    "rewind, frozen grown": ("rewind", "frozen_grown"),
    "rewind, frozen shuffled": ("rewind", "frozen_shuffled"),
    "rewind, frozen shrunk": ("rewind", "frozen_shrunk"),
    "shrunk at zero, zero": ("shrunk_at_zero", "zero"),
    "shrunk at zero, frozen grown": ("shrunk_at_zero", "frozen_grown"),
}

_BASE: Row = {"scale": "book", "widths": WIDTHS, "images": 60_000, "batch": 128}
CRITERION: Row = {
    **_BASE,
    "part": "criteria",
    "criteria": list(CRITERIA),
    "others": OTHERS,
    "keep": [0.05, 0.1, 0.2, 0.3, 0.5, 0.7],
    "epochs": 2,
    "lr": 1.2e-3,
}
ACTION: Row = {
    **_BASE,
    "part": "actions",
    "actions": list(ACTIONS),
    "keep": 0.1,
    "epochs": 2,
    "lr": 1.2e-3,
}
FROZEN = ["rewind, zero", "rewind, frozen", "rewind, frozen grown"]
FROZEN += ["rewind, frozen shuffled", "rewind, frozen shrunk"]
FEW_KEPT, FROZEN_KEEPS = 0.05, [0.2, 0.5]

LONG = 20  # passes of a learned mask
SHORTER = [2, 6]  # for the curve
OTHER = 1_000  # added to a seed: another start
# Rates are of seed 99. Signed-glorot, rescaled, 60,000 digits, read by threshold: 6
# passes of Adam at 0.3, 1, 3 read 96.9, 91.8, 45.0 %, of SGD at 100 (the authors' rate)
# 96.4 %; 20 passes of Adam at 0.1, 0.3 98.0, 97.4 %. Glorot, as it is, 6 passes of Adam
# at 0.3, 1: 93.3, 91.0 %.
LEARNED: Row = {
    **_BASE,
    "part": "learned",
    "weights": "signed-glorot",
    "rescale": True,
    "s0": 0.0,
    "samples": 10,
    "pixels": "0 to 1",
    "epochs": LONG,
    "optimiser": "adam",
    "lr": 0.1,
}
# Edge-popup, signed, SGD, seed 99, 20,000 digits, 3 passes: at keep 0.05 rates 0.3, 1,
# 3 read 93.4, 91.3, 88.7 %; at 0.5 rates 0.1, 0.3, 1, 3 read 92.8, 94.7, 95.8, 95.7 %.
# See `rate`.
POPUP: Row = {
    **_BASE,
    "part": "popup",
    "weights": "signed",
    "gain": "right",
    "scope": "layer",
    "keep": [0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1.0],
    "epochs": 2,
}
# Ordinary training, 2 passes: at 0.0012, 0.0024, 0.005, 0.01 784-300-100-10 reads 97.2,
# 97.7, 97.9, 97.6 %, 784-75-25-10 95.1, 96.2, 97.0, 97.0 %.
WIDTH: Row = {**POPUP, "part": "width", "keep": [0.5], "dense lr": 5e-3}
LONGER, LONGER_KEEPS = 10, [0.3, 0.5]  # passes, and at which keeps

# The common row: one network and one split of the data for every method of the course.
_COMMON: Row = {**_BASE, "net": "common", "images": 8_000, "epochs": 10}
COMMON: Row = {
    **_COMMON,
    "part": "common",
    "weights": "signed",
    "gain": "right",
    "scope": "layer",
    "keep": [0.5, 0.2, 0.1, 0.05, 0.02],
}
DRAWN: Row = {
    **_COMMON,
    "part": "drawn",
    "weights": "signed-glorot",
    "rescale": True,
    "starts": [-4.0, -2.0, 2.0],
    "optimiser": "adam",
    "lr": 0.3,
}
# On seed 99, Adam: on a generator of n = 8 rates 0.03, 0.1 read 87.4, 86.8 %, of n = 32
# 93.4, 94.1 %; in a subspace of d = 750 0.03, 0.3 read 63.8, 65.4 %.
_COMPOSED: Row = {**_COMMON, "part": "composed", "keep": 0.5, "optimiser": "adam"}
ON_GENERATOR: Row = {**_COMPOSED, "on": "generator", "n": [8, 16, 32], "lr": 0.1}
IN_SUBSPACE: Row = {
    **_COMPOSED,
    "on": "subspace",
    "d": 750,
    "bits": [8, 6, 4, 3],
    "lr": 0.1,
}


def rate(keep: float) -> float:
    """Give edge-popup's learning rate, for SGD with momentum; see `POPUP`.

    >>> rate(0.05), rate(0.5)
    (0.3, 1.0)
    """
    return 0.3 if keep < 0.1 else 1.0


def gain(name: str, keep: float) -> float | None:
    """Give the factor on weights of spread sqrt(2 / fan_in): None is the right one.

    "wrong" divides by the fraction that is dropped, where the fraction kept is meant.

    Raises:
        ValueError: for another name.

    >>> gain("wrong", keep=0.75), gain("none", keep=0.75)
    (2.0, 1.0)
    """
    if name not in GAINS:
        raise ValueError(f"no gain {name!r}; there are {', '.join(GAINS)}")
    if name == "right":
        return None
    return 1.0 if name == "none" else (1 - keep) ** -0.5


def _net(settings: Row) -> Network:
    return mlp(*settings["widths"], bias=False)


@cache
def _standardised(images: int) -> Dataset:
    data = dataset(images)
    middle, spread = data.train_x.mean(), data.train_x.std()
    x, test_x = ((each - middle) / spread for each in (data.train_x, data.test_x))
    return replace(data, train_x=x, test_x=test_x, changes=("standardised",))


def digits(settings: Row) -> Dataset:
    """Give the digits: pixels from 0 to 1, or less their mean, over their spread.

    >>> x = digits({"images": 100, "pixels": "standardised"}).train_x
    >>> bool(abs(x.mean()) < 1e-3), round(float(x.std()), 3)
    (True, 1.0)
    """
    if settings.get("pixels") == "standardised":
        return _standardised(settings["images"])
    return dataset(settings["images"])


def _fit(settings: Row, seed: int, g: Map, net: Network, **how: Any) -> Fit:
    """Train at the settings, or at another rate or by another optimiser."""
    shared = {key: settings[key] for key in ("epochs", "batch")}
    how = {"lr": settings.get("lr"), **how}
    return fit(net, g, digits(settings), seed=seed, **shared, **how)


def _controls(settings: Row, g: Supermask, other: Supermask, phi: np.ndarray) -> Row:
    """Test accuracy of a mask on another start, and of its places shuffled by layer."""
    data, moved = digits(settings), phi.copy()
    for name in prunable(g):
        piece = g.layout.slices[name]
        places = stream(g.seed, f"shuffled scores/{name}").permutation(
            piece.stop - piece.start
        )
        moved[piece] = phi[piece][places]
    return {
        "other": accuracy(g.net, apply(other, phi), data.test_x, data.test_y),
        "shuffled": accuracy(g.net, apply(g, moved), data.test_x, data.test_y),
    }


def _sent(settings: Row, g: Parametrization, phi: np.ndarray, bits: int = 8) -> Row:
    """The length of a message in bytes, and the accuracy of what is decoded."""
    data, message = dataset(settings["images"]), g.message(phi, bits=bits)
    theta = decode(message, g.net)[0]
    right = accuracy(g.net, theta, data.test_x, data.test_y)
    return {"bytes": len(message), "decoded": right}


def _lists(rows: list[Row]) -> Row:
    """One row of lists out of a list of rows."""
    return {name: [row[name] for row in rows] for name in rows[0]}


# ----------------------------------------------------------------------------
# Masks from training
# ----------------------------------------------------------------------------


def criteria(settings: Row, seed: int) -> Row:
    """Train a network, mask by each criterion what it was before, and test that.

    Returns:
        test: accuracy of the trained network. For each criterion a list over `keep`
        of test accuracies: of theta0 masked under its name; under "NAME constant" of
        the signed constant masked; and for `others` under "NAME other" of another
        start masked, under "NAME trained" of the trained weights masked. flipped:
        the fraction of each layer's weights whose sign training changed; alike: the
        correlation of each layer's weights before and after.
    """
    net, data = _net(settings), dataset(settings["images"])
    theta0 = net.init(seed)
    done = _fit(settings, seed, Dense(net, seed=seed), net)
    before, after = net.layout.views(theta0), net.layout.views(done.theta)
    pairs = [(before[name].ravel(), after[name].ravel()) for name in prunable(net)]
    row: Row = {
        "test": done.test_accuracy,
        "flipped": [float((wi * wf < 0).mean()) for wi, wf in pairs],
        "alike": [float(np.corrcoef(wi, wf)[0, 1]) for wi, wf in pairs],
    }
    whole = np.ones(net.layout.size, bool)
    start = {
        "": theta0,
        " constant": mask_one(
            "constant_same_signs", net, theta0, done.theta, whole, seed=seed
        ),
        " other": mask_one("fresh", net, theta0, done.theta, whole, seed=seed),
        " trained": done.theta,
    }
    for name in settings["criteria"]:
        for keep in settings["keep"]:
            mask = criterion_mask(net, name, theta0, done.theta, keep, seed=seed)
            for what, weights in start.items():
                if what in ("", " constant") or name in settings["others"]:
                    right = accuracy(net, weights * mask, data.test_x, data.test_y)
                    row.setdefault(name + what, []).append(right)
    return row


def actions(settings: Row, seed: int) -> Row:
    """Train, prune by size, and train again from what each pair of actions leaves.

    Returns:
        whole: accuracy before pruning. For each pair test accuracy after training
        under its name, and under "NAME untrained" before. zeroed: the fraction of the
        dropped weights that "frozen grown" puts at 0.
    """
    net, data = _net(settings), dataset(settings["images"])
    theta0 = net.init(seed)
    done = _fit(settings, seed, Dense(net, seed=seed), net)
    mask = criterion_mask(net, "large_final", theta0, done.theta, settings["keep"])
    ends = net, theta0, done.theta, mask
    grown = mask_zero("frozen_grown", *ends, seed=seed)
    row: Row = {"whole": done.test_accuracy, "zeroed": float(1 - grown[~mask].mean())}
    for pair in settings["actions"]:
        one, zero = ACTIONS[pair]
        start, alive = (
            mask_one(one, *ends, seed=seed),
            mask_zero(zero, *ends, seed=seed),
        )
        untrained = start * mask + theta0 * alive
        row[f"{pair} untrained"] = accuracy(net, untrained, data.test_x, data.test_y)
        g = treated(net, mask, start, alive, seed=seed)
        row[pair] = _fit(settings, seed, g, net).test_accuracy
    return row


# ----------------------------------------------------------------------------
# Masks that are learned
# ----------------------------------------------------------------------------


def learned(settings: Row, seed: int) -> Row:
    """Learn the chances of a mask, and read it in every way there is.

    Returns:
        Test accuracies: threshold, of the weights with a chance of one half or more;
        mean, of weights times their chances; sample, the mean over `samples` drawn
        masks; vote, of the sum of their probabilities. Of the mask by threshold also
        other, on another start, and shuffled, at shuffled places of each layer. ones:
        the fraction over the threshold; density: the mean chance; undecided: the
        fraction of chances between 0.1 and 0.9.
    """
    net, data = _net(settings), digits(settings)
    how = {key: settings[key] for key in ("weights", "rescale", "s0")}

    def mask(read: str, seed: int = seed) -> Supermask:
        return Supermask(net, kind="bernoulli", read=read, seed=seed, **how)

    def weights(read: str) -> np.ndarray:
        with no_grad():
            return mask(read)(Tensor(done.phi), rng=rng).numpy()

    g = mask("threshold")
    done = _fit(settings, seed, g, net, optimiser=settings["optimiser"])
    rng = np.random.default_rng([seed, 1])
    votes, alone = np.zeros((len(data.test_y), settings["widths"][-1])), []
    for _ in range(settings["samples"]):
        with no_grad():
            logits = net(weights("sample"), data.test_x).numpy().astype(np.float64)
        alone.append(float((logits.argmax(1) == data.test_y).mean()))
        odds = np.exp(logits - logits.max(1, keepdims=True))
        votes += odds / odds.sum(1, keepdims=True)
    p = chances(done.phi)
    return {
        "threshold": done.test_accuracy,
        "mean": accuracy(net, weights("mean"), data.test_x, data.test_y),
        "sample": float(np.mean(alone)),
        "vote": float((votes.argmax(1) == data.test_y).mean()),
        "ones": float((done.phi >= 0).mean()),
        "density": float(p.mean()),
        "undecided": float(((p > 0.1) & (p < 0.9)).mean()),
        **_controls(settings, g, mask("threshold", seed + OTHER), done.phi),
    }


def _scored(settings: Row, keep: float, seed: int) -> Supermask:
    how = {key: settings[key] for key in ("scope", "weights")}
    factor = gain(settings["gain"], keep)
    return Supermask(_net(settings), keep=keep, gain=factor, seed=seed, **how)


def _popup(settings: Row, keep: float, seed: int) -> tuple[Supermask, Fit]:
    g = _scored(settings, keep, seed)
    return g, _fit(settings, seed, g, g.net, lr=rate(keep), optimiser="sgd")


def popup(settings: Row, seed: int) -> Row:
    """Learn by edge-popup which weights to use, at each `keep`.

    Returns:
        test: accuracies; start: those of the mask that the first scores make; other:
        of the last mask on another start; shuffled: of its places shuffled by layer;
        moved: the fraction of masked weights whose entry is another after training;
        kept: the fraction kept of each layer. Lists over `keep`.
    """
    data, rows = dataset(settings["images"]), []
    for keep in settings["keep"]:
        g, done = _popup(settings, keep, seed)
        first, last = g.mask(g.init(seed)), g.mask(done.phi)
        pieces = g.layout.views(last)
        start = accuracy(g.net, g.theta0 * first, data.test_x, data.test_y)
        rows.append(
            {
                "test": done.test_accuracy,
                "start": start,
                "moved": float((first != last).mean()),
                "kept": [float(pieces[name].mean()) for name in prunable(g)],
                **_controls(
                    settings, g, _scored(settings, keep, seed + OTHER), done.phi
                ),
            }
        )
    return _lists(rows)


def width(settings: Row, seed: int) -> Row:
    """Compare edge-popup with ordinary training, for a network of these widths.

    Returns:
        test: accuracy of the mask, a list over `keep`; dense: of ordinary training;
        D.
    """
    net, lr = _net(settings), settings["dense lr"]
    return {
        "test": [_popup(settings, k, seed)[1].test_accuracy for k in settings["keep"]],
        "dense": _fit(settings, seed, Dense(net, seed=seed), net, lr=lr).test_accuracy,
        "D": net.layout.size,
    }


# ----------------------------------------------------------------------------
# Messages
# ----------------------------------------------------------------------------


def common(settings: Row, seed: int) -> Row:
    """Send the mask of edge-popup, at each `keep`.

    Returns:
        Lists over `keep`: test, bytes, and decoded, the accuracy of what is decoded.
    """
    rows = []
    for keep in settings["keep"]:
        g, done = _popup(settings, keep, seed)
        rows.append({"test": done.test_accuracy, **_sent(settings, g, done.phi)})
    return _lists(rows)


def drawn(settings: Row, seed: int) -> Row:
    """Send a learned mask, read by threshold, from each score that it starts at.

    Returns:
        Lists over `starts`: test, bytes, decoded, and ones: the fraction kept.
    """
    net, rows = _net(settings), []
    how = {key: settings[key] for key in ("weights", "rescale")}
    for s0 in settings["starts"]:
        g = Supermask(net, kind="bernoulli", s0=s0, seed=seed, **how)
        done = _fit(settings, seed, g, net, optimiser=settings["optimiser"])
        ones = float((done.phi >= 0).mean())
        row = {"test": done.test_accuracy, "ones": ones}
        rows.append({**row, **_sent(settings, g, done.phi)})
    return _lists(rows)


def composed(settings: Row, seed: int) -> Row:
    """Stack a supermask and another map, and send what comes out.

    on="generator": the mask chooses among the numbers of a hypernetwork, which are
    random and fixed, and it writes the weights: one of `n` numbers an embedding.
    on="subspace": edge-popup's scores move in a random subspace of d dimensions.

    Returns:
        test, bytes, decoded and d, how many numbers are trained: lists over `n`, or
        over `bits`.

    Raises:
        ValueError: for another `on`.
    """
    net, keep = _net(settings), settings["keep"]
    if settings["on"] == "generator":
        rows = []
        for n in settings["n"]:
            pieces = ["dense1.weight", "dense2.weight"]
            writer = Hypernetwork(net, pieces, n=n, tile=(28, 100), seed=seed)
            g = Supermask(writer, keep=keep, seed=seed)
            how = {"lr": settings["lr"], "optimiser": settings["optimiser"]}
            done = _fit(settings, seed, g, net, **how)
            row = {"test": done.test_accuracy, "d": g.layout.size}
            rows.append({**row, **_sent(settings, g, done.phi)})
        return _lists(rows)
    if settings["on"] != "subspace":
        raise ValueError(f"on a generator or in a subspace, got {settings['on']!r}")
    scored = Supermask(net, keep=keep, weights="signed", seed=seed)
    line = Subspace(scored, settings["d"], seed=seed)
    done = _fit(settings, seed, line, net, optimiser=settings["optimiser"])
    row = {"test": done.test_accuracy, "d": line.layout.size}
    sent = [_sent(settings, line, done.phi, bits) for bits in settings["bits"]]
    return _lists([{**row, **each} for each in sent])


PARTS = {
    "criteria": criteria,
    "actions": actions,
    "learned": learned,
    "popup": popup,
    "width": width,
    "common": common,
    "drawn": drawn,
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
    few = {"scale": "quick", "images": 4_000, "epochs": 2}
    if scale == "quick":
        return [
            {**CRITERION, **few, "criteria": OTHERS, "keep": [0.1, 0.3]},
            {**LEARNED, **few},
            {**POPUP, **few, "keep": [0.1, 0.5]},
        ]
    if scale == "full":
        far = {"scale": "full", "images": 60_000, "epochs": 100}
        return [{**CRITERION, **far}, {**LEARNED, **far}, {**POPUP, **far}]
    plain = {"rescale": False}
    glorot = {"weights": "glorot"}
    some = {"keep": [0.1, 0.3, 0.5, 0.7, 0.9]}
    four = {"keep": [0.1, 0.3, 0.7, 0.9]}
    few_passes = {**LEARNED, "epochs": SHORTER[-1]}
    return [
        CRITERION,
        POPUP,
        LEARNED,
        {**LEARNED, **plain},
        {**LEARNED, **glorot},
        {**LEARNED, **glorot, **plain},
        *[{**LEARNED, "epochs": epochs} for epochs in SHORTER],
        *[{**LEARNED, **glorot, **plain, "epochs": epochs} for epochs in SHORTER],
        {**few_passes, "s0": 2.0},
        {**few_passes, "s0": -2.0},
        {**few_passes, "pixels": "standardised"},
        {**few_passes, "pixels": "standardised", "s0": 2.0},
        COMMON,
        DRAWN,
        ON_GENERATOR,
        IN_SUBSPACE,
        {**IN_SUBSPACE, "d": 3_000},
        ACTION,
        {**ACTION, "actions": FROZEN, "keep": FEW_KEPT},
        *[{**ACTION, "actions": FROZEN, "keep": keep} for keep in FROZEN_KEEPS],
        {**POPUP, **some, "weights": "kaiming"},
        {**POPUP, **four, "gain": "wrong"},
        {**POPUP, **four, "gain": "none"},
        {**POPUP, "scope": "global", "keep": [0.05, 0.1, 0.3]},
        *[{**WIDTH, "widths": [784, *hidden, 10]} for hidden in HIDDEN],
        {**WIDTH, "keep": LONGER_KEEPS, "epochs": LONGER},
        {**CRITERION, "criteria": OTHERS, "epochs": 8},
    ]


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(POPUP)
    'popup, signed, right gain, layer, 9 keeps'
    """
    words = [settings["part"]]
    for key in ("weights", "s0", "on", "pixels"):
        words += [str(settings[key])] if key in settings else []
    words += [f"{settings['gain']} gain"] if "gain" in settings else []
    words += [settings["scope"]] if "scope" in settings else []
    if settings.get("rescale"):
        words.append("rescaled")
    if settings["part"] == "width":
        words.append("-".join(map(str, settings["widths"])))
    elif isinstance(settings.get("keep"), list):
        words.append(f"{len(settings['keep'])} keeps")
    return ", ".join(words)


STUDY = Study(
    name=NAME,
    about="How well does a random network read of which only a choice is trained?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.supermasks:run,criteria,actions,learned,popup,width,common,"
        "drawn,composed,rate,gain,digits,_standardised,_controls,_scored,_popup,_fit,"
        "_sent,_net",
        "minitorch.studies.pruned:dataset",
        "minitorch.weird.supermask",
        "minitorch.weird.coding",
        "minitorch.train",
    ),
    tolerance={
        "D": 0,
        "d": 0,
        "bytes": 500,
        "test": 0.02,
        "large_final": 0.1,
        "sample": 0.02,
        "mean": 0.02,
        "threshold": 0.1,
        "decoded": 0.05,
    },
    needs={
        "quick": "10 seconds of one core a seed",
        "book": "full MNIST in MINITORCH_DATA; 80 minutes of one core",
        "full": "full MNIST in MINITORCH_DATA; 30 hours of one core (a guess)",
    },
)
