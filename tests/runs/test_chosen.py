"""The folder of a run where a checkpoint is asked for: its last one."""

from pathlib import Path

from conftest import QUIET
from PIL import Image

import ganzoo
from ganzoo.cli import main
from ganzoo.cli.arguments import complete
from ganzoo.runs.chosen import chosen, folder_of, in_run

GAN = ["--model", "GAN", "--data", "Digits", "--data.image_size", "16", "--data.batch_size", "8"]


def test_the_last_checkpoint_of_a_run_is_meant(tmp_path, capsys):
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert in_run(tmp_path / "run") == tmp_path / "run"  # there is none yet
    last.parent.mkdir(parents=True)
    last.touch()
    for named in (tmp_path / "run", f"{tmp_path}/run/", last.parent, last):
        assert in_run(named) == last
    assert chosen(str(last)) == str(last)
    assert capsys.readouterr().out == ""
    assert chosen(str(tmp_path / "run")) == str(last)
    assert capsys.readouterr().out == f"{tmp_path / 'run'} is a run: its last checkpoint is taken, {last}\n"
    (last.parent / "best.ckpt").touch()
    chosen(str(tmp_path / "run"))
    assert f"; the best one is {last.parent / 'best.ckpt'}" in capsys.readouterr().out


def test_a_run_is_known_by_what_is_in_it(tmp_path):
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert folder_of(str(last)) == str(last)  # it is none
    last.parent.mkdir(parents=True)
    (tmp_path / "run" / "config.yaml").touch()
    for named in (last, last.parent, tmp_path / "run" / "config.yaml", tmp_path / "run"):
        assert folder_of(str(named)) == str(tmp_path / "run")
    assert folder_of(str(tmp_path)) == str(tmp_path)


def test_a_run_samples_walks_and_is_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["fit", *GAN, "--trainer.max_steps=1", "--trainer.limit_val_batches=0", *QUIET, "--run_dir", "run"])
    main(["sample", "run", "--num", "4"])
    assert Image.open("samples.png").width > 400
    main(["interpolate", "run/", "--num", "1", "--stops", "2", "--steps", "1", "--out", "walk.png"])
    assert Path("walk.png").is_file()
    assert ganzoo.load("run").sample(2).shape == (2, 1, 16, 16)
    args = complete(["validate", "--ckpt_path", "run"])
    assert args[:2] == ["validate", "--config"]  # of its own
    assert args[3:] == ["--ckpt_path", "run/checkpoints/last.ckpt"]
