"""Stacked MNIST: how many of 1,000 modes does a GAN find, and how evenly? Needs MNIST; an hour of CPU a row."""

from functools import partial
from pathlib import Path

import torch

from ganzoo.data import StackedMNIST
from ganzoo.data.base.tensors import to_float
from ganzoo.game import FromNoise
from ganzoo.lessons.base import Table, scores, side_by_side, train
from ganzoo.metrics import StackedDigits
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.checkpoint_file import load

__all__ = ["stacked_mnist"]

ROWS = {  # the YAML in experiments/lessons: what the table says, and modes / KL as printed in R3GAN's paper
    "stacked_dcgan": ("DCGAN", "99 / 3.40"),
    "stacked_wgan_gp": ("WGAN-GP", "959 / 0.73"),
    "stacked_gan_r1_r2": ("GAN + R1 + R2", "693 / 0.927"),
    "stacked_rpgan_r1_r2": ("RpGAN + R1 + R2", "1000 / 0.078"),
}


def stacked_mnist(folder: Path, seed: int = 0, quick: bool = False, root: str = "data") -> Table:
    """Train each row, with one seed; the runs are kept in `folder`/runs.

    Args:
        folder: where the picture, and the runs, go.
        seed: of the runs.
        quick: two rounds of one row.
        root: the folder of MNIST's four files.
    """
    data = StackedMNIST(root=root, seed=seed, **({"num_stacks": 1000, "num_val": 1000} if quick else {}))
    data.setup()
    rows = list(ROWS)[:1] if quick else list(ROWS)
    options = ["--data.root", root, "--seed_everything", str(seed)]
    if quick:
        options += ["--data.num_val", "1000", "--data.num_stacks", "1000", "--trainer.val_check_interval", "2"]
    runs = {row: folder / "runs" / f"{row}_{seed}{'_quick' * quick}" for row in rows}
    work = [
        partial(train, f"experiments/lessons/{row}.yaml", run, 2 if quick else None, *options)
        for row, run in runs.items()
    ]
    side_by_side(work, "Training")
    real, found = scored(data)
    table = [["real test digits", f"{found['modes']:.0f}", f"{found['kl']:.3f}", "", ""]]
    grids = {"real": real}
    for row, run in runs.items():
        model, values = load(run / "checkpoints" / "last.ckpt"), scores(run)
        assert isinstance(model, FromNoise)
        name, published = ROWS[row]
        table.append(
            [name, f"{values['val/modes']:.0f}", f"{values['val/kl']:.3f}", f"{values['round']:,.0f}", published]
        )
        grids[f"{name}: {values['val/modes']:.0f} modes"] = model.sample(36)
    save_sheet(grids, folder / "stacked-mnist.png")
    title = f"{len(data.val):,} samples, seed {seed}, KL to the uniform distribution in nats"
    return Table(title, ["", "modes of 1,000", "KL", "rounds", "published"], table)


def scored(data: StackedMNIST) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return 36 real stacks, and the scores of all of them as if they had been generated."""
    judge = data.judge()
    assert judge is not None
    metric = StackedDigits(judge)
    for rows in torch.arange(len(data.val)).split(500):
        metric.update(to_float(data.val[rows]["image"], torch.float32), real=False)
    return to_float(data.val[torch.arange(36)]["image"], torch.float32), metric.compute()
