"""Wrong answers to the exercises of the chapter "Supermasks"."""

import math

import numpy as np

from mutants import mutant

# -- same_sign_scores ---------------------------------------------------------


@mutant("supermasks/same_sign_scores", "no sign to keep")
def takes_a_zero_for_the_same_sign(wi, wf):
    return np.where(wi * wf >= 0, abs(wf), 0)


@mutant("supermasks/same_sign_scores", "give it one")
def asks_for_the_sign_bit(wi, wf):
    return abs(wf) * (np.signbit(wi) == np.signbit(wf))


@mutant("supermasks/same_sign_scores", "give it one")
def asks_whether_both_are_negative(wi, wf):
    return abs(wf) * ((wi < 0) == (wf < 0))


@mutant("supermasks/same_sign_scores", "give it one")
def asks_whether_both_are_positive(wi, wf):
    return abs(wf) * ((wi > 0) == (wf > 0))


@mutant("supermasks/same_sign_scores", "signs are not compared")
def compares_no_signs(wi, wf):
    return abs(wf)


@mutant("supermasks/same_sign_scores", "a size: take the absolute value")
def leaves_the_scores_signed(wi, wf):
    return wf * (np.sign(wi) == np.sign(wf))


@mutant("supermasks/same_sign_scores", "before training")
def scores_by_the_start(wi, wf):
    return abs(wi) * (wi * wf > 0)


@mutant("supermasks/same_sign_scores", "Wanted are the others")
def keeps_what_has_changed(wi, wf):
    return abs(wf) * (wi * wf < 0)


@mutant("supermasks/same_sign_scores", "Two negative")
def forgets_two_negatives(wi, wf):
    return np.where(np.minimum(wi, wf) > 0, wf, 0)


@mutant("supermasks/same_sign_scores", "should all be equal, at 0")
def forgets_to_cut_at_zero(wi, wf):
    return np.sign(wi) * wf


@mutant("supermasks/same_sign_scores", "has moved")
def scores_by_movement(wi, wf):
    return abs(wf - wi)


@mutant("supermasks/same_sign_scores", "has grown")
def scores_by_growth(wi, wf):
    return np.maximum(abs(wf) - abs(wi), 0) * (wi * wf > 0)


@mutant("supermasks/same_sign_scores", "only says whether")
def scores_by_the_product(wi, wf):
    return np.maximum(wi * wf, 0)


@mutant("supermasks/same_sign_scores", "floats")
def says_only_whether(wi, wf):
    return wi * wf > 0


# -- readings -----------------------------------------------------------------


def chance(scores):
    return 1 / (1 + np.exp(-scores))


def rows(sampled, threshold, mean):
    return np.stack([sampled * 1.0, threshold * 1.0, mean])


@mutant("supermasks/readings", "compared with the score itself")
def forgets_the_chance(scores, u):
    return rows(u < scores, scores >= 0, chance(scores))


@mutant("supermasks/readings", "chance to be left out")
def uses_what_is_above(scores, u):
    return rows(u > chance(scores), scores >= 0, chance(scores))


@mutant("supermasks/readings", "sign in the exponent")
def loses_the_minus(scores, u):
    p = 1 / (1 + np.exp(scores))
    return rows(u < p, p >= 0.5, p)


@mutant("supermasks/readings", "no draw in this")
def rounds_in_place_of_a_draw(scores, u):
    p = chance(scores)
    return rows(np.round(p), scores >= 0, p)


@mutant("supermasks/readings", "multiplied by p as well")
def multiplies_the_draw_by_p(scores, u):
    p = chance(scores)
    return rows(p * (u < p), scores >= 0, p)


@mutant("supermasks/readings", "same chance here")
def tosses_a_fair_coin(scores, u):
    return rows(u < 0.5, scores >= 0, chance(scores))


@mutant("supermasks/readings", "exactly 0 is left out")
def leaves_a_zero_out(scores, u):
    p = chance(scores)
    return rows(u < p, p > 0.5, p)


@mutant("supermasks/readings", "exactly 0 is left out")
def rounds_a_half_down(scores, u):
    p = chance(scores)
    return rows(u < p, np.round(p), p)


@mutant("supermasks/readings", "wrong side")
def thresholds_the_wrong_way(scores, u):
    p = chance(scores)
    return rows(u < p, p < 0.5, p)


@mutant("supermasks/readings", "threshold of p")
def takes_the_threshold_of_p_for_that_of_s(scores, u):
    p = chance(scores)
    return rows(u < p, scores > 0.5, p)


@mutant("supermasks/readings", "always exceeds")
def compares_p_with_zero(scores, u):
    p = chance(scores)
    return rows(u < p, p >= 0, p)


@mutant("supermasks/readings", "the draw again")
def draws_for_the_threshold(scores, u):
    p = chance(scores)
    return rows(u < p, p >= u, p)


@mutant("supermasks/readings", "mean is rounded")
def rounds_the_mean(scores, u):
    p = chance(scores)
    return rows(u < p, scores >= 0, np.round(p))


@mutant("supermasks/readings", "mean over all weights")
def averages_over_the_weights(scores, u):
    p = chance(scores)
    return rows(u < p, scores >= 0, np.full_like(p, p.mean()))


@mutant("supermasks/readings", "two rows above")
def averages_the_rows(scores, u):
    sampled, threshold = u < chance(scores), scores >= 0
    return rows(sampled, threshold, (sampled * 1.0 + threshold) / 2)


@mutant("supermasks/readings", "These are the scores")
def gives_the_scores(scores, u):
    return rows(u < chance(scores), scores >= 0, scores)


@mutant("supermasks/readings", "another order")
def puts_the_mean_first(scores, u):
    p = chance(scores)
    return np.stack([p, (u < p) * 1.0, (scores >= 0) * 1.0])


@mutant("supermasks/readings", "the shape of the result")
def gives_columns(scores, u):
    p = chance(scores)
    return rows(u < p, scores >= 0, p).T


# -- bernoulli_grad -----------------------------------------------------------


@mutant("supermasks/bernoulli_grad", "slope of p is missing")
def forgets_the_slope(grad, theta0, scores):
    return grad * theta0


@mutant("supermasks/bernoulli_grad", "theta0 is missing")
def forgets_the_weight(grad, theta0, scores):
    p = chance(scores)
    return grad * p * (1 - p)


@mutant("supermasks/bernoulli_grad", "lost its sign")
def takes_the_weights_size(grad, theta0, scores):
    p = chance(scores)
    return grad * abs(theta0) * p * (1 - p)


@mutant("supermasks/bernoulli_grad", "p where its slope")
def takes_p_for_its_slope(grad, theta0, scores):
    return grad * theta0 * chance(scores)


@mutant("supermasks/bernoulli_grad", "theta0, which is fixed")
def gives_the_gradient_of_theta0(grad, theta0, scores):
    return grad * chance(scores)


@mutant("supermasks/bernoulli_grad", "no chances yet")
def takes_scores_for_chances(grad, theta0, scores):
    return grad * theta0 * scores * (1 - scores)


@mutant("supermasks/bernoulli_grad", "can never come back")
def goes_through_the_mask(grad, theta0, scores):
    return grad * theta0 * (scores >= 0)


@mutant("supermasks/bernoulli_grad", "can never come back")
def moves_only_what_is_used(grad, theta0, scores):
    p = chance(scores)
    return grad * theta0 * p * (1 - p) * (p > 0.5)


@mutant("supermasks/bernoulli_grad", "no slope. Straight through")
def takes_the_slope_of_a_step(grad, theta0, scores):
    return grad * theta0 * 0


@mutant("supermasks/bernoulli_grad", "edge-popup's gradient")
def takes_edge_popups(grad, theta0, scores):
    return grad * theta0 * np.sign(scores)


@mutant("supermasks/bernoulli_grad", "slope of tanh")
def takes_the_slope_of_tanh(grad, theta0, scores):
    return grad * theta0 * (1 - np.tanh(scores) ** 2)


@mutant("supermasks/bernoulli_grad", "taken twice")
def takes_the_chance_twice(grad, theta0, scores):
    p = chance(chance(scores))
    return grad * theta0 * p * (1 - p)


@mutant("supermasks/bernoulli_grad", "wrong sign")
def turns_the_slope(grad, theta0, scores):
    p = chance(scores)
    return grad * theta0 * p * (p - 1)


# -- subset_sum ---------------------------------------------------------------


def every(n, least=0, most=None):
    masks = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)
    counts = masks.sum(axis=1)
    return masks[(counts >= least) & (counts <= (n if most is None else most))]


def nearest_of(masks, a, target):
    masks = np.array(list(masks), bool).reshape(-1, len(a))
    if not len(masks):
        return np.zeros(len(a), bool)
    return masks[np.argmin(abs(masks @ a - target))]


@mutant("supermasks/subset_sum", "Greedy")
def takes_the_largest_first(a, target):
    mask = np.zeros(len(a), bool)
    for i in np.argsort(-abs(a)):
        if abs(a[mask].sum() + a[i] - target) < abs(a[mask].sum() - target):
            mask[i] = True
    return mask


@mutant("supermasks/subset_sum", "Greedy")
def adds_the_best_as_long_as_it_helps(a, target):
    mask, left = np.zeros(len(a), bool), target
    for _ in a:
        errors = np.where(mask, np.inf, abs(left - a))
        if errors.min() >= abs(left):
            break
        mask[errors.argmin()] = True
        left = target - a[mask].sum()
    return mask


@mutant("supermasks/subset_sum", "one number that is nearest")
def takes_the_nearest(a, target):
    return np.arange(len(a)) == (abs(a - target).argmin() if len(a) else 0)


@mutant("supermasks/subset_sum", "so many of them")
def takes_the_first_so_many(a, target):
    return nearest_of((np.arange(len(a)) < k for k in range(len(a) + 1)), a, target)


@mutant("supermasks/subset_sum", "so many of them")
def takes_so_many_of_the_sorted(a, target):
    rank = np.argsort(np.argsort(-a))
    return nearest_of((rank < k for k in range(len(a) + 1)), a, target)


@mutant("supermasks/subset_sum", "empty subset is forgotten")
def forgets_to_choose_none(a, target):
    return nearest_of(every(len(a), least=1), a, target)


@mutant("supermasks/subset_sum", "subset of all numbers is forgotten")
def forgets_to_choose_all(a, target):
    return nearest_of(every(len(a), most=len(a) - 1), a, target)


@mutant("supermasks/subset_sum", "last number is never")
def has_a_digit_too_few(a, target):
    codes = np.arange(2 ** max(len(a) - 1, 0))[:, None]
    return nearest_of(codes >> np.arange(len(a)) & 1, a, target)


@mutant("supermasks/subset_sum", "At most two")
def tries_pairs(a, target):
    return nearest_of(every(len(a), most=min(2, len(a))), a, target)


@mutant("supermasks/subset_sum", "rucksack")
def stays_below_the_target(a, target):
    masks = every(len(a))
    return nearest_of(masks[masks @ a <= target], a, target)


@mutant("supermasks/subset_sum", "wrong end")
def reads_the_code_from_the_wrong_end(a, target):
    n = len(a)
    code = int(np.argmin(abs(every(n) @ a - target)))
    return np.array([digit == "1" for digit in f"{code:0{n}b}"[:n]], bool)


@mutant("supermasks/subset_sum", "stay out")
def gives_the_others(a, target):
    return ~nearest_of(every(len(a)), a, target)


@mutant("supermasks/subset_sum", "absolute value is missing")
def forgets_the_size_of_the_difference(a, target):
    masks = every(len(a))
    return masks[np.argmin(masks @ a - target)]


@mutant("supermasks/subset_sum", "other sign")
def compares_sizes(a, target):
    masks = every(len(a))
    return masks[np.argmin(abs(abs(masks @ a) - abs(target)))]


@mutant("supermasks/subset_sum", "booleans")
def gives_zeros_and_ones(a, target):
    return nearest_of(every(len(a)), a, target).astype(int)


# -- popup_step: each with one of the bugs left, and others ---------------------


def half_up(x):
    return math.floor(x + 0.5)


def moved(theta0, scores, grad, lr, decay):
    return scores - lr * (grad * theta0 * np.sign(scores) + decay * scores)


def largest(scores, count):
    mask = np.zeros(scores.size, bool)
    mask[np.argsort(-abs(scores).ravel(), kind="stable")[:count]] = True
    return mask.reshape(scores.shape)


@mutant("supermasks/popup_step", "Decay shrinks the weights")
def decays_the_weights(theta0, scores, grad, keep, lr, decay):
    scores = moved(theta0, scores, grad, lr, decay)
    theta0 = theta0 - lr * decay * theta0
    return theta0, scores, largest(scores, half_up(keep * scores.size))


@mutant("supermasks/popup_step", "sign of the score is missing")
def forgets_the_sign(theta0, scores, grad, keep, lr, decay):
    scores = scores - lr * (grad * theta0 + decay * scores)
    return theta0, scores, largest(scores, half_up(keep * scores.size))


@mutant("supermasks/popup_step", "fraction that goes")
def uses_what_should_go(theta0, scores, grad, keep, lr, decay):
    scores = moved(theta0, scores, grad, lr, decay)
    return theta0, scores, largest(scores, half_up((1 - keep) * scores.size))


@mutant("supermasks/popup_step", "This is theta")
def returns_the_masked_weights(theta0, scores, grad, keep, lr, decay):
    scores = moved(theta0, scores, grad, lr, decay)
    mask = largest(scores, half_up(keep * scores.size))
    return theta0 * mask, scores, mask


@mutant("supermasks/popup_step", "weights are trained here")
def trains_the_weights(theta0, scores, grad, keep, lr, decay):
    scores = moved(theta0, scores, grad, lr, decay)
    mask = largest(scores, half_up(keep * scores.size))
    return theta0 - lr * grad, scores, mask


@mutant("supermasks/popup_step", "changed its input scores")
def steps_the_scores_in_place(theta0, scores, grad, keep, lr, decay):
    scores -= lr * (grad * theta0 * np.sign(scores) + decay * scores)
    return theta0, scores, largest(scores, half_up(keep * scores.size))


@mutant("supermasks/popup_step", "decay of the scores is missing")
def drops_the_decay(theta0, scores, grad, keep, lr, decay):
    scores = moved(theta0, scores, grad, lr, 0)
    return theta0, scores, largest(scores, half_up(keep * scores.size))


@mutant("supermasks/popup_step", "multiplied by the sign too")
def turns_the_decay_too(theta0, scores, grad, keep, lr, decay):
    scores = scores - lr * (grad * theta0 + decay * scores) * np.sign(scores)
    return theta0, scores, largest(scores, half_up(keep * scores.size))


@mutant("supermasks/popup_step", "can never come back")
def moves_only_the_used_scores(theta0, scores, grad, keep, lr, decay):
    used = largest(scores, half_up(keep * scores.size))
    scores = moved(theta0, scores, grad * used, lr, decay)
    return theta0, scores, largest(scores, half_up(keep * scores.size))


@mutant("supermasks/popup_step", "uphill")
def climbs(theta0, scores, grad, keep, lr, decay):
    scores = moved(theta0, scores, -grad, lr, decay)
    return theta0, scores, largest(scores, half_up(keep * scores.size))


@mutant("supermasks/popup_step", "has no slope there")
def gives_zero_a_slope(theta0, scores, grad, keep, lr, decay):
    sign = np.where(scores < 0, -1, 1).astype(scores.dtype)
    scores = scores - lr * (grad * theta0 * sign + decay * scores)
    return theta0, scores, largest(scores, half_up(keep * scores.size))


@mutant("supermasks/popup_step", "with their signs")
def ranks_by_the_signed_score(theta0, scores, grad, keep, lr, decay):
    scores = moved(theta0, scores, grad, lr, decay)
    mask = np.zeros(scores.size, bool)
    order = np.argsort(-scores.ravel(), kind="stable")
    mask[order[: half_up(keep * scores.size)]] = True
    return theta0, scores, mask.reshape(scores.shape)


@mutant("supermasks/popup_step", "before the step")
def uses_the_old_mask(theta0, scores, grad, keep, lr, decay):
    mask = largest(scores, half_up(keep * scores.size))
    return theta0, moved(theta0, scores, grad, lr, decay), mask


@mutant("supermasks/popup_step", "smallest scores")
def uses_the_smallest(theta0, scores, grad, keep, lr, decay):
    scores = moved(theta0, scores, grad, lr, decay)
    mask = np.zeros(scores.size, bool)
    order = np.argsort(abs(scores).ravel(), kind="stable")
    mask[order[: half_up(keep * scores.size)]] = True
    return theta0, scores, mask.reshape(scores.shape)


@mutant("supermasks/popup_step", "threshold is no count")
def uses_all_that_reach_a_threshold(theta0, scores, grad, keep, lr, decay):
    scores = moved(theta0, scores, grad, lr, decay)
    sizes = np.sort(abs(scores), axis=None)
    return theta0, scores, abs(scores) >= sizes[-half_up(keep * scores.size)]


@mutant("supermasks/popup_step", "int() goes down")
def cuts_the_count_off(theta0, scores, grad, keep, lr, decay):
    scores = moved(theta0, scores, grad, lr, decay)
    return theta0, scores, largest(scores, int(keep * scores.size))


@mutant("supermasks/popup_step", 'kind="stable"')
def sorts_scores_in_no_stable_order(theta0, scores, grad, keep, lr, decay):
    scores = moved(theta0, scores, grad, lr, decay)
    mask = np.zeros(scores.size, bool)
    mask[np.argsort(-abs(scores).ravel())[: half_up(keep * scores.size)]] = True
    return theta0, scores, mask.reshape(scores.shape)


@mutant("supermasks/popup_step", "All but the largest")
def drops_the_largest(theta0, scores, grad, keep, lr, decay):
    scores = moved(theta0, scores, grad, lr, decay)
    return theta0, scores, ~largest(scores, half_up(keep * scores.size))


# -- right_scale --------------------------------------------------------------


def fan_in(shape):
    return math.prod(shape[1:])


@mutant("supermasks/right_scale", "keep is missing")
def forgets_the_mask_in_the_scale(shape, keep):
    return math.sqrt(2 / fan_in(shape))


@mutant("supermasks/right_scale", "the part that goes")
def counts_what_goes(shape, keep):
    return math.sqrt(2 / max((1 - keep) * fan_in(shape), 1e-9))


@mutant("supermasks/right_scale", "wrong side of the fraction")
def makes_few_weights_smaller(shape, keep):
    return math.sqrt(2 * keep / fan_in(shape))


@mutant("supermasks/right_scale", "outside the root")
def divides_after_the_root(shape, keep):
    return math.sqrt(2 / fan_in(shape)) / keep


@mutant("supermasks/right_scale", "2 is missing")
def forgets_what_relu_takes(shape, keep):
    return 1 / math.sqrt(keep * fan_in(shape))


@mutant("supermasks/right_scale", "rounded to a whole number")
def counts_whole_weights(shape, keep):
    return math.sqrt(2 / round(keep * fan_in(shape)))


@mutant("supermasks/right_scale", "2 stands outside")
def takes_the_root_of_the_count_alone(shape, keep):
    return 2 / math.sqrt(keep * fan_in(shape))


@mutant("supermasks/right_scale", "root is missing")
def gives_the_variance(shape, keep):
    return 2 / (keep * fan_in(shape))


@mutant("supermasks/right_scale", "fan-out")
def counts_the_units(shape, keep):
    return math.sqrt(2 / (keep * shape[0]))


@mutant("supermasks/right_scale", "all weights of the layer")
def counts_all_of_the_layer(shape, keep):
    return math.sqrt(2 / (keep * math.prod(shape)))


@mutant("supermasks/right_scale", "multiply C, H and W")
def counts_only_channels(shape, keep):
    return math.sqrt(2 / (keep * shape[1]))


@mutant("supermasks/right_scale", "multiply C, H and W")
def counts_only_the_last_entry(shape, keep):
    return math.sqrt(2 / (keep * shape[-1]))


@mutant("supermasks/right_scale", "Glorot's rule")
def takes_glorots_rule(shape, keep):
    return math.sqrt(2 / (keep * (shape[0] + shape[1]) * math.prod(shape[2:])))


# -- bias_factors -------------------------------------------------------------


@mutant("supermasks/bias_factors", "own layer's factor")
def takes_the_layers_own_factor(factors):
    return factors.copy()


@mutant("supermasks/bias_factors", "stay as they are")
def leaves_the_biases(factors):
    return np.ones(len(factors))


@mutant("supermasks/bias_factors", "factor of the logits")
def takes_the_whole_product(factors):
    return np.full(len(factors), factors.prod())


@mutant("supermasks/bias_factors", "comes into a layer")
def stops_a_layer_too_early(factors):
    return np.array([factors[:i].prod() for i in range(len(factors))])


@mutant("supermasks/bias_factors", "from the last layer")
def multiplies_from_the_end(factors):
    return np.array([factors[i:].prod() for i in range(len(factors))])


@mutant("supermasks/bias_factors", "follow above a layer")
def takes_the_layers_above(factors):
    return np.array([factors[i + 1 :].prod() for i in range(len(factors))])


@mutant("supermasks/bias_factors", "divides")
def divides_by_them(factors):
    return 1 / np.cumprod(factors)


@mutant("supermasks/bias_factors", "added up")
def adds_them_up(factors):
    return np.cumsum(factors)


# -- own_weight ---------------------------------------------------------------


def error_of(products, w):
    return abs(every(len(products)) @ products - w).min()


@mutant("supermasks/own_weight", "negative x, and have")
def forgets_the_negative_half(a, v, w):
    return error_of((v * a)[a > 0], w)


@mutant("supermasks/own_weight", "no x wakes them all")
def puts_all_units_together(a, v, w):
    return error_of(v * a, w)


@mutant("supermasks/own_weight", "near -w")
def turns_the_weight_too(a, v, w):
    return max(error_of((v * a)[a > 0], w), error_of((v * a)[a < 0], -w))


@mutant("supermasks/own_weight", "v_j alone")
def forgets_the_first_layer(a, v, w):
    return max(error_of(v[a > 0], w), error_of(v[a < 0], w))


@mutant("supermasks/own_weight", "never meet")
def adds_both_errors(a, v, w):
    return error_of((v * a)[a > 0], w) + error_of((v * a)[a < 0], w)


@mutant("supermasks/own_weight", "one unit was chosen")
def takes_the_nearest_unit(a, v, w):
    return max(abs((v * a)[side] - w).min() for side in (a > 0, a < 0))


@mutant("supermasks/own_weight", "sign of v_j")
def splits_by_the_second_layer(a, v, w):
    return max(error_of((v * a)[v > 0], w), error_of((v * a)[v < 0], w))
