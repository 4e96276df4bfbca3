"""A run that begins with the weights of another: every game, other classes, other sizes, averages, hostile files."""

import inspect
from functools import partial

import pytest
import torch
from conftest import FROM_NOISE, MODELS, TRANSLATORS

import ganzoo.models
from ganzoo.cli.beginning import begin_with
from ganzoo.game.building import build
from ganzoo.game.record import options_of
from ganzoo.models import CGAN, DCGAN, GAN
from ganzoo.system.errors import UserError

SHAPE, DOMAIN = (1, 16, 16), (1, 24, 24)
SMALL = {"width": 8, "patch": 34, "blocks": 1}


def narrow(cls, player):
    """A player's network with few channels, if it has a width."""
    default = getattr(cls, f"default_{player}")
    made = default.func if isinstance(default, partial) else default
    known = inspect.signature(made).parameters
    return partial(default, **{name: value for name, value in SMALL.items() if name in known})


def built(cls, classes=3, begin=None, **options):
    cls = getattr(ganzoo.models, cls) if isinstance(cls, str) else cls
    known = options_of(cls)
    sizes = {"shapes": dict.fromkeys("ab", DOMAIN)} if "shapes" in known else {"shape": SHAPE}
    if "num_classes" in known:
        sizes["num_classes"] = classes
    networks = {player: narrow(cls, player) for player in ("generator", "discriminator")}
    model = cls(**sizes, **networks, **options)
    if begin is not None:
        begin = {key: value + 0.5 if value.is_floating_point() else value for key, value in begin.items()}
        model.begin_with(begin, partly=True)
    model.configure_model()
    return model


@pytest.mark.parametrize("name", MODELS)
def test_every_game_begins_with_its_own_weights(name, capsys):
    first = built(name, ema=100.0)
    second = built(name, ema=100.0, begin=first.state_dict())
    players = ("generator.", "discriminator.", "ema.")
    for key, value in second.state_dict().items():
        if key.startswith(players) and value.is_floating_point():
            torch.testing.assert_close(value, first.state_dict()[key] + 0.5)
    said = capsys.readouterr().out
    assert said.startswith("Weights taken: generator")
    assert "new:" not in said
    assert "Optimizers are new, and rounds count from 0." in said


@pytest.mark.parametrize(
    "name", [name for name in FROM_NOISE if "num_classes" in options_of(getattr(ganzoo.models, name))]
)
def test_with_another_number_of_classes_the_rest_is_taken_and_the_new_is_named(name, capsys):
    first = built(name, 3)
    second = built(name, 5, begin=first.state_dict())
    before, after = first.state_dict(), second.state_dict()
    networks = [key for key in after if key.startswith(("generator.", "discriminator."))]  # what a game counts is new
    taken = {key for key in networks if key in before and after[key].shape == before[key].shape}
    for key in taken:
        if after[key].is_floating_point():
            torch.testing.assert_close(after[key], before[key] + 0.5)
    assert len(taken) > len(after) / 2
    said = capsys.readouterr().out
    for player in ("generator", "discriminator"):
        left = [key for key in after if key.startswith(player) and key not in taken]
        total = sum(key.startswith(player) for key in after)
        assert f"{player} {total - len(left) if left else 'all'} of {total}" in said
        if left:
            assert left[0].removeprefix(f"{player}.") in said


def test_what_does_not_fit_is_said_with_both_shapes(capsys):
    small, large = built(CGAN, 3), built(CGAN, 4)
    odd = next(
        key
        for key, value in large.generator.state_dict().items()
        if value.shape != small.generator.state_dict()[key].shape
    )
    old, new = (tuple(model.generator.state_dict()[odd].shape) for model in (small, large))
    built(CGAN, 4, begin=small.state_dict())
    assert f"{odd} {old[0]}x{old[1]} -> {new[0]}x{new[1]}" in capsys.readouterr().out


def test_an_average_goes_on_and_is_not_replaced_by_the_first_round():
    first = built(GAN, ema=1000.0)
    for value in first.ema.parameters():
        value.data += 1  # unlike the generator
    second = GAN(shape=SHAPE, ema=1000.0, generator=narrow(GAN, "generator"))
    second.begin_with(first.state_dict(), partly=True, images_seen=100_000)
    second.configure_model()
    key, weight = next(iter(first.ema.named_parameters()))
    assert torch.equal(second.ema.get_parameter(key), weight)
    second.average.update(second.ema, second.generator, second.images_seen + 10, 10)
    assert (second.ema.get_parameter(key) - weight).abs().max() < 0.02  # 0.5 ** (10 / 1000) of it stays


def test_averages_that_one_of_both_lacks_are_said(capsys):
    with_average, without = built(GAN, ema=10.0), built(GAN)
    built(GAN, begin=with_average.state_dict())
    assert "the checkpoint's average was not taken (model.ema is null)" in capsys.readouterr().out
    model = built(GAN, begin=without.state_dict(), ema=10.0)
    assert "the average begins as the generator" in capsys.readouterr().out
    assert all(map(torch.equal, model.ema.parameters(), model.generator.parameters()))


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(UserError, match="none of the networks of DCGAN in their sizes: use another model"):
        built(DCGAN, begin={"generator.strange": torch.zeros(3), "other": torch.zeros(2)})


def test_a_hostile_checkpoint_gives_numbers_only(tmp_path):
    """Tensors of other kinds and shapes are left; a count of images that can't be does no harm."""
    first = built(GAN)
    state = {name: value.clone() for name, value in first.state_dict().items()}
    names = [name for name in state if name.startswith("generator.")]
    state[names[0]] = state[names[0]].long()
    state[names[1]] = torch.zeros(7)
    loops = {f"{name}_loop": {"epoch_loop.batch_progress": {}} for name in ("fit", "validate", "test", "predict")}
    checkpoint = {"state_dict": state, "optimizer_states": [{}, {}], "pytorch-lightning_version": "2.0", "loops": loops}
    first.on_save_checkpoint(checkpoint)
    for seen in (-5, 10**400):
        checkpoint["ganzoo"]["images_seen"] = seen
        torch.save(checkpoint, tmp_path / "odd.ckpt")
        model = GAN(shape=SHAPE, ema=10.0, generator=narrow(GAN, "generator"))
        begin_with(model, str(tmp_path / "odd.ckpt"))
        model.configure_model()
        assert torch.equal(model.generator.state_dict()[names[2].removeprefix("generator.")], state[names[2]])
        model.average.update(model.ema, model.generator, model.images_seen, 8)
    checkpoint["state_dict"] = {"generator.x": object}
    torch.save(checkpoint, tmp_path / "odd.ckpt")
    with pytest.raises(UserError):
        begin_with(GAN(shape=SHAPE), str(tmp_path / "odd.ckpt"))


def test_of_an_import_the_generator_alone_is_taken(tmp_path, capsys):
    name = TRANSLATORS[0]
    checkpoint = {"state_dict": (first := built(name)).state_dict(), "pytorch-lightning_version": "2.0"}
    first.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, tmp_path / "import.ckpt")
    cls = getattr(ganzoo.models, name)
    model = cls(
        shapes=dict.fromkeys("ab", DOMAIN),
        generator=narrow(cls, "generator"),
        discriminator=narrow(cls, "discriminator"),
    )
    begin_with(model, str(tmp_path / "import.ckpt"))
    model.configure_model()
    assert all(path.startswith("generator") for path in model.begun_with)


def test_classes_that_begin_with_the_weights_of_another_are_said(capsys):
    class Named:
        class_names = ("dog", "horse", "zebra")

    old = built(CGAN, 3)
    new = CGAN(shape=SHAPE, num_classes=3, generator=narrow(CGAN, "generator"))
    new.begin_with(old.state_dict(), partly=True, classes=["cat", "dog", "zebra"])
    build(new, Named())
    assert "Classes are matched by number: dog begins as cat, horse begins as dog.\n" in capsys.readouterr().out
