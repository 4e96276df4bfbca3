"""Where images lie: folders, zips and LMDBs, whole and broken."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
from fakes import encoded, picture, write_images, write_lmdb, write_lsun
from torchvision.datasets import LSUN as TheirLSUN

from ganzoo.data import LSUN
from ganzoo.data.files.folders import folder_or_zip
from ganzoo.data.files.listing import image_names
from ganzoo.data.files.lmdbs import OPENED, lmdb_source
from ganzoo.data.files.pixels import Unreadable
from ganzoo.data.files.sources import Names
from ganzoo.system.errors import UserError


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(function, *args):
    with pytest.raises(UserError) as error:
        function(*args)
    assert "\n" not in str(error.value)
    return str(error.value)


def names_of(source):
    return [source.names[i] for i in range(len(source))]


def test_names_are_kept_whatever_they_are(tmp_path):
    texts = ["a", "", "Ä ö 馬.jpg", os.fsdecode(b"\xff\xfe.png"), "x" * 300]
    names = Names.of(texts)
    names.save(tmp_path / "n")
    opened = Names.open(tmp_path / "n")
    assert [opened[i] for i in range(len(opened))] == [names[i] for i in range(5)] == texts


def test_a_folder_is_listed_in_order_without_what_is_no_image(tmp_path):
    for name in (
        "b/2.JPG",
        "b/10.png",
        "a/1.webp",
        "z.jpeg",
        ".hidden.jpg",
        "a/.cache/x.jpg",
        "__MACOSX/a.jpg",
        "notes.txt",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert image_names(tmp_path) == ["a/1.webp", "b/10.png", "b/2.JPG", "z.jpeg"]


def test_long_and_foreign_names(tmp_path):
    name = "馬" * 80 + ".jpg"  # 244 bytes; 255 is the most
    folder = tmp_path / ("Ü" * 100)
    folder.mkdir()
    (folder / name).write_bytes(encoded(picture(1)))
    source = folder_or_zip(tmp_path)["all"]
    assert names_of(source) == [f"{folder.name}/{name}"]
    assert source.open(0)[0].size == (20, 24)


def test_links_are_followed_and_loops_are_not(tmp_path):
    write_images(tmp_path / "far", 2)
    root = tmp_path / "root"
    write_images(root / "near", 1)
    (root / "linked").symlink_to(tmp_path / "far")
    (root / "near" / "up").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    assert image_names(root) == ["linked/000000.jpg", "linked/000001.jpg", "near/000000.jpg"]


def test_class_folders_become_labels(tmp_path):
    write_images(tmp_path / "dogs", 2)
    write_images(tmp_path / "cats" / "small", 1)
    source = folder_or_zip(tmp_path)["all"]
    assert source.classes == ["cats", "dogs"]
    assert source.label.tolist() == [0, 1, 1]
    assert folder_or_zip(tmp_path, labelled=False)["all"].label is None
    write_images(tmp_path, 1)  # an image in no folder: then the folders are no classes
    assert folder_or_zip(tmp_path)["all"].classes == []


def test_one_folder_is_no_class(tmp_path):
    write_images(tmp_path / "img_align_celeba", 2)
    assert folder_or_zip(tmp_path)["all"].label is None


@pytest.mark.parametrize("held_out", ["val", "valid", "validation", "test"])
def test_parts_and_their_classes(tmp_path, held_out):
    for part in ("train", held_out):
        write_images(tmp_path / part / "cats", 1)
        write_images(tmp_path / part / "dogs", 2)
    parts = folder_or_zip(tmp_path)
    assert list(parts) == ["train", "val"]
    assert [part.label.tolist() for part in parts.values()] == [[0, 1, 1]] * 2
    assert parts["val"].open(0)[0].size == (20, 24)


def test_a_zip_reads_as_its_folder(tmp_path):
    members = {f"{i % 2}/{i}.jpg": encoded(picture(i)) for i in range(6)}
    for name, content in members.items():
        (tmp_path / "plain" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "plain" / name).write_bytes(content)
    path = zipped(tmp_path / "set.zip", {**members, "__MACOSX/0/._1.jpg": b"", "readme.txt": b""})
    folder, archive = folder_or_zip(tmp_path / "plain")["all"], folder_or_zip(path)["all"]
    assert names_of(folder) == names_of(archive)
    assert folder.label.tolist() == archive.label.tolist()
    assert [folder.read(i) for i in range(6)] == [archive.read(i) for i in range(6)]
    again = pickle.loads(pickle.dumps(archive))  # as a spawned worker gets it
    assert again.read(3) == archive.read(3)


@pytest.mark.parametrize("name", ["../x.jpg", "/etc/x.jpg", "a/../../x.jpg", "C:\\x.jpg", "..\\x.jpg"])
def test_a_zip_that_leads_out_of_itself_is_refused(tmp_path, name):
    assert "would land outside" in refused(folder_or_zip, zipped(tmp_path / "set.zip", {name: b""}))


@pytest.mark.parametrize(
    "text",
    ['{"labels": [["a.jpg", 100000000000000]]}', '{"labels": [["a.jpg", 1e999]]}', '{"labels": ' + "[" * 100_000],
)
def test_labels_that_would_fill_the_memory(tmp_path, text):
    path = zipped(tmp_path / "set.zip", {"a.jpg": b"", "dataset.json": text})
    write_images(tmp_path / "set", 1)
    (tmp_path / "set" / "dataset.json").write_text(text)
    for place in (path, tmp_path / "set"):
        assert "dataset.json is not" in refused(folder_or_zip, place)


def test_labels_that_unpack_to_gigabytes(tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.data.files.sources.LARGEST", 100)
    text = '{"labels": [["a.jpg", 0]]}' + " " * 1000
    assert "unpacks to 1,026 bytes" in refused(
        folder_or_zip, zipped(tmp_path / "set.zip", {"a.jpg": b"", "dataset.json": text})
    )


def test_a_zip_cut_short(tmp_path):
    path = zipped(tmp_path / "set.zip", {f"{i}.jpg": encoded(picture(i)) for i in range(4)})
    path.write_bytes(path.read_bytes()[:-60])
    assert "cut short" in refused(folder_or_zip, path)


def test_a_damaged_member_is_one_unreadable_image(tmp_path):
    path = zipped(tmp_path / "set.zip", {f"{i}.jpg": encoded(picture(i)) for i in range(2)})
    raw = bytearray(path.read_bytes())
    raw[200] ^= 255
    path.write_bytes(raw)
    source = folder_or_zip(path)["all"]
    with pytest.raises(Unreadable, match="Bad CRC"):
        source.open(0)
    assert source.open(1)[0].size == (20, 24)


def test_a_link_to_the_folder_above_is_not_followed(tmp_path):
    write_images(tmp_path / "set", 2)
    write_images(tmp_path / "sibling", 2)
    (tmp_path / "set" / "up").symlink_to(tmp_path)
    assert image_names(tmp_path / "set") == ["000000.jpg", "000001.jpg"]


def test_a_damaged_deflated_member(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.png", encoded(picture(0), "BMP"))
    raw = bytearray(path.read_bytes())
    raw[60:80] = b"\xff" * 20
    path.write_bytes(raw)
    with pytest.raises(Unreadable, match="can't be read"):
        folder_or_zip(path)["all"].open(0)


def test_a_database_cut_short_does_not_kill_the_process(tmp_path):
    write_lmdb(tmp_path / "cat", 200)
    file = tmp_path / "cat" / "data.mdb"
    file.write_bytes(file.read_bytes()[:20_000])
    assert "is cut short" in refused(LSUN(root=str(tmp_path), category="cat").sources)


def test_train_alone_keeps_its_classes(tmp_path):
    for name in ("cats", "dogs"):
        write_images(tmp_path / "train" / name, 2)
    assert folder_or_zip(tmp_path)["all"].label.tolist() == [0, 0, 1, 1]
    write_images(tmp_path / "test", 2)
    assert (
        "the classes to train on are cats, dogs, but test has no folders: go without classes, --data.labels false"
        in refused(folder_or_zip, tmp_path)
    )


def test_no_images(tmp_path):
    assert "is not there" in refused(folder_or_zip, tmp_path / "nowhere")
    (tmp_path / "notes.txt").touch()
    assert "has no images" in refused(folder_or_zip, tmp_path)


def test_closed_files_and_folders(tmp_path, monkeypatch):
    write_images(tmp_path, 1)

    def closed(*_):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    with monkeypatch.context() as patch:  # root may read what is closed
        patch.setattr(Path, "open", closed)
        with pytest.raises(Unreadable, match=r"can't be read \(Permission denied\)"):
            folder_or_zip(tmp_path)["all"].open(0)
    monkeypatch.setattr(os, "scandir", closed)
    assert "can't be listed (Permission denied)" in refused(image_names, tmp_path)


def test_labels_of_stylegans_dataset_tool(tmp_path):
    images = {f"00000/img{i}.png": encoded(picture(i), "PNG") for i in range(3)}
    labels = {"labels": [[name, 2 - i] for i, name in enumerate(images)]}
    path = zipped(tmp_path / "dataset.zip", {**images, "dataset.json": json.dumps(labels)})
    source = folder_or_zip(path)["all"]
    assert source.label.tolist() == [2, 1, 0]
    assert source.classes == ["0", "1", "2"]
    none = zipped(tmp_path / "none.zip", {**images, "dataset.json": '{"labels": null}'})
    assert folder_or_zip(none)["all"].label is None


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ('{"labels": [["0.jpg", 0], ["1.jpg", 1], ["9.jpg", 0]]}', "names 1 of 3 images that are not there"),
        ('{"labels": [["0.jpg", 0]]}', "has no line for 1 of 2 images"),
        ('{"labels": [["0.jpg", "cat"]]}', "is not"),
        ('{"labels": 3}', "is not"),
        ('{"labels": [["0.jpg", 3], ["1.jpg", -1]]}', "the label -1"),
        ("{", "is not"),
    ],
)
def test_labels_that_do_not_fit(tmp_path, labels, why):
    path = zipped(tmp_path / "d.zip", {"0.jpg": b"", "1.jpg": b"", "dataset.json": labels})
    assert why in refused(folder_or_zip, path)


def test_lsun_reads_as_torchvision_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # torchvision keeps its keys in the working folder
    write_lsun(tmp_path / "lsun", 5, 3)
    theirs = [np.asarray(x) for x, _ in TheirLSUN(str(tmp_path / "lsun"), classes=["bedroom_train"])]
    ours = LSUN(root=str(tmp_path / "lsun")).sources()
    assert list(ours) == ["train", "val"]
    assert all(np.array_equal(ours["train"].open(i)[0], image) for i, image in enumerate(theirs))


def test_keys_are_kept_beside_the_data_and_listed_anew_when_it_changed(tmp_path, monkeypatch):
    path = tmp_path / "bedroom_train_lmdb"
    write_lmdb(path, 5)
    first = names_of(lmdb_source(path))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "bedroom_train_lmdb",
        "bedroom_train_lmdb.keys.ends.npy",
        "bedroom_train_lmdb.keys.text.npy",
    ]
    with monkeypatch.context() as patch:
        patch.setattr(Names, "of", lambda keys: pytest.fail("listed again"))
        assert names_of(lmdb_source(path)) == first
    OPENED.pop(path)[1].close()  # a process may open it only once
    write_lmdb(path, 3, first=5)
    assert len(lmdb_source(path)) == 8


def test_broken_and_empty_databases(tmp_path):
    (tmp_path / "bedroom_train_lmdb").mkdir()
    (tmp_path / "bedroom_train_lmdb" / "data.mdb").write_bytes(b"<html>quota</html>" * 400)
    assert "can't be read as an LMDB" in refused(LSUN(root=str(tmp_path)).sources)
    lmdb.open(str(tmp_path / "cat")).close()
    assert "without entries" in refused(LSUN(root=str(tmp_path), category="cat").sources)
    assert "bedroom_train_lmdb" in refused(LSUN(root=str(tmp_path), category="kitchen").sources)


def test_a_database_goes_to_workers(tmp_path):
    write_lsun(tmp_path, 40, 4)
    data = [LSUN(root=str(tmp_path), image_size=16, batch_size=10, num_workers=workers) for workers in (0, 2)]
    batches = []
    for each in data:
        each.setup()
        each.val[torch.arange(2)]  # open in this process before the workers start
        stream = iter(each.train_dataloader())
        batches.append([next(stream)["image"] for _ in range(6)])
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(*batches, strict=True))
