"""Sound files of every kind that is read, small ones: what the attack begins with."""

import contextlib
import io
import json
import pickle
import shutil
import tarfile
from functools import cache
from pathlib import Path

import numpy as np

import minivit
from minivit.__main__ import main as minivit_main
from minivit.errors import BackendError
from minivit.pretrained.export import export
from minivit.storage import checkpoint

OLD = Path(__file__).resolve().parents[1] / "reliability" / "fixtures" / "format-1.npz"
IMAGES = 2  # in each of CIFAR's files here
SMALL = """train --patch-size 16 --dim 4 --depth 1 --heads 1 --mlp-dim 4 --preset smoke
    --device cpu --dataset shapes --epochs 2 --batch-size 20 --optimizer sgd --threads 1""".split()


def small_run(place, *more, name="a-run"):
    """A finished run in `place`, with little in it -> its directory. more: options."""
    from .lines import program, quiet

    program()
    run = Path(place) / name
    if not (run / "last.npz").exists():
        quiet(minivit_main, [*SMALL, *more, "--out", str(run)])
    return run


@cache
def files(place):
    """{name: content}; what reads a file follows from the end of its name, see `files.READERS`."""
    rng = np.random.default_rng(0)
    run = small_run(place)
    trained = minivit.load(run)
    trained.save(Path(place) / "weights.npz")
    pixels = rng.integers(0, 256, (IMAGES, 3072), dtype=np.uint8)
    row = {"epoch": 1, "step": 4, "train_loss": 1.0, "val_accuracy": 0.5}
    result = {"test_loss": 1.0, "test_accuracy": 0.5}
    found = {
        "old.checkpoint.npz": OLD.read_bytes(),
        "run.checkpoint.npz": (run / "last.npz").read_bytes(),
        "weights.npz": (Path(place) / "weights.npz").read_bytes(),
        "config.json": (run / "config.json").read_bytes(),
        "metrics.jsonl": "\n".join(map(json.dumps, [row, result])).encode(),
        "targets.csv": b"Id,Eyes,Score\n" + b"".join(b"im%d,1,%d\n" % (i, 3 * i) for i in range(9)),
        "cifar-10-batches-bin/data_batch_3.bin": _binary(pixels),
        "cifar-100-binary/test.bin": _binary(pixels, 2),
    }
    for protocol, label in ((2, "labels"), (4, "fine_labels")):
        batch = {"data": pixels, label: [3, 7], "filenames": ["a.png", "b.png"]}
        found[f"{label}.pickle"] = pickle.dumps(batch, protocol=protocol)
    for mode in ("w", "w:gz"):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode=mode, format=tarfile.USTAR_FORMAT) as archive:
            for name in BINARIES:
                info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                content = _binary(pixels)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        found["cifar.tar" + mode[1:].replace(":", ".")] = packed.getvalue()
    return found | published(trained, Path(place)) | images(rng)


def published(trained, place):
    """Weights as other programs write them; without safetensors only the authors' npz."""
    kinds = {"published.npz": "authors", "timm/model.safetensors": "timm"}
    shutil.rmtree(place / "exported", ignore_errors=True)
    found = {}
    for name, kind in kinds.items():
        with contextlib.suppress(BackendError):
            done = export(trained, place / "exported" / name, kind)
            found[name] = Path(done.files[0]).read_bytes()
    return found


BINARIES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")


def _binary(pixels, label_bytes=1):
    """One of CIFAR's binary files."""
    labels = np.array([[1, 2], [3, 4]])[:, :label_bytes]
    return np.hstack([labels, pixels]).astype(np.uint8).tobytes()


def images(rng):
    """Images of every format; none without Pillow."""
    try:
        from PIL import Image
    except ImportError:
        return {}
    found = {}
    image = Image.fromarray(rng.integers(0, 256, (24, 20, 3), dtype=np.uint8))
    other = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, options in {
        "image.png": {},
        "image.bmp": {},
        "image.jpg": {"exif": exif},
        "image.webp": {},
        "animation.png": {"save_all": True, "append_images": [other]},
        "animation.webp": {"save_all": True, "append_images": [other]},
    }.items():
        packed = io.BytesIO()
        image.save(packed, name.rpartition(".")[2].replace("jpg", "jpeg"), **options)
        found[name] = packed.getvalue()
    for mode in ("L", "P", "1", "I;16", "LA"):
        packed = io.BytesIO()
        image.convert("L").convert(mode).save(packed, "png")
        found[f"image-{mode.replace(';', '')}.png"] = packed.getvalue()
    return found


@cache
def loaded(path):
    """The arrays and values of a sound checkpoint."""
    return checkpoint.load(path)
