"""Random numbers that belong to a sample, not to the process that trains on it."""

import math
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["Draws", "chance_kept", "latents", "mix", "on_device", "run_seed", "seed_networks", "state_of_chance"]

MANY = 2048  # numbers a sample from which on a generator of its own is quicker than counting
GOLDEN = 0x9E3779B97F4A7C15  # SplitMix64's step: 2^64 over the golden ratio, made odd
WORD = (1 << 64) - 1
FINALIZER = tuple(map(np.uint64, (30, 0xBF58476D1CE4E5B9, 27, 0x94D049BB133111EB, 31)))
TOGETHER = 3  # sets draws for all ranks apart from the others of a move
Words = Callable[[int], np.ndarray]


class Draws:
    """The random numbers of the samples `rows`.

    A number follows from `key` (seed, step, move, repeat), the number of the call, the sample and its index, and from
    nothing else. So one device with the whole batch, four with a quarter each, and a batch split into micro-batches
    play the same game, and a rank draws its own samples only. After EDM2 (Karras et al. 2024), whose noise is seeded by
    where the run is.

    Few numbers a sample are counted: SplitMix64 (Steele, Lea and Flood 2014) of a sample's own start, on the CPU, then
    copied to the device without waiting for it. Many come from a `torch.Generator` for each sample, on the device.

    Args:
        key: integers of 0 or more.
        rows: the samples' numbers in the global batch: `range(rank, size, world)`; or int64 (N,).
        device: of the numbers.
        dtype: of `normal` and `uniform`.
    """

    def __init__(self, key: tuple[int, ...], rows: range | Tensor, device: torch.device, dtype: torch.dtype):
        self.key, self.rows, self.device, self.dtype = key, rows, device, dtype
        self.calls = 0
        self._start: tuple[np.ndarray, int] | None = None  # the rows and the key as words

    def __len__(self) -> int:
        return len(self.rows)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal numbers, (rows, *shape)."""
        return self._draw(shape, normal_of, torch.Tensor.normal_)

    def uniform(self, *shape: int) -> Tensor:
        """Return uniform numbers in [0, 1), (rows, *shape)."""
        return self._draw(shape, uniform_of, torch.Tensor.uniform_)

    def integers(self, high: int) -> Tensor:
        """Return uniform integers in 0 .. high - 1, (rows,), int64: labels."""
        return self._on_device(self.host_integers(high))

    def host_integers(self, high: int) -> np.ndarray:
        """Return the same in the host's memory, where one may look at them without waiting for a device."""
        high32 = self._counted(1)[:, 0] >> np.uint64(32)
        return (high32 * np.uint64(high) >> np.uint64(32)).astype(np.int64)

    def host_uniform(self) -> np.ndarray:
        """Return what `uniform()` does, (rows,), float32, in the host's memory."""
        return uniform_of(self._counted, 1)[:, 0]

    def choose(self, k: int, n: int) -> Tensor:
        """Return k of the integers 0 .. n - 1, all of them if there are fewer, none twice: the same for all samples."""
        self.calls += 1
        rng = np.random.default_rng([len(self.key), *self.key, self.calls - 1])  # zeros at an end don't count
        return self._on_device(rng.choice(n, min(k, n), replace=False))

    def together(self) -> "Draws":
        """Return the draws of the samples of all ranks, in their order in the global batch.

        That is the same on all ranks, and for a micro-batch its part of what the whole batch is given.
        """
        assert isinstance(self.rows, range)
        self.calls += 1
        start = self.rows.start - self.rows.start % self.rows.step
        rows = range(start, start + len(self.rows) * self.rows.step)
        return Draws((*self.key, TOGETHER, self.calls - 1), rows, self.device, self.dtype)

    def _draw(self, shape: tuple[int, ...], count: Callable[[Words, int], np.ndarray], fill: Callable) -> Tensor:
        size = math.prod(shape)
        if size < MANY:
            return self._on_device(count(self._counted, size)).to(self.dtype).view(len(self), *shape)
        drawn, generator = torch.empty(len(self), *shape, device=self.device), torch.Generator(self.device)
        for sample, seed in zip(drawn, self._counted(1)[:, 0].tolist(), strict=True):
            fill(sample, generator=generator.manual_seed(seed >> 1))  # a CPU's generator takes 32 bits of it
        return drawn.to(self.dtype)

    def _counted(self, size: int) -> np.ndarray:
        """Return the next call's `size` words of 64 random bits for each sample, uint64 (rows, size)."""
        if self._start is None:
            r = self.rows
            numbers = np.arange(r.start, r.stop, r.step) if isinstance(r, range) else np.array(r.tolist())
            word = word_of(*self.key, len(self.key))  # for numpy zeros at the end are as if they were not there
            self._start = numbers.astype(np.uint64) * np.uint64(GOLDEN), word
        rows, key = self._start
        self.calls += 1
        starts = mixed(rows + np.uint64(splitmix(key + self.calls * GOLDEN)))
        return mixed(starts[:, None] + steps(size))

    def _on_device(self, numbers: np.ndarray) -> Tensor:
        return on_device(numbers, self.device)


def on_device(numbers: np.ndarray, device: torch.device) -> Tensor:
    """Return numbers on a device; nobody waits for the copy."""
    drawn = torch.from_numpy(numbers)
    if device.type == "cuda":  # out of pinned memory, or it would be waited for
        drawn = drawn.pin_memory()
    return drawn.to(device, non_blocking=True)


def mixed(words: np.ndarray) -> np.ndarray:
    """Return SplitMix64's finalizer of words, uint64, changed in place: every bit depends on all bits."""
    words ^= words >> FINALIZER[0]
    words *= FINALIZER[1]
    words ^= words >> FINALIZER[2]
    words *= FINALIZER[3]
    words ^= words >> FINALIZER[4]
    return words


@lru_cache(maxsize=8)
def steps(size: int) -> np.ndarray:
    """Return SplitMix64's steps from a sample's start to each of its words, uint64 (size,)."""
    return np.arange(1, size + 1, dtype=np.uint64) * np.uint64(GOLDEN)


def splitmix(word: int) -> int:
    """Return the same of one word; Python's own numbers take a tenth of the time of an array of one."""
    word &= WORD
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & WORD
    return word ^ word >> 31


def uniform_of(words: Words, size: int) -> np.ndarray:
    """Return uniform numbers in [0, 1), float32 (rows, size): the 24 upper bits of a word, which float32 can hold."""
    return (words(size) >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)


def normal_of(words: Words, size: int) -> np.ndarray:
    """Return standard normal numbers, float32 (rows, size), two of a word (Box and Muller 1958)."""
    word = words((size + 1) // 2)
    lower_upper = word.astype("<u8", copy=False).view("<u4").astype(np.float32).reshape(*word.shape, 2)
    radius = np.sqrt(np.float32(-2) * np.log((lower_upper[..., 1] + np.float32(0.5)) * np.float32(2.0**-32)))
    angle = lower_upper[..., 0] * np.float32(2 * np.pi * 2.0**-32)
    pairs = np.empty_like(lower_upper)
    np.multiply(radius, np.cos(angle), out=pairs[..., 0])
    np.multiply(radius, np.sin(angle), out=pairs[..., 1])
    return pairs.reshape(len(word), 2 * word.shape[1])[:, :size]


def latents(seed: int, rows: Tensor, latent_dim: int, latent: str = "normal") -> Tensor:
    """Return the latents (rows, latent_dim) of the samples with these numbers, `normal` or `uniform` in [-1, 1).

    Each row has a generator of its own, so sample 7 of a seed is the same picture however many are asked for, in
    whatever batches and on however many devices. Pictures of old checkpoints depend on these very numbers.
    """
    drawn = np.empty((len(rows), latent_dim), np.float32)
    for row, z in zip(rows.tolist(), drawn, strict=True):
        rng = np.random.default_rng([seed, row, 0])
        z[:] = (
            rng.standard_normal(latent_dim, dtype=np.float32)
            if latent == "normal"
            else rng.random(latent_dim, dtype=np.float32)
        )
    return torch.from_numpy(drawn if latent == "normal" else 2 * drawn - 1)


def mix(*key: int) -> int:
    """Return one 63-bit seed for integers of 0 or more."""
    return word_of(*key) >> 1


def word_of(*key: int) -> int:
    """Return 64 random bits for integers of 0 or more."""
    entropy = np.array(key, np.uint32) if max(key) < 2**32 else key  # the same, and NumPy reads an array at once
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])


def seed_networks(seed: int, device: torch.device) -> None:
    """Seed torch's own chance, NumPy's and Python's, for networks that use it.

    `torch.manual_seed` would ask every device: 1 ms.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def state_of_chance() -> tuple[Any, ...]:
    """Return the states of this process's own chance: torch's on the CPU, NumPy's and Python's."""
    numpys: Any = np.random.get_state()  # a name, the words, and how many of them are used
    return torch.default_generator.get_state().numpy().tobytes(), numpys[1].tobytes(), numpys[2:], random.getstate()


@contextmanager
def chance_kept(device: torch.device) -> Iterator[None]:
    """Give the process back its own chance, as it was before, on the CPU and on a device."""
    python, numpys = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpys)


def run_seed() -> int:
    """Return the run's seed, set by `seed_everything`; 0 without."""
    return int(os.environ.get("PL_GLOBAL_SEED", "0"))
