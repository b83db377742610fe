"""python -m minivit import: what it prints, what it refuses, and what it leaves behind."""

import json

import numpy as np
import pytest
from weights_files import GOLDEN

import minivit
from minivit import __main__, trained
from minivit.commands import exits

FILE = str(GOLDEN / "authors.npz")


def run(*words):
    return exits.run(__main__.main, ["import", *map(str, words)])


def test_the_report_and_the_file(tmp_path, capsys):
    out = tmp_path / "out.npz"
    assert run(FILE, out, "--image-size", 20) == 0
    text = capsys.readouterr().out
    for words in (
        "a ViT in the ViT authors' format",
        "gelu        tanh                   (the ViT authors' default)",
        "heads       2                      (the arrays' shapes)",
        "loaded      34 parameters from 42 arrays",
        "reshaped    position.pos: grid 3 x 3 -> 5 x 5, bilinear, corners aligned",
        "unexpected  none",
        f"written {out}, ",
    ):
        assert words in text
    loaded = minivit.load(out)
    assert loaded.config.image_size == 20
    assert loaded.predict(np.zeros((1, 20, 20, 3), np.uint8), workers=1).shape == (1, 3)


def test_json(tmp_path, capsys):
    out = tmp_path / "out.npz"
    assert run(FILE, out, "--json", "--classes", 4) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["format"] == "authors" and report["out"] == str(out)
    assert report["numerics"]["norm_eps"] == {"value": 1e-6, "from": "the ViT authors' default"}
    assert report["new"] == ["head.w", "head.b"] and report["sizes"]["classes"] == 4


def test_bad_input_is_one_sentence_and_leaves_nothing(tmp_path, capsys):
    (tmp_path / "old.npz").write_bytes(b"old")
    (tmp_path / "empty.npz").touch()
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "model.pt").write_bytes(b"\x80\x02}q\x00.")
    before = sorted(tmp_path.iterdir())
    for words, said, status in (
        ((FILE, tmp_path / "old.npz"), "is there already", 2),
        ((FILE, tmp_path), "is there already", 2),
        ((tmp_path / "none.npz", tmp_path / "out"), "there is no file", 1),
        ((tmp_path, tmp_path / "out"), "has no model.safetensors", 1),
        ((tmp_path / "empty.npz", tmp_path / "out"), "is empty", 1),
        ((tmp_path / "text.npz", tmp_path / "out"), "neither an npz nor a safetensors", 1),
        ((tmp_path / "model.pt", tmp_path / "out"), "is a pickle", 1),
        ((FILE, tmp_path / "out", "--heads", 4), "--heads is 4", 2),
        (
            (FILE, tmp_path / "out", "--image-size", 13),
            "13 is no multiple of the model's patches",
            2,
        ),
        ((FILE, tmp_path / "out", "--image-size", 10**9), "--image-size: must be", 2),
        ((FILE, tmp_path / "out", "--mean", "0.5,0.5"), "mean has 2 numbers", 2),
        ((FILE, tmp_path / "out", "--std", "0"), "--std: must be numbers such as 0.5", 2),
        ((FILE, tmp_path / "out", "--mean", "127.5"), "of pixels from 0 to 1; got '127.5'", 2),
        ((FILE, tmp_path / "out", "--std", "red"), "must be numbers such as", 2),
        ((FILE, tmp_path / "old.npz" / "out"), "is there already", 2),
    ):
        if words[1] == tmp_path / "old.npz" / "out":
            said, status = "is not a directory", 1
        assert run(*words) == status, said
        out, err = capsys.readouterr()
        assert not out and err.startswith("error: ") and err.count("\n") == 1, err
        assert said in err, err
        assert sorted(tmp_path.iterdir()) == before


def test_help_fits_80_columns(capsys):
    assert run("--help") == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_opening_weights_of_another_program_names_the_command(tmp_path):
    for name in ("authors.npz", "timm-fp16.safetensors", "timm", "huggingface-shards"):
        with pytest.raises(minivit.CheckpointError, match=r"python -m minivit import .* OUT"):
            trained.load(GOLDEN / name)
