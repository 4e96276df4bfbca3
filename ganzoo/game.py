"""The game: two players, a list of moves, and everything about playing that is the same for every GAN."""

import copy
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from lightning.pytorch.plugins.precision import DoublePrecision, MixedPrecision, Precision
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ganzoo.draws import Draws, latents
from ganzoo.errors import UserError
from ganzoo.metrics import SlicedWassersteinDistance
from ganzoo.optimizers import Adam
from ganzoo.ranks import average_
from ganzoo.record import class_path, record

__all__ = ["Game", "Move", "NonFiniteLoss"]

Batch = dict[str, Tensor]
Player = Literal["generator", "discriminator"]
OptimizerCallable = Callable[[Iterable], torch.optim.Optimizer]
SchedulerCallable = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]
GeneratorCallable = Callable[[int, tuple[int, ...]], nn.Module]
DiscriminatorCallable = Callable[[tuple[int, ...]], nn.Module]

# Known and meant: a round draws its own batches, and the metric averages over the ranks itself.
for message in (".*`dataloader_iter`.*", ".*sync_dist=True.*"):
    warnings.filterwarnings("ignore", message)
VALIDATION_SEED = 1  # validation's fakes are the same at every step, so its curves compare like with like


@dataclass(frozen=True)
class Move:
    """A move of the game: `player` lowers `loss`, `times` in a round, on every `every`-th round.

    `loss(batch, z)` returns named terms; their sum is minimised and each is logged as `player/term`.
    """

    player: Player
    loss: Callable[[Batch, Tensor], dict[str, Tensor]]
    times: int = 1
    every: int = 1


class NonFiniteLoss(UserError):
    """A loss or gradient became NaN or infinite; no weight was touched by it."""


class Game(L.LightningModule):
    """The base of every GAN: it plays, a variant says what its moves are.

    A training step is a round: the moves of `moves(step)`, in order. `global_step` counts rounds, that is generator
    updates, so `max_steps`, the checkpoints' cadence and the loggers' axes all mean the same.

    In a round the first repeat of a move shares the latest batch; each further repeat draws a new one. While a player
    moves, only its own weights require gradients: fakes need no `detach()`.

    Args:
        latent_dim: length of the latent vector z.
        generator_optimizer: the generator's optimizer.
        discriminator_optimizer: the discriminator's optimizer.
        generator_schedule: learning-rate schedule of the generator, stepped once a round.
        discriminator_schedule: learning-rate schedule of the discriminator, stepped once a round.
        generator_clip: largest norm of the generator's gradient; a larger one is scaled down to it.
        discriminator_clip: the same for the discriminator.
        n_critic: discriminator updates for each generator update (`k` in Goodfellow et al. 2014).
        micro_batches: parts that a batch is split into, one after the other, to save memory. Exact for losses that
            are means over samples; what couples a batch (batch norm, relativistic averages) sees the part alone.
        ema: half-life, in images, of the moving average of the generator's weights (Karras et al. 2018). None: none.
        ema_rampup: while fewer images were seen, the half-life is at most this share of them (StyleGAN2). None: fixed.
        raw: sample and validate with the raw weights although there is an average.
        channels_last: keep images as (N, H, W, C) in memory, quicker for convolutions; nothing else changes.
        compile: compile both networks with `torch.compile` when training starts.
        shape: (C, H, W) of an image or (D,) of a point. None: as the data is.
        num_classes: number of labels. None: as the data says.
    """

    def __init__(
        self,
        latent_dim: int = 100,
        generator_optimizer: OptimizerCallable = Adam,
        discriminator_optimizer: OptimizerCallable = Adam,
        generator_schedule: SchedulerCallable | None = None,
        discriminator_schedule: SchedulerCallable | None = None,
        generator_clip: float | None = None,
        discriminator_clip: float | None = None,
        n_critic: int = 1,
        micro_batches: int = 1,
        ema: float | None = None,
        ema_rampup: float | None = 0.05,
        raw: bool = False,
        channels_last: bool = True,
        compile: bool = False,
        shape: tuple[int, ...] | None = None,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.automatic_optimization = False
        for name, value in {"latent_dim": latent_dim, "n_critic": n_critic, "micro_batches": micro_batches}.items():
            if value < 1:
                raise UserError(f"{name} is {value}: give 1 or more.")
        if ema is not None and ema <= 0:
            raise UserError(f"ema is {ema}: give a half-life in images above 0, or null for no average.")
        self.latent_dim, self.n_critic, self.micro_batches = latent_dim, n_critic, micro_batches
        self.make_optimizer = {"generator": generator_optimizer, "discriminator": discriminator_optimizer}
        self.make_schedule = {"generator": generator_schedule, "discriminator": discriminator_schedule}
        self.clip = {"generator": generator_clip, "discriminator": discriminator_clip}
        self.ema_halflife, self.ema_rampup, self.raw = ema, ema_rampup, raw
        self.channels_last, self.compile_networks = channels_last, compile
        self.shape = None if shape is None else tuple(shape)
        self.num_classes = num_classes
        self.generator: nn.Module | None = None
        self.discriminator: nn.Module | None = None
        self.ema: nn.Module | None = None
        self.swd = SlicedWassersteinDistance()
        self.judged = 0  # real samples that this rank's validation has seen
        self.terms: dict[str, Tensor] = {}  # what the last round's moves cost, by `player/term`
        self.stop_asked = False  # this process was asked to stop
        self.stop_agreed = False  # and all ranks know: they stop after the same round

    # What a variant says ------------------------------------------------------------------------------------------

    def moves(self, step: int) -> list[Move]:
        """Return the moves of round `step`, in order: a pure function of the step."""
        raise NotImplementedError

    def build_generator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return a generator of samples of this shape: (N, latent_dim) -> (N, *shape), images in [-1, 1]."""
        raise NotImplementedError

    def build_discriminator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return a discriminator of samples of this shape: (N, *shape) -> (N,), raw scores."""
        raise NotImplementedError

    # The players --------------------------------------------------------------------------------------------------

    def configure_model(self) -> None:
        """Build the networks, sized by the data unless the sizes are set; the seed alone decides their weights."""
        if self.generator is not None:
            return
        self._take_sizes_from_data()
        assert self.shape is not None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run_seed())
            self.generator = self.build_generator(self.shape)
            self.discriminator = self.build_discriminator(self.shape)
        self._check_networks_fit(self.shape)
        if self.channels_last:
            self.generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.ema_halflife is not None:
            self.ema = copy.deepcopy(self.generator).requires_grad_(False)

    def _take_sizes_from_data(self) -> None:
        try:
            data = self.trainer.datamodule  # type: ignore[attr-defined]
        except RuntimeError:  # built without a trainer, as by ganzoo.load
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
            self.hparams[name] = getattr(self, name)
        if self.shape is None:
            raise UserError(f"{type(self).__name__} does not know the shape of its samples: give shape, or a DataModule.")

    def _check_networks_fit(self, shape: tuple[int, ...]) -> None:
        """Try both networks on two samples, so that a mismatch is one clear message before the first step."""
        assert self.generator is not None and self.discriminator is not None
        dtype = next(self.generator.parameters()).dtype
        with torch.no_grad(), evaluating(self.generator), evaluating(self.discriminator):
            fake = self.generator(torch.zeros(2, self.latent_dim, dtype=dtype))
            if tuple(fake.shape) != (2, *shape):
                raise UserError(
                    f"{type(self.generator).__name__} makes samples of shape {tuple(fake.shape[1:])}, "
                    f"but the data has {shape}: change the generator or the data's size."
                )
            try:
                scores = self.discriminator(fake)
            except RuntimeError as error:
                raise UserError(
                    f"{type(self.discriminator).__name__} can't judge samples of shape {shape}: {error}"
                ) from error
        if tuple(scores.shape) != (2,):
            raise UserError(
                f"{type(self.discriminator).__name__} gives scores of shape {tuple(scores.shape)} for 2 samples: "
                "a discriminator returns one raw score a sample, (N,)."
            )

    def configure_optimizers(self) -> Any:
        """Return the optimizers, the generator's first, and their schedules."""
        optimizers, schedules = [], []
        for player in ("generator", "discriminator"):
            optimizer = self.make_optimizer[player](self._weights(player))
            if has_scaler(self.trainer.precision_plugin):
                # let the scaler unscale the gradients before the step, where they are clipped
                optimizer._step_supports_amp_scaling = False
            optimizers.append(optimizer)
            if (make_schedule := self.make_schedule[player]) is not None:
                schedules.append(make_schedule(optimizer))
        return optimizers, schedules

    def _weights(self, player: str) -> list[nn.Parameter]:
        return [p for p in getattr(self, player).parameters() if p.requires_grad]

    # Playing ------------------------------------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        """Refuse what would silently train something else than was asked for."""
        strategy, precision = self.trainer.strategy, self.trainer.precision_plugin
        if not isinstance(strategy, (SingleDeviceStrategy, DDPStrategy)):
            raise UserError(
                f"strategy {type(strategy).__name__} splits or wraps the networks in a way that two players can't share: "
                "use ddp (the default for several devices)."
            )
        if type(precision) not in (Precision, DoublePrecision, MixedPrecision):
            raise UserError(
                f"precision {precision.precision} is not supported: use 32-true, 64-true, bf16-mixed, or 16-mixed on CUDA."
            )
        if stage == "fit" and self.trainer.max_epochs not in (None, -1) and not self.trainer.fast_dev_run:
            raise UserError(
                f"max_epochs is {self.trainer.max_epochs}, but the data is an endless stream, counted in rounds: "
                "give max_steps (an epoch is the size of the set divided by the batch over all devices)."
            )

    def on_fit_start(self) -> None:
        """Note whose weights are whose, and compile."""
        self.weights = {player: self._weights(player) for player in ("generator", "discriminator")}
        if self.compile_networks:
            for player in ("generator", "discriminator"):
                getattr(self, player).compile()

    def training_step(self, dataloader_iter: Iterator[Any]) -> None:
        """Play one round."""
        step = self.global_step
        moves = self.moves(step)
        if not any(move.player == "generator" and step % move.every == 0 for move in moves):
            raise ValueError(f"{type(self).__name__}.moves({step}) has no move of the generator: a round needs one.")
        torch.manual_seed(mix(run_seed(), step, self.global_rank))  # noise inside networks: dropout
        self.terms, batch, counted = {}, None, False
        with self._no_own_reduction():
            for number, move in enumerate(moves):
                if step % move.every:
                    continue
                for repeat in range(move.times):
                    if batch is None or repeat > 0:
                        batch = self._next_batch(dataloader_iter)
                    count = move.player == "generator" and not counted
                    self._play(move, batch, (run_seed(), step, number, repeat), count)
                    counted |= count
        assert batch is not None
        self._end_round(step + 1, len(batch["image"]))

    def _next_batch(self, dataloader_iter: Iterator[Any]) -> Batch:
        """Return the next batch, on the device, images in [-1, 1] (the DataModule converts them)."""
        batch, _, _ = next(dataloader_iter)
        batch = self.trainer.strategy.batch_to_device(batch)
        batch = self.trainer.precision_plugin.convert_input(batch)
        if len(batch["image"]) % self.micro_batches:
            raise UserError(
                f"the batch of {len(batch['image'])} can't be split into {self.micro_batches} equal micro-batches: "
                "choose batch_size as a multiple of micro_batches."
            )
        if self.channels_last and batch["image"].ndim == 4:
            batch["image"] = batch["image"].contiguous(memory_format=torch.channels_last)
        return batch

    def _play(self, move: Move, batch: Batch, key: tuple[int, ...], count: bool) -> None:
        """Make a move: only the mover's weights get gradients, and change. `count` ticks the clock, `global_step`."""
        for player, weights in self.weights.items():
            for p in weights:
                p.requires_grad_(player == move.player)
        optimizer = self.optimizers()[0 if move.player == "generator" else 1]  # type: ignore[index]

        def closure() -> Tensor:
            loss = self._backward(move, batch, key)
            if self.trainer.world_size > 1:
                loss = self._average_over_ranks(move.player, loss)
            self._stop_if_not_finite(loss, move)
            return loss

        if count:
            optimizer.step(closure)
        else:  # the strategy's step is the same step, but not counted
            self.trainer.strategy.optimizer_step(optimizer.optimizer, closure, model=self)
        for p in self.weights[move.player]:
            p.grad = None

    def _backward(self, move: Move, batch: Batch, key: tuple[int, ...]) -> Tensor:
        """Add up the gradients of the move's micro-batches; return the mean loss."""
        local, world, parts = len(batch["image"]), self.trainer.world_size, self.micro_batches
        rows = self.global_rank + world * torch.arange(local)  # this rank's samples of the global batch
        total = torch.zeros((), device=self.device)
        for part in range(parts):
            chosen = slice(part * local // parts, (part + 1) * local // parts)
            self.draws = Draws(key, local * world, rows[chosen], self.device, self.dtype)
            z = self.draws.normal(self.latent_dim)
            micro_batch = batch if parts == 1 else {name: value[chosen] for name, value in batch.items()}
            terms = {name: term / parts for name, term in move.loss(micro_batch, z).items()}
            loss = torch.stack(list(terms.values())).sum()
            self.manual_backward(loss)
            total = total + loss.detach()
            for name, term in terms.items():
                name = f"{move.player}/{name}"
                self.terms[name] = term.detach() + (self.terms[name] if part else 0)
        return total

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the mover's gradient, unscaled by now, and refuse one that is not finite."""
        player = "generator" if optimizer is self.trainer.optimizers[0] else "discriminator"
        weights, clip = self.weights[player], self.clip[player]
        gradients = [p.grad for p in weights if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not has_scaler(self.trainer.precision_plugin):  # with fp16 an overflow is usual: the scaler skips the step
            self._stop_if_not_finite(norm, f"the gradient of the {player}")
        if clip is not None:
            torch.nn.utils.clip_grads_with_norm_(weights, clip, norm)
        self.terms[f"{player}/gradient_norm"] = norm

    def _stop_if_not_finite(self, value: Tensor, what: Move | str) -> None:
        if torch.isfinite(value):
            return
        if isinstance(what, Move):
            terms = {name: float(term) for name, term in self.terms.items() if name.startswith(what.player)}
            what = f"the loss of {getattr(what.loss, '__name__', what.player)} ({terms})"
        saver = self.trainer.checkpoint_callback
        last = getattr(saver, "last_model_path", "") or "none was written yet"
        raise NonFiniteLoss(
            f"{what} is {float(value)} in round {self.global_step}: stopped before it touched the weights. "
            f"Last good checkpoint: {last}. Try a lower learning rate, clipping, or a gradient penalty."
        )

    def _no_own_reduction(self) -> Any:
        """Keep DDP from reducing both players' gradients at every backward: the mover's are reduced once a move."""
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

    def _end_round(self, step: int, batch_size: int) -> None:
        if self.trainer.world_size > 1:  # batch norm's running statistics: each rank saw its own part of the batch
            buffers = [*self.generator.buffers(), *self.discriminator.buffers()]  # type: ignore[union-attr]
            average_([b for b in buffers if b.is_floating_point()], self.trainer.strategy)
        else:
            self.stop_agreed = self.stop_asked
        for schedule in as_list(self.lr_schedulers()):
            schedule.step()
        self.images_seen = step * batch_size * self.trainer.world_size
        self._update_ema(batch_size * self.trainer.world_size)
        if step % self.trainer.log_every_n_steps == 0:
            rates = {
                f"{player}/lr": optimizer.param_groups[0]["lr"]
                for player, optimizer in zip(self.weights, self.trainer.optimizers, strict=True)
                if self.make_schedule[player] is not None
            }
            self.report({**self.terms, **rates}, step)

    @torch.no_grad()
    def _update_ema(self, batch_size: int) -> None:
        """Move the average towards the generator: weights and running statistics alike."""
        if self.ema is None or self.ema_halflife is None or self.generator is None:
            return
        halflife = self.ema_halflife
        if self.ema_rampup is not None:
            halflife = min(halflife, self.ema_rampup * self.images_seen)
        average = get_ema_multi_avg_fn(0.5 ** (batch_size / max(halflife, 1e-8)))
        old, new = self.ema.state_dict(), self.generator.state_dict()
        floats = [name for name, value in new.items() if value.is_floating_point()]
        average([old[name] for name in floats], [new[name] for name in floats], None)  # type: ignore[arg-type]
        for name in new.keys() - floats:
            old[name].copy_(new[name])

    def report(self, values: dict[str, Any], step: int | None = None) -> None:
        """Send values, averaged over the ranks, to the loggers, at once and on the one axis, and to the callbacks.

        Lightning's own logging comes after the checkpoint of the same step, and a kill between would lose the row.
        """
        step = self.global_step if step is None else step
        tensors = {name: torch.as_tensor(v, dtype=torch.float32, device=self.device) for name, v in values.items()}
        if self.trainer.world_size > 1:
            tensors = {name: tensor.clone() for name, tensor in tensors.items()}
            average_(list(tensors.values()), self.trainer.strategy)
        for logger in self.trainer.loggers:
            logger.log_metrics({name: float(value) for name, value in tensors.items()}, step=step)
        self.trainer.callback_metrics.update(tensors)

    # Sampling -----------------------------------------------------------------------------------------------------

    def sampler(self, raw: bool | None = None) -> nn.Module:
        """Return the network to sample with: the averaged generator where there is one, unless `raw`."""
        raw = self.raw if raw is None else raw
        network = self.generator if raw or self.ema is None else self.ema
        assert network is not None
        return network

    @torch.no_grad()
    def sample_rows(self, rows: Tensor, seed: int = 0, raw: bool | None = None) -> Tensor:
        """Return the samples with these numbers, (len(rows), *shape), float32, images in [-1, 1]."""
        network = self.sampler(raw)
        z = latents(seed, rows, self.latent_dim).to(self.device, next(network.parameters()).dtype)
        with evaluating(network):
            return network(z).float()

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

    # Judging ------------------------------------------------------------------------------------------------------

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Gather real samples and as many fakes for the sliced Wasserstein distance."""
        real = batch["image"]
        rows = self.global_rank + self.trainer.world_size * torch.arange(self.judged, self.judged + len(real))
        self.judged += len(real)
        self.swd.update(real, real=True)
        self.swd.update(self.sample_rows(rows, VALIDATION_SEED), real=False)

    def on_validation_epoch_end(self) -> None:
        """Report `val/swd`."""
        self._judge("val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Do as in validation."""
        self.validation_step(batch, batch_idx)

    def on_test_epoch_end(self) -> None:
        """Report `test/swd`."""
        self._judge("test")

    def _judge(self, stage: str) -> None:
        value = self.swd.compute()
        self.swd.reset()
        self.judged = 0
        if self.trainer.sanity_checking:
            return
        self.log(f"{stage}/swd", value, logger=False)  # for the table that `validate` and `test` print
        if self.trainer.state.fn == "fit":
            self.report({f"{stage}/swd": value})

    # Keeping ------------------------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Record what `ganzoo.load` needs to build this very model again, in plain values only."""
        checkpoint["ganzoo"] = record(self.hparams, type(self), run_seed())
        for key in (self.CHECKPOINT_HYPER_PARAMS_KEY, self.CHECKPOINT_HYPER_PARAMS_NAME):
            checkpoint.pop(key, None)  # may hold classes, which a safe load refuses

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse the checkpoint of another model."""
        found, mine = checkpoint.get("ganzoo", {}).get("class_path", "no ganzoo model"), class_path(type(self))
        if found != mine:
            raise UserError(f"the checkpoint belongs to {found}, not to {mine}: use the model that it was made with.")


def run_seed() -> int:
    """Return the run's seed, set by `seed_everything`; 0 without."""
    return int(os.environ.get("PL_GLOBAL_SEED", "0"))


def mix(*key: int) -> int:
    """Return one 64-bit seed for a tuple of integers."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


def has_scaler(precision: Precision) -> bool:
    """Say whether gradients are scaled, as fp16 needs."""
    return getattr(precision, "scaler", None) is not None


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode for a while."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


def as_list(value: Any) -> list[Any]:
    """Return a list of what Lightning gives as None, one thing or several."""
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
