"""A full disk: whatever writes a file says so in one line, and the file that was there stays.

The limit on the size of a process's files stands for the disk: what doesn't fit is written in part, and then refused.
"""

import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import environment
from matplotlib.figure import Figure
from PIL import Image

import ganzoo
from ganzoo.data.files.sources import Names
from ganzoo.data.prepared.writing import LMDBWriter, save_json
from ganzoo.metrics import judge
from ganzoo.pictures.figures import save_figure
from ganzoo.pictures.films import save_film, save_video
from ganzoo.pictures.grids import save_picture, save_samples
from ganzoo.pictures.planes import save_points
from ganzoo.runs.checkpoint_file import SafeCheckpointIO
from ganzoo.runs.loggers import MetricsCSV
from ganzoo.system.errors import UserError

NOISE = np.random.default_rng(0).integers(0, 255, (6, 32, 400, 3), dtype=np.uint8)
PICTURES = [Image.fromarray(picture) for picture in NOISE]
POINTS = torch.from_numpy(NOISE[0, 0, :, :2].astype(np.float32))


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def figure(path: Path) -> None:
    drawn = Figure(figsize=(1, 1))
    drawn.subplots().plot([1, 2])
    save_figure(drawn, path)


WRITERS: dict[str, Callable[[Path], object]] = {
    "picture.png": lambda path: save_picture(PICTURES[0], path),
    "film.gif": lambda path: save_film(PICTURES[:2], path),
    "film.mp4": lambda path: save_video(PICTURES, path),
    "points.npy": lambda path: save_points(POINTS, path),
    "points.csv": lambda path: save_points(POINTS, path),
    "000000.npy": lambda path: save_samples(POINTS, [0], path.parent),
    "figure.png": figure,
    "last.ckpt": lambda path: SafeCheckpointIO().save_checkpoint({"a": POINTS}, path),
    "names.text.npy": lambda path: Names.of(["a" * 500]).save(path.parent / "names"),
    "manifest.json": lambda path: save_json(path, ["a" * 500]),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_does_not_fit_is_said_and_the_old_file_stays(tmp_path, name):
    if name.endswith(".mp4"):
        pytest.importorskip("av")
    path = tmp_path / "there" / name
    WRITERS[name](path)
    size, old = path.stat().st_size, {file.name for file in path.parent.iterdir()}
    path.write_bytes(b"")
    for some in {0, size // 2, size - 1}:
        with room(some), pytest.raises(UserError, match=r"^can't write .*(File too large|full)"):
            WRITERS[name](path)
        assert path.read_bytes() == b""
        assert {file.name for file in path.parent.iterdir()} == old
    with room(size):
        WRITERS[name](path)
    assert path.stat().st_size == size


def test_no_half_a_row_of_metrics_stays(tmp_path):
    metrics = MetricsCSV(tmp_path)
    metrics.log_metrics({"a": 1.0}, 10)
    rows = (tmp_path / "metrics.csv").read_bytes()
    for more in (0, 4):
        with room(len(rows) + more), pytest.raises(UserError, match=r"metrics\.csv \(File too large\)"):
            metrics.log_metrics({"a": 2.0}, 20)
        assert (tmp_path / "metrics.csv").read_bytes() == rows


def test_a_judge_that_can_not_be_kept_judges_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(judge, "trained", lambda *_: judge.Judge(10))
    with room(1000):
        judge.judge_of(torch.zeros(4, 1, 16, 16, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64), 10)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_an_lmdb_that_can_not_grow_is_an_error_of_the_disk(tmp_path):
    """Which `prepare` says in a line."""
    for size in (0, 20_000):
        with (
            room(size),
            pytest.raises(OSError, match="mdb"),
            LMDBWriter(tmp_path / f"{size}.lmdb", (3, 60, 50), 9) as writer,
        ):
            writer.write([b"a" * 9000] * 9, 0)


def test_a_full_output_is_one_line(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "ganzoo", "list"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment())
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert re.match(r"ganzoo: can't write the output \(No space left on device\): make room", done.stderr)


def test_no_library_writes_into_a_file_by_itself():
    """numpy and Pillow say nothing of what doesn't fit."""
    writes = re.compile(r"(?:np\.save|np\.savetxt|torch\.save|\.savefig|\.save)\((?:\w+(?:\.\w+\(\))?, )?beside\b")
    allowed = {"folder.py"}  # jsonargparse, which writes as Python does
    for file in Path(ganzoo.__file__).parent.rglob("*.py"):
        if file.name not in allowed:
            assert not writes.search(file.read_text(encoding="utf-8")), file
    assert writes.search("np.save(beside, x)")
    assert writes.search("torch.save(judge.state_dict(), beside)")
