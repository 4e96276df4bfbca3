"""The picture of memorization: samples beside the training images that they are nearest to."""

from collections.abc import Sequence
from pathlib import Path

import torch

from ganzoo.data.base.tensors import to_float
from ganzoo.metrics import Memorization, SampleMetric
from ganzoo.metrics.memorization import Closest
from ganzoo.pictures.sheets import save_sheet

__all__ = ["draw_memorized"]


def draw_memorized(metrics: Sequence[SampleMetric], file: Path) -> bool:
    """Draw the samples that are nearest to training images, each beside that image, the nearest first.

    Args:
        metrics: those that were computed.
        file: the PNG.

    Returns:
        whether a metric among them has such samples.
    """
    pairs: list[Closest] = next(
        (found for metric in metrics if isinstance(metric, Memorization) and (found := metric.closest())), []
    )
    if pairs:
        generated = torch.stack([pair.generated for pair in pairs])
        training = torch.stack([pair.training.to(pair.generated.device) for pair in pairs])
        sides = {"generated": generated, "nearest training image": training}
        shown = {title: to_float(images, torch.float32) for title, images in sides.items()}
        save_sheet(shown, file, 1, f"the {len(pairs)} samples that are nearest to training images")
    return bool(pairs)
