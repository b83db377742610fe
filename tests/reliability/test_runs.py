"""Rows of the matrix about checkpoints and resumed runs that no other test proves."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from program import few_shapes, train

import minivit
from minivit import data
from minivit.commands import exits
from minivit.data import Dataset
from minivit.parallel.workers import Workers
from minivit.storage import checkpoint
from minivit.training import run as running
from minivit.training.plan import Plan
from minivit.training.run import Run
from minivit.training.trainer import Trainer

OLD = Path(__file__).with_name("fixtures") / "format-1.npz"
WORDS = "--patch-size 16 --dim 8 --depth 1 --heads 2 --mlp-dim 8 --preset smoke --device cpu"
ON_SHAPES = [*WORDS.split(), *"--threads 1 --dataset shapes --epochs 2 --batch-size 10".split()]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A directory to write in, few shapes, and no curves, which take longer than the training."""
    few_shapes(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running.curves, "draw", lambda *drawn: "")
    return tmp_path


def ended(capsys, *words):
    """`train.py WORDS` -> status, stdout, the one line on stderr."""
    capsys.readouterr()
    status = exits.run(train.main, list(map(str, words)))
    out, err = capsys.readouterr()
    assert err.count("\n") <= 1 and "Traceback" not in err
    return status, out, err


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
    assert ended(capsys, *ON_SHAPES, "--out", "run")[0] == 0
    before = (here / "run/last.npz").read_bytes()
    status, _, err = ended(capsys, "--resume", "run", "--epochs", 3)
    assert status == 2 and "epochs is 2, not 3. Leave the option out, or start a new run" in err
    assert ended(capsys, "--resume", "run", "--epochs", 2)[1].startswith("run is complete")
    assert (here / "run/last.npz").read_bytes() == before


def test_S07_auto_is_no_word_for_resume(capsys, here):
    status, _, err = ended(capsys, "--resume", "auto")
    assert status == 1 and err == "error: there is no checkpoint auto.\n"


@pytest.mark.parametrize("step", [2, 6])
def test_S15_out_of_memory_in_a_step_keeps_the_checkpoint(capsys, here, monkeypatch, step):
    train_step = Trainer.train_step

    def without_memory(trainer, images, targets):
        if trainer.step == step:
            raise MemoryError("Unable to allocate 3.64 TiB")
        train_step(trainer, images, targets)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", without_memory)
        status, _, err = ended(capsys, *ON_SHAPES, "--out", "run")
    assert status == 1 and err.startswith("error: out of memory: Unable to allocate 3.64 TiB; try")
    assert "lower --batch-size" in err
    assert checkpoint.load(here / "run/last.npz")[1]["position"]["step"] == step // 4 * 4
    assert ended(capsys, "--resume", "run")[0] == 0


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
