"""What earlier versions wrote is read in the words of today, for ever."""

from functools import partial

import pytest
import torch
import yaml

from ganzoo.cli.config_parser import options_now
from ganzoo.models import GAN, R3GAN, SNGAN, WGAN, CycleGAN
from ganzoo.networks import InstanceNoise, R3GANDiscriminator, R3GANGenerator
from ganzoo.objectives import FeatureMatching, Hinge, LeastSquares, Wasserstein
from ganzoo.penalties import R1, R2, GradientPenalty, SpectralNorm, WeightClip
from ganzoo.runs.earlier import state_of_today, text_of_today
from ganzoo.runs.reader import Reader, options
from ganzoo.system.errors import UserError

UNSET = {
    **{"weight_clip": None, "spectral_norm": False, "minibatch": None, "feature_matching": False},
    **{"instance_noise": 0.0, "instance_noise_rounds": None},
}


def small(network):
    return partial(network, width=8, blocks=1)


def read(name, **init_args):
    """The model that a record of an earlier version says."""
    record = {"class_path": f"ganzoo.models.{name}", "init_args": {**UNSET, **init_args}}
    return Reader().read(record, GAN)


def test_options_that_were_not_set_change_nothing():
    model = read("GAN", latent_dim=3)
    assert (model.latent_dim, model.penalties, model.augment, model.minibatch) == (3, [], None, None)


@pytest.mark.parametrize(
    ("given", "penalties"),
    [
        ({"weight_clip": 0.02, "objective": {"class_path": "ganzoo.objectives.Wasserstein"}}, [WeightClip(0.02)]),
        ({"spectral_norm": True}, [SpectralNorm()]),
        (
            {"spectral_norm": True, "penalties": [{"class_path": "ganzoo.penalties.R1", "init_args": {"gamma": 2.0}}]},
            [R1(2.0), SpectralNorm()],
        ),
    ],
)
def test_bounds_are_penalties(given, penalties):
    assert read("GAN", **given).penalties == penalties


def test_noise_statistics_and_features_are_objects():
    model = read("GAN", instance_noise=0.3, instance_noise_rounds=7, minibatch="stddev", feature_matching=True)
    assert model.augment == InstanceNoise(0.3, 7)
    assert model.minibatch.func.__name__ == "MinibatchStdDev"
    assert model.objective == FeatureMatching()


def test_what_a_model_still_has_stays():
    assert read("WGAN", weight_clip=0.5).penalties == [WeightClip(0.5)]
    assert read("SNGAN", spectral_norm=False).penalties == []
    assert "weight_clip" in options(WGAN)
    assert "spectral_norm" in options(SNGAN)


def test_a_papers_own_penalties_and_objective_stay_beside_them():
    assert read("R3GAN", spectral_norm=True, gamma=0.3).penalties == [R1(0.3), R2(0.3), SpectralNorm()]
    assert read("WGANGP", weight_clip=0.1).penalties == [GradientPenalty(), WeightClip(0.1)]
    assert read("LSGAN", feature_matching=True).objective == FeatureMatching(LeastSquares())
    hinge = {"class_path": "ganzoo.objectives.Hinge"}
    assert read("GAN", feature_matching=True, objective=hinge).objective == FeatureMatching(Hinge())
    assert read("WGAN", weight_clip=0.1, feature_matching=True).objective == FeatureMatching(Wasserstein())


def test_a_config_is_read_so_too_and_one_of_today_is_left_alone():
    old = {"seed_everything": 1, "model": {"class_path": "ganzoo.models.GAN", "init_args": {**UNSET, "ema": 5.0}}}
    config = yaml.safe_load(text_of_today(yaml.safe_dump(old), options_now))
    assert config["model"]["init_args"] == {"ema": 5.0, "minibatch": None}
    assert config["seed_everything"] == 1
    today = "model: WGAN\ndata: Digits  # with a remark\n"
    assert text_of_today(today, options_now) == today


def test_pools_of_images_are_buffers():
    shapes = {"a": (1, 24, 24), "b": (1, 24, 24)}
    images = torch.rand(2, 1, 24, 24)
    made = {"init_args": {"pool_size": 3, "shapes": shapes}, "pools": {"a": images, "b": torch.empty(0)}}
    checkpoint = {"ganzoo": made, "state_dict": {}}
    state_of_today(checkpoint)
    assert "pools" not in made
    model = CycleGAN(pool_size=3, shapes=shapes)
    model.configure_model()
    model.pools.load_state_dict({name.removeprefix("pools."): x for name, x in checkpoint["state_dict"].items()})
    assert torch.equal(model.pools["a"].images[:2], images)
    assert (model.pools["a"].filled, model.pools["b"].filled) == (2, 0)


@pytest.mark.parametrize("options", [{}, {"penalties": [SpectralNorm()]}])
def test_weights_of_r3gan_from_before_fit_to_repeated_borders(options):
    networks = {"generator": small(R3GANGenerator), "discriminator": small(R3GANDiscriminator)}
    model = R3GAN(shape=(1, 16, 16), **networks, ema=9.0, **options)
    model.configure_model()
    said = {f"{part}._extra_state" for part in ("generator", "discriminator", "ema")}
    weights = dict(model.state_dict())
    assert {name for name in weights if name.endswith("_extra_state")} == said
    checkpoint = {"ganzoo": {}, "state_dict": dict(weights)}
    state_of_today(checkpoint)
    assert not any(checkpoint["state_dict"][name] for name in said)  # of today
    checkpoint["state_dict"] = {name: value for name, value in weights.items() if name not in said}
    state_of_today(checkpoint)
    assert checkpoint["state_dict"].keys() == weights.keys()
    model.load_state_dict(checkpoint["state_dict"])
    assert all(getattr(model, part).repeats_borders for part in ("generator", "discriminator", "ema"))


def test_weights_of_other_networks_are_left_alone():
    weights = {"generator.basis": torch.ones(1), "discriminator.basis.weight": torch.ones(1)}
    checkpoint = {"ganzoo": {}, "state_dict": dict(weights)}
    state_of_today(checkpoint)
    assert checkpoint["state_dict"] == weights


@pytest.mark.parametrize("pools", [{"a": 1}, {"c": torch.rand(1, 1, 16, 16)}, {"a": torch.rand(9, 1, 16, 16)}])
@pytest.mark.parametrize("size", [3, 10**12, "many"])
def test_pools_that_are_none_are_one_message(pools, size):
    made = {"init_args": {"pool_size": size, "shapes": {"a": (1, 16, 16)}}, "pools": pools}
    with pytest.raises(UserError, match="pools of images are not those of a CycleGAN"):
        state_of_today({"ganzoo": made, "state_dict": {}})
