"""Values to bytes and back, for what a learner's process says to its grader.

JSON and raw numbers, never pickle: reading bytes builds plain values and runs
nothing. What is of no known type arrives as a `Stranger` that has its type's
name and nothing else. Sizes are bounded before anything is read.
"""

import json
import re
from typing import Any

import numpy as np
from numpy import frombuffer  # a learner's np.frombuffer = ... shall not reach us

TEXT = 2_000_000  # bytes of the JSON part of a message, at most
DEEPEST = 30  # lists in lists
_PLAIN_ARRAYS = re.compile(r"[<>|][biufc]\d{1,2}")
_HUGE = 2**63


class Stranger:
    """Stands for a value that is not sent: only its type's name came over."""


def stranger(name: str) -> Stranger:
    """Make a value whose type has this name.

    >>> type(stranger("Tensor")).__name__
    'Tensor'
    """
    plain = re.sub(r"[^\w ]", "", name[:40]) or "object"
    return type(plain, (Stranger,), {})()


def pack(value: Any) -> bytes:
    """Write a value as bytes.

    Args:
        value: None, ..., a number, a text, an array, or a tuple, list or dictionary
            of these; anything else goes as the name of its type.

    >>> unpack(pack((1.5, np.arange(3), {"name": None})))
    (1.5, array([0, 1, 2]), {'name': None})
    >>> type(unpack(pack(object()))).__name__
    'object'
    """
    raw: list[bytes] = []
    text = json.dumps(_node(value, raw, 0)).encode()
    return b"".join([len(text).to_bytes(4, "big"), text, *raw])


def _node(value: Any, raw: list[bytes], depth: int) -> Any:
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if value is ...:
        return {"dots": 0}
    if kind is int:
        return value if abs(value) < _HUGE else float("inf")
    if depth < DEEPEST and kind in (tuple, list):
        return {kind.__name__: [_node(each, raw, depth + 1) for each in value]}
    if depth < DEEPEST and kind is dict and all(type(key) is str for key in value):
        pairs = [[key, _node(each, raw, depth + 1)] for key, each in value.items()]
        return {"dict": pairs}
    if kind is np.ndarray:
        if not _PLAIN_ARRAYS.fullmatch(value.dtype.str):
            return {"type": f"array of dtype {value.dtype.name}"}
        raw.append(value.tobytes())
        return {"array": [value.dtype.str, [int(n) for n in value.shape]]}
    if isinstance(value, np.generic) and _PLAIN_ARRAYS.fullmatch(value.dtype.str):
        raw.append(value.tobytes())
        return {"scalar": value.dtype.str}
    return {"type": kind.__name__}


def unpack(message: bytes) -> Any:
    """Read what `pack` wrote.

    Raises:
        ValueError: when the bytes are not a whole message.

    >>> unpack(b"nonsense")
    Traceback (most recent call last):
    ...
    ValueError: not a message: ...
    """
    try:
        size = int.from_bytes(message[:4], "big")
        if not 0 < size <= min(TEXT, len(message) - 4):
            raise ValueError(f"its first part would have {size} bytes")
        reader = _Reader(message, 4 + size)
        value = reader.value(json.loads(message[4 : 4 + size]))
        if reader.at != len(message):
            raise ValueError("bytes are left over")
    except Exception as error:  # a learner may have written it: anything can be wrong
        raise ValueError(f"not a message: {error}") from None
    return value


class _Reader:
    def __init__(self, message: bytes, at: int):
        self.message, self.at = message, at

    def value(self, node: Any) -> Any:
        if not isinstance(node, dict):
            if isinstance(node, list):
                raise ValueError("a bare list")
            if isinstance(node, str):  # half a surrogate pair cannot be written
                return node.encode(errors="replace").decode()
            return node
        ((kind, held),) = node.items()
        if kind == "tuple":
            return tuple(self.value(each) for each in held)
        if kind == "list":
            return [self.value(each) for each in held]
        if kind == "dict":
            return {str(key): self.value(each) for key, each in held}
        if kind == "array":
            return self.array(held[0], [int(n) for n in held[1]])
        if kind == "scalar":
            return self.array(held, [])[()]
        if kind == "dots":
            return ...
        if kind == "type":
            return stranger(str(held))
        raise ValueError(f"no kind {kind!r}")

    def array(self, dtype: str, shape: list[int]) -> np.ndarray:
        if not _PLAIN_ARRAYS.fullmatch(dtype) or min(shape, default=0) < 0:
            raise ValueError(f"no array {dtype!r} {shape}")
        count = 1
        for n in shape:
            count *= n
        kind = np.dtype(dtype)
        start, self.at = self.at, self.at + count * kind.itemsize
        if self.at > len(self.message):
            raise ValueError("an array is cut off")
        flat = frombuffer(self.message, kind, count, start)
        return flat.reshape(shape).copy()
