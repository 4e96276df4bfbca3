"""What is read of a run's folder, whole, half-written or spoiled."""

import json

import pytest
from commands.compare.written import RECIPE, write_run

from ganzoo.runs.results import Results, flattened
from ganzoo.system.errors import UserError


def test_a_run_is_read(tmp_path):
    run = Results.read(str(write_run(tmp_path / "a")))
    assert run.notices == []
    assert run.curves["val/fid"] == [(10, 30.0), (20, 20.0), (30, 10.0), (40, 8.0)]
    assert (run.scores["val/fid"].value, run.scores["val/fid"].step) == (8.0, 40)
    assert run.scores["val/fid"].recipe == RECIPE
    assert (run.seed, run.last_step) == ("0", 40)
    assert [step for step, _ in run.pictures] == [0, 20, 40]
    assert "run_dir" not in run.setting
    assert "trainer.default_root_dir" not in run.setting
    assert Results.read(str(tmp_path / "a" / "config.yaml")).curves == run.curves


def test_options_have_the_names_of_the_command_line():
    config = {
        "model": {
            "class_path": "ganzoo.models.GAN",
            "init_args": {
                "penalties": [{"class_path": "ganzoo.penalties.R1", "init_args": {"gamma": 0.5}}],
                "ema": None,
            },
        },
        "data": {"class_path": "my.own.Data"},
    }
    assert dict(flattened(config)) == {
        "model": "GAN",
        "model.penalties[0]": "R1",
        "model.penalties[0].gamma": "0.5",
        "model.ema": "null",
        "data": "my.own.Data",
    }


def test_the_best_values_are_no_scores_of_their_own(tmp_path):
    run = Results.read(str(write_run(tmp_path / "a", more={"val/fid_best": 8.0, "val/fid_best_step": 40})))
    assert list(run.scores) == ["val/fid"]


@pytest.mark.parametrize(
    ("text", "curves", "words"),
    [
        ("step,loss\n1,0.5\n2,0.", {"loss": [(1, 0.5), (2, 0.0)]}, None),
        ("step,loss\n1,0.5\n2,0.4e", {"loss": [(1, 0.5)]}, "rows that can't be read (half-written?) are left out: 1"),
        ("step,loss\n1,0.5\nx,1\n", {"loss": [(1, 0.5)]}, "left out: 1"),
        ("step,loss\n1,0.5,7,8\n", {}, "left out: 1"),
        ("step,loss\n1,nan\n2,inf\n3,1\n", {"loss": [(3, 1.0)]}, "values that are not finite are left out: 2"),
        ("", {}, "no values yet"),
        ("step\n", {}, "no values yet"),
        ("a,b\n1,2\n", {}, "metrics.csv can't be read"),
        ("\x00\x01", {}, "metrics.csv can't be read"),
        ("step," + ",".join(map(str, range(600))) + "\n", {}, "metrics.csv can't be read"),
    ],
)
def test_an_odd_file_of_metrics_is_told(tmp_path, text, curves, words):
    folder = write_run(tmp_path / "a")
    (folder / "metrics.csv").write_text(text)
    run = Results.read(str(folder))
    assert run.curves == curves
    assert (run.notices == []) if words is None else words in run.notices[0]


def evaluation(**score):
    return json.dumps({"format": 1, "of": {}, "scores": {"fid": score}})


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"format": 2, "of": {}, "scores": {}}', '{"format": 1, "of": {}, "scores": []}'),
        *(evaluation(), evaluation(value="x"), evaluation(value=1, interval=[1]), evaluation(value=1, recipe={})),
    ],
)
def test_an_odd_evaluation_is_told(tmp_path, text):
    folder = write_run(tmp_path / "a")
    (folder / "evaluation.json").write_text(text)
    run = Results.read(str(folder))
    assert list(run.scores) == ["val/fid"]
    assert "evaluation.json" in run.notices[0]


def test_odd_options_are_told(tmp_path):
    folder = write_run(tmp_path / "a")
    for text in ("[1, 2]", "a: [", "a: &a [*a]"):
        (folder / "config.yaml").write_text(text)
        run = Results.read(str(folder))
        assert run.options == {}
        assert "its options are not known" in run.notices[0]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no run"):
        Results.read(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="is no run: give the folder of one"):
        Results.read(str(tmp_path))


def test_a_name_can_command_no_terminal(tmp_path):
    folder = write_run(tmp_path / "a", more={"val/\x1b[31m": 1.0})
    assert "val/\\x1b[31m" in Results.read(str(folder)).scores
