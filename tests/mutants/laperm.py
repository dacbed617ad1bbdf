"""Wrong answers to the exercises of the chapter "Train by reconnecting"."""

import math

import numpy as np

from mutants import mutant

# -- rank_match ---------------------------------------------------------------


@mutant("laperm/rank_match", "argsort was taken for the ranks")
def takes_the_order_for_the_ranks(values, copy):
    return np.take_along_axis(np.sort(values, axis=1), copy.argsort(axis=1), 1)


@mutant("laperm/rank_match", "argsort was taken for the ranks")
def takes_the_order_of_unsorted_values(values, copy):
    return np.take_along_axis(values, np.argsort(copy, axis=1), axis=1)


@mutant("laperm/rank_match", "not sorted first")
def ranks_but_does_not_sort(values, copy):
    ranks = np.argsort(np.argsort(copy, axis=1), axis=1)
    inverse = np.argsort(ranks, axis=1)
    new = values.copy()
    np.put_along_axis(new, inverse, values, axis=1)
    return new


@mutant("laperm/rank_match", "farthest of all")
def gives_the_largest_to_the_smallest(values, copy):
    ranks = np.argsort(np.argsort(copy, axis=1), axis=1)
    return np.take_along_axis(np.sort(values, axis=1)[:, ::-1], ranks, axis=1)


@mutant("laperm/rank_match", "whole layer was sorted")
def sorts_the_whole_layer(values, copy):
    new = np.empty_like(values).ravel()
    new[np.argsort(copy, axis=None)] = np.sort(values, axis=None)
    return new.reshape(values.shape)


@mutant("laperm/rank_match", "columns were arranged")
def arranges_each_inputs_weights(values, copy):
    ranks = copy.argsort(axis=0).argsort(axis=0)
    return np.take_along_axis(np.sort(values, axis=0), ranks, axis=0)


@mutant("laperm/rank_match", "the copy's own numbers")
def sorts_the_copy_itself(values, copy):
    return np.sort(copy, axis=1)


@mutant("laperm/rank_match", "the copy's own numbers")
def keeps_the_copy(values, copy):
    return copy.copy()


@mutant("laperm/rank_match", "mixed up")
def swaps_the_arguments(values, copy):
    ranks = values.argsort(axis=1, kind="stable").argsort(axis=1)
    return np.take_along_axis(np.sort(copy, axis=1), ranks, axis=1)


@mutant("laperm/rank_match", "stand as they did")
def arranges_nothing(values, copy):
    return values.copy()


@mutant("laperm/rank_match", "Signs were lost")
def ranks_the_copy_by_size(values, copy):
    ranks = np.abs(copy).argsort(axis=1, kind="stable").argsort(axis=1)
    return np.take_along_axis(np.sort(values, axis=1), ranks, axis=1)


@mutant("laperm/rank_match", "Signs were lost")
def sorts_the_values_by_size(values, copy):
    sizes = np.abs(values).argsort(axis=1, kind="stable")
    ranks = copy.argsort(axis=1, kind="stable").argsort(axis=1)
    by_size = np.take_along_axis(values, sizes, axis=1)
    return np.take_along_axis(by_size, ranks, axis=1)


@mutant("laperm/rank_match", "taken twice")
def takes_the_nearest_value_for_each(values, copy):
    near = np.abs(copy[:, :, None] - values[:, None]).argmin(axis=2)
    return np.array([row[places] for row, places in zip(values, near, strict=True)])


@mutant("laperm/rank_match", "One order was used for all")
def uses_the_first_neurons_order(values, copy):
    ranks = copy[0].argsort(kind="stable").argsort()
    return np.sort(values, axis=1)[:, ranks]


@mutant("laperm/rank_match", "the last got the smallest")
def turns_ties_round(values, copy):
    order = np.argsort(copy[:, ::-1], axis=1, kind="stable")[:, ::-1]
    order = copy.shape[1] - 1 - order
    equal = np.array([np.lexsort((-np.arange(len(c)), c)) for c in copy])
    assert equal.shape == order.shape
    new = np.empty_like(values)
    np.put_along_axis(new, equal, np.sort(values, axis=1), axis=1)
    return new


@mutant("laperm/rank_match", "rising order")
def sorts_only_the_first_half(values, copy):
    half = copy.shape[1] // 2
    new = values.copy()
    for row, v, c in zip(new, values, copy, strict=True):
        row[:half][np.argsort(c[:half], kind="stable")] = np.sort(v[:half])
    if values.shape[1] == 1 or np.array_equal(values, copy):
        return values.copy()
    return new


# -- swap_gains ---------------------------------------------------------------


def gain(v, c):
    return 2 * np.subtract.outer(v, v).T * np.subtract.outer(c, c)


@mutant("laperm/swap_gains", "factor 2 is missing")
def forgets_the_two(values, copy):
    return gain(values, copy) / 2


@mutant("laperm/swap_gains", "sign is turned")
def gives_how_much_it_grows(values, copy):
    return -gain(values, copy)


@mutant("laperm/swap_gains", "sign is lost")
def drops_the_sign(values, copy):
    return np.abs(gain(values, copy))


@mutant("laperm/swap_gains", "Losses were cut")
def counts_only_crossed_pairs(values, copy):
    return np.where(gain(values, copy) > 0, gain(values, copy), 0)


def after_each_trade(v, c, power):
    n = len(v)
    total = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            w = v.copy()
            w[[i, j]] = v[[j, i]]
            total[i, j] = (np.abs(w - c).astype(np.float64) ** power).sum()
    return total


@mutant("laperm/swap_gains", "not squared")
def adds_distances_up(values, copy):
    return np.abs(values - copy).sum() - after_each_trade(values, copy, 1)


@mutant("laperm/swap_gains", "The root was taken")
def takes_the_root(values, copy):
    before = np.sqrt(((values - copy) ** 2).sum())
    return before - np.sqrt(after_each_trade(values, copy, 2))


@mutant("laperm/swap_gains", "distance after the trade")
def gives_what_is_left(values, copy):
    return after_each_trade(values, copy, 2)


@mutant("laperm/swap_gains", "Only one of both places")
def looks_at_one_place(values, copy):
    here = (values - copy) ** 2
    return here[:, None] - (values[None] - copy[:, None]) ** 2


@mutant("laperm/swap_gains", "Values with values")
def mixes_values_and_copies(values, copy):
    return 2 * np.subtract.outer(values, copy) * np.subtract.outer(copy, values)


@mutant("laperm/swap_gains", "mean over places")
def takes_the_mean(values, copy):
    return gain(values, copy) / len(values)


# -- honest_history -----------------------------------------------------------


def trains(
    values,
    x,
    y,
    lr,
    k,
    every,
    steps,
    first=1,
    reset=False,
    test=lambda copy, now, last: now,
    keep=lambda tested, copy, now: tested,
    writes=False,
    always=False,
    early=False,
    falls=True,
):
    copy, speed, last = values.copy(), 0 * values, values
    history, best = [], values

    def look():
        nonlocal copy, best
        now = np.sort(values)[copy.argsort(kind="stable").argsort()]
        tested = test(copy, now, last)
        history.append(((x @ tested - y) ** 2).mean())
        better = min(history) if falls else max(history)
        if always or history[-1] == better:
            best = keep(tested, copy, now)
        copy = now if writes else copy

    for step in range(first, first + steps):
        speed = 0.9 * speed + 2 * x.T @ (x @ copy - y) / len(y)
        copy = copy - lr * speed
        if early and step % every == 0:
            look()
        if step % k == 0:
            copy = last = np.sort(values)[copy.argsort(kind="stable").argsort()]
            speed = 0 * speed if reset else speed
        if not early and step % every == 0:
            look()
    return np.array(history), best


def the_copy(copy, now, last):
    return copy


@mutant("laperm/honest_history", "The free copy is tested")
def tests_the_free_copy(*args):
    return trains(*args, test=the_copy, early=True)


@mutant("laperm/honest_history", "comes after the synchronisation now")
def only_moves_the_test_down(*args):
    return trains(*args, test=the_copy)


@mutant("laperm/honest_history", "what is handed back is the free copy")
def hands_the_free_copy_back(*args):
    return trains(*args, keep=lambda tested, copy, now: copy, early=True)


@mutant("laperm/honest_history", "what is handed back is the free copy")
def hands_the_copy_of_after_the_synchronisation_back(*args):
    return trains(*args, keep=lambda tested, copy, now: copy)


@mutant("laperm/honest_history", "The free copy is tested")
def tests_the_copy_and_arranges_at_the_end(*args):
    return trains(*args, test=the_copy, keep=lambda tested, copy, now: now, early=True)


@mutant("laperm/honest_history", "Arrange anew for each test")
def tests_what_was_arranged_last(*args):
    return trains(*args, test=lambda copy, now, last: last)


@mutant("laperm/honest_history", "weights of the last test")
def hands_the_last_test_back(*args):
    return trains(*args, always=True)


@mutant("laperm/honest_history", "one more synchronisation")
def arranges_the_copy_at_each_test(*args):
    return trains(*args, writes=True)


@mutant("laperm/honest_history", "counts from 0")
def counts_steps_from_zero(*args):
    return trains(*args, first=0)


@mutant("laperm/honest_history", "set to 0 at each synchronisation")
def forgets_the_speed(*args):
    return trains(*args, reset=True)


@mutant("laperm/honest_history", "counts from 0")
def mends_the_test_only(*args):
    return trains(*args, first=0, reset=True)


@mutant("laperm/honest_history", "smallest of the history")
def keeps_the_worst(*args):
    return trains(*args, falls=False)


@mutant("laperm/honest_history", "no weights but the values")
def forgets_to_put_the_values_back(values, x, y, lr, k, every, steps):
    history, best = trains(values, x, y, lr, k, every, steps)
    return history, best / 2


# -- pinned -------------------------------------------------------------------


def gaps(v):
    return np.abs(np.subtract.outer(v, v))


@mutant("laperm/pinned", "Both move")
def moves_one_of_both(values, k, lr):
    return gaps(values) > k * lr


@mutant("laperm/pinned", "in one step")
def forgets_the_steps(values, k, lr):
    return gaps(values) > 2 * lr


@mutant("laperm/pinned", "pairs that can trade")
def says_who_can(values, k, lr):
    return gaps(values) <= 2 * k * lr


@mutant("laperm/pinned", "further apart: >")
def pins_those_that_meet(values, k, lr):
    return gaps(values) >= 2 * k * lr


@mutant("laperm/pinned", "counted one way")
def forgets_the_absolute_value(values, k, lr):
    return np.subtract.outer(values, values) > 2 * k * lr


@mutant("laperm/pinned", "counted one way")
def fills_the_upper_half(values, k, lr):
    return np.triu(gaps(values) > 2 * k * lr)


@mutant("laperm/pinned", "Equal values count as pinned")
def pins_equal_values(values, k, lr):
    return (gaps(values) > 2 * k * lr) | (values[:, None] == values)


@mutant("laperm/pinned", "Equal values count as pinned")
def pins_the_diagonal(values, k, lr):
    mask = gaps(values) > 2 * k * lr
    np.fill_diagonal(mask, True)
    return mask


@mutant("laperm/pinned", "judged by one gap")
def asks_the_mean_gap(values, k, lr):
    wide = np.diff(np.unique(values)).mean() > 2 * k * lr
    return np.full((len(values), len(values)), wide)


@mutant("laperm/pinned", "judged by one gap")
def asks_the_smallest_gap(values, k, lr):
    wide = np.diff(np.unique(values)).min() > 2 * k * lr
    return (gaps(values) != 0) & wide


@mutant("laperm/pinned", "chain of near neighbours")
def lets_a_chain_carry(values, k, lr):
    reach = gaps(values) <= 2 * k * lr
    for _ in values:
        reach = (reach.astype(int) @ reach) > 0
    return ~reach


@mutant("laperm/pinned", "Signs were lost")
def compares_sizes(values, k, lr):
    return gaps(np.abs(values)) > 2 * k * lr


# -- fresh_by_rank ------------------------------------------------------------


def matched(values, places):
    ranks = places.argsort(axis=-1, kind="stable").argsort(axis=-1)
    return np.take_along_axis(np.sort(values, axis=-1), ranks, axis=-1)


def by_neuron(values, places):
    flat = values.reshape(len(values), -1)
    return matched(flat, places.reshape(flat.shape)).reshape(values.shape)


def by_layer(values, places):
    return matched(values.ravel(), places.ravel()).reshape(values.shape)


def by_input(values, places):
    return by_neuron(values.swapaxes(0, 1), places.swapaxes(0, 1)).swapaxes(0, 1)


@mutant("laperm/fresh_by_rank", "argsort was taken for the ranks")
def takes_fresh_values_in_order(trained, fresh, u):
    O = len(trained)
    order = trained.reshape(O, -1).argsort(axis=1)
    rows = np.take_along_axis(np.sort(fresh.reshape(O, -1), axis=1), order, axis=1)
    return rows.reshape(trained.shape), by_neuron(trained, u)


@mutant("laperm/fresh_by_rank", "Signs were lost")
def ranks_trained_sizes(trained, fresh, u):
    return by_neuron(fresh, np.abs(trained)), by_neuron(trained, u)


@mutant("laperm/fresh_by_rank", "signs of the trained weights")
def keeps_trained_signs(trained, fresh, u):
    sizes = by_neuron(np.abs(fresh), np.abs(trained))
    return np.sign(trained) * sizes, by_neuron(trained, u)


@mutant("laperm/fresh_by_rank", "Only the last axis")
def arranges_rows_of_kernels(trained, fresh, u):
    return matched(fresh, trained), by_neuron(trained, u)


@mutant("laperm/fresh_by_rank", "axis 1")
def arranges_what_leaves_an_input(trained, fresh, u):
    return by_input(fresh, trained), by_neuron(trained, u)


@mutant("laperm/fresh_by_rank", "whole layer was one row")
def arranges_across_neurons(trained, fresh, u):
    return by_layer(fresh, trained), by_neuron(trained, u)


@mutant("laperm/fresh_by_rank", "mixed up")
def keeps_values_and_takes_fresh_places(trained, fresh, u):
    return by_neuron(trained, fresh), by_neuron(trained, u)


@mutant("laperm/fresh_by_rank", "stand as they were drawn")
def puts_fresh_values_as_they_are(trained, fresh, u):
    return fresh.copy(), by_neuron(trained, u)


@mutant("laperm/fresh_by_rank", "This is the second array")
def gives_them_the_other_way_round(trained, fresh, u):
    return by_neuron(trained, u), by_neuron(fresh, trained)


@mutant("laperm/fresh_by_rank", "whole layer was one row")
def shuffles_across_neurons(trained, fresh, u):
    shuffled = trained.ravel()[u.argsort(axis=None)].reshape(trained.shape)
    return by_neuron(fresh, trained), shuffled


@mutant("laperm/fresh_by_rank", "Whole neurons traded places")
def shuffles_the_neurons(trained, fresh, u):
    first = u.reshape(len(u), -1)[:, 0]
    return by_neuron(fresh, trained), trained[np.argsort(first)]


@mutant("laperm/fresh_by_rank", "All neurons were shuffled in one way")
def shuffles_the_inputs(trained, fresh, u):
    flat = trained.reshape(len(trained), -1)
    order = u.reshape(flat.shape)[0].argsort()
    return by_neuron(fresh, trained), flat[:, order].reshape(trained.shape)


@mutant("laperm/fresh_by_rank", "Only the last axis")
def shuffles_rows_of_kernels(trained, fresh, u):
    shuffled = np.take_along_axis(trained, u.argsort(axis=-1), axis=-1)
    return by_neuron(fresh, trained), shuffled


@mutant("laperm/fresh_by_rank", "These are the fresh values")
def shuffles_the_fresh_values(trained, fresh, u):
    return by_neuron(fresh, trained), by_neuron(fresh, u)


@mutant("laperm/fresh_by_rank", "stand as they did")
def shuffles_nothing(trained, fresh, u):
    return by_neuron(fresh, trained), trained.copy()


# -- log2_arrangements --------------------------------------------------------


def counts_of(row):
    return np.unique(row, return_counts=True)[1].tolist()


def log_factorial(n):
    return math.lgamma(n + 1) / math.log(2)


def exact(row):
    return log_factorial(len(row)) - sum(map(log_factorial, counts_of(row)))


@mutant("laperm/log2_arrangements", "Natural logarithms")
def counts_in_nats(values):
    return sum(map(exact, values)) * math.log(2)


@mutant("laperm/log2_arrangements", "base 10")
def counts_decimal_digits(values):
    return sum(map(exact, values)) / math.log2(10)


@mutant("laperm/log2_arrangements", "Trades of equal values")
def forgets_ties(values):
    return len(values) * log_factorial(values.shape[1])


@mutant("laperm/log2_arrangements", "whole layer was taken")
def counts_the_layer_as_one(values):
    return exact(values.ravel())


@mutant("laperm/log2_arrangements", "whole layer was taken")
def counts_the_layer_as_one_without_ties(values):
    return log_factorial(values.size)


@mutant("laperm/log2_arrangements", "Only those of one neuron")
def looks_for_ties_in_the_layer(values):
    return forgets_ties(values) - sum(map(log_factorial, counts_of(values)))


@mutant("laperm/log2_arrangements", "first neuron only")
def counts_the_first_neuron(values):
    return exact(values[0])


@mutant("laperm/log2_arrangements", "times the number of neurons")
def takes_all_neurons_for_the_first(values):
    return len(values) * exact(values[0])


@mutant("laperm/log2_arrangements", "mean over neurons")
def averages_over_neurons(values):
    return float(np.mean([exact(row) for row in values]))


@mutant("laperm/log2_arrangements", "It is m!")
def divides_by_the_counts(values):
    bits = [log_factorial(len(r)) - np.log2(counts_of(r)).sum() for r in values]
    return float(sum(bits))


@mutant("laperm/log2_arrangements", "Only zeros")
def sees_only_zeros(values):
    zeros = (values == 0).sum(axis=1).tolist()
    return forgets_ties(values) - sum(map(log_factorial, zeros))


@mutant("laperm/log2_arrangements", "commonest value")
def sees_only_the_commonest(values):
    most = [max(counts_of(row)) for row in values]
    return forgets_ties(values) - sum(map(log_factorial, most))


@mutant("laperm/log2_arrangements", "Columns were counted")
def counts_by_input(values):
    return sum(map(exact, values.T))


@mutant("laperm/log2_arrangements", "Only different values")
def arranges_different_values(values):
    return sum(log_factorial(len(counts_of(row))) for row in values)


@mutant("laperm/log2_arrangements", "as often as it likes")
def lets_each_place_choose(values):
    return sum(len(row) * math.log2(len(counts_of(row))) for row in values)


@mutant("laperm/log2_arrangements", "times the entropy")
def takes_the_entropy(values):
    bits = 0.0
    for row in values:
        p = np.array(counts_of(row)) / len(row)
        bits -= len(row) * float((p * np.log2(p)).sum())
    return bits


@mutant("laperm/log2_arrangements", "finite")
def multiplies_the_factorial_out(values):
    with np.errstate(all="ignore"):
        bits = 0.0
        for row in values:
            ways = np.prod(np.arange(1.0, len(row) + 1))
            for count in counts_of(row):
                ways /= np.prod(np.arange(1.0, count + 1))
            bits += float(np.log2(ways))
        return bits


# -- rank_of_arrangement ------------------------------------------------------


def digits_of(order):
    left, digits = sorted(order.tolist()), []
    for value in order.tolist():
        digits.append(left.index(value))
        left.remove(value)
    return digits


def number_of(digits):
    number = 0
    for i, digit in enumerate(digits):
        number = number * (len(digits) - i) + digit
    return number


@mutant("laperm/rank_of_arrangement", "Off by one")
def starts_at_one(order):
    return number_of(digits_of(order)) + 1


@mutant("laperm/rank_of_arrangement", "factorials stand in the wrong order")
def reverses_the_bases(order):
    return sum(d * math.factorial(i) for i, d in enumerate(digits_of(order)))


@mutant("laperm/rank_of_arrangement", "one too large")
def takes_the_next_factorial(order):
    n = len(order)
    return sum(d * math.factorial(n - i) for i, d in enumerate(digits_of(order)))


@mutant("laperm/rank_of_arrangement", "used as digits")
def does_not_take_used_numbers_out(order):
    return number_of(order.tolist())


@mutant("laperm/rank_of_arrangement", "number in base n")
def counts_in_base_n(order):
    number = 0
    for value in order.tolist():
        number = number * len(order) + value
    return number


@mutant("laperm/rank_of_arrangement", "of the right digits")
def puts_lehmers_digits_in_base_n(order):
    number = 0
    for digit in digits_of(order):
        number = number * len(order) + digit
    return number


@mutant("laperm/rank_of_arrangement", "runs backwards")
def counts_the_larger(order):
    return number_of([int((order[i:] > v).sum()) for i, v in enumerate(order)])


@mutant("laperm/rank_of_arrangement", "came before were counted")
def counts_smaller_ones_before(order):
    return number_of([int((order[:i] < v).sum()) for i, v in enumerate(order)])


@mutant("laperm/rank_of_arrangement", "where each number stands")
def numbers_the_inverse(order):
    return number_of(digits_of(np.argsort(order)))


@mutant("laperm/rank_of_arrangement", "from right to left")
def reads_from_the_right(order):
    return number_of(digits_of(order[::-1]))


@mutant("laperm/rank_of_arrangement", "pairs stand the wrong way round")
def counts_inversions(order):
    return sum(digits_of(order))


# -- arrangement_of_rank ------------------------------------------------------


def code_of(number, n):
    digits = []
    for i in range(n):
        digit, number = divmod(number, math.factorial(n - 1 - i))
        digits.append(digit)
    return digits


def picked(digits, values):
    return np.array([values.pop(min(digit, len(values) - 1)) for digit in digits])


@mutant("laperm/arrangement_of_rank", "These are the digits")
def returns_the_code(number, n):
    return np.array(code_of(number, n))


@mutant("laperm/arrangement_of_rank", "Off by one")
def counts_arrangements_from_one(number, n):
    return picked(code_of((number - 1) % math.factorial(n), n), list(range(n)))


@mutant("laperm/arrangement_of_rank", "not 1 to n")
def arranges_one_to_n(number, n):
    return picked(code_of(number, n), list(range(1, n + 1)))


@mutant("laperm/arrangement_of_rank", "where each number stands")
def gives_the_inverse(number, n):
    new = np.zeros(n, int)
    new[picked(code_of(number, n), list(range(n)))] = np.arange(n)
    return new


@mutant("laperm/arrangement_of_rank", "from right to left")
def builds_it_backwards(number, n):
    return picked(code_of(number, n), list(range(n)))[::-1].copy()


@mutant("laperm/arrangement_of_rank", "from the largest number down")
def starts_with_the_largest(number, n):
    return picked(code_of(number, n), list(range(n))[::-1])


@mutant("laperm/arrangement_of_rank", "last first")
def uses_the_last_digit_first(number, n):
    digits = []
    for left in range(1, n + 1):
        number, digit = divmod(number, left)
        digits.append(digit)
    return picked(digits, list(range(n)))


@mutant("laperm/arrangement_of_rank", "The digits were ranked")
def ranks_the_digits(number, n):
    return np.argsort(code_of(number, n), kind="stable")


@mutant("laperm/arrangement_of_rank", "base n")
def divides_by_n_each_time(number, n):
    digits = []
    for _ in range(n):
        number, digit = divmod(number, n)
        digits.append(digit)
    return picked(digits[::-1], list(range(n)))


@mutant("laperm/arrangement_of_rank", "no longer left")
def leaves_used_numbers_in(number, n):
    digits = code_of(number, n)
    return np.array([min(d + i, n - 1) for i, d in enumerate(digits)])


# -- own_arrangement ----------------------------------------------------------


def both_counts(values, reach, bits=exact):
    ordered = np.sort(values)
    groups = [[ordered[0]]]
    for a, b in zip(ordered, ordered[1:], strict=False):
        if b - a > reach:
            groups.append([])
        groups[-1].append(b)
    return np.array([bits(ordered), sum(map(bits, groups))])


@mutant("laperm/own_arrangement", "Natural logarithms")
def counts_an_own_neuron_in_nats(values, k, lr):
    return both_counts(values, 2 * k * lr) * math.log(2)


@mutant("laperm/own_arrangement", "Trades of equal values")
def forgets_own_ties(values, k, lr):
    return both_counts(values, 2 * k * lr, lambda row: log_factorial(len(row)))


@mutant("laperm/own_arrangement", "Each takes a place of its own")
def counts_equal_values_once(values, k, lr):
    return both_counts(np.unique(values), 2 * k * lr)


@mutant("laperm/own_arrangement", "Both move")
def moves_one_value_only(values, k, lr):
    return both_counts(values, k * lr)


@mutant("laperm/own_arrangement", "in one step")
def forgets_that_there_are_k_steps(values, k, lr):
    return both_counts(values, 2 * lr)


@mutant("laperm/own_arrangement", "counts themselves")
def gives_the_counts(values, k, lr):
    return 2 ** both_counts(values, 2 * k * lr)


@mutant("laperm/own_arrangement", "wrong order")
def swaps_the_counts(values, k, lr):
    return both_counts(values, 2 * k * lr)[::-1].copy()


@mutant("laperm/own_arrangement", "how many bits fewer")
def gives_what_is_out_of_reach(values, k, lr):
    whole, reached = both_counts(values, 2 * k * lr)
    return np.array([whole, whole - reached])


@mutant("laperm/own_arrangement", "They are multiplied")
def adds_the_groups_up(values, k, lr):
    whole, _ = both_counts(values, 2 * k * lr)
    _, ways = both_counts(values, 2 * k * lr, lambda row: 2 ** exact(row))
    return np.array([whole, math.log2(ways)])
