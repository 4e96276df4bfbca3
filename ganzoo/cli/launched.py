"""Who started the processes of a run, and how many: torchrun and srun say so to each of them."""

import os
from typing import Any

from ganzoo.system.errors import UserError

__all__ = ["launched", "refuse_to_play_alone"]


def launched(wanted: Any) -> dict[str, int]:
    """Return the trainer's devices and num_nodes as torchrun or srun started processes; nothing if neither did.

    Without them each process of torchrun would train by itself.

    Args:
        wanted: the trainer's options.

    Raises:
        UserError: other numbers were asked for.
    """
    found = by_torchrun() or by_srun()
    if found is None or wanted.plugins is not None:  # the user's own way
        return {}
    who, each, nodes = found
    devices, num_nodes = wanted.devices, wanted.num_nodes
    asked = devices_in(devices)
    if (asked is not None and asked != each) or num_nodes not in (1, nodes):
        raise UserError(
            f"{who} started {each} on each of {nodes}: {each * nodes} processes, and trainer.devices is {devices}, "
            f"trainer.num_nodes {num_nodes}: leave both out, or give {each} and {nodes}."
        )
    return {"devices": devices if asked is not None else each, "num_nodes": nodes}


def refuse_to_play_alone(processes: int) -> None:
    """Refuse to be one of several processes, started by hand or by MPI, each of which would train a run by itself.

    Args:
        processes: how many the trainer counts.

    Raises:
        UserError: a variable of the environment says otherwise.
    """
    for name, mine in (("WORLD_SIZE", ("RANK", "LOCAL_RANK")), ("OMPI_COMM_WORLD_SIZE", ("OMPI_COMM_WORLD_RANK",))):
        told = os.environ.get(name, "")
        if told.isdigit() and int(told) > 1 and int(told) != processes and any(each in os.environ for each in mine):
            raise UserError(
                f"{name} is {told}, and the trainer counts {processes} (trainer.devices times trainer.num_nodes): each "
                f"process would train by itself. Start them by torchrun or srun, or unset {name}."
            )


def by_torchrun() -> tuple[str, int, int] | None:
    """Return its name, the processes of each node, and the nodes."""
    if not {"TORCHELASTIC_RUN_ID", "WORLD_SIZE", "LOCAL_WORLD_SIZE"} <= os.environ.keys():
        return None
    world, each = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if world % each:
        raise UserError(f"torchrun started {world} processes, {each} of them here: start the same number on each node.")
    return "torchrun", each, world // each


def by_srun() -> tuple[str, int, int] | None:
    """Return its name, the tasks of each node, and the nodes."""
    told = {"SLURM_STEP_ID", "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE"} <= os.environ.keys()
    if not told or os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive"):  # a shell, where Lightning starts them
        return None
    world, each = int(os.environ["SLURM_NTASKS"]), int(os.environ["SLURM_NTASKS_PER_NODE"])
    return "srun", each, max(1, world // each)


def devices_in(devices: Any) -> int | None:
    """Return how many devices an option asks for; None if it leaves that open, as auto does."""
    if isinstance(devices, list):
        return len(devices)
    text = str(devices)
    if "," in text:
        return len([part for part in text.split(",") if part])
    return int(text) if text.lstrip("-").isdigit() and int(text) > 0 else None
