"""The ways in which images are translated, from domain to domain."""

from collections.abc import Callable
from typing import Literal

from torch import nn

__all__ = ["DOMAINS", "Direction", "TranslatorCallable"]

Direction = Literal["AtoB", "BtoA"]
TranslatorCallable = Callable[[tuple[int, ...], tuple[int, ...]], nn.Module]
DOMAINS: dict[str, tuple[str, str]] = {"AtoB": ("a", "b"), "BtoA": ("b", "a")}  # from where to where
