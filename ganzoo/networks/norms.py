"""Initial weights of networks; norms and sizes of networks from images to images."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.system.errors import UserError

__all__ = ["InstanceNorm", "image_norm", "image_sides"]


def initialise(module: nn.Module) -> None:
    """Section 4: weights from N(0, 0.02); batch norm's scales, as in the authors' code, from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d) and module.affine:
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class InstanceNorm(nn.GroupNorm):
    """Instance norm without scale and shift, as Zhu et al. 2017 use it.

    Groups of one channel are the same as `nn.InstanceNorm2d`, and on a CPU torch is quicker at them: a
    residual generator and its gradient take a tenth less. And the gradient is right: that of `nn.InstanceNorm2d` is
    wrong on a CPU for a batch of one whose gradient is channels-last (torch 2.14).
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, affine=False)


class NormOfBatch(nn.BatchNorm2d):
    """Batch norm that keeps no statistics (Isola et al. 2017, section 3.4).

    In training they are those of the batch at hand; at test time those of each image, as of a batch of one, so that a
    translation does not depend on the images beside it.
    """

    alone_at_test = True

    def __init__(self, channels: int) -> None:
        super().__init__(channels, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (N, C, H, W), normalised."""
        if self.training:
            return super().forward(x)
        return F.group_norm(x, self.num_features, self.weight, self.bias, self.eps)


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": NormOfBatch,
    "instance": InstanceNorm,
    "none": nn.Identity,
}


def image_norm(kind: str) -> Callable[[int], nn.Module]:
    """Return a function from a number of channels to the norm `batch`, `instance` or `none`."""
    return NORMS[kind]


def by_xavier(module: nn.Module) -> None:
    """Draw weights by Xavier's rule (Glorot and Bengio 2010), times 0.02; all else as `initialise` does."""
    if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        initialise(module)
        return
    nn.init.xavier_normal_(module.weight, gain=0.02)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


INITIALISE: dict[str, Callable[[nn.Module], None]] = {"normal": initialise, "xavier": by_xavier}


def image_sides(name: str, *shapes: tuple[int, ...]) -> tuple[int, int]:
    """Return the height and width of images of these shapes, (C, H, W) each.

    Raises:
        UserError: they are no images, or differ in size.
    """
    for shape in shapes:
        if len(shape) != 3:
            raise UserError(f"{name} works on images (C, H, W), not on samples of shape {tuple(shape)}.")
    if len({tuple(shape[1:]) for shape in shapes}) > 1:
        sizes = " and ".join(f"{height} x {width}" for _, height, width in shapes)
        raise UserError(f"{name} makes images of the size it is given, but the domains have {sizes} px: resize one.")
    return shapes[0][1], shapes[0][2]
