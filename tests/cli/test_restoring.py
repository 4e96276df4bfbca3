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


@pytest.fixture
def goes_on(run, tmp_path, capsys):
    """Go on with the run, two rounds more; return what was said."""

    def go_on(*options, ckpt=run / "checkpoints" / "last.ckpt", to="new"):
        args = ["--model", "GAN", "--data", "Toy2D", "--data.batch_size", "4", "--pictures.every_n_steps", "0", *QUIET]
        ended = torch.load(ckpt, weights_only=True)["global_step"] + 2
        args += ["--ckpt_path", str(ckpt), "--run_dir", str(tmp_path / to), "--trainer.max_steps", str(ended)]
        try:
            main(["fit", *args, *options])
        except SystemExit:
            error = capsys.readouterr().err
            assert error.startswith("ganzoo: ")
            assert error.count("\n") == 1
            return error
        return capsys.readouterr().out

    return go_on


def test_averaging_is_switched_on_and_off(run, goes_on, tmp_path):
    def weights(path, network):
        state = torch.load(path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        return [value for name, value in state.items() if name.startswith(f"{network}.")]

    still = "--model.generator_optimizer.lr", "0"  # the average of what stands still is that
    assert "The average of the generator begins at round 2, as the generator is there." in goes_on(
        "--model.ema", "500", "--model.generator_optimizer", "ganzoo.optimizers.Adam", *still
    )
    before, average = weights(run, "generator"), weights(tmp_path / "new", "ema")
    assert all(torch.allclose(g, a) for g, a in zip(before, average, strict=True))
    assert "The average of the generator ends at round 4: model.ema is null." in goes_on(
        ckpt=tmp_path / "new" / "checkpoints" / "last.ckpt", to="off"
    )
    assert weights(tmp_path / "off", "generator")
    assert not weights(tmp_path / "off", "ema")


def test_a_run_that_goes_on_in_another_folder_ends_though_its_best_score_is_not_there(goes_on, tmp_path):
    assert "val/swd: " in goes_on("--trainer.val_check_interval", "1", to="a")
    said = goes_on(ckpt=tmp_path / "a" / "checkpoints" / "last.ckpt", to="b")
    assert "from before; it was not validated since" in said
    assert "At the end" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["latent_dim", "7"],
            "model.latent_dim was 100 and is 7 (1 of another shape: generator.hidden.0.weight): leave",
        ),
        (["generator_optimizer", "torch.optim.SparseAdam"], "generator_optimizer: SparseAdam does not support dense"),
    ],
)
def test_what_a_run_can_not_go_on_with_is_one_line(goes_on, options, words):
    assert words in goes_on(f"--model.{options[0]}", options[1])


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
