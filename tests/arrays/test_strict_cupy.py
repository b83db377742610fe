"""The stand-in for CuPy refuses all that CuPy refuses, and a layer runs on it."""

import math

import numpy as np
import pytest
import strict_cupy as cp
from cupy_names import METHODS, MISSING

from minivit.arrays.backend import array_module, special, to_device, to_host

HOST = np.arange(6, dtype=np.float32).reshape(2, 3)
LABELS = np.array([2, 0])


@pytest.fixture
def x():
    """A device array (2, 3) of float32; the lists of waits and uploads are empty."""
    array = cp.asarray(HOST)
    cp.reset()
    return array


def refused(error, *words):
    return pytest.raises(error, match=".*".join(words))


def test_backend_takes_it_for_a_library(x):
    assert array_module(x) is cp and array_module(x.sum()) is cp
    assert cp.__name__ == "strict_cupy" and not isinstance(x, np.ndarray)
    assert type(to_host(x)) is np.ndarray and type(to_device(HOST, cp)) is cp.ndarray
    for dtype in (np.float32, np.float64):
        y = special(x).erf(cp.asarray([[-1.0, 0.5]], dtype=dtype))
        assert y.dtype == dtype
        assert np.allclose(y.get(), [[math.erf(-1), math.erf(0.5)]])


def test_uploading_copies():
    host = HOST.copy()
    x, y = cp.asarray(host), cp.array(host, dtype=np.float64)
    host[:] = -1
    assert (x.get() == HOST).all() and (y.get() == HOST).all() and y.dtype == np.float64
    assert cp.asarray(x) is x and cp.asarray(x, dtype=np.float32) is x
    assert not cp.shares_memory(cp.array(x), x)


@pytest.mark.parametrize(
    "act",
    [
        lambda x: np.asarray(x),
        lambda x: np.array([x]),
        lambda x: np.concatenate([x, HOST]),
        lambda x: np.add.reduce(x),
        lambda x: np.add.at(x, 0, 1.0),
        lambda x: np.vecdot(x, x),
        lambda x: np.exp(x, out=HOST.copy()),
        lambda x: x + HOST,
        lambda x: HOST + x,
        lambda x: HOST @ x.T,
        lambda x: x == HOST,
        lambda x: x.__iadd__(HOST),
        lambda x: HOST.copy().__iadd__(x),
        lambda x: HOST.copy().__setitem__(0, x[0]),
        lambda x: cp.maximum(x, HOST),
        lambda x: cp.exp(HOST),
        lambda x: cp.sum(HOST),
        lambda x: cp.exp(x, out=HOST.copy()),
        lambda x: cp.matmul(x, x.T, out=np.zeros((2, 2), np.float32)),
        lambda x: cp.stack([x, HOST]),
        lambda x: cp.take(x, LABELS, axis=1),
        lambda x: x.take(LABELS, axis=1),
        lambda x: x.dot(HOST.T),
        lambda x: cp.full((2,), HOST[0, :2]),
        lambda x: x[LABELS],
        lambda x: x[:, LABELS],
        lambda x: x.__setitem__(LABELS, 1.0),
        lambda x: x.__setitem__(..., HOST),
        lambda x: x.fill(HOST),
        lambda x: cp.add.at(x, LABELS, 1.0),
    ],
)
def test_host_arrays_are_refused(x, act):
    with pytest.raises(TypeError):
        act(x)
    assert not cp.uploads and (x.get() == HOST).all()


@pytest.mark.parametrize(
    "act",
    [
        lambda x: cp.exp([1.0, 2.0]),
        lambda x: x * [1.0, 2.0, 3.0],
        lambda x: cp.where(x > 0, x, [1.0, 2.0, 3.0]),
        lambda x: cp.sum([1, 2]),
        lambda x: cp.concatenate([[1.0], [2.0]]),
        lambda x: x[[0, 1]],
        lambda x: x[:, (0, 1)],
        lambda x: x.__setitem__(0, [1.0, 2.0, 3.0]),
    ],
)
def test_lists_are_refused(x, act):
    with pytest.raises(TypeError):
        act(x)


@pytest.mark.parametrize(
    ("act", "keyword"),
    [
        (lambda x: cp.add(x, x, where=x > 0), "where"),
        (lambda x: np.add(x, x, where=True), "where"),
        (lambda x: cp.add(x, x, order="F"), "order"),
        (lambda x: cp.sum(x, where=x > 0), "where"),
        (lambda x: x.sum(initial=1.0), "initial"),
        (lambda x: x.max(initial=1.0), "initial"),
        (lambda x: cp.zeros(3, device="cpu"), "device"),
        (lambda x: cp.arange(3, device="cpu"), "device"),
        (lambda x: cp.asarray(x, device="cpu"), "device"),
        (lambda x: cp.take(x, 0, mode="clip"), "mode"),
        (lambda x: x.take(0, mode="clip"), "mode"),
        (lambda x: cp.einsum("ij->i", x, out=x[:, 0]), "out"),
        (lambda x: cp.clip(x, min=0, max=1), "min"),
    ],
)
def test_keywords_that_cupy_lacks(x, act, keyword):
    with refused(TypeError, keyword):
        act(x)


def test_names_that_cupy_lacks(x):
    for name in "errstate einsum_path vecdot matvec block unstack memmap nditer frompyfunc".split():
        assert name in MISSING["numpy"]
    homes = {"numpy": cp, "numpy.linalg": cp.linalg, "numpy.random": cp.random, "ndarray": x}
    for space, home in homes.items():
        for name in MISSING[space]:
            with pytest.raises(AttributeError):
                getattr(home, name)
    for name in ("normal", "permutation", "shuffle", "choice", "spawn", "bit_generator"):
        with refused(AttributeError, name):
            getattr(cp.random.default_rng(0), name)
    for name in ("__array_interface__", "__array_struct__", "__contains__", "__index__"):
        assert not hasattr(x, name)
    with pytest.raises(AttributeError):
        x.flags.writeable  # noqa: B018
    for name in ("ma", "testing", "cuda", "no_such_name"):
        with pytest.raises(AttributeError):
            getattr(cp, name)
    with pytest.raises(ValueError, match="Unsupported dtype object"):
        cp.zeros(3, dtype=object)


def test_methods_of_ufuncs_that_cupy_lacks(x):
    for method in METHODS:
        with refused(NotImplementedError, method):
            getattr(cp.exp, method)
    assert (cp.add.reduce(x).get() == HOST.sum(axis=0)).all()
    cp.add.at(x, cp.asarray([0, 0]), 1.0)
    assert (x[0].get() == HOST[0] + 2).all()


def test_an_index_that_cupy_would_wrap_or_leave_undefined(x):
    too_far, twice = cp.asarray([0, 2]), cp.asarray([1, 1])
    for act in (
        lambda: x[too_far],
        lambda: cp.take(x, too_far, axis=0),
        lambda: x.take(too_far, axis=0),
        lambda: cp.take_along_axis(x, too_far[:, None] + 1, axis=1),
        lambda: x.__setitem__(too_far, 1.0),
        lambda: cp.add.at(x, too_far, 1.0),
    ):
        with refused(IndexError, "CuPy would wrap"):
            act()
    with refused(IndexError, "repeated index"):
        x[twice] = cp.zeros((2, 3))
    x[twice] = 7.0  # one value: no matter which comes last
    x[cp.asarray([0]), cp.asarray([-1])] = cp.zeros(1)
    assert x.get().tolist() == [[0, 1, 0], [7, 7, 7]]


@pytest.mark.parametrize(
    "act",
    [
        lambda x: float(x.sum()),
        lambda x: int(x.sum()),
        lambda x: bool(x.any()),
        lambda x: x.max().item(),
        lambda x: x.tolist(),
        lambda x: x.get(),
        lambda x: cp.asnumpy(x),
        lambda x: repr(x),
        lambda x: str(x),
        lambda x: f"{x.sum():.2f}",
        lambda x: x[x > 1],
        lambda x: x.__setitem__(x > 1, 0.0),
        lambda x: cp.nonzero(x),
        lambda x: x.nonzero(),
        lambda x: cp.where(x > 1),
        lambda x: cp.unique(x),
        lambda x: cp.bincount(x.astype(int)[0]),
        lambda x: 1 if x.sum() > 3 else 0,
        lambda x: np.unique(x),
    ],
)
def test_every_wait_for_the_device_is_counted(x, act):
    act(x)
    assert len(cp.syncs) == 1 and not cp.uploads


def test_uploads_are_counted_apart(x):
    cp.asarray(HOST), cp.array([1, 2]), cp.asanyarray(HOST)
    x.set(HOST + 1)
    assert len(cp.uploads) == 4 and not cp.syncs
    cp.asarray(x), cp.zeros(3), cp.array([x, x]), cp.full((2, 3), 1.5)
    assert len(cp.uploads) == 4


def test_answers_are_cupys(x):
    for scalar in (x.sum(), x.max(), x.mean(), x.argmax(), cp.sqrt(2.0), cp.array_equal(x, x)):
        assert type(scalar) is cp.ndarray and scalar.shape == ()
    assert (x * np.float64(2)).dtype == np.float64 and (x * 2.0).dtype == np.float32
    assert (np.float32(2) * x).dtype == np.float32 and type(np.exp(x)) is cp.ndarray
    assert (x.T + x.T).flags.c_contiguous and not x.T.flags.c_contiguous
    first = x[0][1]  # CuPy's scalars are views
    first += 10.0
    assert x.get()[0, 1] == 11
    out = cp.empty((2, 3), dtype=np.float32)
    assert cp.exp(x, out=out) is out and np.exp(x, out=out) is out
    before = x
    x *= 2.0
    assert x is before and len(list(x)) == 2
    x @= cp.zeros((3, 3), dtype=np.float32)
    assert x is not before
    assert np.shares_memory(before, before[0]) and cp.may_share_memory(before, before.T)
    assert float(cp.linalg.norm(before)) == float(np.linalg.norm(before.get()))
    windows = cp.lib.stride_tricks.sliding_window_view(before, 2, axis=1)
    assert windows.shape == (2, 2, 2) and cp.shares_memory(windows, before)
    assert cp.random.default_rng(0).standard_normal((2,), dtype=cp.float32).dtype == np.float32


def a_layer(xp, x, w, gamma, labels):
    """Linear, layer norm, GELU in place and softmax with labels: the operations of layers."""
    y = x.reshape(-1, x.shape[-1]) @ w
    y -= y.mean(axis=-1, keepdims=True)
    y *= 1.0 / xp.sqrt((y * y).mean(axis=-1, keepdims=True) + 1e-6)
    y *= gamma
    t = y * y
    t *= 0.044715
    t += 1.0
    t *= y
    t *= math.sqrt(2 / math.pi)
    xp.tanh(t, out=t)
    t += 1.0
    y *= t
    heads = y.reshape(*x.shape[:-1], 2, -1).transpose(0, 2, 1, 3)
    scores = heads @ heads.swapaxes(-1, -2)
    scores -= scores.max(axis=-1, keepdims=True)
    xp.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    out = xp.empty((*x.shape[:2], y.shape[-1]), dtype=x.dtype)
    xp.matmul(scores, heads, out=out.reshape(*x.shape[:2], 2, -1).transpose(0, 2, 1, 3))
    one_hot = labels[:, None] == xp.arange(out.shape[-1])
    picked = xp.where(one_hot, out[:, 0], 0.0).sum()
    moved = xp.concatenate([out[:, 1:], out[:, :1]], axis=1)
    return picked + xp.einsum("btd,btd->", moved, out) / out.size, out


def test_a_layer_runs_and_never_waits(xp, syncs, uploads):
    rng = np.random.default_rng(0)
    shapes = ((2, 5, 6), (6, 8), (8,))
    hosts = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    expected = a_layer(np, *hosts, LABELS)
    devices = [to_device(host, xp) for host in (*hosts, LABELS)]
    uploads.clear()
    total, out = a_layer(xp, *devices)
    assert syncs == [] and uploads == []
    assert array_module(out) is xp and out.dtype == total.dtype == np.float32
    assert np.allclose(to_host(out), expected[1], atol=1e-5)
    assert np.allclose(to_host(total), expected[0], rtol=1e-4)
