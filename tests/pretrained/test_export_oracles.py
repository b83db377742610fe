"""timm and transformers take what `export` writes, strictly, and compute the same logits.

The real B/16 at 224 as well, with MINIVIT_LARGE=1 in the environment: a minute and 2 GiB.
"""

import os

import numpy as np
import pytest
from random_models import random_trained

from minivit import Config
from minivit.pretrained.configs import PUBLISHED, timm_config
from minivit.pretrained.export import export
from minivit.pretrained.layouts import TIMM, places
from minivit.pretrained.timm_json import WORDS

torch = pytest.importorskip("torch", reason="the oracles need it: pip install torch")
B16 = Config.variant("B/16").to_dict()
large = pytest.param(
    B16,
    marks=pytest.mark.skipif(
        os.environ.get("MINIVIT_LARGE") != "1", reason="a minute and 2 GiB: MINIVIT_LARGE=1"
    ),
)


@pytest.fixture(scope="module")
def timm():
    pytest.importorskip("safetensors", reason="pip install safetensors")
    return pytest.importorskip("timm", reason="the oracle is timm: pip install timm")


@pytest.fixture(scope="module")
def transformers():
    pytest.importorskip("safetensors", reason="pip install safetensors")
    return pytest.importorskip("transformers", reason="the oracle: pip install transformers")


def difference(trained, model):
    """The largest difference from the oracle's logits, over the largest logit."""
    c = trained.config
    images = np.random.default_rng(1).integers(
        0, 256, (2, c.image_size, c.image_size, c.channels), np.uint8
    )
    x = ((images / np.float32(255) - trained.mean) / trained.std).astype(np.float32)
    with torch.no_grad():
        theirs = model.eval()(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    theirs = getattr(theirs, "logits", theirs).numpy()
    ours = trained.outputs(images)
    assert np.abs(ours).max() > 0.1
    return np.abs(ours - theirs).max() / np.abs(ours).max()


ALL = [
    {},
    {"gelu": "erf"},
    {"gelu": "erf", "norm_eps": 1e-12},
    {"pool": "mean", "channels": 1, "mlp_dim": 11},
    {"image_size": 32, "dim": 192, "depth": 12, "heads": 3, "mlp_dim": 768, "patch_size": 16},
    large,
]


@pytest.mark.parametrize("sizes", ALL)
def test_timm_takes_it(timm, tmp_path, sizes):
    trained = random_trained(**sizes)
    file = tmp_path / "new" / "vit.safetensors"
    export(trained, file)
    model = timm.create_model(f"local-dir:{tmp_path / 'new'}", pretrained=True)
    assert difference(trained, model) < 1e-4
    again = timm.create_model(f"local-dir:{tmp_path / 'new'}", pretrained=False)
    loaded = timm.models.load_checkpoint(again, str(file), strict=True)
    assert not loaded.missing_keys and not loaded.unexpected_keys
    assert difference(trained, again) < 1e-4
    data = timm.data.resolve_data_config({}, model=model)
    assert data["crop_pct"] == trained.crop and data["interpolation"] == "bicubic"
    np.testing.assert_allclose(data["mean"], trained.mean, rtol=1e-6)
    np.testing.assert_allclose(data["std"], trained.std, rtol=1e-6)
    assert tuple(model.pretrained_cfg.get("label_names", ())) == trained.classes


@pytest.mark.parametrize("sizes", [s for s in ALL if s is large or "pool" not in s])
def test_transformers_takes_it(transformers, tmp_path, sizes):
    trained = random_trained(**sizes)
    export(trained, tmp_path / "new")
    model, found = transformers.ViTForImageClassification.from_pretrained(
        tmp_path / "new", output_loading_info=True
    )
    assert not any(found.values())
    assert difference(trained, model) < 1e-4
    if trained.classes:
        assert tuple(model.config.id2label.values()) == trained.classes


def test_transformers_prepares_a_picture_as_it_was_trained(transformers, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="pictures need Pillow: pip install pillow")
    pytest.importorskip("torchvision", reason="transformers resizes by it")
    trained = random_trained(image_size=56, patch_size=14)  # from 64: a whole margin
    export(trained, tmp_path / "new")
    y, x = np.mgrid[:150, :230]
    waves = np.stack([np.sin(y / 20), np.cos(x / 31), np.sin((x + y) / 40)], axis=-1)
    image.fromarray((127 + 120 * waves).astype(np.uint8)).save(tmp_path / "wide.png")
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "new")
    with image.open(tmp_path / "wide.png") as picture:
        theirs = processor(picture, return_tensors="np")["pixel_values"][0]
    ours = (trained.read(tmp_path / "wide.png")[0] / 255 - trained.mean) / trained.std
    assert np.abs(ours.transpose(2, 0, 1) - theirs).mean() < 0.02  # of numbers of about 1


@pytest.mark.parametrize("sizes", [{}, {"pool": "mean"}, large])
def test_timms_reader_of_the_authors_files_takes_it(timm, tmp_path, sizes):
    trained = random_trained(**sizes)
    export(trained, tmp_path / "authors.npz")
    config = timm_config(trained)
    arguments = {"num_classes": config["num_classes"], **config["model_args"]}
    model = timm.create_model(config["architecture"], **arguments)
    model.load_pretrained(str(tmp_path / "authors.npz"))
    assert difference(trained, model) < 1e-4


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_published_sizes_are_timms(timm, name):
    """Without weights: the shapes alone."""
    word, patch, size = name.split("_")
    variant = WORDS[word]
    config = Config.variant(f"{variant}/{patch[5:]}", image_size=int(size))
    model = timm.create_model(f"vit_{name}", num_classes=1000, device="meta")
    theirs = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    assert theirs == {n: p.shape for p in places(TIMM, config).values() for n in p.names}
