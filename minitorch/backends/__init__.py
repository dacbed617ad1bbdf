"""Where the numbers are computed: one class for each back-end.

`numpy` is the specification: every kernel written plainly, float32 and
float64. `numba` runs the heavy kernels as compiled loops and takes numpy's
version for everything else. A back-end knows nothing of tensors or gradients.
"""

from __future__ import annotations

import importlib
import os
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minitorch.backends.numpy_backend import NumpyBackend

_CLASSES = {
    "numpy": ("minitorch.backends.numpy_backend", "NumpyBackend"),
    "numba": ("minitorch.backends.numba_backend", "NumbaBackend"),
}
_current: NumpyBackend | None = None


def backend() -> NumpyBackend:
    """Give the back-end in use: numba where it can be had, else numpy.

    MINITORCH_NUMBA=0 keeps numba out.

    >>> backend().name in ("numba", "numpy")
    True
    """
    global _current
    if _current is None:
        try:
            wanted = os.environ.get("MINITORCH_NUMBA", "1") != "0"
            _current = _load("numba" if wanted else "numpy")
        except ImportError as error:
            if not isinstance(error, ModuleNotFoundError):  # there, but it refuses
                warnings.warn(f"slow without numba, which says: {error}", stacklevel=2)
            _current = _load("numpy")
    return _current


def _load(name: str) -> NumpyBackend:
    if name not in _CLASSES:
        raise ValueError(f"no back-end {name!r}; there are {', '.join(_CLASSES)}")
    module, cls = _CLASSES[name]
    return getattr(importlib.import_module(module), cls)()


class use_backend:
    """Choose the back-end, for good or for the length of a `with` block.

    Args:
        name: "numpy" or "numba".

    Raises:
        ValueError: when there is no such back-end.
        ImportError: when numba is asked for and not installed.

    >>> with use_backend("numpy"):
    ...     backend().name
    'numpy'
    """

    def __init__(self, name: str):
        global _current
        self._before = backend()
        _current = _load(name)

    def __enter__(self) -> NumpyBackend:
        return backend()

    def __exit__(self, *exc: object) -> None:
        global _current
        _current = self._before
