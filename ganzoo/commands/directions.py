"""`ganzoo directions`: directions in a latent space, with a strip of pictures of each."""

from typing import Literal

import torch
from torch import Tensor

from ganzoo.game import FromNoise
from ganzoo.latent.codes import codes_named
from ganzoo.latent.directions import Directions, first_weight, moved_along, of_labels, principal, sefa, style_weights
from ganzoo.latent.labelled import judges, label, told
from ganzoo.latent.sets import labelled_sets
from ganzoo.latent.spaces import image_model, layers_of
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.checkpoint_file import opened
from ganzoo.system.errors import UserError
from ganzoo.system.files import new_folder
from ganzoo.system.output import harmless, say
from ganzoo.system.words import counted

__all__ = ["directions"]

Method = Literal["sefa", "pca", "labels"]


def directions(
    ckpt: str,
    method: Method | None = None,
    out: str = "directions",
    count: int = 8,
    layers: str | None = None,
    data: str | None = None,
    root: str | None = None,
    attributes: list[str] | None = None,
    num: int = 10_000,
    samples: str = "0-3",
    strength: float = 3.0,
    steps: int = 7,
    seed: int = 0,
    raw: bool = False,
    trust: bool = False,
) -> None:
    """Find directions in a latent space along which images change in one way, in W if there is one, or else in Z.

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        method: sefa, the closed form of Shen and Zhou 2021 on the weights that latents meet first; pca, the principal
            components of W (Härkönen et al. 2020); labels, what separates the samples with a label from the others
            (Shen et al. 2020). Unless given: labels if data is given, or else sefa.
        out: a new folder: a strip of pictures of each direction, and directions.npz, which `edit` takes.
        count: how many directions, for sefa and pca.
        layers: the layers that they are for, such as 4-7, in W. Layer 0 is the coarsest. Unless given: all.
        data: for labels, a set with classes, such as Digits, Faces or ImageFolder. A small classifier learns them from
            grey images of 28 px, and labels samples. Without data a conditional model's own classes are taken.
        root: where the data is.
        attributes: attributes of CelebA, for Faces, such as Smiling Male.
        num: how many latents pca, labels and the units of strength are taken from.
        samples: those in the pictures, by their numbers, such as 1,2 or 4-7, or an .npz file of codes.
        strength: how far the strips go each way, in standard deviations of the latents along a direction.
        steps: pictures of a strip.
        seed: of all latents.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    if count < 1 or num < 20 or steps < 2 or seed < 0 or not 0 < strength < 1e6:
        raise UserError(
            f"count is {count}, num {num}, steps {steps}, seed {seed} and strength {strength:g}: give at least 1, 20, "
            "2 and 0, and a strength above 0 and below 1,000,000."
        )
    by_data = data is not None or root is not None or attributes is not None
    way: Method = method or ("labels" if by_data else "sefa")
    if by_data and way != "labels":
        raise UserError(f"method is {way}, which needs no data: leave --data, --root and --attributes out.")
    model = image_model(opened(ckpt, trust), "direction")
    if layers is not None and model.styles is None:
        raise UserError(f"layers is {layers}, and {type(model).__name__} has no space W: leave --layers out.")
    moving = [] if model.styles is None else layers_of(layers, model.styles.num_ws)
    shown = codes_named(model, samples, seed, "samples", raw)
    with new_folder(out) as folder:
        if way == "labels":
            found = by_labels(model, moving, num, seed, raw, (data, root, attributes) if by_data else None)
        else:
            found = without_labels(model, way, moving, count, num, seed, raw)
        found.save(folder / "directions.npz", model, raw)
        strengths = torch.linspace(-strength, strength, steps).tolist()
        for index, name in enumerate(found.names):
            moved = [moved_along(shown, found, index, by, model, raw).images(model, raw) for by in strengths]
            caption = f"{found.method}: {name}, from {-strength:g} to {strength:g} standard deviations"
            strip = torch.stack(moved, 1).flatten(0, 1)
            save_sheet({"": strip}, folder / file_for(index, name), steps, caption, shown.names)
    where = f"in {found.space.upper()}" + (f", layers {layers}" if layers else "")
    say(f"{counted(len(found), 'direction')} {where} of {type(model).__name__}, {found.method}, seed {seed}: {out}")


def file_for(index: int, name: str) -> str:
    """Return the name of a direction's picture: its number and its name, if that can be one of a file."""
    plain = "".join(letter if letter.isalnum() else "_" for letter in harmless(name))[:40]
    return f"{index:02d}.png" if name == str(index) else f"{index:02d}_{plain}.png"


def drawn(model: FromNoise, num: int, seed: int, raw: bool) -> Tensor:
    """Return codes (num, D) of samples, in W if the model has one, or else in Z."""
    rows = torch.arange(num)
    z = model.latents(rows, seed)
    if model.styles is None:
        return z
    y = None if model.condition is None else model.condition.of_rows(rows, seed)
    return model.styles.of(z, y, raw)[:, 0].float().cpu()


def without_labels(
    model: FromNoise, method: Method, layers: list[int], count: int, num: int, seed: int, raw: bool
) -> Directions:
    """Return the directions of SeFa or of PCA.

    Raises:
        UserError: the generator has none.
    """
    codes = drawn(model, num, seed, raw)
    if method == "pca":
        if model.styles is None:
            raise UserError(
                f"{type(model).__name__} has no space W, and in Z all directions are alike: PCA finds nothing there. "
                "Take --method sefa."
            )
        vectors, values = principal(codes, count)
        said = "PCA"
    else:
        weight = first_weight(model, raw) if model.styles is None else style_weights(model, layers, raw)
        vectors, values = sefa(weight, count)
        said = "SeFa"
    return Directions("z" if model.styles is None else "w", vectors, units_of(codes, vectors), values, said, layers)


def units_of(codes: Tensor, vectors: Tensor) -> Tensor:
    """Return the standard deviation (K,) of codes (N, D) along vectors (K, D)."""
    return (codes.double() @ vectors.double().T).std(0).float()


def by_labels(
    model: FromNoise,
    layers: list[int],
    num: int,
    seed: int,
    raw: bool,
    given: tuple[str | None, str | None, list[str] | None] | None,
) -> Directions:
    """Return the direction of each label.

    Raises:
        UserError: there are no labels.
    """
    if given is None:
        if model.styles is None:
            raise UserError(
                f"{type(model).__name__} is told its classes beside z, so z has no direction of them: give labelled "
                "images, --data NAME --root DIR."
                if model.condition is not None
                else f"{type(model).__name__} has no classes: give labelled images, --data NAME --root DIR."
            )
        labelled = told(model, num, seed)
    else:
        classifiers = judges(labelled_sets(model, *given))
        labelled = label(model, classifiers, num, seed, raw)
    codes = drawn(model, num, seed, raw)
    vectors, right, names = of_labels(codes, labelled)
    for name, share in zip(names, right.tolist(), strict=True):
        say(f"{name}: a plane tells {share:.1%} of the samples right.")
    space: Literal["z", "w"] = "z" if model.styles is None else "w"
    return Directions(space, vectors, units_of(codes, vectors), right, "labels", layers, names)
