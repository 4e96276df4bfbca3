"""`ganzoo resume`: the rest of a run."""

from pathlib import Path

from ganzoo.runs.chosen import folder_of
from ganzoo.system.errors import UserError

__all__ = ["resume"]


def resume(run: str, max_steps: int | None = None) -> None:
    """Go on with a run, in its folder, exactly where it was saved last.

    Args:
        run: the run's folder.
        max_steps: a new end of training, in rounds.
    """
    run = folder_of(run)
    config = Path(run) / "config.yaml"
    if not config.is_file():
        raise UserError(f"{run} is not the folder of a run (it has no config.yaml): give one, such as runs/.../<time>.")
    if not (Path(run) / "checkpoints" / "last.ckpt").is_file():
        raise UserError(
            f"{run} has no checkpoints/last.ckpt to go on from: start afresh with `ganzoo fit --config {config}`."
        )
    more = [] if max_steps is None else ["--trainer.max_steps", str(max_steps)]
    args = ["fit", "--config", str(config), "--ckpt_path", "last", *more]

    from ganzoo.cli.arguments import complete
    from ganzoo.cli.fit import lightning  # now: a wrong folder is answered at once

    lightning(complete(args))
