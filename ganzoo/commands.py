"""What a trained generator, and a stopped run, are for: plain functions, which the command line offers by their names."""

from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

import ganzoo.data
import ganzoo.models
from ganzoo.checkpoint import load
from ganzoo.data import DataModule
from ganzoo.errors import UserError
from ganzoo.game import Game
from ganzoo.pictures import empty_folder, save_grid, save_points, save_samples

__all__ = ["list_", "sample"]


def sample(
    ckpt: str, num: int = 64, seed: int = 0, out: str = "samples.png", raw: bool = False, batch_size: int = 64
) -> None:
    """Draw samples from a checkpoint: a grid, or a folder of them.

    Args:
        ckpt: a .ckpt file; the checkpoint knows its model.
        num: how many samples.
        seed: the same seed gives the same samples; sample 7 is the same however many are asked for.
        out: a .png for one picture of all, a folder for one PNG each; for points .npy or .csv too.
        raw: use the generator's raw weights even where the checkpoint holds their moving average.
        batch_size: samples made at once.
    """
    if num < 1 or batch_size < 1:
        raise UserError(f"num is {num} and batch_size {batch_size}: give 1 or more of each.")
    path = Path(out)
    suffix = path.suffix.lower()
    if suffix not in ("", ".png", ".npy", ".csv"):
        raise UserError(f"out is {out}: give a .png, a folder (no suffix), or for points a .npy or .csv.")
    if suffix and path.is_dir():
        raise UserError(f"{out} is a folder: give the path of a file, or a new folder without a suffix.")
    model = load(ckpt)
    assert model.shape is not None
    points = len(model.shape) == 1
    if suffix in (".npy", ".csv") and not points:
        raise UserError(f"{type(model).__name__} makes images {model.shape}, not points: give a .png or a folder.")
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    batches = model.samples(num, seed, raw, batch_size)
    if not suffix:
        empty_folder(path)
        start = 0
        for batch in track(batches, "Samples", total=-(-num // batch_size), transient=True):
            save_samples(batch.cpu(), range(start, start + len(batch)), path)
            start += len(batch)
    else:
        samples = torch.cat([batch.cpu() for batch in batches])
        (save_points if points else save_grid)(samples, path)
    print(f"{num} samples of {type(model).__name__}, seed {seed}: {out}")


def list_() -> None:
    """Show the models, data sets and experiments there are."""
    console = Console()
    for title, package, base in (("Models", ganzoo.models, Game), ("Data sets", ganzoo.data, DataModule)):
        table = Table("name", "what", title=title, title_justify="left", box=None, header_style="dim")
        for name in package.__all__:
            cls = getattr(package, name)
            if isinstance(cls, type) and issubclass(cls, base) and cls is not base:
                table.add_row(name, (cls.__doc__ or "").splitlines()[0])
        console.print(table, "")
    table = Table("config", "what", title="Experiments", title_justify="left", box=None, header_style="dim")
    for path in experiments():
        table.add_row(str(path), path.read_text().splitlines()[0].lstrip("# "))
    console.print(table if table.row_count else "No experiments/ here: they come with ganzoo's source.")


def experiments() -> list[Path]:
    """Return the YAML files of the runs in ./experiments, or in that of the checkout which is installed."""
    here, checkout = Path("experiments"), Path(ganzoo.__file__).parent.parent / "experiments"
    folder = here if here.is_dir() else checkout
    files = sorted(folder.glob("*/*.yaml"))
    return [path for path in files if path.parent.name not in ("sweeps", "cluster", "benchmarks")]
