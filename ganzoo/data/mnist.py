"""MNIST, from its four IDX files."""

from ganzoo.data.base.idx import IDX
from ganzoo.data.digits import HandwrittenDigits

__all__ = ["MNIST"]


class MNIST(IDX, HandwrittenDigits):
    """60,000 handwritten digits to train; the 10,000 of "t10k" both to validate and to test.

    LeCun et al. 1998, "Gradient-based learning applied to document recognition". Options: those of IDX.
    """

    folder = "MNIST/raw"
    known_as = "mnist"
    num_classes = 10
