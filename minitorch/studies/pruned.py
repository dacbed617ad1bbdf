"""The study of pruning itself, and of what a pruned network costs to send.

Han, Pool, Tran, Dally (2015): train, prune each layer by size, train on. And the
common row of the course: a pruned network, rounded and coded, which is also what all
other methods are held against.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from minitorch.data import Dataset, load
from minitorch.models import lenet_300_100, mlp
from minitorch.nn import Network
from minitorch.optim import Optimiser
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.tensor import Tensor
from minitorch.train import Fit, Map, accuracy, fit
from minitorch.weird import Dense, decode
from minitorch.weird.pruning import (
    Masked,
    layer_masks,
    magnitude_mask,
    pixel_counts,
    prunable,
)

NAME = "pruned"
HAN = [0.08, 0.09, 0.26]  # kept of each layer in the paper
FIRST = [0.3, 0.34, 0.52]  # kept in between, where it is done in two rounds
BITS = [8, 6, 5, 4, 3]

QUICK: Row = {
    "scale": "quick",
    "part": "han",
    "layers": HAN,
    "first": FIRST,
    "cut": [0.5, 0.2, 0.1],
    "keep": [0.1],
    "images": 8_000,
    "epochs": 5,
    "again": 3,
    "batch": 128,
    "lr": 1.2e-3,
    "again lr": 1.2e-3,
    "decay": 0.3,
}
BOOK: Row = {
    **QUICK,
    "scale": "book",
    "cut": [0.7, 0.5, 0.33, 0.2, 0.1, 0.05, 0.02],
    "keep": [0.2, 0.1, 0.05],
    "images": 60_000,
    "epochs": 10,
    "again": 10,
}
FULL: Row = {**BOOK, "scale": "full", "epochs": 50, "again": 50}
# What the paper does otherwise than most: it trains on at a tenth of the rate, and
# holds weights small by a penalty.
TENTH: Row = {**BOOK, "again lr": 1.2e-4}
NO_DECAY: Row = {**BOOK, "decay": 0.0}

# The common row: one network and one split of the data for every method of the course.
COMMON: Row = {
    "scale": "book",
    "part": "common",
    "net": "common",
    "keep": [0.45, 0.2, 0.1, 0.05, 0.02, 0.01],
    "bits": BITS,
    "images": 8_000,
    "epochs": 10,
    "batch": 128,
    "lr": 3e-3,
}


@lru_cache(maxsize=2)
def dataset(images: int) -> Dataset:
    """Load the first digits; more than the embedded 8,000 are of full MNIST."""
    data = load("mnist", full=images > 8_000)
    return data.take(images, len(data.test_x))


def by_layer(net: Network, theta: np.ndarray, keeps: list[float]) -> np.ndarray:
    """Keep another fraction of each layer, by size; biases stay.

    Args:
        net: the network.
        theta: (D,) trained weights.
        keeps: one fraction a layer.

    Returns:
        (D,) booleans.

    Raises:
        ValueError: when there are more layers or fewer than fractions.

    >>> net = mlp(4, 3, 2)
    >>> mask = by_layer(net, net.init(0), [0.25, 0.5])
    >>> {name: int(part.sum()) for name, part in net.layout.views(mask).items()}
    {'dense1.weight': 3, 'dense1.bias': 3, 'dense2.weight': 3, 'dense2.bias': 2}
    """
    mask = np.ones(net.layout.size, bool)
    masks, weights = net.layout.views(mask), net.layout.views(theta)
    for name, keep in zip(prunable(net), keeps, strict=True):
        masks[name][...] = magnitude_mask(weights[name], keep)
    return mask


class Decayed:
    """A map for `fit` whose phi shrinks a little in each step, apart from its gradient.

    phi <- (1 - lr decay) phi after each step, with lr the rate of that step.

    Args:
        g: the map whose phi shrinks.
        decay: how much, in shares for each unit of the rate.

    Source: Loshchilov, Hutter (2019), Decoupled weight decay regularization.

    >>> from minitorch.optim import SGD
    >>> net = mlp(1, 1, bias=False)
    >>> g, phi = Decayed(Dense(net), decay=0.5), Tensor([2.0], requires_grad=True)
    >>> g.after_step(phi, SGD(phi, lr=0.1))
    >>> phi.numpy()
    array([1.9], dtype=float32)
    """

    def __init__(self, g: Map, decay: float):
        self.g, self.decay = g, decay
        self.init = g.init

    def __call__(
        self,
        phi: Tensor,
        *,
        train: bool = False,
        rng: np.random.Generator | None = None,
    ) -> Tensor:
        return self.g(phi, train=train, rng=rng)

    def after_step(self, phi: Tensor, optimiser: Optimiser) -> None:
        """Do what g does after a step, then shrink."""
        self.g.after_step(phi, optimiser)
        phi.data *= 1 - optimiser.lr * self.decay


def han(settings: Row, seed: int) -> Row:
    """Train, prune by size, train on: at once, or in two rounds.

    Weights shrink by `decay` for each unit of the rate; "again lr" is the rate at
    which training on starts.

    Returns:
        Errors on the test digits: whole; with the paper's fractions of each layer, at
        once ("cut"), after more training ("trained on"), and pruned and trained on in
        two rounds ("two rounds"); and with one fraction in all layers, at once ("cut
        at", for the fractions in `cut`) and after more training ("trained on at", for
        those in `keep`). kept: the weights of each layer at the paper's fractions, and
        pixels: how many of the first layer's weights read each pixel, by rows.
    """
    net, data = lenet_300_100(), dataset(settings["images"])
    how = {name: settings[name] for name in ("lr", "batch")}
    dense = Decayed(Dense(net, seed=seed), settings["decay"])
    whole = fit(net, dense, data, epochs=settings["epochs"], seed=seed, **how)

    def cut(mask: np.ndarray) -> float:
        return 1 - accuracy(net, whole.theta * mask, data.test_x, data.test_y)

    def trained_on(mask: np.ndarray, theta: np.ndarray = whole.theta) -> Fit:
        g = Decayed(Masked(net, mask, seed=seed, start=theta), settings["decay"])
        again = {**how, "lr": settings["again lr"]}
        return fit(net, g, data, epochs=settings["again"], seed=seed, **again)

    papers = by_layer(net, whole.theta, settings["layers"])
    pieces = net.layout.views(papers)
    between = trained_on(by_layer(net, whole.theta, settings["first"])).theta
    rounds = trained_on(by_layer(net, between, settings["layers"]), between)
    levels = [layer_masks(net, whole.theta, keep) for keep in settings["keep"]]
    return {
        "D": net.layout.size,
        "whole": 1 - whole.test_accuracy,
        "cut": cut(papers),
        "trained on": 1 - trained_on(papers).test_accuracy,
        "two rounds": 1 - rounds.test_accuracy,
        "cut at": [cut(layer_masks(net, whole.theta, k)) for k in settings["cut"]],
        "trained on at": [1 - trained_on(mask).test_accuracy for mask in levels],
        "kept": [int(pieces[name].sum()) for name in prunable(net)],
        "pixels": pixel_counts(pieces["dense1.weight"]).ravel().tolist(),
    }


def common(settings: Row, seed: int) -> Row:
    """Find a ticket round by round, and send it after each, rounded in several ways.

    The last layer is pruned at half the rate of the others, as in Frankle and Carbin.

    Returns:
        test: accuracy after each round; kept: how many weights; bytes and decoded:
        the length of each message and the accuracy of what is decoded, a list over
        `bits` for each round.
    """
    net, data = mlp(784, 300, 100, 10, bias=False), dataset(settings["images"])
    how = {name: settings[name] for name in ("lr", "epochs", "batch")}
    mask, last = np.ones(net.layout.size, bool), 1.0
    done = fit(net, Masked(net, mask, seed=seed), data, seed=seed, **how)
    row: Row = {"D": net.layout.size, "test": [], "kept": [], "bytes": []}
    row["decoded"] = []
    for keep in settings["keep"]:
        share, last = keep / last, keep
        mask = layer_masks(net, done.theta, share, mask=mask, output=(1 + share) / 2)
        g = Masked(net, mask, seed=seed)
        done = fit(net, g, data, seed=seed, **how)
        sent = [g.message(done.phi, bits=bits) for bits in settings["bits"]]
        row["test"].append(done.test_accuracy)
        row["kept"].append(int(mask.sum()))
        row["bytes"].append([len(message) for message in sent])
        row["decoded"].append(
            [
                accuracy(net, decode(message, net)[0], data.test_x, data.test_y)
                for message in sent
            ]
        )
    return row


def run(settings: Row, seed: int) -> Row:
    """Run the part that the settings name: see `han` and `common`.

    Raises:
        ValueError: for another part.
    """
    parts = {"han": han, "common": common}
    part = settings["part"]
    if part not in parts:
        raise ValueError(f"no part {part!r}; there are {', '.join(parts)}")
    return parts[part](settings, seed)


def grid(scale: str) -> list[Row]:
    """List the settings of a scale, the most needed first."""
    if scale == "book":
        return [COMMON, BOOK, NO_DECAY, TENTH]
    return [{"quick": QUICK, "full": FULL}[scale]]


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(COMMON), label(NO_DECAY)
    ('common, 6 rounds', 'han, decay 0.0, again at 0.0012')
    """
    if settings["part"] == "han":
        return f"han, decay {settings['decay']}, again at {settings['again lr']}"
    return f"common, {len(settings['keep'])} rounds"


STUDY = Study(
    name=NAME,
    about="How much of a trained network can go, and what does the rest cost to send?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.pruned:run,han,common,by_layer,dataset,Decayed",
        "minitorch.weird.pruning",
        "minitorch.weird.coding",
        "minitorch.train",
    ),
    tolerance={
        "D": 0,
        "kept": 0,
        "test": 0.02,
        "bytes": 500,
        "decoded": 0.05,
        "whole": 0.005,
        "trained on": 0.005,
    },
    needs={
        "quick": "10 seconds of one core a seed",
        "book": "full MNIST in MINITORCH_DATA; 20 minutes of one core",
        "full": "full MNIST in MINITORCH_DATA; 90 minutes of one core (a guess)",
    },
)
