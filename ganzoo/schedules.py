"""Learning-rate schedules that count rounds, as everything in a game does."""

import torch

from ganzoo.errors import UserError

__all__ = ["ConstantThenLinear"]


class ConstantThenLinear(torch.optim.lr_scheduler.LambdaLR):
    """The rate stays for a while and then falls linearly to zero: Isola et al. 2017 and Zhu et al. 2017.

    Zhu et al. keep it for 100 epochs and let it fall over 100 more; an epoch is the size of the set divided by the
    batch over all devices, in rounds. Round k (from 0) has the rate times min(1, (constant + decay - k) / decay).

    Args:
        optimizer: whose rate it is.
        constant: rounds before the rate begins to fall. None: the share of the run.
        decay: rounds over which it falls; from then on it is zero. None: the rest of the run.
        share: part of trainer.max_steps that is constant, where the rounds aren't given. A run that goes on to another
            max_steps then has another schedule from there on.
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
        """Tell the schedule how long the run is, in rounds; of use if its own rounds aren't given."""
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
        """Return what the rate of round `step` is multiplied by."""
        if self.constant is None or self.decay is None:  # round 0, before the length of the run is known
            return 1.0
        return max(0.0, min(1.0, (self.constant + self.decay - step) / self.decay))

    def state_dict(self) -> dict[str, object]:
        """Return where the schedule is; its lengths are options, and the lambda is no plain value."""
        return {"last_epoch": self.last_epoch, "_step_count": self._step_count, "_last_lr": self._last_lr}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Go on from there."""
        self.__dict__.update(state_dict)
