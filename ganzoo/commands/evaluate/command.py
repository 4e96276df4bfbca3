"""The command itself: its options, and where its result goes."""

import contextlib
import os
from pathlib import Path
from typing import Literal

from ganzoo.commands.evaluate import evaluating
from ganzoo.commands.evaluate.ranks import Ranks
from ganzoo.commands.evaluate.result import print_table, write
from ganzoo.runs.chosen import chosen, folder_of
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable
from ganzoo.system.output import say
from ganzoo.system.places import local

__all__ = ["evaluate"]


def evaluate(
    samples: str,
    data: str | None = None,
    root: str | None = None,
    against: str | None = None,
    metrics: list[str] | None = None,
    extractor: str | None = None,
    weights: str | None = None,
    lpips: str | None = None,
    num: int | None = None,
    seed: int = 0,
    raw: bool = False,
    batch_size: int = 64,
    split: Literal["val", "train"] = "val",
    resize: int | None = None,
    devices: int = 1,
    out: str | None = None,
    trust: bool = False,
) -> None:
    """Score a checkpoint, or any folder or zip of images, against real images; each score with its recipe.

    Real images are looked at once: their features are kept below ~/.cache/ganzoo. Figures compare only where their
    recipes are equal.

    Args:
        samples: a .ckpt file, a run's folder (its last checkpoint), or a folder or zip of images, made by any tool.
        data: the set that they are compared with, such as Digits or ImageFolder. Unless given: the data of the run, or
            nothing if no metric needs real images.
        root: where the data is.
        against: a folder or zip of real images, in place of data.
        metrics: names, such as fid kid prdc is, or class paths. Unless given: fid, which has kid with it.
        extractor: what sees the images: inception, another name, or the class path of any network. The scores of
            others than inception have its name in theirs. Unless given: inception; of points the points themselves.
        weights: the file of the extractor's weights.
        lpips: torchvision's file of VGG16, vgg16-397923af.pth, for lpips and ppl. Unless given: that in torch's cache.
        num: how many samples. Unless given: 10,000 of a model, all images of a folder. Papers take 50,000.
        seed: of a model's samples.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        batch_size: samples at once.
        split: the part of the data, val or train. Papers on unconditional images mostly take train.
        resize: a side in px that the images of a folder are cropped and brought to, where they have other sizes.
        devices: GPUs that share the work; without a GPU, processes.
        out: a .json for the result; a .md is written beside it. Unless given: evaluation.json, of a run in its folder,
            otherwise in the current one.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    if against is not None and (data is not None or root is not None):
        raise UserError("against is a folder of real images, and data a set: give one of them.")
    path = where(samples, out)
    writable(path)
    ranks = Ranks(devices)
    with contextlib.ExitStack() as stack:
        if not ranks.is_first:  # one of them speaks
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(open(os.devnull, "w"))))
        evaluation = evaluating.evaluate(
            chosen(samples) if evaluating.is_checkpoint(samples) else samples,
            against or (("ImageFolder" if root is not None else None) if data is None else data),
            metrics or ["fid"],
            root=root,
            extractor=extractor,
            weights=weights,
            lpips=lpips,
            num=num,
            seed=seed,
            raw=raw,
            batch_size=batch_size,
            split=split,
            resize=resize,
            pictures=path.with_suffix(""),
            ranks=ranks,
            trust=trust,
        )
    if ranks.is_first:
        write(evaluation, path)
        print_table(evaluation)
        say(f"{path} and {path.with_suffix('.md').name}")


def where(samples: str, out: str | None) -> Path:
    """Return the file to write.

    Raises:
        UserError: it is no .json.
    """
    if out is not None:
        path = local(out)
        if path.suffix != ".json":
            raise UserError(f"out is {out}: give a .json; a .md is written beside it.")
        return path
    run = folder_of(samples)
    in_a_run = os.path.isfile(Path(run, "config.yaml")) and evaluating.is_checkpoint(samples)
    return Path(run, "evaluation.json") if in_a_run else Path("evaluation.json")
