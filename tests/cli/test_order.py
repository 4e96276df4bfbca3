"""Options may be given in any order."""

import pytest

from ganzoo.cli.configs import model_named
from ganzoo.cli.order import configs_first, long_config, names_first, with_networks

ORDERS = [
    ("fit --data.root X --data ImageFolder --model GAN", "fit --data ImageFolder --data.root X --model GAN"),
    ("fit --model.objective Hinge --model=DCGAN", "fit --model=DCGAN --model.objective Hinge"),
    ("fit --model.g.width 8 --model.g G --model GAN", "fit --model GAN --model.g G --model.g.width 8"),
    ("fit --model.lr 1 --model.class_path GAN", "fit --model.class_path GAN --model.lr 1"),
    ("fit -c a.yaml --model.penalties+=R1 --model.penalties.weight 3 --model.penalties+=R2", None),
    ("fit --model GAN --model.n_critic 2", None),
]


@pytest.mark.parametrize(("typed", "wanted"), ORDERS)
def test_names_come_first(typed, wanted):
    assert names_first(typed.split()) == (wanted or typed).split()


def test_the_usual_network_is_named():
    args = ["fit", "--model", "DCGAN", "--model.generator.width", "8"]
    assert with_networks(args, "DCGAN", {})[3:] == ["--model.generator=DCGANGenerator", "--model.generator.width", "8"]
    named = [*args[:3], "--model.generator", "MLPGenerator", *args[3:]]
    assert with_networks(named, "DCGAN", {}) == named
    assert with_networks(args, "MyGAN", {}) == args
    assert with_networks(args, "DCGAN", {"generator": None}) == with_networks(args, "DCGAN", {})
    assert with_networks(args, "DCGAN", {"generator": {"class_path": "MLPGenerator"}}) == args


@pytest.mark.parametrize("form", ["-c a.yaml", "-c=a.yaml", "-ca.yaml", "--config a.yaml", "--config=a.yaml"])
def test_a_config_stands_first_in_each_of_its_forms(form):
    args = configs_first(long_config(["fit", "--trainer.max_steps", "3", *form.split(), "--data.root", "-x"]))
    assert " ".join(args).replace("=", " ") == "fit --config a.yaml --trainer.max_steps 3 --data.root -x"


def test_the_model_of_a_config_is_known(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("model: {class_path: DCGAN, init_args: {n_critic: 2}}")
    assert model_named(["fit", "--config", str(file)]) == {"class_path": "DCGAN", "init_args": {"n_critic": 2}}
    assert (
        model_named(["fit", f"--config={file}", "--config", "{model: GAN}", "--model", "WGAN"])["class_path"] == "WGAN"
    )
    assert model_named(["fit", "--data", "Digits"]) is None
