"""Unrolled GAN (Metz et al. 2017, "Unrolled Generative Adversarial Networks")."""

from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from ganzoo.game import Batch
from ganzoo.models.gan import GAN
from ganzoo.system.errors import UserError

__all__ = ["UnrolledGAN"]


class UnrolledGAN(GAN):
    """Metz et al. 2017, section 2.2: G plays against D as it would be after K more of its steps, and sees through them.

    Args:
        unrolled_steps: K; 0 is the ordinary game.
        unrolled_lr: eta, the rate of these steps, which are plain gradient descent on the objective alone, as in
            equation 8. (The authors' code unrolls Adam.)
        gan: the options of `ganzoo.models.GAN`.
    """

    def __init__(self, unrolled_steps: int = 5, unrolled_lr: float = 0.003, **gan: Any) -> None:
        super().__init__(**gan)
        if unrolled_steps < 0 or unrolled_lr <= 0:
            raise UserError(
                f"unrolled_steps is {unrolled_steps} and unrolled_lr {unrolled_lr}: give 0 or more, and above 0."
            )
        if self.feature_matching:
            raise UserError("UnrolledGAN's generator plays against the unrolled scores: no feature_matching.")
        if self.compile_networks:
            raise UserError(
                "UnrolledGAN differentiates D's steps, and torch.compile has no second derivative: leave compile out."
            )
        self.unrolled_steps, self.unrolled_lr = unrolled_steps, unrolled_lr
        if unrolled_steps:
            self.couples_batch = "D is unrolled on each device's part of the batch"

    def generator_loss(self, batch: Batch, z: Tensor) -> dict[str, Tensor]:
        """Equation 10: G's loss against D's weights theta_K, which depend on G."""
        x, x_fake = self.shown(batch["image"]), self.shown(self.generator(z))
        weights = self.unrolled(x, x_fake)
        real = functional_call(self.discriminator, weights, x) if self.objective.relativistic else None
        return {"adversarial": self.objective.generator(real, functional_call(self.discriminator, weights, x_fake))}

    def unrolled(self, x: Tensor, x_fake: Tensor) -> dict[str, Tensor]:
        """Return D's weights after `unrolled_steps` steps, as a function of the fakes: equations 7 to 9."""
        weights = {name: weight.detach().requires_grad_() for name, weight in self.discriminator.named_parameters()}
        for _ in range(self.unrolled_steps):
            real, fake = (functional_call(self.discriminator, weights, samples) for samples in (x, x_fake))
            loss = self.objective.discriminator(real, fake)
            gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
            weights = {
                name: weight - self.unrolled_lr * gradient
                for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
            }
        return weights
