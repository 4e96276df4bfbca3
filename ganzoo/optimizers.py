"""Optimizers with the settings that the GAN papers share, and schedules of their rates.

Classes of their own rather than lambdas with settings: a class's defaults can be shown by `--print_config` and
overridden one by one on the command line. Schedules count rounds, as everything in a game does.
"""

from collections.abc import Iterable
from typing import Any

import torch

from ganzoo.system.errors import UserError

__all__ = ["Adam", "AdamWithoutMomentum", "ConstantThenLinear", "GradientPenaltyAdam", "RMSprop"]


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


class ConstantThenLinear(torch.optim.lr_scheduler.LambdaLR):
    """The rate stays for a while and then falls linearly to zero: Isola et al. 2017 and Zhu et al. 2017.

    Zhu et al. keep it for 100 epochs and let it fall over 100 more; an epoch is the size of the set divided by the
    batch over all devices, in rounds. Round k (from 0) has the rate times min(1, (constant + decay - k) / decay).

    Args:
        optimizer: whose rate it is.
        constant: rounds before the rate begins to fall. None: the share of the run.
        decay: rounds over which it falls; from then on it is zero. None: the rest of the run.
        share: the part of trainer.max_steps with a constant rate, if the rounds aren't given. A run that goes on to
            another max_steps then has another schedule from there on.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        constant: int | None = None,
        decay: int | None = None,
        share: float = 0.5,
    ) -> None:
        if (constant is None) != (decay is None):
            raise UserError(
                f"ConstantThenLinear: constant is {constant} and decay {decay}: give both, in rounds, or neither."
            )
        if constant is not None and decay is not None and (constant < 0 or decay < 1):
            raise UserError(f"ConstantThenLinear: constant is {constant} and decay {decay}: give at least 0 and 1.")
        if not 0 <= share <= 1:
            raise UserError(f"ConstantThenLinear: share is {share}: give a part of the run, from 0 to 1.")
        self.constant, self.decay, self.share = constant, decay, share
        super().__init__(optimizer, self.factor)

    def play_until(self, max_steps: int) -> None:
        """Tell the schedule the length of the run, in rounds. It needs this if its own rounds aren't given."""
        if self.constant is not None:
            return
        if max_steps < 1:
            raise UserError(
                "ConstantThenLinear counts in shares of trainer.max_steps, and the run has no end: "
                "give max_steps, or the schedule's constant and decay in rounds."
            )
        self.constant = round(self.share * max_steps)
        self.decay = max(1, max_steps - self.constant)

    def factor(self, step: int) -> float:
        """Return the factor of the rate in round `step`."""
        if self.constant is None or self.decay is None:  # round 0, before the length of the run is known
            return 1.0
        return max(0.0, min(1.0, (self.constant + self.decay - step) / self.decay))

    def state_dict(self) -> dict[str, object]:
        """Return the state: only plain values, without the lambda. The lengths are options."""
        return {"last_epoch": self.last_epoch, "_step_count": self._step_count, "_last_lr": self._last_lr}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Go on from there."""
        self.__dict__.update(state_dict)
