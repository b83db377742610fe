"""The losses for numbers and for labels of yes or no: formulas by loops, PyTorch, refusals."""

import math

import numpy as np
import pytest
from cases import B, draw

from minivit import ConfigError, gradcheck
from minivit.arrays.backend import to_device, to_host
from minivit.gradcheck_cases.losses import LOSSES, loss_cases
from minivit.layers import SigmoidCrossEntropy, SquaredError
from minivit.layers.sigmoid_cross_entropy import sigmoid

KINDS = [(name, kind) for name in LOSSES if name != "CrossEntropy" for kind in loss_cases(name)]
every_kind = pytest.mark.parametrize(("name", "kind"), KINDS)
K = 3


def by_loop(name, outputs, targets):
    """The loss of each image and output, from the first line of its definition; their mean."""
    total = 0.0
    for row, wanted in zip(outputs.tolist(), targets.tolist(), strict=True):
        for x, t in zip(row, wanted, strict=True):
            if name == "SquaredError":
                total += (x - t) ** 2
            else:
                p = 1 / (1 + math.exp(-x))
                total -= t * math.log(p) + (1 - t) * math.log(1 - p)
    return total / outputs.size


@every_kind
def test_it_is_its_formula(xp, name, kind):
    loss, outputs, targets = loss_cases(name, xp)[kind]
    value, _ = loss.forward(outputs, targets)
    want = by_loop(name, to_host(outputs), to_host(targets))
    assert value.shape == () and float(value) == pytest.approx(want, rel=1e-12)


@every_kind
def test_its_gradient(xp, name, kind):
    loss, outputs, targets = loss_cases(name, xp)[kind]
    assert gradcheck.check_loss(loss, outputs, targets).error <= gradcheck.LAYER_TOLERANCE
    assert gradcheck.check_loss(loss, outputs, targets, 0.3).error <= gradcheck.LAYER_TOLERANCE


@every_kind
def test_micro_batches_add_up_to_the_batch(name, kind):
    loss, outputs, targets = loss_cases(name)[kind]
    whole = loss.backward(1.0, loss.forward(outputs, targets)[1])
    parts = []
    for part in (slice(0, 1), slice(1, B)):
        _, cache = loss.forward(outputs[part], targets[part])
        parts.append(loss.backward(len(outputs[part]) / B, cache))
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12)


def test_squared_errors_of_zeros_are_the_variance():
    targets = draw((1000, K), seed=3)
    targets = (targets - targets.mean(axis=0)) / targets.std(axis=0)
    assert float(SquaredError().forward(np.zeros((1000, K)), targets)[0]) == pytest.approx(1.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_1e4_are_exact(xp, dtype):
    logits = to_device(np.array([[1e4, -1e4, 0.0]], dtype), xp)
    with np.errstate(all="raise", under="ignore"):
        for target, want in (([1.0, 0.0, 1.0], math.log(2)), ([0.0, 1.0, 0.0], 2e4 + math.log(2))):
            loss, cache = SigmoidCrossEntropy().forward(logits, to_device(np.array([target]), xp))
            assert float(loss) == pytest.approx(want / 3, rel=1e-6)
            got = to_host(SigmoidCrossEntropy().backward(3.0, cache))
            np.testing.assert_allclose(got, np.array([[1.0, 0.0, 0.5]]) - target, atol=1e-12)


def test_sigmoid_is_its_formula_and_symmetric(xp):
    x = draw((5, K), xp)
    want = 1 / (1 + np.exp(-to_host(x)))
    np.testing.assert_allclose(to_host(sigmoid(x)), want, rtol=1e-12)
    np.testing.assert_allclose(to_host(sigmoid(x) + sigmoid(-x)), 1.0, rtol=1e-12)
    assert sigmoid(x.astype("float32")).dtype == "float32"


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        (np.zeros((B, K)), np.zeros((B, K + 1))),
        (np.zeros((B, K)), np.zeros(B)),
        (np.zeros((B, K)), np.zeros((B, K), int)),
        (np.zeros((B, K)), [[0.0] * K] * B),
        (np.zeros((0, K)), np.zeros((0, K))),
        (np.zeros(B), np.zeros(B)),
        (np.zeros((B, K), int), np.zeros((B, K))),
    ],
)
@pytest.mark.parametrize("loss", [SquaredError(), SigmoidCrossEntropy()], ids=repr)
def test_other_shapes_and_types_are_refused(loss, outputs, targets):
    with pytest.raises(ConfigError, match=r"outputs .*(floats|need as many)"):
        loss.forward(outputs, targets)


@every_kind
def test_pytorch_says_the_same(name, kind):
    torch = pytest.importorskip("torch", reason="PyTorch is the optional oracle")
    loss, outputs, targets = loss_cases(name)[kind]
    theirs = {"SquaredError": torch.nn.MSELoss, "SigmoidCrossEntropy": torch.nn.BCEWithLogitsLoss}
    x = torch.tensor(outputs, requires_grad=True)
    want = theirs[name]()(x, torch.tensor(targets))
    want.backward()
    value, cache = loss.forward(outputs, targets)
    assert float(value) == pytest.approx(float(want), rel=1e-12)
    np.testing.assert_allclose(loss.backward(1.0, cache), x.grad.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("loss", [SquaredError(), SigmoidCrossEntropy()], ids=repr)
def test_float64_targets_leave_float32_as_it_is(loss):
    value, cache = loss.forward(draw((B, K), dtype=np.float32), np.eye(B, K))
    assert value.dtype == loss.backward(1.0, cache).dtype == np.float32
