"""What reaches wandb and TensorBoard: all of it, once, on the axis of metrics.csv; no trouble there stops a run."""

import gzip
import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import wandb
import yaml
from conftest import last
from wandb.proto.wandb_internal_pb2 import Record

from ganzoo.cli import main
from ganzoo.runs.loggers import MetricsCSV
from ganzoo.runs.wandb_today import mode_of_environment
from ganzoo.system.errors import UserError

# of the rows below: every 3 rounds, the scores every 4, and the best of them; the scores of the end
STEPS = [3, 4, 4, 6, 8, 8, 9, 9]
BATCH = 8
KEY = "a" * 40
EVENTS: dict[int, Callable[[], object]] = {}  # what is to happen after a round


class Happen(L.Callback):
    """Lets something happen in the middle of a run."""

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        EVENTS.pop(trainer.global_step, lambda: None)()


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A home, an environment and a process without anything of wandb's."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("ganzoo.runs.loggers.SERVER_TIMEOUT", 3)
    monkeypatch.chdir(tmp_path)
    yield
    EVENTS.clear()
    wandb.teardown()


@pytest.fixture
def fit(tmp_path):
    """Run `ganzoo fit` for 9 rounds; return the folder."""

    def fit(name: str, *more: str, pictures: int = 0) -> Path:
        options = {
            **{"--model": "GAN", "--data": "Digits", "--data.image_size": "16", "--data.batch_size": str(BATCH)},
            **{"--trainer.max_steps": "9", "--trainer.log_every_n_steps": "3", "--trainer.val_check_interval": "4"},
            **{"--trainer.limit_val_batches": "1", "--pictures.every_n_steps": str(pictures)},
            **{"--trainer.enable_progress_bar": "false", "--trainer.enable_model_summary": "false"},
        }
        main(["fit", *(word for pair in options.items() for word in pair), "--run_dir", str(tmp_path / name), *more])
        return tmp_path / name

    return fit


def records(part: Path) -> list[Record]:
    """All records of a run; on a busy machine wandb's own process may write the last ones a little after the run."""
    for _ in range(40):
        found = list(read_records(part))
        if any(record.HasField("exit") for record in found):
            break
        time.sleep(0.25)
    return found


def read_records(part: Path) -> Iterator[Record]:
    """Read the file of a run as `wandb sync` does: records in pieces, in blocks of 32 KiB, as in LevelDB's logs."""
    (file,) = part.glob("run-*.wandb")
    raw, at, found = file.read_bytes(), 7, b""
    assert raw[:4] == b":W&B"
    while len(raw) - at >= 7:
        if (left := 32768 - at % 32768) < 7:  # no room for a head
            at += left
            continue
        size, kind = struct.unpack("<4xHB", raw[at : at + 7])
        found += raw[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # the whole of a record, or its last piece
            yield Record.FromString(found)
            found = b""


def parts(run: Path, mode: str = "offline-") -> list[Path]:
    """What each process of a run has left of wandb's, in order."""
    return sorted(run.glob(f"wandb/{mode}run-*-*"))


def id_of(part: Path) -> str:
    return part.name.rpartition("-")[2]


def history(run: Path, mode: str = "offline-") -> list[dict[str, Any]]:
    """All rows that were logged, without wandb's own columns."""
    rows = []
    for part in parts(run, mode):
        for record in records(part):
            if record.HasField("history"):
                row = [(tuple(item.nested_key) or (item.key,), item.value_json) for item in record.history.item]
                rows.append({"/".join(k): json.loads(v) for k, v in row if not k[0].startswith("_")})
    return rows


def scalars(rows: list[dict[str, Any]]) -> list[tuple[int, dict[str, float]]]:
    rows = [dict(row) for row in rows if "samples/_type" not in row]
    assert all(row.pop("images_seen") == BATCH * row["trainer/global_step"] for row in rows)
    return [(row.pop("trainer/global_step"), row) for row in rows]


def csv_rows(run: Path) -> list[tuple[int, dict[str, float]]]:
    names, *rows = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    return [(int(row[0]), {n: float(x) for n, x in zip(names[1:], row[1:], strict=True) if x}) for row in rows]


def test_offline_run_is_that_of_the_folder(fit, capsys):
    run = fit("run", "--wandb", "offline", pictures=5)  # where nothing else is logged
    (part,) = parts(run)
    assert f"offline; upload with `wandb sync {part}`" in capsys.readouterr().out

    found = list(records(part))
    updates = [update for record in found for update in record.config.update]
    config = {update.key: json.loads(update.value_json) for update in updates}
    assert len(config) == len(updates)  # each once
    assert config == yaml.safe_load((run / "config.yaml").read_text())

    rows = history(run)
    assert scalars(rows) == csv_rows(run)
    assert [step for step, _ in csv_rows(run)] == STEPS
    pictures = [row for row in rows if "samples/_type" in row]
    assert [row["trainer/global_step"] for row in pictures] == [0, 5, 9]
    for row in pictures:
        (name,) = row["samples/filenames"]
        drawn = run / "samples" / f"{row['trainer/global_step']:07d}.png"
        assert (row["samples/width"], row["samples/count"]) == (
            8 * 146,
            1,
        )  # 8 x 8 images of 16 px, 2 px between them, enlarged
        assert (part / "files" / name).is_file()
        assert drawn.is_file()
    metrics = {r.metric.name or r.metric.glob_name: r.metric for r in found if r.HasField("metric")}
    assert metrics["images_seen"].options.hidden  # the x-axis, and no panel of its own
    assert {metrics[name].step_metric for name in ("*", "val/fid_digits", "val/modes")} == {"images_seen"}
    assert {(row["trainer/global_step"], row["images_seen"]) for row in pictures} == {(0, 0), (5, 40), (9, 72)}
    lowest, highest = (metrics[name].summary for name in ("val/fid_digits", "val/modes"))
    assert (lowest.min, lowest.max, lowest.last) == (True, False, True)
    assert (highest.min, highest.max, highest.last) == (False, True, True)
    assert [record.exit.exit_code for record in found if record.HasField("exit")] == [0]


def test_resumed_run_keeps_its_id_and_is_uploaded_as_one(fit, capsys):
    run = fit("run", "--wandb", "offline", "--trainer.max_steps", "5")
    before = parts(run)
    assert f"wandb: offline; upload with `wandb sync {before[0]}`" in capsys.readouterr().out
    main(["resume", str(run), "--max_steps", "9"])
    after = parts(run)
    assert len(after) == 2
    assert f"in 2 parts: one command joins them; upload with `wandb sync {after[0]} {after[1]}`" in (
        capsys.readouterr().out
    )
    assert {id_of(part) for part in after} == {id_of(before[0])}
    rows = scalars(history(run))
    ends = [row for row in rows if "final/fid_digits" in row[1]]
    assert [step for step, _ in ends] == [5, 9]
    assert [row for row in rows if row is not ends[0]] == csv_rows(run)  # wandb takes no row back
    assert [step for step, _ in csv_rows(run)] == STEPS


def test_a_resumed_run_obeys_the_environment_of_today(fit, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "elsewhere"))
    run = fit("run", "--wandb", "offline", "--trainer.max_steps", "2", "--trainer.limit_val_batches", "0")
    (first,) = parts(tmp_path / "elsewhere")
    assert not parts(run)
    capsys.readouterr()
    monkeypatch.setenv("WANDB_MODE", "disabled")
    main(["resume", str(run), "--max_steps", "3"])
    assert "wandb: disabled, by WANDB_MODE; the config has offline." in capsys.readouterr().out
    assert parts(tmp_path / "elsewhere") == [first]
    monkeypatch.delenv("WANDB_DIR")
    main(["resume", str(run), "--max_steps", "4", "--wandb", "offline"])  # what is given holds before the variable
    (second,) = parts(run)
    assert id_of(second) == id_of(first)
    monkeypatch.setenv("WANDB_MODE", "dry")
    with pytest.raises(SystemExit):
        main(["resume", str(run), "--max_steps", "5"])
    assert "WANDB_MODE is dry: give online, offline, disabled" in capsys.readouterr().err


def test_the_mode_of_the_environment_is_one_of_wandbs(monkeypatch):
    for word, mode in {"": None, "dryrun": "offline", "run": "online", "disabled": "disabled"}.items():
        monkeypatch.setenv("WANDB_MODE", word)
        assert mode_of_environment() == mode
    monkeypatch.setenv("WANDB_MODE", "Offline")
    with pytest.raises(UserError, match="WANDB_MODE is Offline: give online, offline, disabled"):
        mode_of_environment()


def test_two_runs_in_one_process_have_two_ids(fit):
    runs = fit("a", "--wandb", "offline"), fit("b", "--wandb", "offline")
    ids = [id_of(part) for run in runs for part in parts(run)]
    assert len(ids) == len({*ids}) == 2
    assert scalars(history(runs[0])) == csv_rows(runs[0])
    assert scalars(history(runs[1])) == csv_rows(runs[1])


@pytest.mark.parametrize("args", [["--wandb"], ["--wandb", "--seed_everything", "1"]], ids=["last", "before another"])
def test_wandb_alone_takes_the_mode_of_the_environment(fit, monkeypatch, args):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    monkeypatch.setenv("WANDB_RUN_ID", "run1")
    run = fit("run", *args)
    (part,) = parts(run)
    assert id_of(part) == "run1"
    assert [record.run.project for record in records(part) if record.HasField("run")] == ["mine"]
    assert yaml.safe_load((run / "config.yaml").read_text())["wandb"] == "offline"


@pytest.mark.parametrize(("args", "mode"), [(["--wandb", "disabled"], "online"), (["--wandb"], "disabled"), ([], "")])
def test_nothing_of_wandb_unless_it_is_wanted(fit, monkeypatch, args, mode):
    monkeypatch.setenv("WANDB_MODE", mode)
    run = fit("run", *args)
    assert last(run)["global_step"] == 9
    assert not list(run.glob("wandb/*run*"))


def test_a_run_that_failed_is_marked_so(fit):
    def fail() -> None:
        raise ZeroDivisionError

    EVENTS[5] = fail
    with pytest.raises(ZeroDivisionError):
        fit("run", "--wandb", "offline", "--trainer.callbacks", "runs.test_wandb.Happen")
    (part,) = parts(Path("run"))
    assert [record.exit.exit_code for record in records(part) if record.HasField("exit")] == [1]
    other = fit("other", "--wandb", "offline")
    assert scalars(history(other)) == csv_rows(other)  # another run in this process is one of its own


@pytest.mark.parametrize("args", [["--wandb", "online"], ["--wandb"]])
def test_online_without_a_key_is_one_line_before_anything_is_made(fit, tmp_path, capsys, monkeypatch, args):
    monkeypatch.setattr("sys.stdin", io.StringIO())  # no terminal to ask for a key
    with pytest.raises(SystemExit) as stop:
        fit("runs/run", *args)
    error = capsys.readouterr().err
    assert stop.value.code == 1
    assert error.startswith("ganzoo: --wandb online: "), error
    assert error.count("\n") == 1, error
    assert "`wandb login`" in error
    assert "--wandb offline" in error
    assert not (tmp_path / "runs").exists()
    assert last(fit("runs/run", "--wandb", "offline"))["global_step"] == 9  # nothing stands in the way


def test_a_key_that_can_be_none_is_one_line(fit, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "short")
    with pytest.raises(SystemExit) as stop:
        fit("run", "--wandb", "online")
    error = capsys.readouterr().err
    assert stop.value.code == 1
    assert error.startswith("ganzoo: --wandb online: WANDB_API_KEY invalid"), error
    assert error.count("\n") == 1, error
    assert not (tmp_path / "run").exists()


# A server of wandb's that answers as much as a run needs ------------------------------------------------------


class Answers(BaseHTTPRequestHandler):
    """Answers a run's questions, and keeps the rows that it is sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.trouble:
            self.server.trouble(self)
            return
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        answer = b"{}"
        if self.path == "/graphql":
            asked = json.loads(body)
            answer = json.dumps({"data": self.answer(asked["query"], asked["variables"])}).encode()
        elif self.path.endswith("/file_stream"):
            self.server.keep(json.loads(body))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_GET = do_POST

    def answer(self, query: str, given: dict[str, Any]) -> dict[str, Any]:
        if "upsertBucket" in query:
            project = {"id": "p", "name": "ganzoo", "entity": {"id": "e", "name": "me"}}
            bucket = {"id": "b", "name": given.get("name"), "project": project, "historyLineCount": 0, "config": "{}"}
            return {"upsertBucket": {"bucket": bucket, "inserted": True}}
        if "createRunFiles" in query:
            files = [{"name": name, "uploadUrl": f"{self.server.url}/upload"} for name in given["files"]]
            return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}
        return {"model": None} if "RunResumeStatus" in query else {}

    def log_message(self, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """A wandb server on this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.rows: list[dict[str, Any]] = []
        self.trouble: Callable[[Answers], None] | None = None  # what it does in place of an answer
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def keep(self, sent: dict[str, Any]) -> None:
        lines = (sent.get("files") or {}).get("wandb-history.jsonl", {}).get("content", [])
        self.rows += [json.loads(line) for line in lines]

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *args: Any) -> None:
        """Say nothing of clients that are gone."""


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    yield server
    server.stop()


def test_online_run_reaches_the_server(fit, server, capsys):
    run = fit("run", "--wandb", "online", pictures=4)
    (part,) = parts(run, "")
    assert f"wandb: {server.url}/me/ganzoo/runs/{id_of(part)}" in capsys.readouterr().out
    wanted = [(step, set(values)) for step, values in csv_rows(run)]
    rows = [{n: x for n, x in row.items() if not n.startswith("_")} for row in server.rows]
    assert all(row.pop("images_seen") == BATCH * row["trainer/global_step"] for row in rows)
    assert [row["trainer/global_step"] for row in rows if "samples" in row] == [0, 4, 8, 9]
    assert [(row.pop("trainer/global_step"), {*row}) for row in rows if "samples" not in row] == wanted


@pytest.mark.slow
def test_an_offline_run_is_uploaded_by_wandbs_own_sync(fit, server):
    run = fit("run", "--wandb", "offline")
    (part,) = parts(run)
    sync = [sys.executable, "-m", "wandb", "sync", str(part)]
    done = subprocess.run(sync, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    sent = {row["trainer/global_step"] for row in server.rows}
    assert sent == set(STEPS)
    assert {row["images_seen"] for row in server.rows} == {BATCH * step for step in STEPS}


def test_server_that_cannot_be_reached_leaves_the_run_offline(fit, capsys, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    run = fit("run", "--wandb", "online")
    out = capsys.readouterr().out
    assert len(re.findall(r"^wandb's server can't be used \(.+\): this run is logged offline\.$", out, re.M)) == 1
    (part,) = parts(run)
    assert f"wandb sync {part}" in out
    assert scalars(history(run)) == csv_rows(run)
    assert [step for step, _ in csv_rows(run)] == STEPS
    main(["resume", str(run), "--max_steps", "10"])  # it still can't be reached
    assert {id_of(later) for later in parts(run)} == {id_of(part)}


def hang(request: Answers) -> None:
    time.sleep(20)


TROUBLES = {  # of a server in the middle of a run
    "gone": Server.stop,
    "broken": lambda server: setattr(server, "trouble", lambda request: request.send_error(500)),
    "forbids": lambda server: setattr(server, "trouble", lambda request: request.send_error(401)),
    "hangs": lambda server: setattr(server, "trouble", hang),
}


@pytest.mark.parametrize(
    "trouble", [name if name in ("gone", "broken") else pytest.param(name, marks=pytest.mark.slow) for name in TROUBLES]
)
def test_server_that_is_lost_in_the_middle_does_not_stop_the_run(fit, server, capsys, trouble):
    EVENTS[5] = lambda: TROUBLES[trouble](server)
    run = fit("run", "--wandb", "online", "--trainer.callbacks", "runs.test_wandb.Happen")
    assert not EVENTS
    assert "Done: 9 rounds." in capsys.readouterr().out
    assert [step for step, _ in csv_rows(run)] == STEPS
    assert scalars(history(run, "")) == csv_rows(run)  # all here, for `wandb sync`


def kill_wandb() -> None:
    """Kill the process that wandb has started for this one."""
    mine = subprocess.run(["pgrep", "-P", str(os.getpid()), "wandb-core"], capture_output=True, text=True)
    (process,) = mine.stdout.split()
    os.kill(int(process), signal.SIGKILL)


def test_wandbs_process_that_is_lost_does_not_stop_the_run(fit, capfd):
    EVENTS[5] = kill_wandb
    run = fit("run", "--wandb", "offline", "--trainer.callbacks", "runs.test_wandb.Happen", pictures=4)
    out, error = capfd.readouterr()
    assert not EVENTS
    assert "Traceback" not in error
    assert len(re.findall(r"^wandb has stopped \(.+\): this run goes on without it\.$", out, re.M)) == 1
    assert "Done: 9 rounds." in out
    assert [step for step, _ in csv_rows(run)] == STEPS
    other = fit("other", "--wandb", "offline")
    assert scalars(history(other)) == csv_rows(other)


# TensorBoard --------------------------------------------------------------------------------------------------


def test_tensorboard_by_its_class_path(fit, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    plugin = pytest.importorskip("tensorboard.plugins.hparams.plugin_data_pb2")
    logger = ["--trainer.logger", "TensorBoardLogger", "--trainer.logger.save_dir", str(tmp_path / "tb")]
    run = fit("run", *logger, pictures=4)
    (folder,) = {path.parent for path in (tmp_path / "tb").rglob("events.*")}
    found = events.EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    found.Reload()
    logged = {name: [(event.step, event.value) for event in found.Scalars(name)] for name in found.scalars.Keys()}
    logged.pop("hp_metric", None)  # TensorBoard's own
    curves = MetricsCSV(run).curves()
    assert {*curves} > {"D(real)", "generator/adversarial"}
    assert logged == curves
    assert [event.step for event in found.Images("samples")] == [0, 4, 8, 9]

    start = plugin.HParamsPluginData.FromString(found.PluginTagToContent("hparams")["_hparams_/session_start_info"])
    config = start.session_start_info.hparams
    assert config["trainer/max_steps"].number_value == 9
    assert config["model/init_args/n_critic"].number_value == 1
    assert config["data/class_path"].string_value == "ganzoo.data.Digits"
