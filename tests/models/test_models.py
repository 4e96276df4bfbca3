"""Every model that is found, through all that a user does with it."""

import functools

import fakes
import numpy as np
import pytest
import torch
from conftest import FROM_NOISE, MODELS, MODELS_OR_SLOW, TRANSLATORS, data_of, expensive_slow, fit_args, last
from PIL import Image

import ganzoo
from ganzoo.cli import main
from ganzoo.game import FromImages, Game
from ganzoo.game.record import options_of, record
from ganzoo.models import DCGAN, GAN
from ganzoo.networks import MLPGenerator
from ganzoo.objectives import Minimax
from ganzoo.pictures.grids import to_uint8


@pytest.mark.parametrize("model", expensive_slow(FROM_NOISE))
def test_fit_resume_validate_test_sample_and_load(fit, tmp_path, capsys, model):
    run = fit(model, "run", 2)
    main(["resume", str(run), "--max_steps", "3"])
    ckpt = str(run / "checkpoints" / "last.ckpt")
    for command in ("validate", "test"):
        main([command, "--ckpt_path", ckpt])
        assert f"{command[:3] if command == 'validate' else command}/fid_digits" in capsys.readouterr().out
    main(["predict", "--ckpt_path", ckpt, "--samples.num", "3", "--samples.out", str(tmp_path / "predicted")])
    assert len(list((tmp_path / "predicted").iterdir())) == 3
    for raw in ([], ["--raw"]):
        main(["sample", ckpt, "--num", "16", "--out", str(tmp_path / f"grid{len(raw)}.png"), *raw])
    assert (tmp_path / "grid0.png").read_bytes() != (tmp_path / "grid1.png").read_bytes()  # the average is another
    loaded = ganzoo.load(ckpt)
    assert type(loaded) is getattr(ganzoo.models, model)
    samples = loaded.sample(5, seed=1)
    assert samples.shape == (5, 1, 16, 16)
    assert samples.abs().max() <= 1
    assert last(run)["global_step"] == 3


@pytest.mark.parametrize("model", expensive_slow(TRANSLATORS))
def test_fit_resume_validate_test_translate_and_load(fit, tmp_path, capsys, model):
    run = fit(model, "run", 2)
    main(["resume", str(run), "--max_steps", "3"])
    ckpt = str(run / "checkpoints" / "last.ckpt")
    assert f"ganzoo translate --input PATH {ckpt}" in capsys.readouterr().out
    loaded = ganzoo.load(ckpt)
    assert type(loaded) is getattr(ganzoo.models, model)
    assert isinstance(loaded, FromImages)
    score = next(iter(loaded.new_metrics(None)[0].scores))
    for command, stage in (("validate", "val"), ("test", "test")):
        main([command, "--ckpt_path", ckpt, "--trust"])  # of the tests' own data
        assert f"{stage}/{score}" in capsys.readouterr().out
    images = 2 * torch.rand(3, 1, 24, 30) - 1
    for direction in [way.name for way in loaded.ways]:
        made = loaded.translate(images, direction)
        assert made.shape == (3, 1, 24, 30)
        assert made.dtype == torch.float32
        assert made.abs().max() <= 1
        assert not torch.equal(made, loaded.translate(images, direction, raw=True))  # the average is another
    assert last(run)["global_step"] == 3
    with pytest.raises(SystemExit):
        main(["sample", ckpt])
    assert "makes images from images, not from noise: use `ganzoo translate" in capsys.readouterr().err
    predict = ["predict", "--ckpt_path", ckpt, "--trust", "--samples.out"]
    main([*predict, str(tmp_path / "all"), "--data.batch_size", "3"])
    main([*predict, str(tmp_path / "few"), "--samples.num", "2"])
    folders = ["AtoB", "BtoA"] if len(loaded.ways) == 2 else ["."]
    for folder, way in zip(folders, loaded.ways, strict=True):
        direction = way.name
        data = getattr(fakes, data_of(model))(image_size=24)
        data.setup()
        for place, count in (("all", 8), ("few", 2)):
            names = sorted(path.name for path in (tmp_path / place / folder).glob("*.png"))
            assert names == [f"{i:06d}.png" for i in range(count)]
        images = data.val[torch.arange(8)][way.reads[0]] / 127.5 - 1
        made = to_uint8(loaded.translate(images, direction))[:, 0].int()
        for i in (0, 1, 7):
            written = torch.from_numpy(np.array(Image.open(tmp_path / "all" / folder / f"{i:06d}.png"))).int()
            assert (written - made[i]).abs().max() <= 1


@pytest.mark.parametrize("model", MODELS_OR_SLOW)
def test_images_seen_are_counted_through_a_resume_with_another_batch(fit, model):
    run = fit(model, "run", 2)
    config = ["--config", str(run / "config.yaml"), "--ckpt_path", "last", "--data.batch_size", "16"]
    main(["fit", *config, "--trainer.max_steps", "3"])
    assert last(run)["ganzoo"]["images_seen"] == 2 * 8 + 16


def test_a_time_limit_is_of_the_process_that_has_it(fit):
    run = fit("GAN", "run", 2, "--trainer.max_time", "00:00:30:00")
    assert "Timer" not in last(run)["callbacks"]
    main(["resume", str(run), "--max_steps", "3"])
    assert last(run)["global_step"] == 3


def test_a_record_says_in_plain_values_what_python_said(tmp_path):
    model = DCGAN(objective=Minimax(), generator=functools.partial(MLPGenerator, hidden=[8]), shape=(1, 16, 16))
    made = record(model.hparams, DCGAN, 7)
    assert made["class_path"] == "ganzoo.models.DCGAN"
    assert made["init_args"]["objective"] == {
        "class_path": "ganzoo.objectives.Minimax",
        "init_args": {"real_target": 1.0},
    }
    assert made["init_args"]["generator"]["init_args"] == {"hidden": [8]}
    assert made["unrecorded"] == []
    model.configure_model()
    checkpoint = {"state_dict": model.state_dict(), "global_step": 0}
    model.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, tmp_path / "python.ckpt")
    again = ganzoo.load(tmp_path / "python.ckpt")
    assert type(again.objective) is Minimax
    torch.testing.assert_close(again.sample(2), model.eval().sample(2))


def test_a_network_that_no_yaml_can_say_is_named_when_loading(tmp_path):
    model = GAN(generator=lambda latent_dim, shape: MLPGenerator(latent_dim, shape, hidden=[8]), shape=(2,))
    model.configure_model()
    checkpoint = {"state_dict": model.state_dict(), "global_step": 0}
    model.on_save_checkpoint(checkpoint)
    assert checkpoint["ganzoo"]["unrecorded"] == ["generator"]
    torch.save(checkpoint, tmp_path / "lambda.ckpt")
    with pytest.raises(ganzoo.UserError, match="a generator built in Python"):
        ganzoo.load(tmp_path / "lambda.ckpt")


def test_an_option_that_a_variant_fixes_is_not_recorded():
    class Fixed(GAN):
        def __init__(self, n_critic: int = 5, **game):
            super().__init__(objective=Minimax(), n_critic=n_critic, **game)

    assert "objective" not in options_of(Fixed)
    assert {"n_critic", "latent_dim", "generator_clip"} <= options_of(Fixed)
    assert record(Fixed(shape=(2,)).hparams, Fixed, 0)["init_args"]["n_critic"] == 5


def test_latents_are_normal_unless_uniform_is_asked_for():
    for latent, most in (("normal", 2.0), ("uniform", 1.0)):
        model = GAN(latent=latent, latent_dim=1000, shape=(2,))
        model.configure_model()
        seen = []
        model.generator.register_forward_pre_hook(lambda module, args, seen=seen: seen.append(args[0]))
        model.sample(4)
        assert (float(seen[0].abs().max()) > most) == (latent == "normal")
        assert float(seen[0].std()) == pytest.approx(1 if latent == "normal" else 3**-0.5, abs=0.05)


def test_every_model_is_a_game_with_a_paper():
    for name in MODELS:
        cls = getattr(ganzoo.models, name)
        assert issubclass(cls, Game)
        assert any(character.isdigit() for character in cls.__doc__.splitlines()[0]), f"{name} names no paper"


@pytest.mark.parametrize("option", [("limit_train_batches", "3"), ("fast_dev_run", "1")])
def test_rounds_are_not_cut_short(tmp_path, capsys, option):
    name, value = option
    with pytest.raises(SystemExit) as stopped:
        main(fit_args("GAN", tmp_path / "cut", 3, f"--trainer.{name}", value))
    assert stopped.value.code == 1
    assert name in capsys.readouterr().err
    assert not (tmp_path / "cut").exists()
