"""FashionMNIST, from its four IDX files."""

from ganzoo.data.base.idx import IDX

__all__ = ["FashionMNIST"]


class FashionMNIST(IDX):
    """60,000 grey pictures of clothes in ten classes to train, 10,000 to validate and test, in MNIST's format.

    Xiao et al. 2017, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms". Labels:
    T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot. Options: those of IDX.
    """

    folder = "FashionMNIST/raw"
    known_as = "fashion_mnist"
    num_classes = 10
    class_names = (
        "T-shirt",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    )
