"""Validation during a run: its scores are what they say, and the best of them is kept."""

from pathlib import Path

import pytest
import torch
from conftest import DATA, QUIET, assert_equal, fit_args, last

import ganzoo
import ganzoo.data.base.with_judge
from ganzoo import UserError
from ganzoo.cli import main
from ganzoo.data import Digits, Toy2D
from ganzoo.game.validation import VALIDATION_SEED
from ganzoo.metrics import DigitScores, ModesFound, SlicedWassersteinDistance
from ganzoo.runs.callbacks.checkpoints import Checkpoints, without_deviations
from ganzoo.runs.checkpoint_file import read
from ganzoo.runs.loggers import MetricsCSV

PLAIN = ["--pictures.every_n_steps", "0"]


def scores(run: Path, step: int) -> dict[str, float]:
    """What metrics.csv says of the validation after a round."""
    curves = {name: dict(values) for name, values in MetricsCSV(run).curves().items()}
    names = [name for name in curves if name.startswith("val/") and "_best" not in name]
    return {name.removeprefix("val/"): curves[name][step] for name in names}


def by_hand(metrics, real, fake):
    values = {}
    for metric in metrics:
        metric.update(real, real=True)
        metric.update(fake, real=False)
        values |= {name: float(value) for name, value in metric.compute().items()}
    return values


@pytest.mark.parametrize("precision", ["32-true", "64-true"])
def test_scores_of_digits_are_the_metrics_by_hand(fit, precision, shown, capsys):
    run = fit("GAN", "run", 4, "--trainer.limit_val_batches", "1.0", "--trainer.precision", precision, *PLAIN)
    data = Digits(image_size=16)
    data.setup()
    real, model = data.val.tensors["image"].float() / 127.5 - 1, ganzoo.load(run / "checkpoints" / "last.ckpt")
    fake = model.sample(300, seed=VALIDATION_SEED)  # of the average, as all samples
    torch.testing.assert_close(torch.cat([x.float() for x, is_real in shown if not is_real]), fake)
    torch.testing.assert_close(torch.cat([x.float() for x, is_real in shown if is_real]), real)
    expected = by_hand(data.metrics(), real, fake)
    assert scores(run, 4) == pytest.approx(expected, rel=1e-5)
    capsys.readouterr()
    main(["validate", "--ckpt_path", str(run / "checkpoints" / "last.ckpt"), *QUIET])
    printed = dict(line[4:].split() for line in capsys.readouterr().out.splitlines() if line.startswith("val/"))
    assert {name: float(value) for name, value in printed.items()} == pytest.approx(expected, rel=1e-5)


def test_scores_of_points_are_the_metrics_by_hand(tmp_path):
    data = ["--data", "Toy2D", "--data.num_points", "100"]
    short = ["--trainer.max_steps", "4", "--trainer.val_check_interval", "4", *QUIET, *PLAIN]
    main(["fit", "--model", "GAN", *data, "--run_dir", str(tmp_path / "run"), *short])
    data = Toy2D(num_points=100, seed=0)
    data.setup()
    model = ganzoo.load(tmp_path / "run" / "checkpoints" / "last.ckpt")
    metrics = [SlicedWassersteinDistance(), ModesFound(data.modes, data.std)]
    expected = by_hand(metrics, data.val.tensors["image"], model.sample(2500, seed=VALIDATION_SEED))
    assert scores(tmp_path / "run", 4) == pytest.approx(expected, rel=1e-4)


@pytest.fixture
def shown(monkeypatch):
    """The real and generated images that the metric is shown, batch by batch."""
    seen, update = [], DigitScores.update

    def watched(self, x, real, label=None):
        seen.append((x, real))
        update(self, x, real)

    monkeypatch.setattr(DigitScores, "update", watched)
    return seen


def numbers(shown):
    return [("real" if real else "fake", len(x)) for x, real in shown]


def test_real_images_are_taken_in_once_in_a_run(fit, shown):
    run = fit("GAN", "run", 12, *PLAIN)  # three validations of two batches of 8
    assert numbers(shown) == [("real", 8), ("fake", 8)] * 2 + [("fake", 8)] * 4
    main(["resume", str(run), "--max_steps", "20"])  # and once more in a process that goes on: two validations
    assert numbers(shown[8:]) == [("real", 8), ("fake", 8)] * 2 + [("fake", 8)] * 2


def test_a_sanity_check_changes_no_score(fit, shown):
    sane = fit("GAN", "sane", 8, "--trainer.num_sanity_val_steps", "2", *PLAIN)
    assert numbers(shown) == [("real", 8), ("fake", 8)] * 4 + [("fake", 8)] * 2  # its own are forgotten
    plain = fit("GAN", "plain", 8, *PLAIN)
    assert (sane / "metrics.csv").read_bytes() == (plain / "metrics.csv").read_bytes()


def test_each_validation_sees_the_same_fakes_of_a_generator_that_stands_still(fit):
    still = ["--model.generator_optimizer.lr", "0", "--model.ema", "null"]
    run = fit("GAN", "run", 8, *still, *PLAIN)
    assert scores(run, 4) == scores(run, 8)


def test_validation_does_not_change_the_weights(fit, monkeypatch):
    often = fit("GAN", "often", 6, "--trainer.val_check_interval", "2", *PLAIN)
    monkeypatch.setattr(ganzoo.data.base.with_judge, "judge_of", None)  # nor is a judge trained that nobody asks
    never = fit("GAN", "never", 6, "--trainer.limit_val_batches", "0", *PLAIN)
    assert_equal(last(often)["state_dict"], last(never)["state_dict"], "weights")
    assert not (never / "checkpoints" / "best.ckpt").exists()


# The best ---------------------------------------------------------------------------------------------------


@pytest.fixture
def scripted(monkeypatch):
    """Let the validations of a run score these values, one after the other."""

    def script(name, *values):
        coming, others = iter(values), dict.fromkeys(DigitScores.scores, 1.0)
        compute = lambda self: {k: torch.tensor(v) for k, v in (others | {name: next(coming)}).items()}  # noqa: E731
        monkeypatch.setattr(DigitScores, "compute", compute)

    return script


def best(run: Path) -> int:
    """The round that best.ckpt is of."""
    return read(run / "checkpoints" / "best.ckpt")["global_step"]


def column(run: Path, name: str) -> list[float]:
    return [value for _, value in MetricsCSV(run).curves()[name]]


@pytest.mark.parametrize(
    ("monitor", "name", "values", "course"),
    [
        (["--checkpoint.monitor", "val/modes"], "val/modes", [3.0, 7.0, 5.0], [3, 7, 7]),  # higher is better
        ([], "val/fid_digits", [3.0, 1.0, 1.0], [3, 1, 1]),  # the main one, unless told; lower is better, and the first
    ],
)
def test_the_best_by_any_score_is_kept(fit, scripted, capsys, monitor, name, values, course):
    scripted(name.removeprefix("val/"), *values)
    run = fit("GAN", "run", 12, *monitor, *PLAIN)
    assert best(run) == 8
    assert column(run, name) == values
    assert column(run, f"{name}_best") == course
    steps = [4, 8, 8]
    assert column(run, f"{name}_best_step") == steps
    assert column(run, "val/kl_best") == [1, 1, 1]  # and of each other score, of the first round that had it
    assert column(run, "val/kl_best_step") == [4, 4, 4]
    (named,) = (run / "checkpoints").glob("best-*.ckpt")
    assert named.name == f"best-step=8-{name.removeprefix('val/')}={course[-1]}.ckpt"
    assert named.samefile(run / "checkpoints" / "best.ckpt")
    ends = f"{values[0]:g} at round 4, {values[-1]:g} at round 12"
    assert f"{name}: {ends}; best {course[-1]}" in capsys.readouterr().out


def test_a_run_that_goes_on_knows_its_best(fit, scripted):
    scripted("modes", 7.0, 5.0, 8.0)
    run = fit("GAN", "run", 4, "--checkpoint.monitor", "val/modes", *PLAIN)
    judged = last(run)["state_dict"]
    main(["resume", str(run), "--max_steps", "8"])
    assert best(run) == 4
    assert_equal(read(run / "checkpoints" / "best.ckpt")["state_dict"], judged, "weights")
    main(["resume", str(run), "--max_steps", "12"])
    assert best(run) == 12
    assert column(run, "val/modes_best") == [7, 7, 8]
    assert column(run, "val/modes_best_step") == [4, 4, 12]
    assert column(run, "val/kl_best_step") == [4, 4, 4]
    assert [path.name for path in (run / "checkpoints").glob("best-*")] == ["best-step=12-modes=8.ckpt"]


def test_a_score_that_is_none_is_not_the_best(fit, scripted):
    scripted("modes", float("nan"), 5.0, float("nan"))
    run = fit("GAN", "run", 12, "--checkpoint.monitor", "val/modes", *PLAIN)
    assert best(run) == 8
    assert column(run, "val/modes_best") == [5, 5]


def test_the_deviation_of_a_score_has_no_best():
    scores = {"val/kid": False, "val/kid_std": False, "val/x_std": False}
    assert without_deviations(scores) == {"val/kid": False, "val/x_std": False}
    suffixed = {"val/kid_means": False, "val/kid_std_means": False}
    assert without_deviations(suffixed) == {"val/kid_means": False}


def test_nothing_is_kept_by_a_score_that_is_best_in_the_middle():
    scores = {"c_t": None, "fid": False}
    checkpoints = Checkpoints()
    checkpoints.look_up(scores)
    assert (checkpoints.monitor, checkpoints.higher) == ("val/fid", {"val/fid": False})
    with pytest.raises(UserError, match="val/c_t, and neither more nor less of it is best: name one of val/fid"):
        Checkpoints(monitor="val/c_t").look_up(scores)
    alone = Checkpoints()
    alone.look_up({"c_t": None})
    assert (alone.monitor, alone.higher) == (None, {})


def test_a_checkpoint_of_an_earlier_version_knows_its_best_and_not_its_round():
    saver = Checkpoints(monitor="val/modes")
    saver.load_state_dict({"best": 7.0, "monitor": "val/modes"})
    assert saver.bests == {"val/modes": (7.0, None)}
    with pytest.raises(UserError, match="bests"):
        saver.load_state_dict({"best": 7.0, "monitor": "val/modes", "bests": {"val/modes": ["x", 1]}})


def test_null_keeps_no_best(fit):
    run = fit("GAN", "run", 4, "--checkpoint.monitor", "null", *PLAIN)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["last.ckpt"]
    assert not any("_best" in name for name in MetricsCSV(run).curves())
    assert scores(run, 4)  # it was judged all the same


@pytest.mark.parametrize("monitor", ["val/mode", "modes", "val/swd", "auto "])
def test_a_misspelt_monitor_is_refused_before_training(tmp_path, capsys, monitor):
    with pytest.raises(SystemExit) as stop:
        main(fit_args("GAN", tmp_path / "run", 4, "--checkpoint.monitor", monitor))
    assert stop.value.code == 1
    words = capsys.readouterr().err.strip()
    assert "\n" not in words
    assert f"checkpoint.monitor is {monitor}" in words
    assert "val/fid_digits, val/modes, val/kl, val/rarest" in words
    assert list(tmp_path.iterdir()) == []


def test_a_monitor_of_points_is_one_of_theirs(tmp_path, capsys):
    data = ["--data", "Toy2D", "--data.name", "spiral", "--data.num_points", "100"]
    with pytest.raises(SystemExit):
        main(["fit", "--model", "GAN", *data, "--run_dir", str(tmp_path / "run"), "--checkpoint.monitor", "val/modes"])
    assert "validation gives val/swd; name one" in capsys.readouterr().err  # a spiral has no modes


def test_data_without_scores_of_their_own_are_judged_by_distance(tmp_path):
    short = ["--trainer.max_steps", "2", "--trainer.limit_val_batches", "1", "--trainer.val_check_interval", "1"]
    data = ["--data", "game.test_validation.Plain", *DATA[2:]]
    main(["fit", "--model", "GAN", *data, "--run_dir", str(tmp_path / "run"), *short, *QUIET])
    assert scores(tmp_path / "run", 2).keys() == {"swd"}


class Plain(Digits):
    """A data set that says nothing of how it is judged."""

    metrics = ganzoo.data.DataModule.metrics


def test_another_size_than_the_checkpoints_is_one_line(fit, capsys):
    ckpt = str(fit("GAN", "run", 1) / "checkpoints" / "last.ckpt")
    for command in ("validate", "predict"):
        with pytest.raises(SystemExit):
            main([command, "--ckpt_path", ckpt, "--data.image_size", "32"])
        err = capsys.readouterr().err
        assert "has other networks, made for shape [1, 16, 16], num_classes 10 (5 of another shape: generator." in err
        assert err.count("\n") == 1
