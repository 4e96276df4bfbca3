"""The common part of sets of images of one size: random mirrors and crops of training images, on the device."""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ganzoo.data.base.module import DataModule
from ganzoo.data.files.pixels import enlarged, height_and_width
from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

__all__ = ["Augmented"]

Augmentation = Literal["flip", "crop"]


class Augmented(DataModule):
    """Images of one size. Chance belongs to the sample: for the k-th of a run it follows from the seed and k.

    Args:
        image_size: side in pixels, or height and width.
        augment: for training, on the device: `flip` mirrors each image with probability 1/2; `crop` takes it at 286/256
            of its size and crops at random (pix2pix; Isola et al. 2017, section 6.2). Validation has the centre of
            that, so that it sees the scale of training; the authors' test scales whole images.
        limit: train on so many images only.
        kwargs: the options of DataModule.
    """

    aside: ClassVar[frozenset[str]] = DataModule.aside | {"limit"}

    def __init__(
        self,
        image_size: int | list[int] | str = 64,
        augment: list[Augmentation] | None = None,
        limit: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.size = height_and_width(image_size)
        self.augment, self.limit = list(augment or []), limit
        if limit is not None and limit < 1:
            raise UserError(f"--data.limit is {limit}; it must be at least 1")

    @property
    def load_size(self) -> tuple[int, int]:
        """(H, W) of the images that are loaded: larger ones if random crops are taken."""
        return enlarged(self.size) if "crop" in self.augment else self.size

    def sample_shape(self) -> tuple[int, ...]:
        """Return (C, H, W) of an image as the networks see it."""
        return (self.train[0]["image"].shape[0], *self.size)

    def arranged(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a batch augmented, if it is for training."""
        if self.training and self.augment:
            first = next(iter(batch.values()))
            key, mine = (self.run_seed, self.position, 3), range(self.rank, self.world * len(first), self.world)
            self.augment_(batch, Draws(key, mine, first.device, torch.float32))
        return batch

    def augment_(self, batch: dict[str, Tensor], draws: Draws) -> None:
        """Flip and crop the images of a batch; of a pair both alike."""
        images = [name for name, value in batch.items() if value.ndim == 4]
        for step in self.augment:
            chance = draws.uniform(2)
            for name in images:
                x = batch[name]
                batch[name] = flipped(x, chance) if step == "flip" else cropped(x, self.size, chance)


def flipped(images: Tensor, chance: Tensor) -> Tensor:
    """Return images (N, C, H, W), those mirrored whose first number in `chance` (N, 2) is under 1/2."""
    return torch.where(chance[:, 0].view(-1, 1, 1, 1) < 0.5, images.flip(-1), images)


def cropped(images: Tensor, size: tuple[int, int], chance: Tensor) -> Tensor:
    """Return a part of `size` of each image (N, C, H, W), at a place by its numbers in `chance` (N, 2) in [0, 1)."""
    n, _, height, width = images.shape
    top = (chance[:, 0] * (height - size[0] + 1)).long().view(-1, 1, 1)
    left = (chance[:, 1] * (width - size[1] + 1)).long().view(-1, 1, 1)
    down, across = (torch.arange(side, device=images.device) for side in size)
    rows = torch.arange(n, device=images.device).view(-1, 1, 1)
    return images.permute(0, 2, 3, 1)[rows, top + down.view(1, -1, 1), left + across.view(1, 1, -1)].permute(0, 3, 1, 2)
