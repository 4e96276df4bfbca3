"""What models share that translate images: any size, the data they fit, what is judged and shown."""

from functools import partial

import lightning as L
import pytest
import torch
from conftest import QUIET, TRANSLATOR, TRANSLATORS
from fakes import FakeDomains, FakePairs
from models import domains, translator
from torch import nn

import ganzoo.models
from ganzoo.cli import main
from ganzoo.data import Digits
from ganzoo.game.fitting import reflected
from ganzoo.game.sizes import take_sizes
from ganzoo.models import CUT, GAN, CycleGAN, Pix2Pix
from ganzoo.networks import PatchGAN, ResNetTranslator, UNet
from ganzoo.runs.loggers import MetricsCSV
from ganzoo.system.errors import UserError

# Any size ---------------------------------------------------------------------------------------------------


def test_reflection_by_hand():
    x = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    for multiple, expected in ((3, [1, 2, 3]), (4, [1, 2, 3, 2]), (5, [2, 1, 2, 3, 2]), (8, [3, 2, 1, 2, 3, 2, 1, 2])):
        larger, (top, left) = reflected(x.expand(1, 1, multiple, 3), multiple)
        assert larger[0, 0, 0].tolist() == expected
        assert (top, left) == (0, (multiple - 3) // 2)
        assert larger[..., left : left + 3].tolist() == x.expand(1, 1, multiple, 3).tolist()


def test_reflection_is_torchs_where_that_can():
    x = torch.randn(2, 3, 7, 10)
    larger, (top, left) = reflected(x, 8)
    assert (top, left) == (0, 3)
    torch.testing.assert_close(larger, nn.functional.pad(x, (3, 3, 0, 1), mode="reflect"))
    assert reflected(torch.ones(1, 1, 1, 1), 4)[0].shape == (1, 1, 4, 4)  # even of one pixel


@pytest.mark.parametrize("size", [(16, 16), (17, 30), (5, 9), (33, 3)])
def test_an_image_of_odd_size_is_the_middle_of_the_larger_ones_translation(size):
    model = translator(CycleGAN)
    x = torch.rand(2, 1, *size).double()
    made = model.translate(x)
    assert made.shape == (2, 1, *size)
    larger, (top, left) = reflected(x, 4, 8)
    assert max(larger.shape[2:]) < max(size) + 8
    whole = model.generator["AtoB"](larger)
    torch.testing.assert_close(made, whole[..., top : top + size[0], left : left + size[1]].float())


def test_a_unet_takes_any_size_too():
    model = translator(Pix2Pix, generator=partial(UNet, width=2, noise=False))
    made = model.translate(torch.rand(2, 1, 10, 37))
    assert made.shape == (2, 1, 10, 37)
    larger, (top, left) = reflected(torch.rand(1, 1, 10, 37), 16)
    assert (*larger.shape[2:], top, left) == (16, 48, 3, 5)


def test_images_of_the_networks_size_are_translated_as_they_are():
    model, a = translator(CUT), domains()["a"]
    torch.testing.assert_close(model.translate(a), model.generator["AtoB"](a).float().detach())


def test_an_average_is_what_translates_unless_raw_is_asked_for():
    model, a = translator(CUT, ema=10.0), domains()["a"]
    for p in model.ema.parameters():
        p.mul_(1.5)
    assert torch.equal(model.translate(a), model.ema["AtoB"](a).float())
    assert torch.equal(model.translate(a, raw=True), model.generator["AtoB"](a).float().detach())


def test_other_channels_and_directions_are_refused():
    model = translator(CycleGAN, (3, 1), lambda_identity=0.0)
    with pytest.raises(UserError, match=r"takes images of 3 channel\(s\).*AtoB, not \(2, 1, 16, 16\)"):
        model.translate(torch.zeros(2, 1, 16, 16))
    assert model.translate(torch.zeros(2, 1, 16, 16), "BtoA").shape == (2, 3, 16, 16)
    with pytest.raises(UserError, match="CUT translates AtoB, not BtoA: choose CycleGAN"):
        translator(CUT).translate(torch.zeros(1, 1, 16, 16), "BtoA")


# The data ---------------------------------------------------------------------------------------------------


def of(model, data):
    """Let a model look at its data, as at the start of a run."""
    data.setup()
    model.check_data(data)
    take_sizes(model, data)
    model.check_sizes(data)
    return model


@pytest.mark.parametrize("name", TRANSLATORS)
def test_sizes_are_the_datas_and_are_kept(name):
    cls = getattr(ganzoo.models, name)
    model = of(cls(), (FakePairs if cls.paired else FakeDomains)(image_size=24))
    assert model.shapes == model.hparams["shapes"] == {"a": (1, 24, 24), "b": (1, 24, 24)}
    assert model.shape == (1, 24, 24)


@pytest.mark.parametrize(
    ("model", "data", "words"),
    [
        (Pix2Pix, FakeDomains, "Pix2Pix learns from pairs, but FakeDomains is unpaired: choose CycleGAN or CUT"),
        (CycleGAN, FakePairs, "CycleGAN is for unpaired images, but FakePairs holds pairs.*choose Pix2Pix"),
        (CUT, FakePairs, "CUT is for unpaired images.*choose Pix2Pix for them, or --data Horse2Zebra"),
        (Pix2Pix, Digits, "Digits has single images: choose --data Paired, or a model that makes samples from noise"),
        (CycleGAN, Digits, "Digits has single images: choose --data Horse2Zebra"),
        (GAN, FakePairs, "GAN makes samples from noise, but FakePairs holds two domains.*choose Pix2Pix"),
        (GAN, FakeDomains, "choose CycleGAN or CUT, or data of single images"),
    ],
)
def test_data_that_do_not_fit_are_refused_with_what_does(model, data, words):
    with pytest.raises(UserError, match=words):
        of(model(), data())


def test_the_refusal_is_one_line_of_the_command(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["fit", "--model", "Pix2Pix", "--data", "fakes.FakeDomains", "--run_dir", str(tmp_path / "run"), *QUIET])
    assert stopped.value.code == 1
    err = capsys.readouterr().err
    assert err.startswith("ganzoo: Pix2Pix learns from pairs")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (None, "give shapes, or a DataModule"),
        ({"a": (1, 16, 16)}, "needs the shapes"),
        ({"a": (2,), "b": (2,)}, "needs the shapes"),
        ({"a": (1, 16, 16), "b": (1, 32, 32)}, "images of one size"),
        ({"a": (1, 8, 8), "b": (1, 8, 8)}, "8 x 8 px: Pix2Pix needs 16 px or more"),
        ({"a": (1, 24, 20), "b": (1, 24, 20)}, "UNet can't take images of 24 x 20 px.*multiples of 8"),
        ({"a": (1, 16, 16), "b": (1, 16, 16)}, "PatchGAN with patch 70.*discriminator.patch 34"),
    ],
)
def test_sizes_that_cannot_be_are_refused(shapes, words):
    with pytest.raises(UserError, match=words):
        Pix2Pix(shapes=shapes).configure_model()


def test_networks_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match=r"Conv2d makes images of shape \(2, 16, 16\), but those of b have"):
        translator(CycleGAN, generator=lambda a, b: nn.Conv2d(1, 2, 1))
    with pytest.raises(UserError, match=r"Conv2d can't take images of shape \(1, 16, 16\)"):
        translator(CycleGAN, generator=lambda a, b: nn.Conv2d(3, 1, 1))
    with pytest.raises(UserError, match=r"Linear can't score images of \(1, 16, 16\)"):
        translator(CycleGAN, discriminator=lambda shape: nn.Linear(3, 1))


# On the command line ----------------------------------------------------------------------------------------


def test_the_rates_fall_to_zero_over_the_second_half_unless_told_otherwise(tmp_path):
    data = ["--data", "fakes.FakePairs", "--data.image_size", "24", "--data.batch_size", "4"]
    short = ["--trainer.max_steps", "4", "--trainer.log_every_n_steps", "1", "--trainer.limit_val_batches", "0"]
    more = ["--pictures.every_n_steps", "0", "--run_dir", str(tmp_path), *QUIET]
    main(["fit", "--model", "Pix2Pix", *data, *TRANSLATOR, *short, *more])
    curves = MetricsCSV(tmp_path).curves()
    for player in ("generator", "discriminator"):  # logged is the rate of the next round
        assert [rate for _, rate in curves[f"{player}/lr"]] == pytest.approx([2e-4, 2e-4, 1e-4, 0])


@pytest.mark.parametrize(("cls", "options"), [(Pix2Pix, {}), (CycleGAN, {}), (CUT, {"num_patches": 6})])
def test_only_the_movers_weights_get_gradients(cls, options):
    """As the game plays: one batch, and the other player's weights want none."""
    model, batch = translator(cls, **options), domains()
    for move in model.moves(0):
        (other,) = model.players.keys() - {move.player}
        getattr(model, move.player).requires_grad_(True)
        getattr(model, other).requires_grad_(False)
        for terms in (found,) if isinstance(found := move.loss(batch), dict) else found:
            sum(terms.values()).backward()
        assert all(p.grad is not None for p in model.players[move.player].weights)
        assert all(p.grad is None for p in model.players[other].weights)
        model.zero_grad()


def played(model, data):
    """The model after 3 rounds in float64, and how many images its generator was given in each of its calls."""
    given = []
    L.seed_everything(0, verbose=False)
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "limit_val_batches": 0}

    class Watch(L.Callback):
        def on_train_start(self, *args):
            model.generator["AtoB"].register_forward_pre_hook(lambda module, args: given.append(len(args[0])))

    trainer = L.Trainer(
        max_steps=3, precision="64-true", accelerator="cpu", enable_model_summary=False, callbacks=[Watch()], **options
    )
    trainer.fit(model, data)
    return model, given


def anew(cls):
    """The model as a reader would write it who has G make its images again for its own move."""

    class Anew(cls):
        def shared(self, batch, way, x=None):
            return self.fakes(batch, way, x)

    return Anew


@pytest.mark.parametrize(
    ("cls", "data", "options", "others"),
    [
        (Pix2Pix, FakePairs, {}, 0),
        (Pix2Pix, FakePairs, {"n_critic": 2}, 0),
        (CUT, FakeDomains, {"num_patches": 6, "flip_equivariance": True}, 1),
    ],
)
def test_what_g_makes_is_made_once_a_round_for_both_players(cls, data, options, others):
    """And each player moves as if it were made for it alone. CUT's identity asks G once more."""
    small = {
        "generator": partial(ResNetTranslator, width=2, blocks=1),
        "discriminator": partial(PatchGAN, patch=16, width=2, norm="instance"),
        # Adam would make steps of rounding errors: the biases before a norm have no gradient
        **{f"{player}_optimizer": partial(torch.optim.SGD, lr=0.1) for player in ("generator", "discriminator")},
        **options,
    }
    (once, few), (twice, many), (parts, halves) = (
        played(kind(**small, **more), data(image_size=24, batch_size=4))
        for kind, more in ((cls, {}), (anew(cls), {}), (cls, {"micro_batches": 2}))
    )
    moves = options.get("n_critic", 1)  # of D, each with another batch
    assert few == [4] * 3 * (moves + others)
    assert many == [4] * 3 * (moves + 1 + others)
    assert halves == [2] * 3 * 2 * (moves + 1 + others)  # micro-batches would have to be kept all at once
    for other in (twice, parts):
        torch.testing.assert_close(other.state_dict(), once.state_dict(), rtol=1e-9, atol=1e-12)


def test_gs_weights_want_gradients_only_while_it_makes_what_is_shared_and_frozen_ones_never():
    model, batch = translator(Pix2Pix), domains()
    weights = model.players["generator"].weights
    frozen = weights.pop(0).requires_grad_(False)
    model.generator.requires_grad_(False)  # D's move
    shared = model.shared(batch, "AtoB", batch["a"])
    assert not any(p.requires_grad for p in model.generator.parameters())
    for p in weights:
        p.requires_grad_(True)
    assert model.shared(batch, "AtoB", batch["a"]) is shared
    shared.square().sum().backward()
    assert all(p.grad is not None for p in weights)
    assert frozen.grad is None


# Judged and shown -------------------------------------------------------------------------------------------


def test_what_is_made_of_a_batch():
    model, batch, rows = translator(CycleGAN), domains(), torch.arange(8)
    made = model.made(batch, rows, 0)
    g, f = (partial(model.translate, direction=way) for way in ("AtoB", "BtoA"))
    assert torch.equal(made["AtoB"], g(batch["a"]))
    assert torch.equal(made["AtoBtoA"], f(g(batch["a"])))
    assert torch.equal(made["BtoAtoB"], g(f(batch["b"])))
    assert set(made) == {"a", "b", "AtoB", "BtoA", "AtoBtoA", "BtoAtoB"}
    assert set(translator(CUT).made(batch, rows, 0)) == {"a", "b", "AtoB"}


def test_pictures_are_rows_of_an_image_and_what_is_made_of_it():
    small = {
        "generator": partial(ResNetTranslator, width=2, blocks=1),
        "discriminator": partial(PatchGAN, patch=16, width=2),
    }
    data = FakeDomains(image_size=16, channels=1, channels_b=3)
    model = of(CycleGAN(lambda_identity=None, **small), data)
    model.configure_model()
    grids, columns = model.picture(data.val, 13)
    assert list(grids) == ["real a", "generated b", "reconstructed a", "real b", "generated a", "reconstructed b"]
    assert columns == 1  # a row has an image of each
    rows = torch.stack([images.expand(-1, 3, -1, -1) for images in grids.values()], 1)
    assert rows.shape == (2, 6, 3, 16, 16)  # two whole rows
    a, b = (data.val.tensors[name][:2] / 127.5 - 1 for name in "ab")
    torch.testing.assert_close(rows[:, 0], a.expand(-1, 3, -1, -1))
    torch.testing.assert_close(rows[:, 1], model.translate(a))
    torch.testing.assert_close(rows[:, 2], model.translate(model.translate(a), "BtoA").expand(-1, 3, -1, -1))
    torch.testing.assert_close(rows[:, 3], b)
    torch.testing.assert_close(rows[:, 5], model.translate(model.translate(b, "BtoA")))
    assert all(len(images) == 1 for images in model.picture(data.val, 1)[0].values())  # one row at least


def test_pictures_of_pairs_have_the_target_last():
    assert list(Pix2Pix.titles.values()) == ["input", "generated", "target"]
    model, batch = translator(Pix2Pix), domains()
    made = model.made(batch, torch.arange(8), 0)
    assert list(Pix2Pix.titles) == ["a", "AtoB", "b"]
    assert torch.equal(made["b"], batch["b"])


def test_what_is_judged():
    scores = {
        name: [score for m in getattr(ganzoo.models, name)().new_metrics(None) for score in m.scores]
        for name in TRANSLATORS
    }
    assert scores["Pix2Pix"] == ["l1", "psnr", "ssim"]
    assert scores["CycleGAN"] == ["swd_b", "swd_a", "cycle_a", "cycle_b"]
    assert scores["CUT"] == ["swd_b"]
