"""MNIST from tiny files in the real layout, and from broken ones."""

import gzip
import struct
import zipfile

import pytest
import torch
import torchvision

from ganzoo.data import MNIST
from ganzoo.system.errors import UserError

TRAIN, TEST = 12, 5


def idx(values):
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return header + bytes(values.flatten().tolist())


def contents():
    rng = torch.Generator().manual_seed(0)
    files = {}
    for part, n in (("train", TRAIN), ("t10k", TEST)):
        images = torch.randint(256, (n, 28, 28), generator=rng, dtype=torch.uint8)
        files[f"{part}-images-idx3-ubyte"] = images
        files[f"{part}-labels-idx1-ubyte"] = torch.arange(n, dtype=torch.uint8) % 10
    return files


def write(folder, zipped=(), **changed):
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in contents().items():
        if name in zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(values)))
        else:
            (folder / name).write_bytes(idx(values))


def made(root, **options):
    data = MNIST(root=str(root), **options)
    data.prepare_data()
    data.setup("fit")
    return data


def refused(root, **options):
    with pytest.raises(UserError) as error:
        made(root, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("folder", [".", "MNIST/raw"])
@pytest.mark.parametrize("count_zipped", [0, 2, 4])
def test_both_layouts_gzipped_plain_or_mixed(tmp_path, folder, count_zipped):
    files = contents()
    write(tmp_path / folder, zipped=list(files)[:count_zipped])
    data = made(tmp_path, image_size=28)
    assert torch.equal(data.train.tensors["image"].squeeze(1), files["train-images-idx3-ubyte"])
    assert torch.equal(data.val.tensors["image"].squeeze(1), files["t10k-images-idx3-ubyte"])
    assert data.train.tensors["label"].tolist() == [i % 10 for i in range(TRAIN)]
    assert (data.shape, data.num_classes) == ((1, 28, 28), 10)


def test_as_torchvision_reads_them(tmp_path):
    write(tmp_path / "MNIST/raw")
    theirs = torchvision.datasets.MNIST(tmp_path, train=False)
    ours = made(tmp_path, image_size=28).val
    assert torch.equal(ours.tensors["image"].squeeze(1), theirs.data)
    assert torch.equal(ours.tensors["label"], theirs.targets)


def test_resized_by_default(tmp_path):
    write(tmp_path)
    assert made(tmp_path).shape == (1, 32, 32)


def test_missing_root(tmp_path):
    message = refused(tmp_path / "nowhere")
    assert "nowhere is no folder" in message
    assert "--data.root DIR or --data.download true" in message


def test_root_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    assert "is no folder" in refused(tmp_path / "file")


def test_empty_root_names_all_files_and_a_half_full_one_the_missing(tmp_path):
    message = refused(tmp_path)
    assert all(name in message for name in contents())
    write(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    message = refused(tmp_path)
    assert "t10k-labels-idx1-ubyte" in message
    assert "train-images" not in message


IMAGES = "train-images-idx3-ubyte"


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        (IMAGES, lambda raw: raw[:-1], f"{TRAIN * 784 - 1} bytes for {TRAIN} x 28 x 28 values"),
        (IMAGES, lambda raw: raw + b"x", f"{TRAIN * 784 + 1} bytes"),
        (IMAGES, lambda raw: raw[:9], "starts with 00000803"),
        (IMAGES, lambda raw: b"", "starts with nothing"),
        (IMAGES, lambda raw: b"<html>" + raw, "starts with 3c68746d"),
        (IMAGES, lambda raw: b"\0\0\x0d\x03" + raw[4:], "00000d03"),
        (IMAGES, lambda raw: raw[:4] + struct.pack(">3I", 0, 28, 28), "0 x 28 x 28"),
        (IMAGES, lambda raw: raw[:4] + b"\xff" * 12 + raw[16:], "4294967295 x 4294967295"),
        ("t10k-labels-idx1-ubyte", lambda raw: idx(torch.zeros(4, dtype=torch.uint8)), "4 labels for the 5"),
        ("t10k-labels-idx1-ubyte", lambda raw: raw[:-1] + b"\x0b", "a label 11"),
        ("t10k-labels-idx1-ubyte", lambda raw: idx(torch.zeros(5, 2, dtype=torch.uint8)), "00000802"),
    ],
)
def test_damaged_files(tmp_path, name, damage, words):
    write(tmp_path)
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes()))
    message = refused(tmp_path)
    assert str(path) in message
    assert words in message


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-9], lambda raw: raw[:2], lambda raw: raw[:10] + b"\xff" + raw[11:]]
)
def test_damaged_gzip(tmp_path, damage):
    write(tmp_path, zipped=[IMAGES])
    path = tmp_path / f"{IMAGES}.gz"
    path.write_bytes(damage(path.read_bytes()))
    assert f"{path} is truncated or corrupt gzip" in refused(tmp_path)


def test_download_only_if_wanted_and_absent(tmp_path, monkeypatch):
    asked = []

    def get(name, root, yes):
        asked.append((name, root, yes))
        write(tmp_path / "MNIST/raw")

    monkeypatch.setattr("ganzoo.data.base.idx.get", get)
    refused(tmp_path)
    assert asked == []
    made(tmp_path, download=True)
    made(tmp_path, download=True)
    assert asked == [("mnist", str(tmp_path), True)]


def test_non_square_and_limited(tmp_path):
    write(tmp_path)
    data = made(tmp_path, image_size=[28, 20], limit=7, augment=["crop"])
    assert (len(data.train), len(data.val), data.shape) == (7, TEST, (1, 28, 20))
    assert data.train[0]["image"].shape == (1, 32, 23)  # 286/256 of it: crops are taken from more
    assert data.val[0]["image"].shape == (1, 28, 20)


def kaggles(root):
    """The archive of the set's best known copy: each file twice, in another spelling."""
    for name, values in contents().items():
        dotted = name.replace("-idx", ".idx")
        (root / name).mkdir(parents=True)
        (root / name / name).write_bytes(idx(values))
        (root / dotted).write_bytes(idx(values))


def table(values, labels, title=True):
    lines = [
        ",".join(map(str, [label, *image.flatten().tolist()])) for image, label in zip(values, labels, strict=True)
    ]
    return "\n".join(
        [*(["label," + ",".join(f"{i}x{j}" for i in range(28) for j in range(28))] if title else []), *lines]
    )


@pytest.mark.parametrize("layout", ["kaggle", "wrapped", "nested", "zip", "csv", "plain csv"])
def test_the_forms_that_people_have(tmp_path, capsys, layout):
    files, root = contents(), tmp_path / "archive"
    if layout == "kaggle":
        kaggles(root)
    elif layout == "nested":
        kaggles(root / "MNIST data")
        for name in files:
            (root / "MNIST data" / name.replace("-idx", ".idx")).unlink()
    elif "csv" in layout:
        root.mkdir()
        for part, name in (("train", "train"), ("t10k", "test")):
            text = table(
                files[f"{part}-images-idx3-ubyte"], files[f"{part}-labels-idx1-ubyte"].tolist(), layout == "csv"
            )
            (root / (f"mnist_{name}.csv" if layout == "csv" else f"{name}.csv")).write_text(text)
    else:
        write(root / "a" / "b", zipped=list(files)[:2])
        write(root / "FashionMNIST" / "raw")  # of the same names
        (root / "FashionMNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(b"other")
    if layout == "zip":
        with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
            for file in sorted(path for path in root.rglob("*") if path.is_file()):
                archive.write(file, file.relative_to(root).as_posix().replace("/", "\\"))
        root = tmp_path / "archive.zip"
    data = made(root, image_size=28)
    assert torch.equal(data.train.tensors["image"].squeeze(1), files["train-images-idx3-ubyte"])
    assert torch.equal(data.val.tensors["image"].squeeze(1), files["t10k-images-idx3-ubyte"])
    assert data.train.tensors["label"].tolist() == [i % 10 for i in range(TRAIN)]
    said = capsys.readouterr().out
    assert all(f"the images to {part} are" in said for part in ("train", "test"))


def test_files_of_another_set_are_not_taken(tmp_path):
    for name in ("FashionMNIST/raw", "fashion-mnist", "kmnist", "__MACOSX"):
        write(tmp_path / name)
    (tmp_path / "fashion-mnist_train.csv").touch()
    assert "has no train-images-idx3-ubyte" in refused(tmp_path)
    write(tmp_path / "one")
    write(tmp_path / "two")
    message = refused(tmp_path)
    assert str(tmp_path / "one") in message
    assert str(tmp_path / "two") in message


@pytest.mark.parametrize(
    ("text", "words"),
    [("1,2,3\n", "3 columns"), ("a b\n1,x\n", "no table of whole numbers"), ("label,x\n", "columns")],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_tables_that_are_none(tmp_path, text, words):
    for part in ("train", "test"):
        (tmp_path / f"mnist_{part}.csv").write_text(text)
    assert words in refused(tmp_path)


def test_images_are_for_another_class(tmp_path):
    (tmp_path / "training" / "0").mkdir(parents=True)
    (tmp_path / "training" / "0" / "1.png").touch()
    assert "its images are for --data ImageFolder" in refused(tmp_path)
