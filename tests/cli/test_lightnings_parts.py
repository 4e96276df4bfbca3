"""Lightning's callbacks, profilers, loggers and strategies, with a GAN: each works, or is refused with the remedy."""

import inspect
import re

import lightning.pytorch.callbacks as callbacks
import lightning.pytorch.profilers as profilers
import pytest
from conftest import QUIET

from ganzoo.cli import main

POINTS = ["--model", "GAN", "--data", "Toy2D", "--data.batch_size", "16", "--pictures.every_n_steps", "0", *QUIET]

# The options of each callback, and what refuses it; nothing where it works.
CALLBACKS = {
    "BackboneFinetuning": ([], "BackboneFinetuning.*--begin_with"),
    "BaseFinetuning": ([], "BaseFinetuning.*--begin_with"),
    "BasePredictionWriter": (["write_interval=batch"], ""),
    "BatchSizeFinder": ([], "give --data.batch_size"),
    "Callback": ([], ""),
    "Checkpoint": ([], ""),
    "DeviceStatsMonitor": ([], "psutil|DeviceStatsMonitor|^$"),
    "EMAWeightAveraging": ([], "use --model.ema"),
    "EarlyStopping": (["monitor=val/swd"], ""),
    "GradientAccumulationScheduler": (["scheduling={0: 2}"], "use --model.micro_batches"),
    "LambdaCallback": ([], ""),
    "LearningRateFinder": ([], "generator_optimizer.lr"),
    "LearningRateMonitor": (["logging_interval=step"], "LearningRateMonitor|^$"),
    "ModelCheckpoint": ([], ""),
    "ModelPruning": (["pruning_fn=l1_unstructured"], "ModelPruning"),
    "ModelSummary": ([], ""),
    "OnExceptionCheckpoint": (["dirpath=saved"], ""),
    "ProgressBar": ([], "ProgressBar|^$"),
    "RichModelSummary": ([], ""),
    "RichProgressBar": ([], ""),
    "SpikeDetection": ([], "SpikeDetection.*watches both losses"),
    "StochasticWeightAveraging": (["swa_lrs=0.01"], "use --model.ema"),
    "TQDMProgressBar": ([], ""),
    "ThroughputMonitor": (["batch_size_fn=len"], "ThroughputMonitor|batch_size_fn"),
    "Timer": (["duration=00:00:10:00"], "Timer"),
    "WeightAveraging": ([], "use --model.ema"),
}
CHEAP = ("BatchSizeFinder", "GradientAccumulationScheduler", "StochasticWeightAveraging", "LearningRateMonitor")


def played(tmp_path, monkeypatch, capsys, *args):
    """Two rounds; return what refused them, nothing if nothing did. A traceback is an error here."""
    monkeypatch.chdir(tmp_path)
    code = 0
    try:
        main(["fit", *POINTS, "--trainer.max_steps", "2", "--run_dir", "run", *args])
    except SystemExit as stop:
        code = stop.code
    if code:
        err = capsys.readouterr().err
        assert err.startswith("ganzoo: ")
        assert err.count("\n") == 1
        return err
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()
    return ""


def test_all_callbacks_are_in_the_table():
    there = {name for name, cls in vars(callbacks).items() if inspect.isclass(cls)}
    assert there == CALLBACKS.keys()


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in CHEAP else pytest.mark.slow) for n in CALLBACKS])
def test_a_callback_works_or_is_refused(tmp_path, monkeypatch, capsys, name):
    options, refused = CALLBACKS[name]
    given = [part for option in options for part in (f"--trainer.callbacks.{option}",)]
    bar = ["--trainer.enable_progress_bar", "true"] if "ProgressBar" in name else []
    said = played(tmp_path, monkeypatch, capsys, *bar, "--trainer.callbacks", name, *given)
    assert re.search(refused, said) if refused else not said, said


@pytest.mark.parametrize("name", ["advanced", pytest.param("simple", marks=pytest.mark.slow)])
def test_a_profilers_report_is_in_the_runs_folder(tmp_path, monkeypatch, capsys, name):
    assert {n for n, cls in vars(profilers).items() if inspect.isclass(cls)} == {
        *("AdvancedProfiler", "PassThroughProfiler", "Profiler", "PyTorchProfiler", "SimpleProfiler", "XLAProfiler")
    }
    assert not played(tmp_path, monkeypatch, capsys, "--trainer.profiler", name)
    (report,) = (tmp_path / "run").glob("*profile*.txt")
    assert ("ncalls" if name == "advanced" else "training_step") in report.read_text()
    assert f"run{report.name[:0]}: the profiler's report" in capsys.readouterr().out


def test_scores_of_a_test_reach_its_logger(tmp_path, monkeypatch, capsys):
    assert not played(tmp_path, monkeypatch, capsys)
    logger = ["--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", "logs"]
    main(["test", "--ckpt_path", "run/checkpoints/last.ckpt", *QUIET, *logger, "--wandb", "offline"])
    (file,) = tmp_path.glob("logs/**/metrics.csv")
    head, row = file.read_text().splitlines()
    assert dict(zip(head.split(","), row.split(","), strict=True))["step"] == "2"
    assert "swd" in head
    assert "printed only: --wandb is for fit" in capsys.readouterr().out


def test_a_checkpoint_is_logged_as_an_artifact_where_it_is_asked_for(tmp_path, monkeypatch):
    from lightning.pytorch.loggers import WandbLogger

    from ganzoo.runs.loggers import log_model

    class Run:
        id, logged = "x", []

        def log_artifact(self, artifact, aliases):
            self.logged.append((artifact.name, sorted(artifact.manifest.entries), aliases))

    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path))
    (tmp_path / "last.ckpt").write_bytes(b"weights")
    monkeypatch.setattr(WandbLogger, "experiment", Run())
    for wanted, expected in (("all", [False]), (True, [True]), (False, [])):
        logger = WandbLogger.__new__(WandbLogger)
        logger._log_model, logger._checkpoint_name = wanted, None
        for ended in (False, True):
            before = len(Run.logged)
            log_model(logger, str(tmp_path / "last.ckpt"), "last", ended)
            assert len(Run.logged) - before == (ended in expected)
    assert Run.logged[0] == ("model-x", ["last.ckpt"], ["last", "latest"])
