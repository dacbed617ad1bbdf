"""The map theta = g(phi): what is trained, and the weights that follow from it.

A `Parametrization` is a map to the weights of a target: a network, or another
parametrization's phi. So maps stack: a subspace of a hypernetwork's weights is
`Subspace(Hypernetwork(net), d=100)`, with no code of its own.

A message is what a sender must transmit so that a receiver, who has this code
and the network's name, can rebuild theta: which maps with which seeds (the
spec), then the numbers (the payload). Two bytes in front tell a message that
was damaged, or meant for another network.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, ClassVar, Union

import numpy as np

from minitorch.nn import Layout, Network
from minitorch.optim import Optimiser
from minitorch.tensor import Tensor

Target = Union[Network, "Parametrization"]
Rng = np.random.Generator | None

_METHODS: dict[int, type[Parametrization]] = {}


class Parametrization:
    """A map g from phi (d numbers) to theta (D numbers).

    A subclass sets `layout`, the pieces of phi, and defines `init` and
    `__call__`. To send messages it also sets `code`, its number in them, and
    defines the four halves of a message.
    """

    code: ClassVar[int]
    target: Target
    layout: Layout

    def __init_subclass__(cls) -> None:
        if "code" not in vars(cls):
            return
        taken = _METHODS.get(cls.code)
        # The same name again is a notebook cell that ran twice.
        if taken and taken.__qualname__ != cls.__qualname__:
            raise ValueError(f"message code {cls.code} is taken by {taken}")
        _METHODS[cls.code] = cls

    @property
    def net(self) -> Network:
        """The network at the end of the chain of maps."""
        return self.target if isinstance(self.target, Network) else self.target.net

    def init(self, seed: int) -> np.ndarray:
        """Give the phi that training starts from, (d,)."""
        raise NotImplementedError

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        """Compute theta, (D,), on the tape."""
        raise NotImplementedError

    def after_step(self, phi: Tensor, optimiser: Optimiser) -> None:
        """Do what must happen after each step of the optimiser: here nothing."""

    def spec(self) -> bytes:
        """Encode seed and settings.

        Raises:
            ValueError: when the map was given what no receiver can draw again.
        """
        raise NotImplementedError

    @classmethod
    def from_spec(cls, data: bytes, target: Target) -> tuple[Parametrization, bytes]:
        """Rebuild the map; give it with the bytes that are left over."""
        raise NotImplementedError

    def payload(self, phi: np.ndarray, bits: int) -> bytes:
        """Encode phi with about `bits` bits for each number."""
        raise NotImplementedError

    def from_payload(self, data: bytes) -> np.ndarray:
        """Decode phi."""
        raise NotImplementedError

    def message(
        self, phi: Tensor | np.ndarray, state: Any = None, *, bits: int = 8
    ) -> bytes:
        """Encode the solution for a receiver who has the code and the net's name.

        Args:
            phi: the trained numbers, (d,).
            state: running statistics; None for networks that have none.
            bits: how finely to round: bits for each number of phi, 1 to 16.

        Returns:
            The message; 8 times its length is its description length in bits.

        Raises:
            ValueError: when phi has another size or holds a number that is not
                finite, when bits is not 1 to 16, or when there are statistics.
        """
        if state is not None:
            raise ValueError(
                f"{self.net.name} came with running statistics, which "
                f"{type(self).__name__} does not send"
            )
        if not 1 <= bits <= 16:
            raise ValueError(f"1 to 16 bits for each number, got {bits}")
        values = np.asarray(phi)
        self.layout.views(values)  # checks the size
        if not np.isfinite(values).all():
            raise ValueError("phi holds numbers that are not finite; nothing to send")
        body = _chain(self) + self.payload(values, bits)
        return _check(self.net, body) + body


def decode(message: bytes, net: Network) -> tuple[np.ndarray, None]:
    """Rebuild the weights from a message: the receiver's side.

    Args:
        message: what `Parametrization.message` gave.
        net: the network that the message is for.

    Returns:
        theta, (D,), and the running statistics (None).

    Raises:
        ValueError: when the bytes are not a whole message for this network.

    >>> from minitorch.models import mlp
    >>> from minitorch.weird.subspace import Subspace
    >>> net = mlp(4, 3, 2)
    >>> g = Subspace(net, d=5, seed=1)
    >>> sent = g.message(np.array([1, -2, 3, -4, 5.0]), bits=8)
    >>> len(sent), decode(sent, net)[0].shape
    (23, (23,))
    """
    from minitorch import weird  # noqa: F401  (every method registers its code)

    check, body = message[:2], message[2:]
    if check != _check(net, body) or not body:
        raise ValueError(
            f"these {len(message)} bytes are not a message for {net.name}: cut off, "
            "changed on the way, or made for another network"
        )
    count, rest = body[0], body[1:]
    g: Target = net
    for _ in range(count):
        if rest[0] not in _METHODS:
            raise ValueError(f"a message of method {rest[0]}; update to a newer course")
        g, rest = _METHODS[rest[0]].from_spec(rest[1:], g)
    assert isinstance(g, Parametrization)
    return apply(g, g.from_payload(rest)), None


def apply(g: Parametrization, phi: np.ndarray) -> np.ndarray:
    """Compute theta (D,) from phi (d,) on plain arrays, for evaluation.

    >>> from minitorch.models import mlp
    >>> from minitorch.weird.subspace import Subspace
    >>> apply(Subspace(mlp(4, 3, 2), d=5), np.ones(5)).shape
    (23,)
    """
    return g(Tensor(np.asarray(phi, np.float32))).numpy()


def _check(net: Network, body: bytes) -> bytes:
    """Two bytes that depend on every byte of a message and on the network's name."""
    return struct.pack("<H", zlib.crc32(net.name.encode() + body) & 0xFFFF)


def _chain(g: Target) -> bytes:
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

    def __init__(self, target: Target, *, seed: int = 0):
        self.target, self.seed = target, seed
        self.theta0 = target.init(seed)
        self.layout = target.layout

    def init(self, seed: int) -> np.ndarray:
        return self.theta0.copy()

    def __call__(self, phi: Tensor, *, train: bool = False, rng: Rng = None) -> Tensor:
        return through(self.target, phi, train, rng)

    def spec(self) -> bytes:
        return struct.pack("<I", self.seed)

    @classmethod
    def from_spec(cls, data: bytes, target: Target) -> tuple[Dense, bytes]:
        (seed,) = struct.unpack_from("<I", data)
        return cls(target, seed=seed), data[4:]

    def payload(self, phi: np.ndarray, bits: int) -> bytes:
        change = phi - self.theta0
        step = np.float32(2 * np.abs(change).max() / 2**bits) or np.float32(1)
        codes = np.rint(change / step).clip(-(2**15), 2**15 - 1).astype("<i2")
        planes = codes.view(np.uint8).reshape(-1, 2).T.tobytes()  # low bytes first
        return struct.pack("<f", step) + zlib.compress(planes, 9)

    def from_payload(self, data: bytes) -> np.ndarray:
        (step,) = struct.unpack_from("<f", data)
        planes = np.frombuffer(zlib.decompress(data[4:]), np.uint8).reshape(2, -1)
        codes = np.ascontiguousarray(planes.T).view("<i2").reshape(-1)
        return (self.theta0 + codes * np.float32(step)).astype(np.float32)


def through(target: Target, theta: Tensor, train: bool, rng: Rng) -> Tensor:
    """Send a vector on through the maps that stand between it and the network.

    >>> from minitorch.models import mlp
    >>> from minitorch.weird.subspace import Subspace
    >>> net, phi = mlp(4, 3, 2), Tensor(np.ones(5, np.float32))
    >>> through(Subspace(net, d=5), phi, train=False, rng=None).shape
    (23,)
    >>> through(net, phi, train=False, rng=None) is phi
    True
    """
    return theta if isinstance(target, Network) else target(theta, train=train, rng=rng)
