"""What a run takes: its time, round by round, its memory, and the machine."""

import platform
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import lightning as L

from ganzoo.game import Game
from ganzoo.runs.clock import Clock, Process
from ganzoo.system.errors import UserError
from ganzoo.system.hardware import hardware, peak_device_memory, peak_memory
from ganzoo.system.output import say
from ganzoo.system.versions import COMPUTE, versions_of

__all__ = ["Machine"]

EVERY = 30.0  # seconds between two writings of the file; a checkpoint has it written, too


class Machine(L.Callback):
    """Writes `machine.json` into the run's folder, on rank 0: see `ganzoo.runs.clock`.

    Nothing of it is in a checkpoint or in metrics.csv, and no device is waited for. A file that can't be written stops
    no run.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.works = False  # on this rank, and so far

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Go on with the clock of the run's earlier processes."""
        self.folder = Path(trainer.log_dir or trainer.default_root_dir)  # rank 0's word, which all ranks wait for
        self.works = trainer.is_global_zero
        if not self.works:
            return
        try:
            self.clock = Clock.read(self.folder) or Clock()
        except (ValueError, OSError) as error:
            self.clock = Clock()
            say(f"{self.folder / 'machine.json'} can't be read ({error}): the run begins a new one.")
        self.before, self.began = self.clock.go_on(trainer.global_step), time.monotonic()
        self.kind = pl_module.device.type
        self.clock.processes.append(
            Process(
                start=trainer.global_step,
                end=trainer.global_step,
                began=f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %z}",
                seconds=0.0,
                hardware=hardware(self.kind, trainer.world_size),
                devices=trainer.world_size,
                precision=str(trainer.precision),
                versions={"python": platform.python_version(), **versions_of(COMPUTE)},
            )
        )
        self.ticked, self.saved = -1.0, 0.0  # in this process, in seconds
        self._tick(trainer, pl_module)
        self._write()

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        """Add a row from time to time, and write the file now and then: a kill loses little."""
        if self.works and (now := self._seconds()) - self.ticked >= self.clock.spacing:
            self._tick(trainer, pl_module)
            if now - self.saved >= EVERY:
                self._write()

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Write the file: a run that goes on from here knows its time."""
        self._end(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the file, with the last round."""
        self._end(trainer, pl_module)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Do so, whatever ends the run."""
        self._end(trainer, pl_module)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Count what came after the last round: pictures and scores."""
        self._write()
        self.works = False

    def _end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.works:
            self._tick(trainer, pl_module)
            self._write()

    def _seconds(self) -> float:
        return time.monotonic() - self.began

    def _tick(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, Game)
        self.ticked = self._seconds()
        self.clock.tick(trainer.global_step, self.before + self.ticked, pl_module.images_seen)
        self.clock.processes[-1].end = trainer.global_step

    def _write(self) -> None:
        if not self.works:
            return
        process, self.saved = self.clock.processes[-1], self._seconds()
        process.seconds = round(self.saved, 3)
        process.peak_memory, process.peak_device_memory = peak_memory(), peak_device_memory(self.kind)
        try:
            self.clock.write(self.folder)
        except UserError as error:
            self.works = False
            say(f"The run's times are not kept: {error}")
