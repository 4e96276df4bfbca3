"""The CSV file that every run writes."""

import csv
import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from ganzoo.errors import UserError

__all__ = ["MetricsCSV"]


class MetricsCSV(Logger):
    """Writes `metrics.csv` into the run's folder, each row at once, so that a kill loses none.

    When a run goes on, the rows from the step at which it does so are dropped and written again: the file of an
    interrupted run is that of an uninterrupted one, to the byte. (Lightning's CSVLogger deletes the file instead.)
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self.columns: list[str] | None = None  # None: nothing was written yet by this process

    @property
    def name(self) -> str:
        """The experiment's name: the folder's parent."""
        return self.path.parent.parent.name

    @property
    def version(self) -> str:
        """The run's name: its folder."""
        return self.path.parent.name

    @property
    def save_dir(self) -> str:
        """The run's folder; Lightning takes `trainer.log_dir` from here."""
        return str(self.path.parent)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml has them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add a row.

        Raises:
            UserError: the file can't be written.
        """
        row = {"step": step, **{name: float(value) for name, value in metrics.items()}}
        try:
            if self.columns is None:
                self._open(step or 0)
            assert self.columns is not None
            if not row.keys() <= set(self.columns):
                rows = self._rows()
                self.columns += [name for name in row if name not in self.columns]
                self._rewrite(rows)
            with open(self.path, "a", newline="") as file:
                csv.DictWriter(file, self.columns).writerow(row)
        except OSError as error:
            raise UserError(f"can't write {self.path} ({error.strerror}): make room, or set another folder.") from error

    def _open(self, step: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rows = [row for row in self._rows() if row["step"] and int(row["step"]) < step]
        self.columns = list(rows[0]) if rows else ["step"]
        self._rewrite(rows)

    def _rows(self) -> list[dict[str, str]]:
        if not self.path.is_file():
            return []
        with open(self.path, newline="") as file:
            return list(csv.DictReader(file))

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        """Write beside and rename."""
        assert self.columns is not None
        beside = self.path.with_suffix(".writing")
        try:
            with open(beside, "w", newline="") as file:
                writer = csv.DictWriter(file, self.columns)
                writer.writeheader()
                writer.writerows(rows)
            os.replace(beside, self.path)
        finally:
            beside.unlink(missing_ok=True)
