"""`ganzoo noise`: what the noise inputs of a generator change."""

import torch
from torch import Tensor

from ganzoo.latent.codes import codes_named
from ganzoo.latent.noise import deviation
from ganzoo.latent.spaces import image_model
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.checkpoint_file import opened
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable_png
from ganzoo.system.output import say
from ganzoo.system.words import counted

__all__ = ["noise"]

SHOWN = 3  # images of each sample


def noise(
    ckpt: str,
    samples: str = "0-3",
    count: int = 100,
    out: str = "noise.png",
    psi: float = 1.0,
    label: str | None = None,
    seed: int = 0,
    raw: bool = False,
    trust: bool = False,
) -> None:
    """Show what noise changes: samples with the same latents and several noises, and the deviation of each pixel.

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        samples: their numbers, such as 1,2 or 4-7, or an .npz file of codes.
        count: how many noises the deviation is taken over.
        out: the .png to write: a sample in each row, three noises, and the standard deviation of each pixel.
        psi: truncation of samples by number: 1 is none, 0 the mean image.
        label: the class of samples by number, for a conditional model. Unless given: each class in turn.
        seed: of the samples and of their noises.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    if seed < 0 or count < 2:
        raise UserError(f"seed is {seed} and count {count}: give at least 0 and 2.")
    path = writable_png(out)
    model = image_model(opened(ckpt, trust), "noise to change")
    codes = codes_named(model, samples, seed, "samples", raw, label, psi)
    images, spread = deviation(model, codes, count, min(SHOWN, count), seed, raw)
    most = float(spread.max())
    scaled: Tensor = (2 * spread / most - 1).expand(-1, images.shape[2], -1, -1)
    grid = torch.cat([images, scaled[:, None]], 1)
    told = f"{images.shape[1]} noises of {count}; white is a deviation of {most:.3f} (values from -1 to 1)"
    save_sheet({"": grid.flatten(0, 1)}, path, grid.shape[1], told, codes.names)
    say(
        f"{counted(len(codes), 'sample')} of {type(model).__name__} with {count} noises, seed {seed}: a pixel deviates "
        f"by {float(spread.mean()):.4f} on average and by {most:.4f} at most (images from -1 to 1): {out}"
    )
