"""The exercises of "Lottery tickets", beyond what all chapters' tests ask."""

import numpy as np
import planted
import pytest
from scipy.stats import entropy

from minitorch.data import load
from minitorch.grading.chapters import pruning as chapter
from minitorch.grading.learner import Answer, check_with
from minitorch.grading.references import pruning as reference
from minitorch.grading.spec import find, personal_rng
from minitorch.studies import ticket_bugs
from minitorch.weird import pruning as method


def verdict(id, function, seed=0):
    return check_with(Answer(find(id), function), np.random.default_rng(seed))


# -- the references -----------------------------------------------------------


@pytest.mark.parametrize("name", ["magnitude_mask", "prune_step", "pixel_counts"])
def test_a_shown_solution_is_the_methods_own_function(name):
    for seed in range(20):
        cases = getattr(chapter, f"_{name}_cases")(np.random.default_rng(seed))
        for args in cases:
            ours, shown = getattr(method, name), getattr(reference, name)
            np.testing.assert_array_equal(shown(*args), ours(*args))


@pytest.mark.parametrize("form", ["dense", "bitmask", "csr"])
def test_the_accountant_agrees_with_the_methods_own(form):
    place = ["dense", "bitmask", "csr"].index(form)
    for n, keep, value_bits, index_bits in [(1000, 0.1, 32, 16), (50_000, 0.07, 5, 16)]:
        counted = reference.message_bytes(n, keep, value_bits, index_bits)[place]
        kind = {"value_bits": value_bits, "form": form, "index_bits": index_bits}
        assert counted == pytest.approx(method.message_bytes(n, keep, **kind))


def test_bits_are_scipys_entropy():
    for student in "abc":
        (data,) = chapter._own_bits_cases(personal_rng("pruning/own_bits", student))
        total = sum(
            len(part) * entropy(np.unique(part, return_counts=True)[1], base=2)
            for part in data
        )
        assert reference.own_bits(*data) == pytest.approx(total)


def test_a_signed_start_has_each_layers_own_spread():
    rng = np.random.default_rng(0)
    theta0 = np.concatenate([rng.normal(0, 3, 500), rng.normal(0, 0.2, 300)])
    start = reference.signed_constant(theta0, np.ones(800, bool), np.array([500, 300]))
    assert (np.sign(start) == np.sign(theta0)).all()
    np.testing.assert_allclose(np.abs(start[:500]), theta0[:500].std())
    np.testing.assert_allclose(np.abs(start[500:]), theta0[500:].std())


# -- answers that are right in another way ------------------------------------


def by_sorting_pairs(w, keep):
    count = int(keep * w.size + 0.5)
    flat = np.asarray(w, order="C").reshape(-1)
    order = sorted(range(w.size), key=lambda i: (-abs(flat[i]), i))
    mask = np.zeros(w.size, bool)
    mask[order[:count]] = True
    return mask.reshape(w.shape)


def by_infinity(w, mask, keep):
    sizes = np.where(mask, np.abs(w), -np.inf).ravel()
    order = np.argsort(-sizes, kind="stable")
    new = np.zeros(w.shape, bool)
    new.flat[order[: int(keep * mask.sum() + 0.5)]] = True
    return new


def by_ranks(mask, sizes, u):
    ends = np.cumsum(sizes)[:-1]
    ranks = [np.argsort(np.argsort(part)) for part in np.split(u, ends)]
    counts = [part.sum() for part in np.split(mask, ends)]
    return np.concatenate(ranks) < np.repeat(counts, sizes)


def by_a_product(mask):
    counts = np.ones(len(mask), int) @ mask.astype(int)
    return counts.reshape([round(len(counts) ** 0.5)] * 2)


def by_whole_bytes(n, keep, value_bits, index_bits):
    k = int(n * keep + 0.5)
    return np.array(
        [
            n * value_bits / 8,
            k * value_bits / 8 + n / 8,
            k * (value_bits + index_bits) / 8,
        ]
    )


def by_repeating(theta0, mask, sizes):
    layer = np.repeat(np.arange(len(sizes)), sizes)
    size = np.array([theta0[layer == i].std() for i in range(len(sizes))])
    return np.copysign(size[layer], theta0) * mask


def by_multiplying(w, grad, velocity, mask, lr, momentum):
    v = (momentum * velocity + grad) * mask
    return w * mask - lr * v, v


@pytest.mark.parametrize(
    ("id", "function"),
    [
        ("pruning/magnitude_mask", by_sorting_pairs),
        ("pruning/prune_step", by_infinity),
        ("pruning/shuffled_mask", by_ranks),
        ("pruning/pixel_counts", by_a_product),
        ("pruning/message_bytes", by_whole_bytes),
        ("pruning/signed_constant", by_repeating),
        ("pruning/masked_step", by_multiplying),
    ],
)
def test_other_right_answers_pass(id, function):
    for seed in range(10):
        assert verdict(id, function, seed), (seed, verdict(id, function, seed))


# -- the planted bugs ---------------------------------------------------------

FIXES = {
    "enforce": ("return w - lr * velocity,", "return mask * (w - lr * velocity),"),
    "ask the mask": ("there = w > 1e-9", "there = mask"),
    "mask the velocity": (
        "momentum * velocity + grad",
        "mask * (momentum * velocity + grad)",
    ),
}


def mended(*names):
    return planted.mended(find("pruning/masked_step"), FIXES, names)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ("enforce", "mask is not enforced"),
        ("ask the mask", "absolute value is missing"),
        ("mask the velocity", "have a velocity"),
    ],
)
def test_each_planted_bug_is_found_when_it_alone_is_left(left, said):
    others = [name for name in FIXES if name != left]
    for seed in range(10):
        assert said in repr(verdict("pruning/masked_step", mended(*others), seed))
    assert verdict("pruning/masked_step", mended(*FIXES))


# -- what the chapter shows of the bugs ---------------------------------------


def test_counting_finds_the_bugs_that_accuracy_does_not():
    digits = load("mnist").take(6_000, 500)
    found = ticket_bugs.runs(digits, seeds=(0,))
    assert all(abs(ticket_bugs.lost(found, name)[0]) < 5 for name in found)
    good, once, no_abs, old = (found[name][0] for name in ticket_bugs.BUGS)
    assert good.alive == good.kept and good.revived == 0
    assert good.still < 0.01 * good.kept
    assert once.revived > 5 * once.kept and old.revived > 5 * old.kept
    assert no_abs.still > 0.3 * no_abs.kept and no_abs.revived == 0
    assert ticket_bugs.invariants(found, "n").caption == (
        "By counting: 3 of 4 wrong: mask applied once, no absolute value, old "
        "momentum; n"
    )
    assert "the worst bug costs" in ticket_bugs.accuracies(found, "n").caption
