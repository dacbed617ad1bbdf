"""The entropy coder: against the entropy, and with and without compiled loops."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch.weird import coding
from minitorch.weird.coding import (
    decode,
    decode_mask,
    decode_numbers,
    encode,
    encode_mask,
    encode_numbers,
    entropy,
    read_whole,
    whole,
)

quick = settings(max_examples=60, derandomize=True, deadline=None, database=None)


@pytest.fixture
def python_only(monkeypatch):
    monkeypatch.setattr(coding, "_compiled", lambda loop: None)


@pytest.mark.parametrize(
    "counts", [[1, 1], [95, 5], [3, 0, 7], [8], [0, 0, 4], list(range(50))]
)
def test_entropy_is_scipys(counts):
    want = scipy.stats.entropy(counts, base=2)
    assert entropy(np.array(counts)) == pytest.approx(want, abs=1e-12)
    assert entropy([0, 0]) == 0


def drawn(counts, n, seed=0):
    """Symbols that occur as often as the counts say, on average."""
    shares = np.array(counts) / np.sum(counts)
    return np.random.default_rng(seed).choice(len(counts), n, p=shares)


@quick
@given(
    st.lists(st.integers(0, 3000), min_size=1, max_size=40).filter(any),
    st.integers(0, 300),
    st.integers(0, 9),
)
def test_symbols_come_back(counts, n, seed):
    """With their own counts or with others; the length is the ideal one."""
    symbols = drawn(counts, n, seed)
    data = encode(symbols, counts)
    np.testing.assert_array_equal(decode(data, counts, n), symbols)
    shares = np.array(counts) / sum(counts)
    ideal = -np.log2(shares[symbols]).sum() if n else 0
    assert len(data) <= (ideal * 1.0001 + math.log2(sum(counts))) / 8 + 1


@pytest.mark.parametrize("n", [1, 10, 3000])
@pytest.mark.parametrize("counts", [[1, 1], [95, 5], [1, 2**24 - 1], [7, 0, 1, 90]])
def test_python_writes_the_same_bytes(counts, n, monkeypatch):
    symbols = drawn(counts, n)
    data = encode(symbols, counts)
    monkeypatch.setattr(coding, "_compiled", lambda loop: None)
    assert encode(symbols, counts) == data
    np.testing.assert_array_equal(decode(data, counts, n), symbols)


def test_the_message_is_one_number_in_base_256(python_only):
    """Short ones, by hand: x becomes (x // f) M + start + x % f, last symbol first."""
    counts, starts = [5, 2, 1], [0, 5, 7]
    x = 0
    for s in reversed(symbols := [1, 0, 2, 0, 0, 1]):
        x = x // counts[s] * 8 + starts[s] + x % counts[s]
    assert int.from_bytes(encode(np.array(symbols), counts), "big") == x


def test_a_long_message_is_that_number_to_a_byte(python_only):
    """Without ever moving bytes out, Python's whole numbers may grow."""
    counts = [70, 25, 5]
    symbols, x = drawn(counts, 4000), 0
    for s in symbols[::-1].tolist():
        x = x // counts[s] * 100 + [0, 70, 95][s] + x % counts[s]
    assert abs(len(encode(symbols, counts)) - x.bit_length() / 8) <= 1


def test_no_symbols_and_one_symbol_cost_nothing():
    assert encode(np.array([], int), [3, 4]) == b""
    assert decode(b"", [3, 4], 0).tolist() == []
    assert encode(np.zeros(100_000, int), [100_000, 0]) == b""
    assert decode(b"", [5], 3).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "symbols, counts, words",
    [
        ([0, 2], [1, 1], "symbols are 0 to 1, one for each count; got 0 to 2"),
        ([-1, 0], [1, 1], "symbols are 0 to 1"),
        ([0, 1], [1, 0], "symbol 1 occurs without a count"),
        ([0], [2, -1], "counts are 0 or more"),
        ([0], [], "got 0 of them"),
        ([0], [2**24, 1], "at most 16,777,216 in all"),
        ([0.5], [1, 1], "whole numbers, got float64"),
        ([0], [0.5, 1], "whole numbers, got float64"),
    ],
)
def test_what_cannot_be_encoded_is_refused(symbols, counts, words):
    with pytest.raises(ValueError, match=words):
        encode(np.array(symbols), np.array(counts))


def test_what_is_no_message_is_refused():
    counts = [60, 30, 10]
    symbols = drawn(counts, 500)
    data = encode(symbols, counts)
    broken = [(data[:-1], counts, 500), (data + b"1", counts, 500)]
    broken += [(data, counts, 499), (data, [10, 30, 60], 500), (b"1", counts, 0)]
    for each in broken:
        with pytest.raises(ValueError, match="bytes are not .* symbols"):
            decode(*each)
    with pytest.raises(ValueError, match="counts that are all 0"):
        decode(b"", [0, 0], 2)


# ----------------------------------------------------------------------------
# Masks and numbers
# ----------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0.5, 0.2, 0.05, 0.01, 0.001, 0.95])
def test_a_mask_costs_its_entropy(keep):
    mask = np.random.default_rng(1).random((300, 784)) < keep
    data = encode_mask(mask)
    p = mask.mean()
    bits = mask.size * scipy.stats.entropy([p, 1 - p], base=2)
    assert bits / 8 - 2 <= len(data) <= bits / 8 * 1.001 + 5
    # No code for sets of k of n places is shorter on average than log2 of their number.
    ways = [math.lgamma(m + 1) for m in (mask.size, mask.sum(), (~mask).sum())]
    assert len(data) >= (ways[0] - ways[1] - ways[2]) / math.log(2) / 8
    np.testing.assert_array_equal(decode_mask(data, mask.size), mask.reshape(-1))


@quick
@given(st.lists(st.booleans(), max_size=200))
def test_masks_come_back(mask):
    data = encode_mask(np.array(mask, bool))
    assert decode_mask(data, len(mask)).tolist() == mask


def test_full_and_empty_masks_cost_their_count():
    for fill, length in ((np.zeros, 1), (np.ones, 3)):
        mask = fill(266_200, bool)
        data = encode_mask(mask)
        assert len(data) == length
        np.testing.assert_array_equal(decode_mask(data, mask.size), mask)


def test_what_is_no_mask_is_refused():
    with pytest.raises(ValueError, match="holds booleans, got int64"):
        encode_mask(np.array([0, 1]))
    data = encode_mask(np.arange(100) % 7 == 0)
    with pytest.raises(ValueError, match="of 10 places that keeps 15"):
        decode_mask(data, 10)
    for each, n in ((data, 99), (data[:-1], 100), (data + b"0", 100)):
        with pytest.raises(ValueError, match="are not"):
            decode_mask(each, n)
    with pytest.raises(ValueError, match="end within a number"):
        decode_mask(b"", 100)


@quick
@given(st.lists(st.integers(-300, 300), max_size=300), st.integers(-(2**40), 2**40))
def test_numbers_come_back(codes, shift):
    codes = np.array(codes, np.int64) + shift
    np.testing.assert_array_equal(
        decode_numbers(encode_numbers(codes), len(codes)), codes
    )


@pytest.mark.parametrize("spread", [0.3, 3, 30, 3000])
@pytest.mark.parametrize("n", [10, 300, 20_000])
def test_numbers_cost_their_entropy_and_their_counts(spread, n):
    codes = np.rint(np.random.default_rng(0).normal(0, spread, n)).astype(int)
    values, counts = np.unique(codes, return_counts=True)
    size = np.ptp(codes) + 1
    own = n * scipy.stats.entropy(counts, base=2) / 8 + size + 2 * (counts > 127).sum()
    even = n * math.log2(size) / 8
    assert len(encode_numbers(codes)) <= min(own, even) * 1.001 + 8


def test_numbers_far_apart_are_refused():
    with pytest.raises(ValueError, match=r"within 2\*\*17 of each other, got 0 to"):
        encode_numbers(np.array([0, 2**17]))
    widest = np.repeat([0, 2**17 - 1], 50_000)  # with a count for each between
    np.testing.assert_array_equal(
        decode_numbers(encode_numbers(widest), len(widest)), widest
    )
    with pytest.raises(ValueError, match="whole numbers, got float64"):
        encode_numbers(np.array([0.5]))


@pytest.mark.parametrize("n, length", [(0, 1), (127, 1), (128, 2), (2**14, 3)])
def test_a_whole_number_takes_a_byte_for_seven_bits(n, length):
    assert len(whole(n)) == length
    assert read_whole(whole(n) + b"rest") == (n, b"rest")


def test_a_whole_number_is_not_negative():
    with pytest.raises(ValueError, match="from 0 up, got -1"):
        whole(-1)


def test_a_process_without_numba_reads_what_one_with_it_wrote():
    mask = np.random.default_rng(0).random(20_000) < 0.1
    codes = np.random.default_rng(0).integers(-9, 9, 3000)
    code = (
        "import sys\n"
        "from minitorch.weird.coding import decode_mask, decode_numbers\n"
        "mask, codes = map(bytes.fromhex, sys.stdin.read().split())\n"
        "print(decode_mask(mask, 20_000).sum(), decode_numbers(codes, 3000).sum())\n"
        "assert 'numba' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=f"{encode_mask(mask).hex()} {encode_numbers(codes).hex()}",
        env={**os.environ, "MINITORCH_NUMBA": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(mask.sum()), str(codes.sum())]
