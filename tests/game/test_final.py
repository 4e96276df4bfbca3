"""The firm scores at the end of a run: on more samples than a validation, and the same however it was run."""

from types import SimpleNamespace

import pytest
import torch
from conftest import QUIET, fit_args

import ganzoo
from ganzoo.cli import main
from ganzoo.data import Digits
from ganzoo.game import final
from ganzoo.game.conditions import Labels
from ganzoo.game.validation import VALIDATION_SEED
from ganzoo.metrics import DigitScores, ModesFound, SlicedWassersteinDistance
from ganzoo.metrics.recipe import read_recipes
from ganzoo.runs.ending import course, last_scores
from ganzoo.runs.loggers import MetricsCSV

SHORT = ["--trainer.val_check_interval", "8", "--pictures.every_n_steps", "0"]


@pytest.fixture(scope="module")
def small():
    """Let runs of a few rounds be long enough for firm scores, which stand on 40 samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DigitScores, "enough", 40)
        patch.setattr(final, "FEWEST", 20)
        patch.setattr(final, "SHARE", 2)
        yield


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory):
    """A run of 12 rounds of 8 images; after the 8th a validation of 16."""
    run = tmp_path_factory.mktemp("final") / "whole"
    main(fit_args("GAN", run, 12, *SHORT))
    return run


def test_they_stand_on_enough_samples_but_a_short_run_is_not_scored_for_long():
    metric = SimpleNamespace(enough=20_000)
    assert final.num_firm(metric, 160_000, 300) == 20_000
    assert final.num_firm(metric, 20_000, 300) == 5_000
    assert final.num_firm(metric, 3_000, 300) == 0  # 750 would not be firm
    assert final.num_firm(metric, 160_000, 26_000) == 0  # a validation has more
    assert final.num_firm(SimpleNamespace(enough=0), 160_000, 300) == 0


def test_another_draw_of_enough_samples_says_the_same():
    """Ten digits of which the rarest has 3 %: five draws of so many agree within half a percent."""
    p = torch.tensor([0.03, *[0.97 / 9] * 9])
    counts = [
        torch.multinomial(p, DigitScores.enough, True, generator=torch.Generator().manual_seed(k)) for k in range(5)
    ]
    rarest = [float(found.bincount(minlength=10).min() / DigitScores.enough) for found in counts]
    assert max(rarest) - min(rarest) < 0.005


def test_they_are_the_metric_by_hand_in_the_file_and_by_validate(whole, capsys):
    data = Digits(image_size=16)
    data.setup()
    ckpt = whole / "checkpoints" / "last.ckpt"
    (metric,) = data.metrics()
    metric.update(data.val.tensors["image"][:16].float() / 127.5 - 1, real=True)
    metric.update(ganzoo.load(ckpt).sample(40, seed=VALIDATION_SEED), real=False)
    expected = {f"final/{name}": float(value) for name, value in metric.compute().items()} | {"samples/final": 40}
    curves = MetricsCSV(whole).curves()
    assert {name: curves[name][0][0] for name in expected} == dict.fromkeys(expected, 12)
    assert {name: curves[name][0][1] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert curves["samples/val"] == [(8, 16)]
    few = ["--trainer.limit_val_batches", "2", "--data.batch_size", "8"]
    main(["validate", "--ckpt_path", str(ckpt), *few, *QUIET])
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("final/", "samples/"))]
    found = {name: float(value) for name, value in map(str.split, said)}
    assert found == pytest.approx(expected | {"samples/val": 16}, rel=1e-4)


def test_a_run_that_went_on_has_the_file_of_one_that_was_never_stopped(whole, fit, capsys):
    """The first part ends with scores of its own; the second has no validation, and must look at the real images."""
    parts = fit("GAN", "parts", 10, *SHORT)
    assert MetricsCSV(parts).curves()["samples/final"] == [(10, 40)]
    main(["resume", str(parts), "--max_steps", "12"])
    assert (whole / "metrics.csv").read_bytes() == (parts / "metrics.csv").read_bytes()
    modes = MetricsCSV(parts).curves()["final/modes"][-1][1]
    assert f"At the end, on 40 samples:\n  {modes:.0f} of 10 digits, the rarest" in capsys.readouterr().out


@pytest.mark.parametrize("model", ["GAN", "CycleGAN"])
def test_a_run_that_ends_before_its_first_validation_has_the_scores_of_one(fit, model, capsys):
    run = fit(model, "short", 3, *SHORT)
    curves = MetricsCSV(run).curves()
    final = {name.removeprefix("final/"): points for name, points in curves.items() if name.startswith("final/")}
    assert [name for name in curves if name.startswith("val/")] == []
    assert {step for points in final.values() for step, _ in points} == {3}
    assert curves["samples/final"] == [(3, 16 if model == "GAN" else curves["samples/final"][0][1])]
    assert set(read_recipes(run / "recipes.json")) == {f"final/{name}" for name in final}
    assert f"At the end, on {curves['samples/final'][0][1]:.0f} samples:" in capsys.readouterr().out
    few = ["--trainer.limit_val_batches", "2", *(["--data.batch_size", "8"] if model == "GAN" else [])]
    main(["validate", "--ckpt_path", str(run / "checkpoints" / "last.ckpt"), *few, "--trust", *QUIET])
    said = [line[4:].split() for line in capsys.readouterr().out.splitlines() if line.startswith("val/")]
    assert {name: points[0][1] for name, points in final.items()} == pytest.approx(
        {name: float(value) for name, value in said}, rel=1e-4
    )


def test_the_last_validation_gives_the_scores_of_the_end_where_no_firm_ones_do(fit, monkeypatch):
    """A first part ended with scores of its own, which go when the run goes on."""
    monkeypatch.setattr(DigitScores, "enough", 0)
    run = fit("GAN", "run", 3, *SHORT)
    main(["resume", str(run), "--max_steps", "8"])
    curves = MetricsCSV(run).curves()
    final = {name: points for name, points in curves.items() if name.startswith("final/")}
    assert final == {f"final/{name}": curves[f"val/{name}"] for name in DigitScores.scores}
    assert {step for points in final.values() for step, _ in points} == {8}


def test_samples_are_told_what_the_validation_data_are_told_in_turn():
    data = Digits(image_size=8)
    data.setup()
    y = final.in_turn(SimpleNamespace(condition=Labels(10)), torch.arange(299, 605), data.val)
    labels = data.val.tensors["label"]
    assert torch.equal(y, torch.cat([labels[299:], labels, labels[:5]]))
    assert final.in_turn(SimpleNamespace(condition=None), torch.arange(3), data.val) is None


# In words -----------------------------------------------------------------------------------------------------------


def test_words_say_on_how_many_samples_a_score_stands():
    modes, distance = ModesFound(torch.zeros(8, 2), 0.1), SlicedWassersteinDistance()
    curves = {
        "val/modes": [(1, 3.0), (2, 8.0)],
        "final/modes": [(2, 8.0)],
        "final/high_quality": [(2, 0.662)],
        "final/swd": [(2, 0.5)],
        "samples/val": [(1, 2500.0), (2, 2500.0)],
    }
    stand = [(modes, 20_000), (distance, 2500)]
    firm = ["At the end, on 20,000 samples:", "  8 of 8 modes, 66.2 % of high quality"]
    assert last_scores(curves, stand) == [
        *firm,
        "At the end, on 2,500 samples:",
        "  swd 0.5",
    ]
    del curves["final/swd"]
    assert last_scores(curves, stand) == firm
    assert course(curves, "val/modes", 8.0) == "val/modes: 3 at round 1, 8 at round 2; best 8 (2,500 samples each)"
    del curves["samples/val"]  # a run of an earlier version
    assert course(curves, "val/modes", 8.0) == "val/modes: 3 at round 1, 8 at round 2; best 8"
