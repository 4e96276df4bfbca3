"""A pool of earlier fakes, some of which a discriminator is shown again (Shrivastava et al. 2017)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.system.buffers import add_buffer
from ganzoo.system.draws import on_device

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

    def exchange(
        self, images: Tensor, coins: Sequence[float], places: Sequence[int], rank: int = 0, world: int = 1
    ) -> Tensor:
        """Return the images to show in place of a rank's new ones, of their shape (N, C, H, W).

        Which image is shown follows from the coins alone. So the host finds it out, and no rank copies the others'.

        Args:
            images: the new ones of all ranks, rank by rank (world * N, C, H, W). They are taken one after the other:
                the first of each rank, the second of each rank, and so on.
            coins: a number in [0, 1) for each, in that order; 1/2 or more takes one out of a full pool.
            places: for each the place in the pool to take it from, in 0 .. size - 1.
            rank: which rank this is.
            world: how many ranks there are.
        """
        shown, held = map(np.array, self.follow(coins, places))
        mine, changed = shown[rank::world], np.flatnonzero(held >= self.size)
        new = np.concatenate([mine, held[changed]]) - self.size  # the number of a new image; below 0: it is an old one
        rows = np.maximum(new % world * (len(images) // world) + new // world, 0)
        news = images.index_select(0, on_device(rows, images.device))
        olds = self.images.index_select(0, on_device(np.minimum(mine, self.size - 1), images.device)).to(images.dtype)
        is_new = on_device(mine >= self.size, images.device).view(-1, 1, 1, 1)
        result = torch.where(is_new, news[: len(mine)], olds)
        self.images.index_copy_(0, on_device(changed, images.device), news[len(mine) :].to(self.images.dtype))
        self.count.fill_(self.filled)
        return result

    def follow(self, coins: Sequence[float], places: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return the number of the image that is shown for each new one, and of the one that each place holds then.

        The pool's own images have the numbers of their places, 0 .. size - 1, and the new ones those from `size` on.
        """
        shown, held = [], list(range(self.size))
        for new, (coin, place) in enumerate(zip(coins, places, strict=True), self.size):
            if self.filled < self.size:
                held[self.filled] = new
                self.filled += 1
                shown.append(new)
            elif coin >= 0.5:
                shown.append(held[place])
                held[place] = new
            else:
                shown.append(new)
        return shown, held
