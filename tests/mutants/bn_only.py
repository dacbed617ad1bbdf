"""Wrong answers to the exercises of the chapter "Only BatchNorm"."""

import math

import numpy as np

from mutants import mutant

# -- count --------------------------------------------------------------------


def blocks(depth):
    return (depth - 2) // 6


@mutant("bn_only/count", "The norms in the shortcuts")
def finds_norms_by_the_letters_bn(depth, width):
    return 2 * width * (1 + 14 * blocks(depth))


@mutant("bn_only/count", "Each has a gamma and a beta")
def counts_gammas_only(depth, width):
    return 7 * width * (2 * blocks(depth) + 1)


@mutant("bn_only/count", "Each has a gamma and a beta")
def takes_a_third_of_the_depth(depth, width):
    return 7 * width * (depth + 1) // 3


@mutant("bn_only/count", "Running mean and variance are counted")
def counts_the_statistics(depth, width):
    return 28 * width * (2 * blocks(depth) + 1)


@mutant("bn_only/count", "The width is not used")
def knows_one_width(depth, width):
    return 14 * 16 * (2 * blocks(depth) + 1)


@mutant("bn_only/count", "One of them is missing")
def has_one_norm_a_block(depth, width):
    return 2 * (width + 7 * width * blocks(depth) + 6 * width)


@mutant("bn_only/count", "norm of the first convolution")
def forgets_the_first_norm(depth, width):
    return 2 * (14 * width * blocks(depth) + 6 * width)


@mutant("bn_only/count", "Stage 1 has no convolution in its shortcut")
def has_three_shortcuts(depth, width):
    return 2 * width * (1 + 7 * (2 * blocks(depth) + 1))


@mutant("bn_only/count", "Only the first block of stages 2 and 3")
def has_a_shortcut_in_each_block(depth, width):
    features = width
    for w in (width, 2 * width, 4 * width):
        for _ in range(blocks(depth)):
            features += 2 * w + (w > width) * w
    return 2 * features


@mutant("bn_only/count", "twice the features")
def keeps_the_width(depth, width):
    return 2 * width * (1 + 6 * blocks(depth) + 2)


@mutant("bn_only/count", "W, 2 W, 4 W")
def counts_up_by_one_width(depth, width):
    features = width
    for stage in (1, 2, 3):
        features += stage * width * (2 * blocks(depth) + (stage > 1))
    return 2 * features


@mutant("bn_only/count", "not as the one before")
def gives_shortcuts_the_width_before(depth, width):
    return 2 * (width + 14 * width * blocks(depth) + width + 2 * width)


@mutant("bn_only/count", "It is 6 n + 2")
def takes_the_depth_for_blocks(depth, width):
    return 14 * width * (2 * depth + 1)


# -- normalise_grad -----------------------------------------------------------


def back(grad, x, gamma, s, mean=True, spread=True):
    """dx through each of the three ways, with a given spread."""
    N = len(x)
    centred = x - x.mean(0)
    dz = grad * gamma
    dx = dz / s
    if mean:
        dx = dx - (dz / s).sum(0) / N
    if spread:
        ds = -(dz * centred).sum(0) / s**2
        dx = dx + ds * centred / (N * s)
    return dx, (grad * centred / s).sum(0), grad.sum(0)


def deviation(x, eps):
    return np.sqrt(x.var(0) + eps)


@mutant("bn_only/normalise_grad", "taken for constants")
def takes_statistics_for_constants(grad, x, gamma, eps):
    return back(grad, x, gamma, deviation(x, eps), mean=False, spread=False)


@mutant("bn_only/normalise_grad", "Only the mean's correction")
def forgets_that_the_variance_moves(grad, x, gamma, eps):
    return back(grad, x, gamma, deviation(x, eps), spread=False)


@mutant("bn_only/normalise_grad", "Only the variance's correction")
def forgets_that_the_mean_moves(grad, x, gamma, eps):
    return back(grad, x, gamma, deviation(x, eps), mean=False)


@mutant("bn_only/normalise_grad", "divided by N - 1")
def divides_by_one_less(grad, x, gamma, eps):
    s = np.sqrt(x.var(0, ddof=1) + eps)
    z = (x - x.mean(0)) / s
    dx = gamma / s * (grad - grad.mean(0) - z * (grad * z).mean(0))
    return dx, (grad * z).sum(0), grad.sum(0)


@mutant("bn_only/normalise_grad", "eps stands outside")
def puts_eps_outside_the_root(grad, x, gamma, eps):
    s = np.std(x, axis=0) + eps
    z = (x - x.mean(0)) / s
    dx = gamma / s * (grad - grad.mean(0) - z * (grad * z).mean(0))
    return dx, (grad * z).sum(0), grad.sum(0)


@mutant("bn_only/normalise_grad", "eps is missing")
def forgets_eps(grad, x, gamma, eps):
    return back(grad, x, gamma, deviation(x, 1e-12))


@mutant("bn_only/normalise_grad", "The root is missing")
def divides_by_the_variance(grad, x, gamma, eps):
    s = x.var(0) + eps
    z = (x - x.mean(0)) / s
    dx = gamma / s * (grad - grad.mean(0) - z * (grad * z).mean(0))
    return dx, (grad * z).sum(0), grad.sum(0)


@mutant("bn_only/normalise_grad", "gamma is missing")
def stops_before_gamma(grad, x, gamma, eps):
    return back(grad, x, np.ones_like(gamma), deviation(x, eps))


@mutant("bn_only/normalise_grad", "The corrections are sums")
def sums_in_place_of_means(grad, x, gamma, eps):
    s = deviation(x, eps)
    z = (x - x.mean(0)) / s
    dx = gamma / s * (grad - grad.sum(0) - z * (grad * z).sum(0))
    return dx, (grad * z).sum(0), grad.sum(0)


@mutant("bn_only/normalise_grad", "corrections are added")
def adds_the_corrections(grad, x, gamma, eps):
    s = deviation(x, eps)
    z = (x - x.mean(0)) / s
    dx = gamma / s * (grad + grad.mean(0) + z * (grad * z).mean(0))
    return dx, (grad * z).sum(0), grad.sum(0)


@mutant("bn_only/normalise_grad", "x - mean for z")
def forgets_to_divide_z(grad, x, gamma, eps):
    centred = x - x.mean(0)
    inner = grad - grad.mean(0) - centred * (grad * centred).mean(0)
    _, dgamma, dbeta = back(grad, x, gamma, deviation(x, eps))
    return gamma / deviation(x, eps) * inner, dgamma, dbeta


@mutant("bn_only/normalise_grad", "over the batch, axis 0")
def goes_over_features(grad, x, gamma, eps):
    s = deviation(x, eps)
    z = (x - x.mean(0)) / s
    across = [part.mean(1, keepdims=True) for part in (grad, grad * z)]
    dx = gamma / s * (grad - across[0] - z * across[1])
    return dx, (grad * z).sum(0), grad.sum(0)


@mutant("bn_only/normalise_grad", "the sum of grad times x.")
def scales_by_x(grad, x, gamma, eps):
    dx, _, dbeta = back(grad, x, gamma, deviation(x, eps))
    return dx, (grad * x).sum(0), dbeta


@mutant("bn_only/normalise_grad", "Every row of the batch uses gamma")
def averages_both(grad, x, gamma, eps):
    dx, dgamma, dbeta = back(grad, x, gamma, deviation(x, eps))
    return dx, dgamma / len(x), dbeta / len(x)


@mutant("bn_only/normalise_grad", "Every row of the batch uses beta")
def averages_the_shifts(grad, x, gamma, eps):
    dx, dgamma, dbeta = back(grad, x, gamma, deviation(x, eps))
    return dx, dgamma, dbeta / len(x)


@mutant("bn_only/normalise_grad", "gamma itself is in it")
def scales_dgamma_by_gamma(grad, x, gamma, eps):
    dx, dgamma, dbeta = back(grad, x, gamma, deviation(x, eps))
    return dx, gamma * dgamma, dbeta


@mutant("bn_only/normalise_grad", "no gamma in it")
def scales_dbeta_by_gamma(grad, x, gamma, eps):
    dx, dgamma, dbeta = back(grad, x, gamma, deviation(x, eps))
    return dx, dgamma, gamma * dbeta


# -- freeze -------------------------------------------------------------------


def mask(shapes, rule):
    parts = [np.full(int(np.prod(s)), bool(rule(n, s))) for n, s in shapes.items()]
    return np.concatenate(parts)


def is_norms(name, shape):
    return name.split(".")[-1] in ("gamma", "beta")


def update(theta, grad, speed, shapes, running, batch, lr, decay, rule=is_norms):
    on = mask(shapes, rule)
    new = 0.9 * speed + grad + decay * theta
    after = theta.copy()
    after[on] -= lr * new[on]
    return after, new, 0.9 * running + 0.1 * batch


@mutant("bn_only/freeze", "a layer that is called prenorm")
def finds_norms_by_their_name(*args):
    return update(*args, rule=lambda name, shape: "norm" in name)


@mutant("bn_only/freeze", "called gamma_bn, and misses")
def finds_norms_by_two_letters(*args):
    return update(*args, rule=lambda name, shape: "bn" in name)


@mutant("bn_only/freeze", "a layer that is called gamma_bn")
def finds_gamma_anywhere_in_a_name(*args):
    return update(*args, rule=lambda name, shape: "gamma" in name or "beta" in name)


@mutant("bn_only/freeze", "misses the norm in the shortcut")
def freezes_the_shortcuts_norm(*args):
    def rule(name, shape):
        return is_norms(name, shape) and ("bn" in name or "norm" in name)

    return update(*args, rule=rule)


@mutant("bn_only/freeze", "All pieces with one axis")
def trains_the_bias_too(*args):
    return update(*args, rule=lambda name, shape: len(shape) == 1)


@mutant("bn_only/freeze", "Only gammas were trained")
def trains_gammas_only(*args):
    return update(*args, rule=lambda name, shape: name[-5:] == "gamma")


@mutant("bn_only/freeze", "The mask is turned round")
def freezes_the_norms(*args):
    return update(*args, rule=lambda name, shape: not is_norms(name, shape))


@mutant("bn_only/freeze", "All weights were trained")
def freezes_nothing(*args):
    return update(*args, rule=lambda name, shape: True)


@mutant("bn_only/freeze", "The last layer was trained too")
def trains_the_last_layer(*args):
    last = list(args[3])[-1].split(".")[0]
    return update(*args, rule=lambda n, s: is_norms(n, s) or n.split(".")[0] == last)


@mutant("bn_only/freeze", "what the momentum remembers and the decay move")
def masks_the_gradient_only(theta, grad, speed, shapes, running, batch, lr, decay):
    speed = 0.9 * speed + grad * mask(shapes, is_norms) + decay * theta
    return theta - lr * speed, speed, 0.9 * running + 0.1 * batch


@mutant("bn_only/freeze", "what the momentum remembers moves")
def leaves_the_momentum(theta, grad, speed, shapes, running, batch, lr, decay):
    speed = 0.9 * speed + (grad + decay * theta) * mask(shapes, is_norms)
    return theta - lr * speed, speed, 0.9 * running + 0.1 * batch


@mutant("bn_only/freeze", "the decay moves them")
def decays_what_is_frozen(theta, grad, speed, shapes, running, batch, lr, decay):
    speed = mask(shapes, is_norms) * (0.9 * speed + grad) + decay * theta
    return theta - lr * speed, speed, 0.9 * running + 0.1 * batch


@mutant("bn_only/freeze", "The decay is missing")
def forgets_the_decay(theta, grad, speed, shapes, running, batch, lr, decay):
    return update(theta, grad, speed, shapes, running, batch, lr, 0)


@mutant("bn_only/freeze", "The speed is missing")
def forgets_the_momentum(theta, grad, speed, *rest):
    return update(theta, grad, 0 * speed, *rest)


@mutant("bn_only/freeze", "moved by the old speed")
def moves_by_the_old_speed(theta, grad, speed, shapes, running, batch, lr, decay):
    on = mask(shapes, is_norms)
    after = np.where(on, theta - lr * speed, theta)
    new = 0.9 * speed + grad + decay * theta
    return after, new, 0.9 * running + 0.1 * batch


@mutant("bn_only/freeze", "straight to theta")
def decays_beside_the_speed(theta, grad, speed, shapes, running, batch, lr, decay):
    on = mask(shapes, is_norms)
    new = 0.9 * speed + grad
    after = np.where(on, (1 - lr * decay) * theta - lr * new, theta)
    return after, new, 0.9 * running + 0.1 * batch


@mutant("bn_only/freeze", "uphill")
def climbs(theta, grad, speed, shapes, running, batch, lr, decay):
    return update(theta, grad, speed, shapes, running, batch, -lr, decay)


@mutant("bn_only/freeze", "This is the old speed")
def forgets_to_hand_the_speed_on(*args):
    after, _, running = update(*args)
    return after, args[2], running


@mutant("bn_only/freeze", "frozen with the weights")
def freezes_the_statistics(*args):
    after, speed, _ = update(*args)
    return after, speed, args[4]


@mutant("bn_only/freeze", "took the place of the running ones")
def keeps_the_batchs_statistics(*args):
    after, speed, _ = update(*args)
    return after, speed, args[5]


@mutant("bn_only/freeze", "mixed up")
def mixes_up_the_tenth(*args):
    after, speed, _ = update(*args)
    return after, speed, 0.1 * args[4] + 0.9 * args[5]


@mutant("bn_only/freeze", "Only the mean moved")
def moves_the_mean_only(*args):
    after, speed, running = update(*args)
    return after, speed, np.array([running[0], args[4][1]])


# -- equal_count --------------------------------------------------------------


def flat(W):
    return W.reshape(len(W), -1)


def two_smallest(u):
    return flat(u).argsort(axis=1, kind="stable")[:, :2]


def filled(W, places, phi):
    rows = flat(W).copy()
    for row, at, numbers in zip(rows, places, phi, strict=True):
        for place, number in zip(at, numbers, strict=False):
            row[place] = number
    return rows.reshape(W.shape)


@mutant("bn_only/equal_count", "with replacement")
def draws_with_replacement(W, u, phi):
    n = flat(W).shape[1]
    return filled(W, (flat(u)[:, :2] * n).astype(int), phi)


@mutant("bn_only/equal_count", "All other weights are 0")
def zeros_the_rest(W, u, phi):
    return filled(np.zeros_like(W), two_smallest(u), phi)


@mutant("bn_only/equal_count", "drawn from the whole layer")
def draws_over_the_whole_layer(W, u, phi):
    new = W.flatten()
    new[u.flatten().argsort()[: 2 * len(W)]] = phi.flatten()
    return new.reshape(W.shape)


@mutant("bn_only/equal_count", "One weight a feature")
def trains_one_a_row(W, u, phi):
    return filled(W, two_smallest(u)[:, :1], phi)


@mutant("bn_only/equal_count", "All features train the same two")
def draws_once_for_all(W, u, phi):
    return filled(W, [two_smallest(u)[0]] * len(W), phi)


@mutant("bn_only/equal_count", "u is largest")
def takes_the_largest(W, u, phi):
    return filled(W, two_smallest(-u), phi)


@mutant("bn_only/equal_count", "not which number stands in which")
def goes_by_the_order_of_the_row(W, u, phi):
    return filled(W, np.sort(two_smallest(u), axis=1), phi)


@mutant("bn_only/equal_count", "wrong way round")
def turns_the_two_numbers_round(W, u, phi):
    return filled(W, two_smallest(u), phi[:, ::-1])


@mutant("bn_only/equal_count", "were added to the weights")
def adds_to_the_weights(W, u, phi):
    return W + filled(np.zeros_like(W), two_smallest(u), phi)


@mutant("bn_only/equal_count", "The first two weights of each feature")
def trains_the_first_two(W, u, phi):
    rows = flat(W).copy()
    rows[:, :2] = phi
    return rows.reshape(W.shape)


@mutant("bn_only/equal_count", "argsort names the places")
def takes_ranks_for_places(W, u, phi):
    ranks = flat(u).argsort(axis=1).argsort(axis=1)
    return filled(W, ranks[:, :2], phi)


@mutant("bn_only/equal_count", "Rows of a kernel")
def takes_the_rows_of_a_kernel(W, u, phi):
    rows = W.reshape(-1, W.shape[-1]).copy()
    order = u.reshape(rows.shape).argsort(axis=1)
    for i in range(len(W)):
        rows[i, order[i, :2]] = phi[i]
    return rows.reshape(W.shape)


@mutant("bn_only/equal_count", "these are the frozen weights")
def trains_nothing(W, u, phi):
    return W.copy()


# -- remove_features ----------------------------------------------------------


def relu(x):
    return np.where(x > 0, x, 0)


def without(W, norm, V, c, on, constant=None):
    if constant is None:
        constant = V[:, ~on] @ relu(norm[1][~on])
    return W[on], norm[:, on], V[:, on], c + constant


def large(norm, threshold):
    return np.abs(norm[0]) >= threshold


@mutant("bn_only/remove_features", "relu(beta) of the features that were taken out")
def drops_the_constant(W, norm, V, c, threshold):
    return without(W, norm, V, c, large(norm, threshold), 0)


@mutant("bn_only/remove_features", "Negative gammas were taken for small")
def forgets_the_size_of_gamma(W, norm, V, c, threshold):
    return without(W, norm, V, c, norm[0] >= threshold)


@mutant("bn_only/remove_features", "judged by beta")
def looks_at_beta(W, norm, V, c, threshold):
    return without(W, norm, V, c, np.abs(norm[1]) >= threshold)


@mutant("bn_only/remove_features", "gamma and beta together")
def looks_at_both(W, norm, V, c, threshold):
    return without(W, norm, V, c, np.abs(norm[:2]).max(axis=0) >= threshold)


@mutant("bn_only/remove_features", "The wrong ones are left")
def keeps_the_small_ones(W, norm, V, c, threshold):
    return without(W, norm, V, c, np.abs(norm[0]) < threshold)


@mutant("bn_only/remove_features", "judged by their slope")
def looks_at_the_slope(W, norm, V, c, threshold):
    return without(W, norm, V, c, np.abs(norm[0] / np.sqrt(norm[3])) >= threshold)


@mutant("bn_only/remove_features", "without the ReLU")
def forgets_the_relu(W, norm, V, c, threshold):
    on = large(norm, threshold)
    return without(W, norm, V, c, on, V[:, ~on] @ norm[1, ~on])


@mutant("bn_only/remove_features", "of the features that stay was added")
def adds_what_the_others_say(W, norm, V, c, threshold):
    on = large(norm, threshold)
    return without(W, norm, V, c, on, V[:, on] @ relu(norm[1, on]))


@mutant("bn_only/remove_features", "taken away from c")
def takes_the_constant_away(W, norm, V, c, threshold):
    on = large(norm, threshold)
    return without(W, norm, V, c, on, -V[:, ~on] @ relu(norm[1, ~on]))


@mutant("bn_only/remove_features", "Running statistics are in the constant")
def lets_the_mean_through(W, norm, V, c, threshold):
    on = large(norm, threshold)
    gamma, beta, mean, var = norm
    at_zero = relu(beta - gamma * mean / np.sqrt(var + 1e-5))
    return without(W, norm, V, c, on, V[:, ~on] @ at_zero[~on])


@mutant("bn_only/remove_features", "comes before V")
def bends_after_v(W, norm, V, c, threshold):
    on = large(norm, threshold)
    return without(W, norm, V, c, on, relu(V[:, ~on] @ norm[1, ~on]))


@mutant("bn_only/remove_features", "without the next layer's weights")
def forgets_v(W, norm, V, c, threshold):
    on = large(norm, threshold)
    return without(W, norm, V, c, on, relu(norm[1, ~on]).sum())


@mutant("bn_only/remove_features", "The features are still there")
def only_sets_gamma_to_zero(W, norm, V, c, threshold):
    new = norm.copy()
    new[0][~large(norm, threshold)] = 0
    return W.copy(), new, V.copy(), c.copy()


@mutant("bn_only/remove_features", "The features are still there")
def takes_the_rows_of_w_only(W, norm, V, c, threshold):
    on = large(norm, threshold)
    return W[on], norm[:, on], V.copy(), c.copy()


@mutant("bn_only/remove_features", "exactly at the threshold")
def takes_out_what_is_at_the_threshold(W, norm, V, c, threshold):
    return without(W, norm, V, c, np.abs(norm[0]) > threshold)


# -- only_norms ---------------------------------------------------------------


def trains(
    W,
    gamma,
    beta,
    V,
    batches,
    answers,
    test,
    lr,
    decay,
    frozen_decay=(),
    last=False,
    look=lambda t, mean, var, x: (t - mean) / np.sqrt(var + 1e-5),
    trained_decay=("gamma", "beta"),
    follow=False,
):
    p = {"W": W, "gamma": gamma, "beta": beta, "V": V}
    mean, var, said = 0.0, 1.0, []
    for x, y in zip(batches, answers, strict=True):
        x = x @ p["W"].T
        mean = 0.9 * mean + 0.1 * x.mean(axis=0)
        var = 0.9 * var + 0.1 * x.var(axis=0)
        z = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
        a = p["gamma"] * z + p["beta"]
        error = (relu(a) @ p["V"] - y) * 2 / len(y)
        da = error[:, None] * p["V"] * (a > 0)
        slopes = {"gamma": (da * z).sum(axis=0), "beta": da.sum(axis=0)}
        if last:
            slopes["V"] = relu(a).T @ error
        for name in p:
            pull = decay * p[name] * (name in (*trained_decay, *frozen_decay))
            if name in slopes or name in frozen_decay:
                p[name] = p[name] - lr * (slopes.get(name, 0) + pull)
        t = test @ p["W"].T
        if follow:
            mean = 0.9 * mean + 0.1 * t.mean(axis=0)
            var = 0.9 * var + 0.1 * t.var(axis=0)
        z = look(t, mean, var, x)
        said.append(relu(p["gamma"] * z + p["beta"]) @ p["V"])
    return p["W"], p["gamma"], p["beta"], p["V"], np.array(said)


def by_its_own(t, mean, var, x):
    return (t - t.mean(axis=0)) / np.sqrt(t.var(axis=0) + 1e-5)


@mutant("bn_only/only_norms", "The frozen weights decay")
def leaves_all_three_bugs(*args):
    return trains(*args, frozen_decay=("W",), last=True, look=by_its_own)


@mutant("bn_only/only_norms", "The frozen weights decay")
def decays_the_frozen_layer(*args):
    return trains(*args, frozen_decay=("W",))


@mutant("bn_only/only_norms", "The frozen weights decay")
def decays_all_there_is(*args):
    return trains(*args, frozen_decay=("W", "V"))


@mutant("bn_only/only_norms", "The output V follows its gradient")
def trains_the_output(*args):
    return trains(*args, last=True)


@mutant("bn_only/only_norms", "by their own mean and variance")
def tests_in_training_mode(*args):
    return trains(*args, look=by_its_own)


@mutant("bn_only/only_norms", "by the last batch alone")
def tests_by_the_last_batch(*args):
    def look(t, mean, var, x):
        return (t - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)

    return trains(*args, look=look)


@mutant("bn_only/only_norms", "follow the test inputs too")
def moves_the_statistics_in_the_test(*args):
    return trains(*args, follow=True)


@mutant("bn_only/only_norms", "are not standardised")
def tests_without_statistics(*args):
    return trains(*args, look=lambda t, mean, var, x: t / np.sqrt(1 + 1e-5))


@mutant("bn_only/only_norms", "The decay is gone altogether")
def drops_the_decay(*args):
    return trains(*args, trained_decay=())


@mutant("bn_only/only_norms", "beta no longer decays")
def decays_gamma_only(*args):
    return trains(*args, trained_decay=("gamma",))


# -- as_many ------------------------------------------------------------------


def smallest(u, counts):
    chosen = np.zeros(u.shape, bool)
    for row, values, k in zip(chosen, u, counts, strict=True):
        row[np.argsort(values)[: int(k)]] = True
    return chosen


@mutant("bn_only/as_many", "all layers together")
def counts_all_layers_together(off, u):
    chosen = np.zeros(off.size, bool)
    chosen[np.argsort(u, axis=None)[: off.sum()]] = True
    return chosen.reshape(off.shape)


@mutant("bn_only/as_many", "left out of the draw")
def spares_the_small_ones(off, u):
    return smallest(u + 10.0 * off, off.sum(axis=1))


@mutant("bn_only/as_many", "were shuffled by u")
def shuffles_those_that_are_off(off, u):
    return np.take_along_axis(off, np.argsort(u, axis=1), axis=1)


@mutant("bn_only/as_many", "These are the features that are off")
def gives_them_back(off, u):
    return off.copy()


@mutant("bn_only/as_many", "As many are chosen as are on")
def counts_those_that_are_on(off, u):
    return smallest(u, (~off).sum(axis=1))


@mutant("bn_only/as_many", "True stands for")
def gives_what_is_left(off, u):
    return ~smallest(u, off.sum(axis=1))


@mutant("bn_only/as_many", "u is largest")
def takes_the_largest_of_u(off, u):
    return smallest(-u, off.sum(axis=1))


@mutant("bn_only/as_many", "right on average only")
def draws_each_with_a_probability(off, u):
    return u < off.mean(axis=1, keepdims=True)


@mutant("bn_only/as_many", "argsort was taken for the ranks")
def takes_argsort_for_ranks(off, u):
    return np.argsort(u, axis=1) < off.sum(axis=1)[:, None]


@mutant("bn_only/as_many", "the first row of u")
def draws_by_one_row(off, u):
    return smallest(np.array([u[0]] * len(u)), off.sum(axis=1))


@mutant("bn_only/as_many", "Every layer got the same count")
def takes_the_mean_count(off, u):
    return smallest(u, [off.sum() // len(off)] * len(off))


# -- fold ---------------------------------------------------------------------


@mutant("bn_only/fold", "eps is missing")
def folds_without_eps(gamma, beta, mean, var, eps):
    a = gamma / np.sqrt(var)
    return a, beta - a * mean


@mutant("bn_only/fold", "The root is missing")
def folds_by_the_variance(gamma, beta, mean, var, eps):
    a = gamma / (var + eps)
    return a, beta - a * mean


@mutant("bn_only/fold", "eps stands outside")
def folds_with_eps_outside(gamma, beta, mean, var, eps):
    a = gamma / (np.sqrt(var) + eps)
    return a, beta - a * mean


@mutant("bn_only/fold", "The mean has the wrong sign")
def adds_the_mean(gamma, beta, mean, var, eps):
    a = gamma / np.sqrt(var + eps)
    return a, beta + a * mean


@mutant("bn_only/fold", "not divided by the spread")
def scales_the_mean_by_gamma(gamma, beta, mean, var, eps):
    return gamma / np.sqrt(var + eps), beta - gamma * mean


@mutant("bn_only/fold", "not scaled by gamma")
def divides_the_mean_only(gamma, beta, mean, var, eps):
    s = np.sqrt(var + eps)
    return gamma / s, beta - mean / s


@mutant("bn_only/fold", "The mean is taken off as it is")
def takes_the_mean_off(gamma, beta, mean, var, eps):
    return gamma / np.sqrt(var + eps), beta - mean


@mutant("bn_only/fold", "The mean that is taken off")
def keeps_beta(gamma, beta, mean, var, eps):
    return gamma / np.sqrt(var + eps), beta.copy()


@mutant("bn_only/fold", "beta was scaled by the slope")
def scales_beta(gamma, beta, mean, var, eps):
    a = gamma / np.sqrt(var + eps)
    return a, a * (beta - mean)


@mutant("bn_only/fold", "divides by nothing")
def leaves_a_variance_of_one(gamma, beta, mean, var, eps):
    a = gamma / np.sqrt(var + eps)
    return a * math.sqrt(1 + eps), beta - a * mean


# -- own_network --------------------------------------------------------------


def built(depth, width, channels, classes, bits, shortcut=1, norm=2, hidden=True):
    """Count layer by layer: norms, then kernels and the last layer."""
    convs = [(channels, width, 9)]
    for w in (width, 2 * width, 4 * width):
        for block in range((depth - 2) // 6):
            first = block == 0 and w > width
            convs += [(w // 2 if first else w, w, 9), (w, w, 9)]
            if first:
                convs.append((w // 2, w, shortcut))
    norms = sum(norm * O for _, O, k in convs if hidden or k == 9)
    rest = sum(C * O * k for C, O, k in convs) + (4 * width + 1) * classes
    return np.array([norms, norms + rest, norms * bits / 8])


@mutant("bn_only/own_network", "norms in the shortcuts")
def own_without_hidden_norms(*args):
    return built(*args, hidden=False)


@mutant("bn_only/own_network", "Each has a gamma and a beta")
def own_gammas(*args):
    return built(*args, norm=1)


@mutant("bn_only/own_network", "not trained")
def own_with_statistics(*args):
    return built(*args, norm=4)


@mutant("bn_only/own_network", "1 by 1, not 3 by 3")
def own_with_large_shortcuts(depth, width, *rest):
    norms, total, sent = built(depth, width, *rest)
    return np.array([norms, total + 80 * width**2, sent])


@mutant("bn_only/own_network", "there, all count")
def own_frozen_only(*args):
    norms, total, sent = built(*args)
    return np.array([norms, total - norms, sent])


@mutant("bn_only/own_network", "A byte is 8")
def own_bits(*args):
    norms, total, _ = built(*args)
    return np.array([norms, total, norms * args[4]])


@mutant("bn_only/own_network", "floats of 4 bytes")
def own_floats(*args):
    norms, total, _ = built(*args)
    return np.array([norms, total, 4 * norms])


@mutant("bn_only/own_network", "not 10")
def own_with_ten_classes(depth, width, channels, classes, bits):
    return built(depth, width, channels, 10, bits)


@mutant("bn_only/own_network", "biases are missing")
def own_without_biases(*args):
    norms, total, sent = built(*args)
    return np.array([norms, total - args[3], sent])
