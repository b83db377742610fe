"""What the JSON files beside weights say: taken over, compared with the arrays, or refused."""

import json
import shutil

import numpy as np
import pytest
from weights_files import GOLDEN, copied, refused, timm_arrays

from minivit import CheckpointError
from minivit.pretrained import importing

pytest.importorskip("safetensors")


def edited(directory, name="config.json", **changes):
    """Change values of a JSON file; "a.b" is b in a. A value of ... is removed."""
    path = directory / name
    values = json.loads(path.read_text())
    for place, value in changes.items():
        branch, (*above, last) = values, place.split(".")
        for part in above:
            branch = branch[part]
        if value is ...:
            del branch[last]
        else:
            branch[last] = value
    path.write_text(json.dumps(values))
    return directory


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "beit"}, "of a model 'beit'"),
        ({"hidden_act": "relu"}, "has the activation 'relu'"),
        ({"hidden_size": 16}, "hidden_size is 16 there, and 8 here"),
        ({"num_hidden_layers": 3}, "num_hidden_layers is 3 there, and 2 here"),
        ({"image_size": 224}, "image_size is 224 there, and 12 here"),
        ({"num_attention_heads": 3}, "heads must divide dim"),
        ({"num_attention_heads": "2"}, "num_attention_heads is '2'"),
        ({"layer_norm_eps": 0}, "norm_eps"),
        ({"layer_norm_eps": "small"}, "layer_norm_eps is 'small'"),
        ({"id2label": {"0": 3}}, "id2label is an object; it has a value"),
        ({"id2label": ["a"]}, "id2label is a list"),
    ],
)
def test_a_config_of_hugging_face_that_is_not_read(changes, words, tmp_path):
    directory = edited(copied("huggingface", tmp_path), **changes)
    refused(directory, words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_args.act_layer": "quick_gelu"}, "has the activation 'quick_gelu'"),
        ({"model_args.norm_layer": "rmsnorm"}, "sets norm_layer"),
        ({"model_args.global_pool": "map"}, "pools by 'map'"),
        ({"model_args.global_pool": "avg"}, "pools by the mean, and has a class token"),
        ({"model_args.embed_dim": 16}, "embed_dim is 16 there, and 8 here"),
        ({"model_args.img_size": [12, 16]}, "img_size is [12, 16] there, and 12 here"),
        ({"model_args.num_heads": 2.5}, "num_heads is 2.5"),
        ({"num_classes": 4}, "num_classes is 4 there, and 3 here"),
        ({"pretrained_cfg.mean": "half"}, "mean is 'half'"),
        ({"pretrained_cfg": 3}, "must be an object"),
        ({"architecture": 3}, "architecture is 3"),
    ],
)
def test_a_config_of_timm_that_is_not_read(changes, words, tmp_path):
    directory = edited(copied("timm", tmp_path), **changes)
    refused(directory, words)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "\xff"])
def test_json_that_is_none(text, tmp_path):
    directory = copied("timm", tmp_path)
    (directory / "config.json").write_bytes(text.encode("latin-1"))
    refused(directory, "is damaged")


def test_an_endless_or_huge_config(tmp_path):
    directory = copied("timm", tmp_path)
    with open(directory / "config.json", "wb") as file:
        file.truncate(1 << 40)
    refused(directory, "config.json is no file of at most")


def test_heads_by_the_name_of_timm_s_architecture(tmp_path):
    directory = edited(copied("timm", tmp_path), **{"model_args.num_heads": ...})
    with pytest.raises(CheckpointError, match="heads must divide dim: 8 is not a multiple of 3"):
        importing.read(directory)
    edited(directory, architecture="vit_tall_patch16_224")
    report = importing.read(directory, heads=4).report
    assert report.numerics["heads"] == {"value": 4, "from": "as given"}


def test_a_config_inside_a_safetensors_file(tmp_path):
    from safetensors.numpy import save_file

    config = (GOLDEN / "timm" / "config.json").read_text()
    save_file(timm_arrays(), tmp_path / "alone.safetensors", {"config.json": config})
    trained, report = importing.read(tmp_path / "alone.safetensors")
    assert trained.crop == 0.875 and trained.config.heads == 2 and not report.notes


def test_a_config_of_something_else_is_not_read_and_said(tmp_path):
    shutil.copy(GOLDEN / "timm-fp16.safetensors", tmp_path)
    (tmp_path / "config.json").write_text('{"model": "mine"}')
    report = importing.read(tmp_path / "timm-fp16.safetensors", heads=2).report
    assert "is not of timm's format, and is not read" in report.notes[0]


def test_how_pictures_are_prepared(tmp_path):
    directory, name = copied("huggingface", tmp_path), "preprocessor_config.json"
    edited(directory, name, size={"shortest_edge": 16}, crop_size={"height": 12, "width": 12},
           do_center_crop=True, resample=3)  # fmt: skip
    trained, report = importing.read(directory)
    assert trained.crop == 0.75 and not report.notes
    edited(directory, name, size=256, crop_size=224)  # as DeiT's first files have it
    trained, report = importing.read(directory)
    assert trained.crop == 224 / 256 and "squeezed" in report.notes[0]
    edited(directory, name, do_normalize=False)
    trained = importing.read(directory).trained
    assert not trained.mean.any() and (trained.std == 1).all()
    edited(directory, name, rescale_factor=1.0)
    refused(directory, "scales pixels by 1;")
    (directory / name).unlink()
    trained, report = importing.read(directory)
    assert (trained.mean == 0.5).all() and "nothing says how pictures" in report.notes[0]


def test_mean_and_std_as_given():
    trained = importing.read(GOLDEN / "authors.npz", mean=[0.1, 0.2, 0.3], std=[0.25]).trained
    np.testing.assert_array_equal(trained.mean, np.float32([0.1, 0.2, 0.3]))
    np.testing.assert_array_equal(trained.std, np.float32([0.25] * 3))


def test_names_of_classes(tmp_path):
    directory = copied("huggingface", tmp_path)
    edited(directory, id2label={str(i): f"LABEL_{i}" for i in range(3)})
    assert importing.read(directory).trained.classes == ()
    edited(directory, id2label={"0": "a", "1": "b"})
    trained, report = importing.read(directory)
    assert trained.classes == () and "names 2 classes of 3" in report.notes[-1]
    timm = edited(copied("timm", tmp_path), label_names=["a", "b", "c"])
    assert importing.read(timm).trained.classes == ("a", "b", "c")
