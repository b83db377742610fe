"""Make tests/pretrained/golden: small files of weights as other programs write them, and logits.

    python tests/pretrained/make_golden.py --vision-transformer DIR --big-vision DIR

Needs torch, timm, transformers, flax, scipy and ml_dtypes, and clones of
github.com/google-research/vision_transformer and .../big_vision. Each logit is computed by the
program that the format is of. Weights are random. Tokens are so small that the eps of LayerNorm
counts, and the MLPs work near -2.7, where the two forms of GELU differ most.
"""

import argparse
import shutil
import sys
import types
from pathlib import Path

import flax
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import scipy.ndimage
import torch
import transformers
from safetensors.torch import save_file
from timm.models import VisionTransformer, vision_transformer
from timm.models._hub import save_for_hf

HERE = Path(__file__).parent / "golden"
P, D, DEPTH, HEADS, M, CLASSES = 4, 8, 2, 2, 12, 3
SIZES = {"": 12, " larger": 20, " smaller": 8}  # grids of 3, 5 and 2
RNG = np.random.default_rng(0)
IMAGES = {size: RNG.integers(0, 256, (2, size, size, 3), np.uint8) for size in SIZES.values()}
DEIT = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
HALF = ([0.5] * 3, [0.5] * 3)
EXPECTED = {f"images {size}": images for size, images in IMAGES.items()}


def pixels(size, mean, std):
    """The images as a model takes them, float32 (2, size, size, 3)."""
    return ((IMAGES[size] / 255 - mean) / std).astype(np.float32)


def drawn(name, shape):
    """Random weights for the array of this name."""
    values = RNG.standard_normal(shape).astype(np.float32)
    if any(word in name for word in ("embed", "cls")):
        return values * np.float32(2e-3)
    if any(word in name for word in ("fc1", "Dense_0")):
        return values * np.float32(0.2) - np.float32(2.7) * name.endswith("bias")
    return values * np.float32(20 if "fc2.w" in name or "Dense_1/k" in name else 0.6)


def expect(case, logits):
    EXPECTED[case] = np.asarray(logits, np.float32)


# --- the authors' two code bases -----------------------------------------------------------------


def flat(params):
    return {
        "/".join(path): np.asarray(leaf)
        for path, leaf in flax.traverse_util.flatten_dict(params).items()
    }


def flax_case(case, model, prefix="", old=False, dtype=None, positions=None, sizes=SIZES):
    """Draw weights for a flax model, save them, and compute its logits at all sizes.

    positions: the name of the array to be resampled, and how many of its vectors are not patches'.
    """
    variables = model.init(jax.random.key(0), jnp.zeros((1, 12, 12, 3)), train=False)
    params = {name: drawn(name, leaf.shape) for name, leaf in flat(variables["params"]).items()}
    if dtype:
        params = {name: leaf.astype(dtype) for name, leaf in params.items()}
    stored = {}
    for name, leaf in params.items():
        if old:
            name = name.replace("LayerNorm_1", "LayerNorm_2").replace("MlpBlock_0", "MlpBlock_3")
            name = name.replace("DotProductAttention_0", "DotProductAttention_1")
        stored[prefix + name] = leaf
    np.savez(HERE / f"{case}.npz", **stored)
    for words, size in sizes.items():
        now = {name: leaf.astype(np.float32) for name, leaf in params.items()}
        if positions and words:
            name, first = positions
            grid, new = now[name][0, first:].reshape(3, 3, D), size // P
            grid = scipy.ndimage.zoom(grid, (new / 3, new / 3, 1), order=1)
            both = [now[name][0, :first], grid.reshape(new * new, D)]
            now[name] = np.concatenate(both)[None]
        tree = flax.traverse_util.unflatten_dict({tuple(n.split("/")): v for n, v in now.items()})
        output = model.apply({"params": tree}, pixels(size, *HALF), train=False)
        expect(case + words, output[0] if isinstance(output, tuple) else output)


def authors(directory):
    sys.path.insert(0, directory)
    from vit_jax.models_vit import VisionTransformer as Model

    def model(**changes):
        transformer = {"num_layers": DEPTH, "mlp_dim": M, "num_heads": HEADS}
        patches = types.SimpleNamespace(size=(P, P))
        return Model(num_classes=CLASSES, patches=patches, transformer=transformer, hidden_size=D,
                     **changes)  # fmt: skip

    name = "Transformer/posembed_input/pos_embedding"
    flax_case("authors", model(representation_size=6), old=True, positions=(name, 1))
    flax_case("authors-new", model(), prefix="opt/target/", positions=(name, 1))
    flax_case("authors-mean", model(classifier="gap"), positions=(name, 0))


def big_vision(directory):
    sys.path.insert(0, directory)
    for name in ("big_vision.utils", "big_vision.models.common"):  # the model needs neither
        sys.modules[name] = types.ModuleType(name)
    import big_vision

    big_vision.utils = sys.modules["big_vision.utils"]
    sys.modules["big_vision.models.common"].merge_params = None
    import big_vision.models

    big_vision.models.common = sys.modules["big_vision.models.common"]
    from big_vision.models.vit import _Model as Model

    sizes = {"patch_size": (P, P), "width": D, "depth": DEPTH, "mlp_dim": M, "num_heads": HEADS}
    posemb = ("pos_embedding", 0)
    flax_case("bigvision", Model(CLASSES, pool_type="tok", **sizes), "params/", positions=posemb)
    scan = Model(CLASSES, pool_type="gap", scan=True, **sizes)
    flax_case("bigvision-scan", scan, dtype=ml_dtypes.bfloat16, positions=posemb)
    sines = Model(CLASSES, pool_type="gap", rep_size=True, posemb="sincos2d", **sizes)
    flax_case("bigvision-sines", sines)


# --- timm ----------------------------------------------------------------------------------------


def redraw(model):
    with torch.no_grad():
        for name, leaf in model.named_parameters():
            leaf.copy_(torch.from_numpy(drawn(name, tuple(leaf.shape))))
    return model.eval()


def tensors(size, mean, std):
    return torch.from_numpy(pixels(size, mean, std).transpose(0, 3, 1, 2).copy())


def timm_case(case, mean_std=HALF, alone=False, dtype=torch.float32, **changes):
    sizes = {"patch_size": P, "embed_dim": D, "depth": DEPTH, "num_heads": HEADS,
             "mlp_ratio": M / D, "num_classes": CLASSES, **changes}  # fmt: skip
    model = redraw(VisionTransformer(img_size=12, **sizes)).to(dtype).float()
    if alone:
        save_file({n: t.to(dtype) for n, t in model.state_dict().items()},
                  HERE / f"{case}.safetensors")  # fmt: skip
    else:
        mean, std = mean_std
        model.pretrained_cfg = {
            "architecture": "vit_tiny_patch16_224", "input_size": (3, 12, 12), "mean": mean,
            "std": std, "crop_pct": 0.875, "num_classes": CLASSES, "interpolation": "bicubic",
            "first_conv": "patch_embed.proj", "classifier": "head", "fixed_input_size": True,
        }  # fmt: skip
        save_for_hf(model, HERE / case, model_args={"img_size": 12, **sizes},
                    safe_serialization=True)  # fmt: skip
        shutil.rmtree(HERE / case / ".cache", ignore_errors=True)
    for words, size in SIZES.items():
        other = VisionTransformer(img_size=size, **sizes).eval()
        state = dict(model.state_dict())
        other.load_state_dict(vision_transformer.checkpoint_filter_fn(state, other))
        with torch.no_grad():
            expect(case + words, other(tensors(size, *mean_std)).numpy())


def timm():
    timm_case("timm")
    timm_case("timm-deit", DEIT, no_embed_class=True, act_layer="gelu_tanh")
    timm_case("timm-mean", global_pool="avg", class_token=False, fc_norm=False)
    timm_case("timm-fp16", alone=True, dtype=torch.float16, qkv_bias=False)


# --- Hugging Face --------------------------------------------------------------------------------


def hugging_face_case(case, dtype=torch.float32, shards=None, alone=False, **changes):
    config = transformers.ViTConfig(
        hidden_size=D, num_hidden_layers=DEPTH, num_attention_heads=HEADS, intermediate_size=M,
        image_size=12, patch_size=P, num_labels=CLASSES,
        id2label={0: "cat", 1: "dog", 2: "tench, Tinca tinca"}, **changes,
    )  # fmt: skip
    model = redraw(transformers.ViTForImageClassification(config)).to(dtype)
    if alone:  # as the state is named since version 5
        save_file(dict(model.state_dict()), HERE / f"{case}.safetensors")
    else:
        model.save_pretrained(HERE / case, **({"max_shard_size": shards} if shards else {}))
        mean, std = DEIT
        transformers.ViTImageProcessor(
            image_mean=mean, image_std=std, size={"height": 12, "width": 12}
        ).save_pretrained(HERE / case)
    model = model.float()
    for words, size in SIZES.items():
        with torch.no_grad():
            x = tensors(size, *(HALF if alone else DEIT))
            expect(case + words, model(x, interpolate_pos_encoding=True).logits.numpy())


def hugging_face():
    hugging_face_case("huggingface")
    hugging_face_case("huggingface-shards", shards="3KB", hidden_act="gelu_new",
                      layer_norm_eps=1e-5)  # fmt: skip
    hugging_face_case("huggingface-v5", dtype=torch.bfloat16, alone=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vision-transformer", required=True)
    parser.add_argument("--big-vision", required=True)
    args = parser.parse_args()
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    authors(args.vision_transformer)
    big_vision(args.big_vision)
    timm()
    hugging_face()
    np.savez(HERE / "expected.npz", **EXPECTED)
    for file in HERE.rglob("*.safetensors"):
        file.chmod(0o644)


if __name__ == "__main__":
    main()
