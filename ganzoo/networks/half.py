"""Half precision in a part of a network: in its large maps, which cost most, and are the least sensitive.

Karras et al. 2020b ("Training Generative Adversarial Networks with Limited Data", appendix D.1) have it in the four
largest sizes, with a bound on all numbers, and float32 elsewhere.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

__all__: list[str] = []

CLAMP = 256.0


def bounded(x: Tensor, clamp: float | None, gain: float = 1.0) -> Tensor:
    """Return x within -clamp to clamp, times the gain.

    Without a clamp it is 256 in float16, whose numbers end at 65,504. bfloat16 has the range of float32.
    """
    if clamp is None and x.dtype == torch.float16:
        clamp = CLAMP
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


@contextmanager
def precision_of(x: Tensor, weight: Tensor, half: bool = False) -> Iterator[Tensor]:
    """Give x in the type to compute in: the run's half precision if `half`, otherwise the type of the weights.

    A run in full precision has no other type than that of the weights.
    """
    device = x.device.type
    if not torch.is_autocast_enabled(device):
        yield x.to(weight.dtype)
    elif half:
        yield x.to(torch.get_autocast_dtype(device))
    else:
        with torch.autocast(device, enabled=False):
            yield x.to(weight.dtype)
