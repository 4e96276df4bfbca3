"""`ganzoo truncation`: samples at several degrees of truncation."""

import torch

from ganzoo.latent.codes import codes_named
from ganzoo.latent.spaces import image_model, need_w
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.checkpoint_file import load
from ganzoo.runs.chosen import chosen
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable
from ganzoo.system.output import say
from ganzoo.system.places import local

__all__ = ["truncation"]


def truncation(
    ckpt: str,
    samples: str = "0-5",
    psi: list[float] = [-1, -0.5, 0, 0.5, 0.7, 1],  # noqa: B006  (jsonargparse copies it)
    out: str = "truncation.png",
    label: str | None = None,
    seed: int = 0,
    raw: bool = False,
    trust: bool = False,
) -> None:
    """Draw samples at several degrees of truncation: w becomes mean + psi (w - mean).

    Args:
        ckpt: a .ckpt file of a style-based model, or a run's folder: its last checkpoint.
        samples: their numbers, such as 1,2 or 4-7.
        psi: the degrees, as [0,0.5,1]: 1 is none, 0 the mean image, and below 0 lies each sample's opposite.
        out: the .png to write: a sample in each row, a degree in each column.
        label: the class, for a conditional model. Unless given: each class in turn.
        seed: of the samples, as in `ganzoo sample`.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    if seed < 0 or not psi:
        raise UserError(f"seed is {seed} and psi {psi}: give 0 or more, and some degrees.")
    path = local(out)
    if path.suffix != ".png":
        raise UserError(f"out is {out}: give a .png.")
    writable(path)
    model = image_model(load(chosen(ckpt), trust), "truncation")
    need_w(model, "truncation")
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    made = [codes_named(model, samples, seed, "samples", raw, label, degree) for degree in psi]
    images = torch.stack([codes.images(model, raw) for codes in made], 1)
    told = f"psi {', '.join(f'{degree:g}' for degree in psi)}"
    save_sheet({"": images.flatten(0, 1)}, path, len(psi), told, made[0].names)
    say(f"{len(images)} samples of {type(model).__name__}, {told}, seed {seed}: {out}")
