"""The schedule of pix2pix and CycleGAN: the rate stays, and then falls linearly to zero."""

import pytest
import torch

from ganzoo.optimizers import ConstantThenLinear
from ganzoo.system.errors import UserError


def rates(schedule: ConstantThenLinear, rounds: int) -> list[float]:
    found = []
    for _ in range(rounds):
        found.append(schedule.optimizer.param_groups[0]["lr"])
        schedule.optimizer.step()
        schedule.step()
    return found


def adam() -> torch.optim.Adam:
    return torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=8.0)


def test_the_values_by_hand():
    schedule = ConstantThenLinear(adam(), constant=3, decay=4)
    assert rates(schedule, 9) == pytest.approx([8, 8, 8, 8, 6, 4, 2, 0, 0])


def test_a_share_of_the_run():
    schedule = ConstantThenLinear(adam())
    schedule.play_until(8)
    assert rates(schedule, 8) == pytest.approx([8, 8, 8, 8, 8, 6, 4, 2])
    schedule = ConstantThenLinear(adam(), share=0.75)
    schedule.play_until(4)
    assert rates(schedule, 4) == pytest.approx([8, 8, 8, 8])
    schedule = ConstantThenLinear(adam(), share=0.0)
    schedule.play_until(4)
    assert rates(schedule, 4) == pytest.approx([8, 6, 4, 2])
    schedule = ConstantThenLinear(adam(), share=1.0)
    schedule.play_until(4)
    assert rates(schedule, 4) == pytest.approx([8] * 4)


def test_given_rounds_do_not_ask_for_the_length_of_the_run():
    schedule = ConstantThenLinear(adam(), constant=1, decay=2)
    schedule.play_until(100)
    assert rates(schedule, 4) == pytest.approx([8, 8, 4, 0])


def test_it_goes_on_from_where_it_was():
    whole, part, rest = (ConstantThenLinear(adam(), constant=2, decay=5) for _ in range(3))
    expected = rates(whole, 7)
    first = rates(part, 4)
    state = part.state_dict()
    assert all(isinstance(value, (int, float, list)) for value in state.values())  # plain, for a safe load
    rest.optimizer.load_state_dict(part.optimizer.state_dict())
    rest.load_state_dict(state)
    assert [*first, *rates(rest, 3)] == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"constant": 3}, "give both, in rounds, or neither"),
        ({"decay": 3}, "give both, in rounds, or neither"),
        ({"constant": -1, "decay": 3}, "at least 0 and 1"),
        ({"constant": 1, "decay": 0}, "at least 0 and 1"),
        ({"share": 1.5}, "from 0 to 1"),
    ],
)
def test_mistakes_are_refused(options, words):
    with pytest.raises(UserError, match=words):
        ConstantThenLinear(adam(), **options)


def test_an_endless_run_needs_rounds():
    with pytest.raises(UserError, match="the run has no end"):
        ConstantThenLinear(adam()).play_until(-1)
