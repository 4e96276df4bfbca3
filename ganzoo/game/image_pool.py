"""The pool of images that were made earlier, from which a discriminator is shown some (Shrivastava et al. 2017)."""

import torch
from torch import Tensor

__all__ = ["ImagePool"]


class ImagePool:
    """Keeps up to `size` images, so that D is not shown the latest ones alone: Zhu et al. 2017, section 4.

    Until the pool is full, an image is kept and shown as it is. After that, with probability 1/2 one of the pool's is
    shown and the new one takes its place; otherwise the new one is shown, and not kept.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def exchange(self, images: Tensor, coins: Tensor, places: Tensor) -> Tensor:
        """Return what is to be shown instead of new images (N, C, H, W), one after the other.

        Args:
            images: the new ones.
            coins: a number in [0, 1) for each; 1/2 or more takes one out of a full pool.
            places: the place of that, in 0 .. size - 1.
        """
        shown = []
        for image, coin, place in zip(images, coins.tolist(), places.tolist(), strict=True):
            if len(self.images) < self.size:
                self.images.append(image.clone())
                shown.append(image)
            elif coin >= 0.5:
                shown.append(self.images[place].to(image))
                self.images[place] = image.clone()
            else:
                shown.append(image)
        return torch.stack(shown)

    def state(self) -> Tensor:
        """Return the images in their places, (n, C, H, W), on the CPU; without any, (0,)."""
        return torch.stack([image.cpu() for image in self.images]) if self.images else torch.empty(0)

    def load(self, state: Tensor) -> None:
        """Take back what `state` gave."""
        self.images = [image.clone() for image in state]  # of their own, so that they can go one by one
