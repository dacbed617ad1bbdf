"""Learning curves: watch a run from within the map that it trains."""

from __future__ import annotations

import numpy as np

from minitorch.nn import Network
from minitorch.optim import Optimiser
from minitorch.tensor import Tensor, no_grad
from minitorch.train import Examples, Map, accuracy


class Watched:
    """A map for `fit` that notes held-out accuracy every so many steps.

    It draws no random numbers, so a run that is watched ends in the same weights as
    one that is not. What it computes counts in the seconds of the run. Each run notes
    its own: `init` clears what was noted before.

    Args:
        g: the map to watch.
        net: the network that g's weights are for, without running statistics.
        data: whose held-out images are classified.
        every: steps from one note to the next.
        at: further steps to note, such as early ones.

    Raises:
        ValueError: when every is below 1.

    >>> from minitorch.data import load
    >>> from minitorch.models import mlp
    >>> from minitorch.train import fit
    >>> from minitorch.weird import Dense
    >>> data, net = load("mnist").take(1000, 500), mlp(784, 50, 10)
    >>> g = Watched(Dense(net), net, data, every=10)
    >>> run = fit(net, g, data, lr=1e-3, batch=50, epochs=2)
    >>> g.steps
    array([10, 20, 30, 40])
    >>> bool(g.accuracy[-1] == run.test_accuracy)
    True
    """

    def __init__(
        self,
        g: Map,
        net: Network,
        data: Examples,
        every: int,
        at: tuple[int, ...] = (),
    ):
        if every < 1:
            raise ValueError(f"a note every 1 step or more, got {every}")
        self.g, self.net, self.data = g, net, data
        self.every, self.at = every, frozenset(at)
        self._step = 0
        self._notes: dict[int, float] = {}

    @property
    def steps(self) -> np.ndarray:
        """The steps after which a note was taken, (n,)."""
        return np.array(list(self._notes), np.int64)

    @property
    def accuracy(self) -> np.ndarray:
        """The fraction of held-out images that were right after each, (n,)."""
        return np.array(list(self._notes.values()))

    def reached(self, level: float) -> int | None:
        """Give the first noted step with at least this accuracy, None without one.

        >>> from minitorch.data import load
        >>> from minitorch.models import mlp
        >>> from minitorch.weird import Dense
        >>> net = mlp(784, 10)
        >>> print(Watched(Dense(net), net, load("mnist"), every=10).reached(0.9))
        None
        """
        found = [step for step, right in self._notes.items() if right >= level]
        return found[0] if found else None

    def init(self, seed: int) -> np.ndarray:
        """Give the phi that training starts from, and forget the last run."""
        self._step, self._notes = 0, {}
        return self.g.init(seed)

    def __call__(
        self,
        phi: Tensor,
        *,
        train: bool = False,
        rng: np.random.Generator | None = None,
    ) -> Tensor:
        return self.g(phi, train=train, rng=rng)

    def after_step(self, phi: Tensor, optimiser: Optimiser) -> None:
        """Do what g does after a step, then take a note where one is due."""
        self.g.after_step(phi, optimiser)
        self._step += 1
        if self._step % self.every == 0 or self._step in self.at:
            with no_grad():
                theta = self.g(phi)
            x, y = self.data.test_x, self.data.test_y
            self._notes[self._step] = accuracy(self.net, theta, x, y)
