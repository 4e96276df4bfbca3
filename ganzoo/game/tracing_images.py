"""The generator of a model that translates, in a form for `export`."""

import copy
from typing import Any

import torch
from torch import nn
from torch.export import Dim
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.game.fitting import limits_of, reflected
from ganzoo.game.traceable import MANY, Traceable, form_of_images, sizes_in_words
from ganzoo.game.ways import Way

__all__ = ["traced_images"]


def traced_images(game: Any, way: Way, raw: bool | None) -> list[Traceable]:
    """Return the generator of a way, of images (N, C, H, W): of all sizes that suit its network, and of one."""
    network = game.translator(way.name, raw)
    before, after = game.shape_read(way), game.shapes[way.makes]
    multiple, least = limits_of(network)
    channels, height, width = reflected(torch.zeros(1, *before), multiple, least)[0].shape[1:]
    copied, rng = each_alone(copy.deepcopy(network)), torch.Generator().manual_seed(0)

    def expected(x: torch.Tensor, z: torch.Tensor | None = None) -> torch.Tensor:
        return game.translate(x, way.name, raw=raw, z=z)

    def given(*images: int) -> tuple[torch.Tensor, ...]:
        x = 2 * torch.rand(images, generator=rng) - 1
        return (x, torch.randn(len(x), game.latent_dim, generator=rng)) if way.styled else (x,)

    def candidate(free: dict[int, Any], example: tuple[int, int], more: int, sides: tuple[Any, ...], note: str) -> Any:
        shapes = (1, channels, height, width), (2, channels, height, width + more)
        tries = [given(*shape) for shape in shapes]
        made = [side if way.scale == 1 else f"{way.scale} {side}" for side in sides]
        style = f" and z {sizes_in_words(game.latent_dim)}" if way.styled else ""
        what = f"{way.name}, image {sizes_in_words(channels, *sides)}{style} to {sizes_in_words(after[0], *made)}{note}"
        forms = {"image": form_of_images(channels, *sides), "made": form_of_images(after[0], *made)}
        if way.styled:
            forms["z"] = f"float32 {sizes_in_words(game.latent_dim)}, standard normal"
        sizes: dict[str, dict[int, Any]] = {"image": {0: MANY, **free}}
        if way.styled:
            sizes["z"] = {0: MANY}
        return Traceable(copied, given(2, channels, *example), sizes, tries, expected, what, forms)

    h, w = (multiple * Dim(name, min=-(-least // multiple)) for name in "hw")
    note = f", H and W multiples of {multiple} from {least}"
    larger = height + multiple, width + 2 * multiple
    return [
        candidate({2: h, 3: w}, larger, multiple, ("H", "W"), note),
        candidate({}, (height, width), 0, (height, width), ""),
    ]


def each_alone(network: nn.Module) -> nn.Module:
    """Give batch norm that has no statistics of its own those of each image: `translate` shows it one at a time."""
    for parent in list(network.modules()):
        for name, norm in parent.named_children():
            if isinstance(norm, _BatchNorm) and norm.running_mean is None:
                own = nn.GroupNorm(norm.num_features, norm.num_features, norm.eps, norm.affine).requires_grad_(False)
                own.load_state_dict(norm.state_dict())
                setattr(parent, name, own)
    return network
