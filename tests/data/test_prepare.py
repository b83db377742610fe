"""Preparation: which augmentations a batch gets, in which order, and what stays unchanged."""

import numpy as np
import pytest

from minivit.arrays.backend import to_device, to_host
from minivit.data.augment.crop_flip import crop_and_flip
from minivit.data.augment.erase import random_erasing
from minivit.data.augment.mix import mix
from minivit.data.augment.policies import rand_augment
from minivit.data.augment.prepare import POLICIES, Preparation
from minivit.data.augment.share import Share
from minivit.data.batches import epoch
from minivit.errors import ConfigError
from minivit.training.recipe import Recipe

B, CLASSES = 24, 5
OFF = {"crop_and_flip": False, "classes": CLASSES}
MIXING = {"mixup": 0.8, "cutmix": 1.0}
ALL = {"crop_and_flip": True, "policy": "rand", "erasing": 0.5, **MIXING, "classes": CLASSES}
STEPS = [{"crop_and_flip": True}, {"policy": "rand"}, {"erasing": 0.5}, MIXING]


def batch(xp=np, count=B, channels=3):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 10, 8, channels), dtype=np.uint8)
    return to_device(images, xp), to_device(rng.integers(0, CLASSES, count), xp)


def prepared(options, seed=1, xp=np, **sizes):
    """A prepared batch: images and labels or targets, on the host."""
    images, labels = Preparation(**{**OFF, **options})(
        *batch(xp, **sizes), np.random.default_rng(seed)
    )
    return to_host(images), to_host(labels)


@pytest.mark.parametrize("policy", POLICIES)
def test_crop_and_flip_then_policy_then_erasing_then_mixing(policy):
    """All draw from one generator, one after the other."""
    (images, labels), rng = batch(), np.random.default_rng(1)
    images = crop_and_flip(images, rng)
    if policy != "none":
        images = rand_augment(images, rng)
    images = random_erasing(images, rng, 0.5)
    images, targets = mix(images, labels, CLASSES, rng, 0.8, 1.0)
    got = prepared({**ALL, "policy": policy})
    np.testing.assert_array_equal(got[0], images)
    np.testing.assert_array_equal(got[1], targets)


def test_all_off_returns_the_batch_itself_and_draws_nothing(xp):
    images, labels = batch(xp)
    rng = np.random.default_rng(1)
    got = Preparation(**OFF)(images, labels, rng)
    assert got[0] is images and got[1] is labels
    assert rng.random() == np.random.default_rng(1).random()


def test_the_crop_is_as_large_as_it_is_asked_for():
    images = batch()[0]
    for pixels in (0, 1, 4):
        got = prepared({**OFF, "crop_and_flip": True, "crop": pixels})[0]
        want = crop_and_flip(images, np.random.default_rng(1), pixels)
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("alone", STEPS)
def test_a_step_alone_is_that_step_and_no_other(alone):
    images, labels = batch()
    functions = {
        "crop_and_flip": lambda rng: (crop_and_flip(images, rng), labels),
        "rand": lambda rng: (rand_augment(images, rng), labels),
        "erasing": lambda rng: (random_erasing(images, rng, 0.5), labels),
        "mixup": lambda rng: mix(images, labels, CLASSES, rng, 0.8, 1.0),
    }
    want = functions[alone.get("policy", next(iter(alone)))](np.random.default_rng(1))
    for one, other in zip(prepared(alone), want, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (want[0] != images).any()


def test_by_default_images_are_cropped_and_flipped_and_labels_stay_labels():
    images, labels = batch()
    got = Preparation()(images, labels, np.random.default_rng(1))
    np.testing.assert_array_equal(got[0], crop_and_flip(images, np.random.default_rng(1)))
    assert got[1] is labels


@pytest.mark.parametrize("options", [ALL, {"mixup": 0.8}, {"cutmix": 1.0}])
def test_mixed_images_have_rows_of_probabilities_as_targets(xp, options):
    images, targets = prepared(options, xp=xp)
    assert images.shape == (B, 10, 8, 3) and images.dtype == np.uint8
    assert targets.shape == (B, CLASSES) and targets.dtype == np.float32
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=0, atol=1e-6)
    assert ((targets > 0).sum(axis=1) == 2).any()  # two labels, where partners have another
    assert (targets[np.arange(B), batch()[1]] > 0).mean() > 0.8


@pytest.mark.parametrize("options", [ALL, *STEPS])
def test_a_generator_decides_everything_wherever_the_batch_lies(xp, syncs, options):
    want = prepared(options)
    (images, labels), ready = batch(xp), Preparation(**{**OFF, **options})
    syncs.clear()
    got = ready(images, labels, np.random.default_rng(1))
    assert not syncs
    for one, other in zip(got, want, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(to_host(one), other)
    np.testing.assert_array_equal(to_host(images), batch()[0])  # the originals stay
    assert (prepared(options, seed=2)[0] != want[0]).any()


@pytest.mark.parametrize("sizes", [{"count": 1}, {"count": 2}, {"channels": 1}])
def test_short_batches_and_grey_images(xp, sizes):
    images, targets = prepared(ALL, xp=xp, **sizes)
    assert images.shape == batch(**sizes)[0].shape
    assert targets.shape == (len(images), CLASSES) and np.isfinite(targets).all()


def test_targets_of_other_objectives_are_returned_as_they_are(xp):
    """Only MixUp and CutMix need class labels, and they say so."""
    images, _ = batch(xp)
    targets = to_device(np.random.default_rng(0).normal(size=(B, 2)).astype(np.float32), xp)
    options = {"policy": "rand", "erasing": 0.5}
    assert Preparation(**options)(images, targets, np.random.default_rng(1))[1] is targets
    for mixing in ({"mixup": 0.8}, {"cutmix": 1.0}):
        with pytest.raises(ConfigError, match=r"integer class labels .*float32.*set mixup and"):
            Preparation(**options, **mixing)(images, targets, np.random.default_rng(1))


def test_an_epoch_from_a_later_step_has_the_same_batches():
    """The last one is shorter."""
    everything, indices = Preparation(**ALL), np.arange(B)
    options = {"number": 1, "batch_size": 7, "seed": 3, "prepare": everything}
    whole = list(epoch(*batch(), indices, **options))
    rest = list(epoch(*batch(), indices, first_step=2, **options))
    assert [targets.shape for _, targets in whole] == 3 * [(7, CLASSES)] + [(3, CLASSES)]
    for one, other in zip(whole[2:], rest, strict=True):
        assert [a.tobytes() for a in one] == [a.tobytes() for a in other]


def test_a_recipe_passes_on_each_of_its_values():
    assert Recipe().preparation(10) == Preparation()
    values = {"crop": 2, "policy": "rand", "erasing": 0.1, "mixup": 0.2, "cutmix": 0.3}
    expected = Preparation(crop_and_flip=False, **values, classes=7)
    assert Recipe(augment=False, **values).preparation(7) == expected


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"policy": "rnd"}, "unknown policy 'rnd'; did you mean 'rand'? Valid: none, rand"),
        ({"policy": None}, "unknown policy 'None'"),
        ({"erasing": 1.1}, "erasing must be a finite number of at least 0 and at most 1; got 1.1"),
        (
            {"erasing": -0.1},
            "erasing must be a finite number of at least 0 and at most 1; got -0.1",
        ),
        (
            {"erasing": True},
            "erasing must be a finite number of at least 0 and at most 1; got True",
        ),
        ({"mixup": -1}, "mixup must be a finite number of at least 0; got -1"),
        ({"mixup": "0.8"}, "mixup must be a finite number of at least 0; got '0.8'"),
        ({"mixup": float("nan")}, "mixup must be a finite number of at least 0; got nan"),
        ({"cutmix": float("inf")}, "cutmix must be a finite number of at least 0; got inf"),
        ({"ema": 1}, "ema must be a finite number of at least 0 and at most 0.999999; got 1"),
        ({"ema": -0.5}, "ema must be a finite number of at least 0 and at most 0.999999; got -0.5"),
        ({"micro_batch": -1}, "micro_batch must be a whole number of at least 0; got -1"),
        ({"micro_batch": 2.0}, "micro_batch must be a whole number of at least 0; got 2.0"),
        ({"whiten": "yes"}, "whiten must be True or False; got 'yes'"),
        ({"augment": 1}, "augment must be True or False; got 1"),
    ],
)
def test_a_recipe_refuses_what_cannot_be_meant(wrong, sentence):
    with pytest.raises(ConfigError) as refused:
        Recipe(**wrong)
    assert sentence in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("own", [slice(0, 5), slice(5, 6), slice(6, 24), slice(0, 0), slice(0, 24)])
def test_a_part_of_a_batch_is_as_in_the_whole_batch(policy, own, xp):
    """So that several ranks, each with its part, learn from the same images as one."""
    images, labels = batch(xp, count=60)
    chosen = to_device(np.random.default_rng(3).permutation(60)[:B], xp)
    prepare = Preparation(policy=policy, crop=2)
    assert prepare.part_by_part
    whole, _ = prepare(images[chosen], labels[chosen], np.random.default_rng(1))
    part, own_labels = prepare.part(images, labels, chosen, np.random.default_rng(1), own)
    assert part.shape == whole.shape and part.dtype == np.uint8
    np.testing.assert_array_equal(to_host(part[own]), to_host(whole[own]))
    np.testing.assert_array_equal(to_host(own_labels), to_host(labels[chosen]))


def test_what_depends_on_the_other_images_is_prepared_with_them(monkeypatch):
    images, labels = batch()
    asked = []

    def batches_of(prepare):
        def own(step, count):
            asked.append((step, count))
            return slice(2, 4)

        order = {"number": 1, "batch_size": 10, "seed": 0, "first_step": 1}
        return [
            list(epoch(images, labels, np.arange(B), **order, prepare=prepare, own=each))
            for each in (own, None)
        ]

    for options in ({"erasing": 0.5}, {"mixup": 0.8}, {"cutmix": 1.0}):
        for (mine, targets), (all_of_it, same) in zip(
            *batches_of(Preparation(**options)), strict=True
        ):
            np.testing.assert_array_equal(mine, all_of_it)
            np.testing.assert_array_equal(targets, same)
    assert asked == []
    monkeypatch.setattr(np, "empty", np.zeros)
    for (mine, targets), (all_of_it, same) in zip(*batches_of(Preparation()), strict=True):
        np.testing.assert_array_equal(mine[2:4], all_of_it[2:4])
        np.testing.assert_array_equal(targets, same)
        assert not mine[:2].any() and not mine[4:].any()  # nobody has prepared them
    assert asked == [(1, 10), (2, 4)]


def test_a_share_of_random_numbers_is_one_for_each_image():
    share = Share(np.random.default_rng(0), 10, slice(3, 5))
    drawn = np.random.default_rng(0)
    np.testing.assert_array_equal(
        share.integers(0, 9, (2, 2)), drawn.integers(0, 9, (2, 10))[:, 3:5]
    )
    np.testing.assert_array_equal(share.random(2), drawn.random(10)[3:5])
    for draw in (lambda: share.random(3), lambda: share.integers(0, 9, 10)):
        with pytest.raises(AssertionError, match="not one number for each image"):
            draw()
