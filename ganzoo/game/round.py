"""Playing a round: the moves, one after the other, each with fresh chance, and only the mover's weights change."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.game.finite import Watch
from ganzoo.game.move import Batch, Move, NonFiniteLoss, Terms, due, listed, parts_of
from ganzoo.game.notes import Notes, share
from ganzoo.game.player import Player, has_scaler
from ganzoo.game.ranks import average_, reduced_once, shared_buffers
from ganzoo.game.spoiled import Given, given_to, refuse_bad_data, refuse_bad_network
from ganzoo.networks.chance import chance_from
from ganzoo.system.draws import Draws, mix, run_seed, seed_networks
from ganzoo.system.errors import UserError

__all__ = ["Rounds"]

NETWORKS = 1  # sets the chance inside networks apart from that of losses


class Rounds:
    """Plays the rounds of a game.

    In a round the first repeat of a move shares the latest batch, and what an earlier move put into it; each further
    repeat draws a new one, unless the move says `same_batch`. Every repeat has fresh chance. The round's last move
    ticks the clock, `global_step`.

    Args:
        game: a `ganzoo.game.Game`.
    """

    def __init__(self, game: Any) -> None:
        self.game = game
        self.stop_asked = False  # this process was asked to stop
        self.stop_agreed = False  # and all ranks know: they stop after the same round
        self.watch = Watch()
        self.playing = -1  # the round that is played now
        self.given = Given(-1, [], 0)  # the batch that the move is made on
        self.key: tuple[int, ...] = ()  # of its chance
        self.shared: list[tuple[nn.Module, str]] | None = None  # buffers whose means all ranks get; looked for once

    def play(self, batches: Iterator[Any]) -> None:
        """Play one round."""
        game = self.game
        step = game.round = self.playing = game.global_step
        game.before_round(step)
        said = listed(game.moves(step), type(game).__name__, step, game.players)
        moves = [(number, move) for number, move in enumerate(said) if due(move.every, step)]
        if not moves:
            raise UserError(f"{type(game).__name__}.moves({step}) has no move that is due: a round needs one.")
        seed_networks(mix(run_seed(), step, game.global_rank), game.device)
        game.notes = Notes()
        for player in game.players.values():
            player.round_terms = {}
        batch: list[Batch] = []  # in its parts
        with reduced_once(game.trainer.strategy):
            for number, move in moves:
                for repeat in range(move.times):
                    if not batch or (repeat > 0 and not move.same_batch):
                        batch = self.split(self.next_batch(batches))
                        self.given = given_to(game, step, batch)
                    ticks = number == moves[-1][0] and repeat == move.times - 1
                    self.make(move, batch, (run_seed(), step, number, repeat), ticks)
        self.end(step, {move.player for move in said}, sum(map(size_of, batch)) * game.trainer.world_size)

    def next_batch(self, batches: Iterator[Any]) -> Batch:
        """Return the next batch, on the device, images in [-1, 1] (the DataModule converts them)."""
        game = self.game
        batch, _, _ = next(batches)
        batch = game.trainer.strategy.batch_to_device(batch)
        batch = game.trainer.precision_plugin.convert_input(batch)
        if game.channels_last:
            for name in [name for name, value in batch.items() if value.ndim == 4]:
                batch[name] = batch[name].contiguous(memory_format=torch.channels_last)
        return batch

    def split(self, batch: Batch) -> list[Batch]:
        """Return the micro-batches of a batch."""
        parts = self.game.micro_batches
        cuts = [part * size_of(batch) // parts for part in range(parts + 1)]
        return [{name: x[start:stop] for name, x in batch.items()} for start, stop in pairwise(cuts)]

    def make(self, move: Move, batch: list[Batch], key: tuple[int, ...], ticks: bool) -> None:
        """Make a move: only the movers' weights get gradients, and change."""
        game = self.game
        player: Player = game.players[move.player]
        movers = player.weights_of(move.networks)
        for other in game.players.values():
            for p in other.weights:
                p.requires_grad_(False)
        for p in movers:
            p.requires_grad_(True)
        optimizer = self.optimizer_of(player)

        def closure() -> Tensor:
            self.key = key
            loss = self.backward(move, player, batch, key)
            if game.trainer.world_size > 1:
                self.average(movers, loss, ticks)
            self.stop_if_not_finite(loss, player, move)
            return loss

        if ticks:
            optimizer.step(closure)
        else:  # the same step, but not counted
            game.trainer.strategy.optimizer_step(optimizer.optimizer, closure, model=game)
        for p in movers:
            p.grad = None
        game.moved(player)

    def backward(self, move: Move, player: Player, batch: list[Batch], key: tuple[int, ...]) -> Tensor:
        """Add up the gradients of the move's micro-batches; return the mean loss."""
        game = self.game
        rank, world, dtype = game.global_rank, game.trainer.world_size, player.weights[0].dtype
        losses, start = [], 0
        player.terms = {}
        game.notes.begin_loss()
        for micro_batch in batch:
            stop = start + size_of(micro_batch)
            rows = range(rank + world * start, world * stop, world)  # this rank's samples of the global batch
            game.draws = Draws(key, rows, game.device, dtype)
            with chance_from(Draws((*key, NETWORKS), rows, game.device, dtype)):
                found = move.loss(micro_batch, *game.chance())
                for terms in parts_of(found, move.loss):
                    loss = share(sum(terms.values(), start=torch.zeros((), device=game.device)), len(batch))
                    self.refuse_constant(loss, player, move)
                    game.manual_backward(loss)
                    losses.append(loss.detach())
                    for name, term in terms.items():
                        number = share(term.detach().reshape(()), len(batch))
                        player.terms[name] = player.terms[name] + number if name in player.terms else number
            start = stop
        player.round_terms |= player.terms
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def again(self, move: Move, player: Player, given: Given) -> None:
        """Make the loss of the latest move again, on the data alone."""
        terms = player.terms
        try:
            self.backward(move, player, [dict(part) for part in given.batch], self.key)
        finally:
            player.terms = terms

    def average(self, movers: list[nn.Parameter], loss: Tensor, ticks: bool) -> None:
        """Average the movers' gradients, the loss, and the wish to stop over the ranks, in place: one reduction.

        Shared buffers, of which each rank has seen its own part of the batch, go with the round's last move. A loss
        that is not finite on one rank is not finite in the average, so all ranks stop together.
        """
        if self.shared is None:
            self.shared = shared_buffers(self.game)
        buffers = [getattr(module, name) for module, name in self.shared] if ticks else []
        stop = torch.full_like(loss, self.stop_asked)
        average_([*(p.grad for p in movers if p.grad is not None), loss, stop, *buffers])
        self.watch.see(stop, self.agree)

    def agree(self, stop: float) -> None:
        """Note whether a rank was asked to stop."""
        self.stop_agreed = stop > 0

    def optimizer_of(self, player: Player) -> Any:
        """Return a player's optimizer, Lightning's around torch's."""
        optimizers = self.game.optimizers()
        return optimizers[list(self.game.players).index(player.name)] if isinstance(optimizers, list) else optimizers

    def player_of(self, optimizer: torch.optim.Optimizer) -> Player:
        """Return the player that an optimizer of torch's belongs to."""
        return list(self.game.players.values())[self.game.trainer.optimizers.index(optimizer)]

    def clip(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip a player's gradient, unscaled by now, and refuse one that is not finite."""
        player = self.player_of(optimizer)
        norm = torch.nn.utils.get_total_norm([p.grad for p in player.weights if p.grad is not None])
        if not has_scaler(self.game.trainer.precision_plugin):  # fp16 may overflow: the scaler skips such a step
            self.stop_if_not_finite(norm, player)
        player.clip_(norm)

    def refuse_constant(self, loss: Tensor, player: Player, move: Move) -> None:
        """Refuse a loss that no weight of the mover has a part in."""
        if not loss.requires_grad:
            raise UserError(
                f"{getattr(move.loss, '__qualname__', 'a loss')} does not depend on the {player.name}'s weights, which "
                "it is to move: is something detached, or the move another player's?"
            )

    def stop_if_not_finite(self, value: Tensor, player: Player, move: Move | None = None) -> None:
        """Refuse a loss (of a move) or a gradient that is not finite, by name; on a GPU a round later."""
        self.watch.see(value, partial(self.refuse, player, player.terms, move, self.given))

    def refuse(self, player: Player, terms: Terms, move: Move | None, given: Given, number: float) -> None:
        """Refuse a number that is not finite."""
        if math.isfinite(number):
            return
        when = "before it touched the weights" if given.step == self.playing else "a round later, and not saved"
        refuse_bad_data(self.game, given, when)
        if move is not None and given.step == self.playing and self.game.trainer.world_size == 1:
            refuse_bad_network(self.game, partial(self.again, move, player, given), when)
        game, what = self.game, f"the gradient of the {player.name}"
        if move is not None:
            said = ", ".join(f"{player.title}/{name} {float(term):g}" for name, term in terms.items())
            what = f"the {player.name}'s loss, {getattr(move.loss, '__name__', 'its move')} ({said}),"
        paths = (getattr(saver, "last_model_path", "") for saver in game.trainer.checkpoint_callbacks)
        last = next(filter(None, paths), "none was written yet")
        raise NonFiniteLoss(
            f"{what} is {number} in round {given.step}: stopped {when}. "
            f"Last good checkpoint: {last}. Try a lower learning rate, clipping, or a gradient penalty."
        )

    def end(self, step: int, players: set[str], batch_size: int) -> None:
        """Finish round `step` after its moves: rates, the average, logs."""
        game = self.game
        if game.trainer.world_size == 1:
            self.stop_agreed = self.stop_asked
        for config in game.trainer.lr_scheduler_configs:
            if self.player_of(config.scheduler.optimizer).name in players:  # one that has no move keeps its rate
                config.scheduler.step()
        game.images_in_round = batch_size
        game.images_seen += batch_size
        if game.ema is not None:
            game.average.update(game.ema, game.generator, game.images_seen, batch_size)
        game.after_round(step)
        self.playing = -1
        self.watch.end_round()
        if (step + 1) % game.trainer.log_every_n_steps == 0:
            game.validation.report(self.logged(), step + 1)

    def logged(self) -> dict[str, Any]:
        """Return what the round is logged by: the players' terms and gradients, rates that change, notes."""
        players = self.game.players.values()
        values = {name: value for player in players for name, value in player.logged().items()}
        for player, optimizer in zip(players, self.game.trainer.optimizers, strict=True):
            if player.schedule is not None:
                values[f"{player.title}/lr"] = optimizer.param_groups[0]["lr"]
        return values | self.game.notes.all()


def size_of(batch: Batch) -> int:
    """Return the number of samples in a batch."""
    return len(next(iter(batch.values())))
