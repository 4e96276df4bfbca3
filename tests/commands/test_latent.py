"""The commands for latent spaces: what they write, what they say, and what they refuse before the work."""

import csv
import os
import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import kept
from fakes import write_faces
from latent.small import plain, styled
from PIL import Image

import ganzoo
from ganzoo.cli import main
from ganzoo.latent import Codes, Directions
from ganzoo.latent.codes import codes_named
from ganzoo.latent.labelled import Labelled
from ganzoo.pictures.grids import to_uint8
from ganzoo.pictures.sheets import save_sheet

SIDE = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("latent")


@pytest.fixture(scope="module")
def ckpt(folder):
    """A checkpoint with styles."""
    return kept(styled(), folder / "styled.ckpt")


@pytest.fixture(scope="module")
def without(folder):
    """A checkpoint of a DCGAN."""
    return kept(plain(), folder / "plain.ckpt")


def refused(capsys, *args, status=1):
    with pytest.raises(SystemExit) as stop:
        main([str(arg) for arg in args])
    assert stop.value.code == status
    words = capsys.readouterr().err.strip()
    assert "\n" not in words
    return words


def run(*args):
    main([str(arg) for arg in args])


def pixels(image):
    return to_uint8(image).permute(1, 2, 0).numpy()


def cells(path, rows, columns, named=True):
    """The pictures of a sheet (rows, columns, H, W, 3), whose pictures have 2 pixels between them."""
    sheet = np.asarray(Image.open(path))
    width = columns * (SIDE + 2) + 2
    for factor in range(16, 0, -2):  # names are to the left
        left = sheet.shape[1] - factor * width
        if left < 0:
            continue
        grid = sheet[: factor * (rows * (SIDE + 2) + 2) : factor, left::factor]
        if grid.shape[0] == rows * (SIDE + 2) + 2 and (grid[:2] == 255).all() and (grid[:, :2] == 255).all():
            at = [[2 + i * (SIDE + 2) for i in range(n)] for n in (rows, columns)]
            return [[grid[y : y + SIDE, x : x + SIDE] for x in at[1]] for y in at[0]]
    raise AssertionError("no grid in the sheet")


def remembering(captions):
    """save_sheet that keeps what it is told to write below a picture."""

    def save(grids, path, columns, caption, names):
        captions.append(caption)
        save_sheet(grids, path, columns, caption, names)

    return save


# Pictures ---------------------------------------------------------------------------------------------------


def test_mix_draws_the_sources_and_the_mixtures(ckpt, tmp_path, capsys):
    run("mix", ckpt, "--rows", "1,2", "--cols", "3-5", "--layers", "4-5", "--seed", "2", "--out", tmp_path / "m.png")
    found, model = cells(tmp_path / "m.png", 3, 4), ganzoo.load(ckpt)
    assert np.array_equal(found[0][2], pixels(model.sample_rows(torch.tensor([4]), 2)[0]))
    assert np.array_equal(found[2][0], pixels(model.sample_rows(torch.tensor([2]), 2)[0]))
    ws = model.styles.of(model.latents(torch.tensor([1, 5]), 2))
    ws[0, 4:] = ws[1, 4:]
    assert np.array_equal(found[1][3], pixels(model.styles.images(ws[:1], seed=2, rows=torch.tensor([1]))[0]))
    assert "2 x 3 images of StyleGAN2, layers 4-5 of 6 of the top row (3, 4, 5)" in capsys.readouterr().out


def test_noise_draws_images_and_their_deviation(ckpt, tmp_path, monkeypatch, capsys):
    captions = []
    monkeypatch.setattr(import_module("ganzoo.commands.noise"), "save_sheet", remembering(captions))
    run("noise", ckpt, "--samples", "3", "--count", "4", "--out", tmp_path / "n.png")
    assert re.fullmatch(r"3 noises of 4; white is a deviation of 0\.\d{3} \(values from -1 to 1\)", captions[0])
    (row,) = cells(tmp_path / "n.png", 1, 4)
    assert np.array_equal(row[0], pixels(ganzoo.load(ckpt).sample_rows(torch.tensor([3]))[0]))
    assert not np.array_equal(row[0], row[1])
    assert row[3].max() == 255  # the largest deviation is white
    assert "1 sample of StyleGAN2 with 4 noises, seed 0: a pixel deviates by" in capsys.readouterr().out
    wide, high = Image.open(tmp_path / "n.png").size
    assert wide - 4 * high < 60  # the column of names is as wide as "3"


@pytest.mark.parametrize(("name", "space"), [("ckpt", "W"), ("without", "Z")])
def test_from_images_to_codes_directions_and_edits(request, name, space, tmp_path, capsys):
    """What a user does: project, sample from the codes, find directions, edit, mix and walk."""
    ckpt = request.getfixturevalue(name)
    run("sample", ckpt, "--num", "2", "--out", tmp_path / "own")
    images = [tmp_path / "own" / f"00000{i}.png" for i in range(2)]
    run("project", ckpt, *images, "--steps", "5", "--out", tmp_path / "found")
    said = capsys.readouterr().out
    assert "multi-scale pixel loss" in said
    assert f"2 projected into {space}" in said
    names = {f"00000{i}.{kind}" for i in range(2) for kind in ("png", "gif")}
    assert {path.name for path in (tmp_path / "found").iterdir()} == names | {"codes.npz"}
    model, codes = ganzoo.load(ckpt), tmp_path / "found" / "codes.npz"
    projected = Codes.read(codes, model)
    assert projected.names == ["000000", "000001"]
    run("sample", ckpt, "--codes", codes, "--out", tmp_path / "again")
    again = np.asarray(Image.open(tmp_path / "again" / "000001.png"))
    assert np.array_equal(again, pixels(projected.images(model)[1]))
    run("directions", ckpt, "--count", "3", "--num", "100", "--out", tmp_path / "d", "--samples", codes)
    assert {path.name for path in (tmp_path / "d").iterdir()} == {"00.png", "01.png", "02.png", "directions.npz"}
    strip = cells(tmp_path / "d" / "02.png", 2, 7)
    assert np.array_equal(strip[1][3], again)  # the middle is not moved
    given = ["--directions", tmp_path / "d" / "directions.npz", "--direction", "2", "--strength", "-3"]
    run("edit", ckpt, codes, *given, "--out", tmp_path / "edited.png")
    edited = Codes.read(tmp_path / "edited.npz", model).images(model)
    assert np.array_equal(strip[1][0], pixels(edited[1]))
    run("interpolate", ckpt, "--codes", codes, "--steps", "3", "--out", tmp_path / "walk.png")
    (walk,) = cells(tmp_path / "walk.png", 1, 4)
    assert np.array_equal(walk[3], again)
    if space == "W":
        run("mix", ckpt, "--rows", codes, "--cols", "3", "--out", tmp_path / "mix.png")
        assert np.array_equal(cells(tmp_path / "mix.png", 3, 2)[2][0], again)


def test_walks_in_w_are_lines_between_samples(ckpt, tmp_path, capsys):
    walk = ["--num", "2", "--stops", "2", "--steps", "2", "--psi", "0.5", "--space", "w"]
    run("interpolate", ckpt, *walk, "--out", tmp_path / "w.png")
    found, model = cells(tmp_path / "w.png", 2, 3), ganzoo.load(ckpt)
    ws = [model.styles.of(model.latents(torch.arange(n, n + 2)), psi=0.5) for n in (0, 2)]
    images = model.styles.images((ws[0] + ws[1]) / 2)
    assert np.array_equal(found[1][1], pixels(images[1]))
    assert np.array_equal(found[0][0], pixels(model.sample_rows(torch.tensor([0]), psi=0.5)[0]))
    assert "(lerp in W, psi 0.5)" in capsys.readouterr().out
    run("interpolate", ckpt, *walk, "--out", tmp_path / "w.gif")
    with Image.open(tmp_path / "w.gif") as film:
        assert film.n_frames == 4  # and back


def test_walks_between_classes_in_w(folder, tmp_path):
    ckpt = kept(styled(num_classes=3), folder / "told.ckpt")
    walk = ["--num", "1", "--steps", "2", "--labels", "0", "2", "--space", "w"]
    run("interpolate", ckpt, *walk, "--out", tmp_path / "w.png")
    (found,) = cells(tmp_path / "w.png", 1, 3)
    model = ganzoo.load(ckpt)
    assert np.array_equal(found[2], pixels(model.sample(1, label=2)[0]))
    run("directions", ckpt, "--method", "labels", "--num", "60", "--layers", "0-3", "--out", tmp_path / "d")
    kept_directions = Directions.read(tmp_path / "d" / "directions.npz", model)
    assert (kept_directions.names, kept_directions.layers) == (["0", "1", "2"], [0, 1, 2, 3])
    assert (tmp_path / "d" / "02_2.png").exists() or (tmp_path / "d" / "02.png").exists()


def test_pca_and_layers(ckpt, tmp_path):
    some = ["--count", "2", "--num", "200", "--layers", "1-2"]
    run("directions", ckpt, "--method", "pca", *some, "--out", tmp_path / "d")
    model = ganzoo.load(ckpt)
    found = Directions.read(tmp_path / "d" / "directions.npz", model)
    torch.testing.assert_close(found.units.square(), found.values, rtol=1e-3, atol=1e-5)  # along a component
    assert found.layers == [1, 2]


# Tables -----------------------------------------------------------------------------------------------------


def test_disentanglement_is_a_table(ckpt, without, tmp_path, capsys, monkeypatch):
    run("disentanglement", ckpt, "--num", "6", "--out", tmp_path / "t.csv")
    rows = list(csv.DictReader((tmp_path / "t.csv").open()))
    assert [(row["measure"], row["space"]) for row in rows] == [
        (f"path length, {sampling}", space) for space in "ZW" for sampling in ("full", "end")
    ]
    assert all(float(row["value"]) > 0 for row in rows)
    assert "Separability needs labels" in capsys.readouterr().out
    write_faces(tmp_path / "faces", 60)
    seen = torch.rand(40, 1, generator=torch.Generator().manual_seed(0)) > 0.5
    labelled = Labelled(plain().latents(torch.arange(40)), None, seen, torch.ones_like(seen), ["Smiling"])
    monkeypatch.setattr(sys.modules["ganzoo.commands.disentanglement"], "judges", lambda sets: {})
    monkeypatch.setattr(sys.modules["ganzoo.commands.disentanglement"], "label", lambda *given: labelled)
    faces = ["--root", tmp_path / "faces", "--attributes", "Smiling"]
    run("disentanglement", without, "--num", "4", *faces, "--out", tmp_path / "z.csv")
    rows = list(csv.DictReader((tmp_path / "z.csv").open()))
    assert [row["measure"] for row in rows] == ["path length, full", "path length, end", "separability"]
    assert 1 < float(rows[2]["value"]) <= 2
    assert "separability" in capsys.readouterr().out


def test_a_conditional_model_is_separated_by_its_own_classes(folder, tmp_path, capsys):
    path = kept(styled(num_classes=3), folder / "classes.ckpt")
    run("disentanglement", path, "--num", "2", "--labelled", "60", "--out", tmp_path / "t.csv")
    rows = [row for row in csv.DictReader((tmp_path / "t.csv").open()) if row["measure"].startswith("separability")]
    assert [row["measure"] for row in rows] == ["separability", *(f"separability of {name}" for name in range(3))]
    assert {row["space"] for row in rows} == {"W"}
    assert rows[0]["how"] == "60 samples with the classes told, logistic regression"
    assert "needs labels" not in capsys.readouterr().out


# Mistakes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["mix"], "no space W, so there is no style mixing"),
        (["noise", "--count", "2"], "do not depend on any noise"),
        (["noise", "--psi", "0.5"], "no truncation (psi)"),
        (["interpolate", "--space", "w"], "no walk in W"),
        (["interpolate", "--psi", "0.5"], "no space W, so there is no truncation (psi 0.5)"),
        (["directions", "--method", "pca"], "PCA finds nothing"),
        (["directions", "--layers", "1"], "leave --layers out"),
        (["directions", "--method", "labels"], "has no classes"),
    ],
)
def test_what_a_model_without_w_can_not_do(without, tmp_path, monkeypatch, capsys, args, words):
    monkeypatch.chdir(tmp_path)
    assert words in refused(capsys, args[0], without, *args[1:])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["mix", "--layers", "4-6"], "layers 0 to 5"),
        (["mix", "--rows", "a"], "rows is a"),
        (["mix", "--out", "m.gif"], "give a .png"),
        (["directions", "--layers", "9"], "layers 0 to 5"),
        (["directions", "--method", "pca", "--data", "Digits"], "needs no data"),
        (["directions", "--count", "0"], "count is 0"),
        (["directions", "--strength", "1e30"], "a strength above 0 and below 1,000,000"),
        (["edit", "1", "--strength", "1e30"], "strength 1e+30: give a seed of 0 or more, and a strength between"),
        (["disentanglement", "--epsilon", "0"], "epsilon 0"),
        (["disentanglement", "--out", "t.txt"], "give a .csv"),
        (["interpolate", "--codes", "none.npz"], "there is no file none.npz"),
        (["sample", "--codes", "none.npz", "--out", "s.png"], "there is no file none.npz"),
        (["sample", "--codes", "x.npz", "--psi", "0.5", "--out", "s.png"], "leave --label and --psi out"),
        (["mix", "--label", "1"], "takes no labels"),
        (["mix", "--layers", ""], "layers is : give"),
        (["mix", "--psi", "1e30"], "psi is 1e+30"),
        (["noise", "--psi", "-1000"], "psi is -1000"),
        (["interpolate", "--space", "w", "--psi", "1e30"], "psi is 1e+30"),
        (["sample", "--psi", "0.5,1e30"], "psi is 0.5,1e30"),
        (["disentanglement", "--epsilon", "1e-12"], "a step from 0.000001"),
        (["interpolate", "--codes", "none.npz", "--stops", "9"], "leave --num, --stops, --seed out"),
    ],
)
def test_bad_options_are_refused_before_the_work(ckpt, tmp_path, monkeypatch, capsys, args, words):
    monkeypatch.chdir(tmp_path)
    assert words in refused(capsys, args[0], ckpt, *args[1:])
    assert list(tmp_path.iterdir()) == []


def test_bad_images_to_project_are_refused(ckpt, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (20, 30), "red").save("large.png")
    Path("text.png").write_text("hello")
    Path("made").mkdir()
    for args, words in (
        (["none.png"], "none.png is not there"),
        (["made"], "made is a folder"),
        (["text.png"], "is no image"),
        (["large.png", "--strict"], "20x30"),
        (["large.png", "--steps", "0"], "steps is 0"),
        (["large.png", "--lr", "0"], "lr 0 and seed 0: give 1 step or more, a rate above 0"),
        (["large.png", "--lpips", "none.pth"], "there is no file none.pth"),
        (["large.png", "--label", "1"], "takes no labels"),
    ):
        assert words in refused(capsys, "project", ckpt, *args)
        assert not Path("projected").exists()
    assert "IMAGES is missing" in refused(capsys, "project", ckpt, status=2)
    run("project", ckpt, "large.png", "--steps", "1")
    assert "large.png is 20x30 (its centre cropped and resized to 16x16)." in capsys.readouterr().out


def test_an_edit_does_not_replace_what_it_reads(ckpt, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    codes_named(ganzoo.load(ckpt), "0,1", 0, "codes").save("codes.npz", ganzoo.load(ckpt))
    before = Path("codes.npz").read_bytes()
    for name in ("codes", "directions"):
        given = ["codes.npz"] if name == "codes" else ["1", "--directions", "codes.npz"]
        assert f"would replace {name}" in refused(capsys, "edit", ckpt, *given, "--out", "./codes.png")
    assert Path("codes.npz").read_bytes() == before
    run("mix", ckpt, "--rows", "codes.npz", "--cols", "1", "--psi", "0.5")  # for the columns
    both = ["--rows", "codes.npz", "--cols", "codes.npz", "--psi", "0.5"]
    assert "leave --label and --psi out" in refused(capsys, "mix", ckpt, *both)
    run("interpolate", ckpt, "--codes", "codes.npz", "--steps", "1", "--out", "w.png")
    assert "seed" not in capsys.readouterr().out


def test_a_projection_or_directions_that_are_interrupted_leave_nothing_by_halves(ckpt, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Image.new("RGB", (16, 16), "red").save(f"{name}.png")
    Path("full").mkdir()
    Path("full", "x").touch()
    with pytest.raises(SystemExit):
        run("project", ckpt, "a.png", "--out", "full")
    said = capsys.readouterr()
    assert "full is not empty" in said.err
    assert said.out == ""  # not which distance is taken
    command, calls = import_module("ganzoo.commands.project"), []
    save_film = command.save_film

    def stopped(frames, path, **options):
        save_film(frames, path, **options)
        calls.append(path)
        if len(calls) in (1, 3):
            raise KeyboardInterrupt

    monkeypatch.setattr(command, "save_film", stopped)
    assert refused(capsys, "project", ckpt, "a.png", "b.png", "--steps", "1", status=130) == "ganzoo: interrupted"
    assert not Path("projected").exists()  # and may be given again
    with pytest.raises(SystemExit):
        run("project", ckpt, "a.png", "b.png", "--steps", "1")
    assert sorted(os.listdir("projected")) == ["a.gif", "a.png", "codes.npz"]
    assert "The folder projected keeps what was done: a.gif, a.png, codes.npz." in capsys.readouterr().out
    assert len(Codes.read("projected/codes.npz", ganzoo.load(ckpt))) == 1

    def none(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("ganzoo.commands.directions"), "save_sheet", none)
    with pytest.raises(SystemExit):
        run("directions", ckpt, "--count", "2", "--num", "30", "--steps", "2")
    assert "The folder directions keeps what was done: directions.npz." in capsys.readouterr().out


def test_codes_and_directions_of_another_model_are_refused(ckpt, without, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run("directions", ckpt, "--count", "1", "--num", "30", "--steps", "2")
    run("edit", ckpt, "1,2")
    assert "belongs to another model" in refused(capsys, "edit", without, "1")
    for args in (["sample", "--codes"], ["interpolate", "--codes"], ["mix", "--rows"], ["noise", "--samples"]):
        other = without if args[0] != "mix" else kept(changed(), tmp_path / "c.ckpt")
        assert "belongs to another model" in refused(capsys, args[0], other, *args[1:], "edited.npz")
    assert "direction is 7" in refused(capsys, "edit", ckpt, "1", "--direction", "7")
    assert "layers 0 to 5" in refused(capsys, "edit", ckpt, "1", "--layers", "6")


def changed():
    model = styled()
    for value in (*model.ema.parameters(), *model.generator.parameters()):
        value.data.add_(0.01)
    return model
