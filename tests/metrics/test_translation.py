"""How good translations are: against formulas written out by hand."""

import pytest
import torch
from torchmetrics.image import StructuralSimilarityIndexMeasure

from ganzoo.metrics import CycleDistance, OfDomain, PairScores, SlicedWassersteinDistance


def images(seed: int, n: int = 6, side: int = 16) -> torch.Tensor:
    return 2 * torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed)) - 1


def test_pairs_by_hand():
    fake, target = images(0), images(1)
    metric = PairScores()
    for part in (slice(0, 4), slice(4, 6)):
        metric.update({"AtoB": fake[part], "b": target[part]}, real=True)
        metric.update({"AtoB": fake[part], "b": target[part]}, real=False)
    scores = metric.compute()
    assert list(scores) == ["l1", "psnr", "ssim"] == list(metric.scores)
    assert float(scores["l1"]) == pytest.approx(float((fake - target).abs().mean()), rel=1e-6)
    psnr = [10 * torch.log10(2.0**2 / (f - t).square().mean()) for f, t in zip(fake, target, strict=True)]
    assert float(scores["psnr"]) == pytest.approx(float(sum(psnr)) / 6, rel=1e-6)
    reference = StructuralSimilarityIndexMeasure(data_range=1.0)
    assert float(scores["ssim"]) == pytest.approx(float(reference((fake + 1) / 2, (target + 1) / 2)), rel=1e-5)


def test_equal_images_are_alike():
    x = images(0)
    metric = PairScores()
    metric.update({"AtoB": x, "b": x.clone()}, real=False)
    scores = metric.compute()
    assert float(scores["l1"]) == 0
    assert float(scores["psnr"]) == pytest.approx(100)  # and no mean of it is infinite
    assert float(scores["ssim"]) == pytest.approx(1)


def test_a_reset_forgets():
    metric = PairScores()
    metric.update({"AtoB": images(0), "b": images(1)}, real=False)
    metric.compute()
    metric.reset()
    metric.update({"AtoB": images(2), "b": images(3)}, real=False)
    assert float(metric.compute()["l1"]) == pytest.approx(float((images(2) - images(3)).abs().mean()), rel=1e-6)


def test_cycles_by_hand():
    metric = CycleDistance({"a": "AtoBtoA", "b": "BtoAtoB"})
    given = {"a": images(0), "AtoBtoA": images(1), "b": images(2), "BtoAtoB": images(3)}
    metric.update(given, real=False)
    scores = metric.compute()
    assert float(scores["cycle_a"]) == pytest.approx(float((images(0) - images(1)).abs().mean()), rel=1e-6)
    assert float(scores["cycle_b"]) == pytest.approx(float((images(2) - images(3)).abs().mean()), rel=1e-6)


@pytest.mark.parametrize(("domain", "made"), [("a", "BtoA"), ("b", "AtoB")])
def test_a_domains_metric_compares_what_was_made_for_it_with_its_own_images(domain, made):
    given = {"a": images(0), "b": images(1), "AtoB": images(2), "BtoA": images(3)}
    metric, alone = OfDomain(SlicedWassersteinDistance(), domain, made), SlicedWassersteinDistance()
    metric.update(given, real=True)
    metric.update(given, real=False)
    alone.update(given[domain], real=True)
    alone.update(given[made], real=False)
    assert metric.scores == {f"swd_{domain}": False}
    assert metric.compute() == {f"swd_{domain}": alone.compute()["swd"]}
    metric.reset()  # the real ones are kept
    metric.update({**given, made: given[domain]}, real=False)
    assert float(metric.compute()[f"swd_{domain}"]) == pytest.approx(0, abs=1e-6)
    metric.forget()
    metric.update(given, real=False)
    with pytest.raises(ValueError, match="0 batches of real"):
        metric.compute()


class Absolute:
    """In the place of LPIPS."""

    def to(self, device):
        return self

    def __call__(self, a, b):
        return (a - b).abs().mean((1, 2, 3))


def test_lpips_of_pairs_is_the_mean_over_the_images():
    from ganzoo.metrics import PairedLPIPS

    made, target = torch.rand(5, 3, 8, 8), torch.rand(5, 3, 8, 8)
    metric = PairedLPIPS()
    metric.distance.append(Absolute())
    for rows in torch.arange(5).split(3):
        metric.update({"AtoB": made[rows], "b": target[rows]}, real=True)
        metric.update({"AtoB": made[rows], "b": target[rows]}, real=False)
    assert metric.compute()["lpips"].item() == pytest.approx((made - target).abs().mean().item(), rel=1e-5)
