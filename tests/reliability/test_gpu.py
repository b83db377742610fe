"""Rows K19 and N18: runs on a GPU, and on the strict stand-in for CuPy."""

from dataclasses import replace

import numpy as np
import pytest
from small_runs import CONFIG, RECIPE, pictures

import minivit
from minivit import DataError
from minivit.arrays.backend import to_device, to_host
from minivit.data.normalise import normalise
from minivit.storage.directory import RunDirectory
from minivit.training.plan import Plan
from minivit.training.run import Run

devices = pytest.mark.parametrize("xp", ["strict", "cupy"], indirect=True)


def run_on(xp, place, workers, data=None):
    return Run(Plan(CONFIG, RECIPE, RunDirectory(place), xp=xp), data or pictures(), workers)


@devices
def test_K19_a_run_saved_on_a_gpu_is_loaded_and_goes_on_without_one(xp, tmp_path, workers):
    on_device = run_on(xp, tmp_path / "device", workers)
    on_device.train()
    trainer, images = on_device.trainer, pictures().test_images
    loaded = minivit.load(tmp_path / "device")
    assert type(loaded.params["patch"]["w"]) is np.ndarray
    x = normalise(to_device(images, xp), trainer.mean, trainer.std)
    want = to_host(trainer.model.predict(trainer.params, x))
    np.testing.assert_allclose(loaded.outputs(images, workers=1), want, rtol=1e-4, atol=1e-4)

    on_host = run_on(np, tmp_path / "host", workers)
    on_host.resume(on_device.directory.last)
    for name, value in on_host.trainer.arrays().items():
        np.testing.assert_array_equal(value, trainer.arrays()[name])
    assert on_host.trainer.step == trainer.step


@devices
@pytest.mark.parametrize("label", [-1, 3])
def test_N18_a_wrong_label_is_refused_before_a_gpu_sees_it(xp, tmp_path, workers, label):
    """CuPy itself would read or write the wrong number: there an index wraps around."""
    data = pictures()
    labels = data.train_labels.copy()
    labels[4] = label
    with pytest.raises(DataError, match=rf"label {label} at index 4; labels are 0 to 2"):
        run_on(xp, tmp_path / "run", workers, replace(data, train_labels=labels))
