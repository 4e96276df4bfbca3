"""How long StyleGAN2's cycle of 16 rounds takes: ganzoo against a plain loop, and bf16 against fp32.

A cycle has all moves: 16 of D, 16 of G, one R1, four path length regularizations, on batches of 8 at 64 px.

plain   What a reader would write from the paper (Karras et al. 2020): weights of each sample's own, convolved in
        groups; zeros put between pixels before a filter; weights scaled at each use; torch.optim.Adam. The networks and
        the losses are the same, and so are the names of weights. A tensor of images in memory.
ganzoo  Lightning's Trainer as `ganzoo fit` sets it up, its average of the weights included.

The loops take turns in one process, a cycle each; the figure is the median of the turns, with (min..max). For bf16 a
run in each precision plays the same game, and the losses of both are compared.

    python experiments/benchmarks/stylegan2.py --width 128 --fmaps 0.25
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import lightning as L
import torch
from step import Play, Report, Turns, fit, machine, many, spread
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.data import DataModule
from ganzoo.data.base.sets import TensorSet
from ganzoo.models import StyleGAN2
from ganzoo.networks import StyleGAN2Discriminator, StyleGAN2Generator

BATCH, SIDE, CYCLE, W_DIM, GAMMA = 8, 64, 16, 512, 0.1
GROUP, MIXING, R1_EVERY, PATH_EVERY = 4, 0.9, 16, 4


# The plain networks -----------------------------------------------------------------------------------------------


def kernel() -> Tensor:
    """Return the FIR filter (1, 3, 3, 1)."""
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(line, line) / 64


def upfirdn(x: Tensor, f: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0)) -> Tensor:
    """Return maps with zeros between pixels, padded, filtered, and with every `down`-th pixel kept."""
    n, c, h, w = x.shape
    x = F.pad(x.view(n, c, h, 1, w, 1), [0, up - 1, 0, 0, 0, up - 1]).reshape(n, c, h * up, w * up)
    x = F.pad(x, [pad[0], pad[1], pad[0], pad[1]])
    x = F.conv2d(x, f.flip(0, 1).expand(c, 1, *f.shape), groups=c)
    return x[:, :, ::down, ::down]


class Linear(nn.Module):
    """A linear layer with an equalized learning rate."""

    def __init__(self, in_features: int, out_features: int, active: bool = False, lr_mult: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_mult)
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.active, self.lr_mult = active, lr_mult

    def forward(self, x: Tensor) -> Tensor:
        """Return the output."""
        scale = self.lr_mult / math.sqrt(self.weight.shape[1])
        x = F.linear(x, self.weight * scale, self.bias * self.lr_mult)
        return F.leaky_relu(x, 0.2) * math.sqrt(2) if self.active else x


class ModulatedConv(nn.Module):
    """A modulated convolution by groups, a group for each sample."""

    def __init__(self, in_channels: int, out_channels: int, size: int, up: bool = False) -> None:
        super().__init__()
        self.affine = Linear(W_DIM, in_channels)
        nn.init.ones_(self.affine.bias)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, size, size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.noise_strength = nn.Parameter(torch.zeros(())) if size == 3 else None
        self.up = up

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return the maps; of 1x1 they are an image."""
        n, c, h, _ = x.shape
        rgb = self.noise_strength is None
        s = self.affine(w) / (math.sqrt(c) if rgb else 1)
        weight = self.weight[None] * s[:, None, :, None, None]
        if not rgb:
            weight = weight * torch.rsqrt(weight.pow(2).sum([2, 3, 4], keepdim=True) + 1e-8)
        x = x.reshape(1, n * c, h, h)
        if self.up:
            weight = weight.transpose(1, 2).reshape(n * c, -1, 3, 3)
            x = F.conv_transpose2d(x, weight, stride=2, groups=n)
            x = upfirdn(x.view(n, -1, *x.shape[2:]), kernel() * 4, pad=(1, 1))
        else:
            weight = weight.reshape(-1, c, *weight.shape[3:])
            x = F.conv2d(x, weight, padding=weight.shape[2] // 2, groups=n).view(n, -1, h, h)
        if self.noise_strength is None:
            return x + self.bias.view(1, -1, 1, 1)
        x = x + self.noise_strength * torch.randn(n, 1, *x.shape[2:])
        return F.leaky_relu(x + self.bias.view(1, -1, 1, 1), 0.2) * math.sqrt(2)


class Generator(nn.Module):
    """StyleGAN2's generator; channels of the maps of each size, from 4 px on."""

    def __init__(self, channels: dict[int, int], mapping_layers: int) -> None:
        super().__init__()
        layers = {f"fc{i}": Linear(W_DIM, W_DIM, active=True, lr_mult=0.01) for i in range(mapping_layers)}
        self.mapping, self.synthesis = nn.ModuleDict(layers), nn.ModuleDict()
        for side, c in channels.items():
            block = nn.ModuleDict({"conv1": ModulatedConv(c, c, 3), "torgb": ModulatedConv(c, 3, 1)})
            if side == 4:
                block.register_parameter("const", nn.Parameter(torch.randn(c, 4, 4)))
            else:
                block["conv0"] = ModulatedConv(channels[side // 2], c, 3, up=True)
            self.synthesis[f"b{side}"] = block
        self.num_ws = 2 * len(channels)

    def w(self, z: Tensor) -> Tensor:
        """Return styles (N, W_DIM)."""
        x = z * torch.rsqrt(z.pow(2).mean(1, keepdim=True) + 1e-8)
        for layer in self.mapping.values():
            x = layer(x)
        return x

    def styles(self, z: Tensor, other: Tensor) -> Tensor:
        """Return styles (N, num_ws, W_DIM), with mixing."""
        ws = self.w(z)[:, None].repeat(1, self.num_ws, 1)
        if torch.rand(()) < MIXING:
            cut = int(torch.randint(1, self.num_ws, ()))
            ws = torch.cat([ws[:, :cut], self.w(other)[:, None].repeat(1, self.num_ws - cut, 1)], 1)
        return ws

    def images(self, ws: Tensor) -> Tensor:
        """Return images (N, 3, SIDE, SIDE)."""
        blocks: Any = self.synthesis
        image: Tensor | None = None
        x, i = blocks["b4"].const[None].repeat(len(ws), 1, 1, 1), 0
        for block in blocks.values():
            if "conv0" in block:
                x, i = block["conv0"](x, ws[:, i]), i + 1
            x, i = block["conv1"](x, ws[:, i]), i + 1
            more = block["torgb"](x, ws[:, i])
            image = more if image is None else upfirdn(image, kernel() * 4, up=2, pad=(2, 1)) + more
        assert image is not None
        return image


class Conv(nn.Module):
    """A convolution with an equalized learning rate, or with half the size."""

    def __init__(self, in_channels: int, out_channels: int, size: int, down: bool = False, plain: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, size, size))
        self.bias = None if plain else nn.Parameter(torch.zeros(out_channels))
        self.down = down

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps."""
        size = self.weight.shape[2]
        weight = self.weight / math.sqrt(self.weight[0].numel())
        if self.down:
            pad = (2, 2) if size == 3 else (1, 1)
            x = F.conv2d(upfirdn(x, kernel(), pad=pad), weight, stride=2)
        else:
            x = F.conv2d(x, weight, padding=size // 2)
        if self.bias is None:
            return x
        return F.leaky_relu(x + self.bias.view(1, -1, 1, 1), 0.2) * math.sqrt(2)


class Discriminator(nn.Module):
    """StyleGAN2's discriminator."""

    def __init__(self, channels: dict[int, int]) -> None:
        super().__init__()
        self.blocks, last = nn.ModuleDict(), channels[4]
        for side in sorted(channels, reverse=True)[:-1]:
            c, after = channels[side], channels[side // 2]
            block = {"conv0": Conv(c, c, 3), "conv1": Conv(c, after, 3, True), "skip": Conv(c, after, 1, True, True)}
            if side == SIDE:
                block["fromrgb"] = Conv(3, c, 1)
            self.blocks[f"b{side}"] = nn.ModuleDict(block)
        self.blocks["b4"] = nn.ModuleDict(
            {"conv": Conv(last + 1, last, 3), "fc": Linear(16 * last, last, True), "out": Linear(last, 1)}
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return raw scores (N,)."""
        layers: Any = self.blocks
        *blocks, end = layers.values()
        for block in blocks:
            if "fromrgb" in block:
                x = block["fromrgb"](x)
            x = (block["conv1"](block["conv0"](x)) + block["skip"](x)) / math.sqrt(2)
        groups = x.view(GROUP, -1, *x.shape[1:])
        spread = torch.sqrt(groups.var(0, unbiased=False) + 1e-8).mean([1, 2, 3])
        x = torch.cat([x, spread.repeat(GROUP).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)], 1)
        return end["out"](end["fc"](end["conv"](x).flatten(1))).squeeze(1)


def copied(network: nn.Module, own: nn.Module) -> nn.Module:
    """Return a plain network with the weights of ganzoo's; they have the same names."""
    there = {name.removeprefix("blocks."): p for name, p in network.named_parameters()}
    weights = dict(own.named_parameters())
    assert there.keys() == weights.keys(), there.keys() ^ weights.keys()
    with torch.no_grad():
        for name, p in there.items():
            p.copy_(weights[name])
    return network


def plain(generator: Generator, discriminator: Discriminator, batches: Iterator[Tensor]) -> Play:
    """Return a round as a reader would write it."""
    g_share, d_share = PATH_EVERY / (PATH_EVERY + 1), R1_EVERY / (R1_EVERY + 1)
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=0.0025 * g_share, betas=(0.0, 0.99**g_share))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=0.0025 * d_share, betas=(0.0, 0.99**d_share))
    path_mean, step = torch.zeros(()), 0

    def styles(num: int = BATCH) -> Tensor:
        return generator.styles(torch.randn(num, W_DIM), torch.randn(num, W_DIM))

    def play() -> None:
        nonlocal step, path_mean
        real, step = next(batches), step + 1
        fake = generator.images(styles()).detach()
        d_optimizer.zero_grad()
        (F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean()).backward()
        d_optimizer.step()
        if step % R1_EVERY == 0:
            x = real.clone().requires_grad_(True)
            (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
            d_optimizer.zero_grad()
            (GAMMA / 2 * R1_EVERY * slope.pow(2).sum([1, 2, 3]).mean()).backward()
            d_optimizer.step()
        g_optimizer.zero_grad()
        F.softplus(-discriminator(generator.images(styles()))).mean().backward()
        g_optimizer.step()
        if step % PATH_EVERY == 0:
            ws = styles(BATCH // 2)
            images = generator.images(ws)
            noise = torch.randn_like(images) / SIDE
            (slope,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
            lengths = slope.pow(2).sum(2).mean(1).sqrt()
            path_mean = path_mean + 0.01 * (lengths.detach().mean() - path_mean)
            g_optimizer.zero_grad()
            (2 * PATH_EVERY * (lengths - path_mean).pow(2).mean()).backward()
            g_optimizer.step()

    return play


# The race ---------------------------------------------------------------------------------------------------------


def pictures(seed: int) -> Tensor:
    """Return smooth coloured spots, uint8 (N, 3, SIDE, SIDE)."""
    coarse = torch.rand(256, 3, 5, 5, generator=torch.Generator().manual_seed(seed))
    return (F.interpolate(coarse, SIDE, mode="bicubic").clamp(0, 1) * 255).to(torch.uint8)


class Pictures(DataModule):
    """The set for ganzoo."""

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return it as both parts."""
        images = TensorSet(image=pictures(0))
        return images, images


def batches() -> Iterator[Tensor]:
    """Yield batches in [-1, 1], shuffled, without end."""
    images = pictures(0)
    while True:
        for rows in torch.randperm(len(images)).split(BATCH):
            yield images[rows].float() / 127.5 - 1


class Losses(L.Callback):
    """Keeps D's and G's loss of every round, and the seconds of every cycle."""

    def __init__(self) -> None:
        self.losses: list[tuple[float, float]] = []
        self.seconds: list[float] = []
        self.start: float | None = None

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        """Note them."""
        model: Any = pl_module
        of_d, of_g = (float(player.round_terms["adversarial"]) for player in model.players.values())
        self.losses.append((of_d, of_g))
        if trainer.global_step % CYCLE == 0:
            if self.start is not None:
                self.seconds.append(time.perf_counter() - self.start)
            self.start = time.perf_counter()


def model(width: int, fmaps: float) -> StyleGAN2:
    """Return ganzoo's model."""
    return StyleGAN2(
        settings="auto",
        gamma=GAMMA,
        generator=partial(StyleGAN2Generator, width=width, fmaps=fmaps, mapping_layers=2),
        discriminator=partial(StyleGAN2Discriminator, width=width, fmaps=fmaps),
    )


def rivals(width: int, fmaps: float) -> tuple[Generator, Discriminator]:
    """Return the plain networks, with the weights of ganzoo's."""
    own = model(width, fmaps)
    own.shape = (3, SIDE, SIDE)
    own.configure_model()
    channels = {int(name[1:]): block.conv1.weight.shape[0] for name, block in own.generator.synthesis.named_children()}
    generator, discriminator = Generator(channels, 2), Discriminator(channels)
    return copied(generator, own.generator), copied(discriminator, own.discriminator)  # type: ignore[return-value]


def against_plain(width: int, fmaps: float, turns: int, rounds: int) -> list[list[str]]:
    """Race both loops; return the row of the table."""
    clock = Turns({"plain": many(plain(*rivals(width, fmaps), batches()))}, rounds)
    fit(model(width, fmaps), Pictures(batch_size=BATCH), rounds * (turns + 1), [clock])
    own, other = ([rounds * s for s in clock.seconds[name]] for name in ("ganzoo", "plain"))
    return [
        [f"{width}, {fmaps:g}", spread(other), spread(own), spread([b / a for a, b in zip(own, other, strict=True)])]
    ]


def precisions(width: int, fmaps: float, turns: int, seed: int, cycle: int) -> list[list[str]]:
    """Play in turns of precision; return the row of the table, with the mean losses of the last half."""
    found: dict[str, Losses] = {}
    for precision in ("32-true", "bf16-mixed"):
        L.seed_everything(seed, verbose=False)
        found[precision] = Losses()
        fit(
            model(width, fmaps),
            Pictures(batch_size=BATCH),
            cycle * (turns + 1),
            [found[precision]],
            precision=precision,
        )
    full, half = found["32-true"], found["bf16-mixed"]
    late = len(full.losses) // 2
    means = [[statistics.mean(loss[i] for loss in run.losses[late:]) for run in (full, half)] for i in (0, 1)]
    ratio = statistics.median(full.seconds) / statistics.median(half.seconds)
    losses = [f"{a:.3f} / {b:.3f}" for a, b in means]
    return [[f"{width}, {fmaps:g}", spread(full.seconds), spread(half.seconds), f"{ratio:.2f}", *losses]]


def has_amx() -> bool:
    """Say whether the CPU multiplies matrices of bf16 in hardware."""
    ask: Callable[[], bool] = torch.cpu._is_amx_tile_supported
    return ask()


def main(args: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3, help="cycles of each loop, without the warm-up")
    parser.add_argument("--width", type=int, default=128, help="the largest number of channels; 512 in the paper")
    parser.add_argument("--fmaps", type=float, default=0.25, help="a factor of the channels; 0.5 or 1 in the paper")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["plain", "bf16"], help="one of the two comparisons")
    parser.add_argument("--quick", action="store_true", help="try it out: a turn of narrow networks means nothing")
    parser.add_argument("--out", help="a Markdown file for the tables")
    given = parser.parse_args(args)
    torch.set_num_threads(given.threads)
    turns, width, fmaps = (1, 8, 0.25) if given.quick else (given.turns, given.width, given.fmaps)
    report = Report(f"{machine(given.threads)}. Seed {given.seed}, batch {BATCH}, {SIDE} px, {turns} cycles.")
    if given.only != "bf16":
        L.seed_everything(given.seed, verbose=False)
        report.table(
            "A cycle of 16 rounds, fp32",
            ["width, fmaps", "plain s", "ganzoo s", "plain / ganzoo"],
            against_plain(width, fmaps, turns, CYCLE),
        )
    if given.only != "plain":
        report.table(
            f"A cycle of 16 rounds, ganzoo ({'with' if has_amx() else 'without'} AMX)",
            ["width, fmaps", "fp32 s", "bf16 s", "fp32 / bf16", "D's loss, fp32 / bf16", "G's loss, fp32 / bf16"],
            precisions(width, fmaps, turns, given.seed, CYCLE),
        )
    report.save(given.out)


if __name__ == "__main__":
    main()
