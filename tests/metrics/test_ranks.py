"""Two processes score as one does, and nobody waits for ever for a rank that had no batch."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from ganzoo.metrics import FID, MMD, MSSSIM, PRDC, AccuracyScore, ClassFID, InceptionScore, SlicedWassersteinDistance

from .features import Given, normal

REAL, FAKE = normal(0, 60), normal(1, 50, shift=0.3)
IMAGES = torch.rand(50, 1, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1


def metrics():
    of_features = [FID(Given()), PRDC(Given()), InceptionScore(Given(), splits=2), MMD(), SlicedWassersteinDistance()]
    return [*of_features, ClassFID(Given())], [MSSSIM(), AccuracyScore()]


def judged(reals: torch.Tensor, fakes: torch.Tensor) -> dict[str, float]:
    """The scores of all metrics, shown these rows."""
    of_features, of_images = metrics()
    for metric in of_features:
        for x, rows, is_real in ((REAL, reals, True), (FAKE, fakes, False)):
            if len(rows):
                metric.update(x[rows], real=is_real, label=rows % 2)
    for metric in of_images:
        for is_real in (True, False):
            if len(fakes):
                metric.update(IMAGES[fakes], real=is_real, label=fakes % 2)
    return {name: float(value) for metric in (*of_features, *of_images) for name, value in metric.compute().items()}


def judge_as_rank(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
    taking_turns = judged(torch.arange(rank, 60, 2), torch.arange(rank, 50, 2))
    all_on_one = judged(*(torch.arange(n if rank == 0 else 0) for n in (60, 50)))
    torch.save((taking_turns, all_on_one), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow  # two processes that import torch
def test_ranks_are_one_even_if_one_had_no_batch(tmp_path: Path):
    mp.spawn(judge_as_rank, (str(tmp_path),), nprocs=2)
    alone = judged(torch.arange(60), torch.arange(50))
    for rank in (0, 1):
        taking_turns, all_on_one = torch.load(tmp_path / f"{rank}.pt")
        assert taking_turns == pytest.approx(alone, rel=1e-4, nan_ok=True)  # kid_std of so few is none
        del all_on_one["msssim"]  # which images make its pairs is said by their numbers, which ranks share in turn
        assert all_on_one == pytest.approx({name: alone[name] for name in all_on_one}, rel=1e-4, nan_ok=True)
