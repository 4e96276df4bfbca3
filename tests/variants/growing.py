"""Progressive growing, tiny (Karras et al. 2018, "Progressive Growing of GANs"): from 8 to 16 px."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.models import WGANGP
from ganzoo.system.buffers import add_buffer


class Growing(nn.Module):
    """A network whose upper level fades in: `level` is 0 for 8 px, 1 for 16 px, and between them while it does."""

    def __init__(self) -> None:
        super().__init__()
        add_buffer(self, "level", torch.zeros(()), "constant")


class GrowingGenerator(Growing):
    """Latents (N, D) to images (N, C, 16, 16): figure 2."""

    def __init__(self, latent_dim: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.start, self.grown = nn.Linear(latent_dim, 8 * 8 * 8), nn.Conv2d(8, 8, 3, padding=1)
        self.to_rgb_8, self.to_rgb_16 = nn.Conv2d(8, shape[0], 1), nn.Conv2d(8, shape[0], 1)

    def forward(self, z: Tensor) -> Tensor:
        x = F.leaky_relu(self.start(z).view(-1, 8, 8, 8), 0.2)
        low = F.interpolate(self.to_rgb_8(x), scale_factor=2)
        high = self.to_rgb_16(F.leaky_relu(self.grown(F.interpolate(x, scale_factor=2)), 0.2))
        return torch.lerp(low, high, self.level)


class GrowingCritic(Growing):
    """Images (N, C, 16, 16) to raw scores (N,): the same the other way round."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.from_rgb_8, self.from_rgb_16 = nn.Conv2d(shape[0], 8, 1), nn.Conv2d(shape[0], 8, 1)
        self.grown, self.score = nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8 * 8 * 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        low = self.from_rgb_8(F.avg_pool2d(x, 2))
        high = F.avg_pool2d(F.leaky_relu(self.grown(F.leaky_relu(self.from_rgb_16(x), 0.2)), 0.2), 2)
        return self.score(F.leaky_relu(torch.lerp(low, high, self.level), 0.2).flatten(1)).squeeze(1)


class TinyProGAN(WGANGP):
    """WGAN-GP whose networks grow by the images seen, and whose real images grow with them (section 2)."""

    default_generator = GrowingGenerator
    default_discriminator = GrowingCritic

    def __init__(self, images_at_8: int = 16, images_to_16: int = 64, **gan) -> None:
        super().__init__(**gan)
        self.images_at_8, self.images_to_16 = images_at_8, images_to_16

    def before_round(self, step: int) -> None:
        grown = (self.images_seen - self.images_at_8) / (self.images_to_16 - self.images_at_8)
        for network in (self.generator, self.discriminator):
            network.level.fill_(min(1.0, max(0.0, grown)))

    def shown(self, x: Tensor) -> Tensor:
        """All that D sees, no sharper than the level."""
        low = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2)
        return super().shown(torch.lerp(low, x, self.generator.level))
