"""PacGAN (Lin et al. 2018, "PacGAN: The power of two samples in generative adversarial networks")."""

from typing import Any, ClassVar

from torch import Tensor

from ganzoo.models.dcgan import DCGAN
from ganzoo.system.errors import UserError

__all__ = ["PacGAN"]


class PacGAN(DCGAN):
    """Lin et al. 2018, section 3: D scores packs of samples, all real or all generated, joined along the channels.

    Only D's first layer grows. A collapsed generator gives itself away by packs of equals. Penalties are taken by each
    sample of a pack.

    Args:
        pack: samples in a pack, the paper's m; a micro-batch on each device must divide into packs.
        gan: the options of `ganzoo.models.GAN`.
    """

    expensive: ClassVar[bool] = True

    def __init__(self, pack: int = 2, **gan: Any) -> None:
        super().__init__(**gan)
        if pack < 1:
            raise UserError(f"pack is {pack}: give 1 (an ordinary GAN) or more samples.")
        self.pack = pack
        if pack > 1:
            self.couples_batch = "packs are made of the samples that a device has"

    def setup(self, stage: str) -> None:
        """Refuse batches that make no packs."""
        super().setup(stage)
        batch_size = getattr(self.trainer.datamodule, "batch_size", self.pack)  # type: ignore[attr-defined]
        if stage == "fit" and batch_size // self.micro_batches % self.pack:
            raise UserError(self.no_packs_of(batch_size // self.micro_batches))

    def no_packs_of(self, num: int) -> str:
        """Return the message on a number of samples that makes no packs."""
        return (
            f"{num} samples make no packs of {self.pack}: choose data.batch_size (over model.micro_batches) as a "
            "multiple of model.pack."
        )

    def shape_seen(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of a pack."""
        return (self.pack * shape[0], *shape[1:])

    def shown(self, x: Tensor) -> Tensor:
        """Return samples (N, C, ...) in packs (N / pack, pack * C, ...)."""
        x = super().shown(x)
        if len(x) % self.pack:
            raise UserError(self.no_packs_of(len(x)))
        return x.reshape(len(x) // self.pack, self.pack * x.shape[1], *x.shape[2:])

    def scores_alone(self, x: Tensor, *y: Tensor) -> Tensor:
        """Return the scores (N,) of packs of equals: each sample as often as a pack is large."""
        return super().scores_alone(x.repeat(1, self.pack, *[1] * (x.ndim - 2)), *y)
