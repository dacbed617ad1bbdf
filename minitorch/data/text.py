"""One book as a sequence of characters, for networks that read text.

Lewis Carroll's "Alice's Adventures in Wonderland" (1865), which is in the public
domain; `NOTICE-DATA.md` says where this copy came from and what was changed.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minitorch.data.sources import DataError

ALICE_SUM = "815768295c84e5140ce4b599a1f47ba193fdd92a023334c810864532a0caa918"


@dataclass(frozen=True, eq=False, repr=False)
class Text:
    """A text as whole numbers, one for each character.

    Shapes: train (T,) and test (T',), int64 from 0 to K - 1.

    >>> alice()
    <Alice in Wonderland, 128,004/14,223 characters, 43 symbols>
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    symbols: str  # K characters; a number is a place in it
    name: str

    def describe(self) -> str:
        """Name and size, in one line for a figure."""
        return (
            f"{self.name}, {len(self.train):,}/{len(self.test):,} characters, "
            f"{len(self.symbols)} symbols"
        )

    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    def encode(self, text: str) -> NDArray[np.int64]:
        """Write characters as numbers, (T,).

        Raises:
            ValueError: when the text holds a character that is not a symbol.

        >>> alice().encode("alice")
        array([17, 28, 25, 19, 21])
        """
        if unknown := sorted(set(text) - set(self.symbols)):
            raise ValueError(f"no such symbols here: {unknown}; write in small letters")
        return np.array([self.symbols.index(each) for each in text], np.int64)

    def decode(self, ids: NDArray[np.int64]) -> str:
        """Write numbers as characters.

        >>> alice().decode(alice().test[:26])
        ' word, i will just explain'
        """
        return "".join(self.symbols[int(each)] for each in ids)


@lru_cache(maxsize=1)
def alice() -> Text:
    """Load the book: its first nine tenths to learn from, the rest held out.

    Capitals are read as small letters, so that there are fewer symbols.

    Raises:
        DataError: when the file is damaged.

    >>> text = alice()
    >>> text.decode(text.train[:47])
    'chapter i\\ndown the rabbit-hole\\nalice was beginn'
    """
    path = Path(__file__).parent / "files" / "alice.txt.gz"
    try:
        raw = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"the embedded text cannot be read ({error}). Install weird-ways anew."
        ) from error
    if (got := hashlib.sha256(raw).hexdigest()) != ALICE_SUM:
        raise DataError(
            f"the embedded text is damaged (its checksum is {got[:12]}…, not "
            f"{ALICE_SUM[:12]}…). Install weird-ways anew."
        )
    book = raw.decode("ascii").lower()
    symbols = "".join(sorted(set(book)))
    whole = Text(np.empty(0, np.int64), np.empty(0, np.int64), symbols, "")
    ids, n = whole.encode(book), len(book) * 9 // 10
    return Text(ids[:n], ids[n:], symbols, "Alice in Wonderland")


def windows(
    ids: NDArray[np.int64], length: int, batch: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Draw stretches of text for ever, with what follows each character.

    Args:
        ids: (T,) the text.
        length: characters in a stretch.
        batch: stretches in a batch.
        rng: draws where they begin.

    Returns:
        x and y, (batch, length) both; y is x, one place on.

    Raises:
        ValueError: when the text is shorter than a stretch and its next character.

    >>> x, y = next(windows(np.arange(9), 4, 1, np.random.default_rng(0)))
    >>> (y - x).tolist()
    [[1, 1, 1, 1]]
    """
    if not 1 <= length < len(ids):
        raise ValueError(
            f"stretches of {length} characters and the one that follows do not come "
            f"out of a text of {len(ids)}"
        )

    def draw() -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        while True:
            starts = rng.integers(0, len(ids) - length, batch)
            at = starts[:, None] + np.arange(length)
            yield ids[at], ids[at + 1]

    return draw()
