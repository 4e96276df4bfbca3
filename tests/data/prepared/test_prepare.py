"""`ganzoo data prepare` and `check`: exact, resumable, never half-written."""

import errno
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from conftest import QUIET, environment, last
from fakes import FAKES, encoded, picture, write_faces, write_images, write_lmdb, write_pairs
from PIL import Image

from ganzoo.cli import main
from ganzoo.commands.data.check import check
from ganzoo.commands.data.prepare import KINDS, prepare
from ganzoo.data import LSUN, Faces, ImageFolder
from ganzoo.data.prepared.writing import ArrayWriter
from ganzoo.system.errors import UserError


def ready(cls, root, **options):
    data = cls(root=str(root), **{"image_size": 16, "batch_size": 4, "num_workers": 0} | options)
    data.setup()
    return data


def made(src, dest, **options):
    prepare(str(src), str(dest), **{"image_size": 16, "num_workers": 0} | options)


def refused(function, *args, **options):
    with pytest.raises(UserError) as error:
        function(*args, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def files(folder):
    """Everything in a folder, as bytes, but the time and place that a manifest may say."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_prepared_set_gives_the_same_samples(tmp_path, kind):
    cls = KINDS[kind]
    FAKES[cls.__name__](tmp_path / "src")
    made(tmp_path / "src", tmp_path / "dest", kind=kind)
    raw, fast = ready(cls, tmp_path / "src"), ready(cls, tmp_path / "dest", num_workers=None)
    assert fast.num_workers == 0
    for part in ("train", "val"):
        rows = torch.arange(len(getattr(raw, part)))
        mine, theirs = getattr(fast, part)[rows], getattr(raw, part)[rows]
        assert mine.keys() == theirs.keys()
        assert all(mine[name].equal(theirs[name]) for name in mine)


def test_labels_and_attributes_go_with_it(tmp_path):
    for name in ("cats", "dogs"):
        write_images(tmp_path / "src" / name, 10)
    made(tmp_path / "src", tmp_path / "dest")
    data = ready(ImageFolder, tmp_path / "dest")
    assert (data.num_classes, data.train.store.classes) == (2, ["cats", "dogs"])
    assert data.train.labels.equal(ready(ImageFolder, tmp_path / "src").train.labels)
    write_faces(tmp_path / "celeba", 40)
    made(tmp_path / "celeba", tmp_path / "faces", kind="faces")
    options = {"attribute": "Young"}
    assert ready(Faces, tmp_path / "faces", **options).train.labels.equal(
        ready(Faces, tmp_path / "celeba", **options).train.labels
    )


def test_the_array_is_numpys_own_and_its_checksum_is_sha256sums(tmp_path):
    write_images(tmp_path / "src", 20)
    made(tmp_path / "src", tmp_path / "dest")
    file = tmp_path / "dest" / "all.images.npy"
    array = np.load(file)
    assert (array.shape, array.dtype) == ((20, 3, 16, 16), np.uint8)
    manifest = json.loads((tmp_path / "dest" / "manifest.json").read_text())
    assert manifest["parts"]["all"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert manifest["filter"].startswith("bilinear, antialiased")
    assert not list(tmp_path.glob("*.partial"))


def test_an_lmdb_holds_the_same_pixels(tmp_path):
    write_images(tmp_path / "src", 20)
    made(tmp_path / "src", tmp_path / "array")
    made(tmp_path / "src", tmp_path / "lmdb", store="lmdb")
    first, second = (ready(ImageFolder, tmp_path / name) for name in ("array", "lmdb"))
    rows = torch.arange(18)
    assert first.train[rows]["image"].equal(second.train[rows]["image"])
    write_pairs(tmp_path / "pairs", 4, 2)
    assert "prepared as an array" in refused(made, tmp_path / "pairs", tmp_path / "p", kind="paired", store="lmdb")


def test_any_number_of_workers_writes_the_same_files(tmp_path):
    write_images(tmp_path / "src", 30)
    for workers in (0, 2):
        made(tmp_path / "src", tmp_path / str(workers), num_workers=workers)
    assert files(tmp_path / "0") == files(tmp_path / "2")


@pytest.mark.parametrize("store", ["array", "lmdb"])
def test_stopped_at_any_chunk_it_goes_on_to_the_same_files(tmp_path, monkeypatch, store):
    monkeypatch.setattr("ganzoo.data.prepared.writing.CHUNK", 7)
    write_images(tmp_path / "src", 30)
    (tmp_path / "src" / "000011.jpg").write_bytes(b"")
    options = {"store": store, "on_error": "skip"}
    made(tmp_path / "src", tmp_path / "whole", **options)
    from ganzoo.data.prepared import writing

    for stop in range(1, 6):
        count, save = 0, writing.save_json

        def cut(path, content, stop=stop, save=save):
            nonlocal count
            if path.name.endswith("progress.json"):
                count += 1
                if count == stop:
                    raise KeyboardInterrupt  # after the images were written, before it was noted
            save(path, content)

        dest = tmp_path / f"cut{stop}"
        with monkeypatch.context() as patch:
            patch.setattr(writing, "save_json", cut)
            with pytest.raises(KeyboardInterrupt):
                made(tmp_path / "src", dest, **options)
        assert not dest.exists()
        made(tmp_path / "src", dest, **options)
        mine, theirs = (
            {name: raw for name, raw in files(folder).items() if not name.endswith((".mdb", "manifest.json"))}
            for folder in (dest, tmp_path / "whole")
        )
        assert mine == theirs
        rows = torch.arange(20)
        first, second = (ready(ImageFolder, folder) for folder in (dest, tmp_path / "whole"))
        assert first.train[rows]["image"].equal(second.train[rows]["image"])
        assert json.loads((dest / "manifest.json").read_text())["parts"]["all"]["skipped"] == ["000011.jpg"]


def test_killed_it_leaves_nothing_under_the_final_name(tmp_path):
    write_images(tmp_path / "src", 600)
    command = [
        "data",
        "prepare",
        str(tmp_path / "src"),
        str(tmp_path / "dest"),
        "--image-size",
        "64",
        "--num_workers",
        "0",
    ]
    process = subprocess.Popen([sys.executable, "-m", "ganzoo", *command], env=environment(), stdout=subprocess.DEVNULL)
    progress = tmp_path / "dest.partial" / "all.progress.json"
    while not progress.exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "dest").exists()
    assert 0 < json.loads(progress.read_text())["done"] < 600
    main(command)
    made(tmp_path / "src", tmp_path / "whole", image_size=64)
    assert files(tmp_path / "dest") == files(tmp_path / "whole")


def test_two_processes_at_once(tmp_path):
    import fcntl

    write_images(tmp_path / "src", 10)
    (tmp_path / "dest.partial").mkdir()
    with (tmp_path / "dest.partial" / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another process writes to" in refused(made, tmp_path / "src", tmp_path / "dest")
    made(tmp_path / "src", tmp_path / "dest")
    assert ready(ImageFolder, tmp_path / "dest").shape == (3, 16, 16)


def test_sizes_are_not_mixed(tmp_path):
    write_images(tmp_path / "src", 10)
    made(tmp_path / "src", tmp_path / "dest")
    before = files(tmp_path / "dest")
    made(tmp_path / "src", tmp_path / "dest")  # it is there
    message = refused(made, tmp_path / "src", tmp_path / "dest", image_size=32)
    assert "image_size [16, 16] where [32, 32] is wanted" in message
    assert "channels 3 where 1" in refused(made, tmp_path / "src", tmp_path / "dest", channels=1)
    assert files(tmp_path / "dest") == before
    assert "is prepared already" in refused(made, tmp_path / "dest", tmp_path / "again")
    (tmp_path / "mine").mkdir()
    assert "is no prepared set" in refused(made, tmp_path / "src", tmp_path / "mine")
    begun = tmp_path / "begun.partial"
    shutil.copytree(tmp_path / "dest", begun)
    (begun / "manifest.json").rename(begun / "wanted.json")
    assert "was begun with other settings" in refused(made, tmp_path / "src", tmp_path / "begun", image_size=32)


def test_a_set_that_changed_begins_anew(tmp_path, capsys, monkeypatch):
    """Mending what it stopped at changes the numbers of the files: what was half done must not be mixed in."""
    monkeypatch.setattr("ganzoo.data.prepared.writing.CHUNK", 4)
    for name, shade in (("a", 0), ("b", 255)):
        (tmp_path / "src" / name).mkdir(parents=True)
        for i in range(6):
            image = Image.new("RGB", (20, 20), (shade,) * 3)
            (tmp_path / "src" / name / f"{i}.png").write_bytes(encoded(image, "PNG"))
    (tmp_path / "src" / "b" / "3.png").write_bytes(b"")
    assert "b/3.png in" in refused(made, tmp_path / "src", tmp_path / "dest")
    for gone in ("b/3.png", "a/0.png"):
        (tmp_path / "src" / gone).unlink()
    made(tmp_path / "src", tmp_path / "dest")
    assert "starting again" in capsys.readouterr().out
    store = ready(ImageFolder, tmp_path / "dest").train.store
    items, bad = store.load(np.arange(10))
    assert not bad
    assert (items.flatten(1).float().mean(1) > 127).long().tolist() == store.label.tolist() == [0] * 5 + [1] * 5
    shutil.copy(tmp_path / "src" / "a" / "1.png", tmp_path / "src" / "a" / "9.png")
    assert "of other files" in refused(made, tmp_path / "src", tmp_path / "dest")


def test_lsuns_categories_are_not_mixed(tmp_path):
    write_lmdb(tmp_path / "src" / "cat", 20)
    write_lmdb(tmp_path / "src" / "dog", 20, first=50)
    made(tmp_path / "src", tmp_path / "dest", kind="lsun", category="cat")
    assert "category cat where dog" in refused(made, tmp_path / "src", tmp_path / "dest", kind="lsun", category="dog")
    assert "category cat, and bedroom is asked for" in refused(ready, LSUN, tmp_path / "dest")
    assert ready(LSUN, tmp_path / "dest", category="cat").shape == (3, 16, 16)


def test_labels_are_those_of_the_images(tmp_path):
    for name in ("cats", "dogs"):
        write_images(tmp_path / "src" / name, 10)
    made(tmp_path / "src", tmp_path / "dest")
    file = tmp_path / "dest" / "all.labels.npy"
    assert ready(ImageFolder, tmp_path / "dest", labels=False).num_classes is None
    for wrong in (np.zeros(3, np.int64), np.full(20, 7)):
        np.save(file, wrong)
        assert "the part all is not whole" in refused(ready, ImageFolder, tmp_path / "dest")


OTHER_KINDS = [pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind not in ("folder", "unpaired")]


@pytest.mark.parametrize("kind", ["folder", "unpaired", *OTHER_KINDS])
def test_the_command_that_it_recommends_trains(tmp_path, capsys, kind):
    FAKES[KINDS[kind].__name__](tmp_path / "src")
    main(["data", "prepare", str(tmp_path / "src"), str(tmp_path / "my dest"), "--kind", kind, "--image-size", "32"])
    line = capsys.readouterr().out.split("Train: ")[1]
    _, *command = shlex.split(line)
    quick = ["--trainer.max_steps", "1", "--trainer.limit_val_batches", "0", "--data.batch_size", "2", *QUIET]
    if kind in ("paired", "unpaired"):
        quick += ["--model.generator=ResNetTranslator", "--model.generator.blocks=1", "--model.generator.width=4"]
        quick += ["--model.discriminator=PatchGAN", "--model.discriminator.width=4"]
    main([*command, *quick, "--run_dir", str(tmp_path / "run")])
    assert last(tmp_path / "run")["global_step"] == 1


def test_random_crops_need_larger_images(tmp_path):
    write_images(tmp_path / "src", 20)
    for size in (16, 18):
        made(tmp_path / "src", tmp_path / str(size), image_size=size)
    assert "prepare it with --image-size 18" in refused(ready, ImageFolder, tmp_path / "16", augment=["crop"])
    assert ready(ImageFolder, tmp_path / "18", augment=["crop"]).shape == (3, 16, 16)


def test_what_was_prepared_otherwise_is_not_loaded(tmp_path):
    write_images(tmp_path / "src", 10)
    made(tmp_path / "src", tmp_path / "dest")
    assert "image_size [16, 16], and [64, 64] is asked for" in refused(
        ready, ImageFolder, tmp_path / "dest", image_size=64
    )
    assert "kind ImageFolder, and Faces" in refused(ready, Faces, tmp_path / "dest")
    (tmp_path / "dest" / "manifest.json").write_text("{}")
    assert "no manifest of a prepared set" in refused(ready, ImageFolder, tmp_path / "dest")


def test_a_disk_that_fills_up(tmp_path, monkeypatch):
    write_images(tmp_path / "src", 30)
    monkeypatch.setattr("ganzoo.data.prepared.writing.CHUNK", 7)
    write, calls = ArrayWriter.write, []

    def full(self, items, at):
        calls.append(at)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, items, at)

    with monkeypatch.context() as patch:
        patch.setattr(ArrayWriter, "write", full)
        message = refused(made, tmp_path / "src", tmp_path / "dest")
    assert "No space left on device" in message
    assert "what is done is kept" in message
    assert not (tmp_path / "dest").exists()
    with monkeypatch.context() as patch:
        patch.setattr(ArrayWriter, "write", lambda self, items, at: (calls.append(at), write(self, items, at)))
        made(tmp_path / "src", tmp_path / "dest")
    assert calls == [0, 7, 14, 14, 21, 28]
    assert np.load(tmp_path / "dest" / "all.images.npy").shape == (30, 3, 16, 16)


def test_too_small_a_disk_is_known_before(tmp_path, monkeypatch):
    write_images(tmp_path / "src", 30)
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert "use --store lmdb" in refused(made, tmp_path / "src", tmp_path / "dest")


def test_a_limit_on_files_is_one_clear_message(tmp_path):
    """The real thing: the system refuses to let the file grow."""
    write_images(tmp_path / "src", 600)
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000));"
        "from ganzoo.cli import main;"
        f"main(['data', 'prepare', {str(tmp_path / 'src')!r}, {str(tmp_path / 'dest')!r}, '--num_workers', '0'])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "dest").exists()


def test_bad_files_stop_it_or_are_left_out(tmp_path, capsys):
    write_images(tmp_path / "src", 20)
    (tmp_path / "src" / "000004.jpg").write_bytes(b"<html>")
    assert "000004.jpg in" in refused(made, tmp_path / "src", tmp_path / "dest")
    assert not (tmp_path / "dest").exists()
    made(tmp_path / "src", tmp_path / "dest", on_error="skip")
    assert "Left out, 1 file that can't be read: 000004.jpg" in capsys.readouterr().out
    array = np.load(tmp_path / "dest" / "all.images.npy")
    good = [i for i in range(20) if i != 4]
    assert len(array) == 19
    store = ready(ImageFolder, tmp_path / "src").train.store
    assert np.array_equal(array, np.stack([store.item(i) for i in good]))


def test_nothing_that_can_be_read(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.jpg").write_bytes(b"x")
    assert "none of the 1 images" in refused(made, tmp_path / "src", tmp_path / "dest", on_error="skip")


# check ----------------------------------------------------------------------------------------------------


def test_check_of_a_good_set(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_faces(tmp_path / "set", 20)
    check("set", kind="faces", image_size=16, num_workers=0)
    said = capsys.readouterr().out
    assert "20, 20, 20" in said  # widths
    assert "RGB 20" in said
    assert (tmp_path / "contact-sheet.png").stat().st_size > 1000


def test_check_names_what_is_wrong(tmp_path, capsys):
    for part, first in (("train", 0), ("val", 20)):
        write_images(tmp_path / "set" / part, 10, first)
    folder = tmp_path / "set" / "train"
    (folder / "000003.jpg").write_bytes(b"")
    (folder / "again.jpg").write_bytes((folder / "000005.jpg").read_bytes())
    (folder / "other.png").write_bytes(encoded(picture(50).convert("L"), "PNG"))
    shutil.copy(folder / "000007.jpg", tmp_path / "set" / "val" / "leak.jpg")
    out = tmp_path / "sheet.png"
    with pytest.raises(SystemExit) as stop:
        main(["data", "check", str(tmp_path / "set"), "--image-size", "22", "--out", str(out), "--num_workers", "0"])
    assert stop.value.code == 1
    said = capsys.readouterr()
    assert "1 can't be read:\n  train/000003.jpg is empty" in said.out
    assert "train/000005.jpg = train/again.jpg" in said.out
    assert "train: train/000007.jpg = val: val/leak.jpg" in said.out
    assert "RGB 10, L 1" in said.out
    assert "smaller than 22x22" in said.out
    assert "1 of 23 images can't be used" in said.err
    assert "Traceback" not in said.err
    assert out.exists()


def test_check_compares_colours_not_palettes(tmp_path, capsys):
    (tmp_path / "set").mkdir()
    for i, colour in enumerate([(250, 0, 0), (0, 0, 250)]):
        image = Image.new("P", (20, 20), 0)
        image.putpalette(colour)
        (tmp_path / "set" / f"{i}.gif").write_bytes(encoded(image, "GIF"))
    check(str(tmp_path / "set"), out=str(tmp_path / "s.png"), image_size=16, num_workers=0)
    assert "same pixels" not in capsys.readouterr().out


def test_check_of_odd_names(tmp_path, capsys):
    folder = tmp_path / "br[/x]" / "[red]"
    folder.mkdir(parents=True)
    (tmp_path / "br[/x]" / "other").mkdir()
    for place in (folder, tmp_path / "br[/x]" / "other"):
        (place / os.fsdecode(b"\xff.jpg")).write_bytes(b"")
        (place / "a.jpg").write_bytes(encoded(picture(1)))
    with pytest.raises(UserError):
        check(str(tmp_path / "br[/x]"), out=str(tmp_path / "s.png"), image_size=16, num_workers=0)
    said = capsys.readouterr().out
    assert "[red] 2" in said
    assert "\\udcff.jpg is empty" in said
    inside = refused(check, str(tmp_path / "br[/x]"), out=str(folder / "s.png"))
    assert "would become an image of the set" in inside


def test_check_verifies_a_prepared_set(tmp_path, capsys):
    write_images(tmp_path / "src", 20)
    made(tmp_path / "src", tmp_path / "dest")
    check(str(tmp_path / "dest"), out=str(tmp_path / "s.png"))
    assert "checksum right" in capsys.readouterr().out
    file = tmp_path / "dest" / "all.images.npy"
    raw = bytearray(file.read_bytes())
    raw[500] ^= 1
    file.write_bytes(raw)
    assert "is not what the manifest says" in refused(check, str(tmp_path / "dest"), out=str(tmp_path / "s.png"))


def test_the_commands_are_there(capsys):
    for command, answer in ((["data"], "ganzoo data get NAME"), (["data", "chekc"], "did you mean ganzoo data check?")):
        with pytest.raises(SystemExit):
            main(command)
        assert answer in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["data", "prepare", "--help"])
    assert capsys.readouterr().out.startswith("usage: ganzoo data prepare SRC DEST [options]")


OUT = ["../x", "/x", "a/../../x", "..\\x", "C:\\x", "a\0b", "", 7, None, {}]


@pytest.mark.parametrize("name", OUT)
def test_a_manifest_that_names_what_lies_elsewhere_is_refused(tmp_path, name):
    """A companion, and a part, from which the names of its files are made."""
    write_images(tmp_path / "src", 12)
    made(tmp_path / "src", tmp_path / "dest")
    manifest = json.loads((tmp_path / "dest/manifest.json").read_text())
    changes = [{"companions": [name]}]
    if isinstance(name, str):
        changes.append({"parts": {name: manifest["parts"]["all"]}})
    for change in changes:
        (tmp_path / "dest/manifest.json").write_text(json.dumps({**manifest, **change}))
        for function in (lambda: ready(ImageFolder, tmp_path / "dest"), lambda: check(str(tmp_path / "dest"))):
            assert "manifest.json" in refused(function)


@pytest.mark.parametrize(
    "change",
    [
        *({"companions": odd} for odd in (5, "a", {"a": 1})),
        *({"image_size": odd} for odd in (16, [16], [16, "16"], [16, -16], [1e30, 16], "ab", None)),
        *({"channels": odd} for odd in ("3", None, [3], 3.5)),
        *({"store": odd} for odd in ("zarr", None, [])),
        *({"parts": odd} for odd in ([], 5, {"all": 5}, {"all": {"count": "12"}}, {"all": {"classes": "ab"}})),
        *({"kind": odd} for odd in (5, None, ["ImageFolder"])),
        {"more": 1},
    ],
    ids=str,
)
def test_a_manifest_of_other_kinds_is_one_line(tmp_path, change):
    write_images(tmp_path / "src", 12)
    made(tmp_path / "src", tmp_path / "dest")
    file = tmp_path / "dest/manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    for function in (lambda: ready(ImageFolder, tmp_path / "dest"), lambda: check(str(tmp_path / "dest"))):
        assert f"{file} is no manifest of a prepared set" in refused(function)


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, '{"parts": NaN}', "\udcff", "", "{"])
def test_a_manifest_that_is_no_json_is_one_line(tmp_path, text):
    (tmp_path / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "is no manifest of a prepared set" in refused(ready, ImageFolder, tmp_path)


def test_a_prepared_set_may_be_made_of_links(tmp_path):
    """As caches of other programs are."""
    write_images(tmp_path / "src", 12)
    made(tmp_path / "src", tmp_path / "dest")
    (tmp_path / "linked").mkdir()
    for file in (tmp_path / "dest").iterdir():
        (tmp_path / "linked" / file.name).symlink_to(file)
    assert len(ready(ImageFolder, tmp_path / "linked").train) == 11
