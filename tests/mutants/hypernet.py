"""Wrong answers to the exercises of the chapter "Indirect encoding"."""

import numpy as np

from mutants import mutant

# -- generate_tile ------------------------------------------------------------


@mutant("hypernet/generate_tile", "b1 is left out")
def forgets_the_last_bias(z, W1, b1, W2, b2):
    return (z @ W2 + b2).reshape(-1, W1.shape[0]) @ W1


@mutant("hypernet/generate_tile", "b2 is left out")
def forgets_the_first_bias(z, W1, b1, W2, b2):
    return (z @ W2).reshape(-1, W1.shape[0]) @ W1 + b1


@mutant("hypernet/generate_tile", "ReLU between")
def bends_between_the_layers(z, W1, b1, W2, b2):
    return np.maximum(0, b2 + z @ W2).reshape(-1, W1.shape[0]) @ W1 + b1


@mutant("hypernet/generate_tile", "wrong order")
def reads_hidden_numbers_first(z, W1, b1, W2, b2):
    return (z @ W2 + b2).reshape(W1.shape[0], -1).T @ W1 + b1


@mutant("hypernet/generate_tile", "shape of the result")
def writes_one_long_row(z, W1, b1, W2, b2):
    return ((z @ W2 + b2).reshape(-1, W1.shape[0]) @ W1 + b1).reshape(-1)


@mutant("hypernet/generate_tile", "changed its input")
def adds_into_the_bias(z, W1, b1, W2, b2):
    b2 += z @ W2
    return b2.reshape(-1, W1.shape[0]) @ W1 + b1


# -- frozen_generator ---------------------------------------------------------


def pieces(W1, W2, b2):
    h = len(W1)
    rows = [(row.reshape(-1, h) @ W1).reshape(-1) for row in W2]
    return b2.reshape(-1, h) @ W1, np.stack(rows, axis=1)


@mutant("hypernet/frozen_generator", "b1 is missing in the offset")
def loses_b1(W1, b1, W2, b2):
    offset, P = pieces(W1, W2, b2)
    return offset.reshape(-1), P


@mutant("hypernet/frozen_generator", "b2 is missing in the offset")
def loses_b2(W1, b1, W2, b2):
    offset, P = pieces(W1, W2, b2)
    return (0 * offset + b1).reshape(-1), P


@mutant("hypernet/frozen_generator", "take the offset off")
def asks_unit_embeddings_only(W1, b1, W2, b2):
    offset, P = pieces(W1, W2, b2)
    offset = (offset + b1).reshape(-1)
    return offset, P + offset[:, None]


@mutant("hypernet/frozen_generator", "offset is 0")
def takes_it_for_linear(W1, b1, W2, b2):
    offset, P = pieces(W1, W2, b2)
    return np.zeros(offset.size), P


@mutant("hypernet/frozen_generator", "column by column")
def flattens_the_other_way(W1, b1, W2, b2):
    offset, P = pieces(W1, W2, b2)
    return (offset + b1).T.reshape(-1), P


@mutant("hypernet/frozen_generator", "transpose is missing")
def gives_rows_as_directions(W1, b1, W2, b2):
    offset, P = pieces(W1, W2, b2)
    return (offset + b1).reshape(-1), P.T


@mutant("hypernet/frozen_generator", "length one")
def scales_its_directions(W1, b1, W2, b2):
    offset, P = pieces(W1, W2, b2)
    return (offset + b1).reshape(-1), P / np.sqrt((P**2).sum(axis=0))


@mutant("hypernet/frozen_generator", "embedding of ones")
def starts_from_ones(W1, b1, W2, b2):
    offset, P = pieces(W1, W2, b2)
    return (offset + b1).reshape(-1) + P.sum(axis=1), P


# -- hyperfan_in_std ----------------------------------------------------------


@mutant("hypernet/hyperfan_in_std", "He's start of W1 as an ordinary layer")
def treats_it_as_any_layer(fan_in, n, h, z_std=1.0, w2_std=1.0):
    return (2 / h) ** 0.5


@mutant("hypernet/hyperfan_in_std", "that the written weights should have")
def gives_the_written_spread(fan_in, n, h, z_std=1.0, w2_std=1.0):
    return (2 / fan_in) ** 0.5


@mutant("hypernet/hyperfan_in_std", "square root is missing")
def gives_a_variance(fan_in, n, h, z_std=1.0, w2_std=1.0):
    return 2 / (fan_in * n * h * z_std**2 * w2_std**2)


@mutant("hypernet/hyperfan_in_std", "Only the h hidden numbers")
def counts_one_layer(fan_in, n, h, z_std=1.0, w2_std=1.0):
    return (2 / (fan_in * h)) ** 0.5 / (z_std * w2_std)


@mutant("hypernet/hyperfan_in_std", "spread of z is left out")
def takes_z_for_standard(fan_in, n, h, z_std=1.0, w2_std=1.0):
    return (2 / (fan_in * n * h)) ** 0.5 / w2_std


@mutant("hypernet/hyperfan_in_std", "The 2 is missing")
def forgets_relu(fan_in, n, h, z_std=1.0, w2_std=1.0):
    return 1 / ((fan_in * n * h) ** 0.5 * z_std * w2_std)


@mutant("hypernet/hyperfan_in_std", "Divide by the spreads")
def multiplies_by_the_spreads(fan_in, n, h, z_std=1.0, w2_std=1.0):
    return (2 / (fan_in * n * h)) ** 0.5 * z_std * w2_std


@mutant("hypernet/hyperfan_in_std", "n and h are added")
def adds_the_sizes(fan_in, n, h, z_std=1.0, w2_std=1.0):
    return (2 / (fan_in * (n + h))) ** 0.5 / (z_std * w2_std)


@mutant("hypernet/hyperfan_in_std", "layer that reads z")
def takes_the_embedding_for_the_fan_in(fan_in, n, h, z_std=1.0, w2_std=1.0):
    return (2 / n) ** 0.5


# -- hyper_steps --------------------------------------------------------------


def steps(x, W_h, W_x, A, seen, scale):
    N, T, _ = x.shape
    h, s, out = np.zeros((N, len(W_h))), np.zeros((N, len(A))), []
    for t in range(T):
        s = np.tanh(np.concatenate([h, seen(t), s], axis=1) @ A.T)
        h = np.tanh(scale(s, h) + x[:, t] @ W_x.T)
        out.append(h)
    return np.stack(out, axis=1)


@mutant("hypernet/hyper_steps", "looks into the future")
def reads_one_ahead(x, W_h, W_x, A, D):
    last = x.shape[1] - 1
    return steps(
        x,
        W_h,
        W_x,
        A,
        lambda t: x[:, min(t + 1, last)],
        lambda s, h: (1 + s @ D.T) * (h @ W_h.T),
    )


@mutant("hypernet/hyper_steps", "looks into the future")
def scales_by_the_whole_text(x, W_h, W_x, A, D):
    whole = x.mean(axis=1)
    return steps(
        x,
        W_h,
        W_x,
        A,
        lambda t: whole,
        lambda s, h: (1 + s @ D.T) * (h @ W_h.T),
    )


@mutant("hypernet/hyper_steps", "looks into the future")
def normalises_over_the_text(x, W_h, W_x, A, D):
    x = x - x.mean(axis=1, keepdims=True) if x.shape[1] > 1 else x
    return steps(
        x, W_h, W_x, A, lambda t: x[:, t], lambda s, h: (1 + s @ D.T) * (h @ W_h.T)
    )


@mutant("hypernet/hyper_steps", "columns of W_h are scaled")
def scales_columns(x, W_h, W_x, A, D):
    return steps(
        x, W_h, W_x, A, lambda t: x[:, t], lambda s, h: ((1 + s @ D.T) * h) @ W_h.T
    )


@mutant("hypernet/hyper_steps", "1 is missing")
def starts_at_zero(x, W_h, W_x, A, D):
    return steps(
        x, W_h, W_x, A, lambda t: x[:, t], lambda s, h: (s @ D.T) * (h @ W_h.T)
    )


@mutant("hypernet/hyper_steps", "d is never used")
def is_a_plain_network(x, W_h, W_x, A, D):
    return steps(x, W_h, W_x, A, lambda t: x[:, t], lambda s, h: h @ W_h.T)


@mutant("hypernet/hyper_steps", "the step before")
def uses_the_old_s(x, W_h, W_x, A, D):
    h, s, out = np.zeros((len(x), len(W_h))), np.zeros((len(x), len(A))), []
    for t in range(x.shape[1]):
        d = 1 + s @ D.T
        s = np.tanh(np.concatenate([h, x[:, t], s], axis=1) @ A.T)
        h = np.tanh(d * (h @ W_h.T) + x[:, t] @ W_x.T)
        out.append(h)
    return np.stack(out, axis=1)


@mutant("hypernet/hyper_steps", "no memory of its own")
def forgets_s(x, W_h, W_x, A, D):
    h, out = np.zeros((len(x), len(W_h))), []
    for t in range(x.shape[1]):
        nothing = np.zeros((len(x), len(A)))
        s = np.tanh(np.concatenate([h, x[:, t], nothing], axis=1) @ A.T)
        h = np.tanh((1 + s @ D.T) * (h @ W_h.T) + x[:, t] @ W_x.T)
        out.append(h)
    return np.stack(out, axis=1)


@mutant("hypernet/hyper_steps", "in this order")
def reads_the_letter_first(x, W_h, W_x, A, D):
    h, s, out = np.zeros((len(x), len(W_h))), np.zeros((len(x), len(A))), []
    for t in range(x.shape[1]):
        s = np.tanh(np.concatenate([x[:, t], h, s], axis=1) @ A.T)
        h = np.tanh((1 + s @ D.T) * (h @ W_h.T) + x[:, t] @ W_x.T)
        out.append(h)
    return np.stack(out, axis=1)


@mutant("hypernet/hyper_steps", "tanh around A [h, x_t, s] is missing")
def leaves_s_straight(x, W_h, W_x, A, D):
    h, s, out = np.zeros((len(x), len(W_h))), np.zeros((len(x), len(A))), []
    for t in range(x.shape[1]):
        s = np.concatenate([h, x[:, t], s], axis=1) @ A.T
        h = np.tanh((1 + s @ D.T) * (h @ W_h.T) + x[:, t] @ W_x.T)
        out.append(h)
    return np.stack(out, axis=1)


@mutant("hypernet/hyper_steps", "moves before the small one")
def moves_the_main_network_first(x, W_h, W_x, A, D):
    h, s, out = np.zeros((len(x), len(W_h))), np.zeros((len(x), len(A))), []
    for t in range(x.shape[1]):
        h = np.tanh((1 + s @ D.T) * (h @ W_h.T) + x[:, t] @ W_x.T)
        s = np.tanh(np.concatenate([h, x[:, t], s], axis=1) @ A.T)
        out.append(h)
    return np.stack(out, axis=1)


def right_steps(x, W_h, W_x, A, D):
    return steps(
        x, W_h, W_x, A, lambda t: x[:, t], lambda s, h: (1 + s @ D.T) * (h @ W_h.T)
    )


@mutant("hypernet/hyper_steps", "along the first axis")
def stacks_the_steps_first(x, W_h, W_x, A, D):
    return np.array([right_steps(x, W_h, W_x, A, D)[:, t] for t in range(x.shape[1])])


@mutant("hypernet/hyper_steps", "along the last axis")
def stacks_the_steps_last(x, W_h, W_x, A, D):
    return np.moveaxis(right_steps(x, W_h, W_x, A, D), 1, 2)


@mutant("hypernet/hyper_steps", "the shape of the result")
def gives_the_last_step_only(x, W_h, W_x, A, D):
    return right_steps(x, W_h, W_x, A, D)[:, -1]


# -- mirrored -----------------------------------------------------------------


@mutant("hypernet/mirrored", "y was made positive as well")
def mirrors_both(places):
    return np.abs(places)


@mutant("hypernet/mirrored", "not x")
def mirrors_above_and_below(places):
    out = places.copy()
    out[:, 1] = abs(out[:, 1])
    return out


@mutant("hypernet/mirrored", "first *row*")
def takes_a_row(places):
    out = places.copy()
    out[0] = abs(out[0])
    return out


@mutant("hypernet/mirrored", "turns the picture over")
def flips(places):
    out = places.copy()
    out[:, 0] *= -1
    return out


@mutant("hypernet/mirrored", "changed its input")
def mirrors_in_place(places):
    places[:, 0] = abs(places[:, 0])
    return places


@mutant("hypernet/mirrored", "one stripe")
def cuts_off_the_left(places):
    out = places.copy()
    out[:, 0] = out[:, 0].clip(0)
    return out


# -- degrees_of_freedom -------------------------------------------------------


def jacobian(parts, moved=range(5)):
    """Each number enters the weights on a straight line, so a step of 1 is exact."""

    def weights(z, W1, b1, W2, b2):
        A = (z @ W2 + b2).reshape(-1, len(W1))
        return (A @ W1 + b1).reshape(-1)

    base, columns = weights(*parts), []
    for j in moved:
        for k in range(parts[j].size):
            changed = [part.copy() for part in parts]
            changed[j].flat[k] += 1
            columns.append(weights(*changed) - base)
    return np.stack(columns, axis=1)


@mutant("hypernet/degrees_of_freedom", "counts all numbers")
def counts_the_numbers(z, W1, b1, W2, b2):
    return z.size + W1.size + b1.size + W2.size + b2.size


@mutant("hypernet/degrees_of_freedom", "counts the written weights")
def takes_the_smaller_count(z, W1, b1, W2, b2):
    J = jacobian((z, W1, b1, W2, b2))
    return min(J.shape)


@mutant("hypernet/degrees_of_freedom", "rounding of a small")
def takes_a_tiny_step(z, W1, b1, W2, b2, step=1e-6):
    parts = [z, W1, b1, W2, b2]

    def weights(z, W1, b1, W2, b2):
        return ((z @ W2 + b2).reshape(-1, len(W1)) @ W1 + b1).reshape(-1)

    base, columns = weights(*parts), []
    for j, part in enumerate(parts):
        for k in range(part.size):
            moved = part.copy()
            moved.flat[k] += step
            there = weights(*parts[:j], moved, *parts[j + 1 :])
            columns.append((there - base) / step)
    return int(np.linalg.matrix_rank(np.stack(columns, axis=1)))


@mutant("hypernet/degrees_of_freedom", "frozen generator")
def moves_only_z(z, W1, b1, W2, b2):
    J = jacobian((z, W1, b1, W2, b2), moved=[0])
    return int(np.linalg.matrix_rank(J))


@mutant("hypernet/degrees_of_freedom", "z is held still")
def holds_z_still(z, W1, b1, W2, b2):
    J = jacobian((z, W1, b1, W2, b2), moved=[1, 2, 3, 4])
    return int(np.linalg.matrix_rank(J))


@mutant("hypernet/degrees_of_freedom", "rank of the weights")
def ranks_the_weights(z, W1, b1, W2, b2):
    K = (z @ W2 + b2).reshape(-1, len(W1)) @ W1 + b1
    return int(np.linalg.matrix_rank(K))


@mutant("hypernet/degrees_of_freedom", "Only one tile")
def looks_at_one_tile(z, W1, b1, W2, b2):
    J = jacobian((z[:1], W1, b1, W2, b2))
    return int(np.linalg.matrix_rank(J))


@mutant("hypernet/degrees_of_freedom", "added up")
def adds_up_the_tiles(z, W1, b1, W2, b2):
    each = [jacobian((one[None], W1, b1, W2, b2)) for one in z]
    return int(sum(np.linalg.matrix_rank(J) for J in each))


# -- join_tiles ---------------------------------------------------------------


@mutant("hypernet/join_tiles", "torn apart")
def swaps_only_the_tiles_axes(K):
    R, C, i, o = K.shape
    return np.swapaxes(np.swapaxes(K, 0, 1), 2, 3).reshape(C * o, R * i)


@mutant("hypernet/join_tiles", "Nothing is reordered")
def only_reshapes(K):
    R, C, i, o = K.shape
    return K.reshape(C * o, R * i)


@mutant("hypernet/join_tiles", "o comes before C")
def interleaves_outputs(K):
    R, C, i, o = K.shape
    return np.einsum("rcio->ocri", K).reshape(C * o, R * i)


@mutant("hypernet/join_tiles", "i comes before R")
def interleaves_inputs(K):
    R, C, i, o = K.shape
    return np.einsum("rcio->coir", K).reshape(C * o, R * i)


@mutant("hypernet/join_tiles", "turned on its side")
def gives_inputs_as_rows(K):
    R, C, i, o = K.shape
    return np.einsum("rcio->rico", K).reshape(R * i, C * o)


# -- own_start ----------------------------------------------------------------


def mean_square(z, W1, b1, W2, b2):
    K = (z @ W2 + b2).reshape(-1, len(W1)) @ W1 + b1
    return (K**2).mean(), len(b2) // len(W1)


@mutant("hypernet/own_start", "square root is missing")
def forgets_to_take_the_root(z, W1, b1, W2, b2):
    square, inputs = mean_square(z, W1, b1, W2, b2)
    return 2 / (9 * inputs) / square


@mutant("hypernet/own_start", "1 over the factor")
def gives_the_fault(z, W1, b1, W2, b2):
    square, inputs = mean_square(z, W1, b1, W2, b2)
    return (square * 9 * inputs / 2) ** 0.5


@mutant("hypernet/own_start", "window is not counted")
def forgets_the_window(z, W1, b1, W2, b2):
    square, inputs = mean_square(z, W1, b1, W2, b2)
    return (2 / inputs / square) ** 0.5


@mutant("hypernet/own_start", "size of b2 over h")
def counts_hidden_numbers_as_channels(z, W1, b1, W2, b2):
    square, inputs = mean_square(z, W1, b1, W2, b2)
    return (2 / (9 * inputs * len(W1)) / square) ** 0.5


@mutant("hypernet/own_start", "The 2 is missing")
def forgets_he_s_two(z, W1, b1, W2, b2):
    square, inputs = mean_square(z, W1, b1, W2, b2)
    return (1 / (9 * inputs) / square) ** 0.5


@mutant("hypernet/own_start", "takes the mean off")
def uses_the_deviation(z, W1, b1, W2, b2):
    K = (z @ W2 + b2).reshape(-1, len(W1)) @ W1 + b1
    return (2 / (9 * len(b2) / len(W1))) ** 0.5 / K.std()


@mutant("hypernet/own_start", "Yours are not zero")
def trusts_zero_biases(z, W1, b1, W2, b2):
    K = (z @ W2).reshape(-1, len(W1)) @ W1
    return (2 / (9 * len(b2) / len(W1)) / (K**2).mean()) ** 0.5


@mutant("hypernet/own_start", "Only the first tile")
def measures_one_tile(z, W1, b1, W2, b2):
    square, inputs = mean_square(z[:1], W1, b1, W2, b2)
    return (2 / (9 * inputs) / square) ** 0.5
