"""No round waits for the device: numbers are looked at a round later, and still nothing spoiled is saved."""

from collections import Counter
from functools import partial

import pytest
import torch
import torch.distributed as dist
from conftest import MODELS_OR_SLOW, fit_args
from fakes import FakeDomains
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.strategies import DDPStrategy
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode

import ganzoo.game.round
from game.test_game import final, game, play
from ganzoo.cli import main
from ganzoo.game import NonFiniteLoss
from ganzoo.game.finite import Watch
from ganzoo.models import GAN, CycleGAN
from ganzoo.networks import PatchGAN, ResNetTranslator
from ganzoo.runs.callbacks import Checkpoints

WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "unique_dim", "repeat_interleave")


def places(args):
    return args[1] if len(args) > 1 and isinstance(args[1], (list, tuple)) else []


class Waits(TorchDispatchMode):
    """Counts calls: all, those for which a process would wait for a GPU, and those by which it speaks with others."""

    def __init__(self):
        super().__init__()
        self.found, self.sent, self.calls = Counter(), Counter(), Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        self.calls[name] += 1
        masked = name.startswith("index") and any(i is not None and i.dtype == torch.bool for i in places(args))
        if name in WAITS or masked:  # a mask is counted before anything is taken
            self.found[name] += 1
        if func.namespace == "c10d":
            self.sent[name] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def late(monkeypatch):
    """Play as on a GPU."""
    monkeypatch.setattr(ganzoo.game.round, "Watch", lambda: Watch(late=True))


def test_the_count_sees_waits():
    with Waits() as waits:
        x = torch.arange(3.0)
        assert float(x[1]) == 1
        assert x.sum() > 1
        x[x > 1]
    assert waits.found == {"_local_scalar_dense": 2, "index": 1}


@pytest.mark.parametrize("model", MODELS_OR_SLOW)
def test_a_round_that_logs_nothing_waits_for_nothing(model, tmp_path, late, monkeypatch):
    found, advance = {}, _TrainingEpochLoop.advance

    def counted(loop, *args):
        with Waits() as waits:
            advance(loop, *args)
        found[loop.trainer.global_step] = waits.found

    monkeypatch.setattr(_TrainingEpochLoop, "advance", counted)
    rare = ["--trainer.log_every_n_steps", "100", "--trainer.val_check_interval", "6", "--trouble.every_n_steps", "100"]
    main(fit_args(model, tmp_path / "run", 6, *rare, "--trainer.limit_val_batches", "1"))
    assert set(found) == {1, 2, 3, 4, 5, 6}
    assert [found[step] for step in (2, 3, 4)] == [{}] * 3  # the first says what it sees; 5 is saved


@pytest.fixture
def rounds_of_rank_0(late, tmp_path, monkeypatch):
    """What rank 0 of so many did in each round of a game: torch's fake process group answers at once."""
    for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "RANK", "WORLD_SIZE"):
        monkeypatch.setenv(name, "0")  # Lightning sets some: they are as before afterwards
    advance = _TrainingEpochLoop.advance

    def played(world, model, **options):
        rounds = []

        def counted(loop, *args):
            with Waits() as waits:
                advance(loop, *args)
            rounds.append(waits)

        monkeypatch.setattr(_TrainingEpochLoop, "advance", counted)
        dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=world)
        try:
            ranks = {"num_nodes": world, "strategy": DDPStrategy()}
            saver = Checkpoints(every_n_steps=100, monitor=None)
            play(model, 5, tmp_path, callbacks=[saver], log_every_n_steps=100, **ranks, **options)
        finally:
            dist.destroy_process_group()
        return rounds

    return played


def test_a_round_of_many_ranks_waits_for_nothing_either(rounds_of_rank_0):
    """And it makes one reduction a move: nothing else goes over the wire."""
    rounds = rounds_of_rank_0(8, game())
    assert [(each.found, each.sent) for each in rounds[1:4]] == [({}, {"allreduce_coalesced_": 2})] * 3


def test_a_rank_does_no_more_where_there_are_more(rounds_of_rank_0):
    """Not even for a pool that the images of all ranks go through."""

    def translating():
        generator = partial(ResNetTranslator, width=4, blocks=1)
        discriminator = partial(PatchGAN, width=4, patch=34, norm="instance")
        return CycleGAN(generator=generator, discriminator=discriminator, pool_size=1)

    for new, options in ((game, {"batch_size": 2}), (translating, {"data": FakeDomains(batch_size=1)})):
        two, eight = (rounds_of_rank_0(world, new(), **options)[3] for world in (2, 8))
        assert two.calls == eight.calls
        assert two.calls


def test_numbers_are_handed_on_a_round_later_and_in_order():
    said, watch = [], Watch(late=True)
    watch.see(torch.tensor(1.0), said.append)
    watch.see(torch.tensor(2.0, dtype=torch.bfloat16), said.append)
    assert said == []
    watch.end_round()
    watch.see(torch.tensor(3.0), said.append)
    assert said == []
    watch.end_round()
    assert said == [1.0, 2.0]
    watch.settle()
    watch.settle()
    assert said == [1.0, 2.0, 3.0]
    Watch().see(torch.tensor(4.0), said.append)  # on a CPU at once
    assert said[-1] == 4.0


class Spoiled(GAN):
    def generator_loss(self, batch, z):
        terms = super().generator_loss(batch, z)
        if self.global_step == 3:
            terms["spoiled"] = next(self.generator.parameters()).sum() * float("nan")
        return terms


@pytest.mark.parametrize(("every", "saved"), [(2, 2), (4, None)])
def test_a_late_nan_is_named_and_never_saved(tmp_path, late, every, saved):
    """It is in the weights of round 3; a checkpoint that is due before round 4 looks first."""
    saver = Checkpoints(every_n_steps=every, monitor=None)
    message = r"the generator's loss, generator_loss \(.*spoiled nan\), is nan in round 3: stopped a round later"
    with pytest.raises(NonFiniteLoss, match=message):
        play(game(Spoiled), 10, tmp_path, callbacks=[saver])
    found = [torch.load(path, weights_only=True)["global_step"] for path in tmp_path.rglob("*.ckpt")]
    assert found == ([] if saved is None else [saved])


def test_a_late_nan_of_the_last_round_is_not_saved(tmp_path, late):
    with pytest.raises(NonFiniteLoss, match="in round 3"):
        play(game(Spoiled), 4, tmp_path, callbacks=[Checkpoints(every_n_steps=100, monitor=None)])
    assert not list(tmp_path.rglob("*.ckpt"))


def test_looking_late_changes_no_weight(monkeypatch):
    early = game()
    play(early, 5)
    monkeypatch.setattr(ganzoo.game.round, "Watch", lambda: Watch(late=True))
    later = game()
    play(later, 5)
    for a, b in zip(final(early), final(later), strict=True):
        assert torch.equal(a, b)
