"""Masked patches in a run: resumed bit for bit, then the start of a classifier."""

import signal
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from program import few_shapes, train
from runs import left_behind
from small_runs import CONFIG, RECIPE, after, make_run, pictures

import minivit
from minivit.arrays import tree
from minivit.commands import exits, predict
from minivit.commands.probe import own_head
from minivit.errors import ConfigError
from minivit.figures.rollout import predictions
from minivit.masked import MaskedConfig
from minivit.masked.config import TARGETS
from minivit.resolution import of_trained
from minivit.storage.directory import RunDirectory
from minivit.training.fine_tuning import Start
from minivit.training.plan import Plan
from minivit.training.run import Run
from minivit.training.saved_run import SavedRun
from minivit.training.signals import Interrupted

MASKED = {t: MaskedConfig(**CONFIG.to_dict(), mask_target=t) for t in TARGETS}
UNSMOOTHED = replace(RECIPE, smoothing=0.0)


pytestmark = pytest.mark.usefixtures("no_curves")


@pytest.mark.parametrize("target", TARGETS)
def test_a_stopped_run_goes_on_bit_for_bit(workers, tmp_path, target):
    whole, half = (
        make_run(tmp_path / name, workers, MASKED[target], UNSMOOTHED) for name in ("whole", "half")
    )
    result = whole.train()
    assert list(result) == [metric.name for metric in whole.objective.metrics]
    after(half, 3, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(Interrupted):
        half.train()
    saved = SavedRun.read(tmp_path / "half")
    assert saved.config == MASKED[target] and saved.objective == whole.objective.name
    plan = replace(half.plan, saved=saved, directory=RunDirectory(tmp_path / "half"))
    Run(plan, pictures(), workers).train()
    assert left_behind(half.directory) == left_behind(whole.directory)


@pytest.mark.parametrize("pool", ["mean", "class"])
def test_a_classifier_begins_with_its_encoder(workers, tmp_path, pool):
    config = replace(MASKED["colour"], pool=pool)
    make_run(tmp_path / "masked", workers, config, UNSMOOTHED).train()
    base = minivit.load(tmp_path / "masked")
    images = pictures().test_images
    assert base.features(images).shape == (7, 8) and base.predict(images).shape == (7, 2, 1, 512)
    base.save(tmp_path / "weights.npz")
    again = minivit.load(tmp_path / "weights.npz")
    assert again.objective == base.objective and again.config == config
    np.testing.assert_array_equal(again.features(images), base.features(images))
    start = Start.of(base, "masked")
    plan = Plan(start.with_options({}), RECIPE, RunDirectory(tmp_path / "tuned"), start=start)
    start = start.for_data(pictures(), plan.config, 0)
    assert "which is new and starts at zero" in start.note
    run = Run(replace(plan, config=start.config, start=start), pictures(), workers)
    assert run.plan.config == config.classifier()
    own, kept = dict(tree.walk(run.trainer.params)), dict(tree.walk(base.params))
    assert set(kept) - set(own) == {"mask.mask"} and not own["head.w"].any()
    for name in own.keys() - {"head.w", "head.b"}:
        np.testing.assert_array_equal(own[name], kept[name])
    run.train()
    assert minivit.load(tmp_path / "tuned").classes == ("a", "b", "c")


ON_SHAPES = """--dataset shapes --device cpu --threads 1 --epochs 1 --batch-size 10 --preset smoke
    --patch-size 16 --dim 8 --depth 1 --heads 2 --mlp-dim 8""".split()


def test_the_command_pre_trains_and_fine_tunes(monkeypatch, tmp_path, capsys):
    few_shapes(monkeypatch)
    monkeypatch.chdir(tmp_path)

    def command(*words):
        capsys.readouterr()
        status = exits.run(train.main, [str(word) for word in words])
        return status, *capsys.readouterr()

    status, out, err = command(*ON_SHAPES, "--objective", "masked", "--out", "masked")
    assert (status, err) == (0, "")
    assert "predicting the mean colour, of 512, of 2 corrupted patches an image" in out
    assert "shapes test accuracy " in out
    base = minivit.load("masked")
    assert own_head(base, SimpleNamespace(classes=base.classes)) is None  # it names no classes
    with pytest.raises(ConfigError, match="objective 'masked', which predict does not know"):
        predict.main(SimpleNamespace(model="masked", images=["a.png"], csv=None))
    larger = of_trained(base, 64)[0].objective  # its accuracy is of the patches that it then has
    assert larger.patches == 4 * base.objective.patches
    assert predictions(base, np.zeros((2, 32, 32, 3), np.uint8)) == ["", ""]
    status, out, err = command("--resume", "masked", "--objective", "masked")
    assert status == 0 and "masked is complete" in out
    words = "--dataset shapes --device cpu --threads 1 --epochs 1 --out tuned".split()
    status, out, err = command("--from", "masked", *words)
    assert (status, err) == (0, "") and "from masked: all weights but the head" in out
    for words, said in [
        (["--mask-share", "0.2"], "--mask-share is for --objective masked"),
        (["--objective", "masked", "--from", "masked"], "begins with random weights: leave out"),
        (["--objective", "masked", "--early-drop", "0.5"], "set patch_dropout to 0"),
        (["--objective", "masked", "--early-size", "16"], "set early_size to 0"),
        (["--objective", "mask"], "did you mean 'masked'?"),
        (["--resume", "masked", "--objective", "classification"], "objective is masked, not clas"),
    ]:
        before = ON_SHAPES if "--resume" not in words and "--from" not in words else []
        status, out, err = command(*before, *words)
        assert status == 2 and said in err and err.count("\n") == 1, err
