#!/usr/bin/env python3
"""Does this version compute the same numbers as another one? Compare the bytes that runs leave.

    python .ci/same_bits.py REVISION [--cache DIR] [--only NAME ...]

Both versions run the same commands on this machine, one after the other (bytes differ between
processors, so no hash is written down anywhere): `smoke` on `shapes` with two seeds, one and two
workers, and every augmentation; 40 steps of `tiny` on seeded pictures; and a run that REVISION
began, was stopped, and both go on with. All arrays of `last.npz` and `best.npz`, and all rows of
`metrics.jsonl` but for times, must be equal. Exit status 1 if any differs.

`--cache DIR` keeps what REVISION left, for the next comparison with it. Needs Pillow.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SMOKE = "--dataset shapes --preset smoke --epochs 1".split()
# Options as the oldest version that is compared spells them; newer ones take these names too.
EVERYTHING = """--policy rand --erasing 0.25 --mixup 0.8 --cutmix 1 --ema 0.99 --whiten
    --dropout 0.1 --drop-path 0.1 --patch-dropout 0.1
    --first-drop 0.5 --first-size 24 --first-share 0.4 --pool class --patch-overlap 1""".split()
JOBS = {  # name: options of train.py
    "smoke, seed 0, 2 workers": [*SMOKE, "--seed", "0", "--threads", "2"],
    "smoke, seed 0, 1 worker": [*SMOKE, "--seed", "0", "--threads", "1"],
    "smoke, seed 1, 2 workers": [*SMOKE, "--seed", "1", "--threads", "2"],
    "smoke, seed 1, 1 worker": [*SMOKE, "--seed", "1", "--threads", "1"],
    "smoke, every augmentation": [*SMOKE, *EVERYTHING],
    "tiny, 40 steps": "--dataset PICTURES --preset tiny --epochs 1 --val-fraction 0".split(),
}
RESUMED = "smoke, stopped and resumed"
TIMES = ("images_per_second", "elapsed_s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revision", help="a commit to compare with, such as HEAD~1")
    parser.add_argument("--cache", type=Path, help="keep what the revision left here")
    parser.add_argument("--only", nargs="+", default=[*JOBS, RESUMED], metavar="NAME")
    args = parser.parse_args()
    revision = git("rev-parse", args.revision)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        old, pictures = scratch / "old", scratch / "pictures"
        subprocess.run(["git", "clone", "-q", ROOT, old], check=True)
        subprocess.run(["git", "-C", old, "checkout", "-q", revision], check=True)
        draw(pictures)
        kept = (args.cache or scratch / "kept") / revision
        kept.mkdir(parents=True, exist_ok=True)
        different = 0
        for name in args.only:
            there, here = kept / name.replace(", ", "-").replace(" ", "-"), scratch / "here"
            if name == RESUMED:
                problem = resumed(old, there, here)
            else:
                options = [str(pictures) if word == "PICTURES" else word for word in JOBS[name]]
                if not there.exists():
                    train(old, there, *options, "--out", there)
                train(ROOT, here, *options, "--out", here)
                problem = difference(there, here)
            print(f"{name:<28} {problem or 'the same bits'}", flush=True)
            different += bool(problem)
            shutil.rmtree(here, ignore_errors=True)
    return 1 if different else 0


def git(*words):
    """What git prints."""
    return subprocess.run(
        ["git", "-C", ROOT, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def draw(directory, classes=10, images=320):
    """A directory of seeded pictures: 2,560 to train on, 40 batches of 64."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for label in range(classes):
        (directory / f"class{label}").mkdir(parents=True)
        for number in range(images):
            pixels = rng.integers(0, 128, (32, 32, 3)) + 12 * label
            pixels[label : label + 6, label : label + 6] += 60
            picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            picture.save(directory / f"class{label}" / f"{number:03}.png", compress_level=0)


def command(version, *options):
    """The command line that trains with a version, and its environment."""
    words = [sys.executable, "train.py", *map(str, options)]
    return {"args": words, "cwd": version, "env": {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}}


def train(version, out, *options):
    """Train to the end; on a failure leave nothing and say what it printed."""
    done = subprocess.run(**command(version, *options), capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(out, ignore_errors=True)
        sys.exit(f"{version} failed with {' '.join(map(str, options))}:\n{done.stderr}")


def resumed(old, there, here):
    """Both versions go on with a run that the old one began and that was stopped."""
    begun = there.with_name(there.name + "-begun")
    if not begun.exists():
        options = [*SMOKE[:-1], "2", "--out", begun]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(**command(old, *options), stdout=quiet, stderr=quiet)
        while not (begun / "metrics.jsonl").exists():  # its first epoch is done
            time.sleep(0.05)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        process.wait()
    if not there.exists():
        shutil.copytree(begun, there)
        train(old, there, "--resume", there)
    shutil.copytree(begun, here)
    train(ROOT, here, "--resume", here)
    return difference(there, here)


def difference(there, here):
    """What differs between two run directories, in words; "" if nothing does."""
    for name in ("last.npz", "best.npz"):
        with np.load(there / name) as old, np.load(here / name) as new:
            names = set(old.files) ^ set(new.files)
            if names:
                return f"DIFFERENT: {name} holds other arrays: {', '.join(sorted(names)[:5])}"
            for array in set(old.files) - {"__meta__"}:
                if old[array].tobytes() != new[array].tobytes():
                    return f"DIFFERENT: {array} in {name}"
    old, new = rows(there), rows(here)
    if len(old) != len(new):
        return f"DIFFERENT: {len(old)} and {len(new)} rows in metrics.jsonl"
    for a, b in zip(old, new, strict=True):
        if a != b:
            return f"DIFFERENT: metrics {a} and {b}"
    return ""


def rows(directory):
    """The rows of metrics.jsonl without times."""
    lines = map(json.loads, (directory / "metrics.jsonl").read_text().splitlines())
    return [{name: value for name, value in row.items() if name not in TIMES} for row in lines]


if __name__ == "__main__":
    sys.exit(main())
