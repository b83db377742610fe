"""The figures themselves: which are drawn, from what, and what their captions say."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from minivit import Config, ConfigError, Trained, ViT, figures, tree
from minivit.arrays.keys import generator
from minivit.figures.attention import mosaic, query, smaller
from minivit.figures.augmentation import augmented
from minivit.figures.drawing import save
from minivit.figures.features import spread
from minivit.figures.filters import filters
from minivit.figures.overlay import overlay
from minivit.figures.subject import Pictures, Subject, beginning
from minivit.objective import Classification
from minivit.training.recipe import Recipe

SIZES = {"image_size": 12, "dim": 8, "depth": 2, "heads": 2, "mlp_dim": 8, "classes": 3}
OF_A_MODEL = [kind for kind in figures.KINDS if kind not in ("curves", "augmentation")]


def trained(**config):
    """A model as it starts: 3 x 3 patches."""
    config = Config(**{**SIZES, **config})
    params = tree.map(np.float32, ViT(config).init(np.random.default_rng(0)))
    mean, std = np.full((2, config.channels), 0.5, np.float32)
    return Trained(config, params, ("a", "b", "$c"), mean, std, Classification(3))


def pictures(count=4, channels=3, labelled=True):
    """Images of noise, in three classes."""
    images = np.random.default_rng(1).integers(0, 256, (count, 12, 12, channels), np.uint8)
    labels = np.arange(count) % 3
    if not labelled:
        return Pictures(images, tuple(f"file{i}" for i in range(count)))
    return Pictures.of(images, labels, ("a", "b", "$c"), list(range(count)))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "of the class token"),
        ({"pool": "mean", "init": "mimetic"}, "row 1, column 1 (boxed), as with mean pooling"),
        ({"pool": "sequence", "patch_overlap": 2}, "as with sequence pooling there is no class"),
        ({"channels": 1, "pool": "mean"}, "there is no class token"),
        ({"patch_size": 12, "dim": 1, "heads": 1}, "of the class token"),  # one patch, width 1
    ],
)
def test_all_figures_of_every_kind_of_model(config, says):
    model = trained(**config)
    channels = model.config.channels
    for shown in (pictures(channels=channels), pictures(channels=channels, labelled=False)):
        subject = Subject(trained=model, shown=shown)
        captions = {kind: figures.draw(kind, subject)[0].caption for kind in OF_A_MODEL}
    assert says in captions["attention"]
    assert ("right after training" in captions["positions"]) == (model.config.init == "mimetic")
    model.about["from"] = {"file": "another.npz"}  # then they began as that one's
    (drawing,) = figures.draw("positions", Subject(trained=model))
    assert "right after training" not in drawing.caption
    if model.config.pool != "class":
        assert "There is no class token: the head reads" in captions["rollout"]


@pytest.mark.parametrize("position", ["learned-2d", "sincos-2d", "none", "relative", "every-block"])
def test_positions_are_drawn_where_they_are_added_to_the_patches(position):
    subject = Subject(trained=trained(position=position), shown=pictures())
    if position in ("learned-2d", "sincos-2d", "every-block"):  # of that the first block's
        assert len(figures.draw("positions", subject)) == 1
    else:
        with pytest.raises(ConfigError, match=f"added to the patches; this model has {position}"):
            figures.draw("positions", subject)
    for kind in ("attention", "rollout", "distance"):
        assert figures.draw(kind, subject)


@pytest.mark.parametrize("config", [{}, {"stem": "small"}])
def test_attention_distance_before_training_is_that_of_the_first_weights(config):
    model = trained(**config)
    assert beginning(model) is None  # it does not say how it was trained
    known = replace(model, about={"recipe": {"seed": 7}})
    start = beginning(known)
    first = ViT(model.config).init(generator(7, "init"))
    for name, leaf in tree.walk(first):
        assert np.array_equal(dict(tree.walk(start.params))[name], leaf.astype(np.float32))
    assert beginning(replace(known, about={**known.about, "from": "run"})) is None
    (drawing,) = figures.draw("distance", Subject(trained=known, shown=pictures()))
    lines = {line.get_label(): line.get_ydata() for line in drawing.figure.axes[0].get_lines()}
    assert "Squares: the weights that its seed begins with" in drawing.caption
    assert not np.allclose(lines["a head before training"], lines["a head"])
    (drawing,) = figures.draw("distance", Subject(trained=model, shown=pictures()))
    assert "Squares" not in drawing.caption


def test_attention_of_a_chosen_patch_and_of_several_pictures():
    subject = Subject(trained=trained(), shown=pictures(), closely=3, patch=(0, 2))
    drawings = figures.draw("attention", subject)
    assert [d.name for d in drawings] == ["attention-1", "attention-2", "attention-3"]
    assert "of the patch in row 0, column 2 (boxed)" in drawings[1].caption
    config = subject.trained.config
    assert query(config, (0, 2))[0] == 3 and query(config)[0] == 0
    left, right, _ = drawings[1].figure.axes
    frames = [patch.get_xy() for patch in left.patches]
    assert set(frames) == {(7.5, -0.5)}  # patch 2 begins at pixel 8
    assert len({patch.get_xy() for patch in right.patches}) == config.depth * config.heads
    with pytest.raises(ConfigError, match=r"--patch 3,0 is outside .* 3 x 3 patches: .* 0 to 2"):
        figures.draw("attention", replace(subject, patch=(3, 0)))


def test_tiles_are_the_maps_of_the_blocks_from_left_to_right():
    picture, maps = np.zeros((12, 10, 3), np.uint8), np.zeros((2, 3, 3, 2))
    maps[1, 2, 0, 0] = 0.25  # block 1, head 2: the largest weight is yellow
    tiles, (down, across) = mosaic(picture, maps)
    assert tiles.shape == (2 * down + 12, across + 10, 3)
    yellow = tiles[..., 1] > 130
    yellow &= tiles[..., 2] < 130  # not the white between the tiles
    assert yellow[2 * down : 2 * down + 4, across : across + 5].all() and yellow.sum() == 20


def test_a_large_picture_is_made_smaller_by_whole_pixels_of_a_patch():
    picture = np.random.default_rng(0).integers(0, 256, (224, 224, 3))
    small = smaller(picture, (16, 32))
    assert small.shape == (112, 112, 3)
    np.testing.assert_allclose(small[5, 7], picture[10:12, 14:16].mean(axis=(0, 1)))
    assert (smaller(picture[:28, :28], (7, 7)) == picture[:28, :28]).all()
    assert smaller(picture, (7, 14)).shape == (32, 32, 3)


def test_filters_are_patches_as_the_model_cuts_them():
    """A filter times a patch, pixel by pixel, is what the embedding makes of the patch."""
    model = trained(patch_overlap=2)
    image = np.random.default_rng(0).standard_normal((1, 12, 12, 3)).astype(np.float32)
    patches, _ = model.model.parts["patchify"].forward({}, image)
    embedded = patches[0] @ model.params["patch"]["w"]
    middle = np.einsum("dxyc,xyc->d", filters(model), image[0, 2:10, 2:10])
    np.testing.assert_allclose(middle, embedded[4], atol=1e-5)


def test_filters_of_a_stem_are_those_of_its_first_convolution():
    model = trained(stem="small")
    image = np.random.default_rng(0).standard_normal((1, 12, 12, 3)).astype(np.float32)
    params = {**model.params["stem"]["conv1"], "b": np.zeros(48, np.float32)}
    y, _ = model.model.parts["stem"].layers[0][1].forward(params, image)
    middle = np.einsum("dxyc,xyc->d", filters(model), image[0, 2:5, 4:7])
    np.testing.assert_allclose(middle, y[0, 1, 2], atol=1e-5)
    (drawing,) = figures.draw("filters", Subject(trained=model))
    assert "48 filters of the stem's first convolution (3 x 3 pixels)" in drawing.caption


def test_a_whitening_is_named():
    (drawing,) = figures.draw("filters", Subject(trained=trained(), whitened=True))
    assert "They began as a whitening" in drawing.caption


def test_the_map_lies_over_the_right_patches():
    values = np.zeros((3, 3))
    values[0, 2] = 1
    picture = overlay(np.zeros((12, 12, 3), np.uint8), values, strength=1)
    bright = picture.sum(axis=-1) > 1.2  # viridis: yellow for 1, dark for 0
    assert bright[:4, 8:].all() and bright.sum() == 16


def test_labels_are_moved_apart_where_they_overlap():
    places = np.array([[0.0, 0], [0.1, 0.01], [5, 0]])
    moved = spread(places, 1, 0.5)
    assert moved[1, 1] - moved[0, 1] >= 0.5 and (moved[2] == places[2]).all()
    assert (moved[:, 0] == places[:, 0]).all()


def test_features_need_images_to_compare():
    with pytest.raises(ConfigError, match="at least 3 images"):
        figures.draw("features", Subject(trained=trained(), shown=pictures(2)))


def test_features_of_more_classes_than_there_are_looks():
    names = tuple(map(str, range(40)))
    images = np.random.default_rng(1).integers(0, 256, (80, 12, 12, 3), np.uint8)
    shown = Pictures.of(images, np.arange(80) % 40, names, list(range(80)))
    (drawing,) = figures.draw("features", Subject(trained=trained(), shown=shown))
    assert len(drawing.figure.axes[0].texts) == 16


MIXING = Recipe(policy="rand", erasing=0.5, mixup=0.8, cutmix=1.0)


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(augment=False), MIXING])
@pytest.mark.parametrize("labelled", [True, False])
def test_augmentation_is_that_of_the_recipe_and_always_the_same(recipe, labelled):
    training = pictures(13, labelled=labelled)
    before = training.images.copy()
    (drawing,) = figures.draw("augmentation", Subject(recipe=recipe, training=training))
    assert (training.images == before).all()
    assert ("the shares of its classes" in drawing.caption) == (recipe is MIXING)
    assert len([axes for axes in drawing.figure.get_axes() if axes.images]) == 12 * 3
    if labelled:
        first, second = augmented(recipe, training), augmented(recipe, training)
        assert all((a == b).all() for a, b in zip(first[0], second[0], strict=True))
        assert recipe.augment != (first[0][0] == before).all()


@pytest.mark.parametrize("kind", figures.KINDS)
def test_what_a_figure_lacks_is_said_in_a_sentence(kind):
    with pytest.raises(ConfigError, match=rf"^the figure {kind} needs "):
        figures.draw(kind, Subject())


def test_the_same_figure_is_the_same_file(tmp_path):
    for name in ("one", "two"):
        (drawing,) = figures.draw("distance", Subject(trained=trained(), shown=pictures()))
        paths = save(drawing, tmp_path / name, ("png", "svg", "pdf"), dpi=50)
        assert [path.name for path in paths] == ["distance.png", "distance.svg", "distance.pdf"]
    for form, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        one, two = ((tmp_path / n / f"distance.{form}").read_bytes() for n in ("one", "two"))
        assert one == two and one.startswith(start)
    assert len(list((tmp_path / "one").iterdir())) == 3  # and no temporary files
