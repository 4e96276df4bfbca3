"""Do images show one thing each, and many things together? The Inception Score."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo.metrics.kept import KeptFeatures
from ganzoo.networks.frozen.extractor import Extractor
from ganzoo.system.errors import UserError

__all__ = ["InceptionScore", "inception_score"]


class InceptionScore(KeptFeatures):
    """The Inception Score of generated images (Salimans et al. 2016): exp E KL(p(y | x) || p(y)), in [1, classes].

    High if a classifier is sure of each image, and sees many classes in all of them. Real images are not asked.

    * `is`: the mean over parts of the images, drawn with a fixed seed.
    * `is_std`: the standard deviation over the parts.

    Args:
        extractor: a classifier. None: `Inception`.
        splits: the number of parts.
        seed: of the parts.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        UserError: the extractor is no classifier; `compute` with fewer images than parts.
        ValueError: images or features that are not finite.
    """

    asked = "is"
    names: ClassVar[dict[str, bool]] = {"is": True, "is_std": False}
    needs_real = False

    def __init__(self, extractor: Extractor | None = None, splits: int = 10, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(extractor, **kwargs)
        if splits < 1:
            raise UserError(f"splits is {splits}: the Inception Score takes 1 part or more (10 in papers).")
        if type(self.extractor).logits_of is Extractor.logits_of:
            self.extractor.logits_of(torch.empty(0))  # it says so
        self.splits, self.seed, self.least = splits, seed, splits  # type: ignore[misc]

    def settings(self) -> dict[str, Any]:
        """Return how the images are parted."""
        return {"splits": self.splits, "seed": self.seed}

    def compute(self) -> dict[str, Tensor]:
        """Return the mean over the parts, and the deviation."""
        _, fake = self.sets()
        order = torch.randperm(len(fake), generator=torch.Generator().manual_seed(self.seed))
        scores = inception_score(self.extractor.logits_of(fake)[order.to(fake.device)], self.splits)
        return self.scored(scores.mean().float(), scores.std(unbiased=False).float())


def inception_score(logits: Tensor, splits: int) -> Tensor:
    """Return the score of each part, (splits,), float64, of images with logits (N, K)."""
    scores = []
    for part in logits.double().tensor_split(splits):
        log_p = part.log_softmax(1)
        p = log_p.exp()
        marginal = p.mean(0)
        # H(y) - H(y | x); a class that is never seen adds nothing
        scores.append(((p * log_p).sum(1).mean() - torch.special.xlogy(marginal, marginal).sum()).exp())
    return torch.stack(scores)
