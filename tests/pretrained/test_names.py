"""Whose weights a file holds; what is refused by its names; and where the sizes are from."""

import sys

import numpy as np
import pytest
from cases import needs_scipy
from weights_files import GOLDEN, authors_arrays, copied, logits, refused, saved, timm_arrays

from minivit import BackendError, ConfigError
from minivit.pretrained import importing


def vector(*shape):
    return np.ones(shape or (8,), np.float32)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("fc_norm.weight", "normalises after the pooling (fc_norm)"),
        ("reg_token", "has register tokens"),
        ("dist_token", "is a distilled DeiT"),
        ("head_dist.bias", "is a distilled DeiT"),
        ("blocks.0.ls1.gamma", "has layer scale"),
        ("blocks.1.attn.q_norm.weight", "normalises queries and keys"),
        ("norm_pre.weight", "normalises before the first block"),
        ("attn_pool.latent", "pools by attention"),
        (
            "patch_embed.backbone.stem.conv.weight",
            "hybrid, with a ResNet",
        ),
        ("other", "unexpected 1: other"),
        ("bad\nname", "unexpected 1: bad?name"),
        ("blocks.2.norm1.weight", "missing 11: blocks.2.norm1.bias"),
        ("blocks.3.norm1.weight", "blocks.{i}.norm1.weight is not there for blocks 0"),
    ],
)
def test_parts_that_minivit_does_not_have_in_timm(more, words, tmp_path):
    path = saved(tmp_path / "model.safetensors", {**timm_arrays(), more: vector()})
    refused(path, words, heads=2)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("conv_root/kernel", "conv_root/kernel of shape (8,), and it should have 4 axes"),
        ("block1/unit1/conv1/kernel", "is no whole model: conv_root/kernel is missing"),
        ("MAPHead_0/probe", "pools by attention (MAPHead)"),
        ("other", "unexpected 1: other"),
        ("Transformer/encoderblock_0/LayerNorm_1/bias", "a second time"),
        ("pos_embedding", "a second time"),
    ],
)  # fmt: skip
def test_parts_that_minivit_does_not_have_in_an_npz(more, words, tmp_path):
    np.savez(tmp_path / "w.npz", **{**authors_arrays(), more: vector()})
    refused(tmp_path / "w.npz", words)


def test_a_distilled_deit_of_hugging_face(tmp_path):
    names = ("embeddings.distillation_token", "embeddings.patch_embeddings.projection.weight")
    path = saved(tmp_path / "model.safetensors", {f"deit.{name}": vector() for name in names})
    pytest.importorskip("safetensors")
    refused(path, "is a DeiT with a distillation token")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pos_embed": vector(1, 11, 8)}, "11 position embeddings, which are no square"),
        ({"pos_embed": vector(1, 10, 9)}, "different 1: pos_embed (1, 10, 9), expected (1, 10, 8)"),
        ({"pos_embed": None}, "no position embeddings"),
        ({"patch_embed.proj.weight": vector(8, 3, 4, 2)}, "patches of 2 x 4"),
        ({"patch_embed.proj.weight": vector(8, 48)}, "should have 4 axes"),
        ({"head.weight": vector(4, 8)}, "different 1: head.weight (4, 8), expected (3, 8)"),
        ({"head.weight": None}, "missing 1: head.weight"),
        ({"head.bias": None}, "has a head without a bias; --classes N puts a new one there"),
        ({"norm.weight": None}, "missing 1: norm.weight"),
        ({"blocks.0.attn.qkv.bias": None}, "missing 1: blocks.0.attn.qkv.bias"),
        ({"blocks.0.mlp.fc1.bias": None}, "blocks.0.mlp.fc1.bias is missing"),
        ({"norm.bias": vector(0)}, "norm.bias has no numbers"),
    ],
)
def test_arrays_that_are_no_model(changes, words, tmp_path):
    arrays = {n: a for n, a in {**timm_arrays(), **changes}.items() if a is not None}
    refused(saved(tmp_path / "model.safetensors", arrays), words, heads=2)


@needs_scipy
def test_a_model_without_biases_of_queries_keys_and_values(tmp_path):
    arrays = timm_arrays()
    zeros = {n: np.zeros_like(a) if "qkv.bias" in n else a for n, a in arrays.items()}
    without = {n: a for n, a in arrays.items() if "qkv.bias" not in n}
    path = saved(tmp_path / "model.safetensors", without)
    got = logits(path, heads=2)
    report = importing.read(path, heads=2).report
    assert list(report.missing) == ["blocks.0.attn.qkv.bias", "blocks.1.attn.qkv.bias"]
    np.testing.assert_array_equal(got, logits(saved(path, zeros), heads=2))


@needs_scipy
def test_hugging_face_s_unused_parts_are_left_out_and_listed(tmp_path):
    directory = copied("huggingface", tmp_path)
    numpy = pytest.importorskip("safetensors.numpy")
    before, file = logits(directory), directory / "model.safetensors"
    more = {"vit.pooler.dense.bias": vector(), "vit.embeddings.mask_token": vector(1, 1, 8)}
    saved(file, {**numpy.load_file(file), **more})
    np.testing.assert_array_equal(logits(directory), before)
    assert importing.read(directory).report.unexpected.keys() == more.keys()


def test_optimizer_state_beside_the_weights_is_not_read(tmp_path):
    arrays = {f"params/{n}": a for n, a in authors_arrays("bigvision").items()}
    arrays = {n.replace("params/params", "params"): a for n, a in arrays.items()}
    np.savez(tmp_path / "w.npz", **arrays, **{"opt/mu": np.full(3, np.nan)})
    report = importing.read(tmp_path / "w.npz").report
    assert report.unexpected == {"opt/mu": "not of the model"}


def test_any_memory_order_of_an_npz(tmp_path):
    arrays = authors_arrays()
    np.savez(tmp_path / "f.npz", **{n: np.asfortranarray(a) for n, a in arrays.items()})
    np.testing.assert_array_equal(logits(tmp_path / "f.npz"), logits(GOLDEN / "authors.npz"))


def test_heads_are_never_guessed_silently(tmp_path):
    pytest.importorskip("safetensors")
    path = GOLDEN / "timm-fp16.safetensors"
    refused(path, "nothing says how many attention heads", "--heads N", error=ConfigError)
    refused(path, "holds no model that can be: heads must divide dim", heads=3)
    refused(GOLDEN / "authors.npz", "--heads is 4", error=ConfigError, heads=4)
    wide = {
        n: np.repeat(a, 24, -1) if a.shape[-1:] == (8,) else a for n, a in timm_arrays().items()
    }
    tall = {n: np.repeat(a, 24, 0) if a.shape[0] in (8, 24) else a for n, a in wide.items()}
    report = importing.read(saved(tmp_path / "w.safetensors", tall)).report
    assert report.numerics["heads"] == {"value": 3, "from": "published models of this width"}
    assert any("nothing says how many heads" in note for note in report.notes)


def test_packages_that_are_not_there(tmp_path, monkeypatch):
    path = copied("huggingface-v5.safetensors", tmp_path)
    npz = copied("bigvision-scan.npz", tmp_path)
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    refused(npz, "pip install ml_dtypes", error=BackendError)
    if pytest.importorskip("safetensors"):
        refused(path, "pip install ml_dtypes", error=BackendError, heads=2)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    refused(path, "pip install safetensors", error=BackendError)


def test_a_file_without_a_head_or_positions(tmp_path):
    arrays = {n: a for n, a in authors_arrays().items() if not n.startswith(("head", "pre_"))}
    np.savez(tmp_path / "w.npz", **arrays)
    refused(tmp_path / "w.npz", "--classes N", error=ConfigError)
    assert importing.read(tmp_path / "w.npz", classes=4).trained.config.classes == 4
    refused(GOLDEN / "bigvision-sines.npz", "--image-size N", error=ConfigError)


def test_more_blocks_in_one_array_than_there_can_be(tmp_path):
    arrays = authors_arrays()
    arrays["Transformer/encoderblock/LayerNorm_0/bias"] = np.zeros((100_000, 1), np.float16)
    np.savez(tmp_path / "w.npz", **arrays)
    refused(tmp_path / "w.npz", "not one row a block")


@pytest.mark.parametrize("kind", ["images and texts", "own", "nothing"])
def test_files_of_something_else(kind, tmp_path):
    if kind == "own":
        importing.read(GOLDEN / "authors.npz").trained.save(tmp_path / "own.npz")
        refused(tmp_path / "own.npz", "is a minivit file already")
        return
    name = "params/img/embedding/kernel" if kind != "nothing" else "w"
    np.savez(tmp_path / "w.npz", **{name: vector()})
    refused(tmp_path / "w.npz", "images and texts" if kind != "nothing" else "1 names (w)")
