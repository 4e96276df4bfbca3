"""Sweep files: those that are shipped work from the check to the metric of a run, and a mistake is found offline."""

import concurrent.futures
import copy
import multiprocessing
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wandb
import wandb.wandb_agent
import yaml
from conftest import QUIET, environment, last
from fakes import FAKES, write_mnist

from ganzoo.cli import dry_run, main
from ganzoo.cli.arguments import complete, with_null
from ganzoo.cli.fit import ParsingCLI, lightning
from ganzoo.cli.sweep import agent_choices, agent_commands, check_command, check_parameter, read_sweep
from ganzoo.cli.taken import lost_options
from ganzoo.runs.folder import new_folder
from ganzoo.system.errors import UserError

FILES = sorted((Path(__file__).parents[2] / "experiments" / "sweeps").glob("*.yaml"))
SHIPPED = pytest.mark.parametrize("file", FILES, ids=[path.stem for path in FILES])
RUN = [
    file if file.read_text().count("--config=experiments/toy2d") else pytest.param(file, marks=pytest.mark.slow)
    for file in FILES
]
TINY = [
    *("--trainer.max_steps", "2", "--trainer.val_check_interval", "2", "--trainer.limit_val_batches", "1", *QUIET),
    *("--pictures.every_n_steps", "0"),
]
COMMAND = [
    *("${env}", "${interpreter}", "-m", "ganzoo", "fit", "--config=experiments/toy2d/gan_ring.yaml", "--wandb"),
    "${args}",
]
MODES = "--checkpoint.monitor=val/modes"
SWEEP: dict[str, Any] = {
    "method": "random",
    "metric": {"name": "val/swd_best", "goal": "minimize"},
    "command": COMMAND,
    "parameters": {"model.n_critic": {"values": [1, 5]}},
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder to stand in, in an environment without a sweep, with digits where the shipped sweeps look for them."""
    for name in ("MODE", "RUN_ID", "SWEEP_ID", "SWEEP_PARAM_PATH", "PROJECT", "NAME"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "agent"))
    monkeypatch.setenv("MNIST_ROOT", str(tmp_path / "mnist"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # the judge of these digits is no other's
    monkeypatch.chdir(tmp_path)
    write_mnist(tmp_path / "mnist")
    yield tmp_path
    wandb.teardown()  # it remembers the sweep


@pytest.fixture
def refused(place, capsys):
    """Check a sweep that must be refused; return what is said."""

    def refused(sweep: Any) -> str:
        file = place / "sweep.yaml"
        file.write_text(sweep if isinstance(sweep, str) else yaml.safe_dump(sweep))
        return refused_file(str(file), capsys)

    return refused


def refused_file(file: str, capsys: pytest.CaptureFixture) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["sweep", "check", file])
    out, error = capsys.readouterr()
    assert stop.value.code in (1, 2), error
    assert "Traceback" not in out + error
    mistake, *command = error.splitlines()
    assert mistake.startswith("ganzoo: "), error
    assert [line.partition(":")[0] for line in command] in ([], ["in the agent's command"])
    assert not re.search(r"commands? parse", out)
    return mistake


def changed(**parts: Any) -> dict[str, Any]:
    """The sweep above with other parts; None leaves a part out."""
    return {name: part for name, part in {**copy.deepcopy(SWEEP), **parts}.items() if part is not None}


def over(name: str, **parameter: Any) -> dict[str, Any]:
    """The sweep above with one parameter more."""
    return changed(parameters={**SWEEP["parameters"], name: parameter})


def agents_own(sweep: dict[str, Any], values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the command that wandb's own agent starts a run with, leaving this process in that run's environment."""
    started = []

    def process(command: list[str], env: dict[str, str], **kwargs: Any) -> Any:
        started.append(command)
        for name in ("WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH"):
            value = os.environ.pop(name)  # set again by monkeypatch, which undoes it after the test
            monkeypatch.setenv(name, value)
        return SimpleNamespace()

    monkeypatch.setattr(wandb.wandb_agent, "AgentProcess", process)
    monkeypatch.setenv("WANDB_SWEEP_ID", "abc")
    agent = wandb.wandb_agent.Agent(api=None, queue=None, sweep_id="abc")
    agent._sweep_command = list(sweep["command"])
    args = {name: {"value": value} for name, value in values.items()}
    agent._command_run({"run_id": "run1", "program": sweep.get("program"), "args": args})
    return started[0]


def first_values(sweep: dict[str, Any]) -> dict[str, Any]:
    """The values of a sweep's first command."""
    return {
        name: parameter["values"][0] if "values" in parameter else parameter["min"]
        for name, parameter in sweep["parameters"].items()
    }


def test_there_are_sweeps():
    assert len(FILES) >= 2


@SHIPPED
def test_says_what_it_is(file):
    first = file.read_text().splitlines()[0]
    assert first.startswith("# ")
    assert len(first) > 20


@SHIPPED
def test_the_first_command_of_a_shipped_sweep_is_accepted(file):
    sweep = read_sweep(str(file))
    check_command(str(file), sweep, *next(agent_choices(sweep)))


@pytest.mark.parametrize("file", RUN, ids=[path.stem for path in FILES])
def test_shipped_sweep_is_accepted(file, capsys):
    main(["sweep", "check", str(file)])
    out, error = capsys.readouterr()
    sweep = yaml.safe_load(file.read_text())
    assert error == ""
    assert re.search(r": (\d+) commands parse", out)[1] == str(len(list(agent_commands(sweep))))
    assert all(name in out for name in sweep["parameters"])
    assert f"wandb sweep {file}" in out


@pytest.mark.parametrize("file", RUN, ids=[path.stem for path in FILES])
def test_a_run_of_the_agent_reports_the_metric_under_its_id(file, place, monkeypatch):
    sweep = read_sweep(str(file))
    (config,) = [word.removeprefix("--config=") for word in sweep["command"] if word.startswith("--config=")]
    data = yaml.safe_load((file.parents[2] / config).read_text())["data"]["class_path"]
    if root := re.search(r"\$\{envvar:(\w+)\}", " ".join(sweep["command"])):
        FAKES[data](place / "data")
        monkeypatch.setenv(root[1], str(place / "data"))
    command = agents_own(sweep, first_values(sweep), monkeypatch)
    assert command == next(agent_commands(sweep))
    assert command[:5] == ["/usr/bin/env", "python", "-m", "ganzoo", "fit"]
    monkeypatch.setenv("WANDB_MODE", "offline")
    batch = [] if "data.batch_size" in sweep["parameters"] else ["--data.batch_size", "8"]
    main([*command[4:], *TINY, *batch, "--run_dir", "run"])
    rows = (place / "run" / "metrics.csv").read_text().splitlines()
    column = rows[0].split(",").index(sweep["metric"]["name"])
    assert any(row.split(",")[column] for row in rows[1:])
    assert len(list(place.rglob("wandb/offline-run-*-run1"))) == 1  # the agent's WANDB_DIR says where
    config = yaml.safe_load((place / "run" / "config.yaml").read_text())
    assert (
        lost_options(
            [word for word in command if word.startswith(tuple(f"--{n}=" for n in sweep["parameters"]))], config
        )
        == {}
    )


LINES = {
    "misspelt parameter": (over("model.n_critics", values=[1]), "GAN has no option n_critics; did you mean n_critic?"),
    "misspelt owner": (over("modl.n_critic", values=[1]), "did you mean --model.n_critic?"),
    "value of a wrong type": (
        over("model.n_critic", values=[1, 2.5]),
        "--model.n_critic takes a whole number, not 2.5",
    ),
    "value that is none": (over("model.objective", values=["Minmax"]), "did you mean Minimax?"),
    "end of a range": (over("data.batch_size", min=1.0, max=64), "--data.batch_size takes a whole number, not 1.0"),
    "impossible value": (over("trainer.max_steps", values=["many"]), "--trainer.max_steps takes a whole number"),
    "method": (changed(method="bayesian"), "method is bayesian; choose one of grid, random, bayes."),
    "no method": (changed(method=None), "method is None"),
    "key": (changed(metrics={}), "metrics is no key of a sweep; there are: program, command, method, metric"),
    "min above max": (over("model.ema", min=2.0, max=1.0), "min is 2.0 and max 1.0; give two numbers, the smaller"),
    "min equal to max": (over("model.ema", min=2.0, max=2.0), "min is 2.0 and max 2.0"),
    "range of text": (over("model.ema", min="few", max="many"), "min is few and max many"),
    "log from 0": (
        over("model.ema", distribution="log_uniform_values", min=0, max=1.0),
        "parameter model.ema: min is 0; a logarithmic distribution needs one above 0",
    ),
    "distribution": (over("model.ema", distribution="loguniform", min=1, max=2), "distribution loguniform; there are"),
    "half a range": (over("model.ema", min=1.0), "uniform needs max"),
    "key of a parameter": (over("model.ema", vlaues=[1.0]), "vlaues is no key of a parameter; did you mean value"),
    "value and values": (over("model.ema", value=1.0, values=[1.0]), "has value and values; give one of them"),
    "no values": (over("model.ema", values=[]), "values must be a list of at least one"),
    "bare value": (changed(parameters={"model.ema": 3}), "parameter model.ema is 3; give it value, values, or min"),
    "grid over a range": (
        {**over("model.ema", min=0.5, max=2.5), "method": "grid"},
        "a grid can't try all of uniform; give values, or choose random or bayes",
    ),
    "null for what takes none": (
        over("model.n_critic", values=[None]),
        "--model.n_critic takes a whole number, not null",
    ),
    "flags without values": (
        changed(command=[*COMMAND[:-1], "${args_no_boolean_flags}"]),
        "command has ${args_no_boolean_flags}, whose options ganzoo would not read: write ${args}.",
    ),
    "flags beside the values": (changed(command=[*COMMAND, "${args_no_hyphens}"]), "command has ${args_no_hyphens}"),
    "one folder for all": (
        changed(command=[*COMMAND[:-1], "--run_dir=here", "${args}"]),
        "the command gives --run_dir, and all runs of the sweep would be in that one folder: leave it out",
    ),
    "a folder for each as a parameter": (over("run_dir", values=["a", "b"]), "the command gives --run_dir"),
    "nested": (
        changed(parameters={"model": {"parameters": {"ema": {"values": [1, 2]}}}}),
        "parameter model is nested, which wandb hands on as one text: write its parameters beside the others",
    ),
    "no args": (changed(command=COMMAND[:-1]), '--wandb, "${args}"]'),
    "no command": (changed(command=None), "command is None; the agent needs [${env}, ${interpreter}, -m, ganzoo"),
    "another program": (changed(command=["python", "train.py", "${args}"]), "the agent needs"),
    "no wandb": (changed(command=[word for word in COMMAND if word != "--wandb"]), "the command has no --wandb"),
    "metric of no run": (
        changed(metric={"name": "val/fid_best", "goal": "minimize"}),
        "metric.name is val/fid_best; the runs report val/swd_best",
    ),
    "the last value, not the best": (changed(metric={"name": "val/swd", "goal": "minimize"}), "report val/swd_best"),
    "bayes without metric": (changed(metric=None, method="bayes"), "there is no metric.name"),
    "goal": (changed(metric={"name": "val/swd_best", "goal": "maximize"}), "but val/swd wants minimize."),
    "goal of a score that is to be high": (
        changed(command=[*COMMAND[:-1], MODES, "${args}"], metric={"name": "val/modes_best", "goal": "minimize"}),
        "but val/modes wants maximize.",
    ),
    "monitor of no run": (
        changed(command=[*COMMAND[:-1], "--checkpoint.monitor=val/mode", "${args}"]),
        "checkpoint.monitor is val/mode, which the run does not report; there are: val/swd, val/modes, val/high_",
    ),
    "macro of no agent": (
        changed(command=["${interp}", *COMMAND]),
        "${interp}, which is no macro of wandb; did you mean",
    ),
    "start of no agent": (changed(command=["time", *COMMAND]), "command starts with ['time'"),
    "value that the model refuses": (over("model.n_critic", values=[0]), "n_critic is 0: give 1 or more."),
    "overridden by what follows": (
        changed(command=[*COMMAND, "--model.n_critic=2"]),
        "the agent chooses model.n_critic 1, and the run would have 2: take --model.n_critic out of the command",
    ),
    "a class that is overridden": (
        {**over("model.objective", values=["Hinge"]), "command": [*COMMAND, "--model.objective=LeastSquares"]},
        "the agent chooses model.objective Hinge, and the run would have ganzoo.objectives.LeastSquares",
    ),
    "no config": (changed(command=["ganzoo", "fit", "--config=none.yaml", "--wandb", "${args}"]), "none.yaml"),
    "no YAML": ("method: [grid", "sweep.yaml is no YAML: "),
    "no sweep": ("model: GAN\n", "is no sweep: it needs method, metric, parameters and command."),
    "a list": ("- 1\n", "is no sweep"),
    "empty": ("", "is no sweep"),
}


@pytest.mark.parametrize(("sweep", "words"), LINES.values(), ids=LINES.keys())
def test_a_mistake_is_one_line(refused, sweep, words):
    assert words in refused(sweep)


def test_the_sweep_that_the_mistakes_are_made_in_is_none(place, capsys):
    (place / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    main(["sweep", "check", "sweep.yaml"])
    assert "2 commands parse, with every value of model.n_critic" in capsys.readouterr().out


def test_options_that_stand_before_the_config_hold(place, capsys):
    command = [*COMMAND[:5], "${args}", *COMMAND[5:7]]
    (place / "sweep.yaml").write_text(yaml.safe_dump(changed(command=command)))
    main(["sweep", "check", "sweep.yaml"])
    assert "2 commands parse" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "option"),
    [
        (None, "--a.b=null"),
        ([None, "a None"], '--a.b=[null, "a None"]'),
        ({"x": None, "y": [True, 1e-05]}, '--a.b={"x": null, "y": [true, 1e-05]}'),
        ("None of it", "--a.b=None of it"),
        ("'None'", "--a.b='None'"),
        ("[None", "--a.b=[None"),
        ([True], "--a.b=[True]"),
    ],
)
def test_none_as_an_agent_writes_it_is_null(value, option):
    assert with_null(f"--a.b={value}") == option


def test_values_of_all_kinds_arrive_as_what_they_are(place, capsys, monkeypatch):
    """Through wandb's own agent, to the options of a run: None, booleans, lists, lists of objects, small numbers."""
    penalty = {"class_path": "R1", "init_args": {"gamma": 1e-05}}
    values = {
        "model.ema": [None, 100.0],
        "model.penalties": [[penalty], []],
        "model.generator": [{"class_path": "MLPGenerator", "init_args": {"hidden": [8, 9]}}, None],
        "model.generator_optimizer.betas": [[0.0, 0.9], [0.5, 0.999]],
        "model.generator_optimizer.lr": [1e-05, 0.1],
        "trainer.deterministic": [True, False],
        "trainer.limit_val_batches": [3, 0.5],
    }
    sweep = changed(parameters={name: {"values": both} for name, both in values.items()})
    for number in (0, 1):
        command = agents_own(sweep, {name: both[number] for name, both in values.items()}, monkeypatch)
        config = lightning(complete(command[4:]), ParsingCLI).config["fit"]
        model, trainer = config["model"]["init_args"], config["trainer"]
        assert model["ema"] == values["model.ema"][number]
        assert [p["class_path"].rpartition(".")[2] for p in model["penalties"]] == ["R1"] * (1 - number)
        assert [p["init_args"]["gamma"] for p in model["penalties"]] == [1e-05] * (1 - number)
        assert (model["generator"] and model["generator"]["init_args"]["hidden"]) == (None if number else [8, 9])
        adam = model["generator_optimizer"]["init_args"]
        assert [*adam["betas"]] == values["model.generator_optimizer.betas"][number]
        assert adam["lr"] == values["model.generator_optimizer.lr"][number]
        assert trainer["deterministic"] is values["trainer.deterministic"][number]
        assert trainer["limit_val_batches"] == values["trainer.limit_val_batches"][number]


OPTIMIZER = {"class_path": "ganzoo.optimizers.Adam", "init_args": {"lr": 1e-05, "betas": (0.5, 0.99), "amsgrad": False}}
PARSED = {
    "model": {"class_path": "ganzoo.models.GAN", "init_args": {"n_critic": 2, "ema": None, "optimizer": OPTIMIZER}},
    "data": {"class_path": "MNIST", "init_args": {"root": "/the/place", "augment": ["flip"], "name": "7"}},
}


@pytest.mark.parametrize(
    ("option", "kept"),
    [
        ("model.n_critic=2", True),
        ("model.n_critic=2.0", True),
        ("model.n_critic=3", False),
        ("model.n_critic=null", False),
        ("model.ema=null", True),
        ("model.ema=1", False),
        ("model.optimizer=Adam", True),
        ("model.optimizer=torch.optim.Adam", True),
        ("model.optimizer=SGD", False),
        ("model.optimizer={'class_path': 'SGD'}", False),
        ("model.optimizer.lr=1e-05", True),
        ("model.optimizer.lr=1e-04", False),
        ("model.optimizer.betas=[0.5, 0.99]", True),
        ("model.optimizer.betas=[0.9, 0.99]", False),
        ("model.optimizer.amsgrad=False", True),
        ("model.optimizer.amsgrad=true", False),
        ("model=GAN", True),
        ("model=WGAN", False),
        ("data.root=/the/../the/place", True),
        ("data.root=there", False),
        ("data.name=7", True),
        ("data.augment=['flip']", True),
        ("data.augment=['crop']", False),
        ("data.augment=[]", False),
        ("data.unknown=1", True),
        ("model.optimizer.x.y=1", True),
    ],
)
def test_an_option_that_holds_is_told_from_one_that_is_lost(option, kept):
    assert (lost_options([f"--{option}"], PARSED) == {}) == kept


@pytest.mark.parametrize("text", ["1e-5", "1E-5", "2e5", "-3e-4", "2.5e4"])
@pytest.mark.parametrize("key", ["value", "values", "min", "max"])
def test_a_number_that_yaml_takes_for_text(refused, text, key):
    other = {"min": {"max": 1.0}, "max": {"min": -1.0}}.get(key, {})
    said = refused(over("model.generator_optimizer.lr", **{key: [0.1, text] if key == "values" else text}, **other))
    found = re.search(r"parameter model\.generator_optimizer\.lr: YAML reads (\S+) as text.*; write (\S+)\.$", said)
    assert yaml.safe_load(text) == found[1] == text
    assert yaml.safe_load(found[2]) == float(text)


@pytest.mark.parametrize("path", ["none.yaml", "mnist"])
def test_a_file_that_cannot_be_read(place, capsys, path):
    assert f"{path} can't be read" in refused_file(path, capsys)


def test_every_value_and_both_ends_are_in_some_command():
    parameters = {
        "seed_everything": {"values": [0, 1, 2]},
        "model.ema": {"min": 1.0e-4, "max": 1.0e-3, "distribution": "log_uniform_values"},
        "model.n_critic": {"min": 1, "max": 7},
        "model.latent_dim": {"value": 3},
        "model.objective": {"values": ["Minimax", "NonSaturating"]},
    }
    commands = list(agent_commands(changed(parameters=parameters)))
    given = {word for command in commands for word in command}
    assert given - {*COMMAND, "/usr/bin/env", "python"} == {
        *("--seed_everything=0", "--seed_everything=1", "--seed_everything=2"),
        *("--model.ema=0.0001", "--model.ema=0.001", "--model.n_critic=1", "--model.n_critic=7"),
        *("--model.latent_dim=3", "--model.objective=Minimax", "--model.objective=NonSaturating"),
    }
    assert len(commands) == 3
    assert all(len(command) == len(COMMAND) + 2 + 5 - 3 for command in commands)  # each parameter once in each


def test_commands_are_those_of_wandbs_agent(monkeypatch):
    monkeypatch.setenv("PLACE", "/a b")
    monkeypatch.delenv("NOWHERE", raising=False)
    places = ["--data.root=${envvar:PLACE}/mnist", "--run_dir=${envvar:NOWHERE}", "--x=${envvar:PLACE}:${envvar:PLACE}"]
    macros = ["${env}", "${interpreter}", "${program}", "${args}", "${args_no_equals}", "${args_no_hyphens}"]
    more = ["${args_no_boolean_flags}", "${args_json}", "${unknown}", "not ${args} alone", "5"]
    values = {"a.lr": 1e-5, "betas": [0.0, 0.999], "n": 5, "on": True, "off": False, "text": "two words", "none": None}
    sweep = {
        "program": "train.py",
        "command": [*macros, "ganzoo", "fit", *places, *more],
        "parameters": {name: {"value": value} for name, value in values.items()},
    }
    (command,) = agent_commands(sweep)
    assert command == agents_own(sweep, values, monkeypatch)
    assert "--data.root=/a b/mnist" in command
    assert "--run_dir=NOWHERE" in command
    assert "--betas=[0.0, 0.999]" in command
    assert sweep["command"][2] == "${program}"  # the sweep is as it was


def test_a_score_that_is_to_be_high_can_be_the_metric(place):
    metric = {"name": "val/modes_best", "goal": "maximize"}
    (place / "sweep.yaml").write_text(yaml.safe_dump(changed(command=[*COMMAND[:-1], MODES, "${args}"], metric=metric)))
    main(["sweep", "check", "sweep.yaml"])


def of_run(*options: str, monitor: str | None = None, goal: str = "minimize", **parameters: Any) -> dict[str, Any]:
    """A sweep over other models and data by a score; nothing of the data is there."""
    words = ["${env}", "${interpreter}", "-m", "ganzoo", "fit", *options, "--wandb", "${args}"]
    by = [] if monitor is None else [f"--checkpoint.monitor={monitor}"]
    metric = {"name": f"{monitor or 'val/swd_b'}_best", "goal": goal}
    parameters = parameters or {"seed_everything": {"value": 1}}
    command = [*words[:5], *by, *words[5:]]
    return {"method": "random", "metric": metric, "command": command, "parameters": parameters}


DOMAINS = ("--model=CycleGAN", "--data=Horse2Zebra")
POINTS = ("--model=GAN", "--data=Toy2D")
FID = {"data.extra_metrics": {"value": [{"class_path": "FID"}]}}
REPORTED = {
    "main of two domains": of_run(*DOMAINS),
    "a domain's": of_run(*DOMAINS, monitor="val/swd_a"),
    "a cycle's": of_run(*DOMAINS, monitor="val/cycle_b"),
    "pairs": of_run("--model=Pix2Pix", "--data=Paired", monitor="val/l1"),
    "pairs, higher": of_run("--model=Pix2Pix", "--data=Edges2Photo", monitor="val/ssim", goal="maximize"),
    "classes": of_run("--model=CGAN", "--data=Digits", monitor="val/asked", goal="maximize"),
    "FID in the command": of_run("--model=DCGAN", "--data=MNIST", "--data.extra_metrics+=FID", monitor="val/fid"),
    "FID as a parameter": of_run("--model=DCGAN", "--data=MNIST", monitor="val/kid", **FID),
    "FID of a domain": of_run(*DOMAINS, "--data.extra_metrics+=FID", monitor="val/fid_a"),
    "another extractor's": of_run(
        *("--model=DCGAN", "--data=MNIST", "--data.extra_metrics+=FID", "--data.extra_metrics.extractor=fakes.Means"),
        monitor="val/fid_means",
    ),
}


@pytest.mark.parametrize("sweep", REPORTED.values(), ids=REPORTED.keys())
def test_any_score_that_the_runs_report_is_accepted(place, capsys, sweep):
    (place / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    main(["sweep", "check", "sweep.yaml"])
    assert "1 command parses" in capsys.readouterr().out


SHAPES = {"data.name": {"values": ["ring", "spiral"]}}
UNREPORTED = {
    "another's": (of_run(*DOMAINS, monitor="val/l1"), "val/l1, which the run does not report; there are: val/swd_b, "),
    "the main one's of noise": (of_run(*DOMAINS, monitor="val/swd"), "val/swd_b, val/swd_a, val/cycle_a, val/cycle_b"),
    "FID that is not asked for": (of_run(*DOMAINS, monitor="val/fid_b"), "val/fid_b, which the run does not report"),
    "no classes are asked for": (of_run("--model=GAN", "--data=Digits", monitor="val/asked"), "there are: val/fid_d"),
    "no judge": (of_run("--model=CGAN", "--data=CIFAR10", monitor="val/asked"), "there are: val/swd."),
    "one of the runs": (of_run(*POINTS, monitor="val/modes", goal="maximize", **SHAPES), "there are: val/swd. (in the"),
    "never": (of_run(*DOMAINS, "--trainer.limit_val_batches=0"), "is None, which the run does not report; it never"),
    "the other goal": (of_run("--model=CGAN", "--data=Digits", monitor="val/asked"), "val/asked wants maximize"),
    "data for others": (of_run("--model=Pix2Pix", "--data=Horse2Zebra"), "Pix2Pix learns from pairs, but Horse2Zebra"),
}


@pytest.mark.parametrize(("sweep", "words"), UNREPORTED.values(), ids=UNREPORTED.keys())
def test_a_score_that_a_run_does_not_report_is_refused(refused, sweep, words):
    assert words in refused(sweep)


def test_a_shipped_sweep_is_found_from_any_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["sweep", "check", "experiments/sweeps/toy2d.yaml"])
    assert "3 commands parse" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        ({"distribution": ["a"]}, "distribution"),
        ({"distribution": "normal", "mu": "abc", "sigma": 1}, "mu is abc; give a number"),
        ({"distribution": "normal", "mu": 1, "sigma": 0}, "sigma is 0, a standard deviation; give a number above 0"),
        ({"distribution": "q_log_normal", "mu": 1, "sigma": -1.5}, "sigma is -1.5"),
        ({"distribution": "normal", "mu": 1, "sigma": float("nan")}, "sigma is nan"),
        ({"values": [1, 2], "probabilities": [0.5, 0.6]}, "with the sum 1"),
        ({"values": [1, 2], "probabilities": [1]}, "a number for each value"),
    ],
)
def test_a_parameter_of_an_odd_form(parameter, words):
    with pytest.raises(UserError, match=words):
        check_parameter("sweep.yaml", "x", parameter, "random")


# The first runs of a sweep, for some rounds -------------------------------------------------------------------


@pytest.fixture
def in_this_process(monkeypatch, capsys):
    """Let dry-run start its runs in this process; return the commands that it has started."""
    started = []

    def run(command: list[str], env: dict[str, str], **kwargs: Any) -> Any:
        started.append(command)
        assert command[:3] == [sys.executable, "-m", "ganzoo"]
        before, status, error = capsys.readouterr(), 0, ""
        with monkeypatch.context() as patch:
            for name in [name for name in (*os.environ, *env) if name.startswith("WANDB_")]:
                patch.delenv(name, raising=False) if name not in env else patch.setenv(name, env[name])
            try:
                main(command[3:])
            except SystemExit as stop:
                status, error = stop.code, capsys.readouterr().err
        wandb.teardown()
        print(before.out, end="")
        return SimpleNamespace(returncode=status, stdout="", stderr=error)

    monkeypatch.setattr(dry_run, "subprocess", SimpleNamespace(run=run))
    return started


def test_a_dry_run_trains_the_first_runs_as_an_agent_would(place, capsys, in_this_process):
    (place / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    main(["sweep", "dry-run", "sweep.yaml", "--count", "1", "--max_steps", "1"])
    (*_, said) = capsys.readouterr().out.splitlines()
    assert said == "sweep.yaml: 1 run trained for 1 round, of 2 that have every value. Start: wandb sweep sweep.yaml"
    in_this_process.clear()
    main(["sweep", "dry-run", "sweep.yaml", "--count", "3", "--max_steps", "3", "--out", "tried"])
    out = capsys.readouterr().out.splitlines()
    assert len(in_this_process) == 2  # there are no more values
    assert re.fullmatch(r"  trained in \d+ seconds, val/swd_best [\d.]+", out[-2])
    assert [line for line in out if " of 2: " in line] == ["1 of 2: --model.n_critic=1", "2 of 2: --model.n_critic=5"]
    assert out[-1] == "sweep.yaml: 2 runs trained for 3 rounds, with every value. Start: wandb sweep sweep.yaml"
    for number, n_critic in (("1", 1), ("2", 5)):
        (run,) = (path.parent for path in (place / "tried" / number).rglob("metrics.csv"))
        assert yaml.safe_load((run / "config.yaml").read_text())["model"]["init_args"]["n_critic"] == n_critic
        assert len(list((place / "tried" / number).glob(f"wandb/offline-run-*-dry-run-{number}"))) == 1
        assert f"{run.parent.parent.name}/{run.parent.name}" == "toy2d/gan_ring"


def test_a_run_that_does_not_train_is_told_in_a_line(place, capsys, in_this_process):
    """The parser can't know that a root has no images; the other runs are tried all the same."""
    missing = ["--model=GAN", "--data=MNIST", "--data.root=nowhere"]
    sweep = of_run(*missing, monitor="val/fid_digits", seed_everything={"values": [1, 2, 3]})
    (place / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    with pytest.raises(SystemExit) as stop:
        main(["sweep", "dry-run", "sweep.yaml", "--count", "2"])
    out, error = capsys.readouterr()
    assert stop.value.code == 1
    assert len(re.findall(r"^  failed after \d+ seconds \(exit status 1\): .*nowhere", out, re.M)) == 2
    assert error == "ganzoo: sweep.yaml: 2 of 2 runs did not train.\n"


def test_a_metric_that_is_never_logged_is_told(place, monkeypatch, capsys, in_this_process):
    """`check` finds it first: so this is the second look, of what was really logged."""
    monkeypatch.setattr(dry_run, "check_command", lambda *args: None)
    command = [*COMMAND[:-1], "--model.n_critic=1", "${args}"]
    sweep = changed(command=command, metric={"name": "val/fid_best"}, parameters={"seed_everything": {"value": 1}})
    (place / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    with pytest.raises(SystemExit):
        main(["sweep", "dry-run", "sweep.yaml", "--max_steps", "2"])
    assert "trained, but did not log val/fid_best, which the sweep goes by; it logged " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sweep", "args", "words"),
    [
        (over("model.n_critics", values=[1]), [], "did you mean n_critic?"),
        (over("model.ema", values=["1e5"]), [], "YAML reads 1e5 as text"),
        (SWEEP, ["--count", "0"], "count is 0: give 1 or more"),
        (SWEEP, ["--out", "mnist"], "the folder mnist is not empty"),
    ],
)
def test_a_mistake_is_found_before_anything_is_trained(place, capsys, in_this_process, sweep, args, words):
    (place / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    with pytest.raises(SystemExit) as stop:
        main(["sweep", "dry-run", "sweep.yaml", *args])
    assert stop.value.code in (1, 2)
    assert words in capsys.readouterr().err
    assert in_this_process == []


def make_folders(root: Path, start: Any) -> list[str]:
    start.wait()
    return [str(new_folder(root, "experiments/toy2d/gan_ring.yaml", ("", ""))) for _ in range(20)]


def test_agents_that_start_at_once_never_share_a_folder(tmp_path):
    with multiprocessing.get_context("fork").Manager() as manager:
        start = manager.Barrier(2)
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
            made = [*pool.map(make_folders, [tmp_path] * 2, [start] * 2)]
    assert len({*made[0], *made[1]}) == 40
    assert all(Path(folder).is_dir() for folder in made[0] + made[1])


@pytest.mark.slow
def test_two_agents_in_one_folder_train_runs_of_their_own(place):
    """The agents' own commands, in two processes that start together, each under the id that wandb gave it."""
    sweep = read_sweep("experiments/sweeps/toy2d.yaml")
    commands = [[sys.executable, *command[2:], *TINY] for command in list(agent_commands(sweep))[:2]]
    more = {"WANDB_MODE": "offline", "WANDB_SWEEP_ID": "abc"}
    agents = [
        subprocess.Popen(command, env=environment() | more | {"WANDB_RUN_ID": f"run{number}"})
        for number, command in enumerate(commands)
    ]
    assert [agent.wait(200) for agent in agents] == [0, 0]
    runs = sorted(path.parent for path in (place / "runs").rglob("metrics.csv"))
    assert len(runs) == 2
    assert {path.name[-4:] for run in runs for path in run.glob("wandb/offline-run-*")} == {"run0", "run1"}
    for run in runs:
        assert last(run)["global_step"] == 2
        config = yaml.safe_load((run / "config.yaml").read_text())
        (number,) = [path.name[-1] for path in run.glob("wandb/offline-run-*")]
        chosen = [word for word in commands[int(number)] if word.startswith(("--model", "--data", "--seed"))]
        assert lost_options(chosen, config) == {}
