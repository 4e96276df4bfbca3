"""What watches a run."""

from ganzoo.callbacks.checkpoints import Checkpoints, Stopped
from ganzoo.callbacks.progress import Progress
from ganzoo.callbacks.samples import SampleWriter

__all__ = ["Checkpoints", "Progress", "SampleWriter", "Stopped"]
