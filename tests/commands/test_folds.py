"""`python -m minivit folds`: every image is in one test, and a stopped command goes on."""

import json
import re
import signal

import numpy as np
import pytest
from test_targets import command, home, words

from minivit.commands import train
from minivit.data import TargetFile
from minivit.data.sources import targets
from minivit.storage.directory import RunDirectory
from minivit.training.signals import Interrupted

pytest.importorskip("PIL.Image", exc_type=ImportError)
__all__ = ["home"]  # a fixture

THREE = "--folds", "3", "--epochs", "1"


@pytest.fixture(scope="module")
def arguments(home):
    """The command on the pictures, without --out."""
    return ["folds", *words(home), *THREE]


@pytest.fixture(scope="module")
def done(home, arguments):
    """The directory of a finished command; the second fold was stopped before it began."""
    out, whole = home / "three", train.train

    def stopped(args):
        if args.fold == (2, 3):
            raise Interrupted("stopped after step 1 of 3", signal.SIGINT)
        return whole(args)

    from minivit.__main__ import main
    from minivit.commands import exits

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "train", stopped)
        assert exits.run(main, [*arguments, "--out", str(out)]) == 130
        assert (out / "fold-1" / "last.npz").exists() and not (out / "fold-3").exists()
        patch.setattr(train, "train", whole)
        before = (out / "fold-1" / "last.npz").stat().st_mtime_ns
        assert exits.run(main, [*arguments, "--out", str(out)]) == 0
        assert (out / "fold-1" / "last.npz").stat().st_mtime_ns == before  # not done again
    return out


def test_each_metric_is_the_mean_over_the_folds(done):
    values = json.loads((done / "results.json").read_text())
    assert [metric["metric"] for metric in values["metrics"]] == ["loss", "rmse", "baseline_rmse"]
    for metric in values["metrics"]:
        name = f"test_{metric['metric']}"
        own = [RunDirectory(done / f"fold-{k}").result()[name] for k in (1, 2, 3)]
        assert metric["folds"] == own and len(set(own)) == 3
        assert metric["mean"] == pytest.approx(np.mean(own), rel=1e-12)
        assert metric["spread"] == pytest.approx(np.std(own, ddof=1), rel=1e-12)
        assert (metric["lowest"], metric["highest"]) == (min(own), max(own))


def test_each_image_is_in_one_test(home):
    photos = home / "photos"
    tested = [
        targets.load(photos, TargetFile(str(photos / "train.csv"), fold=k, folds=3)).test_images
        for k in (1, 2, 3)
    ]
    every = np.concatenate(tested)
    assert len(every) == 40 == len(np.unique(every.reshape(40, -1), axis=0))


def test_the_table_fits_and_json_is_all_of_it(capsys, done, arguments):
    printed = command(capsys, *arguments, "--out", done)
    lines = printed.out.splitlines()
    assert max(map(len, lines)) <= 80 and lines[0].startswith("test of 3 folds")
    assert [line.split()[0] for line in lines[1:4]] == ["loss", "rmse", "baseline:"]
    assert printed.err.count("is complete") == 3
    said = json.loads(command(capsys, *arguments, "--out", done, "--json").out)
    assert said == json.loads((done / "results.json").read_text())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--fold", "1/3"], "--fold is for one run"),
        (["--resume", "x"], "--resume is for one run"),
        (["--ranks", "2"], "--ranks is for one run"),
        (["--folds", "4"], "holds folds with another folds: give the same"),
        (["--target-column", "Top"], "holds folds with another target-column"),
        (["--epochs", "3"], "holds folds with another epochs"),
        (["--folds", "1"], "must be"),
        (["--dataset", "shapes"], "parts of a directory of images"),
    ],
)
def test_what_cannot_be_done_is_said(capsys, done, arguments, change, sentence):
    before = sorted((file, file.stat().st_mtime_ns) for file in done.rglob("*"))
    said = command(capsys, *arguments, "--out", done, *change, status=2).err
    assert sentence in said and "Traceback" not in said
    assert sorted((file, file.stat().st_mtime_ns) for file in done.rglob("*")) == before


def test_no_directory_or_no_targets(capsys):
    assert "--targets FILE.csv" in command(capsys, "folds", "--dataset", "shapes", status=2).err


def test_it_is_for_one_process(capsys, arguments, monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "0")
    assert "leave out mpiexec" in command(capsys, *arguments, status=2).err


def test_another_table_or_other_files_in_the_way_are_noticed_at_once(
    capsys, home, arguments, tmp_path
):
    table = tmp_path / "t.csv"
    table.write_text((home / "photos" / "train.csv").read_text())
    words = [*arguments, "--targets", table, "--folds", "2", "--out", tmp_path / "out"]
    assert "the mean" in command(capsys, *words).out
    table.write_text("\n".join(table.read_text().splitlines()[:31]) + "\n")
    assert "holds folds with another targets" in command(capsys, *words, status=2).err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "results.json").write_text('{"mine": 1}')
    mine = command(capsys, *arguments, "--out", tmp_path / "mine", status=1)
    assert "results.json" in mine.err and not (tmp_path / "mine" / "fold-1").exists()
    (tmp_path / "mine" / "results.json").rename(tmp_path / "mine" / "letter.json")
    assert "holds no folds" in command(capsys, *arguments, "--out", tmp_path / "mine", status=2).err


def test_what_was_wrong_can_be_put_right(capsys, arguments, tmp_path):
    """Folds of which none was begun bind nobody."""
    words = [*arguments, "--out", tmp_path / "out"]
    command(capsys, *words, "--targets", tmp_path / "none.csv", status=1)
    command(capsys, *words, "--target-column", "no", status=2)
    assert "the mean" in command(capsys, *words).out
    metrics = tmp_path / "out" / "fold-2" / "metrics.jsonl"
    metrics.write_text(re.sub(r'"test_rmse": [\d.]+', '"test_rmse": NaN', metrics.read_text()))
    said = command(capsys, *words, status=1).err
    assert f"{metrics} holds a result that is not finite" in said and "Traceback" not in said


def test_folds_that_begin_with_a_model_go_on_too(capsys, home, done, tmp_path):
    photos = home / "photos"
    again = ["folds", "--dataset", photos, "--targets", photos / "train.csv", "--folds", "2"]
    again += ["--threads", "1", "--epochs", "1", "--out", tmp_path / "from"]
    again += ["--from", done / "fold-1"]
    first = command(capsys, *again).out
    assert command(capsys, *again).out == first
    assert "another from" in command(capsys, *again[:-2], status=2).err
