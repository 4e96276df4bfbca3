"""The image pool by the authors' rule."""

import random

import pytest
import torch

from ganzoo.game.image_pool import ImagePool
from ganzoo.system.buffers import buffers_of


def image(value: float) -> torch.Tensor:
    return torch.full((1, 2, 2), value)


SHAPE = (1, 2, 2)


def values(images: torch.Tensor) -> list[float]:
    return images[:, 0, 0, 0].tolist()


def kept(pool: ImagePool) -> list[float]:
    return values(pool.images[: int(pool.count)])


def exchange(pool: ImagePool, new: list[float], coins: list[float], places: list[int]) -> list[float]:
    images = torch.stack([image(value) for value in new])
    return values(pool.exchange(images, coins, places))


def test_a_sequence_by_hand():
    pool = ImagePool(3, SHAPE)
    assert exchange(pool, [1, 2], [0.9, 0.9], [0, 0]) == [1, 2]  # not full: as they are, whatever the coin
    assert kept(pool) == [1, 2]
    # 3 fills it; 4 is exchanged for the one in place 0; 5 is shown and not kept; 6 for the one in place 0, which is 4
    assert exchange(pool, [3, 4, 5, 6], [0.9, 0.5, 0.49, 0.7], [2, 0, 1, 0]) == [3, 1, 5, 4]
    assert kept(pool) == [6, 2, 3]


def test_it_keeps_copies():
    pool, new = ImagePool(2, SHAPE), torch.ones(2, *SHAPE)
    pool.exchange(new, [0, 0], [0, 0])
    new.zero_()
    assert kept(pool) == [1, 1]


def test_about_half_are_older():
    pool, rng = ImagePool(50, SHAPE), torch.Generator().manual_seed(0)
    shown = []
    for value in range(4000):
        coin, place = torch.rand(1, generator=rng).tolist(), torch.randint(50, (1,), generator=rng).tolist()
        shown.append(pool.exchange(image(value)[None], coin, place)[0, 0, 0, 0].item() == value)
    assert all(shown[:50])
    assert 0.47 < sum(shown[50:]) / 3950 < 0.53


def test_what_it_kept_can_be_loaded():
    pool, again = ImagePool(3, SHAPE), ImagePool(3, SHAPE)
    assert kept(again) == []
    exchange(pool, [1, 2], [0, 0], [0, 0])
    again.load_state_dict(pool.state_dict())
    assert exchange(again, [3, 4], [0, 0.6], [0, 1]) == [3, 2]
    assert kept(pool) == [1, 2]  # it has images of its own
    again.load_state_dict(ImagePool(3, SHAPE).state_dict())
    assert kept(again) == []
    assert exchange(again, [5], [0.9], [0]) == [5]


def test_no_rank_averages_it():
    pool = ImagePool(3, SHAPE)
    assert set(buffers_of(pool, "constant")) == {"images", "count"}
    assert not buffers_of(pool, "shared")


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_it_as_one_process_has_it(world):
    """Each rank is shown its own part, copies no more than that, and ends with the same pool."""
    rng, new = random.Random(0), iter(range(1, 1000))
    one, ranks = ImagePool(5, SHAPE), [ImagePool(5, SHAPE) for _ in range(world)]
    for _ in range(20):
        images = torch.stack([image(next(new)) for _ in range(4 * world)])  # in the order of the global batch
        coins, places = [rng.random() for _ in images], [rng.randrange(5) for _ in images]
        whole = one.exchange(images, coins, places)
        by_rank = torch.cat([images[rank::world] for rank in range(world)])
        for rank, pool in enumerate(ranks):
            assert torch.equal(pool.exchange(by_rank, coins, places, rank, world), whole[rank::world])
            assert kept(pool) == kept(one)


def test_it_does_as_a_pool_of_one_image_after_the_other():
    """The rule of section 4, image by image, on random coins."""
    rng, pool, slow, number = random.Random(1), ImagePool(4, SHAPE), [], 0
    for _ in range(30):
        new, wanted = [float(number := number + 1) for _ in range(6)], []
        coins, places = [rng.random() for _ in new], [rng.randrange(4) for _ in new]
        for value, coin, place in zip(new, coins, places, strict=True):
            if len(slow) < 4:
                slow.append(value)
            elif coin >= 0.5:
                slow[place], value = value, slow[place]
            wanted.append(value)
        assert exchange(pool, new, coins, places) == wanted
        assert kept(pool) == slow
