"""Chance that belongs to samples, not to processes: what all ranks and all parts of a batch share."""

import torch

from ganzoo.system.draws import Draws


def draws(rows: slice, size: int = 8, key: tuple[int, ...] = (1, 2)) -> Draws:
    return Draws(key, size, rows, torch.device("cpu"), torch.float64)


def test_together_is_the_same_on_all_ranks_and_in_parts_what_the_whole_has():
    whole = draws(slice(0, 8)).together().uniform()
    assert whole.shape == (8,)
    for rank in (0, 1):
        assert torch.equal(draws(slice(rank, 8, 2)).together().uniform(), whole)
        for start in (0, 4):  # a micro-batch: four of the global batch, of which two are this rank's
            part = draws(slice(rank + start, start + 4, 2)).together().uniform()
            assert torch.equal(part, whole[start : start + 4])


def test_together_is_chance_of_its_own():
    one = draws(slice(0, 8))
    first, second, own = one.together().uniform(), one.together().uniform(), one.uniform()
    assert not torch.equal(first, second)
    assert not torch.equal(first, own)
    assert not torch.equal(draws(slice(0, 8), key=(1, 3)).together().uniform(), first)


def test_choose_takes_none_twice_and_the_same_for_all_samples():
    chosen = draws(slice(0, 8)).choose(5, 20)
    assert len(set(chosen.tolist())) == 5
    assert all(0 <= place < 20 for place in chosen.tolist())
    assert torch.equal(draws(slice(1, 8, 2)).choose(5, 20), chosen)
    assert sorted(draws(slice(0, 8)).choose(5, 3).tolist()) == [0, 1, 2]
    one = draws(slice(0, 8))
    assert not torch.equal(one.choose(5, 20), one.choose(5, 20))
    many = torch.cat([draws(slice(0, 8), key=(n,)).choose(2, 10) for n in range(2000)])
    assert torch.allclose(many.bincount() / 4000, torch.full((10,), 0.1), atol=0.02)
