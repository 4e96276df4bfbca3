"""Extractors: found by looking, each says what it is, and none takes a file that is not meant."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ganzoo.metrics import FID, extractor_of, metric_class
from ganzoo.networks import frozen
from ganzoo.networks.frozen import CLIP, VGG16, DINOv2, Extractor, Inception, RandomVGG, transformers
from ganzoo.networks.frozen import vgg16 as vgg16_file
from ganzoo.networks.frozen.inception import resized_cleanly
from ganzoo.system.errors import UserError
from ganzoo.system.files import sha256

SMALL = "vit_tiny_patch16_224"  # an architecture of timm that takes seconds


def some_images(n: int = 3, size: int = 40, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


# By name -----------------------------------------------------------------------------------------------------------


def test_every_extractor_is_found_by_its_name():
    classes = [getattr(frozen, name) for name in frozen.__all__]
    named = [cls for cls in classes if isinstance(cls, type) and issubclass(cls, Extractor) and cls.name]
    assert {"inception", "random-vgg", "vgg16", "dinov2", "clip"} <= {cls.name for cls in named}
    for cls in named:
        assert type(extractor_of(cls.name)) is cls
        assert type(extractor_of(cls.__name__)) is cls


def test_of_an_unknown_name_the_names_are_told():
    with pytest.raises(UserError, match=r"no extractor inceptoin: the names are .*inception.*random-vgg"):
        extractor_of("inceptoin")
    with pytest.raises(UserError, match=r"no metric fidd: the names are .*fid.*prdc"):
        metric_class("fidd")
    with pytest.raises(UserError, match=r"random-vgg can't be made with \{'weights': 'a.pth'\}"):
        extractor_of("random-vgg", "a.pth")


def test_metrics_are_found_by_name_score_class_or_path():
    assert metric_class("fid") is metric_class("kid") is metric_class("FID") is FID
    assert metric_class("prdc").__name__ == "PRDC"
    assert metric_class("recall").asked in ("pr", "prdc")
    assert metric_class("ganzoo.metrics.FID") is FID
    with pytest.raises(UserError, match=r"math.pi is no"):
        metric_class("math.pi")


class Plain(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert images.dtype == torch.uint8
        return images.float().mean((2, 3))


class Maps(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float()


def test_any_network_is_an_extractor_if_it_makes_features():
    made = extractor_of(f"{__name__}.Plain")
    assert (made.num_features, made.suffix, made.facts()["name"]) == (3, "_plain", f"{__name__}.Plain")
    x = some_images()
    torch.testing.assert_close(made.extract(x), (x + 1).mul(127.5).round().mean((2, 3)))
    made.extract(1.04 * x)  # a little beyond is rounding
    with pytest.raises(UserError, match=r"images are from 0 to 255, and metrics take them from -1 to 1"):
        made.extract(torch.tensor([0.0, 255.0]).view(1, 1, 1, 2).expand(2, 3, 2, 2))
    assert list(FID(made).scores) == ["fid_plain", "kid_plain", "kid_std_plain"]
    with pytest.raises(UserError, match=r"Maps is no extractor \(it makes \(2, 3, 64, 64\) of two images\): a network"):
        extractor_of(f"{__name__}.Maps")
    with pytest.raises(UserError, match=r"no_such_module.Net can't be had"):
        extractor_of("no_such_module.Net")


# VGG16 --------------------------------------------------------------------------------------------------------------


def test_random_vgg_is_the_same_each_time_and_moves_no_chance():
    before = torch.get_rng_state()
    first, again = RandomVGG(), RandomVGG()
    assert torch.equal(torch.get_rng_state(), before)
    assert first.facts() == again.facts()
    assert not torch.equal(first.layers[0].weight, RandomVGG(seed=1).layers[0].weight)
    x = some_images()
    features = first.extract(x)
    assert torch.equal(features, again.extract(x))
    assert features.shape == (3, 64)
    assert features.std(0).min() > 0  # it tells the images apart
    assert [type(layer).__name__ for layer in first.layers].count("MaxPool2d") == 5
    assert sum(isinstance(layer, nn.Conv2d) for layer in first.layers) == 13


@pytest.fixture
def vgg_file(tmp_path):
    from torchvision.models import vgg16

    vgg16_file.vgg16.cache_clear()
    torch.manual_seed(0)
    network = vgg16(weights=None, init_weights=False).eval()
    path = tmp_path / "vgg.pth"
    torch.save(network.state_dict(), path)
    yield path, network
    vgg16_file.vgg16.cache_clear()


@pytest.mark.slow
def test_vgg16_is_torchvisions_before_its_last_layer(vgg_file):
    """The file is 528 MB: random weights stand in for those that are fetched."""
    path, network = vgg_file
    extractor = VGG16(str(path), sha256(path)[:10])
    x = some_images(2, 224)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    levels = (x + 1).mul(127.5).round() / 255
    with torch.no_grad():
        shown = (levels - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)
        features = network.classifier[:5](network.avgpool(network.features(shown)).flatten(1))
    torch.testing.assert_close(extractor.extract(x), features, rtol=1e-4, atol=1e-5)
    assert extractor.facts()["weights"] == sha256(path)[:16]
    with pytest.raises(UserError, match=f"has the checksum {sha256(path)[:16]}, and torchvision's .* has 397923af"):
        VGG16(str(path)).load()


# Checksums ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extractor", [Inception, VGG16])
def test_a_file_that_is_not_meant_is_refused_with_both_checksums(extractor, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(3)}, path)
    mine = sha256(path)[:16]
    expected = {"Inception": "6726825d", "VGG16": "397923af"}[extractor.__name__]
    with pytest.raises(UserError, match=f"has the checksum {mine}, and .* has {expected}: .*sha256={mine}"):
        extractor(str(path)).load()
    with pytest.raises(UserError, match=f"has the checksum {mine}, and what you named has abcd"):
        extractor(str(path), sha256="abcd").load()
    with pytest.raises(UserError, match=r"(can't have Inception's weights|is not torchvision's VGG16)"):
        extractor(str(path), sha256=mine).load()  # the one that is meant, but no network's


# clean-FID's resizing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, 320, 400])
def test_clean_resizing_is_pillows(size):
    levels = torch.randint(0, 256, (1, 3, size, size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = resized_cleanly(levels)[0]
    for channel in range(3):
        image = Image.fromarray(levels[0, channel].numpy().astype(np.float32))
        pillow = np.asarray(image.resize((299, 299), Image.Resampling.BICUBIC)).clip(0, 255)
        assert np.abs(found[channel].numpy() - pillow).max() < 0.01  # of 255


def test_clean_features_are_the_networks_of_such_images(monkeypatch):
    """Images of 299 px are not resized: both ways give the same features."""
    pytest.importorskip("torch_fidelity")
    from torchmetrics.image import fid

    from ganzoo.networks.frozen import inception

    monkeypatch.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", lambda *_, **__: {})
    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.Module, "load_state_dict", lambda *_: None)
        torch.manual_seed(0)
        network = fid.NoTrainInceptionV3("inception-v3-compat", ["2048"], None, antialias=False)
    monkeypatch.setattr(inception, "inception", lambda *_: network)
    x = some_images(1, 299)
    plain, clean = Inception(), Inception(resize="clean")
    features, small = plain.extract(x), some_images(1, 32)
    torch.testing.assert_close(clean.extract(x), features, rtol=1e-4, atol=0)
    assert clean.extract(small).sub(plain.extract(small)).abs().max() > 0.01 * plain.extract(small).max()
    assert torch.allclose(plain.logits_of(features), features @ network.fc.weight.T)
    assert (plain.suffix, clean.suffix) == ("", "_clean")
    assert plain.facts()["resize"] != clean.facts()["resize"]


# Transformers -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vit_file(tmp_path_factory):
    timm = pytest.importorskip("timm")
    from safetensors.torch import save_file

    torch.manual_seed(0)
    network = timm.create_model(SMALL).eval()
    path = tmp_path_factory.mktemp("vit") / "model.safetensors"
    save_file(network.state_dict(), path)
    return str(path), network


def test_transformers_are_timms(vit_file):
    """With random weights of a small architecture: the real ones are a download."""
    path, network = vit_file
    other = path.replace(".safetensors", ".pth")
    torch.save(network.state_dict(), other)
    x = some_images(2, 224)
    levels = (x + 1).mul(127.5).round() / 255
    colours = {
        DINOv2: ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        CLIP: ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]),
    }
    for cls, (mean, deviation) in colours.items():
        shown = (levels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(deviation).view(3, 1, 1)
        extractor = cls(path, SMALL)
        extractor.load()
        with torch.no_grad():
            torch.testing.assert_close(extractor.extract(x), network(shown), rtol=1e-4, atol=1e-5)
        assert extractor.num_features == 1000
        assert extractor.facts() == cls(other, SMALL).facts()  # the same weights in another file
        assert not extractor.state_dict()  # they are no part of a checkpoint


def test_what_timm_can_not_have_is_one_line(vit_file, tmp_path):
    path, _ = vit_file
    (tmp_path / "page.safetensors").write_text("<html>not found</html>")
    with pytest.raises(UserError, match=r"can't have the weights of vit_tiny_patch16_224 from .*absent.pth \(FileNotF"):
        DINOv2(str(tmp_path / "absent.pth"), SMALL).load()
    with pytest.raises(UserError, match=r"can't have the weights of vit_tiny_patch16_224 from .*page.safetensors"):
        CLIP(str(tmp_path / "page.safetensors"), SMALL).load()
    with pytest.raises(UserError, match=r"timm .* has no model vit_nope"):
        DINOv2(path, "vit_nope").load()
    with pytest.raises(UserError, match="and the file that is meant has abcd"):
        DINOv2(path, SMALL, "abcd").load()


def test_weights_are_looked_for_in_the_cache_and_asked_for_once(vit_file, monkeypatch):
    import huggingface_hub

    path, network = vit_file
    asked, cached = [], path

    class Session:
        def head(self, url, timeout):
            asked.append(url)
            raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "get_session", Session)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", None)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda **place: cached)
    transformers.transformer.cache_clear()
    found = transformers.transformer(SMALL, None, None).state_dict()
    torch.testing.assert_close(found, network.state_dict())
    assert asked == []
    cached = None  # the cache has none
    url = "https://huggingface.co/timm/vit_base_patch32_clip_224.openai/resolve/main/model.safetensors"
    with pytest.raises(UserError, match=rf"from {url} \(OSError: no network\)\. .* --weights FILE"):
        CLIP().load()
    assert asked == [url]


def test_without_timm_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(UserError, match=r'need timm: pip install "ganzoo\[dinov2\]"'):
        DINOv2(model="vit_of_this_test").load()
