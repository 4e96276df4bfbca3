"""FID and KID against their formulas, written out by hand."""

import math
from urllib.error import URLError

import numpy as np
import pytest
import scipy.linalg
import torch
from fakes import Means

from ganzoo.data import Toy2D
from ganzoo.metrics import FID, Inception, OfDomain, PairScores, kernel
from ganzoo.models import CycleGAN, Pix2Pix
from ganzoo.networks.frozen import Samples, inception
from ganzoo.system.errors import UserError
from ganzoo.system.files import sha256


def images(seed: int, n: int = 40, channels: int = 3, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    colour = torch.randn(n, channels, 1, 1, generator=generator) * 0.3 + shift
    return (colour + 0.2 * torch.randn(n, channels, 8, 8, generator=generator)).clamp(-1, 1)


def features(x: torch.Tensor) -> np.ndarray:
    levels = ((x + 1) * 127.5).round().byte().expand(-1, 3, -1, -1)
    return Means()(levels).double().numpy()


def measured(real: torch.Tensor, fake: torch.Tensor) -> dict[str, float]:
    metric = FID(Means())
    for x, is_real in ((real, True), (fake, False)):
        for part in x.split(16):
            metric.update(part, real=is_real)
    return {name: float(value) for name, value in metric.compute().items()}


def test_fid_is_equation_6_and_kid_the_unbiased_discrepancy():
    real, fake = images(0), images(1, n=30, shift=0.2)
    x, y = features(real), features(fake)
    root = scipy.linalg.sqrtm(np.cov(x.T) @ np.cov(y.T)).real
    fid = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(np.cov(x.T) + np.cov(y.T) - 2 * root)
    scores = measured(real, fake)
    assert scores["fid_means"] == pytest.approx(fid, rel=1e-4)

    kid = measured(real[:30], fake)["kid_means"]  # equal numbers: every subset is all of both
    x, n = x[:30], 30
    k_xx, k_yy, k_xy = ((a @ b.T / 6 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    within = sum((k.sum() - np.trace(k)) / (n * (n - 1)) for k in (k_xx, k_yy))
    assert kid == pytest.approx(within - 2 * k_xy.mean(), rel=1e-3)


def test_equal_sets_are_at_0_and_the_figures_are_the_same_each_time():
    x, before = images(0), torch.get_rng_state()
    assert measured(x, x.clone())["fid_means"] == pytest.approx(0, abs=1e-4)
    assert measured(x, images(1, n=30)) == pytest.approx(
        measured(x, images(1, n=30)), nan_ok=True
    )  # KID's subsets are drawn
    assert torch.equal(torch.get_rng_state(), before)


def test_the_deviation_of_kid_is_unknown_where_a_set_is_the_subset(monkeypatch):
    metric = FID(Means())
    metric.update(images(0), real=True)
    metric.update(images(1, n=30), real=False)
    assert math.isnan(metric.compute()["kid_std_means"])
    assert metric.settings()["subset_size"] == 30
    monkeypatch.setattr(kernel, "SIZE", 20)
    assert measured(images(0), images(1, n=30))["kid_std_means"] > 0


def test_samples_as_they_are_need_no_data_that_know_their_size():
    metric = FID(Samples())
    for is_real, seed in ((True, 0), (False, 1)):
        metric.update(images(seed), real=is_real)
    assert metric.compute()["fid_samples"] > 0


def test_grey_images_are_grey_rgb():
    real, fake = images(0, channels=1), images(1, channels=1, shift=0.2)
    grey, colour = measured(real, fake), measured(real.expand(-1, 3, -1, -1), fake.expand(-1, 3, -1, -1))
    assert grey == pytest.approx(colour, nan_ok=True)


def test_a_reset_keeps_the_real_ones_and_forget_does_not():
    metric, real = FID(Means()), images(0)
    metric.update(real, real=True)
    metric.update(images(1), real=False)
    metric.compute()
    metric.reset()
    metric.update(images(2, shift=0.2), real=False)
    found = {k: float(v) for k, v in metric.compute().items()}
    assert found == pytest.approx(measured(real, images(2, shift=0.2)), nan_ok=True)
    metric.forget()
    metric.update(images(2), real=False)
    with pytest.raises(UserError, match="0 real and 40 generated"):
        metric.compute()


def test_the_recipe_says_how_many_images_and_whose_network():
    metric = FID(Means())
    metric.update(images(0), real=True)
    metric.update(images(1, n=30), real=False)
    metric.compute()
    recipe = metric.recipe()
    assert recipe.startswith("30 generated against 40 real images by means and spreads; so few bias FID upwards")


def test_what_can_not_be_judged_is_refused():
    with pytest.raises(UserError, match=r"images of 1 or 3 channels.*not at samples of \(2,\)"):
        FID(Means()).update(torch.zeros(5, 2), real=True)

    class Broken(Means):
        def forward(self, images):
            return super().forward(images) * float("nan")

    with pytest.raises(ValueError, match="features of generated images hold NaN or infinity"):
        FID(Broken()).update(images(0), real=False)


def test_models_are_judged_by_it_where_it_is_asked_for():
    asked = FID(Means())
    paired, unpaired = (model(shapes={d: (3, 16, 16) for d in "ab"}) for model in (Pix2Pix, CycleGAN))
    data = Toy2D(extra_metrics=[asked])
    of_pairs = paired.new_metrics(data)
    assert [type(m) for m in of_pairs] == [PairScores, OfDomain]
    assert list(of_pairs[1].scores) == ["fid_means_b", "kid_means_b", "kid_std_means_b"]
    names = [name for metric in unpaired.new_metrics(data) for name in metric.scores]
    assert [n for n in names if "fid" in n] == ["fid_means_b", "fid_means_a"]
    assert of_pairs[1].metric is not asked  # each has counts of its own


# Inception --------------------------------------------------------------------------------------------------------


@pytest.fixture
def fidelity(monkeypatch):
    inception.inception.cache_clear()
    yield pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    inception.inception.cache_clear()


def test_inception_takes_its_weights_from_a_file(fidelity, tmp_path, monkeypatch):
    """The layout is torch-fidelity's; the weights are random, for the real ones are a download."""
    with monkeypatch.context() as patch:
        patch.setattr(fidelity, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *_: None)
        torch.manual_seed(0)
        network = fidelity.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    metric = FID(Inception(str(path), sha256=sha256(path)))
    metric.prepare()
    path.unlink()  # it is large; and it is read once
    x = images(0, n=2)
    levels = ((x + 1) * 127.5).round().byte()
    with torch.no_grad():
        (expected,) = network.eval()(levels)
    metric.update(x, real=True)
    assert torch.allclose(metric.real[0], expected, rtol=1e-4, atol=1e-5)
    assert list(metric.scores) == ["fid", "kid", "kid_std"]
    assert not metric.state_dict()  # 24 million weights are no part of a checkpoint


def test_missing_weights_are_one_message(fidelity, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"can't have Inception's weights from .*absent.pth \(.*No such file"):
        FID(Inception(str(tmp_path / "absent.pth"))).prepare()

    (tmp_path / "page.pth").write_text("<html>not found</html>")
    with pytest.raises(UserError, match=r"page.pth has the checksum .*fetch the file again"):
        FID(Inception(str(tmp_path / "page.pth"))).prepare()

    def unreachable(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(fidelity, "load_state_dict_from_url", unreachable)
    with pytest.raises(UserError, match=r"weights from https://.*no network.*give its path: .*--data.extra_metrics"):
        FID().prepare()
