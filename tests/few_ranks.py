"""Run by test_few_ranks.py in a few processes: a game whose loss needs all ranks, with a buffer of each kind.

Not a test by itself: `python few_ranks.py FOLDER RANKS` starts its other ranks, as `ganzoo fit` does.
"""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from ganzoo.data import Toy2D
from ganzoo.game import Batch, Terms
from ganzoo.models import GAN
from ganzoo.networks import MLPDiscriminator
from ganzoo.system.buffers import add_buffer

BATCH = 12  # over all ranks
ROUNDS = 3


class Buffered(nn.Module):
    """A discriminator with chance inside and a buffer of each kind, and two that say nothing."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.inner, self.dropout = MLPDiscriminator(shape, hidden=[8]), nn.Dropout(0.3)
        third = torch.tensor([1 / 3, 0.1, 1e-9])  # a mean of three of it is another number
        add_buffer(self, "filter", third.clone(), "constant")
        add_buffer(self, "total", torch.zeros(2), "shared")
        add_buffer(self, "last", torch.zeros(2), "local")
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.register_buffer("unsaid", torch.zeros(2))
        self.inner.register_buffer("again", self.unsaid)  # one tensor in two modules

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (N,) of points (N, 2)."""
        if self.training and self.inner.score.weight.requires_grad:
            with torch.no_grad():
                self.total += x.mean(0)
                self.unsaid += x.square().mean(0)
                self.last.copy_(x[0])
                self.count += 1
        return self.inner(self.dropout(x))


class Whole(GAN):
    """Its generator's loss is no mean over samples: it is of the mean over all of them."""

    default_discriminator = Buffered

    def build_players(self) -> tuple[nn.Module, nn.Module]:
        """Return the players; make buffers of the game's own."""
        add_buffer(self, "seen", torch.zeros(2), "shared")
        add_buffer(self, "mine", torch.zeros(2), "local")
        return super().build_players()

    def generator_loss(self, batch: Batch, z: Tensor) -> Terms:
        """Return a function of the mean over the whole batch that is not linear."""
        fake = self.fakes(batch, z)
        with torch.no_grad():
            self.seen += batch["image"].mean(0)
            self.mine.copy_(batch["image"][0])
        mean, square = self.mean(fake.mean(0)), self.mean(fake.square().mean(0))
        variance = square - mean.square()
        return {**super().generator_loss(batch, z), "spread": (variance.log() + mean.exp()).sum()}


class KeepRank(L.Callback):
    """Keeps what each rank begins and ends with."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.keep(trainer, pl_module, "start")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.keep(trainer, pl_module, "end")

    def keep(self, trainer: L.Trainer, model: L.LightningModule, when: str) -> None:
        torch.save(model.state_dict(), self.folder / f"{self.name}-{when}-{trainer.global_rank}.pt")


def new_model() -> Whole:
    """The game: gradient descent, whose steps are no longer than the gradients that differ."""
    sgd = partial(torch.optim.SGD, lr=0.05)
    return Whole(latent_dim=2, generator_optimizer=sgd, discriminator_optimizer=sgd, ema=40.0)


def trainer_for(folder: Path, ranks: int, rounds: int, **more: Any) -> L.Trainer:
    """Return a quiet trainer in float64 on so many ranks."""
    ddp: dict[str, Any] = {} if ranks == 1 else {"strategy": "ddp", "devices": ranks}
    return L.Trainer(
        **{"devices": 1, **ddp, **more},
        accelerator="cpu",
        max_steps=rounds,
        precision="64-true",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        default_root_dir=folder,
    )


def play(folder: Path, ranks: int, name: str, rounds: int, ckpt_path: Any = None) -> L.Trainer:
    """Play on so many ranks."""
    trainer = trainer_for(folder, ranks, rounds, callbacks=[KeepRank(folder, name)])
    trainer.fit(new_model(), Toy2D(num_points=72, batch_size=BATCH // ranks), ckpt_path=ckpt_path)
    return trainer


def main(folder: Path, ranks: int) -> None:
    play(folder, ranks, "run", ROUNDS).save_checkpoint(folder / "run.ckpt")
    play(folder, ranks, "more", ROUNDS + 1, folder / "run.ckpt")


if __name__ == "__main__":
    os.environ.setdefault("PL_GLOBAL_SEED", "0")
    torch.set_num_threads(1)
    import few_ranks  # by the name that the tests know it by: checkpoints say it

    few_ranks.main(Path(sys.argv[1]), int(sys.argv[2]))
