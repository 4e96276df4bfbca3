"""SRGAN, tiny (Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using a GAN"): twice the size."""

import torch
import torch.nn.functional as F
from torch import nn

from ganzoo.data import DataModule
from ganzoo.data.base.sets import TensorSet
from ganzoo.game import Batch, FromImages, Move, Terms
from ganzoo.game.ways import Way
from ganzoo.objectives import NonSaturating


class TwoSizes(DataModule):
    """Pairs: `b` is random blobs of 16 px, `a` the same of 8 px."""

    main_score = "l1"
    paired = True

    def load(self) -> tuple[TensorSet, TensorSet]:
        b = F.interpolate(torch.rand(48, 1, 4, 4, generator=torch.Generator().manual_seed(0)), scale_factor=4).mul(255)
        pairs = {"a": F.interpolate(b, scale_factor=0.5, mode="area").byte(), "b": b.byte()}
        return tuple(TensorSet(**{name: x[rows] for name, x in pairs.items()}) for rows in (slice(40), slice(40, 48)))


def upscaler(before: tuple[int, ...], after: tuple[int, ...]) -> nn.Module:
    """Images (N, C, H, W) to (N, C', 2H, 2W), by sub-pixel convolution."""
    first, last = nn.Conv2d(before[0], 8, 3, padding=1), nn.Conv2d(8, 4 * after[0], 3, padding=1)
    return nn.Sequential(first, nn.PReLU(), last, nn.PixelShuffle(2), nn.Tanh())


def critic(shape: tuple[int, ...]) -> nn.Module:
    """Images (N, C, H, W) to raw scores (N, 1, H', W'), patch by patch."""
    return nn.Sequential(nn.Conv2d(shape[0], 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 4))


class TinySRGAN(FromImages):
    """G alone is near in pixels at first (SRResNet); then it is near in features, and plays against D (section 3.2)."""

    paired = True
    ways = (Way("AtoB", scale=2),)
    titles = {"a": "input", "AtoB": "generated", "b": "target"}  # noqa: RUF012
    default_generator = staticmethod(upscaler)
    default_discriminator = staticmethod(critic)
    default_objective = NonSaturating()

    def __init__(self, pixel_rounds: int = 3, **translator) -> None:
        super().__init__(**translator)
        self.pixel_rounds = pixel_rounds

    def new_helpers(self) -> dict[str, nn.Module]:
        return {"features": nn.Sequential(nn.Conv2d(self.shape[0], 8, 3), nn.ReLU())}  # stands for VGG

    def moves(self, step: int) -> list[Move]:
        if step < self.pixel_rounds:
            return [Move("generator", self.pixel_loss)]
        return [Move("discriminator", self.discriminator_loss), Move("generator", self.generator_loss)]

    def pixel_loss(self, batch: Batch) -> Terms:
        return {"mse": F.mse_loss(self.fakes(batch, "AtoB"), batch["b"])}

    def discriminator_loss(self, batch: Batch) -> Terms:
        real, fake = self.scores("b", batch["b"]), self.scores("b", self.shared(batch, "AtoB").detach())
        self.note_scores(real, fake)
        return {"adversarial": self.objective.discriminator(real, fake)}

    def generator_loss(self, batch: Batch) -> Terms:
        fake, features = self.shared(batch, "AtoB"), self.helpers["features"]
        content = F.mse_loss(features(fake), features(batch["b"]))
        return {"content": content, "adversarial": 1e-3 * self.wanted("b", batch["b"], fake)}
