"""AC-GAN (Odena, Olah and Shlens 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs")."""

from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.game import Batch, Terms
from ganzoo.game.conditions import Labels
from ganzoo.models.dcgan import DCGAN
from ganzoo.networks import AuxiliaryClassifier

__all__ = ["ACGAN"]


class ACGAN(DCGAN):
    """Odena et al. 2017, equations 2 and 3: D also says the class; D maximises L_S + L_C, G maximises L_C - L_S.

    Args:
        discriminator_class_weight: weight of the class loss L_C for D; 1 in the paper.
        generator_class_weight: weight of the class loss L_C for G; 1 in the paper, 0.1 in later code (StudioGAN).
        gan: the options of `ganzoo.models.GAN`.
    """

    expensive: ClassVar[bool] = True
    conditioned_on = Labels

    def __init__(
        self, discriminator_class_weight: float = 1.0, generator_class_weight: float = 1.0, **gan: Any
    ) -> None:
        super().__init__(**gan)
        self.discriminator_class_weight = discriminator_class_weight
        self.generator_class_weight = generator_class_weight

    def with_labels(self, discriminator: nn.Module, shape: tuple[int, ...]) -> nn.Module:
        """Return a discriminator that also says the class."""
        assert self.num_classes is not None
        return AuxiliaryClassifier(discriminator, shape, self.num_classes)

    def discriminator_loss(self, batch: Batch, z: Tensor) -> Terms:
        """Tell real samples from fakes (L_S), and the class of both (L_C)."""
        (y,) = self.told(batch)
        x, x_fake = batch["image"], self.fakes(batch, z)
        (real, real_class), (fake, fake_class) = self.scores(x, classes=True), self.scores(x_fake, classes=True)
        self.note_scores(real, fake)
        self.note("D(class)", (real_class.argmax(1) == y).float())
        classes = cross_entropy(real_class, y) + cross_entropy(fake_class, y)
        terms = {
            "adversarial": self.objective.discriminator(real, fake),
            "class": self.discriminator_class_weight * classes,
        }
        return terms | self.penalty_terms(x, x_fake, (y,))

    def generator_loss(self, batch: Batch, z: Tensor) -> Terms:
        """Make fakes that D takes for real, and for the class that was asked for."""
        (y,) = self.told(batch)
        x_fake = self.fakes(batch, z)
        fake, fake_class = self.scores(x_fake, classes=True)
        compares = self.objective.relativistic or self.objective.on_features
        return {
            self.objective.term: self.wanted(batch, x_fake) if compares else self.objective.generator(None, fake),
            "class": self.generator_class_weight * cross_entropy(fake_class, y),
        }


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """-E log P(C = y | x): minus L_C, from logits (N, classes), in float32 at least."""
    return F.cross_entropy(logits.float() if logits.dtype.itemsize < 4 else logits, y)
