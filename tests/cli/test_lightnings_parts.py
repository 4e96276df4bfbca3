"""Lightning's callbacks, profilers, loggers and strategies, with a GAN: each works, or is refused with the remedy."""

import inspect
import re
from types import SimpleNamespace

import lightning.pytorch.callbacks as callbacks
import lightning.pytorch.loggers as loggers
import lightning.pytorch.profilers as profilers
import pytest
from conftest import QUIET
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.strategies import StrategyRegistry

from ganzoo.cli import main
from ganzoo.cli.trainer import keep_in
from ganzoo.system.errors import UserError

POINTS = ["--model", "GAN", "--data", "Toy2D", "--data.batch_size", "16", "--pictures.every_n_steps", "0", *QUIET]

# The options of each callback, and what refuses it; nothing where it works.
CALLBACKS = {
    "BackboneFinetuning": ([], "BackboneFinetuning.*--begin_with"),
    "BaseFinetuning": ([], "BaseFinetuning.*--begin_with"),
    "BasePredictionWriter": (["write_interval=batch"], ""),
    "BatchSizeFinder": ([], "give --data.batch_size"),
    "Callback": ([], ""),
    "Checkpoint": ([], ""),
    "DeviceStatsMonitor": ([], "psutil"),
    "EMAWeightAveraging": ([], "use --model.ema"),
    "EarlyStopping": (["monitor=val/swd"], ""),
    "GradientAccumulationScheduler": (["scheduling={0: 2}"], "use --model.micro_batches"),
    "LambdaCallback": ([], ""),
    "LearningRateFinder": ([], "generator_optimizer.lr"),
    "LearningRateMonitor": (["logging_interval=step"], ""),
    "ModelCheckpoint": ([], ""),
    "ModelPruning": (["pruning_fn=l1_unstructured"], "ModelPruning"),
    "ModelSummary": ([], ""),
    "OnExceptionCheckpoint": (["dirpath=saved"], ""),
    "ProgressBar": ([], ""),
    "RichModelSummary": ([], ""),
    "RichProgressBar": ([], ""),
    "SpikeDetection": ([], "SpikeDetection.*watches both losses"),
    "StochasticWeightAveraging": (["swa_lrs=0.01"], "use --model.ema"),
    "TQDMProgressBar": ([], ""),
    "ThroughputMonitor": (["batch_size_fn=len"], "ThroughputMonitor|batch_size_fn"),
    "Timer": (["duration=00:00:10:00"], "Timer.*use --trainer.max_time"),
    "WeightAveraging": ([], "use --model.ema"),
}
CHEAP = ("BatchSizeFinder", "GradientAccumulationScheduler", "StochasticWeightAveraging", "Timer")

# The values of the Trainer's arguments with which a run works: all of them in one run, and each in a slow one.
WORKS = {
    "benchmark": "true",
    "callbacks": "LearningRateMonitor",
    "check_val_every_n_epoch": "1",
    "default_root_dir": "elsewhere",
    "detect_anomaly": "true",
    "deterministic": "warn",
    "devices": "1",
    "enable_autolog_hparams": "false",
    "enable_model_summary": "true",
    "enable_progress_bar": "true",
    "inference_mode": "false",
    "limit_predict_batches": "1",
    "limit_test_batches": "1",
    "limit_val_batches": "1",
    "log_every_n_steps": "1",
    "logger": "true",
    "max_steps": "2",
    "max_time": "00:00:10:00",
    "min_epochs": "2",
    "min_steps": "1",
    "model_registry": "mine",
    "num_nodes": "1",
    "num_sanity_val_steps": "1",
    "profiler": "simple",
    "reload_dataloaders_every_n_epochs": "1",
    "sync_batchnorm": "true",
    "use_distributed_sampler": "false",
    "val_check_interval": "1",
}
# The others, and what is said of some values: what to do instead, or what is not there.
REFUSED = {
    "accelerator": ("gpu", "trainer.accelerator is gpu, and there is none"),
    "accumulate_grad_batches": ("2", "use --model.micro_batches"),
    "barebones": ("true", "leave it out"),
    "enable_checkpointing": ("false", "leave it out"),
    "fast_dev_run": ("true", "use max_steps 1"),
    "gradient_clip_algorithm": ("norm", "use --model.generator_clip"),
    "gradient_clip_val": ("1", "use --model.generator_clip"),
    "limit_train_batches": ("2", "give max_steps"),
    "max_epochs": ("2", "give max_steps 6250"),
    "overfit_batches": ("1", "leave it out"),
    "plugins": ("BitsandbytesPrecision", "trainer.plugins"),
    "precision": ("bf16-true", "use 32-true"),
    "strategy": ("ddp_spawn", "use ddp"),
}

# What each strategy that Lightning knows by name is: nothing where it works.
STRATEGIES = {
    "ddp": "",
    "ddp_find_unused_parameters_false": "",
    "ddp_find_unused_parameters_true": "",
    "single_device": "",
    **dict.fromkeys(("single_tpu", "single_xla", "xla", "xla_debug"), "for TPUs, on which nobody has played"),
    **{f"ddp_{how}": f"strategy ddp_{how}.*use ddp" for how in ("spawn", "fork", "notebook")},
    **{
        f"ddp_{how}_find_unused_parameters_{word}": f"strategy ddp_{how}.*use ddp"
        for how in ("spawn", "fork", "notebook")
        for word in ("false", "true")
    },
    **dict.fromkeys(("fsdp", "fsdp_cpu_offload"), "strategy fsdp.*use ddp"),
    **{
        f"deepspeed{stage}": "strategy deepspeed.*use ddp"
        for stage in (
            "",
            "_stage_1",
            "_stage_2",
            "_stage_2_offload",
            "_stage_3",
            "_stage_3_offload",
            "_stage_3_offload_nvme",
        )
    },
}

# The loggers; those whose package is not installed say so.
LOGGERS = {
    "CSVLogger": (["save_dir=logs"], ""),
    "CometLogger": ([], "comet-ml"),
    "LitLogger": ([], "LitLogger is not known"),  # it is one for Fabric alone
    "Logger": ([], "Logger"),
    "MLFlowLogger": (["save_dir=logs"], "mlflow"),
    "TensorBoardLogger": (["save_dir=logs"], ""),
    "WandbLogger": (["save_dir=logs", "mode=offline"], ""),
}

# What holds in no run: it would be lost, or never come.
LOST = {
    "plugins": ("AsyncCheckpointIO", "AsyncCheckpointIO would not be used.*leave it out"),
    "check_val_every_n_epoch": ("2", "check_val_every_n_epoch is 2, .*give --trainer.val_check_interval in rounds"),
    "val_check_interval": ("0.5", "val_check_interval is 0.5, .*give whole rounds"),
    "log_every_n_steps": ("-1", "log_every_n_steps is -1: give 1 or more"),
    "logger": ("TensorBoardLogger", "TensorBoardLogger needs save_dir: give it --trainer.logger.save_dir"),
    "callbacks": ("EarlyStopping", "EarlyStopping needs monitor: give it --trainer.callbacks.monitor"),
    "strategy": ("{class_path: DDPStrategy, init_args: {process_group_backend: nccl}}", "leave it out, for gloo"),
    "min_steps": ("3", "min_steps is 3, and max_steps 2: give"),
    "accelerator": ("tpu", "for TPUs"),
    "precision": ("transformer-engine", "use 32-true"),
}

PROFILERS = {
    "AdvancedProfiler": "",
    "PassThroughProfiler": "",
    "Profiler": "it can only be one of",
    "PyTorchProfiler": "",
    "SimpleProfiler": "",
    "XLAProfiler": "for TPUs",
}


@pytest.mark.parametrize("name", LOST)
def test_what_would_be_lost_is_refused(tmp_path, monkeypatch, capsys, name):
    value, refused = LOST[name]
    assert re.search(refused, played(tmp_path, monkeypatch, capsys, *given({name: value})))


def rows(table, refuses):
    """Return rows of a table as parameters: those that train are slow."""
    return [pytest.param(name, marks=() if refuses(row) else pytest.mark.slow) for name, row in table.items()]


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


def test_all_arguments_of_the_trainer_are_in_the_table():
    there = set(inspect.signature(Trainer.__init__).parameters) - {"self"}
    assert there == WORKS.keys() | REFUSED.keys()
    assert not WORKS.keys() & REFUSED.keys()


def given(arguments):
    return [part for name, value in arguments.items() for part in (f"--trainer.{name}", value)]


def test_arguments_of_the_trainer_that_work_work_together(tmp_path, monkeypatch, capsys):
    assert not played(tmp_path, monkeypatch, capsys, *given(WORKS))


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKS)
def test_an_argument_of_the_trainer_works(tmp_path, monkeypatch, capsys, name):
    assert not played(tmp_path, monkeypatch, capsys, *given({name: WORKS[name]}))


@pytest.mark.parametrize("name", REFUSED)
def test_an_argument_of_the_trainer_is_refused(tmp_path, monkeypatch, capsys, name):
    value, refused = REFUSED[name]
    assert re.search(refused, played(tmp_path, monkeypatch, capsys, *given({name: value})))


@pytest.mark.parametrize("name", rows(STRATEGIES, lambda refused: "find_unused" not in refused and refused))
def test_a_strategy_works_or_is_refused(tmp_path, monkeypatch, capsys, name):
    assert set(StrategyRegistry.available_strategies()) == STRATEGIES.keys()
    where = ["--trainer.accelerator", "cpu", "--trainer.strategy", name]
    said = played(tmp_path, monkeypatch, capsys, *where)
    assert re.search(STRATEGIES[name], said) if STRATEGIES[name] else not said, said


@pytest.mark.parametrize("name", rows(LOGGERS, lambda row: row[1]))
def test_a_logger_works_or_is_refused(tmp_path, monkeypatch, capsys, name):
    assert {n for n, cls in vars(loggers).items() if inspect.isclass(cls)} == LOGGERS.keys()
    options, refused = LOGGERS[name]
    said = played(tmp_path, monkeypatch, capsys, "--trainer.logger", name, *(f"--trainer.logger.{o}" for o in options))
    assert re.search(refused, said) if refused else not said, said


@pytest.mark.parametrize("name", rows(PROFILERS, lambda refused: refused))
def test_a_profiler_works_or_is_refused(tmp_path, monkeypatch, capsys, name):
    assert {n for n, cls in vars(profilers).items() if inspect.isclass(cls)} == PROFILERS.keys()
    said = played(
        tmp_path, monkeypatch, capsys, f'--trainer.profiler={{"class_path": "lightning.pytorch.profilers.{name}"}}'
    )
    assert re.search(PROFILERS[name], said) if PROFILERS[name] else not said, said


@pytest.mark.parametrize("name", ["advanced", pytest.param("simple", marks=pytest.mark.slow)])
def test_a_profilers_report_is_in_the_runs_folder(tmp_path, monkeypatch, capsys, name):
    assert not played(tmp_path, monkeypatch, capsys, "--trainer.profiler", name)
    (report,) = (tmp_path / "run").glob("*profile*.txt")
    assert ("ncalls" if name == "advanced" else "training_step") in report.read_text()
    assert f"run{report.name[:0]}: the profiler's report" in capsys.readouterr().out


def test_no_modelcheckpoint_writes_over_the_runs_own(tmp_path):
    ours, theirs = ModelCheckpoint(dirpath=tmp_path / "checkpoints"), ModelCheckpoint()
    keep_in(SimpleNamespace(checkpoint_callbacks=[theirs]), tmp_path)
    assert theirs.dirpath == str(tmp_path / "model_checkpoint")
    with pytest.raises(UserError, match="where the run keeps its own checkpoints"):
        keep_in(SimpleNamespace(checkpoint_callbacks=[ours]), tmp_path)


@pytest.mark.parametrize("form", ["Adam", "{class_path: Adam, init_args: {lr: 0.1}}"])
def test_a_name_that_two_classes_have_is_one_line(tmp_path, monkeypatch, capsys, form):
    said = played(tmp_path, monkeypatch, capsys, "--model.generator_optimizer", form)
    assert "generator_optimizer: Adam may be torch.optim.Adam or ganzoo.optimizers.Adam: write which\n" in said


def test_the_best_are_kept_in_the_folder_of_a_run_whose_config_is_a_text(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = "{model: GAN, data: {class_path: Toy2D, init_args: {batch_size: 16}}, trainer: {max_steps: 9}}"
    options = {"callbacks": "ModelCheckpoint", "callbacks.monitor": "val/swd", "callbacks.save_top_k": "2"}
    more = given({**options, "val_check_interval": "1", "limit_val_batches": "1", "max_steps": "2"})
    main(["fit", *more, "-c", text, "--model", "{class_path: GAN, init_args: {n_critic: 2}}", *POINTS[6:]])
    (run,) = (file.parent for file in tmp_path.glob("runs/*/*/*/config.yaml"))
    assert len([*(run / "model_checkpoint").glob("*.ckpt")]) == 2
    assert "n_critic: 2" in (run / "config.yaml").read_text()
    assert "Done: 2 rounds.\n" in capsys.readouterr().out


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
