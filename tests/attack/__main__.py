"""python -m tests.attack: attack the program for a stated time, and say what came of it."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TURN = 60.0  # seconds of a turn, where there is time for more than one of each kind
SHARES = {"files": 46, "meta": 10, "lines": 8, "kills": 22, "disks": 5, "outputs": 9}  # of time
MOST_SHOWN = 200  # lines about what is broken


class Report:
    """What has come of the attack so far, for each kind."""

    def __init__(self, kinds):
        self.outcomes = {kind: Counter() for kind in kinds}
        self.seconds, self.broken = Counter(), []
        self.slowest, self.grown, self.leaked = Counter(), Counter(), Counter()

    def add(self, kind, seed, result):
        """The result of a turn, as `child` prints it."""
        self.outcomes[kind].update(result["outcomes"])
        self.broken += [f"{kind} seed {seed}/{number}: {what}" for number, what in result["broken"]]
        for name in ("slowest", "grown", "leaked"):
            values = getattr(self, name)
            values[kind] = max(values[kind], result[name])

    def totals(self):
        """Mutated inputs, and blows at processes."""
        inside = ("files", "meta", "lines")
        inputs = sum(self.outcomes[kind].total() for kind in inside if kind in self.outcomes)
        struck = (self.outcomes[kind] for kind in ("kills", "outputs") if kind in self.outcomes)
        blows = sum(n for counts in struck for name, n in counts.items() if name != "equal")
        return {"inputs": inputs, "kills": blows}

    def values(self, **also):
        """All of it as plain values."""
        kinds = {
            kind: {
                "outcomes": dict(sorted(counts.items())),
                "attacks_per_second": round(counts.total() / max(self.seconds[kind], 1e-9), 1),
                "slowest_s": round(self.slowest[kind], 2),
                "memory_MiB": self.grown[kind] >> 20,
                "leaked_MiB": round(self.leaked[kind] / 2**20, 1),
            }
            for kind, counts in self.outcomes.items()
        }
        return {**also, **self.totals(), "kinds": kinds, "broken": self.broken}

    def text(self, seconds):
        """The lines to print at the end."""
        for kind, counts in self.outcomes.items():
            parts = ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(counts.items()))
            rate = counts.total() / max(self.seconds[kind], 1e-9)
            yield (
                f"{kind:8}{counts.total():>9,} attacks, {rate:,.0f}/s: {parts}; slowest "
                f"{self.slowest[kind]:.2f} s, memory {self.grown[kind] / 2**20:.0f} MiB, of which "
                f"{self.leaked[kind] / 2**20:.1f} in the last half of a turn"
            )
        total = self.totals()
        slowest = max(self.slowest.values(), default=0)
        most = max(self.grown.values(), default=0) / 2**20
        yield f"{total['inputs']:,} inputs, {total['kills']:,} kills and signals"
        yield f"slowest answer {slowest:.2f} s, most memory {most:.0f} MiB"
        yield f"{len(self.broken)} broken in {seconds:.0f} s"
        yield from (f"BROKEN {line}" for line in self.broken[:MOST_SHOWN])


def turn(kind, seed, seconds, scratch, report):
    """One turn of a kind, in a process of its own."""
    place = scratch / kind
    place.mkdir(exist_ok=True)
    line = [sys.executable, "-m", "tests.attack.child", kind, seed, str(seconds), str(place)]
    began = time.monotonic()
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # so that it may fork
    settings = {"cwd": ROOT, "env": env, "text": True, "capture_output": True}
    try:
        done = subprocess.run(line, **settings, timeout=seconds + 120)
        status, output, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        status, output, err = "no end", "", ""
    report.seconds[kind] += time.monotonic() - began
    if status == 0:
        report.add(kind, seed, json.loads(output.splitlines()[-1]))
        return
    number_file = scratch / f"{kind}-number"
    number = number_file.read_text().strip() if number_file.exists() else "begin"
    report.outcomes[kind]["broken"] += 1
    report.broken.append(f"{kind} seed {seed}/{number}: process ended: {status} {err[-500:]}")


def main(argv=None):
    """Attack -> 0 if nothing was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--minutes", type=float, help="instead of seconds")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--only", default=",".join(SHARES), help="kinds, with commas")
    parser.add_argument("--summary", type=Path, help="a JSON file for what came of it")
    args = parser.parse_args(argv)
    seconds = args.minutes * 60 if args.minutes else args.seconds
    kinds = args.only.split(",")
    memory = "/dev/shm"  # files in memory, where there are such: no waiting for a disk
    scratch = tempfile.mkdtemp(
        prefix="minivit-attack-", dir=memory if os.access(memory, os.W_OK) else None
    )
    scratch, report = Path(scratch), Report(kinds)
    whole = sum(SHARES[kind] for kind in kinds)
    began, number, shown = time.monotonic(), 0, 0
    print(f"attack for {seconds:.0f} s, seed {args.seed}, in {scratch}", flush=True)
    while number < len(kinds) or time.monotonic() - began < seconds:
        kind = min(kinds, key=lambda kind: report.seconds[kind] / SHARES[kind])
        length = min(TURN, seconds * SHARES[kind] / whole)
        if number < len(kinds):
            kind = kinds[number]
            length = min(TURN, max(0.1, seconds * SHARES[kind] / whole - 1))  # less its imports
        turn(kind, f"{args.seed}.{number}", length, scratch, report)
        number += 1
        for line in report.broken[shown:MOST_SHOWN]:
            print(f"BROKEN {line}", flush=True)
        shown = len(report.broken)
        if args.summary:
            so_far = report.values(seed=args.seed, seconds=round(time.monotonic() - began))
            args.summary.write_text(json.dumps(so_far, indent=1) + "\n")
    print("\n".join(report.text(time.monotonic() - began)), flush=True)
    if not report.broken:
        shutil.rmtree(scratch)
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
