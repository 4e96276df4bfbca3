"""The residual generator of CycleGAN (Zhu, Park, Isola and Efros 2017), after Johnson et al. 2016."""

from typing import Literal

from torch import Tensor, nn

from ganzoo.networks.antialiasing import Blur, Enlarged
from ganzoo.networks.chance import Dropout
from ganzoo.networks.norms import INITIALISE, image_norm, image_sides
from ganzoo.system.errors import UserError

__all__ = ["AntialiasedTranslator", "ResNetTranslator"]

SMALLEST = 8  # px: reflection needs 2 px after two halvings


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions on reflected maps, norm after each, ReLU between, and the input added."""

    def __init__(self, width: int, norm: str, noise: bool) -> None:
        super().__init__()
        bias, normed = norm != "batch", image_norm(norm)
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3, bias=bias),
            normed(width),
            nn.ReLU(),
            *([Dropout(0.5, always=True)] if noise else []),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3, bias=bias),
            normed(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        return x + self.conv_block(x)


class ResNetTranslator(nn.Module):
    """An image to an image in [-1, 1]: the appendix's c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-3.

    Reflection instead of zeros at the borders, norm and ReLU after all convolutions but the last, tanh after the last.
    The modules are numbered as in the authors' PyTorch code: `model.1`, `model.4`, ..., `model.10.conv_block.1`, ...

    Args:
        shape_in: (C, H, W) of the input.
        shape_out: (C', H, W) of the output.
        width: channels after the first convolution.
        blocks: residual blocks. None: 6 up to 128 px and 9 above, as in the paper.
        norm: `instance` as in the paper, or `batch`, or `none`, with biases in place of the norm's shift (the authors'
            code has neither then).
        noise: dropout (0.5) in the residual blocks, at test time too: for pix2pix.
        antialias: smooth before pixels are left out, and enlarge linearly, as CUT does (after Zhang 2019), where the
            paper has convolutions with stride 2 and 1/2. Numbered as in CUT's code.
        init: weights from N(0, 0.02), `normal`, as in the paper; or by Xavier's rule, times 0.02, as in CUT's code.

    Raises:
        UserError: a size that can't be halved twice, or that is below 8 px.
    """

    multiple, least = 4, SMALLEST

    def __init__(
        self,
        shape_in: tuple[int, ...],
        shape_out: tuple[int, ...],
        width: int = 64,
        blocks: int | None = None,
        norm: Literal["instance", "batch", "none"] = "instance",
        noise: bool = False,
        antialias: bool = False,
        init: Literal["normal", "xavier"] = "normal",
    ) -> None:
        super().__init__()
        sides = image_sides("ResNetTranslator", shape_in, shape_out)
        if min(sides) < SMALLEST or any(side % self.multiple for side in sides):
            raise UserError(
                f"ResNetTranslator can't take images of {sides[0]} x {sides[1]} px: "
                f"make both sides multiples of {self.multiple}, at least {SMALLEST}."
            )
        if blocks is None:
            blocks = 6 if max(sides) <= 128 else 9
        if width < 1 or blocks < 1:
            raise UserError(f"width is {width} and blocks {blocks}: ResNetTranslator needs 1 or more of each.")
        bias, normed = norm != "batch", image_norm(norm)
        layers: list[nn.Module] = []

        def then(*modules: nn.Module, channels: int | None = None) -> int:
            """Add modules, with norm and ReLU if there are `channels`; return the number of the last convolution."""
            layers.extend(modules)
            number = max((i for i, m in enumerate(layers) if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))), default=0)
            if channels is not None:
                layers.extend([normed(channels), nn.ReLU()])
            return number

        then(nn.ReflectionPad2d(3), nn.Conv2d(shape_in[0], width, 7, bias=bias), channels=width)
        downs = []
        for channels in (width, 2 * width):
            stride = 1 if antialias else 2
            conv = nn.Conv2d(channels, 2 * channels, 3, stride=stride, padding=1, bias=bias)
            downs.append(then(conv, channels=2 * channels))
            if antialias:
                then(Blur())
        first = len(layers)
        then(*(ResidualBlock(4 * width, norm, noise) for _ in range(blocks)))
        self.seen = [0, *downs, first, first + min(4, blocks - 1)]  # modules whose outputs `features` gives
        self.feature_widths = [shape_in[0], 2 * width, *[4 * width] * 3]
        for channels in (4 * width, 2 * width):
            half = channels // 2
            if antialias:
                then(Enlarged(), nn.Conv2d(channels, half, 3, padding=1, bias=bias), channels=half)
            else:
                wide = nn.ConvTranspose2d(channels, half, 3, stride=2, padding=1, output_padding=1, bias=bias)
                then(wide, channels=half)
        then(nn.ReflectionPad2d(3), nn.Conv2d(width, shape_out[0], 7), nn.Tanh())
        self.model = nn.Sequential(*layers)
        self.apply(INITIALISE[init])

    def forward(self, x: Tensor) -> Tensor:
        """Return images (N, C', H, W) in [-1, 1] for images (N, C, H, W); both sides multiples of 4."""
        return self.model(x)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return what the encoder makes of images (N, C, H, W): maps of 5 sizes of patches.

        The pixels (reflected at the borders), the first and the second downsampling convolution, the first and the
        fifth residual block: Park et al. 2020, appendix. Their channels are `feature_widths`.
        """
        maps = []
        for number, layer in enumerate(self.model[: self.seen[-1] + 1]):
            x = layer(x)
            if number in self.seen:
                maps.append(x)
        return maps if len(maps) == len(self.seen) else [*maps, maps[-1]]


class AntialiasedTranslator(ResNetTranslator):
    """The residual generator as CUT's code has it: antialiased (Zhang 2019), and initialised by Xavier's rule."""

    def __init__(
        self,
        shape_in: tuple[int, ...],
        shape_out: tuple[int, ...],
        width: int = 64,
        blocks: int | None = None,
        norm: Literal["instance", "batch", "none"] = "instance",
        noise: bool = False,
        antialias: bool = True,
        init: Literal["normal", "xavier"] = "xavier",
    ) -> None:
        super().__init__(shape_in, shape_out, width, blocks, norm, noise, antialias, init)
