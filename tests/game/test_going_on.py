"""A run that goes on with another optimizer, rate or schedule than its checkpoint's: what is asked for holds."""

import copy
from functools import partial
from itertools import islice

import pytest
import torch
from lightning.pytorch.plugins.precision import Precision
from torch.optim import SGD, AdamW, RMSprop
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LinearLR,
    OneCycleLR,
    SequentialLR,
    StepLR,
)

from ganzoo.game.going_on import go_on
from ganzoo.models import GAN
from ganzoo.optimizers import Adam, ConstantThenLinear
from ganzoo.system.errors import UserError

ROUNDS, END = 5, 12
adam = partial(Adam, lr=1e-3)


class Run:
    """A game's learning without its game: gradients are all one."""

    def __init__(self, max_steps=END, **options):
        self.game = GAN(shape=(2,), **options)
        self.game.configure_model()
        self.players = list(self.game.players.values())
        self.optimizers = [player.new_optimizer(Precision()) for player in self.players]
        pairs = zip(self.players, self.optimizers, strict=True)
        self.schedules = [player.new_schedule(optimizer, max_steps) for player, optimizer in pairs]

    def play(self):
        """Play rounds for ever; give the rates of each."""
        while True:
            rates = [optimizer.param_groups[0]["lr"] for optimizer in self.optimizers]
            for player, optimizer, schedule in zip(self.players, self.optimizers, self.schedules, strict=True):
                for weight in player.weights:
                    weight.grad = torch.ones_like(weight)
                optimizer.step()
                if schedule is not None:
                    schedule.step()
            yield rates

    def rates(self, rounds):
        return list(islice(self.play(), rounds))

    def saved(self):
        kept = {"global_step": ROUNDS, "state_dict": self.game.state_dict()}
        self.game.on_save_checkpoint(kept)
        kept["optimizer_states"] = [optimizer.state_dict() for optimizer in self.optimizers]
        kept["lr_schedulers"] = [schedule.state_dict() for schedule in self.schedules if schedule is not None]
        return copy.deepcopy(kept)

    def load(self, checkpoint):
        """As Lightning does after `configure_optimizers`."""
        go_on(self.game, checkpoint, self.optimizers, self.schedules)
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            optimizer.load_state_dict(state)
        schedules = [schedule for schedule in self.schedules if schedule is not None]
        for schedule, state in zip(schedules, checkpoint["lr_schedulers"], strict=True):
            schedule.load_state_dict(state)
        return self


def stopped(**options):
    run = Run(**options)
    run.rates(ROUNDS)
    return run.saved()


def test_unchanged_options_change_nothing(capsys):
    options = dict(generator_optimizer=adam, generator_schedule=partial(StepLR, step_size=2))
    checkpoint = stopped(**options)
    before = copy.deepcopy(checkpoint)
    Run(**options).load(checkpoint)
    for name in ("optimizer_states", "lr_schedulers"):
        assert str(checkpoint[name]) == str(before[name])
    assert capsys.readouterr().out == ""


def test_a_rate_holds_and_the_moments_are_kept(capsys):
    checkpoint = stopped(generator_optimizer=adam)
    moments = checkpoint["optimizer_states"][0]["state"]
    run = Run(generator_optimizer=partial(Adam, lr=1e-5, betas=(0.9, 0.99))).load(checkpoint)
    group = run.optimizers[0].param_groups[0]
    assert (group["lr"], group["betas"]) == (1e-5, (0.9, 0.99))
    assert run.optimizers[1].param_groups[0]["lr"] == 2e-4  # the other player's stays
    weight = run.players[0].weights[0]
    assert torch.equal(run.optimizers[0].state[weight]["exp_avg"], moments[0]["exp_avg"])
    assert int(run.optimizers[0].state[weight]["step"]) == ROUNDS
    assert capsys.readouterr().out == "The generator's learning rate is 1e-05 from round 5 on.\n"
    again = Run(generator_optimizer=partial(Adam, lr=1e-5, betas=(0.9, 0.99))).load(run.saved())
    assert again.rates(1) == [[1e-5, 2e-4]]  # through further resumes
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "schedule",
    [
        partial(StepLR, step_size=3),
        partial(LinearLR, total_iters=10),
        partial(CosineAnnealingLR, T_max=10, eta_min=1e-6),  # not in proportion to the rate
        ConstantThenLinear,
    ],
)
def test_with_a_schedule_the_rate_is_that_of_a_run_that_always_had_it(schedule):
    given = dict(generator_schedule=schedule, discriminator_schedule=partial(StepLR, step_size=2))
    run = Run(generator_optimizer=partial(Adam, lr=5e-5), **given).load(stopped(generator_optimizer=adam, **given))
    always = Run(generator_optimizer=partial(Adam, lr=5e-5), **given).rates(END)
    assert run.rates(END - ROUNDS) == [pytest.approx(rates, rel=1e-6) for rates in always[ROUNDS:]]


@pytest.mark.parametrize(("before", "now"), [(None, StepLR), (StepLR, None), (LinearLR, StepLR)])
def test_a_schedule_may_come_go_or_change_and_the_other_players_stays(before, now):
    def options(schedule):
        made = {StepLR: partial(StepLR, step_size=4), LinearLR: partial(LinearLR, total_iters=8)}.get(schedule)
        return dict(generator_schedule=made, discriminator_schedule=partial(StepLR, step_size=2, gamma=0.5))

    run = Run(**options(now)).load(stopped(**options(before)))
    always = Run(**options(now)).rates(END)
    assert run.rates(END - ROUNDS) == [pytest.approx(rates, rel=1e-6) for rates in always[ROUNDS:]]


def test_the_options_of_a_schedule_hold_though_its_state_records_the_old_ones():
    run = Run(generator_schedule=partial(StepLR, step_size=6)).load(
        stopped(generator_schedule=partial(StepLR, step_size=2))
    )
    assert run.schedules[0].step_size == 6
    assert [g for g, _ in run.rates(3)] == pytest.approx([2e-4, 2e-5, 2e-5])


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        (adam, partial(AdamW, lr=1e-3), True),  # it keeps the same of a weight
        (adam, partial(SGD, lr=0.1), False),  # KeyError: 'momentum', if pressed into it
        (adam, partial(Adam, lr=1e-3, fused=False), True),
        (adam, partial(torch.optim.Adam, lr=1e-3, amsgrad=True), False),  # more of a weight
        (partial(SGD, lr=0.1), partial(SGD, lr=0.1, momentum=0.9), True),  # there was nothing to keep
        (partial(RMSprop, lr=1e-3), partial(RMSprop, lr=1e-3, centered=True), False),
    ],
)
def test_another_optimizer_learns_on(before, now, kept, capsys):
    run = Run(generator_optimizer=now).load(stopped(generator_optimizer=before))
    assert ("begins without" in capsys.readouterr().out) is not kept
    assert all(rate == now.keywords["lr"] for rate, _ in run.rates(3))


def test_a_rate_that_python_gives_and_no_file_can_say_holds_too():
    checkpoint = stopped(generator_optimizer=lambda weights: torch.optim.Adam(weights, lr=1e-3))
    assert "generator_optimizer" in checkpoint["ganzoo"]["unrecorded"]
    run = Run(generator_optimizer=lambda weights: torch.optim.Adam(weights, lr=1e-4)).load(checkpoint)
    assert run.rates(1)[0][0] == 1e-4


def test_a_schedule_that_ends_before_the_run_is_refused_before_it_begins():
    cycle = partial(OneCycleLR, max_lr=1e-3, total_steps=6)
    assert len(Run(6, generator_schedule=cycle).rates(6)) == 6
    for rounds, said in ((10, "10"), (-1, "no end")):
        with pytest.raises(UserError, match=rf"generator_schedule is OneCycleLR with 6 rounds .*has {said}"):
            Run(rounds, generator_schedule=cycle)
    longer = partial(OneCycleLR, max_lr=1e-3, total_steps=END)
    checkpoint = Run(6, generator_schedule=cycle)
    checkpoint.rates(ROUNDS)
    run = Run(END, generator_schedule=longer).load(checkpoint.saved())
    assert run.rates(END - ROUNDS) == [
        pytest.approx(r) for r in Run(END, generator_schedule=longer).rates(END)[ROUNDS:]
    ]


@pytest.mark.parametrize(
    "schedule",
    [partial(ChainedScheduler), partial(SequentialLR), partial(CosineAnnealingWarmRestarts, T_0=-1)],
    ids=lambda schedule: schedule.func.__name__,
)
def test_a_schedule_that_can_not_be_made_is_one_line(schedule):
    with pytest.raises(UserError, match="generator_schedule can't be made"):
        Run(generator_schedule=schedule)


@pytest.mark.parametrize("states", [[], [{}], [{"param_groups": []}, {}], None])
def test_spoiled_states_are_one_line(states):
    checkpoint = stopped() | {"optimizer_states": states}
    with pytest.raises(UserError, match="does not say how its optimizers are"):
        go_on(Run().game, checkpoint, Run().optimizers, Run().schedules)
