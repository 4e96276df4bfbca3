"""A run on images of 12 bits that are not square: fit, its checkpoint, resume, samples, walks."""

import numpy as np
import pytest
from conftest import QUIET, last
from fakes import encoded
from PIL import Image

import ganzoo
from ganzoo.cli import main

SMALL = [f"--model.{player}.width=2" for player in ("generator", "discriminator")]
NETWORKS = ["--model.generator=DCGANGenerator", "--model.discriminator=DCGANDiscriminator", *SMALL]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "set").mkdir()
    for i in range(12):
        grey = np.random.default_rng(i).integers(0, 4000, (30, 40)).astype(np.uint16)
        (folder / "set" / f"{i}.png").write_bytes(encoded(Image.fromarray(grey), "PNG"))
    data = ["--data=ImageFolder", f"--data.root={folder / 'set'}", "--data.channels=1", "--data.image_size=16x24"]
    more = ["--data.batch_size=4", "--data.num_workers=0", "--trainer.max_steps=1", "--pictures.every_n_steps=0"]
    main(["fit", "--model=DCGAN", *NETWORKS, *data, *more, *QUIET, f"--run_dir={folder / 'r'}"])
    return folder / "r"


def test_the_checkpoint_says_how_its_images_were_made(run):
    assert last(run)["ganzoo"]["image_forms"] == {
        "image": {"levels": [0, 4095], "given": False, "resize": "bilinear", "fit": "crop"}
    }
    model = ganzoo.load(run / "checkpoints" / "last.ckpt")
    assert model.image_forms["image"]["levels"] == [0, 4095]
    assert model.sample(2).shape == (2, 1, 16, 24)


def test_it_goes_on_and_is_walked_in(run, tmp_path):
    main(["resume", str(run), "--max_steps", "2"])
    assert last(run)["global_step"] == 2
    ckpt = str(run / "checkpoints" / "last.ckpt")
    main(["sample", ckpt, "--num", "2", "--out", str(tmp_path / "s")])
    assert Image.open(tmp_path / "s" / "000001.png").size == (24, 16)
    main(["interpolate", ckpt, "--num", "2", "--steps", "1", "--stops", "2", "--out", str(tmp_path / "w.png")])
    assert Image.open(tmp_path / "w.png").width > 24
