"""Any folder tree, or zip, of images."""

from pathlib import Path
from typing import Any

from ganzoo.data.base.images import Images
from ganzoo.data.files.folders import folder_or_zip
from ganzoo.data.files.sources import Source
from ganzoo.data.files.stores import Store

__all__ = ["ImageFolder"]


class ImageFolder(Images):
    """Images of a folder tree or a zip; folders at the top are classes.

    If every image is in a folder below `root` and there are several, their names in order are the labels 0, 1, ...; or
    the labels are those of a `dataset.json`, as StyleGAN's dataset tool writes it. Folders `train` and `val` (or
    `valid`, `validation`, `test`) are the two parts, with classes below them or not. Otherwise a part is held out.

    Args:
        labels: whether to look for classes.
        images: the options of Images.
    """

    def __init__(self, labels: bool = True, **images: Any):
        super().__init__(**images)
        self.labels = labels

    def stores(self) -> dict[str, Store]:
        """Return the pixels of each part."""
        stores = super().stores()
        if not self.labels:
            for store in stores.values():
                store.label, store.classes = None, []
        return stores

    def sources(self) -> dict[str, Source]:
        """Return the images."""
        return folder_or_zip(Path(self.root), self.labels)
