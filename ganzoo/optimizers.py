"""Optimizers with the settings that the GAN papers share.

Classes of their own rather than lambdas with settings: a class's defaults can be shown by `--print_config` and
overridden one by one on the command line.
"""

from collections.abc import Iterable
from typing import Any

import torch

__all__ = ["Adam", "AdamWithoutMomentum", "GradientPenaltyAdam", "RMSprop"]


class Adam(torch.optim.Adam):
    """Adam as GANs use it: learning rate 2e-4 and beta1 0.5 (Radford et al. 2016, section 4).

    `fused` makes one pass over the weights, several times as quick on a CPU.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        fused: bool = True,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=fused)


class AdamWithoutMomentum(Adam):
    """Adam for a discriminator with a bounded slope: 2e-4, beta1 0 and beta2 0.9 (Miyato et al. 2018, section 4)."""

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-4, betas: tuple[float, float] = (0.0, 0.9), **adam: Any
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, **adam)


class GradientPenaltyAdam(AdamWithoutMomentum):
    """Adam with the settings of WGAN-GP (Gulrajani et al. 2017, algorithm 1): half the rate."""

    def __init__(self, params: Iterable[Any], lr: float = 1e-4, **adam: Any) -> None:
        super().__init__(params, lr=lr, **adam)


class RMSprop(torch.optim.RMSprop):
    """RMSprop with the learning rate of WGAN (Arjovsky et al. 2017, algorithm 1)."""

    def __init__(self, params: Iterable[Any], lr: float = 5e-5, alpha: float = 0.99, eps: float = 1e-8) -> None:
        super().__init__(params, lr=lr, alpha=alpha, eps=eps)
