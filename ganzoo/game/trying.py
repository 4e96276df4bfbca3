"""Trying the networks before the first round, so that a mismatch is one clear message."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ganzoo.networks.chance import chance_from
from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

__all__ = ["draws_by_itself", "evaluating", "try_from_images", "try_from_noise"]


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
    """Say whether what is run draws from torch's own chance, which belongs to no sample."""
    before = torch.default_generator.get_state()
    with chance_from(Draws((0,), range(2), torch.device("cpu"), torch.float32)):
        run()
    return not torch.equal(before, torch.default_generator.get_state())


def try_from_noise(game: Any) -> None:
    """Try the networks of a game from noise on two samples.

    Raises:
        UserError: the generator makes other samples than the data has, or the discriminator can't score them.
    """
    name_g, name_d = type(game.generator).__name__, type(game.discriminator).__name__
    rows = torch.arange(2)
    y = [] if game.condition is None else [game.condition.of_rows(0 * rows, 0)]
    with evaluating(game.generator, game.discriminator):
        try:
            fake = game.generator(torch.zeros(2, game.latent_dim), *y)
        except (RuntimeError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{name_g} can't make samples from latents of length {game.latent_dim}: {reason}"
            ) from error
        refuse_no_tensor(fake, name_g)
        if tuple(fake.shape) != (2, *game.shape):
            raise UserError(
                f"{name_g} makes samples of shape {tuple(fake.shape[1:])}, but the data has {game.shape}: "
                "change the generator, or the data's size."
            )
        try:
            scores = game.scores_alone(fake, *y)
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{name_d} can't score samples of shape {game.shape}: {reason}") from error
    refuse_no_tensor(scores, name_d)
    if tuple(scores.shape) != (2,):
        raise UserError(
            f"{name_d} gives scores of shape {tuple(scores.shape)} for 2 samples: it must give one raw score each."
        )


def refuse_no_tensor(made: Any, name: str) -> None:
    """Refuse a network that returns anything but a tensor of floats."""
    if not isinstance(made, torch.Tensor) or not made.is_floating_point():
        kind = str(made.dtype).removeprefix("torch.") if isinstance(made, torch.Tensor) else type(made).__name__
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
        with evaluating(network, discriminator):
            try:
                fake = game.applied(way, network, torch.zeros(1, *before), 0, torch.arange(1))
            except (RuntimeError, ValueError, TypeError, AttributeError) as error:
                reason = str(error).splitlines()[0]
                raise UserError(f"{name} can't take images of shape {before}: {reason}") from error
            refuse_no_tensor(fake, name)
            if tuple(fake.shape) != (1, *after):
                raise UserError(
                    f"{name} makes images of shape {tuple(fake.shape[1:])}, but those of {way.makes} have "
                    f"{after}: change the generator, or the data's size."
                )
            seen = game.shape_scored(way.makes)
            try:
                scores = game.scores(way.makes, torch.zeros(1, *seen))
            except (RuntimeError, ValueError, TypeError, AttributeError) as error:
                reason = str(error).splitlines()[0]
                raise UserError(f"{name_d} can't score images of {seen}: {reason}") from error
        if len(scores) != 1 or not scores.is_floating_point():
            raise UserError(f"{name_d} gives scores of shape {tuple(scores.shape)} for 1 image: give (1, ...).")
