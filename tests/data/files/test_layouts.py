"""The folders and zips that people have: what is understood, what is left out and named, and what is refused."""

import zipfile
from pathlib import Path

import pytest
from fakes import encoded, picture, write_lsun
from PIL import Image

from ganzoo.data import CIFAR10, LSUN, Faces, Grey2Colour, Horse2Zebra, ImageFolder, Paired, UnpairedHalves
from ganzoo.data.files.folders import folder_or_zip
from ganzoo.data.files.part_names import parsed
from ganzoo.system.errors import UserError

SMALL = encoded(Image.new("RGB", (16, 16), "red"), "PNG")
WIDE = encoded(picture(0, 32, 16), "PNG")


def laid(root: Path, *names: str, content: bytes = SMALL) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def as_zip(folder: Path) -> Path:
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return path


def refused(function, *args, **options):
    with pytest.raises(UserError) as error:
        function(*args, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def contents(parts):
    """The classes (or none) of each part's images, by their names."""
    return {
        part: {
            source.names[i]: source.classes[source.label[i]] if source.label is not None else None
            for i in range(len(source))
        }
        for part, source in parts.items()
    }


@pytest.mark.parametrize(
    ("name", "part", "rest"),
    [
        *((name, "train", "") for name in ("train", "Train", "TRAIN", "training", "trn")),
        *((name, "val", "") for name in ("val", "valid", "Validation", "dev")),
        *((name, "test", "") for name in ("test", "Testing", "TEST")),
        *(
            (name, "train", "A")
            for name in ("trainA", "TrainA", "TRAINA", "traina", "train_A", "A-train", "training A")
        ),
        *(("seg_train", "train", "seg"), ("training_set", "train", "set"), ("train_images", "train", "images")),
        *((name, "train", "") for name in ("train2017", "trainset", "traindata", "train_1", "trainval", "trainset2")),
        *(("holdout", "val", ""), ("val2017", "val", ""), ("testlabels", "test", "labels")),
        *(("DIV2K_train_HR", "train", "DIV2K_HR"), ("DIV2K_valid_HR", "val", "DIV2K_HR")),
        *(
            (name, None, name)
            for name in ("horse", "restrain", "trainer", "contest", "valve", "train_test", "strain_x")
        ),
    ],
)
def test_words_of_parts(name, part, rest):
    assert parsed(name) == (part, rest)


FORMS = [  # train with cat and dog, validation with both
    ("train/{}/a{}.png", "val/{}/a{}.png"),
    ("Train/{}/a{}.png", "Test/{}/a{}.png"),
    ("TRAIN/{}/a{}.png", "VALID/{}/a{}.png"),
    ("training/{}/a{}.png", "testing/{}/a{}.png"),
    ("archive/dataset/train/{}/a{}.png", "archive/dataset/valid/{}/a{}.png"),
    ("seg_train/seg_train/{}/a{}.png", "seg_test/seg_test/{}/a{}.png"),
    ("training_set/training_set/{}/a{}.png", "test_set/test_set/{}/a{}.png"),
    ("trainset/{}/a{}.png", "testset/{}/a{}.png"),
    ("DIV2K_train_HR/{}/a{}.png", "DIV2K_valid_HR/{}/a{}.png"),
    ("trainval/{}/a{}.png", "test/{}/a{}.png"),
    ("train/{}/a{}.png", "holdout/{}/a{}.png"),
    ("set/{}/train/a{}.png", "set/{}/test/a{}.png"),  # parts below the classes
]


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form[0].replace("/", "_"))
def test_parts_and_classes_are_found_wherever_they_lie(tmp_path, form, zipped):
    train, val = form
    root = tmp_path / "set"
    laid(root, *(train.format(name, i) for name in ("cat", "dog") for i in range(3)))
    laid(root, *(val.format(name, 9) for name in ("cat", "dog")))
    laid(root, "@eaDir/a0.png/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/._a0.png", ".DS_Store", "Thumbs.db", "readme.txt")
    parts = folder_or_zip(as_zip(root) if zipped else root)
    expected = {
        "train": {train.format(name, i): name for name in ("cat", "dog") for i in range(3)},
        "val": {val.format(name, 9): name for name in ("cat", "dog")},
    }
    assert contents(parts) == expected
    understood, left_out = parts.remarks
    assert "6 images to train on" in understood
    assert "2 classes: cat, dog" in understood
    assert all(name in left_out for name in ("readme.txt", "@eaDir", "__MACOSX", ".DS_Store", "Thumbs.db"))


def test_a_val_of_one_class_keeps_it(tmp_path):
    laid(tmp_path, "train/cat/1.png", "train/dog/2.png", "val/dog/3.png")
    assert contents(folder_or_zip(tmp_path))["val"] == {"val/dog/3.png": "dog"}


def test_a_third_part_and_what_lies_beside_are_named(tmp_path):
    laid(tmp_path, "train/cat/1.png", "train/dog/2.png", "val/dog/3.png", "test/4.png", "old/5.png", "cover.png")
    parts = folder_or_zip(tmp_path)
    assert sum(map(len, parts.values())) == 3
    assert "1 image in no folder of a part; 1 image in old; 1 image in test" in parts.remarks[1]


def test_an_image_beside_the_classes_is_told(tmp_path):
    laid(tmp_path, "cat/1.png", "dog/2.png", "cover.png")
    parts = folder_or_zip(tmp_path)
    assert parts["all"].classes == []
    assert "no classes, as cover.png lies beside the folders (cat, dog)" in parts.remarks[0]


def test_words_of_parts_may_be_classes(tmp_path):
    laid(tmp_path, "bus/1.png", "train/2.png", "plane/3.png")
    assert folder_or_zip(tmp_path)["all"].classes == ["bus", "plane", "train"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["train/cat/1.png", "train/dog/2.png", "test/3.png"], "test has no folders"),
        (["train/cat/1.png", "train/dog/2.png", "test/fox/3.png"], "test has fox"),
        (["trainA/1.png", "trainB/1.png", "testA/2.png", "testB/2.png"], "several sets lie side by side"),
        (["train/1.png", "Train/2.png", "val/3.png"], "several sets lie side by side"),
        (["train_images/1.png", "test_images/1.png", "train_masks/1.png", "test_masks/1.png"], "several sets"),
        (["train_1/1.png", "train_2/2.png", "test_1/3.png"], "several sets lie side by side"),
        (["cats_train/1.png", "dogs_test/2.png"], "cats_train, dogs_test look like parts"),
        (["pets/train/1.png", "pets/val/2.png", "cover.png"], "folders to train and to validate in pets"),
    ],
)
def test_what_can_be_understood_in_two_ways_is_refused_with_the_option(tmp_path, names, words):
    laid(tmp_path, *names)
    message = refused(folder_or_zip, tmp_path)
    assert words in message
    assert "--data.labels false" in message
    parts = folder_or_zip(tmp_path, labelled=False)
    assert 0 < sum(map(len, parts.values())) <= len(names)


def test_without_labels_all_folders_to_train_on_are_taken(tmp_path):
    laid(tmp_path, "train_1/1.png", "train_2/2.png", "test_1/3.png")
    parts = contents(folder_or_zip(tmp_path, labelled=False))
    assert {part: set(names) for part, names in parts.items()} == {
        "train": {"train_1/1.png", "train_2/2.png"},
        "val": {"test_1/3.png"},
    }


def test_without_labels_the_parts_of_all_sets_go_together(tmp_path):
    laid(tmp_path, "trainA/1.png", "trainB/1.png", "testA/2.png", "testB/2.png")
    parts = contents(Grey2Colour(root=str(tmp_path)).sources())
    assert {part: set(names) for part, names in parts.items()} == {
        "train": {"trainA/1.png", "trainB/1.png"},
        "val": {"testA/2.png", "testB/2.png"},
    }


def test_pictures_and_films_that_are_not_read_are_named_with_a_remedy(tmp_path):
    laid(
        tmp_path,
        "a.JPG",
        *(f"IMG_{i}.HEIC" for i in range(5)),
        "b.mov",
        "lost+found/x.jpg",
        "notes.txt",
        "raw",
        "c.zip",
    )
    parts = folder_or_zip(tmp_path)
    assert len(parts["all"]) == 1
    said = parts.remarks[1]
    assert said == (
        "Left out: 5 .heic (IMG_0.HEIC, IMG_1.HEIC, IMG_2.HEIC, ...): save pictures as .jpg or .png; 1 .mov (b.mov); "
        "1 archive: c.zip; 2 other files: raw, notes.txt; thumbnails and system files: 1 in lost+found."
    )
    laid(tmp_path, "a.json", "b.json", "lost+found/y/z")
    said = folder_or_zip(tmp_path).remarks[1]
    assert "4 other files (.json, without a suffix, .txt); thumbnails and system files: 2 in lost+found" in said


def test_what_ganzoo_made_among_the_images_is_no_part_of_them(tmp_path):
    laid(tmp_path, "1.png", "2.png")
    before = folder_or_zip(tmp_path)
    for run in ("runs/image_folder/dcgan/one", "runs/two"):
        laid(tmp_path / run, "config.yaml", "checkpoints/last.ckpt", "samples/1.png")
    laid(tmp_path / "starting", "config.yaml", ".lock", "1.png")
    laid(tmp_path / "set64", "manifest.json", "all.images.npy", "all.names.text.npy", "all.names.ends.npy")
    parts = folder_or_zip(tmp_path)
    assert contents(parts) == contents(before)
    assert (
        "3 runs of ganzoo: runs/image_folder/dcgan/one, runs/two, starting; 1 prepared set: set64" in parts.remarks[1]
    )
    laid(tmp_path / "mine", "config.yaml", "3.png")
    assert len(folder_or_zip(tmp_path)["all"]) == 3


def test_a_folder_of_nothing_but_these_says_so(tmp_path):
    laid(tmp_path / "phone", "a.heic", "b.heic")
    laid(tmp_path / "kaggle", "train.zip", "labels.csv")
    assert "2 .heic (a.heic, b.heic): save pictures as .jpg" in refused(folder_or_zip, tmp_path / "phone")
    assert "but train.zip: unpack what is in there" in refused(folder_or_zip, tmp_path / "kaggle")


def test_zips_of_windows(tmp_path):
    path = tmp_path / "w.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("Hündin", "Katze"):
            for i in range(2):
                info = zipfile.ZipInfo("x")
                info.filename = f"Tiere\\train\\{name}\\{i}.png"
                archive.writestr(info, SMALL)
        for i in range(2):
            archive.writestr(f"Tiere\\Test\\Katze\\{i}.PNG", SMALL)
    parts = folder_or_zip(path)
    assert parts["train"].classes == ["Hündin", "Katze"]
    assert parts["train"].names[0] == "Tiere/train/Hündin/0.png"
    assert parts["train"].open(0)[0].size == parts["val"].open(1)[0].size == (16, 16)


@pytest.mark.parametrize("encoding", ["utf-8", "cp437"])
def test_names_in_zips_that_say_no_encoding(tmp_path, encoding):
    path = tmp_path / "z.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("XXXXXXX/1.png", SMALL)
        archive.writestr("fox/1.png", SMALL)
    name = "Hündin".encode(encoding).ljust(7, b"_")
    path.write_bytes(path.read_bytes().replace(b"XXXXXXX", name))
    parts = folder_or_zip(path)
    assert parts["all"].classes[0].rstrip("_") == "Hündin"
    assert parts["all"].open(0)[0].size == (16, 16)


def test_zips_that_can_not_be_read_as_a_whole(tmp_path):
    path = as_zip(laid(tmp_path / "z", "a.png"))
    raw = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + place] |= 1  # encrypted
    path.write_bytes(raw)
    assert "needs a password" in refused(folder_or_zip, path)
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("a/1.png", SMALL)
        archive.writestr("a\\1.png", SMALL)
    assert "holds a/1.png twice" in refused(folder_or_zip, tmp_path / "twice.zip")


# Two domains ----------------------------------------------------------------------------------------------

DOMAINS = [
    (["trainA", "trainB"], ["valA", "valB"]),
    (["trainA", "trainB"], ["testA", "testB"]),
    (["TrainA", "TrainB"], ["TESTA", "TESTB"]),
    (["train_A", "train_B"], ["test_A", "test_B"]),
    (["A/train", "B/train"], ["A/val", "B/val"]),
    (["train/A", "train/B"], ["test/A", "test/B"]),
    (["x/x/trainA", "x/x/trainB"], ["x/x/testA", "x/x/testB"]),
    (["train/input", "train/target"], ["val/input", "val/target"]),
    (["train2017/input", "train2017/target"], ["val2017/input", "val2017/target"]),
    (["training_set/A", "training_set/B"], ["test_set/A", "test_set/B"]),
    (["trainimages", "trainlabels"], ["testimages", "testlabels"]),
    (["DIV2K_train_LR", "DIV2K_train_HR"], ["DIV2K_valid_LR", "DIV2K_valid_HR"]),
    (["Photos", "paintings"], []),
    (["before", "after"], []),
]


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize(("train", "val"), DOMAINS, ids=lambda names: "_".join(names).replace("/", "."))
def test_two_domains_in_the_folders_that_people_have(tmp_path, train, val, zipped):
    root, swapped = tmp_path / "set", train == ["Photos", "paintings"]  # these go by the alphabet
    for folders, numbers in ((train, range(4)), (val, range(4, 6))):
        for folder, suffix in zip(folders, ("jpg", "png"), strict=False):
            laid(root, *(f"{folder}/{i}.{suffix}" for i in numbers))
    where = str(as_zip(root) if zipped else root)
    unpaired, pairs = Horse2Zebra(root=where).sources(), Paired(root=where).sources()
    keys = ["trainA", "trainB", "testA", "testB"]
    assert list(unpaired) == keys[: 4 if val else 2]
    suffixes = {key: {Path(source.names[i]).suffix for i in range(len(source))} for key, source in unpaired.items()}
    assert suffixes == {key: {".jpg" if (key[-1] == "A") != swapped else ".png"} for key in unpaired}
    assert [len(source) for source in unpaired.values()] == [4, 4, 2, 2][: len(unpaired)]
    assert {part: len(source) for part, source in pairs.items()} == ({"train": 4, "val": 2} if val else {"all": 4})
    for source in pairs.values():
        a, b = source.both
        for i in range(len(source)):
            assert Path(a.names[i]).stem == Path(b.names[i]).stem
            assert [image.size for image in source.open(i)] == [(16, 16), (16, 16)]
    told = pairs.remarks[0]
    named = {name for name in ("Photos", "paintings", "before", "after", "input", "target") if name in str(train)}
    assert all(f" is {name}" in told for name in named)


@pytest.mark.parametrize("cls", [Paired, Horse2Zebra])
def test_two_parts_are_no_two_domains(tmp_path, cls):
    laid(tmp_path, "trainphotos/1.png", "testphotos/1.png")
    assert "look like parts of one set" in refused(cls(root=str(tmp_path)).sources)
    parts = cls(root=str(tmp_path), folders=["trainphotos", "testphotos"]).sources()
    assert "A is trainphotos" in parts.remarks[0]


def test_of_three_folders_two_are_chosen(tmp_path):
    laid(tmp_path, *(f"train_{name}/{i}.png" for name in ("label", "inst", "img") for i in range(3)))
    for cls in (Paired, Horse2Zebra):
        message = refused(cls(root=str(tmp_path)).sources)
        assert "--data.folders" in message
        assert "train_img" in message
        parts = cls(root=str(tmp_path), folders=["label", "img"]).sources()
        assert "A is label, B is img" in parts.remarks[0]
        assert "3 images in train_inst" in parts.remarks[1]
        assert "label" in refused(cls(root=str(tmp_path), folders=["label", "zebra"]).sources)
        assert "give two" in refused(cls(root=str(tmp_path), folders=["label", "label"]).sources)


@pytest.mark.parametrize("cls", [Paired, UnpairedHalves])
def test_photographs_are_not_cut_into_halves(tmp_path, cls):
    laid(tmp_path, "x/1.png", "x/2.png", "y/3.png", "z/4.png")
    message = refused(cls(root=str(tmp_path)).sources)
    assert "16x16, does not look like two halves" in message
    assert all(option in message for option in ("--data.folders", "--data.side_by_side true"))
    parts = cls(root=str(tmp_path), side_by_side=True).sources()
    assert len(parts["all"]) == 4
    assert [image.size for image in parts["all"].open(0)] == [(8, 16), (8, 16)]
    assert "left half" in parts.remarks[0]


def test_pairs_side_by_side_in_folders_by_subject_and_in_zips(tmp_path):
    laid(tmp_path / "set", "Train/paris/1.png", "Train/rome/2.png", "Test/paris/3.png", content=WIDE)
    for root in (tmp_path / "set", as_zip(tmp_path / "set")):
        parts = Paired(root=str(root)).sources()
        assert {part: len(source) for part, source in parts.items()} == {"train": 2, "val": 1}
        assert [image.size for image in parts["val"].open(0)] == [(16, 16), (16, 16)]
    message = refused(Paired(root=str(tmp_path / "set"), side_by_side=False).sources)
    assert message.count(str(tmp_path)) == 1
    assert "2 images without a partner" in message
    laid(tmp_path / "flat", "1.png", content=WIDE)
    assert "no two folders" in refused(Paired(root=str(tmp_path / "flat"), side_by_side=False).sources)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["trainA/1.jpg", "trainB/2.png"], "2 images without a partner, such as trainA/1.jpg and trainB/2.png"),
        (["trainA/1.jpg", "trainA/1.png", "trainB/1.png"], "two images called 1"),
        (["trainA/1.png", "train_A/2.png", "trainB/1.png"], "trainA/ and train_A/ say the same"),
    ],
)
def test_pairs_that_are_none(tmp_path, names, words):
    laid(tmp_path, *names)
    assert words in refused(Paired(root=str(tmp_path)).sources)


@pytest.mark.parametrize("cls", [Paired, Horse2Zebra])
def test_a_part_of_one_domain_alone_is_left_out_and_named(tmp_path, cls):
    laid(tmp_path, "train_A/1.png", "train_B/1.png", "test_A/2.png")  # as pix2pixHD has it
    parts = cls(root=str(tmp_path)).sources()
    assert sum(map(len, parts.values())) == (1 if cls is Paired else 2)
    assert "1 image in test_A" in parts.remarks[1]


# CelebA ---------------------------------------------------------------------------------------------------


def celeba(root: Path, images: str, tables: str, kind: str, suffix: str = "jpg") -> Path:
    laid(root, *(f"{images}{i:06d}.{suffix}" for i in range(1, 11)))
    names = [f"{i:06d}.jpg" for i in range(1, 11)]
    values = [("1" if i % 2 else "-1", "-1", str(i // 8)) for i in range(10)]  # Smiling, Male, the part
    if kind == "csv":
        attributes = ["image_id,Smiling,Male", *(f"{n},{s},{m}" for n, (s, m, _) in zip(names, values, strict=True))]
        parts = ["image_id,partition", *(f"{n},{p}" for n, (_, _, p) in zip(names, values, strict=True))]
    else:
        attributes = ["10", "Smiling Male", *(f"{n}  {s} {m}" for n, (s, m, _) in zip(names, values, strict=True))]
        parts = [f"{n} {p}" for n, (_, _, p) in zip(names, values, strict=True)]
    anno, evaluated = tables.split("|")
    laid(root, f"{anno}list_attr_celeba.{kind}", content="\n".join(attributes).encode())
    laid(root, f"{evaluated}list_eval_partition.{kind}", content="\n".join(parts).encode())
    return root


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize(
    ("images", "tables", "kind", "suffix"),
    [
        ("img_align_celeba/", "|", "txt", "jpg"),  # torchvision
        ("Img/img_align_celeba/", "Anno/|Eval/", "txt", "jpg"),  # its authors
        ("Img/img_align_celeba/", "Anno/|Eval/", "txt", "png"),
        ("img_align_celeba/img_align_celeba/", "|", "csv", "jpg"),  # Kaggle
        ("celeba/img_align_celeba/", "celeba/|celeba/", "txt", "jpg"),
    ],
)
def test_celeba_as_it_is_given(tmp_path, capsys, images, tables, kind, suffix, zipped):
    root = celeba(tmp_path / "c", images, tables, kind, suffix)
    data = Faces(root=str(as_zip(root) if zipped else root), attribute="Smiling", image_size=16, num_workers=0)
    data.setup()
    assert (len(data.train), len(data.val)) == (8, 2)
    assert data.train.labels.tolist() == [0, 1] * 4
    assert data.class_names == ["not Smiling", "Smiling"]
    said = capsys.readouterr().out
    assert "8 images train, 2 validate" in said
    assert "Left out" not in said


def test_celebas_tables_beside_its_folder_and_its_other_images(tmp_path, capsys):
    celeba(tmp_path, "Img/img_align_celeba/", "Anno/|Eval/", "txt")
    laid(tmp_path, *(f"Img/img_celeba/{i:06d}.jpg" for i in range(1, 4)))
    for root in (tmp_path / "Img" / "img_align_celeba", tmp_path):
        data = Faces(root=str(root), attribute="Smiling", image_size=16, num_workers=0)
        data.setup()
        assert (len(data.train), len(data.val)) == (8, 2)
    assert "3 images outside of img_align_celeba" in capsys.readouterr().out


def test_what_was_understood_is_said_once_by_a_run(tmp_path, capsys):
    laid(tmp_path, "cat/1.png", "dog/2.png", "dog/3.png")
    data = ImageFolder(root=str(tmp_path), image_size=16, num_workers=0)
    data.setup()
    data.setup()
    assert capsys.readouterr().out.count("2 classes: cat, dog") == 1
    assert data.class_names == ["cat", "dog"]


def test_databases_in_a_folder_of_their_own(tmp_path):
    write_lsun(tmp_path / "lsun" / "scenes", 3, 2)
    parts = LSUN(root=str(tmp_path / "lsun")).sources()
    assert {part: len(source) for part, source in parts.items()} == {"train": 3, "val": 2}
    assert "bedroom_train_lmdb (train)" in parts.remarks[0]


@pytest.mark.parametrize("place", [".", "archive/data", "cifar-10-batches-py"])
def test_cifar_is_found_where_it_was_unpacked(tmp_path, place):
    own = "cifar-10-batches-py"
    laid(tmp_path, own if place == own else f"{place}/{own}", content=b"")
    for file in list(tmp_path.rglob(own)):
        file.unlink()
        file.mkdir()
    assert CIFAR10(root=str(tmp_path / place if place == own else tmp_path)).place() == tmp_path / (
        "." if place == own else place
    )
