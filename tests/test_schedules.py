"""Learning-rate schedules against torch's."""

import pytest

from minitorch.schedules import cosine, step_decay, warm_up

torch = pytest.importorskip("torch")


def rates(make, steps):
    """The learning rate that torch's scheduler gives at each step, from 1."""
    mover = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule, seen = make(mover), []
    for _ in range(steps):
        seen.append(mover.param_groups[0]["lr"])
        mover.step()
        schedule.step()
    return seen


def test_cosine():
    want = rates(lambda m: torch.optim.lr_scheduler.CosineAnnealingLR(m, 30), 30)
    assert [cosine(step, 30) for step in range(30)] == pytest.approx(want)


@pytest.mark.parametrize("every, factor", [(1, 0.5), (7, 0.1)])
def test_step_decay(every, factor):
    want = rates(lambda m: torch.optim.lr_scheduler.StepLR(m, every, factor), 20)
    assert [step_decay(step, every, factor) for step in range(20)] == pytest.approx(
        want
    )


def test_warm_up():
    def make(mover):
        return torch.optim.lr_scheduler.LinearLR(mover, 0.1, 1.0, total_iters=9)

    assert [warm_up(step, 10) for step in range(15)] == pytest.approx(rates(make, 15))


def test_a_schedule_past_its_end_and_one_of_no_steps():
    assert cosine(4, 4) == cosine(9, 4) == 0
    for schedule in (cosine, step_decay, warm_up):
        with pytest.raises(ValueError, match=f"{schedule.__name__}.* at least 1 step"):
            schedule(0, 0)
