"""The order of the samples: exact over epochs, ranks, resumes and workers."""

import itertools
import os
from types import SimpleNamespace

import lightning as L
import pytest
import torch
from torch.utils.data import DataLoader

from ganzoo.data.base.module import DataModule
from ganzoo.data.base.sets import TensorSet
from ganzoo.data.base.streams import Rows, Stream, permutation
from ganzoo.system.errors import UserError

N = 23


def numbered(n=N):
    """A set whose only pixel tells which sample it is."""
    return TensorSet(image=torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1))


class Numbered(DataModule):
    def load(self):
        return numbered(), numbered(10)


def stream(batch_size, start=0, world=1, rank=0, seed=7):
    return Stream(numbered(), batch_size, lambda: start, seed, world, rank)


def take(batches, count):
    return torch.cat(list(itertools.islice(iter(batches), count))).tolist()


def pixels(batch):
    return batch["image"].flatten().tolist()


def test_stream_is_the_formula():
    k = range(3 * N)
    assert take(stream(N), 3) == [int(permutation(N, 7, i // N)[i % N]) for i in k]


@pytest.mark.parametrize("world", [1, 2, 3])
def test_each_sample_once_an_epoch_over_all_ranks(world):
    samples = []
    for batches in zip(*(stream(2, world=world, rank=rank) for rank in range(world)), strict=True):
        samples += torch.stack(batches, dim=1).flatten().tolist()
        if len(samples) >= 4 * N:
            break
    epochs = [samples[i * N : (i + 1) * N] for i in range(4)]
    assert all(sorted(epoch) == list(range(N)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4  # a new order each time


def test_ranks_share_out_the_global_batch():
    whole = itertools.islice(stream(12), 8)  # across four ends of epochs
    ranks = [iter(stream(4, world=3, rank=rank)) for rank in range(3)]
    for batch in whole:
        for rank in range(3):
            assert torch.equal(next(ranks[rank]), batch[rank::3])


@pytest.mark.parametrize("start", [0, 8, 16, 24, 80, 5, N, 2 * N - 1])
def test_start_anywhere_is_the_tail_of_the_whole(start):
    whole = take(stream(1), 200)
    assert take(stream(8, start), 5) == whole[start : start + 40]


def test_other_seed_other_order():
    assert take(stream(N, seed=1), 1) != take(stream(N, seed=2), 1)
    assert take(stream(2 * N, seed=1), 1)[N:] != take(stream(N, seed=2), 1)  # as seed + epoch would give


def test_stream_has_no_length_but_rows_have():
    with pytest.raises(TypeError, match="endless"):
        len(DataLoader(numbered(), sampler=stream(4), batch_size=None))
    assert len(DataLoader(numbered(), sampler=Rows(numbered(), 4), batch_size=None)) == 6


@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_rows_once_each_in_order(world):
    rows = []
    for rank in range(world):
        sampler = Rows(numbered(), 4, world, rank)
        batches = list(sampler)
        assert len(batches) == len(sampler)
        assert max(map(len, batches)) <= 4
        assert torch.cat(batches).tolist() == list(range(rank, N, world))
        rows += torch.cat(batches).tolist()
    assert sorted(rows) == list(range(N))


def test_rows_of_a_rank_with_none():
    assert list(Rows(numbered(2), 4, world=3, rank=2)) == []


def test_set_gives_one_sample_or_a_batch():
    data = TensorSet(image=torch.arange(12.0).view(6, 2), label=torch.arange(6))
    assert data[4]["label"] == 4
    assert data[torch.tensor([5, 0, 5])]["image"].tolist() == [[10, 11], [0, 1], [10, 11]]
    with pytest.raises(ValueError, match="rows"):
        TensorSet(image=torch.zeros(3, 2), label=torch.zeros(2))


def module(num_workers=0, batch_size=4, seed=7, **trainer):
    data = Numbered(batch_size=batch_size, num_workers=num_workers, seed=seed)
    if trainer:
        plugin = SimpleNamespace(convert_input=lambda like: like)
        strategy = SimpleNamespace(root_device=torch.device("cpu"), broadcast=lambda made: made)
        defaults = {"world_size": 1, "global_rank": 0, "training": True, "overfit_batches": 0}
        data.trainer = SimpleNamespace(**defaults | trainer, precision_plugin=plugin, strategy=strategy)
    data.setup("fit")
    return data


def test_workers_change_nothing_and_what_they_prefetched_comes_again():
    plain, workers = module(seed=3), module(num_workers=2, seed=3, world_size=1)
    expected = take((batch["image"] for batch in plain.train_dataloader()), 20)
    loader = workers.train_dataloader()
    used = []
    for uses in (3, 1, 6):  # iterate anew, as Lightning does after an epoch, with batches in flight
        for batch in itertools.islice(iter(loader), uses):
            used += pixels(batch)
            workers.on_after_batch_transfer(batch, 0)
    assert workers.position == 40
    assert used == [row[0][0][0] for row in expected][:40]


def test_position_counts_all_ranks_and_only_training():
    data = module(world_size=3, global_rank=1, batch_size=2)
    batch = next(iter(data.train_dataloader()))
    assert data.position == 0  # fetched, not used
    data.on_after_batch_transfer(batch, 0)
    assert data.position == 6
    data.trainer.training = False
    data.on_after_batch_transfer(batch, 0)
    assert data.position == 6
    numbers = torch.arange(4)
    assert data.on_after_batch_transfer(numbers, 0) is numbers


def test_state_goes_on_where_it_was_on_other_ranks_too():
    whole = take(stream(1, seed=7), 60)
    first = module(batch_size=12, world_size=1)
    for batch in itertools.islice(first.train_dataloader(), 3):
        first.on_after_batch_transfer(batch, 0)
    for rank in range(2):
        second = module(batch_size=6, world_size=2, global_rank=rank)
        second.load_state_dict(first.state_dict())
        assert pixels(next(iter(second.train_dataloader()))) == whole[36:48][rank::2]


def test_state_of_another_set_is_refused():
    data = module()
    data.load_state_dict({"position": 8, "n": 1000})
    data.val_dataloader()  # harmless
    with pytest.raises(UserError, match=r"977 training samples fewer .*1,000, now 23"):
        data.train_dataloader()


def test_uint8_becomes_minus_one_to_one():
    values = module().on_after_batch_transfer({"image": torch.arange(256, dtype=torch.uint8)}, 0)["image"]
    assert values.dtype == torch.float32
    assert values[0] == -1
    assert values[255] == 1
    torch.testing.assert_close(values, torch.linspace(-1, 1, 256), rtol=0, atol=1e-6)


def test_points_and_labels_keep_their_values():
    batch = {"image": torch.tensor([[3.5, -7.0]]), "label": torch.tensor([9])}
    out = module().on_after_batch_transfer(batch, 0)
    assert out["image"].tolist() == [[3.5, -7.0]]
    assert out["label"].dtype == torch.int64


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"num_workers": -1}, "num_workers is -1"),
        ({"seed": -2}, "seed is -2"),
    ],
)
def test_impossible_options(options, words):
    with pytest.raises(UserError, match=words):
        module(**options)


def test_batch_larger_than_the_set():
    module(batch_size=23).train_dataloader()
    with pytest.raises(UserError, match=r"--data.batch_size 24 .* 23 training samples"):
        module(batch_size=24).train_dataloader()
    with pytest.raises(UserError, match=r"--data.batch_size 12 on 2 device.* 24"):
        module(batch_size=12, world_size=2).train_dataloader()


def test_overfit_batches_is_refused():
    with pytest.raises(UserError, match="overfit_batches replaces the training stream"):
        module(overfit_batches=1).train_dataloader()


def test_the_runs_seed_is_the_default(monkeypatch):
    monkeypatch.setitem(os.environ, "PL_GLOBAL_SEED", "5")
    assert module(seed=None).train_dataloader().sampler.seed == 5
    monkeypatch.delitem(os.environ, "PL_GLOBAL_SEED")
    assert module(seed=None).train_dataloader().sampler.seed == 0
    assert module(seed=9).train_dataloader().sampler.seed == 9


def test_iterating_leaves_the_runs_random_numbers_alone():
    loader = module().train_dataloader()
    before = torch.get_rng_state()
    next(iter(loader))
    assert torch.equal(before, torch.get_rng_state())


class Recorder(L.LightningModule):
    """Draws its own batches, two a step, as a game with a critic does."""

    def __init__(self):
        super().__init__()
        self.layer_ = torch.nn.Linear(1, 1)
        self.automatic_optimization = False
        self.trained, self.validated, self.predicted = [], [], []

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, dataloader_iter):
        for _ in range(2):
            batch, _, _ = next(dataloader_iter)
            batch = self.trainer.strategy.batch_to_device(self._on_before_batch_transfer(batch))
            assert batch["image"].dtype == self.dtype
            self.trained += ((batch["image"].flatten() + 1) * 127.5).round().int().tolist()
        self.optimizers().step()

    def validation_step(self, batch, batch_idx):
        assert batch["image"].dtype == self.dtype
        self.validated += ((batch["image"].flatten() + 1) * 127.5).round().int().tolist()

    def predict_step(self, batch, batch_idx):
        self.predicted += batch.tolist()


def trainer_for(steps, folder, **options):
    return L.Trainer(
        max_steps=steps,
        default_root_dir=folder,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        **options,
    )


@pytest.mark.parametrize(("num_workers", "precision"), [(0, "64-true"), (2, "32-true")])
def test_under_lightning_a_resume_goes_on_in_the_middle_of_an_epoch(tmp_path, num_workers, precision):
    options = {
        "precision": precision,
        "limit_train_batches": 2,  # "epochs" of two steps: the loader is iterated anew
        "num_sanity_val_steps": 1,
    }
    whole = Recorder()
    trainer_for(6, tmp_path, **options).fit(whole, datamodule=Numbered(4, num_workers, seed=7))
    assert whole.trained == take(stream(4), 12)
    assert whole.validated[:10] == [0, 1, 2, 3, *range(6)]  # one sanity batch, then the set from its start

    first = trainer_for(3, tmp_path, **options)
    first.fit(Recorder(), datamodule=Numbered(4, num_workers, seed=7))
    assert first.datamodule.position == 24
    first.save_checkpoint(tmp_path / "three.ckpt")
    rest, data = Recorder(), Numbered(4, num_workers, seed=7)
    trainer_for(6, tmp_path, **options).fit(rest, datamodule=data, ckpt_path=tmp_path / "three.ckpt")
    assert rest.trained == whole.trained[24:]
    assert data.position == 48


def test_under_lightning_training_is_endless_and_predict_counts(tmp_path):
    net, data = Recorder(), Numbered(4, seed=7)
    data.num_samples = 10
    trainer = trainer_for(20, tmp_path)
    trainer.fit(net, datamodule=data)
    assert trainer.num_training_batches == float("inf")
    assert net.trained == take(stream(4), 40)  # seven times the set, all in one epoch of Lightning's
    trainer.predict(net, datamodule=data)
    assert net.predicted == list(range(10))
