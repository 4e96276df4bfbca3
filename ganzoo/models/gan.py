"""The first GAN (Goodfellow et al. 2014, "Generative Adversarial Nets"), and what every variant can be given."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import spectral_norm as normalised

from ganzoo.game import Batch, DiscriminatorCallable, FromNoise, GeneratorCallable, Move, Player
from ganzoo.networks import JoinedGenerator, MinibatchDiscriminator, MLPDiscriminator, MLPGenerator
from ganzoo.networks.labels import need_features
from ganzoo.networks.minibatch import MinibatchDiscrimination
from ganzoo.objectives import NonSaturating, Objective, wide
from ganzoo.penalties import Penalty, clip_weights_
from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = ["GAN"]


class GAN(FromNoise):
    """Goodfellow et al. 2014, algorithm 1: `n_critic` (the paper's k) updates of D, then one of G.

    Both networks are multilayer perceptrons unless others are given.

    Args:
        generator: (latent_dim, shape) -> the generator. None: MLPGenerator; the paper gives no widths.
        discriminator: (shape) -> the discriminator. None: MLPDiscriminator.
        objective: what the players want. None: NonSaturating, as the paper trains (end of its section 3); Minimax is
            its equation 1 as written.
        penalties: terms that keep D smooth, such as `R1` or `GradientPenalty`. None: the paper's own.
        weight_clip: D's weights stay in [-weight_clip, weight_clip] (Arjovsky et al. 2017).
        spectral_norm: divide each of D's weights by its largest singular value (Miyato et al. 2018).
        minibatch: let D see the batch: `discrimination` (Salimans et al. 2016) or `stddev` (Karras et al. 2018).
        feature_matching: G wants the mean of D's features to be that of real samples (Salimans et al. 2016,
            equation in section 3.1), not to be taken for real.
        instance_noise: standard deviation of normal noise on all that D sees (Sonderby et al. 2017, Arjovsky and
            Bottou 2017), at the first round.
        instance_noise_rounds: the noise falls linearly to nothing over so many rounds. None: it stays.
        game: the options of every variant; see `ganzoo.game.FromNoise`.
    """

    default_generator: ClassVar[Callable[..., nn.Module]] = MLPGenerator
    default_discriminator: ClassVar[Callable[..., nn.Module]] = MLPDiscriminator
    default_objective: ClassVar[Objective] = NonSaturating()
    default_penalties: ClassVar[tuple[Penalty, ...]] = ()

    def __init__(
        self,
        generator: GeneratorCallable | None = None,
        discriminator: DiscriminatorCallable | None = None,
        objective: Objective | None = None,
        penalties: list[Penalty] | None = None,
        weight_clip: float | None = None,
        spectral_norm: bool = False,
        minibatch: Literal["discrimination", "stddev"] | None = None,
        feature_matching: bool = False,
        instance_noise: float = 0.0,
        instance_noise_rounds: int | None = None,
        **game: Any,
    ) -> None:
        super().__init__(**game)
        self.make_generator = generator or self.default_generator
        self.make_discriminator = discriminator or self.default_discriminator
        self.objective = objective or self.default_objective
        self.penalties = list(self.default_penalties if penalties is None else penalties)
        self.weight_clip, self.spectral_norm, self.minibatch = weight_clip, spectral_norm, minibatch
        self.feature_matching = feature_matching
        self.instance_noise, self.instance_noise_rounds = instance_noise, instance_noise_rounds
        reasons = [self.objective.couples_batch, *(penalty.couples_batch for penalty in self.penalties)]
        if minibatch or feature_matching:
            reasons.append("each device compares the samples of its own part of the batch")
        self.couples_batch = next(filter(None, reasons), "")
        self.scores_are_logits = self.objective.probability
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        name = type(self.objective).__name__
        if self.weight_clip is not None:
            if self.weight_clip <= 0:
                raise UserError(f"weight_clip is {self.weight_clip}: give a bound above 0, such as 0.01, or null.")
            if self.objective.probability:
                raise UserError(
                    f"weight_clip keeps a critic's slope small, but {name} needs a probability, whose logit must be "
                    "free to grow: set model.objective to Wasserstein, or leave weight_clip out."
                )
            if self.spectral_norm:
                raise UserError("weight_clip and spectral_norm both bound the same weights: choose one.")
        if self.instance_noise < 0:
            raise UserError(f"instance_noise is {self.instance_noise}: give a standard deviation of 0 or more.")
        if self.instance_noise_rounds is not None and self.instance_noise_rounds < 1:
            raise UserError(f"instance_noise_rounds is {self.instance_noise_rounds}: give 1 or more, or null.")
        names = [type(penalty).__name__ for penalty in self.penalties]
        if len(set(names)) < len(names):
            raise UserError(f"penalties has {', '.join(names)}: give each kind once, with its whole weight.")
        if self.objective.needs_bound and not (self.penalties or self.weight_clip or self.spectral_norm):
            raise UserError(
                f"{name} needs a critic with a bounded slope, or its loss falls for ever: set model.penalties to "
                "GradientPenalty, or model.weight_clip, or model.spectral_norm."
            )

    # The networks -----------------------------------------------------------------------------------------

    def build_generator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return the generator; that of a conditional model has the label joined to its noise."""
        if not self.conditional:
            return self.make_generator(self.latent_dim, shape)
        assert self.num_classes is not None
        return JoinedGenerator(self.make_generator(self.latent_dim + self.num_classes, shape), self.num_classes)

    def build_discriminator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return the discriminator, with what the options add to it."""
        discriminator = self.make_discriminator(self.shape_seen(shape))
        bounds = [type(penalty).__name__ for penalty in self.penalties]
        if self.spectral_norm and self.objective.needs_bound:
            bounds.append("spectral_norm")
        if bounds and any(isinstance(module, _BatchNorm) for module in discriminator.modules()):
            name = type(discriminator).__name__
            raise UserError(
                f"{name} has batch norm, and {bounds[0]} bounds the slope at each sample, which batch norm makes "
                f"depend on all others (Gulrajani et al. 2017, section 4): give --model.discriminator {name} "
                f"--model.discriminator.norm layer (or none), or leave {bounds[0]} out."
            )
        if self.feature_matching:
            need_features(discriminator)
        if self.minibatch is not None:
            discriminator = MinibatchDiscriminator(discriminator, self.shape_seen(shape), self.minibatch)
        discriminator = self.with_labels(discriminator, shape)
        return spectrally_normalised(discriminator) if self.spectral_norm else discriminator

    def shape_seen(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of what the discriminator's first layer sees."""
        return shape

    def with_labels(self, discriminator: nn.Module, shape: tuple[int, ...]) -> nn.Module:
        """Return the discriminator as it takes labels: a conditional model says how."""
        return discriminator

    def on_fit_start(self) -> None:
        """Say what is not compiled."""
        super().on_fit_start()
        if self.compile_networks and self.penalties and self.trainer.is_global_zero:
            say("compile: torch.compile has no second derivative, so the penalties run uncompiled.")

    def opinion(self, x: Tensor, *y: Tensor) -> Tensor:
        """Return the discriminator's raw scores (N,) of samples (N, *shape), a few at a time if it sees the batch."""
        parts = len(x) if self.minibatch is None else 64  # what it compares grows with the square
        return torch.cat([self.discriminator(*part) for part in zip(*(t.split(parts) for t in (x, *y)), strict=True)])

    # The game ---------------------------------------------------------------------------------------------

    def moves(self, step: int) -> list[Move]:
        """Return algorithm 1's moves."""
        return [
            Move("discriminator", self.discriminator_loss, times=self.n_critic),
            Move("generator", self.generator_loss),
        ]

    def discriminator_loss(self, batch: Batch, z: Tensor) -> dict[str, Tensor]:
        """Tell real samples from fakes: equation 1, for D; and stay smooth."""
        y = self.labels(batch)
        x, x_fake = (self.leaf(self.shown(samples)) for samples in (batch["image"], self.generator(z, *y)))
        real, fake = self.discriminator(x, *y), self.discriminator(x_fake, *y)
        self.note_scores(real, fake)
        terms = {"adversarial": self.objective.discriminator(real, fake)}
        return terms | self.penalty_terms(x, x_fake, y, (real, fake))

    def generator_loss(self, batch: Batch, z: Tensor) -> dict[str, Tensor]:
        """Make fakes that D takes for real: equation 1, for G; z is fresh."""
        y = self.labels(batch)
        fake = self.shown(self.generator(z, *y))
        if self.feature_matching:
            return {"feature_matching": self.feature_distance(self.shown(batch["image"]), fake, y)}
        real = self.discriminator(self.shown(batch["image"]), *y) if self.objective.relativistic else None
        return {"adversarial": self.objective.generator(real, self.discriminator(fake, *y))}

    def labels(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return what both networks are given beside: nothing, or the batch's labels for a conditional model."""
        return (batch["label"],) if self.conditional else ()

    def shown(self, x: Tensor) -> Tensor:
        """Return samples as D is shown them: with instance noise, if there is any."""
        rounds = self.instance_noise_rounds
        std = self.instance_noise * (1 if rounds is None else max(0.0, 1 - self.round / rounds))
        return x + std * self.draws.normal(*x.shape[1:]) if std > 0 else x

    def due(self) -> list[Penalty]:
        """Return the penalties of this round."""
        return [penalty for penalty in self.penalties if (self.round + 1) % penalty.every == 0]  # as logs are

    def leaf(self, x: Tensor) -> Tensor:
        """Return samples by which their scores can be differentiated, if a penalty can so do without scores of its own.

        It can't in half precision, nor when D is compiled: torch.compile has no second derivative.
        """
        alike = not (self.compile_networks or torch.is_autocast_enabled(x.device.type))
        return x.detach().requires_grad_() if alike and any(p.at_samples for p in self.due()) else x

    def penalty_terms(
        self, x: Tensor, x_fake: Tensor, y: tuple[Tensor, ...], scores: tuple[Tensor, ...] = ()
    ) -> dict[str, Tensor]:
        """Return the penalties of this round, by name; `scores` are those of the two kinds of samples, if known."""

        def discriminator(samples: Tensor) -> Tensor:
            for known, score in zip((x, x_fake), scores, strict=False):
                if samples is known and samples.requires_grad:
                    return score
            return self.discriminator.forward(samples, *y)  # which is never compiled

        return {type(penalty).__name__: penalty(discriminator, x, x_fake, self.draws) for penalty in self.due()}

    def feature_distance(self, x: Tensor, x_fake: Tensor, y: tuple[Tensor, ...]) -> Tensor:
        """Return ||E f(x) - E f(G(z))||^2 of D's features f: Salimans et al. 2016, section 3.1."""
        real, fake = (wide(self.discriminator.features(samples, *y)).mean(0) for samples in (x, x_fake))  # type: ignore[operator]
        return (real - fake).square().sum()

    def moved(self, player: Player) -> None:
        """Clip D's weights after it moved."""
        if player == "discriminator" and self.weight_clip is not None:
            clip_weights_(self.weights[player], self.weight_clip)


def spectrally_normalised(network: nn.Module) -> nn.Module:
    """Return a network each of whose linear and convolutional weights, and T, is divided by its largest singular value.

    Miyato et al. 2018, algorithm 1: one power iteration at each use.
    """
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            if not module.weight.any():  # a layer that starts at zero has no singular value to divide by
                nn.init.xavier_uniform_(module.weight)
            normalised(module)
        elif isinstance(module, MinibatchDiscrimination):
            normalised(module, "T")
    return network
