"""StyleGAN2, tiny (Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN")."""

import torch
from torch import Tensor, nn

from ganzoo.game import Batch, Move, Terms
from ganzoo.models import GAN
from ganzoo.networks.chance import Noise
from ganzoo.penalties import R1
from ganzoo.system.buffers import add_buffer


class StyledConv(nn.Module):
    """A convolution whose input channels a style scales, demodulated (equations 1 to 3), and noise."""

    def __init__(self, dim: int, c: int) -> None:
        super().__init__()
        self.style, self.conv, self.noise = nn.Linear(dim, c), nn.Conv2d(c, c, 3, padding=1, bias=False), Noise()

    def forward(self, x: Tensor, w: Tensor, noise: str) -> Tensor:
        s = self.style(w)[:, :, None, None] + 1
        x = self.conv(x * s) * (nn.functional.conv2d(s**2, self.conv.weight.square().sum((2, 3), True)) + 1e-8).rsqrt()
        return nn.functional.leaky_relu(self.noise(x) if noise == "random" else x, 0.2)


class StyleGenerator(nn.Module):
    """Latents z (N, D), or ws (N, num_ws, 16), a style for each layer, to images (N, C, H, W)."""

    def __init__(self, latent_dim: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.mapping = nn.Sequential(nn.Linear(latent_dim, 16), nn.LeakyReLU(0.2), nn.Linear(16, 16))
        add_buffer(self.mapping, "w_avg", torch.zeros(16), "shared")
        self.start, self.to_rgb = nn.Parameter(torch.randn(8, 4, 4)), nn.Conv2d(8, shape[0], 1)
        self.layers = nn.ModuleList(StyledConv(16, 8) for _ in range(shape[1].bit_length() - 2))  # 4, 8, 16 ... px
        self.num_ws, self.w_dim = len(self.layers), 16

    def forward(self, z: Tensor) -> Tensor:
        return self.synthesis(self.mapping(z)[:, None].expand(-1, self.num_ws, -1))

    def synthesis(self, ws: Tensor, noise: str = "random") -> Tensor:
        x = self.start.expand(ws.shape[0], -1, -1, -1)
        for i, layer in enumerate(self.layers):
            x = layer(nn.functional.interpolate(x, scale_factor=2) if i else x, ws[:, i], noise)
        return self.to_rgb(x).tanh()


class TinyStyleGAN(GAN):
    """The moves of 2014 and two lazy ones, which keep D and G smooth (section 3.1); the mapping learns slowly."""

    default_generator = StyleGenerator
    spaces = ("z", "w")
    rates = {"generator": {"mapping": 0.01}}  # noqa: RUF012

    def __init__(self, **gan) -> None:
        super().__init__(**gan)
        add_buffer(self, "path_mean", torch.zeros(()), "shared")

    def moves(self, step: int) -> list[Move]:
        r1, path = Move("discriminator", self.r1_loss, every=2), Move("generator", self.path_loss, every=4)
        return [*super().moves(step), r1, path]

    def fakes(self, batch: Batch, z: Tensor) -> Tensor:
        """Mix two styles: from a random layer on it is the other one (Karras et al. 2019, section 3.1)."""
        w, other = self.generator.mapping(z)[:, None], self.generator.mapping(self.draws.normal(z.shape[1]))[:, None]
        self.generator.mapping.w_avg.lerp_(w.detach().mean((0, 1)), 0.005)
        layer = torch.arange(layers := self.generator.num_ws, device=z.device)
        is_other = (self.draws.uniform() < 0.9)[:, None] & (layer > self.draws.integers(layers - 1)[:, None])
        return self.generator.synthesis(torch.where(is_other[:, :, None], other, w))

    def r1_loss(self, batch: Batch, z: Tensor) -> Terms:
        return {"r1": R1(gamma=1.0, every=2)(self.scores, batch["image"], batch["image"], self.draws)}

    def path_loss(self, batch: Batch, z: Tensor) -> Terms:
        """Equation 4, on half of the batch: a step in w changes the image by the same everywhere."""
        x = self.generator.synthesis(w := self.generator.mapping(z[::2])[:, None].repeat(1, self.generator.num_ws, 1))
        y = self.draws.normal(*x.shape[1:])[: len(x)] / x[0, 0].numel() ** 0.5
        length = torch.autograd.grad((x * y).sum(), w, create_graph=True)[0].square().sum(2).mean(1).sqrt()
        self.path_mean.lerp_(self.mean(length.detach().mean()), 0.01)
        return {"path_length": 4 * 2.0 * (length - self.path_mean).square().mean()}
