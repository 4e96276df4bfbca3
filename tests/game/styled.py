"""A small StyleGAN2 without a Trainer, in float64."""

from functools import partial
from typing import Any

import torch
from lightning.pytorch.plugins.precision import DoublePrecision

from ganzoo.models import StyleGAN2
from ganzoo.networks import StyleGAN2Discriminator, StyleGAN2Generator
from ganzoo.system.draws import Draws

N, LATENT, SHAPE = 8, 5, (3, 16, 16)


def small(**options: Any) -> StyleGAN2:
    """Its networks are built; its next move's chance is set."""
    generator = partial(StyleGAN2Generator, w_dim=6, width=4, mapping_layers=2)
    discriminator = partial(StyleGAN2Discriminator, width=4, mapping_layers=2)
    sizes = {"latent_dim": LATENT, "shape": SHAPE, "ema": None}
    model = StyleGAN2(**{"generator": generator, "discriminator": discriminator, **sizes, **options})
    with DoublePrecision().module_init_context():
        model.configure_model()
    chance(model)
    return model


def chance(model: StyleGAN2, key: int = 0, rows: range = range(N)) -> Draws:
    """Set the model's chance, and return the same."""
    draws = [Draws((key,), rows, torch.device("cpu"), torch.float64) for _ in range(2)]
    model.draws = draws[0]
    return draws[1]


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
