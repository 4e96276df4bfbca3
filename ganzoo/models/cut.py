"""CUT (Park et al. 2020, "Contrastive Learning for Unpaired Image-to-Image Translation")."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.game import Batch, Move, Terms
from ganzoo.game.from_images import FromImages
from ganzoo.game.ways import need_equal_channels
from ganzoo.networks import AntialiasedPatchGAN, AntialiasedTranslator, PatchHeads
from ganzoo.objectives import Objective, WholeLeastSquares, wide
from ganzoo.system.errors import UserError

__all__ = ["CUT"]


class CUT(FromImages):
    """Park et al. 2020: G makes b from a, and each patch of its output must be nearest to the same patch of a.

    Nearest among the patches of the same image, by the features of G's own encoder. No way back is needed: one
    generator and one discriminator, half of CycleGAN's networks. FastCUT (appendix) is lambda_nce 10,
    nce_identity false, flip_equivariance true, and a share of 0.75 of constant rate. As in the authors' code G and
    D are antialiased, and all weights start by Xavier's rule, times 0.02.

    Args:
        lambda_gan: weight of the adversarial term.
        lambda_nce: weight of the mean over layers of PatchNCE (equation 5: lambda_X; 1 in the paper).
        nce_identity: take the mean of PatchNCE and the same term for images of b, which G should not change (lambda_Y).
        num_patches: patches of an image that are compared, in each layer.
        temperature: of the softmax over patches, tau of equation 3.
        head_width: length of a patch's vector.
        flip_equivariance: mirror half of the inputs of G, and mirror the features of their outputs back.
        translator: the options of every model of this kind; see `ganzoo.game.from_images.FromImages`. The generator
            needs `features(x)`, as ResNetTranslator has.
    """

    expensive: ClassVar[bool] = True
    paired: ClassVar[bool] = False
    titles: ClassVar[dict[str, str]] = {"a": "real a", "AtoB": "generated b"}
    default_generator: ClassVar[Callable[..., nn.Module]] = AntialiasedTranslator
    default_discriminator: ClassVar[Callable[..., nn.Module]] = AntialiasedPatchGAN
    default_objective: ClassVar[Objective] = WholeLeastSquares()

    def __init__(
        self,
        lambda_gan: float = 1.0,
        lambda_nce: float = 1.0,
        nce_identity: bool = True,
        num_patches: int = 256,
        temperature: float = 0.07,
        head_width: int = 256,
        flip_equivariance: bool = False,
        **translator: Any,
    ) -> None:
        super().__init__(**translator)
        if lambda_gan < 0 or lambda_nce < 0:
            raise UserError(f"lambda_gan is {lambda_gan} and lambda_nce {lambda_nce}: give 0 or more.")
        if num_patches < 2 or head_width < 1 or temperature <= 0:
            raise UserError(
                f"num_patches is {num_patches}, head_width {head_width} and temperature {temperature}: "
                "give at least 2 and 1, and more than 0."
            )
        self.lambda_gan, self.lambda_nce, self.nce_identity = lambda_gan, lambda_nce, nce_identity
        self.num_patches, self.temperature, self.head_width = num_patches, temperature, head_width
        self.flip_equivariance = flip_equivariance

    def check_sizes(self, data: Any) -> None:
        """Refuse domains of different channels."""
        super().check_sizes(data)
        need_equal_channels(self, "CUT's encoder looks at both: use CycleGAN with lambda_identity 0, or convert one")

    def build_players(self) -> tuple[nn.Module, nn.Module]:
        """Return G with the heads of its features, and D."""
        generator, discriminator = super().build_players()
        assert isinstance(generator, nn.ModuleDict)
        network = generator["AtoB"]
        if not hasattr(network, "features"):
            raise UserError(
                f"CUT compares features of its generator, and {type(network).__name__} gives none: "
                "choose AntialiasedTranslator or ResNetTranslator."
            )
        generator["heads"] = PatchHeads(network.feature_widths, self.head_width)
        return generator, discriminator

    def moves(self, step: int) -> list[Move]:
        """Return the moves of the authors' code: D, then G with its heads."""
        return [
            Move("discriminator", self.discriminator_loss, times=self.n_critic),
            Move("generator", self.generator_loss),
        ]

    def discriminator_loss(self, batch: Batch) -> Terms:
        """Tell images of b from those that were made: equation 1, for D."""
        fake = self.fake(batch)[0].detach()
        real, fake = self.scores("b", batch["b"]), self.scores("b", fake)
        self.note_scores(real, fake)
        return {"adversarial": self.objective.discriminator(real, fake) / 2}

    def generator_loss(self, batch: Batch) -> Iterator[Terms]:
        """Make images that D takes for real, each patch like that of the input: equation 5."""
        a, b = batch["a"], batch["b"]
        fake, flips = self.fake(batch)
        terms = {"adversarial": self.lambda_gan * self.wanted("b", b, fake)}
        weight = self.lambda_nce / (2 if self.nce_identity else 1)
        if weight:
            terms["nce"] = weight * self.contrast(a, fake, flips)
        yield terms
        if weight and self.nce_identity:
            yield {"nce_identity": weight * self.contrast(b, self.fakes(batch, "AtoB", flipped(b, flips)), flips)}

    def fake(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return what G makes of a, once for both moves, and which of the images (N,) are mirrored, or None."""
        if self.flip_equivariance and "flips" not in batch:
            batch["flips"] = self.draws.uniform() < 0.5
        flips = batch.get("flips")
        return self.shared(batch, "AtoB", flipped(batch["a"], flips)), flips

    def contrast(self, x: Tensor, made: Tensor, flips: Tensor | None) -> Tensor:
        """Return PatchNCE, the mean over layers, of images (N, C, H, W) and what was made of them: equation 4."""
        g, heads = self.generator["AtoB"], self.generator["heads"]
        queries = [flipped(maps, flips) for maps in g.features(made)]  # type: ignore[operator]
        places = [self.draws.choose(self.num_patches, maps[0, 0].numel()) for maps in queries]
        with torch.no_grad():  # the input's patches are the targets
            keys = heads(g.features(x), places)  # type: ignore[operator]
        losses = [patch_nce(q, k, self.temperature) for q, k in zip(heads(queries, places), keys, strict=True)]
        return torch.stack(losses).mean()


def patch_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Return the mean cross-entropy of finding each query's own key among all keys of its image: equation 3.

    Args:
        queries: unit vectors (N, S, D) of the patches of images that were made.
        keys: those of the same patches of the inputs; the others of the image are the negatives.
        temperature: what the products of vectors are divided by.
    """
    logits = wide(queries) @ wide(keys).transpose(1, 2) / temperature  # (N, S, S)
    n, s, _ = logits.shape
    return F.cross_entropy(logits.flatten(0, 1), torch.arange(s, device=logits.device).repeat(n))


def flipped(x: Tensor, flips: Tensor | None) -> Tensor:
    """Return maps (N, C, H, W), those mirrored that `flips` (N,) says."""
    return x if flips is None else torch.where(flips.view(-1, 1, 1, 1), x.flip(3), x)
