"""The methods: each trains something else than the weights."""

from minitorch.weird.parametrization import Dense, Parametrization, apply, decode
from minitorch.weird.subspace import Subspace

__all__ = ["Dense", "Parametrization", "Subspace", "apply", "decode"]
