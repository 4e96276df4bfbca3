"""Sets of image files: splits, augmentation, ranks, workers, files that can't be read."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fakes import FAKES, encoded, picture, write_faces, write_images
from PIL import Image

import ganzoo.data
from ganzoo.data import Faces, Horse2Zebra, ImageFolder
from ganzoo.data.base.augmented import cropped, flipped
from ganzoo.data.base.images import Images
from ganzoo.system.errors import UserError

KINDS = [name for name in FAKES if issubclass(getattr(ganzoo.data, name), Images)]


def trainer(world=1, rank=0, training=True):
    return SimpleNamespace(
        world_size=world,
        global_rank=rank,
        training=training,
        overfit_batches=0,
        strategy=SimpleNamespace(root_device=torch.device("cpu"), broadcast=lambda made: made),
        precision_plugin=SimpleNamespace(convert_input=lambda x: x),
    )


def ready(cls, root, world=1, rank=0, **options):
    data = cls(root=str(root), **{"image_size": 16, "batch_size": 8, "seed": 3, "num_workers": 0} | options)
    data.setup()
    data.trainer = trainer(world, rank)
    return data


def played(data, count):
    """Batches as a run gets them."""
    return [data.on_after_batch_transfer(batch, 0) for batch in itertools.islice(data.train_dataloader(), count)]


def same(mine, theirs):
    return all(mine[name].equal(theirs[name]) for name in mine.keys() | theirs.keys())


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("augment", [[], ["flip", "crop"]])
def test_every_set_is_exact_over_ranks_workers_and_a_resume(tmp_path, name, augment):
    cls = getattr(ganzoo.data, name)
    FAKES[name](tmp_path)
    whole = played(ready(cls, tmp_path, augment=augment), 12)
    ranks = [played(ready(cls, tmp_path, 2, rank, augment=augment, batch_size=4), 12) for rank in range(2)]
    workers = played(ready(cls, tmp_path, augment=augment, num_workers=2), 4)
    resumed = ready(cls, tmp_path, augment=augment)
    resumed.load_state_dict({"position": 5 * 8, "n": len(resumed.train)})
    for batch, first, second in zip(whole, *ranks, strict=True):
        assert set(batch) == set(first)
        for key, value in batch.items():
            assert value[0::2].equal(first[key])
            assert value[1::2].equal(second[key])
    assert all(map(same, whole, workers))
    assert all(map(same, whole[5:], played(resumed, 7)))


@pytest.mark.parametrize("name", KINDS)
def test_every_set_gives_bytes_of_the_said_shape(tmp_path, name):
    FAKES[name](tmp_path)
    data = ready(getattr(ganzoo.data, name), tmp_path, image_size=[16, 24], augment=["crop"])
    batch = next(iter(data.train_dataloader()))
    images = {key: value for key, value in batch.items() if value.ndim == 4}
    assert {value.dtype for value in images.values()} == {torch.uint8}
    made = data.on_after_batch_transfer(batch, 0)
    assert data.shape == (3, 16, 24)
    shapes = getattr(data, "shapes", {"image": data.shape}).values()
    assert {tuple(made[key].shape[1:]) for key in images} == set(shapes)
    assert all(made[key].min() >= -1 and made[key].max() <= 1 for key in images)
    val = next(iter(data.val_dataloader()))
    assert {tuple(val[key].shape[1:]) for key in images} == set(shapes)


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("Horse2Zebra", "UnpairedHalves")])
def test_each_sample_once_an_epoch(tmp_path, name):
    FAKES[name](tmp_path)
    data = ready(getattr(ganzoo.data, name), tmp_path, batch_size=4)
    n = len(data.train)
    batches = itertools.islice(data.stream(data.train, 4, lambda: 0, 3), n)
    rows = torch.cat(list(batches)).tolist()
    for epoch in range(4):
        assert sorted(rows[epoch * n : (epoch + 1) * n]) == list(range(n))


def test_the_split_is_drawn_once_and_does_not_overlap(tmp_path):
    write_images(tmp_path, 50)
    first, second = (ready(ImageFolder, tmp_path, seed=seed) for seed in (1, 2))
    assert len(first.val) == 5  # at most a tenth
    assert set(first.val.rows) | set(first.train.rows) == set(range(50))
    assert set(first.val.rows) & set(first.train.rows) == set()
    assert first.val.rows.tolist() == second.val.rows.tolist()
    assert first.val.rows.tolist() != ready(ImageFolder, tmp_path, split_seed=1).val.rows.tolist()
    assert len(ready(ImageFolder, tmp_path, num_val=2).val) == 2
    limited = ready(ImageFolder, tmp_path, limit=20)
    assert len(limited.train) == 20
    assert set(limited.train.rows) < set(first.train.rows)


def test_flips_half_of_the_images_and_crops_anywhere():
    images = torch.arange(2 * 3 * 6 * 8, dtype=torch.uint8).view(2, 3, 6, 8)
    chance = torch.tensor([[0.49, 0.0], [0.5, 0.0]])
    assert flipped(images, chance)[0].equal(images[0].flip(-1))
    assert flipped(images, chance)[1].equal(images[1])
    made = cropped(images, (4, 4), torch.tensor([[0.0, 0.99], [0.99, 0.41]]))
    assert made[0].equal(images[0, :, 0:4, 4:8])
    assert made[1].equal(images[1, :, 2:6, 2:6])


def test_augmentation_is_of_training_only_and_another_in_each_epoch(tmp_path):
    write_images(tmp_path, 20)
    data = ready(ImageFolder, tmp_path, augment=["flip"], batch_size=18, limit=18)
    plain = ready(ImageFolder, tmp_path, batch_size=18, limit=18)
    epochs = [
        [mine.equal(theirs) for mine, theirs in zip(a["image"], b["image"], strict=True)]
        for a, b in zip(played(data, 8), played(plain, 8), strict=True)
    ]
    share = np.mean(epochs)
    assert 0.3 < share < 0.7
    assert len({tuple(epoch) for epoch in epochs}) == 8
    data.trainer = plain.trainer = trainer(training=False)
    batch = next(iter(data.val_dataloader()))
    assert same(data.on_after_batch_transfer(dict(batch), 0), plain.on_after_batch_transfer(dict(batch), 0))


def test_validation_has_the_centre_of_what_training_crops(tmp_path):
    write_images(tmp_path, 20)
    data = ready(ImageFolder, tmp_path, augment=["crop"], image_size=64)
    store = data.val.store
    assert store.shape == (3, 72, 72)  # 64 * 286 / 256, rounded up
    whole = store.item(int(data.val.rows[0]))
    assert data.val[0]["image"].equal(torch.from_numpy(whole[:, 4:68, 4:68]))


def spoil(folder, *numbers):
    for number in numbers:
        path = folder / f"{number:06d}.jpg"
        path.write_bytes(path.read_bytes()[:150])


@pytest.mark.parametrize("workers", [0, 2])
def test_raise_stops_at_the_first_bad_file_with_its_name(tmp_path, workers):
    write_images(tmp_path, 100)
    spoil(tmp_path, 41)
    data = ready(ImageFolder, tmp_path, num_workers=workers)
    with pytest.raises(UserError, match=r"^000041.jpg in .* is broken or cut short .*on_error skip") as error:
        played(data, 20)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_skip_goes_on_with_a_count_and_names(tmp_path, workers, capsys):
    write_images(tmp_path, 100)
    bad = [7, 41, 42]
    spoil(tmp_path, *bad)
    data = ready(ImageFolder, tmp_path, on_error="skip", num_workers=workers, num_val=1)
    batches = played(data, 26)  # two epochs
    assert all(batch["image"].shape == (8, 3, 16, 16) and "bad" not in batch for batch in batches)
    data.teardown("fit")
    said = capsys.readouterr().out
    known = [number for number in bad if number in data.train.rows]
    for number in known:
        assert said.count(f"Skipped: {number:06d}.jpg is broken") == 1
    assert f"Skipped {len(known)} file{'s' * (len(known) > 1)} of" in said


def test_the_next_of_the_same_set_stands_in_with_its_own_label(tmp_path):
    """Black images are of class a, white ones of b: a stand-in brings its own label, and is of its own part."""
    for name, shade in (("a", 0), ("b", 255)):
        (tmp_path / name).mkdir()
        for i in range(20):
            (tmp_path / name / f"{i:02d}.png").write_bytes(encoded(Image.new("RGB", (20, 20), (shade,) * 3), "PNG"))
    for broken in ("a/18.png", "a/19.png", "b/03.png", "b/19.png"):
        (tmp_path / broken).write_bytes(b"")
    data = ready(ImageFolder, tmp_path, on_error="skip", num_val=4)
    for part in (data.train, data.val):
        batch = part[torch.arange(len(part))]
        white = (batch["image"].float().mean((1, 2, 3)) > 127).long()
        assert white.equal(batch["label"])
        assert set(batch.get("bad", torch.tensor([])).tolist()) <= set(part.rows.tolist())
    used = []
    load = data.train.store.load
    data.train.store.load = lambda rows: (used.extend(rows.tolist()), load(rows))[1]
    data.train[torch.arange(len(data.train))]
    assert set(used) == set(data.train.rows.tolist())  # no image that is held out


def test_a_set_that_is_mostly_broken_stops_even_when_skipping(tmp_path):
    write_images(tmp_path, 30)
    spoil(tmp_path, *range(0, 28))
    with pytest.raises(UserError, match="can't be read"):
        played(ready(ImageFolder, tmp_path, on_error="skip"), 10)


@pytest.mark.parametrize(
    "options",
    [{"num_val": 0}, {"limit": 0}, {"split_seed": -1}, {"image_size": 0}, {"batch_size": 0}, {"num_workers": -1}],
)
def test_options_that_cannot_be(tmp_path, options):
    write_images(tmp_path, 20)
    with pytest.raises(UserError, match=rf"--data.{next(iter(options))} is"):
        ready(ImageFolder, tmp_path, **options)


def test_workers_by_default_for_what_is_decoded(tmp_path):
    write_images(tmp_path, 20)
    data = ImageFolder(root=str(tmp_path))
    data.setup()
    assert data.num_workers >= 1


def test_celeba_has_its_attributes_and_its_partition(tmp_path):
    write_faces(tmp_path, 80)
    data = ready(Faces, tmp_path, attribute="Smiling")
    names = [data.train.store.names[row] for row in data.train.rows]
    assert len(data.train) == 72
    assert [data.val.store.names[row][-10:] for row in data.val.rows] == [f"{i:06d}.jpg" for i in range(72, 76)]
    assert data.num_classes == 2
    label = data.train[torch.arange(72)]["label"]
    assert label.tolist() == [int(int(name[-10:-4]) % 3 == 0) for name in names]
    assert data.train.labels.equal(label)
    assert ready(Faces, tmp_path).num_classes is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda root: (root / "list_attr_celeba.txt").unlink(), "which is not there"),
        (lambda root: None, "is Beard; .* has Smiling, Young"),
        (lambda root: write_images(root / "img_align_celeba", 1, first=99), "has no line for 1 of 81 images"),
    ],
)
def test_attributes_that_do_not_fit(tmp_path, change, why):
    write_faces(tmp_path, 80)
    change(tmp_path)
    with pytest.raises(UserError, match=why):
        ready(Faces, tmp_path, attribute="Beard" if "Beard" in why else "Young")


def test_ffhqs_numbered_folders_are_no_classes(tmp_path):
    for folder in ("00000", "01000"):
        (tmp_path / folder).mkdir()
        for i in range(12):
            (tmp_path / folder / f"{i:05d}.png").write_bytes(encoded(picture(i, 32, 32), "PNG"))
    assert ready(Faces, tmp_path).num_classes is None
    assert ready(ImageFolder, tmp_path).num_classes == 2


def test_mixed_sizes_and_modes_in_one_folder(tmp_path):
    kinds = {"L": "PNG", "RGBA": "PNG", "CMYK": "JPEG", "P": "GIF", "1": "PNG", "RGB": "WEBP"}
    for i, (mode, kind) in enumerate(kinds.items()):
        for j in range(4):
            image: Image.Image = picture(i, 20 + 7 * j, 30).convert(mode)
            (tmp_path / f"{mode}{j}.{kind.lower()}").write_bytes(encoded(image, kind))
    data = ready(ImageFolder, tmp_path, num_val=1)
    assert {tuple(batch["image"].shape) for batch in played(data, 4)} == {(8, 3, 16, 16)}


def test_domains_of_different_length_are_paired_anew_in_each_epoch(tmp_path):
    FAKES["Horse2Zebra"](tmp_path)  # 40 and 28
    data = ready(Horse2Zebra, tmp_path)
    assert len(data.train) == 40
    pairs = torch.cat(list(itertools.islice(data.stream(data.train, 8, lambda: 0, 3), 15))).view(3, 40, 2)
    for epoch in pairs:
        a, b = epoch.unbind(1)
        assert sorted(a.tolist()) == list(range(40))
        assert sorted(b[:28].tolist()) == list(range(28))  # once through, then again in another order
        assert len(set(b[28:].tolist())) == 12
    matches = [{tuple(pair) for pair in epoch.tolist()} for epoch in pairs]
    assert len(matches[0] & matches[1]) < 10
    other = torch.cat(list(itertools.islice(data.stream(data.train, 8, lambda: 0, 4), 5)))
    assert not other.equal(pairs[0])


def test_domains_of_one_length_are_not_matched_by_number(tmp_path):
    FAKES["Horse2Zebra"](tmp_path, 30, 30)
    data = ready(Horse2Zebra, tmp_path)
    pairs = torch.cat(list(itertools.islice(data.stream(data.train, 6, lambda: 0, 3), 5)))
    assert (pairs[:, 0] == pairs[:, 1]).float().mean() < 0.3


def test_unpaired_images_are_augmented_each_for_itself_and_pairs_alike(tmp_path):
    for name in ("Horse2Zebra", "Paired"):
        FAKES[name](tmp_path / name)
    flips = {}
    for name in ("Horse2Zebra", "Paired"):
        cls = getattr(ganzoo.data, name)
        pairs = zip(
            played(ready(cls, tmp_path / name, augment=["flip"]), 4),
            played(ready(cls, tmp_path / name), 4),
            strict=True,
        )
        flips[name] = torch.tensor(
            [[[not x.equal(y) for x, y in zip(mine[k], plain[k], strict=True)] for k in "ab"] for mine, plain in pairs]
        )
    assert flips["Paired"][:, 0].equal(flips["Paired"][:, 1])
    assert not flips["Horse2Zebra"][:, 0].equal(flips["Horse2Zebra"][:, 1])
    assert 0.2 < flips["Paired"].float().mean() < 0.8


def test_a_bad_file_of_one_domain_is_named(tmp_path):
    FAKES["Horse2Zebra"](tmp_path)
    spoil(tmp_path / "trainB", 105)
    with pytest.raises(UserError, match=r"^000105.jpg"):
        played(ready(Horse2Zebra, tmp_path), 6)
