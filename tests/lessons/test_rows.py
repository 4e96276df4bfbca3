"""Lessons that train shipped experiments, a row each: they go on where they were stopped; their tables are right."""

import math
import signal
import threading
import time
from pathlib import Path

import pytest
import yaml
from conftest import last
from fakes import write_mnist

import ganzoo
from ganzoo.lessons import base, find, mode_collapse, stacked_mnist
from ganzoo.lessons.mode_collapse import spread
from ganzoo.system.stopping import Interrupted

CONFIG = "experiments/lessons/points_gan.yaml"


def test_every_row_has_its_experiment():
    for row in [*mode_collapse.ROWS, *stacked_mnist.ROWS]:
        assert Path(base.find_experiment(f"experiments/lessons/{row}.yaml")).is_file(), row
    assert {row for row, _ in mode_collapse.PUBLISHED} <= set(mode_collapse.ROWS)


@pytest.mark.slow
def test_a_run_that_is_done_is_left_alone_and_a_longer_one_goes_on(tmp_path):
    run = base.train(CONFIG, tmp_path / "run", 2, "--trainer.val_check_interval", "2")
    assert last(run)["global_step"] == 2
    found = base.scores(run)
    assert found["round"] == 2
    assert 0 <= found["val/modes"] <= 8
    before = (run / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    base.train(CONFIG, run, 2, "--trainer.val_check_interval", "2")
    assert (run / "checkpoints" / "last.ckpt").stat().st_mtime_ns == before
    with pytest.raises(ganzoo.UserError, match="other settings"):
        base.train(CONFIG, run, 2, "--trainer.val_check_interval", "1")
    base.train(CONFIG, run, 4, "--trainer.val_check_interval", "2")
    assert last(run)["global_step"] == 4
    assert base.scores(run)["round"] == 4


def test_runs_whose_names_differ_after_a_dot_have_settings_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(base.sys, "executable", "true")
    for name in ("0.0_0", "0.5_0"):
        base.train(CONFIG, tmp_path / name, 2, "--model.latent_dim", name)
    begun = {file.name: file.read_text() for file in tmp_path.glob("*.begun")}
    assert sorted(begun) == ["0.0_0.begun", "0.5_0.begun"]
    assert all(name.removesuffix(".begun") in settings for name, settings in begun.items())
    assert sorted(file.name for file in tmp_path.glob("*.log")) == ["0.0_0.log", "0.5_0.log"]


def test_a_run_that_fails_is_named_with_its_log(tmp_path):
    with pytest.raises(ganzoo.UserError, match=r"no_such.*run\.log"):
        base.train(CONFIG, tmp_path / "run", 2, "--data.name", "no_such")


def test_work_is_done_in_order(tmp_path):
    assert base.side_by_side([lambda i=i: tmp_path / str(i) for i in range(5)], "Counting") == [
        tmp_path / str(i) for i in range(5)
    ]


def test_each_run_is_told_with_its_scores_as_soon_as_it_is_done(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(base, "cores", lambda: 2)
    first_told = threading.Event()

    def quick():
        (tmp_path / "quick").mkdir()
        (tmp_path / "quick" / "metrics.csv").write_text("step,val/modes,loss\n2,,0.5\n2,8,\n")
        return tmp_path / "quick"

    def long():
        assert first_told.wait(20)  # it ends only when the other has been told
        return tmp_path / "long"

    def watched(line):
        said.append(line)
        if "quick" in line:
            first_told.set()

    said: list[str] = []
    monkeypatch.setattr(base, "say", watched)
    assert base.side_by_side([long, quick], "Training") == [tmp_path / "long", tmp_path / "quick"]
    assert said[0] == "Training: 2 runs, 2 at once. Their logs are beside them."
    assert said[1].startswith("  1 of 2: quick: round 2, val/modes 8; about ")
    assert said[2] == "  2 of 2: long: done"


def test_rows_are_told_and_returned(capsys):
    rows = [["GAN", "7", ""], ["WGAN", "8", "good"]]
    assert base.told(rows) is rows
    assert capsys.readouterr().out == "  GAN  7\n  WGAN  8  good\n"


@pytest.mark.parametrize("failure", [ganzoo.UserError, KeyboardInterrupt])
def test_after_a_failure_no_work_is_begun(failure, monkeypatch):
    monkeypatch.setattr(base, "cores", lambda: 1)
    begun, failed = [], threading.Event()

    def fail():
        failed.set()
        raise failure("the first")

    def work():
        failed.wait()
        time.sleep(0.2)  # the one that is at work when the failure is seen
        begun.append(1)

    with pytest.raises(failure, match="the first"):
        base.side_by_side([fail, *[work] * 5], "Counting")
    assert len(begun) <= 1


def test_what_stops_a_lesson_stops_its_rows(tmp_path, monkeypatch):
    """SIGTERM may have reached the lesson alone."""
    row = tmp_path / "row"
    row.write_text("#!/bin/sh\nsleep 60 & wait\n")
    row.chmod(0o755)
    monkeypatch.setattr(base.sys, "executable", str(row))

    def stop():
        while not base.running:
            time.sleep(0.01)
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(base, "cores", lambda: 2)
    begun = time.monotonic()
    with pytest.raises(Interrupted):
        base.side_by_side([stop, lambda: base.train(CONFIG, tmp_path / "run", 2)], "Training")
    assert time.monotonic() - begun < 30
    assert not base.running


def test_a_spread_has_the_mean_the_deviation_and_the_worst():
    assert spread([7.0]) == "7.0"
    assert spread([1.0, 2.0, 6.0]) == f"3.0 ± {math.sqrt((4 + 1 + 9) / 2):.1f} (least 1.0)"


@pytest.mark.slow
def test_mode_collapse(tmp_path):
    table = find("mode-collapse")(tmp_path, seed=3, quick=True)
    assert (tmp_path / "mode-collapse.png").stat().st_size > 10_000
    (row,) = table.rows
    run = tmp_path / "runs" / "points_gan_grid_3_2"
    assert row[:2] == ["GAN", "2"]
    assert row[5] == f"{base.scores(run)['val/modes']:.1f}"
    assert last(run)["ganzoo"]["seed"] == 3
    assert row[4] == "1 / 99.3"


def test_rows_of_mode_collapse_play_as_long_as_their_yaml_says_and_not_all_on_the_grid(tmp_path, monkeypatch):
    """The runs are made by a fake; the table and the options are the lesson's own."""
    trained = {}

    def train(config, run, rounds, *options):
        trained[run.name] = (config, rounds, options)
        return run

    monkeypatch.setattr(mode_collapse, "train", train)
    monkeypatch.setattr(mode_collapse, "draw", lambda *args: None)
    monkeypatch.setattr(mode_collapse, "scores", lambda run: {"round": 7.0, "val/modes": 5.0, "val/high_quality": 0.5})
    table = mode_collapse.mode_collapse(tmp_path, seed=4)
    assert len(table.rows) == len(mode_collapse.ROWS)
    assert {len(row) for row in table.rows} == {8}
    on_grid = [row[0] for row in table.rows if row[5]]
    assert on_grid == [mode_collapse.ROWS[row] for row in mode_collapse.TRAINED["grid"]]
    assert len(trained) == len(table.rows) + len(on_grid)
    config, rounds, options = trained["points_gan_grid_4"]
    assert (config, rounds) == ("experiments/lessons/points_gan.yaml", None)
    assert options[:4] == ("--data.name", "grid", "--seed_everything", "4")
    assert not any("T_max" in option for option in options)
    mode_collapse.compare(tmp_path, {"ring": ["points_gan"]}, [4], rounds=30)
    assert trained["points_gan_ring_4_30"][1] == 30
    assert trained["points_gan_ring_4_30"][2][-1] == "30"


def test_the_rates_of_a_row_fall_to_0_at_its_end():
    for row in mode_collapse.ROWS:
        config = yaml.safe_load(Path(base.find_experiment(f"experiments/lessons/{row}.yaml")).read_text())
        model, rounds = config["model"]["init_args"], config["trainer"]["max_steps"]
        for player in ("generator", "discriminator"):
            assert model[f"{player}_schedule"]["init_args"]["T_max"] == rounds, row
        assert rounds % config["trainer"]["val_check_interval"] == 0, row


@pytest.mark.slow
def test_stacked_mnist(tmp_path):
    root = write_mnist(tmp_path / "mnist")[1]
    table = find("stacked-mnist")(tmp_path / "lesson", quick=True, root=root)
    assert (tmp_path / "lesson" / "stacked-mnist.png").stat().st_size > 10_000
    real, dcgan = table.rows
    assert real[0] == "real test digits"
    assert dcgan[1:4] == [
        f"{base.scores(tmp_path / 'lesson/runs/stacked_dcgan_0_quick')[k]:{f}}"
        for k, f in (("val/modes", ".0f"), ("val/kl", ".3f"), ("round", ",.0f"))
    ]
