"""The two players: networks sized by the data, the generator's average, its samples, and what a checkpoint keeps."""

import copy
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ganzoo.draws import latents
from ganzoo.errors import UserError
from ganzoo.judging import Judged
from ganzoo.record import class_path, record

__all__ = ["Batch", "DiscriminatorCallable", "GeneratorCallable", "Players", "run_seed"]

Batch = dict[str, Tensor]
GeneratorCallable = Callable[[int, tuple[int, ...]], nn.Module]
DiscriminatorCallable = Callable[[tuple[int, ...]], nn.Module]


class Players(Judged):
    """A generator and a discriminator: what they are and make, but not how they play.

    Args:
        latent_dim: length of the latent vector z.
        latent: distribution of z: standard `normal`, or `uniform` in [-1, 1] as in the papers of 2014 and 2016.
        ema: half-life, in images, of the moving average of the generator's weights (Karras et al. 2018, section 4).
            None: no average.
        ema_rampup: while fewer images were seen, the half-life is at most this share of them (StyleGAN2's code).
            None: the half-life is fixed.
        raw: sample and validate with the raw weights although there is an average.
        channels_last: keep images as (N, H, W, C) in memory: quicker convolutions, the same mathematics.
        shape: (C, H, W) of an image or (D,) of a point. None: as the data is.
        num_classes: number of labels. None: as the data says.

    Attributes:
        generator: (N, latent_dim) -> (N, *shape), images in [-1, 1].
        discriminator: (N, *shape) -> (N,), raw scores.
        ema: the generator with averaged weights, or None.
    """

    has_latent_space: ClassVar[bool] = True
    """Whether samples are made from latents, not from images."""

    scores_are_logits: bool = True
    """Whether D(x) = sigmoid(score); a critic's score is taken as it is."""

    generator: nn.Module
    discriminator: nn.Module
    ema: nn.Module | None

    def __init__(
        self,
        latent_dim: int = 100,
        latent: Literal["normal", "uniform"] = "normal",
        ema: float | None = None,
        ema_rampup: float | None = 0.05,
        raw: bool = False,
        channels_last: bool = True,
        shape: tuple[int, ...] | None = None,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        if latent_dim < 1:
            raise UserError(f"latent_dim is {latent_dim}: give 1 or more.")
        if ema is not None and ema <= 0:
            raise UserError(f"ema is {ema}: give a half-life in images above 0, or null for no average.")
        self.latent_dim, self.latent = latent_dim, latent
        self.ema_halflife, self.ema_rampup, self.raw = ema, ema_rampup, raw
        self.channels_last = channels_last
        self.shape = None if shape is None else tuple(shape)
        self.num_classes = num_classes
        self.ema = None
        self.images_seen = 0  # real images that the generator was trained against, over all ranks

    def build_generator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return a generator of samples of this shape."""
        raise NotImplementedError

    def build_discriminator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return a discriminator of samples of this shape."""
        raise NotImplementedError

    # Building ---------------------------------------------------------------------------------------------

    def configure_model(self) -> None:
        """Build the networks, sized by the data unless the sizes are set; their weights follow from the seed."""
        if hasattr(self, "generator"):
            return
        self._take_sizes_from_data()
        assert self.shape is not None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run_seed())
            generator, discriminator = self.build_generator(self.shape), self.build_discriminator(self.shape)
        if self.channels_last:
            generator.to(memory_format=torch.channels_last)
            discriminator.to(memory_format=torch.channels_last)
        self.generator, self.discriminator = generator, discriminator
        self._check_networks()
        if self.ema_halflife is not None:
            self.ema = copy.deepcopy(generator).requires_grad_(False)

    def _take_sizes_from_data(self) -> None:
        try:
            data = self.trainer.datamodule  # type: ignore[attr-defined]
        except RuntimeError:  # there is no trainer: the model is being loaded
            data = None
        for name in ("shape", "num_classes"):
            mine, found = getattr(self, name), getattr(data, name, None)
            if mine is None:
                setattr(self, name, found)
            elif found is not None and mine != found:
                raise UserError(
                    f"model.{name} is {mine}, but the data ({type(data).__name__}) has {found}: "
                    f"leave model.{name} out, or give data that matches."
                )
            self.hparams[name] = getattr(self, name)  # so that the checkpoint has it
        if self.shape is None:
            raise UserError(f"{type(self).__name__} can't know the shape of its samples: give shape, or a DataModule.")
        if self.conditional and not self.num_classes:
            whose = "no data is given" if data is None else f"the data ({type(data).__name__}) has none"
            raise UserError(
                f"{type(self).__name__} is conditional and needs labels, but {whose}: "
                "choose data with labels, or a model without them, such as DCGAN."
            )

    @torch.no_grad()
    def _check_networks(self) -> None:
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

    def sampler(self, raw: bool | None = None) -> nn.Module:
        """Return the network to sample with: the averaged generator where there is one, unless `raw`."""
        raw = self.raw if raw is None else raw
        return self.generator if raw or self.ema is None else self.ema

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

    @torch.no_grad()
    def update_ema(self, images_seen: int, batch_size: int) -> None:
        """Move the average towards the generator, weights and running statistics alike.

        Over a half-life of images the old average keeps half its weight: beta = 0.5 ** (batch_size / half-life).
        """
        if self.ema is None or self.ema_halflife is None:
            return
        halflife = self.ema_halflife
        if self.ema_rampup is not None:
            halflife = min(halflife, self.ema_rampup * images_seen)
        average = get_ema_multi_avg_fn(0.5 ** (batch_size / max(halflife, 1e-8)))
        old, new = self.ema.state_dict(), self.generator.state_dict()
        floats = [name for name, value in new.items() if value.is_floating_point()]
        average([old[name] for name in floats], [new[name] for name in floats], None)
        for name in new.keys() - floats:
            old[name].copy_(new[name])

    # Keeping ----------------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Record what `ganzoo.load` needs to build this very model again, in plain values only."""
        checkpoint["ganzoo"] = {**record(self.hparams, type(self), run_seed()), "images_seen": self.images_seen}
        for key in (self.CHECKPOINT_HYPER_PARAMS_KEY, self.CHECKPOINT_HYPER_PARAMS_NAME):
            checkpoint.pop(key, None)  # Lightning's own record may hold classes, which a safe load refuses

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse the checkpoint of another model."""
        found, mine = (
            checkpoint.get("ganzoo", {}).get("class_path", "no model of ganzoo"),
            class_path(type(self)),
        )
        if found != mine:
            raise UserError(f"the checkpoint belongs to {found}, not to {mine}: use the model that it was made with.")
        self.images_seen = checkpoint["ganzoo"]["images_seen"]


def run_seed() -> int:
    """Return the run's seed, set by `seed_everything`; 0 without."""
    return int(os.environ.get("PL_GLOBAL_SEED", "0"))


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode for a while."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)
