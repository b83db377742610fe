"""The door to a trained model: what `minivit.load` gives is what was trained and tested."""

import dataclasses
import doctest
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from program import ROOT, home_with_runs, train

import minivit
from minivit import (
    CheckpointError,
    Config,
    ConfigError,
    RunError,
    WorkerError,
    over_images,
    trained,
)
from minivit.commands import exits
from minivit.data.sources import shapes
from minivit.parallel import crew
from minivit.parallel.cuts import prediction_cuts
from minivit.parallel.workers import Workers
from minivit.storage import checkpoint

OPTIONS = """--dataset shapes --preset smoke --epochs 2 --dim 16 --depth 1 --heads 2 --mlp-dim 16
    --batch-size 8 --val-fraction 0.2 --threads 1""".split()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A directory in which two runs have been trained, the second with a running mean."""
    with_average = [*OPTIONS, "--ema", "0.5", "--gelu", "erf"]
    return home_with_runs(tmp_path_factory, OPTIONS, with_average)


@pytest.fixture
def test_set():
    dataset = shapes.load(0, train=40, test=12)
    return dataset.test_images, dataset.test_labels


def test_the_example_in_its_docstring_runs(home, monkeypatch):
    monkeypatch.chdir(home)
    result = doctest.testmod(trained)
    assert result.attempted >= 16 and result.failed == 0


@pytest.mark.parametrize("run", ["shapes-smoke-1", "shapes-smoke-2"])
def test_it_predicts_as_well_as_the_run_said(home, test_set, run):
    """Also with the running mean of the weights, where that is what was tested."""
    images, labels = test_set
    loaded = minivit.load(home / "runs" / run)
    probabilities = loaded.predict(images)
    assert probabilities.shape == (12, 10) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    last = json.loads((home / "runs" / run / "metrics.jsonl").read_text().splitlines()[-1])
    assert (probabilities.argmax(axis=1) == labels).mean() == last["test_accuracy"]
    nats = -np.log(probabilities[np.arange(12), labels]).mean()
    assert nats == pytest.approx(last["test_loss"], rel=1e-4)


def test_what_it_holds(home):
    loaded = minivit.load(str(home / "runs" / "shapes-smoke-1"))
    assert loaded.classes == tuple(shapes.FIGURES) and loaded.config.dim == 16
    assert loaded.mean.shape == loaded.std.shape == (3,)
    arrays, _ = checkpoint.load(home / "runs/shapes-smoke-1/last.npz")
    assert (loaded.params["head"]["w"] == arrays["model/head.w"]).all()
    best = minivit.load(home / "runs/shapes-smoke-1/best.npz")
    assert best.model.config == loaded.config


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_images_on_any_number_of_workers(home, workers):
    loaded = minivit.load(home / "runs/shapes-smoke-1")
    images = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), np.uint8)
    want = loaded.objective.predict(loaded.outputs(images, workers=1))
    assert (loaded.predict(images, workers) == want).all()
    assert loaded.predict(images[:0]).shape == (0, 10)
    np.testing.assert_allclose(loaded.predict(images[:1]), want[:1], atol=1e-6)
    np.testing.assert_allclose(loaded.predict(images / 255), want, atol=1e-5)


@pytest.mark.parametrize("processes", [False, None])
def test_many_calls_on_the_same_workers(home, processes):
    """Of two models in turns: worker processes are told which, and are started for each once.

    They take fewer images at once than threads, so the last bits differ where the matrix library
    chooses another way for that.
    """
    runs = [minivit.load(home / f"runs/shapes-smoke-{i}") for i in (1, 2)]
    images = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), np.uint8)
    want = [run.outputs(images, workers=1) for run in runs]
    with Workers(2, processes) as workers:
        for _ in range(2):
            for run, outputs in zip(runs, want, strict=True):
                np.testing.assert_allclose(run.outputs(images, workers), outputs, atol=1e-5)
                assert run.predict(images[:0], workers).shape == (0, 10)
                np.testing.assert_allclose(run.outputs(images[:1], workers), outputs[:1], atol=1e-5)
        for name in ("features", "attention", "summaries"):
            here = getattr(runs[0], name)
            np.testing.assert_allclose(
                here(images, workers=workers), here(images, workers=1), rtol=1e-5, atol=1e-5
            )
        started = workers.processes and workers.processes.pids
        tokens = runs[0].features(images, 0, workers)
        np.testing.assert_allclose(tokens, runs[0].features(images, 0, 1), rtol=1e-5, atol=1e-5)
        assert (workers.processes and workers.processes.pids) == started
    with pytest.raises(WorkerError, match="inside their `with` only"):
        runs[0].outputs(images, workers)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), r"takes images \(B, 32, 32, 3\); got \(2, 8, 8, 3\)"),
        (np.zeros((32, 32, 3), np.uint8), r"got \(32, 32, 3\)"),
        (np.ma.zeros((2, 32, 32, 3), np.uint8), "plain arrays; got a masked array"),
        (np.zeros((2, 32, 32, 3), int), "must be uint8 in 0..255 or floats in 0..1; got int64"),
    ],
)
def test_other_images_are_refused(home, images, sentence):
    with pytest.raises(ConfigError, match=sentence):
        minivit.load(home / "runs/shapes-smoke-1").predict(images)


def test_what_is_no_trained_model_is_refused(home, tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        minivit.load(tmp_path)
    arrays, meta = checkpoint.load(home / "runs/shapes-smoke-1/last.npz")
    checkpoint.save(tmp_path / "else.npz", arrays, {**meta, "objective": "fog"})
    with pytest.raises(CheckpointError, match=r"else\.npz was trained for the objective 'fog'"):
        minivit.load(tmp_path / "else.npz")
    del arrays["model/head.b"]
    checkpoint.save(tmp_path / "less.npz", arrays, meta)
    with pytest.raises(CheckpointError, match=r"less\.npz holds another model.*missing 1: head\.b"):
        minivit.load(tmp_path / "less.npz")


RNG = np.random.default_rng(1)
IMAGES = RNG.integers(0, 256, (3, 32, 32, 3), np.uint8)


def test_features_lead_to_the_outputs(home):
    loaded = minivit.load(home / "runs/shapes-smoke-1")
    head, params = loaded.model.parts["head"], loaded.params["head"]
    pooled = loaded.features(IMAGES)
    assert pooled.shape == (3, 16) and pooled.dtype == np.float32
    np.testing.assert_allclose(head.forward(params, pooled)[0], loaded.outputs(IMAGES), atol=1e-5)
    tokens = loaded.features(IMAGES, block=-1)
    assert tokens.shape == (3, 64, 16) and (tokens == loaded.features(IMAGES, block=0)).all()
    normed, _ = loaded.model.parts["norm"].forward(loaded.params["norm"], tokens)
    np.testing.assert_allclose(normed.mean(axis=1), pooled, atol=1e-5)


def test_attention_is_that_of_every_image_alone(home):
    loaded = minivit.load(home / "runs/shapes-smoke-1")
    weights = loaded.attention(IMAGES)
    assert weights.shape == (3, 1, 2, 64, 64) and weights.dtype == np.float32
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(loaded.attention(IMAGES[1:2])[0], weights[1], atol=1e-6)
    assert loaded.attention(IMAGES[:0]).shape == (0, 1, 2, 64, 64)


@pytest.mark.parametrize("block", [1, -2, 0.0, True, "pool"])
def test_a_block_that_is_not_there_is_refused(home, block):
    with pytest.raises(ConfigError, match=r"block must be a whole number from 0 to 0 .*; got"):
        minivit.load(home / "runs/shapes-smoke-1").features(IMAGES, block)


def same(one, other):
    """Whether two trained models are the same, bit for bit, but for where the images were."""
    for name in ("config", "classes", "objective", "crop"):
        assert getattr(one, name) == getattr(other, name)
    assert {**one.about, "source": 0} == {**other.about, "source": 0}
    for a, b in ((one.mean, other.mean), (one.std, other.std)):
        assert a.dtype == b.dtype == np.float32 and (a == b).all()
    ours, theirs = dict(minivit.tree.walk(one.params)), dict(minivit.tree.walk(other.params))
    assert list(ours) == list(theirs)
    assert all(a.tobytes() == theirs[name].tobytes() for name, a in ours.items())


@pytest.mark.parametrize("run", ["shapes-smoke-1", "shapes-smoke-2"])
def test_a_weights_only_file_is_the_same_model_in_a_third_of_the_size(home, tmp_path, run):
    loaded = minivit.load(home / "runs" / run)
    loaded = dataclasses.replace(loaded, crop=0.875)
    loaded.save(tmp_path / "model.npz")
    again = minivit.load(tmp_path / "model.npz")
    same(loaded, again)
    again.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "model.npz").read_bytes()
    whole = (home / "runs" / run / "last.npz").stat().st_size
    assert (tmp_path / "model.npz").stat().st_size < 0.5 * whole  # of so small a model
    arrays, meta = checkpoint.load(tmp_path / "model.npz")
    assert all(name.startswith("model/") for name in arrays)
    assert str(home) not in str(meta)  # the file may be given away


def test_what_is_known_of_a_model(home):
    run = home / "runs/shapes-smoke-1"
    about = minivit.load(run).about
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert about["test"] == {"loss": last["test_loss"], "accuracy": last["test_accuracy"]}
    assert about["dataset"] == "shapes" and about["preset"] == "smoke" and about["epochs"] == 2
    assert about["recipe"]["batch_size"] == 8 and about["weights"] == "final weights"
    assert about["source"] == {"dataset": "shapes", "data_dir": None}
    about = minivit.load(home / "runs/shapes-smoke-2").about
    assert about["weights"] == "running mean of the weights"


def test_the_test_metrics_are_of_these_weights_or_not_there(home, tmp_path):
    """A checkpoint before the end was not tested, nor is another run's result its own."""
    first, second = (home / f"runs/shapes-smoke-{i}" for i in (1, 2))
    arrays, meta = checkpoint.load(first / "last.npz")
    meta["position"]["epochs_done"] = 1
    checkpoint.save(first / "early.npz", arrays, meta)
    assert "test" not in minivit.load(first / "early.npz").about
    (first / "early.npz").unlink()
    shutil.copytree(second, tmp_path / "run")
    shutil.copy(first / "last.npz", tmp_path / "run/last.npz")
    assert "test" not in minivit.load(tmp_path / "run").about


def test_only_the_weights_are_kept_but_the_hash_is_over_all(home, tmp_path):
    run = home / "runs/shapes-smoke-1/last.npz"
    arrays, meta = checkpoint.load(run, group="model/")
    assert arrays and all(name.startswith("model/") for name in arrays)
    everything, whole = checkpoint.load(run)
    assert whole == meta and len(everything) > 2 * len(arrays)
    shutil.copy(run, tmp_path / "last.npz")
    damaged = np.load(run)
    name = next(name for name in damaged.files if name.startswith("optimizer/"))
    with open(tmp_path / "other.npz", "wb") as file:
        np.savez(file, **{**damaged, name: damaged[name] + 1})
    with pytest.raises(CheckpointError, match="is damaged"):
        minivit.load(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"classes": ["a"]}, "10 classes has 1 names of"),
        ({"classes": list(range(10))}, "classes is a list; it has a value that must be text"),
        ({"classes": 3}, "no trained model"),
        ({"mean": [0.5]}, "mean must be 3 numbers"),
        ({"std": [0, 1, 1]}, "std must be 3 numbers above 0"),
        ({"mean": "fog"}, "no trained model"),
        ({"crop": 0}, "crop must be above 0 and at most 1; got 0"),
        ({"crop": "a"}, "no trained model"),
        ({"about": []}, "about is a list; it must be an object"),
        ({"objective": {"name": "fog"}}, "objective 'fog'"),
        ({"objective": {"name": "classification", "fog": 1}}, "no trained model"),
        ({"objective": "classification"}, "no trained model"),
        ({"model": {}}, "holds another model"),
        ({"model": {"depth": 10**6}}, "holds another model than it says: 1000000 blocks"),
        ({"model": {"dim": 10**6, "heads": 1}}, "holds another model"),
        ({"model": {"fog": 1}}, "Config has no fog"),
        ({"model": None}, "no trained model"),
    ],
)
def test_values_that_cannot_be_are_refused_in_one_sentence(home, tmp_path, change, sentence):
    minivit.load(home / "runs/shapes-smoke-1").save(tmp_path / "model.npz")
    arrays, meta = checkpoint.load(tmp_path / "model.npz")
    checkpoint.save(tmp_path / "other.npz", arrays, {**meta, **change})
    with pytest.raises(CheckpointError, match=sentence) as caught:
        minivit.load(tmp_path / "other.npz")
    assert str(caught.value).count("other.npz") == 1 and "\n" not in str(caught.value)


def test_weights_that_do_not_fit_are_not_written(home, tmp_path):
    loaded = minivit.load(home / "runs/shapes-smoke-1")
    wide = minivit.tree.map(lambda leaf: leaf.astype(np.float64), loaded.params)
    with pytest.raises(CheckpointError, match="the weights do not fit: different"):
        dataclasses.replace(loaded, params=wide).save(tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_runs_checkpoint_is_not_written_over(home, tmp_path):
    """With it the run goes on; a file of weights alone would end that."""
    shutil.copy(home / "runs/shapes-smoke-1/last.npz", tmp_path)
    content = (tmp_path / "last.npz").read_bytes()
    loaded = minivit.load(tmp_path / "last.npz")
    with pytest.raises(RunError, match=r"last\.npz is the checkpoint of a run.*name another file"):
        loaded.save(tmp_path / "last.npz")
    assert (tmp_path / "last.npz").read_bytes() == content
    for _ in range(2):  # over a file of weights it is
        loaded.save(tmp_path / "weights.npz")


def test_what_is_no_model_is_not_written_over(home, tmp_path):
    loaded = minivit.load(home / "runs/shapes-smoke-1")
    np.savez(tmp_path / "numbers.npz", a=np.ones(3))
    (tmp_path / "photo.png").write_bytes(b"a photo")
    (tmp_path / "empty.npz").write_bytes(b"")
    for name in ("numbers.npz", "photo.png"):
        content = (tmp_path / name).read_bytes()
        with pytest.raises(RunError, match=f"{name} is there already, and is no file of a model"):
            loaded.save(tmp_path / name)
        assert (tmp_path / name).read_bytes() == content
    loaded.save(tmp_path / "empty.npz")


def test_of_the_model_that_a_run_began_with_the_name_is_kept(home, tmp_path):
    """Whether there was one, figures and evaluations have to know."""
    loaded = minivit.load(home / "runs/shapes-smoke-1")
    begun = dataclasses.replace(loaded, about={"from": "/home/me/models/b16.npz", "source": {}})
    begun.save(tmp_path / "model.npz")
    assert minivit.load(tmp_path / "model.npz").about == {"from": "b16.npz"}


def test_the_data_sets_are_there_without_another_import():
    words = "import minivit; assert minivit.data.NAMES"
    subprocess.run([sys.executable, "-c", words], check=True, cwd=ROOT)


def test_no_run_goes_on_from_weights_alone(home, tmp_path, capsys):
    minivit.load(home / "runs/shapes-smoke-1").save(tmp_path / "model.npz")
    assert exits.run(train.main, ["--resume", str(tmp_path / "model.npz")]) == 1
    assert "weights of a trained model only, no run to go on with" in capsys.readouterr().err


def test_images_are_cut_for_fast_products_and_few_of_them_for_all_workers():
    def cuts(count, processes=False, **sizes):
        edges = prediction_cuts(count, Config(**sizes).tokens, processes)
        assert edges[0][0] == 0 and edges[-1][1] == count
        return sorted({stop - start for start, stop in edges}), len(edges)

    small, large = {}, {"image_size": 224, "patch_size": 16}  # 65 and 197 tokens
    assert cuts(1, **small) == cuts(1, **large) == ([1], 1)
    assert cuts(3, **small) == ([3], 1) and cuts(8, **small) == ([2], 4)
    assert cuts(2, **large) == ([1], 2) and cuts(4, **large) == ([1], 4)
    assert cuts(16, **large) == ([4], 4) and cuts(64, **large) == ([8], 8)
    assert cuts(128, **small) == ([32], 4)
    assert cuts(10_000, **small)[0] == [31, 32]
    assert cuts(5, image_size=224, patch_size=4) == ([1], 5)  # 3137 tokens
    for count, sizes in ((1, small), (8, small), (4, large), (16, large)):  # few: as for threads
        assert cuts(count, True, **sizes) == cuts(count, **sizes)
    assert cuts(128, True, **small) == ([10, 11], 12) and cuts(64, True, **large) == ([4], 16)
    assert cuts(10_000, True, **small)[0] == [12, 13]


def test_the_matrix_library_has_its_threads_for_one_large_image_alone(monkeypatch):
    made = []

    class Watched(Workers):
        def __init__(self, count, **options):
            made.append((count, options.get("one_blas_thread", True)))
            super().__init__(1, **options)

    monkeypatch.setattr(over_images, "Workers", Watched)
    monkeypatch.setattr(crew, "Workers", Watched)
    for images, workers, depth in ((1, None, 2), (1, 1, 2), (1, None, 1), (8, None, 2)):
        config = Config(dim=192, heads=3, mlp_dim=768, depth=depth)  # 61 MFLOP a block
        params = minivit.tree.map(
            lambda leaf: leaf.astype(np.float32), minivit.ViT(config).init(RNG)
        )
        one = trained.Trained(config, params, (), *2 * [np.ones(3, np.float32)], None)
        one.outputs(IMAGES[[0] * images], workers)
    assert made == [(1, False), (1, True), (1, True), (None, True)]
