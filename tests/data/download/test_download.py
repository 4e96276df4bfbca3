"""`ganzoo data get`, from a server on this machine that does what servers do, good and bad."""

import gzip
import hashlib
import io
import os
import resource
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
import time
import types
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from torchvision import datasets

from ganzoo.data.download import get as get_module
from ganzoo.data.download import transfer
from ganzoo.data.download.catalogue import CATALOGUE, ELSEWHERE
from ganzoo.data.download.get import fetch, find, get, how_to_use, locked, obtain
from ganzoo.data.download.remote_file import Download, RemoteFile
from ganzoo.data.download.unpacking import unpack
from ganzoo.system.errors import UserError
from ganzoo.system.files import in_words

BODY = os.urandom(300_000)
HTML = b"\n<!DOCTYPE html><html><head><title>Quota\n exceeded</title></head>Sorry.</html>" + b" " * 3000


class Handler(BaseHTTPRequestHandler):
    """Serves BODY, or a file of `files`, in the manner that the path's first part names."""

    protocol_version = "HTTP/1.1"
    files: ClassVar[dict[str, bytes]] = {}
    log: ClassVar[list[tuple[int, str, str | None, int]]] = []  #: when it began, path, Range header, bytes of the file
    pause: ClassVar[threading.Event]

    def do_GET(self) -> None:
        manner, _, name = self.path.strip("/").partition("/")
        began, self.sent, log = time.monotonic_ns(), 0, self.log  # this test's: a silent answer may end in the next
        getattr(self, manner)(self.files.get(name, BODY))
        log.append((began, self.path, self.headers["Range"], self.sent))
        self.close_connection = True

    def answer(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Content-Type", "application/zip")  # what it says of itself is not to be believed
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.sent = len(body)
        self.wfile.write(body)

    def start(self) -> int:
        asked = self.headers["Range"]
        return int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0

    def ranges(self, body: bytes, cut: int | None = None) -> None:
        """As it should be; sends only `cut` bytes at once of what it announces."""
        start = self.start()
        if start >= len(body):
            self.answer(416, b"no", Content_Range=f"bytes */{len(body)}")
        else:
            span = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if self.headers["Range"] else {}
            rest = body[start:]
            self.answer(206 if span else 200, rest[:cut], len(rest), **span)

    def whole(self, body: bytes) -> None:
        """Ignores ranges."""
        self.answer(200, body)

    def cut_ranges(self, body: bytes) -> None:
        self.ranges(body, cut=60_000)

    def cut_whole(self, body: bytes) -> None:
        self.answer(200, body[:100_000], len(body))

    def chunked(self, body: bytes) -> None:
        """Announces no length."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (body[:7], body[7:]):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")
        self.sent = len(body)

    def other_range(self, body: bytes) -> None:
        """Answers a range with another one."""
        if self.headers["Range"]:
            self.answer(206, body[5:], Content_Range=f"bytes 5-{len(body) - 1}/{len(body)}")
        else:
            self.answer(200, body)

    def html(self, body: bytes) -> None:
        self.answer(200, HTML)

    def html_as_long(self, body: bytes) -> None:
        self.answer(200, HTML.ljust(len(body)))

    def wrong(self, body: bytes) -> None:
        """As long, and other bytes."""
        self.answer(200, body[::-1])

    def shorter(self, body: bytes) -> None:
        self.answer(200, body[:-1])

    def missing(self, body: bytes) -> None:
        self.answer(404, HTML)

    def broken(self, body: bytes) -> None:
        self.answer(500, HTML)

    def busy_once(self, body: bytes) -> None:
        if any(path == self.path for _, path, *_ in self.log):
            self.answer(200, body)
        else:
            self.answer(503, HTML)

    def silent(self, body: bytes) -> None:
        """Sends a few bytes and then nothing."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:2000])
        self.sent = 2000
        self.pause.wait(10)

    def hang_up(self, body: bytes) -> None:
        pass

    def moved(self, body: bytes) -> None:
        self.answer(302, b"", Location=self.path.replace("moved", "ranges"))

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No waiting, no proxy, and a server that remembers nothing."""
    monkeypatch.setattr(transfer, "PAUSE", 0.001)
    monkeypatch.setattr(transfer, "TIMEOUT", 5.0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    Handler.log, Handler.files, Handler.pause = [], {}, threading.Event()
    yield
    Handler.pause.set()


def remote(server: str, *manners: str, **changed: Any) -> RemoteFile:
    options = {"size": len(BODY), "checksum": f"md5:{hashlib.md5(BODY).hexdigest()}", **changed}
    return RemoteFile("sub/x.bin", tuple(f"{server}/{manner}" for manner in manners), **options)


def refused(act: Any, *args: Any) -> str:
    with pytest.raises(UserError) as error:
        act(*args)
    assert "\n" not in str(error.value)
    return str(error.value)


def ready(tmp_path: Path, part: bytes | None = None) -> Path:
    """Make the folder, and the part that an interrupted download has left; return the part's path."""
    path = tmp_path / "sub" / "x.bin.part"
    path.parent.mkdir(exist_ok=True)
    if part is not None:
        path.write_bytes(part)
    return path


def asked() -> list[tuple[str, str | None, int]]:
    time.sleep(0.02)  # the server writes its log after the client has all
    return [(path, about, sent) for _, path, about, sent in sorted(Handler.log, key=lambda entry: entry[0])]


@pytest.mark.parametrize("manner", ["ranges", "whole", "chunked", "busy_once", "moved"])
def test_a_file_arrives(server: str, tmp_path: Path, manner: str) -> None:
    file = remote(server, manner)
    ready(tmp_path)
    assert fetch(file, tmp_path) == tmp_path / "sub/x.bin"
    assert (tmp_path / "sub/x.bin").read_bytes() == BODY
    assert os.listdir(tmp_path / "sub") == ["x.bin"]
    assert asked()[0][1] is None  # no range is asked for what is not there


def test_sha256_and_no_checksum(server: str, tmp_path: Path) -> None:
    ready(tmp_path)
    fetch(remote(server, "ranges", checksum=f"sha256:{hashlib.sha256(BODY).hexdigest()}"), tmp_path)
    assert "sha256 sum" in refused(fetch, remote(server, "ranges", checksum="sha256:" + "0" * 64), tmp_path)
    (tmp_path / "sub/x.bin").unlink()
    fetch(remote(server, "ranges", checksum=None), tmp_path)
    assert (tmp_path / "sub/x.bin").read_bytes() == BODY


def test_what_is_there_and_right_is_not_fetched_and_what_is_wrong_is(server: str, tmp_path: Path) -> None:
    ready(tmp_path)
    path = tmp_path / "sub/x.bin"
    path.write_bytes(BODY)
    fetch(remote(server, "ranges"), tmp_path)
    assert asked() == []
    path.write_bytes(BODY[::-1])
    fetch(remote(server, "ranges"), tmp_path)
    assert path.read_bytes() == BODY


def test_resume_asks_for_the_rest_only(server: str, tmp_path: Path) -> None:
    ready(tmp_path, BODY[:200_000])
    fetch(remote(server, "ranges"), tmp_path)
    assert asked() == [("/ranges", "bytes=200000-", 100_000)]
    assert (tmp_path / "sub/x.bin").read_bytes() == BODY


def test_resume_where_ranges_are_ignored_starts_again(server: str, tmp_path: Path) -> None:
    ready(tmp_path, BODY[:200_000])
    fetch(remote(server, "whole"), tmp_path)
    assert asked() == [("/whole", "bytes=200000-", 300_000)]
    assert (tmp_path / "sub/x.bin").read_bytes() == BODY


def test_resume_where_another_range_comes_starts_again(server: str, tmp_path: Path) -> None:
    ready(tmp_path, BODY[:200_000])
    fetch(remote(server, "other_range"), tmp_path)
    assert [about for _, about, _ in asked()] == ["bytes=200000-", None]
    assert (tmp_path / "sub/x.bin").read_bytes() == BODY


def test_a_part_of_another_file_costs_no_mirror(server: str, tmp_path: Path) -> None:
    ready(tmp_path, b"x" * 200_000)
    fetch(remote(server, "ranges"), tmp_path)
    assert [about for _, about, _ in asked()] == ["bytes=200000-", None]
    assert (tmp_path / "sub/x.bin").read_bytes() == BODY


@pytest.mark.parametrize(("length", "ranges"), [(300_000, []), (300_001, ["bytes=300001-", None])])
def test_a_part_that_is_whole_or_too_long(server: str, tmp_path: Path, length: int, ranges: list[str | None]) -> None:
    ready(tmp_path, (BODY + b"more")[:length])
    fetch(remote(server, "ranges"), tmp_path)
    assert [about for _, about, _ in asked()] == ranges
    assert (tmp_path / "sub/x.bin").read_bytes() == BODY


def test_a_whole_part_of_a_file_whose_size_is_rounded(server: str, tmp_path: Path) -> None:
    ready(tmp_path, BODY)
    fetch(remote(server, "ranges", size=310_000, about=True), tmp_path)
    assert asked() == [("/ranges", "bytes=300000-", 2)]  # a 416 with two bytes: nothing follows
    assert (tmp_path / "sub/x.bin").read_bytes() == BODY


def test_a_body_cut_short_is_gone_on_with(server: str, tmp_path: Path) -> None:
    ready(tmp_path)
    fetch(remote(server, "cut_ranges"), tmp_path)
    starts = [None, *(f"bytes={start}-" for start in range(60_000, 300_000, 60_000))]
    assert asked() == [("/cut_ranges", start, 60_000) for start in starts]  # more tries than TRIES: each got on
    assert (tmp_path / "sub/x.bin").read_bytes() == BODY


def test_a_body_always_cut_short_is_given_up_and_kept(server: str, tmp_path: Path) -> None:
    part = ready(tmp_path)
    message = refused(fetch, remote(server, "cut_whole"), tmp_path)
    assert "ends after 100000 of 300000 bytes" in message
    assert "100 kB of it are kept" in message
    assert len(asked()) == 3
    assert part.read_bytes() == BODY[:100_000]
    assert os.listdir(part.parent) == [part.name]
    fetch(remote(server, "ranges"), tmp_path)
    assert asked()[-1] == ("/ranges", "bytes=100000-", 200_000)


BAD = {
    "html": 'sends a web page ("Quota exceeded") instead of the file',
    "html_as_long": 'sends a web page ("Quota exceeded")',
    "wrong": "gives a file that has the md5 sum",
    "shorter": "announces 299999 bytes where 300000 are expected",
    "missing": "answers HTTP 404 Not Found",
    "broken": "answers HTTP 500 Internal Server Error",
    "hang_up": "can't be reached",
}


@pytest.mark.parametrize("manner", BAD)
def test_the_next_mirror_is_tried(server: str, tmp_path: Path, manner: str) -> None:
    ready(tmp_path)
    fetch(remote(server, manner, "ranges", "whole"), tmp_path)
    paths = [path for path, *_ in asked()]
    assert paths[0] == f"/{manner}"
    assert paths[-1] == "/ranges"
    assert (tmp_path / "sub/x.bin").read_bytes() == BODY
    assert os.listdir(tmp_path / "sub") == ["x.bin"]


@pytest.mark.parametrize("manner", BAD)
def test_a_bad_answer_leaves_nothing(server: str, tmp_path: Path, manner: str) -> None:
    ready(tmp_path)
    assert BAD[manner] in refused(fetch, remote(server, manner), tmp_path)
    assert os.listdir(tmp_path / "sub") == []


def test_a_web_page_does_not_spoil_what_was_there(server: str, tmp_path: Path) -> None:
    part = ready(tmp_path, BODY[:200_000])
    refused(fetch, remote(server, "html"), tmp_path)
    assert part.read_bytes() == BODY[:200_000]


def test_all_mirrors_are_named_in_order_with_their_reasons(server: str, tmp_path: Path) -> None:
    ready(tmp_path)
    message = refused(fetch, remote(server, *BAD), tmp_path)
    places = [message.index(f"{server}/{manner} {reason}") for manner, reason in BAD.items()]
    assert places == sorted(places)
    assert "put the file there yourself" in message


def test_no_server(tmp_path: Path) -> None:
    ready(tmp_path)
    assert "can't be reached (Connection refused)" in refused(fetch, remote("http://127.0.0.1:9", "x"), tmp_path)


def test_a_server_that_falls_silent(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT", 0.1)
    part = ready(tmp_path)
    fetch(remote(server, "silent", "ranges"), tmp_path)
    assert ("/ranges", "bytes=2000-", 298_000) in asked()  # from there where the silent one had come
    assert not part.exists()


def test_a_full_disk_keeps_what_was_written(server: str, tmp_path: Path) -> None:
    part = ready(tmp_path)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        message = refused(fetch, remote(server, "ranges", "whole"), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert f"can't write {part}" in message
    assert "make room" in message
    assert {path for path, *_ in asked()} <= {"/ranges"}  # another mirror would not help
    assert part.read_bytes() == BODY[: part.stat().st_size]
    assert part.stat().st_size > 50_000
    fetch(remote(server, "ranges"), tmp_path)
    assert asked()[-1][1].startswith("bytes=")
    assert (tmp_path / "sub/x.bin").read_bytes() == BODY


def test_no_two_at_once(server: str, tmp_path: Path) -> None:
    thread = threading.Thread(target=refused, args=(obtain, remote(server, "silent"), tmp_path))
    thread.start()
    while not (tmp_path / "sub/x.bin.part").exists():
        time.sleep(0.01)
    message = refused(obtain, remote(server, "ranges"), tmp_path)
    assert f"another process is downloading {tmp_path / 'sub/x.bin'}" in message
    assert not (tmp_path / "sub/x.bin").exists()
    Handler.pause.set()
    thread.join()
    assert not (tmp_path / "sub/x.bin.lock").exists()
    obtain(remote(server, "ranges"), tmp_path)
    assert os.listdir(tmp_path / "sub") == ["x.bin"]


def test_a_lock_of_a_process_that_was_killed_does_not_hold(server: str, tmp_path: Path) -> None:
    lock = str(tmp_path / "x.lock")
    code = f"""
import fcntl, time
file = open({lock!r}, "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(30)
"""  # no import of ganzoo, which takes seconds
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        assert "another process" in refused(locked(tmp_path / "x").__enter__)
    finally:
        process.kill()
        process.wait()
    assert (tmp_path / "x.lock").exists()
    with locked(tmp_path / "x"):
        pass
    assert os.listdir(tmp_path) == []


# --- archives


def zipped(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
        for name, target in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, target)
    return out.getvalue()


def tarred(files: dict[str, bytes], links: dict[str, str] | None = None, kind: bytes = tarfile.SYMTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return out.getvalue()


PICTURES = {f"set/{part}/{i}.jpg": os.urandom(5000) for part in ("train", "val") for i in range(3)}
PACKERS = {".zip": zipped, ".tar.gz": tarred}


def packed(tmp_path: Path, ending: str, body: bytes) -> Path:
    path = tmp_path / f"x{ending}"
    path.write_bytes(body)
    return path


def assert_nothing_but(path: Path) -> None:
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("ending", PACKERS)
def test_unpack(tmp_path: Path, ending: str) -> None:
    archive = packed(tmp_path, ending, PACKERS[ending]({**PICTURES, "__MACOSX/junk": b"junk"}))
    (tmp_path / ".unpacking-ours").mkdir()  # of a process that was killed
    (tmp_path / ".unpacking-ours" / "old").touch()
    unpack(archive, tmp_path / "ours", "set")
    found = {f"set/{p.relative_to(tmp_path / 'ours')}": p.read_bytes() for p in (tmp_path / "ours").rglob("*.jpg")}
    assert found == PICTURES
    assert sorted(os.listdir(tmp_path)) == ["ours", archive.name]
    assert sorted(os.listdir(tmp_path / "ours")) == ["train", "val"]


UNSAFE_NAMES = ["../evil", "set/../../evil", "/tmp/ganzoo-evil", "set\\..\\..\\evil", "C:/evil", "//evil"]


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("name", UNSAFE_NAMES)
def test_names_that_lead_outside(tmp_path: Path, ending: str, name: str) -> None:
    below = tmp_path / "below"
    below.mkdir()
    archive = packed(below, ending, PACKERS[ending]({**PICTURES, name: b"evil"}))
    message = refused(unpack, archive, below / "ours", "set")
    assert str(archive) in message
    assert "outside" in message
    assert_nothing_but(archive)
    assert_nothing_but(below)
    assert not os.path.exists("/tmp/ganzoo-evil")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "0.jpg"])
def test_links_in_a_zip(tmp_path: Path, target: str) -> None:
    archive = packed(tmp_path, ".zip", zipped(PICTURES, {"set/link": target}))
    assert "holds set/link, which is a link" in refused(unpack, archive, tmp_path / "ours", "set")
    assert_nothing_but(archive)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/etc/passwd", tarfile.SYMTYPE),
        ("../../../outside", tarfile.SYMTYPE),
        ("/etc/passwd", tarfile.LNKTYPE),
        ("../outside", tarfile.LNKTYPE),
        ("", tarfile.CHRTYPE),
        ("", tarfile.FIFOTYPE),
    ],
)
def test_links_and_devices_in_a_tar(tmp_path: Path, target: str, kind: bytes) -> None:
    archive = packed(tmp_path, ".tar.gz", tarred(PICTURES, {"set/link": target}, kind))
    message = refused(unpack, archive, tmp_path / "ours", "set")
    assert "set/link" in message
    assert "nothing of it is used" in message
    assert_nothing_but(archive)


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.999])
def test_cut_short(tmp_path: Path, ending: str, kept: float) -> None:
    body = PACKERS[ending](PICTURES)
    archive = packed(tmp_path, ending, body[: int(kept * len(body))])
    message = refused(unpack, archive, tmp_path / "ours", "set")
    assert f"{archive} is cut short or broken" in message
    assert "delete it and download it again" in message
    assert_nothing_but(archive)


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("place", [0.3, 0.6])
def test_one_changed_byte(tmp_path: Path, ending: str, place: float) -> None:
    body = bytearray(PACKERS[ending](PICTURES))
    body[int(place * len(body))] ^= 255
    archive = packed(tmp_path, ending, bytes(body))
    assert "is cut short or broken" in refused(unpack, archive, tmp_path / "ours", "set")
    assert_nothing_but(archive)


def test_the_last_crc_of_a_tar_counts(tmp_path: Path) -> None:
    archive = packed(tmp_path, ".tar.gz", tarred(PICTURES)[:-8] + bytes(8))
    assert "is cut short or broken" in refused(unpack, archive, tmp_path / "ours", "set")
    assert_nothing_but(archive)


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    archive = packed(tmp_path, ".zip", zipped(PICTURES))
    assert "has no folder other" in refused(unpack, archive, tmp_path / "ours", "other")
    assert_nothing_but(archive)
    archive.write_bytes(gzip.compress(b"no tar"))
    assert "is cut short or broken" in refused(unpack, archive, tmp_path / "ours", "set")


def test_a_disk_that_fills_up_while_unpacking(tmp_path: Path) -> None:
    archive = packed(tmp_path, ".zip", zipped({"set/large": bytes(300_000)}))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        message = refused(unpack, archive, tmp_path / "ours", "set")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "can't unpack" in message
    assert "File too large" in message
    assert_nothing_but(archive)


# --- the command


@pytest.fixture
def shelf(server: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Download]:
    """A catalogue of two small sets: `toys`, an archive and a file; `big`, which says it is over 1 GB."""
    archive = zipped(PICTURES)
    Handler.files = {"toys.zip": archive}

    def entry(name: str, *files: RemoteFile) -> Download:
        return Download(name, f"Some {name}", "https://example.org", "as you like", files, "Paired", name)

    md5 = hashlib.md5(archive).hexdigest()
    made = [
        entry(
            "toys",
            RemoteFile(
                "toys.zip",
                (f"{server}/missing/toys.zip", f"{server}/ranges/toys.zip"),
                len(archive),
                f"md5:{md5}",
                inside="set",
                becomes="toys/pictures",
            ),
            RemoteFile("toys/list.txt", (f"{server}/ranges/list",), len(BODY), f"md5:{hashlib.md5(BODY).hexdigest()}"),
        ),
        entry("big", RemoteFile("big/x", (f"{server}/ranges",), 1_100_000_000, about=True)),
    ]
    monkeypatch.setattr("ganzoo.data.download.get.CATALOGUE", {one.name: one for one in made})
    return get_module.CATALOGUE


def test_get(shelf: dict[str, Download], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "my data"
    get("Toys", str(root))
    assert sorted(p.name for p in (root / "toys").rglob("*")) == sorted(
        ["pictures", "list.txt", "train", "val", *2 * ["0.jpg", "1.jpg", "2.jpg"]]
    )
    assert os.listdir(root) == ["toys"]
    printed = capsys.readouterr().out
    for words in ("Some toys", "https://example.org", "as you like", "331 kB to download", "checksum is right"):
        assert words in printed
    assert printed.endswith(f"ganzoo fit --model NAME --data Paired --data.root '{root}/toys'\n")
    count = len(asked())
    get("toys", str(root))
    assert len(asked()) == count
    assert "it is all there" in capsys.readouterr().out
    (root / "toys/list.txt").unlink()
    get("toys", str(root))
    assert [path for path, *_ in asked()[count:]] == ["/ranges/list"]


def test_a_broken_archive_leaves_no_folder(shelf: dict[str, Download], tmp_path: Path) -> None:
    Handler.files["toys.zip"] = Handler.files["toys.zip"][::-1]
    assert "md5 sum" in refused(get, "toys", str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_what_was_unpacked_before_a_failure_is_not_fetched_again(shelf: dict[str, Download], tmp_path: Path) -> None:
    Handler.files["list"] = b"wrong"
    refused(get, "toys", str(tmp_path))
    assert (tmp_path / "toys/pictures").is_dir()
    del Handler.files["list"]
    count = len(asked())
    get("toys", str(tmp_path))
    assert [path for path, *_ in asked()[count:]] == ["/ranges/list"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "wanted"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_over_a_gigabyte_is_asked(
    shelf: dict[str, Download],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    wanted: bool,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    get("big", str(tmp_path))
    printed = capsys.readouterr().out
    assert "Download 1.1 GB? [y/N]" in printed
    assert (tmp_path / "big/x").exists() == wanted == bool(asked())
    assert ("Nothing was downloaded." in printed) == (not wanted)


def test_over_a_gigabyte_without_a_terminal(
    shelf: dict[str, Download], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert "give --yes" in refused(get, "big", str(tmp_path))
    assert asked() == []
    assert os.listdir(tmp_path) == []
    get("big", str(tmp_path), yes=True)
    assert (tmp_path / "big/x").read_bytes() == BODY


def test_no_room(shelf: dict[str, Download], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=340_000))
    message = refused(get, "toys", str(tmp_path / "not there yet"))
    assert "needs about 369 kB" in message  # the archive, what is in it, and the list
    assert "340 kB free" in message
    assert os.listdir(tmp_path) == []


def test_a_root_that_can_not_be(shelf: dict[str, Download], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "--root FOLDER" in refused(get, "toys", str(tmp_path / "file"))
    assert "--root FOLDER" in refused(get, "toys", str(tmp_path / "file" / "below"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("horse2zebr", "did you mean horse2zebra?"),
        ("FashionMNIST", "did you mean fashion_mnist"),
        ("xyzzy", "there are: mnist, fashion_mnist"),
        ("cityscapes", "register at https://www.cityscapes-dataset.com"),
        ("lsun_cat", "http://dl.yf.io/lsun/objects/cat.zip"),
    ],
)
def test_unknown_names(name: str, words: str, tmp_path: Path) -> None:
    assert words in refused(get, name, str(tmp_path))


# --- Google Drive


def fake_gdown(monkeypatch: pytest.MonkeyPatch, act: Any) -> list[dict[str, Any]]:
    calls = []

    def fetched(id: str, output: str, quiet: bool, resume: bool, timeout: float, retries: int, progress: Any) -> None:
        calls.append({"id": id, "output": output, "resume": resume, "timeout": timeout})
        act(Path(output))
        progress(1, None)

    gdown = types.ModuleType("gdown")
    gdown.download = fetched
    gdown.exceptions = types.SimpleNamespace(DownloadError=type("DownloadError", (Exception,), {}))
    monkeypatch.setitem(sys.modules, "gdown", gdown)
    return calls


ON_DRIVE = RemoteFile("sub/x.bin", ("gdrive:abc",), len(BODY), f"md5:{hashlib.md5(BODY).hexdigest()}")


def test_google_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = ready(tmp_path)
    calls = fake_gdown(monkeypatch, lambda path: path.write_bytes(BODY))
    fetch(ON_DRIVE, tmp_path)
    assert calls == [{"id": "abc", "output": str(part), "resume": True, "timeout": transfer.TIMEOUT}]
    assert os.listdir(part.parent) == ["x.bin"]


def test_google_drive_gives_a_page_or_says_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = ready(tmp_path)
    fake_gdown(monkeypatch, lambda path: path.write_bytes(HTML))
    assert "is a web page" in refused(fetch, ON_DRIVE, tmp_path)
    assert os.listdir(part.parent) == []

    def no(path: Path) -> None:
        raise sys.modules["gdown"].exceptions.DownloadError("Too many users\n have viewed it")

    fake_gdown(monkeypatch, no)
    assert "is not given by Google Drive (Too many users have viewed it)" in refused(fetch, ON_DRIVE, tmp_path)


def test_celeba_without_gdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    assert "pip install 'ganzoo[gdown]'" in refused(get, "celeba", str(tmp_path), True)
    assert os.listdir(tmp_path) == []
    old = types.ModuleType("gdown")
    old.download = lambda url=None, output=None: None
    monkeypatch.setitem(sys.modules, "gdown", old)
    assert "too old" in refused(get, "celeba", str(tmp_path), True)


# --- the catalogue

FILES = [(name, file) for name, entry in CATALOGUE.items() for file in entry.files]


def test_the_catalogue_is_well_formed() -> None:
    digits = {"md5": 32, "sha256": 64}
    for name, entry in CATALOGUE.items():
        assert name == entry.name == name.lower()
        assert entry.summary
        assert entry.terms
        assert entry.source.startswith(("https://", "http://"))
        assert entry.files
    for _, file in FILES:
        assert file.urls
        assert all(url.startswith(("https://", "http://", "gdrive:")) for url in file.urls)
        assert len(set(file.urls)) == len(file.urls)
        assert file.size > 0
        assert not Path(file.path).is_absolute()
        assert ".." not in Path(file.path).parts
        if file.checksum:
            kind, _, value = file.checksum.partition(":")
            assert len(value) == digits[kind]
            assert set(value) <= set("0123456789abcdef")
        else:
            assert file.becomes  # else nothing would check it
        assert file.becomes or not file.path.endswith((".zip", ".tar.gz"))


def test_no_two_files_share_a_place_or_a_checksum() -> None:
    paths = [file.path for _, file in FILES]
    folders = [file.becomes for _, file in FILES if file.becomes]
    checksums = [file.checksum for _, file in FILES if file.checksum]
    for values in (paths, folders, checksums):
        assert len(set(values)) == len(values)
    assert not set(CATALOGUE) & set(ELSEWHERE)


def test_where_data_sets_are_looked_for() -> None:
    for name, cls in (("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST"), ("kmnist", "KMNIST")):
        assert {file.path for file in CATALOGUE[name].files} == {
            f"{cls}/raw/{kind}-ubyte.gz"
            for kind in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
        }
    places = {name: [file.becomes or file.path for file in entry.files] for name, entry in CATALOGUE.items()}
    assert places["emnist"] == ["EMNIST/raw"]
    assert places["cifar10"] == ["cifar-10-batches-py"]
    assert sorted(places["celeba"]) == [
        "celeba/img_align_celeba",
        "celeba/list_attr_celeba.txt",
        "celeba/list_eval_partition.txt",
    ]
    assert places["lsun_bedroom"] == ["lsun/bedroom_train_lmdb", "lsun/bedroom_val_lmdb"]
    assert places["horse2zebra"] == ["horse2zebra"]
    assert places["facades"] == ["facades"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mnist", "--data MNIST --data.root data"),
        ("celeba", "--data Faces --data.root data/celeba"),
        ("lsun_church_outdoor", "--data LSUN --data.root data/lsun --data.category church_outdoor"),
        ("apple2orange", "--data Horse2Zebra --data.root data/apple2orange"),
        ("maps_unpaired", "--data Horse2Zebra --data.root data/maps_unpaired"),
        ("facades", "--data Paired --data.root data/facades"),
    ],
)
def test_how_to_train_on_it(name: str, options: str) -> None:
    assert how_to_use(CATALOGUE[name], Path("data")) == f"Train on it: ganzoo fit --model NAME {options}"


def test_the_checksums_are_torchvisions_where_it_has_them() -> None:
    for name, theirs in (
        ("mnist", datasets.MNIST),
        ("fashion_mnist", datasets.FashionMNIST),
        ("kmnist", datasets.KMNIST),
    ):
        ours = [(Path(file.path).name, file.checksum) for file in CATALOGUE[name].files]
        assert ours == [(file, f"md5:{md5}") for file, md5 in theirs.resources]
    (emnist,), (cifar,) = CATALOGUE["emnist"].files, CATALOGUE["cifar10"].files
    assert (emnist.urls[0], emnist.checksum) == (datasets.EMNIST.url, f"md5:{datasets.EMNIST.md5}")
    assert (cifar.urls[0], cifar.checksum) == (datasets.CIFAR10.url, f"md5:{datasets.CIFAR10.tgz_md5}")
    celeba = {(file.urls[0], file.checksum, Path(file.path).name) for file in CATALOGUE["celeba"].files}
    assert celeba <= {(f"gdrive:{key}", f"md5:{md5}", name) for key, md5, name in datasets.CelebA.file_list}


def test_sizes_in_words() -> None:
    sizes = (0, 999, 1000, 9_912_422, 99_949_999, 99_950_000, 999_499_999, 10**9, 45_922_737_680)
    words = ["0 bytes", "999 bytes", "1.0 kB", "9.9 MB", "99.9 MB", "100 MB", "999 MB", "1.0 GB", "45.9 GB"]
    assert [in_words(size) for size in sizes] == words


def test_names_are_found_whatever_their_case() -> None:
    assert find("MNIST") is CATALOGUE["mnist"]
    assert find("CelebA") is CATALOGUE["celeba"]
