"""The methods: each trains something else than the weights."""

from minitorch.weird.cppn import CPPNWeights
from minitorch.weird.hypernet import Hypernetwork
from minitorch.weird.parametrization import Dense, Parametrization, apply, decode
from minitorch.weird.subspace import Subspace

__all__ = [
    "CPPNWeights",
    "Dense",
    "Hypernetwork",
    "Parametrization",
    "Subspace",
    "apply",
    "decode",
]
