"""Optimizers with the settings that the GAN papers share."""

from collections.abc import Iterable
from typing import Any

import torch

__all__ = ["Adam"]


class Adam(torch.optim.Adam):
    """Adam as GANs use it: learning rate 2e-4 and beta1 0.5 (Radford et al. 2016, section 4).

    A class of its own rather than a lambda with settings: a class's defaults can be shown by `--print_config` and
    overridden one by one on the command line. `fused` makes one pass over the weights, several times as quick on a CPU.
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
