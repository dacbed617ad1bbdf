"""A small autograd engine, and unconventional ways to train networks with it.

>>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
array([2., 4., 6.], dtype=float32)
"""

from minitorch.backends import backend, use_backend
from minitorch.course import setup
from minitorch.tensor import Tensor, no_grad

__version__ = "0.1.0"
__all__ = ["Tensor", "backend", "no_grad", "setup", "use_backend"]
