"""What a validation keeps for the next one, and beside its scores: features of the real images, and recipes."""

import json
import shutil

import numpy as np
import pytest
from conftest import QUIET
from fakes import Means
from PIL import Image

from ganzoo.cli import main
from ganzoo.data import Digits, ImageFolder
from ganzoo.data.base.content import content_of
from ganzoo.game.validation import VALIDATION_SEED
from ganzoo.runs.loggers import MetricsCSV
from ganzoo.system.machine import cache_folder

FID_TOO = ["--data.extra_metrics", '[{"class_path": "FID", "init_args": {"extractor": "fakes.Means"}}]']

BOTH = [FID_TOO[0], FID_TOO[1].replace("}}]", "}}, ") + FID_TOO[1][1:].replace("FID", "Memorization")]

TRIED = 2 * 8  # images of a metric of the user's own, before the run


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """A cache of its own, with the judges that other tests have trained."""
    judges = [*cache_folder().parent.glob("judge-*.pt")]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    own = tmp_path / "home" / "ganzoo"
    own.mkdir(parents=True)
    for file in judges:
        shutil.copy(file, own)
    return own


@pytest.fixture
def seen(monkeypatch):
    """At how many images the extractor has looked, batch by batch."""
    counts, forward = [], Means.forward
    monkeypatch.setattr(Means, "forward", lambda self, x: counts.append(len(x)) or forward(self, x))
    return counts


def validate(run, capsys, *more):
    capsys.readouterr()
    main(["validate", "--ckpt_path", str(run / "checkpoints" / "last.ckpt"), *QUIET, "--trust", *more])
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("val/")]
    return {line[0]: line[1] for line in lines if len(line) == 2}


def test_the_second_validation_looks_at_no_real_image(fit, seen, capsys, cache):
    run = fit("GAN", "run", 4, *BOTH, "--pictures.every_n_steps", "4")  # two batches of 8
    assert sum(seen) == 1497 + 2 * TRIED + 2 * 16
    with Image.open(run / "memorization.png") as picture:
        assert min(picture.size) > 300
    seen.clear()
    validate(run, capsys)
    assert sum(seen) == 16  # the generated ones
    seen.clear()
    whole = ["--trainer.limit_val_batches", "1.0"]
    first = validate(run, capsys, *whole)
    assert sum(seen) == 2 * 300 - 16  # the first are known from the run
    seen.clear()
    assert validate(run, capsys, *whole, "--data.batch_size", "50") == first
    assert sum(seen) == 300
    assert len(list(cache.glob("features-*.pt"))) == 3  # of the judge too, and of the training images


def test_a_sanity_check_keeps_nothing_that_is_not_whole(fit, seen):
    fit("GAN", "run", 4, *FID_TOO, "--trainer.num_sanity_val_steps", "1")
    seen.clear()
    fit("GAN", "again", 4, *FID_TOO, "--trainer.num_sanity_val_steps", "1")
    assert sum(seen) == TRIED + 8 + 16  # of the sanity check and of the validation only the generated ones


# Contents ---------------------------------------------------------------------------------------------------


def write(folder, count=30, change=None):
    rng = np.random.default_rng(0)
    for number in range(count):
        pixels = rng.integers(256, size=(12, 16, 3), dtype=np.uint8)
        if number == change:
            pixels[3, 5, 1] ^= 1
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return folder


def content(folder, part="val", **options):
    data = ImageFolder(root=str(folder), num_workers=0, **{"image_size": 12, **options})
    data.setup()
    return content_of(getattr(data, part))


def test_one_pixel_changes_it_and_another_place_does_not(tmp_path):
    folder = write(tmp_path / "one")
    first = content(folder, "train")
    assert content(folder, "train") == first  # by the cache
    assert content(write(tmp_path / "two"), "train") == first
    data = ImageFolder(root=str(folder), num_workers=0, image_size=12)
    data.setup()
    row = int(data.train.rows[4])
    assert content(write(tmp_path / "three", change=row), "train") != first
    assert content(folder, "train", image_size=10) != first
    assert content(folder, "train", channels=1) != first
    assert content(folder, "train", fit="stretch") != first
    assert content(folder, "val") != first


def test_a_file_that_changed_under_the_same_name_and_size_is_seen(tmp_path):
    folder = write(tmp_path / "one")
    first = content(folder, "train")
    data = ImageFolder(root=str(folder), num_workers=0, image_size=12)
    data.setup()
    file = folder / data.train.store.names[int(data.train.rows[7])]
    pixels = np.asarray(Image.open(file)).copy()
    pixels[0, 6] = 255 - pixels[0, 6]
    Image.fromarray(pixels).save(file)
    assert content(folder, "train") != first


def test_a_prepared_set_has_the_contents_of_its_files(tmp_path):
    folder = write(tmp_path / "one")
    main(["data", "prepare", str(folder), str(tmp_path / "ready"), "--image-size", "12"])
    assert content(tmp_path / "ready") == content(folder)


def test_a_set_in_memory_has_one_too():
    data = Digits(image_size=8)
    data.setup()
    first = content_of(data.val)
    assert content_of(data.val) == first
    data.val.tensors["label"][3] += 1
    assert content_of(data.val) != first
    data.val.tensors["label"][3] -= 1
    data.val.tensors["image"][5, 0, 2, 2] ^= 1
    assert content_of(data.val) != first


# Recipes ----------------------------------------------------------------------------------------------------


def test_each_score_of_a_run_has_its_recipe(fit):
    run = fit("GAN", "run", 4, *FID_TOO)
    recipes = json.loads((run / "recipes.json").read_text())
    scores = {name for name in MetricsCSV(run).curves() if name.startswith(("val/", "final/"))}
    assert recipes.keys() == {name for name in scores if "_best" not in name}
    recipe = recipes["val/fid_means"]
    data = Digits(image_size=16)
    data.setup()
    assert recipe["data"] == {"name": "Digits", "split": "val", "checksum": content_of(data.val), "size": [1, 16, 16]}
    assert (recipe["metric"], recipe["extractor"]["name"]) == ("fid", "Means")
    assert (recipe["real"], recipe["fake"], recipe["seed"]) == (16, 16, VALIDATION_SEED)
    assert (recipe["weights"], recipe["precision"]) == ("ema", "fp32")
    assert recipes["val/kl"]["extractor"]["weights"]  # the judge's


def test_raw_weights_and_another_precision_are_in_it(fit):
    run = fit("GAN", "run", 4, "--model.ema", "null", "--trainer.precision", "64-true")
    recipe = json.loads((run / "recipes.json").read_text())["val/kl"]
    assert (recipe["weights"], recipe["precision"]) == ("raw", "fp64")


def test_a_run_that_goes_on_has_the_same_file(fit):
    whole = fit("GAN", "whole", 12)
    parts = fit("GAN", "parts", 6)
    main(["resume", str(parts), "--max_steps", "12"])
    assert (parts / "recipes.json").read_bytes() == (whole / "recipes.json").read_bytes()


def test_a_broken_file_stops_no_run(fit, capsys):
    run = fit("GAN", "run", 4)
    good = (run / "recipes.json").read_bytes()
    (run / "recipes.json").write_text("{")
    main(["resume", str(run), "--max_steps", "8"])
    assert "recipes.json.broken" in capsys.readouterr().out
    assert (run / "recipes.json").read_bytes() == good
