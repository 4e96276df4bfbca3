"""Compiling the networks: what torch.compile needs is looked for before training, not found missing in round 0."""

from typing import Any

import torch

from ganzoo.system.errors import UserError

__all__ = ["compile_networks"]


def compile_networks(game: Any) -> None:
    """Compile all networks of a game.

    Raises:
        UserError: there is no compiler.
    """
    need_compiler(game.device)
    for network in (network for player in game.players.values() for network in player.networks):
        network.compile()


def need_compiler(device: torch.device) -> None:
    """Find out early whether torch.compile has its compiler: one of C++ on a CPU, Triton on CUDA.

    Raises:
        UserError: there is none.
    """
    if device.type == "cuda":
        from torch.utils._triton import has_triton

        if not has_triton():
            raise UserError("model.compile needs Triton on a GPU: pip install triton, or leave --model.compile out.")
    elif device.type == "cpu":
        from torch._inductor.cpp_builder import get_cpp_compiler

        try:
            get_cpp_compiler()
        except RuntimeError as error:
            raise UserError(
                "model.compile needs a C++ compiler, and none is found: install one, such as g++ (or name it by the "
                "variable CXX), or leave --model.compile out."
            ) from error
