"""Paired and unpaired sets: their layouts, and what is wrong with them."""

import shutil

import numpy as np
import pytest
import torch
from fakes import encoded, picture, write_images, write_pairs, write_unpaired

from ganzoo.data import Horse2Zebra, Paired
from ganzoo.system.errors import UserError


def ready(cls, root, **options):
    data = cls(root=str(root), **{"image_size": 24, "batch_size": 4, "num_workers": 0} | options)
    data.setup()
    return data


def refused(cls, root, **options):
    with pytest.raises(UserError) as error:
        ready(cls, root, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def bytes_of(image):
    return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy())


def test_the_left_half_is_a_and_the_right_half_b(tmp_path):
    write_pairs(tmp_path, 12, 4)
    data = ready(Paired, tmp_path)
    assert (len(data.train), len(data.val), data.shape) == (12, 4, (3, 24, 24))
    assert data.val[0]["a"].equal(bytes_of(picture(100, 24, 24)))
    assert data.val[0]["b"].equal(bytes_of(picture(1100, 24, 24)))


def test_the_direction_swaps_them(tmp_path):
    write_pairs(tmp_path, 12, 4)
    there, back = (ready(Paired, tmp_path, direction=direction) for direction in ("AtoB", "BtoA"))
    for part in ("train", "val"):
        mine, theirs = getattr(there, part)[3], getattr(back, part)[3]
        assert mine["a"].equal(theirs["b"])
        assert mine["b"].equal(theirs["a"])


@pytest.mark.parametrize(
    "layout",
    [
        {"trainA": 0, "trainB": 50, "valA": 100, "valB": 150},
        {"trainA": 0, "trainB": 50, "testA": 100, "testB": 150},
        {"A/train": 0, "B/train": 50, "A/val": 100, "B/val": 150},
        {"A": 0, "B": 50},
    ],
)
def test_two_parallel_folders(tmp_path, layout):
    count = 20 if len(layout) == 2 else 8
    for name, seed in layout.items():
        (tmp_path / name).mkdir(parents=True)
        for i in range(count):
            (tmp_path / name / f"{i}.png").write_bytes(encoded(picture(seed + i, 24, 24), "PNG"))
    data = ready(Paired, tmp_path, num_val=4)
    assert len(data.val) == (2 if len(layout) == 2 else 4)
    for row in range(len(data.train)):
        name = data.train.store.names[data.train.rows[row]]
        number = int(name.removesuffix(".png"))
        sample = data.train[row]
        assert sample["a"].equal(bytes_of(picture(number, 24, 24)))
        assert sample["b"].equal(bytes_of(picture(50 + number, 24, 24)))


@pytest.mark.parametrize("parts", [("",), ("train/", "val/")])
@pytest.mark.parametrize("places", [("", ""), ("A/", "B/"), ("input/", "target/")])
@pytest.mark.parametrize("ends", [("before", "after"), ("x", "y"), ("blurred", "sharp")])
def test_names_that_end_with_two_words(tmp_path, capsys, parts, places, ends):
    for part in parts:
        for seed, place, end in zip((0, 50), places, ends, strict=True):
            (tmp_path / part / place).mkdir(parents=True, exist_ok=True)
            for i in range(8):
                file = tmp_path / part / place / f"img_{i:03}_{end}.png"
                file.write_bytes(encoded(picture(seed + i, 24, 24), "PNG"))
    data = ready(Paired, tmp_path, num_val=4)
    assert len(data.train) == 8 if parts != ("",) else len(data.train) + len(data.val) == 8
    for row in range(len(data.train)):
        number = int(data.train.store.names[data.train.rows[row]].rpartition("img_")[2][:3])
        assert data.train[row]["a"].equal(bytes_of(picture(number, 24, 24)))
        assert data.train[row]["b"].equal(bytes_of(picture(50 + number, 24, 24)))
    assert f"by names that end with {ends[0]} and {ends[1]}" in capsys.readouterr().out


def test_a_lone_name_among_pairs(tmp_path):
    write_images(tmp_path, 2)
    for i, end in ((0, "before"), (0, "after"), (1, "before")):
        (tmp_path / f"{i}_{end}.png").write_bytes(encoded(picture(i, 24, 24), "PNG"))
    assert "has no two folders with the same names" in refused(Paired, tmp_path)
    for file in tmp_path.glob("*.jpg"):
        file.unlink()
    assert "has no two folders with the same names" in refused(Paired, tmp_path)
    (tmp_path / "1_after.png").write_bytes(encoded(picture(3, 24, 24), "PNG"))
    assert len(ready(Paired, tmp_path, num_val=1).train) == 1


def test_a_partner_is_missing(tmp_path):
    write_images(tmp_path / "trainA", 3)
    write_images(tmp_path / "trainB", 4)
    assert "1 image without a partner, such as trainB/000003.jpg" in refused(Paired, tmp_path)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (
            lambda root: (root / "train" / "5.png").write_bytes(encoded(picture(0, 49, 24), "PNG")),
            "5.png .* 49 pixels wide",
        ),
        (lambda root: (root / "train" / "5.png").write_bytes(b""), "5.png .* is empty"),
    ],
)
def test_bad_pairs_are_named(tmp_path, spoil, why):
    write_pairs(tmp_path, 8, 4)
    spoil(tmp_path)
    data = ready(Paired, tmp_path)
    batch = next(iter(data.val_dataloader()))
    assert "bad" not in batch
    bad = data.train[torch.arange(8)]["bad"]
    assert [data.train.store.names[row] for row in bad] == ["train/5.png"]
    data.val = data.train  # without a trainer a batch is taken for one of validation
    with pytest.raises(UserError, match=why):
        data.on_after_batch_transfer(data.train[torch.arange(8)], 0)


def test_pairs_of_different_sizes_are_named(tmp_path):
    write_images(tmp_path / "trainA", 4)
    write_images(tmp_path / "trainB", 4)
    (tmp_path / "trainB" / "000002.jpg").write_bytes(encoded(picture(0, 30, 30)))
    data = ready(Paired, tmp_path)
    assert "is 20x24 pixels and its partner 000002.jpg in" in data.train.store.reason(2)


def test_an_unpaired_set(tmp_path):
    write_unpaired(tmp_path, 10, 6)
    data = ready(Horse2Zebra, tmp_path, image_size=[24, 20])
    assert (len(data.train), len(data.val)) == (10, 6)
    assert data.shapes == {"a": (3, 24, 20), "b": (3, 24, 20)}
    val = data.val[torch.arange(6)]
    assert val["b"][4].equal(val["b"][0])  # the shorter domain, of 4, begins again
    assert not val["a"][4].equal(val["a"][0])


def test_without_test_folders_a_part_of_each_domain_is_held_out(tmp_path):
    write_unpaired(tmp_path, 20, 30)
    for name in ("testA", "testB"):
        shutil.rmtree(tmp_path / name)
    data = ready(Horse2Zebra, tmp_path)
    assert [len(domain) for domain in data.train.domains.values()] == [18, 27]
    assert [len(domain) for domain in data.val.domains.values()] == [2, 3]


def test_an_empty_or_missing_domain(tmp_path):
    write_unpaired(tmp_path)
    for file in (tmp_path / "trainB").iterdir():
        file.unlink()
    assert "has images in testA, testB, trainA; an unpaired set has" in refused(Horse2Zebra, tmp_path)
    shutil.rmtree(tmp_path / "testA")
    shutil.move(tmp_path / "trainA", tmp_path / "trainB")
    assert "is not there" in refused(Paired, tmp_path / "nowhere")
