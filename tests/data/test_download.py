"""Downloads from mirrors that are dead, slow, wrong or malicious; all run on this machine."""

import dataclasses
import hashlib
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from minivit import data
from minivit.data.sources import cifar, download, published, shapes, transfer
from minivit.errors import DataError

pytest.importorskip("pooch", exc_type=ImportError)

ARCHIVE = b"\x1f\x8b" + bytes(range(256)) * 20
NAME = "cifar-10-python.tar.gz"


class Handler(BaseHTTPRequestHandler):
    """/good/, /busy/, ...: the first part of the path says how the mirror behaves."""

    def do_GET(self):
        kind = self.path.split("/")[1]
        self.server.asked.append(kind)
        match kind:
            case "busy":
                self.send_error(503)
            case "page":
                self.reply(b"<html>" + ARCHIVE[6:])
            case "short":
                self.reply(ARCHIVE[:-1])
            case "wrong":
                self.reply(ARCHIVE[:-1] + b"\x00")
            case "broken":
                self.reply(ARCHIVE[: len(ARCHIVE) // 2], length=len(ARCHIVE))
            case "long":
                self.reply(ARCHIVE + bytes(1000), length=None)
            case "moved":
                self.send_response(302)
                self.send_header("Location", f"/good/{NAME}")
                self.end_headers()
            case "unsafe":
                self.send_response(302)
                self.send_header("Location", f"ftp://localhost/{NAME}")
                self.end_headers()
            case "silent":
                self.server.over.wait(10)
            case "late":
                time.sleep(0.3)
                self.reply(ARCHIVE)
            case _:
                self.reply(ARCHIVE)

    def reply(self, body, length=0):
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirrors(monkeypatch):
    """A function that replaces all mirrors by mirrors of the given kinds."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.asked, server.over = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    sha256 = hashlib.sha256(ARCHIVE).hexdigest()
    release = dataclasses.replace(published.RELEASES[0], size=len(ARCHIVE), sha256=sha256)
    monkeypatch.setattr(download, "RELEASES", (release,))
    monkeypatch.setattr(transfer, "SCHEMES", ("https", "http"))
    monkeypatch.setattr(download, "PROBE_TIMEOUT", 2.0)
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)

    def choose(*kinds):
        urls = [f"http://127.0.0.1:{server.server_port}/{kind}/{NAME}" for kind in kinds]
        monkeypatch.setattr(download, "MIRRORS", {"cifar10": tuple(urls)})
        return urls

    choose.asked = server.asked
    yield choose
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def files(directory):
    return sorted(p.name for p in directory.rglob("*"))


@pytest.mark.parametrize("kinds", [("good",), ("busy", "good"), ("page", "good"), ("moved",)])
def test_a_good_mirror_delivers(tmp_path, mirrors, kinds):
    mirrors(*kinds)
    said = []
    path = download.fetch("cifar10", tmp_path / "new", said.append)
    assert path == tmp_path / "new" / NAME
    assert path.read_bytes() == ARCHIVE
    assert files(tmp_path) == ["cifar-10-python.tar.gz", "new"]
    assert len(said) == 1 and NAME in said[0] and "127.0.0.1" in said[0]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("wrong", "wrong SHA-256"),
        ("long", "more bytes"),
        ("broken", "no connection|IncompleteRead"),
    ],
)
def test_a_wrong_file_is_dropped_and_the_next_mirror_used(tmp_path, mirrors, kind, reason):
    mirrors(kind, "late")
    said = []
    assert download.fetch("cifar10", tmp_path, said.append).read_bytes() == ARCHIVE
    assert files(tmp_path) == [NAME]
    assert any("trying the next" in line for line in said)
    with pytest.raises(DataError, match=reason):
        mirrors(kind)
        download.fetch("cifar10", tmp_path / "other", said.append)
    assert files(tmp_path / "other") == []


def test_all_dead_is_one_sentence_with_everything_needed(tmp_path, mirrors):
    urls = mirrors("busy", "page", "short", "unsafe")
    with pytest.raises(DataError) as caught:
        download.fetch("cifar10", tmp_path, print)
    message = str(caught.value)
    for part in [*urls, NAME, hashlib.sha256(ARCHIVE).hexdigest(), "--data-dir", "HTTP 503"]:
        assert part in message
    assert "not https" in message and "not an archive" in message and "instead of" in message
    assert "\n" not in message
    assert files(tmp_path) == []


def test_silent_mirrors_cost_no_more_than_the_time_limit(tmp_path, mirrors, monkeypatch):
    monkeypatch.setattr(download, "PROBE_TIMEOUT", 0.5)
    mirrors("silent", "silent", "silent")
    start = time.monotonic()
    with pytest.raises(DataError, match="no answer in time"):
        download.fetch("cifar10", tmp_path, print)
    assert 0.4 < time.monotonic() - start < 2.0
    mirrors("silent", "late")
    start = time.monotonic()
    assert download.fetch("cifar10", tmp_path, print).read_bytes() == ARCHIVE
    assert time.monotonic() - start < 2.0


def test_plain_http_is_refused(tmp_path, mirrors, monkeypatch):
    mirrors("good")
    monkeypatch.setattr(transfer, "SCHEMES", ("https",))
    with pytest.raises(DataError, match="not https"):
        download.fetch("cifar10", tmp_path, print)
    assert mirrors.asked == []


def test_published_mirrors_are_https_and_name_a_known_archive():
    for name, urls in published.MIRRORS.items():
        assert len({url.split("/")[2] for url in urls}) > 1
        for url in urls:
            assert url.startswith("https://")
            assert download._release(url).dataset == name


def test_auto_falls_back_to_shapes_with_one_line_and_cifar10_never(tmp_path, mirrors, monkeypatch):
    mirrors("busy")
    monkeypatch.setattr(shapes, "load", lambda seed: f"shapes of seed {seed}")
    said = []
    assert data.load("auto", tmp_path, said.append, seed=3) == "shapes of seed 3"
    assert len(said) == 1 and "shapes" in said[0] and "\n" not in said[0]
    with pytest.raises(DataError, match="no mirror"):
        data.load("cifar10", tmp_path, said.append)


def test_auto_uses_what_was_downloaded(tmp_path, mirrors, monkeypatch):
    mirrors("good")
    monkeypatch.setattr(cifar, "read", lambda name, path: (name, path))
    expected = ("cifar10", tmp_path / NAME)
    assert data.load("auto", tmp_path, lambda line: None) == expected
    count = len(mirrors.asked)
    assert data.load("auto", tmp_path, lambda line: None) == expected
    assert len(mirrors.asked) == count  # the second time it was there


def test_without_pooch_one_line_says_how_to_get_it(tmp_path, mirrors, monkeypatch):
    mirrors("good")
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.setattr(shapes, "load", lambda seed: "shapes")
    said = []
    assert data.load("auto", tmp_path, said.append) == "shapes"
    assert len(said) == 1 and "pip install pooch" in said[0]
    with pytest.raises(DataError, match="pip install pooch"):
        data.load("cifar10", tmp_path, said.append)
    assert mirrors.asked == []


def test_a_directory_that_cannot_be_written(tmp_path, mirrors):
    (tmp_path / "file").write_text("in the way")
    mirrors("good")
    with pytest.raises(DataError, match="file"):
        download.fetch("cifar10", tmp_path / "file" / "below", lambda line: None)
