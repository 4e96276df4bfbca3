"""Sets in litdata's chunks: made exactly, shuffled by windows of chunks, and fetched chunk by chunk."""

import itertools
import json
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import write_faces, write_images, write_pairs, write_unpaired

from data.base.test_images import played, same, trainer
from data.prepared.test_prepare import files, made, refused
from ganzoo.commands.data.check import check
from ganzoo.data import Faces, ImageFolder
from ganzoo.data.prepared import chunks as streamed
from ganzoo.data.prepared.chunks import ChunkedStream
from ganzoo.data.prepared.writing import Done
from ganzoo.system.errors import UserError

litdata = pytest.importorskip("litdata", reason="litdata is not installed: pip install 'ganzoo[stream]'")

from litdata.streaming import downloader as litdatas  # noqa: E402

W, BYTES = 2, 8000


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Chunks of about ten images, in windows of two, cached below tmp_path."""
    monkeypatch.setattr("ganzoo.data.prepared.chunk_writer.BYTES", BYTES)
    monkeypatch.setattr(streamed, "WINDOW", W)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


class Bucket(litdatas.Downloader):
    """Object storage in a folder, which notes what it is asked for."""

    def note(self, what, path):
        with (Path(path).parents[1] / "log").open("a") as log:
            print(what, Path(path).name, file=log)

    def download_file(self, remote, local):
        path = remote.removeprefix("bucket:/")
        if path.endswith(".bin"):
            self.note("whole", path)
        shutil.copy(path, local)

    def download_bytes(self, remote, offset, length, local):
        path = remote.removeprefix("bucket:/")
        self.note("part", path)
        return Path(path).read_bytes()[offset : offset + length]


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setitem(litdatas._DOWNLOADERS, "bucket://", Bucket)
    return lambda folder: f"bucket:/{folder}"


def log(folder, what):
    lines = (folder / "log").read_text().split("\n") if (folder / "log").exists() else []
    return [line.split()[1] for line in lines if line.startswith(what)]


def ready(cls, root, world=1, rank=0, **options):
    data = cls(root=str(root), **{"image_size": 16, "batch_size": 4, "seed": 3, "num_workers": 0} | options)
    data.setup()
    data.trainer = trainer(world, rank)
    return data


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A folder of two classes, `src`, and `set`, the same in chunks: made once."""
    folder = tmp_path_factory.mktemp("chunks")
    for name, count, first in (("cats", 50, 0), ("dogs", 40, 50)):
        write_images(folder / "src" / name, count, first)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganzoo.data.prepared.chunk_writer.BYTES", BYTES)
        made(folder / "src", folder / "set", store="litdata")
    return folder


@pytest.fixture
def classes(tmp_path, original):
    """A set of two classes, in chunks: a test's own copy of the folder."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    return tmp_path / "set"


def chunks_of(data):
    return streamed.chunks_of(data.train.store)


def cached(tmp_path):
    """How many bytes of chunks the cache has."""
    size = 0
    for path in (tmp_path / "cache" / "ganzoo" / "stream").glob("*/*/*.bin"):
        with suppress(FileNotFoundError):  # a worker makes room
            size += path.stat().st_size
    return size


# making ---------------------------------------------------------------------------------------------------


def test_the_same_samples_as_an_array(tmp_path, classes):
    made(tmp_path / "src", tmp_path / "array")
    mine, theirs = ready(ImageFolder, classes), ready(ImageFolder, tmp_path / "array")
    assert len(chunks_of(mine).files) > 3 * W
    assert (mine.num_classes, len(mine.val)) == (2, 9)
    for part in ("train", "val"):
        rows = torch.arange(len(getattr(mine, part)))
        assert same(getattr(mine, part)[rows], getattr(theirs, part)[rows])


def test_litdata_reads_it(tmp_path, classes):
    index = json.loads((classes / "all" / "index.json").read_text())
    assert sum(chunk["chunk_size"] for chunk in index["chunks"]) == 90
    source, label = chunks_of(ready(ImageFolder, classes)), np.load(classes / "all.labels.npy")
    theirs = litdata.StreamingDataset(str(classes / "all"))
    assert [theirs[i][1] for i in range(90)] == label.tolist()
    assert all(bytes(theirs[i][0]) == source.read(i) for i in range(90))


@pytest.mark.parametrize("stop", range(1, 7))
def test_stopped_anywhere_it_goes_on_to_the_same_files(tmp_path, monkeypatch, stop):
    from ganzoo.data.prepared import writing

    monkeypatch.setattr(writing, "CHUNK", 7)
    for name in ("a", "b"):
        write_images(tmp_path / "src" / name, 18, 18 * (name == "b"))
    (tmp_path / "src" / "a" / "000011.jpg").write_bytes(b"")
    options = {"store": "litdata", "on_error": "skip"}
    made(tmp_path / "src", tmp_path / "whole", **options)
    save, sha256, count = writing.save_json, writing.sha256, 0

    def cut(path, content):
        nonlocal count
        count += path.name.endswith("all.progress.json")
        if count == stop:
            raise KeyboardInterrupt  # after the images were written, before it was noted
        save(path, content)

    def cut_late(*paths):
        if stop == 6:
            raise KeyboardInterrupt  # after the index
        return sha256(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "save_json", cut)
        patch.setattr(writing, "sha256", cut_late)
        with pytest.raises(KeyboardInterrupt):
            made(tmp_path / "src", tmp_path / "dest", **options)
    assert not (tmp_path / "dest").exists()
    made(tmp_path / "src", tmp_path / "dest", **options)
    assert files(tmp_path / "dest") == files(tmp_path / "whole")
    assert not [name for name in files(tmp_path / "dest") if "progress" in name or "lock" in name]


def test_how_far_it_had_come():
    state = Done(9, 6, [1, 4, 5])  # kept: 0 2 3 6 7 8
    assert [state.until(kept).done for kept in (1, 2, 3, 4, 6)] == [1, 3, 4, 7, 9]
    assert state.until(3) == Done(4, 3, [1])


def test_what_cant_be_streamed_is_refused(tmp_path):
    write_pairs(tmp_path / "pairs", 4, 2)
    assert "prepared as an array" in refused(made, tmp_path / "pairs", tmp_path / "p", kind="paired", store="litdata")
    write_unpaired(tmp_path / "unpaired", 4, 4)
    message = refused(made, tmp_path / "unpaired", tmp_path / "u", kind="unpaired", store="litdata")
    assert "--kind unpaired can't be streamed" in message


def test_without_litdata(tmp_path, monkeypatch, classes):
    for name in ("litdata", "litdata.streaming.writer", "litdata.streaming.downloader"):
        monkeypatch.setitem(sys.modules, name, None)
    for call in (
        lambda: made(tmp_path / "src", tmp_path / "again", store="litdata"),
        lambda: ready(ImageFolder, "s3://bucket/set"),
    ):
        assert "pip install 'ganzoo[stream]'" in refused(call)
    assert not list(tmp_path.glob("again*"))
    assert len(played(ready(ImageFolder, classes), 3)) == 3  # what is on the disk needs no litdata


def test_check_and_what_is_not_whole(tmp_path, classes, capsys):
    check(str(classes), out=str(tmp_path / "s.png"))
    assert "checksum right" in capsys.readouterr().out
    chunk = classes / "all" / "chunk-0-1.bin"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-1] + b"?")
    assert "is not what the manifest says" in refused(check, str(classes), out=str(tmp_path / "s.png"))
    chunk.write_bytes(whole[:-9])
    assert "not whole (chunk-0-1.bin was cut short)" in refused(ready, ImageFolder, classes)
    chunk.write_bytes(b"?" * len(whole))  # known when it is read
    assert "lies in a chunk that is broken" in refused(lambda: played(ready(ImageFolder, classes), 30))
    for text in ("{}", "no json"):
        (classes / "all" / "index.json").write_text(text)
        assert "not whole" in refused(ready, ImageFolder, classes)


# the order ------------------------------------------------------------------------------------------------


def stream(data, batch_size, start=0, world=1, rank=0, seed=7):
    return ChunkedStream(data.train, batch_size, lambda: start, seed, world, rank)


def take(batches, count):
    return torch.cat(list(itertools.islice(iter(batches), count))).tolist()


@pytest.mark.parametrize("world", [1, 2, 3])
def test_each_sample_once_an_epoch_over_all_ranks(classes, world):
    data = ready(ImageFolder, classes)
    n, samples = len(data.train), []
    for batches in zip(*(stream(data, 4, 0, world, rank) for rank in range(world)), strict=True):
        samples += torch.stack(batches, dim=1).flatten().tolist()
        if len(samples) >= 4 * n:
            break
    epochs = [samples[i * n : (i + 1) * n] for i in range(4)]
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert samples == take(stream(data, 1), len(samples))


@pytest.mark.parametrize("start", [0, 5, 30, 80, 81, 82, 200])
def test_start_anywhere_is_the_tail_of_the_whole(classes, start):
    data = ready(ImageFolder, classes)
    whole = take(stream(data, 1), 300)
    assert take(stream(data, 8, start), 5) == whole[start : start + 40]
    assert take(stream(data, 300), 1) == whole
    assert take(stream(data, 300, seed=8), 1) != whole


def test_only_a_few_chunks_are_needed_at_a_time(classes):
    data = ready(ImageFolder, classes)
    starts, n = chunks_of(data).starts, len(data.train)
    rows = data.train.rows[take(stream(data, 1), 4 * n)]
    chunk = np.searchsorted(starts, rows, "right") - 1
    for epoch in chunk.reshape(4, n):
        seen = list(dict.fromkeys(epoch.tolist()))  # in the order they are met
        for first in range(0, len(seen), W):
            window = np.flatnonzero(np.isin(epoch, seen[first : first + W]))
            assert np.ptp(window) == len(window) - 1  # nothing else is between
    orders = chunk.reshape(4, n)
    assert len({tuple(dict.fromkeys(epoch.tolist())) for epoch in orders}) == 4
    assert (np.diff(orders[0]) != 0).mean() > 0.3  # shuffled within the window, not chunk by chunk
    span = W * int(np.diff(np.searchsorted(data.train.rows, starts)).min())
    assert max(len(set(chunk[i : i + span])) for i in range(len(chunk) - span)) <= 2 * W


def test_a_limit_and_chunks_without_training_samples(classes):
    data = ready(ImageFolder, classes, limit=9)
    assert sorted(take(stream(data, 9), 1)) == list(range(9))


# streaming ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_is_as_on_the_disk(tmp_path, classes, bucket, workers):
    for url in (bucket(classes), f"local:{classes}/"):
        mine = ready(ImageFolder, url, num_workers=workers)
        theirs = ready(ImageFolder, classes)
        assert mine.num_classes == 2
        assert all(map(same, played(mine, 45), played(theirs, 45)))
        assert same(mine.val[torch.arange(9)], theirs.val[torch.arange(9)])
        resumed = ready(ImageFolder, url, num_workers=workers)
        resumed.load_state_dict({"position": 20, "n": len(resumed.train)})
        assert all(map(same, played(resumed, 9), played(ready(ImageFolder, classes), 14)[5:]))
    fetched = log(classes, "whole")
    assert len(fetched) == len(set(fetched)) == len(chunks_of(mine).files)  # each once, by one process


def test_only_the_chunks_that_are_needed_are_fetched(tmp_path, classes, bucket):
    data = ready(ImageFolder, bucket(classes))
    assert log(classes, "whole") == []
    played(data, 2)  # 8 of a window of some 18
    assert 0 < len(log(classes, "whole")) <= W
    assert log(classes, "part") == []
    list(data.val_dataloader())
    before = log(classes, "part")
    assert 0 < len(before) <= 2 * 9
    assert len(log(classes, "whole")) <= W  # what is held out comes without its chunk, and once
    list(ready(ImageFolder, bucket(classes)).val_dataloader())
    assert log(classes, "part") == before


@pytest.mark.parametrize("workers", [0, 2])
def test_the_cache_is_bounded(tmp_path, classes, bucket, workers):
    sizes = chunks_of(ready(ImageFolder, classes)).sizes
    limit = 2 * W * max(sizes)
    assert limit < sum(sizes)
    data = ready(ImageFolder, bucket(classes), cache_gb=limit / 1e9, num_workers=workers)
    theirs = ready(ImageFolder, classes)
    n, batches, expected = len(data.train), iter(data.train_dataloader()), iter(theirs.train_dataloader())
    for _ in range(3 * n // 4):
        assert same(next(batches), next(expected))
        assert cached(tmp_path) <= limit + workers * max(sizes)
    assert len(log(classes, "whole")) <= 3 * len(sizes) + 2 * W  # once an epoch, not once a sample
    message = refused(ready, ImageFolder, bucket(classes), cache_gb=limit / 2e9)
    assert "--data.cache_gb is" in message


def test_what_was_used_longest_ago_makes_room(tmp_path, classes, bucket):
    chunks = chunks_of(ready(ImageFolder, bucket(classes)))
    for number in (0, 1, 2):
        chunks.read(next(i for i in range(chunks.starts[number], len(chunks)) if i not in chunks.single))
        os.utime(chunks.where / chunks.files[number], (number, number))
    chunks.single.discard(0)
    chunks.read(0)
    chunks.limit = sum(chunks.sizes[:3])
    chunks.make_room(1)
    assert {path.name for path in chunks.where.glob("*.bin")} == {chunks.files[0], chunks.files[2]}


def test_a_new_set_at_the_same_address_is_a_new_set(tmp_path, classes, bucket):
    played(ready(ImageFolder, bucket(classes)), 3)
    shutil.rmtree(classes)
    write_images(tmp_path / "other", 60, first=500)
    made(tmp_path / "other", classes, store="litdata")
    assert all(map(same, played(ready(ImageFolder, bucket(classes)), 20), played(ready(ImageFolder, classes), 20)))


def test_attributes_are_streamed_too(tmp_path, bucket):
    write_faces(tmp_path / "celeba", 40)
    made(tmp_path / "celeba", tmp_path / "set", kind="faces", store="litdata")
    mine, theirs = (ready(Faces, root, attribute="Young") for root in (bucket(tmp_path / "set"), tmp_path / "set"))
    assert mine.train.labels.equal(theirs.train.labels)
    assert all(map(same, played(mine, 12), played(theirs, 12)))


@pytest.mark.parametrize("workers", [0, 2])
def test_what_cant_be_fetched_is_one_clear_message(tmp_path, classes, bucket, workers):
    assert "nowhere/manifest.json can't be fetched" in refused(ready, ImageFolder, bucket(tmp_path / "nowhere"))
    data = ready(ImageFolder, bucket(classes), num_workers=workers, on_error="skip")
    shutil.move(classes / "all", tmp_path / "gone")
    assert "chunk-0-" in (message := refused(lambda: played(data, 3)))
    assert "can't be fetched (FileNotFoundError" in message
    for chunk in (tmp_path / "gone").glob("*.bin"):
        chunk.write_bytes(b"short")
    shutil.move(tmp_path / "gone", classes / "all")
    assert "has 5 bytes, its index says" in refused(lambda: played(data, 3))
    left = [path for path in (tmp_path / "cache").rglob("*") if path.suffix == ".bin" or "writing" in path.name]
    assert not [path for path in left if not (workers and "writing" in path.name)]  # the other worker may be at one yet


def test_a_manifest_that_is_none(tmp_path, classes, bucket):
    made(tmp_path / "src", tmp_path / "array")
    assert "was prepared with --store array" in refused(ready, ImageFolder, bucket(tmp_path / "array"))
    assert "image_size [16, 16], and [64, 64]" in refused(ready, ImageFolder, bucket(classes), image_size=64)
    (classes / "manifest.json").write_text("<html>")
    assert "no manifest of a prepared set" in refused(ready, ImageFolder, bucket(classes))


# what others upload ---------------------------------------------------------------------------------------


def changed(file, change):
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def outside(tmp_path):
    """Everything below a folder but in the cache and the set: what is there before and after."""
    return {path for path in tmp_path.rglob("*") if not {"cache", "set"} & set(path.relative_to(tmp_path).parts)}


@pytest.mark.parametrize("where", ["companion", "part", "chunk"])
@pytest.mark.parametrize("up", ["../", "../../", "../../../../home/", "ABSOLUTE"])
def test_a_set_in_storage_writes_nothing_elsewhere(tmp_path, classes, bucket, where, up):
    name = f"{tmp_path}/home/.bashrc" if up == "ABSOLUTE" else f"{up}.bashrc"
    (tmp_path / "home").mkdir()
    there = Path(os.path.normpath(f"{classes}/{name}" if where != "chunk" else f"{classes}/all/{name}"))
    for place in (there, Path(f"{classes}/{name}"), Path(f"{classes}/all/{name}")):
        with suppress(OSError):
            if not place.exists() and str(place.resolve()).startswith(str(tmp_path)):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text("echo theirs")
    if where == "chunk":
        changed(classes / "all/index.json", lambda index: index["chunks"][0].update(filename=name))
    elif where == "part":
        changed(classes / "manifest.json", lambda m: m["parts"].update({name: m["parts"]["all"]}))
    else:
        changed(classes / "manifest.json", lambda m: m["companions"].append(name))
    before = outside(tmp_path)
    with pytest.raises(UserError, match=r"(manifest|index)\.json names .* outside of its folder"):
        ready(ImageFolder, bucket(classes))
    assert outside(tmp_path) == before
    assert not list((tmp_path / "cache").rglob(".bashrc*"))


@pytest.mark.parametrize(
    "change",
    [
        {"filename": "deeper/chunk.bin"},
        {"chunk_bytes": -1},
        {"chunk_bytes": "8000"},
        {"chunk_size": 0},
        {"chunk_size": 1.5},
        {"chunk_size": None},
        {"chunk_size": 10**17},
    ],
    ids=str,
)
def test_an_index_that_cannot_be_is_one_line(tmp_path, classes, bucket, change):
    changed(classes / "all/index.json", lambda index: index["chunks"][0].update(change))
    for root in (classes, bucket(classes)):
        with pytest.raises(UserError, match=r"is not whole|outside") as error:
            ready(ImageFolder, root)
        assert "\n" not in str(error.value)
