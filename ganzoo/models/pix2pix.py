"""pix2pix (Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks")."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganzoo.game import Batch, Move, Terms
from ganzoo.game.from_images import FromImages
from ganzoo.networks import PatchGAN, UNet
from ganzoo.objectives import NonSaturating, Objective
from ganzoo.system.errors import UserError

__all__ = ["Pix2Pix"]


class Pix2Pix(FromImages):
    """Isola et al. 2017: G makes b from a, near to the pair's b; D sees the pair, a beside b, patch by patch.

    G is a U-Net whose only noise is dropout, D a PatchGAN. D's loss is halved (section 3.3).

    Args:
        lambda_l1: weight of the mean absolute difference from the target (equation 4).
        lambda_gan: weight of the adversarial term. 0: train by the difference alone, without D, for comparison
            (section 4.1).
        translator: the options of every model of this kind; see `ganzoo.game.from_images.FromImages`.
    """

    paired: ClassVar[bool] = True
    titles: ClassVar[dict[str, str]] = {"a": "input", "AtoB": "generated", "b": "target"}
    default_generator: ClassVar[Callable[..., nn.Module]] = UNet
    default_discriminator: ClassVar[Callable[..., nn.Module]] = PatchGAN
    default_objective: ClassVar[Objective] = NonSaturating()

    def __init__(self, lambda_l1: float = 100.0, lambda_gan: float = 1.0, **translator: Any) -> None:
        super().__init__(**translator)
        if min(lambda_l1, lambda_gan) < 0 or lambda_l1 == lambda_gan == 0:
            raise UserError(f"lambda_l1 is {lambda_l1} and lambda_gan {lambda_gan}: give 0 or more, and one above 0.")
        self.lambda_l1, self.lambda_gan = lambda_l1, lambda_gan

    def shape_scored(self, domain: str) -> tuple[int, ...]:
        """Return the shape of a pair, put together along the channels."""
        assert self.shapes is not None
        (a, *_), (b, height, width) = self.shapes["a"], self.shapes["b"]
        return a + b, height, width

    def moves(self, step: int) -> list[Move]:
        """Return section 3.3's moves: D, if it is asked at all, then G."""
        first = [Move("discriminator", self.discriminator_loss, times=self.n_critic)] if self.lambda_gan else []
        return [*first, Move("generator", self.generator_loss)]

    def discriminator_loss(self, batch: Batch) -> Terms:
        """Tell pairs from inputs with what was made of them: equation 1, for D."""
        a, b = batch["a"], batch["b"]
        fake = self.shared(batch, "AtoB").detach()
        real, fake = self.scores("b", pair(a, b)), self.scores("b", pair(a, fake))
        self.note_scores(real, fake)
        return {"adversarial": self.objective.discriminator(real, fake) / 2}

    def generator_loss(self, batch: Batch) -> Terms:
        """Make pairs that D takes for real, near the target: equation 4."""
        a, b = batch["a"], batch["b"]
        fake = self.shared(batch, "AtoB")
        terms = {}
        if self.lambda_gan:
            terms["adversarial"] = self.lambda_gan * self.wanted("b", pair(a, b), pair(a, fake))
        if self.lambda_l1:
            terms["l1"] = self.lambda_l1 * (fake - b).abs().mean()
        return terms


def pair(a: Tensor, b: Tensor) -> Tensor:
    """Return images (N, C, H, W) and (N, C', H, W) put together along the channels."""
    return torch.cat([a, b], 1)
