"""The game: two players, a list of moves, and everything about playing that is the same for every GAN."""

import os
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import pairwise
from typing import Any, ClassVar

import torch
from lightning.pytorch.plugins.precision import Precision
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.game.building import Players
from ganzoo.game.limits import refuse_other_clocks, refuse_other_games
from ganzoo.game.move import (
    PLAYERS,
    Batch,
    DiscriminatorCallable,
    GeneratorCallable,
    Move,
    NonFiniteLoss,
    OptimizerCallable,
    Player,
    SchedulerCallable,
)
from ganzoo.game.ranks import average_
from ganzoo.objectives import Objective
from ganzoo.optimizers import Adam, ConstantThenLinear
from ganzoo.system.draws import Draws, mix, run_seed, seed_networks
from ganzoo.system.errors import UserError

__all__ = ["Batch", "DiscriminatorCallable", "Game", "GeneratorCallable"]

# Known and meant: a round draws its own batches, the metric averages over the ranks itself, and what a checkpoint
# can't record is listed in it.
for message in (".*`dataloader_iter`.*", ".*sync_dist=True.*", ".*removed from hparams because it cannot be pickled.*"):
    warnings.filterwarnings("ignore", message)


class Game(Players):
    """The base of every GAN: it plays, a variant says what its moves are.

    A training step is a round: the moves of `moves(step)`, in order. `global_step` counts rounds, that is generator
    updates, so `max_steps`, the checkpoints' cadence and the loggers' axes all mean the same.

    In a round the first repeat of a move shares the latest batch, and what an earlier move put into it; each further
    repeat draws a new one. Every repeat has fresh noise. While a player moves, only its own weights require gradients:
    fakes need no `detach()`, but those that `FromImages.shared` keeps for the generator's move.

    Args:
        generator_optimizer: the generator's optimizer.
        discriminator_optimizer: the discriminator's optimizer.
        generator_schedule: learning-rate schedule of the generator, stepped once a round.
        discriminator_schedule: learning-rate schedule of the discriminator, stepped once a round.
        generator_clip: largest norm of the generator's gradient; a larger one is scaled down to it.
        discriminator_clip: the same for the discriminator.
        n_critic: discriminator updates for each generator update (`k` in Goodfellow et al. 2014).
        micro_batches: parts that a batch is split into, one after the other, to save memory. Exact for losses that
            are means over samples; what couples a batch (batch norm, relativistic averages) sees each part alone.
        compile: compile both networks with `torch.compile` when training starts.
        players: the options of `ganzoo.game.building.Players`: ema and others.
    """

    logged_as: ClassVar[dict[Player, str]] = {"generator": "generator", "discriminator": "discriminator"}
    """What the players are called in logs: some papers say `critic`."""

    couples_batch: str = ""
    """Why, beside batch norm, the samples of a batch see each other, if they do: then ranks and parts matter."""

    objective: Objective
    """What the players want."""

    weights: dict[Player, list[nn.Parameter]]
    draws: Draws
    """Chance that belongs to the samples of the loss being computed: `self.draws.uniform()` is one number a sample."""

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
        **players: Any,
    ) -> None:
        super().__init__(**players)
        self.automatic_optimization = False
        for name, value in {"n_critic": n_critic, "micro_batches": micro_batches}.items():
            if value < 1:
                raise UserError(f"{name} is {value}: give 1 or more.")
        self.make_optimizer = {"generator": generator_optimizer, "discriminator": discriminator_optimizer}
        self.make_schedule = {"generator": generator_schedule, "discriminator": discriminator_schedule}
        self.clip = {"generator": generator_clip, "discriminator": discriminator_clip}
        self.n_critic, self.micro_batches = n_critic, micro_batches
        self.compile_networks = compile
        self.terms: dict[str, Tensor] = {}  # what the last round's moves cost, by `player/term`
        self.noted: dict[str, Tensor] = {}  # the same for the move being made
        self.weights: dict[Player, list[nn.Parameter]] = {}  # what each player moves, from the start of training
        self.round = 0  # being played; `global_step` is the number of rounds whose generator has moved
        self.stop_asked = False  # this process was asked to stop
        self.stop_agreed = False  # and all ranks know: they stop after the same round

    def moves(self, step: int) -> list[Move]:
        """Return the moves of round `step`, in order: a pure function of the step."""
        raise NotImplementedError

    def chance(self) -> tuple[Tensor, ...]:
        """Return what a loss is given beside the batch, drawn from `self.draws`."""
        return ()

    # Before playing ---------------------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        """Refuse what would silently train something else than was asked for."""
        refuse_other_games(self.trainer)
        if stage == "fit":
            refuse_other_clocks(self.trainer, self.micro_batches)
        super().setup(stage)

    def configure_optimizers(self) -> Any:
        """Return the optimizers, the generator's first, and their schedules."""
        optimizers, schedules = [], []
        for player in PLAYERS:
            try:
                optimizer = self.make_optimizer[player](self._weights(player))
            except ValueError as error:
                raise UserError(f"{player}_optimizer: {error}.") from error
            if has_scaler(self.trainer.precision_plugin):
                # fused optimizers would unscale fp16's gradients themselves, after they were clipped: let the scaler
                optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
            optimizers.append(optimizer)
            if (make_schedule := self.make_schedule[player]) is not None:
                schedules.append(make_schedule(optimizer))
                if isinstance(schedules[-1], ConstantThenLinear):
                    schedules[-1].play_until(self.trainer.max_steps)
                if isinstance(schedules[-1], torch.optim.lr_scheduler.ReduceLROnPlateau):
                    raise UserError(
                        f"{player}_schedule is ReduceLROnPlateau, which waits for a loss to stop falling; "
                        "a game's losses don't: choose a schedule that counts rounds."
                    )
        return optimizers, schedules

    def _weights(self, player: Player) -> list[nn.Parameter]:
        return [p for p in getattr(self, player).parameters() if p.requires_grad]

    def on_fit_start(self) -> None:
        """Note whose weights are whose, and compile; say what several ranks change."""
        norm = any(isinstance(m, _BatchNorm) and not isinstance(m, nn.SyncBatchNorm) for m in self.modules())
        if self.trainer.world_size > 1 and (norm or self.couples_batch):
            why = self.couples_batch or "batch norm sees each device's part alone (on CUDA: trainer.sync_batchnorm)"
            rank_zero_warn(f"Several devices play a slightly different game than one with the whole batch: {why}.")
        if self.device.type == "cpu":  # Lightning's import sets this, and every step of Adam then looks for a driver
            os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
        self.weights = {player: self._weights(player) for player in PLAYERS}
        if self.compile_networks:
            for network in (*self.networks("generator"), *self.networks("discriminator")):
                network.compile()

    # Playing ----------------------------------------------------------------------------------------------

    def training_step(self, dataloader_iter: Iterator[Any]) -> None:
        """Play one round."""
        step = self.round = self.global_step
        moves = [move for move in self.moves(step) if step % move.every == 0]
        first_of_generator = next((i for i, move in enumerate(moves) if move.player == "generator"), None)
        if first_of_generator is None:
            raise ValueError(f"{type(self).__name__}.moves({step}) has no move of the generator: it needs one.")
        seed_networks(mix(run_seed(), step, self.global_rank), self.device)
        self.terms = {}
        batch: list[Batch] = []  # in its parts
        with self._no_own_reduction():
            for number, move in enumerate(moves):
                for repeat in range(move.times):
                    if not batch or repeat > 0:
                        batch = self._split(self._next_batch(dataloader_iter))
                    counts = number == first_of_generator and repeat == 0  # ticks the clock, `global_step`
                    self._play(move, batch, (run_seed(), step, number, repeat), counts)
        self._end_round(step + 1, sum(map(size_of, batch)) * self.trainer.world_size)

    def _next_batch(self, dataloader_iter: Iterator[Any]) -> Batch:
        """Return the next batch, on the device, images in [-1, 1] (the DataModule converts them)."""
        batch, _, _ = next(dataloader_iter)
        batch = self.trainer.strategy.batch_to_device(batch)
        batch = self.trainer.precision_plugin.convert_input(batch)
        if self.channels_last:
            for name in [name for name, value in batch.items() if value.ndim == 4]:
                batch[name] = batch[name].contiguous(memory_format=torch.channels_last)
        return batch

    def _split(self, batch: Batch) -> list[Batch]:
        """Return the micro-batches of a batch."""
        cuts = [part * size_of(batch) // self.micro_batches for part in range(self.micro_batches + 1)]
        return [{name: x[start:stop] for name, x in batch.items()} for start, stop in pairwise(cuts)]

    def _play(self, move: Move, batch: list[Batch], key: tuple[int, ...], counts: bool) -> None:
        """Make a move: only the mover's weights get gradients, and change."""
        for player, weights in self.weights.items():
            for p in weights:
                p.requires_grad_(player == move.player)
        optimizer = self.optimizers()[PLAYERS.index(move.player)]  # type: ignore[index]

        def closure() -> Tensor:
            loss = self._backward(move, batch, key)
            if self.trainer.world_size > 1:
                loss = self._average_over_ranks(move.player, loss)
            self._stop_if_not_finite(loss, move)
            return loss

        if counts:
            optimizer.step(closure)
        else:  # the same step, but not counted
            self.trainer.strategy.optimizer_step(optimizer.optimizer, closure, model=self)
        for p in self.weights[move.player]:
            p.grad = None
        self.moved(move.player)

    @contextmanager
    def tracking(self, player: Player) -> Iterator[None]:
        """Keep, in a move of the other, what the gradient for this player's weights will need in its own move."""
        weights = [p for p in self.weights.get(player, []) if not p.requires_grad]
        for p in weights:
            p.requires_grad_(True)
        try:
            yield
        finally:
            for p in weights:
                p.requires_grad_(False)

    def moved(self, player: Player) -> None:
        """Do what a variant does after each move of a player."""

    def _backward(self, move: Move, batch: list[Batch], key: tuple[int, ...]) -> Tensor:
        """Add up the gradients of the move's micro-batches; return the mean loss."""
        rank, world, dtype = self.global_rank, self.trainer.world_size, self.weights["generator"][0].dtype
        losses, self.noted, start = [], {}, 0
        size = sum(map(size_of, batch))
        for micro_batch in batch:
            stop = start + size_of(micro_batch)
            rows = slice(rank + world * start, world * stop, world)  # this rank's samples of the global batch
            self.draws = Draws(key, size * world, rows, self.device, dtype)
            found = move.loss(micro_batch, *self.chance())
            for terms in (found,) if isinstance(found, dict) else found:
                loss = sum(terms.values(), start=torch.zeros((), device=self.device)) / len(batch)
                self.manual_backward(loss)
                losses.append(loss.detach())
                for name, term in terms.items():
                    self.note(f"{self.logged_as[move.player]}/{name}", term)
            start = stop
        self.terms.update(self.noted)
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def note(self, name: str, value: Tensor) -> None:
        """Have a value of the loss being computed logged, as its mean over samples and micro-batches."""
        self.noted[name] = self.noted.get(name, 0) + value.detach().mean() / self.micro_batches

    def note_scores(self, real: Tensor, fake: Tensor) -> None:
        """Have logged what D says of real samples and of fakes, and how often it is right.

        That is the share of samples on the right side of 1/2 or, for scores that are no logits, the share of pairs of a
        real and a generated sample that are in order.
        """
        probability = self.objective.probability
        self.note("D(real)", real.sigmoid() if probability else real)
        self.note("D(fake)", fake.sigmoid() if probability else fake)
        self.note("D(accuracy)", (torch.cat([real > 0, fake < 0]) if probability else real > fake).float())
        if (distance := self.objective.distance(real, fake)) is not None:
            self.note(f"{self.logged_as['discriminator']}/distance", distance)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the mover's gradient, unscaled by now, and refuse one that is not finite."""
        player = PLAYERS[self.trainer.optimizers.index(optimizer)]
        gradients = [p.grad for p in self.weights[player] if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not has_scaler(self.trainer.precision_plugin):  # fp16 may overflow: the scaler skips such a step
            self._stop_if_not_finite(norm, f"the gradient of the {player}")
        if (clip := self.clip[player]) is not None:
            torch.nn.utils.clip_grads_with_norm_(self.weights[player], clip, norm)
        self.terms[f"{self.logged_as[player]}/gradient_norm"] = norm

    def _stop_if_not_finite(self, value: Tensor, what: Move | str) -> None:
        if torch.isfinite(value):
            return
        if isinstance(what, Move):
            terms = [f"{k} {float(v):g}" for k, v in self.terms.items() if k.startswith(self.logged_as[what.player])]
            what = f"the {what.player}'s loss, {getattr(what.loss, '__name__', 'its move')} ({', '.join(terms)}),"
        saver = self.trainer.checkpoint_callback
        last = getattr(saver, "last_model_path", "") or "none was written yet"
        raise NonFiniteLoss(
            f"{what} is {float(value)} in round {self.global_step}: stopped before it touched the weights. "
            f"Last good checkpoint: {last}. Try a lower learning rate, clipping, or a gradient penalty."
        )

    # Several ranks ----------------------------------------------------------------------------------------

    def _no_own_reduction(self) -> AbstractContextManager:
        """Keep DDP from reducing both players at every backward: the mover's gradients are reduced once a move."""
        strategy = self.trainer.strategy
        return strategy.block_backward_sync() if isinstance(strategy, DDPStrategy) else nullcontext()

    def _average_over_ranks(self, player: Player, loss: Tensor) -> Tensor:
        """Average the mover's gradients, its loss, and the wish to stop: one reduction.

        A loss that is not finite on one rank is not finite in the average, so all ranks stop together.
        """
        loss, stop = loss.clone(), loss.new_tensor(float(self.stop_asked))
        gradients = [p.grad for p in self.weights[player] if p.grad is not None]
        average_([*gradients, loss, stop], self.trainer.strategy)
        self.stop_agreed = bool(stop > 0)
        return loss

    # After playing ----------------------------------------------------------------------------------------

    def _end_round(self, step: int, batch_size: int) -> None:
        if self.trainer.world_size > 1:  # batch norm's statistics: each rank saw its own part of the batch
            buffers = [*self.generator.buffers(), *self.discriminator.buffers()]
            average_([b for b in buffers if b.is_floating_point()], self.trainer.strategy)
        else:
            self.stop_agreed = self.stop_asked
        players = {move.player for move in self.moves(step - 1)}  # one that never moves has no rate to follow
        for config in self.trainer.lr_scheduler_configs:
            if PLAYERS[self.trainer.optimizers.index(config.scheduler.optimizer)] in players:
                config.scheduler.step()  # type: ignore[call-arg]  # ReduceLROnPlateau was refused
        self.images_seen += batch_size
        self.update_ema(self.images_seen, batch_size)
        if step % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            rates = {
                f"{self.logged_as[player]}/lr": optimizer.param_groups[0]["lr"]
                for player, optimizer in zip(PLAYERS, self.trainer.optimizers, strict=True)
                if self.make_schedule[player] is not None
            }
            self.report({**self.terms, **rates}, step)


def size_of(batch: Batch) -> int:
    """Return the number of samples in a batch."""
    return len(next(iter(batch.values())))


def has_scaler(precision: Precision) -> bool:
    """Say whether gradients are scaled, as fp16 needs."""
    return getattr(precision, "scaler", None) is not None
