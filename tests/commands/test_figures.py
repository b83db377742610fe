"""`python -m minivit figures`: what is drawn by which options, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from program import few_shapes, home_with_runs

pytest.importorskip("matplotlib")

import minivit
from minivit import __main__, data
from minivit.commands import exits
from minivit.data import Dataset

OPTIONS = """--dataset shapes --preset smoke --epochs 1 --dim 16 --depth 1 --heads 2 --mlp-dim 16
    --batch-size 8 --val-fraction 0.2 --threads 1""".split()
RUN = "runs/shapes-smoke-1"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A directory with a run in it, and few shapes to look at."""
    return home_with_runs(tmp_path_factory, OPTIONS)


@pytest.fixture
def run(home, monkeypatch, capsys, tmp_path):
    """Run the command in `home` -> (exit status, stdout, stderr)."""
    monkeypatch.chdir(home)
    few_shapes(monkeypatch)

    def figures(*options, out=tmp_path / "out"):
        where = ["--out", str(out)] if out else []
        status = exits.run(__main__.main, ["figures", *options, *where, "--dpi", "40"])
        return status, *capsys.readouterr()

    return figures


def test_all_that_can_be_drawn_of_a_run(run, tmp_path):
    status, out, _ = run(RUN)
    kinds = "attention rollout filters positions distance features curves augmentation".split()
    assert status == 0
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == sorted(f"{k}.png" for k in kinds)
    for kind in kinds:
        assert str(tmp_path / "out" / f"{kind}.png") in out.splitlines()
    assert "  Attention of the patch in row 4, column 4 (boxed), as with mean pooling" in out
    assert "random crop and flip." in " ".join(out.split())


def test_formats_and_json(run, tmp_path):
    status, out, err = run(RUN, "--kind", "filters,curves", "--format", "all", "--json")
    assert status == 0 and "error" not in err
    report = json.loads(out)
    assert [entry["kind"] for entry in report["figures"]] == ["filters", "curves"]
    endings = [file[-4:] for file in report["figures"][0]["files"]]
    assert endings == [".png", ".svg", ".pdf"] and report["left_out"] == []
    assert len(list((tmp_path / "out").iterdir())) == 6


def test_picked_images_and_files_are_those_looked_at(run, tmp_path):
    image = pytest.importorskip("PIL.Image")
    status, out, _ = run(RUN, "--kind", "attention", "--pick", "3,1", "--patch", "0,1")
    assert status == 0 and "attention-2.png" in out
    assert "row 0, column 1 (boxed) over the picture" in " ".join(out.split())
    for name in ("cat", "dog", "cow"):
        noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
        image.fromarray(noise).save(tmp_path / f"{name}.png")
    files = [str(tmp_path / f"{name}.png") for name in ("cat", "dog", "cow")]
    status, out, _ = run(RUN, "--kind", "attention,features,augmentation", "--images", *files)
    assert status == 0 and "over the picture (cow)" in " ".join(out.split())
    assert "of 3 images" in out


def test_images_of_a_data_set_are_made_such_as_the_model_takes(run, monkeypatch):
    """As files are: of any size, grey or coloured."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (n, 28, 20, 1), dtype=np.uint8) for n in (6, 5)]
    labels = [np.arange(n) % 2 for n in (6, 5)]
    grey = Dataset("grey", ("a", "b"), images[0], labels[0], images[1], labels[1])
    monkeypatch.setitem(data.SOURCES, "grey", data.Source(lambda request: grey))
    monkeypatch.setattr(data, "NAMES", tuple(data.SOURCES))
    status, out, err = run(RUN, "--dataset", "grey", "--kind", "attention,features,augmentation")
    assert status == 0 and not err and "of 5 images" in out and out.count(".png") == 3


def test_runs_and_augmentation_need_no_model(run):
    metrics = f"{RUN}/metrics.jsonl"
    options = ["--preset", "base", "--dataset", "shapes", "--runs", RUN, metrics]
    status, out, _ = run(*options)
    assert status == 0 and "curves.png" in out and "MixUp 0.8, CutMix 1." in " ".join(out.split())
    status, out, _ = run("--runs", RUN)
    assert status == 0 and "curves.png" in out and "augmentation.png" not in out


def test_what_cannot_be_drawn_is_left_out_with_the_reason_unless_it_was_asked_for(run, home):
    lone = home / "lone"
    lone.mkdir(exist_ok=True)
    (lone / "last.npz").write_bytes((home / RUN / "last.npz").read_bytes())
    status, out, err = run("lone")
    assert status == 0 and "filters.png" in out and "curves.png" not in out
    assert "left out curves: it needs runs: a MODEL that is a run's directory, or --runs" in err
    status, out, err = run("lone", "--kind", "curves")
    assert status == 2 and err.startswith("error: the figure curves needs runs") and not out


def test_a_file_of_weights_only(run, home):
    """Its data set and recipe are what the file says of them, if that makes sense."""
    trained = minivit.load(home / RUN)
    trained.save(home / "model.npz")
    status, out, err = run("model.npz")
    assert status == 0 and out.count(".png") == 7
    assert err.startswith("left out curves: it needs runs") and err.count("\n") == 1
    for about in ({"dataset": 3, "recipe": "fog", "source": [1]}, {"dataset": "mist"}):
        replace(trained, about=about).save(home / "model.npz")
        status, out, err = run("model.npz", "--format", "svg")
        assert status == 0 and "positions.svg" in out and out.count(".svg") == 2
        assert "left out attention, rollout, distance, features: it needs images: --images" in err
        assert "left out augmentation: it needs a recipe: a MODEL that is a run, or --preset" in err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "error: name a MODEL to look at; without one, --runs A B ... or --preset NAME"),
        ([RUN, "--kind", "atention"], "unknown kind 'atention'; did you mean 'attention'?"),
        ([RUN, "--format", "pgn"], "unknown format 'pgn'; did you mean 'png'?"),
        ([RUN, "--images", "words.txt"], "error: words.txt cannot be read as PNG, JPEG, WEBP"),
        ([RUN, "--images", "none.png"], "error: none.png cannot be read as PNG"),
        ([RUN, "--patch", "8,0"], "error: --patch 8,0 is outside of the image, which has 8 x 8"),
        ([RUN, "--patch", "8"], "--patch: must be 2 numbers with a comma between; got '8'"),
        ([RUN, "--pick", "12"], "error: --pick 12: shapes has the test images 0 to 11"),
        ([RUN, "--pick", "1", "--images", "a.png"], "leave it out beside --images"),
        ([RUN, "--dataset", "shape"], "unknown data set 'shape'; did you mean 'shapes'?"),
        (["nowhere"], "error: there is no checkpoint nowhere"),
        (["words.txt"], "error: words.txt is not"),
        (["--runs", "nowhere"], "error: nowhere is not a run: there is no such file"),
        (["--preset", "tiny"], "error: cannot draw augmentation: it needs images: --images FILE"),
    ],
)
def test_bad_input_is_one_sentence(run, home, tmp_path, options, sentence):
    (home / "words.txt").write_text("no image and no model")
    status, out, err = run(*options)
    assert status in (1, 2) and sentence in err and err.count("\n") == 1 and not out
    assert not (tmp_path / "out").exists()


def test_an_out_that_is_no_directory(run, tmp_path):
    (tmp_path / "file").write_text("")
    status, _, err = run(RUN, out=tmp_path / "file")
    assert status == 2 and err.endswith("is a file; name a directory\n")
    status, _, err = run(RUN, "--kind", "filters", out=tmp_path / "file" / "below")
    assert status == 1 and "cannot write" in err and err.count("\n") == 1


def test_without_matplotlib(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    status, _, err = run(RUN)
    assert status == 1
    assert err == "error: drawing figures needs matplotlib: pip install matplotlib\n"


def test_help_names_all_kinds_and_fits_in_80_columns(run):
    status, out, _ = run("--help", out=None)
    assert status == 0 and all(f"\n  {kind} " in out for kind in ("rollout", "augmentation"))
    assert max(map(len, out.splitlines())) <= 80
