"""A run in a job of SLURM."""

import os
from typing import Any

from lightning.pytorch.plugins.environments import SLURMEnvironment

from ganzoo.system.errors import UserError
from ganzoo.system.output import say

__all__ = ["plugins_of_slurm"]


def plugins_of_slurm(wanted: Any, command: str) -> dict[str, Any]:
    """Return what a Trainer is given in a job of SLURM: saving and queueing again are ganzoo's own.

    (Lightning saves in the middle of a round. Ours are `Checkpoints` and the scripts in experiments/cluster.)

    Raises:
        UserError: processes of the job would wait for others that nobody has started.
    """
    tasks, job = int(os.environ.get("SLURM_NTASKS", "1")), os.environ.get("SLURM_JOB_ID")
    by_srun, detected = "SLURM_STEP_ID" in os.environ, SLURMEnvironment.detect()
    if detected and tasks > 1 and not by_srun:
        raise UserError(
            f"SLURM's job {job} has {tasks} tasks, and this process, started without srun, would wait for the others "
            "for ever: put srun before ganzoo, as in experiments/cluster/one_node.sbatch, or ask for one task."
        )
    if detected and tasks > 1 and "SLURM_NTASKS_PER_NODE" not in os.environ:
        raise UserError(f"SLURM's job {job} was given --ntasks={tasks}: give it --ntasks-per-node instead.")
    if job is not None and not by_srun and command == "fit":
        say(f"Started without srun in SLURM's job {job}: its signal before the time is up may not come here.")
    return {"plugins": SLURMEnvironment(auto_requeue=False)} if detected and wanted.plugins is None else {}
