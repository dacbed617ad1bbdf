"""One training loop for every chapter and every study."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from minitorch.files import State, load_arrays, pack_state, save_arrays, unpack_state
from minitorch.functional import cross_entropy
from minitorch.nn import Network
from minitorch.optim import SGD, Adam, Optimiser
from minitorch.schedules import cosine
from minitorch.tensor import Array, Tensor, no_grad

KEPT = ("phi", "theta", "loss", "test_accuracy", "seconds")


class Map(Protocol):
    """What `fit` asks of g; each `Parametrization` of `minitorch.weird` has it."""

    def init(self, seed: int) -> np.ndarray:
        """Give the phi that training starts from, (d,)."""

    def __call__(
        self,
        phi: Tensor,
        *,
        train: bool = False,
        rng: np.random.Generator | None = None,
    ) -> Tensor:
        """Compute theta, (D,), on the tape."""

    def after_step(self, phi: Tensor, optimiser: Optimiser) -> None:
        """Do what must happen after each step of the optimiser."""


class Examples(Protocol):
    """What `fit` asks of a data set; each `Dataset` of `minitorch.data` has it."""

    @property
    def train_x(self) -> np.ndarray:
        """The images to learn from, as the network takes them, (N, ...)."""

    @property
    def train_y(self) -> np.ndarray:
        """Their labels, (N,)."""

    @property
    def test_x(self) -> np.ndarray:
        """The images that are held out."""

    @property
    def test_y(self) -> np.ndarray:
        """Their labels."""


@dataclass
class Fit:
    """What a run left behind.

    phi: the trained numbers, (d,).
    theta: the weights that follow from them, (D,).
    state: running statistics, None for networks that have none.
    loss: the loss at each step, (steps,).
    test_accuracy: on the held-out images.
    seconds: CPU seconds of this process.
    """

    phi: np.ndarray
    theta: np.ndarray
    state: State
    loss: np.ndarray = field(repr=False)
    test_accuracy: float
    seconds: float

    def __repr__(self) -> str:
        return (
            f"{self.test_accuracy:.1%} of held-out images right\n"
            f"{len(self.phi):,} numbers trained in {len(self.loss):,} steps, "
            f"{self.seconds:.1f} s"
        )


@np.errstate(over="ignore", invalid="ignore")  # fit looks at the loss instead
def fit(
    net: Network,
    g: Map,
    data: Examples,
    *,
    lr: float,
    optimiser: str = "adam",
    epochs: int = 5,
    batch: int = 128,
    seed: int = 0,
    progress: bool = False,
) -> Fit:
    """Train phi so that net(g(phi), x) gives the right labels.

    Each step draws a batch without replacement, takes the cross-entropy, and
    moves phi; the learning rate falls to zero along half a cosine.

    Args:
        net: the network.
        g: the parametrization, whose target ends in `net`.
        data: images and labels, such as `minitorch.data.load` gives.
        lr: the first learning rate.
        optimiser: "adam" or "sgd" (with momentum 0.9).
        epochs: how often every training image is seen.
        batch: images in a step.
        seed: of the order of the images, and of phi's start.
        progress: whether to show a bar (never in a static page).

    Raises:
        FloatingPointError: when the loss or theta is no longer finite.
        ValueError: for an unknown optimiser, or fewer images than one batch.

    >>> from minitorch.data import load
    >>> from minitorch.models import mlp
    >>> from minitorch.weird import Subspace
    >>> data, net = load("mnist").take(1000, 500), mlp(784, 50, 10)
    >>> run = fit(net, Subspace(net, d=200), data, lr=0.1, epochs=20)
    >>> run.test_accuracy > 0.5
    True
    """
    started = time.process_time()
    steps = epochs * (len(data.train_x) // batch) if batch > 0 else 0
    if steps < 1:
        raise ValueError(
            f"{len(data.train_x)} images, {epochs} epochs and batches of {batch} make "
            "no step; use more images or a smaller batch"
        )
    phi = Tensor(g.init(seed), requires_grad=True)
    mover = _optimiser(optimiser, phi, lr)
    rng = np.random.default_rng(seed)
    state, losses = None, np.empty(steps)
    batches = _batches(data.train_x, data.train_y, batch, rng)
    for step in _bar(steps, progress):
        x, y = next(batches)
        mover.lr = lr * cosine(step, steps)
        theta = g(phi, train=True, rng=rng)
        logits, state = net(theta, x, state=state, train=True, rng=rng)
        loss = cross_entropy(logits, y)
        losses[step] = loss.item()
        if not np.isfinite(losses[step]):
            raise FloatingPointError(
                f"the loss is {losses[step]} at step {step} of {steps} with learning "
                f"rate {mover.lr:.3g}; try a tenth of it"
            )
        loss.backward()
        mover.step()
        g.after_step(phi, mover)
    with no_grad():
        trained = g(phi).numpy()
    if not np.isfinite(trained).all():
        raise FloatingPointError(
            f"theta is no longer finite after {steps} steps with learning rates from "
            f"{lr:.3g} down; try a tenth of it"
        )
    test = accuracy(net, trained, data.test_x, data.test_y, state=state)
    seconds = time.process_time() - started
    return Fit(phi.numpy(), trained, state, losses, test, seconds)


def save_fit(path: str | os.PathLike, done: Fit) -> None:
    """Keep a run in one npz file, whole or not at all.

    >>> from tempfile import mkdtemp
    >>> path = os.path.join(mkdtemp(), "run.npz")
    >>> save_fit(path, Fit(np.ones(2), np.ones(3), None, np.ones(4), 0.5, 1.0))
    >>> os.path.exists(path)
    True
    """
    parts = {name: np.asarray(getattr(done, name)) for name in KEPT}
    save_arrays(path, {**parts, **pack_state(done.state)})


def load_fit(path: str | os.PathLike) -> Fit:
    """Read a run that `save_fit` kept.

    Raises:
        ValueError: when the file was cut off or holds something else.

    >>> done = Fit(np.ones(2), np.ones(3), None, np.ones(4), 0.5, 1.0)
    >>> from tempfile import mkdtemp
    >>> path = os.path.join(mkdtemp(), "run.npz")
    >>> save_fit(path, done)
    >>> load_fit(path)
    50.0% of held-out images right
    2 numbers trained in 4 steps, 1.0 s
    """
    parts = load_arrays(path)
    if missing := [name for name in KEPT if name not in parts]:
        raise ValueError(f"{path} is no saved run: {', '.join(missing)} missing")
    phi, theta, loss, test, seconds = (parts[name] for name in KEPT)
    return Fit(phi, theta, unpack_state(parts, path), loss, test.item(), seconds.item())


def predict(
    net: Network, theta: Tensor | Array, x: np.ndarray, *, state: Any = None
) -> np.ndarray:
    """Give the most likely class of each image, (N,).

    >>> from minitorch.models import mlp
    >>> net = mlp(4, 3)
    >>> predict(net, net.init(0), np.ones((2, 4), np.float32)).shape
    (2,)
    """
    with no_grad():
        parts = [
            net(theta, x[i : i + 1000], state=state).numpy().argmax(1)
            for i in range(0, len(x), 1000)
        ]
    return np.concatenate(parts)


def accuracy(
    net: Network,
    theta: Tensor | Array,
    x: np.ndarray,
    y: np.ndarray,
    *,
    state: Any = None,
) -> float:
    """Give the fraction of images whose most likely class is the label.

    Args:
        net: the network.
        theta: all its weights, (D,).
        x: the images, as the network takes them.
        y: the labels, (N,).
        state: running statistics; None for networks that have none.

    >>> from minitorch.models import mlp
    >>> net, x = mlp(4, 3), np.eye(4, dtype=np.float32)
    >>> theta = net.init(seed=0)
    >>> accuracy(net, theta, x, predict(net, theta, x))
    1.0
    """
    return float((predict(net, theta, x, state=state) == y).mean())


def _optimiser(name: str, phi: Tensor, lr: float) -> Optimiser:
    if name == "adam":
        return Adam(phi, lr)
    if name == "sgd":
        return SGD(phi, lr, momentum=0.9)
    raise ValueError(f"no optimiser {name!r}; there are adam and sgd")


def _batches(
    x: np.ndarray, y: np.ndarray, batch: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Walk over the images in a new order each epoch, whole batches only."""
    while True:
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            chosen = order[start : start + batch]
            yield x[chosen], y[chosen]


def _bar(steps: int, progress: bool) -> Iterable[int]:
    if not progress or os.environ.get("MINITORCH_STATIC") == "1":
        return range(steps)
    from tqdm.auto import tqdm

    return tqdm(range(steps), unit="step", leave=False)
