"""Every back-end that this machine has, for tests to run over."""

import os
from importlib.util import find_spec

from minitorch import use_backend


def _found() -> list[str]:
    names = ["numpy"]
    if os.environ.get("MINITORCH_NUMBA", "1") != "0" and find_spec("numba"):
        names.append("numba")
    if find_spec("torch"):
        import torch

        names += ["torch", "cuda"] if torch.cuda.is_available() else ["torch"]
    return names


BACKENDS = _found()


def use(name: str) -> use_backend:
    """Choose a back-end by its name here: "cuda" is torch on a GPU."""
    return use_backend("torch", device="cuda") if name == "cuda" else use_backend(name)
