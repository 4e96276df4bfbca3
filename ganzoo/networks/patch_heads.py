"""The heads of CUT (Park, Efros, Zhang and Zhu 2020), which make unit vectors of patches' features."""

from collections.abc import Sequence

from torch import Tensor, nn

from ganzoo.networks.norms import by_xavier

__all__ = ["PatchHeads"]

TINY = 1e-7


class PatchHeads(nn.Module):
    """A perceptron with one hidden layer for each layer of features: H_l of section 3.2.

    Weights are drawn by Xavier's rule, times 0.02, as in the authors' code: the vectors are as short as 1e-6 at first.
    So it matters that a vector is divided by its length plus 1e-7, as there.

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
        return [unit(head(x)) for head, x in zip(self.heads, patches, strict=True)]


def unit(vectors: Tensor) -> Tensor:
    """Return vectors (..., width) of length 1."""
    return vectors / (vectors.norm(dim=-1, keepdim=True) + TINY)
