"""What judging costs: ganzoo's metrics of features against torchmetrics', torch-fidelity's, scipy's and prdc's.

    pip install prdc  # for the third table; it is no dependency of ganzoo
    python experiments/benchmarks/judging.py --out judging.md

all scores     FID, KID, the Inception Score, precision, recall, density and coverage of 5,000 real and as many
               generated samples, from the same 2,048 features: in one pass, and one after the other by torchmetrics
               (FID, KID, IS), torch-fidelity (precision and recall) and prdc (density and coverage; without prdc they
               are left out there, in favour of the others).
neighbours     precision, recall, density and coverage of 5,000 samples against the package prdc, and the peak of memory
               with 20,000, above that of the features, in a process of its own.
root           the trace of FID's matrix square root, of 2,048 dimensions, against scipy's sqrtm.
second run     `validate` on 1,000 real images of 64 px by a VGG16 (random weights) in a process of its own, and once
               more in another process, which finds their features in the cache.

The features are random: mixtures of Gaussians, whose covariance has the spectrum of real features (it falls as 1 / k).
The contestants take turns, so a machine that is busy for a while is so for all; ratios are taken within a turn. The
tables give the median over the turns, and (min..max).
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import torch
from step import TRAINER, Report, machine, spread
from torch import Tensor

from ganzoo.data import DataModule
from ganzoo.data.base.sets import TensorSet
from ganzoo.metrics import FID, PRDC, Extractor, InceptionScore, share_features
from ganzoo.metrics.frechet import frechet_distance
from ganzoo.models import DCGAN
from ganzoo.networks.frozen import RandomVGG
from ganzoo.system.hardware import line_of

FEATURES, CLASSES, SAMPLES, MANY = 2048, 1008, 5000, 20_000
BATCH = 250
TURNS = 5
Judge = Callable[[Tensor, Tensor], dict[str, float]]


def features(num: int, size: int, seed: int) -> Tensor:
    """Return features (num, size), float32, not negative, of covariances whose spectrum falls as 1 / k."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(size, size, generator=torch.Generator().manual_seed(0)) / size**0.5
    scale = torch.arange(1, size + 1).rsqrt()
    return ((torch.randn(num, size, generator=generator) * scale) @ basis + 0.02 * seed).relu()


class Given(Extractor):
    """Sees the numbers that it is given; a classifier with fixed weights."""

    name = "given"

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_features = size
        self.last = torch.randn(size, CLASSES, generator=torch.Generator().manual_seed(1))

    def extract(self, x: Tensor) -> Tensor:
        """Return the numbers."""
        return x

    def logits_of(self, features: Tensor) -> Tensor:
        """Return logits of them."""
        return features @ self.last


# All scores -------------------------------------------------------------------------------------------------------


def in_one_pass(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Score by ganzoo: metrics that share what is extracted."""
    extractor = Given(real.shape[1])
    metrics = [FID(extractor), InceptionScore(extractor), PRDC(extractor)]
    shared = share_features(metrics)
    for x, y in zip(real.split(BATCH), fake.split(BATCH), strict=True):
        with shared:
            for metric in metrics:
                metric.update(x, real=True)
                metric.update(y, real=False)
    return {name: float(value) for metric in metrics for name, value in metric.compute().items()}


def in_turn(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Score by torchmetrics, torch-fidelity and prdc, one after the other."""
    from torch_fidelity.metric_prc import prc_features_to_metric
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.inception import InceptionScore as TheirScore
    from torchmetrics.image.kid import KernelInceptionDistance

    seen, logits = torch.nn.Identity(), Given(real.shape[1])
    seen.num_features = real.shape[1]  # type: ignore[assignment]
    size = min(1000, len(real), len(fake))
    metrics: list[Any] = [FrechetInceptionDistance(seen), KernelInceptionDistance(seen, subset_size=size)]
    for metric in metrics:
        for x, y in zip(real.split(BATCH), fake.split(BATCH), strict=True):
            metric.update(x, real=True)
            metric.update(y, real=False)
    score = TheirScore(seen)
    for y in fake.split(BATCH):
        score.update(logits.logits_of(y))
    kid, inception = metrics[1].compute()[0], score.compute()[0]
    found = {"fid": float(metrics[0].compute()), "kid": float(kid), "is": float(inception)}
    found |= prc_features_to_metric(fake, real, prc_neighborhood=3, prc_batch_size=10_000, verbose=False)
    return found | by_prdc(real, fake)


def by_prdc(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Score by the package prdc; nothing if it is not installed."""
    try:
        from prdc import compute_prdc
    except ImportError:
        return {}
    found: dict[str, float] = compute_prdc(real.numpy(), fake.numpy(), nearest_k=5)
    return found


def neighbours(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Score by ganzoo's precision, recall, density and coverage alone, all with prdc's k."""
    metric = PRDC(Given(real.shape[1]), k=5)
    for x, is_real in ((real, True), (fake, False)):
        for part in x.split(BATCH):
            metric.update(part, real=is_real)
    return {name: float(value) for name, value in metric.compute().items()}


def race(judges: dict[str, Judge], real: Tensor, fake: Tensor, turns: int) -> dict[str, list[float]]:
    """Let judges take turns; return the seconds of each turn. What they found is printed once."""
    seconds: dict[str, list[float]] = {name: [] for name in judges}
    for turn in range(turns):
        for name, judge in judges.items():
            start = time.perf_counter()
            found = judge(real, fake)
            seconds[name].append(time.perf_counter() - start)
            if turn == 0:
                print(f"{name}: {', '.join(f'{score} {value:.4g}' for score, value in found.items())}", flush=True)
    return seconds


def row(title: str, seconds: dict[str, list[float]]) -> list[str]:
    """Return a row: both times, and how many times as fast the first contestant is."""
    own, other = seconds.values()
    ratios = [theirs / mine for mine, theirs in zip(own, other, strict=True)]
    return [title, spread(own), spread(other), spread(ratios)]


# Memory -----------------------------------------------------------------------------------------------------------


def peak(num: int, size: int) -> str:
    """Return by how many MB the metric raises a process's peak of memory, and that peak; in a process of its own."""
    command = [sys.executable, __file__, "--memory-of", str(num), str(size)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().splitlines()[-1]


def measure_memory(num: int, size: int) -> str:
    """Score so many samples, and return what `peak` does."""
    real, fake = features(num, size, 0), features(num, size, 1)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of making them
    before = kilobytes("VmRSS")
    neighbours(real, fake)
    after = kilobytes("VmHWM")
    return f"{(after - before) / 1024:,.0f} | {after / 1024:,.0f}"


def kilobytes(name: str) -> int:
    """Return what Linux says of this process's memory: VmRSS as it is, VmHWM its peak."""
    return int(line_of("/proc/self/status", name).removesuffix(" kB"))


# The root ---------------------------------------------------------------------------------------------------------


def roots(size: int, turns: int) -> tuple[dict[str, list[float]], float]:
    """Return the seconds of both ways to FID's trace, and how far apart they are, relatively."""
    import numpy as np
    from scipy.linalg import sqrtm

    x, y = features(2 * size, size, 0).double(), features(2 * size, size, 1).double()
    a, b, zero = x.T.cov(), y.T.cov(), torch.zeros(size).double()
    seconds: dict[str, list[float]] = {"ganzoo": [], "sqrtm": []}
    difference = 0.0
    for _ in range(turns):
        start = time.perf_counter()
        own = float(frechet_distance(zero, a, zero, b))
        seconds["ganzoo"].append(time.perf_counter() - start)
        start = time.perf_counter()
        theirs = float(a.trace() + b.trace()) - 2 * float(np.trace(sqrtm((a @ b).numpy())).real)
        seconds["sqrtm"].append(time.perf_counter() - start)
        difference = max(difference, abs(own - theirs) / abs(theirs))
    return seconds, difference


# A second run -----------------------------------------------------------------------------------------------------


class Counted(RandomVGG):
    """Counts the images that it looks at."""

    name = "counted-vgg"
    seen = 0

    def forward(self, images: Tensor) -> Tensor:
        """Return the features."""
        Counted.seen += len(images)
        return super().forward(images)


class Pictures(DataModule):
    """Smooth coloured spots, uint8 (N, 3, 64, 64)."""

    def __init__(self, num: int) -> None:
        super().__init__(batch_size=50, extra_metrics=[FID(Counted())])
        self.num = num

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return them as both parts."""
        coarse = torch.rand(self.num, 3, 5, 5, generator=torch.Generator().manual_seed(0))
        images = torch.nn.functional.interpolate(coarse, 64, mode="bicubic").clamp(0, 1) * 255
        return TensorSet(image=images.to(torch.uint8)), TensorSet(image=images.to(torch.uint8))


def measure_validation(num: int) -> str:
    """Validate an untrained DCGAN; return the seconds of it, and how many images the network looked at."""
    L.seed_everything(0, verbose=False)
    options: dict[str, Any] = {**TRAINER, "accelerator": "cpu", "devices": 1, "logger": False}
    trainer = L.Trainer(**options)
    start = time.perf_counter()
    with open(os.devnull, "w") as devnull, contextlib.redirect_stdout(devnull):
        trainer.validate(DCGAN(), Pictures(num), verbose=False)
    return f"{time.perf_counter() - start:.2f} | {Counted.seen}"


def second_run(turns: int, quick: bool) -> list[list[str]]:
    """Return rows: the seconds of a first and of a second validation, and the real images looked at."""
    num = 50 if quick else 1000
    command = [sys.executable, __file__, "--validation-of", str(num)]
    seconds: tuple[list[float], list[float]] = ([], [])
    seen: tuple[list[int], list[int]] = ([], [])
    for _ in range(turns):
        with tempfile.TemporaryDirectory() as cache:
            for time_of, seen_by in zip(seconds, seen, strict=True):
                there = {**os.environ, "XDG_CACHE_HOME": cache}
                said = subprocess.run(command, check=True, capture_output=True, text=True, env=there).stdout
                took, images = said.strip().splitlines()[-1].split(" | ")
                time_of.append(float(took))
                seen_by.append(int(images) - num)  # the others are generated
    ratios = [first / second for first, second in zip(*seconds, strict=True)]
    return [[f"{num:,} images", *map(spread, seconds), spread(ratios), f"{max(seen[0]):,} and {max(seen[1]):,}"]]


def main(args: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="try it out: small sizes mean nothing")
    parser.add_argument("--out", help="a Markdown file for the tables")
    parser.add_argument("--validation-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--memory-of", nargs=2, type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(args)
    torch.set_num_threads(given.threads)
    if given.memory_of:
        print(measure_memory(*given.memory_of))
        return
    if given.validation_of:
        print(measure_validation(given.validation_of))
        return
    num, many, size, turns = (500, 1000, 64, 2) if given.quick else (SAMPLES, MANY, FEATURES, given.turns)
    report = Report(f"{machine(given.threads)}. Median of {turns} turns, (min..max) of the turns.")
    real, fake = features(num, size, 0), features(num, size, 1)
    columns = ["what", "ganzoo s", "others s", "others / ganzoo"]
    what = f"all scores of {num:,} x {size:,}" + ("" if by_prdc(real[:9], fake[:9]) else ", others without prdc")
    report.table(
        "All scores", columns, [row(what, race({"one pass": in_one_pass, "in turn": in_turn}, real, fake, turns))]
    )
    rows = []
    if by_prdc(real[:9], fake[:9]):
        seconds = race({"ganzoo": neighbours, "prdc": by_prdc}, real, fake, turns)
        rows.append(row(f"against prdc, {num:,} x {size:,}", seconds))
    report.table("Precision, recall, density, coverage", columns, rows)
    above, whole = peak(many, size).split(" | ")
    report.table(
        f"The same of {many:,} x {size:,}: peak of memory", ["above the features MB", "process MB"], [[above, whole]]
    )
    seconds, difference = roots(size, turns)
    report.table(
        f"FID's root of {size:,} dimensions",
        [*columns, "relative difference"],
        [[*row("sqrtm", seconds), f"{difference:.1e}"]],
    )
    columns = ["what", "first s", "second s", "first / second", "real images looked at"]
    report.table("A second validation", columns, second_run(turns, given.quick))
    report.save(given.out)


if __name__ == "__main__":
    main()
