"""Copies are found, and what is new is not taken for a copy."""

import copy

import pytest
import scipy.stats
import torch
from fakes import Means

from ganzoo.data.base.sets import TensorSet
from ganzoo.metrics import Memorization
from ganzoo.metrics.memorization import mann_whitney
from ganzoo.networks.frozen import Samples
from ganzoo.system.errors import UserError

from .features import normal


class Images:
    """Training images by number."""

    def __init__(self, image: torch.Tensor) -> None:
        self.image = image

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"image": self.image[rows]}


def images(seed: int, n: int) -> torch.Tensor:
    return normal(seed, n, 16, scale=0.3).clamp(-1, 1).view(n, 1, 4, 4)


TRAIN, HELD_OUT = images(0, 400), images(1, 100)


def judged(fake: torch.Tensor, **options) -> tuple[dict[str, float], Memorization]:
    metric = Memorization(Samples(), Images(TRAIN), **options)
    for part in HELD_OUT.split(64):
        metric.update(part, real=True)
    for part in fake.split(50):
        metric.update(part, real=False)
    return {name.removesuffix("_samples"): float(value) for name, value in metric.compute().items()}, metric


def test_new_samples_are_as_near_to_both_whatever_their_numbers():
    found, _ = judged(images(2, 2000))
    assert found["memorized"] == pytest.approx(0.5, abs=0.06)
    assert abs(found["c_t"]) < 3
    assert 0.5 < found["authentic"] < 0.9


def test_the_settings_say_which_training_images():
    metric = Memorization(Samples(), TensorSet(image=TRAIN.add(1).mul(127.5).byte()))
    metric.prepare()
    assert metric.settings() == {"train": 400, "train_checksum": metric.trained_on.images.checksum()}
    assert len(metric.settings()["train_checksum"]) == 16
    assert judged(TRAIN)[1].settings() == {"train": 400, "train_checksum": None}  # a set of one's own


def test_copies_are_found_even_if_they_are_not_exact():
    exact, _ = judged(TRAIN[:200])
    assert exact["memorized"] == 1
    assert exact["authentic"] == 0
    assert exact["c_t"] < -10
    near, _ = judged(TRAIN[:200] + 0.02 * images(3, 200))
    assert near["memorized"] > 0.99
    assert near["authentic"] < 0.01


def test_a_fifth_of_copies_is_seen():
    """Of 400 training and 100 held-out images 80 % of new samples are nearest to training images: (4 : 1) / (4 : 1)."""
    found, _ = judged(torch.cat([images(2, 800), TRAIN[:200]]))
    expected = (0.8 * 0.8 + 0.2) / 400 / ((0.8 * 0.8 + 0.2) / 400 + 0.8 * 0.2 / 100)
    assert found["memorized"] == pytest.approx(expected, abs=0.04)
    assert expected > 0.55


def test_the_scores_by_hand():
    """On a line, in sixteenths, as images are at most 1: training images at 0 and 1, held-out ones at 10 and 11."""
    line = torch.tensor([[0.0], [1.0], [10.0], [11.0], [0.1], [0.4], [4.0], [9.0]]).view(-1, 1, 1, 1) / 16
    metric = Memorization(Samples(), Images(line[:2]))
    metric.update(line[2:4], real=True)
    metric.update(line[4:], real=False)
    found = {name: float(value) for name, value in metric.compute().items()}
    assert found["memorized_samples"] == pytest.approx(3 / 4)  # all but 9
    assert found["authentic_samples"] == pytest.approx(2 / 4)  # 4 and 9 are farther from 1 than 0 is
    u = 0  # no sample is farther from the training images than a held-out one
    assert found["c_t_samples"] == pytest.approx((u - 4) / (4 * 2 * 7 / 12) ** 0.5)


def test_the_statistic_is_scipys():
    x, y = (normal(seed, n, 1).flatten().round(decimals=1) for seed, n in ((0, 40), (1, 30)))  # with ties
    u = scipy.stats.mannwhitneyu(x, y).statistic
    assert mann_whitney(x, y).item() == pytest.approx((u - 40 * 30 / 2) / (40 * 30 * 71 / 12) ** 0.5)


def test_the_closest_are_kept_to_be_looked_at():
    fake = images(4, 120)
    fake[[7, 90]] = TRAIN[[33, 5]]
    _, metric = judged(fake, num_closest=3)
    closest = metric.closest()
    assert {c.row for c in closest[:2]} == {33, 5}
    assert len(closest) == 3
    for one in closest[:2]:
        assert one.distance == pytest.approx(0, abs=1e-3)
        assert one.generated.dtype == torch.uint8
        levels = TRAIN[one.row].add(1).mul(127.5).round().byte()
        assert torch.equal(one.generated, levels)
        assert torch.equal(one.training, levels)
    distances = torch.cdist(fake.flatten(1).double(), TRAIN.flatten(1).double())
    assert closest[2].distance == pytest.approx(distances.amin(1).sort().values[2].item(), rel=1e-3)


def test_ranks_are_one():
    fake = images(2, 90)
    ranks = [Memorization(Samples(), Images(TRAIN)) for _ in range(2)]
    for rank, metric in enumerate(ranks):
        metric.update(HELD_OUT[rank::2], real=True)
        metric.update(fake[rank::2], real=False)
    ranks[0].merge_state(ranks[1])
    expected, alone = judged(fake)
    found = {name.removesuffix("_samples"): float(value) for name, value in ranks[0].compute().items()}
    assert found == pytest.approx(expected)
    assert [c.row for c in ranks[0].closest()] == [c.row for c in alone.closest()]


def test_training_images_are_looked_at_once_and_stay():
    looks = []

    class Watched(Images):
        def __getitem__(self, rows):
            looks.append(len(rows))
            return super().__getitem__(rows)

    metric = Memorization(Samples(), Watched(TRAIN))
    metric.prepare()
    metric.update(HELD_OUT, real=True)
    for _ in range(2):
        metric.update(images(2, 20), real=False)
        metric.compute()
        metric.reset()
    assert sum(looks) == 1 + len(TRAIN) + 2 * 10  # first a look at what there is; the ten kept, each time
    assert copy.deepcopy(metric).trained_on.images is metric.trained_on.images


def test_the_training_images_are_looked_at_once_by_all_processes(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    seen, forward = [], Means.forward
    monkeypatch.setattr(Means, "forward", lambda self, x: seen.append(len(x)) or forward(self, x))
    train = TRAIN.add(1).mul(127.5).byte()

    def known(images, extractor):
        seen.clear()
        metric = Memorization(extractor, TensorSet(image=images))
        metric.prepare()
        return metric.known + metric.middle, sum(seen)

    first, looked = known(train, Means())
    assert looked == 400
    again, looked = known(train, Means())
    assert looked == 0
    torch.testing.assert_close(again, first)
    changed = train.clone()
    changed[7, 0, 0, 0] ^= 1
    assert known(changed, Means())[1] == 400


def test_without_training_images_it_is_refused():
    with pytest.raises(UserError, match="memorization needs 2 training images or more"):
        Memorization(Samples()).update(HELD_OUT, real=True)


def test_pairs_are_refused_in_a_sentence():
    pairs = TensorSet(a=torch.zeros(3, 1, 8, 8), b=torch.zeros(3, 1, 8, 8))
    with pytest.raises(UserError, match="single images"):
        Memorization(Samples(), train=pairs).prepare()
