"""How long a round takes: ganzoo against two loops without it, in turn, in one process.

plain   What a reader would write: a per-sample data set with torchvision's transforms, Adam, `detach()`.
bare    A loop with ganzoo's speed-ups and nothing else: the images one uint8 tensor, batched by index; fused Adam;
        channels_last; the other player frozen; no gradients kept.
ganzoo  Lightning's Trainer as `ganzoo fit` sets it up, progress bar, metrics.csv and checkpoints included, without
        validation.
lightning   With `--lightning`: the bare loop as a LightningModule with manual optimization, and nothing around it. What
        ganzoo takes more than this is the framework's own cost.

All play the same game with the same networks, batch size and noise: D's move and G's, each with fresh noise,
non-saturating loss. They take turns by short blocks of rounds, so a machine that is busy or slow for a while is so for
all; ratios and differences are taken within a turn. The table gives the median over the turns, and (min..max).
"""

import argparse
import contextlib
import logging
import os
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import lightning as L
import torch
import torchvision
from PIL import Image
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset
from torchvision import transforms

from ganzoo.cli.contestants import Contestant, Made
from ganzoo.cli.fit import TRAINER
from ganzoo.data import DataModule
from ganzoo.data.base.sets import TensorSet
from ganzoo.data.base.tensors import resize
from ganzoo.models import DCGAN, GAN
from ganzoo.runs.callbacks import Checkpoints, Progress
from ganzoo.runs.loggers import MetricsCSV

LATENT_DIM, BATCH, SAMPLES = 100, 64, 6000
LR, BETAS = 2e-4, (0.5, 0.999)  # ganzoo's defaults
Play = Callable[[], None]  # plays one round
Model = TypeVar("Model", bound=L.LightningModule)
NVML_CHECK = "PYTORCH_NVML_BASED_CUDA_CHECK"
"""Lightning's import sets it to 1, and every step of Adam takes longer for it where torch was built for CUDA but there
is none: a part of the framework's cost, so the other loops play without."""


@dataclass(frozen=True)
class Case:
    """A game to time: `stored` is the side of the images as a data set has them, before they are resized."""

    name: str
    model: type[GAN]
    shape: tuple[int, ...]
    stored: int
    rounds: int  # a turn
    options: dict[str, Any] = field(default_factory=dict)  # of both networks

    def networks(self, seed: int) -> tuple[nn.Module, nn.Module]:
        """Return G and D with the weights that ganzoo gives them."""
        torch.manual_seed(seed)
        generator = self.model.default_generator(LATENT_DIM, self.shape, **self.options)
        return generator, self.model.default_discriminator(self.shape, **self.options)


CASES = {
    "tiny": Case("MLP, 1 hidden layer of 32, 8 px grey", GAN, (1, 8, 8), 8, 200, {"hidden": (32,)}),
    "mlp": Case("MLP-MNIST, 28 px grey", GAN, (1, 28, 28), 28, 40),
    "dcgan32": Case("DCGAN-32, width 32, 32 px grey", DCGAN, (1, 32, 32), 28, 15, {"width": 32}),
    "dcgan64": Case("DCGAN-64, width 64, 64 px RGB", DCGAN, (3, 64, 64), 64, 3, {"width": 64}),
}


# The data ---------------------------------------------------------------------------------------------------------


def pictures(case: Case) -> Tensor:
    """Return the set as it is stored, uint8 (N, C, H, W): scikit-learn's digits, enlarged and repeated."""
    digits = torch.from_numpy(load_digits().images * (255 / 16)).to(torch.uint8).unsqueeze(1)
    rows = torch.arange(SAMPLES) % len(digits)
    return resize(digits, case.stored)[rows].repeat(1, case.shape[0], 1, 1)


class Pictures(DataModule):
    """The set for ganzoo."""

    def __init__(self, case: Case, **kwargs: Any):
        super().__init__(**kwargs)
        self.case = case

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return it, resized once, as both parts."""
        images = TensorSet(image=resize(pictures(self.case), self.case.shape[-1]))
        return images, images


class PlainPictures(Dataset[tuple[Tensor, int]]):
    """The set as torchvision's MNIST and CIFAR10 are: arrays in memory, one PIL image at a time."""

    def __init__(self, case: Case):
        self.arrays = pictures(case).permute(0, 2, 3, 1).numpy()
        channels, size, _ = case.shape
        steps = [transforms.ToTensor(), transforms.Normalize((0.5,) * channels, (0.5,) * channels)]
        self.transform = transforms.Compose([transforms.Resize(size)] * (size != case.stored) + steps)

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        array = self.arrays[index]
        return self.transform(Image.fromarray(array.squeeze(2) if array.shape[2] == 1 else array)), 0


def bare_batches(images: Tensor) -> Iterator[Tensor]:
    """Yield batches of a uint8 tensor in [-1, 1], shuffled, without end."""
    while True:
        for rows in torch.randperm(len(images)).split(BATCH):
            if len(rows) == BATCH:
                batch = images.index_select(0, rows).float().div_(127.5).sub_(1)
                yield batch.contiguous(memory_format=torch.channels_last)


def plain_batches(case: Case) -> Iterator[Tensor]:
    """Yield batches of the per-sample data set, shuffled, without end."""
    loader = DataLoader(PlainPictures(case), batch_size=BATCH, shuffle=True, drop_last=True)
    while True:
        for batch, _ in loader:
            yield batch


# The contestants --------------------------------------------------------------------------------------------------


def noise() -> Tensor:
    """Return z for a batch."""
    return torch.randn(BATCH, LATENT_DIM)


def plain(
    generator: nn.Module,
    discriminator: nn.Module,
    batches: Iterator[Tensor],
    noise: Callable[[], Tensor] = noise,
) -> Play:
    """Return a round as a reader would write it."""
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=LR, betas=BETAS)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=LR, betas=BETAS)
    real, fake = torch.ones(BATCH), torch.zeros(BATCH)
    bce = nn.BCEWithLogitsLoss()

    def play() -> None:
        images = next(batches)
        d_optimizer.zero_grad()
        loss = bce(discriminator(images), real) + bce(discriminator(generator(noise()).detach()), fake)
        loss.backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        loss = bce(discriminator(generator(noise())), real)
        loss.backward()
        g_optimizer.step()

    return play


def bare(
    generator: nn.Module, discriminator: nn.Module, batches: Iterator[Tensor], noise: Callable[[], Tensor] = noise
) -> Play:
    """Return a round with ganzoo's speed-ups and nothing else."""
    for network in (generator, discriminator):
        network.to(memory_format=torch.channels_last)
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=LR, betas=BETAS, fused=True)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=LR, betas=BETAS, fused=True)

    def move(player: nn.Module, other: nn.Module, optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> None:
        player.requires_grad_(True)
        other.requires_grad_(False)
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()

    def play() -> None:
        images = next(batches)
        move(
            discriminator,
            generator,
            d_optimizer,
            lambda: F.softplus(-discriminator(images)).mean() + F.softplus(discriminator(generator(noise()))).mean(),
        )
        move(
            generator,
            discriminator,
            g_optimizer,
            lambda: F.softplus(-discriminator(generator(noise()))).mean(),
        )

    return play


class Batches(IterableDataset[Tensor]):
    """The batches of the bare loop, for a DataLoader."""

    def __init__(self, case: Case):
        self.images = resize(pictures(case), case.shape[-1])

    def __iter__(self) -> Iterator[Tensor]:
        return bare_batches(self.images)


class Bare(L.LightningModule):
    """The bare loop's round, as a reader of Lightning's manual would write it."""

    def __init__(self, case: Case, seed: int):
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator = (
            network.to(memory_format=torch.channels_last) for network in case.networks(seed)
        )
        self.images_seen = 0

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return G's and D's."""
        networks = (self.generator, self.discriminator)
        return [torch.optim.Adam(network.parameters(), lr=LR, betas=BETAS, fused=True) for network in networks]

    def training_step(self, images: Tensor, batch_idx: int) -> None:
        """Play a round."""
        generator, discriminator = self.generator, self.discriminator
        optimizers: Any = self.optimizers()
        g_optimizer, d_optimizer = optimizers
        generator.requires_grad_(False)
        discriminator.requires_grad_(True)
        loss = F.softplus(-discriminator(images)).mean() + F.softplus(discriminator(generator(noise()))).mean()
        self.manual_backward(loss)
        d_optimizer.step()
        d_optimizer.zero_grad()
        generator.requires_grad_(True)
        discriminator.requires_grad_(False)
        self.manual_backward(F.softplus(-discriminator(generator(noise()))).mean())
        g_optimizer.step()
        g_optimizer.zero_grad()
        self.images_seen += len(images)


def bare_lightning(case: Case, seed: int, callback: L.Callback) -> Made:
    """Return a trainer with nothing around it, the bare round, and its batches."""
    around = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    none: dict[str, Any] = dict.fromkeys(around, False)
    trainer = L.Trainer(accelerator="cpu", devices=1, max_steps=-1, max_epochs=-1, callbacks=[callback], **none)
    return trainer, Bare(case, seed), DataLoader(Batches(case), batch_size=None)


def many(play: Play) -> Callable[[int], None]:
    """Return what plays several rounds."""

    def rounds(number: int) -> None:
        with mock.patch.dict(os.environ, {NVML_CHECK: "0"}):
            for _ in range(number):
                play()

    return rounds


def rounds_of(name: str, case: Case, seed: int) -> Callable[[int], None]:
    """Return what plays several rounds of the plain, the bare or the Lightning loop."""
    if name != "lightning":
        return many(contestant(name, case, seed))
    own = Contestant(partial(bare_lightning, case, seed))

    def rounds(number: int) -> None:
        own.play(number, lambda: True)
        if own.trouble:
            raise RuntimeError(own.trouble)

    return rounds


def contestant(name: str, case: Case, seed: int) -> Play:
    """Return a round of the plain or the bare loop."""
    networks = case.networks(seed)
    if name == "plain":
        return plain(*networks, plain_batches(case))
    return bare(*networks, bare_batches(resize(pictures(case), case.shape[-1])))


def ganzoo(
    case: Case,
    seed: int,
    rounds: int,
    callbacks: list[L.Callback],
    precision: str = "32-true",
    accelerator: str = "cpu",
    **options: Any,
) -> GAN:
    """Play `rounds` rounds as `ganzoo fit` does; return the model."""
    for noise in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(noise).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*isinstance.treespec.*")
    L.seed_everything(seed, verbose=False)
    networks = {
        "generator": partial(case.model.default_generator, **case.options),
        "discriminator": partial(case.model.default_discriminator, **case.options),
    }
    model = case.model(**networks, latent_dim=LATENT_DIM, **options)
    data = Pictures(case, batch_size=BATCH)
    return fit(model, data, rounds, callbacks, precision=precision, accelerator=accelerator)


def fit(model: Model, data: L.LightningDataModule, rounds: int, callbacks: list[L.Callback], **trainer: Any) -> Model:
    """Train a model as `ganzoo fit` does; return it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open(os.devnull, "w") as devnull,
        contextlib.redirect_stdout(devnull),  # where the progress bar goes
    ):
        own = {
            "max_steps": rounds,
            "limit_val_batches": 0,
            "accelerator": "cpu",
            "devices": 1,
            "logger": MetricsCSV(folder),
            "callbacks": [Progress(), Checkpoints(), *callbacks],
            **trainer,
        }
        L.Trainer(**{**TRAINER, **own}).fit(model, data)
    return model


class Turns(L.Callback):
    """Stops ganzoo's clock after each `rounds` rounds and lets the others play as many. The first turn warms up."""

    def __init__(self, others: dict[str, Callable[[int], None]], rounds: int):
        self.others, self.rounds = others, rounds
        self.seconds: dict[str, list[float]] = {name: [] for name in ("ganzoo", *others)}
        self.start: float | None = None

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        """Note how long the turn took: from this point of Lightning's loop to the same, a turn later."""
        if trainer.global_step % self.rounds:
            return
        if warm := self.start is not None:
            self.seconds["ganzoo"].append((time.perf_counter() - self.start) / self.rounds)
        for name, play in self.others.items():
            start = time.perf_counter()
            play(self.rounds)
            if warm:
                self.seconds[name].append((time.perf_counter() - start) / self.rounds)
        self.start = time.perf_counter()


def race(case: Case, others: list[str], turns: int, rounds: int, seed: int, **settings: Any) -> dict[str, list[float]]:
    """Return the seconds a round of ganzoo, under these settings, and of the others, by turn."""
    torch._dynamo.reset()  # what an earlier race compiled
    clock = Turns({name: rounds_of(name, case, seed) for name in others}, rounds)
    ganzoo(case, seed, rounds * (turns + 1), [clock], **settings)
    return clock.seconds


# Reporting --------------------------------------------------------------------------------------------------------


def spread(values: list[float], digits: int = 2) -> str:
    """Return the median and the range."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def milliseconds(seconds: list[float]) -> str:
    """Return the median, in ms."""
    return f"{statistics.median(seconds) * 1000:.2f}"


def machine(threads: int) -> str:
    """Return what the figures were measured on."""
    cpu, flags = platform.processor() or platform.machine(), set()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            cpu = value.strip() if name.strip() == "model name" else cpu
            flags |= set(value.split()) if name.strip() == "flags" else set()
    vectors = [f"{name} {'yes' if name in flags else 'no'}" for name in ("avx512f", "avx512_bf16", "amx_bf16")]
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}, lightning {L.__version__}"
    return (
        f"{cpu}, {os.cpu_count()} cores, {threads} threads; {', '.join(vectors)}; "
        f"Python {platform.python_version()}, {versions}"
    )


class Report:
    """Tables, shown on the screen as they come and kept as Markdown."""

    def __init__(self, head: str):
        self.lines = [head, ""]
        self.console = Console()
        self.console.print(head, highlight=False)

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        """Add a table."""
        table = Table(*columns, title=title, title_justify="left")
        self.lines += [f"**{title}**", "", row_of(columns), row_of(["---"] * len(columns))]
        for row in rows:
            table.add_row(*row)
            self.lines.append(row_of(row))
        self.lines.append("")
        self.console.print(table)

    def save(self, path: str | None) -> None:
        """Write the Markdown, if that is wanted."""
        if path:
            Path(path).write_text("\n".join(self.lines))


def row_of(cells: list[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def default_settings(names: list[str], turns: int, quick: bool, seed: int) -> list[list[str]]:
    """Race the three loops, ganzoo as it is by default; return the rows of the first table."""
    rows = []
    for name in names:
        case = CASES[name]
        seconds = race(case, ["bare", "plain"], turns, 2 if quick else case.rounds, seed)
        print(f"{case.name}: done", flush=True)
        pairs = list(zip(seconds["ganzoo"], seconds["bare"], seconds["plain"], strict=True))
        rows.append(
            [
                case.name,
                *(milliseconds(seconds[loop]) for loop in ("plain", "bare", "ganzoo")),
                spread([1000 * (own - bare) for own, bare, _ in pairs]),
                spread([plain / own for own, _, plain in pairs]),
            ]
        )
    return rows


def own_cost(names: list[str], turns: int, quick: bool, seed: int) -> list[list[str]]:
    """Race ganzoo against the bare loop in Lightning; return the rows of the table of the framework's own cost."""
    rows = []
    for name in names:
        case = CASES[name]
        seconds = race(case, ["bare", "lightning"], turns, 2 if quick else case.rounds, seed)
        pairs = list(zip(seconds["ganzoo"], seconds["lightning"], strict=True))
        times = (milliseconds(seconds[loop]) for loop in ("bare", "lightning", "ganzoo"))
        rows.append([case.name, *times, spread([1000 * (own - lightning) for own, lightning in pairs])])
    return rows


def all_settings(names: list[str], turns: int, quick: bool, seed: int) -> list[list[str]]:
    """Race ganzoo's settings against the plain loop; return the rows of the second table, the quickest first."""
    rows = []
    for name in names:
        case, found = CASES[name], []
        for precision, compile_, channels_last in product(("32-true", "bf16-mixed"), (False, True), (False, True)):
            settings = {"precision": precision, "compile": compile_, "channels_last": channels_last}
            seconds = race(case, ["plain"], turns, 2 if quick else case.rounds, seed, **settings)
            ratios = [plain / own for own, plain in zip(seconds["ganzoo"], seconds["plain"], strict=True)]
            says = [precision, *("yes" if on else "no" for on in (compile_, channels_last))]
            print(f"{case.name}, {', '.join(says)}: {spread(ratios)}", flush=True)  # each takes minutes
            found.append(
                (statistics.median(ratios), [case.name, *says, milliseconds(seconds["ganzoo"]), spread(ratios)])
            )
        rows += [row for _, row in sorted(found, reverse=True)]
    return rows


def main(args: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES), help="games to time")
    parser.add_argument(
        "--settings", nargs="*", choices=CASES, default=["dcgan32", "dcgan64"], help="games to try all settings on"
    )
    parser.add_argument(
        "--lightning", nargs="*", choices=CASES, default=["tiny", "mlp"], help="games for the framework's own cost"
    )
    parser.add_argument("--turns", type=int, default=15, help="blocks of rounds of each loop, without the warm-up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="try it out: 2 turns of 2 rounds mean nothing")
    parser.add_argument("--out", help="a Markdown file for the tables")
    given = parser.parse_args(args)
    torch.set_num_threads(given.threads)
    turns = 2 if given.quick else given.turns
    report = Report(
        f"{machine(given.threads)}. Seed {given.seed}, batch {BATCH}; median of {turns} turns (of all settings: a "
        "fifth), (min..max) of the turns."
    )
    if given.cases:
        report.table(
            "A round, default settings (fp32)",
            ["game", "plain ms", "bare ms", "ganzoo ms", "ganzoo - bare ms", "plain / ganzoo"],
            default_settings(given.cases, turns, given.quick, given.seed),
        )
    if given.lightning:
        report.table(
            "A round, against a bare loop in Lightning",
            ["game", "bare ms", "lightning ms", "ganzoo ms", "ganzoo - lightning ms"],
            own_cost(given.lightning, turns, given.quick, given.seed),
        )
    if given.settings:
        report.table(
            "A round, all settings",
            ["game", "precision", "compile", "channels_last", "ganzoo ms", "plain / ganzoo"],
            all_settings(given.settings, max(2, turns // 5), given.quick, given.seed),
        )
    report.save(given.out)


if __name__ == "__main__":
    main()
