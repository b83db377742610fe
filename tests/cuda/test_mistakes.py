"""Mistakes planted in the kernels, one at a time: the comparison with the plain layers finds each.

As tests/layers/test_mutations.py does it for Python: a test that never fails proves nothing.
"""

import dataclasses
import sys
import types

import numpy as np
import pytest
from cases import KEY, draw, redrawn
from cuda_emulator import compiled, install, needs_compiler
from test_fused_layers import agree, pairs, there_and_back

from minivit.cuda import kernels
from minivit.cuda.fast import fused_layer

MISTAKES = [
    ("layernorm", "+ T(eps)", ""),
    ("layernorm", "held[i] += other[i] * scale;", "held[i] += other[i];"),
    ("layernorm", "row < rows; row += gridDim.x * 8LL", "row < rows; row += 8LL"),
    ("layernorm", "j < 8; j++) total += parts[warp]", "j < 7; j++) total += parts[warp]"),
    ("layernorm", "- xhat[i] * mean_dxhat_xhat", ""),
    ("gelu", "T(3 * 0.044715)", "T(0.044715)"),
    ("gelu", "sum += dx;\n    }\n  }", "sum += g[i];\n    }\n  }"),
    ("attention", "bias ? bias[d + n] : T(0)", "T(0)"),
    ("attention", "p[i * S::SCORES + j] *= dp - mean_dp[i];", "p[i * S::SCORES + j] *= dp;"),
    ("attention", "for (int n = 0; n < 4; n++) value.v[n] *= T(scale);", ""),
    ("attention", "= top + log(sum);", "= log(sum);"),
    ("sums", "for (; row < stop; row += 8) sum[0]", "for (; row < stop - 8; row += 8) sum[0]"),
    ("sums", "keep ? c * keep[row / tokens] : c", "keep ? c * keep[row % tokens] : c"),
]

IN_PYTHON = [  # file, code, what is there instead, the layers of `pairs` that notice it
    ("convolution", 'y += params["b"]', "pass", "convolution"),
    ("convolution", '"b": column_sums(dy)', '"b": column_sums(dy[:1])', "convolution"),
    ("convolution", "before : before + height", "0:height", "convolution without a bias"),
    ("convolution", "if self.bias else", "if True else", "convolution without a bias"),
    ("positions", "x + multiply", "2 * x + multiply", "resampled positions"),
    ("positions", "dy.sum(axis=0)", "dy.mean(axis=0)", "resampled positions"),
    ("draws", "self.tokens(key, b, t)", "self.tokens(key, b, t) // 2", "patch dropout"),
    ("linear", 'y += params["b"]', "pass", "Linear"),
]


@needs_compiler
@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistake_is_found(number, monkeypatch, tmp_path, ready):
    file, code, broken = MISTAKES[number]
    source = kernels.source(file)
    assert source.count(code) == 1, f"{file}.cu has {code!r} not once any more"
    monkeypatch.setattr(kernels, "source", lambda _: source.replace(code, broken))
    own = [key for key in ready if key[0] == file and "double" in key[1]]
    install(monkeypatch, tmp_path, {**ready, **compiled(own, tmp_path)})
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        for name in ("block with drop path", "LayerNorm of rows"):
            plain, shape = pairs[name]
            params, x = redrawn(plain), draw(shape)
            want = there_and_back(plain, params, x, np, KEY, np.float64)
            agree(there_and_back(fused_layer(plain), params, x, np, KEY, np.float64), want, 1e-12)


@needs_compiler
@pytest.mark.parametrize("number", range(len(IN_PYTHON)))
def test_mistake_in_python_is_found(number, monkeypatch, tmp_path, ready):
    file, code, broken, name = IN_PYTHON[number]
    install(monkeypatch, tmp_path, ready)
    plain, shape = pairs[name]
    fused = fused_layer(plain)
    source = (kernels.HERE / f"{file}.py").read_text(encoding="utf-8")
    assert source.count(code) == 1, f"{file}.py has {code!r} not once any more"
    module = types.ModuleType(f"minivit.cuda.{file}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(source.replace(code, broken), vars(module))
    kind = getattr(module, type(fused).__name__)
    wrong = kind(**{f.name: getattr(fused, f.name) for f in dataclasses.fields(fused)})
    params, x = redrawn(plain), draw(shape)
    want = there_and_back(plain, params, x, np, KEY, np.float64)
    with pytest.raises(AssertionError):
        agree(there_and_back(wrong, params, x, np, KEY, np.float64), want, 1e-12)
