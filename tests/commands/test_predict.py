"""python -m minivit predict: what it shows, writes and refuses."""

import csv
import dataclasses
import io
import json
import os
import re
import stat
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import minivit
from minivit import Config, ViT, data, tree
from minivit.__main__ import main
from minivit.commands import exits, predict, progress
from minivit.objective import Classification
from minivit.trained import Trained

Image = pytest.importorskip("PIL.Image")
CONFIG = Config(image_size=8, patch_size=4, dim=16, depth=1, heads=2, mlp_dim=16, classes=7)
NAMES = ("cat", "dog", "Schrödinger's box", "\x1b[2Jclear\n", "狼" * 30, "a" * 60, "=1+1")


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(0)
    params = tree.map(lambda leaf: rng.normal(0, 0.5, leaf.shape), ViT(CONFIG).init(rng))
    params = tree.map(lambda leaf: leaf.astype(np.float32), params)
    mean, std = np.full(3, 0.4, np.float32), np.full(3, 0.3, np.float32)
    return Trained(CONFIG, params, NAMES, mean, std, Classification(7, 0.1))


@pytest.fixture
def home(tmp_path, monkeypatch, trained):
    """A directory with model.npz, and pictures/ with three images, one of them in a folder."""
    monkeypatch.chdir(tmp_path)
    trained.save("model.npz")
    for i, name in enumerate(("a.png", "b.jpg", "more/c.png")):
        file = tmp_path / "pictures" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 256, (20 + i, 30, 3), np.uint8)
        Image.fromarray(pixels).save(file)
    return tmp_path


@pytest.fixture
def run(home, capsys):
    def call(*words, status=0):
        assert exits.run(main, ["predict", *map(str, words)]) == status
        return SimpleNamespace(**capsys.readouterr()._asdict())

    return call


FILES = ["pictures/a.png", "pictures/b.jpg", "pictures/more/c.png"]


def test_a_table_never_takes_the_place_of_an_image(run, home):
    """`predict MODEL --csv *.png` names the first image as the table."""
    content = (home / "pictures/a.png").read_bytes()
    said = run("model.npz", "--csv", "pictures/a.png", "pictures/b.jpg", status=1)
    assert "error: pictures/a.png is there already, and minivit did not write it" in said.err
    assert (home / "pictures/a.png").read_bytes() == content
    for _ in range(2):
        run("model.npz", "--csv", "table.csv", "pictures/b.jpg")


def test_bars_in_eighty_columns(run, trained):
    said = run("model.npz", "pictures")
    blocks = [block.splitlines() for block in said.out.split("\n\n")]
    assert [block[0] for block in blocks] == FILES and said.err == ""
    wide = re.compile("[狼]")
    for block, row in zip(blocks, trained.predict(trained.read(*FILES)), strict=True):
        assert len(block) == 6
        shown = [float(re.search(r"(\d+\.\d)%", line)[1]) for line in block[1:]]
        assert shown == pytest.approx(100 * np.sort(row)[::-1][:5], abs=0.051)
        lengths = [line.count("█") for line in block[1:]]
        assert lengths == sorted(lengths, reverse=True) and lengths[0] > 0
        for line in block[1:]:
            assert len(line) + len(wide.findall(line)) <= 80
    assert "\x1b" not in said.out  # a class name does not steer the terminal
    assert "..." in said.out


def test_the_top_classes(run, trained):
    row = trained.predict(trained.read("pictures/a.png"))[0]
    best = [NAMES[i] for i in np.argsort(-row)]
    found = json.loads(run("model.npz", "pictures/a.png", "--top", 2, "--json").out)
    assert found["model"] == "model.npz"
    (image,) = found["images"]
    assert image["file"] == "pictures/a.png"
    assert [top["class"] for top in image["top"]] == best[:2]
    probabilities = [top["probability"] for top in image["top"]]
    assert probabilities == pytest.approx(np.sort(row)[::-1][:2])
    every = json.loads(run("model.npz", "pictures/a.png", "--top", 99, "--json").out)
    assert [top["class"] for top in every["images"][0]["top"]] == best


def test_a_table(run, home):
    said = run("model.npz", "pictures", "--top", 2, "--csv", "out/table.csv")
    assert said.out == said.err == ""
    with open("out/table.csv", encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["file", "class_1", "probability_1", "class_2", "probability_2"]
    assert [row[0] for row in rows] == FILES and all(row[1] in NAMES for row in rows)
    assert all(float(row[2]) >= float(row[4]) for row in rows)
    both = run("model.npz", "pictures", "--top", 2, "--csv", "again.csv", "--json")
    assert [image["file"] for image in json.loads(both.out)["images"]] == FILES
    assert (home / "again.csv").read_bytes() == (home / "out/table.csv").read_bytes()
    (home / "taken").mkdir()
    said = run("model.npz", "pictures", "--csv", "taken", status=1)
    assert "is a directory" in said.err and said.out == ""


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux alone")
def test_a_table_has_names_that_are_no_text(run, home):
    """As bytes, so that they still are those of the files."""
    file = os.fsdecode(b"pictures/\xff.png")
    (home / "pictures" / "a.png").rename(home / file)
    run("model.npz", "pictures", "--csv", "table.csv")
    assert b"pictures/\xff.png," in (home / "table.csv").read_bytes()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_not_written_over(run, home):
    os.mkfifo(home / "pipe")
    said = run("model.npz", "pictures", "--csv", "pipe", status=1)
    assert said.err == "error: cannot write pipe: it is a device or a pipe; name a file.\n"
    assert stat.S_ISFIFO((home / "pipe").stat().st_mode)


def test_images_are_read_as_for_training(run, trained, home):
    """The pixels of a directory as a data set, and of `predict`, are the same."""
    for label in ("dog", "cat"):
        for i in range(2):
            file = home / "set" / label / f"{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(i).integers(0, 256, (9, 40, 3), np.uint8)
            Image.fromarray(pixels).save(file)
    found = json.loads(run("model.npz", "set", "--top", 1, "--json").out)["images"]
    loaded = data.load("set", image_size=8)
    rows = trained.predict(np.concatenate([loaded.train_images, loaded.test_images]))
    want = sorted(row.max() for row in rows)
    assert sorted(image["top"][0]["probability"] for image in found) == pytest.approx(want)


def test_the_crop_of_the_model_is_applied(run, trained):
    dataclasses.replace(trained, crop=0.5).save("half.npz")
    one, other = (
        json.loads(run(model, "pictures/a.png", "--json").out)["images"][0]["top"]
        for model in ("model.npz", "half.npz")
    )
    assert one != other


def test_many_images_are_read_in_chunks(run, trained, home, monkeypatch):
    whole = run("model.npz", "pictures", "--json").out
    sizes, outputs = [], Trained.outputs

    def counting(self, images, workers=None):
        sizes.append(len(images))
        return outputs(self, images, workers)

    monkeypatch.setattr(Trained, "outputs", counting)
    monkeypatch.setattr(predict, "MOST", 2)
    monkeypatch.setattr(predict, "available_cores", lambda: 1)
    parts = run("model.npz", "pictures", "--json").out
    assert sizes == [2, 1]
    for one, other in zip(json.loads(whole)["images"], json.loads(parts)["images"], strict=True):
        for a, b in zip(one["top"], other["top"], strict=True):
            assert a["class"] == b["class"]
            assert a["probability"] == pytest.approx(b["probability"], abs=1e-6)


def test_what_cannot_be_read_is_named_and_the_rest_predicted(run, home):
    (home / "pictures/bad.png").write_bytes(b"no image")
    (home / "pictures/notes.txt").write_bytes(b"")
    said = run("model.npz", "pictures", "gone.png", "--top", 1, status=1)
    shown = [block.splitlines()[0] for block in said.out.split("\n\n")]
    assert shown == FILES
    note, bad, gone = said.err.splitlines()
    assert note == "note: left out 1 file not named .png, .jpg, .jpeg, .webp, .bmp"
    assert bad.startswith("error: pictures/bad.png cannot be read as PNG, JPEG, WEBP, BMP (it is")
    assert gone == "error: there is no file gone.png."
    said = run("model.npz", "pictures", "--json", "--csv", "table.csv", status=1)
    files = {image["file"]: image for image in json.loads(said.out)["images"]}
    assert "cannot be read" in files["pictures/bad.png"]["error"]
    assert len(files) == 4 and "top" not in files["pictures/bad.png"]
    assert len((home / "table.csv").read_text().splitlines()) == 4
    assert run("model.npz", "gone.png", status=1).out == ""


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (
            ["model.npz", "https://example.org/cat.jpg"],
            2,
            "is a URL; download it and",
        ),
        (["model.npz", "pictures/a.png", "S3://x/y"], 2, "S3://x/y is a URL"),
        (["model.npz", "none"], 1, "there is no file none."),
        (["model.npz", "empty"], 1, "empty has no images (.png"),
        (["pictures/a.png", "pictures/a.png"], 1, "is not a minivit checkpoint"),
        (["pictures", "pictures/a.png"], 1, "there is no checkpoint pictures/last.npz"),
        (["model.npz"], 2, "the following arguments are required: IMAGE"),
        (["model.npz", "pictures/a.png", "--top", "0"], 2, "--top: must be a whole number of at"),
        (["model.npz", "pictures/a.png", "--csv", ""], 2, "--csv: must not be empty"),
    ],
)
def test_bad_input_is_one_sentence(run, home, words, status, sentence):
    (home / "empty").mkdir()
    said = run(*words, status=status)
    assert sentence in said.err and len(said.err.splitlines()) == 1 and said.out == ""


def test_models_that_it_cannot_show(run, trained, home, monkeypatch):
    wild = tree.map(lambda leaf: leaf * np.float32(1e30), trained.params)
    dataclasses.replace(trained, params=wild).save("wild.npz")
    said = run("wild.npz", "pictures", "--csv", "table.csv", status=1)
    assert "outputs for pictures/a.png are not finite" in said.err
    assert not (home / "table.csv").exists()
    five = dataclasses.replace(CONFIG, channels=5)
    params = tree.map(
        lambda leaf: leaf.astype(np.float32), ViT(five).init(np.random.default_rng(0))
    )
    mean = np.full(5, 0.5, np.float32)
    Trained(five, params, (), mean, mean, Classification(7)).save("five.npz")
    assert "1 or 3 channels; the model takes 5" in run("five.npz", "pictures", status=2).err
    unknown = SimpleNamespace(objective=SimpleNamespace(name="own"))
    monkeypatch.setattr(minivit.trained, "load", lambda path: unknown)
    assert "the objective 'own', which predict does not" in run("m", "pictures", status=2).err


def test_a_model_without_names_of_classes(run, trained):
    dataclasses.replace(trained, classes=()).save("nameless.npz")
    found = json.loads(run("nameless.npz", "pictures/a.png", "--json").out)
    assert re.fullmatch(r"class \d", found["images"][0]["top"][0]["class"])


def test_without_pillow_one_sentence_says_how_to_install_it(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    said = run("model.npz", "pictures", status=1)
    assert said.err == "error: reading images needs Pillow: pip install pillow\n"


def test_where_only_ascii_can_be_shown(run, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", out)
    run("model.npz", "pictures/a.png")
    out.seek(0)
    shown = out.read()
    assert "####" in shown and "\\u2588" not in shown


def test_a_bar_on_a_terminal_when_it_takes_long(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    for delay in (1000, 0):
        monkeypatch.setattr(progress, "DELAY", delay)
        with progress.Progress(10, "image") as bar:
            bar.bar.mininterval = 0
            bar.update()
            bar.print("a line", sys.stdout)
            bar.update(4)
        assert ("5/10" in terminal.getvalue()) == (delay == 0)
    assert capsys.readouterr().out == "a line\na line\n"
