"""Targets in a CSV file: which image has which, the folds, and a sentence for what is wrong."""

import numpy as np
import pytest

from minivit import data
from minivit.data import TargetFile
from minivit.data.sources import places, target_csv
from minivit.data.sources.targets import split
from minivit.errors import ConfigError, DataError

Image = pytest.importorskip("PIL.Image", exc_type=ImportError)
GOOD = "Id,Eyes,Score\n" + "".join(f"im{i},{i % 2},{10 * i}\n" for i in range(10))


@pytest.fixture
def photos(tmp_path):
    """train/im0.png to im9.png, of which number i has the level i; and a file beside them."""
    folder = tmp_path / "photos"
    for place, names in (("train", range(10)), ("test", ["other"])):
        (folder / place).mkdir(parents=True)
        for i in names:
            level = i if isinstance(i, int) else 200
            Image.new("RGB", (8, 8), (level,) * 3).save(folder / place / f"im{i}.png")
    (folder / "train" / "notes.txt").write_text("x")
    return folder


def load(photos, text=GOOD, encoding="utf-8", **fields):
    """The data set with a CSV file of this text."""
    table = photos.parent / "table.csv"
    table.write_bytes(text.encode(encoding))
    return data.load(str(photos), image_size=8, targets=TargetFile(str(table), **fields))


def test_each_image_has_its_own_targets(photos):
    loaded = load(photos, columns=("Score", "Eyes"), name_column="Id")
    assert (loaded.name, loaded.classes, loaded.target_names) == ("photos", (), ("Score", "Eyes"))
    levels = []
    for images, targets in (
        (loaded.train_images, loaded.train_labels),
        (loaded.test_images, loaded.test_labels),
    ):
        level = images[:, 0, 0, 0]
        assert targets.dtype == np.float32
        assert targets.tolist() == [[10 * i, i % 2] for i in level]
        levels += level.tolist()
    assert sorted(levels) == list(range(10)) and len(loaded.test_images) == 2
    assert "1 image without a row" in loaded.note and "fold" not in loaded.note


def test_by_default_the_first_column_names_and_the_last_is_learned(photos):
    assert load(photos).target_names == ("Score",)
    assert load(photos, "﻿" + GOOD).target_names == ("Score",)  # as spreadsheets save it
    assert load(photos, GOOD.replace("\n", "\r\n") + "\r\n").target_names == ("Score",)


@pytest.mark.parametrize("form", ["train/im{}.png", "train/im{}", "im{}.png", "im{}"])
def test_an_image_is_named_by_its_path_or_its_name(photos, form):
    text = "Id,Score\n" + "".join(f"{form.format(i)},{i}\n" for i in (3, 1, 2))
    loaded = load(photos, text, fold=1, folds=3)
    assert sorted([*loaded.train_labels[:, 0], *loaded.test_labels[:, 0]]) == [1, 2, 3]


def test_folds_are_disjoint_and_together_all_images(photos):
    tests = []
    for k in range(1, 5):
        loaded = load(photos, fold=k, folds=4)
        test = loaded.test_labels[:, 0].tolist()
        assert sorted([*test, *loaded.train_labels[:, 0]]) == [10 * i for i in range(10)]
        assert f"the test set is fold {k} of 4" in loaded.note
        tests += test
    assert sorted(tests) == [10 * i for i in range(10)]
    shuffled = "Id,Eyes,Score\n" + "\n".join(sorted(GOOD.splitlines()[1:], reverse=True))
    assert (load(photos, shuffled).test_labels == load(photos).test_labels).all()
    assert any((split(10, 1, 5, seed)[1] != split(10, 1, 5, 0)[1]).any() for seed in (1, 2, 3))


@pytest.mark.parametrize(
    ("text", "fields", "error", "sentence"),
    [
        ("", {}, DataError, "table.csv is empty; its first row must name the columns"),
        ("Id,Score\n", {}, DataError, "has a header, and no rows below it"),
        ("Id,Score,Score\n", {}, DataError, "has two columns 'Score'; rename one"),
        ("Id,Score\nim1\n", {}, DataError, "row 2: it has 1 fields, and the header 2"),
        ("Id,Score\nim1,1\nim2,many\n", {}, DataError, "row 3: Score is 'many'; it must be a fin"),
        ("Id,Score\nim1,1\n\nim2,NaN\n", {}, DataError, "row 4: Score is 'NaN'; it must be a fin"),
        ("Id,Score\nim1,1e39\n", {}, DataError, "row 2: Score is '1e39'; it must be a finite"),
        ("Id,Score\nim1,1_0\n", {}, DataError, "row 2: Score is '1_0'; it must be a finite"),
        ("Id,Score\nim1,\n", {}, DataError, "row 2: Score is ''; it must be a finite number"),
        ("Id,Score\nim1,1\nim2,1\nim1,2\n", {}, DataError, "row 4: 'im1' stands in row 2 already"),
        ("Id,Score\n ,1\n", {}, DataError, "row 2: the name of the image is empty"),
        ("Id,Score\nim1,1\nno1,2\nno2,3\n", {}, DataError,
         "2 images of 3 not found in .*photos .the first: 'no1', row 3"),
        ("Id,Score\nim1,1\nim1.png,2\n", {}, DataError, "row 3: 'im1.png' is the image of row 2"),
        ('Id,Score\nim1,"1"2\n', {}, DataError, "row 2: it is no CSV"),
        (GOOD, {"columns": ("score",)}, ConfigError,
         "unknown column 'score'; did you mean 'Score'. Valid: Id, Eyes, Score"),
        (GOOD, {"columns": ("Id",)}, ConfigError, "the column 'Id' has the names of the images"),
        (GOOD, {"columns": ("Eyes", "Eyes")}, ConfigError, "'Eyes' is named twice"),
        (GOOD, {"name_column": "Name"}, ConfigError, "unknown column 'Name'"),
        (GOOD, {"folds": 11}, ConfigError, "of 10 images there can be 2 to 10 folds"),
        ("Id,Score\nim1,1\n", {}, ConfigError, "1 image cannot be cut into folds"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(photos, text, fields, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        load(photos, text, **fields)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_text(photos, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="row 3: it is no UTF-8; save the file as UTF-8"):
        load(photos, "Id,Score\nim1,1\nim\xe9,2\n", encoding="latin-1")
    for name, sentence in (("photos", "is not a file"), ("none.csv", "No such file")):
        with pytest.raises(DataError, match=sentence):
            target_csv.read(TargetFile(str(tmp_path / name)))
    monkeypatch.setattr(target_csv.limits, "TARGET_FILE", 50)
    with pytest.raises(DataError, match="has more than 50 bytes"):
        load(photos)


def test_a_name_that_two_images_have(photos):
    (photos / "test" / "im1.png").write_bytes((photos / "train" / "im1.png").read_bytes())
    with pytest.raises(DataError, match=r"row 3: 'im1' may be .*im1.png or .*im1.png; write the"):
        load(photos)
    assert load(photos, GOOD.replace("im1,", "train/im1,")).target_names == ("Score",)


def test_targets_go_with_a_directory(photos):
    with pytest.raises(ConfigError, match="--targets goes with --dataset DIR, a directory, not"):
        data.load("shapes", targets=TargetFile("table.csv"))


def test_options_make_a_target_file():
    assert TargetFile.of({"seed": 1}) is None
    made = TargetFile.of({"targets": "a.csv", "target_column": ["x", "y"], "fold": (2, 3)})
    assert made == TargetFile("a.csv", "", ("x", "y"), 2, 3)
    assert TargetFile.from_dict(made.to_dict()) == made
    assert TargetFile.of({"targets": "b.csv"}, made) == TargetFile("b.csv", "", ("x", "y"), 2, 3)
    for option in ("name_column", "target_column", "fold"):
        with pytest.raises(ConfigError, match=f"--{option.replace('_', '-')} is about a CSV file"):
            TargetFile.of({option: (1, 2)})


def test_places_are_where_the_figures_are():
    """The brightest deviation from the background lies around the target."""
    loaded = places.load(train=60, test=20)
    assert loaded.placed and loaded.target_names == ("row", "column")
    away = np.abs(loaded.train_images.astype(float) - 127.5).sum(axis=-1)
    away *= away > 30
    grid = np.arange(32)
    middle = np.stack([(away.sum(axis=2) @ grid), (away.sum(axis=1) @ grid)], axis=1)
    middle /= away.sum(axis=(1, 2))[:, None]
    off = np.abs(middle - loaded.train_labels)
    assert off.mean() < 1.2 and off.max() < 4  # figures are not symmetrical
    again = places.load(train=60, test=20)
    assert (again.test_images == loaded.test_images).all()
    assert (loaded.train_labels.std(axis=0) > 3.5).all()
