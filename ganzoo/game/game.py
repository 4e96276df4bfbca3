"""The game: players, a list of moves, and the way to play that all GANs share."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import lightning as L
import torch
from torch import Tensor, nn

from ganzoo.game.agreement import refuse_other_versions, refuse_ranks_that_differ
from ganzoo.game.average import Average
from ganzoo.game.building import build
from ganzoo.game.helpers import Helpers
from ganzoo.game.keeping import keep, take_back
from ganzoo.game.limits import refuse_other_clocks, refuse_other_games
from ganzoo.game.move import Batch, Move
from ganzoo.game.notes import Notes, noted, share
from ganzoo.game.player import OptimizerCallable, Player, SchedulerCallable
from ganzoo.game.ranks import leave_buffers_alone, mean_over_ranks
from ganzoo.game.round import Rounds
from ganzoo.game.starting import optimizers_of, start
from ganzoo.game.traceable import Traceable
from ganzoo.game.validation import Validation
from ganzoo.game.ways import Way
from ganzoo.game.weights import Beginning
from ganzoo.metrics import SampleMetric
from ganzoo.objectives import Objective
from ganzoo.optimizers import Adam
from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

__all__ = ["Game"]


class Game(L.LightningModule):
    """The base of every GAN. It plays the game; a variant says what the moves are.

    A training step is a round: the moves of `moves(step)`, in order. `global_step` counts rounds, so `max_steps`, the
    checkpoints' cadence and the loggers' axes all mean the same. While a player moves, only its own weights require
    gradients: fakes need no `detach()`.

    Args:
        generator_optimizer: the generator's optimizer.
        discriminator_optimizer: the discriminator's optimizer.
        generator_schedule: learning-rate schedule of the generator, stepped once a round.
        discriminator_schedule: learning-rate schedule of the discriminator, stepped once a round.
        generator_clip: largest norm of the generator's gradient; a larger one is scaled down to it.
        discriminator_clip: largest norm of the discriminator's gradient, in the same way.
        n_critic: discriminator updates for each generator update (`k` in Goodfellow et al. 2014).
        micro_batches: parts that a batch is split into, one after the other, to save memory. Exact for losses that
            are means over samples. Batch norm and relativistic averages see each part alone.
        compile: compile both networks with `torch.compile` when training starts.
        ema: half-life, in images, of the moving average of the generator's weights (Karras et al. 2018, section 4).
            None: no average.
        ema_rampup: while fewer images were seen, the half-life is at most this share of them (StyleGAN2's code).
            None: the half-life is fixed.
        raw: sample and validate with the raw weights even if there is an average.
        channels_last: keep images as (N, H, W, C) in memory: quicker convolutions, the same mathematics.

    Attributes:
        generator: what makes images or points, a network or several.
        discriminator: what scores them, a network or several.
        shape: (C, H, W) of an image that is made, or (D,) of a point; known once the networks are built.
        players: the players by name.
        draws: chance of the loss being computed: `self.draws.uniform()` is one number a sample.
        helpers: networks that others trained, by name; only there while the game is trained.
        images_seen: real images that the generator was trained against, over all ranks.
    """

    kind: ClassVar[str] = ""
    """What the generator starts from: `noise` or `images`."""

    spaces: ClassVar[tuple[str, ...]] = ()
    """The latent spaces that can be sampled from and walked in: `z`."""

    ways: ClassVar[tuple[Way, ...]] = ()
    """How it translates images; none for a model that makes samples from noise."""

    made_by: ClassVar[str] = ""
    """The command that makes more samples with a checkpoint."""

    sizes: ClassVar[tuple[str, ...]] = ("shape",)
    """Options for the sizes of the data. Unless given, they are the DataModule's attributes of the same names."""

    logged_as: ClassVar[dict[str, str]] = {}
    """Other names of players in logs: some papers say `critic`."""

    rates: ClassVar[dict[str, dict[str, float]]] = {}
    """Factors of the learning rates, by player and network: `{"generator": {"mapping": 0.01}}`."""

    expensive: ClassVar[bool] = False
    """Whether its tests are slow ones, since another model with fast tests plays the same kind of game."""

    objective: Objective
    """What the players want."""

    couples_batch: str = ""
    """Reason why samples of a batch depend on each other, beside batch norm; empty if they do not."""

    ema: nn.Module | None
    """The generator with averaged weights, or None. (An option has the same name, so this is told here.)"""

    generator: nn.Module
    discriminator: nn.Module
    shape: tuple[int, ...] | None
    draws: Draws

    def __init__(
        self,
        generator_optimizer: OptimizerCallable = Adam,
        discriminator_optimizer: OptimizerCallable = Adam,
        generator_schedule: SchedulerCallable | None = None,
        discriminator_schedule: SchedulerCallable | None = None,
        generator_clip: float | None = None,
        discriminator_clip: float | None = None,
        n_critic: int = 1,
        micro_batches: int = 1,
        compile: bool = False,
        ema: float | None = None,
        ema_rampup: float | None = 0.05,
        raw: bool = False,
        channels_last: bool = True,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.automatic_optimization = False
        for name, value in {"n_critic": n_critic, "micro_batches": micro_batches}.items():
            if value < 1:
                raise UserError(f"{name} is {value}: give 1 or more.")
        g = dict(optimizer=generator_optimizer, schedule=generator_schedule, clip=generator_clip)
        d = dict(optimizer=discriminator_optimizer, schedule=discriminator_schedule, clip=discriminator_clip)
        self.learning: dict[str, dict[str, Any]] = {"generator": g, "discriminator": d}
        self.n_critic, self.micro_batches = n_critic, micro_batches
        self.compile_networks, self.channels_last, self.raw = compile, channels_last, raw
        self.average, self.ema = Average(ema, ema_rampup), None
        self.rounds, self.validation, self.helpers = Rounds(self), Validation(self), Helpers({})
        self.players, self.notes = dict[str, Player](), Notes()
        self.beginning: Beginning | None = None
        self.checkpoint_of_run: dict[str, Any] | None = None  # that goes on: it is about to be loaded
        self.helpers_of_run: dict[str, Any] | None = None  # as that checkpoint recorded them
        self.images_seen, self.images_in_round, self.round = 0, 0, 0  # the round that is played
        self.image_forms: dict[str, Any] = {}  # how the data's images became pixels, by name, as a checkpoint keeps it
        self.trained_direction: str | None = None  # `data.direction` of the training, as a checkpoint keeps it
        self.draws_by_itself = self.no_seed_decides = False  # a network draws from the process's chance, or its own
        self.last_steps: dict[str, str] = {}  # what squeezes the output of a player, such as "a tanh"

    # What a variant says ----------------------------------------------------------------------------------

    def moves(self, step: int) -> list[Move]:
        """Return the moves of round `step`, in order: a pure function of the step."""
        raise NotImplementedError

    def chance(self) -> tuple[Tensor, ...]:
        """Return what a loss is given beside the batch, drawn from `self.draws`."""
        return ()

    def build_players(self) -> tuple[nn.Module, nn.Module]:
        """Return the generator and the discriminator, now that the sizes are known."""
        raise NotImplementedError

    def new_helpers(self) -> dict[str, nn.Module]:
        """Return networks that others trained and losses use, by name. The sizes are known by now."""
        return {}

    def new_metrics(self, data: Any) -> list[SampleMetric]:
        """Return the metrics of validation, the main one first."""
        raise NotImplementedError

    def compare(self, batch: Batch, rows: Tensor) -> None:
        """Show the metrics a validation batch and what the model makes; `rows` are the samples' numbers."""
        raise NotImplementedError

    def check_data(self, data: Any) -> None:
        """Refuse a DataModule (there may be none) if the model can't be trained on its batches."""

    def check_sizes(self, data: Any) -> None:
        """Refuse sizes that are missing, or that the model can't be built for."""

    def check_players(self) -> None:
        """Try both networks on small samples, so that a mismatch is one clear message before the first step."""

    def before_round(self, step: int) -> None:
        """Do what a round begins with: a schedule in images, a level that grows. State lives in buffers."""

    def after_round(self, step: int) -> None:
        """Do what a round ends with."""

    def moved(self, player: Player) -> None:
        """Do what comes after each move of a player."""

    def configure_model(self) -> None:
        """Build the networks, sized by the data unless the sizes are set; their weights follow from the seed."""
        if not self.players:
            build(self, self._trainer.datamodule if self._trainer is not None else None)  # type: ignore[attr-defined]

    def begin_with(
        self, weights: dict[str, Tensor], partly: bool = False, images_seen: int = 0, classes: Sequence[str] = ()
    ) -> None:
        """Give the networks the weights of a state dict when they are built; see `Beginning`. Others stay new."""
        self.beginning = Beginning(weights, partly, images_seen, classes)

    def setup(self, stage: str) -> None:
        """Refuse settings that would silently train something else; make the metrics."""
        refuse_other_games(self.trainer)
        refuse_other_versions()
        leave_buffers_alone(self.trainer.strategy)
        if stage == "fit":
            refuse_other_clocks(self.trainer, self.micro_batches)
        self.validation.set_up(stage)

    def configure_optimizers(self) -> Any:
        """Return the players' optimizers, and their schedules."""
        return optimizers_of(self)

    def on_fit_start(self) -> None:
        """Compile; build the helpers; say what several ranks change, and what checkpoints will lack."""
        start(self)

    # Playing ----------------------------------------------------------------------------------------------

    def training_step(self, dataloader_iter: Iterator[Any]) -> None:
        """Play one round."""
        self.rounds.play(dataloader_iter)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the mover's gradient."""
        self.rounds.clip(optimizer)

    def mean(self, x: Tensor) -> Tensor:
        """Return the mean of a tensor over all ranks, of the same shape, inside a loss: gradients flow to all ranks."""
        return mean_over_ranks(x, self._trainer.world_size if self._trainer is not None else 1)

    def note(self, name: str, value: Tensor) -> None:
        """Log a value beside the terms of a loss, as its mean over samples and micro-batches."""
        self.notes.add(name, share(value.detach().mean(), self.micro_batches))

    def note_scores(self, real: Tensor, fake: Tensor) -> None:
        """Log figures on D's scores (N,) of real and generated samples."""
        of = self.objective, self.players["discriminator"].title, real.detach(), fake.detach(), self.micro_batches
        self.notes.add_later(lambda: noted(*of))

    # Validating, showing, keeping -------------------------------------------------------------------------

    def on_validation_start(self) -> None:
        """Have the metrics ready."""
        self.validation.start()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Show the metrics a batch."""
        self.validation.step(batch)

    def on_validation_epoch_end(self) -> None:
        """Report the scores as `val/...`."""
        self.validation.end("val")

    def on_train_end(self) -> None:
        """Report the scores of the end of the run."""
        self.validation.end_run()

    on_test_start, test_step = on_validation_start, validation_step

    def on_test_epoch_end(self) -> None:
        """Report the scores as `test/...`."""
        self.validation.end("test")

    def sampler(self, raw: bool | None = None) -> nn.Module:
        """Return the network to sample with: the averaged generator where there is one, unless `raw`."""
        return self.generator if (self.raw if raw is None else raw) or self.ema is None else self.ema

    def picture(self, val: Any, num: int) -> tuple[dict[str, Tensor], int | None]:
        """Return about `num` images (N, C, H, W) in [-1, 1] that show the generator, by title, and the columns of each.

        In 1 column a row has an image of each title.
        """
        raise NotImplementedError

    def row_names(self, columns: int | None) -> list[str]:
        """Return the names of the rows of a grid with so many columns; none if they have none."""
        return []

    def beside_real(self, val: Any, num: int) -> tuple[dict[str, Tensor], int | None]:
        """Return samples beside validation data, in the same form."""
        raise NotImplementedError

    def predictions(self, direction: str | None) -> dict[str, str]:
        """Return the ways that `predict` translates in, by name, each with the domain of its input."""
        raise NotImplementedError

    def traced(self, direction: str | None, raw: bool | None) -> list[Traceable]:
        """Return what `export` may write; it takes the first that works."""
        raise UserError(f"{type(self).__name__} samples neither from noise nor from images: nothing can be exported.")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Record what `ganzoo.load` needs to build this very model again, in plain values; the ranks must agree."""
        refuse_ranks_that_differ(self)
        keep(self, checkpoint)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse the checkpoint of another model, or of other networks than these."""
        take_back(self, checkpoint)
