"""python -m tests.attack: attack the program for a stated time, and say what came of it."""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TURN = 5.0  # seconds of a turn, where there is time for more than one
INSIDE, OUTSIDE = ("files", "meta", "lines"), ("kills", "disks")


class Report:
    """What has come of the attack so far."""

    def __init__(self):
        self.outcomes = {kind: Counter() for kind in INSIDE + OUTSIDE}
        self.broken, self.slowest, self.grown = [], 0.0, 0

    def text(self, seconds):
        """The lines to print at the end."""
        for kind, counts in self.outcomes.items():
            if counts:
                parts = ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(counts.items()))
                yield f"{kind:6} {counts.total():>9,} attacks: {parts}"
        yield f"slowest answer {self.slowest:.2f} s, most memory {self.grown / 2**20:.0f} MiB"
        yield f"{len(self.broken)} broken in {seconds:.0f} s"
        yield from (f"BROKEN {line}" for line in self.broken)


def turn(kind, seed, seconds, scratch, report):
    """One turn of a kind that needs no process for each attack."""
    place = scratch / kind
    place.mkdir(exist_ok=True)
    words = [kind, seed, str(seconds), str(place)]
    line = [sys.executable, "-m", "tests.attack.child", *words]
    try:
        done = subprocess.run(line, cwd=ROOT, text=True, capture_output=True, timeout=seconds + 120)
        status, output, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        status, output, err = "no end", "", ""
    if status != 0:
        number = (scratch / f"{kind}-number").read_text().strip()
        report.outcomes[kind]["broken"] += 1
        report.broken.append(f"{kind} seed {seed}/{number}: process ended: {status} {err[-500:]}")
        return
    result = json.loads(output.splitlines()[-1])
    report.outcomes[kind].update(result["outcomes"])
    report.broken += [f"{kind} seed {seed}/{number}: {what}" for number, what in result["broken"]]
    report.slowest = max(report.slowest, result["slowest"])
    report.grown = max(report.grown, result["grown"])


def strike(kind, seed, scratch, reference, early, end, report):
    """One run that is killed, or runs out of disk, until it is complete."""
    from . import storm

    place = scratch / "struck"
    shutil.rmtree(place, ignore_errors=True)
    try:
        blows = getattr(storm, kind)(random.Random(seed), place, *reference, early, end)
        report.outcomes[kind].update({"blows": blows, "runs ended equal": 1})
    except Exception as error:
        report.outcomes[kind]["broken"] += 1
        report.broken.append(f"{kind} seed {seed}: {type(error).__name__}: {error}")
        shutil.move(place, place.with_name(f"broken-{len(report.broken)}"))


def main(argv=None):
    """Attack -> 0 if nothing was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--minutes", type=float, help="instead of seconds")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--only", default=",".join(INSIDE + OUTSIDE), help="kinds, with commas")
    parser.add_argument("--early", action="store_true", help="also kill programs that only import")
    args = parser.parse_args(argv)
    seconds = args.minutes * 60 if args.minutes else args.seconds
    kinds, report = args.only.split(","), Report()
    scratch = Path(tempfile.mkdtemp(prefix="minivit-attack-"))
    began = time.monotonic()
    end, number, reference = began + seconds, 0, None
    print(f"attack for {seconds:.0f} s, seed {args.seed}, in {scratch}", flush=True)
    while number < len(kinds) or time.monotonic() < end:
        kind, seed = kinds[number % len(kinds)], f"{args.seed}.{number}"
        if kind in INSIDE:
            turn(kind, seed, min(TURN, seconds / 10), scratch, report)
        else:
            if reference is None:
                from . import storm

                reference = storm.whole(scratch / "whole")
            strike(kind, seed, scratch, reference, args.early, end, report)
        number += 1
    print("\n".join(report.text(time.monotonic() - began)), flush=True)
    if not report.broken:
        shutil.rmtree(scratch)
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
