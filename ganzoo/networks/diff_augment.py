"""Differentiable augmentation (Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training")."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ganzoo.networks.augment import Augment, Augmentation
from ganzoo.networks.chance import for_all
from ganzoo.networks.warps import read
from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

__all__ = ["DiffAugment"]


@dataclass(frozen=True)
class DiffAugment(Augment):
    """Zhao et al. 2020, section 3.2: D sees changed images alone, real and generated, and G learns through the changes.

    Strengths are those of the authors' code.

    Attributes:
        colour: add a number in [-0.5, 0.5), scale the differences of the channels by [0, 2), and those from the image's
            mean by [0.5, 1.5).
        translation: move by whole pixels, up to 1/8 of a side; 0 comes in.
        cutout: set a square of half the side to 0; it may lie partly outside.
    """

    colour: bool = True
    translation: bool = True
    cutout: bool = True

    def __post_init__(self) -> None:
        if not (self.colour or self.translation or self.cutout):
            raise UserError("DiffAugment changes nothing: leave model.augment out, or set one of its changes to true.")

    def build(self, shape: tuple[int, ...]) -> Augmentation:
        """Return the augmentation of images of this shape."""
        if len(shape) != 3:
            raise UserError(f"DiffAugment changes images, and the samples are points of {shape[0]} numbers.")
        if min(shape[1:]) < 2:
            raise UserError(f"DiffAugment needs images of at least 2 px, and these have {shape[1]}x{shape[2]}.")
        return Augmentation(self)

    def __call__(self, x: Tensor, draws: Draws, step: int) -> Tensor:
        """Return changed images (N, C, H, W)."""
        chance = for_all(len(x), lambda: draws.uniform(7)).to(x)
        if self.colour:
            x = recoloured(x, chance[:, :3])
        if self.translation:
            x = moved(x, chance[:, 3:5])
        return cut(x, chance[:, 5:]) if self.cutout else x


def recoloured(x: Tensor, chance: Tensor) -> Tensor:
    """Return images of another brightness, saturation and contrast, by numbers (N, 3) in [0, 1)."""
    brightness, saturation, contrast = chance.T[..., None, None, None]
    x = x + (brightness - 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + 2 * saturation * (x - grey)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (contrast + 0.5) * (x - mean)


def moved(x: Tensor, chance: Tensor) -> Tensor:
    """Return images moved by up to 1/8 of their sides, by numbers (N, 2) in [0, 1), across and down."""
    num, _, height, width = x.shape
    across, down = (
        torch.arange(size, device=x.device, dtype=x.dtype) - whole(share, size // 8 + (size % 8 >= 4))[:, None]
        for share, size in zip(chance.T, (width, height), strict=True)
    )
    places = across[:, None].expand(num, height, width), down[:, :, None].expand(num, height, width)
    return read(x, *places, "nearest", "zeros")


def whole(share: Tensor, most: int) -> Tensor:
    """Return whole numbers in -most .. most by numbers in [0, 1)."""
    return (share * (2 * most + 1)).floor() - most


def cut(x: Tensor, chance: Tensor) -> Tensor:
    """Return images without a square of half their sides, whose centre numbers (N, 2) in [0, 1) say."""

    def near(share: Tensor, size: int) -> Tensor:
        side = (size + 1) // 2
        first = (share * (size + 1 - side % 2)).floor() - side // 2  # of the hole's pixels
        numbers = torch.arange(size, device=x.device, dtype=x.dtype) - first[:, None]
        return ((numbers >= 0) & (numbers < side)).to(x)

    across, down = chance.T
    return x * (1 - near(down, x.shape[2])[:, None, :, None] * near(across, x.shape[3])[:, None, None])
