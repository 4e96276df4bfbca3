"""The metrics of a run: at once on the disk, and the same file after an interruption."""

import pytest

from ganzoo.runs.loggers import MetricsCSV
from ganzoo.system.errors import UserError


def rows(logger):
    return logger.path.read_text().splitlines()


def test_each_row_is_on_the_disk_at_once(tmp_path):
    logger = MetricsCSV(tmp_path / "run")
    logger.log_metrics({"loss": 0.5}, step=1)
    assert rows(logger) == ["step,loss", "1,0.5"]
    logger.log_metrics({"loss": 0.25}, step=2)
    assert rows(logger) == ["step,loss", "1,0.5", "2,0.25"]


def test_a_new_column_keeps_the_rows_before(tmp_path):
    logger = MetricsCSV(tmp_path)
    logger.log_metrics({"loss": 0.5}, step=1)
    logger.log_metrics({"swd": 2.0}, step=2)
    logger.log_metrics({"loss": 0.25, "swd": 1.0}, step=3)
    assert rows(logger) == ["step,loss,swd", "1,0.5,", "2,,2.0", "3,0.25,1.0"]


def test_going_on_drops_the_rows_that_come_again(tmp_path):
    first = MetricsCSV(tmp_path)
    for step in (1, 2, 3, 4):
        first.log_metrics({"loss": step / 2}, step=step)
    before = first.path.read_bytes()
    again = MetricsCSV(tmp_path)  # as a process that goes on from round 2: it logs round 3 next
    again.log_metrics({"loss": 1.5}, step=3)
    assert rows(again) == ["step,loss", "1,0.5", "2,1.0", "3,1.5"]
    again.log_metrics({"loss": 2.0}, step=4)
    assert again.path.read_bytes() == before


def test_going_on_from_a_half_written_row(tmp_path):
    logger = MetricsCSV(tmp_path)
    for step in (1, 2):
        logger.log_metrics({"loss": 0.5, "swd": 1.0}, step=step)
    with open(logger.path, "a") as file:
        file.write("3,0.")  # a power cut
    MetricsCSV(tmp_path).log_metrics({"loss": 0.5, "swd": 1.0}, step=3)
    assert rows(logger) == ["step,loss,swd", "1,0.5,1.0", "2,0.5,1.0", "3,0.5,1.0"]


@pytest.mark.parametrize(
    "content",
    [b"step,loss\n1,\xff\n", b"step,loss\nx,0.5\n", b"step,loss\n1,x\n2,1\n", b"loss\n1\n", b"step\n1,2\n3\n"],
)
def test_a_file_that_cannot_be_read_is_set_aside(tmp_path, capsys, content):
    logger = MetricsCSV(tmp_path)
    logger.path.write_bytes(content)
    logger.set_aside_if_broken()
    assert "metrics.csv can't be read: it is now metrics.csv.broken" in capsys.readouterr().out
    assert (tmp_path / "metrics.csv.broken").read_bytes() == content
    logger.log_metrics({"loss": 0.5}, step=3)
    assert rows(logger) == ["step,loss", "3,0.5"]


def test_a_file_that_can_be_read_stays(tmp_path):
    logger = MetricsCSV(tmp_path)
    logger.set_aside_if_broken()
    logger.path.write_bytes(b"step,loss,swd\n1,0.5,\n2,-")  # the last row: a power cut
    logger.set_aside_if_broken()
    assert list(tmp_path.iterdir()) == [logger.path]
    logger.path.unlink()
    logger.path.mkdir()
    with pytest.raises(UserError, match=r"metrics\.csv is a folder: remove it"):
        logger.set_aside_if_broken()


def test_nothing_is_touched_before_the_first_row(tmp_path):
    MetricsCSV(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_clear_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"can't write .*metrics\.csv"):
        MetricsCSV(tmp_path / "file" / "run").log_metrics({"loss": 0.5}, step=1)


def test_a_full_disk_leaves_the_rows_that_were_there(tmp_path, monkeypatch):
    logger = MetricsCSV(tmp_path)
    logger.log_metrics({"loss": 0.5}, step=1)

    def no_space(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", no_space)
        with pytest.raises(UserError, match="No space left"):
            MetricsCSV(tmp_path).log_metrics({"loss": 0.25}, step=2)
    assert rows(logger) == ["step,loss", "1,0.5"]
    assert list(tmp_path.iterdir()) == [logger.path]


def test_names_the_run_after_its_folder(tmp_path):
    logger = MetricsCSV(tmp_path / "dcgan" / "today")
    assert (logger.name, logger.version, logger.save_dir) == ("dcgan", "today", str(tmp_path / "dcgan" / "today"))
