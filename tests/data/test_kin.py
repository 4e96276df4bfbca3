"""MNIST's kin: the same files in other folders, EMNIST's upright, and CIFAR-10."""

import gzip
import hashlib
import pickle

import numpy as np
import pytest
import torch
import torchvision
from fakes import idx

from ganzoo.data import CIFAR10, EMNIST, KMNIST, FashionMNIST
from ganzoo.models import CGAN, DCGAN
from ganzoo.system.errors import UserError


def ready(cls, root, **options):
    data = cls(root=str(root), batch_size=4, **options)
    data.prepare_data()
    data.setup()
    return data


def refused(cls, root, **options):
    with pytest.raises(UserError) as error:
        ready(cls, root, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def write_kin(folder, stems=("train", "t10k"), classes=10, first=0):
    """Four IDX files; returns the images of the test set."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for stem, n in zip(stems, (20, 8), strict=True):
        images = rng.integers(256, size=(n, 28, 28), dtype=np.uint8)
        labels = (first + np.arange(n) % classes).astype(np.uint8)
        (folder / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (folder / f"{stem}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return images


@pytest.mark.parametrize("cls", [FashionMNIST, KMNIST])
def test_the_same_format_in_folders_of_their_own(tmp_path, cls):
    images = write_kin(tmp_path / cls.__name__ / "raw")
    data = ready(cls, tmp_path, image_size=28)
    assert np.array_equal(data.val.tensors["image"].squeeze(1), images)
    assert (data.num_classes, data.shape, len(data.train)) == (10, (1, 28, 28), 20)
    assert data.main_score == "swd"  # the judge of digits does not judge clothes
    assert [type(metric).__name__ for metric in data.metrics()] == ["SlicedWassersteinDistance"]
    assert f"{cls.__name__}/raw" in refused(cls, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("part", "classes", "first"),
    [
        ("balanced", 47, 0),
        ("byclass", 62, 0),
        ("bymerge", 47, 0),
        ("digits", 10, 0),
        ("letters", 26, 1),
        ("mnist", 10, 0),
    ],
)
def test_emnist_is_upright_and_counts_from_0(tmp_path, part, classes, first):
    images = write_kin(
        tmp_path / "EMNIST" / "raw", [f"emnist-{part}-{which}" for which in ("train", "test")], classes, first
    )
    data = ready(EMNIST, tmp_path, part=part, image_size=28)
    assert np.array_equal(data.val.tensors["image"].squeeze(1), images.transpose(0, 2, 1))
    assert data.num_classes == classes
    assert data.val.tensors["label"].tolist() == [i % classes for i in range(8)]
    metrics = DCGAN(shape=data.shape).new_metrics(data)
    assert [type(metric).__name__ for metric in metrics] == ["SlicedWassersteinDistance"]
    assert data._judge is None  # none is trained that nobody asks
    metrics = CGAN(shape=data.shape, num_classes=classes).new_metrics(data)
    assert [type(metric).__name__ for metric in metrics] == ["SlicedWassersteinDistance", "AskedClass"]
    assert data.judge() is metrics[1].judge
    assert data.judge().logits.out_features == classes


def test_a_label_too_large(tmp_path):
    write_kin(tmp_path / "KMNIST" / "raw", classes=20)
    assert "KMNIST's are 0 to 9" in refused(KMNIST, tmp_path)


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """CIFAR-10's files with 30 images; their checksums are made known to torchvision."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(0)
    sums = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]:
        content = {"data": rng.integers(256, size=(5, 3072), dtype=np.uint8), "labels": [0, 3, 9, 1, 2]}
        if name == "batches.meta":
            content = {"label_names": list("abcdefghij")}
        (folder / name).write_bytes(pickle.dumps(content))
        sums[name] = hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()
        if name == "test_batch":
            test = content["data"].reshape(5, 3, 32, 32)
    theirs = torchvision.datasets.CIFAR10
    monkeypatch.setattr(theirs, "train_list", [[name, sums[name]] for name in sums if name.startswith("data")])
    monkeypatch.setattr(theirs, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(theirs, "meta", {**theirs.meta, "md5": sums["batches.meta"]})
    return tmp_path, test


def test_cifar(cifar):
    root, test = cifar
    data = ready(CIFAR10, root, augment=["flip"])
    assert (len(data.train), data.shape, data.num_classes) == (25, (3, 32, 32), 10)
    assert np.array_equal(data.val.tensors["image"], test)
    assert data.val.tensors["label"].tolist() == [0, 3, 9, 1, 2]
    small = ready(CIFAR10, root, image_size=16, augment=["crop"], limit=9)
    assert (len(small.train), small.shape) == (9, (3, 16, 16))
    assert small.train[torch.arange(2)]["image"].shape == (2, 3, 18, 18)
    assert small.val[torch.arange(2)]["image"].shape == (2, 3, 16, 16)


def test_cifar_changed_or_absent(cifar):
    root, _ = cifar
    (root / "cifar-10-batches-py" / "data_batch_3").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    assert "whole and unchanged" in refused(CIFAR10, root)
    assert "has no cifar-10-batches-py" in refused(CIFAR10, root / "nowhere")
