"""Distances of images; LPIPS with weights of VGG16 that nobody trained, in torchvision's layout."""

import pytest
import torch
from torchvision.models import vgg16

from ganzoo.latent.distances import MultiScale, distance_for
from ganzoo.networks.frozen import lpips
from ganzoo.networks.frozen.lpips import LPIPS
from ganzoo.system.errors import UserError

CPU = torch.device("cpu")


def test_multi_scale_by_hand():
    """A checkerboard of 8 px vanishes in half its size; a constant difference is there at 8 and at 4 px."""
    grid = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    zero = torch.zeros(1, 1, 8, 8)
    assert MultiScale()(grid[None, None], zero).item() == pytest.approx((1 + 0) / 2)
    assert MultiScale()(zero + 0.5, zero).item() == pytest.approx(0.25)
    two = torch.cat([zero + 0.5, zero])
    assert MultiScale()(two, zero).tolist() == pytest.approx([0.25, 0])


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "vgg16.pth"
    chance = torch.Generator().manual_seed(0)
    made = {name: torch.randn(shape, generator=chance) * 0.05 for name, shape in lpips.SHAPES.items()}
    torch.save({f"features.{name}": value for name, value in made.items()}, path)
    return str(path)


def test_the_shapes_are_those_of_torchvision():
    with torch.device("meta"):
        features = vgg16(weights=None).features
    assert {name: tuple(value.shape) for name, value in features.state_dict().items()} == lpips.SHAPES


@pytest.mark.slow  # VGG16 is built twice
def test_lpips_is_that_of_torchmetrics_with_the_same_backbone(weights):
    from torchmetrics.functional.image.lpips import _LPIPS

    theirs = _LPIPS(pretrained=True, net="vgg", pnet_rand=True).eval()
    state = torch.load(weights, weights_only=True)
    for name, value in theirs.net.named_parameters():
        value.data.copy_(state[f"features.{name.partition('.')[2]}"])
    a, b = torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    ours = LPIPS(weights)
    torch.testing.assert_close(ours(a, b), theirs(a, b).flatten())
    assert ours(a, a).abs().max() < 1e-6
    assert (ours(a, b) > 1e-3).all()
    small = ours(a[:, :1, :16, :16], b[:, :1, :16, :16])  # grey, and enlarged
    assert small.shape == (2,)
    x = a.clone().requires_grad_()
    ours(x, b).sum().backward()
    assert x.grad.abs().sum() > 0


def test_the_distance_is_named_and_nothing_is_fetched(tmp_path, monkeypatch, capsys):
    class Known:
        """Stands for LPIPS, which takes a second to build."""

        name = LPIPS.name

        def __init__(self, path):
            self.path = path

        def to(self, device):
            return self

    monkeypatch.setattr("ganzoo.latent.distances.LPIPS", Known)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", lambda *a, **k: pytest.fail("a download"))
    assert isinstance(distance_for(None, CPU, 3), MultiScale)
    assert "multi-scale pixel loss" in capsys.readouterr().out
    (tmp_path / "checkpoints").mkdir()
    cached = tmp_path / "checkpoints" / lpips.FILE
    cached.touch()
    assert distance_for(None, CPU, 3).path == str(cached)
    said = capsys.readouterr().out
    assert f"LPIPS (VGG16), weights {cached}, checksum e3b0c44298fc1c14, which is not torchvision's" in said
    monkeypatch.setattr("ganzoo.latent.distances.SHA256", "e3b0c442")  # of an empty file
    distance_for(None, CPU, 3)
    assert capsys.readouterr().out.endswith("checksum e3b0c44298fc1c14.\n")
    assert isinstance(distance_for("no", CPU, 3), MultiScale)
    assert isinstance(distance_for(None, CPU, 4), MultiScale)
    assert "4 channels" in capsys.readouterr().out


def test_other_files_are_refused(tmp_path):
    other = tmp_path / "other.pth"
    with pytest.raises(UserError, match="there is no file"):
        distance_for(str(other), CPU, 3)
    for contents in (b"", b"hello", None):
        torch.save({"a": torch.zeros(3)}, other) if contents is None else other.write_bytes(contents)
        with pytest.raises(UserError, match="is not torchvision's VGG16"):
            distance_for(str(other), CPU, 3)
    with pytest.raises(UserError, match="1 or 3 channels"):
        distance_for(str(other), CPU, 4)
