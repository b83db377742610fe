"""Optional parts of a recipe: micro-batches, soft targets, whitening, and all of them at once."""

import importlib.util
import json
import re
import signal
from dataclasses import replace

import numpy as np
import pytest
import strict_cupy
from program import few_shapes, train
from runs import data, left_behind

from minivit import Config, load
from minivit.arrays.backend import to_device, to_host
from minivit.commands import exits
from minivit.commands.arguments import flag
from minivit.data import Dataset
from minivit.data.normalise import normalise
from minivit.layers import OverlappingPatches
from minivit.objective import correct
from minivit.parallel.workers import Workers
from minivit.start import whitening as whitenings
from minivit.start.whitening import whitening
from minivit.storage import checkpoint
from minivit.storage.directory import RunDirectory
from minivit.training.plan import Plan
from minivit.training.recipe import Recipe
from minivit.training.run import Run
from minivit.training.signals import Interrupted
from minivit.training.trainer import Trainer

SIZES = {"image_size": 8, "patch_size": 4, "dim": 8, "depth": 2, "heads": 2, "mlp_dim": 12}
MEAN, STD = [0.5, 0.4, 0.6], [0.2, 0.25, 0.3]
CHANCE = {"dropout": 0.3, "drop_path": 0.5, "patch_dropout": 0.5}
EVERYTHING = Config(**SIZES, **CHANCE, classes=3, pool="sequence", init="mimetic", patch_overlap=1)
RECIPE = Recipe(epochs=2, batch_size=5, val_fraction=0.2, lr=0.01)  # 4 steps an epoch, one short
WITH_ALL = replace(
    RECIPE, optimizer="muon", policy="rand", erasing=0.5, mixup=0.8, cutmix=1.0, ema=0.9,
    micro_batch=2, whiten=True, early_drop=0.5, early_size=4, early_share=0.3,
)  # fmt: skip


pytestmark = pytest.mark.usefixtures("no_curves")


def trainer(workers, xp=np, sizes=CHANCE, **recipe):
    """Other weights than the first ones, whose head is zero; gradients as long as they are."""
    recipe = Recipe(**{"warmup": 0, "clip": 1e9, **recipe})
    trained = Trainer(Config(**{**SIZES, **sizes}), recipe, 20, MEAN, STD, workers, xp)
    host = 0.3 * np.random.default_rng(8).standard_normal(trained.vector.shape)
    trained.vector[...] = to_device(host.astype(np.float32), xp)
    return trained


def stepped(workers, images, labels, xp=np, **options):
    """The gradient of a step's batch -> it, the sum of losses, hits."""
    trained = trainer(workers, xp, **options)
    trained.train_step(to_device(images, xp), to_device(labels, xp))
    sums = trained.read_sums()
    return np.copy(to_host(trained.gradient_sums.vectors[0])), sums["loss"], sums["correct"]


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("pool", ["class", "sequence"])
@pytest.mark.parametrize("chance", [{}, *({name: CHANCE[name]} for name in CHANCE), CHANCE])
def test_micro_batches_add_up_to_the_whole_batch(workers, chance, pool, size):
    """Ragged ones; masks depend on the image, not on how the batch is cut."""
    batch, sizes = data(13), {**chance, "pool": pool}
    whole, loss, correct = stepped(workers, *batch, sizes=sizes, micro_batch=13)
    gradient, cut_loss, cut_correct = stepped(workers, *batch, sizes=sizes, micro_batch=size)
    np.testing.assert_allclose(gradient, whole, rtol=0, atol=1e-5 * np.abs(whole).max())
    assert cut_loss == pytest.approx(loss, rel=1e-5) and cut_correct == correct
    if chance:  # another seed has other masks, and that shows
        other, _, _ = stepped(workers, *batch, sizes=sizes, micro_batch=size, seed=1)
        assert np.abs(other - whole).max() > 0.02 * np.abs(whole).max()


def test_micro_batches_on_the_device_add_up_too(workers, xp):
    batch = data(13)
    whole, loss, correct = stepped(workers, *batch)
    gradient, cut_loss, cut_correct = stepped(workers, *batch, xp, micro_batch=5)
    np.testing.assert_allclose(gradient, whole, rtol=0, atol=2e-5 * np.abs(whole).max())
    assert cut_loss == pytest.approx(loss, rel=1e-5) and cut_correct == correct


@pytest.mark.parametrize(("size", "batch", "longest"), [(5, 12, 5), (12, 12, 12), (99, 12, 12)])
def test_a_micro_batch_is_no_larger_than_asked_for(workers, xp, size, batch, longest):
    pieces = trainer(workers, xp, micro_batch=size).micro_batches(batch)
    assert sum(stop - start for start, stop in pieces) == batch
    assert max(stop - start for start, stop in pieces) <= longest
    assert (len(pieces) == 1) == (size >= batch)


def test_unless_told_otherwise_a_device_takes_a_batch_in_one_piece(workers):
    assert trainer(workers, strict_cupy, micro_batch=0).micro_batches(9999) == [(0, 9999)]
    assert len(trainer(workers, np, micro_batch=0).micro_batches(9999)) > 1


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("size", [0, 4])
def test_one_hot_targets_are_as_good_as_labels(workers, xp, smoothing, size):
    images, labels = data(9)
    one_hot, found = np.eye(10, dtype=np.float32)[labels], []
    for targets in (labels, one_hot):
        trained = trainer(workers, xp, smoothing=smoothing, micro_batch=size, ema=0.9)
        trained.train_step(to_device(images, xp), to_device(targets, xp))
        arrays = {name: value.tobytes() for name, value in trained.arrays().items()}
        found.append((arrays, trained.read_sums()))
    assert found[0] == found[1]


def test_between_two_labels_the_gradient_lies_between_theirs(workers, xp):
    """Each image has a share of its own, so each must meet its own targets, however cut."""
    images, labels = data(9)
    first, second = (np.eye(10, dtype=np.float32)[those] for those in (labels, (labels + 1) % 10))
    share = np.linspace(0.1, 0.9, 9, dtype=np.float32)[:, None]
    parts = []
    for one in range(9):  # all images have their first label, but one its second
        targets = np.where(np.arange(9)[:, None] == one, second, first)
        parts.append(stepped(workers, images, targets)[0])
    plain, _, _ = stepped(workers, images, first)
    want = plain + sum((1 - s) * (part - plain) for s, part in zip(share[:, 0], parts, strict=True))
    mixed = share * first + (1 - share) * second
    got, _, correct = stepped(workers, images, mixed, xp, micro_batch=4)
    np.testing.assert_allclose(got, want, rtol=0, atol=2e-5 * np.abs(want).max())
    larger = np.where(share[:, 0] > 0.5, labels, (labels + 1) % 10)
    larger[4] = min(labels[4], (labels[4] + 1) % 10)  # of equals, the first
    assert correct == stepped(workers, images, larger)[2]


def test_a_hit_is_where_the_target_is_largest(xp):
    logits = np.array([[1, 2, 3], [3, 1, 2], [0, 5, 1], [7, 0, 0]], np.float32)
    targets = np.array([[0.3, 0.3, 0.4], [0.2, 0.8, 0], [0, 0.51, 0.49], [0, 0, 1]], np.float32)
    logits, targets = to_device(logits, xp), to_device(targets, xp)
    assert int(correct(logits, targets)) == 2
    assert int(correct(logits, targets.argmax(axis=1))) == 2


def alike(count=4000, size=12, seed=0):
    """Patches whose numbers go together, some directions strong (100) and some faint (1e-4)."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.standard_normal((size, size)))
    return rng.standard_normal((count, size)) * np.geomspace(10, 0.01, size) @ turn


def test_whitened_patches_are_equally_loud_but_for_faint_ones():
    patches = alike()
    white = patches @ whitening(patches, 12)
    covariance = white.T @ white / len(white)
    values = np.linalg.eigvalsh(patches.T @ patches / len(patches))[::-1]
    np.testing.assert_allclose(covariance, np.diag(values / (values + 0.01)), atol=1e-9)
    strong = values > 1
    assert 3 < strong.sum() < 9
    np.testing.assert_allclose(covariance[strong][:, strong], np.eye(strong.sum()), atol=0.01)
    assert (np.diff(covariance.diagonal()) < 0).all() and covariance[-1, -1] < 0.05


@pytest.mark.parametrize("dim", [1, 7, 12, 20, 24, 60])
def test_patterns_come_from_the_commonest_on_then_negated_then_again(dim):
    w, patterns = whitening(alike(), dim), whitening(alike(), 12)
    assert w.shape == (12, dim)
    for column in range(dim):
        sign = -1 if column // 12 % 2 else 1
        np.testing.assert_array_equal(w[:, column], sign * patterns[:, column % 12])


def pictures(train=22, test=7):
    """Pictures that grow lighter, those of one class together, as in a directory."""
    rng = np.random.default_rng(0)
    light = np.linspace(20, 200, train + test).astype(int)[:, None, None, None]
    images = (light + rng.integers(0, 56, (train + test, 8, 8, 3))).astype(np.uint8)
    labels = np.arange(train + test) * 3 // (train + test)
    return Dataset("noise", ("a", "b", "c"), images[:train], labels[:train], images[train:],
                   labels[train:])  # fmt: skip


@pytest.fixture
def make(workers, tmp_path):
    def make(name="run", recipe=WITH_ALL, config=EVERYTHING, xp=np, by=workers):
        return Run(Plan(config, recipe, RunDirectory(tmp_path / name), xp=xp), pictures(), by)

    return make


@pytest.mark.parametrize(("most", "every"), [(18, 1), (5, 4)])
def test_a_run_starts_from_patches_all_over_its_training_images(make, xp, monkeypatch, most, every):
    monkeypatch.setattr(whitenings, "WHITENED", most)
    plain = make(recipe=replace(WITH_ALL, whiten=False), xp=xp).trainer.arrays()
    started = make(xp=xp)
    images = started.dataset.train_images[started.training[::every]]
    assert len(images) == most
    x = normalise(images, np.array(started.mean), np.array(started.std))
    patches, _ = OverlappingPatches(4, 4, 1).forward({}, x)
    want = whitening(patches.reshape(-1, 108), 8)
    arrays = started.trainer.arrays()
    for group in ("model", "optimizer/ema"):  # the running mean starts so, too
        np.testing.assert_allclose(arrays[f"{group}/patch.w"], want, rtol=1e-4, atol=1e-5)
    changed = [name for name in arrays if (arrays[name] != plain[name]).any()]
    assert changed == ["model/patch.w", "optimizer/ema/patch.w"]


def test_a_resumed_run_is_not_whitened_again(make):
    make().train()
    again = make()
    start = again.trainer.params["patch"]["w"].tobytes()
    again.resume(again.directory.last)
    arrays, _ = checkpoint.load(again.directory.last)
    assert again.trainer.params["patch"]["w"].tobytes() == arrays["model/patch.w"].tobytes()
    assert arrays["model/patch.w"].tobytes() != start


def stopped(started, step):
    """Train until Ctrl-C is pressed in the given step."""
    train_step = started.trainer.train_step

    def then(images, labels):
        assert labels.shape == (len(images), 3)
        train_step(images, labels)
        if started.trainer.step == step:
            signal.raise_signal(signal.SIGINT)

    started.trainer.train_step = then
    with pytest.raises(Interrupted, match=f"after step {step} of 8"):
        started.train()


@pytest.fixture
def whole(make):
    """What a run with everything on leaves behind that is not interrupted."""
    unbroken = make("whole")
    unbroken.train()
    return left_behind(unbroken.directory)


@pytest.mark.parametrize("step", [2, 7])
def test_with_everything_on_a_run_goes_on_bit_for_bit(make, whole, step):
    """In the middle of the first epoch and of the second."""
    first = make()
    stopped(first, step)
    assert "optimizer/ema/patch.w" in checkpoint.load(first.directory.last)[0]
    again = make()
    again.resume(again.directory.last)
    again.train()
    assert left_behind(first.directory) == whole


def test_a_hybrid_goes_on_bit_for_bit(make):
    """And its model, saved, gives what the run's checkpoint gives."""
    config = replace(EVERYTHING, stem="small", patch_overlap=0)
    unbroken, first = make("whole", config=config), make(config=config)
    start = unbroken.trainer.arrays()["model/stem.conv1.w"].copy()
    unbroken.train()
    stopped(first, 3)
    again = make(config=config)
    again.resume(again.directory.last)
    again.train()
    assert left_behind(first.directory) == left_behind(unbroken.directory)
    trained = load(first.directory.path)
    assert (trained.params["stem"]["conv1"]["w"] != start).any()
    trained.save(first.directory.path.parent / "model.npz")
    images = pictures().test_images
    kept = load(first.directory.path.parent / "model.npz").predict(images)
    np.testing.assert_array_equal(kept, trained.predict(images))
    assert kept.shape == (7, 3)


@pytest.mark.skipif(
    importlib.util.find_spec("threadpoolctl") is None,
    reason="several workers need threadpoolctl: pip install threadpoolctl",
)
def test_it_goes_on_with_another_number_of_workers(make, whole):
    first = make()
    stopped(first, 3)
    with Workers(2) as two:
        again = make(by=two)
        again.resume(again.directory.last)
        again.train()
    assert left_behind(first.directory) == whole


def test_on_the_device_it_learns_as_on_the_host(make, xp):
    on_host, on_device = make("host"), make("device", xp=xp)
    losses = [started.train()["loss"] for started in (on_host, on_device)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    means = [started.trainer.arrays()["optimizer/ema/patch.w"] for started in (on_host, on_device)]
    away = np.linalg.norm(means[1] - means[0]) / np.linalg.norm(means[0])
    assert away < 0.01  # Muon makes much of the rounding of a device


SMALL = ["--patch-size", "16", "--dim", "8", "--depth", "1", "--heads", "2", "--mlp-dim", "8"]
ON_SHAPES = [*SMALL, "--preset", "smoke", "--device", "cpu", "--threads", "1",
             "--dataset", "shapes", "--epochs", "1", "--batch-size", "10"]  # fmt: skip
OPTIONS = {  # option: its words, part of config.json, value there
    "policy": (["--policy", "rand"], "recipe", "rand"),
    "erasing": (["--erasing", "0.25"], "recipe", 0.25),
    "mixup": (["--mixup", "0.8"], "recipe", 0.8),
    "cutmix": (["--cutmix", "1"], "recipe", 1.0),
    "clip": (["--clip", "0.5"], "recipe", 0.5),
    "ema": (["--ema", "0.99"], "recipe", 0.99),
    "micro_batch": (["--micro-batch", "4"], "recipe", 4),
    "whiten": (["--whiten"], "recipe", True),
    "augment": (["--no-augment"], "recipe", False),
    "drop_path": (["--drop-path", "0.1"], "model", 0.1),
    "patch_dropout": (["--patch-dropout", "0.25"], "model", 0.25),
    "patch_overlap": (["--patch-overlap", "2"], "model", 2),
    "early_drop": (["--early-drop", "0.5"], "recipe", 0.5),
    "early_size": (["--early-size", "16"], "recipe", 16),
    "early_share": (["--early-share", "0.25"], "recipe", 0.25),
    "init": (["--init", "Mimetic"], "model", "mimetic"),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory to write in, and shapes of which there are few."""
    few_shapes(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def described(here, *words):
    """config.json of a run so begun."""
    assert exits.run(train.main, [*ON_SHAPES, *words, "--out", "run"]) == 0
    return json.loads((here / "run/config.json").read_text())


def test_every_option_reaches_the_run(here):
    words = [word for words, _, _ in OPTIONS.values() for word in words]
    config = described(here, *words)
    for name, (_, part, value) in OPTIONS.items():
        assert config[part][name] == value, name
    arrays, _ = checkpoint.load(here / "run/last.npz")
    assert "optimizer/ema/patch.w" in arrays


def test_what_is_not_asked_for_is_off(here):
    config = described(here, "--no-whiten", "--augment")
    off = {"policy": "none", "whiten": False, "augment": True, "init": "xavier", "clip": 1.0}
    off |= {"early_share": 0.5}
    for name, (_, part, _) in OPTIONS.items():
        assert config[part][name] == off.get(name, 0), name
    assert not any("ema" in name for name in checkpoint.load(here / "run/last.npz")[0])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--policy", "rnd"], "unknown policy 'rnd'; did you mean 'rand'? Valid: none, rand"),
        (["--erasing", "1.5"], "--erasing: must be a finite number of at least 0 and at most 1"),
        (["--mixup", "-1"], "--mixup: must be a finite number of at least 0; got '-1'"),
        (["--cutmix", "inf"], "--cutmix: must be a finite number of at least 0; got 'inf'"),
        (["--ema", "1"], "--ema: must be a finite number of at least 0 and at most 0.999999; got"),
        (["--micro-batch", "-1"], "--micro-batch: must be a whole number of at least 0; got '-1'"),
        (["--micro-batch", "1.5"], "--micro-batch: must be a whole number of at least 0"),
        (["--drop-path", "1"], "--drop-path: must be a finite number of at least 0 and below 1"),
        (["--patch-dropout", "nan"], "--patch-dropout: must be a finite number of at least 0"),
        (["--early-size", "24"], "early_size must be a multiple of patch_size 16, at most image_"),
        (
            ["--early-drop", "1"],
            "--early-drop: must be a finite number of at least 0 and at most 0.99",
        ),
        (["--init", "mimetc"], "unknown init 'mimetc'; did you mean 'mimetic'?"),
        (
            ["--stem", "R26/32", "--patch-size", "32", "--whiten"],
            "whiten starts weights that stem "
            "R26/32 would standardise; leave it out, or say --no-whiten",
        ),
        (["--whiten", "yes"], "unexpected argument 'yes'"),
        (["--no-whitening"], "unknown option --no-whitening; did you mean --no-whiten?"),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence(capsys, here, words, sentence):
    assert exits.run(train.main, [*ON_SHAPES, *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert sentence in err and "Traceback" not in err
    assert not list(here.iterdir())


@pytest.mark.parametrize("words", [["--ema", "0.5"], ["--augment"], ["--init", "normal"]])
def test_a_run_goes_on_as_it_was_begun(capsys, here, words):
    described(here, "--ema", "0.9", "--no-augment")
    capsys.readouterr()
    assert exits.run(train.main, ["--resume", "run", *words]) == 2
    name = words[0].removeprefix("--")
    assert f"last.npz continues as it was begun: {name} is " in capsys.readouterr().err


def test_help_names_every_option_within_80_columns(capsys):
    assert exits.run(train.main, ["--help"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for name in (*Config.settings(), *Recipe.settings()):
        assert re.search(rf"^  {flag(name)}[ ,]", out, re.MULTILINE), name
    assert "--first" not in out
    assert "how to vary the images:" in out and "--no-augment " in out and "--no-whiten " in out
