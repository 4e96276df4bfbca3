"""The processes that share an evaluation, started by Lightning's Fabric."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from ganzoo.system.errors import UserError
from ganzoo.system.foreign import hush

__all__ = ["Ranks"]


class Ranks:
    """The processes of an evaluation: one for each device.

    Args:
        devices: how many. With more than one, this process starts the others: they run the same command.

    Raises:
        UserError: there are not so many.

    Attributes:
        part: this process's number, and how many there are.
        device: what it computes on.
    """

    def __init__(self, devices: int = 1) -> None:
        gpus = torch.cuda.device_count()
        if devices < 1 or (gpus and devices > gpus):
            raise UserError(f"devices is {devices}: give 1 or more{f', up to {gpus}' if gpus else ''}.")
        self.part, self.device = (0, 1), torch.device("cuda" if gpus else "cpu")
        if devices == 1:
            return
        from lightning.fabric import Fabric

        hush("lightning.pytorch", "lightning.fabric", "torch")
        fabric = Fabric(accelerator="cuda" if gpus else "cpu", devices=devices, strategy="ddp")
        fabric.launch()
        self.part, self.device = (fabric.global_rank, fabric.world_size), fabric.device

    @property
    def count(self) -> int:
        """How many there are."""
        return self.part[1]

    @property
    def is_first(self) -> bool:
        """Whether this is the one that prints and writes."""
        return self.part[0] == 0

    @contextmanager
    def first(self) -> Iterator[None]:
        """Let rank 0 do something before the others, which then find it in the cache."""
        if not self.is_first and self.count > 1:
            dist.barrier()
        yield
        if self.is_first and self.count > 1:
            dist.barrier()
