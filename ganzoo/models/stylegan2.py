"""StyleGAN2 (Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN")."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ganzoo.game import Batch, Move, OptimizerCallable, Terms
from ganzoo.game.conditions import Labels
from ganzoo.models.gan import GAN
from ganzoo.networks import StyleGAN2Discriminator, StyleGAN2Generator
from ganzoo.networks.stylegan2_discriminator import grouped
from ganzoo.objectives import NonSaturating
from ganzoo.optimizers import Adam
from ganzoo.penalties import R1
from ganzoo.system.buffers import add_buffer
from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = ["StyleGAN2"]

PATH_DECAY = 0.01  # how fast the mean path length follows
GROUPED = "each device has too few samples for a group of the minibatch standard deviation"


@dataclass(frozen=True)
class Settings:
    """What the authors' code sets by the size of the images and of the batch.

    Attributes:
        fmaps: a factor of the channels of large maps.
        mapping_layers: layers of the mapping network.
        lr: learning rate of both players.
        gamma: weight of R1.
        ema: half-life of the average, in images.
        rampup: while fewer images were seen, the half-life is at most this share of them. None: it is fixed.
    """

    fmaps: float = 1.0
    mapping_layers: int = 8
    lr: float = 0.002
    gamma: float = 10.0
    ema: float = 10_000.0
    rampup: float | None = None


def settings_for(name: str, side: int, batch: int) -> Settings:
    """Return the settings for images of `side` px and batches of `batch` on all devices together.

    `paper`: those of config F. `auto`: the rule of the authors' later code (NVlabs/stylegan2-ada-pytorch, train.py).
    """
    if name == "paper":
        return Settings()
    return Settings(
        fmaps=1.0 if side >= 512 else 0.5,
        mapping_layers=2,
        lr=0.002 if side >= 1024 else 0.0025,
        gamma=0.0002 * side**2 / batch,
        ema=batch * 10_000 / 32,
        rampup=0.05,
    )


class StyleGAN2(GAN):
    """Karras et al. 2020: the game of 2014 with two lazy penalties, each a move of its own (section 3.1).

    R1 keeps D smooth. Path length regularization makes a step in W change the image by the same everywhere. A penalty
    of every k-th round is k times as strong then. So Adam makes (k + 1) / k steps a round, and its rate and betas are
    scaled by k / (k + 1), as in the authors' code.

    Their code differs in this: a layer from which on styles are mixed is drawn for the whole batch, not for each
    sample; the mean of the path lengths has a gradient, and is each device's own; penalties may be in half precision;
    w_avg is copied into the average of the weights, not averaged; gradients that are not finite become 0.

    Args:
        settings: what follows from the sizes and is not given: `paper`, config F; `auto`, the authors' rule for the
            size of images and batch, which is lighter below 512 px.
        latent_dim: length of z.
        gamma: weight of R1. None: by the settings.
        r1_every: rounds from one R1 to the next.
        path_weight: weight of path length regularization; 0 for none.
        path_every: rounds from one to the next.
        mixing: share of the samples whose later layers have the style of another latent.
        conditional: tell both networks the labels.
        ema: half-life, in images, of the average of G's weights. `settings`: by the settings. None: no average.
        ema_rampup: while fewer images were seen, the half-life is at most this share of them. None: it is fixed.
            `settings`: by the settings, which is 0.05 for `auto`, and None for `paper`.
        generator_optimizer: G's. None: Adam with betas 0 and 0.99, its rate by the settings.
        discriminator_optimizer: D's. None: the same.
        gan: the options of `ganzoo.models.GAN`.
    """

    expensive: ClassVar[bool] = True
    spaces: ClassVar[tuple[str, ...]] = ("z", "w", "w+")
    default_generator = StyleGAN2Generator
    default_discriminator = StyleGAN2Discriminator
    default_objective = NonSaturating()
    path_mean: Tensor
    generator: StyleGAN2Generator

    def __init__(
        self,
        settings: Literal["paper", "auto"] = "paper",
        latent_dim: int = 512,
        gamma: float | None = None,
        r1_every: int = 16,
        path_weight: float = 2.0,
        path_every: int = 4,
        mixing: float = 0.9,
        conditional: bool = False,
        ema: float | Literal["settings"] | None = "settings",
        ema_rampup: float | Literal["settings"] | None = "settings",
        generator_optimizer: OptimizerCallable | None = None,
        discriminator_optimizer: OptimizerCallable | None = None,
        **gan: Any,
    ) -> None:
        self.average_by_settings = {"ema": ema == "settings", "rampup": ema_rampup == "settings"}
        super().__init__(
            latent_dim=latent_dim,
            ema=Settings().ema if ema == "settings" else ema,
            ema_rampup=Settings().rampup if ema_rampup == "settings" else ema_rampup,
            generator_optimizer=generator_optimizer or Adam,
            discriminator_optimizer=discriminator_optimizer or Adam,
            **gan,
        )
        self.optimizers_given = {"generator": generator_optimizer, "discriminator": discriminator_optimizer}
        self.settings, self.gamma, self.mixing = settings, gamma, mixing
        self.path_weight, self.every = path_weight, {"generator": path_every, "discriminator": r1_every}
        self.conditioned_on = Labels if conditional else None  # type: ignore[misc]
        if not 0 <= mixing <= 1:
            raise UserError(f"mixing is {mixing}: give a share of the samples, from 0 to 1.")
        if (gamma or 0) < 0 or path_weight < 0:
            raise UserError(f"gamma is {gamma} and path_weight {path_weight}: a penalty is 0 or more.")
        if min(r1_every, path_every) < 1:
            raise UserError(f"r1_every is {r1_every} and path_every {path_every}: give 1 (every round) or more.")
        if any(isinstance(penalty, R1) for penalty in self.penalties):
            raise UserError("StyleGAN2 has R1 as a move of its own: give model.gamma, and leave R1 out of penalties.")
        add_buffer(self, "path_mean", torch.zeros(()), "shared")

    # The networks -----------------------------------------------------------------------------------------

    def by_settings(self, batch: int = 32) -> Settings:
        """Return the settings for these images and a batch on all devices together."""
        assert self.shape is not None
        return settings_for(self.settings, self.shape[-1], batch)

    def build_generator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return the generator."""
        return self.sized(self.make_generator)(self.latent_dim, shape)

    def build_discriminator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return the discriminator."""
        self.make_discriminator = self.sized(self.make_discriminator)
        return super().build_discriminator(shape)

    def sized(self, network: Any) -> Any:
        """Return what makes a network, with what the settings say of one that is not given, and with the labels."""
        given: dict[str, Any] = {} if self.condition is None else {"num_classes": self.condition.width}
        by = self.by_settings()
        if network in (self.default_generator, self.default_discriminator):
            given["fmaps"] = by.fmaps
        if network is self.default_generator:
            given["mapping_layers"] = by.mapping_layers
        return partial(network, **given)

    def build_players(self) -> tuple[nn.Module, nn.Module]:
        """Return both networks; let the rates fit to the lazy moves."""
        for name, given in self.optimizers_given.items():
            adam = partial(Adam, lr=self.by_settings().lr, betas=(0.0, 0.99))
            off = self.gamma == 0 if name == "discriminator" else self.path_weight == 0
            self.learning[name]["optimizer"] = lazy(given or adam, None if off else self.every[name])
        return super().build_players()

    def on_fit_start(self) -> None:
        """Say the settings. Compile both parts of the generator: a loss calls each by itself."""
        data, world = self.trainer.datamodule, self.trainer.world_size  # type: ignore[attr-defined]
        own = getattr(data, "batch_size", 32)
        group = getattr(getattr(self.discriminator, "b4", None), "group", 1)
        grouped(own // self.micro_batches, group, strict=True)
        if own // self.micro_batches < group:
            self.couples_batch = GROUPED
        by = self.by_settings(own * world)
        assert self.shape is not None
        self.settle_average(by)
        if self.trainer.is_global_zero:
            gamma = by.gamma if self.gamma is None else self.gamma
            share = self.average.rampup
            most = "" if share is None else f", at first {share:g} of those seen"
            lasts = "none" if self.ema is None else f"{self.average.halflife:g} images{most}"
            say(
                f"StyleGAN2, settings {self.settings}: {self.shape[-1]} px, batch {own * world}, {self.widths()}, "
                f"learning rate {self.rates_in_words(by)}, R1 gamma {gamma:g}, average {lasts}."
            )
        super().on_fit_start()
        if self.compile_networks:
            self.generator.mapping.compile()
            self.generator.synthesis.compile()

    def settle_average(self, by: Settings) -> None:
        """Let the average of G's weights follow the settings in what was not given."""
        if self.average_by_settings["ema"]:
            self.average.halflife = by.ema
        if self.average_by_settings["rampup"]:
            self.average.rampup = by.rampup

    def rates_in_words(self, by: Settings) -> str:
        """Say the learning rate by the settings, and whose optimizer is given instead."""
        given = [name for name, optimizer in self.optimizers_given.items() if optimizer is not None]
        if len(given) == len(self.optimizers_given):
            return "as given"
        return f"{by.lr:g}" + "".join(f" (the {name}'s as given)" for name in given)

    def widths(self) -> str:
        """Say how many channels the generator has, if it is ganzoo's."""
        channels = getattr(self.generator.synthesis, "channels", {})
        ends = [f"{channels[side]} at {side} px" for side in sorted(channels)[:: max(1, len(channels) - 1)]]
        return f"channels {' to '.join(ends)}" if ends else "a generator of your own"

    # The game ---------------------------------------------------------------------------------------------

    def moves(self, step: int) -> list[Move]:
        """Return the moves of 2014, each before its player's lazy penalty."""
        d, g = super().moves(step)
        r1 = Move("discriminator", self.r1_loss, every=self.every["discriminator"])
        path = Move("generator", self.path_loss, every=self.every["generator"])
        return [d, *([] if self.gamma == 0 else [r1]), g, *([] if self.path_weight == 0 else [path])]

    def fakes(self, batch: Batch, z: Tensor) -> Tensor:
        """Return images (N, *shape) of latents z (N, latent_dim), with mixed styles."""
        return self.generator.synthesis(self.styles_of(z, *self.told(batch)))

    def styles_of(self, z: Tensor, *y: Tensor) -> Tensor:
        """Return styles ws (N, num_ws, w_dim): from a random layer on that of another latent (Karras et al. 2019, 3.1).

        They move w_avg.
        """
        w = self.generator.mapping(z, *y)
        self.generator.mapping.track(w)
        ws = w[:, None].expand(-1, self.generator.num_ws, -1)
        if self.mixing == 0:
            return ws
        (other,) = self.chance()
        num, layers = len(z), ws.shape[1]
        cut = 1 + self.draws.integers(layers - 1)[:num]
        mixed = self.draws.uniform()[:num] < self.mixing
        is_other = mixed[:, None] & (torch.arange(layers, device=z.device) >= cut[:, None])
        return torch.where(is_other[:, :, None], self.generator.mapping(other[:num], *y)[:, None], ws)

    def r1_loss(self, batch: Batch, z: Tensor) -> Terms:
        """Keep D smooth at real images: gamma/2 E ||grad D(x)||^2, by the image before it is augmented."""
        x, y = batch["image"], self.told(batch)
        num = len(x) * self.micro_batches * (self._trainer.world_size if self._trainer is not None else 1)
        gamma = self.by_settings(num).gamma if self.gamma is None else self.gamma
        penalty = R1(gamma, every=self.every["discriminator"])
        return {"r1": penalty(lambda x: self.scores(x, *y, compiled=False), x, x, self.draws)}

    def path_loss(self, batch: Batch, z: Tensor) -> Terms:
        """Let a step in W change the image by the same everywhere: equation 4, on half of the batch.

        E (||J^T y||_2 - a)^2, with J the images' Jacobian by w, y noise, and a the running mean of the lengths.
        """
        half = (len(z) + 1) // 2
        with torch.autocast(z.device.type, enabled=False):
            ws = self.styles_of(z[:half], *(label[:half] for label in self.told(batch)))
            images = self.generator.synthesis.forward(ws)
            noise = self.draws.normal(*images.shape[1:])[:half] / images[0, 0].numel() ** 0.5
            (slope,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
            lengths = slope.square().sum(2).mean(1).sqrt()
            self.path_mean.lerp_(self.mean(lengths.detach().mean()).to(self.path_mean.dtype), PATH_DECAY)
            strength = self.path_weight * self.every["generator"]
            return {"path_length": strength * (lengths - self.path_mean).square().mean()}


def lazy(optimizer: OptimizerCallable, every: int | None) -> OptimizerCallable:
    """Return an optimizer whose rate, and betas if it has some, fit to one step more in every k-th round."""

    def made(weights: Iterable) -> torch.optim.Optimizer:
        new, share = optimizer(weights), 1.0 if every is None else every / (every + 1)
        for group in new.param_groups:
            group["lr"] *= share
            if "betas" in group:
                group["betas"] = tuple(beta**share for beta in group["betas"])
        return new

    return made
