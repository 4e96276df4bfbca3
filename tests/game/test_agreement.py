"""The sums by which ranks are compared: what they see."""

import pytest
import torch
import torch.distributed as dist

from ganzoo.game.agreement import same_everywhere, sums

CPU = torch.device("cpu")
KINDS = [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool]


@pytest.mark.parametrize("dtype", KINDS)
def test_any_bit_is_seen(dtype):
    x = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0)).mul(3).to(dtype)
    size = x.element_size()
    for memory in (torch.contiguous_format, torch.channels_last):
        a = x.clone(memory_format=memory)
        for bit in range(1 if dtype == torch.bool else 8 * size):
            b = x.clone()
            b.view(torch.uint8).flatten()[7 * size + bit // 8] ^= 1 << bit % 8
            assert sums([a, b], CPU)[0] != sums([a, b], CPU)[1], bit
        assert sums([a], CPU) == sums([x], CPU)  # how it lies in memory is no part of it


def test_signs_of_zero_and_nothing():
    plus, minus = torch.zeros(2), torch.tensor([0.0, -0.0])
    found = sums([plus, minus, torch.zeros(0), torch.zeros(()), torch.zeros(2, dtype=torch.complex64)], CPU)
    assert found.tolist() == [0, -(2**31), 0, 0, 0]


@pytest.mark.parametrize("other", [[5, -7, 2**62], [5, -7, -(2**62)], [4, -7, 2**62], [6, 7, 2**62]])
def test_one_reduction_tells_where_any_rank_is_another(other, monkeypatch):
    """The largest of x and of ~x over the ranks: no rank need know the others' sums."""
    own, theirs = torch.tensor([5, -7, 2**62]), torch.tensor(other)

    def all_reduce(values, op):
        assert op == dist.ReduceOp.MAX
        values.copy_(torch.maximum(values, torch.stack([theirs, ~theirs])))

    monkeypatch.setattr(dist, "all_reduce", all_reduce)
    assert torch.equal(same_everywhere(own), own == theirs)
