"""python -m minivit explain in the terminal: the numbers are the model's own, in 80 columns."""

import io
import json
import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from explained import CONFIGS, NAMES, trained_model

import minivit
from minivit import ConfigError, CrossEntropy, costs, tree
from minivit.__main__ import main
from minivit.commands import exits
from minivit.commands import explain as command
from minivit.explain import assemble, both_ends, picture, screens
from minivit.explain.lesson import lesson
from minivit.explain.record import walk
from minivit.gradcheck_cases import LAYERS
from minivit.residual import ResidualConfig
from minivit.text import columns_of

Image = pytest.importorskip("PIL.Image")


STEM = {"stem": replace(CONFIGS["class token"], stem="small")}  # in the terminal only


@pytest.fixture(scope="module", params=[*CONFIGS, "stem"])
def trained(request):
    return trained_model({**CONFIGS, **STEM}[request.param])


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """The command, in a directory with model.npz and wide.png."""
    monkeypatch.chdir(tmp_path)
    trained_model(CONFIGS["class token"]).save("model.npz")
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save("wide.png")

    def call(*words, status=0):
        assert exits.run(main, ["explain", *map(str, words)]) == status
        return SimpleNamespace(**capsys.readouterr()._asdict())

    return call


def image_for(trained):
    config = trained.config
    return picture.normalised(
        trained, np.random.default_rng(2).integers(0, 256, config.image_shape, np.uint8)
    )


def test_the_walk_is_the_models_own_forward_and_backward(trained):
    image, model, loss = image_for(trained), trained.model, CrossEntropy()
    found = walk(trained, image, 3)
    logits, cache = model.forward(trained.params, image[None])
    nats, loss_cache = loss.forward(logits, np.array([3]))
    dimage, grads = model.backward(loss.backward(1.0, loss_cache), cache)
    assert found.loss == nats and (found.steps["head"].y == logits).all()
    assert (next(iter(found.steps.values())).dx == dimage).all()
    for name, grad in tree.walk(grads):
        part, _, leaf = name.partition(".")
        assert (dict(tree.walk(found.steps[part].grads))[leaf] == grad).all()
    block = found.steps["block1"]  # what a composite writes over was noted before
    inner = [found.steps[f"block1.{name}"] for name in ("attn", "mlp")]
    assert np.allclose(block.y, block.x + inner[0].y + inner[1].y, atol=1e-5)
    into = sum(found.steps[f"block1.{name}"].dx for name in ("norm1", "norm2"))
    assert np.allclose(block.dx, block.dy + into, atol=1e-5)
    assert found.parameters == costs.parameters(trained.config)
    assert found.macs == costs.macs(trained.config)


def test_every_screen_has_equations_and_fits_a_terminal(trained):
    found = walk(trained, image_for(trained))
    names = screens.shown_names(found.steps)
    assert names[0] in ("patchify", "stem.conv1") and {"block0.attn", "loss"} <= set(names)
    pages = list(screens.screens(found, names))
    assert len(pages) == 2 * len(names)
    pages += screens.screens(found, list(found.steps))
    pages.append(both_ends.closing(found))
    seen = picture.Picture("\x1b.png", np.zeros((8, 8, 3)), (3000, 2000))
    pages.append(both_ends.opening(found, seen, NAMES, names))
    for page in pages:
        assert max(map(columns_of, page.splitlines())) <= 80 and "\x1b" not in page
    attention = next(p for p in pages if "block0.attn" in p and "forward" in p)
    told = "bias[offset(j, i)]" if trained.config.position == "relative" else "softmax of s over"
    assert told in attention and "head by head" in attention
    back = next(p for p in pages if "block0.attn" in p and "backward" in p)
    step = found.steps["block0.attn"]
    assert lesson(step.layer).backward.splitlines()[-1][:60] in back and "qkv.w" in back
    norm = np.linalg.norm(step.dx)
    assert f"norm {norm:.3g}" in back or f"norm {norm:.2e}" in back


def test_a_residual_network_is_followed_too_but_not_on_a_page():
    trained = trained_model(ResidualConfig(image_size=8, width=8, units=1, classes=7))
    found = walk(trained, image_for(trained))
    names = screens.shown_names(found.steps)
    assert {"root.conv", "stage3.unit1", "pool", "head"} <= set(names)
    for page in [*screens.screens(found, list(found.steps)), both_ends.closing(found)]:
        assert max(map(columns_of, page.splitlines())) <= 80
    with pytest.raises(ConfigError, match="a page needs transformer blocks, and this is a resid"):
        assemble.refuse(found)


@pytest.mark.parametrize("name", [*LAYERS, "CrossEntropy"])
def test_each_layers_docstring_tells_both_ways(name):
    layer = LAYERS[name][0] if name in LAYERS else CrossEntropy()
    told = lesson(layer)
    assert "=" in told.backward and "d" in told.backward
    assert told.forward and not any(line.startswith("dx") for line in told.forward.splitlines())
    for method in told.source.values():
        with open(f"{minivit.__path__[0]}/{method.file}", encoding="utf-8") as file:
            line = file.read().splitlines()[method.line - 1]
        assert line.strip() == method.text.splitlines()[0]


def test_the_command(run):
    said = run("model.npz", "wide.png")
    assert "30 x 20 pixels, fitted to 8 x 8" in said.out and said.err == ""
    assert "The label is" in said.out and "(the model's own answer)" in said.out
    assert "The way back, layer by layer" in said.out
    one = run("model.npz", "wide.png", "--label", "DOG", "--layer", "block1.mlp.fc1").out
    assert one.count("block1.mlp.fc1") == 2 and "dw = x.T @ dy" in one
    found = json.loads(run("model.npz", "wide.png", "--label", 2, "--json").out)
    assert found["label"] == NAMES[2] and len(found["probabilities"]) == len(NAMES)
    loss = -np.log(found["probabilities"][NAMES[2]])
    assert found["loss"] == pytest.approx(loss, rel=1e-5)
    assert found["layers"][-1]["name"] == "loss" and found["layers"][-1]["class"] == "CrossEntropy"


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["wide.png", "--label", "dgo"], 2, "unknown label 'dgo'; did you mean 'dog'? Valid: cat"),
        (["wide.png", "--label", "99"], 2, "unknown label '99'. Valid: cat"),
        (["wide.png", "--layer", "blok1"], 2, "did you mean 'block1'? Valid: patchify, patch, "),
        (["none.png"], 1, "none.png cannot be read as PNG"),
        (["wide.png", "--lang", "zh"], 2, "--lang is for a page: it needs --html FILE."),
        (
            ["wide.png", "--html", "a.html", "--json"],
            2,
            "--html writes a page of all layers: leave",
        ),
    ],
)
def test_bad_input_is_one_sentence(run, words, status, sentence):
    said = run("model.npz", *words, status=status)
    assert sentence in said.err and said.err.count("\n") == 1 and said.out == ""


def test_models_that_it_cannot_follow(run):
    model = trained_model(CONFIGS["class token"])
    wild = tree.map(lambda leaf: leaf * np.float32(1e30), model.params)
    replace(model, params=wild).save("wild.npz")
    assert "for this picture are not finite" in run("wild.npz", "wide.png", status=1).err
    regression = SimpleNamespace(objective=SimpleNamespace(name="regression"))
    with pytest.raises(ConfigError, match="m was trained for the objective 'regression'"):
        picture.require_classes(regression, "m")


def test_on_a_terminal_the_user_sets_the_pace(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("\nb\n\n\nq\n"))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    command.show(["one", "two", "three", "four"])
    shown = re.findall("one|two|three|four", capsys.readouterr().out)
    assert shown == ["one", "two", "one", "two", "three"]
