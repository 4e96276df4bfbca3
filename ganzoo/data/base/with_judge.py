"""The common part of grey sets with labels: a judge of their classes."""

import torch

from ganzoo.data.base.module import DataModule
from ganzoo.data.base.sets import TensorSet
from ganzoo.metrics import Judge, judge_of

__all__ = ["WithJudge"]


class WithJudge(DataModule):
    """Grey images of `num_classes` classes, and a judge that is trained on the training images."""

    num_classes: int
    _judge: Judge | None = None

    @property
    def taught(self) -> TensorSet:
        """The judge's training data, `image` (N, 1, H, W), uint8, and `label` (N,)."""
        assert isinstance(self.train, TensorSet)
        return self.train

    @property
    def judged_classes(self) -> int:
        """How many classes the judge tells apart."""
        return self.num_classes

    def judge(self) -> Judge:
        """Return the judge of single images. It learns when its weights are first needed: see `Judge.load`.

        Rank 0 trains it, then each rank keeps it: so all ranks must need it at the same time.
        """
        if self._judge is None:
            with torch.random.fork_rng(devices=[]):  # a run's own chance doesn't depend on how it is scored
                self._judge = Judge(self.judged_classes, self.taught_judge).eval()
        return self._judge

    def taught_judge(self) -> Judge:
        """Return a trained judge; it is taken from the cache if that has a judge of the same images."""
        return self.on_rank_0(lambda: judge_of(**self.taught.tensors, num_classes=self.judged_classes))
