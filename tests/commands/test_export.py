"""`python -m minivit export`: which format it chooses, what it says, and what it refuses."""

import json
import os
import sys

import numpy as np
import pytest
from program import few_shapes, train
from random_models import random_trained

import minivit
from minivit import __main__
from minivit.commands import exits


@pytest.fixture
def export(tmp_path, monkeypatch, capsys):
    """Run the command in a directory with two models -> (exit status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    random_trained().save("model.npz")
    random_trained(pool="sequence").save("sequence.npz")

    def run(*options):
        status = exits.run(__main__.main, ["export", *options])
        return status, *capsys.readouterr()

    return run


def test_a_file_worth_keeping(export):
    status, out, err = export("model.npz", "kept.npz", "--weights-only")
    assert status == 0 and not err
    assert out.startswith("minivit's own format (minivit), 1,5") and "  kept.npz  " in out
    assert out.endswith('read it with: minivit.load("kept.npz")\n')
    kept = minivit.load("kept.npz")
    assert kept.about["test"] == {"accuracy": 0.5} and kept.classes == ("ant", "bee", "cow")
    status, out, _ = export("sequence.npz", "other.npz", "--format", "minivit")
    assert status == 0 and minivit.load("other.npz").config.pool == "sequence"


def test_a_run_with_adamw_is_kept_in_a_third_of_the_size(export, tmp_path, monkeypatch):
    few_shapes(monkeypatch)
    options = """--dataset shapes --preset smoke --optimizer adamw --epochs 1 --dim 64 --depth 1
        --batch-size 20 --val-fraction 0.2 --threads 1 --out run"""
    assert exits.run(train.main, options.split()) == 0
    status, out, _ = export("run", "kept.npz", "--weights-only")
    assert status == 0 and "(minivit), 4" in out
    sizes = [(tmp_path / name).stat().st_size for name in ("kept.npz", "run/last.npz")]
    assert 0.3 < sizes[0] / sizes[1] < 0.4
    kept, run = minivit.load("kept.npz"), minivit.load("run")
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    assert kept.outputs(images).tobytes() == run.outputs(images).tobytes()
    assert kept.about == {name: value for name, value in run.about.items() if name != "source"}
    assert kept.about["dataset"] == "shapes" and 0 <= kept.about["test"]["accuracy"] <= 1
    assert kept.classes == run.classes and (kept.std == run.std).all()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("name", ["export", "import"])
def test_what_is_written_is_said_though_nothing_can_be_printed(export, monkeypatch, capsys, name):
    assert export("model.npz", "vit.npz")[0] == 0  # which import can read
    words = [name, "vit.npz" if name == "import" else "model.npz", "new.npz"]
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert exits.run(__main__.main, words) == 1
        monkeypatch.undo()
        said = capsys.readouterr().err.splitlines()[-1]
        full.close()
    assert said.startswith("error: standard output: No space left on device. The model is written:")
    assert said.endswith("new.npz")


def test_the_format_is_chosen_by_the_name_and_said(export):
    status, out, err = export("model.npz", "authors.npz")
    assert status == 0 and out.startswith("the authors' format (authors, by the name of FILE), 1,5")
    assert err.startswith("note: the authors' format holds no names of classes") and "\n" in err
    assert "head/kernel" in np.load("authors.npz", allow_pickle=False)
    pytest.importorskip("safetensors", reason="pip install safetensors")
    status, out, err = export("model.npz", "timm/vit.safetensors")
    assert status == 0 and out.startswith("timm's format (timm, by the name of FILE)") and not err
    assert "  timm/vit.safetensors  " in out and "  timm/config.json  " in out
    assert 'timm.create_model("local-dir:timm", pretrained=True)' in out
    status, out, err = export("model.npz", "hugging/face/")
    assert status == 0 and out.startswith("Hugging Face's format (huggingface, by") and not err
    assert 'ViTForImageClassification.from_pretrained("hugging/face")' in out


def test_json(export):
    status, out, err = export("model.npz", "authors.npz", "--json")
    found = json.loads(out)
    assert status == 0 and not err and found["format"] == "authors" and len(found["notes"]) == 1
    assert found["files"] == {"authors.npz": (minivit_size := found["files"]["authors.npz"])}
    assert minivit_size > 4 * found["parameters"] > 4000


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["none.npz", "a.npz"], "there is no checkpoint none.npz"),
        (["words.txt", "a.npz"], "words.txt is not"),
        (["model.npz", "model.npz"], "model.npz is there already; export writes over nothing"),
        (["model.npz", "a.onnx"], "a.onnx says no format: name FILE.safetensors (timm's)"),
        (["model.npz", "full"], "full is a directory that is not empty (it holds file)"),
        (["model.npz", "words.txt/a.npz"], "words.txt is not a directory"),
        (["model.npz", "words.txt/a.safetensors"], "cannot write words.txt/a.safetensors: Not a d"),
        (["model.npz", "words.txt/a"], "cannot write words.txt/a: words.txt is not a directory"),
        (["model.npz", "a.npz", "--format", "tim"], "unknown format 'tim'; did you mean 'timm'?"),
        (["model.npz", "a", "--weights-only"], "the format minivit is written to FILE.npz"),
        (["sequence.npz", "a.npz"], "cannot hold sequence pooling; minivit's own (FILE.npz"),
        (["model.npz"], "the following arguments are required: FILE"),
        (["model.npz", ""], "must not be empty"),
    ],
)
def test_bad_input_is_one_sentence(export, tmp_path, options, sentence):
    (tmp_path / "words.txt").write_text("no model")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    if options[-1].startswith("words.txt/a") and not options[-1].endswith(".npz"):
        pytest.importorskip("safetensors", reason="pip install safetensors")
    status, out, err = export(*options)
    assert status in (1, 2) and sentence in err and err.count("\n") == 1 and not out
    assert sorted(tmp_path.rglob("*")) == before


def test_without_safetensors_it_is_said_before_the_model_is_read(export, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    monkeypatch.setitem(__import__("sys").modules, "safetensors.numpy", None)
    status, _, err = export("none.npz", "hugging-face")
    assert status == 1
    assert err == "error: writing safetensors files needs the package: pip install safetensors\n"


def test_help_shows_every_format_in_80_columns(export):
    status, out, _ = export("--help")
    assert status == 0 and max(map(len, out.splitlines())) <= 80
    assert all(word in out for word in ("NAME.safetensors", "examples:", "local-dir:", "Hugging"))
