"""From a model to a program of torch.export: its generator alone, with all that `sample` and `translate` add to it."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.game import FromImages, FromNoise, Game
from ganzoo.game.fitting import reflected
from ganzoo.game.ways import DOMAINS, Direction
from ganzoo.networks.unet import Noise
from ganzoo.system.errors import UserError

__all__ = ["Traced", "first_line", "trace"]

MANY = Dim("N", min=1)


class Traced(NamedTuple):
    """A generator as a program, and what the program must make.

    Attributes:
        program: takes the inputs, in order.
        free: which sizes of each input, by its name, are free.
        tries: inputs to try it on, of different sizes.
        expected: what the model makes of inputs.
        what: inputs and output, in words.
        chance: whether dropout was left out.
    """

    program: ExportedProgram
    free: dict[str, dict[int, Any]]
    tries: Sequence[tuple[Tensor, ...]]
    expected: Callable[..., Tensor]
    what: str
    chance: bool


def trace(model: Game, direction: Direction, raw: bool | None) -> Traced:
    """Return a model's generator as a program.

    Raises:
        UserError: it has none, or none in this direction, or torch can't trace it.
    """
    name = type(model).__name__
    if isinstance(model, FromImages):
        return of_images(model, direction, raw)
    if not isinstance(model, FromNoise):
        raise UserError(f"{name} makes samples neither from noise nor from images: there is nothing to export.")
    if direction != "AtoB":
        raise UserError(f"{name} makes samples from noise, in no direction: leave {direction} out.")
    return of_noise(model, raw)


def of_noise(model: FromNoise, raw: bool | None) -> Traced:
    """Return the generator of a model from noise: of latents z (N, latent_dim) and, if it is conditional, labels (N,).

    Raises:
        UserError: torch can't trace it.
    """
    network, rows = model.sampler(raw), torch.arange(3)
    chance = without_chance(network)
    inputs = {"z": model.latents(rows)}
    if model.conditional and model.num_classes:
        inputs["label"] = rows % model.num_classes
    free = {name: {0: MANY} for name in inputs}
    program = program_of(frozen(network), tuple(inputs.values()), free)
    tries = [tuple(x[:count] for x in inputs.values()) for count in (1, len(rows))]
    given = " and ".join(f"{name} {sizes(*x.shape[1:])}" for name, x in inputs.items())
    what = f"{given} to {sizes(*(model.shape or ()))}"
    return Traced(program, free, tries, lambda z, label=None: model.generate(z, raw, label), what, chance)


def of_images(model: FromImages, direction: Direction, raw: bool | None) -> Traced:
    """Return the generator of a model from images (N, C, H, W): of all sizes that suit its network, or else of one.

    Raises:
        UserError: there is none in this direction; torch can't trace it.
    """
    network = model.translator(direction, raw)
    chance = without_chance(network)
    assert model.shapes is not None
    before, after = (model.shapes[domain] for domain in DOMAINS[direction])
    multiple = int(getattr(network, "multiple", 1))
    least = int(getattr(network, "least", multiple))
    channels, height, width = reflected(torch.zeros(1, *before), multiple, least)[0].shape[1:]
    copied = each_alone(frozen(network))
    sides: tuple[Any, ...]
    h, w = (multiple * Dim(name, min=-(-least // multiple)) for name in "hw")
    free, more = {"image": {0: MANY, 2: h, 3: w}}, multiple
    try:
        example = torch.zeros(2, channels, height + multiple, width + 2 * multiple)
        program = program_of(copied, (example,), free)
        sides, note = ("H", "W"), f", H and W multiples of {multiple} from {least}"
    except UserError:  # it is for one size
        free, more = {"image": {0: MANY}}, 0
        program = program_of(copied, (torch.zeros(2, channels, height, width),), free)
        sides, note = (height, width), ""
    what = f"{direction}, image {sizes(channels, *sides)} to {sizes(after[0], *sides)}{note}"
    rng = torch.Generator().manual_seed(0)
    shapes = (1, channels, height, width), (2, channels, height, width + more)
    tries = [(2 * torch.rand(shape, generator=rng) - 1,) for shape in shapes]
    return Traced(program, free, tries, lambda x: model.translate(x, direction, raw=raw), what, chance)


class Held(nn.Module):
    """A generator whose images are held in [-1, 1], as `generate` and `translate` hold them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return what is made of latents, of latents and labels, or of images."""
        made = self.network(*inputs).float()
        return made.clamp(-1, 1) if made.ndim == 4 else made


def program_of(network: nn.Module, inputs: tuple[Tensor, ...], free: dict[str, dict[int, Any]]) -> ExportedProgram:
    """Return a network's program, without the paths of its source.

    Raises:
        UserError: torch can't trace it.
    """
    try:
        program = torch.export.export(Held(network), inputs, dynamic_shapes=(tuple(free.values()),))
    except Exception as error:  # of any kind
        raise UserError(f"{type(network).__name__} can't be exported: {first_line(error)}") from error
    program.example_inputs = None  # with them it would check more than what is free: that no map inside is of one pixel
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program


def without_chance(network: nn.Module) -> bool:
    """Switch off the dropout that stays on at test time; say whether there was any."""
    noises = [module for module in network.modules() if isinstance(module, Noise)]
    for noise in noises:
        noise.p = 0.0
    return bool(noises)


def frozen(network: nn.Module) -> nn.Module:
    """Return a copy that is not to be trained, in plain memory order."""
    return copy.deepcopy(network).eval().requires_grad_(False).to(memory_format=torch.contiguous_format)


def each_alone(network: nn.Module) -> nn.Module:
    """Give batch norm that has no statistics of its own those of each image: `translate` shows it one at a time."""
    for parent in list(network.modules()):
        for name, norm in parent.named_children():
            if isinstance(norm, _BatchNorm) and norm.running_mean is None:
                own = nn.GroupNorm(norm.num_features, norm.num_features, norm.eps, norm.affine).requires_grad_(False)
                own.load_state_dict(norm.state_dict())
                setattr(parent, name, own)
    return network


def sizes(*shape: int | str) -> str:
    """Return the shape of many, in words: (N, 3, H, W)."""
    return f"(N, {', '.join(map(str, shape))})" if shape else "(N,)"


def first_line(error: Exception) -> str:
    """Return the first line of an error, if it says anything, or else its kind."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
