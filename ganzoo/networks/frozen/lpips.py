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

__all__ = ["FILE", "LPIPS", "RESIZE", "SHA256", "cached_vgg16"]

FILE, SHA256 = "vgg16-397923af.pth", "397923af"
SMALLEST, LARGEST = 64, 256  # px: the patches that it was trained on; larger images are made smaller, as StyleGAN2 does
RESIZE = "bilinear to 64 px or more, averaged to 256 px or more"

# VGG16's convolutions, by their numbers among its layers: channels that they read and make
CONVOLUTIONS = {
    **{0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256)},
    **{17: (256, 512), 19: (512, 512), 21: (512, 512), 24: (512, 512), 26: (512, 512), 28: (512, 512)},
}
SHAPES: dict[str, tuple[int, ...]] = {
    f"{number}.weight": (made, read, 3, 3) for number, (read, made) in CONVOLUTIONS.items()
}
SHAPES |= {f"{number}.bias": (made,) for number, (_, made) in CONVOLUTIONS.items()}


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
    noise_weight = 1e5  # StyleGAN2's, in projection

    def __init__(self, weights: str) -> None:
        super().__init__()
        found = features_in(weights)
        from torchmetrics.functional.image.lpips import _LPIPS  # its public form would fetch VGG16 by itself

        with torch.random.fork_rng(devices=[]):  # its weights are random at first
            self.network: Any = _LPIPS(pretrained=True, net="vgg", pnet_rand=True)
        mine = self.network.net.state_dict()
        self.network.net.load_state_dict({name: found[name.partition(".")[2]] for name in mine})
        self.eval().requires_grad_(False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the distances of images."""
        made: Tensor = self.network(seen(a), seen(b))
        return made.flatten()

    def features(self, x: Tensor) -> Tensor:
        """Return vectors (N, D) of images: the distance of two images is the squared distance of theirs.

        LPIPS compares features of unit length, weights their squared differences, and takes the mean over places.
        """
        from torchmetrics.functional.image.lpips import _normalize_tensor

        maps = self.network.net(self.network.scaling_layer(seen(x)))
        found = []
        for made, last in zip(maps, self.network.lins, strict=True):
            weights = last.model[-1].weight.clamp(min=0).sqrt()  # (1, C, 1, 1); the paper's are not negative
            found.append((_normalize_tensor(made) * weights).flatten(1) / (made.shape[2] * made.shape[3]) ** 0.5)
        return torch.cat(found, 1)


def seen(x: Tensor) -> Tensor:
    """Return images as the network is shown them."""
    x = x.float().expand(-1, 3, -1, -1)
    shorter = min(x.shape[2:])
    if shorter < SMALLEST:
        return F.interpolate(x, scale_factor=-(-SMALLEST // shorter), mode="bilinear")
    return F.avg_pool2d(x, shorter // LARGEST) if shorter >= 2 * LARGEST else x


def features_in(path: str) -> dict[str, Tensor]:
    """Return the weights of VGG16's convolutions in torchvision's file, by their names in its features: 5.weight.

    Raises:
        UserError: the file is another, or can't be read.
    """
    try:
        weights = plain_contents(path)
        found = {name: weights[f"features.{name}"] for name in SHAPES}
        if any(found[name].shape != shape for name, shape in SHAPES.items()):
            raise KeyError("shapes")
    except UserError:
        raise
    except Exception as error:  # random bytes make the unpickler fail in any way
        raise UserError(f"{path} is not torchvision's VGG16: give {FILE}.") from error
    return found
