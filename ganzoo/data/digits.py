"""The handwritten digits that come with scikit-learn, and what all sets of digits share."""

from typing import Any

import torch

from ganzoo.data.base.sets import TensorSet
from ganzoo.data.base.tensors import resize
from ganzoo.data.base.with_judge import WithJudge
from ganzoo.data.files.pixels import height_and_width
from ganzoo.metrics import DigitScores, SampleMetric

__all__ = ["Digits"]


class HandwrittenDigits(WithJudge):
    """The common part of sets of grey digits: ten classes, and scores by their judge."""

    main_score = "fid_digits"
    num_classes = 10

    def metrics(self) -> list[SampleMetric]:
        """Return the scores by the judge."""
        return [DigitScores(self.judge())]


class Digits(HandwrittenDigits):
    """1,797 real handwritten digits, 8x8, 17 grey levels, bundled with scikit-learn: no files, no network.

    Resized to uint8 (1, H, W); labels 0..9. Every sixth sample, from the first on, is held
    out: 1,497 to train, 300 to validate. From the Optical Recognition of Handwritten Digits set (Alpaydin and
    Kaynak 1998, UCI).

    Args:
        image_size: side in pixels, or height and width; 8 leaves them as they are.
        kwargs: the options of DataModule.
    """

    def __init__(self, image_size: int | list[int] | str = 32, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = height_and_width(image_size)

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return the 1,497 training and the 300 validation digits."""
        from sklearn.datasets import load_digits  # half a second that other data sets need not wait

        digits = load_digits()
        grey = torch.from_numpy(digits.images) * (255 / 16)  # 0..16 in the file
        image = resize(grey.round().to(torch.uint8).unsqueeze(1), self.size)
        label = torch.from_numpy(digits.target).long()
        held_out = torch.arange(len(label)) % 6 == 0
        train, val = (TensorSet(image=image[rows], label=label[rows]) for rows in (~held_out, held_out))
        return train, val
