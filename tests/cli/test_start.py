"""Quick to start: nothing heavy is imported before it is needed."""

import json
import resource
import subprocess
import sys
from typing import Any

import pytest
from conftest import environment

import ganzoo
from ganzoo import lessons
from ganzoo.cli.catalogue import LIGHTNING, others

HEAVY = [
    "torch",
    "torchvision",
    "torchmetrics",
    "lightning",
    "matplotlib",
    "numpy",
    "scipy",
    "sklearn",
    "wandb",
    "rich",
]
RUNNER = f"""
import contextlib, json, sys
from ganzoo.cli import main
for args in json.loads(sys.argv[1]):
    with contextlib.suppress(SystemExit):
        main(args)
    heavy = set({HEAVY}) & sys.modules.keys()
    assert not heavy, (args, heavy)
"""


def python(*args: str) -> str:
    done = subprocess.run([sys.executable, *args], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def commands() -> list[list[str]]:
    """Every command beside Lightning's, with those of a group."""
    groups = {name: command if isinstance(command, dict) else {} for name, command in others().items()}
    return [[name, *part] for name, group in groups.items() for part in ([], *([p] for p in group if p != "_help"))]


def test_help_of_every_command_needs_nothing_heavy():
    asked = [
        [],
        ["--help"],
        *([name, "--help"] for name in LIGHTNING),
        *([*command, "--help"] for command in commands()),
    ]
    assert ["lesson", "critics", "--help"] in asked
    said = python("-c", RUNNER, json.dumps(asked))
    assert all(f"usage: ganzoo {' '.join(args[:-1])}" in said for args in asked if args[:1] != ["--help"])


def test_a_list_and_wrong_names_need_nothing_heavy(tmp_path):
    asked = {
        "ganzoo fit --model NAME": ["list"],
        "unknown command fitt; did you mean fit?": ["fitt"],
        "did you mean ganzoo lesson vanishing-gradient?": ["lesson", "vanishing"],
        "did you mean ganzoo data check?": ["data", "chek"],
        "did you mean --num?": ["sample", "x.ckpt", "--numm", "3"],
        "is not the folder of a run": ["resume", str(tmp_path)],
        "there is no file none.yaml": ["fit", "--config", "none.yaml"],
        "did you mean experiments/digits/dcgan.yaml?": ["fit", "--config=experiments/digits/dcgn.yaml"],
        "--model: DCGN is not known; did you mean DCGAN?": ["fit", "--model", "DCGN", "--data", "Digits"],
        "--data: digit is not known; did you mean Digits?": ["fit", "--model", "GAN", "--data.class_path=digit"],
        "--model.latent_dim N": ["fit", "--model.help", "DCGAN"],
        "did you mean LSUN?": ["fit", "--model", "DCGAN", "--data", "bedrooms"],
        "did you mean --trainer.max_steps?": ["fit", "--epochs", "3"],
        "did you mean --label?": ["sample", "x.ckpt", "--class", "7"],
        "there is no checkpoint none.ckpt": ["validate", "--ckpt_path", "none.ckpt"],
    }
    said = python("-c", RUNNER, json.dumps(list(asked.values())))
    assert [words for words in asked if words not in said] == []


def test_the_package_is_imported_at_once_and_its_names_are_known():
    python(
        "-c",
        "import sys, ganzoo, ganzoo.system.errors\n"
        "rooms = ganzoo.models, ganzoo.data, ganzoo.networks, ganzoo.metrics\n"
        "assert all(set(room.__all__) <= set(dir(room)) for room in rooms)\n"
        "assert {'load', 'UserError', 'models'} <= set(dir(ganzoo))\n"
        f"assert not set({HEAVY}) & sys.modules.keys()\n",
    )


def test_names_are_imported_when_they_are_asked_for():
    names: dict[str, Any] = {}
    exec("from ganzoo.networks import *", names)
    assert names["MLPGenerator"] is ganzoo.networks.MLPGenerator
    assert ganzoo.networks.MLPGenerator.__module__ == "ganzoo.networks.mlp"  # what a checkpoint says, and pickle
    assert ganzoo.load.__module__ == "ganzoo.runs.checkpoint_file"
    assert ganzoo.data.base.DataModule is ganzoo.data.DataModule  # a room's own rooms, too
    for package in (ganzoo, ganzoo.models):
        with pytest.raises(AttributeError, match=rf"module '{package.__name__}' has no attribute 'nothing'"):
            package.nothing  # noqa: B018


def test_a_lesson_is_asked_for_what_it_takes():
    assert "root" in others()["lesson"]["stacked-mnist"].__doc__
    assert list(lessons.read("stacked-mnist").__annotations__) == ["folder", "seed", "quick", "root"]


def seconds(*args: str) -> float:
    """Processor time of a process of its own, the least of three."""

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    times = []
    for _ in range(3):
        before = used()
        python(*args)
        times.append(used() - before)
    return min(times)


@pytest.mark.slow
def test_a_help_takes_no_longer_than_half_as_much_again_as_torch():
    torch = seconds("-c", "import torch")
    for args in (
        ["--help"],
        ["list"],
        ["fit", "--help"],
        ["sample", "--help"],
        ["lesson", "--help"],
        ["data", "--help"],
    ):
        assert seconds("-m", "ganzoo", *args) < 1.5 * torch, args
