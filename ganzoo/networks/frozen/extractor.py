"""Feature extractors: metrics compare the features of images. This file has what they share."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganzoo.system.errors import UserError
from ganzoo.system.files import sha256
from ganzoo.system.words import first_line

__all__ = ["Extractor", "levels"]

TOLD = ("training", "weights", "sha256", "num_features", "name", "resize", "suffix", "recipe")  # said elsewhere
MOST = 20  # options that a recipe has one by one
DIGITS = 16  # of a checksum, that a recipe has
BEYOND = 0.05  # how far outside of [-1, 1] an image may be, by resizing or rounding
# Means and standard deviations of the colours, in [0, 1], of the images that a network was trained on
IMAGENET_COLOURS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP_COLOURS = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class Extractor(nn.Module):
    """Turns images, uint8 (N, 3, H, W), into features (N, num_features), float.

    A subclass has `num_features`, `forward`, and a `name`, by which `extractor_of` finds it; or instead of the name a
    `suffix` and a `recipe` in words.
    """

    num_features: int

    name: ClassVar[str] = ""
    """What people call it on the command line, such as `random-vgg`."""

    resize: ClassVar[str] = "not resized"
    """To what size it brings images, and by which filter."""

    packages: ClassVar[tuple[str, ...]] = ()
    """The packages that its network is from."""

    weights: str | None = None
    """The file of its weights; None: it fetches them, or makes them."""

    @property
    def suffix(self) -> str:
        """Suffix of the scores' names, so that figures of two extractors are not confused."""
        return f"_{self.name.replace('-', '_')}" if self.name else ""

    @property
    def recipe(self) -> str:
        """Whose weights it has, and how it resizes images: in a few words, for readers who compare figures."""
        facts = self.facts()
        weights = f", weights {facts['weights']}" if facts["weights"] else ""
        return f"{facts['name']}{weights}, {facts['resize']}"

    def facts(self) -> dict[str, Any]:
        """Return what two extractors must have in common for their features to be the same.

        `name`, `weights`, the first 16 digits of their checksum (None if nothing is known of them), `resize`, and what
        else a subclass adds. It may be called once the weights are there.
        """
        facts = {"name": self.name or type(self).__name__, "weights": self.checksum(), "resize": self.resize}
        return facts | ({"options": options} if (options := options_of(self)) else {})

    def checksum(self) -> str | None:
        """Return the first 16 digits of the checksum of its weights, of the file or the tensors; None without any."""
        if self.weights is not None:
            return checksum_of(self.weights)
        state = self.state_dict()
        return digest_of(state) if state else None

    def of(self, data: Any) -> "Extractor":
        """Return the extractor for a DataModule, which need not be set up: itself, unless it learns from the data."""
        return self

    def load(self) -> None:
        """Get the weights, perhaps by a download. It is called before they are needed, and may be called again."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of images."""
        raise NotImplementedError

    def logits_of(self, features: Tensor) -> Tensor:
        """Return the logits (N, K) of classes that the network sees, given its features, if it is a classifier.

        Raises:
            UserError: it is none.
        """
        raise UserError(f"{type(self).__name__} is no classifier: take the extractor inception, or judge.")

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse samples of a shape that it can't look at, unless it has an `extract` of its own for them.

        Raises:
            UserError: they are no images of 1 or 3 channels.
        """
        if type(self).extract is Extractor.extract and (len(shape) != 3 or shape[0] not in (1, 3)):
            raise UserError(
                f"{type(self).__name__} looks at images of 1 or 3 channels, (C, H, W), not at samples of {shape}: "
                "leave out the metrics that need it."
            )

    def extract(self, x: Tensor) -> Tensor:
        """Return the features (N, num_features), float32, of images (N, C, H, W) in [-1, 1], whatever the precision.

        Grey images are shown as RGB; the images are rounded to the 256 levels of a file first.

        Raises:
            UserError: samples that are no images of 1 or 3 channels, or not in [-1, 1].
        """
        self.check_shape(tuple(x.shape[1:]))
        pixels = levels(x)
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            return self(pixels.expand(-1, 3, -1, -1)).float()


def levels(x: Tensor) -> Tensor:
    """Return images in [-1, 1] as the 256 levels of a file, uint8.

    Raises:
        UserError: they are in another range, such as [0, 255], by more than `BEYOND`.
    """
    x = x.detach().float()
    if x.numel() and float(x.abs().amax().nan_to_num(0, 0)) > 1 + BEYOND:  # who keeps NaN and infinity out says so
        raise UserError(
            f"images are from {float(x.amin()):.4g} to {float(x.amax()):.4g}, and metrics take them from -1 to 1: give "
            "x / 127.5 - 1 of bytes, or 2 * x - 1 of numbers from 0 to 1."
        )
    return x.add(1).mul(127.5).round().clamp(0, 255).byte()


def options_of(extractor: Extractor) -> dict[str, Any]:
    """Return the plain attributes of an extractor of the user's own, by which it may see other features.

    Those of ganzoo's own, and of torch's layers, are known: their facts and weights say what there is to say.
    """
    found: dict[str, Any] = {}
    for where, module in extractor.named_modules():
        if type(module).__module__.partition(".")[0] not in ("ganzoo", "torch", "torchvision", "timm"):
            plain = {name: value for name, value in vars(module).items() if not name.startswith("_") and simple(value)}
            found |= {f"{where}.{name}".lstrip("."): value for name, value in plain.items() if name not in TOLD}
    if len(found) <= MOST:
        return found
    return {"checksum": hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:DIGITS]}


def simple(value: Any) -> bool:
    """Say whether a value is a number, a text, or a few of them."""
    if isinstance(value, (list, tuple)):
        return len(value) <= MOST and all(map(simple, value))
    return value is None or (isinstance(value, (bool, int, float, str)) and len(str(value)) <= 200)


def normalized(x: Tensor, colours: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET_COLOURS) -> Tensor:
    """Return images (N, 3, H, W) in [0, 1] with colours of mean 0 and deviation 1, as a network was trained on."""
    mean, deviation = (x.new_tensor(values).view(1, 3, 1, 1) for values in colours)
    return (x - mean) / deviation


class OwnNetwork(Extractor):
    """A network of the user's own that is no `Extractor`: it takes images uint8 (N, 3, H, W), and returns (N, F).

    Args:
        network: the network; it may have `num_features`, otherwise it is tried on an image of 64 px.
        path: its class path.

    Raises:
        UserError: it doesn't do that.
    """

    def __init__(self, network: nn.Module, path: str) -> None:
        super().__init__()
        self.network, self.path = network.eval(), path
        try:
            with torch.no_grad():
                found = self(torch.zeros(2, 3, 64, 64, dtype=torch.uint8))
            if found.ndim != 2 or len(found) != 2:
                raise ValueError(f"it makes {tuple(found.shape)} of two images")
        except Exception as error:  # code of others may fail in any way
            reason = first_line(error)
            raise UserError(
                f"{path} is no extractor ({reason}): a network takes images uint8 (N, 3, H, W), of 0 to 255, and "
                "returns features (N, F), floats."
            ) from error
        self.num_features = found.shape[1]

    @property
    def suffix(self) -> str:
        """The class's name: _encoder."""
        return f"_{self.path.rpartition('.')[2].lower()}"

    def facts(self) -> dict[str, Any]:
        """Return the facts; the name is the class path."""
        return super().facts() | {"name": self.path, "resize": "what the network does"}

    def forward(self, images: Tensor) -> Tensor:
        """Return the network's output."""
        made: Tensor = self.network(images)
        return made


@cache  # a file of gigabytes is read once
def checksum_of(path: str) -> str:
    """Return the first digits of the checksum of a file."""
    return sha256(Path(path))[:DIGITS]


def digest_of(state: dict[str, Tensor]) -> str:
    """Return the first digits of the checksum of weights by name."""
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:DIGITS]


def check_weights(path: str, expected: str, whose: str, sha256: str | None = None) -> None:
    """Refuse a file of weights that is not the one that is meant.

    Args:
        path: the file.
        expected: the first digits of the original's SHA-256.
        whose: what the original is, for the message.
        sha256: those of another file, where the user means another.

    Raises:
        UserError: both checksums, and how to say that another file is meant.
        OSError: there is no such file.
    """
    found = checksum_of(path)
    wanted = (sha256 or expected).lower()
    if not found.startswith(wanted[:DIGITS]) or not wanted:
        raise UserError(
            f"{path} has the checksum {found}, and {whose if sha256 is None else 'what you named'} has {wanted}: fetch "
            f"the file again. If you mean another network's weights, say so: its option sha256={found}."
        )
