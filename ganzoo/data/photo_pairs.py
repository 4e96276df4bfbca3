"""Pairs out of any photographs: the input is made of a photograph, and the target is the photograph."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.data.base.images import Images
from ganzoo.data.files.folders import folder_or_zip
from ganzoo.data.files.sources import Source
from ganzoo.data.files.stores import ImageSet, Store
from ganzoo.system.errors import UserError

__all__ = ["Edges2Photo", "Grey2Colour"]


class PhotoPairs(Images):
    """Pairs out of any folder tree or zip of photographs: `b` is a photograph, `a` is made of it when it is loaded.

    So a set that was prepared as a folder will do. A pair is cropped and flipped alike.

    Args:
        input_channels: channels of `a`: 3, all equal, or 1.
        batch_size: pairs a batch on each device; pix2pix's is 1, or 4 for sets of many thousands.
        images: the options of Images; channels stays 3.
    """

    main_score = "l1"
    paired = True
    first_model = "Pix2Pix"
    prepared_kind: ClassVar[str | None] = "ImageFolder"

    def __init__(self, input_channels: Literal[1, 3] = 3, batch_size: int = 1, **images: Any):
        super().__init__(batch_size=batch_size, **images)
        self.input_channels = input_channels
        if self.forms[0].channels != 3:
            raise UserError(
                f"--data.channels is {self.forms[0].channels}: {type(self).__name__} needs colour photographs, 3."
            )

    @abstractmethod
    def made_of(self, photos: Tensor) -> Tensor:
        """Return the inputs (N, 1, H, W), uint8, of photographs (N, 3, H, W), uint8."""

    def inputs(self, photos: Tensor) -> Tensor:
        """Return the same with the channels that were asked for."""
        return self.made_of(photos).repeat(1, self.input_channels, 1, 1)

    def sources(self) -> dict[str, Source]:
        """Return the photographs."""
        return folder_or_zip(Path(self.root), labelled=False)

    def set_of(self, store: Store, rows: np.ndarray, val: bool) -> ImageSet:
        """Return rows of a store as pairs."""
        photos = super().set_of(store, rows, val)
        return PhotoSet(photos, self)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """(C, H, W) of the inputs and of the photographs."""
        return {"a": (self.input_channels, *self.size), "b": self.sample_shape()}

    @property
    def image_forms(self) -> dict[str, dict[str, Any]]:
        """How the photographs became pixels, which the inputs are made of."""
        return dict.fromkeys("ab", self.forms[0].record())


class PhotoSet(ImageSet):
    """Photographs as `b`, and the inputs that are made of them as `a`."""

    def __init__(self, photos: ImageSet, pairs: PhotoPairs):
        super().__init__(photos.store, photos.rows, photos.window)
        self.label, self.inputs = None, pairs.inputs

    def batch(self, index: Tensor) -> dict[str, Tensor]:
        """Return the pairs with these numbers."""
        batch = super().batch(index)
        photos = batch.pop("image")
        return {"a": self.inputs(photos), "b": photos, **batch}


class Edges2Photo(PhotoPairs):
    """Edges to photographs, out of any folder of photographs (after Isola et al. 2017, section 4).

    Black lines on white, where the brightness, smoothed by a binomial filter, changes by `threshold` or more a pixel:
    the length of its gradient by Sobel's filters. (The paper's edges are a network's, HED, thinned: these are computed
    from the photograph alone, in whole numbers, and are the same everywhere.)

    Args:
        threshold: least slope of an edge, in levels of 255 a pixel.
        photos: the options of PhotoPairs and of Images.
    """

    def __init__(self, threshold: float = 12.0, **photos: Any):
        super().__init__(**photos)
        self.threshold = threshold
        if threshold <= 0:
            raise UserError(f"--data.threshold is {threshold}: give more than 0.")

    def made_of(self, photos: Tensor) -> Tensor:
        """Return 0 on edges and 255 elsewhere."""
        return edges(photos, self.threshold)


class Grey2Colour(PhotoPairs):
    """Black and white to colour, out of any folder of photographs (after Isola et al. 2017, section 4).

    `a` is the photograph's brightness (ITU-R BT.601), `b` the photograph.

    Args:
        input_channels: channels of `a`: 1, so that a photograph which is given to `translate` loses its colours
            first; or 3.
        photos: the options of PhotoPairs and of Images.
    """

    def __init__(self, input_channels: Literal[1, 3] = 1, **photos: Any):
        super().__init__(input_channels=input_channels, **photos)

    def made_of(self, photos: Tensor) -> Tensor:
        """Return the brightness, rounded."""
        return ((luma(photos) + 128) // 256).to(torch.uint8)


def luma(photos: Tensor) -> Tensor:
    """Return 256 times the brightness (N, 1, H, W), int32, of photographs (N, 3, H, W), uint8, by ITU-R BT.601."""
    shares = torch.tensor([77, 150, 29], dtype=torch.int32, device=photos.device)  # of 256
    return (photos.int() * shares.view(1, 3, 1, 1)).sum(1, keepdim=True, dtype=torch.int32)


def edges(photos: Tensor, threshold: float) -> Tensor:
    """Return edges (N, 1, H, W), uint8, 0 on white 255, of photographs (N, 3, H, W), uint8.

    The numbers are whole and below 2 ** 53, so that float64 is exact and chips can't disagree.
    """
    line, slope = (
        torch.tensor(kernel, dtype=torch.float64, device=photos.device) for kernel in ([1, 2, 1], [-1, 0, 1])
    )
    smooth, across = torch.outer(line, line), torch.outer(line, slope)
    grey = F.conv2d(F.pad(luma(photos).double(), [1] * 4, mode="replicate"), smooth[None, None])
    gradient = F.conv2d(F.pad(grey, [1] * 4, mode="replicate"), torch.stack([across, across.T])[:, None])
    scale = 256 * 16 * 8  # of the brightness, the filter, and Sobel's weights over two pixels
    strong = gradient.square().sum(1, keepdim=True) >= (threshold * scale) ** 2
    return torch.where(strong, 0, 255).to(torch.uint8)
