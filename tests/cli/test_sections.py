"""A config of an odd form is one line that names the section."""

import pytest

from ganzoo.cli.sections import refuse_odd_sections

ODD = [
    ({"trainer": 5}, "trainer is 5; give options with their values"),
    ({"trainer": []}, "trainer is []"),
    ({"checkpoint": 5}, "checkpoint is 5"),
    ({"pictures": [1]}, "pictures is [1]"),
    ({"samples": "none.yaml"}, "samples is none.yaml"),
    ({"model": ["GAN"]}, "model is ['GAN']; give the name of a class"),
    ({"model": {"class_path": 5}}, "model.class_path is 5"),
    ({"model": {"class_path": "GAN", "init_args": [1]}}, "model.init_args is [1]"),
    ({"model": {"class_path": "GAN", "init_args": None}}, "model.init_args is null"),
    (
        {"model": {"class_path": "GAN", "init_args": {"generator": {"class_path": 5}}}},
        "model.generator.class_path is 5",
    ),
    ({"model": {"class_path": "GAN", "init_args": {"penalties": [None]}}}, "model.penalties is [None]"),
    ({"trainer": {"callbacks": [5]}}, "trainer.callbacks is [5]"),
]


@pytest.mark.parametrize(("config", "words"), ODD)
def test_odd(config, words, capsys):
    with pytest.raises(SystemExit):
        refuse_odd_sections("my.yaml", config)
    error = capsys.readouterr().err
    assert error.startswith(f"ganzoo: my.yaml: {words}")
    assert error.count("\n") == 1


def test_right():
    right = {"class_path": "GAN", "init_args": {"penalties": ["R1", {"class_path": "R1"}], "generator": None}}
    refuse_odd_sections("my.yaml", {"model": right, "data": "Digits", "trainer": {"logger": False, "callbacks": None}})
