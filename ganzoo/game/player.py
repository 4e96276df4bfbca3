"""A player: its networks, how they learn, and the terms of its last move."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch.plugins.precision import Precision
from torch import Tensor, nn

from ganzoo.game.move import Terms
from ganzoo.game.schedules import odd_course, try_schedule
from ganzoo.optimizers import ConstantThenLinear
from ganzoo.system.errors import UserError
from ganzoo.system.machine import rank
from ganzoo.system.output import say

__all__ = ["OptimizerCallable", "Player", "SchedulerCallable", "has_scaler"]

OptimizerCallable = Callable[[Iterable], torch.optim.Optimizer]
SchedulerCallable = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]


class Player:
    """One side of the game.

    Args:
        name: `generator` or `discriminator`, as its options and the game's attribute are called.
        network: its network, or an `nn.ModuleDict` of several.
        optimizer: makes its optimizer.
        schedule: makes the schedule of its learning rate, stepped once a round. None: the rate stays.
        clip: largest norm of its gradient; a larger one is scaled down to it. None: no limit.
        rates: a factor of the learning rate for some of its networks, by name: `{"mapping": 0.01}`.
        title: what logs call it. None: its name.

    Attributes:
        weights: the parameters that it moves.
        terms: the terms of its last move's loss, by name.
        round_terms: those of all its moves in this round, the last repeat's; none if it has not moved.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        optimizer: OptimizerCallable,
        schedule: SchedulerCallable | None = None,
        clip: float | None = None,
        rates: Mapping[str, float] | None = None,
        title: str | None = None,
    ) -> None:
        if clip is not None and not clip > 0:
            raise UserError(f"{name}_clip is {clip}: give a norm above 0, or null for no limit.")
        self.name, self.network, self.title = name, network, title or name
        self.optimizer, self.schedule, self.clip = optimizer, schedule, clip
        self.rates = dict(rates or {})
        self.weights = [p for p in network.parameters() if p.requires_grad]
        self.terms: Terms = {}
        self.round_terms: Terms = {}
        self.gradient_norm: Tensor | None = None
        self._check_rates()

    def _check_rates(self) -> None:
        """Refuse rates of networks that it does not have, of one weight twice, and below 0."""
        owners: dict[int, str] = {}
        for name, factor in self.rates.items():
            if not isinstance(factor, (int, float)) or not 0 <= factor < math.inf:
                raise UserError(f"rates of the {self.name}: {name} has {factor!r}: give a factor of 0 or more.")
            for p in self.part(name).parameters():
                if (other := owners.setdefault(id(p), name)) != name:
                    raise UserError(
                        f"rates of the {self.name}: {other} and {name} have weights in common, so these would have two "
                        "rates: name networks that lie apart."
                    )

    @property
    def networks(self) -> list[nn.Module]:
        """Its networks: one, or those of an `nn.ModuleDict`."""
        return list(self.network.values()) if isinstance(self.network, nn.ModuleDict) else [self.network]

    def part(self, name: str) -> nn.Module:
        """Return one of its networks by name, such as `mapping`.

        Raises:
            UserError: it has none of this name.
        """
        try:
            return self.network.get_submodule(name)
        except AttributeError:
            there = ", ".join(name for name, _ in self.network.named_children())
            raise UserError(f"the {self.name} has no network {name}; there are: {there or 'none'}.") from None

    def weights_of(self, networks: Iterable[str] | None) -> list[nn.Parameter]:
        """Return the weights of some of its networks, by name; None: of all."""
        if networks is None:
            return self.weights
        wanted = {id(p) for name in networks for p in self.part(name).parameters()}
        return [p for p in self.weights if id(p) in wanted]

    @contextmanager
    def tracked(self) -> Iterator[None]:
        """Track its weights in a move of the other player, so that its own move can take the gradient."""
        weights = [p for p in self.weights if not p.requires_grad]
        for p in weights:
            p.requires_grad_(True)
        try:
            yield
        finally:
            for p in weights:
                p.requires_grad_(False)

    def new_optimizer(self, precision: Precision) -> torch.optim.Optimizer:
        """Return its optimizer, with the rate of each network.

        Raises:
            UserError: the optimizer refuses its options.
        """
        parts = {name: self.weights_of([name]) for name in self.rates}
        apart = {id(p) for weights in parts.values() for p in weights}
        groups: Any = self.weights
        if parts:
            rest = [p for p in self.weights if id(p) not in apart]
            groups = [{"params": rest}, *({"params": weights} for weights in parts.values())]
        try:
            optimizer = self.optimizer(groups)
        except ValueError as error:
            raise UserError(f"{self.name}_optimizer: {error}.") from error
        self._try_optimizer()
        for group, factor in zip(optimizer.param_groups[1:], self.rates.values(), strict=True):
            group["lr"] *= factor
        if has_scaler(precision):
            # fused optimizers would unscale fp16's gradients themselves, after they were clipped: let the scaler
            optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
        return optimizer

    def _try_optimizer(self) -> None:
        """Refuse an optimizer that can't make a step, as one for sparse gradients, before there is a run."""
        weight = nn.Parameter(torch.zeros(2, 2))
        weight.grad = torch.zeros(2, 2)
        optimizer = self.optimizer([weight])
        try:
            optimizer.step(lambda: torch.zeros(()))  # type: ignore[arg-type, return-value]
        except RuntimeError as error:
            raise UserError(f"{self.name}_optimizer: {error}.") from error

    def new_schedule(
        self, optimizer: torch.optim.Optimizer, max_steps: int
    ) -> torch.optim.lr_scheduler.LRScheduler | None:
        """Return the schedule of its rate over a run of so many rounds, if there is one.

        Raises:
            UserError: one that waits for a loss, or ends before the run.
        """
        if self.schedule is None:
            return None
        try:
            schedule = self.schedule(optimizer)
        except (TypeError, ValueError, ZeroDivisionError) as error:  # options that don't fit
            raise UserError(f"{self.name}_schedule can't be made ({error}): give another, or other options.") from error
        if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
            raise UserError(
                f"{self.name}_schedule is ReduceLROnPlateau, which waits for a loss to stop falling; "
                "a game's losses don't: choose a schedule that counts rounds."
            )
        if isinstance(schedule, ConstantThenLinear):
            schedule.play_until(max_steps)
        total = getattr(schedule, "total_steps", None)  # of OneCycleLR, which has an end
        if isinstance(total, int) and not 0 < max_steps <= total:
            raise UserError(
                f"{self.name}_schedule is {type(schedule).__name__} with {total} rounds (total_steps), and the run has "
                f"{max_steps if max_steps > 0 else 'no end'} (trainer.max_steps): set --model.{self.name}_schedule."
                "total_steps to the run's rounds."
            )
        try_schedule(f"{self.name}_schedule", self.schedule, self.optimizer([nn.Parameter(torch.zeros(2, 2))]))
        if (line := odd_course(f"{self.name}_schedule", schedule, max_steps)) and rank() == 0:
            say(line)
        return schedule

    def clip_(self, norm: Tensor) -> None:
        """Note the norm of its gradient, and scale it down if it is too large."""
        self.gradient_norm = norm
        if self.clip is not None:
            torch.nn.utils.clip_grads_with_norm_(self.weights, self.clip, norm)

    def logged(self) -> Terms:
        """Return the terms of its moves in this round, by their names in logs: `generator/adversarial`."""
        norm = {} if self.gradient_norm is None or not self.round_terms else {"gradient_norm": self.gradient_norm}
        return {f"{self.title}/{name}": value for name, value in (self.round_terms | norm).items()}


def has_scaler(precision: Precision) -> bool:
    """Say whether gradients are scaled, as fp16 needs."""
    return getattr(precision, "scaler", None) is not None
