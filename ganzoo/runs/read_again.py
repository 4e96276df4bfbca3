"""Whether what a run writes can be read again: tried when it starts, where classes of the user's own take part."""

from collections.abc import Callable
from typing import Any

from lightning.pytorch.utilities.seed import isolate_rng

from ganzoo.data import DataModule
from ganzoo.game import Game
from ganzoo.game.keeping import misfit
from ganzoo.game.record import lost, record, texts_in
from ganzoo.runs.naming import CLASS, OPTIONS, published, without_training
from ganzoo.runs.reader import Reader
from ganzoo.system.errors import UserError
from ganzoo.system.moved import moved
from ganzoo.system.output import say
from ganzoo.system.own_modules import dotted_in
from ganzoo.system.words import first_line

__all__ = ["has_own_parts", "say_what_is_unreadable"]


def is_own(spec: dict[str, Any]) -> bool:
    """Say whether the class and options of a model, or a data set, may name what ganzoo doesn't publish."""
    return any(dotted_in(text) == [text] and moved(text) not in published() for text in texts_in(spec))


def spec_of(game: Game) -> dict[str, Any]:
    """Return the class path and options of a game as a checkpoint has them, without those that only training needs."""
    made = record(game.hparams, type(game), 0)
    return {CLASS: made[CLASS], OPTIONS: without_training(made[OPTIONS])}


def has_own_parts(game: Game) -> bool:
    """Say whether a game's checkpoint takes the user's word to be loaded."""
    spec = spec_of(game)
    return is_own(spec) and bool(trouble(lambda: Reader(make=False).read(spec, Game)))


def say_what_is_unreadable(game: Any, config: Any) -> None:
    """Say what commands could not read of a run, with the reason: its checkpoints' model, its config's data set.

    Args:
        game: the run's, built.
        config: the run's, whose `data` is the class path and the options of its data set.
    """
    data, spec = config["data"].as_dict(), spec_of(game)
    if is_own(spec) and not lost(game.hparams, type(game)) and (reason := trouble(lambda: build_again(spec, game))):
        say(
            f"Checkpoints of this run can't be loaded by ganzoo.load and the commands: {reason}. What they hold of a "
            "class of yours are its options as plain values, lists for tuples: type hints turn them back, such as "
            "`hidden: tuple[int, ...] = (64, 64)`."
        )
    if is_own(data) and (reason := trouble(lambda: Reader(trust=True).read(data, DataModule))):
        say(
            f"validate, test and predict can't take this data set from the run's config.yaml: {reason}. Give its "
            "options type hints, and plain values."
        )


def build_again(spec: dict[str, Any], game: Any) -> None:
    """Build a game from its record.

    Raises:
        UserError: it is not the same: its weights are others, by name or shape.
    """
    again: Game = Reader(trust=True).read(spec, Game)
    again.configure_model()
    if reason := misfit(again.state_dict(), game.state_dict()):
        raise UserError(f"built from them, its weights do not fit: {reason}")


def trouble(make: Callable[[], Any]) -> str:
    """Return why something can't be made, in a line; nothing if it can. Chance stays as it is."""
    try:
        with isolate_rng():
            make()
    except Exception as error:  # code of the user's own may fail in any way
        return first_line(error).rstrip(".")
    return ""
