"""`ganzoo project`: the latents of given images."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch

from ganzoo.latent.codes import Codes
from ganzoo.latent.distances import distance_for
from ganzoo.latent.projection import Projection
from ganzoo.latent.projection import project as projected
from ganzoo.latent.spaces import image_model, space_of
from ganzoo.latent.targets import target_of
from ganzoo.pictures.films import save_film
from ganzoo.pictures.sheets import save_sheet, sheet
from ganzoo.runs.checkpoint_file import opened
from ganzoo.runs.chosen import chosen
from ganzoo.system.errors import UserError
from ganzoo.system.files import distinct, new_folder
from ganzoo.system.output import say
from ganzoo.system.waiting import Waiting

__all__ = ["project"]


def project(
    ckpt: str,
    images: list[str],
    out: str = "projected",
    space: Literal["z", "w", "w+"] | None = None,
    steps: int = 1000,
    lr: float = 0.1,
    noise: bool = True,
    lpips: str | None = None,
    label: str | None = None,
    strict: bool = False,
    seed: int = 0,
    raw: bool = False,
    trust: bool = False,
) -> None:
    """Find the latents whose images are nearest to given ones, as StyleGAN2's paper does (appendix D).

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        images: image files, such as a.jpg b.png.
        out: a new folder. Of each image it gets a .png (the target, and what was found) and a .gif of the way; and
            codes.npz, which `edit`, `mix`, `interpolate` and `sample` take.
        space: z, w (one style for all layers), or w+ (one for each layer: nearer, but less like the model's own
            images). Unless given: w, or z for a model that has no w.
        steps: of the search.
        lr: its largest learning rate.
        noise: in W and W+, learn the noise maps too.
        lpips: torchvision's file of VGG16, vgg16-397923af.pth, for the distance LPIPS; or `no`. Unless given: that in
            torch's cache. Nothing is downloaded: without it the distance is one of pixels in several sizes.
        label: the class, for a conditional model.
        strict: refuse images of another size or mode. Otherwise they are cropped and resized, with a message.
        seed: of all chance.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    if steps < 1 or seed < 0 or not 0 < lr < 1e6:
        raise UserError(
            f"steps is {steps}, lr {lr:g} and seed {seed}: give 1 step or more, a rate above 0 and below 1,000,000, "
            "and a seed of 0 or more."
        )
    if missing := [name for name in images if not os.path.isfile(name)]:
        what = "is a folder: give the images in it" if os.path.isdir(missing[0]) else "is not there: give an image"
        raise UserError(f"{missing[0]} {what}.")
    ckpt = chosen(ckpt)
    model = image_model(opened(ckpt, trust), "projection")
    where = space_of(model, space, "projection")
    y = model.asked(label)
    if model.condition is not None and y is None:
        raise UserError(f"{type(model).__name__} is conditional: say the class of the images, --label.")
    targets = [target_of(name, model, ckpt, strict) for name in images]
    assert model.shape is not None
    found: list[Projection] = []
    with new_folder(out) as folder:
        distance = distance_for(lpips, model.device, model.shape[0])
        for name, file, (target, changes) in zip(images, files_for(images), targets, strict=True):
            if changes:
                say(f"{name} is {' and '.join(changes)}.")
            with Waiting(f"Projecting {Path(name).name}", steps) as waiting:
                one = projected(
                    model, target, distance, where, steps, lr, noise, None if y is None else y[None], seed, raw,
                    watch=waiting.advance,
                )  # fmt: skip
            found.append(one)
            told = f"{where.upper()}, {steps} steps, {distance.name} {one.distance:.4f}, L1 {one.l1:.4f}"
            with both_or_none(folder / file) as (picture, film):
                save_sheet({"target": target[None], "projection": one.image[None]}, picture, 1, told)
                way = [sheet({"target": target[None], "projection": image[None]}, 1) for image in one.way]
                save_film(way, film, seconds=0.1, story=True)
                together([each.codes for each in found], images).save(folder / "codes.npz", model, raw)
            length = ""
            if where == "z" and model.latent == "normal":
                length = f", |z| {float(one.codes.values.norm()):.1f} (of samples: {model.latent_dim**0.5:.1f})"
            say(f"{name}: {told} (values from -1 to 1){length}")
    say(f"{len(found)} projected into {where.upper()} of {type(model).__name__}, seed {seed}: {out}/codes.npz")


@contextmanager
def both_or_none(picture: Path) -> Iterator[tuple[Path, Path]]:
    """Give the names of an image's two files, which are removed if not all was written that belongs to them."""
    film = picture.with_suffix(".gif")
    try:
        yield picture, film
    except BaseException:
        for path in (picture, film):
            path.unlink(missing_ok=True)
        raise


def together(found: list[Codes], images: list[str]) -> Codes:
    """Return the codes of all images as one."""
    first = found[0]
    y = None if first.y is None else torch.cat([codes.y for codes in found if codes.y is not None])
    maps = {name: torch.cat([codes.maps[name] for codes in found]) for name in first.maps}
    rows = torch.cat([codes.rows for codes in found])
    names = [Path(name).stem for name in images[: len(found)]]
    return Codes(first.space, torch.cat([codes.values for codes in found]), y, maps, first.seed, rows, names)


def files_for(images: list[str]) -> list[str]:
    """Return the names of the pictures of images: their own, numbered where two are called the same."""
    names = [Path(name).name for name in images]
    again = len(set(names)) < len(names)
    return distinct([f"{number:03d}_{name}" if again else name for number, name in enumerate(names)])
