"""What a process runs on, in words, and the most memory that it has taken."""

import platform
import sys
from contextlib import suppress
from pathlib import Path

from ganzoo.system.machine import cores
from ganzoo.system.words import counted

__all__ = ["hardware", "peak_device_memory", "peak_memory"]


def hardware(device: str = "cpu", devices: int = 1) -> str:
    """Return the devices, processor, cores, threads and system in a line, such as "2 x NVIDIA A100; ...".

    No name of the machine or its user: reports are given away.

    Args:
        device: the kind that is computed on: cpu, cuda or mps.
        devices: how many, over all nodes.
    """
    import torch  # those who ask have it; a `--help` has not

    name = {"cuda": torch.cuda.get_device_name, "mps": lambda: "Apple GPU"}.get(device, processor)()
    count = f"{devices} x " if devices > 1 else ""
    host = f"{processor()}, " if device != "cpu" else ""
    threads = torch.get_num_threads()
    return f"{count}{name}; {host}{counted(cores(), 'core')}, {counted(threads, 'thread')}; {platform.system()}"


def processor() -> str:
    """Return the processor's name."""
    return line_of("/proc/cpuinfo", "model name") or platform.processor() or platform.machine() or "unknown processor"


def line_of(file: str, name: str) -> str:
    """Return what a file of the system says under a name, the first time; empty if it doesn't."""
    with suppress(OSError):
        for line in Path(file).read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return " ".join(value.split())
    return ""


def peak_memory() -> int | None:
    """Return the most bytes of main memory that this process has held at a time; None where that isn't known."""
    if peak := line_of("/proc/self/status", "VmHWM").removesuffix(" kB"):
        return 1024 * int(peak)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak_of_any = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # on Linux also that of the process that began it
    return peak_of_any if sys.platform == "darwin" else 1024 * peak_of_any


def peak_device_memory(device: str) -> int | None:
    """Return the most bytes of a GPU's memory that tensors of this process have held at a time; None without a GPU."""
    import torch

    return torch.cuda.max_memory_allocated() if device == "cuda" else None
