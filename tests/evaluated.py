"""Run by test_evaluate.py in two processes: a model and a folder of images, scored on both ranks.

Not a test by itself: `python evaluated.py CKPT FOLDER OUT` starts its own second rank, as `ganzoo evaluate` does.
"""

import sys

import torch

from ganzoo.commands.evaluate.command import evaluate

COMMON = {"data": "Digits", "metrics": ["fid", "prdc", "swd"], "extractor": "fakes.Means", "batch_size": 7}


def main(ckpt: str, folder: str, out: str, devices: int) -> None:
    evaluate(ckpt, **COMMON, num=31, out=f"{out}/model.json", devices=devices)
    evaluate(folder, **COMMON, out=f"{out}/folder.json", devices=devices)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:4], devices=2)
