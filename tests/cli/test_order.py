"""Options may be given in any order."""

import pytest

from ganzoo.cli.order import names_first, with_networks

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
    assert with_networks(args, "DCGAN")[3:] == ["--model.generator=DCGANGenerator", "--model.generator.width", "8"]
    named = [*args[:3], "--model.generator", "MLPGenerator", *args[3:]]
    assert with_networks(named, "DCGAN") == named
    assert with_networks(args, "MyGAN") == args
