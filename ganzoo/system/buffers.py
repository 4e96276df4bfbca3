"""The kinds of buffers: what happens to a buffer on several ranks."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["Kind", "add_buffer", "buffers_of"]

Kind = Literal["shared", "local", "constant"]


def add_buffer(module: nn.Module, name: str, value: Tensor, kind: Kind, persistent: bool = True) -> None:
    """Register a buffer of a network or a game.

    Args:
        module: whose buffer it is.
        name: its name there.
        value: the first value.
        kind: what happens to it on several ranks. `shared`: each rank updates it by its own samples, and in the
            round's last move all get the mean (statistics). `local`: each rank has a value of its own, and a checkpoint
            keeps all of them (a pool of a rank's images). `constant`: it does not depend on a rank's samples and is
            left alone (a filter, a level).
        persistent: whether checkpoints keep it.
    """
    module.register_buffer(name, value, persistent)
    kinds = module.__dict__.setdefault("_buffer_kinds", {})
    kinds[name] = kind


def buffers_of(module: nn.Module, kind: Kind) -> dict[str, Tensor]:
    """Return the buffers of a kind by name, those of the modules inside too.

    Without a kind, the statistics of batch norm are shared, and so are other floating-point buffers, except in a layer
    that has a parametrization (spectral norm's vectors, which follow from the weights alone).
    """
    found = {}
    for path, inner in module.named_modules():
        said = inner.__dict__.get("_buffer_kinds", {})
        for name, value in inner.named_buffers(recurse=False):
            if said.get(name, unsaid(path, inner, value)) == kind:
                found[f"{path}.{name}" if path else name] = value
    return found


def unsaid(path: str, module: nn.Module, value: Tensor) -> Kind:
    """Return the kind of a buffer that was registered without one."""
    if isinstance(module, _BatchNorm):
        return "shared" if value.is_floating_point() else "constant"
    if "parametrizations" in path or not value.is_floating_point() or value.dtype == torch.bool:
        return "constant"
    return "shared"
