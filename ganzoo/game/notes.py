"""What losses note beside their terms: figures on D's scores, and others."""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from ganzoo.objectives import Objective

__all__ = ["Notes", "noted", "share"]


class Notes(Mapping[str, Tensor]):
    """What the losses of a round noted, by name: sums over a loss's micro-batches, 0-dimensional.

    What a loss notes takes the place of what an earlier one noted under the same name. Figures on scores are worked out
    when somebody looks at them: most rounds are not logged.
    """

    def __init__(self) -> None:
        self.losses: list[dict[str, Tensor]] = [{}]
        self.later: list[tuple[dict[str, Tensor], Callable[[], dict[str, Tensor]]]] = []

    def begin_loss(self) -> None:
        """Begin the notes of another loss."""
        self.losses.append({})

    def add(self, name: str, value: Tensor) -> None:
        """Add a number to the latest loss's notes."""
        add(self.losses[-1], {name: value})

    def add_later(self, figures: Callable[[], dict[str, Tensor]]) -> None:
        """Add numbers to the latest loss's notes when somebody looks."""
        self.later.append((self.losses[-1], figures))

    def all(self) -> dict[str, Tensor]:
        """Return all notes."""
        later, self.later = self.later, []
        for loss, figures in later:
            add(loss, figures())
        return {name: value for loss in self.losses for name, value in loss.items()}

    def __getitem__(self, name: str) -> Tensor:
        return self.all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.all())

    def __len__(self) -> int:
        return len(self.all())


def add(sums: dict[str, Tensor], values: dict[str, Tensor]) -> None:
    """Add numbers to sums of the same names."""
    for name, value in values.items():
        sums[name] = sums[name] + value if name in sums else value


def share(value: Tensor, parts: int) -> Tensor:
    """Return a value's part in the mean over so many micro-batches. A division by 1 would take time, and back too."""
    return value if parts == 1 else value / parts


def noted(objective: Objective, title: str, real: Tensor, fake: Tensor, parts: int = 1) -> dict[str, Tensor]:
    """Return D(real), D(fake), how often D is right, and the distance that the objective estimates, by name.

    Args:
        objective: D(x) is a probability where it says so, which is right on its side of 1/2; of a critic the share of
            pairs of a real and a generated sample that are in order.
        title: what logs call D.
        real: raw scores (N, ...) of real samples.
        fake: the same of generated ones.
        parts: of how many micro-batches these are one.
    """
    is_right = torch.cat([real > 0, fake < 0]) if objective.probability else real > fake
    notes = {
        "D(real)": real.sigmoid() if objective.probability else real,
        "D(fake)": fake.sigmoid() if objective.probability else fake,
        "D(accuracy)": is_right.float(),
    }
    if (distance := objective.distance(real, fake)) is not None:
        notes[f"{title}/distance"] = distance
    return {name: share(value.mean(), parts) for name, value in notes.items()}
