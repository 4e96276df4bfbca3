"""The parts of data sets: sets, the order of samples, and the DataModule around them."""

from ganzoo.data.base.module import DataModule
from ganzoo.data.base.sets import TensorSet
from ganzoo.data.base.streams import Rows, Stream
from ganzoo.data.base.tensors import resize

__all__ = ["DataModule", "Rows", "Stream", "TensorSet", "resize"]
