"""What ADA does for a DCGAN on few faces: with and without it, on 100 and on 300 faces of 32 px, three seeds each.

    ganzoo data prepare DIR faces32 --kind faces --image-size 32
    python experiments/benchmarks/low_data.py --root faces32 --out low_data

Each run is `ganzoo fit --config experiments/faces/dcgan_low_data.yaml`. Without ADA means with its p at 0: r_t is
measured there too, and what D sees is unchanged to the bit. A run that is done has a row in OUT/runs.csv, and is not
made again. At the end there are OUT/low_data.png, with r_t, p and the score of validation over the images seen, and a
table.

swd      the sliced Wasserstein distance of as many generated images from held-out faces, those that no run trains on.
frechet  the Fréchet distance of the same images in 448 features of VGG-11 with random weights (He et al. 2015, seed 0):
         mean activations of its first three blocks. It compares with nothing outside of this table.
"""

import argparse
import csv
import itertools
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from step import Report
from torch import Tensor, nn

from ganzoo.data import Faces
from ganzoo.data.base.sets import SampleSet
from ganzoo.data.base.tensors import to_float
from ganzoo.game import FromNoise
from ganzoo.metrics import FID, Extractor, SlicedWassersteinDistance
from ganzoo.pictures.figures import save_figure
from ganzoo.runs.checkpoint_file import load

CONFIG = "experiments/faces/dcgan_low_data.yaml"
WITHOUT = ["--model.augment.p", "0", "--model.augment.geometry", "false", "--model.augment.colour", "false"]
KINDS = {"none": WITHOUT, "ADA": []}
COLOURS = {"none": "tab:orange", "ADA": "tab:blue"}
FIELDS = ["faces", "seed", "augment", "images", "r_t", "p", "val_swd", "val_swd_best", "swd", "frechet"]
BATCH = 32
HELD_OUT = 2500
SMOOTH = 9  # logged values of r_t, of which the median is drawn


class RandomVGG(Extractor):
    """VGG-11 with random weights: the mean activations of its first three blocks."""

    num_features = 64 + 128 + 256
    suffix = "_random_vgg"
    recipe = "VGG-11 with random weights, at 32 px"

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            widths = [(3, 64), (64, 128), (128, 256), (256, 256)]
            self.convs = nn.ModuleList(nn.Conv2d(before, after, 3, padding=1) for before, after in widths)
            for conv in self.convs:
                assert isinstance(conv, nn.Conv2d)
                assert conv.bias is not None
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
                nn.init.zeros_(conv.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features."""
        x, found = images.float() / 127.5 - 1, []
        for number, conv in enumerate(self.convs):
            x = conv(x).relu()
            if number != 2:  # the third block has two layers
                found.append(x.mean((2, 3)))
                x = nn.functional.max_pool2d(x, 2)
        return torch.cat(found, 1)


def images_of(samples: SampleSet) -> Tensor:
    """Return all images of a set, uint8 (N, 3, 32, 32)."""
    return samples[torch.arange(len(samples))]["image"]


def held_out(root: str, most: int) -> Tensor:
    """Return faces that no run trains on, (HELD_OUT, 3, 32, 32) in [-1, 1]."""
    sets = []
    for limit in (None, most):
        data = Faces(root=root, image_size=32, num_val=300, limit=limit)
        data.setup()
        sets.append(data)
    seen = {image.numpy().tobytes() for image in images_of(sets[1].train)}
    faces = [*images_of(sets[0].val), *(x for x in images_of(sets[0].train) if x.numpy().tobytes() not in seen)]
    return to_float(torch.stack(faces[:HELD_OUT]), torch.float32)


def play(run: Path, root: str, faces: int, seed: int, kind: str, rounds: int) -> None:
    """Train, or go on where a run was stopped."""
    if (run / "checkpoints" / "last.ckpt").is_file():
        command = ["resume", str(run)]
    else:
        command = ["fit", "--config", CONFIG, "--run_dir", str(run), "--data.root", root, *KINDS[kind]]
        command += ["--data.limit", str(faces), "--seed_everything", str(seed), "--trainer.max_steps", str(rounds)]
    with open(f"{run}.log", "a", encoding="utf-8") as log:
        subprocess.run([sys.executable, "-m", "ganzoo", *command], stdout=log, stderr=subprocess.STDOUT, check=True)


def values_of(run: Path, name: str) -> list[tuple[int, float]]:
    """Return the logged (images seen, value) of a run."""
    with open(run / "metrics.csv", newline="", encoding="utf-8") as file:
        return [(BATCH * int(row["step"]), float(row[name])) for row in csv.DictReader(file) if row.get(name)]


def scored(run: Path, real: Tensor) -> dict[str, Any]:
    """Return the figures of a run that is done."""
    model = load(run / "checkpoints" / "last.ckpt")
    assert isinstance(model, FromNoise)
    metrics = [SlicedWassersteinDistance(), FID(RandomVGG())]
    parts = zip(real.split(250), model.samples(len(real), batch_size=250), strict=True)
    for x, fake in parts:
        for metric in metrics:
            metric.update(x, real=True)
            metric.update(fake, real=False)
    found = metrics[0].compute() | metrics[1].compute()
    swd, r_t = values_of(run, "val/swd"), values_of(run, "ada/r_t")
    return {
        "images": swd[-1][0],
        "r_t": statistics.mean(value for _, value in r_t[-SMOOTH:]),
        "p": values_of(run, "ada/p")[-1][1],
        "val_swd": swd[-1][1],
        "val_swd_best": min(value for _, value in swd),
        "swd": float(found["swd"]),
        "frechet": float(found["fid_random_vgg"]),
    }


def draw(rows: list[dict[str, Any]], out: Path) -> None:
    """Draw r_t, p and the score of validation over the images seen, a line a run."""
    sizes = sorted({int(row["faces"]) for row in rows})
    figure = Figure(figsize=(4.6 * len(sizes), 8), layout="constrained")
    panels = figure.subplots(3, len(sizes), sharex=True, sharey="row", squeeze=False)
    for row in rows:
        run = out / run_name(int(row["faces"]), int(row["seed"]), row["augment"])
        column = sizes.index(int(row["faces"]))
        for axes, name in zip(panels[:, column], ("ada/r_t", "ada/p", "val/swd"), strict=True):
            points = values_of(run, name)
            if name == "ada/r_t":
                values = [value for _, value in points]
                middle = [statistics.median(values[max(0, i - SMOOTH + 1) : i + 1]) for i in range(len(values))]
                points = [(images, value) for (images, _), value in zip(points, middle, strict=True)]
            label = row["augment"] if int(row["seed"]) == 0 else None
            axes.plot(*zip(*points, strict=True), color=COLOURS[row["augment"]], label=label, alpha=0.8, linewidth=1)
    for column, faces in enumerate(sizes):
        panels[0, column].set_title(f"{faces} faces")
        panels[0, column].axhline(0.6, color="grey", linestyle=":", linewidth=1)
        panels[2, column].set_xlabel("images seen")
    names = [f"r_t, median of {SMOOTH}", "p", "val/swd (lower is better)"]
    for axes, name in zip(panels[:, 0], names, strict=True):
        axes.set_ylabel(name)
    for axes in panels.flat:
        axes.grid(alpha=0.3)
    panels[0, 0].legend()
    save_figure(figure, out / "low_data.png")


def run_name(faces: int, seed: int, kind: str) -> str:
    """Return the folder of a run."""
    return f"{faces}_{kind}_{seed}".lower()


def main(args: list[str] | None = None) -> None:
    """Run what is not done yet; draw and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, help="faces, best prepared at 32 px")
    parser.add_argument("--out", type=Path, required=True, help="a folder for runs, table and figure")
    parser.add_argument("--faces", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=2000)
    given = parser.parse_args(args)
    given.out.mkdir(parents=True, exist_ok=True)
    path, rows = given.out / "runs.csv", []
    if path.is_file():
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    done = {(int(row["faces"]), int(row["seed"]), row["augment"]) for row in rows}
    real = held_out(given.root, max(given.faces))
    for faces, seed, kind in itertools.product(given.faces, given.seeds, KINDS):
        if (faces, seed, kind) in done:
            continue
        run = given.out / run_name(faces, seed, kind)
        play(run, given.root, faces, seed, kind, given.rounds)
        row = {"faces": faces, "seed": seed, "augment": kind, **scored(run, real)}
        with open(path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FIELDS)
            if not rows:
                writer.writeheader()
            writer.writerow(row)
        rows.append(row)
        print(row, flush=True)
    draw(rows, given.out)
    report = Report(f"{len(real)} generated images against as many held-out faces, 32 px, {given.rounds} rounds.")
    columns = ["faces", "seed", "augment", "r_t", "p", "val/swd", "its best", "swd", "frechet"]
    order = sorted(rows, key=lambda row: (int(row["faces"]), int(row["seed"]), row["augment"] == "ADA"))
    numbers = ["r_t", "p", "val_swd", "val_swd_best", "swd", "frechet"]
    cells = [[*map(str, list(row.values())[:3]), *(f"{float(row[name]):.3f}" for name in numbers)] for row in order]
    report.table("DCGAN on few faces", columns, cells)
    report.save(str(given.out / "low_data.md"))


if __name__ == "__main__":
    main()
