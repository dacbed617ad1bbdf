"""Where the numbers are computed: one class for each back-end.

`numpy` is the specification: every kernel written plainly, float32 and
float64. `numba` runs the heavy kernels as compiled loops and takes numpy's
version for everything else. `torch` does all with torch's arrays, on a CPU or a
GPU. A back-end knows nothing of tensors or of the tape.
"""

from __future__ import annotations

import importlib
import os
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minitorch.backends.numpy_backend import NumpyBackend

_CLASSES = {
    "numpy": ("minitorch.backends.numpy_backend", "NumpyBackend"),
    "numba": ("minitorch.backends.numba_backend", "NumbaBackend"),
    "torch": ("minitorch.backends.torch_backend", "TorchBackend"),
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


def _load(name: str, **options: Any) -> NumpyBackend:
    if name not in _CLASSES:
        raise ValueError(f"no back-end {name!r}; there are {', '.join(_CLASSES)}")
    module, cls = _CLASSES[name]
    return getattr(importlib.import_module(module), cls)(**options)


class use_backend:
    """Choose the back-end, for good or for the length of a `with` block.

    The choice holds for the whole process, all threads included.

    Arrays of two back-ends do not mix: a tensor belongs to the one it was made
    under (numpy and numba share theirs).

    Args:
        name: "numpy", "numba" or "torch".
        options: for torch, `device="cuda"` chooses the GPU; for numba, `threads=2`
            shares the images of a convolution out.

    Raises:
        ValueError: when there is no such back-end.
        ImportError: when numba or torch is asked for and not installed.
        RuntimeError: when a GPU is asked for and there is none.

    >>> with use_backend("numpy"):
    ...     backend().name
    'numpy'
    """

    def __init__(self, name: str, **options: Any):
        global _current
        self._before = backend()
        _current = _load(name, **options)

    def __enter__(self) -> NumpyBackend:
        return backend()

    def __exit__(self, *exc: object) -> None:
        global _current
        _current = self._before
