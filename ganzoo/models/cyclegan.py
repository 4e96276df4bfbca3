"""CycleGAN (Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks")."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganzoo.game import Batch, Move, Terms
from ganzoo.game.from_images import FromImages
from ganzoo.game.image_pool import ImagePool
from ganzoo.game.ranks import of_all_ranks
from ganzoo.game.ways import A_TO_B, B_TO_A, Way, need_equal_channels
from ganzoo.networks import InstancePatchGAN, ResNetTranslator
from ganzoo.objectives import Objective, WholeLeastSquares
from ganzoo.system.errors import UserError

__all__ = ["CycleGAN"]


class CycleGAN(FromImages):
    """Zhu et al. 2017: G makes b from a and F makes a from b; there and back an image must return to itself.

    Each player is a pair of networks: G = `generator["AtoB"]` and F = `generator["BtoA"]` against D_Y =
    `discriminator["b"]` and D_X = `discriminator["a"]`. As in the authors' code G and F move first. D is shown their
    images out of a pool, together with earlier ones, and its loss is halved (section 4). The pool is one for all
    devices: each keeps a copy, and a checkpoint has it.

    Args:
        lambda_a: weight of |F(G(a)) - a|, a mean over pixels (equation 2; 10 in the paper).
        lambda_b: weight of |G(F(b)) - b|.
        lambda_identity: weight, times lambda_a and lambda_b, of |F(a) - a| and |G(b) - b|, which keep an image
            unchanged if it is of the domain already (section 5.2: for paintings to photos 0.5, as the authors' code has
            it for all). 0 or null: none.
        pool_size: images of each domain in the pool; 0 shows D the latest.
        translator: the options of every model of this kind; see `ganzoo.game.from_images.FromImages`.
    """

    paired: ClassVar[bool] = False
    ways: ClassVar[tuple[Way, ...]] = (A_TO_B, B_TO_A)
    titles: ClassVar[dict[str, str]] = {
        **{"a": "real a", "AtoB": "generated b", "AtoBtoA": "reconstructed a"},
        **{"b": "real b", "BtoA": "generated a", "BtoAtoB": "reconstructed b"},
    }
    default_generator: ClassVar[Callable[..., nn.Module]] = ResNetTranslator
    default_discriminator: ClassVar[Callable[..., nn.Module]] = InstancePatchGAN
    default_objective: ClassVar[Objective] = WholeLeastSquares()

    def __init__(
        self,
        lambda_a: float = 10.0,
        lambda_b: float = 10.0,
        lambda_identity: float | None = 0.5,
        pool_size: int = 50,
        **translator: Any,
    ) -> None:
        super().__init__(**translator)
        self.lambda_a, self.lambda_b, self.lambda_identity = lambda_a, lambda_b, lambda_identity or 0.0
        numbers = {"lambda_a": lambda_a, "lambda_b": lambda_b, "lambda_identity": self.lambda_identity}
        for name, value in {**numbers, "pool_size": pool_size}.items():
            if value < 0:
                raise UserError(f"{name} is {value}: give 0 or more.")
        self.pool_size = pool_size

    def check_sizes(self, data: Any) -> None:
        """Refuse domains of different channels where images are to be their own translation."""
        super().check_sizes(data)
        if self.lambda_identity:
            need_equal_channels(self, "the identity loss compares them: set model.lambda_identity to 0")

    def build_players(self) -> tuple[nn.Module, nn.Module]:
        """Return the networks; make the pools, whose images are the domains'."""
        assert self.shapes is not None
        self.pools = nn.ModuleDict({way.makes: ImagePool(self.pool_size, self.shapes[way.makes]) for way in self.ways})
        return super().build_players()

    def moves(self, step: int) -> list[Move]:
        """Return section 4's moves: both generators, then both discriminators."""
        return [
            Move("generator", self.generator_loss),
            Move("discriminator", self.discriminator_loss, times=self.n_critic),
        ]

    def generator_loss(self, batch: Batch) -> Iterator[Terms]:
        """Make images that D_Y and D_X take for real, and come back to where they started: equation 3.

        One way after the other, so that memory holds two networks' maps at a time, not six.
        """
        a, b = batch["a"], batch["b"]
        fake_b = self.fakes(batch, "AtoB")
        yield {
            "adversarial_b": self.wanted("b", b, fake_b),
            "cycle_a": self.lambda_a * distance(self.fakes(batch, "BtoA", fake_b), a),
        }
        fake_a = self.fakes(batch, "BtoA")
        yield {
            "adversarial_a": self.wanted("a", a, fake_a),
            "cycle_b": self.lambda_b * distance(self.fakes(batch, "AtoB", fake_a), b),
        }
        if self.lambda_identity:
            yield {"identity_a": self.lambda_a * self.lambda_identity * distance(self.fakes(batch, "BtoA", a), a)}
            yield {"identity_b": self.lambda_b * self.lambda_identity * distance(self.fakes(batch, "AtoB", b), b)}
        batch |= {"fake_a": fake_a.detach(), "fake_b": fake_b.detach()}

    def discriminator_loss(self, batch: Batch) -> Terms:
        """Tell each domain's images from those made for it, now or earlier: equation 1, for D_Y and for D_X."""
        if "fake_a" not in batch:  # a batch of D's own: the generators have not seen it
            batch |= {"fake_b": self.fakes(batch, "AtoB"), "fake_a": self.fakes(batch, "BtoA")}
        real_b, pooled_b = self.scores("b", batch["b"]), self.scores("b", self.from_pool("b", batch["fake_b"]))
        real_a, pooled_a = self.scores("a", batch["a"]), self.scores("a", self.from_pool("a", batch["fake_a"]))
        self.note_scores(torch.cat([real_b, real_a]), torch.cat([pooled_b, pooled_a]))
        return {
            "adversarial_b": self.objective.discriminator(real_b, pooled_b) / 2,
            "adversarial_a": self.objective.discriminator(real_a, pooled_a) / 2,
        }

    def from_pool(self, domain: str, fakes: Tensor) -> Tensor:
        """Return what D is shown instead of these fakes (N, C, H, W).

        The fakes of all ranks go through the pool, in the order of the global batch, on each rank alike.
        """
        pool, world = self.pools[domain], self._trainer.world_size if self._trainer else 1
        assert isinstance(pool, ImagePool)
        if not pool.size:
            return fakes
        chance = self.draws.together()
        coins, places = chance.host_uniform().tolist(), chance.host_integers(pool.size).tolist()
        shown = pool.exchange(of_all_ranks(fakes, world), coins, places, self.global_rank, world)
        return shown.contiguous(memory_format=torch.channels_last if self.channels_last else torch.contiguous_format)


def distance(x: Tensor, y: Tensor) -> Tensor:
    """Return the mean absolute difference of two tensors."""
    return (x - y).abs().mean()
