"""Callbacks that wait for a score of nobody are refused before the first round; what fails later is one line."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from conftest import QUIET
from lightning.pytorch.callbacks import DeviceStatsMonitor, EarlyStopping, ModelCheckpoint

from ganzoo.cli import main
from ganzoo.cli.failing import say_what_failed
from ganzoo.runs.callbacks.monitors import refuse_unknown_monitors
from ganzoo.system.errors import UserError

FIT = [
    *("fit", "--model", "GAN", "--data", "Toy2D", "--data.batch_size", "8", "--pictures.every_n_steps", "0", *QUIET),
    *("--trainer.max_steps", "4", "--trainer.val_check_interval", "2", "--trainer.log_every_n_steps", "1"),
    *("--trainer.limit_val_batches", "1", "--trouble.every_n_steps", "0"),
]


def fit(tmp_path, callback, monitor, *more):
    given = ["--trainer.callbacks", callback, "--trainer.callbacks.monitor", monitor]
    main([*FIT, *given, *more, "--run_dir", str(tmp_path / "run")])


HIGHER = {"val/swd": False, "val/modes": True}
KNOWN = SimpleNamespace(known=[*HIGHER, "val/n"], higher=HIGHER)  # what the run's own Checkpoints has looked up


@pytest.mark.parametrize("callback", [EarlyStopping, ModelCheckpoint])
@pytest.mark.parametrize("monitor", ["val_loss", "val/fid", "val/swd_best", "accuracy", "train/loss"])
def test_a_monitor_of_nothing_is_refused(callback, monitor):
    with pytest.raises(UserError) as found:
        refuse_unknown_monitors([KNOWN, DeviceStatsMonitor(), callback(monitor=monitor)], KNOWN)
    name = callback.__name__
    assert str(found.value).startswith(
        f"{name}.monitor is {monitor}, which the run does not report to it: "
        "validation gives val/swd, val/modes, val/n; name"
    )


@pytest.mark.parametrize("monitor", ["val/swd", "step", "diversity", "generator/adversarial", "D(accuracy)", "ada/p"])
def test_what_may_be_reported_can_be_watched(monitor):
    refuse_unknown_monitors([EarlyStopping(monitor)], KNOWN)


@pytest.mark.parametrize(("monitor", "mode"), [("val/swd", "max"), ("val/modes", "min")])
@pytest.mark.parametrize("callback", [EarlyStopping, ModelCheckpoint])
def test_the_wrong_mode_is_refused(callback, monitor, mode):
    right = "min" if mode == "max" else "max"
    with pytest.raises(UserError, match=f"{callback.__name__}.mode is {mode}, .* better: give it mode {right}"):
        refuse_unknown_monitors([callback(monitor=monitor, mode=mode)], KNOWN)
    refuse_unknown_monitors([callback(monitor=monitor, mode=right)], KNOWN)
    refuse_unknown_monitors([callback(monitor="val/n", mode=mode)], KNOWN)  # neither is best


@pytest.mark.parametrize("often", [{"every_n_train_steps": 5}, {"train_time_interval": timedelta(seconds=1)}])
def test_a_score_of_an_earlier_round_ranks_no_checkpoint(often):
    with pytest.raises(
        UserError, match=f"ModelCheckpoint.{next(iter(often))} saves before .* val/swd of an earlier one"
    ):
        refuse_unknown_monitors([ModelCheckpoint(monitor="val/swd", **often)], KNOWN)
    refuse_unknown_monitors([ModelCheckpoint(monitor="step", mode="max", save_top_k=3, **often)], KNOWN)


def test_the_end_of_an_epoch_never_comes():
    for callback in (
        EarlyStopping("val/swd", check_on_train_epoch_end=True),
        ModelCheckpoint(monitor="val/swd", save_on_train_epoch_end=True),
    ):
        with pytest.raises(UserError, match="_on_train_epoch_end is true, and a run has no epochs"):
            refuse_unknown_monitors([callback], KNOWN)


def test_a_run_without_validation_has_no_score():
    with pytest.raises(UserError, match="validation gives nothing, since the run never validates"):
        refuse_unknown_monitors([EarlyStopping("val/swd")], SimpleNamespace(known=[], higher={}))


def test_it_is_refused_before_the_first_round(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        fit(tmp_path, "EarlyStopping", "val_loss")
    err = capsys.readouterr().err
    assert stopped.value.code == 1
    assert err.startswith("ganzoo: EarlyStopping.monitor is val_loss")
    assert err.count("\n") == 1
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_a_run_stops_early(tmp_path, capsys):
    fit(tmp_path, "EarlyStopping", "val/swd", "--trainer.callbacks.stopping_threshold", "1e9")
    assert re.search(r"Done: 2 rounds of 4, stopped by EarlyStopping \(.+1000000000.0\)\.\n", capsys.readouterr().out)


def test_a_term_of_nothing_is_one_line_where_it_is_missed(tmp_path, capsys):
    with pytest.raises(SystemExit):
        fit(tmp_path, "EarlyStopping", "generator/nothing")
    err = capsys.readouterr().err
    assert err.startswith("ganzoo: trainer.callbacks: EarlyStopping failed: Early stopping conditioned on metric")
    assert err.count("\n") == 1


def test_errors_of_others_are_theirs():
    for error in (ValueError("x"), UserError("x")):
        say_what_failed(error)


def test_an_error_of_a_logger_is_one_line(tmp_path, monkeypatch, capsys):
    def fail(*args, **options):
        raise ValueError("No API key configured. Use `wandb login` to log in.\nmore")

    monkeypatch.setattr("wandb.init", fail)
    with pytest.raises(SystemExit):
        main([*FIT, "--run_dir", str(tmp_path / "run"), "--trainer.logger", "WandbLogger"])
    err = capsys.readouterr().err
    assert err.startswith("ganzoo: trainer.logger (wandb): No API key configured. Use `wandb login` to log in. Change")
    assert err.count("\n") == 1
