"""Error messages of networks that can't take labels, or lack them."""

from torch import Tensor, nn

from ganzoo.system.errors import UserError

__all__ = ["need_labels", "refuse_labels"]


def need_labels(network: nn.Module, y: Tensor | None) -> Tensor:
    """Return the labels; raise a ``UserError`` if a network that was built for classes is given none."""
    if y is None:
        name = type(network).__name__
        raise UserError(f"{name} was built with num_classes but is given no labels: leave num_classes out")
    return y


def refuse_labels(network: nn.Module, y: Tensor | None) -> None:
    """Raise a ``UserError`` if labels are given to a network that would ignore them."""
    if y is not None:
        name = type(network).__name__
        raise UserError(f"{name} takes no labels but was given {tuple(y.shape)}: choose a conditional network")
