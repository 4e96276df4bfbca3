"""How quick translating is, and how much memory it takes: ganzoo against loops without it.

step       A CycleGAN round, both generators and both discriminators, one image of each domain: ganzoo's Trainer,
           progress bar, metrics.csv and checkpoints included, against the loop that a reader would write after the
           paper, with the same networks and images. They take turns in one process.
memory     The same, each in a process of its own: the largest resident memory while training, less that before the
           first round, when the networks are there (Linux only).
cut        A round of ganzoo's CUT against that loop of CycleGAN, each with its own networks of the same width: memory
           and time, each in a process of its own.
translate  `ganzoo translate` of a folder of images against a plain loop over its files. They take turns.

Ratios are taken within a turn; the table gives the median over the turns, and (min..max).
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import lightning as L
import torch
from memory import resident
from PIL import Image
from step import LR, NVML_CHECK, Play, Report, Turns, fit, machine, many, milliseconds, spread
from torch import Tensor, nn
from torchvision.transforms.functional import to_tensor
from torchvision.utils import save_image

from ganzoo.commands.translate import translate
from ganzoo.data import DataModule
from ganzoo.data.base.sets import TensorSet
from ganzoo.game import FromImages
from ganzoo.models import CUT, CycleGAN
from ganzoo.networks import AntialiasedPatchGAN, AntialiasedTranslator, InstancePatchGAN, ResNetTranslator
from ganzoo.runs.checkpoint_file import load

SIDE, IMAGES = 128, 64  # of the game's images
BETAS = (0.5, 0.999)
SHAPE = (3, SIDE, SIDE)


def networks(width: int, antialiased: bool = False) -> dict[str, Any]:
    """Return what makes the networks: six blocks, as for 128 px in CycleGAN's paper; or CUT's."""
    kinds: tuple[Any, Any] = (ResNetTranslator, InstancePatchGAN)
    generator, discriminator = (AntialiasedTranslator, AntialiasedPatchGAN) if antialiased else kinds
    return {
        "generator": partial(generator, width=width, blocks=6),
        "discriminator": partial(discriminator, width=width),
    }


class Domains(DataModule):
    """Two domains of noise in memory."""

    paired = False

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return them as both parts."""
        numbers = torch.Generator().manual_seed(0)
        a, b = (torch.randint(256, (IMAGES, *SHAPE), dtype=torch.uint8, generator=numbers) for _ in "ab")
        images = TensorSet(a=a, b=b)
        return images, images

    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of b's images."""
        return SHAPE

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of both."""
        return dict.fromkeys("ab", SHAPE)


# The contestants --------------------------------------------------------------------------------------------------


class Pool:
    """50 images made earlier."""

    def __init__(self) -> None:
        self.images: list[Tensor] = []

    def query(self, image: Tensor) -> Tensor:
        """Return the image, or one of the pool's in its place."""
        if len(self.images) < 50:
            self.images.append(image)
            return image
        if random.random() < 0.5:
            return image
        at = random.randrange(50)
        old, self.images[at] = self.images[at], image
        return old


def plain(width: int) -> Play:
    """Return a round as a reader of the paper would write it: one loss, one backward for each player."""
    torch.manual_seed(0)
    made = networks(width)
    g, f = (made["generator"](SHAPE, SHAPE) for _ in range(2))
    d_a, d_b = (made["discriminator"](SHAPE) for _ in range(2))
    g_optimizer = torch.optim.Adam(itertools.chain(g.parameters(), f.parameters()), lr=LR, betas=BETAS)
    d_optimizer = torch.optim.Adam(itertools.chain(d_a.parameters(), d_b.parameters()), lr=LR, betas=BETAS)
    mse, l1, pool_a, pool_b = nn.MSELoss(), nn.L1Loss(), Pool(), Pool()
    data = Domains()
    data.setup()
    images = {name: x.float() / 127.5 - 1 for name, x in data.train[torch.arange(IMAGES)].items()}

    def says(scores: Tensor, real: bool) -> Tensor:
        return mse(scores, torch.full_like(scores, float(real)))

    def play() -> None:
        at_a, at_b = random.randrange(IMAGES), random.randrange(IMAGES)
        a, b = images["a"][at_a : at_a + 1], images["b"][at_b : at_b + 1]
        for network in (d_a, d_b):
            network.requires_grad_(False)
        g_optimizer.zero_grad()
        fake_b, fake_a = g(a), f(b)
        loss = says(d_b(fake_b), True) + says(d_a(fake_a), True)
        loss = loss + 10 * l1(f(fake_b), a) + 10 * l1(g(fake_a), b) + 5 * l1(f(a), a) + 5 * l1(g(b), b)
        loss.backward()
        g_optimizer.step()
        for network in (d_a, d_b):
            network.requires_grad_(True)
        d_optimizer.zero_grad()
        for d, real, fake, pool in ((d_a, a, fake_a, pool_a), (d_b, b, fake_b, pool_b)):
            ((says(d(real), True) + says(d(pool.query(fake.detach())), False)) / 2).backward()
        d_optimizer.step()

    return play


def train(width: int, rounds: int, callbacks: list[L.Callback], cut: bool = False, compile: bool = False) -> None:
    """Play CycleGAN, or CUT, as `ganzoo fit` does."""
    L.seed_everything(0, verbose=False)
    kind, made = (CUT, networks(width, antialiased=True)) if cut else (CycleGAN, networks(width))
    model: FromImages = kind(**made, compile=compile)
    fit(model, Domains(batch_size=1), rounds, callbacks)


# What is measured -------------------------------------------------------------------------------------------------


def step(width: int, turns: int, rounds: int, compile: bool) -> list[str]:
    """Return the row of a round's time."""
    clock = Turns({"plain": many(plain(width))}, rounds)
    train(width, rounds * (turns + 1), [clock], compile=compile)
    ratios = [b / a for a, b in zip(clock.seconds["ganzoo"], clock.seconds["plain"], strict=True)]
    what = "a round, ms" + ", ganzoo's networks compiled" * compile
    return [what, *(milliseconds(clock.seconds[n]) for n in ("plain", "ganzoo")), spread(ratios), "1.1"]


class Watch(L.Callback):
    """Notes the memory when all networks are there, and the time of each round's end."""

    def on_train_start(self, *args: Any) -> None:
        """Look, and forget the peak so far."""
        Path("/proc/self/clear_refs").write_text("5")
        self.start, self.ends = resident(), list[float]()

    def on_train_batch_end(self, *args: Any) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def alone(loop: str, width: int, rounds: int) -> tuple[float, float]:
    """Return the memory in MB that training takes in this process, and the median seconds of a round but the first."""
    watch = Watch()
    if loop == "plain":
        os.environ[NVML_CHECK] = "0"
        play = plain(width)
        watch.on_train_start()
        for _ in range(rounds):
            play()
            watch.on_train_batch_end()
    else:
        train(width, rounds, [watch], cut=loop == "cut")
    took = [end - start for start, end in itertools.pairwise(watch.ends)]
    return resident("VmHWM") - watch.start, statistics.median(took)


def side_by_side(loops: tuple[str, str], turns: int, width: int, rounds: int, threads: int) -> list[list[str]]:
    """Return, for memory and for time, both loops' medians and the ratio; each has processes of its own."""
    found: dict[str, list[list[float]]] = {loop: [] for loop in loops}
    for _, loop in itertools.product(range(turns), loops):
        args = ["--alone", loop, "--width", str(width), "--rounds", str(rounds), "--threads", str(threads)]
        done = subprocess.run([sys.executable, __file__, *args], stdout=subprocess.PIPE, text=True, check=True)
        found[loop].append(json.loads(done.stdout.splitlines()[-1]))
    rows = []
    for kind, unit in enumerate((1, 1e3)):  # MB, ms
        first, second = ([unit * figures[kind] for figures in found[loop]] for loop in loops)
        ratios = [b / a for a, b in zip(first, second, strict=True)]
        rows.append([f"{statistics.median(first):.0f}", f"{statistics.median(second):.0f}", spread(ratios)])
    return rows


def files(ckpt: str, turns: int, count: int, side: int) -> list[str]:
    """Return the row of `ganzoo translate`."""
    generators: Any = load(ckpt).generator
    network = generators["AtoB"].to(memory_format=torch.contiguous_format).eval()
    seconds: dict[str, list[float]] = {"plain": [], "ganzoo": []}
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as devnull:
        source = Path(folder) / "source"
        source.mkdir()
        for i in range(count):
            torch.manual_seed(i)
            smooth = nn.functional.interpolate(torch.rand(1, 3, 16, 16), size=(side, side), mode="bicubic")
            save_image(smooth.clamp(0, 1), source / f"{i:04d}.jpg")
        for turn in range(turns):
            start = time.perf_counter()
            (target := Path(folder) / f"plain{turn}").mkdir()
            for path in sorted(source.iterdir()):
                with torch.no_grad():
                    made = network(to_tensor(Image.open(path).convert("RGB"))[None] * 2 - 1)
                save_image(made / 2 + 0.5, target / f"{path.stem}.png")
            seconds["plain"].append(time.perf_counter() - start)
            start = time.perf_counter()
            with contextlib.redirect_stdout(devnull):
                translate(ckpt, str(source), str(Path(folder) / f"ganzoo{turn}"))
            seconds["ganzoo"].append(time.perf_counter() - start)
    ratios = [b / a for a, b in zip(seconds["ganzoo"], seconds["plain"], strict=True)]
    return [
        f"{count} images of {side} px, s",
        *(f"{statistics.median(seconds[loop]):.1f}" for loop in ("plain", "ganzoo")),
        spread(ratios),
        "1.5",
    ]


def main(args: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["step", "memory"], help="step, memory, cut, translate")
    parser.add_argument("--ckpt", help="for translate: a checkpoint of an unpaired model")
    parser.add_argument("--width", type=int, default=32, help="of all networks")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5, help="in a turn")
    parser.add_argument("--compile", action="store_true", help="for step: as with --model.compile true")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--side", type=int, default=256, help="of the images that are translated")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--alone", choices=["plain", "ganzoo", "cut"], help=argparse.SUPPRESS)
    parser.add_argument("--out", help="a Markdown file for the table")
    given = parser.parse_args(args)
    torch.set_num_threads(given.threads)
    if given.alone:
        print(json.dumps(alone(given.alone, given.width, given.rounds)))
        return
    few = (min(3, given.turns), given.width, given.rounds, given.threads)
    report, rows = Report(f"{machine(given.threads)}. Median of {given.turns} turns."), []
    for what in given.what:
        if what == "step":
            with mock.patch.dict(os.environ):
                rows.append(step(given.width, given.turns, given.rounds, given.compile))
        elif what == "memory":
            used, _ = side_by_side(("plain", "ganzoo"), *few)
            rows.append(["peak memory over the networks', MB", *used, "0.9 or less"])
        elif what == "cut":
            used, took = side_by_side(("plain", "cut"), *few)
            rows.append(["CUT against CycleGAN: peak memory over the networks', MB", *used, "0.5"])
            rows.append(["CUT against CycleGAN: a round, ms", *took, "below 1"])
        elif what == "translate" and given.ckpt:
            rows.append(files(given.ckpt, given.turns, given.images, given.side))
        else:
            parser.error(f"what is to be measured? {what}" + ("" if given.ckpt else "; translate needs --ckpt"))
    report.table("Translation", ["what", "plain", "ganzoo", "ratio", "wanted"], rows)
    report.save(given.out)


if __name__ == "__main__":
    main()
