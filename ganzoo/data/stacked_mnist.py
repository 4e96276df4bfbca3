"""Stacked MNIST: three random digits as the channels of a colour image, so 1,000 modes whose labels are known."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.base.sets import TensorSet
from ganzoo.data.mnist import MNIST
from ganzoo.metrics import SampleMetric, StackedDigits
from ganzoo.system.errors import UserError

__all__ = ["StackedMNIST"]


class Stacks(TensorSet):
    """Stacks of three digits each, composed when they are asked for: only the digits are held in memory.

    `image` is uint8 (N, 3, H, W): the channels are the digits with the numbers in a row of `rows`. `label` is
    int64 (N,): 100 r + 10 g + b of the digits' own labels. Indexed as any TensorSet.

    Args:
        digits: M grey digits, `image` (M, 1, H, W) and `label` (M,).
        rows: which three make each stack, int64 (N, 3).
    """

    def __init__(self, digits: TensorSet, rows: Tensor):
        place = torch.tensor([100, 10, 1])
        super().__init__(rows=rows, label=(digits.tensors["label"][rows] * place).sum(1))
        self.digits = digits

    def __getitem__(self, index: int | Tensor) -> dict[str, Tensor]:
        stack = super().__getitem__(index)
        rows = stack["rows"]
        image = self.digits.tensors["image"].index_select(0, rows.flatten())  # (3n, 1, H, W)
        return {"image": image.view(*rows.shape, *image.shape[2:]), "label": stack["label"]}

    def listing(self) -> Iterator[bytes]:
        """Yield the number of the stacks and the digits' labels: the stacks themselves follow from the seed."""
        yield len(self).to_bytes(8, "little")
        yield from self.digits.listing()


class StackedMNIST(MNIST):
    """Stacks of three MNIST digits, drawn at random, as red, green and blue: 1,000 modes, about equally frequent.

    uint8 (3, image_size, image_size); label 100 r + 10 g + b, 0..999. The training stacks are drawn from MNIST's
    training digits, those to validate and to test from its test digits, each digit apart and with replacement.
    They depend on the seed alone, not on the number of devices. 26,000 stacks are scored, 26 a mode.

    Metz et al. 2017 (Unrolled GAN) introduced it; Srivastava et al. 2017 (VEEGAN) and Lin et al. 2018 (PacGAN,
    section 4.2) made the protocol, with 128,000 training stacks.

    Args:
        num_stacks: how many stacks to train on.
        num_val: how many stacks to validate and test with; as many samples are scored.
        mnist: the options of MNIST.
    """

    main_score = "kl"
    num_classes = 1000

    def __init__(self, num_stacks: int = 128_000, num_val: int = 26_000, **mnist: Any):
        super().__init__(**mnist)
        self.num_stacks = num_stacks
        self.num_val = num_val

    def load(self) -> tuple[TensorSet, TensorSet]:
        """Return the training and the validation stacks."""
        for name in ("num_stacks", "num_val"):
            if getattr(self, name) < 1:
                raise UserError(f"--data.{name} is {getattr(self, name)}; it must be at least 1")
        train, val = super().load()
        return self._drawn(train, self.num_stacks, stream=1), self._drawn(val, self.num_val, stream=2)

    def metrics(self) -> list[SampleMetric]:
        """Return the metric of the modes that are found."""
        return [StackedDigits(self.judge())]

    @property
    def taught(self) -> TensorSet:
        """MNIST's digits, so that its judge sees the channels."""
        assert isinstance(self.train, Stacks)
        return self.train.digits

    @property
    def judged_classes(self) -> int:
        """The digits of a channel."""
        return 10

    def _drawn(self, digits: TensorSet, n: int, stream: int) -> Stacks:
        rng = np.random.default_rng([self.run_seed, 0, stream])  # (seed, epoch) alone is the order's
        return Stacks(digits, torch.from_numpy(rng.integers(len(digits), size=(n, 3))))
