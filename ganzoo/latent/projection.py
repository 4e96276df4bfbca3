"""Projection: the latent whose image is nearest to a given one (Karras et al. 2020, appendix D)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.game import FromNoise
from ganzoo.game.paths import Noise, Space, render
from ganzoo.game.styles import need_styles
from ganzoo.latent.codes import Codes
from ganzoo.latent.distances import Distance
from ganzoo.system.draws import Draws

__all__ = ["Projection", "noise_regularization", "project", "rate_at"]

AVERAGED = 10_000  # latents that the mean and the deviation of W are taken over
TRIED = 64  # samples of which the nearest is where a projection into Z starts
JITTER = 0.05  # of W's deviation: the noise that the code gets at first
QUIET_FROM = 0.75  # share of the steps after which it gets none
RISE, FALL = 0.05, 0.25  # share of the steps in which the rate rises and falls
SMALLEST = 8  # px, of the coarsest scale at which noise maps are looked at
CHANCE = 9  # sets the chance of a projection apart from other chance


@dataclass
class Projection:
    """What a projection found.

    Attributes:
        codes: one code, with its noise maps.
        image: (C, H, W) in [-1, 1].
        distance: from the target, by the distance that was lowered.
        l1: mean absolute difference from the target, of values in [-1, 1].
        way: images (K, C, H, W) on the way there.
    """

    codes: Codes
    image: Tensor
    distance: float
    l1: float
    way: Tensor


def rate_at(share: float, lr: float) -> float:
    """Return the learning rate after a share of the steps: it rises at first, and falls at the end as a cosine does."""
    fall = min(1.0, (1 - share) / FALL)
    return lr * (0.5 - 0.5 * math.cos(fall * math.pi)) * min(1.0, share / RISE)


def noise_regularization(maps: list[Tensor]) -> Tensor:
    """Return how much neighbours in noise maps (H, W) resemble each other, at each scale down to 8 px; 0 for noise.

    The squares of the mean products with the right and with the lower neighbour are summed up.
    """
    total = torch.zeros((), device=maps[0].device)
    for noise in maps:
        scaled = noise[None, None]
        while True:
            for axis in (2, 3):
                total = total + (scaled * scaled.roll(1, axis)).mean().square()
            if min(scaled.shape[2:]) <= SMALLEST:
                break
            scaled = F.avg_pool2d(scaled, 2) * 2  # the mean of 4 independent numbers, at unit variance again
    return total


def project(
    model: FromNoise,
    target: Tensor,
    distance: Distance,
    space: Space = "w",
    steps: int = 1000,
    lr: float = 0.1,
    optimize_noise: bool = True,
    y: Tensor | None = None,
    seed: int = 0,
    raw: bool | None = None,
    frames: int = 40,
    watch: Callable[[], None] = lambda: None,
) -> Projection:
    """Return the code whose image is nearest to a target.

    In W and W+ it starts at the mean of W. At first the code gets noise in proportion to W's deviation, which finds the
    way around bad minima; the noise maps are learned too, and kept from taking over the picture. In Z it starts
    at the nearest of 64 samples.

    Args:
        model: what makes images.
        target: (C, H, W) in [-1, 1], as the model's are.
        distance: what is lowered.
        space: `z`, `w` or `w+`.
        steps: of Adam.
        lr: its largest rate.
        optimize_noise: learn the noise maps too, where there are some.
        y: what a conditional model is told, (1, ...).
        seed: of all chance.
        raw: use the raw weights even if there is an average of them.
        frames: how many images on the way are kept.
        watch: called after each step.
    """
    target = target[None].to(model.device)
    rows = torch.tensor([0])
    start, deviation = (start_in_z if space == "z" else start_in_w)(model, target, distance, y, seed, raw)
    if space == "w+":
        start = start[:, None].repeat(1, need_styles(model, "projection").num_ws, 1)
    code = start.clone().requires_grad_()
    chance = Draws((seed, CHANCE), range(1), model.device, torch.float32)
    maps = new_maps(model, raw, chance) if optimize_noise and space != "z" else {}
    noise: Noise = "const" if maps else "random"
    optimizer = torch.optim.Adam([code, *maps.values()], lr, betas=(0.9, 0.999))
    way: list[Tensor] = []
    for step in range(steps):
        share = step / steps
        optimizer.param_groups[0]["lr"] = rate_at(share, lr)
        jitter = JITTER * deviation * max(0.0, 1 - share / QUIET_FROM) ** 2
        moved = code + jitter * chance.normal(*code.shape[1:])
        image = shown(render(model, moved, space, y, raw, seed, rows, noise, maps))
        loss = distance(image, target).sum()
        if maps:
            loss = loss + distance.noise_weight * noise_regularization(list(maps.values()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for value in maps.values():
                value.sub_(value.mean()).div_(value.std().clamp(min=1e-8))
            if space == "z" and model.latent == "uniform":
                code.clamp_(-1, 1)
        if step * frames // steps > (step - 1) * frames // steps:
            way.append(image.detach().float().cpu()[0])
        watch()
    kept = {name: value.detach()[None].cpu() for name, value in maps.items()}
    codes = Codes(space, code.detach().cpu(), None if space != "z" else y, kept, seed, rows)
    made = codes.images(model, raw)
    here = made.to(model.device)
    with torch.no_grad():
        far = float(distance(here, target))
    return Projection(codes, made[0], far, float((here - target).abs().mean()), torch.stack([*way, made[0]]))


def shown(image: Tensor) -> Tensor:
    """Return an image within [-1, 1], as a file can show it. The gradient is as if it had not been cut off.

    So a white pixel may be whiter than white, and one that should not be white comes back.
    """
    return image + (image.clamp(-1, 1) - image).detach()


def start_in_w(
    model: FromNoise, target: Tensor, distance: Distance, y: Tensor | None, seed: int, raw: bool | None
) -> tuple[Tensor, float]:
    """Return the mean of W (1, D), of a class if there is one, and the root of the mean squared distance from it."""
    styles = need_styles(model, "projection")
    with torch.no_grad():
        z = model.latents(torch.arange(AVERAGED), seed)
        told = None if y is None else y.expand(len(z), *y.shape[1:])
        w = styles.of(z, told, raw)[:, 0].float()
    mean = w.mean(0, keepdim=True)
    return mean, float((w - mean).square().sum(1).mean().sqrt())


@torch.no_grad()
def start_in_z(
    model: FromNoise, target: Tensor, distance: Distance, y: Tensor | None, seed: int, raw: bool | None
) -> tuple[Tensor, float]:
    """Return the nearest to the target of some latents (1, D), and the root of the mean squared length of latents."""
    z = model.latents(torch.arange(TRIED), seed)
    told = None if y is None else y.expand(len(z), *y.shape[1:])
    images = render(model, z, "z", told, raw, seed, torch.zeros(len(z), dtype=torch.int64))
    best = distance(images, target.expand_as(images)).argmin().item()
    return z[int(best)][None].to(model.device), float(z.square().sum(1).mean().sqrt())


def new_maps(model: FromNoise, raw: bool | None, chance: Draws) -> dict[str, Tensor]:
    """Return fresh noise maps (H, W) by the names of the synthesis network's constant ones, to be learned."""
    synthesis: torch.nn.Module = model.sampler(raw).synthesis  # type: ignore[assignment]
    names = {name: value for name, value in synthesis.named_buffers() if name.endswith("noise_const")}
    return {name: chance.normal(*value.shape)[0].requires_grad_() for name, value in names.items()}
