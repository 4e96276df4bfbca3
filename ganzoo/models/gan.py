"""The first GAN (Goodfellow et al. 2014, "Generative Adversarial Nets"), and the options of every variant."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.game import Batch, Move, Player, Terms
from ganzoo.game.from_noise import FromNoise
from ganzoo.game.move import due
from ganzoo.networks import JoinedGenerator, MinibatchDiscriminator, MLPDiscriminator, MLPGenerator
from ganzoo.networks.augment import Augment, Augmentation
from ganzoo.networks.labels import need_features
from ganzoo.objectives import NonSaturating, Objective
from ganzoo.penalties import Bound, Penalty, WeightClip
from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = ["GAN"]

GeneratorCallable = Callable[[int, tuple[int, ...]], nn.Module]
DiscriminatorCallable = Callable[[tuple[int, ...]], nn.Module]
StatisticCallable = Callable[[int], nn.Module]


class GAN(FromNoise):
    """Goodfellow et al. 2014, algorithm 1: `n_critic` (the paper's k) updates of D, then one of G.

    Both networks are multilayer perceptrons unless others are given.

    Args:
        generator: (latent_dim, shape) -> the generator. None: the paper's. (That of 2014 gives no widths.)
        discriminator: (shape) -> the discriminator. None: the paper's.
        objective: the loss, what the players want. None: the paper's. (That of 2014 trains with NonSaturating, end of
            its section 3; Minimax is its equation 1 as written.)
        penalties: what keeps D smooth: terms such as `R1` or `GradientPenalty`, bounds of the weights such as
            `SpectralNorm`. None: the paper's own.
        augment: a change of all samples that D sees, such as `ADA` or `InstanceNoise`. None: nothing.
        minibatch: (in_features) -> a statistic of the batch that D sees too: `MinibatchDiscrimination` or
            `MinibatchStdDev`. None: each sample is seen by itself.
        game: the options of every variant; see `ganzoo.game.from_noise.FromNoise`.
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
        augment: Augment | None = None,
        minibatch: StatisticCallable | None = None,
        **game: Any,
    ) -> None:
        super().__init__(**game)
        self.make_generator = generator or self.default_generator
        self.make_discriminator = discriminator or self.default_discriminator
        self.objective = objective or self.default_objective
        self.penalties = list(self.default_penalties if penalties is None else penalties)
        self.augment, self.minibatch = augment, minibatch
        self.augmentation: Augmentation | None = None
        reasons = [self.objective.couples_batch, *(penalty.couples_batch for penalty in self.penalties)]
        if minibatch is not None:
            reasons.append("each device compares the samples of its own part of the batch")
        self.couples_batch = next(filter(None, reasons), "")
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        name, names = type(self.objective).__name__, [type(penalty).__name__ for penalty in self.penalties]
        if len(set(names)) < len(names):
            raise UserError(f"penalties has {', '.join(names)}: give each kind once, with its whole weight.")
        bounds = [type(penalty).__name__ for penalty in self.penalties if isinstance(penalty, Bound)]
        if len(bounds) > 1:
            raise UserError(f"{' and '.join(bounds)} both bound the same weights: choose one.")
        if self.objective.probability and any(isinstance(penalty, WeightClip) for penalty in self.penalties):
            raise UserError(
                f"WeightClip keeps a critic's slope small, but {name} needs a probability, whose logit must be "
                "free to grow: set model.objective to Wasserstein, or leave WeightClip out."
            )
        if self.objective.needs_bound and not self.penalties:
            raise UserError(
                f"{name} needs a critic with a bounded slope, or its loss falls for ever: set model.penalties to "
                "GradientPenalty, WeightClip or SpectralNorm."
            )

    # The networks -----------------------------------------------------------------------------------------

    def build_players(self) -> tuple[nn.Module, nn.Module]:
        """Return the generator and the discriminator; make the augmentation."""
        assert self.shape is not None
        self.augmentation = None if self.augment is None else self.augment.build(self.shape)
        return super().build_players()

    def build_generator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return the generator. In a conditional model the condition is joined to its noise."""
        if self.condition is None:
            return self.make_generator(self.latent_dim, shape)
        width = self.condition.width
        return JoinedGenerator(self.make_generator(self.latent_dim + width, shape), width)

    def build_discriminator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return the discriminator, with what the options add to it."""
        discriminator = self.make_discriminator(self.shape_seen(shape))
        needs = self.objective.needs_bound
        bounds = [type(p).__name__ for p in self.penalties if p.at_each_sample(needs)]
        if bounds and any(isinstance(module, _BatchNorm) for module in discriminator.modules()):
            name = type(discriminator).__name__
            raise UserError(
                f"{name} has batch norm, and {bounds[0]} bounds the slope at each sample, which batch norm makes "
                f"depend on all others (Gulrajani et al. 2017, section 4): give --model.discriminator {name} "
                f"--model.discriminator.norm layer (or none), or leave {bounds[0]} out."
            )
        if self.objective.on_features:
            need_features(discriminator)
        if self.minibatch is not None:
            discriminator = MinibatchDiscriminator(discriminator, self.shape_seen(shape), self.minibatch)
        discriminator = self.with_labels(discriminator, shape)
        for penalty in self.penalties:
            discriminator = penalty.prepare(discriminator)
        return discriminator

    def shape_seen(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input of the discriminator's first layer."""
        return shape

    def with_labels(self, discriminator: nn.Module, shape: tuple[int, ...]) -> nn.Module:
        """Return the discriminator as it takes labels: a conditional model says how."""
        return discriminator

    def on_fit_start(self) -> None:
        """Say what is not compiled."""
        super().on_fit_start()
        if self.compile_networks and self.penalties and self.trainer.is_global_zero:
            say("compile: torch.compile has no second derivative, so the penalties run uncompiled.")

    # The doors to the networks ----------------------------------------------------------------------------

    def told(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return what both networks are told: nothing, or the batch's labels in a conditional model."""
        return () if self.condition is None else (self.condition.of(batch),)

    def fakes(self, batch: Batch, z: Tensor) -> Tensor:
        """Return the samples (N, *shape) of latents z (N, latent_dim), with the labels of the batch's real ones."""
        return self.generator(z, *self.told(batch))

    def scores(
        self, x: Tensor, *y: Tensor, weights: dict[str, Tensor] | None = None, compiled: bool = True, **options: Any
    ) -> Any:
        """Return D's raw scores (N,) of samples x (N, *shape): D(augment(x)).

        Args:
            x: the samples.
            y: what D is told besides.
            weights: weights to use in place of D's own, by name; then D is uncompiled.
            compiled: whether D may be compiled: not for a second derivative.
            options: of the discriminator's `forward`.
        """
        x = self.shown(x)
        if weights is not None:
            return functional_call(Uncompiled(self.discriminator), named(weights), (x, *y), options)
        return (self.discriminator if compiled else self.discriminator.forward)(x, *y, **options)

    def features(self, x: Tensor, *y: Tensor, weights: dict[str, Tensor] | None = None) -> Tensor:
        """Return D's features (N, F) of samples, augmented as for `scores`."""
        network = Uncompiled(self.discriminator, "features")
        return functional_call(network, named(weights or {}), (self.shown(x), *y))

    def shown(self, x: Tensor) -> Tensor:
        """Return samples as D is shown them."""
        return x if self.augmentation is None else self.augmentation(x, self.draws, self.round)

    def scores_alone(self, x: Tensor, *y: Tensor) -> Tensor:
        """Return the discriminator's raw scores (N,) of samples (N, *shape), a few at a time if it sees the batch."""
        parts = len(x) if self.minibatch is None else 64  # the pairs that it compares grow with the square
        return torch.cat([self.discriminator(*part) for part in zip(*(t.split(parts) for t in (x, *y)), strict=True)])

    # The game ---------------------------------------------------------------------------------------------

    def moves(self, step: int) -> list[Move]:
        """Return algorithm 1's moves."""
        return [
            Move("discriminator", self.discriminator_loss, times=self.n_critic),
            Move("generator", self.generator_loss),
        ]

    def discriminator_loss(self, batch: Batch, z: Tensor) -> Terms:
        """Tell real samples from fakes: equation 1, for D; and stay smooth."""
        y = self.told(batch)
        x, x_fake = self.leaf(batch["image"]), self.leaf(self.fakes(batch, z))
        real, fake = self.scores(x, *y), self.scores(x_fake, *y)
        self.note_scores(real, fake)
        terms = {"adversarial": self.objective.discriminator(real, fake)}
        return terms | self.penalty_terms(x, x_fake, y, (real, fake))

    def generator_loss(self, batch: Batch, z: Tensor) -> Terms:
        """Make fakes that D takes for real: equation 1, for G; z is fresh."""
        return {self.objective.term: self.wanted(batch, self.fakes(batch, z))}

    def wanted(self, batch: Batch, x_fake: Tensor, **options: Any) -> Tensor:
        """Return G's loss, by D's scores or by its features."""
        look, y = self.features if self.objective.on_features else self.scores, self.told(batch)
        real = look(batch["image"], *y, **options) if self.objective.relativistic else None
        return self.objective.generator(real, look(x_fake, *y, **options))

    def note_scores(self, real: Tensor, fake: Tensor) -> None:
        """Log figures on D's scores; an augmentation sees by how much D is right about real samples."""
        super().note_scores(real, fake)
        if self.augmentation is not None:
            self.augmentation.saw(real if self.objective.probability else real - fake)

    def after_round(self, step: int) -> None:
        """Let the augmentation follow."""
        super().after_round(step)
        if self.augmentation is not None:
            for name, value in self.augmentation.after_round(step, self.images_in_round).items():
                self.notes.add(name, value)

    # Penalties --------------------------------------------------------------------------------------------

    def due(self) -> list[Penalty]:
        """Return the penalties that are terms of this round's loss."""
        return [penalty for penalty in self.penalties if penalty.is_term and due(penalty.every, self.round)]

    def leaf(self, x: Tensor) -> Tensor:
        """Return samples that require gradients, if a penalty can then use the scores that D's loss needs anyway.

        It can't in half precision, nor when D is compiled: torch.compile has no second derivative.
        """
        alike = not (self.compile_networks or torch.is_autocast_enabled(x.device.type))
        return x.detach().requires_grad_() if alike and any(p.at_samples for p in self.due()) else x

    def penalty_terms(self, x: Tensor, x_fake: Tensor, y: tuple[Tensor, ...], scores: tuple[Tensor, ...] = ()) -> Terms:
        """Return the penalties of this round, by name; `scores` are those of the two kinds of samples, if known.

        The gradient is taken by the sample itself, before it is augmented.
        """

        def discriminator(samples: Tensor) -> Tensor:
            for known, score in zip((x, x_fake), scores, strict=False):
                if samples is known and samples.requires_grad:
                    return score
            return self.scores(samples, *y, compiled=False)

        return {type(penalty).__name__: penalty(discriminator, x, x_fake, self.draws) for penalty in self.due()}

    def moved(self, player: Player) -> None:
        """Let the penalties act after a move of D: clip its weights."""
        if player.name == "discriminator":
            for penalty in self.penalties:
                penalty.after_move(player.weights)


class Uncompiled(nn.Module):
    """A network, or one of its methods, without torch.compile.

    Args:
        network: the network.
        method: its name.
    """

    def __init__(self, network: nn.Module, method: str = "forward") -> None:
        super().__init__()
        self.network, self.method = network, method

    def forward(self, *inputs: Tensor, **options: Any) -> Any:
        """Return what the method returns."""
        return getattr(self.network, self.method)(*inputs, **options)


def named(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a network by the names that they have in `Uncompiled`."""
    return {f"network.{name}": weight for name, weight in weights.items()}
