"""`ganzoo translate`: files, folders, videos, tiles, and what can't be translated."""

import itertools
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from types import SimpleNamespace

import lightning
import numpy as np
import pytest
import torch
from conftest import QUIET, environment, kept
from fakes import encoded, picture, write_images, write_pairs, write_unpaired
from PIL import Image
from torch import nn

import ganzoo
from ganzoo.cli import main
from ganzoo.commands.translate import images, tiles, translation
from ganzoo.commands.translate.images import ahead, alike
from ganzoo.commands.translate.tiles import ramps, starts
from ganzoo.commands.translate.translation import Translation
from ganzoo.data import Grey2Colour, Horse2Zebra
from ganzoo.data.files.forms import Form
from ganzoo.data.files.pixels import fitted
from ganzoo.data.files.sources import Names
from ganzoo.models import CUT, GAN, CycleGAN, Pix2Pix
from ganzoo.networks import PatchGAN, ResNetTranslator, UNet
from ganzoo.pictures.grids import to_uint8
from ganzoo.pictures.provenance import noted, refuse_others
from ganzoo.runs.callbacks import SampleWriter
from ganzoo.system.errors import UserError
from ganzoo.system.files import distinct

SMALL = {
    "generator": partial(ResNetTranslator, width=2, blocks=1),
    "discriminator": partial(PatchGAN, patch=16, width=2, norm="instance"),
}


def shapes(a=3, b=3, side=16):
    return {"a": (a, side, side), "b": (b, side, side)}


@pytest.fixture
def ckpt(tmp_path):
    return kept(CycleGAN(shapes=shapes(), **SMALL), tmp_path / "cyclegan.ckpt")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run `ganzoo translate`; return what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        main(["translate", *map(str, args)])
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(run, capsys):
    """Run it; return its one line of complaint."""

    def refused(*args):
        with pytest.raises(SystemExit) as stopped:
            run(*args)
        assert stopped.value.code == 1
        err = capsys.readouterr().err
        assert err.startswith("ganzoo: ")
        assert err.count("\n") == 1
        return err

    return refused


def pixels(path):
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image)).int()


def expected(ckpt, path, direction="AtoB", **options):
    """What the model makes of an image file, by hand."""
    x = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None] / 127.5 - 1
    return to_uint8(ganzoo.load(ckpt).translate(x, direction, **options))[0].permute(1, 2, 0).int()


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# What is written --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_a_folder_keeps_its_names_and_sizes(ckpt, run, tmp_path, direction):
    write_images(tmp_path / "in" / "deep", 5)
    (tmp_path / "in" / "wide.png").write_bytes(encoded(picture(7, 37, 11), "PNG"))
    (tmp_path / "in" / "notes.txt").write_text("no image")
    out = run(ckpt, "--input", "in", "--out", "out", "--direction", direction, "--batch_size", "3")
    assert out == f"Left out: 1 other file: notes.txt.\n6 images, {direction} by CycleGAN: out\n"
    assert files(tmp_path / "out") == [*(f"deep/{i:06d}.png" for i in range(5)), "wide.png"]
    for name, suffix in (("wide", "png"), ("deep/000004", "jpg")):
        made = pixels(tmp_path / f"out/{name}.png")
        assert (made - expected(ckpt, tmp_path / f"in/{name}.{suffix}", direction)).abs().max() <= 1


def test_images_far_from_the_training_size_are_remarked_on_once(ckpt, run, tmp_path):
    for name, side in (("near", 32), ("far", 34), ("further", 40)):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{name}.png").write_bytes(encoded(picture(0, side, side), "PNG"))
    out = run(ckpt, "--input", "in", "--out", "out")
    assert out.count("The model was trained on images of 16x16 px") == 1
    assert "--image_size [16,16] crops and resizes the images" in out
    assert run(ckpt, "--input", "in", "--out", "fitted", "--image_size", "[16,16]").count("\n") == 1
    assert run(ckpt, "--input", "in/near.png", "--out", "near").count("\n") == 1


def test_a_single_file_and_side_by_side(ckpt, run, tmp_path):
    (tmp_path / "x.png").write_bytes(encoded(picture(0, 20, 12), "PNG"))
    assert run(ckpt, "--input", "x.png", "--out", "out") == "1 image, AtoB by CycleGAN: out\n"
    run(ckpt, "--input", "x.png", "--out", "both.png", "--compare")
    both = pixels(tmp_path / "both.png")
    assert both.shape == (12, 40, 3)
    assert both[:, :20].equal(pixels(tmp_path / "x.png"))
    assert both[:, 20:].equal(pixels(tmp_path / "out/x.png"))


def test_two_files_of_one_stem_are_kept_apart(ckpt, run, tmp_path):
    write_images(tmp_path / "in", 2)
    (tmp_path / "in" / "000000.png").write_bytes(encoded(picture(9), "PNG"))
    run(ckpt, "--input", "in", "--out", "out")
    assert files(tmp_path / "out") == ["000000.jpg.png", "000000.png.png", "000001.png"]


@pytest.mark.parametrize("names", [["a.jpg", "a.png", "a.jpg.png"], ["a.jpg.png.png", "a.jpg.png", "a.jpg", "a.png"]])
def test_no_two_files_get_one_name(names):
    made = distinct(names)
    assert len(set(made)) == len(names)
    assert all(file.endswith(".png") for file in made)


def test_images_are_upright_and_of_any_mode_and_resized_only_if_asked(run, tmp_path):
    ckpt = kept(CycleGAN(shapes=shapes(3, 1), lambda_identity=0.0, **SMALL), tmp_path / "c.ckpt")
    (tmp_path / "in").mkdir()
    upright = Image.Exif()
    upright[0x0112] = 6  # turned
    picture(1, 24, 12).save(tmp_path / "in" / "turned.jpg", exif=upright)
    picture(2, 24, 12).convert("P").save(tmp_path / "in" / "palette.png")
    run(ckpt, "--input", "in", "--out", "out", "--compare")
    assert pixels(tmp_path / "out/turned.png").shape == (24, 24, 3)
    assert pixels(tmp_path / "out/palette.png").shape == (12, 48, 3)
    run(ckpt, "--input", "in", "--out", "small", "--image-size", "16")
    assert pixels(tmp_path / "small/turned.png").shape == (16, 16)  # grey, as b is
    run(ckpt, "--input", "small", "--out", "back", "--direction", "BtoA")
    assert pixels(tmp_path / "back/turned.png").shape == (16, 16, 3)


def test_what_is_there_stays(ckpt, run, tmp_path):
    write_images(tmp_path / "in", 4)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "000002.png").write_bytes(b"kept")
    said = run(ckpt, "--input", "in", "--out", "out")
    assert "4 images, AtoB by CycleGAN, 1 of them there already and left as they were: out" in said
    assert (tmp_path / "out" / "000002.png").read_bytes() == b"kept"
    assert len(files(tmp_path / "out")) == 4


def test_a_folder_is_not_gone_on_with_otherwise(ckpt, run, refused, tmp_path):
    write_images(tmp_path / "in", 3)
    run(ckpt, "--input", "in/000001.jpg", "--out", "out")
    before = (tmp_path / "out/000001.png").read_bytes()
    everything = [ckpt, "--input", "in", "--out", "out"]
    said = refused(*everything, "--direction", "BtoA", "--image_size", "32")
    changed = "direction AtoB, now BtoA; image_size not given, now [32, 32]"
    assert f"out/000001.png is there already and was made with other settings ({changed}): give another folder" in said
    assert "tile not given, now 32" in refused(*everything, "--tile", "32")
    torch.manual_seed(5)
    other = kept(CycleGAN(shapes=shapes(), **SMALL), tmp_path / "other.ckpt")
    assert "(by another checkpoint)" in refused(other, *everything[1:])
    assert files(tmp_path / "out") == ["000001.png"]
    assert (tmp_path / "out/000001.png").read_bytes() == before
    (tmp_path / "moved").mkdir()
    moved = shutil.move(ckpt, tmp_path / "moved/last.ckpt")  # what counts is what is in it
    run(moved, *everything[1:], "--batch_size", "2", "--seed", "3", "--raw", "true")  # no chance, no average
    assert len(files(tmp_path / "out")) == 3


def test_what_changes_the_picture_is_in_its_note(run, refused, tmp_path):
    model = Pix2Pix(shapes=shapes(), generator=partial(UNet, width=2), discriminator=SMALL["discriminator"], ema=10.0)
    ckpt = kept(model, tmp_path / "pix2pix.ckpt")
    write_images(tmp_path / "in", 1)
    run(ckpt, "--input", "in", "--out", "out")
    assert "seed 0, now 3; raw false, now true" in refused(
        *(ckpt, "--input", "in", "--out", "out", "--seed", "3", "--raw", "true")
    )


def test_notes_that_cannot_be_read_are_none(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("RGB", (5, 5)).save(tmp_path / "large.png", pnginfo=noted('{"checkpoint": "x"}'))
    with pytest.raises(Image.DecompressionBombError):  # more than Pillow opens
        Image.open(tmp_path / "large.png")
    with pytest.raises(
        UserError, match=r"large.png is there already and was made with other settings \(by another checkpoint\)"
    ):
        refuse_others([tmp_path / "large.png"], '{"checkpoint": "y"}')
    Image.new("L", (1, 1)).save(tmp_path / "list.png", pnginfo=noted("[1]"))
    Image.new("L", (1, 1)).save(tmp_path / "word.png", pnginfo=noted("{"))
    Image.new("L", (1, 1)).save(tmp_path / "bare.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "folder.png").mkdir()
    names = ["list.png", "word.png", "bare.png", "broken.png", "folder.png", "not there.png", "a" * 400 + ".png"]
    refuse_others([tmp_path / name for name in names], '{"checkpoint": "y"}')


def test_chance_goes_by_the_seed_and_the_name(run, tmp_path):
    model = Pix2Pix(shapes=shapes(), generator=partial(UNet, width=2), discriminator=SMALL["discriminator"])
    ckpt = kept(model, tmp_path / "pix2pix.ckpt")
    write_images(tmp_path / "in", 3)
    run(ckpt, "--input", "in", "--out", "all")
    run(ckpt, "--input", "in/000001.jpg", "--out", "one")
    run(ckpt, "--input", "in", "--out", "seed", "--seed", "1")
    assert (tmp_path / "one/000001.png").read_bytes() == (tmp_path / "all/000001.png").read_bytes()
    assert (tmp_path / "seed/000001.png").read_bytes() != (tmp_path / "all/000001.png").read_bytes()


def test_raw_weights(run, tmp_path):
    model = CUT(shapes=shapes(), ema=10.0, **{**SMALL, "generator": partial(ResNetTranslator, width=2, blocks=1)})
    model.configure_model()
    with torch.no_grad():
        for p in model.ema.parameters():
            p.add_(0.1)
    ckpt = kept(model, tmp_path / "cut.ckpt")
    (tmp_path / "x.png").write_bytes(encoded(picture(0), "PNG"))
    for raw in (False, True):
        run(ckpt, "--input", "x.png", "--out", f"{raw}.png", *(["--raw"] if raw else []))
        made = expected(ckpt, tmp_path / "x.png", raw=raw)
        assert (pixels(tmp_path / f"{raw}.png") - made).abs().max() <= 1


# Tiles ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "tile"), [(32, 32), (33, 32), (100, 32), (57, 32), (64, 40)])
def test_tiles_cover_a_line_and_overlap_by_a_quarter(length, tile):
    at = starts(length, tile, tile // 4)
    assert at[0] == 0
    assert at[-1] == length - tile
    assert all(before < after <= before + tile - tile // 4 for before, after in itertools.pairwise(at))
    assert starts(20, 32, 8) == [0]


def test_weights_fall_towards_the_ends():
    assert (ramps(8, 2) * 3).tolist() == [1, 2, 3, 3, 3, 3, 2, 1]


class Inverted(nn.Module):
    """Images with black and white exchanged, after a convolution that looks one pixel around."""

    def __init__(self, a, b):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect", bias=False)
        self.conv.weight.data.zero_()
        for i in range(3):
            self.conv.weight.data[i, i, 0, 1] = -1.0  # the pixel above

    def forward(self, x):
        return self.conv(x)


@pytest.mark.parametrize("size", [(90, 41), (20, 70), (33, 33)])
def test_tiles_are_blended_without_a_seam(size):
    model = CycleGAN(shapes=shapes(), **{**SMALL, "generator": Inverted})
    model.configure_model()
    image = picture(3, *size)
    rest = ("AtoB", False, None, Form((32, 32)))
    (whole,), (tiled,) = (Translation(model, *rest, tile, 4, 0, False, "{}").of([image], [0]) for tile in (None, 32))
    assert tiled.shape == (size[1], size[0], 3)
    difference = np.abs(whole.astype(int) - tiled)
    assert difference.max() <= 8  # a tile's first row looks at its reflection; blending leaves a ninth of that
    assert (difference > 1).mean() < 0.2
    model.translate = lambda x, *more: 0 * x + 0.5  # weights sum to one: what is equal everywhere stays so
    (flat,) = Translation(model, *rest, 32, 4, 0, False, "{}").of([image], [0])
    assert (flat == 191).all()


def test_what_is_large_comes_in_tiles_and_that_is_said(ckpt, run, tmp_path, monkeypatch):
    monkeypatch.setattr(translation, "WHOLE", 40 * 40)
    for module in (images, tiles, translation):
        monkeypatch.setattr(module, "LARGE", 30 * 30)
    monkeypatch.setattr(translation, "TILE", 32)
    (tmp_path / "in").mkdir()
    for name, side in (("small", 40), ("large", 48)):
        (tmp_path / "in" / f"{name}.png").write_bytes(encoded(picture(0, side, side), "PNG"))
    assert "translated in overlapping tiles of 32 px" in run(ckpt, "--input", "in", "--out", "out")
    run(ckpt, "--input", "in", "--out", "tiled", "--tile", "32")
    run(ckpt, "--input", "in", "--out", "whole", "--tile", "64")
    assert pixels(tmp_path / "out/large.png").equal(pixels(tmp_path / "tiled/large.png"))
    assert not pixels(tmp_path / "out/large.png").equal(pixels(tmp_path / "whole/large.png"))
    assert pixels(tmp_path / "out/small.png").equal(pixels(tmp_path / "whole/small.png"))
    assert [len(group) for group in alike([(str(i), picture(0, 30, 15)) for i in range(6)], 4)] == [2, 2, 2]


# Threads ----------------------------------------------------------------------------------------------------


def test_images_are_grouped_by_size_and_none_is_lost():
    images = [(str(i), picture(0, 8 + i % 3, 8)) for i in range(20)]
    groups = list(alike(images, 4))
    assert sorted(int(name) for group in groups for name, _ in group) == list(range(20))
    assert all(len({image.size for _, image in group}) == 1 and len(group) <= 4 for group in groups)
    many = [(str(i), picture(0, 8 + i, 8)) for i in range(30)]  # of as many sizes: few are held
    left = iter(many)
    next(alike(left, 2))
    assert len(list(left)) == 30 - 8


def test_few_are_worked_on_ahead():
    class Pool:
        def submit(self, function, item):
            asked.append(item)
            return function(item)

    asked = []
    results = ahead(Pool(), lambda item: -item, range(10), 3)
    assert next(results) == (0, 0)
    assert asked == [0, 1, 2, 3]
    assert list(results) == [(i, -i) for i in range(1, 10)]


# Mistakes ---------------------------------------------------------------------------------------------------


def test_a_zip_is_translated_as_its_folder(ckpt, run, tmp_path):
    write_images(tmp_path / "in" / "deep", 3)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for file in sorted((tmp_path / "in").rglob("*.jpg")):
            archive.write(file, str(file.relative_to(tmp_path / "in")).replace("/", "\\"))
    run(ckpt, "--input", "in", "--out", "out")
    run(ckpt, "--input", "in.zip", "--out", "zipped")
    assert files(tmp_path / "zipped") == files(tmp_path / "out") == [f"deep/{i:06d}.png" for i in range(3)]
    for name in files(tmp_path / "out"):
        assert pixels(tmp_path / "zipped" / name).equal(pixels(tmp_path / "out" / name))


def test_pictures_of_kinds_that_are_not_read_are_named_and_the_status_tells(ckpt, refused, tmp_path):
    write_images(tmp_path / "in", 2)
    for name in ("IMG_1.HEIC", "b.avif", "c.psd", "notes.txt"):
        (tmp_path / "in" / name).touch()
    err = refused(ckpt, "--input", "in", "--out", "out")
    assert "3 files could not be translated, of kinds that are not read: IMG_1.HEIC, b.avif, c.psd" in err
    assert files(tmp_path / "out") == ["000000.png", "000001.png"]
    for file in (tmp_path / "in").glob("*.jpg"):
        file.unlink()
    assert "1 .avif (b.avif), 1 .heic (IMG_1.HEIC)" in refused(ckpt, "--input", "in", "--out", "new")


def test_unreadable_images_are_left_out_and_listed(ckpt, refused, tmp_path):
    write_images(tmp_path / "in", 5)
    (tmp_path / "in" / "000001.jpg").write_bytes(b"")
    (tmp_path / "in" / "000003.jpg").write_bytes(encoded(picture(3))[:300])
    (tmp_path / "in" / "small.png").write_bytes(encoded(picture(0, 30, 5), "PNG"))
    err = refused(ckpt, "--input", "in", "--out", "out")
    assert "3 of 6 images could not be translated: 000001.jpg is empty, 000003.jpg is broken or cut short" in err
    assert "small.png is 30x5 pixels: 8 a side are the least" in err
    assert files(tmp_path / "out") == ["000000.png", "000002.png", "000004.png"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "give what to translate, an image, a folder or a video: --input PATH"),
        (["--input", "nowhere"], "there is no nowhere"),
        (["--input", "in", "--out", "in"], "in is the input's folder, or inside it"),
        (["--input", "in", "--out", "in/out"], "in/out is the input's folder, or inside it"),
        (["--input", "in/x.png", "--out", "in"], "in/x.png is the input itself"),
        (["--input", "in/x.png", "--out", "in/x.png"], "in/x.png exists: give another path"),
        (["--input", "in", "--out", "file"], "file exists and is no folder"),
        (["--input", "empty", "--out", "out"], "empty has no images"),
        (["--input", "in/x.png", "--out", "y.jpg"], "y.jpg: an image is written as .png: give y.png, or a folder"),
        (["--input", "in/x.png", "--out", "y.PNG"], "y.PNG: an image is written as .png: give y.png, or a folder"),
        (["--input", "x.mp4", "--out", "y.png"], "y.png: a video is written as .mp4: give y.mp4, or a folder"),
        (["--input", "in", "--out", "y.png"], "y.png is a file's name, and in holds many images: give a folder"),
        (["--input", "in", "--out", "out", "--tile", "8"], "tile is 8: give 32 or more"),
        (["--input", "in", "--out", "out", "--batch_size", "0"], "batch_size is 0"),
        (["--input", "in", "--out", "out", "--image-size", "0"], "image_size is 0"),
    ],
)
def test_mistakes_are_one_line(ckpt, refused, tmp_path, args, words):
    for name in ("in", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "in" / "x.png").write_bytes(encoded(picture(0), "PNG"))
    for name in ("file", "x.mp4"):
        (tmp_path / name).write_text("")
    assert words in refused(ckpt, *args)
    assert files(tmp_path / "in") == ["x.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cyclegan.ckpt", "empty", "file", "in", "x.mp4"]


def test_models_and_directions_that_there_are_not(refused, tmp_path):
    (tmp_path / "x.png").write_bytes(encoded(picture(0), "PNG"))
    gan = kept(GAN(shape=(1, 16, 16)), tmp_path / "gan.ckpt")
    assert f"GAN makes samples from noise, not from images: use `ganzoo sample {gan}`" in refused(gan, "--input=x.png")
    cut = kept(CUT(shapes=shapes(), **SMALL), tmp_path / "cut.ckpt")
    assert "CUT translates AtoB, not BtoA" in refused(cut, "--input", "x.png", "--direction", "BtoA")


# predict ----------------------------------------------------------------------------------------------------


def lightnings(model, path):
    """The checkpoint of a model as it is, as Lightning loads it."""
    return kept(model, path, **{"pytorch-lightning_version": lightning.__version__})


def predicted(tmp_path, ckpt, data, out, *more):
    main(["predict", "--ckpt_path", ckpt, *data, "--samples.out", str(tmp_path / out), *more, *QUIET])
    return files(tmp_path / out)


@pytest.fixture
def unpaired(tmp_path):
    """The checkpoint of a model for both directions, and options of a set of two domains of 6 and 4 test images."""
    ckpt = lightnings(CycleGAN(shapes=shapes(), **SMALL), tmp_path / "cyclegan.ckpt")
    root = write_unpaired(tmp_path / "data")
    (tmp_path / "data/testA/deep").mkdir()
    (tmp_path / "data/testA/000205.jpg").rename(tmp_path / "data/testA/deep/000200.png")
    data = ["--data", "Horse2Zebra", *root, "--data.image_size", "16", "--data.num_workers", "0"]
    return ckpt, [*data, "--data.batch_size", "4"]


def test_predict_names_translations_after_the_images(unpaired, tmp_path):
    there = [*(f"AtoB/{i:06d}.png" for i in range(200, 205)), "AtoB/deep/000200.png"]
    back = [f"BtoA/{i:06d}.png" for i in range(300, 304)]
    assert predicted(tmp_path, *unpaired, "all") == there + back
    for direction, source in (("AtoB", "testA/000202"), ("BtoA", "testB/000303")):
        run = ["translate", unpaired[0], "--input", str(tmp_path / f"data/{source}.jpg"), "--image_size", "16"]
        one = tmp_path / f"{direction}.png"
        main([*run, "--direction", direction, "--out", str(one)])
        made = pixels(tmp_path / "all" / direction / f"{source[6:]}.png")
        assert (made - pixels(one)).abs().max() <= 1


def test_predict_in_one_direction_and_side_by_side(unpaired, tmp_path):
    names = predicted(tmp_path, *unpaired, "back", "--samples.direction", "BtoA", "--samples.compare", "true")
    assert names == [f"BtoA/{i:06d}.png" for i in range(300, 304)]
    data = Horse2Zebra(root=str(tmp_path / "data"), image_size=16)
    data.setup()
    (tmp_path / "back/BtoA/000302.png").unlink()
    strategy = SimpleNamespace(broadcast=lambda found: found)
    trainer = SimpleNamespace(datamodule=data, is_global_zero=True, strategy=strategy)
    SampleWriter(str(tmp_path / "back"), direction="BtoA").setup(trainer, ganzoo.load(unpaired[0]), "predict")
    assert data.samples_done == {0, 1, 3, 4, 5}  # there are six of a, four of b
    predicted(tmp_path, *unpaired, "all")
    both = pixels(tmp_path / "back/BtoA/000301.png")
    assert both.shape == (16, 32, 3)
    assert both[:, 16:].equal(pixels(tmp_path / "all/BtoA/000301.png"))
    with Image.open(tmp_path / "data/testB/000301.jpg") as image:
        assert both[:, :16].equal(torch.from_numpy(np.array(fitted(image, (16, 16)))).int())


def test_predict_goes_on_where_it_was_stopped(unpaired, tmp_path):
    names = predicted(tmp_path, *unpaired, "all")
    whole = {name: (tmp_path / "all" / name).read_bytes() for name in names}
    (tmp_path / "all/AtoB/000201.png").unlink()
    (tmp_path / "all/BtoA/000303.png").unlink()
    (tmp_path / "all/AtoB/000200.png").write_bytes(b"kept")
    assert predicted(tmp_path, *unpaired, "all") == names
    now = {name: (tmp_path / "all" / name).read_bytes() for name in names}
    assert now == {**whole, "AtoB/000200.png": b"kept"}


def test_predict_does_not_go_on_otherwise(unpaired, tmp_path, capsys):
    ckpt, data = unpaired
    names = predicted(tmp_path, ckpt, data, "all")
    torch.manual_seed(5)
    other = lightnings(CycleGAN(shapes=shapes(), **SMALL), tmp_path / "other.ckpt")
    for words, args in {
        "by another checkpoint": (other, data, "all"),
        "compare false, now true": (ckpt, data, "all", "--samples.compare", "true"),
        "raw false, now true": (ckpt, data, "all", "--model.raw", "true"),
        "augment": (ckpt, [*data, "--data.augment", "[crop]"], "all"),
    }.items():
        (tmp_path / "all" / names[0]).unlink(missing_ok=True)
        with pytest.raises(SystemExit):
            predicted(tmp_path, *args)
        said = capsys.readouterr().err
        assert f"{names[1]} is there already and was made with other settings (" in said
        assert words in said
        assert files(tmp_path / "all") == names[1:]
    assert predicted(tmp_path, ckpt, [*data, "--data.batch_size", "2"], "all") == names


def test_predict_does_not_go_on_the_other_way_round_of_the_pairs(tmp_path, capsys):
    model = Pix2Pix(shapes=shapes(), generator=partial(UNet, width=2), discriminator=SMALL["discriminator"])
    ckpt = lightnings(model, tmp_path / "pix2pix.ckpt")
    data = ["--data", "Paired", *write_pairs(tmp_path / "data"), "--data.image_size", "16", "--data.num_workers", "0"]
    names = predicted(tmp_path, ckpt, [*data, "--data.direction", "BtoA"], "all")
    assert f"Done: {tmp_path / 'all'}" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        predicted(tmp_path, ckpt, [*data, "--data.direction", "AtoB"], "all")
    assert "data.direction BtoA, now AtoB" in capsys.readouterr().err
    assert predicted(tmp_path, ckpt, [*data, "--data.direction", "BtoA"], "all") == names


def test_a_checkpoint_remembers_the_direction_of_its_pairs(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = ["--data", "Paired", *write_pairs(tmp_path / "data", 4, 2)]
    data += ["--data.image_size", "16", "--data.num_workers", "0"]
    small = ["--model.generator", "UNet", "--model.generator.width", "2", "--model.discriminator", "PatchGAN"]
    small += ["--model.discriminator.patch", "34", "--model.discriminator.width", "2"]
    end = ["--trainer.max_steps", "1", "--trainer.limit_val_batches", "0", "--pictures.every_n_steps", "0", *QUIET]
    main(["fit", "--model", "Pix2Pix", *data, "--data.direction", "BtoA", *small, *end, "--run_dir", "run"])
    shutil.copy("run/checkpoints/last.ckpt", "alone.ckpt")
    capsys.readouterr()
    for given in (
        ["translate", "alone.ckpt", "--input", "data/val/100.png", "--out", "t", "--direction"],
        ["predict", "--ckpt_path", "run/checkpoints/last.ckpt", "--samples.out", "p", *QUIET, "--samples.direction"],
        ["export", "alone.ckpt", "--out", "e.pt2", "--direction"],
    ):
        with pytest.raises(SystemExit):
            main([*given, "AtoB"])
        assert "was trained with data.direction BtoA, and translates BtoA only" in capsys.readouterr().err
        if given[0] != "export":  # it takes long
            main([*given, "BtoA"])
    main(["translate", "alone.ckpt", "--input", "data/val/101.png", "--out", "t"])
    assert "1 image, BtoA by Pix2Pix" in capsys.readouterr().out
    scores = []
    for more in ([], ["--data.direction", "AtoB"]):
        main(["validate", "--ckpt_path", "alone.ckpt", *data, *more, *QUIET])
        scores.append(capsys.readouterr().out)
    assert "data.direction" not in scores[0]
    assert "was trained with data.direction BtoA, and the data have AtoB" in scores[1]
    assert scores[0].split("val/l1")[1] != scores[1].split("val/l1")[1]


@pytest.mark.parametrize("place", ["", "testA", "made"])
def test_predict_writes_nothing_among_the_images(unpaired, tmp_path, capsys, place):
    before = files(tmp_path / "data")
    with pytest.raises(SystemExit):
        predicted(tmp_path, *unpaired, f"data/{place}")
    assert "is the data's folder, or inside it" in capsys.readouterr().err
    assert files(tmp_path / "data") == before


def test_a_checkpoint_alone_knows_its_size_and_another_is_refused(tmp_path, capsys):
    model = Pix2Pix(shapes=shapes(side=24), generator=partial(UNet, width=2), discriminator=SMALL["discriminator"])
    ckpt = lightnings(model, tmp_path / "pix2pix.ckpt")
    data = ["--data", "Paired", *write_pairs(tmp_path / "data"), "--data.num_workers", "0"]
    (name, *_) = predicted(tmp_path, ckpt, data, "all", "--samples.compare")
    assert pixels(tmp_path / "all" / name).shape == (24, 48, 3)
    for command in ("predict", "validate"):
        with pytest.raises(SystemExit):
            main([command, "--ckpt_path", str(ckpt), *data, "--data.image_size", "16"])
        err = capsys.readouterr().err
        assert "has other networks, made for shapes {'a': [3, 24, 24]" in err
        assert err.count("\n") == 1


def test_predict_leaves_out_what_cannot_be_read(unpaired, tmp_path, capsys):
    (tmp_path / "data/testB/000302.jpg").write_bytes(b"")
    skip = ["--data.on_error", "skip", "--samples.direction", "BtoA"]
    assert predicted(tmp_path, *unpaired, "all", *skip) == [f"BtoA/{i:06d}.png" for i in (300, 301, 303)]
    assert "Skipped: 000302.jpg is empty" in capsys.readouterr().out


def test_predict_refuses_a_direction_that_there_is_not(tmp_path, capsys):
    options = ["--data", "fakes.FakeDomains", "--data.image_size", "16"]
    cut = lightnings(CUT(shapes=shapes(1, 1), **SMALL), tmp_path / "cut.ckpt")
    gan = lightnings(GAN(shape=(1, 16, 16)), tmp_path / "gan.ckpt")
    digits = ["--data", "Digits", "--data.image_size", "16"]
    for ckpt, data, words in (
        (cut, options, "CUT translates AtoB, not BtoA"),
        (gan, digits, "samples.direction is for models that translate images; GAN makes samples from noise"),
    ):
        with pytest.raises(SystemExit) as stopped:
            predicted(tmp_path, ckpt, data, "out", "--samples.direction", "BtoA")
        assert stopped.value.code == 1
        err = capsys.readouterr().err
        assert words in err
        assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow  # test_commands.py always has the same of points
def test_predict_writes_the_same_files_on_two_devices(tmp_path):
    """Of a checkpoint alone: there is no run's config beside it, so the checkpoint says the model."""
    data = ["--data", "Grey2Colour", "--data.input_channels", "1", "--data.image_size", "32", "--data.batch_size", "2"]
    model = Pix2Pix(shapes=shapes(1, 3, 32), generator=partial(UNet, width=2), discriminator=SMALL["discriminator"])
    ckpt = lightnings(model, tmp_path / "pix2pix.ckpt")
    data += [*write_images(tmp_path / "data/photos", 70), "--data.num_workers", "0", "--samples.compare", "true"]
    for devices, out in (("1", "one"), ("2", "two")):
        more = ["--samples.out", str(tmp_path / out), "--trainer.devices", devices]
        command = [sys.executable, "-m", "ganzoo", "predict", "--ckpt_path", ckpt, *data, *more, *QUIET]
        subprocess.run(command, check=True, env=environment(), capture_output=True, timeout=140)
        if out == "one":  # the second goes on with some of them: of the first batch it is one, of the second both
            names = files(tmp_path / "one")
            (tmp_path / "two").mkdir()
            for i in (0, 2, 3):
                (tmp_path / "two" / names[i]).write_bytes((tmp_path / "one" / names[i]).read_bytes())
    one, two = (
        {name: (tmp_path / out / name).read_bytes() for name in files(tmp_path / out)} for out in ("one", "two")
    )
    photos = Grey2Colour(root=str(tmp_path / "data/photos"), image_size=32)
    photos.setup()
    assert sorted(one) == sorted(distinct(photos.names_of("a")))
    assert len(one) == 7
    assert one == two


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "a/../../x.png", "C:\\x.png"])
def test_predict_refuses_names_that_lead_out_of_its_folder(unpaired, tmp_path, name):
    """The names of a prepared set are what its maker wrote."""
    data = Horse2Zebra(root=str(tmp_path / "data"), image_size=16)
    data.setup()
    store = data.val.domains["a"].store
    store.names = Names.of([name] * len(store.names))
    with pytest.raises(UserError, match="leads out of a folder"):
        planned(SampleWriter(str(tmp_path / "out")), ganzoo.load(unpaired[0]), data)


def test_nothing_is_written_through_a_link_that_leads_out(unpaired, run, refused, tmp_path):
    data = Horse2Zebra(root=str(tmp_path / "data"), image_size=16)
    data.setup()
    for folder in ("out/AtoB", "translated", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("out/AtoB", "translated"):
        (tmp_path / folder / "deep").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="outside of its folder"):
        planned(SampleWriter(str(tmp_path / "out")), ganzoo.load(unpaired[0]), data)
    source = str(tmp_path / "data/testA")
    assert "outside of its folder" in refused(unpaired[0], "--input", source, "--out", str(tmp_path / "translated"))
    assert not list((tmp_path / "elsewhere").iterdir())


def planned(writer, model, data):
    """Have a writer find out what it is to write."""
    strategy = SimpleNamespace(broadcast=lambda found: found)
    writer.setup(SimpleNamespace(datamodule=data, strategy=strategy, is_global_zero=True), model, "predict")


def test_tiles_of_a_larger_output_are_blended_where_they_belong():
    x = torch.rand(1, 2, 40, 53)

    def doubled(tiles):
        return tiles.repeat_interleave(2, 2).repeat_interleave(2, 3)

    torch.testing.assert_close(tiles.blended(x, 32, 3, doubled, scale=2), doubled(x))
