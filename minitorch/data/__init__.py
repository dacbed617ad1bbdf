"""Data sets by name. `load("mnist")` needs no network and no file of yours.

| name | where it comes from |
|---|---|
| `"mnist"` | 10,000 digits inside the package; all 70,000 with `full=True` or a path |
| `"fashion"` | Fashion-MNIST: data folder, Debian's folder, a path or a download |
| `"digits"` | 8 x 8 digits, from an installed scikit-learn |
| `"cifar10"` | CIFAR-10: data folder, a path or a download |

The data folder is the one that `MINITORCH_DATA` names, otherwise the user's
cache. It may hold `mnist.npz` or a folder `mnist` with the four published
files; likewise for the other names. Nothing is downloaded unless `full=True`.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minitorch.data.sources import (
    SOURCES,
    DataError,
    Parts,
    locate,
    read,
    read_embedded,
)
from minitorch.random import stream

__all__ = ["DataError", "Dataset", "load"]

TITLES = {name: source.title for name, source in SOURCES.items()}
TITLES["digits"] = "scikit-learn digits"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images from 0 to 1 with their labels, and what a figure must say of them.

    Shapes: images float32 (N, C, H, W), or (N, F) after `flat`; labels int64 (N,).

    >>> data = load("mnist")
    >>> data
    <MNIST, embedded 8,000/2,000>
    >>> data.train_x.shape, data.test_y.shape, data.classes
    ((8000, 1, 28, 28), (2000,), 10)
    """

    train_x: NDArray[np.float32]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.float32]
    test_y: NDArray[np.int64]
    name: str  # as given to load()
    split: str  # which images train and which test
    source: str  # "embedded", "scikit-learn" or the path that was read
    part: str = ""  # "embedded", "full" or "file"
    changes: tuple[str, ...] = ()  # what was done to it since
    classes: int = 10  # K

    def describe(self) -> str:
        """Name, size and what was changed, in one line for a figure.

        >>> load("mnist").take(500).random_labels(0).describe()
        'MNIST, embedded 500/2,000, train and test labels random (seed 0)'
        """
        size = f"{self.part} {len(self.train_y):,}/{len(self.test_y):,}".strip()
        return ", ".join([TITLES.get(self.name, self.name), size, *self.changes])

    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    def flat(self) -> "Dataset":
        """The same images as rows (N, F), F = C * H * W.

        >>> load("mnist").flat().train_x.shape
        (8000, 784)
        """
        return replace(
            self,
            train_x=self.train_x.reshape(len(self.train_x), -1),
            test_x=self.test_x.reshape(len(self.test_x), -1),
        )

    def take(self, train: int, test: int | None = None) -> "Dataset":
        """The first so many training and test images; all test images for None.

        Raises:
            DataError: when that many are not there.

        >>> load("mnist").take(1000, 200)
        <MNIST, embedded 1,000/200>
        """
        test = len(self.test_y) if test is None else test
        have = len(self.train_y), len(self.test_y)
        if not (1 <= train <= have[0] and 1 <= test <= have[1]):
            raise DataError(
                f"take({train}, {test}): {self.describe()} has 1 to {have[0]:,} "
                f"training and 1 to {have[1]:,} test images to give"
            )
        return replace(
            self,
            train_x=self.train_x[:train],
            train_y=self.train_y[:train],
            test_x=self.test_x[:test],
            test_y=self.test_y[:test],
            split=f"first {train:,} / first {test:,} of: {self.split}",
        )

    def shuffled_pixels(self, seed: int) -> "Dataset":
        """Every image with its pixels in one new order, the same for all images.

        The order is drawn from `stream(seed, "pixels")`. Channels stay together.

        >>> load("mnist").shuffled_pixels(0)
        <MNIST, embedded 8,000/2,000, pixels shuffled (seed 0)>
        """
        channels = self.train_x.shape[1] if self.train_x.ndim == 4 else 1
        pixels = self.train_x[0].size // channels
        order = stream(seed, "pixels").permutation(pixels)

        def shuffle(x: NDArray[np.float32]) -> NDArray[np.float32]:
            rows = x.reshape(len(x), channels, pixels)
            return rows.take(order, axis=2).reshape(x.shape)

        return replace(
            self,
            train_x=shuffle(self.train_x),
            test_x=shuffle(self.test_x),
            changes=(*self.changes, f"pixels shuffled (seed {seed})"),
        )

    def random_labels(self, seed: int) -> "Dataset":
        """The same images, every training and test label drawn anew, uniformly.

        Drawn from `stream(seed, "labels")`, first for training, then for test. No
        model can do better than chance on the test images.

        >>> load("mnist").random_labels(0).train_y[:8].tolist()
        [8, 8, 2, 1, 3, 2, 2, 6]
        """
        draw = stream(seed, "labels")
        labels = [
            draw.randint(0, self.classes, len(y), dtype=np.int64)
            for y in (self.train_y, self.test_y)
        ]
        return replace(
            self,
            train_y=labels[0],
            test_y=labels[1],
            changes=(*self.changes, f"train and test labels random (seed {seed})"),
        )


def load(
    name: str, *, full: bool = False, path: str | os.PathLike[str] | None = None
) -> Dataset:
    """Load a data set by name.

    `load("mnist")` is always the embedded 8,000/2,000, so that quick figures are the
    same everywhere. The other sets are looked for on this machine.

    Args:
        name: "mnist", "fashion", "digits" or "cifar10".
        full: the whole official data set, downloaded if it is not on this machine.
        path: read this instead. An npz file with uint8 arrays train_x, train_y,
            test_x, test_y (checked to be the official ones) or x, y (the last fifth
            is held out); a folder with the published files; CIFAR-10's archive.

    Returns:
        Images (N, C, H, W) from 0 to 1, labels (N,), and what they are.

    Raises:
        DataError: when the name is unknown, or the data cannot be found, read,
            fetched, kept or trusted.

    >>> load("mnist").split
    'first 8,000 / last 2,000 of MNIST train[0:10000]'
    """
    if name not in TITLES:
        raise DataError(f"no data set {name!r}; there are {', '.join(TITLES)}")
    if full and path is not None:
        raise DataError(
            "full=True fetches or finds the data, path=... reads your copy: give one"
        )
    if name == "digits":
        if path is not None:
            raise DataError("'digits' comes with scikit-learn and is read from no path")
        return _dataset(name, _read_digits(), "scikit-learn", top=16)
    if name == "mnist" and path is None and not full:
        return _dataset(name, read_embedded(), "embedded")
    where = locate(name, download=full) if path is None else Path(path).expanduser()
    return _dataset(name, read(name, where), str(where))


def _dataset(name: str, parts: Parts, source: str, top: int = 255) -> Dataset:
    def scaled(x: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.divide(np.ascontiguousarray(x), np.float32(top), dtype=np.float32)

    return Dataset(
        scaled(parts.train_x),
        parts.train_y.astype(np.int64),
        scaled(parts.test_x),
        parts.test_y.astype(np.int64),
        name,
        parts.split,
        source,
        parts.part,
    )


def _read_digits() -> Parts:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError(
            "'digits' comes with scikit-learn, which is not installed: "
            "pip install scikit-learn"
        ) from error
    x, y = load_digits(return_X_y=True)
    x = x.astype(np.uint8).reshape(-1, 1, 8, 8)
    split = "first 1,437 / last 360 of scikit-learn's 1,797"
    return Parts(x[:1437], y[:1437], x[1437:], y[1437:], "full", split)
