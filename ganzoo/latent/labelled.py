"""Samples with labels: what a classifier, trained on real images, sees in them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganzoo.data import DataModule
from ganzoo.game import FromNoise
from ganzoo.metrics import Judge, judge_of
from ganzoo.system.errors import UserError
from ganzoo.system.output import say
from ganzoo.system.waiting import follow

__all__ = ["Labelled", "judges", "label", "separated", "told"]

MOST, HELD_OUT = 20_000, 1000  # images that a judge learns from, and that it is tried on
BATCH = 32
FEWEST = 5  # samples on each side of a plane


@dataclass
class Labelled:
    """Samples with what is seen in each, for each of several attributes.

    Attributes:
        z: latents (N, latent_dim).
        y: what a conditional model was told, (N, ...).
        labels: whether the attribute is there, (N, attributes), bool.
        kept: for each attribute the half of the samples that are surest, (N, attributes), bool.
        names: of the attributes.
    """

    z: Tensor
    y: Tensor | None
    labels: Tensor
    kept: Tensor
    names: list[str]


def judges(sets: Iterable[DataModule]) -> dict[str, tuple[Judge, int]]:
    """Return a judge for each attribute in sets of labelled images, by name, with the number of its class.

    How good it is, is said.

    A set of two classes has one attribute, whether an image is of the second; of more classes, each is one.

    Raises:
        UserError: a set has no labels.
    """
    found: dict[str, tuple[Judge, int]] = {}
    for data in sets:
        data.setup("fit")
        count = data.num_classes
        if not count or count < 2 or len(data.shape) != 3:
            raise UserError(
                f"{type(data).__name__} has no labels of images: give data with classes, or attributes of CelebA."
            )
        names = list(data.class_names or map(str, range(count)))
        judge = judge_of(*grey(data.train, MOST), count)
        images, labels = grey(data.val, HELD_OUT)
        right = (seen_by(judge, images.float().div(127.5).sub(1)).argmax(1) == labels).float().mean()
        of = names[1] if count == 2 else f"{count} classes"
        say(f"Classifier of {of}: right on {float(right):.1%} of {len(labels):,} held-out images.")
        found |= {names[number]: (judge, number) for number in (range(count) if count > 2 else [1])}
    return found


def grey(samples: object, most: int) -> tuple[Tensor, Tensor]:
    """Return at most so many images of a set, spread evenly, as grey ones (N, 1, H, W), uint8, and their labels."""
    count = len(samples)  # type: ignore[arg-type]
    images, labels = [], []
    for rows in torch.arange(0, count, max(1, -(-count // most))).split(256):
        batch = samples[rows]  # type: ignore[index]
        images.append(batch["image"].float().mean(1, keepdim=True).round().byte())
        labels.append(batch["label"])
    return torch.cat(images), torch.cat(labels)


@torch.no_grad()
def seen_by(judge: Judge, x: Tensor) -> Tensor:
    """Return the probabilities (N, classes) that a judge gives grey images (N, 1, H, W) in [-1, 1]."""
    return torch.cat([judge.logits(judge(part)).softmax(1) for part in x.split(256)])


def label(
    model: FromNoise, found: dict[str, tuple[Judge, int]], num: int, seed: int = 0, raw: bool | None = None
) -> Labelled:
    """Return samples with labels; of an attribute the half that its judge is surest of is kept, as in the paper.

    Karras et al. 2019, section 4.2 and appendix C.

    An attribute that (nearly) all of them show, or none, is left out with a message.

    Raises:
        UserError: that holds for all attributes.
    """
    rows = torch.arange(num)
    images = []
    for part in follow(rows.split(BATCH), "Batches of samples to label"):
        images.append(model.sample_rows(part, seed, raw).mean(1, keepdim=True).cpu())
    x = torch.cat(images)
    y = None if model.condition is None else model.condition.of_rows(rows, seed)
    labels, kept, names = [], [], []
    for name, (judge, number) in found.items():
        probability = seen_by(judge, x)[:, number]
        sure = (probability - 0.5).abs()
        keep, there = sure >= sure.median(), probability > 0.5
        count, here = int(keep.sum()), int((there & keep).sum())
        if not FEWEST <= here <= count - FEWEST:
            say(f"Left out: {name}, which {here:,} of the {count:,} samples that its classifier is surest of show.")
            continue
        labels.append(there)
        kept.append(keep)
        names.append(name)
    if not names:
        raise UserError("the samples differ in no label that is asked for: give others, or make more samples.")
    return Labelled(model.latents(rows, seed), y, torch.stack(labels, 1), torch.stack(kept, 1), names)


def told(model: FromNoise, num: int, seed: int = 0) -> Labelled:
    """Return samples of a conditional model with the classes that it was told; of two classes the second.

    Raises:
        UserError: it is told none, or some class has too few samples.
    """
    condition = model.condition
    if condition is None or not condition.classes:
        raise UserError(f"{type(model).__name__} has no classes: give labelled images, --data NAME --root DIR.")
    count, rows = condition.classes, torch.arange(num)
    if num < FEWEST * count:
        raise UserError(f"{num} samples are too few of {count} classes: --labelled {FEWEST * count} or more.")
    y = condition.of_rows(rows, seed)
    first = 1 if count == 2 else 0
    labels = torch.nn.functional.one_hot(y, count).bool()[:, first:]
    names = condition.class_names or [str(number) for number in range(count)]
    return Labelled(model.latents(rows, seed), y, labels, torch.ones_like(labels), list(names)[first:])


def separated(codes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the normal (D,) of the plane that separates codes (N, D) by labels (N,), and on which side each is.

    Logistic regression, of codes in units of their standard deviations. The normal has length 1 and points to `True`.
    """
    from sklearn.linear_model import LogisticRegression  # takes a second to import

    x = codes.double().numpy()
    mean, spread = x.mean(0), x.std(0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    fitted = LogisticRegression(max_iter=1000).fit((x - mean) / spread, labels.numpy())
    normal = torch.from_numpy(fitted.coef_[0] / spread).float()
    return normal / normal.norm(), torch.from_numpy(fitted.predict((x - mean) / spread)).bool()
