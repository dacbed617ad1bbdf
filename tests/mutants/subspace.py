"""Wrong answers to the exercises of the chapter "Random subspaces"."""

import numpy as np

from mutants import mutant


def hadamard(x):
    """What the chapter's set-up cell gives to the learner."""
    from minitorch.backends import backend

    return backend().fwht(x[:, None])[:, 0]


# -- project ------------------------------------------------------------------


@mutant("subspace/project", "theta0 is left out")
def forgets_the_start(theta0, P, phi):
    return np.dot(P, phi)


@mutant("subspace/project", "changed its input theta0")
def walks_the_start_away(theta0, P, phi):
    theta0 += P @ phi
    return theta0


@mutant("subspace/project", "broadcasting")
def multiplies_entry_by_entry(theta0, P, phi):
    return theta0[:, None] + P * phi


@mutant("subspace/project", "directions are subtracted")
def walks_backwards(theta0, P, phi):
    return theta0 - P.dot(phi)


@mutant("subspace/project", "scaled to unit columns here again")
def scales_once_more(theta0, P, phi):
    return theta0 + P / np.sqrt((P**2).sum(axis=0)) @ phi


@mutant("subspace/project", "scaled to length one")
def loses_the_distance(theta0, P, phi):
    length = np.sqrt((phi**2).sum())
    return theta0 + P @ phi / length if length else theta0.copy()


@mutant("subspace/project", "multiplied into P phi")
def scales_the_start(theta0, P, phi):
    return np.einsum("i,ij,j->i", theta0, P, phi)


# -- unit_columns -------------------------------------------------------------


@mutant("subspace/unit_columns", "rows are scaled")
def scales_rows(P):
    return P / np.linalg.norm(P, axis=1, keepdims=True)


@mutant("subspace/unit_columns", "the length of the whole matrix")
def scales_the_whole_matrix(P):
    return P / np.linalg.norm(P)


@mutant("subspace/unit_columns", "the layers")
def scales_each_layer(P):
    halves = np.array_split(P, 2)
    return np.concatenate([half / np.linalg.norm(half, axis=0) for half in halves])


@mutant("subspace/unit_columns", "mean of the squares")
def takes_the_mean(P):
    return P / np.sqrt(np.mean(P**2, axis=0))


@mutant("subspace/unit_columns", "standard deviation")
def standardises(P):
    return P / np.std(P, axis=0)


@mutant("subspace/unit_columns", "square root is missing")
def forgets_the_root(P):
    return P / np.sum(P * P, axis=0)


@mutant("subspace/unit_columns", "absolute values")
def adds_absolute_values(P):
    return P / np.linalg.norm(P, ord=1, axis=0)


@mutant("subspace/unit_columns", "on average")
def trusts_the_average(P):
    return P / np.sqrt(P.shape[0]).astype(P.dtype)


@mutant("subspace/unit_columns", "orthogonal")
def makes_them_orthogonal(P):
    Q = np.linalg.qr(P)[0]
    return Q if Q.shape == P.shape else P / np.linalg.norm(P, axis=0)


@mutant("subspace/unit_columns", "changed its input P")
def scales_in_place(P):
    P /= np.linalg.norm(P, axis=0)
    return P


# -- project_grad -------------------------------------------------------------


@mutant("subspace/project_grad", "transpose is missing")
def forgets_the_transpose(P, grad):
    return P @ grad


@mutant("subspace/project_grad", "an axis is too many")
def keeps_a_row(P, grad):
    return (P.T @ grad[:, None]).T


@mutant("subspace/project_grad", "a mean")
def averages(P, grad):
    return (P * grad[:, None]).mean(axis=0)


@mutant("subspace/project_grad", "sign is turned")
def steps_downhill(P, grad):
    return P.T @ -grad


@mutant("subspace/project_grad", "pseudo-inverse")
def solves(P, grad):
    return np.linalg.lstsq(P, grad, rcond=None)[0]


@mutant("subspace/project_grad", "every entry is 2 times")
def differentiates_a_square(P, grad):
    return 2 * grad @ P


@mutant("subspace/project_grad", "wrong axis")
def spreads_the_wrong_way(P, grad):
    return (P * grad).sum(axis=0)


@mutant("subspace/project_grad", "a mean")
def averages_over_coordinates(P, grad):
    return P.T @ grad / P.shape[1]


# -- fwht ---------------------------------------------------------------------


def butterfly(x, divide=1.0):
    x, half = x.copy(), 1
    while half < len(x):
        pairs = x.reshape(-1, 2, half)
        a, b = pairs[:, 0].copy(), pairs[:, 1].copy()
        pairs[:, 0], pairs[:, 1] = a + b, a - b
        half *= 2
    return x / x.dtype.type(divide)


@mutant("subspace/fwht", "divided by sqrt(n)")
def keeps_lengths(x):
    return butterfly(x, np.sqrt(len(x)))


@mutant("subspace/fwht", "divided by n")
def is_the_inverse(x):
    return butterfly(x, len(x))


@mutant("subspace/fwht", "overwritten before it is used")
def uses_the_new_a(x):
    x, half = x.copy(), 1
    while half < len(x):
        for start in range(0, len(x), 2 * half):
            for i in range(start, start + half):
                x[i] = x[i] + x[i + half]
                x[i + half] = x[i] - x[i + half]
        half *= 2
    return x


@mutant("subspace/fwht", "sequency order")
def sorts_by_sign_changes(x):
    H = np.ones((1, 1), x.dtype)
    while len(H) < len(x):
        H = np.block([[H, H], [H, -H]])
    changes = np.count_nonzero(np.diff(H, axis=1), axis=1)
    return H[np.argsort(changes)] @ x


@mutant("subspace/fwht", "bit-reversed order")
def splits_even_and_odd(x):
    if len(x) == 1:
        return x.copy()
    a, b = splits_even_and_odd(x[::2]), splits_even_and_odd(x[1::2])
    return np.concatenate([a + b, a - b])


@mutant("subspace/fwht", "changed its input x")
def recurses_into_its_input(x):
    if len(x) == 1:
        return x.copy()
    half = len(x) // 2
    a, b = x[:half], x[half:]
    difference = a - b
    a += b
    return np.concatenate(
        [recurses_into_its_input(a), recurses_into_its_input(difference)]
    )


@mutant("subspace/fwht", "wrong way round")
def subtracts_the_other_way(x):
    if len(x) == 1:
        return x.copy()
    a, b = np.split(x, 2)
    a, b = subtracts_the_other_way(a), subtracts_the_other_way(b)
    return np.concatenate([a + b, b - a])


@mutant("subspace/fwht", "last stage is missing")
def stops_too_early(x):
    x, half = x.copy(), 1
    while 2 * half < len(x):
        pairs = x.reshape(-1, 2, half)
        a, b = pairs[:, 0].copy(), pairs[:, 1].copy()
        pairs[:, 0], pairs[:, 1] = a + b, a - b
        half *= 2
    return x


# -- fastfood_grad ------------------------------------------------------------


def backward(grad, B, Pi, G, d, divide=1.0, gather=False, signs=True, first=False):
    padded = np.zeros(len(G), G.dtype)
    padded[: len(grad)] = grad
    u = hadamard(G * padded) if first else G * hadamard(padded)
    mixed = np.empty_like(u)
    if gather:
        mixed = u[Pi]
    else:
        mixed[Pi] = u
    out = hadamard(mixed) / G.dtype.type(divide)
    if signs:
        out = B * out
    return out[:d] / np.sqrt(len(grad) * (G**2).sum())


@mutant("subspace/fastfood_grad", "factor 1/sqrt(L)")
def mends_one_of_two(grad, B, Pi, G, d):
    return backward(grad, B, Pi, G, d, np.sqrt(len(G)))


@mutant("subspace/fastfood_grad", "factor 1/L")
def moves_the_factor(grad, B, Pi, G, d):
    return backward(grad, B, Pi, G, d, len(G))


@mutant("subspace/fastfood_grad", "factor sqrt(L)")
def mends_too_much(grad, B, Pi, G, d):
    return backward(grad, B, Pi, G, d, 1 / np.sqrt(len(G)))


@mutant("subspace/fastfood_grad", "constant c is missing")
def drops_the_constant(grad, B, Pi, G, d):
    return backward(grad, B, Pi, G, d, 1 / np.sqrt(len(grad) * (G**2).sum()))


@mutant("subspace/fastfood_grad", "permutation is applied forwards once more")
def permutes_forwards(grad, B, Pi, G, d):
    return backward(grad, B, Pi, G, d, gather=True)


@mutant("subspace/fastfood_grad", "signs B are left out")
def forgets_the_signs(grad, B, Pi, G, d):
    return backward(grad, B, Pi, G, d, signs=False)


@mutant("subspace/fastfood_grad", "G multiplies before the transform")
def swaps_transform_and_diagonal(grad, B, Pi, G, d):
    return backward(grad, B, Pi, G, d, first=True)


@mutant("subspace/fastfood_grad", "forward pass applied to the gradient")
def goes_forwards(grad, B, Pi, G, d):
    padded = np.zeros(len(G), G.dtype)
    padded[: len(grad)] = grad
    mixed = hadamard(B * padded)[Pi]
    return hadamard(G * mixed)[:d] / np.sqrt(len(grad) * (G**2).sum())


# -- d_int90 ------------------------------------------------------------------


def smallest(ds, reached):
    return int(min(ds[reached])) if any(reached) else None


@mutant("subspace/d_int90", "best seed decides")
def takes_the_best_seed(ds, accuracy, baseline):
    return smallest(ds, accuracy.max(axis=0) >= 0.9 * baseline)


@mutant("subspace/d_int90", "best seed decides")
def stops_at_the_first_crossing_of_any_seed(ds, accuracy, baseline):
    for d, column in sorted(zip(ds, accuracy.T, strict=True), key=lambda pair: pair[0]):
        for one in column:
            if one >= 0.9 * baseline:
                return int(d)
    return None


@mutant("subspace/d_int90", "worst seed decides")
def wants_every_seed(ds, accuracy, baseline):
    return smallest(ds, (accuracy >= 0.9 * baseline).all(axis=0))


@mutant("subspace/d_int90", "absolute accuracy")
def forgets_the_baseline(ds, accuracy, baseline):
    return smallest(ds, accuracy.mean(axis=0) >= 0.9)


@mutant("subspace/d_int90", "includes equality")
def is_strict(ds, accuracy, baseline):
    return smallest(ds, accuracy.mean(axis=0) > 0.9 * baseline)


@mutant("subspace/d_int90", "interpolated")
def interpolates(ds, accuracy, baseline):
    mean, line = accuracy.mean(axis=0), 0.9 * baseline
    for i in range(1, len(ds)):
        if mean[i] >= line:
            share = (line - mean[i - 1]) / (mean[i] - mean[i - 1])
            return ds[i - 1] + share * (ds[i] - ds[i - 1])
    return None


@mutant("subspace/d_int90", "last d below the line")
def stops_one_short(ds, accuracy, baseline):
    return int(max(ds[accuracy.mean(axis=0) < 0.9 * baseline]))


@mutant("subspace/d_int90", "dips again")
def waits_until_it_stays(ds, accuracy, baseline):
    below = [i for i, m in enumerate(accuracy.mean(axis=0)) if m < 0.9 * baseline]
    after = max(below, default=-1) + 1
    return int(ds[after]) if after < len(ds) else None


@mutant("subspace/d_int90", "Average the accuracies first")
def averages_the_seeds_own_d(ds, accuracy, baseline):
    own = [smallest(ds, row >= 0.9 * baseline) for row in accuracy]
    own = [d for d in own if d is not None]
    return np.mean(own) if own else None


@mutant("subspace/d_int90", "None")
def finds_what_is_not_there(ds, accuracy, baseline):
    order = np.argsort(ds)
    mean = accuracy.mean(axis=0)[order]
    return int(ds[order][np.argmax(mean >= 0.9 * baseline)])


@mutant("subspace/d_int90", "not in order")
def trusts_the_order(ds, accuracy, baseline):
    for d, mean in zip(ds, accuracy.mean(axis=0), strict=True):
        if mean >= 0.9 * baseline:
            return int(d)
    return None


@mutant("subspace/d_int90", "wrong axis")
def averages_over_d(ds, accuracy, baseline):
    return smallest(ds, accuracy.mean(axis=1) >= 0.9 * baseline)


@mutant("subspace/d_int90", "0.1 is subtracted")
def subtracts(ds, accuracy, baseline):
    return smallest(ds, accuracy.mean(axis=0) >= baseline - 0.1)


@mutant("subspace/d_int90", "place in the list")
def gives_the_place(ds, accuracy, baseline):
    return np.argmax(accuracy.mean(axis=0) >= 0.9 * baseline)


# -- quantise -----------------------------------------------------------------


def cells(phi, bits):
    step = float(2 * np.abs(phi).max() / 2**bits)
    return phi / step, step


@mutant("subspace/quantise", "mid-tread")
def rounds(phi, bits):
    x, step = cells(phi, bits)
    codes = np.round(x) + 2 ** (bits - 1)
    return np.clip(codes, 0, 2**bits - 1).astype(int), step


@mutant("subspace/quantise", "clip the codes")
def forgets_to_clip(phi, bits):
    x, step = cells(phi, bits)
    return np.floor(x).astype(int) + 2 ** (bits - 1), step


@mutant("subspace/quantise", "codes are signed")
def keeps_the_sign(phi, bits):
    x, step = cells(phi, bits)
    half = 2 ** (bits - 1)
    return np.clip(np.floor(x).astype(int), -half, half - 1), step


@mutant("subspace/quantise", "cut off towards zero")
def cuts_towards_zero(phi, bits):
    x, step = cells(phi, bits)
    return np.clip(x.astype(int) + 2 ** (bits - 1), 0, 2**bits - 1), step


@mutant("subspace/quantise", "half of it")
def halves_the_step(phi, bits):
    step = np.abs(phi).max() / 2**bits
    codes = np.floor(phi / step).astype(int) + 2 ** (bits - 1)
    return np.clip(codes, 0, 2**bits - 1), step


@mutant("subspace/quantise", "outermost levels")
def puts_levels_on_the_ends(phi, bits):
    top = np.abs(phi).max()
    step = 2 * top / (2**bits - 1)
    return np.round((phi + top) / step).astype(int), step


@mutant("subspace/quantise", "symmetric about zero")
def starts_at_the_smallest(phi, bits):
    step = (phi.max() - phi.min()) / 2**bits
    codes = np.floor((phi - phi.min()) / step).astype(int)
    return np.clip(codes, 0, 2**bits - 1), step


@mutant("subspace/quantise", "without the absolute value")
def overlooks_negative_numbers(phi, bits):
    step = 2 * phi.max() / 2**bits
    codes = np.floor(phi / step).astype(int) + 2 ** (bits - 1)
    return np.clip(codes, 0, 2**bits - 1), step


@mutant("subspace/quantise", "whole numbers")
def leaves_floats(phi, bits):
    x, step = cells(phi, bits)
    return np.clip(np.floor(x) + 2 ** (bits - 1), 0, 2**bits - 1), step


# -- own_share ----------------------------------------------------------------


@mutant("subspace/own_share", "takes each column for itself")
def takes_columns_for_orthogonal(P, grad):
    return ((P.T @ grad) ** 2).sum() / (grad**2).sum()


@mutant("subspace/own_share", "projects only where")
def projects_with_the_transpose(P, grad):
    inside = P @ P.T @ grad
    return inside @ inside / (grad @ grad)


@mutant("subspace/own_share", "the squared length was asked for")
def gives_the_share_of_the_length(P, grad):
    Q = np.linalg.qr(P)[0]
    return np.linalg.norm(Q.T @ grad) / np.linalg.norm(grad)


@mutant("subspace/own_share", "misses")
def gives_what_is_missed(P, grad):
    Q = np.linalg.qr(P)[0]
    return 1 - ((Q.T @ grad) ** 2).sum() / (grad @ grad)


@mutant("subspace/own_share", "Divide by that of the gradient")
def forgets_to_divide(P, grad):
    Q = np.linalg.qr(P)[0]
    return ((Q.T @ grad) ** 2).sum()


@mutant("subspace/own_share", "on average")
def gives_the_expectation(P, grad):
    return P.shape[1] / P.shape[0]


@mutant("subspace/own_share", "length of phi")
def takes_phi_for_the_projection(P, grad):
    phi = np.linalg.pinv(P) @ grad
    return phi @ phi / (grad @ grad)


# -- low_rank_grad ------------------------------------------------------------


@mutant("subspace/low_rank_grad", "transpose of A is missing")
def multiplies_by_a(A, grad):
    return grad @ A if grad.shape[1] == A.shape[0] else (grad @ A.T)


@mutant("subspace/low_rank_grad", "turned on its side")
def gives_rows_for_columns(A, grad):
    square = A.shape[0] == grad.shape[0]
    return A @ grad.T if square else grad @ A.T


@mutant("subspace/low_rank_grad", "a transpose is missing")
def gives_the_other_shape(A, grad):
    return grad @ A.T if A.shape[0] == grad.shape[0] else A @ grad.T


@mutant("subspace/low_rank_grad", "a mean")
def averages_over_inputs(A, grad):
    return (grad[:, None] * A).mean(axis=-1)


@mutant("subspace/low_rank_grad", "sign is turned")
def moves_downhill(A, grad):
    return -grad @ A.T


@mutant("subspace/low_rank_grad", "pseudo-inverse")
def finds_the_nearest(A, grad):
    return (np.linalg.lstsq(A.T, grad.T, rcond=None)[0]).T


@mutant("subspace/low_rank_grad", "shape of the result")
def loses_the_axis_of_rank_one(A, grad):
    out = grad @ A.T
    return out[:, 0] if A.shape[0] == 1 else out


@mutant("subspace/low_rank_grad", "every entry is 2 times")
def differentiates_b_a_twice(A, grad):
    return 2 * (grad @ A.T)
