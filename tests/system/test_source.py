"""What is read from the source is what an import finds."""

import inspect
from importlib import import_module

import pytest

import ganzoo.data
import ganzoo.models
from ganzoo import commands, lessons
from ganzoo.data import DataModule
from ganzoo.game import Game
from ganzoo.system.source import classes_below, defined, modules_in, outline

ROOMS = [(ganzoo.models, Game, ["ganzoo.models", "ganzoo.game"]), (ganzoo.data, DataModule, ["ganzoo.data"])]


@pytest.mark.parametrize(("package", "base", "rooms"), ROOMS, ids=["models", "data"])
def test_classes_are_those_that_an_import_finds(package, base, rooms):
    classes = {name: getattr(package, name) for name in package.__all__}
    expected = {
        name: (cls.__doc__ or "").splitlines()[0]
        for name, cls in classes.items()
        if isinstance(cls, type) and issubclass(cls, base) and cls is not base
    }
    found = classes_below(base.__name__, *rooms)
    assert {name: line for name, line in found.items() if name in package.__all__} == expected


def functions():
    """Module and name of what is known by outline: commands, and lessons."""
    found = [(f"ganzoo.lessons.{name}", name) for name in modules_in("ganzoo.lessons") if name != "base"]
    for package in ("ganzoo.commands", "ganzoo.commands.data"):
        for name in modules_in(package):
            names = (name.rstrip("_"), f"{name.rstrip('_')}_")
            found += [(f"{package}.{name}", n) for n in names if outline(f"{package}.{name}", n)]
    return found


@pytest.mark.parametrize(("module", "name"), functions(), ids=lambda text: text)
def test_an_outline_is_the_function(module, name):
    real, read = getattr(import_module(module), name), outline(module, name)
    assert read is not None
    assert read.__doc__ == real.__doc__
    assert inspect.signature(read).parameters == inspect.signature(real).parameters


def test_an_outline_calls_the_function():
    module = lessons.path("two-sample")
    assert outline("ganzoo.system.source", "file_of")(module).name == "two_sample.py"


def test_there_is_an_outline_of_functions_only():
    assert outline("ganzoo.system.errors", "UserError") is None
    assert outline("ganzoo.commands.lesson", "lesson") is None
    assert outline("ganzoo.commands.sample", "nothing") is None
    assert defined("ganzoo.commands.data.check", "Kind")[0] == "ganzoo.commands.data.prepare"


def test_every_command_is_found():
    found = commands.found()
    assert {"sample", "list", "import", "export", "translate", "lesson", "data"} <= found.keys()
    assert set(found["data"]) == {"_help", "check", "get", "prepare"}
