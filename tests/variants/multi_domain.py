"""StarGAN v2, tiny (Choi et al. 2020, "StarGAN v2: Diverse Image Synthesis for Multiple Domains")."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from ganzoo.game import Batch, FromImages, Move, Terms
from ganzoo.game.ways import Way
from ganzoo.objectives import NonSaturating


class Heads(nn.Sequential):  # an output for each domain
    def forward(self, x: Tensor, domain: str) -> Tensor:
        return super().forward(x).chunk(3, 1)["abc".index(domain)]


class Translator(nn.Sequential):  # of images x (N, C, H, W), by styles s (N, 8) that all pixels are given
    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        return super().forward(torch.cat([x, s[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1))


class ToDomain(nn.ModuleDict):
    """The generator's networks as one: images x (N, C, H, W) and latents z (N, 16) to images of a domain."""

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self["translator"](x, self["mapping"](z, self.domain))


class TinyStarGAN(FromImages):
    """D and G move twice: by styles of latents, and by those of reference images, which move the translator alone."""

    paired, default_objective, titles = False, NonSaturating(), {"a": "a", "AtoB": "as b", "b": "b"}
    ways = tuple(Way(f"{a.upper()}to{b.upper()}", (a,), b, styled=True) for a, b in ("ab", "bc", "ca"))

    def build_players(self) -> tuple[nn.Module, nn.Module]:
        c, z, pool = self.shape[0], self.latent_dim, (nn.AdaptiveAvgPool2d(1), nn.Flatten())
        translator = Translator(nn.Conv2d(c + 8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, c, 3, padding=1), nn.Tanh())
        mapping = Heads(nn.Linear(z, 16), nn.ReLU(), nn.Linear(16, 3 * 8))
        encoder, d = (Heads(nn.Conv2d(c, 8, 4, 2), nn.ReLU(), *pool, nn.Linear(8, 3 * n)) for n in (8, 1))
        return nn.ModuleDict({"translator": translator, "mapping": mapping, "encoder": encoder}), d

    def translator(self, direction: str, raw: bool | None = None) -> nn.Module:
        network = ToDomain(self.sampler(raw))
        network.domain = self.way(direction).makes
        return network

    def scores(self, domain: str, x: Tensor) -> Tensor:
        return self.discriminator(x, domain)

    def moves(self, step: int) -> list[Move]:
        return [
            Move("discriminator", partial(self.discriminator_loss, "latent")),
            Move("discriminator", partial(self.discriminator_loss, "reference")),
            Move("generator", partial(self.generator_loss, "latent")),
            Move("generator", partial(self.generator_loss, "reference"), networks=("translator",)),
        ]

    def style(self, by: str, batch: Batch, domain: str) -> Tensor:
        if by == "latent":
            return self.generator["mapping"](self.draws.normal(self.latent_dim), domain)
        return self.generator["encoder"](batch[domain], domain)

    def discriminator_loss(self, by: str, batch: Batch) -> Iterator[Terms]:
        for way in self.ways:
            fake = self.generator["translator"](batch[way.reads[0]], self.style(by, batch, way.makes))
            real, fake = (self.scores(way.makes, x) for x in (batch[way.makes], fake))
            yield {f"{by}_{way.makes}": self.objective.discriminator(real, fake)}

    def generator_loss(self, by: str, batch: Batch) -> Iterator[Terms]:
        """Equations 1 to 4: be taken for real, keep the style, differ by styles, and come back to the image."""
        translate, encode = self.generator["translator"], self.generator["encoder"]
        for way in self.ways:
            x, s, other = batch[way.reads[0]], self.style(by, batch, way.makes), self.style(by, batch, way.makes)
            fake = translate(x, s)
            kept = (encode(fake, way.makes) - s).abs().mean() - (fake - translate(x, other)).abs().mean()
            back = (translate(fake, encode(x, way.reads[0])) - x).abs().mean()
            yield {f"{by}_{way.makes}": self.wanted(way.makes, batch[way.makes], fake) + kept + back}
