"""Runs and their directories: nothing is lost, nothing is another run's, whoever interferes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from program import ROOT, few_shapes, train
from small_runs import CONFIG, RECIPE, after, make_run, pictures

import minivit
from minivit import data
from minivit.__main__ import main as minivit_main
from minivit.__main__ import script
from minivit.commands import exits
from minivit.data import Dataset
from minivit.errors import CheckpointError, ConfigError, DataError, RunError
from minivit.parallel import blas
from minivit.parallel.workers import Workers
from minivit.storage import checkpoint
from minivit.storage.directory import RunDirectory
from minivit.storage.lock import locked
from minivit.training import arithmetic
from minivit.training.fitting import MOST_NAMES
from minivit.training.plan import Plan
from minivit.training.run import Run
from minivit.training.signals import Interrupted

OLD = Path(__file__).with_name("fixtures") / "format-1.npz"  # by the first version
SMALL = """--dataset shapes --preset smoke --epochs 2 --batch-size 20 --val-fraction 0.1
    --device cpu --patch-size 16 --dim 8 --depth 1 --heads 2 --mlp-dim 8 --threads 1""".split()
needs_locks = pytest.mark.skipif(os.name == "nt", reason="directories cannot be locked there")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A directory to write in, few shapes, and no curves, which take longer than the training."""
    few_shapes(monkeypatch)
    monkeypatch.setattr("minivit.training.run.curves.draw", lambda *drawn: "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def make(workers, here):
    """Small runs."""
    return lambda name="run", **changes: make_run(here / name, workers, **changes)


def run(capsys, *words):
    """`train.py WORDS` -> status, stdout, stderr."""
    capsys.readouterr()
    status = exits.run(train.main, [str(word) for word in words])
    return status, *capsys.readouterr()


def files(directory):
    """{name: bytes} of all that is in a directory."""
    return {path.name: path.read_bytes() for path in Path(directory).iterdir() if path.is_file()}


def before_data(monkeypatch, action):
    """Do `action()` once, when a run is about to load its data."""
    load = data.load

    def then(*args, **options):
        monkeypatch.setattr(data, "load", load)
        action()
        return load(*args, **options)

    monkeypatch.setattr(data, "load", then)


# A directory belongs to one run


@needs_locks
def test_C10_a_directory_is_claimed_before_the_data_is_loaded(capsys, monkeypatch):
    """While A waits for its data, B cannot take the same place; A then finishes its own run."""
    seen = []
    before_data(monkeypatch, lambda: seen.append(run(capsys, *SMALL, "--seed", 1, "--out", "a")))
    status, out, err = run(capsys, *SMALL, "--out", "a")
    assert (status, err) == (0, "") and "2 epochs of" in out
    assert seen[0][0] == 1 and "another process is training in a: let it end" in seen[0][2]
    assert len(RunDirectory("a").rows()) == 2


@needs_locks
def test_C10_what_was_free_is_looked_at_again_once_it_is_claimed(capsys, here, monkeypatch):
    """Here B begins and ends between A's first look and its claim."""
    claimed = RunDirectory.claimed

    def late(self):
        monkeypatch.setattr(RunDirectory, "claimed", claimed)
        assert run(capsys, *SMALL, "--seed", 1, "--out", "a")[0] == 0
        late.files = files("a")
        return claimed(self)

    monkeypatch.setattr(RunDirectory, "claimed", late)
    status, _, err = run(capsys, *SMALL, "--out", "a")
    assert status == 2 and "--out a already holds a run" in err
    assert files("a") == late.files


@needs_locks
def test_C10_a_run_whose_directory_was_removed_writes_nothing_more(make, here):
    run = make()

    def removed():
        shutil.rmtree(here / "run")

    after(run, 2, removed)
    with run.directory.claimed():
        with pytest.raises(RunError, match=r"run was removed or replaced.*start the run again\.$"):
            run.train()
    assert not (here / "run").exists()


@needs_locks
def test_C10_a_run_never_writes_into_the_directory_that_took_its_place(make, here):
    """A's directory is removed, B begins under the same name: B's files stay B's."""
    first, other, left = make(), make("other", recipe=replace(RECIPE, seed=1)), {}
    other.train()

    def replaced():
        shutil.rmtree(here / "run")
        shutil.copytree(here / "other", here / "run")
        left.update(files(here / "run"))

    after(first, 6, replaced)
    with first.directory.claimed():
        with pytest.raises(RunError, match=r"removed or replaced") as error:
            first.train()
    assert "--resume" not in str(error.value) and not hasattr(error.value, "__notes__")
    assert files(here / "run") == left


@needs_locks
def test_C10_a_lock_on_a_directory_that_is_removed_meanwhile_is_taken_anew(here, monkeypatch):
    """B waits at the lock of A, which fails and removes its empty directory."""
    import fcntl

    flock, handles = fcntl.flock, []

    def once(handle, how):
        if not handles:
            (here / "run").rmdir()
        handles.append(handle)
        return flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", once)
    with locked("run") as claim:
        assert claim.holds() and len(handles) == 2
        with pytest.raises(RunError, match="another process"), locked("run"):
            pass
    assert not (here / "run").exists()


@pytest.mark.parametrize("name", ["curves.png", "notes.txt", "data"])
def test_C10_files_that_are_not_a_runs_are_never_written_over(capsys, here, name):
    (here / "mine").mkdir()
    (here / "mine" / name).write_text("mine")
    before = files("mine")
    status, _, err = run(capsys, *SMALL, "--out", "mine")
    assert status == 2 and f"--out mine holds files that are no run ({name}); name a new" in err
    assert "such as --out mine/run" in err and files("mine") == before
    assert run(capsys, *SMALL, "--out", "mine/run")[0] == 0
    (here / "mine/.DS_Store").write_text("")
    assert run(capsys, *SMALL, "--out", "mine/run/below")[0] == 0


def test_C10_a_directory_that_the_user_made_stays_when_the_run_fails(capsys, here, monkeypatch):
    (here / "mine").mkdir()
    for place, stays in (("mine", True), ("new", False)):
        status, _, err = run(capsys, *SMALL, "--classes", 3, "--out", place)
        assert status == 2 and (here / place).exists() is stays, err


@pytest.mark.parametrize("name", ["config.json", "curves.png", "metrics.jsonl"])
def test_C10_a_checkpoint_among_other_files_does_not_go_on_over_them(capsys, here, name):
    assert run(capsys, *SMALL, "--out", "done")[0] == 0
    (here / "mine").mkdir()
    shutil.copy(here / "done/last.npz", here / "mine")
    (here / "mine" / name).write_text('{"mine": true}')
    before = files("mine")
    status, _, err = run(capsys, "--resume", "mine")
    assert status == 2 and "mine holds " in err and "which would write over it" in err
    assert files("mine") == before
    again = re.search(r"--resume .*$", err)[0].split()
    assert run(capsys, *again)[0] == 0 and files("mine") == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_K03_a_directory_that_cannot_be_written_is_refused_at_once(capsys, here):
    (here / "mine").mkdir(mode=0o500)
    assert "cannot write to mine" in run(capsys, *SMALL, "--out", "mine")[2]


# Going back, and a checkpoint that is damaged


@pytest.fixture
def five(make):
    """A run of five epochs, the first of them the best, that was stopped in the last."""
    run = make(recipe=replace(RECIPE, epochs=5))
    run.validate = lambda: {"loss": 1.0, "accuracy": 1 / (1 + run.record.epochs_done)}
    after(run, 18, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(Interrupted):
        run.train()
    return run


def flip_a_weight(path):
    """Flip one bit of an array in a checkpoint."""
    content = bytearray(path.read_bytes())
    weights = checkpoint.load(path)[0]["model/patch.w"].tobytes()
    content[content.index(weights) + 5] ^= 16
    path.write_bytes(content)


def test_K21_last_and_best_are_two_files(make):
    run = make(recipe=replace(RECIPE, val_fraction=0.0, epochs=1))  # every epoch is the best
    run.train()
    last, best = run.directory.last, run.directory.best
    assert last.read_bytes() == best.read_bytes() and not last.samefile(best)


def change_a_weight(path):
    """Make it a sound npz file in which a weight is not that of the hash."""
    arrays, meta = checkpoint.load(path)
    arrays["model/head.b"] += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "_digest", lambda *_: "0" * 64)
        checkpoint.save(path, arrays, meta)


@pytest.mark.parametrize("damage", ["payload", "cut", "text", "gone", "hash"])
def test_K21_a_damaged_last_names_the_best_that_is_sound(make, capsys, damage):
    make(recipe=replace(RECIPE, val_fraction=0.0, epochs=1)).train()
    last = RunDirectory("run").last
    content = last.read_bytes()
    if damage == "payload":
        flip_a_weight(last)
    elif damage == "gone":
        last.unlink()
    elif damage == "hash":
        change_a_weight(last)
    else:
        last.write_bytes({"cut": content[:2000], "text": b"hello"}[damage])
    again = make(recipe=replace(RECIPE, val_fraction=0.0, epochs=1))
    with pytest.raises(CheckpointError, match=r"best\.npz, of epoch 1, is good: .*--resume"):
        again.resume(last)
    again.resume(RunDirectory("run").best)
    again.train()


def test_K21_a_best_from_which_later_epochs_would_be_lost_is_named_with_a_directory(five, make):
    five.directory.last.write_bytes(b"")
    again = make(recipe=replace(RECIPE, epochs=5))
    with pytest.raises(
        CheckpointError, match=r"of epoch 1, is good: .*best\.npz --out .*run-from-1$"
    ):
        again.resume(five.directory.last)
    with pytest.raises(ConfigError, match="would throw away what came after"):
        again.resume(five.directory.best)
    assert len(five.directory.rows()) == 4


@pytest.mark.parametrize("name", ["best.npz", "last.npz", "copy.npz"])
def test_S04_an_older_checkpoint_never_takes_the_newest_ones_place(five, make, name):
    """Also where it was copied over last.npz, and where the newest is of the same epoch."""
    again = make(recipe=replace(RECIPE, epochs=5))
    if name == "copy.npz":  # of the beginning of an epoch in which last.npz is further on
        arrays, meta = checkpoint.load(five.directory.last)
        meta["position"]["step"] = 16
        checkpoint.save(five.directory.path / name, arrays, meta)
    elif name == "last.npz":
        shutil.copy(five.directory.best, five.directory.last)
    before = files("run")
    with pytest.raises(ConfigError, match=r"would throw away what came after .* --out .*run-from-"):
        again.resume(five.directory.path / name)
    assert files("run") == before


def test_K21_a_finished_run_whose_last_is_damaged_says_so(capsys, here):
    assert run(capsys, *SMALL, "--val-fraction", 0, "--out", "a")[0] == 0
    flip_a_weight(Path("a/last.npz"))
    status, out, err = run(capsys, "--resume", "a")
    assert status == 1 and "last.npz is damaged" in err and "a/best.npz, of epoch 2, is good" in err
    assert "complete" not in out


@pytest.mark.parametrize("damage", [flip_a_weight, change_a_weight])
def test_K21_a_best_that_is_damaged_too_is_not_named(make, damage):
    make(recipe=replace(RECIPE, epochs=1)).train()
    directory = RunDirectory("run")
    damage(directory.best)
    directory.last.write_bytes(b"")
    with pytest.raises(CheckpointError) as error:
        make(recipe=replace(RECIPE, epochs=1)).resume(directory.last)
    assert "best" not in str(error.value)


def test_S04_going_back_needs_a_directory_of_its_own(capsys, here):
    assert run(capsys, *SMALL, "--epochs", 3, "--out", "a")[0] == 0
    meta = checkpoint.read_meta("a/best.npz")
    if meta["position"]["epochs_done"] == 3:
        pytest.skip("its last epoch was its best")
    before = files("a")
    status, _, err = run(capsys, "--resume", "a/best.npz")
    assert status == 2 and "would throw away what came after it in a; go back in a " in err
    again = re.search(r"--resume .*$", err)[0].split()
    status, _, err = run(capsys, *again)
    assert (status, err) == (0, "") and files("a") == before
    ours, theirs = checkpoint.load(Path(again[-1]) / "last.npz"), checkpoint.load("a/last.npz")
    assert all((ours[0][name] == theirs[0][name]).all() for name in theirs[0])
    assert RunDirectory(again[-1]).result() == RunDirectory("a").result()
    assert (Path(again[-1]) / "best.npz").exists()


def test_C11_rows_that_were_lost_are_remarked_on(capsys, here):
    assert run(capsys, *SMALL, "--epochs", 3, "--out", "a")[0] == 0
    lines = Path("a/metrics.jsonl").read_text().splitlines(keepends=True)
    Path("a/metrics.jsonl").write_text(lines[0] + lines[2])  # no epoch 2, no result
    status, out, _ = run(capsys, "--resume", "a")
    assert status == 0
    assert "a/metrics.jsonl lacks the rows of 1 epoch, first of epoch 2; the weights are not" in out


def test_S05_classes_that_have_other_names_now_are_other_data(make):
    make().train()
    again = make(data=pictures(classes=("a", "x", "c")))
    with pytest.raises(CheckpointError, match="its classes have other names now: 'b' is now 'x'"):
        again.resume(again.directory.last)


def test_C10_what_is_printed_is_what_this_run_measured(capsys, here, monkeypatch):
    def foreign(*drawn):  # the last that a run does: another result is in its directory by then
        with open("a/metrics.jsonl", "a") as file:
            file.write('{"test_loss": 0.5, "test_accuracy": 0.1234}\n')
        return ""

    monkeypatch.setattr("minivit.training.run.curves.draw", foreign)
    out = run(capsys, *SMALL, "--out", "a")[1]
    own = json.loads(Path("a/metrics.jsonl").read_text().splitlines()[-2])["test_accuracy"]
    assert f"test accuracy {own:.2%}" in out and "12.34%" not in out


# What decides the bits


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("numpy", "2.0.0", "NumPy is"),
        ("kernels", "Prescott", "the matrix library's kernels are"),
        ("blas_threads", 7, "the matrix library's threads are"),
        ("vectors", "X86_V2", "NumPy's vector instructions are"),
    ],
)
def test_S06_other_arithmetic_is_said_and_refused_where_exact(capsys, here, key, value, words):
    pytest.importorskip("threadpoolctl", reason="kernels are known by it")
    assert run(capsys, *SMALL, "--out", "a")[0] == 0
    arrays, meta = checkpoint.load("a/last.npz")
    assert meta["arithmetic"]["numpy"] and "machine" in meta["arithmetic"]
    meta["arithmetic"][key] = value
    checkpoint.save("a/last.npz", arrays, meta)
    metrics = Path("a/metrics.jsonl").read_text()
    Path("a/metrics.jsonl").write_text("".join(metrics.splitlines(keepends=True)[:-1]))
    status, _, err = run(capsys, "--resume", "a", "--exact")
    assert status == 2 and f"--exact: {words}" in err and f"not {value}; undo that" in err
    status, out, _ = run(capsys, "--resume", "a")
    assert status == 0 and re.search(rf"^note: {words} .*, not {value}: .*other bits", out)
    assert "other bits" not in run(capsys, "--resume", "a", "--exact")[1]  # recorded anew


def test_S06_what_cannot_be_found_out_here_is_not_exact(capsys, here, monkeypatch):
    pytest.importorskip("threadpoolctl", reason="kernels are known by it")
    assert run(capsys, *SMALL, "--out", "a")[0] == 0
    Path("a/metrics.jsonl").unlink()
    monkeypatch.setattr(blas, "library", lambda: None)
    status, _, err = run(capsys, "--resume", "a", "--exact")
    assert status == 2 and "--exact: the matrix library, the matrix library's kernels cannot" in err
    assert run(capsys, "--resume", "a")[0] == 0


def test_S06_an_older_checkpoint_goes_on_and_is_not_exact(capsys, here):
    assert run(capsys, *SMALL, "--out", "a")[0] == 0
    Path("a/metrics.jsonl").unlink()
    arrays, meta = checkpoint.load("a/last.npz")
    del meta["arithmetic"]
    checkpoint.save("a/last.npz", arrays, meta)
    assert "does not say what computed it" in run(capsys, "--resume", "a", "--exact")[2]
    status, out, _ = run(capsys, "--resume", "a")
    assert status == 0 and "other bits" not in out
    assert "--exact is for a run that goes on" in run(capsys, *SMALL, "--exact")[2]


def test_S06_without_threadpoolctl_the_threads_are_what_the_environment_says(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert blas.threads() == blas.available_cores()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert blas.threads() == 3
    now = arithmetic.arithmetic(__import__("numpy"), CONFIG)
    assert now["kernels"] is None and now["blas_threads"] == 3
    assert arithmetic.changes({**now, "kernels": "Zen"}, now) == ""  # not known is no difference


# Sentences


def test_S15_out_of_memory_says_how_to_go_on(make):
    run = make()

    def full():
        raise MemoryError("Unable to allocate 3 GiB")

    after(run, 5, full)
    with pytest.raises(MemoryError) as error:
        run.train()
    assert re.search(r"good; continue with: .*--resume .*run$", error.value.__notes__[0])
    again = make()
    again.resume(again.directory.last)
    again.train()


def test_S15_the_command_line_prints_how_to_go_on(capsys, monkeypatch):
    def full(*step):
        raise MemoryError("Unable to allocate 3 GiB")

    monkeypatch.setattr("minivit.training.trainer.Trainer.train_step", full)
    status, _, err = run(capsys, *SMALL, "--out=-x")
    assert status == 1 and err.count("\n") == 1
    assert err.startswith("error: out of memory: Unable to allocate 3 GiB; try smaller sizes")
    assert err.endswith("What was saved is good; continue with: python train.py --resume=-x\n")


@pytest.mark.parametrize("program", ["python train.py", "python -m minivit train", "minivit train"])
def test_S15_the_way_on_is_the_way_the_program_was_started(program, capsys, monkeypatch, tmp_path):
    """By train.py, by the package, and by the console script of an installed one."""

    def full(*step):
        raise MemoryError("Unable to allocate 3 GiB")

    monkeypatch.setattr("minivit.training.trainer.Trainer.train_step", full)
    words = [str(word) for word in (*SMALL, "--out", tmp_path / "x")]
    if program == "python train.py":
        assert exits.run(train.main, words) == 1
    elif program == "python -m minivit train":
        assert exits.run(minivit_main, ["train", *words]) == 1
    else:
        monkeypatch.setattr("sys.argv", ["minivit", "train", *words])
        assert script() == 1
    assert capsys.readouterr().err.endswith(f"continue with: {program} --resume {tmp_path / 'x'}\n")


def test_C15_a_name_that_begins_with_a_dash_can_be_given_again(capsys, here, monkeypatch):
    assert run(capsys, *SMALL, "--out=-x")[0] == 0
    assert run(capsys, *SMALL, "--out=-x")[2].endswith("continue it with --resume=-x\n")
    assert run(capsys, "--resume=-x")[0] == 0


def test_too_many_names_of_classes_are_refused_before_a_step(make):
    names = tuple(f"{i}-{'x' * 200}" for i in range(5200))
    full = pictures()
    dataset = type(full)("pets", names, *[getattr(full, name) for name in full.__annotations__
                                          if name.startswith(("train", "test"))])  # fmt: skip
    assert len(json.dumps(names)) > MOST_NAMES
    with pytest.raises(DataError, match=r"pets: the names of its 5,200 classes have .* shorter"):
        Plan(CONFIG, RECIPE, RunDirectory("run"), dataset="pets").for_data(dataset, {})


@pytest.mark.parametrize("words", [["train.py"], ["-m", "minivit", "train"]])
def test_C03_a_number_of_workers_that_no_machine_has(words, here):
    program = [str(ROOT / words[0])] if words[0] == "train.py" else words
    done = subprocess.run(
        [sys.executable, *program, *SMALL, "--threads", "100000"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "--threads: must be a whole number of at most 1024; got '100000'" in done.stderr


# Checkpoints of older versions, and what is refused


def noise():
    """The data of the checkpoint in fixtures/."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (29, 8, 8, 3), dtype=np.uint8), rng.integers(0, 3, 29)
    return Dataset("noise", ("a", "b", "c"), images[:22], labels[:22], images[22:], labels[22:])


def test_K16_a_checkpoint_that_the_first_version_wrote_is_read_and_goes_on(here):
    predicted = minivit.load(OLD).predict(noise().test_images)
    wanted = [[0.3167, 0.2829, 0.4004], [0.3141, 0.2925, 0.3933]]
    np.testing.assert_allclose(predicted[:2], wanted, atol=2e-4)
    shutil.copy(OLD, here / "last.npz")
    with Workers(1) as workers:
        again = Run(Plan.resumed(here, {"device": "cpu", "dataset": "shapes"}), noise(), workers)
        assert (again.record.epochs_done, again.trainer.step) == (1, 4)
        again.train()
    assert checkpoint.load(here / "last.npz")[1]["position"]["epochs_done"] == 2


def test_S04_more_epochs_are_refused_with_both_numbers(capsys, here):
    assert run(capsys, *SMALL, "--out", "run")[0] == 0
    before = (here / "run/last.npz").read_bytes()
    status, _, err = run(capsys, "--resume", "run", "--epochs", 3)
    assert status == 2 and "epochs is 2, not 3. Leave the option out, or start a new run" in err
    assert run(capsys, "--resume", "run", "--epochs", 2)[1].startswith("run is complete")
    assert (here / "run/last.npz").read_bytes() == before


def test_S07_auto_is_no_word_for_resume(capsys, here):
    status, _, err = run(capsys, "--resume", "auto")
    assert status == 1 and err == "error: there is no checkpoint auto.\n"


def test_D23_a_read_only_directory_of_images_is_not_written_to(here):
    image = pytest.importorskip("PIL.Image", reason="image folders need it: pip install pillow")
    for name in ("a", "b"):
        (here / "set" / name).mkdir(parents=True)
        for number in range(3):
            image.new("RGB", (8, 8), (number, 0, 0)).save(here / f"set/{name}/{number}.png")
    places = [*(here / "set").rglob("*"), here / "set"]
    before = sorted((place, place.stat().st_mtime_ns) for place in places)
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    data.load(str(here / "set"), image_size=8)
    assert sorted((place, place.stat().st_mtime_ns) for place in places) == before
    for place in places:
        place.chmod(0o755)
