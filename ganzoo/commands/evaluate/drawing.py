"""Pictures that belong to scores."""

from collections.abc import Sequence
from pathlib import Path

import torch

from ganzoo.data.base.tensors import to_float
from ganzoo.metrics import Memorization, SampleMetric
from ganzoo.pictures.sheets import save_sheet
from ganzoo.system.output import say

__all__ = ["draw"]


def draw(metrics: Sequence[SampleMetric], path: Path) -> None:
    """Draw the samples that are nearest to training images, each beside that image, the nearest first.

    Args:
        metrics: those that were computed.
        path: to which the metric's name and .png are added.
    """
    for metric in metrics:
        if isinstance(metric, Memorization) and (pairs := metric.closest()):
            generated = torch.stack([pair.generated for pair in pairs])
            training = torch.stack([pair.training.to(pair.generated.device) for pair in pairs])
            sides = {"generated": generated, "nearest training image": training}
            shown = {title: to_float(images, torch.float32) for title, images in sides.items()}
            file = path.with_name(f"{path.name}-{metric.asked}.png")
            save_sheet(shown, file, 1, f"the {len(pairs)} samples that are nearest to training images")
            say(f"{file}: the samples nearest to training images, beside these.")
