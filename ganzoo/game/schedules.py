"""Schedules of a learning rate against the length of a run: what ends too early, or never begins."""

import warnings
from typing import Any

import torch
from torch.optim import lr_scheduler

from ganzoo.system.errors import UserError

__all__ = ["odd_course", "try_schedule"]


def try_schedule(name: str, schedule: Any, optimizer: torch.optim.Optimizer) -> None:
    """Refuse a schedule that can't make a step, before there is a run.

    Args:
        name: of the option.
        schedule: makes the schedule of an optimizer.
        optimizer: one to try it on.

    Raises:
        UserError: so it is.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the optimizer makes no step, and torch thinks that it should
        try:
            schedule(optimizer).step()
        except Exception as error:  # options may be wrong in any way
            raise UserError(
                f"{name} can't be used ({type(error).__name__}: {error}): give another, or other options."
            ) from error


def odd_course(name: str, schedule: Any, max_steps: int) -> str:
    """Return a line on a schedule whose end does not fit to that of the run; empty if it fits, or the run has none.

    Args:
        name: of the option.
        schedule: counts rounds.
        max_steps: the length of the run, in rounds.
    """
    kind = type(schedule)
    says = f"{name}: {kind.__name__}"
    run = f"and the run has {max_steps:,} rounds"
    if max_steps < 1:
        return ""
    if kind is lr_scheduler.CosineAnnealingLR and schedule.T_max < max_steps:
        return f"{says} is at its least rate in round {schedule.T_max:,} (T_max) and rises again, {run}."
    if kind is lr_scheduler.PolynomialLR and schedule.total_iters < max_steps:
        return f"{says} is at 0 from round {schedule.total_iters:,} on (total_iters), {run}: nothing is learnt there."
    if kind is lr_scheduler.StepLR and schedule.step_size >= max_steps:
        return f"{says} changes nothing: it first steps in round {schedule.step_size:,} (step_size), {run}."
    if kind is lr_scheduler.MultiStepLR and (late := [step for step in schedule.milestones if step >= max_steps]):
        return f"{says} never comes to {', '.join(f'{step:,}' for step in sorted(late))} (milestones), {run}."
    return ""
