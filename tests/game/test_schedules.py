"""Schedules that can't be used, or whose end is not that of the run, are known before the first round."""

import pytest
import torch
from torch.optim import lr_scheduler

from ganzoo.game.schedules import odd_course, try_schedule
from ganzoo.system.errors import UserError


def optimizer():
    return torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


SHORT = [
    (lr_scheduler.CosineAnnealingLR, {"T_max": 3}, 10, "least rate in round 3"),
    (lr_scheduler.PolynomialLR, {"total_iters": 3}, 10, "at 0 from round 3 on"),
    (lr_scheduler.StepLR, {"step_size": 10}, 10, "changes nothing"),
    (lr_scheduler.MultiStepLR, {"milestones": [2, 30, 20]}, 10, "never comes to 20, 30 "),
]


@pytest.mark.parametrize(("kind", "options", "rounds", "told"), SHORT)
def test_an_end_that_is_not_the_runs_is_told(kind, options, rounds, told):
    schedule = kind(optimizer(), **options)
    line = odd_course("generator_schedule", schedule, rounds)
    assert line.startswith(f"generator_schedule: {kind.__name__}")
    assert told in line
    assert "the run has 10 rounds" in line
    assert odd_course("generator_schedule", schedule, -1) == ""


@pytest.mark.parametrize(("kind", "options"), [(c[0], c[1]) for c in SHORT[:2]])
def test_what_is_told_is_what_happens(kind, options):
    learner = optimizer()
    schedule = kind(learner, **options)
    for _ in range(3):
        learner.step()
        schedule.step()
    assert learner.param_groups[0]["lr"] == pytest.approx(0.0)


def test_an_end_with_the_run_is_silent():
    for kind, options in [
        (lr_scheduler.CosineAnnealingLR, {"T_max": 10}),
        (lr_scheduler.PolynomialLR, {"total_iters": 10}),
        (lr_scheduler.StepLR, {"step_size": 9}),
        (lr_scheduler.MultiStepLR, {"milestones": [9]}),
        (lr_scheduler.ExponentialLR, {"gamma": 0.9}),
    ]:
        assert odd_course("x", kind(optimizer(), **options), 10) == ""


def test_a_schedule_that_cannot_step_is_refused():
    with pytest.raises(UserError, match=r"generator_schedule can't be used \(ZeroDivisionError"):
        try_schedule("generator_schedule", lambda of: lr_scheduler.StepLR(of, step_size=0), optimizer())
    try_schedule("generator_schedule", lambda of: lr_scheduler.StepLR(of, step_size=1), optimizer())
