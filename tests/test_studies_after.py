"""The studies behind "After the paper": a balanced pole, and adapting to new digits."""

import numpy as np
import pytest
from committed import whole

from minitorch.studies import cartpole, finetune

# ----------------------------------------------------------------------------
# Cart and pole
# ----------------------------------------------------------------------------


def accelerations(state, force):
    """From the equations of motion of cart and rod, solved as a linear system."""
    cart, pole, half, gravity = 1.0, 0.1, 0.5, 9.8
    _, _, angle, turning = state
    cos, sin = np.cos(angle), np.sin(angle)
    mass = [
        [cart + pole, pole * half * cos],
        [pole * half * cos, 4 / 3 * pole * half**2],
    ]
    push = [force + pole * half * turning**2 * sin, pole * gravity * half * sin]
    return np.linalg.solve(mass, push)


@pytest.mark.parametrize("right", [True, False])
def test_a_push_follows_the_equations_of_motion(right):
    rng = np.random.default_rng(0)
    for state in rng.normal(size=(20, 4)):
        slide, turn = accelerations(state, 10.0 if right else -10.0)
        want = state + 0.02 * np.array([state[1], slide, state[3], turn])
        got = cartpole.push(state, np.array(right))
        np.testing.assert_allclose(got, want)


def test_many_networks_play_as_each_would_alone():
    thetas = np.stack([cartpole.NET.init(seed) for seed in range(5)])
    starts = cartpole.episodes(7, np.random.default_rng(0))
    together = cartpole.play(thetas, starts)
    for theta, lasted in zip(thetas, together, strict=True):
        for start, steps in zip(starts, lasted, strict=True):
            state, count = start, 0
            while count < cartpole.STEPS:
                logits = cartpole.NET(theta, state[None].astype(np.float32)).numpy()[0]
                state = cartpole.push(state, logits[1] > logits[0])
                if cartpole.fallen(state):
                    break
                count += 1
            assert count == steps


def test_a_rule_that_pushes_under_the_pole_balances_it():
    """A network that adds up angle and its speed keeps the pole up for 200 steps."""
    theta = np.zeros(cartpole.NET.layout.size)
    pieces = cartpole.NET.layout.views(theta)
    names = list(pieces)
    pieces[names[0]][0], pieces[names[0]][1] = [0, 0, 1, 0.3], [0, 0, -1, -0.3]
    pieces[names[2]][0, 0] = pieces[names[2]][1, 1] = 1
    pieces[names[4]][1, 0], pieces[names[4]][1, 1] = 1, -1
    starts = cartpole.episodes(20, np.random.default_rng(0))
    assert cartpole.play(theta[None], starts).min() == cartpole.STEPS


def test_enough_directions_balance_the_pole_and_one_does_not():
    few = [cartpole.run({**cartpole.BOOK, "d": 1}, seed) for seed in range(3)]
    many = [cartpole.run({**cartpole.BOOK, "d": 25}, seed) for seed in range(3)]
    assert max(row["steps"] for row in few) < cartpole.SOLVED
    assert min(row["steps"] for row in many) > cartpole.SOLVED
    assert cartpole.run({**cartpole.BOOK, "d": 1}, 0) == few[0]


# ----------------------------------------------------------------------------
# New digits
# ----------------------------------------------------------------------------

TINY = {**finetune.QUICK, "images": 500, "epochs": 4, "lr": 0.1}


def test_the_halves_hold_five_digits_each():
    first, second = finetune.half(False, 4_000), finetune.half(True, 4_000)
    assert len(first.test_y) + len(second.test_y) == 2_000
    for part in (first, second):
        assert set(part.train_y.tolist()) == set(range(5))
        assert part.train_x.shape == (len(part.train_y), 784)


def test_a_trained_start_knows_its_own_digits_not_the_others():
    first = finetune.half(False, 4_000)
    theta = finetune.trained(4_000, seed=0)
    from minitorch.train import accuracy

    assert accuracy(finetune.NET, theta, first.test_x, first.test_y) > 0.95
    assert finetune.run({**TINY, "d": 1}, 0)["before"] < 0.5


def test_starts_differ_where_they_should():
    kinds = [finetune.start(kind, 4_000, seed=0) for kind in finetune.STARTS]
    trained, features, random = kinds
    np.testing.assert_array_equal(trained[: -finetune.LAST], features[: -finetune.LAST])
    np.testing.assert_array_equal(random[-finetune.LAST :], features[-finetune.LAST :])
    assert not np.array_equal(trained, features)
    assert not np.array_equal(random, features)


@pytest.mark.parametrize("start", finetune.STARTS)
def test_more_numbers_adapt_better_and_all_weights_best(start):
    at = {**finetune.QUICK, "start": start}
    few, more, every = (finetune.run({**at, "d": d}, 0)["test"] for d in (10, 200, 0))
    assert few + 0.2 < more < every


def test_an_unknown_start_is_an_error():
    with pytest.raises(
        ValueError, match="one of trained, features, random, got 'cold'"
    ):
        finetune.run({**TINY, "start": "cold"}, 0)


# ----------------------------------------------------------------------------
# What is committed
# ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "study", [cartpole.STUDY, finetune.STUDY], ids=lambda s: s.name
)
def test_the_committed_rows_are_whole_and_of_a_clean_tree(study):
    whole(study)
