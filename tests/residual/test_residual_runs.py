"""Residual networks in the ordinary run and in the commands."""

import signal
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from program import few_shapes, train
from runs import left_behind
from small_runs import after, make_run, pictures

import minivit
from minivit import ConfigError
from minivit.__main__ import main
from minivit.commands import exits
from minivit.parallel.workers import Workers
from minivit.residual import ResidualConfig
from minivit.storage.directory import RunDirectory
from minivit.training import run as run_module
from minivit.training.run import Run
from minivit.training.saved_run import SavedRun
from minivit.training.signals import Interrupted

SMALL = ResidualConfig(image_size=8, classes=3, units=1, width=4, groups=2)


def test_the_ordinary_run_trains_it_and_goes_on_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module.curves, "draw", lambda *drawn: "")
    with Workers(1) as workers:
        whole, half = (make_run(tmp_path / name, workers, SMALL) for name in ("whole", "half"))
        whole.train()
        after(half, 3, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(Interrupted):
            half.train()
        saved = SavedRun.read(tmp_path / "half")
        plan = replace(half.plan, saved=saved, directory=RunDirectory(tmp_path / "half"))
        Run(plan, pictures(), workers).train()
    assert left_behind(half.directory) == left_behind(whole.directory)
    trained = minivit.load(tmp_path / "half")
    images = pictures().test_images
    assert trained.config == SMALL and trained.predict(images).shape == (7, 3)
    assert trained.features(images).shape == (7, 16)
    trained.save(tmp_path / "weights.npz")
    again = minivit.load(tmp_path / "weights.npz")
    np.testing.assert_array_equal(again.predict(images), trained.predict(images))
    for look in (trained.attention, trained.summaries, partial(trained.features, block=0)):
        with pytest.raises(ConfigError, match="a residual network has no transformer blocks"):
            look(images)


def test_the_commands_take_it_or_refuse_it_in_a_sentence(tmp_path, monkeypatch, capsys):
    few_shapes(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_module.curves, "draw", lambda *drawn: "")
    data = "--dataset shapes --device cpu --threads 1 --epochs 1".split()
    small = "--preset resnet-20 --units 1 --width 8".split()

    def command(program, *words):
        capsys.readouterr()
        status = exits.run(program, [str(word) for word in words])
        return status, *capsys.readouterr()

    status, out, err = command(train.main, *data, *small, "--erasing", "0.1", "--out", "run")
    assert (status, err) == (0, "") and "3 stages of 1 basic units, width 8, 19," in out
    assert "with erasing 0.1\n" in out  # what differs is said of this network too
    assert command(main, "evaluate", "run")[0] == 0 and command(main, "shift", "run")[0] == 0
    assert command(main, "figures", "run", "--kind", "features", "--out", "drawn")[0] == 0
    assert command(main, "export", "run", "weights.npz", "--weights-only")[0] == 0
    for program, words, said in [
        (train.main, [*data, *small, "--dim", "9"], "--dim is for a Vision Transformer, and this"),
        (train.main, [*data, "--units", "2"], "--units is for a residual network, such as --pres"),
        (train.main, [*data, *small, "--whiten"], "whiten is for a Vision Transformer, and this"),
        (train.main, [*data, *small, "--objective", "masked"], "masked patches are for a Vision"),
        (train.main, [*data, *small, "--groups", "3"], "groups must divide width: 8 is not a mul"),
        (train.main, [*data, "--from", "run"], "run is a residual network; a run can begin with"),
        (main, ["export", "run", "out.npz"], "the authors' format needs transformer blocks, and"),
        (main, ["figures", "run", "--kind", "distance"], "the figure distance needs transformer"),
        (main, ["probe", "run"], "probe needs transformer blocks, and this is a residual network"),
        (main, ["explain", "run", "none.png"], "explain needs transformer blocks, and this is a"),
    ]:
        status, out, err = command(program, *words)
        assert status in (1, 2) and said in err and err.count("\n") == 1, (words, err)
