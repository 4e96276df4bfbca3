"""Chance inside networks: dropout and noise that belong to the samples, as a game's own draws do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.system.draws import Draws

__all__ = ["Dropout", "Noise", "chance_from", "has_chance", "normal", "uniform", "use_chance", "without_chance"]


class LeftOut:
    """Takes the place of chance where there must be none.

    Attributes:
        asked: whether a network asked for some.
    """

    asked = False


current: ContextVar[Draws | LeftOut | None] = ContextVar("current", default=None)


@contextmanager
def chance_from(draws: Draws) -> Iterator[None]:
    """Let all networks take their chance from these draws: a game does so in each move, and when it samples."""
    token = current.set(left_out if isinstance(left_out := current.get(), LeftOut) else draws)
    try:
        yield
    finally:
        current.reset(token)


@contextmanager
def without_chance() -> Iterator[LeftOut]:
    """Leave chance out of all networks, in sampling and translating too: noise is 0, and nothing is dropped."""
    left_out = LeftOut()
    token = current.set(left_out)
    try:
        yield left_out
    finally:
        current.reset(token)


def asked() -> Draws | LeftOut | None:
    """Return where chance comes from, for a network that asks for some."""
    if isinstance(found := current.get(), LeftOut):
        found.asked = True
    return found


def normal(x: Tensor, *shape: int) -> Tensor:
    """Return standard normal numbers (N, *shape) for the samples of x (N, ...); outside of a game they are torch's."""
    draws = asked()
    if isinstance(draws, LeftOut):
        return x.new_zeros(x.shape[0], *shape)  # not len(x), which an export takes for a constant
    return torch.randn(len(x), *shape).to(x) if draws is None else for_all(len(x), lambda: draws.normal(*shape)).to(x)


def uniform(x: Tensor, *shape: int) -> Tensor:
    """Return uniform numbers in [0, 1), (N, *shape), for the samples of x (N, ...)."""
    draws = asked()
    if isinstance(draws, LeftOut):
        return x.new_full((x.shape[0], *shape), 0.5)
    return torch.rand(len(x), *shape).to(x) if draws is None else for_all(len(x), lambda: draws.uniform(*shape)).to(x)


@torch._dynamo.disable  # a compiled network breaks here: what is drawn must not be baked in
def for_all(num: int, draw: Callable[[], Tensor]) -> Tensor:
    """Return numbers for `num` samples: a network may be shown the batch several times over, or a part of it."""
    first = draw()
    if len(first) == num:
        return first
    drawn = [first]
    while sum(map(len, drawn)) < num:
        drawn.append(draw())
    return torch.cat(drawn)[:num]


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) with chance that belongs to the sample: x (N, ...) to the same shape.

    Args:
        p: the share of numbers that become 0; the others are divided by 1 - p.
        always: at test time too, where it is the only noise that a generator has (Isola et al. 2017, section 3.2).
        whole: drop whole channels.
    """

    def __init__(self, p: float = 0.5, always: bool = False, whole: bool = False) -> None:
        super().__init__()
        self.p, self.always, self.whole = p, always, whole

    def forward(self, x: Tensor) -> Tensor:
        """Return x with some of its numbers set to 0."""
        if self.p == 0 or not (self.training or self.always) or isinstance(asked(), LeftOut):
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        shape = (x.shape[1], *[1] * (x.ndim - 2)) if self.whole else x.shape[1:]
        return x * (uniform(x, *shape) >= self.p) / (1 - self.p)

    def extra_repr(self) -> str:
        """Say what it was made with."""
        return f"p={self.p}, always={self.always}, whole={self.whole}"


class Noise(nn.Module):
    """A normal number for each pixel, scaled and added to all channels (Karras et al. 2019): (N, C, H, W) to the same.

    The strength is learned, one for all pixels, and starts at 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return x with noise."""
        return x + self.strength * normal(x, 1, *x.shape[2:])


def use_chance(network: nn.Module) -> nn.Module:
    """Return a network with its layers of torch's dropout replaced by `Dropout`."""
    whole: dict[type, bool] = {nn.Dropout: False, nn.Dropout1d: True, nn.Dropout2d: True, nn.Dropout3d: True}
    for parent in list(network.modules()):
        for name, module in parent.named_children():
            if type(module) in whole:
                p: Any = module.p
                setattr(parent, name, Dropout(p, whole=whole[type(module)]))  # it has no weights to keep
    return network


def has_chance(network: nn.Module) -> bool:
    """Say whether a network's output at test time depends on chance."""
    found = [module for module in network.modules() if isinstance(module, (Dropout, Noise))]
    return any(isinstance(module, Noise) or (module.always and module.p > 0) for module in found)
