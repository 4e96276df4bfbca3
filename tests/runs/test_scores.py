"""The scores of a checkpoint: those of its very weights, and no others."""

import json
import os

import pytest

from ganzoo.runs.scores import scores_of
from ganzoo.system.files import sha256

RECIPE = {"metric": "fid", "extractor": {"name": "inception"}, "real": 300, "fake": 300, "weights": "ema"}
TABLE = """step,val/fid,val/fid_best,val/kl,D(real),final/fid,final/kl
10,5.0,5.0,1.0,0.5,,
20,4.0,,nan,0.5,,
20,,4.0,,,,
20,,,,,3.5,oops
30,9.0,4.0,0.1,0.5,,
"""


@pytest.fixture
def ckpt(tmp_path):
    file = tmp_path / "run" / "checkpoints" / "last.ckpt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    (tmp_path / "run" / "config.yaml").touch()
    return file


def found(ckpt, step=20, weights="ema"):
    return {score.name: (score.value, score.source, score.spread) for score in scores_of(ckpt, step, weights)}


def evaluation(ckpt, **more):
    scores = {
        "fid": {"value": 3.0, "deviation": 0.25, "interval": [2.5, 3.5], "recipe": RECIPE},
        "odd": {"value": "many"},
        "kid": {"value": 2, "deviation": None, "interval": None, "recipe": None},
    }
    contents = {"format": 1, "of": {"checkpoint": "last.ckpt", "sha256": sha256(ckpt)}, "scores": scores}
    (ckpt.parents[1] / "evaluation.json").write_text(json.dumps({**contents, **more}))


def test_of_its_round_alone(ckpt):
    run = ckpt.parents[1]
    (run / "metrics.csv").write_text(TABLE)
    (run / "recipes.json").write_text(json.dumps({"final/fid": RECIPE, "val/fid": {**RECIPE, "fake": 100}}))
    assert found(ckpt) == {"fid": (3.5, "final", "")}  # the firm one; what is no number is none
    assert found(ckpt, 10) == {"fid": (5.0, "val", ""), "kl": (1.0, "val", "")}
    assert found(ckpt, 15) == {}
    assert scores_of(ckpt, 20, "ema")[0].recipe == RECIPE
    assert found(ckpt, weights="raw") == {}  # the recipes say that they are the average's


def test_bests_and_deviations_are_no_scores(ckpt):
    table = "step,val/kid_judge,val/kid_std_judge,val/kid_judge_best,val/kid_judge_best_step\n20,0.5,0.125,0.4,10\n"
    (ckpt.parents[1] / "metrics.csv").write_text(table)
    assert found(ckpt) == {"kid_judge": (0.5, "val", "± 0.125")}


def test_of_its_very_file(ckpt):
    evaluation(ckpt)
    (ckpt.parents[1] / "metrics.csv").write_text(TABLE)
    assert found(ckpt) == {"fid": (3.0, "evaluation", "± 0.25, 2.5 to 3.5"), "kid": (2.0, "evaluation", "")}
    ckpt.write_bytes(b"others")
    assert found(ckpt) == {"fid": (3.5, "final", "")}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"of": 1, "scores": []}', '{"scores": {"fid": NaN}}', "[" * 10**5])
def test_odd_files_have_none(ckpt, text):
    run = ckpt.parents[1]
    for name in ("evaluation.json", "recipes.json"):
        (run / name).write_text(text)
    (run / "metrics.csv").write_bytes(b"step,val/fid\n\xff\xfe,\0\n")
    assert found(ckpt) == {}


def test_huge_numbers_are_none_and_pipes_are_not_waited_for(ckpt):
    run = ckpt.parents[1]
    evaluation(ckpt)
    text = json.loads((run / "evaluation.json").read_text())
    text["scores"]["fid"] |= {"value": 1e300, "deviation": 10**17, "interval": [[1], {}]}
    text["scores"]["kid"] |= {"deviation": 1e300, "interval": [10**17, 1.7e308]}
    (run / "evaluation.json").write_text(json.dumps(text))
    (run / "metrics.csv").write_text("step,val/a,val/b\n20,1e300,0.5,6,7\n")
    assert found(ckpt) == {"kid": (2.0, "evaluation", ""), "b": (0.5, "val", "")}
    for name in ("evaluation.json", "recipes.json", "metrics.csv"):
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)
    assert found(ckpt) == {}


def test_outside_of_a_run_there_are_none(tmp_path):
    file = tmp_path / "x.ckpt"
    file.touch()
    (tmp_path / "metrics.csv").write_text(TABLE)
    assert scores_of(file, 20, "ema") == []
