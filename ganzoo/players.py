"""The two players: networks sized by the data, the generator's average, its samples, and what a checkpoint keeps."""

import copy
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ganzoo.draws import latents
from ganzoo.errors import UserError
from ganzoo.metrics import SampleMetric, SlicedWassersteinDistance
from ganzoo.ranks import average_
from ganzoo.record import class_path, record

__all__ = ["Batch", "DiscriminatorCallable", "GeneratorCallable", "Players", "run_seed"]

Batch = dict[str, Tensor]
GeneratorCallable = Callable[[int, tuple[int, ...]], nn.Module]
DiscriminatorCallable = Callable[[tuple[int, ...]], nn.Module]

VALIDATION_SEED = 1  # validation's fakes are the same at every step, so that its curve compares like with like


class Players(L.LightningModule):
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
        self.metrics: list[SampleMetric] = []  # in a list: a metric's network is no part of the model
        self.judged = 0  # real samples that this rank's validation has gone past
        self.real_is_known = False  # the metrics have them all

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
        check_networks(generator, discriminator, self.latent_dim, self.shape)
        if self.channels_last:
            generator.to(memory_format=torch.channels_last)
            discriminator.to(memory_format=torch.channels_last)
        self.generator, self.discriminator = generator, discriminator
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

    # Sampling ---------------------------------------------------------------------------------------------

    def sampler(self, raw: bool | None = None) -> nn.Module:
        """Return the network to sample with: the averaged generator where there is one, unless `raw`."""
        raw = self.raw if raw is None else raw
        return self.generator if raw or self.ema is None else self.ema

    def sample_rows(self, rows: Tensor, seed: int = 0, raw: bool | None = None) -> Tensor:
        """Return the samples with these numbers, (len(rows), *shape), float32, images in [-1, 1]."""
        return self.generate(self.latents(rows, seed), raw)

    def latents(self, rows: Tensor, seed: int = 0) -> Tensor:
        """Return the latents of the samples with these numbers, (len(rows), latent_dim), float32, on the CPU."""
        return latents(seed, rows, self.latent_dim, self.latent)

    @torch.no_grad()
    def generate(self, z: Tensor, raw: bool | None = None) -> Tensor:
        """Return the samples (N, *shape) of latents (N, latent_dim), float32, images in [-1, 1]."""
        network = self.sampler(raw)
        with evaluating(network):
            return network(z.to(self.device, next(network.parameters()).dtype)).float()

    def samples(self, num: int, seed: int = 0, raw: bool | None = None, batch_size: int = 64) -> Iterator[Tensor]:
        """Yield `num` samples in batches, so that tens of thousands need not be held in memory."""
        for start in range(0, num, batch_size):
            yield self.sample_rows(torch.arange(start, min(start + batch_size, num)), seed, raw)

    def sample(self, num: int = 64, seed: int = 0, raw: bool | None = None) -> Tensor:
        """Return `num` samples, (num, *shape), float32, images in [-1, 1]; the same for the same seed."""
        return torch.cat(list(self.samples(num, seed, raw)))

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

    # Judging ----------------------------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        """Ask the data how its samples are judged."""
        data = getattr(self.trainer, "datamodule", None)
        never = stage == "fit" and self.trainer.limit_val_batches == 0
        if stage != "predict" and not never:
            self.metrics = data.metrics() if data and hasattr(data, "metrics") else [SlicedWassersteinDistance()]
            self.real_is_known = False

    @property
    def scores(self) -> dict[str, bool]:
        """The scores of a validation by name, the main one first, and whether a higher value is the better one."""
        return {name: higher for metric in self.metrics for name, higher in metric.scores.items()}

    def on_validation_start(self) -> None:
        """Take the metrics to where the samples are; MPS has no float64, which they need."""
        for metric in self.metrics:
            metric.to("cpu" if self.device.type == "mps" else self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Show the metrics as many generated samples as real ones, and the real ones once a run."""
        real = batch["image"]
        rows = self.global_rank + self.trainer.world_size * torch.arange(self.judged, self.judged + len(real))
        self.judged += len(real)
        fake = self.sample_rows(rows, VALIDATION_SEED).to(real.dtype)
        for metric in self.metrics:
            if not self.real_is_known:
                metric.update(real.to(metric.device), real=True)
            metric.update(fake.to(metric.device), real=False)

    def on_validation_epoch_end(self) -> None:
        """Report the scores as `val/...`."""
        self._judge("val")

    def on_test_start(self) -> None:
        """Do as in validation."""
        self.on_validation_start()

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Do as in validation."""
        self.validation_step(batch, batch_idx)

    def on_test_epoch_end(self) -> None:
        """Report the scores as `test/...`."""
        self._judge("test")

    def _judge(self, stage: str) -> None:
        values: dict[str, Tensor] = {}
        for metric in self.metrics:
            values |= {f"{stage}/{name}": value for name, value in metric.compute().items()}  # over all ranks
            metric.forget() if self.trainer.sanity_checking else metric.reset()
        self.judged, self.real_is_known = 0, not self.trainer.sanity_checking
        self.log_dict({name: value.float() for name, value in values.items()}, logger=False)  # for `validate`, `test`
        if self.trainer.state.fn == "fit" and not self.trainer.sanity_checking:
            self.report(values)

    def report(self, values: dict[str, Any], step: int | None = None) -> None:
        """Send values, averaged over the ranks, to the loggers, at once and on the one axis, and to callbacks.

        Lightning's own logging comes after the checkpoint of the same step: a kill between would lose the row.
        """
        step = self.global_step if step is None else step
        tensors = torch.stack([torch.as_tensor(v, dtype=torch.float32, device=self.device) for v in values.values()])
        if self.trainer.world_size > 1:
            average_([tensors], self.trainer.strategy)
        numbers = dict(zip(values, tensors.tolist(), strict=True))
        for logger in self.trainer.loggers:
            logger.log_metrics(numbers, step=step)
        self.trainer.callback_metrics.update({name: torch.tensor(number) for name, number in numbers.items()})

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


def check_networks(generator: nn.Module, discriminator: nn.Module, latent_dim: int, shape: tuple[int, ...]) -> None:
    """Try both networks on two samples, so that a mismatch is one clear message before the first step.

    Raises:
        UserError: the networks don't fit the data, or each other.
    """
    name_g, name_d = type(generator).__name__, type(discriminator).__name__
    with torch.no_grad(), evaluating(generator), evaluating(discriminator):
        try:
            fake = generator(torch.zeros(2, latent_dim))
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{name_g} can't make samples from latents of length {latent_dim}: {reason}") from error
        if tuple(fake.shape) != (2, *shape):
            raise UserError(
                f"{name_g} makes samples of shape {tuple(fake.shape[1:])}, but the data has {shape}: "
                "change the generator, or the data's size."
            )
        try:
            scores = discriminator(fake)
        except RuntimeError as error:
            raise UserError(f"{name_d} can't judge samples of shape {shape}: {str(error).splitlines()[0]}") from error
    if tuple(scores.shape) != (2,):
        raise UserError(
            f"{name_d} gives scores of shape {tuple(scores.shape)} for 2 samples: it must give one raw score each."
        )


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
