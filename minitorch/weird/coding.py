"""An entropy coder: whole numbers in, few bytes out.

A symbol that takes up a share p of what is sent costs log2(1 / p) bits. So a mask
that keeps 5 % of n weights costs 0.29 n bits and not n; what it costs beyond n H(p)
is a few bytes.

The coder is a range variant of Duda's asymmetric numeral systems. The message is one
whole number x. To append a symbol that has f of M counts, x grows by the factor
M / f: x becomes (x // f) M + (counts of earlier symbols) + x % f. The receiver undoes
that from the last symbol to the first. So that x stays small, its low bytes move out
whenever it is about to grow too large, and back in when it has become too small.

Source: Shannon (1948), A mathematical theory of communication; Duda (2013),
Asymmetric numeral systems.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import numpy as np

Bytes = TypeVar("Bytes", bytes, memoryview)
Counts = np.ndarray | list[int]
Sequence = Any  # an array for the compiled loops, a list where Python runs them
MOST = 2**24  # counts in all: what a state below 2**48 holds with an error of 2**-16


def entropy(counts: Counts) -> float:
    """Give the bits that a symbol costs on average: H = sum_k p_k log2(1 / p_k).

    Args:
        counts: (K,) how often each symbol occurs.

    Returns:
        bits a symbol; 0 where nothing occurs.

    Source: Shannon (1948), section 6.

    >>> entropy(np.array([1, 1])), round(entropy(np.array([95, 5])), 2)
    (1.0, 0.29)
    """
    counts = np.asarray(counts, np.float64)
    some = counts[counts > 0]
    return float((some * np.log2(some.sum() / some)).sum() / max(some.sum(), 1))


def encode(symbols: np.ndarray, counts: Counts) -> bytes:
    """Encode symbols with the shares that the counts say.

    The counts need not be those of the symbols. Where they are, the message takes
    n H(p) bits, at most log2(M) more for M counts in all, and is filled up to bytes.

    Args:
        symbols: (n,) whole numbers, 0 to K - 1.
        counts: (K,) whole numbers; 0 for what never occurs.

    Returns:
        The message, without the counts and without its own length.

    Raises:
        ValueError: when a symbol is none of the K or has no count, the counts are
            negative or more than 2**24 in all, or either are not whole numbers.

    >>> encode(np.array([0, 0, 1, 0, 0, 0, 2, 0]), np.array([6, 1, 1])).hex()
    'c2'
    """
    symbols, counts = _whole_numbers(symbols).reshape(-1), _counts(counts)
    if symbols.size and (symbols.min() < 0 or symbols.max() >= len(counts)):
        raise ValueError(
            f"symbols are 0 to {len(counts) - 1}, one for each count; got "
            f"{symbols.min()} to {symbols.max()}"
        )
    used = np.bincount(symbols, minlength=len(counts))
    if (lacking := (used > 0) & (counts == 0)).any():
        raise ValueError(f"symbol {lacking.argmax()} occurs without a count")
    if not symbols.size:
        return b""
    bits = (used[used > 0] * np.log2(counts.sum() / counts[used > 0])).sum()
    out = np.zeros(int(bits / 8 * 1.01) + 32, np.uint8)
    starts = np.cumsum(counts) - counts
    size = _run(_push, symbols, counts, starts, out)
    return out[:size][::-1].tobytes()


def decode(data: bytes | memoryview, counts: Counts, n: int) -> np.ndarray:
    """Decode what `encode` made with the same counts.

    Args:
        data: the message, all of it and nothing else.
        counts: (K,) as they were given to `encode`.
        n: how many symbols it holds.

    Returns:
        symbols, (n,).

    Raises:
        ValueError: when this cannot be n symbols with these counts. That is likely,
            not certain, where bytes are missing or were changed: they may be another
            message. Whoever sends adds a check, as `Parametrization.message` does.

    >>> decode(bytes.fromhex("c2"), np.array([6, 1, 1]), n=8).tolist()
    [0, 0, 1, 0, 0, 0, 2, 0]
    """
    counts = _counts(counts)
    symbols = np.zeros(n, np.int64)
    if n and not counts.sum():
        raise ValueError(f"{n} symbols, and counts that are all 0")
    rest = 0
    if n:
        starts = np.cumsum(counts) - counts
        received = np.frombuffer(data, np.uint8).astype(np.int64)
        rest = _run(_pop, received, counts, starts, symbols)
    if rest or (not n and data):
        raise ValueError(
            f"these {len(data)} bytes are not {n} symbols with the counts given: cut "
            "off, changed on the way, or encoded with other counts"
        )
    return symbols


def _push(symbols: Sequence, counts: Sequence, starts: Sequence, out: Sequence) -> int:
    """Put symbols on the number, the last one first, so that they come off in order.

    Bytes are written from the last that the receiver reads; gives how many.
    """
    total = starts[len(starts) - 1] + counts[len(counts) - 1]
    full = (2**40 // total) * 256  # times f: where x must shrink before it grows
    x, size = 0, 0
    for i in range(len(symbols) - 1, -1, -1):
        s = symbols[i]
        f = counts[s]
        while x >= full * f:
            out[size] = x & 255
            size += 1
            x >>= 8
        x = (x // f) * total + starts[s] + x % f
    while x > 0:
        out[size] = x & 255
        size += 1
        x >>= 8
    return size


def _pop(data: Sequence, counts: Sequence, starts: Sequence, symbols: Sequence) -> int:
    """Take symbols off the number; what is left is 0 if the message was whole."""
    total = starts[len(starts) - 1] + counts[len(counts) - 1]
    low = (2**40 // total) * total
    x, place = 0, 0
    for i in range(len(symbols)):
        while x < low and place < len(data):
            x = x * 256 + data[place]
            place += 1
        slot = x % total
        s, above = 0, len(counts)  # the last symbol that starts at or before the slot
        while above - s > 1:
            middle = (s + above) // 2
            if starts[middle] <= slot:
                s = middle
            else:
                above = middle
        symbols[i] = s
        x = (x // total) * counts[s] + slot - starts[s]
    return x + len(data) - place


def _run(loop: Callable, *arrays: np.ndarray) -> int:
    """Run a loop compiled where numba is there, else on lists, which Python is fast on.

    The last of the arrays is filled.
    """
    fast = _compiled(loop)
    if fast is not None:
        return int(fast(*arrays))
    lists = [array.tolist() for array in arrays]
    result = loop(*lists)
    arrays[-1][...] = lists[-1]
    return result


@cache
def _compiled(loop: Callable) -> Callable | None:
    if os.environ.get("MINITORCH_NUMBA", "1") == "0":
        return None
    try:
        from minitorch.backends.kernels import jit
    except ImportError:
        return None
    return jit(loop)


def _whole_numbers(values: np.ndarray | list[int]) -> np.ndarray:
    values = np.asarray(values)
    if values.size and values.dtype.kind not in "bui":
        raise ValueError(f"the coder takes whole numbers, got {values.dtype}")
    return values.astype(np.int64)


def _counts(counts: Counts) -> np.ndarray:
    counts = _whole_numbers(counts)
    if not len(counts) or counts.min() < 0 or counts.sum() > MOST:
        raise ValueError(
            f"counts are 0 or more each and at most {MOST:,} in all; got "
            f"{len(counts)} of them, {counts.sum():,} in all"
        )
    return counts


# ----------------------------------------------------------------------------
# What carries its own counts
# ----------------------------------------------------------------------------


def encode_mask(mask: np.ndarray) -> bytes:
    """Encode which of n places are kept: how many, then where.

    About n H(p) bits, p the fraction kept, and 2 to 5 bytes.

    Args:
        mask: (n,) or any other shape, booleans.

    Raises:
        ValueError: when the mask is not of booleans.

    >>> mask = np.zeros(1000, bool)
    >>> mask[::100] = True
    >>> len(encode_mask(mask))  # 1000 H(0.01) is 81 bits
    12
    """
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise ValueError(f"a mask holds booleans, got {mask.dtype}")
    kept = int(mask.sum())
    return whole(kept) + encode(mask.reshape(-1), [mask.size - kept, kept])


def decode_mask(data: bytes, n: int) -> np.ndarray:
    """Decode what `encode_mask` made of n places.

    Returns:
        (n,) booleans.

    Raises:
        ValueError: when these bytes are no mask of n places.

    >>> mask = np.array([True, False, False, True])
    >>> decode_mask(encode_mask(mask), n=4)
    array([ True, False, False,  True])
    """
    kept, rest = read_whole(data)
    if kept > n:
        raise ValueError(f"a mask of {n} places that keeps {kept}: not for these n")
    return decode(rest, [n - kept, kept], n).astype(bool)


def encode_numbers(codes: np.ndarray) -> bytes:
    """Encode whole numbers, such as rounded weights, with how often each occurs.

    First the smallest number and how many there are from it to the largest. Then how
    often each of these occurs, unless they are so few that it is shorter to give all
    of them the same share. Then the numbers themselves, by `encode`.

    Args:
        codes: (n,) whole numbers within 2**17 of each other.

    Raises:
        ValueError: when they lie further apart, are more than 2**24, or are not whole.

    >>> len(encode_numbers(np.array([-1, 0, 0, 0, 1, 0, 0, 0, 0, 7] * 100)))
    183
    """
    codes = _whole_numbers(codes).reshape(-1)
    if not codes.size:
        return b""
    low, high = int(codes.min()), int(codes.max())
    if high - low >= 2**17:
        raise ValueError(f"numbers within 2**17 of each other, got {low} to {high}")
    counts = np.bincount(codes - low)
    size = len(counts)
    even = whole(2 * size) + encode(codes - low, np.ones(size, np.int64))
    own = whole(2 * size + 1) + b"".join(whole(int(count)) for count in counts)
    own += encode(codes - low, counts)
    return whole(2 * low if low >= 0 else -2 * low - 1) + min(even, own, key=len)


def decode_numbers(data: bytes, n: int) -> np.ndarray:
    """Decode what `encode_numbers` made of n numbers.

    Returns:
        (n,) whole numbers.

    Raises:
        ValueError: when these bytes are no n numbers.

    >>> decode_numbers(encode_numbers(np.array([5, -3, 5])), n=3).tolist()
    [5, -3, 5]
    """
    if not n:
        return decode(data, [1], 0)
    folded, rest = read_whole(memoryview(data))  # a slice of a view copies nothing
    size, rest = read_whole(rest)
    counts = [1] * (size // 2)
    if size % 2:
        for i in range(size // 2):
            counts[i], rest = read_whole(rest)
    low = folded // 2 if folded % 2 == 0 else -(folded // 2) - 1
    return decode(rest, counts, n) + low


def whole(n: int) -> bytes:
    """Write a whole number in as few bytes as it needs, seven bits in each.

    The eighth bit says that more bytes follow.

    Raises:
        ValueError: when the number is below 0.

    >>> whole(5).hex(), whole(300).hex()
    ('05', 'ac02')
    """
    if n < 0:
        raise ValueError(f"a whole number from 0 up, got {n}")
    parts = []
    while n > 127:
        parts.append(n & 127 | 128)
        n >>= 7
    return bytes([*parts, n])


def read_whole(data: Bytes) -> tuple[int, Bytes]:
    """Read a number that `whole` wrote; give it with the bytes that are left over.

    Raises:
        ValueError: when the bytes end within the number.

    >>> read_whole(whole(300) + b"rest")
    (300, b'rest')
    """
    n = 0
    for place, byte in enumerate(data):
        n |= (byte & 127) << 7 * place
        if byte < 128:
            return n, data[place + 1 :]
    raise ValueError("the bytes end within a number: cut off")
