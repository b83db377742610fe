"""Atomic writes: whatever happens while a file is written, the old or the new one is there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import minivit
from minivit.errors import CheckpointError
from minivit.storage import atomic, checkpoint

HERE = {**os.environ, "PYTHONPATH": str(Path(minivit.__file__).parents[1])}  # for child processes


LOOP = """
import itertools, sys, numpy as np
from minivit.storage import checkpoint
for i in itertools.count():
    checkpoint.save(sys.argv[1], {"w": np.full(300_000, i, np.float32)}, {"i": i})
    if i == 0: print("ready", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs kill -9")
def test_killed_at_any_moment_the_file_loads(tmp_path):
    path = tmp_path / "last.npz"
    for moment in (0.0, 0.003, 0.011, 0.026, 0.05):
        command = [sys.executable, "-c", LOOP, path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=HERE) as child:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(moment)
            child.send_signal(signal.SIGKILL)
        arrays, meta = checkpoint.load(path)
        assert (arrays["w"] == meta["i"]).all()
    checkpoint.save(path, {}, {})
    assert os.listdir(tmp_path) == ["last.npz"]


FULL_DISK = """
import resource, sys, numpy as np
from minivit.errors import CheckpointError
from minivit.storage import checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    checkpoint.save(sys.argv[1], {"w": np.ones(100_000)}, {})
except CheckpointError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs resource limits")
def test_disk_full_keeps_the_old_file(file):
    before = file.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, file],
        capture_output=True,
        text=True,
        env=HERE,
        check=True,
    )
    assert done.stdout.startswith(f"cannot write {file}: File too large;"), done.stdout
    assert done.stdout.count("\n") == 1 and done.stderr == ""
    assert file.read_bytes() == before and os.listdir(file.parent) == ["last.npz"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failure_at_each_step_keeps_the_old_file(file, arrays, monkeypatch, step, error):
    before = file.read_bytes()

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises((CheckpointError, KeyboardInterrupt)) as caught:
            checkpoint.save(file, arrays, {"new": 1})
    assert caught.type is (CheckpointError if isinstance(error, OSError) else KeyboardInterrupt)
    assert file.read_bytes() == before and os.listdir(file.parent) == ["last.npz"]


def test_places_that_cannot_be_written(file, tmp_path, arrays):
    with pytest.raises(CheckpointError, match="is a directory"):
        checkpoint.save(tmp_path, arrays, {})
    with pytest.raises(CheckpointError, match=r"last\.npz is not a directory"):
        checkpoint.save(file / "inner.npz", arrays, {})
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(CheckpointError, match="pipe: it is a device or a pipe; name a file"):
            checkpoint.save(tmp_path / "pipe", arrays, {})
    if os.name != "nt" and os.geteuid() != 0:  # root may write anywhere
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(CheckpointError, match="Permission denied"):
            checkpoint.save(tmp_path / "locked" / "last.npz", arrays, {})


@pytest.mark.parametrize("name", ["last.npz", "last[1].npz"])
def test_stale_temporary_files_are_removed_and_others_are_not(tmp_path, arrays, name):
    (tmp_path / f".minivit-{name}-0badc0de.tmp").write_bytes(b"half")
    (tmp_path / "mine.tmp").write_bytes(b"")
    checkpoint.save(tmp_path / name, arrays, {})
    assert sorted(os.listdir(tmp_path)) == [name, "mine.tmp"]


def test_copy_stays_when_the_source_moves_on(file, arrays):
    best, first = file.parent / "best.npz", file.read_bytes()
    for _ in range(2):  # again onto itself: nothing changes, nothing is left lying about
        checkpoint.copy(file, best)
        assert best.read_bytes() == first and not best.samefile(file)
        assert sorted(os.listdir(file.parent)) == ["best.npz", "last.npz"]
    checkpoint.save(file, arrays, {"later": 1})
    assert best.read_bytes() == first != file.read_bytes()
    checkpoint.copy(file, best)
    assert checkpoint.load(best)[1]["later"] == 1
    assert sorted(os.listdir(file.parent)) == ["best.npz", "last.npz"]


def test_copy_of_nothing(file):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        checkpoint.copy(file.parent / "none.npz", file)
    checkpoint.load(file)


def write_two(directory, fail=False):
    """Two files by `filling`; with `fail` it stops before the second."""
    with atomic.filling(directory, last="a") as new:
        (new / "a").write_text("last")
        if fail:
            raise OSError(28, "No space left on device")
        (new / "b").write_text("first")


def test_a_new_directory_is_there_with_all_its_files(tmp_path):
    write_two(tmp_path / "below" / "new")
    assert sorted(os.listdir(tmp_path / "below" / "new")) == ["a", "b"]
    assert os.listdir(tmp_path / "below") == ["new"]
    for place in (tmp_path / "other", tmp_path / "below"):
        with pytest.raises(OSError):
            write_two(place, fail=True)
    assert os.listdir(tmp_path) == ["below"] and os.listdir(tmp_path / "below") == ["new"]


def test_files_come_into_a_directory_that_exists_and_what_is_there_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").write_text("mine")
    stale = tmp_path / f".minivit-{tmp_path.name}-0000.tmp"
    stale.mkdir()
    (stale / "left").write_text("by a killed process")
    write_two(".")
    assert sorted(os.listdir()) == ["a", "b", "own"]
    renamed, rename = [], os.rename

    def fails_at_the_second(source, target):
        renamed.append(Path(target).name)
        if len(renamed) == 2:
            raise OSError(5, "Input/output error")
        rename(source, target)

    (tmp_path / "a").unlink(), (tmp_path / "b").unlink()
    monkeypatch.setattr(os, "rename", fails_at_the_second)
    with pytest.raises(OSError):
        write_two(tmp_path)
    assert renamed == ["b", "a"] and os.listdir() == ["own"]
