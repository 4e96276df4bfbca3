"""`ganzoo resume`: the rest of a run."""

from pathlib import Path

from ganzoo.runs.lock import FolderLock
from ganzoo.system.errors import UserError
from ganzoo.system.machine import rank

__all__ = ["resume"]


def resume(run: str, max_steps: int | None = None) -> None:
    """Go on with a run, in its folder, exactly where it was saved last.

    Args:
        run: the run's folder.
        max_steps: a new end of training, in rounds.
    """
    config = Path(run) / "config.yaml"
    if not config.is_file():
        raise UserError(f"{run} is not the folder of a run (it has no config.yaml): give one, such as runs/.../<time>.")
    if rank() == 0:  # which holds it for the others
        FolderLock(Path(run)).refuse_held()  # now: before the seconds that a start takes
    # stopped by force before the first of them was due: from the best one, or else from round 0
    saved = [word for word in ("last", "best") if (Path(run) / "checkpoints" / f"{word}.ckpt").is_file()]
    more = [] if max_steps is None else ["--trainer.max_steps", str(max_steps)]
    if saved:
        more += ["--ckpt_path", saved[0]]
    args = ["fit", "--config", str(config), "--run_dir", run, *more]

    from ganzoo.cli.arguments import complete
    from ganzoo.cli.fit import lightning  # now: a wrong folder is answered at once

    lightning(complete(args))
