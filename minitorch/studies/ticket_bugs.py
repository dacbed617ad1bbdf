"""Bugs of pruning that an accuracy does not show, run live: what invariants show.

A network is trained with momentum, pruned by magnitude, and trained on, by a step
that is right or holds one bug. Each bug was seen in public code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from minitorch.backends import backend
from minitorch.cards import Table, table
from minitorch.data import Dataset
from minitorch.functional import cross_entropy
from minitorch.models import lenet_300_100
from minitorch.nn import Network
from minitorch.stats import mean_interval
from minitorch.tensor import Tensor
from minitorch.train import accuracy
from minitorch.weird.pruning import layer_masks, prunable

# (w, grad, velocity, mask, lr, momentum) -> w, velocity; each (D,)
Step = Callable[..., tuple[np.ndarray, np.ndarray]]
LR, MOMENTUM, BATCH, STEPS, KEEP, OUTPUT = 0.05, 0.9, 60, 100, 0.1, 0.3


class Trained(NamedTuple):
    """What a run left, and what is wrong with it, counted."""

    accuracy: float
    alive: int  # weights that are not 0
    kept: int  # weights that the mask keeps
    still: int  # of these, how many had a gradient and never moved
    revived: int  # weights that the mask leaves out and that are not 0


def right(w, grad, velocity, mask, lr, momentum):  # type: ignore[no-untyped-def]
    """Apply the mask to the weights and to the velocity, at each step."""
    velocity = np.where(mask, momentum * velocity + grad, 0)
    return np.where(mask, w - lr * velocity, 0), velocity


def mask_once(w, grad, velocity, mask, lr, momentum):  # type: ignore[no-untyped-def]
    """Trust that what was set to 0 once stays 0."""
    velocity = momentum * velocity + grad
    return w - lr * velocity, velocity


def no_abs(w, grad, velocity, mask, lr, momentum):  # type: ignore[no-untyped-def]
    """Find the pruned weights by their size, without an absolute value."""
    velocity = momentum * velocity + np.where(w < 1e-9, 0, grad)
    return w - lr * velocity, velocity


def old_momentum(w, grad, velocity, mask, lr, momentum):  # type: ignore[no-untyped-def]
    """Mask the gradient, and forget what the velocity holds from before."""
    velocity = momentum * velocity + np.where(mask, grad, 0)
    return w - lr * velocity, velocity


BUGS: dict[str, tuple[Step, bool]] = {
    # whether the velocity from before the pruning is carried over
    "no bug": (right, True),
    "mask applied once": (mask_once, False),
    "no absolute value": (no_abs, False),
    "old momentum": (old_momentum, True),
}


class Pruned(NamedTuple):
    """A network that was trained and pruned; of one seed, for all steps alike."""

    net: Network
    data: Dataset
    seed: int
    w: np.ndarray
    velocity: np.ndarray  # from before the pruning
    mask: np.ndarray

    def retrain(self, step: Step, carry: bool = True) -> Trained:
        """Train on by the given step.

        Args:
            step: (w, grad, velocity, mask, lr, momentum) -> w, velocity.
            carry: whether the step is given the velocity from before the pruning.
        """
        net, data, mask = self.net, self.data, self.mask
        velocity = self.velocity if carry else np.zeros_like(self.w)
        w, _, felt = _train(net, data, self.seed + 1, step, self.w, velocity, mask)
        weights = np.zeros(w.size, bool)  # biases are never pruned: they do not count
        for name in prunable(net):
            weights[net.layout.slices[name]] = True
        return Trained(
            accuracy(net, w, data.test_x, data.test_y),
            int((w != 0)[weights].sum()),
            int(mask[weights].sum()),
            int((felt & (w == self.w))[mask & weights].sum()),
            int((w != 0)[~mask].sum()),
        )


def pruned(data: Dataset, seed: int) -> Pruned:
    """Train a network with momentum, and prune it to a tenth by magnitude.

    >>> from minitorch.data import load
    >>> found = pruned(load("mnist").take(6_000, 500), seed=0).retrain(no_abs, False)
    >>> found.alive == found.kept, 0.3 < found.still / found.kept < 0.6  # nearly half
    (True, True)
    """
    net = lenet_300_100()
    w = net.init(seed)
    rest = np.zeros_like(w), np.ones(w.size, bool)
    w, velocity, _ = _train(net, data, seed, right, w, *rest)
    mask = layer_masks(net, w, KEEP, output=OUTPUT)
    return Pruned(net, data, seed, np.where(mask, w, 0), velocity, mask)


def _train(
    net: Network,
    data: Dataset,
    seed: int,
    step: Step,
    w: np.ndarray,
    velocity: np.ndarray,
    mask: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.random.default_rng(seed).permutation(len(data.train_y))
    felt = np.zeros(w.size, bool)  # where there was a gradient at all
    for i in range(STEPS):
        chosen = order[i * BATCH : (i + 1) * BATCH]
        theta = Tensor(w.astype(np.float32), requires_grad=True)
        logits, _ = net(theta, data.train_x[chosen], train=True)
        cross_entropy(logits, data.train_y[chosen]).backward()
        grad = backend().to_numpy(theta.grad)
        felt |= grad != 0
        w, velocity = step(w, grad, velocity, mask, LR, MOMENTUM)
    return w, velocity, felt


def runs(data: Dataset, seeds: Sequence[int]) -> dict[str, list[Trained]]:
    """Run each bug, and the step without one, for some seeds."""
    starts = [pruned(data, seed) for seed in seeds]
    return {
        name: [start.retrain(step, carry) for start in starts]
        for name, (step, carry) in BUGS.items()
    }


def lost(found: dict[str, list[Trained]], name: str) -> np.ndarray:
    """Give the points of accuracy that a bug costs, seed by seed, (S,)."""
    pairs = zip(found["no bug"], found[name], strict=True)
    return np.array([100 * (good.accuracy - bad.accuracy) for good, bad in pairs])


def accuracies(found: dict[str, list[Trained]], note: str) -> Table:
    """Tabulate accuracy alone, the caption says how far the bugs lie apart."""
    worst = max(found, key=lambda name: lost(found, name).mean())
    points = lost(found, worst).mean()
    above = [name for name in found if lost(found, name).mean() < 0]
    beside = f", and above no bug lie: {', '.join(above)}" if above else ""
    return table(
        ["step", "test accuracy", "low", "high"],
        [
            [name, *mean_interval([run.accuracy for run in each])]
            for name, each in found.items()
        ],
        caption=f"By accuracy alone: the worst bug costs {points:.1f} points"
        f"{beside}; {note}",
    )


def invariants(found: dict[str, list[Trained]], note: str) -> Table:
    """Tabulate what is counted: not 0, never moved, back again; of the first seed."""
    first = {name: each[0] for name, each in found.items()}
    caught = [
        name for name, run in first.items() if run.revived or run.still > run.kept / 100
    ]
    told = f"{len(caught)} of {len(first)} wrong{': ' * bool(caught)}"
    told += ", ".join(caught)
    return table(
        ["step", "kept by the mask", "not 0", "kept, never moved", "pruned, not 0"],
        [
            [name, run.kept, run.alive, run.still, run.revived]
            for name, run in first.items()
        ],
        caption=f"By counting: {told}; {note}",
    )
