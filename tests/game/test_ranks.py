"""Two ranks with half the batch each play the game of one process with the whole batch."""

import functools
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from conftest import MODELS, assert_equal, data_of, environment, last
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from two_ranks import ADAPTIVE, GROUPS, IN_ALL, args_for, long_args

import ganzoo
from ganzoo.cli import main
from ganzoo.networks.norms import InstanceNorm

# a pair of processes for each further group takes long
MODELS_OR_SLOW = [
    model if model in GROUPS["noise"] else pytest.param(model, marks=pytest.mark.slow) for model in MODELS
]


pytestmark = pytest.mark.timeout(600)  # the first test of a group waits for its pair
IN_BF16 = 0.05  # how far two ranks may be from one process, as a share of the weights (0.000005 to 0.031 were seen)


def coupled(run: Path) -> bool:
    """Samples of a batch see each other, other than by batch norm: such models are held to equal ranks only."""
    return bool(ganzoo.load(run / "checkpoints" / "last.ckpt").couples_batch)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Where the runs of a model on two ranks are: those of its group are made by one pair of processes."""

    @functools.cache
    def train(group: str, *how: str) -> Path:
        folder = tmp_path_factory.mktemp("ranks")
        script = Path(__file__).parents[1] / "two_ranks.py"
        command = [sys.executable, str(script), str(folder), group, *how]
        seconds = 1500 if how else 580
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=seconds)
        assert done.returncode == 0, done.stdout + done.stderr
        return folder

    return lambda model, *how: train(next(group for group, models in GROUPS.items() if model in models), *how)


def idle_biases(run: Path) -> set[str]:
    """Biases that a norm right behind takes away: their gradient is 0 but for rounding, and Adam moves them.

    They mean nothing, in one process or two.
    """
    model = ganzoo.load(run / "checkpoints" / "last.ckpt")
    found = set()
    for name, module in model.named_modules():
        if isinstance(module, nn.Sequential):
            for (number, layer), (_, after) in pairwise(module.named_children()):
                if isinstance(after, (InstanceNorm, _BatchNorm)) and getattr(layer, "bias", None) is not None:
                    found.add(f"{name}.{number}.bias")
    return found & model.state_dict().keys()


def numbers(row: str) -> list[float]:
    return [float(x) for x in row.split(",") if re.fullmatch(r"-?[\d.]+(e-?\d+)?", x)]


@pytest.mark.parametrize("model", MODELS_OR_SLOW)
def test_two_ranks_equal_one_process(folder_of, tmp_path, model):
    pair = folder_of(model)
    main(args_for(model, tmp_path / "one", "64-true", 1))
    assert_same_game(tmp_path / "one", pair / f"{model}-64-true", data_of(model), 12)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("model", MODELS)
def test_two_ranks_equal_one_process_for_20_rounds_with_lazy_penalties(folder_of, tmp_path, model):
    """Both lazy penalties of StyleGAN2, and R2 in each fourth round of the others that take it."""
    pair = folder_of(model, "long")
    main(args_for(model, tmp_path / "one", "64-true", 1, *long_args(model)))
    assert_same_game(tmp_path / "one", pair / f"{model}-64-true", data_of(model), 20)


def assert_same_game(run: Path, pair: Path, data: str, rounds: int) -> None:
    """One process and two ranks end with the same weights and data, and logged the same, unless samples are coupled."""
    one, two = last(run), last(pair)
    assert one["global_step"] == two["global_step"] == rounds
    assert one[data] == two[data]  # the same data, counted once
    one, two, idle = one["state_dict"], two["state_dict"], idle_biases(run)
    apart = {name: float((one[name].double() - two[name].double()).abs().max()) for name in one}
    furthest = max(distance for name, distance in apart.items() if name not in idle)
    if coupled(run):
        assert furthest > 1e-9  # or the model is stricter than it says
        return
    assert furthest < 1e-9
    assert max([0.0, *(apart[name] for name in idle)]) < 1e-8
    rows = [(folder / "metrics.csv").read_text().split() for folder in (run, pair)]
    assert len(rows[0]) == len(rows[1]) > 8
    for a, b in zip(*rows, strict=True):
        assert numbers(a) == pytest.approx(numbers(b), abs=1e-5)


def test_adas_p_follows_the_scores_of_all_ranks(folder_of, tmp_path):
    pair = folder_of("GAN")
    main(args_for("GAN", tmp_path / "one", "64-true", 1, *ADAPTIVE))
    one, two = (last(run)["state_dict"] for run in (tmp_path / "one", pair / "ADA-64-true"))
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-9
    assert float(one["augmentation.p"]) == pytest.approx(0.32)
    ranks = [torch.load(pair / "ADA-64-true" / f"rank{r}.pt", weights_only=True) for r in (0, 1)]
    assert_equal(ranks[0], ranks[1], "rank 0 and 1")


@pytest.mark.parametrize("model", MODELS_OR_SLOW)
def test_ranks_are_the_same_to_the_bit(folder_of, model):
    same_to_the_bit(folder_of(model), model, "64-true")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("model", IN_ALL)
def test_ranks_are_the_same_to_the_bit_in_other_precisions(folder_of, model, precision):
    same_to_the_bit(folder_of(model), model, precision)


@pytest.mark.parametrize("model", IN_ALL)
def test_two_ranks_are_near_one_process_in_bfloat16(folder_of, tmp_path, model):
    main(args_for(model, tmp_path / "one", "bf16-mixed", 1))
    assert 0 < apart(tmp_path / "one", folder_of(model) / f"{model}-bf16-mixed") < IN_BF16


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("model", MODELS)
def test_each_model_is_the_same_in_bfloat16_on_ranks_and_near_one_process(folder_of, tmp_path, model):
    pair = folder_of(model, "long")
    same_to_the_bit(pair, model, "bf16-mixed")
    main(args_for(model, tmp_path / "one", "bf16-mixed", 1, *long_args(model)))
    assert coupled(tmp_path / "one") or apart(tmp_path / "one", pair / f"{model}-bf16-mixed") < IN_BF16


def apart(one: Path, two: Path) -> float:
    """How far two runs' networks are apart, as a share of the length of all their weights."""
    a, b = (last(run)["state_dict"] for run in (one, two))
    names = [name for name, value in a.items() if value.is_floating_point() and not name.startswith("pools.")]
    away, long = (torch.cat([x(name).double().flatten() for name in names]) for x in (lambda n: a[n] - b[n], a.get))
    return float(away.norm() / long.norm())


def same_to_the_bit(pair: Path, model: str, precision: str) -> None:
    ranks = [torch.load(pair / f"{model}-{precision}" / f"rank{r}.pt", weights_only=True) for r in (0, 1)]
    assert_equal(ranks[0], ranks[1], "rank 0 and 1")
    assert any(name.startswith("ema.") for name in ranks[0]["state_dict"])


def test_a_loss_spoiled_on_one_rank_stops_both(folder_of):
    pair = folder_of("GAN")
    for rank in (0, 1):
        assert "is nan in round 2: stopped before" in (pair / f"SpoiledOnRank1-{rank}.txt").read_text()


def test_ranks_that_came_apart_are_not_saved_and_the_tensor_is_named(folder_of):
    pair = folder_of("GAN")
    for rank in (0, 1):
        said = (pair / f"DriftsOnRank1-{rank}.txt").read_text()
        assert "no longer play the same game: discriminator.score.bias differs after round 4 (1 of " in said
    assert not [*(pair / "DriftsOnRank1").glob("checkpoints/*.ckpt")]


def test_ranks_with_other_versions_are_refused(folder_of):
    pair = folder_of("GAN")
    for rank in (0, 1):
        said = (pair / f"OtherVersion-{rank}.txt").read_text()
        assert re.match(r"rank 1 has torch 1\.0, and rank 0 \d.*: install the same on all nodes", said)
    assert not (pair / "OtherVersion").exists()


def test_batch_norm_is_synchronised_where_that_is_asked_for(folder_of):
    """And all that is said to be the game of one process is."""
    pair = folder_of("GAN")
    found = {p: torch.load(pair / f"DCGAN-{p}" / "rank1.pt", weights_only=True) for p in ("64-true", "32-true")}
    assert {precision: state["synchronised"] for precision, state in found.items()} == {
        "64-true": True,
        "32-true": False,
    }
