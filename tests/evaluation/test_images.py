"""Which images a model is judged on, and what is said where they are not those of its run."""

from dataclasses import replace

import numpy as np
import pytest

from minivit import Config, data
from minivit.data import Dataset, batches
from minivit.errors import ConfigError, DataError
from minivit.evaluation.images import load_part
from minivit.objective import Classification
from minivit.trained import Trained
from minivit.training.description import fingerprint
from minivit.training.recipe import Recipe

CONFIG = Config(image_size=8, patch_size=4, dim=8, depth=1, heads=2, mlp_dim=8, classes=3)
MODEL = Trained(CONFIG, {}, ("a", "b", "c"), np.ones(3), np.ones(3), Classification(3))


def dataset(name="dots", classes=("a", "b", "c"), shape=(8, 8, 3), seed=0):
    """40 training and 12 test images of noise."""
    rng = np.random.default_rng(seed)

    def some(count):
        labels = rng.integers(0, len(classes), count)
        return rng.integers(0, 256, (count, *shape), dtype=np.uint8), labels

    return Dataset(name, classes, *some(40), *some(12))


def trained_on(dataset, source="dots", data_dir=None, **recipe):
    """A model of a run on the data set."""
    about = {
        "source": {"dataset": source, "data_dir": data_dir},
        "dataset": dataset.name,
        "dataset_sha256": fingerprint(dataset),
        "recipe": Recipe(**recipe).to_dict(),
    }
    return replace(MODEL, about=about)


@pytest.fixture
def known(monkeypatch):
    """Make a Dataset one that can be loaded by its name -> what `data.load` asked it for."""
    asked = []

    def make(dataset):
        def load(request):
            asked.append(request)
            return dataset

        monkeypatch.setitem(data.SOURCES, dataset.name, data.Source(load))
        monkeypatch.setattr(data, "NAMES", tuple(data.SOURCES))
        return dataset

    make.asked = asked
    return make


def test_by_default_it_is_the_test_set_of_the_run(known, tmp_path):
    dots = known(dataset())
    part = load_part(trained_on(dots, data_dir=str(tmp_path)))
    assert (part.dataset, part.name, part.classes) == ("dots", "test", ("a", "b", "c"))
    assert part.images is dots.test_images and part.targets is dots.test_labels
    assert part.indices.tolist() == list(range(12)) and part.notes == ()
    assert known.asked[0].data_dir == tmp_path and known.asked[0].image_size == 8


def test_where_the_data_was_moved_to(known, tmp_path, monkeypatch):
    monkeypatch.delenv("MINIVIT_DATA", raising=False)
    model = trained_on(known(dataset()), data_dir=str(tmp_path / "gone"))
    load_part(model)
    load_part(model, data_dir=tmp_path)
    assert [str(request.data_dir) for request in known.asked] == ["data", str(tmp_path)]


def test_validation_and_training_images_are_those_of_the_run(known):
    dots = known(dataset())
    model = trained_on(dots, val_fraction=0.25, seed=7)
    training, validation = batches.split(40, 0.25, 7)
    for name, indices in (("val", validation), ("train", training)):
        part = load_part(model, name)
        assert part.indices.tolist() == indices.tolist() and part.name == name
        assert (part.images == dots.train_images[indices]).all()
        assert (part.targets == dots.train_labels[indices]).all()


def test_a_model_without_a_run_needs_a_data_set(known):
    dots = known(dataset())
    with pytest.raises(ConfigError, match="name a data set with --dataset"):
        load_part(MODEL)
    with pytest.raises(ConfigError, match="does not say which images were held out"):
        load_part(MODEL, "val", dataset="dots")
    assert load_part(MODEL, dataset="dots").images is dots.test_images
    assert load_part(MODEL, "train", dataset="dots").images is dots.train_images


def test_changed_images_are_remarked_on(known):
    changed = known(dataset(seed=1))
    model = trained_on(dataset(seed=0))
    part = load_part(model)
    assert part.images is changed.test_images
    assert part.notes == ("the images or labels of dots have changed since the model was trained",)
    assert len(load_part(model, "train").images) == 40  # which were trained on is not known
    with pytest.raises(ConfigError, match="dots differs from them: use --split test"):
        load_part(model, "val")


def test_images_of_another_data_set_are_remarked_on(known):
    known(dataset("specks", classes=("a", "x", "y"), seed=1))
    first, second = load_part(trained_on(dataset()), dataset="specks").notes
    assert first == "the model was trained on dots, not on specks"
    assert "2 of 3 classes have another name in the data set (the first: 'b', there 'x')" in second


def test_the_models_classes_in_another_order_are_matched_by_name(known):
    other = known(dataset("specks", classes=("c", "a", "b"), seed=1))
    part = load_part(trained_on(dataset()), dataset="specks")
    assert "the data set has the model's classes in another order: they are" in part.notes[1]
    assert part.classes == ("a", "b", "c")
    assert part.targets.tolist() == [(label + 2) % 3 for label in other.test_labels]
    known(dataset("twins", classes=("a", "a", "b"), seed=1))  # then a name does not say which
    assert "matched by number" in load_part(trained_on(dataset()), dataset="twins").notes[1]


@pytest.mark.parametrize("source", [5, {}, {"dataset": 5}, {"dataset": "dots", "data_dir": 5}])
def test_a_source_that_cannot_be_meant(source):
    with pytest.raises(ConfigError, match="name a data set with --dataset"):
        load_part(replace(MODEL, about={"source": source}))


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"classes": ("a", "b")}, "knows 3 classes, and dots has 2"),
        ({"shape": (4, 4, 3)}, r"images of 8 x 8 x 3 .*and those of dots are 4 x 4 x 3"),
        ({"shape": (4, 6, 3)}, "evaluate --image-size 4x6 takes the model to that size"),
        ({"shape": (8, 8, 1)}, r"those of dots are 8 x 8 x 1\."),
    ],
)
def test_what_does_not_fit_the_model_is_refused(known, other, sentence):
    known(dataset(**other))
    with pytest.raises(ConfigError, match=sentence):
        load_part(MODEL, dataset="dots")


def test_a_run_that_held_out_nothing(known):
    with pytest.raises(ConfigError, match="the run held out no images for validation"):
        load_part(trained_on(known(dataset()), val_fraction=0.0), "val")


def test_a_directory_that_is_gone(tmp_path):
    model = trained_on(dataset(), source=str(tmp_path / "gone"))
    with pytest.raises(DataError, match=r"gone, which is not there: give .* --dataset DIR"):
        load_part(model)


def test_image_files_are_resized_as_the_model_saw_them(tmp_path):
    """Shorter side to image_size / crop, then the middle: the edges of a picture are not seen."""
    image = pytest.importorskip("PIL.Image", reason="image folders need it: pip install pillow")
    for name in "abc":
        for i in range(2):
            (tmp_path / name).mkdir(exist_ok=True)
            pixels = np.full((32, 32, 3), 200, np.uint8)
            pixels[4:28, 4:28] = 50  # a frame that a crop of 3/4 cuts off
            image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    whole = load_part(MODEL, dataset=str(tmp_path))
    assert whole.images.shape == (3, 8, 8, 3) and whole.images[0, 0, 0, 0] > 150
    part = load_part(replace(MODEL, crop=0.5), dataset=str(tmp_path))
    assert part.images.shape == (3, 8, 8, 3) and (part.images == 50).all()


def folder(directory, count=10):
    """A directory of so many images in each of three classes; all pixels of i.png are i."""
    image = pytest.importorskip("PIL.Image", reason="image folders need it: pip install pillow")
    for name in "abc":
        (directory / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.full((8, 8, 3), i, np.uint8)
            image.fromarray(pixels).save(directory / name / f"{i}.png")
    return directory


def test_of_a_directory_that_was_not_split_all_images_can_be_judged(tmp_path):
    path = str(folder(tmp_path / "new"))
    part = load_part(MODEL, dataset=path)
    assert part.counted() == "6 test images" and part.rest == 24
    assert "one image in five of each class is for the test" in part.notes[1]
    whole = load_part(MODEL, "all", dataset=path)
    assert whole.counted() == "30 images" and whole.rest == 0
    pairs = set(zip(whole.files, whole.targets.tolist(), strict=True))
    assert pairs == {(f"{'abc'[k]}/{i}.png", k) for k in range(3) for i in range(10)}
    for one in (part, whole, load_part(MODEL, "train", dataset=path)):
        assert [f"{pixel}.png" for pixel in one.images[:, 0, 0, 0]] == [f[2:] for f in one.files]
    folder(tmp_path / "given" / "train")
    folder(tmp_path / "given" / "test", 2)
    part = load_part(MODEL, dataset=str(tmp_path / "given"))
    assert part.counted() == "6 test images" and part.rest == 0 and len(part.notes) == 1


def test_all_images_of_the_run_are_said_to_be_known(known):
    dots = known(dataset())
    part = load_part(trained_on(dots), "all")
    assert (part.images == np.concatenate([dots.train_images, dots.test_images])).all()
    assert (part.targets == np.concatenate([dots.train_labels, dots.test_labels])).all()
    assert part.notes == ("the model's run has used 40 of these images to learn",)
    assert part.indices.tolist() == list(range(52)) and part.rest == 0


def test_validation_images_of_a_directory_keep_their_files(tmp_path):
    path = str(folder(tmp_path / "own"))
    run = trained_on(data.load(path, image_size=8), source=path, val_fraction=0.25)
    part = load_part(run, "val")
    assert [f"{pixel}.png" for pixel in part.images[:, 0, 0, 0]] == [f[2:] for f in part.files]
    assert len(part.files) == 6 and part.rest == 0


def test_targets_that_are_no_classes(known):
    numbers = replace(dataset(), classes=(), train_labels=np.zeros((40, 2), np.float32),
                      test_labels=np.ones((12, 2), np.float32))  # fmt: skip
    known(numbers)
    model = replace(trained_on(numbers), classes=(), objective=object())
    assert load_part(model).targets is numbers.test_labels
    with pytest.raises(ConfigError, match="knows 3 classes, and dots has 0"):
        load_part(trained_on(numbers))
