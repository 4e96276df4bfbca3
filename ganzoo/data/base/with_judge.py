"""What grey sets with labels share: a judge of their classes."""

from ganzoo.data.base.module import DataModule
from ganzoo.data.base.sets import TensorSet
from ganzoo.metrics import Judge, judge_of

__all__ = ["WithJudge"]


class WithJudge(DataModule):
    """Grey images of `num_classes` classes, and a judge that was trained on the training images."""

    num_classes: int
    _judge: Judge | None = None

    @property
    def taught(self) -> tuple[TensorSet, int]:
        """What the judge learns from, `image` (N, 1, H, W), uint8, and `label` (N,), and its number of classes."""
        assert isinstance(self.train, TensorSet)
        return self.train, self.num_classes

    def judge(self) -> Judge:
        """Return the judge of single images; rank 0 makes it when it is first asked for, then each rank keeps it."""
        if self._judge is None:
            images, num_classes = self.taught
            self._judge = self.on_rank_0(lambda: judge_of(**images.tensors, num_classes=num_classes))
        return self._judge
