"""A pool of earlier fakes, some of which a discriminator is shown again (Shrivastava et al. 2017)."""

from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.system.buffers import add_buffer

__all__ = ["ImagePool"]


class ImagePool(nn.Module):
    """Keeps up to `size` images, so that D is not shown the latest ones alone: Zhu et al. 2017, section 4.

    Until the pool is full, an image is kept and shown as it is. After that, with probability 1/2 one of the pool's is
    shown and the new one takes its place; otherwise the new one is shown, and not kept.

    Args:
        size: how many images; 0 shows each as it comes.
        shape: (C, H, W) of an image.
    """

    images: Tensor
    count: Tensor

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        add_buffer(self, "images", torch.empty(size, *shape), "constant")  # all ranks' images go through it on each
        self.images.zero_()  # after it was counted, by whoever bounds what a checkpoint may ask for
        add_buffer(self, "count", torch.zeros((), dtype=torch.long), "constant")
        self.filled = 0  # the same, on the host: no round waits for the device

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        self.filled = int(self.count)

    def exchange(self, images: Tensor, coins: Tensor, places: Tensor) -> Tensor:
        """Return the images to show in place of new ones (N, C, H, W), which are taken one after the other.

        Args:
            images: the new ones.
            coins: a number in [0, 1) for each; 1/2 or more takes one out of a full pool.
            places: for each the place in the pool to take it from, in 0 .. size - 1.
        """
        shown = images.clone()
        for i, new in enumerate(images.split(1)):
            if self.filled < self.size:
                self.images[self.filled] = new[0]
                self.filled += 1
                continue
            place, takes = places[i : i + 1], coins[i] >= 0.5  # on the device, where nobody looks at them
            old = self.images.index_select(0, place)
            shown[i : i + 1] = torch.where(takes, old, new)
            self.images.index_copy_(0, place, torch.where(takes, new, old).to(self.images.dtype))
        self.count.fill_(self.filled)
        return shown
