import importlib
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from conftest import environment
from torch import Tensor

from ganzoo.data.base.sets import TensorSet
from ganzoo.data.base.streams import Stream
from ganzoo.data.base.tensors import resize
from ganzoo.system.draws import Draws

BENCHMARKS = Path(__file__).parent.parent / "experiments" / "benchmarks"


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("step")


def test_all_loops_play_the_same_game(step: ModuleType) -> None:
    case, seed, rounds = step.CASES["tiny"], 3, 5
    images = TensorSet(image=resize(step.pictures(case), case.shape[-1]))

    def batches() -> Iterator[Tensor]:
        for rows in Stream(images, step.BATCH, lambda: 0, seed):
            yield images[rows]["image"] / 127.5 - 1

    def noise() -> Iterator[Tensor]:
        for number, move in itertools.product(range(rounds), range(2)):
            draws = Draws((seed, number, move, 0), range(step.BATCH), torch.device("cpu"), torch.float32)
            yield draws.normal(step.LATENT_DIM)

    model = step.ganzoo(case, seed, rounds, [])
    start = case.networks(seed)
    for loop in (step.plain, step.bare):
        networks = case.networks(seed)
        play = loop(*networks, batches(), noise().__next__)
        for _ in range(rounds):
            play()
        for mine, network, before in zip((model.generator, model.discriminator), networks, start, strict=True):
            pairs = zip(mine.parameters(), network.parameters(), before.parameters(), strict=True)
            for a, b, first in pairs:
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
                assert not torch.equal(b, first)


def test_step_reports_every_loop(step: ModuleType, tmp_path: Path) -> None:
    out = tmp_path / "step.md"
    step.main(["--quick", "--threads", "1", "--cases", "tiny", "--settings", "--lightning", "--out", str(out)])
    row = out.read_text().splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[0] == step.CASES["tiny"].name
    assert all(float(cell.split()[0]) > 0 for cell in cells[1:4])


def test_memory_of_a_loop(step: ModuleType) -> None:
    memory = importlib.import_module("memory")
    seen = memory.train("bare", "tiny", 10, 0)
    assert seen["late"] > seen["early"] / 2 > 0


def test_translations_are_measured_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    translated = importlib.import_module("translated")
    ramp = torch.linspace(-1, 1, 5).expand(2, 3, 5, 5)  # steps of 1/2 along one side, none along the other
    assert translated.energy(ramp) == pytest.approx(0.25 / 2)
    moved = ramp.clone()
    moved[:, 0] += 0.3  # one channel of three
    moved[0, 1] = moved[0, 1].flip(1)  # another form of the same mean colour
    assert translated.colour(ramp, moved) == pytest.approx(0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("loop", ["plain", "ganzoo", "cut"])
def test_a_loop_alone_tells_its_memory_and_time(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    translation = importlib.import_module("translation")
    monkeypatch.setattr(translation, "SHAPE", (3, 64, 64))
    monkeypatch.setenv(translation.NVML_CHECK, "0")
    monkeypatch.setattr(translation, "resident", lambda name="VmRSS": {"VmRSS": 100.0, "VmHWM": 130.0}[name])
    used, took = translation.alone(loop, width=4, rounds=2)
    assert used == 30
    assert took > 0


def test_the_plain_stylegan2_is_ganzoos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    benchmark = importlib.import_module("stylegan2")
    own = benchmark.model(8, 0.25)
    own.shape = (3, benchmark.SIDE, benchmark.SIDE)
    own.configure_model()
    generator, discriminator = benchmark.rivals(8, 0.25)
    benchmark.copied(generator, own.generator)
    benchmark.copied(discriminator, own.discriminator)
    z = torch.randn(4, own.latent_dim, generator=torch.Generator().manual_seed(0))
    ws = generator.w(z)[:, None].repeat(1, generator.num_ws, 1)
    made, expected = generator.images(ws), own.generator(z)  # noise has the strength 0 yet
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(discriminator(made), own.discriminator(expected), rtol=1e-4, atol=1e-4)


def test_framework_cost_is_taken_against_a_bare_loop_in_lightning(step: ModuleType) -> None:
    (row,) = step.own_cost(["tiny"], 2, True, 0)
    assert all(float(cell.split()[0]) > 0 for cell in row[1:4])
    network = step.Bare(step.CASES["tiny"], 3).discriminator
    for mine, other in zip(network.parameters(), step.CASES["tiny"].networks(3)[1].parameters(), strict=True):
        assert torch.equal(mine, other)


def test_checkpoints_and_gpu_report(step: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.md"
    importlib.import_module("checkpoints").main(["--quick", "--threads", "1", "--cases", "tiny", "--out", str(out)])
    cells = [cell.strip() for cell in out.read_text().splitlines()[-1].strip("|").split("|")]
    assert all(float(cell.split()[0]) > 0 for cell in cells[1:])
    gpu = importlib.import_module("gpu")
    gpu.main(["--quick", "--device", "cpu", "--cases", "tiny", "--out", str(out)])
    rows = [line for line in out.read_text().splitlines() if line.startswith(f"| {step.CASES['tiny'].name}")]
    assert len(rows) == 4
    assert all(float(row.split("|")[5].replace(",", "")) > 0 and "not known" in row for row in rows)
    if not torch.cuda.is_available():
        capsys.readouterr()
        gpu.main([])
        assert capsys.readouterr().out == "gpu.py: there is no GPU of CUDA here, so there are no figures.\n"


@pytest.mark.slow
def test_a_rank_sends_the_gradients_of_the_mover_alone() -> None:
    """Half of what DDP sends, which reduces both players in each move."""
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "ranks.py"), "--wire"], capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"ganzoo ([\d,]+), plain ([\d,]+): ([\d.]+); weights ([\d,]+)$", done.stdout.strip())
    assert found is not None, done.stdout
    ours, plain, weights = (int(found[i].replace(",", "")) for i in (1, 2, 4))
    assert weights <= ours <= 1.1 * weights
    assert plain == 2 * weights


@pytest.mark.slow
def test_judging_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    out = tmp_path / "judging.md"
    importlib.import_module("judging").main(["--quick", "--turns", "1", "--threads", "1", "--out", str(out)])
    assert out.read_text().count("**") == 10  # five tables
    assert out.read_text().strip().endswith("50 and 0 |")  # the second validation looked at no real image


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    ["stylegan2.py --only plain --quick", "penalties.py --quick", "translation.py step --width 4 --turns 1 --rounds 1"],
)
def test_loops_take_turns(command: str) -> None:
    script, *args = command.split()
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *args, "--threads", "1"],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_share_of_a_round_that_batches_take_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "data.md"
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "data.py"), "--quick", "--threads", "1", "--out", str(out)],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"spent on a batch, prepared, no workers \| ([\d.]+)%", out.read_text())
    assert found is not None
    assert 0 < float(found[1]) < 100
