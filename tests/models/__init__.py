"""Variants without a Trainer: a model whose losses can be computed at once, in float64."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from lightning.pytorch.plugins.precision import DoublePrecision
from torch import Tensor, nn

from ganzoo.game import FromImages, Game
from ganzoo.models import GAN
from ganzoo.networks import InstancePatchGAN, MLPDiscriminator, MLPGenerator, ResNetTranslator
from ganzoo.system.draws import Draws

N, LATENT = 8, 2


def generator(latent_dim: int, shape: tuple[int, ...]) -> nn.Module:
    return MLPGenerator(latent_dim, shape, hidden=[16])


def discriminator(shape: tuple[int, ...]) -> nn.Module:
    return MLPDiscriminator(shape, hidden=[16])


def ready(cls: type[GAN], **options: Any) -> GAN:
    """A game of points, or of what `shape` says, with its networks built in float64; its next move's chance is set."""
    defaults = {"generator": generator, "discriminator": discriminator, "latent_dim": LATENT, "shape": (2,)}
    model = cls(**{**defaults, **options})
    with DoublePrecision().module_init_context():
        model.configure_model()
    chance(model)
    return model


def translator(cls: type[FromImages], channels: tuple[int, int] = (1, 1), **options: Any) -> FromImages:
    """A game of images of 16 px, as `ready` makes one."""
    defaults = {
        "generator": partial(ResNetTranslator, width=2, blocks=1),
        "discriminator": partial(InstancePatchGAN, patch=16, width=2),
        "shapes": {"a": (channels[0], 16, 16), "b": (channels[1], 16, 16)},
    }
    model = cls(**{**defaults, **options})
    with DoublePrecision().module_init_context():
        model.configure_model()
    chance(model)
    return model


def domains(channels: tuple[int, int] = (1, 1)) -> dict[str, Tensor]:
    """Images of both domains, (N, C, 16, 16)."""
    return {"a": normal(1, N, channels[0], 16, 16).tanh(), "b": normal(2, N, channels[1], 16, 16).tanh()}


def chance(model: Game, key: int = 0, rows: range = range(N)) -> Draws:
    """Set the model's chance, and return the same."""
    draws = [Draws((key,), rows, torch.device("cpu"), torch.float64) for _ in range(2)]
    model.draws = draws[0]
    return draws[1]


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def batch(*shape: int, classes: int = 3) -> dict[str, Tensor]:
    """Real samples, (N, *shape), and labels."""
    return {"image": normal(1, N, *(shape or (2,))), "label": torch.arange(N) % classes}


def all_terms(loss: dict[str, Tensor] | Iterator[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The terms of a loss that may yield them some at a time."""
    return loss if isinstance(loss, dict) else {name: term for terms in loss for name, term in terms.items()}


def kept_for_gradients(model: FromImages, batch: dict[str, Tensor]) -> list[int]:
    """Bytes of what autograd keeps of each part of the generator's loss, each tensor once."""
    kept, held, parts = {}, [], []

    def keep(x: Tensor) -> Tensor:
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        held.append(x)  # or its place in memory would be taken again
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        for _ in model.generator_loss(batch):
            parts.append(sum(kept.values()))
            kept.clear()
    return parts


def gradients(loss: Tensor, network: nn.Module) -> list[Tensor]:
    weights = [p for p in network.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, weights, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(weights, found, strict=True)]


def assert_equal(value: Any, expected: Any) -> None:
    torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-12)
