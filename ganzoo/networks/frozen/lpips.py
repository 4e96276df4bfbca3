"""LPIPS, by torchmetrics (Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric").

torchmetrics has the weights of the paper's last layers. Those of VGG16 are torchvision's: `vgg16-397923af.pth`, 528 MB.
"""

import os
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.system.errors import UserError
from ganzoo.system.weights import plain_contents

__all__ = ["LPIPS", "cached_vgg16"]

FILE = "vgg16-397923af.pth"
SMALLEST, LARGEST = 64, 256  # px: the patches that it was trained on; larger images are made smaller, as StyleGAN2 does


def cached_vgg16() -> str | None:
    """Return torchvision's file of VGG16 in torch's cache; None if it was never fetched."""
    path = Path(torch.hub.get_dir(), "checkpoints", FILE)
    return str(path) if os.path.isfile(path) else None


class LPIPS(nn.Module):
    """The distance (N,) of images (N, C, H, W) in [-1, 1], C of 1 or 3, by the features of VGG16.

    It grows with the square of a small difference. Images under 64 px are enlarged, those above 256 px made smaller.

    Args:
        weights: torchvision's file of VGG16.

    Raises:
        UserError: the file is another.
    """

    name = "LPIPS (VGG16)"

    def __init__(self, weights: str) -> None:
        super().__init__()
        from torchmetrics.functional.image.lpips import _LPIPS  # its public form would fetch VGG16 by itself

        with torch.random.fork_rng(devices=[]):  # its weights are random at first
            self.network: Any = _LPIPS(pretrained=True, net="vgg", pnet_rand=True)
        self.network.net.load_state_dict(slices_of(weights, self.network.net.state_dict()))
        self.eval().requires_grad_(False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the distances of images."""
        made: Tensor = self.network(seen(a), seen(b))
        return made.flatten()


def seen(x: Tensor) -> Tensor:
    """Return images as the network is shown them."""
    x = x.float().expand(-1, 3, -1, -1)
    shorter = min(x.shape[2:])
    if shorter < SMALLEST:
        return F.interpolate(x, scale_factor=-(-SMALLEST // shorter), mode="bilinear")
    return F.avg_pool2d(x, shorter // LARGEST) if shorter >= 2 * LARGEST else x


def slices_of(path: str, mine: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return torchvision's weights of VGG16 by the names that they have in LPIPS: features.5.weight, slice2.5.weight.

    Raises:
        UserError: the file is another, or can't be read.
    """
    try:
        weights = plain_contents(path)
        found = {name: weights[f"features.{name.partition('.')[2]}"] for name in mine}
        if any(found[name].shape != mine[name].shape for name in mine):
            raise KeyError("shapes")
    except UserError:
        raise
    except Exception as error:  # random bytes make the unpickler fail in any way
        raise UserError(f"{path} is not torchvision's VGG16: give {FILE}.") from error
    return found
