"""Networks that others trained and a loss uses: VGG for a perceptual loss, a classifier of faces."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from ganzoo.system.errors import UserError

__all__ = ["Helpers"]


class Helpers(Mapping[str, nn.Module]):
    """Networks by name, frozen: on the game's device, but in no checkpoint, no average and no DDP.

    A checkpoint records which they were: their classes and the checksums of their weights.
    """

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        self.networks = {name: network.eval().requires_grad_(False) for name, network in networks.items()}
        self.record = {name: described(network) for name, network in self.networks.items()}

    def __getitem__(self, name: str) -> nn.Module:
        return self.networks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.networks)

    def __len__(self) -> int:
        return len(self.networks)

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Take them to the game's device, and its dtype."""
        for network in self.networks.values():
            network.to(device, dtype)

    def refuse_others(self, recorded: Mapping[str, Any]) -> None:
        """Refuse to go on with other helpers than a checkpoint was trained with.

        Raises:
            UserError: one differs, by name.
        """
        if missing := recorded.keys() ^ self.record.keys():
            raise UserError(f"the helper {min(missing)} is not in both, the run and its checkpoint: start another run.")
        for name in recorded.keys() & self.record.keys():
            if recorded[name]["sha256"] != self.record[name]["sha256"]:
                raise UserError(
                    f"the helper {name} has other weights ({self.record[name]['sha256'][:12]}) than the run was "
                    f"trained with ({recorded[name]['sha256'][:12]}): give those, or start another run."
                )


def described(network: nn.Module) -> dict[str, str]:
    """Return a network's class and the checksum of its weights and buffers."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    cls = type(network)
    return {"class_path": f"{cls.__module__}.{cls.__qualname__}", "sha256": digest.hexdigest()}
