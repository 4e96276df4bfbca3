"""PatchGAN: the discriminator of pix2pix and CycleGAN, which scores each patch of an image."""

from typing import Literal

from torch import Tensor, nn

from ganzoo.networks.antialiasing import Blur
from ganzoo.networks.norms import INITIALISE, image_norm
from ganzoo.system.errors import UserError

__all__ = ["AntialiasedPatchGAN", "InstancePatchGAN", "PatchGAN"]

HALVINGS = {16: 1, 34: 2, 70: 3, 142: 4, 286: 5}  # of each side of a patch; 1 x 1 has none


class PatchGAN(nn.Module):
    """An image to a raw score of each of its patches: Isola et al. 2017, section 3.3 and appendix 6.1.2.

    4 x 4 convolutions: some with stride 2, two with stride 1; LeakyReLU(0.2) after all but the last, norm after all but
    the first and the last; `width` channels, twice as many after each further one up to 8 times. A patch of 1 px is
    scored by three 1 x 1 convolutions. 286 px sees a whole image of 256 (the paper's ImageGAN).

    The modules are numbered as in the authors' PyTorch code: `model.0`, `model.2`, ...

    Args:
        shape: (C, H, W) of what is scored: an image, or two put together along the channels.
        patch: side in px of the patch that a score sees: 1, 16, 34, 70 (the paper's choice), 142 or 286.
        width: channels after the first convolution.
        norm: `batch` as in pix2pix, `instance` as in CycleGAN, or `none`, with biases in place of the norm's shift (the
            authors' code has neither then).
        antialias: smooth before pixels are left out, as CUT does (after Zhang 2019), where the paper has a stride of 2.
            A score then sees somewhat more than its patch: 84 px of 70. Numbered as in CUT's code.
        init: weights from N(0, 0.02), `normal`, as in the paper; or by Xavier's rule, times 0.02, as in CUT's code.

    Raises:
        UserError: another patch; images that are too small for it.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        patch: int = 70,
        width: int = 64,
        norm: Literal["batch", "instance", "none"] = "batch",
        antialias: bool = False,
        init: Literal["normal", "xavier"] = "normal",
    ) -> None:
        super().__init__()
        if patch != 1 and patch not in HALVINGS:
            raise UserError(f"patch is {patch}: PatchGAN has patches of 1, {', '.join(map(str, HALVINGS))} px.")
        if width < 1:
            raise UserError(f"width is {width}: PatchGAN needs at least 1 channel.")
        channels, *sides = shape
        bias, normed = norm != "batch", image_norm(norm)
        if patch == 1:
            self.model = nn.Sequential(
                nn.Conv2d(channels, width, 1),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(width, 2 * width, 1, bias=bias),
                normed(2 * width),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(2 * width, 1, 1, bias=bias),
            )
            self.apply(INITIALISE[init])
            return
        halvings = HALVINGS[patch]
        least = 3 * 2**halvings  # the two last convolutions take one px each, and a norm needs two to compare
        if len(sides) != 2 or min(sides) < least:
            small = [size for size, times in HALVINGS.items() if len(sides) == 2 and min(sides) >= 3 * 2**times]
            option, name = "--model.discriminator", type(self).__name__  # the class first, to which its options belong
            fits = f"give {option} {name} {option}.patch {max(small, default=1)}, or larger images"
            raise UserError(
                f"PatchGAN with patch {patch} needs images of {least} px or more, not {tuple(shape)}: {fits}."
            )
        widths = [width * min(8, 2**level) for level in range(halvings + 1)]
        stride, blur = (1, [Blur()]) if antialias else (2, [])  # one will do: it has no weights
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 4, stride=stride, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            *blur,
        ]
        for level in range(1, halvings + 1):
            before, after, last = widths[level - 1], widths[level], level == halvings
            conv = nn.Conv2d(before, after, 4, stride=1 if last else stride, padding=1, bias=bias)
            layers += [conv, normed(after), nn.LeakyReLU(0.2, inplace=True)]
            layers += [] if last else blur
        self.model = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))
        self.apply(INITIALISE[init])

    def forward(self, x: Tensor) -> Tensor:
        """Return raw scores (N, 1, H', W'), no sigmoid, for images (N, C, H, W) in [-1, 1]."""
        return self.model(x)


class InstancePatchGAN(PatchGAN):
    """PatchGAN with instance norm, as CycleGAN uses it (Zhu et al. 2017, appendix)."""

    def __init__(
        self,
        shape: tuple[int, ...],
        patch: int = 70,
        width: int = 64,
        norm: Literal["batch", "instance", "none"] = "instance",
        antialias: bool = False,
        init: Literal["normal", "xavier"] = "normal",
    ) -> None:
        super().__init__(shape, patch, width, norm, antialias, init)


class AntialiasedPatchGAN(PatchGAN):
    """PatchGAN as CUT's code has it: instance norm, antialiased (Zhang 2019), and initialised by Xavier's rule."""

    def __init__(
        self,
        shape: tuple[int, ...],
        patch: int = 70,
        width: int = 64,
        norm: Literal["batch", "instance", "none"] = "instance",
        antialias: bool = True,
        init: Literal["normal", "xavier"] = "xavier",
    ) -> None:
        super().__init__(shape, patch, width, norm, antialias, init)
