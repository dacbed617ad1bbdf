"""What every method's messages are held to."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
from engines import BACKENDS, use

from minitorch import use_backend
from minitorch.nn import Network
from minitorch.train import predict
from minitorch.weird import decode

_RECEIVER = """\
import hashlib, sys
from minitorch.models import mlp
from minitorch.weird import decode
for line in sys.stdin:
    name, message = line.split()
    widths = [int(part) for part in name.split("-") if part.isdigit()]
    net = mlp(*widths, bias=not name.endswith("nobias"))
    theta, _ = decode(bytes.fromhex(message), net)
    print(hashlib.sha256(theta.tobytes()).hexdigest())
"""


def decode_alike(sent: Sequence[tuple[Network, bytes]], images: np.ndarray) -> None:
    """A fresh process without numba decodes the same bytes; back-ends the same labels.

    `sent`: MLPs, and a message for each.
    """
    done = subprocess.run(
        [sys.executable, "-c", _RECEIVER],
        input="\n".join(f"{net.name} {message.hex()}" for net, message in sent),
        env={**os.environ, "MINITORCH_NUMBA": "0", "PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=True,
    )
    for (net, message), digest in zip(sent, done.stdout.split(), strict=True):
        with use_backend("numpy"):
            theta, _ = decode(message, net)
        assert hashlib.sha256(theta.tobytes()).hexdigest() == digest
        for engine in BACKENDS:
            with use(engine):
                other, _ = decode(message, net)
            assert (predict(net, theta, images) == predict(net, other, images)).all()


def damaged(message: bytes, every: int = 1) -> list[bytes]:
    """Cut a message off, add to it, turn it round, and change single bits of it."""
    broken = [message[:n] for n in range(0, len(message), every)]
    broken += [message + b"\0", b"\0" + message, message[::-1], b"not a message"]
    for place in range(0, len(message), every):
        changed = bytearray(message)
        changed[place] ^= 1 << place % 8
        broken.append(bytes(changed))
    return broken
