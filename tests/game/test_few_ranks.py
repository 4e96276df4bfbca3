"""Means over the ranks inside a loss, and buffers of each kind, on two real ranks and on three."""

import subprocess
import sys
from pathlib import Path

import few_ranks
import pytest
import torch
from conftest import assert_equal, environment
from few_ranks import ROUNDS

LOCAL = ("discriminator.last", "mine")
SHARED = ("discriminator.total", "discriminator.unsaid", "seen")


@pytest.fixture(scope="module", params=[pytest.param(2, marks=pytest.mark.slow), 3])  # test_ranks.py has two
def several(request, tmp_path_factory) -> tuple[Path, int]:
    """Where the runs on several ranks are, and on how many."""
    folder = tmp_path_factory.mktemp("several")
    command = [sys.executable, str(Path(few_ranks.__file__)), str(folder), str(request.param)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, request.param


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """Where the same runs on one rank are."""
    folder = tmp_path_factory.mktemp("alone")
    few_ranks.main(folder, 1)
    return folder


def state(folder: Path, name: str, rank: int = 0) -> dict[str, torch.Tensor]:
    return torch.load(folder / f"{name}-{rank}.pt", weights_only=True)


def without_local(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if name not in LOCAL}


@pytest.mark.parametrize("name", ["run-end", "more-end"])
def test_they_play_the_game_of_one(several, alone, name):
    """A loss that is no mean over samples has the whole batch's gradient; what each rank has seen is averaged."""
    folder, ranks = several
    whole = state(alone, name)
    assert any(name.startswith("ema.") for name in whole)
    for rank in range(ranks):
        torch.testing.assert_close(
            without_local(state(folder, name, rank)), without_local(whole), rtol=1e-11, atol=1e-12
        )
    for buffer in SHARED:
        assert whole[buffer].abs().min() > 1e-3
    steps = state(alone, "run-end")["generator.out.weight"] - state(alone, "run-start")["generator.out.weight"]
    assert steps.abs().max() > 1e-3


def test_all_ranks_are_the_same_to_the_bit_but_for_what_is_their_own(several):
    folder, ranks = several
    first = without_local(state(folder, "run-end"))
    for rank in range(1, ranks):
        assert_equal(without_local(state(folder, "run-end", rank)), first, f"rank {rank}")


def test_a_constant_is_not_touched(several):
    folder, ranks = several
    for rank in range(ranks):
        before, after = (state(folder, f"run-{when}", rank)["discriminator.filter"] for when in ("start", "end"))
        assert torch.equal(before, after)
        assert state(folder, "run-end", rank)["discriminator.count"] == 2 * ROUNDS


def test_each_rank_has_its_own_local_buffers_again_after_a_resume(several, alone):
    folder, ranks = several
    assert torch.equal(state(folder, "run-end")["mine"], state(alone, "run-end")["mine"])  # of the first sample
    for buffer in LOCAL:
        ends = [state(folder, "run-end", rank)[buffer] for rank in range(ranks)]
        assert len({tuple(end.tolist()) for end in ends}) == ranks
        kept = torch.load(folder / "run.ckpt", weights_only=True)["ganzoo"]["local_buffers"][buffer]
        assert torch.equal(kept, torch.stack(ends))
        for rank in range(ranks):
            assert torch.equal(state(folder, "more-start", rank)[buffer], ends[rank])


def test_another_number_of_ranks_takes_what_there_is(several, tmp_path):
    folder, _ = several
    few_ranks.play(tmp_path, 1, "one", ROUNDS + 1, folder / "run.ckpt")
    for buffer in LOCAL:
        assert torch.equal(state(tmp_path, "one-start")[buffer], state(folder, "run-end")[buffer])
