"""`python train.py` as users see it: what it prints, what it refuses, how it ends."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from program import ROOT, few_shapes, train

from minivit.__main__ import main as minivit
from minivit.commands import exits
from minivit.data.sources import cifar, published, shapes
from minivit.storage import checkpoint
from minivit.storage.lock import locked
from minivit.training import plan

SIZES = ["--patch-size", "16", "--dim", "8", "--depth", "1", "--heads", "2", "--mlp-dim", "8"]
SMALL = [*SIZES, "--preset", "smoke", "--device", "cpu", "--threads", "1"]
ON_SHAPES = [*SMALL, "--dataset", "shapes", "--epochs", "1", "--batch-size", "10"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A directory to write in, no data elsewhere, and shapes of which there are few."""
    few_shapes(monkeypatch)
    monkeypatch.delenv("MINIVIT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, for tests to copy."""
    with pytest.MonkeyPatch.context() as patch:
        few_shapes(patch)
        out = tmp_path_factory.mktemp("runs") / "done"
        assert exits.run(train.main, [*ON_SHAPES, "--out", str(out)]) == 0
    return out


@pytest.fixture
def done(finished, here):
    """A finished run in this test's own directory, under the name "done"."""
    return Path(shutil.copytree(finished, here / "done"))


def run(capsys, *words):
    """`train.py WORDS` -> status, stdout, stderr."""
    capsys.readouterr()
    status = exits.run(train.main, [str(word) for word in words])
    return status, *capsys.readouterr()


def refused(capsys, status, sentence, *words):
    """Check that it ends with this status and with one line on stderr that has the sentence."""
    got, _, err = run(capsys, *words)
    assert err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err
    assert sentence in err, err
    assert got == status
    return err


def write_pictures(folder, classes=("cat", "dog"), count=20, side=8):
    """DIR/CLASS/0.png, ...: pictures of noise, some classes darker than others."""
    image = pytest.importorskip("PIL.Image", reason="image folders need it: pip install pillow")
    rng = np.random.default_rng(0)
    for brightness, name in enumerate(classes, 1):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 120 * brightness, (side, side, 3), dtype=np.uint8)
            image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def test_the_last_lines_are_the_result_and_the_place(capsys, here):
    status, out, err = run(capsys, *ON_SHAPES)
    *_, result, place = out.splitlines()
    assert status == 0 and err == ""
    assert re.fullmatch(r"shapes test accuracy \d+\.\d\d% \(loss \d\.\d+, final weights\)", result)
    assert place == "weights, metrics and curves are in runs/shapes-smoke-1"
    assert "\r" not in out and "\x1b" not in out
    assert "36 training, 4 validation, 12 test images, 10 classes" in out
    assert re.search(r"epoch +1/1 +train loss \d\.\d+ acc +\d+\.\d\d% +val loss", out)
    assert (here / "runs/shapes-smoke-1/last.npz").exists()
    assert run(capsys, *ON_SHAPES)[1].endswith("runs/shapes-smoke-2\n")  # never the same place


def test_a_directory_of_pictures(capsys, here):
    write_pictures(here / "pets")
    words = [*SMALL, "--image-size", 8, "--patch-size", 4, "--epochs", 1, "--dataset", "pets/"]
    status, out, _ = run(capsys, *words)
    assert status == 0 and "2 classes" in out
    assert re.search(r"^pets test accuracy \d+\.\d\d%", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--patch-size", "5"], "patch_size must divide image_size: 32 is not a multiple of 5"),
        (["--dim", "10", "--heads", "4"], "heads must divide dim: 10 is not a multiple of 4"),
        (["--dataset", "cifr10"], "unknown data set 'cifr10'; did you mean 'cifar10'?"),
        (["--preset", "tinny"], "unknown preset 'tinny'; did you mean 'tiny'?"),
        (["--optimizer", "adam"], "unknown optimizer 'adam'; did you mean 'adamw'?"),
        (["--device", "gp"], "unknown device 'gp'; did you mean 'gpu'?"),
        (["--dataset", ""], "--dataset: must not be empty"),
        (["--out", ""], "--out: must not be empty"),
        (["--out=--"], "--out: a value is missing"),
        (["--resume", ""], "--resume: must not be empty"),
        (["--device", "cuda"], "unknown device 'cuda'; did you mean 'gpu'?"),
        (["--pool", "men"], "unknown pool 'men'; did you mean 'mean'?"),
        (["--gelu", "tan"], "unknown gelu 'tan'; did you mean 'tanh'?"),
        (["--epoch", "3"], "unknown option --epoch; did you mean --epochs?"),
        (["--batchsize=3"], "unknown option --batchsize; did you mean --batch-size?"),
        (["--learning-rate", "1"], "unknown option --learning-rate; did you mean --lr?"),
        (["--lr", "nan"], "--lr: must be a finite number above 0; got 'nan'"),
        (["--lr", "-0.1"], "--lr: must be a finite number above 0; got '-0.1'"),
        (["--lr", "0"], "--lr: must be a finite number above 0; got '0'"),
        (["--weight-decay", "inf"], "--weight-decay: must be a finite number of at least 0"),
        (["--warmup", "1.5"], "--warmup: must be a finite number of at least 0 and at most 1"),
        (["--smoothing", "1"], "--smoothing: must be a finite number of at least 0 and at most"),
        (["--val-fraction", "nan"], "--val-fraction: must be a finite number"),
        (["--dropout", "1"], "--dropout: must be a finite number of at least 0 and below 1"),
        (["--epochs", "-3"], "--epochs: must be a whole number of at least 1; got '-3'"),
        (["--epochs", "1.5"], "--epochs: must be a whole number of at least 1; got '1.5'"),
        (["--batch-size", "0"], "--batch-size: must be a whole number of at least 1; got '0'"),
        (["--seed", "-1"], "--seed: must be a whole number of at least 0; got '-1'"),
        (["--threads", "0"], "--threads: must be a whole number of at least 1; got '0'"),
        (["--depth", "0"], "--depth: must be a whole number of at least 1; got '0'"),
        (["--image-size", "64"], "--image-size 64: shapes has 32"),
        (["--classes", "7"], "--classes 7: shapes has 10"),
        (["--channels", "1"], "--channels 1: shapes has 3"),
    ],
)
def test_wrong_usage_exits_with_2(capsys, here, words, sentence):
    refused(capsys, 2, sentence, *ON_SHAPES, *words)
    assert not (here / "runs").exists()


def test_a_gpu_that_is_not_there(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    refused(capsys, 1, "no GPU can be used: CuPy is not installed; pip", "--device", "gpu")


def test_folders_that_are_no_data(capsys, here):
    (here / "empty").mkdir()
    refused(capsys, 1, "empty has no images in class directories", "--dataset", "empty")
    write_pictures(here / "pets", count=2)
    (here / "pets/newt").mkdir()
    refused(capsys, 1, "pets/newt has no images", "--dataset", "pets")
    shutil.rmtree(here / "pets/newt")
    picture = here / "pets/dog/1.png"
    picture.write_bytes(picture.read_bytes()[:60])
    refused(capsys, 1, "pets/dog/1.png cannot be read", "--dataset", "pets", "--image-size", 8)


def test_data_that_is_missing_or_cut_short(capsys, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    refused(capsys, 1, "CIFAR-10 is not in", "--dataset", "cifar10", "--data-dir", here)
    folder = here / "cifar-10-batches-bin"
    folder.mkdir()
    for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
        (folder / name).write_bytes(bytes(3073 + 100))
    for name in ("cifar10", "auto"):  # damaged data is not passed over in silence
        refused(capsys, 1, "data_batch_1.bin has 3,173 b", "--dataset", name, "--data-dir", here)


def test_a_run_is_never_written_over(capsys, done):
    before = {path.name: path.read_bytes() for path in done.iterdir()}
    refused(capsys, 2, "--out done already holds a run", *ON_SHAPES, "--out", "done")
    refused(capsys, 2, "--out done/last.npz is a file", *ON_SHAPES, "--out", "done/last.npz")
    assert {path.name: path.read_bytes() for path in done.iterdir()} == before


def test_a_finished_run_says_so_and_is_left_alone(capsys, done):
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in done.iterdir()}
    for words in (["done"], ["done/last.npz"], ["done", "--out", "done", "--dim", "8"]):
        status, out, err = run(capsys, "--resume", *words)
        assert (status, err) == (0, "")
        complete, result, place = out.splitlines()
        assert complete == "done is complete: 1 of 1 epochs done"
        assert result.startswith("shapes test accuracy ") and place.endswith(" done")
    assert before == {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in done.iterdir()
    }


def unfinish(done):
    """Remove the test result, as if the run had been stopped before it."""
    lines = (done / "metrics.jsonl").read_text().splitlines(keepends=True)
    (done / "metrics.jsonl").write_text("".join(lines[:-1]))


def test_a_run_stopped_before_its_test_goes_on(capsys, done):
    recorded = (done / "metrics.jsonl").read_text()
    unfinish(done)
    status, out, _ = run(capsys, "--resume", "done", "--device", "cpu")
    assert status == 0 and "is complete" not in out
    assert (done / "metrics.jsonl").read_text() == recorded


def test_resuming_what_cannot_be_resumed(capsys, done, here):
    refused(capsys, 1, "nowhere", "--resume", "nowhere")
    (here / "empty").mkdir()
    refused(capsys, 1, "empty/last.npz", "--resume", "empty")
    (here / "text.npz").write_text("hello")
    refused(capsys, 1, "text.npz is not a minivit checkpoint", "--resume", "text.npz")
    refused(capsys, 2, ", not 0.5. Leave the option out", "--resume", "done", "--lr", "0.5")
    refused(capsys, 2, "depth is 1, not 3", "--resume", "done", "--depth", "3")
    refused(capsys, 2, "preset is smoke, not tiny", "--resume", "done", "--preset", "tiny")
    arrays, meta = checkpoint.load(done / "last.npz")
    checkpoint.save(here / "weights.npz", arrays, {"model": meta["model"]})
    refused(capsys, 1, "weights.npz holds no run to go on with", "--resume", "weights.npz")
    meta["model"]["depth"] = 2
    checkpoint.save(here / "other.npz", arrays, meta)
    refused(
        capsys,
        1,
        "other.npz holds another model than it says: missing 12: block1",
        "--resume",
        "other.npz",
    )


def test_a_run_of_another_version_is_neither_gone_on_with_nor_written_over(capsys, done, here):
    assert run(capsys, *ON_SHAPES, "--seed", 1, "--out", "other")[0] == 0
    shutil.copy(here / "other/last.npz", done / "copy.npz")
    config = json.loads((done / "config.json").read_text())
    config["recipe"]["sharpness"] = 0.5
    (done / "config.json").write_text(json.dumps(config))
    refused(capsys, 2, "done holds another run than", "--resume", "done/copy.npz")
    for name in ("last.npz", "best.npz"):
        arrays, meta = checkpoint.load(done / name)
        meta["recipe"]["sharpness"] = 0.5
        checkpoint.save(done / name, arrays, meta)
    sentence = "done/last.npz was made by another version of minivit, one with sharpness: go on"
    assert "best.npz" not in refused(capsys, 1, sentence, "--resume", "done")


def as_it_was_written_before(values):
    """A run's description with the names that its early steps had before."""
    recipe = {name.replace("early_", "first_"): v for name, v in values["recipe"].items()}
    return {**values, "recipe": recipe}


def test_a_run_that_was_written_under_older_names_goes_on(capsys, here):
    words = [*ON_SHAPES, "--first-drop", 0.5, "--early-share", 0.25, "--out", "old"]
    assert run(capsys, *words)[0] == 0
    recorded, config = (here / "old/metrics.jsonl").read_text(), here / "old/config.json"
    new = json.loads(config.read_text())
    assert (new["recipe"]["early_drop"], new["recipe"]["early_share"]) == (0.5, 0.25)
    config.write_text(json.dumps(as_it_was_written_before(new)))
    assert "first_drop" in config.read_text()
    for name in ("last.npz", "best.npz"):
        arrays, meta = checkpoint.load(here / "old" / name)
        checkpoint.save(here / "old" / name, arrays, as_it_was_written_before(meta))
    unfinish(here / "old")
    sentence = "early_drop is 0.5, not 0.25"
    refused(capsys, 2, sentence, "--resume", "old", "--first-drop", 0.25)
    assert run(capsys, "--resume", "old", "--first-drop", 0.5)[0] == 0
    assert (here / "old/metrics.jsonl").read_text() == recorded
    assert json.loads(config.read_text()) == new
    assert checkpoint.read_meta(here / "old/last.npz")["recipe"] == new["recipe"]


def on_a_gpu(directory):
    """Change a run's last checkpoint so that it says that a GPU made it."""
    arrays, meta = checkpoint.load(directory / "last.npz")
    checkpoint.save(directory / "last.npz", arrays, {**meta, "device": "gpu"})


def test_a_run_goes_on_where_it_was_begun(capsys, done, monkeypatch):
    unfinish(done)
    asked = []
    select = plan.select
    monkeypatch.setattr(plan, "select", lambda device: asked.append(device) or select("cpu"))
    assert run(capsys, "--resume", "done")[0] == 0
    assert asked == ["cpu"]
    for words in ([], ["--device", "cpu"]):
        unfinish(done)
        on_a_gpu(done)
        run(capsys, "--resume", "done", *words)
    assert asked == ["cpu", "gpu", "cpu"]


def test_a_finished_run_is_told_where_its_device_is_not(capsys, done):
    on_a_gpu(done)
    status, out, _ = run(capsys, "--resume", "done")
    assert status == 0 and "done is complete: 1 of 1 epochs done" in out


def test_a_result_is_not_thrown_away(capsys, done, here):
    arrays, meta = checkpoint.load(done / "best.npz")
    meta["position"]["epochs_done"] = 0  # as if of an earlier epoch
    checkpoint.save(done / "best.npz", arrays, meta)
    before = {path.name: path.read_bytes() for path in done.iterdir()}
    sentence = "would throw away what came after it in done; go back in a directory of its own: "
    err = refused(capsys, 2, sentence, "--resume", "done/best.npz")
    assert err.endswith(": --resume done/best.npz --out done-from-0\n")
    assert {path.name: path.read_bytes() for path in done.iterdir()} == before


@pytest.mark.skipif(os.name == "nt", reason="directories cannot be locked there")
def test_two_processes_never_train_in_one_directory(capsys, done):
    unfinish(done)
    before = {path.name: path.read_bytes() for path in done.iterdir()}
    with locked(done):
        refused(capsys, 1, "another process is training in done: let it", "--resume", "done")
    assert {path.name: path.read_bytes() for path in done.iterdir()} == before
    assert run(capsys, "--resume", "done")[0] == 0


def test_a_last_checkpoint_alone_is_measured_again(capsys, done, here):
    (here / "alone").mkdir()
    shutil.copy(done / "last.npz", here / "alone")
    status, out, _ = run(capsys, "--resume", "alone")
    assert status == 0 and "no curves drawn: metrics.jsonl holds no epochs" in out
    assert (done / "metrics.jsonl").read_text().endswith((here / "alone/metrics.jsonl").read_text())


def test_resuming_on_other_data(capsys, done, here, monkeypatch):
    unfinish(done)
    load = shapes.load
    monkeypatch.setattr(shapes, "load", lambda seed: load(seed + 1))
    sentence = "trained on shapes, and the images or labels of shapes have changed since"
    refused(capsys, 1, sentence, "--resume", "done")
    write_pictures(here / "pets", side=32)
    sentence = "trained on shapes, and the data given now is pets"
    refused(capsys, 1, sentence, "--resume", "done", "--dataset", "pets")


def test_a_run_on_pictures_goes_on_from_any_directory(capsys, here, monkeypatch):
    write_pictures(here / "pets")
    words = [*SMALL, "--image-size", 8, "--patch-size", 4, "--epochs", 1, "--dataset", "pets"]
    assert run(capsys, *words, "--out", "run")[0] == 0
    recorded = (here / "run/metrics.jsonl").read_text()
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    unfinish(here / "run")
    assert run(capsys, "--resume", "../run")[0] == 0
    assert (here / "run/metrics.jsonl").read_text() == recorded
    (here / "pets").rename(here / "moved")
    unfinish(here / "run")
    sentence = f"{here / 'pets'}, which is not there: give their directory with --dataset DIR."
    refused(capsys, 1, sentence, "--resume", "../run")
    assert run(capsys, "--resume", "../run", "--dataset", "../moved")[0] == 0
    assert (here / "run/metrics.jsonl").read_text() == recorded


def test_a_lost_checkpoint_names_the_one_that_is_left(capsys, done):
    (done / "last.npz").write_bytes((done / "last.npz").read_bytes()[:1000])
    sentence = "copy it again. done/best.npz, of epoch 1, is good: name it as the model, or go on"
    refused(capsys, 1, sentence, "--resume", "done")
    (done / "last.npz").unlink()
    refused(capsys, 1, "--resume done/best.npz", "--resume", "done")
    (done / "best.npz").write_text("")
    assert "best" not in refused(capsys, 1, "no checkpoint done/last.npz", "--resume", "done")


def test_a_checkpoint_never_goes_on_over_another_run(capsys, done, here):
    assert run(capsys, *ON_SHAPES, "--seed", 1, "--out", "other")[0] == 0
    shutil.copy(done / "last.npz", here / "other/copy.npz")
    before = {path.name: path.read_bytes() for path in (here / "other").iterdir()}
    refused(capsys, 2, "other holds another run than", "--resume", "other/copy.npz")
    assert {path.name: path.read_bytes() for path in (here / "other").iterdir()} == before


def test_a_missing_library_is_said_before_anything_is_written(capsys, here, monkeypatch):
    for name in ("scipy", "scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    refused(capsys, 1, "needs SciPy: pip install scipy", *ON_SHAPES, "--gelu", "erf")
    assert not (here / "runs").exists()


def test_what_cannot_begin_leaves_nothing_behind(capsys, here):
    write_pictures(here / "pets", count=2)
    words = [*SMALL, "--dataset", "pets", "--image-size", 16, "--val-fraction", 0.9]
    for place in ([], ["--out", "run"]):
        refused(capsys, 2, "leaves none of the 2 training images", *words, *place)
    assert not [*here.glob("run*/*")] and not (here / "run").exists()


def test_capitals_and_counts_of_one(capsys, here):
    words = [*ON_SHAPES, "--batch-size", "100", "--dataset", "Shapes"]
    out = run(capsys, *words)[1]
    assert "\n1 epoch of 1 step on 1 CPU worker, writing to runs/shapes-smoke-1\n" in out
    assert " 1 block, 2 heads, " in out


def test_a_learning_rate_that_diverges(capsys, here):
    words = [*ON_SHAPES, "--lr", "1e30", "--epochs", "3", "--out", "wild"]
    err = refused(capsys, 3, "the loss is no longer finite at step ", *words)
    assert re.search(r"at step [1-4] of 12 \(epoch 1\).* not finite; .* wild/last\.npz\.", err)
    arrays, _ = checkpoint.load(here / "wild/last.npz")
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_auto_remembers_which_data_it_found(capsys, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    words = [*ON_SHAPES, "--dataset", "auto", "--data-dir", "none", "--out", "run"]
    status, out, _ = run(capsys, *words)
    assert status == 0 and "using the built-in shapes instead" in out
    source = checkpoint.read_meta(here / "run/last.npz")["source"]
    assert source == {"dataset": "shapes", "data_dir": None}


def command(*words):
    """`python train.py WORDS` in a process of its own, both streams piped."""
    line = [sys.executable, str(ROOT / "train.py"), *map(str, words)]
    settings = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=settings
    )


def rows(path):
    """The number of epochs in metrics.jsonl."""
    return path.read_text().count("\n") if path.exists() else 0


def signalled(process, metrics, number):
    """Send the signal after the next epoch is written -> status, stdout, stderr."""
    deadline, before = time.monotonic() + 60, rows(metrics)
    while rows(metrics) <= before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_signals_end_a_run_that_goes_on_by_the_command_printed(here):
    write_pictures(here / "pets")
    words = ["--dataset", "pets", "--image-size", 8, "--patch-size", 4, "--epochs", 100_000]
    place = here / "runs/my pets"  # a space, to be quoted in the command
    process = command(*SMALL, *words, "--patch-size", 4, "--out", "runs/my pets")
    metrics, seen = place / "metrics.jsonl", []
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        ended, out, err = signalled(process, metrics, number)
        assert (ended, err.count("\n")) == (status, 1) and "\r" not in out + err
        stopped = re.fullmatch(r"stopped after step \d+ of \d+; continue with: (.*)\n", err)
        python, script, *again = shlex.split(stopped[1])
        assert (python, script) == ("python", "train.py")
        assert checkpoint.load(place / "last.npz")[1]["position"]["epochs_done"] == rows(metrics)
        seen.append(metrics.read_text())
        process = command(*again)
    process.kill()
    process.communicate()
    assert seen[1].startswith(seen[0]) and len(seen[1]) > len(seen[0])
    epochs = [int(re.match(r'\{"epoch": (\d+)', line)[1]) for line in seen[1].splitlines()]
    assert epochs == list(range(1, len(epochs) + 1))


WITHOUT = """
import runpy, sys
sys.modules.update(dict.fromkeys(["threadpoolctl", "matplotlib", "pooch", "PIL", "scipy", "cupy"]))
sys.argv[:] = ["train.py", *sys.argv[1:]]
runpy.run_path({script!r}, run_name="__main__")
"""


def test_numpy_and_tqdm_are_enough(here):
    """With all shapes. One line says what each missing package would do."""
    words = [*SMALL, "--threads", "2", "--epochs", "1", "--data-dir", "none", "--out", "run"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(script=str(ROOT / "train.py")), *words],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    for package in ("threadpoolctl", "matplotlib", "pooch"):
        assert len(re.findall(f"^.*pip install {package}.*$", done.stdout, re.MULTILINE)) == 1
    assert re.search(r"^shapes test accuracy \d+\.\d\d%", done.stdout, re.MULTILINE)
    assert "\r" not in done.stdout and not (here / "run/curves.png").exists()


def test_help_fits_80_columns(capsys):
    status, out, _ = run(capsys, "--help")
    assert status == 0 and max(map(len, out.splitlines())) <= 80
    assert "examples:" in out and "presets:" in out and "(default: the data's)" in out
    assert out.startswith("usage: python train.py [options]\n")
    assert "  python train.py --resume runs/" in out


def test_it_is_a_command_of_the_package_too(capsys, here):
    assert run(capsys, *ON_SHAPES, "--out", "script")[0] == 0
    assert exits.run(minivit, ["train", *ON_SHAPES, "--out", "module"]) == 0
    script, module = (checkpoint.load(here / name / "last.npz")[0] for name in ("script", "module"))
    assert all((script[name] == module[name]).all() for name in script)
    capsys.readouterr()
    assert exits.run(minivit, ["train", "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: python -m minivit train [options]\n")
    assert "  python -m minivit train --resume runs/" in out
    assert exits.run(minivit, ["train", "--epoch", "1"]) == 2
    assert capsys.readouterr().err.endswith("? See python -m minivit train --help.\n")


WITHOUT_TQDM = """
import runpy, sys
sys.modules["tqdm"] = None
program, sys.argv[:] = sys.argv[1], sys.argv[1:]
if program == "train.py":
    runpy.run_path({script!r}, run_name="__main__")
else:
    runpy.run_module("minivit", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("program", [["train.py"], ["minivit"], ["minivit", "train"]])
def test_without_tqdm_there_is_help_and_one_line_says_what_is_missing(here, program):
    def without_tqdm(*words):
        source = WITHOUT_TQDM.format(script=str(ROOT / "train.py"))
        line = [sys.executable, "-c", source, *program, *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(line, capture_output=True, text=True, timeout=60, env=environment)

    told = without_tqdm("--help")
    assert (told.returncode, told.stderr) == (0, "") and told.stdout.startswith("usage: python ")
    if program != ["minivit"]:
        done = without_tqdm(*ON_SHAPES)
        sentence = "error: progress bars need tqdm: pip install tqdm\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)
        assert not (here / "runs").exists()


@pytest.mark.parametrize(("name", "classes"), [("cifar10", 10), ("cifar100", 100)])
def test_either_cifar_trains_by_the_same_command(capsys, here, monkeypatch, name, classes):
    """The number of classes follows from the data, and every augmentation works with it."""
    form = next(f for f in published.RELEASES if f.dataset == name and f.label_bytes)
    monkeypatch.setattr(cifar, "IMAGES_PER_FILE", 20)
    folder = here / "data" / form.folder
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index, file in enumerate(form.files):
        n = 100 if classes == 100 and index == 0 else 20
        labels = np.repeat(np.arange(n)[:, None] % classes, form.label_bytes, axis=1)
        labels[:, :-1] //= 5  # CIFAR-100 has the coarse label first
        pixels = rng.integers(0, 256, (n, 3072))
        (folder / file).write_bytes(np.hstack([labels, pixels]).astype(np.uint8).tobytes())
    varied = ["--policy", "rand", "--mixup", "0.8", "--cutmix", "1", "--erasing", "0.25"]
    words = [*SMALL, *varied, "--epochs", "1", "--batch-size", "10", "--dataset", name]
    status, out, err = run(capsys, *words, "--out", "run")
    assert status == 0, err
    assert f"{classes} classes" in out and f"{name} test accuracy" in out
    assert checkpoint.load(here / "run/last.npz")[0]["model/head.w"].shape == (8, classes)
