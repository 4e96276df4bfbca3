"""From a model to a program of torch.export: its generator alone, with all that `sample` and `translate` add to it."""

import copy
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from ganzoo.game import Game
from ganzoo.game.traceable import Traceable
from ganzoo.system.errors import UserError
from ganzoo.system.words import first_line

__all__ = ["Traced", "furthest", "trace"]

TOLERANCE = 1e-3  # an eighth of a grey level; relative where points are larger than 1


class Traced(NamedTuple):
    """A generator as a program, and what the program must make.

    Attributes:
        program: takes the inputs, in order.
        free: which sizes of each input, by its name, are free.
        tries: inputs to try it on, of different sizes.
        expected: what the model makes of inputs.
        what: inputs and output, in words.
        notes: what else the file says of itself, by name: what each input and the output must be, the classes.
        note: what is otherwise than in the model, in a sentence; empty if nothing is.
    """

    program: ExportedProgram
    free: dict[str, dict[int, Any]]
    tries: Sequence[tuple[Tensor, ...]]
    expected: Callable[..., Tensor]
    what: str
    notes: dict[str, str]
    note: str


def trace(model: Game, direction: str | None, raw: bool | None) -> Traced:
    """Return a model's generator as a program, of as many sizes as can be.

    Raises:
        UserError: it has none in this direction, or torch can't trace it.
    """
    *larger, last = model.traced(direction, raw)
    for found in larger:
        with suppress(UserError):  # its network is for one size
            return traced(found)
    return traced(last)


def traced(found: Traceable) -> Traced:
    """Return a generator as a program.

    Raises:
        UserError: torch can't trace it.
    """
    program = program_of(Held(frozen(found.network), found.classes), found.inputs, found.free)
    notes = dict(found.forms) | ({"classes": json.dumps(list(found.names))} if found.names else {})
    return Traced(program, found.free, found.tries, found.expected, found.what, notes, found.note)


class Held(nn.Module):
    """A generator whose images are held in [-1, 1], as `generate` and `translate` hold them.

    Args:
        network: the generator.
        classes: how many classes there are, if its last input is one: any other is refused. ONNX would make an image
            of no class, or count from the end.
    """

    def __init__(self, network: nn.Module, classes: int | None = None) -> None:
        super().__init__()
        self.network, self.classes = network, classes
        self.known: Tensor
        if classes is not None:
            self.register_buffer("known", torch.arange(classes))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return what is made of latents, of latents and labels, or of images."""
        if self.classes is not None:
            *others, y = inputs
            inputs = *others, self.known.index_select(0, torch.where(y < 0, self.classes, y))
        made = self.network(*inputs).float()
        return made.clamp(-1, 1) if made.ndim == 4 else made


def program_of(network: Held, inputs: tuple[Tensor, ...], free: dict[str, dict[int, Any]]) -> ExportedProgram:
    """Return a generator's program, without the paths of its source.

    Raises:
        UserError: torch can't trace it.
    """
    try:
        program = torch.export.export(network, inputs, dynamic_shapes=(tuple(free.values()),))
    except Exception as error:  # of any kind
        raise UserError(f"{type(network.network).__name__} can't be exported: {first_line(error)}") from error
    program.example_inputs = None  # with them it would check more than what is free: that no map inside is of one pixel
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program


def frozen(network: nn.Module) -> nn.Module:
    """Return a copy that is not to be trained, in plain memory order."""
    return copy.deepcopy(network).eval().requires_grad_(False).to(memory_format=torch.contiguous_format)


def furthest(run: Callable[..., Tensor], tries: Sequence[tuple[Tensor, ...]], expected: Callable[..., Tensor]) -> float:
    """Return the largest difference between what an exported file makes and what the model makes.

    Args:
        run: makes it with the file.
        tries: inputs.
        expected: makes it with the model.

    Raises:
        UserError: it is too large.
    """
    most = 0.0
    for inputs in tries:
        found, wanted = run(*inputs), expected(*inputs)
        off = float((found - wanted).abs().max()) if found.shape == wanted.shape else float("inf")
        if not off <= TOLERANCE * max(1.0, float(wanted.abs().max())):  # nan, too
            raise UserError(
                f"the exported file differs from the model by {off:.2g}, over {TOLERANCE:g}, so it is not kept: "
                "is there chance in its network?"
            )
        most = max(most, off)
    return most
