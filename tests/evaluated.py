"""Run by test_evaluate.py in two processes: a model and a folder of images, scored on both ranks; or few images.

Not a test by itself: `python evaluated.py CKPT FOLDER OUT` and `python evaluated.py few OUT` start their own second
rank, as `ganzoo evaluate` and `ganzoo fit` do.
"""

import sys
from pathlib import Path

import torch
from conftest import fit_args

from ganzoo.cli import main as ganzoo_main
from ganzoo.cli.main import run
from ganzoo.commands.evaluate.command import evaluate
from ganzoo.data import Digits
from ganzoo.data.base.sets import TensorSet

COMMON = {"data": "Digits", "metrics": ["fid", "prdc", "swd"], "extractor": "fakes.Means", "batch_size": 7}


def main(ckpt: str, folder: str, out: str, devices: int) -> None:
    paths = {"metrics": [*COMMON["metrics"], "fakes.PixelPaths"]}  # a model has them
    evaluate(ckpt, **COMMON | paths, num=31, out=f"{out}/model.json", devices=devices)
    evaluate(folder, **COMMON, out=f"{out}/folder.json", devices=devices)


class Few(Digits):
    """Digits with so many to validate."""

    def __init__(self, count: int = 5, **options):
        super().__init__(**options)
        self.count = count

    def load(self):
        train, val = super().load()
        return train, TensorSet(**{name: x[: self.count] for name, x in val.tensors.items()})


def few_args(run: str, devices: int, count: int) -> list[str]:
    more = ["--data.extra_metrics", '[{"class_path": "FID", "init_args": {"extractor": "fakes.Means"}}]']
    more += ["--data", "evaluated.Few", "--data.count", str(count), "--trainer.limit_val_batches", "1.0"]
    more += ["--data.image_size", "16", "--data.batch_size", str(4 // devices), "--trainer.devices", str(devices)]
    return fit_args("GAN", Path(run), 4, *more, "--model.micro_batches", "1", "--trainer.precision", "64-true")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "few":
        run(few_args(f"{sys.argv[2]}/few", 2, 5))
        ganzoo_main(few_args(f"{sys.argv[2]}/one", 2, 1))
    else:
        main(*sys.argv[1:4], devices=2)
