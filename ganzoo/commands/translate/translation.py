"""A model and how it is used on images in memory: fitted, whole or in tiles, side by side or alone."""

import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from threading import Lock
from types import MappingProxyType

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image

from ganzoo.commands.translate.tiles import LARGE, blended
from ganzoo.data.base.tensors import to_float
from ganzoo.data.files.bands import Bands, as_picture
from ganzoo.data.files.forms import Form
from ganzoo.data.files.frames import glanced, taken_as_they_are
from ganzoo.data.files.pixels import SMALLEST, Picture, Unreadable, open_image
from ganzoo.data.files.sources import Source
from ganzoo.game import FromImages
from ganzoo.pictures.channels import beside
from ganzoo.pictures.grids import to_uint8
from ganzoo.pictures.provenance import of_input
from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = ["Several", "Translation"]

WHOLE = 2**22  # pixels: what has more is translated in tiles, unless the user says otherwise
TILE = 1024  # px a side
FAR = 2  # times the size that the model was trained on


class Several(Exception):
    """A file holds several pictures: an animation, or a TIFF of many pages."""


class Translation:
    """A model and how it is to be used; the arguments are those of `translate`, `size` is (H, W), `form` of the input.

    `origin` is a note of all that, for the files that it makes, and `sizes` are the bytes of the inputs, by name.
    """

    def __init__(
        self,
        model: FromImages,
        direction: str,
        compare: bool,
        size: tuple[int, int] | None,
        form: Form,
        tile: int | None,
        batch_size: int,
        seed: int,
        raw: bool,
        origin: str,
        sizes: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.model, self.direction, self.compare, self.size, self.tile = model, direction, compare, size, tile
        self.form = form
        self.batch_size, self.seed, self.raw, self.origin = batch_size, seed, raw or None, origin
        self.sizes = sizes
        self.said: set[str] = set()  # remarks that were made
        self.saying, self.large = Lock(), Lock()
        assert model.shapes is not None
        self.way = model.way(direction)
        if len(self.way.reads) > 1:
            raise UserError(
                f"{type(model).__name__} reads {' and '.join(self.way.reads)} together, and here is one image of each: "
                "use `ganzoo predict`."
            )
        self.channels = model.shape_read(self.way)[0]

    def prepared(self, image: Picture) -> Picture:
        """Return an image as the network takes it; Unreadable if it can't be."""
        image = self.form.in_bytes(image)
        if self.size is not None:
            return self.form.fitted(image)
        if min(image.size) < SMALLEST:
            raise Unreadable(f"is {image.width}x{image.height} pixels: {SMALLEST} a side are the least")
        return image

    def read(self, source: Source, row: int) -> Picture:
        """Return an image of a source as the network takes it.

        Raises:
            Unreadable: it can't be.
            Several: its file has several.
        """
        raw = self.encoded(source, row)
        seen = glanced(raw)
        if seen.doubt:
            self.say_once(seen.doubt, f"There are images that have {taken_as_they_are(seen.doubt)}")
        if seen.frames > 1:
            raise Several
        return self.prepared(open_image(raw))

    def encoded(self, source: Source, row: int) -> bytes:
        """Return the file of an image of a source; Unreadable if it can't be read."""
        try:
            return source.read(row)
        except OSError as error:
            raise Unreadable(f"can't be read ({error.strerror or error})") from error

    def origin_of(self, name: str) -> str:
        """Return the note for what is made of a named input."""
        return of_input(self.origin, name, self.sizes[name]) if name in self.sizes else self.origin

    def of(self, images: Sequence[Picture], rows: list[int]) -> list[np.ndarray]:
        """Return what the model makes of images of one size, uint8 (H, W, C) each."""
        pixels = np.stack([np.asarray(image).reshape(image.height, image.width, self.channels) for image in images])
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        self.remark_on_size(*x.shape[2:])
        tile = self.tile_for(x)
        try:
            with self.large if tile is None and x[0, 0].numel() > LARGE else nullcontext():  # a gigabyte a megapixel
                if tile is None:
                    made = self.made(x, rows)
                else:
                    made = torch.cat([self.in_tiles(x[i : i + 1], row, tile) for i, row in enumerate(rows)])
        except RuntimeError as error:
            if "memory" not in str(error):
                raise
            height, width = x.shape[2:]
            raise UserError(
                f"{len(x)} images of {width}x{height} pixels need more memory than there is: give --batch_size 1, "
                "or --tile 512 or less."
            ) from error
        return list(to_uint8(made).cpu().permute(0, 2, 3, 1).numpy())

    def of_group(self, group: list[tuple[str, Picture]]) -> list[np.ndarray]:
        """Return what the model makes of named images of one size."""
        return self.of([image for _, image in group], [zlib.crc32(os.fsencode(name)) for name, _ in group])

    def made(self, x: Tensor, rows: list[int]) -> Tensor:
        """Return what the model makes of images (N, C, H, W), uint8, with these numbers."""
        numbers = torch.tensor(rows)
        return self.model.translate(to_float(x, torch.float32), self.direction, self.seed, self.raw, numbers)

    def tile_for(self, x: Tensor) -> int | None:
        """Return the side of the tiles for images (N, C, H, W), or None to translate them whole."""
        if self.tile is not None or x[0, 0].numel() <= WHOLE:
            return self.tile
        self.say_once(
            "tiled",
            f"Images of more than {WHOLE / 2**20:.0f} megapixels are translated in overlapping tiles of {TILE} px, to "
            "save memory: --tile gives another side.",
        )
        return TILE

    def remark_on_size(self, height: int, width: int) -> None:
        """Say if images are far from the size that the model was trained on."""
        trained = self.model.shape_read(self.way)[1:]
        if not 1 / FAR <= min(height, width) / min(trained) <= FAR:
            rows, columns = trained
            self.say_once(
                "size",
                f"The model was trained on images of {columns}x{rows} px, and there are some of {width}x{height}: at "
                f"another scale its results are worse. --image_size [{rows},{columns}] crops and resizes the images.",
            )

    def say_once(self, about: str, remark: str) -> None:
        """Print a remark, of several threads and many images once."""
        with self.saying:
            if about not in self.said:
                say(remark)
            self.said.add(about)

    def in_tiles(self, x: Tensor, row: int, tile: int) -> Tensor:
        """Return what the model makes of an image (1, C, H, W), uint8, tile by tile."""
        return blended(
            x, tile, self.batch_size, lambda tiles: self.made(tiles, [row] * len(tiles)).cpu(), self.way.scale
        )

    def picture(self, before: Picture, pixels: np.ndarray) -> Image.Image | Bands:
        """Return the image to write: the translation, or the input and the translation side by side."""
        after = as_picture(Bands(pixels, alpha=True))
        if not self.compare:
            return after
        before = before.resize(after.size, Image.Resampling.NEAREST)  # a smaller input, as it is seen
        return to_pil_image(to_uint8(beside([tensor_of(before), tensor_of(after)]))[0])


def tensor_of(picture: Picture) -> Tensor:
    """Return an image in bytes as a batch of one, (1, C, H, W) in [-1, 1]."""
    array = np.asarray(picture)
    return to_float(torch.from_numpy(np.atleast_3d(array).copy()), torch.float32).permute(2, 0, 1)[None]
