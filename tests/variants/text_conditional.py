"""GAN-CLS, tiny (Reed et al. 2016, "Generative Adversarial Text to Image Synthesis"): told a text, as a vector."""

import torch
import torch.nn.functional as F
from fakes import PlainDigits
from torch import Tensor

from ganzoo.data.base.sets import TensorSet
from ganzoo.game import Batch, Terms
from ganzoo.game.conditions import Text
from ganzoo.models import CGAN


class Captioned(PlainDigits):
    """Digits with the vectors of their captions, which say what digit it is."""

    text_dim = 6

    def load(self) -> tuple[TensorSet, TensorSet]:
        captions = F.normalize(torch.randn(10, self.text_dim, generator=torch.Generator().manual_seed(0)))
        train, val = (part.tensors for part in super().load())
        return tuple(TensorSet(image=part["image"], text=captions[part["label"]]) for part in (train, val))


class TinyTextGAN(CGAN):
    """Algorithm 1: to D a real image with another's text is as bad as a fake."""

    conditioned_on = Text
    sizes = ("shape", "text_dim")

    def __init__(self, text_dim: int | None = None, **gan) -> None:
        super().__init__(**gan)
        self.text_dim = text_dim

    def discriminator_loss(self, batch: Batch, z: Tensor) -> Terms:
        x, (y,) = batch["image"], self.told(batch)
        other = F.normalize(self.draws.normal(self.text_dim))
        real, wrong, fake = self.scores(x, y), self.scores(x, other), self.scores(self.fakes(batch, z), y)
        self.note_scores(real, fake)
        against = self.objective.discriminator
        return {"adversarial": against(real, fake) / 2, "matching": against(real, wrong) / 2}
