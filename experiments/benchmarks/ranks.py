"""What many ranks cost on the host: a round of the GAN on points and of a DCGAN of 32 px, as `ganzoo fit` plays them,
the check at a checkpoint that the ranks are the same, and a draw of noise, in one process and one thread. With `--games
all` it is a round of each model with narrow networks, at 32 px.

The ranks are torch's fake process group: this process is rank 0 of so many, and reductions answer at once. So what is
timed is the rank's own work: its draws, its data, its moves. Each world is a process of its own, and they take turns;
the table gives medians over the turns, and (min..max).

Then what a rank of two sends in a round: the bytes of all reductions, of ganzoo and of a plain loop in Lightning by
`ddp_find_unused_parameters_true`, whose DDP reduces the gradients of both players in each move.

And how many images a second the DCGAN trains on by one and by two processes of one thread each (gloo), by the clock, in
turns; and two that train apart, side by side, and share nothing but the machine: what two could reach at most.
"""

import argparse
import inspect
import json
import logging
import os
import re
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import lightning as L
import torch
import torch.distributed as dist
from checkpoints import EVERY
from lightning.pytorch.strategies import DDPStrategy
from step import fit as as_ganzoo_fits
from step import spread
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.testing._internal.distributed.fake_pg import FakeStore

import ganzoo.game.round
import ganzoo.models
from ganzoo.data import DataModule, Toy2D
from ganzoo.data.base.sets import TensorSet
from ganzoo.game import Game
from ganzoo.game.agreement import refuse_ranks_that_differ
from ganzoo.models import DCGAN, GAN
from ganzoo.system.draws import Draws

BATCH, ROUNDS, WARM_UP = 64, 300, 60
SMALL = 8  # a batch of a model that has no name in GAMES
NOISE = (4, 1400, 2000)  # 4 samples of 2.8 million numbers


QUIET = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)


class Clock(L.Callback):
    """Notes the time of a round after a warm-up, in seconds.

    Args:
        now: `time.process_time`, or `time.perf_counter`.
        warm_up: rounds.
    """

    def __init__(self, now: Callable[[], float], warm_up: int) -> None:
        self.now, self.warm_up = now, warm_up

    def on_train_batch_end(self, trainer: L.Trainer, *args: object) -> None:
        """Start after the warm-up."""
        if trainer.global_step == self.warm_up:
            self.start = self.now()

    def on_train_end(self, trainer: L.Trainer, *args: object) -> None:
        """Stop."""
        self.seconds = (self.now() - self.start) / (trainer.global_step - self.warm_up)


class Check(L.Callback):
    """Notes the processor time of a look whether the ranks are the same, in seconds: the mean of so many."""

    def __init__(self, times: int = 10) -> None:
        self.times, self.seconds = times, 0.0

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look; a first time warms up."""
        refuse_ranks_that_differ(pl_module)
        start = time.process_time()
        for _ in range(self.times):
            refuse_ranks_that_differ(pl_module)
        self.seconds = (time.process_time() - start) / self.times


def noise() -> torch.Tensor:
    """Return 40,000 images of noise, uint8 (N, 3, 32, 32)."""
    return torch.randint(256, (40_000, 3, 32, 32), generator=torch.Generator().manual_seed(0)).byte()


class Pictures(DataModule):
    """Noise as images, uint8 (N, 3, 32, 32), of ten classes."""

    num_classes: int | None = 10

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return it as both parts."""
        images = noise()
        both = TensorSet(image=images, label=torch.arange(len(images)) % 10)
        return both, both


class Pairs(Pictures):
    """The same as two domains, with pairs or without."""

    num_classes = None

    def __init__(self, paired: bool, **options: Any) -> None:
        super().__init__(**options)
        self.paired, self.channels, self.channels_b = paired, 3, 3

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return it as both parts."""
        images = noise()
        both = TensorSet(a=images, b=images.flip(0))
        return both, both


GAMES: dict[str, tuple[Callable[[], Game], Callable[[], DataModule], int, int]] = {
    "GAN on points": (GAN, lambda: Toy2D(num_points=100_000, batch_size=BATCH), ROUNDS, WARM_UP),
    "DCGAN, 32 px": (DCGAN, lambda: Pictures(batch_size=BATCH), 40, 10),
}
"""By name: the game, its data, how many rounds are played, and how many of them warm up."""


def game_of(name: str) -> tuple[Callable[[], Game], Callable[[], DataModule], int, int]:
    """Return a game by its name in GAMES, or that of a model: narrow networks, whose rounds are short."""
    if name in GAMES:
        return GAMES[name]
    model = getattr(ganzoo.models, name)
    networks = {"generator": model.default_generator, "discriminator": model.default_discriminator}
    narrow = {
        player: partial(network, width=16)
        for player, network in networks.items()
        if "width" in inspect.signature(network).parameters
    }
    pictures = partial(Pairs, model.paired) if model.kind == "images" else Pictures
    return (
        partial(model, **narrow),
        partial(pictures, batch_size=SMALL),
        *((12, 4) if model.kind == "images" else (30, 10)),
    )


def play(world: int, name: str) -> tuple[float, float]:
    """Return the processor times of a round of a game and of a check, in ms, as rank 0 of `world`."""
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    options: dict = {}
    if world > 1:
        dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=world)
        options = {"num_nodes": world, "strategy": DDPStrategy()}
    game, data, rounds, warm_up = game_of(name)
    clock, check = Clock(time.process_time, warm_up), Check()
    as_ganzoo_fits(game(), data(), rounds, [clock, check], **options)
    return 1e3 * clock.seconds, 1e3 * check.seconds


class Plain(L.LightningModule):
    """The GAN on points as a reader would write it: two optimizers, two moves."""

    def __init__(self, game: GAN) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator = game.generator, game.discriminator
        self.requires_grad_(True)  # a game leaves those at rest without
        self.latent_dim = game.latent_dim

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return one for each player."""
        return [torch.optim.Adam(player.parameters()) for player in (self.discriminator, self.generator)]

    def training_step(self, batch: dict, index: int) -> None:
        """Move D, then G."""
        softplus, x = torch.nn.functional.softplus, batch["image"]
        optimizers: Any = self.optimizers()
        of_d, of_g = optimizers
        fake = self.generator(torch.randn(len(x), self.latent_dim))
        of_d.zero_grad()
        self.manual_backward((softplus(-self.discriminator(x)) + softplus(self.discriminator(fake.detach()))).mean())
        of_d.step()
        self.toggle_optimizer(of_g)
        of_g.zero_grad()
        self.manual_backward(softplus(-self.discriminator(fake)).mean())
        of_g.step()
        self.untoggle_optimizer(of_g)


def sent() -> tuple[float, float, int]:
    """Return the bytes that a rank hands to reductions in a round, ganzoo's and the plain loop's, and the weights'."""
    rounds, bytes_of = 20, {"ganzoo": 0, "plain": 0}
    average_ = ganzoo.game.round.average_

    def counted(tensors: Sequence[torch.Tensor]) -> None:
        bytes_of["ganzoo"] += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        average_(tensors)

    def hook(state: object, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        bytes_of["plain"] += bucket.buffer().numel() * bucket.buffer().element_size()
        return allreduce_hook(dist.distributed_c10d._get_default_group(), bucket)

    def fit(module: L.LightningModule, steps: int, nodes: int, strategy: DDPStrategy) -> None:
        options = {"max_steps": steps, "limit_val_batches": 0, "accelerator": "cpu", "devices": 1, "num_nodes": nodes}
        data = Toy2D(num_points=10_000, batch_size=BATCH)
        L.Trainer(**options, **QUIET, strategy=strategy).fit(module, data)  # type: ignore[arg-type]

    game = GAN()
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    ganzoo.game.round.average_ = counted
    fit(game, rounds, 2, DDPStrategy())
    dist.destroy_process_group()
    # the fake group can't answer DDP's hook; a rank alone hands over as much as one of two. Lightning counts each move
    plain = Plain(game)
    plain.on_train_start = lambda: plain.trainer.strategy.model.register_comm_hook(None, hook)  # type: ignore
    fit(plain, 2 * rounds, 1, DDPStrategy(find_unused_parameters=True, process_group_backend="gloo"))
    weights = sum(p.numel() * p.element_size() for p in game.parameters())
    return bytes_of["ganzoo"] / rounds, bytes_of["plain"] / rounds, weights


def pace(devices: int) -> None:
    """Print, on rank 0, how many images a second so many processes train on."""
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning").setLevel(logging.ERROR)
    options = {"max_steps": 60, "limit_val_batches": 0, "accelerator": "cpu", "devices": devices}
    clock = Clock(time.perf_counter, 10)
    trainer = L.Trainer(**options, **QUIET, callbacks=[clock], strategy="ddp" if devices > 1 else "auto")  # type: ignore
    trainer.fit(DCGAN(), Pictures(batch_size=BATCH))
    if trainer.is_global_zero:
        print(json.dumps(devices * BATCH / clock.seconds), flush=True)


def draw() -> tuple[float, float]:
    """Return the processor times of a draw of normal numbers, and of `torch.randn`'s, in ms: the least of 7."""

    def least(make: object) -> float:
        times = []
        for _ in range(7):
            start = time.process_time()
            make()  # type: ignore[operator]
            times.append(time.process_time() - start)
        return 1e3 * min(times)

    draws = Draws((0, 1, 2, 3), range(NOISE[0]), torch.device("cpu"), torch.float32)
    return least(lambda: draws.normal(*NOISE[1:])), least(lambda: torch.randn(NOISE))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, nargs="+", default=[1, 64, 512], help="how many ranks; the first is 1")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--games", nargs="+", help="a round of these games or models (all: each), and nothing else")
    parser.add_argument("--world", type=int, help=argparse.SUPPRESS)  # of a process that plays
    parser.add_argument("--game", help=argparse.SUPPRESS)  # the same
    parser.add_argument("--devices", type=int, help=argparse.SUPPRESS)  # the same, for the clock
    parser.add_argument("--wire", action="store_true", help="say what is sent, and end")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.wire:
        ours, plain, weights = sent()
        print(f"bytes a round: ganzoo {ours:,.0f}, plain {plain:,.0f}: {ours / plain:.3f}; weights {weights:,}")
        return
    if args.devices is not None:
        pace(args.devices)
        return
    if args.world is not None:
        print(json.dumps(play(args.world, args.game)))
        return
    names = sorted(ganzoo.models.__all__) if args.games == ["all"] else args.games or list(GAMES)
    if unknown := set(names) - {*GAMES, *ganzoo.models.__all__}:
        parser.error(f"there is no game {unknown.pop()!r}: give {', '.join([*GAMES, *ganzoo.models.__all__])}")
    found: dict[tuple[str, int], list[list[float]]] = {(name, world): [] for name in names for world in args.worlds}
    paces: dict[str, list[float]] = {"one": [], "two": [], "apart": []}
    for _ in range(args.turns):
        for (name, world), times in found.items():
            times += asked("--world", str(world), "--game", name)
        if not args.games:
            paces["one"] += asked("--devices", "1")
            paces["two"] += asked("--devices", "2")
            paces["apart"].append(sum(asked("--devices", "1", times=2)))
    print(f"| game | ranks | a round, ms on the host | against one | a check, % of {EVERY} rounds |")
    print("|---|---|---|---|---|")
    for (name, world), times in found.items():
        ratios = [mine[0] / one[0] for mine, one in zip(times, found[name, args.worlds[0]], strict=True)]
        shares = spread([100 * check / (EVERY * a_round) for a_round, check in times], 3)
        print(f"| {name} | {world} | {statistics.median(a for a, _ in times):.2f} | {spread(ratios)} | {shares} |")
    if args.games:
        return
    print("\n| processes | images a second | against one |\n|---|---|---|")
    for name, values in paces.items():
        ratios = [mine / one for mine, one in zip(values, paces["one"], strict=True)]
        print(f"| {name} | {statistics.median(values):.0f} | {spread(ratios)} |")
    ratios = [mine / theirs for mine, theirs in (draw() for _ in range(args.turns))]
    print(f"\n{NOISE[0]} x {NOISE[1] * NOISE[2]:,} normal numbers against torch.randn, one thread: {spread(ratios)}")


def asked(*options: str, times: int = 1) -> list[Any]:
    """Return what processes of this file find, side by side, with one thread each: Lightning gives ranks more."""
    command, threads = [sys.executable, __file__, *options], {**os.environ, "OMP_NUM_THREADS": "1"}
    all_ = [
        subprocess.Popen(command, env=threads, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(times)
    ]
    found = []
    for process in all_:
        out, wrong = process.communicate()
        if process.returncode:
            raise RuntimeError(wrong)
        found.append(json.loads(next(line for line in out.splitlines()[::-1] if re.match(r"\[?\d", line))))
    return found


if __name__ == "__main__":
    main()
