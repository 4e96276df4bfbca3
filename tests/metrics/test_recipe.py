"""Recipes of scores: what they hold, when two may be ranked, and files of others."""

import copy
import json
from importlib.metadata import version

import pytest
from fakes import Means

from ganzoo import UserError
from ganzoo.metrics import FID, ClassifierTest, Extractor, Judge, SlicedWassersteinDistance
from ganzoo.metrics.recipe import (
    checked_recipe,
    differences,
    noted_differences,
    read_recipes,
    recipe_in_words,
    recipes_of,
    write_recipes,
)

DATA = {"name": "MNIST", "split": "val", "checksum": "ab", "size": (1, 28, 28)}


def made(metric=None, **more):
    given = {"real": 50, "fake": 60, "data": DATA, "weights": "ema", "seed": 1, "precision": "fp32"}
    return recipes_of(metric or FID(Means()), **{**given, **more})


def test_each_score_has_one_and_json_gives_it_back(tmp_path):
    recipes = made()
    assert list(recipes) == ["fid_means", "kid_means", "kid_std_means"]
    recipe = recipes["fid_means"]
    assert recipe["metric"] == "fid"
    assert recipe["extractor"]["name"] == "Means"
    assert recipe["data"]["size"] == [1, 28, 28]
    assert recipe["versions"]["torch"] == version("torch")
    write_recipes(tmp_path / "recipes.json", recipes)
    assert read_recipes(tmp_path / "recipes.json") == recipes
    assert read_recipes(tmp_path / "none.json") == {}


def test_the_packages_that_make_a_score_are_in_its_recipe():
    versions = {
        name: made(metric)[name]["versions"] for name, metric in {"fid": FID(), "c2st": ClassifierTest()}.items()
    }
    assert versions["c2st"]["scikit-learn"] == version("scikit-learn")
    assert versions["fid"]["torch-fidelity"]
    assert "torch-fidelity" not in versions["c2st"]


def test_a_metric_without_an_extractor_says_none():
    recipe = made(SlicedWassersteinDistance())["swd"]
    assert recipe["extractor"] is None
    assert recipe["metric"] == "swd"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fake": 50_000}, "fake 50,000 and 60"),
        ({"weights": "raw"}, "weights raw and ema"),
        ({"seed": 2}, "seed 2 and 1"),
        ({"data": {**DATA, "checksum": "cd"}}, "data checksum cd and ab"),
        ({"data": {**DATA, "size": (3, 28, 28)}}, "data size [3, 28, 28] and [1, 28, 28]"),
    ],
)
def test_each_part_that_differs_is_said(change, said):
    assert differences(made(**change)["fid_means"], made()["fid_means"]) == [said]


def test_equal_recipes_may_be_ranked_and_other_versions_are_only_told():
    ours = made()["fid_means"]
    theirs = copy.deepcopy(ours)
    assert differences(ours, theirs) == noted_differences(ours, theirs) == []
    theirs["versions"]["torch"] = "1.0"
    assert differences(ours, theirs) == []
    assert noted_differences(ours, theirs) == [f"torch {version('torch')} and 1.0"]


def test_the_same_contents_by_another_name_are_only_told():
    ours, theirs = made()["fid_means"], made(data={**DATA, "name": "digits", "split": None})["fid_means"]
    assert differences(ours, theirs) == []
    assert noted_differences(ours, theirs) == ["data name MNIST and digits", "data split val and unknown"]


def test_what_is_unknown_of_the_samples_of_others_is_told():
    ours, theirs = made()["fid_means"], made(weights=None, seed=None, precision=None)["fid_means"]
    assert differences(ours, theirs) == []
    assert noted_differences(ours, theirs) == [
        "weights ema and unknown",
        "seed 1 and unknown",
        "precision fp32 and unknown",
    ]


def test_the_weights_of_the_extractor_forbid():
    ours = made()["fid_means"]
    theirs = copy.deepcopy(ours)
    theirs["extractor"]["weights"] = "0" * 16
    (said,) = differences(ours, theirs)
    assert said.startswith("extractor weights")
    assert said.endswith("and " + "0" * 16)
    assert differences(ours, {**ours, "extractor": None}) == ["extractor Means and unknown"]
    assert differences(ours, {**ours, "settings": {**ours["settings"], "k": 5}}) == ["settings k unknown and 5"]
    assert differences({**ours, "settings": {"k": True}}, {**ours, "settings": {"k": 1}})


def test_it_is_a_line_for_a_reader():
    line = recipe_in_words(made()["fid_means"])
    assert line.startswith("60 generated against 50 real of MNIST val 1x28x28; by Means")
    assert line.endswith("ema weights, fp32, seed 1")


def test_a_recipe_has_the_words_of_its_extractor():
    class Looks(Extractor):
        num_features, name = 2, "looks"

        def checksum(self):
            return "0123"

    assert Looks().recipe == "looks, weights 0123, not resized"
    facts = {"extractor": Looks().facts()}
    assert f"; by {Looks().recipe}; " in recipe_in_words({**made()["fid_means"], **facts})
    assert Judge.recipe is Extractor.recipe


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{",
        b'{"fid": 3}',
        b'{"fid": {}}',
        b"\xff\xfe",
        b'{"fid": ' + b"[" * 2000 + b"]" * 2000 + b"}",
        b"{}" + b" " * 5_000_000,
    ],
)
def test_hostile_files_are_refused_in_a_line(content, tmp_path):
    file = tmp_path / "recipes.json"
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_recipes(file)
    assert "\n" not in str(error.value)
    assert str(file) in str(error.value)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("real", "many"),
        ("real", True),
        ("fake", None),
        ("data", []),
        ("data", {"size": 7}),
        ("data", {"size": ["x"]}),
        ("data", {"checksum": 7}),
        ("extractor", {"name": ["judge"]}),
        ("settings", {"k": "x" * 2000}),
        ("settings", {str(number): 0 for number in range(1000)}),
        ("extra", 1),
    ],
)
def test_a_part_of_another_kind_is_refused(part, value):
    recipe = json.loads(json.dumps(made()["fid_means"]))
    with pytest.raises(UserError, match="recipe"):
        checked_recipe({**recipe, part: value}, "FILE")
    assert checked_recipe(recipe, "FILE") == recipe


def test_a_real_set_that_a_metric_does_not_need_is_no_part_of_its_recipe():
    metric = FID(Means())
    metric.needs_real = False
    how = {"fake": 60, "weights": "ema", "seed": 1, "precision": "fp32"}
    recipe, other = (recipes_of(metric, real=real, data={"name": "x"}, **how)["fid_means"] for real in (5, 6))
    assert differences(recipe, other) == []
    assert recipe_in_words(checked_recipe(recipe, "FILE")).startswith("60 generated; by Means")
