"""The study behind "Pruning is all you need": random numbers that add up to weights.

How near do n random numbers come to a weight, by their best subset or by the nearest
of them; and what does a trained network lose that is found in a random one? After
Malach et al. (2020) and Pensia et al. (2020).
"""

from __future__ import annotations

import numpy as np

from minitorch.models import mlp
from minitorch.nn import Network
from minitorch.studies.pruned import dataset
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.train import accuracy, fit, predict
from minitorch.weird import Dense
from minitorch.weird.subset_sum import errors, nearest, rebuild, subset_sum

NAME = "subset_sums"
CHOICES = {"subset": subset_sum, "nearest": nearest}

ERRORS: Row = {
    "scale": "book",
    "part": "errors",
    "n": list(range(2, 25)),
    "single": [3, 10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000, 2000, 3000],
    "eps": [0.1, 0.03, 0.01, 0.003, 0.001, 0.0001],
    "trials": 300,
}
# On seed 99 rates 0.005, 0.01, 0.02 read 90.3, 91.8, 90.2 % of the digits.
REBUILD: Row = {
    "scale": "book",
    "part": "rebuild",
    "hidden": 16,
    "n": [4, 8, 12, 16, 20],
    "choose": "subset",
    "images": 8_000,
    "epochs": 10,
    "batch": 128,
    "lr": 0.01,
}
SINGLE: Row = {**REBUILD, "choose": "nearest"}


def measured(settings: Row, seed: int) -> Row:
    """Measure the error of random numbers that stand in for a random weight.

    Returns:
        median: of the error of the best subset of n numbers, over `trials`; within:
        for each n the share of trials with an error of at most each of `eps`.
        "nearest median" and "nearest within": the same of the one nearest number;
        "products median" and "products within": of the best subset of n products.
    """
    row: Row = {}
    for prefix, choose, ns in (
        ("", "subset", settings["n"]),
        ("nearest ", "nearest", settings["single"]),
        ("products ", "subset", settings["n"]),
    ):
        products, rule = prefix == "products ", CHOICES[choose]
        found = [
            errors(n, settings["trials"], seed, choose=rule, products=products)
            for n in ns
        ]
        row[f"{prefix}median"] = [float(np.median(each)) for each in found]
        row[f"{prefix}within"] = [
            [float((each <= eps).mean()) for eps in settings["eps"]] for each in found
        ]
    return row


def rebuilt(settings: Row, seed: int) -> Row:
    """Train a small network, and find it in random networks of twice its depth.

    Returns:
        small: its accuracy, and weights: how many it has. Lists over `n`: test, the
        accuracy of the pruned random network; agree: the share of test digits on
        which both decide alike; worst and typical: the largest and the median error
        of a weight; off: the largest distance of logits over the length of x; bound:
        what that cannot exceed; drawn: the weights of the random network; kept: how
        many of them are left; candidates: how many numbers were offered to all the
        weights, and chosen: how many of these were taken (copies not counted).
    """
    data = dataset(settings["images"])
    net: Network = mlp(784, settings["hidden"], 10, bias=False)
    how = {key: settings[key] for key in ("lr", "epochs", "batch")}
    done = fit(net, Dense(net, seed=seed), data, seed=seed, **how)
    x = data.test_x.reshape(len(data.test_x), -1)
    logits, said = net(done.theta, x).numpy(), predict(net, done.theta, x)
    row: Row = {"small": done.test_accuracy, "weights": net.layout.size}
    for n in settings["n"]:
        large = rebuild(net, done.theta, n, seed, choose=CHOICES[settings["choose"]])
        new = np.concatenate(
            [
                large.net(large.theta, x[i : i + 500]).numpy()
                for i in range(0, len(x), 500)
            ]
        )
        far = np.linalg.norm(new - logits, axis=1) / np.linalg.norm(x, axis=1)
        sums = np.concatenate([part.ravel() for part in large.sums])
        for key, value in {
            "test": accuracy(large.net, large.theta, x, data.test_y),
            "agree": float((new.argmax(1) == said).mean()),
            "worst": large.weight_error,
            "typical": float(np.median(sums)),
            "off": float(far.max()),
            "bound": large.bound,
            "drawn": large.net.layout.size,
            "kept": int(large.mask.sum()),
            "candidates": large.candidates,
            "chosen": large.chosen,
        }.items():
            row.setdefault(key, []).append(value)
    return row


def run(settings: Row, seed: int) -> Row:
    """Run the part that the settings name: see `measured` and `rebuilt`.

    Raises:
        ValueError: for another part.
    """
    parts = {"errors": measured, "rebuild": rebuilt}
    part = settings["part"]
    if part not in parts:
        raise ValueError(f"no part {part!r}; there are {', '.join(parts)}")
    return parts[part](settings, seed)


def grid(scale: str) -> list[Row]:
    """List the settings of a scale, the most needed first."""
    if scale == "quick":
        few = {"scale": "quick", "n": [4, 8, 12], "trials": 50, "single": [3, 30]}
        return [{**ERRORS, **few}]
    if scale == "full":
        # The network and the error of Pensia et al., section 4.
        far = {"scale": "full", "images": 60_000, "hidden": 500, "n": [20]}
        return [{**REBUILD, **far}]
    return [ERRORS, REBUILD, SINGLE]


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(REBUILD)
    'rebuild by subset, 5 n'
    """
    choose = f" by {settings['choose']}" if "choose" in settings else ""
    return f"{settings['part']}{choose}, {len(settings['n'])} n"


STUDY = Study(
    name=NAME,
    about="How many random numbers stand in for one weight, and what does it cost?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.subset_sums:run,measured,rebuilt",
        "minitorch.studies.pruned:dataset",
        "minitorch.weird.subset_sum",
        "minitorch.train",
    ),
    tolerance={
        "weights": 0,
        "drawn": 0,
        "median": 1e-6,
        "nearest median": 1e-6,
        "small": 0.02,
        "typical": 0.05,
    },
    needs={
        "quick": "2 seconds of one core a seed",
        "book": "1 GB of memory; 5 minutes of one core",
        "full": "full MNIST in MINITORCH_DATA; 100 GB of memory, hours (a guess)",
    },
)
