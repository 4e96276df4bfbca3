"""The help of Lightning's commands: short, ganzoo's options first, each with a text, and as the parser has them."""

import contextlib
import inspect
import shlex
from typing import Any

import lightning as L
import pytest
import yaml
from conftest import MODELS
from jsonargparse import ArgumentParser

import ganzoo.data
import ganzoo.models
import ganzoo.networks
from ganzoo.cli import help, main
from ganzoo.cli.catalogue import LIGHTNING, others
from ganzoo.cli.config_parser import REFUSED, trainer_help
from ganzoo.cli.fit import TRAINER
from ganzoo.data import DataModule
from ganzoo.runs import callbacks
from ganzoo.system.options import explained, options_in

SETS = [name for name in help.published("data") if issubclass(getattr(ganzoo.data, name), DataModule)]


def told(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    capsys.readouterr()
    with contextlib.suppress(SystemExit):
        main(list(args))
    return capsys.readouterr().out


def options_of(cls: type) -> list[str]:
    """The options of a class as the parser finds them, in order."""
    return list(ArgumentParser().add_class_arguments(cls, fail_untyped=False))


@pytest.mark.parametrize("name", [*MODELS, *SETS])
def test_the_source_has_the_options_of_the_parser_each_with_a_text(name):
    part, package = ("model", ganzoo.models) if name in MODELS else ("data", ganzoo.data)
    options = options_in(name, *help.ROOMS[part])
    assert [option.name for option in options] == options_of(getattr(package, name))
    assert [option.name for option in options if len(option.text) < 10] == []


def test_an_average_is_not_told_as_the_attribute_of_the_same_name(capsys):
    ema = next(option for option in options_in("DCGAN", *help.ROOMS["model"]) if option.name == "ema")
    assert ema.text.startswith("half-life, in images")
    parser = ArgumentParser()
    parser.add_class_arguments(ganzoo.models.DCGAN, "model", fail_untyped=False)  # of a class of one's own
    (action,) = [action for action in parser._actions if action.dest == "model.ema"]
    assert action.help.startswith("half-life, in images")


@pytest.mark.parametrize("name", MODELS)
def test_no_docstring_has_one_name_as_an_argument_and_as_an_attribute(name):
    for cls in getattr(ganzoo.models, name).__mro__:
        if cls.__module__.startswith("ganzoo."):
            said = inspect.getdoc(cls) or ""
            attributes = explained(said.partition("\nAttributes:\n")[2].join(["Args:\n", ""]))
            assert not explained(said).keys() & attributes.keys(), cls


def test_what_a_class_takes_unless_given_is_named():
    found = {option.name: option.stands_for for option in options_in("WGANGP", *help.ROOMS["model"])}
    assert (found["generator"], found["objective"]) == ("DCGANGenerator", "Wasserstein")
    assert (found["discriminator"], found["penalties"]) == ("DCGANDiscriminator", "GradientPenalty")


@pytest.mark.parametrize("command", LIGHTNING)
def test_the_help_is_short_and_ganzoos_own_options_come_first(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    said = told(capsys, command, "--help")
    assert said.count("\n") <= 150
    assert max(map(len, said.splitlines())) <= 100
    assert f"usage: ganzoo {command}" in said
    assert said.index("--model ") < said.index("--data ") < said.index("--config") < said.index("--trainer.")
    assert not [name for name in REFUSED if f"--trainer.{name}" in said]
    assert "torch.nn" not in said
    assert ("--samples.num" in said) == (command == "predict")
    assert told(capsys, command, "-h") == said


def test_the_help_has_every_option_that_ganzoo_adds(capsys):
    said = told(capsys, "fit", "--help") + told(capsys, "predict", "--help")
    groups = {option.name: option.kind for option in help.added("add_lightning_class_args")}
    assert set(groups) >= {"checkpoint", "pictures", "trouble", "samples"}
    for prefix, name in groups.items():
        assert all(f"--{prefix}.{option}" in said for option in options_of(getattr(callbacks, name))), prefix
    assert {"--run_dir", "--wandb", "--trust", "--ckpt_path"} <= set(said.split())


def test_the_help_of_a_class_is_short_and_names_classes_of_others_in_a_word(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = told(capsys, "fit", "--model.help", "DCGAN")
    assert said.count("\n") < 120
    assert "any class of torch.optim." in said
    assert "MLPGenerator, R3GANGenerator" in " ".join(said.split())
    assert "torch.nn" not in said
    assert told(capsys, "fit", "--model.help=ganzoo.models.DCGAN") == said
    assert "--data.attribute TEXT" in told(capsys, "fit", "--data.help", "Faces")
    assert all(name in told(capsys, "fit", "--model.help") for name in MODELS)


def test_the_help_of_a_class_of_ones_own_is_the_parsers_without_the_lists_of_classes(capsys):
    said = told(capsys, "fit", "--model.help", "ganzoo.game.FromNoise")
    assert "--model.latent_dim" in said
    assert "subclasses:" not in said
    assert said.count("\n") < 150


def test_all_of_the_trainers_options_but_the_refused_can_be_found():
    said = trainer_help("fit", TRAINER)
    names = inspect.signature(L.Trainer).parameters
    assert [name for name in names if (f"--trainer.{name}" in said.split()) != (name not in REFUSED)] == []
    assert "default: 1000" in said  # ganzoo's
    assert "subclasses:" not in said


NEWCOMER = {  # what one looks for, and what the settings must then be
    "more epochs": lambda config: config["trainer"]["max_steps"] == 20000,
    "another rate": lambda config: (rate(config, "generator"), rate(config, "discriminator")) == (1e-4, 4e-4),
    "another loss": lambda config: config["model"]["init_args"]["objective"]["class_path"] == "ganzoo.objectives.Hinge",
    "more GPUs": lambda config: config["trainer"]["devices"] in (2, "2"),
}


def rate(config: dict[str, Any], player: str) -> float:
    return config["model"]["init_args"][f"{player}_optimizer"]["init_args"]["lr"]


def test_what_a_newcomer_looks_for_is_found_and_works_as_it_stands_there(capsys):
    said = " ".join(told(capsys, "fit", "--help").split())
    given = []
    for wanted in NEWCOMER:
        text = " ".join(help.ASKED[wanted].split())
        assert f"{wanted} {text}" in said
        given += shlex.split(text.partition(";")[0].partition(". Training")[0])
    config = yaml.safe_load(told(capsys, "fit", "--model", "DCGAN", "--data", "Digits", *given, "--print_config"))
    assert [wanted for wanted, holds in NEWCOMER.items() if not holds(config)] == []
    for words in ("an epoch is as many rounds", "--data ImageFolder --data.root", "ganzoo resume RUN", "sample RUN"):
        assert words in said
    assert "--label LABEL the class of all samples" in " ".join(told(capsys, "sample", "--help").split())


def test_every_option_of_every_command_has_a_text():
    groups = {name: command if isinstance(command, dict) else {"": command} for name, command in others().items()}
    functions = {f"{name} {part}": f for name, group in groups.items() for part, f in group.items() if part != "_help"}
    assert len(functions) > 15
    for name, function in functions.items():
        texts = explained(inspect.getdoc(function) or "")
        assert [option for option in inspect.signature(function).parameters if not texts.get(option)] == [], name
