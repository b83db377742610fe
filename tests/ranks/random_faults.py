"""Kill, freeze and stop ranks at random moments, resume, and see that nothing is lost: by hand.

    PYTHONPATH=.:tests/helpers python tests/ranks/random_faults.py ROUNDS [SEED]

A run of small pictures is started under mpiexec, again and again, on one to four ranks. Each time a
random rank, or mpiexec itself, gets a random signal after a random time. All processes must have
ended within ten seconds (a frozen rank is noticed after six; not one that is frozen while it exits,
as the others have gone), what was saved must be whole, and in the end the run must have the bits of
one that nothing disturbed. Prints a line for each round.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runs import left_behind
from test_mpi import ENVIRONMENT, MPIEXEC, OPTIONS, PROGRAM

from minivit.errors import CheckpointError
from minivit.storage.directory import RunDirectory
from minivit.training.saved_run import SavedRun

EPOCHS = 60
SIGNALS = ["SIGKILL", "SIGSTOP", "SIGTERM", "SIGINT", "SIGUSR1"]
LIMIT = 10.0  # seconds


def main(rounds, seed=0):
    """Do it; raises AssertionError at the first thing that is wrong."""
    chance, place = random.Random(seed), Path(tempfile.mkdtemp())
    alone, out = place / "alone", place / "run"
    options = [*OPTIONS, "--epochs", str(EPOCHS), "--out"]
    subprocess.run([sys.executable, PROGRAM, "none", *options, alone], env=ENVIRONMENT, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    finished = 0
    for number in range(rounds):
        ranks, slowest = chance.choice([2, 2, 3, 4]), 0.0
        words = ["--resume", str(out)] if resumable(out) else [*options, str(out)]
        words += ["--threads", chance.choice("123")]
        with open(place / "said", "w+") as said:
            job = subprocess.Popen(
                [MPIEXEC, "-n", str(ranks), sys.executable, PROGRAM, "none", *words],
                env=ENVIRONMENT, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
            time.sleep(chance.uniform(1.0, 5.0))
            name, victim = chance.choice(SIGNALS), chance.choice(["a rank", "mpiexec"])
            if victim == "mpiexec" and name == "SIGSTOP":
                victim = "a rank"
            while name == "SIGSTOP" and job.poll() is None:  # before the ranks have met, a frozen
                if "continue with" in (place / "said").read_text(errors="replace"):
                    break  # one is noticed late: MPI waits for it
                time.sleep(0.1)
            found = processes(out)
            if name != "SIGKILL":  # workers ignore signals; a frozen one is waited for
                found = [pid for pid in found if parent(pid) not in found]
            target = job.pid if victim == "mpiexec" or not found else chance.choice(found)
            begun = time.monotonic()
            try:
                os.kill(target, getattr(signal, name))
            except ProcessLookupError:
                name = "nothing"
            while job.poll() is None or processes(out):
                slowest = time.monotonic() - begun
                if name == "SIGSTOP" and slowest > LIMIT and exiting(target, out, place / "said"):
                    os.kill(target, signal.SIGKILL)  # nobody is left to notice: mpiexec waits
                    name, begun = "too late", time.monotonic()
                    continue
                assert slowest < LIMIT + 25 * (name == "nothing"), (name, victim, processes(out))
                time.sleep(0.05)
            said.seek(0)
            text = said.read()
        assert "Traceback" not in text, text
        state = "nothing saved yet"
        if resumable(out):
            SavedRun.read(out).load()
            state = f"step {SavedRun.read(out).position[1]}"
        print(
            f"{number + 1:4} {ranks} ranks: {name:8} to {victim:8} {slowest:4.1f} s, {state}",
            flush=True,
        )
        if RunDirectory(out).result():
            assert left_behind(RunDirectory(out), False) == left_behind(RunDirectory(alone), False)
            shutil.rmtree(out)
            finished += 1
    print(f"{rounds} rounds, {finished} runs came to their end with the bits of one rank alone")


def exiting(rank, out, said):
    """Whether this rank alone is left of a run that has said all that it has to say."""
    alone = all(rank in (pid, parent(pid)) for pid in processes(out))
    return alone and "weights, metrics and curves are in" in said.read_text(errors="replace")


def resumable(out):
    """Whether there is something to go on with."""
    if not (out / "last.npz").exists():
        shutil.rmtree(out, ignore_errors=True)
        return False
    try:
        SavedRun.read(out)
    except CheckpointError as error:
        raise AssertionError(f"damaged: {error}") from None
    return True


def processes(out):
    """The numbers of the processes that train in `out`: ranks and their workers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except (OSError, IndexError):
                continue
            program = b"python" in words[0] and str(PROGRAM).encode() in words
            if program and str(out).encode() in words and state != "Z":
                found.append(int(entry.name))
    return sorted(found)


def parent(pid):
    """The number of the process that started it."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


if __name__ == "__main__":
    main(int(sys.argv[1]), *map(int, sys.argv[2:]))
