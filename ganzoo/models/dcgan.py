"""DCGAN (Radford, Metz and Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional GANs")."""

from ganzoo.models.gan import GAN
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator

__all__ = ["DCGAN"]


class DCGAN(GAN):
    """Radford et al. 2016: the game of 2014, played by convolutional networks with batch norm."""

    default_generator = DCGANGenerator
    default_discriminator = DCGANDiscriminator
