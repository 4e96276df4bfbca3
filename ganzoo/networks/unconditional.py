"""What every network without labels has in common."""

from torch import Tensor, nn

from ganzoo.errors import UserError

__all__ = ["refuse_labels"]


def refuse_labels(network: nn.Module, y: Tensor | None) -> None:
    """Raise a ``UserError`` if labels are given to a network that would ignore them."""
    if y is not None:
        name = type(network).__name__
        raise UserError(f"{name} takes no labels but was given {tuple(y.shape)}: choose a conditional network")
