"""Unrolled GAN (Metz et al. 2017, "Unrolled Generative Adversarial Networks")."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo.game import Batch, Terms
from ganzoo.models.gan import GAN
from ganzoo.system.errors import UserError

__all__ = ["UnrolledGAN"]


class UnrolledGAN(GAN):
    """Metz et al. 2017, section 2.2: G plays against D as it would be after K more steps; gradients flow through these.

    D's next weights depend on the fakes, so D's later scores of real samples depend on G too. G lowers both parts of
    equation 10: it wants its fakes to be taken for real, and the real samples to be taken for fakes.

    With `compile` the steps that are unrolled run uncompiled: torch.compile has no second derivative.

    Args:
        unrolled_steps: K; 0 is the ordinary game.
        unrolled_lr: eta, the rate of these steps, which are plain gradient descent on the objective alone, as in
            equation 8. (The authors' code unrolls Adam.)
        gan: the options of `ganzoo.models.GAN`.
    """

    expensive: ClassVar[bool] = True

    def __init__(self, unrolled_steps: int = 5, unrolled_lr: float = 0.003, **gan: Any) -> None:
        super().__init__(**gan)
        if unrolled_steps < 0 or unrolled_lr <= 0:
            raise UserError(
                f"unrolled_steps is {unrolled_steps} and unrolled_lr {unrolled_lr}: give 0 or more, and above 0."
            )
        self.unrolled_steps, self.unrolled_lr = unrolled_steps, unrolled_lr
        if unrolled_steps:
            self.couples_batch = "D is unrolled on each device's part of the batch"

    def generator_loss(self, batch: Batch, z: Tensor) -> Terms:
        """Equation 10: G's loss against D's weights theta_K, which depend on G.

        Its part on real samples, `real`, is E log D_K(x) in the game of 2014, in general minus that part of D's loss,
        up to a constant.
        A relativistic objective compares with real samples anyway.
        """
        x_fake = self.fakes(batch, z)
        weights = self.unrolled(batch, x_fake)
        terms = {self.objective.term: self.wanted(batch, x_fake, weights=weights)}
        if not self.objective.relativistic:
            real = self.scores(batch["image"], *self.told(batch), weights=weights)
            # fakes of score 0 add a constant to D's loss: what is left is its part on real samples
            terms["real"] = -self.objective.discriminator(real, torch.zeros_like(real))
        return terms

    def unrolled(self, batch: Batch, x_fake: Tensor) -> dict[str, Tensor]:
        """Return D's weights after `unrolled_steps` steps, as a function of the fakes: equations 7 to 9."""
        y = self.told(batch)
        weights = {name: weight.detach().requires_grad_() for name, weight in self.discriminator.named_parameters()}
        for _ in range(self.unrolled_steps):
            real, fake = (self.scores(samples, *y, weights=weights) for samples in (batch["image"], x_fake))
            loss = self.objective.discriminator(real, fake)
            gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
            pairs = zip(weights.items(), gradients, strict=True)
            weights = {name: weight - self.unrolled_lr * gradient for (name, weight), gradient in pairs}
        return weights
