"""LSGAN (Mao et al. 2017, "Least Squares Generative Adversarial Networks")."""

from ganzoo.models.dcgan import DCGAN
from ganzoo.objectives import LeastSquares

__all__ = ["LSGAN"]


class LSGAN(DCGAN):
    """Mao et al. 2017: DCGAN's game for least squares in place of the cross entropy."""

    default_objective = LeastSquares()
