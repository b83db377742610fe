"""Numbers at the ends of float32 (N1, N4), and runs whose numbers are lost (N6, C12, C17)."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from small_runs import RECIPE, after, make_run

from minivit import CrossEntropy, DivergedError
from minivit.arrays.backend import to_device, to_host
from minivit.layers import Gelu, GeluErf
from minivit.optim import warmup_cosine
from minivit.storage import checkpoint
from minivit.storage.directory import RunDirectory

LARGE = 3e38  # the largest number of float32 is 3.4e38


@pytest.fixture
def make(workers, tmp_path, monkeypatch):
    """Small runs without curves."""
    monkeypatch.setattr("minivit.training.run.curves.draw", lambda *drawn: "")
    return lambda name="run", **changes: make_run(tmp_path / name, workers, **changes)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("targets", [np.array([0, 1]), np.eye(2, dtype=np.float32)])
def test_N01_logits_as_far_apart_as_float32_allows(xp, targets):
    logits = np.array([[LARGE, -LARGE], [-LARGE, LARGE]], np.float32)
    loss_layer = CrossEntropy()
    right, cache = loss_layer.forward(to_device(logits, xp), to_device(targets, xp))
    assert float(right) == 0.0
    assert not to_host(loss_layer.backward(1.0, cache)).any()
    wrong, cache = loss_layer.forward(to_device(-logits, xp), to_device(targets, xp))
    assert float(wrong) == math.inf  # 6e38 is no float32; the run says that it diverged
    want = [[-0.5, 0.5], [0.5, -0.5]]
    np.testing.assert_array_equal(to_host(loss_layer.backward(1.0, cache)), want)
    logits[0, 0] = np.nan
    assert np.isnan(float(loss_layer.forward(to_device(logits, xp), to_device(targets, xp))[0]))


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("layer", [Gelu(), GeluErf()], ids=["tanh", "erf"])
@pytest.mark.parametrize("key", [None, 1])
def test_N04_gelu_forward_and_backward_at_the_ends_of_float32(layer, key):
    pytest.importorskip("scipy", reason="GeluErf needs it: pip install scipy")
    x = np.array([LARGE, -LARGE, 3.4e38, -1e20, 1e20, 0.0], np.float32)
    y, cache = layer.forward({}, x.copy(), key)
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    dx, _ = layer.backward(np.ones_like(x), cache)
    np.testing.assert_array_equal(dx, [1, 0, 1, 0, 1, 0.5])


def test_C17_a_run_of_a_single_step_learns(make):
    assert warmup_cosine(1, 1, 0, 0.5) == warmup_cosine(1, 1, 1, 0.5) == 0.5
    run = make(recipe=replace(RECIPE, epochs=1, batch_size=100, warmup=0.0))
    before = run.trainer.vector.copy()
    run.train()
    assert run.trainer.steps == 1 and (run.trainer.vector != before).any()


def test_C12_a_test_loss_that_is_not_finite_is_no_result(make):
    """Of weights that are finite, so that no step was bad and there is nothing held out."""
    run = make(recipe=replace(RECIPE, val_fraction=0.0))
    evaluate = run.trainer.evaluate

    def infinite(*args):
        return {**evaluate(*args), "loss": math.inf}

    run.trainer.evaluate = infinite
    with pytest.raises(DivergedError, match=r"test loss is inf.*lower --lr"):
        run.train()
    assert run.directory.result() is None and len(run.directory.rows()) == 2


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_C12_weights_that_are_huge_end_in_a_sentence(make):
    huge = {"lr": 1e37, "val_fraction": 0.0, "warmup": 0.0, "optimizer": "adamw", "epochs": 1}
    for batch_size in (5, 100):
        run = make(f"run{batch_size}", recipe=replace(RECIPE, **huge, batch_size=batch_size))
        with pytest.raises(DivergedError):
            run.train()
        assert "Infinity" not in run.directory.metrics.read_text() if batch_size == 100 else True


def test_C12_metrics_are_json_whatever_an_objective_reports(tmp_path):
    directory = RunDirectory(tmp_path)
    directory.append({"epoch": 1, "step": 2, "a": math.nan, "b": math.inf, "c": np.float64(0.5)})

    def refuse(word):
        raise AssertionError(word)

    line = json.loads(directory.metrics.read_text(), parse_constant=refuse)
    assert line == {"epoch": 1, "step": 2, "a": None, "b": None, "c": 0.5}


def test_N06_a_run_that_diverges_names_the_step_and_the_tensor(make):
    run = make()

    def spoil(gradients=run.trainer.gradients):
        backward = run.trainer.model.backward

        def broken(dlogits, cache):
            dimages, grads = backward(dlogits, cache)
            grads["block0"]["attn"]["qkv"]["w"][0, 0] = np.inf
            return dimages, grads

        run.trainer.model.backward = broken

    after(run, 2, spoil)
    before = {}
    after(run, 2, lambda: before.update(weights=run.trainer.vector.copy()))
    with pytest.raises(
        DivergedError, match=r"at step 3 of 8.*: the gradient of block0\.attn\.qkv\.w is not finite"
    ):
        run.train()
    assert (run.trainer.vector == before["weights"]).all() and run.trainer.step == 3
    checkpoint.load(run.directory.last)


def test_N06_a_weight_that_is_lost_is_named(make):
    run = make()

    def spoil():
        run.trainer.params["head"]["b"][1] = np.nan

    after(run, 2, spoil)
    with pytest.raises(DivergedError, match=r"at step 3 of 8.*: head\.b is not finite"):
        run.train()
