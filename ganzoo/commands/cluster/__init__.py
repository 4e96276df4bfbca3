"""`ganzoo cluster`: a run as a job of SLURM."""

from ganzoo.commands.cluster.command import cluster

__all__ = ["cluster"]
