"""The folder of a run and its mirror in a bucket: what is sent when, what is fetched, and what is refused."""

import os
import re
import shutil
from dataclasses import replace

import pytest

from ganzoo.runs.bucket import mirror
from ganzoo.runs.bucket.copy import LAST, from_bucket, order
from ganzoo.runs.bucket.lock import BucketLock, hold_there
from ganzoo.runs.bucket.mirror import Mirror, begin, keep, kept_at_the_end, occupy_there, taken_up
from ganzoo.runs.bucket.place import fetched_to, played_in
from ganzoo.runs.bucket.store import Store, StoreError
from ganzoo.runs.lock import let_go
from ganzoo.system.errors import UserError

RUN = "s3://bucket/run"


@pytest.fixture
def folder(s3):
    """The folder here of a run that has saved twice."""
    folder = played_in(RUN)
    (folder / "checkpoints").mkdir(parents=True)
    write(folder, "config.yaml", "model: GAN\n")
    save(folder, 1)
    save(folder, 2)
    return folder


def write(folder, name, text):
    """Replace a file, as a run does."""
    (folder / f"{name}.new").write_text(text)
    (folder / f"{name}.new").replace(folder / name)


def save(folder, step):
    write(folder, "metrics.csv", f"step\n{step}\n")
    write(folder, LAST, f"round {step}")
    os.link(folder / LAST, folder / "checkpoints" / f"step={step}.ckpt")


def there(s3, name=LAST):
    return s3.get_object(Bucket="bucket", Key=f"run/{name}")["Body"].read().decode()


@pytest.fixture
def sent(monkeypatch):
    """What is uploaded or copied there, in order."""
    names = []

    def noting(real):
        return lambda self, what, name: (real(self, what, name), names.append(name))

    for how in ("put", "copy"):
        monkeypatch.setattr(Store, how, noting(getattr(Store, how)))
    return names


def test_who_has_lost_the_run_sends_nothing_more(folder, s3, sent):
    hold_there(Store(RUN))
    begin(folder)
    other = BucketLock(Store(RUN))
    other.own = replace(other.own, host="far-away", token="another")
    other._write()  # as one does that takes this process for gone
    sent.clear()
    save(folder, 3)
    with pytest.raises(UserError, match=r"is now held by process .* on far-away"):
        keep()
    assert sent == []
    assert there(s3) == "round 2"
    let_go()


def test_what_changed_is_sent_the_last_checkpoint_last(folder, s3, names, sent):
    write(folder, ".lock", "")
    write(folder, ".wandb_id", "abc")
    (folder / "link").symlink_to("/etc/passwd")
    begin(folder)
    kept = [".wandb_id", "config.yaml", "metrics.csv", "checkpoints/step=1.ckpt", "checkpoints/step=2.ckpt", LAST]
    assert sent == kept
    assert names() == {f"run/{name}" for name in kept}
    sent.clear()
    keep()
    assert sent == []
    (folder / "checkpoints" / "step=1.ckpt").unlink()  # as --checkpoint.keep does
    save(folder, 3)
    keep()
    assert sent == ["metrics.csv", "checkpoints/step=3.ckpt", LAST]
    assert "run/checkpoints/step=1.ckpt" not in names()
    assert there(s3) == there(s3, "checkpoints/step=3.ckpt") == "round 3"


def test_a_failure_in_the_middle_leaves_the_former_checkpoint(folder, s3, monkeypatch, capsys):
    begin(folder)
    save(folder, 3)
    real, left = Store.put, [1]

    def put(self, path, name):
        if not left:
            raise StoreError("s3://bucket/run can't be reached.")
        left.pop()
        real(self, path, name)

    monkeypatch.setattr(Store, "put", put)
    keep()
    said = capsys.readouterr().out
    assert "can't be reached. The run goes on" in said
    assert str(folder) in said
    assert (there(s3), there(s3, "metrics.csv")) == ("round 2", "step\n3\n")
    with pytest.raises(UserError, match=f"{folder} has all of it, and `ganzoo resume {RUN}`"), kept_at_the_end():
        mirror.mirrors.append(Mirror(folder, Store(RUN)))
    monkeypatch.setattr(Store, "put", real)
    taken_up(RUN)  # the same machine: it is uploaded first
    assert there(s3) == "round 3"


def test_a_moment_s_failure_is_not_told(folder, s3, monkeypatch, capsys):
    begin(folder)
    save(folder, 3)
    real, troubles = Store.put, ["once"]

    def put(self, path, name):
        if troubles:
            raise StoreError(troubles.pop())
        real(self, path, name)

    monkeypatch.setattr(Store, "put", put)
    keep()
    assert there(s3) == "round 3"
    assert "goes on" not in capsys.readouterr().out


def test_another_machine_gets_the_whole_run(folder, s3, capsys):
    begin(folder)
    shutil.move(folder, folder.with_name("elsewhere"))
    assert taken_up(RUN) == folder
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"config.yaml", "metrics.csv", LAST, "checkpoints/step=1.ckpt", "checkpoints/step=2.ckpt"} | {
        ".bucket.json"
    }
    assert (folder / LAST).read_text() == "round 2"
    assert "5 files" in capsys.readouterr().out
    # `keep` removes the oldest, by age: they are fetched in that order
    ages = sorted((folder / "checkpoints").glob("step=*"), key=lambda path: path.stat().st_mtime_ns)
    assert [path.name for path in ages] == ["step=1.ckpt", "step=2.ckpt"]


def test_this_machine_gets_what_another_made_of_it(folder, s3):
    begin(folder)
    for name, text in {"metrics.csv": "step\n9\n", LAST: "round 9"}.items():
        s3.put_object(Bucket="bucket", Key=f"run/{name}", Body=text.encode())
    s3.delete_object(Bucket="bucket", Key="run/checkpoints/step=1.ckpt")
    taken_up(RUN)
    assert ((folder / LAST).read_text(), (folder / "metrics.csv").read_text()) == ("round 9", "step\n9\n")
    assert not (folder / "checkpoints" / "step=1.ckpt").exists()


def test_two_ways_to_go_on_are_kept_apart(folder, s3, capsys):
    begin(folder)
    save(folder, 3)  # and the bucket could not be reached
    s3.put_object(Bucket="bucket", Key=f"run/{LAST}", Body=b"round 9")
    taken_up(RUN)
    assert (folder / LAST).read_text() == "round 9"
    assert (folder.with_name("run_aside_1") / LAST).read_text() == "round 3"
    assert "it is now run_aside_1" in capsys.readouterr().out


def test_sent_by_a_process_that_was_killed_before_it_noted_that(folder, s3):
    begin(folder)
    save(folder, 3)
    s3.put_object(Bucket="bucket", Key=f"run/{LAST}", Body=b"round 3")
    taken_up(RUN)
    assert there(s3, "metrics.csv") == "step\n3\n"
    assert not folder.with_name("run_aside_1").exists()


def test_a_run_that_is_gone_there(folder, s3):
    begin(folder)
    for name in ("config.yaml", "metrics.csv", LAST):
        s3.delete_object(Bucket="bucket", Key=f"run/{name}")
    with pytest.raises(UserError, match=f"not the folder of a run .*; {folder} is left of it"):
        taken_up(RUN)
    with pytest.raises(UserError, match="s3://bucket/none is not the folder of a run"):
        taken_up("s3://bucket/none")


def test_another_run_there_is_not_written_over(folder, s3):
    begin(folder)
    shutil.rmtree(folder)
    with pytest.raises(UserError, match=f"{RUN} holds a run already: `ganzoo resume {RUN}` goes on"):
        occupy_there(folder, None)
    let_go()
    ckpt = from_bucket(f"{RUN}/checkpoints/step=1.ckpt")
    assert ckpt.read_text() == "round 1"
    occupy_there(folder, str(ckpt))  # from an earlier one of its own
    assert (folder / LAST).read_text() == "round 2"


def test_what_is_read_only_is_fetched_beside(folder, s3, names):
    begin(folder)
    before = names()
    assert from_bucket(f"{RUN}/") == fetched_to(RUN)
    assert (fetched_to(RUN) / LAST).read_text() == "round 2"
    assert not (fetched_to(RUN) / "checkpoints" / "step=1.ckpt").exists()
    s3.put_object(Bucket="bucket", Key="alone.ckpt", Body=b"x")
    assert from_bucket("s3://bucket/alone.ckpt").read_text() == "x"
    assert sorted(path.name for path in fetched_to("s3://bucket").iterdir()) == [".bucket.json", "alone.ckpt", "run"]
    for url in (f"{RUN}/checkpoints/best.ckpt", "s3://bucket/none", "s3://bucket/none.ckpt"):
        with pytest.raises(UserError, match=rf"there is no \w+ {url}"):
            from_bucket(url)
    assert names() == before | {"alone.ckpt"}


def test_names_that_lead_out_of_the_folder_are_refused(s3, tmp_path):
    s3.put_object(Bucket="bucket", Key="run/config.yaml", Body=b"x")
    for name in ("../evil", "a/../../evil", "/evil", "C:/evil", "a\\..\\evil"):
        s3.put_object(Bucket="bucket", Key=f"run/{name}", Body=b"x")
        for fetch in (taken_up, from_bucket):
            with pytest.raises(UserError, match="outside of its folder"):
                fetch(RUN)
        s3.delete_object(Bucket="bucket", Key=f"run/{name}")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_belongs_to_a_folder_alone_is_not_taken_from_a_bucket(s3, names):
    for key in ("config.yaml", ".lock/x", ".bucket.json", "checkpoints/.writing-1-x"):
        s3.put_object(Bucket="bucket", Key=f"run/{key}", Body=b"{}")
    folder = from_bucket(RUN)
    assert sorted(path.name for path in folder.rglob("*")) == [".bucket.json", "config.yaml"]
    assert (folder / ".bucket.json").read_text() != "{}"


@pytest.mark.parametrize(
    ("url", "environment", "words"),
    [
        ("s3://missing/run", {}, "there is no bucket missing"),
        (RUN, {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "needs credentials .* AWS_ACCESS_KEY_ID and"),
        (RUN, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "can't be reached .* AWS_ENDPOINT_URL"),
        ("nonsense://bucket/run", {}, "fsspec knows no nonsense://"),
    ],
)
def test_what_a_bucket_lacks_is_one_line(s3, another_client, monkeypatch, url, environment, words):
    for name, value in environment.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=words) as refused:
        occupy_there(played_in(url), None)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ("s3", r"s3://bucket/run needs another package: pip install 'ganzoo\[s3\]'"),
        ("gs", "needs another package: pip install gcsfs"),
        ("abfs", "needs another package: pip install adlfs"),
        ("xy", "needs another package: Install y"),
    ],
)
def test_the_package_is_named_if_it_is_missing(scheme, words, monkeypatch):
    import fsspec

    def none(scheme):
        raise ImportError("Install y\nto access it")

    monkeypatch.setattr(fsspec, "get_filesystem_class", none)
    with pytest.raises(UserError, match=f"{words}$"):
        Store(f"{scheme}://bucket/run")


@pytest.mark.parametrize(("scheme", "key"), [("s3", "AWS_PROFILE"), ("gs", "GOOGLE_A"), ("abfs", "AZURE_")])
def test_credentials_that_are_missing_are_named(scheme, key, store):
    store.scheme = scheme
    said = store._in_words(ValueError("Must provide either a connection_string or account_name with credentials!!"))
    assert re.search(rf"needs credentials \(Must .*\): set .*{key}", said)


def test_a_bucket_that_refuses_to_write(store, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError("Access Denied")

    monkeypatch.setattr(store.fs, "pipe_file", refuse)
    with pytest.raises(UserError, match=r"can't be used \(Access Denied\): .* the bucket's policy"):
        store.write(".lock", b"", new=True)


@pytest.mark.parametrize("root", ["memory://bucket/run", "file://{tmp}/run"])
def test_other_stores_do_the_same(s3, tmp_path, root):
    url = root.format(tmp=tmp_path)
    folder = played_in(url)
    (folder / "checkpoints").mkdir(parents=True)
    occupy_there(folder, None)
    write(folder, "config.yaml", "model: GAN\n")
    save(folder, 1)
    begin(folder)
    with pytest.raises(FileExistsError):
        Store(url).write("config.yaml", b"", new=True)
    let_go()
    if root.startswith("file"):  # each store in memory that isn't cached is another one
        assert (tmp_path / "run" / LAST).read_text() == "round 1"
        shutil.rmtree(folder)
        assert (taken_up(url) / LAST).read_text() == "round 1"


def test_the_order():
    names = [LAST, "checkpoints/best.ckpt", "samples/1.png", "config.yaml"]
    assert sorted(names, key=order) == ["config.yaml", "samples/1.png", "checkpoints/best.ckpt", LAST]
