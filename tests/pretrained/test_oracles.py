"""Models of the published sizes, with random weights, against timm, transformers and the authors'.

Skipped without these programs. PYTHONPATH with a clone of github.com/google-research/
vision_transformer and flax runs the authors' code; MINIVIT_LARGE=1 runs L/16 too.
"""

import os

import numpy as np
import pytest

from minivit import Config
from minivit.pretrained import importing

pytest.importorskip("scipy", reason="the exact (erf) GELU needs SciPy")

MODELS = {  # name: (variant, image size, its name in timm)
    "Ti/16": ("Ti/16", 224, "vit_tiny_patch16_224"),
    "S/16": ("S/16", 224, "vit_small_patch16_224"),
    "B/32": ("B/32", 224, "vit_base_patch32_224"),
    "B/16": ("B/16", 224, "vit_base_patch16_224"),
    "B/16 at 384": ("B/16", 384, "vit_base_patch16_384"),
    "L/16": ("L/16", 224, "vit_large_patch16_224"),
}
large = pytest.mark.skipif(os.environ.get("MINIVIT_LARGE") != "1", reason="MINIVIT_LARGE=1 runs it")
every_model = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[large] * name.startswith("L")) for name in MODELS]
)


def images(size):
    return np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)


def pixels(size):
    """As a model takes them whose input has mean and std 0.5."""
    return (images(size).astype(np.float32) / 255 - 0.5) / 0.5


def drawn(shape, rng):
    """Weights of a size at which a deep model's tokens neither vanish nor explode."""
    values = rng.standard_normal(shape, np.float32) * np.float32(0.04)
    return values + 1 if len(shape) == 1 and rng.random() < 0.3 else values


def redraw(model):
    torch, rng = pytest.importorskip("torch"), np.random.default_rng(1)
    with torch.no_grad():
        for leaf in model.parameters():
            leaf.copy_(torch.from_numpy(drawn(tuple(leaf.shape), rng)))
    return model.eval()


def as_tensors(size):
    import torch

    return torch.from_numpy(pixels(size).transpose(0, 3, 1, 2).copy())


def compare(path, logits, size, config, **options):
    """Import, predict, and compare with the program's own logits to 1e-4 of the largest."""
    trained = importing.read(path, **options).trained
    assert {n: v for n, v in config.to_dict().items() if n not in ("gelu", "norm_eps")} == {
        n: v for n, v in trained.config.to_dict().items() if n not in ("gelu", "norm_eps")
    }
    got = trained.outputs(images(size))
    worst = np.abs(got - logits).max() / np.abs(logits).max()
    print(f"{path}: {worst:.1e} of the largest logit")
    assert worst <= 1e-4


@every_model
def test_timm(name, tmp_path):
    timm, torch = pytest.importorskip("timm"), pytest.importorskip("torch")
    from safetensors.torch import save_file

    variant, size, architecture = MODELS[name]
    model = redraw(timm.create_model(architecture))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    with torch.no_grad():
        logits = model(as_tensors(size)).numpy()
    config = Config.variant(variant, image_size=size)
    compare(tmp_path / "model.safetensors", logits, size, config)


@every_model
def test_hugging_face(name, tmp_path):
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    variant, size, _ = MODELS[name]
    c = Config.variant(variant, image_size=size)
    model = redraw(transformers.ViTForImageClassification(transformers.ViTConfig(
        hidden_size=c.dim, num_hidden_layers=c.depth, num_attention_heads=c.heads,
        intermediate_size=c.mlp_dim, image_size=size, patch_size=c.patch_size, num_labels=1000,
    )))  # fmt: skip
    model.save_pretrained(tmp_path)
    with torch.no_grad():
        logits = model(as_tensors(size)).logits.numpy()
    compare(tmp_path, logits, size, c)


def flax_model(name):
    """The authors' model, and random weights for it by their names."""
    models_vit = pytest.importorskip("vit_jax.models_vit", reason="needs the authors' code")
    import types

    import jax
    from flax import traverse_util

    variant, size, _ = MODELS[name]
    c = Config.variant(variant, image_size=size)
    transformer = {"num_layers": c.depth, "mlp_dim": c.mlp_dim, "num_heads": c.heads}
    model = models_vit.VisionTransformer(
        num_classes=c.classes, hidden_size=c.dim, transformer=transformer,
        patches=types.SimpleNamespace(size=(c.patch_size, c.patch_size)),
    )  # fmt: skip
    shapes = jax.eval_shape(
        lambda: model.init(jax.random.key(0), np.zeros((1, size, size, 3), np.float32), train=False)
    )
    rng = np.random.default_rng(1)
    flat = traverse_util.flatten_dict(shapes["params"], sep="/")
    return model, {name: drawn(leaf.shape, rng) for name, leaf in flat.items()}, c


@every_model
def test_the_authors(name, tmp_path):
    model, weights, config = flax_model(name)
    from flax import traverse_util

    np.savez(tmp_path / "weights.npz", **weights)
    params = traverse_util.unflatten_dict(weights, sep="/")
    size = config.image_size
    logits = np.asarray(model.apply({"params": params}, pixels(size), train=False))
    compare(tmp_path / "weights.npz", logits, size, config)


@pytest.mark.parametrize("size", [384, 160])
def test_timm_at_another_resolution(size, tmp_path):
    timm, torch = pytest.importorskip("timm"), pytest.importorskip("torch")
    from safetensors.torch import save_file
    from timm.models.vision_transformer import checkpoint_filter_fn

    model = redraw(timm.create_model("vit_tiny_patch16_224"))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    other = timm.create_model("vit_tiny_patch16_224", img_size=size).eval()
    other.load_state_dict(checkpoint_filter_fn(dict(model.state_dict()), other))
    with torch.no_grad():
        logits = other(as_tensors(size)).numpy()
    config = Config.variant("Ti/16", image_size=size)
    compare(tmp_path / "model.safetensors", logits, size, config, image_size=size)


def test_a_distilled_deit_is_refused(tmp_path):
    timm = pytest.importorskip("timm")
    from safetensors.torch import save_file

    from minivit import CheckpointError

    model = timm.create_model("deit_tiny_distilled_patch16_224")
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="is a distilled DeiT, with a token"):
        importing.read(tmp_path / "model.safetensors")
