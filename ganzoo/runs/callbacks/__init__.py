"""Callbacks that watch a run."""

from ganzoo.runs.callbacks.checkpoints import Checkpoints, Stopped
from ganzoo.runs.callbacks.machine import Machine
from ganzoo.runs.callbacks.pictures import Pictures
from ganzoo.runs.callbacks.progress import Progress
from ganzoo.runs.callbacks.samples import SampleWriter
from ganzoo.runs.callbacks.trouble import Trouble

__all__ = ["Checkpoints", "Machine", "Pictures", "Progress", "SampleWriter", "Stopped", "Trouble"]
