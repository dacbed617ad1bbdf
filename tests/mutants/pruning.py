"""Wrong answers to the exercises of the chapter "Lottery tickets"."""

import math

import numpy as np

from mutants import mutant

# -- magnitude_mask -----------------------------------------------------------


def first(order, count, shape):
    mask = np.zeros(math.prod(shape), bool)
    mask[order[:count]] = True
    return mask.reshape(shape)


def half_up(x):
    return math.floor(x + 0.5)


@mutant("pruning/magnitude_mask", "absolute value is missing")
def keeps_the_largest_numbers(w, keep):
    order = np.argsort(-w.ravel(), kind="stable")
    return first(order, half_up(keep * w.size), w.shape)


@mutant("pruning/magnitude_mask", "A threshold is no count")
def keeps_above_the_last(w, keep):
    sizes = np.sort(abs(w).ravel())[::-1]
    count = half_up(keep * w.size)
    return abs(w) > sizes[count - 1] if count else np.zeros(w.shape, bool)


@mutant("pruning/magnitude_mask", "A threshold is no count")
def keeps_the_ties_too(w, keep):
    sizes = np.sort(abs(w).ravel())[::-1]
    count = half_up(keep * w.size)
    return abs(w) >= sizes[count - 1] if count else np.zeros(w.shape, bool)


@mutant("pruning/magnitude_mask", "A threshold is no count")
def takes_a_place_of_the_sorted_sizes(w, keep):
    sizes = np.sort(abs(w).ravel())
    return abs(w) >= sizes[int((1 - keep) * w.size)]


@mutant("pruning/magnitude_mask", "A threshold is no count")
def takes_the_place_after(w, keep):
    sizes = np.sort(abs(w).ravel())[::-1]
    return abs(w) >= sizes[half_up(keep * w.size)]


@mutant("pruning/magnitude_mask", 'kind="stable"')
def sorts_in_no_stable_order(w, keep):
    order = np.argsort(-abs(w).ravel())
    return first(order, half_up(keep * w.size), w.shape)


@mutant("pruning/magnitude_mask", "sorts each row by itself")
def forgets_to_ravel(w, keep):
    return first(np.argsort(-abs(w)), half_up(keep * w.size), w.shape)


@mutant("pruning/magnitude_mask", "sorts each row by itself")
def takes_places_in_a_row_for_rows(w, keep):
    mask = np.zeros(w.shape, bool)
    mask[np.argsort(-abs(w))[: half_up(keep * w.size)]] = True
    return mask


@mutant("pruning/magnitude_mask", "sorts each row by itself")
def ravels_too_late(w, keep):
    order = np.argsort(-abs(w)).ravel()
    return first(order, half_up(keep * w.size), w.shape)


@mutant("pruning/magnitude_mask", "A threshold is no count")
def trusts_a_quantile(w, keep):
    return abs(w) > np.quantile(abs(w), 1 - keep)


@mutant("pruning/magnitude_mask", "fraction that is pruned")
def takes_keep_for_pruned(w, keep):
    order = np.argsort(-abs(w).ravel(), kind="stable")
    return first(order, w.size - half_up(keep * w.size), w.shape)


@mutant("pruning/magnitude_mask", "smallest weights are kept")
def forgets_to_turn_the_order(w, keep):
    order = np.argsort(abs(w).ravel(), kind="stable")
    return first(order, half_up(keep * w.size), w.shape)


@mutant("pruning/magnitude_mask", "written into a copy")
def fills_a_copy(w, keep):
    mask = np.zeros_like(w, bool)  # laid out as w is
    order = np.argsort(-abs(w).ravel(), kind="stable")
    mask.ravel()[order[: half_up(keep * w.size)]] = True
    return mask


@mutant("pruning/magnitude_mask", "changed its input w")
def sorts_what_it_was_given(w, keep):
    flat = w.reshape(-1)
    sizes = np.abs(flat)
    flat.sort()
    order = np.argsort(-sizes, kind="stable")
    return first(order, half_up(keep * w.size), w.shape)


@mutant("pruning/magnitude_mask", "the later one is kept")
def takes_from_the_end(w, keep):
    order = np.argsort(abs(w).ravel(), kind="stable")[::-1]
    return first(order, half_up(keep * w.size), w.shape)


@mutant("pruning/magnitude_mask", "cut off")
def cuts_the_count(w, keep):
    order = np.argsort(-abs(w).ravel(), kind="stable")
    return first(order, int(keep * w.size), w.shape)


@mutant("pruning/magnitude_mask", "round() and np.round")
def rounds_to_even(w, keep):
    order = np.argsort(-abs(w).ravel(), kind="stable")
    return first(order, round(keep * w.size), w.shape)


@mutant("pruning/magnitude_mask", "booleans")
def gives_the_pruned_weights(w, keep):
    order = np.argsort(-abs(w).ravel(), kind="stable")
    return w * first(order, half_up(keep * w.size), w.shape)


@mutant("pruning/magnitude_mask", "row keeps its own")
def prunes_row_by_row(w, keep):
    rows = []
    for row in np.atleast_2d(w):
        order = np.argsort(-abs(row), kind="stable")
        rows.append(first(order, half_up(keep * row.size), row.shape))
    return np.array(rows).reshape(w.shape)


@mutant("pruning/magnitude_mask", "exact 0")
def takes_a_zero_for_pruned(w, keep):
    order = np.argsort(-abs(w).ravel(), kind="stable")
    return first(order, half_up(keep * w.size), w.shape) & (w != 0)


# -- prune_step ---------------------------------------------------------------


@mutant("pruning/prune_step", "fraction is taken of all weights")
def counts_all_weights(w, mask, keep):
    order = np.argsort(-abs(w * mask).ravel(), kind="stable")
    return first(order, half_up(keep * w.size), w.shape) & mask


@mutant("pruning/prune_step", "how many of")
def takes_a_quantile_of_all(w, mask, keep):
    return mask & (abs(w * mask) > np.quantile(abs(w * mask), 1 - keep))


@mutant("pruning/prune_step", "A threshold is no count")
def takes_a_quantile_of_the_survivors(w, mask, keep):
    return mask & (abs(w) > np.quantile(abs(w[mask]), 1 - keep))


@mutant("pruning/prune_step", "A threshold is no count")
def takes_the_quantile_too(w, mask, keep):
    return mask & (abs(w) >= np.quantile(abs(w[mask]), 1 - keep))


@mutant("pruning/prune_step", 'kind="stable"')
def sorts_them_in_no_stable_order(w, mask, keep):
    there = np.flatnonzero(mask)
    order = there[np.argsort(-abs(w.ravel()[there]))]
    return first(order, half_up(keep * len(there)), w.shape)


@mutant("pruning/prune_step", "Regrowth")
def lets_weights_grow_back(w, mask, keep):
    order = np.argsort(-abs(w).ravel(), kind="stable")
    return first(order, half_up(keep * mask.sum()), w.shape)


@mutant("pruning/prune_step", "ask the mask")
def finds_survivors_by_value(w, mask, keep):
    there = np.flatnonzero(w * mask)
    order = there[np.argsort(-abs(w.ravel()[there]), kind="stable")]
    return first(order, half_up(keep * len(there)), w.shape)


@mutant("pruning/prune_step", "ask the mask")
def loses_a_live_zero(w, mask, keep):
    there = np.flatnonzero(mask)
    order = there[np.argsort(-abs(w.ravel()[there]), kind="stable")]
    return first(order, half_up(keep * len(there)), w.shape) & (w != 0)


@mutant("pruning/prune_step", "absolute value is missing")
def keeps_the_largest_numbers_of_them(w, mask, keep):
    there = np.flatnonzero(mask)
    order = there[np.argsort(-w.ravel()[there], kind="stable")]
    return first(order, half_up(keep * len(there)), w.shape)


@mutant("pruning/prune_step", "fraction that is pruned")
def prunes_the_share_to_keep(w, mask, keep):
    there = np.flatnonzero(mask)
    order = there[np.argsort(-abs(w.ravel()[there]), kind="stable")]
    return first(order, len(there) - half_up(keep * len(there)), w.shape)


@mutant("pruning/prune_step", "not in their places")
def leaves_them_at_the_front(w, mask, keep):
    order = np.argsort(-abs(w[mask]), kind="stable")
    return first(order, half_up(keep * mask.sum()), w.shape)


@mutant("pruning/prune_step", "changed its input mask")
def prunes_in_place(w, mask, keep):
    there = np.flatnonzero(mask)
    order = there[np.argsort(-abs(w.ravel()[there]), kind="stable")]
    mask.ravel()[order[half_up(keep * len(there)) :]] = False
    return mask


# -- shuffled_mask ------------------------------------------------------------


def layers(sizes):
    ends = np.cumsum(sizes)
    return [slice(a, b) for a, b in zip(ends - sizes, ends, strict=True)]


@mutant("pruning/shuffled_mask", "A control changes one thing")
def shuffles_the_whole_network(mask, sizes, u):
    new = np.zeros(mask.shape, bool)
    new[np.argsort(u)[: mask.sum()]] = True
    return new


@mutant("pruning/shuffled_mask", "only on average")
def compares_with_the_fraction(mask, sizes, u):
    new = np.zeros(mask.shape, bool)
    for layer in layers(sizes):
        new[layer] = u[layer] < mask[layer].mean()
    return new


@mutant("pruning/shuffled_mask", "as many as it did")
def keeps_one_fraction_everywhere(mask, sizes, u):
    new = np.zeros(mask.shape, bool)
    for layer, size in zip(layers(sizes), sizes, strict=True):
        new[layer][np.argsort(u[layer])[: half_up(mask.mean() * size)]] = True
    return new


@mutant("pruning/shuffled_mask", "own slice")
def forgets_where_a_layer_starts(mask, sizes, u):
    new = np.zeros(mask.shape, bool)
    for layer in layers(sizes):
        new[np.argsort(u[layer])[: mask[layer].sum()]] = True
    return new


@mutant("pruning/shuffled_mask", "written into a copy")
def writes_into_a_copy(mask, sizes, u):
    new = np.zeros(mask.shape, bool)
    for layer in layers(sizes):
        part = new[layer].copy()
        part[np.argsort(u[layer])[: mask[layer].sum()]] = True
    return new


@mutant("pruning/shuffled_mask", "a shuffle too")
def sorts_the_mask(mask, sizes, u):
    new = mask.copy()
    for layer in layers(sizes):
        new[layer] = mask[layer][np.argsort(u[layer])]
    return new


@mutant("pruning/shuffled_mask", "Wanted are the smallest")
def keeps_the_largest_u(mask, sizes, u):
    new = np.zeros(mask.shape, bool)
    for layer in layers(sizes):
        new[layer][np.argsort(-u[layer])[: mask[layer].sum()]] = True
    return new


# -- pixel_counts -------------------------------------------------------------


def side_of(mask):
    return math.isqrt(mask.shape[1])


@mutant("pruning/pixel_counts", "A row is a unit")
def counts_for_each_unit(mask):
    return mask.sum(axis=1).reshape(side_of(mask), -1)


@mutant("pruning/pixel_counts", "turned on its side")
def turns_the_picture(mask):
    return mask.sum(axis=0).reshape(side_of(mask), -1).T


@mutant("pruning/pixel_counts", "sum over the units")
def takes_the_first_axis_for_pixels(mask):
    return mask.reshape(side_of(mask), side_of(mask), -1).sum(axis=2)


@mutant("pruning/pixel_counts", "counts the weights that were pruned")
def counts_what_is_gone(mask):
    return (mask == 0).sum(axis=0).reshape(side_of(mask), -1)


@mutant("pruning/pixel_counts", "whole numbers")
def averages_over_units(mask):
    return mask.mean(axis=0).reshape(side_of(mask), -1)


@mutant("pruning/pixel_counts", "whether any unit")
def asks_whether_any(mask):
    return mask.any(axis=0).reshape(side_of(mask), -1).astype(int)


@mutant("pruning/pixel_counts", "counts ran over")
def counts_in_eight_bits(mask):
    return mask.sum(axis=0, dtype=np.uint8).reshape(side_of(mask), -1)


@mutant("pruning/pixel_counts", "shape of the result")
def leaves_the_row(mask):
    return mask.sum(axis=0)


# -- message_bytes ------------------------------------------------------------


def three(dense, bitmask, indices, divide=8):
    return np.array([dense, bitmask, indices]) / divide


@mutant("pruning/message_bytes", "index bits are forgotten")
def forgets_the_indices(n, keep, value_bits, index_bits):
    kept = half_up(keep * n)
    return three(n * value_bits, kept * value_bits + n, kept * value_bits)


@mutant("pruning/message_bytes", "a bit for each of the n places")
def masks_only_what_is_kept(n, keep, value_bits, index_bits):
    kept = half_up(keep * n)
    indexed = kept * (value_bits + index_bits)
    return three(n * value_bits, kept * (value_bits + 1), indexed)


@mutant("pruning/message_bytes", "These are bits")
def gives_bits(n, keep, value_bits, index_bits):
    kept = half_up(keep * n)
    indexed = kept * (value_bits + index_bits)
    return three(n * value_bits, kept * value_bits + n, indexed, divide=1.0)


@mutant("pruning/message_bytes", "fraction that is pruned")
def sends_what_was_pruned(n, keep, value_bits, index_bits):
    gone = n - half_up(keep * n)
    indexed = gone * (value_bits + index_bits)
    return three(n * value_bits, gone * value_bits + n, indexed)


@mutant("pruning/message_bytes", "no parts of weights")
def keeps_parts_of_weights(n, keep, value_bits, index_bits):
    kept = keep * n
    indexed = kept * (value_bits + index_bits)
    return three(n * value_bits, kept * value_bits + n, indexed)


@mutant("pruning/message_bytes", "byte for each place")
def stores_booleans_as_numpy_does(n, keep, value_bits, index_bits):
    kept = half_up(keep * n)
    indexed = kept * (value_bits + index_bits)
    return three(n * value_bits, kept * value_bits + 8 * n, indexed)


@mutant("pruning/message_bytes", "an index is counted for each of the n places")
def numbers_every_place(n, keep, value_bits, index_bits):
    kept = half_up(keep * n)
    indexed = kept * value_bits + n * index_bits
    return three(n * value_bits, kept * value_bits + n, indexed)


@mutant("pruning/message_bytes", "not always 32")
def knows_only_floats(n, keep, value_bits, index_bits):
    kept = half_up(keep * n)
    return three(n * 32, kept * 32 + n, kept * (32 + index_bits))


@mutant("pruning/message_bytes", "zeros too")
def leaves_the_zeros_out(n, keep, value_bits, index_bits):
    kept = half_up(keep * n)
    indexed = kept * (value_bits + index_bits)
    return three(kept * value_bits, kept * value_bits + n, indexed)


# -- signed_constant ----------------------------------------------------------


def layer_by_layer(theta0, mask, sizes, size, sign=None):
    parts = []
    stops = np.cumsum(sizes)[:-1]
    for layer, there in zip(
        np.split(theta0, stops), np.split(mask, stops), strict=True
    ):
        signs = np.where(layer < 0, -1, 1) if sign is None else sign(layer)
        parts.append(signs * size(layer, there) * there)
    return np.concatenate(parts).astype(theta0.dtype)


@mutant("pruning/signed_constant", "One size for the whole network")
def takes_one_size_for_all(theta0, mask, sizes):
    return np.where(theta0 < 0, -1, 1) * theta0.std() * mask


@mutant("pruning/signed_constant", "of the survivors")
def measures_the_survivors(theta0, mask, sizes):
    return layer_by_layer(theta0, mask, sizes, lambda w, there: w[there].std())


@mutant("pruning/signed_constant", "with zeros where weights were pruned")
def measures_with_the_zeros(theta0, mask, sizes):
    return layer_by_layer(theta0, mask, sizes, lambda w, there: (w * there).std())


@mutant("pruning/signed_constant", "exactly 0")
def gives_zero_no_size(theta0, mask, sizes):
    return layer_by_layer(theta0, mask, sizes, lambda w, there: w.std(), np.sign)


@mutant("pruning/signed_constant", "signs are lost")
def makes_all_positive(theta0, mask, sizes):
    return layer_by_layer(theta0, mask, sizes, lambda w, there: w.std(), np.ones_like)


@mutant("pruning/signed_constant", "still there")
def forgets_the_mask(theta0, mask, sizes):
    return layer_by_layer(theta0, np.ones_like(mask), sizes, lambda w, there: w.std())


@mutant("pruning/signed_constant", "mean of the absolute values")
def takes_the_mean_size(theta0, mask, sizes):
    return layer_by_layer(theta0, mask, sizes, lambda w, there: abs(w).mean())


@mutant("pruning/signed_constant", "takes the mean off first")
def takes_the_root_mean_square(theta0, mask, sizes):
    return layer_by_layer(theta0, mask, sizes, lambda w, there: np.sqrt(np.mean(w * w)))


@mutant("pruning/signed_constant", "square root is missing")
def takes_the_variance(theta0, mask, sizes):
    return layer_by_layer(theta0, mask, sizes, lambda w, there: np.var(w))


# -- masked_step: each with one of the bugs left ------------------------------


@mutant("pruning/masked_step", "mask is not enforced")
def does_not_enforce_the_mask(w, grad, velocity, mask, lr, momentum):
    velocity = mask * (momentum * velocity + grad)
    return w - lr * velocity, velocity


@mutant("pruning/masked_step", "absolute value is missing")
def freezes_half_of_the_weights(w, grad, velocity, mask, lr, momentum):
    grad = np.where(w > 1e-9, grad, 0)
    velocity = mask * (momentum * velocity + grad)
    return mask * (w - lr * velocity), velocity


@mutant("pruning/masked_step", "Momentum revives")
def lets_momentum_revive(w, grad, velocity, mask, lr, momentum):
    velocity = momentum * velocity + mask * grad
    return mask * w - lr * velocity, velocity


@mutant("pruning/masked_step", "have a velocity")
def carries_the_velocity_on(w, grad, velocity, mask, lr, momentum):
    velocity = momentum * velocity + mask * grad
    return mask * (w - lr * velocity), velocity


@mutant("pruning/masked_step", "what the mask says")
def mends_the_absolute_value_only(w, grad, velocity, mask, lr, momentum):
    grad = np.where(np.abs(w) > 1e-9, grad, 0)
    velocity = mask * (momentum * velocity + grad)
    return mask * (w - lr * velocity), velocity


@mutant("pruning/masked_step", "not 0 after the step")
def masks_the_gradient_only(w, grad, velocity, mask, lr, momentum):
    velocity = momentum * velocity + mask * grad
    return w - lr * velocity, velocity


@mutant("pruning/masked_step", "no momentum")
def forgets_the_velocity(w, grad, velocity, mask, lr, momentum):
    velocity = mask * grad
    return mask * (w - lr * velocity), velocity


@mutant("pruning/masked_step", "1 - momentum")
def averages_the_gradients(w, grad, velocity, mask, lr, momentum):
    velocity = mask * (momentum * velocity + (1 - momentum) * grad)
    return mask * (w - lr * velocity), velocity


@mutant("pruning/masked_step", "changed its input w")
def steps_in_place(w, grad, velocity, mask, lr, momentum):
    velocity = mask * (momentum * velocity + grad)
    w -= lr * velocity
    return mask * w, velocity


# -- own_bits -----------------------------------------------------------------


def n_h(symbols, log=np.log2):
    share = np.unique(symbols, return_counts=True)[1] / len(symbols)
    return -len(symbols) * (share * log(share)).sum()


@mutant("pruning/own_bits", "nats")
def takes_the_natural_logarithm(mask, codes):
    return n_h(mask, np.log) + n_h(codes, np.log)


@mutant("pruning/own_bits", "a bit for each place")
def sends_a_plain_bitmask(mask, codes):
    return len(mask) + n_h(codes)


@mutant("pruning/own_bits", "the codes are missing")
def forgets_the_codes(mask, codes):
    return n_h(mask)


@mutant("pruning/own_bits", "the mask is missing")
def forgets_where_they_belong(mask, codes):
    return n_h(codes)


@mutant("pruning/own_bits", "could not tell them apart")
def writes_zero_for_pruned(mask, codes):
    every = np.zeros(len(mask), int)
    every[mask] = codes
    return n_h(every)


@mutant("pruning/own_bits", "one place and for one code")
def forgets_how_many(mask, codes):
    return n_h(mask) / len(mask) + n_h(codes) / len(codes)


@mutant("pruning/own_bits", "same number of bits")
def gives_all_codes_the_same(mask, codes):
    return n_h(mask) + len(codes) * np.log2(len(set(codes.tolist())))


@mutant("pruning/own_bits", "False need bits too")
def counts_only_what_is_there(mask, codes):
    return mask.sum() * np.log2(len(mask) / mask.sum()) + n_h(codes)
