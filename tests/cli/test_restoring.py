"""States of odd content in a checkpoint end in a line, not in a traceback, and change nothing of a callback."""

import copy
import shutil

import pytest
import torch
from conftest import QUIET

from ganzoo.cli import main
from ganzoo.cli.resume import go_on
from ganzoo.runs.callbacks import Checkpoints, Trouble
from ganzoo.runs.wellformed import refuse_unplayable
from ganzoo.system.errors import UserError

ADAM = "optimizer_states"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("states") / "run"
    options = ["--data.batch_size", "4", "--trainer.max_steps", "2", "--pictures.every_n_steps", "0"]
    main(["fit", "--model", "GAN", "--data", "Toy2D", "--run_dir", str(place), *options, *QUIET])
    return place


def put(*keys):
    *path, last, value = keys

    def change(checkpoint):
        for key in path:
            checkpoint = checkpoint[key]
        checkpoint[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("callbacks", "Trouble", 5), "state of Trouble is not one that a run writes"),
        (put(ADAM, 0, "state", {0: {"exp_avg": "x"}}), "its optimizers can't be taken back"),
        (put("Toy2D", {}), "its state can't be taken back"),
    ],
)
def test_an_odd_state_is_a_line(run, tmp_path, capsys, change, words):
    shutil.copytree(run, tmp_path / "run")
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, tmp_path / "run" / "checkpoints" / "last.ckpt")
    with pytest.raises(SystemExit) as stop:
        main(["resume", str(tmp_path / "run"), "--max_steps", "3"])
    said = capsys.readouterr().err
    assert stop.value.code == 1
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "change", [put(ADAM, []), put(ADAM, 5), put("global_step", None), put("loops", None), put("loops", "fit_loop", {})]
)
def test_what_lacks_the_place_of_its_run_is_refused(run, change):
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    refuse_unplayable(checkpoint, "whole.ckpt")
    change(checkpoint)
    with pytest.raises(UserError, match="does not say where its run is"):
        refuse_unplayable(checkpoint, "odd.ckpt")


@pytest.mark.parametrize("callback", [Checkpoints(), Trouble()], ids=lambda callback: type(callback).__name__)
def test_a_callback_takes_back_what_it_wrote_and_nothing_else(callback):
    state = callback.state_dict()
    callback.load_state_dict(copy.deepcopy(state))
    before = dict(vars(callback))
    for odd in (5, [], {"on_train_start": 1, **state}, {**state, "every_n_steps": 3}, dict.fromkeys(state, object())):
        with pytest.raises(UserError, match="not one that a run writes"):
            callback.load_state_dict(odd)
    for name in state.keys() - {"monitor", "bests"}:  # which earlier versions didn't keep
        with pytest.raises(UserError, match=name):
            callback.load_state_dict({key: value for key, value in state.items() if key != name})
    assert vars(callback) == before


def test_samples_and_weights_of_other_sizes_are_begun_anew():
    trouble = Trouble()
    trouble.track = [torch.zeros(3, 1)] * 10
    assert list(trouble._oscillates(torch.ones(4, 2))) == []
    assert len(trouble.track) == 1


def test_a_last_checkpoint_that_is_cut_short_leads_to_the_best(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.yaml").touch()
    for name in ("last.ckpt", "best.ckpt"):
        (tmp_path / "checkpoints" / name).write_bytes(b"PK")
    with pytest.raises(UserError, match=r"last\.ckpt is cut short.*best\.ckpt is there: remove .*`ganzoo resume "):
        go_on(str(tmp_path), None, [])
