"""Prepared sets whose arrays are others than their manifest says are refused in a line, by `fit` and by `check`."""

import json
import shutil

import numpy as np
import pytest
from fakes import write_images

from ganzoo.commands.data.check import check
from ganzoo.commands.data.prepare import prepare
from ganzoo.data import ImageFolder
from ganzoo.system.errors import UserError
from ganzoo.system.files import sha256


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    place = tmp_path_factory.mktemp("prepared")
    for name in "ab":
        write_images(place / "src" / name, 8)
    prepare(str(place / "src"), str(place / "good"), image_size=16, num_workers=0)
    return place / "good"


def array(change):
    return lambda file: np.save(file, change(np.load(file)))


IMAGES, LABELS, ENDS, TEXT = "all.images.npy", "all.labels.npy", "all.names.ends.npy", "all.names.text.npy"
ODD = {
    "floats": (IMAGES, array(lambda x: x.astype(np.float32)), "holds float32"),
    "signed": (IMAGES, array(lambda x: x.astype(np.int8)), "holds int8"),
    "wide": (IMAGES, array(lambda x: x.astype(np.uint16)), "holds uint16"),
    "channels last": (IMAGES, array(lambda x: x.transpose(0, 2, 3, 1)), "where the manifest says"),
    "narrow": (IMAGES, array(lambda x: x[..., :8]), "where the manifest says"),
    "grey": (IMAGES, array(lambda x: x[:, :1]), "where the manifest says"),
    "few": (IMAGES, array(lambda x: x[:5]), "where the manifest says"),
    "flat": (IMAGES, array(lambda x: x.reshape(len(x), -1)), "is no array of 4"),
    "one number": (IMAGES, array(lambda x: np.uint8(3)), "is no array of 4"),
    "texts": (IMAGES, array(lambda x: x.astype(str)), "holds <U3"),
    "objects": (IMAGES, lambda file: np.save(file, np.array([None]), allow_pickle=True), "is no array of numbers"),
    "no array": (IMAGES, lambda file: file.write_text("hello"), "is no array of numbers"),
    "empty": (IMAGES, lambda file: file.write_bytes(b""), "is no array of numbers"),
    "labels: floats": (LABELS, array(lambda x: x.astype(float)), "holds float64"),
    "labels: columns": (LABELS, array(lambda x: x[:, None]), "is no array of 1"),
    "labels: too large": (LABELS, array(lambda x: x + 1), "classes that there are not"),
    "names: floats": (ENDS, array(lambda x: x.astype(float)), "holds float64"),
    "names: back": (ENDS, array(lambda x: x[::-1].copy()), "does not say where the names end"),
    "names: far": (ENDS, array(lambda x: x * 1000), "does not say where the names end"),
    "names: before": (ENDS, array(lambda x: x - 100), "does not say where the names end"),
    "names: columns": (TEXT, array(lambda x: x[None]), "is no array of 1"),
}


def refused(root, words):
    for use in (
        lambda: check(str(root), num_workers=0, out=str(root.parent / "sheet.png")),
        lambda: ImageFolder(root=str(root), image_size=16).load(),
    ):
        with pytest.raises(UserError, match=words) as found:
            use()
        assert "\n" not in str(found.value)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_array_is_named(good, tmp_path, name):
    file, change, words = ODD[name]
    shutil.copytree(good, tmp_path / "odd")
    change(tmp_path / "odd" / file)
    manifest = json.loads((good / "manifest.json").read_text())
    manifest["parts"]["all"]["sha256"] = sha256(tmp_path / "odd" / IMAGES)
    (tmp_path / "odd" / "manifest.json").write_text(json.dumps(manifest))
    refused(tmp_path / "odd", words)


def test_parts_that_the_set_can_not_have(good, tmp_path):
    shutil.copytree(good, tmp_path / "odd")
    manifest = json.loads((good / "manifest.json").read_text())
    manifest["parts"]["odd"] = manifest["parts"].pop("all")
    (tmp_path / "odd" / "manifest.json").write_text(json.dumps(manifest))
    for file in (tmp_path / "odd").glob("all.*"):
        file.rename(file.with_name(file.name.replace("all.", "odd.")))
    refused(tmp_path / "odd", "has the parts odd, and no 'train'")


def test_a_good_one_passes(good, tmp_path, capsys):
    check(str(good), num_workers=0, out=str(tmp_path / "sheet.png"))
    assert "checksum right" in capsys.readouterr().out
