"""From noise to samples: the common part of all models whose generator takes latents."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ganzoo.data.base.sets import SampleSet
from ganzoo.game.conditions import Condition
from ganzoo.game.fitting import one_by_one
from ganzoo.game.game import Game
from ganzoo.game.move import Batch
from ganzoo.game.real import some_real
from ganzoo.game.styles import Styles, need_styles
from ganzoo.game.traceable import Traceable, traced_from_noise
from ganzoo.game.trying import draws_by_itself, evaluating, no_seed_decides, try_from_noise
from ganzoo.game.validation import VALIDATION_SEED
from ganzoo.metrics import AskedClass, SampleMetric, metrics_of
from ganzoo.networks.chance import chance_from
from ganzoo.system.draws import Draws, latents, run_seed
from ganzoo.system.errors import UserError

__all__ = ["FromNoise"]

NETWORKS = 2  # sets the chance inside the generator apart from the latents


class FromNoise(Game):
    """A game whose generator makes samples from latents z, and from a condition y if it has one.

    A batch has `image`, and the condition by its name, such as `label`.

    Args:
        latent_dim: length of the latent vector z.
        latent: distribution of z: standard `normal`, or `uniform` in [-1, 1] as in the papers of 2014 and 2016.
        shape: (C, H, W) of an image or (D,) of a point. None: as the data is.
        num_classes: number of labels. None: as the data says.
        game: the options of every game; see `ganzoo.game.Game`.

    Attributes:
        generator: (N, latent_dim) -> (N, *shape), images in [-1, 1].
        discriminator: (N, *shape) -> (N,), raw scores.
        condition: what both networks are told besides, or None.
    """

    kind: ClassVar[str] = "noise"
    spaces: ClassVar[tuple[str, ...]] = ("z",)
    made_by: ClassVar[str] = "ganzoo sample"
    sizes: ClassVar[tuple[str, ...]] = ("shape", "num_classes")

    conditioned_on: ClassVar[type[Condition] | None] = None
    """What the networks are told: `Labels` of a conditional GAN."""

    condition: Condition | None = None

    def __init__(
        self,
        latent_dim: int = 100,
        latent: Literal["normal", "uniform"] = "normal",
        shape: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        **game: Any,
    ) -> None:
        super().__init__(**game)
        if latent_dim < 1:
            raise UserError(f"latent_dim is {latent_dim}: give 1 or more.")
        self.latent_dim, self.latent = latent_dim, latent
        self.shape = None if shape is None else tuple(shape)
        self.num_classes = num_classes

    # Building ---------------------------------------------------------------------------------------------

    def build_generator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return a generator of samples of this shape."""
        raise NotImplementedError

    def build_discriminator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return a discriminator of samples of this shape."""
        raise NotImplementedError

    def build_players(self) -> tuple[nn.Module, nn.Module]:
        """Return the generator and the discriminator."""
        assert self.shape is not None
        return self.build_generator(self.shape), self.build_discriminator(self.shape)

    def check_data(self, data: Any) -> None:
        """Refuse two domains of images."""
        if hasattr(data, "paired"):
            fits = "Pix2Pix" if data.paired else "CycleGAN or CUT"
            raise UserError(
                f"{type(self).__name__} makes samples from noise, but {type(data).__name__} holds two domains of "
                f"images, a and b, to translate between: choose {fits}, or data of single images."
            )

    def check_sizes(self, data: Any) -> None:
        """Refuse to build without a shape, or without the condition's size where there is one."""
        if self.shape is None:
            raise UserError(f"{type(self).__name__} can't know the shape of its samples: give shape, or a DataModule.")
        if self.conditioned_on is None:
            return
        size = getattr(self, self.conditioned_on.size_name)
        if not size:
            whose = "no data is given" if data is None else f"the data ({type(data).__name__}) has none"
            told = f"{self.conditioned_on.name.removesuffix('s')}s"
            raise UserError(
                f"{type(self).__name__} is conditional and needs {told}, but {whose}: "
                f"choose data with {told}, or a model without them, such as DCGAN."
            )
        self.condition = self.conditioned_on(size)
        if self.condition.of_classes and (names := getattr(data, "class_names", None)):
            self.condition.class_names = list(names)

    @torch.no_grad()
    def check_players(self) -> None:
        """Try both networks on two samples, so that a mismatch is one clear message before the first step."""
        self.draws_by_itself = draws_by_itself(lambda: try_from_noise(self))
        self.no_seed_decides = no_seed_decides(self.generator, lambda: self.sample(2))

    def scores_alone(self, x: Tensor, *y: Tensor) -> Tensor:
        """Return the discriminator's raw scores (N,) of samples (N, *shape), each by itself, not augmented."""
        return self.discriminator(x, *y)

    # Sampling ---------------------------------------------------------------------------------------------

    @property
    def styles(self) -> Styles | None:
        """The latent space W, of a model that has it."""
        return Styles(self) if "w" in self.spaces else None

    def sample_rows(
        self, rows: Tensor, seed: int = 0, raw: bool | None = None, y: Tensor | None = None, psi: float = 1.0
    ) -> Tensor:
        """Return the samples with these numbers, (len(rows), *shape), float32, images in [-1, 1].

        A conditional model's sample i is of class i mod num_classes, unless `y` (len(rows), ...) asks for others.
        """
        if self.condition is not None and y is None:
            y = self.condition.of_rows(rows, seed)
        return self.generate(self.latents(rows, seed), raw, y, seed, rows, psi)

    def latents(self, rows: Tensor, seed: int = 0) -> Tensor:
        """Return the latents of the samples with these numbers, (len(rows), latent_dim), float32, on the CPU."""
        return latents(seed, rows, self.latent_dim, self.latent)

    @torch.no_grad()
    def generate(
        self,
        z: Tensor,
        raw: bool | None = None,
        y: Tensor | None = None,
        seed: int = 0,
        rows: Tensor | None = None,
        psi: float = 1.0,
    ) -> Tensor:
        """Return the samples (N, *shape) of latents (N, latent_dim), float32, images in [-1, 1].

        Args:
            z: latents (N, latent_dim).
            raw: use the generator's own weights even if there is an average of them.
            y: what a conditional model is told: classes (N,), int64, or one-hot classes or mixtures of them
                (N, num_classes).
            seed: of the chance inside the network.
            rows: the samples' numbers (N,). None: 0, 1, 2 ...
            psi: truncation, of a model with a space W: each w is mean + psi (w - mean).

        Raises:
            UserError: a psi other than 1, and the model has no W.
        """
        rows = torch.arange(len(z)) if rows is None else rows
        if psi != 1:
            return need_styles(self, f"truncation (psi {psi:g})").truncated(z, y, raw, seed, rows, psi)
        network = self.sampler(raw)
        dtype = next(network.parameters()).dtype
        given = [z.to(self.device, dtype), *([] if y is None else [y.to(self.device)])]
        with self.sampling(network, seed, rows):
            alone = self.draws_by_itself
            samples = one_by_one(lambda *x: network(*x[:-1]), given, rows, seed) if alone else network(*given)
        samples = samples.float()
        return samples.clamp(-1, 1) if samples.ndim == 4 else samples  # not every generator of images ends in tanh

    @contextmanager
    def sampling(self, network: nn.Module, seed: int, rows: Tensor) -> Iterator[None]:
        """Evaluate a network; the chance inside it is that of the samples with these numbers."""
        with evaluating(network), chance_from(Draws((seed, NETWORKS), rows, self.device, torch.float32)):
            yield

    def samples(
        self,
        num: int,
        seed: int = 0,
        raw: bool | None = None,
        batch_size: int = 64,
        label: Any = None,
        psi: float = 1.0,
    ) -> Iterator[Tensor]:
        """Yield `num` samples in batches, so that memory need not hold tens of thousands."""
        asked = self.asked(label)
        for start in range(0, num, batch_size):
            rows = torch.arange(start, min(start + batch_size, num))
            y = None if asked is None else asked.expand(len(rows), *asked.shape)
            yield self.sample_rows(rows, seed, raw, y, psi)

    def sample(
        self, num: int = 64, seed: int = 0, raw: bool | None = None, label: Any = None, psi: float = 1.0
    ) -> Tensor:
        """Return `num` samples, (num, *shape), float32, images in [-1, 1]; the same for the same seed.

        Args:
            num: how many.
            seed: of the latents, and of the chance inside the network.
            raw: use the generator's own weights even if there is an average of them.
            label: what a conditional model is told of all of them. None: each class in turn.
            psi: truncation, of a model with a space W: 1 is none, 0 makes all of them the mean image.

        Raises:
            UserError: a label that the model does not have, or a psi other than 1 and it has no W.
        """
        return torch.cat(list(self.samples(num, seed, raw, label=label, psi=psi)))

    def asked(self, label: Any) -> Tensor | None:
        """Return the condition that a user asks for, as the networks take it; None if the user asks for none.

        Raises:
            UserError: a label that the model does not have.
        """
        if label is None:
            return None
        if self.condition is None:
            raise UserError(f"{type(self).__name__} takes no labels: leave the label {label} out.")
        return self.condition.read(label)

    def by_class(self, num: int) -> tuple[int, Tensor, int | None]:
        """Return how a grid of about `num` samples can show one class in each row.

        Returns:
            How many samples to make, the order to draw them in, and the grid's columns (None: as the grid likes).
        """
        classes = None if self.condition is None else self.condition.classes
        if classes is None or classes > num:
            return num, torch.arange(num), None
        columns = -(-num // classes)
        return columns * classes, torch.arange(columns * classes).view(columns, classes).T.flatten(), columns

    def row_names(self, columns: int | None) -> list[str]:
        """Return the names of a grid's rows, if they are classes; those without names have their numbers."""
        condition = None if columns is None else self.condition
        return condition.names_of(torch.arange(condition.classes)) if condition and condition.classes else []

    def predictions(self, direction: str | None) -> dict[str, str]:
        """Return no way to translate: the model makes samples from noise. A direction is refused."""
        if direction is not None:
            raise UserError(
                f"samples.direction is for models that translate images; {type(self).__name__} makes samples from "
                "noise: leave it out."
            )
        return {}

    def predict_step(self, batch: Tensor, batch_idx: int = 0) -> Tensor:
        """Return the samples with the numbers in `batch`."""
        return self.sample_rows(batch.cpu(), run_seed())

    def traced(self, direction: str | None, raw: bool | None) -> list[Traceable]:
        """Return what `export` writes: the generator. A direction is refused."""
        if direction is not None:
            raise UserError(f"{type(self).__name__} makes samples from noise, in no direction: leave {direction} out.")
        return traced_from_noise(self, raw)

    # Playing and validating -------------------------------------------------------------------------------

    def chance(self) -> tuple[Tensor, ...]:
        """Return the latents z (N, latent_dim) that a loss is given."""
        normal = self.latent == "normal"
        return (self.draws.normal(self.latent_dim) if normal else 2 * self.draws.uniform(self.latent_dim) - 1,)

    def new_metrics(self, data: Any) -> list[SampleMetric]:
        """Return the data's metrics, and for a model of classes the score for the class that was asked for."""
        metrics = metrics_of(data)
        of_classes = self.conditioned_on is not None and self.conditioned_on.of_classes
        judge = data.judge() if of_classes and hasattr(data, "judge") else None
        return metrics if judge is None else [*metrics, AskedClass(judge)]

    def compare(self, batch: Batch, rows: Tensor) -> None:
        """Show the metrics real samples (once a run), and as many generated ones of the same conditions."""
        real, y = batch["image"], None if self.condition is None else self.condition.of(batch)
        fake = self.sample_rows(rows, VALIDATION_SEED, y=y).to(real.dtype)
        self.validation.update(real, fake, rows, label=y)

    # Showing ----------------------------------------------------------------------------------------------

    def picture(self, val: SampleSet | None, num: int) -> tuple[dict[str, Tensor], int | None]:
        """Return about `num` samples, always of the same latents, with a class in each row if there are labels."""
        num, order, columns = self.by_class(num)
        return {"": self.sample(num).cpu()[order]}, columns

    def beside_real(self, val: SampleSet, num: int) -> tuple[dict[str, Tensor], int | None]:
        """Return validation data and as many samples."""
        num, order, columns = self.by_class(min(num, len(val)))
        return {"real": some_real(val, num, columns), "generated": self.sample(num).cpu()[order]}, columns
