"""Classes by their names: in the data, in a checkpoint alone, on the command line, and beside the rows of a grid."""

import json

import numpy as np
import pytest
import torch
from fakes import small, write_images
from PIL import Image

import ganzoo
from ganzoo.cli import main
from ganzoo.data import EMNIST, ImageFolder
from ganzoo.game.conditions import Attributes, Labels
from ganzoo.game.keeping import take_back
from ganzoo.game.real import some_real
from ganzoo.models import CGAN, GAN
from ganzoo.pictures.captions import with_row_names
from ganzoo.pictures.grids import grid
from ganzoo.runs.checkpoint_file import read
from ganzoo.system.errors import UserError

NAMES = ["cat", "dog", "red \x1b[31mfox"]


def built(names):
    model = CGAN(shape=(1, 16, 16), num_classes=len(names), latent_dim=8)
    model.configure_model()
    model.condition.class_names = names
    return model


def saved(path, names=NAMES, **changed):
    model = built(names)
    checkpoint = {"state_dict": model.state_dict(), "pytorch-lightning_version": "2.5.0"}
    model.on_save_checkpoint(checkpoint)
    checkpoint["ganzoo"] |= changed
    torch.save(checkpoint, path)
    return str(path)


@pytest.fixture(scope="module")
def ckpt(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("alone") / "alone.ckpt")


def refused(capsys, *args):
    with pytest.raises(SystemExit) as stopped:
        main(list(args))
    assert stopped.value.code == 1
    return capsys.readouterr().err


def test_data_names_its_classes(tmp_path):
    for name in ("dog", "cat"):
        write_images(tmp_path / name, 3)
    data = ImageFolder(root=str(tmp_path), image_size=16, num_workers=0)
    data.setup()
    assert data.class_names == ["cat", "dog"]
    for part, count in (("balanced", 47), ("byclass", 62), ("letters", 26), ("mnist", 10)):
        emnist = EMNIST(part=part)
        assert (emnist.num_classes, len(set(emnist.class_names))) == (count, count)


def test_a_class_is_asked_for_by_its_name_from_a_lone_checkpoint(ckpt, tmp_path, capsys):
    model = ganzoo.load(ckpt)
    for asked, number in (("dog", 1), ("DOG", 1), ("1", 1), (1, 1), (NAMES[2], 2)):
        assert model.sample(3, label=asked).equal(
            model.generate(model.latents(torch.arange(3)), y=torch.full((3,), number))
        )
    main(["sample", ckpt, "--label", "dog", "--num", "4", "--out", str(tmp_path / "dogs.png")])
    assert "4 samples of label dog (number 1 of 3)" in capsys.readouterr().out
    expected = grid(model.sample(4, label=1))
    assert (small(tmp_path / "dogs.png", *expected.size) == np.array(expected)).all()


def test_files_of_a_folder_name_their_class(ckpt, tmp_path):
    main(["sample", ckpt, "--num", "4", "--out", str(tmp_path / "turns")])
    names = ["000000_cat.png", "000001_dog.png", "000002_red-31mfox.png", "000003_cat.png"]
    assert sorted(path.name for path in (tmp_path / "turns").iterdir()) == names
    main(["sample", ckpt, "--num", "2", "--label", "dog", "--out", str(tmp_path / "dogs")])
    assert sorted(path.name for path in (tmp_path / "dogs").iterdir()) == ["000000_dog.png", "000001_dog.png"]
    attributes = Attributes(["Smiling", "Young"])
    assert attributes.names_of(torch.stack([attributes.read("Young,Smiling"), attributes.read("")])) == [
        "Smiling,Young",
        "",
    ]


def test_a_walk_by_names(ckpt, tmp_path, capsys):
    out = tmp_path / "walk.png"
    main(["interpolate", "--labels", "dog", "cat", ckpt, "--num", "1", "--steps", "2", "--out", str(out)])
    assert "labels dog, cat" in capsys.readouterr().out
    by_name = out.read_bytes()
    main(["interpolate", ckpt, "--labels", "1", "0", "--num", "1", "--steps", "2", "--out", str(out)])
    assert out.read_bytes() == by_name


def test_names_of_others_are_harmless(ckpt, tmp_path, capsys):
    said = refused(capsys, "sample", ckpt, "--label", "zebra", "--out", str(tmp_path / "x.png"))
    assert r"label zebra is not known: this model's labels are cat (0), dog (1), red \x1b[31mfox (2)." in said
    main(["sample", ckpt, "--out", str(tmp_path / "grid.png"), "--num", "3"])
    said = capsys.readouterr().out
    assert r"a row a class: cat, dog, red \x1b[31mfox" in said
    assert "\x1b" not in said


def test_names_stand_beside_the_rows(ckpt, tmp_path):
    model = ganzoo.load(ckpt)
    main(["sample", ckpt, "--out", str(tmp_path / "grid.png"), "--num", "6"])
    picture = np.array(Image.open(tmp_path / "grid.png"))
    plain = np.array(grid(model.sample(6)[torch.tensor([0, 3, 1, 4, 2, 5])], 2))
    factor = next(n for n in range(picture.shape[0] // plain.shape[0], 0, -1) if n * plain.shape[1] < picture.shape[1])
    enlarged = plain.repeat(factor, 0).repeat(factor, 1)
    high, wide = enlarged.shape[:2]
    assert (picture[:high, -wide:] == enlarged).all()
    rows = np.array_split(picture[:high, :-wide], 3)
    assert all(row.min() < 128 for row in rows)  # letters
    assert len({row.tobytes() for row in rows}) == 3
    long = with_row_names(grid(model.sample(6), 2), ["x" * 500] * 3)
    assert long.width < 1000


def test_folders_that_are_numbers_are_names():
    told = Labels(12)
    told.class_names = sorted(map(str, range(1, 13)))  # 1, 10, 11, 12, 2 ...
    assert int(told.read("2")) == told.class_names.index("2") == 4
    assert told.caption("2") == "label 2 (number 4 of 12)"
    assert int(told.read(2)) == 2
    with pytest.raises(UserError, match="label 0 is no class"):
        told.read("0")
    digits = Labels(10)
    assert digits.caption("7") == "label 7"
    with pytest.raises(UserError, match=r"label dog is no whole number: this model's labels are 0 to 9\."):
        digits.read("dog")


def test_data_that_calls_the_classes_otherwise_is_refused(ckpt):
    checkpoint = read(ckpt)
    take_back(built(NAMES), checkpoint)
    unnamed = built(["0", "1", "2"])
    unnamed.condition.class_names = None
    take_back(unnamed, checkpoint)
    assert unnamed.condition.class_names == NAMES
    with pytest.raises(UserError, match="class 0 is cat, and the data's is dog"):
        take_back(built(["dog", "cat", NAMES[2]]), checkpoint)


def test_a_checkpoint_of_before_has_no_names_and_many_names_are_kept(tmp_path):
    path = tmp_path / "old.ckpt"
    saved(path)
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["ganzoo"]["classes"]
    torch.save(checkpoint, path)
    assert ganzoo.load(path).condition.class_names is None
    many = [f"n{i:05d}" for i in range(12_000)]
    checkpoint["ganzoo"]["classes"] = many
    torch.save(checkpoint, path)
    assert read(path)["ganzoo"]["classes"] == many
    assert ganzoo.load(path).condition.class_names is None  # they are of other classes than the weights


@pytest.mark.parametrize("classes", ["cat", [1, 2, 3], {"cat": 0}, [["cat"]] * 3])
def test_names_that_are_none_are_refused(tmp_path, classes):
    with pytest.raises(UserError, match="its classes are"):
        read(saved(tmp_path / "x.ckpt", classes=classes))


def test_real_samples_stay_in_their_rows_where_a_class_has_few():
    class Few:
        labels = torch.tensor([0, 2, 2])
        images = torch.arange(3, dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 1, 2, 2)

        def __getitem__(self, rows):
            return {"image": self.images[rows]}

    shown = some_real(Few(), 6, columns=2)
    assert [round((x.mean().item() + 1) * 127.5) for x in shown] == [0, 255, 255, 255, 1, 2]


def test_labels_is_an_option_of_check_and_prepare(tmp_path, capsys):
    for name in ("train/cat", "train/dog", "test"):
        write_images(tmp_path / "z" / name, 2)
    (tmp_path / "z" / "IMG.HEIC").touch()
    src, dest, sheet = str(tmp_path / "z"), str(tmp_path / "made"), str(tmp_path / "s.png")
    for command in (["check", src, "--out", sheet], ["prepare", src, dest]):
        said = refused(capsys, "data", *command, "--image-size", "16", "--num_workers", "0")
        assert "go without classes, --labels false" in said
        assert "--data." not in said
        main(["data", *command, "--image-size", "16", "--num_workers", "0", "--labels", "false"])
        out = capsys.readouterr().out
        assert "4 images to train on (train), 2 to validate (test)" in out
        assert "1 .heic (IMG.HEIC)" in out
    manifest = json.loads((tmp_path / "made" / "manifest.json").read_text())
    assert [part["classes"] for part in manifest["parts"].values()] == [[], []]
    said = refused(capsys, "data", "check", src, "--kind", "faces", "--labels", "false", "--out", sheet)
    assert "--labels is no option of --kind faces" in said


def test_rows_of_classes_without_names_have_their_numbers(ckpt):
    model = ganzoo.load(ckpt)
    assert model.row_names(2) == model.condition.class_names
    model.condition.class_names = None
    assert model.row_names(2) == ["0", "1", "2"]
    assert model.row_names(None) == []  # a grid without a row a class
    assert GAN(shape=(2,)).row_names(2) == []
