"""Usual names of other programs lead to ganzoo's, in a line."""

import inspect
import re

import lightning as L
import pytest

from ganzoo.cli import main
from ganzoo.cli.catalogue import others, summaries
from ganzoo.cli.help import ROOMS
from ganzoo.cli.usual import COMMANDS, OF_FIT, OF_OTHERS, class_meant, command_meant, refuse_usual_names
from ganzoo.system.options import options_in

FIT = [  # what is typed after `ganzoo fit`, and words of the answer
    ("--epochs 5", "--trainer.max_steps? It counts rounds: an epoch is"),
    ("--model DCGAN --data Digits --steps=5", "--trainer.max_steps"),
    ("--config x.yaml --lr 1e-3", "--model.generator_optimizer.lr and --model.discriminator_optimizer.lr"),
    ("--learning-rate 1e-3", "--model.generator_optimizer.lr and --model.discriminator_optimizer.lr"),
    ("--gpus 2", "--trainer.devices"),
    ("--batch_size 8", "--data.batch_size"),
    ("--batch-size=8", "--data.batch_size"),
    ("--seed 1", "--seed_everything"),
    ("--dataroot x", "--data.root"),
    ("--dataset mnist", "--data?"),
    ("--out x", "--run_dir"),
    ("--resume x", "ganzoo resume RUN"),
    ("--version", "ganzoo --version"),
]
OTHERS = [
    ("sample x.ckpt --class 7", "did you mean --label?"),
    ("sample x.ckpt -n 7", "did you mean --num?"),
    ("sample --ckpt_path x.ckpt", "give it without a name: ganzoo sample CKPT"),
    ("sample --ckpt x.ckpt", "give it without a name: ganzoo sample CKPT"),
    ("resume x --epochs 7", "did you mean --max_steps? It counts rounds"),
    ("resume x --lr 1e-4", "--model.generator_optimizer.lr and --model.discriminator_optimizer.lr"),
    ("translate x --dataroot y", "did you mean --input?"),
    ("data get --name mnist", "give it without a name: ganzoo data get NAME"),
    ("data prepare a b --size 64", "did you mean --image_size?"),
    ("lesson critics --output x", "did you mean --out?"),
]


@pytest.mark.parametrize(("typed", "words"), [(f"fit {typed}", words) for typed, words in FIT] + OTHERS)
def test_a_usual_option_is_answered_with_ours(capsys, typed, words):
    with pytest.raises(SystemExit) as stop:
        main(typed.split())
    out, error = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    assert error.startswith("ganzoo: unknown option -")
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("train", "mean ganzoo fit?"),
        ("generate", "ganzoo sample?"),
        ("download", "data get?"),
        ("fitt", "fit?"),
    ],
)
def test_a_usual_command_is_answered_with_ours(typed, words):
    assert words in command_meant(typed, summaries())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bedrooms", "did you mean LSUN? `ganzoo data get lsun_bedroom` fetches it"),
        ("facades", "did you mean Paired? `ganzoo data get facades`"),
        ("celeba", "did you mean Faces?"),
        ("CelebA", "did you mean Faces?"),
        ("mnist", "did you mean MNIST?"),
        ("ffhq", "did you mean Faces?"),
        ("ring", "did you mean Toy2D?"),
        ("digit", "did you mean Digits?"),
        ("Fases", "did you mean Faces?"),
        ("cats", "did you mean CIFAR10? For images of your own: --data ImageFolder --data.root FOLDER"),
        ("shoes", "did you mean Paired? `ganzoo data get edges2shoes`"),
        ("qqqq", "there are: CIFAR10"),
        ("qqqq", "; for images of your own: --data ImageFolder --data.root FOLDER"),
    ],
)
def test_a_usual_name_of_data_is_answered_with_ours(name, words):
    assert words in class_meant("data", name)


@pytest.mark.parametrize(("name", "words"), [("Wasserstein", "WGAN?"), ("hinge", "SNGAN?"), ("cycle-gan", "CycleGAN?")])
def test_a_model_is_found_by_what_it_is_known_for(name, words):
    assert class_meant("model", name) == f"; did you mean {words}"


def test_a_folder_is_no_data_set_but_its_images_are(tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    with pytest.raises(SystemExit):
        main(["fit", "--model", "DCGAN", "--data", str(folder)])
    assert f"it is a folder: for its images, --data ImageFolder --data.root {folder}" in capsys.readouterr().err


def test_the_tables_name_what_there_is():
    trainer = {f"--trainer.{name}" for name in inspect.signature(L.Trainer).parameters}
    known = {f"--model.{option.name}" for option in options_in("GAN", *ROOMS["model"])}
    known |= {f"--data.{option.name}" for option in options_in("ImageFolder", *ROOMS["data"])}
    known |= {"--model", "--data", "--seed_everything", "--run_dir", "--config"}
    known |= {"--checkpoint.every_n_steps", "--pictures.every_n_steps"}
    for ours in OF_FIT:
        for name in re.findall(r"--[\w.]+", ours.partition("ganzoo ")[0]):
            assert re.sub(r"_optimizer\.\w+$", "_optimizer", name) in known | trainer
    groups = [command if isinstance(command, dict) else {"": command} for command in others().values()]
    functions = [function for group in groups for function in group.values() if callable(function)]
    taken = {name for function in functions for name in inspect.signature(function).parameters}
    assert set(OF_OTHERS) <= taken
    assert all(words.split()[0] in summaries() for words in COMMANDS)


@pytest.mark.parametrize("typed", ["--version", "version", "-V"])
def test_the_version_is_printed(capsys, typed):
    main([typed])
    assert re.fullmatch(r"ganzoo \d+\.\d+.*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("option", "ours"),
    [("--model.lr", "--model.generator_optimizer.lr"), ("--data.epochs", "max_steps"), ("--trainer.gpus", "devices")],
)
def test_usual_names_in_an_odd_place(option, ours, capsys):
    with pytest.raises(SystemExit):
        refuse_usual_names("fit", [option, "2"])
    assert f"unknown option {option}; did you mean --" in (error := capsys.readouterr().err)
    assert ours in error
    refuse_usual_names("fit", ["--data.root", "x", "--model.latent_dim", "3", "--trainer.max_epochs", "-1"])
    refuse_usual_names("fit", ["--model", "my_models.MyGAN", "--model.lr", "2"])
