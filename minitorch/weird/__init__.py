"""The methods: each trains something else than the weights."""

from minitorch.weird.bn_only import Only
from minitorch.weird.cppn import CPPNWeights
from minitorch.weird.hypernet import Hypernetwork
from minitorch.weird.laperm import LaPerm
from minitorch.weird.parametrization import Dense, Parametrization, apply, decode
from minitorch.weird.pruning import Masked
from minitorch.weird.subspace import Subspace
from minitorch.weird.supermask import Supermask
from minitorch.weird.superposition import Superposition, UnitMask

__all__ = [
    "CPPNWeights",
    "Dense",
    "Hypernetwork",
    "LaPerm",
    "Masked",
    "Only",
    "Parametrization",
    "Subspace",
    "Supermask",
    "Superposition",
    "UnitMask",
    "apply",
    "decode",
]
