"""What `export` writes: as the libraries themselves would, bit for bit, or nothing at all."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_models import random_trained

from minivit import BackendError, CheckpointError, ConfigError, load, tree
from minivit.pretrained.configs import PUBLISHED, mlp_ratio, timm_config
from minivit.pretrained.export import arrays_of, export
from minivit.pretrained.formats import BY_ENDING, FORMATS, format_of
from minivit.pretrained.layouts import places
from minivit.storage import checkpoint

GOLDEN = json.loads((Path(__file__).parent / "fixtures/export.json").read_text(encoding="utf-8"))
NAMES = {"timm": "new/timm.safetensors", "huggingface": "new", "authors": "authors.npz"}
REASON = "writing and reading safetensors files needs: pip install safetensors"


def written(trained, place, name):
    """Export the model -> {name: array} of the file with the weights, and its directory."""
    if name != "authors":
        pytest.importorskip("safetensors", reason=REASON)
    done = export(trained, place / NAMES[name])
    assert done.format == name and all(Path(file).is_file() for file in done.files)
    if name == "authors":
        return dict(np.load(done.files[0], allow_pickle=False)), place
    from safetensors.numpy import load_file

    return load_file(done.files[0]), Path(done.files[0]).parent


def same(ours, theirs):
    """Whether two trees have the same leaves, bit for bit."""
    ours, theirs = dict(tree.walk(ours)), dict(tree.walk(theirs))
    assert list(ours) == list(theirs)
    assert all(a.tobytes() == theirs[name].tobytes() for name, a in ours.items())


# As the libraries write it


@pytest.mark.parametrize(
    ("name", "pool"),
    [("timm", "class"), ("timm", "mean"), ("huggingface", "class"), ("authors", "class"),
     ("authors", "mean")],
)  # fmt: skip
def test_names_shapes_and_number_formats_are_the_librarys_own(tmp_path, name, pool):
    arrays, _ = written(random_trained(pool=pool), tmp_path, name)
    golden = GOLDEN[name][pool]
    shapes = golden if name == "authors" else {n: s for n, (_, s) in golden["arrays"].items()}
    assert {n: list(a.shape) for n, a in arrays.items()} == shapes
    assert {a.dtype for a in arrays.values()} == {np.dtype("<f4")}
    if name != "authors":
        assert {kind for kind, _ in golden["arrays"].values()} == {"F32"}


@pytest.mark.parametrize("pool", ["class", "mean"])
def test_the_config_is_what_timm_writes(tmp_path, pool):
    _, directory = written(random_trained(pool=pool), tmp_path, "timm")
    ours = json.loads((directory / "config.json").read_text())
    theirs = GOLDEN["timm"][pool]["config.json"]
    args, pretrained = theirs["model_args"], theirs["pretrained_cfg"]
    assert ours["model_args"].pop("img_size") == args.pop("img_size")[0]
    assert ours.pop("model_args").items() <= args.items()
    own = ours.pop("pretrained_cfg")
    assert own == {name: pretrained[name] for name in own}
    assert ours == {name: theirs[name] for name in ours}
    assert set(theirs) - set(ours) == {"model_args", "pretrained_cfg"}
    assert set(pretrained) - set(own) == {"tag", "license"}  # of the weights that timm knows
    left = {"num_classes": 3, "in_chans": 3, "global_pool": "token" if pool == "class" else "avg"}
    assert all(left.get(name, value) == value for name, value in args.items())


def test_the_configs_are_what_transformers_writes(tmp_path):
    _, directory = written(random_trained(), tmp_path, "huggingface")
    for name in ("config.json", "preprocessor_config.json"):
        ours = json.loads((directory / name).read_text())
        theirs = GOLDEN["huggingface"]["class"][name]
        assert ours == {key: theirs[key] for key in ours}
    assert sorted(os.listdir(tmp_path / "new")) == [
        "config.json", "model.safetensors", "preprocessor_config.json",
    ]  # fmt: skip


def test_a_lone_file_says_what_it_is(tmp_path):
    written(random_trained(), tmp_path, "timm")
    from safetensors import safe_open

    with safe_open(tmp_path / NAMES["timm"], "np") as file:
        metadata = file.metadata()
    assert metadata["format"] == "pt"
    assert json.loads(metadata["config.json"])["model_args"]["act_layer"] == "gelu_tanh"
    if os.name != "nt":  # others may read it, as any file that is written here
        modes = {os.stat(tmp_path / "new" / f).st_mode for f in os.listdir(tmp_path / "new")}
        assert len(modes) == 1


# Bit for bit


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_read_back_the_same_bits(tmp_path, name):
    trained = random_trained(channels=1, mlp_dim=20)
    arrays, _ = written(trained, tmp_path, name)
    found = places(FORMATS[name].layout, trained.config)
    read = {ours: place.read([arrays.pop(n) for n in place.names]) for ours, place in found.items()}
    assert not arrays
    same(trained.params, tree.unwalk(read.items()))


def test_a_weights_only_file_is_the_model_with_all_that_is_known_of_it(tmp_path):
    trained = random_trained(pool="sequence", patch_overlap=1, gelu="erf", pre_logits=5)
    done = export(trained, tmp_path / "model.npz", weights_only=True)
    assert done.format == "minivit" and not done.notes
    again = load(tmp_path / "model.npz")
    same(trained.params, again.params)
    assert (again.config, again.classes, again.crop) == (trained.config, trained.classes, 0.875)
    assert (again.mean == trained.mean).all() and (again.std == trained.std).all()
    assert again.about == {"dataset": "noise", "test": {"accuracy": 0.5}}


def test_it_is_a_third_of_an_adamw_checkpoint(tmp_path):
    trained = random_trained(dim=64, mlp_dim=256)
    export(trained, tmp_path / "model.npz", weights_only=True)
    arrays, meta = checkpoint.load(tmp_path / "model.npz")
    moments = {f"optimizer/{m}/{n}": a for m in ("first", "second") for n, a in arrays.items()}
    checkpoint.save(tmp_path / "last.npz", arrays | moments, meta)
    ratio = (tmp_path / "model.npz").stat().st_size / (tmp_path / "last.npz").stat().st_size
    assert 0.32 < ratio < 0.36


# timm's names for sizes


@pytest.mark.parametrize(
    ("sizes", "architecture", "args"),
    [
        ({"dim": 768, "depth": 12, "heads": 12, "mlp_dim": 3072}, "base_patch16_224", {}),
        ({"dim": 192, "depth": 12, "heads": 3, "mlp_dim": 768, "image_size": 384},
         "tiny_patch16_384", {}),
        ({"dim": 384, "depth": 12, "heads": 6, "mlp_dim": 1536, "image_size": 96},
         "small_patch16_224", {"img_size": 96}),
        ({"dim": 384, "depth": 3, "heads": 6, "mlp_dim": 96, "channels": 1}, "base_patch16_224",
         {"img_size": 224, "patch_size": 16, "embed_dim": 384, "depth": 3, "num_heads": 6,
          "mlp_ratio": 0.25, "in_chans": 1}),
    ],
)  # fmt: skip
def test_published_sizes_have_their_names(sizes, architecture, args):
    trained = random_trained()
    config = replace(trained.config, image_size=224, patch_size=16, gelu="erf")
    object.__setattr__(trained, "config", replace(config, **sizes))  # the weights do not matter
    assert architecture in PUBLISHED
    config = timm_config(trained)
    assert config["architecture"] == f"vit_{architecture}" and config["model_args"] == args


def test_timm_makes_the_same_hidden_width_of_the_ratio():
    assert all(int(d * mlp_ratio(d, m)) == m for d in range(1, 400, 3) for m in range(1, 900, 7))


# What does not fit is refused


@pytest.mark.parametrize(
    ("sizes", "formats", "sentence"),
    [
        ({"patch_overlap": 1}, ["timm", "huggingface", "authors"],
         r"cannot hold overlapping patches; minivit's own \(FILE.npz --weights-only\) can"),
        ({"pool": "sequence"}, ["timm", "huggingface", "authors"],
         r"cannot hold sequence pooling; minivit's own"),
        ({"pool": "mean"}, ["huggingface"], r"cannot hold mean pooling; timm's \(FILE.safetensors\)"
         r", the authors' \(FILE.npz\) and minivit's own \(FILE.npz --weights-only\) can"),
        ({"pre_logits": 6}, ["timm", "huggingface"], r"\(pre_logits\); the authors'.* and minivit"),
        ({"gelu": "relu"}, ["timm", "huggingface", "authors"], "cannot hold ReLU; minivit's own"),
        ({"position": "learned-2d"}, ["timm", "huggingface", "authors"],
         r"cannot hold positions other than a learned vector each; minivit's own"),
        ({"head_hidden": 6}, ["timm", "huggingface", "authors"],
         r"cannot hold a hidden layer in the head \(head_hidden\); minivit's own"),
        ({"gelu": "erf"}, ["authors"], r"the exact \(erf\) GELU; timm's .*, Hugging Face's"),
        ({"gelu": "erf", "pool": "mean", "pre_logits": 6}, ["huggingface"],
         r"cannot hold mean pooling and a hidden layer in the head \(pre_logits\); minivit's own"),
        ({"norm_eps": 0.01}, ["timm", "authors"], r"cannot hold the 0.01 that LayerNorm adds .*"
         r"changes the logits by .*; Hugging Face's \(a directory\) and minivit's own"),
    ],
)  # fmt: skip
def test_what_a_format_cannot_hold_is_named_and_what_can(tmp_path, sizes, formats, sentence):
    if sizes.get("norm_eps"):
        pytest.importorskip("safetensors", reason=REASON)
    trained = random_trained(**sizes)
    for name in formats:
        if name != "authors":
            pytest.importorskip("safetensors", reason=REASON)
        with pytest.raises(ConfigError, match=sentence) as caught:
            export(trained, tmp_path / NAMES[name])
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(FORMATS[name].title)
    assert list(tmp_path.iterdir()) == []


def test_another_objective_is_refused(tmp_path):
    class Regression:
        name = "regression"

    trained = replace(random_trained(), objective=Regression())
    with pytest.raises(ConfigError, match="cannot hold another objective than classification"):
        export(trained, tmp_path / "a.npz")


def test_a_difference_that_is_small_is_said(tmp_path):
    done = export(random_trained(norm_eps=1e-12), tmp_path / "a.npz")
    assert "LayerNorm adds 1e-12" in done.notes[0] and "its programs add 1e-06" in done.notes[0]
    done = export(random_trained(pool="mean"), tmp_path / "b.npz")
    assert "mean 0.4, 0.45, 0.5 and std 0.2, 0.6, 1.0 " in done.notes[0]
    assert 'classifier="gap"' in done.notes[1]


# Where it is written


@pytest.mark.parametrize(
    ("path", "options", "name"),
    [
        ("a.safetensors", {}, "timm"),
        ("A.SAFETENSORS", {}, "timm"),
        ("a.npz", {}, "authors"),
        ("a.npz", {"weights_only": True}, "minivit"),
        ("a.npz", {"name": "minivit"}, "minivit"),
        ("a.npz", {"name": "minivit", "weights_only": True}, "minivit"),
        ("a", {}, "huggingface"),
        ("a.npz/", {}, "huggingface"),
        ("a", {"name": "timm"}, "timm"),
        ("vit-1.0", {"name": "huggingface"}, "huggingface"),
    ],
)
def test_the_name_says_the_format(path, options, name):
    assert format_of(path, **options) == name and set(BY_ENDING.values()) < set(FORMATS)


@pytest.mark.parametrize(
    ("path", "options", "sentence"),
    [
        ("a.bin", {}, "a.bin says no format: name FILE.safetensors"),
        ("a", {"weights_only": True}, "a: the format minivit is written to FILE.npz"),
        ("a.npz", {"name": "timm"}, "written to FILE.safetensors or a directory"),
        ("a.safetensors", {"name": "huggingface"}, "huggingface is written to a directory"),
        ("a.npz", {"name": "timm", "weights_only": True}, "is the format minivit, not timm"),
        ("a.npz", {"name": "tim"}, "unknown format 'tim'; did you mean 'timm'"),
    ],
)
def test_a_name_that_cannot_be_meant(path, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        format_of(path, **options)


def test_nothing_is_written_over(tmp_path):
    trained = random_trained()
    export(trained, tmp_path / "a.npz")
    with pytest.raises(ConfigError, match=r"a\.npz is there already; export writes over nothing"):
        export(trained, tmp_path / "a.npz", weights_only=True)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"config\.json is there already, and timm reads"):
        export(trained, tmp_path / "a.safetensors")
    with pytest.raises(ConfigError, match=r"directory that is not empty \(it holds a\.npz\)"):
        export(trained, tmp_path)
    with pytest.raises(ConfigError, match=r"config\.json: the format huggingface|is there already"):
        export(trained, tmp_path / "config.json", "huggingface")
    assert sorted(os.listdir(tmp_path)) == ["a.npz", "config.json"]


def test_an_empty_directory_may_be_filled(tmp_path):
    pytest.importorskip("safetensors", reason=REASON)
    (tmp_path / "new").mkdir()
    done = export(random_trained(pool="mean"), f"{tmp_path}/new/", "timm")
    assert sorted(os.listdir(tmp_path / "new")) == ["config.json", "model.safetensors"]
    assert done.read_with == f'timm.create_model("local-dir:{tmp_path}/new", pretrained=True)'


@pytest.mark.skipif(os.name == "nt", reason="needs resource limits")
@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_leaves_nothing(tmp_path, name):
    import resource

    if name != "authors":
        pytest.importorskip("safetensors", reason=REASON)
    (tmp_path / "new").mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))
        with pytest.raises(CheckpointError, match=r"cannot write .*free some space") as caught:
            export(random_trained(dim=32), tmp_path / NAMES[name])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(tmp_path / NAMES[name]) in str(caught.value) and "\n" not in str(caught.value)
    assert [f.name for f in tmp_path.rglob("*")] == ["new"]


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    monkeypatch.setitem(__import__("sys").modules, "safetensors.numpy", None)
    for name in ("timm", "huggingface"):
        with pytest.raises(BackendError, match="needs the package: pip install safetensors"):
            export(random_trained(), tmp_path / NAMES[name])
    assert export(random_trained(), tmp_path / "a.npz").format == "authors"
    assert os.listdir(tmp_path) == ["a.npz"]


def test_weights_that_do_not_fit_are_not_written(tmp_path):
    trained = random_trained()
    wide = tree.map(lambda leaf: leaf.astype(np.float64), trained.params)
    with pytest.raises(CheckpointError, match=r"patch\.w is float64 \(48, 8\); it should be"):
        export(replace(trained, params=wide), tmp_path / "a.npz")
    less = {name: part for name, part in trained.params.items() if name != "head"}
    with pytest.raises(CheckpointError, match=r"the weights are not of this model \(head\.b\)"):
        arrays_of(replace(trained, params=less), FORMATS["authors"].layout)
    assert list(tmp_path.iterdir()) == []
