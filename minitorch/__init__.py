"""A small autograd engine, and unconventional ways to train networks with it."""

__version__ = "0.1.0"
