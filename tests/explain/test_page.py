"""explain --html: one file, nothing from a network, a small page, and what it refuses."""

import base64
import json
import re
import tomllib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from explained import NAMES, SMALL, trained_model
from program import ROOT

import minivit
from minivit import Config, ConfigError, DataError, data, tree
from minivit.__main__ import main
from minivit.commands import exits
from minivit.explain import assemble, picture, pictures
from minivit.explain.record import walk
from minivit.training.presets import PRESETS

Image = pytest.importorskip("PIL.Image")
TINY = PRESETS["tiny"].model


def page_of(config, **how):
    trained = trained_model(config)
    pixels = np.random.default_rng(2).integers(0, 256, config.image_shape, np.uint8)
    walked = walk(trained, picture.normalised(trained, pixels))
    seen = picture.Picture("</script><b>.png", pixels)
    return trained, walked, assemble.assemble(trained, walked, [seen], [None], "a model", **how)


def data_of(page):
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(text[1])


@pytest.fixture(scope="module")
def tiny():
    return page_of(Config(**TINY, classes=7))


def test_the_page_of_tiny_is_small_and_whole(tiny):
    _, walked, page = tiny
    assert len(page.encode()) < 4_000_000 - 60_000  # ten pictures take less
    assert "<!--" not in page and page.count("</script>") == 2
    assert data_of(page)["source"] == "a model" and walked.parameters == 474_247


def test_nothing_comes_from_a_network(tiny):
    _, _, page = tiny
    code = page.replace("http://www.w3.org/2000/svg", "")  # a name, never fetched
    assert not re.search(r"https?:|//cdn|@import|url\(|\bfetch\(|XMLHttp|WebSocket|import\(", code)
    assert not re.findall(r'(?:src|href)="(?!#|data:)', code)
    assert "default-src 'none'" in page


def test_the_weights_in_it_are_the_models(tiny):
    trained, _, page = tiny
    found = data_of(page)
    flat = np.frombuffer(base64.b64decode(found["weights"]), "<f4")
    start = 0
    for name, leaf in tree.walk(trained.params):
        assert found["shapes"][name] == list(leaf.shape)
        assert (flat[start : start + leaf.size] == leaf.ravel()).all()
        start += leaf.size
    assert start == len(flat) and found["classes"] == list(NAMES)


def test_sources_and_equations_travel_in_it(tiny):
    _, walked, page = tiny
    lessons = data_of(page)["lessons"]
    kinds = {type(step.layer).__name__ for step in walked.steps.values()}
    assert set(lessons) == kinds and {"Attention", "Gelu", "CrossEntropy"} <= kinds
    told = lessons["LayerNorm"]
    assert "xhat = (x - mean) * rstd" in told["forward"] and "dxhat" in told["backward"]
    assert told["source"]["backward"]["text"].startswith("def backward(self, dy, cache):")


def test_every_word_is_said_in_both_languages():
    text = (assemble.FOLDER / "text.js").read_text(encoding="utf-8")
    entries = re.findall(
        r'^  (\w+): \[\s*("(?:[^"\\]|\\.)*"),\s*("(?:[^"\\]|\\.)*")\],?$', text, re.M
    )
    assert len(entries) > 90 and len(entries) == len(re.findall(r"^  \w+: \[", text, re.M))
    for name, english, chinese in entries:
        holes = [set(re.findall(r"\{(\w+)\}", words)) for words in (english, chinese)]
        assert holes[0] == holes[1], name
    said = {name for name, _, _ in entries}
    rest = [assemble.FOLDER / "template.html", *assemble.FOLDER.glob("view/*.js")]
    used = " ".join(file.read_text(encoding="utf-8") for file in rest)
    asked = re.findall(r'(?:\bt\(|data-t=)"(\w+)"', used)
    assert set(asked) <= said
    dead = {n for n in said if n not in used and not n.startswith("key_")}
    assert not {n for n in dead if not n.endswith("_words") and n.partition("_")[0] not in used}


def test_every_file_of_the_page_is_used():
    files = {f.relative_to(assemble.FOLDER).as_posix() for f in assemble.FOLDER.rglob("*.*")}
    assert files == {"template.html", "style.css", *(f"{name}.js" for name in assemble.SCRIPTS)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = project["tool"]["setuptools"]["package-data"]["minivit.explain"]
    packed = {f for p in shipped for f in assemble.FOLDER.parent.glob(p) if f.is_file()}
    assert len(packed) == len(files)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"stem": "small"}, "this model has stem small, and a page shows none"),
        ({"dim": 480, "mlp_dim": 1920}, "parameters and .* MACs, a page at most 3,000,000"),
    ],
)
def test_what_a_page_cannot_show_is_refused(sizes, words):
    config = replace(SMALL, **sizes)
    trained = trained_model(config)
    walked = walk(trained, np.zeros((8, 8, 3), np.float32))
    with pytest.raises(ConfigError, match=words) as refused:
        assemble.refuse(walked)
    assert "presets smoke, tiny, small and base" in str(refused.value)


@pytest.mark.parametrize("preset", ["smoke", "tiny", "small", "base"])
def test_what_is_said_to_fit_does(preset):
    config = Config(**PRESETS[preset].model)
    assert minivit.tree.count(minivit.ViT(config).init(None)) <= assemble.MOST_PARAMETERS
    assert minivit.costs.macs(config) <= assemble.MOST_MACS


def test_the_command_writes_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    trained = trained_model(replace(SMALL, image_size=32))
    trained.save("model.npz")
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save("wide.png")

    def run(*words, status=0):
        assert exits.run(main, ["explain", "model.npz", "wide.png", *words]) == status
        return SimpleNamespace(**capsys.readouterr()._asdict())

    said = run("--html", "out.html", "--lang", "zh", "--label", "cat")
    assert said.out.startswith("wrote out.html: ") and ", 1 picture; open it" in said.out
    assert said.err.startswith("note: no test images in the page: the model file does not say")
    found = data_of((tmp_path / "out.html").read_text(encoding="utf-8"))
    assert found["language"] == "zh" and found["label"] == 0
    assert found["pictures"][0]["size"] == [30, 20]
    run("--html", "out.html")  # its own page is written anew
    (tmp_path / "mine.html").write_text("mine")
    said = run("--html", "mine.html", status=1)
    assert "minivit did not write it" in said.err
    assert (tmp_path / "mine.html").read_text() == "mine"
    assert "unknown language 'de'" in run("--html", "a.html", "--lang", "de", status=2).err
    said = run("--html", "a.html", "--dataset", "nowhere", status=2)
    assert "unknown data set 'nowhere'" in said.err and not (tmp_path / "a.html").exists()


def test_ten_test_images_of_as_many_classes(monkeypatch):
    assert pictures.chosen_indices([1, 1, 0, 1, 2, 0], 4) == [2, 0, 4, 5]
    trained = trained_model(replace(SMALL, image_size=32))
    labels = np.arange(14) // 2
    images = np.zeros((14, 32, 32, 3), np.uint8)
    dataset = data.Dataset("some", NAMES, images, labels, images, labels)
    monkeypatch.setattr(data, "load", lambda *words, **how: dataset)
    found = pictures.test_pictures(trained, "some")
    assert len(found) == 10 and [label for _, label in found] == [*range(7), 0, 1, 2]
    assert found[0][0].name == "some, test image 0"
    monkeypatch.setattr(data, "load", lambda *words, **how: (_ for _ in ()).throw(DataError("no")))
    with pytest.raises(DataError):
        pictures.test_pictures(trained, "some")


# What eyes without red or green cones make of linear RGB. Source: Machado, Oliveira & Fernandes
# 2009, "A physiologically-based model for simulation of color vision deficiency", table 1.
EYES = {
    "usual": np.eye(3),
    "without red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "without green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
}


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_are_told_apart_by_all_eyes(eyes, scheme):
    code = (assemble.FOLDER / "view/draw.js").read_text(encoding="utf-8")
    for name in ("SIGNED", "SIZES"):
        block = code.partition(f"const {name} = ")[2].partition(";")[0]
        rows = re.findall(r"\[(\d+), (\d+), (\d+)\]", block.partition(f"{scheme}: ")[2])[:5]
        anchors = np.array(rows, float) / 255
        linear = np.where(anchors <= 0.04045, anchors / 12.92, ((anchors + 0.055) / 1.055) ** 2.4)
        seen = np.clip(linear @ np.transpose(EYES[eyes]), 0, 1)
        light = np.cbrt(seen @ [0.2126, 0.7152, 0.0722])  # about as bright as it looks
        steps = np.diff(light)
        if name == "SIZES":  # brighter or darker all the way
            assert (np.sign(steps) == np.sign(steps[0])).all() and np.abs(steps).min() > 0.05
        else:  # away from the middle on both sides, and the two sides differ in colour
            assert np.sign(steps).tolist() in ([1, 1, -1, -1], [-1, -1, 1, 1])
            for one, other in ((0, 4), (1, 3)):
                shares = [seen[i] / seen[i].sum() for i in (one, other)]
                assert np.abs(shares[0] - shares[1]).max() > 0.2
