"""Folders of runs, written by hand: what `fit` leaves, without a training."""

import csv
import json
from pathlib import Path

import yaml
from conftest import kept
from latent.small import plain
from PIL import Image

RECIPE = {
    "metric": "fid",
    "settings": {},
    "extractor": {"name": "inception", "weights": "0123456789abcdef", "resize": "bilinear"},
    "real": 300,
    "fake": 5000,
    "data": {"name": "Digits", "split": "val", "checksum": "aa", "size": [1, 16, 16]},
    "weights": "ema",
    "seed": 1,
    "precision": "fp32",
    "versions": {"ganzoo": "0.1.0", "torch": "2.6", "torchmetrics": "1.6"},
}


def config(seed=0, lr=2e-4, **data):
    options = {"generator_optimizer": {"class_path": "ganzoo.optimizers.Adam", "init_args": {"lr": lr}}}
    return {
        "seed_everything": seed,
        "trainer": {"max_steps": 40, "default_root_dir": f"runs{seed}"},
        "model": {"class_path": "ganzoo.models.DCGAN", "init_args": options},
        "data": {"class_path": "ganzoo.data.Digits", "init_args": {"image_size": 16, "batch_size": 8, **data}},
        "run_dir": f"here/{seed}",
    }


def clock(steps=(0, 20, 40), pace=1.5):
    """The file of a run of 8 images a round."""
    process = {
        **{"start": steps[0], "end": steps[-1], "began": "2026-01-01 00:00:00 +0000", "seconds": pace * steps[-1] + 1},
        **{"hardware": "a CPU; 2 cores, 1 thread; Linux", "devices": 1, "precision": "32-true"},
        **{"versions": {"torch": "2.6"}, "peak_memory": 1_000_000_000, "peak_device_memory": None},
    }
    rows = [[step, pace * step, 8 * step] for step in steps]
    return {"format": 1, "processes": [process], "rows": rows}


def write_run(
    folder: Path,
    fids=(30.0, 20.0, 10.0, 8.0),
    options=None,
    recipe=RECIPE,
    times="clock",
    pictures=True,
    model=None,
    more=None,
) -> Path:
    """A run of 40 rounds with a validation in every tenth; `recipe` None leaves recipes.json out."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config() if options is None else options, sort_keys=False))
    more = more or {}
    with open(folder / "metrics.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "D(real)", "val/fid", *more])
        for number, fid in enumerate(fids, 1):
            writer.writerow([10 * number, 0.5 + 0.01 * number, fid, *more.values()])
    if recipe is not None:
        (folder / "recipes.json").write_text(json.dumps({"val/fid": recipe}))
    if times is not None:
        (folder / "machine.json").write_text(json.dumps(clock() if times == "clock" else times))
    if pictures:
        (folder / "samples").mkdir()
        for step in (0, 20, 40):
            Image.new("RGB", (60, 60), (5 * step, 0, 0)).save(folder / "samples" / f"{step:07d}.png")
        Image.new("RGB", (60, 60), "blue").save(folder / "samples.png")
    if model is not None:
        (folder / "checkpoints").mkdir()
        kept(model, folder / "checkpoints" / "last.ckpt")
    return folder


def small_model():
    return plain()
