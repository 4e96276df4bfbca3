"""Random numbers that belong to a sample, not to the process that happens to train on it."""

import os
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

__all__ = ["Draws", "latents", "mix", "run_seed", "seed_networks"]


class Draws:
    """What chance gives to the samples `rows` of a global batch of `size`.

    Each call draws for the whole global batch on the CPU, from a generator seeded by `key` (seed, step, move, repeat)
    and the number of the call, and returns this process's rows. So one device with the whole batch, four with a quarter
    each, and a batch split into micro-batches all play the same game. After EDM2 (Karras et al. 2024), whose noise is
    seeded by where the run is.
    """

    def __init__(self, key: tuple[int, ...], size: int, rows: slice, device: torch.device, dtype: torch.dtype):
        self.key, self.size, self.rows = key, size, rows
        self.device, self.dtype = device, dtype
        self.calls = 0

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal numbers, (rows, *shape)."""
        return self._draw(lambda rng: rng.standard_normal((self.size, *shape), dtype=np.float32)).to(self.dtype)

    def uniform(self, *shape: int) -> Tensor:
        """Return uniform numbers in [0, 1), (rows, *shape)."""
        return self._draw(lambda rng: rng.random((self.size, *shape), dtype=np.float32)).to(self.dtype)

    def integers(self, high: int) -> Tensor:
        """Return uniform integers in 0 .. high - 1, (rows,), int64: labels."""
        return self._draw(lambda rng: rng.integers(high, size=self.size))

    def choose(self, k: int, n: int) -> Tensor:
        """Return k of the integers 0 .. n - 1, all of them if there are fewer, none twice: the same for all samples."""
        return torch.from_numpy(self._rng().choice(n, min(k, n), replace=False)).to(self.device)

    def together(self) -> "Draws":
        """Return what chance gives to the samples of all ranks, in their order in the global batch.

        That is the same on all ranks, and for a micro-batch its part of what the whole batch is given.
        """
        start, stop, step = self.rows.indices(self.size)
        self.calls += 1
        return Draws((*self.key, self.calls - 1), self.size, slice(start - start % step, stop), self.device, self.dtype)

    def _draw(self, draw: Callable[[np.random.Generator], np.ndarray]) -> Tensor:
        return torch.from_numpy(draw(self._rng())[self.rows]).to(self.device)

    def _rng(self) -> np.random.Generator:
        self.calls += 1
        return np.random.default_rng([*self.key, self.calls - 1])  # numpy's SeedSequence mixes the whole key


def latents(seed: int, rows: Tensor, latent_dim: int, latent: str = "normal") -> Tensor:
    """Return the latents (rows, latent_dim) of the samples with these numbers, `normal` or `uniform` in [-1, 1).

    Each row has a generator of its own, so sample 7 of a seed is the same picture however many are asked for, in
    whatever batches and on however many devices.
    """
    key = slice(0, 1), torch.device("cpu"), torch.float32
    draws = [Draws((seed, row), 1, *key) for row in rows.tolist()]
    return torch.cat(
        [draw.normal(latent_dim) if latent == "normal" else 2 * draw.uniform(latent_dim) - 1 for draw in draws]
    )


def mix(*key: int) -> int:
    """Return one 63-bit seed for a tuple of integers."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


def seed_networks(seed: int, device: torch.device) -> None:
    """Seed the noise inside networks (dropout). `torch.manual_seed` would ask every kind of device there is: 1 ms."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def run_seed() -> int:
    """Return the run's seed, set by `seed_everything`; 0 without."""
    return int(os.environ.get("PL_GLOBAL_SEED", "0"))
