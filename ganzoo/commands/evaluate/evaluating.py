"""`ganzoo.evaluate`: from a checkpoint or a folder, a data set and the names of metrics to scores with recipes."""

import os
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import torch

from ganzoo.commands.evaluate.asked import metrics_for, needs_data
from ganzoo.commands.evaluate.folders import FolderImages
from ganzoo.commands.evaluate.judged import FolderSamples, ModelSamples, Translations
from ganzoo.commands.evaluate.ranks import Ranks
from ganzoo.commands.evaluate.real import RealSet
from ganzoo.commands.evaluate.run_data import data_of_run
from ganzoo.commands.evaluate.scoring import scores_of
from ganzoo.data import DataModule
from ganzoo.game import FromImages, Game
from ganzoo.latent.sets import data_named, side_or_sides
from ganzoo.metrics import FeatureMetric, SampleMetric
from ganzoo.runs.checkpoint_file import load, read
from ganzoo.runs.chosen import folder_of, in_run, is_run
from ganzoo.runs.memorized import draw_memorized
from ganzoo.system.errors import UserError
from ganzoo.system.files import sha256
from ganzoo.system.hardware import hardware
from ganzoo.system.output import say
from ganzoo.system.places import at_home

__all__ = ["evaluate"]

FORMAT = 1  # of an evaluation
NUM = 10_000  # samples of a model, unless another number is given
LARGEST = 4096  # px that images are brought to
MOST = 10_000_000  # samples
LARGEST_SEED = 2**63 - 1  # what a generator of PyTorch takes
Split = Literal["val", "train"]


def evaluate(
    samples: Game | str | os.PathLike[str],
    data: DataModule | str | os.PathLike[str] | None = None,
    metrics: Sequence[str | SampleMetric] = ("fid",),
    *,
    root: str | None = None,
    extractor: str | None = None,
    weights: str | None = None,
    lpips: str | None = None,
    num: int | None = None,
    seed: int = 0,
    raw: bool = False,
    batch_size: int = 64,
    split: Split = "val",
    resize: int | None = None,
    pictures: str | os.PathLike[str] | None = None,
    ranks: Ranks | None = None,
    trust: bool = False,
) -> dict[str, Any]:
    """Return the scores of samples by name, each with its recipe, as `evaluation.json` has them.

    Args:
        samples: a model, a checkpoint, a run's folder, or a folder or zip of images.
        data: what they are compared with: a DataModule, the name of one's class (`Digits`), or a folder or zip of
            images. None: the data of the checkpoint's run, or nothing if no metric needs real images.
        metrics: their names, such as `fid`, `kid`, `prdc`, class paths, or metrics.
        root: where the data of a class is.
        extractor: what sees the images: a name, such as `inception`, or a class path. None: `inception`; of points the
            points themselves.
        weights: the file of its weights.
        lpips: torchvision's file of VGG16, for the metrics that look through LPIPS.
        num: how many samples. None: 10,000 of a model, all of a folder.
        seed: of a model's samples.
        raw: use the generator's raw weights even if there is an average.
        batch_size: samples at once.
        split: the part of a data set, `val` or `train`.
        resize: a side in px that the images of a folder are brought to.
        pictures: where pictures go that a metric has, such as the samples nearest to training images: a path, to which
            -memorization.png is added. None: nowhere.
        ranks: the processes that share the work. None: this one.
        trust: let a checkpoint name classes that are not ganzoo's.

    Raises:
        UserError: something can't be had, the sets do not fit, or are too small.
    """
    if batch_size < 1 or seed < 0 or (num is not None and num < 1) or (resize is not None and resize < 1):
        raise UserError(
            f"num is {num}, batch_size {batch_size}, seed {seed} and resize {resize}: give at least 1, 1, 0 and 1."
        )
    if (resize or 0) > LARGEST or (num or 0) > MOST or seed > LARGEST_SEED:
        raise UserError(
            f"num is {num}, seed {seed} and resize {resize}: give at most {MOST:,}, {LARGEST_SEED} and {LARGEST:,}."
        )
    if split not in ("val", "train"):
        raise UserError(f"split is {split}: give val or train.")
    ranks, began = ranks or Ranks(), time.monotonic()
    needed = needs_data(metrics, extractor)
    alone = not needed and data is None and root is None
    if isinstance(samples, Game) or is_checkpoint(samples):
        if resize is not None:
            raise UserError("resize is for images of a folder: a model's samples have their size.")
        model, of = opened(samples, trust)
        model = model.to(ranks.device).eval()
        alone = alone and not isinstance(model, FromImages) and model.condition is None
        real = None if alone else real_for_model(model, samples, data, root, split, trust)
        judged: Any = Translations(model, seed, raw) if isinstance(model, FromImages) else None
        judged = judged or ModelSamples(model, num or NUM, seed, raw, real)  # type: ignore[arg-type]
        if isinstance(model, FromImages) and num is not None:
            raise UserError("num is for samples from noise: of a model that translates all images of the set count.")
        noted: dict[str, Any] = {}
    else:
        images = FolderImages(str(samples), "samples")
        size = (resize, resize) if resize is not None else images.size()
        real = None if alone else folder_against(images, size, data, root, split)
        judged, noted = samples_of(images, size, real, num, resize)
        of = {"folder": images.path.name, "checksum": judged.content()}
        if needed and real is not None and of["checksum"] == real.content():
            say(f"{images.path} and {real.name} hold the same images: their distance says nothing of a model.")
    asked = metrics_for(metrics, extractor, weights, None if real is None else real.data, judged, lpips)
    looks = any(isinstance(part, FeatureMetric) for metric in asked for part in metric.modules())
    if (extractor is not None or weights is not None) and not looks:
        raise UserError("none of these metrics looks through an extractor: leave --extractor and --weights out.")
    with torch.no_grad():
        scores = scores_of(judged, real, asked, batch_size, ranks, noted)
    if pictures is not None and ranks.is_first:
        file = Path(f"{os.fspath(pictures)}-memorization.png")
        if draw_memorized(asked, file):
            say(f"{file}: the samples nearest to training images, beside these.")
    return {
        "format": FORMAT,
        "of": of,
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "hardware": hardware(ranks.device.type, ranks.count),
        "seconds": round(time.monotonic() - began, 1),
        "scores": scores,
    }


def is_checkpoint(samples: str | os.PathLike[str]) -> bool:
    """Say whether a path is a checkpoint or a run, not a folder or a zip of images."""
    path = Path(at_home(samples))
    return in_run(path) != path or is_run(path) or not (os.path.isdir(path) or path.suffix.lower() == ".zip")


def opened(samples: Game | str | os.PathLike[str], trust: bool) -> tuple[Game, dict[str, Any]]:
    """Return a model, and what `evaluation.json` says of it."""
    if isinstance(samples, Game):
        return samples, {"model": type(samples).__name__, "images": samples.images_seen}
    path = in_run(at_home(samples))
    model, checkpoint = load(path, trust), read(path)
    known = checkpoint["ganzoo"]
    step = known.get("step")  # that of an export, which begins anew itself
    step = step if type(step) is int else checkpoint.get("global_step")
    of = {"checkpoint": path.name, "sha256": sha256(path), "step": step}
    return model, {**of, "images": known.get("images_seen")}


def real_for_model(model: Game, samples: Any, data: Any, root: str | None, split: Split, trust: bool) -> RealSet:
    """Return the real set for a model's samples, in their size.

    Raises:
        UserError: there is none, or its samples have another shape.
    """
    shapes = model.shapes if isinstance(model, FromImages) else {"image": model.shape}
    shape: Any = list((shapes or {}).values())[-1]
    if data is None:
        if isinstance(samples, Game) or root is not None:
            raise UserError("give the data that samples are compared with: --data NAME, or --against FOLDER.")
        data = data_of_run(folder_of(str(samples)), trust)
    elif isinstance(data, str) and not os.path.exists(at_home(data)):
        size = {} if len(shape) == 1 else {"image_size": side_or_sides(shape), "channels": shape[0]}
        data = data_named(data, root, **size)
    if isinstance(data, DataModule):
        real = RealSet.of_data(data, split)
        model.check_data(data)
    else:
        if isinstance(model, FromImages):
            raise UserError(f"{type(model).__name__} translates: give --data of two domains, not a folder of images.")
        real = RealSet.of_folder(FolderImages(str(data), "against"), tuple(shape[1:]), shape[0])
    wanted: dict[str, Any] = {name: tuple(size) for name, size in (shapes or {}).items() if size is not None}
    if real.shapes != wanted:
        raise UserError(
            f"{type(model).__name__} makes samples of {in_words(wanted)}, and {real.name} has {in_words(real.shapes)}: "
            "give the data with the options that the model was trained with, such as --data NAME alone."
        )
    return real


def folder_against(images: FolderImages, size: tuple[int, int], data: Any, root: str | None, split: Split) -> RealSet:
    """Return the real set for images of a folder that have a size.

    Raises:
        UserError: it has another size, or is the same folder.
    """
    if data is None:
        raise UserError("give the data that the images are compared with: --data NAME --root DIR, or --against FOLDER.")
    if isinstance(data, str) and not os.path.exists(at_home(data)):
        side = size[0] if size[0] == size[1] else list(size)
        data = data_named(data, root, image_size=side, channels=images.channels())
    if isinstance(data, DataModule):
        real = RealSet.of_data(data, split)
    else:
        against = FolderImages(str(data), "against")
        if against.path.resolve() == images.path.resolve():
            raise UserError(f"{images.path} is compared with itself: give --against another folder.")
        real = RealSet.of_folder(against, size, images.channels())
    shape = real.shapes.get("image")
    if shape is None or len(shape) != 3:
        raise UserError(f"{real.name} has no single images: give data of images, such as ImageFolder.")
    if shape[1:] != size:
        raise UserError(
            f"the images in {images.path} have {size[0]}x{size[1]} px, and those of {real.name} {shape[1]}x{shape[2]}: "
            f"give --resize {shape[1]} to bring the first to that size, which the recipe says."
        )
    return real


def samples_of(
    images: FolderImages, size: tuple[int, int], real: RealSet | None, num: int | None, resize: int | None
) -> tuple[FolderSamples, dict[str, Any]]:
    """Return the images of a folder in a size, with the channels of the real set, and what the recipes note of them.

    Raises:
        UserError: there are fewer.
    """
    if num is not None and num > len(images):
        raise UserError(f"num is {num:,}, and {images.path} has {len(images):,} images: give fewer, or make more.")
    noted = {} if resize is None else {"resized": f"samples cropped to squares and to {resize} px, antialiased"}
    channels = images.channels() if real is None else real.shapes["image"][0]
    return FolderSamples(images.samples(size, channels), num or len(images)), noted


def in_words(shapes: dict[str, tuple[int, ...]]) -> str:
    """Return shapes by name in words."""
    return ", ".join(f"{'x'.join(map(str, shape))} ({name})" for name, shape in shapes.items())
