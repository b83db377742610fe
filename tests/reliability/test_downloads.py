"""Downloads that break off, are killed or run twice at once: nothing is lost, nothing is left."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mirrors import ARCHIVE, NAME, Mirrors, pretend

import minivit
from minivit.data.sources import download, transfer
from minivit.errors import DataError

pytest.importorskip("pooch", exc_type=ImportError)

CHILD = """
import resource, sys
sys.path[:0] = sys.argv[1:3]
import mirrors
from minivit.commands import exits
from minivit.data.sources import download, transfer
mirrors.pretend(setattr, sys.argv[4:])
if "full" in sys.argv[4]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))
sys.exit(exits.run(lambda argv: download.fetch("cifar10", sys.argv[3]) and 0))
"""
PART = NAME + ".part"


@pytest.fixture
def server():
    with Mirrors() as entered:
        yield entered


@pytest.fixture
def fetch(server, monkeypatch, tmp_path):
    """`fetch(kind, ...)` downloads from mirrors of these kinds -> (path, lines, requests)."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)

    def fetch(*kinds):
        pretend(monkeypatch.setattr, server.urls(*kinds))
        said = []
        del server.asked[:]
        path = download.fetch("cifar10", tmp_path, said.append)
        assert path.read_bytes() == ARCHIVE and os.listdir(tmp_path) == [NAME]
        return said, [first for _, first in server.asked]

    return fetch


def child(server, place, kind):
    """A process that downloads from a mirror of this kind."""
    root = Path(minivit.__file__).parents[1]
    words = [str(root), str(root / "tests/helpers"), str(place), *server.urls(kind)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", CHILD, *words], **pipes)


def test_D03_a_download_that_breaks_off_goes_on_at_the_same_mirror(fetch):
    said, asked = fetch("once")
    # the first bytes, the whole, and what was missing of it
    assert len(said) == 1 and asked[:2] == [0, 0] and len(asked) == 3
    assert 0.3 * len(ARCHIVE) < asked[2] <= 0.4 * len(ARCHIVE)


def test_D03_a_server_without_ranges_sends_it_all_again(fetch):
    _, asked = fetch("rangeless")
    assert len(asked) == 3 and asked[2] > 0


def test_D03_it_goes_on_at_another_mirror_and_in_another_process(fetch, server, tmp_path):
    with pytest.raises(DataError, match=rf"{PART} holds what has arrived, the next attempt goes"):
        fetch("drops")
    assert os.listdir(tmp_path) == [PART]
    there = (tmp_path / PART).read_bytes()
    assert ARCHIVE.startswith(there) and len(there) > 0.8 * len(ARCHIVE)  # after five attempts
    said, asked = fetch("ranges")
    assert asked == [0, len(there)] and said[0].endswith(f", from byte {len(there):,} on")


def test_another_part_than_was_asked_for_is_refused(fetch, tmp_path):
    (tmp_path / PART).write_bytes(ARCHIVE[:1000])
    with pytest.raises(DataError, match="sends another part of the file"):
        fetch("elsewhere")
    assert (tmp_path / PART).read_bytes() == ARCHIVE[:1000]


def test_D04_a_mirror_that_falls_silent_is_left_for_the_next(fetch, monkeypatch):
    monkeypatch.setattr(transfer, "READ_TIMEOUT", 1.0)
    said, asked = fetch("silent", "late")
    assert " bytes); trying the next mirror" in said[1]
    assert asked[-1] > 0.3 * len(ARCHIVE)  # which goes on where the first one ended


@pytest.mark.parametrize(
    "there", [b"junk" * 100, ARCHIVE[:-1] + b"\0", ARCHIVE + b"more", ARCHIVE, b""]
)
def test_whatever_is_in_the_part_the_archive_is_right(fetch, tmp_path, there):
    (tmp_path / PART).write_bytes(there)
    fetch("ranges")


def test_D06_a_wrong_hash_shows_the_one_that_was_found(fetch, tmp_path):
    found = hashlib.sha256(ARCHIVE[:-1] + b"\0").hexdigest()
    wanted = hashlib.sha256(ARCHIVE).hexdigest()
    with pytest.raises(DataError) as caught:
        fetch("wrong")
    assert f"sent a file with the wrong SHA-256 {found}" in str(caught.value)
    assert wanted in str(caught.value) and os.listdir(tmp_path) == []


def wait_for(place, size):
    """Until the part has so many bytes."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if (place / PART).exists() and (place / PART).stat().st_size >= size:
            return
        time.sleep(0.005)
    raise AssertionError("nothing arrived")


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_download_leaves_one_file_and_goes_on(fetch, server, tmp_path, number):
    with child(server, tmp_path, "slow") as process:
        wait_for(tmp_path, 20_000)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert os.listdir(tmp_path) == [PART] and process.returncode
    if number == signal.SIGINT:
        sentence = f"stopped; {tmp_path / PART} holds what has arrived, the next start goes on\n"
        assert (process.returncode, err) == (130, sentence)
    there = (tmp_path / PART).stat().st_size
    _, asked = fetch("ranges")
    assert asked == [0, there] and there >= 20_000


@pytest.mark.skipif(os.name == "nt", reason="files are not locked there")
def test_D22_of_two_processes_one_downloads_and_the_other_waits(server, tmp_path):
    first = child(server, tmp_path, "held")
    wait_for(tmp_path, 20_000)
    second = child(server, tmp_path, "held")
    assert "another process is downloading" in second.stdout.readline()
    server.released.set()
    ended = [process.communicate(timeout=60) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0] and not ended[1][0], ended
    assert (tmp_path / NAME).read_bytes() == ARCHIVE and os.listdir(tmp_path) == [NAME]
    assert len(server.asked) == 3  # the first bytes twice, the archive once


@pytest.mark.skipif(os.name == "nt", reason="files are not locked there")
def test_D22_the_one_that_waits_takes_over_from_one_that_is_killed(server, tmp_path):
    first = child(server, tmp_path, "held")
    wait_for(tmp_path, 20_000)
    second = child(server, tmp_path, "held")
    assert "another process" in second.stdout.readline()
    first.kill()
    first.communicate()
    server.released.set()
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0 and "from byte " in out, err
    assert (tmp_path / NAME).read_bytes() == ARCHIVE and os.listdir(tmp_path) == [NAME]


@pytest.mark.skipif(os.name == "nt", reason="needs resource limits")
def test_a_full_disk_is_not_a_mirrors_fault(server, tmp_path):
    out, err = child(server, tmp_path, "full").communicate(timeout=60)
    sentence = f"error: CIFAR-10 cannot be downloaded to {tmp_path} (File too large); put "
    assert err.startswith(sentence) and err.count("\n") == 1 and "next mirror" not in out


def test_without_tqdm_one_sentence_says_so(fetch, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(DataError, match=r"downloading it needs tqdm \(pip install tqdm\); put"):
        fetch("ranges")
