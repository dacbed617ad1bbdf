"""What the widget of the chapter "Lottery tickets" shows, from the study's rows.

The curves are stored. The pictures are of a ladder that is at hand, such as the
reader's own: the rows hold no masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch import plots
from minitorch.nn import Network
from minitorch.studies import tickets as study
from minitorch.studies.store import Row
from minitorch.train import Examples, fit
from minitorch.weird.pruning import (
    Masked,
    fresh,
    layer_masks,
    pixel_counts,
    prunable,
)

# How each arm is drawn: its key in `plots.STYLES`.
LOOKS = {
    "ticket": "lottery",
    "fresh": "fresh_start",
    "shuffled": "shuffled_mask",
    "signed": "signed_constant",
    "oneshot": "one_shot",
    "narrow": "narrow",
}
NEAR = 0.95  # a level that keeps this part of what is asked is taken as it is


def curves(
    rows: Sequence[Row] | None = None, arms: Sequence[str] = tuple(LOOKS)
) -> dict[str, Any]:
    """Arrange the stored ladders as `widgets.TicketLadder` takes them.

    Args:
        rows: of one setting, a row a seed; None for those of `study.BOOK`, the book
            scale, pruned layer by layer.
        arms: which of `study.ARMS`, of those in `LOOKS`.

    Returns:
        keeps (n,); arms, key of a style -> accuracies (S, n), nan where an arm was
        not run; names, key -> what the arm is called; and weights, how many there are
        at keep 1.

    Raises:
        ValueError: when there is no row, or rows are not of one setting.
    """
    if rows is None:
        rows = study.STUDY.stored(**study.BOOK)
    if not rows or any(row["settings"] != rows[0]["settings"] for row in rows):
        raise ValueError(f"wanted rows of one setting, got {len(rows)} of several")
    first = rows[0]["result"]
    found, names = {}, {}
    for arm in arms:
        values = np.full((len(rows), len(first["keep"])), np.nan)
        values[:, rows[0]["settings"]["at"][arm]] = [r["result"][arm] for r in rows]
        found[LOOKS[arm]], names[LOOKS[arm]] = values, study.ARMS[arm]
    return {
        "keeps": np.array(first["keep"]),
        "arms": found,
        "names": names,
        "weights": sum(first["kept"][0]),
    }


def share(net: Network, mask: np.ndarray) -> float:
    """Say which fraction of the weights that can be pruned a mask keeps.

    Args:
        net: the network.
        mask: (D,) booleans.

    >>> from minitorch.models import mlp
    >>> share(mlp(4, 3, 2), np.arange(23) < 9)  # 9 of 18; five are biases
    0.5
    """
    parts = net.layout.views(mask)
    kept = np.concatenate([parts[name].ravel() for name in prunable(net)])
    return float(kept.mean())


def mask_at(
    net: Network,
    thetas: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    keep: float,
) -> np.ndarray:
    """Prune a ladder to a fraction between two of its levels.

    From the lowest level that still keeps as much, or nearly (`NEAR`), by the size of
    the weights that were trained there; the last layer at half the rate of the others.

    Args:
        net: the network.
        thetas: (D,) trained weights of each level, the whole network first.
        masks: (D,) booleans of each level; more than there are thetas are left out.
        keep: the fraction of the weights kept, above 0 and up to 1.

    Returns:
        (D,) booleans; see `share` for what they keep, which is nearly what was asked.

    Raises:
        ValueError: when not even the first level keeps as much, or nearly.

    Source: Frankle and Carbin (2019), for the rate of the last layer.

    >>> from minitorch.models import mlp
    >>> net = mlp(4, 3, 2, bias=False)
    >>> mask = mask_at(net, [net.init(0)], [np.ones(18, bool)], keep=0.25)
    >>> [int(part.sum()) for part in net.layout.views(mask).values()]
    [3, 4]
    """
    levels = zip(thetas, masks, strict=False)
    there = [(share(net, mask), theta, mask) for theta, mask in levels]
    enough = [level for level in there if level[0] >= NEAR * keep]
    if not enough:
        raise ValueError(f"no level of the ladder keeps as much as {keep:g}")
    kept, theta, mask = min(enough, key=lambda level: level[0])
    rest = min(keep / kept, 1)
    return layer_masks(net, theta, rest, mask=mask, output=(1 + rest) / 2)


def toy_picture(kept: np.ndarray, scores: np.ndarray, four: int) -> plots.Picture:
    """Draw the chapter's toy: score against how many of forty weights are kept.

    Args:
        kept: (n,) how many weights.
        scores: (S, 3, n) of the old start, another start, and other places.
        four: the place of 4 in `kept`; the title says its means.

    >>> toy_picture(np.array([40, 4]), np.ones((2, 3, 2)), four=1).title
    'Four of forty weights score 1.00; from another start 1.00, at other places 1.00'
    """
    names = ("old start", "other start", "other places")
    looks = [LOOKS[arm] for arm in ("ticket", "fresh", "shuffled")]
    same, other, moved = scores[:, :, four].mean(axis=0)
    return plots.curves(
        [
            plots.Series(key, kept / 40, scores[:, i], name)
            for i, (key, name) in enumerate(zip(looks, names, strict=True))
        ],
        title=f"Four of forty weights score {same:.2f}; from another start "
        f"{other:.2f}, at other places {moved:.2f}",
        xlabel="fraction kept",
        ylabel="score",
        note=f"toy: 40 weights, 60 examples, {len(scores)} seeds, 95 % intervals",
    )


def trainer(
    net: Network,
    data: Examples,
    thetas: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    how: dict[str, Any],
) -> Callable[[float], dict[str, Any]]:
    """Give what `widgets.TicketLadder` computes live: a ticket and a fresh start.

    Args:
        net: the network.
        data: what is trained on and tested on.
        thetas, masks: of a ladder, as for `mask_at`.
        how: lr, batch and epochs, for `fit`.

    Returns:
        keep -> the keep that was reached, the accuracy of each arm by the key of its
        style, and the picture of the first layer. It raises ValueError as `mask_at`.

    >>> from minitorch.data import load
    >>> from minitorch.models import mlp
    >>> net, data = mlp(784, 10, 10), load("mnist").take(600, 100)
    >>> ladder = [net.init(0)], [np.ones(net.layout.size, bool)]
    >>> how = {"lr": 0.01, "batch": 60, "epochs": 1}
    >>> sorted(trainer(net, data, *ladder, how)(0.3))
    ['arms', 'keep', 'pixels']
    """

    def train(keep: float) -> dict[str, Any]:
        mask = mask_at(net, thetas, masks, keep)
        starts = {LOOKS["ticket"]: net.init(0), LOOKS["fresh"]: fresh(net, 0)}
        arms = {}
        for arm, start in starts.items():
            g = Masked(net, mask, seed=0, start=start)
            arms[arm] = fit(net, g, data, seed=0, **how).test_accuracy
        first = net.layout.views(mask)[prunable(net)[0]]
        return {"arms": arms, "keep": share(net, mask), "pixels": pixel_counts(first)}

    return train


def pictures(
    net: Network,
    thetas: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    keeps: Sequence[float] | np.ndarray,
    count: Callable[[np.ndarray], np.ndarray] = pixel_counts,
) -> np.ndarray:
    """Count the first layer's weights behind each pixel, for any fractions kept.

    Args:
        net: the network, whose first layer reads square images.
        thetas, masks: of a ladder, as for `mask_at`.
        keeps: (n,) fractions of the weights.
        count: from the first layer's mask (O, S S) to a picture (S, S).

    Returns:
        (n, S, S) whole numbers.

    Raises:
        ValueError: as `mask_at`.

    >>> from minitorch.models import mlp
    >>> net = mlp(4, 3, 2, bias=False)
    >>> pictures(net, [net.init(0)], [np.ones(18, bool)], [1, 0.25]).sum(axis=(1, 2))
    array([12,  3])
    """
    first = prunable(net)[0]
    found = [mask_at(net, thetas, masks, float(keep)) for keep in keeps]
    return np.stack([count(net.layout.views(mask)[first]) for mask in found])
