"""The bottom control of the written convolution: that layer drawn once, and left alone.

A fixed generator with one number in its embedding still moves one number of the layer.
Here none moves. What such a network reads, its other layers do alone.
"""

from __future__ import annotations

import numpy as np

from minitorch.backends import backend
from minitorch.nn import Layout, Network
from minitorch.ops import concat, reshape
from minitorch.studies import hypernets
from minitorch.studies.hypernets import RATES, dataset, network
from minitorch.studies.store import Row
from minitorch.studies.study import Study
from minitorch.tensor import Tensor
from minitorch.train import fit
from minitorch.weird.parametrization import Parametrization, Rng, through

NAME = "left_alone"
QUICK: Row = {
    "scale": "quick",
    "net": "conv7",
    "images": 4_000,
    "epochs": 1,
    "batch": 64,
    "lr": RATES["frozen"],
}
BOOK: Row = {**QUICK, "scale": "book", "images": hypernets.BOOK["images"]}
FULL: Row = {
    **BOOK,
    "scale": "full",
    "epochs": hypernets.FULL["epochs"],
    "batch": hypernets.FULL["batch"],
    "lr": hypernets.FULL["lr"],
}


class LeftAlone(Parametrization):
    """Train all pieces of a network but some, which stay as they were drawn.

    Args:
        target: the network.
        pieces: names of what is left alone.
        seed: of the draw; the start of direct training with the same seed.

    Raises:
        ValueError: when the network has no such piece.

    >>> from minitorch.models import conv7
    >>> LeftAlone(conv7(), ["conv2.weight"]).layout.size
    8666
    """

    def __init__(self, target: Network, pieces: list[str], *, seed: int = 0):
        shapes = target.layout.shapes
        if unknown := set(pieces) - set(shapes):
            raise ValueError(
                f"no piece {', '.join(sorted(unknown))}; there are {', '.join(shapes)}"
            )
        drawn = target.layout.views(target.init(seed))
        self.target = target
        self.layout = Layout({k: s for k, s in shapes.items() if k not in pieces})
        self._fixed = {name: drawn[name].reshape(-1) for name in pieces}
        self._phi0 = np.concatenate([drawn[k].reshape(-1) for k in self.layout.shapes])

    def init(self, seed: int) -> np.ndarray:
        """Give the start that the map's own seed draws, (d,)."""
        return self._phi0.copy()

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        parts = self.layout.unpack(phi)
        for name, array in self._fixed.items():
            parts[name] = Tensor(backend().constant(array))
        names = self.target.layout.shapes
        theta = concat([reshape(parts[name], (-1,)) for name in names])
        return through(self.target, theta, train, rng)


def run(settings: Row, seed: int) -> Row:
    """Train all but the layer that the hypernetworks of this chapter write.

    Returns:
        test: accuracy on the held-out digits; d, the trained numbers, and D.
    """
    net, written = network(settings["net"])
    g = LeftAlone(net, written["pieces"], seed=seed)
    how = {key: settings[key] for key in ("lr", "epochs", "batch")}
    done = fit(net, g, dataset(settings["images"]), seed=seed, **how)
    return {"test": done.test_accuracy, "d": g.layout.size, "D": net.layout.size}


def grid(scale: str) -> list[Row]:
    """List the settings of a scale: one."""
    return [{"quick": QUICK, "book": BOOK, "full": FULL}[scale]]


def label(settings: Row) -> str:
    """Name some settings in a few words.

    >>> label(QUICK)
    'conv7, second convolution left alone'
    """
    return f"{settings['net']}, second convolution left alone"


STUDY = Study(
    name=NAME,
    about="How well does a network read whose second convolution is never trained?",
    run=run,
    grid=grid,
    label=label,
    code=(
        "minitorch.studies.left_alone:run,LeftAlone",
        "minitorch.studies.hypernets:dataset,network",
        "minitorch.train",
    ),
    tolerance={"test": 0.02, "d": 0, "D": 0},
    needs={
        "quick": "4 seconds of one core a seed",
        "book": "full MNIST in MINITORCH_DATA; 5 minutes of one core",
        "full": "full MNIST in MINITORCH_DATA; some 2 hours of one core (a guess)",
    },
)
