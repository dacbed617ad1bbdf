"""The exercises of "Supermasks", beyond what all chapters' tests ask."""

import itertools

import numpy as np
import planted
import pytest

from minitorch.grading.chapters import supermasks as chapter
from minitorch.grading.driver import call_here, judge_answer
from minitorch.grading.learner import Answer, check_with
from minitorch.grading.references import supermasks as reference
from minitorch.grading.spec import find, personal_rng
from minitorch.models import mlp
from minitorch.weird import Supermask
from minitorch.weird import subset_sum as sums
from minitorch.weird import supermask as method

SEEDS = range(10)


def verdict(id, function, seed=0):
    return check_with(Answer(find(id), function), np.random.default_rng(seed))


def cases(name):
    make = getattr(chapter, f"_{name}_cases")
    return [args for seed in SEEDS for args in make(np.random.default_rng(seed))]


# -- the references -----------------------------------------------------------


def test_the_scores_are_those_of_the_methods_criterion():
    ours = method.CRITERIA["large_final_same_sign"]
    for args in cases("same_sign"):
        np.testing.assert_array_equal(reference.same_sign_scores(*args), ours(*args))


def test_the_readings_are_those_of_the_supermask():
    class Given:
        def random(self, n, dtype):
            return u

    net = mlp(9, 7, 4, bias=False)
    rng = np.random.default_rng(0)
    scores = (2 * rng.normal(size=net.layout.size)).astype(np.float32)
    scores[::5] = 0
    u = rng.random(scores.size, np.float32)
    rows = reference.readings(scores, u)
    for row, read in zip(rows, ("sample", "threshold", "mean"), strict=True):
        g = Supermask(net, kind="bernoulli", read=read)
        theta = g(scores, rng=Given()).numpy()
        np.testing.assert_allclose(theta, row * g.theta0, rtol=1e-5)


def test_the_mean_row_is_the_mean_of_many_draws():
    scores = np.linspace(-3, 3, 7)
    rng = np.random.default_rng(0)
    rows = np.array([reference.readings(scores, rng.random(7)) for _ in range(4000)])
    p = rows[0, 2]
    assert (abs(rows[:, 0].mean(0) - p) < 4 * np.sqrt(p * (1 - p) / 4000)).all()
    assert (rows[:, 1:] == rows[0, 1:]).all()


def test_a_gradient_goes_through_a_draw_as_torch_takes_it_through_the_chance():
    torch = pytest.importorskip("torch")
    for grad, theta0, scores in cases("bernoulli_grad"):
        s = torch.tensor(scores, requires_grad=True)
        (torch.tensor(theta0) * torch.sigmoid(s)).backward(torch.tensor(grad))
        found = reference.bernoulli_grad(grad, theta0, scores)
        np.testing.assert_allclose(found, s.grad.numpy(), rtol=2e-4, atol=1e-6)


def test_no_subset_is_nearer():
    for a, target in cases("subset_sum"):
        off = abs(a[reference.subset_sum(a, target)].sum() - target)
        best = min(
            abs(sum(chosen) - target)
            for count in range(len(a) + 1)
            for chosen in itertools.combinations(a, count)
        )
        assert off == pytest.approx(best, abs=1e-9)
        assert off == pytest.approx(sums.subset_sum(a, target)[1], abs=1e-9)


def test_a_step_is_the_methods_mask_and_torchs_step_of_the_scores():
    torch = pytest.importorskip("torch")
    for theta0, scores, grad, keep, lr, decay in cases("popup_step"):
        s = torch.tensor(scores, requires_grad=True)
        optimiser = torch.optim.SGD([s], lr=lr, weight_decay=decay)
        (torch.tensor(theta0) * s.abs()).backward(torch.tensor(grad))
        optimiser.step()
        w, new, mask = reference.popup_step(theta0, scores, grad, keep, lr, decay)
        np.testing.assert_array_equal(w, theta0)
        np.testing.assert_allclose(new, s.detach().numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(mask, method.topk_mask(new, keep))
        if decay == 0:
            slope = method.edge_popup_grad(grad, theta0, scores)
            np.testing.assert_allclose(new, scores - lr * slope, rtol=1e-5)


def test_the_scale_is_the_methods_for_a_matrix_and_for_kernels():
    for shape, fan_in in (((30, 50), 50), ((8, 4, 3, 5), 60)):
        for keep in (0.1, 0.3, 1.0):
            ours = method.right_scale(fan_in, keep)
            assert reference.right_scale(shape, keep) == pytest.approx(ours)


@pytest.mark.parametrize("keep", [0.1, 0.3, 0.7])
def test_signals_keep_their_size_at_the_right_scale(keep):
    rng, width = np.random.default_rng(0), 1000
    scale = reference.right_scale((width, width), keep)
    h = rng.normal(size=(100, width))
    for _ in range(3):
        mask = rng.random((width, width)) < keep
        signed = rng.choice([-scale, scale], (width, width)) * mask
        before, h = (h**2).mean(), np.maximum(h @ signed.T, 0)
        # ReLU leaves half of what He's rule makes twice as large.
        assert (h**2).mean() == pytest.approx(before, rel=0.1)


def test_biases_scaled_so_leave_every_decision():
    net, rng = mlp(12, 20, 15, 6), np.random.default_rng(0)
    theta = net.init(0).astype(np.float32)
    biases = [name for name in net.layout.shapes if name.endswith("bias")]
    for name in biases:
        theta[net.layout.slices[name]] = rng.normal(size=net.layout.shapes[name])
    factors = np.array([3.0, 0.25, 8.0])
    scaled = method.scale_layers(net, theta, factors)
    x = rng.normal(size=(500, 12)).astype(np.float32)
    old, apart = net(theta, x).numpy(), net(scaled, x).numpy()
    assert (old.argmax(1) != apart.argmax(1)).any()
    betas = reference.bias_factors(factors)
    for name, beta in zip(biases, betas, strict=True):
        scaled[net.layout.slices[name]] *= beta
    np.testing.assert_allclose(net(scaled, x).numpy(), betas[-1] * old, rtol=1e-3)


def test_a_weight_of_random_units_is_off_by_what_is_said():
    for student in "abc":
        rng = personal_rng("supermasks/own_weight", student)
        ((a, v, w),) = chapter._own_weight_cases(rng)
        mask, off = sums.gadget_mask(w, a, v)
        error = reference.own_weight(a, v, w)
        assert error == pytest.approx(max(off))
        x = np.linspace(-1, 1, 21)
        y = (v * mask) @ np.maximum(np.outer(a, x), 0)
        assert np.abs(y - w * x).max() == pytest.approx(error)


def test_whoever_forgets_a_side_is_wrong_for_every_student():
    for student in range(40):
        rng = personal_rng("supermasks/own_weight", f"s{student}")
        ((a, v, w),) = chapter._own_weight_cases(rng)
        up, down = sums.gadget_mask(w, a, v)[1]
        assert down > 1.01 * up
        assert reference.own_weight(a, v, w) > 0.005


# -- answers that are right in another way ------------------------------------


def by_signs(wi, wf):
    return np.maximum(wf * np.sign(wi), 0)


def by_tanh(scores, u):
    p = 0.5 + 0.5 * np.tanh(scores / 2)
    return np.array([1.0 * (p > u), 1.0 * (p >= 0.5), p])


def by_the_chain(grad, theta0, scores):
    e = np.exp(-scores)
    return grad * theta0 * e / (1 + e) ** 2


def by_trying(a, target):
    best = min(
        itertools.product([False, True], repeat=len(a)),
        key=lambda mask: abs(sum(a[np.array(mask, bool)]) - target),
    )
    return np.array(best, bool)


def by_two_halves(a, target):
    return sums.subset_sum(a, target)[0]


def by_methods(theta0, scores, grad, keep, lr, decay):
    slope = np.where(scores == 0, 0, np.where(scores > 0, 1, -1))
    new = scores * (1 - lr * decay) - lr * grad * slope * theta0
    return theta0.copy(), new, method.topk_mask(new, keep)


def by_steps(shape, keep):
    seen = keep
    for n in shape[1:]:
        seen *= n
    return (2 / seen) ** 0.5


def by_adding_logarithms(factors):
    return np.exp(np.add.accumulate(np.log(factors)))


def by_trying_both(a, v, w):
    worst = 0.0
    for side in (a > 0, a <= 0):
        each = (v * a)[side]
        choices = itertools.product([0, 1], repeat=len(each))
        worst = max(worst, min(abs(np.dot(c, each) - w) for c in choices))
    return worst


@pytest.mark.parametrize(
    ("id", "function"),
    [
        ("supermasks/same_sign_scores", by_signs),
        ("supermasks/readings", by_tanh),
        ("supermasks/bernoulli_grad", by_the_chain),
        ("supermasks/subset_sum", by_trying),
        ("supermasks/subset_sum", by_two_halves),
        ("supermasks/popup_step", by_methods),
        ("supermasks/right_scale", by_steps),
        ("supermasks/bias_factors", by_adding_logarithms),
        ("supermasks/own_weight", by_trying_both),
    ],
)
def test_other_right_answers_pass(id, function):
    for seed in SEEDS:
        assert verdict(id, function, seed), (seed, verdict(id, function, seed))


# -- what is at the edge, and what is not --------------------------------------


def test_a_start_of_zero_is_an_edge():
    def nearly(wi, wf):
        return np.abs(wf) * (wi * wf >= 0)

    spec = find("supermasks/same_sign_scores")
    for seed in SEEDS:
        told = judge_answer(spec, call_here(nearly), np.random.default_rng(seed))
        assert told.edge and told.status == "not yet"


def test_an_answer_that_two_slips_give_is_told_both():
    judge = find("supermasks/subset_sum").judge
    a, none = np.array([1.7, 2.1, 1.6]), np.zeros(3, bool)
    told = judge((a, 0.2), np.array([False, False, True]), none)
    first, second = told.cause.split(" Or: ")
    assert "empty subset" in first and "one number that is nearest" in second


def test_any_of_equally_near_subsets_will_do():
    judge = find("supermasks/subset_sum").judge
    a = np.array([2.0, -1.0, 1.0, 3.0])
    for mask in ([1, 0, 0, 0], [0, 1, 0, 1], [1, 1, 1, 0]):
        assert judge((a, 2.0), np.array(mask, bool), np.array([1, 0, 0, 0], bool)) is (
            None
        )


def test_the_message_counts_decisions_that_flip():
    told = repr(verdict("supermasks/bias_factors", lambda factors: factors * 1.0))
    assert "of 400 decisions" in told and "[2, 6, 3]: 0" in told


# -- the planted bugs ---------------------------------------------------------

FIXES = {
    "sign": ("grad * theta0 +", "grad * theta0 * np.sign(scores) +"),
    "weights": ("    theta0 = theta0 - lr * decay * theta0\n", ""),
    "keep": ("(1 - keep)", "keep"),
}


def mended(*names):
    return planted.mended(find("supermasks/popup_step"), FIXES, names)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ("sign", "sign of the score is missing"),
        ("weights", "Decay shrinks the weights"),
        ("keep", "fraction that goes"),
    ],
)
def test_each_planted_bug_is_found_when_it_alone_is_left(left, said):
    others = [name for name in FIXES if name != left]
    for seed in SEEDS:
        assert said in repr(verdict("supermasks/popup_step", mended(*others), seed))
    assert verdict("supermasks/popup_step", mended(*FIXES))


def test_at_one_half_the_planted_fraction_cannot_be_seen():
    rng = np.random.default_rng(0)
    args = [rng.normal(size=(6, 8)) for _ in range(3)]
    wrong, right = mended("sign", "weights"), mended(*FIXES)
    for keep, same in ((0.5, True), (0.25, False)):
        masks = [step(*args, keep, 0.1, 0.01)[2] for step in (wrong, right)]
        assert np.array_equal(*masks) == same
