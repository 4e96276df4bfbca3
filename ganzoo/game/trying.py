"""Trying the networks before the first round, so that a mismatch is one clear message."""

import math
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.game.squeezing import interval_of, last_step
from ganzoo.networks.chance import chance_from
from ganzoo.system.draws import Draws, latents, state_of_chance
from ganzoo.system.errors import UserError
from ganzoo.system.foreign import is_own as is_users
from ganzoo.system.words import first_line

__all__ = ["draws_by_itself", "evaluating", "no_seed_decides", "try_from_images", "try_from_noise"]

USUAL = (RuntimeError, ValueError, TypeError, AttributeError)  # what a network fails with where sizes don't fit


@contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """Put networks in evaluation mode for a while."""
    training = [network.training for network in networks]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for network, was in zip(networks, training, strict=True):
            network.train(was)


def draws_by_itself(run: Callable[[], None]) -> bool:
    """Say whether what is run draws from the process's own chance, which belongs to no sample."""
    before = state_of_chance()
    with chance_from(Draws((0,), range(2), torch.device("cpu"), torch.float32)):
        run()
    return state_of_chance() != before


def no_seed_decides(network: nn.Module, make: Callable[[], Tensor]) -> bool:
    """Say whether a network of the user's own makes something else each time, with one seed and one input."""
    if not is_own(network):
        return False
    first, again = make(), make()
    return not torch.allclose(first, again, equal_nan=True)


def is_own(network: nn.Module) -> bool:
    """Say whether code of the user's own is in a network."""
    return any(type(part).__module__.partition(".")[0] not in ("ganzoo", "torch") for part in network.modules())


def try_from_noise(game: Any) -> None:
    """Try the networks of a game from noise on two samples, of the first and the last class if there are classes.

    Raises:
        UserError: the generator makes other samples than the data has, or the discriminator can't score them.
    """
    g, d = game.generator, game.discriminator
    name_g, name_d = type(g).__name__, type(d).__name__
    classes = 1 if game.condition is None or game.condition.classes is None else game.condition.classes
    y = [] if game.condition is None else [game.condition.of_rows(torch.tensor([0, classes - 1]), 0)]
    told = "" if game.condition is None else f" and {game.condition.name}"
    with evaluating(g, d), torch.enable_grad():
        with tried(g, f"{name_g} can't make samples from latents of length {game.latent_dim}{told}") as ends:
            fake = game.generator(game.latents(torch.arange(2)).to(torch.zeros(())), *y)  # as tensors are made here
        if len(fake) != 2:
            raise UserError(f"{name_g} makes {tuple(fake.shape)} from 2 latents: it must make one sample of each.")
        if tuple(fake.shape) != (2, *game.shape):
            raise UserError(
                f"{name_g} makes samples of shape {tuple(fake.shape[1:])}, but the data has {game.shape}: "
                "change the generator, or the data's size."
            )
        with tried(d, f"{name_d} can't score samples of shape {game.shape}{told}") as ends_d:
            scores = game.scores_alone(fake.detach(), *y)
    if tuple(scores.shape) != (2,):
        raise UserError(
            f"{name_d} gives scores of shape {tuple(scores.shape)} for 2 samples: it must give one raw score each."
        )
    game.last_steps = {"generator": said(ends, fake), "discriminator": said(ends_d, scores)}


@contextmanager
def tried(network: nn.Module, what: str) -> Iterator[list[str]]:
    """Try a network, once: refuse what it must not do, in one line.

    Gives a list, which then has the interval that an own network never leaves, if it seems to be one.

    Raises:
        UserError: it fails, returns no tensor of floats, changes its input, or makes NaN.
    """
    name = type(network).__name__
    before: list[tuple[Tensor, int]] = []
    ends: list[str] = []

    def note(_network: nn.Module, inputs: tuple[Any, ...]) -> None:
        before[:] = [(x, x._version) for x in inputs if isinstance(x, Tensor)]

    def look(_network: nn.Module, inputs: tuple[Any, ...], made: Any) -> None:
        refuse_no_tensor(made, name)
        if any(x._version != version for x, version in before):
            raise UserError(
                f"{name} changes its input in place, which others read, too: give it a copy first, x = x.clone(), or "
                "a new tensor, x = x * 2 instead of x *= 2 (a first layer without inplace=True)."
            )
        if not made.isfinite().all():
            raise UserError(
                f"{name} makes values that are NaN or infinite before the first round, of inputs that are right: look "
                "for a division by 0, or the log or root of what is not above 0."
            )
        if not ends and is_own(network):
            ends.append("")  # hooks run in the trial of other weights, too
            ends[0] = interval_of(network, inputs, made)

    handles = [network.register_forward_pre_hook(note), network.register_forward_hook(look)]
    try:
        with named(network, what):
            yield ends
    finally:
        for handle in handles:
            handle.remove()


def said(ends: list[str], made: Tensor) -> str:
    """Return what a network's output ends in, or else the interval that it never leaves; nothing if it leaves all."""
    return last_step(made) or next(iter(ends), "")


@contextmanager
def named(network: nn.Module, what: str) -> Iterator[None]:
    """Let an error of a network be one line; of one of the user's own any error, with its place.

    Raises:
        UserError: in place of the error.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        own = is_own(network)
        if not own and not isinstance(error, USUAL):
            raise
        reason = first_line(error).rstrip(".")
        reason = reason if isinstance(error, USUAL) else f"{type(error).__name__}: {reason}"
        frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
        place = next((f" ({file}:{line})" for file, line in reversed(frames) if is_users(file)), "")
        raise UserError(f"{what}: {reason}{place}.") from error


def refuse_no_tensor(made: Any, name: str) -> None:
    """Refuse a network that returns anything but a tensor of floats."""
    if not isinstance(made, Tensor) or not made.is_floating_point():
        kind = str(made.dtype).removeprefix("torch.") if isinstance(made, Tensor) else f"a {type(made).__name__}"
        raise UserError(f"{name} returns {kind}: it must return one tensor of floats, without anything beside it.")


def try_from_images(game: Any) -> None:
    """Try the networks of a game from images on one image, each way.

    Raises:
        UserError: a network can't take the images, or makes others than the data has.
    """
    for way in game.ways:
        network, discriminator = game.translator(way.name, raw=True), game.discriminator
        if isinstance(discriminator, nn.ModuleDict):
            discriminator = discriminator[way.makes]
        before, after = game.shape_read(way), game.shapes[way.makes]
        name, name_d = type(network).__name__, type(discriminator).__name__
        with evaluating(network, discriminator), torch.enable_grad():
            with tried(network, f"{name} can't take images of shape {before}") as ends:
                fake = game.applied(way, network, some_images(before), 0, torch.arange(1))
            if tuple(fake.shape) != (1, *after):
                raise UserError(
                    f"{name} makes images of shape {tuple(fake.shape[1:])}, but those of {way.makes} have "
                    f"{after}: change the generator, or the data's size."
                )
            seen = game.shape_scored(way.makes)
            with tried(discriminator, f"{name_d} can't score images of {seen}") as ends_d:
                scores = game.scores(way.makes, some_images(seen))
        if len(scores) != 1:
            raise UserError(f"{name_d} gives scores of shape {tuple(scores.shape)} for 1 image: give (1, ...).")
        found = {"generator": said(ends, fake), "discriminator": said(ends_d, scores)}
        game.last_steps = {player: game.last_steps.get(player) or step for player, step in found.items()}


def some_images(shape: tuple[int, ...]) -> Tensor:
    """Return an image (1, *shape) of noise in [-1, 1]: in one of a single colour a norm would divide by 0."""
    return latents(0, torch.arange(1), math.prod(shape), "uniform").view(1, *shape).to(torch.zeros(()))
