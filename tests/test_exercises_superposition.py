"""The exercises of "Superposition", beyond what all chapters' tests ask."""

import numpy as np
import planted
import pytest

from minitorch.grading.chapters import superposition as chapter
from minitorch.grading.driver import call_here, judge_answer
from minitorch.grading.learner import Answer, check_with
from minitorch.grading.references import superposition as reference
from minitorch.grading.spec import find, personal_rng
from minitorch.models import mlp
from minitorch.tensor import Tensor
from minitorch.weird import Superposition, apply
from minitorch.weird import superposition as method

SEEDS = range(10)


def verdict(id, function, seed=0):
    return check_with(Answer(find(id), function), np.random.default_rng(seed))


def cases(name):
    make = getattr(chapter, f"_{name}_cases")
    return [args for seed in SEEDS for args in make(np.random.default_rng(seed))]


# -- the references -----------------------------------------------------------


def test_masks_are_mixed_as_the_method_does():
    net, rng = mlp(6, 5, 3, bias=False), np.random.default_rng(0)
    g = Superposition(net, rng.random((4, net.layout.size)) < 0.5)
    for alpha in (np.eye(4)[2], np.full(4, 0.25), rng.random(4)):
        ours = reference.superpose(g.theta0, g.masks, alpha)
        np.testing.assert_allclose(ours, apply(g, alpha), rtol=1e-5, atol=1e-7)


def test_entropy_is_torchs_and_so_is_its_gradient():
    torch = pytest.importorskip("torch")
    for (logits,) in cases("entropy"):
        z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
        log_p = torch.log_softmax(z, 1)
        wanted = -(log_p.exp() * log_p).sum(1).mean()
        wanted.backward()
        mean, grad = reference.entropy_gradient(logits)
        assert mean == pytest.approx(wanted.item(), rel=1e-5)
        np.testing.assert_allclose(grad, z.grad.numpy(), rtol=1e-3, atol=1e-6)


def test_slopes_are_differences_of_the_entropy_of_a_network():
    net, rng = mlp(6, 5, 3, bias=False), np.random.default_rng(0)
    g = Superposition(net, rng.random((4, net.layout.size)) < 0.5)
    x = rng.normal(size=(7, 6))
    theta0 = g.theta0.astype(np.float64)

    def H(alpha):
        logits = net(Tensor(reference.superpose(theta0, g.masks, alpha)), x).numpy()
        return reference.entropy_gradient(logits)[0]

    alpha, step = np.full(4, 0.25), 1e-5
    theta = Tensor(reference.superpose(theta0, g.masks, alpha), requires_grad=True)
    logits = net(theta, x)
    logits.backward(reference.entropy_gradient(logits.numpy())[1])
    slopes, task = reference.task_gradients(theta.grad, theta0, g.masks)
    nudged = [(H(alpha + e) - H(alpha - e)) / (2 * step) for e in step * np.eye(4)]
    np.testing.assert_allclose(slopes, nudged, rtol=1e-5, atol=1e-9)
    assert task == np.argmin(nudged)


def test_a_search_of_halves_ends_when_it_should():
    rng = np.random.default_rng(0)
    for k in (1, 2, 3, 5, 8, 13, 250):
        alive, rounds = np.ones(k, bool), 0
        while alive.sum() > 1:
            alive, rounds = reference.halve(rng.integers(-1, 2, k), alive), rounds + 1
        assert alive.sum() == 1 and rounds == int(np.ceil(np.log2(k)))


def test_a_half_is_the_methods():
    for args in cases("halve"):
        np.testing.assert_array_equal(reference.halve(*args), method.halve(*args))


def test_the_spare_outputs_gradient_is_torchs_with_the_real_ones_detached():
    torch = pytest.importorskip("torch")
    for logits, real in cases("spare"):
        z = torch.tensor(logits, requires_grad=True)
        held = torch.cat([z[:, :real].detach(), z[:, real:]], 1)
        torch.logsumexp(held, 1).mean().backward()
        found = reference.spare_gradient(logits, real)
        np.testing.assert_allclose(found, z.grad.numpy(), rtol=1e-3, atol=1e-6)


def test_it_is_what_any_label_would_give_the_spare_outputs():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    logits, y = rng.normal(size=(5, 9)), rng.integers(0, 4, 5)
    z = torch.tensor(logits, requires_grad=True)
    torch.nn.functional.cross_entropy(z, torch.tensor(y)).backward()
    found = reference.spare_gradient(logits, 4)
    np.testing.assert_allclose(found[:, 4:], z.grad.numpy()[:, 4:])


def test_decisions_are_the_methods():
    for gradients, eps in cases("unsure"):
        ours = reference.unsure(gradients, eps)
        assert ours.tolist() == [method.unsure(row, eps) for row in gradients]


def test_both_decisions_are_asked_for_in_each_case():
    for gradients, eps in cases("unsure"):
        if gradients.shape[1] > 1:
            assert 1 < reference.unsure(gradients, eps).sum() < len(gradients)


def test_a_pattern_is_stored_as_the_sum_over_units_says():
    for weights, z in cases("storkey"):
        d, want = len(z), np.array(weights, np.float64)
        h = np.zeros((d, d))
        for i in range(d):
            for j in range(d):
                others = [u for u in range(d) if u not in (i, j)]
                h[i, j] = sum(weights[i, u] * z[u] for u in others)
        for i in range(d):
            for j in range(d):
                if i != j:
                    want[i, j] += (z[i] * z[j] - z[i] * h[j, i] - h[i, j] * z[j]) / d
        found = reference.storkey(weights, z)
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found, method.storkey(weights, z), atol=1e-6)


def test_a_report_counts_as_the_method_does():
    net, rng = mlp(4, 3, 2, bias=False), np.random.default_rng(0)
    g = Superposition(net, rng.random((8, 18)) < 0.5)
    x, y = rng.normal(size=(60, 4)).astype(np.float32), rng.integers(0, 2, 60)
    digits = np.stack([method.labels(g, x, np.full(60, i)) for i in range(8)], 1)
    slopes = method.image_grads(g, x)
    for task in range(8):
        counted = method.count(g, x, y, task, method.infer(g, x))
        ours = reference.report(slopes, digits, y, task)
        assert ours == pytest.approx((counted.task, counted.GNs, counted.GNu))


def test_the_own_image_asks_a_network_of_one_layer():
    for student in "abc":
        rng = personal_rng("superposition/own_task", student)
        ((x, theta0, masks),) = chapter._own_task_cases(rng)
        net = mlp(5, 3, bias=False)
        g = Superposition(net, masks.reshape(4, 15))
        g.theta0 = theta0.ravel()
        slopes = method.alpha_grads(g, x[None], np.full(4, 0.25))
        task, least = reference.own_task(x, theta0, masks)
        assert task == slopes.argmin() and least == pytest.approx(slopes.min(), 1e-5)


def test_no_students_task_is_the_first_or_a_close_call():
    tasks = []
    for student in range(40):
        rng = personal_rng("superposition/own_task", f"s{student}")
        (args,) = chapter._own_task_cases(rng)
        task, least = reference.own_task(*args)
        assert least < -0.05
        tasks.append(int(task))
    assert set(tasks) == {1, 2, 3}


# -- answers that are right in another way ------------------------------------


def by_tasks(theta0, masks, alpha):
    theta = np.zeros_like(theta0)
    for share, mask in zip(alpha, masks, strict=True):
        theta[mask] += share * theta0[mask]
    return theta


def by_log_sums(logits):
    top = logits.max(axis=1)
    norm = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    p = np.exp(logits - norm[:, None])
    H = norm - (p * logits).sum(axis=1)
    grad = p * ((p * logits).sum(axis=1)[:, None] - logits) / len(logits)
    return H.mean(), grad


def by_a_little_in_the_logarithm(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    log_p = np.log(p + 1e-12)
    H = -(p * log_p).sum(axis=1, keepdims=True)
    return H.mean(), -p * (log_p + H) / len(logits)


def by_einsum(grad, theta0, masks):
    slopes = np.einsum("d,d,kd->k", grad, theta0, masks)
    return slopes, np.argsort(slopes)[0]


def by_leaving_the_dead_to_the_end(gradients, alive):
    order = np.argsort(np.where(alive, gradients, np.inf), kind="stable")
    left = np.zeros(len(alive), bool)
    left[order[: int(np.ceil(alive.sum() / 2))]] = True
    return left


def by_a_list(gradients, alive):
    open_ones = sorted(np.flatnonzero(alive), key=lambda i: gradients[i])
    half = open_ones[: len(open_ones) - len(open_ones) // 2]
    return np.isin(np.arange(len(alive)), half)


def by_columns(logits, real):
    e = np.exp(logits - logits.max(axis=1)[:, None])
    spare = e[:, real:] / e.sum(axis=1)[:, None] / len(logits)
    return np.hstack([np.zeros_like(e[:, :real]), spare])


def by_one_over_the_sum(gradients, eps):
    falls = np.exp(gradients.min(axis=1)[:, None] - gradients).sum(axis=1)
    return gradients.shape[1] / falls < 1 + eps


def by_loops(weights, z):
    new, d = weights.copy(), len(z)
    for i in range(d):
        for j in range(d):
            hi = weights[i] @ z - weights[i, j] * z[j]
            hj = weights[j] @ z - weights[j, i] * z[i]
            new[i, j] += (z[i] * z[j] - z[i] * hj - hi * z[j]) / d
    return new * (1 - np.eye(d))


def by_images(slopes, digits, y, task):
    guesses = [int(row.argmin()) for row in slopes]
    right = [digits[n, i] == y[n] for n, i in enumerate(guesses)]
    both = [ok and i == task for ok, i in zip(right, guesses, strict=True)]
    return guesses.count(task) / len(y), sum(right) / len(y), sum(both) / len(y)


def by_the_networks_gradient(x, theta0, masks):
    W = theta0 * masks.mean(axis=0)
    z = W @ x
    p = np.exp(z) / np.exp(z).sum()
    H = -p @ np.log(p)
    dz = -p * (np.log(p) + H)
    slopes = [dz @ (theta0 * mask) @ x for mask in masks]
    return [int(np.argmin(slopes)), round(float(np.min(slopes)), 4)]


@pytest.mark.parametrize(
    ("id", "function"),
    [
        ("superposition/superpose", by_tasks),
        ("superposition/entropy_gradient", by_log_sums),
        ("superposition/entropy_gradient", by_a_little_in_the_logarithm),
        ("superposition/task_gradients", by_einsum),
        ("superposition/halve", by_leaving_the_dead_to_the_end),
        ("superposition/halve", by_a_list),
        ("superposition/spare_gradient", by_columns),
        ("superposition/unsure", by_one_over_the_sum),
        ("superposition/storkey", by_loops),
        ("superposition/report", by_images),
        ("superposition/own_task", by_the_networks_gradient),
    ],
)
def test_other_right_answers_pass(id, function):
    for seed in SEEDS:
        assert verdict(id, function, seed), (seed, verdict(id, function, seed))


# -- what is at the edge, and how things are told --------------------------------


def test_either_of_two_tasks_with_one_mask_may_be_named():
    spec = find("superposition/task_gradients")
    args = next(a for a in cases("task_gradients") if len(a[2]) == 3)
    slopes, task = spec.reference(*args)
    tied = np.flatnonzero(slopes == slopes.min())
    assert len(tied) == 2
    for each in tied:
        assert spec.judge(args, (slopes, int(each)), (slopes, task)) is None
    for wrong in (1, -1, 3, None, 0.5):
        assert spec.judge(args, (slopes, wrong), (slopes, task))


def test_a_last_task_that_is_lost_is_an_edge():
    def loses_the_last(gradients, alive):
        return reference.halve(gradients, alive) & (alive.sum() > 1)

    told = judge_answer(
        find("superposition/halve"), call_here(loses_the_last), np.random.default_rng(0)
    )
    assert told.edge and told.status == "not yet"


def test_a_gradient_of_a_real_output_is_told_by_how_many_there_are():
    def holds_nothing(logits, real):
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True) / len(logits)

    said = repr(verdict("superposition/spare_gradient", holds_nothing))
    assert "how many real outputs are held fixed" in said and "0 of 2" in said


def test_the_first_wrong_decision_is_shown():
    said = repr(verdict("superposition/unsure", lambda g, eps: np.ones(len(g), bool)))
    assert "2 are right; decision 0 is True" in said and "1.371" in said


def test_weights_that_are_not_symmetric_are_shown_both_ways():
    def one_side(weights, z):
        heard = ((weights @ z)[:, None] - weights * z) * z
        new = weights + (np.outer(z, z) - 3 * heard) / len(z)
        return new * (1 - np.eye(len(z)))

    said = repr(verdict("superposition/storkey", one_side))
    assert "one way and" in said and "each other's transposes" in said


def test_a_report_is_told_in_images():
    said = repr(verdict("superposition/report", lambda s, d, y, task: (0.0, 0.0, 0.0)))
    assert "or 0 of 11" in said and "or 6 of 11" in said


# -- the planted bugs ---------------------------------------------------------

FIXES = {
    "batch": (
        "np.full(len(y), slopes.mean(axis=0).argmin())",
        "slopes.argmin(axis=1)",
    ),
    "given": ("digits[:, task]", "digits[np.arange(len(y)), guess]"),
    "product": ("found.mean() * right.mean()", "(found & right).mean()"),
}


def mended(*names):
    return planted.mended(find("superposition/report"), FIXES, names)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ("batch", "One guess is made for the whole batch"),
        ("given", "this is the scenario GG"),
        ("product", "The two shares are multiplied"),
    ],
)
def test_each_planted_bug_is_found_when_it_alone_is_left(left, said):
    others = [name for name in FIXES if name != left]
    for seed in SEEDS:
        assert said in repr(verdict("superposition/report", mended(*others), seed))
    assert verdict("superposition/report", mended(*FIXES))


def test_the_planted_report_flatters():
    for args in cases("report")[1:4]:
        right, told = reference.report(*args), mended()(*args)
        assert told[0] == 1 > right[0] and told[1] > right[1] and told[2] > right[2]
