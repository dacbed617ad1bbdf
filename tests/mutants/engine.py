"""Wrong answers to the exercises of the chapter "An engine you can read"."""

import numpy as np

from mutants import mutant

# -- multiply_grad ------------------------------------------------------------


@mutant("engine/multiply_grad", "swapped")
def swaps_the_gradients(grad, a, b):
    return grad * a, grad * b


@mutant("engine/multiply_grad", "grad is left out")
def forgets_the_chain_rule(grad, a, b):
    return b.copy(), a.copy()


@mutant("engine/multiply_grad", "backward pass of a + b")
def takes_it_for_a_sum(grad, a, b):
    return grad, grad


@mutant("engine/multiply_grad", "the whole product")
def multiplies_by_the_product(grad, a, b):
    out = a * b
    return grad * out, grad * out


@mutant("engine/multiply_grad", "does not undo the product")
def divides(grad, a, b):
    return grad / b, grad / a


@mutant("engine/multiply_grad", "the gradient of b")
def mends_one_only(grad, a, b):
    return grad * b, grad * b


@mutant("engine/multiply_grad", "changed its input grad")
def multiplies_in_place(grad, a, b):
    db = grad * a
    grad *= b
    return grad, db


# -- unbroadcast --------------------------------------------------------------


@mutant("engine/unbroadcast", "wrong axis")
def sums_the_last_axes(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=-1)
    ones = tuple(i for i, n in enumerate(shape) if n == 1)
    return grad.sum(axis=ones, keepdims=True)


@mutant("engine/unbroadcast", "axis of length 1 was dropped")
def drops_axes_of_length_one(grad, shape):
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    ones = tuple(i for i, n in enumerate(shape) if n == 1)
    return np.atleast_1d(grad.sum(axis=ones))


@mutant("engine/unbroadcast", "still there")
def keeps_the_leading_axes(grad, shape):
    full = (1,) * (grad.ndim - len(shape)) + shape
    ones = tuple(i for i, n in enumerate(full) if n == 1)
    return grad.sum(axis=ones, keepdims=True)


@mutant("engine/unbroadcast", "stretched")
def forgets_the_stretched_axes(grad, shape):
    return grad.sum(axis=tuple(range(grad.ndim - len(shape))))


@mutant("engine/unbroadcast", "Nothing is summed")
def forgets_the_leading_axes(grad, shape):
    for axis, length in enumerate(shape):
        if length == 1:
            grad = grad.sum(axis=axis, keepdims=True)
    return grad


@mutant("engine/unbroadcast", "mean is taken")
def takes_the_mean_of_copies(grad, shape):
    grad = grad.mean(axis=tuple(range(grad.ndim - len(shape))))
    ones = tuple(i for i, n in enumerate(shape) if n == 1)
    return grad.mean(axis=ones, keepdims=True)


@mutant("engine/unbroadcast", "Only the first copy")
def keeps_the_first_copy(grad, shape):
    while grad.ndim > len(shape):
        grad = grad[0]
    return grad[tuple(slice(n) for n in shape)]


# -- topological_order --------------------------------------------------------


def parents_of(edges):
    parents = {}
    for child, parent in edges.tolist():
        parents.setdefault(child, []).append(parent)
    return parents


@mutant("engine/topological_order", "first reached")
def lists_depth_first(edges, last):
    parents, order, stack = parents_of(edges), [], [last]
    while stack:
        node = stack.pop()
        if node not in order:
            order.append(node)
            stack += parents.get(node, [])
    return np.array(order)


@mutant("engine/topological_order", "first reached")
def lists_breadth_first(edges, last):
    parents, order = parents_of(edges), [last]
    for node in order:
        order += [p for p in dict.fromkeys(parents.get(node, [])) if p not in order]
    return np.array(order)


@mutant("engine/topological_order", "visited twice")
def visits_twice(edges, last):
    parents, order = parents_of(edges), [last]
    for node in order:
        order += parents.get(node, [])
    return np.array(order)


def right_order(edges, last):
    parents, done, seen, stack = parents_of(edges), [], set(), [(last, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            done.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(p, False) for p in parents.get(node, [])]
    return done[::-1]


def counts_doubled_edges_once(edges, last, first_in):
    needed, todo = {last}, [last]
    while todo:
        node = todo.pop()
        for child, parent in edges.tolist():
            if child == node and parent not in needed:
                needed.add(parent)
                todo.append(parent)
    inside = [tuple(edge) for edge in edges.tolist() if edge[0] in needed]
    waiting = {n: len({c for c, p in inside if p == n}) for n in needed}
    order, ready = [], [last]
    while ready:
        node = ready.pop(0 if first_in else -1)
        order.append(node)
        for child, parent in inside:
            if child == node:
                waiting[parent] -= 1  # twice for a doubled edge, but counted once
                if waiting[parent] == 0:
                    ready.append(parent)
    return np.array(order)


@mutant("engine/topological_order", "a doubled edge as often")
def counts_once_with_a_stack(edges, last):
    return counts_doubled_edges_once(edges, last, False)


@mutant("engine/topological_order", "a doubled edge as often")
def counts_once_with_a_queue(edges, last):
    return counts_doubled_edges_once(edges, last, True)


@mutant("engine/topological_order", "forward order")
def gives_the_forward_order(edges, last):
    return np.array(right_order(edges, last)[::-1])


@mutant("engine/topological_order", "sorted by number")
def sorts_by_number(edges, last):
    return np.array(sorted(right_order(edges, last), reverse=True))


@mutant("engine/topological_order", "no gradient flows there")
def lists_every_node(edges, last):
    nodes = [int(n) for n in np.unique(edges) if n != last]
    order = right_order(edges, last)
    return np.array(order + [n for n in nodes if n not in order])


@mutant("engine/topological_order", "is left out")
def forgets_the_leaves(edges, last):
    parents = parents_of(edges)
    return np.array([n for n in right_order(edges, last) if n in parents], int)


# -- log_softmax --------------------------------------------------------------


@mutant("engine/log_softmax", "overflow")
@np.errstate(all="ignore")
def does_not_shift(x):
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


@mutant("engine/log_softmax", "np.log(0)")
@np.errstate(all="ignore")
def takes_the_log_last(x):
    p = np.exp(x - x.max(axis=1, keepdims=True))
    return np.log(p / p.sum(axis=1, keepdims=True))


@mutant("engine/log_softmax", "inside the logarithm")
def adds_a_small_number(x):
    p = np.exp(x - x.max(axis=1, keepdims=True))
    return np.log(p / p.sum(axis=1, keepdims=True) + 1e-9)


@mutant("engine/log_softmax", "down the batch")
def sums_down_the_batch(x):
    x = x - x.max(axis=0)
    return x - np.log(np.exp(x).sum(axis=0))


@mutant("engine/log_softmax", "over the whole array")
def sums_everything(x):
    x = x - x.max()
    return x - np.log(np.exp(x).sum())


@mutant("engine/log_softmax", "no longer belong together")
def shifts_the_sum_only(x):
    shifted = x - x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@mutant("engine/log_softmax", "changed its input x")
def shifts_in_place(x):
    x -= x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


# -- cross_entropy ------------------------------------------------------------


def log_p(logits):
    x = logits - logits.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def loss_of(logits, labels):
    return float(-log_p(logits)[np.arange(len(labels)), labels].mean())


def minus_onehot(logits, labels):
    grad = np.exp(log_p(logits))
    grad[np.arange(len(labels)), labels] -= 1
    return grad


@mutant("engine/cross_entropy", "not divided by N")
def forgets_to_divide(logits, labels):
    return loss_of(logits, labels), minus_onehot(logits, labels)


@mutant("engine/cross_entropy", "not subtracted")
def forgets_the_label(logits, labels):
    return loss_of(logits, labels), np.exp(log_p(logits)) / len(labels)


@mutant("engine/cross_entropy", "sign of the gradient")
def turns_the_gradient(logits, labels):
    return loss_of(logits, labels), -minus_onehot(logits, labels) / len(labels)


@mutant("engine/cross_entropy", "divided by N K")
def divides_by_all_entries(logits, labels):
    return loss_of(logits, labels), minus_onehot(logits, labels) / logits.size


@mutant("engine/cross_entropy", "are summed")
def sums_the_losses(logits, labels):
    return loss_of(logits, labels) * len(labels), minus_onehot(logits, labels)


@mutant("engine/cross_entropy", "in every row")
def picks_whole_columns(logits, labels):
    loss = float(-log_p(logits)[:, labels].mean())
    return loss, minus_onehot(logits, labels) / len(labels)


@mutant("engine/cross_entropy", "overflow")
@np.errstate(all="ignore")
def does_not_shift_the_logits(logits, labels):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = float(-np.log(p[np.arange(len(labels)), labels]).mean())
    return loss, minus_onehot(logits, labels) / len(labels)


@mutant("engine/cross_entropy", "changed its input logits")
def shifts_the_logits_in_place(logits, labels):
    logits -= logits.max(axis=1, keepdims=True)
    return loss_of(logits, labels), minus_onehot(logits, labels) / len(labels)


# -- layer_norm_grad ----------------------------------------------------------


def normed(x, small=1e-5):
    centred = x - x.mean(-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(-1, keepdims=True) + small)
    return centred / scale, scale


@mutant("engine/layer_norm_grad", "treated as constants")
def leaves_the_bug_in(grad, x):
    return grad / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)


@mutant("engine/layer_norm_grad", "through the variance is still missing")
def mends_the_mean_only(grad, x):
    y, scale = normed(x)
    return (grad - grad.mean(-1, keepdims=True)) / scale


@mutant("engine/layer_norm_grad", "through the mean is still missing")
def mends_the_variance_only(grad, x):
    y, scale = normed(x)
    return (grad - y * (grad * y).mean(-1, keepdims=True)) / scale


@mutant("engine/layer_norm_grad", "Sums stand where means should")
def sums_for_means(grad, x):
    y, scale = normed(x)
    sums = grad.sum(-1, keepdims=True) + y * (grad * y).sum(-1, keepdims=True)
    return (grad - sums) / scale


@mutant("engine/layer_norm_grad", "over the batch")
def takes_it_for_batch_norm(grad, x):
    y, scale = normed(x)
    return (grad - grad.mean(0) - y * (grad * y).mean(0)) / scale


@mutant("engine/layer_norm_grad", "not divided by the standard deviation")
def forgets_to_normalise(grad, x):
    y, scale = normed(x)
    centred = y * scale
    terms = grad.mean(-1, keepdims=True)
    terms = terms + centred * (grad * centred).mean(-1, keepdims=True)
    return (grad - terms) / scale


@mutant("engine/layer_norm_grad", "1e-5 is not added")
def forgets_the_small_number(grad, x):
    y, scale = normed(x, small=0)
    terms = grad.mean(-1, keepdims=True) + y * (grad * y).mean(-1, keepdims=True)
    return (grad - terms) / scale


# -- own_slopes ---------------------------------------------------------------


@mutant("engine/own_slopes", "sent on twice")
def walks_on_with_all_it_has(a, b, c):
    u = a * b + c
    return [b * (3 * u + 2 * a) + u, a * (3 * u + 2 * a), 3 * u + 2 * a]


@mutant("engine/own_slopes", "only its use as the first factor")
def counts_one_use_of_u(a, b, c):
    u = a * b + c
    return np.array([b * (u + a) + u, a * (u + a), u + a])


@mutant("engine/own_slopes", "It is a factor of u too")
def counts_one_use_of_a(a, b, c):
    u = a * b + c
    return [u, a * (2 * u + a), 2 * u + a]


@mutant("engine/own_slopes", "The slope of a product is a sum")
def multiplies_the_slopes(a, b, c):
    return [b * (b + 1), a * a, 1]


@mutant("engine/own_slopes", "order c, b, a")
def turns_the_order(a, b, c):
    u = a * b + c
    return [2 * u + a, a * (2 * u + a), b * (2 * u + a) + u]


@mutant("engine/own_slopes", "right so far, counted from 0: 1, 2")
def slips_in_one_number(a, b, c):
    u = a * b + c
    return [b * (2 * u + a) + u + 1000, a * (2 * u + a), 2 * u + a]


@mutant("engine/own_slopes", "wanted  an array of shape (3,)")
def gives_the_value_of_f(a, b, c):
    u = a * b + c
    return u * (u + a)
