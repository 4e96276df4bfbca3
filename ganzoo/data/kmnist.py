"""KMNIST, from its four IDX files."""

from ganzoo.data.base.idx import IDX

__all__ = ["KMNIST"]


class KMNIST(IDX):
    """60,000 handwritten hiragana of ten classes to train, 10,000 to validate and test, in MNIST's format.

    Clanuwat et al. 2018, "Deep Learning for Classical Japanese Literature". Labels: o, ki, su, tsu, na, ha, ma, ya, re,
    wo. Options: those of IDX.
    """

    folder = "KMNIST/raw"
    known_as = "kmnist"
    num_classes = 10
    class_names = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
