"""The study behind the chapter "Lottery tickets": one ladder of keeps for each seed.

A network is trained, its smallest weights are pruned, what is left goes back to its
start and is trained again: round after round, down to less than a hundredth of the
weights. At the same masks stand the controls, each trained for as many steps as a
ticket is. After Frankle and Carbin (2019), Zhou et al. (2019), Han et al. (2015),
Liu et al. (2019) and Lee et al. (2019).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from minitorch.data import Dataset, load
from minitorch.models import lenet_300_100, mlp
from minitorch.nn import Network
from minitorch.optim import Optimiser
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.tensor import Tensor
from minitorch.train import Fit, Map, accuracy, fit
from minitorch.watch import Watched
from minitorch.weird import Dense
from minitorch.weird.pruning import (
    Masked,
    fresh,
    fresh_same_signs,
    layer_masks,
    prunable,
    shuffled,
    signed_constant,
    snip_scores,
)

NAME = "tickets"
ARMS = {
    "ticket": "lottery ticket",
    "fresh": "fresh start",
    "shuffled": "shuffled mask",
    "signed": "signed constant",
    "signs": "fresh, signs kept",
    "frozen": "pruned frozen at start",
    "oneshot": "one-shot ticket",
    "snip": "SNIP, before training",
    "snip shuffled": "SNIP's mask shuffled",
    "rewound": "rewound to a later step",
    "retrained": "trained on, every round",
    "once": "trained on, pruned once",
    "narrow": "narrower network",
    "whole long": "all weights, all rounds' steps",
    "fresh long": "fresh start, all rounds' steps",
    "shuffled long": "shuffled mask, all rounds' steps",
    "narrow long": "narrower, all rounds' steps",
}

# Levels of the ladder (0 is the whole network) at which each arm is trained. Two of
# the paper's rounds at once: of what is left, 0.64 stay, and 0.81 of the last layer.
_LOW = [8, 11]
_AT = {
    "ticket": list(range(12)),
    "fresh": [1, 2, 3, 4, 6, 8, 11],
    "shuffled": [1, 2, 3, 4, 6, 8, 11],
    "signed": _LOW,
    "signs": _LOW,
    "frozen": _LOW,
    "oneshot": [4, 8, 11],
    "snip": _LOW,
    "snip shuffled": _LOW,
    "rewound": list(range(1, 12)),
    "retrained": list(range(1, 9)),
    "once": [4, 8],
    "narrow": [4, 8, 11],
    "whole long": [8],
    "fresh long": [8],
    "shuffled long": [8],
    "narrow long": [8],
}
# Trained for seven times as long: down to level 8.
_LONGER = {"ticket": list(range(9)), "fresh": [1, 2, 4, 8], "shuffled": [8]}
_GLOBAL = {"ticket": _AT["ticket"], "fresh": [8], "shuffled": [8]}
_QUICK = {"ticket": [0, 1, 2, 3, 4], "fresh": [2, 4], "shuffled": [4]}

QUICK: Row = {
    "scale": "quick",
    "scope": "layer",
    "keep": 0.3,
    "output": 0.5,
    "at": _QUICK,
    "rewind": 20,
    "images": 6_000,
    "watched": 1_000,
    "every": 50,
    "early": [10, 20, 30, 40],
    "epochs": 4,
    "batch": 60,
    "lr": 1.2e-3,
}
BOOK: Row = {
    **QUICK,
    "scale": "book",
    "keep": 0.64,
    "output": 0.81,
    "at": _AT,
    "rewind": 100,
    "images": 45_000,
    "watched": 2_000,
    "every": 100,
    "early": [25, 50, 75, 150, 250, 350],
    "epochs": 2,
}
LONGER: Row = {
    **BOOK,
    "at": _LONGER,
    "every": 500,
    "early": [50, 100, 200, 300, 400, 750],
    "epochs": 14,
}
FULL: Row = {
    **BOOK,
    "scale": "full",
    "keep": 0.8,
    "output": 0.9,
    "at": {
        "ticket": list(range(24)),
        "fresh": list(range(1, 24)),
        "shuffled": list(range(1, 24)),
        **{arm: [8, 16, 22] for arm in list(_AT)[3:]},
        "rewound": list(range(1, 24)),
        "retrained": list(range(1, 24)),
    },
    "rewind": 500,
    "images": 55_000,
    "watched": 5_000,
    "every": 500,
    "early": [100, 200, 300, 400, 750],
    "epochs": 55,
}


@lru_cache(maxsize=2)
def dataset(images: int, watched: int) -> tuple[Dataset, Dataset]:
    """Load the digits to train on, and others to watch a run with.

    Args:
        images: how many of the training images are trained on, from the first.
        watched: how many, from those that follow, a learning curve is read from.

    Returns:
        training images with all test images, and the same with the watched ones in
        place of the test images. More than 8,000 together need full MNIST.

    >>> data, watched = dataset(6_000, 1_000)
    >>> len(data.train_y), len(data.test_y), len(watched.test_y)
    (6000, 2000, 1000)
    """
    whole = load("mnist", full=images + watched > 8_000)
    data = whole.take(images, len(whole.test_y))
    part = slice(images, images + watched)
    held = replace(data, test_x=whole.train_x[part], test_y=whole.train_y[part])
    return data, held


class Late:
    """A map for `fit` that is the whole network first, and a ticket after k steps.

    At step k the pruned weights go, and the others are where k steps brought them:
    rewinding to step k, without a copy of the weights of that step. The data's order,
    the rate and the optimiser's state go on as they were.

    Args:
        ticket: the masked map that counts from step k on.
        k: how many steps the whole network is trained for.

    Source: Frankle, Dziugaite, Roy, Carbin (2020), Linear mode connectivity and the
    lottery ticket hypothesis, section 3.

    >>> net = mlp(2, 2, bias=False)
    >>> g = Late(Masked(net, np.array([True, False, True, True])), k=1)
    >>> phi = Tensor(g.init(0))
    >>> [int((g(phi, train=True).numpy() != 0).sum()), g.after_step(phi, None),
    ...  int((g(phi, train=True).numpy() != 0).sum())]
    [4, None, 3]
    """

    def __init__(self, ticket: Masked, k: int):
        self.ticket, self.k, self._step = ticket, k, 0

    def init(self, seed: int) -> np.ndarray:
        """Give the phi that training starts from, and count from 0."""
        self._step = 0
        return self.ticket.init(seed)

    def __call__(
        self,
        phi: Tensor,
        *,
        train: bool = False,
        rng: np.random.Generator | None = None,
    ) -> Tensor:
        whole = train and self._step < self.k
        return phi if whole else self.ticket(phi, train=train, rng=rng)

    def after_step(self, phi: Tensor, optimiser: Optimiser | None) -> None:
        """Count a step."""
        self._step += 1


def narrower(weights: int) -> Network:
    """Give the widest network of LeNet-300-100's form with no more weights than that.

    Raises:
        ValueError: when not even one hidden unit fits.

    >>> narrower(7_500)
    Network mlp-784-9-3-10, D = 7,135
    """
    fits = None
    for hidden in range(1, 301):
        net = mlp(784, hidden, max(1, round(hidden / 3)), 10)
        if sum(net.layout.views(np.ones(net.layout.size))[n].size
               for n in prunable(net)) > weights:  # fmt: skip
            break
        fits = net
    if fits is None:
        raise ValueError(f"no network 784-h-h/3-10 has as few weights as {weights}")
    return fits


class Ladder:
    """What one seed's arms share: data, start, and how a run is trained and noted."""

    def __init__(self, settings: Row, seed: int):
        self.settings, self.seed = settings, seed
        self.net = lenet_300_100()
        self.theta0 = self.net.init(seed)
        self.data, self.watched = dataset(settings["images"], settings["watched"])
        self.row: Row = {}

    def masks(self, scores: np.ndarray, level: int, **how: Any) -> np.ndarray:
        """Prune by scores, by as much as so many rounds do."""
        keep, output = (self.settings[name] ** level for name in ("keep", "output"))
        if how.pop("scope", self.settings["scope"]) == "global":
            return layer_masks(self.net, scores, keep, scope="global", **how)
        return layer_masks(self.net, scores, keep, output=output, **how)

    def weights(self, mask: np.ndarray) -> list[int]:
        """Count the weights that each layer keeps."""
        pieces = self.net.layout.views(mask)
        return [int(pieces[name].sum()) for name in prunable(self.net)]

    def train(
        self, arm: str, g: Map, net: Network | None = None, times: int = 1
    ) -> Fit:
        """Train, and note under the arm's name the accuracy and the learning curve."""
        net = net or self.net
        how = {key: self.settings[key] for key in ("lr", "batch")}
        epochs = times * self.settings["epochs"]
        every, early = self.settings["every"], tuple(self.settings["early"])
        watched = Watched(g, net, self.watched, times * every, at=early)
        done = fit(net, watched, self.data, seed=self.seed, epochs=epochs, **how)
        self.row.setdefault(arm, []).append(done.test_accuracy)
        curve = [round(float(value), 4) for value in watched.accuracy]
        self.row.setdefault(f"{arm} curve", []).append(curve)
        steps = [int(step) for step in watched.steps]
        self.row.setdefault("steps" if times == 1 else "long steps", steps)
        return done

    def masked(self, mask: np.ndarray, **how: Any) -> Masked:
        """Give the map of a mask, from theta0 unless told otherwise."""
        return Masked(self.net, mask, seed=self.seed, **how)


def run(settings: Row, seed: int) -> Row:
    """Climb down the ladder once, and train the controls at the levels named in `at`.

    Every arm takes as many steps as one training of the whole network does, but for
    those called "long", which take as many as all rounds up to their level together.
    "retrained" and "once" go on from trained weights. "rewound" climbs down a ladder of
    its own: each of its masks comes from a training that went back to step `rewind`.

    Returns:
        For each arm its test accuracies, in the order of its levels, and under "ARM
        curve" the accuracies on watched digits after each of `steps` (of "long
        steps" where it is called long; only one level is run). keep: the
        fraction of all weights kept at each level, and kept: how many of each layer.
        untrained: accuracy of each ticket before its training. flipped: the fraction
        of a ticket's weights whose sign is another after training.
    """
    at, ladder = settings["at"], Ladder(settings, seed)
    net, theta0, row = ladder.net, ladder.theta0, ladder.row
    x, y = ladder.data.test_x, ladder.data.test_y
    row |= {"D": net.layout.size, "keep": [], "kept": []}
    row |= {"untrained": [], "flipped": []}
    masks = [np.ones(net.layout.size, bool)]
    fits: list[Fit] = []
    for _ in at["ticket"]:
        if fits:
            masks.append(ladder.masks(fits[-1].theta, 1, mask=masks[-1]))
        mask = masks[-1]
        fits.append(ladder.train("ticket", ladder.masked(mask)))
        kept = ladder.weights(mask)
        row["kept"].append(kept)
        row["keep"].append(sum(kept) / sum(row["kept"][0]))
        row["untrained"].append(accuracy(net, theta0 * mask, x, y))
        apart = np.sign(fits[-1].theta) != np.sign(theta0)
        row["flipped"].append(float(apart[mask & (theta0 != 0)].mean()))
    dense = fits[0]

    other = fresh(net, seed)
    signs = fresh_same_signs(net, theta0, seed)
    for level in at.get("fresh", []):
        ladder.train("fresh", ladder.masked(masks[level], start=other))
    for level in at.get("shuffled", []):
        ladder.train("shuffled", ladder.masked(shuffled(net, masks[level], seed)))
    for level in at.get("signed", []):
        start = signed_constant(net, theta0)
        ladder.train("signed", ladder.masked(masks[level], start=start))
    for level in at.get("signs", []):
        ladder.train("signs", ladder.masked(masks[level], start=signs))
    for level in at.get("frozen", []):
        ladder.train("frozen", ladder.masked(masks[level], frozen=True))
    for level in at.get("oneshot", []):
        ladder.train("oneshot", ladder.masked(ladder.masks(dense.theta, level)))
    for level in at.get("snip", []):
        batch = ladder.data.train_x[:1000], ladder.data.train_y[:1000]
        scores = snip_scores(net, theta0, *batch)
        chosen = layer_masks(net, scores, row["keep"][level], scope="global")
        ladder.train("snip", ladder.masked(chosen))
        if level in at.get("snip shuffled", []):
            moved = shuffled(net, chosen, seed)
            ladder.train("snip shuffled", ladder.masked(moved))
    mask, trained = masks[0], dense
    for _ in at.get("rewound", []):
        mask = ladder.masks(trained.theta, 1, mask=mask)
        late = Late(ladder.masked(mask), settings["rewind"])
        trained = ladder.train("rewound", late)
    mask, trained = masks[0], dense
    for _ in at.get("retrained", []):
        mask = ladder.masks(trained.theta, 1, mask=mask)
        trained = ladder.train("retrained", ladder.masked(mask, start=trained.theta))
    for level in at.get("once", []):
        mask = ladder.masks(dense.theta, level)
        ladder.train("once", ladder.masked(mask, start=dense.theta))
    for level in at.get("narrow", []):
        small = narrower(sum(row["kept"][level]))
        ladder.train("narrow", Dense(small, seed=seed), small)
    for level in at.get("whole long", []):
        ladder.train("whole long", ladder.masked(masks[0]), times=level + 1)
    for level in at.get("fresh long", []):
        g = ladder.masked(masks[level], start=other)
        ladder.train("fresh long", g, times=level + 1)
    for level in at.get("shuffled long", []):
        g = ladder.masked(shuffled(net, masks[level], seed))
        ladder.train("shuffled long", g, times=level + 1)
    for level in at.get("narrow long", []):
        small = narrower(sum(row["kept"][level]))
        ladder.train("narrow long", Dense(small, seed=seed), small, times=level + 1)
    return row


def grid(scale: str) -> list[Row]:
    """List the settings of a scale, the most needed first."""
    base = {"quick": QUICK, "book": BOOK, "full": FULL}[scale]
    few = {arm: base["at"][arm] for arm in _GLOBAL}
    if scale == "book":
        return [base, {**base, "scope": "global", "at": _GLOBAL}, LONGER]
    return [base, {**base, "scope": "global", "at": few}]


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(QUICK)
    'layer, 5 levels, 3 arms'
    """
    at = settings["at"]
    return f"{settings['scope']}, {len(at['ticket'])} levels, {len(at)} arms"


STUDY = Study(
    name=NAME,
    about="How few weights, chosen after training, train well alone from their start?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.tickets:run,Ladder,Late,narrower,dataset",
        "minitorch.weird.pruning",
        "minitorch.watch",
        "minitorch.train",
    ),
    tolerance={
        "D": 0,
        "keep": 0,
        "kept": 0,
        "untrained": 0.2,
        "ticket": 0.02,
        "fresh": 0.03,
        "shuffled": 0.06,
    },
    needs={
        "quick": "15 seconds of one core a seed",
        "book": "full MNIST in MINITORCH_DATA; 55 minutes of one core",
        "full": "full MNIST in MINITORCH_DATA; 60 hours of one core (a guess)",
    },
)
