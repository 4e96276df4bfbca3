"""The two players: networks sized by the data, the generator's average, and what a checkpoint keeps."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ganzoo.game.judging import Judged
from ganzoo.game.record import record
from ganzoo.system.draws import run_seed
from ganzoo.system.errors import UserError
from ganzoo.system.moved import moved, public_path

__all__ = ["FORMAT", "Players"]

FORMAT = 1  # of what a checkpoint says of its model; 0, the one before, had no number and other class paths


class Players(Judged):
    """A generator and a discriminator: what they are, but not how they play, nor what they make.

    What they make is the part of `ganzoo.game.FromNoise` and `ganzoo.game.FromImages`.

    Args:
        ema: half-life, in images, of the moving average of the generator's weights (Karras et al. 2018, section 4).
            None: no average.
        ema_rampup: while fewer images were seen, the half-life is at most this share of them (StyleGAN2's code).
            None: the half-life is fixed.
        raw: sample and validate with the raw weights although there is an average.
        channels_last: keep images as (N, H, W, C) in memory: quicker convolutions, the same mathematics.

    Attributes:
        generator: what makes images or points, a network or several.
        discriminator: what scores them, a network or several.
        ema: the generator with averaged weights, or None.
        shape: (C, H, W) of an image that is made, or (D,) of a point; known once the networks are built.
    """

    has_latent_space: ClassVar[bool] = False
    """Whether samples are made from latents, not from images."""

    made_by: ClassVar[str] = ""
    """The command that makes more with a checkpoint."""

    sizes: ClassVar[tuple[str, ...]] = ("shape",)
    """The options that say how large the data is; unless given, they are asked of the DataModule by these names."""

    scores_are_logits: bool = True
    """Whether D(x) = sigmoid(score); a critic's score is taken as it is."""

    generator: nn.Module
    discriminator: nn.Module
    ema: nn.Module | None
    shape: tuple[int, ...] | None

    def __init__(
        self,
        ema: float | None = None,
        ema_rampup: float | None = 0.05,
        raw: bool = False,
        channels_last: bool = True,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        if ema is not None and ema <= 0:
            raise UserError(f"ema is {ema}: give a half-life in images above 0, or null for no average.")
        self.ema_halflife, self.ema_rampup, self.raw = ema, ema_rampup, raw
        self.channels_last = channels_last
        self.ema = None
        self.images_seen = 0  # real images that the generator was trained against, over all ranks

    def build_players(self) -> tuple[nn.Module, nn.Module]:
        """Return the generator and the discriminator, now that the sizes are known."""
        raise NotImplementedError

    def check_players(self) -> None:
        """Try both networks on small samples, so that a mismatch is one clear message before the first step."""
        raise NotImplementedError

    # Building ---------------------------------------------------------------------------------------------

    def configure_model(self) -> None:
        """Build the networks, sized by the data unless the sizes are set; their weights follow from the seed."""
        if hasattr(self, "generator"):
            return
        data = self._data()
        self.check_data(data)
        self._take_sizes_from(data)
        self.check_sizes(data)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run_seed())
            generator, discriminator = self.build_players()
        if self.channels_last:
            generator.to(memory_format=torch.channels_last)
            discriminator.to(memory_format=torch.channels_last)
        self.generator, self.discriminator = generator, discriminator
        self.check_players()
        if self.ema_halflife is not None:
            self.ema = copy.deepcopy(generator).requires_grad_(False)

    def _data(self) -> Any:
        try:
            return self.trainer.datamodule  # type: ignore[attr-defined]
        except RuntimeError:  # there is no trainer: the model is being loaded
            return None

    def check_data(self, data: Any) -> None:
        """Refuse a DataModule, if there is one, whose batches the model can't be trained on."""

    def check_sizes(self, data: Any) -> None:
        """Refuse sizes that the model can't be built for, or that nobody has said."""

    def networks(self, player: str) -> list[nn.Module]:
        """Return the networks of a player: one, or those of an `nn.ModuleDict`."""
        network = getattr(self, player)
        return list(network.values()) if isinstance(network, nn.ModuleDict) else [network]

    def _take_sizes_from(self, data: Any) -> None:
        for name in self.sizes:
            mine, found = getattr(self, name), getattr(data, name, None)
            if mine is None:
                setattr(self, name, found)
            elif found is not None and mine != found:
                raise UserError(
                    f"model.{name} is {mine}, but the data ({type(data).__name__}) has {found}: "
                    f"leave model.{name} out, or give data that matches."
                )
            self.hparams[name] = getattr(self, name)  # so that the checkpoint has it

    # Showing ----------------------------------------------------------------------------------------------

    def picture(self, val: Any, num: int) -> tuple[Tensor, int | None]:
        """Return about `num` images (N, C, H, W) in [-1, 1], on the CPU, that show how the generator is doing.

        Args:
            val: the validation set, or None.
            num: how many images.

        Returns:
            The images and the columns to draw them in (None: near square).
        """
        raise NotImplementedError

    def beside_real(self, val: Any, num: int) -> tuple[dict[str, Tensor], int | None]:
        """Return the same with validation data beside it: images by title, and the columns of each."""
        raise NotImplementedError

    # The average ------------------------------------------------------------------------------------------

    def sampler(self, raw: bool | None = None) -> nn.Module:
        """Return the network to sample with: the averaged generator where there is one, unless `raw`."""
        raw = self.raw if raw is None else raw
        return self.generator if raw or self.ema is None else self.ema

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
        made = record(self.hparams, type(self), run_seed())
        checkpoint["ganzoo"] = {"format": FORMAT, **made, "images_seen": self.images_seen}
        for key in (self.CHECKPOINT_HYPER_PARAMS_KEY, self.CHECKPOINT_HYPER_PARAMS_NAME):
            checkpoint.pop(key, None)  # Lightning's own record may hold classes, which a safe load refuses

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse the checkpoint of another model, or of other networks than these."""
        found = moved(str(checkpoint.get("ganzoo", {}).get("class_path", "no model of ganzoo")))
        mine = public_path(type(self))
        if found != mine:
            raise UserError(f"the checkpoint belongs to {found}, not to {mine}: use the model that it was made with.")
        theirs = {name: tuple(weights.shape) for name, weights in checkpoint["state_dict"].items()}
        ours = {name: tuple(weights.shape) for name, weights in self.state_dict().items()}
        wanted = ours
        if "optimizer_states" not in checkpoint:  # an import, of generators alone
            wanted = {name: shape for name, shape in ours.items() if name in theirs}
        if ours and wanted != theirs:
            known = checkpoint["ganzoo"]["init_args"]
            sizes = [f"{size} {known[size]}" for size in self.sizes if size in known]
            raise UserError(
                f"the checkpoint's networks are others than these, made for {', '.join(sizes) or 'other data'}: give "
                "the options of model and data that it was trained with, such as --data.image_size (its run's "
                "config.yaml has them)."
            )
        self.images_seen = checkpoint["ganzoo"]["images_seen"]


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode for a while."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)
