"""The map theta = g(phi): what is trained, and the weights that follow from it.

A `Parametrization` is a map to the weights of a target: a network, or another
parametrization's phi. So maps stack: a subspace of a hypernetwork's weights is
`Subspace(Hypernetwork(net), d=100)`, with no code of its own.

A message is what a sender must transmit so that a receiver, who has this code
and the network's name, can rebuild theta: which maps with which seeds (the
spec), then the numbers (the payload).
"""

from __future__ import annotations

import struct
import zlib
from typing import ClassVar

import numpy as np

from minitorch.nn import Layout, Network
from minitorch.tensor import Tensor

_METHODS: dict[int, type[Parametrization]] = {}


class Parametrization:
    """A map g from phi (d numbers) to theta (D numbers).

    A subclass sets `code`, its number in messages, and `layout`, the pieces of
    phi; it defines `init`, `__call__`, and the four halves of a message.
    """

    code: ClassVar[int]
    target: Network | Parametrization
    layout: Layout

    def __init_subclass__(cls) -> None:
        if cls.code in _METHODS:
            raise ValueError(
                f"message code {cls.code} is taken by {_METHODS[cls.code]}"
            )
        _METHODS[cls.code] = cls

    @property
    def net(self) -> Network:
        """The network at the end of the chain of maps."""
        return self.target if isinstance(self.target, Network) else self.target.net

    def init(self, seed: int) -> np.ndarray:
        """Give the phi that training starts from, (d,)."""
        raise NotImplementedError

    def __call__(self, phi: Tensor, *, train: bool = False, rng=None) -> Tensor:
        """Compute theta, (D,), on the tape."""
        raise NotImplementedError

    def after_step(self, phi: Tensor, optimiser) -> None:
        """Do what must happen after each step of the optimiser: here nothing."""

    def spec(self) -> bytes:
        """Encode seed and settings."""
        raise NotImplementedError

    @classmethod
    def from_spec(cls, data: bytes, target) -> tuple[Parametrization, bytes]:
        """Rebuild the map; give it with the bytes that are left over."""
        raise NotImplementedError

    def payload(self, phi: np.ndarray, bits: int) -> bytes:
        """Encode phi with about `bits` bits for each number."""
        raise NotImplementedError

    def from_payload(self, data: bytes) -> np.ndarray:
        """Decode phi."""
        raise NotImplementedError

    def message(self, phi: Tensor | np.ndarray, state=None, *, bits: int = 8) -> bytes:
        """Encode the solution for a receiver who has the code and the net's name.

        Args:
            phi: the trained numbers, (d,).
            state: running statistics; None for networks that have none.
            bits: how finely to round: bits for each number of phi.

        Returns:
            The message; 8 times its length is its description length in bits.

        Raises:
            ValueError: when phi has another size, or there are statistics.
        """
        if state is not None:
            raise ValueError(
                f"{self.net.name} came with running statistics, which "
                f"{type(self).__name__} does not send"
            )
        values = phi.numpy() if isinstance(phi, Tensor) else np.asarray(phi)
        self.layout.views(values)  # checks the size
        return _chain(self) + self.payload(values, bits)


def decode(message: bytes, net: Network) -> tuple[np.ndarray, None]:
    """Rebuild the weights from a message: the receiver's side.

    Args:
        message: what `Parametrization.message` gave.
        net: the network that the message is for.

    Returns:
        theta, (D,), and the running statistics (None).

    Raises:
        ValueError: when the bytes are not a message for this network.

    >>> from minitorch.models import mlp
    >>> from minitorch.weird.subspace import Subspace
    >>> net = mlp(4, 3, 2)
    >>> g = Subspace(net, d=5, seed=1)
    >>> sent = g.message(np.array([1, -2, 3, -4, 5.0]), bits=8)
    >>> len(sent), decode(sent, net)[0].shape
    (21, (23,))
    """
    from minitorch import weird  # noqa: F401  (every method registers its code)

    try:
        count, rest = message[0], message[1:]
        g: Network | Parametrization = net
        for _ in range(count):
            g, rest = _METHODS[rest[0]].from_spec(rest[1:], g)
        assert isinstance(g, Parametrization)
        phi = g.from_payload(rest)
        g.layout.views(phi)
    except (AssertionError, IndexError, KeyError, struct.error, zlib.error) as error:
        raise ValueError(
            f"these {len(message)} bytes are not a message for {net.name}: {error!r}"
        ) from error
    return apply(g, phi), None


def apply(g: Parametrization, phi: np.ndarray) -> np.ndarray:
    """Compute theta from phi on plain arrays, for evaluation."""
    return g(Tensor(np.asarray(phi, np.float32))).numpy()


def _chain(g: Network | Parametrization) -> bytes:
    """Encode all maps from the network outwards: their count, then their specs."""
    specs = []
    while isinstance(g, Parametrization):
        specs.append(bytes([g.code]) + g.spec())
        g = g.target
    return bytes([len(specs)]) + b"".join(reversed(specs))


class Dense(Parametrization):
    """Ordinary training: theta = phi. The baseline of every comparison.

    Its message rounds the change theta - theta0 to whole steps and squeezes
    the codes with zlib, so weights that hardly moved cost little.

    Args:
        target: the network.
        seed: of theta0.

    >>> from minitorch.models import mlp
    >>> g = Dense(mlp(4, 3, 2), seed=0)
    >>> bool((apply(g, g.init(0)) == g.theta0).all())
    True
    """

    code = 0

    def __init__(self, target: Network | Parametrization, *, seed: int = 0):
        self.target, self.seed = target, seed
        self.theta0 = target.init(seed)
        self.layout = target.layout

    def init(self, seed: int) -> np.ndarray:
        return self.theta0.copy()

    def __call__(self, phi, *, train=False, rng=None):
        return through(self.target, phi, train=train, rng=rng)

    def spec(self):
        return struct.pack("<I", self.seed)

    @classmethod
    def from_spec(cls, data, target):
        (seed,) = struct.unpack_from("<I", data)
        return cls(target, seed=seed), data[4:]

    def payload(self, phi, bits):
        change = phi - self.theta0
        step = np.float32(2 * np.abs(change).max() / 2**bits) or np.float32(1)
        codes = np.rint(change / step).astype("<i2")
        planes = codes.view(np.uint8).reshape(-1, 2).T.tobytes()  # low bytes first
        return struct.pack("<f", step) + zlib.compress(planes, 9)

    def from_payload(self, data):
        (step,) = struct.unpack_from("<f", data)
        planes = np.frombuffer(zlib.decompress(data[4:]), np.uint8).reshape(2, -1)
        codes = np.ascontiguousarray(planes.T).view("<i2").reshape(-1)
        return (self.theta0 + codes * np.float32(step)).astype(np.float32)


def through(target: Network | Parametrization, theta: Tensor, **kwargs) -> Tensor:
    """Send a vector on through the maps that stand between it and the network."""
    return theta if isinstance(target, Network) else target(theta, **kwargs)
