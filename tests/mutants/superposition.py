"""Wrong answers to the exercises of the chapter "Superposition"."""

import numpy as np

from mutants import mutant

# -- superpose ----------------------------------------------------------------


@mutant("superposition/superpose", "divided by its sum")
def normalises_the_shares(theta0, masks, alpha):
    return theta0 * (alpha @ masks) / alpha.sum()


@mutant("superposition/superpose", "went through a softmax")
def takes_a_softmax_of_the_shares(theta0, masks, alpha):
    e = np.exp(alpha)
    return theta0 * ((e / e.sum()) @ masks)


@mutant("superposition/superpose", "number of tasks as well")
def averages_what_is_shared_already(theta0, masks, alpha):
    return theta0 * np.mean(alpha[:, None] * masks, axis=0)


@mutant("superposition/superpose", "alpha has no say")
def averages_the_masks(theta0, masks, alpha):
    return theta0 * masks.mean(axis=0)


@mutant("superposition/superpose", "without alpha")
def adds_the_masks_up(theta0, masks, alpha):
    return np.sum(theta0 * masks, axis=0)


@mutant("superposition/superpose", "theta0 is missing")
def gives_the_mixed_mask(theta0, masks, alpha):
    return np.sum(alpha[:, None] * masks, axis=0)


@mutant("superposition/superpose", "cut to 0 and 1")
def uses_what_half_of_the_shares_use(theta0, masks, alpha):
    return np.where(alpha @ masks > 0.5, theta0, 0)


@mutant("superposition/superpose", "cut to 0 and 1")
def uses_what_any_task_uses(theta0, masks, alpha):
    return theta0 * np.logical_or.reduce(masks)


@mutant("superposition/superpose", "cut to 0 and 1")
def uses_what_all_tasks_use(theta0, masks, alpha):
    return theta0 * masks.prod(axis=0)


@mutant("superposition/superpose", "task of the largest alpha")
def uses_the_surest_mask(theta0, masks, alpha):
    return theta0 * masks[np.argmax(alpha)]


@mutant("superposition/superpose", "in use fully")
def averages_over_the_masks_that_use_a_weight(theta0, masks, alpha):
    return theta0 * (alpha @ masks) / masks.sum(axis=0)


@mutant("superposition/superpose", "alpha is squared")
def squares_the_shares(theta0, masks, alpha):
    return theta0 * (np.square(alpha) @ masks)


@mutant("superposition/superpose", "masks leave out")
def uses_the_rest(theta0, masks, alpha):
    return theta0 * (alpha @ (1 - masks))


@mutant("superposition/superpose", "sum over an axis")
def gives_a_row_for_each_task(theta0, masks, alpha):
    return theta0 * alpha[:, None] * masks


# -- entropy_gradient ---------------------------------------------------------


def log_p(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def of_images(z):
    return -(np.exp(log_p(z)) * log_p(z)).sum(axis=1, keepdims=True)


def slope(z):
    return -np.exp(log_p(z)) * (log_p(z) + of_images(z)) / len(z)


@mutant("superposition/entropy_gradient", "np.exp(1000) is infinite")
def lets_exp_overflow(logits):
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        H = -(p * np.log(p)).sum(axis=1, keepdims=True)
        return float(H.mean()), -p * (np.log(p) + H) / len(logits)


@mutant("superposition/entropy_gradient", "np.log(0)")
def takes_the_logarithm_of_a_p_of_zero(logits):
    with np.errstate(all="ignore"):
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        H = -(p * np.log(p)).sum(axis=1, keepdims=True)
        return float(H.mean()), -p * (np.log(p) + H) / len(logits)


@mutant("superposition/entropy_gradient", "finite")
def takes_the_largest_of_the_batch_off(logits):
    with np.errstate(all="ignore"):
        z = logits - logits.max()
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        safe = np.log(np.where(p > 0, p, 1))
        H = -(p * safe).sum(axis=1, keepdims=True)
        return float(H.mean()), -p * (safe + H) / len(logits)


@mutant("superposition/entropy_gradient", "The sign is missing")
def forgets_the_minus(logits):
    return -float(of_images(logits).mean()), -slope(logits)


@mutant("superposition/entropy_gradient", "in bits")
def counts_in_bits(logits):
    return float(of_images(logits).mean() / np.log(2)), slope(logits) / np.log(2)


@mutant("superposition/entropy_gradient", "images are added up")
def adds_the_images_up(logits):
    return float(of_images(logits).sum()), slope(logits) * len(logits)


@mutant("superposition/entropy_gradient", "mean over outputs too")
def averages_over_the_outputs_too(logits):
    p = np.exp(log_p(logits))
    return float(-(p * log_p(logits)).mean()), slope(logits) / logits.shape[1]


@mutant("superposition/entropy_gradient", "logits stand where log p")
def takes_the_entropy_of_logits(logits):
    p = np.exp(log_p(logits))
    H = -(p * logits).sum(axis=1, keepdims=True)
    return float(H.mean()), -p * (logits + H) / len(logits)


@mutant("superposition/entropy_gradient", "not normalised")
def takes_shifted_logits_for_log_p(logits):
    z = logits - logits.max(axis=1, keepdims=True)
    H = -(np.exp(log_p(logits)) * z).sum(axis=1, keepdims=True)
    return float(H.mean()), slope(logits)


@mutant("superposition/entropy_gradient", "weights p are missing")
def forgets_how_likely_each_is(logits):
    return float(-log_p(logits).sum(axis=1).mean()), slope(logits)


@mutant("superposition/entropy_gradient", "likeliest answer. Entropy")
def takes_the_loss_of_the_best(logits):
    return float(-log_p(logits).max(axis=1).mean()), slope(logits)


@mutant("superposition/entropy_gradient", "averaged over the images first")
def averages_the_answers_first(logits):
    p = np.exp(log_p(logits)).mean(axis=0)
    return float(-(p * np.log(p)).sum()), slope(logits)


@mutant("superposition/entropy_gradient", "axis 0")
def sums_over_the_images(logits):
    p = np.exp(logits - logits.max(axis=0))
    p = p / p.sum(axis=0)
    return float(-(p * np.log(p)).sum(axis=1).mean()), slope(logits)


@mutant("superposition/entropy_gradient", "np.log(p + 0.0001)")
def adds_a_little_to_p(logits):
    p = np.exp(log_p(logits))
    return float(-(p * np.log(p + 1e-4)).sum(axis=1).mean()), slope(logits)


@mutant("superposition/entropy_gradient", "divide by N")
def forgets_the_mean_in_the_gradient(logits):
    return float(of_images(logits).mean()), slope(logits) * len(logits)


@mutant("superposition/entropy_gradient", "The sign is wrong")
def turns_the_gradient(logits):
    return float(of_images(logits).mean()), -slope(logits)


@mutant("superposition/entropy_gradient", "H is missing")
def forgets_h_in_the_gradient(logits):
    p = np.exp(log_p(logits))
    return float(of_images(logits).mean()), -p * log_p(logits) / len(logits)


@mutant("superposition/entropy_gradient", "mean H of the batch")
def uses_the_mean_h_for_all(logits):
    p, H = np.exp(log_p(logits)), float(of_images(logits).mean())
    return H, -p * (log_p(logits) + H) / len(logits)


@mutant("superposition/entropy_gradient", "factor p is missing")
def forgets_p_in_the_gradient(logits):
    H = of_images(logits)
    return float(H.mean()), -(log_p(logits) + H) / len(logits)


@mutant("superposition/entropy_gradient", "gradient in p")
def stops_at_p(logits):
    return float(of_images(logits).mean()), -(log_p(logits) + 1) / len(logits)


@mutant("superposition/entropy_gradient", "own logit counts")
def takes_the_diagonal_alone(logits):
    p = np.exp(log_p(logits))
    grad = -(log_p(logits) + 1) * p * (1 - p) / len(logits)
    return float(of_images(logits).mean()), grad


@mutant("superposition/entropy_gradient", "Entropy has no label")
def pushes_to_the_likeliest(logits):
    grad = np.exp(log_p(logits))
    grad[np.arange(len(logits)), logits.argmax(axis=1)] -= 1
    return float(of_images(logits).mean()), grad / len(logits)


@mutant("superposition/entropy_gradient", "each row must sum to 0")
def adds_what_moves_all_logits(logits):
    return float(of_images(logits).mean()), slope(logits) + np.float32(0.5)


# -- task_gradients -----------------------------------------------------------


def told(slopes):
    return slopes, int(np.argmin(slopes))


@mutant("superposition/task_gradients", "would raise the entropy")
def names_the_largest(grad, theta0, masks):
    slopes = masks @ (grad * theta0)
    return slopes, int(np.argmax(slopes))


@mutant("superposition/task_gradients", "whatever its sign")
def names_the_steepest(grad, theta0, masks):
    slopes = masks @ (grad * theta0)
    return slopes, int(np.argmax(abs(slopes)))


@mutant("superposition/task_gradients", "nearest to 0")
def names_the_flattest(grad, theta0, masks):
    slopes = masks @ (grad * theta0)
    return slopes, int(np.argmin(abs(slopes)))


@mutant("superposition/task_gradients", "counted from 0")
def counts_from_one(grad, theta0, masks):
    slopes = masks @ (grad * theta0)
    return slopes, int(np.argmin(slopes)) + 1


@mutant("superposition/task_gradients", "theta0 is missing")
def forgets_theta0(grad, theta0, masks):
    return told((masks * grad).sum(axis=1))


@mutant("superposition/task_gradients", "grad is missing")
def forgets_the_gradient(grad, theta0, masks):
    return told((masks * theta0).sum(axis=1))


@mutant("superposition/task_gradients", "lost its sign")
def takes_the_sizes_of_weights(grad, theta0, masks):
    return told(masks @ (grad * abs(theta0)))


@mutant("superposition/task_gradients", "sizes are added up")
def adds_sizes_up(grad, theta0, masks):
    return told((masks * abs(grad * theta0)).sum(axis=1))


@mutant("superposition/task_gradients", "other sign")
def gives_the_fall(grad, theta0, masks):
    return told(-(masks @ (grad * theta0)))


@mutant("superposition/task_gradients", "mean over the weights. An")
def averages_over_the_weights(grad, theta0, masks):
    return told((masks * grad * theta0).mean(axis=1))


@mutant("superposition/task_gradients", "weights that a mask uses")
def averages_over_the_used(grad, theta0, masks):
    return told((masks @ (grad * theta0)) / np.count_nonzero(masks, axis=1))


@mutant("superposition/task_gradients", "in grad already")
def divides_by_the_tasks(grad, theta0, masks):
    return told(masks / len(masks) @ (grad * theta0))


@mutant("superposition/task_gradients", "masks are left out")
def forgets_the_masks(grad, theta0, masks):
    return told(np.array([np.dot(grad, theta0) for _ in masks]))


@mutant("superposition/task_gradients", "leaves out is added up")
def takes_the_rest(grad, theta0, masks):
    return told((1 - masks) @ (grad * theta0))


@mutant("superposition/task_gradients", "squared")
def takes_theta_for_its_gradient(grad, theta0, masks):
    return told(masks @ (grad * theta0**2))


@mutant("superposition/task_gradients", "the shape of part 1")
def gives_each_weights_part(grad, theta0, masks):
    return masks * (grad * theta0), 0


# -- halve --------------------------------------------------------------------


def keep_first(order, count, k):
    left = np.zeros(k, bool)
    left[order[:count]] = True
    return left


def opened(gradients, alive):
    places = np.flatnonzero(alive)
    return places[np.argsort(gradients[places], kind="stable")]


@mutant("superposition/halve", "other half stays")
def keeps_the_largest(gradients, alive):
    order = opened(-gradients, alive)
    return keep_first(order, (len(order) + 1) // 2, len(alive))


@mutant("superposition/halve", "sizes of the gradients")
def keeps_the_steepest(gradients, alive):
    order = opened(-abs(gradients), alive)
    return keep_first(order, (len(order) + 1) // 2, len(alive))


@mutant("superposition/halve", "came back")
def sorts_the_dead_too(gradients, alive):
    order = np.argsort(gradients, kind="stable")
    return keep_first(order, (alive.sum() + 1) // 2, len(alive))


@mutant("superposition/halve", "took up places")
def lets_the_dead_take_places(gradients, alive):
    order = np.argsort(gradients, kind="stable")
    return keep_first(order, (alive.sum() + 1) // 2, len(alive)) & alive


@mutant("superposition/halve", "multiply the gradients")
def sets_the_dead_to_zero(gradients, alive):
    order = np.argsort(gradients * alive, kind="stable")
    return keep_first(order, (alive.sum() + 1) // 2, len(alive))


@mutant("superposition/halve", "of *all* tasks")
def halves_the_number_of_all(gradients, alive):
    return keep_first(opened(gradients, alive), (len(alive) + 1) // 2, len(alive))


@mutant("superposition/halve", "rounded down")
def rounds_the_half_down(gradients, alive):
    return keep_first(opened(gradients, alive), alive.sum() // 2, len(alive))


@mutant("superposition/halve", "two tasks stay two for ever")
def keeps_one_too_many(gradients, alive):
    return keep_first(opened(gradients, alive), alive.sum() // 2 + 1, len(alive))


@mutant("superposition/halve", "one-shot")
def keeps_the_best_alone(gradients, alive):
    return keep_first(opened(gradients, alive), 1, len(alive))


@mutant("superposition/halve", "A threshold is no count")
def keeps_up_to_the_median(gradients, alive):
    return alive & (gradients <= np.median(gradients[alive]))


@mutant("superposition/halve", "A threshold is no count")
def keeps_below_the_median(gradients, alive):
    return alive & (gradients < np.median(gradients[alive]))


@mutant("superposition/halve", "A threshold is no count")
def keeps_below_the_mean(gradients, alive):
    return alive & (gradients < gradients[alive].mean())


@mutant("superposition/halve", "moved the median")
def takes_the_median_of_all(gradients, alive):
    return alive & (gradients <= np.median(gradients))


@mutant("superposition/halve", "below 0 stay")
def keeps_what_is_negative(gradients, alive):
    return alive & (gradients < 0)


@mutant("superposition/halve", "have no say")
def keeps_the_first_numbers(gradients, alive):
    return keep_first(np.flatnonzero(alive), (alive.sum() + 1) // 2, len(alive))


@mutant("superposition/halve", "places among the open")
def takes_places_for_numbers(gradients, alive):
    order = np.argsort(gradients[alive], kind="stable")
    return keep_first(order, (alive.sum() + 1) // 2, len(alive))


@mutant("superposition/halve", 'kind="stable"')
def sorts_in_no_stable_way(gradients, alive):
    places = np.flatnonzero(alive)
    order = places[np.lexsort((-places % 7, gradients[places]))]
    return keep_first(order, (len(order) + 1) // 2, len(alive))


@mutant("superposition/halve", "the later one stays")
def keeps_the_later_of_equals(gradients, alive):
    places = np.flatnonzero(alive)[::-1]
    order = places[np.argsort(gradients[places], kind="stable")]
    return keep_first(order, (len(order) + 1) // 2, len(alive))


@mutant("superposition/halve", "changed its input alive")
def halves_in_place(gradients, alive):
    order = opened(gradients, alive)
    alive[order[(len(order) + 1) // 2 :]] = False
    return alive


# -- spare_gradient -----------------------------------------------------------


def spare(p, real):
    return p * (np.arange(p.shape[1]) >= real)


@mutant("superposition/spare_gradient", "other way round")
def holds_the_wrong_half(logits, real):
    p = np.exp(log_p(logits))
    p[:, real:] = 0
    return p / len(p)


@mutant("superposition/spare_gradient", "Nothing is held fixed")
def holds_nothing(logits, real):
    return np.exp(log_p(logits)) / len(logits)


@mutant("superposition/spare_gradient", "divide by N")
def forgets_to_average(logits, real):
    return spare(np.exp(log_p(logits)), real)


@mutant("superposition/spare_gradient", "by the spare outputs as well")
def averages_over_the_spare(logits, real):
    return spare(np.exp(log_p(logits)), real) / logits[:, real:].size


@mutant("superposition/spare_gradient", "by the outputs as well")
def averages_over_all_numbers(logits, real):
    return spare(np.exp(log_p(logits)), real) / logits.size


@mutant("superposition/spare_gradient", "cut after the softmax")
def cuts_before_the_softmax(logits, real):
    grad = np.zeros(logits.shape)
    grad[:, real:] = np.exp(log_p(logits[:, real:])) / len(logits)
    return grad


@mutant("superposition/spare_gradient", "not without a value")
def sets_real_logits_to_zero(logits, real):
    z = logits.copy()
    z[:, :real] = 0
    return spare(np.exp(log_p(z)), real) / len(z)


@mutant("superposition/spare_gradient", "axis 0")
def normalises_over_the_images(logits, real):
    e = np.exp(logits - logits.max(axis=0))
    return spare(e / e.sum(axis=0), real) / len(logits)


@mutant("superposition/spare_gradient", "The last outputs")
def counts_the_real_from_the_end(logits, real):
    p = np.exp(log_p(logits))
    p[:, :-real] = 0
    return p / len(p)


@mutant("superposition/spare_gradient", "too few")
def holds_one_too_few(logits, real):
    return spare(np.exp(log_p(logits)), real - 1) / len(logits)


@mutant("superposition/spare_gradient", "too many")
def holds_one_too_many(logits, real):
    return spare(np.exp(log_p(logits)), real + 1) / len(logits)


@mutant("superposition/spare_gradient", "The sign is wrong")
def turns_the_slope_of_g(logits, real):
    return -spare(np.exp(log_p(logits)), real) / len(logits)


@mutant("superposition/spare_gradient", "entropy's gradient")
def takes_the_entropys(logits, real):
    return spare(slope(logits), real)


@mutant("superposition/spare_gradient", "slope of p. G is")
def takes_the_slope_of_p(logits, real):
    p = np.exp(log_p(logits))
    return spare(p * (1 - p), real) / len(p)


@mutant("superposition/spare_gradient", "np.exp(1000) is infinite")
def lets_the_sum_overflow(logits, real):
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p[:, :real] = 0
    return p / len(p)


@mutant("superposition/spare_gradient", "exactly 0")
def holds_nearly_fixed(logits, real):
    p = np.exp(log_p(logits))
    p[:, :real] = 1e-12
    return p / len(p)


# -- unsure -------------------------------------------------------------------


def shares(gradients):
    return np.exp(log_p(-gradients))


@mutant("superposition/unsure", "so k is missing")
def forgets_how_many_there_are(gradients, eps):
    return shares(gradients).max(axis=1) < 1 + eps


@mutant("superposition/unsure", "softmax of minus the gradients")
def gives_the_largest_the_largest_share(gradients, eps):
    return gradients.shape[1] * shares(-gradients).max(axis=1) < 1 + eps


@mutant("superposition/unsure", "wrong way round")
def makes_one_where_a_task_stands_out(gradients, eps):
    return gradients.shape[1] * shares(gradients).max(axis=1) >= 1 + eps


@mutant("superposition/unsure", "added to the share")
def adds_eps_to_the_share(gradients, eps):
    return shares(gradients).max(axis=1) < 1 / gradients.shape[1] + eps


@mutant("superposition/unsure", "number of decisions")
def multiplies_by_the_decisions(gradients, eps):
    return len(gradients) * shares(gradients).max(axis=1) < 1 + eps


@mutant("superposition/unsure", "axis 0")
def shares_among_the_decisions(gradients, eps):
    return gradients.shape[1] * shares(gradients.T).max(axis=0) < 1 + eps


@mutant("superposition/unsure", "all rows at once")
def shares_among_all(gradients, eps):
    nu = np.exp(gradients.min() - gradients)
    return gradients.shape[1] * (nu / nu.sum()).max(axis=1) < 1 + eps


@mutant("superposition/unsure", "no mask is ever made")
def takes_eps_off(gradients, eps):
    return gradients.shape[1] * shares(gradients).max(axis=1) < 1 - eps


@mutant("superposition/unsure", "smallest share was looked at")
def looks_at_the_smallest(gradients, eps):
    return gradients.shape[1] * shares(gradients).min(axis=1) < 1 + eps


@mutant("superposition/unsure", "taken as 5 at least")
def takes_five_at_least(gradients, eps):
    return shares(gradients).max(axis=1) < (1 + eps) / max(gradients.shape[1], 5)


@mutant("superposition/unsure", "exp overflowed")
def lets_the_shares_overflow(gradients, eps):
    with np.errstate(all="ignore"):
        nu = np.exp(-gradients) / np.exp(-gradients).sum(axis=1, keepdims=True)
        return gradients.shape[1] * nu.max(axis=1) < 1 + eps


@mutant("superposition/unsure", "no help to another")
def takes_the_largest_of_all_rows_off(gradients, eps):
    with np.errstate(all="ignore"):
        nu = np.exp(gradients.min() - gradients)
        nu /= nu.sum(axis=1, keepdims=True)
        return gradients.shape[1] * nu.max(axis=1) < 1 + eps


@mutant("superposition/unsure", "Turn them into shares")
def compares_gradients(gradients, eps):
    return gradients.shape[1] * (-gradients).max(axis=1) < 1 + eps


# -- storkey ------------------------------------------------------------------


def zero_diagonal(weights):
    return weights - np.diag(np.diag(weights))


def without_j(weights, z):
    return (weights @ z)[:, None] - weights * z


@mutant("superposition/storkey", "Hebb's rule: nothing")
def stores_by_hebb(weights, z):
    return zero_diagonal(weights + np.outer(z, z) / len(z))


@mutant("superposition/storkey", "holds on to any state")
def keeps_the_diagonal(weights, z):
    back = np.outer(z, np.ones_like(z)) * without_j(weights, z).T
    return weights + (np.outer(z, z) - back - back.T) / len(z)


@mutant("superposition/storkey", "holds what unit i hears of j")
def hears_both(weights, z):
    heard = np.outer(weights @ z, z)
    return zero_diagonal(weights + (np.outer(z, z) - heard - heard.T) / len(z))


@mutant("superposition/storkey", "z_i h_ij stands where")
def crosses_the_units(weights, z):
    heard = without_j(weights, z)
    here = z[:, None] * heard
    return zero_diagonal(weights + (np.outer(z, z) - here - here.T) / len(z))


@mutant("superposition/storkey", "What is heard is added")
def adds_what_is_heard(weights, z):
    heard = without_j(weights, z) * z
    return zero_diagonal(weights + (np.outer(z, z) + heard + heard.T) / len(z))


@mutant("superposition/storkey", "One of the two terms")
def forgets_one_side(weights, z):
    heard = without_j(weights, z) * z
    return zero_diagonal(weights + (np.outer(z, z) - heard) / len(z))


@mutant("superposition/storkey", "1 / d is missing")
def divides_nothing(weights, z):
    heard = without_j(weights, z) * z
    return zero_diagonal(weights + np.outer(z, z) - heard - heard.T)


@mutant("superposition/storkey", "1 / d is missing")
def divides_the_first_term_alone(weights, z):
    heard = without_j(weights, z) * z
    return zero_diagonal(weights + np.outer(z, z) / len(z) - heard - heard.T)


@mutant("superposition/storkey", "old weights are divided")
def divides_the_old_too(weights, z):
    heard = without_j(weights, z) * z
    return zero_diagonal(weights + np.outer(z, z) - heard - heard.T) / len(z)


@mutant("superposition/storkey", "the change alone")
def gives_the_change(weights, z):
    heard = without_j(weights, z) * z
    return zero_diagonal(np.outer(z, z) - heard - heard.T) / len(z)


@mutant("superposition/storkey", "without the pattern")
def hears_weights(weights, z):
    heard = (weights.sum(axis=1, keepdims=True) - weights) * z
    return zero_diagonal(weights + (np.outer(z, z) - heard - heard.T) / len(z))


@mutant("superposition/storkey", "other unit's z")
def forgets_the_other_z(weights, z):
    heard = without_j(weights, z)
    return zero_diagonal(weights + (np.outer(z, z) - heard - heard.T) / len(z))


@mutant("superposition/storkey", "z_i z_j is missing")
def only_takes_off(weights, z):
    heard = without_j(weights, z) * z
    return zero_diagonal(weights - (heard + heard.T) / len(z))


@mutant("superposition/storkey", "another of Storkey's rules")
def adds_the_third_term(weights, z):
    h = without_j(weights, z)
    change = np.outer(z, z) - h * z - (h * z).T + h * h.T
    return zero_diagonal(weights + change / len(z))


@mutant("superposition/storkey", "changed its input weights")
def stores_in_place(weights, z):
    heard = without_j(weights, z) * z
    weights += (np.outer(z, z) - heard - heard.T) / len(z)
    np.fill_diagonal(weights, 0)
    return weights


# -- report: each with one of the bugs left, and others -------------------------


def named(slopes, digits, y, task):
    guess = slopes.argmin(axis=1)
    return guess == task, digits[np.arange(len(y)), guess] == y


@mutant("superposition/report", "guess is made for the whole batch")
def asks_the_whole_batch(slopes, digits, y, task):
    guess = np.full(len(y), slopes.mean(axis=0).argmin())
    found, right = guess == task, digits[np.arange(len(y)), guess] == y
    return found.mean(), right.mean(), (found & right).mean()


@mutant("superposition/report", "this is the scenario GG")
def reads_under_the_right_mask(slopes, digits, y, task):
    found = slopes.argmin(axis=1) == task
    right = digits[:, task] == y
    return found.mean(), right.mean(), (found & right).mean()


@mutant("superposition/report", "The two shares are multiplied")
def multiplies_the_shares(slopes, digits, y, task):
    found, right = named(slopes, digits, y, task)
    return found.mean(), right.mean(), found.mean() * right.mean()


@mutant("superposition/report", "Two shares are multiplied")
def multiplies_by_the_given_accuracy(slopes, digits, y, task):
    found, right = named(slopes, digits, y, task)
    return found.mean(), right.mean(), found.mean() * (digits[:, task] == y).mean()


@mutant("superposition/report", "images vote")
def lets_images_vote(slopes, digits, y, task):
    guess = np.bincount(slopes.argmin(axis=1)).argmax()
    right = digits[:, guess] == y
    return float(guess == task), right.mean(), float(guess == task) * right.mean()


@mutant("superposition/report", "argmin, not argmax")
def names_by_the_largest_slope(slopes, digits, y, task):
    found, right = named(-slopes, digits, y, task)
    return found.mean(), right.mean(), (found & right).mean()


@mutant("superposition/report", "whatever its sign")
def names_by_the_steepest_slope(slopes, digits, y, task):
    found, right = named(-abs(slopes), digits, y, task)
    return found.mean(), right.mean(), (found & right).mean()


@mutant("superposition/report", "any mask reads it right")
def counts_any_mask(slopes, digits, y, task):
    found, right = named(slopes, digits, y, task)
    lucky = (digits == y[:, None]).any(axis=1)
    return found.mean(), lucky.mean(), (found & right).mean()


@mutant("superposition/report", "it is the wrong label")
def counts_digits_of_wrong_tasks(slopes, digits, y, task):
    found, right = named(slopes, digits, y, task)
    return found.mean(), right.mean(), right.mean()


@mutant("superposition/report", "Only the task is looked at")
def forgets_the_digit(slopes, digits, y, task):
    found, right = named(slopes, digits, y, task)
    return found.mean(), right.mean(), found.mean()


@mutant("superposition/report", "those that are lost count too")
def leaves_the_lost_out(slopes, digits, y, task):
    found, right = named(slopes, digits, y, task)
    return found.mean(), right.mean(), right[found].mean()


@mutant("superposition/report", "One of both being right")
def counts_either(slopes, digits, y, task):
    found, right = named(slopes, digits, y, task)
    return found.mean(), right.mean(), (found | right).mean()


@mutant("superposition/report", "That is GNu")
def takes_gnu_for_gns(slopes, digits, y, task):
    found, right = named(slopes, digits, y, task)
    return found.mean(), (found & right).mean(), (found & right).mean()


@mutant("superposition/report", "compared with the digit")
def compares_the_task_with_the_digit(slopes, digits, y, task):
    guess = slopes.argmin(axis=1)
    found, right = guess == task, guess == y
    return found.mean(), right.mean(), (found & right).mean()


@mutant("superposition/report", "This is how many")
def gives_counts(slopes, digits, y, task):
    found, right = named(slopes, digits, y, task)
    return float(found.sum()), float(right.sum()), float((found & right).sum())


# -- own_task -----------------------------------------------------------------


def slopes_of(x, theta0, masks, share=0.25, dz=None):
    z = (share * theta0 * masks.sum(axis=0)) @ x
    dz = slope(z[None])[0] if dz is None else dz(z)
    return (np.outer(dz, x) * theta0 * masks).sum(axis=(1, 2))


def lowest(slopes):
    return np.array([slopes.argmin(), slopes.min()], float)


@mutant("superposition/own_task", "This is the largest slope")
def climbs_the_entropy(x, theta0, masks):
    slopes = slopes_of(x, theta0, masks)
    return np.array([slopes.argmax(), slopes.max()])


@mutant("superposition/own_task", "share of one quarter.")
def adds_the_four_masks(x, theta0, masks):
    return lowest(slopes_of(x, theta0, masks, share=1.0))


@mutant("superposition/own_task", "theta0 is missing")
def forgets_own_theta0(x, theta0, masks):
    z = (theta0 * masks.mean(axis=0)) @ x
    return lowest((np.outer(slope(z[None])[0], x) * masks).sum(axis=(1, 2)))


@mutant("superposition/own_task", "in bits")
def gives_own_slope_in_bits(x, theta0, masks):
    return lowest(slopes_of(x, theta0, masks) * np.log2(np.e))


@mutant("superposition/own_task", "one quarter again")
def multiplies_by_the_share(x, theta0, masks):
    return lowest(slopes_of(x, theta0, masks) * 0.25)


@mutant("superposition/own_task", "H is missing")
def forgets_own_h(x, theta0, masks):
    return lowest(
        slopes_of(
            x,
            theta0,
            masks,
            dz=lambda z: -np.exp(log_p(z[None])[0]) * log_p(z[None])[0],
        )
    )


@mutant("superposition/own_task", "exhaustive search")
def searches_exhaustively(x, theta0, masks):
    return lowest(of_images((theta0 * masks) @ x).ravel())


@mutant("superposition/own_task", "task is counted from 0")
def counts_own_task_from_one(x, theta0, masks):
    return lowest(slopes_of(x, theta0, masks)) + np.array([1.0, 0.0])


@mutant("superposition/own_task", "sign of the slope is lost")
def drops_the_sign(x, theta0, masks):
    return abs(lowest(slopes_of(x, theta0, masks)))
