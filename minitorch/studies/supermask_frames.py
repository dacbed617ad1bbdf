"""What the widgets of the chapter "Supermasks" show.

The scatter is of a network that is at hand, such as the reader's own, before training
and after it. The keyboard's numbers are drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minitorch.nn import Network
from minitorch.random import stream
from minitorch.studies import subset_sums
from minitorch.train import Examples, accuracy
from minitorch.weird.pruning import fresh, kept_count, prunable
from minitorch.weird.supermask import CRITERIA, Score

KEEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
# What each criterion keeps, in words for a menu.
SAYS = {
    "large_final": "large after training",
    "small_final": "small after training",
    "large_init": "large before training",
    "small_init": "small before training",
    "large_init_large_final": "large before and after",
    "small_init_small_final": "small before and after",
    "magnitude_increase": "grown most in size",
    "movement": "moved farthest, in either direction",
    "random": "left to chance",
    "large_final_same_sign": "large after training, with the old sign",
    "large_final_diff_sign": "large after training, with a new sign",
    "magnitude_increase_same_sign": "grown most, with the old sign",
    "magnitude_increase_diff_sign": "grown most, with a new sign",
}
SHOWN = (
    "large_final",
    "large_final_same_sign",
    "magnitude_increase",
    "movement",
    "large_init",
    "small_final",
    "random",
)
NAMES = {"supermask": "this mask on its own start", "fresh_start": "on another start"}


def places(score: np.ndarray, name: str, seed: int) -> np.ndarray:
    """Say in which order weights are kept: 0 for the one of the largest score.

    Of equal scores chance decides, as in `weird.supermask.criterion_mask`, whose masks
    are places < kept_count(n, keep).

    Args:
        score: (n,) of one layer.
        name: of the layer.
        seed: of the choice among equals.

    Returns:
        (n,) whole numbers, each from 0 to n - 1 once.

    >>> places(np.array([0.2, 0.9, -1.0]), "w", seed=0)
    array([1, 0, 2])
    """
    chance = stream(seed, f"ties/{name}").permutation(score.size)
    found = np.empty(score.size, int)
    found[np.lexsort((chance, -score))] = np.arange(score.size)
    return found


def scatter(
    net: Network,
    theta0: np.ndarray,
    trained: np.ndarray,
    data: Examples,
    *,
    criteria: Sequence[str] | Mapping[str, Score] = SHOWN,
    keeps: Sequence[float] = KEEPS,
    points: int = 1000,
    images: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Arrange a network before and after training as `widgets.WeightScatter` takes it.

    Args:
        net: the network.
        theta0: (D,) its weights before training.
        trained: (D,) and after it.
        data: what is tested on.
        criteria: names in `CRITERIA`, or name -> function (wi, wf) -> score, for one
            of your own.
        keeps: the fractions that are measured.
        points: how many weights of each layer are shown, at most: evenly spaced in the
            order of the first criterion.
        images: how many test images accuracies are of, at most.
        seed: of another start, and of the choice among equals.

    Returns:
        layers, criteria, keeps, arms, names, chance, images and a title, and compute,
        which measures at another keep, on the same images.

    Raises:
        ValueError: when there is no such criterion, or a score is not a number.

    Source: Zhou et al. (2019), section 4.

    >>> from minitorch.data import load
    >>> from minitorch.models import mlp
    >>> net, data = mlp(784, 10, 10, bias=False), load("mnist").take(100, 50)
    >>> found = scatter(net, net.init(0), 2 * net.init(0), data, keeps=[0.5, 1])
    >>> [layer["weights"] for layer in found["layers"]]
    [7840, 100]
    >>> sorted(found["arms"]), len(found["arms"]["supermask"]["large final"])
    (['fresh_start', 'supermask'], 2)
    """
    if not isinstance(criteria, Mapping):
        for name in criteria:
            if name not in CRITERIA:
                known = ", ".join(CRITERIA)
                raise ValueError(f"no criterion {name!r}; there are {known}")
        criteria = {name: CRITERIA[name] for name in criteria}
    before, after = (net.layout.views(np.asarray(w)) for w in (theta0, trained))
    order = {name: np.zeros(net.layout.size, int) for name in criteria}
    for name, score in criteria.items():
        for piece in prunable(net):
            scores = np.asarray(score(before[piece], after[piece]), float).ravel()
            if scores.size != before[piece].size or np.isnan(scores).any():
                raise ValueError(
                    f"{name}: one score for each weight of {piece}, none of them nan"
                )
            order[name][net.layout.slices[piece]] = places(scores, piece, seed)
    starts = {"supermask": np.asarray(theta0), "fresh_start": fresh(net, seed)}
    x, y = data.test_x[:images], data.test_y[:images]

    def measure(criterion: str, keep: float) -> dict[str, float]:
        mask = np.ones(net.layout.size, bool)
        for piece in prunable(net):
            part = net.layout.slices[piece]
            count = kept_count(part.stop - part.start, keep)
            mask[part] = order[called[criterion]][part] < count
        return {key: accuracy(net, w * mask, x, y) for key, w in starts.items()}

    called = {name.replace("_", " "): name for name in criteria}
    whole = measure(next(iter(called)), 1.0)  # the same by every criterion
    found = {
        criterion: [whole if keep == 1 else measure(criterion, keep) for keep in keeps]
        for criterion in called
    }
    arms = {
        key: {name: [each[key] for each in row] for name, row in found.items()}
        for key in starts
    }
    first = next(iter(called))
    own, other = (np.array(arms[key][first]) for key in starts)
    at = int(own.argmax())
    return {
        "layers": [
            _layer(net, piece, before[piece], after[piece], order, points)
            for piece in prunable(net)
        ],
        "criteria": {new: SAYS.get(old, "your own") for new, old in called.items()},
        "keeps": list(keeps),
        "arms": arms,
        "names": NAMES,
        "chance": float(np.bincount(y).max() / len(y)),
        "images": len(y),
        "compute": measure,
        "title": f"Never trained, at its best keep by {first}, {keeps[at]:g}, the "
        f"network reads {own[at]:.1%}; the same mask on another start {other[at]:.1%}",
    }


def _layer(
    net: Network,
    piece: str,
    before: np.ndarray,
    after: np.ndarray,
    order: Mapping[str, np.ndarray],
    points: int,
) -> dict[str, Any]:
    """Choose some weights of a layer to show."""
    part = net.layout.slices[piece]
    ranked = np.argsort(next(iter(order.values()))[part])
    shown = min(points, before.size)
    some = ranked[((np.arange(shown) + 0.5) * before.size / shown).astype(int)]
    return {
        "name": piece.removesuffix(".weight"),
        "weights": before.size,
        "before": before.ravel()[some],
        "after": after.ravel()[some],
        "places": {
            name.replace("_", " "): each[part][some] for name, each in order.items()
        },
        "unmoved": float((before == after).mean()),
    }


def keys(numbers: int = 12, draws: int = 8, seed: int = 0) -> dict[str, Any]:
    """Draw numbers as `widgets.SubsetSumKeys` takes them, with the stored errors.

    Args:
        numbers: how many keys, at most 14.
        draws: how many sets of them.
        seed: of the numbers, uniform from -1 to 1.

    Returns:
        numbers (draws, numbers); typical, the n and the median errors of the best
        subset in the book's rows; and a title.

    >>> found = keys(draws=2)
    >>> found["numbers"].shape, found["title"]
    ((2, 12), 'Of 4,096 sums of 12 random numbers the best is within ... half of ...')
    """
    random = stream(seed, "subset-sum/keys")
    wanted = {"scale": "book", "part": "errors"}
    errors = subset_sums.STUDY.results("median", **wanted).mean(axis=0)
    ns = np.array(subset_sums.STUDY.stored(**wanted)[0]["settings"]["n"])
    usual = float(errors[ns == numbers][0])
    return {
        "numbers": random.uniform(-1, 1, (draws, numbers)),
        "typical": (ns, errors),
        "title": f"Of {2**numbers:,} sums of {numbers} random numbers the best is "
        f"within {usual:.2g} of a weight half of the time",
    }
