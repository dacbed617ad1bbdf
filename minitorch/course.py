"""What the first cell of every chapter calls."""

from __future__ import annotations

import os
from importlib import metadata

import minitorch
from minitorch.backends import backend

SCALES = {
    "quick": "embedded data, about a minute of CPU for a whole chapter",
    "full": "the papers' settings where a chapter has them: hours, better on a GPU",
}


_scale = "quick"  # what `setup` chose last


def setup(scale: str = "quick") -> None:
    """Choose the scale of a chapter's runs, and say what will run on what.

    The variable MINITORCH_SCALE, where it is set, wins over the argument.

    Args:
        scale: "quick" or "full".

    Raises:
        ValueError: when there is no such scale.

    >>> setup(scale="quick")  # doctest: +ELLIPSIS
    scale     quick: embedded data, about a minute of CPU for a whole chapter
    device    CPU, numba back-end
    versions  weird-ways ...
    """
    global _scale
    wanted = os.environ.get("MINITORCH_SCALE", scale)
    if wanted not in SCALES:
        raise ValueError(f"no scale {wanted!r}; there are {' and '.join(SCALES)}")
    _scale = wanted
    engine = backend().name
    print(f"scale     {wanted}: {SCALES[wanted]}")
    device = str(getattr(backend(), "device", "cpu")).upper()
    print(f"device    {device}, {engine} back-end")
    versions = [f"weird-ways {minitorch.__version__}"]
    for name in ["numpy", engine] if engine != "numpy" else ["numpy"]:
        versions.append(f"{name} {metadata.version(name)}")
    print("versions ", ", ".join(versions))


def scale() -> str:
    """Give the scale in use: "quick", unless `setup` chose another.

    >>> scale()
    'quick'
    """
    return _scale
