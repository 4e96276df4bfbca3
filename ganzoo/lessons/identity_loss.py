"""CycleGAN's identity loss: without it colours may change, since neither the cycle nor D prevents it.

Section 5.2 of Zhu et al. 2017 and their figure 9 tell of paintings whose daylight becomes dusk. Here the domains are
alike but for their style: thin digits and bold ones, white on tiles of any colour. A translator has to make the
strokes bold. Which colours it gives the ground the cycle leaves open, as long as the way back undoes it, and so does D,
to whom every colour is a real one.
"""

from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo.data import Digits
from ganzoo.data.base.tensors import to_float
from ganzoo.game import FromImages
from ganzoo.lessons.base import Table, scores, side_by_side, train
from ganzoo.pictures.grids import save_samples
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.checkpoint_file import load

__all__ = ["identity_loss"]

CONFIG = "experiments/lessons/identity_cyclegan.yaml"
STRENGTHS = (0.0, 0.5)  # none, and the paper's
SHOWN = 6
TILES = 4  # of the ground, along each side
PARTS = {"train": 748, "test": 50}  # images in each domain


def identity_loss(folder: Path, seed: int = 0, quick: bool = False) -> Table:
    """Train a CycleGAN without the identity loss and one with it; see how far the ground's colours move.

    The picture has inputs and their translations; runs and images are kept in `folder`. 10 minutes on one CPU thread.
    """
    root = folder / f"digits_{seed}{'_quick' * quick}"
    thin, ground = write(root, seed, {part: 8 if quick else number for part, number in PARTS.items()})
    runs = {strength: folder / "runs" / f"{strength}_{seed}{'_quick' * quick}" for strength in STRENGTHS}
    options = ["--data.root", str(root), "--seed_everything", str(seed)]
    options += ["--trainer.val_check_interval", "2"] if quick else []
    side_by_side(
        [
            partial(train, CONFIG, run, 2 if quick else None, *options, "--model.lambda_identity", str(strength))
            for strength, run in runs.items()
        ],
        "Training",
    )
    grids, rows = {"thin": thin[:SHOWN]}, []
    for strength, run in runs.items():
        model, found = load(run / "checkpoints" / "last.ckpt"), scores(run)
        assert isinstance(model, FromImages)
        bold = model.translate(thin, "AtoB")
        grids[f"identity loss {strength:g}"] = bold[:SHOWN]
        figures = (moved(thin, bold, ground), found["val/cycle_a"], found["val/swd_b"])
        rows.append([f"{strength:g}", *(f"{figure:.3f}" for figure in figures)])
    save_sheet(grids, folder / "identity-loss.png", columns=1)
    title = f"Thin digits made bold, {len(thin)} of each, seed {seed}, colours in [-1, 1]"
    return Table(title, ["identity loss", "the ground's colours move by", "there and back", "val/swd_b"], rows)


def write(root: Path, seed: int, numbers: dict[str, int]) -> tuple[Tensor, Tensor]:
    """Write the two domains, thin digits and bold ones, no digit in both.

    Returns:
        The thin ones of the last part, (N, 3, 32, 32) in [-1, 1], and where they would have no ink if they were bold,
        bool (N, 1, 32, 32).
    """
    g = torch.Generator().manual_seed(seed)
    for (part, number), digits in zip(numbers.items(), Digits(image_size=32).load(), strict=True):
        ink = (to_float(digits.tensors["image"], torch.float32) + 1) / 2
        thin, bold = ink[:number], thickened(ink[-number:])
        images = painted(thin, g)
        save_samples(images, range(number), root / f"{part}A")
        save_samples(painted(bold, g), range(number), root / f"{part}B")
    return images, thickened(thin) == 0


def thickened(ink: Tensor) -> Tensor:
    """Return ink (N, 1, H, W) in strokes that are 4 pixels broader."""
    return F.max_pool2d(ink, 5, stride=1, padding=2)


def painted(ink: Tensor, g: torch.Generator) -> Tensor:
    """Return white ink on tiles of any colour, (N, 3, H, W) in [-1, 1].

    Of one colour all over, instance norm would leave little to the networks: it takes away the mean of each map.
    """
    colours = 2 * torch.rand(len(ink), 3, TILES, TILES, generator=g) - 1
    return torch.lerp(F.interpolate(colours, ink.shape[2:]), torch.ones(()), ink)


def moved(before: Tensor, after: Tensor, ground: Tensor) -> float:
    """Return how far the colours of the ground (N, 1, H, W) are from what they were, a mean over its pixels."""
    return float((after - before).abs().mean(1, keepdim=True)[ground].mean())
