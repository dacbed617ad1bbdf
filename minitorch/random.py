"""Random numbers that a receiver can draw again, for ever.

A message of a few hundred bytes can stand for 199,210 weights only if whoever
reads it draws the same starting weights and the same projection as whoever
wrote it. So everything that a message repeats comes from `stream`. It is
numpy's legacy `RandomState`, whose output numpy has frozen by policy, and it
is always drawn on the CPU.
"""

import hashlib

import numpy as np


def stream(seed: int, name: str) -> np.random.RandomState:
    """Open the frozen random stream that belongs to a seed and a name.

    Streams with other names are independent, so drawing more numbers for one
    purpose never shifts the numbers of another.

    Args:
        seed: a whole number, 0 to 2**32 - 1.
        name: what the numbers are for, such as "theta0/dense1.weight".

    Returns:
        A generator that starts at the same place on every machine.

    Raises:
        ValueError: when the seed is not a whole number in that range.

    >>> stream(0, "example").randint(0, 100, 5).tolist()
    [69, 92, 18, 19, 58]
    >>> stream(0, "another").randint(0, 100, 5).tolist()
    [30, 49, 99, 81, 17]
    """
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(f"a seed is a whole number from 0 to 2**32 - 1, got {seed!r}")
    digest = hashlib.sha256(f"{int(seed)}/{name}".encode()).digest()
    return np.random.RandomState(np.frombuffer(digest, dtype="<u4"))
