"""Writing checkpoints so that a full disk or a kill can't spoil them, and loading a model from a checkpoint alone."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from ganzoo.game import Game
from ganzoo.game.keeping import FORMAT, completed, misfit, take_names
from ganzoo.game.ways import direction_in
from ganzoo.runs.bounded import bounded
from ganzoo.runs.bucket.copy import from_bucket
from ganzoo.runs.bucket.place import is_url
from ganzoo.runs.chosen import chosen, in_run, is_run
from ganzoo.runs.earlier import state_of_today
from ganzoo.runs.exported import SUFFIX, read_exported
from ganzoo.runs.hub import fetched, is_on_hub
from ganzoo.runs.naming import names_in, refuse_unpublished, short, without_training
from ganzoo.runs.reader import Reader
from ganzoo.runs.wellformed import held_by, refuse_odd_records, refuse_unplayable
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.places import at_home, local
from ganzoo.system.weights import plain_contents
from ganzoo.system.words import first_line

__all__ = ["SafeCheckpointIO", "built", "load", "model_of", "read", "refuse_unplayable"]


OPPONENT = 25_000_000  # weights; what the discriminator of a file may have that holds a generator alone


class SafeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside the old one and renames it over it; reads nothing but tensors and plain values."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the checkpoint; on failure (a full disk) the one that was there stays whole.

        Raises:
            UserError: it can't be written.
        """
        path = local(path)
        try:
            with written(path) as beside, open(beside, "wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
        except (UserError, RuntimeError) as error:  # torch's zip writer turns a full disk into a RuntimeError
            kept = f"the previous checkpoint is whole: {path}" if path.exists() else "no checkpoint was written before"
            reason = error.__context__ if isinstance(error.__context__, OSError) else error
            raise UserError(f"can't write the checkpoint {path} ({str(reason).splitlines()[0]}); {kept}.") from error

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: Any = None) -> dict[str, Any]:
        """Read a checkpoint; see `read`."""
        return read(path)


def read(path: str | Path) -> dict[str, Any]:
    """Return the contents of a ganzoo checkpoint, on the CPU. Pickled code is refused (`weights_only`).

    A generator by itself, in a file of safetensors, has the form of an import.

    Raises:
        UserError: it is missing, truncated, no checkpoint, not ganzoo's, or holds more than tensors and plain values.
    """
    if is_on_hub(path):
        path = fetched(str(path))
    if is_url(path):
        path = from_bucket(str(path))
    if "://" in str(path):
        raise UserError(f"{path} is a URL: fetch the checkpoint, and give the path of the file.")
    path = in_run(at_home(path))
    if os.path.isdir(path):  # not path.is_dir(), which raises in a folder that is closed to the user
        if is_run(path):
            raise UserError(f"{path} is a run without a checkpoint: it was stopped before its first. Give another.")
        raise UserError(f"{path} is a folder: give a .ckpt file, such as {path}/checkpoints/last.ckpt of a run.")
    if not os.path.isfile(path):
        raise UserError(f"there is no checkpoint {path}: give the path of a .ckpt file of a run.")
    checkpoint = read_exported(path) if path.suffix == SUFFIX else contents_of(path)
    refuse_odd_records(checkpoint, path)
    written_by = checkpoint["ganzoo"].get("format", 0) if isinstance(checkpoint["ganzoo"], dict) else 0
    if type(written_by) is not int or not 0 <= written_by <= FORMAT:
        raise UserError(
            f"{path} has format {str(written_by)[:20]} and this ganzoo reads up to {FORMAT}: update ganzoo "
            "(pip install --upgrade ganzoo)."
        )
    state_of_today(checkpoint)
    return checkpoint


def contents_of(path: Path) -> dict[str, Any]:
    """Return the contents of a .ckpt file; see `read`."""
    try:
        checkpoint = plain_contents(path)
    except UserError:
        raise
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


def record_of(checkpoint: dict[str, Any], path: str | Path) -> dict[str, Any]:
    """Return a checkpoint's record of its model, or refuse it with a UserError."""
    made = checkpoint["ganzoo"]
    if not isinstance(made, dict) or not {"class_path", "init_args", "unrecorded"} <= made.keys():
        raise UserError(f"{path} does not say which model it holds: give a .ckpt file of a ganzoo run.")
    return made


def model_of(checkpoint: dict[str, Any], path: str | Path, trust: bool, training: bool) -> dict[str, Any]:
    """Return the class path and options of a checkpoint's model. Each name in them is published, or trusted.

    Args:
        checkpoint: its contents.
        path: of its file, for messages.
        trust: let it name classes that ganzoo doesn't publish.
        training: with its optimizers and schedules, too.

    Raises:
        UserError: it says none, or names a class that is neither published nor trusted.
    """
    made = record_of(checkpoint, path)
    init_args = made["init_args"] if training else without_training(made["init_args"])
    model = {"class_path": made["class_path"], "init_args": init_args}
    try:
        names = names_in(model)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    refuse_unpublished(names, str(path), trust)
    return model


def load(path: str | Path, trust: bool = False) -> Game:
    """Return the model of a checkpoint, of the very class that was trained, in evaluation mode on the CPU.

    Args:
        path: a .ckpt file; a run's folder, whose last checkpoint is taken; a .safetensors that `ganzoo export` made;
            either of them in a bucket, such as `s3://bucket/run`; or `hf://user/name`, a model that `ganzoo push`
            uploaded to Hugging Face's hub.
        trust: let it name classes of others than ganzoo, such as a network of your own. They are imported, which runs
            their code: give it for checkpoints whose maker you trust.

    Raises:
        UserError: the checkpoint can't be read, names what is not trusted, or its model can't be built from it alone.
    """
    return built(read(path), path, trust)


def built(checkpoint: dict[str, Any], path: str | Path, trust: bool = False) -> Game:
    """Return the model of a checkpoint's contents; see `load`."""
    unrecorded = record_of(checkpoint, path)["unrecorded"]
    networks = [name for name in ("generator", "discriminator") if isinstance(unrecorded, list) and name in unrecorded]
    if networks:
        raise UserError(
            f"{path} was trained with a {networks[0]} built in Python, which a checkpoint can't record: "
            "build the model as then, call its configure_model() and "
            'load_state_dict(ganzoo.runs.checkpoint_file.read(path)["state_dict"]).'
        )
    hint = f" (it was trained with {', '.join(map(short, unrecorded))} given in Python, which is not in the file)"
    hint = hint if isinstance(unrecorded, list) and unrecorded else ""
    named = model_of(checkpoint, path, trust, training=False)
    weights = checkpoint.get("state_dict")
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise UserError(f"{path} holds no weights: give a .ckpt file of a ganzoo run.")
    try:
        model: Game = Reader(trust).read(named, Game)
        alone = not any(name.startswith("discriminator.") for name in weights)
        with bounded(model, max(held_by(weights), OPPONENT if alone else 0)):
            model.configure_model()
        fit_weights(model, completed(model, checkpoint))
        take_names(model, checkpoint["ganzoo"])
    except UserError as error:
        reason = f"{error}{hint}"
        raise UserError(f"{path} names the model {named['class_path']}, which can't be built here: {reason}") from error
    except Exception as error:  # wrong values fail in any way
        reason = f"{first_line(error)}{hint}"
        raise UserError(f"{path} names the model {named['class_path']}, which can't be built here: {reason}") from error
    record = record_of(checkpoint, path)
    model.image_forms, model.trained_direction = record.get("image_forms", {}), direction_in(record)
    return model.eval()


def opened(ckpt: str, trust: bool = False) -> Game:
    """Return the model of a checkpoint, or of a run's folder, as a command uses it: on the GPU if there is one."""
    model = load(chosen(ckpt), trust)
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def fit_weights(model: Game, weights: dict[str, Tensor]) -> None:
    """Give a model its weights.

    Raises:
        UserError: they are others than the model's, by name.
    """
    if reason := misfit(model.state_dict(), weights):
        raise UserError(f"its weights do not fit: {reason} (a checkpoint of another version, or changed).")
    dead = [name for name, value in weights.items() if value.is_floating_point() and not value.isfinite().all()]
    if dead:
        raise UserError(f"its weights are not finite ({short(dead[0])}, {len(dead)} in all): take an earlier one.")
    model.load_state_dict(weights)
