"""Every experiment that is shipped can be parsed and run: a YAML that is added is tried unasked."""

from pathlib import Path

import pytest
import torch
import yaml
from conftest import QUIET, TRANSLATORS, last, quicker
from fakes import FAKES

import ganzoo
import ganzoo.data
import ganzoo.models
from ganzoo.cli import main
from ganzoo.cli.fit import ParsingCLI, lightning
from ganzoo.game import FromImages

FOLDER = Path(__file__).parent.parent / "experiments"
OTHERS = ("sweeps", "cluster", "benchmarks")
EXPERIMENTS = sorted(path for path in FOLDER.glob("*/*.yaml") if path.parent.name not in OTHERS)
IDS = [f"{path.parent.name}/{path.stem}" for path in EXPERIMENTS]
NETWORKS = {  # of models that translate
    "Pix2Pix": {"generator": "UNet", "discriminator": "PatchGAN"},
    "CycleGAN": {"generator": "ResNetTranslator", "discriminator": "InstancePatchGAN"},
    "CUT": {"generator": "AntialiasedTranslator", "discriminator": "AntialiasedPatchGAN"},
}


def test_there_are_experiments():
    assert len(EXPERIMENTS) >= 7


@pytest.mark.parametrize("path", EXPERIMENTS, ids=IDS)
def test_says_what_it_is(path):
    first = path.read_text().splitlines()[0]
    assert first.startswith("# "), "the first line is a comment that says what it is: `ganzoo list` shows it"
    assert len(first) > 20


def is_long(path):
    """All but those for a CPU and for points: the paper's widths, and variants that test_models.py plays too."""
    return path.parent.name != "toy2d" and not path.stem.endswith("_cpu")


@pytest.mark.parametrize("path", filter(is_long, EXPERIMENTS), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_parses(path):
    config = lightning(["fit", "--config", str(path)], ParsingCLI).config["fit"]
    assert config["model"]["class_path"].startswith("ganzoo.models.")


def runs_by_default():
    """For each model and each data set the first short experiment that has it: the others are like one of these."""
    seen, chosen = set(), []
    for path in EXPERIMENTS:
        config = yaml.safe_load(path.read_text())
        parts = {config["model"]["class_path"], config["data"]["class_path"]}
        if not is_long(path) and parts - seen:
            seen |= parts
            chosen.append(path)
    return chosen


RUN = [path if path in runs_by_default() else pytest.param(path, marks=pytest.mark.slow) for path in EXPERIMENTS]


@pytest.mark.parametrize("path", RUN, ids=IDS)
def test_runs(path, tmp_path):
    config = yaml.safe_load(path.read_text())
    data = config["data"]["class_path"].rpartition(".")[2]
    more = FAKES[data](tmp_path / "data") if data in FAKES else []
    if "long_rounds" in config["model"].get("init_args", {}):
        more += ["--model.long_rounds", "2"]  # WGAN's 100 critic updates in the first rounds
    translates = config["model"]["class_path"] in TRANSLATORS
    if translates:  # any size will do for its networks: the paper's would take minutes
        given = config["model"]["init_args"]
        more += ["--data.image_size", "64"]
        for player, name in NETWORKS[config["model"]["class_path"]].items():
            more += [] if player in given else [f"--model.{player}", name]
            more.append(f"--model.{player}.width=4")
    elif "w" in getattr(ganzoo.models, config["model"]["class_path"]).spaces:
        more += quicker(config["model"]["class_path"])  # with styles: the paper's width would take minutes
    batch_size = "2" if translates else "8"
    run = tmp_path / "run"
    short = ["--trainer.max_steps", "2", "--trainer.val_check_interval", "2", "--trainer.limit_val_batches", "1"]
    main(["fit", "--config", str(path), *short, *QUIET, "--data.batch_size", batch_size, "--run_dir", str(run), *more])
    assert last(run)["global_step"] == 2
    assert f"val/{getattr(ganzoo.data, data).main_score}_best" in (run / "metrics.csv").read_text()
    model = ganzoo.load(run / "checkpoints" / "last.ckpt")
    if isinstance(model, FromImages):
        for way in model.ways:
            before, after = model.shape_read(way), model.shapes[way.makes]
            assert model.translate(torch.zeros(2, *before), way.name).shape == (2, *after)
    else:
        assert model.sample(2).shape == (2, *model.shape)
