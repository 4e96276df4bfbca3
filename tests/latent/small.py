"""Small untrained models for the tests of latent tools."""

from functools import partial

import torch

from ganzoo.models import CGAN, DCGAN, StyleGAN2
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator, StyleGAN2Discriminator, StyleGAN2Generator

LATENT, SIDE = 16, 16


def styled(num_classes=None, side=SIDE, channels=3, noise=0.2, **options):
    """A StyleGAN2 of 8 channels, whose noise has a strength."""
    torch.manual_seed(0)
    model = StyleGAN2(
        latent_dim=LATENT,
        shape=(channels, side, side),
        generator=partial(StyleGAN2Generator, w_dim=LATENT, width=8, mapping_layers=2),
        discriminator=partial(StyleGAN2Discriminator, width=8, mapping_layers=2),
        **({} if num_classes is None else {"conditional": True, "num_classes": num_classes}),
        **options,
    )
    model.configure_model()
    for network in (model.generator, model.ema):
        for name, value in network.named_parameters() if network is not None else ():
            if name.endswith("noise_strength"):
                value.data.fill_(noise)
    return model.eval()


def plain(model=DCGAN, **options):
    """A DCGAN of 4 channels."""
    torch.manual_seed(0)
    networks = {"generator": partial(DCGANGenerator, width=4), "discriminator": partial(DCGANDiscriminator, width=4)}
    made = model(latent_dim=LATENT, shape=(3, SIDE, SIDE), **networks, **options)
    made.configure_model()
    return made.eval()


def told(**options):
    """A conditional DCGAN of three classes."""
    return plain(CGAN, num_classes=3, **options)
