"""Losses and gradients that are not finite, and the wish to stop: seen without waiting for the device."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["Watch"]

React = Callable[[float], None]  # does what a number asks for, and may raise


class Watch:
    """Hands numbers on the device to those who react to them.

    On a CPU a number is there at once, so a spoiled gradient never touches the weights. A GPU works behind the process,
    and to look at a number would wait for it. So the numbers of a round are copied to the host beside the work, and
    are handed on a round later; `settle` hands on all of them, before anything is saved or scored. All ranks react in
    the same round, if their numbers are the same.

    Args:
        late: hand the numbers on a round later. None: if they are on a GPU.
    """

    def __init__(self, late: bool | None = None) -> None:
        self.late = late
        self.new: list[tuple[Tensor, React]] = []  # of this round
        self.copied: tuple[Tensor, Any, list[React]] | None = None  # of the round before

    def see(self, value: Tensor, react: React) -> None:
        """Hand on a number, 0-dimensional, now or a round later."""
        value = value.detach().float()
        if self.late if self.late is not None else value.device.type != "cpu":
            self.new.append((value, react))
        else:
            react(float(value.numpy()))  # a view of memory: nothing is asked of a device

    def end_round(self) -> None:
        """Hand on the numbers of the round before; let those of this round be copied."""
        self._hand_on()
        if self.new:
            values = torch.stack([value for value, _ in self.new])
            is_cuda = values.device.type == "cuda"
            host = torch.empty(values.shape, pin_memory=is_cuda)
            host.copy_(values, non_blocking=is_cuda)
            copied = torch.cuda.current_stream().record_event() if is_cuda else None
            self.copied = host, copied, [react for _, react in self.new]
            self.new = []

    def settle(self) -> None:
        """Hand on all numbers that there are."""
        self.end_round()
        self._hand_on()

    def _hand_on(self) -> None:
        if self.copied is None:
            return
        (host, event, reacts), self.copied = self.copied, None
        if event is not None:
            event.synchronize()  # the device is a round further by now
        for number, react in zip(host.numpy().tolist(), reacts, strict=True):
            react(number)
