"""How quickly images come: ganzoo's sets against torchvision's ImageFolder, and what they cost in memory and at start.

The plain loader is what a reader would write: torchvision's ImageFolder with PIL transforms (Resize, CenterCrop,
ToTensor, Normalize) and a DataLoader. All loaders give float batches in [-1, 1]. They take turns in one process; a
figure is the median over the turns, with (min..max). Without --root the images are made: JPEGs of CelebA's size.
"""

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from step import Report, machine, spread
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.transforms import v2

from ganzoo.commands.data.prepare import prepare
from ganzoo.data import Faces, ImageFolder
from ganzoo.data.files.sources import Names
from ganzoo.data.prepared.manifest import Manifest, Part
from ganzoo.data.prepared.writing import save_json

SIZE, BATCH = 64, 64


def make_jpegs(folder: Path, count: int) -> None:
    """Write JPEGs of 178x218 pixels, as detailed as photographs."""
    rng = np.random.default_rng(0)
    for i in range(count):
        layers = [rng.integers(256, size=(side, side, 3), dtype=np.uint8) for side in (4, 16, 64)]
        big = [
            np.asarray(Image.fromarray(layer).resize((178, 218), Image.Resampling.BICUBIC), float) for layer in layers
        ]
        mixed = 0.6 * big[0] + 0.3 * big[1] + 0.1 * big[2]
        Image.fromarray(mixed.astype(np.uint8)).save(folder / f"{i:06d}.jpg", quality=90)


def plain(root: Path, workers: int) -> Iterator[Tensor]:
    """Yield batches of torchvision's ImageFolder, endlessly."""
    steps = [v2.Resize(SIZE), v2.CenterCrop(SIZE), v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
    half = [0.5, 0.5, 0.5]
    images = datasets.ImageFolder(str(root), transform=v2.Compose([*steps, v2.Normalize(half, half)]))
    loader = DataLoader(
        images, BATCH, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )
    while True:
        for batch, _ in loader:
            yield batch


def ours(root: Path, workers: int | None) -> Iterator[Tensor]:
    """Yield ganzoo's batches, endlessly."""
    data = Faces(root=str(root), image_size=SIZE, batch_size=BATCH, num_workers=workers)
    data.setup()
    for batch in data.train_dataloader():
        yield data.on_after_batch_transfer(batch, 0)["image"]


def rates(loaders: dict[str, Iterator[Tensor]], seconds: float, turns: int) -> dict[str, list[float]]:
    """Return the images a second of each loader in each turn."""
    found: dict[str, list[float]] = {name: [] for name in loaders}
    for batches in loaders.values():
        next(batches)  # starts the workers
    for _ in range(turns):
        for name, batches in loaders.items():
            for _ in range(4):
                next(batches)  # empties what was fetched while the others had their turn
            start, count = time.perf_counter(), 0
            while time.perf_counter() - start < seconds:
                count += len(next(batches))
            found[name].append(count / (time.perf_counter() - start))
    return found


def waiting(prepared: Path, rounds: int) -> float:
    """Return the share of DCGAN-64's rounds that is spent on getting batches, without workers."""
    import lightning as L

    from ganzoo.game.round import Rounds
    from ganzoo.models import DCGAN

    class Timed(Rounds):
        spent = 0.0

        def next_batch(self, batches: Iterator[Any]) -> dict[str, Tensor]:
            start = time.perf_counter()
            batch = super().next_batch(batches)
            self.spent += time.perf_counter() - start
            return batch

    around = ("enable_progress_bar", "enable_model_summary", "enable_checkpointing", "logger")
    quiet: dict[str, Any] = dict.fromkeys(around, False)
    model, data = DCGAN(), Faces(root=str(prepared), image_size=SIZE, batch_size=BATCH)
    data.setup()  # not to be timed
    model.rounds = rounds_of_it = Timed(model)
    trainer = L.Trainer(max_steps=rounds, max_epochs=-1, limit_val_batches=0, accelerator="cpu", **quiet)
    start = time.perf_counter()
    trainer.fit(model, datamodule=data)
    return rounds_of_it.spent / (time.perf_counter() - start)


FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "PNG": ("PNG", {"compress_level": 1}),
    "WebP, lossless": ("WEBP", {"lossless": True, "quality": 0, "method": 0}),
    "JPEG, quality 95": ("JPEG", {"quality": 95, "subsampling": 0}),
}


def forms(arrays: np.ndarray) -> list[list[str]]:
    """Return what images (N, H, W, 3) cost in each form: bytes, to those of the array, decoding, and what is lost."""
    rows = []
    for name, (kind, options) in FORMATS.items():
        files = [io.BytesIO() for _ in arrays]
        for array, file in zip(arrays, files, strict=True):
            Image.fromarray(array).save(file, kind, **options)
        start = time.process_time()
        decoded = np.stack([np.asarray(Image.open(file)) for file in files])
        seconds = time.process_time() - start
        size = sum(len(file.getvalue()) for file in files) / arrays.nbytes
        error = np.abs(decoded.astype(int) - arrays).mean()
        rows.append([name, f"{size:.2f}", f"{1000 * seconds / len(arrays):.2f}", f"{error:.2f}"])
    return rows


def fake_prepared(folder: Path, count: int, side: int, channels: int) -> None:
    """Write a prepared set of noise."""
    folder.mkdir(parents=True)
    array = np.lib.format.open_memmap(
        folder / "all.images.npy", mode="w+", dtype=np.uint8, shape=(count, channels, side, side)
    )
    rng = np.random.default_rng(0)
    for start in range(0, count, 10_000):
        array[start : start + 10_000] = rng.integers(256, size=array[start : start + 10_000].shape, dtype=np.uint8)
    del array
    Names.of(f"{i:09d}.png" for i in range(count)).save(folder / "all.names")
    manifest = Manifest("ImageFolder", "noise", [side, side], channels, "array", parts={"all": Part(count)})
    save_json(folder / "manifest.json", vars(manifest) | {"parts": {"all": vars(manifest.parts["all"])}})


def own_memory(pid: object) -> float:
    """Return a process's own memory in MB: neither files, which processes share, nor what it has from its parent."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines[1:]}
    return min(found["Anonymous"], found["Private_Dirty"])


def with_workers(root: str, workers: int) -> None:
    """Go through a set once; print the own memory of each worker in MB."""
    data = ImageFolder(root=root, image_size=SIZE, batch_size=BATCH, num_workers=workers, num_val=1)
    data.setup()
    batches = iter(data.train_dataloader())  # as long as there is a name for it, the workers live
    for _ in range(len(data.train) // BATCH):
        data.on_after_batch_transfer(next(batches), 0)
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    print(*map(own_memory, children))


def start_up(root: str, side: int) -> None:
    """Print the seconds from nothing to the first batch of a set, and this process's own memory in MB."""
    start = time.perf_counter()
    data = ImageFolder(root=root, image_size=side, channels=1, batch_size=BATCH, seed=0)
    data.setup()
    next(iter(data.train_dataloader()))
    seconds = time.perf_counter() - start
    print(seconds, own_memory("self"))


def apart(function: Callable[..., None], *args: object) -> list[float]:
    """Return what a function of this file prints, in a process of its own."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import data; data.{function.__name__}{args!r}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def main(args: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="a folder with a folder of images, such as CelebA's")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each loader in each turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="try it out: the figures mean nothing")
    parser.add_argument("--out", help="a Markdown file for the tables")
    given = parser.parse_args(args)
    torch.set_num_threads(given.threads)
    turns, seconds = (1, 0.1) if given.quick else (given.turns, given.seconds)
    report = Report(f"{machine(given.threads)}. {turns} turns of {seconds} s, batch {BATCH}, {SIZE} px.")
    with tempfile.TemporaryDirectory() as folder:
        root = given.root or Path(folder, "jpegs")
        if given.root is None:
            (root / "all").mkdir(parents=True)
            make_jpegs(root / "all", 200 if given.quick else 3000)
        prepare(str(root), f"{folder}/prepared", kind="faces", image_size=SIZE)
        prepare(str(root), f"{folder}/lmdb", kind="faces", image_size=SIZE, store="lmdb")
        loaders = {
            "plain, no workers": plain(root, 0),
            "plain, 2 workers": plain(root, 2),
            "ganzoo, files, no workers": ours(root, 0),
            "ganzoo, files, 2 workers": ours(root, 2),
            "ganzoo, prepared LMDB, 2 workers": ours(Path(folder, "lmdb"), 2),
            "ganzoo, prepared array, no workers": ours(Path(folder, "prepared"), 0),
        }
        found = rates(loaders, seconds, turns)
        best = "plain, 2 workers"
        rows = [
            [name, spread(each, 0), spread([a / b for a, b in zip(each, found[best], strict=True)])]
            for name, each in found.items()
        ]
        report.table("Images a second into a training batch", ["loader", "images/s", f"to {best}"], rows)
        share = waiting(Path(folder, "prepared"), 2 if given.quick else 20)
        fake_prepared(Path(folder, "large"), 8_192 if given.quick else 81_920, SIZE, 3)  # 1 GB
        used = apart(with_workers, f"{folder}/large", 3)
        counts = [3_000, 30_000] if given.quick else [30_000, 300_000, 3_000_000]
        for count in counts:
            fake_prepared(Path(folder, str(count)), count, 8, 1)
        starts = [apart(start_up, f"{folder}/{count}", 8) for count in counts]
        small = np.load(f"{folder}/prepared/all.images.npy", mmap_mode="r")[:200].transpose(0, 2, 3, 1).copy()
    rows = [
        ["share of DCGAN-64's round spent on a batch, prepared, no workers", f"{share:.2%}"],
        ["own memory of each of 3 workers, a prepared set of 1 GB", ", ".join(f"{mb:.0f} MB" for mb in used)],
        *[
            [f"{count:,} prepared images: to the first batch; own memory by then", f"{seconds:.2f} s; {mb:.0f} MB"]
            for count, (seconds, mb) in zip(counts, starts, strict=True)
        ],
    ]
    report.table("What it costs", ["", ""], rows)
    columns = ["form", "bytes, to the array's", "decoding, ms", "mean error of 255"]
    report.table(f"200 of the images at {SIZE} px in other forms", columns, forms(small))
    report.save(given.out)


if __name__ == "__main__":
    main()
