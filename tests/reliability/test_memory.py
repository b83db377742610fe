"""One cap for memory: files built to take gigabytes are refused in a process that has not so much.

A child process has `limits.MEMORY` more address space than it needed to start. It reads each file,
and says how it ended and how much memory it took at most.
"""

import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

import minivit
from minivit import limits
from minivit.storage import checkpoint

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs limits and /proc of Linux")

CHILD = """
import json, os, resource, sys, time
from pathlib import Path
import minivit.data.sources.pickles, minivit.trained
from minivit import limits, data
from minivit.data import image_files
from minivit.data import TargetFile
from minivit.data.sources import cifar, idx, pickles, target_csv
from minivit.errors import MinivitError
from minivit.pretrained import importing
from minivit.storage import checkpoint
from minivit.storage.directory import RunDirectory
if len(sys.argv) > 2:
    from PIL import Image
    Image.init()

cifar.IMAGES_PER_FILE = 20
READERS = {
    "pkl": lambda path: pickles.read(path.read_bytes(), 20, "labels", str(path)),
    "tar": lambda path: data.load("cifar10", path),
    "idx": lambda path: idx._read_file(path, 3),
    "csv": lambda path: target_csv.read(TargetFile(str(path))),
    "npz": lambda path: checkpoint.load(path),
    "png": lambda path: image_files.read(path, 32),
    "jsonl": lambda path: RunDirectory(path.parent).rows(),
    "weights": lambda path: importing.read(path),
}

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))

limit = status("VmSize:") + limits.MEMORY
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sorted(Path(sys.argv[1]).iterdir()):
    before, began = status("VmRSS:"), time.monotonic()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    try:
        READERS[path.suffix[1:]](path)
        ended = "read"
    except MinivitError as error:
        ended = str(error)
    took = time.monotonic() - began
    print(json.dumps([path.name, ended, status("VmHWM:") - before, took]), flush=True)
"""


def zipped_tar(*parts, zeros=0):
    """The bytes of a gzipped tar of these parts, and so many MiB of zeros after them.

    The zeros are compressed once and repeated, so a gigabyte of them is made in no time. The
    checksum at the end is left out: nobody gets there.
    """
    pack = zlib.compressobj(1, wbits=31)
    start = b"".join(map(pack.compress, parts)) + pack.flush(zlib.Z_FULL_FLUSH)
    return start + (pack.compress(ZEROS) + pack.flush(zlib.Z_FULL_FLUSH)) * zeros


def header(name, size, kind=b"0"):
    """The 512 bytes that stand before a member."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def png(*chunks):
    """A PNG of these (kind, content)."""
    made = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        made += struct.pack(">I", len(body)) + kind + body
        made += struct.pack(">I", zlib.crc32(kind + body))
    return made


def npz_of_many_names():
    """A zip whose table of contents, and nothing else, is 46 MB long."""
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 0) + bytes(16)
    table = entry * 1_000_000
    end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 1, 1, len(table), 4, 0)
    return b"PK\x03\x04" + table + end


def safetensors(header):
    """A safetensors file without data."""
    return struct.pack("<Q", len(header)) + header


ZEROS = bytes(1 << 20)
LIST, TUPLE = b"]", b"\x85"


def hostile():
    """{file name: content}, all small, all meant to take a gigabyte, a minute or the process."""
    bits = ((1 << 27).to_bytes(4, "little"), (1 << 62).to_bytes(8, "little"))
    array = "{'descr': '<f4', 'fortran_order': False, 'shape': (201326592,), }".ljust(117) + "\n"
    member = b"\x93NUMPY\x01\x00v\x00" + array.encode()
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("w.npy", "w", force_zip64=True) as stream:
            stream.write(member)
            for _ in range(768):
                stream.write(ZEROS)
    size = struct.pack(">IIBBBBB", 16_000, 12_000, 8, 2, 0, 0, 0)
    image = (b"IDAT", zlib.compress(bytes(3 * 12_000)))
    return {
        "nested.pkl": b"\x80\x02" + LIST + TUPLE * 2_000_000 + b".",
        "nested-lists.pkl": b"\x80\x02" + LIST * 1_000_000 + b"a" * 999_999 + b".",
        "nested-keys.pkl": b"\x80\x02}" + LIST + TUPLE * 100_000 + b"Ns.",
        "memo.pkl": b"\x80\x02Nr" + bits[0] + b".",
        "nones.pkl": b"\x80\x02(" + b"N" * 30_000_000 + b"t.",
        "long-bytes.pkl": b"\x80\x04\x8e" + bits[1] + b".",
        "long-frame.pkl": b"\x80\x04\x95" + bits[1] + b"N.",
        "digits.pkl": b"\x80\x02}U\x06labels](I" + b"9" * 5000 + b"\n" + b"K\x00" * 19 + b"eu.",
        "long-name.tar": zipped_tar(header("././@LongLink", 1 << 30, b"L"), zeros=1024),
        "extended.tar": zipped_tar(header("x", 1 << 30, b"x"), zeros=1024),
        "sparse.tar": zipped_tar(header("data_batch_1", 0, b"S"), zeros=1),
        "huge.tar": zipped_tar(header("readme", 8**11 - 1), zeros=1024),
        "many.tar": zipped_tar(header("readme", 0) * 20_000),
        "bomb.idx": zipped_tar(
            bytes([0, 0, 8, 3]) + struct.pack(">3I", 1 << 20, 16, 16), zeros=1024
        ),
        "long.idx": zipped_tar(bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 16, 16), zeros=1024),
        "huge.idx": bytes([0, 0, 8, 3]) + struct.pack(">3I", 1 << 16, 1 << 8, 15),
        "columns.csv": b"".join(b"%x," % i for i in range(600_000)),
        "fields.csv": b"a,b\n" + b"1," * 2_000_000,
        "rows.csv": b"a,b\n" + b"".join(b"%x,1\n" % i for i in range(300_000)) + b"z,z\n",
        "bomb.npz": bomb.getvalue(),
        "names.npz": npz_of_many_names(),
        "bomb.weights": bomb.getvalue(),
        "names.weights": npz_of_many_names(),
        "long-header.weights": struct.pack("<Q", 1 << 40) + b"{" + bytes(100),
        "many-arrays.weights": safetensors(
            b"{%s}"
            % b",".join(
                b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % i for i in range(60_000)
            )
        ),
        "huge-array.weights": safetensors(
            b'{"a":{"dtype":"F32","shape":[4294967296],"data_offsets":[0,17179869184]}}'
        ),
        "pixels.png": png((b"IHDR", size), image, (b"IEND", b"")),
        "text.png": png(
            (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)),
            *[(b"zTXt", b"a\0\0" + zlib.compress(bytes(32 << 20), 1))] * 20,
            (b"IEND", b""),
        ),
    }


def test_hostile_files_are_refused_within_the_cap(tmp_path):
    pillow = True
    try:
        import PIL  # noqa: F401
    except ImportError:
        pillow = False
    for name, content in hostile().items():
        if pillow or not name.endswith(".png"):
            (tmp_path / name).write_bytes(content)
    for name in ("metrics.jsonl", "hole.csv"):
        with open(tmp_path / name, "wb") as file:
            file.truncate(8 << 30)  # a file with a hole, of no length on the disk
    environment = {**os.environ, "PYTHONPATH": str(Path(minivit.__file__).parents[1])}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    done = subprocess.run(
        [sys.executable, "-c", CHILD, tmp_path, *["pillow"] * pillow],
        capture_output=True,
        text=True,
        timeout=100,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    ends = {name: values for name, *values in map(json.loads, done.stdout.splitlines())}
    assert set(ends) == {path.name for path in tmp_path.iterdir()}
    for name, (sentence, growth, seconds) in ends.items():
        assert name in sentence and "\n" not in sentence, (name, sentence)
        assert "emory" not in sentence, (name, sentence)  # refused, not run out of
        assert growth < limits.MEMORY / 4, (name, growth)
        assert seconds < 20, (name, seconds)


def test_a_checkpoint_larger_than_the_cap_is_not_unpacked(tmp_path, monkeypatch):
    """A compressed file may unpack to half of the cap; one that is not compressed to its size."""
    path = tmp_path / "last.npz"
    checkpoint.save(path, {"w": np.random.default_rng(0).standard_normal(10_000)}, {})
    monkeypatch.setattr(limits, "MEMORY", 1000)
    checkpoint.load(path)
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(minivit.errors.CheckpointError, match="would unpack to"):
        checkpoint.load(path)
