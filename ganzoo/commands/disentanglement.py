"""`ganzoo disentanglement`: path length and linear separability of the latent spaces of a generator."""

import csv
import io
from typing import Literal

import torch

from ganzoo.game import FromNoise
from ganzoo.latent.disentanglement import path_length, path_lengths, separability
from ganzoo.latent.distances import Distance, distance_for
from ganzoo.latent.labelled import Labelled, judges, label, told
from ganzoo.latent.sets import labelled_sets
from ganzoo.latent.spaces import image_model
from ganzoo.runs.checkpoint_file import opened
from ganzoo.system.errors import UserError
from ganzoo.system.files import collected, writable
from ganzoo.system.output import say, say_table
from ganzoo.system.places import local
from ganzoo.system.waiting import Waiting

__all__ = ["disentanglement"]

Row = tuple[str, str, float, str]  # measure, space, value, how


def disentanglement(
    ckpt: str,
    num: int = 2000,
    epsilon: float = 1e-4,
    lpips: str | None = None,
    data: str | None = None,
    root: str | None = None,
    attributes: list[str] | None = None,
    labelled: int = 10_000,
    out: str | None = None,
    seed: int = 0,
    raw: bool = False,
    trust: bool = False,
) -> None:
    """Measure how disentangled Z and W are, as StyleGAN's paper does: perceptual path length, linear separability.

    Lower is better in both. Figures compare with others of the same distance, number and classifier only: the paper's
    are of 100,000 pairs by LPIPS, and 200,000 labelled samples.

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        num: pairs of latents for the path length.
        epsilon: the step on a path.
        lpips: torchvision's file of VGG16, vgg16-397923af.pth, for the distance LPIPS; or `no`. Unless given: that in
            torch's cache. Nothing is downloaded: without it the distance is one of pixels in several sizes.
        data: for separability, a set with classes, such as Digits, Faces or ImageFolder. A small classifier learns
            them from grey images of 28 px, and labels samples; the surer half is kept. Without data, the classes that a
            conditional model is told are taken, in W.
        root: where the data is.
        attributes: attributes of CelebA, for Faces, such as Smiling Male.
        labelled: how many samples are labelled.
        out: a .csv for the table, too.
        seed: of all latents.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    if num < 2 or labelled < 20 or seed < 0 or not 1e-6 <= epsilon <= 0.1:
        raise UserError(
            f"num is {num}, labelled {labelled}, seed {seed} and epsilon {epsilon:g}: give at least 2, 20 and 0, and a "
            "step from 0.000001 to 0.1."
        )
    path = None if out is None else local(out)
    if path is not None:
        if path.suffix != ".csv":
            raise UserError(f"out is {out}: give a .csv.")
        writable(path)
    model = image_model(opened(ckpt, trust), "path length")
    by_data = data is not None or root is not None or attributes is not None
    sets = labelled_sets(model, data, root, attributes) if by_data else []
    assert model.shape is not None
    distance = distance_for(lpips, model.device, model.shape[0])
    own = not sets and model.styles is not None and model.condition is not None and model.condition.classes
    seen = told(model, labelled, seed) if own else label(model, judges(sets), labelled, seed, raw) if sets else None
    rows = path_rows(model, distance, num, epsilon, seed, raw)
    if seen is None:
        say("Separability needs labels: --data NAME --root DIR, of CelebA --attributes Smiling Male.")
    else:
        rows += separability_rows(model, seen, raw, own=bool(own))
    show(rows, type(model).__name__)
    if path is not None:
        text = io.StringIO()
        csv.writer(text).writerows([("measure", "space", "value", "how"), *rows])
        with collected(path) as file:
            file.write(text.getvalue().encode())
        say(f"The table: {out}")


def path_rows(model: FromNoise, distance: Distance, num: int, epsilon: float, seed: int, raw: bool) -> list[Row]:
    """Return the path length in each space, on the whole paths and at their starts."""
    rows: list[Row] = []
    spaces: tuple[Literal["z", "w"], ...] = ("z",) if model.styles is None else ("z", "w")
    samplings: tuple[Literal["full", "end"], ...] = ("full", "end")
    for space in spaces:
        for sampling in samplings:
            with Waiting(f"Path length in {space.upper()}, {sampling}", num) as waiting:
                found = []
                for lengths in path_lengths(model, distance, space, num, sampling, epsilon, seed, raw):
                    found.append(lengths)
                    waiting.advance(len(lengths))
            how = f"{distance.name}, {num:,} pairs, epsilon {epsilon:g}"
            rows.append((f"path length, {sampling}", space.upper(), path_length(torch.cat(found)), how))
    return rows


def separability_rows(model: FromNoise, labelled: Labelled, raw: bool, own: bool = False) -> list[Row]:
    """Return the separability of each space, of all attributes together and of each.

    The classes of the model's own are told beside z, so Z knows nothing of them and is left out.
    """
    rows: list[Row] = []
    codes = {} if own else {"Z": labelled.z}
    if model.styles is not None:
        codes["W"] = model.styles.of(labelled.z, labelled.y, raw)[:, 0].float().cpu()
    for space, values in codes.items():
        together, each = separability(values, labelled)
        which = f"{len(values):,} samples with the classes told" if own else f"half of {len(values):,} samples"
        how = f"{which}, logistic regression"
        rows.append(("separability", space, together, how))
        rows += [(f"separability of {name}", space, value, how) for name, value in each.items() if len(each) > 1]
    return rows


def show(rows: list[Row], name: str) -> None:
    """Print the table."""
    from rich.table import Table

    table = Table(title=f"Disentanglement of {name} (lower is better)", title_justify="left")
    for title in ("measure", "space", "value", "how"):
        table.add_column(title, justify="right" if title == "value" else "left")
    for measure, space, value, how in rows:
        table.add_row(measure, space, f"{value:.4g}", how)
    say_table(table)
