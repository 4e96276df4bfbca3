"""The heads of CUT (Park, Efros, Zhang and Zhu 2020), which make unit vectors of patches' features."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.networks.norms import by_xavier

__all__ = ["PatchHeads"]


class PatchHeads(nn.Module):
    """A perceptron with one hidden layer for each layer of features: H_l of section 3.2.

    Weights are drawn by Xavier's rule, times 0.02, as in the authors' code.

    Args:
        widths: channels of each layer's features.
        width: units of the hidden layer, and length of a vector.
    """

    def __init__(self, widths: Sequence[int], width: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(channels, width), nn.ReLU(), nn.Linear(width, width)) for channels in widths
        )
        self.apply(by_xavier)

    def forward(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Return unit vectors of patches, (N, S, width) a layer.

        Args:
            features: maps (N, C, H, W), one a layer.
            places: the pixels of each map to look at, in 0 .. H * W - 1, (S,) a layer.
        """
        patches = [maps.flatten(2).transpose(1, 2)[:, at] for maps, at in zip(features, places, strict=True)]
        return [F.normalize(head(x), dim=2) for head, x in zip(self.heads, patches, strict=True)]
