"""`gradcheck` of a layer of the user's own: what is right, what is wrong, and where."""

import re
import textwrap

import numpy as np
import pytest

from minivit.__main__ import main as minivit
from minivit.arrays.keys import Key
from minivit.checking.complex_step import complex_errors
from minivit.checking.kinks import check_with_kinks
from minivit.checking.own_layer import own_layer, parsed
from minivit.checking.point import point_of
from minivit.checking.properties import properties
from minivit.checking.sweep import STEPS, sweep, table
from minivit.commands.exits import run
from minivit.errors import ConfigError
from minivit.gradcheck import LAYER_TOLERANCE
from minivit.gradcheck_cases import layer_case
from minivit.layers import LayerNorm, Linear

SWISH = """
    from dataclasses import dataclass

    import numpy as np


    @dataclass(frozen=True)
    class Swish:
        beta: float = 1.0
        width: int = 3

        def init(self, rng):
            return {"shift": {"a": rng.standard_normal(self.width)}}

        def forward(self, params, x, key=None):
            s = 1 / (1 + np.exp(-self.beta * x))
            return x * s + params["shift"]["a"].sum(), (x, s)

        def backward(self, dy, cache):
            x, s = cache
            dx = dy * (s + self.beta * x * s * (1 - s))
            return dx, {"shift": {"a": np.full(self.width, dy.sum())}}
    """


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write Swish, with some code replaced, as mine.py in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def write(*changes):
        source = textwrap.dedent(SWISH).lstrip()
        for code, other in changes:
            assert source.count(code) == 1
            source = source.replace(code, other)
        (tmp_path / "mine.py").write_text(source, encoding="utf-8")

    return write


def gradcheck(capsys, *words, layer="mine.py:Swish"):
    """(exit status, stdout, stderr) of `minivit gradcheck --layer ... --input 2x4`."""
    status = run(minivit, ["gradcheck", "--layer", layer, "--input", "2x4", *words])
    return status, *capsys.readouterr()


def test_a_right_layer_passes_every_check(capsys, written):
    written()
    status, out, err = gradcheck(capsys, "--with", "beta=1.5", "width=2")
    lines = out.splitlines()
    assert (status, err) == (0, "")
    assert [line.split()[-1] for line in lines[1:3]] == ["ok", "ok"]
    assert lines[1].startswith("Swish ") and " 2 x 4 " in lines[1] and "shift.a" in lines[2]
    assert sum(line.startswith("ok     ") for line in lines) == 3
    (found,) = (line for line in lines if "complex step" in line)
    assert float(found.split("by ")[1].split()[0]) < 1e-14
    assert lines[-1].startswith("all 2 gradients right to 1e-07")
    assert max(map(len, lines)) <= 80


def test_a_module_and_a_layer_that_is_made_already(capsys, written, tmp_path):
    written()
    (tmp_path / "package").mkdir()
    text = (tmp_path / "mine.py").read_text(encoding="utf-8") + "\n\nready = Swish(2.0)\n"
    (tmp_path / "package" / "swish_of_test.py").write_text(text, encoding="utf-8")
    status, out, err = gradcheck(capsys, layer="package.swish_of_test:ready")
    assert (status, err) == (0, "") and "all 2 gradients right" in out
    _, out, err = gradcheck(capsys, "--with", "beta=1", layer="package.swish_of_test:ready")
    assert "made already" in err
    status, out, err = gradcheck(
        capsys, "--with", "d_in=4", "d_out=3", layer="minivit.layers:Linear"
    )
    assert (status, err) == (0, "") and "Linear" in out


def test_a_wrong_gradient_is_wrong_at_every_step(capsys, written):
    written(("x * s * (1 - s)", "x * s"))
    status, out, _ = gradcheck(capsys, "--sweep")
    assert status == 1 and "WRONG" in out and "1 of 2 gradients WRONG" in out
    assert "A wrong gradient stays wrong, whatever the step" in out
    assert max(map(len, out.splitlines())) <= 80


PROTOCOL = [
    (("return dx, {", "return {"), "Swish.backward must return two things, dx and a dict of grad"),
    (("return dx, {", "return dx[0], {"), "returned dx as float64 (4,); x has shape (2, 4)"),
    (('return dx, {"shift"', 'return dx, {"shaft"'), "returned no gradient 'shift.a'; the parame"),
    (("self.width, dy.sum()", "9, dy.sum()"), "the gradient 'shift.a' as float64 (9,); shift.a ha"),
    (("x, key=None", "x"), "takes (params, x); the protocol is forward(params, x, key=None)"),
    (("def backward(self, dy, cache)", "def back(self, dy, cache)"), "Swish has no method backwar"),
    (("def init(self, rng)", "def init(self)"), "takes (); the protocol is init(rng)"),
    (("rng.standard_normal(self.width)", "3"), "parameter shift.a must be an array of floats; got"),
    (('return {"shift": {"a": rng', 'return ({"a": rng'), "mine.py, line"),
    (("return x * s + ", "return 2 or s + "), "must return y, an array of floats, first; got"),
    (("+ params", "* np.nothing + params"), "module 'numpy' has no attribute 'nothing'"),
]


@pytest.mark.parametrize(("change", "words"), PROTOCOL)
def test_a_layer_that_breaks_the_protocol_is_told_how(capsys, written, change, words):
    written(change)
    status, _, err = gradcheck(capsys)
    assert status == 1 and words in err
    assert err.startswith("error: ") and "Traceback" not in err and err.count("\n") <= 2


PROMISES = [
    (("x * s + ", "x * s * np.random.rand() + "), "same bits: y had other bits the second time"),
    (("x, s = cache", "x, s = cache; dy *= 1"), "not written on: mine.py, line 19, in backward"),
    (("s = 1 / ", "x += 0; s = 1 / "), "not written on: mine.py, line 15, in forward"),
    (("self.width, dy.sum())", "self.width, float(dy.sum()))"), "of shift.a became float64"),
    (("x * s + ", "x * s * np.float64(1) + "), "float32 stays float32: y"),
]


@pytest.mark.parametrize(("change", "words"), PROMISES)
def test_a_broken_promise_is_named(capsys, written, change, words):
    written(change)
    status, out, _ = gradcheck(capsys)
    assert status == 1 and words in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("name", ["Linear", "LayerNorm", "TransformerBlock", "Dropout"])
def test_minivits_own_layers_keep_all_promises(name):
    layer, x, params = layer_case(name)
    assert not any(properties(layer, x, params).values())


class Relu:
    """max(x, 0), with slope 0 at 0; two kinks more at 1."""

    def forward(self, params, x, key=None):
        return np.maximum(x, 0.0) + np.abs(x - 1.0), x

    def backward(self, dy, cache):
        return dy * ((cache > 0) + np.sign(cache - 1.0)), {}


def test_elements_near_a_kink_are_found_and_left_out():
    x = np.array([[0.5, 3e-6, -0.4], [0.0, 2.0, 1.0 - 2e-7]])
    checks, kinks = check_with_kinks(point_of(Relu(), x.copy(), {}))
    assert [kink.index for kink in kinks] == [(0, 1), (1, 0), (1, 2)]
    assert all(kink.leaf == "x" and abs(kink.left - kink.right) > 0.01 for kink in kinks)
    assert checks[0].error < 1e-9


def test_without_kinks_every_element_counts():
    """A wrong gradient, and a function that bends strongly, are not taken for kinks."""

    class Wrong(Relu):
        def backward(self, dy, cache):
            dx, grads = super().backward(dy, cache)
            return dx * 1.001, grads

    x = np.array([[0.5, 2.0, -0.4]])
    checks, kinks = check_with_kinks(point_of(Wrong(), x, {}))
    assert kinks == [] and checks[0].error > 1e-4

    class Sharp(Relu):
        def forward(self, params, x, key=None):
            return np.sin(300 * x), x

        def backward(self, dy, cache):
            return dy * 300 * np.cos(300 * cache), {}

    assert check_with_kinks(point_of(Sharp(), x, {}))[1] == []


def test_a_leaf_that_is_all_kinks_is_not_right():
    """A function of noise has no slope at all."""
    checks, kinks = check_with_kinks(point_of(Relu(), np.zeros((2, 3)), {}))
    assert len(kinks) == 6 and checks[0].error > 0.1


def test_a_kink_is_printed(capsys, written):
    at = float(np.random.default_rng(0).standard_normal((2, 4))[1, 2])
    slope = f"np.sign(x - {at!r})"
    written(
        ("return x * s + ", f"return abs(x - {at!r}) + "),
        ("s + self.beta * x * s * (1 - s)", slope),
    )
    status, out, _ = gradcheck(capsys)
    assert status == 0 and re.search(r"kink   x at 1, 2: slope .*, left out", out)
    assert "another --seed" in out and "complex step: not used, because forward" in out


@pytest.mark.parametrize("name", ["Linear", "LayerNorm", "Attention", "TransformerBlock", "Gelu"])
def test_complex_steps_are_exact_for_analytic_layers(name):
    layer, x, params = layer_case(name)
    assert max(complex_errors(point_of(layer, x, params, None)).values()) < 1e-14


def test_complex_steps_see_a_small_mistake():
    class Careless(LayerNorm):
        def backward(self, dy, cache):
            dx, grads = super().backward(dy, cache)
            return dx * (1 + 1e-11), grads

    _, x, params = layer_case("LayerNorm")
    errors = complex_errors(point_of(Careless(6), x, params))
    assert 5e-12 < errors["x"] < 2e-11 and errors["gamma"] < 1e-14


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (lambda x: np.abs(x), "forward drops the imaginary part"),
        (lambda x: x.astype(float), "forward takes no complex numbers (ComplexWarning)"),
        (lambda x: np.floor(x), "forward takes no complex numbers (TypeError)"),
        (lambda x: x * (2 if x.dtype == complex else 1), "forward returns something else"),
    ],
)
def test_a_forward_that_takes_no_complex_numbers_is_said_so(forward, words):
    class Layer(Relu):
        def forward(self, params, x, key=None):
            return forward(x), x

    found = complex_errors(point_of(Layer(), np.random.default_rng(0).standard_normal((2, 3)), {}))
    assert isinstance(found, str) and found.startswith(words)


def test_the_sweep_is_a_v_with_its_tip_at_the_checkers_step():
    layer, x, params = layer_case("LayerNorm")
    before = x.copy()
    swept = sweep(point_of(layer, x, params, Key(0)))
    assert [each.step for each in swept] == list(STEPS) and np.array_equal(x, before)
    errors = [each.worst.error for each in swept]
    assert min(errors) < 1e-9 and 1e-6 <= STEPS[errors.index(min(errors))] <= 1e-4
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.05)  # h^2
    assert errors[-1] > 1e4 * LAYER_TOLERANCE / 1e3
    text = table(swept)
    assert max(map(len, text.splitlines())) <= 80 and text.count("smallest") == 1


def test_the_sweep_of_a_layer_of_minivit_as_a_figure(capsys, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    assert run(minivit, ["gradcheck", "--layer", "linear", "--figure", "v.png"]) == 0
    out = capsys.readouterr().out
    assert "1e-05" in out and out.splitlines()[-1] == "v.png"
    assert (tmp_path / "v.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "photo.png").write_bytes(b"mine")
    assert run(minivit, ["gradcheck", "--layer", "linear", "--figure", "photo.png"]) == 1
    assert (tmp_path / "photo.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--layer", "mine.py:Swish"], "--input is missing"),
        (["--layer", "mine.py:Swosh", "--input", "2"], "did you mean 'Swish'?"),
        (["--layer", "none.py:Swish", "--input", "2"], "none.py: there is no such file"),
        (["--layer", "nothing.here:Swish", "--input", "2"], "there is no module 'nothing' here"),
        (["--layer", "mine.py:Swish", "--input", "2", "--with", "b"], "--with takes NAME=VALUE"),
        (["--layer", "mine.py:Swish", "--input", "2", "--with", "b=1"], "as in --with dim=6"),
        (["--layer", "mine.py:Swish", "--input", "2xtwo"], "must be sizes such as 2x5x6"),
        (["--layer", "mine.py:Swish", "--input", "999x999"], "has 998,001 numbers"),
        (
            "--layer minivit.layers:Linear --input 2x300 --with d_in=300 d_out=300".split(),
            "the layer has 90,300 parameters",
        ),
        (["--layer", "Linear", "--input", "2"], "are for a layer of your own"),
        (["--layer", "ViT", "--sweep"], "--sweep and --figure are of one layer"),
        (["--sweep"], "--sweep and --figure are of one layer"),
        (["--layer", "Linear", "--figure", "v.txt"], "name a file that ends in .png, .svg, .pdf"),
    ],
)
def test_bad_input_is_one_sentence(capsys, written, words, sentence):
    written()
    status = run(minivit, ["gradcheck", *words])
    out, err = capsys.readouterr()
    assert status in (1, 2) and sentence in err and err.count("\n") == 1 and "WRONG" not in out


def test_arguments_are_python_values_or_text():
    given = ["dim=6", "rate=0.5", "gelu=tanh", "sizes=(1, 2)", "on=True", "name='a b'"]
    values = {"dim": 6, "rate": 0.5, "gelu": "tanh", "sizes": (1, 2), "on": True, "name": "a b"}
    assert parsed(given) == values
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        parsed(["6"])


def test_a_layer_is_found_beside_its_own_modules(tmp_path, monkeypatch):
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "help_of_test.py").write_text("from minivit.layers import Linear\n")
    (tmp_path / "layers" / "mine.py").write_text("from help_of_test import Linear\n")
    monkeypatch.chdir(tmp_path)
    found = own_layer("layers/mine.py:Linear", ["d_in=3", "d_out=4"])
    assert found.layer == Linear(3, 4)
