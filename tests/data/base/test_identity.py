"""A run that goes on knows its data: another file in the set is told or refused, a moved set is the same."""

import re
import shutil
import zipfile

import fakes
import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.commands.data.prepare import prepare
from ganzoo.data import Digits, Edges2Photo, Faces, Horse2Zebra, ImageFolder, Paired, Toy2D, UnpairedHalves
from ganzoo.data.files import stores
from ganzoo.system.errors import UserError


def images(folder, count=30, first=0, size=(16, 16)):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        noise = np.random.default_rng(i).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{i:03d}.png")


def loaded(cls, state=None, **options):
    data = cls(batch_size=2, **options)
    if cls is not Toy2D:
        data.num_workers = 0
    data.setup("fit")
    data.num_workers = 0
    if state is not None:
        data.load_state_dict(state)
    data.train_dataloader()
    return data.state_dict()


def layout(cls, root):
    """A set for a class, in a folder; the folder of what it trains on."""
    if cls is Horse2Zebra:
        for part in ("trainA", "trainB", "testA", "testB"):
            images(root / part)
        return root / "trainB"
    if cls in (Paired, UnpairedHalves):
        images(root / "train", size=(32, 16))
        images(root / "val", size=(32, 16))
        return root / "train"
    images(root)
    return root


def told(capsys):
    """What was said, but for the lines on what a folder was understood as."""
    lines = capsys.readouterr().out.splitlines(keepends=True)
    return "".join(line for line in lines if not re.match(r".*/(set|moved|packed.zip|one|two): ", line))


SETS = [ImageFolder, Faces, Horse2Zebra, Paired, UnpairedHalves, Edges2Photo]


@pytest.mark.parametrize("cls", SETS)
def test_the_same_set_elsewhere_goes_on_and_another_does_not(cls, tmp_path, capsys):
    part = layout(cls, tmp_path / "set")
    options = {"image_size": 16, "num_val": 3}
    state = loaded(cls, root=str(tmp_path / "set"), **options)
    shutil.copytree(tmp_path / "set", tmp_path / "moved")
    assert loaded(cls, state, root=str(tmp_path / "moved"), **options) == state
    old = {name: state[name] for name in ("position", "n")}  # as an earlier version kept it
    assert loaded(cls, old, root=str(tmp_path / "moved"), **options) == state
    assert told(capsys) == ""

    name = part.relative_to(tmp_path / "set") / "005.png"
    replaced, renamed = tmp_path / "moved" / name, tmp_path / "set" / name
    size = (33, 17) if cls in (Paired, UnpairedHalves) else (17, 17)
    images(replaced.parent, 1, 5, size)  # under the same name
    renamed.rename(renamed.with_name("zzz.png"))  # as many as before
    for root, what in ((tmp_path / "moved", "same names and other sizes"), (tmp_path / "set", "other names or labels")):
        with pytest.raises(UserError, match=rf"{what}.*deleted, added or replaced.*--begin_with RUN"):
            loaded(cls, state, root=str(root), **options)


def test_one_image_deleted_is_refused_though_as_many_are_left_to_train(tmp_path):
    images(tmp_path / "set", 60)
    state = loaded(ImageFolder, root=str(tmp_path / "set"))
    (tmp_path / "set" / "005.png").unlink()
    with pytest.raises(UserError, match="others than the run was trained on"):
        loaded(ImageFolder, state, root=str(tmp_path / "set"))
    assert state["n"] == 54
    state["n"] = 999
    with pytest.raises(UserError, match=r"945 training samples fewer .*999, now 54.*ganzoo fit --begin_with"):
        loaded(ImageFolder, state, root=str(tmp_path / "set"))


def test_a_batch_larger_than_the_set_is_told_with_one_that_works(tmp_path):
    images(tmp_path / "set", 30)
    data = ImageFolder(root=str(tmp_path / "set"), batch_size=64, num_workers=0)
    data.setup()
    with pytest.raises(UserError, match=r"27 training samples \(3 others .*give --data.batch_size 27"):
        data.train_dataloader()


def test_another_split_or_other_labels_are_another_set(tmp_path):
    for folder in "ab":
        images(tmp_path / "set" / folder, 20)
    state = loaded(ImageFolder, root=str(tmp_path / "set"))
    for options in ({"split_seed": 1}, {"labels": False}):
        with pytest.raises(UserError, match="others than the run"):
            loaded(ImageFolder, state, root=str(tmp_path / "set"), **options)


def test_other_validation_images_are_told_and_nothing_else(tmp_path, capsys):
    for part in ("train", "val"):
        images(tmp_path / "set" / part)
    state = loaded(ImageFolder, root=str(tmp_path / "set"))
    (tmp_path / "set" / "val" / "007.png").unlink()
    loaded(ImageFolder, state, root=str(tmp_path / "set"))
    assert told(capsys).startswith("The validation samples have changed (other names or labels): scores")


def test_a_zip_of_the_folder_and_its_prepared_form_are_the_same_set(tmp_path, capsys):
    images(tmp_path / "set")
    state = loaded(ImageFolder, root=str(tmp_path / "set"), image_size=16)
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "set")
    assert loaded(ImageFolder, state, root=str(tmp_path / "packed.zip"), image_size=16) == state
    assert told(capsys) == ""
    for name in ("one", "two"):
        prepare(str(tmp_path / "set"), str(tmp_path / name), image_size=16, num_workers=0)
    capsys.readouterr()
    prepared = loaded(ImageFolder, state, root=str(tmp_path / "one"), image_size=16)
    assert "By their names, the train images are those of the checkpoint" in capsys.readouterr().out
    assert loaded(ImageFolder, prepared, root=str(tmp_path / "two"), image_size=16) == prepared
    assert told(capsys) == ""
    images(tmp_path / "set", 1, 5, (16, 20))
    prepare(str(tmp_path / "set"), str(tmp_path / "three"), image_size=16, num_workers=0)
    with pytest.raises(UserError, match="same names and other sizes"):
        loaded(ImageFolder, prepared, root=str(tmp_path / "three"), image_size=16)


@pytest.mark.parametrize("form", ["windows", "no encoding"])
@pytest.mark.parametrize("cls", [ImageFolder, Paired, Horse2Zebra])
def test_a_zip_is_the_same_set_whatever_it_calls_its_files(cls, form, tmp_path):
    for folder in ("trainA", "trainB") if cls is not ImageFolder else ("für",):
        images(tmp_path / "set" / folder)
    options = {"image_size": 16, "num_val": 3}
    state = loaded(cls, root=str(tmp_path / "set"), **options)
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        for file in (tmp_path / "set").rglob("*.png"):
            name = f"set/{file.relative_to(tmp_path / 'set').as_posix()}"
            name = name.replace("/", "\\") if form == "windows" else name.encode().decode("cp437")
            info = zipfile.ZipInfo("x")
            info.filename = name  # not made a path of this system
            archive.writestr(info, file.read_bytes())
    now = loaded(cls, root=str(tmp_path / "packed.zip"), **options)
    for kept in ("sizes", "contents"):
        assert [part[kept] for part in now["samples"].values()] == [part[kept] for part in state["samples"].values()]


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_other_images_of_the_same_sizes_are_another_set(tmp_path, zipped):
    def write(low):
        (tmp_path / "set").mkdir(exist_ok=True)
        for i in range(30):
            Image.new("RGB", (16, 16), (low, i, 0)).save(tmp_path / "set" / f"{i:02d}.bmp")
        return shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "set") if zipped else tmp_path / "set"

    state = loaded(ImageFolder, root=str(write(0)), image_size=16)
    write(1)
    with pytest.raises(UserError, match="same names and other contents"):
        loaded(ImageFolder, state, root=str(tmp_path / ("packed.zip" if zipped else "set")), image_size=16)
    for part in state["samples"].values():
        del part["contents"]  # as an earlier version kept it
    loaded(ImageFolder, state, root=str(tmp_path / ("packed.zip" if zipped else "set")), image_size=16)


def test_no_image_is_read_and_of_a_large_set_some_are_asked_for_their_size(tmp_path, monkeypatch):
    images(tmp_path / "set", 41)
    asked = []
    monkeypatch.setattr(stores.Decoded, "load", lambda *_: pytest.fail("an image was read"))
    monkeypatch.setattr(stores.Decoded, "bytes_of", lambda store, row: asked.append(row) or 1)
    loaded(ImageFolder, root=str(tmp_path / "set"))
    assert len(asked) == 41
    asked.clear()
    monkeypatch.setattr(stores, "MOST_SIZES", 10)
    loaded(ImageFolder, root=str(tmp_path / "set"))
    assert 0 < len(asked) <= 20


def test_sets_without_files_are_told_by_labels_and_names(tmp_path):
    state = loaded(Digits)
    assert loaded(Digits, state) == state
    mnist = fakes.write_mnist(tmp_path / "mnist")[1]
    from ganzoo.data import MNIST

    state = loaded(MNIST, root=mnist)
    labels = tmp_path / "mnist" / "train-labels-idx1-ubyte.gz"
    labels.unlink()
    labels.with_suffix("").write_bytes(fakes.idx((np.arange(40) % 7).astype(np.uint8)))
    with pytest.raises(UserError, match="others than the run"):
        loaded(MNIST, state, root=mnist)


def test_points_are_told_by_their_file_or_distribution_and_not_by_the_seed(tmp_path):
    state = loaded(Toy2D, seed=1, num_points=100)
    assert loaded(Toy2D, state, seed=2, num_points=100)["samples"] == state["samples"]
    with pytest.raises(UserError, match="others than the run"):
        loaded(Toy2D, state, name="grid", num_points=100)
    file = tmp_path / "points.npy"
    np.save(file, np.arange(40.0).reshape(20, 2))
    state = loaded(Toy2D, file=str(file))
    assert loaded(Toy2D, state, file=str(file)) == state
    np.save(file, np.arange(1, 41.0).reshape(20, 2))
    with pytest.raises(UserError, match="others than the run"):
        loaded(Toy2D, state, file=str(file))


@pytest.mark.parametrize("kept", [None, 3, {}, {"train": 1, "val": {}}, {"train": {}, "val": {}}])
def test_what_a_checkpoint_says_may_be_anything(kept):
    state = {**loaded(Digits), "samples": kept}
    if isinstance(kept, dict) and kept.get("train") == {}:
        with pytest.raises(UserError, match="others than the run"):
            loaded(Digits, state)
    else:
        loaded(Digits, state)


def test_rank_0_alone_looks_and_all_ranks_stop(monkeypatch):
    data = Digits(batch_size=2)
    data.setup("fit")
    monkeypatch.setattr(type(data), "on_rank_0", lambda self, make: "the word of rank 0.")
    with pytest.raises(UserError, match="the word of rank 0"):
        data.train_dataloader()
    assert torch.equal(data.train[0]["image"], data.train[0]["image"])
