"""Figures on D's scores, logged beside the losses."""

import torch
from torch import Tensor

from ganzoo.objectives import Objective

__all__ = ["noted"]


def noted(objective: Objective, title: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """Return D(real), D(fake), how often D is right, and the distance that the objective estimates, by name.

    Args:
        objective: D(x) is a probability where it says so, which is right on its side of 1/2; of a critic the share of
            pairs of a real and a generated sample that are in order.
        title: what logs call D.
        real: raw scores (N, ...) of real samples.
        fake: the same of generated ones.
    """
    is_right = torch.cat([real > 0, fake < 0]) if objective.probability else real > fake
    notes = {
        "D(real)": real.sigmoid() if objective.probability else real,
        "D(fake)": fake.sigmoid() if objective.probability else fake,
        "D(accuracy)": is_right.float(),
    }
    distance = objective.distance(real, fake)
    return notes if distance is None else {**notes, f"{title}/distance": distance}
