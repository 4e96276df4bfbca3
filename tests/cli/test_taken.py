"""What a command would train with is compared with what was chosen for it, to the options inside of objects."""

import pytest

from ganzoo.cli.taken import lost_options

R1 = {"class_path": "ganzoo.penalties.R1", "init_args": {"gamma": 3.0, "every": 1}}
CONFIG = {"model": {"class_path": "ganzoo.models.GAN", "init_args": {"penalties": [R1], "ema": None, "n_critic": 5}}}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("--model.penalties=[{'class_path': 'R1', 'init_args': {'gamma': 3}}]", True),
        ("--model.penalties=[{'class_path': 'R1', 'init_args': {'gamma': 0.1}}]", False),
        ("--model.penalties=[{'class_path': 'R2', 'init_args': {'gamma': 3}}]", False),
        ("--model.penalties=[R1]", True),
        ("--model.ema=null", True),
        ("--model.ema=0.9", False),
        ("--model.n_critic=5", True),
        ("--model.n_critic=1", False),
    ],
)
def test_what_was_chosen_is_found_to_hold_or_not(given, kept):
    assert (lost_options([given], CONFIG) == {}) is kept
