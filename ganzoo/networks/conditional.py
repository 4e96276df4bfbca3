"""Conditional batch norm: it tells a generator the class in every layer."""

from torch import Tensor, nn

from ganzoo.networks.labels import one_hot

__all__ = ["ConditionalBatchNorm2d"]


class ConditionalBatchNorm2d(nn.Module):
    """Batch norm whose scale and shift are the label's own: Dumoulin et al. 2017; de Vries et al. 2017, section 4.1.

    Args:
        num_features: channels.
        num_classes: how many labels there are.
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.norm = nn.BatchNorm2d(num_features, affine=False)
        self.scale = nn.Linear(num_classes, num_features, bias=False)  # of one-hot labels: a table
        self.shift = nn.Linear(num_classes, num_features, bias=False)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Maps (N, num_features, H, W) in the style of their labels."""
        labels = one_hot(y, self.num_classes, x)
        scale, shift = (table(labels)[:, :, None, None] for table in (self.scale, self.shift))
        return scale * self.norm(x) + shift


def apply_layers(layers: nn.Sequential, x: Tensor, y: Tensor | None) -> Tensor:
    """Pass ``x`` through the layers; some of them are told the labels ``y``."""
    for layer in layers:
        x = layer(x, y) if isinstance(layer, ConditionalBatchNorm2d) else layer(x)
    return x
