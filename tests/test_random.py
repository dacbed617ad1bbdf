"""Frozen streams: what was drawn once must be drawn again by every receiver."""

import hashlib

import numpy as np
import pytest

from minitorch.models import lenet
from minitorch.random import stream
from minitorch.weird.subspace import PROJECTIONS


def digest(array, dtype):
    return hashlib.sha256(np.asarray(array).astype(dtype).tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(
    "draw, dtype, want",
    [
        # Rounded: the last digit of a logarithm is the C library's own.
        (lambda r: np.rint(r.standard_normal(1000) * 2**30), "<i8", "4651dd0543ad7868"),
        (lambda r: r.random_sample(1000), "<f8", "8be7bcebd5cebed8"),
        (lambda r: r.randint(0, 10, 1000), "<i8", "fb82b9ab50526f96"),
        (lambda r: r.permutation(1000), "<i8", "e8231fa073cfde61"),
    ],
)
def test_draws_never_change(draw, dtype, want):
    """If this fails, no message that was ever sent can be read any more."""
    assert digest(draw(stream(7, "golden")), dtype) == want


def test_starting_weights_never_change():
    assert digest(lenet().init(seed=3), "<f4") == "dc3574327fa7ff2b"


@pytest.mark.parametrize(
    "name, attribute, want",
    [
        ("sparse", "_places", "a57d64de719b1691"),
        ("fastfood", "_B", "c86f1eaad358a624"),
        ("fastfood", "_Pi", "7084e55a77626941"),
        ("coordinates", "_chosen", "d154118e03b2d4bb"),
    ],
)
def test_places_and_signs_never_change(name, attribute, want):
    P = PROJECTIONS[name](D=3001, d=37, seed=5)
    assert digest(getattr(P, attribute), "<i8") == want


@pytest.mark.parametrize(
    "name, want",
    [
        ("dense", [42.90466, -4354.561, 2852.467]),
        ("sparse", [-21.57439, -4320.54, 2089.21]),
        ("fastfood", [28.10541, 90156.65, 2820.477]),
        ("coordinates", [0.0, 93192.0, 342.0]),
    ],
)
def test_projections_never_change(name, want):
    """Values may differ in the last digit, where another processor adds up."""
    P = PROJECTIONS[name](D=3001, d=37, seed=5)
    phi = np.arange(37, dtype=np.float32) - 18
    theta = P.apply(phi)
    got = [theta.sum(), theta @ np.arange(3001), np.abs(theta).sum()]
    np.testing.assert_allclose(got, want, rtol=1e-4)


def test_a_stream_starts_at_the_same_place_each_time():
    np.random.seed(0)
    first = stream(1, "name").random_sample(5)
    np.random.seed(1)
    assert (stream(1, "name").random_sample(5) == first).all()


def test_streams_of_other_names_and_seeds_are_independent():
    names = [(0, "a"), (0, "b"), (1, "a"), (0, "ab"), (10, "a"), (1, "0/a")]
    draws = np.stack([stream(*each).standard_normal(10_000) for each in names])
    correlations = np.corrcoef(draws) - np.eye(len(names))
    assert np.abs(correlations).max() < 0.05  # five standard deviations


def test_drawing_more_of_one_stream_moves_no_other():
    stream(0, "a").standard_normal(17)
    other = stream(0, "b").random_sample(3)
    stream(0, "a").standard_normal(18)
    assert (stream(0, "b").random_sample(3) == other).all()


@pytest.mark.parametrize("seed", [0, 2**32 - 1, np.int64(5), np.uint8(5)])
def test_whole_numbers_of_32_bits_are_seeds(seed):
    same = stream(int(seed), "a").random_sample()
    assert stream(seed, "a").random_sample() == same


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "1", None])
def test_nothing_else_is_a_seed(seed):
    with pytest.raises(ValueError, match=r"whole number from 0 to 2\*\*32 - 1, got"):
        stream(seed, "a")
