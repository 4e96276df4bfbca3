"""What watches a run."""

from ganzoo.callbacks.checkpoints import Checkpoints, Stopped
from ganzoo.callbacks.pictures import Pictures
from ganzoo.callbacks.progress import Progress
from ganzoo.callbacks.samples import SampleWriter
from ganzoo.callbacks.trouble import Trouble

__all__ = ["Checkpoints", "Pictures", "Progress", "SampleWriter", "Stopped", "Trouble"]
