"""The exercises of "Train by reconnecting", beyond what all chapters' tests ask."""

import inspect
import itertools
import math

import numpy as np
import planted
import pytest

from minitorch.grading.chapters import laperm as chapter
from minitorch.grading.driver import call_here, judge_answer
from minitorch.grading.learner import Answer, check_with
from minitorch.grading.references import laperm as reference
from minitorch.grading.spec import personal_rng
from minitorch.models import mlp
from minitorch.nn import Layout
from minitorch.weird import laperm as method

SEEDS = range(10)
SPECS = {each.id: each for each in chapter.EXERCISES}


def verdict(id, function, seed=0):
    return check_with(Answer(SPECS[id], function), np.random.default_rng(seed))


def cases(name, seeds=SEEDS):
    make = SPECS[f"laperm/{name}"].cases
    return [args for seed in seeds for args in make(np.random.default_rng(seed))]


# -- the references -----------------------------------------------------------


def test_the_arrangement_is_the_methods():
    for values, copy in cases("rank_match"):
        found = reference.rank_match(values, copy)
        np.testing.assert_array_equal(found, method.rank_match(values, copy))
        np.testing.assert_array_equal(found, reference.rank_match(found, found))


def test_no_arrangement_is_nearer():
    rng = np.random.default_rng(0)
    for _ in range(5):
        values, copy = rng.normal(size=(2, 6))
        found = reference.rank_match(values[None], copy[None])[0]
        least = min(
            ((np.array(each) - copy) ** 2).sum()
            for each in itertools.permutations(values)
        )
        assert ((found - copy) ** 2).sum() == pytest.approx(least)


def test_a_gain_is_by_how_much_the_distance_falls():
    for values, copy in cases("swap_gains"):
        gains = reference.swap_gains(values, copy)
        for i, j in np.ndindex(gains.shape):
            new = values.astype(np.float64)
            new[[i, j]] = new[[j, i]]
            fall = ((values - copy) ** 2).sum() - ((new - copy) ** 2).sum()
            assert gains[i, j] == pytest.approx(fall, abs=1e-5)


def test_by_rank_no_trade_gains():
    values, copy = cases("swap_gains")[3]
    assert reference.swap_gains(values, copy).max() == 0


def test_a_history_is_of_arrangements_and_its_best_is_handed_back():
    for args in cases("honest_history", range(4)):
        values, x, y, *_, every, steps = args
        history, best = reference.honest_history(*args)
        assert len(history) == steps // every
        np.testing.assert_array_equal(np.sort(best), np.sort(values))
        assert ((x @ best - y) ** 2).mean() == pytest.approx(history.min())


def test_a_history_is_that_of_torchs_steps():
    torch = pytest.importorskip("torch")
    for args in cases("honest_history", range(2)):
        values, x, y, lr, k, every, steps = args
        copy = torch.tensor(values, requires_grad=True)
        mover = torch.optim.SGD([copy], lr=lr, momentum=0.9)
        x, y, ladder = torch.tensor(x), torch.tensor(y), np.sort(values)
        history = []
        for step in range(1, steps + 1):
            mover.zero_grad()
            ((x @ copy - y) ** 2).mean().backward()
            mover.step()
            ranks = np.argsort(np.argsort(copy.detach().numpy()))
            now = torch.tensor(ladder[ranks])
            if step % k == 0:
                copy.data = now.clone()
            if step % every == 0:
                history.append(((x @ now - y) ** 2).mean().item())
        np.testing.assert_allclose(reference.honest_history(*args)[0], history)


def test_pinned_pairs_are_the_methods():
    for values, k, lr in cases("pinned"):
        ours = method.pinned(values, method.adam_reach(k, lr))
        np.testing.assert_array_equal(reference.pinned(values, k, lr), ours)


def test_location_and_value_are_the_methods():
    for trained, fresh, u in cases("fresh_by_rank"):
        located, shuffled = reference.fresh_by_rank(trained, fresh, u)
        layout = Layout({"w": trained.shape})
        for found, values, places in (
            (located, fresh, trained),
            (shuffled, trained, u),
        ):
            ours = method.arranged(layout, values.ravel(), places.ravel())
            np.testing.assert_array_equal(found.ravel(), ours.astype(found.dtype))


def test_bits_are_the_methods_and_those_of_the_list_of_arrangements():
    for (values,) in cases("log2_arrangements"):
        ours = method.log2_arrangements(values)
        assert reference.log2_arrangements(values) == pytest.approx(ours)
    (values,) = cases("log2_arrangements")[0]
    ways = [len(set(itertools.permutations(row.tolist()))) for row in values]
    assert ways == [105, 5040]
    bits = reference.log2_arrangements(values)
    assert bits == pytest.approx(math.log2(math.prod(ways)))


def test_numbers_are_places_in_the_dictionary():
    for n in range(1, 7):
        for number, order in enumerate(itertools.permutations(range(n))):
            assert reference.rank_of_arrangement(np.array(order)) == number
            back = reference.arrangement_of_rank(number, n)
            np.testing.assert_array_equal(back, order)


def test_the_number_takes_as_many_bytes_as_the_methods_message():
    rng = np.random.default_rng(0)
    for _ in range(10):
        order = rng.permutation(10)
        number = reference.rank_of_arrangement(order)
        assert number.bit_length() <= math.ceil(
            reference.log2_arrangements(order[None])
        )
        message = method.encode_arrangement(order[None])
        assert len(message) <= 3 and number < math.factorial(10) < 2**24


def reached(values, reach):
    """Count the arrangements that some copy within reach of the values ranks."""
    ladder, found = np.sort(values), set()
    for order in itertools.permutations(range(len(values))):
        low = -np.inf  # the copy, from its smallest on, each as low as it can be
        for place in order:
            low = max(low, values[place] - reach)
            if low > values[place] + reach:
                break
        else:
            found.add(tuple(ladder[np.argsort(order)].tolist()))
    return len(found)


def test_within_reach_are_the_arrangements_that_some_copy_ranks():
    values, k, lr = np.array([0.5, 0.0, 5.4, 0.5, 6.0, 5.4, 0.9]), 10, 0.05
    bits = reference.own_arrangement(values, k, lr)[1]
    assert reached(values, k * lr) == 12 * 3
    assert 2**bits == pytest.approx(12 * 3)


def test_no_students_neuron_has_a_doubtful_pair():
    found = []
    for student in range(40):
        rng = personal_rng("laperm/own_arrangement", f"s{student}")
        ((values, k, lr),) = SPECS["laperm/own_arrangement"].cases(rng)
        gaps = np.diff(np.unique(values))
        assert reference.own_arrangement(values, k, lr)[1] > 0
        # In a group all are within reach of each other, and no group of another.
        groups = np.split(np.unique(values), np.flatnonzero(gaps > 2 * k * lr) + 1)
        assert len(groups) == 3
        assert all(np.ptp(each) < 1.75 * k * lr for each in groups)
        assert gaps[gaps > 2 * k * lr].min() > 3 * k * lr
        assert len(np.unique(values)) < len(values)
        found.append(values.tobytes())
    assert len(set(found)) == 40


def test_what_the_functions_do_is_what_training_does():
    """Pairs that are pinned do not trade between two synchronisations of LaPerm."""
    net = mlp(6, 4, bias=False)
    g = method.LaPerm(net, k=3)
    phi = g.init(0).reshape(4, 6)
    rng = np.random.default_rng(0)
    copy = phi + rng.uniform(-0.05, 0.05, phi.shape).astype(np.float32)
    after = g.arrangement(copy.ravel()).reshape(4, 6)
    np.testing.assert_array_equal(after, reference.rank_match(phi, copy))
    for before, now in zip(phi, after, strict=True):
        held = reference.pinned(before, k=5, lr=0.01)
        assert held.any() and not (method.traded(before, now) & held).any()


def test_references_are_short():
    for name in (each.id.split("/")[1] for each in SPECS.values()):
        if hasattr(reference, name):
            source = inspect.getsource(getattr(reference, name))
            body = source.rsplit('"""', 1)[1].strip().splitlines()
            assert len(body) <= 12, name


# -- answers that are right in another way ------------------------------------


def by_double_argsort(values, copy):
    ranks = copy.argsort(axis=1, kind="stable").argsort(axis=1)
    return np.take_along_axis(np.sort(values, axis=1), ranks, axis=1)


def by_trading_crossed_pairs(values, copy):
    new = values.copy()
    for row, c in zip(new, copy, strict=True):
        for _ in row:
            for i in range(len(row)):
                for j in range(i):
                    a, b = row[j], row[i]
                    # Of equal copies the earlier has the smaller.
                    if (b - a) * (c[j] - c[i]) > 0 or (c[i] == c[j] and a > b):
                        row[i], row[j] = a, b
    return new


def by_rows_and_lexsort(values, copy):
    new = np.zeros_like(values, dtype=np.float64)
    for row, v, c in zip(new, values, copy, strict=True):
        row[np.lexsort((np.arange(len(c)), c))] = sorted(v)
    return new


def by_four_squares(values, copy):
    v, c = values.astype(np.float64), copy
    before = (v[:, None] - c[:, None]) ** 2 + (v[None] - c[None]) ** 2
    return before - (v[None] - c[:, None]) ** 2 - (v[:, None] - c[None]) ** 2


def by_keeping_all(values, x, y, lr, k, every, steps):
    """Mends the planted loop and keeps every arrangement that is tested."""
    w, m, tested = np.array(values), 0.0, []
    for t in range(steps):
        m = 0.9 * m + x.T @ (x @ w - y) * 2 / len(x)
        w = w - lr * m
        new = np.zeros_like(w)
        new[np.argsort(w)] = np.sort(values)
        if (t + 1) % k == 0:
            w = new.copy()
        if (t + 1) % every == 0:
            tested.append(new)
    losses = np.mean((np.array(tested) @ x.T - y) ** 2, axis=1)
    return losses, tested[int(losses.argmin())]


def by_the_larger_and_the_smaller(values, k, lr):
    high = np.maximum.outer(values, values)
    low = np.minimum.outer(values, values)
    return high - low > 2 * (k * lr)


def by_taking_for_u(trained, fresh, u):
    O = len(trained)
    t, f = trained.reshape(O, -1), fresh.reshape(O, -1)
    ranks = t.argsort(axis=1).argsort(axis=1)
    located = np.take_along_axis(np.sort(f, axis=1), ranks, axis=1)
    shuffled = np.take_along_axis(t, u.reshape(O, -1).argsort(axis=1), axis=1)
    return located.reshape(trained.shape), shuffled.reshape(trained.shape)


def by_lgamma(values):
    bits = 0.0
    for row in values:
        bits += math.lgamma(len(row) + 1)
        for value in set(row.tolist()):
            bits -= math.lgamma((row == value).sum() + 1)
    return bits / math.log(2)


def by_big_numbers(values):
    ways = 1
    for row in values:
        ways *= math.factorial(len(row))
        for count in np.unique(row, return_counts=True)[1].tolist():
            ways //= math.factorial(count)
    return math.log2(ways)


def by_a_list(order):
    left, number = list(range(len(order))), 0
    for value in order:
        at = left.index(value)
        left.pop(at)
        number += at * math.factorial(len(left))
    return number


def by_factorials(number, n):
    left = list(range(n))
    new = np.zeros(n, np.int32)
    for i in range(n):
        digit, number = divmod(number, math.factorial(n - 1 - i))
        new[i] = left.pop(digit)
    return new


def by_hand(values, k, lr):
    whole = by_lgamma(values[None])
    groups, rest = [], sorted(values.tolist())
    while rest:
        near = [v for v in rest if v - rest[0] <= 2 * k * lr]
        rest = rest[len(near) :]
        groups.append(by_lgamma(np.array([near])))
    return [round(whole, 2), round(sum(groups), 2)]


@pytest.mark.parametrize(
    ("id", "function"),
    [
        ("laperm/rank_match", by_double_argsort),
        ("laperm/rank_match", by_trading_crossed_pairs),
        ("laperm/rank_match", by_rows_and_lexsort),
        ("laperm/swap_gains", by_four_squares),
        ("laperm/honest_history", by_keeping_all),
        ("laperm/pinned", by_the_larger_and_the_smaller),
        ("laperm/fresh_by_rank", by_taking_for_u),
        ("laperm/log2_arrangements", by_lgamma),
        ("laperm/log2_arrangements", by_big_numbers),
        ("laperm/rank_of_arrangement", by_a_list),
        ("laperm/arrangement_of_rank", by_factorials),
        ("laperm/own_arrangement", by_hand),
    ],
)
def test_other_right_answers_pass(id, function):
    for seed in SEEDS:
        assert verdict(id, function, seed), (seed, verdict(id, function, seed))


# -- what is at the edge, and how things are told --------------------------------


def edge(id, function):
    told = judge_answer(SPECS[id], call_here(function), np.random.default_rng(0))
    return told.edge and told.status == "not yet"


def test_ties_in_the_copy_are_an_edge():
    def last_first(values, copy):
        back = by_double_argsort(values[:, ::-1], copy[:, ::-1])
        return back[:, ::-1].copy()

    assert edge("laperm/rank_match", last_first)


def test_values_exactly_two_reaches_apart_are_an_edge():
    assert edge("laperm/pinned", lambda v, k, lr: np.abs(v[:, None] - v) >= 2 * k * lr)


def test_a_higher_accuracy_does_not_help_who_sorts_the_layer():
    """The wrong grouping is nearer to the copy, and is told by the values lost."""
    for seed in SEEDS:
        values, copy = np.random.default_rng(seed).normal(size=(2, 5, 8))
        new = np.empty(values.size)
        new[np.argsort(copy, axis=None)] = np.sort(values, axis=None)
        ours = reference.rank_match(values, copy)
        layer = new.reshape(values.shape)
        assert ((layer - copy) ** 2).sum() < ((ours - copy) ** 2).sum()
        problem = SPECS["laperm/rank_match"].judge((values, copy), layer, ours)
        assert "the values that neuron 0 has after it" in problem.compared


def test_a_kernel_is_told_by_its_filter():
    def by_the_last_axis(trained, fresh, u):
        return method.rank_match(fresh, trained), method.rank_match(trained, u)

    said = repr(verdict("laperm/fresh_by_rank", by_the_last_axis))
    assert "what neuron" in said or "neuron 0" in said
    assert "reshape(len(trained), -1)" in said


def test_a_pair_is_shown_with_its_gap():
    said = repr(verdict("laperm/pinned", lambda v, k, lr: np.ones((len(v),) * 2, bool)))
    assert "0 and 0, 0 apart" in said and "k lr is 0.2" in said


# -- the planted bugs ---------------------------------------------------------

TEST = """        if step % every == 0:
            history.append(((x @ copy - y) ** 2).mean())
            best = copy if history[-1] == min(history) else best
"""
FIXES = {
    "zero": ("range(steps)", "range(1, steps + 1)"),
    "speed": ("            speed = np.zeros_like(values)\n", ""),
    "free": (
        TEST,
        "        now = np.sort(values)[copy.argsort().argsort()]\n"
        + TEST.replace("copy", "now"),
    ),
}


def mended(*names):
    return planted.mended(SPECS["laperm/honest_history"], FIXES, names)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ("zero", "range(steps) counts from 0"),
        ("speed", "speed is set to 0 at each synchronisation"),
        ("free", "The free copy is tested"),
    ],
)
def test_each_planted_bug_is_found_when_it_alone_is_left(left, said):
    others = [name for name in FIXES if name != left]
    for seed in SEEDS:
        assert said in repr(verdict("laperm/honest_history", mended(*others), seed))
    spec, call = SPECS["laperm/honest_history"], call_here(mended(*FIXES))
    assert judge_answer(spec, call, np.random.default_rng(0)).status == "passed"


def test_the_planted_loop_hands_back_what_is_no_arrangement():
    for args in cases("honest_history", range(3)):
        if args[4] != args[5]:
            _, best = mended()(*args)
            assert not np.isin(best, args[0]).all()


def test_the_planted_loop_is_told_as_it_is():
    assert "all that is wrong" in repr(verdict("laperm/honest_history", mended()))


def test_a_factorial_too_large_is_told_from_where_it_stops():
    def takes_the_next_factorial(number, n):
        left, order = list(range(n)), []
        for i in range(n):
            digit, number = divmod(number, math.factorial(n - i))
            order.append(left.pop(digit))
        return np.array(order)

    found = verdict("laperm/arrangement_of_rank", takes_the_next_factorial)
    assert found.status == "raised" and "pop index out of range" in repr(found)
    assert "the first divisor, not n!" in repr(found)
