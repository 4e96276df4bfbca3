"""Features of real images are kept between runs by what they belong to, and never taken for those of others."""

import os
import time

import pytest
import torch
from fakes import Means
from torch import nn

from ganzoo.metrics import real_features
from ganzoo.metrics.real_features import RealFeatures
from ganzoo.networks.frozen.extractor import Extractor


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "ganzoo"


class Weighted(Extractor):
    """Sees a weighted sum of the pixels."""

    num_features = 3
    suffix = "_weighted"
    recipe = "weighted sums"

    def __init__(self, weight=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.full((3,), weight))

    def forward(self, images):
        return images.float().mean((1, 2, 3))[:, None] * self.weight


def images(count=10, seed=0):
    return torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def looked(content, extractor, x, part=(0, 1), batch=4, save=True, name="image"):
    """The features of this rank's part of a set, and how many images the extractor looked at."""
    number, ranks = part
    kept, seen, found, start = RealFeatures(content, part), 0, [], 0
    for rows in x[number::ranks].split(batch):

        def make(rows=rows):
            nonlocal seen
            seen += len(rows)
            return extractor.extract(rows)

        found.append(kept.of(extractor, rows, name, start, make))
        start += len(rows)
    if save:
        kept.save(lambda mine: mine, bool)
    return torch.cat(found), seen


def test_an_option_of_one_s_own_extractor_is_another_file():
    class Own(Weighted):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

    assert Own(1).facts()["options"] == {"layer": 1}
    assert "options" not in Weighted().facts()
    for layer in (0, 1):
        assert looked("set", Own(layer), images())[1] == 10
        assert looked("set", Own(layer), images())[1] == 0


def test_the_second_look_needs_no_extractor():
    first, seen = looked("set", Means(), images())
    assert seen == 10
    again, seen = looked("set", Means(), images(), batch=3)  # in other batches
    assert seen == 0
    assert torch.equal(first, again)


def test_ranks_take_their_own_part_of_what_one_process_kept():
    whole, _ = looked("set", Means(), images())
    for number in range(3):
        part, seen = looked("set", Means(), images(), (number, 3))
        assert seen == 0
        assert torch.equal(part, whole[number::3])


@pytest.mark.parametrize(
    ("content", "extractor", "name"),
    [
        ("other", Weighted(), "image"),
        ("set", Weighted(2.0), "image"),
        ("set", Means(), "image"),
        ("set", Weighted(), "b"),
    ],
)
def test_another_set_another_extractor_other_weights_and_another_domain_are_not_taken_for_it(content, extractor, name):
    looked("set", Weighted(), images())
    _, seen = looked(content, extractor, images(), save=False, name=name)
    assert seen == 10


def test_another_dtype_is_not_taken_for_it():
    looked("set", Weighted(), images())
    _, seen = looked("set", Weighted(), images().bfloat16(), save=False)
    assert seen == 10


def test_more_rows_than_are_kept_are_extracted_and_then_kept():
    looked("set", Means(), images()[:4])
    features, seen = looked("set", Means(), images(), batch=4)
    assert seen == 6
    assert torch.equal(features, Means().extract(images()))
    _, seen = looked("set", Means(), images())
    assert seen == 0


def test_a_batch_that_is_kept_in_part_is_extracted_whole():
    looked("set", Means(), images()[:4])
    features, seen = looked("set", Means(), images(), batch=3)
    assert seen == 7
    assert torch.equal(features, Means().extract(images()))
    again, seen = looked("set", Means(), images())
    assert seen == 0
    assert torch.equal(again, features)


@pytest.mark.parametrize("spoil", ["cut", "noise", "other", "moved", "format", "nan", "code", "bit"])
def test_a_spoiled_file_is_a_miss_that_is_told(cache, spoil, capsys):
    features, _ = looked("set", Means(), images())
    (file,) = cache.glob("features-*.pt")
    content = file.read_bytes()
    if spoil == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif spoil == "noise":
        file.write_bytes(os.urandom(500))
    elif spoil == "other":
        torch.save({"of": file.stem, "features": torch.zeros(10, 5)}, file)
    elif spoil == "moved":  # of as many features, and of another set
        looked("other set", Means(), images(seed=1))
        (other,) = {*cache.glob("features-*.pt")} - {file}
        other.replace(file)
    elif spoil == "format":
        torch.save({"of": file.stem, "features": features.double()}, file)
    elif spoil == "nan":
        torch.save({"of": file.stem, "features": torch.full((10, 6), float("nan"))}, file)
    elif spoil == "code":
        torch.save({"features": os.system}, file)
    else:
        place = content.index(features.numpy().tobytes()[:16])
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    again, seen = looked("set", Means(), images())
    assert seen == 10
    assert torch.equal(again, features)
    assert str(file) in capsys.readouterr().out
    _, seen = looked("set", Means(), images())
    assert seen == 0


def test_all_together_stay_bounded_and_the_longest_unused_go(cache, monkeypatch, capsys):
    looked("one", Means(), images())
    (size,) = [file.stat().st_size for file in cache.glob("features-*.pt")]
    monkeypatch.setattr(real_features, "MOST", 2 * size)
    looked("two", Means(), images())
    for age, file in enumerate(sorted(cache.glob("features-*.pt"), key=lambda file: file.stat().st_mtime)):
        os.utime(file, (time.time() - 100 + age, time.time() - 100 + age))
    assert looked("one", Means(), images())[1] == 0  # and so was used last
    looked("three", Means(), images())
    assert "Removed" in capsys.readouterr().out
    assert [looked(name, Means(), images(), save=False)[1] for name in ("one", "two", "three")] == [0, 10, 0]


def test_a_set_that_is_too_large_is_not_kept_and_that_is_told(cache, monkeypatch, capsys):
    monkeypatch.setattr(real_features, "LARGEST", 100)
    looked("set", Means(), images())
    assert "Not kept: Means's features of 10 real images" in capsys.readouterr().out
    assert not list(cache.glob("features-*"))


def test_two_processes_that_keep_the_same_leave_one_whole_file(cache):
    a, b = RealFeatures("set"), RealFeatures("set")
    extractor = Means()
    for kept in (a, b):
        kept.of(extractor, images(), "image", 0, lambda: extractor.extract(images()))
    for kept in (a, b):
        kept.save(lambda mine: mine, bool)
    assert len(list(cache.iterdir())) == 1
    assert looked("set", Means(), images())[1] == 0


def test_without_a_place_to_keep_them_nothing_fails(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert looked("set", Means(), images())[1] == 10
