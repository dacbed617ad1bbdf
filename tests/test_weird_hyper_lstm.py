"""The hyper-LSTM, its text, and its study."""

import numpy as np
import pytest

from minitorch.data import text
from minitorch.data.sources import DataError

# ----------------------------------------------------------------------------
# The text
# ----------------------------------------------------------------------------


def test_the_text_is_a_whole_book():
    book = text.alice()
    whole = book.decode(np.concatenate([book.train, book.test]))
    assert whole.startswith("chapter i\n") and whole.endswith("the end\n")
    assert whole.count("\nchapter ") == 11  # after the first, twelve in all
    assert 350 < whole.count("alice") < 450
    np.testing.assert_array_equal(book.encode(whole[:500]), book.train[:500])


def test_a_symbol_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"no such symbols here: \['A', '€'\]"):
        text.alice().encode("A€")


def test_a_damaged_text_is_refused(monkeypatch):
    monkeypatch.setattr(text, "ALICE_SUM", "0" * 64)
    with pytest.raises(DataError, match="is damaged.*not 000000000000"):
        text.alice.__wrapped__()


def test_a_stretch_is_followed_by_the_text_itself():
    ids = np.arange(50)
    x, y = next(text.windows(ids, 7, 30, np.random.default_rng(0)))
    assert x.shape == y.shape == (30, 7)
    np.testing.assert_array_equal(y, x + 1)
    with pytest.raises(ValueError, match="stretches of 50 characters"):
        text.windows(ids, 50, 1, np.random.default_rng(0))
