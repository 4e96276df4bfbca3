"""Whether a checkpoint has the form that a run of ganzoo writes, before anything in it is used."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ganzoo.runs.naming import names_in, short
from ganzoo.system.errors import UserError

__all__ = ["LOOPS", "all_are", "held_by", "refuse_odd_records", "refuse_odd_state", "refuse_unplayable"]

LOOPS = {"fit_loop", "validate_loop", "test_loop", "predict_loop"}  # Lightning's, whose states it keeps
STATES = ("state_dict", "optimizer_states")  # they may be long
NUMBERS = ("lr", "eps", "weight_decay", "momentum")  # of an optimizer


def refuse_odd_records(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Refuse values beside the weights that are too many, too deep, or of other kinds than a run writes.

    Raises:
        UserError: one is.
    """
    try:
        for name, value in checkpoint.items():
            if name == "ganzoo" and isinstance(value, dict):
                refuse_odd_names(value.get("classes", []))
                value = {key: item for key, item in value.items() if key != "classes"}  # there may be many
            if name not in STATES:
                names_in(value)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    made = checkpoint["ganzoo"]
    kinds = {
        "class_path": str,
        "seed": int,
        "images_seen": int,
        "helpers": dict,
        "local_buffers": dict,
        "image_forms": dict,
        "direction": str,
    }
    given = {name: made[name] for name in kinds if isinstance(made, dict) and name in made}
    for name, value in given.items():
        if type(value) is not kinds[name]:
            raise UserError(f"{path} has {name} {short(value)}: give a .ckpt file as a run of ganzoo wrote it.")


def refuse_odd_names(classes: Any) -> None:
    """Refuse names of classes that are no texts."""
    if type(classes) is not list or not all(type(name) is str for name in classes):
        raise UserError(
            f"the names of its classes are {short(classes)}: give a .ckpt file as a run of ganzoo wrote it."
        )


def refuse_unplayable(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Refuse a checkpoint that Lightning can't go on from, or score: it has weights, but not the state of a run.

    Raises:
        UserError: something is missing, or of another kind.
    """
    loops, made = checkpoint.get("loops"), checkpoint["ganzoo"]
    weights = checkpoint.get("state_dict")
    local = made.get("local_buffers", {}) if isinstance(made, dict) else {}
    version = checkpoint.get("pytorch-lightning_version")
    is_whole = (
        isinstance(weights, dict)
        and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items())
        and all(isinstance(value, Tensor) and value.ndim and len(value) for value in local.values())
        and are_loops(loops, goes_on="optimizer_states" in checkpoint)
        and isinstance(checkpoint.get("callbacks", {}), dict)
        and are_states(checkpoint.get("optimizer_states", [{}]))
        and isinstance(checkpoint.get("lr_schedulers", []), list)
        and all(type(count := checkpoint.get(name, 0)) is int and count >= 0 for name in ("global_step", "epoch"))
        and isinstance(version, str)
        and version[:1].isdigit()
        and isinstance(made, dict)
        and isinstance(made.get("images_seen"), int)
        and all(isinstance(helper, dict) and "sha256" in helper for helper in made.get("helpers", {}).values())
    )
    if not is_whole:
        raise UserError(f"{path} does not say where its run is: give a .ckpt file as a run of ganzoo wrote it.")


def are_loops(value: Any, goes_on: bool) -> bool:
    """Say whether a value is the state of Lightning's loops; of a run that goes on, with the place where it is."""
    if value is None:
        return not goes_on
    whole = isinstance(value, dict) and value.keys() >= LOOPS and all_are(dict, value.values())
    return whole and (not goes_on or isinstance(value["fit_loop"].get("epoch_loop.batch_progress"), dict))


def are_states(value: Any) -> bool:
    """Say whether a value is a list of the states of optimizers, whose rates and such are numbers."""
    if not (isinstance(value, list) and value and all_are(dict, value)):
        return False
    groups = [group for state in value for group in state.get("param_groups", [])]
    return all_are(dict, groups) and all(
        isinstance(group.get(name, 0.0), (int, float, Tensor)) for group in groups for name in NUMBERS
    )


def held_by(weights: dict[str, Tensor]) -> int:
    """Return how many numbers tensors hold in fact: a tensor may show one number many times."""
    storages = {value.untyped_storage().data_ptr(): value.untyped_storage().nbytes() for value in weights.values()}
    return sum(storages.values()) // min((value.element_size() for value in weights.values()), default=1)


def refuse_odd_state(callback: Any, state: Any, kinds: Mapping[str, Callable[[Any], bool]]) -> None:
    """Refuse what a checkpoint keeps of a callback unless it has the form that the callback writes.

    Args:
        callback: the callback.
        state: what a file says.
        kinds: whether a value is right, by its name.

    Raises:
        UserError: a name or a value is another.
    """
    found = state if isinstance(state, dict) else {}
    wrong = [name for name in kinds.keys() | found.keys() if name not in kinds or name not in found]
    wrong += [name for name in kinds.keys() & found.keys() if not kinds[name](found[name])]
    if wrong:
        raise UserError(
            f"the checkpoint's state of {type(callback).__name__} is not one that a run writes "
            f"({short(min(map(str, wrong)))}): give a .ckpt file as a run of ganzoo wrote it."
        )


def all_are(kind: type, values: Iterable[Any]) -> bool:
    """Say whether all values are of a kind."""
    return all(isinstance(value, kind) for value in values)
