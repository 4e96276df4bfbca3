"""U-Net: the generator of pix2pix (Isola, Zhu, Zhou and Efros 2017), after Ronneberger et al. 2015."""

from math import gcd
from typing import Literal

import torch
from torch import Tensor, nn

from ganzoo.networks.chance import Dropout
from ganzoo.networks.norms import image_norm, image_sides, initialise
from ganzoo.system.errors import UserError

__all__ = ["UNet"]

DEEPEST, SHALLOWEST = 8, 3  # halvings, unless asked for more
LARGEST = 12  # beyond it images would have more than 4,096 px
WITH_NOISE = 3  # decoder layers with dropout, from the innermost


class UNetBlock(nn.Module):
    """A convolution down, the block within, a transposed convolution up, and the input beside it (the skip).

    Args:
        outside: channels of the input, and of what is made of it beside it.
        inside: channels after the convolution.
        within: the next block, or None for the innermost, whose map gets no norm: it may be a single pixel.
        norm: `batch`, `instance` or `none`.
        noise: dropout at the end.
    """

    def __init__(self, outside: int, inside: int, within: nn.Module | None, norm: str, noise: bool) -> None:
        super().__init__()
        bias, normed = norm != "batch", image_norm(norm)
        down: list[nn.Module] = [nn.LeakyReLU(0.2), nn.Conv2d(outside, inside, 4, stride=2, padding=1, bias=bias)]
        middle = [] if within is None else [normed(inside), within]
        seen = inside if within is None else 2 * inside
        up: list[nn.Module] = [
            nn.ReLU(),
            nn.ConvTranspose2d(seen, outside, 4, stride=2, padding=1, bias=bias),
            normed(outside),
        ]
        self.model = nn.Sequential(*down, *middle, *up, *([Dropout(0.5, always=True)] if noise else []))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (N, 2 * outside, H, W) for maps (N, outside, H, W)."""
        return torch.cat([x, self.model(x)], 1)


class Outermost(nn.Module):
    """The first convolution, the blocks within, and the last transposed convolution: no norm at either end."""

    def __init__(self, channels: int, out: int, width: int, within: nn.Module, bias: bool) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=bias),
            within,
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, out, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return images in [-1, 1]."""
        return self.model(x)


class UNet(nn.Module):
    """An image to an image in [-1, 1]: section 6.1.1's U-Net, `depth` halvings and as many doublings.

    4 x 4 convolutions with stride 2; `width` channels after the first, twice as many after each further one up to 8
    times; LeakyReLU(0.2) on the way down, ReLU on the way up; each map of the way down is put beside that of the same
    size on the way up. Dropout (0.5) in the three innermost layers of the way up is the noise, at test time too.
    `norm` batch takes the statistics of the batch at hand, at test time those of each image: instance norm.

    The modules are nested and numbered as in the authors' PyTorch code: `model.model.1.model.3...`, the innermost last.

    Args:
        shape_in: (C, H, W) of the input.
        shape_out: (C', H, W) of the output.
        width: channels after the first convolution.
        depth: halvings, from 3 to as many as both sides allow. None: these, at most 8 (256 px: 8; 128 px: 7; 64 px: 6;
            96 px: 5; 286 px, twice 143, has one: too few).
        norm: `batch` as in the paper, or `instance`.
        noise: whether there is dropout; `released`: where the authors' PyTorch code has it, which is one layer further
            out than in the paper, and among the layers of the full width only.

    Raises:
        UserError: sides that are no multiples of 8; a depth below 3, or beyond what the sides allow.
    """

    def __init__(
        self,
        shape_in: tuple[int, ...],
        shape_out: tuple[int, ...],
        width: int = 64,
        depth: int | None = None,
        norm: Literal["batch", "instance"] = "batch",
        noise: bool | Literal["released"] = True,
    ) -> None:
        super().__init__()
        height, side = image_sides("UNet", shape_in, shape_out)
        if width < 1:
            raise UserError(f"width is {width}: UNet needs at least 1 channel.")
        most = (gcd(height, side) & -gcd(height, side)).bit_length() - 1  # halvings until one would be odd
        depth = min(DEEPEST, most) if depth is None else depth
        if most < SHALLOWEST:
            raise UserError(
                f"UNet can't take images of {height} x {side} px: it needs sides that are multiples of "
                f"{2**SHALLOWEST}, and does best with powers of two: 64, 128, 256 (the paper's)."
            )
        if not SHALLOWEST <= depth <= most:
            more = f", or sides that are multiples of {2**depth}" if most < depth <= LARGEST else ""
            raise UserError(
                f"UNet with depth {depth} can't take images of {height} x {side} px: give a depth from {SHALLOWEST} to "
                f"{most}{more}."
            )
        widths = [width * min(8, 2**level) for level in range(depth)]
        block: nn.Module | None = None
        for level in range(depth - 1, 0, -1):
            noisy = bool(noise) and depth - level <= WITH_NOISE
            if noise == "released":
                noisy = level < depth - 1 and widths[level - 1] == 8 * width
            block = UNetBlock(widths[level - 1], widths[level], block, norm, noisy)
        assert block is not None
        self.multiple = 2**depth
        self.model = Outermost(shape_in[0], shape_out[0], width, block, bias=norm != "batch")
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Return images (N, C', H, W) in [-1, 1] for images (N, C, H, W); both sides multiples of 2 ** depth."""
        return self.model(x)
