"""A checkpoint, and the config.yaml beside it, may name what ganzoo publishes: nothing else is imported or run."""

import functools
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from conftest import QUIET, environment, fit_args, kept, last
from torch import nn

import ganzoo
from ganzoo.cli import main
from ganzoo.models import GAN, WGANGP
from ganzoo.networks import MLPGenerator
from ganzoo.runs.naming import find, names_in, published, without_training
from ganzoo.runs.reader import Reader, options
from ganzoo.system.errors import UserError

OLD = Path(__file__).parents[1] / "fixtures" / "format0"
PLAYERS = {"generator": "MLPGenerator", "discriminator": "MLPDiscriminator"}
RUNS = {"command": "touch {}", "args": "touch {}", "source": "open('{}', 'w')", "name": "{}"}
NAMES = [
    *("os.system", "subprocess.Popen", "builtins.eval", "builtins.exec", "builtins.open", "posix.system"),
    *("antigravity.X", "this.d", "torch.load", "torch.hub.load", "torch.nn.Linear", "pathlib.Path", "evil_module.Evil"),
    *("ganzoo.models.gan.os.system", "ganzoo.models.os.system", "ganzoo.cli.main", "ganzoo.system.files.os.system"),
    *(
        "ganzoo.runs.checkpoint_file.load",
        "ganzoo.commands.import_.translators.import_",
        "ganzoo.data.download.get.get",
        "ganzoo.models.gan.torch.load",
    ),
    *("torch.optim.os", "torch.optim.os.system", "torch.optim.lr_scheduler.types.FunctionType", "torch.optim.sys.exit"),
    *("", ".", "..", "a.", ".a", "evil_module", "os", "ganzoo", "ganzoo.models", "ganzoo.models.", "GAN", "__import__"),
    *("ganzoo.models.gan.GAN.__init__", "ganzoo.networks.need_labels", "lightning.pytorch.callbacks.LambdaCallback"),
    *("os:system", "os.system\n", "ganzoo.models.GAN\n", "evil_module.Evil.x", "jsonargparse.CLI", "é.ø"),
]


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """What must not be there afterwards, a module that would make it lying where Python finds it."""
    mark = tmp_path / "RAN"
    code = f"open({str(mark)!r}, 'w').close()\nclass Evil:\n    def __init__(self, *a, **k): pass\n"
    (tmp_path / "evil_module.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROWSER", f"touch {mark}")
    before = set(sys.modules)
    yield mark
    assert not mark.exists()
    new = {name.split(".")[0] for name in set(sys.modules) - before}
    assert not new & {"evil_module", "antigravity", "this"}
    sys.modules.pop("evil_module", None)


NARROW = {f"{p}": {"class_path": f"ganzoo.networks.{n}", "init_args": {"hidden": [4]}} for p, n in PLAYERS.items()}
TINY = {"latent_dim": 2, "shape": [1, 8, 8], **NARROW}


def spec(name: str, mark: Path) -> dict[str, Any]:
    return {"class_path": name, "init_args": {key: value.format(mark) for key, value in RUNS.items()}}


def put(place: str, name: str, mark: Path) -> dict[str, Any]:
    """A record with a name at a place of it."""
    model: dict[str, Any] = {"class_path": "ganzoo.models.gan.GAN", "init_args": TINY}
    evil = spec(name, mark)
    inner = {"class_path": "ganzoo.penalties.R1", "init_args": {"gamma": evil}}
    within = {"class_path": "ganzoo.networks.MLPGenerator", "init_args": {"hidden": [evil]}}
    yaml_in_text = f"{{class_path: {name}, init_args: {{command: touch {mark}}}}}"
    if place == "model":
        return {**model, **evil}
    where, value = {
        "schedule": ("generator_schedule", evil),
        "optimizer": ("discriminator_optimizer", evil),
        "text for a schedule": ("generator_schedule", name),
        "text for an optimizer": ("generator_optimizer", name),
        "network": ("generator", evil),
        "text for a network": ("generator", name),
        "YAML in a text": ("generator", yaml_in_text),
        "objective": ("objective", evil),
        "text for an objective": ("objective", name),
        "penalty": ("penalties", [evil]),
        "text for a penalty": ("penalties", [name]),
        "option of a penalty": ("penalties", [inner]),
        "option of a network": ("generator", within),
        "a number": ("latent_dim", evil),
        "a choice": ("latent", evil),
        "no option": ("nothing", evil),
        "options in a list": ("penalties", [[[{"a": [evil]}]]]),
    }[place]
    return {**model, "init_args": {**model["init_args"], where: value}}


PLACES = [
    *("model", "network", "text for a network", "YAML in a text", "objective", "text for an objective", "penalty"),
    *("text for a penalty", "option of a penalty", "option of a network", "a number", "a choice", "no option"),
    "options in a list",
]
TRAINING = ["schedule", "optimizer", "text for a schedule", "text for an optimizer"]


def save(record: dict[str, Any], path: Path, **more: Any) -> str:
    model = Reader().read({"class_path": "ganzoo.models.GAN", "init_args": TINY}, GAN)
    model.configure_model()
    made = {"unrecorded": [], "seed": 0, "images_seen": 0, **record}
    torch.save({"state_dict": model.state_dict(), "global_step": 5, "epoch": 0, "ganzoo": made, **more}, path)
    return str(path)


def refused(capsys, *args: str) -> str:
    """What a command says that must end in one line."""
    with pytest.raises(SystemExit) as stop:
        main(list(args))
    said = capsys.readouterr().err
    assert stop.value.code in (1, 2)
    assert said.startswith("ganzoo: ")
    assert said.count("\n") == 1, said
    return said


@pytest.mark.parametrize("name", NAMES)
def test_no_name_runs_or_imports_anything_anywhere_in_a_record(trap, name):
    for place in PLACES:
        path = save(put(place, name, trap), trap.parent / "evil.ckpt")
        with pytest.raises(UserError) as error:
            ganzoo.load(path)
        assert len(str(error.value).splitlines()) == 1, (place, error.value)
    for place in [*PLACES, *TRAINING]:
        with pytest.raises(UserError):
            Reader().read(put(place, name, trap), ganzoo.game.Game)


@pytest.mark.parametrize("place", TRAINING)
def test_what_only_training_needs_is_not_looked_up_for_samples(trap, place, capsys):
    path = save(put(place, "os.system", trap), trap.parent / "own.ckpt")
    assert ganzoo.load(path).sample(2).shape == (2, 1, 8, 8)
    assert "os.system" in refused(capsys, *command("fit", path))


def command(name: str, path: str) -> list[str]:
    data = ["--data", "Digits", "--data.image_size", "8", *QUIET]
    return {
        "sample": ["sample", path],
        "interpolate": ["interpolate", path],
        "export": ["export", path],
        "translate": ["translate", path, "--input", "."],
        "fit": ["fit", "--ckpt_path", path, *data, "--trainer.max_steps", "1", "--run_dir", "run"],
        "predict": ["predict", "--ckpt_path", path, *data, "--samples.out", "out"],
    }.get(name, [name, "--ckpt_path", path, *data])


COMMANDS = ["sample", "interpolate", "translate", "export", "validate", "test", "predict", "fit"]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("place", ["model", "network", "text for a network", "YAML in a text", "penalty"])
def test_every_command_refuses_in_a_line_and_says_what_would_be_imported(trap, name, place, capsys):
    path = save(put(place, "evil_module.Evil", trap), trap.parent / "evil.ckpt")
    said = refused(capsys, *command(name, path))
    assert "evil_module.Evil" in said
    assert "--trust" in said or place == "YAML in a text"
    assert not Path("run").exists()
    assert not Path("out").exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_trust_imports_it(tmp_path, name, monkeypatch, capsys):
    """So the tests above can fail: the user's word opens the door."""
    (tmp_path / "evil_trusted.py").write_text(f"open({str(tmp_path / 'RAN')!r}, 'w').close()")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    path = save(put("network", "evil_trusted.Evil", tmp_path), tmp_path / "trusted.ckpt")
    try:
        assert "evil_trusted.Evil" in refused(capsys, *command(name, path), "--trust")
        assert (tmp_path / "RAN").exists()
    finally:
        sys.modules.pop("evil_trusted", None)


class Own(MLPGenerator):
    """A user's own network."""


class OwnAdam(torch.optim.Adam):
    """A user's own optimizer."""


def test_ones_own_network_needs_a_word_and_ones_own_optimizer_does_not(tmp_path, monkeypatch):
    model = GAN(generator=functools.partial(Own, hidden=[8]), generator_optimizer=OwnAdam, shape=(2,))
    path = kept(model, tmp_path / "own.ckpt")
    with pytest.raises(UserError, match=r"would import runs\.test_trust\.Own, which .* --trust .*trust=True"):
        ganzoo.load(path)
    torch.testing.assert_close(ganzoo.load(path, trust=True).sample(2), model.eval().sample(2))
    monkeypatch.chdir(tmp_path)
    main(["sample", path, "--num", "4", "--out", "s.npy", "--trust"])
    model = GAN(generator=functools.partial(MLPGenerator, hidden=[8]), generator_optimizer=OwnAdam, shape=(2,))
    assert ganzoo.load(kept(model, tmp_path / "adam.ckpt")).sample(2).shape == (2, 2)


WRONG = [3, -1, 0, 10**12, 10**5000, 1e300, float("nan"), True, None, "x", "", [], [1], [0], [-3, 8, 8], [10**9] * 3]
WRONG += [{}, {"a": 1}, [None], [[]], [10**8, 10**8], {"class_path": 3}, {"class_path": "ganzoo.models.GAN"}]
WRONG += [{"class_path": "ganzoo.networks.MLPGenerator", "init_args": 3}, torch.ones(2), {"class_path": None}]
WRONG += [{"class_path": "ganzoo.networks.MLPGenerator", "init_args": {"hidden": [10**5] * 4}}]
WRONG += [{"class_path": "ganzoo.networks.MLPGenerator", "init_args": {"hidden": [1] * 5000}}]
WRONG += [{"class_path": "ganzoo.networks.UNet", "init_args": {"depth": 10**9}}, "ganzoo.data.Digits"]
WRONG += [{"class_path": "ganzoo.models.GAN", "init_args": {}, "dict_kwargs": {"a": 1}}]


@pytest.mark.parametrize("option", sorted(without_training(options(GAN))))
def test_wrong_values_end_in_a_line(tmp_path, option):
    for value in WRONG:
        record = {"class_path": "ganzoo.models.GAN", "init_args": {**TINY, option: value}}
        path = save(record, tmp_path / "wrong.ckpt")
        said = ""
        try:
            ganzoo.load(path)
        except UserError as error:
            said = str(error)
        assert len(said.splitlines()) <= 1
        assert len(said) < 900


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_what_is_too_deep_or_too_large_or_holds_itself_is_refused(tmp_path):
    endless: list[Any] = []
    endless.append(endless)
    doubled: Any = [1]
    for _ in range(19):
        doubled = [doubled, doubled]
    for value in (nested(60), doubled, endless, [0] * 20_000, {"x": nested(100)}):
        record = {"class_path": "ganzoo.models.GAN", "init_args": {"penalties": value}}
        with pytest.raises(UserError, match="nested too deeply"):
            names_in(record)
        with pytest.raises(UserError, match="nested too deeply"):
            Reader().read(record, ganzoo.game.Game)
        with pytest.raises(UserError, match="nested too deeply"):
            ganzoo.load(save(record, tmp_path / "deep.ckpt"))


def test_the_table_has_classes_only_and_what_is_needed():
    assert all(isinstance(value, type) for value in published().values())
    outside = {value.__module__ for value in published().values() if not value.__module__.startswith("ganzoo.")}
    assert all(module.startswith("torch.optim") for module in outside)
    wanted = {"ganzoo.models.WGANGP", "torch.optim.Adam", "torch.optim.lr_scheduler.LinearLR", "ganzoo.penalties.R1"}
    assert wanted | {"ganzoo.optimizers.ConstantThenLinear", "ganzoo.metrics.FID"} <= published().keys()
    assert find("ganzoo.models.wgan_gp.WGANGP") is WGANGP


# The file beside a checkpoint ---------------------------------------------------------------------------------------


@pytest.fixture
def old_run(tmp_path):
    shutil.copytree(OLD / "gan", tmp_path / "run")
    return tmp_path / "run"


def change(run: Path, *keys: str, value: Any) -> str:
    """Write something into a run's config.yaml; return the run's checkpoint."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    place = config
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    return str(run / "checkpoints" / "last.ckpt")


CODE = {  # places of a config.yaml where a name runs code, and that no judging needs
    ("trainer", "callbacks"): lambda evil: [
        {"class_path": "lightning.pytorch.callbacks.LambdaCallback", "init_args": {"setup": evil}}
    ],
    ("trainer", "logger"): lambda evil: [evil],
    ("trainer", "plugins"): lambda evil: [evil],
    ("trainer", "strategy"): lambda evil: evil,
    ("trainer", "profiler"): lambda evil: evil,
    ("trainer", "accelerator"): lambda evil: evil,
    ("trainer", "precision"): lambda evil: evil["class_path"],
    ("trainer", "devices"): lambda evil: evil["class_path"],
    ("samples", "num"): lambda evil: evil,
    ("pictures",): lambda evil: evil,
    ("more",): lambda evil: evil,
    ("model", "init_args", "generator_schedule"): lambda evil: evil,
    ("model", "init_args", "generator_optimizer"): lambda evil: evil["class_path"],
}


@pytest.mark.parametrize("keys", CODE, ids=".".join)
@pytest.mark.parametrize("name", ["evil_module.Evil", pytest.param("os.system", marks=pytest.mark.slow)])
def test_what_is_not_needed_is_not_taken(trap, old_run, keys, name, capsys):
    ckpt = change(old_run, *keys, value=CODE[keys](spec(name, trap)))
    main(["validate", "--ckpt_path", ckpt, *QUIET])
    said = capsys.readouterr().out
    assert "val/fid_digits" in said
    assert f"From {old_run / 'config.yaml'}: model GAN, data Digits, seed 0" in said


NEEDED = {
    ("model",): lambda evil: evil,
    ("data",): lambda evil: evil,
    ("model", "init_args", "generator"): lambda evil: evil,
    ("model", "init_args", "discriminator"): lambda evil: evil["class_path"],
    ("model", "init_args", "penalties"): lambda evil: [evil],
    ("data", "init_args", "extra_metrics"): lambda evil: [evil],
    ("data", "init_args", "image_size"): lambda evil: evil,
}


@pytest.mark.parametrize("keys", NEEDED, ids=".".join)
@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_what_is_needed_is_refused_if_it_is_not_published(trap, old_run, keys, command, capsys):
    ckpt = change(old_run, *keys, value=NEEDED[keys](spec("evil_module.Evil", trap)))
    said = refused(capsys, command, "--ckpt_path", ckpt, *QUIET)
    for words in ("evil_module.Evil", "config.yaml", "--trust"):
        assert words in said


SPOILED = ["", "3", "[1, 2]", "{", "model: 3", "data: [1]", "model: {}", "\x00", "a: *b", "- - -"]


@pytest.mark.parametrize("content", SPOILED)
def test_a_spoiled_file_beside_is_one_line(old_run, content, capsys):
    (old_run / "config.yaml").write_text(content)
    refused(capsys, "validate", "--ckpt_path", str(old_run / "checkpoints" / "last.ckpt"), *QUIET)


def test_options_of_the_run_hold_and_those_of_the_command_line_go_before(old_run, capsys):
    ckpt = change(old_run, "trainer", "limit_val_batches", value=1)
    main(["validate", "--ckpt_path", ckpt, *QUIET])
    one = capsys.readouterr().out
    main(["validate", "--ckpt_path", ckpt, "--trainer.limit_val_batches", "2", *QUIET])
    two = capsys.readouterr().out
    main(["validate", "--ckpt_path", ckpt, "--config", str(old_run / "config.yaml"), *QUIET])
    named = capsys.readouterr().out
    scores = [[line for line in said.splitlines() if line.startswith("val/")] for said in (one, two, named)]
    assert scores[0] == scores[2] != scores[1]


def test_ones_own_data_beside_a_checkpoint_needs_a_word(tmp_path, capsys):
    args = fit_args("Pix2Pix", tmp_path / "run", 1, "--trainer.limit_val_batches", "0")
    main(args)
    ckpt = ["--ckpt_path", str(tmp_path / "run" / "checkpoints" / "last.ckpt"), "--trainer.limit_val_batches", "1"]
    said = refused(capsys, "validate", *ckpt)
    assert "would import fakes.FakePairs" in said
    assert f"or --config {tmp_path / 'run' / 'config.yaml'}" in said
    for word in (["--trust"], ["--config", str(tmp_path / "run" / "config.yaml")]):
        main(["validate", *word, *ckpt, *QUIET])
        assert "val/l1" in capsys.readouterr().out


def test_nothing_is_imported_in_a_process_of_its_own(trap):
    """Whatever the tests' own process had imported before: what is asked is said by a fresh one."""
    for number, name in enumerate(["antigravity.X", "this.d", "evil_module.Evil", "ganzoo.models.gan.os.system"]):
        save(put("model", name, trap), Path(f"{number}.ckpt"))
    code = """
import sys, ganzoo
for number in range(4):
    try: ganzoo.load(f"{number}.ckpt")
    except ganzoo.UserError: pass
    else: sys.exit(1)
sys.exit(bool({"antigravity", "this", "evil_module"} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], env=environment()).returncode == 0


def test_a_record_of_today_has_public_paths_only(fit):
    made = last(fit("WGANGP", "run", 1))["ganzoo"]
    assert made["format"] == 1
    assert made["class_path"] == "ganzoo.models.WGANGP"
    assert {*names_in(made)} <= published().keys()
    assert isinstance(Reader().read({k: made[k] for k in ("class_path", "init_args")}, nn.Module), WGANGP)
