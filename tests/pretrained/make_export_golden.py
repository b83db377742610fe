"""python -m tests.pretrained.make_export_golden: what the libraries themselves write.

It writes fixtures/export.json: for two small models the names, shapes and number formats of the
arrays, and the JSON files, as timm and transformers write them; and the names that timm's reader of
the authors' files takes from one. It needs: pip install timm transformers
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import timm
import transformers
from safetensors import safe_open
from timm.models._hub import save_for_hf

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

from random_models import random_trained  # noqa: E402

from minivit.pretrained.export import export  # noqa: E402

FILE = Path(__file__).with_name("fixtures") / "export.json"
SIZES = dict(img_size=8, patch_size=4, embed_dim=8, depth=2, num_heads=2, mlp_ratio=1.5)
MEAN = dict(global_pool="avg", fc_norm=False, class_token=False, act_layer="gelu_tanh")


def arrays(file):
    """{name: [number format, shape]} of a safetensors file."""
    with safe_open(file, "np") as opened:
        slices = {name: opened.get_slice(name) for name in opened.keys()}
        return {name: [s.get_dtype(), s.get_shape()] for name, s in slices.items()}


def of_timm(trained, place, **arguments):
    """What timm's own export writes for such a model."""
    model = timm.create_model("vit_base_patch16_224", num_classes=3, **SIZES, **arguments)
    data = dict(
        mean=[float(str(v)) for v in trained.mean],
        std=[float(str(v)) for v in trained.std],
        crop_pct=trained.crop,
        input_size=(3, 8, 8),
    )
    names = dict(label_names=list(trained.classes))
    save_for_hf(model, place, safe_serialization=True, model_config=names, data_config=data)
    config = json.loads((place / "config.json").read_text())
    return {"arrays": arrays(place / "model.safetensors"), "config.json": config}


def of_hugging_face(trained, place):
    """What transformers' own `save_pretrained` writes for such a model."""
    names = dict(enumerate(trained.classes))
    config = transformers.ViTConfig(
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=12,
        hidden_act="gelu_pytorch_tanh",
        layer_norm_eps=1e-6,
        image_size=8,
        patch_size=4,
        id2label=names,
        label2id={name: i for i, name in names.items()},
    )
    transformers.ViTForImageClassification(config).save_pretrained(place)
    transformers.CLIPImageProcessor(
        size={"shortest_edge": 9},
        crop_size={"height": 8, "width": 8},
        image_mean=[float(str(v)) for v in trained.mean],
        image_std=[float(str(v)) for v in trained.std],
    ).save_pretrained(place)
    files = ("config.json", "preprocessor_config.json")
    found = {name: json.loads((place / name).read_text()) for name in files}
    return {"arrays": arrays(place / "model.safetensors"), **found}


def of_the_authors(trained, place, **arguments):
    """{name: shape} of all that timm's reader of the authors' files takes from one."""
    export(trained, place / "authors.npz")
    model = timm.create_model("vit_base_patch16_224", num_classes=3, **SIZES, **arguments)
    taken, get = {}, np.lib.npyio.NpzFile.__getitem__

    def note(file, name):
        array = get(file, name)
        taken[name] = list(array.shape)
        return array

    with mock.patch.object(np.lib.npyio.NpzFile, "__getitem__", note):
        model.load_pretrained(str(place / "authors.npz"))
    return dict(sorted(taken.items()))


def main():
    """Write the golden file."""
    trained, mean = random_trained(), random_trained(pool="mean")
    with TemporaryDirectory() as name:
        place = Path(name)
        golden = {
            "made by": {"timm": timm.__version__, "transformers": transformers.__version__},
            "timm": {
                "class": of_timm(trained, place / "class", act_layer="gelu_tanh"),
                "mean": of_timm(mean, place / "mean", **MEAN),
            },
            "huggingface": {"class": of_hugging_face(trained, place)},
            "authors": {
                "class": of_the_authors(trained, place),
                "mean": of_the_authors(mean, place / "again", **MEAN),
            },
        }
    text = json.dumps(golden, separators=(",", ":")).replace('"],"', '"],\n"')
    FILE.write_text(text.replace("]],", "]],\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
