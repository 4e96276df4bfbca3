"""Trouble that is named while it happens: what is trouble and what isn't, and that the run is the same without."""

import itertools
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import DATA, QUIET, assert_equal, assert_same_run, fit_args, last

import ganzoo
from ganzoo.cli import main
from ganzoo.data import Digits
from ganzoo.game import Player
from ganzoo.models import GAN
from ganzoo.runs.callbacks.trouble import PATIENCE, WINDOW, Trouble, mean_distance, some_weights, travel
from ganzoo.runs.loggers import MetricsCSV
from runs.test_resume import start

EVERY_2 = ["--trouble.every_n_steps", "2"]
ALWAYS_IDLE = ["--trouble.idle", "1e9"]
FEW_VALIDATIONS = ["--trainer.val_check_interval", "1000"]
NAMES = {"generator": "generator", "discriminator": "critic"}


class Constant(torch.nn.Module):
    """A generator that has collapsed to one point."""

    def __init__(self, latent_dim: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.point = torch.nn.Parameter(torch.zeros(shape))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.point.expand(len(z), *self.point.shape)


def points_run(run: Path, steps: int, *more: str) -> None:
    data = ["--data", "Toy2D", "--data.batch_size", "8", "--data.num_points", "500", "--trainer.limit_val_batches", "0"]
    short = ["--trainer.max_steps", str(steps), "--pictures.every_n_steps", "0", *QUIET[2:]]
    main(["fit", "--model", "GAN", *data, "--run_dir", str(run), *short, *EVERY_2, *more])


def diversities(run: Path) -> list[tuple[int, float]]:
    return MetricsCSV(run).curves()["diversity"]


# What is measured -------------------------------------------------------------------------------------------


def test_mean_distance_is_that_of_all_pairs():
    square = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    assert mean_distance(square) == pytest.approx((4 + 2 * math.sqrt(2)) / 6)
    x = torch.randn(9, 1, 3, 4, generator=torch.Generator().manual_seed(0))
    assert mean_distance(x) == pytest.approx(sum(float((a - b).norm()) for a, b in itertools.combinations(x, 2)) / 36)


def circle(rounds: float, radius: float = 1.0) -> torch.Tensor:
    """Sixteen samples that go round together, (WINDOW + 1, 16, 2)."""
    angle = torch.linspace(0, 2 * math.pi * rounds, WINDOW + 1)[:, None] + torch.arange(16)
    return radius * torch.stack([angle.cos(), angle.sin()], dim=2)


def line(length: float = 1.0) -> torch.Tensor:
    return length * torch.arange(WINDOW + 1.0)[:, None, None] * torch.ones(16, 2) / math.sqrt(2)


def noise(size: float) -> torch.Tensor:
    """Sixteen samples that quiver where they are; the norm of a jump is about `size`."""
    jumps = torch.randn(WINDOW + 1, 16, 64, generator=torch.Generator().manual_seed(0))
    return size / math.sqrt(2 * 64) * jumps


def test_travel_is_path_over_displacement():
    moves, detour = travel(line(0.5))
    torch.testing.assert_close(moves, torch.full((WINDOW,), 0.5))
    assert detour == pytest.approx(1)
    moves, detour = travel(circle(0.5, radius=3))  # half a circle: chords against the diameter
    torch.testing.assert_close(moves, torch.full((WINDOW,), 6 * math.sin(math.pi / WINDOW / 2)))
    assert detour == pytest.approx(WINDOW * math.sin(math.pi / WINDOW / 2), rel=1e-5)
    assert travel(circle(1))[1] > 1e4
    assert travel(torch.zeros(3, 4, 2))[1] == math.inf
    assert travel(noise(1).cumsum(0))[1] == pytest.approx(math.sqrt(WINDOW), rel=0.1)
    assert travel(noise(1))[1] == pytest.approx(WINDOW, rel=0.1)


# What is trouble --------------------------------------------------------------------------------------------


def oscillates(track: torch.Tensor) -> bool:
    """Whether the last of these positions gives a warning; the ones before give none, for the window isn't full."""
    trouble = Trouble()
    trouble.spread_tracked = 1.0
    found = [list(trouble._oscillates(x)) for x in track]
    assert not any(found[:WINDOW])
    return bool(found[-1])


@pytest.mark.parametrize(
    ("track", "warns"),
    [
        (circle(1), True),
        (circle(2.9), True),
        (circle(1, radius=0.3), False),  # too small to matter
        (circle(0.5), False),  # may still get anywhere
        (line(), False),
        (line() + noise(0.2)[:, :, :2], False),
        (noise(1), True),  # jumps as far as real samples are apart
        (noise(0.1), False),  # has settled, and quivers
        (noise(1).cumsum(0), False),  # a random walk
        (noise(3) * 0.8 ** torch.arange(WINDOW + 1.0)[:, None, None], False),  # settles
        (circle(2, radius=3) * 0.85 ** torch.arange(WINDOW + 1.0)[:, None, None], False),  # spirals in
    ],
)
def test_a_circle_is_an_oscillation_and_what_gets_somewhere_or_settles_is_none(track, warns):
    assert oscillates(track) == warns


def player_of(network: torch.nn.Module, name: str) -> Player:
    return Player(name, network, torch.optim.SGD, title=NAMES[name])


def saturated(norms: list[float], accuracies: list[float]) -> list[bool]:
    trouble = Trouble()
    trouble.start = [1.0, 2.0, 0.0]
    found = []
    for norm, accuracy in zip(norms, accuracies, strict=True):
        players = {name: player_of(torch.nn.Linear(1, 1), name) for name in NAMES}
        players["generator"].gradient_norm = torch.tensor(norm)
        notes = {} if math.isnan(accuracy) else {"D(accuracy)": torch.tensor(accuracy)}
        found.append(bool(list(trouble._saturated(SimpleNamespace(notes=notes, players=players)))))
    return found


def test_d_is_saturated_when_it_is_sure_and_the_generators_gradient_has_vanished():
    assert saturated([0.019] * 4, [1.0] * 4) == [False, False, True, True]
    assert saturated([0.021] * 4, [1.0] * 4) == [False] * 4
    assert saturated([0.019] * 4, [0.97] * 4) == [False] * 4
    assert saturated([0.019] * 4, [math.nan] * 4) == [False] * 4  # a game without it
    assert saturated([0.019, 0.019, 0.1, 0.019, 0.019, 0.019], [1.0] * 6) == [False] * 5 + [True]


def test_collapse_is_judged_after_the_warm_up_and_only_when_it_lasts():
    trouble = Trouble(collapse=0.5)
    steps = [(step, 0.4) for step in (300, 400, 500, 600, 700)]
    assert not any(list(trouble._collapsed(diversity, step)) for step, diversity in steps)
    assert not list(trouble._collapsed(0.6, 800))
    assert [bool(list(trouble._collapsed(0.4, step))) for step in (900, 1000, 1100)] == [False, False, True]


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_a_player_is_idle_when_its_weights_stand_still(name):
    network = torch.nn.Linear(30, 20)
    player = player_of(network, name)

    def found(trouble: Trouble, factor: float) -> list[bool]:
        seen = []
        for _ in range(PATIENCE + 1):
            seen.append(bool(list(trouble._idle(player))))
            with torch.no_grad():
                for p in network.parameters():
                    p.mul_(factor)
        return seen

    assert found(Trouble(idle=1e-3), 1 + 0.9e-3) == [False] * PATIENCE + [True]
    assert found(Trouble(idle=1e-3), 1 + 1.1e-3) == [False] * (PATIENCE + 1)
    assert found(Trouble(), 1.0)[-1]
    (_, message), *_ = Trouble._idle(trouble_that_knows(player), player)
    assert f"the {NAMES[name]} is idle" in message
    assert f"model.{name}_optimizer.lr" in message


def trouble_that_knows(player: Player) -> Trouble:
    trouble = Trouble()
    trouble.weights[player.name] = some_weights(player)
    trouble.checks[f"idle {player.name}"] = PATIENCE
    return trouble


# In a run ---------------------------------------------------------------------------------------------------


def test_diversity_is_the_samples_spread_against_the_datas(fit):
    run = fit("DCGAN", "run", 4, *EVERY_2, *FEW_VALIDATIONS, "--trouble.num", "10")
    data = Digits(image_size=16)
    data.setup()
    rows = torch.linspace(0, len(data.val) - 1, 40).long()
    real = mean_distance(data.val.tensors["image"][rows].float() / 127.5 - 1)
    samples = ganzoo.load(run / "checkpoints" / "last.ckpt").sample(10, raw=True)  # not of the average
    assert [step for step, _ in diversities(run)] == [2, 4]
    assert diversities(run)[-1][1] == pytest.approx(mean_distance(samples) / real, rel=1e-5)


def test_the_run_is_the_same_without(fit):
    watched = fit("DCGAN", "with", 6, *EVERY_2, *FEW_VALIDATIONS)  # batch norm notices what it is shown
    without = fit("DCGAN", "without", 6, "--trouble.every_n_steps", "0", *FEW_VALIDATIONS)
    for part in ("global_step", "state_dict", "optimizer_states", "lr_schedulers", "Digits"):
        assert_equal(last(watched)[part], last(without)[part], part)
    curves = MetricsCSV(watched).curves()
    assert [step for step, _ in curves.pop("diversity")] == [2, 4, 6]
    assert curves == MetricsCSV(without).curves()


def test_chance_goes_on_as_if_no_samples_were_taken():
    """Even by a generator that draws with torch's own chance, whose noise is the same at each check."""

    class Dicing(Constant):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return super().forward(z) + torch.randn(len(z), *self.point.shape)

    model = GAN(shape=(2,), latent_dim=2, generator=Dicing)
    model.configure_model()
    seen = []
    model.validation.report = lambda values, step: seen.append(values["diversity"])
    trouble = Trouble()
    trouble.spread = trouble.spread_tracked = 1.0
    torch.manual_seed(7)
    expected = torch.randn(3)
    torch.manual_seed(7)
    for step in (100, 200):
        list(trouble._found(model, step))
    assert torch.equal(torch.randn(3), expected)
    assert seen[0] == seen[1] > 0


def test_a_warning_is_given_once_and_stopped_and_resumed_equals_uninterrupted(fit, capsys):
    def warnings() -> list[str]:
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("Trouble")]

    options = [*EVERY_2, *ALWAYS_IDLE, *FEW_VALIDATIONS]
    whole = fit("GAN", "whole", 26, *options)
    once = warnings()
    assert [line.split(":")[0] for line in once] == ["Trouble, round 8"] * 2  # three changes between four checks
    assert {line.split(" is idle")[0].split("the ")[1] for line in once} == {"generator", "discriminator"}
    parts = fit("GAN", "parts", 5, *options)
    assert warnings() == []
    main(["resume", str(parts), "--max_steps", "9"])
    assert warnings() == once
    main(["resume", str(parts), "--max_steps", "26"])  # the window of an oscillation is full by then
    assert warnings() == []
    assert_same_run(whole, parts)
    state = last(parts)["callbacks"]["Trouble"]
    assert state["warned"] == ["idle generator", "idle discriminator"]
    assert len(state["track"]) == WINDOW + 1
    assert len(state["start"]) == 10


@pytest.mark.parametrize("bar", ["true", "false"])
def test_a_collapse_is_named_beside_the_bar_and_stops_nothing(tmp_path, monkeypatch, capsys, bar):
    monkeypatch.setattr(ganzoo.runs.callbacks.trouble, "WARM_UP", 3)
    constant = ["--model.generator", "runs.callbacks.test_trouble.Constant", "--trainer.enable_progress_bar", bar]
    points_run(tmp_path / "run", 12, *constant)
    out = capsys.readouterr().out.replace("\r", "\n").splitlines()
    (line,) = [line for line in out if "Trouble" in line]
    assert line.startswith("Trouble, round 8: the generator has collapsed.")
    assert diversities(tmp_path / "run") == [(step, 0.0) for step in (2, 4, 6, 8, 10, 12)]
    assert last(tmp_path / "run")["global_step"] == 12


def test_data_without_any_spread_are_no_measure(tmp_path):
    (tmp_path / "points.csv").write_text("1,2\n" * 40)
    points_run(tmp_path / "run", 4, "--data.file", str(tmp_path / "points.csv"), "--trainer.log_every_n_steps", "2")
    assert "diversity" not in MetricsCSV(tmp_path / "run").curves()


@pytest.mark.parametrize(
    ("option", "value"),
    [("every_n_steps", "-1"), ("num", "1"), ("saturation", "-1"), ("idle", "-0.1")],
)
def test_impossible_numbers_are_refused(tmp_path, capsys, option, value):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--model", "GAN", *DATA, "--run_dir", str(tmp_path / "run"), f"--trouble.{option}", value])
    assert stop.value.code == 1
    error = " ".join(capsys.readouterr().err.split())
    assert option in error
    assert value in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_two_ranks_warn_once_and_log_the_same(tmp_path):
    options = [*EVERY_2, *ALWAYS_IDLE, *FEW_VALIDATIONS, "--trainer.precision", "64-true", "--model.micro_batches", "1"]
    two = start(fit_args("GAN", tmp_path / "two", 10, *options, "--trainer.devices", "2", "--data.batch_size", "4"))
    out = two.communicate(timeout=280)[0]
    assert two.returncode == 0, out
    assert out.count("Trouble, round 8:") == 2  # the two players, by rank 0
    main(fit_args("GAN", tmp_path / "one", 10, *options))
    assert dict(diversities(tmp_path / "two")) == pytest.approx(dict(diversities(tmp_path / "one")), rel=1e-5)
