"""Writing checkpoints that a full disk or a kill can't spoil, and loading a model from one alone."""

import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser
from lightning.pytorch.plugins.io import TorchCheckpointIO

from ganzoo.errors import UserError
from ganzoo.game import Game

__all__ = ["SafeCheckpointIO", "load", "read"]


class SafeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside the old one and renames it over it; reads nothing but tensors and plain values."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the checkpoint; on failure (a full disk) the one that was there stays whole.

        Raises:
            UserError: it can't be written.
        """
        path = Path(path)
        beside = path.with_name(f".{path.name}.writing")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(beside, "wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except (OSError, RuntimeError) as error:  # torch's zip writer turns a full disk into a RuntimeError
            beside.unlink(missing_ok=True)
            kept = f"the previous checkpoint is whole: {path}" if path.exists() else "no checkpoint was written before"
            reason = error.__context__ if isinstance(error.__context__, OSError) else error
            raise UserError(f"can't write the checkpoint {path} ({str(reason).splitlines()[0]}); {kept}.") from error

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: Any = None) -> dict[str, Any]:
        """Read a checkpoint; see `read`."""
        return read(path)


def plain_contents(path: str | Path) -> Any:
    """Return what torch saved in a file, on the CPU; anything may be raised for one that holds code, or is broken."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd pickles; the caller says what is wrong
        return torch.load(path, map_location="cpu", weights_only=True)


def read(path: str | Path) -> dict[str, Any]:
    """Return the contents of a ganzoo checkpoint, on the CPU. Pickled code is refused (`weights_only`).

    Raises:
        UserError: it is missing, truncated, no checkpoint, not ganzoo's, or holds more than tensors and plain values.
    """
    path = Path(path)
    if os.path.isdir(path):  # not path.is_dir(), which raises in a folder that is closed to the user
        raise UserError(f"{path} is a folder: give a .ckpt file, such as {path}/checkpoints/last.ckpt of a run.")
    if not os.path.isfile(path):
        raise UserError(f"there is no checkpoint {path}: give the path of a .ckpt file of a run.")
    try:
        checkpoint = plain_contents(path)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is no checkpoint, or holds pickled code, which is never run: give a .ckpt file of a ganzoo run."
        ) from error
    except Exception as error:  # random bytes make the unpickler fail in any way
        raise UserError(
            f"{path} ({path.stat().st_size:,} bytes) is truncated or no checkpoint: give a whole .ckpt file of a run."
        ) from error
    if not isinstance(checkpoint, dict) or "ganzoo" not in checkpoint:
        raise UserError(f"{path} is not a checkpoint of ganzoo: give a .ckpt file of a ganzoo run.")
    return checkpoint


def load(path: str | Path) -> Game:
    """Return the model of a checkpoint, of the very class that was trained, in evaluation mode on the CPU.

    Raises:
        UserError: the checkpoint can't be read, or its model can't be built from it alone.
    """
    checkpoint = read(path)
    made = checkpoint["ganzoo"]
    if not isinstance(made, dict) or not {"class_path", "init_args", "unrecorded"} <= made.keys():
        raise UserError(f"{path} does not say which model it holds: give a .ckpt file of a ganzoo run.")
    networks = [name for name in made["unrecorded"] if name in ("generator", "discriminator")]
    if networks:
        raise UserError(
            f"{path} was trained with a {networks[0]} built in Python, which a checkpoint can't record: "
            "build the model as then, call its configure_model() and "
            'load_state_dict(ganzoo.checkpoint.read(path)["state_dict"]).'
        )
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(Game, "model")
    try:
        config = parser.parse_object({"model": {"class_path": made["class_path"], "init_args": made["init_args"]}})
        model: Game = parser.instantiate_classes(config).model
    except UserError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f"{path} names the model {made['class_path']}, which can't be built here: {reason}") from error
    model.configure_model()
    try:
        model.load_state_dict(checkpoint["state_dict"])
    except (RuntimeError, KeyError) as error:
        raise UserError(f"{path} does not fit {made['class_path']}: {str(error).splitlines()[0]}") from error
    return model.eval()
