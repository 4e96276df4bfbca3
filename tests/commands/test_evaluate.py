"""`ganzoo evaluate`: scores are the metrics by hand, recipes say how, and what can't be compared is refused."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import evaluated
import numpy as np
import pytest
import torch
from conftest import environment, fit_args
from fakes import Means
from PIL import Image

import ganzoo
from ganzoo import UserError
from ganzoo.cli import main
from ganzoo.commands.evaluate import judged as judged_room
from ganzoo.commands.evaluate.asked import needs_data
from ganzoo.commands.evaluate.command import evaluate as command
from ganzoo.commands.evaluate.evaluating import evaluate, opened
from ganzoo.commands.evaluate.judged import Translations
from ganzoo.commands.evaluate.real import RealSet
from ganzoo.commands.evaluate.result import as_markdown
from ganzoo.data import Digits
from ganzoo.data.base.content import content_of
from ganzoo.data.base.tensors import to_float
from ganzoo.latent.disentanglement import path_lengths
from ganzoo.latent.distances import MultiScale
from ganzoo.metrics import FID, PRDC, Diversity, PathLength, SlicedWassersteinDistance
from ganzoo.metrics.ppl import path_length
from ganzoo.metrics.recipe import differences
from ganzoo.models import GAN
from ganzoo.networks.chance import Dropout
from ganzoo.runs.exported import config_of, write_exported
from ganzoo.runs.loggers import MetricsCSV

SIDE = 16
MEANS = {"extractor": "fakes.Means"}


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home" / "ganzoo"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of one round, without validation."""
    folder = tmp_path_factory.mktemp("evaluate") / "run"
    main(fit_args("GAN", folder, 1, "--trainer.limit_val_batches", "0"))
    return folder


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    """Runs of one round of models that translate, with pairs and without."""
    folder = tmp_path_factory.mktemp("translate")
    for model in ("Pix2Pix", "CycleGAN"):
        main(fit_args(model, folder / model, 1, "--trainer.limit_val_batches", "0"))
    return folder


def images(folder: Path, count=20, size=(SIDE, SIDE), seed=0, mode="L") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    shape = size if mode == "L" else (*size, 3)
    for number in range(count):
        Image.fromarray(rng.integers(256, size=shape, dtype=np.uint8)).save(folder / f"{number:03d}.png")
    return folder


def pixels(folder: Path) -> torch.Tensor:
    arrays = [np.asarray(Image.open(file)) for file in sorted(folder.iterdir())]
    return to_float(torch.from_numpy(np.stack(arrays)).unsqueeze(1), torch.float32)


def digits() -> Digits:
    data = Digits(image_size=SIDE)
    data.setup()
    return data


def by_hand(real, fake):
    found = {}
    for metric in (FID(Means()), PRDC(Means()), SlicedWassersteinDistance()):
        metric.update(real, real=True)
        metric.update(fake, real=False)
        found |= {name: float(value) for name, value in metric.compute().items() if "_std" not in name}
    return found


def values(evaluation):
    return {name: score["value"] for name, score in evaluation["scores"].items()}


# Models -----------------------------------------------------------------------------------------------------


def test_a_checkpoints_scores_are_the_metrics_by_hand_and_are_written_beside_it(run, capsys):
    command(str(run), metrics=["fid", "kid", "prdc", "swd"], **MEANS, num=40, seed=3)
    found = json.loads((run / "evaluation.json").read_text())
    data = digits()
    real = to_float(data.val.tensors["image"], torch.float32)
    fake = ganzoo.load(run).sample(40, seed=3)
    assert values(found) == pytest.approx(by_hand(real, fake), rel=1e-4)
    score = found["scores"]["fid_means"]
    assert (score["recipe"]["real"], score["recipe"]["fake"], score["recipe"]["seed"]) == (300, 40, 3)
    assert score["recipe"]["weights"] == "ema"
    assert score["recipe"]["data"]["checksum"] == content_of(data.val)
    assert score["interval"][0] < score["value"] < score["interval"][1]
    assert found["of"]["checkpoint"] == "last.ckpt"
    assert found["of"]["step"] == 1
    out = capsys.readouterr().out
    assert "Compared with the data of the run: Digits" in out
    assert "40 generated against 300 real of Digits val 1x16x16" in out
    assert (run / "evaluation.md").read_text().startswith("# Scores of last.ckpt, round 1")


def test_raw_weights_another_split_and_python(run, monkeypatch):
    model = ganzoo.load(run)
    data = digits()
    found = ganzoo.evaluate(model, data, [FID(Means())], num=30, raw=True, split="train")
    recipe = found["scores"]["fid_means"]["recipe"]
    assert (recipe["weights"], recipe["real"], recipe["data"]["split"]) == ("raw", 1497, "train")
    real = to_float(digits().train.tensors["image"], torch.float32)
    assert values(found)["fid_means"] == pytest.approx(by_hand(real, model.sample(30, raw=True))["fid_means"], rel=1e-4)
    other = ganzoo.evaluate(model, digits(), [FID(Means())], num=30)["scores"]["fid_means"]["recipe"]
    assert [line.split()[0] for line in differences(recipe, other)] == ["real", "data", "data", "weights"]


def test_real_images_are_looked_at_once(run, monkeypatch):
    counts, forward = [], Means.forward
    monkeypatch.setattr(Means, "forward", lambda self, x: counts.append(len(x)) or forward(self, x))
    first = evaluate(run, metrics=["fid", "prdc"], **MEANS, num=20)
    assert sum(counts) == 320
    counts.clear()
    loaded = []
    monkeypatch.setattr(Digits, "on_after_batch_transfer", lambda *args: loaded.append(args))
    assert values(evaluate(run, metrics=["fid", "prdc"], **MEANS, num=20)) == values(first)
    assert sum(counts) == 20
    assert not loaded


def test_translations_are_compared_with_their_targets(translator):
    found = evaluate(translator / "Pix2Pix", metrics=["fid"], **MEANS, trust=True)
    assert found["scores"].keys() == {"l1", "psnr", "ssim", "fid_means_b", "kid_means_b"}
    recipe = found["scores"]["fid_means_b"]["recipe"]
    assert recipe["settings"]["domain"] == "b"
    assert recipe["real"] == recipe["fake"]


def test_translations_without_pairs_are_asked_in_both_domains_and_there_and_back(translator):
    found = evaluate(translator / "CycleGAN", metrics=["swd"], trust=True)
    assert found["scores"].keys() == {"swd_a", "swd_b", "cycle_a", "cycle_b"}


def test_where_chance_makes_translations_differ_several_of_each_image_are_compared(translator, monkeypatch):
    model = ganzoo.load(translator / "Pix2Pix")
    rows, sides = torch.arange(3), model.shapes
    batch = {name: torch.rand(3, *sides[name]) * 2 - 1 for name in sides}
    judged = Translations(model, 4, True)
    assert judged.several(batch, rows) == {}  # there is no chance in it
    (way,) = model.generator
    model.generator[way] = torch.nn.Sequential(model.generator[way], Dropout(0.5, always=True))
    (several,) = judged.several(batch, rows).values()
    assert several.shape == (3, 10, *sides["b"])
    assert torch.equal(several[:, 0], judged.of(batch, rows)[way])
    assert not torch.equal(several[:, 0], several[:, 1])

    monkeypatch.setattr(judged_room, "has_chance", lambda network: True)  # ten translations, all alike
    monkeypatch.setattr(Diversity, "prepare", lambda metric: None)
    monkeypatch.setattr(Diversity, "features", lambda metric, x: x.flatten(1).double())
    score = evaluate(translator / "Pix2Pix", metrics=["lpips"], trust=True)["scores"]["lpips_diversity_b"]
    assert score["value"] == pytest.approx(0, abs=1e-5)
    assert score["recipe"]["settings"]["together"] == 10


def test_the_closest_to_training_images_are_drawn(run, tmp_path):
    """Samples that are copies of training images: they are found, and the picture has both in each row."""
    data = digits()
    for row in range(12):
        (tmp_path / "copies").mkdir(exist_ok=True)
        Image.fromarray(data.train.tensors["image"][row, 0].numpy()).save(tmp_path / "copies" / f"{row:02d}.png")
    found = ganzoo.evaluate("copies", data, ["memorization"], **MEANS, pictures=tmp_path / "x")
    assert values(found)["memorized_means"] > 0.9
    sheet = np.asarray(Image.open(tmp_path / "x-memorization.png").convert("L"))
    assert sheet.min() < 60
    assert "interval" in found["scores"]["memorized_means"]


def test_copies_are_found_whatever_part_of_the_data_others_are_compared_with(tmp_path):
    """The training images are no held-out ones: by them copies would look new."""
    data = digits()
    (tmp_path / "copies").mkdir()
    for row in range(12):
        Image.fromarray(data.train.tensors["image"][row, 0].numpy()).save(tmp_path / "copies" / f"{row:02d}.png")
    found = ganzoo.evaluate("copies", data, ["memorization", "fid"], **MEANS, split="train")
    assert values(found)["memorized_means"] > 0.9
    parts = {name: score["recipe"]["data"]["split"] for name, score in found["scores"].items()}
    assert (parts["memorized_means"], parts["fid_means"]) == ("val", "train")


def test_the_path_length_is_that_of_pairs_on_paths(run, monkeypatch):
    monkeypatch.setattr(PathLength, "prepare", lambda self: self.distance.append(MultiScale()))
    score = evaluate(run, metrics=["ppl"], num=20)["scores"]["ppl"]
    lengths = torch.cat([*path_lengths(ganzoo.load(run).eval(), MultiScale(), "z", 20)])
    assert score["value"] == pytest.approx(path_length(lengths), rel=1e-3)
    assert score["recipe"]["settings"]["space"] == "z"


def test_where_no_metric_needs_real_images_none_are_read(run, tmp_path, monkeypatch, capsys):
    def read(*args):
        raise AssertionError("a real image was read")

    monkeypatch.setattr(RealSet, "content", read)
    monkeypatch.setattr(RealSet, "batches", read)
    alone = evaluate(run, metrics=["msssim"], num=8)["scores"]["msssim"]
    assert "Compared with" not in capsys.readouterr().out
    assert evaluate(run, "Digits", ["msssim"], num=8)["scores"]["msssim"] == alone
    assert (alone["recipe"]["real"], alone["recipe"]["data"]) == (0, {})
    folder = images(tmp_path / "fake", 6)
    other = evaluate(folder, None, ["msssim"])["scores"]["msssim"]
    assert evaluate(folder, str(images(tmp_path / "real")), ["msssim"])["scores"]["msssim"] == other
    with pytest.raises(UserError, match="give the data"):
        evaluate(folder, None, ["msssim", "swd"])
    assert [needs_data([name], None) for name in ("ppl", "lpips", "modes-found", "asked", "fid")] == [False] * 2 + [
        True
    ] * 3
    assert needs_data(["is"], "judge")
    assert not needs_data(["is"], None)


# Folders ----------------------------------------------------------------------------------------------------


def test_a_folder_against_a_folder_is_the_metrics_by_hand(tmp_path):
    fake, real = images(tmp_path / "fake"), images(tmp_path / "real", 30, seed=1)
    found = evaluate(fake, str(real), ["fid", "prdc", "swd"], **MEANS)
    assert values(found) == pytest.approx(by_hand(pixels(real), pixels(fake)), rel=1e-4)
    assert found["of"].keys() == {"folder", "checksum"}
    recipe = found["scores"]["swd"]["recipe"]
    assert (recipe["weights"], recipe["seed"], recipe["precision"]) == (None, None, None)


def test_a_zip_is_its_folder(tmp_path):
    fake, real = images(tmp_path / "fake"), images(tmp_path / "real", 30, seed=1)
    with zipfile.ZipFile(tmp_path / "fake.zip", "w") as archive:
        for file in fake.iterdir():
            archive.write(file, f"inner/{file.name}")
    zipped = evaluate(tmp_path / "fake.zip", str(real), ["swd"])
    plain = evaluate(fake, str(real), ["swd"])
    assert values(zipped) == values(plain)
    assert zipped["of"]["checksum"] == plain["of"]["checksum"]


def test_the_data_come_in_the_size_of_the_images(tmp_path):
    found = evaluate(images(tmp_path / "fake"), "Digits", ["swd"])
    assert found["scores"]["swd"]["recipe"]["data"]["size"] == [1, SIDE, SIDE]


def test_mixed_sizes_are_refused_unless_resized_which_the_recipe_says(tmp_path):
    fake = images(images(tmp_path / "fake"), 3, (20, 24))
    images(fake, 22, (SIDE, SIDE))
    images(fake, 3, (20, 24))
    with pytest.raises(UserError, match=r"2 sizes \(19 of 16x16, 3 of 20x24\).*--resize"):
        evaluate(fake, "Digits", ["swd"])
    found = evaluate(fake, "Digits", ["swd"], resize=12)
    assert "12 px" in found["scores"]["swd"]["recipe"]["settings"]["resized"]


def test_a_copy_of_the_real_set_is_told(tmp_path, capsys):
    real = images(tmp_path / "real")
    shutil.copytree(real, tmp_path / "copy")
    found = evaluate(tmp_path / "copy", str(real), ["fid"], **MEANS)
    assert "hold the same images" in capsys.readouterr().out
    assert values(found)["fid_means"] == pytest.approx(0, abs=1e-6)


# What can't be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"samples": "none"}, "there is no checkpoint none"),
        ({"samples": "empty"}, "empty has no images"),
        ({"samples": "real", "data": "real"}, "compared with itself"),
        ({"samples": "real", "data": "one"}, "there is 1 real image to compare with: give a set of 2 or more"),
        ({"samples": "one", "data": "real"}, "need 2 generated samples or more, and there are 1"),
        ({"samples": "real"}, "give the data that the images are compared with"),
        ({"samples": "real", "data": "Digitz"}, "data is Digitz: there are"),
        ({"samples": "real", "data": "Toy2D"}, "Toy2D has no single images"),
        ({"samples": "real", "data": "Digits", "root": "x"}, "Digits comes by itself"),
        ({"samples": "real", "data": "other", "metrics": ["fidd"]}, "there is no metric fidd: the names are"),
        ({"samples": "real", "data": "other", "extractor": "vgg"}, "there is no extractor vgg"),
        ({"samples": "real", "data": "other", "num": 21}, "num is 21, and real has 20 images"),
        ({"samples": "real", "data": "other", "num": 0}, "num is 0"),
        ({"samples": "real", "data": "other", "split": "test"}, "split is test"),
        ({"samples": "real", "data": "other", "metrics": []}, "give one metric or more"),
        ({"samples": "real", "data": "broken"}, "001.png in broken is no image of a kind that is read"),
        ({"samples": "broken", "data": "real"}, "001.png in broken is no image of a kind that is read"),
        ({"samples": "real", "data": "other", "metrics": ["prdc"], "num": 5}, "need 6 generated samples or more"),
    ],
)
def test_it_is_one_line(tmp_path, given, words):
    images(tmp_path / "real")
    images(tmp_path / "other", 30, seed=2)
    images(tmp_path / "one", 1)
    (images(tmp_path / "broken") / "001.png").write_bytes(b"\x89PNG")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as error:
        evaluate(given.pop("samples"), **{"metrics": ["fid"], **MEANS, **given})
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_of_another_shape_is_refused(run, tmp_path):
    with pytest.raises(UserError, match=r"makes samples of 1x16x16 \(image\), and Digits has 1x8x8"):
        ganzoo.evaluate(ganzoo.load(run), Digits(image_size=8), [FID(Means())], num=30)
    with pytest.raises(UserError, match="resize is for images of a folder"):
        evaluate(run, resize=8, **MEANS)


def test_a_checkpoint_alone_says_what_is_missing(run, tmp_path):
    shutil.copy(run / "checkpoints" / "last.ckpt", tmp_path / "alone.ckpt")
    with pytest.raises(UserError, match="is no run of ganzoo, so its data are unknown: give the data"):
        evaluate("alone.ckpt", **MEANS)
    assert values(evaluate("alone.ckpt", "Digits", ["swd"], num=20))


def test_nothing_is_left_where_it_fails(tmp_path):
    images(tmp_path / "real")
    with pytest.raises(UserError, match=r"give a \.json"):
        command("real", against="real", out="x.csv")
    with pytest.raises(UserError, match="against is a folder"):
        command("real", against="real", data="Digits")
    with pytest.raises(UserError):
        command("real", against="real", metrics=["swd"])
    assert not list(tmp_path.glob("evaluation*"))


def test_markdown_is_text_alone():
    score = {"value": 1.0, "higher_is_better": False, "deviation": None, "interval": None}
    recipe = {"settings": {"rule": "<="}, "extractor": None, "real": 2, "fake": 2, "seed": None}
    recipe |= {"data": {"name": "<b>|x"}, "weights": None, "precision": None, "versions": {}}
    of = {"folder": "<script>alert(1)</script> [x](http://y) | `z`"}
    page = as_markdown(
        {"of": of, "made": "", "hardware": "", "seconds": 1, "scores": {"fid": score | {"recipe": recipe}}}
    )
    assert "<script" not in page
    assert "<b" not in page
    assert "](" not in page
    assert "rule <=" in page


@pytest.mark.slow
def test_a_rank_with_fewer_batches_hangs_no_validation(tmp_path):
    """Five real images in batches of 2 on two ranks: one has a batch more. Then one image, which is refused."""
    command = [sys.executable, str(Path(evaluated.__file__)), "few", str(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=280)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "need 2 samples or more to validate with, and there is 1" in done.stderr
    alone = evaluated.few_args(str(tmp_path / "alone"), 1, 5)
    main(alone)
    one, two = (MetricsCSV(tmp_path / name).curves() for name in ("alone", "few"))
    for name in ("val/fid_means", "val/fid_digits", "samples/val"):
        assert two[name][0][1] == pytest.approx(one[name][0][1], rel=1e-4)
    assert json.loads((tmp_path / "few" / "recipes.json").read_text()).keys() >= {"val/fid_means"}


@pytest.mark.slow
def test_two_ranks_are_one(run, tmp_path):
    fake = images(tmp_path / "fake", 23)
    ckpt = str(run / "checkpoints" / "last.ckpt")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    evaluated.main(ckpt, str(fake), str(tmp_path / "one"), 1)
    shutil.rmtree(tmp_path / "home")
    command = [sys.executable, str(Path(evaluated.__file__)), ckpt, str(fake), str(tmp_path / "two")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("model", "folder"):
        one, two = (json.loads((tmp_path / where / f"{name}.json").read_text()) for where in ("one", "two"))
        assert values(two) == pytest.approx(values(one), rel=1e-5, abs=1e-7)
        for score, found in one["scores"].items():
            assert two["scores"][score]["recipe"] == found["recipe"]
            deviations = [each["scores"][score]["deviation"] or 0.0 for each in (one, two)]  # None: not known
            assert deviations[1] == pytest.approx(deviations[0], rel=1e-4, abs=1e-9)
    assert done.stdout.count("Scores of last.ckpt") == 1  # one of them speaks


@pytest.mark.parametrize("option", [{"resize": 100_000}, {"num": 10**9}, {"seed": 2**63}])
def test_huge_numbers_are_refused(tmp_path, option):
    with pytest.raises(UserError, match="give at most"):
        ganzoo.evaluate(tmp_path, **option)


def test_an_export_has_the_round_of_its_training(tmp_path):
    model, checkpoint = GAN(shape=(1, 8, 8)), {"global_step": 7}
    model.configure_model()
    model.on_save_checkpoint(checkpoint)
    write_exported(tmp_path / "x.safetensors", model, config_of(model, checkpoint, False), False)
    assert opened(tmp_path / "x.safetensors", False)[1]["step"] == 7


@pytest.mark.parametrize("option", [{"weights": "nope"}, {"extractor": "fakes.Means"}])
def test_an_extractor_that_nothing_looks_through_is_refused(tmp_path, option):
    for folder in ("one", "other"):
        for number in range(3):
            write_png(tmp_path / folder / f"{number}.png", number + 10 * len(folder))
    with pytest.raises(UserError, match="none of these metrics looks"):
        evaluate(tmp_path / "one", str(tmp_path / "other"), ["swd"], **option)


def write_png(path, level):
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (SIDE, SIDE), level).save(path)
