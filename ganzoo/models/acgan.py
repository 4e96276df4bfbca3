"""AC-GAN (Odena, Olah and Shlens 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs")."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.game import Batch
from ganzoo.models.dcgan import DCGAN
from ganzoo.networks import AuxiliaryClassifier
from ganzoo.system.errors import UserError

__all__ = ["ACGAN"]


class ACGAN(DCGAN):
    """Odena et al. 2017, equations 2 and 3: D also says the class; D maximises L_S + L_C, G maximises L_C - L_S.

    Args:
        discriminator_class_weight: of L_C for D; 1 in the paper.
        generator_class_weight: of L_C for G; 1 in the paper, 0.1 in later code such as StudioGAN's.
        gan: the options of `ganzoo.models.GAN`.
    """

    conditional = True

    def __init__(
        self, discriminator_class_weight: float = 1.0, generator_class_weight: float = 1.0, **gan: Any
    ) -> None:
        super().__init__(**gan)
        self.discriminator_class_weight = discriminator_class_weight
        self.generator_class_weight = generator_class_weight
        if self.objective.relativistic or self.feature_matching:
            raise UserError(
                "ACGAN's generator is judged sample by sample: no relativistic objective, no feature_matching."
            )

    def with_labels(self, discriminator: nn.Module, shape: tuple[int, ...]) -> nn.Module:
        """Return a discriminator that also says the class."""
        assert self.num_classes is not None
        return AuxiliaryClassifier(discriminator, shape, self.num_classes)

    def discriminator_loss(self, batch: Batch, z: Tensor) -> dict[str, Tensor]:
        """Tell real samples from fakes (L_S), and the class of both (L_C)."""
        y = batch["label"]
        x, x_fake = self.shown(batch["image"]), self.shown(self.generator(z, y))
        (real, real_class), (fake, fake_class) = (
            self.discriminator(x, classes=True),
            self.discriminator(x_fake, classes=True),
        )
        self.note_scores(real, fake)
        self.note("D(class)", (real_class.argmax(1) == y).float())
        classes = cross_entropy(real_class, y) + cross_entropy(fake_class, y)
        terms = {
            "adversarial": self.objective.discriminator(real, fake),
            "class": self.discriminator_class_weight * classes,
        }
        return terms | self.penalty_terms(x, x_fake, (y,))

    def generator_loss(self, batch: Batch, z: Tensor) -> dict[str, Tensor]:
        """Make fakes that D takes for real, and for the class that was asked for."""
        y = batch["label"]
        fake, fake_class = self.discriminator(self.shown(self.generator(z, y)), classes=True)
        return {
            "adversarial": self.objective.generator(None, fake),
            "class": self.generator_class_weight * cross_entropy(fake_class, y),
        }


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """-E log P(C = y | x): minus L_C, from logits (N, classes), in float32 at least."""
    return F.cross_entropy(logits.float() if logits.dtype.itemsize < 4 else logits, y)
