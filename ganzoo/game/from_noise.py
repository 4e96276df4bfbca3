"""From noise to samples: what every GAN shares whose generator is given latents."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ganzoo.data.base.sets import SampleSet
from ganzoo.data.base.tensors import to_float
from ganzoo.game.building import evaluating
from ganzoo.game.game import Game
from ganzoo.game.judging import VALIDATION_SEED, metrics_of
from ganzoo.game.move import Batch
from ganzoo.metrics import AskedClass, SampleMetric
from ganzoo.system.draws import latents, run_seed
from ganzoo.system.errors import UserError

__all__ = ["FromNoise", "some_real"]


class FromNoise(Game):
    """A game whose generator makes samples from latents z, of labels if it is conditional.

    A batch has `image`, and `label` where there are labels.

    Args:
        latent_dim: length of the latent vector z.
        latent: distribution of z: standard `normal`, or `uniform` in [-1, 1] as in the papers of 2014 and 2016.
        shape: (C, H, W) of an image or (D,) of a point. None: as the data is.
        num_classes: number of labels. None: as the data says.
        game: the options of every game; see `ganzoo.game.Game`.

    Attributes:
        generator: (N, latent_dim) -> (N, *shape), images in [-1, 1].
        discriminator: (N, *shape) -> (N,), raw scores.
    """

    has_latent_space: ClassVar[bool] = True
    made_by: ClassVar[str] = "ganzoo sample"
    sizes: ClassVar[tuple[str, ...]] = ("shape", "num_classes")

    conditional: ClassVar[bool] = False
    """Whether the networks are given labels."""

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
        """Refuse to build without a shape, or without labels where they are needed."""
        if self.shape is None:
            raise UserError(f"{type(self).__name__} can't know the shape of its samples: give shape, or a DataModule.")
        if self.conditional and not self.num_classes:
            whose = "no data is given" if data is None else f"the data ({type(data).__name__}) has none"
            raise UserError(
                f"{type(self).__name__} is conditional and needs labels, but {whose}: "
                "choose data with labels, or a model without them, such as DCGAN."
            )

    @torch.no_grad()
    def check_players(self) -> None:
        """Try both networks on two samples, so that a mismatch is one clear message before the first step."""
        assert self.shape is not None
        name_g, name_d = type(self.generator).__name__, type(self.discriminator).__name__
        label = [torch.zeros(2, dtype=torch.long)] if self.conditional else []
        with evaluating(self.generator), evaluating(self.discriminator):
            try:
                fake = self.generator(torch.zeros(2, self.latent_dim), *label)
            except RuntimeError as error:
                reason = str(error).splitlines()[0]
                raise UserError(
                    f"{name_g} can't make samples from latents of length {self.latent_dim}: {reason}"
                ) from error
            if tuple(fake.shape) != (2, *self.shape):
                raise UserError(
                    f"{name_g} makes samples of shape {tuple(fake.shape[1:])}, but the data has {self.shape}: "
                    "change the generator, or the data's size."
                )
            try:
                scores = self.opinion(fake, *label)
            except RuntimeError as error:
                reason = str(error).splitlines()[0]
                raise UserError(f"{name_d} can't judge samples of shape {self.shape}: {reason}") from error
        if tuple(scores.shape) != (2,):
            raise UserError(
                f"{name_d} gives scores of shape {tuple(scores.shape)} for 2 samples: it must give one raw score each."
            )

    def opinion(self, x: Tensor, *y: Tensor) -> Tensor:
        """Return the discriminator's raw scores (N,) of samples (N, *shape), each by itself."""
        return self.discriminator(x, *y)

    # Sampling ---------------------------------------------------------------------------------------------

    def sample_rows(self, rows: Tensor, seed: int = 0, raw: bool | None = None, label: Tensor | None = None) -> Tensor:
        """Return the samples with these numbers, (len(rows), *shape), float32, images in [-1, 1].

        A conditional model's sample i is of class i mod num_classes, unless `label` (len(rows),) asks for others.
        """
        if self.conditional and label is None:
            assert self.num_classes is not None
            label = rows % self.num_classes
        return self.generate(self.latents(rows, seed), raw, label)

    def latents(self, rows: Tensor, seed: int = 0) -> Tensor:
        """Return the latents of the samples with these numbers, (len(rows), latent_dim), float32, on the CPU."""
        return latents(seed, rows, self.latent_dim, self.latent)

    @torch.no_grad()
    def generate(self, z: Tensor, raw: bool | None = None, label: Tensor | None = None) -> Tensor:
        """Return the samples (N, *shape) of latents (N, latent_dim), float32, images in [-1, 1].

        Args:
            z: latents (N, latent_dim).
            raw: use the generator itself where there is an average of it, too.
            label: classes (N,), int64, or one-hot classes or mixtures of them (N, num_classes): for conditional models.
        """
        network = self.sampler(raw)
        given = [] if label is None else [label.to(self.device)]
        with evaluating(network):
            samples = network(z.to(self.device, next(network.parameters()).dtype), *given).float()
        return samples.clamp(-1, 1) if samples.ndim == 4 else samples  # not every generator of images ends in tanh

    def samples(
        self, num: int, seed: int = 0, raw: bool | None = None, batch_size: int = 64, label: int | None = None
    ) -> Iterator[Tensor]:
        """Yield `num` samples in batches, so that tens of thousands need not be held in memory."""
        for start in range(0, num, batch_size):
            rows = torch.arange(start, min(start + batch_size, num))
            yield self.sample_rows(rows, seed, raw, None if label is None else torch.full_like(rows, label))

    def sample(self, num: int = 64, seed: int = 0, raw: bool | None = None, label: int | None = None) -> Tensor:
        """Return `num` samples, (num, *shape), float32, images in [-1, 1]; the same for the same seed.

        Raises:
            UserError: a label that the model does not have.
        """
        self.check_label(label)
        return torch.cat(list(self.samples(num, seed, raw, label=label)))

    def by_class(self, num: int) -> tuple[int, Tensor, int | None]:
        """Return how a grid of about `num` samples shows a class in each row, if it can.

        Returns:
            How many samples to make, the order to draw them in, and the grid's columns (None: as the grid likes).
        """
        classes = self.num_classes if self.conditional else None
        if classes is None or classes > num:
            return num, torch.arange(num), None
        columns = -(-num // classes)
        return columns * classes, torch.arange(columns * classes).view(columns, classes).T.flatten(), columns

    def check_label(self, label: int | None) -> None:
        """Refuse a label that the model does not have."""
        if label is None:
            return
        if not self.conditional:
            raise UserError(f"{type(self).__name__} takes no labels: leave the label {label} out.")
        last = (self.num_classes or 0) - 1
        if not 0 <= label <= last:
            raise UserError(f"label {label} is out of range: this model's labels are 0 to {last}.")

    def predict_step(self, batch: Tensor, batch_idx: int = 0) -> Tensor:
        """Return the samples with the numbers in `batch`."""
        return self.sample_rows(batch.cpu(), run_seed())

    # Playing and judging ----------------------------------------------------------------------------------

    def chance(self) -> tuple[Tensor, ...]:
        """Return the latents z (N, latent_dim) that a loss is given."""
        normal = self.latent == "normal"
        return (self.draws.normal(self.latent_dim) if normal else 2 * self.draws.uniform(self.latent_dim) - 1,)

    def new_metrics(self, data: Any) -> list[SampleMetric]:
        """Ask the data how samples are judged, and those of a conditional model by what was asked for."""
        metrics = metrics_of(data)
        # an unconditional model has no use for a judge, which may take half a minute to train
        judge = data.judge() if self.conditional and hasattr(data, "judge") else None
        return metrics if judge is None else [*metrics, AskedClass(judge)]

    def judge_batch(self, batch: Batch, rows: Tensor) -> None:
        """Show the metrics as many generated samples as real ones, of the same labels, and the real ones once a run."""
        real, label = batch["image"], batch["label"] if self.conditional else None
        fake = self.sample_rows(rows, VALIDATION_SEED, label=label).to(real.dtype)
        for metric in self.metrics:
            if not self.real_is_known:
                metric.update(real.to(metric.device), real=True)
            metric.update(fake.to(metric.device), real=False, label=label)

    # Showing ----------------------------------------------------------------------------------------------

    def picture(self, val: SampleSet | None, num: int) -> tuple[Tensor, int | None]:
        """Return about `num` samples, of the same latents at all times, a class in each row if there are labels."""
        num, order, columns = self.by_class(num)
        return self.sample(num).cpu()[order], columns

    def beside_real(self, val: SampleSet, num: int) -> tuple[dict[str, Tensor], int | None]:
        """Return validation data and as many samples."""
        num, order, columns = self.by_class(min(num, len(val)))
        return {"real": some_real(val, num, columns), "generated": self.sample(num).cpu()[order]}, columns


def some_real(val: SampleSet, num: int, columns: int | None = None) -> Tensor:
    """Return real samples of the validation set as the networks see them, on the CPU: the first ones.

    With `columns`, so many of each class, class by class.
    """
    rows = torch.arange(min(num, len(val)))
    if columns is not None:
        labels = val.labels
        assert labels is not None
        rows = torch.cat([(labels == y).nonzero().flatten()[:columns] for y in range(num // columns)])
    return to_float(val[rows]["image"], torch.float32)
