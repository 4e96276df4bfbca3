"""PatchGAN: how many weights it has, and what one of its scores sees."""

import pytest
import torch
from torch import nn

from ganzoo.networks import AntialiasedPatchGAN, InstancePatchGAN, PatchGAN
from ganzoo.networks.antialiasing import Blur
from ganzoo.networks.norms import InstanceNorm
from ganzoo.system.errors import UserError

PATCHES = (1, 16, 34, 70, 142, 286)


def size(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_as_many_weights_as_the_reference():
    with torch.device("meta"):
        assert size(PatchGAN((6, 256, 256))) == 2_768_705  # pix2pix: 2.769 M
        assert size(InstancePatchGAN((3, 256, 256))) == 2_764_737  # CycleGAN: 2.765 M


@pytest.mark.parametrize(
    ("patch", "sees", "antialias"),
    [*((patch, patch, False) for patch in PATCHES), (1, 1, True), (16, 18, True), (34, 40, True), (70, 84, True)],
)
def test_a_score_sees_exactly_its_patch(patch, sees, antialias):
    side = 2 * patch + 64
    network = PatchGAN((1, side, side), patch, width=1, norm="none", antialias=antialias).double()
    for p in network.parameters():
        nn.init.uniform_(p, 0.01, 0.02)  # so that no gradient is zero by chance
    x = torch.rand(1, 1, side, side, dtype=torch.float64).requires_grad_()
    scores = network(x)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    assert x.grad is not None
    hit = x.grad[0, 0] != 0
    rows, columns = hit.any(1).nonzero().flatten(), hit.any(0).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == sees
    assert int(columns.max() - columns.min()) + 1 == sees
    assert int(hit.sum()) == sees**2


def test_a_70_patch_makes_30_x_30_scores_of_256_px_and_one_px_as_many_as_pixels():
    with torch.device("meta"):
        x = torch.empty(2, 3, 256, 256)
        assert PatchGAN((3, 256, 256), width=2)(x).shape == (2, 1, 30, 30)
        assert PatchGAN((3, 256, 256), 1, width=2)(x).shape == (2, 1, 256, 256)


def test_the_layers_are_the_papers():
    network = PatchGAN((3, 64, 64))
    convs = [m for m in network.model if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convs] == [64, 128, 256, 512, 1]  # C64-C128-C256-C512
    assert [m.stride[0] for m in convs] == [2, 2, 2, 1, 1]
    assert [m.bias is not None for m in convs] == [True, False, False, False, True]
    norms = [i for i, m in enumerate(network.model) if isinstance(m, nn.BatchNorm2d)]
    assert norms == [3, 6, 9]  # none after the first
    assert {f"model.{i}.weight" for i in (0, 2, 5, 8, 11)} <= network.state_dict().keys()
    instance = InstancePatchGAN((3, 64, 64))
    assert [i for i, m in enumerate(instance.model) if isinstance(m, InstanceNorm)] == norms
    widest = [m.out_channels for m in PatchGAN((3, 256, 256), 286, width=1).model if isinstance(m, nn.Conv2d)]
    assert widest == [1, 2, 4, 8, 8, 8, 1]


def test_antialiased_it_is_as_large_and_halves_by_blurs():
    with torch.device("meta"):
        network = AntialiasedPatchGAN((3, 256, 256))
        assert size(network) == 2_764_737
        assert network(torch.empty(2, 3, 256, 256)).shape == (2, 1, 30, 30)
    assert [i for i, m in enumerate(network.model) if isinstance(m, Blur)] == [2, 6, 10]
    names = {f"model.{i}.{kind}" for i in (0, 3, 7, 11, 14) for kind in ("weight", "bias")}  # as in CUT's code
    assert set(network.state_dict()) == names
    assert all(m.stride == (1, 1) for m in network.modules() if isinstance(m, nn.Conv2d))
    torch.manual_seed(0)
    conv = AntialiasedPatchGAN((3, 32, 32), 34, 32).model[3]
    assert conv.weight.std().item() == pytest.approx(0.02 * (2 / (16 * (32 + 64))) ** 0.5, rel=0.05)
    assert InstancePatchGAN((3, 32, 32), 34, 32).model[2].weight.std().item() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize(("norm", "antialias"), [("batch", False), ("instance", False), ("instance", True)])
@pytest.mark.parametrize("patch", PATCHES)
def test_the_smallest_images_it_takes_can_be_judged(patch, norm, antialias):
    least = {1: 2, 16: 6, 34: 12, 70: 24, 142: 48, 286: 96}[patch]
    scores = PatchGAN((1, least, least), patch, 2, norm, antialias)(torch.randn(1, 1, least, least))
    assert scores.isfinite().all()
    if patch > 1:
        with pytest.raises(UserError, match=rf"patch {patch} needs images of {least} px"):
            PatchGAN((1, least - 1, least - 1), patch)


@pytest.mark.parametrize("cls", [PatchGAN, InstancePatchGAN])
def test_the_remedy_names_the_class_that_has_the_option_and_helps(cls):
    option = "--model.discriminator"
    with pytest.raises(UserError, match=rf"give {option} {cls.__name__} {option}.patch 34, or larger images"):
        cls((3, 16, 16))
    assert cls((3, 16, 16), patch=34)(torch.zeros(1, 3, 16, 16)).isfinite().all()


def test_mistakes_are_refused():
    with pytest.raises(UserError, match=r"patches of 1, 16, 34, 70, 142, 286 px"):
        PatchGAN((3, 64, 64), 71)
    with pytest.raises(UserError, match=r"discriminator.patch 34"):
        PatchGAN((3, 16, 16))
    with pytest.raises(UserError, match="width is 0"):
        PatchGAN((3, 64, 64), width=0)
