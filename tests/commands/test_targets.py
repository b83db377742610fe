"""Regression and labels through every command: training, resuming, evaluation, prediction."""

import csv
import json
import signal

import numpy as np
import pytest
from program import few_shapes, train
from runs import left_behind

import minivit
from minivit import CheckpointError
from minivit.__main__ import main
from minivit.commands import exits
from minivit.data import batches
from minivit.data.sources import places
from minivit.objective import BoundedRegression, MultiLabel, Regression
from minivit.storage import checkpoint
from minivit.storage.directory import RunDirectory
from minivit.training import run as run_module
from minivit.training.trainer import Trainer

Image = pytest.importorskip("PIL.Image", exc_type=ImportError)

SIZES = "--patch-size 8 --dim 8 --depth 1 --heads 2 --mlp-dim 8 --preset smoke".split()
WORDS = "--device cpu --threads 1 --epochs 2 --batch-size 10 --image-size 32".split()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Pictures with a table: photos/train/im0.png ..., photos/train.csv; three runs on them."""
    home, drawn = tmp_path_factory.mktemp("home"), places.load(train=40, test=1)
    (home / "photos" / "train").mkdir(parents=True)
    with open(home / "photos" / "train.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["Id", "Left", "Top", "Score"])
        for i, (image, (row, column)) in enumerate(
            zip(drawn.train_images, drawn.train_labels, strict=True)
        ):
            Image.fromarray(image).save(home / "photos" / "train" / f"im{i}.png")
            table.writerow([f"im{i}", int(column < 16), int(row < 16), 3 * column + 4])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module.curves, "draw", lambda *drawn: "")
        for name, more in RUNS.items():
            assert exits.run(train.main, [*words(home), *more, "--out", str(home / name)]) == 0
    return home


def words(home):
    """The options of a run on the pictures."""
    photos = home / "photos"
    return ["--dataset", str(photos), "--targets", str(photos / "train.csv"), *SIZES, *WORDS]


RUNS = {
    "score": (),
    "both": ("--target-column", "Score", "Top", "--objective", "bounded-regression"),
    "labels": ("--target-column", "Left", "Top", "--objective", "multi-label", "--fold", "2/4"),
}


def command(capsys, *words, status=0):
    """`python -m minivit WORDS` -> stdout, stderr."""
    capsys.readouterr()
    assert exits.run(main, [str(word) for word in words]) == status
    return capsys.readouterr()


def test_a_checkpoint_says_what_was_learned_and_how_to_speak_of_it(home):
    for name, kind in (("score", Regression), ("both", BoundedRegression), ("labels", MultiLabel)):
        trained = minivit.load(home / name)
        assert type(trained.objective) is kind and trained.classes == ()
        assert trained.config.classes == len(trained.objective.targets)
    assert trained.objective.targets == ("Left", "Top")
    meta = checkpoint.read_meta(home / "labels" / "last.npz")
    table = str(home / "photos" / "train.csv")
    assert meta["source"]["targets"] == {
        "path": table, "name_column": "", "columns": ["Left", "Top"], "fold": 2, "folds": 4,
    }  # fmt: skip
    row = json.loads((home / "score" / "metrics.jsonl").read_text().splitlines()[0])
    assert {"train_rmse", "val_rmse", "val_baseline_rmse", "train_loss"} <= row.keys()


@pytest.mark.parametrize("name", RUNS)
def test_evaluate_finds_what_the_run_printed(home, capsys, name):
    result = RunDirectory(home / name).result()
    found = json.loads(command(capsys, "evaluate", home / name, "--json").out)
    for metric, value in result.items():
        assert found[metric.removeprefix("test_")] == value
    text = command(capsys, "evaluate", home / name).out
    assert "always" in text
    if name == "score":
        targets = minivit.load(home / name)
        assert f"rmse {result['test_rmse']:.2f}; always predicting the mean, " in text
        assert targets.objective.targets == ("Score",)


def test_the_baseline_is_that_of_the_training_images(home):
    with open(home / "photos" / "train.csv") as file:
        score = {row["Id"]: float(row["Score"]) for row in csv.DictReader(file)}
    names = sorted(score)
    order = np.random.default_rng(0).permutation(40)
    test = np.array([score[names[i]] for i in np.sort(order[::5])])
    rest = np.array([score[names[i]] for i in np.sort(np.setdiff1d(np.arange(40), order[::5]))])
    training, _ = batches.split(32, 0.1, 0)
    want = np.sqrt(((test - rest[training].mean()) ** 2).mean())
    assert RunDirectory(home / "score").result()["test_baseline_rmse"] == pytest.approx(
        want, rel=1e-5
    )


def test_predict_speaks_in_the_units_of_the_targets(home, capsys, tmp_path):
    files = [home / "photos" / "train" / f"im{i}.png" for i in (3, 1)]
    trained = minivit.load(home / "both")
    want = trained.predict(trained.read(*files))
    words = ("predict", home / "both", *files)
    found = json.loads(command(capsys, *words, "--json").out)["images"]
    for entry, row in zip(found, want, strict=True):
        assert entry["targets"] == {"Score": float(row[0]), "Top": float(row[1])}
    lines = command(capsys, *words).out.splitlines()
    assert lines[1].split() == ["Score", f"{want[0, 0]:.2f}"]
    command(capsys, *words, "--csv", tmp_path / "out.csv")
    command(capsys, *words, "--csv", tmp_path / "out.csv")  # it is its own
    with open(tmp_path / "out.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["Score"]) for row in rows] == want[:, 0].tolist()
    (tmp_path / "out.csv").write_text("file,label\nmine,1\n")
    assert "minivit did not" in command(capsys, *words, "--csv", tmp_path / "out.csv", status=1).err
    out = command(capsys, "predict", home / "labels", files[0], "--json").out
    assert {"Left", "Top"} == {top["class"] for top in json.loads(out)["images"][0]["top"]}


def test_stopped_and_resumed_it_ends_with_the_same_bits(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run_module.curves, "draw", lambda *drawn: "")
    out, step = tmp_path / "run", Trainer.train_step

    def stop(self, *batch):
        step(self, *batch)
        if self.step == 4:
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_step", stop)
        arguments = [*words(home), *RUNS["labels"], "--out", str(out)]
        assert exits.run(train.main, arguments) == 130
    assert exits.run(train.main, ["--resume", str(out), "--device", "cpu", "--threads", "1"]) == 0
    assert left_behind(RunDirectory(out)) == left_behind(RunDirectory(home / "labels"))
    capsys.readouterr()
    assert exits.run(train.main, ["--resume", str(out)]) == 0
    assert "always answering as most training images have it" in capsys.readouterr().out


def test_a_model_file_keeps_the_targets(home, tmp_path, capsys):
    trained = minivit.load(home / "both")
    trained.save(tmp_path / "both.npz")
    again = minivit.load(tmp_path / "both.npz")
    assert again.objective == trained.objective
    photos = ["--dataset", home / "photos", "--targets", home / "photos" / "train.csv"]
    found = json.loads(command(capsys, "evaluate", tmp_path / "both.npz", *photos, "--json").out)
    assert found["rmse_Score"] == RunDirectory(home / "both").result()["test_rmse_Score"]
    found = json.loads(command(capsys, "evaluate", home / "both", "--fold", "2/5", "--json").out)
    words = "fold 2/5, and the test set of the model's run was 1/5: if the images are the same, it"
    assert words in found["notes"][-1] and not any("changed" in note for note in found["notes"])
    for words in ([], ["--fold", "2/5"]):  # which part is the test set makes no difference then
        words = "evaluate", home / "both", "--split", "all", "--json", *words
        found = json.loads(command(capsys, *words).out)
        assert found["images"] == 40 and "has used 32 of these" in found["notes"][-1]
        assert not any("fold" in note for note in found["notes"])
    err = command(capsys, "evaluate", tmp_path / "both.npz", "--dataset", "shapes", status=2).err
    assert "the model says Score, Top, and shapes has classes: they must be the same" in err
    err = command(capsys, "export", home / "both", tmp_path / "vit.npz", status=2).err
    assert "cannot hold another objective than classification" in err


def test_fine_tuning_keeps_the_head_and_the_scale_for_the_same_targets(
    home, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(run_module.curves, "draw", lambda *drawn: "")
    fine = [*words(home)[:4], *WORDS, "--lr", "1e-9", "--from", str(home / "score")]
    for name, more, said in (
        ("same", ["--fold", "2/5"], "all weights, and the head for the same targets"),
        ("other", ["--target-column", "Top"], "as it was not trained for Top"),
        ("labels", ["--target-column", "Left", "--objective", "multi-label"], "trained for Left"),
    ):
        assert exits.run(train.main, [*fine, *more, "--out", str(tmp_path / name)]) == 0
        assert said in capsys.readouterr().out
    one, same = (minivit.load(path) for path in (home / "score", tmp_path / "same"))
    assert same.objective == one.objective
    np.testing.assert_allclose(same.params["head"]["w"], one.params["head"]["w"], atol=1e-6)
    assert type(minivit.load(tmp_path / "labels").objective) is MultiLabel


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--objective", "classification"], "photos has targets and no classes"),
        (["--objective", "multi-label"], "Score has the target"),
        (["--smoothing", "0.2"], "--smoothing is for classes, and photos has none"),
        (["--mixup", "0.8"], "--mixup: photos: the data has no classes to mix; leave"),
        (["--fold", "3"], "--fold: must be K/N with K from 1 to N, such as 2/5; got '3'"),
        (["--fold", "6/5"], "must be K/N with K from 1 to N"),
        (["--fold", "1/100"], "of 40 images there can be 2 to 40 folds"),
        (["--target-column", "score"], "unknown column 'score'; did you mean 'Score'?"),
        (["--classes", "3"], "--classes 3: photos has 1; leave the option out"),
    ],
)
def test_what_does_not_go_together_is_a_sentence(home, capsys, tmp_path, more, sentence):
    out = tmp_path / "run"
    assert exits.run(train.main, [*words(home), "--out", str(out), *more]) in (1, 2)
    err = capsys.readouterr().err
    assert sentence in err and err.count("\n") == 1 and not out.exists()


def test_classes_have_no_targets(capsys, tmp_path, monkeypatch):
    few_shapes(monkeypatch)
    for more, sentence in (
        (["--objective", "regression"], "shapes has classes, and the objective regression is for"),
        (["--targets", "a.csv"], "--targets goes with --dataset DIR, a directory, not with shapes"),
        (["--fold", "1/3"], "--fold is about a CSV file with a target for each image"),
    ):
        line = ["--dataset", "shapes", *SIZES, "--device", "cpu", "--out", str(tmp_path / "run")]
        assert exits.run(train.main, [*line, *more]) == 2
        assert sentence in capsys.readouterr().err


def test_places_are_not_moved(capsys, tmp_path, monkeypatch):
    load = places.load
    monkeypatch.setattr(places, "load", lambda seed: load(seed, 40, 12))
    monkeypatch.setattr(run_module.curves, "draw", lambda *drawn: "")
    line = ["--dataset", "places", *SIZES, "--device", "cpu", "--threads", "1", "--epochs", "1"]
    assert exits.run(train.main, [*line, "--out", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert "without augment, which would change what the targets tell" in out
    assert "regression of row, column" in out and "row: rmse " in out
    assert json.loads((tmp_path / "run" / "config.json").read_text())["recipe"]["augment"] is False
    assert exits.run(train.main, [*line, "--augment", "--out", str(tmp_path / "two")]) == 2
    assert "--augment: places: it would change what the targets tell" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        ("objective_fields.high", [0.0, 1.0], "its objective cannot be (the scale of"),
        ("objective_fields.high", [1e400], "cannot write"),
        ("objective_fields.targets", ["a"], "contradicts itself: its objective cannot be"),
        ("objective_fields", {"targets": ["a"], "low": [0], "high": [1], "mean": [0]},
         "its objective has 1 outputs, and the model 2"),
        ("objective_fields", {"a": [1]}, "its objective cannot be ("),
        ("objective_fields", 3, "objective_fields is 3; it must be an object"),
        ("source.targets", {"path": 3}, "source.targets is an object; it must be an object, in"),
        ("source.targets.fold", 0, "in which fold is 0; it must be a whole number from 1"),
        ("source.targets.more", 0, "source.targets is an object; it must have no 'more'"),
        ("source.targets.columns", "ab", "columns is 'ab'; it must be a list of at most 1000"),
    ],
)  # fmt: skip
def test_crafted_checkpoints(home, tmp_path, place, value, sentence):
    arrays, meta = checkpoint.load(home / "both" / "last.npz")
    *parents, last = place.split(".")
    inner = meta
    for name in parents:
        inner = inner[name]
    inner[last] = value
    with pytest.raises(CheckpointError) as caught:
        checkpoint.save(tmp_path / "last.npz", arrays, meta)
        minivit.load(tmp_path / "last.npz")
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
