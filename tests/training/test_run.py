"""A run: stopped anywhere it goes on bit for bit, keeps what is good, looks at the test once."""

import io
import json
import math
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import runs

from minivit import Config
from minivit.data import Dataset
from minivit.errors import CheckpointError, ConfigError, DivergedError, RunError
from minivit.objective import Classification
from minivit.storage import checkpoint
from minivit.storage.directory import RunDirectory
from minivit.training import run
from minivit.training.plan import Plan
from minivit.training.progress import Progress
from minivit.training.recipe import Recipe
from minivit.training.run import Run
from minivit.training.signals import Interrupted, Interrupts

CONFIG = Config(
    image_size=8, patch_size=4, dim=8, depth=1, heads=2, mlp_dim=8, classes=3, dropout=0.2
)
RECIPE = Recipe(epochs=2, batch_size=5, val_fraction=0.2, lr=0.01)  # 4 steps an epoch, one short
EPOCH_KEYS = (
    "epoch step train_loss train_accuracy val_loss val_accuracy lr images_per_second elapsed_s"
)


def pictures(train=22, test=7, seed=0, name="noise"):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (train + test, 8, 8, 3), dtype=np.uint8)
    labels = rng.integers(0, 3, train + test)
    parts = (images[:train], labels[:train], images[train:], labels[train:])
    return Dataset(name, ("a", "b", "c"), *parts)


DATA, DRAW = pictures(), run.curves.draw
left_behind = partial(runs.left_behind, description=False)


pytestmark = pytest.mark.usefixtures("no_curves")


@pytest.fixture
def make(workers, tmp_path):
    def make(name="run", config=CONFIG, recipe=RECIPE, data=DATA):
        return Run(Plan(config, recipe, RunDirectory(tmp_path / name)), data, workers)

    return make


def resumed(make, name="run", **changes):
    again = make(name, **changes)
    again.resume(again.directory.last)
    return again


def at_step(started, step, action):
    """Do `action()` after the given step."""
    train_step = started.trainer.train_step

    def then(images, labels):
        train_step(images, labels)
        if started.trainer.step == step:
            action()

    started.trainer.train_step = then


def interrupt():
    signal.raise_signal(signal.SIGINT)


@pytest.fixture
def whole(make):
    """What a run without a break leaves behind."""
    unbroken = make("whole")
    unbroken.train()
    return left_behind(unbroken.directory)


@pytest.mark.parametrize("step", range(1, 9))
def test_stopped_at_any_step_it_goes_on_bit_for_bit(make, whole, step):
    first = make()
    at_step(first, step, interrupt)
    with pytest.raises(Interrupted, match=f"after step {step} of 8.*--resume .*run") as stop:
        first.train()
    assert stop.value.status == 130
    assert checkpoint.read_meta(first.directory.last)["position"]["step"] == step
    resumed(make).train()
    assert left_behind(first.directory) == whole


def test_stopped_again_and_again(make, whole):
    for step in (1, 3, 4, 6):
        part = resumed(make) if step > 1 else make()
        at_step(part, step, interrupt)
        with pytest.raises(Interrupted):
            part.train()
    last = resumed(make)
    last.train()
    assert left_behind(last.directory) == whole


@pytest.mark.parametrize("optimizer", ["sgd", "muon"])
def test_other_optimizers_go_on_bit_for_bit_too(make, optimizer):
    recipe = Recipe(**{**RECIPE.to_dict(), "optimizer": optimizer})
    unbroken, first = make("whole", recipe=recipe), make(recipe=recipe)
    unbroken.train()
    at_step(first, 3, interrupt)
    with pytest.raises(Interrupted):
        first.train()
    resumed(make, recipe=recipe).train()
    assert left_behind(first.directory) == left_behind(unbroken.directory)


@pytest.mark.parametrize("epoch", [1, 2])
def test_stopped_in_validation(make, whole, epoch):
    """The epoch is completed and saved; after the last one only the test is left to do."""
    first = make()
    validate, calls = first.validate, []

    def stopped():
        calls.append(1)
        if len(calls) == epoch:
            interrupt()
        return validate()

    first.validate = stopped
    with pytest.raises(Interrupted, match=f"after step {4 * epoch} of 8"):
        first.train()
    assert len(first.directory.rows()) == epoch and first.directory.result() is None
    resumed(make).train()
    assert left_behind(first.directory) == whole


@pytest.mark.parametrize("saves", [2, 3])
def test_killed_while_an_epoch_is_being_written(make, whole, monkeypatch, saves):
    """Its row is there and its checkpoint is not: the epoch is done again, with one row."""
    save, done = checkpoint.save, []

    def killed(*args):
        done.append(args)
        if len(done) == saves:
            raise KeyboardInterrupt
        save(*args)

    first = make()
    monkeypatch.setattr(checkpoint, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        first.train()
    monkeypatch.setattr(checkpoint, "save", save)
    assert len(first.directory.rows()) == saves - 1
    resumed(make).train()
    assert left_behind(first.directory) == whole


def test_a_line_cut_off_is_repaired(make, whole):
    first = make()
    at_step(first, 6, interrupt)
    with pytest.raises(Interrupted):
        first.train()
    for junk in (b'{"epoch": 2, "st', b'[1]\n{"epoch": "x"}\n{"epoch": 1}\n7\n', b"\xff\x00\n"):
        with open(first.directory.metrics, "ab") as file:
            file.write(junk)
        resumed(make)
    resumed(make).train()
    assert left_behind(first.directory) == whole


def test_what_a_killed_run_left_half_written_is_removed(make, whole):
    first = make()
    first.directory.path.mkdir()
    for name in ("best.npz", "last.npz", "metrics.jsonl"):
        (first.directory.path / f".minivit-{name}-0123abcd.tmp").write_bytes(b"half")
    first.train()
    assert not list(first.directory.path.glob(".*"))
    assert left_behind(first.directory) == whole


def test_metrics_that_cannot_be_written_say_how_to_go_on(make):
    first = make()
    first.directory.metrics.mkdir(parents=True)
    with pytest.raises(RunError, match=r"cannot write .*metrics.jsonl: .*--resume .*run$"):
        first.train()


def test_a_second_signal_stops_at_once(make):
    first = make()
    at_step(first, 6, lambda: (interrupt(), interrupt()))
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match=r"^stopped at once; continue with: .* --resume .*run$"):
        first.train()
    assert checkpoint.load(first.directory.last)[1]["position"]["step"] == 4
    assert signal.getsignal(signal.SIGINT) is before
    assert not [thread for thread in threading.enumerate() if thread.name == "batches"]


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_more_signals_on_the_way_out_change_nothing(make, whole, monkeypatch):
    first = make()

    def prefetch(iterator):
        try:
            yield from iterator
        finally:
            for _ in range(3 * (first.trainer.step == 6)):  # a key held down, on the way out
                interrupt()

    monkeypatch.setattr(run.batches, "prefetch", prefetch)
    at_step(first, 6, interrupt)
    with pytest.raises(Interrupted, match="stopped after step 6 of 8"):
        first.train()
    monkeypatch.undo()
    monkeypatch.setattr(run.curves, "draw", lambda *drawn: "")
    resumed(make).train()
    assert left_behind(first.directory) == whole


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_a_terminal_that_is_closed_ends_a_run_unless_it_was_to_go_on(make, whole):
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    try:
        first = make()
        at_step(first, 3, lambda: signal.raise_signal(signal.SIGHUP))
        with pytest.raises(Interrupted, match="stopped after step 3 of 8") as stop:
            first.train()
        assert stop.value.status == 128 + signal.SIGHUP
        again = resumed(make)
        at_step(again, 6, lambda: signal.raise_signal(signal.SIGHUP))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        again.train()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert left_behind(first.directory) == whole


def test_a_run_in_a_thread_needs_no_signals(make, whole):
    started = make()
    thread = threading.Thread(target=started.train)
    thread.start()
    thread.join()
    assert left_behind(started.directory) == whole


def test_what_a_run_leaves(make, monkeypatch):
    pytest.importorskip("matplotlib", reason="curves need it: pip install matplotlib")
    monkeypatch.setattr(run.curves, "draw", DRAW)
    started = make()
    loss, accuracy = started.train().values()
    names = ("best.npz", "config.json", "curves.png", "last.npz", "metrics.jsonl")
    assert tuple(sorted(path.name for path in started.directory.path.iterdir())) == names
    assert started.directory.curves.read_bytes().startswith(b"\x89PNG")
    *rows, last = map(json.loads, started.directory.metrics.read_text().splitlines())
    assert [list(row) for row in rows] == [EPOCH_KEYS.split()] * 2
    assert [(row["epoch"], row["step"]) for row in rows] == [(1, 4), (2, 8)]
    assert last == {"test_loss": loss, "test_accuracy": accuracy} == started.directory.result()
    for row in rows:
        assert 0 <= row["train_accuracy"] <= 1 and 0 <= row["val_accuracy"] <= 1
        assert all(math.isfinite(value) for value in row.values())
    described = json.loads(started.directory.config.read_text())
    assert described["model"] == CONFIG.to_dict() and described["recipe"] == RECIPE.to_dict()
    assert described["dataset"]["name"] == "noise" and len(described["dataset"]["mean"]) == 3


def test_the_test_set_is_looked_at_once_and_decides_nothing(make, whole):
    other = pictures()
    other.test_images[...] = 0
    started = make(data=other)
    measured = []
    evaluate = started.trainer.evaluate
    started.trainer.evaluate = lambda *args: measured.append(len(args[0])) or evaluate(*args)
    started.train()
    assert measured == [4, 4, 7]  # validation after each of two epochs, then the test
    (rows, files), (rows_whole, files_whole) = left_behind(started.directory), whole
    assert rows[:-1] == rows_whole[:-1] and files == files_whole


def test_validation_is_apart_from_training(make):
    started = make()
    assert not set(started.training) & set(started.validation)
    assert len(started.training) == 18 and len(started.validation) == 4
    mean = DATA.train_images[started.training].mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(started.mean, mean, atol=1e-6)  # of what is trained on, no more


def test_best_is_kept_and_the_first_of_equals(make):
    recipe = Recipe(**{**RECIPE.to_dict(), "epochs": 4})
    started = make(recipe=recipe)
    accuracies = [0.25, 0.75, 0.75, 0.5]
    started.validate = lambda: {"loss": 1.0, "accuracy": accuracies[started.record.epochs_done]}
    at_step(started, 10, interrupt)
    with pytest.raises(Interrupted):
        started.train()
    again = resumed(make, recipe=recipe)
    again.validate = lambda: {"loss": 1.0, "accuracy": accuracies[again.record.epochs_done]}
    again.train()
    done = [checkpoint.load(path)[1]["position"]["epochs_done"]
            for path in (again.directory.best, again.directory.last)]  # fmt: skip
    assert done == [2, 4]


def test_without_validation_the_best_is_the_last(make):
    started = make(recipe=Recipe(**{**RECIPE.to_dict(), "val_fraction": 0.0}))
    started.train()
    assert started.directory.best.read_bytes() == started.directory.last.read_bytes()
    row = started.directory.rows()[0]
    assert row["val_loss"] is None and row["val_accuracy"] is None and row["step"] == 5


def test_a_batch_larger_than_the_data_is_one_short_step(make):
    started = make(recipe=Recipe(epochs=1, batch_size=1000, val_fraction=0.2))
    started.train()
    assert started.directory.rows()[0]["step"] == 1


def test_a_split_that_leaves_nothing_is_refused(make):
    with pytest.raises(ConfigError, match=r"val_fraction 0\.9 leaves none of the 1 training"):
        make(data=pictures(train=1), recipe=Recipe(val_fraction=0.9))


def poison(started):
    started.trainer.params["head"]["b"][...] = np.nan


@pytest.mark.parametrize(("step", "kept"), [(2, 0), (4, 0), (5, 4), (8, 4)])
def test_a_loss_that_is_lost_stops_the_run_and_names_the_step(make, step, kept):
    """Weights spoilt after a step show in the next loss; after an epoch's last step, at once."""
    started = make()
    at_step(started, step, lambda: poison(started))
    named = step if step % 4 == 0 else step + 1
    with pytest.raises(DivergedError, match=rf"not? .*finite at step {named} of 8.*last\.npz"):
        started.train()
    arrays, meta = checkpoint.load(started.directory.last)
    assert meta["position"]["step"] == kept
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert len(started.directory.rows()) == kept // 4


@pytest.mark.filterwarnings("error")
def test_a_learning_rate_out_of_bounds_diverges(make):
    started = make(recipe=Recipe(epochs=2, batch_size=5, lr=1e30))
    with pytest.raises(DivergedError, match=r"at step [12] of"):
        started.train()
    checkpoint.load(started.directory.last)


def test_interrupted_after_the_loss_was_lost_saves_nothing(make):
    started = make()
    at_step(started, 2, lambda: poison(started))
    at_step(started, 3, interrupt)
    with pytest.raises(DivergedError, match="at step 3"):
        started.train()
    assert checkpoint.load(started.directory.last)[1]["position"]["step"] == 0


def test_an_error_while_preparing_batches_comes_out(make, monkeypatch):
    def broken(images, rng, padding):
        raise OSError("no such picture")

    monkeypatch.setattr("minivit.data.augment.prepare.crop_and_flip", broken)
    with pytest.raises(OSError, match="no such picture"):
        make().train()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"config": Config(**{**CONFIG.to_dict(), "dim": 16})},
            "model.dim: checkpoint 8, asked 16",
        ),
        (
            {"recipe": Recipe(**{**RECIPE.to_dict(), "lr": 0.5})},
            "recipe.lr: checkpoint 0.01, asked",
        ),
        (
            {"data": pictures(seed=1)},
            "trained on noise, and the images or labels of noise have chan",
        ),
        ({"data": pictures(name="fog", seed=1)}, "trained on noise, and the data given now is fog"),
    ],
)
def test_only_the_same_run_is_resumed(make, changes, sentence):
    started = make()
    started.train()
    other = make(**changes)
    before = other.trainer.vector.tobytes(), left_behind(other.directory)
    with pytest.raises(CheckpointError, match=sentence) as refused:
        other.resume(other.directory.last)
    assert "\n" not in str(refused.value) and "last.npz" in str(refused.value)
    assert (other.trainer.vector.tobytes(), left_behind(other.directory)) == before


def test_the_same_pictures_under_another_name_are_the_same_data(make, whole):
    """A directory may be moved: what counts is what is in it."""
    first = make()
    at_step(first, 2, interrupt)
    with pytest.raises(Interrupted):
        first.train()
    again = resumed(make, data=pictures(name="moved"))
    again.train()
    assert left_behind(again.directory) == whole


def test_going_back_to_the_best_is_for_a_directory_of_its_own(make):
    started = make()
    started.validate = lambda: {"loss": 1.0, "accuracy": 1.0 - started.record.epochs_done}
    started.train()
    before = left_behind(started.directory)
    with pytest.raises(ConfigError, match=r"of epoch 1, would throw away .*--out .*run-from-1$"):
        make().resume(started.directory.best)
    assert left_behind(started.directory) == before
    again = make("elsewhere")
    again.resume(started.directory.best)
    assert again.directory.rows() == []  # as its first step may never come: written by `train`
    assert again.trainer.step == 4 and again.directory.result() is None
    again.validate = lambda: {"loss": 1.0, "accuracy": 1.0 - again.record.epochs_done}
    again.train()
    assert left_behind(again.directory) == left_behind(started.directory) == before


def test_a_place_that_cannot_be_written_fails_before_the_first_step(make, tmp_path):
    (tmp_path / "file").write_text("")
    started = make("file/run")
    started.trainer.train_step = None
    with pytest.raises(CheckpointError, match="Not a directory"):
        started.train()


def test_numbered_directories(tmp_path):
    assert RunDirectory.numbered(tmp_path / "runs", "a").path.name == "a-1"
    with ThreadPoolExecutor(8) as pool:  # runs that start in the same moment share none
        made = list(pool.map(lambda _: RunDirectory.numbered(tmp_path / "runs", "a"), range(20)))
    assert sorted(int(run.path.name[2:]) for run in made) == list(range(2, 22))
    assert all(run.path.is_dir() for run in made)
    (tmp_path / "file").write_text("")
    (tmp_path / "unmounted").symlink_to(tmp_path / "nowhere")
    for place in ("file", "unmounted", "file/below"):
        with pytest.raises(RunError, match=rf"cannot make .*{place}: .*; name .* with --out\."):
            RunDirectory.numbered(tmp_path / place, "a")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stdout", [Terminal, io.StringIO])
def test_a_bar_only_where_nothing_else_writes(monkeypatch, stdout):
    bar, lines = Terminal(), stdout()
    monkeypatch.setattr("sys.stdout", lines)
    shown = Progress(lambda step: step / 4, 0, 4, Classification(3), bar)
    for step in range(1, 5):
        shown.update("1/1", step, {"loss": 2.0, "accuracy": 0.5}, 9.0)
    shown.line("epoch 1/1")
    shown.close()
    assert lines.getvalue().endswith("epoch 1/1\n")
    assert ("loss 2.000" in bar.getvalue()) is (stdout is Terminal)
    assert ("loss 2.000" in lines.getvalue()) is not (stdout is Terminal)


def test_no_bar_where_the_streams_were_closed(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    shown = Progress(lambda step: step / 4, 0, 4, Classification(3))
    shown.update("1/1", 4, {"loss": 2.0, "accuracy": 0.5}, 9.0)
    shown.close()


@pytest.mark.parametrize("name", ["a $\\broken{ $x$", "\udcfc", "\u732b"])
def test_any_name_can_stand_above_the_curves(tmp_path, name):
    pytest.importorskip("matplotlib", reason="curves need it: pip install matplotlib")
    row = dict.fromkeys(EPOCH_KEYS.split(), 1)
    assert DRAW([row], tmp_path / "curves.png", name, Classification(3)) == ""
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "cannot write" in DRAW(
        [row], tmp_path / "curves.png" / "below.png", name, Classification(3)
    )


def test_new_directories(tmp_path, make):
    (tmp_path / ".hidden").write_text("")
    assert RunDirectory.new(tmp_path).path == tmp_path
    (tmp_path / "notes.txt").write_text("")
    make().train()
    for taken in (tmp_path, tmp_path / "run", tmp_path / "notes.txt"):
        with pytest.raises(ConfigError, match=r"already holds a run|is a file|are no run \(notes"):
            RunDirectory.new(taken)


def test_a_batch_larger_than_all_images_takes_no_more_room_than_they(make):
    run = make(recipe=replace(RECIPE, batch_size=10**7))
    assert run.trainer.recipe.batch_size == len(run.training) == 18 and run.trainer.steps == 2


def test_rows_of_the_old_run_are_written_once(make):
    """A run that goes on may be stopped and trained on by its caller: its new rows stay."""
    started = make()
    started.train()
    again = make("elsewhere")
    again.resume(started.directory.best)
    again.record.begin()
    again.directory.write_rows([])
    again.record.begin()
    assert again.directory.rows() == []


def test_a_signal_that_another_rank_got_before_is_not_a_second_one():
    """A scheduler tells all ranks, a moment apart; two at this rank mean "at once"."""
    with Interrupts() as stop:
        stop.follow(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert stop.number == signal.SIGTERM and not stop.leaving
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    with Interrupts() as stop:
        signal.raise_signal(signal.SIGINT)
        stop.follow(signal.SIGTERM)
        assert stop.number == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
