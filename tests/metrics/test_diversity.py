"""Diversity: the variance is the mean over all pairs; and structural similarity of pairs."""

import itertools
from pathlib import Path

import pytest
import torch
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from ganzoo.metrics import MSSSIM, Diversity, PairedLPIPS, PathLength
from ganzoo.networks.frozen import lpips
from ganzoo.system.errors import UserError
from ganzoo.system.files import sha256


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """VGG16's convolutions with weights that nobody trained."""
    path, chance = tmp_path_factory.mktemp("vgg") / "vgg16.pth", torch.Generator().manual_seed(0)
    made = {name: torch.randn(shape, generator=chance) * 0.05 for name, shape in lpips.SHAPES.items()}
    torch.save({f"features.{name}": value for name, value in made.items()}, path)
    return str(path)


def images(n: int, seed: int = 0, size: int = 64, channels: int = 3) -> torch.Tensor:
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


class Pixels:
    """In the place of LPIPS: the squared distance of pixels."""

    def to(self, device):
        return self

    def features(self, x):
        return x.flatten(1)


def test_the_mean_over_all_pairs_is_twice_the_variance():
    x = images(9, size=4)
    pairs = torch.pdist(x.flatten(1).double()).square()
    metric = Diversity()
    metric.distance.append(Pixels())
    for part in x.split(4):
        metric.update(part, real=False)
    assert metric.compute()["lpips_diversity"].item() == pytest.approx(pairs.mean().item())


@pytest.mark.slow  # VGG16 is built
def test_lpips_of_pairs_sets_and_paths(weights):
    x, metric = images(4), Diversity(weights, sha256(Path(weights)))
    for part in x.split(3):
        metric.update(part, real=False)
    distance = metric.distance[0]
    pairs = [distance(x[i : i + 1], x[j : j + 1]).item() for i, j in itertools.combinations(range(4), 2)]

    def diversity(*shown: torch.Tensor) -> float:
        metrics = [Diversity(weights, sha256(Path(weights))) for _ in shown]
        for one, part in zip(metrics, shown, strict=True):
            one.distance.append(distance)
            one.update(part, real=False)
            one.update(x, real=True)  # these are not asked
        for other in metrics[1:]:
            metrics[0].merge_state(other)
        return metrics[0].compute()["lpips_diversity"].item()

    assert metric.compute()["lpips_diversity"].item() == pytest.approx(sum(pairs) / 6, rel=1e-4)
    assert diversity(x[:1].expand(3, -1, -1, -1)) == pytest.approx(0, abs=1e-6)
    assert diversity(x[::2], x[1::2]) == pytest.approx(sum(pairs) / 6, rel=1e-4)  # two ranks
    two_of_each = x.view(2, 2, 3, 64, 64)  # two images with two translations each
    assert diversity(two_of_each) == pytest.approx((pairs[0] + pairs[5]) / 2, rel=1e-4)

    path = PathLength(weights, 0.1, sha256(Path(weights)))
    path.distance.append(distance)
    further = (x + 0.01 * images(4, 1)).clamp(-1, 1)
    for a, b in zip(x.split(3), further.split(3), strict=True):
        path.update_pairs(a, b)
    lengths = sorted((distance(x, further).double() / 0.01).tolist())
    assert path.compute()["ppl"].item() == pytest.approx(sum(lengths) / 4, rel=1e-4)  # of four none is left out
    with pytest.raises(UserError, match="ppl is asked of a model's paths"):
        path.update(x, real=False)


def test_other_weights_are_refused_and_the_recipe_says_which(weights):
    digits = sha256(Path(weights))[:16]
    for metric in (Diversity(weights), PathLength(weights), PairedLPIPS(weights)):
        assert metric.settings()["lpips"] == digits
        with pytest.raises(UserError, match=f"has the checksum {digits}, and torchvision's vgg16.* has 397923af"):
            metric.prepare()


def test_without_weights_the_remedy_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    for metric in (Diversity(), PathLength()):
        with pytest.raises(UserError, match=r"LPIPS needs torchvision's file vgg16-397923af.pth.*`weights`"):
            metric.prepare()
    with pytest.raises(UserError, match="lpips has seen 0 generated images: it needs 2 or more"):
        Diversity().compute()


# MS-SSIM ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "scales"), [(11, 1), (21, 1), (22, 2), (64, 3), (175, 4), (176, 5)])
def test_small_images_have_fewer_scales(size, scales):
    metric = MSSSIM()
    metric.update(images(2, size=size, channels=1), real=False)
    assert 0 <= metric.compute()["msssim"] <= 1
    assert metric.settings() == {"pairs": 200, "scales": scales}


def test_msssim_of_pairs_in_turn():
    x = (0.6 * images(6, size=176) + 0.4 * torch.linspace(-1, 1, 176)).clamp(-1, 1)
    metric = MSSSIM(pairs=2)
    for part in x.split(1):
        metric.update(part, real=False)
    levels = (x + 1).mul(127.5).round() / 255
    expected = multiscale_structural_similarity_index_measure(levels[[0, 2]], levels[[1, 3]], data_range=1.0)
    assert metric.compute()["msssim"].item() == pytest.approx(expected.item(), rel=1e-4)
    same = MSSSIM()
    same.update(x[:1].expand(4, -1, -1, -1), real=False)
    assert same.compute()["msssim"].item() == pytest.approx(1)
    assert expected < 0.9


def test_what_msssim_can_not_look_at():
    with pytest.raises(UserError, match="msssim has seen 0 generated images"):
        MSSSIM().compute()
    with pytest.raises(UserError, match="images of 11 px or more, not of 8"):
        MSSSIM().update(images(2, size=8), real=False)


def test_points_are_refused_in_a_sentence():
    with pytest.raises(UserError, match="judges images"):
        MSSSIM().update(torch.zeros(4, 2), real=False)
