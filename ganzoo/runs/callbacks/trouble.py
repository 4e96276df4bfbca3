"""Trouble in training, seen while it happens: each kind is named once, with its figures and a remedy."""

import math
import sys
from collections.abc import Iterator
from typing import Any, cast

import lightning as L
import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo.data.base.tensors import to_float
from ganzoo.game import FromNoise, Game, Player
from ganzoo.runs.wellformed import all_are, refuse_odd_state
from ganzoo.system.errors import UserError
from ganzoo.system.output import harmless, say

__all__ = ["Trouble", "mean_distance", "travel"]

START = 10  # rounds whose largest gradient norm is the generator's start: D may be sure of itself within a few
SURE = 0.98  # D(accuracy) of a discriminator that is sure of itself
WARM_UP = 500  # rounds that a generator has to spread its samples
PATIENCE = 3  # checks in a row that show the same
WINDOW = 10  # moves between checks over which an oscillation shows
FAR = 0.5  # mean length of a move, against the mean distance of two real samples
STILL_MOVING = 0.7  # length of the later half's moves against that of the earlier half's
TRACKED, SIDE = 16, 8  # samples that are followed, and the largest side of what is kept of an image
WEIGHTS = 64  # weights of each tensor that are compared
STATE = {  # what a checkpoint keeps
    "start": lambda value: isinstance(value, list) and all_are(float, value),
    "weights": lambda value: isinstance(value, dict) and all_are(Tensor, value.values()),
    "track": lambda value: isinstance(value, list) and all_are(Tensor, value),
    "checks": lambda value: isinstance(value, dict) and all_are(int, value.values()),
    "warned": lambda value: isinstance(value, list) and all_are(str, value),
}


class Trouble(L.Callback):
    """Warns once a run for each kind of trouble, and never stops the run, which stays bitwise the same.

    * The discriminator is saturated (Arjovsky and Bottou 2017, theorem 2.4): D(accuracy) is 0.98 or
      more, and the generator's gradient norm is less than 1/`saturation` of its start, which is
      the largest of the first 10 rounds.
    * The generator has collapsed: the diversity of its samples is below `collapse`, after 500 rounds. Diversity is the
      mean distance of two samples divided by that of two validation samples: 0 if all are the same, 1 as the data. It
      sees a collapse to one place; a few modes far apart keep their distance.
    * The game oscillates: over 10 moves from check to check the samples of the same noise went `oscillation` times as
      far as they got (path over net displacement, `travel`), each move at least half the mean distance of two real
      samples, and the moves don't get shorter. So a generator that settles, or trembles in its place, does not
      oscillate. A much slower return, or one between two checks, isn't seen.
    * A player is idle: between two checks its weights change by less than `idle` of their norm.

    All but the oscillation must show at three checks in a row. Samples are those of the raw weights. `diversity` is
    logged at each check; the gradient norms and D(accuracy), which the game logs, are read.

    Args:
        every_n_steps: rounds between two checks; 0 checks nothing.
        num: how many samples the diversity is taken of.
        saturation: warn if D is sure, and the generator's gradient norm fell to 1/`saturation` of its start.
        collapse: warn of a diversity below this; that of the data is 1.
        oscillation: warn if samples go so many times as far as they get; a random walk comes to 3.
        idle: warn if a player's weights change by less between two checks, relative to their norm.
    """

    def __init__(
        self,
        every_n_steps: int = 100,
        num: int = 64,
        saturation: float = 100.0,
        collapse: float = 0.3,
        oscillation: float = 4.0,
        idle: float = 1e-5,
    ) -> None:
        if every_n_steps < 0 or num < 2:
            raise UserError(f"trouble: every_n_steps is {every_n_steps} and num {num}; give at least 0 and 2.")
        thresholds = {"saturation": saturation, "collapse": collapse, "oscillation": oscillation, "idle": idle}
        for name, value in thresholds.items():
            if not value >= 0:
                raise UserError(f"trouble.{name} is {value}: give 0 or more.")
        self.every_n_steps, self.num = every_n_steps, num
        self.saturation, self.collapse, self.oscillation, self.idle = saturation, collapse, oscillation, idle
        self.start: list[float | Tensor] = []  # the generator's first gradient norms; on the device until looked at
        self.weights: dict[str, Tensor] = {}  # of each player, some, at the last check
        self.track: list[Tensor] = []  # where the samples of the same noise were at the last checks
        self.checks: dict[str, int] = {}  # in a row, that show a kind of trouble
        self.warned: list[str] = []  # kinds

    def on_train_start(self, trainer: L.Trainer, pl_module: Game) -> None:  # type: ignore[override]
        """Measure the data."""
        self.spread = self.spread_tracked = 0.0  # mean distance of two real samples, whole and as they are followed
        real = real_samples(trainer, 4 * self.num) if self.every_n_steps and "z" in pl_module.spaces else None
        if real is not None and len(real) > 1:
            self.spread, self.spread_tracked = mean_distance(real), mean_distance(small(real))

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Game, *args: Any) -> None:  # type: ignore[override]
        """Check after a round: before it is saved, so that a resumed run knows."""
        if not self.every_n_steps:
            return
        norm = pl_module.players["generator"].gradient_norm
        if len(self.start) < START and norm is not None:
            self.start.append(norm)
        step = trainer.global_step
        if step % self.every_n_steps == 0:
            for kind, message in self._found(pl_module, step):
                if kind not in self.warned:
                    self.warned.append(kind)
                    announce(trainer, f"Trouble, round {step:,}: {message}")

    def _found(self, model: Game, step: int) -> Iterator[tuple[str, str]]:
        """Yield the kinds of trouble that this check shows, in words; all ranks see the same samples and weights."""
        yield from self._saturated(model)
        if self.spread > 0 and "z" in model.spaces:
            samples = cast(FromNoise, model).sample(self.num, raw=True).detach().cpu()  # of the same noise as ever
            diversity = mean_distance(samples) / self.spread
            model.validation.report({"diversity": diversity}, step)
            yield from self._collapsed(diversity, step)
            yield from self._oscillates(small(samples[:TRACKED]))
        asked = {move.player for move in model.moves(step)}
        for name in (name for name in model.players if name in asked):
            yield from self._idle(model.players[name])

    def _first_norms(self) -> list[float]:
        """Look at the generator's first gradient norms; those that overflowed make room for others."""
        found = [norm for norm in map(float, self.start) if math.isfinite(norm)]
        self.start = list(found)
        return found

    def _again(self, kind: str, shows: bool) -> bool:
        """Count the checks in a row that show a kind of trouble; say whether they are enough."""
        self.checks[kind] = self.checks.get(kind, 0) + 1 if shows else 0
        return self.checks[kind] >= PATIENCE

    def _saturated(self, model: Game) -> Iterator[tuple[str, str]]:
        accuracy = float(model.notes.get("D(accuracy)", math.nan))
        now, start = gradient_norm(model.players["generator"]), max(self._first_norms(), default=math.nan)
        if self._again("saturated", accuracy >= SURE and now * self.saturation < start):
            yield (
                "saturated",
                f"the {model.players['discriminator'].title} is saturated. It is right in {accuracy:.0%} of the cases "
                f"(D(accuracy)), and the generator's gradient norm is {now:.2g}, which was {start:.2g} at the "
                "start: the generator hardly learns. What helps: an objective whose gradient stays (NonSaturating, "
                "or Wasserstein with a GradientPenalty), R1 among model.penalties, a lower "
                "model.discriminator_optimizer.lr.",
            )

    def _collapsed(self, diversity: float, step: int) -> Iterator[tuple[str, str]]:
        if self._again("collapsed", step > WARM_UP and diversity < self.collapse):
            yield (
                "collapsed",
                f"the generator has collapsed. The mean distance of two samples is {diversity:.2g} of that of two "
                f"real ones (below {self.collapse:g} since {PATIENCE} checks): they are much alike. What helps: "
                "model.minibatch MinibatchDiscrimination, PacGAN, WGANGP, or the relativistic pairing with R1 and R2 "
                "(R3GAN); a lower model.generator_optimizer.lr.",
            )

    def _oscillates(self, positions: Tensor) -> Iterator[tuple[str, str]]:
        before = [track for track in self.track if track.shape == positions.shape]
        self.track = [*before, positions][-WINDOW - 1 :]
        if len(self.track) <= WINDOW:
            return
        moves, detour = travel(torch.stack(self.track))
        moves = moves / self.spread_tracked
        earlier, later = float(moves[: WINDOW // 2].mean()), float(moves[-(WINDOW // 2) :].mean())
        far = float(moves.mean())
        if far >= FAR and detour >= self.oscillation and later >= STILL_MOVING * earlier:
            yield (
                "oscillates",
                f"the game goes in circles. In {WINDOW * self.every_n_steps:,} rounds the samples of the same noise "
                f"went {detour:.1f} times as far as they got, each {self.every_n_steps} rounds {far:.2g} of the mean "
                "distance of two real samples, and it doesn't get less. What helps: lower learning rates, Adam with "
                "beta1 0 or 0.5, R1 or a GradientPenalty among model.penalties, samples of an average (model.ema).",
            )

    def _idle(self, player: Player) -> Iterator[tuple[str, str]]:
        before, now = self.weights.get(player.name), some_weights(player)
        self.weights[player.name] = now
        if before is None or before.shape != now.shape:
            return
        change = float((now - before).norm() / before.norm().clamp_min(1e-30))
        name = player.name
        if self._again(f"idle {name}", change < self.idle):
            yield (
                f"idle {name}",
                f"the {player.title} is idle. In {self.every_n_steps:,} rounds its weights changed by {change:.2g} of "
                f"their norm; its gradient norm is {gradient_norm(player):.2g}. What helps: look at "
                f"model.{name}_optimizer.lr, model.{name}_schedule and model.{name}_clip; where the gradient "
                "is 0, another objective or another start (seed_everything).",
            )

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run must know, the warnings that were given too."""
        kept = {"start": self._first_norms(), "weights": self.weights, "track": self.track}
        return {**kept, "checks": dict(self.checks), "warned": list(self.warned)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back."""
        refuse_odd_state(self, state_dict, STATE)
        for name, value in state_dict.items():
            setattr(self, name, value)


def mean_distance(x: Tensor) -> float:
    """Return the mean Euclidean distance of two of the samples (N, ...), N at least 2."""
    return float(F.pdist(x.flatten(1)).mean())


def travel(track: Tensor) -> tuple[Tensor, float]:
    """Return how long the moves of samples were, and how many times as far they went as they got.

    `track` (T + 1, N, D) are N samples at T + 1 times. The length of a move, (T,), is the mean over samples of
    |x_t+1 - x_t|. The path is the sum of the moves, the displacement the mean of |x_T - x_0|; path / displacement is 1
    on a straight line, infinite on a circle that closes, about sqrt(T) on a random walk, and about T for noise.
    """
    moves = (track[1:] - track[:-1]).norm(dim=2).mean(1)
    displacement = float((track[-1] - track[0]).norm(dim=1).mean())
    return moves, float(moves.sum()) / displacement if displacement > 0 else math.inf


def small(x: Tensor) -> Tensor:
    """Return samples as a checkpoint keeps them, (N, D): points as they are, images at 8 x 8 or less."""
    if x.ndim == 4:
        x = F.adaptive_avg_pool2d(x, (min(SIDE, x.shape[2]), min(SIDE, x.shape[3])))
    return x.flatten(1).clone()


def real_samples(trainer: L.Trainer, num: int) -> Tensor | None:
    """Return validation samples as the networks see them, from all over the set, which may be sorted."""
    val = getattr(getattr(trainer, "datamodule", None), "val", None)
    if val is None:
        return None
    rows = torch.linspace(0, len(val) - 1, min(num, len(val))).long()
    return to_float(val[rows]["image"], torch.float32)


def some_weights(player: Player) -> Tensor:
    """Return up to 127 weights of each tensor of a player, on the CPU, always the same ones."""
    tensors = [p.detach().flatten() for p in player.network.parameters()]
    return torch.cat([t[:: max(1, t.numel() // WEIGHTS)] for t in tensors]).float().cpu()


def gradient_norm(player: Player) -> float:
    """Return the norm of a player's gradient in its last move; NaN if it made none."""
    return math.nan if player.gradient_norm is None else float(player.gradient_norm)


def announce(trainer: L.Trainer, line: str) -> None:
    """Print a line on rank 0, above the progress bar if there is one."""
    if not trainer.is_global_zero:
        return
    bar = trainer.progress_bar_callback
    if bar is not None and getattr(bar, "is_enabled", False):
        bar.print(harmless(line))
        sys.stdout.flush()
    else:
        say(line)
