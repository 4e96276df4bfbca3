"""LSGAN (Mao et al. 2017, "Least Squares Generative Adversarial Networks")."""

from typing import ClassVar

from ganzoo.models.dcgan import DCGAN
from ganzoo.objectives import LeastSquares

__all__ = ["LSGAN"]


class LSGAN(DCGAN):
    """Mao et al. 2017: DCGAN's game for least squares in place of the cross entropy."""

    expensive: ClassVar[bool] = True
    default_objective = LeastSquares()
