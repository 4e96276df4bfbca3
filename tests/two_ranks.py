"""Run by test_ranks.py in a pair of processes: every model, one after the other.

Not a test by itself: `python two_ranks.py FOLDER GROUP` starts its own second rank, as `ganzoo fit --trainer.devices 2`
does. With `long` after it, each model plays 20 rounds, with lazy penalties.
"""

import inspect
import os
import sys
from pathlib import Path

import lightning as L
import torch
from conftest import EXPENSIVE, FROM_NOISE, TRANSLATORS, fit_args

import ganzoo
from ganzoo.cli.main import run
from ganzoo.game import NonFiniteLoss, agreement
from ganzoo.game.record import options_of
from ganzoo.game.synchronised import Synchronised
from ganzoo.models import GAN
from ganzoo.system.errors import UserError

GROUPS = {  # each is a pair of processes, so that none takes too long
    "noise": [name for name in FROM_NOISE if name not in EXPENSIVE],
    "images": [name for name in TRANSLATORS if name not in EXPENSIVE],
    "expensive": EXPENSIVE,
}
FID_TOO = ("--data.extra_metrics", '[{"class_path": "FID", "init_args": {"extractor": {"class_path": "fakes.Means"}}}]')
PATHS_TOO = ("--data.extra_metrics+=fakes.PixelPaths",)
ADAPTIVE = ("--model.augment", "ADA", "--model.augment.speed", "0.1")  # p moves by 0.32 in four rounds
LAZY = '[{"class_path": "R2", "init_args": {"gamma": 0.1, "every": 4}}]'  # R1 is a move of StyleGAN2's own
IN_ALL = ("GAN", "DCGAN")  # models that are tried in other precisions too, in float32 without synchronised batch norm


class KeepRank(L.Callback):
    """Keeps each rank's own weights, to be compared."""

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        state = {"state_dict": pl_module.state_dict(), "callback_metrics": dict(trainer.callback_metrics)}
        state["synchronised"] = any(isinstance(module, Synchronised) for module in pl_module.modules())
        torch.save(state, Path(trainer.log_dir) / f"rank{trainer.global_rank}.pt")


class SpoiledOnRank1(GAN):
    """Its loss is NaN in round 2, on rank 1 only."""

    def generator_loss(self, batch, z):
        terms = super().generator_loss(batch, z)
        if self.global_step == 2 and self.global_rank == 1:
            terms["spoiled"] = next(self.generator.parameters()).sum() * float("nan")
        return terms


class DriftsOnRank1(GAN):
    """A single bit of one weight is another one on rank 1 from round 2 on."""

    def after_round(self, step):
        if step == 2 and self.global_rank == 1:
            bias = self.discriminator.score.bias.data
            bias.view(torch.int32 if bias.dtype == torch.float32 else torch.int64).bitwise_xor_(1)


class OtherVersion(GAN):
    """Rank 1 says that it has another torch."""

    def setup(self, stage):
        own = agreement.versions()
        agreement.versions = lambda: own | ({"torch": "1.0"} if self.global_rank == 1 else {})
        try:
            super().setup(stage)
        finally:
            agreement.versions = lambda: own


def args_for(model: str, folder: Path, precision: str, devices: int, *more: str) -> list[str]:
    return fit_args(
        *(model, folder, 12, "--trainer.devices", str(devices), "--trainer.precision", precision),
        *("--data.batch_size", str(8 // devices), "--trainer.limit_val_batches", "1.0"),
        *("--trainer.callbacks", "two_ranks.KeepRank"),
        *("--trainer.sync_batchnorm", str(precision != "32-true").lower()),
        *(FID_TOO if model == "DCGAN" else PATHS_TOO if model == "GAN" else ()),
        *more,
    )


def long_args(model: str) -> tuple[str, ...]:
    """The options of a longer game, with a penalty in each fourth round where a model takes one."""
    cls = getattr(ganzoo.models, model)
    penalty = ["--model.penalties", LAZY] if "penalties" in options_of(cls) else []
    if penalty and "norm" in inspect.signature(cls.default_discriminator).parameters:
        penalty += ["--model.discriminator.norm", "none"]  # batch norm and the slope at a sample don't go together
    return ("--trainer.max_steps", "20", *penalty)


def main(folder: Path, group: str, how: str = "") -> None:
    if how == "long":
        for model in GROUPS[group]:
            for precision in ("64-true", "bf16-mixed"):
                run(args_for(model, folder / f"{model}-{precision}", precision, 2, *long_args(model)))
        return
    for model in GROUPS[group]:
        for precision in ("64-true", "32-true", "bf16-mixed") if model in IN_ALL else ("64-true",):
            run(args_for(model, folder / f"{model}-{precision}", precision, 2))
    if group != "noise":
        return
    run(args_for("GAN", folder / "ADA-64-true", "64-true", 2, *ADAPTIVE))
    for name in ("SpoiledOnRank1", "DriftsOnRank1", "OtherVersion"):
        try:
            run(args_for(f"two_ranks.{name}", folder / name, "32-true", 2))
        except (NonFiniteLoss, UserError) as error:
            (folder / f"{name}-{os.environ['LOCAL_RANK']}.txt").write_text(str(error))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
