"""How images of files become pixels: the options, what a look at the files adds, and what a checkpoint keeps of it."""

from pathlib import Path
from typing import Any, ClassVar

from ganzoo.data.base.augmented import Augmented
from ganzoo.data.files.forms import Form, as_recorded, forms, told
from ganzoo.data.files.levels import look_at, remarks, with_levels
from ganzoo.data.files.pixels import Fit, Resize
from ganzoo.data.files.sources import Source
from ganzoo.data.files.stores import Decoded
from ganzoo.data.prepared.manifest import is_prepared
from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = ["Formed"]


class Formed(Augmented):
    """Images whose channels, levels and form are chosen, for all of them or for each of two domains.

    Args:
        channels: 3 for colour, 1 for grey, 4 and 2 for either with transparency, or the number of bands of TIFFs and
            .npy arrays. Of a set with two domains also one for each, [4, 3] for A and B.
        levels: the values that become black and white, such as [0, 4095]; of two domains also a pair for each, or null.
            None: 8 bits are as they are, and for more a sample of the set says how many are used.
        resize: bilinear, or nearest for label maps; of two domains also one for each, [nearest, bilinear]. None:
            bilinear, or as a prepared set has it.
        fit: crop the largest central part of the form of `image_size`, or stretch the whole image to it. None: crop,
            or as a prepared set has it.
        kwargs: the options of all images: image_size, augment, limit, batch_size, ...

    Attributes:
        forms: how the images of each domain become pixels.
    """

    domains: ClassVar[tuple[str, ...]] = ("images",)  #: of the files, which may have options of their own
    order: tuple[int, ...] = (0,)  #: the domain of each image of a sample
    root: str
    folder: Path

    def __init__(
        self,
        channels: int | list[int] = 3,
        levels: list[float] | list[list[float] | None] | None = None,
        resize: Resize | list[Resize] | None = None,
        fit: Fit | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.channels = channels
        self.given = {"levels": levels, "resize": resize, "fit": fit}
        self.forms = forms(self.domains, self.load_size, channels, levels, resize, fit)
        self.open_stores: dict[str, Decoded] = {}  # unless the set is prepared

    @property
    def prepared_channels(self) -> int | list[int]:
        """The channels of all images, or of each domain where they differ."""
        counts = [form.channels for form in self.forms]
        return counts[0] if len(set(counts)) == 1 else counts

    def decoded(self, sources: dict[str, Source]) -> tuple[dict[str, Decoded], list[str]]:
        """Return the pixels of each part, at the levels that all parts use, and what to tell of them.

        Raises:
            UserError: no convention says what is black and what is white; images have other channels.
        """
        lines = []
        for number, name in enumerate(self.domains):
            views = [(source, number % source.views) for part, source in sources.items() if self.has(part, number)]
            look = look_at(views)
            self.forms[number] = with_levels(self.forms[number], look, self.root)
            what = f"{self.root}: images" if len(self.domains) == 1 else f"{self.root}: images of {name}"
            lines += remarks(self.forms[number], look, what)
        self.open_stores = {part: Decoded(source, self.forms_in(part)) for part, source in sources.items()}
        return self.open_stores, lines

    def has(self, part: str, number: int) -> bool:
        """Say whether a part of the set has images of a domain."""
        return True

    def forms_in(self, part: str) -> list[Form]:
        """Return the forms of the pictures of a part's items."""
        return [form for number, form in enumerate(self.forms) if self.has(part, number)]

    def sample_shape(self) -> tuple[int, ...]:
        """Return (C, H, W) of an image, of a pair's second one."""
        return (self.forms[self.order[-1]].channels, *self.size)

    @property
    def shapes_of_domains(self) -> dict[str, tuple[int, ...]]:
        """(C, H, W) of the images of two domains, by their names in a batch."""
        return {name: (self.forms[number].channels, *self.size) for name, number in zip("ab", self.order, strict=True)}

    @property
    def image_forms(self) -> dict[str, dict[str, Any]]:
        """How the images became pixels, by their names in a batch, in plain values."""
        names = ["image"] if len(self.order) == 1 else list("ab")
        return {name: self.forms[number].record() for name, number in zip(names, self.order, strict=True)}

    def state_dict(self) -> dict[str, Any]:
        """Return what a resume needs, and how the images became pixels."""
        return {**super().state_dict(), "forms": [form.record() for form in self.forms]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the levels of a checkpoint, where no options say others: its run may have seen other files."""
        super().load_state_dict(state_dict)
        if (records := state_dict.get("forms")) is None:  # of an earlier version
            return
        forms, differences = as_recorded(self.forms, records, self.given, "the checkpoint")
        if forms != self.forms and is_prepared(self.folder):
            raise UserError(
                f"{self.root} was prepared in another way than the images of the checkpoint's run: that had "
                f"{told(forms)}. Prepare it so, or give what it was prepared from."
            )
        if self.rank == 0:
            for line in differences:
                say(f"The images of the checkpoint's run had {line}: from here on they are others.")
            if forms != self.forms:
                say(f"{self.root}: images become pixels as in the checkpoint's run: {told(forms)}.")
        self.forms = forms
        for part, store in self.open_stores.items():
            store.forms[:] = self.forms_in(part)
