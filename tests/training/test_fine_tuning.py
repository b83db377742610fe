"""Fine-tuning with `train.py --from`: what is kept, what is new, what is refused, and resuming."""

import json
import signal
from dataclasses import replace

import numpy as np
import pytest
from program import few_shapes, train
from runs import left_behind
from small_runs import CONFIG, RECIPE, after, make_run, pictures

import minivit
from minivit import ConfigError, tree
from minivit.commands import exits
from minivit.config import POSITIONS
from minivit.data import Dataset
from minivit.objective import Regression
from minivit.storage import checkpoint
from minivit.storage.directory import RunDirectory
from minivit.training.fine_tuning import Start
from minivit.training.frozen import ALL
from minivit.training.plan import Plan
from minivit.training.presets import PRESETS
from minivit.training.recipe import Recipe
from minivit.training.run import Run
from minivit.training.saved_run import SavedRun
from minivit.training.signals import Interrupted

TUNING = replace(RECIPE, freeze=1, layer_decay=0.8, optimizer="sgd", epochs=3)
OTHER = pictures(seed=4, name="others", classes=("a", "b", "z"))


pytestmark = pytest.mark.usefixtures("no_curves")


@pytest.fixture
def base(workers, tmp_path):
    """A trained model with a tanh hidden layer in its head -> its `Trained`."""
    make_run(tmp_path / "base", workers, config=replace(CONFIG, pre_logits=5)).train()
    return minivit.load(tmp_path / "base")


def tuned(base, workers, place, data=OTHER, recipe=TUNING, **options):
    """A run that begins with `base`, as `train.py --from` makes it."""
    start = Start.of(base, "base")
    plan = Plan(start.with_options(options), recipe, RunDirectory(place), start=start)
    start = start.for_data(data, plan.config, recipe.seed)
    return Run(replace(plan, config=start.config, start=start), data, workers)


def leaves(params):
    return {name: np.asarray(leaf) for name, leaf in tree.walk(params)}


def test_all_but_the_head_is_kept(base, workers, tmp_path):
    run = tuned(base, workers, tmp_path / "run")
    own, kept = leaves(run.trainer.params), leaves(base.params)
    assert run.plan.config == replace(base.config, pre_logits=0)
    assert set(kept) - set(own) == {"pre_logits.w", "pre_logits.b"}
    for name, leaf in own.items():
        if name.startswith("head"):
            assert leaf.shape[-1] == 3 and not leaf.any()
        else:
            np.testing.assert_array_equal(leaf, kept[name])
    assert (run.mean, run.std) == (base.mean.tolist(), base.std.tolist())  # it knows these
    assert run.plan.start.note == (
        "from base: all weights but the head, which is new and starts at zero, as the classes "
        "have other names ('c' was where 'z' is now); its hidden layer of 5 numbers is dropped"
    )


def test_the_head_for_the_same_classes_is_kept(base, workers, tmp_path):
    run = tuned(base, workers, tmp_path / "run", data=pictures(seed=4))
    own, kept = leaves(run.trainer.params), leaves(base.params)
    assert own.keys() == kept.keys()
    for name in own:
        np.testing.assert_array_equal(own[name], kept[name])
    assert run.plan.start.note == "from base: all weights, and the head for the same classes"


def test_a_model_that_names_no_classes_gets_a_new_head(base, workers, tmp_path):
    run = tuned(replace(base, classes=()), workers, tmp_path / "run", data=pictures())
    assert not leaves(run.trainer.params)["head.w"].any()
    assert "as the model does not say what its outputs are" in run.plan.start.note
    of_numbers = replace(base, classes=(), objective=Regression(("cuteness",), (0.0,), (1.0,)))
    run = tuned(of_numbers, workers, tmp_path / "other", data=pictures())
    assert "as it was trained for cuteness" in run.plan.start.note


def test_a_size_is_no_advice_where_the_colours_differ(base):
    start = Start.of(base, "base")
    grey = pictures()
    images = {
        f"{of}_images": getattr(grey, f"{of}_images")[..., :1].copy() for of in ("train", "test")
    }
    grey = replace(grey, **images)
    with pytest.raises(ConfigError, match=r"read as the model takes them$"):
        start.for_data(grey, start.config, 0)


def test_rates_may_change_and_sizes_may_not(base):
    start = Start.of(base, "base")
    assert start.with_options({"drop_path": 0.1, "dim": 8}).drop_path == 0.1
    with pytest.raises(ConfigError, match="--mlp-dim 9: base has 8, and a run that begins with"):
        start.with_options({"mlp_dim": 9})
    with pytest.raises(ConfigError, match="--stem small: base has none, and a run that begins"):
        start.with_options({"stem": "small"})


def test_a_hidden_layer_that_is_asked_for_makes_a_new_head(base, workers, tmp_path):
    recipe = replace(TUNING, freeze=ALL)
    data = pictures()  # of the same classes
    run = tuned(base, workers, tmp_path / "run", data=data, recipe=recipe, head_hidden=4)
    own = leaves(run.trainer.params)
    assert (run.plan.config.head_hidden, run.plan.config.pre_logits) == (4, 0)
    assert own["head_hidden.w"].shape == (8, 4) and own["head_hidden.w"].any()
    assert not own["head.w"].any() and run.plan.start.note.endswith("its hidden layer is another")
    assert len(run.trainer.vector) == 8 * 4 + 4 + 4 * 3 + 3  # both layers of the head learn


@pytest.mark.parametrize("shape", [(8, 8, 1), (12, 12, 3)])
def test_images_that_the_model_cannot_take(base, shape):
    images = np.zeros((4, *shape), np.uint8)
    data = Dataset("odd", ("a", "b"), images, np.zeros(4, int), images, np.zeros(4, int))
    said = f"odd has images of {shape[0]} x {shape[1]} pixels and {shape[2]} channel"
    with pytest.raises(ConfigError, match=said) as raised:
        Start.of(base, "base").for_data(data, base.config, 0)
    assert "base takes 8 x 8 and 3 channels: begin with a model of such" in str(raised.value)


def resumed(run, place):
    """The plan that goes on with a run in `place`, without the model that the run began with."""
    saved = SavedRun.read(place)
    return replace(run.plan, start=None, saved=saved, directory=RunDirectory(place))


@pytest.mark.parametrize("step", range(1, 12))
def test_a_stopped_run_goes_on_bit_for_bit(base, workers, tmp_path, step):
    whole = tuned(base, workers, tmp_path / "whole")
    whole.train()
    half = tuned(base, workers, tmp_path / "half")
    after(half, step, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(Interrupted):
        half.train()
    Run(resumed(half, tmp_path / "half"), OTHER, workers).train()
    assert left_behind(half.directory) == left_behind(whole.directory)
    assert minivit.load(tmp_path / "half").about["from"] == "base"


@pytest.mark.parametrize("freeze", [0, 1, ALL])
def test_a_model_with_a_stem_is_fine_tuned_and_goes_on_bit_for_bit(workers, tmp_path, freeze):
    """Where blocks are frozen, so is the stem; its learning rate is that of the first layers."""
    make_run(tmp_path / "base", workers, config=replace(CONFIG, stem="small")).train()
    hybrid, recipe = minivit.load(tmp_path / "base"), replace(TUNING, freeze=freeze)
    whole, half = (tuned(hybrid, workers, tmp_path / n, recipe=recipe) for n in ("whole", "half"))
    before = {n: leaf.copy() for n, leaf in leaves(whole.trainer.params).items()}
    kept = leaves(hybrid.params)
    assert all((before[n] == kept[n]).all() for n in kept if not n.startswith("head"))
    whole.train()
    now = leaves(whole.trainer.params)
    assert all((now[n] == before[n]).all() == bool(freeze) for n in now if n.startswith("stem"))
    assert whole.trainer.update.rates.get("stem.conv1.w") == (None if freeze else 0.8**2)
    after(half, 6, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(Interrupted):
        half.train()
    Run(resumed(half, tmp_path / "half"), OTHER, workers).train()
    assert left_behind(half.directory) == left_behind(whole.directory)


def test_a_run_on_a_share_of_the_images(workers, tmp_path):
    run = make_run(tmp_path / "run", workers, recipe=replace(RECIPE, train_fraction=0.5))
    assert (len(run.training), len(run.validation), run.steps_per_epoch) == (9, 4, 2)
    run.train()
    assert minivit.load(tmp_path / "run").about["recipe"]["train_fraction"] == 0.5


# Patience: validation accuracy as the test says, one value an epoch.


def judged(monkeypatch, *accuracies):
    """Let the runs of this test see these accuracies on their validation images."""
    values = iter(accuracies)
    monkeypatch.setattr(Run, "validate", lambda run: {"loss": 1.0, "accuracy": next(values)})


PATIENT = replace(RECIPE, epochs=6, patience=2)


def test_patience_ends_a_run_and_keeps_the_best(workers, tmp_path, monkeypatch):
    judged(monkeypatch, 0.1, 0.4, 0.3, 0.4, 0.9)  # as good as the best is not better
    run, at_best = make_run(tmp_path / "run", workers, recipe=PATIENT), {}
    after(run, 8, lambda: at_best.update(tree.map(np.copy, run.trainer.params)))
    result = run.train()
    assert run.record.epochs_done == 4 and run.record.taken == 2
    assert len(run.directory.rows()) == 4 and run.directory.result()["of_epoch"] == 2
    best, _ = checkpoint.load(run.directory.best, group="model/")
    last, meta = checkpoint.load(run.directory.last, group="model/")
    for name, leaf in leaves(run.trainer.params).items():
        np.testing.assert_array_equal(leaf, leaves(at_best)[name])
        np.testing.assert_array_equal(leaf, best[f"model/{name}"])
        np.testing.assert_array_equal(leaf, last[f"model/{name}"])
    assert meta["position"]["epochs_done"] == 4 and meta["position"]["taken"] == 2
    loaded = minivit.load(tmp_path / "run")
    assert loaded.about["weights"] == "best weights" and loaded.about["epochs"] == 2
    assert loaded.about["test"] == pytest.approx(result)
    assert SavedRun.read(tmp_path / "run").complete


def test_a_patient_run_to_its_end_keeps_the_best_too(workers, tmp_path, monkeypatch):
    judged(monkeypatch, 0.1, 0.4, 0.3)
    run = make_run(tmp_path / "run", workers, recipe=replace(PATIENT, epochs=3))
    run.train()
    assert (run.record.epochs_done, run.record.taken) == (3, 2)


def test_a_run_that_improves_is_not_ended(workers, tmp_path, monkeypatch):
    judged(monkeypatch, *np.arange(6) / 10)
    run = make_run(tmp_path / "run", workers, recipe=PATIENT)
    run.train()
    assert (run.record.epochs_done, run.record.taken) == (6, 0)


@pytest.mark.parametrize("step", [3, 9, 14, 16])
def test_a_stopped_patient_run_goes_on_bit_for_bit(workers, tmp_path, monkeypatch, step):
    for name in ("whole", "half"):
        judged(monkeypatch, 0.1, 0.4, 0.3, 0.4, 0.9)
        run = make_run(tmp_path / name, workers, recipe=PATIENT)
        if name == "half":
            after(run, step, lambda: signal.raise_signal(signal.SIGINT))
            with pytest.raises(Interrupted):
                run.train()
            run = Run(resumed(run, tmp_path / name), pictures(), workers)
        run.train()
    assert left_behind(run.directory) == left_behind(RunDirectory(tmp_path / "whole"))


def test_without_its_best_checkpoint_the_last_weights_are_taken(
    workers, tmp_path, monkeypatch, capsys
):
    judged(monkeypatch, 0.4, 0.3, 0.3)
    run = make_run(tmp_path / "run", workers, recipe=PATIENT)
    after(run, 9, run.directory.best.unlink)
    run.train()
    assert "the weights are those of the last epoch, not of the best one" in capsys.readouterr().out
    assert run.record.taken == 0 and SavedRun.read(tmp_path / "run").complete


def test_patience_needs_validation_images(workers, tmp_path):
    with pytest.raises(ConfigError, match="patience needs validation images"):
        Recipe(patience=1, val_fraction=0.0)
    recipe = replace(PATIENT, val_fraction=0.01)
    with pytest.raises(ConfigError, match=r"val_fraction 0\.01 leaves no image for validation"):
        make_run(tmp_path / "run", workers, recipe=recipe)


# The command.

SIZES = "--patch-size 16 --dim 8 --depth 2 --heads 2 --mlp-dim 8".split()
ON_SHAPES = "--dataset shapes --device cpu --threads 1 --epochs 1 --batch-size 10".split()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two blocks on few shapes."""
    with pytest.MonkeyPatch.context() as patch:
        few_shapes(patch)
        out = tmp_path_factory.mktemp("runs") / "base"
        assert (
            exits.run(train.main, [*ON_SHAPES, *SIZES, "--preset", "smoke", "--out", str(out)]) == 0
        )
    return out


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """`train.py WORDS` on few shapes -> status, stdout, stderr."""
    few_shapes(monkeypatch)
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capsys.readouterr()
        status = exits.run(train.main, [str(word) for word in words])
        return status, *capsys.readouterr()

    return run


def test_the_command_fine_tunes_by_the_papers_schedule(command, trained, tmp_path):
    status, out, err = command("--from", trained, "--freeze", "all", *ON_SHAPES, "--out", "run")
    assert (status, err) == (0, "")
    assert f"from {trained}: all weights, and the head for the same classes" in out
    assert "ViT finetune: width 8, 2 blocks" in out and "of which 90 learn" in out
    assert "with freeze all" in out
    meta = json.loads((tmp_path / "run/config.json").read_text())
    assert meta["from"] == str(trained) and meta["recipe"]["optimizer"] == "sgd"
    assert (meta["recipe"]["weight_decay"], meta["recipe"]["clip"]) == (0.0, 1.0)
    assert PRESETS["finetune"].recipe["batch_size"] == 512
    status, out, err = command("--resume", "run")
    assert "run is complete: 1 of 1 epochs done" in out


def test_a_model_file_without_a_run_can_be_begun_with(command, trained, tmp_path):
    file = tmp_path / "weights.npz"
    minivit.load(trained).save(file)
    words = ("--from", str(file), *ON_SHAPES, "--preset", "tiny", "--out", "run")
    assert command(*words)[0] == 0
    recipe = minivit.load(tmp_path / "run").about["recipe"]
    assert recipe["optimizer"] == "muon" and recipe["whiten"] is False  # it would overwrite
    minivit.load(tmp_path / "run").save(tmp_path / "again.npz")
    about = minivit.load(tmp_path / "again.npz").about
    assert about["from"] == "weights.npz"  # not the path on this machine


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--freeze", "1"], 2, "--freeze is for weights that have been trained: name them with"),
        (["--preset", "finetune"], 2, "the preset finetune is for a trained model: name it with"),
        (["--from", "BASE", "--freeze", "3"], 2, "freeze 3: the model has 2 blocks; freeze 2"),
        (["--from", "BASE", "--freeze", "-1"], 2, "--freeze: must be a whole number of at least 0"),
        (["--from", "BASE", "--whiten"], 2, "--whiten would overwrite weights of BASE: leave it"),
        (["--from", "BASE", "--dim", "16"], 2, "--dim 16: BASE has 8, and a run that begins with"),
        (["--from", "BASE", "--classes", "7"], 2, "--classes 7: shapes has 10; leave the option"),
        (["--from", "nothing"], 1, "there is no checkpoint nothing"),
        (["--from", "BASE", "--resume", "BASE"], 2, "--from is for a new run"),
        (["--layer-decay", "0"], 2, "--layer-decay: must be a finite number above 0"),
        (["--patience", "2", "--val-fraction", "0"], 2, "patience needs validation images"),
    ],
)
def test_what_makes_no_sense_gets_a_sentence(command, trained, words, status, said):
    words = [str(trained) if word == "BASE" else word for word in words]
    out = command(*ON_SHAPES, *words)
    assert out[0] == status and said.replace("BASE", str(trained)) in out[2]
    assert out[2].count("\n") == 1


def test_a_checkpoint_that_lacks_parts_is_refused(command, trained, tmp_path):
    arrays, meta = checkpoint.load(trained / "last.npz")
    del arrays["model/block1.mlp.fc1.w"]
    checkpoint.save(tmp_path / "part.npz", arrays, meta)
    status, _, err = command("--from", "part.npz", *ON_SHAPES)
    assert status == 1 and "missing 1: block1.mlp.fc1.w" in err


@pytest.mark.parametrize("freeze", [0, ALL])
@pytest.mark.parametrize("position", POSITIONS)
def test_a_new_head_behind_every_kind_of_position(tmp_path, workers, position, freeze):
    """The parameters are those of the model itself; none is made for what blocks share."""
    config = replace(CONFIG, position=position, patch_dropout=0.0, depth=2)
    make_run(tmp_path / "base", workers, config=config, recipe=replace(RECIPE, epochs=1)).train()
    base, recipe = minivit.load(tmp_path / "base"), replace(TUNING, freeze=freeze, epochs=1)
    run = tuned(base, workers, tmp_path / "new", recipe=recipe)
    run.train()
    own = minivit.load(tmp_path / "new").params
    assert leaves(own).keys() == leaves(base.params).keys()
    same = all((leaf == leaves(base.params)[n]).all() for n, leaf in leaves(own).items()
               if not n.startswith("head"))  # fmt: skip
    assert same == (freeze == ALL)
